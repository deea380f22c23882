//! Tests of thresholds: rows 1, 2 and 4 of section 10 of the transfer reference, memory, the file.

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::seen::EXACT_MAX;
use super::*;
use crate::model::operator_file::day_from_text;
use crate::model::{AppProto, Confidence, CountUnit, CountWindow, Country, Inspection, RuleRef, Scope, Severity};

fn rule(id: &str, over: u64, window: CountWindow) -> Arc<CountRule> {
    Arc::new(CountRule {
        rule: Arc::new(RuleRef {
            policy: "us-dsp".to_owned(),
            version: "1".to_owned(),
            rule: id.to_owned(),
            severity: Severity::Critical,
            basis: String::new(),
            reason: String::new(),
            owner: String::new(),
        }),
        unit: CountUnit::Persons,
        over,
        window,
        group: vec![CountGroup::Recipient],
    })
}

fn view(recipient: &str) -> Arc<FlowView> {
    let country = "HK".parse::<Country>().unwrap();
    Arc::new(FlowView {
        flow_id: 7,
        community_id: "".into(),
        scope: Scope::Egress,
        proto: 6,
        src: ("10.0.0.1".parse().unwrap(), 1),
        dest: ("192.0.2.1".parse().unwrap(), 2),
        initiator: None,
        capture: 0,
        vlan: 0,
        tunnel: None,
        app_proto: AppProto::Http,
        server_name: None,
        ja4: None,
        ech: false,
        packets_out: 1,
        bytes_out: 1,
        packets_in: 0,
        bytes_in: 0,
        first: Timestamp::default(),
        last: Timestamp::default(),
        destination: Arc::new(Destination {
            location: country,
            control: country,
            claimed: None,
            asn: None,
            as_org: None,
            operator: Some(recipient.into()),
            evidence: Vec::new(),
        }),
        inspection: Inspection::default(),
        verdict: Verdict::Allowed,
        persons: 0,
    })
}

fn tag(person: u64) -> u64 {
    u64::from_be_bytes(Sha256::digest(person.to_be_bytes())[..8].try_into().unwrap())
}

struct Counter {
    tallies: Tallies,
    rules: Vec<Arc<CountRule>>,
    view: Arc<FlowView>,
    notices: Vec<String>,
    violations: Vec<String>,
}

impl Counter {
    fn new(rules: &[Arc<CountRule>]) -> Self {
        Self {
            tallies: Tallies::default(),
            rules: rules.to_vec(),
            view: view("Buyer Ltd"),
            notices: Vec::new(),
            violations: Vec::new(),
        }
    }

    fn cross(&mut self, day: &str, person: u64, signature: &str) {
        let counted = CountedFinding {
            rules: self.rules.clone(),
            matched: vec!["us-dsp/less".into()],
            broken: false,
            reported: true,
            time: Timestamp::from_parts(day_from_text(day).unwrap() * 86_400, 0),
            sender: self.view.src.0,
            to: Jurisdiction { location: self.view.destination.location, control: self.view.destination.control },
            view: self.view.clone(),
            finding: Arc::new(Finding {
                signature: signature.into(),
                class: DataClass::Biometric,
                confidence: Confidence(100),
                offset: 0,
                length: 1,
                masked: String::new(),
                digest: format!("{:016x}ffffffffffffffff", tag(person)),
                field: None,
                document: String::new(),
                test_value: false,
                record: None,
                watch: None,
                subject: None,
            }),
        };
        let Self { tallies, notices, violations, .. } = self;
        tallies.pass(LaneEvent::Counted(Box::new(counted)), &mut |event| match event.body {
            EventBody::Notice(text) => notices.push(text),
            EventBody::Violation { matched, .. } => violations.push(matched[0].to_string()),
            _ => panic!("no other event"),
        });
    }

    fn number(&mut self, day: &str) -> u64 {
        let rule = self.rules[0].clone();
        let time = Timestamp::from_parts(day_from_text(day).unwrap() * 86_400, 0);
        self.tallies.numbers(&rule, time).iter().map(|(_, number)| *number).sum()
    }
}

#[test]
fn row_1_the_thousand_and_first_face_is_one_too_many() {
    let mut counter = Counter::new(&[rule("bulk-bio", 1000, CountWindow::Trailing12Months)]);
    for person in 0..1000 {
        counter.cross("2026-03-02", person, "face");
        assert_eq!(counter.notices.len(), usize::from(person >= 799), "warned once, at 800");
    }
    assert_eq!(
        counter.notices,
        ["rule us-dsp/bulk-bio: 800 of 1000 persons within its window (trailing-12-months) went to Buyer Ltd"]
    );
    assert_eq!(counter.violations, [""; 0]);
    counter.cross("2026-03-02", 1000, "face");
    assert_eq!(counter.violations, ["us-dsp/bulk-bio"]);
    // From now on everybody is, also who was counted before.
    counter.cross("2026-03-02", 3, "face");
    assert_eq!(counter.violations.len(), 2);
    assert_eq!(counter.tallies.counts().violations.values().map(|tally| tally.count).sum::<u64>(), 2);
}

