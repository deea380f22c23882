//! Which process of this host a flow belongs to: process, executable, user, systemd unit, container.
//!
//! ```text
//! first packets of connections ─▶ [`openings`] ─▶ [`sockets`] (sock_diag): the socket's inode and user ─▶ [`owners`] (/proc): who has it
//!        a look at all sockets, every two seconds ─────────┘                                            open ─▶ cache ─▶ events
//! ```
//!
//! A thread of its own does all that, off the packet path and beside it: it has a small capture of its own that hands the first packet of
//! a connection over at once, since a short-lived process is gone when the ring's block is full. Events ask the cache when they are
//! written, some hundred milliseconds later.
//!
//! **Bounds.** What is remembered, what waits and how long /proc is searched are bounded; at the bound flows go without a process, and
//! `/api/v1/status` counts them. A search of /proc is followed by four times its duration without one.
//!
//! **Sandbox.** Landlock forbids reading what other processes have open, whatever the capabilities. This thread therefore starts before
//! it is entered, and has only the rest: CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, no-new-privs, seccomp.

mod openings;
mod owners;
mod sockets;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(super) use openings::Openings;
use owners::Owners;
use sockets::{Socket, Sockets};

use super::log::{Level, Log};
use super::sink::lock;
use crate::model::{FlowView, MatchQuality, ProcessView};

/// Connections, and listening sockets, that are remembered.
const KNOWN_MAX: usize = 65_536;
/// Lookups that wait for a search of /proc.
const WAITING_MAX: usize = 1024;
/// Events of a connection that ended come this much later at most.
const FORGET_AFTER: Duration = Duration::from_secs(900);
/// How often all sockets are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The owner of an inbound connection is looked for again after these times: by then it was accepted.
const ACCEPTED_AFTER: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(400)];
/// A lookup and a packet of the same connection are no further apart than this.
const APART_MAX_S: u64 = 15;

/// Protocol, local end, remote end.
type Key = (u8, (IpAddr, u16), (IpAddr, u16));

struct Entry {
    view: ProcessView,
    /// Seconds of Unix time.
    first_seen_s: u64,
    last_seen_s: u64,
}

/// What came of it, for the web.
#[derive(Default)]
pub(super) struct Tallies {
    /// First packets that were seen.
    pub openings: AtomicU64,
    /// Sockets whose process was found.
    pub found: AtomicU64,
    /// Sockets that were found, but whose process had gone.
    pub gone: AtomicU64,
    /// First packets whose socket had gone, or that came when too many were waiting.
    pub missed: AtomicU64,
    /// Lookups that are not done yet.
    pub waiting: AtomicU64,
}

/// What is known, for those who write events.
#[derive(Default)]
pub(super) struct Processes {
    known: Mutex<Known>,
    pub(super) tallies: Tallies,
}

#[derive(Default)]
struct Known {
    connections: HashMap<Key, Entry>,
    /// By protocol and local port: sockets without a remote end.
    ports: HashMap<(u8, u16), Entry>,
}

impl Processes {
    /// The process at the flow's local end, or else at its other end, if that is this host's.
    pub(super) fn of(&self, flow: &FlowView) -> Option<ProcessView> {
        let known = lock(&self.known);
        let (first, last) = (flow.first.nanos() / 1_000_000_000, flow.last.nanos() / 1_000_000_000);
        let fits =
            |entry: &&Entry| entry.last_seen_s + APART_MAX_S >= first && entry.first_seen_s <= last + APART_MAX_S;
        let ends = [("src", flow.src, flow.dest), ("dest", flow.dest, flow.src)];
        let connection = ends.iter().find_map(|(end, local, remote)| {
            Some((*end, known.connections.get(&(flow.proto, *local, *remote)).filter(fits)?))
        });
        // A socket without a remote end says less: it must be the end that was asked for.
        let (end, entry) =
            connection.or_else(|| Some(("src", known.ports.get(&(flow.proto, flow.src.1)).filter(fits)?)))?;
        Some(ProcessView { end, ..entry.view.clone() })
    }
}

