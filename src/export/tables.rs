//! Tables for people: what went where, what was found in it, what broke which rule. Fits 80 columns; coloured on a terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use comfy_table::{Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, presets};

use super::figures::{grouped, octets, percent};
use crate::model::{CaptureSummary, Counts, Event, EventBody, Initiator, RuleRef, Scope, Severity};

/// Rows kept per table; what is beyond is counted in one last row.
const ROWS_MAX: usize = 1000;

/// Names up to this length are never broken in the table of violations.
const NAME_WIDTH: usize = 26;

/// Collects violations by who broke which rule towards whom: what the last table shows.
#[derive(Default)]
pub struct Trail {
    rows: BTreeMap<TrailKey, TrailRow>,
    beyond: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct TrailKey {
    severity: std::cmp::Reverse<Severity>,
    policy: String,
    rule: String,
    from: std::net::IpAddr,
    to: Arc<str>,
    place: String,
}

struct TrailRow {
    rule: Arc<RuleRef>,
    data: BTreeSet<Arc<str>>,
    count: u64,
}

impl Trail {
    /// Takes note of an event; everything but violations is ignored.
    pub fn note(&mut self, event: &Event) {
        let EventBody::Violation { rule, finding, .. } = &event.body else { return };
        let Some(flow) = &event.flow else { return };
        // On an inbound connection the server's name is our own.
        let to: Arc<str> = match (&flow.server_name, flow.initiator) {
            (Some((name, _)), Some(Initiator::Local)) => name.clone(),
            _ => flow.dest.0.to_string().into(),
        };
        let key = TrailKey {
            severity: std::cmp::Reverse(rule.severity),
            policy: rule.policy.clone(),
            rule: rule.rule.clone(),
            from: flow.src.0,
            to,
            place: format!("{}/{}", flow.destination.location, flow.destination.control),
        };
        if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(&key) {
            self.beyond += 1;
            return;
        }
        let row =
            self.rows.entry(key).or_insert_with(|| TrailRow { rule: rule.clone(), data: BTreeSet::new(), count: 0 });
        row.count += 1;
        row.data
            .insert(finding.as_ref().map_or_else(|| "unreadable octets".into(), |finding| finding.signature.clone()));
    }
}

/// What the tables are made of.
pub struct TableInput<'a> {
    /// Captures that were read.
    pub captures: &'a [CaptureSummary],
    /// Counts of the run.
    pub counts: &'a Counts,
    /// Violations by who and whom.
    pub trail: &'a Trail,
    /// Attribution lines of the databases used.
    pub attribution: &'a [String],
    /// Whether to colour.
    pub colour: bool,
    /// Columns to fit in.
    pub width: u16,
}

/// The tables as text, ending with a line feed.
pub fn render_tables(input: &TableInput<'_>) -> String {
    let mut text = String::new();
    captures(&mut text, input);
    destinations(&mut text, input);
    violations(&mut text, input);
    findings(&mut text, input);
    suspicions(&mut text, input);
    losses(&mut text, input);
    for line in input.attribution {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "{line}");
    }
    text
}

fn captures(text: &mut String, input: &TableInput<'_>) {
    for capture in input.captures {
        let _ = write!(text, "{}: {} packets, {}", capture.path, grouped(capture.packets), octets(capture.bytes));
        if let Some((first, last)) = capture.span {
            // Whole seconds are enough for people; machines read --json.
            let short =
                |time: crate::model::Timestamp| time.to_string().get(..19).unwrap_or_default().replace('T', " ");
            let _ = write!(text, "\n  {} to {} UTC", short(first), short(last));
        }
        let _ = writeln!(text);
        if let Some(error) = &capture.error {
            let _ = writeln!(text, "  damaged: {error}");
        }
    }
    let counts = input.counts;
    let scope = |scope| counts.scopes.get(&scope).copied().unwrap_or(0);
    let _ = writeln!(
        text,
        "{} flows: {} egress, {} internal, {} transit\n",
        grouped(counts.flows_tcp + counts.flows_udp + counts.flows_other),
        grouped(scope(Scope::Egress)),
        grouped(scope(Scope::Internal)),
        grouped(scope(Scope::Transit)),
    );
}

fn destinations(text: &mut String, input: &TableInput<'_>) {
    let counts = input.counts;
    if counts.egress.is_empty() {
        let _ = writeln!(text, "Nothing left the monitored networks.\n");
        return;
    }
    let mut table =
        new_table(input, &["LOCATION", "CONTROL", "FLOWS", "BYTES OUT", "READ", "OPAQUE", "MISSED", "VERDICT"]);
    let mut rows: Vec<_> = counts.egress.iter().collect();
    rows.sort_by_key(|(to, egress)| (std::cmp::Reverse(egress.bytes), **to));
    for (to, egress) in rows {
        let worst = counts
            .egress_by_verdict
            .range((*to, crate::model::Verdict::Allowed)..=(*to, crate::model::Verdict::Violation))
            .map(|((_, verdict), _)| *verdict)
            .max()
            .unwrap_or(crate::model::Verdict::Allowed);
        let verdict = match worst {
            crate::model::Verdict::Violation => Cell::new(worst).fg(Color::Red).add_attribute(Attribute::Bold),
            crate::model::Verdict::Undetermined => Cell::new(worst).fg(Color::Yellow),
            crate::model::Verdict::Allowed => Cell::new(worst).fg(Color::Green),
        };
        table.add_row(vec![
            Cell::new(to.location),
            Cell::new(to.control),
            number(egress.flows),
            right(octets(egress.bytes)),
            right(percent(egress.inspected_bytes, egress.bytes)),
            right(percent(egress.opaque_bytes, egress.bytes)),
            right(percent(egress.missed_bytes, egress.bytes)),
            verdict,
        ]);
    }
    section(text, "Where data went", &table);
}

