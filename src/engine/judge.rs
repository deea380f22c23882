//! The judge of a lane: told by the flow table what each flow carries, it has it read, located and judged, keeps the counts and
//! writes the events. This is the one place where the inner rooms meet.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::batch::Task;
use super::document::{Reading, Tools};
use super::facts::{Ear, Sink};
use super::ledger::{Judged, count};
use super::live::{FlowState, Live, ends, local_addr, names_the_remote, remote_addr, view};
use super::names::Names;
use super::pixels::Pixels;
use super::question::Question;
use super::scan_budget::ScanBudget;
use super::tally::{CountedFinding, LaneEvent, counts_for};
use super::{EngineOptions, Rules, sums};
use crate::flow::{DropReason, EndReason, FlowRecord, GapCause, Handler, Interest};
use crate::geo::{Judgement, LIGHT_CONFLICT};
use crate::model::{
    Country, Counts, Crossing, CrossingData, Datagram, Decision, Destination, Direction, EgressCounts, Ends, Event,
    EventBody, Finding, FindingKey, FlowView, Jurisdiction, KeyLog, Level, Limits, Memo, NameSource, Packet,
    ReassemblyOverload, Scope, Segment, Tally, Timestamp, UndeterminedReason, UninspectedReason, Verdict, ViolationKey,
    ip_proto, shown_field,
};
use crate::proto::{Inspector, Transport};
use crate::scan::Scanner;

/// Open flows younger than this are not counted yet: their names may still come.
const SETTLE_AGE: Duration = Duration::from_secs(1);
/// Octets past which an open flow without payload is counted; before, it is not worth the memory.
const SETTLE_BARE_BYTES: u64 = 1 << 16;

/// See the module.
pub(super) struct Judge {
    pub(super) rules: Arc<Rules>,
    pub(super) limits: Limits,
    pub(super) options: EngineOptions,
    pub(super) keys: Arc<KeyLog>,
    pub(super) tools: Tools,
    pub(super) names: Names,
    /// Places found so far, under the rules in force.
    places: Memo<(IpAddr, Option<Arc<str>>), Judged>,
    /// What policy said so far.
    decisions: Memo<Question, Arc<Decision>>,
    counts: Counts,
    events: Vec<(u64, LaneEvent)>,
    /// Octets held by documents of this lane.
    pub(super) held: usize,
    number: u64,
    pub(super) now: Timestamp,
    task: Task,
}

impl Judge {
    pub(super) fn new(rules: Arc<Rules>, limits: Limits, options: EngineOptions) -> Self {
        Self {
            tools: Tools {
                scanner: Scanner::new(rules.catalogue.clone(), rules.digest_key).with_watch(&rules.watch),
                pixels: Pixels::new(&limits),
                budget: ScanBudget::new(&limits),
                now: Timestamp::default(),
            },
            names: Names::new(limits.names_max),
            places: Memo::default(),
            decisions: Memo::default(),
            rules,
            limits,
            options,
            keys: Arc::default(),
            counts: Counts::default(),
            events: Vec::new(),
            held: 0,
            number: 0,
            now: Timestamp::default(),
            task: Task::Own,
        }
    }

