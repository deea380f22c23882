//! The thread that writes events: each is made a line once, and given to every sink. A sink that fails is left alone for a while; the
//! others go on.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::spill::Spill;
use super::{SinkKind, SinkState, lock};
use crate::daemon::log::{Level, Log};
use crate::export::live_event_line;
use crate::model::{Event, EventBody, Severity, Timestamp};

/// Lines reach the kernel at the latest after this time.
const FLUSH_AFTER: Duration = Duration::from_millis(200);
/// A sink that could not be opened or written is tried again after this time.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Lines that are taken back from the spill at once.
const SPILL_TURN: usize = 1024;

/// An event on its way out.
pub(super) struct Line {
    /// When it happened.
    pub(super) time: Timestamp,
    /// What it is about.
    pub(super) kind: LineKind,
    /// One object of JSON and a line feed.
    pub(super) json: Vec<u8>,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineKind {
    /// A flow that ended.
    Flow,
    /// User data.
    Finding,
    /// Something an operator should know.
    Notice,
    /// A violation of this severity.
    Violation(Severity),
}

impl Line {
    /// What stands for an event that cannot be told.
    pub(super) const EMPTY: Self = Self { time: Timestamp::from_nanos(0), kind: LineKind::Notice, json: Vec::new() };

    /// Makes it of an event, and keeps it for the web. `None` only when memory does not suffice.
    pub(super) fn of(event: &Event, state: &SinkState) -> Option<Self> {
        let json = {
            let interfaces = lock(&state.interfaces);
            live_event_line(event, &interfaces).ok()?
        };
        lock(&state.recent).keep(&event.body, json.trim_ascii_end());
        let kind = match &event.body {
            EventBody::Flow => LineKind::Flow,
            EventBody::Finding(_) => LineKind::Finding,
            EventBody::Suspicion(_) | EventBody::Notice(_) => LineKind::Notice,
            EventBody::Violation { rule, .. } => LineKind::Violation(rule.severity),
        };
        Some(Self { time: event.time, kind, json })
    }
}

/// Where lines go. After an error the writer calls [`Sink::give_up`], and [`Sink::reopen`] before it writes again.
pub(super) trait Sink: Send {
    /// Which kind of sink it is.
    fn kind(&self) -> SinkKind;
    /// Takes a line.
    fn write(&mut self, line: &Line) -> io::Result<()>;
    /// Hands everything to the kernel, and does what is due by time. Called at least every [`FLUSH_AFTER`] when something was written,
    /// and now and then when nothing was.
    fn flush(&mut self) -> io::Result<()>;
    /// Begins anew: opens the file or the connection again, whether it was given up or not.
    fn reopen(&mut self) -> io::Result<()>;
    /// Lets go of what failed, with all that is buffered.
    fn give_up(&mut self);
    /// Writes everything out: the last call.
    fn close(&mut self) -> io::Result<()>;
}

/// A sink and whether it works.
struct Place {
    sink: Box<dyn Sink>,
    /// Set while it is given up.
    retry_at: Option<Instant>,
}

pub(super) struct Writer {
    places: Vec<Place>,
    spill: Option<Arc<Mutex<Spill>>>,
    state: Arc<SinkState>,
    log: Arc<Log>,
}

impl Writer {
    pub(super) fn new(
        sinks: Vec<Box<dyn Sink>>,
        spill: Option<Arc<Mutex<Spill>>>,
        state: Arc<SinkState>,
        log: Arc<Log>,
    ) -> Self {
        let places = sinks.into_iter().map(|sink| Place { sink, retry_at: None }).collect();
        Self { places, spill, state, log }
    }

    pub(super) fn run(&mut self, inbox: &Receiver<Event>) {
        let mut flushed = Instant::now();
        loop {
            let event = match inbox.recv_timeout(FLUSH_AFTER) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if self.state.reopen.swap(false, Ordering::AcqRel) {
                self.each(|sink| sink.reopen());
            }
            if let Some(event) = &event {
                self.write(event);
            }
            if event.is_none() || flushed.elapsed() >= FLUSH_AFTER {
                flushed = Instant::now();
                self.each(|sink| sink.flush());
                self.take_back();
            }
        }
        while self.take_back() {}
        self.each(|sink| sink.close());
    }

    fn write(&mut self, event: &Event) {
        let all = self.places.iter().fold(0, |mask, place| mask | place.sink.kind().bit());
        let Some(line) = Line::of(event, &self.state) else {
            self.state.keep(None, &Line::EMPTY, all);
            return;
        };
        let failed = self.write_to(&line, all);
        if failed != 0 {
            self.state.keep(self.spill.as_deref(), &line, failed);
        }
    }

    /// Gives a line to the sinks of a mask, and says which did not take it.
    fn write_to(&mut self, line: &Line, sinks: u8) -> u8 {
        let mut failed = 0;
        for place in self.places.iter_mut().filter(|place| sinks & place.sink.kind().bit() != 0) {
            let result = place.reopen_if_due().and_then(|()| place.sink.write(line));
            // A sink that waits to be tried again was complained about when it failed.
            let waiting = place.retry_at.is_some();
            if result.is_err() {
                failed |= place.sink.kind().bit();
            }
            if !waiting {
                place.check(result, &self.log);
            }
        }
        failed
    }

    /// Writes some lines that wait in the spill. Whether there may be more to write now.
    fn take_back(&mut self) -> bool {
        let Some(spill) = self.spill.clone() else { return false };
        let mut more = true;
        for _ in 0..SPILL_TURN {
            let Some((line, sinks)) = lock(&spill).oldest() else {
                more = false;
                break;
            };
            // Not under the lock: a sink may hang, and others still spill.
            let failed = self.write_to(&line, sinks);
            let mut spill = lock(&spill);
            let noted = if failed == 0 { spill.advance(&line) } else { spill.narrow(failed) };
            if let Err(error) = noted {
                self.log.say(Level::Error, "spill", &[("error", &error)]);
            }
            if failed != 0 {
                more = false;
                break;
            }
        }
        self.state.spill_bytes.store(lock(&spill).waiting_bytes(), Ordering::Relaxed);
        more
    }

    /// Does something with every sink that works.
    fn each(&mut self, mut act: impl FnMut(&mut dyn Sink) -> io::Result<()>) {
        for place in &mut self.places {
            if place.retry_at.is_none() {
                let result = act(&mut *place.sink);
                place.check(result, &self.log);
            }
        }
    }
}

impl Place {
    /// Opens a sink again that failed, when its time has come; an error as long as it has not.
    fn reopen_if_due(&mut self) -> io::Result<()> {
        let Some(at) = self.retry_at else { return Ok(()) };
        if Instant::now() < at {
            return Err(io::ErrorKind::NotConnected.into());
        }
        self.retry_at = None;
        self.sink.reopen()
    }

    /// Gives a sink up that failed; it is tried again later.
    fn check(&mut self, result: io::Result<()>, log: &Log) {
        if let Err(error) = result {
            let kind = self.sink.kind().as_str();
            log.say(Level::Error, "events-not-written", &[("sink", &kind), ("error", &error)]);
            self.sink.give_up();
            self.retry_at = Some(Instant::now() + RETRY_AFTER);
        }
    }
}
