//! The facts of a flow that outlive its packets.

use super::key::{FlowKey, Tag, Tags};
use crate::model::{Direction, Endpoint, Origin, Packet, Timestamp, Tunnel};

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
}

/// A SYN (without ACK, or a SYN-ACK's other half) told who opened the flow.
pub(super) const ORIGINATOR_KNOWN: u8 = 1;
/// The TCP flow's first packet was neither SYN nor SYN-ACK.
pub(super) const MIDSTREAM: u8 = 2;
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
