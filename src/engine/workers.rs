//! Threads that run lanes. With one thread everything happens in the caller's; the steps and their order are the same.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::batch::Batch;
use super::lane::{Lane, Tagged};
use super::tally::LaneEvent as Event;
use super::{EngineOptions, Holdings, LANES, Rules};
use crate::model::{Counts, Limits, Timestamp};

/// Batches a worker may be behind before the reader waits for it.
const BATCHES_IN_FLIGHT: usize = 3;

pub(super) enum Workers {
    Inline(Crew),
    Threads(Vec<Worker>, usize),
}

pub(super) struct Worker {
    jobs: Option<SyncSender<Job>>,
    done: Receiver<Done>,
    thread: JoinHandle<(Crew, Vec<Tagged>)>,
}

/// What is to be done with a batch besides ingesting it.
#[derive(Clone, Default)]
pub(super) struct Orders {
    /// Latest time of the batch.
    pub(super) now: Timestamp,
    /// Rules that hold from this batch on, if they changed.
    pub(super) rules: Option<Arc<Rules>>,
    /// Whether to say what open flows came to so far.
    pub(super) settle: bool,
}

struct Job {
    batch: Batch,
    orders: Orders,
}

#[derive(Default)]
struct Done {
    batch: Batch,
    events: Vec<Tagged>,
    state: Option<(Counts, Holdings)>,
}

/// The lanes of one thread: lane numbers `first`, `first + step`, ...
pub(super) struct Crew {
    lanes: Vec<Lane>,
    step: usize,
}

impl Crew {
    fn run(&mut self, batch: &Batch, orders: &Orders) -> Vec<Tagged> {
        if let Some(keys) = &batch.keys {
            self.lanes.iter_mut().for_each(|lane| lane.unlock(keys));
        }
        if let Some(rules) = &orders.rules {
            for lane in &mut self.lanes {
                lane.adopt(rules);
            }
        }
        batch.for_each(|number, lane, task, packet| {
            if let Some(lane) = self.lanes.get_mut(usize::from(lane) / self.step) {
                lane.ingest(number, task, packet);
            }
        });
        let mut events = Vec::new();
        for lane in &mut self.lanes {
            lane.advance(orders.now);
            if orders.settle {
                lane.settle();
            }
            lane.take_events(&mut events);
        }
        events
    }

    fn finish(&mut self) -> Vec<Tagged> {
        let mut events = Vec::new();
        for lane in &mut self.lanes {
            lane.finish();
            lane.take_events(&mut events);
        }
        events
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for lane in &self.lanes {
            counts.merge(&lane.counts());
        }
        counts
    }

    fn state(&self) -> (Counts, Holdings) {
        let mut holdings = Holdings::default();
        for lane in &self.lanes {
            holdings.add(&lane.holdings());
        }
        (self.counts(), holdings)
    }
}

impl Workers {
    pub(super) fn start(rules: &Arc<Rules>, limits: &Limits, options: EngineOptions) -> Self {
        let threads = options.threads.clamp(1, LANES);
        let share = share(limits);
        let mut crews = (0..threads).map(|first| Crew {
            lanes: (first..LANES)
                .step_by(threads)
                .map(|number| Lane::new(number as u8, rules, &share, options))
                .collect(),
            step: threads,
        });
        if threads == 1
            && let Some(crew) = crews.next()
        {
            return Self::Inline(crew);
        }
        Self::Threads(crews.map(Worker::start).collect(), 0)
    }

    pub(super) fn empty_batches(&self) -> Vec<Batch> {
        let threads = match self {
            Self::Inline(_) => 1,
            Self::Threads(workers, _) => workers.len(),
        };
        (0..threads).map(|_| Batch::default()).collect()
    }

