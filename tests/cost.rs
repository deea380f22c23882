//! What inspection costs where there is nothing to read: after its handshake a TLS flow is counted, and that is all. Shown by the
//! engine's own counters; benches/replay.rs has the time.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;
#[path = "generator/mod.rs"]
mod generator;

use std::net::SocketAddr;

use borderpost::engine::{Engine, EngineOptions};
use borderpost::geo::GeoSettings;
use borderpost::model::{Counts, Limits};
use generator::{net::Recorder, tls};

fn at(addr: &str, port: u16) -> SocketAddr {
    SocketAddr::new(addr.parse().expect("an address"), port)
}

fn replay(recorder: &Recorder) -> Counts {
    let rules = common::rules(&GeoSettings::default());
    let mut engine = Engine::new(rules, &Limits::default(), EngineOptions { threads: 1, flow_events: false });
    for (time, data) in recorder.frames() {
        engine.feed(&common::frame(time, data), &mut |_| ());
    }
    engine.finish(&mut |_| ()).counts
}

#[test]
fn a_sealed_flow_is_not_looked_at_after_its_handshake() {
    const RECORDS: u64 = 64;
    let mut recorder = Recorder::starting_at(1_772_460_000);
    let mut connection = recorder.connect(at("10.20.0.9", 31_000), at("101.126.22.5", 443), 20);
    let client_hello = tls::client_hello("api.example.com", 1);
    let server_hello = tls::server_hello(1);
    connection.send(&mut recorder, 0, &client_hello);
    connection.send(&mut recorder, 1, &server_hello);
    let mut sealed = 0;
    for round in 0..RECORDS {
        for end in [0, 1] {
            let records = tls::application_data(16_000, round * 2 + end as u64);
            sealed += records.len() as u64;
            connection.send(&mut recorder, end, &records);
        }
    }
    connection.close(&mut recorder);
    let counts = replay(&recorder);
    let hellos = (client_hello.len() + server_hello.len()) as u64;
    // Each half-stream is let go with the segment in which its first sealed record begins.
    let delivered = counts.tcp_delivered_bytes;
    assert!((hellos..=hellos + 2 * 1448).contains(&delivered), "{delivered} octets of {sealed} were looked at");
    assert_eq!(counts.tcp_skipped_bytes + delivered, hellos + sealed);
    assert_eq!(counts.scanned_bytes, 0);
}

#[test]
fn what_can_be_read_is_scanned() {
    let mut recorder = Recorder::starting_at(1_772_460_000);
    let mut connection = recorder.connect(at("10.20.0.9", 31_000), at("101.126.22.5", 80), 20);
    let body = "{\"note\":\"left at the door\"}".repeat(1000);
    let head = format!("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: {}\r\n\r\n", body.len());
    connection.send(&mut recorder, 0, &[head.as_bytes(), body.as_bytes()].concat());
    connection.close(&mut recorder);
    let counts = replay(&recorder);
    assert_eq!(counts.tcp_delivered_bytes, (head.len() + body.len()) as u64);
    assert_eq!((counts.tcp_skipped_bytes, counts.scanned_bytes >= body.len() as u64), (0, true));
}