#[test]
fn row_2_a_trailing_window_remembers_december_and_a_calendar_year_does_not() {
    let trailing = rule("bulk-cpi", 100_000, CountWindow::Trailing12Months);
    let year = rule("year", 100_000, CountWindow::CalendarYear);
    let mut counter = Counter::new(&[trailing, year.clone()]);
    for person in 0..60_000 {
        counter.cross("2025-12-15", person, "us-ssn");
    }
    for person in 60_000..110_000 {
        counter.cross("2026-01-15", person, "us-ssn");
    }
    assert_eq!(counter.number("2026-01-15"), 110_000);
    let time = Timestamp::from_parts(day_from_text("2026-01-15").unwrap() * 86_400, 0);
    assert_eq!(counter.tallies.numbers(&year, time), [("Buyer Ltd".to_owned(), 50_000)]);
    assert_eq!(counter.violations.len(), 10_000);
    assert!(counter.violations.iter().all(|id| id == "us-dsp/bulk-cpi"));
    // On the last day that reaches back to 15 December, and on the first that does not.
    assert_eq!(counter.number("2026-12-15"), 110_000);
    assert_eq!(counter.number("2026-12-16"), 50_000);
    assert_eq!(counter.number("2027-01-16"), 0);
}

#[test]
fn row_4_a_person_in_five_thousand_records_counts_once() {
    let mut counter = Counter::new(&[rule("bulk-bio", 1000, CountWindow::Trailing12Months)]);
    for _ in 0..5000 {
        counter.cross("2026-03-02", 1, "face");
    }
    assert_eq!(counter.number("2026-03-02"), 1);
    // Nor do several identifiers of a person make several of him.
    counter.cross("2026-03-02", 2, "us-ssn");
    counter.cross("2026-03-02", 3, "email");
    assert_eq!(counter.number("2026-03-02"), 1);
    assert!(counter.violations.is_empty() && counter.notices.is_empty());
}

#[test]
fn recipients_are_counted_apart() {
    let mut counter = Counter::new(&[rule("few", 2, CountWindow::CalendarYear)]);
    for person in 0..4 {
        counter.view = view(if person % 2 == 0 { "A" } else { "B" });
        counter.cross("2026-03-02", person, "face");
    }
    assert!(counter.violations.is_empty());
    counter.cross("2026-03-02", 9, "face");
    assert_eq!(counter.violations.len(), 1);
}

#[test]
fn above_a_million_it_is_estimated_within_five_per_cent() {
    let mut seen = Seen::default();
    let mut room = Room::default();
    let day = day_from_text("2026-03-02").unwrap() as u16;
    let first = day::first_of(CountWindow::Trailing12Months, day);
    for person in 0..EXACT_MAX as u64 {
        assert_eq!(seen.add(tag(person), day, first, &mut room), Stored::Kept);
    }
    assert_eq!((seen.count(first, &mut room), room.tags), (EXACT_MAX as u64, EXACT_MAX));
    for person in 0..EXACT_MAX as u64 * 2 {
        seen.add(tag(person), day + 40, first, &mut room);
    }
    assert_eq!((room.tags, room.estimates), (0, 1));
    let estimate = seen.count(first, &mut room) as f64 / (2 * EXACT_MAX) as f64;
    assert!((0.95..1.05).contains(&estimate), "{estimate}");
    assert_eq!(seen.count(day + 400, &mut room), 0);
}

fn filled() -> Tallies {
    let mut counter = Counter::new(&[rule("bulk-bio", 10, CountWindow::Trailing12Months)]);
    for person in 0..50 {
        counter.cross("2026-03-02", person, "face");
    }
    counter.tallies
}

#[test]
fn a_restart_forgets_nobody() {
    let key = [7; 32];
    let octets = filled().to_octets(&key);
    assert_eq!(octets, filled().to_octets(&key), "the same counts are the same octets");
    let mut counter = Counter::new(&[rule("bulk-bio", 10, CountWindow::Trailing12Months)]);
    counter.tallies = Tallies::from_octets(&octets, &key).unwrap();
    assert_eq!(counter.number("2026-03-03"), 50);
    assert_eq!(counter.tallies.room.tags, 50);
    assert_eq!(Tallies::from_octets(&octets, &[8; 32]).err(), Some(TallyError::OtherKey));
    for end in 0..octets.len() {
        assert_eq!(Tallies::from_octets(&octets[..end], &key).err(), Some(TallyError::Damaged));
    }
}

proptest! {
    #[test]
    fn no_octets_break_the_reader(octets in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..700, to: u8) {
        let _ = Tallies::from_octets(&octets, &[7; 32]);
        // A file whose sum is right and whose content is not.
        let mut file = filled().to_octets(&[7; 32]);
        let end = file.len() - 32;
        file.truncate(end);
        file[at % end] = to;
        let sum = Sha256::digest(&file);
        file.extend(sum);
        let _ = Tallies::from_octets(&file, &[7; 32]);
    }

    #[test]
    fn the_count_is_the_number_of_distinct_tags_in_the_window(crossings in prop::collection::vec((0u64..40, 0u16..900), 1..200)) {
        let (mut seen, mut room) = (Seen::default(), Room::default());
        let mut crossings = crossings;
        crossings.sort_by_key(|(_, day)| *day);
        let today = crossings.last().unwrap().1 + 20_000;
        for (person, day) in &crossings {
            let day = day + 20_000;
            seen.add(tag(*person), day, day::first_of(CountWindow::Trailing12Months, day), &mut room);
        }
        let first = day::first_of(CountWindow::Trailing12Months, today);
        let expected: std::collections::BTreeSet<u64> =
            crossings.iter().filter(|(_, day)| day + 20_000 >= first).map(|(person, _)| *person).collect();
        prop_assert_eq!(seen.count(first, &mut room), expected.len() as u64);
        prop_assert_eq!(room.tags, expected.len());
    }
}
