//! The counts as octets, for a file that outlives the program. Little-endian:
//!
//! ```text
//! magic (20)  key check (16)  number of groups (4)
//!   rule (2 + n)  group (2 + n)  number of sets (2)
//!     signature (2 + n)  kind (1)
//!       0: number of tags (4), each: tag (8), day since 1970 (2), in order
//!       1: number of months (1), each: month since 1970 (2), registers (4096)
//! number of sums for suspicions (4)
//!   day since 1970 (2)  rule (2 + n)  group (2 + n)  octets unread (8), out (8), in (8)  told and new (1)
//! number of rules that know destinations (4)
//!   rule (2 + n)  first day (2)  number of destinations (4), each: digest (8), last day (2), in order
//! SHA-256 of all before (32)
//! ```
//!
//! Version 1 ends before the sums.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::seen::{EXACT_MAX, Estimate, Exact, REGISTERS, Seen};
use super::suspect::{KNOWN_MAX, Known, SUMS_MAX, Sum, Suspects};
use super::{Group, Tallies, day};
use hashbrown::HashMap;

const MAGIC: &[u8; 20] = b"borderpost counts 2\n";
const MAGIC_1: &[u8; 20] = b"borderpost counts 1\n";
const SUM_BYTES: usize = 32;
/// The longest window and a leap day: what is older counts for no rule.
const DAYS_KEPT: u16 = 367;

/// Why counts cannot be gone on with.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TallyError {
    /// The octets are no counts, or not whole.
    #[error("no counts of Borderpost, or damaged")]
    Damaged,
    /// Tags under another key are other tags.
    #[error("counted under another digest key")]
    OtherKey,
}

/// What is kept of one signature for one rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    /// `policy/rule`.
    pub rule: String,
    /// What is counted together.
    pub group: String,
    /// The signature whose values are counted.
    pub signature: String,
    /// Distinct values, those older than the rule's window included until it forgets them.
    pub count: u64,
    /// Whether that is exact; else it is an estimate.
    pub exact: bool,
    /// The last day one of them was seen; of an estimate the last day of that month. Days since 1970.
    pub last_day: u16,
}

/// Tells keys apart without telling the key.
fn key_check(key: &[u8; 32]) -> [u8; 16] {
    let mut check = [0; 16];
    let sum = Sha256::new().chain_update(b"borderpost counts").chain_update(key).finalize();
    check.iter_mut().zip(sum).for_each(|(into, from)| *into = from);
    check
}

impl Tallies {
    /// The counts as octets, to be read again under the same digest key.
    pub fn to_octets(&self, key: &[u8; 32]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(MAGIC);
        out.extend(key_check(key));
        out.extend((self.groups.len() as u32).to_le_bytes());
        let text = |out: &mut Vec<u8>, text: &str| {
            let octets = text.as_bytes().get(..usize::from(u16::MAX)).unwrap_or(text.as_bytes());
            out.extend((octets.len() as u16).to_le_bytes());
            out.extend(octets);
        };
        for ((rule, group), Group { sets }) in &self.groups {
            text(&mut out, rule);
            text(&mut out, group);
            out.extend((sets.len() as u16).to_le_bytes());
            for (signature, set) in sets {
                text(&mut out, signature);
                match &**set {
                    Seen::Exact(exact) => {
                        let latest = exact.days.values().map(|day| u16::from_be_bytes(*day)).max().unwrap_or(0);
                        let mut tags: Vec<_> = exact
                            .days
                            .iter()
                            .filter(|(_, day)| u16::from_be_bytes(**day) >= latest.saturating_sub(DAYS_KEPT))
                            .collect();
                        tags.sort_unstable();
                        out.push(0);
                        out.extend((tags.len() as u32).to_le_bytes());
                        for (tag, day) in tags {
                            out.extend(tag);
                            out.extend(day);
                        }
                    }
                    Seen::Estimate(estimate) => {
                        out.push(1);
                        out.push(estimate.months.len() as u8);
                        for (month, registers) in &estimate.months {
                            out.extend(month.to_le_bytes());
                            out.extend(registers);
                        }
                    }
                }
            }
        }
        out.extend((self.suspects.sums.len() as u32).to_le_bytes());
        for ((day, rule, group), sum) in &self.suspects.sums {
            out.extend(day.to_le_bytes());
            text(&mut out, rule);
            text(&mut out, group);
            [sum.unread, sum.bytes_out, sum.bytes_in].iter().for_each(|octets| out.extend(octets.to_le_bytes()));
            out.push(u8::from(sum.told) | u8::from(sum.new) << 1);
        }
        out.extend((self.suspects.known.len() as u32).to_le_bytes());
        for (rule, known) in &self.suspects.known {
            text(&mut out, rule);
            out.extend(known.since.to_le_bytes());
            let mut last: Vec<_> = known.last.iter().collect();
            last.sort_unstable();
            out.extend((last.len() as u32).to_le_bytes());
            for (digest, day) in last {
                out.extend(digest.to_le_bytes());
                out.extend(day.to_le_bytes());
            }
        }
        let sum = Sha256::digest(&out);
        out.extend(sum);
        out
    }

