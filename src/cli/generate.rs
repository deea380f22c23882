//! `borderpost generate DIR`, for those who package: manual pages, completions of shells, and the built-in policies as files.

use std::fs;
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::args::Cli;
use super::{Done, Failure};
use crate::policy::PolicySet;

/// Writes `man/`, `completions/` and `policies/` below the folder.
pub(super) fn generate(dir: &Path) -> Result<Done, Failure> {
    write(dir).map_err(|error| Failure::Runtime(format!("{}: {error}", dir.display())))?;
    Ok(Done::Well)
}

fn write(dir: &Path) -> std::io::Result<()> {
    let (man, completions, policies) = (dir.join("man"), dir.join("completions"), dir.join("policies"));
    for folder in [&man, &completions, &policies] {
        fs::create_dir_all(folder)?;
    }
    clap_mangen::generate_to(Cli::command(), &man)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Cli::command(), "borderpost", &completions)?;
    }
    for (name, text) in PolicySet::list() {
        fs::write(policies.join(format!("{name}.toml")), text)?;
    }
    Ok(())
}
