//! What policy is asked, as a key: flows send the same kinds of data to the same places again and again, and rules are asked once for
//! each. A thousand rules then cost no more than ten.

use std::net::IpAddr;
use std::sync::Arc;

use super::tally::day;
use crate::model::{Countries, Country, DataClass, Ends, Finding, Level, Place, Timestamp};

/// See the module: all that policy looks at.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Question {
    location: Country,
    control: Country,
    claimed: Option<Country>,
    feasible: Option<Box<Countries>>,
    service_class: Option<Arc<str>>,
    operator: Option<Arc<str>>,
    as_org: Option<Arc<str>>,
    /// UTC: rules, bases and exceptions begin and end with days.
    day: u16,
    /// Sender, peer, protocol and port, where policy minds them.
    way: Option<(IpAddr, IpAddr, u8, u16)>,
    /// The kind of data; `None` of octets that nobody could read.
    data: Option<(Arc<str>, DataClass, Level, Option<Country>)>,
}

impl Question {
    pub(super) fn new(
        place: &Place,
        (claimed, feasible): (Option<Country>, Option<&Countries>),
        now: Timestamp,
        way: Option<&Ends<'_>>,
        data: Option<(&Finding, Level)>,
    ) -> Self {
        Self {
            location: place.location,
            control: place.control,
            claimed,
            feasible: feasible.copied().map(Box::new),
            service_class: place.service_class.clone(),
            operator: place.operator.clone(),
            as_org: place.as_org.clone(),
            day: day::of(now),
            way: way.map(|ends| (ends.sender, ends.peer, ends.proto, ends.port)),
            data: data.map(|(finding, level)| (finding.signature.clone(), finding.class, level, finding.subject)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Confidence;

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
        let ends = |port: u16, peer: [u8; 4]| Ends {
            sender: IpAddr::from([10, 0, 0, 1]),
            peer: peer.into(),
            proto: 6,
            port,
            operator: None,
            as_org: None,
        };
        let (here, email) = (Place::UNKNOWN, finding("email"));
        let asked = Some((&email, Level::High));
        let no_light = (None, None);
        let same = || Question::new(&here, no_light, day(1), None, asked);
        assert!(same() == same());
        let germany: Country = "DE".parse().unwrap();
        let anywhere = Countries::assigned();
        let custom = Finding { class: DataClass::Custom, ..finding("email") };
        let of_somebody = Finding { subject: Some(Country::UNKNOWN), ..finding("email") };
        let at = |place: Place| Question::new(&place, no_light, day(1), None, asked);
        for (what, other) in [
            ("location", at(Place { location: germany, ..Place::UNKNOWN })),
            ("control", at(Place { control: germany, ..Place::UNKNOWN })),
            ("class of service", at(Place { service_class: Some("chat".into()), ..Place::UNKNOWN })),
            ("operator", at(Place { operator: Some("Acme".into()), ..Place::UNKNOWN })),
            ("holder of the network", at(Place { as_org: Some("Acme".into()), ..Place::UNKNOWN })),
            ("what was claimed", Question::new(&here, (Some(germany), None), day(1), None, asked)),
            ("where it can be", Question::new(&here, (None, Some(&anywhere)), day(1), None, asked)),
            ("day", Question::new(&here, no_light, day(2), None, asked)),
            ("way", Question::new(&here, no_light, day(1), Some(&ends(443, [192, 0, 2, 1])), asked)),
            ("no data", Question::new(&here, no_light, day(1), None, None)),
            ("signature", Question::new(&here, no_light, day(1), None, Some((&finding("phone"), Level::High)))),
            ("level", Question::new(&here, no_light, day(1), None, Some((&email, Level::Medium)))),
            ("class", Question::new(&here, no_light, day(1), None, Some((&custom, Level::High)))),
            ("subject", Question::new(&here, no_light, day(1), None, Some((&of_somebody, Level::High)))),
        ] {
            assert!(same() != other, "{what}");
        }
        let on = |port, peer| Question::new(&here, no_light, day(1), Some(&ends(port, peer)), asked);
        assert!(on(443, [192, 0, 2, 1]) == on(443, [192, 0, 2, 1]));
        assert!(
            on(443, [192, 0, 2, 1]) != on(80, [192, 0, 2, 1]) && on(443, [192, 0, 2, 1]) != on(443, [192, 0, 2, 2])
        );
    }
}
