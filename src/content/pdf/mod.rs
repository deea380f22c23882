//! PDF (ISO 32000-1): the text of its pages, its information and forms as fields, XMP, images and attached files.
//!
//! The file is read as it comes, object by object, without its cross-reference table. Text waits for the end of the file, because
//! the fonts that say what its codes mean may come later (`objects`); strings of objects come at once, under their key. What is
//! encrypted or under a filter that nobody reads here is reported as undecodable, and images under such a filter as not looked at.

use std::sync::{Arc, Mutex, PoisonError};

use memchr::memmem;

use crate::model::{Coding, UninspectedReason};

use super::budget::Cx;
use super::coded::{Coded, Decoder};
use super::document::{Document, Hint, Reader};
use super::probe;
use ascii::{Ascii85, AsciiHex};
use objects::Objects;
use text::Stream;
use token::Value;

mod ascii;
mod cmap;
mod objects;
mod text;
mod token;

/// What a file begins with.
pub(super) const MAGIC: &[u8; 5] = b"%PDF-";

/// Octets of an object that are looked at together.
const OBJECT_MAX: usize = 64 << 10;
/// Octets that are searched at once.
const PIECE: usize = 4 << 10;
/// Filters around one stream.
const FILTERS_MAX: usize = 4;
/// Keys whose strings say nothing of anybody: digests, names of character sets and of places, commands, times.
const DULL: [&[u8]; 19] = [
    b"ID",
    b"O",
    b"U",
    b"OE",
    b"UE",
    b"Perms",
    b"CharSet",
    b"Registry",
    b"Ordering",
    b"DA",
    b"CreationDate",
    b"ModDate",
    b"M",
    b"Lang",
    b"CheckSum",
    b"Names",
    b"Limits",
    b"D",
    b"Dest",
];

/// Reads a file.
pub(super) struct Pdf {
    objects: Arc<Mutex<Objects>>,
    /// What came since the last object ended.
    held: Vec<u8>,
    /// Octets of it in which no keyword begins.
    searched: usize,
    stream: Option<Body>,
    /// Octets of strings given out.
    given: u64,
}

/// A stream that has not ended.
struct Body {
    /// Octets in which its end may begin.
    tail: Vec<u8>,
    what: What,
}

enum What {
    Read(Box<Document>),
    /// A document that the sink knows.
    Entered(Box<Document>),
    Lost(UninspectedReason),
    /// Nothing to read: fonts, tables.
    Passed,
}

/// A keyword that ends what is held.
enum Keyword {
    ObjectEnd(usize),
    /// Where it begins, and where the stream does.
    Stream(usize, usize),
}

impl Pdf {
    pub(super) fn new() -> Self {
        Self { objects: Arc::default(), held: Vec::new(), searched: 0, stream: None, given: 0 }
    }

    /// Takes octets between streams; returns how many.
    fn between(&mut self, octets: &[u8], cx: &mut Cx<'_>) -> usize {
        let room = PIECE.min(OBJECT_MAX - self.held.len());
        let piece = octets.get(..room).unwrap_or(octets);
        self.held.extend_from_slice(piece);
        while let Some(keyword) = self.keyword() {
            match keyword {
                Keyword::ObjectEnd(end) => {
                    let rest = self.held.split_off(end);
                    self.read_object(cx);
                    self.held = rest;
                    self.searched = 0;
                }
                Keyword::Stream(at, start) => {
                    let unread = self.held.len() - start;
                    self.held.truncate(at);
                    let (number, value) = self.read_object(cx);
                    self.begin(number, &value, cx);
                    self.held.clear();
                    self.searched = 0;
                    return piece.len() - unread.min(piece.len());
                }
            }
        }
        if self.held.len() >= OBJECT_MAX {
            self.read_object(cx);
            // A keyword may have begun.
            self.held.drain(..OBJECT_MAX - 16);
            self.searched = 0;
        }
        piece.len()
    }

    /// The next keyword of what is held.
    fn keyword(&mut self) -> Option<Keyword> {
        loop {
            let searched = self.searched;
            let rest = self.held.get(searched..)?;
            let end = memmem::find(rest, b"endobj");
            let stream = memmem::find(rest.get(..end.unwrap_or(rest.len()))?, b"stream").map(|at| at + searched);
            let Some(at) = stream else {
                if let Some(end) = end {
                    return Some(Keyword::ObjectEnd(searched + end + b"endobj".len()));
                }
                self.searched = self.held.len().saturating_sub(b"endobj".len() - 1).max(searched);
                return None;
            };
            let after = at + b"stream".len();
            let is_end = self.held.get(..at)?.ends_with(b"end");
            match self.held.get(after..)? {
                _ if is_end => self.searched = after,
                [b'\n', ..] => return Some(Keyword::Stream(at, after + 1)),
                [b'\r', b'\n', ..] => return Some(Keyword::Stream(at, after + 2)),
                [] | [b'\r'] => {
                    self.searched = at;
                    return None;
                }
                [b'\r', _, ..] => return Some(Keyword::Stream(at, after + 1)),
                _ => self.searched = after,
            }
        }
    }

