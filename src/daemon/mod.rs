//! The daemon: live capture for months, on hosts that must not suffer from it.
//!
//! ```text
//! main thread: rings ─▶ engine (and its workers) ─▶ queue ─▶ events thread ─▶ file
//!                 │ ▲                                             └─ latest events ─┐
//!    counts, once │ │ rules, stop                                                   ▼
//!      a second   ▼ │                                                             (web)
//! control thread (tokio): signals, web, watchdog, reload, files that change
//! ```
//!
//! The packet path waits for nobody: rules and the wish to stop are looked at between reads, counts are handed over as one
//! pointer, and an event that finds its queue full is dropped and counted.
//!
//! **Time.** The engine's clock is the frames'. Only while no frames come the wall clock moves it, half a second behind, so that flows end
//! on a quiet link too.

mod control;
mod log;
mod privileges;
mod processes;
mod reload;
mod sandbox;
mod seccomp;
mod shared;
mod sink;
mod source;
mod state;
mod web;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hyper::body::Bytes;
use sd_notify::NotifyState;

pub use log::{Level, Log};
pub use privileges::Identity;
pub use shared::{Loader, Status};
pub use sink::{FileOptions, SinkOptions, SpillOptions};
pub use source::{PlayOptions, SourceError, SourceOptions};
pub use state::{Save, StateOptions};
pub use web::WebConfig;

use crate::capture::Change;
use crate::config::SyslogTarget;
use crate::engine::{Engine, EngineOptions, Outcome, Rules};
use crate::model::{Country, Counts, Limits, PacketOverload, Timestamp};
use control::Control;
use privileges::Kept;
use processes::Openings;
use shared::Shared;
use sink::{EventSink, SinkState, lock};
use source::Source;
use state::{StateKeeper, StateSaves};

/// How long the packet path waits for frames before it looks around.
const WAIT: Duration = Duration::from_millis(100);
/// Events of a quiet link come out after this time, those of a busy one when a batch is full.
const TURN_EVERY: Duration = Duration::from_millis(100);
/// How often counts are published and interfaces are looked for.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);
/// Frames may come this much later than the wall clock says: the kernel holds blocks that are not full.
const CLOCK_BEHIND: Duration = Duration::from_millis(500);
/// A ring that is fuller than this, of 1000, has payload left behind, until it is emptier than [`SHED_UNTIL`]. Not later, because what
/// is being read already takes its time.
const SHED_FROM: u32 = 400;
const SHED_UNTIL: u32 = 200;
/// Octets of frames that are handed over to the workers at once.
const BATCH_BYTES: usize = 1 << 20;
/// What is still in the rings when the daemon stops is read for at most this time.
const DRAIN: Duration = Duration::from_secs(2);
/// Stopping takes at most this time; then the process ends with what is written.
pub const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Rules with what is known of where they came from.
pub struct Ruleset {
    /// For the engine.
    pub rules: Arc<Rules>,
    /// The home jurisdiction, for series that are there from the start.
    pub home: Option<Country>,
    /// What an operator should know of the policies.
    pub notices: Vec<String>,
    /// How the web is protected.
    pub web: WebConfig,
    /// Files whose change on disk means a reload.
    pub databases: Vec<PathBuf>,
    /// What of the configuration needs a restart, as text to compare.
    pub fixed: String,
}

/// Where the web is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// At an address of this host.
    Address(SocketAddr),
    /// At the socket that systemd opened (sd_listen_fds(3)).
    Systemd,
}

/// Everything a daemon is started with.
pub struct Setup {
    /// What to read.
    pub source: SourceOptions,
    /// Whether to keep the right to open interfaces that come later.
    pub follow_interfaces: bool,
    /// Where events go.
    pub sink: SinkOptions,
    /// Files that are written, now or when it stops: nothing outside their folders can be.
    pub outputs: Vec<PathBuf>,
    /// What thresholds count, if that is to be kept.
    pub state: Option<StateOptions>,
    /// Where diagnostics go.
    pub log: Arc<Log>,
    /// Budgets.
    pub limits: Limits,
    /// Worker threads; 1 works in the thread that captures.
    pub threads: usize,
    /// Where to serve.
    pub listen: Listen,
    /// Whether reload and quit are served.
    pub lifecycle: bool,
    /// Whether running as root is wanted.
    pub allow_root: bool,
    /// Whether to tell which processes flows belong to.
    pub processes: bool,
    /// Who to become once the rings are open.
    pub user: Option<Identity>,
    /// The rules to begin with.
    pub ruleset: Ruleset,
    /// Where other rules come from.
    pub loader: Loader,
}

