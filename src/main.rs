//! The `borderpost` program: everything is in the library.

fn main() -> std::process::ExitCode {
    borderpost::cli::run()
}
