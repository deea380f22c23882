//! The register of transfers: who sent what to whom, collected from events while a run goes on. Bounded, ordered, without values.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::{
    Country, DataClass, Event, EventBody, EvidenceSource, Facet, FlowView, Initiator, RuleRef, Scope, Severity,
    Timestamp, Verdict,
};

/// Rows kept; what is beyond is counted in [`Register::beyond`].
const ROWS_MAX: usize = 10_000;
/// Rules a report tells of: policies are the operator's, so this bounds only the absurd.
const RULES_MAX: usize = 10_000;

/// Transfers and violations of a run.
#[derive(Default)]
pub struct Register {
    pub(super) rows: BTreeMap<Transfer, Sums>,
    pub(super) rules: BTreeMap<RuleKey, Breach>,
    pub(super) beyond: Beyond,
}

/// What one row is about: one local end and one recipient.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Transfer {
    pub(super) from: IpAddr,
    pub(super) location: Country,
    pub(super) control: Country,
    pub(super) to: Arc<str>,
    pub(super) answer: bool,
}

/// What went.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) operator: Option<Arc<str>>,
    pub(super) grounds: BTreeSet<String>,
    pub(super) flows: u64,
    pub(super) bytes: u64,
    pub(super) unread: u64,
    pub(super) span: Option<(Timestamp, Timestamp)>,
    pub(super) verdict: Option<Verdict>,
    pub(super) data: BTreeMap<DataClass, u64>,
    pub(super) broken: BTreeSet<String>,
}

/// Graver rules first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RuleKey {
    severity: std::cmp::Reverse<Severity>,
    pub(super) id: String,
}

/// How a rule was broken.
pub(super) struct Breach {
    pub(super) rule: Arc<RuleRef>,
    pub(super) data: BTreeMap<Arc<str>, u64>,
    pub(super) places: BTreeSet<(Country, Country)>,
    pub(super) hosts: BTreeSet<IpAddr>,
    pub(super) span: (Timestamp, Timestamp),
}

/// What did not fit.
#[derive(Default)]
pub(super) struct Beyond {
    pub(super) flows: u64,
    pub(super) bytes: u64,
    pub(super) findings: u64,
    pub(super) violations: u64,
}

impl Register {
    /// Takes note of an event. Findings are in the row of their flow's first name.
    pub fn note(&mut self, event: &Event) {
        let Some(flow) = event.flow.as_deref().filter(|flow| flow.scope == Scope::Egress) else { return };
        match &event.body {
            EventBody::Flow if flow.bytes_out > 0 => self.flow(flow),
            EventBody::Finding(finding) => match self.row(flow) {
                Some(row) => *row.data.entry(finding.class).or_default() += 1,
                None => self.beyond.findings += 1,
            },
            EventBody::Violation { rule, finding, .. } => {
                let id = format!("{}/{}", rule.policy, rule.rule);
                match self.row(flow) {
                    Some(row) => drop(row.broken.insert(id.clone())),
                    None => self.beyond.violations += 1,
                }
                let key = RuleKey { severity: std::cmp::Reverse(rule.severity), id };
                if self.rules.len() >= RULES_MAX && !self.rules.contains_key(&key) {
                    return;
                }
                let breach = self.rules.entry(key).or_insert_with(|| Breach {
                    rule: rule.clone(),
                    data: BTreeMap::new(),
                    places: BTreeSet::new(),
                    hosts: BTreeSet::new(),
                    span: (event.time, event.time),
                });
                let data = finding.as_ref().map_or_else(|| "octets nobody could read".into(), |f| f.signature.clone());
                *breach.data.entry(data).or_default() += 1;
                breach.places.insert((flow.destination.location, flow.destination.control));
                if breach.hosts.len() < ROWS_MAX {
                    breach.hosts.insert(flow.src.0);
                }
                breach.span = (breach.span.0.min(event.time), breach.span.1.max(event.time));
            }
            _ => {}
        }
    }

    fn flow(&mut self, flow: &FlowView) {
        let Some(row) = self.row(flow) else {
            self.beyond.flows += 1;
            self.beyond.bytes += flow.bytes_out;
            return;
        };
        row.flows += 1;
        row.bytes += flow.bytes_out;
        row.unread += flow.inspection.opaque_bytes + flow.inspection.missed_bytes;
        let (first, last) = row.span.unwrap_or((flow.first, flow.last));
        row.span = Some((first.min(flow.first), last.max(flow.last)));
        row.verdict = row.verdict.max(Some(flow.verdict));
    }

    fn row(&mut self, flow: &FlowView) -> Option<&mut Sums> {
        let answer = flow.initiator == Some(Initiator::Remote);
        // On an inbound connection the server's name is our own.
        let to = match &flow.server_name {
            Some((name, _)) if !answer => name.clone(),
            _ => flow.dest.0.to_string().into(),
        };
        let destination = &flow.destination;
        let key =
            Transfer { from: flow.src.0, location: destination.location, control: destination.control, to, answer };
        if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(&key) {
            return None;
        }
        let row = self.rows.entry(key).or_default();
        if row.grounds.is_empty() {
            row.operator = destination.operator.clone().or_else(|| destination.as_org.clone());
            row.grounds = grounds(flow);
        }
        Some(row)
    }
}

/// What decided location and control, in words.
fn grounds(flow: &FlowView) -> BTreeSet<String> {
    let deciding = flow.destination.evidence.iter().filter(|piece| piece.deciding);
    deciding
        .map(|piece| {
            let facet = match piece.facet {
                Facet::Location => "location",
                Facet::Control => "control",
            };
            let origin = match piece.source {
                // Catalogue entries name their sources at length; the entry is enough here.
                EvidenceSource::Catalogue => "",
                _ => piece.origin.as_str(),
            };
            format!("{facet} {}: {} {} {origin} ({}%)", piece.country, piece.source, piece.matched, piece.confidence)
                .replace("  ", " ")
        })
        .collect()
}
