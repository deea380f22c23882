//! Which process sent it: two network namespaces, short-lived clients and a server, and what events say of them. Needs root for the
//! namespaces; says so where it must skip. The figure of docs/daemon.md comes from here: run with `--nocapture`.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;
mod netns;

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::chown;
use std::process::Stdio;

use netns::{CN, CONFIG, LOCAL, Net, SERVER, Started, of_type};
use serde_json::Value;

/// Short-lived processes: how many, and how many must be caught at least.
const SHORT: usize = 100;
const CAUGHT_MIN: usize = 50;

#[test]
fn events_tell_the_process_even_of_short_lived_ones() {
    let Some(net) = Net::new() else { return };
    let mut started = Started::default();
    // Inbound: a server on the monitored host, asked from afar.
    let server_here = net.python(&net.here, SERVER, &[]);
    let server_here_pid = server_here.id();
    started.0.push(server_here);
    let (abroad, at_home) = (format!("http://{CN}:8080/"), format!("http://{LOCAL}:8080/"));
    let ask_at_home = || {
        let mut curl = net.within(&net.there, "curl");
        curl.args(["-s", "-m", "1", &at_home]).stdout(Stdio::null()).status().expect("curl").success()
    };
    net.until("the server at home answers", ask_at_home);
    fs::write(net.path("c.toml"), format!("processes = true\n{CONFIG}")).expect("written");
    chown(net.dir.path(), Some(65534), None).expect("owned");
    let daemon = net.daemon(&["--user", "65534:65534"]);

    let mut short: Vec<u32> = Vec::new();
    for _ in 0..SHORT {
        let mut curl = net.within(&net.here, "curl");
        let mut curl = curl.args(["-s", &abroad]).stdout(Stdio::null()).spawn().expect("curl");
        short.push(curl.id());
        assert!(curl.wait().expect("ended").success());
    }
    assert!(ask_at_home());
    // One that lasts: a connection that stays open, of another user.
    let sleeper = "import encodings.idna, os, socket, time\nos.setuid(65533)\ns = socket.create_connection(('203.0.113.7', 8080))\nprint('open', flush=True)\ntime.sleep(60)";
    let mut held = net.within(&net.here, "python3");
    let mut held = held.args(["-c", sleeper]).stdout(Stdio::piped()).spawn().expect("python3");
    let mut said = [0; 4];
    held.stdout.take().expect("piped").read_exact(&mut said).expect("a connection");
    let held_pid = held.id();
    started.0.push(held);
    // Of every connection it was seen to the process, or that it has gone.
    net.until("processes were looked for", || {
        let status: Value = serde_json::from_str(&daemon.get("/api/v1/status").expect("a status")).expect("JSON");
        let tally = |name: &str| status["processes"][name].as_u64();
        tally("openings") >= Some(SHORT as u64 + 2) && tally("waiting") == Some(0)
    });
    daemon.stop();

    let (events, broken) = net.events();
    assert_eq!(broken, 0);
    let schema = common::validator("event.json");
    for event in &events {
        assert!(schema.is_valid(event), "{event}");
    }
    let flows = of_type(&events, "flow");
    let outbound: Vec<&&Value> = flows.iter().filter(|flow| flow["dest_port"] == 8080).collect();
    assert_eq!(outbound.len(), SHORT + 1, "one flow for each client");
    let caught = outbound
        .iter()
        .filter(|flow| {
            let process = &flow["process"];
            process["exe"].as_str().is_some_and(|exe| exe.ends_with("/curl"))
                && process["match"] == "connection"
                && process["pid"].as_u64().is_some_and(|pid| short.contains(&(pid as u32)))
                && process["user"] == "root"
        })
        .count();
    let gone = outbound.iter().filter(|flow| flow["process"]["match"] == "gone").count();
    println!("short-lived processes: {caught} of {SHORT} named, {gone} with their user alone");
    assert!(caught >= CAUGHT_MIN, "{caught} of {SHORT}; {:?}", outbound.first());
    let wrong = outbound
        .iter()
        .filter(|flow| {
            flow["process"]["pid"].as_u64().is_some_and(|pid| !short.contains(&(pid as u32)) && pid as u32 != held_pid)
        })
        .count();
    assert_eq!(wrong, 0, "a process that did not send it is named");
    let held: Vec<_> = outbound.iter().filter(|flow| flow["process"]["pid"] == held_pid).collect();
    let unnamed =
        outbound.iter().filter(|flow| flow["process"]["pid"].is_null()).map(|flow| flow["process"].to_string());
    assert_eq!(held.len(), 1, "{held_pid}: {:?}", unnamed.collect::<Vec<_>>());
    assert_eq!(held[0]["process"]["uid"], 65533);
    let inbound: Vec<&&Value> = flows.iter().filter(|flow| flow["src_port"] == 8080).collect();
    assert_eq!(inbound.len(), 1, "{flows:?}");
    assert_eq!(inbound[0]["process"]["pid"], server_here_pid, "{}", inbound[0]);
}
