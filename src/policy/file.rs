//! A policy file: TOML in, checked rules out, all problems at once. What the keys mean is told in the room's essay.

use sha2::{Digest as _, Sha256};

use super::sets::{Holds, Sets};
use super::spec::{
    Basis, CountSpec, Exception, Mention, Pattern, PolicyFile, PolicySpec, RuleDecision, RuleSpec, Span,
};
use super::suspicion::SuspicionSpec;
use super::ways::{HostsSpec, PurposeSpec, Recipient, WaySpec};
use crate::model::operator_file::{At, OperatorFile, Table, bytes_from_text, day_text, quote};
use crate::model::{
    CountGroup, CountUnit, CountWindow, Countries, Country, DataClass, Facet, Level, Problem, RuleRef, Severity,
    SuspicionRule, Verdict,
};

/// Longest id of a policy, rule, set, basis or exception: ids become metric labels.
const ID_LENGTH_MAX: usize = 64;
/// An exception lasts at most this long.
const EXCEPTION_DAYS_MAX: u64 = 30;
/// What those who hold data may be to a law, `roles`.
const ROLES: &[&str] =
    &["data-broker", "vendor", "employer", "investor", "significant-fiduciary", "critical-infrastructure"];
const NANOS_PER_DAY: u64 = 86_400 * 1_000_000_000;

/// Whether a text can be an id: small letters, digits, `-`, `_`, `.`, starting with a letter or digit.
pub(super) fn is_id(text: &str) -> bool {
    text.len() <= ID_LENGTH_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
}

/// Reads one file. `sets` are the built-in ones.
pub(super) fn read(name: &str, text: &str, sets: &Sets) -> (PolicyFile, Vec<Problem>) {
    let file = OperatorFile::parse(name, text);
    if file.is_broken() {
        return (PolicyFile::default(), file.into_problems());
    }
    let mut root = file.root();
    let mut sets = sets.clone();
    if let Some(table) = root.table("sets") {
        sets.define(&file, table.lists());
    }
    let mut reader = Reader { file: &file, sets: &sets, out: PolicyFile::default() };
    let header = root.table("policy");
    let rules = root.tables("rule");
    let suspicions = root.tables("suspicion");
    match header {
        Some(header) => {
            let mut policy = reader.policy(header, text);
            policy.rules = rules.into_iter().filter_map(|rule| reader.rule(rule, &policy)).collect();
            policy.suspicions = suspicions.into_iter().filter_map(|table| reader.suspicion(table, &policy)).collect();
            reader.out.policy = Some(policy);
        }
        None if !rules.is_empty() || !suspicions.is_empty() => {
            file.problem_with_hint(1, "rules without a [policy] table", "[policy] with an `id`");
        }
        None => {}
    }
    for table in root.tables("basis") {
        reader.basis(table);
    }
    for table in root.tables("exception") {
        reader.exception(table);
    }
    for table in root.tables("hosts") {
        reader.out.hosts.push(HostsSpec::read(&file, table));
    }
    for table in root.tables("purpose") {
        reader.out.purposes.extend(PurposeSpec::read(&file, table));
    }
    if let Some(mut table) = root.table("data") {
        let items = table.strings("subjects");
        reader.out.subjects = reader.subjects("[data]", &items);
        reader.out.roles = roles(&mut table);
        table.finish();
    }
    root.finish();
    let out = reader.out;
    (out, file.into_problems())
}

struct Reader<'d, 'i> {
    file: &'d OperatorFile<'i>,
    sets: &'d Sets,
    out: PolicyFile,
}

impl Reader<'_, '_> {
    fn policy(&self, mut table: Table<'_, '_>, text: &str) -> PolicySpec {
        let id = self.id(&mut table, "id");
        let line = table.line();
        let policy = PolicySpec {
            id: id.unwrap_or(At { value: String::new(), line }),
            title: text_of(table.string("title")),
            version: table.string("version").map_or_else(|| digest(text), |version| version.value),
            as_of: shown_day(&mut table, "as_of"),
            reviewer: table.string("reviewer").map(|reviewer| reviewer.value),
            default: table
                .choice(
                    "default",
                    &[RuleDecision::Allow, RuleDecision::Report, RuleDecision::Deny],
                    RuleDecision::as_str,
                )
                .map_or(RuleDecision::Report, |default| default.value),
            unknown_control_is_location: table
                .choice("unknown_control", &[true, false], |is| if is { "location" } else { "undetermined" })
                .is_none_or(|choice| choice.value),
            rules: Vec::new(),
            suspicions: Vec::new(),
        };
        table.finish();
        policy
    }

