//! Real captures against independent truth (tshark's, beside the project): packets and octets per conversation and direction,
//! times, octets towards each country, names from TLS, QUIC, HTTP, HTTP/2 and DNS. Prints a table: capture, agrees or not, why.
//!
//! Every difference is explained in docs/agreement.md, one row each; a difference without a row fails the test, and so does a
//! row without a difference.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use borderpost::capture::{Captures, Secrets};
use borderpost::engine::{Engine, EngineOptions, Rules};
use borderpost::flow::{DropReason, EndReason, FlowRecord, FlowTable, GapCause, Handler, Interest};
use borderpost::geo::{GeoSettings, Locator, Override};
use borderpost::model::{
    AppProto, Country, Direction, DocumentStart, EventBody, FlowView, KeyLog, Limits, NameSource, Packet,
    UninspectedReason, ip_proto,
};
use borderpost::policy::PolicySet;
use borderpost::proto::{Facts, Inspector, TlsHello, Transport};
use borderpost::scan::Catalogue;
use borderpost::wire::Decoder;
use serde_json::Value;

/// What a check found different, in words; empty if nothing.
type Differences = Vec<String>;

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn strings(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_lowercase).collect()
}

/// The secrets that tshark had: in the capture, and in the key log beside it.
fn keys(path: &Path) -> KeyLog {
    let mut keys = KeyLog::default();
    if let Ok(text) = std::fs::read(format!("{}.keylog", path.display())) {
        keys.read(&text);
    }
    let mut captures = Captures::open(&[path.to_path_buf()], None).expect("opens");
    while captures.next_frame().is_some() {}
    for secrets in captures.take_secrets().iter().filter(|secrets| secrets.kind == Secrets::TLS_KEY_LOG) {
        keys.read(&secrets.data);
    }
    keys
}

/// Replays a capture with the truth's networks and countries, and returns flows and egress by location.
fn replay(
    path: &Path,
    truth: &Value,
    local: &[&str],
    catalogue: &Arc<Catalogue>,
) -> (Vec<FlowView>, BTreeMap<Country, u64>) {
    let overrides = truth["addresses"].as_object().into_iter().flatten().filter_map(|(addr, about)| {
        let country: Country = about["country"].as_str()?.parse().ok()?;
        (about["class"] == "public").then(|| Override {
            prefix: addr.parse::<IpAddr>().expect("an address").into(),
            location: Some(country),
            control: None,
            label: "truth".into(),
        })
    });
    let settings = GeoSettings {
        overrides: overrides.collect(),
        local: local.iter().map(|net| net.parse().expect("a network")).collect(),
        ..GeoSettings::default()
    };
    let rules = Arc::new(Rules {
        catalogue: catalogue.clone(),
        locator: Arc::new(Locator::load(&settings).map_err(|p| format!("{p:?}")).expect("loads")),
        policy: Arc::new(PolicySet::built_in_default("US".parse().expect("a code"))),
        watch: std::sync::Arc::default(),
        digest_key: [0; 32],
    });
    let mut flows = Vec::new();
    let mut take = |event: borderpost::model::Event| {
        if let (EventBody::Flow, Some(flow)) = (&event.body, event.flow) {
            flows.push((*flow).clone());
        }
    };
    let mut captures = Captures::open(&[path.to_path_buf()], None).expect("opens");
    let mut engine = Engine::new(rules, &Limits::default(), EngineOptions { threads: 1, flow_events: true });
    engine.add_keys(keys(path));
    while let Some(frame) = captures.next_frame() {
        engine.feed(&frame, &mut take);
    }
    let counts = engine.finish(&mut take).counts;
    let mut egress = BTreeMap::new();
    for (to, sums) in &counts.egress {
        *egress.entry(to.location).or_default() += sums.bytes;
    }
    (flows, egress)
}

/// Protocol, sender, receiver: packets and octets.
type Conversations = BTreeMap<(String, (IpAddr, u64), (IpAddr, u64)), (u64, u64)>;

