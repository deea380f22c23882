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

/// HMAC-SHA-256 under one key.
#[derive(Clone)]
pub(super) struct Digester {
    mac: Hmac<Sha256>,
}

impl Digester {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        // A key of 32 octets is shorter than a block: HMAC takes it as it is (RFC 2104).
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        Self { mac: Hmac::new(&block) }
    }

    /// The first 16 octets, in hex, of the digest of `signature 00 value`.
    pub(super) fn digest(&self, signature: &str, value: &[u8], normalise: Normalise) -> String {
        self.digest_normal(signature, &normalised(value, normalise))
    }

    /// The same of a value in its normal form.
    pub(super) fn digest_normal(&self, signature: &str, value: &[u8]) -> String {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut mac = self.mac.clone();
        mac.update(signature.as_bytes());
        mac.update(&[0]);
        mac.update(value);
        let tag = mac.finalize().into_bytes();
        let digit = |n: u8| HEX.get(usize::from(n)).copied().map_or('0', char::from);
        tag.iter().take(16).flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
    }
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
        let digest = digester.digest("us-ssn", b"899-45-6789", Normalise::Digits);
        assert_eq!(digest, digester.digest("us-ssn", b"899 45 6789", Normalise::Digits));
        assert_eq!(digest, "e2348b8b5902b7a812a2c23215287a17");
    }
}
