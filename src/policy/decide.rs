//! One policy, made ready for deciding: rules split into entries that are ranked once, found by signature and class.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;

use super::sets::{Holds, Places};
use super::spec::{Basis, Exception, Pattern, PolicySpec, RuleDecision, RuleSpec, Span};
use super::suspicion::{Sending, Suspicion};
use super::ways::{Recipient, Way, Ways};
use crate::model::{
    CountRule, Countries, Country, Crossing, DataClass, Decision, Facet, Level, Problem, RuleRef, Severity,
    SuspicionRule, Verdict,
};

/// How specific an entry is: data, place, facets, services and parts of the way. Higher is more.
type Rank = (u8, u8, u8, u8);

const DATA_ANY: u8 = 0;
const DATA_CLASS: u8 = 1;
const DATA_PREFIX: u8 = 2;
const DATA_SIGNATURE: u8 = 3;

struct Rule {
    reference: Arc<RuleRef>,
    /// `policy/rule`.
    id: Arc<str>,
    decision: RuleDecision,
    services: Vec<String>,
    way: Way,
    min_level: Level,
    opaque: Option<Verdict>,
    span: Span,
    bases: Vec<Pattern>,
    /// Whose data the rule is about; everybody's if it does not say.
    subjects: Option<Countries>,
    /// Whether it is about the people whose data this is, as declared.
    in_force: bool,
    /// Whether the rule is about any data, whatever its class and level.
    any_data: bool,
    /// What must have crossed before the rule holds.
    count: Option<Arc<CountRule>>,
}

/// A rule, as far as one kind of its data and one kind of its places go.
pub(super) struct Entry {
    rank: Rank,
    rule: usize,
    places: Places,
    /// The sides that the places are about, and whether all of them must be there: asked of every entry for a kind of data, so that
    /// a rule elsewhere costs a few nanoseconds.
    sides: [bool; 2],
    all_sides: bool,
}

/// A policy ready for deciding.
pub(super) struct Policy {
    rules: Vec<Rule>,
    /// Most specific first; among equals the strictest word, then the highest severity, then the order of the file.
    entries: Vec<Entry>,
    by_signature: HashMap<String, Vec<usize>>,
    by_prefix: Vec<(String, usize)>,
    /// By class, entries for the class and for any data.
    by_class: Vec<Vec<usize>>,
    /// Verdict where no rule matches.
    default: Verdict,
    default_rule: Arc<RuleRef>,
    default_id: Arc<str>,
    unknown_control_is_location: bool,
    known: BTreeSet<String>,
    suspicions: Vec<Suspicion>,
}

/// The verdicts that are possible so far, the first rule that brought each, and the one that is sure if nothing before
/// it applies. A rule of `None` is the default.
#[derive(Default)]
struct Outcomes {
    possible: [Option<Option<usize>>; 3],
    sure: Option<usize>,
}

impl Outcomes {
    fn add(&mut self, verdict: Verdict, rule: Option<usize>) {
        if let Some(slot) = self.possible.get_mut(verdict as usize) {
            slot.get_or_insert(rule);
        }
    }

    fn add_sure(&mut self, verdict: Verdict, rule: Option<usize>) {
        self.add(verdict, rule);
        self.sure = rule;
    }

    /// The verdict that all agree on, with the sure rule; or undetermined, with the first rule behind the gravest.
    fn verdict(&self) -> (Verdict, Option<usize>) {
        let mut possible =
            Verdict::ALL.iter().zip(self.possible).filter_map(|(&verdict, slot)| Some((verdict, slot?))).rev();
        match (possible.next(), possible.next()) {
            (Some((_, rule)), Some(_)) | (Some((Verdict::Undetermined, rule)), None) => (Verdict::Undetermined, rule),
            (Some((verdict, _)), None) => (verdict, self.sure),
            (None, _) => (Verdict::Undetermined, None),
        }
    }
}

impl Policy {
    /// Rules that count persons or devices.
    pub(super) fn thresholds(&self) -> impl Iterator<Item = &Arc<RuleRef>> {
        self.rules.iter().filter(|rule| rule.count.is_some()).map(|rule| &rule.reference)
    }

