//! Exact matches from the CSV to the violation: records become a watch file, a replay finds them, and nothing on the way
//! holds their values.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::path::Path;
use std::process::Output;

use common::{own_capture, run, text};
use serde_json::Value;

const RECORDS: &str = "id,ip,licence,surname\nj-1,203.0.113.7,CA:D1234562,Sample\nj-2,203.0.113.250,,Other\n";

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_string_lossy().into_owned()
}

fn fingerprint(dir: &Path, more: &[&str]) -> Output {
    std::fs::write(dir.join("in.csv"), RECORDS).unwrap();
    let new_key = run(["fingerprint", "--new-key", &path(dir, "key")]);
    assert!(new_key.status.success() || dir.join("key").exists(), "{}", text(&new_key.stderr));
    let (key, input, output) = (path(dir, "key"), path(dir, "in.csv"), path(dir, "out.watch"));
    let mut args = vec!["fingerprint", "--list", "journalists", "--key", &key, "--label-column", "id"];
    args.extend(["--primary", "ip=ipv4-datum", "--secondary", "surname=text", &input, "-o", &output]);
    args.extend(more);
    run(args)
}

#[test]
fn listed_addresses_sent_abroad_are_a_critical_violation() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let made = fingerprint(dir, &[]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&made.stdout).starts_with("watch/journalists: 2 rows"), "{}", text(&made.stdout));
    let events = path(dir, "events.jsonl");
    let out = run([
        "replay",
        "--home",
        "US",
        "--json",
        "--events",
        &events,
        "--watch",
        &path(dir, "out.watch"),
        "--watch-key",
        &path(dir, "key"),
        "--metrics",
        &path(dir, "metrics"),
        own_capture("demo.pcap").to_str().unwrap(),
    ]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let summary: Value = serde_json::from_slice(&out.stdout).unwrap();
    let violation = summary["violations"]
        .as_array()
        .unwrap()
        .iter()
        .find(|violation| violation["rule"] == "watched-records")
        .expect("a violation of the home policy");
    assert_eq!((&violation["severity"], &violation["class"]), (&"critical".into(), &"network-id".into()));
    let events = text(&std::fs::read(events).unwrap());
    let schema = common::validator("event.json");
    let found: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|e: &Value| e["finding"]["watch"].is_object())
        .collect();
    assert!(!found.is_empty());
    for event in &found {
        assert!(schema.is_valid(event), "{event}");
        assert_eq!(event["finding"]["signature"], "watch/journalists");
        assert_eq!(event["finding"]["watch"]["label"], "j-1");
    }
    let everything = [events, text(&out.stdout), text(&out.stderr), text(&made.stderr), text(&made.stdout)].concat()
        + &text(&std::fs::read(dir.join("metrics")).unwrap())
        + &text(&std::fs::read(dir.join("out.watch")).unwrap());
    assert!(everything.contains("borderpost_findings_total{data_class=\"network-id\",dst_location="));
    for value in ["203.0.113.7", "203.0.113.250", "D1234562", "Sample"] {
        assert!(!everything.contains(value), "{value} came out");
    }
}

/// A canary is certain and critical under whatever policy, in the violation and in the metric.
#[test]
fn a_canary_sent_abroad_is_a_critical_violation_under_any_policy() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    assert!(fingerprint(dir, &["--canary"]).status.success());
    for (options, rule) in [
        (&["--home", "US"][..], "home/watched-records"),
        (&["--home", "US", "--policy", "jp-appi"], "canaries/canary-record"),
        (&["--policy", "jp-appi"], "canaries/canary-record"),
    ] {
        let (watch, key, metrics) = (path(dir, "out.watch"), path(dir, "key"), path(dir, "metrics"));
        let capture = own_capture("demo.pcap");
        let mut args = vec!["replay", "--json", "--watch", &watch, "--watch-key", &key, "--metrics", &metrics];
        args.extend(options);
        args.push(capture.to_str().unwrap());
        let out = run(args);
        assert!(out.status.success(), "{}", text(&out.stderr));
        let summary: Value = serde_json::from_slice(&out.stdout).unwrap();
        let (policy, name) = rule.split_once('/').unwrap();
        let violations = summary["violations"].as_array().unwrap();
        let broken = violations.iter().find(|violation| violation["rule"] == name && violation["policy"] == policy);
        let broken = broken.unwrap_or_else(|| panic!("{rule}: {violations:#?}"));
        assert_eq!((&broken["severity"], &broken["class"]), (&"critical".into(), &"custom".into()));
        let metrics = text(&std::fs::read(&metrics).unwrap());
        let counted = metrics.lines().any(|line| {
            line.starts_with("borderpost_violations_total{")
                && line.contains(&format!("rule=\"{name}\",severity=\"critical\""))
                && !line.ends_with(" 0")
        });
        assert!(counted, "{rule}: no metric");
    }
}

#[test]
fn a_wrong_key_and_wrong_use_are_refused_with_reasons() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    assert!(fingerprint(dir, &[]).status.success());
    let key = std::fs::read(dir.join("key")).unwrap();
    assert_eq!(key.len(), 32);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(dir.join("key")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // A key is never replaced.
    assert_eq!(run(["fingerprint", "--new-key", &path(dir, "key")]).status.code(), Some(1));
    assert!(run(["fingerprint", "--new-key", &path(dir, "other")]).status.success());
    let check = |args: &[&str]| run(std::iter::once("check").chain(args.iter().copied()));
    let (file, key, other) = (path(dir, "out.watch"), path(dir, "key"), path(dir, "other"));
    let well = check(&["--watch", &file, "--watch-key", &key]);
    assert!(text(&well.stdout).contains("list watch/journalists epoch 1 rows 2"), "{}", text(&well.stderr));
    for (args, code, message) in [
        (&["--watch", &file, "--watch-key", &other][..], 3, "another key"),
        (&["--watch", &file], 2, "need one --watch-key"),
        (&["--watch", &other, "--watch-key", &key], 3, "no watch file"),
        (&["--watch", &file, "--watch-key", &file], 3, "32 octets"),
    ] {
        let out = check(args);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {}", text(&out.stderr));
        assert!(text(&out.stderr).contains(message), "{}", text(&out.stderr));
    }
    let wrong = fingerprint(dir, &["--primary", "surname=text"]);
    assert_eq!(wrong.status.code(), Some(3));
    assert!(text(&wrong.stderr).contains("names alone"), "{}", text(&wrong.stderr));
    // Policies may name the list, and no other.
    for (list, code) in [("journalists", 0), ("journalist", 3)] {
        let policy = path(dir, "policy.toml");
        let rule = format!(
            "[policy]\nid = \"p\"\n[[rule]]\nid = \"r\"\nsignatures = [\"watch/{list}\"]\nto = [\"CN\"]\n\
             decision = \"deny\"\nreason = \"test\"\n"
        );
        std::fs::write(&policy, rule).unwrap();
        let out = check(&["--watch", &file, "--watch-key", &key, "--policy", &policy]);
        assert_eq!(out.status.code(), Some(code), "{}", text(&out.stderr));
    }
}
