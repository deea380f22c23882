//! Packets copied out of the reader's buffer, so that they can travel to another thread: one arena of octets a batch.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use crate::model::{Datagram, KeyLog, Origin, Packet, Segment, TcpFlags, TcpSegment, Timestamp, Tunnel};

/// What a lane is to do with a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Count and inspect it.
    Own,
    /// Count it: its payload was left behind because the packet path cannot keep up.
    Count,
    /// It belongs to another lane: only learn the names it carries.
    Learn,
}

struct Entry {
    number: u64,
    lane: u8,
    task: Task,
    time: Timestamp,
    first_time: Timestamp,
    origin: Origin,
    src: IpAddr,
    dst: IpAddr,
    proto: u8,
    src_port: u16,
    dst_port: u16,
    vlan: u16,
    tunnel: Option<Tunnel>,
    packets: u32,
    bytes: u64,
    segment: Header,
    payload: Range<usize>,
    payload_len: u32,
}

#[derive(Clone, Copy)]
enum Header {
    Tcp { seq: u32, ack: u32, flags: TcpFlags },
    Udp,
    Icmp { icmp_type: u8, code: u8 },
    Other,
    Counted,
}

/// A batch of packets for one worker, in capture order.
#[derive(Default)]
pub(super) struct Batch {
    /// Session keys known from this batch on, if they changed.
    pub(super) keys: Option<Arc<KeyLog>>,
    entries: Vec<Entry>,
    octets: Vec<u8>,
}

impl Batch {
    /// Empties the batch but keeps its memory.
    pub(super) fn clear(&mut self) {
        self.keys = None;
        self.entries.clear();
        self.octets.clear();
    }

    pub(super) fn push(&mut self, number: u64, lane: u8, task: Task, packet: &Packet<'_>) {
        let (segment, payload, payload_len): (Header, &[u8], u32) = match &packet.segment {
            Segment::Tcp(tcp) => {
                (Header::Tcp { seq: tcp.seq, ack: tcp.ack, flags: tcp.flags }, tcp.payload, tcp.payload_len)
            }
            Segment::Udp(datagram) => (Header::Udp, datagram.payload, datagram.payload_len),
            Segment::Other(datagram) => (Header::Other, datagram.payload, datagram.payload_len),
            &Segment::Icmp { icmp_type, code } => (Header::Icmp { icmp_type, code }, &[], 0),
            Segment::Counted => (Header::Counted, &[], 0),
        };
        let payload = if task == Task::Count { &[] } else { payload };
        let start = self.octets.len();
        self.octets.extend_from_slice(payload);
        self.entries.push(Entry {
            number,
            lane,
            task,
            time: packet.time,
            first_time: packet.first_time,
            origin: packet.origin,
            src: packet.src,
            dst: packet.dst,
            proto: packet.proto,
            src_port: packet.src_port,
            dst_port: packet.dst_port,
            vlan: packet.vlan,
            tunnel: packet.tunnel,
            packets: packet.packets,
            bytes: packet.bytes,
            segment,
            payload: start..self.octets.len(),
            payload_len,
        });
    }

    /// Calls `each` with every packet: number, lane, task, packet.
    pub(super) fn for_each(&self, mut each: impl FnMut(u64, u8, Task, &Packet<'_>)) {
        for entry in &self.entries {
            let payload = self.octets.get(entry.payload.clone()).unwrap_or_default();
            let payload_len = entry.payload_len;
            let packet = Packet {
                time: entry.time,
                first_time: entry.first_time,
                origin: entry.origin,
                src: entry.src,
                dst: entry.dst,
                proto: entry.proto,
                src_port: entry.src_port,
                dst_port: entry.dst_port,
                vlan: entry.vlan,
                tunnel: entry.tunnel,
                packets: entry.packets,
                bytes: entry.bytes,
                segment: match entry.segment {
                    Header::Tcp { seq, ack, flags } => {
                        Segment::Tcp(TcpSegment { seq, ack, flags, payload, payload_len })
                    }
                    Header::Udp => Segment::Udp(Datagram { payload, payload_len }),
                    Header::Other => Segment::Other(Datagram { payload, payload_len }),
                    Header::Icmp { icmp_type, code } => Segment::Icmp { icmp_type, code },
                    Header::Counted => Segment::Counted,
                },
            };
            each(entry.number, entry.lane, entry.task, &packet);
        }
    }
}
