//! Octets of half-streams and datagrams become facts: which protocol, which server name, which documents, what is locked.
//!
//! ```text
//! octets, gap, end ──▶ Inspector ──▶ layer 0: probe ▶ decoder ──▶ Facts
//! datagram ────────▶            └──▶ layer 1: probe ▶ decoder      (inside CONNECT, Upgrade, SOCKS, STARTTLS...)
//! ```
//!
//! **Content first, port second.** The candidates of [`registry`] look at the first octets of each half-stream in a fixed
//! order; a port only moves a candidate to the front. A candidate answers *no*, *more* or *yes*; the first that does not say
//! *no* is waited for, so the answer does not depend on how the octets were cut into segments. The direction that is
//! recognised first decides for both, and tells which end is the client: the originator of a flow seen midstream may well be
//! the server.
//!
//! **One buffer, one contract.** A [`StreamDecoder`](decoder::StreamDecoder) is shown the octets it has not consumed and says
//! how many it consumed; the inspector keeps the rest (at most [`HELD_MAX`]) and shows it again with what came after. A
//! decoder that can go no further without more octets consumes none. When no more will come (end, gap, or a full buffer) it
//! is told so and must consume everything.
//!
//! **Every octet is accounted for.** An octet given to the inspector in a wanted direction is part of a document, or framing
//! that was understood, or it is reported by [`Facts::unread`] with a reason. What nobody recognises is still read as a
//! document unless it looks encrypted or compressed (`unknown`).
//!
//! **Nothing is read that is locked.** [`Inspector::finished`] says when a direction can be left alone. Where [`Facts::keys`] has
//! the secrets of a session, TLS and QUIC are unlocked instead, and their inside is inspected like any other octets.

use std::net::IpAddr;

use crate::model::{AppProto, Direction, DocumentStart, KeyLog, NameSource, UninspectedReason};

mod amqp;
mod assembler;
mod ber;
mod certificate;
mod counted;
mod decoder;
mod dns;
mod dtls;
mod fields;
mod files;
mod framed;
mod ftp;
mod head_fields;
mod hl7;
mod http1;
mod http2;
mod http3;
mod http_fields;
mod imap;
mod inspector;
mod ja4;
mod kafka;
mod kdf;
mod ldap;
mod lines;
mod mongodb;
mod mqtt;
mod msrp;
mod mysql;
mod nfs;
mod pop3;
mod postgres;
mod prelude;
mod quic;
mod radius;
mod reader;
mod records;
mod redis;
mod registry;
mod rsync;
mod sasl;
mod sealed;
mod sip;
mod smb2;
mod smpp;
mod smtp;
mod snmp;
mod sql;
mod syslog;
mod tftp;
mod tls;
mod unknown;
mod websocket;

#[cfg(test)]
mod tests;

pub use inspector::Inspector;

/// Octets of a half-stream that may be held for a decoder. A decoder's own limits lie below it.
pub const HELD_MAX: usize = 80 << 10;

/// Octets of a half-stream that may be held while no protocol has been recognised.
pub const PROBE_MAX: usize = 16 << 10;

/// What carries the octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A reassembled stream (TCP).
    Stream,
    /// Datagrams (UDP).
    Datagram,
}

/// What carries a ClientHello.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carrier {
    /// A stream.
    #[default]
    Tcp,
    /// QUIC.
    Quic,
    /// Datagrams.
    Dtls,
}

/// What a TLS, DTLS or QUIC ClientHello says in clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsHello {
    /// What carried it.
    pub carrier: Carrier,
    /// Server name as sent (RFC 6066, section 3). With Encrypted Client Hello this is the outer name.
    pub sni: Option<String>,
    /// Application protocols offered, in order (RFC 7301); octets outside UTF-8 replaced.
    pub alpn: Vec<String>,
    /// First and last octet of the first of them.
    pub alpn_ends: Option<(u8, u8)>,
    /// `legacy_version`.
    pub version: u16,
    /// `supported_versions` in order (RFC 8446, section 4.2.1), GREASE included; empty before TLS 1.3.
    pub versions: Vec<u16>,
    /// Cipher suites in order, GREASE included.
    pub ciphers: Vec<u16>,
    /// Extension types in order, GREASE included.
    pub extensions: Vec<u16>,
    /// `signature_algorithms` in order (RFC 8446, section 4.2.3), GREASE included.
    pub signature_algorithms: Vec<u16>,
    /// Whether `encrypted_client_hello` (0xfe0d) is present. Browsers also send it as GREASE.
    pub ech: bool,
}

/// Receives what the inspector learns. Implemented by the engine.
///
/// Document events come only for wanted directions, and several documents may be open at once; ids are unique within a flow.
/// Names are given as sent, without port; DNS names are lower case.
pub trait Facts {
    /// The keys of sessions to decrypt, if there are any.
    fn keys(&self) -> Option<&KeyLog> {
        None
    }
    /// The application protocol. Told again, innermost last, when a tunnel within the flow carries another one.
    fn protocol(&mut self, app: AppProto);
    /// The name of the server, each time it changes.
    fn server_name(&mut self, name: &str, source: NameSource);
    /// A DNS answer: `addr` was given for `question` (what the client asked), by a record owned by `name` (the end of the
    /// CNAME chain), for `ttl` seconds.
    fn resolved(&mut self, question: &str, name: &str, addr: IpAddr, ttl: u32);
    /// A ClientHello.
    fn tls(&mut self, hello: &TlsHello);
    /// A document begins.
    fn document_start(&mut self, dir: Direction, id: u32, start: DocumentStart);
    /// The octets of this document that follow are the value of `field`; with `None` they are structure or free text. Each call
    /// ends the value before, so two calls with the same field make two values. Only documents whose kind
    /// [has fields](crate::model::DocumentKind::has_fields).
    fn document_field(&mut self, dir: Direction, id: u32, field: Option<&str>);
    /// More octets of a document.
    fn document_octets(&mut self, dir: Direction, id: u32, octets: &[u8]);
    /// `len` octets of a document are missing here.
    fn document_gap(&mut self, dir: Direction, id: u32, len: u64);
    /// A document ends.
    fn document_end(&mut self, dir: Direction, id: u32);
    /// A whole document: says what beginning it, its octets and its end say one by one.
    fn document(&mut self, dir: Direction, id: u32, start: DocumentStart, octets: &[u8]) {
        self.document_start(dir, id, start);
        if !octets.is_empty() {
            self.document_octets(dir, id, octets);
        }
        self.document_end(dir, id);
    }
    /// `len` octets of this half-stream were delivered but cannot be read.
    fn unread(&mut self, dir: Direction, len: u64, reason: UninspectedReason);
}
