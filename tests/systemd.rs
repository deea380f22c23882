//! The units: clean for systemd's own checks, as tight as promised, and about what the program knows.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The units in a folder of their own, with a program that is there.
fn units() -> (tempfile::TempDir, [PathBuf; 2]) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    let paths = ["borderpost.service", "borderpost.socket"].map(|name| {
        let text = std::fs::read_to_string(source.join(name)).expect("readable");
        let path = dir.path().join(name);
        std::fs::write(&path, text.replace("/usr/bin/borderpost", env!("CARGO_BIN_EXE_borderpost"))).expect("written");
        path
    });
    (dir, paths)
}

/// What `systemd-analyze` says on stdout and stderr; `None`, said on stderr, where it is missing.
fn analyze(args: &[&str], paths: &[PathBuf]) -> Option<(bool, String, String)> {
    match Command::new("systemd-analyze").args(args).args(paths).env("LC_ALL", "C.UTF-8").output() {
        Ok(out) => Some((out.status.success(), common::text(&out.stdout), common::text(&out.stderr))),
        Err(error) => {
            eprintln!("SKIPPED: systemd-analyze: {error}");
            None
        }
    }
}

#[test]
fn systemd_finds_nothing_wrong() {
    let (_dir, paths) = units();
    let Some((_, version, _)) = analyze(&["--version"], &[]) else { return };
    let number = version.split(' ').nth(1).and_then(|number| number.parse::<u32>().ok()).expect("a version");
    let Some((well, _, told)) = analyze(&["verify", "--man=no"], &paths) else { return };
    let beside: Vec<&str> = told
        .lines()
        // Other units of this machine are others' concern.
        .filter(|line| line.contains("borderpost"))
        // Before version 253 there was no notify-reload; the unit falls back to notify.
        .filter(|line| number >= 253 || !line.contains("notify-reload"))
        .collect();
    assert!(well && beside.is_empty(), "{beside:#?}");
}

#[test]
fn the_service_is_as_tight_as_promised() {
    let (_dir, [service, _]) = units();
    let Some((_, table, told)) = analyze(&["security", "--offline=yes", "--no-pager"], &[service]) else { return };
    let last = table.lines().last().unwrap_or_default();
    let score = last.split(' ').find_map(|word| word.parse::<f64>().ok());
    assert!(score.is_some_and(|score| score <= 1.5), "{table}{told}");
}

#[test]
fn the_configuration_it_starts_with_is_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/borderpost.toml");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let text =
        std::fs::read_to_string(path).expect("readable").replace("/var/log/borderpost", &dir.path().to_string_lossy());
    let config = dir.path().join("borderpost.toml");
    std::fs::write(&config, text).expect("written");
    let out = common::run(["check".as_ref(), "-c".as_ref(), config.as_os_str()]);
    assert_eq!(out.status.code(), Some(0), "{}", common::text(&out.stderr));
    assert!(common::text(&out.stdout).contains("interface = [\"any\"]"));
}

/// Whoever sends masses of connections must not be able to have the daemon killed for want of memory.
#[test]
fn what_the_limits_add_up_to_fits_the_unit() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("readable");
    let unit = read("borderpost.service");
    let high = unit.lines().find_map(|line| line.strip_prefix("MemoryHigh=")?.strip_suffix('M')).expect("MiB");
    let high = high.parse::<usize>().expect("a number") << 20;
    let config: toml::Table = read("borderpost.toml").parse().expect("TOML");
    let flows_max = config["limits"]["flows_max"].as_integer().expect("a number") as usize;
    let limits = borderpost::model::Limits { flows_max, ..Default::default() };
    // Four rings, the program, its databases.
    let needed = limits.memory_bytes() + ((4 * 16 + 150) << 20);
    assert!(needed <= high, "{} MiB of {}", needed >> 20, high >> 20);
    assert!(unit.contains("MemoryMax=2G"));
}
