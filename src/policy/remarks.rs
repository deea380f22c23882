//! What is odd about a policy without being wrong: rules that never decide, rules, bases and exceptions whose days are over.

use super::file;
use super::sets::{Places, Sets};
use super::spec::{PolicySpec, RuleDecision, RuleSpec};
use crate::model::operator_file::quote;
use crate::model::{Country, Problem, Timestamp};

/// Everything odd about the files, by file and line. Files that cannot be read have problems instead.
pub(super) fn remarks(files: &[(String, String)], home: Option<Country>, now: Timestamp) -> Vec<Problem> {
    let sets = Sets::built_in(home);
    let mut remarks = Vec::new();
    for (name, text) in files {
        let (file, _) = file::read(name, text, &sets);
        let mut over = |line: usize, what: String| {
            remarks.push(Problem::line(name, line, format!("{what}: its days are over")));
        };
        for basis in file.bases.iter().filter(|basis| basis.span.is_over(now.nanos())) {
            over(basis.line, format!("basis {} lifts nothing", quote(&basis.code)));
        }
        for exception in file.exceptions.iter().filter(|exception| exception.span.is_over(now.nanos())) {
            over(exception.rule.line, format!("exception {} lifts nothing", quote(&exception.id)));
        }
        let Some(policy) = file.policy else { continue };
        for rule in policy.rules.iter().filter(|rule| rule.span.is_over(now.nanos())) {
            over(rule.line, format!("rule {} holds no longer", quote(&rule.reference.rule)));
        }
        for suspicion in policy.suspicions.iter().filter(|suspicion| suspicion.span.is_over(now.nanos())) {
            over(suspicion.line, format!("suspicion {} holds no longer", quote(&suspicion.rule.rule.rule)));
        }
        remarks.extend(never_deciding(name, &policy));
    }
    remarks.sort();
    remarks
}

/// A rule and where it applies, by how precisely that is said.
struct Extent<'s> {
    rule: &'s RuleSpec,
    places: Vec<(u8, Places)>,
}

fn never_deciding(name: &str, policy: &PolicySpec) -> Vec<Problem> {
    let extents: Vec<Extent<'_>> =
        policy.rules.iter().map(|rule| Extent { rule, places: rule.to.by_precision() }).collect();
    let mut remarks = Vec::new();
    for (at, extent) in extents.iter().enumerate() {
        let stronger = extents
            .iter()
            .enumerate()
            .find(|(other_at, other)| *other_at != at && other.beats(extent, *other_at < at) && other.covers(extent));
        if let Some((_, other)) = stronger {
            let (id, other) = (&extent.rule.reference.rule, other.rule);
            let how = if other.decision == extent.rule.decision { "says the same" } else { "is stricter" };
            let by =
                format!("rule {} (line {}) is about all of it and {how}", quote(&other.reference.rule), other.line);
            remarks.push(Problem::line(name, extent.rule.line, format!("rule {} never decides: {by}", quote(id))));
        }
    }
    remarks
}

impl Extent<'_> {
    /// Whether this rule wins wherever both match with the same precision.
    fn beats(&self, other: &Self, is_before: bool) -> bool {
        let strength = |extent: &Self| (extent.rule.decision, extent.rule.reference.severity);
        let (own, others) = (strength(self), strength(other));
        own > others || (own == others && is_before)
    }

    /// Whether this rule matches, with the same precision, whatever the other does.
    fn covers(&self, other: &Self) -> bool {
        let (own, others) = (self.rule, other.rule);
        let all_in = |part: &[_], whole: &[_]| part.iter().all(|item| whole.contains(item));
        own.count.is_none()
            && own.opaque == others.opaque
            && own.min_level <= others.min_level
            && own.span.covers(others.span)
            && own.subjects.is_none_or(|subjects| Some(subjects) == others.subjects)
            && own.facets == others.facets
            && own.way.is_same(&others.way)
            && (own.roles.is_empty() || own.roles == others.roles)
            && own.services.is_empty() == others.services.is_empty()
            && others.services.iter().all(|service| own.services.contains(service))
            && data_kinds(own) == data_kinds(others)
            && all_in(&others.classes, &own.classes)
            && others.signatures.iter().all(|pattern| own.signatures.contains(pattern))
            && self.lets_pass_only_what(other)
            && self.asks_for_no_more(other)
            && other.places.iter().all(|(precision, places)| {
                self.places.iter().any(|(known, more)| known == precision && places.is_within(more))
            })
    }

    /// A basis that lifts this rule lifts the other: otherwise the other is left when this one is lifted.
    fn asks_for_no_more(&self, other: &Self) -> bool {
        let (own, others) = (self.rule, other.rule);
        own.decision != RuleDecision::AllowIfBasis
            || others.decision != RuleDecision::AllowIfBasis
            || own.bases.iter().all(|basis| others.bases.contains(basis))
    }

    /// `allow` matches if every side of a destination does, the others if any does: it is covered by them, not the other way.
    fn lets_pass_only_what(&self, other: &Self) -> bool {
        self.rule.decision != RuleDecision::Allow || other.rule.decision == RuleDecision::Allow
    }
}

