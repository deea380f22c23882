//! The engine introduces the inner rooms to each other: a frame goes in, events and counts come out. The same engine serves
//! replay and live capture.
//!
//! ```text
//!            ┌ lane 0: flow ▸ proto ▸ content ▸ scan ▸ geo ▸ policy ┐
//! wire ──────┤ lane 1: ...                                          ├──▸ events in order of packets
//! (1 thread) └ lane 7: ...                                          ┘
//! ```
//!
//! **Lanes.** Packets are spread over a fixed number of lanes by a symmetric hash of their flow. Each lane has its own flow
//! table, memory of names and share of every budget; worker threads run lanes. Because the number of lanes does not depend on the
//! number of threads, neither does anything a lane decides: replays with one thread and with ten print the same octets.
//!
//! **Batches.** The reader decodes frames into batches of a fixed number of frames. After a batch, every lane's clock is advanced to
//! the batch's latest time, and the events of all lanes are put in the order of the packets that caused them.
//!
//! **Keys.** Session keys travel with the batch in which they were met, and hold for all of it: lanes have them from the same
//! packet on, whatever the number of threads.
//!
//! **Thresholds.** Lanes do not know how many persons went somewhere: they say what crossed, and where their events come together
//! in the order of packets it is counted ([`Tallies`]).
//!
//! **Names.** Which name a flow's server has may only be known from a DNS answer in another lane. Packets from or to the DNS ports are
//! therefore shown to all lanes; those that do not own the flow only learn names.

mod allocator;
mod batch;
mod document;
mod facts;
mod judge;
mod lane;
mod ledger;
mod live;
mod names;
mod persons;
mod pixels;
mod question;
mod scan_budget;
mod sending;
mod sums;
mod tally;
mod workers;

use std::net::IpAddr;
use std::sync::Arc;

use crate::geo::Locator;
use crate::model::{Counts, Event, EventBody, Frame, KeyLog, Limits, Packet, Segment, Timestamp, ip_proto};
use crate::policy::PolicySet;
use crate::scan::{Catalogue, WatchSet};
use crate::wire::Decoder;

pub use sums::{FINDINGS as FINDINGS_LIMIT, limit_names};
pub use tally::{Kept, Tallies, TallyError};

use batch::{Batch, Task};
use workers::{Orders, Workers};

/// Lanes packets are spread over. A constant, so that results do not depend on the number of threads.
pub const LANES: usize = 8;

/// Frames in a batch.
const BATCH_FRAMES: u64 = 4096;

/// Everything that decides, immutable and shared by all lanes. A reload swaps the whole of it.
pub struct Rules {
    /// Signatures.
    pub catalogue: Arc<Catalogue>,
    /// Lists of records to find by exact match, loaded with the same catalogue.
    pub watch: Arc<WatchSet>,
    /// Jurisdictions.
    pub locator: Arc<Locator>,
    /// Policies.
    pub policy: Arc<PolicySet>,
    /// Key of the digests in findings.
    pub digest_key: [u8; 32],
}

/// What the engine is asked to do beyond counting.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// Worker threads; 1 works in the calling thread.
    pub threads: usize,
    /// Whether to emit an event for every flow that ends.
    pub flow_events: bool,
}

/// Frames in, events and counts out.
pub struct Engine {
    decoder: Decoder,
    workers: Workers,
    pending: Vec<Batch>,
    frames_pending: u64,
    packets: u64,
    now: Timestamp,
    saw_local: bool,
    rules: Arc<Rules>,
    /// Session keys that the lanes have, and those that they get with the next batch.
    keys: Arc<KeyLog>,
    keys_new: KeyLog,
    /// Rules that the lanes do not know yet.
    adopting: Option<Arc<Rules>>,
    tallies: Tallies,
    /// Whether it was said that databases are stale.
    stale_told: bool,
    /// Whether payload is left behind, and of how many packets it was.
    shedding: bool,
    shed: u64,
}

impl Engine {
    /// An engine with its lanes, and threads if more than one is asked for.
    pub fn new(rules: Arc<Rules>, limits: &Limits, options: EngineOptions) -> Self {
        allocator::part_large_blocks();
        let workers = Workers::start(&rules, limits, options);
        Self {
            decoder: Decoder::new(limits),
            pending: workers.empty_batches(),
            workers,
            frames_pending: 0,
            packets: 0,
            now: Timestamp::default(),
            saw_local: false,
            rules,
            keys: Arc::default(),
            keys_new: KeyLog::default(),
            adopting: None,
            tallies: Tallies::default(),
            stale_told: false,
            shedding: false,
            shed: 0,
        }
    }

    /// Begins or ends to leave payload behind: packets are counted, by flow and destination, and not read. For live capture, while
    /// frames come faster than they can be read. The first octets of TLS, and DNS, are read all the same: they tell where to.
    pub const fn shed(&mut self, on: bool) {
        self.shedding = on;
    }

