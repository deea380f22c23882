//! Tools around policies and places: `borderpost diff`, what `borderpost check` remarks, `borderpost geoip update`.

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

#[test]
fn what_is_fetched_is_verified_before_it_takes_a_place() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("good.csv"), "192.0.2.0/24,SG,,,\n").expect("written");
    std::fs::write(path("bad.csv"), "192.0.2.0/99,SG,,,\n").expect("written");
    let config = path("c.toml");
    let update = |command: &str| {
        let text = format!("ranges = [\"feed.csv\"]\n[[updates]]\nfile = \"feed.csv\"\ncommand = {command}\n");
        std::fs::write(&config, text).expect("written");
        let out = run(["geoip".as_ref(), "update".as_ref(), "-c".as_ref(), config.as_os_str()]);
        (out.status.code(), text_of(&out.stdout) + &text_of(&out.stderr))
    };
    fn text_of(octets: &[u8]) -> String {
        text(octets)
    }
    let copy = |name: &str| format!("[\"cp\", \"{}\", \"{{}}\"]", path(name).display());
    let (code, said) = update(&copy("good.csv"));
    assert_eq!(code, Some(0), "{said}");
    let good = std::fs::read(path("feed.csv")).expect("in place");
    for (command, why) in [
        (copy("bad.csv"), "stays as it was"),
        ("[\"false\"]".to_owned(), "exit status: 1"),
        ("[\"true\"]".to_owned(), "wrote nothing"),
        ("[\"/no/such/program\"]".to_owned(), "No such file"),
    ] {
        let (code, said) = update(&command);
        assert!(code == Some(1) && said.contains(why), "{command}: {said}");
        assert_eq!(std::fs::read(path("feed.csv")).expect("still there"), good);
    }
    let out = run(["explain".as_ref(), "192.0.2.1".as_ref(), "-c".as_ref(), config.as_os_str()]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let left = std::fs::read_dir(dir.path())
        .expect("readable")
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().starts_with(".borderpost-"));
    assert_eq!(left.count(), 0);
}
