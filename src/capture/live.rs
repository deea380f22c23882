//! Live capture: rings of the kernel (TPACKET_V3 through libpcap), one for each interface, read by one thread.
//!
//! ```text
//! [`LiveCapture::wait`] until a ring has frames ─▶ [`LiveCapture::read`] them ─▶ Frame; now and then [`LiveCapture::look`]
//! ```
//!
//! The kernel hands blocks over at the latest after [`BLOCK_TIMEOUT_MS`], so that is how late a frame can be on a quiet link. Immediate
//! mode hands over each frame at once; libpcap then falls back to TPACKET_V2, which costs 50 times as much for each frame.
//!
//! **How full a ring is** cannot be seen through libpcap. It is reckoned from what the kernel says it put in, what it dropped and what was
//! taken out, with the mean length of frames; it is 0 whenever the ring was found empty.
//!
//! **Interfaces** are named, matched by a pattern (`veth*`, `eth?`), or `any`: libpcap's device of all interfaces. On `any`, and when
//! both ends of a bridge or tunnel on this host are captured, the same packet is seen, and counted, more than once ([`LiveOptions::notice`]).
//! The kernel shows each frame of `lo` in both directions; libpcap drops one of them.
//!
//! **Interfaces that vanish** end their ring; [`LiveCapture::look`] opens them again when they are back, as long as the
//! process may. Their counts go on.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pcap::{Active, Capture, Precision};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::fanout;
use super::peak::Peak;
use crate::model::{Frame, InterfaceCounts, LinkType, Origin, Timestamp};

/// The kernel hands over a block that is not full after this time.
const BLOCK_TIMEOUT_MS: i32 = 100;
/// Frames read from one ring before the next one has its turn.
const FRAMES_PER_TURN: usize = 1024;
/// Interfaces that are ever captured in one run: containers come and go for months.
const INTERFACES_MAX: usize = 4096;

/// What to capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveOptions {
    /// Names, patterns with `*` and `?`, or `any`.
    pub interfaces: Vec<String>,
    /// In the language of pcap-filter(7).
    pub filter: Option<String>,
    /// Octets of each ring.
    pub ring_bytes: usize,
    /// Octets kept of a frame. Below 65,535 the super-packets of offloading hosts are cut.
    pub snaplen: usize,
    /// Whether to see frames that are for other hosts.
    pub promiscuous: bool,
    /// Whether frames are handed over one by one, at once.
    pub immediate: bool,
    /// The group of processes that share the interfaces, if any: 1 to 65,535.
    pub fanout_group: Option<u16>,
}

impl LiveOptions {
    /// What an operator should know of a choice.
    pub fn notice(&self) -> Option<&'static str> {
        self.interfaces.iter().any(|name| name == ANY).then_some(
            "`any` sees a packet on each interface that it crosses (bridges, bonds, tunnels, veth pairs, VLANs), and each counts: name the \
             interfaces at the border for octets that are counted once",
        )
    }
}

/// Why there is nothing to capture.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// No interface of this name, or none that matches.
    #[error("there is no interface {wanted} (there are: {known})")]
    Absent {
        /// The name or pattern.
        wanted: String,
        /// Names of all interfaces.
        known: String,
    },
    /// It cannot be captured.
    #[error("interface {name}: {message}")]
    Open {
        /// The interface.
        name: String,
        /// What libpcap said.
        message: String,
    },
    /// The filter does not compile for the interface.
    #[error("filter \"{filter}\" does not compile for interface {name}: {message}")]
    Filter {
        /// The filter as it was given.
        filter: String,
        /// The interface.
        name: String,
        /// What libpcap said.
        message: String,
    },
}

/// What happened to an interface.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// It is captured from now on.
    Opened(String),
    /// Its ring ended, and why.
    Lost(String, String),
    /// It is there, but cannot be captured, and why. Told once until that changes.
    Refused(String, String),
}

