//! What policy said already: of one flow's data, and of unread octets to one place. A flow sends the same kinds of data to the same end
//! again and again, and flows go to the same places; rules are asked once for each: a thousand rules cost no more than ten.

use std::sync::{Arc, Mutex, PoisonError};

use super::ledger::Judged;
use super::tally::day;
use crate::model::{Country, CrossingData, DataClass, Decision, Destination, Level, Timestamp};

/// Kinds of data that are remembered; others are asked for each time.
const KINDS_MAX: usize = 64;

/// See the module. Holds for one destination and one UTC day: rules begin and end with days.
#[derive(Default)]
pub(super) struct Decided {
    under: Option<(Arc<Destination>, u16)>,
    kinds: Vec<Kind>,
}

/// The decision on octets that nobody could read, to one place. Shared by the flows that go there. Holds for one UTC day.
#[derive(Clone, Default)]
pub(super) struct UnreadDecision(Arc<Mutex<Option<OfDay>>>);

/// A UTC day, and what was decided on it.
type OfDay = (u16, Arc<Decision>);

impl UnreadDecision {
    /// The decision, remembered or made.
    pub(super) fn recall(&self, now: Timestamp, decide: impl FnOnce() -> Decision) -> Arc<Decision> {
        let today = day::of(now);
        // One lane holds it, and nothing panics meanwhile.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((at, decision)) if *at == today => decision.clone(),
            _ => known.insert((today, Arc::new(decide()))).1.clone(),
        }
    }
}

struct Kind {
    signature: Box<str>,
    class: DataClass,
    level: Level,
    subject: Option<Country>,
    decision: Arc<Decision>,
}

impl Decided {
    /// The decision on data that goes to where `judged` says, remembered or made.
    pub(super) fn recall(
        &mut self,
        judged: &Judged,
        now: Timestamp,
        data: &CrossingData<'_>,
        decide: impl FnOnce() -> Decision,
    ) -> Arc<Decision> {
        let today = day::of(now);
        // Places found anew, as under other rules, are other ones even where they say the same.
        let holds = |(place, at): &(Arc<Destination>, u16)| Arc::ptr_eq(place, &judged.destination) && *at == today;
        if !self.under.as_ref().is_some_and(holds) {
            self.under = Some((judged.destination.clone(), today));
            self.kinds.clear();
        }
        let is_same = |kind: &&Kind| {
            kind.class == data.class
                && kind.level == data.level
                && kind.subject == data.subject
                && *kind.signature == *data.signature
        };
        if let Some(kind) = self.kinds.iter().find(is_same) {
            return kind.decision.clone();
        }
        let decision = Arc::new(decide());
        if self.kinds.len() < KINDS_MAX {
            let CrossingData { signature, class, level, subject } = *data;
            self.kinds.push(Kind { signature: signature.into(), class, level, subject, decision: decision.clone() });
        }
        decision
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Place, Verdict};

    fn judged() -> Judged {
        let destination = Destination {
            location: Country::UNKNOWN,
            control: Country::UNKNOWN,
            claimed: None,
            asn: None,
            as_org: None,
            operator: None,
            evidence: Vec::new(),
        };
        Judged {
            name: None,
            place: Place::UNKNOWN,
            destination: Arc::new(destination),
            feasible: None,
            unread: UnreadDecision::default(),
        }
    }

    #[test]
    fn policy_is_asked_again_when_anything_it_looks_at_is_another() {
        let day = |number: u64| Timestamp::from_nanos(number * 86_400 * 1_000_000_000);
        let (mut decided, mut asked) = (Decided::default(), 0);
        let here = judged();
        let mut ask = |judged: &Judged, now: Timestamp, data: &CrossingData<'_>| {
            let before = asked;
            decided.recall(judged, now, data, || {
                asked += 1;
                Decision { verdict: Verdict::Allowed, rule: None, matched: Vec::new(), counted: Vec::new() }
            });
            asked > before
        };
        let email = CrossingData { signature: "email", class: DataClass::Contact, level: Level::High, subject: None };
        assert!(ask(&here, day(1), &email));
        assert!(!ask(&here, day(1), &email));
        assert!(ask(&here, day(1), &CrossingData { signature: "phone", ..email }));
        assert!(ask(&here, day(1), &CrossingData { level: Level::Medium, ..email }));
        assert!(ask(&here, day(1), &CrossingData { class: DataClass::Custom, ..email }));
        assert!(ask(&here, day(1), &CrossingData { subject: Some(Country::UNKNOWN), ..email }));
        assert!(!ask(&here, day(1), &email));
        assert!(ask(&here, day(2), &email), "rules may end with the day");
        assert!(ask(&judged(), day(2), &email), "found anew, under other rules perhaps");
        for number in 0..2 * KINDS_MAX {
            let signature = format!("kind-{number}");
            assert!(ask(&here, day(3), &CrossingData { signature: &signature, ..email }));
            assert_eq!(ask(&here, day(3), &CrossingData { signature: &signature, ..email }), number >= KINDS_MAX);
        }
    }

    #[test]
    fn of_unread_octets_policy_is_asked_once_a_day_and_place() {
        let day = |number: u64| Timestamp::from_nanos(number * 86_400 * 1_000_000_000);
        let (here, there) = (judged(), judged());
        let mut asked = 0;
        let mut ask = |judged: &Judged, now| {
            judged.unread.recall(now, || {
                asked += 1;
                Decision { verdict: Verdict::Allowed, rule: None, matched: Vec::new(), counted: Vec::new() }
            });
            asked
        };
        let again = Judged { unread: here.unread.clone(), ..judged() };
        assert_eq!([ask(&here, day(1)), ask(&again, day(1)), ask(&there, day(1)), ask(&here, day(2))], [1, 1, 2, 3]);
    }
}
