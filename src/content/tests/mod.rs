//! Tests of the content room: cases as data, every prefix, any segmentation, random octets, bombs.

use std::io::Write as _;

use base64::Engine as _;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;

use super::{TextSink, Unwrapper};
use crate::model::{Coding, DocumentKind, DocumentStart, Limits, Text, UninspectedReason};
use cases::cases;

mod cases;
mod kafka;
mod lz;
mod pdf;

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

fn read(media_type: &str, codings: &[Coding], octets: &[u8]) -> Collected {
    read_pieces(&start(DocumentKind::HttpRequestBody, media_type, codings), &Limits::default(), [octets])
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

/// A record's values in pieces: fields, text.
#[test]
fn records_name_their_values() {
    let json = br#"{"ssn":"1"}"#;
    let packed = gzip(b"zipped");
    let parts: [(Option<&str>, &[u8]); 7] = [
        (Some("name"), b"Alex"),
        (Some("ssn"), b"899-45-6789"),
        (None, b" and "),
        (Some("profile"), json),
        (Some("blob"), &packed),
        (Some("page"), b"<a>b</a>"),
        (None, b"end"),
    ];
    let expected = "«name=Alex»\n«ssn=899-45-6789»\n and <json:profile|{\"ssn\":\"«profile.ssn=1»\"}>\n<value:blob|<gzip|«blob=zipped»>>\n\
        <value:page|<xml|<a>«page.a=b»</a>>>end";
    for len in 1..64 {
        let mut collected = Collected::default();
        let mut unwrapper = Unwrapper::new(&start(DocumentKind::SqlRows, "", &[]), &Limits::default());
        for (field, value) in parts {
            unwrapper.field(field, &mut collected);
            for piece in value.chunks(len) {
                unwrapper.octets(piece, &mut collected);
            }
        }
        unwrapper.end(&mut collected);
        assert_eq!(collected.render(), expected, "by {len}");
    }
}

#[test]
fn documents_are_read() {
    for (name, start, octets, expected) in cases() {
        let collected = read_pieces(&start, &Limits::default(), [octets.as_slice()]);
        if !matches!(name, "zip" | "tar") {
            assert_eq!(collected.render(), expected, "{name}");
        }
        assert_eq!((collected.undecodable, collected.decode_limit), (0, 0), "{name}");
    }
}

#[test]
fn archives_are_read() {
    for (name, start, octets, _) in cases() {
        let rendered = read_pieces(&start, &Limits::default(), [octets.as_slice()]).render();
        let parts: &[&str] = match name {
            "zip" => {
                &["<member:a.txt|stored>", &format!("<member:b.json|{SAMPLE_READ}>"), "<member:c|length unknown>PK"]
            }
            "tar" => &["<member:dir/a.txt|hello>", &format!("<member:b|{SAMPLE_READ}>")],
            _ => continue,
        };
        for part in parts {
            assert!(rendered.contains(part), "{name}: {rendered}");
        }
    }
}

#[test]
fn segmentation_does_not_matter() {
    for (name, start, octets, _) in cases() {
        let whole = read_pieces(&start, &Limits::default(), [octets.as_slice()]);
        for size in [1, 2, 3, 7, 64] {
            assert_eq!(read_pieces(&start, &Limits::default(), octets.chunks(size)), whole, "{name} by {size}");
        }
        for cut in 0..=octets.len() {
            let (a, b) = octets.split_at(cut);
            assert_eq!(read_pieces(&start, &Limits::default(), [a, b]), whole, "{name} cut at {cut}");
        }
    }
}

#[test]
fn every_prefix_is_read_without_loss() {
    for (name, start, octets, _) in cases() {
        for len in 0..octets.len() {
            let collected = read_pieces(&start, &Limits::default(), [&octets[..len]]);
            let by_octet = read_pieces(&start, &Limits::default(), octets[..len].chunks(1));
            assert_eq!(collected, by_octet, "{name} up to {len}");
            assert!(collected.undecodable <= len as u64, "{name} up to {len}");
        }
    }
}

#[test]
fn gaps_are_survived() {
    for (name, start, octets, _) in cases() {
        for at in 0..=octets.len() {
            let mut whole = Collected::default();
            let mut unwrapper = Unwrapper::new(&start, &Limits::default());
            unwrapper.octets(&octets[..at], &mut whole);
            unwrapper.gap(100, &mut whole);
            unwrapper.octets(&octets[at..], &mut whole);
            unwrapper.end(&mut whole);
            assert_eq!(whole.open, 0, "{name}");
        }
    }
    // A multipart document finds its next part again.
    let start = start(DocumentKind::HttpRequestBody, "multipart/form-data; boundary=b", &[]);
    let mut collected = Collected::default();
    let mut unwrapper = Unwrapper::new(&start, &Limits::default());
    unwrapper.octets(b"--b\r\nContent-Dispo", &mut collected);
    unwrapper.gap(50, &mut collected);
    unwrapper.octets(b"xx\r\n--b\r\nContent-Disposition: form-data; name=n\r\n\r\nv\r\n--b--", &mut collected);
    unwrapper.end(&mut collected);
    assert!(collected.render().contains("<part:n|«n=v»>"), "{}", collected.render());
}

#[test]
fn offsets_are_those_before_escapes() {
    let collected = read("application/json", &[], br#"{"a":"x\u0041y"}"#);
    let texts: Vec<(u64, &[u8])> = collected
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Text { at, field: Some(_), octets } => Some((*at, octets.as_slice())),
            _ => None,
        })
        .collect();
    assert_eq!(texts, [(6, b"xA".as_slice()), (13, b"y")]);
}

