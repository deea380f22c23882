//! docs/coverage.md is complete and true: every protocol that is recognised and every coding has a row, and every capture that a
//! row names as its proof is there.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use borderpost::model::{AppProto, Coding};

/// The cells of every row.
fn rows() -> Vec<[String; 4]> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/coverage.md")).expect("readable");
    let rows = page.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|line| {
        let cells: Vec<String> = line.trim_matches('|').split(" |").map(|cell| cell.trim().to_owned()).collect();
        cells.try_into().unwrap_or_else(|cells| panic!("not four cells: {cells:?}"))
    })
    .collect()
}

/// What stands in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_protocol_and_coding_has_a_row() {
    let rows = rows();
    let told: BTreeSet<&str> = rows.iter().flat_map(|[what, ..]| quoted(what)).collect();
    let protocols = AppProto::ALL.iter().filter(|app| **app != AppProto::Unknown).map(|app| app.as_str());
    let codings = Coding::ALL.iter().filter(|coding| **coding != Coding::Unknown).map(|coding| coding.as_str());
    let missing: Vec<&str> = protocols.chain(codings).filter(|word| !told.contains(word)).collect();
    assert!(missing.is_empty(), "without a row in docs/coverage.md: {missing:?}");
}

#[test]
fn every_proof_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = common::shared();
    let mut gone = Vec::new();
    for [what, read, proof, _] in rows() {
        assert!(!proof.is_empty() || read.starts_with("nothing"), "{what}: no proof");
        for path in quoted(&proof).filter(|word| word.contains('/')) {
            let there = match &shared {
                _ if path.starts_with("tests/") => root.join(path).exists(),
                Some(shared) => shared.join("captures").join(path).exists(),
                None => true,
            };
            if !there {
                gone.push(format!("{what}: {path}"));
            }
        }
    }
    assert!(gone.is_empty(), "{gone:#?}");
}
