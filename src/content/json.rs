//! JSON (RFC 8259), streaming and tolerant: lines of JSON, concatenated texts, unquoted names and plain errors are walked
//! over. Values come with their key path (`user.ids[].ssn`), escapes decoded; keys and punctuation come without field.

use super::budget::Cx;
use super::document::Reader;
use super::value::Value;

/// Levels whose key paths are known; deeper ones have the path of the deepest known.
const LEVELS_MAX: usize = 64;
/// Longest key path, octets; keys that do not fit are cut.
const PATH_LEN_MAX: usize = 512;
/// Longest key that is remembered, octets.
const KEY_LEN_MAX: usize = 256;

/// An open object or array.
#[derive(Clone, Copy)]
struct Level {
    /// Length of the path of the container's members, without their keys.
    path_len: usize,
    is_object: bool,
    /// The record that its members belong to, 0 for none.
    record: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between tokens.
    Structure,
    /// In a quoted key.
    Key,
    /// In a quoted value.
    Text,
    /// In a number, a word, or what else is not quoted.
    Bare,
    /// In a key that is not quoted.
    BareKey,
}

/// Reads JSON.
pub(super) struct Json {
    at: u64,
    state: State,
    /// An escape that is not complete: within `Key` or `Text`.
    escape: Vec<u8>,
    levels: Vec<Level>,
    /// Levels open beyond those in `levels`.
    levels_unknown: u64,
    path: String,
    /// Length of the path of the whole document.
    root_len: usize,
    key: Vec<u8>,
    key_expected: bool,
    value: Value,
    /// Records so far: an object that is the document, an element of an array, or the value of a key that is an
    /// [identifier](is_identifier) is one. Other objects that are values of its keys belong to it.
    records: u32,
    /// The last key is an identifier: what it stands for is a record.
    keyed_by_id: bool,
    /// The record at hand, and the one that was told last.
    record: u32,
    told: u32,
    /// Octets were missing: quotes can no longer be told apart, all is text.
    lost: bool,
}

impl Json {
    /// JSON that is the value of `around`, if anything.
    pub(super) fn new(around: Option<&str>) -> Self {
        let path = around.unwrap_or("").to_owned();
        Self {
            at: 0,
            state: State::Structure,
            escape: Vec::new(),
            levels: Vec::new(),
            levels_unknown: 0,
            root_len: path.len(),
            path,
            key: Vec::new(),
            key_expected: false,
            value: Value::new(),
            records: 0,
            keyed_by_id: false,
            record: 0,
            told: 0,
            lost: false,
        }
    }

    fn in_object(&self) -> bool {
        self.levels_unknown == 0 && self.levels.last().is_some_and(|level| level.is_object)
    }

    /// Drops the last key from the path.
    fn forget_key(&mut self) {
        let len = self.levels.last().map_or(self.root_len, |level| level.path_len);
        self.path.truncate(len);
    }

    fn open(&mut self, is_object: bool) {
        if self.levels.len() == LEVELS_MAX {
            self.levels_unknown += 1;
            return;
        }
        if !is_object && self.path.len() + 2 <= PATH_LEN_MAX {
            self.path.push_str("[]");
        }
        if is_object && self.levels.last().is_none_or(|level| !level.is_object || self.keyed_by_id) {
            self.records = self.records.saturating_add(1);
            self.record = self.records;
        }
        self.levels.push(Level { path_len: self.path.len(), is_object, record: self.record });
        self.key_expected = is_object;
    }

    fn close(&mut self) {
        if self.levels_unknown > 0 {
            self.levels_unknown -= 1;
        } else {
            self.levels.pop();
            self.record = self.levels.last().map_or(0, |level| level.record);
            self.forget_key();
        }
        self.key_expected = false;
    }

    fn remember(&mut self, key: &[u8]) {
        let room = KEY_LEN_MAX.saturating_sub(self.key.len());
        self.key.extend_from_slice(key.get(..room).unwrap_or(key));
    }

    fn key_ends(&mut self) {
        self.forget_key();
        self.keyed_by_id = is_identifier(&self.key);
        let key = String::from_utf8_lossy(&self.key);
        let dot = usize::from(!self.path.is_empty());
        let room = PATH_LEN_MAX.saturating_sub(self.path.len() + dot);
        let end = key.floor_char_boundary(room);
        if end > 0 {
            if dot > 0 {
                self.path.push('.');
            }
            self.path.push_str(key.get(..end).unwrap_or(""));
        }
        self.key.clear();
        self.key_expected = false;
        self.state = State::Structure;
    }

    fn field(path: &str) -> Option<&str> {
        (!path.is_empty()).then_some(path)
    }

    fn value_octets(&mut self, octets: &[u8], at: u64, cx: &mut Cx<'_>) {
        if self.told != self.record {
            self.told = self.record;
            cx.out.record(self.record);
        }
        self.value.octets(octets, at, Self::field(&self.path), cx);
    }

    fn value_ends(&mut self, cx: &mut Cx<'_>) {
        self.value.end(Self::field(&self.path), cx);
        self.state = State::Structure;
    }

