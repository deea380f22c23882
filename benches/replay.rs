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
use borderpost::flow::{DropReason, EndReason, FlowRecord, FlowTable, GapCause, Handler, Interest};
use borderpost::geo::{GeoSettings, Locator, Override};
use borderpost::model::{DataClass, Direction, Frame, Limits, LinkType, Packet, Timestamp};
use borderpost::policy::PolicySet;
use borderpost::scan::Catalogue;
use borderpost::wire::Decoder;
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
            i % 1_000_000,
            i % 900,
            i % 100,
            i % 10_000_000,
            i % 60,
            i % 60
        );
    }
    body += "{}]}";
    body.into_bytes()
}

/// A JSON document that is one finding after the other.
fn users(len: usize, seed: u32) -> Vec<u8> {
    let mut body = String::from("[");
    let mut i = seed;
    while body.len() < len {
        i = i.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        body += &format!(
            "{{\"user_id\":72345678901{:08},\"email\":\"u{i}@mail.example.org\",\"phone\":\"+1202555{:04}\",\"ip\":\"198.51.100.{}\"}},",
            i % 100_000_000,
            i % 10_000,
            i % 250
        );
    }
    body += "{}]";
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
                net::dns(
                    &mut recorder,
                    at(&host, 20_000 + j),
                    resolver,
                    i * 20 + j,
                    &format!("h{i}-{j}.example.com"),
                    server.ip(),
                );
            }
        }
        if kind == "json" || kind == "mixed" || kind == "users" {
            let body = if kind == "users" { users(64 << 10, i.into()) } else { json(64 << 10, i.into()) };
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
    feed(&mut engine, recorder);
    engine.finish(&mut |_| ()).counts.frames.ip
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_ascii_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

/// What an open flow costs when it has shown its TLS hellos and nobody reads on: 200,000 of them, printed per flow.
fn memory_of_open_flows(rules: &Arc<Rules>) {
    const FLOWS: u32 = 200_000;
    let limits = Limits { flows_max: 2_000_000, ..Limits::default() };
    let mut engine = Engine::new(rules.clone(), &limits, EngineOptions { threads: 1, flow_events: false });
    let before = resident_kib();
    for i in 0..FLOWS {
        let client = SocketAddr::new([10, 21, (i >> 16) as u8, (i >> 8) as u8].into(), 20_000 + (i & 0xff) as u16);
        let mut recorder = net::Recorder::starting_at(1_772_460_000);
        let mut connection = recorder.connect(client, at("101.126.22.5", 443), 20);
        connection.segment(&mut recorder, 0, &tls::client_hello("api.example.com", i.into()), "PA");
        connection.segment(&mut recorder, 1, &tls::server_hello(i.into()), "PA");
        connection.segment(&mut recorder, 0, &tls::application_data(100, i.into()), "PA");
        feed(&mut engine, &recorder);
    }
    let per_flow = (resident_kib() - before) * 1024 / u64::from(FLOWS);
    eprintln!("an open flow after its TLS hellos: {per_flow} octets");
    drop(engine);
}

fn feed(engine: &mut Engine, recorder: &net::Recorder) {
    for (time, data) in recorder.frames() {
        engine.feed(&frame(time, data), &mut |_| ());
    }
}

fn frame(time: u64, data: &[u8]) -> Frame<'_> {
    Frame::whole(Timestamp::from_nanos(time), LinkType::ETHERNET, data)
}

/// Follows flows and wants nothing of them.
struct Nothing;

impl Handler for Nothing {
    type State = ();