/// Whether any data is meant.
fn data_kinds(rule: &RuleSpec) -> bool {
    rule.classes.is_empty() && rule.signatures.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        let now = Timestamp::from_parts(1_772_460_000, 0);
        remarks(&[("p".to_owned(), text.to_owned())], None, now).iter().map(ToString::to_string).collect()
    }

    fn rule(id: &str, rest: &str) -> String {
        format!("[[rule]]\nid = \"{id}\"\nreason = \"r\"\n{rest}\n")
    }

    fn policy(rules: &[String]) -> String {
        format!("[policy]\nid = \"p\"\n{}", rules.concat())
    }

    #[test]
    fn rules_that_never_decide_are_told_with_the_one_that_does() {
        let narrow = "classes = [\"contact\"]\nto = [\"CN\"]\ndecision = \"report\"";
        let wide = "classes = [\"contact\", \"health\"]\nto = [\"CN\", \"RU\"]\ndecision = \"deny\"";
        assert_eq!(
            of(&policy(&[rule("a", narrow), rule("b", wide)])),
            ["p:3: rule `a` never decides: rule `b` (line 9) is about all of it and is stricter"]
        );
        assert_eq!(
            of(&policy(&[rule("a", wide), rule("b", wide)])),
            ["p:9: rule `b` never decides: rule `a` (line 3) is about all of it and says the same"]
        );
        // Each of these decides somewhere.
        for other in [
            "classes = [\"contact\"]\nto = [\"CN\", \"IR\"]\ndecision = \"report\"",
            "classes = [\"contact\", \"image\"]\nto = [\"CN\"]\ndecision = \"report\"",
            "signatures = [\"email\"]\nto = [\"CN\"]\ndecision = \"report\"",
            "classes = [\"contact\"]\nto = [\"CN\"]\nto_facet = \"location\"\ndecision = \"report\"",
            "classes = [\"contact\"]\nto = [\"CN\"]\nservices = [\"chat\"]\ndecision = \"report\"",
            "classes = [\"contact\"]\nto = [\"CN\"]\nopaque = \"allow\"\ndecision = \"report\"",
        ] {
            assert_eq!(of(&policy(&[rule("a", other), rule("b", wide)])), [""; 0], "{other}");
        }
        for wide in [
            format!("{wide}\nuntil = 2030-01-01"),
            format!("{wide}\nmin_level = \"high\""),
            format!("{wide}\ncount = {{ unit = \"persons\", over = 9, window = \"calendar-year\" }}"),
            format!("{wide}\nsubjects = [\"US\"]"),
        ] {
            assert_eq!(of(&policy(&[rule("a", narrow), rule("b", &wide)])), [""; 0], "{wide}");
        }
    }

    #[test]
    fn what_is_over_is_told() {
        let old = "to = [\"CN\"]\ndecision = \"deny\"\nuntil = 2026-03-02";
        let today = "to = [\"RU\"]\ndecision = \"deny\"\nuntil = 2026-03-03";
        let more = "[[basis]]\ncode = \"scc\"\nuntil = 2025-01-01\n[[exception]]\nid = \"e\"\nrule = \"p/a\"\napprover = \"n\"\n\
reason = \"r\"\nfrom = 2026-01-01\nuntil = 2026-01-20\n";
        assert_eq!(
            of(&(policy(&[rule("a", old), rule("b", today)]) + more)),
            [
                "p:3: rule `a` holds no longer: its days are over",
                "p:15: basis `scc` lifts nothing: its days are over",
                "p:20: exception `e` lifts nothing: its days are over",
            ]
        );
    }

    #[test]
    fn every_rule_of_the_built_in_policies_can_decide() {
        for (name, text) in super::super::BUILT_IN {
            let found = remarks(&[((*name).to_owned(), (*text).to_owned())], "US".parse().ok(), Timestamp::default());
            assert_eq!(found, [], "{name}");
        }
    }
}
