//! The report of a run (`--report`): one HTML page for privacy and audit people. What went where, which rules were broken and why,
//! the register of transfers, and what nobody could read. The page holds no script, loads nothing, prints well, and is the same
//! octets for the same run: the only times in it are the packets'. Like every output it has no matched value to show.

mod page;
mod register;
#[cfg(test)]
mod tests;

use page::{Page, Text};
pub use register::Register;
use register::{Breach, Sums, Transfer};

use super::figures::{grouped, octets, percent};
use crate::model::{CaptureSummary, Country, Counts, Timestamp, Verdict};

/// What the report is made of.
pub struct ReportInput<'a> {
    /// Captures that were read.
    pub captures: &'a [CaptureSummary],
    /// Counts of the run.
    pub counts: &'a Counts,
    /// Transfers by who and whom.
    pub register: &'a Register,
    /// Policies in force.
    pub policies: &'a [ReportPolicy],
    /// What the user should know beside the data, such as packs that nobody reviewed.
    pub notices: &'a [String],
    /// Attribution lines of the databases used.
    pub attribution: &'a [String],
}

/// A policy as the report names it.
pub struct ReportPolicy {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its version, or the digest of its file.
    pub version: String,
    /// The day its text was last checked, or empty.
    pub as_of: String,
    /// Who reviewed it, or empty.
    pub reviewer: String,
}

/// The page, ending with a line feed.
pub fn render_report(input: &ReportInput<'_>) -> String {
    let mut page = Page::new("Border report", include_str!("style.css"));
    head(&mut page, input);
    violations(&mut page, input);
    destinations(&mut page, input.counts);
    transfers(&mut page, input.register);
    unread(&mut page, input.counts);
    ground(&mut page, input);
    page.finish()
}

fn head(page: &mut Page, input: &ReportInput<'_>) {
    let counts = input.counts;
    page.open("header");
    page.element("h1", "", "Border report");
    for capture in input.captures {
        let mut line = format!("{}: {} packets, {}", capture.path, grouped(capture.packets), octets(capture.bytes));
        if let Some((first, last)) = capture.span {
            line.push_str(&format!(", {} to {} UTC", second(first), second(last)));
        }
        page.element("p", "", &line);
        if let Some(error) = &capture.error {
            page.element(
                "p",
                "violation",
                &format!("This capture is damaged: {error}. What came before is in the report."),
            );
        }
    }
    for notice in input.notices {
        page.element("p", "undetermined", notice);
    }
    page.close("header");
    let bytes: u64 = counts.egress.values().map(|egress| egress.bytes).sum();
    let read: u64 = counts.egress.values().map(|egress| egress.inspected_bytes).sum();
    let found: u64 = counts.findings.values().map(|tally| tally.count).sum();
    let broken: u64 = counts.violations.values().map(|tally| tally.count).sum();
    let open: u64 = by_verdict(counts, Verdict::Undetermined);
    page.open_with("section", "tiles");
    for (class, figure, label) in [
        (if broken > 0 { "violation" } else { "allowed" }, grouped(broken), "violations".to_owned()),
        ("", octets(bytes), "left the monitored networks".to_owned()),
        ("", percent(read, bytes), "of it could be read".to_owned()),
        ("", grouped(found), "pieces of user data recognised".to_owned()),
        (
            if open > 0 { "undetermined" } else { "allowed" },
            octets(open),
            "undetermined: unread is never clean".to_owned(),
        ),
    ] {
        page.open_with("div", "tile");
        page.element("b", class, &figure);
        page.text(&label);
        page.close("div");
    }
    page.close("section");
}

fn by_verdict(counts: &Counts, wanted: Verdict) -> u64 {
    counts.egress_by_verdict.iter().filter(|((_, verdict), _)| *verdict == wanted).map(|(_, bytes)| bytes).sum()
}

