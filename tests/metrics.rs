//! The metrics file: names and labels as documented, no series that names an address, promtool-clean shapes.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{own_capture, run, text};

fn metrics() -> String {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("metrics.prom");
    // Families whose series come from policies have some.
    let policy = dir.path().join("p.toml");
    let text_of_policy = "[policy]\nid = \"p\"\n[[suspicion]]\nid = \"s\"\nover = \"1GiB\"\nreason = \"r\"\n\
[[exception]]\nid = \"e\"\nrule = \"home/identifiers\"\napprover = \"n\"\nreason = \"r\"\nfrom = 2026-03-01\nuntil = 2026-03-02\n";
    std::fs::write(&policy, text_of_policy).expect("written");
    let out = run([
        "replay".as_ref(),
        "--quiet".as_ref(),
        "--home".as_ref(),
        "US".as_ref(),
        "--policy".as_ref(),
        "home".as_ref(),
        "--policy".as_ref(),
        policy.as_os_str(),
        "--metrics".as_ref(),
        path.as_os_str(),
        own_capture("demo.pcap").as_os_str(),
    ]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    std::fs::read_to_string(path).expect("written")
}

/// Metric to its label names.
fn exported(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            found.entry(rest.split(' ').next().unwrap_or_default().to_owned()).or_default();
        } else if let Some((name, labels)) = line.split_once('{') {
            let labels = labels.split("\",").filter_map(|label| label.split_once("=\"")).map(|(key, _)| key.to_owned());
            found.entry(name.to_owned()).or_default().extend(labels);
        }
    }
    found
}

#[test]
fn what_is_exported_is_documented_and_the_other_way_round() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).expect("readable");
    let mut documented = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `borderpost_")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let labels = cells[3].split(',').map(str::trim).filter(|label| !label.is_empty()).map(str::to_owned).collect();
        documented.insert(cells[1].trim_matches('`').to_owned(), labels);
    }
    let mut exported = exported(&metrics());
    // A family without any series has no line at all in the exposition.
    documented.retain(|name, labels: &mut BTreeSet<String>| {
        exported.contains_key(name) || name != "borderpost_label_values_folded_total" || labels.is_empty()
    });
    for (name, labels) in &mut exported {
        if labels.is_empty() && documented.get(name).is_some_and(|known| !known.is_empty()) {
            *labels = documented[name].clone();
        }
    }
    assert_eq!(exported, documented);
}

#[test]
fn the_figures_are_the_summary_s() {
    let metrics = metrics();
    let out = run([
        "replay".as_ref(),
        "--home".as_ref(),
        "US".as_ref(),
        "--json".as_ref(),
        own_capture("demo.pcap").as_os_str(),
    ]);
    let summary: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let sum = |family: &str| -> u64 {
        let values = metrics.lines().filter(|line| line.starts_with(&format!("{family}{{")));
        values.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    };
    let total = |list: &str, key: &str| -> u64 {
        summary[list].as_array().expect("a list").iter().filter_map(|row| row[key].as_u64()).sum()
    };
    assert_eq!(sum("borderpost_egress_bytes_total"), total("egress", "bytes"));
    assert_eq!(sum("borderpost_findings_total"), total("findings", "count"));
    assert_eq!(sum("borderpost_violations_total"), total("violations", "count"));
    assert_eq!(
        sum("borderpost_egress_uninspected_bytes_total"),
        total("egress", "opaque_bytes") + total("egress", "missed_bytes")
    );
    assert!(total("violations", "count") > 0);
}
