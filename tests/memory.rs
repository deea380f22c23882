//! The memory budget under attack: 100,000 flows at once, each of which claims to carry a compressed document without end, in all
//! content codings. What documents hold stays inside the budget, and so does the resident memory of the process, but for what an open
//! flow takes without them; what is not read is counted.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;
#[path = "generator/mod.rs"]
mod generator;

use std::io::Write as _;
use std::net::SocketAddr;

use borderpost::engine::{Engine, EngineOptions};
use borderpost::geo::GeoSettings;
use borderpost::model::Limits;
use generator::net::{Conversation, Recorder};

const FLOWS: u32 = 100_000;
const DOCUMENT_BYTES_MAX: usize = 48 << 20;
/// What an open flow takes beside its documents: slot, TCP state, decoder, place, and here the other end of the test.
const FLOW_BYTES: u64 = 1792;
/// What the process takes beside: caches of the scanner, batches of packets, blocks of the allocator that are partly used.
const FIXED_BYTES: u64 = 16 << 20;
const MIB: u64 = 1 << 20;

/// Text that compresses to about a third and never repeats as a whole.
fn text(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut text = Vec::new();
    while text.len() < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.extend_from_slice(format!("record {} of table {}; ", state >> 8, state >> 28).as_bytes());
    }
    text
}

/// The beginning of a body in a coding; its end never comes.
fn body(coding: &str) -> Vec<u8> {
    let text = text(7, 1000);
    match coding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&text).expect("memory");
            encoder.flush().expect("memory");
            encoder.get_ref().clone()
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&text).expect("memory");
            encoder.flush().expect("memory");
            encoder.get_ref().clone()
        }
        // The largest window that is allowed, and blocks that repeat one octet 512 times.
        "zstd" => [&b"\x28\xb5\x2f\xfd\x00\x68"[..], &b"\x02\x10\x00x".repeat(2)].concat(),
        // A window of 16 MiB, and a block that claims 16 MiB of literals.
        "br" => [&b"\xcb\xff\xff\xff\x3f"[..], &text].concat(),
        // Blocks of 4 GiB and of 4 MiB.
        "snappy" => {
            let literal = [&[59 << 2][..], &text[..60]].concat();
            [&b"\xff\xff\xff\xff\x0f"[..], &literal.repeat(12), &b"\xfe\x3c\0".repeat(12)].concat()
        }
        "lz4" => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(&text).expect("memory");
            encoder.flush().expect("memory");
            encoder.get_ref().clone()
        }
        other => unreachable!("{other}"),
    }
}

fn feed(engine: &mut Engine, recorder: &Recorder) {
    for (time, data) in recorder.frames() {
        engine.feed(&common::frame(time, data), &mut |_| ());
    }
}

/// A figure of proc(5) in octets.
fn memory(of: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(of)).unwrap_or_default();
    line.split_ascii_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[test]
fn endless_documents_stay_inside_the_budget() {
    let rules = common::rules(&GeoSettings::default());
    let limits = Limits { document_bytes_max: DOCUMENT_BYTES_MAX, ..Limits::default() };
    let mut engine = Engine::new(rules, &limits, EngineOptions { threads: 1, flow_events: false });
    let codings = ["gzip", "deflate", "zstd", "br", "snappy", "lz4"];
    let bodies: Vec<Vec<u8>> = codings.iter().map(|coding| body(coding)).collect();
    let before = memory("VmRSS");
    let mut connections: Vec<Conversation> = Vec::new();
    let server = SocketAddr::new([101, 126, 22, 5].into(), 80);
    let mut most = 0;
    let mut check = |engine: &mut Engine| {
        let held = engine.snapshot(&mut |_| ()).holdings;
        assert!(held.document_bytes <= DOCUMENT_BYTES_MAX, "{held:?}");
        assert!(held.reassembly_bytes <= limits.held_bytes_max, "{held:?}");
        most = most.max(held.document_bytes);
        held.flows
    };
    for flow in 0..FLOWS {
        let client =
            SocketAddr::new([10, 21, (flow >> 16) as u8, (flow >> 8) as u8].into(), 20_000 + (flow & 0xff) as u16);
        let mut recorder = Recorder::starting_at(1_772_460_000);
        let mut connection = recorder.connect(client, server, 2);
        let coding = flow as usize % codings.len();
        let head = format!(
            "POST /upload HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/json\r\nContent-Encoding: {}\r\n\
             Content-Length: 99999999999\r\n\r\n",
            codings[coding]
        );
        let (first, _) = bodies[coding].split_at(bodies[coding].len() / 2);
        connection.segment(&mut recorder, 0, &[head.as_bytes(), first].concat(), "PA");
        feed(&mut engine, &recorder);
        connections.push(connection);
        if flow % 10_000 == 0 {
            check(&mut engine);
        }
    }
    assert_eq!(check(&mut engine), FLOWS as usize, "all flows are open at once");
    // All of them go on.
    for (flow, connection) in connections.iter_mut().enumerate() {
        let mut recorder = Recorder::starting_at(1_772_460_010);
        let body = &bodies[flow % codings.len()];
        connection.segment(&mut recorder, 0, &body[body.len() / 2..], "PA");
        feed(&mut engine, &recorder);
        if flow % 10_000 == 0 {
            check(&mut engine);
        }
    }
    check(&mut engine);
    assert!(most > DOCUMENT_BYTES_MAX / 2, "the budget was hardly used: {most}");
    let peak = memory("VmHWM");
    let counts = engine.finish(&mut |_| ()).counts;
    eprintln!(
        "{FLOWS} flows: {most} octets of documents at most, {} MiB before, {} MiB at the peak",
        before / MIB,
        peak / MIB
    );
    let given_up = counts.limits_reached.get("document_bytes_max").copied().unwrap_or(0);
    assert!(given_up > u64::from(FLOWS) / 2, "{given_up} documents were given up: {:?}", counts.limits_reached);
    let egress = counts.egress.values().next().expect("one destination");
    assert!(egress.missed_bytes > 0, "what was given up is counted");
    assert_eq!(egress.bytes, egress.inspected_bytes + egress.opaque_bytes + egress.missed_bytes);
    let allowed = DOCUMENT_BYTES_MAX as u64 + u64::from(FLOWS) * FLOW_BYTES + FIXED_BYTES;
    assert!(peak - before < allowed, "{} MiB more than before, {} allowed", (peak - before) / MIB, allowed / MIB);
}
