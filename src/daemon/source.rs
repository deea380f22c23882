//! Where the daemon's frames come from: interfaces, or captures that are played as if they came from one (`replay --serve`).
//!
//! **Played captures.** A frame is handed over when its time has come: the packet clock, divided by the speed, is laid on the wall
//! clock, and frames carry that time. From here on they are live traffic to everybody, the core included. A capture that is played
//! in a loop begins anew at its end; its connections are the same ones again, so that all flows are ended in between (a lap).

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::capture::{Captures, Change, LiveCapture, LiveError, LiveOptions, OpenError, Secrets};
use crate::model::{Frame, InterfaceCounts, KeyLog, LinkType, Origin, Timestamp};

/// Frames handed over at a turn, so that the daemon looks around under any load.
const FRAMES_PER_TURN: usize = 1024;
/// A lap takes at least so long: a capture of one packet would otherwise be played as fast as the machine can.
const LAP_MIN: Duration = Duration::from_secs(1);

/// What to read.
pub enum SourceOptions {
    /// Interfaces.
    Live(LiveOptions),
    /// Captures at their own pace.
    Played(PlayOptions),
}

/// How captures are played.
pub struct PlayOptions {
    /// The captures, merged by time.
    pub paths: Vec<PathBuf>,
    /// Only frames that this filter accepts.
    pub filter: Option<String>,
    /// How many times faster than they were captured; above zero.
    pub speed: f64,
    /// Whether to begin anew at the end.
    pub repeat: bool,
    /// Session keys beside those in the captures.
    pub keys: KeyLog,
}

/// An open source.
pub(super) enum Source {
    Live(LiveCapture),
    Played(Box<Played>),
}

/// Why a source cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Interfaces.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// Captures.
    #[error(transparent)]
    Played(#[from] OpenError),
}

impl Source {
    /// # Errors
    /// When nothing can be read as asked.
    pub(super) fn open(options: SourceOptions) -> Result<Self, SourceError> {
        Ok(match options {
            SourceOptions::Live(options) => Self::Live(LiveCapture::open(options)?),
            SourceOptions::Played(options) => Self::Played(Box::new(Played::open(options)?)),
        })
    }

    /// Hands over what there is, a bounded number of frames. Gives that number.
    pub(super) fn read(&mut self, now: Timestamp, each: &mut dyn FnMut(&Frame<'_>)) -> usize {
        match self {
            Self::Live(live) => live.read(each),
            Self::Played(played) => played.read(now, each),
        }
    }

    /// Waits for frames, at most for `timeout`.
    pub(super) fn wait(&self, now: Timestamp, timeout: Duration) -> io::Result<()> {
        match self {
            Self::Live(live) => live.wait(timeout),
            Self::Played(played) => {
                std::thread::sleep(played.next_at().map_or(timeout, |at| at.since(now).min(timeout)));
                Ok(())
            }
        }
    }

    pub(super) fn look(&mut self) {
        if let Self::Live(live) = self {
            live.look();
        }
    }

    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        match self {
            Self::Live(live) => live.take_changes(),
            Self::Played(played) => std::mem::take(&mut played.changes),
        }
    }

    pub(super) fn open_count(&self) -> usize {
        match self {
            Self::Live(live) => live.open_count(),
            Self::Played(played) => usize::from(!played.ended),
        }
    }

    /// How full the fullest ring is, 0 to 1000. Captures wait for us.
    pub(super) fn fill(&mut self) -> u32 {
        match self {
            Self::Live(live) => live.fill(),
            Self::Played(_) => 0,
        }
    }

    pub(super) fn counts(&mut self) -> &[InterfaceCounts] {
        match self {
            Self::Live(live) => live.counts(),
            Self::Played(played) => &played.counts,
        }
    }

    /// Whether a lap ended since the last call.
    pub(super) fn take_lap(&mut self) -> bool {
        match self {
            Self::Live(_) => false,
            Self::Played(played) => std::mem::take(&mut played.lap_ended),
        }
    }

