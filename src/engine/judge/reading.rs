//! What the flow table tells of each flow, and what of it inspectors and documents get to read.

use std::sync::Arc;

use super::Judge;
use crate::engine::batch::Task;
use crate::engine::document::Reading;
use crate::engine::facts::Sink;
use crate::engine::live::{FlowState, Live, local_addr, remote_addr, view};
use crate::engine::sums;
use crate::flow::{DropReason, EndReason, FlowRecord, GapCause, Handler, Interest};
use crate::model::{
    Direction, EventBody, NameSource, Packet, ReassemblyOverload, Scope, Segment, UninspectedReason, Verdict, ip_proto,
};
use crate::proto::{Inspector, Transport};

impl Judge {
    /// Feeds the flow's inspector and deals with what it found.
    fn inspect(
        &mut self,
        flow: &FlowRecord,
        state: &mut FlowState,
        dir: Direction,
        feed: impl FnOnce(&mut Inspector, &mut Sink<'_>),
    ) -> Interest {
        let out = state.out;
        let reads = state.scope == Scope::Egress && !state.overheard;
        let live = state.live.get_or_insert_default();
        if live.sealed[dir.index()].is_some() {
            return Interest::Skip;
        }
        let mut inspector = live.inspector.take().unwrap_or_else(|| {
            let transport = if flow.proto == ip_proto::TCP { Transport::Stream } else { Transport::Datagram };
            let mut want = [false; 2];
            want[out.index()] = reads;
            // ESP by itself is what it is within UDP.
            let ports = [flow.originator.port, flow.responder.port];
            let [originator, responder] = if flow.proto == ip_proto::ESP { [4500; 2] } else { ports };
            Box::new(Inspector::new(transport, originator, responder, want))
        });
        let mut reading = Reading::default();
        let receiver = match dir {
            Direction::Forward => flow.responder.addr,
            Direction::Backward => flow.originator.addr,
        };
        feed(
            &mut inspector,
            &mut Sink {
                judge: self,
                flow,
                scope: state.scope,
                out,
                reads,
                live,
                reading: &mut reading,
                client: receiver,
            },
        );
        let mut interest = Interest::Read;
        if let Some(reason) = inspector.finished(dir) {
            live.sealed[dir.index()] = Some(reason);
            interest = Interest::Skip;
        }
        if live.sealed.iter().any(Option::is_none) {
            live.inspector = Some(inspector);
        }
        for (reason, len) in reading.unread {
            live.unread.add(reason, len);
        }
        interest
    }

    /// Judges what reading brought to light, and keeps documents within the budget.
    pub(in crate::engine) fn settle(
        &mut self,
        flow: &FlowRecord,
        scope: Scope,
        out: Direction,
        live: &mut Live,
        reading: &mut Reading,
    ) {
        if !live.documents.is_empty() {
            self.keep_budget(live, reading);
        }
        let persons = self.tools.scanner.take_persons();
        if !persons.is_empty() {
            live.ledger.get_or_insert_default().persons.add(persons);
        }
        for finding in std::mem::take(&mut reading.findings) {
            self.judge_finding(flow, scope, out, live, finding);
        }
    }

    fn keep_budget(&mut self, live: &mut Live, reading: &mut Reading) {
        for document in &mut live.documents {
            let (_, change) = document.settle_held();
            self.held = self.held.saturating_add_signed(change);
        }
        // The flow that asks for more than there is loses its largest document; others keep theirs.
        while self.held > self.limits.document_bytes_max {
            let Some(largest) =
                live.documents.iter_mut().filter(|document| document.held() > 0).max_by_key(|d| d.held())
            else {
                break;
            };
            largest.end(&mut self.tools, reading);
            let (_, change) = largest.settle_held();
            self.held = self.held.saturating_add_signed(change);
            *self.counts.limits_reached.entry(sums::DOCUMENTS).or_default() += 1;
        }
    }
}

impl Handler for Judge {
    type State = FlowState;

    fn open(&mut self, flow: &FlowRecord) -> FlowState {
        let overheard = self.task == Task::Learn;
        let (scope, out) = self.scope_of(flow);
        if !overheard {
            match flow.proto {
                ip_proto::TCP => self.counts.flows_tcp += 1,
                ip_proto::UDP => self.counts.flows_udp += 1,
                _ => self.counts.flows_other += 1,
            }
            *self.counts.scopes.entry(scope).or_default() += 1;
        }
        let client = local_addr(flow, out);
        let live = self
            .names
            .name_of(client, remote_addr(flow, out), self.now)
            .map(|name| Box::new(Live { name: Some((name, NameSource::Dns)), ..Live::default() }));
        FlowState { overheard, scope, out, live }
    }