/// In both orders, with and without mark, whatever is inside; announced, where nothing else tells.
#[test]
fn utf16_is_read_everywhere() {
    let texts = [
        ("", "plain words and the number 899-45-6789", "plain words and the number 899-45-6789"),
        ("", SAMPLE, SAMPLE_READ),
        ("application/json; charset=utf-16", SAMPLE, SAMPLE_READ),
        ("", "name,ssn,city\nJane,899-45-6789,Rome\nJoe,899-45-6780,Oslo\n", "«ssn=899-45-6789»"),
        ("text/html", "<html><body><p>Jane Doe, 899-45-6789</p></body></html>", "Jane Doe, 899-45-6789"),
        ("", "first=Jane+Doe&ssn=899-45-6789&city=Oslo", "«ssn=899-45-6789»"),
    ];
    for (media_type, text, expected) in texts {
        for (big, mark) in [(false, false), (false, true), (true, false), (true, true)] {
            let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
            let octets: Vec<u8> = units.flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect();
            let read = read(media_type, &[], &octets);
            assert!(read.render().contains(expected), "{media_type} {big} {mark}: {}", read.render());
            assert!(read.render().starts_with("<charset|"), "{}", read.render());
        }
    }
    let russian: Vec<u8> = "Паспорт: 4509 123456".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read("text/plain; charset=utf-16le", &[], &russian).render(), "<charset|Паспорт: 4509 123456>");
    assert_eq!(read("text/plain; charset=utf-16le", &[], b"no such thing").render(), "no such thing");
}

#[test]
fn damage_is_told() {
    let text: String = (0..20_000).map(|i| format!("{i} ")).collect();
    let coded = gzip(text.as_bytes());
    let mut damaged = coded.clone();
    for octet in &mut damaged[20_000..20_100] {
        *octet ^= 0x5a;
    }
    let whole = read("", &[Coding::Gzip], &damaged);
    assert!(whole.undecodable > 0 && whole.undecodable <= (coded.len() - 19_700) as u64);
    assert!(whole.text_len() > 30_000 && text.as_bytes().starts_with(&whole.render().as_bytes()[6..2000]));
    let start = start(DocumentKind::HttpRequestBody, "", &[Coding::Gzip]);
    for size in [1, 100, 1460] {
        assert!(read_pieces(&start, &Limits::default(), damaged.chunks(size)) == whole, "by {size}");
    }
    assert_eq!(read("", &[Coding::Unknown], b"whatever").undecodable, 8);
    assert_eq!(read("", &[Coding::Gzip], b"not gzip").undecodable, 8);
    assert_eq!(read("", &[Coding::Brotli], b"\xff\xff\xff not brotli").undecodable, 14);
    assert_eq!(read("", &[Coding::Zstd], b"not zstd").undecodable, 8);
    // Cut in the block: what is before is read, the rest of the block is not.
    assert!(read("", &[Coding::Zstd], &unhex(ZSTD)[..40]).undecodable > 20);
    // Inside a coding, the share of the input.
    let inner = gzip(&[b"\x1f\x8b\x08\0".as_slice(), &[0xff; 996]].concat());
    assert_eq!(read("", &[Coding::Gzip], &inner).undecodable, inner.len() as u64);
}

