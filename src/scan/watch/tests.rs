//! Lists and the scanner together: round trips, corroboration, canaries, privacy, independence of segmentation.

use std::sync::LazyLock;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::model::{Finding, Text};
use crate::scan::{DocumentScan, Scanner};

static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| match Catalogue::built_in() {
    Ok(catalogue) => Arc::new(catalogue),
    Err(problems) => panic!("{problems:?}"),
});

fn key() -> WatchKey {
    WatchKey::new(&[5; 32]).unwrap()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

const COLUMNS: [&str; 7] = ["id", "ssn", "ip", "phone", "licence", "surname", "mail"];
const ROWS: [[&str; 7]; 3] = [
    ["j-1", "899-45-6789", "203.0.113.7", "+12025550143", "CA:D1234562", "Sample", "alex@Example.com"],
    ["j-2", "899456780", "203.0.113.8", "", "", "Müller-Lüdenscheidt", "kim@example.org"],
    ["j-3", "", "203.0.113.7", "+8613912345678", "", "van der Probe", ""],
];

fn spec() -> WatchSpec {
    WatchSpec {
        list: "journalists".to_owned(),
        epoch: 1,
        canary: false,
        primaries: pairs(&[
            ("ssn", "us-ssn"),
            ("ip", "ipv4-datum"),
            ("phone", "phone-e164"),
            ("licence", "us-dl-number"),
        ]),
        secondaries: pairs(&[("surname", "text"), ("mail", "email")]),
        label: Some("id".to_owned()),
    }
}

fn build(spec: &WatchSpec, columns: &[&str], rows: &[&[&str]]) -> (Vec<u8>, BuildCounts) {
    let mut builder = WatchBuilder::new(&CATALOGUE, &key(), spec, columns).unwrap();
    for row in rows {
        builder.row(|at| row[at].as_bytes()).unwrap();
    }
    builder.finish()
}

fn journalists(epoch: u32) -> WatchInput {
    let rows: Vec<&[&str]> = ROWS.iter().map(|row| &row[..]).collect();
    let (octets, counts) = build(&WatchSpec { epoch, ..spec() }, &COLUMNS, &rows);
    assert_eq!((counts.rows, counts.unfindable), (3, 0));
    WatchInput { name: "journalists.watch".to_owned(), octets, key: key() }
}

fn load(inputs: Vec<WatchInput>) -> Arc<WatchSet> {
    match WatchSet::load(inputs, &CATALOGUE) {
        Ok(set) => Arc::new(set),
        Err(problems) => panic!("{problems:?}"),
    }
}

fn scan<'a>(set: &Arc<WatchSet>, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Finding> {
    let mut scanner = Scanner::new(Arc::clone(&CATALOGUE), [7; 32]).with_watch(set);
    let mut document = DocumentScan::new("test");
    let mut found = Vec::new();
    let mut at = 0;
    for octets in pieces {
        scanner.text(&mut document, Text { octets, at, field: None }, &mut |f| found.push(f));
        at += octets.len() as u64;
    }
    scanner.end(&mut document, &mut |f| found.push(f));
    assert_eq!(scanner.counts().findings, found.len() as u64);
    found.retain(|finding| finding.watch.is_some());
    found
}

/// `label@offset+length score class`.
fn brief(found: &[Finding]) -> Vec<String> {
    let line = |f: &Finding| {
        let hit = f.watch.as_ref().unwrap();
        assert_eq!(*f.signature, *format!("watch/{}", hit.list));
        let label = hit.label.as_deref().unwrap_or("-");
        format!("{label}@{}+{} {} {}", f.offset, f.length, f.confidence.0, f.class)
    };
    found.iter().map(line).collect()
}

