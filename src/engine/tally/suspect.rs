//! Suspicions: traffic that nobody could read, summed by rule, group and UTC day of packet time over all lanes. Nothing of it enters
//! verdicts, findings or violations.
//!
//! Memory: 65,536 sums of two days, and 262,144 destinations by digest. What finds no room is counted as a limit reached, and a
//! destination that cannot be remembered is never called new.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;
use sha2::{Digest as _, Sha256};

use super::{TAGS, group_text};
use crate::model::operator_file::day_text;
use crate::model::{
    Counts, Event, EventBody, FlowView, Jurisdiction, Suspicion, SuspicionKey, SuspicionRule, Tally, Timestamp,
};

/// Sums kept at once.
pub(super) const SUMS_MAX: usize = 65_536;
/// Destinations remembered at once, of all rules together.
pub(super) const KNOWN_MAX: usize = 262_144;
/// A destination that got nothing for so long is new again.
const KNOWN_DAYS: u16 = 366;

/// What a flow sent since the last time.
pub(in crate::engine) struct Sent {
    pub(in crate::engine) rules: Vec<Arc<SuspicionRule>>,
    /// The day of packet time on which it was sent, since 1970.
    pub(in crate::engine) day: u16,
    pub(in crate::engine) time: Timestamp,
    pub(in crate::engine) sender: IpAddr,
    pub(in crate::engine) to: Jurisdiction,
    pub(in crate::engine) unread: u64,
    pub(in crate::engine) bytes_out: u64,
    pub(in crate::engine) bytes_in: u64,
    pub(in crate::engine) view: Option<Arc<FlowView>>,
}

/// What came together on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) unread: u64,
    pub(super) bytes_out: u64,
    pub(super) bytes_in: u64,
    pub(super) told: bool,
    pub(super) new: bool,
}

/// Destinations that got something under a rule.
#[derive(Default)]
pub(super) struct Known {
    /// The first day on which the rule saw anything.
    pub(super) since: u16,
    /// Digest of the group, and the last day.
    pub(super) last: HashMap<u64, u16>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Suspects {
    /// By day, rule as `policy/rule`, and group.
    pub(super) sums: BTreeMap<(u16, String, String), Sum>,
    /// By rule.
    pub(super) known: BTreeMap<String, Known>,
}

impl Suspects {
    /// Adds what was sent, and says what is suspicious from now on.
    pub(super) fn add(&mut self, sent: &Sent, counts: &mut Counts, out: &mut dyn FnMut(Event)) {
        let Some(view) = &sent.view else { return };
        for rule in &sent.rules {
            let id = format!("{}/{}", rule.rule.policy, rule.rule.rule);
            let group = group_text(&rule.group, sent.sender, sent.to, view);
            let key = (sent.day, id, group);
            if !self.sums.contains_key(&key) && !self.open(&key, rule, counts) {
                continue;
            }
            let Some(sum) = self.sums.get_mut(&key) else { continue };
            sum.unread = sum.unread.saturating_add(sent.unread);
            sum.bytes_out = sum.bytes_out.saturating_add(sent.bytes_out);
            sum.bytes_in = sum.bytes_in.saturating_add(sent.bytes_in);
            if sum.told || !is_suspicious(rule, sum) {
                continue;
            }
            sum.told = true;
            let tally = Tally { flows: 1, count: 1, bytes: sum.unread };
            *counts.suspicions.entry(SuspicionKey { rule: rule.rule.clone(), to: sent.to }).or_default() += tally;
            let suspicion = Suspicion {
                rule: rule.rule.clone(),
                group: key.2,
                day: day_text(sent.day.into()),
                unread_bytes: sum.unread,
                bytes_out: sum.bytes_out,
                bytes_in: sum.bytes_in,
                new_destination: rule.new_after_days.is_some(),
            };
            out(Event { time: sent.time, flow: Some(view.clone()), body: EventBody::Suspicion(Arc::new(suspicion)) });
        }
    }

    /// Makes room for a sum, if there is any.
    fn open(&mut self, key: &(u16, String, String), rule: &SuspicionRule, counts: &mut Counts) -> bool {
        let newest = self.sums.last_key_value().map_or(0, |((day, ..), _)| *day).max(key.0);
        // Lanes may be a batch apart around midnight; older days are over.
        self.sums = self.sums.split_off(&(newest.saturating_sub(1), String::new(), String::new()));
        if self.sums.len() >= SUMS_MAX || key.0 < newest.saturating_sub(1) {
            *counts.limits_reached.entry(TAGS).or_default() += 1;
            return false;
        }
        let new = rule.new_after_days.is_some_and(|after| self.is_new(key, after, counts));
        self.sums.insert(key.clone(), Sum { new, ..Sum::default() });
        true
    }

    /// Remembers a destination; whether it is new to a rule that has watched for long enough.
    fn is_new(&mut self, (day, rule, group): &(u16, String, String), after: u16, counts: &mut Counts) -> bool {
        let digest = Sha256::digest(group.as_bytes());
        let tag = digest.first_chunk::<8>().map_or(0, |octets| u64::from_be_bytes(*octets));
        let remembered: usize = self.known.values().map(|known| known.last.len()).sum();
        let is_there = |known: &Known| known.last.contains_key(&tag);
        if remembered >= KNOWN_MAX && !self.known.get(rule).is_some_and(is_there) && !self.forget(*day) {
            *counts.limits_reached.entry(TAGS).or_default() += 1;
            return false;
        }
        let known = self.known.entry(rule.clone()).or_insert_with(|| Known { since: *day, last: HashMap::new() });
        let before = known.last.insert(tag, *day);
        let has_learnt = day.saturating_sub(known.since) >= after;
        has_learnt && before.is_none_or(|last| day.saturating_sub(last) > KNOWN_DAYS)
    }

    /// Forgets the destinations that got nothing for the longest time; whether there were any before `today`.
    fn forget(&mut self, today: u16) -> bool {
        let oldest = self.known.values().flat_map(|known| known.last.values()).min().copied();
        let Some(oldest) = oldest.filter(|oldest| *oldest < today) else { return false };
        self.known.values_mut().for_each(|known| known.last.retain(|_, day| *day > oldest));
        true
    }
}

fn is_suspicious(rule: &SuspicionRule, sum: &Sum) -> bool {
    let lopsided = |milli: u64| u128::from(sum.bytes_out) * 1000 >= u128::from(milli) * u128::from(sum.bytes_in);
    sum.unread > rule.over && rule.ratio_milli.is_none_or(lopsided) && (rule.new_after_days.is_none() || sum.new)
}
