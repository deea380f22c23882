//! Sessions with keys: the example of RFC 8448, real captures against what tshark made of them, and what is done to both.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::super::tests::Seen;
use super::super::{Facts, Inspector, Transport};
use super::*;
use crate::capture::{Captures, Secrets};
use crate::flow::{DropReason, EndReason, FlowRecord, FlowTable, GapCause, Handler, Interest};
use crate::model::{Direction, DocumentKind, KeyLog, Limits, Packet, ip_proto};
use crate::wire::Decoder;

/// Octets of applications, by session and direction.
type Content = BTreeMap<([u8; 32], usize), Vec<u8>>;

thread_local! {
    static CONTENT: RefCell<Content> = const { RefCell::new(BTreeMap::new()) };
}

/// Told of all content that sessions open.
pub(super) fn tap(random: &[u8; 32], dir: Direction, octets: &[u8]) {
    CONTENT.with_borrow_mut(|all| all.entry((*random, dir.index())).or_default().extend_from_slice(octets));
}

/// [`Seen`], with keys.
pub(crate) struct Keyed {
    pub(crate) seen: Seen,
    pub(crate) keys: KeyLog,
}

impl Facts for Keyed {
    fn keys(&self) -> Option<&KeyLog> {
        Some(&self.keys)
    }
    fn protocol(&mut self, app: crate::model::AppProto) {
        self.seen.protocol(app);
    }
    fn server_name(&mut self, name: &str, source: NameSource) {
        self.seen.server_name(name, source);
    }
    fn resolved(&mut self, question: &str, name: &str, addr: std::net::IpAddr, ttl: u32) {
        self.seen.resolved(question, name, addr, ttl);
    }
    fn tls(&mut self, hello: &TlsHello) {
        self.seen.tls(hello);
    }
    fn document_start(&mut self, dir: Direction, id: u32, start: crate::model::DocumentStart) {
        self.seen.document_start(dir, id, start);
    }
    fn document_field(&mut self, _dir: Direction, _id: u32, _field: Option<&str>) {}
    fn document_octets(&mut self, dir: Direction, id: u32, octets: &[u8]) {
        self.seen.document_octets(dir, id, octets);
    }
    fn document_gap(&mut self, dir: Direction, id: u32, len: u64) {
        self.seen.document_gap(dir, id, len);
    }
    fn document_end(&mut self, dir: Direction, id: u32) {
        self.seen.document_end(dir, id);
    }
    fn unread(&mut self, dir: Direction, len: u64, reason: UninspectedReason) {
        self.seen.unread(dir, len, reason);
    }
}

/// Replays flows into inspectors that share keys.
pub(crate) struct Replay {
    pub(crate) keys: KeyLog,
    pub(crate) flows: Vec<Seen>,
}

impl Handler for Replay {
    type State = (Inspector, Seen);

