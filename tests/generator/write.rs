//! Writes the project's own captures to tests/captures.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

#[path = "mod.rs"]
mod generator;

fn main() -> std::io::Result<()> {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    for made in generator::all() {
        std::fs::write(dir.join(made.name), &made.octets)?;
    }
    Ok(())
}
