//! Which packets make one flow, and who is said to have opened it.

use super::recorder::*;
use crate::flow::EndReason;
use crate::model::*;

const A: (&str, u16) = ("10.0.0.1", 1000);
const B: (&str, u16) = ("10.0.0.2", 80);

fn ends() -> (Endpoint, Endpoint) {
    (end(A.0, A.1), end(B.0, B.1))
}

fn tunnel(kind: TunnelKind, vni: u32, outer: (&str, &str)) -> Option<Tunnel> {
    let (outer_src, outer_dst) = (outer.0.parse().unwrap(), outer.1.parse().unwrap());
    Some(Tunnel { kind, depth: 1, vni, outer_src, outer_dst })
}

/// Feeds UDP packets `(forward, vlan, tunnel)` and tells in which flow each was counted.
fn flows_of(packets: &[(bool, u16, Option<Tunnel>)]) -> Vec<u64> {
    let mut bench = Bench::new(&Limits::default());
    let (a, b) = ends();
    let mut flows = Vec::new();
    for &(forward, vlan, tunnel) in packets {
        let (src, dst) = if forward { (a, b) } else { (b, a) };
        let before: Vec<u64> = bench.told.flows.values().map(|told| told.datagrams).collect();
        bench.ingest(&Packet { vlan, tunnel, ..packet(seconds(0), src, dst, ip_proto::UDP, udp(b"x")) });
        let (id, _) = bench
            .told
            .flows
            .iter()
            .enumerate()
            .find(|(at, (_, told))| before.get(*at) != Some(&told.datagrams))
            .map(|(_, entry)| entry)
            .unwrap();
        flows.push(*id);
    }
    bench.finish();
    flows
}

#[test]
fn tags_keep_apart_what_is_apart_and_no_more() {
    use TunnelKind::{GtpU, IpInIp, Vxlan};
    let outer = ("192.0.2.1", "192.0.2.2");
    let back = ("192.0.2.2", "192.0.2.1");
    let elsewhere = ("192.0.2.1", "192.0.2.9");
    let (f, b) = (true, false);
    // Packets, and the packet number that names each one's flow.
    type Case<'a> = (&'a str, Vec<(bool, u16, Option<Tunnel>)>, Vec<u64>);
    let cases: Vec<Case<'_>> = vec![
        ("no tags", vec![(f, 0, None), (b, 0, None), (f, 0, None)], vec![0, 0, 0]),
        ("one VLAN", vec![(f, 7, None), (b, 7, None)], vec![0, 0]),
        ("one side tagged", vec![(f, 0, None), (b, 7, None), (f, 0, None), (b, 7, None)], vec![0, 0, 0, 0]),
        ("two VLANs", vec![(f, 7, None), (f, 8, None), (b, 8, None), (b, 7, None)], vec![0, 1, 1, 0]),
        (
            "the same packets in two VLANs",
            vec![(f, 7, None), (b, 7, None), (f, 8, None), (b, 8, None)],
            vec![0, 0, 2, 2],
        ),
        (
            "same VNI, other way round the fabric",
            vec![(f, 0, tunnel(Vxlan, 5, outer)), (b, 0, tunnel(Vxlan, 5, elsewhere))],
            vec![0, 0],
        ),
        (
            "two VNIs",
            vec![(f, 0, tunnel(Vxlan, 5, outer)), (f, 0, tunnel(Vxlan, 6, outer)), (b, 0, tunnel(Vxlan, 6, back))],
            vec![0, 1, 1],
        ),
        (
            "a GTP tunnel id per direction",
            vec![(f, 0, tunnel(GtpU, 5, outer)), (b, 0, tunnel(GtpU, 6, back)), (f, 0, tunnel(GtpU, 5, outer))],
            vec![0, 0, 0],
        ),
        (
            "IP in IP between other gateways",
            vec![
                (f, 0, tunnel(IpInIp, 0, outer)),
                (b, 0, tunnel(IpInIp, 0, back)),
                (f, 0, tunnel(IpInIp, 0, elsewhere)),
            ],
            vec![0, 0, 2],
        ),
        ("direct server return", vec![(f, 0, tunnel(IpInIp, 0, outer)), (b, 0, None), (b, 0, None)], vec![0, 0, 0]),
    ];
    for (name, packets, expected) in cases {
        assert_eq!(flows_of(&packets), expected, "{name}");
    }
}

#[test]
fn a_flow_shows_the_tag_of_its_originator() {
    let mut bench = Bench::new(&Limits::default());
    let (a, b) = ends();
    for (src, dst, vlan) in [(a, b, 7), (b, a, 8)] {
        bench.ingest(&Packet { vlan, ..packet(seconds(0), src, dst, ip_proto::UDP, udp(b"x")) });
    }
    let flow = bench.table.any_record();
    assert_eq!((flow.vlan(), flow.tunnel()), (7, None));
}

/// One 5-tuple in every VLAN there is: the work per packet stays bounded, and every packet is in one flow.
#[test]
fn past_a_bound_equal_tuples_share_the_oldest_flow() {
    let mut bench = Bench::new(&Limits::default());
    let (a, b) = ends();
    for vlan in 0..4096 {
        bench.ingest(&Packet { vlan, ..packet(seconds(0), a, b, ip_proto::UDP, udp(b"x")) });
    }
    assert_eq!(bench.table.len(), 64);
    assert_eq!(bench.table.counts().tags_merged, 4096 - 64);
    assert_eq!(bench.told.flows[&0].packets, [1 + 4096 - 64, 0]);
    bench.finish();
}