    /// Makes the policy ready; `applies` says which rules are about the people whose data this is as declared (others
    /// wait for data that tells), `known` are the ids of all its rules. Names of hosts and purposes in `file` that are none are
    /// problems.
    pub(super) fn lower(
        spec: PolicySpec,
        applies: impl Fn(&RuleSpec) -> bool,
        known: BTreeSet<String>,
        ways: &Ways,
        file: &str,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let id = &spec.id.value;
        let mut policy = Self {
            rules: Vec::new(),
            entries: Vec::new(),
            by_signature: HashMap::new(),
            by_prefix: Vec::new(),
            by_class: vec![Vec::new(); DataClass::ALL.len()],
            default: if spec.default == RuleDecision::Deny { Verdict::Violation } else { Verdict::Allowed },
            default_rule: Arc::new(RuleRef {
                policy: id.clone(),
                version: spec.version.clone(),
                rule: "default".to_owned(),
                severity: Severity::High,
                basis: String::new(),
                reason: "no rule of the policy allows it".to_owned(),
                owner: String::new(),
            }),
            default_id: format!("{id}/default").into(),
            unknown_control_is_location: spec.unknown_control_is_location,
            known,
            suspicions: Vec::new(),
        };
        for suspicion in spec.suspicions {
            let way = ways.resolve(file, &suspicion.way, problems);
            policy.suspicions.push(Suspicion::new(suspicion, way));
        }
        let mut drafts = Vec::new();
        for rule in spec.rules {
            let at = policy.rules.len();
            let in_force = applies(&rule);
            let way = ways.resolve(file, &rule.way, problems);
            for (precision, places) in rule.to.by_precision() {
                let facets = if precision == 0 { 0 } else { rule.facets.len() as u8 };
                let rest = (precision, facets, u8::from(!rule.services.is_empty()) + way.parts());
                drafts.extend(data_of(&rule).into_iter().map(|data| {
                    let rank = (data_rank(&data), rest.0, rest.1, rest.2);
                    let sides = [Facet::Location, Facet::Control].map(|side| rule.facets.contains(&side));
                    let all_sides = rule.decision == RuleDecision::Allow;
                    (data, Entry { rank, rule: at, places, sides, all_sides })
                }));
            }
            let reference = Arc::new(rule.reference);
            let count = rule.count.map(|count| {
                Arc::new(CountRule {
                    rule: reference.clone(),
                    unit: count.unit,
                    over: count.over,
                    window: count.window,
                    group: count.group,
                })
            });
            policy.rules.push(Rule {
                id: format!("{}/{}", reference.policy, reference.rule).into(),
                reference,
                count,
                decision: rule.decision,
                services: rule.services,
                way,
                min_level: rule.min_level,
                opaque: rule.opaque,
                span: rule.span,
                bases: rule.bases,
                subjects: rule.subjects,
                in_force,
                any_data: rule.classes.is_empty() && rule.signatures.is_empty() && rule.min_level == Level::Low,
            });
        }
        let rules = &policy.rules;
        drafts.sort_by_key(|(_, entry)| {
            let strictness = rules.get(entry.rule).map(|rule| (rule.decision, rule.reference.severity));
            Reverse((entry.rank, strictness, Reverse(entry.rule)))
        });
        for (data, entry) in drafts {
            let at = policy.entries.len();
            policy.entries.push(entry);
            match data {
                Data::Any => policy.by_class.iter_mut().for_each(|list| list.push(at)),
                Data::Class(class) => {
                    policy.by_class.iter_mut().skip(class as usize).take(1).for_each(|list| list.push(at));
                }
                Data::Signature(name) => policy.by_signature.entry(name).or_default().push(at),
                Data::Prefix(start) => policy.by_prefix.push((start, at)),
            }
        }
        policy
    }

    /// Whether a rule is about one way of sending.
    pub(super) fn minds_ways(&self) -> bool {
        self.rules.iter().any(|rule| rule.way.parts() > 0)
    }

    /// Ids of all rules of the file as `policy/rule`, in force or not.
    pub(super) fn known(&self) -> &BTreeSet<String> {
        &self.known
    }