struct Ring {
    capture: Capture<Active>,
    link: LinkType,
    /// Index into `counts`.
    index: usize,
    /// The kernel's counters when they were last read: they wrap at 32 bits.
    dropped: (u32, u32),
    received: u32,
    /// Frames that wait in the ring, reckoned; and whether it was found empty since that was last done.
    waiting: u64,
    was_empty: bool,
    /// Frames taken out since the counters were last read.
    taken: u64,
    /// Octets captured of all frames, and frames: for the mean.
    held: (u64, u64),
    peak: Peak,
    /// Frames before this time came to every ring of the group.
    since: Timestamp,
}

/// Octets that the kernel writes before each frame of a ring (struct tpacket3_hdr and sockaddr_ll, aligned).
const FRAME_HEAD_BYTES: u64 = 82;

impl Ring {
    /// How full it is, 0 to 1000.
    fn fill(&self, ring_bytes: usize) -> u32 {
        let mean = FRAME_HEAD_BYTES + self.held.0 / self.held.1.max(1);
        let permille = self.waiting.saturating_mul(mean).saturating_mul(1000) / ring_bytes.max(1) as u64;
        u32::try_from(permille).unwrap_or(u32::MAX).min(1000)
    }
}

/// Interfaces being captured. See the module.
pub struct LiveCapture {
    options: LiveOptions,
    rings: Vec<Ring>,
    /// Of every interface that was ever captured, in the order in which they came; `Origin::capture` is the index.
    counts: Vec<InterfaceCounts>,
    refused: BTreeSet<String>,
    changes: Vec<Change>,
}

impl LiveCapture {
    /// Opens a ring for each interface that is wanted and there.
    ///
    /// # Errors
    /// When a named interface is not there or cannot be captured, no interface matches a pattern, or the filter does not compile.
    pub fn open(options: LiveOptions) -> Result<Self, LiveError> {
        let mut live =
            Self { options, rings: Vec::new(), counts: Vec::new(), refused: BTreeSet::new(), changes: Vec::new() };
        let present = interfaces();
        for wanted in live.options.interfaces.clone() {
            let matching: Vec<&String> = present.iter().filter(|name| matches(&wanted, name)).collect();
            if matching.is_empty() && wanted != ANY {
                return Err(LiveError::Absent { wanted, known: present.join(", ") });
            }
            let names = if wanted == ANY { vec![wanted] } else { matching.into_iter().cloned().collect() };
            for name in names {
                live.open_ring(&name)?;
            }
        }
        Ok(live)
    }

    fn open_ring(&mut self, name: &str) -> Result<(), LiveError> {
        if self.rings.iter().any(|ring| self.counts.get(ring.index).is_some_and(|counts| counts.name == name)) {
            return Ok(());
        }
        let refused = |error: pcap::Error| LiveError::Open { name: name.to_owned(), message: plain(error) };
        let known = self.counts.iter().position(|counts| counts.name == name);
        if known.is_none() && self.counts.len() >= INTERFACES_MAX {
            let message = format!("more than {INTERFACES_MAX} interfaces came and went: restart to follow more");
            return Err(LiveError::Open { name: name.to_owned(), message });
        }
        let fits = |octets: usize| i32::try_from(octets).unwrap_or(i32::MAX);
        let mut capture = Capture::from_device(name)
            .map_err(refused)?
            .promisc(self.options.promiscuous)
            .snaplen(fits(self.options.snaplen))
            .buffer_size(fits(self.options.ring_bytes))
            .timeout(BLOCK_TIMEOUT_MS)
            .immediate_mode(self.options.immediate)
            .precision(Precision::Nano)
            .open()
            .and_then(Capture::setnonblock)
            .map_err(refused)?;
        let mut since = Timestamp::default();
        if let Some(group) = self.options.fanout_group {
            fanout::join(capture.as_fd(), group).map_err(|error| LiveError::Open {
                name: name.to_owned(),
                message: format!("fanout group {group}: {error}"),
            })?;
            since = Timestamp::default().after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        }
        if let Some(filter) = &self.options.filter {
            capture.filter(filter, true).map_err(|error| LiveError::Filter {
                filter: filter.clone(),
                name: name.to_owned(),
                message: plain(error),
            })?;
        }
        let link = link_type(capture.get_datalink().0);
        let index = known.unwrap_or(self.counts.len());
        if known.is_none() {
            self.counts.push(InterfaceCounts { name: name.to_owned(), ..InterfaceCounts::default() });
        }
        self.rings.push(Ring {
            capture,
            link,
            index,
            dropped: (0, 0),
            received: 0,
            waiting: 0,
            was_empty: true,
            taken: 0,
            held: (0, 0),
            peak: Peak::default(),
            since,
        });
        self.refused.remove(name);
        self.changes.push(Change::Opened(name.to_owned()));
        Ok(())
    }

