//! `name=value` pairs: forms (`application/x-www-form-urlencoded`), query strings, cookies.

use super::budget::Cx;
use super::document::Reader;
use super::percent::Percent;
use super::value::Value;

/// Longest name that is remembered, octets; the rest of a longer name is not part of the field.
const NAME_LEN_MAX: usize = 256;

/// What separates pairs, and what `+` means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `a=1&b=2`, `+` is a space.
    Form,
    /// `a=1; b=2` (RFC 6265).
    Cookie,
}

/// Reads pairs.
pub(super) struct Pairs {
    dialect: Dialect,
    /// Field of what is around, and a dot, if there is a field.
    prefix: String,
    name: Vec<u8>,
    /// Prefix and name of the current pair, while in its value.
    field: Option<String>,
    in_value: bool,
    percent: Percent,
    value: Value,
}

impl Pairs {
    pub(super) fn new(dialect: Dialect, around: Option<&str>) -> Self {
        Self {
            dialect,
            prefix: around.map(|around| format!("{around}.")).unwrap_or_default(),
            name: Vec::new(),
            field: None,
            in_value: false,
            percent: Percent::default(),
            value: Value::new(),
        }
    }

    pub(super) fn octets(&mut self, octets: &[u8], at: u64, cx: &mut Cx<'_>) {
        let separator = if self.dialect == Dialect::Form { b'&' } else { b';' };
        let (mut rest, mut at) = (octets, at);
        while !rest.is_empty() {
            let end =
                if self.in_value { memchr::memchr(separator, rest) } else { memchr::memchr2(separator, b'=', rest) };
            let (piece, later) = rest.split_at(end.unwrap_or(rest.len()));
            self.piece(piece, at, cx);
            at += piece.len() as u64;
            rest = later;
            if let Some((&mark, later)) = rest.split_first() {
                self.close(at, cx);
                cx.text(&[mark], at, None);
                if mark == b'=' {
                    let name = String::from_utf8_lossy(&self.name);
                    self.field = Some(format!("{}{}", self.prefix, name.trim()));
                    self.in_value = true;
                }
                self.name.clear();
                at += 1;
                rest = later;
            }
        }
    }

    fn piece(&mut self, piece: &[u8], at: u64, cx: &mut Cx<'_>) {
        let Self { percent, value, name, field, in_value, .. } = self;
        percent.feed(piece, at, self.dialect == Dialect::Form, &mut |octets, at| {
            if *in_value {
                value.octets(octets, at, field.as_deref(), cx);
            } else {
                name.extend(octets.iter().take(NAME_LEN_MAX.saturating_sub(name.len())));
                cx.text(octets, at, None);
            }
        });
    }

    /// Ends a name or value at `at`.
    fn close(&mut self, at: u64, cx: &mut Cx<'_>) {
        let Self { percent, value, name, field, in_value, .. } = self;
        percent.finish(at, &mut |octets, at| {
            if *in_value {
                value.octets(octets, at, field.as_deref(), cx);
            } else {
                name.extend(octets.iter().take(NAME_LEN_MAX.saturating_sub(name.len())));
                cx.text(octets, at, None);
            }
        });
        if self.in_value {
            self.value.end(self.field.as_deref(), cx);
        }
        self.in_value = false;
    }

    /// The pairs end at `at`.
    pub(super) fn end(&mut self, at: u64, cx: &mut Cx<'_>) {
        self.close(at, cx);
        self.name.clear();
    }

    /// Octets are missing at `at`: what follows is a value of nobody until the next separator.
    pub(super) fn gap(&mut self, at: u64, cx: &mut Cx<'_>) {
        self.end(at, cx);
        self.field = None;
        self.in_value = true;
    }

    pub(super) fn held_bytes(&self) -> usize {
        let field = self.field.as_ref().map_or(0, String::capacity);
        self.prefix.capacity() + self.name.capacity() + field + self.value.held_bytes()
    }
}

/// A form as a document.
pub(super) struct Form {
    pairs: Pairs,
    at: u64,
}

impl Form {
    pub(super) fn new(around: Option<&str>) -> Self {
        Self { pairs: Pairs::new(Dialect::Form, around), at: 0 }
    }
}

impl Reader for Form {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        if self.at == 0 {
            // What is sent together is about one person.
            cx.out.record(1);
        }
        self.pairs.octets(octets, self.at, cx);
        self.at += octets.len() as u64;
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        self.pairs.gap(self.at, cx);
        self.at += len;
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        self.pairs.end(self.at, cx);
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.pairs.held_bytes()
    }
}
