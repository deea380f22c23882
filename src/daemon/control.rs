//! The control plane: one thread with tokio, for signals, the web, the watchdog and files that change. It never sees a packet.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::log::Level;
use super::reload::{DatabaseWatch, notify, reload};
use super::shared::Shared;
use super::web;

/// How often databases are looked at, and systemd is told how it goes.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The running control plane.
pub(super) struct Control {
    end: Arc<Notify>,
    thread: JoinHandle<()>,
}

impl Control {
    /// Starts it. From then on signals are taken.
    ///
    /// # Errors
    /// When the runtime or a signal handler cannot be set up.
    pub(super) fn start(shared: Arc<Shared>, listener: std::net::TcpListener) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let signals = {
            let _inside = runtime.enter();
            [SignalKind::hangup(), SignalKind::terminate(), SignalKind::interrupt()].map(signal)
        };
        let [hangup, terminate, interrupt] = signals;
        let (hangup, terminate, interrupt) = (hangup?, terminate?, interrupt?);
        let end = Arc::new(Notify::new());
        let ended = end.clone();
        let thread = std::thread::Builder::new().name("control".to_owned()).spawn(move || {
            runtime.block_on(async move {
                tokio::spawn(reload_on(hangup, shared.clone()));
                tokio::spawn(stop_on(terminate, shared.clone()));
                tokio::spawn(stop_on(interrupt, shared.clone()));
                tokio::spawn(watchdog(shared.clone()));
                tokio::spawn(look_after(shared.clone()));
                tokio::spawn(async move {
                    if let Err(error) = web::serve(shared.clone(), listener).await {
                        shared.log.say(Level::Error, "web", &[("error", &error)]);
                    }
                });
                ended.notified().await;
            });
        })?;
        Ok(Self { end, thread })
    }

    /// Ends it: the last thing before the process does.
    pub(super) fn finish(self) {
        self.end.notify_one();
        // A panic of the thread was printed when it happened, and stops nothing now.
        let _ = self.thread.join();
    }
}

async fn reload_on(mut signal: Signal, shared: Arc<Shared>) {
    while signal.recv().await.is_some() {
        // Problems are in the log.
        let _ = reload(&shared).await;
    }
}

async fn stop_on(mut signal: Signal, shared: Arc<Shared>) {
    while signal.recv().await.is_some() {
        shared.stop();
    }
}

/// Feeds systemd's watchdog as long as the packet path comes round: a clock alone would feed it for a daemon that hangs.
async fn watchdog(shared: Arc<Shared>) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    loop {
        if shared.is_moving() {
            notify(&shared, &[NotifyState::Watchdog]);
        } else {
            shared.log.say(Level::Error, "standstill", &[]);
        }
        tokio::time::sleep(limit / 3).await;
    }
}

/// Tells systemd how it goes, and notices databases that change.
async fn look_after(shared: Arc<Shared>) {
    let mut databases = DatabaseWatch::default();
    loop {
        let paths = shared.rules().databases.clone();
        if databases.changed(&paths) {
            shared.log.say(Level::Info, "database-changed", &[]);
            let _ = reload(&shared).await;
        }
        let status = shared.status();
        let packets: u64 = status.interfaces.iter().map(|interface| interface.packets).sum();
        let dropped: u64 = status.interfaces.iter().map(|i| i.dropped_ring + i.dropped_interface).sum();
        let line = format!(
            "{packets} packets, {dropped} dropped, {} flows open, {} interfaces",
            status.holdings.flows, status.open
        );
        notify(&shared, &[NotifyState::Status(&line)]);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
