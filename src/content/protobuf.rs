//! Protocol Buffers (protobuf.dev/programming-guides/encoding) without a schema, streaming: values come with the path of their
//! field numbers (`2.1`); numbers are written out. What is length-delimited may be a message, text or octets: a message is what
//! has fields from end to end. Where octets make no sense, the rest is given as it is.

use super::budget::Cx;
use super::document::{Document, Hint, Reader};
use super::probe;
use super::value::Value;

/// Messages within each other that are followed; protobuf's own limit is 100.
const LEVELS_MAX: usize = 32;
/// Octets of a field that are held to tell what it is. Of a longer one, these have to do.
const HELD_MAX: usize = 16 << 10;
/// Shorter texts are not taken for messages: two letters are a field, too.
const TEXT_MIN: usize = 16;

/// Media types that people use for messages.
pub(super) fn is_media_type(essence: &str) -> bool {
    matches!(
        essence,
        "application/protobuf"
            | "application/x-protobuf"
            | "application/proto"
            | "application/x-google-protobuf"
            | "application/vnd.google.protobuf"
    )
}

/// What stands before a value.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Head {
    number: u32,
    wire: u8,
    /// Octets of the tag, and of the length if there is one.
    len: usize,
    /// Octets of the value.
    value: u64,
}

/// Whether a head is there.
enum Look {
    More,
    Not,
    Is(Head),
}

/// A variable-length number and how many octets it takes; `Err(true)`: it goes on.
fn varint(octets: &[u8]) -> Result<(u64, usize), bool> {
    let mut value = 0;
    for (at, octet) in octets.iter().take(10).enumerate() {
        value |= u64::from(octet & 0x7f).checked_shl(7 * at as u32).unwrap_or(0);
        if octet & 0x80 == 0 {
            return Ok((value, at + 1));
        }
    }
    Err(octets.len() < 10)
}

fn head(octets: &[u8]) -> Look {
    let not = |more: bool| if more { Look::More } else { Look::Not };
    let (tag, tag_len) = match varint(octets) {
        Ok(tag) => tag,
        Err(more) => return not(more),
    };
    let (Ok(number), wire) = (u32::try_from(tag >> 3), (tag & 7) as u8) else { return Look::Not };
    if !(1..1 << 29).contains(&number) {
        return Look::Not;
    }
    let rest = octets.get(tag_len..).unwrap_or_default();
    let (len, value) = match wire {
        0 => match varint(rest) {
            Ok((_, len)) => (0, len as u64),
            Err(more) => return not(more),
        },
        1 => (0, 8),
        5 => (0, 4),
        2 => match varint(rest) {
            Ok((value, len)) if value < 1 << 31 => (len, value),
            Ok(_) => return Look::Not,
            Err(more) => return not(more),
        },
        _ => return Look::Not,
    };
    Look::Is(Head { number, wire, len: tag_len + len, value })
}

/// Whether the octets are fields from end to end, or, if `cut`, up to one that goes on.
fn is_message(octets: &[u8], cut: bool) -> bool {
    if octets.is_empty() || (octets.len() < TEXT_MIN && probe::is_text(octets)) {
        return false;
    }
    let mut rest = octets;
    while !rest.is_empty() {
        match head(rest) {
            Look::Is(head) => match rest.get(head.len..).map(<[u8]>::len) {
                Some(left) if head.value <= left as u64 => {
                    rest = rest.get(head.len + head.value as usize..).unwrap_or_default();
                }
                // All but one field have to be whole.
                _ => return cut && rest.len() < octets.len(),
            },
            Look::More => return cut,
            Look::Not => return false,
        }
    }
    true
}

/// What a value that is no message is read by.
enum Inner {
    Text(Box<Value>),
    /// A file.
    Document(Box<Document>),
}

impl Inner {
    fn open(head: &[u8], path: &str, cx: &mut Cx<'_>) -> Self {
        if probe::has_magic(head) && cx.budget.may_nest() {
            cx.enter("bytes", Some(path));
            return Self::Document(Box::new(Document::new(Hint::of_field(Some(path)))));
        }
        Self::Text(Box::new(Value::new()))
    }

    fn octets(&mut self, octets: &[u8], at: u64, path: &str, cx: &mut Cx<'_>) {
        match self {
            Self::Text(value) => value.octets(octets, at, Some(path), cx),
            Self::Document(document) => document.octets(octets, cx),
        }
    }

    fn end(&mut self, path: &str, cx: &mut Cx<'_>) {
        match self {
            Self::Text(value) => value.end(Some(path), cx),
            Self::Document(document) => {
                document.end(cx);
                cx.leave();
            }
        }
    }

    fn held_bytes(&self) -> usize {
        match self {
            Self::Text(value) => size_of::<Value>() + value.held_bytes(),
            Self::Document(document) => document.held_bytes(),
        }
    }
}

enum State {
    /// The head of a field, and its value as far as it is held.
    Field,
    /// In a value that is no message, with so many octets left.
    Long(Inner, u64),
    /// Not protobuf.
    Lost,
}

/// Reads a message.
pub(super) struct Protobuf {
    at: u64,
    state: State,
    held: Vec<u8>,
    levels: Vec<Level>,
    path: String,
    /// The message itself: what a level is to the messages in it.
    root: Level,
    /// Records so far. The message is one; so is a message in it that follows one of the same number (the first of them
    /// shares the record around it: nobody can tell yet that there will be more).
    records: u32,
    /// The record that was told last.
    told: u32,
}

/// A message within another.
#[derive(Clone, Copy, Default)]
struct Level {
    end: u64,
    /// Length of the path without it.
    path_len: usize,
    record: u32,
    /// Number of the field that came last, if it was a message.
    last: Option<u32>,
}

