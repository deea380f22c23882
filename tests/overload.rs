//! Whatever is too much, and whatever was chosen to give way: every packet is counted, and every octet by destination.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use borderpost::capture::Captures;
use borderpost::engine::{Engine, EngineOptions, Rules};
use borderpost::geo::GeoSettings;
use borderpost::model::{
    Counts, FlowOverload, Limits, Overload, PacketOverload, ReassemblyOverload, ScanOverload, UninspectedReason,
};
use common::{own_capture, shared};

fn rules() -> Arc<Rules> {
    let local = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].iter().map(|net| net.parse().expect("a network"));
    common::rules(&GeoSettings { local: local.collect(), ..GeoSettings::default() })
}

fn captures() -> Vec<PathBuf> {
    let mut captures = vec![own_capture("demo.pcap")];
    captures.extend(["mariadb", "mosquitto", "postgresql", "redis"].map(|n| own_capture(&format!("live/{n}.pcap"))));
    if let Some(shared) = shared() {
        captures.extend(["demo", "files"].iter().flat_map(|folder| pcaps(&shared.join("captures").join(folder))));
    }
    captures
}

fn pcaps(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "pcap" || extension == "pcapng"));
    paths.sort();
    paths.truncate(12);
    paths
}

/// Runs a capture; sheds from one frame of ten to the next if asked to.
fn run(capture: &Path, limits: &Limits, sheds: bool) -> Counts {
    let mut captures = Captures::open(&[capture.to_path_buf()], None).expect("a capture");
    let mut engine = Engine::new(rules(), limits, EngineOptions { threads: 1, flow_events: true });
    let mut frames = 0u64;
    while let Some(frame) = captures.next_frame() {
        engine.shed(sheds && frames % 20 < 10);
        frames += 1;
        engine.feed(&frame, &mut |_| ());
    }
    engine.finish(&mut |_| ()).counts
}

/// Packets and octets that went out. Where to, on the location axis, may hang on a name that was not read; what went does not.
fn total(counts: &Counts) -> (u64, u64) {
    let mut sum = (0, 0);
    for egress in counts.egress.values() {
        assert_eq!(egress.bytes, egress.inspected_bytes + egress.opaque_bytes + egress.missed_bytes);
        sum = (sum.0 + egress.packets, sum.1 + egress.bytes);
    }
    sum
}

#[test]
fn octets_are_counted_under_every_overload() {
    let tiny = Limits {
        flows_max: 8,
        held_bytes_max: 800,
        held_bytes_per_stream_max: 100,
        fragment_bytes_max: 1,
        document_bytes_max: 8,
        scan_bytes_per_second_max: 10,
        decoded_bytes_max: 10,
        nesting_max: 1,
        image_bytes_max: 10,
        names_max: 1,
        findings_per_flow_max: 1,
        ..Limits::default()
    };
    let mut met = BTreeMap::<&str, u64>::new();
    for capture in captures() {
        let usual = run(&capture, &Limits::default(), false);
        for (flows, reassembly, scan, sheds) in [
            (FlowOverload::Evict, ReassemblyOverload::Gap, ScanOverload::Miss, false),
            (FlowOverload::Count, ReassemblyOverload::Skip, ScanOverload::Head, false),
            (FlowOverload::Evict, ReassemblyOverload::Skip, ScanOverload::Head, true),
            (FlowOverload::Count, ReassemblyOverload::Gap, ScanOverload::Miss, true),
        ] {
            let overload = Overload { packets: PacketOverload::Count, flows, reassembly, scan };
            let limits = Limits { overload, ..tiny.clone() };
            let counts = run(&capture, &limits, sheds);
            let what = format!("{} {:?}", capture.display(), overload);
            assert_eq!(counts.frames, usual.frames, "{what}");
            assert_eq!(total(&counts), total(&usual), "{what}");
            assert_eq!(
                counts.egress.values().map(|egress| egress.bytes).sum::<u64>(),
                counts.egress_by_verdict.values().sum::<u64>(),
                "{what}"
            );
            for (limit, times) in &counts.limits_reached {
                *met.entry(limit).or_default() += times;
            }
        }
    }
    for limit in ["packets", "flows_max", "scan_bytes_per_second_max", "document_bytes_max"] {
        assert!(met.contains_key(limit), "{limit} was not met: {met:?}");
    }
}

#[test]
fn what_is_left_behind_is_told_as_such() {
    let capture = own_capture("demo.pcap");
    let (usual, shed) = (run(&capture, &Limits::default(), false), run(&capture, &Limits::default(), true));
    let left = |counts: &Counts| -> u64 {
        let left = counts.uninspected.iter().filter(|((_, reason), _)| *reason == UninspectedReason::Overload);
        left.map(|(_, tally)| tally.bytes).sum()
    };
    assert_eq!((left(&usual), usual.limits_reached.get("packets")), (0, None));
    assert!(left(&shed) > 0 && shed.limits_reached["packets"] > 0);
    assert_eq!(total(&usual), total(&shed));
}

#[test]
fn a_choice_for_documents_reads_their_beginnings() {
    let overload = |scan| Overload { scan, ..Overload::default() };
    let limits = |scan| Limits { scan_bytes_per_second_max: 0, overload: overload(scan), ..Limits::default() };
    let capture = own_capture("demo.pcap");
    let found = |limits: &Limits| run(&capture, limits, false).findings.values().map(|tally| tally.count).sum::<u64>();
    let (all, miss, head) =
        (found(&Limits::default()), found(&limits(ScanOverload::Miss)), found(&limits(ScanOverload::Head)));
    assert!(miss == 0 && head > 0 && head <= all, "{miss} {head} {all}");
}
