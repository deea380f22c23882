//! Sessions of real servers and clients, captured by the scripts in `tests/live`: each `tests/captures/live/NAME.pcap` is replayed
//! and has to show every finding of `NAME.expect`, whose lines are a local network, a signature, a field and a document, parted
//! by tabs. A case is two files; nobody needs to write code for it.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::collections::BTreeMap;

use common::{files_below, own_capture, run, text};
use serde_json::Value;

/// Signature, field and document of every finding, and what was not read.
fn findings(capture: &str, local: &str) -> (Vec<[String; 3]>, u64) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let events = dir.path().join("events").to_string_lossy().into_owned();
    let out = run(["replay", "--json", "--quiet", "--home", "US", "--local", local, "--events", &events, capture]);
    let summary: Value =
        serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&out.stderr)));
    let count = |name: &str| {
        let egress = summary["egress"].as_array().expect("an array");
        egress.iter().map(|place| place[name].as_u64().expect("a number")).sum::<u64>()
    };
    let lines = std::fs::read_to_string(&events).expect("events");
    let found = lines.lines().filter_map(|line| {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let word = |name: &str| event["finding"][name].as_str().unwrap_or_default().to_owned();
        (event["event_type"] == "finding").then(|| [word("signature"), word("field"), word("document")])
    });
    (found.collect(), count("opaque_bytes") + count("missed_bytes"))
}

#[test]
fn real_sessions_show_what_was_planted() {
    let root = own_capture("live");
    let mut cases = 0;
    let mut missing = Vec::new();
    for file in files_below(&root).iter().filter(|file| file.extension().is_some_and(|e| e == "expect")) {
        let capture = root.join(file).with_extension("pcap").to_string_lossy().into_owned();
        let expected = std::fs::read_to_string(root.join(file)).expect("readable");
        let mut by_local: BTreeMap<String, (Vec<[String; 3]>, u64)> = BTreeMap::new();
        for line in expected.lines().filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split('\t').collect();
            let [local, signature, field, document] = words[..] else { panic!("{}: {line}", file.display()) };
            let (found, unread) =
                by_local.entry(local.to_owned()).or_insert_with_key(|local| findings(&capture, local));
            assert_eq!(*unread, 0, "{}: not all was read from {local}", file.display());
            if !found.contains(&[signature, field, document].map(str::to_owned)) {
                missing.push(format!("{}: {line}\n  found: {found:?}", file.display()));
            }
        }
        cases += 1;
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(cases >= 4, "{cases} cases");
}
