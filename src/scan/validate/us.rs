//! United States: Social Security and taxpayer numbers, licences, provider and bank numbers, addresses.
//!
//! Sources: reference section 3.1 (python-stdnum, Presidio), section 4 (licence shapes by state, ntsi.com as
//! collected in 2016), section 10 (reserved values).

use super::checksum::luhn;
use super::{Check, Validator, Value};

pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("us-ssn", ssn),
    ("us-itin", |v| Check::when(v.digits().len() == 9).test_when(v.digits().small(5, 9) <= 1)),
    ("us-dl-number", licence),
    ("us-passport", passport),
    ("us-a-number", |v| Check::when(!v.digits().all_equal() || v.digits().len() == 9)),
    ("us-mbi", |v| Check::PASS.test_when(v.alphanumeric() == b"1EG4TE5MK73")),
    ("us-npi", npi),
    ("us-dea", dea),
    ("us-aba-routing", aba),
    ("us-state-zip", zip),
    ("us-postal-address", |v| Check::when(!v.octets().starts_with(b"0"))),
];

/// Area not 000, 666 or 9xx, group not 00, serial not 0000, both separators the same, no published specimen.
fn ssn(value: Value<'_>) -> Check {
    let separators: Vec<u8> = value.octets().iter().copied().filter(|b| !b.is_ascii_digit()).collect();
    let d = value.digits();
    let (area, group, serial) = (d.small(0, 3), d.small(3, 5), d.small(5, 9));
    let impossible = d.len() != 9 || area == 0 || area == 666 || area >= 900 || group == 0 || serial == 0;
    let specimen =
        matches!(d.number(0, 9), 78_051_120 | 219_099_999 | 457_555_462 | 123_456_789 | 987_654_320..=987_654_329);
    let mixed = matches!(separators.as_slice(), [a, b] if a != b);
    // Areas from 773 up were first used in 2011, and those from 850 on hardly or not at all: section 9 uses 899.
    Check::when(!impossible && !specimen && !mixed && !d.all_equal()).test_when(area >= 890)
}

/// Shapes by state: `9` a digit, `A` a letter, everything else itself; a shape per entry (reference, section 4).
const LICENCES: &[(&str, &str, &[&str])] = &[
    ("AL", "alabama", &["9{1,8}"]),
    ("AK", "alaska", &["9{1,7}"]),
    ("AZ", "arizona", &["A9{1,8}", "AA9{2,5}", "9{9}"]),
    ("AR", "arkansas", &["9{4,9}"]),
    ("CA", "california", &["A9{7}"]),
    ("CO", "colorado", &["9{9}", "A9{3,6}", "AA9{2,5}"]),
    ("CT", "connecticut", &["9{9}"]),
    ("DE", "delaware", &["9{1,7}"]),
    ("DC", "district of columbia", &["9{7}", "9{9}"]),
    ("FL", "florida", &["A9{12}"]),
    ("GA", "georgia", &["9{7,9}"]),
    ("GU", "guam", &["A9{14}"]),
    ("HI", "hawaii", &["A9{8}", "9{9}"]),
    ("ID", "idaho", &["AA9{6}A", "9{9}"]),
    ("IL", "illinois", &["A9{11,12}"]),
    ("IN", "indiana", &["A9{9}", "9{9,10}"]),
    ("IA", "iowa", &["9{9}", "9{3}AA9{4}"]),
    ("KS", "kansas", &["A9A9A", "A9{8}", "9{9}"]),
    ("KY", "kentucky", &["A9{8,9}", "9{9}"]),
    ("LA", "louisiana", &["9{1,9}"]),
    ("ME", "maine", &["9{7,8}", "9{7}A"]),
    ("MD", "maryland", &["A9{12}"]),
    ("MA", "massachusetts", &["A9{8}", "AA9{7}", "9{9}"]),
    ("MI", "michigan", &["A9{10}", "A9{12}"]),
    ("MN", "minnesota", &["A9{12}"]),
    ("MS", "mississippi", &["9{9}"]),
    ("MO", "missouri", &["A9{5,9}", "A9{6}R", "9{3}A9{6}", "9{8}AA", "9{9}A", "9{9}"]),
    ("MT", "montana", &["A9{8}", "9{9}", "9{13,14}"]),
    ("NE", "nebraska", &["9{1,7}", "A9{6,8}"]),
    ("NV", "nevada", &["9{9,10}", "9{12}", "X9{8}"]),
    ("NH", "new hampshire", &["9{2}AAA9{5}", "AAA9{8}"]),
    ("NJ", "new jersey", &["A9{14}"]),
    ("NM", "new mexico", &["9{8,9}"]),
    ("NY", "new york", &["A9{7}", "A9{18}", "9{8,9}", "9{16}"]),
    ("NC", "north carolina", &["9{1,12}"]),
    ("ND", "north dakota", &["AAA9{6}", "9{9}"]),
    ("OH", "ohio", &["A9{4,8}", "AA9{3,7}", "9{8}"]),
    ("OK", "oklahoma", &["A9{9}", "9{9}"]),
    ("OR", "oregon", &["9{1,9}", "A9{6}"]),
    ("PA", "pennsylvania", &["9{8}"]),
    ("PR", "puerto rico", &["9{9}", "9{5,7}"]),
    ("RI", "rhode island", &["9{7,8}", "A9{6}"]),
    ("SC", "south carolina", &["9{5,11}"]),
    ("SD", "south dakota", &["9{6,10}", "9{12}"]),
    ("TN", "tennessee", &["9{7,9}"]),
    ("TX", "texas", &["9{7,8}"]),
    ("UT", "utah", &["9{4,10}"]),
    ("VT", "vermont", &["9{8}", "9{7}A"]),
    ("VA", "virginia", &["A9{8,11}", "9{9}"]),
    ("WA", "washington", &["AAA9{9}", "WDL*{9}"]),
    ("WV", "west virginia", &["9{7}", "AA9{5,6}", "A9{5,6}"]),
    ("WI", "wisconsin", &["A9{13}"]),
    ("WY", "wyoming", &["9{9,10}"]),
];