impl Known {
    fn remember(&mut self, socket: &Socket, view: ProcessView, now_s: u64) {
        let entry = Entry { view, first_seen_s: now_s, last_seen_s: now_s };
        match socket.remote {
            Some(remote) => {
                let key = (socket.proto, socket.local, remote);
                // That a socket was closed meanwhile does not undo what was known of it.
                if let Some(known) = self.connections.get_mut(&key)
                    && known.view.pid.is_some()
                    && known.view.quality < entry.view.quality
                {
                    known.last_seen_s = now_s;
                    return;
                }
                make_room(&mut self.connections, now_s);
                self.connections.insert(key, entry);
            }
            None => {
                make_room(&mut self.ports, now_s);
                self.ports.insert((socket.proto, socket.local.1), entry);
            }
        }
    }

    /// Notes that a socket is still there; `false` if its process is not known.
    fn still_there(&mut self, socket: &Socket, now_s: u64) -> bool {
        let entry = match socket.remote {
            Some(remote) => self.connections.get_mut(&(socket.proto, socket.local, remote)),
            None => self.ports.get_mut(&(socket.proto, socket.local.1)),
        };
        let Some(entry) = entry else { return false };
        entry.last_seen_s = now_s;
        // A listener's entry for a connection is a guess until it was accepted.
        entry.view.pid.is_some() && (socket.remote.is_none() || entry.view.quality == MatchQuality::Connection)
    }
}

/// Forgets what is old, and the older half where that is not enough.
fn make_room<K: Clone + Eq + std::hash::Hash>(map: &mut HashMap<K, Entry>, now_s: u64) {
    if map.len() < KNOWN_MAX {
        return;
    }
    map.retain(|_, entry| entry.last_seen_s + FORGET_AFTER.as_secs() >= now_s);
    if map.len() >= KNOWN_MAX {
        let mut times: Vec<u64> = map.values().map(|entry| entry.last_seen_s).collect();
        let (_, middle, _) = times.select_nth_unstable(KNOWN_MAX / 2);
        let middle = *middle;
        map.retain(|_, entry| entry.last_seen_s > middle);
    }
}

/// Starts the thread. It ends with the process: it holds nothing that must be written.
///
/// # Errors
/// When there is no sock_diag here.
pub(super) fn start(openings: Openings, log: Arc<Log>) -> io::Result<Arc<Processes>> {
    let processes = Arc::new(Processes::default());
    let mut search = Search {
        openings,
        sockets: Sockets::open()?,
        owners: Owners::new(),
        waiting: Vec::new(),
        again: Vec::new(),
        looked: None,
        processes: processes.clone(),
        log,
    };
    std::thread::Builder::new().name("processes".to_owned()).spawn(move || search.run())?;
    Ok(processes)
}

struct Search {
    openings: Openings,
    sockets: Sockets,
    owners: Owners,
    /// Sockets whose process is to be found by the next search of /proc.
    waiting: Vec<Socket>,
    /// Inbound connections that were not accepted when they were looked at.
    again: Vec<(Instant, usize, Key)>,
    looked: Option<Instant>,
    processes: Arc<Processes>,
    log: Arc<Log>,
}

impl Search {
    fn run(&mut self) {
        loop {
            if let Err(error) = self.turn() {
                self.log.say(Level::Warning, "processes", &[("error", &error)]);
                std::thread::sleep(LOOK_EVERY);
            }
        }
    }

