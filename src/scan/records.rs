//! Records: identifiers that stand together belong to one person.
//!
//! The readers of structured documents say which record text belongs to: a JSON object that is the document or an
//! element of an array (with the objects that are values of its keys), an XML element that repeats, a row of a table,
//! a form, a message. What is found in a document within a record (a decoded photo, a part of a form) is of that record,
//! unless it has records of its own. Two things follow:
//!
//! - **A bundle**: findings of at least [`KINDS_MIN`] kinds in one record, one of which names somebody or something of
//!   his, become a finding `person-record` of class `contact` (it is data about a person, and less than any official
//!   identifier, which its own finding reports). A user id, an address and a device together say more than each does.
//!   Its score is the best of its parts and 10 for each further kind; its masked form lists the classes; its digest is the
//!   digest of the strongest identifier; its subject is that of an official identifier or a residence, or else of any part.
//! - **A person**: the digest of the strongest identifier tells persons apart, without their values. A record with more
//!   than [`VALUES_MAX`] values of that identifier is a list of persons. Findings outside records, and those of lists, are
//!   persons of their own signature: who counts takes the signature with most.
//!
//! A record is given out when it was not added to while [`OPEN_MAX`] others were, or when its document ends.

use std::sync::Arc;

use super::subject::LOCALE;
use crate::model::{Confidence, Country, DataClass, Finding};

/// Signature id of a bundle.
pub const PERSON_RECORD: &str = "person-record";

/// Kinds of data that make a bundle.
const KINDS_MIN: u16 = 3;

/// Score for each kind beyond the first.
const KIND: u16 = 10;

/// Records that wait for more.
const OPEN_MAX: usize = 64;

/// Score from which an identifier tells persons apart: medium.
const TELLS: u8 = 60;

/// Somebody whose identifier was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Keyed digest of the strongest identifier of the record.
    pub tag: u128,
    /// The signature of an identifier outside records.
    pub signature: Option<Arc<str>>,
}

/// What a class says of a person, strongest first: classes that are alternatives for the same are one kind.
const fn kind(class: DataClass) -> Option<u8> {
    Some(match class {
        DataClass::GovernmentId => 0,
        DataClass::AccountId => 1,
        DataClass::Contact => 2,
        DataClass::FinancialAccount => 3,
        DataClass::DeviceId | DataClass::AdId => 4,
        DataClass::Biometric | DataClass::Image => 5,
        DataClass::Health | DataClass::Genomic => 6,
        DataClass::NetworkId => 7,
        DataClass::Geolocation => 8,
        DataClass::Residence => 9,
        DataClass::Credential | DataClass::Custom => return None,
    })
}

fn class_bit(class: DataClass) -> u16 {
    DataClass::ALL.iter().position(|known| *known == class).map_or(0, |at| 1 << at)
}

/// Kinds that name a person, or something that is his alone.
const NAMES: u16 = 0b1_1111;

/// Identifiers of one record that tell persons apart. With more it is a list of persons.
const TELLING_MAX: usize = 16;

/// Values of one signature that one person may well have: two telephones. More are several persons'.
const VALUES_MAX: usize = 2;

/// An identifier that tells persons apart.
struct Telling {
    kind: u8,
    signature: Arc<str>,
    tag: u128,
}

#[derive(Default)]
struct Record {
    number: u32,
    /// When it was last added to, by findings.
    touched: u64,
    /// Classes found, by their place among [`DataClass::ALL`].
    classes: u16,
    best: u8,
    telling: Vec<Telling>,
    /// There were more identifiers than `telling` holds.
    is_list: bool,
    /// How much the evidence of the subject is worth, and the subject.
    subject: Option<(u8, Country)>,
    from: u64,
    to: u64,
    /// Whether anything but values reserved for tests was found.
    real: bool,
}

impl Record {
    fn new(number: u32, from: u64) -> Self {
        Self { number, from, to: from, ..Self::default() }
    }

    /// Whose data an official identifier or a field of residence says it is counts for more than a telephone's country, and
    /// that for more than a locale.
    fn belongs_to(&mut self, finding: &Finding, country: Country) {
        let worth = match finding.class {
            DataClass::GovernmentId => 0,
            _ if &*finding.signature == LOCALE => 3,
            DataClass::Residence => 1,
            _ => 2,
        };
        if self.subject.is_none_or(|(known, _)| worth < known) {
            self.subject = Some((worth, country));
        }
    }