    fn rule(&mut self, mut table: Table<'_, '_>, policy: &PolicySpec) -> Option<RuleSpec> {
        let line = table.line();
        let id = self.id(&mut table, "id");
        let place = format!("rule {}", quote(id.as_ref().map_or("?", |id| &id.value)));
        if !table.has("decision") {
            self.file.problem(line, format!("{place} has no `decision`"));
        }
        let decision = table.choice("decision", RuleDecision::ALL, RuleDecision::as_str).map(|decision| decision.value);
        let signatures = self.patterns(&mut table, "signatures");
        let services = table.strings("services");
        let to_items = table.strings("to");
        let to = self.sets.place_list(self.file, &place, &to_items);
        let mut facets = values(table.choices("to_facet", Facet::ALL, Facet::as_str));
        if table.has("to_facet") && to_items.is_empty() {
            self.file.problem(line, format!("{place} has `to_facet` without `to`"));
        }
        if facets.is_empty() {
            facets = Facet::ALL.to_vec();
        }
        facets.sort_unstable();
        facets.dedup();
        let bases = self.patterns(&mut table, "basis");
        let needs_basis = decision == Some(RuleDecision::AllowIfBasis);
        if needs_basis && bases.is_empty() {
            self.file.problem(line, format!("{place} decides `allow-if-basis` and names no `basis`"));
        } else if !needs_basis && !bases.is_empty() && decision.is_some() {
            self.file.problem_with_hint(
                line,
                format!("{place} names a `basis`, which only `allow-if-basis` asks for"),
                "citations go into `cite`",
            );
        }
        if decision == Some(RuleDecision::Allow) && to.names_unknown() {
            let message = format!("{place} allows to `ZZ`: an unknown country is never read as permission");
            self.file.problem_with_hint(line, message, "leave `to` out to allow a class everywhere");
        }
        let reason = if decision == Some(RuleDecision::Allow) {
            text_of(table.string("reason"))
        } else {
            table.required_string("reason").map(|reason| reason.value).unwrap_or_default()
        };
        let severity = table.choice("severity", Severity::ALL, Severity::as_str).map(|severity| severity.value);
        let subjects = table.strings("subjects");
        let spec = RuleSpec {
            line,
            reference: RuleRef {
                policy: policy.id.value.clone(),
                version: policy.version.clone(),
                rule: id.as_ref().map(|id| id.value.clone()).unwrap_or_default(),
                severity: severity.unwrap_or(match decision {
                    Some(RuleDecision::Deny | RuleDecision::AllowIfBasis) => Severity::High,
                    _ => Severity::Info,
                }),
                basis: text_of(table.string("cite")),
                reason,
                owner: text_of(table.string("owner")),
            },
            decision: decision.unwrap_or(RuleDecision::Deny),
            classes: values(table.choices("classes", DataClass::ALL, DataClass::as_str)),
            to,
            facets,
            min_level: table.choice("min_level", Level::ALL, Level::as_str).map_or(Level::Low, |level| level.value),
            opaque: table
                .choice("opaque", Verdict::ALL, |verdict| match verdict {
                    Verdict::Allowed => "allow",
                    Verdict::Undetermined => "undetermined",
                    Verdict::Violation => "deny",
                })
                .map(|choice| choice.value),
            span: self.span(&mut table),
            bases: bases.into_iter().map(|(_, pattern)| pattern).collect(),
            subjects: (!subjects.is_empty()).then(|| self.subjects(&place, &subjects)),
            roles: roles(&mut table),
            way: WaySpec::read(self.file, &mut table, false),
            count: self.count(&mut table, &place, decision),
            services: services.iter().map(|service| service.value.clone()).collect(),
            signatures: signatures.iter().map(|(_, pattern)| pattern.clone()).collect(),
        };
        for (line, pattern) in signatures {
            self.out.signatures.push(Mention { file: self.file.name().to_owned(), line, pattern });
        }
        self.mention_services(services);
        table.finish();
        (id.is_some() && decision.is_some()).then_some(spec)
    }

    fn mention_services(&mut self, services: Vec<At<String>>) {
        for At { value, line } in services {
            let pattern = Pattern::Name(value);
            self.out.services.push(Mention { file: self.file.name().to_owned(), line, pattern });
        }
    }

