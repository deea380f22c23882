//! What is drawn: the document of `/api/v1/status` as tables. Whatever text it holds is made harmless first.

use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table};
use serde_json::Value;

/// Characters of a text that are shown.
const TEXT_MAX: usize = 64;

/// One table: title, heads with widths, rows with the severity that colours them.
struct Part {
    title: &'static str,
    columns: &'static [(&'static str, u16)],
    rows: Vec<(Vec<String>, Style)>,
}

/// A picture of a moment.
pub(super) struct View {
    taken: Instant,
    packets: u64,
    octets: u64,
    head: String,
    note: String,
    parts: [Part; 4],
}

impl View {
    /// From a status, and the picture before for what is said per second.
    pub(super) fn new(status: &Value, before: Option<&Self>) -> Self {
        let summary = &status["summary"];
        let taken = Instant::now();
        let packets = number(&summary["packets"]["total"]);
        let octets = list(&summary["egress"]).iter().map(|row| number(&row["bytes"])).sum();
        let rate = before.map_or_else(String::new, |before| {
            let seconds = taken.duration_since(before.taken).as_secs_f64().max(0.001);
            let per_second = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
            format!(
                "  {:.0} packets/s  {}/s out",
                per_second(packets, before.packets),
                size(per_second(octets, before.octets) as u64)
            )
        });
        let ready = match status["ready"].as_bool() {
            Some(true) => "capturing",
            Some(false) => "not capturing",
            None => "replay",
        };
        let head = format!(
            "borderpost  {ready}  {packets} packets  {} flows, {} open  {} out{rate}",
            number(&summary["flows"]["total"]),
            number(&status["flows_active"]),
            size(octets)
        );
        let parts = [destinations(summary), violations(summary), findings(summary), losses(status)];
        Self { taken, packets, octets, head, note: "q ends, p pauses".to_owned(), parts }
    }

    /// Shows a message in the last line.
    pub(super) fn say(&mut self, message: &str) {
        self.note = plain(message);
    }

    /// Draws it.
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let [head, upper, lower, note] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Percentage(55),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let halves = Layout::horizontal([Constraint::Percentage(50), Constraint::Fill(1)]);
        let [left, right] = halves.areas(upper);
        let [below, beside] = halves.areas(lower);
        frame.render_widget(Paragraph::new(Line::styled(&*self.head, Style::new().add_modifier(Modifier::BOLD))), head);
        for (part, area) in self.parts.iter().zip([left, right, below, beside]) {
            part.draw(frame, area);
        }
        frame.render_widget(Paragraph::new(&*self.note), note);
    }
}

impl Part {
    fn draw(&self, frame: &mut Frame<'_>, area: Rect) {
        let heads = Row::new(self.columns.iter().map(|(name, _)| Cell::new(*name)));
        let widths = self.columns.iter().map(|(_, width)| match width {
            0 => Constraint::Fill(1),
            width => Constraint::Length(*width),
        });
        let rows = self.rows.iter().map(|(cells, style)| Row::new(cells.iter().map(String::as_str)).style(*style));
        let table = Table::new(rows, widths)
            .header(heads.style(Style::new().add_modifier(Modifier::DIM)))
            .block(Block::bordered().title(self.title));
        frame.render_widget(table, area);
    }
}

fn destinations(summary: &Value) -> Part {
    let mut rows: Vec<&Value> = list(&summary["egress"]).iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(number(&row["bytes"])));
    let rows = rows.into_iter().map(|row| {
        let octets = number(&row["bytes"]);
        let share = |key: &str| match octets {
            0 => "-".to_owned(),
            _ => format!("{} %", number(&row[key]).saturating_mul(100) / octets),
        };
        let cells = vec![
            text(&row["location"]),
            text(&row["control"]),
            size(octets),
            share("inspected_bytes"),
            share("opaque_bytes"),
            number(&row["flows"]).to_string(),
        ];
        (cells, Style::new())
    });
    let columns = &[("where", 6), ("control", 8), ("octets", 10), ("read", 7), ("locked", 7), ("flows", 0)];
    Part { title: " Destinations ", columns, rows: rows.collect() }
}