    /// Hands over one batch for each thread (left empty) and emits the events of batches that are done.
    pub(super) fn submit(&mut self, batches: &mut [Batch], orders: &Orders, out: &mut dyn FnMut(Event)) {
        match self {
            Self::Inline(crew) => {
                if let Some(batch) = batches.first_mut() {
                    let events = crew.run(batch, orders);
                    batch.clear();
                    emit(events, out);
                }
            }
            Self::Threads(workers, in_flight) => {
                if *in_flight == BATCHES_IN_FLIGHT {
                    let done = collect(workers, out);
                    *in_flight -= 1;
                    for ((worker, batch), done) in workers.iter().zip(batches.iter_mut()).zip(done) {
                        let mut spare = done.batch;
                        spare.clear();
                        worker.submit(std::mem::replace(batch, spare), orders.clone());
                    }
                } else {
                    for (worker, batch) in workers.iter().zip(batches.iter_mut()) {
                        worker.submit(std::mem::take(batch), orders.clone());
                    }
                }
                *in_flight += 1;
            }
        }
    }

    /// Waits until all that was submitted is done. Gives what the lanes came to and hold, if the last orders were to settle.
    pub(super) fn drain(&mut self, out: &mut dyn FnMut(Event)) -> (Counts, Holdings) {
        match self {
            Self::Inline(crew) => crew.state(),
            Self::Threads(workers, in_flight) => {
                let mut last = Vec::new();
                for _ in 0..std::mem::take(in_flight) {
                    last = collect(workers, out);
                }
                let (mut counts, mut holdings) = (Counts::default(), Holdings::default());
                for (more, held) in last.into_iter().filter_map(|done| done.state) {
                    counts.merge(&more);
                    holdings.add(&held);
                }
                (counts, holdings)
            }
        }
    }

    /// Waits for all work, ends all flows, and sums up.
    pub(super) fn finish(self, out: &mut dyn FnMut(Event)) -> Counts {
        match self {
            Self::Inline(mut crew) => {
                emit(crew.finish(), out);
                crew.counts()
            }
            Self::Threads(mut workers, in_flight) => {
                for _ in 0..in_flight {
                    collect(&workers, out);
                }
                let mut counts = Counts::default();
                let mut events = Vec::new();
                for worker in &mut workers {
                    worker.jobs = None;
                }
                for worker in workers {
                    match worker.thread.join() {
                        Ok((crew, last)) => {
                            counts.merge(&crew.counts());
                            events.extend(last);
                        }
                        Err(panic) => std::panic::resume_unwind(panic),
                    }
                }
                emit(events, out);
                counts
            }
        }
    }
}

impl Worker {
    fn start(mut crew: Crew) -> Self {
        let (jobs, inbox) = sync_channel::<Job>(BATCHES_IN_FLIGHT);
        let (outbox, done) = sync_channel(BATCHES_IN_FLIGHT);
        let thread = std::thread::spawn(move || {
            for Job { batch, orders } in inbox {
                let events = crew.run(&batch, &orders);
                let state = orders.settle.then(|| crew.state());
                if outbox.send(Done { batch, events, state }).is_err() {
                    break;
                }
            }
            let last = crew.finish();
            (crew, last)
        });
        Self { jobs: Some(jobs), done, thread }
    }

    fn submit(&self, batch: Batch, orders: Orders) {
        if let Some(jobs) = &self.jobs {
            // A send fails only when the worker panicked; `finish` joins it and passes the panic on.
            let _ = jobs.send(Job { batch, orders });
        }
    }
}

/// Takes the oldest batch back from every worker, and emits its events in order.
fn collect(workers: &[Worker], out: &mut dyn FnMut(Event)) -> Vec<Done> {
    let mut events = Vec::new();
    let mut all = Vec::with_capacity(workers.len());
    for worker in workers {
        // A worker that panicked gives nothing; `finish` passes the panic on.
        let mut done = worker.done.recv().unwrap_or_default();
        events.append(&mut done.events);
        all.push(done);
    }
    emit(events, out);
    all
}

fn emit(mut events: Vec<Tagged>, out: &mut dyn FnMut(Event)) {
    // Stable: events of one packet keep the order in which its lane made them.
    events.sort_by_key(|tagged| (tagged.number, tagged.lane));
    for tagged in events {
        out(tagged.event);
    }
}

/// The limits of one lane: an equal share of every budget that is a total.
fn share(limits: &Limits) -> Limits {
    let part = |total: usize| (total / LANES).max(1);
    Limits {
        flows_max: part(limits.flows_max),
        held_bytes_max: part(limits.held_bytes_max),
        document_bytes_max: part(limits.document_bytes_max),
        ..limits.clone()
    }
}
