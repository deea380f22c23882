//! Headers that an operating system writes in place of the link's own: BSD loopback, Linux cooked, netfilter log, PKTAP.

use super::counts::{Fault, NonIp};
use super::layer::{Layer, Step, of_ether_type, of_link_type};
use super::octets::Octets;
use crate::model::LinkType;

/// LINKTYPE_NULL and LINKTYPE_LOOP: an address family in either byte order.
pub(super) fn address_family(octets: Octets<'_>) -> Option<Step<'_>> {
    let family = u32::from_le_bytes(octets.array(0)?);
    let family = if family > 0xffff { family.swap_bytes() } else { family };
    Some(match family {
        // AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 23 on Windows, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on
        // Darwin.
        2 | 10 | 23 | 24 | 28 | 30 => Step::Next(Layer::Ip, octets.skip(4)?),
        _ => Step::NonIp(NonIp::AddressFamily),
    })
}

/// LINKTYPE_LINUX_SLL: 16 octets, the protocol at 14.
pub(super) fn cooked_v1(octets: Octets<'_>) -> Option<Step<'_>> {
    Some(cooked(octets.u16(2)?, octets.u16(14)?, octets.skip(16)?))
}

/// LINKTYPE_LINUX_SLL2: 20 octets, the protocol at 0.
pub(super) fn cooked_v2(octets: Octets<'_>) -> Option<Step<'_>> {
    Some(cooked(octets.u16(8)?, octets.u16(0)?, octets.skip(20)?))
}

/// The protocol is an ethertype, except for devices that have none (ARPHRD_ numbers of Linux).
fn cooked(hardware: u16, protocol: u16, payload: Octets<'_>) -> Step<'_> {
    const ARPHRD_IEEE80211_RADIOTAP: u16 = 803;
    const ARPHRD_NETLINK: u16 = 824;
    match (hardware, protocol) {
        (ARPHRD_NETLINK, _) => Step::NonIp(NonIp::LinkType),
        (ARPHRD_IEEE80211_RADIOTAP, _) => Step::Next(Layer::Radiotap, payload),
        // ETH_P_802_2: LLC without a length.
        (_, 0x0004) => Step::Next(Layer::Llc, payload),
        (_, 0..0x600) => Step::NonIp(NonIp::EtherType),
        _ => of_ether_type(protocol, payload),
    }
}

/// LINKTYPE_NFLOG: family, version, resource id; then attributes in the byte order of the capturing host, each with length
/// and type. Attribute 9 holds the packet.
pub(super) fn nflog(octets: Octets<'_>) -> Option<Step<'_>> {
    const NFULA_PAYLOAD: u16 = 9;
    const ATTRIBUTE_HEADER: u16 = 4;
    const ATTRIBUTE_TYPE_BITS: u16 = 0x7fff;
    let family = octets.u8(0)?;
    if !matches!(family, 2 | 10) {
        return Some(Step::NonIp(NonIp::AddressFamily));
    }
    let mut rest = octets.skip(4)?;
    // The first attribute is the packet header, 8 octets of it: its length shows the byte order.
    let little_endian = u16::from_le_bytes(rest.array(0)?) < 0x100;
    let number = |at: [u8; 2]| if little_endian { u16::from_le_bytes(at) } else { u16::from_be_bytes(at) };
    loop {
        let length = number(rest.array(0)?);
        let attribute = number(rest.array(2)?) & ATTRIBUTE_TYPE_BITS;
        if length < ATTRIBUTE_HEADER {
            return Some(Step::Bad(Fault::LinkBad));
        }
        if attribute == NFULA_PAYLOAD {
            return Some(Step::Next(Layer::Ip, rest.limit(usize::from(length)).skip(4)?));
        }
        rest = rest.skip(usize::from(length).next_multiple_of(4))?;
    }
}

/// LINKTYPE_PKTAP: header length, record type, link type of the packet behind it, all little-endian.
pub(super) fn pktap(octets: Octets<'_>) -> Option<Step<'_>> {
    let length = u32::from_le_bytes(octets.array(0)?) as usize;
    let link = u32::from_le_bytes(octets.array(8)?);
    if length < 12 {
        return Some(Step::Bad(Fault::LinkBad));
    }
    let payload = octets.skip(length)?;
    Some(match of_link_type(LinkType(link)) {
        Some(layer) => Step::Next(layer, payload),
        None => Step::NonIp(NonIp::LinkType),
    })
}
