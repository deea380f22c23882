//! Watch lists: what a list costs in memory, and a candidate in time.
//!
//! `BENCH_ROWS=10000000 cargo bench --bench watch` measures a list of ten million; the default is small.

#![allow(missing_docs, clippy::expect_used, clippy::print_stderr)] // A benchmark may fail, and prints.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use borderpost::model::Text;
use borderpost::scan::{Catalogue, DocumentScan, Scanner, WatchBuilder, WatchInput, WatchKey, WatchSet, WatchSpec};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Nine digits that are no one's: area numbers from 900 were never issued as SSNs; the pattern of the bare form takes
/// others, so the lists here hold numbers that differ from those scanned in their last group.
fn number(n: u64) -> String {
    format!("{:09}", 100_000_000 + n % 700_000_000)
}

fn list(catalogue: &Catalogue, rows: u64) -> WatchSet {
    let key = WatchKey::new(&[3; 32]).expect("32 octets");
    let spec = WatchSpec {
        list: "bench".to_owned(),
        epoch: 1,
        primaries: vec![("ssn".to_owned(), "us-ssn".to_owned())],
        secondaries: vec![("surname".to_owned(), "text".to_owned())],
        ..WatchSpec::default()
    };
    let start = Instant::now();
    let mut builder = WatchBuilder::new(catalogue, &key, &spec, &["ssn", "surname"]).expect("a right list");
    for row in 0..rows {
        let values = [number(row * 2), format!("name{row}")];
        builder.row(|column| values.get(column).map_or(&[][..], |value| value.as_bytes())).expect("room");
    }
    let (octets, _) = builder.finish();
    let built = start.elapsed();
    let size = octets.len();
    let start = Instant::now();
    let set = WatchSet::load(vec![WatchInput { name: "bench".to_owned(), octets, key }], catalogue).expect("valid");
    let held: usize = set.about().iter().map(|list| list.held_bytes).sum();
    eprintln!("{rows} rows: file {size} octets, held {held}, built in {built:.1?}, loaded in {:.1?}", start.elapsed());
    set
}

fn scan(scanner: &mut Scanner, text: &[u8]) -> usize {
    let mut document = DocumentScan::new("bench");
    let mut found = 0;
    scanner.text(&mut document, Text { octets: text, at: 0, field: None }, &mut |_| found += 1);
    scanner.end(&mut document, &mut |_| found += 1);
    found
}

fn watch(c: &mut Criterion) {
    let catalogue = Arc::new(Catalogue::built_in().expect("the built-in catalogue"));
    let rows = std::env::var("BENCH_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(1 << 16);
    let set = Arc::new(list(&catalogue, rows));
    // Text of nothing but candidates: nine digits each, none of them in the list.
    const CANDIDATES: u64 = 20_000;
    let text: String = (0..CANDIDATES).map(|n| number(n * 7919 * 2 + 1) + "\n").collect();
    let mut group = c.benchmark_group("watch");
    group.throughput(Throughput::Elements(CANDIDATES));
    group.sample_size(10);
    let mut bare = Scanner::new(Arc::clone(&catalogue), [0; 32]);
    group.bench_function("candidates without a list", |b| b.iter(|| black_box(scan(&mut bare, text.as_bytes()))));
    let mut watched = Scanner::new(Arc::clone(&catalogue), [0; 32]).with_watch(&set);
    group.bench_function("candidates with the list", |b| b.iter(|| black_box(scan(&mut watched, text.as_bytes()))));
    group.finish();
}

criterion_group!(benches, watch);
criterion_main!(benches);
