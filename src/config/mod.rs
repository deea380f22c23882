//! Configuration: what was typed, and what it means, converted once.
//!
//! [`RawConfig`] holds the words of a TOML file and of the command line, each with where it stands. `RawConfig::parse`
//! reads a file, [`RawConfig::merge`] puts the command line over it, and [`Settings::lower`] checks every value and
//! reads the files it names. All problems are reported at once, with file, line and the nearest known key or value.
//! What comes out never changes.
//!
//! **The command line has the last word, key by key**: a flag that is given replaces what the file says for that key,
//! lists included, so that what was typed is what holds. Paths in a file are relative to the file's directory.
//!
//! Every key is told in `docs/borderpost.example.toml`.

mod dump;
mod live;
mod lower;
mod overload;
mod raw;
mod settings;
#[cfg(test)]
mod tests;

pub use live::{DiskSync, LiveSettings, LogFormat, RawLive, SyslogTarget};
pub use raw::{RawAreas, RawConfig, RawOverride, RawService, RawUpdate, RawWatch, Written};
pub use settings::{DigestKey, OverrideEntry, Settings};
