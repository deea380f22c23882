//! The content room: documents unwrapped, within a budget, into text with field names.
//!
//! A [`Unwrapper`] is one open document. It is push-driven: octets are fed as they come, in any segmentation, and text
//! comes out through a [`TextSink`] in the order of the input. What comes out does not depend on the segmentation: pieces
//! may be cut differently, but every octet has the same offset and field, and stands between the same `enter`s and `leave`s.
//!
//! ```text
//! document ─▶ probe (announced codings, magic, media type, the look of the first octets) ─▶ reader
//!   coding     gzip, deflate, br, zstd, snappy, lz4, base64, quoted-printable, charset: octets in, an inner document out
//!   container  multipart, form, JSON, XML, CSV, protobuf, HTTP head: text with field names, inner documents
//!   image      JPEG, PNG, WebP, HEIF: metadata with field names, the text of a barcode
//!   plain      everything else, as it is: other rooms know magics and binary patterns
//! ```
//!
//! What is neither given as text nor inside something that is, is [`TextSink::unread`] with the reason; nothing is dropped
//! in silence. Text means "scan this": binary data comes as text too. Keys, brackets, separators and part headers are text
//! without a field, so that the neighbourhood of a value is visible.
//!
//! Adding a coding or format touches its own file and one line in `probe`.

mod base64;
mod brotli;
mod bson;
mod budget;
mod charset;
mod coded;
mod command;
mod csv;
mod deflate;
mod document;
mod encoded_word;
mod form;
mod grpc;
mod history;
mod hl7;
mod http_head;
mod image;
mod json;
mod kafka;
mod lz4;
mod mail;
mod media_type;
mod multipart;
mod pdf;
mod percent;
mod plain;
mod probe;
mod protobuf;
mod quoted_printable;
mod record;
mod snappy;
mod structured;
mod tar;
mod value;
mod xml;
mod zip;
mod zstd;

#[cfg(test)]
mod tests;

use crate::model::{DocumentStart, Limits, Text, UninspectedReason};

use budget::{Budget, Cx, Lost};
use document::{Document, Hint};

/// Takes what unwrapping finds, in document order.
pub trait TextSink {
    /// A document within the current one begins: a coding removed (`gzip`, `base64`), a format read (`json`, `form`), a part
    /// of a container (`part`). `label` is a word for the document path, `name` the name of the part, field or file if it
    /// has one. Offsets start anew at 0.
    fn enter(&mut self, label: &str, name: Option<&str>);
    /// What follows in the innermost open document belongs to its record of this number: an object, a row, a form. Records
    /// count from 1 and may be returned to; 0 is text of no record, as at a document's beginning.
    fn record(&mut self, _number: u32) {}
    /// A piece of text of the innermost open document.
    fn text(&mut self, text: Text<'_>);
    /// The innermost open document ends.
    fn leave(&mut self);
    /// Octets of the *outermost* document's input that could not be read. Where the octets were inside a coding, the
    /// share of the coded input, rounded up. Gaps are not repeated here: their source has counted them.
    fn unread(&mut self, len: u64, reason: UninspectedReason);
    /// Whether an image of so many pixels may be decoded now. Asked once for each that fits the other limits.
    fn may_look(&mut self, pixels: u64) -> bool {
        let _ = pixels;
        true
    }
    /// The pixels of an image were not looked at: for a limit, for damage, or because its format is not decoded.
    fn not_looked_at(&mut self) {}
}

/// One open document. Call `octets` and `gap` in stream order, then `end` once.
pub struct Unwrapper {
    document: Document,
    budget: Budget,
    lost: Lost,
    fed: u64,
    reported: u64,
}

impl Unwrapper {
    /// A document of which nothing has come yet. Allocates next to nothing.
    pub fn new(start: &DocumentStart, limits: &Limits) -> Self {
        Self {
            document: Document::new(Hint::of_start(start)),
            budget: Budget::new(limits),
            lost: Lost::default(),
            fed: 0,
            reported: 0,
        }
    }

    /// The next octets.
    pub fn octets(&mut self, octets: &[u8], out: &mut dyn TextSink) {
        self.fed += octets.len() as u64;
        self.document.octets(octets, &mut Cx { out, budget: &mut self.budget, lost: &mut self.lost });
        self.settle(out);
    }

    /// The octets that follow are a value of `field`, or, with `None`, structure or free text. Only for kinds that
    /// [have fields](crate::model::DocumentKind::has_fields); elsewhere it says nothing.
    pub fn field(&mut self, field: Option<&str>, out: &mut dyn TextSink) {
        self.document.field(field, &mut Cx { out, budget: &mut self.budget, lost: &mut self.lost });
        self.settle(out);
    }

    /// `len` octets are missing here. Codings end (what follows is unread), containers start again at their next boundary.
    pub fn gap(&mut self, len: u64, out: &mut dyn TextSink) {
        self.document.gap(len, &mut Cx { out, budget: &mut self.budget, lost: &mut self.lost });
        self.settle(out);
    }

    /// No more octets come. Everything held is given out; afterwards nothing is held.
    pub fn end(&mut self, out: &mut dyn TextSink) {
        self.document.end(&mut Cx { out, budget: &mut self.budget, lost: &mut self.lost });
        self.settle(out);
    }

    /// Octets of memory allocated for this document: decompressor windows, held octets, key paths. An estimate, never far
    /// below the truth.
    pub fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.document.held_bytes()
    }

    fn settle(&mut self, out: &mut dyn TextSink) {
        self.budget.forget_scratch();
        report(&mut self.lost, self.fed, &mut self.reported, out);
    }
}

/// Reads a document that is all here: what comes out is what an [`Unwrapper`] would give, without the cost of keeping one open.
pub fn unwrap(start: &DocumentStart, limits: &Limits, octets: &[u8], out: &mut dyn TextSink) {
    let (mut budget, mut lost) = (Budget::new(limits), Lost::default());
    Document::read_whole(Hint::of_start(start), octets, &mut Cx { out, budget: &mut budget, lost: &mut lost });
    report(&mut lost, octets.len() as u64, &mut 0, out);
}

/// Reports what was lost, no more than came.
fn report(lost: &mut Lost, fed: u64, reported: &mut u64, out: &mut dyn TextSink) {
    for (reason, len) in lost.take() {
        let len = len.min(fed - *reported);
        if len > 0 {
            *reported += len;
            out.unread(len, reason);
        }
    }
}
