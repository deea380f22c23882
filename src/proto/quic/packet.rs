//! Packets of QUIC: their headers (RFC 9000, section 17; RFC 8999), and how both protections come off (RFC 9001, section 5).

use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey, quic};
use zeroize::Zeroizing;

use super::super::kdf::{Hash, expand_label};
use super::super::reader::Reader;

/// Octets of an authentication tag, and of a sample for header protection.
pub(super) const TAG: usize = 16;
/// Octets of a connection id.
const ID_MAX: u8 = 20;
/// QUIC version 2 (RFC 9369).
pub(super) const V2: u32 = 0x6b33_43cf;

/// What a packet carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anyone can open it.
    Initial,
    /// The client's early octets.
    ZeroRtt,
    /// The rest of the handshake.
    Handshake,
    /// Everything after.
    OneRtt,
}

/// The part of a long header that all versions share (RFC 8999, section 5.1).
pub(super) struct LongHeader<'a> {
    pub(super) first: u8,
    pub(super) version: u32,
    pub(super) destination: &'a [u8],
    pub(super) source_len: u8,
}

impl<'a> LongHeader<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let first = reader.u8()?;
        let version = reader.u32()?;
        let destination_len = reader.u8()?;
        if first & 0x80 == 0 || destination_len > ID_MAX {
            return None;
        }
        let destination = reader.take(usize::from(destination_len))?;
        let source_len = reader.u8()?;
        reader.take(usize::from(source_len)).filter(|_| source_len <= ID_MAX)?;
        Some(Self { first, version, destination, source_len })
    }
}

/// A packet in its datagram.
pub(super) struct Packet<'a> {
    pub(super) kind: Kind,
    /// The long header, if it has one.
    pub(super) long: Option<LongHeader<'a>>,
    pub(super) octets: &'a [u8],
    /// Offset of the protected packet number.
    pub(super) number_at: usize,
}

/// Takes one packet off a datagram. `id_len`: octets of connection ids that the receiver chose, which a short header does
/// not tell. `None`: what follows cannot be walked.
pub(super) fn next<'a>(reader: &mut Reader<'a>, id_len: Option<u8>) -> Option<Packet<'a>> {
    let octets = reader.rest();
    if octets.first()? & 0x80 == 0 {
        // Zeroes fill a datagram up, and are no packet.
        if octets.iter().all(|octet| *octet == 0) {
            return None;
        }
        let number_at = 1 + usize::from(id_len?);
        reader.take(octets.len())?;
        return Some(Packet { kind: Kind::OneRtt, long: None, octets, number_at });
    }
    let start = reader.at();
    let long = LongHeader::read(reader)?;
    let kind = long.first >> 4 & 3;
    // Version 2 numbers the types differently (RFC 9369, section 3.2): 0 Initial, 1 0-RTT, 2 Handshake, 3 Retry here.
    let kind = match long.version {
        0 => return None,
        V2 => kind.wrapping_sub(1) & 3,
        _ => kind,
    };
    let kind = match kind {
        0 => Kind::Initial,
        1 => Kind::ZeroRtt,
        2 => Kind::Handshake,
        _ => return None,
    };
    if kind == Kind::Initial {
        let token_len = varint(reader)?;
        reader.take(usize::try_from(token_len).ok()?)?;
    }
    let len = varint(reader)?;
    let number_at = reader.at() - start;
    reader.take(usize::try_from(len).ok()?)?;
    Some(Packet { kind, long: Some(long), octets: octets.get(..reader.at() - start)?, number_at })
}

/// RFC 9000, section 16.
pub(crate) fn varint(reader: &mut Reader<'_>) -> Option<u64> {
    let first = reader.u8()?;
    let more = (1_usize << (first >> 6)) - 1;
    let rest = reader.take(more)?;
    Some(rest.iter().fold(u64::from(first & 0x3f), |value, octet| value << 8 | u64::from(*octet)))
}

/// A packet without its protections.
pub(super) struct Opened {
    pub(super) number: u64,
    /// The key phase of a short header.
    pub(super) phase: bool,
    pub(super) frames: Vec<u8>,
}

/// An AEAD with its header protection and hash.
#[derive(Clone, Copy)]
pub(super) struct Suite {
    aead: &'static Algorithm,
    header: &'static quic::Algorithm,
    pub(super) hash: Hash,
}

impl Suite {
    /// TLS_AES_128_GCM_SHA256, which also protects Initial packets.
    pub(super) const AES_128: Self = Self { aead: &AES_128_GCM, header: &quic::AES_128, hash: Hash::Sha256 };

