//! Real programs talk through the monitored link: nginx and curl, PostgreSQL and psql, iperf3. What the daemon says of it is what was sent,
//! and what a replay of tcpdump's capture says. Needs root for network namespaces; what is not installed is left out, and said.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;
mod netns;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;

use netns::{CN, DE, Net, SSN, Started, essence, of_type, succeeds};
use serde_json::Value;

/// nginx, in the rest of the world.
fn nginx(net: &Net, servers: &mut Started) -> bool {
    if !succeeds("nginx -v") {
        eprintln!("LEFT OUT: nginx is not installed");
        return false;
    }
    let dir = net.dir.path().display();
    let config = format!(
        "daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx.log; events {{}}\n\
http {{ access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; \
scgi_temp_path {dir}/s; server {{ listen 8081; location / {{ return 200 'ok'; }} }} }}\n"
    );
    fs::write(net.path("nginx.conf"), config).expect("written");
    let path = net.path("nginx.conf");
    let child = net.within(&net.there, "nginx").args(["-c", path.to_str().expect("UTF-8")]).spawn();
    servers.0.push(child.expect("nginx"));
    net.until("nginx answers", || net.curl(&["-m", "1", &format!("http://{CN}:8081/")]).is_some());
    true
}

/// PostgreSQL, which does not run as root.
fn postgres(net: &Net, servers: &mut Started) -> bool {
    let found: Option<PathBuf> = fs::read_dir("/usr/lib/postgresql").ok().and_then(|versions| {
        versions.flatten().map(|version| version.path().join("bin")).find(|bin| bin.join("postgres").exists())
    });
    let (Some(bin), true) = (found, succeeds("psql --version")) else {
        eprintln!("LEFT OUT: PostgreSQL is not installed");
        return false;
    };
    fs::set_permissions(net.dir.path(), fs::Permissions::from_mode(0o755)).expect("set");
    let data = net.path("pg");
    fs::create_dir(&data).expect("made");
    assert!(succeeds(&format!("chown postgres {}", data.display())));
    let (bin, data) = (bin.display(), data.display());
    assert!(succeeds(&format!("runuser -u postgres -- {bin}/initdb -D {data}/data -U alex --auth=trust --no-sync")));
    fs::write(net.path("pg/data/pg_hba.conf"), "host all all 0.0.0.0/0 trust\n").expect("written");
    // setpriv becomes the program: signals reach it.
    let mut server = net.within(&net.there, "setpriv");
    server.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", &format!("{bin}/postgres")]);
    server.args(["-D", &format!("{data}/data")]);
    server.args(["-c", "listen_addresses=*", "-c", "unix_socket_directories=", "-c", "fsync=off"]);
    servers.0.push(server.spawn().expect("postgres"));
    net.until("PostgreSQL answers", || psql(net, "SELECT 1"));
    true
}

fn psql(net: &Net, statement: &str) -> bool {
    let mut client = net.within(&net.here, "psql");
    client.env("PGSSLMODE", "disable").env("PGCONNECT_TIMEOUT", "2").stdout(Stdio::null());
    client.args(["-h", DE, "-U", "alex", "-d", "postgres", "-c", statement]).status().is_ok_and(|s| s.success())
}

#[test]
fn what_real_programs_send_is_what_is_told_live_and_replayed() {
    let Some(net) = Net::new() else { return };
    let mut servers = Started::default();
    let (has_nginx, has_postgres) = (nginx(&net, &mut servers), postgres(&net, &mut servers));
    let has_iperf = succeeds("iperf3 --version");
    if has_iperf {
        servers
            .0
            .push(net.within(&net.there, "iperf3").args(["-s", "-1"]).stdout(Stdio::null()).spawn().expect("iperf3"));
    } else {
        eprintln!("LEFT OUT: iperf3 is not installed");
    }

    let daemon = net.daemon(&["--threads", "2"]);
    let mut tcpdump = net
        .within(&net.here, "tcpdump")
        .args(["-i", "mon0", "-s", "0", "-B", "65536", "-U", "-w", "clients.pcap"])
        .spawn()
        .expect("tcpdump");
    net.until("tcpdump writes", || fs::metadata(net.path("clients.pcap")).is_ok_and(|file| file.len() >= 24));
    if has_nginx {
        let url = format!("http://{CN}:8081/people");
        assert!(net.curl(&["-H", "content-type: application/json", "-d", SSN, &url]).is_some());
    }
    if has_postgres {
        assert!(psql(&net, "CREATE TABLE people (name text, ssn text)"));
        assert!(psql(&net, "INSERT INTO people (name, ssn) VALUES ('A. Person', '536-22-8726')"));
    }
    if has_iperf {
        let client = || net.within(&net.here, "iperf3").args(["-c", DE, "-n", "3M", "-R"]).output();
        net.until("iperf3 has sent", || client().is_ok_and(|out| out.status.success()));
    }
    let wanted = usize::from(has_nginx) + usize::from(has_postgres);
    net.until("all is counted", || daemon.metric("borderpost_violations_total") >= wanted as f64);
    assert_eq!(daemon.metric("borderpost_capture_dropped_packets_total"), 0.0);
    let live = daemon.stop();
    assert!(succeeds(&format!("kill -INT {}", tcpdump.id())) && tcpdump.wait().expect("ended").success());

    let (events, broken) = net.events();
    assert_eq!(broken, 0);
    let violations = of_type(&events, "violation");
    let spoke = |protocol: &str, address: &str, port: u64| {
        violations
            .iter()
            .any(|event| event["app_proto"] == protocol && event["dest_ip"] == address && event["dest_port"] == port)
    };
    assert_eq!(violations.len(), wanted, "{violations:?}");
    assert!(!has_nginx || spoke("http", CN, 8081), "{violations:?}");
    assert!(!has_postgres || spoke("postgresql", DE, 5432), "{violations:?}");
    if has_iperf {
        let data = of_type(&events, "flow").into_iter().filter(|flow| flow["dest_port"] == 5201);
        let received: u64 = data.map(|flow| flow["bytes_in"].as_u64().expect("a number")).sum();
        assert!(received > 3 << 20, "{received}");
    }

    let (config, capture) = (net.path("c.toml"), net.path("clients.pcap"));
    let out =
        common::run(["replay".as_ref(), "--json".as_ref(), "-c".as_ref(), config.as_os_str(), capture.as_os_str()]);
    let replayed: Value = serde_json::from_slice(&out.stdout).expect("a summary");
    assert_eq!(essence(&live), essence(&replayed));
}