    fn open(&mut self, flow: &FlowRecord) -> Self::State {
        let transport = if flow.proto == ip_proto::TCP { Transport::Stream } else { Transport::Datagram };
        (Inspector::new(transport, flow.originator.port, flow.responder.port, [true; 2]), Seen::default())
    }
    fn packet(&mut self, _: &FlowRecord, _: &mut Self::State, _: Direction, _: &Packet<'_>) {}
    fn octets(
        &mut self,
        _: &FlowRecord,
        (inspector, seen): &mut Self::State,
        dir: Direction,
        offset: u64,
        octets: &[u8],
    ) -> Interest {
        self.keyed(seen, |facts| inspector.octets(dir, offset, octets, facts));
        Interest::Read
    }
    fn gap(
        &mut self,
        _: &FlowRecord,
        (inspector, seen): &mut Self::State,
        dir: Direction,
        offset: u64,
        len: u64,
        _: GapCause,
    ) -> Interest {
        self.keyed(seen, |facts| inspector.gap(dir, offset, len, facts));
        Interest::Read
    }
    fn dropped(&mut self, _: &FlowRecord, _: &mut Self::State, _: Direction, _: u64, _: DropReason) {}
    fn datagram(
        &mut self,
        _: &FlowRecord,
        (inspector, seen): &mut Self::State,
        dir: Direction,
        octets: &[u8],
        len: u32,
    ) {
        self.keyed(seen, |facts| inspector.datagram(dir, octets, len, facts));
        assert!(inspector.held_bytes() < 8 << 20);
    }
    fn end(&mut self, _: &FlowRecord, (inspector, seen): &mut Self::State, dir: Direction) {
        self.keyed(seen, |facts| inspector.end(dir, facts));
    }
    fn close(&mut self, _: &FlowRecord, (_, seen): Self::State, _: EndReason) {
        self.flows.push(seen);
    }
}

impl Replay {
    fn keyed(&mut self, seen: &mut Seen, feed: impl FnOnce(&mut Keyed)) {
        let mut facts = Keyed { seen: std::mem::take(seen), keys: std::mem::take(&mut self.keys) };
        feed(&mut facts);
        *seen = facts.seen;
        self.keys = facts.keys;
    }
}

/// The secrets beside a capture (`<capture>.keylog`) and in it.
pub(crate) fn keys_of(capture: &Path) -> KeyLog {
    let mut keys = KeyLog::default();
    let beside = PathBuf::from(format!("{}.keylog", capture.display()));
    if let Ok(text) = std::fs::read(beside) {
        assert_eq!(keys.read(&text), []);
    }
    let mut captures = Captures::open(&[capture.to_path_buf()], None).unwrap();
    while captures.next_frame().is_some() {}
    for secrets in captures.take_secrets() {
        if secrets.kind == Secrets::TLS_KEY_LOG {
            assert_eq!(keys.read(&secrets.data), []);
        }
    }
    keys
}

/// What inspectors say of a capture's flows. `edit` may change packets' payloads or drop packets.
pub(crate) fn replay(capture: &Path, keys: KeyLog, mut keep: impl FnMut(u64) -> bool) -> Vec<Seen> {
    CONTENT.with_borrow_mut(BTreeMap::clear);
    let limits = Limits::default();
    let mut decoder = Decoder::new(&limits);
    let mut table: FlowTable<Replay> = FlowTable::new(&limits);
    let mut replay = Replay { keys, flows: Vec::new() };
    let mut captures = Captures::open(&[capture.to_path_buf()], None).unwrap();
    let mut number = 0;
    while let Some(frame) = captures.next_frame() {
        decoder.decode(&frame, &mut |packet| {
            number += 1;
            if keep(number) {
                table.ingest(number, &packet, &mut replay);
            }
        });
    }
    table.finish(&mut replay);
    replay.flows
}

/// The folder beside the project with real captures.
pub(crate) fn shared() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if path.join("captures").is_dir() {
        return Some(path);
    }
    eprintln!("skipped: ../shared with real captures is not here");
    None
}

/// SHA-256 of all that sessions opened, sorted.
fn digests() -> Vec<String> {
    let digest = |octets: &Vec<u8>| Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect();
    CONTENT.with_borrow(|all| all.values().map(digest).collect())
}

#[test]
fn real_sessions_give_what_tshark_gives() {
    let Some(shared) = shared() else { return };
    for name in [
        "http2/http2-data-reassembly.pcap",
        "http2/http2_follow_multistream.pcapng",
        "quic/quic-with-secrets.pcapng",
        "tls/tls-1.2-stream-keylog.pcap",
        "tls/tls12-chacha20poly1305.pcap",
        "tls/tls12-dsb.pcapng",
        "tls/tls13-rfc8446.pcap",
        "tls/tls_nss_example.pcap",
        "tls/tls_tcp_frag_withnss.pcap",
    ] {
        let truth: serde_json::Value =
            serde_json::from_slice(&std::fs::read(shared.join(format!("truth/{name}.json"))).unwrap()).unwrap();
        let capture = shared.join("captures").join(name);
        let flows = replay(&capture, keys_of(&capture), |_| true);
        let ours = digests();
        for stream in truth["tls_plaintext"].as_array().unwrap() {
            for way in ["ab", "ba"] {
                let Some(digest) = stream[format!("sha256_{way}")].as_str() else { continue };
                assert!(ours.iter().any(|ours| ours == digest), "{name} {} {way}", stream["a"]);
            }
        }
        for (list, key, source) in
            [("http", "host", NameSource::HttpHost), ("http2", "authority", NameSource::Http2Authority)]
        {
            for entry in truth[list].as_array().unwrap() {
                let Some(host) = entry[key].as_str() else { continue };
                let host = host.split_once(':').map_or(host, |(host, _)| host);
                let told = flows.iter().flat_map(|seen| &seen.names);
                let told = told.filter(|(name, from)| name == host && *from == source).count();
                assert!(told > 0, "{name}: {host}");
            }
        }
        let heads = flows.iter().map(|seen| seen.texts(DocumentKind::HttpRequestHead).len()).sum::<usize>();
        assert!(heads > 0, "{name}");
    }
}