    /// Suites whose secrets are so long. Which it is shows when a packet opens.
    pub(super) const fn of_len(len: usize) -> &'static [Self] {
        const LONG: &[Suite] = &[Suite { aead: &AES_256_GCM, header: &quic::AES_256, hash: Hash::Sha384 }];
        const SHORT: &[Suite] =
            &[Suite::AES_128, Suite { aead: &CHACHA20_POLY1305, header: &quic::CHACHA20, hash: Hash::Sha256 }];
        if len == 48 { LONG } else { SHORT }
    }
}

/// The keys of one secret. What ring keeps of a key is not wiped by it; all else is.
pub(super) struct PacketKeys {
    pub(super) packet: LessSafeKey,
    pub(super) iv: Zeroizing<Vec<u8>>,
    pub(super) header: quic::HeaderProtectionKey,
}

impl PacketKeys {
    /// RFC 9001, section 5.1, with the labels of the version.
    pub(super) fn of_secret(suite: Suite, version: u32, secret: &[u8]) -> Option<Self> {
        let [key, iv, header] = match version {
            V2 => ["quicv2 key", "quicv2 iv", "quicv2 hp"],
            _ => ["quic key", "quic iv", "quic hp"],
        };
        let len = suite.aead.key_len();
        let expand = |label, len| expand_label(suite.hash, secret, label, len);
        Some(Self {
            packet: LessSafeKey::new(UnboundKey::new(suite.aead, &expand(key, len)?).ok()?),
            iv: expand(iv, 12)?,
            header: quic::HeaderProtectionKey::new(suite.header, &expand(header, len)?).ok()?,
        })
    }

    /// Removes both protections (RFC 9001, section 5.4); `None` if these are not the packet's keys. `largest` is the largest
    /// packet number before it, `header` the keys that protect the header, if others.
    pub(super) fn open(&self, packet: &Packet<'_>, largest: Option<u64>, header: Option<&Self>) -> Option<Opened> {
        let header = header.unwrap_or(self);
        let number_at = packet.number_at;
        let sample = packet.octets.get(number_at + 4..number_at + 4 + TAG)?;
        let [mask_first, mask_number @ ..] = header.header.new_mask(sample).ok()?;
        let mut octets = packet.octets.to_vec();
        let first = octets.first_mut()?;
        *first ^= mask_first & if packet.kind == Kind::OneRtt { 0x1f } else { 0x0f };
        let (number_len, phase) = (usize::from(*first & 3) + 1, *first & 4 != 0);
        let payload_at = number_at + number_len;
        let number = octets.get_mut(number_at..payload_at)?;
        number.iter_mut().zip(mask_number).for_each(|(octet, mask)| *octet ^= mask);
        let truncated = number.iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
        let number = whole_number(truncated, number_len, largest);
        let mut nonce: [u8; 12] = self.iv.as_slice().try_into().ok()?;
        nonce.iter_mut().rev().zip(number.to_be_bytes().iter().rev()).for_each(|(octet, number)| *octet ^= number);
        let (header, payload) = octets.split_at_mut_checked(payload_at)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let frames = self.packet.open_in_place(nonce, Aad::from(&*header), payload).ok()?.to_vec();
        Some(Opened { number, phase, frames })
    }
}

/// The packet number that its last octets mean (RFC 9000, appendix A.3).
fn whole_number(truncated: u64, len: usize, largest: Option<u64>) -> u64 {
    let expected = largest.map_or(0, |largest| largest + 1);
    let window = 1_u64 << (8 * len);
    let candidate = expected & !(window - 1) | truncated;
    if candidate + window / 2 <= expected && candidate < (1 << 62) - window {
        candidate + window
    } else if candidate > expected + window / 2 && candidate >= window {
        candidate - window
    } else {
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9000, appendix A.3, and its borders.
    #[test]
    fn packet_numbers_are_completed() {
        assert_eq!(whole_number(0x9b32, 2, Some(0xa82f_30ea)), 0xa82f_9b32);
        assert_eq!(whole_number(5, 1, None), 5);
        assert_eq!(whole_number(1, 1, Some(0xff)), 0x101);
        assert_eq!(whole_number(0xff, 1, Some(0x100)), 0xff);
        for largest in [None, Some(0), Some((1 << 62) - 1), Some(u64::from(u32::MAX))] {
            for len in 1..=4 {
                whole_number((1 << (8 * len)) - 1, len, largest);
            }
        }
    }
}
