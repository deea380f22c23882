//! Payment cards and bank accounts. Sources: reference section 6 (issuer ranges), SWIFT's IBAN registry, release 101
//! (structures), ISO 13616.

use super::checksum::{luhn, mod_97_10};
use super::{Check, Digits, Validator, Value};

pub(super) const VALIDATORS: &[(&str, Validator)] = &[("card-pan", card), ("iban", iban)];

/// Luhn and a known issuer range with its lengths; more if it is written in groups, less if numbers like it stand near that
/// are none.
fn card(value: Value<'_>) -> Check {
    let d = value.digits();
    let Some((rare, checked)) = issued(&d) else {
        return Check::Refuse;
    };
    let test = [&[4, 1, 1, 1, 1, 1][..], &[5, 5, 5, 5, 5, 5], &[3, 7, 8, 2, 8, 2, 2, 4], &[4, 0, 1, 2, 8, 8, 8, 8]]
        .iter()
        .any(|t| d.as_slice().starts_with(t))
        || d.as_slice().get(4..d.len() - 1).is_some_and(|m| m.iter().all(|&x| x == 0));
    let bonus =
        if is_grouped(value.octets()) { 25 } else { 0 } - if rare { 35 } else { 0 } - if checked { 0 } else { 35 };
    let number = |text: &[u8]| issued(&Value::new(text, 0, text.len()).digits()).is_some_and(|(rare, _)| !rare);
    Check::Accept { bonus, test }.raise(value.is_odd_one_out(number), -20)
}

/// Whether digits are written in the groups that are on cards, parted by one octet.
fn is_grouped(text: &[u8]) -> bool {
    let parted = text.iter().find(|b| !b.is_ascii_digit()).copied();
    let Some(parted) = parted.filter(|parted| text.iter().all(|b| b.is_ascii_digit() || b == parted)) else {
        return false;
    };
    let mut lengths = [0; 5];
    text.split(|b| *b == parted).zip(&mut lengths).for_each(|(group, length)| *length = group.len());
    matches!(lengths, [4, 4, 4, 1..=4, 0] | [4, 4, 4, 4, 3] | [4, 6, 4 | 5, 0, 0])
}

/// Whether digits can be a card's number: of a known issuer range and its lengths, with a right check digit. If so: whether
/// the range is rare, and whether the check digit is right. Public tables do not say whether UnionPay numbers have one: there
/// a failing one costs so much that only context saves the number.
fn issued(d: &Digits) -> Option<(bool, bool)> {
    let checked = luhn(d.as_slice());
    let two = d.small(0, 2);
    if !checked && two != 62 {
        return None;
    }
    let (three, four, six) = (d.small(0, 3), d.small(0, 4), d.small(0, 6));
    let lengths: &[usize] = match four {
        _ if d.at(0) == 4 => &[13, 16, 19],
        2221..=2720 | 5100..=5599 => &[16],
        _ if matches!(two, 34 | 37) => &[15],
        _ if matches!(three, 300..=305 | 309) || matches!(two, 36 | 38 | 39) => &[14, 15, 16, 17, 18, 19],
        3528..=3589 | 2200..=2204 | 6011 => &[16, 17, 18, 19],
        _ if matches!(three, 644..=649) || two == 65 || matches!(six, 622_126..=622_925) => &[16, 17, 18, 19],
        _ if two == 62 => &[16, 17, 18, 19],
        _ if matches!(two, 60 | 81 | 82) || three == 508 => &[16],
        _ if matches!(two, 50 | 56..=69) => &[12, 13, 14, 15, 16, 17, 18, 19],
        // JCB of old.
        2131 | 1800 => &[15],
        _ => &[],
    };
    // Nobody's range that is known, but a right check digit: only a label makes it a card.
    let unknown = lengths.is_empty() && (13..=19).contains(&d.len());
    let possible = (lengths.contains(&d.len()) || unknown) && !d.all_equal();
    // Within what is set aside for Maestro and others, these are nobody's that is known.
    let vacant =
        matches!(two, 59 | 61 | 66 | 68 | 69) && four != 5893 || two == 63 && !matches!(four, 6304 | 6360..=6399);
    possible.then_some((unknown || vacant || d.len() == 12, checked))
}