    /// The keys of sessions from now on.
    pub(super) fn unlock(&mut self, keys: Arc<KeyLog>) {
        self.keys = keys;
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

    pub(super) fn take_events(&mut self) -> impl Iterator<Item = (u64, LaneEvent)> {
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
        sums::add_scan_budget(&mut counts, self.tools.budget.refused);
        counts
    }

    /// Octets held by documents.
    pub(super) fn held_bytes(&self) -> usize {
        self.held
    }

    /// Goes on under other rules, from the next packet on. The caller tells all open flows with [`Judge::adopted`], giving
    /// the scanner that is returned if signatures or key changed.
    pub(super) fn adopt(&mut self, rules: Arc<Rules>) -> Option<Scanner> {
        let same = Arc::ptr_eq(&self.rules.catalogue, &rules.catalogue)
            && (Arc::ptr_eq(&self.rules.watch, &rules.watch)
                || (self.rules.watch.is_empty() && rules.watch.is_empty()))
            && self.rules.digest_key == rules.digest_key;
        self.rules = rules;
        self.places.clear();
        self.decisions.clear();
        if same {
            return None;
        }
        let scanner = Scanner::new(self.rules.catalogue.clone(), self.rules.digest_key).with_watch(&self.rules.watch);
        let old = std::mem::replace(&mut self.tools.scanner, scanner);
        sums::add_scan(&mut self.counts, &old.counts());
        Some(old)
    }

    /// Forgets what other rules said of a flow.
    pub(super) fn adopted(&mut self, flow: &FlowRecord, state: &mut FlowState, old: Option<&mut Scanner>) {
        let Some(live) = state.live.as_deref_mut() else { return };
        live.judged = None;
        if let Some(old) = old {
            let mut reading = Reading::default();
            for document in &mut live.documents {
                document.restart(old, &mut reading);
            }
            let persons = old.take_persons();
            if !persons.is_empty() {
                live.ledger.get_or_insert_default().persons.add(persons);
            }
            self.settle(flow, state.scope, state.out, live, &mut reading);
        }
    }

    /// Adds to the counts what an open flow came to since the last time.
    pub(super) fn settle_open(&mut self, flow: &FlowRecord, state: &mut FlowState) {
        let bytes = flow.bytes[state.out.index()];
        let bare = state.live.is_none() && bytes < SETTLE_BARE_BYTES;
        if state.overheard || state.scope != Scope::Egress || bare || self.now.since(flow.first) < SETTLE_AGE {
            return;
        }
        let live = state.live.get_or_insert_default();
        if live.counted.as_ref().is_some_and(|counted| counted.bytes() == bytes) {
            return;
        }
        self.judge_as_a_whole(flow, state.out, live);
        self.sum_up(flow, state.out, live, false);
    }

    /// Locates a flow as a whole: under its first name. Findings are judged under the name of their request.
    pub(super) fn judge_as_a_whole(&mut self, flow: &FlowRecord, out: Direction, live: &mut Live) {
        let name = live.name.as_ref().map(|(name, _)| name.clone()).filter(|_| names_the_remote(out));
        if live.judged.as_ref().is_none_or(|judged| judged.name != name) {
            live.judged = Some(Box::new(self.judged(flow, out, name.as_ref())));
        }
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
    pub(super) fn settle(
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

    /// The place of a flow's remote end under a name. Flows come back to the same servers: what was found is remembered.
    fn judged(&mut self, flow: &FlowRecord, out: Direction, name: Option<&Arc<str>>) -> Judged {
        let Self { rules, places, .. } = self;
        if rules.locator.hears_light() {
            return Self::look_up(rules, flow, out, name);
        }
        places.recall((remote_addr(flow, out), name.cloned()), || Self::look_up(rules, flow, out, name))
    }

    fn look_up(rules: &Rules, flow: &FlowRecord, out: Direction, name: Option<&Arc<str>>) -> Judged {
        let locator = &rules.locator;
        let remote = remote_addr(flow, out);
        let name_text = name.map(AsRef::as_ref);
        let Judgement { place, evidence, claimed, feasible } =
            locator.judge(remote, name_text, flow.round_trip(out.reverse()));
        let destination = Destination {
            location: place.location,
            control: place.control,
            claimed,
            asn: place.asn,
            as_org: place.as_org.clone(),
            operator: place.operator.clone(),
            evidence,
        };
        Judged { name: name.cloned(), place, destination: Arc::new(destination), feasible }
    }

    /// What policy says of data, or of octets that could not be read, going to where a flow goes.
    fn decide(
        &mut self,
        flow: &FlowRecord,
        out: Direction,
        judged: &Judged,
        data: Option<(&Finding, Level)>,
    ) -> Arc<Decision> {
        let Self { rules, now, decisions, .. } = self;
        let ends = ends(flow, out, &judged.place);
        let question = Question::new(judged, *now, rules.policy.minds_ways().then_some(&ends), data);
        decisions.recall(question, || {
            let data = data.map(|(finding, level)| CrossingData {
                signature: &finding.signature,
                class: finding.class,
                level,
                subject: finding.subject,
            });
            Arc::new(rules.policy.decide(&Crossing {
                time: *now,
                data,
                location: judged.place.location,
                control: judged.place.control,
                service_class: judged.place.service_class.as_deref(),
                ends,
                feasible: judged.feasible.as_deref(),
                claimed: judged.destination.claimed,
            }))
        })
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
        let ledger = live.ledger.get_or_insert_default();
        let decision = self.decide(flow, out, judged, Some((&finding, level)));
        ledger.worst = ledger.worst.max(Some(decision.verdict));
        let key = FindingKey { signature: finding.signature.clone(), class: finding.class, to };
        count(&mut ledger.findings, key);
        let broken = decision.rule.clone().filter(|_| decision.verdict == Verdict::Violation);
        if let Some(rule) = &broken {
            count(&mut ledger.violations, ViolationKey { rule: rule.clone(), to, class: Some(finding.class) });
        }
        let counted: Vec<_> = decision.counted.iter().filter(|rule| counts_for(rule, finding.class)).cloned().collect();
        ledger.counted |= !counted.is_empty();
        let reported = ledger.reported < self.limits.findings_per_flow_max;
        if reported {
            ledger.reported += 1;
        } else {
            ledger.unreported += 1;
            if counted.is_empty() {
                return;
            }
        }
        let view = Arc::new(view(flow, scope, out, live, &self.now));
        let finding = Arc::new(finding);
        if reported {
            self.push(Some(view.clone()), EventBody::Finding(finding.clone()));
        }
        if !counted.is_empty() {
            let counted = CountedFinding {
                rules: counted,
                matched: decision.matched.clone(),
                broken: broken.is_some(),
                reported,
                time: self.now,
                sender: local_addr(flow, out),
                to,
                view: view.clone(),
                finding: finding.clone(),
            };
            self.say(LaneEvent::Counted(Box::new(counted)));
        }
        if let Some(rule) = broken.filter(|_| reported) {
            let matched = decision.matched.clone();
            self.push(Some(view), EventBody::Violation { rule, matched, finding: Some(finding) });
        }
    }

    pub(super) fn say(&mut self, event: LaneEvent) {
        self.events.push((self.number, event));
    }

    fn push(&mut self, flow: Option<Arc<FlowView>>, body: EventBody) {
        self.say(LaneEvent::Event(Event { time: self.now, flow, body }));
    }

    /// Adds what an egress flow came to since the last time to the counts, and judges what could not be read.
    fn sum_up(&mut self, flow: &FlowRecord, out: Direction, live: &mut Live, ended: bool) -> Verdict {
        let bytes = flow.bytes[out.index()];
        let to = live
            .judged
            .as_ref()
            .map_or(Jurisdiction { location: Default::default(), control: Default::default() }, |judged| judged.to());
        let mut worst = live.ledger.as_ref().and_then(|ledger| ledger.worst).unwrap_or(Verdict::Allowed);
        if bytes == 0 {
            return worst;
        }
        if ended {
            self.tell_sent(flow, out, live, bytes);
        }
        let unread = live.unread.by_reason(bytes);
        if !unread.is_empty() || !to.location.is_known() {
            let verdict = self.judge_unread(flow, out, live, to, &unread, ended);
            worst = worst.max(verdict);
        }
        let fresh = live.counted.get_or_insert_default().settle(flow.packets[out.index()], bytes, &unread);
        for (reason, tally) in fresh.unread {
            *self.counts.uninspected.entry((to.location, reason)).or_default() += tally;
        }
        *self.counts.egress.entry(to).or_default() += fresh.egress;
        if live.ledger.as_ref().is_some_and(|ledger| ledger.counted) {
            // Whether it broke a threshold is known where lanes come together.
            let bytes = fresh.egress.bytes;
            let settled = LaneEvent::Settled { flow_id: flow.flow_id, to, verdict: worst, bytes, ended };
            self.say(settled);
        } else {
            *self.counts.egress_by_verdict.entry((to, worst)).or_default() += fresh.egress.bytes;
        }
        if fresh.egress.flows > 0
            && let Some(pair) = self.rules.locator.conflict(remote_addr(flow, out))
        {
            *self.counts.jurisdiction_conflicts.entry(pair).or_default() += 1;
        }
        if live.judged.as_ref().is_some_and(|judged| judged.is_struck()) {
            *self.counts.jurisdiction_conflicts.entry(LIGHT_CONFLICT).or_default() += 1;
        }
        if let Some(ledger) = live.ledger.as_deref_mut() {
            for entry in &mut ledger.findings {
                let tally = entry.settle(bytes);
                *self.counts.findings.entry(entry.key.clone()).or_default() += tally;
            }
            for entry in &mut ledger.violations {
                let tally = entry.settle(bytes);
                *self.counts.violations.entry(entry.key.clone()).or_default() += tally;
            }
            let unreported = std::mem::take(&mut ledger.unreported);
            if unreported > 0 {
                *self.counts.limits_reached.entry(sums::FINDINGS).or_default() += unreported;
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
        ended: bool,
    ) -> Verdict {
        let bytes = flow.bytes[out.index()];
        let Some(judged) = live.judged.as_deref() else { return Verdict::Undetermined };
        let decision = self.decide(flow, out, judged, None);
        match decision.verdict {
            Verdict::Allowed => {}
            // Of an open flow more may be read yet.
            Verdict::Undetermined if !ended => {}
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
                let ledger = live.ledger.get_or_insert_default();
                if let Some(rule) = decision.rule.clone().filter(|_| !ledger.unread_reported) {
                    ledger.unread_reported = true;
                    count(&mut ledger.violations, ViolationKey { rule: rule.clone(), to, class: None });
                    ledger.worst = Some(Verdict::Violation);
                    let view = Arc::new(view(flow, Scope::Egress, out, live, &self.now));
                    let matched = decision.matched.clone();
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

    fn untracked(&mut self, packet: &Packet<'_>) {
        let locator = &self.rules.locator;
        if self.task == Task::Learn || !locator.is_local(packet.src) || locator.is_local(packet.dst) {
            return;
        }
        let name = self.names.name_of(packet.src, packet.dst, self.now);
        let place = locator.locate(packet.dst, name.as_deref());
        let to = Jurisdiction { location: place.location, control: place.control };
        let (packets, bytes) = (u64::from(packet.packets), packet.bytes);
        *self.counts.egress.entry(to).or_default() +=
            EgressCounts { packets, bytes, missed_bytes: bytes, ..EgressCounts::default() };
        let unread = Tally { flows: 0, count: packets, bytes };
        *self.counts.uninspected.entry((to.location, UninspectedReason::FlowLimit)).or_default() += unread;
        // Nothing of it was read: what policy says of that, without a flow to report it with.
        let decision = self.rules.policy.decide(&Crossing {
            time: self.now,
            data: None,
            location: to.location,
            control: to.control,
            service_class: place.service_class.as_deref(),
            ends: Ends {
                sender: packet.src,
                peer: packet.dst,
                proto: packet.proto,
                port: packet.dst_port,
                operator: place.operator.as_deref(),
                as_org: place.as_org.as_deref(),
            },
            feasible: None,
            claimed: None,
        });
        *self.counts.egress_by_verdict.entry((to, decision.verdict)).or_default() += bytes;
        if let Some(rule) = decision.rule.filter(|_| decision.verdict == Verdict::Violation) {
            *self.counts.violations.entry(ViolationKey { rule, to, class: None }).or_default() += unread;
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