fn violations(page: &mut Page, input: &ReportInput<'_>) {
    page.element("h2", "", "Violations");
    if input.counts.violations.is_empty() {
        page.element("p", "", "None.");
        return;
    }
    for (key, breach) in &input.register.rules {
        let Breach { rule, data, places, hosts, span } = breach;
        page.open_with("article", "breach");
        page.element("h3", "", &format!("{}: {}", rule.severity, key.id));
        page.element("p", "", &rule.reason);
        page.open("dl");
        let seen: Vec<String> = data.iter().map(|(name, count)| format!("{name} × {}", grouped(*count))).collect();
        let whither: Vec<String> = places.iter().map(|(location, control)| place(*location, *control)).collect();
        let from: Vec<String> = hosts.iter().take(20).map(ToString::to_string).collect();
        let more = if hosts.len() > 20 { format!(" and {} more", hosts.len() - 20) } else { String::new() };
        for (term, value) in [
            ("Data", seen.join(", ")),
            ("From", format!("{}{more}", from.join(", "))),
            ("To", whither.join("; ")),
            ("When", format!("{} to {} UTC", second(span.0), second(span.1))),
            ("Basis", rule.basis.clone()),
            ("Owner", rule.owner.clone()),
            ("Version", rule.version.clone()),
        ] {
            if !value.is_empty() {
                page.element("dt", "", term);
                page.element("dd", "", &value);
            }
        }
        page.close("dl");
        page.close("article");
    }
    if input.register.beyond.violations > 0 {
        page.element(
            "p",
            "",
            &format!(
                "{} more from transfers past the bound of the register.",
                grouped(input.register.beyond.violations)
            ),
        );
    }
    let unlisted = input.counts.limits_reached.get("findings").copied().unwrap_or(0);
    if unlisted > 0 {
        page.element("p", "", &format!("{} findings were counted and not listed one by one.", grouped(unlisted)));
    }
}

fn destinations(page: &mut Page, counts: &Counts) {
    page.element("h2", "", "Where data went");
    if counts.egress.is_empty() {
        page.element("p", "", "Nothing left the monitored networks.");
        return;
    }
    page.open_table(&["Location", "Control", "#Flows", "#Octets", "#Read", "#Locked", "#Lost", "Verdict"]);
    let mut rows: Vec<_> = counts.egress.iter().collect();
    rows.sort_by_key(|(to, egress)| (std::cmp::Reverse(egress.bytes), **to));
    for (to, egress) in rows {
        let worst = counts.egress_by_verdict.range((*to, Verdict::Allowed)..=(*to, Verdict::Violation));
        let worst = worst.map(|((_, verdict), _)| *verdict).max().unwrap_or(Verdict::Allowed);
        page.open("tr");
        page.cell(&Text::plain(&country(to.location)));
        page.cell(&Text::plain(&country(to.control)));
        page.cell(&Text::number(&grouped(egress.flows)));
        page.cell(&Text::number(&octets(egress.bytes)));
        page.cell(&Text::number(&percent(egress.inspected_bytes, egress.bytes)));
        page.cell(&Text::number(&percent(egress.opaque_bytes, egress.bytes)));
        page.cell(&Text::number(&percent(egress.missed_bytes, egress.bytes)));
        page.cell(&Text::classed(worst.as_str(), worst.as_str()));
        page.close("tr");
    }
    page.close_table();
}

fn transfers(page: &mut Page, register: &Register) {
    page.element("h2", "", "Register of transfers");
    page.element(
        "p",
        "",
        "One row for each monitored host and each recipient. Values are not kept: data is named by class and number of findings.",
    );
    page.open_table(&[
        "From",
        "To",
        "Where",
        "#Flows",
        "#Octets",
        "#Unread",
        "User data",
        "Verdict and rules",
        "Seen (UTC)",
    ]);
    for (transfer, sums) in &register.rows {
        transfer_row(page, transfer, sums);
    }
    page.close_table();
    let beyond = &register.beyond;
    if beyond.flows + beyond.findings > 0 {
        page.element(
            "p",
            "undetermined",
            &format!(
                "Past the bound of this register: {} flows with {} and {} findings.",
                grouped(beyond.flows),
                octets(beyond.bytes),
                grouped(beyond.findings)
            ),
        );
    }
}

