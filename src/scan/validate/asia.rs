//! National numbers of Asia, the Pacific, the Middle East and Africa. Source: reference section 3.3 (algorithms after
//! python-stdnum and Presidio; China: GB 11643; Singapore after public descriptions).

use super::checksum::{luhn, mod_11_2, verhoeff};
use super::dates::{is_birth_date, is_short_date};
use super::{Check, Validator, Value};

pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("cn-resident-id", resident_id),
    ("cn-resident-id-15", |v| {
        let d = v.digits();
        Check::when(is_province(d.small(0, 2)) && is_birth_date(1900 + d.small(6, 8), d.small(8, 10), d.small(10, 12)))
    }),
    ("cn-mobile", |v| {
        let d = v.digits();
        let prefixed = matches!(v.octets().first(), Some(b'+'));
        // A string whose length stands before it, as in Protocol Buffers, is a whole value.
        let counted = d.len() == 11 && value_is_counted(v, 11);
        // Ranges of machines, and those that are nobody's: such a number is rather one of the North American plan, with a 1
        // before it.
        let range = d.small(d.len().saturating_sub(11), d.len().saturating_sub(8));
        let person = !matches!(range, 140..=144 | 146 | 148 | 154 | 160 | 161 | 163 | 164 | 168 | 169);
        Check::when(!d.all_equal())
            .test_when(d.as_slice().ends_with(&[0; 8]))
            .raise(prefixed || counted, 20)
            .raise(!person, -25)
    }),
    ("hk-id", hong_kong),
    ("tw-id", taiwan),
    ("in-aadhaar", |v| {
        let d = v.digits();
        let palindrome = d.as_slice().iter().eq(d.as_slice().iter().rev());
        Check::when(verhoeff(d.as_slice()) && !palindrome)
    }),
    ("in-pan", |v| {
        let person = v.octets().get(3) == Some(&b'P');
        Check::when(v.digits().number(0, 4) > 0).raise(person, 10)
    }),
    ("sg-nric-fin", singapore),
    ("my-nric", |v| {
        let d = v.digits();
        let place = d.small(6, 8);
        let known = matches!(place, 1..=16 | 21..=68 | 71 | 72 | 74..=79 | 82..=93 | 98 | 99);
        Check::when(known && is_short_date(d.small(0, 2), d.small(2, 4), d.small(4, 6)))
    }),
    ("th-pin", |v| {
        let d = v.digits();
        let sum = d.weighted(&[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) as u32;
        Check::when((11 - sum % 11) % 10 == d.at(12))
    }),
    ("id-nik", |v| {
        let d = v.digits();
        let day = d.small(6, 8) % 40;
        Check::when((11..=94).contains(&d.small(0, 2)) && is_short_date(d.small(10, 12), d.small(8, 10), day))
    }),
    ("kr-rrn", resident_registration),
    ("jp-my-number", |v| {
        let d = v.digits();
        let rest = d.weighted(&[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) as u32 % 11;
        Check::when((if rest < 2 { 0 } else { 11 - rest }) == d.at(11) && d.number(0, 12) > 0)
    }),
    ("au-tfn", |v| {
        let d = v.digits();
        Check::when(d.weighted(&[1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 == 0 && d.number(0, 9) > 0 && !d.all_equal())
    }),
    ("au-medicare", |v| {
        let d = v.digits();
        Check::when(d.weighted(&[1, 3, 7, 9, 1, 3, 7, 9]) as u32 % 10 == d.at(8))
    }),
    ("il-id", |v| Check::when(luhn(v.digits().as_slice()) && v.digits().number(0, 9) > 0)),
    ("za-id", |v| {
        let d = v.digits();
        Check::when(luhn(d.as_slice()) && is_short_date(d.small(0, 2), d.small(2, 4), d.small(4, 6)))
    }),
];

/// GB/T 2260: the first two digits of an administrative code.
fn is_province(code: u32) -> bool {
    matches!(code, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83)
}

/// GB 11643: ISO 7064 MOD 11-2, date, province.
fn resident_id(value: Value<'_>) -> Check {
    let d = value.digits();
    let check = match value.octets().last() {
        Some(b'X' | b'x') => 10,
        Some(b) => u32::from(b.wrapping_sub(b'0')),
        None => return Check::Refuse,
    };
    let born = is_birth_date(d.small(6, 10), d.small(10, 12), d.small(12, 14));
    Check::when(is_province(d.small(0, 2)) && born && mod_11_2(d.as_slice().get(..17).unwrap_or_default()) == check)
}

/// Letters 10 to 35 (36 for a missing first one), weights 9 to 2, modulo 11, `A` = 10.
fn hong_kong(value: Value<'_>) -> Check {
    let text = value.alphanumeric();
    let letters = text.iter().take_while(|b| b.is_ascii_alphabetic()).count().min(2);
    let cells = std::iter::repeat_n(36, 2 - letters).chain(text.iter().map(|&b| match b {
        b'0'..=b'9' => u32::from(b - b'0'),
        b => u32::from(b - b'A') + 10,
    }));
    let sum: u32 = cells.zip([9, 8, 7, 6, 5, 4, 3, 2, 1]).map(|(cell, weight)| cell * weight).sum();
    let bracketed = value.octets().contains(&b'(') && value.octets().contains(&b')');
    let open = value.octets().contains(&b'(') != value.octets().contains(&b')');
    Check::when(text.len() == letters + 7 && sum.is_multiple_of(11) && !open).raise(bracketed, 20)
}

fn taiwan(value: Value<'_>) -> Check {
    // A to Z.
    const CODES: [u32; 26] =
        [10, 11, 12, 13, 14, 15, 16, 17, 34, 18, 19, 20, 21, 22, 35, 23, 24, 25, 26, 27, 28, 29, 32, 30, 31, 33];
    let letter = value.octets().first().map_or(0, |b| b.to_ascii_uppercase().wrapping_sub(b'A'));
    let code = CODES.get(usize::from(letter)).copied().unwrap_or(0);
    let digits = value.digits().weighted(&[8, 7, 6, 5, 4, 3, 2, 1, 1]) as u32;
    Check::when((code / 10 + code % 10 * 9 + digits).is_multiple_of(10))
        .test_when(value.octets().eq_ignore_ascii_case(b"A123456789"))
}

fn singapore(value: Value<'_>) -> Check {
    let text = value.alphanumeric();
    let sum = value.digits().weighted(&[2, 7, 6, 5, 4, 3, 2]) as usize;
    let (table, plus): (&[u8], usize) = match text.first() {
        Some(b'S') => (b"JZIHGFEDCBA", 0),
        Some(b'T') => (b"JZIHGFEDCBA", 4),
        Some(b'F') => (b"XWUTRQPNMLK", 0),
        Some(b'G') => (b"XWUTRQPNMLK", 4),
        _ => (b"XWUTRQPNJLK", 3),
    };
    Check::when(table.get((sum + plus) % 11) == text.get(8))
}

/// Numbers issued since October 2020 have random tails. Koreans are numbered at birth, so it is mostly later births (and
/// foreigners, seventh digit 5 to 8, who are numbered on arrival) that fail the check digit.
fn resident_registration(value: Value<'_>) -> Check {
    let d = value.digits();
    let kind = d.at(6);
    let year = match kind {
        1 | 2 | 5 | 6 => 1900,
        3 | 4 | 7 | 8 => 2000,
        _ => 1800,
    } + d.small(0, 2);
    if !super::dates::is_date(year, d.small(2, 4), d.small(4, 6)) {
        return Check::Refuse;
    }
    let sum = d.weighted(&[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) as u32;
    let right = (11 - sum % 11) % 10 == d.at(12);
    let unchecked = (5..=8).contains(&kind) || year * 100 + d.small(2, 4) >= 2020 * 100 + 10;
    // Without the hyphen it may be a time, in milliseconds since 1970.
    let time = value.octets().len() == 13 && (1_200_000_000_000..2_100_000_000_000).contains(&d.number(0, 13));
    match (right, unchecked) {
        (true, _) => Check::PASS.raise(time, -20),
        (false, true) => Check::bonus(-20),
        // Numbers that were changed since are random too: only a label makes one of these.
        (false, false) if year >= 1920 => Check::bonus(-45),
        (false, false) => Check::Refuse,
    }
}

/// Whether a value of `len` octets follows an octet that says so.
fn value_is_counted(value: Value<'_>, len: u8) -> bool {
    value.octets().len() == usize::from(len) && value.before().last() == Some(&len)
}
