//! National numbers of Europe and Turkey. Source: reference section 3.3 (algorithms after python-stdnum; NINO,
//! driving licence and identity card after Presidio).

use super::checksum::{luhn, mod_11_10};
use super::dates::{is_birth_date, is_date, is_short_date};
use super::{Check, Digits, Validator, Value};

pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("gb-nino", nino),
    ("gb-nhs", nhs),
    ("gb-driving-licence", |v| {
        let d = v.octets();
        let at = |i: usize| d.get(i).filter(|b| b.is_ascii_digit()).map_or(0, |b| u32::from(b - b'0'));
        Check::when((1..=12).contains(&(at(6) % 5 * 10 + at(7))) && (1..=31).contains(&(at(8) * 10 + at(9))))
    }),
    ("de-steuer-id", steuer_id),
    ("de-id-card", |v| {
        let text = v.alphanumeric();
        Check::when(super::mrz::check_digit(text.get(..8).unwrap_or_default()) == text.get(8).copied())
    }),
    ("fr-nir", nir),
    ("it-codice-fiscale", codice_fiscale),
    ("es-dni", |v| Check::when(spanish_letter(v.digits().number(0, 8)) == last(v))),
    ("es-nie", |v| {
        let prefix = v.octets().first().map_or(0, |b| u64::from(b.to_ascii_uppercase().wrapping_sub(b'X')));
        Check::when(spanish_letter(prefix * 10_000_000 + v.digits().number(0, 7)) == last(v))
    }),
    ("nl-bsn", |v| {
        let d = v.digits();
        Check::when(d.weighted(&[9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 == 0 && d.number(0, 9) > 0 && !d.all_equal())
    }),
    ("pl-pesel", pesel),
    ("se-personnummer", personnummer),
    ("fi-hetu", hetu),
    ("be-nn", |v| {
        let d = v.digits();
        let (n, check) = (d.number(0, 9), d.number(9, 11));
        Check::when(
            [n, 2_000_000_000 + n].iter().any(|n| 97 - n % 97 == check)
                && d.small(2, 4) % 20 <= 12
                && d.small(4, 6) <= 31,
        )
    }),
    ("dk-cpr", |v| {
        let d = v.digits();
        Check::when(is_short_date(d.small(4, 6), d.small(2, 4), d.small(0, 2)))
    }),
    ("no-fnr", fnr),
    ("at-svnr", |v| {
        let d = v.digits();
        let sum = d.weighted(&[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]);
        Check::when(d.len() == 10 && sum % 11 == d.at(3) as i32)
    }),
    ("pt-cc", cartao_de_cidadao),
    ("ie-ppsn", ppsn),
    ("ro-cnp", |v| {
        let d = v.digits();
        let sum = d.weighted(&[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) as u32 % 11;
        Check::when(
            (if sum == 10 { 1 } else { sum }) == d.at(12) && is_short_date(d.small(1, 3), d.small(3, 5), d.small(5, 7)),
        )
    }),
    ("bg-egn", |v| {
        let d = v.digits();
        let sum = d.weighted(&[2, 4, 8, 5, 10, 9, 7, 3, 6]) as u32;
        Check::when(sum % 11 % 10 == d.at(9) && is_short_date(d.small(0, 2), d.small(2, 4) % 20, d.small(4, 6)))
    }),
    ("cz-sk-rc", rodne_cislo),
    ("gr-amka", |v| {
        let d = v.digits();
        Check::when(luhn(d.as_slice()) && is_short_date(d.small(4, 6), d.small(2, 4), d.small(0, 2)))
    }),
    ("ee-lt-code", |v| {
        let d = v.digits();
        let year = 1800 + (d.at(0) - 1) / 2 * 100 + d.small(1, 3);
        let first = d.weighted(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
        let check = if first < 10 { first } else { d.weighted(&[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10 };
        Check::when(check == d.at(10) as i32 && is_date(year, d.small(3, 5), d.small(5, 7)))
    }),
    ("si-emso", |v| {
        let d = v.digits();
        let sum = d.weighted(&[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) as u32;
        let year = d.small(4, 7);
        let year = if year >= 800 { 1000 + year } else { 2000 + year };
        Check::when((11 - sum % 11) % 11 % 10 == d.at(12) && is_birth_date(year, d.small(2, 4), d.small(0, 2)))
    }),
    ("hu-taj", |v| {
        let d = v.digits();
        Check::when(
            d.weighted(&[3, 7, 3, 7, 3, 7, 3, 7]) as u32 % 10 == d.at(8) && d.number(0, 9) > 0 && !d.all_equal(),
        )
    }),
    ("tr-tckn", |v| {
        let d = v.digits();
        let odd: u32 = [0, 2, 4, 6, 8].iter().map(|&i| d.at(i)).sum();
        let even: u32 = [1, 3, 5, 7].iter().map(|&i| d.at(i)).sum();
        let total = odd + even + d.at(9);
        Check::when((7 * odd + 100 - even) % 10 == d.at(9) && total % 10 == d.at(10))
    }),
    ("ru-inn12", |v| {
        let d = v.digits();
        let eleventh = d.weighted(&[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) as u32 % 11 % 10;
        let twelfth = d.weighted(&[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) as u32 % 11 % 10;
        Check::when(eleventh == d.at(10) && twelfth == d.at(11) && d.number(0, 12) > 0)
    }),
    ("ru-snils", |v| {
        let d = v.digits();
        let sum = d.weighted(&[9, 8, 7, 6, 5, 4, 3, 2, 1]) as u32 % 101 % 100;
        Check::when(sum == d.small(9, 11))
    }),
    ("ua-rntrc", |v| {
        let d = v.digits();
        let sum = d.weighted(&[-1, 5, 7, 9, 4, 6, 10, 5, 7]).rem_euclid(11) % 10;
        // All zeros passes the arithmetic: a form's filling rather than a number.
        let empty = d.all_equal();
        match sum == d.at(9) as i32 {
            true => Check::Accept { bonus: if empty { -60 } else { 0 }, test: empty },
            false => Check::Refuse,
        }
    }),
];

fn last(value: Value<'_>) -> Option<u8> {
    value.octets().last().map(u8::to_ascii_uppercase)
}

fn nino(value: Value<'_>) -> Check {
    let text = value.alphanumeric();
    const BARRED: [&[u8]; 7] = [b"BG", b"GB", b"NK", b"KN", b"NT", b"TN", b"ZZ"];
    Check::when(!BARRED.iter().any(|b| text.starts_with(b))).test_when(text.get(2..8) == Some(b"000000"))
}

fn nhs(value: Value<'_>) -> Check {
    let d = value.digits();
    let check = 11 - d.weighted(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) as u32 % 11;
    Check::when(check != 10 && check % 11 == d.at(9) && !d.all_equal()).test_when(d.small(0, 3) == 999)
}

/// ISO 7064 MOD 11,10; among the first ten digits exactly one occurs more than once, twice or three times.
fn steuer_id(value: Value<'_>) -> Check {
    let d = value.digits();
    if !mod_11_10(d.as_slice()) {
        return Check::Refuse;
    }
    let mut counts = [0_u8; 10];
    for &digit in d.as_slice().iter().take(10) {
        if let Some(count) = counts.get_mut(usize::from(digit)) {
            *count += 1;
        }
    }
    let mut repeated = counts.into_iter().filter(|&c| c > 1);
    Check::when(matches!((repeated.next(), repeated.next()), (Some(2 | 3), None)))
}

fn nir(value: Value<'_>) -> Check {
    let text = value.alphanumeric();
    // Corsica: 2A counts as 19, 2B as 18.
    let number: u64 = text.iter().take(13).fold(0, |n, &b| {
        n * 10
            + match b {
                b'A' => 9,
                b'B' => 8,
                b => u64::from(b - b'0'),
            }
    });
    let corsica = match text.get(6) {
        Some(b'A') => 10_000_000,
        Some(b'B') => 10_000_000,
        _ => 0,
    };
    let number = number.saturating_sub(corsica);
    let key = text.iter().skip(13).fold(0_u64, |n, &b| n * 10 + u64::from(b.wrapping_sub(b'0')));
    // Sexes 3, 4, 7 and 8 are of numbers given for a time; months past 12 of births whose month or record is not known.
    let d = value.digits();
    let rare = d.at(0) > 2 || d.small(3, 5) > 12;
    Check::when(text.len() == 15 && 97 - number % 97 == key).raise(rare, -20)
}

fn codice_fiscale(value: Value<'_>) -> Check {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let text = value.alphanumeric();
    let sum: u32 = text
        .iter()
        .take(15)
        .enumerate()
        .map(|(i, &b)| {
            let n = u32::from(if b.is_ascii_digit() { b - b'0' } else { b - b'A' });
            if i % 2 == 0 { ODD.get(n as usize).copied().unwrap_or(0) } else { n }
        })
        .sum();
    Check::when(text.get(15).is_some_and(|&b| u32::from(b.wrapping_sub(b'A')) == sum % 26))
}

fn spanish_letter(number: u64) -> Option<u8> {
    b"TRWAGMYFPDXBNJZSQVHLCKE".get((number % 23) as usize).copied()
}

fn pesel(value: Value<'_>) -> Check {
    let d = value.digits();
    let sum = d.weighted(&[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) as u32;
    let month = d.small(2, 4);
    let century = [1900, 2000, 2100, 2200, 1800].get((month / 20) as usize).copied().unwrap_or(0);
    Check::when((10 - sum % 10) % 10 == d.at(10) && is_date(century + d.small(0, 2), month % 20, d.small(4, 6)))
}

fn personnummer(value: Value<'_>) -> Check {
    let d = value.digits();
    let short = d.as_slice().get(d.len().saturating_sub(10)..).unwrap_or_default();
    let from = d.len().saturating_sub(10);
    let day = d.small(from + 4, from + 6);
    let day = if day > 60 { day - 60 } else { day };
    let separated = value.octets().iter().any(|b| matches!(b, b'-' | b'+'));
    match d.len() >= 10 && luhn(short) && is_short_date(d.small(from, from + 2), d.small(from + 2, from + 4), day) {
        true => Check::bonus(if separated { 15 } else { 0 }),
        false => Check::Refuse,
    }
}

fn hetu(value: Value<'_>) -> Check {
    let text = value.alphanumeric();
    let d = value.digits();
    let number = d.number(0, 9);
    let expected = b"0123456789ABCDEFHJKLMNPRSTUVWXY".get((number % 31) as usize).copied();
    let century = match value.octets().get(6) {
        Some(b'+') => 1800,
        Some(b'-' | b'U'..=b'Y' | b'u'..=b'y') => 1900,
        _ => 2000,
    };
    let date = is_date(century + d.small(4, 6), d.small(2, 4), d.small(0, 2));
    // Individual numbers from 900 on are for temporary use, never issued by the register.
    Check::when(expected == text.last().copied() && date).test_when(d.small(6, 9) >= 900)
}

fn fnr(value: Value<'_>) -> Check {
    let d = value.digits();
    let first = || d.weighted(&[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11 == 0;
    let second = || d.weighted(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0;
    let date = || is_short_date(d.small(4, 6), d.small(2, 4) % 40, d.small(0, 2) % 40);
    Check::when(d.len() == 11 && first() && second() && date()).test_when(d.small(2, 4) > 40)
}

fn cartao_de_cidadao(value: Value<'_>) -> Check {
    let text = value.alphanumeric();
    let sum: u32 = text
        .iter()
        .rev()
        .enumerate()
        .map(|(i, &b)| {
            let n = u32::from(if b.is_ascii_digit() { b - b'0' } else { b - b'A' + 10 });
            if i % 2 == 0 { n } else { (n * 2).checked_sub(9).filter(|_| n * 2 > 9).unwrap_or(n * 2) }
        })
        .sum();
    // Versions begin with letters; digits alone are any number of twelve.
    Check::when(text.len() == 12 && sum.is_multiple_of(10)).raise(text.iter().all(u8::is_ascii_digit), -30)
}

fn ppsn(value: Value<'_>) -> Check {
    let text = value.alphanumeric();
    let second = text.get(8).map_or(0, |&b| if b == b'W' { 0 } else { i32::from(b.wrapping_sub(b'@')) });
    let sum = value.digits().weighted(&[8, 7, 6, 5, 4, 3, 2]) + 9 * second;
    Check::when(b"WABCDEFGHIJKLMNOPQRSTUV".get((sum % 23) as usize) == text.get(7))
}

/// Ten digits: the last is the rest of the first nine by 11 (before 1985 also 10 as 0). Nine digits: before 1954, no
/// check.
fn rodne_cislo(value: Value<'_>) -> Check {
    fn month(d: &Digits) -> u32 {
        d.small(2, 4) % 50 % 20
    }
    let d = value.digits();
    let (year, day) = (d.small(0, 2), d.small(4, 6));
    if d.len() == 9 {
        let plausible = year < 54 && is_date(1900 + year, month(&d), day);
        return if plausible { Check::bonus(-25) } else { Check::Refuse };
    }
    let rest = d.number(0, 9) % 11;
    let born = if year >= 54 { 1900 + year } else { 2000 + year };
    let check = if born < 1985 { rest % 10 } else { rest };
    Check::when(check == u64::from(d.at(9)) && is_date(born, month(&d), day))
}
