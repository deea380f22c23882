//! Redis' serialization protocol, RESP 2 and 3 (redis.io, "Redis serialization protocol specification"): commands and replies,
//! also of Valkey, KeyDB and Dragonfly.
//!
//! The key, and the member of a hash, name the values beside them: in `HSET user:7 email x` the field of `x` is `user.7.email`.
//! Replies are matched to commands by a queue; a reply without known command is read without names.

use memchr::memchr;

use crate::model::{Direction, DocumentKind, UninspectedReason};

use super::decoder::{Doc, Input, Out, Probe, Role, Step, StreamDecoder};
use super::unknown::{Raw, plain};

mod commands;
#[cfg(test)]
pub(crate) mod tests;

use commands::{Answer, Command, Pending};

/// Where servers listen.
pub(crate) const PORTS: &[u16] = &[6379, 6380, 16379, 26379];

/// Longest line, octets; Redis' own limit for inline commands.
const LINE_MAX: usize = 64 << 10;
/// Aggregates within each other that are followed.
const DEPTH_MAX: usize = 32;

/// Looks at the first octets of a half-stream: an array of bulk strings, or a bulk string.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    let mut rest = octets;
    for (kind, digits_max) in [(b'*', 7), (b'$', 9)] {
        match rest.split_first() {
            None => return Probe::More,
            Some((&first, after)) if first == kind => {
                let digits = after.iter().take_while(|octet| octet.is_ascii_digit()).count();
                match after.get(digits..) {
                    _ if digits > digits_max => return Probe::No,
                    Some([]) => return Probe::More,
                    Some([b'\r']) if digits > 0 => return Probe::More,
                    Some([b'\r', b'\n', after @ ..]) if digits > 0 => rest = after,
                    _ => return Probe::No,
                }
            }
            _ => return Probe::No,
        }
    }
    // The command's name, or the first word of a message to subscribers.
    let word = rest.iter().take_while(|octet| octet.is_ascii_alphabetic() || matches!(octet, b'.' | b'_')).count();
    match rest.get(word) {
        None if word < 24 => Probe::More,
        Some(b'\r') if (2..24).contains(&word) => {
            let pushed = matches!(
                rest.get(..word),
                Some(b"message" | b"pmessage" | b"smessage" | b"subscribe" | b"psubscribe" | b"ssubscribe")
            );
            // Clients of subscribers send the same words.
            if pushed && octets.starts_with(b"*3") { Probe::Yes(Role::Server) } else { Probe::Yes(Role::Client) }
        }
        _ => Probe::No,
    }
}

/// A decoder for both ends.
pub(crate) fn decoder(client: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Redis { client, halves: [Half::default(), Half::default()], pending: Pending::default() })
}

struct Redis {
    client: Direction,
    halves: [Half; 2],
    pending: Pending,
}

#[derive(Default)]
enum State {
    /// An element begins.
    #[default]
    Start,
    /// So many octets of a string are left.
    Bulk(u64),
    /// The line end after it.
    BulkEnd,
    /// Not RESP; whether octets were missing right before.
    Lost(Raw, bool),
}

#[derive(Default)]
struct Half {
    state: State,
    doc: Option<Doc>,
    /// Elements left of each open aggregate.
    open: Vec<u64>,
    /// Strings and numbers of the top-level element so far.
    index: usize,
    command: Command,
    answer: Answer,
    /// An attribute or a push message: no answer to anything.
    aside: bool,
}