fn conversations_of_flows(flows: &[FlowView], inner: bool) -> Conversations {
    let mut all = Conversations::new();
    for flow in flows.iter().filter(|flow| flow.tunnel.is_some() == inner) {
        let ports = matches!(flow.proto, ip_proto::TCP | ip_proto::UDP | ip_proto::SCTP);
        let end = |(addr, port): (IpAddr, u16)| (addr, if ports { u64::from(port) } else { 0 });
        // The truth names no other protocol.
        let proto = match flow.proto {
            ip_proto::TCP | ip_proto::UDP | ip_proto::SCTP | ip_proto::ICMP | ip_proto::ICMPV6 => {
                borderpost::model::proto_name(flow.proto).into_owned()
            }
            _ => String::new(),
        };
        for (from, to, packets, bytes) in [
            (flow.src, flow.dest, flow.packets_out, flow.bytes_out),
            (flow.dest, flow.src, flow.packets_in, flow.bytes_in),
        ] {
            let sums = all.entry((proto.clone(), end(from), end(to))).or_default();
            sums.0 += packets;
            sums.1 += bytes;
        }
    }
    all.retain(|_, sums| sums.0 > 0);
    all
}

fn conversations_of_truth(list: &Value) -> Conversations {
    let mut all = Conversations::new();
    for entry in list.as_array().into_iter().flatten() {
        let end = |end: &Value| (end["addr"].as_str()?.parse::<IpAddr>().ok()).map(|addr| (addr, number(&end["port"])));
        let (Some(a), Some(b)) = (end(&entry["a"]), end(&entry["b"])) else { continue };
        let proto = entry["proto"].as_str().unwrap_or_default().replace("icmpv6", "icmp6");
        for (from, to, way) in [(a, b, "ab"), (b, a, "ba")] {
            let sums = all.entry((proto.clone(), from, to)).or_default();
            sums.0 += number(&entry[format!("packets_{way}")]);
            sums.1 += number(&entry[format!("ip_bytes_{way}")]);
        }
    }
    all.retain(|_, sums| sums.0 > 0);
    all
}

fn compare<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    ours: &BTreeMap<K, V>,
    truth: &BTreeMap<K, V>,
) -> Differences {
    let keys: BTreeSet<&K> = ours.keys().chain(truth.keys()).collect();
    keys.into_iter()
        .filter(|key| ours.get(key) != truth.get(key))
        .map(|key| format!("{key:?}: {:?}, truth {:?}", ours.get(key), truth.get(key)))
        .collect()
}

/// Names by how they were learnt; DNS names are those of answers with addresses.
#[derive(Default)]
struct Names {
    keys: KeyLog,
    by_source: BTreeMap<NameSource, BTreeSet<String>>,
}

impl Facts for Names {
    fn keys(&self) -> Option<&KeyLog> {
        Some(&self.keys).filter(|keys| !keys.is_empty())
    }
    fn protocol(&mut self, _app: AppProto) {}
    fn server_name(&mut self, name: &str, source: NameSource) {
        self.by_source.entry(source).or_default().insert(name.to_lowercase());
    }
    fn resolved(&mut self, question: &str, _name: &str, _addr: IpAddr, _ttl_seconds: u32) {
        self.by_source.entry(NameSource::Dns).or_default().insert(question.to_lowercase());
    }
    fn tls(&mut self, _hello: &TlsHello) {}
    fn document_start(&mut self, _dir: Direction, _id: u32, _start: DocumentStart) {}
    fn document_field(&mut self, _: Direction, _: u32, _: Option<&str>) {}
    fn document_octets(&mut self, _dir: Direction, _id: u32, _octets: &[u8]) {}
    fn document_gap(&mut self, _dir: Direction, _id: u32, _len: u64) {}
    fn document_end(&mut self, _dir: Direction, _id: u32) {}
    fn unread(&mut self, _dir: Direction, _len: u64, _reason: UninspectedReason) {}
}

impl Handler for Names {
    type State = Inspector;

