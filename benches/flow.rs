//! The flow table under load: a million short flows; reassembly in order, and shuffled within a window.
//!
//! `cargo bench --bench flow`. Throughput is packets for the flows and payload octets for the streams. Printed once: memory per
//! flow with a million of them open.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use borderpost::flow::{DropReason, EndReason, FlowRecord, FlowTable, GapCause, Handler, Interest};
use borderpost::model::{
    Datagram, Direction, Limits, Origin, Packet, Segment, TcpFlags, TcpSegment, Timestamp, ip_proto,
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// A handler with a state like the engine's: a word and a box.
#[derive(Default)]
struct Count {
    octets: u64,
}

impl Handler for Count {
    type State = (u64, Option<Box<u64>>);

    fn open(&mut self, flow: &FlowRecord) -> Self::State {
        (flow.flow_id, None)
    }
    fn packet(&mut self, _: &FlowRecord, state: &mut Self::State, _: Direction, packet: &Packet<'_>) {
        state.0 += packet.bytes;
    }
    fn octets(&mut self, _: &FlowRecord, _: &mut Self::State, _: Direction, _: u64, octets: &[u8]) -> Interest {
        self.octets += octets.len() as u64;
        Interest::Read
    }
    fn gap(&mut self, _: &FlowRecord, _: &mut Self::State, _: Direction, _: u64, _: u64, _: GapCause) -> Interest {
        Interest::Read
    }
    fn dropped(&mut self, _: &FlowRecord, _: &mut Self::State, _: Direction, _: u64, _: DropReason) {}
    fn datagram(&mut self, _: &FlowRecord, _: &mut Self::State, _: Direction, payload: &[u8], _: u32) {
        self.octets += payload.len() as u64;
    }
    fn end(&mut self, _: &FlowRecord, _: &mut Self::State, _: Direction) {}
    fn close(&mut self, _: &FlowRecord, _: Self::State, _: EndReason) {}
}

fn packet(nanos: u64, client: u32, forward: bool, proto: u8, segment: Segment<'_>) -> Packet<'_> {
    let a = (IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | client & 0xf_ffff)), 1024 + (client >> 20) as u16);
    let b = (IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), 443);
    let ((src, src_port), (dst, dst_port)) = if forward { (a, b) } else { (b, a) };
    let time = Timestamp::from_nanos(1_700_000_000_000_000_000 + nanos);
    Packet {
        time,
        first_time: time,
        origin: Origin::default(),
        src,
        dst,
        proto,
        src_port,
        dst_port,
        vlan: 0,
        tunnel: None,
        packets: 1,
        bytes: 1500,
        segment,
    }
}

fn tcp(seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Segment<'_> {
    Segment::Tcp(TcpSegment { seq, ack, flags: TcpFlags(flags), payload, payload_len: payload.len() as u32 })
}

const FLOWS: u32 = 1_000_000;

/// Resident memory of this process, octets; 0 where /proc does not tell.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

fn memory() {
    let before = resident_bytes();
    let (mut table, mut count) = (FlowTable::<Count>::new(&Limits::default()), Count::default());
    for n in 0..FLOWS {
        let time = u64::from(n) * 2;
        table.ingest(time, &packet(time, n, true, ip_proto::TCP, tcp(99, 0, 2, b"")), &mut count);
        table.ingest(time + 1, &packet(time + 1, n, false, ip_proto::TCP, tcp(499, 100, 18, b"")), &mut count);
    }
    eprintln!(
        "{} TCP flows open: {} MB resident, {} MB by memory_bytes, slot and TCP block {:?} octets",
        table.len(),
        (resident_bytes() - before) / 1_000_000,
        table.memory_bytes() / 1_000_000,
        FlowTable::<Count>::FLOW_BYTES,
    );
}

fn short_flows(criterion: &mut Criterion) {
    memory();
    let mut group = criterion.benchmark_group("flows");
    group.sample_size(10);
    // SYN, SYN-ACK, two segments, FIN both ways: interleaved, so that flows are open at once.
    group.throughput(Throughput::Elements(u64::from(FLOWS) * 6));
    group.bench_function("a million short TCP flows", |bencher| {
        bencher.iter_batched(
            || (FlowTable::<Count>::new(&Limits::default()), Count::default()),
            |(mut table, mut count)| {
                let mut number = 0;
                for batch in 0..FLOWS / 1000 {
                    for step in 0..6 {
                        for n in batch * 1000..(batch + 1) * 1000 {
                            let (forward, segment) = match step {
                                0 => (true, tcp(99, 0, 2, b"")),
                                1 => (false, tcp(499, 100, 18, b"")),
                                2 => (true, tcp(100, 500, 24, &[7; 300])),
                                3 => (false, tcp(500, 400, 24, &[7; 1200])),
                                4 => (true, tcp(400, 1700, 17, b"")),
                                _ => (false, tcp(1700, 401, 17, b"")),
                            };
                            // 20 microseconds apart: flows leave after 30 s, half of them while others come.
                            table.ingest(
                                number,
                                &packet(number * 10_000, n, forward, ip_proto::TCP, segment),
                                &mut count,
                            );
                            number += 1;
                        }
                    }
                }
                table.finish(&mut count);
                black_box(count.octets)
            },
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(u64::from(FLOWS)));
    group.bench_function("a million UDP flows of one packet", |bencher| {
        bencher.iter_batched(
            || (FlowTable::<Count>::new(&Limits::default()), Count::default()),
            |(mut table, mut count)| {
                for n in 0..FLOWS {
                    let segment = Segment::Udp(Datagram { payload: &[7; 64], payload_len: 64 });
                    table.ingest(
                        u64::from(n),
                        &packet(u64::from(n) * 1000, n, true, ip_proto::UDP, segment),
                        &mut count,
                    );
                }
                table.finish(&mut count);
                black_box(count.octets)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

const SEGMENTS: u32 = 20_000;
const SEGMENT: usize = 1448;

/// The order of segments: shuffled within a window by a small generator, always the same.
fn order(window: u32) -> Vec<u32> {
    let mut all: Vec<u32> = (0..SEGMENTS).collect();
    let mut random = 1u64;
    for at in 0..all.len() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = (at + (random >> 33) as usize % window as usize).min(all.len() - 1);
        all.swap(at, other);
    }
    all
}

fn reassembly(criterion: &mut Criterion) {
    let payload = vec![7u8; SEGMENT];
    let mut group = criterion.benchmark_group("reassembly");
    group.throughput(Throughput::Bytes(u64::from(SEGMENTS) * SEGMENT as u64));
    for (name, window) in [("in order", 1), ("shuffled within 8", 8), ("shuffled within 64", 64)] {
        let order = order(window);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || (FlowTable::<Count>::new(&Limits::default()), Count::default()),
                |(mut table, mut count)| {
                    table.ingest(0, &packet(0, 1, true, ip_proto::TCP, tcp(99, 0, 2, b"")), &mut count);
                    for (number, at) in (1..).zip(&order) {
                        let segment = tcp(100 + at * SEGMENT as u32, 1, 16, &payload);
                        table.ingest(number, &packet(number * 1000, 1, true, ip_proto::TCP, segment), &mut count);
                    }
                    table.finish(&mut count);
                    assert_eq!(count.octets, u64::from(SEGMENTS) * SEGMENT as u64);
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, short_flows, reassembly);
criterion_main!(benches);
