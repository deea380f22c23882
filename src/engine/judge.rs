//! The judge of a lane: told by the flow table what each flow carries, it has it read, located and judged, keeps the counts and
//! writes the events. This is the one place where the inner rooms meet.

use std::net::IpAddr;
use std::sync::Arc;

use super::batch::Task;
use super::document::{OpenDocument, Reading, Tools};
use super::ledger::{Judged, Ledger, Unread, count};
use super::names::Names;
use super::pixels::Pixels;
use super::{EngineOptions, Rules, sums};
use crate::flow::{DropReason, EndReason, FlowRecord, GapCause, Handler, Interest};
use crate::model::{
    AppProto, Country, Counts, Crossing, CrossingData, Datagram, Destination, Direction, DocumentStart, Event,
    EventBody, Finding, FindingKey, FlowView, Initiator, Jurisdiction, Limits, NameSource, Packet, Scope, Segment,
    Tally, Timestamp, UndeterminedReason, UninspectedReason, Verdict, ViolationKey, community_id, ip_proto,
    shown_field,
};
use crate::proto::{Facts, Inspector, TlsHello, Transport};
use crate::scan::Scanner;

/// What the engine keeps of a flow. Two words for a flow that carried nothing yet.
pub(super) struct FlowState {
    /// Followed only for names; never counted.
    overheard: bool,
    scope: Scope,
    /// The direction of octets from `src` to `dest` as events name them: away from the local end.
    out: Direction,
    live: Option<Box<Live>>,
}

/// The part of a flow's state that exists once it carries octets or has a name.
#[derive(Default)]
struct Live {
    inspector: Option<Box<Inspector>>,
    app: Option<AppProto>,
    /// The first name known, or the first one that is not weak.
    name: Option<(Arc<str>, NameSource)>,
    /// Fingerprint of the TLS client.
    ja4: Option<Arc<str>>,
    /// The latest name, if the flow serves several (a proxy, a reused connection).
    current: Option<Arc<str>>,
    /// Directions of which nothing more will be read, and why.
    sealed: [Option<UninspectedReason>; 2],
    /// Documents being read.
    documents: Vec<OpenDocument>,
    /// Outbound octets that were not read.
    unread: Unread,
    /// Findings and violations.
    ledger: Option<Box<Ledger>>,
    /// The place under the latest name.
    judged: Option<Box<Judged>>,
}

/// See the module.
pub(super) struct Judge {
    rules: Arc<Rules>,
    limits: Limits,
    options: EngineOptions,
    tools: Tools,
    names: Names,
    counts: Counts,
    events: Vec<(u64, Event)>,
    /// Octets held by documents of this lane.
    held: usize,
    number: u64,
    now: Timestamp,
    task: Task,
}

impl Judge {
    pub(super) fn new(rules: Arc<Rules>, limits: Limits, options: EngineOptions) -> Self {
        Self {
            tools: Tools {
                scanner: Scanner::new(rules.catalogue.clone(), rules.digest_key),
                pixels: Pixels::new(&limits),
                now: Timestamp::default(),
            },
            names: Names::new(limits.names_max),
            rules,
            limits,
            options,
            counts: Counts::default(),
            events: Vec::new(),
            held: 0,
            number: 0,
            now: Timestamp::default(),
            task: Task::Own,
        }
    }

