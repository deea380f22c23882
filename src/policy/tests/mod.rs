//! Tests of the policy room: decision tables as data (`cases/*.toml`) here, files and properties beside.
//!
//! A case file holds a policy file in `policy`, names of `built_in` ones, an optional `home`, and crossings in `case`: what
//! is asked, what is answered. Each case names `at` (day or second), `data` (`signature/class/level`, or `opaque`),
//! `to` (`location/control/service-class`, the last two optional), and expects `verdict`, `rule`, and optionally
//! `matched` and `counted`.

mod files;
mod properties;

use std::net::{IpAddr, Ipv4Addr};

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
    let file: CaseFile = toml::from_str(include_str!("../cases/reference.toml")).unwrap();
    let europe: CaseFile = toml::from_str(include_str!("../cases/reference-eu.toml")).unwrap();
    let rows: BTreeSet<u32> = file
        .case
        .iter()
        .chain(&europe.case)
        .filter_map(|case| case.name.split_once(':').and_then(|(row, _)| row.parse().ok()))
        .collect();
    assert_eq!(rows, (1..=15).collect());
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
