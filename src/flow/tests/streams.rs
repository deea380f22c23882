//! Streams under disorder: whatever is lost, shuffled, doubled or overlapped, what is told tiles the stream, and every captured
//! octet is accounted for.

use proptest::prelude::*;

use super::recorder::*;
use crate::flow::GapCause;
use crate::model::*;

/// The octet at an offset: no short period, so that a misplaced piece shows.
fn octet(offset: u64) -> u8 {
    (offset.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8
}

fn stream(len: usize) -> Vec<u8> {
    (0..len as u64).map(octet).collect()
}

/// A segment as captured: offset, length, octets cut off its end.
type Piece = (usize, usize, usize);

/// Cuts a stream into segments, lengthens some into the next (overlap), doubles some, then shuffles within a window.
fn pieces(len: usize, window: usize) -> impl Strategy<Value = Vec<Piece>> {
    let cuts = prop::collection::vec(1usize..200, 1..80);
    (cuts, any::<u64>()).prop_map(move |(cuts, seed)| {
        let mut random = seed;
        let mut next = move |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % below
        };
        let mut all = Vec::new();
        let mut at = 0;
        for cut in cuts.iter().cycle() {
            if at >= len {
                break;
            }
            let end = (at + cut).min(len);
            let more = if next(4) == 0 { next(300) } else { 0 };
            let less = if next(4) == 0 { next(100).min(at) } else { 0 };
            all.push((at - less, (end + more).min(len) - (at - less), 0));
            if next(5) == 0 {
                all.push((at, end - at, 0));
            }
            at = end;
        }
        for i in 0..all.len() {
            let j = (i + next(window)).min(all.len() - 1);
            all.swap(i, j);
        }
        all
    })
}

/// Feeds the pieces of a stream that begins at a sequence number and returns what was told.
fn told(first_seq: u32, data: &[u8], pieces: &[Piece], limits: &Limits) -> Bench {
    let mut bench = Bench::new(limits);
    let (client, server) = (end("10.0.0.1", 1000), end("10.0.0.2", 80));
    bench.ingest(&packet(seconds(0), client, server, 6, tcp(SYN, first_seq.wrapping_sub(1), 0, b"")));
    for (n, &(at, len, cut)) in pieces.iter().enumerate() {
        let segment = TcpSegment {
            seq: first_seq.wrapping_add(at as u32),
            ack: 1,
            flags: ACK,
            payload: &data[at..at + len - cut],
            payload_len: len as u32,
        };
        let time = Timestamp::from_nanos(seconds(0).nanos() + n as u64 * 1_000_000);
        bench.ingest(&packet(time, client, server, 6, Segment::Tcp(segment)));
        assert!(bench.table.held_bytes() <= limits.held_bytes_max.min(limits.held_bytes_per_stream_max));
    }
    bench.finish();
    bench
}

/// Octets and gaps tile `0..position`; the octets are the stream's.
fn check_tiling(bench: &Bench, data: &[u8]) {
    let half = &bench.told.flows[&0].halves[0];
    let mut expected = Vec::new();
    let mut at = 0;
    for &(offset, len, _) in &half.gaps {
        expected.extend_from_slice(&data[at as usize..offset as usize]);
        at = offset + len;
    }
    expected.extend_from_slice(&data[at as usize..half.position as usize]);
    assert!(half.octets == expected, "the delivered octets are the stream's");
}

fn seqs() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), (u32::MAX - 5000)..=u32::MAX, 0u32..5]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn complete_streams_arrive_whole(seq in seqs(), pieces in pieces(6000, 8)) {
        let data = stream(6000);
        let bench = told(seq, &data, &pieces, &Limits::default());
        let half = &bench.told.flows[&0].halves[0];
        prop_assert!(half.octets == data);
        prop_assert!(half.gaps.is_empty() && half.dropped.is_empty());
    }

    #[test]
    fn with_losses_octets_and_gaps_tile(
        seq in seqs(), pieces in pieces(6000, 30), lost in prop::collection::vec(any::<bool>(), 1..40), cut in 0usize..3,
    ) {
        let data = stream(6000);
        let kept: Vec<Piece> = pieces.iter().zip(lost.iter().cycle()).filter(|(_, lost)| !**lost)
            .map(|(&(at, len, _), _)| (at, len, if len % 3 == 0 { cut.min(len) } else { 0 })).collect();
        let bench = told(seq, &data, &kept, &Limits::default());
        check_tiling(&bench, &data);
        let counts = bench.table.counts();
        prop_assert_eq!(counts.conflicting_bytes(), 0);
        // Nothing is called lost that was captured.
        let mut seen = vec![false; data.len()];
        for &(at, len, cut) in &kept {
            seen[at..at + len - cut].fill(true);
        }
        for &(offset, len, cause) in &bench.told.flows[&0].halves[0].gaps {
            if cause == GapCause::Lost {
                prop_assert!(seen[offset as usize..(offset + len) as usize].iter().all(|seen| !seen));
            }
        }
    }

    #[test]
    fn within_a_tight_budget_nothing_is_silent(seq in seqs(), pieces in pieces(6000, 60), budget in 0usize..3000) {
        let data = stream(6000);
        let bench = told(seq, &data, &pieces, &Limits { held_bytes_max: budget, ..Limits::default() });
        check_tiling(&bench, &data);
        prop_assert_eq!(bench.told.flows[&0].halves[0].position, 6000);
    }

    /// Any segments at all: no panic, and the accounts balance (`Bench` checks).
    #[test]
    fn any_segments_at_all(segments in prop::collection::vec(
        (any::<bool>(), any::<u8>(), prop_oneof![any::<u32>(), 0u32..64], prop_oneof![any::<u32>(), 0u32..64],
         0usize..40, 0u32..40, prop_oneof![Just(0u64), 0u64..4000]), 0..120),
        skip_after in prop::option::of(0usize..100), budget in 0usize..2000,
    ) {
        let limits = Limits { held_bytes_per_stream_max: budget, ..Limits::default() };
        let mut bench = Bench::new(&limits);
        bench.told.skip_after = skip_after;
        let (client, server) = (end("10.0.0.1", 1000), end("10.0.0.2", 80));
        let data = stream(40);
        let mut now = 0;
        for (forward, flags, seq, ack, len, cut, wait) in segments {
            // Mostly data: random flags would close the flow at once.
            let flags = TcpFlags(if flags & 0xC0 == 0 { flags } else { 0x10 });
            now += wait;
            let (src, dst) = if forward { (client, server) } else { (server, client) };
            let segment = TcpSegment { seq, ack, flags, payload: &data[..len], payload_len: len as u32 + cut };
            bench.ingest(&packet(seconds(now), src, dst, 6, Segment::Tcp(segment)));
        }
        bench.finish();
    }
}