    /// The rules that a violation can name.
    pub(super) fn violable(&self) -> impl Iterator<Item = &Arc<RuleRef>> {
        let can = |rule: &&Rule| {
            matches!(rule.decision, RuleDecision::Deny | RuleDecision::AllowIfBasis)
                || rule.opaque == Some(Verdict::Violation)
        };
        let default = (self.default == Verdict::Violation).then_some(&self.default_rule);
        self.rules.iter().filter(can).map(|rule| &rule.reference).chain(default)
    }

    /// Rules about what nobody can read.
    pub(super) fn suspicions(&self) -> impl Iterator<Item = &Arc<RuleRef>> {
        self.suspicions.iter().map(Suspicion::reference)
    }

    /// The fewest octets that a suspicion waits for.
    pub(super) fn least_suspected(&self) -> Option<u64> {
        self.suspicions.iter().map(|suspicion| suspicion.rule().over).min()
    }

    /// The suspicions that are about these octets.
    pub(super) fn suspecting(&self, sending: &Sending<'_>) -> impl Iterator<Item = &Arc<SuspicionRule>> {
        self.suspicions.iter().filter(|suspicion| suspicion.is_about(sending)).map(Suspicion::rule)
    }

    /// Whether a basis of this code would satisfy a rule.
    pub(super) fn asks_for(&self, code: &str) -> bool {
        self.rules.iter().any(|rule| rule.bases.iter().any(|pattern| pattern.matches(code)))
    }

    /// Entries that may match, most specific first.
    pub(super) fn candidates(&self, crossing: &Crossing<'_>) -> impl Iterator<Item = &Entry> {
        let data = crossing.data;
        let named = data.and_then(|data| self.by_signature.get(data.signature)).map_or(&[][..], Vec::as_slice);
        let begun =
            self.by_prefix.iter().filter(move |(start, _)| data.is_some_and(|d| d.signature.starts_with(start)));
        let class = data.and_then(|data| self.by_class.get(data.class as usize)).map_or(&[][..], Vec::as_slice);
        // Unread octets may be any data: every entry may match them.
        let all = if data.is_none() { self.entries.as_slice() } else { &[] };
        let found = named.iter().copied().chain(begun.map(|(_, at)| *at)).chain(class.iter().copied());
        all.iter().chain(found.filter_map(|at| self.entries.get(at)))
    }

    /// Judges a crossing to a place that is not local. Ids of all that matched come with it, the deciding one first.
    pub(super) fn decide(&self, crossing: &Crossing<'_>, bases: &[Basis], exceptions: &[Exception]) -> Decision {
        let place = Destination::of(crossing, self.unknown_control_is_location);
        let mut outcomes = Outcomes::default();
        let mut matched: Vec<Arc<str>> = Vec::new();
        let mut seen = vec![false; self.rules.len()];
        // Within entries of one rank: the gravest verdict that is sure, and those that may be.
        let mut group = Group::default();
        let mut rank = None;
        let mut settled = false;
        let mut counted: Vec<Arc<CountRule>> = Vec::new();
        for entry in self.candidates(crossing) {
            let reaches = entry.reaches(place);
            if reaches == Holds::No {
                continue;
            }
            let Some(rule) = self.rules.get(entry.rule) else { continue };
            let holds = matches(rule, crossing, reaches);
            if holds == Holds::No {
                continue;
            }
            if rank != Some(entry.rank) {
                settled = settled || group.settle(&mut outcomes);
                rank = Some(entry.rank);
            }
            let (verdict, lifted_by) = judge(rule, crossing, place, bases, exceptions);
            if let (Some(count), Some(_)) = (&rule.count, crossing.data) {
                let known = counted.iter().any(|known| Arc::ptr_eq(known, count));
                if !settled && !known && holds == Holds::Yes && verdict == Verdict::Violation {
                    counted.push(count.clone());
                }
                continue;
            }
            if let Some(slot) = seen.get_mut(entry.rule)
                && !std::mem::replace(slot, true)
            {
                matched.push(rule.id.clone());
                matched.extend(lifted_by);
            }
            if !settled {
                group.add(holds, verdict, entry.rule);
            }
        }
        settled = settled || group.settle(&mut outcomes);
        if !settled {
            // No default speaks for a place that nobody knows, and none condemns octets that nobody read.
            let open = match self.default {
                Verdict::Violation => crossing.data.is_none(),
                _ => !crossing.location.is_known() && crossing.feasible.is_none(),
            };
            outcomes.add_sure(if open { Verdict::Undetermined } else { self.default }, None);
        }
        let (verdict, rule) = outcomes.verdict();
        let deciding = match rule.and_then(|at| self.rules.get(at)) {
            Some(rule) => Some((&rule.reference, &rule.id)),
            None if self.default == Verdict::Violation => Some((&self.default_rule, &self.default_id)),
            None => None,
        };
        if let Some((_, id)) = deciding {
            matched.retain(|other| other != id);
            matched.insert(0, id.clone());
        }
        Decision { verdict, rule: deciding.map(|(reference, _)| reference.clone()), matched, counted }
    }
}