    /// Takes one octet of an escape that began with a backslash; gives out what is decoded. `at` is the octet's offset.
    fn escape_octet(&mut self, octet: u8, at: u64, cx: &mut Cx<'_>) {
        self.escape.push(octet);
        let began = at + 1 - self.escape.len() as u64;
        let Some((decoded, used)) = unescape(&self.escape) else {
            return;
        };
        let rest = self.escape.split_off(used);
        let escape = std::mem::take(&mut self.escape);
        let mut utf8 = [0; 4];
        let octets = match decoded {
            Some(decoded) => decoded.encode_utf8(&mut utf8).as_bytes(),
            None => &escape,
        };
        if self.state == State::Key {
            self.remember(octets);
            cx.text(octets, began, None);
        } else {
            self.value_octets(octets, began, cx);
        }
        // Octets that turned out to be after the escape: less than an escape, and shorter each time.
        for (i, &octet) in rest.iter().enumerate() {
            self.string_octet(octet, began + (used + i) as u64, cx);
        }
    }

    /// One octet within a string, where octets do not come in pieces.
    fn string_octet(&mut self, octet: u8, at: u64, cx: &mut Cx<'_>) {
        match (octet, self.state) {
            _ if !self.escape.is_empty() => self.escape_octet(octet, at, cx),
            (b'\\', State::Key | State::Text) => self.escape.push(octet),
            (b'"', State::Key) => {
                self.key_ends();
                cx.text(&[octet], at, None);
            }
            (b'"', State::Text) => {
                self.value_ends(cx);
                cx.text(&[octet], at, None);
            }
            (_, State::Key) => {
                self.remember(&[octet]);
                cx.text(&[octet], at, None);
            }
            (_, State::Text) => self.value_octets(&[octet], at, cx),
            // A quote among the octets after an escape ended the string: cannot happen, escapes hold no quote but the last.
            _ => cx.text(&[octet], at, None),
        }
    }

    /// Gives out an escape that will not be completed.
    fn escape_ends(&mut self, cx: &mut Cx<'_>) {
        let escape = std::mem::take(&mut self.escape);
        let began = self.at - escape.len() as u64;
        if self.state == State::Key {
            cx.text(&escape, began, None);
        } else {
            self.value_octets(&escape, began, cx);
        }
    }

    /// Walks over structure from `i`; returns where a value or the end of the octets is. The text of keys and
    /// punctuation is left to the caller, who knows where it began.
    fn structure(&mut self, octets: &[u8], mut i: usize) -> usize {
        while let Some(&octet) = octets.get(i) {
            match octet {
                b'"' if self.key_expected => {
                    self.state = State::Key;
                    return i + 1;
                }
                b'"' => {
                    self.state = State::Text;
                    return i + 1;
                }
                b'{' => self.open(true),
                b'[' => self.open(false),
                b'}' | b']' => self.close(),
                b',' => {
                    self.key_expected = self.in_object();
                    if self.levels_unknown == 0 {
                        self.forget_key();
                    }
                }
                b':' => self.key_expected = false,
                b' ' | b'\t' | b'\n' | b'\r' => {}
                _ => {
                    self.state = if self.key_expected { State::BareKey } else { State::Bare };
                    return i;
                }
            }
            i += 1;
        }
        i
    }
}

impl Reader for Json {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let at = self.at;
        self.at += octets.len() as u64;
        if self.lost {
            return cx.text(octets, at, None);
        }
        // `octets[from..i]` is text without field that is not out yet.
        let (mut from, mut i) = (0, 0);
        while i < octets.len() {
            let rest = octets.get(i..).unwrap_or(&[]);
            let here = at + i as u64;
            if !self.escape.is_empty() {
                let [octet, ..] = *rest else { break };
                self.escape_octet(octet, here, cx);
                i += 1;
                from = i;
                continue;
            }
            match self.state {
                State::Structure => {
                    i = self.structure(octets, i);
                    if matches!(self.state, State::Text | State::Bare) {
                        cx.text(octets.get(from..i).unwrap_or(&[]), at + from as u64, None);
                        from = i;
                    }
                }
                State::Key | State::Text => {
                    let len = memchr::memchr2(b'"', b'\\', rest);
                    let piece = rest.get(..len.unwrap_or(rest.len())).unwrap_or(rest);
                    i += piece.len();
                    let is_key = self.state == State::Key;
                    if is_key {
                        self.remember(piece);
                    } else {
                        self.value_octets(piece, here, cx);
                        from = i;
                    }
                    match octets.get(i) {
                        Some(b'\\') => {
                            cx.text(octets.get(from..i).unwrap_or(&[]), at + from as u64, None);
                            self.escape.push(b'\\');
                            i += 1;
                            from = i;
                        }
                        Some(_) => {
                            if is_key {
                                self.key_ends();
                            } else {
                                self.value_ends(cx);
                            }
                            i += 1;
                        }
                        None => {}
                    }
                }
                State::Bare | State::BareKey => {
                    let len = rest.iter().position(|&octet| {
                        matches!(octet, b',' | b':' | b'{' | b'}' | b'[' | b']' | b'"' | b' ' | b'\t' | b'\n' | b'\r')
                    });
                    let piece = rest.get(..len.unwrap_or(rest.len())).unwrap_or(rest);
                    i += piece.len();
                    if self.state == State::BareKey {
                        self.remember(piece);
                        if len.is_some() {
                            self.key_ends();
                        }
                    } else {
                        self.value_octets(piece, here, cx);
                        from = i;
                        if len.is_some() {
                            self.value_ends(cx);
                        }
                    }
                }
            }
        }
        cx.text(octets.get(from..).unwrap_or(&[]), at + from as u64, None);
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        self.end(cx);
        self.at += len;
        self.lost = true;
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        if !self.escape.is_empty() {
            self.escape_ends(cx);
        }
        if matches!(self.state, State::Text | State::Bare) {
            self.value_ends(cx);
        }
    }

    fn held_bytes(&self) -> usize {
        let levels = self.levels.capacity() * size_of::<Level>();
        let held = self.path.capacity() + self.key.capacity() + self.escape.capacity();
        size_of::<Self>() + levels + held + self.value.held_bytes()
    }
}

