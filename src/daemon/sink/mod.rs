//! Events on their way out, without ever holding up the packets: a bounded queue, and a thread that writes to each sink that was
//! configured ([`writer`]; one file of this folder for each kind).
//!
//! **When the queue is full**, or a sink cannot be written, an event waits in a file of bounded size if there is one ([`spill`]). Else, or when
//! that is full too, it is dropped and counted for that sink (`event_sink_dropped_total{sink}`): counts go on, capture goes on.
//!
//! **When a line is safe.** Lines are handed to the kernel when the queue is empty or after 200 ms; what a sink does with
//! them from there stands with the sink. A process that is killed loses what is queued and what was written since the last flush.

mod file;
mod journald;
mod spill;
mod syslog;
mod writer;

use std::collections::VecDeque;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use file::FileOptions;
pub use spill::SpillOptions;

use super::log::Log;
use super::processes::Processes;
use crate::config::SyslogTarget;
use crate::model::{Event, EventBody, Severity};
use spill::Spill;
use writer::{Line, LineKind, Sink, Writer};

/// Events that may wait. One is about a kilobyte, most of it shared with its flow.
const QUEUE_EVENTS: usize = 16_384;
/// Events that may wait for the spill: more than a flow of many findings makes at once.
const OVERFLOW_EVENTS: usize = 32_768;
/// Lines kept of flows, and of violations, for the web.
pub(super) const RECENT_MAX: usize = 1000;

/// The kinds of sinks, as the label `sink` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SinkKind {
    /// JSON lines in a file.
    File,
    /// systemd's journal.
    Journald,
    /// A syslog server.
    Syslog,
}

impl SinkKind {
    /// All, in the order of metrics.
    pub(super) const ALL: [Self; 3] = [Self::File, Self::Journald, Self::Syslog];

    /// A set with only it.
    const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Its name in metrics and in the log.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Journald => "journald",
            Self::Syslog => "syslog",
        }
    }
}

/// Where events go. With none, only the latest events are kept, for the web.
#[derive(Clone, Debug, Default)]
pub struct SinkOptions {
    /// A file.
    pub file: Option<FileOptions>,
    /// Whether the journal gets them.
    pub journald: bool,
    /// A syslog server.
    pub syslog: Option<SyslogTarget>,
    /// Where events wait that cannot go out now.
    pub spill: Option<SpillOptions>,
}

/// What the writer and others see of each other.
#[derive(Default)]
pub(super) struct SinkState {
    /// Events that were not written, by kind.
    dropped: [AtomicU64; SinkKind::ALL.len()],
    /// Events that were put into the spill.
    pub spilled: AtomicU64,
    /// Octets that wait there.
    pub spill_bytes: AtomicU64,
    /// Set to have sinks opened again.
    pub reopen: AtomicBool,
    /// Names of the interfaces by index.
    pub interfaces: Mutex<Vec<String>>,
    /// Which processes flows belong to, if that is asked for.
    pub processes: Option<Arc<Processes>>,
    /// The latest events.
    pub recent: Mutex<Recent>,
}

impl SinkState {
    /// Nothing was dropped yet.
    pub(super) fn new(processes: Option<Arc<Processes>>) -> Self {
        Self { processes, ..Self::default() }
    }

    /// Events that a sink of this kind did not get.
    pub(super) fn dropped(&self, kind: SinkKind) -> u64 {
        self.dropped[kind as usize].load(Ordering::Relaxed)
    }

