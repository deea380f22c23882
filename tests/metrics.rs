//! The metrics file: names and labels as documented, no series that names an address, promtool-clean shapes.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{own_capture, run, text};

/// Beside the policy of the home, one that counts and has an exception: families without any series have no line.
const POLICY: &str = r#"
[policy]
id = "acme"
version = "7"
[[rule]]
id = "customer-list"
signatures = ["us-ssn"]
to = ["SG"]
decision = "deny"
reason = "two hundred customers are the customer list"
count = { unit = "persons", over = 240, window = "calendar-year" }
[[exception]]
id = "archive"
rule = "acme/customer-list"
approver = "N. N."
ticket = "PRIV-7"
reason = "moving the archive"
from = 2026-02-01
until = 2026-02-15
[[suspicion]]
id = "sealed"
over = "1GiB"
reason = "much that nobody could read"
"#;

fn replay(more: &[&str]) -> String {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let policy = dir.path().join("acme.toml");
    std::fs::write(&policy, POLICY).expect("written");
    let (policy, capture) = (policy.display().to_string(), own_capture("demo.pcap").display().to_string());
    let own = ["replay", "--home", "US", "--policy", "home", "--policy", &policy, &capture];
    let out = run(own.iter().chain(more));
    assert!(out.status.success(), "{}", text(&out.stderr));
    text(&out.stdout)
}

fn metrics() -> String {
    replay(&["--quiet", "--metrics", "-"])
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
    let summary: serde_json::Value = serde_json::from_str(&replay(&["--json"])).expect("JSON");
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

#[test]
fn what_the_policies_say_of_themselves_is_exported() {
    let metrics = metrics();
    for line in [
        "borderpost_policy_info{policy=\"acme\",version=\"7\"} 1",
        "borderpost_threshold_near_total{policy=\"acme\",rule=\"customer-list\"} 1",
        // 2026-02-15 00:00 UTC.
        "borderpost_exception_expiry_timestamp_seconds{exception=\"archive\",policy=\"acme\",rule=\"customer-list\"} 1771113600",
    ] {
        assert!(metrics.lines().any(|found| found == line), "no line {line}");
    }
}