    fn untracked(&mut self, packet: &Packet<'_>) {
        if self.task != Task::Learn {
            self.judge_refused(packet);
        }
    }

    fn packet(&mut self, flow: &FlowRecord, state: &mut FlowState, dir: Direction, packet: &Packet<'_>) {
        if state.scope != Scope::Egress || dir != state.out || state.overheard {
            return;
        }
        let (captured, len) = match &packet.segment {
            Segment::Tcp(tcp) => (tcp.payload.len(), tcp.payload_len),
            Segment::Udp(datagram) | Segment::Other(datagram) => (datagram.payload.len(), datagram.payload_len),
            Segment::Icmp { .. } => return,
            Segment::Counted => {
                let live = state.live.get_or_insert_default();
                live.unread.wait_for_datagram(packet.packets.into(), packet.bytes);
                return;
            }
        };
        if len == 0 {
            return;
        }
        let live = state.live.get_or_insert_default();
        live.unread.datagram_complete(len.into(), packet.bytes);
        if let Some(reason) = live.sealed[dir.index()] {
            live.unread.add(reason, len.into());
        } else {
            let why = if self.task == Task::Count { UninspectedReason::Overload } else { UninspectedReason::Snaplen };
            live.unread.add(why, u64::from(len).saturating_sub(captured as u64));
        }
        self.note_sent(flow, dir, live, packet.bytes);
    }

    fn octets(
        &mut self,
        flow: &FlowRecord,
        state: &mut FlowState,
        dir: Direction,
        offset: u64,
        octets: &[u8],
    ) -> Interest {
        self.inspect(flow, state, dir, |inspector, sink| inspector.octets(dir, offset, octets, sink))
    }

    fn gap(
        &mut self,
        flow: &FlowRecord,
        state: &mut FlowState,
        dir: Direction,
        offset: u64,
        len: u64,
        cause: GapCause,
    ) -> Interest {
        let interest = self.inspect(flow, state, dir, |inspector, sink| inspector.gap(dir, offset, len, sink));
        if cause == GapCause::Limit
            && self.limits.overload.reassembly == ReassemblyOverload::Skip
            && let Some(live) = &mut state.live
        {
            live.sealed[dir.index()].get_or_insert(UninspectedReason::ReassemblyLimit);
            return Interest::Skip;
        }
        interest
    }

    fn dropped(&mut self, _flow: &FlowRecord, state: &mut FlowState, dir: Direction, len: u64, why: DropReason) {
        if dir != state.out || state.scope != Scope::Egress {
            return;
        }
        let live = state.live.get_or_insert_default();
        let lost = match why {
            DropReason::Late => UninspectedReason::ReassemblyLimit,
            _ => UninspectedReason::Gap,
        };
        live.unread.add(live.sealed[dir.index()].unwrap_or(lost), len);
    }

    fn datagram(&mut self, flow: &FlowRecord, state: &mut FlowState, dir: Direction, payload: &[u8], payload_len: u32) {
        self.inspect(flow, state, dir, |inspector, sink| inspector.datagram(dir, payload, payload_len, sink));
    }

    fn end(&mut self, flow: &FlowRecord, state: &mut FlowState, dir: Direction) {
        if state.live.as_ref().is_some_and(|live| live.inspector.is_some()) {
            self.inspect(flow, state, dir, |inspector, sink| inspector.end(dir, sink));
        }
    }

    fn close(&mut self, flow: &FlowRecord, mut state: FlowState, reason: EndReason) {
        if state.overheard {
            return;
        }
        if reason == EndReason::Evicted {
            *self.counts.flows_evicted.entry("table-full").or_default() += 1;
        }
        let mut bare = Live::default();
        let live = state.live.as_deref_mut().unwrap_or(&mut bare);
        // Documents that never ended: read what they hold back, and give their memory back.
        let mut reading = Reading::default();
        for mut document in std::mem::take(&mut live.documents) {
            document.end(&mut self.tools, &mut reading);
            self.held = self.held.saturating_sub(document.held());
        }
        self.settle(flow, state.scope, state.out, live, &mut reading);
        for (why, len) in reading.unread {
            live.unread.add(why, len);
        }
        if state.scope == Scope::Egress || self.options.flow_events {
            self.judge_as_a_whole(flow, state.out, live);
        }
        let verdict = match state.scope {
            Scope::Egress => self.sum_up(flow, state.out, live, true),
            Scope::Internal => Verdict::Allowed,
            Scope::Transit => Verdict::Undetermined,
        };
        if self.options.flow_events {
            let mut view = view(flow, state.scope, state.out, live, &flow.last);
            view.verdict = verdict;
            self.push(Some(Arc::new(view)), EventBody::Flow);
        }
    }
}
