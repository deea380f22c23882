//! TLS: the ClientHello is read; where it gives no name, the server's certificate too, which is in clear up to TLS 1.2.
//! Everything after that is locked, unless the session's keys are known ([`session`]).
//!
//! The hello is put together across segments (by the inspector) and across records (RFC 8446, section 5.1, allows a handshake
//! message to be cut anywhere). SSL 2.0 compatible hellos (RFC 5246, appendix E.2) are recognised: they carry no name. A
//! flow seen midstream is recognised by its record headers.

use tls_parser::{SNIType, TlsExtension};

use crate::model::{Direction, NameSource, UninspectedReason};

use super::certificate;
use super::decoder::{Input, Out, Probe, Role, Step, StreamDecoder};
use super::reader::Reader;
use super::{Carrier, TlsHello};

mod protection;
mod session;
#[cfg(test)]
pub(crate) mod tests;

use session::Session;

pub(crate) use session::client_random;

/// Ports of TLS from the first octet on: HTTPS, SMTPS, LDAPS, DoT, FTPS, Telnets, IMAPS, POP3S, SIPS, alternative HTTPS, MQTTS.
pub(crate) const PORTS: &[u16] = &[443, 465, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 8443, 8883];

/// Octets of a ClientHello. A hello with post-quantum key shares has about 2 KiB; the length field allows 16 MiB.
const HELLO_MAX: usize = 64 << 10;
/// Octets of a record's fragment: 2^14 and 2048 for protection (RFC 5246, section 6.2.3).
const FRAGMENT_MAX: u16 = (1 << 14) + 2048;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
/// Record type of handshake messages.
pub(crate) const HANDSHAKE: u8 = 22;
const HEARTBEAT: u8 = 24;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;

/// Octets of a server's handshake up to its certificate.
const FLIGHT_MAX: usize = 64 << 10;

/// Whether octets begin with a TLS record or an SSL 2.0 hello.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    let mut reader = Reader::new(octets);
    let Some(first) = reader.u8() else {
        return Probe::More;
    };
    if first & 0x80 != 0 {
        return probe_ssl2(octets);
    }
    if !(CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&first) {
        return Probe::No;
    }
    match (reader.u8(), reader.u8()) {
        (Some(3), Some(0..=4)) => {}
        (None, _) | (Some(3), None) => return Probe::More,
        _ => return Probe::No,
    }
    let Some(len) = reader.u16() else {
        return Probe::More;
    };
    if len == 0 && first != 23 || len > FRAGMENT_MAX {
        return Probe::No;
    }
    match first {
        CHANGE_CIPHER_SPEC if len != 1 => Probe::No,
        // An alert in clear has two octets; an encrypted one is as long as its cipher makes it.
        ALERT if len < 2 => Probe::No,
        HANDSHAKE => match reader.u8() {
            None => Probe::More,
            Some(CLIENT_HELLO) => Probe::Yes(Role::Client),
            Some(2) => Probe::Yes(Role::Server),
            // Seen midstream: other messages, or encrypted ones.
            Some(_) => Probe::Yes(Role::Either),
        },
        _ => Probe::Yes(Role::Either),
    }
}

/// SSL 2.0: two octets of length, message type, version, and for a ClientHello three lengths that add up.
fn probe_ssl2(octets: &[u8]) -> Probe {
    let mut reader = Reader::new(octets);
    let Some(len) = reader.u16() else {
        return Probe::More;
    };
    let len = len & 0x7fff;
    let Some(kind) = reader.u8() else {
        return Probe::More;
    };
    if kind != 1 && kind != 4 {
        return Probe::No;
    }
    if kind == 1 {
        let Some(version) = reader.u16() else {
            return Probe::More;
        };
        if !matches!(version, 0x0002 | 0x0300..=0x0304) {
            return Probe::No;
        }
        let (Some(ciphers), Some(session), Some(challenge)) = (reader.u16(), reader.u16(), reader.u16()) else {
            return Probe::More;
        };
        let adds_up = u32::from(len) == 9 + u32::from(ciphers) + u32::from(session) + u32::from(challenge);
        let sane = ciphers % 3 == 0 && ciphers > 0 && matches!(session, 0 | 16) && (8..=32).contains(&challenge);
        return if adds_up && sane { Probe::Yes(Role::Client) } else { Probe::No };
    }
    // ServerHello: session id hit, certificate type, version, and three lengths.
    let (Some(hit), Some(_), Some(version)) = (reader.u8(), reader.u8(), reader.u16()) else {
        return Probe::More;
    };
    let (Some(certificate), Some(ciphers), Some(id)) = (reader.u16(), reader.u16(), reader.u16()) else {
        return Probe::More;
    };
    let adds_up = u32::from(len) == 10 + u32::from(certificate) + u32::from(ciphers) + u32::from(id);
    if adds_up && version == 2 && hit <= 1 { Probe::Yes(Role::Server) } else { Probe::No }
}

/// A decoder for both ends.
pub(crate) fn decoder(client: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Tls { client, hello: Some(Vec::new()), flight: Some(Vec::new()), keyed: None, session: None })
}

