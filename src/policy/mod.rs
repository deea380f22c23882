//! Policy: crossing in, decision out. Pure: no clock, no I/O, no state; a [`PolicySet`] never changes and is shared.
//!
//! # The language
//!
#![doc = concat!("```toml\n", include_str!("../../docs/policy.example.toml"), "```\n")]
//!
//! # How a crossing is decided
//!
//! Destinations that are `local` are allowed. Everything else is put before each policy of the set, and **the strictest
//! of their verdicts holds** (violation, undetermined, allowed; among equals the more severe rule, then the first
//! policy).
//!
//! Within a policy **the most specific rule that matches wins**. Rules compare by, in this order:
//! 1. the data that matched: signature by name, by beginning (`mrz-*`), class, any;
//! 2. the place that matched: country by code, set, exclusion only (`!@eea`), anywhere;
//! 3. both facets named, one;
//! 4. how much is said of services, source, peers, ports and purposes.
//!
//! A rule with several lists or items is as specific as the item that matched. Rules that are equally specific: the
//! stricter verdict wins, then the stricter word (deny, allow-if-basis, report, allow), then the higher severity, then
//! the order of the file. `allow` needs *every* facet it names in its places; the others match if *any* is.
//!
//! | word | verdict |
//! |---|---|
//! | `deny` | violation |
//! | `allow-if-basis` | allowed with a valid basis, violation without |
//! | `report` | allowed, under the name of the rule; unlike `allow` it matches if any facet does, and wins among equals |
//! | `allow` | allowed |
//!
//! A rule with a `count` is no rule until more persons or devices went the same way than it lets: `decide` names it among
//! the `counted`, if it would be a violation and nothing more specific is sure, and whoever keeps count makes it one. Of
//! octets that nobody read no count is known, so that such a rule may match them.
//!
//! Lists of the operator's own records are signatures too: `signatures = ["watch/journalists"]`, `["watch/*"]`.
//!
//! # Whose data
//!
//! A rule with `subjects` is about some people's data: it holds if the operator declares to hold data of such people,
//! and beside that for a finding that itself tells to be about one of them (a passport's issuing state, a national
//! identifier's kind, a telephone's country). What data tells adds rules; it never lifts one.
//!
//! # What is not known
//!
//! An unknown location (`ZZ`) may be any country that the speed of light leaves (any at all without it), an unread octet may be any data. A rule then matches *maybe*, and the
//! policy is followed through all that may be: verdicts that agree are the verdict, those that differ make it
//! **undetermined**, with the gravest possible rule named. So a denial of any data to a place makes unread octets to
//! that place undetermined (`opaque` on the rule says otherwise), and a denial of a set makes an unknown location
//! undetermined. Beyond that, **an unknown location is never permission**: only an `allow` or `report` that holds
//! anywhere allows there, no default does. A rule may name `ZZ` to deny it. An unknown control says nothing beside the
//! location, unless `unknown_control = "undetermined"`. A service that the catalogue does not know is of no class.
//! Without any policy all is undetermined.
//!
//! A location that sources claim and light rules out is judged as both, as claimed and as what is left, and **the stricter
//! verdict holds**: whoever answered so soon may be a proxy that passes on to the claimed place.
//!
//! Findings below a rule's `min_level` are not its business: under the built-in policy `home` they are allowed and
//! counted.

mod decide;
mod file;
mod remarks;
mod sets;
mod spec;
mod suspicion;
#[cfg(test)]
mod tests;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use decide::Policy;
use sets::Sets;
use spec::{Basis, Exception, Mention, Pattern};
pub use suspicion::Sending;
use ways::{Recipient, Ways};

use crate::model::operator_file::{nearest_hint, quote};
use crate::model::{
    Countries, Country, Crossing, Decision, PolicyFacts, Problem, RuleRef, SuspicionRule, Timestamp, Verdict,
};

/// The list of areas of 28 CFR 202.1401, which the operator loads.
const GOVERNMENT_LOCATIONS: &str = "watch/us-government-locations";

/// The built-in policies: name and TOML text, by name.
const BUILT_IN: &[(&str, &str)] = &[
    ("br-lgpd", include_str!("packs/br-lgpd.toml")),
    ("ch-fadp", include_str!("packs/ch-fadp.toml")),
    ("cn-pipl", include_str!("packs/cn-pipl.toml")),
    ("eu-gdpr", include_str!("packs/eu-gdpr.toml")),
    ("home", include_str!("packs/home.toml")),
    ("in-dpdp", include_str!("packs/in-dpdp.toml")),
    ("jp-appi", include_str!("packs/jp-appi.toml")),
    ("kr-pipa", include_str!("packs/kr-pipa.toml")),
    ("project-texas", include_str!("packs/project-texas.toml")),
    ("ru-152fz", include_str!("packs/ru-152fz.toml")),
    ("sa", include_str!("packs/sa.toml")),
    ("tr", include_str!("packs/tr.toml")),
    ("uk-gdpr", include_str!("packs/uk-gdpr.toml")),
    ("us-dsp", include_str!("packs/us-dsp.toml")),
    ("us-padfa", include_str!("packs/us-padfa.toml")),
    ("vn", include_str!("packs/vn.toml")),
];

