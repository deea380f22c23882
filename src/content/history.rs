//! What was decoded last, for compressions whose copies reach back at most 64 KiB: LZ4, and Snappy as all writers make it.

use super::coded::{Outlet, Stop};

/// How far back a copy may reach, octets.
const REACH: usize = 64 << 10;
/// Copies are given out in pieces of at most this length: a single one may claim any length.
const PIECE: usize = 8 << 10;

/// The last decoded octets; never more than three times the reach are allocated.
#[derive(Default)]
pub(super) struct History {
    octets: Vec<u8>,
}

impl History {
    /// Forgets everything: what follows cannot refer to it.
    pub(super) fn clear(&mut self) {
        self.octets.clear();
    }

    /// Gives out octets that stand for themselves.
    pub(super) fn literal(&mut self, octets: &[u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        for piece in octets.chunks(PIECE) {
            self.octets.extend_from_slice(piece);
            self.trim();
        }
        out.give(octets)
    }

    /// Gives out `len` octets from `distance` octets ago; they may overlap with what they produce.
    pub(super) fn copy(&mut self, distance: usize, len: usize, out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        let mut left = len;
        while left > 0 {
            let from = self.octets.len();
            let source = from.checked_sub(distance).filter(|_| distance > 0).ok_or(Stop)?;
            let now = left.min(PIECE);
            let mut copied = 0;
            while copied < now {
                let step = distance.min(now - copied);
                self.octets.extend_from_within(source..source + step);
                copied += step;
            }
            left -= now;
            out.give(self.octets.get(from..).unwrap_or_default())?;
            self.trim();
        }
        Ok(())
    }

    pub(super) const fn held_bytes(&self) -> usize {
        self.octets.capacity()
    }

    fn trim(&mut self) {
        if self.octets.len() >= 2 * REACH {
            self.octets.drain(..self.octets.len() - REACH);
        }
    }
}
