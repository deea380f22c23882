//! Limits: each has a unit in its name, a consequence in its comment, and a counter that says how often it was reached.
//! At a limit we stop inspecting, never stop counting octets.

use std::time::Duration;

super::packet::names! {
    /// What happens to packets while the packet path cannot keep up. Known only live: a replay waits for nobody.
    PacketOverload {
        /// They are counted, by flow and destination, and their payload is left behind unread (`overload`).
        Count = "count",
        /// They are read, until the kernel's ring is full and it drops what comes.
        Drop = "drop",
    }
}

super::packet::names! {
    /// What happens to a packet of a new flow when the table is full of flows that are not over.
    FlowOverload {
        /// The least valuable flow ends early, and the new one is tracked.
        Evict = "evict",
        /// Those that are tracked stay; the packet is counted by destination, in no flow, unread (`flow-limit`).
        Count = "count",
    }
}

super::packet::names! {
    /// What happens to a half-stream when there is no more room to hold what came out of order.
    ReassemblyOverload {
        /// Its oldest hole is given up, and reading goes on behind it.
        Gap = "gap",
        /// The rest of it is not read (`reassembly-limit`).
        Skip = "skip",
    }
}

super::packet::names! {
    /// What happens to documents when more comes than may be scanned.
    ScanOverload {
        /// What comes is not read (`scan-limit`).
        Miss = "miss",
        /// Of each document the beginning is read all the same.
        Head = "head",
    }
}

/// What gives way when a limit is reached: chosen by the operator. Octets are counted by destination in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overload {
    /// See [`PacketOverload`].
    pub packets: PacketOverload,
    /// See [`FlowOverload`].
    pub flows: FlowOverload,
    /// See [`ReassemblyOverload`].
    pub reassembly: ReassemblyOverload,
    /// See [`ScanOverload`].
    pub scan: ScanOverload,
}

impl Default for Overload {
    fn default() -> Self {
        Self {
            packets: PacketOverload::Count,
            flows: FlowOverload::Evict,
            reassembly: ReassemblyOverload::Gap,
            scan: ScanOverload::Miss,
        }
    }
}

impl Overload {
    /// What is overloaded, and what then happens, in words.
    pub const fn consequences(&self) -> [(&'static str, &'static str); 4] {
        [
            ("packets", self.packets.as_str()),
            ("flows", self.flows.as_str()),
            ("reassembly", self.reassembly.as_str()),
            ("scan", self.scan.as_str()),
        ]
    }
}

/// All budgets of one engine. Defaults are for a host with a few hundred megabytes to spare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What gives way at a limit, where there is a choice.
    pub overload: Overload,
    /// Flows tracked at once. Past it the least valuable flow ends early (`flows_evicted`, reason `table-full`), unless
    /// [`Overload::flows`] says otherwise.
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
    /// Octets of documents scanned in a second of packet time, in each lane; what a pause left over may be used at once, up to ten
    /// seconds' worth. Past it [`Overload::scan`] says what happens.
    pub scan_bytes_per_second_max: usize,
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

/// What a tracked flow takes when masses of them come, each with a name, a request and a verdict of its own (docs/performance.md).
pub const FLOW_BYTES: usize = 2560;

impl Limits {
    /// Octets that are held when everything that has a limit is full.
    #[must_use]
    pub const fn memory_bytes(&self) -> usize {
        self.flows_max
            .saturating_mul(FLOW_BYTES)
            .saturating_add(self.held_bytes_max)
            .saturating_add(self.fragment_bytes_max)
            .saturating_add(self.document_bytes_max)
    }
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        Self {
            overload: Overload::default(),
            flows_max: 1_000_000,
            held_bytes_max: 128 * MIB,
            held_bytes_per_stream_max: MIB,
            fragment_bytes_max: 16 * MIB,
            fragment_trains_max: 4096,
            fragment_timeout: Duration::from_secs(60),
            document_bytes_max: 128 * MIB,
            scan_bytes_per_second_max: 1 << 30,
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
