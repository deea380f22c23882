//! BSON (bsonspec.org) as MongoDB's messages carry it, streaming: values come with their key path (`user.ids[].ssn`), as in
//! JSON; numbers are written out. Where octets are missing or make no sense, the rest is given as it is.

use super::budget::Cx;
use super::document::Reader;
use super::json::is_identifier;
use super::value::Value;

/// Documents within each other that are followed; MongoDB's own limit is 100.
const LEVELS_MAX: usize = 100;
/// Longest key and key path, octets.
const NAME_LEN_MAX: usize = 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Flags of a message.
    Flags,
    /// The kind of a section of a message.
    Section,
    /// Length of a section of kind 1.
    SectionLen,
    /// Its name.
    SectionName,
    /// Length of a document.
    Length,
    /// Type of an element.
    Element,
    /// Its name.
    Name(u8),
    /// A value of so many octets.
    Fixed(u8, usize),
    /// The length of a string or of binary data.
    StringLen(u8),
    /// So many octets of it.
    Text(u64),
    /// So many octets that say nothing.
    Skip(u64),
    /// So many strings that end with zero.
    Strings(u8),
    /// Not BSON.
    Lost,
}

/// An open document or array.
struct Level {
    path_len: usize,
    is_array: bool,
    /// The record that its elements belong to.
    record: u32,
}

/// Reads documents, or the sections of messages.
pub(super) struct Bson {
    message: bool,
    at: u64,
    state: State,
    held: Vec<u8>,
    levels: Vec<Level>,
    path: String,
    /// Octets left of a section of kind 1.
    section: u64,
    value: Value,
    /// Records so far: a document that stands alone, in an array or under an identifier is one, with the documents that are
    /// values of its keys.
    records: u32,
}

impl Bson {
    /// Documents one after the other; with `message`, what follows the header of OP_MSG.
    pub(super) fn new(message: bool) -> Self {
        let state = if message { State::Flags } else { State::Length };
        Self {
            message,
            at: 0,
            state,
            held: Vec::new(),
            levels: Vec::new(),
            path: String::new(),
            section: 0,
            value: Value::new(),
            records: 0,
        }
    }

    /// What follows a value: another element.
    fn next(&mut self) {
        let keep = self.levels.last().map_or(0, |level| level.path_len);
        self.path.truncate(keep);
        self.state = State::Element;
    }

    /// A document has ended.
    fn leave(&mut self, cx: &mut Cx<'_>) {
        self.levels.pop();
        cx.out.record(self.levels.last().map_or(0, |level| level.record));
        if self.levels.is_empty() {
            self.path.clear();
            self.state = if self.message && self.section == 0 { State::Section } else { State::Length };
        } else {
            self.next();
        }
    }

    fn field(&self) -> Option<&str> {
        (!self.path.is_empty()).then_some(self.path.as_str())
    }

    fn written(&mut self, text: &str, len: usize, cx: &mut Cx<'_>) {
        cx.text(text.as_bytes(), self.at - len as u64, self.field());
        self.next();
    }

    /// As many octets as were asked for.
    fn fixed(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let number = |octets: &[u8]| octets.iter().rev().fold(0_u64, |value, octet| value << 8 | u64::from(*octet));
        let len = number(octets);
        match self.state {
            State::Flags => self.state = State::Section,
            State::Section => {
                self.state = match len {
                    0 => State::Length,
                    1 => State::SectionLen,
                    _ => State::Lost,
                }
            }
            State::SectionLen => {
                self.section = len.saturating_sub(4);
                self.state = State::SectionName;
            }
            State::Length if len >= 5 && self.levels.len() < LEVELS_MAX => {
                // Outermost: those within others are opened with their name.
                self.push(false, true, cx);
                self.state = State::Element;
            }
            State::Element => match len as u8 {
                0 => self.leave(cx),
                kind => self.state = State::Name(kind),
            },
            State::StringLen(kind) => {
                self.state = match (kind, len) {
                    // The length counts the zero octet at the end.
                    (0x02 | 0x0d | 0x0e | 0x0c, 1..=0x7fff_ffff) => State::Text(len - 1),
                    (0x05, 0..=0x7fff_ffff) => State::Text(len + 1),
                    _ => State::Lost,
                }
            }
            State::Fixed(kind, size) => match kind {
                0x01 => self.written(&f64::from_bits(len).to_string(), size, cx),
                0x10 => self.written(&(len as u32).cast_signed().to_string(), size, cx),
                0x12 => self.written(&len.cast_signed().to_string(), size, cx),
                _ => self.next(),
            },
            _ => self.state = State::Lost,
        }
    }

    /// The name of an element is known.
    fn named(&mut self, kind: u8, name: &[u8], cx: &mut Cx<'_>) {
        let in_array = self.levels.last().is_some_and(|level| level.is_array);
        if in_array {
            // Elements have numbers for names: structure, so that they stay apart.
            cx.text(b",", self.at - 1, None);
            self.path.push_str("[]");
        } else {
            cx.text(name, self.at - name.len() as u64 - 1, None);
            if self.path.len() + name.len() < NAME_LEN_MAX {
                if !self.path.is_empty() {
                    self.path.push('.');
                }
                self.path.push_str(&String::from_utf8_lossy(name));
            }
        }
        self.state = match kind {
            0x01 | 0x09 | 0x11 | 0x12 => State::Fixed(kind, 8),
            0x02 | 0x05 | 0x0d | 0x0e => State::StringLen(kind),
            0x03 | 0x04 => State::Length,
            0x07 => State::Fixed(kind, 12),
            0x08 => State::Fixed(kind, 1),
            0x0b => State::Strings(2),
            0x10 => State::Fixed(kind, 4),
            0x13 => State::Fixed(kind, 16),
            0x06 | 0x0a | 0x7f | 0xff => return self.next(),
            _ => State::Lost,
        };
        if matches!(kind, 0x03 | 0x04) {
            // The level is opened with its length; whether it is an array is known now.
            self.open(kind == 0x04, cx);
        }
    }

