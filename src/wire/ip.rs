//! IPv4 and IPv6 headers down to the transport header or the fragment, on the header slices of etherparse.
//!
//! Its packet slices (`SlicedPacket`, `LaxSlicedPacket`) are not used: they know nothing of the length on the wire, which a
//! snaplen takes from the octets, nor of most of the headers in `layer` (`benches/decode.rs` compares).

use std::net::IpAddr;

use etherparse::err::ipv4::HeaderSliceError;
use etherparse::{
    IpAuthHeaderSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice, ip_number,
};

use super::checksum;
use super::counts::{Fault, WireCounts};
use super::octets::Octets;

/// An IP packet without its headers.
#[derive(Clone, Copy)]
pub(super) struct IpPacket<'a> {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    /// Protocol of the payload; the extension header that could not be read, if there is one.
    pub(super) proto: u8,
    /// Total length by the header, octets; to be cut to the frame's length on the wire.
    pub(super) total_len: usize,
    /// What follows the headers, without padding.
    pub(super) payload: Octets<'a>,
    /// Set for a part of a datagram.
    pub(super) fragment: Option<FragmentHeader>,
    /// An IPv6 fragment header says that there is but one fragment (RFC 6946).
    pub(super) atomic: bool,
    /// An extension header could not be read: `payload` says nothing.
    pub(super) unreadable: bool,
    /// A routing header has a way to go: the transport checksum was made with another destination.
    pub(super) en_route: bool,
}

/// Where a fragment belongs.
#[derive(Clone, Copy)]
pub(super) struct FragmentHeader {
    pub(super) id: u32,
    /// First octet in the datagram.
    pub(super) offset: u32,
    /// Whether others follow.
    pub(super) more: bool,
}

/// Reads an IP packet by the version in its first nibble. An error means that the addresses are not known.
pub(super) fn decode<'a>(octets: Octets<'a>, counts: &mut WireCounts) -> Result<IpPacket<'a>, Fault> {
    match octets.u8(0).ok_or(Fault::IpCut)? >> 4 {
        4 => decode_v4(octets, counts),
        6 => decode_v6(octets, counts),
        _ => Err(Fault::IpVersion),
    }
}

fn decode_v4<'a>(octets: Octets<'a>, counts: &mut WireCounts) -> Result<IpPacket<'a>, Fault> {
    let header = Ipv4HeaderSlice::from_slice(octets.data()).map_err(|error| match error {
        HeaderSliceError::Len(_) => Fault::IpCut,
        HeaderSliceError::Content(_) => Fault::IpHeaderLength,
    })?;
    let header_len = header.slice().len();
    let total_len = match usize::from(header.total_len()) {
        // Segmentation offload: the length is written when the packet is cut into pieces.
        0 => octets.wire(),
        length => length,
    };
    if total_len < header_len {
        return Err(Fault::IpTotalLength);
    }
    if total_len > octets.wire() {
        counts.fault(Fault::IpPastFrame);
    }
    if !checksum::ipv4_header_is_right(header.slice()) {
        counts.fault(Fault::IpChecksum);
    }
    let (more, offset) = (header.more_fragments(), u32::from(header.fragments_offset().value()) * 8);
    let mut ip = IpPacket {
        src: IpAddr::V4(header.source_addr()),
        dst: IpAddr::V4(header.destination_addr()),
        proto: header.protocol().0,
        total_len,
        payload: octets.limit(total_len).skip_lax(header_len),
        fragment: (more || offset > 0).then(|| FragmentHeader { id: u32::from(header.identification()), offset, more }),
        atomic: false,
        unreadable: false,
        en_route: false,
    };
    // Authentication headers hide nothing (RFC 4302).
    if ip.proto == ip_number::AUTHENTICATION_HEADER.0 && ip.fragment.is_none() {
        ip.read_extensions(counts);
    }
    Ok(ip)
}

fn decode_v6<'a>(octets: Octets<'a>, counts: &mut WireCounts) -> Result<IpPacket<'a>, Fault> {
    let header = Ipv6HeaderSlice::from_slice(octets.data()).map_err(|_| Fault::IpCut)?;
    let rest = octets.skip(header.slice().len()).ok_or(Fault::IpCut)?;
    let next = header.next_header();
    let payload_len = match usize::from(header.payload_length()) {
        0 => jumbo_len(next.0, rest).unwrap_or(0),
        length => length,
    };
    if payload_len > rest.wire() {
        counts.fault(Fault::IpPastFrame);
    }
    let mut ip = IpPacket {
        src: IpAddr::V6(header.source_addr()),
        dst: IpAddr::V6(header.destination_addr()),
        proto: next.0,
        total_len: header.slice().len() + payload_len,
        payload: rest.limit(payload_len),
        fragment: None,
        atomic: false,
        unreadable: false,
        en_route: false,
    };
    ip.read_extensions(counts);
    Ok(ip)
}

