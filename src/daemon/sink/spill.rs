//! Events that cannot go out now wait on disk, in one file of bounded size: those that find the queue full because a sink is slow or
//! hangs, and those that a sink refused. When the sinks work again they are written, in the order in which they came here; newer events
//! may have gone out before them, so their timestamps are what orders them. A sink that is still dead holds up those that wait with it.
//!
//! ```text
//! "borderpost spill 1\n"  where reading goes on (8)
//! record: length of the line (4)  sinks that want it (1)  kind (1)  time (8)  line
//! ```
//!
//! Little-endian. **A stop with a dead sink loses nothing**: the file is read at the next start. After a kill, lines that were written
//! since the position was last noted come once more; a record that was cut is dropped. When the file is full, events are
//! dropped and counted.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::writer::{Line, LineKind};
use crate::model::{Severity, Timestamp};

const MAGIC: &[u8; 19] = b"borderpost spill 1\n";
const HEAD_BYTES: u64 = MAGIC.len() as u64 + 8;
const RECORD_HEAD_BYTES: usize = 14;
/// Longer lines are never made; a longer record is a damaged one.
const LINE_BYTES_MAX: usize = 1 << 20;
/// The position is noted after this many octets were read, and when all were.
const NOTE_EVERY: u64 = 1 << 16;

/// Where events may wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpillOptions {
    /// The file.
    pub path: PathBuf,
    /// Octets it may have.
    pub max_bytes: u64,
}

/// See the module.
pub(super) struct Spill {
    file: File,
    max_bytes: u64,
    /// Where the next record is read.
    read_at: u64,
    /// The position as the file has it.
    noted: u64,
    /// Where the next record is written.
    end: u64,
}

