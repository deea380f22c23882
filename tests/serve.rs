//! `replay --serve`: a capture becomes an endpoint whose counters grow as if it were traffic.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{own_capture, run, text};

/// A replay that serves, at a port that the system chose.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn new(more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_borderpost"))
            .args(["replay", "--home", "US", "--serve", "127.0.0.1:0"])
            .args(more)
            .arg(own_capture("demo.pcap"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let address = lines
            .find_map(|line| line.expect("text").split("listening=").nth(1)?.split(' ').next().map(str::to_owned))
            .expect("says where it listens");
        std::thread::spawn(move || lines.count());
        Self { child, address }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("connected");
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        text(&answer)
    }

    fn until(&self, what: &str, mut done: impl FnMut(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let metrics = self.get("/metrics");
            if done(&metrics) {
                return metrics;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}: not within 60 s");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn value(metrics: &str, family: &str) -> u64 {
    let lines = metrics.lines().filter(|line| line.split(['{', ' ']).next() == Some(family));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// Families that only grow with what was read.
const FAMILIES: [&str; 5] = [
    "borderpost_capture_packets_total",
    "borderpost_flows_total",
    "borderpost_egress_bytes_total",
    "borderpost_findings_total",
    "borderpost_violations_total",
];

#[test]
fn every_lap_of_a_loop_counts_what_a_replay_counts() {
    let out = run(["replay", "--home", "US", "--quiet", "--metrics", "-", own_capture("demo.pcap").to_str().unwrap()]);
    let once = text(&out.stdout);
    let mut served = Served::new(&["--speed", "1000", "--loop"]);
    let packets = value(&once, FAMILIES[0]);
    let begun = Instant::now();
    let lap = |metrics: &str, laps: u64| FAMILIES.iter().all(|of| value(metrics, of) == laps * value(&once, of));
    served.until("one lap", |metrics| lap(metrics, 1));
    served.until("three laps", |metrics| lap(metrics, 3));
    assert!(begun.elapsed() >= Duration::from_secs(1), "a lap takes a second");
    assert!(served.get("/-/ready").starts_with("HTTP/1.1 200") && served.get("/-/healthy").starts_with("HTTP/1.1 200"));
    assert!(served.get("/api/v1/violations?limit=1").contains("\"event_type\":\"violation\""));
    assert!(value(&served.get("/metrics"), FAMILIES[0]) >= 3 * packets);
    // Ctrl-C.
    assert!(Command::new("kill").args(["-INT", &served.child.id().to_string()]).status().expect("kill").success());
    assert_eq!(served.child.wait().expect("ended").code(), Some(0));
}

#[test]
fn a_capture_comes_at_its_pace_and_stays_counted_at_its_end() {
    // 8 s of packets in 2 s.
    let begun = Instant::now();
    let served = Served::new(&["--speed", "4"]);
    let end = |metrics: &str| value(metrics, FAMILIES[0]) == 164;
    let middle = served.until("half of it", |metrics| (20..164).contains(&value(metrics, FAMILIES[0])));
    assert!(!end(&middle));
    served.until("all of it", end);
    let took = begun.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(30)).contains(&took), "{took:?}");
    served.until("the violations", |metrics| value(metrics, FAMILIES[4]) > 0);
    let begun = Instant::now();
    while !served.get("/-/ready").starts_with("HTTP/1.1 503") {
        assert!(begun.elapsed() < Duration::from_secs(10), "ready while nothing is read any more");
    }
}

#[test]
fn what_cannot_be_is_said() {
    let demo = own_capture("demo.pcap");
    let demo = demo.to_str().unwrap();
    for (args, code) in [
        (vec!["replay", "--speed", "2", demo], 2),
        (vec!["replay", "--serve", "127.0.0.1:0", "--speed", "0", demo], 2),
        (vec!["replay", "--serve", "127.0.0.1:0", "--loop", "-"], 3),
        (vec!["replay", "--serve", "nowhere", demo], 3),
        (vec!["replay", "--serve", "127.0.0.1:0", "no-such-file.pcap"], 1),
    ] {
        assert_eq!(run(&args).status.code(), Some(code), "{args:?}");
    }
}
