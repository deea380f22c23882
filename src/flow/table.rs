//! The flow table: packets to flows, flows to their end.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::hash::RandomState;
use std::time::Duration;

use hashbrown::HashTable;

use super::expiry::{Class, Slots, TENTATIVE_PACKETS_MAX};
use super::key::{FlowKey, Match, TAGS_MAX, Tag};
use super::record::{FlowRecord, MIDSTREAM, ORIGINATOR_KNOWN, SYN_SEEN};
use super::stream::{Budget, Outlet};
use super::tcp::TcpFlow;
use super::{EndReason, FlowCounts, GapCause, Handler};
use crate::model::{Direction, FlowOverload, Limits, Packet, Segment, TcpFlags, Timestamp, ip_proto};

struct Flow<S> {
    record: FlowRecord,
    state: S,
    tcp: Option<Box<TcpFlow>>,
}

impl<S> Flow<S> {
    fn class(&self) -> Class {
        let [forward, backward] = self.record.packets;
        let tentative = forward == 0 || backward == 0 || forward + backward <= TENTATIVE_PACKETS_MAX;
        match (&self.tcp, self.record.proto == ip_proto::TCP, tentative) {
            (Some(tcp), _, _) if tcp.is_closed(&self.record) => Class::Closed,
            (_, true, true) => Class::TentativeTcp,
            (_, true, false) => Class::EstablishedTcp,
            (_, false, true) => Class::TentativeOther,
            (_, false, false) => Class::EstablishedOther,
        }
    }

    /// Why a flow ended for which `otherwise` came to pass: a closed connection was over before.
    fn end_reason(&self, otherwise: EndReason) -> EndReason {
        match &self.tcp {
            Some(tcp) if tcp.was_reset() => EndReason::Reset,
            Some(tcp) if tcp.is_closed(&self.record) => EndReason::Finished,
            _ => otherwise,
        }
    }
}

/// Flows by 5-tuple and tag. Bounded by [`Limits`]; expires on packet time; tells a [`Handler`].
///
/// The contract: call [`FlowTable::ingest`] for each packet in the order of capture, with packet numbers that never repeat,
/// then [`FlowTable::finish`] once. Always the same handler.
pub struct FlowTable<H: Handler> {
    slots: Slots<Flow<H::State>>,
    /// Slots by the hash of their 5-tuple.
    index: HashTable<u32>,
    hash: RandomState,
    flows_max: usize,
    tcp_idle_timeout: Duration,
    tcp_closed_timeout: Duration,
    datagram_idle_timeout: Duration,
    keep_tracked: bool,
    budget: Budget,
    /// TCP flows by when a hole of theirs is to be looked at; at least one entry for a flow with a hole.
    holes: BTreeSet<(Timestamp, u32)>,
    /// Nothing expires before.
    next_expiry: Timestamp,
    tcp_flows: usize,
    tag_bytes: usize,
    counts: FlowCounts,
}

/// Later than any packet.
const NEVER: Timestamp = Timestamp::from_nanos(u64::MAX);

impl<H: Handler> FlowTable<H> {
    /// An empty table. It allocates as flows come.
    pub fn new(limits: &Limits) -> Self {
        Self {
            slots: Slots::new(),
            index: HashTable::new(),
            hash: RandomState::new(),
            flows_max: limits.flows_max.clamp(1, u32::MAX as usize - 1),
            tcp_idle_timeout: limits.tcp_idle_timeout,
            tcp_closed_timeout: limits.tcp_closed_timeout,
            datagram_idle_timeout: limits.datagram_idle_timeout,
            keep_tracked: limits.overload.flows == FlowOverload::Count,
            budget: Budget {
                held_bytes: 0,
                held_bytes_max: limits.held_bytes_max,
                stream_bytes_max: limits.held_bytes_per_stream_max,
                hole_timeout: limits.hole_timeout,
                assemblers: 0,
            },
            holes: BTreeSet::new(),
            next_expiry: NEVER,
            tcp_flows: 0,
            tag_bytes: 0,
            counts: FlowCounts::default(),
        }
    }

    /// Counts since the table was made.
    pub fn counts(&self) -> &FlowCounts {
        &self.counts
    }

