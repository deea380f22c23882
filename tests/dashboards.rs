//! Dashboards and alerts are tested like code: they are what their source says, name only what exists, say what to do, and answer when they
//! are asked by a real Prometheus (`dashboards/prove.py`). Says so where a tool is missing; `.ci/install` installs them.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::text;
use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Whether all of these programs are there; says which is not.
fn has(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| {
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
    });
    if let Some(missing) = missing {
        eprintln!("SKIPPED: {missing} is not installed (.ci/install installs it)");
    }
    missing.is_none()
}

/// Runs a program in the repository; its output if it succeeds.
fn succeeds(program: &str, args: &[&str]) -> String {
    let out = Command::new(program).args(args).current_dir(root()).output().expect("started");
    let said = text(&out.stdout) + &text(&out.stderr);
    assert!(out.status.success(), "{program} {}:\n{said}", args.join(" "));
    said
}

fn dashboards() -> Vec<(String, Value)> {
    let names = ["border-overview", "violations", "blind-spots", "sensor-health"];
    names
        .iter()
        .map(|name| {
            let text = read(&format!("dashboards/{name}.json"));
            ((*name).to_owned(), serde_json::from_str(&text).expect("JSON"))
        })
        .collect()
}

/// Names of the alerts, in order.
fn alerts() -> Vec<String> {
    let rules = read("dashboards/rules/alerts.yml");
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ").map(str::to_owned)).collect()
}

#[test]
fn dashboards_are_what_their_source_says() {
    if has(&["python3"]) {
        succeeds("python3", &["dashboards/build.py", "--check"]);
    }
}

#[test]
fn dashboards_can_be_provisioned_and_every_panel_explains_itself() {
    let mut seen = BTreeSet::new();
    for (name, dashboard) in dashboards() {
        assert!(dashboard.get("__inputs").is_none() && dashboard.get("__requires").is_none(), "{name}");
        assert!(seen.insert(dashboard["uid"].as_str().expect("a uid").to_owned()), "{name}: a uid twice");
        let variables: Vec<_> =
            dashboard["templating"]["list"].as_array().expect("a list").iter().map(|v| v["name"].clone()).collect();
        assert_eq!(variables[..2], ["datasource", "instance"], "{name}");
        let annotations = dashboard["annotations"]["list"].as_array().expect("a list");
        assert!(
            annotations.iter().any(|a| a["name"] == "Reloads")
                && annotations.iter().any(|a| a["name"] == "Policy changes")
        );
        for panel in dashboard["panels"].as_array().expect("panels") {
            let title = panel["title"].as_str().expect("a title");
            if panel["type"] == "row" {
                continue;
            }
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(
                panel["description"].as_str().is_some_and(|text| text.len() > 10),
                "{name}, {title}: no description"
            );
            assert!(defaults["unit"].is_string() && defaults["noValue"].is_string(), "{name}, {title}: unit, empty");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}, {title}");
            for link in panel["links"].as_array().into_iter().flatten() {
                let page = link["url"].as_str().expect("a URL").replace("https://borderpost.example/", "");
                assert!(root().join(&page).is_file(), "{name}, {title}: no {page}");
            }
        }
    }
    assert!(Path::new(&root().join("dashboards/provisioning/dashboards/borderpost.yml")).is_file());
}

#[test]
fn every_metric_that_is_named_is_documented() {
    let page = read("docs/metrics.md");
    let mut known: BTreeSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned)).collect();
    // In the text above the table: what only the daemon has.
    known.insert("borderpost_event_sink_dropped_total".to_owned());
    let rules = read("dashboards/rules/recording.yml") + &read("dashboards/rules/alerts.yml");
    let all = rules.clone() + &dashboards().iter().map(|(_, json)| json.to_string()).collect::<String>();
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut named = 0;
    for word in all.split(|c: char| !name(c)).filter(|word| word.starts_with("borderpost_")) {
        assert!(known.contains(word), "{word} is not in docs/metrics.md");
        named += 1;
    }
    for word in all.split(|c: char| !name(c)).filter(|word| word.starts_with("borderpost:") && word.len() > 11) {
        assert!(rules.contains(&format!("- record: {word}\n")), "{word} is not recorded");
    }
    assert!(named > 100, "{named}");
}