    fn open(&mut self, flow: &FlowRecord) -> Inspector {
        let transport = if flow.proto == ip_proto::TCP { Transport::Stream } else { Transport::Datagram };
        Inspector::new(transport, flow.originator.port, flow.responder.port, [false; 2])
    }
    fn packet(&mut self, _: &FlowRecord, _: &mut Inspector, _: Direction, _: &Packet<'_>) {}
    fn octets(
        &mut self,
        _: &FlowRecord,
        inspector: &mut Inspector,
        dir: Direction,
        offset: u64,
        octets: &[u8],
    ) -> Interest {
        inspector.octets(dir, offset, octets, self);
        Interest::Read
    }
    fn gap(
        &mut self,
        _: &FlowRecord,
        inspector: &mut Inspector,
        dir: Direction,
        offset: u64,
        len: u64,
        _: GapCause,
    ) -> Interest {
        inspector.gap(dir, offset, len, self);
        Interest::Read
    }
    fn dropped(&mut self, _: &FlowRecord, _: &mut Inspector, _: Direction, _: u64, _: DropReason) {}
    fn datagram(&mut self, _: &FlowRecord, inspector: &mut Inspector, dir: Direction, payload: &[u8], len: u32) {
        inspector.datagram(dir, payload, len, self);
    }
    fn end(&mut self, _: &FlowRecord, inspector: &mut Inspector, dir: Direction) {
        inspector.end(dir, self);
    }
    fn close(&mut self, _: &FlowRecord, _: Inspector, _: EndReason) {}
}

fn names(path: &Path) -> BTreeMap<NameSource, BTreeSet<String>> {
    let limits = Limits::default();
    let mut decoder = Decoder::new(&limits);
    let mut table: FlowTable<Names> = FlowTable::new(&limits);
    let mut names = Names { keys: keys(path), ..Names::default() };
    let mut captures = Captures::open(&[path.to_path_buf()], None).expect("opens");
    let mut number = 0;
    while let Some(frame) = captures.next_frame() {
        decoder.decode(&frame, &mut |packet| {
            table.ingest(number, &packet, &mut names);
            number += 1;
        });
    }
    decoder.finish(&mut |packet| table.ingest(number, &packet, &mut names));
    table.finish(&mut names);
    names.by_source
}

fn host_of(value: &Value) -> Option<String> {
    let host = value.as_str()?.to_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    // A port is no part of a name; brackets of IPv6 literals hold colons.
    let bare = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    };
    (!bare.is_empty()).then(|| bare.to_owned())
}

fn missing(truth: &BTreeSet<String>, ours: Option<&BTreeSet<String>>) -> Differences {
    truth
        .iter()
        .filter(|name| ours.is_none_or(|ours| !ours.contains(*name)))
        .map(|name| format!("not seen: {name}"))
        .collect()
}