    /// Flows in the table.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no flow is in the table.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What out-of-order payload is charged, octets: at most `held_bytes_max`.
    pub fn held_bytes(&self) -> usize {
        self.budget.held_bytes
    }

    /// Memory of the table with all it holds, without what handlers' states own, octets.
    pub fn memory_bytes(&self) -> usize {
        self.slots.memory_bytes()
            + self.index.allocation_size()
            + self.tcp_flows * size_of::<TcpFlow>()
            + self.tag_bytes
            + self.holes.len() * size_of::<(Timestamp, u32)>()
            + self.budget.assemblers * size_of::<super::assembler::Assembler>()
            + self.budget.held_bytes
    }

    /// Octets of one flow's slot and, for TCP, of the block beside it.
    pub const FLOW_BYTES: (usize, usize) = (Slots::<Flow<H::State>>::SLOT_BYTES, size_of::<TcpFlow>());

    /// Counts a packet in its flow, which it may open, and tells the handler. `packet_number` names the flow if it opens one.
    /// Expires first what the packet's time expires.
    pub fn ingest(&mut self, packet_number: u64, packet: &Packet<'_>, handler: &mut H) {
        self.advance(packet.time, handler);
        let src = crate::model::Endpoint { addr: packet.src, port: packet.src_port };
        let dst = crate::model::Endpoint { addr: packet.dst, port: packet.dst_port };
        let (key, swapped) = FlowKey::of(packet.proto, src, dst);
        let hash = key.hash_with(&self.hash);
        let found = self.find(hash, &key, swapped, packet).and_then(|(at, dir)| {
            let reason = self.outlived_by(at, dir, packet);
            match reason {
                None => Some((at, dir)),
                Some(reason) => {
                    self.close(at, reason, handler);
                    None
                }
            }
        });
        if let Some((at, dir)) = found.or_else(|| self.open(packet_number, hash, packet, handler)) {
            self.feed(at, dir, packet, handler);
        }
    }

    /// Ends what is idle and gives up what has waited too long at `now`, the time of a packet. Cheap if nothing is due.
    pub fn advance(&mut self, now: Timestamp, handler: &mut H) {
        if now < self.next_expiry {
            return;
        }
        while let Some(&(due, at)) = self.holes.first()
            && due <= now
        {
            self.holes.pop_first();
            self.expire_holes(at, now, handler);
        }
        for class in Class::ALL {
            while let Some(at) = self.slots.oldest(class)
                && let Some(flow) = self.slots.get(at)
            {
                if flow.record.last > now {
                    // The clock of the capture stepped back behind this flow: it must not hide those that wait behind it.
                    self.slots.touch(at, class);
                    break;
                }
                if now.since(flow.record.last) < self.timeout(class) {
                    break;
                }
                let reason = flow.end_reason(EndReason::IdleTimeout);
                self.close(at, reason, handler);
            }
        }
        self.next_expiry = Class::ALL
            .iter()
            .filter_map(|&class| {
                let flow = self.slots.get(self.slots.oldest(class)?)?;
                Some(flow.record.last.after(self.timeout(class)))
            })
            .chain(self.holes.first().map(|&(due, _)| due))
            .min()
            .unwrap_or(NEVER);
    }

    /// Ends all flows, in the order in which they were opened.
    pub fn finish(&mut self, handler: &mut H) {
        let mut all: Vec<(u64, u32)> = self.slots.iter().map(|(at, flow)| (flow.record.flow_id, at)).collect();
        all.sort_unstable();
        for (_, at) in all {
            if let Some(flow) = self.slots.get(at) {
                let reason = flow.end_reason(EndReason::CaptureEnd);
                self.close(at, reason, handler);
            }
        }
    }

    /// Shows every open flow to `visit`, always in the same order for the same packets.
    pub fn for_each(&mut self, mut visit: impl FnMut(&FlowRecord, &mut H::State)) {
        for flow in self.slots.iter_mut() {
            visit(&flow.record, &mut flow.state);
        }
    }

    #[cfg(test)]
    pub(super) fn any_record(&self) -> &FlowRecord {
        let (_, flow) = self.slots.iter().next().expect("a flow is there");
        &flow.record
    }

