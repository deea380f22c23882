//! Measures the scanner: throughput on several texts beside the same patterns in other engines, and findings in noise.
//! `cargo run --release --example measure-scan engines [DIRECTORY] | noise MEGABYTES`; results: docs/performance-scan.md. With a
//! directory the texts and patterns are left there, for `hyperscan_compare.py`.

#![allow(clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a measurement")]

use std::sync::Arc;

use borderpost::model::{Finding, Level, Text};
use borderpost::scan::{Catalogue, DocumentScan, Edge, Scanner, Signature};
use regex_automata::hybrid::dfa::DFA;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, hybrid::dfa::OverlappingState, nfa::thompson};

#[path = "mod.rs"]
mod corpus;

use corpus::numbers::Numbers;

/// Octets of each text.
const OCTETS: usize = 4 << 20;

/// Seconds that this thread was running: the machine may be shared.
fn seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A signature's pattern with its edges, as other engines can be told of them: keyed values stand after a `:` or `=`.
fn edged(signature: &Signature) -> String {
    let pattern = &signature.pattern;
    match signature.edge {
        Edge::Word => format!(r"\b(?:{pattern})\b"),
        Edge::Start | Edge::Document => format!(r"\b(?:{pattern})"),
        Edge::Line => format!(r#"[\x00-\x1f"](?:{pattern})"#),
        Edge::Key => format!(r#"[:=]["' ]{{0,3}}(?:{pattern})"#),
        Edge::Free => pattern.clone(),
    }
}

fn filled(octets: usize, mut piece: impl FnMut() -> String) -> Vec<u8> {
    let mut text = String::with_capacity(octets + 4096);
    while text.len() < octets {
        text.push_str(&piece());
    }
    text.into_bytes()
}

fn json(n: &mut Numbers) -> String {
    let (a, b) = (n.within(1, 10_000_000_000), n.within(1_600_000_000_000, 1_800_000_000_000));
    format!(
        "{{\"seq\":{a},\"ts\":{b},\"v\":[{},{},{}.{}],\"ratio\":0.{},\"hash\":\"{}\",\"state\":\"ready\",\"shard\":{},\"offset\":{},\
         \"size\":{},\"trace\":\"{}-{}\",\"sku\":\"{}\"}},\n",
        n.within(0, 100_000),
        n.digits(9),
        n.within(0, 99),
        n.digits(5),
        n.digits(12),
        n.hex(40),
        n.within(0, 512),
        n.digits(11),
        n.digits(7),
        n.hex(16),
        n.hex(8),
        n.digits(13)
    )
}

fn script(n: &mut Numbers) -> String {
    let name = |n: &mut Numbers| {
        let length = n.within(1, 4) as usize;
        n.of("abcdefghijklmnopqrstuvwxyz", length)
    };
    let (a, b, c) = (name(n), name(n), name(n));
    format!(
        "function {a}({b},{c}){{var e={b}.{}|{c}<<{};return e>{}?{a}({b}-{},\"{}\"):[{},{},.{}],{c}[{}]^0x{}}}",
        n.of("abcdefghijklmnopqrstuvwxyzABC", 6),
        n.within(1, 31),
        n.digits(4),
        n.within(1, 9),
        n.of("abcdefghijklmnopqrstuvwxyz-_ ", 11),
        n.digits(9),
        n.digits(5),
        n.digits(3),
        n.within(0, 90),
        n.hex(8)
    )
}

fn base64(n: &mut Numbers) -> String {
    format!("{}\n", n.of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 76))
}

fn html(n: &mut Numbers) -> String {
    const WORDS: [&str; 12] =
        ["the", "privacy", "Policy", "of", "Region", "data", "and", "Transfer", "services", "under", "which", "People"];
    let words: Vec<&str> = (0..30).map(|_| n.one(&WORDS)).collect();
    format!(
        "<div class=\"row r{}\"><p style=\"margin:0 auto\">{}</p><a href=\"/articles/index.html?page=2\">more</a></div>\n",
        n.within(0, 100),
        words.join(" ")
    )
}

fn log(n: &mut Numbers) -> String {
    format!(
        "2026-11-05T12:{:02}:{:02}.{}Z INFO worker[{}]: GET /api/v1/items/{} 200 {}us req={}\n",
        n.within(0, 60),
        n.within(0, 60),
        n.digits(6),
        n.within(0, 64),
        n.within(0, 100_000),
        n.within(0, 10_000),
        n.hex(16)
    )
}

/// JSON of a service about its users: every record is full of user data.
fn users(n: &mut Numbers) -> String {
    let v = |n: &mut Numbers, id: &str| corpus::numbers::value(n, id);
    format!(
        "{{\"user_id\":{},\"email\":\"{}\",\"phone\":\"{}\",\"client_ip\":\"{}\",\"dob\":\"{}\",\"card_number\":\"{}\",\
         \"lat\":{},\"ssn\":\"{}\"}},\n",
        v(n, "user-id-keyed"),
        v(n, "email"),
        v(n, "phone-e164"),
        v(n, "ipv4-datum"),
        v(n, "dob-iso"),
        v(n, "card-pan"),
        v(n, "lat-keyed"),
        v(n, "us-ssn")
    )
}

fn scan(scanner: &mut Scanner, text: &[u8], see: &mut dyn FnMut(Finding)) -> f64 {
    let before = seconds();
    feed(scanner, text, see);
    seconds() - before
}

fn feed(scanner: &mut Scanner, text: &[u8], see: &mut dyn FnMut(Finding)) {
    let mut document = DocumentScan::new("measure");
    let mut at = 0;
    for piece in text.chunks(1400) {
        scanner.text(&mut document, Text { octets: piece, at, field: None }, see);
        at += piece.len() as u64;
    }
    scanner.end(&mut document, see);
}

/// The usual way: one lazy automaton for all patterns that is run over all octets, reporting every match.
fn unanchored(patterns: &[&str]) -> impl FnMut(&[u8]) -> f64 {
    let dfa = DFA::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(64 << 20)))
        .configure(DFA::config().match_kind(MatchKind::All).cache_capacity(64 << 20).skip_cache_capacity_check(true))
        .build_many(patterns)
        .expect("the patterns compile");
    let mut cache = dfa.create_cache();
    move |text| {
        let before = seconds();
        let mut state = OverlappingState::start();
        let input = Input::new(text);
        while dfa.try_search_overlapping_fwd(&mut cache, &input, &mut state).is_ok() && state.get_match().is_some() {}
        seconds() - before
    }
}

