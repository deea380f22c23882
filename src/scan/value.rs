//! What is said of a value outside: its shape and its keyed digest. The value itself goes no further.

use std::net::Ipv6Addr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::signature::Normalise;
use crate::model::DataClass;

/// Characters of a masked form.
const MASKED_CHARACTERS_MAX: usize = 40;

/// The shape of a value: letters and digits become `*`, spaces and ASCII punctuation stay, control characters become
/// spaces. Of credentials nothing but the length (to 40) is shown.
pub(super) fn masked(value: &[u8], class: DataClass) -> String {
    let hidden = class == DataClass::Credential || class == DataClass::Image;
    if value.is_ascii() {
        let shown = value.iter().take(MASKED_CHARACTERS_MAX).map(|b| match b {
            _ if hidden => b'*',
            b if b.is_ascii_punctuation() || *b == b' ' => *b,
            b if b.is_ascii_control() => b' ',
            _ => b'*',
        });
        return String::from_utf8(shown.collect()).unwrap_or_default();
    }
    String::from_utf8_lossy(value.get(..value.len().min(4 * MASKED_CHARACTERS_MAX)).unwrap_or_default())
        .chars()
        .take(MASKED_CHARACTERS_MAX)
        .map(|c| match c {
            _ if hidden => '*',
            c if c.is_ascii_punctuation() || c == ' ' => c,
            c if c.is_ascii_control() => ' ',
            _ => '*',
        })
        .collect()
}

/// Values that a digester remembers, and octets of the longest of them.
const KNOWN: usize = 512;
const KNOWN_OCTETS_MAX: usize = 64;

/// HMAC-SHA-256 under one key. It remembers some of the last values: users' data comes again and again.
pub(super) struct Digester {
    mac: Hmac<Sha256>,
    known: Vec<Known>,
}

/// A value and its digest. Holds payload: no `Debug`.
#[derive(Clone)]
struct Known {
    signature: u16,
    value: [u8; KNOWN_OCTETS_MAX],
    length: usize,
    digest: [u8; 32],
}

impl Digester {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        // A key of 32 octets is shorter than a block: HMAC takes it as it is (RFC 2104).
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        let empty = Known { signature: u16::MAX, value: [0; KNOWN_OCTETS_MAX], length: 0, digest: [0; 32] };
        Self { mac: Hmac::new(&block), known: vec![empty; KNOWN] }
    }

    /// The [digest](Self::digest_normal) of a value of the signature with an index.
    pub(super) fn digest_of(&mut self, index: u16, signature: &str, value: &[u8], normalise: Normalise) -> String {
        let hash = value.iter().fold(u64::from(index), |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
        let slot = (hash ^ hash >> 29) as usize % KNOWN;
        let known = self.known.get(slot).filter(|k| k.signature == index && k.value.get(..k.length) == Some(value));
        if let Some(digest) = known.and_then(|k| std::str::from_utf8(&k.digest).ok()) {
            return digest.to_string();
        }
        let digest = self.hex(signature, value, normalise);
        if let Some(known) = self.known.get_mut(slot)
            && let Some(to) = known.value.get_mut(..value.len())
        {
            to.copy_from_slice(value);
            (known.signature, known.length, known.digest) = (index, value.len(), digest);
        }
        text(&digest)
    }

    /// The first 16 octets, in hex, of the digest of `signature 00 value`, for a value in its normal form.
    pub(super) fn digest_normal(&self, signature: &str, value: &[u8]) -> String {
        text(&self.hex_normal(signature, value))
    }

    fn hex(&self, signature: &str, value: &[u8], normalise: Normalise) -> [u8; 32] {
        // Most values are short, and most normal forms leave octets out.
        let mut short = [0; KNOWN_OCTETS_MAX];
        let keeps: fn(&u8) -> bool = match normalise {
            Normalise::Digits => u8::is_ascii_digit,
            Normalise::Alphanumeric => u8::is_ascii_alphanumeric,
            Normalise::Verbatim => return self.hex_normal(signature, value),
            _ => return self.hex_normal(signature, &normalised(value, normalise)),
        };
        if value.len() > short.len() {
            return self.hex_normal(signature, &normalised(value, normalise));
        }
        let mut length = 0;
        for octet in value.iter().filter(|octet| keeps(octet)) {
            if let Some(slot) = short.get_mut(length) {
                *slot = octet.to_ascii_uppercase();
                length += 1;
            }
        }
        self.hex_normal(signature, short.get(..length).unwrap_or_default())
    }

    fn hex_normal(&self, signature: &str, value: &[u8]) -> [u8; 32] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut mac = self.mac.clone();
        mac.update(signature.as_bytes());
        mac.update(&[0]);
        mac.update(value);
        let tag = mac.finalize().into_bytes();
        let digit = |n: u8| HEX.get(usize::from(n)).copied().unwrap_or(b'0');
        let mut hex = [0; 32];
        for (two, octet) in hex.as_chunks_mut::<2>().0.iter_mut().zip(&tag) {
            *two = [digit(octet >> 4), digit(octet & 15)];
        }
        hex
    }
}

