//! SMTP (RFC 5321) and LMTP (RFC 2033): envelope and other commands are documents as sent, messages are mail.
//!
//! ```text
//! Commands ─DATA─▶ Data ─"."─▶ Commands        ─BDAT n─▶ Chunk ─▶ Commands (LAST ends the message, RFC 3030)
//!    └─AUTH─▶ Auth ─▶ Commands                  a TLS hello instead of a line: a fresh probe
//! ```
//!
//! Each half is read without the other, so pipelining (RFC 2920) needs no care. Whether the server agreed to DATA is seen by
//! what the client sends next: a message does not begin with a command.

use crate::model::{Direction, DocumentKind};

use super::decoder::{Doc, Input, Out, Probe, Role, Step, StreamDecoder};
use super::lines::{Dotted, Run, bare, begins, line_len, split_word};
use super::sasl::{self, Awaited};
use super::tls;
use super::unknown::plain;

/// Ports where SMTP is asked first.
pub(crate) const PORTS: &[u16] = &[24, 25, 587, 2525];

/// Octets of a greeting that are looked at.
const GREETING_MAX: usize = 4 << 10;

/// Whether octets begin a dialogue. A greeting with code 220 may be one of FTP: it has to say what it is, or be followed by
/// a reply that only SMTP has.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    let mut answer = Probe::No;
    for word in [&b"EHLO "[..], b"HELO ", b"LHLO ", b"MAIL FROM:", b"RCPT TO:"] {
        match begins(octets, word) {
            Some(true) => return Probe::Yes(Role::Client),
            Some(false) => {}
            None => answer = Probe::More,
        }
    }
    match begins(octets, b"220") {
        Some(true) => greeting(octets.get(..GREETING_MAX).unwrap_or(octets), octets.len() >= GREETING_MAX),
        None => Probe::More,
        Some(false) => answer,
    }
}

fn greeting(octets: &[u8], complete: bool) -> Probe {
    let contains = |line: &[u8], word: &[u8]| line.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word));
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let whole = line.ends_with(b"\n");
        match line.get(..4) {
            Some(b"220 " | b"220-") if !whole => break,
            Some(b"220 " | b"220-") if contains(line, b"SMTP") || contains(line, b"LMTP") => {
                return Probe::Yes(Role::Server);
            }
            Some(b"220 " | b"220-") if !contains(line, b"FTP") => {}
            Some(b"250 " | b"250-") => return Probe::Yes(Role::Server),
            None if !whole => break,
            _ => return Probe::No,
        }
    }
    if complete { Probe::No } else { Probe::More }
}

/// A decoder for both ends.
pub(crate) fn decoder(client: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Smtp { client, state: State::Commands, commands: Run::default(), mail: None, replies: Run::default() })
}

struct Smtp {
    client: Direction,
    state: State,
    commands: Run,
    /// The message that is open.
    mail: Option<Doc>,
    replies: Run,
}

/// Where the client is.
enum State {
    Commands,
    /// In a SASL exchange.
    Auth(Awaited),
    /// After DATA.
    Data(Dotted),
    /// In a chunk of BDAT with so many octets to come; whether it is the last.
    Chunk(u64, bool),
}

/// Whether a line can only be a command: no message begins like this.
fn is_command(line: &[u8]) -> bool {
    const ALONE: [&[u8]; 5] = [b"QUIT", b"RSET", b"NOOP", b"DATA", b"STARTTLS"];
    const FIRST: [&[u8]; 6] = [b"MAIL FROM:", b"RCPT TO:", b"EHLO ", b"HELO ", b"LHLO ", b"BDAT "];
    let line = bare(line).trim_ascii();
    ALONE.iter().any(|verb| line.eq_ignore_ascii_case(verb))
        || FIRST.iter().any(|verb| begins(line, verb) == Some(true))
}