/// tshark 4.0 does not decode HTTP/3 headers: the names are those of the ClientHellos, which its truth has. What it cannot
/// open either (the key log lacks the connection) stays locked.
#[test]
fn real_quic_connections_are_read() {
    let Some(shared) = shared() else { return };
    for (name, host, heads, locked) in [
        ("quic/quic-with-secrets.pcapng", "cloudflare-quic.com", 2, 0),
        ("quic/quic_follow_multistream.pcapng", "www.youtube.com", 22, 0),
        ("quic/quic-v2.pcapng", "test", 3, 0),
        ("quic/quic-fragmented-handshakes.pcapng", "localhost", 1, 171),
    ] {
        let capture = shared.join("captures").join(name);
        let flows = replay(&capture, keys_of(&capture), |_| true);
        let told = flows.iter().any(|seen| seen.names.contains(&(host.to_owned(), NameSource::Http2Authority)));
        assert!(told, "{name}");
        let all = flows.iter().map(|seen| seen.texts(DocumentKind::HttpRequestHead).len()).sum::<usize>();
        assert_eq!(all, heads, "{name}");
        let answers = flows.iter().map(|seen| seen.texts(DocumentKind::HttpResponseHead).len()).sum::<usize>();
        assert!(answers > 0, "{name}");
        let unread: u64 = flows.iter().flat_map(|seen| seen.unread.values()).sum();
        assert_eq!(unread, locked, "{name}");
    }
}

/// The project's own capture of OpenSSL's sessions: all suites of TLS 1.2, TLS 1.3, key updates.
fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures/keyed/tls.pcap")
}

fn bodies(flows: &[Seen]) -> Vec<String> {
    flows.iter().flat_map(|seen| seen.texts(DocumentKind::HttpRequestBody)).collect()
}

#[test]
fn all_own_sessions_are_read_whole() {
    let flows = replay(&own(), keys_of(&own()), |_| true);
    assert_eq!(flows.len(), 10);
    for name in [
        "cbc-sha256-etm",
        "cbc-sha256",
        "cbc-sha384",
        "cbc-sha1",
        "cbc-sha1-256-etm",
        "gcm-128",
        "gcm-256",
        "chacha",
        "tls13",
        "update",
    ] {
        let host = format!("{name}.example.com");
        let flow = flows.iter().find(|seen| seen.names.contains(&(host.clone(), NameSource::TlsSni))).unwrap();
        assert_eq!(flow.unread, BTreeMap::new(), "{name}");
        let body = &bodies(std::slice::from_ref(flow))[0];
        assert!(body.contains("899-45-67") && body.contains(name), "{name}");
        if name != "update" {
            assert!(flow.names.contains(&(host, NameSource::HttpHost)), "{name}");
            assert_eq!(flow.texts(DocumentKind::HttpResponseBody), ["ok"], "{name}");
        } else {
            let after = flow.documents.values().any(|document| document.octets.ends_with(b"after the second update\n"));
            assert!(after, "octets after two updates of the key");
        }
    }
}

#[test]
fn without_the_right_keys_nothing_is_read() {
    let text = std::fs::read_to_string(format!("{}.keylog", own().display())).unwrap();
    // Every secret with another last digit; and a log of other sessions.
    let wrong: String = text
        .lines()
        .map(|line| format!("{}{}\n", &line[..line.len() - 1], if line.ends_with('0') { 1 } else { 0 }))
        .collect();
    let other = text.replace('a', "b").replace('1', "2");
    for (text, sessions) in [(wrong, 10), (other, 10), (String::new(), 0)] {
        let mut keys = KeyLog::default();
        assert_eq!(keys.read(text.as_bytes()), []);
        assert_eq!(keys.len(), sessions);
        let flows = replay(&own(), keys, |_| true);
        for seen in &flows {
            assert!(seen.documents.is_empty() && seen.names.len() == 1);
            assert_eq!(
                seen.unread.keys().map(|(_, reason)| *reason).collect::<Vec<_>>(),
                [UninspectedReason::Encrypted; 2]
            );
        }
    }
}

