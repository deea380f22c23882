//! One UDP packet behind every header we know: it has to come out the same.

use etherparse::PacketBuilder;

use super::{Got, decode_one, error, frame};
use crate::model::{Limits, LinkType, TunnelKind};
use crate::wire::Decoder;

const PAYLOAD: &[u8] = b"hello, wire";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn join(head: &str, tail: &[u8]) -> Vec<u8> {
    [hex(head).as_slice(), tail].concat()
}

/// The packet inside: IPv4 10.0.0.1:1111 > 10.0.0.2:2222.
pub(super) fn udp4() -> Vec<u8> {
    let mut packet = Vec::new();
    let builder = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(1111, 2222);
    builder.write(&mut packet, PAYLOAD).unwrap();
    packet
}

fn udp6() -> Vec<u8> {
    let (mut src, mut dst) = ([0; 16], [0; 16]);
    (src[0], src[15], dst[0], dst[15]) = (0xfd, 1, 0xfd, 2);
    let mut packet = Vec::new();
    PacketBuilder::ipv6(src, dst, 64).udp(1111, 2222).write(&mut packet, PAYLOAD).unwrap();
    packet
}

const MACS: &str = "020000000001 020000000002";

fn ethernet(ether_type: &str, tail: &[u8]) -> Vec<u8> {
    join(&format!("{MACS} {ether_type}"), tail)
}

/// Outer IPv4 of some protocol.
fn ip4(proto: u8, payload: &[u8]) -> Vec<u8> {
    let header = etherparse::Ipv4Header::new(
        payload.len() as u16,
        64,
        etherparse::IpNumber(proto),
        [192, 0, 2, 1],
        [192, 0, 2, 2],
    );
    let mut packet = Vec::new();
    header.unwrap().write(&mut packet).unwrap();
    packet.extend_from_slice(payload);
    packet
}

fn udp(src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let builder = PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64).udp(src_port, dst_port);
    builder.write(&mut packet, payload).unwrap();
    packet
}

