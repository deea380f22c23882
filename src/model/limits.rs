//! Limits: each has a unit in its name, a consequence in its comment, and a counter that says how often it was reached.
//! At a limit we stop inspecting, never stop counting octets.

use std::time::Duration;

/// All budgets of one engine. Defaults are for a host with a few hundred megabytes to spare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Flows tracked at once. Past it the least valuable flow ends early (`flows_evicted`, reason `table-full`).
    pub flows_max: usize,
    /// Octets held for reassembly over all flows. Past it the hole in the stream being fed is given up: a gap, octets missed
    /// for `reassembly-limit` if they had to be dropped.
    pub held_bytes_max: usize,
    /// Octets held for one half-stream. Past it its oldest hole is given up.
    pub held_bytes_per_stream_max: usize,
    /// Octets of IP fragments held. Past it the oldest incomplete datagram is dropped and counted.
    pub fragment_bytes_max: usize,
    /// Incomplete datagrams held. Past it the oldest is dropped and counted.
    pub fragment_trains_max: usize,
    /// An incomplete datagram is dropped after this time (RFC 8200, section 4.5: 60 s).
    pub fragment_timeout: Duration,
    /// Octets of documents held for scanning over all flows. Past it new documents are not read (`scan-limit`).
    pub document_bytes_max: usize,
    /// Decoded octets per octet of input past which a decompression ends (`decode-limit`), once `decode_free_bytes` are out.
    pub decode_ratio_max: u64,
    /// Decoded octets per document that are free of the ratio.
    pub decode_free_bytes: u64,
    /// Decoded octets per document. Past it the rest is missed (`decode-limit`).
    pub decoded_bytes_max: u64,
    /// Codings and containers within each other. Past it the inside is missed (`decode-limit`).
    pub nesting_max: usize,
    /// Octets of an image that are held until it is whole. A longer one is not looked at (`images`) and missed (`decode-limit`);
    /// its text is read all the same.
    pub image_bytes_max: usize,
    /// Pixels of an image that is searched for barcodes; of a progressive JPEG a quarter. Past it as above.
    pub image_pixels_max: u64,
    /// Pixels searched for barcodes in a second of packet time, in each lane; one image may always take what a pause of the
    /// others left over, up to `image_pixels_max`. Past it as above.
    pub image_pixels_per_second_max: u64,
    /// Findings reported as events per flow. Past it they are counted only.
    pub findings_per_flow_max: u32,
    /// Names learnt from DNS that are remembered. Past it the oldest is forgotten.
    pub names_max: usize,
    /// A TCP flow without packets for this time has ended.
    pub tcp_idle_timeout: Duration,
    /// A TCP flow that was closed (FIN both ways, or RST) has ended after this time.
    pub tcp_closed_timeout: Duration,
    /// A flow without connection has ended after this time without packets.
    pub datagram_idle_timeout: Duration,
    /// A hole in a TCP stream is given up after this time without progress.
    pub hole_timeout: Duration,
    /// Headers around headers (VLAN tags, labels, tunnels) that are followed. Past it the packet is malformed.
    pub encapsulation_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        Self {
            flows_max: 1_000_000,
            held_bytes_max: 128 * MIB,
            held_bytes_per_stream_max: MIB,
            fragment_bytes_max: 16 * MIB,
            fragment_trains_max: 4096,
            fragment_timeout: Duration::from_secs(60),
            document_bytes_max: 128 * MIB,
            decode_ratio_max: 200,
            decode_free_bytes: MIB as u64,
            decoded_bytes_max: 256 * MIB as u64,
            nesting_max: 8,
            image_bytes_max: 8 * MIB,
            image_pixels_max: 24_000_000,
            image_pixels_per_second_max: 8_000_000,
            findings_per_flow_max: 10_000,
            names_max: 65_536,
            tcp_idle_timeout: Duration::from_secs(3600),
            tcp_closed_timeout: Duration::from_secs(30),
            datagram_idle_timeout: Duration::from_secs(180),
            hole_timeout: Duration::from_secs(30),
            encapsulation_max: 16,
        }
    }
}