#[test]
fn bombs_are_bounded() {
    let zeros = vec![0; 10 << 20];
    let mut nested = gzip(&zeros);
    for _ in 0..10 {
        nested = gzip(&nested);
    }
    // A frame of blocks that each repeat one octet 128 KiB.
    let mut zstd = unhex("28b52ffd0068");
    for _ in 0..80 {
        zstd.extend_from_slice(&unhex("02001000"));
    }
    let cases = [
        ("gzip", Coding::Gzip, gzip(&zeros)),
        ("zlib", Coding::Deflate, zlib(&zeros)),
        ("brotli", Coding::Brotli, unhex(BROTLI_BOMB)),
        ("zstd", Coding::Zstd, zstd),
        ("gzip twice", Coding::Gzip, gzip(&gzip(&zeros))),
        ("gzip eleven times", Coding::Gzip, nested),
    ];
    for (name, coding, octets) in cases {
        let whole = read("", &[coding], &octets);
        assert!(whole.decode_limit > 0, "{name}");
        assert!(whole.decode_limit <= octets.len() as u64, "{name}");
        let bound = (Limits::default().decode_ratio_max * (octets.len() as u64 + 256)).max(1 << 20);
        assert!(whole.text_len() as u64 <= bound, "{name}: {}", whole.text_len());
        let start = start(DocumentKind::HttpRequestBody, "", &[coding]);
        for size in [1, 13, 1000] {
            let by_size = read_pieces(&start, &Limits::default(), octets.chunks(size));
            assert_eq!(
                (by_size.text_len(), by_size.decode_limit),
                (whole.text_len(), whole.decode_limit),
                "{name} by {size}"
            );
            assert!(by_size == whole, "{name} by {size}");
        }
    }
    let limits = Limits { decoded_bytes_max: 1000, ..Limits::default() };
    let start = start(DocumentKind::HttpRequestBody, "", &[Coding::Gzip]);
    let octets = gzip(&[b'x'; 1001]);
    let collected = read_pieces(&start, &limits, [octets.as_slice()]);
    assert_eq!((collected.text_len(), collected.decode_limit), (1000, octets.len() as u64));
}

#[test]
fn nesting_is_bounded() {
    // JSON in a string in JSON...
    let mut value = "1".to_owned();
    for _ in 0..12 {
        value = format!("{{\"a\":\"{}\"}}", value.replace('\\', "\\\\").replace('"', "\\\""));
    }
    let collected = read("application/json", &[], value.as_bytes());
    assert_eq!(collected.items.iter().filter(|item| matches!(item, Item::Enter(..))).count(), 8);
    // ... and deep brackets.
    let deep = [b"[".repeat(1_000_000), b"1".to_vec(), b"]".repeat(1_000_000), b"{\"k\":2}".to_vec()].concat();
    let mut sink = Collected::default();
    let mut unwrapper = Unwrapper::new(&start(DocumentKind::HttpRequestBody, "", &[]), &Limits::default());
    unwrapper.octets(&deep, &mut sink);
    assert!(unwrapper.held_bytes() < 8192, "{}", unwrapper.held_bytes());
    unwrapper.end(&mut sink);
    assert!(sink.render().ends_with("{\"k\":«k=2»}>"));
    // Multipart in multipart with one boundary each.
    let mut octets = Vec::new();
    for level in 0..20 {
        octets.extend(format!("--b{level}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", level + 1).bytes());
    }
    octets.extend_from_slice(b"--b20\r\n\r\ntext");
    let collected = read("multipart/mixed; boundary=b0", &[], &octets);
    assert!(collected.decode_limit > 0);
}

