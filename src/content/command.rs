//! Command lines of text dialogues (SMTP, POP3, IMAP, FTP): `VERB argument`. The argument of a verb that tells what it is
//! comes with a field name; everything else is text as it stands.

use super::budget::Cx;
use super::document::Reader;
use super::value::Value;

/// Longest verb, octets.
const VERB_MAX: usize = 12;

/// Verbs and what their argument is: RFC 959 and 3659 (FTP), RFC 1939 (POP3), RFC 5321 (SMTP). The last pair of a verb counts,
/// and names are those that signatures know.
const VERBS: &[(&str, &str)] = &[
    ("user", "username"),
    ("pass", "password"),
    ("acct", "account"),
    ("apop", "username"),
    ("ehlo", "host"),
    ("helo", "host"),
    ("lhlo", "host"),
    ("mail", "mail from"),
    ("rcpt", "rcpt to"),
    ("vrfy", "mail"),
    ("expn", "mail"),
    ("stor", "path"),
    ("retr", "path"),
    ("appe", "path"),
    ("rnfr", "path"),
    ("rnto", "path"),
    ("dele", "path"),
    ("cwd", "path"),
    ("mkd", "path"),
];

enum Place {
    /// In the first word of a line.
    Verb,
    /// After it.
    Argument,
}

/// Reads command lines.
pub(super) struct Command {
    place: Place,
    verb: Vec<u8>,
    field: Option<&'static str>,
    at: u64,
    value: Value,
}

impl Default for Command {
    fn default() -> Self {
        Self { place: Place::Verb, verb: Vec::new(), field: None, at: 0, value: Value::new() }
    }
}

impl Reader for Command {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let mut rest = octets;
        while !rest.is_empty() {
            let len = match self.place {
                Place::Verb => rest.iter().position(|octet| matches!(octet, b' ' | b'\r' | b'\n')),
                Place::Argument => memchr::memchr2(b'\r', b'\n', rest),
            };
            let (piece, later) = rest.split_at(len.unwrap_or(rest.len()));
            match self.place {
                Place::Verb => {
                    let room = (VERB_MAX + 1).saturating_sub(self.verb.len());
                    self.verb.extend_from_slice(piece.get(..room).unwrap_or(piece));
                    cx.text(piece, self.at, None);
                }
                Place::Argument => self.value.octets(piece, self.at, self.field, cx),
            }
            self.at += piece.len() as u64;
            rest = later;
            let Some((&mark, later)) = rest.split_first() else { break };
            if mark == b' ' {
                let verb = VERBS.iter().find(|(verb, _)| self.verb.eq_ignore_ascii_case(verb.as_bytes()));
                self.field = verb.map(|(_, field)| *field);
                self.place = Place::Argument;
            } else {
                self.end(cx);
                self.place = Place::Verb;
            }
            self.verb.clear();
            cx.text(&[mark], self.at, None);
            self.at += 1;
            rest = later;
        }
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        self.end(cx);
        self.at += len;
        // What follows is the middle of some line.
        self.place = Place::Argument;
        self.field = None;
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        if matches!(self.place, Place::Argument) {
            self.value.end(self.field, cx);
        }
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.verb.capacity() + self.value.held_bytes()
    }
}
