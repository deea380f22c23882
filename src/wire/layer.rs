//! The tables of what can follow what: link types, ethertypes and PPP protocols, each in one place.
//!
//! To teach the decoder a header: write `fn(Octets, &mut Context) -> Option<Step>` in a file of its own, give it a variant
//! of [`Layer`], a line in [`decode`], and a line in the table whose number announces it. `None` means the header was cut off.
//! Tunnels behind an IP header are in `tunnels`.

use etherparse::ether_type;

use super::context::Context;
use super::counts::{Fault, NonIp};
use super::octets::Octets;
use super::{ethernet, hdlc, loopback, mpls, ppp, wifi};
use crate::model::LinkType;

/// A header that can stand before an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// The innermost header: IPv4 or IPv6 by the first nibble.
    Ip,
    Ethernet,
    Vlan,
    Pbb,
    VnTag,
    Llc,
    Mpls,
    Pppoe,
    Ppp,
    CiscoHdlc,
    FrameRelay,
    AddressFamily,
    CookedV1,
    CookedV2,
    Nflog,
    Pktap,
    Ppi,
    Radiotap,
    Wifi,
    WifiSwapped,
    /// Network service header, RFC 8300.
    Nsh,
}

/// What a header leads to.
pub(super) enum Step<'a> {
    /// Another header.
    Next(Layer, Octets<'a>),
    /// Something that is not IP.
    NonIp(NonIp),
    /// A header that makes no sense.
    Bad(Fault),
}

/// Reads one header; `None` if it was cut off.
pub(super) fn decode<'a>(layer: Layer, octets: Octets<'a>, context: &mut Context) -> Option<Step<'a>> {
    match layer {
        Layer::Ip => Some(Step::Next(Layer::Ip, octets)),
        Layer::Ethernet => ethernet::ethernet(octets),
        Layer::Vlan => ethernet::vlan(octets, context),
        Layer::Pbb => ethernet::pbb(octets),
        Layer::VnTag => ethernet::vn_tag(octets),
        Layer::Llc => ethernet::llc(octets),
        Layer::Mpls => mpls::label(octets),
        Layer::Pppoe => ppp::pppoe(octets),
        Layer::Ppp => ppp::ppp(octets),
        Layer::CiscoHdlc => hdlc::cisco(octets),
        Layer::FrameRelay => hdlc::frame_relay(octets),
        Layer::AddressFamily => loopback::address_family(octets),
        Layer::CookedV1 => loopback::cooked_v1(octets),
        Layer::CookedV2 => loopback::cooked_v2(octets),
        Layer::Nflog => loopback::nflog(octets),
        Layer::Pktap => loopback::pktap(octets),
        Layer::Ppi => wifi::ppi(octets),
        Layer::Radiotap => wifi::radiotap(octets),
        Layer::Wifi => wifi::ieee_802_11(octets),
        Layer::WifiSwapped => wifi::ieee_802_11_swapped(octets),
        Layer::Nsh => ethernet::nsh(octets),
    }
}

/// The first header of a frame, by its LINKTYPE_ number (<https://www.tcpdump.org/linktypes.html>); `None` if unknown.
pub(super) fn of_link_type(link: LinkType) -> Option<Layer> {
    Some(match link {
        LinkType::ETHERNET => Layer::Ethernet,
        // 12 and 14 are what some systems write for raw IP in place of 101.
        LinkType::RAW | LinkType(12 | 14) | LinkType::IPV4 | LinkType::IPV6 => Layer::Ip,
        LinkType::NULL | LinkType::LOOP => Layer::AddressFamily,
        LinkType::PPP | LinkType::PPP_HDLC => Layer::Ppp,
        LinkType::PPP_ETHER => Layer::Pppoe,
        LinkType::C_HDLC => Layer::CiscoHdlc,
        LinkType(107) => Layer::FrameRelay,
        LinkType::LINUX_SLL => Layer::CookedV1,
        LinkType::LINUX_SLL2 => Layer::CookedV2,
        LinkType::NFLOG => Layer::Nflog,
        LinkType::PKTAP => Layer::Pktap,
        LinkType(192) => Layer::Ppi,
        LinkType::IEEE802_11 => Layer::Wifi,
        LinkType::IEEE802_11_RADIOTAP => Layer::Radiotap,
        LinkType(219) => Layer::Mpls,
        _ => return None,
    })
}

/// What an ethertype announces (IEEE registration authority list). `octets` start after the ethertype.
pub(super) fn of_ether_type(number: u16, octets: Octets<'_>) -> Step<'_> {
    let layer = match etherparse::EtherType(number) {
        ether_type::IPV4 | ether_type::IPV6 => Layer::Ip,
        ether_type::VLAN_TAGGED_FRAME | ether_type::PROVIDER_BRIDGING | ether_type::VLAN_DOUBLE_TAGGED_FRAME => {
            Layer::Vlan
        }
        ether_type::ARP => return Step::NonIp(NonIp::Arp),
        ether_type::MACSEC => return Step::NonIp(NonIp::MacSec),
        etherparse::EtherType(other) => match other {
            // Below 0x600 it is the length of an LLC frame: what follows it is padding.
            0..0x600 => return Step::Next(Layer::Llc, octets.limit(usize::from(other))),
            // Older numbers of stacked tags.
            0x9200 | 0x9300 => Layer::Vlan,
            0x88e7 => Layer::Pbb,
            0x8926 => Layer::VnTag,
            0x8847 | 0x8848 => Layer::Mpls,
            0x8864 => Layer::Pppoe,
            0x880b => Layer::Ppp,
            0x8870 => Layer::Llc,
            0x894f => Layer::Nsh,
            // Transparent Ethernet bridging.
            0x6558 => Layer::Ethernet,
            0x8863 => return Step::NonIp(NonIp::PppoeDiscovery),
            0x8035 => return Step::NonIp(NonIp::Arp),
            _ => return Step::NonIp(NonIp::EtherType),
        },
    };
    Step::Next(layer, octets)
}

/// What a PPP protocol number announces (IANA PPP numbers).
pub(super) fn of_ppp_protocol(number: u16, octets: Octets<'_>) -> Step<'_> {
    match number {
        0x0021 | 0x0057 => Step::Next(Layer::Ip, octets),
        0x0281 | 0x0283 => Step::Next(Layer::Mpls, octets),
        _ => Step::NonIp(NonIp::Ppp),
    }
}
