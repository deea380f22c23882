//! `name: value` lines made from values that were sent in another form: base64, BER, attributes by number.

use crate::model::{Direction, DocumentKind};

use super::decoder::Out;
use super::unknown::plain;

/// Collects the fields of one message.
#[derive(Default)]
pub(crate) struct Fields(Vec<u8>);

impl Fields {
    /// Adds a field, unless its value is empty. Line breaks within become spaces.
    pub(crate) fn add(&mut self, name: &str, value: &[u8]) {
        if value.is_empty() {
            return;
        }
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
        self.0.extend(value.iter().map(|octet| if matches!(octet, b'\r' | b'\n') { b' ' } else { *octet }));
        self.0.extend_from_slice(b"\r\n");
    }

    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives them out as a document whose source begins at `at`.
    pub(crate) fn give(&self, dir: Direction, at: u64, out: &mut Out<'_>) {
        if !self.0.is_empty() {
            out.document(dir, plain(DocumentKind::Fields, at), &self.0);
        }
    }
}
