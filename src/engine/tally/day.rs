//! Days of packet time, and the first day of a window.

use crate::model::{CountWindow, Timestamp};

const NANOS_PER_DAY: u64 = 86_400 * 1_000_000_000;

/// Days since 1970-01-01, UTC; the last one that fits (in 2149) stands for all later ones.
pub(in crate::engine) fn of(time: Timestamp) -> u16 {
    u16::try_from(time.nanos() / NANOS_PER_DAY).unwrap_or(u16::MAX)
}

/// The first day that still counts on `today`. Twelve months reach back to the same day of the year before, that day included:
/// the stricter reading. The year before 29 February has none; 1 March stands for it.
pub(super) fn first_of(window: CountWindow, today: u16) -> u16 {
    let (year, month, day) = civil(today);
    match window {
        CountWindow::CalendarYear => from_civil(year, 1, 1),
        CountWindow::Trailing12Months if (month, day) == (2, 29) => from_civil(year - 1, 3, 1),
        CountWindow::Trailing12Months => from_civil(year - 1, month, day),
    }
}

/// Months since the beginning of 1970.
pub(super) fn month_of(day: u16) -> u16 {
    let (year, month, _) = civil(day);
    (year.saturating_sub(1970) * 12 + month - 1) as u16
}

/// The last day of a month since the beginning of 1970.
pub(super) fn last_of(month: u16) -> u16 {
    let (year, month) = (1970 + u32::from(month) / 12, u32::from(month) % 12 + 1);
    let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    from_civil(year, month, 1).saturating_sub(1)
}

/// Year, month and day of the proleptic Gregorian calendar: Howard Hinnant, "chrono-compatible low-level date algorithms",
/// `civil_from_days`, for days from 1970 on.
fn civil(day: u16) -> (u32, u32, u32) {
    let shifted = u32::from(day) + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u32::from(month <= 2), month, day)
}

/// The same backwards, `days_from_civil`; days before 1970 are its first.
fn from_civil(year: u32, month: u32, day: u32) -> u16 {
    let year = year - u32::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).saturating_sub(719_468).try_into().unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> u16 {
        crate::model::operator_file::day_from_text(text).unwrap() as u16
    }

    #[test]
    fn windows_begin_where_the_calendar_says() {
        for (today, year, trailing) in [
            ("2026-03-02", "2026-01-01", "2025-03-02"),
            ("2026-01-01", "2026-01-01", "2025-01-01"),
            ("2025-12-31", "2025-01-01", "2024-12-31"),
            ("2028-02-29", "2028-01-01", "2027-03-01"),
            ("2029-02-28", "2029-01-01", "2028-02-28"),
            ("2100-03-01", "2100-01-01", "2099-03-01"),
            ("1970-06-01", "1970-01-01", "1970-01-01"),
        ] {
            assert_eq!(first_of(CountWindow::CalendarYear, at(today)), at(year), "{today}");
            assert_eq!(first_of(CountWindow::Trailing12Months, at(today)), at(trailing), "{today}");
        }
        assert_eq!(month_of(at("1970-01-31")), 0);
        assert_eq!(month_of(at("2026-03-02")), 56 * 12 + 2);
        for (day, last) in [("1970-01-01", "1970-01-31"), ("2028-02-05", "2028-02-29"), ("2026-12-31", "2026-12-31")] {
            assert_eq!(last_of(month_of(at(day))), at(last), "{day}");
        }
    }

    #[test]
    fn every_day_there_and_back() {
        for day in 0..u16::MAX {
            let (year, month, of_month) = civil(day);
            assert_eq!(from_civil(year, month, of_month), day);
        }
    }
}