/// What is sure and what may be among equally specific rules.
#[derive(Default)]
struct Group {
    sure: Option<(Verdict, usize)>,
    maybe: Vec<(Verdict, usize)>,
}

impl Group {
    fn add(&mut self, holds: Holds, verdict: Verdict, rule: usize) {
        if holds != Holds::Yes {
            self.maybe.push((verdict, rule));
        } else if self.sure.is_none_or(|(sure, _)| verdict > sure) {
            self.sure = Some((verdict, rule));
        }
    }

    /// Hands the group's verdicts over and empties it; whether one of them was sure, so that nothing less specific
    /// counts.
    fn settle(&mut self, outcomes: &mut Outcomes) -> bool {
        let sure = self.sure.take();
        for (verdict, rule) in self.maybe.drain(..) {
            // The stricter wins among equals: what is milder than a sure verdict changes nothing.
            if sure.is_none_or(|(sure, _)| verdict > sure) {
                outcomes.add(verdict, Some(rule));
            }
        }
        if let Some((verdict, rule)) = sure {
            outcomes.add_sure(verdict, Some(rule));
        }
        sure.is_some()
    }
}

/// Where a crossing goes, as a policy sees it.
#[derive(Clone, Copy)]
struct Destination<'a> {
    location: Country,
    control: Country,
    /// Where an unknown location can be.
    feasible: Option<&'a Countries>,
    /// Whether the control is taken to be the location.
    control_is_location: bool,
}

impl<'a> Destination<'a> {
    fn of(crossing: &Crossing<'a>, unknown_control_is_location: bool) -> Self {
        let (location, feasible) = (crossing.location, crossing.feasible);
        let control_is_location = !crossing.control.is_known() && unknown_control_is_location;
        let control = match crossing.control {
            known if known.is_known() => known,
            _ if control_is_location => location,
            _ => Country::UNKNOWN,
        };
        Self { location, control, feasible, control_is_location }
    }

    /// Whether a side is among some places.
    fn is_in(self, places: &Places, facet: Facet) -> Holds {
        match facet {
            Facet::Location => places.hold(self.location, self.feasible),
            Facet::Control => places.hold(self.control, self.feasible.filter(|_| self.control_is_location)),
        }
    }

    /// Whether location and control are both among some places.
    fn both_in(self, places: &Places) -> Holds {
        self.is_in(places, Facet::Location).min(self.is_in(places, Facet::Control))
    }
}

impl Entry {
    /// Whether it is about where a crossing goes.
    fn reaches(&self, to: Destination<'_>) -> Holds {
        let side = |at: usize, facet| self.sides.get(at).is_some_and(|is| *is).then(|| to.is_in(&self.places, facet));
        let sides = side(0, Facet::Location).into_iter().chain(side(1, Facet::Control));
        (if self.all_sides { sides.min() } else { sides.max() }).unwrap_or(Holds::No)
    }
}

