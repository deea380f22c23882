//! The daemon on a real link: two network namespaces joined by a veth pair, real clients and servers, addresses that an override puts
//! into chosen countries. Needs root for the namespaces; says so where it must skip.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;
mod netns;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use netns::{CLIENT, CN, CONFIG, DE, Net, SSN, essence, of_type, succeeds};
use serde_json::Value;

#[test]
fn live_and_replayed_traffic_say_the_same() {
    let Some(net) = Net::new() else { return };
    let daemon = net.daemon(&["--threads", "2"]);
    let mut tcpdump = net
        .within(&net.here, "tcpdump")
        .args(["-i", "mon0", "-s", "0", "-U", "--immediate-mode", "-w", "same.pcap"])
        .stderr(Stdio::null())
        .spawn()
        .expect("tcpdump");
    net.until("tcpdump writes", || fs::metadata(net.path("same.pcap")).is_ok_and(|file| file.len() >= 24));
    net.post(3, CN, SSN);
    net.post(2, DE, r#"{"note":"nothing of anybody"}"#);
    net.post(1, DE, &format!(r#"{{"text":"{}"}}"#, "lorem ipsum ".repeat(9000)));

    // Flows stay open for their timeout: the counts are there all the same.
    net.until("octets are counted", || daemon.metric("borderpost_egress_bytes_total{dst_control=\"DE\"") > 100_000.0);
    net.until("violations are counted", || daemon.metric("borderpost_violations_total") >= 3.0);
    assert_eq!(daemon.metric("borderpost_findings_total{data_class=\"government-id\",dst_location=\"CN\""), 3.0);
    assert_eq!(daemon.metric("borderpost_capture_dropped_packets_total"), 0.0);
    assert!(daemon.metric("borderpost_capture_packets_total{interface=\"mon0\"}") > 50.0);
    assert!(daemon.metric("process_resident_memory_bytes") > 0.0);
    let destinations: Value = serde_json::from_str(&daemon.get("/api/v1/destinations").expect("JSON")).expect("JSON");
    assert_eq!(destinations[0]["location"], "DE", "the most octets went there");
    let violations: Value =
        serde_json::from_str(&daemon.get("/api/v1/violations?limit=2").expect("JSON")).expect("JSON");
    assert_eq!(violations.as_array().map(Vec::len), Some(2));
    assert_eq!(daemon.get("/-/healthy").as_deref(), Some("healthy\n"));

    let live = daemon.stop();
    assert!(succeeds(&format!("kill -INT {}", tcpdump.id())) && tcpdump.wait().expect("ended").success());
    let (events, broken) = net.events();
    assert_eq!(broken, 0);
    assert_eq!(of_type(&events, "violation").len(), 3);
    assert_eq!(of_type(&events, "flow").iter().filter(|flow| flow["scope"] == "egress").count(), 6);
    assert!(common::validator("summary.json").is_valid(&live));
    let event_schema = common::validator("event.json");
    for event in &events {
        assert!(event_schema.is_valid(event), "{event}");
        assert_eq!(event["in_iface"], "mon0");
        assert!(!event.to_string().contains("536-22-8726"));
    }
    assert!(!net.log().contains("536-22-8726") && !net.log().contains(CN), "logs tell nothing of the traffic");

    let config = net.path("c.toml");
    let capture = net.path("same.pcap");
    let out =
        common::run(["replay".as_ref(), "--json".as_ref(), "-c".as_ref(), config.as_os_str(), capture.as_os_str()]);
    let replayed: Value = serde_json::from_slice(&out.stdout).expect("a summary");
    assert_eq!(essence(&live), essence(&replayed));
    assert_eq!(live["violations"][0]["count"], 3);
}

#[test]
fn reloads_under_load_lose_nothing_and_refuse_what_is_broken() {
    let Some(net) = Net::new() else { return };
    let daemon = net.daemon(&[]);
    // BORDERPOST_SOAK=1 asks for the full number.
    let (rounds, posts) = if std::env::var_os("BORDERPOST_SOAK").is_some() { (500, 20_000) } else { (15, 600) };
    let mut load = net.python(&net.here, CLIENT, &[&posts.to_string(), CN, SSN]);
    for round in 0..rounds {
        let broken = round % 5 == 1;
        fs::write(net.path("c.toml"), if broken { "hoem = \"US\"\n" } else { CONFIG }).expect("written");
        let (status, text) = daemon.post("/-/reload");
        assert_eq!(status, if broken { "500" } else { "200" }, "{text}");
        assert_eq!(text.contains("did you mean `home`?"), broken, "{text}");
        assert_eq!(daemon.metric("borderpost_config_last_reload_successful"), f64::from(u8::from(!broken)));
    }
    assert!(load.wait().expect("ended").success());
    net.until("all is counted", || daemon.metric("borderpost_violations_total") >= f64::from(posts));
    assert_eq!(
        daemon.metric("borderpost_violations_total"),
        f64::from(posts),
        "never a moment without rules, never twice"
    );
    assert_eq!(daemon.metric("borderpost_capture_dropped_packets_total"), 0.0);

    // The operator learns better; SIGHUP takes it up, and opens the file of events anew.
    fs::rename(net.path("events.jsonl"), net.path("before.jsonl")).expect("renamed");
    fs::write(net.path("c.toml"), CONFIG.replace("\"CN\"", "\"SG\"")).expect("written");
    let reloaded = || daemon.metric("borderpost_config_last_reload_success_timestamp_seconds");
    let before = reloaded();
    daemon.signal("HUP");
    net.until("the reload is taken up", || reloaded() > before);
    net.post(2, CN, SSN);
    net.until("the new rules hold", || {
        daemon.metric("borderpost_findings_total{data_class=\"government-id\",dst_location=\"SG\"") == 2.0
    });
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.child.id())).expect("readable");
    // Of all capabilities only CAP_NET_RAW is left, for interfaces that come later.
    for line in ["CapPrm:\t0000000000002000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"] {
        assert!(status.contains(line), "{line} in {status}");
    }
    daemon.stop();
    let (events, broken) = net.events();
    assert_eq!((of_type(&events, "violation").len(), broken), (2, 0));
    assert!(net.log().contains("reload-refused") && net.log().contains("c.toml:1"));
}

#[test]
fn what_was_sent_before_sigterm_is_written() {
    let Some(net) = Net::new() else { return };
    let daemon = net.daemon(&[]);
    net.post(50, CN, SSN);
    let summary = daemon.stop();
    assert_eq!(summary["violations"][0]["count"], 50);
    let (events, broken) = net.events();
    assert_eq!((of_type(&events, "violation").len(), broken), (50, 0));
}

#[test]
fn an_interface_that_returns_is_followed() {
    let Some(net) = Net::new() else { return };
    let daemon = net.daemon(&[]);
    net.post(1, CN, SSN);
    net.until("the first is counted", || daemon.metric("borderpost_violations_total") == 1.0);
    // Down and up again: the ring stays.
    for state in ["down", "up"] {
        assert!(succeeds(&format!("ip -n {} link set mon0 {state}", net.here)));
        let state = format!("state {}", state.to_uppercase());
        net.until("the link changes", || net.output(&net.here, "ip", &["link", "show", "mon0"]).contains(&state));
    }
    assert!(succeeds(&format!("ip -n {} route add default dev mon0", net.here)));
    net.post(1, CN, SSN);
    net.until("the second is counted", || daemon.metric("borderpost_violations_total") == 2.0);
    assert!(!net.log().contains("interface-lost"), "{}", net.log());
    assert!(succeeds(&format!("ip -n {} link del mon0", net.here)));
    net.until("the loss is noticed", || daemon.get("/-/ready").is_some_and(|text| text != "ready\n"));
    net.link();
    net.until("it is back", || daemon.get("/-/ready").is_some_and(|text| text == "ready\n"));
    net.post(1, CN, SSN);
    net.until("the third is counted", || daemon.metric("borderpost_violations_total") == 3.0);
    daemon.stop();
    assert!(net.log().contains("interface-lost"));
}

/// What systemd does: passes a listening socket and a socket for notifications, and prints what it is told.
const SYSTEMD: &str = r#"
import os, signal, socket, sys, time
seen = set()
told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
told.bind('notify')
web = socket.create_server(('127.0.0.1', 9477))
pid = os.fork()
if pid == 0:
    os.dup2(web.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(NOTIFY_SOCKET=os.path.abspath('notify'), WATCHDOG_USEC='600000', LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
    os.execv(sys.argv[1], sys.argv[1:])
end = time.time() + 15
reloaded = False
while time.time() < end:
    told.settimeout(max(0.01, end - time.time()))
    try:
        text = told.recv(4096).decode().replace('\n', ' ')
    except TimeoutError:
        break
    print(text, flush=True)
    seen.add(text.split('=')[0])
    if text.startswith('READY=1') and not reloaded:
        reloaded = True
        os.kill(pid, signal.SIGHUP)
        seen.clear()
    elif {'READY', 'WATCHDOG', 'STATUS'} <= seen:
        seen.clear()
        os.kill(pid, signal.SIGTERM)
    elif text.startswith('STOPPING=1'):
        break
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

#[test]
fn systemd_is_told_how_it_goes() {
    let Some(net) = Net::new() else { return };
    let program = env!("CARGO_BIN_EXE_borderpost");
    let args = ["run", "-c", "c.toml", "-i", "mon0", "--allow-root", "--web.systemd-socket"];
    let out = net.within(&net.here, "python3").args(["-c", SYSTEMD, program]).args(args).output().expect("python3");
    let told = common::text(&out.stdout);
    assert!(out.status.success(), "{told}");
    let position = |what: &str| told.lines().position(|line| line.starts_with(what));
    let (ready, reloading) = (position("READY=1"), position("RELOADING=1 MONOTONIC_USEC="));
    assert!(ready.is_some() && ready < reloading && reloading < position("STOPPING=1"), "{told}");
    assert!(position("WATCHDOG=1").is_some() && position("STATUS=").is_some(), "{told}");
}

#[test]
fn the_doctor_names_what_is_wrong_and_the_fix() {
    let Some(net) = Net::new() else { return };
    let doctor = |args: &[&str]| {
        let mut command = net.within(&net.here, env!("CARGO_BIN_EXE_borderpost"));
        let out = command.args(["doctor", "-c", "c.toml"]).args(args).output().expect("the program starts");
        (out.status.code(), common::text(&out.stdout))
    };
    let (status, text) = doctor(&["-i", "mon0", "--allow-root"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("ok       1 interfaces can be captured") && text.contains("127.0.0.1:9477"), "{text}");
    let (status, text) = doctor(&["-i", "nosuch0", "--web.listen-address", "0.0.0.0:9478"]);
    assert_eq!(status, Some(1), "{text}");
    for told in ["PROBLEM  runs as root", "PROBLEM  there is no interface nosuch0", "neither TLS nor a password"] {
        assert!(text.contains(told), "{told} in {text}");
    }
}

#[test]
fn what_cannot_start_says_why() {
    let code = |args: &[&str]| {
        let out = common::run(std::iter::once("run").chain(args.iter().copied()));
        (out.status.code(), common::text(&out.stderr))
    };
    let (status, text) = code(&[]);
    assert_eq!(status, Some(3), "{text}");
    assert!(text.contains("`interface` is missing") && text.contains("lo"), "{text}");
    let (status, text) = code(&["-i", "nosuch0", "--allow-root", "--web.listen-address", "127.0.0.1:0"]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("there is no interface nosuch0"), "{text}");
    let (status, text) = code(&["-i", "lo", "--web.listen-address", "nowhere"]);
    assert_eq!(status, Some(3), "{text}");
    if Path::new("/proc/self").exists() && succeeds("test -w /root") {
        let (status, text) = code(&["-i", "lo"]);
        assert_eq!(status, Some(1));
        assert!(text.contains("refuses to run as root"), "{text}");
    }
}
