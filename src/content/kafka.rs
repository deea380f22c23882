//! What Kafka stores (Kafka documentation, "Message Format"): batches of records, version 2, and the message sets before them,
//! versions 0 and 1, compressed or not, one after the other. A value has the topic as its field, a key `topic.key`, a header its own
//! name.
//!
//! A batch says how long it is, so after octets that are missing or wrong the next one is found again; what is left of the
//! damaged one is text without names.

use std::sync::Arc;

use crate::model::{Coding, UninspectedReason};

use super::budget::Cx;
use super::coded::Coded;
use super::document::{Document, Reader};
use super::probe;
use super::record::Record;

/// Header names that are remembered, octets.
const NAME_LEN_MAX: usize = 256;
/// Octets from the start of a batch that tell its version and length.
const FIRST_LEN: usize = 17;
/// What stands before the records of a batch, and before the key of a message of version 0 and 1.
const HEAD_LENS: [usize; 3] = [18, 26, 61];
/// What the length of a batch does not count.
const LENGTH_END: usize = 12;

/// What is expected next within a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    RecordLen,
    Attributes,
    Timestamp,
    Offset,
    KeyLen,
    Key,
    ValueLen,
    Value,
    HeaderCount,
    HeaderNameLen,
    HeaderName,
    HeaderValueLen,
    HeaderValue,
    /// Nothing that can be told apart.
    Rest,
}

/// Reads batches, or the records of one.
pub(super) struct Kafka {
    topic: Option<Arc<str>>,
    /// Octets of a head that is not complete.
    head: Vec<u8>,
    /// Octets to come of the current batch; none: a head follows.
    left: u64,
    item: Item,
    /// Lengths have four octets, as before version 2.
    fixed: bool,
    coding: Option<Coding>,
    /// A number being read, and its octets so far.
    number: u64,
    digits: u32,
    /// Octets to come of a key, name or value.
    text: u64,
    /// Headers to come of the record.
    headers: u64,
    name: Vec<u8>,
    inner: Option<Box<Document>>,
    record: Record,
}

impl Kafka {
    /// Batches of a topic.
    pub(super) fn new(topic: Option<Arc<str>>) -> Self {
        Self {
            topic,
            head: Vec::new(),
            left: 0,
            item: Item::Rest,
            fixed: false,
            coding: None,
            number: 0,
            digits: 0,
            text: 0,
            headers: 0,
            name: Vec::new(),
            inner: None,
            record: Record::default(),
        }
    }

    /// The records within a batch that was compressed.
    fn inside(topic: Option<Arc<str>>) -> Self {
        Self { left: u64::MAX, item: Item::RecordLen, ..Self::new(topic) }
    }

    /// Takes octets of a batch's head, and reads it once it is whole. Returns how many were taken.
    fn read_head(&mut self, octets: &[u8], cx: &mut Cx<'_>) -> usize {
        let need = match self.head.get(FIRST_LEN - 1) {
            None => FIRST_LEN,
            Some(&version) => HEAD_LENS.get(usize::from(version)).copied().unwrap_or(FIRST_LEN),
        };
        let taken = octets.get(..need.saturating_sub(self.head.len())).unwrap_or(octets);
        self.head.extend_from_slice(taken);
        if self.head.len() < need {
            return taken.len();
        }
        let number =
            |at: usize| self.head.get(at..).and_then(|rest| rest.first_chunk()).map(|c| u32::from_be_bytes(*c));
        let version = self.head.get(FIRST_LEN - 1).copied().unwrap_or_default();
        let len = number(8).unwrap_or_default();
        let attributes = self.head.get(if version < 2 { 17 } else { 22 }).copied();
        let left = (u64::from(len) + LENGTH_END as u64)
            .checked_sub(HEAD_LENS.get(usize::from(version)).map_or(u64::MAX, |len| *len as u64));
        match (left, attributes) {
            _ if version > 2 || len > i32::MAX as u32 => self.lose(cx),
            (None, _) => self.lose(cx),
            // The octet that tells the compression is in the longer part.
            (Some(_), _) if self.head.len() == FIRST_LEN => return taken.len(),
            (Some(left), Some(attributes)) => {
                self.head.clear();
                self.left = left;
                self.fixed = version < 2;
                self.coding = match attributes & 7 {
                    0 => None,
                    1 => Some(Coding::Gzip),
                    2 => Some(Coding::Snappy),
                    3 => Some(Coding::Lz4),
                    4 => Some(Coding::Zstd),
                    _ => Some(Coding::Unknown),
                };
                self.item = if self.fixed { Item::KeyLen } else { Item::RecordLen };
                if let (false, Some(coding)) = (self.fixed, self.coding) {
                    self.item = Item::Value;
                    self.text = left;
                    self.open(coding, Self::inside(self.topic.clone()), cx);
                }
            }
            (Some(_), None) => self.lose(cx),
        }
        taken.len()
    }

