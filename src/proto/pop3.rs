//! POP3 (RFC 1939, AUTH of RFC 5034): commands as sent, credentials as fields, messages as mail.
//!
//! Which answers have more lines is known from the command, but each half is read alone here: what follows `+OK` and is no
//! answer itself is the text of that answer, up to the line of one dot.

use crate::model::{Direction, DocumentKind};

use super::decoder::{Doc, Input, Out, Probe, Role, Step, StreamDecoder};
use super::lines::{Dotted, Run, bare, begins, line_len, split_word};
use super::sasl::{self, Awaited};
use super::tls;
use super::unknown::plain;

/// Ports where POP3 is asked first.
pub(crate) const PORTS: &[u16] = &[109, 110];

/// Whether octets begin a dialogue.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    // A bare `+OK` line is an answer of Redis.
    let mut answer = Probe::No;
    for (word, role) in [(&b"+OK "[..], Role::Server), (b"APOP ", Role::Client), (b"CAPA\r\n", Role::Client)] {
        match begins(octets, word) {
            Some(true) => return Probe::Yes(role),
            Some(false) => {}
            None => answer = Probe::More,
        }
    }
    if answer == Probe::More { answer } else { after_login(octets, &[b"STAT", b"UIDL", b"TOP", b"CAPA", b"LAST"]) }
}

/// `USER` and `PASS` begin sessions of POP3 and FTP alike: the first command after them that is one of `telling` decides, and
/// one that is known to neither refuses.
pub(crate) fn after_login(octets: &[u8], telling: &[&[u8]]) -> Probe {
    /// Commands of both, or of either.
    const KNOWN: [&[u8]; 20] = [
        b"USER", b"PASS", b"LIST", b"QUIT", b"NOOP", b"RETR", b"DELE", b"STAT", b"UIDL", b"TOP", b"CAPA", b"LAST",
        b"SYST", b"PWD", b"TYPE", b"CWD", b"PASV", b"EPSV", b"PORT", b"FEAT",
    ];
    match begins(octets, b"USER ") {
        None => return Probe::More,
        Some(false) => return Probe::No,
        Some(true) => {}
    }
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        if !line.ends_with(b"\n") {
            return Probe::More;
        }
        let (verb, _) = split_word(bare(line));
        if telling.iter().any(|known| verb.eq_ignore_ascii_case(known)) {
            return Probe::Yes(Role::Client);
        }
        if !KNOWN.iter().any(|known| verb.eq_ignore_ascii_case(known)) {
            return Probe::No;
        }
        let foreign = !matches!(
            verb.to_ascii_uppercase().as_slice(),
            b"USER" | b"PASS" | b"LIST" | b"QUIT" | b"NOOP" | b"RETR" | b"DELE" | b"STAT"
        );
        if foreign {
            return Probe::No;
        }
    }
    Probe::More
}

/// A decoder for both ends.
pub(crate) fn decoder(client: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Pop3 {
        client,
        auth: None,
        commands: Run::default(),
        replies: Run::default(),
        answer: Answer::Status,
        text: None,
    })
}

struct Pop3 {
    client: Direction,
    /// The response of a SASL exchange that comes next.
    auth: Option<Awaited>,
    commands: Run,
    replies: Run,
    answer: Answer,
    /// The text of an answer that is open.
    text: Option<Doc>,
}

/// Where the server is.
enum Answer {
    /// Before a status line.
    Status,
    /// After `+OK`: another one, or a text.
    After,
    /// In a text.
    Text(Dotted),
}

impl StreamDecoder for Pop3 {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let text = matches!(self.answer, Answer::Text(_)) && input.dir != self.client;
        if input.octets.first() == Some(&tls::HANDSHAKE) && !text {
            if input.dir == self.client {
                self.commands.close(out);
            } else {
                self.replies.close(out);
            }
            return Step::Leave(0, None);
        }
        if input.dir == self.client { self.command(input, out) } else { self.answer(input, out) }
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        if dir == self.client {
            self.auth = None;
            return self.commands.gap(len, out);
        }
        match &mut self.answer {
            Answer::Text(dotted) => {
                dotted.gap();
                if let Some(doc) = &self.text {
                    out.gap(doc, len);
                }
            }
            _ => self.replies.gap(len, out),
        }
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        if dir == self.client {
            self.commands.close(out);
        } else {
            self.replies.close(out);
            if let Some(doc) = self.text.take() {
                out.end(&doc);
            }
        }
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Pop3 {
    fn command(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let Some(len) = line_len(&input) else { return Step::Took(0) };
        let line = input.octets.get(..len).unwrap_or_default();
        let (verb, argument) = split_word(bare(line));
        let (awaited, response) = if verb.eq_ignore_ascii_case(b"AUTH") {
            let (mechanism, response) = split_word(argument);
            (Some(sasl::first(mechanism)).filter(|_| !mechanism.is_empty()), response)
        } else {
            (self.auth.take(), bare(line))
        };
        if let Some(awaited) = awaited {
            if let Some(fields) = sasl::fields(awaited, response) {
                self.commands.close(out);
                fields.give(input.dir, input.at, out);
                self.auth = sasl::next(awaited);
                return Step::Took(len);
            }
            // The response comes on a line of its own.
            self.auth = verb.eq_ignore_ascii_case(b"AUTH").then_some(awaited);
        }
        self.commands.octets(input.dir, DocumentKind::Command, input.at, line, out);
        Step::Took(len)
    }

    fn answer(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let ok = begins(input.octets, b"+OK");
        let status = [ok, begins(input.octets, b"-ERR"), begins(input.octets, b"+ ")];
        if let Answer::After = self.answer {
            if status.contains(&None) && input.more {
                return Step::Took(0);
            }
            if status.contains(&Some(true)) {
                self.answer = Answer::Status;
            } else {
                let Some(len) = line_len(&input) else { return Step::Took(0) };
                // A message begins with a field, a list does not.
                let line = input.octets.get(..len).unwrap_or_default();
                let name = line.iter().take_while(|octet| octet.is_ascii_alphanumeric() || **octet == b'-').count();
                let is_mail = name > 0 && line.get(name) == Some(&b':');
                let kind = if is_mail { DocumentKind::MailMessage } else { DocumentKind::Reply };
                self.replies.close(out);
                self.text = Some(out.start(input.dir, plain(kind, input.at)));
                self.answer = Answer::Text(Dotted::new());
            }
        }
        if let Answer::Text(dotted) = &mut self.answer {
            let doc = &self.text;
            let (used, ended) = dotted.feed(input.octets, input.more, &mut |text| {
                if let Some(doc) = doc {
                    out.octets(doc, text);
                }
            });
            if ended {
                self.answer = Answer::Status;
                if let Some(doc) = self.text.take() {
                    out.end(&doc);
                }
            }
            return Step::Took(used);
        }
        let Some(len) = line_len(&input) else { return Step::Took(0) };
        let line = input.octets.get(..len).unwrap_or_default();
        self.replies.octets(input.dir, DocumentKind::Reply, input.at, line, out);
        if ok == Some(true) {
            self.answer = Answer::After;
        }
        Step::Took(len)
    }
}
