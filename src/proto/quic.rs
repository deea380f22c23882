//! QUIC: the ClientHello in the Initial packets is read, everything else is locked.
//!
//! Initial packets are protected with keys that anyone can derive from the destination connection id of the client's first
//! packet (RFC 9001, section 5.2; RFC 9369 for version 2; drafts 23 to 34). Hellos with post-quantum key shares span
//! packets and datagrams, and Chromium shuffles their pieces on purpose: CRYPTO frames are assembled by offset. Other
//! versions, and Google's own before the standard, are recognised and left alone.

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey, quic};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use crate::model::{Direction, NameSource, UninspectedReason};

use super::Carrier;
use super::assembler::Assembler;
use super::decoder::{DatagramDecoder, Out};
use super::reader::Reader;
use super::registry::Ports;
use super::tls;
use super::unknown::{Look, look};

/// Datagrams after which a flow without a readable hello is left alone.
const TRIES_MAX: u32 = 32;
/// Octets of an authentication tag.
const TAG: usize = 16;

/// Whether a datagram is QUIC: a long header of a known version (RFC 8999, 9000, 9369, drafts, Google's before them), or,
/// midstream on the port of HTTP/3, a short header before octets that look encrypted.
pub(crate) fn probe(payload: &[u8], ports: Ports) -> bool {
    let Some(first) = payload.first() else { return false };
    if first & 0x80 == 0 {
        // Google's public header: version flag, connection id of 8 octets, version.
        let google = first & 0x09 == 0x09 && matches!(payload.get(9..11), Some(b"Q0"));
        let short = first & 0x40 != 0 && ports.contains(&443) && payload.len() >= 25;
        return google || short && look(payload) == Look::Opaque;
    }
    let mut reader = Reader::new(payload);
    let Some(header) = LongHeader::read(&mut reader) else {
        return payload.get(1..5).is_some_and(is_google) && payload.len() >= 20;
    };
    match header.version {
        // Version negotiation: a list of versions follows.
        0 => !reader.rest().is_empty() && reader.rest().len().is_multiple_of(4),
        0x0000_0001 | 0x6b33_43cf | 0xff00_0000..=0xff00_00ff => first & 0x40 != 0 && reader.rest().len() >= 4,
        // Reserved to exercise version negotiation (RFC 9000, section 15).
        version if version & 0x0f0f_0f0f == 0x0a0a_0a0a => first & 0x40 != 0 && payload.len() >= 1200,
        version => is_google(&version.to_be_bytes()) && payload.len() >= 20,
    }
}

/// `Q0nn` and `T0nn`: Google QUIC with a long header.
const fn is_google(version: &[u8]) -> bool {
    matches!(version, [b'Q' | b'T', b'0', b'0'..=b'9', b'0'..=b'9'])
}

/// A decoder for both ends.
pub(crate) fn decoder(_: Direction) -> Box<dyn DatagramDecoder> {
    Box::new(Quic { client: None, keys: None, hello: Some(Assembler::default()), tries: 0 })
}

struct Quic {
    /// Known once an Initial packet was opened with a client's keys.
    client: Option<Direction>,
    keys: Option<Keys>,
    /// CRYPTO octets of the client; `None` once nothing more is read.
    hello: Option<Assembler>,
    tries: u32,
}

impl DatagramDecoder for Quic {
    fn datagram(&mut self, dir: Direction, payload: &[u8], out: &mut Out<'_>) -> bool {
        self.tries += 1;
        let mut reader = Reader::new(payload);
        let mut read = 0;
        // Packets may share a datagram (RFC 9000, section 12.2).
        while self.client.is_none_or(|client| client == dir) && self.hello.is_some() {
            let start = reader.at();
            let packet = reader.rest();
            let Some(initial) = next_packet(&mut reader) else { break };
            let packet = packet.get(..reader.at() - start).unwrap_or_default();
            if let Some(initial) = initial
                && self.initial(dir, packet, &initial, out)
            {
                read += packet.len();
            }
        }
        out.unread(dir, payload.len() - read.min(payload.len()), UninspectedReason::Encrypted);
        if self.tries >= TRIES_MAX {
            self.hello = None;
        }
        true
    }