    /// Reads the object that is held.
    fn read_object(&mut self, cx: &mut Cx<'_>) -> (u32, Value) {
        let held = std::mem::take(&mut self.held);
        if let Some(at) = memmem::find(&held, b"trailer")
            && let Some((value, _)) = held.get(at + b"trailer".len()..).and_then(token::value)
        {
            self.objects.lock().unwrap_or_else(PoisonError::into_inner).learn(0, &value);
            self.strings(&value, cx);
        }
        let read = memmem::find(&held, b"obj").and_then(|at| {
            let mut words = held.get(..at)?.rsplit(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            let number = std::str::from_utf8(words.nth(1)?).ok()?.parse().ok()?;
            Some((number, token::value(held.get(at + 3..)?)?.0))
        });
        let (number, value) = read.unwrap_or((0, Value::Other));
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).learn(number, &value);
        self.strings(&value, cx);
        self.held = held;
        (number, value)
    }

    /// Gives out the strings of a value under their keys; the value of a form's field under its name.
    fn strings(&mut self, value: &Value, cx: &mut Cx<'_>) {
        match value {
            Value::Array(elements) => elements.iter().for_each(|element| self.strings(element, cx)),
            Value::Dictionary(entries) => {
                let signature = value.get(b"ByteRange").is_some();
                for (key, entry) in entries {
                    if DULL.contains(&key.as_slice()) || (signature && key == b"Contents") {
                        continue;
                    }
                    let name = match value.get(b"T") {
                        Some(Value::Text(name)) if key == b"V" => decoded(name),
                        _ => None,
                    };
                    for element in entry.elements() {
                        match element {
                            Value::Text(text) => {
                                let name = name.clone().unwrap_or_else(|| String::from_utf8_lossy(key).to_lowercase());
                                self.give(text, &name, cx);
                            }
                            Value::Dictionary(_) | Value::Array(_) => self.strings(element, cx),
                            _ => {}
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn give(&mut self, text: &[u8], field: &str, cx: &mut Cx<'_>) {
        if let Some(text) = decoded(text).filter(|text| !text.is_empty()) {
            if self.given > 0 {
                cx.text(b"\n", self.given, None);
                self.given += 1;
            }
            cx.text(text.as_bytes(), self.given, Some(field));
            self.given += text.len() as u64;
        }
    }

    /// A stream begins.
    fn begin(&mut self, number: u32, value: &Value, cx: &mut Cx<'_>) {
        let what = self.what(number, value, cx);
        self.stream = Some(Body { tail: Vec::new(), what });
    }

    fn what(&self, number: u32, value: &Value, cx: &mut Cx<'_>) -> What {
        let is = |key: &[u8], name: &[u8]| value.get(key).is_some_and(|value| value.is_name(name));
        let has = |key: &[u8]| value.get(key).is_some();
        let encrypted = self.objects.lock().unwrap_or_else(PoisonError::into_inner).encrypted;
        if is(b"Type", b"XRef") {
            return What::Passed;
        }
        if encrypted {
            return What::Lost(UninspectedReason::Undecodable);
        }
        if has(b"Length1")
            || has(b"Length2")
            || has(b"FunctionType")
            || has(b"ShadingType")
            || has(b"Alternate")
            || is(b"Subtype", b"Type1C")
            || is(b"Subtype", b"CIDFontType0C")
            || is(b"Subtype", b"OpenType")
        {
            return What::Passed;
        }
        let image = is(b"Subtype", b"Image");
        let names = value.get(b"Filter").or_else(|| value.get(b"F")).map(Value::elements).unwrap_or_default();
        let mut filters = Vec::new();
        for name in names {
            let Value::Name(name) = name else { continue };
            let filter: Option<Box<dyn Decoder>> = match name.as_slice() {
                b"FlateDecode" | b"Fl" => probe::content_decoder(Coding::Deflate),
                b"ASCIIHexDecode" | b"AHx" => Some(Box::new(AsciiHex::default())),
                b"ASCII85Decode" | b"A85" => Some(Box::new(Ascii85::default())),
                // A JPEG file, as it stands.
                b"DCTDecode" | b"DCT" if image => break,
                _ => None,
            };
            match filter.filter(|_| filters.len() < FILTERS_MAX) {
                Some(filter) => filters.push(filter),
                None if image => {
                    cx.out.not_looked_at();
                    return What::Passed;
                }
                None => return What::Lost(UninspectedReason::Undecodable),
            }
        }
        let jpeg = names.last().is_some_and(|name| name.is_name(b"DCTDecode") || name.is_name(b"DCT"));
        let entered = image || is(b"Type", b"EmbeddedFile") || is(b"Type", b"Metadata");
        if image && !jpeg {
            // Samples without a format around them.
            cx.out.not_looked_at();
            return What::Passed;
        }
        if !cx.budget.may_nest() {
            return What::Lost(UninspectedReason::DecodeLimit);
        }
        let objects = self.objects.clone();
        let inner = if entered {
            Document::new(Hint::default())
        } else if is(b"Type", b"ObjStm") {
            let first = match value.get(b"First") {
                Some(Value::Number(first)) => *first as usize,
                _ => 0,
            };
            Document::read_by(Box::new(Stream::of_objects(first, objects)))
        } else {
            Document::read_by(Box::new(Stream::new(number, objects)))
        };
        let around = |inner, filter| Document::read_by(Box::new(Coded::new(filter, inner)));
        let document = Box::new(filters.into_iter().rev().fold(inner, around));
        if entered {
            cx.enter("stream", None);
            return What::Entered(document);
        }
        What::Read(document)
    }

    /// Takes octets of a stream; returns how many.
    fn within(&mut self, octets: &[u8], cx: &mut Cx<'_>) -> usize {
        const END: &[u8] = b"endstream";
        let Some(body) = &mut self.stream else { return octets.len() };
        let piece = octets.get(..PIECE).unwrap_or(octets);
        body.tail.extend_from_slice(piece);
        let Some(end) = memmem::find(&body.tail, END) else {
            let sure = body.tail.len().saturating_sub(END.len() + 1);
            let tail = body.tail.split_off(sure);
            let octets = std::mem::replace(&mut body.tail, tail);
            body.octets(&octets, cx);
            return piece.len();
        };
        let unread = body.tail.len() - end - END.len();
        let content = body.tail.get(..end).unwrap_or_default();
        // The line end before the keyword is not of the stream.
        let content = content.strip_suffix(b"\n").unwrap_or(content);
        let content = content.strip_suffix(b"\r").unwrap_or(content).to_vec();
        body.octets(&content, cx);
        self.close(cx);
        piece.len() - unread.min(piece.len())
    }

    /// The stream ends.
    fn close(&mut self, cx: &mut Cx<'_>) {
        let Some(body) = self.stream.take() else { return };
        match body.what {
            What::Read(mut document) => document.end(cx),
            What::Entered(mut document) => {
                document.end(cx);
                cx.leave();
            }
            What::Lost(_) | What::Passed => {}
        }
        // Objects within streams have left their strings.
        let strings = std::mem::take(&mut self.objects.lock().unwrap_or_else(PoisonError::into_inner).strings);
        for value in &strings {
            self.strings(value, cx);
        }
    }
}

impl Body {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        match &mut self.what {
            What::Read(document) | What::Entered(document) => document.octets(octets, cx),
            What::Lost(reason) => cx.lost.add(octets.len() as u64, *reason),
            What::Passed => {}
        }
    }
}

/// A string's text (section 7.9.2.2): UTF-16, UTF-8, or nearly Windows-1252. `None` if it is no text.
fn decoded(octets: &[u8]) -> Option<String> {
    let text = match octets {
        [0xfe, 0xff, rest @ ..] => encoding_rs::UTF_16BE.decode_without_bom_handling(rest).0,
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        _ => encoding_rs::WINDOWS_1252.decode_without_bom_handling(octets).0,
    };
    let is_text = !text.chars().any(|c| c.is_control() && !c.is_whitespace());
    is_text.then(|| text.into_owned())
}

impl Reader for Pdf {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let mut rest = octets;
        while !rest.is_empty() {
            let taken = if self.stream.is_some() { self.within(rest, cx) } else { self.between(rest, cx) };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        match &mut self.stream {
            Some(body) => {
                let tail = std::mem::take(&mut body.tail);
                body.octets(&tail, cx);
                if let What::Read(document) | What::Entered(document) = &mut body.what {
                    document.gap(len, cx);
                }
            }
            None => {
                self.read_object(cx);
                self.held.clear();
                self.searched = 0;
            }
        }
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        if let Some(body) = &mut self.stream {
            let tail = std::mem::take(&mut body.tail);
            body.octets(&tail, cx);
            self.close(cx);
        }
        self.read_object(cx);
        self.held = Vec::new();
        let objects = std::mem::take(&mut *self.objects.lock().unwrap_or_else(PoisonError::into_inner));
        for shown in &objects.shown {
            let (text, unknown) = objects.text(shown);
            cx.lost.add(unknown as u64, UninspectedReason::Undecodable);
            if cx.budget.may_nest() {
                cx.enter("text", None);
                cx.text(text.as_bytes(), 0, None);
                cx.leave();
            } else {
                cx.lost.add(text.len() as u64, UninspectedReason::DecodeLimit);
            }
        }
    }

    fn held_bytes(&self) -> usize {
        let body = self.stream.as_ref().map_or(0, |body| {
            let document = match &body.what {
                What::Read(document) | What::Entered(document) => document.held_bytes(),
                What::Lost(_) | What::Passed => 0,
            };
            body.tail.capacity() + document
        });
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner).held_bytes();
        size_of::<Self>() + self.held.capacity() + body + objects
    }
}
