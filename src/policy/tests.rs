//! Tests of the policy room: decision tables as data (`cases/*.toml`), properties, messages.
//!
//! A case file holds a policy file in `policy`, names of `built_in` ones, an optional `home`, and crossings in `case`: what
//! is asked, what is answered. Each case names `at` (day or second), `data` (`signature/class/level`, or `opaque`),
//! `to` (`location/control/service-class`, the last two optional), and expects `verdict`, `rule`, and optionally
//! `matched` and `counted`.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::model::{Countries, CrossingData, DataClass, Ends, Level, Timestamp, ip_proto};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    home: Option<String>,
    #[serde(default)]
    built_in: Vec<String>,
    #[serde(default)]
    policy: Vec<String>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    at: Option<String>,
    data: String,
    to: String,
    verdict: String,
    rule: Option<String>,
    matched: Option<Vec<String>>,
    /// `SENDER > PEER tcp/PORT`, what is not said as in `ENDS`.
    ends: Option<String>,
    /// Operator of the service.
    operator: Option<String>,
    /// Where an unknown location can be.
    feasible: Option<Vec<String>>,
    /// What was claimed of the location before light ruled it out.
    claimed: Option<String>,
    /// Rules that count the crossing; those of no case that does not ask are looked at.
    counted: Option<Vec<String>>,
}

fn time(text: &str) -> Timestamp {
    let text = if text.contains('T') { text.to_owned() } else { format!("{text}T12:00:00Z") };
    let since = humantime::parse_rfc3339(&text).unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_nanos(since.as_nanos() as u64)
}

fn ask(set: &PolicySet, at: &str, data: &str, to: &str) -> Decision {
    ask_between(set, at, data, to, ENDS, None, None)
}

fn ask_between(
    set: &PolicySet,
    at: &str,
    data: &str,
    to: &str,
    ends: Ends<'_>,
    feasible: Option<&Countries>,
    claimed: Option<Country>,
) -> Decision {
    // From the end: a list's signature has a slash of its own.
    let parts: Vec<&str> = data.rsplitn(3, '/').collect();
    let data = (data != "opaque").then(|| CrossingData {
        signature: parts[2],
        class: parts[1].parse().unwrap(),
        level: parts[0].split('@').next().unwrap().parse().unwrap(),
        // `high@DE`: the data tells whose it is.
        subject: parts[0].split_once('@').map(|(_, of)| of.parse().unwrap()),
    });
    let mut to = to.split('/');
    let location = to.next().unwrap().parse().unwrap();
    let control = to.next().unwrap_or("ZZ").parse().unwrap();
    let service_class = to.next();
    set.decide(&Crossing { time: time(at), data, location, control, service_class, ends, feasible, claimed })
}

impl Case {
    fn ends(&self) -> Ends<'_> {
        let mut ends = Ends { operator: self.operator.as_deref(), ..ENDS };
        if let Some(text) = &self.ends {
            let (sender, rest) = text.split_once(" > ").unwrap();
            let (peer, port) = rest.split_once(' ').unwrap();
            let (proto, port) = port.split_once('/').unwrap();
            ends.sender = sender.parse().unwrap();
            ends.peer = peer.parse().unwrap();
            ends.proto = if proto == "tcp" { ip_proto::TCP } else { ip_proto::UDP };
            ends.port = port.parse().unwrap();
        }
        ends
    }

    fn ask(&self, set: &PolicySet, ends: Ends<'_>) -> Decision {
        let feasible = self.feasible.as_ref().map(|codes| {
            let mut set = Countries::default();
            codes.iter().for_each(|code| set.insert(code.parse().unwrap()));
            set
        });
        let claimed = self.claimed.as_ref().map(|code| code.parse().unwrap());
        let at = self.at.as_deref().unwrap_or("2026-01-02");
        ask_between(set, at, &self.data, &self.to, ends, feasible.as_ref(), claimed)
    }
}

/// Someone sends something somewhere.
const ENDS: Ends<'static> = Ends {
    sender: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
    peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    proto: ip_proto::TCP,
    port: 443,
    operator: None,
    as_org: None,
};