    fn sealed(&self, dir: Direction) -> Option<UninspectedReason> {
        let server = self.client.is_some_and(|client| client != dir);
        (server || self.hello.is_none()).then_some(UninspectedReason::Encrypted)
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.hello.as_ref().map_or(0, Assembler::held_bytes)
    }
}

impl Quic {
    /// Opens an Initial packet with the keys at hand, or with those its connection id gives (the first packet, and the
    /// first after a Retry). Says whether it could be read.
    fn initial(&mut self, dir: Direction, packet: &[u8], initial: &Initial<'_>, out: &mut Out<'_>) -> bool {
        let known = self.keys.as_ref().and_then(|keys| keys.open(packet, initial));
        let frames = match known {
            Some(frames) => frames,
            None => {
                let Some(keys) = Keys::derive(initial.version, initial.destination) else { return false };
                let Some(frames) = keys.open(packet, initial) else { return false };
                // New keys begin a new handshake.
                self.keys = Some(keys);
                self.hello = Some(Assembler::default());
                frames
            }
        };
        self.client = Some(dir);
        let Some(hello) = &mut self.hello else { return false };
        collect_crypto(&frames, hello);
        let message = hello.contiguous();
        let mut reader = Reader::new(message);
        if let (Some(kind), Some(len)) = (reader.u8(), reader.u24()) {
            let body = reader.take(len as usize);
            if kind != 1 {
                self.hello = None;
            } else if let Some(body) = body {
                if let Some(hello) = tls::client_hello(body, Carrier::Quic) {
                    out.tls(&hello, NameSource::QuicSni);
                }
                self.hello = None;
            }
        }
        true
    }
}

/// The part of a long header that all versions share (RFC 8999, section 5.1).
struct LongHeader<'a> {
    first: u8,
    version: u32,
    destination: &'a [u8],
}

impl<'a> LongHeader<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let first = reader.u8()?;
        let version = reader.u32()?;
        let destination_len = reader.u8()?;
        if first & 0x80 == 0 || destination_len > 20 {
            return None;
        }
        let destination = reader.take(usize::from(destination_len))?;
        let source_len = reader.u8()?;
        reader.take(usize::from(source_len)).filter(|_| source_len <= 20)?;
        Some(Self { first, version, destination })
    }
}

/// An Initial packet in its datagram.
struct Initial<'a> {
    version: u32,
    destination: &'a [u8],
    /// Offset of the protected packet number.
    number_at: usize,
}

/// Walks over one packet. `None`: what follows cannot be walked. `Some(None)`: not an Initial packet.
fn next_packet<'a>(reader: &mut Reader<'a>) -> Option<Option<Initial<'a>>> {
    let start = reader.at();
    let header = LongHeader::read(reader)?;
    let kind = header.first >> 4 & 3;
    // Version 2 numbers the types differently (RFC 9369, section 3.2): 0 Initial, 1 0-RTT, 2 Handshake, 3 Retry here.
    let kind = match header.version {
        0 => return None,
        0x6b33_43cf => kind.wrapping_sub(1) & 3,
        _ => kind,
    };
    if kind == 3 {
        return None;
    }
    if kind == 0 {
        let token_len = varint(reader)?;
        reader.take(usize::try_from(token_len).ok()?)?;
    }
    let len = varint(reader)?;
    let number_at = reader.at() - start;
    reader.take(usize::try_from(len).ok()?)?;
    Some((kind == 0).then_some(Initial { version: header.version, destination: header.destination, number_at }))
}

/// RFC 9000, section 16.
fn varint(reader: &mut Reader<'_>) -> Option<u64> {
    let first = reader.u8()?;
    let more = (1_usize << (first >> 6)) - 1;
    let rest = reader.take(more)?;
    Some(rest.iter().fold(u64::from(first & 0x3f), |value, octet| value << 8 | u64::from(*octet)))
}

