//! Tests of the geo room as a whole: against cases written as data, against the embedded data, and against MaxMind's
//! test databases if they are there.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn country(text: &str) -> Country {
    text.parse().unwrap()
}

fn load(settings: &GeoSettings) -> Locator {
    Locator::load(settings).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn overriding(prefix: &str, location: Option<&str>, control: Option<&str>) -> Override {
    Override {
        prefix: prefix.parse().unwrap(),
        location: location.map(country),
        control: control.map(country),
        label: format!("table:{prefix}"),
    }
}

#[test]
fn well_known_addresses_and_names() {
    let locator = load(&GeoSettings::default());
    let mut wrong = Vec::new();
    for line in include_str!("cases.tsv").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = line.split('\t').collect();
        let [address, name, location, control, service, operator] = fields[..] else { panic!("{line}") };
        let place = locator.locate(addr(address), Some(name).filter(|name| *name != "-"));
        let word = |word: &Option<Arc<str>>| word.as_deref().unwrap_or("-").to_owned();
        let got = (place.location.as_str(), place.control.as_str(), word(&place.service), word(&place.operator));
        if got != (location, control, service.to_owned(), operator.to_owned()) {
            wrong.push(format!("{line}: got {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn monitored_networks_are_the_default_or_the_ones_named() {
    let default = load(&GeoSettings::default());
    for local in [
        "10.0.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "100.127.0.1",
        "127.0.0.1",
        "169.254.0.1",
        "0.0.0.0",
        "fd00::1",
        "fe80::1",
        "::1",
        "::ffff:10.0.0.1",
    ] {
        assert!(default.is_local(addr(local)), "{local}");
    }
    for other in
        ["172.32.0.1", "8.8.8.8", "203.0.113.1", "224.0.0.1", "2002:a00:1::1", "64:ff9b::10.0.0.1", "2001:db8::1"]
    {
        assert!(!default.is_local(addr(other)), "{other}");
    }
    let own = load(&GeoSettings { local: vec!["203.0.113.0/25".parse().unwrap()], ..GeoSettings::default() });
    assert!(own.is_local(addr("203.0.113.127")) && !own.is_local(addr("203.0.113.128")));
    assert!(!own.is_local(addr("10.0.0.1")), "named networks replace the default");
    assert_eq!(own.locate(addr("10.0.0.1"), None).location, Country::LOCAL, "but private addresses stay no place");
}

#[test]
fn special_purpose_blocks_have_names() {
    let locator = load(&GeoSettings::default());
    for (address, name) in [
        ("255.255.255.255", Some("limited broadcast")),
        ("192.0.2.1", Some("documentation (TEST-NET-1)")),
        ("::ffff:192.0.2.1", Some("documentation (TEST-NET-1)")),
        ("192.0.0.10", None),
        ("192.0.0.11", Some("IETF protocol assignments")),
        ("64:ff9b::1.1.1.1", None),
        ("2001:3::1", None),
        ("2001:100::1", Some("IETF protocol assignments")),
        ("2001:200::1", None),
        ("8.8.8.8", None),
    ] {
        assert_eq!(locator.special(addr(address)), name, "{address}");
    }
}

#[test]
fn an_override_places_even_what_is_no_place() {
    let locator = load(&GeoSettings {
        overrides: vec![
            overriding("203.0.113.0/24", Some("CN"), None),
            overriding("203.0.113.64/26", Some("SG"), Some("KP")),
            overriding("203.0.113.128/25", None, Some("RU")),
            overriding("2001:db8::/32", Some("IR"), None),
            overriding("8.8.8.0/24", Some("local"), None),
        ],
        ..GeoSettings::default()
    });
    for (address, name, location, control) in [
        ("203.0.113.1", None, "CN", "ZZ"),
        ("203.0.113.1", Some("slack.com"), "CN", "US"),
        ("203.0.113.65", Some("slack.com"), "SG", "KP"),
        ("203.0.113.200", None, "CN", "RU"), // the location is inherited from the shorter prefix
        ("2001:db8::1", None, "IR", "ZZ"),
        ("8.8.8.8", None, "local", "local"),
        ("8.8.4.4", None, "US", "ZZ"),
        ("64:ff9b::203.0.113.1", None, "CN", "ZZ"),
    ] {
        let place = locator.locate(addr(address), name);
        assert_eq!((place.location.as_str(), place.control.as_str()), (location, control), "{address} {name:?}");
    }
    assert!(!locator.is_local(addr("8.8.8.8")), "what is no destination abroad is not thereby monitored");
}

#[test]
fn evidence_is_strongest_first_and_tells_where_it_is_from() {
    let locator =
        load(&GeoSettings { overrides: vec![overriding("47.241.0.0/16", Some("MY"), None)], ..GeoSettings::default() });
    let evidence = locator.evidence(addr("47.241.0.1"), Some("x.feishu.cn"));
    let told: Vec<_> = evidence
        .iter()
        .map(|e| (e.facet, e.source, e.country.to_string(), e.matched.clone(), e.confidence, e.deciding))
        .collect();
    use EvidenceSource as S;
    let expected = vec![
        (Facet::Location, S::Override, "MY".to_owned(), "47.241.0.0/16".to_owned(), 100, true),
        (Facet::Control, S::Catalogue, "CN".to_owned(), "feishu.cn".to_owned(), 75, true),
        (Facet::Location, S::Database, "SG".to_owned(), told[2].3.clone(), 60, false),
        (Facet::Location, S::Registry, "US".to_owned(), "47.241.0.1".to_owned(), 40, false),
    ];
    assert_eq!(told, expected);
    assert!(told[2].3.parse::<IpNet>().unwrap().contains(&addr("47.241.0.1")));
    assert_eq!(evidence[0].origin, "table:47.241.0.0/16");
    assert_eq!(
        evidence[2].origin,
        format!("{} ({})", locator.databases()[0].name, locator.databases()[0].build_date())
    );
    assert_eq!(locator.conflict(addr("47.241.0.1")), Some("database-registry"));
    assert_eq!(locator.conflict(addr("223.5.5.5")), None);
    assert_eq!(locator.conflict(addr("10.0.0.1")), None);
}

#[test]
fn all_problems_are_told_at_once() {
    let settings = GeoSettings {
        databases: vec![PathBuf::from("/nonexistent/a.mmdb"), PathBuf::from("/nonexistent/b.mmdb")],
        overrides: vec![overriding("10.0.0.0/8", Some("EU"), None), overriding("10.0.0.0/8", None, None)],
        ..GeoSettings::default()
    };
    let problems = Locator::load(&settings).err().unwrap();
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems[2].to_string().contains("EU is no country"), "{}", problems[2]);
}

#[test]
fn fifty_thousand_overrides_load_and_answer() {
    let entry = |i: u32| {
        let location = if i.is_multiple_of(2) { "CN" } else { "SG" };
        overriding(&format!("{}/24", Ipv4Addr::from_bits(0x0b00_0000 + (i << 8))), Some(location), None)
    };
    let locator = load(&GeoSettings { overrides: (0..50_000).map(entry).collect(), ..GeoSettings::default() });
    assert_eq!(locator.locate(addr("11.0.0.255"), None).location, country("CN"));
    assert_eq!(locator.locate(addr("11.0.1.0"), None).location, country("SG"));
    assert_eq!(locator.locate(addr("11.195.79.1"), None).location, country("SG"), "the last one");
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits >> 3 | 1 << 125))),
    ]
}

