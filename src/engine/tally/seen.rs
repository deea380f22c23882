//! Distinct tags within a window: a table while they are few enough, an estimate beyond.

use hashbrown::HashMap;

use super::day;

/// Tags of one set that are kept exactly.
pub(super) const EXACT_MAX: usize = 1_000_000;
/// Tags that are kept exactly in all sets together.
const TAGS_MAX: usize = 4_000_000;
/// Sets that may be estimates.
const ESTIMATES_MAX: usize = 64;

/// What all sets together hold.
#[derive(Default)]
pub(super) struct Room {
    pub(super) tags: usize,
    pub(super) estimates: usize,
}

/// What became of a tag.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stored {
    Kept,
    NoRoom,
}

/// Distinct tags and the last day of each.
#[derive(Clone)]
pub(super) enum Seen {
    Exact(Exact),
    Estimate(Box<Estimate>),
}

impl Default for Seen {
    fn default() -> Self {
        Self::Exact(Exact::default())
    }
}

/// Octets rather than integers: an entry takes ten instead of sixteen.
#[derive(Clone, Default)]
pub(super) struct Exact {
    pub(super) days: HashMap<[u8; 8], [u8; 2]>,
    /// Nothing older than this day is in the table.
    first_day: u16,
}

impl Exact {
    pub(super) fn of(days: HashMap<[u8; 8], [u8; 2]>) -> Self {
        Self { days, first_day: 0 }
    }

    /// Forgets what is too old. Each entry is looked at once a day of its life, at most.
    fn forget(&mut self, first_day: u16) -> usize {
        if first_day <= self.first_day {
            return 0;
        }
        self.first_day = first_day;
        let before = self.days.len();
        self.days.retain(|_, day| u16::from_be_bytes(*day) >= first_day);
        before - self.days.len()
    }
}

impl Seen {
    /// Distinct tags since `first_day`, where that is known without forgetting anything.
    pub(super) fn known(&self, first_day: u16) -> Option<u64> {
        match self {
            Self::Exact(exact) => (first_day <= exact.first_day).then_some(exact.days.len() as u64),
            Self::Estimate(estimate) => {
                let (month, count) = estimate.known?;
                (month == day::month_of(first_day)).then_some(count)
            }
        }
    }

    /// Distinct tags since `first_day`; what is older is forgotten.
    pub(super) fn count(&mut self, first_day: u16, room: &mut Room) -> u64 {
        match self {
            Self::Exact(exact) => {
                room.tags -= exact.forget(first_day).min(room.tags);
                exact.days.len() as u64
            }
            Self::Estimate(estimate) => estimate.count(day::month_of(first_day)),
        }
    }

    /// Notes that a tag was seen today.
    pub(super) fn add(&mut self, tag: u64, today: u16, first_day: u16, room: &mut Room) -> Stored {
        match self {
            Self::Exact(exact) => {
                room.tags -= exact.forget(first_day).min(room.tags);
                let known = exact.days.contains_key(&tag.to_be_bytes());
                if !known && exact.days.len() >= EXACT_MAX {
                    if room.estimates >= ESTIMATES_MAX {
                        return Stored::NoRoom;
                    }
                    let mut estimate = Box::new(Estimate::default());
                    for (tag, day) in exact.days.drain() {
                        estimate.add(u64::from_be_bytes(tag), day::month_of(u16::from_be_bytes(day)));
                    }
                    estimate.add(tag, day::month_of(today));
                    room.tags -= EXACT_MAX.min(room.tags);
                    room.estimates += 1;
                    *self = Self::Estimate(estimate);
                    return Stored::Kept;
                }
                if !known && room.tags >= TAGS_MAX {
                    return Stored::NoRoom;
                }
                room.tags += usize::from(!known);
                let last = exact.days.entry(tag.to_be_bytes()).or_default();
                // Big-endian days compare like numbers. Packets of different lanes may come out of order.
                *last = (*last).max(today.to_be_bytes());
            }
            Self::Estimate(estimate) => {
                estimate.forget(day::month_of(first_day));
                estimate.add(tag, day::month_of(today));
            }
        }
        Stored::Kept
    }
}

/// Bits of a tag that choose a register.
const INDEX_BITS: u32 = 12;
/// Registers of a month.
pub(super) const REGISTERS: usize = 1 << INDEX_BITS;

/// HyperLogLog (Flajolet, Fusy, Gandouet, Meunier, 2007) by month: a standard error of 1.04/sqrt(4096) = 1.6 %. A month counts
/// whole while any of its days does: too many rather than too few.
#[derive(Clone, Default)]
pub(super) struct Estimate {
    /// Month since 1970 and its registers, in order, at most fourteen.
    pub(super) months: Vec<(u16, Vec<u8>)>,
    /// First month and count of the last answer, while nothing changed.
    known: Option<(u16, u64)>,
}

impl Estimate {
    pub(super) fn of(months: Vec<(u16, Vec<u8>)>) -> Self {
        Self { months, known: None }
    }

    fn forget(&mut self, first_month: u16) {
        if self.months.first().is_some_and(|(month, _)| *month < first_month) {
            self.months.retain(|(month, _)| *month >= first_month);
            self.known = None;
        }
    }

    pub(super) fn add(&mut self, tag: u64, month: u16) {
        let at = match self.months.binary_search_by_key(&month, |(month, _)| *month) {
            Ok(at) => at,
            Err(at) => {
                self.months.insert(at, (month, vec![0; REGISTERS]));
                at
            }
        };
        let register = (tag >> (64 - INDEX_BITS)) as usize;
        let rank = ((tag << INDEX_BITS) | (1 << (INDEX_BITS - 1))).leading_zeros() as u8 + 1;
        let slot = self.months.get_mut(at).and_then(|(_, registers)| registers.get_mut(register));
        if let Some(slot) = slot
            && *slot < rank
        {
            *slot = rank;
            self.known = None;
        }
    }

    pub(super) fn count(&mut self, first_month: u16) -> u64 {
        if let Some((month, count)) = self.known
            && month == first_month
        {
            return count;
        }
        let mut merged = [0u8; REGISTERS];
        for (_, registers) in self.months.iter().filter(|(month, _)| *month >= first_month) {
            for (into, from) in merged.iter_mut().zip(registers) {
                *into = (*into).max(*from);
            }
        }
        let sum: f64 = merged.iter().map(|rank| 0.5f64.powi(i32::from(*rank))).sum();
        let size = REGISTERS as f64;
        let alpha = 0.7213 / (1.0 + 1.079 / size);
        let raw = alpha * size * size / sum;
        let zeros = merged.iter().filter(|rank| **rank == 0).count() as f64;
        // Linear counting, where registers are still empty: as months pass, an estimate becomes small again.
        let count = if raw <= 2.5 * size && zeros > 0.0 { size * (size / zeros).ln() } else { raw }.round() as u64;
        self.known = Some((first_month, count));
        count
    }
}
