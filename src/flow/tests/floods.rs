//! Floods: what an attacker sends must not cost more memory or time than it may, nor displace what matters.

use super::recorder::*;
use crate::flow::{EndReason, FlowTable};
use crate::model::*;

fn quiet(limits: &Limits) -> Bench {
    let mut bench = Bench::new(limits);
    bench.told.quiet = true;
    bench
}

fn attacker(n: u32) -> Endpoint {
    let [a, b, c, d] = n.to_be_bytes();
    end(&format!("198.{}.{c}.{d}", 18 + (b & 1)), 1024 + u16::from(a) + (n >> 17) as u16)
}

#[test]
fn one_packet_flows_displace_each_other_and_not_a_connection() {
    let limits = Limits { flows_max: 1000, ..Limits::default() };
    let mut bench = quiet(&limits);
    let (client, server) = (end("10.0.0.1", 1000), end("10.0.0.2", 80));
    bench.ingest(&packet(seconds(0), client, server, 6, tcp(SYN, 99, 0, b"")));
    bench.ingest(&packet(seconds(0), server, client, 6, tcp(SYN_ACK, 499, 100, b"")));
    for n in 0..4 {
        bench.ingest(&packet(seconds(0), client, server, 6, tcp(ACK, 100 + n, 500, b"x")));
    }
    let before = bench.table.memory_bytes();
    for n in 0..100_000u32 {
        let segment = if n % 2 == 0 { tcp(SYN, n, 0, b"") } else { tcp(ACK, n, 7, b"junk") };
        bench.ingest(&packet(seconds(1), attacker(n), server, 6, segment));
        assert!(bench.table.len() <= 1000);
    }
    assert_eq!(bench.table.counts().ended_for(EndReason::Evicted), 100_001 - 1000);
    assert!(bench.table.memory_bytes() - before < 1000 * 1024);
    bench.ingest(&packet(seconds(2), client, server, 6, tcp(ACK, 104, 500, b"y")));
    assert_eq!(bench.told.flows[&0].halves[0].position, 5, "the connection went on");
    bench.finish();
}

/// Closed first, then tentative, then established, the longest idle first: with room for four, each newcomer displaces the next.
#[test]
fn eviction_follows_value() {
    let limits = Limits { flows_max: 4, ..Limits::default() };
    let mut bench = Bench::new(&limits);
    let server = end("10.0.0.2", 80);
    let host = |n: u16| end("10.0.0.1", n);
    // 0: established and idle longest; 1: tentative; 2: closed; 3: established.
    let mut ids = Vec::new();
    for (n, kind) in [(1, "established"), (2, "tentative"), (3, "closed"), (4, "established")] {
        ids.push(bench.number);
        match kind {
            "established" => {
                for _ in 0..3 {
                    bench.ingest(&packet(seconds(n), host(n as u16), server, 17, udp(b"x")));
                    bench.ingest(&packet(seconds(n), server, host(n as u16), 17, udp(b"x")));
                }
            }
            "closed" => {
                bench.ingest(&packet(seconds(n), host(n as u16), server, 6, tcp(SYN, 1, 0, b"")));
                bench.ingest(&packet(seconds(n), server, host(n as u16), 6, tcp(TcpFlags::RST, 0, 0, b"")));
            }
            _ => bench.ingest(&packet(seconds(n), host(n as u16), server, 17, udp(b"x"))),
        }
    }
    for n in 11..15 {
        // Newcomers become established too, or they would displace each other.
        for _ in 0..3 {
            bench.ingest(&packet(seconds(n), host(n as u16), server, 17, udp(b"x")));
            bench.ingest(&packet(seconds(n), server, host(n as u16), 17, udp(b"x")));
        }
    }
    let order: Vec<(u64, EndReason)> = bench.told.closes.clone();
    use EndReason::{Evicted, Reset};
    assert_eq!(order, [(ids[2], Reset), (ids[1], Evicted), (ids[0], Evicted), (ids[3], Evicted)]);
    assert_eq!(bench.table.counts().closed_early, 1);
    bench.finish();
}

/// One octet a segment, every other one missing: what is charged covers what it costs, and the budgets hold.
#[test]
fn tiny_segments_are_charged_for_what_they_cost() {
    let limits = Limits { held_bytes_max: 1 << 20, held_bytes_per_stream_max: 256 << 10, ..Limits::default() };
    let mut bench = quiet(&limits);
    let server = end("10.0.0.2", 80);
    for flow in 0..8u16 {
        let client = end("10.0.0.1", 1000 + flow);
        bench.ingest(&packet(seconds(0), client, server, 6, tcp(SYN, 0, 0, b"")));
        // From the far end, so that each is a new first hole.
        for n in (1..10_000u32).rev() {
            bench.ingest(&packet(seconds(0), client, server, 6, tcp(ACK, 1 + 2 * n, 1, b"x")));
            assert!(bench.table.held_bytes() <= 1 << 20);
        }
    }
    let counts = bench.table.counts();
    let held = counts.payload_bytes - counts.delivered_bytes - counts.dropped_total() - counts.retransmitted_bytes;
    assert!(held * 112 <= bench.table.held_bytes() as u64, "each octet is charged its overhead");
    assert!(counts.held_limit_hits > 0);
    bench.finish();
}

