//! What policy said of one flow's data already. A flow sends the same kinds of data to the same end again and again, and rules are
//! asked once for each kind: a thousand rules cost no more than ten.

use std::sync::Arc;

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
        Judged { name: None, place: Place::UNKNOWN, destination: Arc::new(destination), feasible: None }
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
}