/// A key log costs nothing where it does not help.
#[test]
fn sessions_of_others_are_finished_after_the_hello() {
    let keys = keys_of(&own());
    let hello = super::super::tests::records(&super::super::tests::client_hello("a.example", 500), 9999);
    let mut facts = Keyed { seen: Seen::default(), keys };
    let mut inspector = Inspector::new(Transport::Stream, 40000, 443, [true; 2]);
    inspector.octets(Direction::Forward, 0, &hello, &mut facts);
    assert_eq!(inspector.finished(Direction::Forward), Some(UninspectedReason::Encrypted));
    inspector.octets(Direction::Backward, 0, b"\x16", &mut facts);
    assert_eq!(inspector.finished(Direction::Backward), Some(UninspectedReason::Encrypted));
    assert_eq!(facts.seen.unread.values().sum::<u64>(), 1);
}

/// The parts of a conversation, in order.
type Talk = Vec<(Direction, Vec<u8>)>;

/// A capture's conversations, as the inspector is shown them.
#[derive(Default)]
struct Talks(Vec<Talk>);

impl Handler for Talks {
    type State = Talk;

    fn open(&mut self, _: &FlowRecord) -> Self::State {
        Vec::new()
    }
    fn packet(&mut self, _: &FlowRecord, _: &mut Self::State, _: Direction, _: &Packet<'_>) {}
    fn octets(&mut self, _: &FlowRecord, talk: &mut Self::State, dir: Direction, _: u64, octets: &[u8]) -> Interest {
        talk.push((dir, octets.to_vec()));
        Interest::Read
    }
    fn gap(&mut self, _: &FlowRecord, _: &mut Self::State, _: Direction, _: u64, _: u64, _: GapCause) -> Interest {
        Interest::Read
    }
    fn dropped(&mut self, _: &FlowRecord, _: &mut Self::State, _: Direction, _: u64, _: DropReason) {}
    fn datagram(&mut self, _: &FlowRecord, talk: &mut Self::State, dir: Direction, octets: &[u8], _: u32) {
        talk.push((dir, octets.to_vec()));
    }
    fn end(&mut self, _: &FlowRecord, _: &mut Self::State, _: Direction) {}
    fn close(&mut self, _: &FlowRecord, talk: Self::State, _: EndReason) {
        self.0.push(talk);
    }
}

fn talks(capture: &Path) -> Vec<Talk> {
    let limits = Limits::default();
    let mut decoder = Decoder::new(&limits);
    let mut table: FlowTable<Talks> = FlowTable::new(&limits);
    let mut talks = Talks::default();
    let mut captures = Captures::open(&[capture.to_path_buf()], None).unwrap();
    let mut number = 0;
    while let Some(frame) = captures.next_frame() {
        decoder.decode(&frame, &mut |packet| table.ingest(number, &packet, &mut talks));
        number += 1;
    }
    table.finish(&mut talks);
    talks.0
}

/// What an inspector says of a conversation. Parts are octets, or the length of a gap.
fn inspect(transport: Transport, keys: &KeyLog, talk: &[(Direction, Result<&[u8], u64>)]) -> Seen {
    let mut facts = Keyed { seen: Seen::default(), keys: keys.clone() };
    let mut inspector = Inspector::new(transport, 40000, 443, [true; 2]);
    let mut offsets = [0_u64; 2];
    for (dir, part) in talk {
        let offset = &mut offsets[dir.index()];
        match part {
            Ok(octets) if transport == Transport::Stream => {
                inspector.octets(*dir, *offset, octets, &mut facts);
                *offset += octets.len() as u64;
            }
            Ok(octets) => inspector.datagram(*dir, octets, octets.len() as u32, &mut facts),
            Err(len) => {
                inspector.gap(*dir, *offset, *len, &mut facts);
                *offset += len;
            }
        }
        assert!(inspector.held_bytes() < 4 << 20);
    }
    for dir in [Direction::Forward, Direction::Backward] {
        inspector.end(dir, &mut facts);
    }
    assert!(facts.seen.documents.values().all(|document| document.ended), "a document was left open");
    facts.seen
}

fn whole(talk: &[(Direction, Vec<u8>)]) -> Vec<(Direction, Result<&[u8], u64>)> {
    talk.iter().map(|(dir, octets)| (*dir, Ok(octets.as_slice()))).collect()
}

#[test]
fn segments_and_prefixes_do_no_harm() {
    let keys = keys_of(&own());
    for talk in talks(&own()) {
        let expected = inspect(Transport::Stream, &keys, &whole(&talk));
        let single = talk.iter().flat_map(|(dir, octets)| octets.chunks(1).map(|octet| (*dir, Ok(octet))));
        assert!(inspect(Transport::Stream, &keys, &single.collect::<Vec<_>>()) == expected, "octet by octet");
        // The server's octets first: they wait for the hello.
        let mut turned = whole(&talk);
        turned.swap(0, 1);
        assert!(inspect(Transport::Stream, &keys, &turned) == expected, "the server first");
        for cut in 0..talk.len() {
            let len = talk[cut].1.len();
            for at in [0, 1, 4, 5, 6, len / 2, len - 1] {
                let mut part = whole(&talk[..=cut]);
                part[cut].1 = Ok(&talk[cut].1[..at.min(len)]);
                let seen = inspect(Transport::Stream, &keys, &part);
                let total: usize = part.iter().map(|(_, part)| part.map_or(0, <[u8]>::len)).sum();
                let read: usize = seen.documents.values().map(|document| document.octets.len()).sum();
                assert!(read + seen.unread.values().sum::<u64>() as usize <= total);
            }
        }
    }
}

/// A session of TLS 1.3 after its hellos: key log, conversation so far, and the client's records, one line of text in each.
fn lines(count: u64) -> (KeyLog, Talk, Vec<Vec<u8>>) {
    use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let mut keys = KeyLog::default();
    let line = |label: &str, octet: &str| format!("{label} {} {}\n", "09".repeat(32), octet.repeat(32));
    keys.read([line("CLIENT_TRAFFIC_SECRET_0", "41"), line("SERVER_TRAFFIC_SECRET_0", "42")].concat().as_bytes());
    let hello = super::super::tests::records(&super::super::tests::client_hello("gaps.example", 9), 9999);
    let mut answer = vec![2, 0, 0, 46, 3, 3];
    answer.extend_from_slice(&[7; 32]);
    answer.extend_from_slice(&[0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4]);
    let answer = super::super::tests::records(&answer, 9999);
    let expand = |label, len| super::super::kdf::expand_label(super::super::kdf::Hash::Sha256, &[0x41; 32], label, len);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &expand("key", 16).unwrap()).unwrap());
    let iv = expand("iv", 12).unwrap();
    let record = |number: u64| {
        let mut octets = format!("this is line number {number:04} of a long text\n\x17").into_bytes();
        let header = [&[23, 3, 3][..], &((octets.len() + 16) as u16).to_be_bytes()].concat();
        let mut nonce: [u8; 12] = iv.as_slice().try_into().unwrap();
        nonce[4..].iter_mut().zip(number.to_be_bytes()).for_each(|(octet, number)| *octet ^= number);
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&header), &mut octets).unwrap();
        [header, octets].concat()
    };
    let talk = vec![(Direction::Forward, hello), (Direction::Backward, answer)];
    (keys, talk, (0..count).map(record).collect())
}

