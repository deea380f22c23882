//! QUIC: the ClientHello in the Initial packets is read; everything else is locked, unless the connection's keys are known
//! ([`session`]).
//!
//! Initial packets are protected with keys that anyone can derive from the destination connection id of the client's first
//! packet (RFC 9001, section 5.2; RFC 9369 for version 2; drafts 23 to 34). Hellos with post-quantum key shares span
//! packets and datagrams, and Chromium shuffles their pieces on purpose: CRYPTO frames are assembled by offset. Other
//! versions, and Google's own before the standard, are recognised and left alone.

use ring::hkdf::{HKDF_SHA256, KeyType, Salt};

use crate::model::{Direction, NameSource, UninspectedReason};

use super::Carrier;
use super::assembler::Assembler;
use super::decoder::{DatagramDecoder, Out};
use super::reader::Reader;
use super::registry::Ports;
use super::tls;
use super::unknown::{Look, look};

mod packet;
mod session;
mod streams;
#[cfg(test)]
mod unlocked_tests;

use packet::{Kind, LongHeader, Packet, PacketKeys, Suite, V2, varint};
use session::{Session, skip_ack};

pub(crate) use packet::varint as quic_varint;

/// Datagrams after which a flow without a readable hello is left alone.
const TRIES_MAX: u32 = 32;

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
    let hello = Some(Assembler::default());
    Box::new(Quic { client: None, initial: None, hello, tries: 0, keyed: None, session: None })
}

struct Quic {
    /// Known once an Initial packet was opened with a client's keys.
    client: Option<Direction>,
    initial: Option<Initial>,
    /// CRYPTO octets of the client; `None` once no more hello is read.
    hello: Option<Assembler>,
    tries: u32,
    /// Whether there are keys of any connection; `None` before the first datagram.
    keyed: Option<bool>,
    /// The connection, if it can be unlocked.
    session: Option<Box<Session>>,
}

/// What the client's first packet gives.
struct Initial {
    version: u32,
    client: PacketKeys,
    /// The server's keys, until a session takes them.
    server: Option<PacketKeys>,
}

impl DatagramDecoder for Quic {
    fn datagram(&mut self, dir: Direction, payload: &[u8], out: &mut Out<'_>) -> bool {
        self.tries += 1;
        self.keyed.get_or_insert_with(|| out.keys().is_some());
        let mut reader = Reader::new(payload);
        let mut read = 0;
        // Packets may share a datagram (RFC 9000, section 12.2).
        while self.sealed(dir).is_none() {
            let id_len = self.session.as_ref().and_then(|session| session.id_len(dir));
            let Some(packet) = packet::next(&mut reader, id_len) else { break };
            let client = self.client.is_none_or(|client| client == dir);
            let understood = match &mut self.session {
                Some(session) if !(client && packet.kind == Kind::Initial) => session.packet(dir, &packet, out),
                _ => client && packet.kind == Kind::Initial && self.initial(dir, &packet, out),
            };
            if understood {
                read += packet.octets.len();
            }
        }
        if read > 0 && reader.rest().iter().all(|octet| *octet == 0) {
            read += reader.rest().len();
        }
        out.unread(dir, payload.len() - read.min(payload.len()), UninspectedReason::Encrypted);
        if self.tries >= TRIES_MAX {
            self.hello = None;
        }
        true
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        if let Some(session) = &mut self.session {
            session.end(dir, out);
        }
    }

    fn sealed(&self, dir: Direction) -> Option<UninspectedReason> {
        if let Some(session) = &self.session {
            return session.sealed(dir);
        }
        // Where there are keys, the server's packets tell the length of its connection ids.
        let server = self.client.is_some_and(|client| client != dir) && self.keyed != Some(true);
        (server || self.hello.is_none()).then_some(UninspectedReason::Encrypted)
    }

    fn held_bytes(&self) -> usize {
        let session = self.session.as_ref().map_or(0, |session| session.held_bytes());
        size_of::<Self>() + session + self.hello.as_ref().map_or(0, Assembler::held_bytes)
    }
}

impl Quic {
    /// Opens a client's Initial packet with the keys at hand, or with those its connection id gives (the first packet, and
    /// the first after a Retry). Says whether it could be read.
    fn initial(&mut self, dir: Direction, packet: &Packet<'_>, out: &mut Out<'_>) -> bool {
        let Some(long) = &packet.long else { return false };
        let known = self.initial.as_ref().and_then(|initial| initial.client.open(packet, None, None));
        let opened = match known {
            Some(opened) => opened,
            None => {
                let Some(initial) = Initial::derive(long.version, long.destination) else { return false };
                let Some(opened) = initial.client.open(packet, None, None) else { return false };
                // New keys begin a new handshake.
                self.initial = Some(initial);
                self.hello = Some(Assembler::default());
                if let Some(mut session) = self.session.take() {
                    session.end(Direction::Forward, out);
                    session.end(Direction::Backward, out);
                }
                opened
            }
        };
        self.client = Some(dir);
        let Some(hello) = &mut self.hello else { return true };
        collect_crypto(&opened.frames, hello);
        let message = hello.contiguous();
        let mut reader = Reader::new(message);
        if let (Some(kind), Some(len)) = (reader.u8(), reader.u24()) {
            let body = reader.take(len as usize);
            if kind != 1 {
                self.hello = None;
            } else if let Some(body) = body {
                if let Some(hello) = tls::client_hello(body, Carrier::Quic) {
                    out.tls(&hello, NameSource::QuicSni);
                    let http3 = hello.alpn.iter().any(|name| name.starts_with("h3"));
                    self.session = unlock(dir, &mut self.initial, long, body, http3, out);
                }
                self.hello = None;
            }
        }
        true
    }
}

