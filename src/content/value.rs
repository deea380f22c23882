//! Values of fields: given out as text, and looked into. A value that is JSON itself is read as JSON; long runs of base64
//! are decoded as documents of their own.
//!
//! A run of base64 is given out as text as well, because tokens and identifiers are often in that alphabet; only beyond
//! its first 4 KiB it is given decoded alone, for then it is a file.

use super::base64::{self, Base64};
use super::budget::Cx;
use super::coded::Coded;
use super::document::{Document, Hint};
use super::json::Json;
use super::probe;

/// Shorter runs of base64 characters are words.
const RUN_MIN: usize = 24;
/// Runs of at least this length are decoded even if they hold no text.
const RUN_BINARY_MIN: usize = 64;
/// Octets of a run that are held until it is clear that it goes on.
const RUN_HELD_MAX: usize = 4096;
/// Line breaks are part of a run if its lines have at least this length: 64 in PEM, 76 in MIME.
const LINE_MIN: usize = 60;

enum Mode {
    /// Nothing has come.
    Start,
    /// The first octet, `{` or `[`, and its offset: the second tells whether it is JSON.
    Held(u8, u64),
    Text,
    Json(Box<Document>),
}

/// One value after the other, of any length.
pub(super) struct Value {
    mode: Mode,
    /// Whether a value may be JSON: not within plain text.
    flat: bool,
    run: Run,
}

/// A run of base64 characters.
#[derive(Default)]
struct Run {
    held: Vec<u8>,
    /// Characters since the run began or its last line break.
    line: usize,
    /// The run is longer than what is held: it is decoded as it comes, or `dull`.
    decoded: Option<Box<Document>>,
    dull: bool,
}

impl Value {
    /// For values of fields.
    pub(super) fn new() -> Self {
        Self { mode: Mode::Start, flat: false, run: Run::default() }
    }

    /// For text that is known not to be JSON as a whole.
    pub(super) fn flat() -> Self {
        Self { mode: Mode::Text, flat: true, run: Run::default() }
    }

    /// The next octets of the value, linear, at offset `at`.
    pub(super) fn octets(&mut self, octets: &[u8], at: u64, field: Option<&str>, cx: &mut Cx<'_>) {
        let Some(&first) = octets.first() else { return };
        match &mut self.mode {
            Mode::Text => self.run.octets(octets, at, field, cx),
            Mode::Json(document) => document.octets(octets, cx),
            Mode::Start if matches!(first, b'{' | b'[') => {
                self.mode = Mode::Held(first, at);
                self.octets(octets.get(1..).unwrap_or(&[]), at + 1, field, cx);
            }
            Mode::Start => {
                self.mode = Mode::Text;
                self.run.octets(octets, at, field, cx);
            }
            &mut Mode::Held(bracket, bracket_at) => {
                let json = match bracket {
                    b'{' => matches!(first, b'"' | b'}' | b' ' | b'\n' | b'\r' | b'\t'),
                    _ => matches!(first, b'"' | b'{' | b'[' | b']' | b'-' | b'0'..=b'9' | b' ' | b'\n' | b'\r' | b'\t'),
                };
                if json && cx.budget.may_nest() {
                    let reader = Box::new(Json::new(field));
                    let mut document = Document::with_reader("json", field, reader, cx);
                    document.octets(&[bracket], cx);
                    document.octets(octets, cx);
                    self.mode = Mode::Json(Box::new(document));
                } else {
                    self.mode = Mode::Text;
                    self.run.octets(&[bracket], bracket_at, field, cx);
                    self.run.octets(octets, at, field, cx);
                }
            }
        }
    }

