//! Events on their way to a file, without ever holding up the packets: a bounded queue, and a thread that writes.
//!
//! **When the queue is full**, or the file cannot be written, an event is dropped and counted
//! (`event_sink_dropped_total{sink="file"}`): counts go on, capture goes on.
//!
//! **When a line is safe.** Lines reach the kernel when the queue is empty or after [`FLUSH_AFTER`], the disk when a file is closed:
//! at rotation, at reopening, at the end. A process that is killed loses what is queued and what was written in the last
//! [`FLUSH_AFTER`]; the line that was cut is closed with a line feed when the next process opens the file.
//!
//! **Rotation.** Past its size or age a file is renamed to `NAME.1` (what was there to `NAME.2`, and so on) and begun anew.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::log::{Level, Log};
use crate::export::live_event_line;
use crate::model::{Event, EventBody};

/// Events that may wait. One is about a kilobyte, most of it shared with its flow.
const QUEUE_EVENTS: usize = 16_384;
/// Lines reach the kernel at the latest after this time.
pub(super) const FLUSH_AFTER: Duration = Duration::from_millis(200);
/// A file that could not be opened or written is tried again after this time.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Lines kept of flows, and of violations, for the web.
pub(super) const RECENT_MAX: usize = 1000;

/// Where events go and when files change.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// The file; `None` keeps only the latest events for the web.
    pub path: Option<PathBuf>,
    /// Octets past which it is rotated.
    pub rotate_bytes: u64,
    /// Age past which it is rotated.
    pub rotate_after: Option<Duration>,
    /// Rotated files that are kept.
    pub rotate_keep: u32,
}

/// What the writer and others see of each other.
#[derive(Default)]
pub(super) struct SinkState {
    /// Events that were not written.
    pub dropped: AtomicU64,
    /// Set to have the file opened again.
    pub reopen: AtomicBool,
    /// Names of the interfaces by index.
    pub interfaces: Mutex<Vec<String>>,
    /// The latest events.
    pub recent: Mutex<Recent>,
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
    state: Arc<SinkState>,
    thread: Option<JoinHandle<()>>,
}

impl EventSink {
    /// Opens the file and starts the writer.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(super) fn start(options: SinkOptions, state: Arc<SinkState>, log: Arc<Log>) -> io::Result<Self> {
        let file = options.path.as_deref().map(Target::open).transpose()?;
        let (queue, inbox) = sync_channel(QUEUE_EVENTS);
        let mut writer = Writer { options, file, retry_at: None, state: state.clone(), log };
        let thread = std::thread::Builder::new().name("events".to_owned()).spawn(move || writer.run(&inbox))?;
        Ok(Self { queue: Some(queue), state, thread: Some(thread) })
    }

    /// Hands an event over; never waits.
    pub(super) fn push(&self, event: Event) {
        let Some(queue) = &self.queue else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = queue.try_send(event) {
            self.state.dropped.fetch_add(1, Ordering::Relaxed);
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
                    self.state.dropped.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            }
        }
    }

    /// Waits until all is written and the file is closed.
    pub(super) fn finish(mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the writer was printed when it happened; there is nothing more to write.
            let _ = thread.join();
        }
    }
}

struct Writer {
    options: SinkOptions,
    file: Option<Target>,
    retry_at: Option<Instant>,
    state: Arc<SinkState>,
    log: Arc<Log>,
}

impl Writer {
    fn run(&mut self, inbox: &Receiver<Event>) {
        let mut unflushed_since: Option<Instant> = None;
        loop {
            let event = match inbox.recv_timeout(FLUSH_AFTER) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if self.state.reopen.swap(false, Ordering::AcqRel) {
                self.reopen();
            }
            if let Some(event) = &event {
                self.write(event);
                unflushed_since.get_or_insert_with(Instant::now);
            }
            self.rotate_if_due();
            if unflushed_since.is_some_and(|since| event.is_none() || since.elapsed() >= FLUSH_AFTER) {
                unflushed_since = None;
                let result = self.file.as_mut().map_or(Ok(()), |file| file.out.flush());
                self.check(result);
            }
        }
        let result = self.file.take().map_or(Ok(()), Target::close);
        self.check(result);
    }

