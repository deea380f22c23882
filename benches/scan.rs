//! How fast text is scanned, one thread: ordinary text, and text made to hurt.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

use std::hint::black_box;
use std::sync::Arc;

use borderpost::model::Text;
use borderpost::scan::{Catalogue, DocumentScan, Scanner};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Octets of each text.
const OCTETS: usize = 1 << 20;

/// A generator good enough for filling: the same numbers on every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 24
    }

    fn of(&mut self, characters: &[u8]) -> u8 {
        characters[self.next() as usize % characters.len()]
    }
}

fn filled(mut piece: impl FnMut(&mut Numbers) -> Vec<u8>) -> Vec<u8> {
    let mut numbers = Numbers(1);
    let mut text = Vec::with_capacity(OCTETS + 4096);
    while text.len() < OCTETS {
        text.extend(piece(&mut numbers));
    }
    text.truncate(OCTETS);
    text
}

fn of(characters: &'static [u8]) -> Vec<u8> {
    filled(|n| vec![n.of(characters)])
}

fn texts() -> Vec<(&'static str, Vec<u8>)> {
    let json = filled(|n| {
        format!(
            "{{\"id\":{},\"ts\":{},\"lat\":{}.{:06},\"ip\":\"{}.{}.{}.{}\",\"phone\":\"+1415555{:04}\",\"uuid\":\"{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}\",\
             \"amount\":{},\"card\":\"{:016}\",\"note\":\"batch {} of {}\"}},\n",
            n.next() % 10_000_000_000,
            1_700_000_000_000 + n.next() % 10_000_000_000,
            n.next() % 90,
            n.next() % 1_000_000,
            n.next() % 256,
            n.next() % 256,
            n.next() % 256,
            n.next() % 256,
            n.next() % 10_000,
            n.next() % (1 << 32),
            n.next() % (1 << 16),
            n.next() % (1 << 12),
            n.next() % (1 << 12),
            n.next(),
            n.next() % 100_000,
            n.next() % 10_000_000_000_000_000,
            n.next() % 100,
            n.next() % 100
        )
        .into_bytes()
    });
    let html = filled(|n| {
        let words = [
            "the", "privacy", "Policy", "of", "Region", "data", "and", "Transfer", "services", "under", "which",
            "People",
        ];
        let mut text = format!("<div class=\"row r{}\"><p style=\"margin:0 auto\">", n.next() % 100);
        for _ in 0..30 {
            text.push_str(words[n.next() as usize % words.len()]);
            text.push(' ');
        }
        text.push_str("</p><a href=\"/articles/index.html?page=2\">more</a></div>\n");
        text.into_bytes()
    });
    let logs = filled(|n| {
        format!(
            "2026-11-05T12:{:02}:{:02}.{:06}Z INFO worker[{}]: GET /api/v1/items/{} 200 {}us client={}.{}.{}.{} req={:016x}\n",
            n.next() % 60,
            n.next() % 60,
            n.next() % 1_000_000,
            n.next() % 64,
            n.next() % 100_000,
            n.next() % 10_000,
            n.next() % 256,
            n.next() % 256,
            n.next() % 256,
            n.next() % 256,
            n.next()
        )
        .into_bytes()
    });
    vec![
        ("json", json),
        ("html", html),
        ("logs", logs),
        ("random", filled(|n| vec![n.next() as u8])),
        ("hostile/letters-and-fillers", of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ<")),
        ("hostile/fillers", of(b"<<<<<<<<<P\n")),
        ("hostile/digits", of(b"0123456789")),
        ("hostile/digit-groups", of(b"0123456789012345678901234567890123456789- .")),
        ("hostile/short-groups", of(b"0123456789- .:")),
        ("hostile/at", of(b"@")),
        ("hostile/mail", of(b"a.@")),
        ("hostile/hex", of(b"0123456789abcdef:-")),
        ("hostile/keys", of(b"id:=\" uid")),
        ("hostile/addresses", filled(|n| format!("{} Ab Cd Ef ", n.next() % 10).into_bytes())),
        ("hostile/cards", filled(|_| b"card 4111111111111111 ".to_vec())),
        ("hostile/ipv4", filled(|n| format!("ip {}.1.1.1 ", 20 + n.next() % 80).into_bytes())),
        ("hostile/tokens", filled(|_| b"-eyJaaaaaaaaaa".to_vec())),
        ("hostile/cjk", filled(|n| [&b"\xe8\xba\xab\xe4\xbb\xbd"[..], &[n.of(b"0123456789")], b"12345678 "].concat())),
    ]
}

fn scan(criterion: &mut Criterion) {
    let catalogue = Arc::new(Catalogue::built_in().expect("the built-in catalogue is right"));
    let mut group = criterion.benchmark_group("scan");
    group.sample_size(10);
    for (name, text) in texts() {
        group.throughput(Throughput::Bytes(text.len() as u64));
        let mut scanner = Scanner::new(Arc::clone(&catalogue), [0; 32]);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut document = DocumentScan::new("bench");
                let mut findings = 0_u32;
                let mut at = 0;
                for piece in text.chunks(1400) {
                    scanner.text(&mut document, Text { octets: piece, at, field: None }, &mut |_| findings += 1);
                    at += piece.len() as u64;
                }
                scanner.end(&mut document, &mut |_| findings += 1);
                black_box(findings)
            });
        });
        let counts = scanner.counts();
        println!("{name}: {counts:?}");
    }
    group.finish();
    criterion.bench_function("catalogue", |bencher| bencher.iter(|| black_box(Catalogue::built_in().is_ok())));
}

criterion_group!(benches, scan);
criterion_main!(benches);