/// Several policies that judge together. Immutable: share it in an `Arc`, replace it whole.
#[derive(Default)]
pub struct PolicySet {
    policies: Vec<Policy>,
    about: Vec<PolicyAbout>,
    bases: Vec<Basis>,
    exceptions: Vec<Exception>,
    signatures: Vec<Mention>,
    services: Vec<Mention>,
    violable: Vec<Arc<RuleRef>>,
    suspicions: Vec<Arc<RuleRef>>,
    least_suspected: Option<u64>,
    minds_ways: bool,
}

/// What a policy says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyAbout {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its version, or the digest of its file.
    pub version: String,
    /// The day its text was last checked, `YYYY-MM-DD`, or empty.
    pub as_of: String,
    /// Who reviewed it; empty if it says that nobody did; `None` if it does not say.
    pub reviewer: Option<String>,
    /// The file it is from.
    pub file: String,
    /// Rules in force for the subjects at hand.
    pub rules: usize,
    /// Rules about other people's data: they hold for data that itself tells that it is theirs.
    pub rules_for_others: usize,
}

impl PolicySet {
    /// The policy without any configuration but the home jurisdiction: user data recognised with high confidence stays
    /// home.
    pub fn built_in_default(home: Country) -> Self {
        // The text is ours and tested for every assigned country; another one is nobody's home and judges nothing.
        Self::load(&[], Some(home)).unwrap_or_default()
    }

    /// Reads policies from `(name for messages, TOML text)`. Without files: the built-in default of `home`, or, without
    /// a home either, no policy, under which all is undetermined.
    ///
    /// # Errors
    /// Every problem of every file, in order of files and lines.
    pub fn load(files: &[(String, String)], home: Option<Country>) -> Result<Self, Vec<Problem>> {
        let default;
        let files = match (files, home) {
            ([], Some(_)) => {
                default = [("built-in policy `home`".to_owned(), include_str!("packs/home.toml").to_owned())];
                &default
            }
            _ => files,
        };
        let sets = Sets::built_in(home);
        let mut problems = Vec::new();
        let mut set = Self::default();
        let mut subjects = Countries::default();
        let mut specs = Vec::new();
        let (mut hosts, mut purposes, mut roles) = (Vec::new(), Vec::new(), Vec::new());
        for (name, text) in files {
            let (file, found) = file::read(name, text, &sets);
            problems.extend(found);
            set.bases.extend(file.bases);
            set.exceptions.extend(file.exceptions);
            set.signatures.extend(file.signatures);
            set.services.extend(file.services);
            subjects.extend(&file.subjects);
            hosts.extend(file.hosts);
            purposes.extend(file.purposes);
            roles.extend(file.roles);
            specs.extend(file.policy.map(|policy| (name, policy)));
        }
        if subjects.is_empty()
            && let Some(home) = home
        {
            subjects.insert(home);
        }
        let ways = Ways::new(hosts, purposes, &mut problems);
        let mut seen: BTreeMap<String, &String> = BTreeMap::new();
        for (name, mut spec) in specs {
            if let Some(first) = seen.insert(spec.id.value.clone(), name)
                && !spec.id.value.is_empty()
            {
                let message = format!("policy {} is there already, from {first}", quote(&spec.id.value));
                problems.push(Problem::line(name, spec.id.line, message));
            }
            let mut ids = BTreeSet::new();
            let rules = spec.rules.iter().map(|rule| (rule.line, &rule.reference.rule));
            let suspicions = spec.suspicions.iter().map(|suspicion| (suspicion.line, &suspicion.rule.rule.rule));
            for (line, id) in rules.chain(suspicions) {
                if !ids.insert(id.clone()) || id == "default" {
                    let why = if id == "default" { "is the name of the policy's default" } else { "is there twice" };
                    problems.push(Problem::line(name, line, format!("rule {} {why}", quote(id))));
                }
            }
            let known: BTreeSet<String> =
                spec.rules.iter().map(|rule| format!("{}/{}", spec.id.value, rule.reference.rule)).collect();
            // What binds others than the operator binds nobody here; an operator that says nothing may be any of them.
            spec.rules.retain(|rule| {
                roles.is_empty() || rule.roles.is_empty() || rule.roles.iter().any(|role| roles.contains(role))
            });
            let applies = |rule: &spec::RuleSpec| match &rule.subjects {
                Some(of) if !subjects.is_empty() => of.meets(&subjects),
                _ => true,
            };
            set.about.push(PolicyAbout {
                id: spec.id.value.clone(),
                title: spec.title.clone(),
                version: spec.version.clone(),
                as_of: spec.as_of.clone(),
                reviewer: spec.reviewer.clone(),
                file: name.clone(),
                rules: spec.rules.iter().filter(|rule| applies(rule)).count(),
                rules_for_others: spec.rules.iter().filter(|rule| !applies(rule)).count(),
            });
            set.policies.push(Policy::lower(spec, applies, known, &ways, name, &mut problems));
        }
        set.check_exceptions(&mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        set.violable = set.policies.iter().flat_map(Policy::violable).cloned().collect();
        set.violable.sort();
        set.suspicions = set.policies.iter().flat_map(Policy::suspicions).cloned().collect();
        set.suspicions.sort();
        let recipients = set.bases.iter().map(|basis| &basis.recipients);
        let mut recipients = recipients.chain(set.exceptions.iter().map(|exception| &exception.recipients)).flatten();
        set.minds_ways = set.policies.iter().any(Policy::minds_ways) || recipients.any(Recipient::is_network);
        set.least_suspected = set.policies.iter().filter_map(Policy::least_suspected).min();
        Ok(set)
    }

    fn check_exceptions(&self, problems: &mut Vec<Problem>) {
        let known: Vec<&str> =
            self.policies.iter().flat_map(|policy| policy.known().iter().map(String::as_str)).collect();
        for exception in &self.exceptions {
            if !known.contains(&exception.rule.value.as_str()) {
                let message =
                    format!("exception `{}` is to the unknown rule {}", exception.id, quote(&exception.rule.value));
                let hint = nearest_hint(&exception.rule.value, &known);
                problems.push(Problem::line(&exception.file, exception.rule.line, message).with_hint(hint));
            }
        }
    }

    /// The text of a built-in policy.
    pub fn named(name: &str) -> Option<&'static str> {
        BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// The built-in policies, name and TOML text, by name.
    pub const fn list() -> &'static [(&'static str, &'static str)] {
        BUILT_IN
    }