    fn turn(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let mut wait = self.looked.map_or(Duration::ZERO, |at| LOOK_EVERY.saturating_sub(at.elapsed()));
        if let Some((at, ..)) = self.again.first() {
            wait = wait.min(at.saturating_duration_since(now));
        }
        if !self.waiting.is_empty() {
            wait = wait.min(self.owners.rests_for());
        }
        let opened = self.openings.read(wait)?;
        for key in opened {
            // Whoever sees the opening sees it wait, until this turn is over.
            self.processes.tallies.waiting.fetch_add(1, Ordering::SeqCst);
            self.processes.tallies.openings.fetch_add(1, Ordering::SeqCst);
            // What was known of these ends was another connection.
            lock(&self.processes.known).connections.remove(&key);
            self.look_for(key, 0)?;
        }
        let now = Instant::now();
        let due = self.again.iter().take_while(|(at, ..)| *at <= now).count();
        for (_, times, key) in self.again.drain(..due).collect::<Vec<_>>() {
            self.look_for(key, times)?;
        }
        if self.looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            self.looked = Some(Instant::now());
            self.look_at_all()?;
        }
        self.find_owners();
        self.processes.tallies.waiting.store((self.waiting.len() + self.again.len()) as u64, Ordering::SeqCst);
        Ok(())
    }

    /// Asks for the socket of a connection that was just opened.
    fn look_for(&mut self, key: Key, times: usize) -> io::Result<()> {
        let (proto, local, remote) = key;
        let Some(socket) = self.sockets.ask(proto, local, remote)? else {
            if times == 0 {
                self.processes.tallies.missed.fetch_add(1, Ordering::Relaxed);
            }
            return Ok(());
        };
        let accepted = socket.remote.is_some() && socket.inode != 0;
        if !accepted
            && let Some(after) = ACCEPTED_AFTER.get(times)
            && self.again.len() < WAITING_MAX
        {
            let at = Instant::now() + *after;
            let place = self.again.partition_point(|(other, ..)| *other <= at);
            self.again.insert(place, (at, times + 1, key));
        }
        let mut socket = socket;
        if !accepted && times == ACCEPTED_AFTER.len() {
            // It was over before it could be looked at: whoever listens there, if anybody does, had it.
            let anyone = match local.0 {
                IpAddr::V4(_) => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
                IpAddr::V6(_) => (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0),
            };
            socket = self.sockets.ask(proto, local, anyone)?.unwrap_or(socket);
        }
        // A listener stands for the connection until that has a process of its own. What is neither is still being opened.
        if accepted || socket.remote.is_none() || times == ACCEPTED_AFTER.len() {
            self.wait_for_owner(Socket { remote: Some(remote), local, ..socket });
        }
        Ok(())
    }

    fn wait_for_owner(&mut self, socket: Socket) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push(socket);
        } else {
            self.processes.tallies.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sockets that opened unseen: before us, or over UDP.
    fn look_at_all(&mut self) -> io::Result<()> {
        let now_s = unix_seconds();
        let sockets = self.sockets.all(KNOWN_MAX)?;
        let unknown: Vec<Socket> = {
            let mut known = lock(&self.processes.known);
            sockets.into_iter().filter(|socket| socket.inode != 0 && !known.still_there(socket, now_s)).collect()
        };
        for socket in unknown {
            self.wait_for_owner(socket);
        }
        Ok(())
    }

    /// Finds processes among the newest at once, and among all when that is allowed.
    fn find_owners(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        let inodes = || waiting.iter().map(|socket| socket.inode).filter(|inode| *inode != 0);
        self.owners.search_newest(inodes());
        if self.owners.rests_for().is_zero() {
            self.owners.search(inodes());
        } else {
            // Those that are not known yet wait for the search of all.
            let owners = &self.owners;
            let (known, unknown) = waiting.into_iter().partition(|socket| owners.knows(socket.inode));
            (waiting, self.waiting) = (known, unknown);
        }
        let now_s = unix_seconds();
        for socket in waiting {
            let view = self.owners.view(&socket);
            let tally = match view.pid {
                Some(_) => &self.processes.tallies.found,
                None => &self.processes.tallies.gone,
            };
            tally.fetch_add(1, Ordering::Relaxed);
            lock(&self.processes.known).remember(&socket, view, now_s);
        }
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(second: u64) -> Entry {
        Entry { view: ProcessView::default(), first_seen_s: second, last_seen_s: second }
    }

    #[test]
    fn what_is_known_is_bounded_and_the_old_goes_first() {
        let mut map: HashMap<u64, Entry> = HashMap::new();
        for second in 0..300_000 {
            make_room(&mut map, 100);
            map.insert(second, entry(second / 1000));
        }
        assert!(map.len() <= KNOWN_MAX, "{}", map.len());
        assert!(map.contains_key(&299_999) && !map.contains_key(&0));
    }
}
