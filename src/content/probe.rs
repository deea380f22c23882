//! The registry: what a document is, from what was announced and from its first octets. A new coding or format gets a line
//! here and a file of its own.

use crate::model::{Coding, DocumentKind};

use super::base64::Base64;
use super::brotli::Brotli;
use super::bson::Bson;
use super::charset::{self, Charset};
use super::coded::{Coded, Decoder};
use super::command::Command;
use super::csv::{self, Csv};
use super::deflate::{Framing, Inflater};
use super::document::{Document, Hint, Layer, Reader};
use super::form::Form;
use super::grpc::{self, Grpc};
use super::hl7::{self, Hl7};
use super::http_head::HttpHead;
use super::image::{Format, Image};
use super::json::Json;
use super::kafka::Kafka;
use super::lz4::{self, Lz4};
use super::mail::{self, Mail};
use super::media_type::parameter;
use super::multipart;
use super::pdf::{self, Pdf};
use super::plain::Plain;
use super::protobuf::{self, Protobuf};
use super::quoted_printable::QuotedPrintable;
use super::snappy::{self, Snappy};
use super::tar::{self, Tar};
use super::xml::Xml;
use super::zip::Zip;
use super::zstd::Zstd;

/// Octets on which the decision is made, or all if the document is shorter.
pub(super) const PROBE_LEN: usize = 1024;

/// What a document turned out to be.
pub(super) enum Found {
    /// Text or binary data as it is.
    Plain(Box<dyn Reader>),
    /// A coding or container, and its word for the document path.
    Nested(&'static str, Box<dyn Reader>),
    /// A coding that cannot be removed.
    Undecodable,
}

/// Octets that begin a coding or file of a known kind (signatures of file formats), with the coding if it is one.
const MAGICS: [(&[u8], Option<Layer>); 21] = [
    (b"\x1f\x8b\x08", Some(Layer::Content(Coding::Gzip))),
    (b"\x28\xb5\x2f\xfd", Some(Layer::Content(Coding::Zstd))),
    (lz4::MAGIC, Some(Layer::Content(Coding::Lz4))),
    (snappy::FRAMED, Some(Layer::Content(Coding::Snappy))),
    (snappy::JAVA, Some(Layer::Content(Coding::Snappy))),
    (b"\xff\xd8\xff", None),
    (b"\x89PNG\r\n\x1a\n", None),
    (b"GIF8", None),
    (b"RIFF", None),
    (b"II*\0", None),
    (b"MM\0*", None),
    (pdf::MAGIC, None),
    (b"PK\x03\x04", None),
    (b"\0\0\0\x18ftyp", None),
    (b"\0\0\0\x1cftyp", None),
    (b"\0\0\0\x20ftyp", None),
    (b"\0\0\0\x24ftyp", None),
    (b"BZh", None),
    (b"\xfd7zXZ\0", None),
    (b"SQLite format 3\0", None),
    (b"@\n\x1e\rANSI ", None),
];

/// By octet, whether one of the magics begins with it: most documents are told apart from all of them by their first.
const MAGIC_FIRST: [bool; 256] = {
    let mut first = [false; 256];
    let mut at = 0;
    while at < MAGICS.len() {
        first[MAGICS[at].0[0] as usize] = true;
        at += 1;
    }
    first
};

/// The coding, if it is one, that the octets begin like, or the file of a known binary kind.
fn magic(head: &[u8]) -> Option<Option<Layer>> {
    let first = *head.first()?;
    if !MAGIC_FIRST[usize::from(first)] {
        return None;
    }
    MAGICS.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, layer)| *layer)
}

/// Whether the octets begin like a file of a known binary kind.
pub(super) fn has_magic(head: &[u8]) -> bool {
    magic(head).is_some()
}

