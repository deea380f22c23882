//! Tests of the wire room: headers as cases (`headers`), fragments, hostile octets, and all captures against tshark.

mod captures;
mod fragments;
mod headers;
mod hostile;
mod truth;

use std::net::IpAddr;

use crate::model::{Frame, Limits, LinkType, Packet, Segment, Timestamp, Tunnel};
use crate::wire::{Decoder, WireCounts};

/// A packet with its payload, as tests like to compare it.
#[derive(Clone, Debug, PartialEq)]
struct Got {
    src: IpAddr,
    dst: IpAddr,
    proto: u8,
    ports: (u16, u16),
    vlan: u16,
    tunnel: Option<Tunnel>,
    packets: u32,
    bytes: u64,
    /// `None` for what is counted only.
    payload: Option<Vec<u8>>,
    payload_len: u32,
}

impl Got {
    fn of(packet: &Packet<'_>) -> Self {
        let (payload, payload_len) = match &packet.segment {
            Segment::Tcp(tcp) => (Some(tcp.payload.to_vec()), tcp.payload_len),
            Segment::Udp(datagram) | Segment::Other(datagram) => {
                (Some(datagram.payload.to_vec()), datagram.payload_len)
            }
            Segment::Icmp { .. } => (Some(Vec::new()), 0),
            Segment::Counted => (None, 0),
        };
        Self {
            src: packet.src,
            dst: packet.dst,
            proto: packet.proto,
            ports: (packet.src_port, packet.dst_port),
            vlan: packet.vlan,
            tunnel: packet.tunnel,
            packets: packet.packets,
            bytes: packet.bytes,
            payload,
            payload_len,
        }
    }
}

fn frame(link: LinkType, data: &[u8], nanos: u64) -> Frame<'_> {
    Frame::whole(Timestamp::from_nanos(nanos), link, data)
}

/// What a fresh decoder says of some frames, one nanosecond apart.
fn decode_all(link: LinkType, frames: &[Vec<u8>]) -> (Vec<Got>, WireCounts) {
    let mut decoder = Decoder::new(&Limits::default());
    let mut got = Vec::new();
    for (at, data) in frames.iter().enumerate() {
        decoder.decode(&frame(link, data, at as u64), &mut |packet| got.push(Got::of(&packet)));
    }
    decoder.finish(&mut |packet| got.push(Got::of(&packet)));
    (got, decoder.counts().clone())
}

fn decode_one(link: LinkType, data: &[u8]) -> (Vec<Got>, WireCounts) {
    decode_all(link, std::slice::from_ref(&data.to_vec()))
}

fn error(counts: &WireCounts, layer: &str, reason: &str) -> u64 {
    counts.errors().find(|&(series, _)| series == (layer, reason)).unwrap().1
}
