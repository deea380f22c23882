//! Shapes of words: whether one may be in a set is known by a number of it, before it is looked up.

/// What the words of a set look like, in whatever case.
pub(super) struct Shapes {
    /// A bit for each shape that some word has. The shape is the same for equal words and seldom for others: a number of
    /// their first eight octets and their length.
    shapes: Box<[u64]>,
    /// A bit for each length that words have which begin with two letters, and for the greatest: cheaper to ask for, and
    /// refuses most.
    lengths: Box<[u64; 32 * 32]>,
}

/// Octets that [`Shapes::may_begin`] looks at.
pub(super) const WINDOW: usize = 65;

impl Default for Shapes {
    fn default() -> Self {
        Self { shapes: Box::default(), lengths: Box::new([1 << 63; 32 * 32]) }
    }
}

impl Shapes {
    const COUNT: usize = 1 << 16;

    /// Adds a word.
    pub(super) fn insert(&mut self, word: &[u8]) {
        if self.shapes.is_empty() {
            self.shapes = vec![0; Self::COUNT / 64].into_boxed_slice();
        }
        let shape = Self::shape(Self::hash_of(word));
        if let Some(bits) = self.shapes.get_mut(shape / 64) {
            *bits |= 1 << (shape % 64);
        }
        // After a word of one octet anything may stand.
        let seconds = word.get(1).map_or(0..=31, |second| second & 31..=second & 31);
        for second in seconds {
            if let Some(lengths) = self.lengths.get_mut(Self::beginning(word.first().copied().unwrap_or(0), second)) {
                *lengths |= Self::length(word.len());
            }
        }
    }

    /// Whether a word with a [hash](Self::hash) may be in the set.
    #[inline]
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        let shape = Self::shape(hash);
        self.shapes.get(shape / 64).is_some_and(|bits| bits >> (shape % 64) & 1 == 1)
    }

    /// Those words of a text that may be in the set, by where they begin; `ends` are the octets that no word goes on with.
    #[inline]
    pub(super) fn may_begin(&self, window: &[u8; WINDOW], mut begins: u64, ends: u64) -> u64 {
        let octet = |bit: u32| usize::from(window.get(bit as usize).copied().unwrap_or(0) & 31);
        let mut likely = 0;
        while begins != 0 {
            let bit = begins.trailing_zeros() & 63;
            begins &= begins - 1;
            // That of a word which goes on beyond the window is not known: it counts as the greatest.
            let length = (ends >> bit >> 1 | 1 << 62).trailing_zeros() + 1;
            let lengths = self.lengths.get(octet(bit) << 5 | octet(bit + 1)).copied().unwrap_or(0);
            likely |= (lengths >> (length & 63) & 1) << bit;
        }
        likely
    }

    #[inline]
    fn beginning(first: u8, second: u8) -> usize {
        usize::from(first & 31) << 5 | usize::from(second & 31)
    }

    #[inline]
    fn length(length: usize) -> u64 {
        1 << length.min(63)
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
