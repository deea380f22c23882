//! Events to systemd's journal, in its native protocol: one datagram an event, a line `FIELD=value` each
//! (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL>). `journalctl -t borderpost -o cat` prints the JSON lines; `journalctl
//! BORDERPOST_EVENT=violation -p crit` finds the grave ones.
//!
//! **When an event is safe.** When the journal has taken the datagram; it writes and rotates by itself. A journal that takes nothing for
//! [`WAIT`] is given up for a while.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::writer::{Line, Sink, too_large};
use super::{SinkKind, urgency};

/// Where the journal listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";
/// How long a full queue of the journal is waited for: our own queue holds what comes meanwhile.
const WAIT: Duration = Duration::from_millis(250);
/// More does not fit into the socket's buffer everywhere (net.core.wmem_max).
const DATAGRAM_MAX: usize = 128 << 10;

/// The journal.
pub(super) struct JournalSink {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

/// Connects to the journal.
///
/// # Errors
/// When there is none.
pub(super) fn open(path: &Path) -> io::Result<JournalSink> {
    let mut sink = JournalSink { path: path.to_owned(), socket: None };
    sink.reopen()?;
    Ok(sink)
}

impl Sink for JournalSink {
    fn kind(&self) -> SinkKind {
        SinkKind::Journald
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let Some(socket) = &self.socket else { return Err(io::ErrorKind::NotConnected.into()) };
        let entry = entry(line);
        if entry.len() > DATAGRAM_MAX {
            return Err(too_large());
        }
        socket.send(&entry).map(|_| ())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.socket = Some(super::datagram(&self.path, WAIT)?);
        Ok(())
    }

    fn give_up(&mut self) {
        self.socket = None;
    }

    fn close(&mut self) -> io::Result<()> {
        self.socket = None;
        Ok(())
    }
}

/// The datagram of an event. JSON has no line feeds of its own, so that the short form of a field is enough.
fn entry(line: &Line) -> Vec<u8> {
    let mut entry = format!(
        "SYSLOG_IDENTIFIER=borderpost\nPRIORITY={}\nBORDERPOST_EVENT={}\nMESSAGE=",
        urgency(line.kind),
        line.kind.as_str()
    )
    .into_bytes();
    entry.extend_from_slice(line.json.trim_ascii_end());
    entry.push(b'\n');
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::sink::SinkState;
    use crate::model::{Event, EventBody, Timestamp};

    #[test]
    fn an_event_is_one_datagram_of_fields() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        let mut sink = open(&path).unwrap();
        let event =
            Event { time: Timestamp::from_nanos(0), flow: None, body: EventBody::Notice("a\nPRIORITY=0".to_owned()) };
        sink.write(&Line::of(&event, &SinkState::default()).unwrap()).unwrap();
        let mut datagram = [0; 4096];
        let length = journal.recv(&mut datagram).unwrap();
        let text = std::str::from_utf8(&datagram[..length]).unwrap();
        let fields: Vec<_> = text.lines().filter_map(|line| line.split_once('=')).collect();
        assert_eq!(fields.len(), 4, "what an event says adds no field: {text}");
        assert_eq!(
            &fields[..3],
            [("SYSLOG_IDENTIFIER", "borderpost"), ("PRIORITY", "6"), ("BORDERPOST_EVENT", "notice")]
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(fields[3].1).unwrap()["notice"], "a\nPRIORITY=0");

        let huge = Line { json: vec![b'x'; DATAGRAM_MAX], ..Line::EMPTY };
        assert_eq!(sink.write(&huge).unwrap_err().kind(), too_large().kind());
    }

    #[test]
    fn a_journal_that_takes_nothing_is_not_waited_for_long() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let _journal = UnixDatagram::bind(&path).unwrap();
        let mut sink = open(&path).unwrap();
        let begun = std::time::Instant::now();
        let refused = (0..100_000).find_map(|_| sink.write(&Line::EMPTY).err());
        assert!(refused.is_some() && begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