fn run(name: &str, text: &str, wrong: &mut Vec<String>) {
    let file: CaseFile = toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let built_in = file.built_in.iter().map(|id| (id.clone(), PolicySet::named(id).unwrap().to_owned()));
    let files: Vec<(String, String)> =
        built_in.chain(file.policy.into_iter().map(|text| (name.to_owned(), text))).collect();
    let set = PolicySet::load(&files, file.home.map(|home| home.parse().unwrap()))
        .unwrap_or_else(|p| panic!("{name}: {p:?}"));
    for case in file.case {
        let decision = case.ask(&set, case.ends());
        let another_way = Ends {
            sender: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 77)),
            peer: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 77)),
            proto: ip_proto::UDP,
            port: 7,
            ..case.ends()
        };
        if !set.minds_ways() && case.ask(&set, another_way) != decision {
            wrong.push(format!("{name}: {}: another decision on another way, which nobody minds", case.name));
        }
        let name_of = |rule: &Arc<RuleRef>| format!("{}/{}", rule.policy, rule.rule);
        let rule = decision.rule.as_ref().map(name_of);
        let first = decision.matched.first().map(ToString::to_string);
        let matched: Vec<String> = decision.matched.iter().map(ToString::to_string).collect();
        let counted: Vec<String> = decision.counted.iter().map(|count| name_of(&count.rule)).collect();
        // The deciding rule comes first.
        let fits = decision.verdict.as_str() == case.verdict
            && rule == case.rule
            && (rule.is_none() || first == rule)
            && case.matched.as_ref().is_none_or(|wanted| *wanted == matched)
            && case.counted.as_ref().is_none_or(|wanted| *wanted == counted);
        if !fits {
            wrong.push(format!("{name}: {}: {} {rule:?} {matched:?} {counted:?}", case.name, decision.verdict));
        }
    }
}

