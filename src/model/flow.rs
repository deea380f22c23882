//! Flows: both directions between two ends, named the same from either side.

use std::net::IpAddr;

use base64::Engine as _;
use sha1::{Digest as _, Sha1};

use super::packet::{ip_proto, names};

/// One end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// IP address.
    pub addr: IpAddr,
    /// Port; 0 without ports; ICMP type or code as Community ID orders them.
    pub port: u16,
}

/// Which way octets travel within a flow: from its originator (sender of the first packet seen, or of the SYN) or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From originator to responder.
    Forward,
    /// From responder to originator.
    Backward,
}

impl Direction {
    /// 0 for forward, 1 for backward: an index into pairs.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// This direction's of a pair.
    pub const fn of<T>(self, [forward, backward]: &[T; 2]) -> &T {
        match self {
            Self::Forward => forward,
            Self::Backward => backward,
        }
    }

    /// As [`Direction::of`], to change it.
    pub const fn of_mut<T>(self, [forward, backward]: &mut [T; 2]) -> &mut T {
        match self {
            Self::Forward => forward,
            Self::Backward => backward,
        }
    }

    /// The other way.
    pub const fn reverse(self) -> Self {
        match self {
            Self::Forward => Self::Backward,
            Self::Backward => Self::Forward,
        }
    }
}

names! {
    /// Where the two ends of a flow are, seen from the monitored networks.
    Scope {
        /// One end is local: what the local end sends is egress.
        Egress = "egress",
        /// Both ends are local (or the remote end is multicast, broadcast or otherwise no place).
        Internal = "internal",
        /// Neither end is local.
        Transit = "transit",
    }
}

names! {
    /// Which end opened a flow.
    Initiator {
        /// The local end.
        Local = "local",
        /// The remote end.
        Remote = "remote",
    }
}

/// The conventional name of an IP protocol in events and tables, `ip-N` for one without.
pub fn proto_name(proto: u8) -> std::borrow::Cow<'static, str> {
    match proto {
        ip_proto::ICMP => "icmp".into(),
        ip_proto::ICMPV6 => "icmp6".into(),
        ip_proto::TCP => "tcp".into(),
        ip_proto::UDP => "udp".into(),
        ip_proto::SCTP => "sctp".into(),
        2 => "igmp".into(),
        47 => "gre".into(),
        50 => "esp".into(),
        51 => "ah".into(),
        89 => "ospf".into(),
        other => format!("ip-{other}").into(),
    }
}

/// Community ID v1 with seed 0 (<https://github.com/corelight/community-id-spec>): equal for both directions.
///
/// For ICMP the ports are type and code, replaced by the matching reply type where the specification pairs them.
pub fn community_id(proto: u8, src: Endpoint, dst: Endpoint) -> String {
    let (mut src, mut dst) = (src, dst);
    let mut one_way = false;
    if proto == ip_proto::ICMP || proto == ip_proto::ICMPV6 {
        match icmp_counterpart(proto, src.port) {
            Some(reply) => dst.port = reply,
            None => one_way = true,
        }
    }
    if !one_way && (dst.addr, dst.port) < (src.addr, src.port) {
        std::mem::swap(&mut src, &mut dst);
    }
    let mut hash = Sha1::new();
    hash.update([0, 0]);
    for end in [src.addr, dst.addr] {
        match end {
            IpAddr::V4(v4) => hash.update(v4.octets()),
            IpAddr::V6(v6) => hash.update(v6.octets()),
        }
    }
    hash.update([proto, 0]);
    if has_ports(proto) {
        hash.update(src.port.to_be_bytes());
        hash.update(dst.port.to_be_bytes());
    }
    format!("1:{}", base64::engine::general_purpose::STANDARD.encode(hash.finalize()))
}

const fn has_ports(proto: u8) -> bool {
    matches!(proto, ip_proto::TCP | ip_proto::UDP | ip_proto::SCTP | ip_proto::ICMP | ip_proto::ICMPV6)
}

/// The ICMP type that answers `icmp_type`, so that request and reply belong to one flow; `None` for one-way messages.
pub fn icmp_counterpart(proto: u8, icmp_type: u16) -> Option<u16> {
    let pairs: &[(u16, u16)] = if proto == ip_proto::ICMP {
        &[(0, 8), (9, 10), (13, 14), (15, 16), (17, 18)]
    } else {
        &[(128, 129), (130, 131), (133, 134), (135, 136), (139, 140), (144, 145)]
    };
    pairs.iter().find_map(|&(a, b)| match icmp_type {
        t if t == a => Some(b),
        t if t == b => Some(a),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(addr: &str, port: u16) -> Endpoint {
        Endpoint { addr: addr.parse().unwrap(), port }
    }

    /// Values from the baseline of the Community ID specification (default seed 0).
    #[test]
    fn community_id_matches_the_published_baseline() {
        let tcp = (end("128.232.110.120", 34855), end("66.35.250.204", 80));
        assert_eq!(community_id(6, tcp.0, tcp.1), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        assert_eq!(community_id(6, tcp.1, tcp.0), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        assert_eq!(community_id(17, end("192.168.1.52", 54585), end("8.8.8.8", 53)), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
        assert_eq!(community_id(1, end("192.168.0.89", 8), end("192.168.0.1", 0)), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        assert_eq!(community_id(1, end("192.168.0.1", 0), end("192.168.0.89", 0)), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
    }
}
