//! A connection whose secrets are known: packets are opened, streams put together, and what they carry is read as HTTP/3, or
//! as whatever it is.
//!
//! The cipher suite is the one of the secret's length under which a packet opens. Keys are updated when a packet of the other
//! key phase opens under the next secret (RFC 9001, section 6); one generation before is kept for late packets.

use zeroize::Zeroizing;

use crate::model::{Direction, SecretLabel, SessionSecrets, UninspectedReason};

use super::super::decoder::Out;
use super::super::kdf::expand_label;
use super::super::reader::Reader;
use super::super::unknown;
use super::packet::{Kind, Opened, Packet, PacketKeys, Suite, V2, varint};
use super::streams::Streams;

/// Packets in a row that do not open before a direction is given up.
const MISSES_MAX: u32 = 64;

/// Keys of one secret, once a packet opened with them.
enum Slot {
    /// No packet yet.
    Untried,
    Known(Box<Generation>),
}

struct Generation {
    suite: Suite,
    keys: PacketKeys,
}

/// The key update of 1-RTT packets.
struct Update {
    phase: bool,
    secret: Zeroizing<Vec<u8>>,
    /// The keys of this generation, of the one before, and of the next. None: those of the slot, no other.
    current: Option<PacketKeys>,
    before: Option<PacketKeys>,
    next: Option<PacketKeys>,
}

struct Half {
    /// Octets of the connection ids that this direction's packets go to.
    id_len: Option<u8>,
    initial: Option<PacketKeys>,
    early: Slot,
    handshake: Slot,
    traffic: Slot,
    update: Option<Box<Update>>,
    /// Largest packet number, by space: Initial, Handshake, application.
    largest: [Option<u64>; 3],
    misses: u32,
}

/// Both directions of a connection.
pub(super) struct Session {
    client: Direction,
    version: u32,
    secrets: SessionSecrets,
    halves: [Half; 2],
    streams: Streams,
}

impl Session {
    /// A connection after its ClientHello. `id_len`: octets of the client's connection id; `server_initial`: keys of the
    /// server's Initial packets; the client's are read by who finds its hello.
    pub(super) fn new(
        client: Direction,
        version: u32,
        secrets: SessionSecrets,
        id_len: u8,
        server_initial: Option<PacketKeys>,
        http3: bool,
    ) -> Self {
        let half = |initial, id_len| Half {
            id_len,
            initial,
            early: Slot::Untried,
            handshake: Slot::Untried,
            traffic: Slot::Untried,
            update: None,
            largest: [None; 3],
            misses: 0,
        };
        let (of_client, of_server) = (half(None, None), half(server_initial, Some(id_len)));
        let halves = if client == Direction::Forward { [of_client, of_server] } else { [of_server, of_client] };
        Self { client, version, secrets, halves, streams: Streams::new(client, http3) }
    }

    /// Octets of the connection ids in the short headers of a direction.
    pub(super) fn id_len(&self, dir: Direction) -> Option<u8> {
        dir.of(&self.halves).id_len
    }

    /// Why nothing more of a direction will be read.
    pub(super) fn sealed(&self, dir: Direction) -> Option<UninspectedReason> {
        let half = dir.of(&self.halves);
        (half.misses >= MISSES_MAX).then_some(UninspectedReason::Encrypted)
    }