    /// Session keys that were met since the last call.
    pub(super) fn take_keys(&mut self) -> Option<KeyLog> {
        let Self::Played(played) = self else { return None };
        let mut keys =
            if std::mem::take(&mut played.keys_due) { played.options.keys.clone() } else { KeyLog::default() };
        for secrets in played.captures.take_secrets() {
            if secrets.kind == Secrets::TLS_KEY_LOG {
                // Bad lines cost nobody anything but themselves.
                keys.read(&secrets.data);
            }
        }
        (!keys.is_empty()).then_some(keys)
    }
}

/// A frame whose time has not come.
struct Held {
    time: Timestamp,
    link: LinkType,
    origin: Origin,
    wire_len: u32,
    data: Vec<u8>,
}

/// Captures at their own pace.
pub(super) struct Played {
    options: PlayOptions,
    captures: Captures,
    held: Option<Held>,
    /// Packet time of the lap's first frame, and when it was handed over.
    began: Option<(Timestamp, Timestamp)>,
    /// When the next lap may begin.
    lap_at: Option<Timestamp>,
    lap_ended: bool,
    /// Whether the keys of the options are to be told: once a lap, before its frames.
    keys_due: bool,
    ended: bool,
    counts: Vec<InterfaceCounts>,
    changes: Vec<Change>,
}

impl Played {
    fn open(options: PlayOptions) -> Result<Self, OpenError> {
        let captures = Captures::open(&options.paths, options.filter.as_deref())?;
        let count = |file| InterfaceCounts { name: format!("file{file}"), ..InterfaceCounts::default() };
        let counts: Vec<_> = (0..options.paths.len()).map(count).collect();
        Ok(Self {
            captures,
            options,
            held: None,
            began: None,
            lap_at: None,
            lap_ended: false,
            keys_due: true,
            ended: false,
            changes: counts.iter().map(|counts| Change::Opened(counts.name.clone())).collect(),
            counts,
        })
    }

    /// When there is something to do next, if that is known.
    fn next_at(&self) -> Option<Timestamp> {
        self.held.as_ref().map(|held| held.time).or(self.lap_at)
    }