/// The connection that a ClientHello's body begins, if its secrets are known.
fn unlock(
    client: Direction,
    initial: &mut Option<Initial>,
    long: &LongHeader<'_>,
    hello: &[u8],
    http3: bool,
    out: &Out<'_>,
) -> Option<Box<Session>> {
    let random = tls::client_random(hello)?;
    let secrets = out.keys()?.session(&random)?.clone();
    let initial = initial.as_mut()?;
    let server = initial.server.take();
    Some(Box::new(Session::new(client, initial.version, secrets, long.source_len, server, http3)))
}

/// Length of derived key material.
struct Len(usize);

impl KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

impl Initial {
    /// RFC 9001, section 5.2, with the salts and labels of the version.
    fn derive(version: u32, destination: &[u8]) -> Option<Self> {
        const V1: [u8; 20] = *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
        const V2_SALT: [u8; 20] = *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9";
        const DRAFT_29: [u8; 20] = *b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99";
        const DRAFT_23: [u8; 20] = *b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02";
        let salt = match version {
            0x0000_0001 | 0xff00_0021..=0xff00_0022 => V1,
            V2 => V2_SALT,
            0xff00_001d..=0xff00_0020 => DRAFT_29,
            0xff00_0017..=0xff00_001c => DRAFT_23,
            _ => return None,
        };
        // What anyone can derive is no secret.
        let initial = Salt::new(HKDF_SHA256, &salt).extract(destination);
        let keys = |label: &str| {
            let label_len = u8::try_from(label.len() + 6).ok()?;
            let info = [&[0, 32][..], &[label_len], b"tls13 ", label.as_bytes(), &[0]];
            let mut secret = [0; 32];
            initial.expand(&info, Len(32)).ok()?.fill(&mut secret).ok()?;
            PacketKeys::of_secret(Suite::AES_128, version, &secret)
        };
        Some(Self { version, client: keys("client in")?, server: keys("server in") })
    }
}

/// Collects CRYPTO frames (RFC 9000, section 19.6) from the frames that Initial packets may hold.
fn collect_crypto(frames: &[u8], into: &mut Assembler) -> Option<()> {
    let mut reader = Reader::new(frames);
    loop {
        match varint(&mut reader)? {
            // PADDING, PING.
            0 | 1 => {}
            kind @ (2 | 3) => skip_ack(&mut reader, kind == 3)?,
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
    use super::packet::TAG;
    use super::*;
    use ring::aead::{Aad, Nonce};

    /// RFC 9001, appendix A.1.
    #[test]
    fn keys_match_the_standard() {
        let initial = Initial::derive(1, &[0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08]).unwrap();
        assert_eq!(*initial.client.iv, 0xfa04_4b2f_42a3_fd3b_46fb_255c_u128.to_be_bytes()[4..]);
        let server = initial.server.unwrap();
        assert_eq!(*server.iv, 0x0ac1_493c_a190_5853_b0bb_a03e_u128.to_be_bytes()[4..]);
        // Appendix A.2 and A.3: samples and masks of header protection.
        let mask =
            initial.client.header.new_mask(&0xd1b1_c98d_d768_9fb8_ec11_d242_b123_dc9b_u128.to_be_bytes()).unwrap();
        assert_eq!(mask, [0x43, 0x7b, 0x9a, 0xec, 0x36]);
        let mask = server.header.new_mask(&0x2cd0_991c_d25b_0aac_406a_5816_b639_4100_u128.to_be_bytes()).unwrap();
        assert_eq!(mask, [0x2e, 0xc0, 0xd8, 0x35, 0x6a]);
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
        let keys = Initial::derive(version, destination).unwrap().client;
        let mut packet = vec![if version == 0x6b33_43cf { 0xd0 } else { 0xc0 }];
        packet.extend_from_slice(&version.to_be_bytes());
        packet.push(destination.len() as u8);
        packet.extend_from_slice(destination);
        packet.extend_from_slice(&[0, 0]);
        packet.extend_from_slice(&((1 + frames.len() + TAG) as u16 | 0x4000).to_be_bytes());
        let number_at = packet.len();
        packet.push(number);
        let mut nonce: [u8; 12] = keys.iv.as_slice().try_into().unwrap();
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