struct Tls {
    client: Direction,
    /// Handshake octets of the client so far; `None` once the client's half is locked too.
    hello: Option<Vec<u8>>,
    /// Handshake octets of the server so far; `None` once its certificate was seen, or will not be, or has nothing to tell.
    flight: Option<Vec<u8>>,
    /// Whether there are keys that may be this session's; `None` before the first octet.
    keyed: Option<bool>,
    /// The session, if it can be unlocked.
    session: Option<Box<Session>>,
}

impl StreamDecoder for Tls {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        if let Some(session) = &mut self.session {
            return Step::Took(session.advance(input, out));
        }
        let keyed = *self.keyed.get_or_insert_with(|| out.keys().is_some());
        if input.dir != self.client {
            // The server's octets wait for the hello that tells whether there are keys for them.
            if keyed && input.more {
                return Step::Took(0);
            }
            self.keyed = Some(false);
            return self.server(input, out);
        }
        let Some(message) = self.hello.as_mut() else {
            return Step::Took(0);
        };
        let mut reader = Reader::new(input.octets);
        if reader.u8().is_some_and(|first| first & 0x80 != 0) {
            // An SSL 2.0 hello has no extensions. It counts as read when all of it is there.
            let mut reader = Reader::new(input.octets);
            let whole = reader.u16().and_then(|len| reader.take(usize::from(len & 0x7fff)).map(|_| reader.at()));
            return self.lock(input, whole, out);
        }
        let mut reader = Reader::new(input.octets);
        let header = (|| Some((reader.u8()?, reader.u16()?, reader.u16()?)))();
        let Some((kind, _, len)) = header else {
            return self.lock(input, None, out);
        };
        if kind != HANDSHAKE || len > FRAGMENT_MAX {
            // Midstream, or damaged: whatever it is, it is not a hello in clear.
            return self.lock(input, Some(0), out);
        }
        let Some(fragment) = reader.take(usize::from(len)) else {
            let mut so_far = message.clone();
            so_far.extend_from_slice(reader.rest());
            if so_far.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
                return self.lock(input, Some(0), out);
            }
            if !input.more {
                // What is there may still hold the name.
                self.named(hello_of(&so_far, true, out));
            }
            return self.lock(input, None, out);
        };
        message.extend_from_slice(fragment);
        if message.first().is_some_and(|kind| *kind != CLIENT_HELLO) || message.len() > HELLO_MAX {
            return self.lock(input, Some(0), out);
        }
        match hello_of(message, false, out) {
            Hello::Unfinished => Step::Took(reader.at()),
            hello => {
                self.session = message.get(4..).filter(|_| keyed).and_then(|hello| unlock(self.client, hello, out));
                self.keyed = Some(self.session.is_some());
                self.named(hello);
                self.lock(input, Some(reader.at()), out)
            }
        }
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        match &mut self.session {
            Some(session) => session.gap(dir, len, out),
            None => self.end(dir, out),
        }
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        if let Some(session) = &mut self.session {
            return session.end(dir, out);
        }
        if dir != self.client {
            self.flight = None;
        } else if let Some(message) = self.hello.take() {
            self.named(hello_of(&message, true, out));
        }
    }

    fn sealed(&self, dir: Direction) -> Option<UninspectedReason> {
        if let Some(session) = &self.session {
            return session.sealed(dir);
        }
        let half = if dir == self.client { &self.hello } else { &self.flight };
        half.is_none().then_some(UninspectedReason::Encrypted)
    }

    fn held_bytes(&self) -> usize {
        let session = self.session.as_ref().map_or(0, |session| session.held_bytes());
        session + [&self.hello, &self.flight].into_iter().flatten().map(Vec::capacity).sum::<usize>()
    }
}

impl Tls {
    /// The server's half, record by record up to its certificate.
    fn server(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let Some(flight) = self.flight.as_mut() else {
            return Step::Took(0);
        };
        let mut reader = Reader::new(input.octets);
        let header = (|| Some((reader.u8()?, reader.u16()?, reader.u16()?)))();
        let Some((kind, version, len)) = header else {
            return self.lock(input, None, out);
        };
        if kind != HANDSHAKE || version >> 8 != 3 || len > FRAGMENT_MAX {
            return self.lock(input, Some(0), out);
        }
        let Some(fragment) = reader.take(usize::from(len)) else {
            return self.lock(input, None, out);
        };
        flight.extend_from_slice(fragment);
        let mut messages = Reader::new(flight);
        loop {
            match (messages.u8(), messages.u24()) {
                (Some(kind @ (SERVER_HELLO | CERTIFICATE)), Some(len)) if (len as usize) < FLIGHT_MAX => {
                    let Some(body) = messages.take(len as usize) else { break };
                    if kind == CERTIFICATE {
                        if let Some(name) = certificate::names(body).first() {
                            out.server_name(name, NameSource::TlsCertificate);
                        }
                        return self.lock(input, Some(reader.at()), out);
                    }
                }
                (None, _) | (Some(SERVER_HELLO | CERTIFICATE), None) => break,
                // A handshake without certificate, or not in clear.
                _ => return self.lock(input, Some(reader.at()), out),
            }
        }
        if flight.len() > FLIGHT_MAX {
            return self.lock(input, Some(reader.at()), out);
        }
        Step::Took(reader.at())
    }