/// Octets on either side in which a state's name speaks for the number.
const STATE_OCTETS: usize = 300;

/// A licence number: its shape must belong to some state; a state named nearby whose shape it has makes it likely.
fn licence(value: Value<'_>) -> Check {
    let number = &*value.octets().to_ascii_uppercase();
    if value.digits().len() == number.len() && value.digits().all_equal() {
        return Check::Refuse;
    }
    let mut fits = LICENCES.iter().filter(|(_, _, shapes)| shapes.iter().any(|s| has_shape(number, s))).peekable();
    if fits.peek().is_none() {
        return Check::Refuse;
    }
    // Digits alone fit a dozen states, and a bare number must not be raised by two stray letters.
    let letters = number.iter().any(u8::is_ascii_alphabetic);
    let named = letters && {
        let before = value.before();
        let before = before.get(before.len().saturating_sub(STATE_OCTETS)..).unwrap_or_default();
        let after = value.after();
        let after = after.get(..STATE_OCTETS.min(after.len())).unwrap_or_default();
        let around = [before, b" ", after].concat();
        fits.any(|(code, name, _)| {
            has_word(&around, code.as_bytes(), true) || has_word(&around, name.as_bytes(), false)
        })
    };
    // A few digits are numbers of all kinds.
    let short = !letters && number.len() < 7;
    Check::bonus(if named { 20 } else { 0 } - if short { 10 } else { 0 })
}

/// Whether a number has a shape of [`LICENCES`].
fn has_shape(number: &[u8], shape: &str) -> bool {
    fn fits(number: &[u8], shape: &[u8]) -> bool {
        let Some((&class, mut rest)) = shape.split_first() else {
            return number.is_empty();
        };
        let mut bounds = (1, 1);
        if let Some(counted) = rest.strip_prefix(b"{") {
            let end = counted.iter().position(|&b| b == b'}').unwrap_or(counted.len());
            let text = std::str::from_utf8(counted.get(..end).unwrap_or_default()).unwrap_or_default();
            let (low, high) = text.split_once(',').unwrap_or((text, text));
            bounds = (low.parse().unwrap_or(1), high.parse().unwrap_or(1));
            rest = counted.get(end + 1..).unwrap_or_default();
        }
        let is = |b: &u8| match class {
            b'9' => b.is_ascii_digit(),
            b'A' => b.is_ascii_uppercase(),
            b'*' => b.is_ascii_alphanumeric(),
            other => *b == other,
        };
        let run = number.iter().take(bounds.1).take_while(|b| is(b)).count();
        (bounds.0..=run).rev().any(|n| fits(number.get(n..).unwrap_or_default(), rest))
    }
    fits(number, shape.as_bytes())
}

