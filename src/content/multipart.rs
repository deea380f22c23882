//! Multipart documents (RFC 2046, section 5.1; forms: RFC 7578), streaming: parts are documents of their own, named by
//! their `Content-Disposition`, with the media type and transfer coding that their header tells.
//!
//! A delimiter is the boundary after two hyphens at the start of a line, and nothing but space after it. Octets that may
//! begin a delimiter are held as a number only: they are the delimiter's own.

use std::sync::Arc;

use crate::model::Coding;

use super::budget::Cx;
use super::document::{Document, Hint, Layer, Reader};
use super::media_type::{essence, parameter};
use super::probe;

/// Octets of a part's header that are read for fields; a longer one is passed over.
const HEADER_LEN_MAX: usize = 8 << 10;

/// The header of a message or part, collected up to its empty line.
#[derive(Default)]
pub(super) struct Header {
    octets: Vec<u8>,
    /// Length of the current line, without line break.
    line_len: usize,
}

impl Header {
    /// Takes octets up to the end of the header: how many these are, and the header where it ends there.
    pub(super) fn take(&mut self, octets: &[u8]) -> (usize, Option<Vec<u8>>) {
        let (mut len, mut ends) = (0, false);
        for &octet in octets {
            len += 1;
            if octet == b'\n' {
                ends = std::mem::take(&mut self.line_len) == 0;
                if ends {
                    break;
                }
            } else if octet != b'\r' {
                self.line_len += 1;
            }
        }
        let own = octets.get(..len).unwrap_or(octets);
        let room = HEADER_LEN_MAX.saturating_sub(self.octets.len());
        self.octets.extend_from_slice(own.get(..room).unwrap_or(own));
        (len, ends.then(|| std::mem::take(&mut self.octets)))
    }

    /// Whether nothing of it has come.
    pub(super) const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Octets allocated.
    pub(super) const fn held_bytes(&self) -> usize {
        self.octets.capacity()
    }
}
/// Longest name of a part, octets.
const NAME_LEN_MAX: usize = 256;
/// RFC 2046 allows 70 octets in a boundary; be lenient, but bounded.
const BOUNDARY_LEN_MAX: usize = 256;

enum State {
    /// Before the first delimiter, or after the last.
    Outside,
    /// On a delimiter's line, after the boundary.
    Delimiter,
    /// In a part's header.
    Header,
    /// In a part.
    Part(Box<Document>),
    /// In a part beyond the nesting limit.
    TooDeep,
}

/// Reads a multipart document.
pub(super) struct Multipart {
    /// `\n--boundary`.
    delimiter: Vec<u8>,
    around: Option<Arc<str>>,
    at: u64,
    state: State,
    /// Octets of the delimiter that have matched.
    matched: usize,
    /// Whether the first of them is only thought: at the very beginning, where there is no line before.
    imagined: bool,
    /// Whether a carriage return before them is held too.
    held_cr: bool,
    /// Hyphens right after the boundary: two end the document.
    hyphens: u8,
    header: Header,
}

impl Multipart {
    pub(super) fn new(boundary: &str, around: Option<Arc<str>>) -> Self {
        let boundary = boundary.as_bytes();
        let boundary = boundary.get(..BOUNDARY_LEN_MAX).unwrap_or(boundary);
        Self {
            delimiter: [b"\n--", boundary].concat(),
            around,
            at: 0,
            state: State::Outside,
            matched: 1,
            imagined: true,
            held_cr: false,
            hyphens: 0,
            header: Header::default(),
        }
    }

    /// Octets of the current part, or outside of all.
    fn content(&mut self, octets: &[u8], at: u64, cx: &mut Cx<'_>) {
        match &mut self.state {
            State::Part(document) => document.octets(octets, cx),
            State::TooDeep => cx.lost.add(octets.len() as u64, crate::model::UninspectedReason::DecodeLimit),
            _ => cx.text(octets, at, None),
        }
    }

