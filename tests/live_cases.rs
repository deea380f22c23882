//! Sessions of real servers and clients, captured by the scripts in `tests/live`: each `tests/captures/live/NAME.pcap` is replayed,
//! with the keys of `NAME.keylog` if there is one, and has to show every line of `NAME.expect`. What a line says is told in
//! `tests/live/lib.bash`. A case is two or three files; nobody needs to write code for it.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::{files_below, own_capture, run, text};
use serde_json::Value;

/// What a replay shows with one local network.
struct Shown {
    events: Vec<Value>,
    /// Signature, field and document of every finding.
    findings: BTreeSet<[String; 3]>,
    /// Octets that were not read.
    unread: u64,
    /// How flows were inspected.
    statuses: BTreeSet<String>,
}

fn replay(capture: &Path, local: &str) -> Shown {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let events = dir.path().join("events").to_string_lossy().into_owned();
    let mut args = ["replay", "--json", "--quiet", "--home", "US", "--local", local].map(str::to_owned).to_vec();
    args.extend(["--events".to_owned(), events.clone()]);
    let keys = capture.with_extension("keylog");
    if keys.exists() {
        args.extend(["--keylog".to_owned(), keys.to_string_lossy().into_owned()]);
    }
    args.push(capture.to_string_lossy().into_owned());
    let out = run(args);
    let summary: Value =
        serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&out.stderr)));
    let list = |name: &str| summary[name].as_array().expect("an array").clone();
    let count = |name: &str| list("egress").iter().map(|place| place[name].as_u64().expect("a number")).sum::<u64>();
    let unread = count("opaque_bytes") + count("missed_bytes");
    let lines = std::fs::read_to_string(&events).expect("events");
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let statuses = events.iter().filter_map(|event| Some(event["inspection"]["status"].as_str()?.to_owned())).collect();
    let found = events.iter().filter(|event| event["event_type"] == "finding");
    let findings = found.map(|event| {
        ["signature", "field", "document"].map(|name| event["finding"][name].as_str().unwrap_or("-").to_owned())
    });
    Shown { findings: findings.collect(), events, unread, statuses }
}

#[test]
fn real_sessions_show_what_was_planted() {
    let root = own_capture("live");
    let (mut cases, mut missing) = (0, Vec::new());
    for file in files_below(&root).iter().filter(|file| file.extension().is_some_and(|e| e == "expect")) {
        let name = file.display();
        let capture = root.join(file).with_extension("pcap");
        let expected = std::fs::read_to_string(root.join(file)).expect("readable");
        let mut by_local: BTreeMap<&str, Vec<[&str; 3]>> = BTreeMap::new();
        for line in expected.lines().filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split('\t').collect();
            let [local, what, first, second] = words[..] else { panic!("{name}: {line}") };
            by_local.entry(local).or_default().push([what, first, second]);
        }
        for (local, lines) in by_local {
            let shown = replay(&capture, local);
            let absent: Vec<_> = lines
                .iter()
                .filter(|[what, first, second]| match *what {
                    "flow" => !shown.events.iter().any(|e| e["event_type"] == "flow" && e[*first] == **second),
                    "sealed" => !shown.statuses.contains(*first),
                    _ => !shown.findings.contains(&[*what, first, second].map(str::to_owned)),
                })
                .collect();
            if !absent.is_empty() {
                missing.push(format!("{name}, {local}: {absent:?}\n  found: {:?}", shown.findings));
            }
            if shown.unread > 0 && !lines.iter().any(|[what, ..]| *what == "sealed") {
                missing.push(format!("{name}, {local}: {} octets not read: {:?}", shown.unread, shown.statuses));
            }
        }
        cases += 1;
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(cases >= 35, "{cases} cases");
}