    /// Says which packet the following calls are about.
    pub(super) fn begin_packet(&mut self, number: u64, time: Timestamp, task: Task) {
        self.number = number;
        self.now = self.now.max(time);
        self.tools.now = self.now;
        self.task = task;
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn take_events(&mut self) -> impl Iterator<Item = (u64, Event)> {
        self.events.drain(..)
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = self.counts.clone();
        let forgotten = self.names.forgotten();
        if forgotten > 0 {
            *counts.limits_reached.entry(sums::NAMES).or_default() += forgotten;
        }
        sums::add_scan(&mut counts, &self.tools.scanner.counts());
        sums::add_images(&mut counts, self.tools.pixels.not_looked_at);
        counts
    }

    /// Learns names from a datagram that another lane counts.
    pub(super) fn overhear(&mut self, packet: &Packet<'_>, datagram: &Datagram<'_>) {
        let mut inspector = Inspector::new(Transport::Datagram, packet.src_port, packet.dst_port, [false; 2]);
        let mut ear = Ear { names: &mut self.names, now: self.now, client: packet.dst };
        inspector.datagram(Direction::Forward, datagram.payload, datagram.payload_len, &mut ear);
    }

    fn scope_of(&self, flow: &FlowRecord) -> (Scope, Direction) {
        let locator = &self.rules.locator;
        match (locator.is_local(flow.originator.addr), locator.is_local(flow.responder.addr)) {
            (true, true) => (Scope::Internal, Direction::Forward),
            (true, false) => (Scope::Egress, Direction::Forward),
            (false, true) => (Scope::Egress, Direction::Backward),
            (false, false) => (Scope::Transit, Direction::Forward),
        }
    }

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
            Box::new(Inspector::new(transport, flow.originator.port, flow.responder.port, want))
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
    fn settle(&mut self, flow: &FlowRecord, scope: Scope, out: Direction, live: &mut Live, reading: &mut Reading) {
        if !live.documents.is_empty() {
            self.keep_budget(live, reading);
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
            largest.give_up(&mut self.tools, reading);
            let (_, change) = largest.settle_held();
            self.held = self.held.saturating_add_signed(change);
            *self.counts.limits_reached.entry(sums::DOCUMENTS).or_default() += 1;
        }
    }

    fn judged(&self, flow: &FlowRecord, out: Direction, name: Option<&Arc<str>>) -> Judged {
        let locator = &self.rules.locator;
        let remote = remote_addr(flow, out);
        let place = locator.locate(remote, name.map(AsRef::as_ref));
        let destination = Destination {
            location: place.location,
            control: place.control,
            asn: place.asn,
            as_org: place.as_org.clone(),
            operator: place.operator.clone(),
            evidence: locator.evidence(remote, name.map(AsRef::as_ref)),
        };
        Judged { name: name.cloned(), place, destination: Arc::new(destination) }
    }

    fn judge_finding(
        &mut self,
        flow: &FlowRecord,
        scope: Scope,
        out: Direction,
        live: &mut Live,
        mut finding: Finding,
    ) {
        finding.field = finding.field.as_deref().map(shown_field);
        let Some(level) = finding.confidence.level() else { return };
        let name = live.current.as_ref().or(live.name.as_ref().map(|(name, _)| name));
        let name = name.filter(|_| names_the_remote(out));
        if live.judged.as_ref().is_none_or(|judged| judged.name.as_ref() != name) {
            let judged = self.judged(flow, out, name);
            live.judged = Some(Box::new(judged));
        }
        let Some(judged) = live.judged.as_deref() else { return };
        let to = judged.to();
        let crossing = Crossing {
            time: self.now,
            data: Some(CrossingData { signature: &finding.signature, class: finding.class, level }),
            location: to.location,
            control: to.control,
            service_class: judged.place.service_class.as_deref(),
        };
        let decision = self.rules.policy.decide(&crossing);
        let ledger = live.ledger.get_or_insert_default();
        ledger.worst = ledger.worst.max(Some(decision.verdict));
        let key = FindingKey { signature: finding.signature.clone(), class: finding.class, to };
        count(&mut ledger.findings, key);
        let broken = decision.rule.filter(|_| decision.verdict == Verdict::Violation);
        if let Some(rule) = &broken {
            count(&mut ledger.violations, ViolationKey { rule: rule.clone(), to, class: Some(finding.class) });
        }
        if ledger.reported >= self.limits.findings_per_flow_max {
            ledger.unreported += 1;
            return;
        }
        ledger.reported += 1;
        let view = Arc::new(view(flow, scope, out, live, &self.now));
        let finding = Arc::new(finding);
        self.push(Some(view.clone()), EventBody::Finding(finding.clone()));
        if let Some(rule) = broken {
            self.push(Some(view), EventBody::Violation { rule, matched: decision.matched, finding: Some(finding) });
        }
    }

    fn push(&mut self, flow: Option<Arc<FlowView>>, body: EventBody) {
        self.events.push((self.number, Event { time: self.now, flow, body }));
    }

    /// Sums an ended egress flow up, and judges what could not be read.
    fn close_egress(&mut self, flow: &FlowRecord, out: Direction, live: &mut Live) -> Verdict {
        let bytes = flow.bytes[out.index()];
        let to = live
            .judged
            .as_ref()
            .map_or(Jurisdiction { location: Default::default(), control: Default::default() }, |judged| judged.to());
        let mut worst = live.ledger.as_ref().and_then(|ledger| ledger.worst).unwrap_or(Verdict::Allowed);
        if bytes == 0 {
            return worst;
        }
        let unread = live.unread.by_reason(bytes);
        let inspection = live.unread.inspection(bytes);
        if !unread.is_empty() || !to.location.is_known() {
            let verdict = self.judge_unread(flow, out, live, to, &unread, bytes);
            worst = worst.max(verdict);
        }
        for (reason, octets) in unread {
            *self.counts.uninspected.entry((to.location, reason)).or_default() +=
                Tally { flows: 1, count: 1, bytes: octets };
        }
        let egress = self.counts.egress.entry(to).or_default();
        egress.flows += 1;
        egress.packets += flow.packets[out.index()];
        egress.bytes += bytes;
        egress.inspected_bytes += inspection.inspected_bytes;
        egress.opaque_bytes += inspection.opaque_bytes;
        egress.missed_bytes += inspection.missed_bytes;
        *self.counts.egress_by_verdict.entry((to, worst)).or_default() += bytes;
        if let Some(pair) = self.rules.locator.conflict(remote_addr(flow, out)) {
            *self.counts.jurisdiction_conflicts.entry(pair).or_default() += 1;
        }
        if let Some(ledger) = live.ledger.as_deref_mut() {
            for (key, count) in ledger.findings.drain(..) {
                *self.counts.findings.entry(key).or_default() += Tally { flows: 1, count, bytes };
            }
            for (key, count) in ledger.violations.drain(..) {
                *self.counts.violations.entry(key).or_default() += Tally { flows: 1, count, bytes };
            }
            if ledger.unreported > 0 {
                *self.counts.limits_reached.entry(sums::FINDINGS).or_default() += ledger.unreported;
            }
        }
        worst
    }

    /// Judges what could not be read, or went nobody knows where.
    fn judge_unread(
        &mut self,
        flow: &FlowRecord,
        out: Direction,
        live: &mut Live,
        to: Jurisdiction,
        unread: &[(UninspectedReason, u64)],
        bytes: u64,
    ) -> Verdict {
        let service_class = live.judged.as_ref().and_then(|judged| judged.place.service_class.clone());
        let decision = self.rules.policy.decide(&Crossing {
            time: self.now,
            data: None,
            location: to.location,
            control: to.control,
            service_class: service_class.as_deref(),
        });
        match decision.verdict {
            Verdict::Allowed => {}
            Verdict::Undetermined if to.location == Country::UNKNOWN => {
                self.undetermined(UndeterminedReason::UnknownJurisdiction, to, bytes);
            }
            Verdict::Undetermined => {
                // Several reasons may fall under one heading; the flow counts once under each.
                let mut headings: Vec<(UndeterminedReason, u64)> = Vec::new();
                for &(reason, octets) in unread {
                    let heading = UndeterminedReason::from_uninspected(reason);
                    match headings.iter_mut().find(|(known, _)| *known == heading) {
                        Some((_, sum)) => *sum += octets,
                        None => headings.push((heading, octets)),
                    }
                }
                for (heading, octets) in headings {
                    self.undetermined(heading, to, octets);
                }
            }
            Verdict::Violation => {
                if let Some(rule) = decision.rule {
                    let ledger = live.ledger.get_or_insert_default();
                    count(&mut ledger.violations, ViolationKey { rule: rule.clone(), to, class: None });
                    ledger.worst = Some(Verdict::Violation);
                    let view = Arc::new(view(flow, Scope::Egress, out, live, &self.now));
                    let matched = decision.matched;
                    self.push(Some(view), EventBody::Violation { rule, matched, finding: None });
                }
            }
        }
        decision.verdict
    }

    fn undetermined(&mut self, reason: UndeterminedReason, to: Jurisdiction, bytes: u64) {
        *self.counts.undetermined.entry((reason, to.location)).or_default() += Tally { flows: 1, count: 1, bytes };
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

    fn packet(&mut self, _flow: &FlowRecord, state: &mut FlowState, dir: Direction, packet: &Packet<'_>) {
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
            live.unread.add(UninspectedReason::Snaplen, u64::from(len).saturating_sub(captured as u64));
        }
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
        _cause: GapCause,
    ) -> Interest {
        self.inspect(flow, state, dir, |inspector, sink| inspector.gap(dir, offset, len, sink))
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
            // A flow as a whole is summed up under its first name; findings were judged under the name of their request.
            let name = live.name.as_ref().map(|(name, _)| name.clone()).filter(|_| names_the_remote(state.out));
            if live.judged.as_ref().is_none_or(|judged| judged.name != name) {
                live.judged = Some(Box::new(self.judged(flow, state.out, name.as_ref())));
            }
        }
        let verdict = match state.scope {
            Scope::Egress => self.close_egress(flow, state.out, live),
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

/// What inspection finds, on its way into a flow's state.
struct Sink<'a> {
    judge: &'a mut Judge,
    flow: &'a FlowRecord,
    scope: Scope,
    out: Direction,
    reads: bool,
    live: &'a mut Live,
    reading: &'a mut Reading,
    client: IpAddr,
}

impl Sink<'_> {
    fn settle(&mut self) {
        self.judge.settle(self.flow, self.scope, self.out, self.live, self.reading);
    }
}

impl Facts for Sink<'_> {
    fn protocol(&mut self, app: AppProto) {
        self.live.app = Some(app);
    }