/// Name, link type, frame, outermost VLAN id.
pub(super) fn links() -> Vec<(&'static str, LinkType, Vec<u8>, u16)> {
    let ip = udp4();
    let frame = ethernet("0800", &ip);
    let e = LinkType::ETHERNET;
    let llc = join("aaaa03 000000 0800", &ip);
    let wifi_addresses = "0000 020000000001 020000000002 020000000003 0000";
    vec![
        ("ethernet", e, frame.clone(), 0),
        ("padding", e, [frame.as_slice(), &[0; 20]].concat(), 0),
        ("802.1Q", e, ethernet("8100 2007 0800", &ip), 7),
        ("priority tag, then 802.1Q", e, ethernet("8100 e000 8100 0009 0800", &ip), 9),
        ("QinQ", e, ethernet("88a8 0064 8100 0007 0800", &ip), 100),
        ("three tags", e, ethernet("9100 0003 9200 0002 8100 0001 0800", &ip), 3),
        ("802.3 SNAP", e, ethernet(&format!("{:04x}", llc.len()), &[llc.as_slice(), &[0; 9]].concat()), 0),
        ("802.1Q SNAP", e, ethernet(&format!("8100 0005 {:04x}", llc.len()), &llc), 5),
        ("802.1ah", e, ethernet("88a8 0065 88e7 00001234", &frame), 101),
        ("VN-Tag", e, ethernet("8926 80010002 0800", &ip), 0),
        ("MPLS", e, ethernet("8847 0006 40ff 0006 51ff", &ip), 0),
        ("MPLS multicast", e, ethernet("8848 0006 51ff", &ip), 0),
        ("MPLS pseudowire", e, ethernet("8847 0006 51ff 00000000", &frame), 0),
        ("MPLS pseudowire without control word", e, ethernet("8847 0006 51ff", &frame), 0),
        ("PPPoE", e, ethernet(&format!("8864 1100 0001 {:04x} 0021", ip.len() + 2), &[&ip[..], &[0; 3]].concat()), 0),
        ("NSH", e, ethernet("894f 0006 0103 000001ff 00000000 00000000 00000000 00000000", &frame), 0),
        ("PPP", LinkType::PPP, join("ff03 0021", &ip), 0),
        ("PPP without address", LinkType::PPP, join("0021", &ip), 0),
        ("PPP with a short protocol", LinkType::PPP_HDLC, join("21", &ip), 0),
        ("PPP MPLS", LinkType::PPP_HDLC, join("ff03 0281 000651ff", &ip), 0),
        ("PPPoE link", LinkType::PPP_ETHER, join(&format!("1100 0001 {:04x} 0021", ip.len() + 2), &ip), 0),
        ("Cisco HDLC", LinkType::C_HDLC, join("0f00 0800", &ip), 0),
        ("Cisco HDLC as PPP", LinkType::PPP_HDLC, join("0f00 0800", &ip), 0),
        ("frame relay", LinkType(107), join("1841 03cc", &ip), 0),
        ("frame relay of Cisco", LinkType(107), join("1841 0800", &ip), 0),
        ("cooked v1", LinkType::LINUX_SLL, join("0000 0001 0006 0200000000010000 0800", &ip), 0),
        ("cooked v2", LinkType::LINUX_SLL2, join("0800 0000 00000002 0001 00 06 0200000000010000", &ip), 0),
        ("raw", LinkType::RAW, ip.clone(), 0),
        ("raw 12", LinkType(12), ip.clone(), 0),
        ("raw 14", LinkType(14), ip.clone(), 0),
        ("IPv4", LinkType::IPV4, ip.clone(), 0),
        ("null, little-endian", LinkType::NULL, join("02000000", &ip), 0),
        ("null, big-endian", LinkType::NULL, join("00000002", &ip), 0),
        ("loop", LinkType::LOOP, join("00000002", &ip), 0),
        (
            "NFLOG",
            LinkType::NFLOG,
            join(
                &format!(
                    "02 00 0000 0800 0100 0800 0100 0500 0a00 61000000 {:02x}{:02x} 0900",
                    (ip.len() + 4) as u8,
                    (ip.len() + 4) >> 8
                ),
                &ip,
            ),
            0,
        ),
        ("PKTAP", LinkType::PKTAP, join("0c000000 01000000 01000000", &frame), 0),
        ("PPI", LinkType(192), join("0000 0800 01000000", &frame), 0),
        ("802.11", LinkType::IEEE802_11, [join(&format!("0801 {wifi_addresses}"), &[]), llc.clone()].concat(), 0),
        (
            "802.11 with quality of service behind radiotap",
            LinkType::IEEE802_11_RADIOTAP,
            [join(&format!("0000 0800 00000000 8801 {wifi_addresses} 0000"), &[]), llc].concat(),
            0,
        ),
    ]
}

