//! User data that is known to be in real captures (truth/userdata.json beside the project): every positive is looked for by
//! replaying its capture with the sender as the only local address. It is found if its flow has a finding of a fitting
//! signature whose keyed digest is that of the value, in clear or as it was sent.
//!
//! What is not found is listed in docs/userdata.md, one row each, with the reason; a row that is found fails the test, and so
//! does a positive without a row.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use borderpost::capture::Captures;
use borderpost::engine::{Engine, EngineOptions, Rules};
use borderpost::geo::{GeoSettings, Locator};
use borderpost::model::{EventBody, Finding, Limits};
use borderpost::policy::PolicySet;
use borderpost::scan::{Catalogue, Normalise};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// A finding and the ends of its flow: sender, receiver.
type Found = ((IpAddr, u16), (IpAddr, u16), Arc<Finding>);

fn replay(path: &Path, local: IpAddr, catalogue: &Arc<Catalogue>) -> Vec<Found> {
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
        engine.feed(&frame, &mut take);
    }
    engine.finish(&mut take);
    found
}

/// Signatures that fit a kind of user data in the truth.
fn fitting(kind: &str) -> &'static [&'static str] {
    match kind {
        "email" => &["email"],
        "phone" => &["phone-e164", "phone-nanp"],
        "password" | "password-hash" => &["password-keyed", "session-cookie"],
        "username" => &["user-name-keyed", "user-id-keyed", "email"],
        "person-name" => &["user-name-keyed"],
        "bearer-token" => &["bearer-token"],
        "postal-address" => &["us-postal-address"],
        "session-id" => &["session-cookie"],
        "api-key" => &["api-key-keyed"],
        "birth-date" => &["dob-iso", "dob-us", "dob-compact"],
        "ip-address" => &["ipv4-datum"],
        "mac-address" => &["mac-address"],
        "device-id" | "serial-number" => &["user-id-keyed", "serial-keyed", "device-id-keyed"],
        "health" => &["hl7v2-header", "icd10-cm", "mrn-keyed"],
        "imsi" => &["imsi", "imsi-keyed", "imsi-ims"],
        "image-metadata" => &["exif-gps", "exif-block", "jpeg-exif"],
        "national-id-shaped" => &["us-ssn", "us-ssn-bare", "us-itin"],
        _ => &[],
    }
}

/// Signatures whose match frames more than one value: that the flow has one is all that can be said.
const CONTAINERS: &[&str] =
    &["session-cookie", "imsi-ims", "hl7v2-header", "us-postal-address", "exif-gps", "exif-block", "jpeg-exif"];

/// The value as sent and decoded, and what is joined in it.
fn variants(positive: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for text in [&positive["value"], &positive["decoded"]].into_iter().filter_map(Value::as_str) {
        all.insert(text.to_owned());
        let parts = text.split([':', '=', '^', '\u{1}', ',', ' ']).map(|part| part.trim_matches('"').to_owned());
        all.extend(parts.filter(|part| part.len() >= 4));
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

/// Rows of the table in docs/userdata.md: capture, what and where, why.
fn explained() -> BTreeMap<(String, String), String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/userdata.md")).expect("readable");
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains('/'));
    rows.filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [capture, what, why] = cells.as_slice() else { return None };
        Some((((*capture).to_owned(), (*what).to_owned()), (*why).to_owned()))
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
    let mut replays: BTreeMap<(String, IpAddr), Vec<Found>> = BTreeMap::new();
    let (mut found, mut failures, mut seen) = (0, Vec::new(), BTreeSet::new());
    for positive in truth["positives"].as_array().expect("a list") {
        let text = |key: &str| positive[key].as_str().unwrap_or_default().to_owned();
        let end = |addr: &str, port: &str| {
            (text(addr).parse::<IpAddr>().expect("an address"), positive[port].as_u64().unwrap_or(0) as u16)
        };
        let (src, dst) = (end("src", "sport"), end("dst", "dport"));
        let findings = replays
            .entry((text("capture"), src.0))
            .or_insert_with(|| replay(&shared.join("captures").join(text("capture")), src.0, &catalogue));
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
        let what = format!("{}: {}", text("type"), text("context"));
        let row = (text("capture"), what);
        match (hit, explained.get(&row)) {
            (Some(_), Some(_)) => failures.push(format!("{} {}: listed in docs/userdata.md, but found", row.0, row.1)),
            (Some((.., finding)), None) => {
                found += 1;
                let field = finding.field.as_deref().unwrap_or("-");
                println!("found {} {} as {} in {} field {field}", row.0, row.1, finding.signature, finding.document);
            }
            (None, Some(_)) => {}
            (None, None) => {
                let others: BTreeSet<_> = findings
                    .iter()
                    .filter(|(from, to, _)| (*from, *to) == (src, dst))
                    .map(|(.., f)| format!("{}@{}:{}", f.signature, f.document, f.field.as_deref().unwrap_or("-")))
                    .collect();
                failures.push(format!("| {} | {} | NOT FOUND among {others:?} |", row.0, row.1));
            }
        }
        seen.insert(row);
    }
    println!("{found} of {} found", truth["positives"].as_array().map_or(0, Vec::len));
    for row in explained.keys().filter(|row| !seen.contains(*row)) {
        failures.push(format!("{} {}: listed in docs/userdata.md, but not in the truth", row.0, row.1));
    }
    assert!(failures.is_empty(), "{}\n{} not explained", failures.join("\n"), failures.len());
}
