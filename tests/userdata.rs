//! User data that is known to be in real captures (truth/userdata.json beside the project): every positive is looked for by
//! replaying its capture with the sender as the only local address. It is found if its flow has a finding of a fitting
//! signature whose keyed digest is that of the value, in clear or as it was sent.
//!
//! Where both ends of a capture are one address, nothing leaves: there the receiver is given an address of its own, in memory.
//!
//! What is not found as it was captured is listed in docs/userdata.md, one row each, with the reason; a row that does not say
//! what is so fails the test, and so does a positive without a row.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use borderpost::capture::Captures;
use borderpost::engine::{Engine, EngineOptions, Rules};
use borderpost::geo::{GeoSettings, Locator};
use borderpost::model::{EventBody, Finding, Frame, Limits};
use borderpost::policy::PolicySet;
use borderpost::scan::{Catalogue, Normalise};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// A finding and the ends of its flow: sender, receiver.
type Found = ((IpAddr, u16), (IpAddr, u16), Arc<Finding>);

/// The address that a receiver is given which has none of its own.
fn away(from: IpAddr) -> IpAddr {
    match from {
        IpAddr::V4(_) => [101, 126, 22, 5].into(),
        IpAddr::V6(_) => [0x2408, 0x4003, 0, 0, 0, 0, 0, 5].into(),
    }
}

fn octets(addr: IpAddr) -> Vec<u8> {
    match addr {
        IpAddr::V4(addr) => addr.octets().to_vec(),
        IpAddr::V6(addr) => addr.octets().to_vec(),
    }
}

/// Gives the end `(addr, port)` of a TCP segment between two ends of one address the address `away(addr)`. Checksums stay as
/// they were: wrong ones are counted and accepted, since sending hosts leave them to their network cards.
fn move_away(frame: &mut [u8], (addr, port): (IpAddr, u16)) {
    let (old, new) = (octets(addr), octets(away(addr)));
    let both = [old.clone(), old.clone()].concat();
    let Some(ends) = frame.windows(both.len()).position(|octets| octets == both) else { return };
    let tcp = match addr {
        IpAddr::V4(_) => ends - 12 + usize::from(frame[ends - 12] & 0x0f) * 4,
        IpAddr::V6(_) => ends + 32,
    };
    for (at, end) in [(tcp, ends), (tcp + 2, ends + old.len())] {
        if frame[at..at + 2] == port.to_be_bytes() {
            frame[end..end + new.len()].copy_from_slice(&new);
        }
    }
}

/// The findings of a capture in which `local` is the only local address; the end `moved` gets another one.
fn replay(path: &Path, local: IpAddr, moved: Option<(IpAddr, u16)>, catalogue: &Arc<Catalogue>) -> Vec<Found> {
    let settings = GeoSettings { local: vec![local.into()], ..GeoSettings::default() };
    let rules = Arc::new(Rules {
        catalogue: catalogue.clone(),
        locator: Arc::new(Locator::load(&settings).map_err(|p| format!("{p:?}")).expect("loads")),
        watch: Arc::default(),
        policy: Arc::new(PolicySet::built_in_default("US".parse().expect("a code"))),
        digest_key: [0; 32],
    });
    let mut found = Vec::new();
    let mut take = |event: borderpost::model::Event| {
        if let (EventBody::Finding(finding), Some(flow)) = (event.body, event.flow) {
            found.push((flow.src, flow.dest, finding));
        }
    };
    let mut captures = Captures::open(&[path.to_path_buf()], None).expect("opens");
    let mut engine = Engine::new(rules, &Limits::default(), EngineOptions { threads: 1, flow_events: false });
    while let Some(frame) = captures.next_frame() {
        let mut data = frame.data.to_vec();
        if let Some(end) = moved {
            move_away(&mut data, end);
        }
        engine.feed(&Frame { data: &data, ..frame }, &mut take);
    }
    engine.finish(&mut take);
    found
}

