//! The facts of a flow that outlive its packets.

use super::key::{FlowKey, Tag, Tags};
use std::time::Duration;

use crate::model::{Direction, Endpoint, Origin, Packet, TcpFlags, TcpSegment, Timestamp, Tunnel};

/// A flow, as the table keeps it and as handlers see it.
pub struct FlowRecord {
    /// Number of the packet that opened it: unique within a run.
    pub flow_id: u64,
    /// The end that opened it: sender of the first packet seen, or receiver if that was a SYN-ACK. For ICMP the port is the
    /// type of its first packet.
    pub originator: Endpoint,
    /// The other end. For ICMP the port is the code of the first packet.
    pub responder: Endpoint,
    /// IP packets by [`Direction::index`].
    pub packets: [u64; 2],
    /// IP octets by [`Direction::index`].
    pub bytes: [u64; 2],
    /// Time of the first packet.
    pub first: Timestamp,
    /// Time of the latest packet.
    pub last: Timestamp,
    /// Where the first packet was captured.
    pub origin: Origin,
    /// IP protocol.
    pub proto: u8,
    pub(super) flags: u8,
    pub(super) tags: Tags,
    handshake: Handshake,
}

/// A TCP handshake being timed.
#[derive(Clone, Copy, Default)]
struct Handshake {
    /// Time of the latest SYN or SYN-ACK; the epoch for none.
    asked: Timestamp,
    /// What the answer must acknowledge: nobody who did not get the question knows it.
    expected: u32,
    /// Microseconds that each end took to answer, by the direction it sends in; 0 for not known.
    answered_us: [u32; 2],
}

/// A SYN (without ACK, or a SYN-ACK's other half) told who opened the flow.
pub(super) const ORIGINATOR_KNOWN: u8 = 1;
/// The TCP flow's first packet was neither SYN nor SYN-ACK.
pub(super) const MIDSTREAM: u8 = 2;
/// A SYN was seen twice: which of them was answered cannot be told.
const SYN_REPEATED: u8 = 16;
/// A SYN-ACK was.
const SYN_ACK_REPEATED: u8 = 32;
/// A SYN or SYN-ACK was seen from the originator (shifted by the direction's index).
pub(super) const SYN_SEEN: u8 = 4;

impl FlowRecord {
    pub(super) fn new(flow_id: u64, packet: &Packet<'_>, dir: Direction, flags: u8) -> Self {
        let src = Endpoint { addr: packet.src, port: packet.src_port };
        let dst = Endpoint { addr: packet.dst, port: packet.dst_port };
        let (originator, responder) = match dir {
            Direction::Forward => (src, dst),
            Direction::Backward => (dst, src),
        };
        Self {
            flow_id,
            originator,
            responder,
            packets: [0; 2],
            bytes: [0; 2],
            first: packet.first_time,
            last: packet.time,
            origin: packet.origin,
            proto: packet.proto,
            flags,
            tags: Tags::new(),
            handshake: Handshake::default(),
        }
    }

    /// Adds a packet.
    pub(super) fn count(&mut self, dir: Direction, packet: &Packet<'_>) {
        let at = dir.index();
        self.packets[at] += u64::from(packet.packets);
        self.bytes[at] += packet.bytes;
        self.first = self.first.min(packet.first_time);
        self.last = self.last.max(packet.time);
        self.tags.learn(dir, Tag::of(packet));
    }

    /// Times the handshake, RFC 9293 section 3.5: SYN to SYN-ACK, SYN-ACK to ACK. To be called before [`SYN_SEEN`] is set.
    pub(super) fn time_handshake(&mut self, dir: Direction, segment: &TcpSegment<'_>, now: Timestamp) {
        let (syn, ack) = (segment.flags.has(TcpFlags::SYN), segment.flags.has(TcpFlags::ACK));
        let seen = self.syn_seen(dir);
        match (dir, syn, ack) {
            (Direction::Forward, true, false) if seen => self.flags |= SYN_REPEATED,
            (Direction::Backward, true, true) if seen => self.flags |= SYN_ACK_REPEATED,
            (Direction::Forward, true, false) => self.ask(segment, now),
            (Direction::Backward, true, true) => {
                self.answer(dir, SYN_REPEATED, segment, now);
                self.ask(segment, now);
            }
            (Direction::Forward, false, true) if self.syn_seen(Direction::Backward) => {
                self.answer(dir, SYN_ACK_REPEATED, segment, now);
                // Only the first answer is one.
                self.handshake.asked = Timestamp::default();
            }
            _ => {}
        }
    }

    fn ask(&mut self, segment: &TcpSegment<'_>, now: Timestamp) {
        self.handshake.asked = now;
        self.handshake.expected = segment.seq.wrapping_add(1);
    }

    fn answer(&mut self, dir: Direction, repeated: u8, segment: &TcpSegment<'_>, now: Timestamp) {
        let Handshake { asked, expected, answered_us } = &mut self.handshake;
        if *asked == Timestamp::default() || *asked > now || self.flags & repeated != 0 || segment.ack != *expected {
            return;
        }
        // Rounded up: a bound may be too loose, never too tight.
        let us = now.since(*asked).as_nanos().div_ceil(1000).max(1);
        answered_us[dir.index()] = u32::try_from(us).unwrap_or(u32::MAX);
    }

    /// The time from a packet of the TCP handshake to its answer by the end that sends in `dir`: how far that end can be from
    /// where the packets were captured. `None` if the handshake was not seen, or was repeated so that it cannot be told.
    pub fn round_trip(&self, dir: Direction) -> Option<Duration> {
        let us = self.handshake.answered_us[dir.index()];
        (us > 0).then(|| Duration::from_micros(us.into()))
    }

    /// The direction of a packet that has this flow's key, in the order `swapped`.
    pub(super) fn direction(&self, swapped: bool) -> Direction {
        let (_, own_swapped) = FlowKey::of(self.proto, self.originator, self.responder);
        if own_swapped == swapped { Direction::Forward } else { Direction::Backward }
    }

    pub(super) fn key(&self) -> FlowKey {
        FlowKey::of(self.proto, self.originator, self.responder).0
    }

    /// Sender and receiver of what travels in a direction.
    pub fn ends(&self, dir: Direction) -> (Endpoint, Endpoint) {
        match dir {
            Direction::Forward => (self.originator, self.responder),
            Direction::Backward => (self.responder, self.originator),
        }
    }

    /// VLAN id of the first packet, 0 without one. Of the originator's, if it sent any.
    pub fn vlan(&self) -> u16 {
        self.first_tag().map_or(0, |tag| tag.vlan)
    }

    /// The tunnel of the first packet. Of the originator's, if it sent any.
    pub fn tunnel(&self) -> Option<Tunnel> {
        self.first_tag().and_then(|tag| tag.tunnel)
    }

    fn first_tag(&self) -> Option<Tag> {
        self.tags.of(Direction::Forward).or_else(|| self.tags.of(Direction::Backward))
    }

    /// Whether a SYN or SYN-ACK told who opened the flow; otherwise it is whoever was seen first.
    pub fn originator_known(&self) -> bool {
        self.flags & ORIGINATOR_KNOWN != 0
    }

    /// Whether the TCP flow was under way when it was first seen.
    pub fn is_midstream(&self) -> bool {
        self.flags & MIDSTREAM != 0
    }

    /// Whether a SYN or SYN-ACK was seen in a direction.
    pub fn syn_seen(&self, dir: Direction) -> bool {
        self.flags & (SYN_SEEN << dir.index()) != 0
    }
}
