//! Thresholds: how many distinct persons or devices went the same way, over all lanes.
//!
//! Lanes do not count, they say what crossed. All that they say passes here in the order of packets, so that the number at which a
//! crossing becomes a violation does not depend on lanes or threads. Kept are keyed tags (the beginnings of the findings' digests),
//! never values, and the last day each was seen.
//!
//! A person has several identifiers, and nothing tells which belong together: tags are kept apart by signature, and **the signature
//! with the most tags is the count**. It is a lower bound that no person is in twice.
//!
//! Memory: exact to a million tags a group and signature (at most 24 MB each), four million in all; above a million a set becomes
//! an estimate. What finds no room is counted as a limit reached.

pub(super) mod day;
mod file;
mod seen;
mod suspect;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::model::{
    CountGroup, CountRule, Counts, DataClass, Destination, Event, EventBody, Finding, FlowView, Jurisdiction, Tally,
    Timestamp, Verdict, ViolationKey,
};

pub use file::{Kept, TallyError};
use seen::{Room, Seen, Stored};
pub(super) use suspect::Sent;
use suspect::Suspects;

/// Limit of tags and groups, by its name among the limits reached.
pub(super) const TAGS: &str = "count_tags";
/// Groups kept at once.
const GROUPS_MAX: usize = 65_536;
/// Longest name of a group.
const GROUP_CHARS_MAX: usize = 512;
/// Tenths of a threshold from which on it is warned of.
const WARN_TENTHS: u64 = 8;

/// What lanes say.
pub(super) enum LaneEvent {
    /// It goes out as it is.
    Event(Event),
    /// A finding that rules with thresholds are about.
    Counted(Box<CountedFinding>),
    /// What a flow sent, for rules that suspect.
    Sent(Box<Sent>),
    /// Octets of a flow that had such findings.
    Settled {
        flow_id: u64,
        to: Jurisdiction,
        /// Verdict without thresholds.
        verdict: Verdict,
        bytes: u64,
        /// Whether the flow ended.
        ended: bool,
    },
}

/// A finding that rules with thresholds are about.
pub(super) struct CountedFinding {
    pub(super) rules: Vec<Arc<CountRule>>,
    pub(super) matched: Vec<Arc<str>>,
    /// Whether it is a violation already.
    pub(super) broken: bool,
    /// Whether there is room for an event.
    pub(super) reported: bool,
    pub(super) time: Timestamp,
    pub(super) sender: IpAddr,
    pub(super) to: Jurisdiction,
    pub(super) view: Arc<FlowView>,
    pub(super) finding: Arc<Finding>,
}

/// What a set of tags is kept by: rule as `policy/rule`, group as text, signature.
type Key = (String, String);

#[derive(Clone, Default)]
struct Group {
    /// By signature. Shared with a copy that is being saved, if there is one, until they change.
    sets: BTreeMap<String, Arc<Seen>>,
}

impl Group {
    fn count(&mut self, first_day: u16, room: &mut Room) -> u64 {
        self.sets.values_mut().map(|set| count(set, first_day, room)).max().unwrap_or(0)
    }
}

/// Counts a set, without parting from a copy that shares it unless something must be forgotten.
fn count(set: &mut Arc<Seen>, first_day: u16, room: &mut Room) -> u64 {
    set.known(first_day).unwrap_or_else(|| Arc::make_mut(set).count(first_day, room))
}

/// Violations of a flow that is still open.
#[derive(Default)]
struct Broken {
    /// With the octets counted so far; `None` before any were.
    keys: Vec<(ViolationKey, Option<u64>)>,
    bytes: u64,
}

/// Everything counted for thresholds and suspicions. Can be written and read again, so that a restart forgets nobody.
#[derive(Default)]
pub struct Tallies {
    groups: BTreeMap<Key, Group>,
    room: Room,
    suspects: Suspects,
    /// Flows that broke a threshold, by flow id.
    broken: HashMap<u64, Broken>,
    /// The flow whose event comes next, if it broke a threshold.
    ended: Option<u64>,
    counts: Counts,
    /// Goes up with each crossing that was counted.
    changes: u64,
}

