//! A session whose secrets are known: records are opened, and what is inside is inspected like any other stream.
//!
//! Records are taken whole. The handshake is followed as far as it decides keys: ServerHello, Finished, KeyUpdate, a
//! renegotiation. A direction's record that does not open under the key that is due is tried under the next ones, so a
//! handshake whose end was lost does no harm. After a gap the next record is looked for by its header, and its sequence number
//! among the next [`AHEAD_MAX`]; what opens is right, for it authenticates. After [`MISSES_MAX`] records that do not open, the
//! direction is locked like that of a session without keys.

use crate::model::{Direction, SecretLabel, SessionSecrets, UninspectedReason};

use super::super::decoder::{Input, Out};
use super::super::inspector::Core;
use super::super::kdf::{Hash, expand_label};
use super::super::reader::Reader;
use super::protection::{Header, Opener, Suite};
use super::{CHANGE_CIPHER_SPEC, CLIENT_HELLO, FRAGMENT_MAX, HANDSHAKE, HEARTBEAT, HELLO_MAX};

const APPLICATION_DATA: u8 = 23;

const SERVER_HELLO: u8 = 2;
const END_OF_EARLY_DATA: u8 = 5;
const FINISHED: u8 = 20;
const KEY_UPDATE: u8 = 24;

/// `server_random` of a HelloRetryRequest (RFC 8446, section 4.1.3).
const RETRY: [u8; 32] = *b"\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\
    \xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";

/// Records that may be missing in a gap.
const AHEAD_MAX: u64 = 64;
/// Records in a row that do not open before a direction is given up.
const MISSES_MAX: u32 = 8;
/// Octets of a record's header.
const HEADER: usize = 5;

/// What a ServerHello decided.
#[derive(Clone, Copy)]
struct Chosen {
    modern: bool,
    suite: Suite,
    random: [u8; 32],
    encrypt_then_mac: bool,
}

/// Under which secret a direction sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Epoch {
    Clear,
    Early,
    Handshake,
    Application,
}

#[derive(Default)]
struct Half {
    epoch: Option<Epoch>,
    opener: Option<Opener>,
    /// The traffic secret of the opener, for the next generation (TLS 1.3).
    secret: zeroize::Zeroizing<Vec<u8>>,
    sequence: u64,
    messages: Messages,
    /// Octets of content so far: offsets of what is inside.
    clear: u64,
    misses: u32,
    /// The next record's sequence number may be this much higher.
    ahead: u64,
    /// Octets to skip: the rest of a record whose start was lost in a gap.
    skip: u64,
    /// Where records begin is not known.
    adrift: bool,
    locked: bool,
}

impl Half {
    fn epoch(&self) -> Epoch {
        self.epoch.unwrap_or(Epoch::Clear)
    }
}

/// Both directions of a session.
pub(super) struct Session {
    client: Direction,
    client_random: [u8; 32],
    /// Of the session, or of the one that a renegotiation begins.
    secrets: SessionSecrets,
    chosen: Option<Chosen>,
    retried: bool,
    halves: [Half; 2],
    inside: Option<Box<Core>>,
}

impl Session {
    /// A session after its ClientHello.
    pub(super) fn new(client: Direction, client_random: [u8; 32], secrets: SessionSecrets) -> Self {
        let halves = [Half::default(), Half::default()];
        Self { client, client_random, secrets, chosen: None, retried: false, halves, inside: None }
    }

