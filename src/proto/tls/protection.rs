//! Record protection of TLS 1.2 (RFC 5246, section 6.2.3; RFC 5288, 7366, 7905) and TLS 1.3 (RFC 8446, section 5.2): cipher
//! suites, keys, and how a record is opened. Nothing is opened that does not authenticate.

use aes::{Aes128, Aes256};
use cbc::cipher::array::Array;
use cbc::cipher::{BlockModeDecrypt, BlockSizeUser, KeyIvInit};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use zeroize::Zeroizing;

use super::super::kdf::{Hash, expand_label, prf};
use super::super::reader::Reader;

/// Octets of an initialisation vector, and of a block of AES.
const BLOCK: usize = 16;

/// How the records of a cipher suite are protected.
#[derive(Clone, Copy)]
enum Cipher {
    /// Authenticated encryption. In TLS 1.2, `explicit`: eight octets of the nonce are in the record (GCM).
    Aead { algorithm: &'static Algorithm, explicit: bool },
    /// AES in CBC mode with an HMAC, of TLS 1.2.
    Cbc { key_len: usize, mac: hmac::Algorithm },
}

/// A cipher suite.
#[derive(Clone, Copy)]
pub(super) struct Suite {
    cipher: Cipher,
    hash: Hash,
}

impl Suite {
    /// A suite by its number in the IANA registry, if its records can be opened.
    pub(super) fn of(code: u16) -> Option<Self> {
        let aead = |algorithm, explicit, hash| Some(Self { cipher: Cipher::Aead { algorithm, explicit }, hash });
        let cbc = |key_len, mac, hash| Some(Self { cipher: Cipher::Cbc { key_len, mac }, hash });
        match code {
            0x1301 => aead(&AES_128_GCM, false, Hash::Sha256),
            0x1302 => aead(&AES_256_GCM, false, Hash::Sha384),
            0x1303 | 0xcca8..=0xccae => aead(&CHACHA20_POLY1305, false, Hash::Sha256),
            0x009c | 0x009e | 0x00a0 | 0x00a2 | 0x00a4 | 0x00a6 | 0x00a8 | 0x00aa | 0x00ac | 0xc02b | 0xc02d
            | 0xc02f | 0xc031 | 0xd001 => aead(&AES_128_GCM, true, Hash::Sha256),
            0x009d | 0x009f | 0x00a1 | 0x00a3 | 0x00a5 | 0x00a7 | 0x00a9 | 0x00ab | 0x00ad | 0xc02c | 0xc02e
            | 0xc030 | 0xc032 | 0xd002 => aead(&AES_256_GCM, true, Hash::Sha384),
            0x002f..=0x0034
            | 0x008c
            | 0x0090
            | 0x0094
            | 0xc004
            | 0xc009
            | 0xc00e
            | 0xc013
            | 0xc018
            | 0xc01d
            | 0xc01e
            | 0xc01f
            | 0xc035 => cbc(16, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, Hash::Sha256),
            0x0035..=0x003a
            | 0x008d
            | 0x0091
            | 0x0095
            | 0xc005
            | 0xc00a
            | 0xc00f
            | 0xc014
            | 0xc019
            | 0xc020
            | 0xc021
            | 0xc022
            | 0xc036 => cbc(32, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, Hash::Sha256),
            0x003c | 0x003e | 0x003f | 0x0040 | 0x0067 | 0x006c | 0x00ae | 0x00b2 | 0x00b6 | 0xc023 | 0xc025
            | 0xc027 | 0xc029 | 0xc037 => cbc(16, hmac::HMAC_SHA256, Hash::Sha256),
            0x003d | 0x0068..=0x006b | 0x006d => cbc(32, hmac::HMAC_SHA256, Hash::Sha256),
            0x00af | 0x00b3 | 0x00b7 | 0xc024 | 0xc026 | 0xc028 | 0xc02a | 0xc038 => {
                cbc(32, hmac::HMAC_SHA384, Hash::Sha384)
            }
            _ => None,
        }
    }

