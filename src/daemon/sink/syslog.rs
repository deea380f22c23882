//! Events to a syslog server: RFC 5424, over a Unix socket, UDP (RFC 5426) or TCP with octet counting (RFC 6587).
//!
//! **When an event is safe.** Never for sure: datagrams get lost, and what TCP has taken may be on its way when the connection breaks.
//! What could not be sent is counted. A server that takes nothing for [`WAIT`] is given up for a while.

use std::io::{self, BufWriter, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::writer::{Line, Sink, too_large};
use super::{SinkKind, urgency};
use crate::config::SyslogTarget;

/// How long a server is waited for: our own queue holds what comes meanwhile.
const WAIT: Duration = Duration::from_millis(500);
/// What a datagram of UDP holds at most, with its headers; larger events can go over TCP.
const DATAGRAM_MAX: usize = 65_000;
/// The facility: log audit, RFC 5424 section 6.2.1.
const FACILITY: u8 = 13;

/// A syslog server.
pub(super) struct SyslogSink {
    target: SyslogTarget,
    host: String,
    connection: Option<Connection>,
}

enum Connection {
    Unix(UnixDatagram),
    Udp(UdpSocket),
    Tcp(BufWriter<TcpStream>),
}

/// Makes a sink. A server that is down does not keep the daemon from starting: it is tried again.
pub(super) fn open(target: SyslogTarget) -> SyslogSink {
    let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let printable = node.len() <= 255 && node.bytes().all(|octet| octet.is_ascii_graphic()) && !node.is_empty();
    SyslogSink { target, host: if printable { node } else { "-".to_owned() }, connection: None }
}

impl Connection {
    fn open(target: &SyslogTarget) -> io::Result<Self> {
        Ok(match target {
            SyslogTarget::Unix(path) => Self::Unix(super::datagram(path, WAIT)?),
            SyslogTarget::Udp(address) => {
                let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address)?;
                socket.set_write_timeout(Some(WAIT))?;
                Self::Udp(socket)
            }
            SyslogTarget::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, WAIT)?;
                stream.set_write_timeout(Some(WAIT))?;
                Self::Tcp(BufWriter::with_capacity(1 << 16, stream))
            }
        })
    }
}

impl Sink for SyslogSink {
    fn kind(&self) -> SinkKind {
        SinkKind::Syslog
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        if self.connection.is_none() {
            self.reopen()?;
        }
        let Some(connection) = &mut self.connection else { return Err(io::ErrorKind::NotConnected.into()) };
        let message = message(line, &self.host);
        match connection {
            Connection::Unix(_) | Connection::Udp(_) if message.len() > DATAGRAM_MAX => Err(too_large()),
            Connection::Unix(socket) => socket.send(&message).map(|_| ()),
            // The error of a datagram before (a port that nobody listens at) comes with the next one: that one was not sent.
            Connection::Udp(socket) => socket.send(&message).map(|_| ()),
            Connection::Tcp(stream) => {
                stream.write_all(format!("{} ", message.len()).as_bytes())?;
                stream.write_all(&message)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.connection {
            Some(Connection::Tcp(stream)) => stream.flush(),
            _ => Ok(()),
        }
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.flush()?;
        self.connection = Some(Connection::open(&self.target)?);
        Ok(())
    }

    fn give_up(&mut self) {
        // Dropping the buffer would try to send it once more.
        if let Some(Connection::Tcp(stream)) = self.connection.take() {
            let _ = stream.into_parts();
        }
    }

    fn close(&mut self) -> io::Result<()> {
        self.flush()?;
        self.connection = None;
        Ok(())
    }
}

/// `<PRI>1 TIME HOST borderpost PID EVENT - JSON`.
fn message(line: &Line, host: &str) -> Vec<u8> {
    let priority = FACILITY * 8 + urgency(line.kind);
    // Nanoseconds are more than the RFC allows.
    let time = line.time.to_string();
    let time = time.get(..26).unwrap_or("-");
    let zone = if time == "-" { "" } else { "Z" };
    let (pid, kind) = (std::process::id(), line.kind.as_str());
    let mut message = format!("<{priority}>1 {time}{zone} {host} borderpost {pid} {kind} - ").into_bytes();
    message.extend_from_slice(line.json.trim_ascii_end());
    message
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;

    use super::*;
    use crate::daemon::sink::SinkState;
    use crate::model::{Event, EventBody, Timestamp};

    fn line() -> Line {
        let body = EventBody::Notice("hello\nthere".to_owned());
        let event = Event { time: Timestamp::from_parts(1_767_323_045, 6_000), flow: None, body };
        Line::of(&event, &SinkState::default()).unwrap()
    }

    fn check(message: &str) {
        let (head, json) = message.split_once(" - ").unwrap();
        let words: Vec<_> = head.split(' ').collect();
        assert_eq!(
            (words[0], words[1], words[3]),
            ("<110>1", "2026-01-02T03:04:05.000006Z", "borderpost"),
            "{message}"
        );
        assert_eq!((words.len(), words[5]), (6, "notice"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(json).unwrap()["notice"], "hello\nthere");
    }

    #[test]
    fn messages_are_those_of_the_rfc_over_each_transport() {
        let mut octets = [0; 4096];

        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut sink = open(SyslogTarget::Udp(udp.local_addr().unwrap()));
        sink.write(&line()).unwrap();
        let length = udp.recv(&mut octets).unwrap();
        check(std::str::from_utf8(&octets[..length]).unwrap());
        assert_eq!(
            sink.write(&Line { json: vec![b'x'; 70_000], ..Line::EMPTY }).unwrap_err().kind(),
            too_large().kind()
        );

        let dir = tempfile::tempdir().unwrap();
        let unix = UnixDatagram::bind(dir.path().join("log")).unwrap();
        let mut sink = open(SyslogTarget::Unix(dir.path().join("log")));
        sink.write(&line()).unwrap();
        let length = unix.recv(&mut octets).unwrap();
        check(std::str::from_utf8(&octets[..length]).unwrap());

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sink = open(SyslogTarget::Tcp(listener.local_addr().unwrap()));
        sink.write(&line()).unwrap();
        sink.write(&line()).unwrap();
        sink.close().unwrap();
        let mut all = String::new();
        listener.accept().unwrap().0.read_to_string(&mut all).unwrap();
        for _ in 0..2 {
            let (length, rest) = all.split_once(' ').unwrap();
            let (message, rest) = rest.split_at(length.parse().unwrap());
            check(message);
            all = rest.to_owned();
        }
        assert!(all.is_empty());
    }

    #[test]
    fn a_server_that_is_down_is_an_error_and_comes_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let mut sink = open(SyslogTarget::Tcp(address));
        assert!(sink.write(&line()).is_err());
        sink.give_up();
        let _listener = TcpListener::bind(address).unwrap();
        sink.reopen().unwrap();
        sink.write(&line()).unwrap();
        sink.close().unwrap();
    }
}
