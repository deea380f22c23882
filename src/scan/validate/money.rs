//! Payment cards and bank accounts. Sources: reference section 6 (issuer ranges), SWIFT's IBAN registry (lengths),
//! ISO 13616.

use super::checksum::{luhn, mod_97_10};
use super::{Check, Validator, Value};

pub(super) const VALIDATORS: &[(&str, Validator)] = &[("card-pan", card), ("iban", iban)];

/// Luhn and a known issuer range with its lengths. Public tables do not say whether UnionPay numbers have a check
/// digit: there a failing one costs so much that only context saves the number.
fn card(value: Value<'_>) -> Check {
    let d = value.digits();
    let (two, three, four, six) = (d.small(0, 2), d.small(0, 3), d.small(0, 4), d.small(0, 6));
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
    if !(lengths.contains(&d.len()) || unknown) || d.all_equal() {
        return Check::Refuse;
    }
    let grouped = value.octets().iter().any(|b| !b.is_ascii_digit());
    let test = [&[4, 1, 1, 1, 1, 1][..], &[5, 5, 5, 5, 5, 5], &[3, 7, 8, 2, 8, 2, 2, 4], &[4, 0, 1, 2, 8, 8, 8, 8]]
        .iter()
        .any(|t| d.as_slice().starts_with(t))
        || d.as_slice().get(4..d.len() - 1).is_some_and(|m| m.iter().all(|&x| x == 0));
    let rare = unknown || d.len() == 12;
    let bonus = if grouped { 10 } else { 0 } - if rare { 40 } else { 0 };
    match (luhn(d.as_slice()), two == 62) {
        (true, _) => Check::Accept { bonus, test },
        (false, true) => Check::Accept { bonus: bonus - 40, test },
        (false, false) => Check::Refuse,
    }
}

/// Lengths by country.
const IBAN_LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 \
        DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 \
        HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 \
        MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 \
        RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 \
        VA22 VG24 XK20 YE30";

fn iban(value: Value<'_>) -> Check {
    let text = value.alphanumeric();
    let Some((head, rest)) = text.split_at_checked(4) else {
        return Check::Refuse;
    };
    let country = head.get(..2).unwrap_or_default();
    let known = IBAN_LENGTHS.split_ascii_whitespace().any(|entry| {
        entry.as_bytes().starts_with(country) && entry.get(2..).and_then(|n| n.parse().ok()) == Some(text.len())
    });
    Check::when(known && mod_97_10(&[rest, head].concat()))
}
