//! Every capture beside the repository against what tshark says is in it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use serde_json::Value;

use super::captures;
use crate::model::{Frame, Limits, Origin, Timestamp, ip_proto};
use crate::wire::Decoder;

/// One direction of a conversation.
type Key = (u64, IpAddr, u64, IpAddr, u64);
/// Packets and octets.
type Sums = BTreeMap<Key, (u64, u64)>;

/// What is judged otherwise than by tshark, and why: (capture, what differs). A difference that is not listed fails the
/// test, and so does a line that no longer differs.
const EXPLAINED: &[(&str, &str)] = &[
    // Not read by the reader of these tests, which leaves odd containers to the capture room; tshark also numbers custom
    // blocks.
    ("formats/modified-format.pcap", ""),
    ("formats/ng-be-test018.pcapng", ""),
    ("formats/ng-le-test102.pcapng", ""),
    ("formats/ng-le-test202.pcapng", ""),
    ("malformed/shb-option-too-long.pcapng", ""),
    // tshark takes the last address of a source route option for the destination; we take the header's.
    ("fragments/ipv4-options.pcap", "outer 1 10.0.0.6:0"),
    // A total length past the end of the frame: cut to the frame, as the contract says; tshark's is 137, 78 or 1500.
    ("infra/ndpi-telnet.pcap", "outer 6 192.168.0.2:1550"),
    ("tcp/reassembly.pcap", "outer 6 63.193.213.194:2564"),
    // A TCP or UDP header with a wrong length: the ports are there, and we use them; tshark gives none.
    ("malformed/byte-errors.pcap", "outer 6 172.16.11.12:"),
    ("malformed/fuzz-2006-06-26-2594.pcap", "outer 17 192.168.1.2:"),
    // The first fragment of a datagram without its others: its ports are there, and we use them.
    ("malformed/quic-fuzz-overflow.pcapng", "outer 17 255.255.255.255:"),
    // Malformed is what has a link or IP header that is cut or wrong; tshark's count is of IP headers alone.
    ("malformed/byte-errors.pcap", "ip_header_incomplete"),
    ("malformed/fuzz-2006-06-26-2594.pcap", "ip_header_incomplete"),
    ("malformed/hoobr_rt6_print.pcap", "ip_header_incomplete"),
    ("malformed/trunc-hdr.pcap", "ip_header_incomplete"),
    ("malformed/trunc.pcap", "ip_header_incomplete"),
    // tshark had the keys.
    ("tls/tls-over-tls.pcapng", "inner"),
    ("tunnels/wireguard-ping-tcp-dsb.pcapng", "inner"),
    ("tunnels/wireguard-ping-tcp-dsb.pcapng", "fragments"),
    // Teredo between two clients' own ports: tshark expects port 3544.
    ("tunnels/Teredo.pcap", "inner"),
];

#[derive(Default)]
struct Seen {
    plain: Sums,
    inner: Sums,
    /// Packets by the unordered addresses of their outermost IP header.
    outermost: BTreeMap<(IpAddr, IpAddr), u64>,
    /// Tunnels in tunnels: their outermost addresses are not in the packet.
    deeper: bool,
}

fn decode(path: &Path) -> (Seen, Decoder) {
    let mut decoder = Decoder::new(&Limits::default());
    let mut seen = Seen::default();
    let mut sink = |packet: crate::model::Packet<'_>| {
        let has_ports = matches!(packet.proto, ip_proto::TCP | ip_proto::UDP | ip_proto::SCTP);
        let port = |port| if has_ports { u64::from(port) } else { 0 };
        let key = (u64::from(packet.proto), packet.src, port(packet.src_port), packet.dst, port(packet.dst_port));
        let sums = if packet.tunnel.is_some() { &mut seen.inner } else { &mut seen.plain };
        let entry = sums.entry(key).or_default();
        entry.0 += u64::from(packet.packets);
        entry.1 += packet.bytes;
        let (src, dst) = match packet.tunnel {
            None => (packet.src, packet.dst),
            Some(tunnel) if tunnel.depth == 1 => (tunnel.outer_src, tunnel.outer_dst),
            Some(_) => {
                seen.deeper = true;
                return;
            }
        };
        *seen.outermost.entry((src.min(dst), src.max(dst))).or_default() += u64::from(packet.packets);
    };
    for record in captures::read(path) {
        let frame = Frame {
            time: Timestamp::from_nanos(record.nanos),
            link: record.link,
            origin: Origin::default(),
            data: &record.data,
            wire_len: record.wire_len,
        };
        decoder.decode(&frame, &mut sink);
    }
    decoder.finish(&mut sink);
    (seen, decoder)
}

