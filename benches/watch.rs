//! Watch lists: what a list costs in memory, and looking a candidate up in time, scanning apart.
//!
//! `BENCH_ROWS=10000000 cargo bench --bench watch` measures a list of ten million; the default is small.

#![allow(missing_docs, clippy::expect_used, clippy::print_stderr)] // A benchmark may fail, and prints.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use borderpost::model::Text;
use borderpost::scan::{Catalogue, DocumentScan, Scanner, WatchBuilder, WatchInput, WatchKey, WatchSet, WatchSpec};

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

/// Memory of this process, octets: the most it had, and what it has now.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    (of("VmHWM:"), of("VmRSS:"))
}

/// Nanoseconds that scanning takes.
fn time(scanner: &mut Scanner, text: &[u8]) -> f64 {
    let start = Instant::now();
    black_box(scan(scanner, text));
    start.elapsed().as_nanos() as f64
}

fn main() {
    let catalogue = Arc::new(Catalogue::built_in().expect("the built-in catalogue"));
    let rows = std::env::var("BENCH_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(1 << 16);
    let set = Arc::new(list(&catalogue, rows));
    let (most, now) = memory();
    eprintln!("memory: at most {most} octets, now {now}");
    // Text of nothing but candidates: nine digits each, listed ones and others.
    const CANDIDATES: u64 = 20_000;
    const RUNS: usize = 101;
    let others: String = (0..CANDIDATES).map(|n| number(n * 7919 * 2 + 1) + "\n").collect();
    // Every hundredth is of the list: a hit is a finding, which costs more.
    let listed: String =
        (0..CANDIDATES).map(|n| number(n * 7919 * 2 % (rows * 2) + u64::from(n % 100 > 0)) + "\n").collect();
    for (what, text) in [("none of them listed", others), ("one in a hundred listed", listed)] {
        let mut bare = Scanner::new(Arc::clone(&catalogue), [0; 32]);
        let mut watched = Scanner::new(Arc::clone(&catalogue), [0; 32]).with_watch(&set);
        scan(&mut bare, text.as_bytes());
        let before = watched.counts().looked_up;
        let found = scan(&mut watched, text.as_bytes());
        let looked_up = (watched.counts().looked_up - before) as f64;
        // Scanning with and without the list in turn, so that the machine's moods fall on both: what is left is looking up.
        let mut each: Vec<(f64, f64)> = (0..RUNS)
            .map(|_| {
                let alone = time(&mut bare, text.as_bytes());
                ((time(&mut watched, text.as_bytes()) - alone) / looked_up, alone / CANDIDATES as f64)
            })
            .collect();
        each.sort_by(|a, b| a.0.total_cmp(&b.0));
        let quartile = |n: usize| each.get(RUNS * n / 4).map_or(0.0, |run| run.0);
        let mut scans: Vec<f64> = each.iter().map(|run| run.1).collect();
        scans.sort_by(f64::total_cmp);
        eprintln!(
            "{CANDIDATES} candidates, {what}: {looked_up} looked up, {found} findings; looking up {:.0} ns each \
             ({:.0} to {:.0}, quartiles of {RUNS} runs); scanning without a list {:.0} ns each",
            quartile(2),
            quartile(1),
            quartile(3),
            scans.get(RUNS / 2).copied().unwrap_or(0.0)
        );
    }
}
