//! An attacker who sends to addresses, names and ports without end gets no metric series and no memory out of it.
//!
//! `BORDERPOST_SOAK=1 cargo test --release --test flood` sends ten million flows; otherwise it is 120,000.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use borderpost::engine::{Engine, EngineOptions, Rules, Snapshot, limit_names};
use borderpost::export::{MetricsInput, render_metrics};
use borderpost::geo::{CONFLICTS, GeoSettings};
use borderpost::model::{FLOW_BYTES, Frame, Limits, LinkType, Origin, Timestamp};
use borderpost::wire::WireCounts;

const FLOWS_MAX: usize = 20_000;
/// Flows after which every table is full.
const WARM: u64 = 60_000;
/// What memory may grow by once they are.
const GROWTH_BYTES_MAX: u64 = 48 << 20;

fn rules() -> Arc<Rules> {
    let settings = GeoSettings { local: vec!["10.0.0.0/8".parse().expect("a network")], ..GeoSettings::default() };
    common::rules(&settings)
}

/// SplitMix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Ethernet, IPv4, TCP or UDP; a flow of its own each time.
fn frame(number: u64, state: &mut u64, out: &mut Vec<u8>) {
    let (a, b) = (random(state), random(state));
    let text = format!("n{a:016x}");
    let (proto, ports, payload): (u8, [u16; 2], Vec<u8>) = match number % 4 {
        0 => (6, [b as u16, (b >> 16) as u16], Vec::new()),
        1 => (17, [b as u16, (b >> 16) as u16], a.to_be_bytes().to_vec()),
        2 => {
            // An answer: the name, as a pointer to the question, is at the address.
            let mut dns = vec![0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, text.len() as u8];
            dns.extend(text.as_bytes());
            dns.extend(b"\x03com\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04");
            dns.extend((b as u32).to_be_bytes());
            (17, [53, (b >> 16) as u16 | 1024], dns)
        }
        _ => {
            let body = format!("{{\"mail\":\"{text}@mailhost.net\"}}");
            let head = format!("POST /{text} HTTP/1.1\r\nHost: {text}.net\r\nContent-Type: application/json\r\n");
            (6, [b as u16 | 1024, 80], format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
        }
    };
    let transport = if proto == 6 { 20 } else { 8 };
    let total = (20 + transport + payload.len()) as u16;
    let local = [10, (a >> 8) as u8, (a >> 16) as u8, a as u8];
    let remote = [(b >> 32) as u8 % 200 + 20, (b >> 40) as u8, (b >> 48) as u8, (b >> 56) as u8];
    let (src, dst) = if number % 4 == 2 { (remote, local) } else { (local, remote) };
    out.clear();
    out.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0]);
    out.extend(total.to_be_bytes());
    out.extend([0, 0, 0, 0, 64, proto, 0, 0]);
    out.extend(src);
    out.extend(dst);
    out.extend(ports[0].to_be_bytes());
    out.extend(ports[1].to_be_bytes());
    if proto == 6 {
        let flags = if payload.is_empty() { 0x02 } else { 0x18 };
        out.extend((a as u32).to_be_bytes());
        out.extend([0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    } else {
        out.extend((8 + payload.len() as u16).to_be_bytes());
        out.extend([0, 0]);
    }
    out.extend(payload);
}

/// Every series without its value.
fn series(snapshot: &Snapshot, rules: &Rules, limits: &Limits) -> BTreeSet<String> {
    let signatures: Vec<_> = rules.catalogue.signatures().map(|s| (s.id.clone(), s.class)).collect();
    let policies: Vec<_> = rules.policy.rules().cloned().collect();
    let text = render_metrics(&MetricsInput {
        captures: &[],
        counts: &snapshot.counts,
        signatures: &signatures,
        rules: &policies,
        policies: &rules.policy.facts(),
        locations: &[],
        databases: &[],
        limits,
        decode_errors: WireCounts::ERROR_SERIES,
        limit_names: &limit_names(),
        conflicts: &CONFLICTS,
        config_time_seconds: 0.0,
        live: None,
    })
    .expect("no clash");
    text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| Some(any_country(l.rsplit_once(' ')?.0))).collect()
}

