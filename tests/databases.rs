//! What the decoders of databases and brokers read of real captures: every statement that tshark found (the truth beside the
//! project), and the documented user data at its place.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use borderpost::capture::Captures;
use borderpost::flow::{DropReason, EndReason, FlowRecord, FlowTable, GapCause, Handler, Interest};
use borderpost::model::{
    AppProto, Direction, DocumentKind, DocumentStart, Limits, NameSource, Packet, UninspectedReason, ip_proto,
};
use borderpost::proto::{Facts, Inspector, TlsHello, Transport};
use borderpost::wire::Decoder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A document, with the fields of its octets and where each begins.
struct Document {
    start: DocumentStart,
    octets: Vec<u8>,
    fields: Vec<(usize, Option<String>)>,
}

impl Document {
    /// The values of a field.
    fn values(&self, field: &str) -> Vec<&[u8]> {
        let ends = self.fields.iter().skip(1).map(|(at, _)| *at).chain([self.octets.len()]);
        let named = self.fields.iter().zip(ends).filter(|((_, name), _)| name.as_deref() == Some(field));
        named.map(|((from, _), to)| &self.octets[*from..to]).collect()
    }
}

/// All documents of a capture.
#[derive(Default)]
struct Documents {
    flow: u64,
    /// By flow, direction and document.
    read: BTreeMap<(u64, usize, u32), Document>,
    unread: u64,
}

impl Facts for Documents {
    fn protocol(&mut self, _app: AppProto) {}
    fn server_name(&mut self, _name: &str, _source: NameSource) {}
    fn resolved(&mut self, _question: &str, _name: &str, _addr: IpAddr, _ttl: u32) {}
    fn tls(&mut self, _hello: &TlsHello) {}
    fn document_start(&mut self, dir: Direction, id: u32, start: DocumentStart) {
        let document = Document { start, octets: Vec::new(), fields: Vec::new() };
        self.read.insert((self.flow, dir.index(), id), document);
    }
    fn document_field(&mut self, dir: Direction, id: u32, field: Option<&str>) {
        let document = self.read.get_mut(&(self.flow, dir.index(), id)).expect("an open document");
        document.fields.push((document.octets.len(), field.map(str::to_owned)));
    }
    fn document_octets(&mut self, dir: Direction, id: u32, octets: &[u8]) {
        let document = self.read.get_mut(&(self.flow, dir.index(), id)).expect("an open document");
        document.octets.extend_from_slice(octets);
    }
    fn document_gap(&mut self, _dir: Direction, _id: u32, _len: u64) {}
    fn document_end(&mut self, _dir: Direction, _id: u32) {}
    fn unread(&mut self, _dir: Direction, len: u64, reason: UninspectedReason) {
        // One capture changes to TLS.
        self.unread += if reason == UninspectedReason::Encrypted { 0 } else { len };
    }
}

impl Handler for Documents {
    type State = Inspector;

