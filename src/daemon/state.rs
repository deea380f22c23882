//! What thresholds count outlives the process: a thread writes it while packets go on.
//!
//! The packet path hands over a copy that shares the sets of tags with it, which costs a list of pointers; the thread turns it into octets
//! and replaces the file whole. **A process that is killed** loses what was counted since the last copy: at most the interval, or
//! twenty times what the save before it took if that is longer, and the save itself. Without changes nothing is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::log::{Level, Log};
use crate::engine::Tallies;

/// Of the time, at most one part in so many is spent saving.
const PAUSE_FACTOR: u32 = 20;

/// Replaces the file in which what thresholds count is kept.
pub type Save = Box<dyn Fn(&Tallies) -> Result<(), String> + Send>;

/// What thresholds count, where it came from and where it goes.
pub struct StateOptions {
    /// What earlier runs counted.
    pub tallies: Tallies,
    /// Replaces the file.
    pub save: Save,
    /// How often.
    pub interval: Duration,
}

/// What others see of the keeper.
#[derive(Default)]
pub(super) struct StateSaves {
    /// When the file was last replaced, milliseconds since the epoch; 0 for never.
    saved_ms: AtomicU64,
    /// How long that took, or failed, milliseconds.
    took_ms: AtomicU64,
    /// Saves that failed.
    failed: AtomicU64,
}

impl StateSaves {
    /// When the file was last replaced, seconds since the epoch.
    pub(super) fn saved_seconds(&self) -> f64 {
        self.saved_ms.load(Ordering::Relaxed) as f64 / 1e3
    }

    /// Saves that failed.
    pub(super) fn failures(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

/// The packet path's end.
pub(super) struct StateKeeper {
    queue: Option<SyncSender<Tallies>>,
    thread: Option<JoinHandle<()>>,
    interval: Duration,
    handed_over: Instant,
    saves: Arc<StateSaves>,
    /// What [`Tallies::changes`] said then.
    changes: u64,
}

impl StateKeeper {
    /// Starts the thread. Counting goes on from `changes`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(
        save: Save,
        interval: Duration,
        changes: u64,
        saves: Arc<StateSaves>,
        log: Arc<Log>,
    ) -> std::io::Result<Self> {
        // No room to wait: a copy is taken when the thread has nothing to do, and is as new as can be.
        let (queue, inbox) = sync_channel(0);
        let theirs = saves.clone();
        let thread =
            std::thread::Builder::new().name("state".to_owned()).spawn(move || keep(&*save, &inbox, &theirs, &log))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), interval, handed_over: Instant::now(), saves, changes })
    }

    /// Hands a copy over if it is time and there is something new. Never waits.
    pub(super) fn offer(&mut self, tallies: &Tallies) {
        let rest = Duration::from_millis(self.saves.took_ms.load(Ordering::Relaxed)) * PAUSE_FACTOR;
        if tallies.changes() == self.changes || self.handed_over.elapsed() < self.interval.max(rest) {
            return;
        }
        let Some(queue) = &self.queue else { return };
        match queue.try_send(tallies.copy()) {
            Ok(()) => (self.handed_over, self.changes) = (Instant::now(), tallies.changes()),
            // Still writing.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }

    /// Saves what the run came to, and waits for it. `None` if its engine was lost: what was saved before stays.
    pub(super) fn finish(mut self, tallies: Option<Tallies>) {
        if let (Some(queue), Some(tallies)) = (self.queue.take(), tallies) {
            // The thread ends only when the queue does.
            let _ = queue.send(tallies);
        }
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed when it happened.
            let _ = thread.join();
        }
    }
}

fn keep(save: &dyn Fn(&Tallies) -> Result<(), String>, inbox: &Receiver<Tallies>, saves: &StateSaves, log: &Log) {
    while let Ok(tallies) = inbox.recv() {
        let begun = Instant::now();
        match save(&tallies) {
            Ok(()) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                saves.saved_ms.store(millis(now), Ordering::Relaxed);
            }
            Err(error) => {
                saves.failed.fetch_add(1, Ordering::Relaxed);
                log.say(Level::Error, "state-not-saved", &[("error", &error)]);
            }
        }
        saves.took_ms.store(millis(begun.elapsed()), Ordering::Relaxed);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::config::LogFormat;

    #[test]
    fn it_never_waits_for_a_slow_disk_and_saves_the_last_copy() {
        let saved = Arc::new(Mutex::new(0));
        let counter = saved.clone();
        let slow = Box::new(move |_: &Tallies| {
            std::thread::sleep(Duration::from_millis(200));
            *counter.lock().unwrap() += 1;
            Err("full".to_owned())
        });
        let saves = Arc::new(StateSaves::default());
        let log = Arc::new(Log::new(LogFormat::Text));
        // As if something had changed since.
        let mut keeper = StateKeeper::start(slow, Duration::ZERO, 1, saves.clone(), log).unwrap();
        let tallies = Tallies::default();
        let begun = Instant::now();
        while keeper.changes == 1 {
            keeper.offer(&tallies);
        }
        for _ in 0..1000 {
            keeper.changes = 1;
            keeper.offer(&tallies);
        }
        assert!(begun.elapsed() < Duration::from_millis(150), "{:?}", begun.elapsed());
        keeper.finish(Some(tallies));
        assert_eq!((*saved.lock().unwrap(), saves.failures()), (2, 2));
        assert_eq!(saves.saved_seconds(), 0.0);
    }

    #[test]
    fn nothing_new_is_not_written() {
        let log = Arc::new(Log::new(LogFormat::Text));
        let save = Box::new(|_: &Tallies| panic!("nothing changed"));
        let mut keeper = StateKeeper::start(save, Duration::ZERO, 0, Arc::default(), log).unwrap();
        for _ in 0..100 {
            keeper.offer(&Tallies::default());
        }
        keeper.finish(None);
    }
}
