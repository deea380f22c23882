//! What a package is made of: manual pages, completions and policies that the program writes itself, and assets that are there.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;
#[path = "common/lo.rs"]
mod lo;

use std::path::Path;

use common::{own_capture, run, text};

/// Commands that `--help` names.
fn commands() -> Vec<String> {
    let help = text(&run(["--help"]).stdout);
    let list = help.split("Commands:\n").nth(1).expect("a list").split("\n\n").next().expect("its end").to_owned();
    let name = |line: &str| {
        line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?.split(' ').next().map(str::to_owned)
    };
    list.lines().filter_map(name).filter(|name| name != "help").collect()
}

#[test]
fn every_command_has_a_manual_page_and_shells_know_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = run(["generate".as_ref(), dir.path().as_os_str()]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let read = |name: String| {
        std::fs::read_to_string(dir.path().join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let commands = commands();
    assert!(commands.len() >= 10 && commands.iter().any(|name| name == "run"), "{commands:?}");
    let shells = ["borderpost.bash", "_borderpost", "borderpost.fish"].map(|name| read(format!("completions/{name}")));
    for command in &commands {
        assert!(read(format!("man/borderpost-{command}.1")).contains(".TH"), "{command}");
        assert!(shells.iter().all(|text| text.contains(command.as_str())), "{command} is missing for a shell");
    }
    assert!(read("man/borderpost.1".to_owned()).contains("Exit codes"));
    // A policy that was written is the one that is built in.
    assert_eq!(read("policies/eu-gdpr.toml".to_owned()), text(&run(["policies", "show", "eu-gdpr"]).stdout));
}

#[test]
fn every_asset_of_the_package_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("readable");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let assets = manifest["package"]["metadata"]["deb"]["assets"].as_array().expect("a list");
    let sources: Vec<&str> = assets.iter().map(|asset| asset[0].as_str().expect("a path")).collect();
    for source in &sources {
        // What `cargo build --release` and `borderpost generate target/share` make.
        let made = source.starts_with("target/release/") || source.starts_with("target/share/");
        assert!(made || root.join(source).exists(), "{source}");
    }
    for wanted in
        ["target/share/man/*", "target/share/policies/*", "systemd/borderpost.service", "systemd/borderpost.toml"]
    {
        assert!(sources.contains(&wanted), "{wanted}");
    }
}

#[test]
fn top_shows_a_capture() {
    let capture = own_capture("demo.pcap");
    let out = run(["top".as_ref(), "--home".as_ref(), "US".as_ref(), capture.as_os_str()]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let picture = text(&out.stdout);
    // The same numbers as the summary's.
    let summary = run(["replay".as_ref(), "--home".as_ref(), "US".as_ref(), "--json".as_ref(), capture.as_os_str()]);
    let summary: serde_json::Value = serde_json::from_slice(&summary.stdout).expect("JSON");
    assert!(picture.contains(&format!("{} packets", summary["packets"]["total"])), "{picture}");
    for row in summary["egress"].as_array().expect("a list") {
        let location = row["location"].as_str().expect("a country");
        assert!(picture.contains(&format!("\u{2502}{location} ")), "{location}:\n{picture}");
    }
    for row in summary["violations"].as_array().expect("a list") {
        let rule = format!("{}/{}", row["policy"].as_str().expect("a name"), row["rule"].as_str().expect("a name"));
        assert!(picture.contains(rule.get(..20).unwrap_or(&rule)), "{rule}:\n{picture}");
    }
}

#[test]
fn top_shows_a_daemon_and_says_when_there_is_none() {
    let out = run(["top", "--address", "127.0.0.1:1"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("http://127.0.0.1:1: "), "{}", text(&out.stderr));
    if !lo::may_capture() || !lo::has("curl", "--version") {
        return;
    }
    let mut daemon = lo::Lo::start(tempfile::tempdir().expect("a folder"), &[]);
    assert_eq!(daemon.curl("http", "/-/healthy", &[]).0, 200);
    let out = run(["top", "--address", &daemon.address]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert!(text(&out.stdout).contains("capturing"), "{}", text(&out.stdout));
    assert_eq!(daemon.stop(), Some(0));
}