fn matches(rule: &Rule, crossing: &Crossing<'_>, place: Holds) -> Holds {
    let service = rule.services.is_empty()
        || crossing.service_class.is_some_and(|class| rule.services.iter().any(|service| service == class));
    // What the data itself tells adds the rules of its person's home; it lifts none that are declared to hold.
    let about = || crossing.data.and_then(|data| data.subject).zip(rule.subjects.as_ref());
    let concerned = rule.in_force || about().is_some_and(|(subject, of)| of.contains(subject));
    if !concerned || !rule.span.contains(crossing.time.nanos()) || !service || !rule.way.holds(&crossing.ends) {
        return Holds::No;
    }
    // That it is data of the right signature or class is known from where the entry was found.
    let data = match crossing.data {
        Some(data) => Holds::from(data.level >= rule.min_level),
        None if rule.opaque.is_some() => Holds::Yes,
        None if rule.any_data && rule.decision < RuleDecision::AllowIfBasis => Holds::Yes,
        None => Holds::Maybe,
    };
    data.min(place)
}

/// What a rule that matches says, and what lifted it.
fn judge(
    rule: &Rule,
    crossing: &Crossing<'_>,
    to: Destination<'_>,
    bases: &[Basis],
    exceptions: &[Exception],
) -> (Verdict, Option<Arc<str>>) {
    if crossing.data.is_none()
        && let Some(verdict) = rule.opaque
        && verdict != Verdict::Violation
    {
        return (verdict, None);
    }
    let forbids = match rule.decision {
        RuleDecision::Allow | RuleDecision::Report => {
            rule.opaque == Some(Verdict::Violation) && crossing.data.is_none()
        }
        RuleDecision::AllowIfBasis | RuleDecision::Deny => true,
    };
    if !forbids {
        return (Verdict::Allowed, None);
    }
    let covers = |span: Span, places: &Places, classes: &[DataClass], recipients: &[Recipient]| {
        let recipient = recipients.is_empty() || recipients.iter().any(|recipient| recipient.is(&crossing.ends));
        let class = match crossing.data {
            _ if classes.is_empty() => Holds::Yes,
            Some(data) => Holds::from(classes.contains(&data.class)),
            None => Holds::Maybe,
        };
        Holds::from(recipient && span.contains(crossing.time.nanos())).min(to.both_in(places)).min(class)
    };
    let basis = bases
        .iter()
        .filter(|basis| rule.bases.iter().any(|pattern| pattern.matches(&basis.code)))
        .map(|basis| (covers(basis.span, &basis.to, &basis.classes, &basis.recipients), "basis", &basis.code));
    let exception = exceptions.iter().filter(|exception| *exception.rule.value == *rule.id).map(|exception| {
        let Exception { span, to, classes, recipients, .. } = exception;
        (covers(*span, to, classes, recipients), "exception", &exception.id)
    });
    let mut lifted: Option<(Holds, &str, &String)> = None;
    for (holds, kind, name) in basis.chain(exception) {
        if holds > lifted.map_or(Holds::No, |(best, ..)| best) {
            lifted = Some((holds, kind, name));
        }
    }
    match lifted {
        Some((Holds::Yes, kind, name)) => (Verdict::Allowed, Some(format!("{kind}/{name}").into())),
        Some((_, kind, name)) => (Verdict::Undetermined, Some(format!("{kind}/{name}").into())),
        None => (Verdict::Violation, None),
    }
}

/// A kind of data that a rule names.
enum Data {
    Any,
    Class(DataClass),
    Prefix(String),
    Signature(String),
}

fn data_rank(data: &Data) -> u8 {
    match data {
        Data::Any => DATA_ANY,
        Data::Class(_) => DATA_CLASS,
        Data::Prefix(_) => DATA_PREFIX,
        Data::Signature(_) => DATA_SIGNATURE,
    }
}

fn data_of(rule: &RuleSpec) -> Vec<Data> {
    if rule.classes.is_empty() && rule.signatures.is_empty() {
        return vec![Data::Any];
    }
    let signatures = rule.signatures.iter().map(|pattern| match pattern {
        Pattern::Name(name) => Data::Signature(name.clone()),
        Pattern::Prefix(start) => Data::Prefix(start.clone()),
    });
    rule.classes.iter().map(|&class| Data::Class(class)).chain(signatures).collect()
}