#[test]
fn icmp_requests_and_replies_are_one_flow() {
    // proto, (type, code) there, (type, code) back, whether they belong together.
    for (proto, there, back, together) in [
        (ip_proto::ICMP, (8, 0), (0, 0), true),
        (ip_proto::ICMP, (13, 0), (14, 0), true),
        (ip_proto::ICMP, (8, 3), (0, 0), true),
        (ip_proto::ICMP, (3, 1), (3, 1), false),
        (ip_proto::ICMP, (5, 5), (5, 5), false),
        (ip_proto::ICMPV6, (128, 0), (129, 0), true),
        (ip_proto::ICMPV6, (135, 0), (136, 0), true),
        (ip_proto::ICMPV6, (1, 4), (1, 4), false),
    ] {
        let mut bench = Bench::new(&Limits::default());
        for (src, dst, (icmp_type, code)) in [("10.0.0.2", "10.0.0.1", there), ("10.0.0.1", "10.0.0.2", back)] {
            let (src, dst) = (end(src, u16::from(icmp_type)), end(dst, u16::from(code)));
            bench.ingest(&packet(seconds(0), src, dst, proto, Segment::Icmp { icmp_type, code }));
        }
        assert_eq!(bench.table.len(), if together { 1 } else { 2 }, "{proto} {there:?} {back:?}");
        let (originator, responder) = bench.told.flows[&0].ends.unwrap();
        assert_eq!((originator.port, responder.port), (there.0.into(), there.1.into()), "type and code of the first");
        bench.finish();
    }
}

#[test]
fn the_originator_sent_the_first_packet_or_got_the_first_syn_ack() {
    for (flags, forward) in [(SYN, true), (SYN_ACK, false), (ACK, true), (FIN_ACK, true)] {
        let mut bench = Bench::new(&Limits::default());
        let (a, b) = ends();
        bench.ingest(&packet(seconds(0), a, b, ip_proto::TCP, tcp(flags, 1, 1, b"")));
        assert_eq!(bench.told.flows[&0].ends, Some(if forward { (a, b) } else { (b, a) }));
    }
}

/// IPv4, IPv6, ports, protocols: none is mistaken for another.
#[test]
fn every_part_of_the_tuple_counts() {
    let mut bench = Bench::new(&Limits::default());
    let tuples = [
        ("10.0.0.1", 1, "10.0.0.2", 2, 17),
        ("10.0.0.1", 2, "10.0.0.2", 1, 17),
        ("10.0.0.1", 1, "10.0.0.3", 2, 17),
        ("10.0.0.1", 1, "10.0.0.2", 2, 132),
        ("::ffff:10.0.0.1", 1, "::ffff:10.0.0.2", 2, 17),
        ("2001:db8::1", 1, "2001:db8::2", 2, 17),
        ("2001:db8::1", 2, "2001:db8::2", 1, 17),
        ("10.0.0.1", 5, "10.0.0.1", 6, 17),
        ("10.0.0.1", 5, "10.0.0.1", 5, 17),
    ];
    for _ in 0..2 {
        for (src, sport, dst, dport, proto) in tuples {
            bench.ingest(&packet(seconds(0), end(src, sport), end(dst, dport), proto, udp(b"x")));
            bench.ingest(&packet(seconds(0), end(dst, dport), end(src, sport), proto, udp(b"x")));
        }
    }
    assert_eq!(bench.table.len(), tuples.len());
    bench.finish();
}

/// Timeouts by packet time, whether or not other packets come in between; a clock that steps back ends nothing.
#[test]
fn flows_expire_on_packet_time() {
    for bystander in [false, true] {
        let mut bench = Bench::new(&Limits::default());
        let (a, b) = ends();
        let other = end("10.0.0.9", 9);
        for at in [0, 179, 358, 538] {
            if bystander {
                bench.ingest(&packet(seconds(at), other, b, ip_proto::UDP, udp(b"x")));
            }
            bench.ingest(&packet(seconds(at), a, b, ip_proto::UDP, udp(b"x")));
        }
        let closes: Vec<_> = bench.told.closes.iter().filter(|(id, _)| *id == u64::from(bystander)).collect();
        assert_eq!(closes.len(), 1);
        assert_eq!(closes[0].1, EndReason::IdleTimeout);
        bench.finish();
    }
    let mut bench = Bench::new(&Limits::default());
    let (a, b) = ends();
    for at in [100_000, 0, 100, 200, 100_000] {
        bench.ingest(&packet(seconds(at), a, b, ip_proto::UDP, udp(b"x")));
    }
    assert_eq!(bench.table.len(), 1);
    assert_eq!(bench.table.counts().opened_udp, 1);
    // One packet from the future must not keep the others from expiring.
    for at in 0..1000 {
        bench.ingest(&packet(seconds(at), end("10.0.0.3", at as u16 + 1), b, ip_proto::UDP, udp(b"x")));
    }
    assert!(bench.table.len() < 200, "{}", bench.table.len());
    bench.finish();
}
