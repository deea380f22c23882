//! Keys and tags: everything in a watch file is made of HMAC-SHA-256 under its key.
//!
//! | message | octets | what |
//! |---|---|---|
//! | `EDM1` 00 type 00 value | 16 | tag of a primary value |
//! | `EDM1R` 00 row type 00 value | 8 | tag of a secondary value of one row (row: 8 octets, big endian) |
//! | `EDM1K` 00 | 8 | key check value: tells a wrong key from a damaged file |
//! | `EDM1S` 00 | 32 | key that seals the file's body |
//! | `EDM1N` 00 header 00 body | 12 | nonce of the seal: the same content gives the same file, other content another nonce |
//! | `EDM1P` 00 number | 16 | padding |
//!
//! The first two and their test vectors: signatures reference, section 11.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::ZeroizeOnDrop;

/// Octets of a key.
pub const WATCH_KEY_OCTETS: usize = 32;

/// Tag of a primary value.
pub(super) type Tag = [u8; 16];

/// Tag of a secondary value within a row.
pub(super) type RowTag = [u8; 8];

/// The key of watch files. Has no `Debug`; wiped when dropped.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct WatchKey([u8; WATCH_KEY_OCTETS]);

impl WatchKey {
    /// A key of exactly [`WATCH_KEY_OCTETS`].
    pub fn new(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }
}

/// Makes tags under one key.
pub(super) struct Tagger {
    mac: Hmac<Sha256>,
}

impl Tagger {
    pub(super) fn new(key: &WatchKey) -> Self {
        // A key of 32 octets is shorter than a block: HMAC takes it as it is (RFC 2104).
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        for (to, from) in block.iter_mut().zip(&key.0) {
            *to = *from;
        }
        Self { mac: Hmac::new(&block) }
    }

    fn digest<const N: usize>(&self, parts: &[&[u8]]) -> [u8; N] {
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(part);
        }
        let mut tag = [0; N];
        for (to, from) in tag.iter_mut().zip(mac.finalize().into_bytes()) {
            *to = from;
        }
        tag
    }

    pub(super) fn tag(&self, kind: &str, value: &[u8]) -> Tag {
        self.digest(&[b"EDM1\0", kind.as_bytes(), b"\0", value])
    }

    pub(super) fn row_tag(&self, row: u64, field: &str, value: &[u8]) -> RowTag {
        self.digest(&[b"EDM1R\0", &row.to_be_bytes(), field.as_bytes(), b"\0", value])
    }

    pub(super) fn check_value(&self) -> [u8; 8] {
        self.digest(&[b"EDM1K\0"])
    }

    pub(super) fn seal_key(&self) -> [u8; 32] {
        self.digest(&[b"EDM1S\0"])
    }

    pub(super) fn nonce(&self, header: &[u8], body: &[u8]) -> [u8; 12] {
        self.digest(&[b"EDM1N\0", header, b"\0", body])
    }

    pub(super) fn padding(&self, number: u64) -> Tag {
        self.digest(&[b"EDM1P\0", &number.to_be_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    /// Signatures reference, section 11.
    #[test]
    fn tags_are_those_of_the_reference() {
        let octets: Vec<u8> = (0..32).collect();
        let tagger = Tagger::new(&WatchKey::new(&octets).unwrap());
        for (kind, value, tag) in [
            ("us-ssn", "899456789", "f99a7761d45f92ccc99af488c9aff05c"),
            ("ipv4-datum", "203.0.113.7", "3466215e02594717ff859e6c56fa95e5"),
            ("email", "alex@example.com", "280989b32c0ed0e49febc6a732467f44"),
            ("us-dl-number", "CA:D1234562", "865c3244e2eff424e91b157ba6008740"),
        ] {
            assert_eq!(hex(&tagger.tag(kind, value.as_bytes())), tag, "{kind}");
        }
        assert_eq!(hex(&tagger.row_tag(1, "surname", b"SAMPLE")), "2e77ccfc48134c82");
        assert_eq!(hex(&tagger.row_tag(2, "surname", b"SAMPLE")), "db6d9e2210f74d6b");
    }
}
