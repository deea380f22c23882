//! Same capture and configuration, same octets out: twice, and with one thread and with two.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use common::{own_capture, run, text};

fn outputs(threads: &str, capture: &str) -> Vec<Vec<u8>> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let files = ["events.jsonl", "flows.csv", "metrics.prom", "report.html"];
    let out = run([
        "replay",
        "--home",
        "US",
        "--threads",
        threads,
        "--json",
        "--events",
        &path(files[0]),
        "--flows",
        &path(files[1]),
        "--metrics",
        &path(files[2]),
        "--report",
        &path(files[3]),
        capture,
    ]);
    assert!(matches!(out.status.code(), Some(0 | 1)), "{capture}: {}", text(&out.stderr));
    let mut all = vec![out.stdout, out.stderr];
    all.extend(files.iter().map(|name| std::fs::read(path(name)).expect("written")));
    all
}

#[test]
fn two_runs_and_two_threads_print_the_same_octets() {
    let mut captures = vec![own_capture("demo.pcap")];
    if let Some(shared) = common::shared() {
        captures.extend(
            [
                "mixed/android.pcap",
                "mixed/sites.pcapng",
                "tls/tls-sni.pcapng",
                "malformed/badpackets.pcap",
                "dns/DnsPackets.pcap",
            ]
            .iter()
            .map(|name| shared.join("captures").join(name)),
        );
    }
    for capture in captures {
        let name = capture.to_string_lossy().into_owned();
        let first = outputs("1", &name);
        assert!(first == outputs("1", &name), "{name}: two runs differ");
        for threads in ["2", "3"] {
            assert!(first == outputs(threads, &name), "{name}: {threads} threads differ from one");
        }
    }
}