fn text(hex: &[u8; 32]) -> String {
    std::str::from_utf8(hex).map(str::to_owned).unwrap_or_default()
}

/// A digest as a number.
pub(super) fn tag_of(digest: &str) -> u128 {
    let number =
        |hex: &str| hex.bytes().fold(0_u64, |number, digit| number << 4 | u64::from((digit & 15) + 9 * (digit >> 6)));
    digest.split_at_checked(16).map_or(0, |(high, low)| u128::from(number(high)) << 64 | u128::from(number(low)))
}

fn normalised(value: &[u8], normalise: Normalise) -> Vec<u8> {
    let text = || String::from_utf8_lossy(value);
    match normalise {
        Normalise::Verbatim => value.to_vec(),
        Normalise::Digits => value.iter().copied().filter(u8::is_ascii_digit).collect(),
        Normalise::Alphanumeric => {
            value.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase).collect()
        }
        Normalise::Upper => value.to_ascii_uppercase(),
        Normalise::Lower => value.to_ascii_lowercase(),
        Normalise::Words => text().split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase().into_bytes(),
        Normalise::Ipv6 => match text().parse::<Ipv6Addr>() {
            Ok(address) => address.to_string().into_bytes(),
            Err(_) => value.to_ascii_lowercase(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_tell_nothing() {
        let cases = [
            ("899-45-6789", DataClass::GovernmentId, "***-**-****"),
            ("alex@example.com", DataClass::Contact, "****@*******.***"),
            ("Jörg Müller", DataClass::AccountId, "**** ******"),
            ("p@ss-w0rd", DataClass::Credential, "*********"),
            ("a\n\x1e b", DataClass::Contact, "*   *"),
        ];
        for (value, class, expected) in cases {
            assert_eq!(masked(value.as_bytes(), class), expected);
        }
        assert_eq!(masked(&[0xff; 300], DataClass::Contact).chars().count(), 40);
    }

    /// HMAC-SHA-256 by Python's hmac module: key 00..1f, message `us-ssn 00 899456789`.
    #[test]
    fn digest_is_hmac_sha256_of_the_normalised_value() {
        let mut key = [0; 32];
        (0..).zip(key.iter_mut()).for_each(|(n, k)| *k = n);
        let digester = Digester::new(&key);
        let digest = text(&digester.hex("us-ssn", b"899-45-6789", Normalise::Digits));
        assert_eq!(digest, text(&digester.hex("us-ssn", b"899 45 6789", Normalise::Digits)));
        assert_eq!(digest, "e2348b8b5902b7a812a2c23215287a17");
        assert_eq!(tag_of(&digest), 0xe234_8b8b_5902_b7a8_12a2_c232_1528_7a17);
    }
}
