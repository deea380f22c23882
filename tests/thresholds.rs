//! Thresholds from packets to events: the same for any number of threads, and remembered from one run to the next.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::path::{Path, PathBuf};

use common::{run, text};
use serde_json::Value;

/// The capture holds 30 persons.
const CAPTURE: &str = "tests/cases/5-backup-after-deletion-date/until-deletion/capture.pcap";
const LATER: &str = "tests/cases/5-backup-after-deletion-date/one-day-after/capture.pcap";

struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new(over: u32) -> Self {
        let bench = Self { dir: tempfile::tempdir().expect("a temporary folder") };
        let policy = format!(
            "[policy]\nid = \"p\"\n[[rule]]\nid = \"few\"\nsignatures = [\"us-ssn\", \"email\"]\nto = [\"SG\"]\nseverity = \"high\"\n\
decision = \"deny\"\nreason = \"r\"\ncount = {{ unit = \"persons\", over = {over}, window = \"calendar-year\" }}\n"
        );
        std::fs::write(bench.path("p.toml"), policy).expect("written");
        bench.key(b"0123456789abcdef0123456789abcdef");
        let config = "policy = [\"./p.toml\"]\ndigest-key-file = \"key\"\n";
        std::fs::write(bench.path("borderpost.toml"), config).expect("written");
        bench
    }

    fn key(&self, key: &[u8]) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(self.path("key"), key).expect("written");
        std::fs::set_permissions(self.path("key"), std::fs::Permissions::from_mode(0o600)).expect("set");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn replay(&self, capture: &str, more: &[&str]) -> (Option<i32>, String, String) {
        let config = self.path("borderpost.toml");
        let config = config.to_str().expect("UTF-8");
        let out = run(["replay", "-c", config, "--events", "-", capture].iter().chain(more));
        (out.status.code(), text(&out.stdout), text(&out.stderr))
    }
}

fn count(events: &str, kind: &str) -> usize {
    events.lines().filter(|line| serde_json::from_str::<Value>(line).expect("JSON")["event_type"] == kind).count()
}

#[test]
fn what_is_over_the_count_is_a_violation_and_the_rest_is_not() {
    let bench = Bench::new(20);
    let (code, events, stderr) = bench.replay(CAPTURE, &[]);
    assert_eq!(code, Some(0), "{stderr}");
    // Persons 21 to 30, each with number and address; the row that brings the 21st number comes before its address or after.
    let violations = count(&events, "violation");
    assert!((19..=20).contains(&violations), "{violations}");
    assert_eq!(count(&events, "notice"), 1);
    assert!(stderr.contains("rule p/few: 16 of 20 persons within its window (calendar-year) went to "), "{stderr}");
    let flow = events
        .lines()
        .rfind(|line| line.contains("\"event_type\":\"flow\"") && line.contains("\"SG\""))
        .expect("a flow");
    assert!(flow.contains("\"verdict\":\"violation\""), "{flow}");
    let config = bench.path("borderpost.toml");
    let out = run(["replay", "-c", config.to_str().expect("UTF-8"), "--json", CAPTURE]);
    let summary: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let sum: u64 = summary["violations"].as_array().expect("a list").iter().filter_map(|v| v["count"].as_u64()).sum();
    assert_eq!(sum, violations as u64, "{summary:#}");
    for threads in ["2", "5"] {
        assert_eq!(bench.replay(CAPTURE, &["--threads", threads]).1, events, "{threads} threads");
    }
}

#[test]
fn a_later_run_goes_on_where_the_first_ended() {
    let bench = Bench::new(29);
    let state = bench.path("counts");
    let state = state.to_str().expect("UTF-8");
    // On its own every run ends at the 30th person.
    let alone = count(&bench.replay(LATER, &[]).1, "violation");
    assert!((1..=2).contains(&alone), "{alone}");
    assert_eq!(count(&bench.replay(CAPTURE, &["--state", state]).1, "violation"), alone);
    assert!(Path::new(state).is_file());
    let before = std::fs::read(state).expect("there");
    // The same persons again: all of their numbers and addresses are over the count now.
    assert_eq!(count(&bench.replay(LATER, &["--state", state]).1, "violation"), 60);
    assert_eq!(std::fs::read(state).expect("there").len(), before.len(), "nobody new");
    // What is known can be looked at without the key, and tells nobody.
    let shown: Value = serde_json::from_slice(&run(["state", "--json", state]).stdout).expect("JSON");
    let email = &shown.as_array().expect("rows").iter().find(|row| row["signature"] == "email").expect("a row").clone();
    assert_eq!(
        (&email["rule"], &email["count"], &email["exact"]),
        (&"p/few".into(), &30.into(), &true.into()),
        "{shown}"
    );
    assert!(email["last"].as_str().is_some_and(|day| day.len() == 10), "{shown}");
    let table = text(&run(["state", state]).stdout);
    assert!(table.contains("p/few") && table.contains("30"), "{table}");
    let left: Vec<_> =
        std::fs::read_dir(bench.dir.path()).expect("readable").flatten().map(|e| e.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".borderpost-")), "{left:?}");
}