/// A series with `CC` for each country: which of the 250 codes were met is the one thing that addresses may choose.
fn any_country(series: &str) -> String {
    let parts = series.split_inclusive("\",").map(|part| {
        match part.split_once("dst_location=\"").or(part.split_once("dst_control=\"")) {
            Some((before, value)) if value.chars().take_while(char::is_ascii_uppercase).count() == 2 => {
                format!("{before}CC{}", &value[2..])
            }
            _ => part.to_owned(),
        }
    });
    parts.collect()
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("readable");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("there");
    line.split_ascii_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") << 10
}

/// Feeds flows number `from` to `to`; the number of events.
fn send(engine: &mut Engine, state: &mut u64, from: u64, to: u64) -> u64 {
    let (mut octets, mut events) = (Vec::new(), 0);
    for number in from..to {
        frame(number, state, &mut octets);
        let time = Timestamp::from_nanos(1_772_460_000_000_000_000 + number * 10_000);
        let origin = Origin { capture: 0, interface: 0 };
        let wire_len = octets.len() as u32;
        let frame = Frame { time, link: LinkType::ETHERNET, origin, data: &octets, wire_len };
        engine.feed(&frame, &mut |_| events += 1);
    }
    events
}

/// What `Limits::memory_bytes` says of a full table, and the unit's MemoryHigh= rests on.
#[test]
#[ignore = "takes a minute and a gigabyte"]
fn a_full_table_takes_no_more_memory_than_is_said() {
    let limits = Limits { flows_max: 400_000, ..Limits::default() };
    let before = resident_bytes();
    let mut engine = Engine::new(rules(), &limits, EngineOptions { threads: 1, flow_events: true });
    send(&mut engine, &mut 1, 0, 600_000);
    let snapshot = engine.snapshot(&mut |_| ());
    assert_eq!(snapshot.holdings.flows, limits.flows_max);
    let taken = resident_bytes() - before;
    eprintln!("{} flows take {} MiB, {} octets each", limits.flows_max, taken >> 20, taken / limits.flows_max as u64);
    assert!(taken <= (limits.flows_max * FLOW_BYTES) as u64, "{taken}");
}

#[test]
fn flows_without_end_add_no_series_and_no_memory() {
    let flows: u64 = if std::env::var_os("BORDERPOST_SOAK").is_some() { 10_000_000 } else { 120_000 };
    let limits = Limits { flows_max: FLOWS_MAX, names_max: 4096, ..Limits::default() };
    let rules = rules();
    let mut engine = Engine::new(rules.clone(), &limits, EngineOptions { threads: 1, flow_events: true });
    let mut state = 1;
    let mut events = send(&mut engine, &mut state, 0, WARM);
    let snapshot = engine.snapshot(&mut |_| events += 1);
    assert!(snapshot.counts.findings.values().map(|tally| tally.count).sum::<u64>() > 1000, "it is read");
    let (before, resident) = (series(&snapshot, &rules, &limits), resident_bytes());
    events += send(&mut engine, &mut state, WARM, flows);
    let snapshot = engine.snapshot(&mut |_| events += 1);
    let after = series(&snapshot, &rules, &limits);
    let new: Vec<_> = after.difference(&before).collect();
    assert!(new.is_empty(), "{new:?}");
    assert!(snapshot.holdings.flows <= FLOWS_MAX, "{:?}", snapshot.holdings);
    assert_eq!(snapshot.counts.frames.total, flows);
    let counts = &snapshot.counts;
    assert_eq!(counts.flows_tcp + counts.flows_udp, flows, "each is a flow of its own");
    let grown = resident_bytes().saturating_sub(resident);
    eprintln!("{flows} flows, {events} events, {} series, memory grew by {} KiB", after.len(), grown >> 10);
    assert!(grown < GROWTH_BYTES_MAX, "{grown}");
}
