//! Puts a handshake message together from parts that come in any order: QUIC CRYPTO frames, DTLS fragments.
//!
//! Octets are kept once, at their offset; the first that arrive for a place win. At most [`LEN_MAX`] octets and
//! [`PARTS_MAX`] separate parts are held: what lies beyond is dropped, and the message stays incomplete.

/// Octets of a message.
const LEN_MAX: usize = 64 << 10;
/// Separate parts.
const PARTS_MAX: usize = 64;

/// Parts of one message.
#[derive(Default)]
pub(crate) struct Assembler {
    octets: Vec<u8>,
    /// Sorted ranges that are there; they neither touch nor overlap.
    parts: Vec<(usize, usize)>,
}

impl Assembler {
    /// Adds a part.
    pub(crate) fn insert(&mut self, offset: u64, part: &[u8]) {
        let Ok(start) = usize::try_from(offset) else { return };
        let Some(end) = start.checked_add(part.len()).filter(|end| *end <= LEN_MAX) else { return };
        if part.is_empty() || self.parts.len() >= PARTS_MAX {
            return;
        }
        if self.octets.len() < end {
            self.octets.resize(end, 0);
        }
        // Fill the places that are still empty.
        let mut at = start;
        for (from, to) in self.parts.iter().copied().chain([(usize::MAX, usize::MAX)]) {
            if at < from.min(end) {
                let stop = from.min(end);
                let source = part.get(at - start..stop - start).unwrap_or_default();
                if let Some(place) = self.octets.get_mut(at..stop) {
                    place.copy_from_slice(source);
                }
            }
            at = at.max(to.min(end));
        }
        self.parts.push((start, end));
        self.parts.sort_unstable();
        let mut merged: Vec<(usize, usize)> = Vec::with_capacity(self.parts.len());
        for (from, to) in self.parts.drain(..) {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        self.parts = merged;
    }

    /// The octets from the start up to the first hole.
    pub(crate) fn contiguous(&self) -> &[u8] {
        match self.parts.first() {
            Some((0, end)) => self.octets.get(..*end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Octets allocated.
    pub(crate) const fn held_bytes(&self) -> usize {
        self.octets.capacity() + self.parts.capacity() * size_of::<(usize, usize)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_in_any_order_and_overlapping_give_the_message() {
        let message: Vec<u8> = (0..=255).collect();
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
            let mut assembler = Assembler::default();
            for part in order {
                let start = part * 60;
                assembler.insert(start as u64, &message[start..(start + 80).min(256)]);
            }
            assert_eq!(assembler.contiguous(), message);
        }
    }

    #[test]
    fn the_first_octets_win_and_limits_hold() {
        let mut assembler = Assembler::default();
        assembler.insert(2, b"cd");
        assembler.insert(0, b"abXYef");
        assembler.insert(u64::MAX, b"z");
        assembler.insert(LEN_MAX as u64, b"z");
        assert_eq!(assembler.contiguous(), b"abcdef");
        for at in 0..200 {
            assembler.insert(10 + at * 2, b"z");
        }
        assert!(assembler.parts.len() <= PARTS_MAX);
    }
}