#[test]
fn counts_that_cannot_be_gone_on_with_are_refused() {
    let bench = Bench::new(29);
    let state = bench.path("counts");
    let state = state.to_str().expect("UTF-8");
    assert_eq!(bench.replay(CAPTURE, &["--state", state]).0, Some(0));
    bench.key(b"another key, another key, another key");
    let (code, _, stderr) = bench.replay(CAPTURE, &["--state", state]);
    assert!(code == Some(3) && stderr.contains("another digest key"), "{stderr}");
    bench.key(b"0123456789abcdef0123456789abcdef");
    let whole = std::fs::read(state).expect("there");
    std::fs::write(state, &whole[..whole.len() - 1]).expect("written");
    let (code, _, stderr) = bench.replay(CAPTURE, &["--state", state]);
    assert!(code == Some(3) && stderr.contains("damaged"), "{stderr}");
    let out = run(["replay", "--home", "US", "--state", state, CAPTURE]);
    assert_eq!(out.status.code(), Some(3));
    assert!(text(&out.stderr).contains("digest-key-file"), "{}", text(&out.stderr));
}

/// Counts of so many persons under a rule that no policy has, as `--state` keeps them (src/engine/tally/file.rs).
fn many(key: &[u8], persons: u64) -> Vec<u8> {
    use sha2::{Digest as _, Sha256};
    let text = |text: &str| [&(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
    let key: [u8; 32] = Sha256::digest(key).into();
    let check = Sha256::new().chain_update(b"borderpost counts").chain_update(key).finalize();
    let mut out = [&b"borderpost counts 1\n"[..], &check[..16], &1u32.to_le_bytes()].concat();
    out.extend([text("old/rule"), text("somebody"), 1u16.to_le_bytes().to_vec(), text("us-ssn"), vec![0]].concat());
    out.extend((persons as u32).to_le_bytes());
    for person in 0..persons {
        // 1 March 2026.
        out.extend([&person.to_be_bytes()[..], &20_513u16.to_be_bytes()].concat());
    }
    let sum = Sha256::digest(&out);
    out.extend(sum);
    out
}

/// A program that is killed while it saves leaves the old counts or the new ones, whole, and the next run goes on with them.
#[test]
fn kill_9_while_saving_loses_nothing() {
    let key = b"0123456789abcdef0123456789abcdef";
    let bench = Bench::new(29);
    let state = bench.path("counts");
    let old = many(key, 150_000);
    let config = bench.path("borderpost.toml");
    let state_text = state.to_str().expect("UTF-8");
    let args = ["replay", "-c", config.to_str().expect("UTF-8"), "--quiet", "--state", state_text, CAPTURE];
    let saving = || {
        let entries = std::fs::read_dir(bench.dir.path()).expect("readable").flatten();
        entries.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().starts_with(".borderpost-"))
    };
    let mut killed_while_saving = 0;
    // A busy machine may look away while it saves: tried again until kills came in time.
    for round in 0..40u64 {
        if killed_while_saving >= 3 {
            break;
        }
        std::fs::write(&state, &old).expect("written");
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_borderpost"))
            .args(args)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("started");
        while !saving() && child.try_wait().expect("a child").is_none() {
            std::thread::yield_now();
        }
        // A little later each time: in the middle of the octets, of the sync, of the rename.
        std::thread::sleep(std::time::Duration::from_millis(round % 4));
        let was_running = child.try_wait().expect("a child").is_none();
        child.kill().expect("SIGKILL");
        child.wait().expect("reaped");
        let now = std::fs::read(&state).expect("there");
        killed_while_saving += u32::from(was_running && now == old);
        assert!(now == old || now.starts_with(b"borderpost counts 2\n"), "neither the old nor the new, round {round}");
        for entry in std::fs::read_dir(bench.dir.path()).expect("readable").flatten() {
            if entry.file_name().to_string_lossy().starts_with(".borderpost-") {
                std::fs::remove_file(entry.path()).expect("removed");
            }
        }
        // Whichever it is, it is whole: the next run accepts it and goes on.
        let out = run(args);
        assert_eq!(out.status.code(), Some(0), "round {round}: {}", text(&out.stderr));
    }
    if killed_while_saving == 0 {
        eprintln!("skipped in part: this machine is too busy to kill a program while it saves");
    }
    let counts = std::fs::read(&state).expect("there");
    assert!(counts.len() > old.len(), "who was counted before is still counted");
}
