//! What a case expects against what happened.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::case::{End, Expectation, Wanted, WantedEgress, WantedNotice, WantedUndetermined};
use crate::model::{Country, Counts, EgressCounts, Event, EventBody, Finding, FlowView};

/// Differences of one kind that are told one by one; the rest are counted.
const TOLD_MAX: usize = 40;

/// A violation or finding as it happened.
struct Happened {
    rule: Option<String>,
    finding: Option<Arc<Finding>>,
    flow: Arc<FlowView>,
}

/// What a replay brought to light.
#[derive(Default)]
pub(super) struct Replayed {
    violations: Vec<Happened>,
    findings: Vec<Happened>,
    notices: Vec<String>,
    suspicions: Vec<Happened>,
}

impl Replayed {
    /// Keeps what cases can expect.
    pub(super) fn take(&mut self, event: Event) {
        match (event.body, event.flow) {
            (EventBody::Violation { rule, finding, .. }, Some(flow)) => {
                let rule = Some(format!("{}/{}", rule.policy, rule.rule));
                self.violations.push(Happened { rule, finding, flow });
            }
            (EventBody::Finding(finding), Some(flow)) => {
                self.findings.push(Happened { rule: None, finding: Some(finding), flow });
            }
            (EventBody::Suspicion(suspicion), Some(flow)) => {
                let rule = Some(format!("{}/{}", suspicion.rule.policy, suspicion.rule.rule));
                self.suspicions.push(Happened { rule, finding: None, flow });
            }
            (EventBody::Notice(text), _) => self.notices.push(text),
            _ => {}
        }
    }
}

impl Expectation {
    /// Every difference, one a line: `-` before what is missing or not as expected, `+` before what nobody expects.
    pub(super) fn differences(&self, replayed: &Replayed, counts: &Counts) -> Vec<String> {
        let mut lines = Vec::new();
        compare(&self.violations, &replayed.violations, "violation", true, &mut lines);
        compare(&self.suspicions, &replayed.suspicions, "suspicion", true, &mut lines);
        compare(&self.findings, &replayed.findings, "finding", false, &mut lines);
        lines.extend(self.egress.iter().filter_map(|wanted| egress(wanted, counts)));
        lines.extend(self.undetermined.iter().filter_map(|wanted| undetermined(wanted, counts)));
        lines.extend(self.notices.iter().filter_map(|wanted| notice(wanted, &replayed.notices)));
        // Events end where this limit begins, so "no others" cannot be said of what is beyond.
        if let Some(lost) = counts.limits_reached.get(crate::engine::FINDINGS_LIMIT) {
            lines.push(format!("- {lost} findings are past `findings_per_flow_max` and were not compared"));
        }
        lines
    }
}

fn compare(wanted: &[Wanted], happened: &[Happened], what: &str, exact: bool, lines: &mut Vec<String>) {
    let mut found = vec![0u64; wanted.len()];
    let mut unexpected: BTreeMap<String, u64> = BTreeMap::new();
    for event in happened {
        let matching = || wanted.iter().enumerate().filter(|(_, wanted)| wanted.matches(event)).map(|(at, _)| at);
        if exact {
            // An expectation that has all it wants leaves the next to another that fits, and takes what nobody else wants.
            let has_room = |at: &usize| found.get(*at) < wanted.get(*at).and_then(|wanted| wanted.count.as_ref());
            match matching().find(has_room).or_else(|| matching().next_back()) {
                Some(at) => found.iter_mut().skip(at).take(1).for_each(|count| *count += 1),
                None => *unexpected.entry(event.describe()).or_default() += 1,
            }
        } else {
            let all: Vec<usize> = matching().collect();
            for at in all {
                found.iter_mut().skip(at).take(1).for_each(|count| *count += 1);
            }
        }
    }
    for (wanted, found) in wanted.iter().zip(found) {
        lines.extend(counted(wanted.count, found, &format!("{what} {}", wanted.describe()), wanted.line));
    }
    let more = unexpected.len().saturating_sub(TOLD_MAX);
    for (description, count) in unexpected.into_iter().take(TOLD_MAX) {
        lines.push(format!("+ {what} that is not expected, {count} times: {description}"));
    }
    if more > 0 {
        lines.push(format!("+ {more} more kinds of {what} that are not expected"));
    }
}

/// A line if the number is not the one expected; expected `None` is one or more.
fn counted(expected: Option<u64>, found: u64, what: &str, line: usize) -> Option<String> {
    let (fits, words) = match expected {
        Some(count) => (found == count, count.to_string()),
        None => (found > 0, "one or more".to_owned()),
    };
    (!fits).then(|| format!("- line {line}: {what}: expected {words}, found {found}"))
}

fn is<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
    wanted.is_none_or(|wanted| found == Some(wanted))
}

impl End {
    fn is(self, (addr, port): (std::net::IpAddr, u16)) -> bool {
        self.addr == addr && self.port.is_none_or(|wanted| wanted == port)
    }
}

