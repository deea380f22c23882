//! The README shows what the program prints: the excerpt is compared line by line.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use common::{run, text};

#[test]
fn the_excerpt_is_real() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("readable");
    let block = readme.split("```console\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an excerpt");
    let mut lines = block.lines();
    let command = lines.next().and_then(|line| line.strip_prefix("$ borderpost ")).expect("a command");
    let out = run(command.split_whitespace());
    let printed = text(&out.stdout);
    let mut rest = printed.lines();
    for line in lines.filter(|line| *line != "...") {
        assert!(rest.any(|printed| printed == line), "not printed (or not in this order): {line}");
    }
}