proptest! {
    #[test]
    fn the_place_is_what_the_deciding_evidence_says(
        addresses in prop::collection::vec(any_address(), 64),
        name in ".{0,40}",
    ) {
        thread_local!(static LOCATOR: Locator = load(&GeoSettings::default()));
        LOCATOR.with(|locator| {
            for address in addresses {
                let place = locator.locate(address, Some(&name));
                let evidence = locator.evidence(address, Some(&name));
                for (facet, said) in [(Facet::Location, place.location), (Facet::Control, place.control)] {
                    let deciding: Vec<_> = evidence.iter().filter(|e| e.facet == facet && e.deciding).collect();
                    prop_assert!(deciding.len() <= 1);
                    prop_assert_eq!(deciding.first().map_or(Country::UNKNOWN, |e| e.country), said);
                }
                prop_assert!(locator.conflict(address).is_none_or(|between| CONFLICTS.contains(&between)));
            }
            Ok(())
        })?;
    }
}

/// MaxMind's test databases, which are no part of the sources.
fn test_databases() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/geoip-test");
    if !folder.is_dir() {
        eprintln!("skipped: no test databases beside the sources");
        return None;
    }
    Some(folder)
}

fn with(folder: &Path, files: &[&str]) -> Result<Locator, Vec<Problem>> {
    let databases = files.iter().map(|file| folder.join(file)).collect();
    Locator::load(&GeoSettings { databases, ..GeoSettings::default() })
}