    /// A hello that gives a name leaves nothing to learn from the server.
    fn named(&mut self, hello: Hello) {
        if hello == Hello::Named {
            self.flight = None;
        }
    }

    /// Nothing more of a half is read.
    fn close(&mut self, dir: Direction) {
        if dir == self.client {
            self.hello = None;
        } else {
            self.flight = None;
        }
    }

    /// Ends reading after `read` octets; `None` where octets are still missing, which ends it only if none will come.
    fn lock(&mut self, input: Input<'_>, read: Option<usize>, out: &mut Out<'_>) -> Step {
        match read {
            None if input.more => Step::Took(0),
            None => {
                self.close(input.dir);
                out.unread(input.dir, input.octets.len(), UninspectedReason::Encrypted);
                Step::Took(input.octets.len())
            }
            Some(read) => {
                self.close(input.dir);
                // Nothing taken would mean waiting: the first octet goes with the rest, which the inspector reports.
                if read == 0 {
                    out.unread(input.dir, input.octets.len(), UninspectedReason::Encrypted);
                    return Step::Took(input.octets.len());
                }
                Step::Took(read)
            }
        }
    }
}

/// The session that a ClientHello's body begins, if its secrets are known.
fn unlock(client: Direction, hello: &[u8], out: &Out<'_>) -> Option<Box<Session>> {
    let random = client_random(hello)?;
    let secrets = out.keys()?.session(&random)?.clone();
    Some(Box::new(Session::new(client, random, secrets)))
}

/// What a handshake message was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hello {
    /// More of it is to come.
    Unfinished,
    /// It gives no name, or is none.
    Nameless,
    /// It names the server.
    Named,
}

/// Tells of the hello at the start of a handshake message. `cut`: no more of it will come.
fn hello_of(message: &[u8], cut: bool, out: &mut Out<'_>) -> Hello {
    let mut reader = Reader::new(message);
    let (Some(CLIENT_HELLO), Some(len)) = (reader.u8(), reader.u24()) else {
        return Hello::Unfinished;
    };
    let Some(body) = reader.take(len as usize).or_else(|| cut.then(|| reader.rest())) else {
        return Hello::Unfinished;
    };
    let Some(hello) = client_hello(body, Carrier::Tcp) else { return Hello::Nameless };
    out.tls(&hello, NameSource::TlsSni);
    if hello.sni.is_some_and(|name| !name.is_empty()) { Hello::Named } else { Hello::Nameless }
}

/// Reads the body of a ClientHello (RFC 8446, section 4.1.2). A body that was cut gives what is there.
pub(crate) fn client_hello(body: &[u8], carrier: Carrier) -> Option<TlsHello> {
    let mut reader = Reader::new(body);
    let version = reader.u16()?;
    let _random = reader.take(32)?;
    let session_len = reader.u8()?;
    let _session = reader.take(usize::from(session_len))?;
    // That of DTLS has a cookie (RFC 6347, section 4.2.1).
    if carrier == Carrier::Dtls {
        let cookie_len = reader.u8()?;
        let _cookie = reader.take(usize::from(cookie_len))?;
    }
    let ciphers_len = reader.u16()?;
    let ciphers = reader.take(usize::from(ciphers_len))?;
    let ciphers = ciphers.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
    let mut hello = TlsHello { carrier, version, ciphers, ..TlsHello::default() };
    extensions(&mut reader, &mut hello);
    Some(hello)
}

/// Reads extensions as far as there are whole ones.
fn extensions(reader: &mut Reader<'_>, hello: &mut TlsHello) -> Option<()> {
    let methods_len = reader.u8()?;
    reader.take(usize::from(methods_len))?;
    let total = reader.u16()?;
    let mut reader = Reader::new(reader.rest().get(..usize::from(total)).unwrap_or(reader.rest()));
    loop {
        let start = reader.rest();
        let kind = reader.u16()?;
        let len = reader.u16()?;
        reader.take(usize::from(len))?;
        hello.extensions.push(kind);
        if kind == 0xfe0d {
            hello.ech = true;
        }
        if !matches!(kind, 0 | 13 | 16 | 43) {
            continue;
        }
        match tls_parser::parse_tls_client_hello_extension(start) {
            Ok((_, TlsExtension::SNI(names))) if hello.sni.is_none() => {
                let name = names.iter().find(|(kind, _)| *kind == SNIType::HostName);
                hello.sni = name.and_then(|(_, name)| String::from_utf8(name.to_vec()).ok());
            }
            Ok((_, TlsExtension::ALPN(names))) => {
                hello.alpn_ends = names.first().and_then(|name| Some((*name.first()?, *name.last()?)));
                hello.alpn = names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            }
            Ok((_, TlsExtension::SignatureAlgorithms(algorithms))) => hello.signature_algorithms = algorithms,
            Ok((_, TlsExtension::SupportedVersions(versions))) => {
                hello.versions = versions.iter().map(|version| version.0).collect();
            }
            _ => {}
        }
    }
}
