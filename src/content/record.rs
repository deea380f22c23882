//! Values that come with their field's name from the protocol itself: rows of databases, arguments, attributes.
//!
//! Values, and structure that would run into them, are parted by a line end, so that what stands near a value is visible and
//! words stay whole; offsets count it. A value that begins like a compressed file or like XML is a document of its own
//! (`value`), any other is [text](super::value) that may be JSON or hold base64.
//!
//! A line end that is structure ends a record, and so does the `)` of a row in a statement if another row follows.

use std::sync::Arc;

use super::budget::Cx;
use super::document::{Document, Hint, Reader};
use super::probe;
use super::value::Value;

/// Octets of a value on which is decided whether it is a document of its own.
const HEAD_LEN: usize = 8;

/// Reads values as they are named.
pub(super) struct Record {
    at: u64,
    field: Option<Arc<str>>,
    /// First octets of a value; `None` once they were decided on.
    head: Option<Vec<u8>>,
    value: Value,
    inner: Option<Box<Document>>,
    /// The octet before.
    last: u8,
    /// Records so far.
    records: u32,
    row: Row,
}

/// Where structure stands between the rows of `VALUES (...), (...)`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    In,
    /// After `)`.
    Closed,
    /// And a comma.
    Comma,
}

impl Default for Record {
    fn default() -> Self {
        Self { at: 0, field: None, head: None, value: Value::new(), inner: None, last: 0, records: 0, row: Row::In }
    }
}

impl Record {
    /// Gives a value's first octets to whoever reads it.
    fn decide(&mut self, head: &[u8], cx: &mut Cx<'_>) {
        let start = self.at - head.len() as u64;
        if (probe::has_magic(head) || probe::begins_like_xml(head)) && cx.budget.may_nest() {
            cx.enter("value", self.field.as_deref());
            let mut inner = Document::new(Hint::of_field(self.field.as_deref()));
            inner.octets(head, cx);
            self.inner = Some(Box::new(inner));
        } else {
            self.value.octets(head, start, self.field.as_deref(), cx);
        }
    }

    fn record_begins(&mut self, cx: &mut Cx<'_>) {
        self.records = self.records.saturating_add(1);
        cx.out.record(self.records);
    }

    /// Looks for the ends of records in structure.
    fn structure(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        for octet in octets {
            self.row = match (octet, self.row) {
                (b')', _) => Row::Closed,
                (b',', Row::Closed) => Row::Comma,
                (b' ' | b'\t' | b'\r', row) => row,
                (b'\n', row) if row != Row::In => row,
                (b'\n', _) => {
                    self.record_begins(cx);
                    Row::In
                }
                (b'(', Row::Comma) => {
                    self.record_begins(cx);
                    Row::In
                }
                _ => Row::In,
            };
        }
    }

    fn close(&mut self, cx: &mut Cx<'_>) {
        if let Some(head) = self.head.take() {
            self.decide(&head, cx);
        }
        if let Some(mut inner) = self.inner.take() {
            inner.end(cx);
            cx.leave();
        }
        self.value.end(self.field.as_deref(), cx);
    }
}

impl Reader for Record {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        if self.records == 0 {
            self.record_begins(cx);
        }
        let mut octets = octets;
        if self.field.is_none() {
            self.structure(octets, cx);
        }
        self.last = octets.last().copied().unwrap_or(self.last);
        if let Some(mut head) = self.head.take() {
            let (first, rest) = octets.split_at(octets.len().min(HEAD_LEN - head.len()));
            head.extend_from_slice(first);
            self.at += first.len() as u64;
            if head.len() < HEAD_LEN {
                self.head = Some(head);
                return;
            }
            self.decide(&head, cx);
            octets = rest;
        }
        match &mut self.inner {
            Some(inner) => inner.octets(octets, cx),
            None => self.value.octets(octets, self.at, self.field.as_deref(), cx),
        }
        self.at += octets.len() as u64;
    }

    fn begin_field(&mut self, field: Option<&str>, cx: &mut Cx<'_>) {
        self.close(cx);
        let runs_on = self.last.is_ascii_alphanumeric() || self.last >= 0x80;
        if runs_on || (self.field.is_some() && field.is_some()) {
            cx.text(b"\n", self.at, None);
            self.at += 1;
            self.last = b'\n';
        }
        if self.field.as_deref() != field {
            self.field = field.map(Arc::from);
        }
        self.head = field.map(|_| Vec::new());
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        self.close(cx);
        self.at += len;
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        self.close(cx);
    }

    fn held_bytes(&self) -> usize {
        let inner = self.inner.as_ref().map_or(0, |inner| inner.held_bytes());
        let head = self.head.as_ref().map_or(0, Vec::capacity);
        size_of::<Self>() + inner + head + self.value.held_bytes() + self.field.as_ref().map_or(0, |field| field.len())
    }
}