/// Every flow with a hole: none is forgotten, each is looked at when its time has come.
#[test]
fn holes_are_looked_at_when_due() {
    let mut bench = quiet(&Limits::default());
    let server = end("10.0.0.2", 80);
    for n in 0..500u32 {
        bench.ingest(&packet(seconds(0), attacker(n), server, 6, tcp(SYN, 0, 0, b"")));
        bench.ingest(&packet(seconds(u64::from(n) / 100), attacker(n), server, 6, tcp(ACK, 11, 1, b"x")));
    }
    assert!(bench.table.held_bytes() > 0);
    let table = &mut bench.table;
    table.advance(seconds(31), &mut bench.told);
    assert_eq!(table.counts().gaps[0], 200);
    table.advance(seconds(34), &mut bench.told);
    assert_eq!(table.counts().gaps[0], 500);
    assert_eq!(table.held_bytes(), 0);
    bench.finish();
}

/// The figures that matter with a million flows: a slot, and the block beside it for TCP.
#[test]
fn an_idle_flow_costs_little() {
    let (slot, tcp) = FlowTable::<Recorder>::FLOW_BYTES;
    eprintln!("slot {slot} octets, TCP {tcp} octets");
    assert!(slot <= 176 && tcp <= 120, "slot {slot}, tcp {tcp}");
}

/// The other choice: who is tracked stays, and newcomers are told as untracked; a closed flow makes room all the same.
#[test]
fn where_tracked_flows_stay_newcomers_are_counted_without_a_flow() {
    let overload = Overload { flows: FlowOverload::Count, ..Overload::default() };
    let limits = Limits { flows_max: 3, overload, ..Limits::default() };
    let mut bench = Bench::new(&limits);
    let (client, server) = (end("10.0.0.1", 1000), end("10.0.0.2", 80));
    bench.ingest(&packet(seconds(0), client, server, 6, tcp(SYN, 99, 0, b"")));
    bench.ingest(&packet(seconds(0), server, client, 6, tcp(SYN_ACK, 499, 100, b"")));
    for n in 0..100 {
        bench.ingest(&packet(seconds(1), attacker(n), server, 17, udp(b"flood")));
    }
    assert_eq!((bench.table.len(), bench.table.counts().packets_untracked), (3, 98));
    assert_eq!(bench.table.counts().ended_for(EndReason::Evicted), 0);
    bench.ingest(&packet(seconds(2), client, server, 6, tcp(ACK, 100, 500, b"y")));
    bench.ingest(&packet(seconds(2), client, server, 6, tcp(FIN_ACK, 101, 500, b"")));
    bench.ingest(&packet(seconds(2), server, client, 6, tcp(FIN_ACK, 500, 102, b"")));
    bench.ingest(&packet(seconds(3), attacker(500), server, 17, udp(b"flood")));
    assert_eq!((bench.table.len(), bench.table.counts().packets_untracked), (3, 98), "the closed flow made room");
    bench.finish();
}

/// What the receiver acknowledges and the capture never had is the capture's loss; what both sides miss is not.
#[test]
fn acknowledgements_of_unseen_octets_are_told_once_each() {
    let mut bench = Bench::new(&Limits::default());
    let (client, server) = (end("10.0.0.1", 1000), end("10.0.0.2", 80));
    bench.ingest(&packet(seconds(0), client, server, 6, tcp(SYN, 99, 0, b"")));
    bench.ingest(&packet(seconds(0), server, client, 6, tcp(SYN_ACK, 499, 100, b"")));
    let sends = |bench: &mut Bench, seq, octets: &[u8]| {
        bench.ingest(&packet(seconds(1), client, server, 6, tcp(ACK, seq, 500, octets)));
    };
    let acks = |bench: &mut Bench, ack| bench.ingest(&packet(seconds(1), server, client, 6, tcp(ACK, 500, ack, b"")));
    let counted = |bench: &Bench| (bench.table.counts().acks, bench.table.counts().acks_unseen);
    let before = counted(&bench).0;
    sends(&mut bench, 100, b"0123456789");
    acks(&mut bench, 110);
    acks(&mut bench, 110);
    assert_eq!(counted(&bench), (before + 1, 0), "seen, and said twice");
    // 110..120 is not captured, nor 130..140: the receiver has both.
    sends(&mut bench, 120, b"0123456789");
    acks(&mut bench, 110);
    assert_eq!(counted(&bench).1, 0, "a hole that nobody acknowledges may still come");
    acks(&mut bench, 130);
    acks(&mut bench, 140);
    assert_eq!(counted(&bench), (before + 3, 1), "one hole, told once as long as it is open");
    sends(&mut bench, 140, b"0123456789");
    acks(&mut bench, 150);
    bench.finish();
    assert_eq!(counted(&bench).1, 1);
    assert_eq!(bench.table.counts().acked_unseen_bytes, 20);
}
