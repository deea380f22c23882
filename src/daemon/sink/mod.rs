//! Events on their way out, without ever holding up the packets: a bounded queue, and a thread that writes to each sink that was
//! configured ([`writer`]; one file of this folder for each kind).
//!
//! **When the queue is full**, or a sink cannot be written, an event is dropped and counted for that sink
//! (`event_sink_dropped_total{sink}`): counts go on, capture goes on.
//!
//! **When a line is safe.** Lines are handed to the kernel when the queue is empty or after [`writer::FLUSH_AFTER`]; what a sink does with
//! them from there stands with the sink. A process that is killed loses what is queued and what was written since the last flush.

mod file;
mod writer;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use file::FileOptions;

use super::log::Log;
use crate::model::{Event, EventBody};
use writer::{Sink, Writer};

/// Events that may wait. One is about a kilobyte, most of it shared with its flow.
const QUEUE_EVENTS: usize = 16_384;
/// Lines kept of flows, and of violations, for the web.
pub(super) const RECENT_MAX: usize = 1000;

/// The kinds of sinks, as the label `sink` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SinkKind {
    /// JSON lines in a file.
    File,
}

impl SinkKind {
    /// All, in the order of metrics.
    pub(super) const ALL: [Self; 1] = [Self::File];

    /// Its name in metrics and in the log.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
        }
    }
}

/// Where events go. With none, only the latest events are kept, for the web.
#[derive(Clone, Debug, Default)]
pub struct SinkOptions {
    /// A file.
    pub file: Option<FileOptions>,
}

/// What the writer and others see of each other.
#[derive(Default)]
pub(super) struct SinkState {
    /// Events that were not written, by kind.
    dropped: [AtomicU64; SinkKind::ALL.len()],
    /// Set to have sinks opened again.
    pub reopen: AtomicBool,
    /// Names of the interfaces by index.
    pub interfaces: Mutex<Vec<String>>,
    /// The latest events.
    pub recent: Mutex<Recent>,
}

impl SinkState {
    /// Events that a sink of this kind did not get.
    pub(super) fn dropped(&self, kind: SinkKind) -> u64 {
        self.dropped[kind as usize].load(Ordering::Relaxed)
    }

    fn note_dropped(&self, kind: SinkKind, events: u64) {
        self.dropped[kind as usize].fetch_add(events, Ordering::Relaxed);
    }
}

/// The latest events as JSON, newest last.
#[derive(Default)]
pub(super) struct Recent {
    /// Flows that ended.
    pub flows: VecDeque<Arc<[u8]>>,
    /// Violations.
    pub violations: VecDeque<Arc<[u8]>>,
}

impl Recent {
    fn keep(&mut self, body: &EventBody, line: &[u8]) {
        let list = match body {
            EventBody::Flow => &mut self.flows,
            EventBody::Violation { .. } => &mut self.violations,
            EventBody::Finding(_) | EventBody::Suspicion(_) | EventBody::Notice(_) => return,
        };
        if list.len() == RECENT_MAX {
            list.pop_front();
        }
        list.push_back(line.into());
    }
}

/// The packets' end of the queue.
pub(super) struct EventSink {
    queue: Option<SyncSender<Event>>,
    /// Whose events are counted as dropped when the queue is full.
    kinds: Vec<SinkKind>,
    state: Arc<SinkState>,
    thread: Option<JoinHandle<()>>,
}

impl EventSink {
    /// Opens the sinks and starts the writer.
    ///
    /// # Errors
    /// When a sink cannot be opened.
    pub(super) fn start(options: SinkOptions, state: Arc<SinkState>, log: Arc<Log>) -> io::Result<Self> {
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if let Some(options) = options.file {
            sinks.push(Box::new(file::open(options)?));
        }
        let kinds = sinks.iter().map(|sink| sink.kind()).collect();
        let (queue, inbox) = sync_channel(QUEUE_EVENTS);
        let mut writer = Writer::new(sinks, state.clone(), log);
        let thread = std::thread::Builder::new().name("events".to_owned()).spawn(move || writer.run(&inbox))?;
        Ok(Self { queue: Some(queue), kinds, state, thread: Some(thread) })
    }

