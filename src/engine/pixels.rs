//! How many pixels a lane may still look at: a budget by packet time, so that what is found does not depend on the machine.

use crate::model::{Limits, Timestamp};

/// Fills up by `image_pixels_per_second_max`, holds at most `image_pixels_max`.
pub(super) struct Pixels {
    left: u64,
    filled: Timestamp,
    per_second_max: u64,
    held_max: u64,
    /// Images that were not looked at, for whatever reason.
    pub(super) not_looked_at: u64,
}

/// What an image costs at least: the smallest take no less time to set up.
const COST_MIN: u64 = 50_000;

impl Pixels {
    pub(super) fn new(limits: &Limits) -> Self {
        let held_max = limits.image_pixels_max.max(COST_MIN);
        Self {
            left: held_max,
            filled: Timestamp::default(),
            per_second_max: limits.image_pixels_per_second_max,
            held_max,
            not_looked_at: 0,
        }
    }

    /// Takes an image's pixels out of the budget, if they are there.
    pub(super) fn take(&mut self, pixels: u64, now: Timestamp) -> bool {
        let passed = u128::from(now.nanos().saturating_sub(self.filled.nanos()));
        let earned = passed * u128::from(self.per_second_max) / 1_000_000_000;
        // Time that has not yet earned a pixel is kept.
        if earned > 0 {
            self.filled = now;
            self.left = u64::try_from(earned).unwrap_or(u64::MAX).saturating_add(self.left).min(self.held_max);
        }
        let cost = pixels.max(COST_MIN);
        let granted = cost <= self.left;
        if granted {
            self.left -= cost;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_follows_packet_time() {
        let limits = Limits { image_pixels_max: 1_000_000, image_pixels_per_second_max: 100_000, ..Limits::default() };
        let mut pixels = Pixels::new(&limits);
        let at = |millis: u64| Timestamp::from_parts(1000 + millis / 1000, millis % 1000 * 1_000_000);
        assert!(pixels.take(1_000_000, at(0)));
        assert!(!pixels.take(1, at(0)) && !pixels.take(1, at(499)));
        assert!(pixels.take(1, at(500)));
        assert!(!pixels.take(100_000, at(1499)) && pixels.take(100_000, at(1500)));
        // A long pause fills it, no further.
        assert!(!pixels.take(1_000_001, at(4_000_000)) && pixels.take(1_000_000, at(4_000_000)));
    }
}
