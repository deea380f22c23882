//! HTTP request and response heads (RFC 9112): the target's query as form fields, cookies by name, every other header
//! field's value under its name in lower case.

use super::budget::Cx;
use super::document::Reader;
use super::encoded_word::EncodedWords;
use super::form::{Dialect, Pairs};
use super::percent::Percent;
use super::structured::Structured;
use super::value::Value;

/// Longest header name that is remembered, octets.
const NAME_LEN_MAX: usize = 128;

enum Place {
    /// Up to the first space: a method or version.
    First,
    /// The target up to its query.
    Path,
    /// The query.
    Query,
    /// The rest of the first line.
    Rest,
    /// A header name.
    Name,
    /// Space before a value.
    Blank,
    /// A value.
    Value,
    /// A value that consists of cookies.
    Cookies,
    /// The beginning of a line.
    LineStart,
}

/// Reads a head.
pub(super) struct HttpHead {
    request: bool,
    place: Place,
    at: u64,
    name: String,
    percent: Percent,
    query: Pairs,
    cookies: Pairs,
    value: Value,
    structured: Structured,
    /// Only messages of RFC 5322 have encoded words.
    words: Option<EncodedWords>,
    /// All of it is one record.
    is_record: bool,
}

impl HttpHead {
    pub(super) fn new(request: bool) -> Self {
        Self {
            request,
            place: Place::First,
            at: 0,
            name: String::new(),
            percent: Percent::default(),
            query: Pairs::new(Dialect::Form, None),
            cookies: Pairs::new(Dialect::Cookie, None),
            value: Value::new(),
            structured: Structured::default(),
            words: None,
            is_record: false,
        }
    }

    /// The header of a message, which has no first line of another kind.
    pub(super) fn of_message() -> Self {
        Self { words: Some(EncodedWords::default()), ..Self::of_fields() }
    }

    /// `name: value` lines and nothing else: one record.
    pub(super) fn of_fields() -> Self {
        Self { place: Place::LineStart, is_record: true, ..Self::new(false) }
    }

    /// Ends whatever is open.
    fn close(&mut self, cx: &mut Cx<'_>) {
        match self.place {
            Place::Path => self.percent.finish(self.at, &mut |octets, at| cx.text(octets, at, None)),
            Place::Query => self.query.end(self.at, cx),
            Place::Cookies => self.cookies.end(self.at, cx),
            Place::Value => {
                let Self { words, value, name, structured, .. } = self;
                if let Some(words) = words {
                    words.finish(&mut |octets, at| structured.octets(octets, at, name, value, cx));
                }
                structured.end(name, value, cx);
            }
            _ => {}
        }
    }

    /// Where the current place ends in `octets`.
    fn place_len(&self, octets: &[u8]) -> Option<usize> {
        octets.iter().position(|&octet| match self.place {
            Place::First => matches!(octet, b' ' | b'\r' | b'\n'),
            Place::Path => matches!(octet, b' ' | b'\r' | b'\n' | b'?'),
            Place::Query => matches!(octet, b' ' | b'\r' | b'\n' | b'#'),
            Place::Rest | Place::Value | Place::Cookies => matches!(octet, b'\r' | b'\n'),
            Place::Name => matches!(octet, b':' | b'\r' | b'\n'),
            Place::Blank => !matches!(octet, b' ' | b'\t'),
            Place::LineStart => octet != b'\n' && octet != b'\r',
        })
    }

    fn piece(&mut self, piece: &[u8], cx: &mut Cx<'_>) {
        match self.place {
            Place::Path => self.percent.feed(piece, self.at, false, &mut |octets, at| {
                cx.text(octets, at, None);
            }),
            Place::Query => self.query.octets(piece, self.at, cx),
            Place::Cookies => self.cookies.octets(piece, self.at, cx),
            Place::Value => {
                let Self { words, value, name, at, structured, .. } = self;
                match words {
                    Some(words) => {
                        words.feed(piece, *at, &mut |octets, at| structured.octets(octets, at, name, value, cx));
                    }
                    None => structured.octets(piece, *at, name, value, cx),
                }
            }
            Place::Name => {
                let room = NAME_LEN_MAX.saturating_sub(self.name.len());
                let kept = piece.get(..room).unwrap_or(piece);
                self.name.extend(kept.iter().map(|&octet| {
                    let octet = if octet.is_ascii_graphic() { octet } else { b'_' };
                    char::from(octet.to_ascii_lowercase())
                }));
                cx.text(piece, self.at, None);
            }
            Place::First | Place::Rest | Place::Blank | Place::LineStart => {
                cx.text(piece, self.at, None);
            }
        }
        self.at += piece.len() as u64;
    }

    /// The place that follows at `mark`, and whether the mark itself is structure to be passed over.
    fn next(&mut self, mark: u8) -> (Place, bool) {
        match (&self.place, mark) {
            (Place::Blank, b'\r' | b'\n') => (Place::LineStart, false),
            (Place::Blank, _) => match self.name.as_str() {
                "cookie" | "set-cookie" => (Place::Cookies, false),
                _ => (Place::Value, false),
            },
            // A line that begins with space continues the value before it (RFC 9112, section 5.2).
            (Place::LineStart, b' ' | b'\t') if !self.name.is_empty() => (Place::Blank, false),
            (Place::LineStart, _) => {
                self.name.clear();
                (Place::Name, false)
            }
            (_, b'\r' | b'\n') => (Place::LineStart, true),
            (Place::Name, _) => (Place::Blank, true),
            (Place::First, _) if self.request => (Place::Path, true),
            (Place::Path, b'?') => (Place::Query, true),
            _ => (Place::Rest, true),
        }
    }
}

impl Reader for HttpHead {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        if self.is_record && self.at == 0 {
            cx.out.record(1);
        }
        let mut rest = octets;
        while !rest.is_empty() {
            let len = self.place_len(rest);
            let (piece, later) = rest.split_at(len.unwrap_or(rest.len()));
            self.piece(piece, cx);
            rest = later;
            let Some(&mark) = rest.first() else { break };
            self.close(cx);
            let (place, passed) = self.next(mark);
            self.place = place;
            if passed {
                cx.text(&[mark], self.at, None);
                self.at += 1;
                rest = rest.get(1..).unwrap_or(&[]);
            }
        }
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        self.close(cx);
        self.at += len;
        self.place = Place::Rest;
        self.name.clear();
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        self.close(cx);
    }

    fn held_bytes(&self) -> usize {
        let held = self.query.held_bytes() + self.cookies.held_bytes() + self.value.held_bytes();
        let held = held + self.words.as_ref().map_or(0, EncodedWords::held_bytes) + self.structured.held_bytes();
        size_of::<Self>() + self.name.capacity() + held
    }
}
