//! Calendar dates: which day a number or text names, and whether it can be a birth date.
//!
//! "Now" is not known here (time enters with the frame): births are accepted from 1900 to 2030.

use super::{Check, Validator, Value};

pub(super) const VALIDATORS: &[(&str, Validator)] = &[("dob-iso", iso), ("dob-us", us)];

/// Whether the Gregorian calendar has the day.
pub(super) fn is_date(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return false,
    };
    (1..=last).contains(&day)
}

/// Whether somebody alive can have been born then.
pub(super) fn is_birth_date(year: u32, month: u32, day: u32) -> bool {
    (1900..=2030).contains(&year) && is_date(year, month, day)
}

/// Whether a two-digit year makes a date in the 19th, 20th or 21st century.
pub(super) fn is_short_date(year: u32, month: u32, day: u32) -> bool {
    is_date(1900 + year, month, day) || is_date(2000 + year, month, day)
}

/// `YYYY-MM-DD`; also `YYYYMMDD`.
fn iso(value: Value<'_>) -> Check {
    let d = value.digits();
    // A date that goes on as a time of day ("1990-01-31T10:00:00") is a timestamp, not a birth date, unless it is
    // midnight.
    let after = value.after();
    let timed = matches!(after, [b'T' | b' ', b'0'..=b'2', b'0'..=b'9', b':', ..]) && !after[1..].starts_with(b"00:00");
    Check::when(d.len() == 8 && is_birth_date(d.small(0, 4), d.small(4, 6), d.small(6, 8)) && !timed)
}

/// `M/D/YYYY`.
fn us(value: Value<'_>) -> Check {
    let mut parts = value
        .octets()
        .split(|b| !b.is_ascii_digit())
        .map(|p| std::str::from_utf8(p).ok().and_then(|p| p.parse::<u32>().ok()).unwrap_or(0));
    let (month, day, year) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    Check::when(is_birth_date(year, month, day) && parts.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_years() {
        assert!(is_date(2000, 2, 29) && is_date(2024, 2, 29));
        assert!(!is_date(1900, 2, 29) && !is_date(2023, 2, 29) && !is_date(2023, 4, 31) && !is_date(2023, 13, 1));
        assert!(is_short_date(0, 2, 29) && !is_short_date(1, 2, 29));
    }
}