impl StreamDecoder for Redis {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let half = input.dir.of_mut(&mut self.halves);
        let client = input.dir == self.client;
        match &mut half.state {
            State::Bulk(left) => {
                let used = input.octets.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                let octets = input.octets.get(..used).unwrap_or_default();
                *left -= used as u64;
                let done = *left == 0;
                half.value_octets(octets, out);
                if done {
                    half.state = State::BulkEnd;
                }
                Step::Took(used)
            }
            State::BulkEnd => {
                let used = match input.octets {
                    [b'\r', b'\n', ..] => 2,
                    [b'\r'] if input.more => return Step::Took(0),
                    // A snapshot sent to a replica has none.
                    _ => 0,
                };
                half.state = State::Start;
                half.finish_value(client, &mut self.pending, out);
                if used == 0 { self.advance(input, out) } else { Step::Took(used) }
            }
            State::Lost(raw, fresh) => {
                if *fresh {
                    match probe(input.octets) {
                        Probe::More if input.more => return Step::Took(0),
                        Probe::Yes(_) => {
                            raw.end(out);
                            half.state = State::Start;
                            return self.advance(input, out);
                        }
                        _ => *fresh = false,
                    }
                }
                raw.octets(input.at, input.octets, out);
                Step::Took(input.octets.len())
            }
            State::Start => {
                let within = input.octets.get(..LINE_MAX).unwrap_or(input.octets);
                let Some(end) = memchr(b'\n', within) else {
                    if input.more && within.len() < LINE_MAX {
                        return Step::Took(0);
                    }
                    half.lose(input.dir, false, out);
                    return self.advance(input, out);
                };
                let line = within.get(..end).unwrap_or_default();
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if half.open.is_empty() {
                    half.begin(client, line, &mut self.pending);
                }
                if half.element(input, line, client, &mut self.pending, out).is_none() {
                    half.lose(input.dir, false, out);
                    return self.advance(input, out);
                }
                Step::Took(end + 1)
            }
        }
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let half = dir.of_mut(&mut self.halves);
        match &mut half.state {
            State::Bulk(left) if len <= *left => {
                *left -= len;
                if let Some(doc) = &half.doc {
                    out.gap(doc, len);
                }
                if *left == 0 {
                    half.state = State::BulkEnd;
                }
            }
            State::Lost(raw, fresh) => {
                raw.gap(len, out);
                *fresh = true;
            }
            _ => {
                half.lose(dir, true, out);
                self.pending.clear();
            }
        }
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        let half = dir.of_mut(&mut self.halves);
        if let State::Lost(raw, _) = &mut half.state {
            raw.end(out);
        }
        half.close(out);
    }

    fn sealed(&self, dir: Direction) -> Option<UninspectedReason> {
        match &dir.of(&self.halves).state {
            State::Lost(raw, _) => raw.sealed(),
            _ => None,
        }
    }

    fn held_bytes(&self) -> usize {
        let half = |half: &Half| {
            let raw = if let State::Lost(raw, _) = &half.state { raw.held_bytes() } else { 0 };
            raw + half.open.capacity() * 8 + half.command.held_bytes() + half.answer.held_bytes()
        };
        size_of::<Self>() + self.pending.held_bytes() + self.halves.iter().map(half).sum::<usize>()
    }
}

/// A decimal number after the first octet of a line.
fn count(line: &[u8]) -> Option<i64> {
    std::str::from_utf8(line.get(1..)?).ok()?.parse().ok()
}

impl Half {
    /// A command or reply begins.
    fn begin(&mut self, client: bool, line: &[u8], pending: &mut Pending) {
        self.index = 0;
        self.aside = matches!(line.first(), Some(b'>' | b'|'));
        self.answer = Answer::default();
        if client {
            self.command = Command::default();
        } else if !self.aside {
            self.answer = pending.pop();
        }
    }