/// What an account number is made of, by country: letters, numerals, or both (`c`), and how many.
const IBAN_STRUCTURES: &str = "AD8n12c AE19n AL8n16c AT16n AZ4a20c BA16n BE12n BG4a6n8c BH4a14c BI23n BR23n1a1c BY4c4n16c \
    CH5n12c CR18n CY8n16c CZ20n DE18n DJ23n DK14n DO4c20n EE16n EG25n ES20n FI14n FK2a12n FO14n FR10n11c2n GB4a14n \
    GE2a16n GI4a15c GL14n GR7n16c GT24c HN4a20n HR17n HU24n IE4a14n IL19n IQ4a15n IS22n IT1a10n12c JO4a4n18c KW4a22c \
    KZ3n13c LB4n20c LC4a24c LI5n12c LT16n LU3n13c LV4a13c LY21n MC10n11c2n MD20c ME18n MK3n10c2n MN16n MR23n MT4a5n18c \
    MU4a19n3a NI4a20n NL4a10n NO11n OM3n16c PK4a16c PL24n PS4a21c PT21n QA4a21c RO4a16c RS18n RU14n15c SA2n18c \
    SC4a20n3a SD14n SE20n SI15n SK20n SM1a10n12c SO19n ST21n SV4a20n TL19n TN20n TR6n16c UA6n19c VA18n VG4a16n XK16n \
    YE4a4n18c";

/// Made as the country makes them, with right check digits; more if it is written in groups of four, less if texts like it
/// stand near that are none.
fn iban(value: Value<'_>) -> Check {
    let text = value.octets();
    let grouped = text.get(4) == Some(&b' ') && text.split(|b| *b == b' ').rev().skip(1).all(|group| group.len() == 4);
    let is = |text: &[u8]| is_iban(&Value::new(text, 0, text.len()).alphanumeric());
    if !is(text) {
        return Check::Refuse;
    }
    Check::PASS.raise(grouped, 10).raise(value.is_odd_one_out(is), -30)
}

fn is_iban(text: &[u8]) -> bool {
    let Some((head, rest)) = text.split_at_checked(4) else {
        return false;
    };
    let (country, check) = head.split_at_checked(2).unwrap_or_default();
    // The remainder of a division from 98: the first of these stand for others. Nearly all that is none fails here.
    if matches!(check, b"00" | b"01" | b"99") || !mod_97_10(&[rest, head].concat()) {
        return false;
    }
    let structure = IBAN_STRUCTURES.split_ascii_whitespace().find(|entry| entry.as_bytes().starts_with(country));
    structure.and_then(|entry| entry.get(2..)).is_some_and(|parts| is_made_of(rest, parts))
}

/// Whether a text has a structure such as `4a14n`.
fn is_made_of(mut text: &[u8], structure: &str) -> bool {
    let mut count = 0;
    for octet in structure.bytes() {
        let right: fn(&u8) -> bool = match octet {
            b'a' => u8::is_ascii_uppercase,
            b'n' => u8::is_ascii_digit,
            b'c' => u8::is_ascii_alphanumeric,
            digit => {
                count = count * 10 + usize::from(digit - b'0');
                continue;
            }
        };
        let Some((_, rest)) = text.split_at_checked(count).filter(|(part, _)| part.iter().all(right)) else {
            return false;
        };
        (text, count) = (rest, 0);
    }
    text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ibans_are_made_as_their_country_makes_them() {
        // Examples of SWIFT's registry; then a wrong length, a letter where a numeral belongs, check digits that stand for others.
        for (text, right) in [
            ("GB29NWBK60161331926819", true),
            ("MT84MALT011000012345MTLCAST001S", true),
            ("BR1800360305000010009795493C1", true),
            ("MU17BOMM0101101030300200000MUR", true),
            ("NO9386011117947", true),
            ("NO93860111179470", false),
            ("DE75512108001245126199", true),
            ("DE75ABCD08001245126199", false),
            ("XX75512108001245126199", false),
            ("DE", false),
        ] {
            assert_eq!(is_iban(text.as_bytes()), right, "{text}");
        }
        for entry in IBAN_STRUCTURES.split_ascii_whitespace() {
            assert!(crate::model::is_assigned(entry[..2].parse().unwrap()) || entry.starts_with("XK"), "{entry}");
        }
    }

    #[test]
    fn cards_are_written_in_groups() {
        for (text, grouped) in [
            ("4539 1488 0343 6467", true),
            ("4539-1488-0343-6467", true),
            ("3782 822463 10005", true),
            ("4539148803436467", false),
            ("4539-14880343 6467", false),
            ("4539 14 88 0343 6467", false),
        ] {
            assert_eq!(is_grouped(text.as_bytes()), grouped, "{text}");
        }
    }
}
