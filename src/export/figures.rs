//! Figures as people read them: grouped digits, octets with a unit, shares.

/// Digits in groups of three: `1,234,567`.
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Octets with a decimal unit: `999 B`, `1.2 kB`, `34 MB`.
pub(super) fn octets(value: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if value < 1000 {
        return format!("{value} B");
    }
    let mut scaled = value as f64 / 1000.0;
    let mut unit = 0;
    while scaled >= 999.95 && unit + 1 < UNITS.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(scaled < 99.95);
    format!("{scaled:.digits$} {}", UNITS.get(unit).copied().unwrap_or("EB"))
}

/// A share in percent that is 0 or 100 only when it is exactly that.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "-".to_owned();
    }
    if part == whole {
        return "100%".to_owned();
    }
    match (part as f64 * 100.0 / whole as f64).round() as u64 {
        0 => "<1%".to_owned(),
        100 => ">99%".to_owned(),
        share => format!("{share}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(100), "100");
        assert_eq!(
            (octets(999), octets(1200), octets(34_000_000), octets(999_960)),
            ("999 B".into(), "1.2 kB".into(), "34.0 MB".into(), "1.0 MB".into())
        );
        assert_eq!(
            (percent(0, 5), percent(1, 1000), percent(999, 1000), percent(5, 5)),
            ("-".into(), "<1%".into(), ">99%".into(), "100%".into())
        );
    }
}