#[test]
fn answers_are_those_of_an_independent_reader() {
    let Some(folder) = test_databases() else { return };
    let text = std::fs::read_to_string(folder.join("lookups.json")).unwrap();
    let lookups: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut compared = 0;
    for (file, expected) in lookups["databases"].as_object().unwrap() {
        let path = folder.join(file);
        let Some(networks) = expected["networks"].as_array() else { continue };
        let Ok(database) = Database::open(&path) else {
            assert!(
                networks.iter().all(|n| n["country"].is_null() && n["autonomous_system_number"].is_null()),
                "{file}"
            );
            continue;
        };
        assert_eq!(database.info().nodes, expected["metadata"]["node_count"], "{file}");
        assert_eq!(database.info().build_epoch_s, expected["metadata"]["build_epoch"], "{file}");
        for network in networks {
            let net: IpNet = network["network"].as_str().unwrap().parse().unwrap();
            for address in [net.network(), net.broadcast()] {
                let answer = database.answer(address).unwrap_or_default();
                let code = |field: &str| network[field].as_str().map(country);
                assert_eq!(answer.country, code("country"), "{file} {net}");
                assert_eq!(answer.registered, code("registered_country"), "{file} {net}");
                assert_eq!(answer.asn.map(u64::from), network["autonomous_system_number"].as_u64(), "{file} {net}");
                let org = network["autonomous_system_organization"].as_str();
                assert_eq!(answer.org.as_deref(), org, "{file} {net}");
                compared += 1;
            }
        }
    }
    assert!(compared > 2000, "only {compared}");
}

#[test]
fn damaged_and_foreign_files_are_refused_or_harmless() {
    let Some(folder) = test_databases() else { return };
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let mut accepted = Vec::new();
    for line in manifest.lines().skip(1) {
        let file = line.split('\t').next().unwrap();
        if !file.ends_with(".mmdb") {
            continue;
        }
        match Database::open(&folder.join(file)) {
            Ok(database) => {
                for address in ["1.1.1.1", "8.8.8.8", "81.2.69.142", "2001:db8::1", "::1", "ffff::"] {
                    let _ = (database.answer(addr(address)), database.network(addr(address)));
                }
                accepted.push(file.to_owned());
            }
            Err(problem) => {
                let message = problem.to_string();
                assert!(message.contains("unknown layout") || message.contains("no sound MaxMind DB"), "{message}");
            }
        }
    }
    let sound =
        ["GeoIP2-Country-Test.mmdb", "GeoIP2-City-Test.mmdb", "GeoLite2-ASN-Test.mmdb", "GeoLite2-Country-Test.mmdb"];
    // Its damage is in a coordinate, which nobody asks for.
    let harmless = ["GeoIP2-City-Test-Broken-Double-Format.mmdb"];
    accepted.retain(|file| !harmless.contains(&file.as_str()));
    assert_eq!(accepted, sound);
}