/// The files of cases by name.
fn case_files() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/policy/cases");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_case_comes_out_as_expected() {
    let mut wrong = Vec::new();
    for (name, text) in case_files() {
        run(&name, &text, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The days, since 1970, on which rules of a pack begin or end.
fn boundaries(text: &str) -> BTreeSet<u64> {
    let days = text.lines().filter_map(|line| line.strip_prefix("from = ").or(line.strip_prefix("until = ")));
    days.map(|day| crate::model::operator_file::day_from_text(day.trim_matches('"')).unwrap()).collect()
}

#[test]
fn every_pack_has_cases_and_each_of_its_days_from_both_sides() {
    let files: Vec<CaseFile> = case_files().iter().map(|(_, text)| toml::from_str(text).unwrap()).collect();
    for (pack, text) in PolicySet::list().iter().filter(|(pack, _)| *pack != "home") {
        let own = files.iter().filter(|file| file.built_in == [*pack]);
        let cases: Vec<&Case> = own.flat_map(|file| &file.case).collect();
        assert!(cases.len() >= 3, "{pack} has {} cases", cases.len());
        let asked: BTreeSet<u64> = cases
            .iter()
            .filter_map(|case| crate::model::operator_file::day_from_text(case.at.as_ref()?.get(..10)?))
            .collect();
        let days = boundaries(text);
        assert!(!days.is_empty(), "{pack} holds since ever");
        for day in days {
            let missing: Vec<u64> = [day - 1, day].into_iter().filter(|day| !asked.contains(day)).collect();
            let missing: Vec<String> = missing.into_iter().map(crate::model::operator_file::day_text).collect();
            assert!(missing.is_empty(), "{pack}: no case on {missing:?}");
        }
        assert!(text.contains("\nas_of = ") && text.contains("\nreviewer = ") && text.contains("\ncite = "), "{pack}");
    }
}

#[test]
fn all_fifteen_rows_of_the_reference_are_cases() {
    let file: CaseFile = toml::from_str(include_str!("cases/reference.toml")).unwrap();
    let europe: CaseFile = toml::from_str(include_str!("cases/reference-eu.toml")).unwrap();
    let rows: BTreeSet<u32> = file
        .case
        .iter()
        .chain(&europe.case)
        .filter_map(|case| case.name.split_once(':').and_then(|(row, _)| row.parse().ok()))
        .collect();
    assert_eq!(rows, (1..=15).collect());
}

fn problems(text: &str) -> Vec<String> {
    let files = [("p.toml".to_owned(), text.to_owned())];
    PolicySet::load(&files, None).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn every_built_in_policy_loads_for_every_home() {
    for (name, text) in PolicySet::list() {
        for home in crate::model::ISO_3166_ALPHA_2.split_ascii_whitespace() {
            let loaded = PolicySet::load(&[((*name).to_owned(), (*text).to_owned())], home.parse().ok());
            assert_eq!(loaded.err(), None, "{name} for {home}");
        }
        assert_eq!(PolicySet::named(name), Some(*text));
    }
    let default = PolicySet::built_in_default("US".parse().unwrap());
    assert!(default.rules().count() == 4 && default.rules().is_sorted());
    assert!(default.notices().is_empty());
}

#[test]
fn without_policy_nothing_is_judged_but_what_is_local() {
    let none = PolicySet::load(&[], None).unwrap();
    assert!(none.is_empty());
    for (to, verdict) in [("local", Verdict::Allowed), ("US/US", Verdict::Undetermined), ("ZZ", Verdict::Undetermined)]
    {
        for data in ["opaque", "us-ssn/government-id/high"] {
            assert_eq!(ask(&none, "2026-01-02", data, to).verdict, verdict);
        }
    }
}

#[test]
fn problems_come_all_at_once_with_lines_and_hints() {
    let text = r#"
[policy]
id = "Bad Id"
defualt = "deny"
default = "denied"
as_of = 2026-02-30

[[rule]]
id = "a"
classes = ["goverment-id"]
to = ["@us-country-of-concern", "UK", "eea", "local"]
to_facet = "controls"
decision = "deny"
"#;
    // The day that does not exist is no TOML, and hides the rest.
    assert_eq!(problems(text).len(), 1, "{:?}", problems(text));
    assert!(problems(text)[0].starts_with("p.toml:6: "), "{:?}", problems(text));
    let text = text.replace("2026-02-30", "\"2026-02-30\"");
    assert_eq!(
        problems(&text),
        [
            "p.toml:3: `Bad Id` cannot be an `id` (small letters, digits, `-`, `_` and `.`, at most 64)",
            "p.toml:4: unknown key `defualt` in [policy] (did you mean `default`?)",
            "p.toml:5: `default` in [policy] cannot be `denied` (known: allow, deny, report)",
            "p.toml:6: `as_of` in [policy]: `2026-02-30` is no day (write YYYY-MM-DD, from 1970-01-01)",
            "p.toml:8: `reason` in [[rule]] is missing",
            "p.toml:10: `classes` in [[rule]] cannot be `goverment-id` (did you mean `government-id`?)",
            "p.toml:11: rule `a` names `local`: what is local never leaves and needs no rule",
            "p.toml:11: rule `a` names the unknown set `@us-country-of-concern` (did you mean `us-countries-of-concern`?)",
            "p.toml:11: rule `a`: `UK` is no ISO 3166-1 code (did you mean `GB`?)",
            "p.toml:11: rule `a`: `eea` is no ISO 3166-1 code (did you mean the set `@eea`?)",
            "p.toml:12: `to_facet` in [[rule]] cannot be `controls` (did you mean `control`?)",
        ]
    );
}

#[test]
fn contradictions_are_problems() {
    let text = r#"
[policy]
id = "p"
[sets]
home = ["US"]
eea = ["US"]
later = ["@laterr"]
laterr = ["US", "!CA"]
[[rule]]
id = "a"
decision = "allow"
to = ["ZZ"]
[[rule]]
id = "a"
decision = "allow-if-basis"
reason = "r"
from = 2026-01-02
until = 2026-01-02
[[rule]]
id = "default"
decision = "deny"
basis = ["scc"]
reason = "r"
signatures = ["a*b"]
to_facet = "control"
[[exception]]
id = "e"
rule = "p/b"
approver = "N"
reason = "r"
from = 2026-01-01
until = 2026-03-01
[[exception]]
id = "f"
rule = "p/a"
"#;
    assert_eq!(
        problems(text),
        [
            "p.toml:5: set `home` needs another name: small letters, digits and `-`",
            "p.toml:6: set `eea` is defined already",
            "p.toml:7: set `later` names the unknown set `@laterr` (none of the 17 known names is near)",
            "p.toml:8: set `laterr` cannot exclude; rules can",
            "p.toml:9: rule `a` allows to `ZZ`: an unknown country is never read as permission (leave `to` out to allow a class everywhere)",
            "p.toml:13: `until` is not after `from` (`from` is the first day, `until` the first day after)",
            "p.toml:13: rule `a` decides `allow-if-basis` and names no `basis`",
            "p.toml:19: rule `default` has `to_facet` without `to`",
            "p.toml:19: rule `default` names a `basis`, which only `allow-if-basis` asks for (citations go into `cite`)",
            "p.toml:24: `signatures`: `a*b` is neither a name nor a beginning with `*`",
            "p.toml:26: an exception lasts at most 30 days",
            "p.toml:33: `approver` in [[exception]] is missing",
            "p.toml:33: `reason` in [[exception]] is missing",
            "p.toml:33: an exception must have `from`",
            "p.toml:33: an exception must have `until`",
            "p.toml:13: rule `a` is there twice",
            "p.toml:19: rule `default` is the name of the policy's default",
            "p.toml:28: exception `e` is to the unknown rule `p/b` (did you mean `p/a`?)",
        ]
    );
}

#[test]
fn names_that_nobody_knows_are_told() {
    let text = "[policy]\nid = \"p\"\n[[rule]]\nid = \"r\"\ndecision = \"allow\"\nsignatures = [\"us-snn\", \"mrz-*\", \"xx-*\"]\nservices = [\"chats\"]\n";
    let set = PolicySet::load(&[("p.toml".to_owned(), text.to_owned())], None).unwrap();
    let found = set.unknown_names(&["us-ssn", "mrz-td3"].into(), &["chat", "store"].into());
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "p.toml:6: unknown signature `us-snn` (did you mean `us-ssn`?)",
            "p.toml:6: unknown signature `xx-` (known: mrz-td3, us-ssn)",
            "p.toml:7: unknown service class `chats` (did you mean `chat`?)",
        ]
    );
}

/// The classes of the service catalogue. A pack that names another one would be refused at start.
#[test]
fn built_in_policies_name_only_what_exists() {
    let files: Vec<(String, String)> =
        PolicySet::list().iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let set = PolicySet::load(&files, "US".parse().ok()).unwrap();
    let classes = ["chat", "store", "mail", "social", "cdn", "cloud", "sdk"].into();
    assert_eq!(set.unknown_names(&BTreeSet::new(), &classes), []);
    assert!(PolicySet::list().is_sorted());
    // Each but `home` says when it was checked, and that nobody reviewed it.
    let packs = set.about().iter().filter(|about| about.id != "home");
    assert!(packs.clone().count() > 10);
    for about in packs {
        assert!(about.reviewer.as_deref() == Some("") && about.as_of.len() == 10, "{about:?}");
    }
}

#[test]
fn a_basis_that_nobody_asks_for_is_told() {
    let text = "[[basis]]\ncode = \"scc-eu\"\n".to_owned();
    let gdpr = ("eu-gdpr".to_owned(), PolicySet::named("eu-gdpr").unwrap().to_owned());
    let set = PolicySet::load(&[gdpr, ("b".to_owned(), text)], None).unwrap();
    assert_eq!(set.notices()[1], "basis `scc-eu` satisfies no rule");
}

#[test]
fn the_example_is_true() {
    let files = [("example".to_owned(), include_str!("../../docs/policy.example.toml").to_owned())];
    let set = PolicySet::load(&files, None).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!((set.about()[0].rules, set.bases.len(), set.exceptions.len()), (3, 1, 1));
    assert!(set.notices().is_empty(), "{:?}", set.notices());
    let ssn = "us-ssn/government-id/high";
    let (sender, peer) = ("10.20.8.9".parse().unwrap(), "198.51.100.9".parse().unwrap());
    let ends = Ends { sender, peer, port: 5432, ..ENDS };
    let ask = |at, data, to, ends| ask_between(&set, at, data, to, ends, None, None).verdict;
    assert_eq!(ask("2026-03-15", ssn, "BY/BY/chat", ends), Verdict::Violation);
    assert_eq!(ask("2026-03-14", ssn, "BY/BY/chat", ends), Verdict::Allowed);
    assert_eq!(ask("2026-03-15", "opaque", "RU/RU/chat", ends), Verdict::Violation);
    assert_eq!(ask("2026-03-15", ssn, "HK/HK/chat", ends), Verdict::Allowed);
    assert_eq!(ask("2026-03-15", ssn, "BY/BY/chat", Ends { port: 443, ..ends }), Verdict::Allowed);
    assert_eq!(set.facts().suspicions.len(), 1);
}

#[test]
fn a_policy_about_other_people_says_so() {
    let text = PolicySet::named("eu-gdpr").unwrap().to_owned();
    let files = [("eu-gdpr".to_owned(), text)];
    let set = PolicySet::load(&files, "US".parse().ok()).unwrap();
    assert_eq!(set.about()[0].rules, 0);
    assert!(set.notices()[1].contains("no rule of policy `eu-gdpr` is in force"), "{:?}", set.notices());
    // The data that is held counts more than the home; without either every rule holds.
    let data = ("data.toml".to_owned(), "[data]\nsubjects = [\"US\", \"FR\"]\n".to_owned());
    let set = PolicySet::load(&[files[0].clone(), data], "US".parse().ok()).unwrap();
    assert_eq!((set.about()[0].rules, set.notices().len()), (10, 1));
    assert_eq!(PolicySet::load(&files, None).unwrap().about()[0].rules, 10);
}

#[test]
fn two_policies_cannot_share_an_id() {
    let text = "[policy]\nid = \"p\"\n".to_owned();
    let files = [("a.toml".to_owned(), text.clone()), ("b.toml".to_owned(), text)];
    let problems = PolicySet::load(&files, None).err().unwrap();
    assert_eq!(
        problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["b.toml:2: policy `p` is there already, from a.toml"]
    );
}

#[test]
fn a_file_without_version_gets_its_digest() {
    let set = PolicySet::load(&[("a".to_owned(), "[policy]\nid = \"p\"\nreviewer = \"\"\n".to_owned())], None).unwrap();
    assert_eq!(set.about()[0].version.len(), "sha256:".len() + 12);
    assert_eq!(set.notices(), ["policy `p` is an unreviewed pack, its text last checked at an unknown day"]);
}

/// A rule as a property test makes it.
#[derive(Clone, Debug)]
struct Made {
    data: &'static str,
    to: &'static str,
    facet: &'static str,
    decision: &'static str,
    extra: &'static str,
}

fn made() -> impl Strategy<Value = Made> {
    (
        prop::sample::select(vec![
            "",
            "classes = [\"health\"]",
            "classes = [\"health\", \"contact\"]",
            "signatures = [\"s1\"]",
            "signatures = [\"s*\"]",
        ]),
        prop::sample::select(vec![
            "",
            "[\"CN\"]",
            "[\"@eea\"]",
            "[\"!@eea\"]",
            "[\"@eea\", \"!FR\", \"US\"]",
            "[\"!CN\", \"!RU\"]",
        ]),
        prop::sample::select(vec!["", "to_facet = \"location\"", "to_facet = \"control\""]),
        prop::sample::select(vec!["allow", "report", "deny", "allow-if-basis"]),
        prop::sample::select(vec![
            "",
            "min_level = \"high\"",
            "services = [\"chat\"]",
            "opaque = \"deny\"",
            "until = 2026-01-02",
        ]),
    )
        .prop_map(|(data, to, facet, decision, extra)| Made { data, to, facet, decision, extra })
}

fn policy_text(id: &str, rules: &[Made], default: &str) -> String {
    let mut text = format!("[policy]\nid = \"{id}\"\ndefault = \"{default}\"\n");
    for (n, rule) in rules.iter().enumerate() {
        text += &format!(
            "[[rule]]\nid = \"r{n}\"\ndecision = \"{}\"\nreason = \"r\"\n{}\n{}\n",
            rule.decision, rule.data, rule.extra
        );
        if !rule.to.is_empty() {
            text += &format!("to = {}\n{}\n", rule.to, rule.facet);
        }
        if rule.decision == "allow-if-basis" {
            text += "basis = [\"scc\"]\n";
        }
    }
    text
}

fn load(texts: &[String]) -> PolicySet {
    let files: Vec<(String, String)> = texts.iter().map(|text| ("t".to_owned(), text.clone())).collect();
    PolicySet::load(&files, None).unwrap()
}

fn questions() -> Vec<(&'static str, &'static str, String)> {
    let mut all = Vec::new();
    for at in ["2026-01-01", "2026-01-02"] {
        for data in ["opaque", "s1/health/high", "s2/contact/low", "t/health/medium", "t/image/high"] {
            for location in ["CN", "FR", "IS", "US", "ZZ"] {
                for control in ["CN", "DE", "US", "ZZ"] {
                    for service in ["", "/chat"] {
                        all.push((at, data, format!("{location}/{control}{service}")));
                    }
                }
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// One more denial, and one more policy, never open a way.
    #[test]
    fn a_denial_or_a_policy_more_is_never_more_permissive(
        rules in prop::collection::vec(made(), 0..6),
        mut denial in made(),
        default in prop::sample::select(vec!["allow", "report", "deny"]),
    ) {
        denial.decision = "deny";
        let before = load(&[policy_text("p", &rules, default)]);
        let two = load(&[policy_text("p", &rules, default), policy_text("q", std::slice::from_ref(&denial), "allow")]);
        let mut more = rules.clone();
        more.push(denial);
        let after = load(&[policy_text("p", &more, default)]);
        for (at, data, to) in questions() {
            let first = ask(&before, at, data, &to);
            prop_assert!(ask(&after, at, data, &to).verdict >= first.verdict, "{data} to {to}: {first:?}");
            prop_assert!(ask(&two, at, data, &to).verdict >= first.verdict, "{data} to {to}: {first:?}");
        }
    }

    /// The order of rules in a file does not change a verdict.
    #[test]
    fn order_of_rules_does_not_matter(rules in prop::collection::vec(made(), 0..6)) {
        let there = load(&[policy_text("p", &rules, "report")]);
        let back = load(&[policy_text("p", &rules.iter().rev().cloned().collect::<Vec<_>>(), "report")]);
        for (at, data, to) in questions() {
            prop_assert_eq!(ask(&there, at, data, &to).verdict, ask(&back, at, data, &to).verdict);
        }
    }

    /// What is said of an unknown place is what is said of every place, or undetermined; never a permission by default.
    #[test]
    fn unknown_is_bounded_by_all_that_it_may_be(rules in prop::collection::vec(made(), 0..6)) {
        let set = load(&[policy_text("p", &rules, "report")]);
        for (at, data, to) in questions().into_iter().filter(|(_, _, to)| to.starts_with("ZZ")) {
            let verdict = ask(&set, at, data, &to).verdict;
            if verdict != Verdict::Undetermined {
                for place in ["CN", "FR", "IS", "US", "RU"] {
                    let known = ask(&set, at, data, &to.replacen("ZZ", place, 1)).verdict;
                    prop_assert_eq!(verdict, known, "{} to {}, known as {}", data, to, place);
                }
            }
        }
    }

    /// Whoever violates is told which rule, and the rules that can be violated are known beforehand.
    #[test]
    fn every_violation_names_a_rule_that_was_announced(
        rules in prop::collection::vec(made(), 0..6),
        default in prop::sample::select(vec!["allow", "deny"]),
    ) {
        let set = load(&[policy_text("p", &rules, default)]);
        for (at, data, to) in questions() {
            let decision = ask(&set, at, data, &to);
            if decision.verdict == Verdict::Violation {
                let rule = decision.rule.expect("a rule");
                prop_assert!(set.rules().any(|known| *known == rule));
                prop_assert_eq!(decision.matched[0].to_string(), format!("p/{}", rule.rule));
            }
        }
    }

    /// Anything may stand in a file.
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = PolicySet::load(&[("t".to_owned(), text)], None);
    }

    /// Damage to a real file is told or harmless, never a panic.
    #[test]
    fn no_damage_panics(at in 0usize..4000, insert in prop::sample::select(vec!["[", "\"", "=", "\n", "!", "@", "\u{0}", "9", "é", "[[rule]]\n"])) {
        for (_, text) in PolicySet::list() {
            let mut text = (*text).to_owned();
            let mut at = at % text.len();
            while !text.is_char_boundary(at) { at -= 1; }
            text.insert_str(at, insert);
            let _ = PolicySet::load(&[("t".to_owned(), text)], "US".parse().ok());
        }
    }
}

#[test]
fn a_thousand_rules_do_not_slow_a_decision() {
    // Counts work instead of time: rules for other signatures are never looked at.
    let mut text = "[policy]\nid = \"p\"\n".to_owned();
    for n in 0..1000 {
        text += &format!(
            "[[rule]]\nid = \"r{n}\"\nsignatures = [\"s{n}\"]\nto = [\"CN\"]\ndecision = \"deny\"\nreason = \"r\"\n"
        );
    }
    let set = load(&[text]);
    let decision = ask(&set, "2026-01-02", "s999/health/high", "CN");
    assert_eq!((decision.verdict, decision.matched.len()), (Verdict::Violation, 1));
    let data = CrossingData { signature: "s999", class: DataClass::Health, level: Level::High, subject: None };
    let to = "CN".parse().unwrap();
    let crossing = Crossing {
        time: time("2026-01-02"),
        data: Some(data),
        location: to,
        control: to,
        service_class: None,
        ends: ENDS,
        feasible: None,
        claimed: None,
    };
    let looked_at = set.policies[0].candidates(&crossing).count();
    assert_eq!(looked_at, 1);
}

#[test]
fn data_that_tells_whose_it_is_brings_the_rules_of_its_home() {
    let text = "[policy]\nid = \"p\"\ndefault = \"allow\"\n[[rule]]\nid = \"r\"\nsubjects = [\"@eea\"]\nto = [\"!@eea\"]\n\
                decision = \"deny\"\nreason = \"test\"\n[data]\nsubjects = [\"US\"]\n";
    let set = PolicySet::load(&[("p.toml".to_owned(), text.to_owned())], None).unwrap();
    for (data, verdict) in [
        ("email/contact/high", Verdict::Allowed),
        ("us-ssn/government-id/high@US", Verdict::Allowed),
        ("fr-nir/government-id/high@FR", Verdict::Violation),
        ("opaque", Verdict::Allowed),
    ] {
        assert_eq!(ask(&set, "2026-01-02", data, "US/US").verdict, verdict, "{data}");
    }
    assert_eq!(set.notices().len(), 1);
    // Declared subjects hold whatever the data tells.
    let declared = text.replace("[data]\nsubjects = [\"US\"]", "[data]\nsubjects = [\"DE\"]");
    let set = PolicySet::load(&[("p.toml".to_owned(), declared)], None).unwrap();
    assert_eq!(ask(&set, "2026-01-02", "us-ssn/government-id/high@US", "US/US").verdict, Verdict::Violation);
}