fn transfer_row(page: &mut Page, transfer: &Transfer, sums: &Sums) {
    page.open("tr");
    page.cell(&Text::plain(&transfer.from.to_string()));
    let mut to = vec![transfer.to.to_string()];
    to.extend(sums.operator.as_ref().map(ToString::to_string));
    if transfer.answer {
        to.push("asked for from there".to_owned());
    }
    page.list(&to);
    let mut whither = vec![place(transfer.location, transfer.control)];
    whither.extend(sums.grounds.iter().cloned());
    page.list(&whither);
    page.cell(&Text::number(&grouped(sums.flows)));
    page.cell(&Text::number(&octets(sums.bytes)));
    page.cell(&Text::number(&percent(sums.unread, sums.bytes)));
    let data: Vec<String> = sums.data.iter().map(|(class, count)| format!("{class} × {}", grouped(*count))).collect();
    page.lines("", &data);
    let mut verdict = vec![sums.verdict.map_or("open", Verdict::as_str).to_owned()];
    let class = verdict.first().cloned().unwrap_or_default();
    verdict.extend(sums.broken.iter().cloned());
    page.classed_list(&class, &verdict);
    let seen = sums.span.map_or_else(Vec::new, |(first, last)| vec![second(first), second(last)]);
    page.lines("time", &seen);
    page.close("tr");
}

fn unread(page: &mut Page, counts: &Counts) {
    page.element("h2", "", "What nobody could read");
    if counts.uninspected.is_empty() && counts.undetermined.is_empty() {
        page.element("p", "", "Nothing: all outbound octets were read.");
    } else {
        page.open_table(&["Location", "Reason", "#Flows", "#Octets"]);
        for ((location, reason), tally) in &counts.uninspected {
            row(page, *location, reason.as_str(), tally.flows, tally.bytes);
        }
        page.close_table();
        page.element("h3", "", "Flows that stay undetermined");
        page.open_table(&["Location", "Reason", "#Flows", "#Octets"]);
        for ((reason, location), tally) in &counts.undetermined {
            row(page, *location, reason.as_str(), tally.flows, tally.bytes);
        }
        page.close_table();
    }
    let frames = &counts.frames;
    let mut losses = vec![
        (grouped(frames.malformed), "malformed frames".to_owned()),
        (grouped(counts.reassembly_gaps), "gaps in TCP streams".to_owned()),
    ];
    losses.extend(counts.flows_evicted.iter().map(|(why, n)| (grouped(*n), format!("flows ended early: {why}"))));
    losses.extend(counts.limits_reached.iter().map(|(limit, n)| (grouped(*n), format!("times at the limit {limit}"))));
    losses.extend(
        counts.decode_errors.iter().map(|((layer, why), n)| (grouped(*n), format!("decode errors in {layer}: {why}"))),
    );
    losses.retain(|(count, _)| count != "0");
    let losses: Vec<String> = losses.into_iter().map(|(count, what)| format!("{count} {what}")).collect();
    page.element(
        "p",
        "",
        &format!("Losses: {}.", if losses.is_empty() { "none".to_owned() } else { losses.join("; ") }),
    );
}

fn row(page: &mut Page, location: Country, reason: &str, flows: u64, bytes: u64) {
    page.open("tr");
    page.cell(&Text::plain(&country(location)));
    page.cell(&Text::plain(reason));
    page.cell(&Text::number(&grouped(flows)));
    page.cell(&Text::number(&octets(bytes)));
    page.close("tr");
}

fn ground(page: &mut Page, input: &ReportInput<'_>) {
    page.element("h2", "", "Judged by");
    if input.policies.is_empty() {
        page.element("p", "undetermined", "No policy: nothing could be judged.");
    } else {
        page.open_table(&["Policy", "Title", "Version", "Text checked", "Reviewer"]);
        for policy in input.policies {
            page.open("tr");
            for value in [&policy.id, &policy.title, &policy.version, &policy.as_of, &policy.reviewer] {
                page.cell(&Text::plain(value));
            }
            page.close("tr");
        }
        page.close_table();
    }
    page.open("footer");
    for line in input.attribution {
        page.element("p", "", line);
    }
    page.element("p", "", concat!("borderpost ", env!("CARGO_PKG_VERSION")));
    page.close("footer");
}

/// Where and whose, as `location SG, control CN`.
fn place(location: Country, control: Country) -> String {
    format!("location {}, control {}", country(location), country(control))
}

/// The code, or that nobody knows.
fn country(country: Country) -> String {
    if country.is_known() { country.to_string() } else { format!("{country} (unknown)") }
}

/// Whole seconds are enough for people.
fn second(time: Timestamp) -> String {
    time.to_string().get(..19).unwrap_or_default().replace('T', " ")
}