/// The length of a packet whose payload length is 0: the jumbo payload option (RFC 2675), or all of a frame that is longer
/// than the field can say (BIG TCP on the sending host).
fn jumbo_len(next: u8, rest: Octets<'_>) -> Option<usize> {
    const JUMBO_PAYLOAD: u8 = 0xc2;
    const PAD1: u8 = 0;
    if rest.wire() > usize::from(u16::MAX) {
        return Some(rest.wire());
    }
    if next != ip_number::IPV6_HEADER_HOP_BY_HOP.0 {
        return None;
    }
    let mut options = Ipv6RawExtHeaderSlice::from_slice(rest.data()).ok()?.payload();
    loop {
        match *options {
            [JUMBO_PAYLOAD, 4, a, b, c, d, ..] => return Some(u32::from_be_bytes([a, b, c, d]) as usize),
            [PAD1, ref after @ ..] => options = after,
            [_, length, ref after @ ..] => options = after.get(usize::from(length)..)?,
            _ => return None,
        }
    }
}

impl IpPacket<'_> {
    /// Follows extension headers (RFC 8200 section 4) to the transport header, to a fragment header of a real fragment, or to
    /// one that cannot be read.
    pub(super) fn read_extensions(&mut self, counts: &mut WireCounts) {
        loop {
            let data = self.payload.data();
            let (next, length) = match etherparse::IpNumber(self.proto) {
                ip_number::IPV6_HEADER_HOP_BY_HOP
                | ip_number::IPV6_DESTINATION_OPTIONS
                | ip_number::IPV6_ROUTE_HEADER
                | ip_number::SHIM6
                    if self.src.is_ipv6() =>
                {
                    let Ok(header) = Ipv6RawExtHeaderSlice::from_slice(data) else { return self.give_up(counts) };
                    if self.proto == ip_number::IPV6_ROUTE_HEADER.0 && header.payload().get(1) != Some(&0) {
                        self.en_route = true;
                    }
                    (header.next_header(), header.slice().len())
                }
                ip_number::IPV6_FRAGMENTATION_HEADER if self.src.is_ipv6() => {
                    let Ok(header) = Ipv6FragmentHeaderSlice::from_slice(data) else { return self.give_up(counts) };
                    let offset = u32::from(header.fragment_offset().value()) * 8;
                    self.atomic = offset == 0 && !header.more_fragments();
                    if !self.atomic {
                        self.fragment =
                            Some(FragmentHeader { id: header.identification(), offset, more: header.more_fragments() });
                    }
                    (header.next_header(), header.slice().len())
                }
                ip_number::AUTHENTICATION_HEADER => {
                    let Ok(header) = IpAuthHeaderSlice::from_slice(data) else { return self.give_up(counts) };
                    (header.next_header(), header.slice().len())
                }
                _ => return,
            };
            self.proto = next.0;
            self.payload = self.payload.skip_lax(length);
            if self.fragment.is_some() {
                return;
            }
        }
    }

    fn give_up(&mut self, counts: &mut WireCounts) {
        self.unreadable = true;
        counts.fault(Fault::IpExtensionCut);
    }
}

/// Whether `proto` is an extension header that [`IpPacket::read_extensions`] follows.
pub(super) fn is_extension(proto: u8) -> bool {
    matches!(
        etherparse::IpNumber(proto),
        ip_number::IPV6_HEADER_HOP_BY_HOP
            | ip_number::IPV6_DESTINATION_OPTIONS
            | ip_number::IPV6_ROUTE_HEADER
            | ip_number::SHIM6
            | ip_number::IPV6_FRAGMENTATION_HEADER
            | ip_number::AUTHENTICATION_HEADER
    )
}

/// Whether octets behind a weak announcement can be an IP packet: version and lengths that fit.
pub(super) fn fits(octets: Octets<'_>) -> bool {
    let (Some(first), Some(second_word)) = (octets.u8(0), octets.u32(4)) else { return false };
    match first >> 4 {
        4 => {
            let header_len = usize::from(first & 0x0f) * 4;
            let total_len = octets.u16(2).map_or(0, usize::from);
            header_len >= 20 && ((header_len..=octets.wire()).contains(&total_len) || total_len == 0)
        }
        6 => (second_word >> 16) as usize + 40 <= octets.wire(),
        _ => false,
    }
}

/// Whether octets that nothing announces are an IP packet: as [`fits`], and for IPv4 a right header checksum.
pub(super) fn is_plausible(octets: Octets<'_>) -> bool {
    fits(octets)
        && octets.u8(0).is_some_and(|first| {
            first >> 4 == 6
                || octets.data().get(..usize::from(first & 0x0f) * 4).is_some_and(checksum::ipv4_header_is_right)
        })
}