impl Spill {
    /// Opens the file, with what waits in it.
    ///
    /// # Errors
    /// When it cannot be opened, or is something else.
    pub(super) fn open(options: &SpillOptions) -> io::Result<Self> {
        let mut open = File::options();
        let file = open.read(true).write(true).create(true).truncate(false).mode(0o600).open(&options.path)?;
        let len = file.metadata()?.len();
        let mut spill = Self { file, max_bytes: options.max_bytes, read_at: HEAD_BYTES, noted: HEAD_BYTES, end: len };
        if len < HEAD_BYTES {
            spill.clear()?;
            return Ok(spill);
        }
        let mut head = [0; HEAD_BYTES as usize];
        spill.file.read_exact_at(&mut head, 0)?;
        let (magic, position) = head.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(io::Error::other(format!("{} is no spill of Borderpost", name(&options.path))));
        }
        let position = position.try_into().map_or(0, u64::from_le_bytes);
        if (HEAD_BYTES..=len).contains(&position) {
            (spill.read_at, spill.noted) = (position, position);
        }
        // The end is where whole records end.
        let mut at = spill.read_at;
        while let Ok(Some((_, next))) = spill.record(at) {
            at = next;
        }
        spill.end = at;
        spill.file.set_len(at)?;
        Ok(spill)
    }

    /// Octets that wait.
    pub(super) const fn waiting_bytes(&self) -> u64 {
        self.end.saturating_sub(self.read_at)
    }

    /// Keeps a line for the sinks of a mask.
    ///
    /// # Errors
    /// When there is no room, or the file cannot be written.
    pub(super) fn keep(&mut self, line: &Line, sinks: u8) -> io::Result<()> {
        let mut record = Vec::with_capacity(RECORD_HEAD_BYTES + line.json.len());
        record.extend((line.json.len() as u32).to_le_bytes());
        record.push(sinks);
        record.push(kind_octet(line.kind));
        record.extend(line.time.nanos().to_le_bytes());
        record.extend(&line.json);
        let len = record.len() as u64;
        if line.json.len() > LINE_BYTES_MAX || self.end + len > self.max_bytes {
            return Err(ErrorKind::StorageFull.into());
        }
        self.file.write_all_at(&record, self.end)?;
        self.end += len;
        Ok(())
    }

    /// The oldest line that waits, and the sinks that want it.
    pub(super) fn oldest(&mut self) -> Option<(Line, u8)> {
        match self.record(self.read_at) {
            Ok(Some((record, _))) => Some(record),
            // What cannot be read will not be read later either.
            Ok(None) | Err(_) => {
                if self.end > self.read_at {
                    let _ = self.clear();
                }
                None
            }
        }
    }

    /// Only these sinks still want the oldest line.
    pub(super) fn narrow(&mut self, sinks: u8) -> io::Result<()> {
        self.file.write_all_at(&[sinks], self.read_at + 4)
    }

    /// The oldest line need not wait any more.
    pub(super) fn advance(&mut self, line: &Line) -> io::Result<()> {
        self.read_at += (RECORD_HEAD_BYTES + line.json.len()) as u64;
        if self.read_at >= self.end {
            return self.clear();
        }
        if self.read_at - self.noted >= NOTE_EVERY { self.note() } else { Ok(()) }
    }

    /// Writes down how far it was read.
    pub(super) fn note(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.read_at.to_le_bytes(), MAGIC.len() as u64)?;
        self.noted = self.read_at;
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        (self.read_at, self.noted, self.end) = (HEAD_BYTES, HEAD_BYTES, HEAD_BYTES);
        self.file.set_len(0)?;
        self.file.write_all_at(MAGIC, 0)?;
        self.note()
    }

    /// The record at a place, and where the next one begins; `None` at the end and where a record is cut or damaged.
    fn record(&self, at: u64) -> io::Result<Option<((Line, u8), u64)>> {
        if at + RECORD_HEAD_BYTES as u64 > self.end {
            return Ok(None);
        }
        let mut head = [0; RECORD_HEAD_BYTES];
        self.file.read_exact_at(&mut head, at)?;
        let [a, b, c, d, sinks, kind, time @ ..] = head;
        let len = u32::from_le_bytes([a, b, c, d]) as usize;
        let next = at + (RECORD_HEAD_BYTES + len) as u64;
        let Some(kind) = kind_of(kind).filter(|_| len <= LINE_BYTES_MAX && next <= self.end) else { return Ok(None) };
        let mut json = vec![0; len];
        self.file.read_exact_at(&mut json, at + RECORD_HEAD_BYTES as u64)?;
        Ok(Some(((Line { time: Timestamp::from_nanos(u64::from_le_bytes(time)), kind, json }, sinks), next)))
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

/// Kinds as octets: 0 to 2, then violations by severity.
const fn kind_octet(kind: LineKind) -> u8 {
    match kind {
        LineKind::Flow => 0,
        LineKind::Finding => 1,
        LineKind::Notice => 2,
        LineKind::Violation(severity) => 3 + severity as u8,
    }
}

fn kind_of(octet: u8) -> Option<LineKind> {
    let violations = Severity::ALL.iter().map(|severity| LineKind::Violation(*severity));
    [LineKind::Flow, LineKind::Finding, LineKind::Notice]
        .into_iter()
        .chain(violations)
        .find(|kind| kind_octet(*kind) == octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64) -> Line {
        let kind = if number.is_multiple_of(2) { LineKind::Flow } else { LineKind::Violation(Severity::Critical) };
        Line { time: Timestamp::from_nanos(number), kind, json: format!("{{\"n\":{number}}}\n").into_bytes() }
    }

    fn options(max_bytes: u64) -> (tempfile::TempDir, SpillOptions) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spill");
        (dir, SpillOptions { path, max_bytes })
    }

    fn drain(spill: &mut Spill) -> Vec<u64> {
        let mut numbers = Vec::new();
        while let Some((line, sinks)) = spill.oldest() {
            assert_eq!(sinks, 5);
            assert_eq!(line.kind == LineKind::Flow, line.time.nanos().is_multiple_of(2));
            numbers.push(line.time.nanos());
            spill.advance(&line).unwrap();
        }
        numbers
    }

    #[test]
    fn lines_come_back_in_order_also_after_a_restart() {
        let (_dir, options) = options(1 << 20);
        let mut spill = Spill::open(&options).unwrap();
        (0..100).for_each(|number| spill.keep(&line(number), 5).unwrap());
        for number in 0..40 {
            let (oldest, _) = spill.oldest().unwrap();
            assert_eq!(oldest.time.nanos(), number);
            spill.advance(&oldest).unwrap();
        }
        spill.note().unwrap();
        drop(spill);
        // A process that was killed while it wrote.
        let len = std::fs::metadata(&options.path).unwrap().len();
        File::options().write(true).open(&options.path).unwrap().set_len(len - 3).unwrap();
        let mut spill = Spill::open(&options).unwrap();
        spill.keep(&line(100), 5).unwrap();
        let wanted: Vec<u64> = (40..99).chain([100]).collect();
        assert_eq!(drain(&mut spill), wanted);
        assert_eq!((spill.waiting_bytes(), std::fs::metadata(&options.path).unwrap().len()), (0, HEAD_BYTES));
    }

    #[test]
    fn it_stays_within_its_bounds() {
        let (_dir, options) = options(300);
        let mut spill = Spill::open(&options).unwrap();
        let kept = (0..100).filter(|number| spill.keep(&line(*number), 5).is_ok()).count();
        assert!((5..20).contains(&kept), "{kept}");
        assert!(std::fs::metadata(&options.path).unwrap().len() <= 300);
        assert_eq!(drain(&mut spill).len(), kept);
        assert!(spill.keep(&line(1), 5).is_ok());
    }

    #[test]
    fn something_else_is_not_overwritten_and_damage_ends_the_reading() {
        let (_dir, options) = options(1 << 20);
        std::fs::write(&options.path, "somebody's file, longer than the head of a spill").unwrap();
        assert!(Spill::open(&options).is_err());
        let mut octets = MAGIC.to_vec();
        octets.extend(u64::MAX.to_le_bytes());
        octets.extend([255; 40]);
        std::fs::write(&options.path, octets).unwrap();
        let mut spill = Spill::open(&options).unwrap();
        assert!(spill.oldest().is_none() && spill.waiting_bytes() == 0);
    }
}