    fn open(&mut self, _: &FlowRecord) {}
    fn packet(&mut self, _: &FlowRecord, (): &mut (), _: Direction, _: &Packet<'_>) {}
    fn octets(&mut self, _: &FlowRecord, (): &mut (), _: Direction, _: u64, _: &[u8]) -> Interest {
        Interest::Skip
    }
    fn gap(&mut self, _: &FlowRecord, (): &mut (), _: Direction, _: u64, _: u64, _: GapCause) -> Interest {
        Interest::Skip
    }
    fn dropped(&mut self, _: &FlowRecord, (): &mut (), _: Direction, _: u64, _: DropReason) {}
    fn datagram(&mut self, _: &FlowRecord, (): &mut (), _: Direction, _: &[u8], _: u32) {}
    fn end(&mut self, _: &FlowRecord, (): &mut (), _: Direction) {}
    fn close(&mut self, _: &FlowRecord, (): (), _: EndReason) {}
}

/// What a sealed flow costs beside the least that any flow costs: the same packets, decoded and put into a flow table.
fn sealed(c: &mut Criterion) {
    let rules = rules();
    let recorder = workload("tls");
    let mut group = c.benchmark_group("sealed");
    group.throughput(Throughput::Bytes(recorder.frames().map(|(_, data)| data.len() as u64).sum()));
    group.bench_function("engine", |b| b.iter(|| black_box(run(&rules, &recorder, 1))));
    group.bench_function("packets and flow table only", |b| {
        b.iter(|| {
            let limits = Limits::default();
            let (mut decoder, mut table) = (Decoder::new(&limits), FlowTable::<Nothing>::new(&limits));
            let mut number = 0;
            for (time, data) in recorder.frames() {
                decoder.decode(&frame(time, data), &mut |packet| {
                    table.ingest(number, &packet, &mut Nothing);
                    number += 1;
                });
            }
            table.finish(&mut Nothing);
            black_box(table.counts().skipped_bytes)
        });
    });
    group.finish();
}

fn rules() -> Arc<Rules> {
    Arc::new(Rules {
        catalogue: Arc::new(Catalogue::built_in().map_err(|p| format!("{p:?}")).unwrap()),
        locator: Arc::new(Locator::load(&GeoSettings::default()).map_err(|p| format!("{p:?}")).unwrap()),
        policy: Arc::new(PolicySet::built_in_default("US".parse().unwrap())),
        watch: Arc::default(),
        digest_key: [7; 32],
    })
}

fn replay(c: &mut Criterion) {
    let rules = rules();
    memory_of_open_flows(&rules);
    let mut group = c.benchmark_group("replay");
    for kind in ["json", "tls", "dns", "mixed"] {
        let recorder = workload(kind);
        let (frames, octets) =
            recorder.frames().fold((0u64, 0u64), |(n, sum), (_, data)| (n + 1, sum + data.len() as u64));
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

/// A policy of so many rules that all say the same of what the workloads send.
fn policy(rules: usize) -> PolicySet {
    const COUNTRIES: [&str; 12] = ["AT", "BR", "CA", "CN", "DE", "EG", "FR", "IN", "JP", "KE", "MX", "SG"];
    let mut text = String::from("[policy]\nid = \"bench\"\nversion = \"1\"\n");
    for n in 0..rules {
        let class = DataClass::ALL[n % DataClass::ALL.len()];
        // The first rule about each class is about where the workloads send to.
        let one = if n < DataClass::ALL.len() { "CN" } else { COUNTRIES[n % 11] };
        let other = COUNTRIES[n * 5 % 12];
        text += &format!(
            "[[rule]]\nid = \"r{n}\"\nclasses = [\"{class}\"]\nto = [\"{one}\", \"{other}\"]\ndecision = \"deny\"\nreason = \"rule {n}\"\n"
        );
    }
    PolicySet::load(&[("bench.toml".to_owned(), text)], "US".parse().ok()).map_err(|p| format!("{p:?}")).unwrap()
}

/// What many rules and overrides cost: the same captures under a rule for each class, and under 1,000 with 50,000 overrides.
fn many_rules(c: &mut Criterion) {
    let overrides = (0..50_000u32).map(|i| Override {
        prefix: ipnet::IpNet::new(std::net::Ipv4Addr::from_bits(0x0b00_0000 + (i << 8)).into(), 24).unwrap(),
        location: "SG".parse().ok(),
        control: None,
        label: String::new(),
    });
    let settings = GeoSettings { overrides: overrides.collect(), ..GeoSettings::default() };
    let locator = Locator::load(&settings).map_err(|p| format!("{p:?}")).unwrap();
    let few = Arc::new(Rules { policy: Arc::new(policy(DataClass::ALL.len())), ..as_owned(&rules()) });
    let many = Arc::new(Rules { policy: Arc::new(policy(1000)), locator: Arc::new(locator), ..as_owned(&rules()) });
    let mut group = c.benchmark_group("rules");
    for kind in ["json", "users", "tls"] {
        let recorder = workload(kind);
        group.throughput(Throughput::Bytes(recorder.frames().map(|(_, data)| data.len() as u64).sum()));
        for (name, rules) in [("one a class", &few), ("1000, and 50,000 overrides", &many)] {
            group.bench_function(BenchmarkId::new(kind, name), |b| b.iter(|| black_box(run(rules, &recorder, 1))));
        }
    }
    group.finish();
}

fn as_owned(rules: &Rules) -> Rules {
    Rules {
        catalogue: rules.catalogue.clone(),
        watch: rules.watch.clone(),
        locator: rules.locator.clone(),
        policy: rules.policy.clone(),
        digest_key: rules.digest_key,
    }
}

criterion_group!(benches, replay, sealed, many_rules);
criterion_main!(benches);
