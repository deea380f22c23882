//! The whole engine on a fixed capture held in memory: JSON posted abroad, TLS, DNS look-ups; with one worker thread and two.
//!
//! `cargo bench --bench replay`. Throughput is octets of frames. Printed once: packets, octets and peak memory.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

#[path = "../tests/generator/mod.rs"]
mod generator;

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;

use borderpost::engine::{Engine, EngineOptions, Rules};
use borderpost::geo::{GeoSettings, Locator};
use borderpost::model::{Frame, Limits, LinkType, Origin, Timestamp};
use borderpost::policy::PolicySet;
use borderpost::scan::Catalogue;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use generator::{net, tls};

fn at(addr: &str, port: u16) -> SocketAddr {
    SocketAddr::new(addr.parse().unwrap(), port)
}

/// A JSON document without user data, rich in digits.
fn json(len: usize, seed: u32) -> Vec<u8> {
    let mut body = String::from("{\"items\":[");
    let mut i = seed;
    while body.len() < len {
        i = i.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        body += &format!(
            "{{\"order\":{},\"price\":{}.{:02},\"sku\":\"A{:07}\",\"at\":\"2026-03-02T14:{:02}:{:02}Z\",\"note\":\"left at the door\"}},",
            i % 1_000_000, i % 900, i % 100, i % 10_000_000, i % 60, i % 60
        );
    }
    body += "{}]}";
    body.into_bytes()
}

fn workload(kind: &str) -> net::Recorder {
    let mut recorder = net::Recorder::starting_at(1_772_460_000);
    let resolver = at("10.20.0.53", 53);
    for i in 0..100u16 {
        let host = format!("10.20.{}.{}", i / 50, i % 50 + 10);
        let server = at("101.126.22.5", 80);
        if kind == "dns" || kind == "mixed" {
            for j in 0..20 {
                net::dns(&mut recorder, at(&host, 20_000 + j), resolver, i * 20 + j, &format!("h{i}-{j}.example.com"), server.ip());
            }
        }
        if kind == "json" || kind == "mixed" {
            let body = json(64 << 10, u32::from(i));
            let head = format!(
                "POST /api HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let mut connection = recorder.connect(at(&host, 30_000), server, 20);
            connection.send(&mut recorder, 0, &[head.as_bytes(), &body].concat());
            connection.send(&mut recorder, 1, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            connection.close(&mut recorder);
        }
        if kind == "tls" || kind == "mixed" {
            let mut connection = recorder.connect(at(&host, 31_000), at("101.126.22.5", 443), 20);
            connection.send(&mut recorder, 0, &tls::client_hello("api.example.com", i.into()));
            connection.send(&mut recorder, 1, &tls::server_hello(i.into()));
            for round in 0..4 {
                connection.send(&mut recorder, 0, &tls::application_data(16_000, (u64::from(i) << 8) + round));
            }
            connection.close(&mut recorder);
        }
    }
    recorder
}

fn run(rules: &Arc<Rules>, recorder: &net::Recorder, threads: usize) -> u64 {
    let mut engine = Engine::new(rules.clone(), &Limits::default(), EngineOptions { threads, flow_events: false });
    let mut events = 0;
    for (time, data) in recorder.frames() {
        let frame = Frame {
            time: Timestamp::from_nanos(time),
            link: LinkType::ETHERNET,
            origin: Origin::default(),
            data,
            wire_len: data.len() as u32,
        };
        engine.feed(&frame, &mut |_| events += 1);
    }
    let outcome = engine.finish(&mut |_| events += 1);
    outcome.counts.frames.ip + events
}

fn replay(c: &mut Criterion) {
    let rules = Arc::new(Rules {
        catalogue: Arc::new(Catalogue::built_in().map_err(|p| format!("{p:?}")).unwrap()),
        locator: Arc::new(Locator::load(&GeoSettings::default()).map_err(|p| format!("{p:?}")).unwrap()),
        policy: Arc::new(PolicySet::built_in_default("US".parse().unwrap())),
        digest_key: [7; 32],
    });
    let mut group = c.benchmark_group("replay");
    for kind in ["json", "tls", "dns", "mixed"] {
        let recorder = workload(kind);
        let (frames, octets) = recorder.frames().fold((0u64, 0u64), |(n, sum), (_, data)| (n + 1, sum + data.len() as u64));
        eprintln!("{kind}: {frames} frames, {octets} octets");
        group.throughput(Throughput::Bytes(octets));
        for threads in [1, 2] {
            group.bench_function(BenchmarkId::new(kind, format!("{threads} threads")), |b| {
                b.iter(|| black_box(run(&rules, &recorder, threads)));
            });
        }
    }
    group.finish();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_owned();
    eprintln!("peak memory of this process: {peak}");
}

criterion_group!(benches, replay);
criterion_main!(benches);