/// Loses the client's octets from one place to another, each a record and an octet in it, and says which lines were read.
fn lines_read(count: u64, from: (usize, usize), to: (usize, usize)) -> (Vec<u64>, u64) {
    let (keys, talk, records) = lines(count);
    let at = |(record, octet): (usize, usize)| records[..record].iter().map(Vec::len).sum::<usize>() + octet;
    let (from, to) = (at(from), at(to));
    let all = records.concat();
    let mut parts = whole(&talk);
    parts.push((Direction::Forward, Ok(&all[..from])));
    if to > from {
        parts.push((Direction::Forward, Err((to - from) as u64)));
    }
    // In small pieces, as segments come.
    parts.extend(all[to..].chunks(50).map(|part| (Direction::Forward, Ok(part))));
    let seen = inspect(Transport::Stream, &keys, &parts);
    let text: String = seen.texts(DocumentKind::Stream).concat();
    let numbers = text.lines().filter_map(|line| line.strip_prefix("this is line number ")?.get(..4)?.parse().ok());
    (numbers.collect(), seen.unread.values().sum())
}

#[test]
fn records_are_found_again_after_a_gap() {
    assert_eq!(lines_read(40, (0, 0), (0, 0)), ((0..40).collect(), 0));
    for octet in [0, 1, 4, 5, 30] {
        // Within one record; from one into the next; over whole records.
        for (to, lost) in [((5, octet + 9), 5..6), ((6, octet), 5..7), ((9, octet), 5..10), ((60, octet), 5..61)] {
            let (read, unread) = lines_read(80, (5, octet), to);
            let lost = if octet == 0 { lost.start..lost.end - u64::from(to.1 == 0) } else { lost };
            let expected: Vec<u64> = (0..80).filter(|number| !lost.contains(number)).collect();
            assert_eq!(read, expected, "lost from 5:{octet} to {to:?}");
            assert!(unread < 140, "{unread}");
        }
    }
    // More records than are tried: the rest is locked, and said to be.
    let (read, unread) = lines_read(200, (5, 0), (100, 0));
    assert_eq!(read, [0, 1, 2, 3, 4]);
    assert_eq!(unread, 100 * lines(1).2[0].len() as u64);
}

