//! A handler that writes down what it is told and checks what must always hold; packets to feed it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::flow::{DropReason, EndReason, FlowRecord, FlowTable, GapCause, Handler, Interest};
use crate::model::*;

/// What was told of one half-stream.
#[derive(Default)]
pub(super) struct Half {
    /// Delivered octets, gaps left out.
    pub(super) octets: Vec<u8>,
    pub(super) gaps: Vec<(u64, u64, GapCause)>,
    pub(super) dropped: BTreeMap<DropReason, u64>,
    pub(super) position: u64,
    skipped: bool,
    ended: bool,
}

/// What was told of one flow.
#[derive(Default)]
pub(super) struct Told {
    pub(super) halves: [Half; 2],
    pub(super) ends: Option<(Endpoint, Endpoint)>,
    pub(super) packets: [u64; 2],
    pub(super) bytes: [u64; 2],
    pub(super) datagrams: u64,
    pub(super) closed: Option<EndReason>,
    pub(super) round_trips: [Option<std::time::Duration>; 2],
}

/// Keeps everything (`flows`) and a readable trace.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) flows: BTreeMap<u64, Told>,
    pub(super) trace: Vec<String>,
    pub(super) closes: Vec<(u64, EndReason)>,
    /// Answer `Skip` once this many octets of a half-stream were delivered.
    pub(super) skip_after: Option<usize>,
    /// Keep no payload, no trace: for floods.
    pub(super) quiet: bool,
}

impl Recorder {
    fn note(&mut self, text: String) {
        if !self.quiet {
            self.trace.push(text);
        }
    }

    fn half(&mut self, flow: &FlowRecord, dir: Direction) -> &mut Half {
        let told = self.flows.get_mut(&flow.flow_id).expect("the flow was opened");
        assert!(told.closed.is_none(), "nothing is told after the close");
        &mut told.halves[dir.index()]
    }
}

pub(super) const fn arrow(dir: Direction) -> char {
    match dir {
        Direction::Forward => '>',
        Direction::Backward => '<',
    }
}

impl Handler for Recorder {
    type State = u64;

    fn open(&mut self, flow: &FlowRecord) -> u64 {
        assert_eq!(flow.packets, [0, 0]);
        let told = Told { ends: Some((flow.originator, flow.responder)), ..Told::default() };
        assert!(self.flows.insert(flow.flow_id, told).is_none(), "flow ids are unique");
        let known = if flow.originator_known() { "" } else { "?" };
        self.note(format!("open {}{known}", flow.flow_id));
        flow.flow_id
    }

    fn packet(&mut self, flow: &FlowRecord, state: &mut u64, dir: Direction, packet: &Packet<'_>) {
        assert_eq!(*state, flow.flow_id);
        assert_eq!(flow.ends(dir).0.addr, packet.src);
        let told = self.flows.get_mut(&flow.flow_id).expect("the flow was opened");
        told.packets[dir.index()] += u64::from(packet.packets);
        told.bytes[dir.index()] += packet.bytes;
        assert_eq!((told.packets, told.bytes), (flow.packets, flow.bytes), "counted before it is told");
    }

    fn octets(&mut self, flow: &FlowRecord, _: &mut u64, dir: Direction, offset: u64, octets: &[u8]) -> Interest {
        assert!(!octets.is_empty());
        let (quiet, skip_after) = (self.quiet, self.skip_after);
        let half = self.half(flow, dir);
        assert_eq!(offset, half.position, "each octet once, in order");
        assert!(!half.skipped && !half.ended, "not after skip or end");
        half.position += octets.len() as u64;
        if !quiet {
            half.octets.extend_from_slice(octets);
        }
        if skip_after.is_some_and(|most| half.octets.len() >= most) {
            half.skipped = true;
        }
        let interest = if half.skipped { Interest::Skip } else { Interest::Read };
        self.note(format!("{} {offset} {}", arrow(dir), String::from_utf8_lossy(octets)));
        interest
    }

    fn gap(
        &mut self,
        flow: &FlowRecord,
        _: &mut u64,
        dir: Direction,
        offset: u64,
        len: u64,
        why: GapCause,
    ) -> Interest {
        let half = self.half(flow, dir);
        assert_eq!(offset, half.position, "gaps and octets tile the stream");
        assert!(!half.skipped && !half.ended, "not after skip or end");
        half.position += len;
        half.gaps.push((offset, len, why));
        self.note(format!("{} gap {offset}+{len} {}", arrow(dir), why.as_str()));
        Interest::Read
    }

    fn dropped(&mut self, flow: &FlowRecord, _: &mut u64, dir: Direction, len: u64, why: DropReason) {
        assert!(len > 0);
        *self.half(flow, dir).dropped.entry(why).or_default() += len;
        self.note(format!("{} drop {len} {}", arrow(dir), why.as_str()));
    }

