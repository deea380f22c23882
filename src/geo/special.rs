//! Addresses that are no place: the IANA special-purpose registries, multicast and broadcast (`special.tsv`); and IPv6
//! addresses that stand for an IPv4 address, which are judged by it.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::prefix::PrefixMap;

const TABLE: &str = include_str!("special.tsv");

/// Networks that are monitored when the operator names none: RFC 1918, RFC 6598, unique local, link-local and loopback
/// addresses, and what hosts use before and beside them (`0.0.0.0/8`, `::`, the deprecated site-local block).
pub(super) const DEFAULT_LOCAL: [&str; 12] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::/128",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
];

/// The registries as a table of names; blocks that are globally reachable are `None`, so that they lift what is around
/// them.
pub(super) fn table() -> PrefixMap<Option<&'static str>> {
    PrefixMap::new(TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut fields = line.split('\t');
        let (prefix, name, reachable) = (fields.next()?, fields.next()?, fields.next()?);
        Some((prefix.parse::<IpNet>().ok()?, (reachable == "no").then_some(name)))
    }))
}

/// The address that decides about `addr`: the IPv4 address inside an IPv4-mapped (RFC 4291, 2.5.5.2), NAT64 (RFC 6052,
/// `64:ff9b::/96`), 6to4 (RFC 3056) or Teredo (RFC 4380; the client, behind its NAT) address, else itself.
pub(super) fn judged(addr: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = addr else { return addr };
    let embedded = match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            (high, low)
        }
        [0x2001, 0, .., high, low] => (!high, !low),
        _ => return addr,
    };
    IpAddr::V4(Ipv4Addr::from_bits(u32::from(embedded.0) << 16 | u32::from(embedded.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let table = table();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<_> = line.split('\t').collect();
            let [prefix, name, reachable @ ("yes" | "no")] = fields[..] else { panic!("{line}") };
            let net: IpNet = prefix.parse().unwrap();
            assert_eq!(net, net.trunc(), "{line}");
            let found = table.longest(net.broadcast()).unwrap();
            assert!(found.0 == net || net.contains(&found.0), "{line}");
            if found.0 == net {
                assert_eq!(found.1, (reachable == "no").then_some(name));
            }
        }
        for local in DEFAULT_LOCAL {
            assert!(table.contains(local.parse::<IpNet>().unwrap().addr()));
        }
    }

    #[test]
    fn embedded_addresses_are_found() {
        for (addr, judges) in [
            ("::ffff:8.8.8.8", "8.8.8.8"),
            ("64:ff9b::102:304", "1.2.3.4"),
            ("64:ff9b:1::102:304", "64:ff9b:1::102:304"),
            ("2002:102:304::1", "1.2.3.4"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.2.45"), // RFC 4380, as in its worked example
            ("2001:db8::1", "2001:db8::1"),
            ("::8.8.8.8", "::8.8.8.8"),
            ("9.9.9.9", "9.9.9.9"),
        ] {
            assert_eq!(judged(addr.parse().unwrap()), judges.parse::<IpAddr>().unwrap(), "{addr}");
        }
    }
}
