//! Shapes of words: whether one may be in a set is known by a number of it, before it is looked up.

/// A bit for each shape that some word of a set has. The shape is the same for equal words, in whatever case, and seldom
/// for others: a number of their first eight octets and their length.
#[derive(Default)]
pub(super) struct Shapes(Box<[u64]>);

impl Shapes {
    const COUNT: usize = 1 << 16;

    /// Adds a word.
    pub(super) fn insert(&mut self, word: &[u8]) {
        if self.0.is_empty() {
            self.0 = vec![0; Self::COUNT / 64].into_boxed_slice();
        }
        let shape = Self::shape(Self::hash_of(word));
        if let Some(bits) = self.0.get_mut(shape / 64) {
            *bits |= 1 << (shape % 64);
        }
    }

    /// Whether a word with a [hash](Self::hash) may be in the set.
    #[inline]
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        let shape = Self::shape(hash);
        self.0.get(shape / 64).is_some_and(|bits| bits >> (shape % 64) & 1 == 1)
    }

    #[inline]
    fn shape(hash: u64) -> usize {
        (hash >> 48) as usize
    }

    /// The hash of a word.
    pub(super) fn hash_of(word: &[u8]) -> u64 {
        Self::hash(word, 0, word.len())
    }

    /// The hash of the word of some length at `start`: faster than asking for it alone.
    #[inline]
    pub(super) fn hash(text: &[u8], start: usize, length: usize) -> u64 {
        let octets = text.get(start..start + 8).and_then(<[u8]>::first_chunk::<8>).copied();
        let octets = octets.unwrap_or_else(|| {
            let mut octets = [0; 8];
            octets.iter_mut().zip(text.get(start..).unwrap_or_default()).for_each(|(to, from)| *to = *from);
            octets
        });
        // The bit that tells small ASCII letters from capital ones says nothing else about octets of words.
        let word = u64::from_le_bytes(octets) | 0x2020_2020_2020_2020;
        // What stands after a short word is shifted out.
        let word = word.checked_shl(64 - 8 * length.min(8) as u32).unwrap_or(0);
        let product = (word ^ length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        product ^ product >> 32
    }
}