/// Name, IP packet around, kind, number, depth.
pub(super) fn tunnels() -> Vec<(&'static str, Vec<u8>, TunnelKind, u32, u8)> {
    use TunnelKind::{Erspan, Geneve, Gre, GtpU, IpInIp, L2tpV3, MplsUdp, Other, Vxlan};
    let ip = udp4();
    let frame = ethernet("0800", &ip);
    let ppp_len = ip.len() + 4;
    let gtp_len = ip.len();
    vec![
        ("GRE", ip4(47, &join("0000 0800", &ip)), Gre, 0, 1),
        ("GRE, all fields", ip4(47, &join("b000 0800 00000000 0000002a 00000001", &ip)), Gre, 42, 1),
        ("GRE bridging", ip4(47, &join("0000 6558", &frame)), Gre, 0, 1),
        ("PPTP", ip4(47, &join(&format!("3001 880b {ppp_len:04x} 0007 00000001 ff03 0021"), &ip)), Gre, 7, 1),
        (
            "PPTP ack",
            ip4(47, &join(&format!("3081 880b {ppp_len:04x} 0007 00000001 00000001 ff03 0021"), &ip)),
            Gre,
            7,
            1,
        ),
        ("ERSPAN I", ip4(47, &join("0000 88be", &frame)), Erspan, 0, 1),
        ("ERSPAN II", ip4(47, &join("1000 88be 00000001 1000 0064 00000000", &frame)), Erspan, 100, 1),
        ("ERSPAN III", ip4(47, &join("1000 22eb 00000001 2000 0065 00000000 00000000", &frame)), Erspan, 101, 1),
        ("IP in IP", ip4(4, &ip), IpInIp, 0, 1),
        ("IP in IP in IP", ip4(4, &ip4(4, &ip)), IpInIp, 0, 2),
        ("VXLAN", udp(50_000, 4789, &join("08000000 00002a00", &frame)), Vxlan, 42, 1),
        ("VXLAN with a group policy", udp(50_000, 8472, &join("88000010 00002a00", &frame)), Vxlan, 42, 1),
        ("VXLAN on a port of its own", udp(50_000, 60_000, &join("08000000 00002a00", &frame)), Vxlan, 42, 1),
        ("VXLAN GPE", udp(50_000, 4790, &join("0c000001 00002a00", &ip)), Vxlan, 42, 1),
        ("GENEVE", udp(50_000, 6081, &join("0000 6558 00002a00", &frame)), Geneve, 42, 1),
        (
            "GENEVE, a critical option",
            udp(50_000, 6081, &join("0240 0800 00002a00 0101 81 01 00000000", &ip)),
            Geneve,
            42,
            1,
        ),
        ("GENEVE, options", udp(50_000, 6081, &join("0200 0800 00002a00 0101 01 01 00000000", &ip)), Geneve, 42, 1),
        ("GTP-U", udp(2152, 2152, &join(&format!("30ff {gtp_len:04x} 0000002a"), &ip)), GtpU, 42, 1),
        (
            "GTP-U, extension",
            udp(2152, 2152, &join(&format!("34ff {:04x} 0000002a 000000 85 01100900", gtp_len + 8), &ip)),
            GtpU,
            42,
            1,
        ),
        ("L2TPv3", ip4(115, &join("0000002a 11223344", &frame)), L2tpV3, 42, 1),
        ("L2TPv2", udp(1701, 1701, &join("0002 0001 0002 ff03 0021", &ip)), Other, 0, 1),
        ("MPLS in UDP", udp(50_000, 6635, &join("000651ff", &ip)), MplsUdp, 0, 1),
        ("EtherIP", ip4(97, &join("3000", &frame)), Other, 0, 1),
        ("CAPWAP", udp(50_000, 5247, &join("00100000 00000000", &frame)), Other, 0, 1),
        ("AYIYA", udp(50_000, 5072, &join("4452 11 04 00000000", &[&[0; 36][..], &ip].concat())), Other, 0, 1),
    ]
}

fn is_the_packet(got: &Got) -> bool {
    got.src.to_string() == "10.0.0.1"
        && got.dst.to_string() == "10.0.0.2"
        && (got.proto, got.ports) == (17, (1111, 2222))
        && (got.packets, got.bytes) == (1, udp4().len() as u64)
        && got.payload.as_deref() == Some(PAYLOAD)
        && got.payload_len as usize == PAYLOAD.len()
}

#[test]
fn every_link_leads_to_the_same_packet() {
    for (name, link, data, vlan) in links() {
        let (got, counts) = decode_one(link, &data);
        assert!(matches!(got.as_slice(), [one] if is_the_packet(one) && one.vlan == vlan), "{name}: {got:?}");
        assert_eq!((counts.frames.total, counts.frames.ip), (1, 1), "{name}");
        assert!(counts.errors().all(|(_, count)| count == 0), "{name}: {counts:?}");
    }
}

#[test]
fn every_tunnel_leads_to_the_packet_inside() {
    for (name, data, kind, vni, depth) in tunnels() {
        let (got, counts) = decode_one(LinkType::RAW, &data);
        let [one] = got.as_slice() else { panic!("{name}: {got:?}") };
        let tunnel = one.tunnel.unwrap_or_else(|| panic!("{name}: {one:?}"));
        assert!(is_the_packet(one), "{name}: {one:?}");
        assert_eq!((tunnel.kind, tunnel.vni, tunnel.depth), (kind, vni, depth), "{name}");
        assert_eq!(tunnel.outer_src.to_string(), "192.0.2.1", "{name}");
        assert!(counts.errors().all(|(_, count)| count == 0), "{name}: {counts:?}");
    }
}

