//! The judge of a lane: told by the flow table what each flow carries, it has it read, located and judged, keeps the counts and
//! writes the events. This is the one place where the inner rooms meet.
//!
//! - here: what a judge holds, and how it goes on under other rules;
//! - [`reading`]: what the flow table tells, and what of it inspectors and documents get;
//! - [`decide`]: where a flow goes and what policy says of that, each asked once;
//! - [`findings`]: from a finding to counts and events;
//! - [`sum_up`]: what a flow comes to, while it is open and at its end.

mod decide;
mod findings;
mod reading;
mod sum_up;

use std::net::IpAddr;
use std::sync::Arc;

use super::batch::Task;
use super::document::{Reading, Tools};
use super::facts::Ear;
use super::ledger::Judged;
use super::live::FlowState;
use super::names::Names;
use super::question::Question;
use super::tally::LaneEvent;
use super::{EngineOptions, Rules, sums};
use crate::flow::FlowRecord;
use crate::model::{
    Counts, Datagram, Decision, Direction, Event, EventBody, FlowView, KeyLog, Limits, Memo, Packet, Scope, Timestamp,
};
use crate::proto::{Inspector, Transport};
use crate::scan::Scanner;

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
            tools: Tools::new(
                Scanner::new(rules.catalogue.clone(), rules.digest_key).with_watch(&rules.watch),
                &limits,
            ),
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

    pub(super) fn say(&mut self, event: LaneEvent) {
        self.events.push((self.number, event));
    }

    fn push(&mut self, flow: Option<Arc<FlowView>>, body: EventBody) {
        self.say(LaneEvent::Event(Event { time: self.now, flow, body }));
    }
}