fn findings(text: &mut String, input: &TableInput<'_>) {
    if input.counts.findings.is_empty() {
        let _ = writeln!(text, "No user data was recognised in what could be read.\n");
        return;
    }
    let mut table = new_table(input, &["CLASS", "SIGNATURE", "LOCATION", "CONTROL", "FOUND", "FLOWS"]);
    let mut rows: Vec<_> = input.counts.findings.iter().collect();
    rows.sort_by_key(|(key, _)| (key.to, key.class, key.signature.clone()));
    for (key, tally) in rows {
        table.add_row(vec![
            Cell::new(key.class),
            Cell::new(&key.signature),
            Cell::new(key.to.location),
            Cell::new(key.to.control),
            number(tally.count),
            number(tally.flows),
        ]);
    }
    section(text, "User data in it", &table);
}

fn violations(text: &mut String, input: &TableInput<'_>) {
    if input.trail.rows.is_empty() {
        let _ = writeln!(text, "No violations.\n");
        return;
    }
    let mut table = new_table(input, &["SEVERITY", "FROM", "TO", "LOC/CTL", "DATA", "COUNT"]);
    let mut reasons: BTreeMap<String, &str> = BTreeMap::new();
    for (key, row) in &input.trail.rows {
        let severity = Cell::new(row.rule.severity);
        let severity = match row.rule.severity {
            Severity::Critical | Severity::High => severity.fg(Color::Red).add_attribute(Attribute::Bold),
            Severity::Medium => severity.fg(Color::Yellow),
            Severity::Low | Severity::Info => severity,
        };
        let data: Vec<&str> = row.data.iter().map(AsRef::as_ref).collect();
        table.add_row(vec![
            severity,
            Cell::new(key.from),
            Cell::new(&key.to),
            Cell::new(&key.place),
            Cell::new(data.join("\n")),
            number(row.count),
        ]);
        reasons.entry(format!("{}/{}", key.policy, key.rule)).or_insert(&row.rule.reason);
    }
    // Names are worth more room than anything else.
    let longest = input.trail.rows.keys().map(|key| key.to.chars().count()).max().unwrap_or(0);
    if let Some(column) = table.column_mut(2)
        && longest <= NAME_WIDTH
    {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    section(text, "Violations", &table);
    text.pop();
    for (rule, reason) in reasons {
        text.push_str(&wrapped(&format!("{rule}: {reason}"), input.width.into()));
    }
    if input.trail.beyond > 0 {
        let _ = writeln!(text, "and {} more that did not fit this table", grouped(input.trail.beyond));
    }
    let _ = writeln!(text);
}

/// Apart from violations: what looks suspicious was not read.
fn suspicions(text: &mut String, input: &TableInput<'_>) {
    if input.counts.suspicions.is_empty() {
        return;
    }
    let _ = writeln!(text, "Suspicions (by volume and shape of what could not be read; no verdict comes of them)");
    for (key, tally) in &input.counts.suspicions {
        let rule = &key.rule;
        let line = format!(
            "  {} {}/{} to {}/{}: {} times, {} unread; {}",
            rule.severity,
            rule.policy,
            rule.rule,
            key.to.location,
            key.to.control,
            grouped(tally.count),
            octets(tally.bytes),
            rule.reason,
        );
        text.push_str(&wrapped(&line, input.width.into()));
    }
    let _ = writeln!(text);
}

fn losses(text: &mut String, input: &TableInput<'_>) {
    let counts = input.counts;
    let mut lines = Vec::new();
    for ((reason, location), tally) in &counts.undetermined {
        lines.push(format!("{} to {location}: {reason}, {} flows", octets(tally.bytes), grouped(tally.flows)));
    }
    if !lines.is_empty() {
        let _ = writeln!(text, "Undetermined (unread is never clean)");
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
        let _ = writeln!(text);
    }
    let mut lines = Vec::new();
    if counts.frames.malformed > 0 {
        lines.push(format!("{} malformed frames", grouped(counts.frames.malformed)));
    }
    if counts.reassembly_gaps > 0 {
        lines.push(format!("{} gaps in TCP streams", grouped(counts.reassembly_gaps)));
    }
    for (reason, count) in &counts.flows_evicted {
        lines.push(format!("{} flows ended early: {reason}", grouped(*count)));
    }
    for (limit, count) in &counts.limits_reached {
        lines.push(format!("limit {limit} reached {} times", grouped(*count)));
    }
    if !lines.is_empty() {
        let _ = writeln!(text, "Losses: {}\n", lines.join("; "));
    }
    if !counts.jurisdiction_conflicts.is_empty() {
        let flows = |(between, flows): (&&str, &u64)| format!("{between} in {} flows", grouped(*flows));
        let lines: Vec<String> = counts.jurisdiction_conflicts.iter().map(flows).collect();
        text.push_str(&wrapped(&format!("Sources disagree on the location: {}", lines.join("; ")), input.width.into()));
        text.push('\n');
    }
}

fn new_table(input: &TableInput<'_>, header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(input.width);
    if input.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Dim)));
    table
}

fn section(text: &mut String, title: &str, table: &Table) {
    let _ = writeln!(text, "{title}");
    for line in table.to_string().lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let _ = writeln!(text);
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn number(value: u64) -> Cell {
    right(grouped(value))
}

/// A line broken at spaces to fit, continued with an indent.
fn wrapped(line: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for word in line.split(' ') {
        let len = word.chars().count();
        if used > 0 && used + 1 + len > width {
            out.push_str("\n   ");
            used = 3;
        }
        if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += len;
    }
    out.push('\n');
    out
}
