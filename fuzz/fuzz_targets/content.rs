//! Documents: `content-gzip` and the like in that coding, `content` of the kind and media type that the first two octets choose. The
//! next octet says how the rest is cut.

#![no_main]

use borderpost::content::{TextSink, Unwrapper};
use borderpost::model::{Coding, DocumentKind, DocumentStart, Limits, Text, UninspectedReason};
use libfuzzer_sys::fuzz_target;

const MEDIA_TYPES: [&str; 12] = [
    "",
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "text/csv",
    "text/html",
    "application/xml",
    "application/x-protobuf",
    "application/grpc",
    "text/plain; charset=utf-16le",
    "message/rfc822",
    "application/pdf",
];

/// Counts what is open and what comes out.
#[derive(Default)]
struct Sink {
    open: i64,
    text: u64,
}

impl TextSink for Sink {
    fn enter(&mut self, _: &str, _: Option<&str>) {
        self.open += 1;
    }
    fn text(&mut self, text: Text<'_>) {
        self.text += text.octets.len() as u64;
    }
    fn leave(&mut self) {
        self.open -= 1;
        assert!(self.open >= 0);
    }
    fn unread(&mut self, _: u64, _: UninspectedReason) {}
}

fuzz_target!(|input: &[u8]| {
    let Some((&[kind, media_type, cut], octets)) = input.split_first_chunk() else { return };
    let coding = env!("CARGO_BIN_NAME").split_once('-').map(|(_, coding)| coding.parse::<Coding>().expect("a coding"));
    let kinds = DocumentKind::ALL;
    let start = DocumentStart {
        kind: if coding.is_some() { DocumentKind::HttpRequestBody } else { kinds[usize::from(kind) % kinds.len()] },
        codings: coding.into_iter().collect(),
        media_type: MEDIA_TYPES[usize::from(media_type) % MEDIA_TYPES.len()].to_owned(),
        name: Some("topic".into()),
        stream_offset: 0,
    };
    let limits = Limits { decoded_bytes_max: 1 << 20, ..Limits::default() };
    let (mut sink, mut unwrapper) = (Sink::default(), Unwrapper::new(&start, &limits));
    for (index, piece) in octets.chunks(usize::from(cut) * 4 + 1).enumerate() {
        if start.kind.has_fields() {
            unwrapper.field(piece.first().filter(|octet| *octet & 1 == 0).map(|_| "field"), &mut sink);
        }
        if index == 3 && cut & 1 == 1 {
            unwrapper.gap(10, &mut sink);
        }
        unwrapper.octets(piece, &mut sink);
        assert!(unwrapper.held_bytes() < 64 << 20, "{} octets held", unwrapper.held_bytes());
    }
    unwrapper.end(&mut sink);
    assert_eq!(sink.open, 0);
});