    /// Reads records, and says how many octets they were.
    pub(super) fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> usize {
        let half = self.half(input.dir);
        if half.skip > 0 {
            let skipped = half.skip.min(input.octets.len() as u64);
            half.skip -= skipped;
            out.unread(input.dir, skipped as usize, UninspectedReason::Encrypted);
            return skipped as usize;
        }
        if half.adrift {
            return self.seek(input, out);
        }
        let Some((header, fragment)) = record(input.octets) else {
            let plausible = plausible(input.octets);
            if plausible && input.more {
                return 0;
            }
            let len = input.octets.len();
            out.unread(input.dir, len, UninspectedReason::Encrypted);
            let half = self.half(input.dir);
            if let (true, Some(whole)) = (plausible, whole(input.octets)) {
                // The rest may lie in a gap that ends within this record.
                half.skip = (whole - len) as u64;
            } else {
                half.adrift = true;
            }
            return len;
        };
        let len = HEADER + fragment.len();
        match self.record(input.dir, header, fragment, out) {
            Fate::Read => {}
            Fate::Wait if input.more => return 0,
            Fate::Wait | Fate::Sealed => {
                out.unread(input.dir, len, UninspectedReason::Encrypted);
                self.miss(input.dir, out);
            }
        }
        len
    }

    /// `len` octets are missing.
    pub(super) fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let modern = self.chosen.is_some_and(|chosen| chosen.modern);
        let half = self.half(dir);
        if half.epoch() == Epoch::Clear && !modern {
            // What decided the keys is lost.
            return self.lock(dir, out);
        }
        if half.skip >= len && half.skip > 0 {
            // The gap ends within the record it began in.
            half.skip -= len;
            half.sequence += 1;
        } else {
            half.skip = 0;
            half.adrift = true;
        }
        half.ahead = AHEAD_MAX;
        half.messages = Messages::default();
        if let Some(inside) = &mut self.inside {
            inside.gap(dir, len, &mut out.inside());
        }
    }

    /// The half-stream ends.
    pub(super) fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        self.half(dir).opener = None;
        if let Some(inside) = &mut self.inside {
            inside.end(dir, &mut out.inside());
        }
        if self.chosen.is_none() && dir != self.client {
            // Without the server's choice there are no keys: the client's octets need not wait for it.
            self.lock(self.client, out);
        }
    }

    /// Why nothing more of a direction will be read.
    pub(super) fn sealed(&self, dir: Direction) -> Option<UninspectedReason> {
        let half = dir.of(&self.halves);
        if half.locked {
            return Some(UninspectedReason::Encrypted);
        }
        self.inside.as_ref().and_then(|inside| inside.sealed(dir))
    }

    /// Octets allocated.
    pub(super) fn held_bytes(&self) -> usize {
        let messages = self.halves.iter().map(|half| half.messages.held.capacity()).sum::<usize>();
        size_of::<Self>() + messages + self.inside.as_ref().map_or(0, |inside| size_of::<Core>() + inside.held_bytes())
    }

    fn half(&mut self, dir: Direction) -> &mut Half {
        dir.of_mut(&mut self.halves)
    }

    fn lock(&mut self, dir: Direction, out: &mut Out<'_>) {
        let half = self.half(dir);
        if std::mem::replace(&mut half.locked, true) {
            return;
        }
        *half = Half { locked: true, ..Half::default() };
        if let Some(inside) = &mut self.inside {
            inside.end(dir, &mut out.inside());
        }
        if self.chosen.is_none() && dir != self.client {
            self.lock(self.client, out);
        }
    }

    fn miss(&mut self, dir: Direction, out: &mut Out<'_>) {
        let half = self.half(dir);
        half.misses += 1;
        // A record that is not counted may still have been sent under this key.
        if half.ahead > 0 {
            half.ahead += 1;
        }
        if half.misses >= MISSES_MAX {
            self.lock(dir, out);
        }
    }

    /// Looks for the next record after a gap.
    fn seek(&mut self, input: Input<'_>, out: &mut Out<'_>) -> usize {
        for at in 0..input.octets.len() {
            let Some(rest) = input.octets.get(at..).filter(|rest| plausible(rest)) else { continue };
            if at > 0 {
                // What is before it goes; the record is looked at from its start.
                out.unread(input.dir, at, UninspectedReason::Encrypted);
                return at;
            }
            let Some((header, fragment)) = record(rest) else {
                if input.more {
                    return 0;
                }
                continue;
            };
            self.half(input.dir).adrift = false;
            match self.record(input.dir, header, fragment, out) {
                Fate::Read => return HEADER + fragment.len(),
                Fate::Wait | Fate::Sealed => {
                    // It only looked like a record.
                    self.half(input.dir).adrift = true;
                    self.miss(input.dir, out);
                    out.unread(input.dir, 1, UninspectedReason::Encrypted);
                    return 1;
                }
            }
        }
        out.unread(input.dir, input.octets.len(), UninspectedReason::Encrypted);
        input.octets.len()
    }

    /// One whole record.
    fn record(&mut self, dir: Direction, header: Header, fragment: &[u8], out: &mut Out<'_>) -> Fate {
        let modern = self.chosen.is_some_and(|chosen| chosen.modern);
        let kind = header[0];
        if self.half(dir).epoch() == Epoch::Clear {
            match kind {
                HANDSHAKE => {
                    self.messages(dir, fragment, out);
                    return Fate::Read;
                }
                CHANGE_CIPHER_SPEC if modern || self.retried => return Fate::Read,
                CHANGE_CIPHER_SPEC if self.chosen.is_some() => return self.change_cipher(dir, out),
                APPLICATION_DATA if modern => {}
                CHANGE_CIPHER_SPEC | APPLICATION_DATA => return Fate::Wait,
                // An alert or heartbeat in clear.
                _ => return Fate::Read,
            }
        } else if kind == CHANGE_CIPHER_SPEC {
            return if modern { Fate::Read } else { self.change_cipher(dir, out) };
        }
        let Some((kind, content)) = self.open(dir, header, fragment) else { return Fate::Sealed };
        let half = self.half(dir);
        half.misses = 0;
        half.ahead = 0;
        match kind {
            HANDSHAKE => self.messages(dir, &content, out),
            APPLICATION_DATA => self.content(dir, &content, out),
            _ => {}
        }
        Fate::Read
    }

    /// Opens a record under the key that is due, or the next ones.
    fn open(&mut self, dir: Direction, header: Header, fragment: &[u8]) -> Option<(u8, Vec<u8>)> {
        let half = self.half(dir);
        let ahead = half.ahead;
        if let Some(opener) = &half.opener {
            for skipped in 0..=ahead {
                let sequence = half.sequence.checked_add(skipped)?;
                if let Some(opened) = opener.open(sequence, header, fragment) {
                    half.sequence = sequence + 1;
                    return Some(opened);
                }
            }
        }
        let chosen = self.chosen.filter(|chosen| chosen.modern)?;
        let client = dir == self.client;
        let later: &[(Epoch, SecretLabel)] = match (self.half(dir).epoch(), client) {
            (Epoch::Clear, true) => &[
                (Epoch::Handshake, SecretLabel::ClientHandshake),
                (Epoch::Early, SecretLabel::ClientEarly),
                (Epoch::Application, SecretLabel::ClientTraffic),
            ],
            (Epoch::Early, true) => {
                &[(Epoch::Handshake, SecretLabel::ClientHandshake), (Epoch::Application, SecretLabel::ClientTraffic)]
            }
            (Epoch::Handshake, true) => &[(Epoch::Application, SecretLabel::ClientTraffic)],
            (Epoch::Clear, false) => {
                &[(Epoch::Handshake, SecretLabel::ServerHandshake), (Epoch::Application, SecretLabel::ServerTraffic)]
            }
            (Epoch::Handshake, false) => &[(Epoch::Application, SecretLabel::ServerTraffic)],
            _ => &[],
        };
        for (epoch, label) in later {
            let Some(secret) = self.secrets.secret(*label) else { continue };
            // Secrets of another hash are not of this suite.
            if secret.len() != chosen.suite.hash().len() {
                continue;
            }
            let Some(opener) = Opener::of_traffic_secret(chosen.suite, secret) else { continue };
            for sequence in 0..=ahead {
                if let Some(opened) = opener.open(sequence, header, fragment) {
                    let secret = zeroize::Zeroizing::new(secret.to_vec());
                    let half = self.half(dir);
                    half.epoch = Some(*epoch);
                    half.opener = Some(opener);
                    half.secret = secret;
                    half.sequence = sequence + 1;
                    half.messages = Messages::default();
                    return Some(opened);
                }
            }
        }
        None
    }

    /// TLS 1.2: from here on a direction sends under the keys of the last handshake.
    fn change_cipher(&mut self, dir: Direction, out: &mut Out<'_>) -> Fate {
        let Some(chosen) = self.chosen else { return Fate::Wait };
        let master = self.secrets.secret(SecretLabel::Master);
        let pair = master.and_then(|master| {
            Opener::pair_1_2(chosen.suite, master, &self.client_random, &chosen.random, chosen.encrypt_then_mac)
        });
        let client = dir == self.client;
        let half = self.half(dir);
        half.opener = pair.map(|[of_client, of_server]| if client { of_client } else { of_server });
        half.epoch = Some(Epoch::Application);
        half.sequence = 0;
        half.messages = Messages::default();
        if half.opener.is_none() {
            self.lock(dir, out);
        }
        Fate::Read
    }

    /// Handshake messages that decide keys.
    fn messages(&mut self, dir: Direction, octets: &[u8], out: &mut Out<'_>) {
        let client = dir == self.client;
        for (kind, body) in self.half(dir).messages.push(octets) {
            let modern = self.chosen.is_some_and(|chosen| chosen.modern);
            match kind {
                CLIENT_HELLO if client && self.half(dir).epoch() == Epoch::Application && !modern => {
                    // A renegotiation: other secrets from the next change of ciphers on.
                    if let Some(random) = client_random(&body) {
                        self.client_random = random;
                        self.chosen = None;
                        self.secrets = out.keys().and_then(|keys| keys.session(&random)).cloned().unwrap_or_default();
                    }
                }
                SERVER_HELLO if !client && self.chosen.is_none() => match server_hello(&body) {
                    Some(Hello::Retry) => self.retried = true,
                    Some(Hello::Chosen(chosen)) => self.chosen = Some(chosen),
                    // A version or suite whose records nobody here opens.
                    None => self.lock(dir, out),
                },
                // The next record opens under the next key: opening under this one is not tried again.
                FINISHED | END_OF_EARLY_DATA if modern && self.half(dir).epoch() != Epoch::Application => {
                    self.half(dir).opener = None;
                }
                KEY_UPDATE if modern => self.update(dir),
                _ => {}
            }
        }
    }

    /// The next generation of a direction's key (RFC 8446, section 7.2).
    fn update(&mut self, dir: Direction) {
        let Some(Chosen { suite, .. }) = self.chosen else { return };
        let half = self.half(dir);
        if half.epoch() != Epoch::Application {
            return;
        }
        let next = next_secret(suite.hash(), &half.secret);
        half.opener = next.as_ref().and_then(|secret| Opener::of_traffic_secret(suite, secret));
        half.secret = next.unwrap_or_default();
        half.sequence = 0;
    }

    /// Octets of the application.
    fn content(&mut self, dir: Direction, octets: &[u8], out: &mut Out<'_>) {
        let at = self.half(dir).clear;
        self.half(dir).clear += octets.len() as u64;
        #[cfg(test)]
        super::tests::tap(&self.client_random, dir, octets);
        // Ports say what is outside.
        let client = self.client;
        let inside = self.inside.get_or_insert_with(|| Box::new(Core::new(client)));
        inside.feed(dir, at, octets, &mut out.inside());
    }
}

