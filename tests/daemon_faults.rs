//! The daemon when something goes wrong around it: its files move, its databases change, its sinks are dead, its disk is full. Needs
//! root for network namespaces; says so where it must skip. What a kill costs: `tests/killed.rs`.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;
mod netns;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use netns::{CN, CONFIG, DE, Net, of_type, succeeds};

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

/// Many findings in one document: each is an event, and a violation another.
fn many(findings: usize) -> String {
    let numbers: Vec<String> =
        (0..findings).map(|n| format!(r#"{{"ssn":"5{:02}-{:02}-{:04}"}}"#, n % 90, n / 90 % 90 + 1, n + 1)).collect();
    format!("[{}]", numbers.join(","))
}

impl Net {
    fn post_file(&self, to: &str, body: &str) {
        fs::write(self.path("body"), body).expect("written");
        let url = format!("http://{to}:8080/");
        assert!(self.curl(&["-H", "content-type: application/json", "--data-binary", "@body", &url]).is_some());
    }
}

/// A pipe that nobody reads takes 64 KiB, and then holds up whoever writes.
#[test]
fn a_sink_that_hangs_holds_up_nothing_and_its_events_wait_on_disk() {
    let Some(net) = Net::new() else { return };
    for spills in [true, false] {
        let spill = if spills { "spill = \"waiting\"\n" } else { "" };
        fs::write(net.path("c.toml"), format!("{spill}{CONFIG}")).expect("written");
        let _ = fs::remove_file(net.path("events.jsonl"));
        assert!(succeeds(&format!("mkfifo {}", net.path("events.jsonl").display())));
        let daemon = net.daemon(&[]);
        // More events than the queue holds.
        let body = many(9_000);
        let found = "borderpost_findings_total{data_class=\"government-id\",dst_location=\"CN\"";
        for all in [9_000.0, 18_000.0] {
            net.post_file(CN, &body);
            net.until("all is counted", || daemon.metric(found) >= all);
        }
        // Capture goes on.
        net.post(1, DE, r#"{"note":"nothing of anybody"}"#);
        net.until("capture goes on", || daemon.metric("borderpost_egress_bytes_total{dst_control=\"DE\"") > 200.0);
        assert_eq!(daemon.get("/-/healthy").as_deref(), Some("healthy\n"));
        let dropped = || daemon.metric("borderpost_event_sink_dropped_total{sink=\"file\"}");
        assert_eq!(daemon.metric("borderpost_capture_dropped_packets_total"), 0.0);
        if spills {
            net.until("events wait", || daemon.metric("borderpost_event_spill_bytes") > 1e6);
        } else {
            assert!(dropped() > 1000.0);
        }
        // Somebody reads at last.
        let mut reader = Command::new("cat");
        reader.arg(net.path("events.jsonl")).stdout(fs::File::create(net.path("read")).expect("made"));
        let mut reader = reader.spawn().expect("cat");
        if spills {
            net.until("all went out", || daemon.metric("borderpost_event_spill_bytes") == 0.0);
            assert_eq!(dropped(), 0.0);
        }
        let dropped = dropped();
        let summary = daemon.stop();
        assert!(reader.wait().expect("ended").success());
        let lines = fs::read_to_string(net.path("read")).expect("text").lines().count() as f64;
        let sum = |rows: &str| -> f64 {
            summary[rows].as_array().expect("rows").iter().map(|row| row["count"].as_f64().expect("a number")).sum()
        };
        let made = sum("findings") + sum("violations") + summary["flows"]["total"].as_f64().expect("a number");
        let text = fs::read_to_string(net.path("read")).expect("text");
        let notices = text.lines().filter(|line| line.contains(r#""event_type":"notice""#)).count();
        assert_eq!(lines + dropped, made + notices as f64, "every event came, or was counted as dropped");
    }
}

/// A file system of its own, gone with the value.
struct Tmpfs(std::path::PathBuf);

impl Tmpfs {
    fn mount(path: &Path, size: &str) -> Option<Self> {
        fs::create_dir(path).expect("made");
        succeeds(&format!("mount -t tmpfs -o size={size} none {}", path.display())).then(|| Self(path.to_owned()))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        succeeds(&format!("umount -l {}", self.0.display()));
    }
}

#[test]
fn a_full_disk_loses_no_event_that_can_wait_on_another() {
    let Some(net) = Net::new() else { return };
    let Some(disk) = Tmpfs::mount(&net.path("disk"), "64k") else {
        eprintln!("SKIPPED: no file system can be mounted here");
        return;
    };
    fs::write(net.path("c.toml"), format!("spill = \"waiting\"\n{CONFIG}")).expect("written");
    let daemon = net.daemon(&["--events", "disk/events.jsonl"]);
    net.post_file(CN, &many(500));
    net.until("the disk is full", || daemon.metric("borderpost_event_spill_bytes") > 1e5);
    assert!(net.log().contains("events-not-written"));
    assert!(succeeds(&format!("mount -o remount,size=16m {}", disk.0.display())));
    net.until("all went out", || daemon.metric("borderpost_event_spill_bytes") == 0.0);
    assert_eq!(daemon.metric("borderpost_event_sink_dropped_total"), 0.0);
    daemon.stop();
    let text = fs::read_to_string(net.path("disk/events.jsonl")).expect("text");
    let whole: Vec<serde_json::Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    // What had reached the disk when it filled up may be there twice; nothing is missing.
    let mut offsets: Vec<u64> = of_type(&whole, "violation")
        .iter()
        .map(|event| event["finding"]["offset"].as_u64().expect("a number"))
        .collect();
    offsets.sort_unstable();
    offsets.dedup();
    assert_eq!(offsets.len(), 500);
}

/// Rewritten in place, and replaced by another file: both are taken up without anybody asking.
#[test]
fn a_database_that_changes_is_taken_up() {
    let Some(net) = Net::new() else { return };
    let address: std::net::IpAddr = "101.126.22.77".parse().expect("an address");
    let network = |country: &str| format!("101.126.0.0/16,{country},,,\n");
    fs::write(net.path("feed.csv"), network("FR")).expect("written");
    fs::write(net.path("c.toml"), format!("ranges = [\"feed.csv\"]\n{CONFIG}")).expect("written");
    assert!(succeeds(&format!("ip -n {} addr add {address}/32 dev far0", net.there)));
    let daemon = net.daemon(&[]);
    let sent_to = |country: &str| {
        net.post(1, &address.to_string(), r#"{"note":"nothing of anybody"}"#);
        daemon.metric(&format!("borderpost_egress_bytes_total{{dst_control=\"{country}\"")) + {
            let text = daemon.get("/metrics").expect("metrics");
            let series = format!("dst_location=\"{country}\"");
            let lines = text.lines().filter(|l| l.starts_with("borderpost_egress_bytes_total") && l.contains(&series));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
        } > 0.0
    };
    net.until("the first holds", || sent_to("FR"));
    fs::write(net.path("feed.csv"), network("BR")).expect("written");
    net.until("it was rewritten", || sent_to("BR"));
    fs::write(net.path("feed.new"), network("JP")).expect("written");
    fs::rename(net.path("feed.new"), net.path("feed.csv")).expect("renamed");
    net.until("it was replaced", || sent_to("JP"));
    daemon.stop();
    assert_eq!(net.log().matches("database-changed").count(), 2);
}
