//! IP packets within IP packets: which protocol or port announces which tunnel.
//!
//! To add a tunnel: a file with `fn(Octets) -> Option<Inside>`, and a line in [`enter`] or [`of_udp_port`]. `None` means "not
//! this tunnel": the packet is judged as it is. A port is a weak announcement (any client can have it as its own), so that a
//! tunnel over UDP says `Some` only where its header is what it should be *and* what follows looks like an IP packet
//! or a frame. What turns out to be nonsense deeper inside is judged by its outer packet too.

mod ayiya;
mod capwap;
mod erspan;
mod geneve;
mod gre;
mod gtp;
mod l2tp;
mod teredo;
mod vxlan;

use super::ethernet;
use super::ip::{self, IpPacket};
use super::layer::{Layer, Step, of_ether_type};
use super::octets::Octets;
use crate::model::{TunnelKind, ip_proto};

/// What a tunnel header leads to.
pub(super) struct Inside<'a> {
    pub(super) kind: TunnelKind,
    /// The tunnel's number for its network, 0 without one.
    pub(super) vni: u32,
    pub(super) layer: Layer,
    pub(super) octets: Octets<'a>,
}

/// A tunnel over UDP: takes the UDP payload.
type OverUdp = fn(Octets<'_>) -> Option<Inside<'_>>;

/// The packet or frame inside of an IP packet, by IP protocol (IANA protocol numbers).
pub(super) fn enter<'a>(ip: &IpPacket<'a>) -> Option<Inside<'a>> {
    let payload = ip.payload;
    match ip.proto {
        ip_proto::UDP => over_udp(payload),
        ip_proto::TCP => None,
        // RFC 2003, 2473, 4213: IPv4 or IPv6 directly in either.
        4 | 41 => Some(Inside { kind: TunnelKind::IpInIp, vni: 0, layer: Layer::Ip, octets: payload }),
        47 => gre::enter(payload),
        // EtherIP, RFC 3378: version 3 and 12 zero bits, then a frame.
        97 if payload.u16(0)? == 0x3000 => other(Layer::Ethernet, payload.skip(2)?),
        115 => l2tp::over_ip(payload),
        // MPLS in IP, RFC 4023.
        137 => other(Layer::Mpls, payload),
        _ => None,
    }
}

/// By UDP port (IANA service names).
fn of_udp_port(port: u16) -> Option<OverUdp> {
    Some(match port {
        // 8472 is what Linux used before the assignment.
        4789 | 8472 => vxlan::enter,
        4790 => vxlan::enter_gpe,
        6081 => geneve::enter,
        2152 => gtp::enter,
        3544 => teredo::enter,
        5072 => ayiya::enter,
        1701 => l2tp::over_udp,
        5247 => capwap::enter,
        6635 => mpls,
        // GRE in UDP, RFC 8086.
        4754 => gre_in_udp,
        _ => return None,
    })
}

fn over_udp(datagram: Octets<'_>) -> Option<Inside<'_>> {
    let (src_port, dst_port) = (datagram.u16(0)?, datagram.u16(2)?);
    let length = match datagram.u16(4)? {
        0 => datagram.wire(),
        length => usize::from(length),
    };
    let payload = datagram.limit(length).skip(8)?;
    of_udp_port(dst_port)
        .and_then(|tunnel| tunnel(payload))
        .or_else(|| of_udp_port(src_port).and_then(|tunnel| tunnel(payload)))
        // Some run these on ports of their own; only a header that is right in every bit is believed there.
        .or_else(|| vxlan::enter_strict(payload))
        .or_else(|| teredo::enter_strict(payload))
}

fn other(layer: Layer, octets: Octets<'_>) -> Option<Inside<'_>> {
    Some(Inside { kind: TunnelKind::Other, vni: 0, layer, octets })
}

fn mpls(payload: Octets<'_>) -> Option<Inside<'_>> {
    /// Labels looked through before the payload is checked.
    const LABELS_MAX: usize = 8;
    let bottom = (0..LABELS_MAX).find(|&label| payload.u8(label * 4 + 2).is_some_and(|octet| octet & 1 == 1))?;
    let inner = payload.skip(bottom * 4 + 4)?;
    let plausible = ip::fits(inner) || ethernet::fits(inner) || inner.skip(4).is_some_and(ethernet::fits);
    plausible.then_some(Inside { kind: TunnelKind::MplsUdp, vni: 0, layer: Layer::Mpls, octets: payload })
}

fn gre_in_udp(payload: Octets<'_>) -> Option<Inside<'_>> {
    gre::enter(payload).filter(is_likely)
}

/// Whether what a tunnel over UDP leads to looks like what it should be.
fn is_likely(inside: &Inside<'_>) -> bool {
    match inside.layer {
        Layer::Ip => ip::fits(inside.octets),
        Layer::Ethernet => ethernet::fits(inside.octets),
        _ => true,
    }
}

/// What an ethertype in a tunnel header leads to, if it can lead to IP.
fn by_ether_type(number: u16, octets: Octets<'_>) -> Option<(Layer, Octets<'_>)> {
    match of_ether_type(number, octets) {
        Step::Next(Layer::Llc, _) => None,
        Step::Next(layer, octets) => Some((layer, octets)),
        _ => None,
    }
}