fn proto_number(proto: &Value) -> u64 {
    match proto.as_str() {
        Some("tcp") => 6,
        Some("udp") => 17,
        Some("icmp") => 1,
        Some("icmpv6") => 58,
        Some("sctp") => 132,
        Some(other) => other.parse().unwrap(),
        None => proto.as_u64().unwrap(),
    }
}

fn sums(conversations: &Value) -> Sums {
    let mut sums = Sums::new();
    for one in conversations.as_array().into_iter().flatten() {
        let end = |side: &str| {
            let port = one[side]["port"].as_u64().unwrap_or(0);
            (one[side]["addr"].as_str().unwrap().parse::<IpAddr>().unwrap(), port)
        };
        let proto = proto_number(&one["proto"]);
        let ((a, a_port), (b, b_port)) = (end("a"), end("b"));
        for (way, key) in [("ab", (proto, a, a_port, b, b_port)), ("ba", (proto, b, b_port, a, a_port))] {
            let packets = one[format!("packets_{way}")].as_u64().unwrap();
            if packets > 0 {
                let entry = sums.entry(key).or_default();
                entry.0 += packets;
                entry.1 += one[format!("ip_bytes_{way}")].as_u64().unwrap();
            }
        }
    }
    sums
}

fn compare(what: &str, ours: &Sums, theirs: &Sums, differences: &mut Vec<String>) {
    for key in ours.keys().chain(theirs.keys().filter(|key| !ours.contains_key(key))) {
        let (us, them) = (ours.get(key).copied().unwrap_or_default(), theirs.get(key).copied().unwrap_or_default());
        if us != them {
            let (proto, src, src_port, dst, dst_port) = key;
            differences.push(format!(
                "{what} {proto} {src}:{src_port} > {dst}:{dst_port}: packets {} octets {}, tshark {} and {}",
                us.0, us.1, them.0, them.1
            ));
        }
    }
}

fn differences(capture: &Path, truth: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    let (seen, decoder) = decode(capture);
    let frames = decoder.counts().frames;
    let packets = |name: &str| truth["packets"][name].as_u64().unwrap_or(0);
    for (what, us, them) in [
        ("frames", frames.total, packets("frames")),
        ("with_ip", frames.ip, packets("with_ip")),
        ("without_ip", frames.non_ip + frames.malformed, packets("without_ip")),
        ("ip_header_incomplete", frames.malformed, packets("ip_header_incomplete")),
        ("fragments", frames.fragments, packets("fragments")),
    ] {
        if us != them {
            differences.push(format!("{what}: {us}, tshark {them}"));
        }
    }
    compare("inner", &seen.inner, &sums(&truth["inner_conversations"]), &mut differences);
    let outer = sums(&truth["conversations"]);
    if seen.inner.is_empty() {
        compare("outer", &seen.plain, &outer, &mut differences);
        return differences;
    }
    // A packet that is judged by its inner header has no outer ports any more: compare by pair of addresses.
    let mut pairs: BTreeMap<(IpAddr, IpAddr), u64> = BTreeMap::new();
    for ((_, src, _, dst, _), (packets, _)) in outer {
        *pairs.entry((src.min(dst), src.max(dst))).or_default() += packets;
    }
    if frames.fragments == 0 && !seen.deeper && seen.outermost != pairs {
        differences.push(format!("outer pairs: {:?}, tshark {pairs:?}", seen.outermost));
    }
    differences
}

/// The table goes to stderr: `cargo test wire::tests::truth -- --nocapture`.
#[test]
fn packets_and_octets_are_those_of_tshark() {
    let Some(folder) = captures::folder() else { return };
    let (mut compared, mut failed) = (0, Vec::new());
    let mut unused: Vec<usize> = (0..EXPLAINED.len()).collect();
    for category in std::fs::read_dir(folder.join("captures")).unwrap().flatten() {
        for capture in std::fs::read_dir(category.path()).into_iter().flatten().flatten() {
            let (category, name) = (category.file_name(), capture.file_name());
            let name = format!("{}/{}", category.display(), name.display());
            let Ok(truth) = std::fs::read(folder.join("truth").join(format!("{name}.json"))) else { continue };
            let truth: Value = serde_json::from_slice(&truth).unwrap();
            if name.ends_with(".gz") || name.ends_with(".zst") {
                continue;
            }
            compared += 1;
            for difference in differences(&capture.path(), &truth) {
                let explained =
                    EXPLAINED.iter().position(|(capture, what)| name == *capture && difference.starts_with(what));
                match explained {
                    Some(line) => unused.retain(|&other| other != line),
                    None => failed.push(format!("{name}: {difference}")),
                }
            }
        }
    }
    failed.extend(unused.iter().map(|&line| format!("{:?} no longer differs", EXPLAINED[line])));
    failed.sort();
    eprintln!("{compared} captures compared");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