    fn open(&mut self, flow: &FlowRecord) -> Inspector {
        let transport = if flow.proto == ip_proto::TCP { Transport::Stream } else { Transport::Datagram };
        Inspector::new(transport, flow.originator.port, flow.responder.port, [true; 2])
    }
    fn packet(&mut self, _: &FlowRecord, _: &mut Inspector, _: Direction, _: &Packet<'_>) {}
    fn octets(&mut self, flow: &FlowRecord, to: &mut Inspector, dir: Direction, at: u64, octets: &[u8]) -> Interest {
        self.flow = flow.flow_id;
        to.octets(dir, at, octets, self);
        Interest::Read
    }
    fn gap(
        &mut self,
        flow: &FlowRecord,
        to: &mut Inspector,
        dir: Direction,
        at: u64,
        len: u64,
        _: GapCause,
    ) -> Interest {
        self.flow = flow.flow_id;
        to.gap(dir, at, len, self);
        Interest::Read
    }
    fn dropped(&mut self, _: &FlowRecord, _: &mut Inspector, _: Direction, _: u64, _: DropReason) {}
    fn datagram(&mut self, flow: &FlowRecord, to: &mut Inspector, dir: Direction, payload: &[u8], len: u32) {
        self.flow = flow.flow_id;
        to.datagram(dir, payload, len, self);
    }
    fn end(&mut self, flow: &FlowRecord, to: &mut Inspector, dir: Direction) {
        self.flow = flow.flow_id;
        to.end(dir, self);
    }
    fn close(&mut self, _: &FlowRecord, _: Inspector, _: EndReason) {}
}

fn documents(path: &Path) -> Documents {
    let limits = Limits::default();
    let mut decoder = Decoder::new(&limits);
    let mut table: FlowTable<Documents> = FlowTable::new(&limits);
    let mut documents = Documents::default();
    let mut captures = Captures::open(&[path.to_path_buf()], None).expect("opens");
    let mut number = 0;
    while let Some(frame) = captures.next_frame() {
        decoder.decode(&frame, &mut |packet| {
            table.ingest(number, &packet, &mut documents);
            number += 1;
        });
    }
    table.finish(&mut documents);
    documents
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("JSON")
}

#[test]
fn every_statement_is_read() {
    let Some(shared) = common::shared() else { return };
    let mut statements = 0;
    for file in common::files_below(&shared.join("captures/db")) {
        let truth = json(&shared.join("truth/db").join(format!("{}.json", file.display())));
        let lists = ["pgsql_query", "mysql_query"].map(|list| truth[list].as_array().cloned().unwrap_or_default());
        let mut expected: Vec<String> = lists
            .concat()
            .iter()
            .map(|entry| entry["query"].as_str().expect("a text").replace("\\n", "\n").replace("\\t", "\t"))
            .collect();
        if expected.is_empty() {
            continue;
        }
        let read = documents(&shared.join("captures/db").join(&file));
        let queries = read.read.values().filter(|document| document.start.kind == DocumentKind::SqlQuery);
        let mut ours: Vec<String> = queries.map(|d| String::from_utf8_lossy(&d.octets).into_owned()).collect();
        expected.sort();
        ours.sort();
        statements += expected.len();
        expected.retain(|query| match ours.iter().position(|ours| ours == query) {
            Some(at) => {
                ours.remove(at);
                false
            }
            None => true,
        });
        assert!(expected.is_empty(), "{}: not read: {expected:?}; read besides: {ours:?}", file.display());
        assert_eq!(read.unread, 0, "{}", file.display());
    }
    assert!(statements > 50, "{statements} statements");
}

#[test]
fn documented_user_data_is_at_its_place() {
    let Some(shared) = common::shared() else { return };
    let redis = documents(&shared.join("captures/db/redis-auth.pcap"));
    let passwords: Vec<&[u8]> = redis.read.values().flat_map(|document| document.values("password")).collect();
    for password in [&b"notapassword"[..], b"defaultpassword"] {
        assert!(passwords.contains(&password));
    }
    let mqtt = documents(&shared.join("captures/messaging/mqtt5-pub-jpeg.pcap"));
    let exif =
        mqtt.read.values().filter(|document| document.start.kind == DocumentKind::Message).find_map(|document| {
            let at = document.octets.windows(8).position(|octets| octets == b"Exif\0\0MM")?;
            Some(document.start.stream_offset + at as u64)
        });
    // `offset` of truth/userdata.json.
    assert_eq!(exif, Some(67));
}

/// Documents of a kind as name and octets.
fn of_kind(read: &Documents, kind: DocumentKind) -> Vec<(String, Vec<u8>)> {
    let documents = read.read.values().filter(|document| document.start.kind == kind);
    documents.map(|d| (d.start.name.as_deref().unwrap_or_default().to_owned(), d.octets.clone())).collect()
}

/// What tshark shows: messages of AMQP with their keys, records of Kafka with their topics, and the files of
/// `--export-objects`.
#[test]
fn brokers_and_file_services_of_real_captures() {
    let Some(shared) = common::shared() else { return };
    let read = |file: &str| {
        let read = documents(&shared.join("captures").join(file));
        assert_eq!(read.unread, 0, "{file}");
        read
    };
    let amqp = of_kind(&read("messaging/amqp.pcap"), DocumentKind::Message);
    let mut keys = BTreeMap::<_, usize>::new();
    for (key, octets) in &amqp {
        *keys.entry(key.as_str()).or_default() += 1;
        // Messages of Celery are pickled, its events JSON.
        if key != "tasks.#" {
            serde_json::from_slice::<Value>(octets).unwrap_or_else(|error| panic!("{key}: {error}"));
        }
    }
    let expected =
        [("task.received", 5), ("task.started", 5), ("task.succeeded", 5), ("tasks.#", 10), ("worker.heartbeat", 6)];
    assert_eq!(keys, expected.into());
    let kafka = of_kind(&read("db/ndpi-kafka.pcapng"), DocumentKind::KafkaRecords);
    let found: Vec<_> = kafka.iter().map(|(topic, octets)| (topic.as_str(), octets.len())).collect();
    assert_eq!(found, [("LB_MAIN_LOG_INPUT", 384), ("LB_MAIN_LOG_INPUT", 317), ("sampleTopic", 80)]);
    assert!(kafka[2].1.ends_with(b"\x18Hello world!\0"));
    let files = [
        ("files/nfs4-01.pcap", vec![b"test\n".to_vec()]),
        ("files/smb2readwrite.pcap", vec![vec![b'B'; 7000], vec![b'A'; 16]]),
    ];
    for (file, expected) in files {
        let found: Vec<_> =
            of_kind(&read(file), DocumentKind::FileContent).into_iter().map(|(_, octets)| octets).collect();
        assert!(found == expected, "{file}: {:?}", found.iter().map(Vec::len).collect::<Vec<_>>());
    }
    let tftp = of_kind(&read("files/tftp_rrq.pcap"), DocumentKind::FileContent);
    let digest: String = Sha256::digest(&tftp[0].1).iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!((tftp.len(), digest.as_str()), (1, "39c9534e5fa6fecd3ac083ffd6256c2cc9a58f9f1058cb2e472d1782040231f9"));
    // The list of files, and a module's name.
    let rsync = of_kind(&read("files/rsync.pcap"), DocumentKind::FileContent);
    let (module, list) = rsync.iter().max_by_key(|(_, octets)| octets.len()).expect("a list of files");
    assert!(module == "flag" && list.windows(6).any(|name| name == b"flag08"), "{module}");
}
