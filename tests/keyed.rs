//! Sessions whose keys the operator has, through the whole program: what is inside is found, with the keys from a file or from the
//! capture, with any number of threads; and no key ever comes out.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::path::Path;

use borderpost::capture::write::PcapngWriter;
use borderpost::capture::{Captures, Secrets};
use common::{own_capture, run, text};
use serde_json::Value;

/// The files of a replay by name, standard output and standard error among them.
type Outputs = Vec<(&'static str, Vec<u8>)>;

fn replay(capture: &Path, options: &[&str]) -> Outputs {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let mut args: Vec<String> =
        ["replay", "--home", "US", "--local", "10.0.0.0/8", "--json"].map(str::to_owned).to_vec();
    for name in ["events", "flows", "metrics"] {
        args.extend([format!("--{name}"), path(name)]);
    }
    args.extend(options.iter().map(ToString::to_string));
    args.push(capture.to_string_lossy().into_owned());
    let out = run(args);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let mut all = vec![("stdout", out.stdout), ("stderr", out.stderr)];
    all.extend(["events", "flows", "metrics"].map(|name| (name, std::fs::read(path(name)).expect("written"))));
    all
}

fn capture() -> std::path::PathBuf {
    own_capture("keyed/tls.pcap")
}

fn key_log() -> String {
    own_capture("keyed/tls.pcap.keylog").to_string_lossy().into_owned()
}

fn summary(outputs: &Outputs) -> Value {
    serde_json::from_slice(&outputs[0].1).expect("JSON")
}

/// Names of servers with a finding of a social security number.
fn servers_with_findings(outputs: &Outputs) -> Vec<String> {
    let events = text(&outputs[2].1);
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let found = events.filter(|event| event["event_type"] == "finding" && event["finding"]["signature"] == "us-ssn");
    let mut names: Vec<String> = found.filter_map(|event| event["server_name"].as_str().map(str::to_owned)).collect();
    names.sort();
    names.dedup();
    names
}

/// The same frames as pcapng, with the key log in a Decryption Secrets Block before frame `before`.
fn with_secrets(into: &Path, before: usize) {
    let keys = std::fs::read(key_log()).expect("readable");
    let mut captures = Captures::open(&[capture()], None).expect("opens");
    let mut writer = PcapngWriter::new(std::fs::File::create(into).expect("creates")).expect("writes");
    let mut interface = None;
    let mut number = 0;
    while let Some(frame) = captures.next_frame() {
        let interface = *interface.get_or_insert_with(|| writer.interface(frame.link).expect("writes"));
        if number == before {
            writer.secrets(Secrets::TLS_KEY_LOG, &keys).expect("writes");
        }
        writer.frame(interface, frame.time, frame.wire_len, frame.data).expect("writes");
        number += 1;
    }
    writer.finish().expect("writes");
}

#[test]
fn what_is_inside_is_found_with_keys_alone() {
    let locked = replay(&capture(), &[]);
    assert_eq!(summary(&locked)["findings"], Value::Array(Vec::new()));
    let opaque = |outputs: &Outputs| summary(outputs)["egress"][0]["opaque_bytes"].as_u64().expect("a number");
    assert!(opaque(&locked) > 3000, "{}", opaque(&locked));

    let open = replay(&capture(), &["--keylog", &key_log()]);
    assert_eq!(servers_with_findings(&open).len(), 10, "{:?}", servers_with_findings(&open));
    assert_eq!(opaque(&open), 0);
    let bytes = |outputs: &Outputs| summary(outputs)["egress"][0]["bytes"].clone();
    assert_eq!(bytes(&open), bytes(&locked));
    assert!(text(&open[2].1).contains("\"field\":\"ssn\""));
}

#[test]
fn keys_in_the_capture_do_the_same_for_any_number_of_threads() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    // Wherever the block is in a batch of frames, it holds for all of the batch.
    for before in [0, 100] {
        let path = dir.path().join("keyed.pcapng");
        with_secrets(&path, before);
        let first = replay(&path, &[]);
        assert_eq!(servers_with_findings(&first).len(), 10);
        for threads in ["2", "5"] {
            assert!(replay(&path, &["--threads", threads]) == first, "{threads} threads differ from one");
        }
    }
}

#[test]
fn no_key_comes_out() {
    let log = std::fs::read_to_string(key_log()).expect("readable");
    let secrets: Vec<&str> =
        log.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.split(' ').skip(1)).collect();
    assert!(secrets.len() > 20, "the test must have something to leak");
    let mut everything = replay(&capture(), &["--keylog", &key_log()]);

    // Damaged: told by line, and nothing of it repeated.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let damaged = dir.path().join("damaged.log");
    std::fs::write(&damaged, log.replace("CLIENT_RANDOM ", "CLIENT_RANDOM").replace("_0 ", "_0 x")).expect("writes");
    for command in ["replay", "check"] {
        let config = dir.path().join("c.toml");
        std::fs::write(&config, "keylog = \"damaged.log\"\n").expect("writes");
        let mut args = vec![command.to_owned(), "-c".to_owned(), config.to_string_lossy().into_owned()];
        if command == "replay" {
            args.push(capture().to_string_lossy().into_owned());
        }
        let out = run(args);
        assert_eq!(out.status.code(), Some(3), "{command}");
        assert!(text(&out.stderr).contains("damaged.log:"), "{command}: {}", text(&out.stderr));
        everything.extend([("stderr of damage", out.stderr), ("stdout of damage", out.stdout)]);
    }
    for (name, octets) in &everything {
        let content = text(octets).to_lowercase();
        for secret in &secrets {
            // A part is as bad as the whole.
            for part in secret.as_bytes().chunks(16) {
                let part = String::from_utf8_lossy(part).to_lowercase();
                assert!(part.len() < 16 || !content.contains(&part), "{name} shows {part}");
            }
        }
        for value in ["899-45-67", "899456", "Alex Sample"] {
            assert!(!content.contains(&value.to_lowercase()), "{name} shows {value}");
        }
    }
}
