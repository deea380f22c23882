//! Lists of words, and sets of them: concepts such as "passport", and each signature's own labels.

/// Number of a word list within a catalogue: below [`CONCEPTS_MAX`] a concept's, else one signature's labels.
pub(super) type ListId = u16;

/// Lists of concepts that a catalogue may have; labels' lists are numbered from here.
pub(super) const CONCEPTS_MAX: ListId = 64;

/// Lists that a catalogue may have: concepts, and one for the labels of each signature that has some.
pub(super) const LISTS_MAX: ListId = 512;

/// A set of lists.
#[derive(Clone, Copy, Default)]
pub(super) struct Lists([u64; LISTS_MAX as usize / 64]);

impl Lists {
    /// Adds a list.
    pub(super) fn insert(&mut self, list: ListId) {
        if let Some(bits) = self.0.get_mut(usize::from(list / 64)) {
            *bits |= 1 << (list % 64);
        }
    }

    /// Adds others.
    #[inline]
    pub(super) fn extend(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(to, from)| *to |= from);
    }

    /// The same in fewer bits, some of which stand for several lists: what meets has bits in common.
    #[inline]
    pub(super) fn brief(&self) -> Brief {
        let [concepts, labels @ ..] = self.0;
        Brief(u128::from(concepts) | u128::from(labels.iter().fold(0, |all, bits| all | bits)) << 64)
    }

    /// Whether one is in both.
    #[inline]
    pub(super) fn meet(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |common, (a, b)| common | a & b) != 0
    }

    /// Whether another list is in it than those.
    pub(super) fn holds_beside(&self, others: &Self) -> bool {
        self.0.iter().zip(&others.0).any(|(own, others)| own & !others != 0)
    }

    /// Whether a list is in it.
    #[inline]
    pub(super) fn contains(&self, list: ListId) -> bool {
        self.0.get(usize::from(list / 64)).is_some_and(|bits| bits >> (list % 64) & 1 == 1)
    }
}

/// A set of lists in brief: the concepts, and the labels' lists by their number modulo 64.
#[derive(Clone, Copy, Default)]
pub(super) struct Brief(u128);

impl Brief {
    /// Adds others.
    #[inline]
    pub(super) fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether one may be in both.
    #[inline]
    pub(super) fn may_meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}
