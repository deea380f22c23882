//! The daemon when something goes wrong around it: it is killed, its files move, its databases change, its sinks are dead. Needs root
//! for network namespaces; says so where it must skip.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;
mod netns;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{SystemTime, UNIX_EPOCH};

use netns::{CLIENT, CN, CONFIG, Net, SSN, of_type};

/// Posts one body for each person from a number up to another, each with an identifier of its own.
const PERSONS: &str = r#"
import http.client, sys
for person in range(int(sys.argv[2]), int(sys.argv[3])):
    connection = http.client.HTTPConnection(sys.argv[1], 8080, timeout=5)
    connection.request('POST', '/', '{"ssn":"5%02d-22-8726"}' % person, {'content-type': 'application/json'})
    connection.getresponse().read()
    connection.close()
"#;

fn seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

impl Net {
    /// A rule on more than so many persons, and a key that stays.
    fn threshold(&self, over: u32) {
        let policy = format!(
            "[policy]\nid = \"p\"\n[[rule]]\nid = \"few\"\nsignatures = [\"us-ssn\"]\nto = [\"CN\"]\nseverity = \"high\"\n\
decision = \"deny\"\nreason = \"r\"\ncount = {{ unit = \"persons\", over = {over}, window = \"calendar-year\" }}\n"
        );
        fs::write(self.path("p.toml"), policy).expect("written");
        fs::write(self.path("key"), b"0123456789abcdef0123456789abcdef").expect("written");
        fs::set_permissions(self.path("key"), fs::Permissions::from_mode(0o600)).expect("set");
        let own = "policy = [\"./p.toml\"]\ndigest-key-file = \"key\"\nstate = \"counts\"\nstate-interval = \"1s\"\n";
        fs::write(self.path("c.toml"), format!("{own}{CONFIG}")).expect("written");
    }

    fn persons(&self, from: u32, to: u32) {
        let mut client = self.python(&self.here, PERSONS, &[CN, &from.to_string(), &to.to_string()]);
        assert!(client.wait().expect("ended").success());
    }
}

#[test]
fn what_thresholds_count_survives_a_kill_and_a_stop() {
    let Some(net) = Net::new() else { return };
    net.threshold(30);
    let daemon = net.daemon(&[]);
    net.persons(0, 20);
    let finding = "borderpost_findings_total{data_class=\"government-id\",dst_location=\"CN\"";
    net.until("twenty persons are counted", || daemon.metric(finding) == 20.0);
    let counted = seconds();
    // Somebody who is known already: something to save, and nobody new.
    net.persons(0, 1);
    net.until("they are saved", || daemon.metric("borderpost_state_last_save_success_timestamp_seconds") > counted);
    assert_eq!(daemon.metric("borderpost_violations_total"), 0.0);
    daemon.kill();

    let daemon = net.daemon(&[]);
    net.persons(15, 35);
    net.until("the rest are counted", || daemon.metric(finding) == 20.0);
    net.until("the threshold holds", || daemon.metric("borderpost_violations_total") == 5.0);
    // Another key would make everybody another person: refused, and the old rules stay.
    fs::write(net.path("key"), b"another key of 32 octets, for fun").expect("written");
    let (status, text) = daemon.post("/-/reload");
    assert_eq!((&*status, text.contains("digest-key-file")), ("500", true), "{text}");
    fs::write(net.path("key"), b"0123456789abcdef0123456789abcdef").expect("written");
    daemon.stop();

    // 35 are known: everybody is one too many from the start.
    let daemon = net.daemon(&[]);
    net.persons(0, 2);
    net.until("nobody is forgotten", || daemon.metric("borderpost_violations_total") == 2.0);
    daemon.stop();
    // A state that is damaged is no empty one.
    fs::write(net.path("counts"), b"half").expect("written");
    let out = net
        .within(&net.here, env!("CARGO_BIN_EXE_borderpost"))
        .args(["run", "-c", "c.toml", "-i", "mon0", "--allow-root"])
        .output()
        .expect("the program starts");
    assert_eq!(out.status.code(), Some(3));
}

/// How often a kill is tried; BORDERPOST_SOAK=1 asks for the full number.
fn rounds(usual: u64, full: u64) -> u64 {
    if std::env::var_os("BORDERPOST_SOAK").is_some() { full } else { usual }
}

#[test]
fn a_killed_daemon_starts_clean_and_loses_little() {
    let Some(net) = Net::new() else { return };
    net.threshold(1);
    let mut load = net.python(&net.here, CLIENT, &["10000000", CN, SSN]);
    let rounds = rounds(6, 200);
    for round in 0..rounds {
        let daemon = net.daemon(&[]);
        // At another moment each time, told by packets.
        let moment = f64::from(u32::try_from(round * 7919 % 401).expect("small"));
        net.until("packets come", || daemon.metric("borderpost_capture_packets_total") >= moment);
        daemon.kill();
    }
    // Between what the daemon had counted, and what it had written when it was killed, lies at most what the bound says.
    let daemon = net.daemon(&[]);
    net.until("events are written", || net.events().0.len() > 10);
    net.until("a hundred are found", || daemon.metric("borderpost_findings_total") >= 100.0);
    let found = daemon.metric("borderpost_findings_total");
    let before = std::time::Instant::now();
    // Counts lag behind events by seconds, the file by less than one.
    let run = |events: &[serde_json::Value]| of_type(events, "finding").len();
    let written = run(&net.events().0);
    assert!(before.elapsed().as_secs() < 5);
    daemon.kill();
    let _ = load.kill();
    let _ = load.wait();
    let (events, broken) = net.events();
    assert!(written as f64 >= found, "{written} findings in the file, {found} counted");
    assert!(run(&events) >= written);
    assert!(broken as u64 <= rounds, "at most one line is cut by a kill: {broken}");
    assert_eq!(net.daemon(&[]).stop()["schema"], "borderpost.summary/1");
    let files = fs::read_dir(net.dir.path()).expect("a folder").flatten();
    let mut files: Vec<_> = files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    files.sort();
    assert_eq!(files, ["c.toml", "counts", "events.jsonl", "key", "log", "p.toml"], "nothing is left lying about");
}