/// The client's Initial keys.
struct Keys {
    packet: LessSafeKey,
    iv: [u8; 12],
    header: quic::HeaderProtectionKey,
}

/// Length of derived key material.
struct Len(usize);

impl KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

impl Keys {
    /// RFC 9001, section 5.2, with the salts and labels of the version.
    fn derive(version: u32, destination: &[u8]) -> Option<Self> {
        const V1: [u8; 20] = *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
        const V2: [u8; 20] = *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9";
        const DRAFT_29: [u8; 20] = *b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99";
        const DRAFT_23: [u8; 20] = *b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02";
        let (salt, labels) = match version {
            0x0000_0001 | 0xff00_0021..=0xff00_0022 => (V1, ["quic key", "quic iv", "quic hp"]),
            0x6b33_43cf => (V2, ["quicv2 key", "quicv2 iv", "quicv2 hp"]),
            0xff00_001d..=0xff00_0020 => (DRAFT_29, ["quic key", "quic iv", "quic hp"]),
            0xff00_0017..=0xff00_001c => (DRAFT_23, ["quic key", "quic iv", "quic hp"]),
            _ => return None,
        };
        let initial = Salt::new(HKDF_SHA256, &salt).extract(destination);
        let client = Prk::new_less_safe(HKDF_SHA256, &expand::<32>(&initial, "client in")?);
        let [key, iv, header] = labels;
        Some(Self {
            packet: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &expand::<16>(&client, key)?).ok()?),
            iv: expand::<12>(&client, iv)?,
            header: quic::HeaderProtectionKey::new(&quic::AES_128, &expand::<16>(&client, header)?).ok()?,
        })
    }

    /// Removes both protections (RFC 9001, section 5.4); `None` if these are not the packet's keys.
    fn open(&self, packet: &[u8], initial: &Initial<'_>) -> Option<Vec<u8>> {
        let sample = packet.get(initial.number_at + 4..initial.number_at + 4 + TAG)?;
        let [mask_first, mask_number @ ..] = self.header.new_mask(sample).ok()?;
        let mut octets = packet.to_vec();
        let first = octets.first_mut()?;
        *first ^= mask_first & 0x0f;
        let number_len = usize::from(*first & 3) + 1;
        let payload_at = initial.number_at + number_len;
        let mut nonce = self.iv;
        let number = octets.get_mut(initial.number_at..payload_at)?;
        number.iter_mut().zip(mask_number).for_each(|(octet, mask)| *octet ^= mask);
        // Initial packets are few: the truncated number is the number.
        nonce.iter_mut().rev().zip(number.iter().rev()).for_each(|(octet, number)| *octet ^= number);
        let (header, payload) = octets.split_at_mut_checked(payload_at)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let clear = self.packet.open_in_place(nonce, Aad::from(&*header), payload).ok()?;
        Some(clear.to_vec())
    }
}

