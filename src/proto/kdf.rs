//! Key derivation: HKDF-Expand-Label of TLS 1.3 and QUIC, the pseudorandom function of TLS 1.2. What comes out is wiped.

use ring::hkdf::{self, KeyType, Prk};
use ring::hmac;
use zeroize::Zeroizing;

/// Hash of a cipher suite.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

impl Hash {
    /// Octets of a digest.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// Length of derived key material.
struct Len(usize);

impl KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label (RFC 8446, section 7.1) with an empty context: `len` octets for a label without its `tls13 `.
pub(crate) fn expand_label(hash: Hash, secret: &[u8], label: &str, len: usize) -> Option<Zeroizing<Vec<u8>>> {
    let algorithm = match hash {
        Hash::Sha256 => hkdf::HKDF_SHA256,
        Hash::Sha384 => hkdf::HKDF_SHA384,
    };
    let label_len = u8::try_from(label.len() + 6).ok()?;
    let info = [&u16::try_from(len).ok()?.to_be_bytes()[..], &[label_len], b"tls13 ", label.as_bytes(), &[0]];
    let mut out = Zeroizing::new(vec![0; len]);
    Prk::new_less_safe(algorithm, secret).expand(&info, Len(len)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

/// The pseudorandom function of TLS 1.2 (RFC 5246, section 5).
pub(crate) fn prf(hash: Hash, secret: &[u8], label: &[u8], seed: [&[u8]; 2], len: usize) -> Zeroizing<Vec<u8>> {
    let algorithm = match hash {
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
    };
    let key = hmac::Key::new(algorithm, secret);
    let seed = [label, seed[0], seed[1]].concat();
    // Allocated once: growth would leave copies behind.
    let mut out = Zeroizing::new(Vec::with_capacity(len + hash.len()));
    let mut a = hmac::sign(&key, &seed);
    while out.len() < len {
        let mut block = hmac::Context::with_key(&key);
        block.update(a.as_ref());
        block.update(&seed);
        out.extend_from_slice(block.sign().as_ref());
        a = hmac::sign(&key, a.as_ref());
    }
    out.truncate(len);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::tests::hex;

    /// RFC 8448, section 3: client and server handshake traffic secrets give these keys.
    #[test]
    fn labels_expand_as_in_the_standard() {
        let server = hex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
        assert_eq!(*expand_label(Hash::Sha256, &server, "key", 16).unwrap(), hex("3fce516009c21727d0f2e4e86ee403bc"));
        assert_eq!(*expand_label(Hash::Sha256, &server, "iv", 12).unwrap(), hex("5d313eb2671276ee13000b30"));
        let client = hex("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21");
        assert_eq!(*expand_label(Hash::Sha256, &client, "key", 16).unwrap(), hex("dbfaa693d1762c5b666af5d950258d01"));
        assert_eq!(*expand_label(Hash::Sha256, &client, "iv", 12).unwrap(), hex("5bd3c71b836e0b76bb73265f"));
    }

    /// The vector for P_SHA256 that was posted to the TLS working group's list (2012) and is in many test suites.
    #[test]
    fn the_function_of_tls_1_2_gives_the_known_octets() {
        let secret = hex("9bbe436ba940f017b17652849a71db35");
        let seed = hex("a0ba9f936cda311827a6f796ffd5198c");
        let expected = "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa0\
             22f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66";
        assert_eq!(*prf(Hash::Sha256, &secret, b"test label", [&seed, b""], 100), hex(expected));
    }
}