impl Tallies {
    /// The sets as they are now, to be written while counting goes on: the sets themselves are shared until they change.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { groups: self.groups.clone(), changes: self.changes, ..Self::default() }
    }

    /// A number that changes whenever there is something new to keep.
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// Passes on what a lane says.
    pub(super) fn pass(&mut self, event: LaneEvent, out: &mut dyn FnMut(Event)) {
        match event {
            LaneEvent::Event(mut event) => {
                if let (EventBody::Flow, Some(view)) = (&event.body, &mut event.flow)
                    && self.ended.take_if(|id| *id == view.flow_id).is_some()
                {
                    let mut worse = FlowView::clone(view);
                    worse.verdict = Verdict::Violation;
                    *view = Arc::new(worse);
                }
                out(event);
            }
            LaneEvent::Counted(counted) => self.count(&counted, out),
            LaneEvent::Sent(sent) => self.suspects.add(&sent, &mut self.counts, out),
            LaneEvent::Settled { flow_id, to, verdict, bytes, ended } => {
                self.settle(flow_id, to, verdict, bytes, ended);
            }
        }
    }

    fn count(&mut self, counted: &CountedFinding, out: &mut dyn FnMut(Event)) {
        let CountedFinding { finding, view, time, .. } = counted;
        let today = day::of(*time);
        let Some(tag) = finding.digest.get(..16).and_then(|hex| u64::from_str_radix(hex, 16).ok()) else { return };
        let mut exceeded: Vec<&Arc<CountRule>> = Vec::new();
        for rule in &counted.rules {
            let first_day = day::first_of(rule.window, today);
            let (before, after) = self.add(rule, counted, tag, today, first_day);
            let warn = (rule.over.saturating_mul(WARN_TENTHS)).div_ceil(10);
            if before < warn && after >= warn {
                *self.counts.thresholds_near.entry(rule.rule.clone()).or_default() += 1;
                let text = format!(
                    "rule {}/{}: {after} of {} {} within its window ({}) went to {}",
                    rule.rule.policy,
                    rule.rule.rule,
                    rule.over,
                    rule.unit,
                    rule.window,
                    group_text(&rule.group, counted.sender, counted.to, view),
                );
                out(Event { time: *time, flow: Some(view.clone()), body: EventBody::Notice(text) });
            }
            if after > rule.over {
                exceeded.push(rule);
            }
        }
        // The gravest speaks, the first among equals.
        let Some(worst) = exceeded.iter().rev().max_by_key(|rule| rule.rule.severity) else { return };
        if counted.broken {
            return;
        }
        let key = ViolationKey { rule: worst.rule.clone(), to: counted.to, class: Some(finding.class) };
        self.counts.violations.entry(key.clone()).or_default().count += 1;
        let keys = &mut self.broken.entry(view.flow_id).or_default().keys;
        if !keys.iter().any(|(known, _)| *known == key) {
            keys.push((key, None));
        }
        if counted.reported {
            let id = |rule: &CountRule| -> Arc<str> { format!("{}/{}", rule.rule.policy, rule.rule.rule).into() };
            let others = exceeded.iter().filter(|rule| !Arc::ptr_eq(rule, worst)).map(|rule| id(rule));
            let matched = std::iter::once(id(worst)).chain(others).chain(counted.matched.iter().cloned()).collect();
            let body = EventBody::Violation { rule: worst.rule.clone(), matched, finding: Some(finding.clone()) };
            out(Event { time: *time, flow: Some(view.clone()), body });
        }
    }

    /// Adds a tag; the count of its group before and after.
    fn add(&mut self, rule: &CountRule, counted: &CountedFinding, tag: u64, today: u16, first_day: u16) -> (u64, u64) {
        let key = (
            format!("{}/{}", rule.rule.policy, rule.rule.rule),
            group_text(&rule.group, counted.sender, counted.to, &counted.view),
        );
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&key) {
            *self.counts.limits_reached.entry(TAGS).or_default() += 1;
            return (0, 0);
        }
        self.changes += 1;
        let group = self.groups.entry(key).or_default();
        let before = group.count(first_day, &mut self.room);
        let set = group.sets.entry(finding_signature(&counted.finding)).or_default();
        match Arc::make_mut(set).add(tag, today, first_day, &mut self.room) {
            Stored::Kept => {}
            Stored::NoRoom => *self.counts.limits_reached.entry(TAGS).or_default() += 1,
        }
        (before, before.max(count(set, first_day, &mut self.room)))
    }

    fn settle(&mut self, flow_id: u64, to: Jurisdiction, verdict: Verdict, bytes: u64, ended: bool) {
        let mut worst = verdict;
        if let Some(broken) = self.broken.get_mut(&flow_id) {
            worst = Verdict::Violation;
            broken.bytes += bytes;
            for (key, counted) in &mut broken.keys {
                let before = counted.replace(broken.bytes);
                let fresh = broken.bytes - before.unwrap_or(0);
                *self.counts.violations.entry(key.clone()).or_default() +=
                    Tally { flows: u64::from(before.is_none()), count: 0, bytes: fresh };
            }
            if ended {
                self.broken.remove(&flow_id);
                self.ended = Some(flow_id);
            }
        }
        *self.counts.egress_by_verdict.entry((to, worst)).or_default() += bytes;
    }

    /// Only what thresholds rest on, as a file keeps it.
    pub(super) fn without_counts(self) -> Self {
        Self { groups: self.groups, room: self.room, suspects: self.suspects, ..Self::default() }
    }

    /// What thresholds add to the counts of the lanes.
    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Persons or devices counted for a rule (`policy/rule`) in each of its groups, as of a time.
    pub fn numbers(&mut self, rule: &CountRule, time: Timestamp) -> Vec<(String, u64)> {
        let id = format!("{}/{}", rule.rule.policy, rule.rule.rule);
        let first_day = day::first_of(rule.window, day::of(time));
        let Self { groups, room, .. } = self;
        let groups = groups.iter_mut().filter(|((of, _), _)| *of == id);
        groups.map(|((_, group), tags)| (group.clone(), tags.count(first_day, room))).collect()
    }
}