    fn datagram(&mut self, flow: &FlowRecord, _: &mut u64, _: Direction, payload: &[u8], payload_len: u32) {
        assert!(payload.len() as u64 <= u64::from(payload_len));
        self.flows.get_mut(&flow.flow_id).expect("the flow was opened").datagrams += 1;
    }

    fn end(&mut self, flow: &FlowRecord, _: &mut u64, dir: Direction) {
        let half = self.half(flow, dir);
        assert!(!half.ended, "ends once");
        half.ended = true;
        self.note(format!("{} end", arrow(dir)));
    }

    fn close(&mut self, flow: &FlowRecord, state: u64, reason: EndReason) {
        assert_eq!(state, flow.flow_id);
        let told = self.flows.get_mut(&flow.flow_id).expect("the flow was opened");
        assert!(told.halves.iter().all(|half| half.ended), "both directions end before the close");
        assert!(told.closed.replace(reason).is_none(), "closes once");
        told.round_trips = [Direction::Forward, Direction::Backward].map(|dir| flow.round_trip(dir));
        if self.quiet {
            self.flows.remove(&flow.flow_id);
        }
        self.closes.push((flow.flow_id, reason));
        self.note(format!("close {} {}", flow.flow_id, reason.as_str()));
    }
}

/// A table, its recorder, and packet numbers.
pub(super) struct Bench {
    pub(super) table: FlowTable<Recorder>,
    pub(super) told: Recorder,
    pub(super) number: u64,
}

impl Bench {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { table: FlowTable::new(limits), told: Recorder::default(), number: 0 }
    }

    pub(super) fn ingest(&mut self, packet: &Packet<'_>) {
        self.table.ingest(self.number, packet, &mut self.told);
        self.number += 1;
        let counts = self.table.counts();
        let known = counts.delivered_bytes + counts.dropped_total() + counts.retransmitted_bytes + counts.skipped_bytes;
        assert!(known <= counts.payload_bytes, "no octet is accounted for twice");
    }

    /// Ends the capture and checks that nothing was lost on the way.
    pub(super) fn finish(&mut self) {
        self.table.finish(&mut self.told);
        let counts = self.table.counts();
        let known = counts.delivered_bytes + counts.dropped_total() + counts.retransmitted_bytes + counts.skipped_bytes;
        assert_eq!(known, counts.payload_bytes, "every captured octet is accounted for");
        assert_eq!(self.table.held_bytes(), 0);
        assert_eq!(self.table.len(), 0);
        assert_eq!(counts.opened(), counts.ended.iter().sum::<u64>());
        let told_bytes = |reason| -> u64 {
            let halves = self.told.flows.values().flat_map(|told| &told.halves);
            halves.filter_map(|half| half.dropped.get(&reason)).sum()
        };
        if !self.told.quiet {
            for reason in DropReason::ALL {
                assert_eq!(told_bytes(*reason), counts.dropped_bytes[reason.index()], "{}", reason.as_str());
            }
        }
    }
}

pub(super) fn end(addr: &str, port: u16) -> Endpoint {
    Endpoint { addr: addr.parse::<IpAddr>().unwrap(), port }
}

/// A packet of 40 octets and what its segment carries.
pub(super) fn packet(time: Timestamp, src: Endpoint, dst: Endpoint, proto: u8, segment: Segment<'_>) -> Packet<'_> {
    let payload_len = match &segment {
        Segment::Tcp(tcp) => tcp.payload_len,
        Segment::Udp(datagram) | Segment::Other(datagram) => datagram.payload_len,
        _ => 0,
    };
    Packet {
        time,
        first_time: time,
        origin: Origin::default(),
        src: src.addr,
        dst: dst.addr,
        proto,
        src_port: src.port,
        dst_port: dst.port,
        vlan: 0,
        tunnel: None,
        packets: 1,
        bytes: 40 + u64::from(payload_len),
        segment,
    }
}

pub(super) fn tcp(flags: TcpFlags, seq: u32, ack: u32, payload: &[u8]) -> Segment<'_> {
    Segment::Tcp(TcpSegment { seq, ack, flags, payload, payload_len: payload.len() as u32 })
}

pub(super) fn udp(payload: &[u8]) -> Segment<'_> {
    Segment::Udp(Datagram { payload, payload_len: payload.len() as u32 })
}

pub(super) const ACK: TcpFlags = TcpFlags::ACK;
pub(super) const SYN: TcpFlags = TcpFlags::SYN;
pub(super) const SYN_ACK: TcpFlags = TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0);
pub(super) const FIN_ACK: TcpFlags = TcpFlags(TcpFlags::FIN.0 | TcpFlags::ACK.0);

pub(super) fn seconds(seconds: u64) -> Timestamp {
    Timestamp::from_parts(1_700_000_000 + seconds, 0)
}