#[test]
fn open_documents_hold_little() {
    let limits = Limits::default();
    let starts = [
        ("plain", start(DocumentKind::Stream, "text/plain", &[]), b"some words of text, ".to_vec(), 8 << 10),
        ("json", start(DocumentKind::HttpRequestBody, "", &[]), br#"{"a":["#.to_vec(), 4 << 10),
        (
            "json key",
            start(DocumentKind::HttpRequestBody, "application/json", &[]),
            b"{\"aaaaaaaaaaaaaaaaaaaaaaaaa".to_vec(),
            4 << 10,
        ),
        (
            "base64",
            start(DocumentKind::HttpRequestBody, "", &[]),
            b"{\"a\":\"SmFuZSBEb2UsIDEyIEV4YW1wbGUgU3RyZWV0LCBT".to_vec(),
            16 << 10,
        ),
        ("xml", start(DocumentKind::HttpRequestBody, "", &[]), b"<a b='c'><d>".to_vec(), 8 << 10),
        (
            "form",
            start(DocumentKind::HttpRequestBody, "application/x-www-form-urlencoded", &[]),
            b"aaaaaaaaaaaaaa%4".to_vec(),
            8 << 10,
        ),
        ("header", start(DocumentKind::HttpRequestHead, "", &[]), b"aaaaaaaaaaaaaa: ".to_vec(), 8 << 10),
        (
            "multipart",
            start(DocumentKind::HttpRequestBody, "multipart/mixed; boundary=b", &[]),
            b"--b\r\nX: y".to_vec(),
            24 << 10,
        ),
        (
            "csv",
            start(DocumentKind::HttpRequestBody, "text/csv", &[]),
            b"aaaaaaaaaaaaaaaaaaaaaaaa,".to_vec(),
            128 << 10,
        ),
        (
            "gzip",
            start(DocumentKind::HttpRequestBody, "", &[Coding::Gzip]),
            b"\x1f\x8b\x08\0\0\0\0\0\0\0".to_vec(),
            64 << 10,
        ),
    ];
    for (name, start, piece, bound) in starts {
        let mut sink = Collected::default();
        let mut unwrapper = Unwrapper::new(&start, &limits);
        assert!(unwrapper.held_bytes() < 1024, "{name}: {}", unwrapper.held_bytes());
        for _ in 0..5000 {
            unwrapper.octets(&piece, &mut sink);
        }
        assert!(unwrapper.held_bytes() < bound, "{name}: {}", unwrapper.held_bytes());
    }
}

#[test]
fn long_base64_is_given_decoded_alone() {
    let text: String = (0..2000).map(|i| format!("line {i}\n")).collect();
    let coded: String = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(&text)
    };
    let octets = format!("{{\"f\":\"{coded}\",\"g\":1}}");
    let whole = read("application/json", &[], octets.as_bytes());
    let rendered = whole.render();
    assert!(rendered.contains("line 1999\n»>"), "decoded to its end");
    assert!(whole.text_len() < text.len() + 5000, "and not given raw as well");
    let start = start(DocumentKind::HttpRequestBody, "application/json", &[]);
    for size in [1, 1000, 4097] {
        assert!(read_pieces(&start, &Limits::default(), octets.as_bytes().chunks(size)) == whole, "by {size}");
    }
}

/// A small document with structure, from which random edits depart.
fn edited() -> impl Strategy<Value = (DocumentStart, Vec<u8>)> {
    let count = cases().len();
    (0..count, prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)).prop_map(|(index, edits)| {
        let (_, start, mut octets, _) = cases().swap_remove(index);
        for (at, octet) in edits {
            if !octets.is_empty() {
                let at = at.index(octets.len());
                octets[at] = octet;
            }
        }
        (start, octets)
    })
}

