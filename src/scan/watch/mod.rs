//! Exact matches without keeping the data: lists of real records as keyed tags.
//!
//! ```text
//! CSV of records ──▶ build.rs ──▶ watch file ──▶ file.rs ──▶ WatchSet ──▶ look.rs ──▶ Finding `watch/LIST`
//!                    forms, tags  (sealed)       all checked             candidates of the patterns, tagged
//! ```
//!
//! A sensor has the tags and the key, never the records. Only what a pattern accepted is looked up, also what scores
//! too low to be reported: a bare IPv4 address or nine digits. One value costs one HMAC-SHA-256 a key, and one cache
//! line of the filter a list; work is bounded by the patterns, and a list of ten million adds nothing to it.
//!
//! **Score.** A primary value alone: what the value scores as user data, at least 60 (medium). With a secondary value
//! of the same row within [`NEAR_OCTETS`], or within 1536 in the same record: 100. Canaries: 100, class `custom`.
//!
//! **Policy** names lists by signature: `signatures = ["watch/journalists"]`, or `"watch/*"`. The class of a finding is
//! the type's, so rules for classes hold for it too.

mod area;
mod build;
mod file;
mod form;
mod key;
mod look;
mod position;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Catalogue;
use crate::model::operator_file::quote;
use crate::model::{DataClass, Problem};
use area::Areas;
use file::{Opened, is_list_name};
use form::Form;
use key::Tagger;
use position::Axis;

pub use area::AREA_FILE_OCTETS_MAX;
pub use build::{BuildCounts, WatchBuilder, WatchSpec};
pub use file::{WATCH_FILE_OCTETS_MAX, WatchFileError};
pub use key::{WATCH_KEY_OCTETS, WatchKey};
pub(super) use look::Watcher;
pub(super) use position::Half;

/// Octets between a primary value and a secondary one that makes it sure.
pub const NEAR_OCTETS: usize = 300;

/// Type of random tokens: found in any run of 16 and more octets of the base64url alphabet.
const TOKEN: &str = "token";

/// Type of names and other free text: secondary only.
const TEXT: &str = "text";

/// Epochs of one list that are accepted at a time.
const EPOCHS_MAX: usize = 2;

/// Types whose values several signatures find; the first names the type.
const FAMILIES: [&[&str]; 2] = [&["us-ssn", "us-ssn-bare"], &["phone-e164", "phone-nanp", "cn-mobile"]];

/// The signatures that find values of a type.
fn family(kind: &str) -> impl Iterator<Item = &str> {
    let members = FAMILIES.into_iter().find(|members| members.first() == Some(&kind)).unwrap_or_default();
    std::iter::once(kind).chain(members.iter().copied().skip(1))
}

/// The type that a signature finds values of.
fn head_of(signature: &str) -> &str {
    FAMILIES
        .into_iter()
        .find(|members| members.contains(&signature))
        .and_then(|m| m.first().copied())
        .unwrap_or(signature)
}

/// A list in force.
struct List {
    /// `watch/NAME`.
    signature: Arc<str>,
    name: Arc<str>,
    opened: Opened,
    /// Index into the set's keys.
    key: usize,
}

/// Where candidates of a signature are looked up: one tag, several lists.
struct Route {
    key: usize,
    kind: Arc<str>,
    class: DataClass,
    form: Form,
    /// What is put before a value that lacks it: a national number's country code.
    prefix: &'static [u8],
    lists: Vec<usize>,
}

/// A watch file, read, and its key.
pub struct WatchInput {
    /// Name for messages.
    pub name: String,
    /// The file.
    pub octets: Vec<u8>,
    /// Its key.
    pub key: WatchKey,
}

/// A list of areas, read.
pub struct AreaInput {
    /// Name of the file for messages.
    pub file: String,
    /// Name of the list.
    pub name: String,
    /// The file: CSV.
    pub octets: Vec<u8>,
}

/// A list of areas in force.
struct AreaList {
    /// `watch/NAME`.
    signature: Arc<str>,
    name: Arc<str>,
    areas: Areas,
}

/// What a list says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchAbout {
    /// Signature id of its findings: `watch/NAME`.
    pub signature: Arc<str>,
    /// Classes of its findings.
    pub classes: Vec<DataClass>,
    /// Rows.
    pub rows: u64,
    /// Its epoch.
    pub epoch: u32,
    /// Whether its rows are made up to be found.
    pub canary: bool,
    /// Memory held, octets.
    pub held_bytes: usize,
}

/// All lists in force. Immutable: share it in an `Arc`, replace it whole. Has no `Debug`: it holds keys and labels.
#[derive(Default)]
pub struct WatchSet {
    keys: Vec<Tagger>,
    lists: Vec<List>,
    /// By signature.
    routes: Vec<Vec<Route>>,
    tokens: Vec<Route>,
    areas: Vec<AreaList>,
    /// By signature: what it finds of a position. Empty without areas.
    axes: Vec<Option<Axis>>,
    about: Vec<WatchAbout>,
}