    const fn timeout(&self, class: Class) -> Duration {
        match class {
            Class::Closed => self.tcp_closed_timeout,
            Class::TentativeTcp | Class::EstablishedTcp => self.tcp_idle_timeout,
            Class::TentativeOther | Class::EstablishedOther => self.datagram_idle_timeout,
        }
    }

    /// The flow a packet fits best, and the packet's direction in it.
    fn find(&mut self, hash: u64, key: &FlowKey, swapped: bool, packet: &Packet<'_>) -> Option<(u32, Direction)> {
        let tag = Tag::of(packet);
        let mut best = None;
        let mut alike = 0;
        for &at in self.index.iter_hash(hash) {
            let Some(flow) = self.slots.get(at) else { continue };
            if flow.record.key() != *key {
                continue;
            }
            alike += 1;
            let dir = flow.record.direction(swapped);
            let fit = flow.record.tags.fit(dir, &tag);
            if fit == Match::Exact {
                return Some((at, dir));
            }
            // The oldest of those that fit equally: the hash must not decide.
            best = best.max(Some((fit, Reverse(flow.record.flow_id), at, dir)));
        }
        let (fit, _, at, dir) = best?;
        if fit == Match::OtherTag {
            if alike < TAGS_MAX {
                return None;
            }
            self.counts.tags_merged += 1;
        }
        Some((at, dir))
    }

    /// Whether a packet comes too late for the flow it fits, or begins another.
    fn outlived_by(&self, at: u32, dir: Direction, packet: &Packet<'_>) -> Option<EndReason> {
        let flow = self.slots.get(at)?;
        if packet.time.since(flow.record.last) >= self.timeout(flow.class()) {
            return Some(flow.end_reason(EndReason::IdleTimeout));
        }
        match (&packet.segment, &flow.tcp) {
            (Segment::Tcp(segment), Some(tcp)) if tcp.is_reopened_by(&flow.record, dir, segment) => {
                Some(flow.end_reason(EndReason::PortReuse))
            }
            _ => None,
        }
    }

    /// Opens a flow, unless the table is full and what is in it is to stay.
    fn open(&mut self, number: u64, hash: u64, packet: &Packet<'_>, handler: &mut H) -> Option<(u32, Direction)> {
        if self.slots.len() >= self.flows_max {
            if self.keep_tracked && self.slots.oldest(Class::Closed).is_none() {
                self.counts.packets_untracked += u64::from(packet.packets);
                handler.untracked(packet);
                return None;
            }
            self.evict(handler);
        }
        match packet.proto {
            ip_proto::TCP => self.counts.opened_tcp += 1,
            ip_proto::UDP => self.counts.opened_udp += 1,
            _ => self.counts.opened_other += 1,
        }
        let (dir, flags) = match &packet.segment {
            Segment::Tcp(segment) if segment.flags.has(TcpFlags::SYN) => {
                let answers = segment.flags.has(TcpFlags::ACK);
                (if answers { Direction::Backward } else { Direction::Forward }, ORIGINATOR_KNOWN)
            }
            Segment::Tcp(_) => (Direction::Forward, MIDSTREAM),
            _ => (Direction::Forward, 0),
        };
        let record = FlowRecord::new(number, packet, dir, flags);
        let state = handler.open(&record);
        let flow = Flow { record, state, tcp: None };
        let class = flow.class();
        let at = self.slots.insert(flow, class);
        let Self { index, slots, hash: build, .. } = self;
        index.insert_unique(hash, at, |&at| slots.get(at).map_or(0, |flow| flow.record.key().hash_with(build)));
        Some((at, dir))
    }