    /// No batch begins here: all that follows is text without names.
    fn lose(&mut self, cx: &mut Cx<'_>) {
        let head = std::mem::take(&mut self.head);
        self.left = u64::MAX;
        self.item = Item::Rest;
        self.record.begin_field(None, cx);
        self.record.octets(&head, cx);
    }

    /// What follows is compressed.
    fn open(&mut self, coding: Coding, inside: Self, cx: &mut Cx<'_>) {
        let document = match probe::content_decoder(coding) {
            None => Document::unreadable(UninspectedReason::Undecodable),
            Some(_) if !cx.budget.may_nest() => Document::unreadable(UninspectedReason::DecodeLimit),
            Some(decoder) => {
                let coded = Coded::new(decoder, Document::read_by(Box::new(inside)));
                Document::with_reader(coding.as_str(), None, Box::new(coded), cx)
            }
        };
        self.inner = Some(Box::new(document));
    }

    /// A number is complete.
    fn read_number(&mut self, number: i64, cx: &mut Cx<'_>) {
        let len = u64::try_from(number).ok().filter(|len| *len > 0);
        self.text = len.unwrap_or(0);
        self.item = match (self.item, len) {
            (Item::RecordLen, Some(_)) => Item::Attributes,
            (Item::Timestamp, _) => Item::Offset,
            (Item::Offset, _) => Item::KeyLen,
            (Item::KeyLen, Some(_)) => {
                let field = self.topic.as_ref().map(|topic| format!("{topic}.key"));
                self.record.begin_field(Some(field.as_deref().unwrap_or("key")), cx);
                Item::Key
            }
            (Item::KeyLen, None) => Item::ValueLen,
            (Item::ValueLen, Some(_)) => {
                match self.coding {
                    Some(coding) => self.open(coding, Self::new(self.topic.clone()), cx),
                    None => self.record.begin_field(Some(self.topic.as_deref().unwrap_or("value")), cx),
                }
                Item::Value
            }
            (Item::ValueLen, None) if !self.fixed => Item::HeaderCount,
            (Item::HeaderCount, count) => {
                self.headers = count.unwrap_or(0);
                self.next_header()
            }
            (Item::HeaderNameLen, Some(_)) => Item::HeaderName,
            (Item::HeaderNameLen, None) => Item::HeaderValueLen,
            (Item::HeaderValueLen, Some(_)) => {
                let name = String::from_utf8_lossy(&self.name).into_owned();
                self.record.begin_field(Some(&name), cx);
                Item::HeaderValue
            }
            (Item::HeaderValueLen, None) => self.next_header(),
            _ => Item::Rest,
        };
    }

    fn next_header(&mut self) -> Item {
        self.name.clear();
        let more = self.headers > 0;
        self.headers = self.headers.saturating_sub(1);
        if more { Item::HeaderNameLen } else { Item::RecordLen }
    }