/// All matches of all patterns, one after the other, as programs with a list of patterns do.
fn one_by_one(patterns: &[&str]) -> impl FnMut(&[u8]) -> f64 {
    let builder = || {
        regex_automata::meta::Builder::new()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .configure(regex_automata::meta::Config::new().utf8_empty(false))
            .clone()
    };
    let all: Vec<_> = patterns.iter().map(|p| builder().build(p).expect("the patterns compile")).collect();
    move |text| {
        let before = seconds();
        let count: usize = all.iter().map(|r| r.find_iter(text).count()).sum();
        std::hint::black_box(count);
        seconds() - before
    }
}

fn main() {
    let catalogue = Arc::new(Catalogue::built_in().expect("the built-in catalogue is right"));
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("one"), Some(name)) => one(&catalogue, &name),
        (Some("noise"), Some(megabytes)) => noise(&catalogue, megabytes.parse().expect("a number")),
        (_, directory) => engines(&catalogue, directory.as_deref().map(std::path::Path::new)),
    }
}

fn texts() -> [(&'static str, Vec<u8>); 8] {
    let mut n = Numbers::new(7);
    let of = |n: &mut Numbers, f: fn(&mut Numbers) -> String| filled(OCTETS, || f(n));
    [
        ("json, many digits", of(&mut n, json)),
        ("json of users", of(&mut n, users)),
        ("html", of(&mut n, html)),
        ("log", of(&mut n, log)),
        ("minified script", of(&mut n, script)),
        ("base64", of(&mut n, base64)),
        ("random octets", (0..OCTETS).map(|_| n.next() as u8).collect()),
        ("hostile: A-Z <", filled(OCTETS, || n.of("ABCDEFGHIJKLMNOPQRSTUVWXYZ<", 64))),
    ]
}

/// Half of the catalogue, by the places of signatures in order of ids.
fn half(catalogue: &Catalogue, keep: impl Fn(usize) -> bool) -> Arc<Catalogue> {
    let place = |id: &str| catalogue.signatures().position(|s| &*s.id == id);
    Arc::new(catalogue.only(|s| place(&s.id).is_some_and(&keep)).expect("half of what is right"))
}

/// The first half, every second signature, and the others.
fn halves(catalogue: &Catalogue) -> [Arc<Catalogue>; 3] {
    let count = catalogue.signatures().count();
    [half(catalogue, |at| at < count / 2), half(catalogue, |at| at % 2 == 0), half(catalogue, |at| at % 2 == 1)]
}

/// Throughput, with all signatures and with half of them, beside other engines.
fn engines(catalogue: &Arc<Catalogue>, directory: Option<&std::path::Path>) {
    let patterns: Vec<String> = catalogue.signatures().map(edged).collect();
    if let Some(directory) = directory {
        std::fs::write(directory.join("patterns"), patterns.join("\n") + "\n").expect("the directory can be written");
    }
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    let before = seconds();
    let built = Catalogue::built_in().expect("the built-in catalogue is right").signatures().count();
    let of_scanner = seconds() - before;
    let mut lazy = unanchored(&patterns);
    let before = seconds();
    let mut single = one_by_one(&patterns);
    let of_regexes = seconds() - before;
    println!("{built} signatures; seconds to build: scanner {of_scanner:.3}, regexes one by one {of_regexes:.3}");
    let [first, even, odd] = halves(catalogue);
    println!("MB/s of one thread         full     first      even       odd  lazy-dfa  one-by-one  findings");
    for (name, text) in &texts() {
        let mut scanners = [catalogue, &first, &even, &odd].map(|c| Scanner::new(Arc::clone(c), [0; 32]));
        let mut best = [f64::MAX; 4];
        let mut counts = [0; 4];
        // Taken in turns: what else the machine does falls on both.
        for _ in 0..4 {
            for ((scanner, best), count) in scanners.iter_mut().zip(&mut best).zip(&mut counts) {
                *count = 0;
                *best = best.min(scan(scanner, text, &mut |_| *count += 1));
            }
        }
        let part = text.get(..OCTETS / 8).unwrap_or_default();
        let others = [lazy(part), single(part)].map(|s| part.len() as f64 / s / 1e6);
        let [full, first, even, odd] = best.map(|s| text.len() as f64 / s / 1e6);
        println!(
            "{name:22}{full:>9.1}{first:>10.1}{even:>10.1}{odd:>10.1}{:>10.2}{:>12.2}{:>10}",
            others[0], others[1], counts[0]
        );
        if let Some(directory) = directory {
            std::fs::write(directory.join(format!("{name}.txt")), text).expect("the directory can be written");
        }
    }
}

/// One text alone, for profiles: its beginning, several times, and what was found in all.
fn one(catalogue: &Arc<Catalogue>, name: &str) {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let octets = std::env::args().nth(3).map_or(512 << 10, |octets| octets.parse().expect("octets"));
    let passes = std::env::args().nth(4).map_or(3, |passes| passes.parse().expect("passes"));
    let catalogue = &match std::env::args().nth(5).as_deref() {
        Some("first") => halves(catalogue)[0].clone(),
        Some("even") => halves(catalogue)[1].clone(),
        Some("odd") => halves(catalogue)[2].clone(),
        _ => Arc::clone(catalogue),
    };
    for (_, text) in texts().iter().filter(|(known, _)| *known == name || name == "all") {
        let text = text.get(..octets).unwrap_or(text);
        let mut scanner = Scanner::new(Arc::clone(catalogue), [0; 32]);
        let mut best = f64::MAX;
        let (mut hash, mut count) = (DefaultHasher::new(), 0);
        for _ in 0..passes {
            // Not by the thread's clock, which valgrind does not know.
            let before = std::time::Instant::now();
            feed(&mut scanner, text, &mut |finding| {
                count += 1;
                finding.digest.hash(&mut hash);
                (finding.offset, finding.length, finding.confidence.0).hash(&mut hash);
                (finding.signature, finding.masked, finding.record).hash(&mut hash);
            });
            best = best.min(before.elapsed().as_secs_f64());
        }
        println!("{:.1} MB/s, {count} findings, {:016x}", text.len() as f64 / best / 1e6, hash.finish());
    }
}

/// Findings in text without user data.
fn noise(catalogue: &Arc<Catalogue>, megabytes: usize) {
    let mut n = Numbers::new(11);
    println!("findings in noise, per GB");
    type Maker = fn(&mut Numbers) -> String;
    let kinds: [(&str, Maker); 3] = [("json", json), ("script", script), ("base64", base64)];
    for (name, make) in kinds {
        let mut scanner = Scanner::new(Arc::clone(catalogue), [0; 32]);
        let mut levels = [0_u64; 3];
        let mut seen = std::collections::BTreeMap::new();
        let mut octets = 0;
        let mut spent = 0.0;
        while octets < megabytes << 20 {
            let text = filled(OCTETS, || make(&mut n));
            octets += text.len();
            spent += scan(&mut scanner, &text, &mut |f| {
                let level = f
                    .confidence
                    .level()
                    .map_or(0, |l| [Level::Low, Level::Medium, Level::High].iter().position(|x| *x == l).unwrap_or(0));
                levels[level] += 1;
                if level > 0 {
                    *seen.entry(f.signature.to_string()).or_insert(0_u64) += 1;
                }
            });
        }
        let per = |count: u64| count as f64 * 1e9 / octets as f64;
        println!(
            "{name:8} {:>7} MB: high {:.0}, medium {:.0}, low {:.0}; {:.1} MB/s; {seen:?}",
            octets >> 20,
            per(levels[2]),
            per(levels[1]),
            per(levels[0]),
            octets as f64 / spent / 1e6
        );
    }
}
