//! One open document: its text as far as it is still needed, and where each octet came from.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;

use super::lists::{Brief, Lists};
use super::records::Records;
use super::watch::Half;
use super::words::Hit;
use crate::model::Finding;

/// Octets of text, and segments, whose memory is used again for the next document.
const KEPT_OCTETS: usize = 4096;
const KEPT_SEGMENTS: usize = 64;

/// A field's name and what it says about its values.
pub(super) struct Field {
    pub(super) path: Arc<str>,
    /// A hash of `path`: most fields that follow each other differ, and not in length.
    pub(super) hash: u64,
    /// Signatures that take its whole value.
    pub(super) keyed: Vec<u16>,
    /// Lists that words of the path belong to.
    pub(super) lists: Lists,
    /// The same of the words that end it, and so name the value.
    pub(super) last_lists: Lists,
    /// `lists` in brief.
    pub(super) brief: Brief,
}

/// Text of one field without a break in its source offsets.
struct Segment {
    /// Position of its first octet within the collected text.
    start: u64,
    /// Source offset of that octet.
    at: u64,
    /// Source octets an octet of text: 3 where wide forms were folded, else 1.
    stride: u8,
    field: Option<Arc<Field>>,
    /// The record it belongs to, 0 for none.
    record: u32,
}

/// A finding that waits for its neighbours to be known.
pub(super) struct Pending {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) signature: u16,
    pub(super) score: i16,
    /// A word near it speaks against it: neighbours do not raise it.
    pub(super) denied: bool,
    /// Complete but for the score; `None` once it was given out.
    pub(super) finding: Option<Finding>,
}

/// The scanner's memory of one open document. It holds payload: no `Debug`.
pub struct DocumentScan {
    pub(super) path: String,
    /// Collected text; `base` is the position of its first octet.
    pub(super) text: Vec<u8>,
    pub(super) base: u64,
    segments: VecDeque<Segment>,
    /// The segment asked for last: the next is it, or near it.
    near: Cell<usize>,
    /// The record that text belongs to.
    record: u32,
    /// Identifiers of persons by record.
    pub(super) records: Records,
    /// Begin of a wide character that a piece of text broke off in.
    carry: Vec<u8>,
    carry_at: u64,
    carry_field: Option<Arc<Field>>,
    /// Position of the next block.
    pub(super) scanned: u64,
    pub(super) pending: Vec<Pending>,
    /// How many of `pending` were given out and are kept as neighbours only.
    pub(super) given: usize,
    /// By signature: where its last value ends.
    pub(super) taken: Vec<(u16, u64)>,
    /// A latitude or longitude that waits for the other.
    pub(super) half: Option<Half>,
}

/// The fields of two pieces of text are the same.
pub(super) fn same_field(a: Option<&Arc<Field>>, b: Option<&Arc<Field>>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a.hash == b.hash && a.path == b.path,
        _ => false,
    }
}

impl DocumentScan {
    /// A document that begins. `path` says what it is, outermost first: `http-request-body/gzip/json`.
    pub fn new(path: &str) -> Self {
        Self {
            path: path.to_string(),
            text: Vec::new(),
            base: 0,
            segments: VecDeque::new(),
            near: Cell::new(0),
            record: 0,
            records: Records::default(),
            carry: Vec::new(),
            carry_at: 0,
            carry_field: None,
            scanned: 0,
            pending: Vec::new(),
            given: 0,
            taken: Vec::new(),
            half: None,
        }
    }

    /// Forgets all but the path. Small buffers stay: most documents are small, and many follow each other.
    pub(super) fn begin_again(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        let mut segments = std::mem::take(&mut self.segments);
        text.clear();
        segments.clear();
        *self = Self {
            path: std::mem::take(&mut self.path),
            text: if text.capacity() <= KEPT_OCTETS { text } else { Vec::new() },
            segments: if segments.capacity() <= KEPT_SEGMENTS { segments } else { VecDeque::new() },
            ..Self::new("")
        };
    }

    /// Octets of memory held, apart from the type itself.
    pub fn held_bytes(&self) -> usize {
        self.path.capacity()
            + self.text.capacity()
            + self.segments.capacity() * size_of::<Segment>()
            + self.carry.capacity()
            + self.pending.capacity() * (size_of::<Pending>() + 96)
            + self.records.held_bytes()
            + self.taken.capacity() * size_of::<(u16, u64)>()
    }

    /// What follows belongs to this record of the document, 0 for none.
    pub fn record(&mut self, number: u32) {
        self.record = number;
    }

    /// A document that begins where this one stands now.
    #[must_use]
    pub fn inner(&self, path: &str) -> Self {
        let mut inner = Self::new(path);
        inner.records.within = self.record != 0 || self.records.within;
        inner
    }

    /// Takes what was found in a document that ends here.
    pub(super) fn take_in(&mut self, inner: &mut Records) {
        let at = self.segments.back().map_or(0, |last| last.at + (self.end() - last.start) * u64::from(last.stride));
        self.records.take_in((self.record != 0).then_some((self.record, at)), inner);
    }

