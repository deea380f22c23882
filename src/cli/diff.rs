//! `borderpost diff`: a capture under two policies, or two databases; which verdicts change.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::args::{CommonArgs, DiffArgs};
use super::rules::{self, Loaded};
use super::{Done, Failure, print};
use crate::capture::Captures;
use crate::engine::{Engine, EngineOptions};
use crate::model::{Event, EventBody, FlowView, Problem, Verdict};

/// What a replay under one of the two came to.
#[derive(Default)]
struct Side {
    /// Violations by what they are about.
    violations: BTreeMap<String, u64>,
    /// Flows by id: where they went, and what was said.
    flows: BTreeMap<u64, (String, Verdict)>,
}

impl Side {
    fn take(&mut self, event: &Event) {
        let Some(flow) = &event.flow else { return };
        match &event.body {
            EventBody::Flow => {
                self.flows.insert(flow.flow_id, (destination(flow), flow.verdict));
            }
            EventBody::Violation { rule, finding, .. } => {
                let data = finding.as_ref().map_or("octets that could not be read", |finding| &*finding.signature);
                let what = format!("{}/{}: {data} to {}", rule.policy, rule.rule, destination(flow));
                *self.violations.entry(what).or_default() += 1;
            }
            _ => {}
        }
    }
}

fn destination(flow: &FlowView) -> String {
    let name = flow.server_name.as_ref().map_or_else(|| flow.dest.0.to_string(), |(name, _)| name.to_string());
    format!("{name} (location {}, control {})", flow.destination.location, flow.destination.control)
}

pub(super) fn diff(args: &DiffArgs) -> Result<Done, Failure> {
    let sides = match (&args.common.policy[..], &args.common.geoip[..]) {
        ([a, b], _) => [a, b].map(|list| CommonArgs {
            policy: list.split('+').map(str::to_owned).collect(),
            geoip: args.common.geoip.clone(),
            ..args.common.without_lists()
        }),
        (policy, [a, b]) if policy.len() < 2 => [a, b].map(|path| CommonArgs {
            policy: policy.to_vec(),
            geoip: vec![PathBuf::clone(path)],
            ..args.common.without_lists()
        }),
        _ => {
            let problem =
                Problem::file("command line", "two things are compared: give --policy twice, or --geoip twice");
            return Err(vec![problem.with_hint("files that belong together: old.toml+basis.toml")].into());
        }
    };
    let [a, b] = sides.map(|common| replay(&common, &args.captures));
    print(&told(&a?, &b?))?;
    Ok(Done::Well)
}

fn replay(common: &CommonArgs, paths: &[PathBuf]) -> Result<Side, Failure> {
    let loaded = Loaded::load(rules::settings(common.flags(), common.config.as_deref())?)?;
    let settings = &loaded.settings;
    let mut captures =
        Captures::open(paths, settings.filter.as_deref()).map_err(|error| Failure::Runtime(error.to_string()))?;
    let rules = loaded.rules_for(&captures);
    let options = EngineOptions { threads: settings.threads.unwrap_or(1), flow_events: true };
    let mut engine = Engine::new(rules, &settings.limits, options);
    let mut side = Side::default();
    while let Some(frame) = captures.next_frame() {
        engine.feed(&frame, &mut |event| side.take(&event));
    }
    engine.finish(&mut |event| side.take(&event));
    Ok(side)
}

/// The differences, sorted.
fn told(a: &Side, b: &Side) -> String {
    let mut flows: BTreeMap<(&str, &str, Verdict, Verdict), u64> = BTreeMap::new();
    for (id, (to_b, after)) in &b.flows {
        // Both sides read the same packets: they know the same flows.
        let Some((to_a, before)) = a.flows.get(id) else { continue };
        if before != after || to_a != to_b {
            *flows.entry((to_a, to_b, *before, *after)).or_default() += 1;
        }
    }
    let mut text = String::new();
    // Writing to a String cannot fail.
    for ((to_a, to_b, before, after), count) in flows {
        let moved = if to_a == to_b { String::new() } else { format!(", now {to_b}") };
        let _ = writeln!(text, "flows to {to_a}{moved}: {before} -> {after}: {count}");
    }
    let kinds: std::collections::BTreeSet<&String> = a.violations.keys().chain(b.violations.keys()).collect();
    for what in kinds {
        let [before, after] = [a, b].map(|side| side.violations.get(what).copied().unwrap_or(0));
        if before != after {
            let _ = writeln!(text, "violations of {what}: {before} -> {after}");
        }
    }
    if text.is_empty() { "no verdict changes\n".to_owned() } else { text }
}