impl WatchSet {
    /// Opens watch files.
    ///
    /// # Errors
    /// Every problem of every file: files that are damaged or made with another key, types that no signature finds,
    /// more than two epochs of a list.
    pub fn load(files: Vec<WatchInput>, catalogue: &Catalogue) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut set = Self::default();
        let mut keys: Vec<WatchKey> = Vec::new();
        let mut epochs: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        set.routes.resize_with(catalogue.signatures().count(), Vec::new);
        for WatchInput { name: file, octets, key } in files {
            let opened = match Opened::open(octets, &key) {
                Ok(opened) => opened,
                Err(error) => {
                    problems.push(Problem::file(&file, error.to_string()));
                    continue;
                }
            };
            let header = &opened.header;
            let others = epochs.entry(header.name.clone()).or_default();
            if others.contains(&header.epoch) || others.len() >= EPOCHS_MAX {
                let message = format!("list {} is loaded already; a second file needs another epoch", header.name);
                problems.push(Problem::file(&file, message).with_hint("at most two epochs of a list are in force"));
                continue;
            }
            others.push(header.epoch);
            let key = keys.iter().position(|known| *known == key).unwrap_or_else(|| {
                keys.push(key.clone());
                set.keys.push(Tagger::new(&key));
                keys.len() - 1
            });
            let list = set.lists.len();
            let mut classes = Vec::new();
            for primary in &header.primaries {
                if primary.kind == TOKEN {
                    classes.push(DataClass::Custom);
                    add(&mut set.tokens, list, key, TOKEN, DataClass::Custom, primary.form, b"");
                    continue;
                }
                let mut known = false;
                for id in family(&primary.kind) {
                    let Some(at) = catalogue.position(id) else { continue };
                    let Some((signature, _)) = catalogue.at(at) else { continue };
                    known = true;
                    classes.push(if header.canary { DataClass::Custom } else { signature.class });
                    if let Some(routes) = set.routes.get_mut(usize::from(at)) {
                        let prefix: &[u8] = if id == "cn-mobile" { b"86" } else { b"" };
                        add(routes, list, key, &primary.kind, signature.class, primary.form, prefix);
                    }
                }
                if !known {
                    let message = format!("no signature finds values of its type {}", primary.kind);
                    problems.push(Problem::file(&file, message).with_hint("load the signatures it was made with"));
                }
            }
            classes.sort_unstable();
            classes.dedup();
            let name: Arc<str> = header.name.as_str().into();
            let signature: Arc<str> = format!("watch/{name}").into();
            set.about.push(WatchAbout {
                signature: Arc::clone(&signature),
                classes,
                rows: opened.rows().into(),
                epoch: header.epoch,
                canary: header.canary,
                held_bytes: opened.held_bytes(),
            });
            set.lists.push(List { signature, name, opened, key });
        }
        if problems.is_empty() { Ok(set) } else { Err(problems) }
    }

    /// Adds lists of areas.
    ///
    /// # Errors
    /// Every problem of every list: rows that are no area, names that another list has.
    pub fn with_areas(mut self, inputs: Vec<AreaInput>, catalogue: &Catalogue) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        for AreaInput { file, name, octets } in inputs {
            if self.about.iter().any(|list| list.signature.strip_prefix("watch/") == Some(&*name)) {
                problems.push(Problem::file(&file, format!("list {name} is loaded already")));
                continue;
            }
            if !is_list_name(&name) {
                problems.push(
                    Problem::file(&file, format!("{} cannot name a list", quote(&name)))
                        .with_hint("small letters, digits and `-`, at most 48"),
                );
                continue;
            }
            match Areas::read(&file, &octets) {
                Ok(areas) => self.add_areas(&name, areas, catalogue),
                Err(more) => problems.extend(more),
            }
        }
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    fn add_areas(&mut self, name: &str, areas: Areas, catalogue: &Catalogue) {
        self.axes = catalogue.signatures().map(|signature| Axis::of(&signature.id)).collect();
        let signature: Arc<str> = format!("watch/{name}").into();
        self.about.push(WatchAbout {
            signature: signature.clone(),
            classes: vec![DataClass::Geolocation],
            rows: areas.count() as u64,
            epoch: 1,
            canary: false,
            held_bytes: areas.held_bytes(),
        });
        self.areas.push(AreaList { signature, name: name.into(), areas });
    }

    /// Whether nothing is watched for.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty() && self.areas.is_empty()
    }

    /// What the lists say of themselves, in order.
    pub fn about(&self) -> &[WatchAbout] {
        &self.about
    }
}

fn add(
    routes: &mut Vec<Route>,
    list: usize,
    key: usize,
    kind: &str,
    class: DataClass,
    form: Form,
    prefix: &'static [u8],
) {
    let same = |route: &&mut Route| route.key == key && &*route.kind == kind && route.form == form;
    match routes.iter_mut().find(same) {
        Some(route) if route.lists.contains(&list) => {}
        Some(route) => route.lists.push(list),
        None => routes.push(Route { key, kind: kind.into(), class, form, prefix, lists: vec![list] }),
    }
}
