//! Tools around policies: `borderpost diff`, and what `borderpost check` remarks.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use common::{run, text};

const AFTER: &str = "tests/cases/5-backup-after-deletion-date/one-day-after/capture.pcap";

fn policy(dir: &tempfile::TempDir, name: &str, rules: &str) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, format!("[policy]\nid = \"p\"\n{rules}")).expect("written");
    path.to_string_lossy().into_owned()
}

#[test]
fn diff_tells_which_verdicts_change_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let deny =
        "[[rule]]\nid = \"sg\"\nclasses = [\"government-id\"]\nto = [\"SG\"]\ndecision = \"deny\"\nreason = \"r\"\n";
    let both = format!(
        "{deny}[[rule]]\nid = \"mail\"\nsignatures = [\"email\"]\nto = [\"SG\"]\ndecision = \"deny\"\nreason = \"r\"\n"
    );
    let nothing = policy(&dir, "none.toml", "");
    let deny = policy(&dir, "deny.toml", deny);
    let both = policy(&dir, "both.toml", &both);
    let diff = |a: &str, b: &str| {
        let out = run(["diff", "--home", "US", "--policy", a, "--policy", b, AFTER]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        text(&out.stdout)
    };
    let to = "backup-sg.example.net (location SG, control ZZ)";
    assert_eq!(
        diff(&nothing, &deny),
        format!("flows to {to}: allowed -> violation: 1\nviolations of p/sg: us-ssn to {to}: 0 -> 30\n")
    );
    assert_eq!(diff(&deny, &both), format!("violations of p/mail: email to {to}: 0 -> 30\n"));
    assert_eq!(diff(&both, &both), "no verdict changes\n");
    assert_eq!(diff(&format!("{deny}+us-dsp"), &deny), "no verdict changes\n");
    let out = run(["diff", "--policy", &deny, AFTER]);
    assert_eq!(out.status.code(), Some(3));
    assert!(text(&out.stderr).contains("--policy twice"), "{}", text(&out.stderr));
}

#[test]
fn check_remarks_what_never_decides_and_what_is_over() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let rules = "[[rule]]\nid = \"a\"\nto = [\"SG\"]\ndecision = \"report\"\nreason = \"r\"\n[[rule]]\nid = \"b\"\nto = [\"SG\"]\n\
decision = \"deny\"\nreason = \"r\"\n[[rule]]\nid = \"c\"\nto = [\"CN\"]\ndecision = \"deny\"\nreason = \"r\"\nuntil = 2020-01-01\n";
    let path = policy(&dir, "odd.toml", rules);
    let out = run(["check", "--home", "US", "--policy", &path, "--policy", "project-texas"]);
    assert_eq!(out.status.code(), Some(0));
    let stderr = text(&out.stderr).replace(&path, "odd.toml");
    assert!(
        stderr.contains("odd.toml:3: rule `a` never decides: rule `b` (line 8) is about all of it and is stricter"),
        "{stderr}"
    );
    assert!(stderr.contains("odd.toml:13: rule `c` holds no longer: its days are over"), "{stderr}");
    assert!(!stderr.contains("joint-venture") && !stderr.contains("outside"), "{stderr}");
}
