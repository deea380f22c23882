//! What policy is asked, as a key: flows send the same kinds of data to the same places again and again, and rules are asked once for
//! each. A thousand rules then cost no more than ten.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use super::ledger::Judged;
use super::tally::day;
use crate::model::{Country, DataClass, Destination, Ends, Finding, Level, Timestamp};

/// A place as it was found once: one found anew, under other rules or of another flow that light was heard of, is another one even where
/// it says the same. Service class, operator and where light can have come from are the place's.
struct Found(Arc<Destination>);

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Found {}

impl Hash for Found {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// See the module.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Question {
    to: Found,
    /// UTC: rules, bases and exceptions begin and end with days.
    day: u16,
    /// Sender, protocol and port, where a rule asks for them.
    way: Option<(IpAddr, u8, u16)>,
    /// The kind of data; `None` of octets that nobody could read.
    data: Option<(Arc<str>, DataClass, Level, Option<Country>)>,
}

impl Question {
    pub(super) fn new(
        judged: &Judged,
        now: Timestamp,
        way: Option<&Ends<'_>>,
        data: Option<(&Finding, Level)>,
    ) -> Self {
        Self {
            to: Found(judged.destination.clone()),
            day: day::of(now),
            way: way.map(|ends| (ends.sender, ends.proto, ends.port)),
            data: data.map(|(finding, level)| (finding.signature.clone(), finding.class, level, finding.subject)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Confidence, Place};

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

    fn finding(signature: &str) -> Finding {
        Finding {
            signature: signature.into(),
            class: DataClass::Contact,
            confidence: Confidence(100),
            offset: 0,
            length: 1,
            masked: String::new(),
            digest: String::new(),
            field: None,
            document: String::new(),
            test_value: false,
            record: None,
            subject: None,
            watch: None,
        }
    }

    #[test]
    fn whatever_policy_looks_at_makes_another_question() {
        let day = |number: u64| Timestamp::from_nanos(number * 86_400 * 1_000_000_000);
        let ends = |port: u16| Ends {
            sender: IpAddr::from([10, 0, 0, 1]),
            peer: IpAddr::from([192, 0, 2, 1]),
            proto: 6,
            port,
            operator: None,
            as_org: None,
        };
        let (here, there, email) = (judged(), judged(), finding("email"));
        let asked = Some((&email, Level::High));
        let same = || Question::new(&here, day(1), None, asked);
        assert!(same() == same());
        let custom = Finding { class: DataClass::Custom, ..finding("email") };
        let of_somebody = Finding { subject: Some(Country::UNKNOWN), ..finding("email") };
        for (what, other) in [
            ("place", Question::new(&there, day(1), None, asked)),
            ("day", Question::new(&here, day(2), None, asked)),
            ("way", Question::new(&here, day(1), Some(&ends(443)), asked)),
            ("no data", Question::new(&here, day(1), None, None)),
            ("signature", Question::new(&here, day(1), None, Some((&finding("phone"), Level::High)))),
            ("level", Question::new(&here, day(1), None, Some((&email, Level::Medium)))),
            ("class", Question::new(&here, day(1), None, Some((&custom, Level::High)))),
            ("subject", Question::new(&here, day(1), None, Some((&of_somebody, Level::High)))),
        ] {
            assert!(same() != other, "{what}");
        }
        let on = |port| Question::new(&here, day(1), Some(&ends(port)), asked);
        assert!(on(443) == on(443) && on(443) != on(80));
    }
}