    fn read(&mut self, now: Timestamp, each: &mut dyn FnMut(&Frame<'_>)) -> usize {
        let mut frames = 0;
        // At the end of a lap its flows are ended first.
        while frames < FRAMES_PER_TURN && !self.ended && !self.lap_ended {
            if self.held.is_none() {
                self.advance(now);
            }
            let Some(held) = self.held.take_if(|held| held.time <= now) else { break };
            if let Some(counts) = self.counts.get_mut(usize::from(held.origin.capture)) {
                counts.packets += 1;
                counts.bytes += u64::from(held.wire_len);
                let span = counts.span.unwrap_or((held.time, held.time));
                counts.span = Some((span.0.min(held.time), span.1.max(held.time)));
            }
            let Held { time, link, origin, wire_len, ref data } = held;
            each(&Frame { time, link, origin, data, wire_len });
            frames += 1;
        }
        frames
    }

    /// Takes the next frame from the captures, or begins the next lap when it may.
    fn advance(&mut self, now: Timestamp) {
        if let Some(at) = self.lap_at {
            if at > now {
                return;
            }
            self.lap_at = None;
            match Captures::open(&self.options.paths, self.options.filter.as_deref()) {
                Ok(captures) => self.captures = captures,
                Err(error) => return self.end(&error.to_string()),
            }
        }
        let Some(frame) = self.captures.next_frame() else {
            // A capture that is damaged or cut short lost a frame at least.
            for (counts, summary) in self.counts.iter_mut().zip(self.captures.summaries()) {
                counts.dropped_interface += u64::from(!summary.complete);
            }
            match self.began.take() {
                Some((_, began)) if self.options.repeat => {
                    self.lap_ended = true;
                    self.keys_due = true;
                    self.lap_at = Some(now.max(began.after(LAP_MIN)));
                }
                // Nothing in it to repeat, or nothing to repeat it for.
                _ => self.end("the end of the capture"),
            }
            return;
        };
        let (first, began) = *self.began.get_or_insert((frame.time, now));
        // A speed is finite and above zero; what is farther away than a duration can say never comes.
        let offset = Duration::try_from_secs_f64(frame.time.since(first).as_secs_f64() / self.options.speed);
        self.held = Some(Held {
            time: began.after(offset.unwrap_or(Duration::MAX)),
            link: frame.link,
            origin: frame.origin,
            wire_len: frame.wire_len,
            data: frame.data.to_vec(),
        });
    }

    fn end(&mut self, why: &str) {
        self.ended = true;
        self.changes.extend(self.counts.iter().map(|counts| Change::Lost(counts.name.clone(), why.to_owned())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::write::PcapWriter;

    /// Four frames, at 0, 1, 1 and 3 s.
    fn capture(dir: &tempfile::TempDir) -> PathBuf {
        let path = dir.path().join("c.pcap");
        let mut out = PcapWriter::new(std::fs::File::create(&path).unwrap(), LinkType::RAW).unwrap();
        for second in [0, 1, 1, 3] {
            out.frame(Timestamp::from_parts(1000 + second, 0), 20, &[0x45; 20]).unwrap();
        }
        out.finish().unwrap();
        path
    }

    fn played(speed: f64, repeat: bool) -> (tempfile::TempDir, Played) {
        let dir = tempfile::tempdir().unwrap();
        let paths = vec![capture(&dir)];
        (dir, Played::open(PlayOptions { paths, filter: None, speed, repeat, keys: KeyLog::default() }).unwrap())
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_nanos(5_000_000_000_000 + millis * 1_000_000)
    }

    /// Times of the frames that are handed over at a moment, in milliseconds of the same clock.
    fn read(played: &mut Played, millis: u64) -> Vec<u64> {
        let mut times = Vec::new();
        played.read(at(millis), &mut |frame| times.push(frame.time.since(at(0)).as_millis() as u64));
        times
    }

    #[test]
    fn frames_come_when_their_time_has_come_and_carry_it() {
        let (_dir, mut slow) = played(0.5, false);
        assert_eq!(read(&mut slow, 0), [0]);
        assert_eq!(slow.next_at(), Some(at(2000)));
        assert_eq!(read(&mut slow, 1999), [0; 0]);
        assert_eq!(read(&mut slow, 2500), [2000, 2000]);
        assert_eq!(read(&mut slow, 6000), [6000]);
        assert!(slow.ended && slow.changes.len() == 2);
        assert_eq!(slow.counts[0].packets, 4);
    }

    #[test]
    fn what_is_cut_off_a_capture_counts_as_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = capture(&dir);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let options =
            PlayOptions { paths: vec![path], filter: None, speed: 1.0, repeat: false, keys: KeyLog::default() };
        let mut cut = Played::open(options).unwrap();
        assert_eq!((read(&mut cut, 0).len(), cut.counts[0].dropped_interface), (1, 0));
        assert_eq!((read(&mut cut, 9000).len(), cut.counts[0].dropped_interface), (2, 1));
    }

    #[test]
    fn a_loop_begins_anew_after_the_flows_were_ended_and_never_spins() {
        let (_dir, mut fast) = played(1000.0, true);
        assert_eq!(read(&mut fast, 0), [0]);
        assert_eq!(read(&mut fast, 10), [1, 1, 3]);
        assert!(fast.lap_ended && !fast.ended);
        assert_eq!(read(&mut fast, 5000), [0; 0], "not before somebody took the lap");
        fast.lap_ended = false;
        assert_eq!(read(&mut fast, 999), [0; 0], "a lap takes a second");
        assert_eq!(read(&mut fast, 1003), [1003]);
        assert_eq!(read(&mut fast, 1004), [1004, 1004]);
    }
}