    fn server_name(&mut self, name: &str, source: NameSource) {
        let Some(name) = clean_name(name) else { return };
        let name: Arc<str> = name.into();
        match &self.live.name {
            Some((_, known)) if !is_weak(*known) => {
                if is_weak(source) {
                    return;
                }
            }
            _ => self.live.name = Some((name.clone(), source)),
        }
        self.live.current = Some(name);
    }

    fn resolved(&mut self, question: &str, _name: &str, addr: IpAddr, ttl_seconds: u32) {
        if let Some(name) = clean_name(question) {
            self.judge.names.learn(self.client, &name, addr, ttl_seconds, self.judge.now);
        }
    }

    fn tls(&mut self, hello: &TlsHello) {
        if self.judge.options.flow_events {
            self.live.ja4 = Some(hello.ja4().into());
        }
    }

    fn document_start(&mut self, dir: Direction, id: u32, start: DocumentStart) {
        if self.reads && dir == self.out {
            self.live.documents.push(OpenDocument::new(id, &start, &self.judge.limits));
        }
    }

    fn document_octets(&mut self, _dir: Direction, id: u32, octets: &[u8]) {
        if let Some(document) = self.live.documents.iter_mut().find(|document| document.id == id) {
            document.octets(octets, &mut self.judge.tools, self.reading);
            self.settle();
        }
    }