/// Differences by check.
fn check(
    path: &Path,
    truth: &Value,
    local: &[&str],
    catalogue: &Arc<Catalogue>,
) -> BTreeMap<&'static str, Differences> {
    let mut found = BTreeMap::new();
    let (flows, egress) = replay(path, truth, local, catalogue);

    let plain = conversations_of_flows(&flows, false);
    let tunnelled = truth["packets"]["tunnelled"].as_u64().unwrap_or(0) > 0;
    if tunnelled {
        let inner = conversations_of_flows(&flows, true);
        found.insert("inner conversations", compare(&inner, &conversations_of_truth(&truth["inner_conversations"])));
    } else {
        found.insert("conversations", compare(&plain, &conversations_of_truth(&truth["conversations"])));
    }

    let mut expected = BTreeMap::new();
    for (code, bytes) in truth["ip_bytes_by_country"]["innermost"]["local_to_public"].as_object().into_iter().flatten()
    {
        let country: Country = code.parse().unwrap_or_default();
        *expected.entry(country).or_insert(0) += number(bytes);
    }
    let mut abroad = egress;
    abroad.remove(&Country::LOCAL);
    found.insert("countries", compare(&abroad, &expected));

    let names = names(path);
    found.insert("tls sni", missing(&strings(&truth["tls_sni"]), names.get(&NameSource::TlsSni)));
    found.insert("quic sni", missing(&strings(&truth["quic_sni"]), names.get(&NameSource::QuicSni)));
    // Inside TLS where there was a key log; private keys are not used.
    let keyed = strings(&truth["keys"]).iter().any(|kind| kind != "rsa-key");
    let readable = |list: &Value, key: &str| -> BTreeSet<String> {
        let over = |entry: &&Value| entry["over"] == "clear" || keyed && entry["over"] == "tls";
        let entries = list.as_array().into_iter().flatten().filter(over);
        entries.filter_map(|entry| host_of(&entry[key])).collect()
    };
    found.insert("http", missing(&readable(&truth["http"], "host"), names.get(&NameSource::HttpHost)));
    found.insert("http2", missing(&readable(&truth["http2"], "authority"), names.get(&NameSource::Http2Authority)));

    // Names we learnt from answers must be names that were answered.
    let answered: BTreeSet<String> = truth["dns"]["responses"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["name"].as_str())
        .map(|name| name.trim_end_matches('.').to_lowercase())
        .collect();
    // Multicast DNS is not among the truth's responses.
    let learnt = names
        .get(&NameSource::Dns)
        .into_iter()
        .flatten()
        .filter(|name| !name.trim_end_matches('.').ends_with(".local"));
    let invented = learnt.filter(|name| !answered.contains(name.trim_end_matches('.')));
    found.insert("dns", invented.map(|name| format!("not answered: {name}")).collect());
    found.retain(|_, differences: &mut Differences| !differences.is_empty());
    found
}

/// Rows of the table in docs/agreement.md: capture and check, with the reason.
fn explained() -> BTreeMap<(String, String), String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/agreement.md")).expect("readable");
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains('/'));
    rows.filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [capture, check, why] = cells.as_slice() else { return None };
        Some((((*capture).to_owned(), (*check).to_owned()), (*why).to_owned()))
    })
    .collect()
}

#[test]
fn real_captures_agree_with_independent_truth() {
    let Some(shared) = common::shared() else { return };
    let corpus: Value =
        serde_json::from_slice(&std::fs::read(shared.join("truth/corpus.json")).expect("readable")).expect("JSON");
    // Octets from reserved addresses count as sent by local ones in the truth.
    let definitions = &corpus["definitions"];
    let local: Vec<String> =
        strings(&definitions["local"]).into_iter().chain(strings(&definitions["reserved"])).collect();
    let local: Vec<&str> = local.iter().map(String::as_str).collect();
    let catalogue = Arc::new(Catalogue::built_in().map_err(|p| format!("{p:?}")).expect("built in"));
    let explained = explained();
    let mut used = BTreeSet::new();
    let (mut agree, mut failures) = (0, Vec::new());
    for file in common::files_below(&shared.join("truth")) {
        let name = file.to_string_lossy().into_owned();
        let Some(capture) = name.strip_suffix(".json").filter(|name| name.contains('/')) else { continue };
        let truth: Value =
            serde_json::from_slice(&std::fs::read(shared.join("truth").join(&file)).expect("readable")).expect("JSON");
        let differences = check(&shared.join("captures").join(capture), &truth, &local, &catalogue);
        if differences.is_empty() {
            agree += 1;
            println!("{capture:60} agrees");
        }
        for (what, list) in differences {
            let key = (capture.to_owned(), what.to_owned());
            if let Some(why) = explained.get(&key) {
                println!("{capture:60} {what}: {why}");
                used.insert(key);
            } else {
                let shown = list.iter().take(6).map(String::as_str).collect::<Vec<_>>().join("\n    ");
                failures.push(format!("{capture} {what}: {} differences\n    {shown}", list.len()));
            }
        }
    }
    println!("{agree} captures agree in every check");
    let stale = explained.keys().filter(|key| !used.contains(*key));
    failures
        .extend(stale.map(|(capture, what)| format!("{capture} {what}: explained in docs/agreement.md, but agrees")));
    assert!(failures.is_empty(), "{}\n{} not explained", failures.join("\n"), failures.len());
}
