//! Which flow a packet belongs to: an order-free key of its two ends, and the tag (VLAN, tunnel) it came in.
//!
//! Flows are hashed by 5-tuple alone. Tags are compared per direction, because the two directions of one connection need not
//! carry the same: mirror ports that tag one side, private VLANs, a GTP tunnel id per direction, load balancers that
//! encapsulate only what goes in. A direction without packets yet takes the tag of the first that comes ([`Match`] has the
//! order of preference). Conversations of other tools ignore the VLAN, or offer to (Suricata's `vlan.use-for-tracking`);
//! this keeps tenants with equal addresses apart and needs no switch.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hash, Hasher};
use std::net::IpAddr;

use crate::model::{Direction, Endpoint, Packet, Tunnel, icmp_counterpart, ip_proto};

/// Flows with the same 5-tuple that are told apart by tag. Bounds the work per packet: past it, packets with yet another tag
/// are counted in the oldest of them (`FlowCounts::tags_merged`).
pub(super) const TAGS_MAX: usize = 64;

/// Both ends in a fixed order, and the protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct FlowKey {
    low: Endpoint,
    high: Endpoint,
    proto: u8,
}

impl FlowKey {
    /// The key of what goes from `src` to `dst`, and whether the key has them the other way round. For ICMP the ports are type and
    /// code, as in [`Packet`].
    pub(super) fn of(proto: u8, mut src: Endpoint, mut dst: Endpoint) -> (Self, bool) {
        if proto == ip_proto::ICMP || proto == ip_proto::ICMPV6 {
            match icmp_counterpart(proto, src.port) {
                // Request and reply name each other's type, as in Community ID, so that they look like ports.
                Some(reply) => dst.port = reply,
                // One-way messages have no other direction: the order stays.
                None => return (Self { low: src, high: dst, proto }, false),
            }
        }
        let swapped = match src.addr.cmp(&dst.addr) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => src.port > dst.port,
        };
        if swapped {
            std::mem::swap(&mut src, &mut dst);
        }
        (Self { low: src, high: dst, proto }, swapped)
    }

    /// A keyed hash: an attacker who chooses addresses and ports cannot choose collisions.
    pub(super) fn hash_with<B: BuildHasher>(&self, build: &B) -> u64 {
        let mut hasher = build.build_hasher();
        let ports = u64::from(self.low.port) << 32 | u64::from(self.high.port) << 16 | u64::from(self.proto);
        match (self.low.addr, self.high.addr) {
            (IpAddr::V4(low), IpAddr::V4(high)) => {
                hasher.write_u64(u64::from(low.to_bits()) << 32 | u64::from(high.to_bits()));
            }
            (IpAddr::V6(low), IpAddr::V6(high)) => {
                hasher.write_u128(low.to_bits());
                hasher.write_u128(high.to_bits());
            }
            (low, high) => (low, high).hash(&mut hasher),
        }
        hasher.write_u64(ports);
        hasher.finish()
    }
}

/// What separates equal 5-tuples.
#[derive(Clone, Copy)]
pub(super) struct Tag {
    pub(super) vlan: u16,
    pub(super) tunnel: Option<Tunnel>,
}

impl Tag {
    pub(super) fn of(packet: &Packet<'_>) -> Self {
        Self { vlan: packet.vlan, tunnel: packet.tunnel }
    }
}

/// Same VLAN and same tunnel. Where a tunnel has an identifier, that is what counts (outer addresses vary with routing);
/// without one, the pair of outer addresses, in either order.
impl PartialEq for Tag {
    fn eq(&self, other: &Self) -> bool {
        self.vlan == other.vlan
            && match (&self.tunnel, &other.tunnel) {
                (None, None) => true,
                (Some(a), Some(b)) => {
                    a.kind == b.kind
                        && a.vni == b.vni
                        && (a.vni != 0
                            || (a.outer_src, a.outer_dst) == (b.outer_src, b.outer_dst)
                            || (a.outer_src, a.outer_dst) == (b.outer_dst, b.outer_src))
                }
                _ => false,
            }
    }
}

/// How well a packet fits a flow with its 5-tuple; the greatest fits best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    /// Packets in this direction carry another tag.
    OtherTag,
    /// The first packet in this direction, with another tag than the other direction.
    NewTag,
    /// The first packet in this direction, with the tag of the other.
    SameTag,
    /// As the packets before it.
    Exact,
}

/// The tags of a flow's two directions. Tunnels are rare, so they live behind a pointer.
pub(super) struct Tags {
    vlans: [u16; 2],
    seen: [bool; 2],
    tunnels: Option<Box<[Option<Tunnel>; 2]>>,
}

impl Tags {
    pub(super) const fn new() -> Self {
        Self { vlans: [0; 2], seen: [false; 2], tunnels: None }
    }

    pub(super) fn of(&self, dir: Direction) -> Option<Tag> {
        let at = dir.index();
        self.seen[at].then(|| Tag { vlan: self.vlans[at], tunnel: self.tunnels.as_ref().and_then(|both| both[at]) })
    }

    /// Remembers the tag of the first packet in a direction.
    pub(super) fn learn(&mut self, dir: Direction, tag: Tag) {
        let at = dir.index();
        if self.seen[at] {
            return;
        }
        self.seen[at] = true;
        self.vlans[at] = tag.vlan;
        if tag.tunnel.is_some() {
            self.tunnels.get_or_insert_default()[at] = tag.tunnel;
        }
    }

    pub(super) fn fit(&self, dir: Direction, tag: &Tag) -> Match {
        // Almost every packet: no tunnel, and a tag that is known.
        if let Some(own) = self.of(dir) {
            return if own == *tag { Match::Exact } else { Match::OtherTag };
        }
        if self.of(dir.reverse()).is_some_and(|other| other == *tag) { Match::SameTag } else { Match::NewTag }
    }

    /// Octets on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.tunnels.as_ref().map_or(0, |both| size_of_val(&**both))
    }
}