    /// The record at a position, if it is in one.
    pub(super) fn record_at(&self, position: u64) -> Option<u32> {
        self.segment(position).map(|segment| segment.record).filter(|record| *record != 0)
    }

    /// The text around a position that belongs to the same record without a break, at most `reach` octets either way;
    /// the position alone outside records.
    pub(super) fn around_in_record(&self, position: u64, reach: u64) -> (u64, u64) {
        let (mut from, mut to) = (position, position);
        if self.record_at(position).is_none() {
            return (from, to);
        }
        let at = self.segments.partition_point(|s| s.start <= position).saturating_sub(1);
        let record = self.segments.get(at).map(|segment| segment.record);
        let mut next = at;
        while to < position.saturating_add(reach) && self.segments.get(next).map(|s| s.record) == record {
            next += 1;
            to = self.segments.get(next).map_or(self.end(), |segment| segment.start);
        }
        let mut before = Some(at);
        while let Some(segment) = before.and_then(|before| self.segments.get(before))
            && Some(segment.record) == record
            && from + reach > position
        {
            from = from.min(segment.start);
            before = before.and_then(|before| before.checked_sub(1));
        }
        (from.max(position.saturating_sub(reach)), to.min(position.saturating_add(reach)))
    }

    /// Position after the last octet collected.
    pub(super) fn end(&self) -> u64 {
        self.base + self.text.len() as u64
    }

    /// Adds text. Full-width forms, Unicode hyphens and wide spaces become their ASCII counterparts: input methods of
    /// East Asia produce them, and patterns are ASCII.
    pub(super) fn collect(&mut self, octets: &[u8], at: u64, field: Option<&Arc<Field>>) {
        if self.carry.is_empty() {
            return self.collect_whole(octets, at, field);
        }
        let carried = std::mem::take(&mut self.carry);
        if self.carry_at + carried.len() as u64 == at && same_field(self.carry_field.as_ref(), field) {
            let joined = [&carried, octets].concat();
            return self.collect_whole(&joined, self.carry_at, field);
        }
        let carry_field = self.carry_field.take();
        self.push(&carried, self.carry_at, 1, carry_field.as_ref());
        self.collect_whole(octets, at, field);
    }

    /// What was held back is text after all.
    pub(super) fn flush(&mut self) {
        let carried = std::mem::take(&mut self.carry);
        let field = self.carry_field.take();
        self.push(&carried, self.carry_at, 1, field.as_ref());
    }

    fn collect_whole(&mut self, octets: &[u8], at: u64, field: Option<&Arc<Field>>) {
        if octets.is_ascii() {
            return self.push(octets, at, 1, field);
        }
        let mut plain = 0;
        let mut i = 0;
        let may_fold = |b: &u8| matches!(b, 0xc2 | 0xe2 | 0xe3 | 0xef);
        while let Some(next) = octets.get(i..).and_then(|rest| rest.iter().position(may_fold)) {
            i += next;
            match wide(octets.get(i..).unwrap_or_default()) {
                Wide::Folds(ascii, length) => {
                    self.push(octets.get(plain..i).unwrap_or_default(), at + plain as u64, 1, field);
                    self.push(&[ascii], at + i as u64, length, field);
                    i += usize::from(length);
                    plain = i;
                }
                Wide::Unfinished => {
                    self.push(octets.get(plain..i).unwrap_or_default(), at + plain as u64, 1, field);
                    self.carry.extend_from_slice(octets.get(i..).unwrap_or_default());
                    self.carry_at = at + i as u64;
                    self.carry_field = field.cloned();
                    return;
                }
                Wide::No => i += 1,
            }
        }
        self.push(octets.get(plain..).unwrap_or_default(), at + plain as u64, 1, field);
    }

    fn push(&mut self, octets: &[u8], at: u64, stride: u8, field: Option<&Arc<Field>>) {
        if octets.is_empty() {
            return;
        }
        let mut begins = true;
        if let Some(last) = self.segments.back() {
            let count = self.end() - last.start;
            let same = same_field(last.field.as_ref(), field);
            let follows = last.at + count * u64::from(last.stride) == at;
            begins = !(same && follows && (stride == last.stride) && last.record == self.record);
            // Values that stand apart in the source must not run together in the text.
            let apart = !same && (!follows || (last.field.is_some() && field.is_some()));
            if apart {
                let source = last.at + count * u64::from(last.stride);
                let record = self.record;
                self.segments.push_back(Segment { start: self.end(), at: source, stride: 1, field: None, record });
                self.text.push(b'\n');
            }
        }
        if begins {
            let record = self.record;
            self.segments.push_back(Segment { start: self.end(), at, stride, field: field.cloned(), record });
        }
        self.text.extend_from_slice(octets);
    }

    fn segment(&self, position: u64) -> Option<&Segment> {
        if self.segments.len() == 1 {
            return self.segments.front().filter(|s| s.start <= position);
        }
        let near = self.near.get();
        for at in [near, near + 1] {
            let holds = |segment: &&Segment| {
                segment.start <= position && self.segments.get(at + 1).is_none_or(|next| next.start > position)
            };
            if let Some(segment) = self.segments.get(at).filter(holds) {
                self.near.set(at);
                return Some(segment);
            }
        }
        let at = self.segments.partition_point(|s| s.start <= position).checked_sub(1)?;
        self.near.set(at);
        self.segments.get(at)
    }

