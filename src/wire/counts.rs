//! What the decoder counts. All names are closed sets known at compile time, so that every metric series exists from the
//! start.

use crate::model::FrameCounts;

/// Declares a closed set of counted happenings, each with its names.
macro_rules! happenings {
    ($(#[$meta:meta])* $name:ident: $label:ty { $($(#[$vmeta:meta])* $variant:ident = $text:expr),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name { $($(#[$vmeta])* $variant),+ }
        impl $name {
            pub(super) const SERIES: &'static [$label] = &[$($text),+];
        }
    };
}

happenings! {
    /// Something that is wrong, with the layer it is wrong in. Not each makes the frame malformed: what can be counted is
    /// counted.
    Fault: (&'static str, &'static str) {
        /// A link-layer header is not all there.
        LinkCut = ("link", "truncated"),
        /// More headers within headers than `Limits::encapsulation_max`.
        LinkDepth = ("link", "encapsulation-limit"),
        /// A link-layer header contradicts itself.
        LinkBad = ("link", "bad-header"),
        /// The fixed IP header is not all there.
        IpCut = ("ip", "truncated"),
        /// Neither 4 nor 6.
        IpVersion = ("ip", "bad-version"),
        /// An IPv4 header length below 20 octets.
        IpHeaderLength = ("ip", "bad-header-length"),
        /// An IPv4 total length below the header length.
        IpTotalLength = ("ip", "bad-total-length"),
        /// A length that goes past the end of the frame on the wire; cut to it.
        IpPastFrame = ("ip", "length-exceeds-frame"),
        /// IPv4 options or an IPv6 extension header is not all there: no transport header.
        IpExtensionCut = ("ip", "extension-truncated"),
        /// A wrong IPv4 header checksum; the packet is accepted.
        IpChecksum = ("ip", "bad-checksum"),
        /// A TCP header is not all there.
        TcpCut = ("tcp", "truncated"),
        /// A TCP data offset below 20 octets or past the segment.
        TcpOffset = ("tcp", "bad-offset"),
        /// A wrong TCP checksum; the segment is accepted.
        TcpChecksum = ("tcp", "bad-checksum"),
        /// A UDP header is not all there.
        UdpCut = ("udp", "truncated"),
        /// A UDP length below 8, or past the IP payload; cut to it.
        UdpLength = ("udp", "bad-length"),
        /// A wrong UDP checksum; the datagram is accepted.
        UdpChecksum = ("udp", "bad-checksum"),
        /// ICMP type or code are not there.
        IcmpCut = ("icmp", "truncated"),
        /// SCTP ports are not there.
        SctpCut = ("sctp", "truncated"),
        /// A fragment that is there already, octet by octet.
        FragmentDuplicate = ("fragment", "duplicate"),
        /// A fragment that overlaps another one.
        FragmentOverlap = ("fragment", "overlap"),
        /// Fragments that disagree about where the datagram ends.
        FragmentEnd = ("fragment", "conflicting-end"),
        /// A fragment that ends past 65,535 octets.
        FragmentOversized = ("fragment", "oversized"),
        /// A fragment that is empty, or not the last one and not a multiple of 8 octets long.
        FragmentLength = ("fragment", "bad-length"),
        /// A datagram that was not complete in time.
        FragmentTimeout = ("fragment", "timeout"),
        /// Something that a header says is a tunnelled packet, and is not: the packet around it is judged.
        TunnelInner = ("tunnel", "bad-inner-packet"),
    }
}

happenings! {
    /// What a frame without IP carries.
    NonIp: &'static str {
        /// A link-layer type nobody has taught us.
        LinkType = "unknown-link-type",
        /// ARP and reverse ARP.
        Arp = "arp",
        /// An ethertype that carries no IP.
        EtherType = "ethertype",
        /// 802.2 LLC without SNAP, or SNAP with a vendor's protocol.
        Llc = "llc",
        /// MACsec, which is not readable.
        MacSec = "macsec",
        /// PPPoE discovery.
        PppoeDiscovery = "pppoe-discovery",
        /// A PPP protocol that carries no IP in the clear.
        Ppp = "ppp",
        /// An address family that is not IP, of a loopback or netfilter capture.
        AddressFamily = "address-family",
        /// Cisco HDLC or frame relay without IP.
        Hdlc = "hdlc",
        /// An MPLS payload that is neither IP nor Ethernet.
        Mpls = "mpls",
        /// 802.11 management, control and empty frames.
        WifiControl = "wifi-control",
        /// 802.11 data that is encrypted.
        WifiEncrypted = "wifi-encrypted",
        /// A tunnel's own messages, or a payload that is not IP.
        Tunnel = "tunnel",
    }
}

happenings! {
    /// Limits that were reached, by the name they have in `Limits`.
    Limit: &'static str {
        /// An incomplete datagram was dropped because too many were held.
        FragmentTrains = "fragment_trains_max",
        /// An incomplete datagram was dropped because too many octets were held.
        FragmentBytes = "fragment_bytes_max",
        /// A packet was not looked into further.
        Encapsulation = "encapsulation_max",
    }
}

/// Counts of one [`super::Decoder`].
#[derive(Clone, Debug)]
pub struct WireCounts {
    /// Frames by what became of them: `total = ip + non_ip + malformed`.
    pub frames: FrameCounts,
    errors: [u64; Fault::SERIES.len()],
    non_ip: [u64; NonIp::SERIES.len()],
    limits: [u64; Limit::SERIES.len()],
}

impl Default for WireCounts {
    fn default() -> Self {
        Self {
            frames: FrameCounts::default(),
            errors: [0; Fault::SERIES.len()],
            non_ip: [0; NonIp::SERIES.len()],
            limits: [0; Limit::SERIES.len()],
        }
    }
}

impl WireCounts {
    /// Every (layer, reason) of [`Self::errors`].
    pub const ERROR_SERIES: &'static [(&'static str, &'static str)] = Fault::SERIES;
    /// Every reason of [`Self::non_ip`].
    pub const NON_IP_SERIES: &'static [&'static str] = NonIp::SERIES;
    /// Every name of [`Self::limits_reached`].
    pub const LIMIT_SERIES: &'static [&'static str] = Limit::SERIES;

    /// Decode errors and peculiarities by (layer, reason), zeros included, in the order of [`Self::ERROR_SERIES`]. A frame
    /// can count in several; only `link` and `ip` errors that hide the addresses make it malformed.
    pub fn errors(&self) -> impl Iterator<Item = ((&'static str, &'static str), u64)> + '_ {
        Self::ERROR_SERIES.iter().copied().zip(self.errors.iter().copied())
    }

    /// Frames without IP by what they carry instead, zeros included; they add up to `frames.non_ip`.
    pub fn non_ip(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Self::NON_IP_SERIES.iter().copied().zip(self.non_ip.iter().copied())
    }

    /// How often each limit was reached, zeros included, by its name in [`crate::model::Limits`].
    pub fn limits_reached(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Self::LIMIT_SERIES.iter().copied().zip(self.limits.iter().copied())
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        bump(&mut self.errors, fault as usize);
    }

    pub(super) fn without_ip(&mut self, what: NonIp) {
        bump(&mut self.non_ip, what as usize);
    }

    pub(super) fn limit(&mut self, limit: Limit) {
        bump(&mut self.limits, limit as usize);
    }
}

fn bump(counts: &mut [u64], index: usize) {
    if let Some(count) = counts.get_mut(index) {
        *count += 1;
    }
}
