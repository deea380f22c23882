//! Files: what loads, what is a problem and how that is said.

use super::*;

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
    let files = [("example".to_owned(), include_str!("../../../docs/policy.example.toml").to_owned())];
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