    fn document_gap(&mut self, _dir: Direction, id: u32, len: u64) {
        if let Some(document) = self.live.documents.iter_mut().find(|document| document.id == id) {
            document.gap(len, &mut self.judge.tools, self.reading);
        }
    }

    fn document_end(&mut self, _dir: Direction, id: u32) {
        let Some(index) = self.live.documents.iter().position(|document| document.id == id) else { return };
        let mut document = self.live.documents.swap_remove(index);
        document.end(&mut self.judge.tools, self.reading);
        self.judge.held = self.judge.held.saturating_sub(document.held());
        self.settle();
    }

    fn unread(&mut self, dir: Direction, len: u64, reason: UninspectedReason) {
        if dir == self.out {
            self.live.unread.add(reason, len);
        }
    }
}

/// Listens for names only.
struct Ear<'a> {
    names: &'a mut Names,
    now: Timestamp,
    client: IpAddr,
}

impl Facts for Ear<'_> {
    fn protocol(&mut self, _app: AppProto) {}
    fn server_name(&mut self, _name: &str, _source: NameSource) {}
    fn resolved(&mut self, question: &str, _name: &str, addr: IpAddr, ttl_seconds: u32) {
        if let Some(name) = clean_name(question) {
            self.names.learn(self.client, &name, addr, ttl_seconds, self.now);
        }
    }
    fn tls(&mut self, _hello: &TlsHello) {}
    fn document_start(&mut self, _dir: Direction, _id: u32, _start: DocumentStart) {}
    fn document_octets(&mut self, _dir: Direction, _id: u32, _octets: &[u8]) {}
    fn document_gap(&mut self, _dir: Direction, _id: u32, _len: u64) {}
    fn document_end(&mut self, _dir: Direction, _id: u32) {}
    fn unread(&mut self, _dir: Direction, _len: u64, _reason: UninspectedReason) {}
}