#[test]
fn an_unknown_layout_names_what_was_looked_for() {
    let Some(folder) = test_databases() else { return };
    let problems = with(&folder, &["GeoIP2-Anonymous-IP-Test.mmdb"]).err().unwrap();
    let message = problems[0].to_string();
    for part in ["country.iso_code", "country_code", "autonomous_system_number", "\"is_anonymous\""] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn the_later_database_wins_where_it_has_an_answer() {
    let Some(folder) = test_databases() else { return };
    let locator =
        with(&folder, &["GeoLite2-ASN-Test.mmdb", "GeoIP2-Country-Test.mmdb"]).unwrap_or_else(|p| panic!("{p:?}"));
    let infos: Vec<_> = locator.databases().iter().map(|info| info.name.as_str()).collect();
    assert_eq!(infos[1..], ["GeoLite2-ASN-Test", "GeoIP2-Country-Test"]);
    // Bhutan in the file, elsewhere in the embedded database.
    let place = locator.locate(addr("67.43.156.1"), None);
    assert_eq!(place.location, country("BT"));
    assert_eq!(locator.conflict(addr("67.43.156.1")), Some("database-database"));
    assert_eq!(
        locator.locate(addr("223.5.5.5"), None).location,
        country("CN"),
        "the embedded one answers for the rest"
    );
    let place = locator.locate(addr("1.0.0.1"), None);
    assert_eq!((place.asn, place.as_org.as_deref()), (Some(15169), Some("Google Inc.")));
    assert_eq!((place.operator.as_deref(), place.control), (Some("Google LLC"), country("US")));
}

#[test]
fn published_ranges_are_stronger_than_databases_and_unknown_regions_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ip-ranges.json");
    let list = r#"{"prefixes":[
        {"ip_prefix":"8.8.8.0/24","region":"eu-central-1","network_border_group":"eu-central-1-ist-1"},
        {"ip_prefix":"8.8.4.0/24","region":"xx-new-1","network_border_group":"xx-new-1"},
        {"ip_prefix":"77.88.8.0/24","region":"GLOBAL","network_border_group":"GLOBAL"}]}"#;
    std::fs::write(&file, list).unwrap();
    let locator = load(&GeoSettings { ranges: vec![file.clone()], ..GeoSettings::default() });
    let evidence = locator.evidence(addr("8.8.8.8"), None);
    let first = &evidence[0];
    assert_eq!((first.source, first.country, first.confidence), (EvidenceSource::Range, country("TR"), 95));
    assert_eq!(first.matched, "8.8.8.0/24");
    assert_eq!(first.origin, format!("{} (aws eu-central-1-ist-1)", file.display()));
    assert_eq!(locator.conflict(addr("8.8.8.8")), Some("range-database"));
    assert_eq!(locator.locate(addr("8.8.4.4"), None).location, country("US"), "the database decides");
    assert_eq!(locator.locate(addr("77.88.8.8"), None).location, Country::UNKNOWN, "anycast");
    std::fs::write(&file, "no list at all").unwrap();
    assert!(Locator::load(&GeoSettings { ranges: vec![file], ..GeoSettings::default() }).is_err());
}

#[test]
fn a_region_in_a_name_needs_the_network_of_the_provider() {
    let name = Some("s3.eu-central-1.amazonaws.com");
    let locator = load(&GeoSettings::default());
    assert_eq!(locator.locate(addr("223.5.5.5"), name).location, country("CN"), "the sender chose the name");
    assert_eq!(locator.locate(addr("4000::1"), name).location, country("DE"), "better than nothing");
    let Some(folder) = test_databases() else { return };
    let locator = with(&folder, &["GeoLite2-ASN-Test.mmdb"]).unwrap_or_else(|p| panic!("{p:?}"));
    // The test database has 1.0.0.0/24 in AS 15169, and nothing for 1.1.1.0/24.
    let name = Some("europe-west6-docker.pkg.dev");
    assert_eq!(locator.locate(addr("1.0.0.1"), name).location, country("CH"));
    assert_ne!(locator.locate(addr("1.1.1.1"), name).location, country("CH"));
}