    /// One line; `None` if it is not RESP.
    fn element(
        &mut self,
        input: Input<'_>,
        line: &[u8],
        client: bool,
        pending: &mut Pending,
        out: &mut Out<'_>,
    ) -> Option<()> {
        let (kind, text) = (line.first().copied().unwrap_or(b'\n'), line.get(1..).unwrap_or_default());
        let nested = !self.open.is_empty();
        match kind {
            b'*' | b'~' | b'>' | b'%' | b'|' => {
                let len = count(line)?;
                let len = u64::try_from(len).unwrap_or(0);
                let len = if matches!(kind, b'%' | b'|') { len.checked_mul(2)? } else { len };
                if self.open.len() >= DEPTH_MAX || len > 1 << 32 {
                    return None;
                }
                if client && !nested {
                    self.command.count = usize::try_from(len).unwrap_or(usize::MAX);
                }
                if len == 0 {
                    self.finish_element(client, pending, out);
                } else {
                    self.open.push(len);
                }
            }
            b'$' | b'=' | b'!' => {
                let len = count(line)?;
                if len < 0 {
                    self.index += 1;
                    self.finish_element(client, pending, out);
                    return Some(());
                }
                self.begin_value(input, client, out);
                self.state = if len == 0 { State::BulkEnd } else { State::Bulk(u64::try_from(len).ok()?) };
            }
            b'+' | b'-' | b':' | b',' | b'(' | b'#' | b'_' if !client || nested => {
                // States and numbers of their own are framing; what an error says, and what stands among values, is not.
                let said = kind == b'-' || (kind == b'+' && !matches!(text, b"OK" | b"PONG" | b"QUEUED"));
                if !text.is_empty() && (said || nested) {
                    self.begin_value(input, client, out);
                    self.value_octets(text, out);
                    self.finish_value(client, pending, out);
                } else {
                    self.index += 1;
                    self.finish_element(client, pending, out);
                }
            }
            // Inline commands; empty lines keep a connection alive.
            b'\n' if client && !nested => {}
            _ if client && !nested && line.iter().all(|octet| (0x20..0x7f).contains(octet) || *octet == b'\t') => {
                let doc = out.start(input.dir, plain(DocumentKind::RedisCommand, input.at));
                let password = line.get(..5).filter(|verb| verb.eq_ignore_ascii_case(b"auth "));
                match password {
                    Some(verb) => {
                        out.octets(&doc, verb);
                        out.value(&doc, Some("password"), line.get(5..).unwrap_or_default());
                    }
                    None => out.octets(&doc, line),
                }
                out.end(&doc);
                pending.push(Answer::default());
            }
            _ => return None,
        }
        Some(())
    }

    /// A string or number begins.
    fn begin_value(&mut self, input: Input<'_>, client: bool, out: &mut Out<'_>) {
        let kind = if client { DocumentKind::RedisCommand } else { DocumentKind::RedisReply };
        let doc = self.doc.get_or_insert_with(|| out.start(input.dir, plain(kind, input.at)));
        let field = if client { self.command.field(self.index) } else { self.answer.field(self.index) };
        out.field(doc, field.as_deref());
        if field.is_none() && self.index > 0 {
            out.octets(doc, b" ");
        }
        self.command.word.clear();
        self.answer.word.clear();
    }

    fn value_octets(&mut self, octets: &[u8], out: &mut Out<'_>) {
        if let Some(doc) = &self.doc {
            out.octets(doc, octets);
        }
        self.command.push(octets);
        self.answer.push(octets);
    }

    fn finish_value(&mut self, client: bool, pending: &mut Pending, out: &mut Out<'_>) {
        if client {
            self.command.finish_argument(self.index);
        } else {
            self.answer.finish_element(self.index);
        }
        self.index += 1;
        self.finish_element(client, pending, out);
    }

    /// An element is over, and with it perhaps the aggregates around it.
    fn finish_element(&mut self, client: bool, pending: &mut Pending, out: &mut Out<'_>) {
        while let Some(left) = self.open.last_mut() {
            *left = left.saturating_sub(1);
            if *left > 0 {
                return;
            }
            self.open.pop();
        }
        if let Some(doc) = self.doc.take() {
            out.end(&doc);
        }
        if client {
            pending.push(self.command.answer());
        }
    }

    fn close(&mut self, out: &mut Out<'_>) {
        self.open.clear();
        if let Some(doc) = self.doc.take() {
            out.end(&doc);
        }
    }

    fn lose(&mut self, dir: Direction, fresh: bool, out: &mut Out<'_>) {
        self.close(out);
        self.state = State::Lost(Raw::new(dir, UninspectedReason::UnknownProtocol, None), fresh);
    }
}