/// What became of a record.
enum Fate {
    Read,
    /// It needs the other direction's handshake.
    Wait,
    /// It does not open.
    Sealed,
}

fn next_secret(hash: Hash, secret: &[u8]) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    expand_label(hash, secret, "traffic upd", hash.len())
}

/// Whether octets begin like a record of TLS 1.2 or 1.3, as far as they go.
fn plausible(octets: &[u8]) -> bool {
    let mut reader = Reader::new(octets);
    reader.u8().is_none_or(|kind| (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&kind))
        && reader.u8().is_none_or(|major| major == 3)
        && reader.u8().is_none_or(|minor| minor <= 4)
        && reader.u16().is_none_or(|len| len <= FRAGMENT_MAX)
}

/// The length of the record that octets begin with.
fn whole(octets: &[u8]) -> Option<usize> {
    let len = octets.get(3..HEADER)?;
    Some(HEADER + len.iter().fold(0, |len, octet| len << 8 | usize::from(*octet)))
}

/// A whole record.
fn record(octets: &[u8]) -> Option<(Header, &[u8])> {
    if !plausible(octets) {
        return None;
    }
    let header = octets.first_chunk::<HEADER>()?;
    Some((*header, octets.get(HEADER..whole(octets)?)?))
}

/// Handshake messages over records. Only hellos are held.
#[derive(Default)]
struct Messages {
    held: Vec<u8>,
    skip: usize,
}