    /// Waits until a ring has frames, at most for `timeout`.
    ///
    /// # Errors
    /// Those of poll(2), interruptions excepted.
    pub fn wait(&self, timeout: Duration) -> io::Result<()> {
        let mut fds: Vec<PollFd<'_>> =
            self.rings.iter().map(|ring| PollFd::new(&ring.capture, PollFlags::IN)).collect();
        let timeout = Timespec::try_from(timeout).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 100_000_000 });
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Hands over what the rings hold, a bounded number of frames of each. Gives that number; 0 if there were none.
    pub fn read(&mut self, each: &mut dyn FnMut(&Frame<'_>)) -> usize {
        let mut total = 0;
        let mut lost = Vec::new();
        for (at, ring) in self.rings.iter_mut().enumerate() {
            let Some(counts) = self.counts.get_mut(ring.index) else { continue };
            for _ in 0..FRAMES_PER_TURN {
                let packet = match ring.capture.next_packet() {
                    Ok(packet) => packet,
                    Err(pcap::Error::TimeoutExpired) => {
                        ring.was_empty = true;
                        break;
                    }
                    Err(error) => {
                        lost.push((at, plain(error)));
                        break;
                    }
                };
                let header = packet.header;
                // libpcap puts nanoseconds where it has microseconds, as asked.
                let parts = (u64::try_from(header.ts.tv_sec), u64::try_from(header.ts.tv_usec));
                let time = Timestamp::from_parts(parts.0.unwrap_or(0), parts.1.unwrap_or(0));
                ring.taken += 1;
                ring.held = (ring.held.0 + u64::from(header.caplen), ring.held.1 + 1);
                if time < ring.since {
                    continue;
                }
                counts.packets += 1;
                counts.bytes += u64::from(header.len);
                counts.span = Some(counts.span.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
                total += 1;
                each(&Frame {
                    time,
                    link: ring.link,
                    origin: Origin { capture: u16::try_from(ring.index).unwrap_or(u16::MAX), interface: 0 },
                    data: packet.data,
                    wire_len: header.len,
                });
            }
        }
        for (at, why) in lost.into_iter().rev() {
            let mut ring = self.rings.remove(at);
            if let Some(counts) = self.counts.get_mut(ring.index) {
                read_drops(&mut ring, counts);
                (counts.ring_fill, counts.ring_fill_peak) = (0, 0);
                self.changes.push(Change::Lost(counts.name.clone(), why));
            }
        }
        total
    }

    /// Looks for interfaces that are wanted and not captured, and opens them.
    pub fn look(&mut self) {
        let captured: BTreeSet<&str> =
            self.rings.iter().filter_map(|ring| self.counts.get(ring.index)).map(|counts| &*counts.name).collect();
        let any = self.options.interfaces.iter().any(|wanted| wanted == ANY).then(|| ANY.to_owned());
        let missing: Vec<String> = interfaces()
            .into_iter()
            .filter(|name| self.options.interfaces.iter().any(|wanted| matches(wanted, name)))
            .chain(any)
            .filter(|name| !captured.contains(&**name))
            .collect();
        for name in missing {
            if let Err(error) = self.open_ring(&name)
                && self.refused.len() < INTERFACES_MAX
                && self.refused.insert(name.clone())
            {
                self.changes.push(Change::Refused(name, error.to_string()));
            }
        }
    }

    /// What happened to interfaces since the last call.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Interfaces that are captured now.
    pub fn open_count(&self) -> usize {
        self.rings.len()
    }

    /// How full the fullest ring is, reckoned, 0 to 1000.
    pub fn fill(&mut self) -> u32 {
        self.counts();
        self.counts.iter().map(|counts| counts.ring_fill).max().unwrap_or(0)
    }

    /// Counts of every interface that was ever captured, the kernel's drops included.
    pub fn counts(&mut self) -> &[InterfaceCounts] {
        for ring in &mut self.rings {
            if let Some(counts) = self.counts.get_mut(ring.index) {
                read_drops(ring, counts);
                counts.ring_fill = ring.fill(self.options.ring_bytes);
                counts.ring_fill_peak = ring.peak.note(counts.ring_fill, Instant::now());
            }
        }
        &self.counts
    }
}

const ANY: &str = "any";

fn read_drops(ring: &mut Ring, counts: &mut InterfaceCounts) {
    if let Ok(stat) = ring.capture.stats() {
        counts.dropped_ring += u64::from(stat.dropped.wrapping_sub(ring.dropped.0));
        counts.dropped_interface += u64::from(stat.if_dropped.wrapping_sub(ring.dropped.1));
        // What the kernel says it received, it says before it drops.
        let came = stat.received.wrapping_sub(ring.received);
        let lost = stat.dropped.wrapping_sub(ring.dropped.0);
        let kept = u64::from(came.saturating_sub(lost));
        ring.waiting = if ring.was_empty { 0 } else { (ring.waiting + kept).saturating_sub(ring.taken) };
        (ring.received, ring.taken, ring.was_empty) = (stat.received, 0, false);
        ring.dropped = (stat.dropped, stat.if_dropped);
    }
}

/// Names of the interfaces of this network namespace, sorted.
pub fn interfaces() -> Vec<String> {
    let names: BTreeSet<String> = pnet_datalink::interfaces().into_iter().map(|interface| interface.name).collect();
    names.into_iter().collect()
}

/// Whether a name fits a pattern: `*` stands for any characters, `?` for one.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on after a mismatch: behind the last `*`, with one more octet given to it.
    let mut retry = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, n + 1));
                p += 1;
            }
            Some(&octet) if octet == b'?' || name.get(n) == Some(&octet) => {
                p += 1;
                n += 1;
            }
            _ => match retry {
                Some((after, next)) => {
                    p = after;
                    n = next;
                    retry = Some((after, next + 1));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|&octet| octet == b'*')
}

