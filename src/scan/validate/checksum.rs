//! Check digit systems that many numbers share: Luhn (ISO/IEC 7812-1), ISO 7064 MOD 11-2, MOD 11-10 and MOD 97-10,
//! Verhoeff, EAN-13, and "not all one digit".

use super::{Check, Digits, Validator};

pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("luhn", |v| Check::when(luhn(v.digits().as_slice()))),
    ("iso7064-mod11-10", |v| Check::when(mod_11_10(v.digits().as_slice()))),
    ("iso7064-mod97-10", |v| Check::when(mod_97_10(&v.alphanumeric()))),
    ("verhoeff", |v| Check::when(verhoeff(v.digits().as_slice()))),
    ("ean13", |v| Check::when(ean(&v.digits()))),
    ("digits-vary", |v| Check::when(!v.digits().all_equal())),
    ("entropy", |v| Check::when(!is_placeholder(v.octets()) && entropy_bits(v.octets()) >= 3.0)),
];

/// Luhn over digits, the check digit last.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, &d)| {
            let d = u32::from(d);
            if i % 2 == 0 { d } else { d * 2 / 10 + d * 2 % 10 }
        })
        .sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// ISO 7064 MOD 11,10 over digits, the check digit last.
pub(super) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((&check, rest)) = digits.split_last() else {
        return false;
    };
    let carry = rest.iter().fold(10_u32, |p, &d| {
        let s = (p + u32::from(d)) % 10;
        (if s == 0 { 10 } else { s }) * 2 % 11
    });
    (11 - carry) % 10 == u32::from(check)
}

/// ISO 7064 MOD 11-2: the expected check value, 10 standing for `X`.
pub(super) fn mod_11_2(digits: &[u8]) -> u32 {
    let p = digits.iter().fold(0_u32, |p, &d| (p + u32::from(d)) * 2 % 11);
    (12 - p) % 11
}

/// ISO 7064 MOD 97-10 over letters (A = 10) and digits: the whole is 1 modulo 97.
pub(super) fn mod_97_10(text: &[u8]) -> bool {
    let mut n = 0_u32;
    for &octet in text {
        n = match octet {
            b'0'..=b'9' => n * 10 + u32::from(octet - b'0'),
            b'A'..=b'Z' => n * 100 + u32::from(octet - b'A') + 10,
            _ => return false,
        } % 97;
    }
    n == 1
}

/// Verhoeff's dihedral check, the check digit last (Verhoeff 1969).
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    const D: [[u8; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const P: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let mut c = 0_u8;
    for (i, &digit) in digits.iter().rev().enumerate() {
        let permuted = P.get(i % 8).and_then(|row| row.get(usize::from(digit))).copied();
        let next = permuted.and_then(|p| D.get(usize::from(c)).and_then(|row| row.get(usize::from(p))));
        match next {
            Some(&next) => c = next,
            None => return false,
        }
    }
    !digits.is_empty() && c == 0
}

/// EAN-13 (GS1): weights 1 and 3.
fn ean(digits: &Digits) -> bool {
    let sum: u32 = (0..13).map(|i| digits.at(i) * if i % 2 == 0 { 1 } else { 3 }).sum();
    digits.len() == 13 && sum.is_multiple_of(10)
}

/// Shannon entropy, bits an octet.
pub(super) fn entropy_bits(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &octet in text {
        if let Some(count) = counts.get_mut(usize::from(octet)) {
            *count += 1;
        }
    }
    let total = text.len() as f64;
    counts.iter().filter(|&&n| n > 0).map(|&n| f64::from(n) / total).map(|p| -p * p.log2()).sum()
}

/// Text that stands for a value without being one: `null`, `xxxx`, `***`, `${...}`, `<...>`.
pub(super) fn is_placeholder(text: &[u8]) -> bool {
    const WORDS: [&[u8]; 16] = [
        b"null",
        b"none",
        b"nil",
        b"undefined",
        b"unknown",
        b"true",
        b"false",
        b"string",
        b"number",
        b"integer",
        b"object",
        b"redacted",
        b"anonymous",
        b"n/a",
        b"nan",
        b"test",
    ];
    let trimmed = text.trim_ascii();
    let same = trimmed.windows(2).all(|w| w.first() == w.last());
    same || is_hidden(trimmed) || WORDS.iter().any(|w| trimmed.eq_ignore_ascii_case(w))
}

/// Text that stands where a value was taken out or is to be put in: `***`, `xxxx`, `${...}`; nothing at all.
pub(super) fn is_hidden(text: &[u8]) -> bool {
    let trimmed = text.trim_ascii();
    let template = [&b"${"[..], b"{{", b"<%", b"%{", b"$("].iter().any(|t| trimmed.starts_with(t));
    template || trimmed.iter().all(|b| matches!(b, b'*' | b'x' | b'X' | b'.' | b'-' | b'#' | b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from python-stdnum's documentation of the algorithms, and ISO 7064's own examples.
    #[test]
    fn published_values() {
        assert!(luhn(&[7, 8, 9, 4, 9]));
        assert!(!luhn(&[7, 8, 9, 5, 9]));
        assert!(mod_11_10(&[1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 8]));
        assert_eq!(mod_11_2(&[0, 7, 9, 4]), 0);
        assert_eq!(mod_11_2(&[0, 7, 9]), 10);
        assert!(mod_97_10(b"WEST12345698765432GB82"));
        assert!(verhoeff(&[1, 2, 3, 4, 0]));
        assert!(!verhoeff(&[1, 2, 3, 4, 1]));
        assert!(!luhn(&[]) && !verhoeff(&[]) && !mod_11_10(&[]));
    }

    #[test]
    fn placeholders() {
        for text in ["null", "****", "${PASSWORD}", "xxxx-xxxx", "aaaaaa", " ", "{{uid}}", "00000000-0000"] {
            assert!(is_placeholder(text.as_bytes()), "{text}");
        }
        for text in ["sample", "correct-horse", "7234567890123456789"] {
            assert!(!is_placeholder(text.as_bytes()), "{text}");
        }
    }
}