impl Messages {
    /// Adds octets, and returns the messages that are whole now (of those that are not held: that began), with their bodies.
    fn push(&mut self, mut octets: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut messages = Vec::new();
        loop {
            let skipped = self.skip.min(octets.len());
            self.skip -= skipped;
            octets = octets.get(skipped..).unwrap_or_default();
            if octets.is_empty() {
                return messages;
            }
            // The four octets of a message's header, then its body if it is wanted.
            let wanted = match *self.held.as_slice() {
                [CLIENT_HELLO | SERVER_HELLO, a, b, c, ..] => {
                    4 + (usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c))
                }
                _ => 4,
            };
            if wanted > HELLO_MAX {
                self.skip = wanted - self.held.len();
                self.held.clear();
                continue;
            }
            let (part, rest) = octets.split_at(octets.len().min(wanted - self.held.len()));
            self.held.extend_from_slice(part);
            octets = rest;
            match *self.held.as_slice() {
                [CLIENT_HELLO | SERVER_HELLO, a, b, c, ..] => {
                    let len = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                    if self.held.len() == 4 + len {
                        let held = std::mem::take(&mut self.held);
                        messages.push((held.first().copied().unwrap_or(0), held.get(4..).unwrap_or_default().to_vec()));
                    }
                }
                [kind, a, b, c] => {
                    self.skip = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                    self.held = Vec::new();
                    messages.push((kind, Vec::new()));
                }
                _ => {}
            }
        }
    }
}