#[test]
fn ipv6_in_ipv4_and_teredo() {
    let direct = decode_one(LinkType::RAW, &ip4(41, &udp6())).0;
    assert_eq!(direct[0].ports, (1111, 2222));
    assert_eq!(direct[0].bytes, udp6().len() as u64);
    assert_eq!(direct[0].tunnel.unwrap().kind, TunnelKind::IpInIp);
    let with_origin = join("0000 1234 01020304", &udp6());
    let teredo = decode_one(LinkType::RAW, &udp(50_000, 3544, &with_origin)).0;
    assert_eq!(teredo[0].tunnel.unwrap().kind, TunnelKind::Teredo);
    // Between ports of their own, an address that is no Teredo address is not believed.
    let other = decode_one(LinkType::RAW, &udp(50_000, 50_001, &with_origin)).0;
    assert_eq!(other[0].tunnel, None);
}

#[test]
fn a_datagram_that_only_looks_like_a_tunnel_stays() {
    let mut bad_checksum = udp4();
    bad_checksum[10] ^= 0xff;
    for (port, payload) in [
        (4789, join("08000000 00002a00", b"no frame at all, certainly not")),
        (60_000, join("08000000 00002a00", &ethernet("0800", &bad_checksum))),
        (6081, join("0000 0800 00002a00", &[0x45, 0, 0xff, 0xff])),
        (6081, join("0001 0800 00002a00", &udp4())),
        (2152, join("30ff 0001 00000000", b"x")),
        (3544, b"hello".to_vec()),
        (53, udp6()),
    ] {
        let (got, _) = decode_one(LinkType::RAW, &udp(40_000, port, &payload));
        assert_eq!((got[0].tunnel, got[0].ports), (None, (40_000, port)));
        assert_eq!(got[0].payload.as_deref(), Some(payload.as_slice()));
    }
}

#[test]
fn nonsense_in_a_tunnel_is_judged_by_the_packet_around_it() {
    let (got, counts) = decode_one(LinkType::RAW, &ip4(4, b"\x45nonsense"));
    assert_eq!((got[0].proto, got[0].tunnel, got[0].bytes), (4, None, 29));
    assert_eq!(error(&counts, "tunnel", "bad-inner-packet"), 1);
    assert_eq!(counts.frames.ip, 1);
}

#[test]
fn headers_within_headers_end_at_the_limit() {
    let mut packet = udp4();
    for _ in 0..100 {
        packet = ip4(4, &packet);
    }
    let (got, counts) = decode_one(LinkType::RAW, &packet);
    assert_eq!(got[0].tunnel.unwrap().depth as usize, Limits::default().encapsulation_max);
    assert_eq!(counts.limits_reached().find(|(name, _)| *name == "encapsulation_max").unwrap().1, 1);
    let tags = ethernet(&format!("{} 0800", "8100 0001".repeat(100)), &udp4());
    assert_eq!(decode_one(LinkType::ETHERNET, &tags).1.frames.malformed, 1);
}

