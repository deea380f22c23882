//! How fast documents are unwrapped: octets of input (for gzip: of what comes out) per second, fed in TCP-sized pieces.

#![allow(clippy::expect_used, reason = "a benchmark may end at a fault of its own")]

use std::hint::black_box;
use std::io::Write as _;

#[path = "../tests/generator/barcode.rs"]
mod barcode;

use borderpost::content::{TextSink, Unwrapper};
use borderpost::model::{Coding, DocumentKind, DocumentStart, Limits, Text, UninspectedReason};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Counts, so that nothing is optimised away.
#[derive(Default)]
struct Count(u64);

impl TextSink for Count {
    fn enter(&mut self, label: &str, _name: Option<&str>) {
        self.0 += label.len() as u64;
    }
    fn text(&mut self, text: Text<'_>) {
        self.0 += text.octets.len() as u64 + text.field.map_or(0, str::len) as u64;
    }
    fn leave(&mut self) {}
    fn unread(&mut self, _len: u64, reason: UninspectedReason) {
        unreachable!("{reason}");
    }
}

fn json() -> Vec<u8> {
    let rows = (0..5000).map(|i| {
        format!(
            r#"{{"id":{i},"user":{{"name":"Jane Doe {i}","email":"jane{i}@example.com","tags":["a","b"]}},"note":"Line one\nand \"two\" of row {i}","ok":true}}"#
        )
    });
    format!("[{}]", rows.collect::<Vec<_>>().join(",")).into_bytes()
}

fn form() -> Vec<u8> {
    let pairs = (0..5000).map(|i| format!("field{i}=some+words+of+text+{i}&mail=jane%40example.com"));
    pairs.collect::<Vec<_>>().join("&").into_bytes()
}

fn multipart() -> Vec<u8> {
    let mut octets = Vec::new();
    for i in 0..20 {
        octets.extend_from_slice(
            format!("--bound\r\nContent-Disposition: form-data; name=\"f{i}\"; filename=\"a.bin\"\r\n\r\n").as_bytes(),
        );
        octets.extend((0..50_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8));
        octets.extend_from_slice(b"\r\n");
    }
    octets.extend_from_slice(b"--bound--\r\n");
    octets
}

fn unwrap(start: &DocumentStart, octets: &[u8]) -> u64 {
    let mut count = Count::default();
    let mut unwrapper = Unwrapper::new(start, &Limits::default());
    for segment in octets.chunks(1460) {
        unwrapper.octets(segment, &mut count);
    }
    unwrapper.end(&mut count);
    count.0
}

fn content(c: &mut Criterion) {
    let json = json();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&json).expect("writing to memory");
    let gzip = gzip.finish().expect("writing to memory");
    let plain: Vec<u8> = b"A line of plain text with some words in it, as logs have them.\n".repeat(16_000);
    let len = json.len();
    let (form, multipart) = (form(), multipart());
    // A licence of some 3 megapixels, and a picture of 2 without a barcode.
    let licence = barcode::jpeg(&"DAQD1234562\nDCSSAMPLE\n".repeat(10), &[]);
    let blank = barcode::grey_png(1800, 1200, |x, y| (x * 7 + y * 3) as u8);
    type Case<'a> = (&'a str, &'a str, &'a [Coding], &'a [u8], usize);
    let cases: [Case<'_>; 7] = [
        ("plain", "text/plain", &[], &plain, plain.len()),
        ("json", "application/json", &[], &json, len),
        ("gzip+json", "application/json", &[Coding::Gzip], &gzip, len),
        ("form", "application/x-www-form-urlencoded", &[], &form, form.len()),
        ("multipart", "multipart/form-data; boundary=bound", &[], &multipart, multipart.len()),
        ("jpeg with barcode", "image/jpeg", &[], &licence, licence.len()),
        ("png without barcode", "image/png", &[], &blank, blank.len()),
    ];
    let mut group = c.benchmark_group("content");
    for (name, media_type, codings, octets, len) in cases {
        let start = DocumentStart {
            kind: DocumentKind::HttpRequestBody,
            codings: codings.to_vec(),
            media_type: media_type.to_owned(),
            name: None,
            stream_offset: 0,
        };
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| unwrap(black_box(&start), black_box(octets)));
        });
    }
    group.finish();
}

criterion_group!(benches, content);
criterion_main!(benches);