    /// Hash of the suite's key schedule.
    pub(super) const fn hash(self) -> Hash {
        self.hash
    }
}

/// The record header: type, version, length (RFC 5246, section 6.2.1).
pub(super) type Header = [u8; 5];

/// Opens the records of one direction under one key. What ring keeps of a key is not wiped by it; all else is.
pub(super) struct Opener(Protection);

enum Protection {
    /// TLS 1.2 with authenticated encryption. `iv` is four octets for explicit nonces, else twelve.
    Aead12 { key: LessSafeKey, iv: Zeroizing<Vec<u8>>, explicit: bool },
    /// TLS 1.2 with CBC and HMAC.
    Cbc12 { key: Zeroizing<Vec<u8>>, mac: hmac::Key, mac_len: usize, encrypt_then_mac: bool },
    /// TLS 1.3.
    Aead13 { key: LessSafeKey, iv: Zeroizing<Vec<u8>> },
}

impl Opener {
    /// Of the client and of the server in TLS 1.2 (RFC 5246, section 6.3).
    pub(super) fn pair_1_2(
        suite: Suite,
        master: &[u8],
        client_random: &[u8; 32],
        server_random: &[u8; 32],
        encrypt_then_mac: bool,
    ) -> Option<[Self; 2]> {
        let (mac_len, key_len, iv_len) = match suite.cipher {
            Cipher::Aead { algorithm, explicit } => (0, algorithm.key_len(), if explicit { 4 } else { 12 }),
            Cipher::Cbc { key_len, mac } => (mac.digest_algorithm().output_len(), key_len, 0),
        };
        let len = 2 * (mac_len + key_len + iv_len);
        let block = prf(suite.hash, master, b"key expansion", [server_random, client_random], len);
        let mut reader = Reader::new(&block);
        let macs = [reader.take(mac_len)?, reader.take(mac_len)?];
        let keys = [reader.take(key_len)?, reader.take(key_len)?];
        let ivs = [reader.take(iv_len)?, reader.take(iv_len)?];
        let opener = |mac_key: &[u8], key: &[u8], iv: &[u8]| {
            let protection = match suite.cipher {
                Cipher::Aead { algorithm, explicit } => Protection::Aead12 {
                    key: LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?),
                    iv: Zeroizing::new(iv.to_vec()),
                    explicit,
                },
                Cipher::Cbc { mac, .. } => Protection::Cbc12 {
                    key: Zeroizing::new(key.to_vec()),
                    mac: hmac::Key::new(mac, mac_key),
                    mac_len,
                    encrypt_then_mac,
                },
            };
            Some(Self(protection))
        };
        Some([opener(macs[0], keys[0], ivs[0])?, opener(macs[1], keys[1], ivs[1])?])
    }

    /// Of a traffic secret in TLS 1.3 (RFC 8446, section 7.3).
    pub(super) fn of_traffic_secret(suite: Suite, secret: &[u8]) -> Option<Self> {
        let Cipher::Aead { algorithm, .. } = suite.cipher else { return None };
        let key = expand_label(suite.hash, secret, "key", algorithm.key_len())?;
        let key = LessSafeKey::new(UnboundKey::new(algorithm, &key).ok()?);
        Some(Self(Protection::Aead13 { key, iv: expand_label(suite.hash, secret, "iv", 12)? }))
    }

    /// Opens one record: the type of what is inside, and its octets.
    pub(super) fn open(&self, sequence: u64, header: Header, fragment: &[u8]) -> Option<(u8, Vec<u8>)> {
        match &self.0 {
            Protection::Aead12 { key, iv, explicit } => {
                let (nonce, sealed) = if *explicit {
                    let (explicit, sealed) = fragment.split_at_checked(8)?;
                    ([iv, explicit].concat().try_into().ok()?, sealed)
                } else {
                    (mixed(iv, sequence)?, fragment)
                };
                let len = sealed.len().checked_sub(key.algorithm().tag_len())?;
                let clear = open(key, nonce, &authenticated(sequence, header, len)?, sealed)?;
                Some((header[0], clear))
            }
            Protection::Cbc12 { key, mac, mac_len, encrypt_then_mac } => {
                let clear = if *encrypt_then_mac {
                    let (sealed, tag) = fragment.split_at_checked(fragment.len().checked_sub(*mac_len)?)?;
                    let signed = [&authenticated(sequence, header, sealed.len())?, sealed].concat();
                    hmac::verify(mac, &signed, tag).ok()?;
                    let mut clear = decrypt_cbc(key, sealed)?;
                    unpad(&mut clear)?;
                    clear
                } else {
                    let mut clear = decrypt_cbc(key, fragment)?;
                    unpad(&mut clear)?;
                    let (content, tag) = clear.split_at_checked(clear.len().checked_sub(*mac_len)?)?;
                    let signed = [&authenticated(sequence, header, content.len())?, content].concat();
                    hmac::verify(mac, &signed, tag).ok()?;
                    clear.truncate(clear.len() - mac_len);
                    clear
                };
                Some((header[0], clear))
            }
            Protection::Aead13 { key, iv } => {
                let mut clear = open(key, mixed(iv, sequence)?, &header, fragment)?;
                // The type is the last octet that is not zero (RFC 8446, section 5.4).
                while clear.last() == Some(&0) {
                    clear.pop();
                }
                let kind = clear.pop()?;
                Some((kind, clear))
            }
        }
    }
}

