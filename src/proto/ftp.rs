//! FTP, the control connection (RFC 959, RFC 2228, RFC 2428): commands and replies as sent, user and password by name.
//!
//! PASV, EPSV, PORT and EPRT announce data connections. Those are other flows, and a flow cannot see another one here: they
//! are read by content, as streams that no decoder recognises.

use crate::model::{Direction, DocumentKind};

use super::decoder::{Input, Out, Probe, Role, Step, StreamDecoder};
use super::lines::{Run, begins, line_len};
use super::pop3::after_login;
use super::tls;

/// Ports where FTP is asked first.
pub(crate) const PORTS: &[u16] = &[21, 2121];

/// Octets of a greeting that are looked at.
const GREETING_MAX: usize = 4 << 10;

/// Whether octets begin a dialogue. The greeting may be one of SMTP: it has to say what it is, or be followed by a reply
/// that only FTP has.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    let mut answer = Probe::No;
    for word in [&b"AUTH TLS\r\n"[..], b"AUTH SSL\r\n", b"FEAT\r\n"] {
        match begins(octets, word) {
            Some(true) => return Probe::Yes(Role::Client),
            Some(false) => {}
            None => answer = Probe::More,
        }
    }
    match begins(octets, b"220") {
        Some(true) => greeting(octets.get(..GREETING_MAX).unwrap_or(octets), octets.len() >= GREETING_MAX),
        None => Probe::More,
        Some(false) if answer == Probe::More => answer,
        Some(false) => after_login(
            octets,
            &[b"SYST", b"PWD", b"TYPE", b"CWD", b"PASV", b"EPSV", b"PORT", b"EPRT", b"FEAT", b"OPTS", b"SIZE", b"STOR"],
        ),
    }
}

fn greeting(octets: &[u8], complete: bool) -> Probe {
    let contains = |line: &[u8], word: &[u8]| line.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word));
    for (number, line) in octets.split_inclusive(|octet| *octet == b'\n').enumerate() {
        let whole = line.ends_with(b"\n");
        match line.get(..3) {
            Some(b"220") if !whole => break,
            Some(b"220") if contains(line, b"FTP") => return Probe::Yes(Role::Server),
            Some(b"220") if !contains(line, b"SMTP") => {}
            Some(b"331" | b"332" | b"230" | b"234" | b"530" | b"211" | b"215" | b"500" | b"502") if number > 0 => {
                return Probe::Yes(Role::Server);
            }
            None if !whole => break,
            _ => return Probe::No,
        }
    }
    if complete { Probe::No } else { Probe::More }
}

/// A decoder for both ends.
pub(crate) fn decoder(client: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Ftp { client, commands: Run::default(), replies: Run::default() })
}

struct Ftp {
    client: Direction,
    commands: Run,
    replies: Run,
}

impl StreamDecoder for Ftp {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let (run, kind) = if input.dir == self.client {
            (&mut self.commands, DocumentKind::Command)
        } else {
            (&mut self.replies, DocumentKind::Reply)
        };
        if input.octets.first() == Some(&tls::HANDSHAKE) {
            run.close(out);
            return Step::Leave(0, None);
        }
        let Some(len) = line_len(&input) else { return Step::Took(0) };
        run.octets(input.dir, kind, input.at, input.octets.get(..len).unwrap_or_default(), out);
        Step::Took(len)
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let run = if dir == self.client { &mut self.commands } else { &mut self.replies };
        run.gap(len, out);
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        let run = if dir == self.client { &mut self.commands } else { &mut self.replies };
        run.close(out);
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>()
    }
}