/// What a run came to.
pub struct Final {
    /// All counts, interfaces included.
    pub status: Arc<Status>,
    /// The last metrics.
    pub metrics: Bytes,
    /// Whether any packet had a local end.
    pub saw_local: bool,
}

/// Why a daemon did not start, or ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Capturing is not possible as asked.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The system refused something.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Rights that nobody should have.
    #[error(
        "refuses to run as root: start it as a user with CAP_NET_RAW (systemd/borderpost.service does), name one with --user, or \
         say --allow-root"
    )]
    Root,
    /// A worker died of a fault of ours.
    #[error("a worker thread ended: counts would be wrong from here on")]
    Worker,
}

fn fault(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Fault {
    let what = what.into();
    move |source| Fault::System { what, source }
}

/// Captures until it is told to stop, by SIGTERM, SIGINT or `/-/quit`.
///
/// # Errors
/// When it cannot start, or a worker dies. What was counted until then is written.
pub fn run(setup: Setup) -> Result<Final, Fault> {
    let captures_live = matches!(setup.source, SourceOptions::Live(_));
    let user = setup.user.filter(|_| privileges::is_root());
    if captures_live && privileges::is_root() && !setup.allow_root && user.is_none() {
        return Err(Fault::Root);
    }
    let log = setup.log;
    let listener = listen(setup.listen)?;
    if let SourceOptions::Live(capture) = &setup.source
        && let Some(notice) = capture.notice()
    {
        log.say(Level::Warning, "interfaces", &[("notice", &notice)]);
    }
    let mut live = Source::open(setup.source)?;
    // What is played from a file was sent by nobody here.
    let tells_processes = setup.processes && captures_live;
    let openings = tells_processes.then(Openings::open).transpose();
    let openings = openings.map_err(|error| fault("first packets")(std::io::Error::other(error)))?;
    let kept = Kept { net_raw: setup.follow_interfaces, proc_of_others: tells_processes };
    privileges::give_up(kept, user).map_err(fault("giving up privileges"))?;
    // Before the sandbox, which would not let it read what it must.
    let processes = openings.map(|openings| processes::start(openings, log.clone())).transpose();
    let processes = processes.map_err(fault("sockets of this host"))?;
    let port = match setup.sink.syslog {
        Some(SyslogTarget::Tcp(address)) => Some(address.port()),
        _ => None,
    };
    let sandbox = sandbox::enter(&setup.outputs.iter().map(|path| sandbox::folder(path)).collect::<Vec<_>>(), port)
        .map_err(|error| fault("entering the sandbox")(std::io::Error::other(error)))?;

    let seccomp = match seccomp::enter(true) {
        Ok(()) => "on",
        Err(error) => {
            log.say(Level::Warning, "seccomp", &[("error", &error)]);
            "none"
        }
    };

    let sink_state = Arc::new(SinkState::new(processes));
    let path = setup.sink.file.as_ref().map_or_else(|| "the journal".into(), |file| file.path.clone());
    let sink = EventSink::start(setup.sink, sink_state.clone(), log.clone())
        .map_err(fault(format!("events to {}", path.display())))?;
    for notice in &setup.ruleset.notices {
        log.say(Level::Warning, "policy", &[("notice", notice)]);
    }
    let options = EngineOptions { threads: setup.threads, flow_events: true };
    let mut engine = Engine::new(setup.ruleset.rules.clone(), &setup.limits, options);
    let (mut keeper, mut state_saves) = (None, None);
    if let Some(StateOptions { tallies, save, interval }) = setup.state {
        let (changes, saves) = (tallies.changes(), Arc::new(StateSaves::default()));
        engine = engine.with_tallies(tallies);
        let started = StateKeeper::start(save, interval, changes, saves.clone(), log.clone());
        (keeper, state_saves) = (Some(started.map_err(fault("keeping state"))?), Some(saves));
    }
    let checked =
        web::Checked::new().ok_or_else(|| fault("random octets")(std::io::Error::other("the system gives none")))?;
    let mut shared =
        Shared::new(log.clone(), setup.limits, setup.lifecycle, sink_state, setup.loader, setup.ruleset, checked);
    shared.state_saves = state_saves;
    let shared = Arc::new(shared);
    let address = listener.local_addr().map_err(fault("listening"))?;
    tell_changes(&mut live, &shared);
    let follow = setup.follow_interfaces;
    let sheds = shared.limits.overload.packets == PacketOverload::Count;
    let mut path = PacketPath {
        live,
        engine,
        options,
        ended: Counts::default(),
        sink: &sink,
        shared: &shared,
        follow,
        keeper: keeper.as_mut(),
        shedding: sheds.then_some(false),
    };
    path.publish();
    let control = Control::start(shared.clone(), listener).map_err(fault("starting the control plane"))?;
    let open = shared.status().open;
    log.say(
        Level::Info,
        "ready",
        &[("listening", &address), ("interfaces", &open), ("sandbox", &sandbox), ("seccomp", &seccomp)],
    );
    reload::notify(&shared, &[NotifyState::Ready]);

    let result = path.turn_until_stopped();
    reload::notify(&shared, &[NotifyState::Stopping]);
    log.say(Level::Info, "stopping", &[]);
    limit_stop(log.clone());
    // An engine that lost a worker cannot end its flows; what is in the queue is written.
    let outcome = result.is_ok().then(|| path.finish());
    let saw_local = outcome.as_ref().is_some_and(|outcome| outcome.saw_local);
    // The state first: a sink may hang.
    if let Some(keeper) = keeper {
        keeper.finish(outcome.map(|outcome| outcome.tallies));
    }
    sink.finish();
    control.finish();
    result?;
    let metrics = shared.metrics().map_err(|error| fault("metrics")(std::io::Error::other(error)))?;
    log.say(Level::Info, "stopped", &[]);
    Ok(Final { status: shared.status(), metrics, saw_local })
}

fn listen(at: Listen) -> Result<TcpListener, Fault> {
    match at {
        Listen::Address(address) => TcpListener::bind(address).map_err(fault(format!("listening at {address}"))),
        Listen::Systemd => {
            let none = || std::io::Error::other("it passed no TCP socket: start it through borderpost.socket");
            let socket = listenfd::ListenFd::from_env().take_tcp_listener(0);
            socket.and_then(|socket| socket.ok_or_else(none)).map_err(fault("listening at the socket of systemd"))
        }
    }
}

/// Ends the process when stopping takes too long: a sink may hang in the kernel for ever.
fn limit_stop(log: Arc<Log>) {
    std::thread::spawn(move || {
        std::thread::sleep(STOP_LIMIT);
        log.say(Level::Error, "stop-limit", &[("seconds", &STOP_LIMIT.as_secs())]);
        std::process::exit(1);
    });
}

/// What turns: see the module.
struct PacketPath<'a> {
    live: Source,
    engine: Engine,
    options: EngineOptions,
    /// What earlier laps of played captures came to.
    ended: Counts,
    sink: &'a EventSink,
    shared: &'a Shared,
    follow: bool,
    keeper: Option<&'a mut StateKeeper>,
    /// Whether payload is left behind now; `None` if it never is.
    shedding: Option<bool>,
}