    /// Octets of a key, name or value. The last of them ends it.
    fn read_text(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        if self.item == Item::HeaderName {
            let room = NAME_LEN_MAX.saturating_sub(self.name.len());
            self.name.extend_from_slice(octets.get(..room).unwrap_or(octets));
        }
        match &mut self.inner {
            Some(inner) => inner.octets(octets, cx),
            None => self.record.octets(octets, cx),
        }
        self.text -= octets.len() as u64;
        if self.text == 0 {
            self.close(cx);
            self.item = match self.item {
                Item::Key => Item::ValueLen,
                Item::Value if !self.fixed => Item::HeaderCount,
                Item::HeaderName => Item::HeaderValueLen,
                Item::HeaderValue => self.next_header(),
                _ => Item::Rest,
            };
        }
    }

    /// A value ends.
    fn close(&mut self, cx: &mut Cx<'_>) {
        if let Some(mut inner) = self.inner.take() {
            inner.end(cx);
        }
        self.record.begin_field(None, cx);
    }

    /// One octet of a number: seven bits, lowest first, positive and negative in turn; or one of four.
    fn digit(&mut self, octet: u8, cx: &mut Cx<'_>) {
        let complete = if self.fixed {
            self.number = self.number << 8 | u64::from(octet);
            self.digits += 1;
            (self.digits == 4).then(|| i64::from((self.number as u32).cast_signed()))
        } else {
            self.number |= u64::from(octet & 0x7f) << (7 * self.digits);
            self.digits += 1;
            let signed = (self.number >> 1).cast_signed() ^ -(self.number & 1).cast_signed();
            (octet & 0x80 == 0).then_some(signed)
        };
        if let Some(number) = complete {
            (self.number, self.digits) = (0, 0);
            self.read_number(number, cx);
        } else if self.digits >= 9 {
            self.item = Item::Rest;
        }
    }
}

impl Reader for Kafka {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let mut rest = octets;
        while let Some(&next) = rest.first() {
            if self.left == 0 {
                let taken = self.read_head(rest, cx);
                rest = rest.get(taken..).unwrap_or_default();
                continue;
            }
            let there = rest.get(..usize::try_from(self.left).unwrap_or(usize::MAX)).unwrap_or(rest);
            let taken = match self.item {
                Item::Rest => {
                    self.record.octets(there, cx);
                    there.len()
                }
                Item::Key | Item::Value | Item::HeaderName | Item::HeaderValue => {
                    let text = there.get(..usize::try_from(self.text).unwrap_or(usize::MAX)).unwrap_or(there);
                    self.read_text(text, cx);
                    text.len()
                }
                Item::Attributes => {
                    self.item = Item::Timestamp;
                    1
                }
                _ => {
                    self.digit(next, cx);
                    1
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
            if self.left < u64::MAX {
                self.left -= taken as u64;
                if self.left == 0 {
                    self.close(cx);
                    (self.number, self.digits) = (0, 0);
                }
            }
        }
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        self.record.gap(len, cx);
        if let Some(inner) = &mut self.inner {
            inner.gap(len, cx);
        }
        if self.left < u64::MAX && len <= self.left {
            self.left -= len;
            if self.inner.is_none() || len >= self.text {
                self.close(cx);
                self.item = Item::Rest;
            } else {
                self.text -= len;
            }
            (self.number, self.digits) = (0, 0);
        } else {
            self.close(cx);
            self.lose(cx);
        }
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        if let Some(mut inner) = self.inner.take() {
            inner.end(cx);
        }
        self.record.octets(&std::mem::take(&mut self.head), cx);
        self.record.end(cx);
    }

    fn held_bytes(&self) -> usize {
        let inner = self.inner.as_ref().map_or(0, |inner| inner.held_bytes());
        let topic = self.topic.as_ref().map_or(0, |topic| topic.len());
        size_of::<Self>() + self.head.capacity() + self.name.capacity() + topic + inner + self.record.held_bytes()
    }
}