    /// Goes on with what an earlier run counted for thresholds; otherwise nobody was counted before.
    #[must_use]
    pub fn with_tallies(mut self, tallies: Tallies) -> Self {
        self.tallies = tallies;
        self
    }

    /// Goes on with what an engine before this one counted for thresholds. Its other counts stay with its outcome.
    pub fn go_on_with(&mut self, tallies: Tallies) {
        self.tallies = tallies.without_counts();
    }

    /// What is counted for thresholds, up to the events that came out.
    pub const fn tallies(&self) -> &Tallies {
        &self.tallies
    }

    /// Adds keys of sessions to decrypt: those that the operator has, at the start, and those met in a capture, as they are
    /// met. They hold for sessions whose ClientHello comes in the same batch of frames or later, for any number of threads.
    pub fn add_keys(&mut self, keys: KeyLog) {
        self.keys_new.extend(keys);
    }

    /// Takes one frame. Events of earlier frames may come out.
    pub fn feed(&mut self, frame: &Frame<'_>, out: &mut dyn FnMut(Event)) {
        self.now = self.now.max(frame.time);
        let Self { decoder, pending, packets, saw_local, rules, shedding, shed, .. } = self;
        decoder.decode(frame, &mut |packet| {
            let leave = *shedding && may_be_left(&packet);
            *shed += u64::from(leave);
            spread(pending, packets, saw_local, rules, &packet, if leave { Task::Count } else { Task::Own });
        });
        self.frames_pending += 1;
        if self.frames_pending == BATCH_FRAMES {
            self.turn(false, out);
        }
    }

    /// Hands what was fed over to the lanes, whether a batch is full or not: for live capture, where full batches of large frames
    /// would hold up the reader for too long.
    pub fn hand_over(&mut self, out: &mut dyn FnMut(Event)) {
        self.turn(false, out);
    }

    /// Moves time on to `now` while no frames come, and emits the events of all frames so far. For live capture; `now` must
    /// not be later than frames that are still to come.
    pub fn advance(&mut self, now: Timestamp, out: &mut dyn FnMut(Event)) {
        self.now = self.now.max(now);
        self.turn(false, out);
        let Self { workers, tallies, .. } = self;
        workers.drain(&mut |event| tallies.pass(event, out));
    }

    /// Goes on under other rules: for every frame fed from now on. Flows that are open keep their scope.
    pub fn adopt(&mut self, rules: Arc<Rules>, out: &mut dyn FnMut(Event)) {
        self.turn(false, out);
        self.rules = rules.clone();
        self.stale_told = false;
        self.adopting = Some(rules);
    }

    /// What the run came to so far, open flows included. Sums never shrink from one snapshot to the next: what is counted of
    /// an open flow stays where it was counted. Flows younger than a second, and those without payload, are counted later.
    pub fn snapshot(&mut self, out: &mut dyn FnMut(Event)) -> Snapshot {
        self.turn(true, out);
        let Self { workers, tallies, .. } = self;
        let (mut counts, mut holdings) = workers.drain(&mut |event| tallies.pass(event, out));
        sums::add_wire(&mut counts, self.decoder.counts());
        sums::add_shed(&mut counts, self.shed);
        counts.merge(tallies.counts());
        holdings.fragment_bytes = self.decoder.held_bytes();
        Snapshot { counts, holdings, saw_local: self.saw_local }
    }

    /// Whether all workers are alive. A replay need not ask: its end passes a panic on.
    pub fn is_sound(&self) -> bool {
        self.workers.are_alive()
    }

    /// Ends all flows and returns the counts of the run.
    pub fn finish(mut self, out: &mut dyn FnMut(Event)) -> Outcome {
        let Self { decoder, pending, packets, saw_local, rules, .. } = &mut self;
        decoder.finish(&mut |packet| spread(pending, packets, saw_local, rules, &packet, Task::Own));
        self.turn(false, out);
        let Self { workers, mut tallies, .. } = self;
        let mut counts = workers.finish(&mut |event| tallies.pass(event, out));
        sums::add_wire(&mut counts, self.decoder.counts());
        sums::add_shed(&mut counts, self.shed);
        counts.merge(tallies.counts());
        Outcome { counts, saw_local: self.saw_local, tallies }
    }

    fn turn(&mut self, settle: bool, out: &mut dyn FnMut(Event)) {
        self.frames_pending = 0;
        if !self.stale_told && self.rules.locator.stale_from().is_some_and(|from| self.now >= from) {
            self.stale_told = true;
            for text in self.rules.locator.stale(self.now) {
                out(Event { time: self.now, flow: None, body: EventBody::Notice(text) });
            }
        }
        if !self.keys_new.is_empty() {
            let mut keys = KeyLog::clone(&self.keys);
            keys.extend(std::mem::take(&mut self.keys_new));
            self.keys = Arc::new(keys);
            for batch in &mut self.pending {
                batch.keys = Some(self.keys.clone());
            }
        }
        let orders = Orders { now: self.now, rules: self.adopting.take(), settle };
        let Self { workers, pending, tallies, .. } = self;
        workers.submit(pending, &orders, &mut |event| tallies.pass(event, out));
    }
}

