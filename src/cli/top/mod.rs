//! `borderpost top`: destinations, findings, violations and losses on a terminal, of a running daemon (over `/api/v1` on its host) or of
//! captures that are replayed. Where stdout is no terminal, one picture is printed as text.

mod ask;
mod source;
mod view;

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use super::args::TopArgs;
use super::{Done, Failure, print};
use source::Source;
use view::View;

/// How often the picture is drawn anew.
const EVERY: Duration = Duration::from_secs(1);
/// The picture where there is no terminal.
const PLAIN: (u16, u16) = (110, 40);

pub(super) fn top(args: &TopArgs) -> Result<Done, Failure> {
    let mut source = if args.captures.is_empty() { Source::daemon(args)? } else { Source::replay(args)? };
    if !std::io::stdout().is_terminal() {
        let view = View::new(&source.last()?, None);
        print(&picture(&view, PLAIN)?)?;
        return Ok(Done::Well);
    }
    // Errors before the first picture are told as such, not drawn.
    let first = source.next()?;
    let mut terminal = ratatui::init();
    let result = turn(&mut terminal, &mut source, View::new(&first, None));
    ratatui::restore();
    result.map(|()| Done::Well)
}

fn turn(terminal: &mut ratatui::DefaultTerminal, source: &mut Source, mut view: View) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Runtime(format!("terminal: {error}"));
    let mut paused = false;
    loop {
        terminal.draw(|frame| view.draw(frame)).map_err(failed)?;
        let until = Instant::now() + EVERY;
        while let Some(rest) = until.checked_duration_since(Instant::now()) {
            if !event::poll(rest).map_err(failed)? {
                break;
            }
            match event::read().map_err(failed)? {
                Event::Key(key) if key.kind == KeyEventKind::Press => match key.code {
                    KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                    KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Ok(()),
                    KeyCode::Char('p') => paused = !paused,
                    _ => {}
                },
                Event::Resize(..) => {
                    terminal.draw(|frame| view.draw(frame)).map_err(failed)?;
                }
                _ => {}
            }
        }
        if paused {
            view.say("paused: p goes on");
            continue;
        }
        match source.next() {
            Ok(status) => view = View::new(&status, Some(&view)),
            // A daemon that restarts comes back.
            Err(Failure::Runtime(message)) => view.say(&message),
            Err(other) => return Err(other),
        }
    }
}

/// The view as lines of text.
fn picture(view: &View, (width, height): (u16, u16)) -> Result<String, Failure> {
    let failed = |error| Failure::Runtime(format!("picture: {error}"));
    let mut terminal = Terminal::new(TestBackend::new(width, height)).map_err(failed)?;
    terminal.draw(|frame| view.draw(frame)).map_err(failed)?;
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for row in buffer.content().chunks(usize::from(width)) {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_drawn_is_what_was_counted_and_nothing_controls_the_terminal() {
        let status = |bytes: u64| {
            json!({
                "ready": true,
                "interfaces": [{"name": "eth\u{1b}[31m0", "packets": 10, "bytes": 1000, "dropped_ring": 3, "dropped_interface": 0}],
                "flows_active": 2,
                "events_dropped": {"file": 7},
                "summary": {
                    "packets": {"total": 10},
                    "flows": {"total": 4},
                    "egress": [
                        {"location": "DE", "control": "US", "flows": 1, "bytes": 10, "inspected_bytes": 10, "opaque_bytes": 0, "missed_bytes": 0},
                        {"location": "CN", "control": "CN", "flows": 3, "bytes": bytes, "inspected_bytes": bytes / 2, "opaque_bytes": bytes / 2, "missed_bytes": 0}
                    ],
                    "findings": [{"signature": "us-ssn\u{202e}\n", "location": "CN", "control": "CN", "count": 5, "flows": 2}],
                    "violations": [{"policy": "home", "rule": "x\u{7}y", "location": "CN", "severity": "critical", "flows": 1, "count": 2, "bytes": 99}],
                    "losses": {"decode_errors": [{"layer": "tcp", "reason": "cut", "count": 4}], "flows_evicted": 1, "reassembly_gaps": 6, "limits_reached": {"names": 0, "flows": 8}}
                }
            })
        };
        let first = View::new(&status(2048), None);
        let view = View::new(&status(4096), Some(&first));
        let text = picture(&view, PLAIN).map_err(|_| "drawn").unwrap();
        for wanted in [
            "CN",
            "4.0 KiB",
            "50 %",
            "us-ssn",
            "home/x",
            "critical",
            "ring-full",
            "decode tcp cut",
            "events file",
            "limit flows",
        ] {
            assert!(text.contains(wanted), "{wanted}:\n{text}");
        }
        assert!(!text.contains("limit names"), "what was not lost is not named:\n{text}");
        assert!(text.find("\u{2502}CN ").unwrap() < text.find("\u{2502}DE ").unwrap(), "most octets first:\n{text}");
        assert!(text.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{text:?}");
        // Small terminals, odd documents: nothing panics.
        for size in [(1, 1), (20, 5), (200, 3)] {
            assert!(picture(&view, size).is_ok());
        }
        for odd in [json!(null), json!([]), json!({"summary": {"egress": 7, "findings": [1, null], "losses": []}})] {
            assert!(picture(&View::new(&odd, Some(&view)), PLAIN).is_ok());
        }
    }
}
