//! Transport headers: ports, and the payload a flow can read.
//!
//! Read by hand: the slices of etherparse want whole headers, and a snaplen that ends in TCP options takes neither sequence
//! number nor length from a segment.

use super::checksum;
use super::counts::{Fault, WireCounts};
use super::ip::IpPacket;
use super::octets::Octets;
use crate::model::{Datagram, Segment, TcpFlags, TcpSegment, ip_proto};

/// Whether [`ports`] says more than 0 and 0.
pub(super) fn has_ports(proto: u8) -> bool {
    matches!(proto, ip_proto::TCP | ip_proto::UDP | ip_proto::SCTP | ip_proto::ICMP | ip_proto::ICMPV6)
}

/// Source and destination port; ICMP type and code; 0 for protocols that have neither. `None` if they are not there.
pub(super) fn ports(proto: u8, payload: Octets<'_>) -> Option<(u16, u16)> {
    match proto {
        ip_proto::TCP | ip_proto::UDP | ip_proto::SCTP => Some((payload.u16(0)?, payload.u16(2)?)),
        ip_proto::ICMP | ip_proto::ICMPV6 => Some((u16::from(payload.u8(0)?), u16::from(payload.u8(1)?))),
        _ => Some((0, 0)),
    }
}

/// The transport part of a whole datagram, with its ports.
pub(super) fn decode<'a>(ip: &IpPacket<'a>, counts: &mut WireCounts) -> (u16, u16, Segment<'a>) {
    if ip.unreadable {
        return (0, 0, Segment::Counted);
    }
    let Some((src_port, dst_port)) = ports(ip.proto, ip.payload) else {
        counts.fault(match ip.proto {
            ip_proto::TCP => Fault::TcpCut,
            ip_proto::UDP => Fault::UdpCut,
            ip_proto::SCTP => Fault::SctpCut,
            _ => Fault::IcmpCut,
        });
        return (0, 0, Segment::Counted);
    };
    let segment = match ip.proto {
        ip_proto::TCP => tcp(ip, counts),
        ip_proto::UDP => udp(ip, counts),
        ip_proto::ICMP | ip_proto::ICMPV6 => Ok(Segment::Icmp { icmp_type: src_port as u8, code: dst_port as u8 }),
        _ => Ok(Segment::Other(datagram(ip.payload))),
    };
    let segment = segment.unwrap_or_else(|fault| {
        counts.fault(fault);
        Segment::Counted
    });
    (src_port, dst_port, segment)
}

fn datagram(payload: Octets<'_>) -> Datagram<'_> {
    Datagram { payload: payload.data(), payload_len: u32::try_from(payload.wire()).unwrap_or(u32::MAX) }
}

/// RFC 9293 section 3.1. The first 14 octets are needed; options may be cut off.
fn tcp<'a>(ip: &IpPacket<'a>, counts: &mut WireCounts) -> Result<Segment<'a>, Fault> {
    let segment = ip.payload;
    let [_, _, _, _, s0, s1, s2, s3, a0, a1, a2, a3, offset, flags] = segment.array::<14>(0).ok_or(Fault::TcpCut)?;
    let header_len = usize::from(offset >> 4) * 4;
    if header_len < 20 || header_len > segment.wire() {
        return Err(Fault::TcpOffset);
    }
    if checksum_is_wrong(ip, segment) {
        counts.fault(Fault::TcpChecksum);
    }
    let Datagram { payload, payload_len } = datagram(segment.skip_lax(header_len));
    Ok(Segment::Tcp(TcpSegment {
        seq: u32::from_be_bytes([s0, s1, s2, s3]),
        ack: u32::from_be_bytes([a0, a1, a2, a3]),
        flags: TcpFlags(flags),
        payload,
        payload_len,
    }))
}

/// RFC 768. Length 0 stands for all of the IP payload (RFC 2675 section 4, and segmentation offload).
fn udp<'a>(ip: &IpPacket<'a>, counts: &mut WireCounts) -> Result<Segment<'a>, Fault> {
    const HEADER_LEN: usize = 8;
    let length = ip.payload.u16(4).map(usize::from).ok_or(Fault::UdpCut)?;
    let length = match length {
        0 => ip.payload.wire(),
        1..HEADER_LEN => return Err(Fault::UdpLength),
        _ => length,
    };
    if length > ip.payload.wire() {
        counts.fault(Fault::UdpLength);
    }
    let whole = ip.payload.limit(length);
    let has_checksum = whole.u16(6).ok_or(Fault::UdpCut)? != 0;
    if has_checksum && length <= ip.payload.wire() && checksum_is_wrong(ip, whole) {
        counts.fault(Fault::UdpChecksum);
    }
    Ok(Segment::Udp(datagram(whole.skip_lax(HEADER_LEN))))
}

/// Only what was captured whole, and is longer than no header promised, can be verified.
fn checksum_is_wrong(ip: &IpPacket<'_>, segment: Octets<'_>) -> bool {
    !segment.is_cut() && !ip.en_route && !checksum::segment_is_right(ip.src, ip.dst, ip.proto, segment.data())
}