    /// Whether some of the text has a field.
    pub(super) fn has_fields(&self) -> bool {
        self.segments.iter().any(|s| s.field.is_some())
    }

    /// The field at a position.
    pub(super) fn field(&self, position: u64) -> Option<&Arc<Field>> {
        self.segment(position)?.field.as_ref()
    }

    /// Whether `text[start..end]` is all that its field holds.
    pub(super) fn is_whole(&self, start: usize, end: usize) -> bool {
        let at = |index: usize| self.field(self.base + index as u64);
        let apart = |index: Option<usize>| {
            index.filter(|index| *index < self.text.len()).is_none_or(|index| !same_field(at(index), at(start)))
        };
        apart(start.checked_sub(1)) && apart(Some(end))
    }

    /// Source offset and length of `start..end`.
    pub(super) fn source(&self, start: u64, end: u64) -> (u64, u32) {
        let of = |position: u64, extra: u64| {
            self.segment(position).map_or(position, |s| s.at + (position - s.start + extra) * u64::from(s.stride))
        };
        let from = of(start, 0);
        let to = of(end.saturating_sub(1).max(start), 1);
        (from, to.saturating_sub(from).try_into().unwrap_or(u32::MAX))
    }

    /// The values (whole runs of one field) that begin in `from..to`, with positions; the end of a value that goes on
    /// is the end of the text.
    pub(super) fn values(&self, from: u64, to: u64) -> Vec<(u64, u64, Arc<Field>)> {
        let mut values = Vec::new();
        let mut at = self.segments.partition_point(|s| s.start < from);
        while let Some(segment) = self.segments.get(at).filter(|s| s.start < to) {
            let mut next = at + 1;
            while self.segments.get(next).is_some_and(|n| same_field(n.field.as_ref(), segment.field.as_ref())) {
                next += 1;
            }
            let begins = at == 0
                || !self.segments.get(at - 1).is_some_and(|p| same_field(p.field.as_ref(), segment.field.as_ref()));
            if let (Some(field), true) = (&segment.field, begins)
                && !field.keyed.is_empty()
            {
                let end = self.segments.get(next).map_or(self.end(), |s| s.start);
                values.push((segment.start, end, Arc::clone(field)));
            }
            at = next;
        }
        values
    }

    /// Whether a context word may speak for a value of another field: keys of other values may not, other values may.
    pub(super) fn speaks(&self, hit: Hit, of: Option<&Arc<Field>>) -> bool {
        of.is_none() || self.field(self.base + hit.start as u64).is_some()
    }

    /// Notes where the last value of a signature ends: an index into `text`.
    pub(super) fn take(&mut self, signature: u16, end: usize) {
        let until = self.base + end as u64;
        match self.taken.iter_mut().find(|(s, _)| *s == signature) {
            Some((_, end)) => *end = until,
            None => self.taken.push((signature, until)),
        }
    }

    /// Forgets the text before a position.
    pub(super) fn forget(&mut self, before: u64) {
        let count = before.saturating_sub(self.base).min(self.text.len() as u64);
        self.text.drain(..count as usize);
        self.base += count;
        while self.segments.get(1).is_some_and(|next| next.start <= self.base) {
            self.segments.pop_front();
        }
        self.taken.retain(|(_, end)| *end > before);
        if self.text.is_empty() && self.text.capacity() > KEPT_OCTETS {
            self.text = Vec::new();
        }
    }
}

/// What the first character of some octets folds to.
enum Wide {
    Folds(u8, u8),
    /// The octets end within a character that may fold.
    Unfinished,
    No,
}

fn wide(octets: &[u8]) -> Wide {
    match *octets {
        [0xc2 | 0xe2 | 0xe3 | 0xef] | [0xe2, 0x80 | 0x88] | [0xe3, 0x80] | [0xef, 0xbc | 0xbd] => Wide::Unfinished,
        // No-break space; thin, narrow and ideographic spaces.
        [0xc2, 0xa0, ..] => Wide::Folds(b' ', 2),
        [0xe2, 0x80, 0x87 | 0x89 | 0xaf, ..] | [0xe3, 0x80, 0x80, ..] => Wide::Folds(b' ', 3),
        // U+2010 to U+2015, U+2212.
        [0xe2, 0x80, 0x90..=0x95, ..] | [0xe2, 0x88, 0x92, ..] => Wide::Folds(b'-', 3),
        // U+FF01 to U+FF5E: ASCII moved by 0xFEE0.
        [0xef, 0xbc, low @ 0x81..=0xbf, ..] => Wide::Folds(low - 0x81 + b'!', 3),
        [0xef, 0xbd, low @ 0x80..=0x9e, ..] => Wide::Folds(low - 0x80 + b'`', 3),
        _ => Wide::No,
    }
}
