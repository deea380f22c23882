//! What is written fits the published schemas, and the schemas can tell.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use common::{own_capture, run, text, validator};
use serde_json::Value;

fn complaints(validator: &jsonschema::Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn events_and_summary_fit_their_schemas() {
    let (events_schema, summary_schema) = (validator("event.json"), validator("summary.json"));
    let mut captures = vec![own_capture("demo.pcap")];
    if let Some(shared) = common::shared() {
        let root = shared.join("captures");
        captures.extend(
            common::files_below(&root)
                .into_iter()
                .filter(|path| path.extension().is_some_and(|e| e == "pcap" || e == "pcapng" || e == "gz"))
                .map(|path| root.join(path)),
        );
    }
    let mut kinds = std::collections::BTreeMap::new();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let events_path = dir.path().join("events.jsonl");
    for capture in captures {
        let out = run([
            "replay".as_ref(),
            "--home".as_ref(),
            "US".as_ref(),
            "--json".as_ref(),
            "--events".as_ref(),
            events_path.as_os_str(),
            capture.as_os_str(),
        ]);
        assert!(matches!(out.status.code(), Some(0 | 1)), "{}: {}", capture.display(), text(&out.stderr));
        let summary: Value = serde_json::from_slice(&out.stdout).expect("JSON");
        assert_eq!(complaints(&summary_schema, &summary), [""; 0], "{}", capture.display());
        for line in text(&std::fs::read(&events_path).expect("written")).lines() {
            let event: Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(complaints(&events_schema, &event), [""; 0], "{}", capture.display());
            *kinds.entry(event["event_type"].as_str().unwrap_or_default().to_owned()).or_insert(0u64) += 1;
        }
    }
    for kind in ["flow", "finding", "violation"] {
        assert!(kinds.contains_key(kind), "no {kind} event was checked");
    }
}

#[test]
fn the_schemas_refuse_what_does_not_fit() {
    let out = run(["replay".as_ref(), "--json".as_ref(), own_capture("demo.pcap").as_os_str()]);
    let mut summary: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    summary["egress"][0]["location"] = "".into();
    assert!(!validator("summary.json").is_valid(&summary));
    assert!(!validator("event.json").is_valid(&serde_json::json!({"timestamp": "yesterday", "event_type": "flow"})));
}