impl PacketPath<'_> {
    fn turn_until_stopped(&mut self) -> Result<(), Fault> {
        let (mut turned, mut published) = (Instant::now(), Instant::now());
        let mut octets = 0;
        while !self.shared.is_stopping() {
            self.shared.turn();
            if let Some(ruleset) = self.shared.take_rules() {
                self.engine.adopt(ruleset.rules.clone(), &mut |event| self.sink.push(event));
            }
            self.take_keys();
            let (engine, sink) = (&mut self.engine, self.sink);
            let frames = self.live.read(clock(), &mut |frame| {
                octets += frame.data.len();
                engine.feed(frame, &mut |event| sink.push(event));
            });
            if octets >= BATCH_BYTES {
                octets = 0;
                engine.hand_over(&mut |event| sink.push(event));
            }
            self.take_keys();
            if self.live.take_lap() {
                self.end_lap();
            } else if frames == 0 {
                if self.live.open_count() == 0 {
                    std::thread::sleep(WAIT);
                } else {
                    self.live.wait(clock(), WAIT).map_err(fault("waiting for frames"))?;
                }
            }
            self.shed_if_behind();
            if turned.elapsed() >= TURN_EVERY {
                let now = if frames == 0 { clock_behind() } else { Timestamp::default() };
                self.engine.advance(now, &mut |event| self.sink.push(event));
                turned = Instant::now();
            }
            if published.elapsed() >= PUBLISH_EVERY {
                if !self.engine.is_sound() {
                    return Err(Fault::Worker);
                }
                if self.follow {
                    self.live.look();
                }
                tell_changes(&mut self.live, self.shared);
                self.publish();
                if let Some(keeper) = &mut self.keeper {
                    keeper.offer(self.engine.tallies());
                }
                published = Instant::now();
            }
        }
        Ok(())
    }

    fn take_keys(&mut self) {
        if let Some(keys) = self.live.take_keys() {
            self.engine.add_keys(keys);
        }
    }

    /// Ends all flows and goes on with their sums: what is played next are the same connections again.
    fn end_lap(&mut self) {
        let fresh = Engine::new(self.shared.rules().rules.clone(), &self.shared.limits, self.options);
        let outcome = std::mem::replace(&mut self.engine, fresh).finish(&mut |event| self.sink.push(event));
        self.engine.go_on_with(outcome.tallies);
        self.ended.merge(&outcome.counts);
    }

    /// Leaves payload behind while a ring is too full, if that was chosen.
    fn shed_if_behind(&mut self) {
        let Some(shedding) = self.shedding else { return };
        let fill = self.live.fill();
        let sheds = if shedding { fill > SHED_UNTIL } else { fill > SHED_FROM };
        if sheds != shedding {
            self.shedding = Some(sheds);
            self.engine.shed(sheds);
            let (level, event) =
                if sheds { (Level::Warning, "overload-began") } else { (Level::Info, "overload-ended") };
            self.shared.log.say(level, event, &[("ring_fill_permille", &fill)]);
        }
    }

    fn publish(&mut self) {
        let mut snapshot = self.engine.snapshot(&mut |event| self.sink.push(event));
        snapshot.counts.merge(&self.ended);
        self.shared.publish(Status {
            counts: snapshot.counts,
            holdings: snapshot.holdings,
            interfaces: self.live.counts().to_vec(),
            open: self.live.open_count(),
        });
    }

    /// Reads what the rings still hold, ends all flows, and publishes what it all came to.
    fn finish(mut self) -> Outcome {
        let (sink, until) = (self.sink, Instant::now() + DRAIN);
        let deadline = Instant::now() + STOP_LIMIT / 2;
        // A block that is not full is handed over when its time is up.
        let _ = self.live.wait(clock(), WAIT);
        let engine = &mut self.engine;
        while Instant::now() < until
            && self.live.read(clock(), &mut |frame| engine.feed(frame, &mut |event| sink.push_until(event, deadline)))
                > 0
        {}
        let mut outcome = self.engine.finish(&mut |event| sink.push_until(event, deadline));
        outcome.counts.merge(&self.ended);
        self.shared.publish(Status {
            counts: outcome.counts.clone(),
            interfaces: self.live.counts().to_vec(),
            ..Status::default()
        });
        outcome
    }
}

/// The wall clock.
fn clock() -> Timestamp {
    Timestamp::default().after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The wall clock, less what frames may be late.
fn clock_behind() -> Timestamp {
    Timestamp::default().after(clock().since(Timestamp::default()).saturating_sub(CLOCK_BEHIND))
}

/// Says what happened to interfaces, and names them to the writer of events.
fn tell_changes(live: &mut Source, shared: &Shared) {
    let changes = live.take_changes();
    if changes.is_empty() {
        return;
    }
    for change in &changes {
        match change {
            Change::Opened(name) => shared.log.say(Level::Info, "interface-opened", &[("interface", name)]),
            Change::Lost(name, why) => {
                shared.log.say(Level::Warning, "interface-lost", &[("interface", name), ("reason", why)]);
            }
            Change::Refused(name, why) => {
                shared.log.say(Level::Warning, "interface-refused", &[("interface", name), ("reason", why)]);
            }
        }
    }
    let names = live.counts().iter().map(|counts| counts.name.clone()).collect();
    *lock(&shared.sink.interfaces) = names;
}
