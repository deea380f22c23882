//! Makes the project's own captures: the same octets on every machine. Every value in them is synthetic, from ranges reserved for
//! tests where there are such (signatures of shape and checksum are real, persons are not).
//!
//! `cargo run --example make-captures` writes them; tests/captures.rs fails when what is committed differs.

#![allow(dead_code, unreachable_pub)] // Each test binary uses its part.

pub mod barcode;
pub mod demo;
pub mod incidents;
pub mod jpeg;
pub mod net;
pub mod small;
pub mod tls;

/// A capture by file name and content.
pub struct Made {
    pub name: &'static str,
    pub octets: Vec<u8>,
}

/// The captures of the cases in tests/cases, by path below that folder.
pub fn cases() -> Vec<Made> {
    incidents::captures()
}

/// All committed captures.
pub fn all() -> Vec<Made> {
    vec![Made { name: "demo.pcap", octets: demo::capture() }, Made { name: "small.pcapng", octets: small::capture() }]
}
