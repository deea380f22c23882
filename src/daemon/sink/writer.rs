//! The thread that writes events: each is made a line once, and given to every sink. A sink that fails is left alone for a while; the
//! others go on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::{SinkKind, SinkState, lock};
use crate::daemon::log::{Level, Log};
use crate::export::live_event_line;
use crate::model::Event;

/// Lines reach the kernel at the latest after this time.
const FLUSH_AFTER: Duration = Duration::from_millis(200);
/// A sink that could not be opened or written is tried again after this time.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Where lines go. After an error the writer calls [`Sink::give_up`], and [`Sink::reopen`] before it writes again.
pub(super) trait Sink: Send {
    /// Which kind of sink it is.
    fn kind(&self) -> SinkKind;
    /// Takes an event: its line of JSON ends in a line feed.
    fn write(&mut self, event: &Event, line: &[u8]) -> io::Result<()>;
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
    state: Arc<SinkState>,
    log: Arc<Log>,
}

impl Writer {
    pub(super) fn new(sinks: Vec<Box<dyn Sink>>, state: Arc<SinkState>, log: Arc<Log>) -> Self {
        let places = sinks.into_iter().map(|sink| Place { sink, retry_at: None }).collect();
        Self { places, state, log }
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
            }
        }
        self.each(|sink| sink.close());
    }

    fn write(&mut self, event: &Event) {
        let line = {
            let interfaces = lock(&self.state.interfaces);
            live_event_line(event, &interfaces)
        };
        let Ok(line) = line else {
            for place in &self.places {
                self.state.note_dropped(place.sink.kind(), 1);
            }
            return;
        };
        lock(&self.state.recent).keep(&event.body, line.trim_ascii_end());
        for place in &mut self.places {
            let result = place.reopen_if_due().and_then(|()| place.sink.write(event, &line));
            // A sink that waits to be tried again was complained about when it failed.
            let waiting = place.retry_at.is_some();
            if result.is_err() {
                self.state.note_dropped(place.sink.kind(), 1);
            }
            if !waiting {
                place.check(result, &self.log);
            }
        }
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
