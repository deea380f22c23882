//! User data in text: which, where, and how surely.
//!
//! ```text
//! Text ──▶ blocks at fixed positions ──▶ gate ──▶ candidates ──▶ validator ──▶ context ──▶ settled ──▶ Finding
//!          (document.rs)                 (gate.rs, matcher.rs)    (validate/)  (words.rs)   (settle.rs)
//! ```
//!
//! *Blocks.* Text arrives in pieces of any size; it is collected and scanned in blocks of [`BLOCK_OCTETS`], with
//! enough text on either side for the longest match and its context. A block's boundary depends on the position in
//! the document only, so findings do not depend on how the text was cut.
//!
//! *Gate.* One pass over the octets finds where a pattern can begin: a word that starts with two octets some pattern
//! starts with, an octet that only few patterns start with, `@`, and the `:` or `=` after a key. All patterns are
//! walked from there in tables of states (`table.rs`) that are complete when the catalogue is loaded. So hostile text cannot
//! multiply states, and ordinary text hardly enters them. A number that nothing but a word near it can tell is weighed only
//! if such a word stands there.
//!
//! *Small letters.* Numbers of documents have capital letters. Their patterns take small ones too, for 20 less, but not at a
//! word's beginning if two letters stand there of which one is small, as in nearly all words: such numbers are found where a
//! key names them, and are read in capitals then.
//!
//! *Score.* A signature has a score for its shape and checks. To that come 60 for a *label* (a word that names just
//! this signature) as the key of the value or directly before it, or else 30 for a word of its context within 40
//! octets or on the key path; −30 for a word that speaks against, whatever else stands near if it is the key of the value
//! or directly before it; and, if none does, 15 for each other signature, at most two, that is at least `medium` within
//! 512 octets. Below 35 nothing is reported. Values from ranges reserved for tests score like others and are marked.
//!
//! *Names.* A value that is all that a field or key holds, and that no list knows the name of, is less sure (10 less, and
//! not raised by others) if it is not certain by itself; keys of other values say nothing about it.
//! In SQL that stands in plain text a value's column is its key (`sql.rs`).
//!
//! *Overlap.* Where candidates overlap, they are alternatives, and the one with the highest score stays (then the
//! longer, then the first by id), with two exceptions. A keyed signature says what a field is for, a shaped one what
//! a value looks like: of different classes, both stay (an e-mail address as user name). A container frames other
//! data (a licence's barcode, a cookie header) and neither hides nor is hidden.
//!
//! *Records.* Findings that stand in one record of a document belong to one person (`records.rs`).
//!
//! Signature files: `signatures/*.toml`, in the form that `signature.rs` describes.

mod catalogue;
mod classes;
mod context;
mod document;
mod gate;
mod keyed;
mod lists;
mod matcher;
mod named;
mod pattern;
mod records;
mod scanner;
mod settle;
mod shapes;
mod signature;
mod spans;
mod sql;
mod subject;
mod table;
mod transposed;
mod validate;
mod value;
mod watch;
mod weigh;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::model::DataClass;

pub use catalogue::Catalogue;
pub use document::DocumentScan;
pub use records::{PERSON_RECORD, Person};
pub use scanner::{BLOCK_OCTETS, ScanCounts, Scanner};
pub use signature::{Edge, Example, Normalise, Signature, Verdict};
pub use watch::{
    AREA_FILE_OCTETS_MAX, AreaInput, BuildCounts, NEAR_OCTETS, WATCH_FILE_OCTETS_MAX, WATCH_KEY_OCTETS, WatchAbout,
    WatchBuilder, WatchFileError, WatchInput, WatchKey, WatchSet, WatchSpec,
};

/// Everything that findings can be of: the catalogue's signatures, bundles, and watch lists, each with its class.
pub fn finding_kinds(catalogue: &Catalogue, watch: &WatchSet) -> Vec<(Arc<str>, DataClass)> {
    let mut kinds: Vec<_> = catalogue.signatures().map(|signature| (signature.id.clone(), signature.class)).collect();
    kinds.push((PERSON_RECORD.into(), DataClass::Contact));
    for list in watch.about() {
        kinds.extend(list.classes.iter().map(|class| (list.signature.clone(), *class)));
    }
    kinds.dedup();
    kinds
}
