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

thread_local! {
    /// Octets of applications, by session and direction.
    static CONTENT: RefCell<BTreeMap<([u8; 32], usize), Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
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