    fn tells(&mut self, telling: Telling, loose: &mut Vec<Person>) {
        if self.telling.iter().any(|known| known.tag == telling.tag) {
            return;
        }
        self.telling.push(telling);
        if self.is_list || self.telling.len() > TELLING_MAX {
            self.is_list = true;
            loose.extend(self.telling.drain(..).map(Person::of_signature));
        }
    }

    /// Gives out the persons that the record is about; returns the tag if it is one.
    fn persons(&mut self, persons: &mut Vec<Person>) -> Option<u128> {
        let strongest = self.telling.iter().min_by_key(|telling| telling.kind)?;
        let (signature, tag) = (Arc::clone(&strongest.signature), strongest.tag);
        if self.telling.iter().filter(|telling| telling.signature == signature).count() > VALUES_MAX {
            persons.extend(self.telling.drain(..).map(Person::of_signature));
            return None;
        }
        persons.push(Person { tag, signature: None });
        Some(tag)
    }
}

impl Person {
    fn of_signature(telling: Telling) -> Self {
        Self { tag: telling.tag, signature: Some(telling.signature) }
    }
}

/// The open records of a document.
#[derive(Default)]
pub(super) struct Records {
    open: Vec<Record>,
    clock: u64,
    /// Whether the document is a value within a record of another.
    pub(super) within: bool,
    /// What was found outside records, for the record that the document stands in.
    whole: Record,
    /// Identifiers outside records, not yet given out.
    loose: Vec<Person>,
}

impl Records {
    /// Octets of memory held.
    pub(super) fn held_bytes(&self) -> usize {
        self.open.capacity() * (size_of::<Record>() + 2 * size_of::<Telling>())
            + self.loose.capacity() * size_of::<Person>()
    }

    /// Takes note of a finding.
    pub(super) fn add(&mut self, finding: &Finding) {
        let Some(kind) = kind(finding.class) else { return };
        let tells = finding.confidence.0 >= TELLS && NAMES >> kind & 1 == 1;
        let telling = tells.then(|| Telling {
            kind,
            signature: Arc::clone(&finding.signature),
            tag: super::value::tag_of(&finding.digest),
        });
        let record = match finding.record {
            Some(number) => open(&mut self.open, &mut self.clock, number, finding.offset),
            None if self.within => Some(&mut self.whole),
            None => {
                self.loose.extend(telling.map(Person::of_signature));
                return;
            }
        };
        let Some(record) = record else { return };
        if let Some(country) = finding.subject {
            record.belongs_to(finding, country);
        }
        // What a device is set to is no kind of data about its user.
        if &*finding.signature == LOCALE {
            return;
        }
        record.classes |= class_bit(finding.class);
        record.best = record.best.max(finding.confidence.0);
        record.from = record.from.min(finding.offset);
        record.to = record.to.max(finding.offset + u64::from(finding.length));
        record.real |= !finding.test_value;
        if let Some(telling) = telling {
            record.tells(telling, &mut self.loose);
        }
    }

    /// Takes what was found in a document that stands in this one, at an offset in a record or outside records.
    pub(super) fn take_in(&mut self, place: Option<(u32, u64)>, inner: &mut Self) {
        let whole = std::mem::take(&mut inner.whole);
        if whole.classes == 0 {
            return;
        }
        let record = match place {
            Some((number, at)) => open(&mut self.open, &mut self.clock, number, at),
            None => Some(&mut self.whole),
        };
        let Some(record) = record else { return };
        record.classes |= whole.classes;
        record.best = record.best.max(whole.best);
        if let Some((worth, country)) = whole.subject
            && record.subject.is_none_or(|(known, _)| worth < known)
        {
            record.subject = Some((worth, country));
        }
        record.real |= whole.real;
        record.is_list |= whole.is_list;
        for telling in whole.telling {
            record.tells(telling, &mut self.loose);
        }
    }