    fn push(&mut self, is_array: bool, is_record: bool, cx: &mut Cx<'_>) {
        let mut record = self.levels.last().map_or(0, |level| level.record);
        if is_record {
            self.records = self.records.saturating_add(1);
            record = self.records;
            cx.out.record(record);
        }
        self.levels.push(Level { path_len: self.path.len(), is_array, record });
    }

    fn open(&mut self, is_array: bool, cx: &mut Cx<'_>) {
        if self.levels.len() >= LEVELS_MAX {
            self.state = State::Lost;
            return;
        }
        let name = |level: &Level| self.path.get(level.path_len..).unwrap_or_default().trim_start_matches('.');
        let is_record = !is_array
            && self.levels.last().is_some_and(|level| level.is_array || is_identifier(name(level).as_bytes()));
        self.push(is_array, is_record, cx);
        self.state = State::Skip(4);
    }
}

impl Reader for Bson {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let mut rest = octets;
        while let Some(&octet) = rest.first() {
            let before = rest.len();
            match self.state {
                State::Lost => {
                    cx.text(rest, self.at, None);
                    rest = &[];
                }
                State::Text(left) | State::Skip(left) => {
                    let used = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let (now, later) = rest.split_at(used);
                    let left = left - used as u64;
                    let is_text = matches!(self.state, State::Text(_));
                    if is_text {
                        let field = (!self.path.is_empty()).then_some(self.path.as_str());
                        self.value.octets(now, self.at, field, cx);
                    }
                    rest = later;
                    self.state = match (is_text, left) {
                        (true, 0) => {
                            let field = (!self.path.is_empty()).then_some(self.path.as_str());
                            self.value.end(field, cx);
                            State::Fixed(0, 1)
                        }
                        (true, left) => State::Text(left),
                        (false, 0) => State::Element,
                        (false, left) => State::Skip(left),
                    };
                }
                State::SectionName | State::Name(_) | State::Strings(_) => {
                    let end = memchr::memchr(0, rest);
                    let (part, later) = rest.split_at(end.unwrap_or(rest.len()));
                    self.held.extend_from_slice(part);
                    rest = later;
                    if self.held.len() > NAME_LEN_MAX {
                        // Its end, if that is here, is text like what follows: it might as well have come later.
                        let held = std::mem::take(&mut self.held);
                        cx.text(&held, self.at + part.len() as u64 - held.len() as u64, None);
                        self.state = State::Lost;
                    } else if end.is_some() {
                        rest = later.get(1..).unwrap_or_default();
                        self.at += part.len() as u64 + 1;
                        let name = std::mem::take(&mut self.held);
                        match self.state {
                            State::Name(kind) => self.named(kind, &name, cx),
                            State::Strings(left) => {
                                cx.text(&name, self.at - name.len() as u64 - 1, self.field());
                                if left > 1 {
                                    self.state = State::Strings(left - 1);
                                } else {
                                    self.next();
                                }
                            }
                            _ => self.state = State::Length,
                        }
                        self.count_section(before - rest.len());
                        continue;
                    }
                }
                state => {
                    let size = match state {
                        State::Section | State::Element => 1,
                        State::Fixed(_, size) => size,
                        _ => 4,
                    };
                    if self.held.is_empty() && size == 1 {
                        rest = rest.get(1..).unwrap_or_default();
                        self.at += 1;
                        self.fixed(&[octet], cx);
                        self.count_section(1);
                        if state == State::Element {
                            self.end_section();
                        }
                        continue;
                    }
                    let (part, later) = rest.split_at(rest.len().min(size - self.held.len()));
                    self.held.extend_from_slice(part);
                    rest = later;
                    if self.held.len() == size {
                        self.at += part.len() as u64;
                        let held = std::mem::take(&mut self.held);
                        self.fixed(&held, cx);
                        if state != State::SectionLen {
                            self.count_section(before - rest.len());
                        }
                        continue;
                    }
                }
            }
            self.at += (before - rest.len()) as u64;
            self.count_section(before - rest.len());
        }
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        self.end(cx);
        self.state = State::Lost;
        self.at += len;
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        let held = std::mem::take(&mut self.held);
        cx.text(&held, self.at - held.len() as u64, None);
        let field = (!self.path.is_empty()).then_some(self.path.as_str());
        self.value.end(field, cx);
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>()
            + self.held.capacity()
            + self.levels.capacity() * size_of::<Level>()
            + self.path.capacity()
            + self.value.held_bytes()
    }
}

impl Bson {
    /// Octets of a section of kind 1 have been read.
    fn count_section(&mut self, len: usize) {
        self.section = self.section.saturating_sub(len as u64);
    }

    /// After a document: the section may be over, too.
    fn end_section(&mut self) {
        if self.message && self.section == 0 && self.levels.is_empty() && self.state == State::Length {
            self.state = State::Section;
        }
    }
}
