//! The committed captures are what the generator makes: nobody edits them by hand, and a change of the generator shows.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

#[path = "generator/mod.rs"]
mod generator;

#[test]
fn committed_captures_are_what_the_generator_makes() {
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for (dir, all) in [("captures", generator::all()), ("cases", generator::cases())] {
        for made in all {
            let committed = std::fs::read(tests.join(dir).join(made.name)).unwrap_or_default();
            assert!(committed == made.octets, "{dir}/{} differs: cargo run --example make-captures", made.name);
        }
    }
}
