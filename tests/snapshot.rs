//! Reading counts while an engine runs changes nothing of what they come to, and neither does a reload of the same rules.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use borderpost::capture::Captures;
use borderpost::engine::{Engine, EngineOptions, Rules};
use borderpost::geo::GeoSettings;
use borderpost::model::{Counts, Event, EventBody, Limits};

fn rules() -> Arc<Rules> {
    let local = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].iter().map(|net| net.parse().expect("a network"));
    common::rules(&GeoSettings { local: local.collect(), ..GeoSettings::default() })
}

/// Frames between snapshots and between reloads; 0 is never.
#[derive(Clone, Copy)]
struct Steps {
    threads: usize,
    snapshots: u64,
    reloads: u64,
    /// Whether a reload brings new signatures too.
    other_catalogue: bool,
}

fn run(capture: &Path, steps: Steps) -> (Counts, Vec<Event>) {
    let mut captures = Captures::open(&[capture.to_path_buf()], None).expect("a capture");
    let options = EngineOptions { threads: steps.threads, flow_events: true };
    let first = rules();
    let mut engine = Engine::new(first.clone(), &Limits::default(), options);
    let mut events = Vec::new();
    let (mut frames, mut before) = (0u64, Counts::default());
    while let Some(frame) = captures.next_frame() {
        engine.feed(&frame, &mut |event| events.push(event));
        frames += 1;
        if steps.snapshots > 0 && frames.is_multiple_of(steps.snapshots) {
            let now = engine.snapshot(&mut |event| events.push(event)).counts;
            assert_eq!(now.frames.total, frames, "every frame is counted at once");
            no_sum_shrank(&before, &now);
            before = now;
        }
        if steps.reloads > 0 && frames.is_multiple_of(steps.reloads) {
            let catalogue = if steps.other_catalogue { rules().catalogue.clone() } else { first.catalogue.clone() };
            let other = Arc::new(Rules { catalogue, locator: rules().locator.clone(), ..copy(&first) });
            engine.adopt(other, &mut |event| events.push(event));
        }
    }
    let counts = engine.finish(&mut |event| events.push(event)).counts;
    no_sum_shrank(&before, &counts);
    (counts, events)
}

fn copy(rules: &Rules) -> Rules {
    Rules {
        catalogue: rules.catalogue.clone(),
        locator: rules.locator.clone(),
        watch: Arc::default(),
        policy: rules.policy.clone(),
        digest_key: rules.digest_key,
    }
}

fn no_sum_shrank(before: &Counts, now: &Counts) {
    fn shrank<K: Ord>(before: &BTreeMap<K, u64>, now: &BTreeMap<K, u64>) -> bool {
        before.iter().any(|(key, sum)| now.get(key).is_none_or(|sum_now| sum_now < sum))
    }
    let bytes = |counts: &Counts| -> BTreeMap<_, _> { counts.egress.iter().map(|(to, c)| (*to, c.bytes)).collect() };
    assert!(!shrank(&bytes(before), &bytes(now)));
    assert!(!shrank(&before.egress_by_verdict, &now.egress_by_verdict));
    let unread =
        |counts: &Counts| -> BTreeMap<_, _> { counts.uninspected.iter().map(|(key, t)| (*key, t.bytes)).collect() };
    assert!(!shrank(&unread(before), &unread(now)));
    let findings =
        |counts: &Counts| -> BTreeMap<_, _> { counts.findings.iter().map(|(key, t)| (key.clone(), t.count)).collect() };
    assert!(!shrank(&findings(before), &findings(now)));
    for (to, egress) in &now.egress {
        assert_eq!(egress.bytes, egress.inspected_bytes + egress.opaque_bytes + egress.missed_bytes, "{to:?}");
    }
}

/// Counts by location and what was found, without what depends on when an octet was counted (its verdict and name then).
fn essence(counts: &Counts) -> impl PartialEq + use<> {
    let mut by_location: BTreeMap<_, [u64; 3]> = BTreeMap::new();
    for (to, egress) in &counts.egress {
        let sums = by_location.entry(to.location).or_default();
        for (sum, more) in sums.iter_mut().zip([egress.flows, egress.packets, egress.bytes]) {
            *sum += more;
        }
    }
    let findings: Vec<_> = counts.findings.iter().map(|(key, tally)| (key.clone(), *tally)).collect();
    let violations: Vec<_> =
        counts.violations.iter().map(|(key, tally)| (key.clone(), tally.flows, tally.count)).collect();
    (counts.frames, counts.scopes.clone(), by_location, findings, violations, counts.undetermined.clone())
}

fn captures() -> Vec<PathBuf> {
    let mut captures = vec![common::own_capture("demo.pcap")];
    if let Some(shared) = common::shared() {
        captures.extend(["mixed/android.pcap", "tls/tls-sni.pcapng"].map(|name| shared.join("captures").join(name)));
    }
    captures
}

#[test]
fn snapshots_and_reloads_change_no_sum() {
    for capture in captures() {
        let never = Steps { threads: 1, snapshots: 0, reloads: 0, other_catalogue: false };
        let (plain, plain_events) = run(&capture, never);
        for threads in [1, 2] {
            let steps = Steps { threads, snapshots: 7, reloads: 41, other_catalogue: false };
            let (counts, events) = run(&capture, steps);
            assert!(essence(&counts) == essence(&plain), "{} with {threads} threads", capture.display());
            let findings = |events: &[Event]| -> Vec<String> {
                let found = events.iter().filter_map(|event| match &event.body {
                    EventBody::Finding(finding) => Some(format!("{} {finding:?}", event.time)),
                    _ => None,
                });
                found.collect()
            };
            assert_eq!(findings(&events), findings(&plain_events), "{}", capture.display());
        }
    }
}

#[test]
fn other_signatures_lose_no_octet() {
    for capture in captures() {
        let (plain, _) = run(&capture, Steps { threads: 1, snapshots: 0, reloads: 0, other_catalogue: false });
        let (counts, _) = run(&capture, Steps { threads: 2, snapshots: 3, reloads: 97, other_catalogue: true });
        let bytes = |counts: &Counts| -> u64 { counts.egress.values().map(|egress| egress.bytes).sum() };
        assert_eq!((counts.frames, bytes(&counts)), (plain.frames, bytes(&plain)), "{}", capture.display());
    }
}