    fn feed(&mut self, at: u32, dir: Direction, packet: &Packet<'_>, handler: &mut H) {
        let Some(flow) = self.slots.get_mut(at) else { return };
        let tag_bytes = flow.record.tags.heap_bytes();
        flow.record.count(dir, packet);
        self.tag_bytes += flow.record.tags.heap_bytes() - tag_bytes;
        match &packet.segment {
            Segment::Tcp(segment) => {
                flow.record.time_handshake(dir, segment, packet.time);
                if segment.flags.has(TcpFlags::SYN) {
                    flow.record.flags |= SYN_SEEN << dir.index();
                }
                let Flow { record, state, tcp } = flow;
                handler.packet(record, state, dir, packet);
                let tcp = tcp.get_or_insert_with(|| {
                    self.tcp_flows += 1;
                    Box::new(TcpFlow::new())
                });
                let mut out = Outlet {
                    handler,
                    flow: record,
                    state,
                    dir,
                    counts: &mut self.counts,
                    budget: &mut self.budget,
                    now: packet.time,
                };
                tcp.ingest(segment, &mut out);
                if tcp.hole_check == Timestamp::default()
                    && let Some(due) = tcp.hole_deadline(&out)
                {
                    tcp.hole_check = due;
                    self.holes.insert((due, at));
                    self.next_expiry = self.next_expiry.min(due);
                }
            }
            Segment::Udp(datagram) | Segment::Other(datagram) => {
                handler.packet(&flow.record, &mut flow.state, dir, packet);
                handler.datagram(&flow.record, &mut flow.state, dir, datagram.payload, datagram.payload_len);
            }
            Segment::Icmp { .. } | Segment::Counted => {
                handler.packet(&flow.record, &mut flow.state, dir, packet);
            }
        }
        let (class, last) = (flow.class(), flow.record.last);
        self.slots.touch(at, class);
        self.next_expiry = self.next_expiry.min(last.after(self.timeout(class)));
    }

    /// Gives up holes of a flow that have waited too long, and notes when to look again.
    fn expire_holes(&mut self, at: u32, now: Timestamp, handler: &mut H) {
        let Some(Flow { record, state, tcp: Some(tcp) }) = self.slots.get_mut(at) else { return };
        let mut out = Outlet {
            handler,
            flow: record,
            state,
            dir: Direction::Forward,
            counts: &mut self.counts,
            budget: &mut self.budget,
            now,
        };
        tcp.expire_holes(&mut out);
        tcp.hole_check = tcp.hole_deadline(&out).unwrap_or_default();
        if tcp.hole_check != Timestamp::default() {
            self.holes.insert((tcp.hole_check, at));
        }
    }

    /// Ends the least valuable flow: see the module's text.
    fn evict(&mut self, handler: &mut H) {
        if let Some(at) = self.slots.oldest(Class::Closed) {
            let reason = self.slots.get(at).map_or(EndReason::Finished, |flow| flow.end_reason(EndReason::Finished));
            self.counts.closed_early += 1;
            self.close(at, reason, handler);
            return;
        }
        let oldest_of = |classes: [Class; 2]| {
            classes
                .into_iter()
                .filter_map(|class| {
                    let at = self.slots.oldest(class)?;
                    let record = &self.slots.get(at)?.record;
                    Some((record.last, record.flow_id, at))
                })
                .min()
        };
        let least = oldest_of([Class::TentativeTcp, Class::TentativeOther])
            .or_else(|| oldest_of([Class::EstablishedTcp, Class::EstablishedOther]));
        if let Some((_, _, at)) = least {
            self.close(at, EndReason::Evicted, handler);
        }
    }

    fn close(&mut self, at: u32, reason: EndReason, handler: &mut H) {
        let Some(Flow { record, mut state, tcp }) = self.slots.remove(at) else { return };
        let hash = record.key().hash_with(&self.hash);
        if let Ok(entry) = self.index.find_entry(hash, |&other| other == at) {
            entry.remove();
        }
        self.tag_bytes -= record.tags.heap_bytes();
        self.counts.ended[reason.index()] += 1;
        if let Some(mut tcp) = tcp {
            self.tcp_flows -= 1;
            if tcp.hole_check != Timestamp::default() {
                self.holes.remove(&(tcp.hole_check, at));
            }
            let cause = if reason == EndReason::Evicted { GapCause::Limit } else { GapCause::Lost };
            let mut out = Outlet {
                handler,
                flow: &record,
                state: &mut state,
                dir: Direction::Forward,
                counts: &mut self.counts,
                budget: &mut self.budget,
                now: record.last,
            };
            tcp.finish(cause, &mut out);
        } else {
            handler.end(&record, &mut state, Direction::Forward);
            handler.end(&record, &mut state, Direction::Backward);
        }
        handler.close(&record, state, reason);
    }
}