/// From the DLT_ number of this system to the LINKTYPE_ number of files: see `filter::data_link`.
fn link_type(data_link: i32) -> LinkType {
    LinkType(match data_link {
        11 => 100,
        12 => 101,
        19 => 106,
        other => u32::try_from(other).unwrap_or(u32::MAX),
    })
}

fn plain(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_like_a_shell() {
        for (pattern, name, fits) in [
            ("eth0", "eth0", true),
            ("eth0", "eth01", false),
            ("eth?", "eth1", true),
            ("eth?", "eth", false),
            ("veth*", "veth", true),
            ("veth*", "veth12ab", true),
            ("*", "lo", true),
            ("", "lo", false),
            ("v*h*b", "vethab", true),
            ("v*h*b", "vethabc", false),
            ("**a", "ba", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
        assert!(!matches(&format!("{}b", "*a".repeat(20)), &"a".repeat(200)));
    }

    #[test]
    fn an_absent_interface_is_named() {
        let options = LiveOptions {
            interfaces: vec!["nosuch0".to_owned()],
            filter: None,
            ring_bytes: 1 << 20,
            snaplen: 65_535,
            promiscuous: false,
            immediate: false,
            fanout_group: None,
        };
        let error = LiveCapture::open(options).err().map(|error| error.to_string());
        assert!(error.as_ref().is_some_and(|error| error.contains("nosuch0") && error.contains("lo")), "{error:?}");
    }
}