#[test]
fn listed_values_are_found_however_they_are_written() {
    let set = load(vec![journalists(1)]);
    let cases: [(&str, &[&str]); 12] = [
        // Below the score of any report without the list.
        ("GET /a 203.0.113.8 200", &["j-2@7+11 60 network-id"]),
        ("x 899456789 y", &["j-1@2+9 60 government-id"]),
        ("899-45-6780", &["j-2@0+11 60 government-id"]),
        ("at (202) 555-0143 now", &["j-1@3+14 60 contact"]),
        ("13912345678", &["j-3@0+11 60 contact"]),
        ("no D1234562 here", &["j-1@3+8 60 government-id"]),
        // As the type scores, where that is more.
        ("ssn: 899-45-6789", &["j-1@5+11 100 government-id"]),
        // Corroborated, and by which of the rows that share an address.
        ("203.0.113.7 was used by SAMPLE", &["j-1@0+11 100 network-id"]),
        ("ｖａｎ DER Probe from 203.0.113.7", &["j-3@25+11 100 network-id"]),
        ("{\"u\":\"kim@EXAMPLE.org\",\"a\":\"203.0.113.8\"}", &["j-2@28+11 100 network-id"]),
        ("203.0.113.9 899456781 D1234563 Sample", &[]),
        ("1203.0.113.8 and 0899456789", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(brief(&scan(&set, [text.as_bytes()])), expected, "{text}");
    }
}

#[test]
fn a_secondary_value_far_away_makes_nothing_sure() {
    let set = load(vec![journalists(1)]);
    for (gap, score) in [(NEAR_OCTETS - 20, 100), (NEAR_OCTETS + 20, 60)] {
        let text = format!("203.0.113.8 {}Müller-Lüdenscheidt", "- ".repeat(gap / 2 - 6));
        assert_eq!(scan(&set, [text.as_bytes()])[0].confidence.0, score, "{gap}");
    }
}

#[test]
fn a_secondary_value_far_away_counts_in_the_same_record() {
    let set = load(vec![journalists(1)]);
    for (records, score) in [((1, 1), 100), ((1, 2), 60)] {
        let mut scanner = Scanner::new(Arc::clone(&CATALOGUE), [7; 32]).with_watch(&set);
        let mut document = DocumentScan::new("test");
        let mut found = Vec::new();
        let padding = "- ".repeat(400);
        let pieces = [(records.0, "Müller-Lüdenscheidt"), (records.0, &*padding), (records.1, "203.0.113.8")];
        let mut at = 0;
        for (record, text) in pieces {
            document.record(record);
            let piece = Text { octets: text.as_bytes(), at, field: Some("x") };
            scanner.text(&mut document, piece, &mut |f| found.push(f));
            at += text.len() as u64;
        }
        scanner.end(&mut document, &mut |f| found.push(f));
        found.retain(|finding| finding.watch.is_some());
        assert_eq!((found.len(), found[0].confidence.0), (1, score), "{records:?}");
    }
}

#[test]
fn a_licence_s_barcode_is_found_under_its_state() {
    let set = load(vec![journalists(1)]);
    let barcode = |state: &str| {
        format!(
            "@\n\x1e\rANSI 636014090002DL00410288ZC03290015DLDCAD\nDCSSAMPLE\nDAQD1234562\nDBB01011990\nDAJ{state}\n"
        )
    };
    assert_eq!(scan(&set, [barcode("CA").as_bytes()]).len(), 1);
    assert_eq!(scan(&set, [barcode("NV").as_bytes()]).len(), 0);
}

#[test]
fn a_finding_tells_list_label_and_tag_and_nothing_else() {
    let set = load(vec![journalists(1)]);
    let found = scan(&set, ["from 203.0.113.8".as_bytes()]);
    let finding = &found[0];
    assert_eq!(finding.masked, "***.*.***.*");
    let hit = finding.watch.as_ref().unwrap();
    assert_eq!((&*hit.list, hit.label.as_deref(), hit.tag.len()), ("journalists", Some("j-2"), 8));
    assert!(!format!("{finding:?}").contains("203.0.113.8"));
}

#[test]
fn two_epochs_are_accepted_and_report_once() {
    let set = load(vec![journalists(1), journalists(2)]);
    assert_eq!(scan(&set, ["from 203.0.113.8".as_bytes()]).len(), 1);
    for epochs in [&[1, 1][..], &[1, 2, 3]] {
        let inputs = epochs.iter().map(|epoch| journalists(*epoch)).collect();
        assert_eq!(WatchSet::load(inputs, &CATALOGUE).err().map(|problems| problems.len()), Some(1));
    }
}

#[test]
fn a_canary_is_certain_in_any_writing() {
    use base64::Engine as _;
    let token: Vec<u8> = (0..16).map(|n| n * 17).collect();
    let hex: String = token.iter().map(|octet| format!("{octet:02x}")).collect();
    let canary = WatchSpec {
        list: "traps".to_owned(),
        canary: true,
        primaries: pairs(&[("token", "token")]),
        secondaries: Vec::new(),
        label: None,
        epoch: 1,
    };
    let (octets, counts) = build(&canary, &["token"], &[&[&hex]]);
    assert_eq!((counts.values, counts.unfindable), (1, 0));
    let set = load(vec![WatchInput { name: "traps".to_owned(), octets, key: key() }]);
    let standard = base64::engine::general_purpose::STANDARD.encode(&token);
    let url = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&token);
    let uuid = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    let written =
        [hex.clone(), hex.to_uppercase(), standard, url, uuid, format!("tok_{hex}"), format!("user-{hex}-eu")];
    for value in &written {
        for text in [value.clone(), format!("id={value}&x=1"), format!("{{\"device\":\"{value}\"}}")] {
            let found = scan(&set, [text.as_bytes()]);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!((found[0].confidence.0, found[0].class), (100, DataClass::Custom));
        }
    }
    assert_eq!(scan(&set, [hex.replace('1', "2").as_bytes()]).len(), 0);
}

