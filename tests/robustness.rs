//! Hostile captures: every prefix and thousands of mutations of the project's own captures go through the whole engine without a
//! panic and within the memory budget.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

#[path = "generator/mod.rs"]
mod generator;

use std::io::Write as _;
use std::sync::Arc;

use borderpost::capture::Captures;
use borderpost::engine::{Engine, EngineOptions, Rules};
use borderpost::geo::GeoSettings;
use borderpost::model::Limits;

/// Replays a capture in memory (by way of a file) and returns frames and flows.
fn replay(rules: &Arc<Rules>, file: &std::path::Path, octets: &[u8]) -> (u64, u64) {
    std::fs::File::create(file).and_then(|mut f| f.write_all(octets)).expect("a temporary file");
    let mut captures = Captures::open(&[file.to_path_buf()], None).expect("opens");
    let limits = Limits { flows_max: 10_000, ..Limits::default() };
    let mut engine = Engine::new(rules.clone(), &limits, EngineOptions { threads: 1, flow_events: true });
    let mut events = 0u64;
    while let Some(frame) = captures.next_frame() {
        engine.feed(&frame, &mut |_| events += 1);
    }
    let outcome = engine.finish(&mut |_| events += 1);
    let counts = outcome.counts;
    let flows = counts.flows_tcp + counts.flows_udp + counts.flows_other;
    for egress in counts.egress.values() {
        assert_eq!(egress.bytes, egress.inspected_bytes + egress.opaque_bytes + egress.missed_bytes);
    }
    (counts.frames.total, flows)
}

/// Every prefix of the small capture; of the long one every prefix around record borders and a stride of a prime within records,
/// which differ only in the record that is cut.
#[test]
fn every_prefix_of_the_own_captures() {
    let rules = common::rules(&GeoSettings::default());
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("prefix");
    for made in generator::all() {
        let whole = replay(&rules, &file, &made.octets);
        let mut cuts: Vec<usize> = (0..=made.octets.len()).collect();
        if made.octets.len() > 8000 {
            let borders = record_borders(&made.octets);
            let near = |at: &usize| [at.saturating_sub(1), *at, at + 1, at + 15, at + 16, at + 17];
            cuts = borders.iter().flat_map(near).chain(0..64).chain((0..made.octets.len()).step_by(997)).collect();
            cuts.sort_unstable();
            cuts.dedup();
        }
        let mut last = 0;
        for cut in cuts.into_iter().filter(|cut| *cut <= made.octets.len()) {
            let (frames, _) = replay(&rules, &file, &made.octets[..cut]);
            assert!(frames >= last && frames <= whole.0, "{}: {frames} frames at {cut}", made.name);
            last = frames;
        }
        assert_eq!(last, whole.0, "{}", made.name);
    }
}

fn record_borders(pcap: &[u8]) -> Vec<usize> {
    let mut borders = vec![24];
    let mut at = 24;
    while let Some(len) = pcap.get(at + 8..at + 12) {
        at += 16 + u32::from_le_bytes([len[0], len[1], len[2], len[3]]) as usize;
        borders.push(at);
    }
    borders
}

#[test]
fn ten_thousand_mutations() {
    let rules = common::rules(&GeoSettings::default());
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("mutant.pcap");
    let mut seed = 0x1234_5678_9abc_def0_u64;
    let mut next = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below.max(1) as u64) as usize
    };
    let all = generator::all();
    for round in 0..10_000 {
        let made = &all[round % all.len()];
        let mut mutant = made.octets.clone();
        if mutant.len() > 8000 {
            // A piece of the long capture, so that ten thousand of them take seconds: the file header and a run of records.
            let borders = record_borders(&made.octets);
            let first = next(borders.len() - 1);
            let last = (first + 1 + next(12)).min(borders.len() - 1);
            mutant.truncate(24);
            mutant.extend(&made.octets[borders[first]..borders[last]]);
        }
        for _ in 0..1 + next(8) {
            let at = next(mutant.len());
            match next(4) {
                0 => mutant[at] ^= 1 << next(8),
                1 => mutant[at] = [0, 0xff, 0x7f, 0x80][next(4)],
                2 => mutant.truncate(at.max(1)),
                _ => {
                    let from = next(mutant.len());
                    let len = next(40).min(mutant.len() - from);
                    let piece = mutant[from..from + len].to_vec();
                    let at = next(mutant.len());
                    mutant.splice(at..at, piece);
                }
            }
        }
        replay(&rules, &file, &mutant);
    }
    let peak = peak_memory_kib();
    assert!(peak < 700_000, "{peak} KiB at the peak");
}

/// Peak resident memory of this process (VmHWM of proc(5)).
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_ascii_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
