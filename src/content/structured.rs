//! Header fields whose values have parts of their own: addresses with display names (RFC 5322, section 3.4; SIP, RFC 3261,
//! section 20.10) and credentials (RFC 7617 Basic, RFC 7616 Digest).
//!
//! Such a value is held until it ends; one that is longer than [`VALUE_MAX`] is read like any other.

use super::base64::Base64;
use super::budget::Cx;
use super::value::Value;

/// Octets of a value that are held.
const VALUE_MAX: usize = 2048;

/// What a value consists of.
#[derive(Clone, Copy)]
enum Kind {
    /// `Name <address>, ...`: the name has the field `from.display name`.
    Addresses,
    /// `Basic base64` or `Digest name="value", ...`.
    Credentials,
}

fn kind(name: &str) -> Option<Kind> {
    match name {
        "from" | "to" | "cc" | "bcc" | "sender" | "reply-to" | "resent-from" | "resent-to" | "contact" => {
            Some(Kind::Addresses)
        }
        "authorization" | "proxy-authorization" => Some(Kind::Credentials),
        _ => None,
    }
}

/// Holds a value.
#[derive(Default)]
pub(super) struct Structured {
    held: Vec<u8>,
    /// Where stretches of held octets begin, and their offsets: decoding moves them.
    runs: Vec<(usize, u64)>,
    /// The value is too long to be held.
    plain: bool,
}

impl Structured {
    /// The next octets of the value of `name`.
    pub(super) fn octets(&mut self, octets: &[u8], at: u64, name: &str, value: &mut Value, cx: &mut Cx<'_>) {
        if !self.plain && kind(name).is_some() && self.held.len() + octets.len() <= VALUE_MAX {
            let next = self.runs.last().map(|(from, at)| at + (self.held.len() - from) as u64);
            if next != Some(at) {
                self.runs.push((self.held.len(), at));
            }
            return self.held.extend_from_slice(octets);
        }
        self.release(name, value, cx);
        self.plain = true;
        value.octets(octets, at, Some(name), cx);
    }

    /// The value ends.
    pub(super) fn end(&mut self, name: &str, value: &mut Value, cx: &mut Cx<'_>) {
        match kind(name) {
            Some(Kind::Addresses) => self.addresses(name, value, cx),
            Some(Kind::Credentials) => self.credentials(name, value, cx),
            None => {}
        }
        self.release(name, value, cx);
        self.plain = false;
        value.end(Some(name), cx);
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.held.capacity() + self.runs.capacity() * size_of::<(usize, u64)>()
    }

    /// Gives out what is held as it stands.
    fn release(&mut self, name: &str, value: &mut Value, cx: &mut Cx<'_>) {
        self.give(0, self.held.len(), Some(name), value, cx);
        self.held.clear();
        self.runs.clear();
    }

    /// Gives out held octets.
    fn give(&self, from: usize, to: usize, field: Option<&str>, value: &mut Value, cx: &mut Cx<'_>) {
        let mut from = from;
        while from < to {
            let next = self.runs.iter().map(|(start, _)| *start).find(|start| *start > from).unwrap_or(to).min(to);
            let run = self.runs.iter().rev().find(|(start, _)| *start <= from);
            let at = run.map_or(0, |(start, at)| at + (from - start) as u64);
            let octets = self.held.get(from..next).unwrap_or_default();
            match field {
                Some(_) => value.octets(octets, at, field, cx),
                None => cx.text(octets, at, None),
            }
            from = next;
        }
    }

    /// Gives out held octets as a whole value.
    fn give_whole(&self, from: usize, to: usize, field: &str, value: &mut Value, cx: &mut Cx<'_>) {
        self.give(from, to, Some(field), value, cx);
        value.end(Some(field), cx);
    }

    /// Gives out a part without the space and quotes around it, which have no field.
    fn give_trimmed(&self, from: usize, to: usize, field: &str, value: &mut Value, cx: &mut Cx<'_>) {
        let part = self.held.get(from..to).unwrap_or_default();
        let around = |octet: &u8| matches!(octet, b' ' | b'\t' | b'"');
        let start = from + part.iter().take_while(|octet| around(octet)).count();
        let end = (to - part.iter().rev().take_while(|octet| around(octet)).count()).max(start);
        self.give(from, start, None, value, cx);
        self.give_whole(start, end, field, value, cx);
        self.give(end, to, None, value, cx);
    }

    fn addresses(&mut self, name: &str, value: &mut Value, cx: &mut Cx<'_>) {
        let display = format!("{name}.display name");
        let mut from = 0;
        while from < self.held.len() {
            let rest = self.held.get(from..).unwrap_or_default();
            let (mut quoted, mut angle, mut end) = (false, None, rest.len());
            for (at, octet) in rest.iter().enumerate() {
                match octet {
                    b'"' => quoted = !quoted,
                    b'<' if !quoted && angle.is_none() => angle = Some(at),
                    b',' if !quoted => {
                        end = at + 1;
                        break;
                    }
                    _ => {}
                }
            }
            let address = angle.unwrap_or(0);
            self.give_trimmed(from, from + address, &display, value, cx);
            self.give_whole(from + address, from + end, name, value, cx);
            from += end;
        }
        self.held.clear();
        self.runs.clear();
    }

    fn credentials(&mut self, name: &str, value: &mut Value, cx: &mut Cx<'_>) {
        let Some(space) = memchr::memchr(b' ', &self.held) else { return };
        let (scheme, rest) = self.held.split_at(space + 1);
        if scheme.eq_ignore_ascii_case(b"basic ") && cx.budget.may_nest() {
            let (mut base64, mut decoded) = (Base64::default(), Vec::new());
            base64.feed(rest, &mut decoded);
            base64.finish(&mut decoded);
            let Some(colon) = memchr::memchr(b':', &decoded) else { return };
            self.give_whole(0, space + 1, name, value, cx);
            let (user, password) = decoded.split_at(colon);
            cx.enter("basic", None);
            cx.text(user, 0, Some("username"));
            cx.text(b":", colon as u64, None);
            cx.text(password.get(1..).unwrap_or_default(), colon as u64 + 1, Some("password"));
            cx.leave();
        } else if scheme.eq_ignore_ascii_case(b"digest ") {
            self.give_whole(0, space + 1, name, value, cx);
            let mut from = space + 1;
            while from < self.held.len() {
                let rest = self.held.get(from..).unwrap_or_default();
                let mut quoted = false;
                let end = rest.iter().position(|octet| {
                    quoted ^= *octet == b'"';
                    *octet == b',' && !quoted
                });
                let end = end.unwrap_or(rest.len());
                let equals = memchr::memchr(b'=', rest.get(..end).unwrap_or(rest)).map_or(end, |at| at + 1);
                let key = rest.get(..equals.saturating_sub(1)).unwrap_or_default().trim_ascii();
                let field = format!("{name}.{}", String::from_utf8_lossy(key));
                self.give(from, from + equals, None, value, cx);
                self.give_trimmed(from + equals, from + end, &field, value, cx);
                let comma = (from + end + 1).min(self.held.len());
                self.give(from + end, comma, None, value, cx);
                from = comma;
            }
        } else {
            return;
        }
        self.held.clear();
        self.runs.clear();
    }
}
