//! Tests of the room as a whole: samples of every protocol, whose facts must not depend on how their octets were cut.

use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::prelude::*;

use super::registry::{DATAGRAM, STREAM};
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

/// A DNS question for `a.example`, type A.
const QUESTION: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07Example\x00\x00\x01\x00\x01";

fn with_length(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
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

/// A preface, settings, two requests, the second with a body in two padded frames around one of the first.
fn http2_requests() -> Vec<u8> {
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend_from_slice(&[kind, flags, 0, 0, 0, stream]);
        frame.extend_from_slice(payload);
        frame
    };
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]),
        frame(1, 0, 1, b"\x83\x86\x44\x02/u"),
        frame(9, 4, 1, b"\x41\x0fwww.example.com"),
        frame(1, 4, 3, b"\x83\x86\x84\xbe"),
        frame(0, 8, 3, b"\x02one\0\0"),
        frame(0, 1, 1, b"first"),
        frame(0, 9, 3, b"\x01 two\0"),
    ]
    .concat()
}

/// Who says what.
pub(crate) type Part = (Direction, Vec<u8>);

/// Conversations of every stream protocol, with the protocol that has to be recognised.
pub(crate) fn stream_samples() -> Vec<(AppProto, Vec<Part>)> {
    let hello = client_hello("a.example.com", 1400);
    let tls = [records(&hello, 600), noise(500)].concat();
    let server_hello = [&[22, 3, 3, 0, 40, 2, 0, 0, 36][..], &noise(300)].concat();
    let requests = b"\r\nGET http://b.example/p/q.txt?x=1 HTTP/1.1\r\nHost: c.example:80\r\n\r\n\
        HEAD /x HTTP/1.1\nhost : a.example\n\nPOST /f HTTP/1.1\r\nHost: a.example\r\nContent-Type: Text/Plain;\r\n \
        Charset=X\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0A\r\n0123456789\r\n0\r\nT: v\r\n\r\n";
    let responses =
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Encoding: gzip, br\r\n\r\n\
        bodyHTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end\r\nHTTP/1.1 200";
    let tunnel: Vec<(Direction, Vec<u8>)> = vec![
        (Forward, b"CONNECT t.example:443 HTTP/1.1\r\nHost: t.example:443\r\n\r\n".to_vec()),
        (Backward, b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
        (Forward, tls.clone()),
        (Backward, server_hello.clone()),
    ];
    let lost =
        b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\
        \r\nGET /next HTTP/1.1\r\nHost: b.example\r\n\r\n";
    let mut samples = super::samples::streams();
    // Tests below know some of these by their place.
    samples.splice(0..0, vec![
        (AppProto::Tls, vec![(Forward, tls.clone()), (Backward, server_hello.clone())]),
        (AppProto::Tls, vec![(Backward, b"\x17\x03\x03\x00\x20".to_vec()), (Backward, noise(60))]),
        (AppProto::Http, vec![(Forward, requests.to_vec()), (Backward, responses.to_vec())]),
        (AppProto::Http, vec![(Forward, b"GET /old\r\n".to_vec()), (Backward, b"<p>no head</p>".to_vec())]),
        (AppProto::Http, vec![(Forward, lost.to_vec())]),
        (AppProto::Tls, tunnel),
        (
            AppProto::Tls,
            vec![
                (Backward, b"220 a.example\r\n".to_vec()),
                (Forward, b"STARTTLS\r\n".to_vec()),
                (Backward, b"220 go ahead\r\n".to_vec()),
                (Forward, records(&client_hello("mail.example", 9), 9999)),
                (Backward, server_hello.clone()),
            ],
        ),
        (
            AppProto::Tls,
            vec![
                (Forward, [b"PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n".to_vec(), tls.clone()].concat()),
                (Backward, server_hello.clone()),
            ],
        ),
        (AppProto::Http, vec![(Forward, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x02abGET / HTTP/1.1\r\n\r\n".to_vec())]),
        (
            AppProto::Tls,
            vec![
                (Forward, b"\x05\x02\0\x02".to_vec()),
                (Backward, b"\x05\x02".to_vec()),
                (Forward, b"\x01\x02me\x03pwd".to_vec()),
                (Backward, b"\x01\0".to_vec()),
                (Forward, b"\x05\x01\0\x03\x09s.example\x01\xbb".to_vec()),
                (Backward, b"\x05\0\0\x01\0\0\0\0\0\0".to_vec()),
                (Forward, tls.clone()),
                (Backward, server_hello.clone()),
            ],
        ),
        (
            AppProto::Http,
            vec![
                (Forward, b"\x04\x01\0\x50\0\0\0\x01me\0s.example\0".to_vec()),
                (Backward, b"\0\x5a\0\0\0\0\0\0".to_vec()),
                (Forward, b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            ],
        ),
        (
            AppProto::Tls,
            vec![
                (Forward, b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec()),
                (Backward, b"S".to_vec()),
                (Forward, tls.clone()),
                (Backward, server_hello.clone()),
            ],
        ),
        (
            AppProto::Tls,
            vec![
                (Forward, b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0mstshash".to_vec()),
                (Backward, b"\x03\0\0\x0b\x06\xd0\0\0\x12\x34\0".to_vec()),
                (Forward, tls.clone()),
                (Backward, server_hello.clone()),
            ],
        ),
        (AppProto::Http, vec![(Forward, b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".to_vec()),
            (Backward, b"HTTP/1.1 101 Switching\r\nUpgrade: WebSocket\r\n\r\n\x01\x03one\x89\x01p\x80\x02 1\xc1\x03\xca\x49\x05".to_vec()),
            (Forward, b"\x81\x85\x01\x02\x03\x04igohn".to_vec()), (Forward, b"\x88\x80\0\0\0\0".to_vec())]),
        (
            AppProto::Http2,
            vec![
                (Forward, http2_requests()),
                (Backward, b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x05\0\0\0\x01\x88".to_vec()),
            ],
        ),
        // The same without its beginning.
        (AppProto::Http2, vec![(Forward, http2_requests()[39..].to_vec())]),
        (
            AppProto::Ssh,
            vec![(Backward, b"SSH-2.0-x\r\n".to_vec()), (Backward, noise(90)), (Forward, b"SSH-2.0-y\n\0\0".to_vec())],
        ),
        (AppProto::OpenVpn, vec![(Forward, [&[0, 14, 0x38][..], &[5; 8], &[0; 5]].concat()), (Backward, noise(90))]),
        (AppProto::Dns, vec![(Forward, [with_length(QUESTION), with_length(QUESTION)].concat())]),
        (
            AppProto::Unknown,
            vec![(Forward, b"HI a.example\r\nMAIL TO:<a@b.example>\r\n".to_vec()), (Backward, noise(2000))],
        ),
        (AppProto::Unknown, vec![(Forward, vec![0; 3000]), (Backward, b"\x16\x03".to_vec())]),
        (
            AppProto::Tls,
            vec![(Forward, records(&client_hello("", 9), 999)), (Backward, records(&server_flight(true), 200))],
        ),
    ]);
    samples.extend(postgres::tests::samples());
    samples.extend(amqp::tests::samples());
    samples.extend(kafka::tests::samples());
    samples.extend(mongodb::tests::samples());
    samples.extend(mqtt::tests::samples());
    samples.extend(mysql::tests::samples());
    samples.extend(redis::tests::samples());
    samples.extend(rsync::tests::samples());
    samples
}

fn borrowed(talk: &[(Direction, Vec<u8>)]) -> Vec<(Direction, &[u8])> {
    talk.iter().map(|(dir, octets)| (*dir, octets.as_slice())).collect()
}

/// Datagrams of every protocol.
fn datagram_samples() -> Vec<(AppProto, [u16; 2], Vec<u8>)> {
    let mut samples = super::samples::datagrams();
    let initial = [&[0xc3, 0, 0, 0, 1, 8][..], &[7; 8], &[0, 0, 0x44, 0x9e], &noise(1182)].concat();
    let ike = [&[1; 8][..], &[0; 8], &[33, 0x20, 34, 8, 0, 0, 0, 0, 0, 0, 0, 60], &noise(32)].concat();
    samples.extend([
        (AppProto::Dns, [40000, 53], QUESTION.to_vec()),
        (AppProto::Dtls, [40000, 9], [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40][..], &noise(40)].concat()),
        (AppProto::Quic, [40000, 9], initial),
        (AppProto::WireGuard, [40000, 9], [&[1, 0, 0, 0][..], &noise(144)].concat()),
        (AppProto::Ipsec, [500, 500], ike),
        (AppProto::OpenVpn, [40000, 9], [&[0x38][..], &[5; 8], &[0; 5]].concat()),
    ]);
    samples
}

#[test]
fn every_protocol_has_a_candidate_and_samples() {
    for app in AppProto::ALL.iter().filter(|app| **app != AppProto::Unknown) {
        let known = STREAM.iter().any(|c| c.app == *app) || DATAGRAM.iter().any(|c| c.app == *app);
        assert!(known, "{app}: no candidate in the registry");
    }
    for candidate in STREAM {
        assert!(stream_samples().iter().any(|(app, _)| *app == candidate.app), "{}: no sample", candidate.app);
    }
    for candidate in DATAGRAM {
        assert!(datagram_samples().iter().any(|(app, ..)| *app == candidate.app), "{}: no sample", candidate.app);
    }
}

#[test]
fn every_decoder_and_coding_has_a_fuzz_target() {
    let Ok(manifest) = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/Cargo.toml")) else {
        eprintln!("skipped: fuzz/Cargo.toml is not here (it is not in the published package)");
        return;
    };
    let streams = STREAM.iter().map(|candidate| format!("stream-{}", candidate.app));
    let datagrams = DATAGRAM.iter().map(|candidate| format!("datagram-{}", candidate.app));
    let codings = crate::model::Coding::ALL.iter().filter(|coding| **coding != crate::model::Coding::Unknown);
    for target in streams.chain(datagrams).chain(codings.map(|coding| format!("content-{coding}"))) {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}: no target in fuzz/Cargo.toml");
    }
}

/// Not a test: writes every sample as a beginning for its fuzz target, in the form that fuzz/fuzz_targets/protocol.rs reads.
#[test]
#[ignore = "writes to the folder that BORDERPOST_FUZZ_CORPUS names"]
fn write_fuzz_corpus() {
    let Some(folder) = std::env::var_os("BORDERPOST_FUZZ_CORPUS").map(std::path::PathBuf::from) else {
        return eprintln!("skipped: BORDERPOST_FUZZ_CORPUS names no folder");
    };
    let write = |target: String, number: usize, parts: &[(Direction, Vec<u8>)]| {
        let mut input = Vec::new();
        for (dir, octets) in parts {
            for piece in octets.chunks(0x3fff) {
                let way = if *dir == Direction::Backward { 0x8000 } else { 0 };
                input.extend_from_slice(&(piece.len() as u16 | way).to_le_bytes());
                input.extend_from_slice(piece);
            }
        }
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("sample-{number}")), input).unwrap();
    };
    for (number, (app, talk)) in stream_samples().into_iter().enumerate() {
        write(format!("stream-{app}"), number, &talk);
    }
    for (number, (app, _, datagram)) in datagram_samples().into_iter().enumerate() {
        write(format!("datagram-{app}"), number, &[(Forward, datagram)]);
    }
}

/// Taken for any protocol, every sample, cut anywhere, is read without a panic and within little memory.
#[test]
fn every_decoder_stands_every_other_protocol() {
    for (app, transport) in
        STREAM.iter().map(|c| (c.app, Transport::Stream)).chain(DATAGRAM.iter().map(|c| (c.app, Transport::Datagram)))
    {
        for (_, talk) in stream_samples() {
            for step in [1, 7, 4096] {
                let mut seen = Seen::default();
                let mut inspector = Inspector::of(transport, app, [true; 2]).expect("a decoder");
                let mut offsets = [0_u64; 2];
                for (dir, octets) in &talk {
                    let short = octets.get(..600).unwrap_or(octets);
                    for part in short.chunks(step) {
                        let offset = &mut offsets[dir.index()];
                        inspector.octets(*dir, *offset, part, &mut seen);
                        inspector.datagram(*dir, part, part.len() as u32, &mut seen);
                        *offset += part.len() as u64;
                    }
                }
                inspector.end(Forward, &mut seen);
                inspector.end(Backward, &mut seen);
                seen.finished();
                assert!(inspector.held_bytes() < 1 << 20, "{app}");
            }
        }
    }
}

#[test]
fn samples_are_recognised() {
    for (app, talk) in stream_samples() {
        let seen = whole(&borrowed(&talk));
        assert_eq!(seen.protocols.last().copied().unwrap_or(AppProto::Unknown), app, "{seen:?}");
    }
    for (app, ports, datagram) in datagram_samples() {
        let mut seen = Seen::default();
        let mut inspector = Inspector::new(Transport::Datagram, ports[0], ports[1], [true; 2]);
        inspector.datagram(Forward, &datagram, datagram.len() as u32, &mut seen);
        assert_eq!(seen.protocols, [app]);
    }
}

#[test]
fn two_way_splits_give_the_same_facts() {
    for (_, talk) in stream_samples() {
        let talk = borrowed(&talk);
        let expected = whole(&talk);
        let longest = talk.iter().map(|(_, octets)| octets.len()).max().unwrap();
        for at in 1..longest {
            assert_eq!(inspect([40000, 9], &talk, |_| vec![at]), expected, "cut at {at}");
        }
        assert_eq!(inspect([40000, 9], &talk, |octets| vec![1; octets.len()]), expected, "octet by octet");
    }
}

#[test]
fn prefixes_are_accounted_for() {
    for (_, talk) in stream_samples() {
        for (dir, octets) in &talk {
            for len in 0..=octets.len().min(700) {
                let part = &octets[..len];
                let seen = whole(&[(*dir, part)]);
                // Octets of documents and unread octets are never more than what was given.
                let read: usize = seen.documents.values().map(|document| document.octets.len()).sum();
                let unread: u64 = seen.unread.values().sum();
                // What was compressed, or a number in binary, is longer when it is read.
                let expands = matches!(
                    seen.protocols[..],
                    [AppProto::Dns | AppProto::Http2 | AppProto::Postgres | AppProto::MySql]
                ) || seen.documents.values().any(|document| document.start.kind == DocumentKind::Fields);
                // Each compressed message ends with four octets that were not sent.
                assert!(expands || read as u64 + unread <= len as u64 + 4, "{len}: {seen:?}");
            }
        }
    }
}

#[test]
fn documents_come_only_where_wanted() {
    for (_, talk) in stream_samples() {
        let mut seen = Seen::default();
        let mut inspector = Inspector::new(Transport::Stream, 1, 2, [false, false]);
        for (dir, octets) in &talk {
            inspector.octets(*dir, 0, octets, &mut seen);
        }
        inspector.end(Forward, &mut seen);
        inspector.end(Backward, &mut seen);
        assert!(seen.documents.is_empty() && seen.unread.is_empty());
    }
}

/// A server's flight in clear: hello, certificate, key exchange.
fn server_flight(with_certificate: bool) -> Vec<u8> {
    let message = |kind: u8, body: &[u8]| [&[kind][..], &(body.len() as u32).to_be_bytes()[1..], body].concat();
    let certificate = message(11, &super::certificate::tests::message("www.example.com", &["*.example.org"]));
    let certificate = if with_certificate { certificate } else { Vec::new() };
    [message(2, &[3, 3, 9, 9]), certificate, message(12, &[7; 90]), message(14, &[])].concat()
}

#[test]
fn a_certificate_names_the_server_where_the_client_does_not() {
    let nameless = records(&client_hello("", 20), 16384);
    let named = records(&client_hello("a.example.com", 20), 16384);
    let expected = |name: &str, source| vec![(name.to_owned(), source)];
    let certificate = expected("www.example.com", NameSource::TlsCertificate);
    for (hello, with_certificate, names) in [
        (&nameless, true, certificate.clone()),
        (&named, true, expected("a.example.com", NameSource::TlsSni)),
        (&nameless, false, Vec::new()),
        (&Vec::new(), true, certificate),
    ] {
        let flight = records(&server_flight(with_certificate), 300);
        let rest = noise(3000);
        let mut seen = Seen::default();
        let mut inspector = Inspector::new(Transport::Stream, 40000, 443, [true; 2]);
        inspector.octets(Forward, 0, hello, &mut seen);
        inspector.octets(Backward, 0, &flight, &mut seen);
        assert_eq!(seen.names, names);
        assert_eq!(inspector.finished(Backward), Some(UninspectedReason::Encrypted));
        inspector.octets(Backward, flight.len() as u64, &rest, &mut seen);
        assert!(seen.documents.is_empty() && inspector.held_bytes() < 2000);
    }
    // A flight that never ends is let go.
    let endless = records(&[&[11, 0, 0xff, 0xf0][..], &[0; 70_000]].concat(), 16_000);
    let mut seen = Seen::default();
    let mut inspector = Inspector::new(Transport::Stream, 40000, 443, [true; 2]);
    for (i, piece) in endless.chunks(1000).enumerate() {
        inspector.octets(Backward, i as u64 * 1000, piece, &mut seen);
        assert!(inspector.held_bytes() < 100_000);
    }
    assert_eq!(inspector.finished(Backward), Some(UninspectedReason::Encrypted));
}

#[test]
fn tls_is_finished_after_the_hello() {
    let hello = records(&client_hello("a.example.com", 2000), 16384);
    let mut seen = Seen::default();
    let mut inspector = Inspector::new(Transport::Stream, 40000, 443, [true; 2]);
    let (first, second) = hello.split_at(1400);
    inspector.octets(Forward, 0, first, &mut seen);
    assert_eq!((inspector.finished(Forward), inspector.finished(Backward)), (None, None));
    inspector.octets(Forward, 1400, second, &mut seen);
    // The hello gives a name: there is nothing to learn from the server's half.
    assert_eq!([Forward, Backward].map(|dir| inspector.finished(dir)), [Some(UninspectedReason::Encrypted); 2]);
    assert_eq!(seen.names, [("a.example.com".to_owned(), NameSource::TlsSni)]);
    let hello = &seen.hellos[0];
    assert_eq!(
        (hello.alpn.as_slice(), hello.versions.as_slice()),
        (&["h2".into(), "http/1.1".into()][..], &[0x304, 0x303][..])
    );
    assert!(hello.ech && seen.unread.is_empty());
}

#[test]
fn http_facts() {
    let (_, talk) = &stream_samples()[2];
    let seen = whole(&borrowed(talk));
    let names: Vec<_> = seen.names.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["b.example", "a.example"]);
    assert_eq!(seen.texts(DocumentKind::HttpRequestBody), ["abc0123456789"]);
    let body = seen.documents.values().find(|d| d.start.kind == DocumentKind::HttpRequestBody).unwrap();
    assert_eq!((body.start.media_type.as_str(), body.start.name.as_deref()), ("text/plain; charset=X", Some("f")));
    assert_eq!(seen.texts(DocumentKind::HttpRequestHead).len(), 4, "three heads and a trailer");
    assert_eq!(seen.texts(DocumentKind::HttpResponseBody), ["body", "to the end\r\nHTTP/1.1 200"]);
    assert!(seen.unread.is_empty());
}

#[test]
fn streams_that_begin_opaque_are_read_later() {
    let talk = [noise(1500), b"cn=user,dc=example ".repeat(100)].concat();
    let seen = whole(&[(Forward, &talk)]);
    assert_eq!(seen.unread, BTreeMap::from([((0, UninspectedReason::UnknownProtocol), 1024)]));
    assert_eq!(seen.texts(DocumentKind::Stream).len(), 1);
    let mut seen = Seen::default();
    let mut inspector = Inspector::new(Transport::Stream, 40000, 443, [true; 2]);
    inspector.octets(Forward, 0, &noise(20_000), &mut seen);
    assert_eq!(inspector.finished(Forward), Some(UninspectedReason::Encrypted));
    assert_eq!((seen.protocols.as_slice(), seen.unread.values().sum::<u64>()), (&[AppProto::Tls][..], 20_000));
}

#[test]
fn websocket_facts() {
    let samples = stream_samples();
    let (_, talk) = samples.iter().find(|(_, talk)| talk[0].1.starts_with(b"GET /chat")).unwrap();
    let seen = whole(&borrowed(talk));
    let texts = seen.texts(DocumentKind::WebSocketMessage);
    assert_eq!(texts[..3], ["hello", "one 1", "p"]);
    let compressed = seen.documents.values().find(|document| !document.start.codings.is_empty()).unwrap();
    assert_eq!(compressed.octets, b"\xca\x49\x05\0\0\xff\xff");
    assert!(seen.unread.is_empty());
}

#[test]
fn http2_without_its_beginning_is_read_as_far_as_it_tells() {
    let requests = http2_requests();
    // From the block that continues the first request's: two fields refer to what was in the table.
    let midstream = [&b"\0\0\x04\x08\0\0\0\0\0\0\0\x10\0"[..], &requests[54..]].concat();
    let seen = whole(&[(Forward, &midstream)]);
    assert_eq!(seen.protocols, [AppProto::Http2]);
    assert_eq!(seen.texts(DocumentKind::HttpRequestBody), ["one two", "first"]);
    assert_eq!(
        seen.texts(DocumentKind::HttpRequestHead),
        [
            ":authority: www.example.com\r\n",
            ":method: POST\r\n:scheme: http\r\n:path: /\r\n:authority: www.example.com\r\n"
        ]
    );
    // After a gap in the middle of a frame.
    let mut seen = Seen::default();
    let mut inspector = Inspector::new(Transport::Stream, 40000, 80, [true; 2]);
    inspector.octets(Forward, 0, &requests[..60], &mut seen);
    inspector.gap(Forward, 60, 1000, &mut seen);
    inspector.octets(Forward, 1060, b"\0\0\x02\x01\x04\0\0\0\x05\x83\xbe\0\0\x04\0\x01\0\0\0\x05body", &mut seen);
    inspector.end(Forward, &mut seen);
    assert_eq!(seen.texts(DocumentKind::HttpRequestBody), ["body"]);
    assert_eq!(seen.unread.get(&(0, UninspectedReason::Undecodable)), Some(&7), "{seen:?}");
}

#[test]
fn http2_facts() {
    let requests = http2_requests();
    let seen = whole(&[(Forward, &requests)]);
    assert_eq!(seen.names, [("www.example.com".to_owned(), NameSource::Http2Authority)]);
    assert_eq!(seen.texts(DocumentKind::HttpRequestBody), ["one two", "first"]);
    assert_eq!(
        seen.texts(DocumentKind::HttpRequestHead)[0],
        ":method: POST\r\n:scheme: http\r\n:path: /u\r\n:authority: www.example.com\r\n"
    );
    assert!(seen.unread.is_empty());
}

#[test]
fn gaps_in_http() {
    let head = b"POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345";
    let next = b"890GET /b HTTP/1.1\r\nHost: b.example\r\n\r\nGET /c HT";
    let mut seen = Seen::default();
    let mut inspector = Inspector::new(Transport::Stream, 40000, 80, [true; 2]);
    let at = head.len() as u64;
    inspector.octets(Forward, 0, head, &mut seen);
    inspector.gap(Forward, at, 2, &mut seen);
    inspector.octets(Forward, at + 2, next, &mut seen);
    // A gap in a head: what is there is read, and the next start line is found.
    inspector.gap(Forward, at + 2 + next.len() as u64, 100, &mut seen);
    inspector.octets(
        Forward,
        at + 102 + next.len() as u64,
        b"tail\r\nGET /d HTTP/1.1\r\nHost: d.example\r\n\r\n",
        &mut seen,
    );
    inspector.end(Forward, &mut seen);
    let seen = seen.finished();
    let body = seen.documents.values().find(|d| d.start.kind == DocumentKind::HttpRequestBody).unwrap();
    assert_eq!((body.octets.as_slice(), body.gaps.as_slice()), (&b"12345890"[..], &[(5, 2)][..]));
    assert_eq!(seen.names.len(), 2);
    assert_eq!(seen.texts(DocumentKind::HttpRequestHead)[2], "GET /c HT");
    assert_eq!(seen.texts(DocumentKind::Stream), ["tail\r\n"]);
}

fn answer(records: &[u8], count: u8) -> Vec<u8> {
    let mut message = b"\x12\x34\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07Example\x00\x00\x01\x00\x01".to_vec();
    message[7] = count;
    message.extend_from_slice(records);
    message
}

#[test]
fn dns_answers_follow_the_chain() {
    let message = answer(
        b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x09\x00\x04\x01b\xc0\x0e\
          \xc0\x27\x00\x01\x00\x01\x00\x00\x00\x07\x00\x04\x01\x02\x03\x04\
          \x01z\x00\x00\x01\x00\x01\x00\x00\x00\x07\x00\x04\x09\x09\x09\x09",
        3,
    );
    let mut seen = Seen::default();
    let mut inspector = Inspector::new(Transport::Datagram, 40000, 53, [true; 2]);
    inspector.datagram(Backward, &message, message.len() as u32, &mut seen);
    assert_eq!(seen.resolved, [("a.example".into(), "b.example".into(), "1.2.3.4".parse().unwrap(), 7)]);
    assert_eq!(seen.texts(DocumentKind::DnsMessage), ["a.example\nb.example\nz\n"]);
}

#[test]
fn dns_loops_end() {
    // A name that points at itself, and a chain of aliases that bites its tail.
    for records in [
        &b"\xc0\x1b\x00\x01\x00\x01\x00\x00\x00\x07\x00\x04\x01\x02\x03\x04"[..],
        b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x09\x00\x02\xc0\x0c",
    ] {
        let message = answer(records, 1);
        let mut seen = Seen::default();
        let mut inspector = Inspector::new(Transport::Datagram, 40000, 53, [true; 2]);
        inspector.datagram(Backward, &message, message.len() as u32, &mut seen);
        assert_eq!((seen.protocols.as_slice(), seen.resolved.len()), (&[AppProto::Dns][..], 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any segmentation gives the same facts.
    #[test]
    fn segmentation_does_not_matter(cuts in prop::collection::vec(1_usize..200, 0..60)) {
        for (_, talk) in stream_samples() {
            let talk = borrowed(&talk);
            prop_assert_eq!(inspect([40000, 9], &talk, |_| cuts.clone()), whole(&talk));
        }
    }

    /// No octets, in any order, with gaps anywhere, make it panic, and every document ends.
    #[test]
    fn nothing_panics(
        sample in 0..128_usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        gaps in prop::collection::vec((1_usize..400, 0_u64..20), 0..12),
        ports in any::<[u16; 2]>(),
    ) {
        let samples = stream_samples();
        let (_, talk) = &samples[sample % samples.len()];
        let mut seen = Seen::default();
        let mut inspector = Inspector::new(Transport::Stream, ports[0], ports[1], [true; 2]);
        let mut offsets = [0_u64; 2];
        for (dir, octets) in talk {
            let mut octets = octets.clone();
            for (at, flip) in &flips {
                let at = at.index(octets.len());
                octets[at] = *flip;
            }
            let offset = &mut offsets[dir.index()];
            let mut rest = octets.as_slice();
            for (cut, gap) in &gaps {
                let (head, tail) = rest.split_at((*cut).min(rest.len()));
                inspector.octets(*dir, *offset, head, &mut seen);
                *offset += head.len() as u64;
                inspector.gap(*dir, *offset, *gap, &mut seen);
                *offset += gap;
                rest = tail;
            }
            inspector.octets(*dir, *offset, rest, &mut seen);
            *offset += rest.len() as u64;
        }
        inspector.end(Forward, &mut seen);
        inspector.end(Backward, &mut seen);
        seen.finished();
    }

    /// Random datagrams do not panic, mangled messages neither.
    #[test]
    fn datagrams_do_not_panic(
        random in prop::collection::vec(any::<u8>(), 0..600),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        ports in any::<[u16; 2]>(),
    ) {
        let mut samples: Vec<_> = datagram_samples().into_iter().map(|(.., octets)| octets).collect();
        samples.push(answer(b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x09\x00\x04\x01b\xc0\x0e", 1));
        samples.push(random);
        for mut octets in samples {
            for (at, flip) in &flips {
                if !octets.is_empty() {
                    let at = at.index(octets.len());
                    octets[at] = *flip;
                }
            }
            let mut seen = Seen::default();
            let mut inspector = Inspector::new(Transport::Datagram, ports[0], ports[1], [true; 2]);
            inspector.datagram(Forward, &octets, octets.len() as u32, &mut seen);
            inspector.datagram(Backward, &octets, octets.len() as u32, &mut seen);
            inspector.end(Forward, &mut seen);
            inspector.end(Backward, &mut seen);
            seen.finished();
        }
    }
}
