//! Tests of the room as a whole: samples of every protocol, whose facts must not depend on how their octets were cut. Here is what
//! tests of all its files use: facts as they are seen, conversations and how they are fed.

mod every;
mod facts;
mod samples;
pub(crate) mod services;

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::*;
use crate::model::{AppProto, DocumentKind};

/// Facts in a form that does not depend on segmentation: octets of one document are joined.
#[derive(Default, Debug, PartialEq, Eq, Clone)]
pub(crate) struct Seen {
    pub(crate) protocols: Vec<AppProto>,
    pub(crate) names: Vec<(String, NameSource)>,
    pub(crate) resolved: Vec<(String, String, IpAddr, u32)>,
    pub(crate) hellos: Vec<TlsHello>,
    pub(crate) documents: BTreeMap<(usize, u64, usize), Document>,
    pub(crate) unread: BTreeMap<(usize, UninspectedReason), u64>,
    open: BTreeMap<u32, (usize, u64, usize)>,
}

/// A document, with its octets as text for readable failures.
#[derive(Debug, PartialEq, Eq, Clone)]
pub(crate) struct Document {
    pub(crate) start: DocumentStart,
    pub(crate) octets: Vec<u8>,
    pub(crate) gaps: Vec<(usize, u64)>,
    pub(crate) fields: Vec<(usize, Option<String>)>,
    pub(crate) ended: bool,
}

impl Facts for Seen {
    fn protocol(&mut self, app: AppProto) {
        self.protocols.push(app);
    }
    fn server_name(&mut self, name: &str, source: NameSource) {
        self.names.push((name.to_owned(), source));
    }
    fn resolved(&mut self, question: &str, name: &str, addr: IpAddr, ttl: u32) {
        self.resolved.push((question.to_owned(), name.to_owned(), addr, ttl));
    }
    fn tls(&mut self, hello: &TlsHello) {
        self.hellos.push(hello.clone());
    }
    fn document_start(&mut self, dir: Direction, id: u32, start: DocumentStart) {
        let mut key = (dir.index(), start.stream_offset, start.kind as usize);
        // Streams of one connection have the same offsets.
        while self.documents.contains_key(&key) {
            key.1 += 1 << 32;
        }
        assert!(self.open.insert(id, key).is_none(), "document id used twice");
        let document = Document { start, octets: Vec::new(), gaps: Vec::new(), fields: Vec::new(), ended: false };
        self.documents.insert(key, document);
    }
    fn document_field(&mut self, _: Direction, id: u32, field: Option<&str>) {
        let document = self.documents.get_mut(&self.open[&id]).unwrap();
        assert!(document.start.kind.has_fields() && !document.ended);
        document.fields.push((document.octets.len(), field.map(str::to_owned)));
    }
    fn document_octets(&mut self, _: Direction, id: u32, octets: &[u8]) {
        let document = self.documents.get_mut(&self.open[&id]).unwrap();
        assert!(!document.ended);
        document.octets.extend_from_slice(octets);
    }
    fn document_gap(&mut self, _: Direction, id: u32, len: u64) {
        let document = self.documents.get_mut(&self.open[&id]).unwrap();
        document.gaps.push((document.octets.len(), len));
    }
    fn document_end(&mut self, _: Direction, id: u32) {
        let document = self.documents.get_mut(&self.open[&id]).unwrap();
        assert!(!document.ended, "document ended twice");
        document.ended = true;
    }
    fn unread(&mut self, dir: Direction, len: u64, reason: UninspectedReason) {
        *self.unread.entry((dir.index(), reason)).or_default() += len;
    }
}

impl Seen {
    pub(crate) fn texts(&self, kind: DocumentKind) -> Vec<String> {
        let of_kind = self.documents.values().filter(|document| document.start.kind == kind);
        of_kind.map(|document| String::from_utf8_lossy(&document.octets).into_owned()).collect()
    }

