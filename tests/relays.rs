//! VPNs that cannot be read are said to be relays, at the place of their other end: real captures, with each end as the local one.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::path::Path;

use serde_json::Value;

/// Flow events of a replay with one local address.
fn flows(capture: &Path, local: &str) -> Vec<Value> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let events = dir.path().join("events").to_string_lossy().into_owned();
    let out = common::run(
        ["replay", "--quiet", "--home", "US", "--local", local, "--events", &events, &capture.to_string_lossy()]
            .map(str::to_owned),
    );
    assert!(out.status.success(), "{}", common::text(&out.stderr));
    let lines = std::fs::read_to_string(&events).expect("events");
    let parsed = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    parsed.filter(|event| event["event_type"] == "flow").collect()
}

#[test]
fn unreadable_tunnels_are_relays() {
    let Some(shared) = common::shared() else { return };
    // Capture, local end, protocol, place of the other end, flows.
    for (capture, local, app, location, count) in [
        ("tunnels/wireguard-ping-tcp-dsb.pcapng", "10.9.0.1/32", "wireguard", "local", 1),
        ("tunnels/wireguard-ping-tcp-dsb.pcapng", "10.9.0.2/32", "wireguard", "local", 1),
        ("tunnels/ipsec_isakmp_esp.pcap", "192.168.2.100/32", "ipsec", "DE", 76),
        ("fragments/ah-esp.pcap", "10.0.0.1/32", "ipsec", "local", 1),
    ] {
        let flows = flows(&shared.join("captures").join(capture), local);
        let relays = flows.iter().filter(|flow| {
            flow["app_proto"] == app
                && flow["inspection"]["status"] == "relay"
                && flow["destination"]["location"] == location
        });
        assert_eq!(relays.count(), count, "{capture} from {local}: {flows:#?}");
    }
}
