//! Networks that stand in many places: anycast and content delivery (geoip/edge.tsv). They are marked in evidence, and make what
//! databases and registries say of a location less sure; they decide nothing.

use std::net::IpAddr;

use ipnet::IpNet;

use super::prefix::PrefixMap;

const TABLE: &str = include_str!("../../geoip/edge.tsv");

/// What is known of such a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    /// `anycast` or `delivery`.
    pub(super) kind: &'static str,
    pub(super) holder: &'static str,
    pub(super) source: &'static str,
}

/// The networks by prefix.
pub(super) struct Edges(PrefixMap<Edge>);

impl Edges {
    pub(super) fn new() -> Self {
        Self(PrefixMap::new(TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(entry)))
    }

    pub(super) fn of(&self, addr: IpAddr) -> Option<(IpNet, Edge)> {
        self.0.longest(addr).map(|(net, edge)| (*net, *edge))
    }
}

fn entry(line: &'static str) -> Option<(IpNet, Edge)> {
    let mut fields = line.split('\t');
    let net = fields.next()?.parse().ok()?;
    Some((net, Edge { kind: fields.next()?, holder: fields.next()?, source: fields.next()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let edges = Edges::new();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let (net, edge) = entry(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(net, net.trunc(), "{line}");
            assert!(matches!(edge.kind, "anycast" | "delivery") && edge.source.starts_with("https://"), "{line}");
            assert!(edges.of(net.broadcast()).is_some_and(|(found, _)| found == net || net.contains(&found)), "{line}");
        }
        assert_eq!(edges.of("104.15.255.255".parse().unwrap()), None);
    }
}
