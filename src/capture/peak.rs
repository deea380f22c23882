//! The highest of a value that comes and goes faster than anybody looks.

use std::time::{Duration, Instant};

/// The highest of a value within the last half to whole minute: whoever looks four times a minute misses no burst.
#[derive(Default)]
pub(super) struct Peak {
    /// When the half that goes on began, and the highest in it.
    began: Option<Instant>,
    highest: u32,
    /// The highest in the half before.
    before: u32,
}

/// Half a minute.
const PEAK_HALF: Duration = Duration::from_secs(30);

impl Peak {
    /// Takes the value of a moment, and gives the peak.
    pub(super) fn note(&mut self, value: u32, now: Instant) -> u32 {
        let age = self.began.map_or(PEAK_HALF * 2, |began| now.saturating_duration_since(began));
        if age >= PEAK_HALF {
            self.before = if age >= PEAK_HALF * 2 { 0 } else { self.highest };
            (self.began, self.highest) = (Some(now), 0);
        }
        self.highest = self.highest.max(value);
        self.highest.max(self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_seen_for_half_a_minute_at_least_and_a_whole_at_most() {
        let (mut peak, begun) = (Peak::default(), Instant::now());
        for (second, value, wanted) in
            [(0, 5, 5), (1, 900, 900), (2, 7, 900), (29, 0, 900), (31, 3, 900), (59, 0, 900), (61, 2, 3), (200, 1, 1)]
        {
            assert_eq!(peak.note(value, begun + Duration::from_secs(second)), wanted, "{second}");
        }
    }
}
