//! What the daemon takes away from itself with Landlock once its files and sockets are open: it can read (a reload must), it can
//! write below the folders of its outputs and nowhere else, and it can neither execute, nor connect or listen over TCP. Data that was
//! captured has no way out but the outputs that were configured.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, NetPort, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, path_beneath_rules,
};

/// The newest rights that are asked for; an older kernel gives those it knows.
const KNOWN: ABI = ABI::V5;

/// `connect` is the one TCP port that events may go to. Returns how much of it the kernel enforces, in a word for the log.
///
/// # Errors
/// When the kernel knows Landlock and refuses all the same.
pub(super) fn enter(writable: &[PathBuf], connect: Option<u16>) -> Result<&'static str, RulesetError> {
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .create()?
        .add_rules(path_beneath_rules(["/"], AccessFs::ReadFile | AccessFs::ReadDir))?
        // No devices, sockets or pipes are made, and nothing is executed.
        .add_rules(path_beneath_rules(
            writable,
            AccessFs::WriteFile | AccessFs::Truncate | AccessFs::MakeReg | AccessFs::RemoveFile,
        ))?
        .add_rules(connect.map(|port| Ok::<_, RulesetError>(NetPort::new(port, AccessNet::ConnectTcp))))?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => "full",
        RulesetStatus::PartiallyEnforced => "partial",
        RulesetStatus::NotEnforced => "none",
    })
}

/// The folder that must stay writable for a file to be written, renamed and begun anew.
pub(super) fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_can_be_written_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
        std::fs::create_dir(&inside).unwrap();
        std::fs::create_dir(&outside).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // Only this thread is restricted.
        let enforced = std::thread::spawn(move || {
            let enforced = enter(&[folder(&inside.join("events"))], None).unwrap();
            if enforced == "none" {
                eprintln!("SKIPPED: this kernel has no Landlock");
                return enforced;
            }
            std::fs::write(inside.join("events"), "x").unwrap();
            std::fs::rename(inside.join("events"), inside.join("events.1")).unwrap();
            std::fs::write(inside.join("events"), "x").unwrap();
            std::fs::remove_file(inside.join("events")).unwrap();
            assert!(std::fs::write(outside.join("leak"), "x").is_err());
            assert!(std::fs::read_dir(&outside).is_ok());
            assert!(std::process::Command::new("/bin/true").status().is_err());
            if enforced == "full" {
                assert!(std::net::TcpStream::connect(address).is_err());
                assert!(std::net::TcpListener::bind("127.0.0.1:0").is_err());
            }
            enforced
        });
        enforced.join().unwrap();
        assert!(std::net::TcpStream::connect(address).is_ok(), "the rest of the process is as before");
    }
}
