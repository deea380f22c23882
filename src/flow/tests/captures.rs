//! Real captures against independent truth: the octets of each direction as `tshark -z follow,tcp` puts them in order (gaps cut
//! out). Where we differ, the case is listed with its reason; a difference that is not listed fails, and so does a listed one
//! that is gone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::recorder::*;
use crate::flow::DropReason;
use crate::model::*;

/// Why a stream may differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Why {
    /// Segments overlap with different data. Here the first copy wins; tshark keeps another.
    Conflict,
    /// Only one direction was captured, with gaps: tshark waits at a gap for an acknowledgement that never comes and
    /// shows what came before; we go on behind it.
    TsharkStopsAtGap,
    /// The capture begins with a keep-alive, whose garbage octet tshark takes for the stream's first.
    KeepAlive,
}

/// Capture, streams that differ, and why. Nothing else may.
const DIFFERENCES: &[(&str, usize, Why)] = &[
    ("tcp/reassembly.pcap", 1, Why::Conflict),
    ("http1/4KHttpRequests.pcap", 24, Why::TsharkStopsAtGap),
    ("http1/http_chunk.pcap", 2, Why::KeepAlive),
];

fn be16(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(octets.get(at..at + 2)?.try_into().ok()?))
}

fn be32(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(octets.get(at..at + 4)?.try_into().ok()?))
}

/// The IP packet of a frame: Ethernet with VLAN tags and PPPoE, Linux cooked v1, or raw.
fn network(link: u32, frame: &[u8]) -> Option<&[u8]> {
    let (mut kind, mut at) = match link {
        1 => (be16(frame, 12)?, 14),
        113 => (be16(frame, 14)?, 16),
        101 | 228 | 229 => return Some(frame),
        _ => return None,
    };
    while matches!(kind, 0x8100 | 0x88a8 | 0x9100) {
        kind = be16(frame, at + 2)?;
        at += 4;
    }
    if kind == 0x8864 {
        kind = if be16(frame, at + 6)? == 0x21 { 0x0800 } else { 0 };
        at += 8;
    }
    matches!(kind, 0x0800 | 0x86dd).then(|| frame.get(at..)).flatten()
}

/// A TCP packet in the clear; nothing else matters here.
fn decode(time: Timestamp, ip: &[u8]) -> Option<Packet<'_>> {
    let (src, dst, segment): (IpAddr, IpAddr, &[u8]);
    let total;
    match ip.first()? >> 4 {
        4 => {
            let header = usize::from(ip[0] & 15) * 4;
            total = usize::from(be16(ip, 2)?);
            if *ip.get(9)? != ip_proto::TCP || be16(ip, 6)? & 0x3fff != 0 {
                return None;
            }
            src = be32(ip, 12)?.to_be_bytes().into();
            dst = be32(ip, 16)?.to_be_bytes().into();
            // Length 0: segmentation offload on the capturing host.
            let total = if total == 0 { ip.len() } else { total };
            segment = ip.get(header..ip.len().min(total))?;
            return tcp_packet(time, src, dst, segment, total.checked_sub(header)?, total);
        }
        6 if *ip.get(6)? == ip_proto::TCP => {
            total = usize::from(be16(ip, 4)?);
            src = <[u8; 16]>::try_from(ip.get(8..24)?).ok()?.into();
            dst = <[u8; 16]>::try_from(ip.get(24..40)?).ok()?.into();
            segment = ip.get(40..ip.len().min(40 + total))?;
        }
        _ => return None,
    }
    tcp_packet(time, src, dst, segment, total, 40 + total)
}

fn tcp_packet(
    time: Timestamp,
    src: IpAddr,
    dst: IpAddr,
    segment: &[u8],
    wire_len: usize,
    bytes: usize,
) -> Option<Packet<'_>> {
    let header = usize::from(*segment.get(12)? >> 4) * 4;
    let payload = segment.get(header.max(20)..)?;
    let tcp = TcpSegment {
        seq: be32(segment, 4)?,
        ack: be32(segment, 8)?,
        flags: TcpFlags(segment[13]),
        payload,
        payload_len: wire_len.checked_sub(header)? as u32,
    };
    let ends = (Endpoint { addr: src, port: be16(segment, 0)? }, Endpoint { addr: dst, port: be16(segment, 2)? });
    Some(Packet { bytes: bytes as u64, ..packet(time, ends.0, ends.1, ip_proto::TCP, Segment::Tcp(tcp)) })
}

type Stamped<'a> = (Timestamp, &'a [u8]);