/// Words that stand before the number in keys of maps: `user_17`.
const COUNTED: [&str; 18] = [
    "account",
    "acct",
    "client",
    "contact",
    "customer",
    "employee",
    "entry",
    "id",
    "item",
    "member",
    "patient",
    "person",
    "profile",
    "record",
    "row",
    "subscriber",
    "user",
    "usr",
];

/// Whether a key is an identifier rather than the name of a member, so that each value of its object is a record of its
/// own: a number, an address, a UUID or the like, `u17`, `user_17`. What numbers the parts of one record (`address1`,
/// `line2`) is none.
pub(super) fn is_identifier(key: &[u8]) -> bool {
    let digits = key.iter().filter(|octet| octet.is_ascii_digit()).count();
    if key.iter().position(|octet| *octet == b'@').is_some_and(|at| at > 0) {
        return true;
    }
    if digits == 0 || !key.iter().all(|octet| octet.is_ascii_alphanumeric() || b"-_:.+".contains(octet)) {
        return false;
    }
    let letters = key.iter().take_while(|octet| octet.is_ascii_alphabetic()).count();
    let (word, rest) = key.split_at(letters);
    let rest = match rest {
        [b'-' | b'_' | b':' | b'.', rest @ ..] => rest,
        rest => rest,
    };
    if rest.iter().all(u8::is_ascii_digit) {
        let counted = || COUNTED.iter().any(|counted| word.eq_ignore_ascii_case(counted.as_bytes()));
        return letters <= 2 || counted() || digits >= 5;
    }
    // Hexadecimal, base64 and the like: long, and digits all over.
    key.len() >= 12 && digits * 6 >= key.len()
}

/// Decodes the escape at the start of `escape`, which begins with a backslash: the character (`None`: as it is) and the
/// number of octets used. `None` if the escape is not complete.
fn unescape(escape: &[u8]) -> Option<(Option<char>, usize)> {
    let simple = |c| Some((Some(c), 2));
    match *escape.get(1)? {
        b'"' => simple('"'),
        b'\\' => simple('\\'),
        b'/' => simple('/'),
        b'b' => simple('\u{8}'),
        b'f' => simple('\u{c}'),
        b'n' => simple('\n'),
        b'r' => simple('\r'),
        b't' => simple('\t'),
        b'u' => {
            let unit = match code_unit(escape.get(2..)?) {
                Unit::Cut => return None,
                Unit::Wrong => return Some((None, 2)),
                Unit::Is(unit) => unit,
            };
            if let Some(c) = char::from_u32(unit) {
                return Some((Some(c), 6));
            }
            let alone = Some((Some(char::REPLACEMENT_CHARACTER), 6));
            if unit >= 0xdc00 {
                return alone;
            }
            // A high surrogate: a low one has to follow.
            match escape.get(6..)? {
                [] | [b'\\'] => None,
                [b'\\', b'u', digits @ ..] => match code_unit(digits) {
                    Unit::Cut => None,
                    Unit::Is(low @ 0xdc00..=0xdfff) => {
                        let c = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        Some((char::from_u32(c), 12))
                    }
                    Unit::Is(_) | Unit::Wrong => alone,
                },
                _ => alone,
            }
        }
        // Not an escape of JSON; the backslash stays, and what follows is looked at again.
        _ => Some((None, 1)),
    }
}

enum Unit {
    Cut,
    Wrong,
    Is(u32),
}

/// Four hexadecimal digits.
fn code_unit(digits: &[u8]) -> Unit {
    let mut unit = 0;
    for i in 0..4 {
        let Some(&digit) = digits.get(i) else {
            return Unit::Cut;
        };
        let Some(value) = super::percent::hex(digit) else {
            return Unit::Wrong;
        };
        unit = unit << 4 | u32::from(value);
    }
    Unit::Is(unit)
}