/// Signatures that fit a kind of user data in the truth.
fn fitting(kind: &str) -> &'static [&'static str] {
    match kind {
        "email" => &["email"],
        "phone" => &["phone-e164", "phone-nanp", "cn-mobile", "phone-uri", "phone-keyed", "phone-national"],
        "password" | "password-hash" => &["password-keyed", "session-cookie"],
        "username" => &["user-name-keyed", "user-id-keyed", "email"],
        "person-name" => &["user-name-keyed"],
        "bearer-token" => &["bearer-token", "token-keyed"],
        "postal-address" => &["us-postal-address"],
        "session-id" => &["session-cookie"],
        "api-key" => &["api-key-keyed"],
        "birth-date" => &["dob-iso", "dob-us", "dob-compact"],
        "ip-address" => &["ipv4-datum"],
        "mac-address" => &["mac-address", "mac-bare"],
        "device-id" | "serial-number" => &["user-id-keyed", "serial-keyed", "device-id-keyed"],
        "health" => &["hl7v2-header", "icd10-cm", "mrn-keyed"],
        "host-name" => &["host-name-keyed"],
        "community-string" => &["snmp-community"],
        "imsi" => &["imsi", "imsi-keyed", "imsi-ims"],
        "image-metadata" => &["exif-gps", "exif-block", "jpeg-exif"],
        "national-id-shaped" => &["us-ssn", "us-ssn-bare", "us-itin", "national-id-keyed"],
        _ => &[],
    }
}

/// Signatures whose match frames more than one value: that the flow has one is all that can be said.
const CONTAINERS: &[&str] =
    &["session-cookie", "imsi-ims", "hl7v2-header", "us-postal-address", "exif-gps", "exif-block", "jpeg-exif"];

/// The value as sent and decoded, and what is joined in it.
fn variants(positive: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let sent = positive["value"].as_str().unwrap_or_default();
    // What the truth has as decoded is not always all of it.
    let decoded = STANDARD.decode(sent).ok().and_then(|octets| String::from_utf8(octets).ok()).unwrap_or_default();
    for text in [sent, positive["decoded"].as_str().unwrap_or_default(), &decoded] {
        all.insert(text.to_owned());
        let parts = text.split([':', '=', '^', '\u{1}', ',', ' ']).map(|part| part.trim_matches('"').to_owned());
        all.extend(parts.filter(|part| part.len() >= 3));
        all.insert(
            text.split_once("auth=").map_or_else(String::new, |(_, token)| token.trim_matches('\u{1}').to_owned()),
        );
    }
    all.insert(format!("+{}", positive["value"].as_str().unwrap_or_default()));
    all
}

fn digest(signature: &str, value: &str, normalise: Normalise) -> String {
    let value = match normalise {
        Normalise::Digits => value.chars().filter(char::is_ascii_digit).collect(),
        Normalise::Alphanumeric => {
            value.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase()
        }
        Normalise::Upper => value.to_ascii_uppercase(),
        Normalise::Lower => value.to_ascii_lowercase(),
        Normalise::Words => value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase(),
        Normalise::Verbatim | Normalise::Ipv6 => value.to_owned(),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(&[0; 32]).expect("any key");
    mac.update(&[signature.as_bytes(), &[0], value.as_bytes()].concat());
    mac.finalize().into_bytes().iter().take(16).map(|octet| format!("{octet:02x}")).collect()
}

/// Rows of the table in docs/userdata.md: capture, what and where, how found once the receiver was moved.
fn explained() -> BTreeMap<(String, String), String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/userdata.md")).expect("readable");
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains(".pcap"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [capture, what, moved, _why] = cells.as_slice() else { panic!("a row of four cells: {line}") };
        (((*capture).to_owned(), (*what).to_owned()), (*moved).to_owned())
    })
    .collect()
}