#[test]
fn every_alert_has_a_runbook_and_is_tested_firing_and_not() {
    let (rules, alerts) = (read("dashboards/rules/alerts.yml"), alerts());
    let tests: String =
        ["minutes", "hours", "days"].iter().map(|name| read(&format!("dashboards/rules/tests/{name}.yml"))).collect();
    let inhibited = read("dashboards/alertmanager.yml");
    assert!(alerts.len() >= 20, "{alerts:?}");
    for field in ["severity:", "summary:", "description:", "runbook_url:"] {
        assert_eq!(rules.matches(&format!("          {field}")).count(), alerts.len(), "{field}");
    }
    for alert in &alerts {
        let page = read(&format!("docs/runbooks/{alert}.md"));
        for section in ["## What it means", "## How to look", "## How to fix"] {
            assert!(page.contains(section), "{alert}: {section}");
        }
        assert!(rules.contains(&format!("docs/runbooks/{alert}.md\n")), "{alert}");
        assert!(read("docs/runbooks/README.md").contains(&format!("[{alert}]({alert}.md)")), "{alert}");
        let results: BTreeSet<bool> = tests
            .split("      - expr: ")
            .filter(|test| test.starts_with(&format!("count by (alertname) (ALERTS{{alertname=\"{alert}\",")))
            .map(|test| test.contains("exp_samples: []"))
            .collect();
        assert_eq!(results.len(), 2, "{alert} is not tested both firing and not firing");
    }
    for word in inhibited.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| w.starts_with("Borderpost")) {
        assert!(alerts.iter().any(|alert| alert == word), "alertmanager.yml knows an alert {word}");
    }
    for entry in std::fs::read_dir(root().join("docs/runbooks")).expect("readable").flatten() {
        let name = entry.file_name().to_string_lossy().replace(".md", "");
        assert!(name == "README" || alerts.contains(&name), "a runbook for no alert: {name}");
    }
}

#[test]
fn rules_are_valid_and_every_alert_fires_when_it_should() {
    if !has(&["promtool"]) {
        return;
    }
    succeeds("promtool", &["check", "rules", "dashboards/rules/recording.yml", "dashboards/rules/alerts.yml"]);
    succeeds("promtool", &["check", "config", "dashboards/prometheus.yml"]);
    std::thread::scope(|scope| {
        for name in ["minutes", "hours", "days"] {
            scope
                .spawn(move || succeeds("promtool", &["test", "rules", &format!("dashboards/rules/tests/{name}.yml")]));
        }
    });
}

/// The long one: every query of every panel and rule is asked, each with the case made for it.
#[test]
fn every_query_answers() {
    if has(&["python3", "prometheus", "promtool", "prometheus-alertmanager", "amtool"]) {
        print!("{}", succeeds("python3", &["dashboards/prove.py", env!("CARGO_BIN_EXE_borderpost")]));
    }
}

#[test]
fn the_quickstart_works_as_it_is_written() {
    if has(&["python3", "prometheus", "prometheus-alertmanager", "amtool", "curl"]) {
        print!("{}", succeeds("python3", &["dashboards/quickstart.py", env!("CARGO_BIN_EXE_borderpost")]));
    }
}

#[test]
fn grafana_s_own_types_accept_the_dashboards() {
    if !has(&["npm", "node"]) {
        return;
    }
    // Into the build's folder: the repository stays as it is.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboards");
    std::fs::create_dir_all(folder.join("check")).expect("made");
    for (name, _) in dashboards() {
        let file = format!("{name}.json");
        std::fs::copy(root().join("dashboards").join(&file), folder.join(&file)).expect("copied");
    }
    for file in ["check.mjs", "package.json", "package-lock.json"] {
        std::fs::copy(root().join("dashboards/check").join(file), folder.join("check").join(file)).expect("copied");
    }
    let check = folder.join("check");
    let install = Command::new("npm")
        .args(["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
        .arg(&check)
        .output()
        .expect("npm");
    if !install.status.success() {
        eprintln!("SKIPPED: npm cannot install @grafana/schema here: {}", text(&install.stderr));
        return;
    }
    print!("{}", succeeds("node", &[check.join("check.mjs").to_str().expect("UTF-8")]));
}
