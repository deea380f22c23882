//! User data is radioactive: what is planted in a capture must not come out of Borderpost in the clear, in any output, diagnostics
//! included.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

#[path = "generator/mod.rs"]
mod generator;

use common::{own_capture, run, text};

/// Every personal value in the demo capture, and parts of values long enough to be telling.
const PLANTED: &[&str] = &[
    "D1234562",
    "1234562",
    "Alex Sample",
    "Sample",
    "SAMPLE",
    "sample.alex",
    "1990-01-01",
    "01011990",
    "1 Example Street",
    "EXAMPLE ST",
    "90001",
    "203.0.113.7",
    "899-45-6789",
    "899456789",
    "45-6789",
    "alex@example.com",
    "user000@",
    "+12025550143",
    "2025550143",
    "001011000000014",
    "6F1C2D3E-4A5B-4C6D-8E7F-901234567890",
    "7234567890123456789",
    "7234567890110000000",
    "7234567890123456001",
    "198.51.100.1",
    "198.51.100.23",
    "X00000001",
    "X000000012UTO",
    "BORDERPOST<<TEST",
    "Robin Example",
    "kim@example.org",
    "1988-04-12",
    "37.7710",
];

#[test]
fn planted_values_never_come_out() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let capture = own_capture("demo.pcap").to_string_lossy().into_owned();
    let outputs = ["events.jsonl", "flows.csv", "metrics.prom", "report.html"];
    let base = ["replay", "--home", "US"];
    let json = run(base.iter().map(ToString::to_string).chain([
        "--json".into(),
        "--events".into(),
        path(outputs[0]),
        "--flows".into(),
        path(outputs[1]),
        "--metrics".into(),
        path(outputs[2]),
        "--report".into(),
        path(outputs[3]),
        capture.clone(),
    ]));
    assert!(json.status.success(), "{}", text(&json.stderr));
    let tables = run(base.iter().map(ToString::to_string).chain([capture]));
    let mut everything = vec![
        ("--json".to_owned(), json.stdout),
        ("stderr".to_owned(), [json.stderr, tables.stderr].concat()),
        ("tables".to_owned(), tables.stdout),
    ];
    for name in outputs {
        everything.push((name.to_owned(), std::fs::read(path(name)).expect("written")));
    }
    let events = text(&everything[3].1);
    assert!(events.matches("\"event_type\":\"finding\"").count() > 50, "the test must have something to leak");
    for (name, octets) in &everything {
        let content = text(octets);
        for value in PLANTED {
            assert!(!content.contains(value), "{name} shows {value}");
        }
    }
}

/// The list above is about the demo capture: a value that is not in it would test nothing.
#[test]
fn what_is_searched_for_is_there() {
    use std::io::Read as _;
    let capture = generator::demo::capture();
    let gzip_at = capture.windows(4).position(|w| w == [0x1f, 0x8b, 8, 0]).expect("a gzip body");
    // Stored blocks: the rows are in the capture as they are, cut by segment headers.
    let mut probe = [0; 2];
    (&capture[gzip_at..]).read_exact(&mut probe).expect("two octets");
    let haystack = String::from_utf8_lossy(&capture).into_owned();
    for value in
        PLANTED.iter().filter(|value| !["1 Example Street", "2025550143", "899456789", "37.7710"].contains(value))
    {
        assert!(haystack.contains(value), "{value} is not in the demo capture");
    }
}