#[test]
fn known_user_data_is_found() {
    let Some(shared) = common::shared() else { return };
    let truth: Value =
        serde_json::from_slice(&std::fs::read(shared.join("truth/userdata.json")).expect("readable")).expect("JSON");
    let catalogue = Arc::new(Catalogue::built_in().map_err(|p| format!("{p:?}")).expect("built in"));
    let explained = explained();
    let mut replays: BTreeMap<(String, IpAddr, Option<u16>), Vec<Found>> = BTreeMap::new();
    let (mut found, mut found_moved, mut failures, mut seen) = (0, 0, Vec::new(), BTreeSet::new());
    for positive in truth["positives"].as_array().expect("a list") {
        let text = |key: &str| positive[key].as_str().unwrap_or_default().to_owned();
        let end = |addr: &str, port: &str| {
            (text(addr).parse::<IpAddr>().expect("an address"), positive[port].as_u64().unwrap_or(0) as u16)
        };
        let (src, mut dst) = (end("src", "sport"), end("dst", "dport"));
        let moved = (src.0 == dst.0).then_some(dst);
        let findings = replays.entry((text("capture"), src.0, moved.map(|end| end.1))).or_insert_with(|| {
            let path = shared.join("captures").join(text("capture"));
            assert!(moved.is_none() || replay(&path, src.0, None, &catalogue).is_empty(), "nothing leaves");
            replay(&path, src.0, moved, &catalogue)
        });
        if moved.is_some() {
            dst.0 = away(dst.0);
        }
        let variants = variants(positive);
        // Within GTP-U, the truth has the source port of the packet around.
        let sender = |from: &(IpAddr, u16)| *from == src || (from.0 == src.0 && src.1 == 2152);
        let hit = findings.iter().filter(|(from, to, _)| sender(from) && *to == dst).find(|(.., finding)| {
            fitting(&text("type")).contains(&&*finding.signature)
                && (CONTAINERS.contains(&&*finding.signature)
                    || variants.iter().any(|value| {
                        let normalise = catalogue.get(&finding.signature).expect("known").normalise;
                        digest(&finding.signature, value, normalise) == finding.digest
                    }))
        });
        // The value itself is not printed: what and where it is names it.
        let row = (text("capture"), format!("{}: {}", text("type"), text("context")));
        let how = hit.map(|(.., finding)| {
            let field = finding.field.as_deref().map_or(String::new(), |field| format!(", field `{field}`"));
            format!("`{}` in `{}`{field}", finding.signature, finding.document)
        });
        if let Some(how) = &how {
            (found, found_moved) = (found + usize::from(moved.is_none()), found_moved + usize::from(moved.is_some()));
            println!("found {} {} as {how}", row.0, row.1);
        }
        // What a row of the table should say, if there should be one.
        let expected = match (&how, moved) {
            (Some(_), None) => None,
            (Some(how), Some(_)) => Some(how.clone()),
            (None, _) => Some("not found".to_owned()),
        };
        if explained.get(&row) != expected.as_ref() {
            let others: BTreeSet<_> = findings
                .iter()
                .filter(|(from, to, _)| (*from, *to) == (src, dst))
                .map(|(.., f)| format!("{}@{}:{}", f.signature, f.document, f.field.as_deref().unwrap_or("-")))
                .collect();
            let said = explained.get(&row);
            failures.push(format!("{} {}: is {expected:?}, said to be {said:?}; findings: {others:?}", row.0, row.1));
        }
        seen.insert(row);
    }
    let all = truth["positives"].as_array().map_or(0, Vec::len);
    println!("of {all}: {found} found, {found_moved} once their receiver has an address of its own");
    for row in explained.keys().filter(|row| !seen.contains(*row)) {
        failures.push(format!("{} {}: listed in docs/userdata.md, but not in the truth", row.0, row.1));
    }
    assert!(failures.is_empty(), "{}\n{} rows to correct in docs/userdata.md", failures.join("\n"), failures.len());
}