/// Total length, UDP length, captured octets → what is counted and read of a packet of 39 octets.
#[test]
fn lengths_that_lie_and_frames_that_were_cut() {
    for (total_len, udp_len, captured, bytes, payload, payload_len) in [
        (0, 19, 39, 39, Some(11), 11),
        (39, 0, 39, 39, Some(11), 11),
        (39, 7, 39, 39, None, 0),
        (39, 200, 39, 39, Some(11), 11),
        (39, 12, 39, 39, Some(4), 4),
        (30, 19, 39, 30, Some(2), 2),
        (2000, 19, 39, 39, Some(11), 11),
        (39, 19, 30, 39, Some(2), 11),
        (39, 19, 24, 39, None, 0),
        (39, 19, 22, 39, None, 0),
    ] {
        let mut packet = udp4();
        packet[2..4].copy_from_slice(&u16::to_be_bytes(total_len));
        packet[24..26].copy_from_slice(&u16::to_be_bytes(udp_len));
        let mut decoder = Decoder::new(&Limits::default());
        let mut got = Vec::new();
        let mut cut = frame(LinkType::RAW, &packet, 0);
        cut.data = &packet[..captured];
        decoder.decode(&cut, &mut |packet| got.push(Got::of(&packet)));
        let one = &got[0];
        let case = (total_len, udp_len, captured);
        assert_eq!(
            (one.bytes, one.payload.as_ref().map(Vec::len), one.payload_len),
            (bytes, payload, payload_len),
            "{case:?}"
        );
        assert_eq!(one.ports, if captured < 24 { (0, 0) } else { (1111, 2222) }, "{case:?}");
    }
}

#[test]
fn extension_headers_are_passed_over() {
    let mut packet = udp6();
    // Hop-by-hop, routing, destination options, atomic fragment, authentication.
    let extensions =
        hex("2b00 010400000000 3c00 0400 00000000 2c00 010400000000 3300 0000 00000001 1101 0000 00000001 00000001");
    packet[6] = 0;
    packet.splice(40..40, extensions.iter().copied());
    let length = (packet.len() - 40) as u16;
    packet[4..6].copy_from_slice(&length.to_be_bytes());
    let (got, counts) = decode_one(LinkType::IPV6, &packet);
    assert_eq!((got[0].proto, got[0].ports, got[0].bytes), (17, (1111, 2222), packet.len() as u64));
    assert_eq!(got[0].payload.as_deref(), Some(PAYLOAD));
    assert_eq!(counts.frames.fragments, 1);
}

#[test]
fn what_is_not_ip_is_counted_by_what_it_is() {
    for (link, data, reason) in [
        (LinkType(147), vec![1, 2, 3], "unknown-link-type"),
        (LinkType::ETHERNET, ethernet("0806", &[0; 28]), "arp"),
        (LinkType::ETHERNET, ethernet("88e5", &[0; 28]), "macsec"),
        (LinkType::ETHERNET, ethernet("8863", &[0; 28]), "pppoe-discovery"),
        (LinkType::ETHERNET, ethernet("88cc", &[0; 28]), "ethertype"),
        (LinkType::ETHERNET, ethernet("0026 4242 03", &[0; 35]), "llc"),
        (LinkType::PPP, hex("ff03 c021 0101 0004"), "ppp"),
        (LinkType::NULL, hex("07000000 00"), "address-family"),
        (LinkType::IEEE802_11, vec![0x80; 40], "wifi-control"),
        (LinkType::IEEE802_11, hex(&format!("0841 {}", "00".repeat(40))), "wifi-encrypted"),
    ] {
        let (got, counts) = decode_one(link, &data);
        assert!(got.is_empty(), "{reason}");
        assert_eq!((counts.frames.non_ip, counts.frames.malformed), (1, 0), "{reason}");
        assert_eq!(counts.non_ip().find(|&(name, _)| name == reason).unwrap().1, 1, "{reason}");
    }
}

#[test]
fn wrong_checksums_are_counted_and_accepted() {
    let mut packet = udp4();
    packet[10] ^= 1;
    packet[26] ^= 1;
    let (got, counts) = decode_one(LinkType::RAW, &packet);
    assert!(is_the_packet(&got[0]));
    assert_eq!((error(&counts, "ip", "bad-checksum"), error(&counts, "udp", "bad-checksum")), (1, 1));
    let mut tcp = Vec::new();
    let builder = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(1, 2, 3, 4);
    builder.write(&mut tcp, PAYLOAD).unwrap();
    assert_eq!(error(&decode_one(LinkType::RAW, &tcp).1, "tcp", "bad-checksum"), 0);
    tcp[45] ^= 1;
    assert_eq!(error(&decode_one(LinkType::RAW, &tcp).1, "tcp", "bad-checksum"), 1);
}
