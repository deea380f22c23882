//! Findings do not depend on how text came: documents of the corpus are sent over TCP, cut at random into segments that are
//! reordered, repeated and overlap, and the engine finds what it finds when they come in one piece after the other.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;
mod corpus;

use std::sync::Arc;

use borderpost::engine::{Engine, EngineOptions, Rules};
use borderpost::geo::GeoSettings;
use borderpost::model::{EventBody, Limits};
use corpus::Sample;
use corpus::numbers::Numbers;
use etherparse::PacketBuilder;

/// Sequence number of the first octet: the numbers wrap within the stream.
const FIRST: u32 = u32::MAX - 700;

fn segment(at: usize, payload: &[u8], syn: bool) -> Vec<u8> {
    let seq = FIRST.wrapping_add(at as u32).wrapping_sub(u32::from(syn));
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
        .ipv4([10, 0, 0, 7], [203, 0, 113, 80], 64)
        .tcp(40_000, 80, seq, 64_240);
    let builder = if syn { builder.syn() } else { builder.ack(1) };
    let mut frame = Vec::new();
    builder.write(&mut frame, payload).expect("fits a frame");
    frame
}

/// Findings as text, in order.
fn found(rules: &Arc<Rules>, frames: &[Vec<u8>]) -> Vec<String> {
    let mut engine = Engine::new(rules.clone(), &Limits::default(), EngineOptions { threads: 1, flow_events: false });
    let mut found = Vec::new();
    let mut take = |event: borderpost::model::Event| {
        if let EventBody::Finding(finding) = event.body {
            found.push(format!("{finding:?}"));
        }
    };
    for (index, data) in frames.iter().enumerate() {
        engine.feed(&common::frame(1_790_000_000_000_000_000 + index as u64 * 1_000_000, data), &mut take);
    }
    engine.finish(&mut take);
    found
}

/// A request with documents in its body, as octets of the stream.
fn request(sample: &Sample) -> Vec<u8> {
    let media_type = match sample.form {
        "json" => "application/json",
        "csv" => "text/csv",
        "html" => "text/html",
        "part" => "multipart/form-data; boundary=b0undary",
        _ => "text/plain; charset=utf-8",
    };
    let head = format!(
        "POST /x HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n",
        sample.text.len()
    );
    [head.as_bytes(), &sample.text].concat()
}

/// The stream in segments of random lengths, some of which reach back into the one before, come twice, or later than the next
/// ones: never more than a window apart.
fn shuffled(n: &mut Numbers, stream: &[u8]) -> Vec<Vec<u8>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < stream.len() {
        let length = match n.within(0, 4) {
            0 => n.within(1, 4),
            1 => n.within(1, 40),
            _ => n.within(40, 1400),
        };
        let end = stream.len().min(at + length as usize);
        let from = at.saturating_sub(if n.within(0, 3) == 0 { n.within(1, 60) as usize } else { 0 });
        ranges.push((from, end));
        if n.within(0, 8) == 0 {
            ranges.push((from, end));
        }
        at = end;
    }
    for i in 1..ranges.len() {
        if n.within(0, 3) == 0 {
            let with = n.within(i.saturating_sub(4) as u64, i as u64) as usize;
            ranges.swap(i, with);
        }
    }
    let segments = ranges.into_iter().map(|(from, end)| segment(from, &stream[from..end], false));
    std::iter::once(segment(0, &[], true)).chain(segments).collect()
}

#[test]
fn findings_do_not_depend_on_segments() {
    let rules = common::rules(&GeoSettings::default());
    let mut n = Numbers::new(20_261_122);
    let mut samples = corpus::corpus(3, 1);
    let mut total = 0;
    // Documents of one form together in one, so that values stand at the blocks' edges too; every document stays whole.
    samples.sort_by_key(|sample| sample.form);
    for of_form in samples.chunk_by(|a, b| a.form == b.form) {
        // Those that a reader takes for one document are sent one by one, some of them.
        let alone = matches!(of_form[0].form, "json" | "csv" | "part");
        let size = if alone { 1 } else { 120 };
        for group in of_form.chunks(size).step_by(if alone { 9 } else { 1 }) {
            let mut sample = group[0].clone();
            sample.text = group.iter().flat_map(|sample| sample.text.iter().copied()).collect();
            let stream = request(&sample);
            let in_order: Vec<Vec<u8>> = std::iter::once(segment(0, &[], true))
                .chain(stream.chunks(1400).zip(0..).map(|(piece, i)| segment(i * 1400, piece, false)))
                .collect();
            let whole = found(&rules, &in_order);
            total += whole.len();
            for _ in 0..if alone { 1 } else { 2 } {
                let cut = found(&rules, &shuffled(&mut n, &stream));
                assert!(whole == cut, "{}: {} findings in order, {} otherwise", sample.form, whole.len(), cut.len());
            }
        }
    }
    assert!(total > 500, "{total} findings");
}