    /// Reads what [`Tallies::to_octets`] wrote.
    ///
    /// # Errors
    /// When the octets are something else, damaged, or were written under another key.
    pub fn from_octets(octets: &[u8], key: &[u8; 32]) -> Result<Self, TallyError> {
        Self::read(octets, Some(key))
    }

    /// What such octets hold, in order. Tags are not told, so that no key is needed.
    ///
    /// # Errors
    /// When the octets are something else, or damaged.
    pub fn look(octets: &[u8]) -> Result<Vec<Kept>, TallyError> {
        let mut rows = Vec::new();
        for ((rule, group), Group { sets }) in Self::read(octets, None)?.groups {
            for (signature, set) in sets {
                let (count, exact, last_day) = match Arc::unwrap_or_clone(set) {
                    Seen::Exact(exact) => {
                        let last = exact.days.values().map(|day| u16::from_be_bytes(*day)).max();
                        (exact.days.len() as u64, true, last.unwrap_or(0))
                    }
                    Seen::Estimate(mut estimate) => {
                        (estimate.count(0), false, estimate.months.last().map_or(0, |(month, _)| day::last_of(*month)))
                    }
                };
                rows.push(Kept { rule: rule.clone(), group: group.clone(), signature, count, exact, last_day });
            }
        }
        Ok(rows)
    }

    fn read(octets: &[u8], key: Option<&[u8; 32]>) -> Result<Self, TallyError> {
        let (content, sum) =
            octets.split_at_checked(octets.len().wrapping_sub(SUM_BYTES)).ok_or(TallyError::Damaged)?;
        if *Sha256::digest(content) != *sum {
            return Err(TallyError::Damaged);
        }
        let mut reader = Reader(content);
        let magic = reader.take(MAGIC.len())?;
        if magic != MAGIC && magic != MAGIC_1 {
            return Err(TallyError::Damaged);
        }
        let check = reader.take(16)?;
        if key.is_some_and(|key| check != key_check(key)) {
            return Err(TallyError::OtherKey);
        }
        let mut tallies = Self::default();
        for _ in 0..reader.u32()? {
            let key = (reader.text()?, reader.text()?);
            let mut group = Group::default();
            for _ in 0..reader.u16()? {
                let signature = reader.text()?;
                let set = match reader.take(1)? {
                    [0] => Seen::Exact(reader.exact()?),
                    [1] => Seen::Estimate(Box::new(reader.estimate()?)),
                    _ => return Err(TallyError::Damaged),
                };
                match &set {
                    Seen::Exact(exact) => tallies.room.tags += exact.days.len(),
                    Seen::Estimate(_) => tallies.room.estimates += 1,
                }
                group.sets.insert(signature, Arc::new(set));
            }
            tallies.groups.insert(key, group);
        }
        if magic == MAGIC {
            tallies.suspects = reader.suspects()?;
        }
        if reader.0.is_empty() { Ok(tallies) } else { Err(TallyError::Damaged) }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], TallyError> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(TallyError::Damaged)?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TallyError> {
        self.take(N)?.try_into().map_err(|_| TallyError::Damaged)
    }

    fn u16(&mut self) -> Result<u16, TallyError> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, TallyError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, TallyError> {
        self.array().map(u64::from_le_bytes)
    }

    fn suspects(&mut self) -> Result<Suspects, TallyError> {
        let mut suspects = Suspects::default();
        for _ in 0..self.u32()? {
            let key = (self.u16()?, self.text()?, self.text()?);
            let (unread, bytes_out, bytes_in) = (self.u64()?, self.u64()?, self.u64()?);
            let [flags] = self.array()?;
            suspects.sums.insert(key, Sum { unread, bytes_out, bytes_in, told: flags & 1 != 0, new: flags & 2 != 0 });
        }
        for _ in 0..self.u32()? {
            let rule = self.text()?;
            let mut known = Known { since: self.u16()?, ..Known::default() };
            for _ in 0..self.u32()? {
                known.last.insert(self.u64()?, self.u16()?);
            }
            suspects.known.insert(rule, known);
        }
        let remembered: usize = suspects.known.values().map(|known| known.last.len()).sum();
        if suspects.sums.len() > SUMS_MAX || remembered > KNOWN_MAX {
            return Err(TallyError::Damaged);
        }
        Ok(suspects)
    }

    fn text(&mut self) -> Result<String, TallyError> {
        let len = self.u16()?;
        let octets = self.take(len.into())?;
        String::from_utf8(octets.to_vec()).map_err(|_| TallyError::Damaged)
    }

    fn exact(&mut self) -> Result<Exact, TallyError> {
        let len = self.u32()? as usize;
        if len > EXACT_MAX || self.0.len() / 10 < len {
            return Err(TallyError::Damaged);
        }
        let mut days = HashMap::with_capacity(len);
        for _ in 0..len {
            days.insert(self.array()?, self.array()?);
        }
        Ok(Exact::of(days))
    }

    fn estimate(&mut self) -> Result<Estimate, TallyError> {
        let [len] = self.array()?;
        let mut months = Vec::new();
        for _ in 0..len {
            months.push((self.u16()?, self.take(REGISTERS)?.to_vec()));
        }
        if months.is_sorted_by(|a, b| a.0 < b.0) { Ok(Estimate::of(months)) } else { Err(TallyError::Damaged) }
    }
}
