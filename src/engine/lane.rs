//! A lane: one flow table and the judge of its flows.

use std::sync::Arc;

use super::batch::Task;
use super::judge::Judge;
use super::tally::LaneEvent as Event;
use super::{EngineOptions, Holdings, Rules, sums};
use crate::flow::FlowTable;
use crate::model::{Counts, KeyLog, Limits, Packet, Segment, Timestamp};

/// An event and the packet that caused it.
pub(super) struct Tagged {
    pub(super) number: u64,
    pub(super) lane: u8,
    pub(super) event: Event,
}

pub(super) struct Lane {
    number: u8,
    table: FlowTable<Judge>,
    /// DNS over TCP of other lanes, followed only for the names in it: apart, so that it can evict nothing.
    overheard: Option<Box<FlowTable<Judge>>>,
    limits: Limits,
    judge: Judge,
}

/// Flows of other lanes that are followed for names at once.
const OVERHEARD_FLOWS_MAX: usize = 256;

impl Lane {
    pub(super) fn new(number: u8, rules: &Arc<Rules>, limits: &Limits, options: EngineOptions) -> Self {
        Self {
            number,
            table: FlowTable::new(limits),
            overheard: None,
            limits: limits.clone(),
            judge: Judge::new(rules.clone(), limits.clone(), options),
        }
    }

    /// The keys of sessions from now on.
    pub(super) fn unlock(&mut self, keys: &Arc<KeyLog>) {
        self.judge.unlock(keys.clone());
    }

    pub(super) fn ingest(&mut self, number: u64, task: Task, packet: &Packet<'_>) {
        self.judge.begin_packet(number, packet.time, task);
        match (task, &packet.segment) {
            (Task::Own | Task::Count, _) => self.table.ingest(number, packet, &mut self.judge),
            (Task::Learn, Segment::Udp(datagram)) => self.judge.overhear(packet, datagram),
            (Task::Learn, _) => {
                let limits = &self.limits;
                let overheard = self.overheard.get_or_insert_with(|| {
                    Box::new(FlowTable::new(&Limits {
                        flows_max: OVERHEARD_FLOWS_MAX,
                        held_bytes_max: limits.held_bytes_per_stream_max,
                        ..limits.clone()
                    }))
                });
                overheard.ingest(number, packet, &mut self.judge);
            }
        }
    }

    /// Moves the lane's clock: what is idle for too long ends.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.judge.begin_packet(u64::MAX, now, Task::Own);
        self.table.advance(now, &mut self.judge);
        if let Some(overheard) = &mut self.overheard {
            self.judge.begin_packet(u64::MAX, now, Task::Learn);
            overheard.advance(now, &mut self.judge);
        }
    }

    /// Adds what open flows came to so far to the counts.
    pub(super) fn settle(&mut self) {
        self.judge.begin_packet(u64::MAX, self.judge.now(), Task::Own);
        let Self { table, judge, .. } = self;
        table.for_each(|flow, state| judge.settle_open(flow, state));
    }

    /// Goes on under other rules.
    pub(super) fn adopt(&mut self, rules: &Arc<Rules>) {
        self.judge.begin_packet(u64::MAX, self.judge.now(), Task::Own);
        let mut old = self.judge.adopt(rules.clone());
        let Self { table, judge, .. } = self;
        table.for_each(|flow, state| judge.adopted(flow, state, old.as_mut()));
    }

    /// What the lane holds now.
    pub(super) fn holdings(&self) -> Holdings {
        Holdings {
            flows: self.table.len(),
            reassembly_bytes: self.table.held_bytes(),
            document_bytes: self.judge.held_bytes(),
            fragment_bytes: 0,
        }
    }

    pub(super) fn finish(&mut self) {
        self.judge.begin_packet(u64::MAX, self.judge.now(), Task::Own);
        self.table.finish(&mut self.judge);
    }

    pub(super) fn take_events(&mut self, into: &mut Vec<Tagged>) {
        let lane = self.number;
        into.extend(self.judge.take_events().map(|(number, event)| Tagged { number, lane, event }));
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = self.judge.counts();
        sums::add_flow(&mut counts, self.table.counts());
        counts
    }
}