    /// Hands an event over; never waits.
    pub(super) fn push(&self, event: Event) {
        let Some(queue) = &self.queue else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = queue.try_send(event) {
            self.drop_one();
        }
    }

    /// Hands an event over, waiting for room until `deadline`: for the end, when there is nothing left to hold up.
    pub(super) fn push_until(&self, event: Event, deadline: Instant) {
        let Some(queue) = &self.queue else { return };
        let mut event = event;
        loop {
            match queue.try_send(event) {
                Ok(()) => return,
                Err(TrySendError::Full(back)) if Instant::now() < deadline => {
                    event = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(_) => {
                    self.drop_one();
                    return;
                }
            }
        }
    }

    fn drop_one(&self) {
        for kind in &self.kinds {
            self.state.note_dropped(*kind, 1);
        }
    }

    /// Waits until all is written and the sinks are closed.
    pub(super) fn finish(mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the writer was printed when it happened; there is nothing more to write.
            let _ = thread.join();
        }
    }
}

/// A lock whose holder panicked still guards whole values here.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::LogFormat;
    use crate::model::Timestamp;

    fn notice(number: u32) -> Event {
        Event { time: Timestamp::from_nanos(0), flow: None, body: EventBody::Notice(format!("number {number}")) }
    }

    fn options(path: &Path, rotate_bytes: u64) -> SinkOptions {
        let file = FileOptions { path: path.to_owned(), rotate_bytes, rotate_after: None, rotate_keep: 2 };
        SinkOptions { file: Some(file) }
    }

    fn start(options: SinkOptions) -> (EventSink, Arc<SinkState>) {
        let state = Arc::new(SinkState::default());
        let sink = EventSink::start(options, state.clone(), Arc::new(Log::new(LogFormat::Text))).unwrap();
        (sink, state)
    }

    #[test]
    fn files_are_rotated_by_size_and_lines_stay_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.jsonl");
        std::fs::write(&path, "{\"cut").unwrap();
        let (sink, state) = start(options(&path, 4096));
        // Each is some 80 octets: two files and a bit.
        for number in 0..120 {
            sink.push_until(notice(number), Instant::now() + Duration::from_secs(5));
        }
        sink.finish();
        assert_eq!(state.dropped(SinkKind::File), 0);
        let mut names: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["e.jsonl", "e.jsonl.1", "e.jsonl.2"]);
        let latest = std::fs::read_to_string(dir.path().join("e.jsonl.1")).unwrap();
        assert!(latest.ends_with('\n') && latest.lines().all(|line| line.starts_with("{\"timestamp")));
        let all: usize =
            names.iter().map(|name| std::fs::read_to_string(dir.path().join(name)).unwrap().lines().count()).sum();
        assert_eq!(all, 121, "nothing was lost, and the line that was cut is one of its own");
    }

    #[test]
    fn a_sink_that_cannot_write_drops_and_counts_and_never_waits() {
        let (sink, state) = start(options(Path::new("/dev/full"), 1 << 20));
        let begun = Instant::now();
        for number in 0..50_000 {
            sink.push(notice(number));
        }
        assert!(begun.elapsed() < Duration::from_secs(2));
        sink.finish();
        assert!(state.dropped(SinkKind::File) > 0);
    }

    #[test]
    fn a_file_that_was_moved_away_is_reopened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.jsonl");
        let (sink, state) = start(options(&path, 1 << 20));
        sink.push(notice(1));
        while std::fs::read(&path).unwrap().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::fs::rename(&path, dir.path().join("moved")).unwrap();
        state.reopen.store(true, Ordering::Release);
        sink.push(notice(2));
        sink.finish();
        assert!(std::fs::read_to_string(dir.path().join("moved")).unwrap().contains("number 1"));
        assert!(std::fs::read_to_string(&path).unwrap().contains("number 2"));
    }
}
