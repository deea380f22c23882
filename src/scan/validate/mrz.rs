//! Machine readable zones of travel documents: ICAO Doc 9303 parts 3 (check digits), 4 (TD3), 5 (TD1), 6 (TD2), 7
//! (visas, which have no composite check digit).

use super::dates::is_short_date;
use super::{Check, Validator, Value};

pub(super) const VALIDATORS: &[(&str, Validator)] = &[("mrz-td3", td3), ("mrz-td2", td2), ("mrz-td1", td1)];

/// The check digit of some cells: weights 7, 3, 1, `A` = 10, `<` = 0, modulo 10; `None` if a cell is none.
pub(super) fn check_digit(cells: &[u8]) -> Option<u8> {
    let mut sum = 0;
    for (&cell, weight) in cells.iter().zip([7, 3, 1].into_iter().cycle()) {
        sum += weight
            * match cell {
                b'0'..=b'9' => u32::from(cell - b'0'),
                b'A'..=b'Z' => u32::from(cell - b'A') + 10,
                b'<' => 0,
                _ => return None,
            };
    }
    Some(b'0' + (sum % 10) as u8)
}

/// The lines of a zone, separators dropped.
fn cells(value: Value<'_>) -> Vec<u8> {
    value.octets().iter().copied().filter(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'<')).collect()
}

/// Whether `cells[from..to]` are followed by their check digit (`<` stands for 0 where all cells are empty).
fn checks(cells: &[u8], from: usize, to: usize) -> bool {
    let (Some(part), Some(&given)) = (cells.get(from..to), cells.get(to)) else {
        return false;
    };
    let empty = given == b'<' && part.iter().all(|&b| b == b'<');
    empty || check_digit(part) == Some(given)
}

/// Number, birth and expiry of a line that begins at `at`, in the layout that TD2, TD3 and visas share.
fn line(cells: &[u8], at: usize) -> bool {
    checks(cells, at, at + 9)
        && checks(cells, at + 13, at + 19)
        && checks(cells, at + 21, at + 27)
        && birth(cells, at + 13)
}

/// A birth date that the calendar has; unknown parts are `<`.
fn birth(cells: &[u8], at: usize) -> bool {
    let digit = |i: usize| cells.get(at + i).filter(|b| b.is_ascii_digit()).map(|b| u32::from(b - b'0'));
    let pair = |i: usize| Some(digit(i)? * 10 + digit(i + 1)?);
    match (pair(0), pair(2), pair(4)) {
        (Some(year), Some(month), Some(day)) => is_short_date(year, month, day),
        _ => true,
    }
}

/// Issuing state Utopia: the specimen of Doc 9303.
fn is_specimen(cells: &[u8]) -> bool {
    cells.get(2..5) == Some(b"UTO")
}

fn td3(value: Value<'_>) -> Check {
    let cells = cells(value);
    if !line(&cells, 44) {
        return Check::Refuse;
    }
    let visa = cells.first() == Some(&b'V');
    let composite: Vec<u8> =
        [44..54, 57..64, 65..87].into_iter().filter_map(|r| cells.get(r)).flatten().copied().collect();
    let whole = checks(&cells, 72, 86) && check_digit(&composite) == cells.get(87).copied();
    Check::when(whole || visa).test_when(is_specimen(&cells))
}

fn td2(value: Value<'_>) -> Check {
    let cells = cells(value);
    if !line(&cells, 36) {
        return Check::Refuse;
    }
    let visa = cells.first() == Some(&b'V');
    let composite: Vec<u8> =
        [36..46, 49..56, 57..71].into_iter().filter_map(|r| cells.get(r)).flatten().copied().collect();
    Check::when(visa || check_digit(&composite) == cells.get(71).copied()).test_when(is_specimen(&cells))
}

fn td1(value: Value<'_>) -> Check {
    let cells = cells(value);
    let composite: Vec<u8> =
        [5..30, 30..37, 38..45, 48..59].into_iter().filter_map(|r| cells.get(r)).flatten().copied().collect();
    // A number too long for its field has `<` for a check digit and goes on in the optional data.
    let number = cells.get(14) == Some(&b'<') || checks(&cells, 5, 14);
    let good = number && checks(&cells, 30, 36) && checks(&cells, 38, 44) && birth(&cells, 30);
    Check::when(good && check_digit(&composite) == cells.get(59).copied()).test_when(is_specimen(&cells))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The specimens of ICAO Doc 9303 parts 4, 5 and 6, and one wrong digit in each.
    #[test]
    fn specimens() {
        let cases: [(Validator, &str, usize); 3] = [
            (td3, "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10", 47),
            (td2, "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6", 40),
            (td1, "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<", 33),
        ];
        for (validator, text, at) in cases {
            let whole = text.as_bytes();
            assert_eq!(validator(Value::new(whole, 0, whole.len())), Check::PASS.test_when(true), "{text}");
            let mut wrong = whole.to_vec();
            wrong[at] = if wrong[at] == b'1' { b'2' } else { b'1' };
            assert_eq!(validator(Value::new(&wrong, 0, wrong.len())), Check::Refuse, "{text}");
            assert_eq!(validator(Value::new(whole, 0, 50)), Check::Refuse);
        }
    }
}
