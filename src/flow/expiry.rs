//! Slots for flows, each in one of a few lists ordered by last use: what expires next and what is evicted next are list heads.
//!
//! Slots live in one vector and are named by `u32`, so that the index beside them costs 4 octets a flow; the lists are links
//! between slots. All operations are O(1).

/// What a flow is worth, and which timeout it has: one list each. The order is that of eviction, pairs being one rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// TCP, over in both directions.
    Closed,
    /// TCP, seen in one direction only, or at most [`TENTATIVE_PACKETS_MAX`] packets.
    TentativeTcp,
    /// The same of any other protocol.
    TentativeOther,
    /// TCP, seen in both directions.
    EstablishedTcp,
    /// Any other protocol, seen in both directions.
    EstablishedOther,
}

/// Packets up to which a flow is tentative even if it was answered: a SYN and its RST, a question and its answer.
pub(super) const TENTATIVE_PACKETS_MAX: u64 = 4;

impl Class {
    pub(super) const ALL: [Self; 5] =
        [Self::Closed, Self::TentativeTcp, Self::TentativeOther, Self::EstablishedTcp, Self::EstablishedOther];
}

/// No slot.
const NONE: u32 = u32::MAX;

struct Slot<T> {
    value: Option<T>,
    older: u32,
    /// The next younger in the list; of an empty slot, the next empty one.
    younger: u32,
    class: Class,
}

#[derive(Clone, Copy)]
struct List {
    oldest: u32,
    youngest: u32,
}

/// A slab whose entries are in lists by class and last use.
pub(super) struct Slots<T> {
    slots: Vec<Slot<T>>,
    empty: u32,
    len: usize,
    lists: [List; Class::ALL.len()],
}

impl<T> Slots<T> {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            empty: NONE,
            len: 0,
            lists: [List { oldest: NONE, youngest: NONE }; Class::ALL.len()],
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Octets of memory, without what the entries own.
    pub(super) const fn memory_bytes(&self) -> usize {
        self.slots.capacity() * Self::SLOT_BYTES
    }

    /// Octets of one slot.
    pub(super) const SLOT_BYTES: usize = size_of::<Slot<T>>();

    pub(super) fn get(&self, at: u32) -> Option<&T> {
        self.slots.get(at as usize)?.value.as_ref()
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.slots.get_mut(at as usize)?.value.as_mut()
    }

    /// Adds an entry as the youngest of its class. Room for 2^32 - 1 entries.
    pub(super) fn insert(&mut self, value: T, class: Class) -> u32 {
        let at = match self.slots.get_mut(self.empty as usize) {
            Some(slot) => {
                let at = self.empty;
                self.empty = slot.younger;
                slot.value = Some(value);
                at
            }
            None => {
                self.slots.push(Slot { value: Some(value), older: NONE, younger: NONE, class });
                (self.slots.len() - 1) as u32
            }
        };
        self.len += 1;
        self.link(at, class);
        at
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, at: u32) -> Option<T> {
        let value = self.slots.get_mut(at as usize)?.value.take()?;
        self.unlink(at);
        self.slots[at as usize].younger = self.empty;
        self.empty = at;
        self.len -= 1;
        Some(value)
    }

    /// Makes an entry the youngest of a class.
    pub(super) fn touch(&mut self, at: u32, class: Class) {
        let slot = &self.slots[at as usize];
        if slot.class == class && slot.younger == NONE {
            return;
        }
        self.unlink(at);
        self.link(at, class);
    }

    /// The entry of a class that was touched least recently.
    pub(super) fn oldest(&self, class: Class) -> Option<u32> {
        let at = self.lists[class as usize].oldest;
        (at != NONE).then_some(at)
    }

    /// All entries, in no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.slots.iter().enumerate().filter_map(|(at, slot)| slot.value.as_ref().map(|value| (at as u32, value)))
    }

    /// As [`Self::iter`], to change them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|slot| slot.value.as_mut())
    }

    fn link(&mut self, at: u32, class: Class) {
        let list = &mut self.lists[class as usize];
        let youngest = std::mem::replace(&mut list.youngest, at);
        if youngest == NONE {
            list.oldest = at;
        } else {
            self.slots[youngest as usize].younger = at;
        }
        let slot = &mut self.slots[at as usize];
        (slot.older, slot.younger, slot.class) = (youngest, NONE, class);
    }

    fn unlink(&mut self, at: u32) {
        let Slot { older, younger, class, .. } = self.slots[at as usize];
        let list = &mut self.lists[class as usize];
        if older == NONE {
            list.oldest = younger;
        } else {
            self.slots[older as usize].younger = younger;
        }
        if younger == NONE {
            self.lists[class as usize].youngest = older;
        } else {
            self.slots[younger as usize].older = older;
        }
    }
}
