//! Tests of the content room: cases as data, every prefix, any segmentation, random octets, bombs.

use std::io::Write as _;

use base64::Engine as _;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::{TextSink, Unwrapper, unwrap};
use crate::model::{Coding, DocumentKind, DocumentStart, Limits, Text, UninspectedReason};

mod bounds;
mod cases;
mod every;
mod kafka;
mod lz;
mod pdf;
mod records;

/// `{"ssn":"123-45-6789","note":"hello hello hello"}` by Google's encoder, quality 11.
const BROTLI: &str = "1b2f00f8c5e646a9bacb127c3e5a67333008da9c25095871c0f8708e819172a1daa88fb910617e058c2daa1ee003";
/// The same by zstd 1.5, with content checksum.
const ZSTD: &str = "28b52ffd045865010054027b2273736e223a223132332d34352d36373839222c226e6f7465223a2268656c6c6f20227d01008b519e9b05fdb5";
/// 10 MiB of zeros, brotli.
const BROTLI_BOMB: &str = "cbffff3ff82700e2b14020f7fe2fffff3ff04f00c4611180eefd07";
const SAMPLE: &str = r#"{"ssn":"123-45-6789","note":"hello hello hello"}"#;
const SAMPLE_READ: &str = "<json|{\"ssn\":\"«ssn=123-45-6789»\",\"note\":\"«note=hello hello hello»\"}>";

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

fn zlib(octets: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

fn deflate(octets: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

/// A local header and its member; `len` 0 for "the length follows".
fn zip_member(name: &str, method: u8, packed: &[u8], len: u32) -> Vec<u8> {
    let flags = if len == 0 { 8 } else { 0 };
    let mut octets = vec![b'P', b'K', 3, 4, 20, 0, flags, 0, method, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    octets.extend_from_slice(&len.to_le_bytes());
    octets.extend_from_slice(&len.to_le_bytes());
    octets.extend_from_slice(&[name.len() as u8, 0, 0, 0]);
    octets.extend_from_slice(name.as_bytes());
    octets.extend_from_slice(packed);
    octets
}

fn tar_member(name: &str, content: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; 512 + content.len().next_multiple_of(512)];
    octets[..name.len()].copy_from_slice(name.as_bytes());
    octets[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    octets[257..262].copy_from_slice(b"ustar");
    octets[512..512 + content.len()].copy_from_slice(content);
    octets
}

/// One stretch of text with one field, or a border.
#[derive(PartialEq, Eq, Debug, Clone)]
enum Item {
    Enter(String, Option<String>),
    Leave,
    Text { at: u64, field: Option<String>, octets: Vec<u8> },
}

/// Collects everything, joined where pieces are adjacent.
#[derive(Default, PartialEq, Eq, Debug)]
struct Collected {
    items: Vec<Item>,
    undecodable: u64,
    decode_limit: u64,
    open: usize,
}

impl TextSink for Collected {
    fn enter(&mut self, label: &str, name: Option<&str>) {
        self.open += 1;
        self.items.push(Item::Enter(label.to_owned(), name.map(str::to_owned)));
    }

    fn text(&mut self, text: Text<'_>) {
        assert!(!text.octets.is_empty());
        if let Some(Item::Text { at, field, octets }) = self.items.last_mut()
            && *at + octets.len() as u64 == text.at
            && field.as_deref() == text.field
        {
            return octets.extend_from_slice(text.octets);
        }
        let field = text.field.map(str::to_owned);
        self.items.push(Item::Text { at: text.at, field, octets: text.octets.to_vec() });
    }

    fn leave(&mut self) {
        self.open = self.open.checked_sub(1).expect("leave without enter");
        self.items.push(Item::Leave);
    }

    fn unread(&mut self, len: u64, reason: UninspectedReason) {
        assert!(len > 0);
        match reason {
            UninspectedReason::Undecodable => self.undecodable += len,
            UninspectedReason::DecodeLimit => self.decode_limit += len,
            other => panic!("unexpected reason {other}"),
        }
    }
}

impl Collected {
    /// `<label:name|` and `>` for documents, `«field=text»` for values, the rest as it is.
    fn render(&self) -> String {
        let mut out = Vec::new();
        let mut current: Option<String> = None;
        for item in &self.items {
            let field = if let Item::Text { field, .. } = item { field.clone() } else { None };
            if field != current {
                if current.is_some() {
                    out.extend_from_slice("»".as_bytes());
                }
                if let Some(field) = &field {
                    write!(out, "«{field}=").unwrap();
                }
                current = field;
            }
            match item {
                Item::Enter(label, None) => write!(out, "<{label}|").unwrap(),
                Item::Enter(label, Some(name)) => write!(out, "<{label}:{name}|").unwrap(),
                Item::Leave => out.push(b'>'),
                Item::Text { octets, .. } => out.extend_from_slice(octets),
            }
        }
        if current.is_some() {
            out.extend_from_slice("»".as_bytes());
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    fn text_len(&self) -> usize {
        self.items.iter().map(|item| if let Item::Text { octets, .. } = item { octets.len() } else { 0 }).sum()
    }
}

fn start(kind: DocumentKind, media_type: &str, codings: &[Coding]) -> DocumentStart {
    DocumentStart { kind, codings: codings.to_vec(), media_type: media_type.to_owned(), name: None, stream_offset: 0 }
}

fn read_pieces<'a>(start: &DocumentStart, limits: &Limits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Collected {
    let mut collected = Collected::default();
    let mut unwrapper = Unwrapper::new(start, limits);
    for piece in pieces {
        unwrapper.octets(piece, &mut collected);
    }
    unwrapper.end(&mut collected);
    assert_eq!(collected.open, 0, "every document is closed");
    collected
}

/// What is read of a document that comes whole.
fn read_whole(start: &DocumentStart, octets: &[u8]) -> Collected {
    let mut collected = Collected::default();
    unwrap(start, &Limits::default(), octets, &mut collected);
    collected
}

/// What is read of a document: the same whether it comes whole or is kept open.
fn read(media_type: &str, codings: &[Coding], octets: &[u8]) -> Collected {
    let start = start(DocumentKind::HttpRequestBody, media_type, codings);
    let kept = read_pieces(&start, &Limits::default(), [octets]);
    assert_eq!(read_whole(&start, octets), kept, "read at once");
    kept
}

/// A BSON document of its elements.
fn bson_of(elements: &[u8]) -> Vec<u8> {
    [&(elements.len() as u32 + 5).to_le_bytes()[..], elements, &[0]].concat()
}

/// `{a: "899-45-6789", list: [{b: "x"}], n: -7, t: <time>, tags: ["y", "z"]}`
fn bson() -> Vec<u8> {
    let inner = [&b"\x030\0"[..], &bson_of(b"\x02b\0\x02\0\0\0x\0")].concat();
    let tags = b"\x020\0\x02\0\0\0y\0\x021\0\x02\0\0\0z\0";
    bson_of(
        &[
            &b"\x02a\0\x0c\0\0\x00899-45-6789\0\x04list\0"[..],
            &bson_of(&inner),
            b"\x10n\0\xf9\xff\xff\xff\x04tags\0",
            &bson_of(tags),
        ]
        .concat(),
    )
}

/// A document, and a section with two more.
fn mongo_message() -> Vec<u8> {
    let one = |n: u8| bson_of(&[b"\x10c\0", &[n, 0, 0, 0][..]].concat());
    let section = [&b"documents\0"[..], &one(1), &one(2)].concat();
    [&[0; 5][..], &bson(), &[1], &(section.len() as u32 + 4).to_le_bytes(), &section].concat()
}