/// The nonce of a sequence number where it is not in the record (RFC 8446, section 5.3; RFC 7905, section 2).
fn mixed(iv: &[u8], sequence: u64) -> Option<[u8; 12]> {
    let mut nonce: [u8; 12] = iv.try_into().ok()?;
    nonce.iter_mut().rev().zip(sequence.to_be_bytes().iter().rev()).for_each(|(octet, number)| *octet ^= number);
    Some(nonce)
}

/// What TLS 1.2 authenticates beside the content: sequence number, type, version, length.
fn authenticated(sequence: u64, [kind, major, minor, ..]: Header, len: usize) -> Option<[u8; 13]> {
    let len = u16::try_from(len).ok()?;
    let mut out = [0; 13];
    out[..8].copy_from_slice(&sequence.to_be_bytes());
    out[8..11].copy_from_slice(&[kind, major, minor]);
    out[11..].copy_from_slice(&len.to_be_bytes());
    Some(out)
}

fn open(key: &LessSafeKey, nonce: [u8; 12], authenticated: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let mut octets = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    let len = key.open_in_place(nonce, Aad::from(authenticated), &mut octets).ok()?.len();
    octets.truncate(len);
    Some(octets)
}

/// Decrypts whole blocks behind their initialisation vector.
fn decrypt_cbc(key: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    fn run<C: BlockModeDecrypt + KeyIvInit>(key: &[u8], iv: &[u8], octets: &mut [u8]) -> Option<()> {
        let mut cipher = C::new_from_slices(key, iv).ok()?;
        let (blocks, rest) = Array::<u8, <C as BlockSizeUser>::BlockSize>::slice_as_chunks_mut(octets);
        if !rest.is_empty() {
            return None;
        }
        cipher.decrypt_blocks(blocks);
        Some(())
    }
    let (iv, sealed) = sealed.split_at_checked(BLOCK)?;
    let mut octets = sealed.to_vec();
    match key.len() {
        16 => run::<cbc::Decryptor<Aes128>>(key, iv, &mut octets)?,
        _ => run::<cbc::Decryptor<Aes256>>(key, iv, &mut octets)?,
    }
    Some(octets)
}

/// Takes the padding off: its length is the last octet, and every octet of it says the same (RFC 5246, section 6.2.3.2). We
/// answer nobody, so nothing needs to be constant in time.
fn unpad(octets: &mut Vec<u8>) -> Option<()> {
    let padding = *octets.last()?;
    let len = octets.len().checked_sub(usize::from(padding) + 1)?;
    octets.get(len..)?.iter().all(|octet| *octet == padding).then(|| octets.truncate(len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::tests::hex;

    /// RFC 8448, section 3: the client's application data.
    #[test]
    fn a_record_of_the_standard_opens() {
        let secret = hex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
        let record = hex(
            "17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc ab 3f 2b 98 19
             a8 a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 49
             15 e4",
        );
        let opener = Opener::of_traffic_secret(Suite::of(0x1301).unwrap(), &secret).unwrap();
        let (header, fragment) = record.split_first_chunk::<5>().unwrap();
        assert_eq!(opener.open(0, *header, fragment), Some((23, (0..50).collect())));
        assert_eq!(opener.open(1, *header, fragment), None);
        for at in 0..record.len() {
            let mut damaged = record.clone();
            damaged[at] ^= 1;
            let (header, fragment) = damaged.split_first_chunk::<5>().unwrap();
            assert_eq!(opener.open(0, *header, fragment), None, "octet {at}");
        }
        for len in 0..fragment.len() {
            assert_eq!(opener.open(0, *header, &fragment[..len]), None);
        }
    }

    /// Whatever comes, nothing of TLS 1.2 opens by chance, and nothing panics.
    #[test]
    fn octets_under_any_suite_do_not_panic() {
        let octets: Vec<u8> = (0..400_usize).map(|at| (at * 7 + at / 13) as u8).collect();
        let mut suites = 0;
        for suite in (0..=u16::MAX).filter_map(Suite::of) {
            suites += 1;
            for encrypt_then_mac in [false, true] {
                let Some(pair) = Opener::pair_1_2(suite, &[1; 48], &[2; 32], &[3; 32], encrypt_then_mac) else {
                    continue;
                };
                for len in (0..100).chain([160, 256, 400]) {
                    for opener in &pair {
                        assert_eq!(opener.open(u64::MAX, [23, 3, 3, 0, 0], &octets[..len]), None);
                    }
                }
            }
        }
        assert!(suites > 80);
    }
}
