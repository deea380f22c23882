//! IMAP (RFC 9051, RFC 3501): commands and responses as sent, credentials of LOGIN and AUTHENTICATE as fields, messages in
//! literals as mail.
//!
//! A line that ends with `{n}` or `{n+}` (RFC 7888) is followed by a literal of `n` octets, and then the line goes on. What a
//! literal is stands in the line before it, so each half is read without the other. After COMPRESS (RFC 4978) the stream is
//! no text any more and is read as unknown.

use crate::model::{Direction, DocumentKind};

use super::decoder::{Doc, Input, Out, Probe, Role, Step, StreamDecoder};
use super::fields::Fields;
use super::lines::{Run, bare, begins, line_len, split_word};
use super::sasl::{self, Awaited};
use super::tls;
use super::unknown::plain;

/// Ports where IMAP is asked first.
pub(crate) const PORTS: &[u16] = &[143, 220];

/// Octets of a tag that are looked at.
const TAG_MAX: usize = 16;
/// A user name or password in a longer literal is text like any other.
const CREDENTIAL_MAX: u64 = 1024;

/// Commands that open a session or are common midstream.
const VERBS: [&[u8]; 22] = [
    b"LOGIN",
    b"CAPABILITY",
    b"AUTHENTICATE",
    b"STARTTLS",
    b"NOOP",
    b"LOGOUT",
    b"SELECT",
    b"EXAMINE",
    b"LIST",
    b"LSUB",
    b"STATUS",
    b"FETCH",
    b"UID",
    b"APPEND",
    b"ID",
    b"NAMESPACE",
    b"ENABLE",
    b"IDLE",
    b"SEARCH",
    b"STORE",
    b"CHECK",
    b"COMPRESS",
];

/// Whether octets begin a dialogue.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    let mut answer = Probe::No;
    for word in [&b"* OK "[..], b"* PREAUTH ", b"* BYE "] {
        match begins(octets, word) {
            Some(true) => return Probe::Yes(Role::Server),
            Some(false) => {}
            None => answer = Probe::More,
        }
    }
    let tag = octets.iter().take(TAG_MAX + 1).take_while(|o| o.is_ascii_alphanumeric() || b".-_".contains(o)).count();
    if tag == 0 || tag > TAG_MAX {
        return answer;
    }
    let Some(after) = octets.get(tag) else { return Probe::More };
    let digit = octets.iter().take(tag).any(u8::is_ascii_digit);
    if *after != b' ' || !digit {
        return answer;
    }
    let rest = octets.get(tag + 1..).unwrap_or_default();
    for verb in VERBS {
        match (begins(rest, verb), rest.get(verb.len())) {
            (Some(true), Some(b' ' | b'\r' | b'\n')) => return Probe::Yes(Role::Client),
            (Some(true) | None, None) => answer = Probe::More,
            _ => {}
        }
    }
    answer
}

/// A decoder for both ends.
pub(crate) fn decoder(client: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Imap { client, halves: Default::default() })
}

struct Imap {
    client: Direction,
    halves: [Half; 2],
}

#[derive(Default)]
struct Half {
    lines: Run,
    state: State,
    /// User name and password so far, while a LOGIN command goes on.
    login: Option<Login>,
    /// A literal that is a document of its own.
    literal: Option<Doc>,
    /// The SASL response that comes next.
    auth: Option<Awaited>,
}

#[derive(Default)]
struct Login {
    fields: Fields,
    count: usize,
    at: u64,
}

impl Login {
    fn add(&mut self, value: &[u8]) {
        let name = ["username", "password"].get(self.count).copied().unwrap_or("argument");
        self.fields.add(name, value);
        self.count += 1;
    }

    /// Strings of a line (RFC 9051, section 4): atoms and quoted ones, literals left out.
    fn add_strings(&mut self, line: &[u8]) {
        let mut rest = line.trim_ascii();
        while let Some((&first, after)) = rest.split_first() {
            if first == b'"' {
                let (mut value, mut used) = (Vec::new(), 0);
                let mut octets = after.iter();
                while let Some(&octet) = octets.next() {
                    used += 1;
                    match octet {
                        b'"' => break,
                        b'\\' => {
                            value.extend(octets.next());
                            used += 1;
                        }
                        octet => value.push(octet),
                    }
                }
                self.add(&value);
                rest = after.get(used..).unwrap_or_default().trim_ascii_start();
            } else {
                let (word, later) = split_word(rest);
                if literal_len(word).is_none() {
                    self.add(word);
                }
                rest = later;
            }
        }
    }
}

#[derive(Default, Clone, Copy)]
enum State {
    /// Before a line.
    #[default]
    Line,
    /// After a literal: the line goes on.
    Rest,
    /// In a literal with so many octets to come.
    Literal(u64),
    /// In a literal that is a user name or password.
    Credential(usize),
}

/// The length of the literal that a line announces at its end.
fn literal_len(line: &[u8]) -> Option<u64> {
    let inside = line.strip_suffix(b"}")?;
    let open = inside.iter().rposition(|octet| *octet == b'{')?;
    let digits = inside.get(open + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|d| d.is_ascii_digit()))?.parse().ok()
}

