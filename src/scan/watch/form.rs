//! Normal forms: how a value is written before it is tagged, so that it is found however it is written in traffic.
//!
//! Each form has a name with a version, which the watch file carries: a form never changes, a better one gets the next
//! version, and a file with a form that this program does not know is refused.

use std::net::Ipv6Addr;

use unicode_normalization::UnicodeNormalization as _;

use crate::scan::signature::{Normalise, Signature};

/// Octets of a normal form. Longer values are not listed and not looked up.
pub(super) const NORMAL_OCTETS_MAX: usize = 192;

/// How the values of a type are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// As they are.
    Verbatim,
    /// Decimal digits only.
    Digits,
    /// ASCII letters, in upper case, and digits.
    Alphanumeric,
    /// ASCII upper case.
    Upper,
    /// ASCII lower case.
    Lower,
    /// An IPv6 address as RFC 5952 writes it.
    Ipv6,
    /// The domain in lower case; the local part belongs to its host (RFC 5321, section 2.4).
    Email,
    /// Digits with country code: ten digits without one are of the North American plan.
    Phone,
    /// `STATE:NUMBER`, letters in upper case. A licence is tagged by its number alone too, since traffic seldom tells
    /// the state.
    Licence,
    /// 128 bits however they are written, as 32 hexadecimal digits; other tokens as they are.
    Token,
    /// NFKC, case folded, words separated by one space.
    Text,
}

impl Form {
    const NAMES: [(&'static str, Self); 11] = [
        ("verbatim/1", Self::Verbatim),
        ("digits/1", Self::Digits),
        ("alphanumeric/1", Self::Alphanumeric),
        ("upper/1", Self::Upper),
        ("lower/1", Self::Lower),
        ("ipv6/1", Self::Ipv6),
        ("email/1", Self::Email),
        ("phone/1", Self::Phone),
        ("licence/1", Self::Licence),
        ("token/1", Self::Token),
        ("text/1", Self::Text),
    ];

    pub(super) fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, form)| *form == self).map_or("", |(name, _)| name)
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, form)| *form)
    }

    /// The form of the values of a signature.
    pub(super) fn of(signature: &Signature) -> Self {
        match (&*signature.id, signature.normalise) {
            ("email", _) => Self::Email,
            ("phone-e164", _) => Self::Phone,
            ("us-dl-number", _) => Self::Licence,
            (_, Normalise::Verbatim) => Self::Verbatim,
            (_, Normalise::Digits) => Self::Digits,
            (_, Normalise::Alphanumeric) => Self::Alphanumeric,
            (_, Normalise::Upper) => Self::Upper,
            (_, Normalise::Lower) => Self::Lower,
            (_, Normalise::Words) => Self::Text,
            (_, Normalise::Ipv6) => Self::Ipv6,
        }
    }

    /// Writes a value in this form; `None` if it cannot be one.
    pub(super) fn write(self, value: &[u8]) -> Option<Vec<u8>> {
        let digits = || value.iter().copied().filter(u8::is_ascii_digit).collect::<Vec<u8>>();
        let normal = match self {
            Self::Verbatim => value.to_vec(),
            Self::Digits => digits(),
            Self::Alphanumeric => {
                value.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase).collect()
            }
            Self::Upper => value.to_ascii_uppercase(),
            Self::Lower => value.to_ascii_lowercase(),
            Self::Ipv6 => std::str::from_utf8(value).ok()?.parse::<Ipv6Addr>().ok()?.to_string().into_bytes(),
            Self::Email => {
                let at = value.iter().rposition(|b| *b == b'@')?;
                let (local, domain) = value.split_at_checked(at)?;
                [local, &domain.to_ascii_lowercase()].concat()
            }
            Self::Phone => {
                let digits = digits();
                match digits.strip_prefix(b"00") {
                    Some(rest) => rest.to_vec(),
                    None if digits.len() == 10 && !value.contains(&b'+') => [b"1", &*digits].concat(),
                    None => digits,
                }
            }
            Self::Licence => {
                let upper = |b: &[u8]| -> Vec<u8> {
                    b.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase).collect()
                };
                match value.iter().position(|b| *b == b':') {
                    Some(at) => [&*upper(value.get(..at)?), b":", &*upper(value.get(at..)?)].concat(),
                    None => upper(value),
                }
            }
            Self::Token => token(value)?,
            Self::Text => {
                let folded: String = std::str::from_utf8(value).ok()?.nfkc().collect();
                let folded: String = folded.to_uppercase().to_lowercase().nfkc().collect();
                folded.split_whitespace().collect::<Vec<_>>().join(" ").into_bytes()
            }
        };
        (!normal.is_empty() && normal.len() <= NORMAL_OCTETS_MAX).then_some(normal)
    }

    /// The forms under which a listed value is tagged.
    pub(super) fn listed(self, value: &[u8]) -> Vec<Vec<u8>> {
        let Some(normal) = self.write(value) else { return Vec::new() };
        let number = (self == Self::Licence)
            .then(|| normal.iter().position(|b| *b == b':').and_then(|at| normal.get(at + 1..)).map(<[u8]>::to_vec));
        std::iter::once(normal).chain(number.flatten().filter(|number| !number.is_empty())).collect()
    }
}