/// HKDF-Expand-Label of TLS 1.3 (RFC 8446, section 7.1) with an empty context.
fn expand<const N: usize>(secret: &Prk, label: &str) -> Option<[u8; N]> {
    let label_len = u8::try_from(label.len() + 6).ok()?;
    let info = [&(N as u16).to_be_bytes()[..], &[label_len], b"tls13 ", label.as_bytes(), &[0]];
    let mut out = [0; N];
    secret.expand(&info, Len(N)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

/// Collects CRYPTO frames (RFC 9000, section 19.6) from the frames that Initial packets may hold.
fn collect_crypto(frames: &[u8], into: &mut Assembler) -> Option<()> {
    let mut reader = Reader::new(frames);
    loop {
        match varint(&mut reader)? {
            // PADDING, PING.
            0 | 1 => {}
            // ACK, with counts of ECN marks.
            kind @ (2 | 3) => {
                let (_largest, _delay) = (varint(&mut reader)?, varint(&mut reader)?);
                let ranges = varint(&mut reader)?;
                varint(&mut reader)?;
                for _ in 0..ranges {
                    varint(&mut reader)?;
                    varint(&mut reader)?;
                }
                if kind == 3 {
                    for _ in 0..3 {
                        varint(&mut reader)?;
                    }
                }
            }
            6 => {
                let offset = varint(&mut reader)?;
                let len = varint(&mut reader)?;
                into.insert(offset, reader.take(usize::try_from(len).ok()?)?);
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Seen, client_hello};
    use super::super::{Inspector, Transport};
    use super::*;

    /// RFC 9001, appendix A.1.
    #[test]
    fn keys_match_the_standard() {
        let initial =
            Salt::new(HKDF_SHA256, b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a")
                .extract(&[0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08]);
        let client = Prk::new_less_safe(HKDF_SHA256, &expand::<32>(&initial, "client in").unwrap());
        assert_eq!(
            expand::<16>(&client, "quic key").unwrap(),
            0x1f36_9613_dd76_d546_7730_efcb_e3b1_a22d_u128.to_be_bytes()
        );
        assert_eq!(
            expand::<16>(&client, "quic hp").unwrap(),
            0x9f50_449e_04a0_e810_283a_1e99_33ad_edd2_u128.to_be_bytes()
        );
    }

    fn crypto(message: &[u8], from: usize, to: usize) -> Vec<u8> {
        let mut frame = vec![6];
        frame.extend_from_slice(&(from as u16 | 0x4000).to_be_bytes());
        frame.extend_from_slice(&((to - from) as u16 | 0x4000).to_be_bytes());
        frame.extend_from_slice(&message[from..to]);
        frame
    }

    /// A client's Initial packet.
    fn seal(version: u32, destination: &[u8], number: u8, frames: &[u8]) -> Vec<u8> {
        let keys = Keys::derive(version, destination).unwrap();
        let mut packet = vec![if version == 0x6b33_43cf { 0xd0 } else { 0xc0 }];
        packet.extend_from_slice(&version.to_be_bytes());
        packet.push(destination.len() as u8);
        packet.extend_from_slice(destination);
        packet.extend_from_slice(&[0, 0]);
        packet.extend_from_slice(&((1 + frames.len() + TAG) as u16 | 0x4000).to_be_bytes());
        let number_at = packet.len();
        packet.push(number);
        let mut nonce = keys.iv;
        nonce[11] ^= number;
        let mut payload = frames.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        keys.packet.seal_in_place_append_tag(nonce, Aad::from(&packet), &mut payload).unwrap();
        packet.extend_from_slice(&payload);
        let mask = keys.header.new_mask(&packet[number_at + 4..number_at + 4 + TAG]).unwrap();
        packet[0] ^= mask[0] & 0x0f;
        packet[number_at] ^= mask[1];
        packet
    }

    #[test]
    fn shuffled_hellos_are_put_together() {
        let hello = client_hello("q.example.com", 1500);
        for version in [1, 0x6b33_43cf, 0xff00_001d] {
            let ack = b"\x02\x00\x00\x00\x00";
            let first = [&[0, 1][..], &crypto(&hello, 900, 1200), ack, &crypto(&hello, 0, 300)].concat();
            let second = crypto(&hello, 1200, hello.len());
            // Two packets in one datagram, then a third with the hole.
            let one = [seal(version, b"12345678", 0, &first), seal(version, b"12345678", 1, &second)].concat();
            let two = seal(version, b"12345678", 2, &crypto(&hello, 300, 900));
            let mut seen = Seen::default();
            let mut inspector = Inspector::new(Transport::Datagram, 40000, 9, [true; 2]);
            inspector.datagram(Direction::Forward, &one, one.len() as u32, &mut seen);
            assert_eq!((seen.names.len(), inspector.finished(Direction::Forward)), (0, None));
            inspector.datagram(Direction::Forward, &two, two.len() as u32, &mut seen);
            assert_eq!(seen.names, [("q.example.com".to_owned(), NameSource::QuicSni)], "{version:x}");
            assert_eq!(inspector.finished(Direction::Forward), Some(UninspectedReason::Encrypted));
            assert!(seen.unread.is_empty());
        }
    }
}