/// A host name as events print it: lower case, without port and trailing dot. `None` for what cannot be one: names come from
/// the other side, and reach tables, CSV and alerts.
fn clean_name(name: &str) -> Option<String> {
    let name = name.trim_end_matches('.');
    let fits = (1..=253).contains(&name.len())
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']'));
    fits.then(|| name.to_lowercase())
}

/// Whether a name gives way to one that the client asked for on the connection itself.
const fn is_weak(source: NameSource) -> bool {
    matches!(source, NameSource::TlsCertificate | NameSource::Dns)
}

/// Whether a flow's server name is the remote end's: on an inbound connection it is our own server's.
const fn names_the_remote(out: Direction) -> bool {
    matches!(out, Direction::Forward)
}

fn remote_addr(flow: &FlowRecord, out: Direction) -> IpAddr {
    match out {
        Direction::Forward => flow.responder.addr,
        Direction::Backward => flow.originator.addr,
    }
}

fn local_addr(flow: &FlowRecord, out: Direction) -> IpAddr {
    remote_addr(flow, out.reverse())
}

fn view(flow: &FlowRecord, scope: Scope, out: Direction, live: &Live, now: &Timestamp) -> FlowView {
    let (src, dest) = match out {
        Direction::Forward => (flow.originator, flow.responder),
        Direction::Backward => (flow.responder, flow.originator),
    };
    let initiator = match (scope, out) {
        (Scope::Transit, _) => None,
        (_, Direction::Forward) => Some(Initiator::Local),
        (_, Direction::Backward) => Some(Initiator::Remote),
    };
    let bytes_out = flow.bytes[out.index()];
    let destination = live.judged.as_ref().map_or_else(
        || {
            Arc::new(Destination {
                location: Default::default(),
                control: Default::default(),
                asn: None,
                as_org: None,
                operator: None,
                evidence: Vec::new(),
            })
        },
        |judged| judged.destination.clone(),
    );
    FlowView {
        flow_id: flow.flow_id,
        community_id: community_id(flow.proto, flow.originator, flow.responder),
        scope,
        proto: flow.proto,
        src: (src.addr, src.port),
        dest: (dest.addr, dest.port),
        initiator,
        capture: flow.origin.capture,
        vlan: flow.vlan(),
        tunnel: flow.tunnel(),
        app_proto: live.app.unwrap_or(AppProto::Unknown),
        server_name: live.name.clone(),
        ja4: live.ja4.clone(),
        packets_out: flow.packets[out.index()],
        bytes_out,
        packets_in: flow.packets[out.reverse().index()],
        bytes_in: flow.bytes[out.reverse().index()],
        first: flow.first,
        last: (*now).min(flow.last),
        destination,
        inspection: live.unread.inspection(bytes_out),
        verdict: live.ledger.as_ref().and_then(|ledger| ledger.worst).unwrap_or(Verdict::Allowed),
    }
}