#[test]
fn specifications_that_cannot_work_are_refused_with_reasons() {
    let wrong = |change: fn(&mut WatchSpec)| {
        let mut spec = spec();
        change(&mut spec);
        WatchBuilder::new(&CATALOGUE, &key(), &spec, &COLUMNS).err().unwrap_or_default().join("; ")
    };
    for (message, expected) in [
        (wrong(|s| s.list = "No Name".to_owned()), "cannot name a list"),
        (wrong(|s| s.primaries.clear()), "at least one primary"),
        (wrong(|s| s.primaries = pairs(&[("surname", "text")])), "only a secondary type"),
        (wrong(|s| s.primaries = pairs(&[("ssn", "ssn")])), "there is no type"),
        (wrong(|s| s.primaries = pairs(&[("nothing", "us-ssn")])), "there is no column"),
        (wrong(|s| s.primaries = pairs(&[("ssn", "image-jpeg")])), "cannot be listed"),
        (wrong(|s| s.secondaries = pairs(&[("surname", "token")])), "there is no type"),
    ] {
        assert!(message.contains(expected), "{message}");
    }
    let (_, counts) = build(&spec(), &COLUMNS, &[&["", "12", "", "", "", "", ""], &[""; 7]]);
    assert_eq!((counts.unfindable, &counts.unfindable_rows[..], counts.empty_rows), (1, &[1][..], 1));
}

/// Nothing of the records stands in the file: neither in clear, nor hashed without the key, nor how often a name
/// occurs.
#[test]
fn a_watch_file_holds_neither_values_nor_plain_hashes() {
    let file = journalists(1).octets;
    let contains = |needle: &[u8]| file.windows(needle.len()).any(|window| window == needle);
    assert!(contains(b"journalists") && contains(b"us-ssn"), "the search must be able to find");
    for value in ROWS.iter().flatten().filter(|value| value.len() > 2) {
        for form in [(*value).to_owned(), value.to_lowercase(), value.to_uppercase(), value.replace(['-', ':'], "")] {
            assert!(!contains(form.as_bytes()), "{form}");
            let sha256 = Sha256::digest(form.as_bytes());
            let sha1 = sha1::Sha1::digest(form.as_bytes());
            assert!(!contains(&sha256[..8]) && !contains(&sha1[..8]), "{form}");
        }
    }
    // Two rows with equal names: no run of octets occurs twice.
    let row = ["1", "899-45-6789", "", "", "", "Sample", "a@example.com"];
    let other = ["2", "899-45-6780", "", "", "", "Sample", "a@example.com"];
    let (file, _) = build(&spec(), &COLUMNS, &[&row, &other]);
    let mut seen = std::collections::HashSet::new();
    assert!(file.windows(8).skip(200).all(|window| seen.insert(window)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn findings_do_not_depend_on_segmentation(
        gaps in prop::collection::vec(0usize..9000, 1..8),
        cuts in prop::collection::vec(1usize..5000, 1..40),
    ) {
        let set = load(vec![journalists(1)]);
        let mut text = String::new();
        for (at, gap) in gaps.iter().enumerate() {
            text.push_str(&"lorem 12 ".repeat(gap / 9));
            text.push_str(["203.0.113.8", "899-45-6789 Sample", "kim@example.org 203.0.113.8 "][at % 3]);
        }
        let whole = scan(&set, [text.as_bytes()]);
        prop_assert!(!whole.is_empty());
        let mut pieces = Vec::new();
        let mut rest = text.as_bytes();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(brief(&whole), brief(&scan(&set, pieces)));
    }
}

#[test]
fn positions_in_a_listed_area_are_found_wherever_the_text_breaks() {
    let octets = b"1,37.2540,-119.2540,37.2540,-119.2460,37.2480,-119.2460,37.2480,-119.2540".to_vec();
    let input = |name: &str| AreaInput { file: "areas.csv".to_owned(), name: name.to_owned(), octets: octets.clone() };
    let set = WatchSet::default().with_areas(vec![input("places")], &CATALOGUE);
    let set = Arc::new(set.unwrap_or_else(|problems| panic!("{problems:?}")));
    assert_eq!(finding_classes(&set), [("watch/places".to_owned(), vec![DataClass::Geolocation])]);
    let text = "{\"lat\":37.25,\"lon\":-119.25} gps 37.2511,-119.2489; gps -119.2489,37.2511; {\"lat\":37.30,\"x\":1,\"lon\":-119.25}";
    let expected = ["1@19+7 100 geolocation", "1@32+17 75 geolocation", "1@55+17 75 geolocation"];
    let whole = brief(&scan(&set, [text.as_bytes()]));
    assert_eq!(
        whole.iter().map(|line| line.split(' ').next()).collect::<Vec<_>>(),
        expected.map(|l| l.split(' ').next())
    );
    for at in 1..text.len() {
        let (one, other) = text.as_bytes().split_at(at);
        assert_eq!(brief(&scan(&set, [one, other])), whole, "{at}");
    }
    // Far apart, two numbers are no position.
    let far = format!("\"lat\":37.25{}\"lon\":-119.25", " ".repeat(300));
    assert_eq!(brief(&scan(&set, [far.as_bytes()])), Vec::<String>::new());
    for wrong in [vec![input("places"), input("places")], vec![input("No Name")]] {
        assert_eq!(WatchSet::default().with_areas(wrong, &CATALOGUE).err().map(|problems| problems.len()), Some(1));
    }
}

fn finding_classes(set: &WatchSet) -> Vec<(String, Vec<DataClass>)> {
    set.about().iter().map(|list| (list.signature.to_string(), list.classes.clone())).collect()
}