    /// What was held was no delimiter: it is content. It ends before `at`.
    fn release(&mut self, at: u64, cx: &mut Cx<'_>) {
        let matched = std::mem::take(&mut self.matched);
        let imagined = std::mem::take(&mut self.imagined);
        let began = at + u64::from(imagined) - matched as u64;
        if std::mem::take(&mut self.held_cr) {
            self.content(b"\r", began - 1, cx);
        }
        let delimiter = std::mem::take(&mut self.delimiter);
        let held = delimiter.get(usize::from(imagined)..matched).unwrap_or(&[]);
        if !held.is_empty() {
            self.content(held, began, cx);
        }
        self.delimiter = delimiter;
    }

    /// The held octets are a delimiter, ending before `at`.
    fn part_ends(&mut self, at: u64, cx: &mut Cx<'_>) {
        if let State::Part(document) = &mut self.state {
            document.end(cx);
            cx.leave();
        }
        self.state = State::Delimiter;
        self.hyphens = 0;
        self.release(at, cx);
    }

    /// A part's header is complete.
    fn part_begins(&mut self, header: &[u8], cx: &mut Cx<'_>) {
        let (hint, name) = part_hint(header, self.around.as_deref());
        if !cx.budget.may_nest() {
            self.state = State::TooDeep;
            return;
        }
        if header_field(&String::from_utf8_lossy(header), "content-disposition")
            .is_some_and(|d| essence(&d) == "form-data")
        {
            // What is sent together is about one person.
            cx.out.record(1);
        }
        cx.enter("part", name.as_deref());
        self.state = State::Part(Box::new(Document::new(hint)));
        // A delimiter may follow at once: the line break before it is that of the header.
        self.matched = 1;
        self.imagined = true;
    }

    /// Takes octets of a part's header up to its end; returns how many.
    fn header_octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) -> usize {
        let (len, header) = self.header.take(octets);
        cx.text(octets.get(..len).unwrap_or(octets), self.at, None);
        self.at += len as u64;
        if let Some(header) = header {
            self.part_begins(&header, cx);
        }
        len
    }

    /// Takes octets of a part, or outside, up to the end of a delimiter; returns how many.
    fn content_octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) -> usize {
        let (mut from, mut i) = (0, 0);
        while let Some(&octet) = octets.get(i) {
            let here = self.at + i as u64;
            if self.matched == 0 && !self.held_cr {
                let rest = octets.get(i..).unwrap_or(&[]);
                i += memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                self.content(octets.get(from..i).unwrap_or(&[]), self.at + from as u64, cx);
                from = i;
                let Some(&octet) = octets.get(i) else { break };
                if octet == b'\r' {
                    self.held_cr = true;
                } else {
                    self.matched = 1;
                }
                i += 1;
                from = i;
                continue;
            }
            if self.matched == self.delimiter.len() {
                if matches!(octet, b'-' | b' ' | b'\t' | b'\r' | b'\n') {
                    self.part_ends(here, cx);
                    self.at = here;
                    return i;
                }
                self.release(here, cx);
                from = i;
            } else if self.delimiter.get(self.matched) == Some(&octet) {
                self.matched += 1;
                i += 1;
                from = i;
            } else {
                self.release(here, cx);
                from = i;
            }
        }
        self.content(octets.get(from..).unwrap_or(&[]), self.at + from as u64, cx);
        self.at += octets.len() as u64;
        octets.len()
    }

    /// Takes octets of a delimiter's line after the boundary; returns how many.
    fn delimiter_octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) -> usize {
        let mut len = 0;
        for &octet in octets {
            len += 1;
            if octet == b'-' && self.hyphens < 2 {
                self.hyphens += 1;
            }
            if octet == b'\n' || self.hyphens == 2 {
                self.state = if self.hyphens == 2 { State::Outside } else { State::Header };
                self.header = Header::default();
                break;
            }
        }
        cx.text(octets.get(..len).unwrap_or(octets), self.at, None);
        self.at += len as u64;
        len
    }
}