/// A name without end, and its end: what is given up as a name is text, whole, however it was cut.
#[test]
fn a_name_that_is_too_long_is_text_to_its_end() {
    let octets = [&[0, 0, 0, 0, 1, 9, 0, 0, 0][..], &[b'n'; 1100], b"\0after"].concat();
    let start = start(DocumentKind::MongoMessage, "", &[]);
    let whole = read_pieces(&start, &Limits::default(), [octets.as_slice()]);
    assert!(whole.render().contains("n\0after"), "{}", whole.render());
    for size in [1, 7, 600, 1035, 1110] {
        assert!(read_pieces(&start, &Limits::default(), octets.chunks(size)) == whole, "by {size}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn edited_documents_do_not_depend_on_segmentation((start, octets) in edited(), size in 1usize..40) {
        let whole = read_pieces(&start, &Limits::default(), [octets.as_slice()]);
        prop_assert_eq!(&read_pieces(&start, &Limits::default(), octets.chunks(size)), &whole);
        let by_octet = read_pieces(&start, &Limits::default(), octets.chunks(1));
        prop_assert!(by_octet == whole, "{} / {} ({} {})", by_octet.render(), whole.render(), by_octet.undecodable, whole.undecodable);
    }

    #[test]
    fn random_octets_never_panic(
        index in 0..cases().len(),
        octets in prop::collection::vec(any::<u8>(), 0..3000),
        size in 1usize..600,
    ) {
        let (_, start, _, _) = cases().swap_remove(index);
        let whole = read_pieces(&start, &Limits::default(), [octets.as_slice()]);
        prop_assert_eq!(read_pieces(&start, &Limits::default(), octets.chunks(size)), whole);
    }

    #[test]
    fn random_structure_never_panics(text in "[\\[\\]{}\",:\\\\u0-9a-f<>/&;=%+\r\n'!? -]{0,300}", size in 1usize..20, index in 0..cases().len()) {
        let (_, start, _, _) = cases().swap_remove(index);
        let whole = read_pieces(&start, &Limits::default(), [text.as_bytes()]);
        prop_assert_eq!(read_pieces(&start, &Limits::default(), text.as_bytes().chunks(size)), whole);
    }
}

/// Values with the record that they are said to belong to; offset by a letter in documents within.
#[derive(Default)]
struct Records {
    open: Vec<u32>,
    record: u32,
    values: Vec<String>,
}

impl TextSink for Records {
    fn enter(&mut self, _: &str, _: Option<&str>) {
        self.open.push(std::mem::take(&mut self.record));
    }
    fn record(&mut self, number: u32) {
        self.record = number;
    }
    fn text(&mut self, text: Text<'_>) {
        if text.field.is_some() {
            self.values.push(format!("{}{}", self.record, String::from_utf8_lossy(text.octets).trim()));
        }
    }
    fn leave(&mut self) {
        self.record = self.open.pop().unwrap();
    }
    fn unread(&mut self, _: u64, _: UninspectedReason) {}
}

fn start_of(kind: DocumentKind, media_type: &str) -> DocumentStart {
    DocumentStart { kind, codings: Vec::new(), media_type: media_type.to_owned(), name: None, stream_offset: 0 }
}

#[test]
fn objects_rows_forms_and_messages_are_records() {
    for (media_type, text, expected) in [
        (
            "application/json",
            r#"{"n":"a","users":[{"i":"b","c":{"m":"d"}},{"i":"e","t":["f"]}],"z":"g"}"#,
            "1a 2b 2d 3e 3f 1g",
        ),
        ("application/json", "{\"i\":\"a\"}\n{\"i\":\"b\"}", "1a 2b"),
        // Maps: each value of a key that is an identifier is a record, parts of one record are none.
        ("application/json", r#"{"u1":{"n":"a","c":{"m":"b"}},"u2":{"n":"c"},"k":"d"}"#, "2a 2b 3c 1d"),
        ("application/json", r#"{"users":{"17":{"n":"a"},"kim@example.com":{"n":"b"}}}"#, "2a 3b"),
        ("application/json", r#"{"6f1c2d3e-4a5b-4c6d-8e7f-901234567890":{"n":"a"},"user_7":{"n":"b"}}"#, "2a 3b"),
        (
            "application/json",
            r#"{"address1":{"n":"a"},"address2":{"n":"b"},"@id":{"n":"c"},"sha256":{"n":"d"}}"#,
            "1a 1b 1c 1d",
        ),
        // { 1: "n", 2: { 1: "a" }, 2: { 1: "b", 2: { 1: "c" } }, 3: { 1: "d" } }: messages of one number that follow each other.
        (
            "application/x-protobuf",
            "\n\u{1}n\u{12}\u{12}\n\u{10}aaaaaaaaaaaaaaaa\u{12}\u{26}\n\u{10}bbbbbbbbbbbbbbbb\u{12}\u{12}\n\u{10}cccccccccccccccc\u{1a}\u{12}\n\u{10}dddddddddddddddd",
            "1n 1aaaaaaaaaaaaaaaa 2bbbbbbbbbbbbbbbb 2cccccccccccccccc 1dddddddddddddddd",
        ),
        ("text/csv", "x,y\na,b\nc,d\ne,f\n", "1a 1b 2c 2d 3e 3f"),
        ("text/csv", "1000,b\n1001,d\n1002,f\n", ""),
        ("application/x-www-form-urlencoded", "x=a&y=b", "1a 1b"),
        (
            "application/xml",
            "<r><n>a</n><u id='b'><m>c</m></u><u id='d'><m>e</m><f><g>h</g></f></u><k>i</k></r>",
            "1a 1b 1c 2d 2e 2h 1i",
        ),
        // Without parts, repeated elements are values of one.
        ("application/xml", "<r><p>a</p><p>b</p></r>", "1a 1b"),
        ("application/xml", "<r><u a='b' c='d'/><u a='e' c='f'/></r>", "1b 1d 2e 2f"),
        (
            "text/html",
            "<p>a</p><table><tr><td>b</td><td>c</td></tr><tr><td>d</td></tr></table><p>e</p>",
            "0a 1b 1c 2d 0e",
        ),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=a\r\n\r\nv\r\n--x\r\nContent-Disposition: form-data; name=b\r\n\r\nw\r\n--x--",
            "0v 0w",
        ),
        ("message/rfc822", "From: a@b.example\r\nTo: c@d.example\r\n\r\nhello", "1a@b.example 1c@d.example"),
    ] {
        let mut unwrapper = Unwrapper::new(&start_of(DocumentKind::HttpRequestBody, media_type), &Limits::default());
        let mut sink = Records::default();
        unwrapper.octets(text.as_bytes(), &mut sink);
        unwrapper.end(&mut sink);
        assert_eq!(sink.values.join(" "), expected, "{media_type} {text}");
    }
}

#[test]
fn rows_of_databases_are_records() {
    // Field (or "" for structure) and octets.
    let rows: &[(&str, &str)] =
        &[("id", "a"), ("ssn", "b"), ("", "\n"), ("id", "c"), ("ssn", "d"), ("", "\n"), ("id", "e")];
    let statement: &[(&str, &str)] = &[
        ("", "INSERT INTO t (id, ssn) VALUES ("),
        ("id", "a"),
        ("", ", '"),
        ("ssn", "b"),
        ("", "'),\n ("),
        ("id", "c"),
        ("", ", "),
        ("ssn", "d"),
        ("", ")"),
    ];
    let condition: &[(&str, &str)] =
        &[("", "SELECT * FROM t WHERE (id = "), ("id", "a"), ("", ") AND (ssn = '"), ("ssn", "b"), ("", "')")];
    for (kind, pieces, expected) in [
        (DocumentKind::SqlRows, rows, "1a 1b 2c 2d 3e"),
        (DocumentKind::SqlQuery, statement, "1a 1b 2c 2d"),
        (DocumentKind::SqlQuery, condition, "1a 1b"),
        (DocumentKind::SqlParameters, &[("id", "a"), ("ssn", "b")], "1a 1b"),
    ] {
        for cut in [false, true] {
            let mut unwrapper = Unwrapper::new(&start_of(kind, ""), &Limits::default());
            let mut sink = Records::default();
            for (field, text) in pieces {
                unwrapper.field(Some(*field).filter(|field| !field.is_empty()), &mut sink);
                for piece in text.as_bytes().chunks(if cut { 1 } else { 1000 }) {
                    unwrapper.octets(piece, &mut sink);
                }
            }
            unwrapper.end(&mut sink);
            assert_eq!(sink.values.join(" "), expected, "{kind:?}");
        }
    }
}