/// Whether the octets look like text: UTF-8 that may be cut at the end, without control characters.
pub(super) fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            let valid = head.get(..error.valid_up_to()).unwrap_or(&[]);
            std::str::from_utf8(valid).unwrap_or("")
        }
        Err(_) => return false,
    };
    let allowed = |octet: u8| matches!(octet, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    !text.is_empty()
        && (text.bytes().all(allowed) || !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')))
}

/// Without space and byte order mark before the first character.
pub(super) fn trim_start(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start()
}

/// Whether nothing in the octets can change what the document is.
pub(super) fn knows_at_once(hint: &Hint) -> bool {
    matches!(
        hint.kind,
        Some(
            DocumentKind::HttpRequestHead
                | DocumentKind::HttpResponseHead
                | DocumentKind::Command
                | DocumentKind::Fields
                | DocumentKind::SipHead
                | DocumentKind::MailMessage
        )
    ) || hint.kind.is_some_and(is_binary_format)
}

/// Formats that the protocol announces, whatever the octets look like.
const fn is_binary_format(kind: DocumentKind) -> bool {
    matches!(kind, DocumentKind::Bson | DocumentKind::MongoMessage | DocumentKind::KafkaRecords)
}

/// Decides. `complete` tells that `head` is the whole document.
pub(super) fn probe(mut hint: Hint, head: &[u8], complete: bool) -> Found {
    if let Some(layer) = hint.layers.pop() {
        return coded(layer, hint);
    }
    match hint.kind {
        Some(DocumentKind::HttpRequestHead) => {
            return Found::Nested("head", Box::new(HttpHead::new(true)));
        }
        Some(DocumentKind::HttpResponseHead) => {
            return Found::Nested("head", Box::new(HttpHead::new(false)));
        }
        Some(DocumentKind::SipHead) => return Found::Plain(Box::new(HttpHead::new(false))),
        Some(DocumentKind::Fields) => return Found::Plain(Box::new(HttpHead::of_fields())),
        Some(DocumentKind::Command) => return Found::Plain(Box::new(Command::default())),
        Some(DocumentKind::MailMessage) => return Found::Plain(Box::new(Mail::new())),
        Some(DocumentKind::Bson) => return Found::Plain(Box::new(Bson::new(false))),
        Some(DocumentKind::KafkaRecords) => return Found::Plain(Box::new(Kafka::new(hint.field))),
        Some(DocumentKind::MongoMessage) => return Found::Plain(Box::new(Bson::new(true))),
        _ => {}
    }
    let magic = magic(head);
    if let Some(Some(layer)) = magic {
        return coded(layer, hint);
    }
    let essence = hint.essence();
    if grpc::is_text(&essence) {
        return coded(Layer::Base64, Hint { media_type: essence.replacen("-text", "", 1), ..hint });
    }
    if let Some(message_type) = grpc::message_type(&essence) {
        return Found::Nested("grpc", Box::new(Grpc::new(message_type)));
    }
    // Messages of gRPC are JSON where both ends agreed on it, whatever is announced. No message begins with these octets: they
    // would open a group.
    if protobuf::is_media_type(&essence) && !looks_like_json(head) {
        return Found::Nested("protobuf", Box::new(Protobuf::new()));
    }
    if let Some(multipart) = multipart::of_media_type(&hint, &essence, head) {
        return Found::Nested("multipart", Box::new(multipart));
    }
    if head.starts_with(b"PK\x03\x04") {
        return Found::Nested("zip", Box::new(Zip::new()));
    }
    if head.starts_with(pdf::MAGIC) {
        return Found::Nested("pdf", Box::new(Pdf::new()));
    }
    if tar::detect(head) {
        return Found::Nested("tar", Box::new(Tar::new()));
    }
    if let Some(format) = Format::detect(head) {
        return Found::Nested(format.label(), Box::new(Image::new(format, hint.field)));
    }
    if magic.is_some() {
        return Found::Plain(Box::new(Plain::new(hint.field, false)));
    }
    if !hint.utf8
        && let Some(encoding) = charset::detect(parameter(&hint.media_type, "charset").as_deref(), head)
    {
        return coded(Layer::Charset(encoding), hint);
    }
    if essence == "message/rfc822" || ((essence.is_empty() || essence == "text/plain") && mail::detect(head)) {
        return Found::Nested("mail", Box::new(Mail::new()));
    }
    if hl7::detect(head) {
        return Found::Nested("hl7", Box::new(Hl7::new(head)));
    }
    let subtype = essence.rsplit(['/', '+']).next().unwrap_or("");
    let start = trim_start(head);
    if looks_like_json(start) || (matches!(subtype, "json" | "x-ndjson" | "jsonlines" | "json-seq") && is_text(head)) {
        return Found::Nested("json", Box::new(Json::new(hint.field.as_deref())));
    }
    if essence == "application/x-www-form-urlencoded" || (essence.is_empty() && looks_like_form(head)) {
        return Found::Nested("form", Box::new(Form::new(hint.field.as_deref())));
    }
    let html = subtype == "html" || (subtype != "xml" && looks_like_html(start));
    if html || (subtype == "xml" && start.starts_with(b"<")) || looks_like_xml(start) {
        let label = if html { "html" } else { "xml" };
        return Found::Nested(label, Box::new(Xml::new(hint.field.as_deref(), html)));
    }
    let delimiter = match subtype {
        "tab-separated-values" => Some(b'\t'),
        "csv" => csv::detect(head, complete).or(Some(b',')),
        _ => csv::detect(head, complete),
    };
    if let Some(delimiter) = delimiter {
        return Found::Nested("csv", Box::new(Csv::new(delimiter, hint.field, head)));
    }
    Found::Plain(Box::new(Plain::new(hint.field, is_text(head))))
}

/// Removes a content coding, if it is known.
pub(super) fn content_decoder(coding: Coding) -> Option<Box<dyn Decoder>> {
    Some(match coding {
        Coding::Gzip => Box::new(Inflater::new(Framing::Gzip)),
        Coding::Deflate => Box::new(Inflater::new(Framing::Deflate)),
        Coding::Brotli => Box::new(Brotli::new()),
        Coding::Zstd => Box::new(Zstd::default()),
        Coding::Snappy => Box::new(Snappy::default()),
        Coding::Lz4 => Box::new(Lz4::default()),
        Coding::Unknown => return None,
    })
}

/// The reader for a coded document.
fn coded(layer: Layer, mut hint: Hint) -> Found {
    let (label, decoder): (_, Box<dyn Decoder>) = match layer {
        Layer::Content(coding) => match content_decoder(coding) {
            Some(decoder) => (coding.as_str(), decoder),
            None => return Found::Undecodable,
        },
        Layer::Base64 => ("base64", Box::new(Base64::default())),
        Layer::QuotedPrintable => ("quoted-printable", Box::new(QuotedPrintable::default())),
        Layer::Charset(encoding) => {
            hint.utf8 = true;
            ("charset", Box::new(Charset::new(encoding)))
        }
    };
    // What is inside begins anew: the head of a message is not coded.
    hint.kind = hint.kind.filter(|kind| is_binary_format(*kind));
    Found::Nested(label, Box::new(Coded::new(decoder, Document::new(hint))))
}

/// Whether octets may be the first of XML or HTML: a document finds out.
pub(super) fn begins_like_xml(head: &[u8]) -> bool {
    let second = head.get(1).copied().unwrap_or_default();
    head.first() == Some(&b'<') && (second.is_ascii_alphabetic() || matches!(second, b'?' | b'!'))
}

/// An object or array whose next significant octet fits.
fn looks_like_json(start: &[u8]) -> bool {
    let inside = || start.get(1..).map(<[u8]>::trim_ascii_start).unwrap_or_default();
    match start.first() {
        Some(b'{') => matches!(inside().first(), Some(b'"' | b'}')),
        Some(b'[') => {
            let inside = inside();
            match inside.first() {
                Some(b'{' | b'[' | b'"') => true,
                // `[1, 2]`, not `[2026-01-02 ...] a line of a log`.
                Some(b'0'..=b'9' | b'-' | b't' | b'f' | b'n') => {
                    let word =
                        inside.iter().position(|octet| !octet.is_ascii_alphanumeric() && !b"+-.".contains(octet));
                    let (word, rest) = inside.split_at(word.unwrap_or(inside.len()));
                    let literal = std::str::from_utf8(word).is_ok_and(|word| {
                        matches!(word, "true" | "false" | "null") || word.parse::<f64>().is_ok_and(f64::is_finite)
                    });
                    literal && rest.trim_ascii_start().starts_with(b",")
                }
                _ => false,
            }
        }
        _ => false,
    }
}

/// At least two `name=value` pairs in the alphabet of forms and nothing else.
fn looks_like_form(head: &[u8]) -> bool {
    let in_alphabet =
        |octet: &u8| matches!(octet, b'%'..=b';' | b'=' | b'@'..=b'[' | b']' | b'_' | b'a'..=b'z' | b'~' | b'!');
    let head = head.trim_ascii_end();
    if !head.iter().all(in_alphabet) {
        return false;
    }
    let mut pairs = head.split(|&octet| octet == b'&');
    let is_pair = |pair: &[u8]| memchr::memchr(b'=', pair).is_some_and(|len| (1..=64).contains(&len));
    pairs.next().is_some_and(is_pair) && pairs.next().is_some_and(|pair| is_pair(pair) || head.len() == PROBE_LEN)
}

fn looks_like_html(start: &[u8]) -> bool {
    [b"<!doctype html".as_slice(), b"<html"]
        .iter()
        .any(|tag| start.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag)))
}

/// `<?xml`, or an element that ends and is followed by another or by its end tag.
fn looks_like_xml(start: &[u8]) -> bool {
    if start.starts_with(b"<?xml") {
        return true;
    }
    if start.first() != Some(&b'<') || !start.get(1).is_some_and(u8::is_ascii_alphabetic) {
        return false;
    }
    let rest = memchr::memchr(b'>', start).and_then(|end| start.get(end..)).unwrap_or(&[]);
    rest.windows(2).any(|pair| pair[0] == b'<' && (pair[1] == b'/' || pair[1].is_ascii_alphabetic()))
}