    /// Puts a line into the spill for the sinks of a mask; drops it if there is none, or no room.
    fn keep(&self, spill: Option<&Mutex<Spill>>, line: &Line, sinks: u8) {
        if let Some(spill) = spill {
            let mut spill = lock(spill);
            let kept = spill.keep(line, sinks);
            self.spill_bytes.store(spill.waiting_bytes(), Ordering::Relaxed);
            if kept.is_ok() {
                self.spilled.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        for kind in SinkKind::ALL.into_iter().filter(|kind| sinks & kind.bit() != 0) {
            self.note_dropped(kind, 1);
        }
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
    /// What comes when the queue is full.
    overflow: Option<SyncSender<Event>>,
    /// Whose events are counted as dropped when that is full too.
    kinds: Vec<SinkKind>,
    state: Arc<SinkState>,
    threads: Vec<JoinHandle<()>>,
}

impl EventSink {
    /// Opens the sinks and starts the writer.
    ///
    /// # Errors
    /// When a sink or the spill cannot be opened.
    pub(super) fn start(options: SinkOptions, state: Arc<SinkState>, log: Arc<Log>) -> io::Result<Self> {
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if let Some(options) = options.file {
            sinks.push(Box::new(file::open(options)?));
        }
        if options.journald {
            sinks.push(Box::new(journald::open(Path::new(journald::SOCKET))?));
        }
        if let Some(target) = options.syslog {
            sinks.push(Box::new(syslog::open(target)));
        }
        let kinds: Vec<SinkKind> = sinks.iter().map(|sink| sink.kind()).collect();
        let spill = options.spill.filter(|_| !kinds.is_empty()).map(|options| Spill::open(&options)).transpose()?;
        let spill = spill.map(|spill| Arc::new(Mutex::new(spill)));
        let spawn =
            |name: &str, run: Box<dyn FnOnce() + Send>| std::thread::Builder::new().name(name.to_owned()).spawn(run);
        let mut threads = Vec::new();
        let mut overflow = None;
        if let Some(spill) = spill.clone() {
            let (sender, inbox) = sync_channel(OVERFLOW_EVENTS);
            let (state, sinks) = (state.clone(), kinds.iter().fold(0, |mask, kind| mask | kind.bit()));
            threads.push(spawn("spill", Box::new(move || keep_all(&inbox, &state, &spill, sinks)))?);
            overflow = Some(sender);
        }
        let (queue, inbox) = sync_channel(QUEUE_EVENTS);
        let mut writer = Writer::new(sinks, spill, state.clone(), log);
        threads.push(spawn("events", Box::new(move || writer.run(&inbox)))?);
        Ok(Self { queue: Some(queue), overflow, kinds, state, threads })
    }

    /// Hands an event over; never waits.
    pub(super) fn push(&self, event: Event) {
        let Some(queue) = &self.queue else { return };
        if let Err(TrySendError::Full(event) | TrySendError::Disconnected(event)) = queue.try_send(event)
            && self.overflow.as_ref().is_none_or(|overflow| overflow.try_send(event).is_err())
        {
            self.drop_one();
        }
    }

    /// Hands an event over, waiting for room until `deadline`: for the end, when there is nothing left to hold up.
    pub(super) fn push_until(&self, event: Event, deadline: Instant) {
        let Some(queue) = &self.queue else { return };
        // What may wait on disk need not wait here.
        let queues = [Some(queue), self.overflow.as_ref()];
        let mut event = event;
        loop {
            for queue in queues.into_iter().flatten() {
                match queue.try_send(event) {
                    Ok(()) => return,
                    Err(TrySendError::Full(back) | TrySendError::Disconnected(back)) => event = back,
                }
            }
            if Instant::now() >= deadline {
                self.drop_one();
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn drop_one(&self) {
        for kind in &self.kinds {
            self.state.note_dropped(*kind, 1);
        }
    }

    /// Waits until all is written and the sinks are closed. What does not go out now stays in the spill.
    pub(super) fn finish(mut self) {
        // First what goes to the spill, so that the writer finds all of it.
        self.overflow = None;
        let writer = self.threads.pop();
        for thread in self.threads.drain(..) {
            // A panic was printed when it happened; there is nothing more to write.
            let _ = thread.join();
        }
        self.queue = None;
        if let Some(writer) = writer {
            let _ = writer.join();
        }
    }
}

/// Puts events into the spill that found the queue full.
fn keep_all(inbox: &Receiver<Event>, state: &SinkState, spill: &Mutex<Spill>, sinks: u8) {
    while let Ok(event) = inbox.recv() {
        match Line::of(&event, state) {
            Some(line) => state.keep(Some(spill), &line, sinks),
            None => state.keep(None, &Line::EMPTY, sinks),
        }
    }
}

/// How urgent an event is, in syslog's numbers (RFC 5424, section 6.2.1).
fn urgency(kind: LineKind) -> u8 {
    match kind {
        LineKind::Violation(Severity::Critical) => 2,
        LineKind::Violation(Severity::High) => 3,
        LineKind::Violation(Severity::Medium) => 4,
        LineKind::Violation(Severity::Low) | LineKind::Finding => 5,
        LineKind::Violation(Severity::Info) | LineKind::Flow | LineKind::Notice => 6,
    }
}

/// A datagram socket of this host that gives up sending after a while.
fn datagram(path: &Path, wait: Duration) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_write_timeout(Some(wait))?;
    Ok(socket)
}

/// A lock whose holder panicked still guards whole values here.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DiskSync, LogFormat};
    use crate::model::Timestamp;

    fn notice(number: u32) -> Event {
        Event { time: Timestamp::from_nanos(0), flow: None, body: EventBody::Notice(format!("number {number}")) }
    }

    fn options(path: &Path, rotate_bytes: u64) -> SinkOptions {
        let file = FileOptions {
            path: path.to_owned(),
            rotate_bytes,
            rotate_after: None,
            rotate_keep: 2,
            sync: DiskSync::default(),
        };
        SinkOptions { file: Some(file), ..SinkOptions::default() }
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
    fn what_a_dead_sink_does_not_take_waits_on_disk_and_goes_out_later() {
        let dir = tempfile::tempdir().unwrap();
        let spill = Some(SpillOptions { path: dir.path().join("spill"), max_bytes: 1 << 20 });
        let (sink, state) = start(SinkOptions { spill: spill.clone(), ..options(Path::new("/dev/full"), 1 << 20) });
        for number in 0..1000 {
            sink.push(notice(number));
        }
        sink.finish();
        let spilled = state.spilled.load(Ordering::Relaxed);
        assert_eq!((spilled, state.dropped(SinkKind::File)), (1000, 0), "what was buffered when it failed is not lost");
        let path = dir.path().join("e.jsonl");
        let (sink, state) = start(SinkOptions { spill, ..options(&path, 1 << 20) });
        sink.finish();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count() as u64, spilled);
        assert_eq!(state.spill_bytes.load(Ordering::Relaxed), 0);
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