#[test]
fn gaps_cost_what_they_cover() {
    let keys = keys_of(&own());
    for talk in talks(&own()) {
        for lost in 0..talk.len() {
            for from in [0, 3, 20] {
                let (dir, octets) = &talk[lost];
                if from >= octets.len() {
                    continue;
                }
                // The end of one part is missing, so the gap begins within a record or before it.
                let mut parts = whole(&talk[..lost]);
                parts.push((*dir, Ok(&octets[..from])));
                parts.push((*dir, Err((octets.len() - from) as u64)));
                parts.extend(whole(&talk[lost + 1..]));
                inspect(Transport::Stream, &keys, &parts);
            }
        }
    }
    // A long stream of one record size: after a gap of any length all later records are read again.
    let Some(shared) = shared() else { return };
    let capture = shared.join("captures/tls/tls-1.2-stream-keylog.pcap");
    let keys = keys_of(&capture);
    let talk = &talks(&capture)[0];
    let read = |seen: &Seen| seen.documents.values().map(|document| document.octets.len()).sum::<usize>();
    let all = read(&inspect(Transport::Stream, &keys, &whole(talk)));
    for lost in (20..talk.len()).step_by(7) {
        let mut parts = whole(talk);
        parts[lost].1 = Err(talk[lost].1.len() as u64);
        let seen = inspect(Transport::Stream, &keys, &parts);
        // The record that was cut, and what HTTP cannot read without it.
        assert!(read(&seen) + 40_000 > all, "part {lost}: {} of {all}", read(&seen));
    }
}

#[test]
fn mutations_do_not_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below.max(1)
    };
    let mut cases: Vec<(PathBuf, Transport)> = vec![(own(), Transport::Stream)];
    if let Some(shared) = shared() {
        cases.push((shared.join("captures/quic/quic-with-secrets.pcapng"), Transport::Datagram));
        cases.push((shared.join("captures/quic/quic-v2.pcapng"), Transport::Datagram));
    }
    for (capture, transport) in cases {
        let keys = keys_of(&capture);
        for talk in talks(&capture) {
            for _ in 0..60 {
                let mut talk = talk.clone();
                for _ in 0..=next(4) {
                    let part = next(talk.len());
                    match next(4) {
                        0 => drop(talk.remove(part)),
                        1 => talk.swap(part, part.saturating_sub(1)),
                        2 => {
                            let len = next(talk[part].1.len());
                            talk[part].1.truncate(len);
                        }
                        _ => {
                            let at = next(talk[part].1.len());
                            if let Some(octet) = talk[part].1.get_mut(at) {
                                *octet ^= 1 << next(8);
                            }
                        }
                    }
                    if talk.is_empty() {
                        break;
                    }
                }
                inspect(transport, &keys, &whole(&talk));
            }
        }
    }
}