    fn write(&mut self, event: &Event) {
        let line = {
            let interfaces = lock(&self.state.interfaces);
            live_event_line(event, &interfaces)
        };
        let Ok(line) = line else {
            self.state.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        lock(&self.state.recent).keep(&event.body, line.trim_ascii_end());
        if self.options.path.is_none() {
            return;
        }
        if self.file.is_none() && self.retry_at.is_none_or(|at| Instant::now() >= at) {
            self.reopen();
        }
        let Some(file) = &mut self.file else {
            self.state.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let result = file.out.write_all(&line);
        file.len += line.len() as u64;
        if result.is_err() {
            self.state.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.check(result);
    }

    /// Gives a file up that failed; it is tried again later.
    fn check(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.log.say(Level::Error, "events-not-written", &[("error", &error)]);
            // What is buffered is lost with it: dropping the buffer would try to write it once more.
            if let Some(file) = self.file.take() {
                let _ = file.out.into_parts();
            }
            self.retry_at = Some(Instant::now() + RETRY_AFTER);
        }
    }

    fn reopen(&mut self) {
        let Some(path) = self.options.path.clone() else { return };
        let closed = self.file.take().map_or(Ok(()), Target::close);
        self.check(closed);
        match Target::open(&path) {
            Ok(file) => (self.file, self.retry_at) = (Some(file), None),
            Err(error) => self.check(Err(error)),
        }
    }

    fn rotate_if_due(&mut self) {
        let (Some(file), Some(path)) = (&self.file, &self.options.path) else { return };
        let old = self.options.rotate_after.is_some_and(|after| file.opened.elapsed() >= after);
        if file.len == 0 || !file.is_regular || (file.len < self.options.rotate_bytes && !old) {
            return;
        }
        let path = path.clone();
        let closed = self.file.take().map_or(Ok(()), Target::close);
        let moved = closed.and_then(|()| shift(&path, self.options.rotate_keep));
        self.check(moved);
        self.reopen();
    }
}

/// Renames `path` to `path.1`, `path.1` to `path.2`, and so on; the last is overwritten. With `keep` 0 the file is removed.
fn shift(path: &Path, keep: u32) -> io::Result<()> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    if keep == 0 {
        return std::fs::remove_file(path);
    }
    for number in (1..keep).rev() {
        match std::fs::rename(numbered(number), numbered(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::rename(path, numbered(1))
}

struct Target {
    out: BufWriter<File>,
    len: u64,
    opened: Instant,
    is_regular: bool,
}

impl Target {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let metadata = file.metadata()?;
        let mut len = metadata.len();
        if metadata.is_file() && len > 0 {
            // A line that a killed process left unfinished must not swallow the next one.
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                len += 1;
            }
        }
        Ok(Self {
            out: BufWriter::with_capacity(1 << 16, file),
            len,
            opened: Instant::now(),
            is_regular: metadata.is_file(),
        })
    }

    fn close(self) -> io::Result<()> {
        let is_regular = self.is_regular;
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        if is_regular { file.sync_data() } else { Ok(()) }
    }
}

/// A lock whose holder panicked still guards whole values here.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;
    use crate::model::Timestamp;

    fn notice(number: u32) -> Event {
        Event { time: Timestamp::from_nanos(0), flow: None, body: EventBody::Notice(format!("number {number}")) }
    }

    fn options(path: &Path, rotate_bytes: u64) -> SinkOptions {
        SinkOptions { path: Some(path.to_owned()), rotate_bytes, rotate_after: None, rotate_keep: 2 }
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
        assert_eq!(state.dropped.load(Ordering::Relaxed), 0);
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
        assert!(state.dropped.load(Ordering::Relaxed) > 0);
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
