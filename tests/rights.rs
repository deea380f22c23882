//! What the daemon may still do once it runs: every thread of it is looked at in /proc, while all it serves is asked of it. Needs root to
//! have something to give up; says so where it must skip.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;
#[path = "common/lo.rs"]
mod lo;

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use lo::Lo;

/// A user that is not root, whatever it is called.
const NOBODY: &str = "65534:65534";

/// By thread name, what proc(5) says of its rights.
fn threads(pid: u32) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut threads = BTreeMap::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/task")).expect("a process").flatten() {
        let Ok(status) = std::fs::read_to_string(entry.path().join("status")) else { continue };
        let fields = status.lines().filter_map(|line| line.split_once(':'));
        let mut fields: BTreeMap<String, String> =
            fields.map(|(key, value)| (key.to_owned(), value.trim().replace('\t', " "))).collect();
        let name = fields.remove("Name").expect("a name");
        threads.insert(format!("{name} {}", entry.file_name().display()), fields);
    }
    threads
}

#[test]
fn every_thread_has_given_up_its_rights_and_the_daemon_works_without_them() {
    if !lo::may_capture() || !lo::has("curl", "--version") {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).expect("set");
    let args = [
        "--user",
        NOBODY,
        "--events",
        "events.jsonl",
        "--metrics",
        "last.prom",
        "--threads",
        "2",
        "--local",
        "127.0.0.0/8",
    ];
    let mut daemon = Lo::start_as(dir, &args, None);
    let found = threads(daemon.child.id());
    assert!(found.len() >= 4, "{:?}", found.keys());
    for (name, fields) in &found {
        for (field, wanted) in [
            ("Uid", "65534 65534 65534 65534"),
            ("Gid", "65534 65534 65534 65534"),
            ("Groups", ""),
            ("CapEff", "0000000000000000"),
            ("CapPrm", "0000000000000000"),
            ("CapInh", "0000000000000000"),
            ("CapBnd", "0000000000000000"),
            ("CapAmb", "0000000000000000"),
            ("NoNewPrivs", "1"),
            ("Seccomp", "2"),
        ] {
            assert_eq!(fields[field], wanted, "{field} of {name}");
        }
    }
    assert!(daemon.log().contains("\"seccomp\":\"on\""), "{}", daemon.log());
    // Everything it does goes on under the filter: scrapes, reloads, events, rotation by others, the end.
    for path in ["/metrics", "/-/healthy", "/-/ready", "/api/v1/status", "/api/v1/flows"] {
        assert_eq!(daemon.curl("http", path, &[]).0, 200, "{path}");
    }
    std::fs::rename(daemon.path("events.jsonl"), daemon.path("moved")).expect("renamed");
    for _ in 0..3 {
        assert_eq!(daemon.curl("http", "/-/reload", &["-X", "POST"]), (200, "reloaded\n".to_owned()));
    }
    daemon.until("a new file is there", |daemon| daemon.path("events.jsonl").exists());
    assert_eq!(daemon.curl("http", "/-/quit", &["-X", "POST"]).0, 200);
    assert_eq!(daemon.child.wait().expect("ended").code(), Some(0), "{}", daemon.log());
    let events = std::fs::metadata(daemon.path("events.jsonl")).expect("events");
    assert!(events.uid() == 65534 && events.len() > 0);
    assert!(std::fs::read_to_string(daemon.path("last.prom")).expect("metrics").contains("borderpost_build_info"));
}

#[test]
fn followed_interfaces_leave_one_capability() {
    if !lo::may_capture() {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("c.toml"), "follow-interfaces = true\n").expect("written");
    let daemon = Lo::start_as(dir, &["--user", NOBODY, "-c", "c.toml"], None);
    for (name, fields) in threads(daemon.child.id()) {
        assert_eq!(fields["CapEff"], "0000000000002000", "CAP_NET_RAW alone: {name}");
        assert_eq!(fields["Uid"], "65534 65534 65534 65534");
    }
}

#[test]
fn root_is_refused_and_so_is_a_user_that_is_not_there() {
    if !lo::may_capture() {
        return;
    }
    let out = common::run(["run", "-i", "lo", "--web.listen-address", "127.0.0.1:0"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(common::text(&out.stderr).contains("refuses to run as root"));
    for user in ["no-such-user", "root", "0:0"] {
        let out = common::run(["run", "-i", "lo", "--user", user]);
        assert_eq!(out.status.code(), Some(3), "{user}");
    }
}