fn finding_signature(finding: &Finding) -> String {
    finding.signature.to_string()
}

/// Whether a class of data counts for a rule.
pub(super) fn counts_for(rule: &CountRule, class: DataClass) -> bool {
    rule.unit.is_told_by(class)
}

/// The group of a crossing: what is counted together.
fn group_text(group: &[CountGroup], sender: IpAddr, to: Jurisdiction, view: &FlowView) -> String {
    if group.is_empty() {
        return "all recipients together".to_owned();
    }
    let parts = group.iter().map(|by| match by {
        CountGroup::Sender => format!("from {sender}"),
        CountGroup::Recipient => recipient(view),
        CountGroup::Location => format!("location {}", to.location),
        CountGroup::Control => format!("control {}", to.control),
    });
    parts.collect::<Vec<_>>().join(", ").chars().take(GROUP_CHARS_MAX).collect()
}

/// Who gets it. The client chooses the name of a server, and could split a volume over many: what cannot be chosen comes first.
fn recipient(view: &FlowView) -> String {
    let Destination { operator, as_org, .. } = &*view.destination;
    match (operator.as_ref().or(as_org.as_ref()), &view.server_name) {
        (Some(owner), _) => owner.to_string(),
        (None, Some((name, _))) => name.to_string(),
        (None, None) => view.dest.0.to_string(),
    }
}