/// What the literal is that a line announces: a whole message or its header, a part of one, or `None` for a string.
fn literal_kind(line: &[u8]) -> Option<DocumentKind> {
    let upper = line.to_ascii_uppercase();
    let last = |word: &[u8]| upper.windows(word.len()).rposition(|window| window == word);
    let body = last(b"BODY[").max(last(b"BINARY["));
    let whole = last(b"RFC822").max(last(b"APPEND "));
    if whole > body {
        let text = upper.windows(11).any(|window| window == b"RFC822.TEXT");
        return Some(if text { DocumentKind::MessageBody } else { DocumentKind::MailMessage });
    }
    let section = upper.get(body?..)?;
    let message = section.starts_with(b"BODY[]") || section.windows(6).take(20).any(|window| window == b"HEADER");
    Some(if message { DocumentKind::MailMessage } else { DocumentKind::MessageBody })
}

impl StreamDecoder for Imap {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let is_client = input.dir == self.client;
        let half = input.dir.of_mut(&mut self.halves);
        let kind = if is_client { DocumentKind::Command } else { DocumentKind::Reply };
        match half.state {
            State::Line if input.octets.first() == Some(&tls::HANDSHAKE) => {
                half.lines.close(out);
                Step::Leave(0, None)
            }
            State::Line | State::Rest => half.line(is_client, kind, input, out),
            State::Literal(left) => {
                let used = usize::try_from(left).unwrap_or(usize::MAX).min(input.octets.len());
                let octets = input.octets.get(..used).unwrap_or_default();
                match &half.literal {
                    Some(doc) => out.octets(doc, octets),
                    None => half.lines.octets(input.dir, kind, input.at, octets, out),
                }
                half.literal_passed(used as u64, left, out);
                Step::Took(used)
            }
            State::Credential(len) => match input.octets.get(..len) {
                None if input.more => Step::Took(0),
                value => {
                    let value = value.unwrap_or(input.octets);
                    if let Some(login) = &mut half.login {
                        login.add(value);
                    }
                    half.state = State::Rest;
                    Step::Took(value.len())
                }
            },
        }
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let half = dir.of_mut(&mut self.halves);
        half.auth = None;
        match half.state {
            State::Literal(left) => {
                match &half.literal {
                    Some(doc) => out.gap(doc, len.min(left)),
                    None => half.lines.gap(len.min(left), out),
                }
                half.literal_passed(len.min(left), left, out);
            }
            _ => {
                half.give_login(dir, out);
                half.lines.gap(len, out);
                half.state = State::Line;
            }
        }
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        let half = dir.of_mut(&mut self.halves);
        half.give_login(dir, out);
        half.lines.close(out);
        if let Some(doc) = half.literal.take() {
            out.end(&doc);
        }
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Half {
    fn literal_passed(&mut self, used: u64, left: u64, out: &mut Out<'_>) {
        self.state = if used < left { State::Literal(left - used) } else { State::Rest };
        if used >= left
            && let Some(doc) = self.literal.take()
        {
            out.end(&doc);
        }
    }

    fn give_login(&mut self, dir: Direction, out: &mut Out<'_>) {
        if let Some(login) = self.login.take() {
            self.lines.close(out);
            login.fields.give(dir, login.at, out);
        }
    }

    fn line(&mut self, is_client: bool, kind: DocumentKind, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let Some(len) = line_len(&input) else { return Step::Took(0) };
        let line = input.octets.get(..len).unwrap_or_default();
        let text = bare(line);
        let begins_command = matches!(self.state, State::Line);
        if is_client && begins_command {
            if let Some(awaited) = self.auth.take()
                && let Some(fields) = sasl::fields(awaited, text)
            {
                self.lines.close(out);
                fields.give(input.dir, input.at, out);
                self.auth = sasl::next(awaited);
                return Step::Took(len);
            }
            let (_, command) = split_word(text);
            let (verb, argument) = split_word(command);
            if verb.eq_ignore_ascii_case(b"LOGIN") {
                self.login = Some(Login { at: input.at, ..Login::default() });
                if let Some(login) = &mut self.login {
                    login.add_strings(argument);
                }
            } else if verb.eq_ignore_ascii_case(b"AUTHENTICATE") {
                let (mechanism, response) = split_word(argument);
                let first = sasl::first(mechanism);
                if let Some(fields) = sasl::fields(first, response) {
                    self.lines.close(out);
                    fields.give(input.dir, input.at, out);
                    self.auth = sasl::next(first);
                    return Step::Took(len);
                }
                self.auth = Some(first);
            }
        } else if let Some(login) = &mut self.login {
            login.add_strings(text);
        }
        let literal = literal_len(text).filter(|_| line.ends_with(b"\n"));
        if self.login.is_none() {
            self.lines.octets(input.dir, kind, input.at, line, out);
        }
        self.state = match literal {
            None => {
                self.give_login(input.dir, out);
                State::Line
            }
            Some(0) => State::Rest,
            Some(literal) if self.login.is_some() && literal <= CREDENTIAL_MAX => State::Credential(literal as usize),
            Some(literal) => {
                let at = input.at + len as u64;
                if let Some(kind) = literal_kind(text) {
                    self.lines.close(out);
                    self.literal = Some(out.start(input.dir, plain(kind, at)));
                }
                State::Literal(literal)
            }
        };
        Step::Took(len)
    }
}