impl Wanted {
    fn matches(&self, event: &Happened) -> bool {
        let finding = event.finding.as_deref();
        let flow = &event.flow;
        is(self.rule.as_ref(), event.rule.as_ref())
            && self.signature.as_deref().is_none_or(|id| finding.is_some_and(|finding| *finding.signature == *id))
            && is(self.class.as_ref(), finding.map(|finding| &finding.class))
            && is(self.field.as_ref(), finding.and_then(|finding| finding.field.as_ref()))
            && self.src.is_none_or(|end| end.is(flow.src))
            && self.dest.is_none_or(|end| end.is(flow.dest))
            && self.server.as_deref().is_none_or(|name| server(flow) == Some(name))
            && is(self.location.as_ref(), Some(&flow.destination.location))
            && is(self.control.as_ref(), Some(&flow.destination.control))
            && is(self.initiator.as_ref(), flow.initiator.as_ref())
    }

    fn describe(&self) -> String {
        let end = |end: End| end.port.map_or_else(|| end.addr.to_string(), |port| format!("{}:{port}", end.addr));
        let words = [
            ("", self.rule.clone()),
            ("", self.signature.clone()),
            ("class ", self.class.map(|class| class.as_str().to_owned())),
            ("field ", self.field.clone()),
            ("from ", self.src.map(end)),
            ("to ", self.dest.map(end)),
            ("server ", self.server.clone()),
            ("location ", self.location.map(|country| country.as_str().to_owned())),
            ("control ", self.control.map(|country| country.as_str().to_owned())),
            ("opened by ", self.initiator.map(|initiator| initiator.as_str().to_owned())),
        ];
        join(words)
    }
}

impl Happened {
    /// As an expectation would name it. Ports of clients change and are left out.
    fn describe(&self) -> String {
        let (flow, finding) = (&self.flow, self.finding.as_deref());
        let words = [
            ("", self.rule.clone()),
            ("", Some(finding.map_or_else(|| "octets that could not be read".to_owned(), |f| f.signature.to_string()))),
            ("class ", finding.map(|finding| finding.class.as_str().to_owned())),
            ("field ", finding.and_then(|finding| finding.field.clone())),
            ("from ", Some(flow.src.0.to_string())),
            ("to ", Some(flow.dest.0.to_string())),
            ("server ", server(flow).map(str::to_owned)),
            ("location ", Some(flow.destination.location.as_str().to_owned())),
            ("control ", Some(flow.destination.control.as_str().to_owned())),
        ];
        join(words)
    }
}

fn server(flow: &FlowView) -> Option<&str> {
    flow.server_name.as_ref().map(|(name, _)| &**name)
}

fn join<const N: usize>(words: [(&str, Option<String>); N]) -> String {
    let words: Vec<String> =
        words.into_iter().filter_map(|(before, word)| Some(format!("{before}{}", word?))).collect();
    if words.is_empty() { "of any kind".to_owned() } else { words.join(", ") }
}

fn places(location: Option<Country>, control: Option<Country>) -> String {
    let word = |country: Option<Country>| country.map(|country| country.as_str().to_owned());
    let words = join([("location ", word(location)), ("control ", word(control))]);
    if location.or(control).is_none() { "anywhere".to_owned() } else { words }
}

fn egress(wanted: &WantedEgress, counts: &Counts) -> Option<String> {
    let mut sum = EgressCounts::default();
    for (to, egress) in &counts.egress {
        if is(wanted.location.as_ref(), Some(&to.location)) && is(wanted.control.as_ref(), Some(&to.control)) {
            sum += *egress;
        }
    }
    let what = format!("egress to {}", places(wanted.location, wanted.control));
    if (wanted.flows, wanted.packets, wanted.bytes) == (None, None, None) {
        return counted(None, sum.flows, &format!("{what}, flows"), wanted.line);
    }
    let parts = [
        ("flows", wanted.flows, sum.flows),
        ("packets", wanted.packets, sum.packets),
        ("bytes", wanted.bytes, sum.bytes),
    ];
    let differing: Vec<String> = parts
        .into_iter()
        .filter_map(|(unit, wanted, found)| {
            wanted.filter(|wanted| *wanted != found).map(|wanted| (unit, wanted, found))
        })
        .map(|(unit, wanted, found)| format!("expected {wanted} {unit}, found {found}"))
        .collect();
    (!differing.is_empty()).then(|| format!("- line {}: {what}: {}", wanted.line, differing.join("; ")))
}

fn undetermined(wanted: &WantedUndetermined, counts: &Counts) -> Option<String> {
    let found = counts
        .undetermined
        .iter()
        .filter(|((reason, location), _)| {
            is(wanted.reason.as_ref(), Some(reason)) && is(wanted.location.as_ref(), Some(location))
        })
        .map(|(_, tally)| tally.flows)
        .sum();
    let reason = wanted.reason.map_or("any reason", |reason| reason.as_str());
    let what = format!("undetermined flows to {} for {reason}", places(wanted.location, None));
    counted(wanted.flows, found, &what, wanted.line)
}

fn notice(wanted: &WantedNotice, notices: &[String]) -> Option<String> {
    let found = notices.iter().filter(|text| text.contains(&wanted.contains)).count() as u64;
    counted(wanted.count, found, &format!("notices with `{}`", wanted.contains), wanted.line)
}