impl StreamDecoder for Smtp {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        if input.dir != self.client {
            if input.octets.first() == Some(&tls::HANDSHAKE) {
                self.replies.close(out);
                return Step::Leave(0, None);
            }
            let Some(len) = line_len(&input) else { return Step::Took(0) };
            let line = input.octets.get(..len).unwrap_or_default();
            self.replies.octets(input.dir, DocumentKind::Reply, input.at, line, out);
            return Step::Took(len);
        }
        match &mut self.state {
            State::Commands => self.command(input, out),
            State::Auth(awaited) => {
                let awaited = *awaited;
                self.response(awaited, input, out)
            }
            State::Data(dotted) => {
                if self.mail.is_none() {
                    let Some(len) = line_len(&input) else { return Step::Took(0) };
                    if is_command(input.octets.get(..len).unwrap_or_default()) {
                        self.state = State::Commands;
                        return self.command(input, out);
                    }
                }
                let doc =
                    self.mail.get_or_insert_with(|| out.start(input.dir, plain(DocumentKind::MailMessage, input.at)));
                let (used, ended) = dotted.feed(input.octets, input.more, &mut |text| out.octets(doc, text));
                if ended {
                    self.end_mail(out);
                }
                Step::Took(used)
            }
            State::Chunk(left, last) => {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(input.octets.len());
                *left -= used as u64;
                let (done, last) = (*left == 0, *last);
                let doc =
                    self.mail.get_or_insert_with(|| out.start(input.dir, plain(DocumentKind::MailMessage, input.at)));
                out.octets(doc, input.octets.get(..used).unwrap_or_default());
                if done {
                    self.end_chunk(last, out);
                }
                Step::Took(used)
            }
        }
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        if dir != self.client {
            return self.replies.gap(len, out);
        }
        match &mut self.state {
            State::Commands => self.commands.gap(len, out),
            State::Auth(_) => self.state = State::Commands,
            State::Data(dotted) => {
                if let Some(doc) = &self.mail {
                    dotted.gap();
                    out.gap(doc, len);
                }
            }
            State::Chunk(left, last) => {
                let (inside, last) = (len.min(*left), *last);
                *left -= inside;
                let done = *left == 0;
                if let Some(doc) = &self.mail {
                    out.gap(doc, inside);
                }
                if done {
                    // Commands may be missing too: the message is over either way.
                    self.end_chunk(last || inside < len, out);
                }
            }
        }
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        if dir == self.client {
            self.commands.close(out);
            self.end_mail(out);
        } else {
            self.replies.close(out);
        }
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Smtp {
    fn end_mail(&mut self, out: &mut Out<'_>) {
        if let Some(doc) = self.mail.take() {
            out.end(&doc);
        }
        self.state = State::Commands;
    }

    fn end_chunk(&mut self, last: bool, out: &mut Out<'_>) {
        if last {
            self.end_mail(out);
        }
        self.state = State::Commands;
    }

    fn command(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        if input.octets.first() == Some(&tls::HANDSHAKE) {
            self.commands.close(out);
            self.end_mail(out);
            return Step::Leave(0, None);
        }
        let Some(len) = line_len(&input) else { return Step::Took(0) };
        let line = input.octets.get(..len).unwrap_or_default();
        let (verb, argument) = split_word(bare(line));
        match verb.to_ascii_uppercase().as_slice() {
            b"AUTH" => {
                let (mechanism, response) = split_word(argument);
                let first = sasl::first(mechanism);
                self.state = State::Auth(first);
                if !response.is_empty() && response != b"=" {
                    if let Some(fields) = sasl::fields(first, response) {
                        self.commands.close(out);
                        fields.give(input.dir, input.at, out);
                        self.state = sasl::next(first).map_or(State::Commands, State::Auth);
                        return Step::Took(len);
                    }
                    self.state = State::Commands;
                }
            }
            b"DATA" => self.state = State::Data(Dotted::new()),
            b"BDAT" => {
                let (size, last) = split_word(argument);
                let size = std::str::from_utf8(size).ok().and_then(|size| size.parse::<u64>().ok());
                let last = last.trim_ascii().eq_ignore_ascii_case(b"LAST");
                match size {
                    Some(0) => self.end_chunk(last, out),
                    Some(size) => self.state = State::Chunk(size, last),
                    None => {}
                }
            }
            b"RSET" | b"MAIL" => self.end_mail(out),
            _ => {}
        }
        self.commands.octets(input.dir, DocumentKind::Command, input.at, line, out);
        if !matches!(self.state, State::Commands) {
            self.commands.close(out);
        }
        Step::Took(len)
    }

    /// A line of a SASL exchange.
    fn response(&mut self, awaited: Awaited, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let Some(len) = line_len(&input) else { return Step::Took(0) };
        let line = input.octets.get(..len).unwrap_or_default();
        match sasl::fields(awaited, bare(line)) {
            Some(fields) if !is_command(line) => {
                fields.give(input.dir, input.at, out);
                self.state = sasl::next(awaited).map_or(State::Commands, State::Auth);
                Step::Took(len)
            }
            // Given up, or refused.
            _ => {
                self.state = State::Commands;
                self.command(input, out)
            }
        }
    }
}
