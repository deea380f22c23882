//! The committed captures are what the generator makes: nobody edits them by hand, and a change of the generator shows.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

#[path = "generator/mod.rs"]
mod generator;

#[test]
fn committed_captures_are_what_the_generator_makes() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    for made in generator::all() {
        let committed = std::fs::read(dir.join(made.name)).unwrap_or_default();
        assert!(committed == made.octets, "{} differs: cargo run --example make-captures", made.name);
    }
}