    /// The value ends; another may follow.
    pub(super) fn end(&mut self, field: Option<&str>, cx: &mut Cx<'_>) {
        match std::mem::replace(&mut self.mode, if self.flat { Mode::Text } else { Mode::Start }) {
            Mode::Json(mut document) => document.end(cx),
            Mode::Held(bracket, at) => cx.text(&[bracket], at, field),
            Mode::Start | Mode::Text => self.run.end(field, cx),
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        let json = if let Mode::Json(document) = &self.mode { document.held_bytes() } else { 0 };
        json + self.run.held.capacity() + self.run.decoded.as_ref().map_or(0, |document| document.held_bytes())
    }
}

impl Run {
    fn octets(&mut self, octets: &[u8], at: u64, field: Option<&str>, cx: &mut Cx<'_>) {
        // Octets before `from` are out.
        let (mut from, mut i) = (0, 0);
        while i < octets.len() {
            let rest = octets.get(i..).unwrap_or(&[]);
            if !self.is_open() {
                // No run of the length that matters contains another character: jump from one such to the next.
                let window = rest.get(..RUN_MIN).unwrap_or(rest);
                let skip = base64::after_last_other(window);
                if skip > 0 {
                    i += skip;
                    continue;
                }
            }
            let mut span = base64::span(rest);
            if let Some(document) = &mut self.decoded {
                document.octets(rest.get(..span).unwrap_or(rest), cx);
                from = i + span;
            } else if !self.dull && (span >= RUN_MIN || !self.held.is_empty() || span == rest.len()) {
                span = span.min(RUN_HELD_MAX - self.held.len());
                self.held.extend_from_slice(rest.get(..span).unwrap_or(rest));
            }
            self.line += span;
            i += span;
            if self.decoded.is_none() && self.held.len() == RUN_HELD_MAX {
                cx.text(octets.get(from..i).unwrap_or(&[]), at + from as u64, field);
                from = i;
                self.decoded = self.open(field, cx).map(Box::new);
                self.dull = self.decoded.is_none();
                self.held = Vec::new();
                continue;
            }
            let Some(&octet) = octets.get(i) else { break };
            if matches!(octet, b'\r' | b'\n')
                && (self.line >= LINE_MIN || (self.line == 0 && octet == b'\n'))
                && self.is_open()
            {
                // After the line break the run goes on.
                self.line = 0;
                if self.decoded.is_some() {
                    from = i + 1;
                }
            } else {
                if self.held.len() >= RUN_MIN {
                    cx.text(octets.get(from..i).unwrap_or(&[]), at + from as u64, field);
                    from = i;
                }
                self.end(field, cx);
            }
            i += 1;
        }
        cx.text(octets.get(from..).unwrap_or(&[]), at + from as u64, field);
    }

    fn is_open(&self) -> bool {
        self.dull || self.decoded.is_some() || !self.held.is_empty()
    }

    /// The run ends here.
    fn end(&mut self, field: Option<&str>, cx: &mut Cx<'_>) {
        if self.held.len() >= RUN_MIN {
            self.decoded = self.open(field, cx).map(Box::new);
        }
        if let Some(mut document) = self.decoded.take() {
            document.end(cx);
        }
        self.held.clear();
        self.line = 0;
        self.dull = false;
    }

    /// Opens a document for the run and feeds it what is held, if that is worth decoding.
    fn open(&mut self, field: Option<&str>, cx: &mut Cx<'_>) -> Option<Document> {
        if !cx.budget.may_nest() || !is_worth_decoding(&self.held) {
            return None;
        }
        let inner = Document::new(Hint::of_field(field));
        let reader = Box::new(Coded::new(Box::new(Base64::default()), inner));
        let mut document = Document::with_reader("base64", field, reader, cx);
        document.octets(&self.held, cx);
        Some(document)
    }
}

/// Whether a run is base64 of something: of text, of a format we know, or long and not in a smaller alphabet.
fn is_worth_decoding(run: &[u8]) -> bool {
    let mut decoded = Vec::new();
    Base64::default().feed(run.get(..RUN_BINARY_MIN).unwrap_or(run), &mut decoded);
    if probe::is_text(&decoded) || probe::has_magic(&decoded) {
        return true;
    }
    run.len() >= RUN_BINARY_MIN
        && run.iter().any(u8::is_ascii_uppercase)
        && run.iter().any(u8::is_ascii_lowercase)
        && run.iter().any(u8::is_ascii_digit)
        && !run.iter().all(u8::is_ascii_hexdigit)
}
