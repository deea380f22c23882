//! What holds for all rules that can be written.

use proptest::prelude::*;

use super::*;

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
