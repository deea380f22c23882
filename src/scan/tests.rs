//! Tests of the room as a whole: examples, scores, independence of segmentation, hostile and innocent text.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use super::pattern::lint;
use super::*;
use crate::model::{Finding, Level, Text};

static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| match Catalogue::built_in() {
    Ok(catalogue) => Arc::new(catalogue),
    Err(problems) => panic!("{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>()),
});

/// A piece of text: octets, source offset, field.
type Piece<'a> = (&'a [u8], u64, Option<&'a str>);

fn scan_pieces<'a>(pieces: impl IntoIterator<Item = Piece<'a>>) -> Vec<Finding> {
    let mut scanner = Scanner::new(Arc::clone(&CATALOGUE), [7; 32]);
    let mut document = DocumentScan::new("test");
    let mut found = Vec::new();
    for (octets, at, field) in pieces {
        scanner.text(&mut document, Text { octets, at, field }, &mut |f| {
            found.push(f);
        });
    }
    scanner.end(&mut document, &mut |f| found.push(f));
    assert_eq!(scanner.counts().findings, found.len() as u64);
    found
}

fn scan(text: &[u8]) -> Vec<Finding> {
    scan_pieces([(text, 0, None)])
}

/// `signature@offset+length level`, sorted as given out.
fn brief(found: &[Finding]) -> Vec<String> {
    found
        .iter()
        .map(|f| {
            let level = f.confidence.level().map_or("none", Level::as_str);
            format!("{}@{}+{} {level}", f.signature, f.offset, f.length)
        })
        .collect()
}

#[test]
fn every_example_is_decided_as_it_says() {
    let problems = CATALOGUE.check_examples(|_| true);
    assert!(problems.is_empty(), "{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>());
    assert_eq!(CATALOGUE.signatures().count(), 143);
}

/// The project's signature reference beside the catalogue: every id, and every example with its verdict.
#[test]
fn the_whole_reference_is_in_the_catalogue() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/reference/signatures.md");
    let Ok(reference) = std::fs::read_to_string(path) else {
        eprintln!("skipped: there is no ../shared/reference/signatures.md");
        return;
    };
    let tables: Vec<&str> = reference.split("```tsv\n").skip(1).filter_map(|t| t.split("```").next()).collect();
    let [patterns, examples] = tables.as_slice() else { panic!("{} tables", tables.len()) };
    let cells = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    let rows = |table: &str| -> Vec<Vec<String>> {
        table.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(cells).collect()
    };
    let (patterns, examples) = (rows(patterns), rows(examples));
    assert_eq!(patterns.len(), 121);
    let absent: Vec<&String> = patterns.iter().map(|row| &row[0]).filter(|id| CATALOGUE.get(id).is_none()).collect();
    assert!(absent.is_empty(), "absent: {absent:?}");
    for row in &examples {
        let verdict = match row[1].as_str() {
            "match" => Verdict::Match,
            "shape" => Verdict::Shape,
            _ => Verdict::Check,
        };
        // What is decided is in the catalogue's own examples, which another test decides.
        let known = CATALOGUE.get(&row[0]).is_some_and(|signature| {
            signature.examples.iter().any(|example| example.verdict == verdict && example.text == row[2])
        });
        assert!(known, "{} {} is no example of the catalogue", row[0], row[1]);
    }
}

/// Words are looked for in windows, which begin and end anywhere in text without spaces, also within a character.
#[test]
fn words_are_found_anywhere_in_long_text_without_spaces() {
    let number = "110101000101001";
    for shift in 0..3 {
        for length in 0..150 {
            let text = format!("{}1234 {}身份证{number}", "x".repeat(shift), "中".repeat(length));
            let found = scan(text.as_bytes());
            assert!(found.iter().any(|f| &*f.signature == "cn-resident-id-15"), "{shift} {length}");
        }
    }
    let without = format!("1234 {}{number}", "中".repeat(99));
    assert!(scan(without.as_bytes()).iter().all(|f| &*f.signature != "cn-resident-id-15"));
}