/// Octets that a token has at least.
pub(super) const TOKEN_OCTETS_MIN: usize = 16;

/// The normal form of a token: hexadecimal (also as UUID), base64 and base64url of 16 octets become 32 hexadecimal
/// digits.
fn token(value: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    if value.len() < TOKEN_OCTETS_MIN {
        return None;
    }
    let is_hex = value.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    if is_hex && value.iter().filter(|b| **b != b'-').count() == 32 {
        return Some(value.iter().filter(|b| **b != b'-').map(u8::to_ascii_lowercase).collect());
    }
    let bare = value.strip_suffix(b"==").unwrap_or(value);
    if bare.len() == 22
        && let Ok(octets) = URL_SAFE_NO_PAD.decode(bare).or_else(|_| STANDARD_NO_PAD.decode(bare))
    {
        return Some(octets.iter().flat_map(|octet| format!("{octet:02x}").into_bytes()).collect());
    }
    Some(value.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_written_differently_have_one_form() {
        let cases: [(Form, &str, &[&str]); 9] = [
            (Form::Digits, "899456789", &["899-45-6789", "899 45 6789"]),
            (Form::Email, "Alex@example.com", &["Alex@Example.COM", "Alex@example.com"]),
            (Form::Ipv6, "2001:db8::1", &["2001:DB8:0:0:0:0:0:1", "2001:0db8::0001"]),
            (Form::Phone, "12025550143", &["+1 202-555-0143", "(202) 555-0143", "0012025550143"]),
            (Form::Phone, "8613912345678", &["+86 139 1234 5678"]),
            (Form::Licence, "CA:D1234562", &["ca:d1234562", "CA: D123-4562"]),
            (Form::Licence, "D1234562", &["D1234562", "d123 4562"]),
            (Form::Text, "strasse müller", &["STRASSE  Müller", "Straße Mu\u{308}ller", "ｓｔｒａｓｓｅ müller"]),
            (
                Form::Token,
                "00112233445566778899aabbccddeeff",
                &[
                    "00112233445566778899AABBCCDDEEFF",
                    "00112233-4455-6677-8899-aabbccddeeff",
                    "ABEiM0RVZneImaq7zN3u/w==",
                    "ABEiM0RVZneImaq7zN3u_w",
                ],
            ),
        ];
        for (form, normal, written) in cases {
            for value in written {
                let found = form.write(value.as_bytes()).unwrap();
                assert_eq!(String::from_utf8_lossy(&found), normal, "{form:?} {value}");
            }
        }
        assert_eq!(Form::Licence.listed(b"CA:D1234562"), [b"CA:D1234562".to_vec(), b"D1234562".to_vec()]);
        assert_eq!(Form::Ipv6.write(b"nonsense"), None);
        for (name, form) in Form::NAMES {
            assert_eq!((form.as_str(), Form::named(name)), (name, Some(form)));
        }
    }
}