fn violations(summary: &Value) -> Part {
    let mut rows: Vec<&Value> = list(&summary["violations"]).iter().collect();
    let grave = |row: &Value| {
        ["info", "low", "medium", "high", "critical"].iter().position(|name| row["severity"].as_str() == Some(name))
    };
    rows.sort_by_key(|row| std::cmp::Reverse((grave(row), number(&row["count"]))));
    let rows = rows.into_iter().map(|row| {
        let cells = vec![
            text(&row["severity"]),
            format!("{}/{}", text(&row["policy"]), text(&row["rule"])),
            text(&row["location"]),
            number(&row["flows"]).to_string(),
            number(&row["count"]).to_string(),
        ];
        let colour = match grave(row) {
            Some(3 | 4) => Color::Red,
            Some(2) => Color::Yellow,
            _ => Color::Reset,
        };
        (cells, Style::new().fg(colour))
    });
    let columns = &[("severity", 9), ("rule", 0), ("where", 6), ("flows", 7), ("count", 8)];
    Part { title: " Violations ", columns, rows: rows.collect() }
}

fn findings(summary: &Value) -> Part {
    let mut rows: Vec<&Value> = list(&summary["findings"]).iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(number(&row["count"])));
    let rows = rows.into_iter().map(|row| {
        let cells = vec![
            text(&row["signature"]),
            text(&row["location"]),
            number(&row["flows"]).to_string(),
            number(&row["count"]).to_string(),
        ];
        (cells, Style::new())
    });
    let columns = &[("signature", 0), ("where", 6), ("flows", 7), ("count", 8)];
    Part { title: " Findings ", columns, rows: rows.collect() }
}

/// What was not seen, not read or not written; only what happened.
fn losses(status: &Value) -> Part {
    let mut all: Vec<(String, u64)> = Vec::new();
    for interface in list(&status["interfaces"]) {
        let name = text(&interface["name"]);
        all.push((format!("{name} ring-full"), number(&interface["dropped_ring"])));
        all.push((format!("{name} interface"), number(&interface["dropped_interface"])));
    }
    for (sink, count) in status["events_dropped"].as_object().into_iter().flatten() {
        all.push((format!("events {}", plain(sink)), number(count)));
    }
    let losses = &status["summary"]["losses"];
    for row in list(&losses["decode_errors"]) {
        all.push((format!("decode {} {}", text(&row["layer"]), text(&row["reason"])), number(&row["count"])));
    }
    for (name, count) in losses["limits_reached"].as_object().into_iter().flatten() {
        all.push((format!("limit {}", plain(name)), number(count)));
    }
    for (name, key) in [("flows evicted", "flows_evicted"), ("reassembly gaps", "reassembly_gaps")] {
        // Some are one number, some one for each reason.
        let count = match &losses[key] {
            Value::Object(map) => map.values().map(number).sum(),
            value => number(value),
        };
        all.push((name.to_owned(), count));
    }
    all.retain(|(_, count)| *count > 0);
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rows = all.into_iter().map(|(name, count)| (vec![name, count.to_string()], Style::new()));
    Part { title: " Losses ", columns: &[("what", 0), ("count", 12)], rows: rows.collect() }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn text(value: &Value) -> String {
    plain(value.as_str().unwrap_or("-"))
}

/// A text without anything that a terminal could take for more than a letter.
fn plain(text: &str) -> String {
    let harmless = |c: char| if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() { c } else { '\u{b7}' };
    text.chars().take(TEXT_MAX).map(harmless).collect()
}

/// Octets for people.
fn size(octets: u64) -> String {
    let mut value = octets as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{octets} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}
