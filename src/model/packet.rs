//! Packets: the innermost IP packet of a frame, decoded as far as the transport header.

use std::net::IpAddr;

use super::{Origin, Timestamp};

/// IP protocol numbers that get a state of their own.
pub mod ip_proto {
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// Encrypted payload of IPsec.
    pub const ESP: u8 = 50;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
    /// SCTP.
    pub const SCTP: u8 = 132;
}

/// What carried an inner packet. Only the innermost tunnel is named; `depth` counts all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tunnel {
    /// The kind of the innermost tunnel.
    pub kind: TunnelKind,
    /// Number of IP headers around the judged packet.
    pub depth: u8,
    /// VXLAN or GENEVE network identifier, GRE key, GTP TEID, ERSPAN session: 0 where there is none.
    pub vni: u32,
    /// Source of the IP header directly around the inner packet.
    pub outer_src: IpAddr,
    /// Destination of the IP header directly around the inner packet.
    pub outer_dst: IpAddr,
}

macro_rules! names {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }
        impl $name {
            /// Every value, in declaration order: closed label sets are created from this.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The name used in events, tables, metric labels and configuration.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $text),+ } }
            /// Position in [`Self::ALL`]: an index into arrays of counts.
            pub const fn index(self) -> usize { self as usize }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.as_str()) }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(self.as_str()) }
        }
        impl std::str::FromStr for $name {
            type Err = ();
            fn from_str(s: &str) -> Result<Self, ()> {
                Self::ALL.iter().copied().find(|v| v.as_str() == s).ok_or(())
            }
        }
    };
}
pub(crate) use names;

names! {
    /// Encapsulations that hide one IP packet in another.
    TunnelKind {
        /// GRE, RFC 2784 and 2890.
        Gre = "gre",
        /// IPv4 or IPv6 directly in IPv4 or IPv6, RFC 2003, 2473, 4213.
        IpInIp = "ip-in-ip",
        /// VXLAN, RFC 7348.
        Vxlan = "vxlan",
        /// GENEVE, RFC 8926.
        Geneve = "geneve",
        /// ERSPAN types I to III.
        Erspan = "erspan",
        /// GTP-U, 3GPP TS 29.281.
        GtpU = "gtp-u",
        /// Teredo, RFC 4380.
        Teredo = "teredo",
        /// L2TPv3, RFC 3931.
        L2tpV3 = "l2tpv3",
        /// MPLS in UDP, RFC 7510.
        MplsUdp = "mpls-in-udp",
        /// AYIYA and others that carry IP behind a small header.
        Other = "other",
    }
}

/// The transport part of a packet.
pub enum Segment<'a> {
    /// A TCP segment.
    Tcp(TcpSegment<'a>),
    /// A whole UDP datagram.
    Udp(Datagram<'a>),
    /// ICMP or ICMPv6: the two numbers Community ID uses in place of ports.
    Icmp {
        /// ICMP type.
        icmp_type: u8,
        /// ICMP code.
        code: u8,
    },
    /// Any other IP protocol, with its payload as far as captured.
    Other(Datagram<'a>),
    /// Octets to count, nothing to read: a fragment whose datagram is not complete, or a transport header that was cut off
    /// or wrong.
    Counted,
}

/// A TCP segment as it was captured.
pub struct TcpSegment<'a> {
    /// Sequence number of the first payload octet, or of the SYN.
    pub seq: u32,
    /// Acknowledgement number, meaningful with [`TcpFlags::ACK`].
    pub ack: u32,
    /// Control bits.
    pub flags: TcpFlags,
    /// Payload octets that were captured.
    pub payload: &'a [u8],
    /// Payload length by the headers: more than `payload.len()` where a snaplen cut the frame.
    pub payload_len: u32,
}

/// A datagram's payload.
pub struct Datagram<'a> {
    /// Payload octets that were captured.
    pub payload: &'a [u8],
    /// Payload length by the headers.
    pub payload_len: u32,
}

/// TCP control bits (octet 13 of the header).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number is valid.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer is valid.
    pub const URG: Self = Self(0x20);

    /// Whether all bits of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The innermost IP packet that is judged, or what is known of it.
///
/// `packets` and `bytes` are what the flow's counters grow by. They are 1 and the packet's length, except where fragments
/// had to wait for the fragment that shows their ports: then the first packet that can be attributed brings the waiting ones
/// along. A reassembled datagram arrives with the fragment that completes it.
pub struct Packet<'a> {
    /// When it was captured.
    pub time: Timestamp,
    /// When the earliest packet counted in `packets` was captured.
    pub first_time: Timestamp,
    /// Where it was captured.
    pub origin: Origin,
    /// Sender.
    pub src: IpAddr,
    /// Receiver.
    pub dst: IpAddr,
    /// IP protocol after extension headers.
    pub proto: u8,
    /// Source port, 0 without ports.
    pub src_port: u16,
    /// Destination port, 0 without ports.
    pub dst_port: u16,
    /// Outermost VLAN id, 0 without one.
    pub vlan: u16,
    /// What carried this packet.
    pub tunnel: Option<Tunnel>,
    /// IP packets to count.
    pub packets: u32,
    /// IP octets to count (total length; 40 + payload length for IPv6), capped by the frame's length on the wire.
    pub bytes: u64,
    /// The transport part.
    pub segment: Segment<'a>,
}