/// The random of a ClientHello's body.
pub(crate) fn client_random(body: &[u8]) -> Option<[u8; 32]> {
    body.get(2..34)?.try_into().ok()
}

enum Hello {
    Retry,
    Chosen(Chosen),
}

/// Reads the body of a ServerHello (RFC 8446, section 4.1.3). `None`: its records cannot be opened.
fn server_hello(body: &[u8]) -> Option<Hello> {
    let mut reader = Reader::new(body);
    let version = reader.u16()?;
    let random = reader.array::<32>()?;
    if random == RETRY {
        return Some(Hello::Retry);
    }
    let session_len = reader.u8()?;
    reader.take(usize::from(session_len))?;
    let suite = Suite::of(reader.u16()?)?;
    let compression = reader.u8()?;
    let (mut modern, mut encrypt_then_mac) = (false, false);
    reader.u16();
    while let (Some(kind), Some(len)) = (reader.u16(), reader.u16()) {
        let data = reader.take(usize::from(len))?;
        match kind {
            22 => encrypt_then_mac = true,
            43 if data == [3, 4] => modern = true,
            43 => return None,
            _ => {}
        }
    }
    (version == 0x0303 && compression == 0).then_some(Hello::Chosen(Chosen { modern, suite, random, encrypt_then_mac }))
}
