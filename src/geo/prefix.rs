//! Longest-prefix matching over networks that do not change: prefixes are flattened once into disjoint ranges, so that
//! a lookup is one binary search whatever the nesting (50,000 prefixes: 17 steps).

use std::net::IpAddr;

use ipnet::IpNet;

/// A map from networks to values; the longest prefix that contains an address answers. Of two values for one prefix the
/// later wins.
#[derive(Clone)]
pub(super) struct PrefixMap<T> {
    entries: Vec<(IpNet, T)>,
    v4: Ranges,
    v6: Ranges,
}

/// Disjoint ranges in ascending order: range `i` begins at `starts[i]`, ends before `starts[i + 1]`, and belongs to the
/// entry `owners[i]`, or to nobody. The two vectors have one length.
#[derive(Clone, Default)]
struct Ranges {
    starts: Vec<u128>,
    owners: Vec<Option<u32>>,
}

impl<T> Default for PrefixMap<T> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl<T> PrefixMap<T> {
    /// Builds the map in O(n log n). Host bits of the networks are ignored.
    pub(super) fn new(entries: impl IntoIterator<Item = (IpNet, T)>) -> Self {
        let entries: Vec<_> = entries.into_iter().map(|(net, value)| (net.trunc(), value)).collect();
        let mut order: Vec<u32> = (0..entries.len() as u32).collect();
        // Outer networks before the inner ones; the sort is stable, so of equals the later one stays last and wins.
        order.sort_by_key(|&i| entries.get(i as usize).map(|(net, _)| (bits(net.network()), net.prefix_len())));
        let mut map = Self { v4: Ranges::default(), v6: Ranges::default(), entries };
        for (ranges, is_v4) in [(&mut map.v4, true), (&mut map.v6, false)] {
            let mut open: Vec<(u128, u32)> = Vec::new(); // (last address, entry) of the networks around the current one
            for &i in &order {
                let Some((net, _)) = map.entries.get(i as usize) else {
                    continue;
                };
                if net.addr().is_ipv4() != is_v4 {
                    continue;
                }
                let (first, last) = (bits(net.network()), bits(net.broadcast()));
                while open.last().is_some_and(|&(end, _)| end < first) {
                    ranges.close(&mut open);
                }
                ranges.begin(first, Some(i));
                open.push((last, i));
            }
            while !open.is_empty() {
                ranges.close(&mut open);
            }
        }
        map
    }

    /// The longest prefix that contains `addr`, with its value.
    pub(super) fn longest(&self, addr: IpAddr) -> Option<&(IpNet, T)> {
        let ranges = if addr.is_ipv4() { &self.v4 } else { &self.v6 };
        let after = ranges.starts.partition_point(|&start| start <= bits(addr));
        let owner = (*ranges.owners.get(after.checked_sub(1)?)?)?;
        self.entries.get(owner as usize)
    }

    /// Whether any network contains `addr`.
    pub(super) fn contains(&self, addr: IpAddr) -> bool {
        self.longest(addr).is_some()
    }
}

impl Ranges {
    /// Starts a range at `start`; a range that would be empty gives way to it.
    fn begin(&mut self, start: u128, owner: Option<u32>) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.owners.pop();
        }
        self.starts.push(start);
        self.owners.push(owner);
    }

    /// Ends the innermost open network: what follows belongs to the one around it.
    fn close(&mut self, open: &mut Vec<(u128, u32)>) {
        if let Some((end, _)) = open.pop()
            && let Some(next) = end.checked_add(1)
        {
            self.begin(next, open.last().map(|&(_, owner)| owner));
        }
    }
}

fn bits(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(entries: &[(IpNet, usize)], addr: IpAddr) -> Option<&usize> {
        entries
            .iter()
            .filter(|(net, _)| net.contains(&addr))
            .max_by_key(|(net, i)| (net.prefix_len(), *i))
            .map(|(_, i)| i)
    }

    fn net() -> impl Strategy<Value = IpNet> {
        // Few distinct leading bits, so that networks nest and touch; the ends of the address space are among them.
        let v4 = (prop_oneof![Just(0u32), Just(u32::MAX), 0u32..64], 0u8..=32).prop_map(|(bits, len)| {
            let addr = if bits < 64 { bits << 26 | bits } else { bits };
            IpNet::new(IpAddr::V4(addr.into()), len).unwrap()
        });
        let v6 = (prop_oneof![Just(0u128), Just(u128::MAX), 0u128..64], 0u8..=128).prop_map(|(bits, len)| {
            let addr = if bits < 64 { bits << 122 | bits } else { bits };
            IpNet::new(IpAddr::V6(addr.into()), len).unwrap()
        });
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn agrees_with_a_linear_search(
            nets in prop::collection::vec(net(), 0..24),
            probes in prop::collection::vec(net(), 1..16),
        ) {
            let entries: Vec<_> = nets.into_iter().enumerate().map(|(i, net)| (net, i)).collect();
            let map = PrefixMap::new(entries.clone());
            let ends = entries.iter().flat_map(|(net, _)| [net.network(), net.broadcast()]);
            for addr in probes.iter().map(IpNet::addr).chain(ends) {
                prop_assert_eq!(map.longest(addr).map(|(_, i)| i), naive(&entries, addr));
            }
        }
    }

    #[test]
    fn an_empty_map_answers_nothing() {
        assert!(!PrefixMap::<()>::default().contains("10.0.0.1".parse().unwrap()));
    }
}
