//! Names of servers by their certificates, and fingerprints of clients, on real captures.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// Flow events of a capture.
fn flows(capture: &Path) -> Vec<Value> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let events = dir.path().join("e.jsonl");
    let words = [Path::new("replay"), Path::new("--quiet"), Path::new("--events"), &events, capture];
    common::run(words);
    let events = std::fs::read_to_string(events).expect("written");
    let parsed = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    parsed.filter(|event| event["event_type"] == "flow").collect()
}

/// Certificates that do not name their flows, with the reason.
const UNREAD: [(&str, &str); 4] = [
    ("dtls/dtls_certificate_fragments.pcap", "certificates of DTLS are not read"),
    ("files/ftp-start-tls.pcap", "the server's half of a dialogue nobody decodes is left alone"),
    ("mail/imap-starttls.pcap", "as above"),
    ("mail/smtp-starttls.pcap", "as above"),
];

#[test]
fn certificates_name_flows_without_sni() {
    let Some(shared) = common::shared() else { return };
    let (mut by_certificate, mut wrong) = (0, Vec::new());
    for file in common::files_below(&shared.join("truth")) {
        let truth = std::fs::read(shared.join("truth").join(&file)).expect("readable");
        let truth: Value = serde_json::from_slice(&truth).expect("JSON");
        let Some(certificates) = truth["certificate_names"].as_array().filter(|list| !list.is_empty()) else {
            continue;
        };
        let capture = file.to_string_lossy().trim_end_matches(".json").to_owned();
        let flows = flows(&shared.join("captures").join(&capture));
        for certificate in certificates {
            let end = |addr: &str, port: &str| (certificate[addr].clone(), certificate[port].clone());
            let ends = [end("src", "sport"), end("dst", "dport")];
            let of_flow = |flow: &&Value| {
                let end = |addr: &str, port: &str| (flow[addr].clone(), flow[port].clone());
                ends.contains(&end("src_ip", "src_port")) && ends.contains(&end("dest_ip", "dest_port"))
            };
            let names: BTreeSet<String> = certificate["names"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|name| Some(name.as_str()?.trim_start_matches("*.").to_lowercase()))
                .collect();
            for flow in flows.iter().filter(of_flow) {
                let name = flow["server_name"].as_str().unwrap_or_default();
                match flow["server_name_source"].as_str() {
                    Some("tls-certificate") if names.contains(name) => by_certificate += 1,
                    Some("tls-certificate") => wrong.push(format!("{capture}: {name} is not in {names:?}")),
                    None | Some("dns") if !UNREAD.iter().any(|(known, _)| *known == capture) => {
                        wrong.push(format!("{capture}: {names:?} not seen"));
                    }
                    _ => {}
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(by_certificate >= 11, "{by_certificate}");
}

/// An Encrypted Client Hello is told, with the name for show.
#[test]
fn an_encrypted_hello_is_told() {
    let Some(shared) = common::shared() else { return };
    let told = |capture: &str| {
        let flows = flows(&shared.join("captures").join(capture));
        flows.iter().filter(|flow| flow["ech"] == true && !flow["server_name"].is_null()).count()
    };
    assert_eq!(told("tls/tls13-ech.pcap"), 2);
    assert_eq!(told("tls/tls12-dsb.pcapng"), 0);
}

/// Fingerprints that FoxIO's own tools print for these captures, by source port.
#[test]
fn fingerprints_are_those_of_other_tools() {
    let Some(shared) = common::shared() else { return };
    let chrome = "t13d1516h2_8daaf6152771_e5627efa2ab1";
    for (capture, expected) in [
        (
            "tls/tls-sni.pcapng",
            &[
                (50_112, chrome),
                (50_113, chrome),
                (50_122, "t13d1516h1_8daaf6152771_e5627efa2ab1"),
                (50_123, "t13d151400_8daaf6152771_de4a06bb82e3"),
                (50_142, chrome),
            ][..],
        ),
        ("tls/browsers-x509.pcapng", &[(54_524, chrome), (54_525, chrome), (54_603, chrome)]),
        ("quic/quic-with-secrets.pcapng", &[(57_098, chrome)]),
    ] {
        let flows = flows(&shared.join("captures").join(capture));
        for (port, ja4) in expected {
            let flow = flows.iter().find(|flow| flow["src_port"] == *port || flow["dest_port"] == *port);
            assert_eq!(flow.expect("a flow")["ja4"], *ja4, "{capture} {port}");
        }
        // One of QUIC, or DTLS, says so.
        assert!(
            flows
                .iter()
                .filter(|flow| flow["app_proto"] == "quic")
                .all(|flow| { flow["ja4"].as_str().is_none_or(|ja4| ja4.starts_with('q')) })
        );
    }
}
