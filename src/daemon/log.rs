//! Diagnostics as structured lines on stderr. What may be said is what an operator wrote or the system answered: no packet, name,
//! address or finding of the traffic ever gets here. Each kind of line is limited in rate, and what was left out is counted.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use crate::config::LogFormat;

/// Lines of one kind that may come at once, and again after [`WINDOW_SECONDS`].
const BURST: u32 = 20;
const WINDOW_SECONDS: u64 = 10;

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Info,
    /// Something is lost or refused; the daemon goes on.
    Warning,
    /// What was asked for cannot be done.
    Error,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The log. Shared by all threads.
pub struct Log {
    format: LogFormat,
    recent: Mutex<BTreeMap<&'static str, Recent>>,
}

struct Recent {
    since: Instant,
    said: u32,
    left_out: u64,
}

impl Log {
    /// A log of this format.
    pub fn new(format: LogFormat) -> Self {
        Self { format, recent: Mutex::default() }
    }

    /// Writes a line: what happened, as a fixed name, and the facts.
    pub fn say(&self, level: Level, event: &'static str, facts: &[(&'static str, &dyn Display)]) {
        let Some(left_out) = self.admit(event, Instant::now()) else { return };
        let line = self.line(SystemTime::now(), level, event, facts, left_out);
        // Nobody is left to tell when stderr is gone.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }

    /// Whether a line of this kind may be written now, and how many were left out before it.
    fn admit(&self, event: &'static str, now: Instant) -> Option<u64> {
        let mut recent = self.recent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let entry = recent.entry(event).or_insert(Recent { since: now, said: 0, left_out: 0 });
        if now.duration_since(entry.since).as_secs() >= WINDOW_SECONDS {
            (entry.since, entry.said) = (now, 0);
        }
        if entry.said >= BURST {
            entry.left_out += 1;
            return None;
        }
        entry.said += 1;
        Some(std::mem::take(&mut entry.left_out))
    }

    fn line(
        &self,
        time: SystemTime,
        level: Level,
        event: &str,
        facts: &[(&'static str, &dyn Display)],
        left_out: u64,
    ) -> String {
        let time = humantime::format_rfc3339_millis(time).to_string();
        let mut line = String::new();
        match self.format {
            LogFormat::Json => {
                let mut object = serde_json::Map::new();
                object.insert("time".to_owned(), time.into());
                object.insert("level".to_owned(), level.as_str().into());
                object.insert("event".to_owned(), event.into());
                for (key, value) in facts {
                    object.insert((*key).to_owned(), value.to_string().into());
                }
                if left_out > 0 {
                    object.insert("left_out".to_owned(), left_out.into());
                }
                line = serde_json::Value::Object(object).to_string();
            }
            LogFormat::Text => {
                // Writing to a String cannot fail.
                let _ = write!(line, "{time} {:7} {event}", level.as_str());
                for (key, value) in facts {
                    let value = value.to_string();
                    let plain =
                        !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '=');
                    let _ = if plain { write!(line, " {key}={value}") } else { write!(line, " {key}={value:?}") };
                }
                if left_out > 0 {
                    let _ = write!(line, " left_out={left_out}");
                }
            }
        }
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        let log = Log::new(LogFormat::Text);
        let line =
            log.line(UNIX_EPOCH, Level::Warning, "reload-refused", &[("problem", &"a\nb \u{1b}[1m"), ("n", &3)], 2);
        assert_eq!(
            line,
            "1970-01-01T00:00:00.000Z warning reload-refused problem=\"a\\nb \\u{1b}[1m\" n=3 left_out=2\n"
        );
        let line = Log::new(LogFormat::Json).line(UNIX_EPOCH, Level::Info, "ready", &[("a", &"x\ny")], 0);
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((object["event"].as_str(), object["a"].as_str()), (Some("ready"), Some("x\ny")));
        assert_eq!(line.lines().count(), 1);
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let log = Log::new(LogFormat::Text);
        let start = Instant::now();
        let said = (0..100).filter(|_| log.admit("x", start).is_some()).count();
        assert_eq!(said, 20);
        assert_eq!(log.admit("y", start), Some(0));
        assert_eq!(log.admit("x", start + Duration::from_secs(WINDOW_SECONDS)), Some(80));
    }
}