impl Protobuf {
    pub(super) fn new() -> Self {
        Self {
            at: 0,
            state: State::Field,
            held: Vec::new(),
            levels: Vec::new(),
            path: String::new(),
            root: Level { record: 1, ..Level::default() },
            records: 1,
            told: 0,
        }
    }

    /// Octets that are held at most before something is decided.
    fn wanted(&self) -> usize {
        match head(&self.held) {
            Look::Is(head) => head.len + (head.value.min(HELD_MAX as u64) as usize),
            Look::More | Look::Not => self.held.len() + 1,
        }
    }

    /// Leaves the messages that end here.
    fn settle(&mut self) {
        while let Some(level) = self.levels.last()
            && level.end <= self.at
        {
            self.path.truncate(level.path_len);
            self.levels.pop();
        }
    }

    /// A field of a number begins; returns the record of what is in it if it is a message.
    fn record_of(&mut self, number: u32, is_message: bool) -> u32 {
        let around = self.levels.last_mut().unwrap_or(&mut self.root);
        let again = is_message && around.last == Some(number);
        around.last = is_message.then_some(number);
        if again {
            self.records = self.records.saturating_add(1);
            return self.records;
        }
        around.record
    }

    /// Says which record what follows belongs to.
    fn tell(&mut self, record: u32, cx: &mut Cx<'_>) {
        if self.told != record {
            self.told = record;
            cx.out.record(record);
        }
    }

    /// Everything wanted is held.
    fn field(&mut self, head: Head, cx: &mut Cx<'_>) {
        let held = std::mem::take(&mut self.held);
        let (tag, value) = held.split_at(head.len.min(held.len()));
        let whole = value.len() as u64 == head.value;
        // A field may not reach beyond the message that it is in.
        let end = self.at + head.len as u64 + head.value;
        if self.levels.last().is_some_and(|around| around.end < end) {
            self.state = State::Lost;
            return self.give(&held, None, cx);
        }
        let outer = self.path.len();
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(&head.number.to_string());
        let is_message = head.wire == 2 && self.levels.len() < LEVELS_MAX && is_message(value, !whole);
        let record = self.record_of(head.number, is_message);
        self.tell(record, cx);
        self.give(tag, None, cx);
        if is_message {
            self.levels.push(Level { end, path_len: outer, record, last: None });
            return self.octets(value, cx);
        }
        let path = std::mem::take(&mut self.path);
        if head.wire != 2 {
            let number = number(head.wire, value);
            cx.text(number.as_bytes(), self.at, Some(&path));
            self.at += value.len() as u64;
        } else {
            let mut inner = Inner::open(value, &path, cx);
            inner.octets(value, self.at, &path, cx);
            self.at += value.len() as u64;
            if !whole {
                self.path = path;
                self.levels.push(Level { end, path_len: outer, record, last: None });
                self.state = State::Long(inner, head.value - value.len() as u64);
                return;
            }
            inner.end(&path, cx);
        }
        self.path = path;
        self.path.truncate(outer);
        self.settle();
    }

    /// Gives out octets as they are.
    fn give(&mut self, octets: &[u8], field: Option<&str>, cx: &mut Cx<'_>) {
        cx.text(octets, self.at, field);
        self.at += octets.len() as u64;
    }
}

/// A number as text. Of eight or four octets it may be an integer or a fraction: which is told by its size.
fn number(wire: u8, octets: &[u8]) -> String {
    let bits = octets.iter().rev().fold(0_u64, |value, octet| value << 8 | u64::from(*octet));
    let fraction = match wire {
        0 => return varint(octets).map_or_else(|_| String::new(), |(value, _)| value.to_string()),
        1 => f64::from_bits(bits),
        _ => f64::from(f32::from_bits(bits as u32)),
    };
    if (1e-6..1e12).contains(&fraction.abs()) { fraction.to_string() } else { bits.to_string() }
}

impl Reader for Protobuf {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let mut rest = octets;
        while !rest.is_empty() {
            match &mut self.state {
                State::Lost => {
                    self.give(rest, None, cx);
                    rest = &[];
                }
                State::Long(value, left) => {
                    let (own, later) = rest.split_at(usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len()));
                    value.octets(own, self.at, &self.path, cx);
                    *left -= own.len() as u64;
                    self.at += own.len() as u64;
                    if *left == 0 {
                        value.end(&self.path, cx);
                        self.state = State::Field;
                        self.settle();
                    }
                    rest = later;
                }
                State::Field => {
                    let more = self.wanted().saturating_sub(self.held.len()).min(rest.len());
                    let (own, later) = rest.split_at(more);
                    self.held.extend_from_slice(own);
                    rest = later;
                    match head(&self.held) {
                        Look::More => {}
                        Look::Not => {
                            self.state = State::Lost;
                            let held = std::mem::take(&mut self.held);
                            self.give(&held, None, cx);
                        }
                        Look::Is(head) if self.held.len() == self.wanted() => self.field(head, cx),
                        Look::Is(_) => {}
                    }
                }
            }
        }
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        self.end(cx);
        self.state = State::Lost;
        self.at += len;
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        if let State::Long(value, _) = &mut self.state {
            value.end(&self.path, cx);
            self.state = State::Lost;
        }
        let held = std::mem::take(&mut self.held);
        self.give(&held, None, cx);
    }

    fn held_bytes(&self) -> usize {
        let long = if let State::Long(inner, _) = &self.state { inner.held_bytes() } else { 0 };
        size_of::<Self>()
            + self.held.capacity()
            + self.levels.capacity() * size_of::<Level>()
            + self.path.capacity()
            + long
    }
}