#[test]
fn what_stands_in_many_places_is_marked_and_less_sure() {
    let locator = load(&GeoSettings::default());
    let mark = |address: &str| {
        let evidence = locator.evidence(addr(address), None);
        assert_eq!(locator.judge(addr(address), None, None).evidence, evidence);
        let mark = evidence.iter().find(|piece| piece.source == EvidenceSource::Edge);
        let sure = evidence.iter().find(|piece| piece.source == EvidenceSource::Database).map(|piece| piece.confidence);
        (mark.map(|piece| (piece.origin.clone(), piece.matched.clone(), piece.deciding)), sure)
    };
    let (cloudflare, sure) = mark("104.16.1.1");
    let (origin, matched, deciding) = cloudflare.expect("a mark");
    assert!(origin.starts_with("Cloudflare, anycast: stands in many places; https://"), "{origin}");
    assert_eq!((matched.as_str(), deciding, sure), ("104.16.0.0/13", false, Some(30)));
    assert!(mark("13.35.0.1").0.expect("a mark").0.contains("delivery"));
    assert!(mark("2606:4700:4700::1111").0.is_some());
    assert_eq!(mark("223.5.5.5"), (None, Some(60)));
}

#[test]
fn old_databases_are_stale_by_the_time_of_packets() {
    let day = |days: u64| Timestamp::from_parts(days * 86_400, 0);
    let any = load(&GeoSettings::default());
    assert_eq!((any.stale_from(), any.stale(day(60_000)).len()), (None, 0));
    let strict = load(&GeoSettings { max_age: Some(std::time::Duration::from_secs(86_400)), ..GeoSettings::default() });
    let from = strict.stale_from().expect("a time");
    assert_eq!(from.nanos(), (strict.databases()[0].build_epoch_s + 86_400) * 1_000_000_000);
    assert!(strict.stale(from)[0].contains("is stale: built 20"));
    assert_eq!(strict.stale(day(1)).len(), 0);
}

#[test]
fn light_strikes_what_cannot_be_and_the_next_piece_decides() {
    let site = crate::model::Site { latitude: 39.04, longitude: -77.49 };
    let mut settings = GeoSettings { site: Some(site), ..GeoSettings::default() };
    let locator = load(&settings);
    let (tsinghua, ms) = (addr("166.111.4.100"), |ms| Some(std::time::Duration::from_millis(ms)));
    for (round_trip, location) in [(None, "CN"), (ms(200), "CN"), (ms(3), "ZZ")] {
        let Judgement { place, evidence, claimed, feasible } = locator.judge(tsinghua, None, round_trip);
        assert_eq!(claimed, (location == "ZZ").then(|| country("CN")));
        assert_eq!(feasible.is_some(), location == "ZZ");
        assert_eq!(place.location, country(location), "{round_trip:?}");
        let light: Vec<_> = evidence.iter().filter(|piece| piece.source == EvidenceSource::Light).collect();
        assert_eq!(light.len(), usize::from(location == "ZZ"), "{evidence:?}");
        assert!(light.iter().all(|piece| piece.country == country("CN") && !piece.deciding));
        let decided = evidence.iter().any(|piece| piece.facet == Facet::Location && piece.deciding);
        assert_eq!(decided, location == "CN");
    }
    // Row 12 of section 10 of the transfer reference: nothing else is known, and somebody answered in 2 ms in Virginia.
    // Canada begins farther from Ashburn than light comes in 2 ms, there and back; in 3 ms it does.
    for (round_trip, canada) in [(2, false), (3, true)] {
        let unknown = locator.judge(addr("4000::1"), None, ms(round_trip));
        assert_eq!((unknown.place.location, unknown.claimed), (Country::UNKNOWN, None));
        let left = unknown.feasible.expect("light leaves some");
        for (code, is_left) in
            [("US", true), ("CA", canada), ("CN", false), ("RU", false), ("IR", false), ("KP", false)]
        {
            assert_eq!(left.contains(country(code)), is_left, "{code} in {round_trip} ms");
        }
    }
    assert_eq!(locator.judge(tsinghua, None, None).place, locator.locate(tsinghua, None));
    assert_eq!(locator.judge(tsinghua, None, None).evidence, locator.evidence(tsinghua, None));
    // The operator's word stands.
    settings.overrides = vec![overriding("166.111.0.0/16", Some("CN"), None)];
    assert_eq!(load(&settings).judge(tsinghua, None, ms(3)).place.location, country("CN"));
    // Without a site nothing is struck.
    assert_eq!(load(&GeoSettings::default()).judge(tsinghua, None, ms(3)).place.location, country("CN"));
}