    /// Gives out the records that are complete: bundles as findings, and persons. Returns the number of findings.
    pub(super) fn give_out(
        &mut self,
        all: bool,
        document: &str,
        persons: &mut Vec<Person>,
        found: &mut dyn FnMut(Finding),
    ) -> u64 {
        let mut count = 0;
        while self.open.len() > if all { 0 } else { OPEN_MAX } {
            let oldest = self.open.iter().enumerate().min_by_key(|(_, record)| record.touched).map_or(0, |(at, _)| at);
            let mut record = self.open.remove(oldest);
            if let Some(tag) = record.persons(persons)
                && let Some(bundle) = bundle(&record, tag, document)
            {
                count += 1;
                found(bundle);
            }
        }
        persons.append(&mut self.loose);
        count
    }
}

/// The record of a number, opened if need be.
fn open<'a>(open: &'a mut Vec<Record>, clock: &mut u64, number: u32, at: u64) -> Option<&'a mut Record> {
    *clock += 1;
    let index = open.iter().rposition(|record| record.number == number).unwrap_or(open.len());
    if index == open.len() {
        open.push(Record::new(number, at));
    }
    let record = open.get_mut(index)?;
    record.touched = *clock;
    Some(record)
}

/// The finding that a record of one person makes, if there is enough in it.
fn bundle(record: &Record, tag: u128, document: &str) -> Option<Finding> {
    let classes = || DataClass::ALL.iter().filter(|class| record.classes & class_bit(**class) != 0);
    let kinds = classes().filter_map(|class| kind(*class)).fold(0_u16, |all, kind| all | 1 << kind).count_ones() as u16;
    if kinds < KINDS_MIN {
        return None;
    }
    let score = u16::from(record.best) + KIND * (kinds - 1);
    let names: Vec<&str> = classes().map(|class| class.as_str()).collect();
    Some(Finding {
        signature: PERSON_RECORD.into(),
        class: DataClass::Contact,
        confidence: Confidence(score.min(100) as u8),
        offset: record.from,
        length: record.to.saturating_sub(record.from).try_into().unwrap_or(u32::MAX),
        masked: names.join(" "),
        digest: format!("{tag:032x}"),
        field: None,
        document: document.to_owned(),
        test_value: !record.real,
        record: Some(record.number),
        subject: record.subject.map(|(_, country)| country),
        watch: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Text;
    use crate::scan::{Catalogue, DocumentScan, Scanner};

    /// Scans pieces of text: record, field, text.
    fn scan(pieces: &[(u32, &str, &str)]) -> (Vec<Finding>, Vec<Person>) {
        let mut scanner = Scanner::new(Catalogue::built_in().unwrap().into(), [7; 32]);
        let mut document = DocumentScan::new("test");
        let (mut found, mut at) = (Vec::new(), 0);
        for (record, field, text) in pieces {
            document.record(*record);
            let field = (!field.is_empty()).then_some(*field);
            scanner.text(&mut document, Text { octets: text.as_bytes(), at, field }, &mut |f| found.push(f));
            at += text.len() as u64;
            scanner.text(&mut document, Text { octets: b",", at, field: None }, &mut |f| found.push(f));
            at += 1;
        }
        scanner.end(&mut document, &mut |f| found.push(f));
        assert_eq!(scanner.counts().findings, found.len() as u64);
        (found, scanner.take_persons())
    }

    #[test]
    fn identifiers_of_one_record_are_a_bundle_and_a_person() {
        let (found, persons) = scan(&[
            (1, "user_name", "sample.alex"),
            (1, "last_ip", "203.0.113.7"),
            (1, "email", "alex@example.com"),
            (2, "user_name", "other.kim"),
            (2, "note", "nothing more"),
        ]);
        let bundles: Vec<&Finding> = found.iter().filter(|f| &*f.signature == PERSON_RECORD).collect();
        assert_eq!(bundles.len(), 1);
        let parts = found.iter().filter(|f| f.record == Some(1) && &*f.signature != PERSON_RECORD);
        let best = parts.map(|f| f.confidence.0).max().unwrap();
        assert!(bundles[0].confidence.0 > best || best == 100);
        assert_eq!((bundles[0].record, &*bundles[0].masked), (Some(1), "contact network-id account-id"));
        assert_eq!(persons.iter().filter(|person| person.signature.is_none()).count(), 2);
    }

    #[test]
    fn the_same_identifiers_in_different_records_are_none() {
        let (found, _) =
            scan(&[(1, "user_name", "sample.alex"), (2, "last_ip", "203.0.113.7"), (3, "email", "alex@example.com")]);
        assert!(found.iter().all(|finding| &*finding.signature != PERSON_RECORD));
    }

    /// A user, an address, a device and a photo that is a document of its own say more together than each.
    #[test]
    fn a_bundle_scores_above_its_parts_and_takes_in_documents_within() {
        let mut scanner = Scanner::new(Catalogue::built_in().unwrap().into(), [7; 32]);
        let mut outer = DocumentScan::new("json");
        let mut found = Vec::new();
        outer.record(1);
        let mut at = 0;
        for (field, text) in [
            ("user_id", "7123456789"),
            ("ip", "203.0.113.7"),
            ("android_id", "0123456789abcdef"),
            ("country_of_residence", "US"),
        ] {
            scanner.text(&mut outer, Text { octets: text.as_bytes(), at, field: Some(field) }, &mut |f| found.push(f));
            at += 40;
        }
        for photo in [false, true] {
            let mut inner = outer.inner("json/base64");
            let octets: &[u8] = if photo { b"\xff\xd8\xff\xe1\x12\x34Exif\x00\x00MM\x00*" } else { b"nothing" };
            scanner.text(&mut inner, Text { octets, at: 0, field: Some("avatar") }, &mut |f| found.push(f));
            scanner.end_within(&mut inner, &mut outer, &mut |f| found.push(f));
        }
        scanner.end(&mut outer, &mut |f| found.push(f));
        let (bundles, parts): (Vec<_>, Vec<_>) = found.iter().partition(|f| &*f.signature == PERSON_RECORD);
        let [bundle] = bundles.as_slice() else { panic!("{} bundles", bundles.len()) };
        assert!(parts.iter().all(|part| part.confidence.0 < bundle.confidence.0 || part.confidence.0 == 100));
        assert_eq!(&*bundle.masked, "device-id network-id account-id geolocation residence image");
        assert_eq!(bundle.subject.map(|country| country.to_string()).as_deref(), Some("US"));
        assert_eq!(scanner.take_persons().len(), 1);
    }

    #[test]
    fn an_official_identifier_says_whose_record_it_is_before_a_telephone_does() {
        let (found, _) = scan(&[
            (1, "phone", "+1 202 555 0143"),
            (1, "resident_id", "110101190001010014"),
            (1, "email", "alex@example.com"),
            (1, "last_ip", "203.0.113.7"),
        ]);
        let bundle = found.iter().find(|f| &*f.signature == PERSON_RECORD).unwrap();
        assert_eq!(bundle.subject.map(|country| country.to_string()).as_deref(), Some("CN"));
    }

    #[test]
    fn a_record_of_many_is_a_list_of_persons() {
        let mails: Vec<String> = (0..40).map(|n| format!("sample{n}@example.com")).collect();
        for count in [1, 2, 3, 40] {
            let mut pieces: Vec<_> = mails.iter().take(count).map(|mail| (1, "email", mail.as_str())).collect();
            pieces.extend([(1, "last_ip", "203.0.113.7"), (1, "user_name", "")]);
            let (_, persons) = scan(&pieces);
            let loose = persons.iter().filter(|person| person.signature.is_some()).count();
            assert_eq!((persons.len(), loose), if count > 2 { (count, count) } else { (1, 0) }, "{count}");
        }
    }

    #[test]
    fn records_that_wait_are_bounded() {
        let mut records = Records::default();
        let (found, _) = scan(&[(1, "email", "alex@example.com")]);
        let (mut persons, mut most) = (Vec::new(), 0);
        for number in 1..1000 {
            records.add(&Finding { record: Some(number), ..found[0].clone() });
            records.give_out(false, "test", &mut persons, &mut |_| ());
            most = most.max(records.open.len());
        }
        assert_eq!((most, persons.len()), (OPEN_MAX, 999 - OPEN_MAX));
    }
}
