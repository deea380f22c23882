//! How many octets of documents a lane may still scan: a budget by packet time, so that what is found does not depend on the machine.

use crate::model::{Limits, ScanOverload, Timestamp};

/// Seconds' worth that a pause may leave over.
const HELD_SECONDS: u64 = 10;
/// Octets of a document's beginning that [`ScanOverload::Head`] reads.
pub(super) const HEAD_BYTES: u64 = 4096;

/// Fills up by `scan_bytes_per_second_max`, holds at most ten seconds' worth.
pub(super) struct ScanBudget {
    left: u64,
    filled: Timestamp,
    per_second_max: u64,
    overload: ScanOverload,
    /// Pieces of documents that were not read.
    pub(super) refused: u64,
}

impl ScanBudget {
    pub(super) fn new(limits: &Limits) -> Self {
        let per_second_max = limits.scan_bytes_per_second_max as u64;
        Self {
            left: per_second_max.saturating_mul(HELD_SECONDS),
            filled: Timestamp::default(),
            per_second_max,
            overload: limits.overload.scan,
            refused: 0,
        }
    }

    /// Whether a piece of a document may be read, of which `read` octets were before.
    pub(super) fn grants(&mut self, octets: u64, read: u64, now: Timestamp) -> bool {
        let passed = u128::from(now.nanos().saturating_sub(self.filled.nanos()));
        let earned = passed * u128::from(self.per_second_max) / 1_000_000_000;
        // Time that has not yet earned an octet is kept.
        if earned > 0 {
            self.filled = now;
            let held_max = self.per_second_max.saturating_mul(HELD_SECONDS);
            self.left = u64::try_from(earned).unwrap_or(u64::MAX).saturating_add(self.left).min(held_max);
        }
        let head = self.overload == ScanOverload::Head && read < HEAD_BYTES;
        let granted = octets <= self.left || head;
        if granted {
            self.left = self.left.saturating_sub(octets);
        } else {
            self.refused += 1;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Overload;

    #[test]
    fn the_budget_follows_packet_time_and_the_choice() {
        let at = |millis: u64| Timestamp::from_parts(1000 + millis / 1000, millis % 1000 * 1_000_000);
        for (scan, head) in [(ScanOverload::Miss, false), (ScanOverload::Head, true)] {
            let overload = Overload { scan, ..Overload::default() };
            let limits = Limits { scan_bytes_per_second_max: 1000, overload, ..Limits::default() };
            let mut budget = ScanBudget::new(&limits);
            assert!(budget.grants(10_000, 0, at(0)));
            assert_eq!(budget.grants(1, 0, at(0)), head);
            assert!(!budget.grants(1, HEAD_BYTES, at(0)));
            assert!(budget.grants(500, HEAD_BYTES, at(500)) && !budget.grants(1, HEAD_BYTES, at(500)));
            // A long pause fills it, no further.
            assert!(
                !budget.grants(10_001, HEAD_BYTES, at(4_000_000)) && budget.grants(10_000, HEAD_BYTES, at(4_000_000))
            );
            assert_eq!(budget.refused, if head { 3 } else { 4 });
        }
    }
}
