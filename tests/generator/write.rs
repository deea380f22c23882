//! Writes the project's own captures to tests/captures, and those of the cases to tests/cases.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

#[path = "mod.rs"]
mod generator;

fn main() -> std::io::Result<()> {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    for made in generator::all() {
        std::fs::write(dir.join(made.name), &made.octets)?;
    }
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for made in generator::cases() {
        let path = dir.join(made.name);
        std::fs::create_dir_all(path.parent().unwrap_or(&dir))?;
        std::fs::write(path, &made.octets)?;
    }
    Ok(())
}