/// The frames of a classic pcap file with microseconds; `None` for other formats and link types.
fn frames(file: &[u8]) -> Option<(u32, Vec<Stamped<'_>>)> {
    let little = file.get(..4)? == [0xd4, 0xc3, 0xb2, 0xa1];
    if !little && file.get(..4)? != [0xa1, 0xb2, 0xc3, 0xd4] {
        return None;
    }
    let word = |at: usize| be32(file, at).map(|word| if little { word.swap_bytes() } else { word });
    let link = word(20)? & 0xffff;
    let mut at = 24;
    let mut all = Vec::new();
    while let (Some(secs), Some(micros), Some(len)) = (word(at), word(at + 4), word(at + 8)) {
        let Some(data) = file.get(at + 16..at + 16 + len as usize) else { break };
        all.push((Timestamp::from_parts(secs.into(), u64::from(micros) * 1000), data));
        at += 16 + len as usize;
    }
    matches!(link, 1 | 101 | 113 | 228 | 229).then_some((link, all))
}

fn hex(octets: &[u8]) -> Option<String> {
    if octets.is_empty() {
        return None;
    }
    Some(Sha256::digest(octets).iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    }))
}

/// Streams by pair of ends (the lesser first), in order, the direction of the lesser first.
type Streams<T> = BTreeMap<(String, String), Vec<[T; 2]>>;

fn add<T>(streams: &mut Streams<T>, a: String, b: String, ab: T, ba: T) {
    let (ends, both) = if a < b { ((a, b), [ab, ba]) } else { ((b, a), [ba, ab]) };
    streams.entry(ends).or_default().push(both);
}

fn text(end: Endpoint) -> String {
    format!("{}:{}", end.addr, end.port)
}

#[test]
fn streams_are_those_that_tshark_follows() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if !shared.exists() {
        eprintln!("skipped: no captures beside the project");
        return;
    }
    let mut compared = 0;
    let mut differences: BTreeMap<(String, usize), usize> = BTreeMap::new();
    for category in ["tcp", "http1", "http2", "tls", "websocket", "mail", "db", "files", "messaging", "proxy"] {
        let Ok(folder) = std::fs::read_dir(shared.join("captures").join(category)) else { continue };
        let mut names: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        names.sort();
        for path in names {
            let name = format!("{category}/{}", path.file_name().unwrap().to_string_lossy());
            let Ok(truth) = std::fs::read(shared.join(format!("truth/{name}.json"))) else { continue };
            let truth: serde_json::Value = serde_json::from_slice(&truth).unwrap();
            let file = std::fs::read(&path).unwrap();
            let (Some((link, frames)), Some(followed)) = (frames(&file), truth["tcp_streams"].as_array()) else {
                continue;
            };
            let mut bench = Bench::new(&Limits::default());
            for (time, frame) in frames {
                if let Some(packet) = network(link, frame).and_then(|ip| decode(time, ip)) {
                    bench.ingest(&packet);
                }
            }
            bench.finish();
            let mut ours = Streams::new();
            for told in bench.told.flows.values() {
                let (a, b) = told.ends.unwrap();
                let [ab, ba] = &told.halves;
                add(&mut ours, text(a), text(b), ab, ba);
            }
            let mut theirs = Streams::new();
            for stream in followed {
                let end = |key: &str| stream[key].as_str().unwrap().replace(['[', ']'], "");
                let sum =
                    |key: &str, len: &str| (stream[key].as_str().map(str::to_owned), stream[len].as_u64().unwrap());
                add(&mut theirs, end("a"), end("b"), sum("sha256_ab", "bytes_ab"), sum("sha256_ba", "bytes_ba"));
            }
            for (ends, theirs) in theirs {
                let ours = ours.get(&ends).map_or(&[][..], Vec::as_slice);
                assert_eq!(theirs.len(), ours.len(), "{name} {ends:?}");
                compared += theirs.len();
                for (theirs, ours) in theirs.iter().zip(ours) {
                    for ((sum, len), half) in theirs.iter().zip(ours) {
                        let why = if hex(&half.octets) == *sum {
                            continue;
                        } else if half.dropped.contains_key(&DropReason::Conflict) {
                            Why::Conflict
                        } else if hex(&[&[0], half.octets.as_slice()].concat()) == *sum {
                            Why::KeepAlive
                        } else if half.octets.get(..*len as usize).is_some_and(|octets| hex(octets) == *sum)
                            && !half.gaps.is_empty()
                        {
                            Why::TsharkStopsAtGap
                        } else {
                            panic!("{name} {ends:?}: theirs {len}, ours {} octets", half.octets.len());
                        };
                        *differences.entry((name.clone(), why as usize)).or_default() += 1;
                    }
                }
            }
        }
    }
    eprintln!("{compared} streams compared, those that differ: {differences:?}");
    let listed: BTreeMap<_, usize> =
        DIFFERENCES.iter().map(|&(name, count, why)| ((name.to_owned(), why as usize), count)).collect();
    assert_eq!(differences, listed);
}
