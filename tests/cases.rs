//! `borderpost test`: the project's own cases pass, and a case that does not says why in words.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::path::Path;

use common::{own_capture, run, text};

#[test]
fn the_project_s_cases_come_out_as_expected() {
    let out = run(["test", "tests/cases"]);
    let tap = text(&out.stdout);
    assert_eq!(out.status.code(), Some(0), "{tap}{}", text(&out.stderr));
    let cases = common::files_below(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases")));
    let cases = cases.iter().filter(|path| path.ends_with("case.toml")).count();
    assert!(tap.starts_with(&format!("TAP version 14\n1..{cases}\nok 1 - ")), "{tap}");
    assert_eq!(tap.lines().count(), cases + 2, "{tap}");
}

/// What `borderpost test` prints for one case on the demo.
fn outcome(case: &str, format: &str) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let folder = dir.path().join("a/b");
    std::fs::create_dir_all(&folder).expect("made");
    std::fs::copy(own_capture("demo.pcap"), folder.join("demo.pcap")).expect("copied");
    std::fs::write(folder.join("case.toml"), case).expect("written");
    let out = run(["test".as_ref(), "--format".as_ref(), format.as_ref(), dir.path().as_os_str()]);
    (out.status.code(), text(&out.stdout).replace(&*dir.path().to_string_lossy(), "DIR"))
}

#[test]
fn every_difference_is_told() {
    let (code, tap) = outcome(
        r#"
title = "the demo"
[options]
home = "US"
[[violation]]
rule = "home/critical-data"
signature = "us-ssn"
location = "SG"
count = 199
[[violation]]
rule = "home/critical-data"
signature = "iban"
[[finding]]
signature = "imei"
count = 2
[[finding]]
signature = "iban"
[[egress]]
location = "CN"
flows = 7
[[egress]]
location = "US"
[[undetermined]]
reason = "encrypted"
flows = 3
"#,
        "tap",
    );
    assert_eq!(code, Some(1), "{tap}");
    for line in [
        "not ok 1 - a/b: the demo",
        "    - line 5: violation home/critical-data, us-ssn, location SG: expected 199, found 200",
        "    - line 10: violation home/critical-data, iban: expected 1, found 0",
        "    - line 13: finding imei: expected 2, found 1",
        "    - line 16: finding iban: expected one or more, found 0",
        "    - line 18: egress to location CN: expected 7 flows, found 2",
        "    + violation that is not expected, 1 times: home/critical-data, us-ssn, class government-id, field content.user.ssn, \
from 10.20.3.7, to 101.126.22.5, server open.feishu.cn, location CN, control CN",
    ] {
        assert!(tap.lines().any(|found| found == line), "no line {line:?} in\n{tap}");
    }
    assert!(tap.contains("undetermined flows to anywhere for encrypted: expected 3"), "{tap}");
    assert!(!tap.contains("location US"), "{tap}");
    assert!(!tap.contains("899-45-6789"), "no value is told");
}

#[test]
fn an_expectation_that_is_full_leaves_the_rest_to_the_next() {
    let violation = |signature: &str, count: u32| {
        format!("[[violation]]\nrule = \"p/r\"\nsignature = \"{signature}\"\ncount = {count}\n")
    };
    let policy = "[policy]\nid = \"p\"\n[[rule]]\nid = \"r\"\nsignatures = [\"us-ssn\"]\nto = [\"!US\"]\ndecision = \"deny\"\nreason = \"r\"\n";
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(dir.path().join("p.toml"), policy).expect("written");
    let options = format!("[options]\npolicy = [\"{}\"]\n", dir.path().join("p.toml").display());
    let (code, tap) = outcome(&format!("{options}{}{}", violation("us-ssn", 200), violation("us-ssn", 1)), "tap");
    assert_eq!(code, Some(0), "{tap}");
    let (code, tap) = outcome(&format!("{options}{}", violation("us-ssn", 200)), "tap");
    assert_eq!(code, Some(1), "{tap}");
    assert!(tap.contains("expected 200, found 201"), "{tap}");
}

#[test]
fn a_case_that_cannot_be_read_fails_alone_with_all_its_problems() {
    let (code, tap) = outcome("[options]\nhom = \"US\"\nflows = \"x.csv\"\n[[violation]]\ncount = -1\n", "tap");
    assert_eq!(code, Some(1), "{tap}");
    for words in
        ["case.toml:2: unknown key `hom` in [options]", "`rule` in [[violation]] is missing", "`count` cannot be -1"]
    {
        assert!(tap.contains(words), "no {words:?} in\n{tap}");
    }
    let (_, tap) = outcome("[options]\nhome = \"US\"\nevents = \"e.jsonl\"\n", "tap");
    assert!(tap.contains("a case writes nothing"), "{tap}");
    let (code, junit) = outcome("title = \"<&>\"\n[options]\nhome = \"US\"\n", "junit");
    assert_eq!(code, Some(1));
    assert!(junit.contains("<testcase classname=\"a/b\" name=\"&lt;&amp;&gt;\">\n<failure message="), "{junit}");
    let empty = tempfile::tempdir().expect("a temporary folder");
    let out = run(["test".as_ref(), empty.path().as_os_str()]);
    assert_eq!((out.status.code(), text(&out.stdout).as_str()), (Some(1), ""));
    assert!(text(&out.stderr).contains("case.toml"));
}
