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

/// Octets that a sink may have taken before it is flushed.
const UNFLUSHED_BYTES_MAX: usize = 1 << 18;
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

impl LineKind {
    /// The `event_type` of the contract.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Finding => "finding",
            Self::Notice => "notice",
            Self::Violation(_) => "violation",
        }
    }
}

impl Line {
    /// What stands for an event that cannot be told.
    pub(super) const EMPTY: Self = Self { time: Timestamp::from_nanos(0), kind: LineKind::Notice, json: Vec::new() };

    /// Makes it of an event, and keeps it for the web. `None` only when memory does not suffice.
    pub(super) fn of(event: &Event, state: &SinkState) -> Option<Self> {
        let process = match (&state.processes, &event.flow) {
            (Some(processes), Some(flow)) => processes.of(flow),
            _ => None,
        };
        let json = {
            let interfaces = lock(&state.interfaces);
            live_event_line(event, &interfaces, process.as_ref()).ok()?
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
    /// Takes a line. [`too_large`] says that this one alone cannot be written.
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

/// An event that does not fit into what the sink can take; others may.
pub(super) fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "an event is larger than a datagram")
}

/// A sink and whether it works.
struct Place {
    sink: Box<dyn Sink>,
    /// Set while it is given up.
    retry_at: Option<Instant>,
    /// What it took and was not yet flushed: not safe, and not lost when it fails.
    unflushed: Vec<Arc<Line>>,
    unflushed_bytes: usize,
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
        let places = sinks.into_iter().map(Place::new).collect();
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
                self.each(Place::reopen);
            }
            if let Some(event) = &event {
                self.write(event);
            }
            if event.is_none() || flushed.elapsed() >= FLUSH_AFTER {
                flushed = Instant::now();
                self.each(Place::flush);
                self.take_back();
            }
        }
        while self.take_back() {}
        self.each(Place::close);
    }

    fn write(&mut self, event: &Event) {
        let all = self.places.iter().fold(0, |mask, place| mask | place.sink.kind().bit());
        let Some(line) = Line::of(event, &self.state) else {
            self.state.keep(None, &Line::EMPTY, all);
            return;
        };
        let line = Arc::new(line);
        let failed = self.write_to(&line, all);
        if failed != 0 {
            self.state.keep(self.spill.as_deref(), &line, failed);
        }
    }

    /// Gives a line to the sinks of a mask, and says which did not take it.
    fn write_to(&mut self, line: &Arc<Line>, sinks: u8) -> u8 {
        let mut failed = 0;
        for at in 0..self.places.len() {
            let Some(place) = self.places.get_mut(at) else { break };
            if sinks & place.sink.kind().bit() == 0 {
                continue;
            }
            // A sink that waits to be tried again was complained about when it failed.
            let waits = place.retry_at.is_some_and(|at| Instant::now() < at);
            if waits || !self.act(at, |place| place.write(line)) {
                failed |= self.places.get(at).map_or(0, |place| place.sink.kind().bit());
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
            let line = Arc::new(line);
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
    fn each(&mut self, act: impl Fn(&mut Place) -> io::Result<()>) {
        for at in 0..self.places.len() {
            if self.places.get(at).is_some_and(|place| place.retry_at.is_none()) {
                self.act(at, &act);
            }
        }
    }

    /// Does something with a sink. One that fails is given up and tried again later; what it had not flushed waits, or is dropped.
    fn act(&mut self, at: usize, act: impl FnOnce(&mut Place) -> io::Result<()>) -> bool {
        let Some(place) = self.places.get_mut(at) else { return false };
        let Err(error) = act(place) else { return true };
        let kind = place.sink.kind();
        self.log.say(Level::Error, "events-not-written", &[("sink", &kind.as_str()), ("error", &error)]);
        if error.kind() == too_large().kind() {
            // It would not fit later either; others may.
            self.state.note_dropped(kind, 1);
            return true;
        }
        for line in place.give_up() {
            self.state.keep(self.spill.as_deref(), &line, kind.bit());
        }
        false
    }
}

impl Place {
    fn new(sink: Box<dyn Sink>) -> Self {
        Self { sink, retry_at: None, unflushed: Vec::new(), unflushed_bytes: 0 }
    }

    /// Writes a line, to a sink that is opened again first if it had failed.
    fn write(&mut self, line: &Arc<Line>) -> io::Result<()> {
        if self.retry_at.take().is_some() {
            self.sink.reopen()?;
        }
        self.sink.write(line)?;
        self.unflushed.push(line.clone());
        self.unflushed_bytes += line.json.len();
        if self.unflushed_bytes > UNFLUSHED_BYTES_MAX { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()?;
        self.all_is_safe();
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.flush()?;
        self.sink.reopen()
    }

    fn close(&mut self) -> io::Result<()> {
        self.sink.close()?;
        self.all_is_safe();
        Ok(())
    }

    fn all_is_safe(&mut self) {
        self.unflushed.clear();
        self.unflushed_bytes = 0;
    }

    /// Lets go of a sink that failed, and gives back what it had not flushed. Some of it may have gone out: better twice than never.
    fn give_up(&mut self) -> Vec<Arc<Line>> {
        self.sink.give_up();
        self.retry_at = Some(Instant::now() + RETRY_AFTER);
        self.unflushed_bytes = 0;
        std::mem::take(&mut self.unflushed)
    }
}