/// What a run came to so far.
pub struct Snapshot {
    /// All counts.
    pub counts: Counts,
    /// What is held.
    pub holdings: Holdings,
    /// Whether any packet had a local end.
    pub saw_local: bool,
}

/// What an engine holds at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Open flows.
    pub flows: usize,
    /// Octets held for reassembly.
    pub reassembly_bytes: usize,
    /// Octets held by documents.
    pub document_bytes: usize,
    /// Octets of IP fragments held.
    pub fragment_bytes: usize,
}

impl Holdings {
    fn add(&mut self, other: &Self) {
        self.flows += other.flows;
        self.reassembly_bytes += other.reassembly_bytes;
        self.document_bytes += other.document_bytes;
        self.fragment_bytes += other.fragment_bytes;
    }
}

/// What a run came to.
pub struct Outcome {
    /// All counts.
    pub counts: Counts,
    /// Whether any packet had a local end: if none had, nothing could count as egress.
    pub saw_local: bool,
    /// What was counted for thresholds: the next run may go on with it.
    pub tallies: Tallies,
}

/// Whether a packet's payload may be left behind: it has some, and it does not tell where a flow goes to.
fn may_be_left(packet: &Packet<'_>) -> bool {
    /// Content type of a TLS handshake and the major version (RFC 8446, section 5.1).
    const TLS_HANDSHAKE: [u8; 2] = [22, 3];
    let payload = match &packet.segment {
        Segment::Tcp(tcp) => tcp.payload,
        Segment::Udp(datagram) | Segment::Other(datagram) => datagram.payload,
        Segment::Icmp { .. } | Segment::Counted => return false,
    };
    !payload.is_empty() && !payload.starts_with(&TLS_HANDSHAKE) && packet.src_port != 53 && packet.dst_port != 53
}

fn spread(
    pending: &mut [Batch],
    packets: &mut u64,
    saw_local: &mut bool,
    rules: &Rules,
    packet: &Packet<'_>,
    task: Task,
) {
    let number = *packets;
    *packets += 1;
    if !*saw_local {
        *saw_local = rules.locator.is_local(packet.src) || rules.locator.is_local(packet.dst);
    }
    let threads = pending.len();
    let own = lane_of(packet);
    if let Some(batch) = pending.get_mut(own % threads) {
        batch.push(number, own as u8, task, packet);
    }
    if carries_names(packet) {
        for lane in (0..LANES).filter(|&lane| lane != own) {
            if let Some(batch) = pending.get_mut(lane % threads) {
                batch.push(number, lane as u8, Task::Learn, packet);
            }
        }
    }
}

/// Whether a packet may hold DNS answers that other lanes need: DNS over UDP (answers only) or TCP, by port. Found by content
/// on other ports, names serve the lane that found them.
fn carries_names(packet: &Packet<'_>) -> bool {
    let dns_port = |port| matches!(port, 53 | 5353);
    match &packet.segment {
        Segment::Udp(datagram) => {
            // RFC 1035, section 4.1.1: QR is the top bit of the third octet, ANCOUNT octets 6 and 7.
            dns_port(packet.src_port)
                && datagram.payload.get(2).is_some_and(|flags| flags & 0x80 != 0)
                && datagram.payload.get(6..8).is_some_and(|count| count != [0, 0])
        }
        Segment::Tcp(_) => dns_port(packet.src_port) || dns_port(packet.dst_port),
        _ => false,
    }
}

/// The lane of a packet's flow: the same for both directions, for every packet of the flow, on every machine. Ports of ICMP are
/// types and codes and differ between directions, so only addresses count there. Not keyed: an attacker who steers all flows
/// into one lane gains what one flow gives him anyway, the budget of one lane.
fn lane_of(packet: &Packet<'_>) -> usize {
    let ports = match packet.proto {
        ip_proto::ICMP | ip_proto::ICMPV6 => 0,
        _ => {
            u64::from(packet.src_port)
                + u64::from(packet.dst_port)
                + (u64::from(packet.src_port ^ packet.dst_port) << 20)
        }
    };
    let (a, b) = (fold(packet.src), fold(packet.dst));
    let mixed = (a.wrapping_add(b) ^ (a ^ b).rotate_left(29) ^ ports.rotate_left(17) ^ u64::from(packet.proto))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize % LANES
}

fn fold(addr: IpAddr) -> u64 {
    match addr {
        IpAddr::V4(v4) => u64::from(v4.to_bits()).wrapping_mul(0xff51_afd7_ed55_8ccd),
        IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            ((bits >> 64) as u64).wrapping_mul(0xff51_afd7_ed55_8ccd)
                ^ (bits as u64).wrapping_mul(0xc4ce_b9fe_1a85_ec53)
        }
    }
}
