//! Ethernet and the tags that stand between its addresses and its payload; LLC and the network service header.

use super::context::Context;
use super::counts::NonIp;
use super::ip;
use super::layer::{Layer, Step, of_ether_type};
use super::octets::Octets;

/// IEEE 802.3 section 3: two addresses, then ethertype or length.
pub(super) fn ethernet(octets: Octets<'_>) -> Option<Step<'_>> {
    Some(of_ether_type(octets.u16(12)?, octets.skip(14)?))
}

/// Whether a plausible IP packet follows the addresses and up to two VLAN tags: for places where nothing announces a frame.
pub(super) fn has_plausible_ip(octets: Octets<'_>) -> bool {
    ip_behind_tags(octets).is_some_and(ip::is_plausible)
}

/// Whether octets 12 and 13 hold an ethertype that leads to IP or often stands beside it, and IP has lengths that fit.
pub(super) fn fits(octets: Octets<'_>) -> bool {
    if let Some(ip) = ip_behind_tags(octets) {
        return ip::fits(ip);
    }
    let (Some(ether_type), Some(payload)) = (octets.u16(12), octets.skip(14)) else { return false };
    match of_ether_type(ether_type, payload) {
        Step::Next(Layer::Llc, llc) => matches!(llc.array(0), Some([0xaa, 0xaa, 0x03] | [0x42, 0x42, 0x03])),
        Step::Next(Layer::Ip, _) => false,
        Step::Next(..) => true,
        Step::NonIp(what) => matches!(what, NonIp::Arp | NonIp::MacSec | NonIp::PppoeDiscovery),
        Step::Bad(_) => false,
    }
}

fn ip_behind_tags(octets: Octets<'_>) -> Option<Octets<'_>> {
    const TAGS_MAX: usize = 2;
    let mut at = 12;
    for _ in 0..=TAGS_MAX {
        match of_ether_type(octets.u16(at)?, octets.skip(at + 2)?) {
            Step::Next(Layer::Ip, ip) => return Some(ip),
            Step::Next(Layer::Vlan, _) => at += 4,
            _ => return None,
        }
    }
    None
}

/// IEEE 802.1Q: priority and VLAN id, then the next ethertype. The outermost id names the network.
pub(super) fn vlan<'a>(octets: Octets<'a>, context: &mut Context) -> Option<Step<'a>> {
    if context.vlan == 0 {
        context.vlan = octets.u16(0)? & 0x0fff;
    }
    Some(of_ether_type(octets.u16(2)?, octets.skip(4)?))
}

/// IEEE 802.1ah I-TAG: flags and 24 bits of service id, then the customer's whole frame.
pub(super) fn pbb(octets: Octets<'_>) -> Option<Step<'_>> {
    Some(Step::Next(Layer::Ethernet, octets.skip(4)?))
}

/// Cisco VN-Tag (IEEE 802.1Qbh): interface ids, then the next ethertype.
pub(super) fn vn_tag(octets: Octets<'_>) -> Option<Step<'_>> {
    Some(of_ether_type(octets.u16(4)?, octets.skip(6)?))
}

/// IEEE 802.2 LLC: SNAP (RFC 1042) with an ethertype, or IP by its own access point.
pub(super) fn llc(octets: Octets<'_>) -> Option<Step<'_>> {
    Some(match octets.array(0)? {
        [0xaa, 0xaa, 0x03] => match octets.array(3)? {
            // RFC 1042 and bridge-tunnel encapsulation (802.1H).
            [0, 0, 0] | [0, 0, 0xf8] => of_ether_type(octets.u16(6)?.max(0x600), octets.skip(8)?),
            _ => Step::NonIp(NonIp::Llc),
        },
        [0x06, 0x06, 0x03] => Step::Next(Layer::Ip, octets.skip(3)?),
        _ => Step::NonIp(NonIp::Llc),
    })
}

/// RFC 8300 section 2.2: length in 4-octet words in the low 6 bits of octet 1, next protocol in octet 3.
pub(super) fn nsh(octets: Octets<'_>) -> Option<Step<'_>> {
    let [_, length, _, next] = octets.array(0)?;
    let payload = octets.skip(usize::from(length & 0x3f).max(2) * 4)?;
    Some(next_protocol(next, payload))
}

/// The next protocol of a network service header and of VXLAN-GPE.
pub(super) fn next_protocol(number: u8, payload: Octets<'_>) -> Step<'_> {
    match number {
        1 | 2 => Step::Next(Layer::Ip, payload),
        3 => Step::Next(Layer::Ethernet, payload),
        4 => Step::Next(Layer::Nsh, payload),
        5 => Step::Next(Layer::Mpls, payload),
        _ => Step::NonIp(NonIp::Tunnel),
    }
}
