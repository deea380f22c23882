//! Driving licence numbers that hold their owner's name and birth: Florida, Illinois, Maryland, Michigan, Minnesota and
//! Wisconsin begin them with the Soundex code of the family name; Florida, Illinois and Wisconsin write the year and day of
//! birth into them. A name or birth date nearby that says the same turns a shape into a licence.
//!
//! Source: reference section 4 (to be confirmed state by state); Soundex: United States National Archives.

use super::dates::is_date;
use super::{Check, Validator, Value};

pub(super) const VALIDATORS: &[(&str, Validator)] = &[("us-dl-encoded", encoded)];

/// Octets on either side in which the name or the birth date is looked for.
const NEAR_OCTETS: usize = 300;

/// Words on forms that are nobody's name.
const NO_NAMES: [&str; 24] = [
    "address", "birth", "born", "card", "city", "class", "customer", "date", "dob", "driver", "drivers", "expires",
    "family", "first", "full", "issued", "last", "licence", "license", "name", "number", "state", "street", "user",
];

/// Score for a name, and for a birth date, that the number fits.
const NAME: i8 = 40;
const BIRTH: i8 = 50;

fn encoded(value: Value<'_>) -> Check {
    let number = value.alphanumeric();
    let (Some(code), digits) = (number.get(..4), value.digits()) else { return Check::Refuse };
    if digits.all_equal() {
        return Check::Refuse;
    }
    let before = value.before();
    let before = before.get(before.len().saturating_sub(NEAR_OCTETS)..).unwrap_or_default();
    let after = value.after();
    let after = after.get(..NEAR_OCTETS.min(after.len())).unwrap_or_default();
    let near = [before, after];
    let name = near.iter().any(|text| names(text).any(|name| soundex(name).as_slice() == code));
    let (year, day) = (digits.small(6, 8), digits.small(8, 11));
    // Illinois has one digit after these less than Florida, and counts days of the year in another way.
    let (month_days, women) = if digits.len() == 11 { (31, 600) } else { (40, 500) };
    let birth = near.iter().any(|text| {
        dates(text).any(|(y, m, d)| y % 100 == year && [0, women].contains(&day.wrapping_sub((m - 1) * month_days + d)))
    });
    match (name, birth) {
        (false, false) => Check::Refuse,
        (true, false) => Check::bonus(NAME),
        (false, true) => Check::bonus(BIRTH),
        (true, true) => Check::bonus(70),
    }
}

/// Words that may be names: capitalised, or in capitals.
fn names(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| !(b.is_ascii_alphabetic() || *b >= 0x80 || *b == b'\'')).filter(|word| {
        word.len() >= 2
            && word.first().is_some_and(u8::is_ascii_uppercase)
            && !NO_NAMES.iter().any(|no| word.eq_ignore_ascii_case(no.as_bytes()))
    })
}

/// The Soundex code of a name: its first letter and three digits for the consonants after it.
fn soundex(name: &[u8]) -> Vec<u8> {
    // A to Z; 0 for vowels, which part equal codes, and `-` for H and W, which do not.
    const CODES: &[u8; 26] = b"01230120022455012623010202";
    let mut code = Vec::with_capacity(4);
    let mut last = b'0';
    for letter in name.iter().filter(|b| b.is_ascii_alphabetic()).map(u8::to_ascii_uppercase) {
        let digit = CODES.get(usize::from(letter - b'A')).copied().unwrap_or(b'0');
        if code.is_empty() {
            code.push(letter);
        } else if matches!(letter, b'H' | b'W') {
            continue;
        } else if digit != b'0' && digit != last && code.len() < 4 {
            code.push(digit);
        }
        last = digit;
    }
    code.resize(4, b'0');
    code
}

/// The dates in a text: `1948-07-04`, `1948/7/4`, `19480704`, `07/04/1948`, `07041948`: year, month, day.
fn dates(text: &[u8]) -> impl Iterator<Item = (u32, u32, u32)> {
    let runs = text.split(|b| !(b.is_ascii_digit() || matches!(b, b'-' | b'/' | b'.')));
    runs.filter_map(|run| {
        let number = |part: &[u8]| {
            part.iter().fold(0_u32, |n, b| n.wrapping_mul(10).wrapping_add(u32::from(b.wrapping_sub(b'0'))))
        };
        let parts: Vec<&[u8]> = run.split(|b| !b.is_ascii_digit()).collect();
        let (year, month, day) = match parts.as_slice() {
            [y, m, d] if y.len() == 4 => (number(y), number(m), number(d)),
            [m, d, y] if y.len() == 4 => (number(y), number(m), number(d)),
            [all] if all.len() == 8 => {
                let (head, tail) = all.split_at(4);
                let pair = |part: &[u8]| {
                    let (a, b) = part.split_at(part.len().min(2));
                    (number(a), number(b))
                };
                let first = (number(head), pair(tail));
                let (year, (month, day)) =
                    if is_date(first.0, first.1.0, first.1.1) { first } else { (number(tail), pair(head)) };
                (year, month, day)
            }
            _ => return None,
        };
        ((1900..=2030).contains(&year) && is_date(year, month, day)).then_some((year, month, day))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The National Archives' own examples, and names with letters that are skipped.
    #[test]
    fn published_codes() {
        for (name, code) in [
            ("Washington", "W252"),
            ("Lee", "L000"),
            ("Gutierrez", "G362"),
            ("Pfister", "P236"),
            ("Jackson", "J250"),
            ("Tymczak", "T522"),
            ("VanDeusen", "V532"),
            ("Ashcraft", "A261"),
            ("Smith", "S530"),
            ("O'Brien", "O165"),
        ] {
            assert_eq!(String::from_utf8_lossy(&soundex(name.as_bytes())), code, "{name}");
        }
    }

    #[test]
    fn a_name_or_birth_date_nearby_makes_a_licence() {
        // Florida: S530 460 48 124 0 is somebody S530, born on day 124 (3 * 40 + 4: 4 April) of 1948; 624 is a woman.
        for (before, number, after, expected) in [
            ("Kim SMITH, ", "S530460481240", "", Check::bonus(NAME)),
            ("kim smith, ", "S530460481240", "", Check::Refuse),
            ("Kim Jones, ", "S530460481240", "", Check::Refuse),
            ("born 1948-04-04 ", "S530460481240", "", Check::bonus(BIRTH)),
            ("born 1948-04-05 ", "S530460481240", "", Check::Refuse),
            ("", "S530460486240", ", DOB 04/04/1948, Smith", Check::bonus(70)),
            ("", "S530-460-48-624-0", ", DOB 4/4/1948, Smith", Check::bonus(70)),
            // Illinois counts 31 days a month, and 600 for women.
            ("Smythe 04041948 ", "S53046048697", "", Check::bonus(70)),
            ("Smythe 19480404 ", "S530-4604-8097", "", Check::bonus(70)),
            ("Smythe 19480404 ", "S530-4604-8197", "", Check::bonus(NAME)),
        ] {
            let text = [before, number, after].concat();
            let (start, end) = (before.len(), before.len() + number.len());
            assert_eq!(encoded(Value::new(text.as_bytes(), start, end)), expected, "{text}");
        }
    }
}
