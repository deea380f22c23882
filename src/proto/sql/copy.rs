//! Tables as COPY moves them, cut into values with the names of their columns.

use std::sync::Arc;

use crate::model::{Direction, DocumentKind, DocumentStart};

use super::super::decoder::{Doc, Out};
use super::super::unknown::plain;
use super::CopyFormat;

/// Data of one COPY.
pub(crate) struct Copy {
    format: CopyFormat,
    columns: Vec<Arc<str>>,
    doc: Option<Doc>,
    column: usize,
    /// Whether the value at `column` has begun.
    begun: bool,
    quoted: bool,
}

impl Copy {
    /// Data with the columns a statement named, if it did; `binary` as the server says.
    pub(crate) fn new(plan: Option<(CopyFormat, Vec<Arc<str>>)>, binary: bool) -> Self {
        let (format, mut columns) = plan.unwrap_or_default();
        if binary || format.header {
            columns.clear();
        }
        Self { format, columns, doc: None, column: 0, begun: false, quoted: false }
    }

    /// More data, the first octet at offset `at` of the half-stream.
    pub(crate) fn octets(&mut self, dir: Direction, at: u64, octets: &[u8], out: &mut Out<'_>) {
        let named = !self.columns.is_empty();
        let doc = self.doc.get_or_insert_with(|| {
            let kind = if named { DocumentKind::SqlRows } else { DocumentKind::SqlCopy };
            // With a header row the names are in the data, as in any CSV.
            let media_type = if self.format.header { "text/csv".to_owned() } else { String::new() };
            out.start(dir, DocumentStart { media_type, ..plain(kind, at) })
        });
        if !named {
            return out.octets(doc, octets);
        }
        let delimiter = self.format.delimiter.unwrap_or(if self.format.csv { b',' } else { b'\t' });
        let mut from = 0;
        for (at, &octet) in octets.iter().enumerate() {
            self.quoted ^= self.format.csv && octet == b'"';
            let ends = !self.quoted && (octet == delimiter || octet == b'\n');
            if ends || !self.begun {
                out.octets(doc, octets.get(from..at).unwrap_or_default());
                from = at;
            }
            if ends {
                out.field(doc, None);
                self.begun = false;
                self.column = if octet == b'\n' { 0 } else { self.column + 1 };
            } else if !self.begun {
                out.field(doc, self.columns.get(self.column).map(AsRef::as_ref));
                self.begun = true;
            }
        }
        out.octets(doc, octets.get(from..).unwrap_or_default());
    }

    /// Octets are missing: which column follows is not known up to the next line.
    pub(crate) fn gap(&mut self, len: u64, out: &mut Out<'_>) {
        if let Some(doc) = &self.doc {
            out.gap(doc, len);
            if !self.columns.is_empty() {
                out.field(doc, None);
            }
        }
        (self.begun, self.column, self.quoted) = (true, usize::MAX / 2, false);
    }

    /// The data ends.
    pub(crate) fn end(&mut self, out: &mut Out<'_>) {
        if let Some(doc) = self.doc.take() {
            out.end(&doc);
        }
    }

    /// Octets allocated.
    pub(crate) fn held_bytes(&self) -> usize {
        self.columns.iter().map(|name| name.len() + 32).sum()
    }
}
