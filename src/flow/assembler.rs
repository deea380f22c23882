//! What waits behind a hole: out-of-order payload of one half-stream, by stream offset, without overlaps.
//!
//! Invariants: ranges are not empty, do not overlap, and begin past the stream's position. A range is a whole segment or a
//! piece of one; its data may be shorter than the range where a snaplen cut it. `held_bytes` charges what a range costs, not
//! what it carries: a peer that sends one octet per segment pays for the node and the allocation as well (quinn's assembler
//! learnt that the hard way).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::Timestamp;

/// Octets a held range costs beyond its data: its share of a tree node at the lowest fill (5 of 11 entries of 32 octets, and a
/// node's header and edges: 82) and the allocator's header and rounding (24), rounded up.
pub(super) const RANGE_OVERHEAD: usize = 112;

/// Holes given up that are remembered, so that octets that come too late are not taken for retransmissions.
const GIVEN_UP_MAX: usize = 4;

const NANOS_PER_MS: u64 = 1_000_000;

/// A range that waits.
pub(super) struct Range {
    /// Captured octets, from the range's first on.
    pub(super) data: Box<[u8]>,
    /// Octets of the range; more than `data` where a snaplen cut it.
    pub(super) len: u32,
    /// When it arrived: milliseconds on the packet clock, modulo 2^32 (49 days).
    arrived_ms: u32,
}

impl Range {
    fn cost(&self) -> usize {
        cost(self.data.len())
    }
}

/// What holding `len` octets is charged.
pub(super) const fn cost(len: usize) -> usize {
    len + RANGE_OVERHEAD
}

fn milliseconds(time: Timestamp) -> u32 {
    (time.nanos() / NANOS_PER_MS) as u32
}

/// How a new piece compares with what waits.
#[derive(Default)]
pub(super) struct Overlap {
    /// Captured octets of the piece that wait already, and are the same (or cannot be compared: cut off in the first copy).
    pub(super) same: u64,
    /// Captured octets of the piece that wait already with another value.
    pub(super) different: u64,
}

/// Where a piece of the stream is.
pub(super) enum Place {
    /// Waits already, up to this offset.
    Held { until: u64 },
    /// Is new, up to this offset at most.
    Free { until: u64 },
}

/// Out-of-order payload of one half-stream. Exists only once a half-stream had a hole.
#[derive(Default)]
pub(super) struct Assembler {
    ranges: BTreeMap<u64, Range>,
    held_bytes: usize,
    payload_bytes: u64,
    /// When the position last advanced by octets that came in.
    pub(super) progress: Timestamp,
    given_up: [(u64, u64); GIVEN_UP_MAX],
    given_up_next: u8,
}

impl Assembler {
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// What the held ranges are charged, octets.
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Captured payload that waits, octets.
    pub(super) fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// Where the first hole ends.
    pub(super) fn first_offset(&self) -> Option<u64> {
        self.ranges.first_key_value().map(|(&offset, _)| offset)
    }

    /// Whether `offset` waits or is free, and how far that goes.
    pub(super) fn place(&self, offset: u64) -> Place {
        if let Some((&start, range)) = self.ranges.range(..=offset).next_back() {
            let until = start + u64::from(range.len);
            if until > offset {
                return Place::Held { until };
            }
        }
        Place::Free { until: self.ranges.range(offset..).next().map_or(u64::MAX, |(&start, _)| start) }
    }

    /// Compares captured octets with what waits in their place.
    pub(super) fn compare(&self, offset: u64, octets: &[u8]) -> Overlap {
        let mut overlap = Overlap::default();
        let end = offset + octets.len() as u64;
        let first = match self.ranges.range(..=offset).next_back() {
            Some((&start, range)) if start + u64::from(range.len) > offset => start,
            _ => offset,
        };
        for (&start, range) in self.ranges.range(first..end) {
            let from = start.max(offset);
            let until = (start + u64::from(range.len)).min(end);
            let new = &octets[(from - offset) as usize..(until - offset) as usize];
            let old = range.data.get((from - start) as usize..).unwrap_or_default();
            let different = new.iter().zip(old).filter(|(a, b)| a != b).count() as u64;
            overlap.different += different;
            overlap.same += new.len() as u64 - different;
        }
        overlap
    }

    /// Holds a range in a free place. `len` is its length, at least that of `octets`.
    pub(super) fn insert(&mut self, offset: u64, octets: &[u8], len: u32, now: Timestamp) {
        if self.ranges.is_empty() {
            self.progress = now;
        }
        let range = Range { data: octets.into(), len, arrived_ms: milliseconds(now) };
        self.held_bytes += range.cost();
        self.payload_bytes += range.data.len() as u64;
        let before = self.ranges.insert(offset, range);
        debug_assert!(before.is_none(), "ranges do not overlap");
    }

    /// Takes the first range if it begins at `offset`.
    pub(super) fn take_at(&mut self, offset: u64) -> Option<Range> {
        let entry = self.ranges.first_entry().filter(|entry| *entry.key() == offset)?;
        let range = entry.remove();
        self.held_bytes -= range.cost();
        self.payload_bytes -= range.data.len() as u64;
        Some(range)
    }

    /// Lets everything go; tells how many captured octets that were.
    pub(super) fn clear(&mut self) -> u64 {
        self.ranges.clear();
        self.held_bytes = 0;
        std::mem::take(&mut self.payload_bytes)
    }

    /// When the first hole has waited `timeout` without progress. Exact to the millisecond, whatever `now` is.
    pub(super) fn deadline(&self, now: Timestamp, timeout: Duration) -> Option<Timestamp> {
        let (_, range) = self.ranges.first_key_value()?;
        // Negative if the clock of the capture stepped back.
        let waited = milliseconds(now).wrapping_sub(range.arrived_ms).cast_signed();
        let arrived_ms = (now.nanos() / NANOS_PER_MS).saturating_add_signed(-i64::from(waited));
        let arrived = Timestamp::from_nanos(arrived_ms.saturating_mul(NANOS_PER_MS));
        Some(arrived.max(self.progress).after(timeout))
    }

    /// Remembers a hole that was given up.
    pub(super) fn remember(&mut self, from: u64, until: u64) {
        self.given_up[usize::from(self.given_up_next) % GIVEN_UP_MAX] = (from, until);
        self.given_up_next = self.given_up_next.wrapping_add(1) % GIVEN_UP_MAX as u8;
    }

    /// Octets of `from..until` that lie in holes that were given up.
    pub(super) fn late(&self, from: u64, until: u64) -> u64 {
        self.given_up.iter().map(|&(a, b)| b.min(until).saturating_sub(a.max(from))).sum()
    }
}
