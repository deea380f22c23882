//! What a packet costs until its flow can be looked up: ours, and etherparse's packet slices over the same frames.
//!
//! `cargo bench --bench decode`. Ours verifies IP and transport checksums as well, which etherparse does not.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

use std::hint::black_box;

use borderpost::model::{Frame, Limits, LinkType, Timestamp};
use borderpost::wire::Decoder;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etherparse::{LaxSlicedPacket, PacketBuilder, SlicedPacket};

/// Ethernet, IPv4, TCP with `payload` octets, from enough ports to not always take the same branches.
fn frames(payload: usize) -> Vec<Vec<u8>> {
    let octets: Vec<u8> = (0..payload).map(|at| (at * 7) as u8).collect();
    (0..1024_u16)
        .map(|at| {
            let mut frame = Vec::new();
            PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
                .ipv4([10, 0, (at >> 8) as u8, at as u8], [192, 0, 2, 1], 64)
                .tcp(1024 + at, 443, u32::from(at) * 1000, 65_535)
                .write(&mut frame, &octets)
                .unwrap_or_default();
            frame
        })
        .collect()
}

fn decode(criterion: &mut Criterion) {
    for payload in [0, 100, 1400] {
        let frames = frames(payload);
        let mut group = criterion.benchmark_group(format!("ethernet-ipv4-tcp-{payload}"));
        group.throughput(Throughput::Elements(frames.len() as u64));
        group.bench_function("wire", |bencher| {
            let mut decoder = Decoder::new(&Limits::default());
            bencher.iter(|| {
                for data in &frames {
                    let frame = Frame::whole(Timestamp::from_nanos(1), LinkType::ETHERNET, data);
                    decoder.decode(&frame, &mut |packet| {
                        black_box((packet.src, packet.dst, packet.src_port, packet.dst_port, packet.bytes));
                    });
                }
            });
        });
        group.bench_function("etherparse-sliced", |bencher| {
            bencher.iter(|| {
                for data in &frames {
                    let _ = black_box(SlicedPacket::from_ethernet(data));
                }
            });
        });
        group.bench_function("etherparse-lax-sliced", |bencher| {
            bencher.iter(|| {
                for data in &frames {
                    let _ = black_box(LaxSlicedPacket::from_ethernet(data));
                }
            });
        });
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