impl Reader for Multipart {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let mut rest = octets;
        while !rest.is_empty() {
            let len = match self.state {
                State::Delimiter => self.delimiter_octets(rest, cx),
                State::Header => self.header_octets(rest, cx),
                _ => self.content_octets(rest, cx),
            };
            rest = rest.get(len..).unwrap_or(&[]);
        }
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        self.release(self.at, cx);
        match &mut self.state {
            State::Part(document) => document.gap(len, cx),
            State::TooDeep => {}
            // A header with a hole tells nothing: look for the next delimiter.
            _ => self.state = State::Outside,
        }
        self.at += len;
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        if self.matched == self.delimiter.len() {
            self.part_ends(self.at, cx);
        }
        self.release(self.at, cx);
        if let State::Part(document) = &mut self.state {
            document.end(cx);
            cx.leave();
        }
    }

    fn held_bytes(&self) -> usize {
        let part = if let State::Part(document) = &self.state { document.held_bytes() } else { 0 };
        let around = self.around.as_ref().map_or(0, |around| around.len());
        size_of::<Self>() + self.delimiter.capacity() + around + self.header.held_bytes() + part
    }
}

/// What a part's header tells about its body, and the part's name. `around` is the field that the whole is the value of.
pub(super) fn part_hint(header: &[u8], around: Option<&str>) -> (Hint, Option<String>) {
    let header = String::from_utf8_lossy(header);
    let disposition = header_field(&header, "content-disposition").unwrap_or_default();
    let short = |mut name: String| {
        name.truncate(name.floor_char_boundary(NAME_LEN_MAX));
        name
    };
    let field = parameter(&disposition, "name").map(short);
    let name = field.clone().or_else(|| parameter(&disposition, "filename").map(short));
    let field = match (around, field) {
        (Some(around), Some(field)) => Some(Arc::from(format!("{around}.{field}"))),
        (around, field) => field.as_deref().or(around).map(Arc::from),
    };
    let mut layers: Vec<Layer> = header_field(&header, "content-encoding")
        .unwrap_or_default()
        .split(',')
        .filter_map(|coding| match coding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => None,
            coding => Some(Layer::Content(coding.parse().unwrap_or(Coding::Unknown))),
        })
        .collect();
    match essence(&header_field(&header, "content-transfer-encoding").unwrap_or_default()).as_str() {
        "base64" => layers.push(Layer::Base64),
        "quoted-printable" => layers.push(Layer::QuotedPrintable),
        _ => {}
    }
    let media_type = header_field(&header, "content-type").unwrap_or_default();
    (Hint { media_type, layers, field, ..Hint::default() }, name)
}

/// The value of a header field, unfolded (RFC 5322, section 2.2.3).
fn header_field(header: &str, name: &str) -> Option<String> {
    let mut value: Option<String> = None;
    for line in header.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = &mut value {
                value.push_str(line);
            }
            continue;
        }
        if value.is_some() {
            break;
        }
        value = line
            .split_once(':')
            .filter(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned());
    }
    value
}

/// The boundary of a multipart document whose media type is not known: the first line is a delimiter, the second a header
/// field of a part.
pub(super) fn detect(head: &[u8]) -> Option<&str> {
    let after = head.strip_prefix(b"--")?;
    let end = memchr::memchr(b'\n', after)?;
    let line = after.get(..end)?;
    let boundary = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).ok()?;
    let next = after.get(end + 1..)?.first_chunk::<8>()?;
    let valid = (1..=70).contains(&boundary.len()) && boundary.bytes().all(|octet| octet.is_ascii_graphic());
    (valid && next.eq_ignore_ascii_case(b"content-")).then_some(boundary)
}

/// The reader for a media type, if it is multipart and tells its boundary.
pub(super) fn of_media_type(hint: &Hint, essence: &str, head: &[u8]) -> Option<Multipart> {
    let boundary = if essence.starts_with("multipart/") {
        parameter(&hint.media_type, "boundary").filter(|boundary| !boundary.is_empty())
    } else {
        None
    };
    let boundary = boundary.or_else(|| detect(probe::trim_start(head)).map(str::to_owned))?;
    Some(Multipart::new(&boundary, hint.field.clone()))
}