    fn suspicion(&mut self, mut table: Table<'_, '_>, policy: &PolicySpec) -> Option<SuspicionSpec> {
        let line = table.line();
        let id = self.id(&mut table, "id");
        let place = format!("suspicion {}", quote(id.as_ref().map_or("?", |id| &id.value)));
        let to = table.strings("to");
        let mut facets = values(table.choices("to_facet", Facet::ALL, Facet::as_str));
        if facets.is_empty() {
            facets = Facet::ALL.to_vec();
        }
        let over = table.quantity("over").and_then(|At { value, line }| {
            let octets = bytes_from_text(&value);
            if octets.is_none() {
                let message = format!("`over` of {place} cannot be {}", quote(&value));
                self.file.problem_with_hint(line, message, "a size such as \"1GiB\", or a number of octets");
            }
            octets
        });
        let ratio = table.number("ratio").and_then(|At { value, line }| {
            let fits = (0.001..=1e9).contains(&value);
            if !fits {
                self.file.problem(line, format!("`ratio` of {place} must be from 0.001 to a thousand million"));
            }
            fits.then(|| (value * 1000.0).round() as u64)
        });
        let new_after_days = table.integer("new_after_days").and_then(|At { value, line }| {
            let days = u16::try_from(value).ok().filter(|days| *days <= 365);
            if days.is_none() {
                self.file.problem(line, format!("`new_after_days` of {place} must be from 0 to 365"));
            }
            days
        });
        if !["over", "ratio", "new_after_days"].into_iter().any(|key| table.has(key)) {
            let hint = "`over`, `ratio`, `new_after_days`, or several of them";
            self.file.problem_with_hint(line, format!("{place} says nothing that is suspicious"), hint);
        }
        let group = group(&mut table, "group");
        let services = table.strings("services");
        let spec = SuspicionSpec {
            line,
            rule: SuspicionRule {
                rule: std::sync::Arc::new(RuleRef {
                    policy: policy.id.value.clone(),
                    version: policy.version.clone(),
                    rule: id.as_ref().map(|id| id.value.clone()).unwrap_or_default(),
                    severity: table
                        .choice("severity", Severity::ALL, Severity::as_str)
                        .map_or(Severity::Medium, |severity| severity.value),
                    basis: text_of(table.string("cite")),
                    reason: text_of(table.required_string("reason")),
                    owner: text_of(table.string("owner")),
                }),
                over: over.unwrap_or(0) as u64,
                ratio_milli: ratio,
                new_after_days,
                group,
            },
            to: self.sets.place_list(self.file, &place, &to).places(),
            facets,
            services: services.iter().map(|service| service.value.clone()).collect(),
            way: WaySpec::read(self.file, &mut table, false),
            span: self.span(&mut table),
        };
        self.mention_services(services);
        table.finish();
        id.map(|_| spec)
    }

    fn count(&self, table: &mut Table<'_, '_>, place: &str, decision: Option<RuleDecision>) -> Option<CountSpec> {
        let mut count = table.table("count")?;
        let line = count.line();
        if !matches!(decision, Some(RuleDecision::Deny | RuleDecision::AllowIfBasis) | None) {
            let message = format!("{place} counts, and forbids nothing above its count");
            self.file.problem_with_hint(line, message, "`count` goes with deny or allow-if-basis");
        }
        for key in ["unit", "over", "window"] {
            if !count.has(key) {
                self.file.problem(line, format!("`{key}` in the `count` of {place} is missing"));
            }
        }
        let unit = count.choice("unit", CountUnit::ALL, CountUnit::as_str);
        let window = count.choice("window", CountWindow::ALL, CountWindow::as_str);
        let over = count.integer("over").and_then(|At { value, line }| {
            let over = u64::try_from(value).ok();
            if over.is_none() {
                self.file.problem(line, format!("`over` in the `count` of {place} cannot be {value}"));
            }
            over
        });
        let group = group(&mut count, "group");
        count.finish();
        Some(CountSpec { unit: unit?.value, over: over?, window: window?.value, group })
    }

    fn basis(&mut self, mut table: Table<'_, '_>) {
        let line = table.line();
        let code = table.required_string("code");
        let to = table.strings("to");
        let basis = Basis {
            line,
            span: self.span(&mut table),
            to: self.sets.place_list(self.file, "a basis", &to).places(),
            classes: values(table.choices("classes", DataClass::ALL, DataClass::as_str)),
            recipients: recipients(&mut table),
            code: text_of(code),
        };
        // For the record: what proves it.
        let _ = (table.string("evidence"), table.string("owner"));
        table.finish();
        if !basis.code.is_empty() {
            self.out.bases.push(basis);
        }
    }