/// Whether a text holds a word.
fn has_word(text: &[u8], word: &[u8], cased: bool) -> bool {
    text.windows(word.len()).enumerate().any(|(i, w)| {
        let same = if cased { w == word } else { w.eq_ignore_ascii_case(word) };
        same && !i.checked_sub(1).and_then(|i| text.get(i)).is_some_and(u8::is_ascii_alphanumeric)
            && !text.get(i + word.len()).is_some_and(u8::is_ascii_alphanumeric)
    })
}

/// No check digit exists; a letter and 8 digits (since 2021) is rarer than 9 digits.
fn passport(value: Value<'_>) -> Check {
    let letter = value.octets().first().is_some_and(u8::is_ascii_alphabetic);
    match value.digits().all_equal() {
        true => Check::Refuse,
        false => Check::bonus(if letter { 15 } else { 0 }).test_when(value.alphanumeric().starts_with(b"X0000000")),
    }
}

/// Luhn over the ISO prefix 80840 and the number.
fn npi(value: Value<'_>) -> Check {
    let mut digits = vec![8, 0, 8, 4, 0];
    digits.extend_from_slice(value.digits().as_slice());
    Check::when(digits.len() == 15 && luhn(&digits))
}

/// (d1 + d3 + d5) + 2 (d2 + d4 + d6) modulo 10 is d7.
fn dea(value: Value<'_>) -> Check {
    let d = value.digits();
    // The second letter may be the digit 9.
    let from = d.len().saturating_sub(7);
    let at = |i: usize| d.at(from + i);
    let sum = at(0) + at(2) + at(4) + 2 * (at(1) + at(3) + at(5));
    Check::when(d.len() >= 7 && sum % 10 == at(6))
}

/// Weights 3, 7, 1.
fn aba(value: Value<'_>) -> Check {
    let d = value.digits();
    let sum = d.weighted(&[3, 7, 1, 3, 7, 1, 3, 7, 1]);
    Check::when(d.len() == 9 && sum % 10 == 0 && d.number(0, 9) > 0)
}

/// First digit of the ZIP codes of a state (United States Postal Service, national areas).
const ZIP_AREAS: [&str; 10] = [
    "CT MA ME NH NJ RI VT",
    "DE NY PA",
    "DC MD NC SC VA WV",
    "AL FL GA MS TN",
    "IN KY MI OH",
    "IA MN MT ND SD WI",
    "IL KS MO NE",
    "AR LA OK TX",
    "AZ CO ID NM NV UT WY",
    "AK CA HI OR WA",
];

fn zip(value: Value<'_>) -> Check {
    let state = value.octets().get(..2).and_then(|s| std::str::from_utf8(s).ok()).unwrap_or("??");
    let areas = ZIP_AREAS.get(value.digits().at(0) as usize).copied().unwrap_or_default();
    Check::when(areas.split(' ').any(|s| s == state)).test_when(value.octets().ends_with(b"-0000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licence_shapes() {
        let cases = [
            ("D1234562", "A9{7}", true),
            ("D123456", "A9{7}", false),
            ("S53045800000", "A9{11,12}", true),
            ("12ABC12345", "9{2}AAA9{5}", true),
            ("WDLABC123XYZ", "WDL*{9}", true),
            ("", "9{1,8}", false),
        ];
        for (number, shape, fits) in cases {
            assert_eq!(has_shape(number.as_bytes(), shape), fits, "{number} {shape}");
        }
    }

    #[test]
    fn a_state_nearby_speaks_for_a_number_of_its_shape() {
        let text = b"CA driver license D1234562 issued";
        let at = |state: &[u8]| {
            let text = [state, &text[2..]].concat();
            licence(Value::new(&text, 18, 26))
        };
        assert_eq!(at(b"CA"), Check::bonus(20));
        assert_eq!(at(b"TX"), Check::bonus(0));
    }
}
