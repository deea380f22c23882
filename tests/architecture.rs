//! Rooms use only the rooms ARCHITECTURE.md lets them: read from the `use` lines and paths of the source itself.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

use std::collections::BTreeMap;
use std::path::Path;

mod common;

/// Room by room what it may use, from the table in ARCHITECTURE.md.
fn allowed() -> BTreeMap<String, Vec<String>> {
    let rooms = ["capture", "wire", "flow", "proto", "content", "scan", "geo", "policy"];
    let mut allowed = BTreeMap::new();
    allowed.insert("model".to_owned(), Vec::new());
    for room in rooms.iter().chain(&["export", "config"]) {
        allowed.insert((*room).to_owned(), vec!["model".to_owned()]);
    }
    let inner = rooms.iter().filter(|room| **room != "capture").chain(&["model"]).map(|room| (*room).to_owned());
    allowed.insert("engine".to_owned(), inner.collect());
    allowed
}

#[test]
fn no_room_reaches_where_it_must_not() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allowed = allowed();
    let mut broken = Vec::new();
    for file in common::files_below(&source) {
        let Some(room) = file.components().next().map(|c| c.as_os_str().to_string_lossy().into_owned()) else {
            continue;
        };
        let Some(may_use) = allowed.get(&room) else { continue };
        if file.extension().is_none_or(|extension| extension != "rs") || file.ends_with("tests.rs") {
            continue;
        }
        let code = std::fs::read_to_string(source.join(&file)).expect("readable");
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            for (at, _) in line.match_indices("crate::") {
                let target: String =
                    line[at + 7..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let is_room = allowed.contains_key(&target) || target == "cli";
                if is_room && target != room && !may_use.contains(&target) {
                    broken.push(format!("{}:{}: {room} uses {target}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(broken.is_empty(), "ARCHITECTURE.md does not allow:\n{}", broken.join("\n"));
}

#[test]
fn every_room_is_described() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).expect("readable");
    for entry in std::fs::read_dir(root.join("src")).expect("readable").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            assert!(text.contains(&format!("| `{name}` |")), "ARCHITECTURE.md has no row for src/{name}");
        }
    }
}
