//! What several test binaries need: running the program, and the places of captures.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.
#![allow(dead_code, unreachable_pub)] // Each test binary uses its part.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use borderpost::engine::Rules;
use borderpost::geo::{GeoSettings, Locator};
use borderpost::model::{Frame, LinkType, Timestamp};
use borderpost::policy::PolicySet;
use borderpost::scan::Catalogue;

/// The program under test.
pub fn borderpost() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_borderpost"));
    command.env("NO_COLOR", "1").current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Runs it to the end.
pub fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    borderpost().args(args).output().expect("the program starts")
}

/// A capture of the project.
pub fn own_capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name)
}

/// The folder of real captures and their truth, beside the project; `None`, said on stderr, where it is not there.
pub fn shared() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if path.join("captures").is_dir() {
        return Some(path);
    }
    eprintln!("skipped: ../shared with real captures is not here");
    None
}

/// The built-in signatures and the policy of a home in the US, with such knowledge of places.
pub fn rules(places: &GeoSettings) -> Arc<Rules> {
    Arc::new(Rules {
        catalogue: Arc::new(Catalogue::built_in().map_err(|p| format!("{p:?}")).expect("built in")),
        locator: Arc::new(Locator::load(places).map_err(|p| format!("{p:?}")).expect("loads")),
        watch: Arc::default(),
        policy: Arc::new(PolicySet::built_in_default("US".parse().expect("a code"))),
        digest_key: [7; 32],
    })
}

/// An Ethernet frame that was captured whole; the time in nanoseconds.
pub fn frame(time: u64, data: &[u8]) -> Frame<'_> {
    Frame::whole(Timestamp::from_nanos(time), LinkType::ETHERNET, data)
}

/// A published schema.
pub fn schema(file: &str) -> serde_json::Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema").join(file);
    serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("JSON")
}

/// What tells whether a value is as a published schema says.
pub fn validator(file: &str) -> jsonschema::Validator {
    jsonschema::validator_for(&schema(file)).expect("a valid schema")
}

pub fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Files below a folder, sorted, by path relative to it.
pub fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root).expect("below the root").to_path_buf());
            }
        }
    }
    found.sort();
    found
}
