//! What is known of a frame while its headers are taken off one by one.

use super::ip::IpPacket;
use super::tunnels::Inside;
use crate::model::{Origin, Timestamp, Tunnel};

/// Facts that a packet takes along from the headers around it. Cheap to copy: a tunnel that turns out to be none is left by
/// going back to the copy made before it.
#[derive(Clone, Copy)]
pub(super) struct Context {
    pub(super) time: Timestamp,
    pub(super) origin: Origin,
    /// Length of the frame on the wire, octets; no packet counts more.
    pub(super) wire_len: usize,
    /// Outermost VLAN id.
    pub(super) vlan: u16,
    /// The tunnel around what is being read.
    pub(super) tunnel: Option<Tunnel>,
    /// Headers that may still be read.
    pub(super) headers_left: usize,
    /// Whether the octets come from a reassembled datagram: its fragments have been counted as such.
    pub(super) reassembled: bool,
    /// Earlier fragments to be counted with this packet.
    pub(super) held: Held,
}

/// Fragments whose ports were not known when they came.
#[derive(Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) packets: u32,
    pub(super) bytes: u64,
    /// When the first of them was captured, if there are any.
    pub(super) first_time: Option<Timestamp>,
}

impl Context {
    /// The context behind a tunnel header in `outer`.
    pub(super) fn inside(&self, inside: &Inside<'_>, outer: &IpPacket<'_>) -> Self {
        let depth = self.tunnel.map_or(0, |tunnel| tunnel.depth).saturating_add(1);
        let tunnel = Tunnel { kind: inside.kind, depth, vni: inside.vni, outer_src: outer.src, outer_dst: outer.dst };
        // A tunnel that was put together from fragments is longer than the frame that brought the last of them.
        let wire_len = self.wire_len.max(inside.octets.wire());
        Self { tunnel: Some(tunnel), wire_len, held: Held::default(), ..*self }
    }
}
