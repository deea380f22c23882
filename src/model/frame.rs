//! Frames: what a capture hands over, before anything is understood.

use super::Timestamp;

/// A link-layer type by its tcpdump.org LINKTYPE_ number (the numbers of capture files, not the DLT_ numbers of one system).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);

impl LinkType {
    /// BSD loopback: 4 octets of address family in the byte order of the capturing host.
    pub const NULL: Self = Self(0);
    /// IEEE 802.3 Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without the HDLC address and control octets.
    pub const PPP: Self = Self(9);
    /// PPP in HDLC-like framing.
    pub const PPP_HDLC: Self = Self(50);
    /// PPPoE session, without the Ethernet header.
    pub const PPP_ETHER: Self = Self(51);
    /// Raw IP, version from the first nibble.
    pub const RAW: Self = Self(101);
    /// Cisco HDLC.
    pub const C_HDLC: Self = Self(104);
    /// IEEE 802.11.
    pub const IEEE802_11: Self = Self(105);
    /// OpenBSD loopback: address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture v1.
    pub const LINUX_SLL: Self = Self(113);
    /// IEEE 802.11 behind a radiotap header.
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux netfilter log.
    pub const NFLOG: Self = Self(239);
    /// Apple PKTAP.
    pub const PKTAP: Self = Self(258);
    /// Linux cooked capture v2.
    pub const LINUX_SLL2: Self = Self(276);
}

/// Where a frame was seen: the capture (file or live source) and the interface inside it, both by index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Index of the capture, in the order of the command line.
    pub capture: u16,
    /// Index of the interface within that capture (pcapng); 0 for classic pcap.
    pub interface: u16,
}

/// One captured frame. Borrowed from the source's buffer until the source advances.
pub struct Frame<'a> {
    /// When the frame was captured.
    pub time: Timestamp,
    /// What the first octet of `data` belongs to.
    pub link: LinkType,
    /// Where it was seen.
    pub origin: Origin,
    /// Octets captured: at most `wire_len`, less with a short snaplen.
    pub data: &'a [u8],
    /// Length of the frame on the wire, octets.
    pub wire_len: u32,
}

impl<'a> Frame<'a> {
    /// A frame that was captured whole, nobody says where.
    pub fn whole(time: Timestamp, link: LinkType, data: &'a [u8]) -> Self {
        Self { time, link, origin: Origin::default(), data, wire_len: data.len() as u32 }
    }
}