    /// Documents as `field=value` lines; structure and free text as they are.
    pub(crate) fn values(&self, kind: DocumentKind) -> Vec<String> {
        let of_kind = self.documents.values().filter(|document| document.start.kind == kind);
        of_kind
            .map(|document| {
                let ends = document.fields.iter().skip(1).map(|(at, _)| *at).chain([document.octets.len()]);
                let first = document.fields.first().map_or(document.octets.len(), |(at, _)| *at);
                let mut text = String::from_utf8_lossy(&document.octets[..first]).into_owned();
                for ((from, field), to) in document.fields.iter().zip(ends) {
                    let value = String::from_utf8_lossy(&document.octets[*from..to]);
                    match field {
                        Some(field) => text.push_str(&format!("«{field}={value}»")),
                        None => text.push_str(&value),
                    }
                }
                text
            })
            .collect()
    }

    fn finished(mut self) -> Self {
        assert!(self.documents.values().all(|document| document.ended), "a document was left open");
        self.open.clear();
        self
    }
}

use Direction::{Backward, Forward};

/// A conversation: who sends what, in order.
pub(crate) type Talk<'a> = &'a [(Direction, &'a [u8])];

/// Feeds a conversation, each part cut where `cut` says, and ends both half-streams.
pub(crate) fn inspect(ports: [u16; 2], talk: Talk<'_>, mut cut: impl FnMut(&[u8]) -> Vec<usize>) -> Seen {
    let mut seen = Seen::default();
    let mut inspector = Inspector::new(Transport::Stream, ports[0], ports[1], [true; 2]);
    let mut offsets = [0_u64; 2];
    for (dir, octets) in talk {
        let mut rest = *octets;
        for at in cut(octets) {
            let (head, tail) = rest.split_at(at.min(rest.len()));
            inspector.octets(*dir, offsets[dir.index()], head, &mut seen);
            offsets[dir.index()] += head.len() as u64;
            assert!(inspector.held_bytes() < 1 << 20);
            rest = tail;
        }
        inspector.octets(*dir, offsets[dir.index()], rest, &mut seen);
        offsets[dir.index()] += rest.len() as u64;
    }
    inspector.end(Forward, &mut seen);
    inspector.end(Backward, &mut seen);
    seen.finished()
}

/// A conversation in whole parts.
pub(crate) fn whole(talk: Talk<'_>) -> Seen {
    inspect([40000, 9], talk, |_| Vec::new())
}

/// A ClientHello with a name, as one handshake message.
pub(crate) fn client_hello(name: &str, padding: usize) -> Vec<u8> {
    let u16v = |len: usize| (len as u16).to_be_bytes();
    let mut extensions = Vec::new();
    let mut extension = |kind: u16, data: &[u8]| {
        extensions.extend_from_slice(&kind.to_be_bytes());
        extensions.extend_from_slice(&u16v(data.len()));
        extensions.extend_from_slice(data);
    };
    extension(0x2a2a, &[]);
    extension(51, &vec![7; padding]);
    let sni = [&u16v(name.len() + 3)[..], &[0], &u16v(name.len()), name.as_bytes()].concat();
    extension(0, &sni);
    extension(16, b"\x00\x0c\x02h2\x08http/1.1");
    extension(43, &[4, 3, 4, 3, 3]);
    extension(0xfe0d, &[0; 20]);
    let mut body = vec![3, 3];
    body.extend_from_slice(&[9; 32]);
    body.extend_from_slice(&[0, 0, 4, 0x13, 1, 0x13, 2, 1, 0]);
    body.extend_from_slice(&u16v(extensions.len()));
    body.extend_from_slice(&extensions);
    let mut message = vec![1];
    message.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    message.extend_from_slice(&body);
    message
}

/// A handshake message in records of at most `fragment` octets.
pub(crate) fn records(message: &[u8], fragment: usize) -> Vec<u8> {
    let record = |part: &[u8]| [&[22, 3, 1], &(part.len() as u16).to_be_bytes()[..], part].concat();
    message.chunks(fragment).flat_map(record).collect()
}

/// Octets that look random, always the same.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Who says what.
pub(crate) type Part = (Direction, Vec<u8>);

fn borrowed(talk: &[(Direction, Vec<u8>)]) -> Vec<(Direction, &[u8])> {
    talk.iter().map(|(dir, octets)| (*dir, octets.as_slice())).collect()
}

/// Octets of a published vector; white space does not matter.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
}
