//! The command line's promises: exit codes, what goes to stdout and what to stderr, standard input, several files.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::io::Write as _;
use std::process::Stdio;

use common::{borderpost, own_capture, run, text};
use serde_json::Value;

fn demo() -> String {
    own_capture("demo.pcap").to_string_lossy().into_owned()
}

fn summary(args: &[&str]) -> Value {
    let out = run(["replay", "--json"].iter().chain(args));
    serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&out.stderr)))
}

#[test]
fn exit_codes_are_the_contract_s() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).expect("written");
        path.to_string_lossy().into_owned()
    };
    let whole = std::fs::read(demo()).expect("readable");
    let cut = file("cut.pcap", &whole[..whole.len() - 7]);
    let garbage = file("garbage.pcap", b"this is no capture at all");
    let empty = file("empty.pcap", b"");
    let bad_config = file("bad.toml", b"hom = \"US\"\n[limits]\nflows_max = -3\n");
    let bad_policy = file("bad-policy.toml", b"[[rule]]\nid = 1\n");
    let cases: &[(&[&str], i32)] = &[
        (&["replay", "--quiet", &demo()], 0),
        (&["replay", "--quiet", &cut], 1),
        (&["replay", "--quiet", &garbage], 1),
        (&["replay", "--quiet", &empty], 1),
        (&["replay", "--quiet", "/nonexistent/capture.pcap"], 1),
        (&["replay", "--quiet", "--filter", "not a filter", &demo()], 3),
        (&["replay"], 2),
        (&["replay", "--no-such-flag", &demo()], 2),
        (&["no-such-command"], 2),
        (&["replay", "--home", "XQ", &demo()], 3),
        (&["replay", "--local", "10.0.0.0/99", &demo()], 3),
        (&["replay", "--threads", "0", &demo()], 3),
        (&["replay", "-c", &bad_config, &demo()], 3),
        (&["replay", "-c", "/nonexistent.toml", &demo()], 3),
        (&["replay", "--policy", "no-such-policy", &demo()], 3),
        (&["replay", "--policy", &bad_policy, &demo()], 3),
        (&["replay", "--geoip", &garbage, &demo()], 3),
        (&["replay", "--signatures", &bad_policy, &demo()], 3),
        (&["check", "-c", &bad_config], 3),
        (&["check", "--home", "US"], 0),
        (&["replay", "--quiet", "--home", "US", "--fail-on", "violation", &demo()], 10),
        (&["replay", "--quiet", "--home", "US", &demo()], 0),
        (&["signatures", "list"], 0),
        (&["signatures", "show", "us-ssn"], 0),
        (&["policies", "list"], 0),
        (&["--version"], 0),
        (&["--help"], 0),
    ];
    for (args, code) in cases {
        let out = run(*args);
        assert_eq!(out.status.code(), Some(*code), "{args:?}: {}", text(&out.stderr));
        assert!(*code == 0 || *code == 10 || !out.stderr.is_empty(), "{args:?} fails without a word");
    }
}

#[test]
fn all_problems_of_a_configuration_are_told_at_once_with_line_and_hint() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("borderpost.toml");
    std::fs::write(&path, "hom = \"US\"\nlocal = [\"10.0.0.0/8\", \"10.0.0.0/99\"]\n").expect("written");
    let out = run(["check".as_ref(), "-c".as_ref(), path.as_os_str()]);
    let stderr = text(&out.stderr);
    assert!(stderr.contains("borderpost.toml:1") && stderr.contains("home"), "{stderr}");
    let out = run(["check".as_ref(), "--home".as_ref(), "XQ".as_ref(), "-c".as_ref(), path.as_os_str()]);
    let stderr = text(&out.stderr);
    assert!(
        stderr.contains("borderpost.toml:1") && stderr.contains("XQ"),
        "flags and file are told together: {stderr}"
    );
}

#[test]
fn a_damaged_capture_is_counted_to_its_last_whole_packet() {
    let whole = std::fs::read(demo()).expect("readable");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("cut.pcap");
    std::fs::write(&path, &whole[..whole.len() - 1]).expect("written");
    let cut = summary(&[path.to_str().expect("UTF-8")]);
    let full = summary(&[&demo()]);
    let capture = &cut["captures"][0];
    assert_eq!(capture["complete"], false);
    assert!(capture["error"].as_str().is_some_and(|error| error.contains("offset")), "{capture}");
    assert_eq!(cut["packets"]["total"].as_u64(), full["packets"]["total"].as_u64().map(|total| total - 1));
    assert_eq!(full["captures"][0]["complete"], true);
    assert_eq!(full["captures"][0]["error"], Value::Null);
}

#[test]
fn standard_input_reads_like_the_file() {
    let mut child = borderpost()
        .args(["replay", "--home", "US", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    child.stdin.take().expect("a pipe").write_all(&std::fs::read(demo()).expect("readable")).expect("read");
    let out = child.wait_with_output().expect("ends");
    let mut from_pipe: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let mut from_file = summary(&["--home", "US", &demo()]);
    from_pipe["captures"][0]["path"] = Value::Null;
    from_file["captures"][0]["path"] = Value::Null;
    assert_eq!(from_pipe, from_file);
}

#[test]
fn a_capture_cut_in_two_files_reads_like_one() {
    let whole = std::fs::read(demo()).expect("readable");
    let mut at = 24;
    for _ in 0..80 {
        at += 16 + u32::from_le_bytes(whole[at + 8..at + 12].try_into().expect("four octets")) as usize;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (a, b) = (dir.path().join("a.pcap"), dir.path().join("b.pcap"));
    std::fs::write(&a, &whole[..at]).expect("written");
    std::fs::write(&b, [&whole[..24], &whole[at..]].concat()).expect("written");
    // Later file first on the command line: time decides.
    let mut two = summary(&["--home", "US", b.to_str().expect("UTF-8"), a.to_str().expect("UTF-8")]);
    let mut one = summary(&["--home", "US", &demo()]);
    two["captures"] = Value::Null;
    one["captures"] = Value::Null;
    // The digests' key comes from the first file; the summary has none.
    assert_eq!(two, one);
}

#[test]
fn data_goes_to_stdout_and_words_to_stderr() {
    let out = run(["replay", "--local", "192.0.2.0/24", "--json", &demo()]);
    assert!(serde_json::from_slice::<Value>(&out.stdout).is_ok());
    assert!(text(&out.stderr).contains("--local"), "{}", text(&out.stderr));
    let out = run(["replay", "--home", "US", &demo()]);
    assert_eq!(text(&out.stderr), "");
    let stdout = text(&out.stdout);
    assert!(!stdout.contains('\u{1b}'), "no colour in a pipe");
    assert!(stdout.lines().all(|line| line.chars().count() <= 80), "fits 80 columns");
    assert!(stdout.contains("DB-IP"), "attribution");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let mut child = borderpost()
        .args(["replay", "--home", "US", "--events", "-", &demo()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    let out = child.wait_with_output().expect("ends");
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
}