    fn exception(&mut self, mut table: Table<'_, '_>) {
        let line = table.line();
        let id = self.id(&mut table, "id");
        let rule = table.required_string("rule");
        // An exception that nobody approved, or whose reason nobody knows, is none.
        let signed = [table.required_string("approver"), table.required_string("reason")];
        let _ = table.string("ticket");
        for key in ["from", "until"] {
            if !table.has(key) {
                self.file.problem(line, format!("an exception must have `{key}`"));
            }
        }
        let span = self.span(&mut table);
        if span.until != u64::MAX && span.until.saturating_sub(span.from) > EXCEPTION_DAYS_MAX * NANOS_PER_DAY {
            self.file.problem(line, format!("an exception lasts at most {EXCEPTION_DAYS_MAX} days"));
        }
        let to = table.strings("to");
        let to = self.sets.place_list(self.file, "an exception", &to).places();
        let classes = values(table.choices("classes", DataClass::ALL, DataClass::as_str));
        let recipients = recipients(&mut table);
        table.finish();
        if let (Some(id), Some(rule), [Some(_), Some(_)]) = (id, rule, signed) {
            let file = self.file.name().to_owned();
            self.out.exceptions.push(Exception { id: id.value, rule, file, span, to, classes, recipients });
        }
    }

    fn id(&self, table: &mut Table<'_, '_>, key: &'static str) -> Option<At<String>> {
        let id = table.required_string(key)?;
        if is_id(&id.value) {
            return Some(id);
        }
        let message = format!("{} cannot be an `{key}`", quote(&id.value));
        let hint = format!("small letters, digits, `-`, `_` and `.`, at most {ID_LENGTH_MAX}");
        self.file.problem_with_hint(id.line, message, hint);
        None
    }

    fn patterns(&self, table: &mut Table<'_, '_>, key: &'static str) -> Vec<(usize, Pattern)> {
        let mut patterns = Vec::new();
        for At { value, line } in table.strings(key) {
            match value.find('*') {
                None if !value.is_empty() => patterns.push((line, Pattern::Name(value))),
                Some(at) if at > 0 && at + 1 == value.len() => {
                    patterns.push((line, Pattern::Prefix(value.trim_end_matches('*').to_owned())));
                }
                _ => self
                    .file
                    .problem(line, format!("`{key}`: {} is neither a name nor a beginning with `*`", quote(&value))),
            }
        }
        patterns
    }

    fn subjects(&self, place: &str, items: &[At<String>]) -> Countries {
        let places = self.sets.place_list(self.file, &format!("`subjects` of {place}"), items).places();
        let mut set = Countries::default();
        if items.is_empty() {
            return set;
        }
        for code in crate::model::ISO_3166_ALPHA_2.split_ascii_whitespace() {
            if let Ok(country) = code.parse::<Country>()
                && places.hold(country, None) == Holds::Yes
            {
                set.insert(country);
            }
        }
        set
    }

    fn span(&self, table: &mut Table<'_, '_>) -> Span {
        let nanos = |day: At<u64>| day.value.saturating_mul(NANOS_PER_DAY);
        let line = table.line();
        let from = table.day("from").map_or(0, nanos);
        let until = table.day("until").map_or(u64::MAX, nanos);
        if from >= until {
            self.file.problem_with_hint(
                line,
                "`until` is not after `from`",
                "`from` is the first day, `until` the first day after",
            );
            return Span::ALWAYS;
        }
        Span { from, until }
    }
}

fn group(table: &mut Table<'_, '_>, key: &'static str) -> Vec<CountGroup> {
    if !table.has(key) {
        // Asked all the same, so that the key is known.
        let _ = table.choices(key, CountGroup::ALL, CountGroup::as_str);
        return vec![CountGroup::Recipient];
    }
    let mut group = values(table.choices(key, CountGroup::ALL, CountGroup::as_str));
    group.sort_unstable();
    group.dedup();
    group
}

fn roles(table: &mut Table<'_, '_>) -> Vec<&'static str> {
    values(table.choices("roles", ROLES, |role| role))
}

fn recipients(table: &mut Table<'_, '_>) -> Vec<Recipient> {
    table.strings("recipients").iter().map(|recipient| Recipient::read(&recipient.value)).collect()
}

fn values<T>(list: Vec<At<T>>) -> Vec<T> {
    list.into_iter().map(|item| item.value).collect()
}

fn text_of(text: Option<At<String>>) -> String {
    text.map(|text| text.value).unwrap_or_default()
}

/// A day that is only shown: checked, and kept as written.
fn shown_day(table: &mut Table<'_, '_>, key: &'static str) -> String {
    table.day(key).map_or_else(String::new, |day| day_text(day.value))
}

/// What stands for the version of a file that gives none.
fn digest(text: &str) -> String {
    let mut version = String::from("sha256:");
    for octet in Sha256::digest(text.as_bytes()).iter().take(6) {
        version.push_str(&format!("{octet:02x}"));
    }
    version
}