#[test]
fn numbers_of_documents_are_found_in_small_letters() {
    let cases: &[(&str, &[&str])] = &[
        ("my passport x00000001", &["us-passport@12+9 medium"]),
        ("{\"passport\":\"x00000001\"}", &["us-passport@13+9 high"]),
        ("mbi: 1eg4-te5-mk73", &["us-mbi@5+13 high"]),
        ("dni 00000001r", &["es-dni@4+9 high"]),
        ("iban=gb33bukb20201555555555&x=1", &["iban@5+22 high"]),
        ("{\"codice_fiscale\":\"xxxxxx00a01z999o\"}", &["it-codice-fiscale@19+16 high"]),
        ("{\"nino\":\"ab 12 34 56 c\"}", &["gb-nino@9+13 high"]),
        ("{\"driver_license\":\"d1234562\"}", &["us-dl-number@19+8 medium"]),
        // Without a word that says what they are, they are tokens.
        ("etag x0000001 a1234563 f12345678", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(brief(&scan(text.as_bytes())), *expected, "{text}");
    }
    let found = scan_pieces([(&b"gb33 bukb 2020 1555 5555 55"[..], 0, Some("account.iban"))]);
    assert_eq!(brief(&found), ["iban@0+27 high"]);
    let capitals = scan_pieces([(&b"GB33BUKB20201555555555"[..], 0, Some("account.iban"))]);
    assert_eq!(found[0].digest, capitals[0].digest);
}

#[test]
fn vectors_of_faces_are_found_by_what_they_are_called() {
    let numbers = vec!["0.0625,-0.0625"; 128].join(", ");
    for (text, expected) in [
        (format!("{{\"face_embedding\":[{numbers}]}}"), "face-vector@19 high"),
        (format!("{{\"face\":{{\"embedding\":[{numbers}]}}}}"), "feature-vector@22 high"),
        (format!("{{\"object\":\"embedding\",\"embedding\":[{numbers}],\"model\":\"text\"}}"), ""),
        ("{\"face_embedding\":[0.1,0.2,0.3]}".to_owned(), ""),
    ] {
        let found = scan(text.as_bytes());
        let vectors: Vec<String> = found
            .iter()
            .map(|f| format!("{}@{} {}", f.signature, f.offset, f.confidence.level().map_or("none", Level::as_str)))
            .collect();
        assert_eq!(vectors.join(" "), expected, "{}", &text[..40]);
    }
    // As a JSON reader gives it: each number is a value.
    let mut pieces: Vec<Piece<'_>> = vec![(b"{\"f\":[", 0, None)];
    for at in 0..256_u64 {
        pieces.push((b"-0.0625", 10 + at * 8, Some("user.face_feature[]")));
        pieces.push((b",", 17 + at * 8, None));
    }
    assert_eq!(scan_pieces(pieces).iter().filter(|f| &*f.signature == "face-vector").count(), 1);
}

#[test]
fn built_in_patterns_pass_the_lint_for_operators_patterns() {
    for signature in CATALOGUE.signatures() {
        assert_eq!(lint(&signature.pattern, signature.anchor.is_some()), Ok(()), "{}", signature.id);
    }
}

/// Text, and what must be found in it (no more, no less).
#[test]
fn findings_with_their_levels() {
    let cases: &[(&str, &[&str])] = &[
        ("SSN: 899-45-6789", &["us-ssn@5+11 high"]),
        ("part 899-45-6789 of", &[]),
        ("see 899-45-6789 of", &["us-ssn@4+11 low"]),
        (r#"{"ssn":"899456789"}"#, &["us-ssn-bare@8+9 high"]),
        ("count 899456789 of", &[]),
        ("passport X00000001", &["us-passport@9+9 high"]),
        ("Karte: card number 4111 1111 1111 1111, exp", &["card-pan@19+19 high"]),
        ("身份证号码110101190001010014", &["cn-resident-id@15+18 high"]),
        ("身份证号码：１１０１０１１９０００１０１００１４", &["cn-resident-id@18+54 high"]),
        ("mail alex@example.com now", &["email@5+16 high"]),
        (r#"{"email":"alex@example.com"}"#, &["email@10+16 high"]),
        (r#"{"username":"alex@example.com"}"#, &["email@13+16 high", "user-name-keyed@13+16 high"]),
        (r#"{"uid":"7234567890123456789"}"#, &["tiktok-snowflake@8+19 high"]),
        (r#"{"currentUserId":12345678}"#, &["user-id-keyed@17+8 high"]),
        (r#"{"client_ip":"203.0.113.7"}"#, &["ipv4-datum@14+11 high"]),
        ("Chrome/120.0.0.0 version 8.8.4.4", &[]),
        ("client_ip=203.0.113.7&x=1", &["ipv4-datum@10+11 high"]),
        ("phone +12025550143.", &["phone-e164@6+12 high"]),
        ("call (202) 555-0143 today", &["phone-nanp@5+14 medium"]),
        ("mac=00:00:5E:00:53:01", &["mac-address@4+17 high"]),
        ("imei: 001011000000014", &["imei@6+15 high"]),
        ("\"dob\": \"1990-01-31\"", &["dob-iso@8+10 medium"]),
        ("updated 1990-01-31", &[]),
        ("IBAN GB33BUKB20201555555555", &["iban@5+22 high"]),
        ("CA driver license D1234562", &["us-dl-number@18+8 high"]),
        ("order D1234562", &[]),
        ("password=correct-horse&x=1", &["password-keyed@9+13 high"]),
        (r#"{"password":"${DB_PASSWORD}"}"#, &[]),
        (r#"{"country_of_residence":"US"}"#, &["residence-keyed@25+2 high"]),
        (r#"{"lat":37.7749,"lng":-122.4194}"#, &["lat-keyed@7+7 high", "lon-keyed@21+9 high"]),
        // What a value is called, or written like, against its check digit.
        (r#"{"booking_code":"GB33BUKB20201555555555","card":"x"}"#, &[]),
        ("please transfer to GB33 BUKB 2020 1555 5555 55", &["iban@19+27 medium"]),
        ("it was 4539 1488 0343 6467 I think", &["card-pan@7+19 medium"]),
        ("it was 4539148803436467 I think", &["card-pan@7+16 low"]),
        ("4539148803436460\n4539148803436467\n4539148803436461", &[]),
        (r#"{"ticket":"4539 1488 0343 6467"}"#, &[]),
        (r#"{"activation_pair":"4539 1488 0343 6467"}"#, &["card-pan@20+19 low"]),
        ("INSERT INTO t (card, ref) VALUES ('x', '4539148803436467')", &[]),
        ("INSERT INTO t (ref, card) VALUES ('x', '4539148803436467')", &["card-pan@40+16 high"]),
        ("at 61.6823,25.3467 38.7878,52.0108 39.1234,53.4321", &[]),
        ("at -0.2500,-0.3125", &[]),
        ("at 61.6823,25.3467", &["latlon-pair@3+15 low"]),
        ("location -122.419400, 37.774900", &["latlon-pair@9+22 high"]),
        // Of the North American plan, without the plus; of China.
        (r#"{"phone":"14155552671"}"#, &["phone-nanp@10+11 medium"]),
        (r#"{"phone":"13912345678"}"#, &["cn-mobile@10+11 high"]),
        ("Phone 0748 989 587 or later", &["phone-national@6+12 medium"]),
        ("mein Telefon ist (02141) 11848 241.", &["phone-national@17+17 medium"]),
        ("the phone was sold on 0748 989 587", &[]),
        ("phone 2026-11-05, phone 20261105", &[]),
        ("{\"nationaal nummer\": \"85073003328\"}", &["be-nn@22+11 high"]),
        ("boundary=\"===============7234567890123456789==\"", &[]),
        (
            "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
            &["mrz-td3@0+89 high"],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(brief(&scan(text.as_bytes())), *expected, "{text}");
    }
}

#[test]
fn a_barcode_is_reported_with_its_parts() {
    let text = b"xx @\n\x1e\rANSI 636014100101DL00310216DLDAQD1234562\nDCSSAMPLE\nDDEN\nDACALEX\nDDFN\nDBB01011990\n\
        DAG1 EXAMPLE ST\nDAIANYTOWN\nDAJCA\r";
    let found = brief(&scan(text));
    assert_eq!(
        found,
        [
            "us-aamva-header@3+117 high",
            "us-dl-number@39+8 high",
            "user-name-keyed@51+6 high",
            "user-name-keyed@66+4 high",
            "dob-us@79+8 high",
            "us-postal-address@91+12 high"
        ]
    );
    // The same in JSON that was not decoded.
    let escaped =
        br#"{"barcode":"@\n\u001e\rANSI 636014100101DL00310216DLDAQD1234562\nDCSSAMPLE\nDACALEX\nDBB01011990\n"}"#;
    let found = brief(&scan(escaped));
    assert!(found.iter().any(|f| f.starts_with("us-aamva-header-escaped@12")), "{found:?}");
    assert!(found.iter().any(|f| f.starts_with("us-dl-number@55+8 high")), "{found:?}");
}

#[test]
fn fields_give_context_and_say_where() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("user.ids[].ssn", "899456789", &["us-ssn-bare@100+9 high"]),
        ("user.orderId", "899456789", &[]),
        ("account.user_id", "12345678", &["user-id-keyed@100+8 high"]),
        ("user.phone", "14155552671", &["phone-nanp@100+11 medium"]),
        ("device.upstream", "198.51.100.7", &["ipv4-datum@100+12 low"]),
        ("order.ticket", "4539 1488 0343 6467", &[]),
        ("passport.number", "X00000001", &["us-passport@100+9 high"]),
        ("profile.nickname", "sample person", &["user-name-keyed@100+13 high"]),
        ("body.text", "nothing 42 here", &[]),
        ("身份证号", "110101190001010014", &["cn-resident-id@100+18 high"]),
    ];
    for (field, value, expected) in cases {
        let found = scan_pieces([(value.as_bytes(), 100, Some(*field))]);
        assert_eq!(brief(&found), *expected, "{field}");
        assert!(found.iter().all(|f| f.field.as_deref() == Some(*field) && f.document == "test"));
    }
    // The key of another value does not speak for this one.
    let pieces: [Piece<'_>; 4] =
        [(b"{\"ssn\":", 0, None), (b"none", 7, Some("ssn")), (b",\"n\":", 11, None), (b"899456789", 16, Some("n"))];
    assert_eq!(brief(&scan_pieces(pieces)), Vec::<String>::new());
    // Values that stand apart do not run together.
    let pieces: [Piece<'_>; 2] = [(b"89945", 0, Some("a.ssn")), (b"6789", 50, Some("b.ssn"))];
    assert_eq!(brief(&scan_pieces(pieces)), Vec::<String>::new());
}

#[test]
fn values_for_tests_are_marked_and_keep_their_score() {
    for (text, test) in
        [("card 4111 1111 1111 1111", true), ("card 4929 1234 5678 9015", false), ("ip: 203.0.113.7", true)]
    {
        let found = scan(text.as_bytes());
        assert!(found.iter().any(|f| f.test_value == test), "{text}");
    }
}

#[test]
fn equal_values_have_equal_digests_and_no_value_is_in_a_finding() {
    let text = "ssn 899-45-6789 and later ssn 899 45 6789, e-mail alex@example.com";
    let found = scan(text.as_bytes());
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].digest, found[1].digest);
    assert_eq!(found[0].masked, "***-**-****");
    let shown = format!("{found:?}");
    for value in ["899", "6789", "alex", "example"] {
        assert!(!shown.contains(value), "{value}");
    }
}

#[test]
fn images_are_reported_once_and_by_what_they_are() {
    let mut jpeg = b"\xff\xd8\xff\xe1\x01\x00Exif\0\0".to_vec();
    jpeg.extend_from_slice(&[0; 40]);
    jpeg.extend_from_slice(b"\xff\xd8\xff\xdb\x00\x43thumbnail");
    jpeg.resize(2 + 2 + 0x100, 1);
    jpeg.extend_from_slice(b"\xff\xdb\x00\x43");
    jpeg.resize(4000, 2);
    let found = scan(&jpeg);
    assert_eq!(found.iter().filter(|f| &*f.signature == "image-jpeg").count(), 1, "{:?}", brief(&found));
    assert_eq!(found[0].confidence.level(), Some(Level::High));
    let named = scan_pieces([(&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], 0, Some("passport_photo"))]);
    assert_eq!(brief(&named), ["image-png@0+8 high"]);
}

#[test]
fn innocent_text_has_no_high_finding() {
    let text = r#"!function(e,t){"use strict";var n=1e3,r=36e5;e.version="4.17.21",e.id=t.uid||0x7fffffff}(this,{a:123456789,b:"1.2.3.4"});
        commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 at 1699999999 (1699999999123)
        uuid 6f1c2d3e-4a5b-4c6d-8e7f-901234567890, build 20231105.123456, order 114-3941689-8772232, sku 0012345678905
        {"ts":1700000000123,"seq":987654321,"price":1999.99,"tracking":"1Z999AA10123456784","rate":0.000123456789}
        12:34:56 2023-11-05T12:34:56.789Z [::1]:8080 127.0.0.1 10.0.0.1 v1.18.0.4 sha256:0123456789abcdef0123456789abcdef
        id=8a2f-11 x=-122.4194 y=37.7749 ISBN 978-3-16-148410-0 npm:react@18.2.0 git@github.com:a/b.git logo@2x.png"#;
    let found = scan(text.as_bytes());
    let high: Vec<String> = brief(&found).into_iter().filter(|f| f.ends_with("high")).collect();
    assert!(high.is_empty(), "{high:?}");
}

/// Text in which something is found often, as a source of cuts.
fn rich() -> Vec<u8> {
    let mut text = Vec::new();
    for i in 0..1200_u32 {
        let line = format!(
            "{{\"user_id\":\"{}\",\"ssn\":\"{}-45-{:04}\",\"身份证\":\"110101190001010014\",\"ip\":\"203.0.113.{}\",\
             \"m\":\"u{}@example.com\",\"n\":\"１１０１０１１９０００１０１００１４\",\"card number\":\"4111 1111 1111 1111\"}}\n",
            100_000 + i * 7919,
            100 + i % 560,
            1 + i * 37 % 9000,
            i % 250,
            i
        );
        text.extend_from_slice(line.as_bytes());
    }
    text
}

#[test]
fn findings_do_not_depend_on_segmentation() {
    let text = rich();
    let whole = scan(&text);
    assert!(whole.len() > 6000, "{}", whole.len());
    let mut seed = 1_u64;
    for most in [1, 7, 60, 1448, 20_000] {
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < text.len() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let length = (1 + (seed >> 33) as usize % most).min(text.len() - at);
            pieces.push((&text[at..at + length], at as u64, None));
            at += length;
        }
        assert!(scan_pieces(pieces) == whole, "pieces of up to {most}");
    }
}

#[test]
fn a_document_holds_little() {
    let mut scanner = Scanner::new(Arc::clone(&CATALOGUE), [7; 32]);
    let mut document = DocumentScan::new("x");
    assert!(document.held_bytes() < 16);
    let text = rich();
    let mut most = 0;
    for piece in text.chunks(1400) {
        scanner.text(&mut document, Text { octets: piece, at: 0, field: None }, &mut |_| ());
        most = most.max(document.held_bytes());
    }
    assert!(most < 512 << 10, "{most}");
    scanner.end(&mut document, &mut |_| ());
    assert!(document.held_bytes() < 16);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn random_octets_never_panic_and_cuts_change_nothing(
        octets in prop::collection::vec(any::<u8>(), 0..3000),
        cut in 0_usize..3000,
    ) {
        let cut = cut.min(octets.len());
        let whole = scan(&octets);
        prop_assert!(whole.iter().all(|f| f.confidence.0 >= 35 && f.offset + u64::from(f.length) <= octets.len() as u64));
        let (a, b) = octets.split_at(cut);
        prop_assert!(scan_pieces([(a, 0, None), (b, cut as u64, None)]) == whole);
    }

    #[test]
    fn hostile_text_never_panics(text in "[A-Z<0-9@:=\"'. \\n\u{ff11}身份证-]{0,600}", fields in any::<bool>()) {
        let field = fields.then_some("user.id");
        scan_pieces([(text.as_bytes(), 0, field)]);
    }
}

const OPERATORS: &str = r#"
[[signature]]
id = "acme-badge"
class = "custom"
title = "Badge of ACME"
pattern = 'ACME-[0-9]{6}'
edge = "word"
validator = "luhn"
score = 60
labels = ["badge"]
source = "ACME"
date = "2026-11"
match = ['ACME-123455']
check = ['ACME-123456']
shape = ['ACME-12345']
"#;

#[test]
fn an_operators_signature_is_loaded_and_found() {
    let catalogue =
        Catalogue::load(&[("acme.toml".into(), OPERATORS.into())]).map_err(|p| format!("{p:?}")).expect("loads");
    assert_eq!(catalogue.get("acme-badge").map(|s| s.score), Some(60));
    let mut scanner = Scanner::new(Arc::new(catalogue), [0; 32]);
    let mut document = DocumentScan::new("x");
    let mut found = Vec::new();
    scanner.text(&mut document, Text { octets: b"badge ACME-123455", at: 0, field: None }, &mut |f| found.push(f));
    scanner.end(&mut document, &mut |f| found.push(f));
    assert_eq!(brief(&found), ["acme-badge@6+11 high"]);
}

#[test]
fn bad_signatures_are_refused_with_line_and_reason_all_at_once() {
    let replaced = |from: &str, to: &str| OPERATORS.replace(from, to);
    let twice = [OPERATORS, OPERATORS].concat();
    let cases = [
        (replaced("custom", "costum"), 4, "unknown class \"costum\"", Some("\"custom\"")),
        (replaced("\"luhn\"", "\"lunh\""), 8, "unknown validator", Some("\"luhn\"")),
        (replaced("\"word\"", "\"wort\""), 7, "unknown edge", Some("\"word\"")),
        (replaced("acme-badge", "us-ssn"), 3, "this id is taken by signatures/us.toml", None),
        (replaced("[0-9]{6}", "[0-9]*"), 6, "may match more than", None),
        (replaced("[0-9]{6}", "[0-9"), 6, "pattern: ", None),
        (replaced("ACME-[0-9]{6}'", "\\bACME-[0-9]{6}'"), 6, "anchors and word boundaries", None),
        (replaced("match = ['ACME-123455']", "match = ['ACME-123456']"), 13, "refused by the validator", None),
        (replaced("match = ['ACME-123455']", ""), 3, "at least one example", None),
        (replaced("shape = ['ACME-12345']", "shape = ['ACME-123455']"), 15, "is accepted", None),
        (replaced("score = 60", "scores = 60"), 9, "unknown field `scores`", None),
        (replaced("labels = [\"badge\"]", "context = [\"pasport\"]"), 10, "unknown context list", Some("passport")),
        (replaced("id = \"acme-badge\"", "id = \"ACME badge\""), 3, "an id is made of", None),
        (replaced("id = \"acme-badge\"", ""), 2, "missing field `id`", None),
        (replaced("score = 60", "score = 101"), 9, "from 0 to 100", None),
        (replaced("score = 60", "score = \"60\""), 9, "invalid type", None),
        (replaced("score = 60", "score = "), 9, "", None),
        (replaced("score = 60", "score = 60\nsubject = \"XX\""), 10, "ISO 3166-1", None),
        (replaced("score = 60", "score = 60\nnormalise = \"digit\""), 10, "unknown normalise", Some("\"digits\"")),
        (replaced("score = 60", "score = 60\nextend = '[0-9]+'"), 10, "one class of octets", None),
        (replaced("score = 60", "score = 60\nanchor = \"@\""), 10, "an anchor is one octet", None),
        (replaced("\"word\"", "\"key\"").replace("labels = [\"badge\"]", ""), 7, "needs labels", None),
        (replaced("[0-9]{6}", "(?=x)"), 6, "look", None),
        (replaced("'ACME-[0-9]{6}'", "'(?:[0-9]?){6}'"), 6, "the empty text", None),
        (replaced("'ACME-[0-9]{6}'", "'(?:[a-m]|[g-z]x){1,90}[ab]{1,90}'"), 6, "", None),
        (replaced("match = ['ACME-123455']", "match = ['ACME-\\q']"), 13, "escape", None),
        (replaced("match = ['ACME-123455']", "match = [7]"), 13, "invalid type", None),
        (replaced("check = ['ACME-123456']", "check = ['ACME-123455']"), 14, "is accepted", None),
        (replaced("[[signature]]", "[[signatur]]"), 2, "unknown field `signatur`", None),
        (twice, 18, "this id is taken by acme.toml", None),
    ];
    for (text, line, message, hint) in cases {
        let Err(problems) = Catalogue::load(&[("acme.toml".into(), text.clone())]) else {
            panic!("accepted: {message}")
        };
        let good = problems.iter().any(|p| {
            p.file == "acme.toml"
                && p.line == Some(line)
                && p.message.contains(message)
                && hint.is_none_or(|h| p.hint.as_deref().is_some_and(|p| p.contains(h)))
        });
        assert!(good, "{line} {message}: {problems:?}");
    }
    let mistyped = proptest::test_runner::Config::with_cases(400);
    proptest!(mistyped, |(at in 0..OPERATORS.len(), octet in 0x20_u8..0x7f, cut in any::<bool>())| {
        // Whatever is mistyped, it is read or refused with file, line and reason.
        let mut text = OPERATORS.as_bytes().to_vec();
        if cut { text.truncate(at) } else { text[at] = octet }
        let mut problems = Vec::new();
        super::signature::read("acme.toml", &String::from_utf8_lossy(&text), &mut problems);
        for problem in problems {
            prop_assert!(problem.file == "acme.toml" && problem.line.is_some() && !problem.message.is_empty(), "{problem:?}");
        }
    });
    let both = OPERATORS.replace("custom", "costum").replace("\"luhn\"", "\"lunh\"");
    assert_eq!(Catalogue::load(&[("acme.toml".into(), both)]).err().map(|p| p.len()), Some(2));
}