    /// Octets allocated.
    pub(super) fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.streams.held_bytes()
    }

    /// No more packets of a direction come.
    pub(super) fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        self.streams.end(dir, &mut out.inside());
    }

    /// Opens a packet and reads it. Says whether it could be opened.
    pub(super) fn packet(&mut self, dir: Direction, packet: &Packet<'_>, out: &mut Out<'_>) -> bool {
        if let Some(long) = &packet.long {
            self.half(dir.reverse()).id_len.get_or_insert(long.source_len);
        }
        let client = dir == self.client;
        let opened = match packet.kind {
            Kind::Initial => {
                let half = self.half(dir);
                half.initial.as_ref().and_then(|keys| keys.open(packet, half.largest[0], None))
            }
            Kind::ZeroRtt if client => self.first(dir, packet, SecretLabel::ClientEarly),
            Kind::ZeroRtt => None,
            Kind::Handshake if client => self.first(dir, packet, SecretLabel::ClientHandshake),
            Kind::Handshake => self.first(dir, packet, SecretLabel::ServerHandshake),
            Kind::OneRtt if client => self.later(dir, packet, SecretLabel::ClientTraffic),
            Kind::OneRtt => self.later(dir, packet, SecretLabel::ServerTraffic),
        };
        let half = self.half(dir);
        let Some(Opened { number, frames, .. }) = opened else {
            half.misses += 1;
            if half.misses == MISSES_MAX {
                self.end(dir, out);
            }
            return false;
        };
        half.misses = 0;
        let largest = match packet.kind {
            Kind::Initial => &mut half.largest[0],
            Kind::Handshake => &mut half.largest[1],
            Kind::ZeroRtt | Kind::OneRtt => &mut half.largest[2],
        };
        *largest = (*largest).max(Some(number));
        self.frames(dir, &frames, out);
        true
    }

    fn half(&mut self, dir: Direction) -> &mut Half {
        dir.of_mut(&mut self.halves)
    }

    /// Opens a packet under the secret of a label, as it is in the key log.
    fn first(&mut self, dir: Direction, packet: &Packet<'_>, label: SecretLabel) -> Option<Opened> {
        let Self { version, secrets, halves, .. } = self;
        let half = dir.of_mut(halves);
        let (slot, largest) = match packet.kind {
            Kind::ZeroRtt => (&mut half.early, half.largest[2]),
            Kind::Handshake => (&mut half.handshake, half.largest[1]),
            _ => (&mut half.traffic, half.largest[2]),
        };
        if let Slot::Known(generation) = slot {
            return generation.keys.open(packet, largest, None);
        }
        let secret = secrets.secret(label)?;
        Suite::of_len(secret.len()).iter().find_map(|suite| {
            let keys = PacketKeys::of_secret(*suite, *version, secret)?;
            let opened = keys.open(packet, largest, None)?;
            *slot = Slot::Known(Box::new(Generation { suite: *suite, keys }));
            Some(opened)
        })
    }

    /// Opens a 1-RTT packet, whose keys may have been updated.
    fn later(&mut self, dir: Direction, packet: &Packet<'_>, label: SecretLabel) -> Option<Opened> {
        let version = self.version;
        if self.half(dir).update.is_none()
            && let Some(opened) = self.first(dir, packet, label)
        {
            return Some(opened);
        }
        let Self { secrets, halves, .. } = self;
        let half = dir.of_mut(halves);
        let Slot::Known(generation) = &half.traffic else { return None };
        let Generation { suite, keys } = &**generation;
        let update = match &mut half.update {
            Some(update) => update,
            None => {
                let secret = Zeroizing::new(secrets.secret(label)?.to_vec());
                let next = next_keys(*suite, version, &secret);
                half.update.insert(Box::new(Update { phase: false, secret, current: None, before: None, next }))
            }
        };
        // Header protection keeps its key over updates.
        let largest = half.largest[2];
        let open = |of: &PacketKeys| of.open(packet, largest, Some(keys));
        if let Some(opened) = open(update.current.as_ref().unwrap_or(keys)) {
            return Some(opened);
        }
        if let Some(opened) = update.before.as_ref().and_then(open) {
            return Some(opened);
        }
        let opened = update.next.as_ref().and_then(open).filter(|opened| opened.phase != update.phase)?;
        update.secret = expand_label(suite.hash, &update.secret, update_label(version), suite.hash.len())?;
        update.before = match update.current.take() {
            Some(keys) => Some(keys),
            None => secrets.secret(label).and_then(|first| PacketKeys::of_secret(*suite, version, first)),
        };
        update.current = update.next.take();
        update.next = next_keys(*suite, version, &update.secret);
        update.phase = opened.phase;
        Some(opened)
    }

    /// Reads the frames of a packet (RFC 9000, section 19).
    fn frames(&mut self, dir: Direction, frames: &[u8], out: &mut Out<'_>) {
        let mut reader = Reader::new(frames);
        while !reader.rest().is_empty() {
            if self.frame(dir, &mut reader, out).is_none() {
                out.unread(dir, reader.rest().len(), UninspectedReason::Undecodable);
                return;
            }
        }
    }

    /// One frame. `None`: unknown, or wrong.
    fn frame(&mut self, dir: Direction, reader: &mut Reader<'_>, out: &mut Out<'_>) -> Option<()> {
        let skip = |reader: &mut Reader<'_>, count| (0..count).try_for_each(|_| varint(reader).map(drop));
        let kind = varint(reader)?;
        match kind {
            // PADDING, PING, HANDSHAKE_DONE, IMMEDIATE_ACK (draft-ietf-quic-ack-frequency).
            0x00 | 0x01 | 0x1e | 0x1f | 0xac => {}
            0x02 | 0x03 => skip_ack(reader, kind == 3)?,
            // RESET_STREAM, RESET_STREAM_AT (draft-ietf-quic-reliable-stream-reset): what was not sent will not be.
            0x04 | 0x24 => {
                let stream = varint(reader)?;
                skip(reader, if kind == 0x24 { 3 } else { 2 })?;
                self.streams.reset(dir, stream, &mut out.inside());
            }
            // CRYPTO, NEW_TOKEN.
            0x06 | 0x07 => {
                skip(reader, u8::from(kind == 6))?;
                let len = varint(reader)?;
                reader.take(usize::try_from(len).ok()?)?;
            }
            0x08..=0x0f => {
                let stream = varint(reader)?;
                let offset = if kind & 4 != 0 { varint(reader)? } else { 0 };
                let len = if kind & 2 != 0 { usize::try_from(varint(reader)?).ok()? } else { reader.rest().len() };
                let octets = reader.take(len)?;
                self.streams.octets(dir, stream, offset, octets, kind & 1 != 0, &mut out.inside());
            }
            // STOP_SENDING, MAX_STREAM_DATA, STREAM_DATA_BLOCKED.
            0x05 | 0x11 | 0x15 => skip(reader, 2)?,
            // MAX_DATA, MAX_STREAMS, DATA_BLOCKED, STREAMS_BLOCKED, RETIRE_CONNECTION_ID, TIMESTAMP (draft-huitema-quic-ts).
            0x10 | 0x12..=0x14 | 0x16 | 0x17 | 0x19 | 0x2f5 => skip(reader, 1)?,
            // ACK_FREQUENCY.
            0xaf => skip(reader, 4)?,
            // NEW_CONNECTION_ID, with a token of 16 octets.
            0x18 => {
                skip(reader, 2)?;
                let len = reader.u8()?;
                reader.take(usize::from(len) + 16)?;
            }
            // PATH_CHALLENGE, PATH_RESPONSE.
            0x1a | 0x1b => _ = reader.take(8)?,
            // CONNECTION_CLOSE.
            0x1c | 0x1d => {
                skip(reader, if kind == 0x1c { 2 } else { 1 })?;
                let len = varint(reader)?;
                reader.take(usize::try_from(len).ok()?)?;
            }
            // DATAGRAM (RFC 9221).
            0x30 | 0x31 => {
                let len = if kind == 0x31 { usize::try_from(varint(reader)?).ok()? } else { reader.rest().len() };
                unknown::datagram(dir, reader.take(len)?, &mut out.inside());
            }
            _ => return None,
        }
        Some(())
    }
}

pub(super) fn update_label(version: u32) -> &'static str {
    if version == V2 { "quicv2 ku" } else { "quic ku" }
}

/// The keys of the generation after a secret's.
fn next_keys(suite: Suite, version: u32, secret: &[u8]) -> Option<PacketKeys> {
    let secret = expand_label(suite.hash, secret, update_label(version), suite.hash.len())?;
    PacketKeys::of_secret(suite, version, &secret)
}

/// The rest of an ACK frame, with counts of ECN marks or without.
pub(super) fn skip_ack(reader: &mut Reader<'_>, marks: bool) -> Option<()> {
    let (_largest, _delay) = (varint(reader)?, varint(reader)?);
    let ranges = varint(reader)?;
    varint(reader)?;
    for _ in 0..ranges {
        varint(reader)?;
        varint(reader)?;
    }
    if marks {
        for _ in 0..3 {
            varint(reader)?;
        }
    }
    Some(())
}