    /// Whether there is no policy at all, so that nothing can be judged.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// What the policies say of themselves, in order.
    pub fn about(&self) -> &[PolicyAbout] {
        &self.about
    }

    /// What metrics tell of the policies.
    pub fn facts(&self) -> PolicyFacts {
        let lapses =
            |exception: &Exception| Some((exception.rule.value.clone(), exception.id.clone(), exception.span.end()?));
        PolicyFacts {
            versions: self.about.iter().map(|about| (about.id.clone(), about.version.clone())).collect(),
            thresholds: self.policies.iter().flat_map(Policy::thresholds).cloned().collect(),
            suspicions: self.suspicions.clone(),
            exceptions: self.exceptions.iter().filter_map(lapses).collect(),
        }
    }

    /// What an operator should be told once: policies that nobody reviewed, policies and bases without
    /// effect.
    pub fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        for about in &self.about {
            if about.reviewer.as_deref() == Some("") {
                let as_of = if about.as_of.is_empty() { "at an unknown day" } else { &about.as_of };
                notices.push(format!("policy `{}` is an unreviewed pack, its text last checked {as_of}", about.id));
            }
            if about.rules == 0 && about.rules_for_others > 0 {
                let id = &about.id;
                let why = "they are about other people than `[data] subjects` or the home";
                notices
                    .push(format!("no rule of policy `{id}` is in force but for data that tells whose it is: {why}"));
            }
        }
        for basis in &self.bases {
            if !self.policies.iter().any(|policy| policy.asks_for(&basis.code)) {
                notices.push(format!("basis {} satisfies no rule", quote(&basis.code)));
            }
        }
        notices
    }

    /// What is odd about the operator's files without being wrong, with line: rules that never decide, and rules, bases and
    /// exceptions whose days are over `now`. Built-in policies keep what is over for captures of those days; their own tests
    /// look for the rest.
    pub fn remarks(files: &[(String, String)], home: Option<Country>, now: Timestamp) -> Vec<Problem> {
        let own = |(_, text): &&(String, String)| !BUILT_IN.iter().any(|(_, known)| known == text);
        remarks::remarks(&files.iter().filter(own).cloned().collect::<Vec<_>>(), home, now)
    }

    /// The rules that can appear in a violation, sorted: for metric series that exist before anything happens.
    pub fn rules(&self) -> impl Iterator<Item = &Arc<RuleRef>> {
        self.violable.iter()
    }

    /// Signatures and service classes that rules name and that nobody else knows: such rules would silently never
    /// match.
    pub fn unknown_names(&self, signatures: &BTreeSet<&str>, service_classes: &BTreeSet<&str>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let lists = [("signature", &self.signatures, signatures), ("service class", &self.services, service_classes)];
        for (what, mentions, known) in lists {
            for Mention { file, line, pattern } in mentions {
                // A rule for any list (`watch/*`), or for one that only the operator can have, is right while no list is loaded.
                let waits = match pattern {
                    Pattern::Prefix(start) => start == "watch/",
                    Pattern::Name(name) => name == GOVERNMENT_LOCATIONS,
                };
                if waits || known.iter().any(|name| pattern.matches(name)) {
                    continue;
                }
                let (Pattern::Name(name) | Pattern::Prefix(name)) = pattern;
                let known: Vec<&str> = known.iter().copied().collect();
                let message = format!("unknown {what} {}", quote(name));
                problems.push(Problem::line(file, *line, message).with_hint(nearest_hint(name, &known)));
            }
        }
        problems.sort();
        problems
    }

    /// Where rules speak of a list of areas that is not among the signatures: they wait for it.
    pub fn waiting_rules(&self, signatures: &BTreeSet<&str>) -> Vec<Problem> {
        let waits = |mention: &&Mention| matches!(&mention.pattern, Pattern::Name(name) if name == GOVERNMENT_LOCATIONS && !signatures.contains(&**name));
        let remark = |mention: &Mention| {
            let message = format!("no list {} is loaded: this rule waits for it", quote(GOVERNMENT_LOCATIONS));
            Problem::line(&mention.file, mention.line, message).with_hint("docs/watch.md tells how to make it")
        };
        self.signatures.iter().filter(waits).map(remark).collect()
    }

    /// Whether any rule, basis or exception asks from whom, to which network, on which port or for which purpose something is sent.
    pub fn minds_ways(&self) -> bool {
        self.minds_ways
    }

    /// The fewest octets that a suspicion waits for; `None` without any.
    pub fn least_suspected(&self) -> Option<u64> {
        self.least_suspected
    }

    /// The suspicions that octets which nobody can read are about.
    pub fn suspecting(&self, sending: &Sending<'_>) -> Vec<Arc<SuspicionRule>> {
        self.policies.iter().flat_map(|policy| policy.suspecting(sending)).cloned().collect()
    }

    /// Judges a crossing.
    pub fn decide(&self, crossing: &Crossing<'_>) -> Decision {
        let decision = self.decide_at(crossing);
        let Some(claimed) = crossing.claimed else { return decision };
        let other = self.decide_at(&Crossing { location: claimed, feasible: None, claimed: None, ..*crossing });
        stricter(decision, other)
    }

    fn decide_at(&self, crossing: &Crossing<'_>) -> Decision {
        if crossing.location == Country::LOCAL {
            return Decision { verdict: Verdict::Allowed, rule: None, matched: Vec::new(), counted: Vec::new() };
        }
        let mut best: Option<Decision> = None;
        let mut others = Vec::new();
        let mut counted = Vec::new();
        for policy in &self.policies {
            let mut decision = policy.decide(crossing, &self.bases, &self.exceptions);
            counted.append(&mut decision.counted);
            match &mut best {
                Some(best) if gravity(best) >= gravity(&decision) => others.extend(decision.matched),
                Some(best) => {
                    others.append(&mut best.matched);
                    *best = decision;
                }
                None => best = Some(decision),
            }
        }
        let Some(mut decision) = best else {
            return Decision { verdict: Verdict::Undetermined, rule: None, matched: Vec::new(), counted: Vec::new() };
        };
        decision.matched.append(&mut others);
        decision.counted = counted;
        decision
    }
}

/// The stricter of two decisions, the first among equals, with all that matched in either.
fn stricter(first: Decision, second: Decision) -> Decision {
    let (mut strict, mild) = if gravity(&second) > gravity(&first) { (second, first) } else { (first, second) };
    for id in mild.matched {
        if !strict.matched.contains(&id) {
            strict.matched.push(id);
        }
    }
    for rule in mild.counted {
        if !strict.counted.iter().any(|known| Arc::ptr_eq(known, &rule)) {
            strict.counted.push(rule);
        }
    }
    strict
}

fn gravity(decision: &Decision) -> (Verdict, Option<crate::model::Severity>) {
    (decision.verdict, decision.rule.as_ref().map(|rule| rule.severity))
}
