//! XML and HTML, streaming and tolerant: text nodes come with the path of their elements (`user.ssn`), attributes with the
//! element and their name (`user.@id`); tags, comments and processing instructions come without field. Entities are decoded.
//!
//! The whole of an XML document is a record; so is an element that has parts of its own and follows one of the same name
//! (the first of them shares the record around it: nobody can tell yet that there will be more). Of HTML, rows of tables,
//! items of lists and forms are records, and the page is none.

use super::budget::Cx;
use super::document::Reader;
use super::value::Value;

/// Open elements that are remembered.
const LEVELS_MAX: usize = 64;
/// Longest path, octets.
const PATH_LEN_MAX: usize = 512;
/// Longest element or attribute name that is remembered, octets.
const NAME_LEN_MAX: usize = 64;
/// Longest entity, with `&` and `;`, octets.
const ENTITY_LEN_MAX: usize = 10;
/// HTML elements that are records.
const RECORDS: [&str; 3] = ["tr", "li", "form"];
/// HTML elements without content: they have no end tag.
const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between tags.
    Text,
    /// In a quoted attribute value, and its quote.
    Quoted(u8),
    /// In an attribute value without quotes.
    Unquoted,
    /// In `<![CDATA[...]]>`.
    Cdata,
    /// After `<`: which kind of markup?
    Open,
    /// The name of a start tag.
    Name,
    /// The name of an end tag.
    EndName,
    /// Within a start tag, between attributes.
    Tag,
    /// An attribute's name.
    Attribute,
    /// After an attribute's `=`.
    Equals,
    /// `<!...>` and `<?...>`: up to `>`.
    Declaration,
    /// Up to `-->`.
    Comment,
}

impl State {
    /// Whether octets belong to a value.
    fn is_value(self) -> bool {
        matches!(self, Self::Text | Self::Quoted(_) | Self::Unquoted | Self::Cdata)
    }
}

/// An open element, or the document.
#[derive(Default)]
struct Level {
    /// Length of the path before it.
    path_len: usize,
    /// The record that it belongs to.
    record: u32,
    /// Its elements and attributes.
    parts: u32,
    /// The last element in it that ended, if that had parts.
    last: Option<Box<str>>,
}

/// Reads XML or HTML.
pub(super) struct Xml {
    at: u64,
    state: State,
    path: String,
    root_len: usize,
    levels: Vec<Level>,
    /// The document around them.
    root: Level,
    /// Records so far, and the one told last.
    records: u32,
    told: u32,
    levels_unknown: u64,
    name: String,
    /// Path with the current attribute.
    attribute: String,
    /// An entity that is not complete.
    entity: Vec<u8>,
    /// The last octets of the current markup: `!--`, `![CDATA[`, `--`, `]]`, `/`.
    tail: [u8; 8],
    value: Value,
    html: bool,
    /// Within `script` and `style` of HTML, where only their own end tag is markup.
    raw: bool,
}

impl Xml {
    pub(super) fn new(around: Option<&str>, html: bool) -> Self {
        let path = around.unwrap_or("").to_owned();
        Self {
            at: 0,
            state: State::Text,
            root_len: path.len(),
            path,
            levels: Vec::new(),
            root: Level { record: u32::from(!html), ..Level::default() },
            records: u32::from(!html),
            told: 0,
            levels_unknown: 0,
            name: String::new(),
            attribute: String::new(),
            entity: Vec::new(),
            tail: [0; 8],
            value: Value::new(),
            html,
            raw: false,
        }
    }

    fn open_element(&mut self) {
        let void = self.html && VOID.contains(&self.name.as_str());
        if self.levels.len() == LEVELS_MAX {
            self.levels_unknown += u64::from(!void);
            return;
        }
        let around = self.levels.last_mut().unwrap_or(&mut self.root);
        around.parts = around.parts.saturating_add(1);
        let mut record = around.record;
        let again = !self.html && around.last.take().is_some_and(|last| *last == *self.name);
        if again || (self.html && RECORDS.contains(&self.name.as_str())) {
            self.records = self.records.saturating_add(1);
            record = self.records;
        }
        self.levels.push(Level { path_len: self.path.len(), record, ..Level::default() });
        let room = PATH_LEN_MAX.saturating_sub(self.path.len() + 1);
        if self.name.len() <= room {
            if !self.path.is_empty() {
                self.path.push('.');
            }
            self.path.push_str(&self.name);
        }
    }

    /// A start tag ends: elements that hold no content are closed at once.
    fn tag_ends(&mut self) {
        let empty = self.tail[7] == b'/' || (self.html && VOID.contains(&self.name.as_str()));
        self.raw = self.html && !empty && matches!(self.name.as_str(), "script" | "style");
        self.state = State::Text;
        if empty {
            self.close_element();
        }
    }

    fn close_element(&mut self) {
        if self.levels_unknown > 0 {
            self.levels_unknown -= 1;
        } else {
            self.close(self.levels.len().saturating_sub(1));
        }
    }

    /// Closes the element at a level and those in it.
    fn close(&mut self, level: usize) {
        self.levels.truncate(level + 1);
        let Some(element) = self.levels.pop() else { return };
        let name = self.path.get(element.path_len..).unwrap_or("").trim_start_matches('.');
        let last = (element.parts > 1 && !self.html).then(|| name.into());
        self.levels.last_mut().unwrap_or(&mut self.root).last = last;
        self.path.truncate(element.path_len);
    }

    /// An end tag: closes the innermost element of that name and what was left open in it; none of that name, nothing.
    fn end_tag(&mut self) {
        self.state = State::Text;
        if self.levels_unknown > 0 {
            self.levels_unknown -= 1;
            return;
        }
        let mut end = self.path.len();
        for (i, level) in self.levels.iter().enumerate().rev() {
            let element = self.path.get(level.path_len..end).unwrap_or("").trim_start_matches('.');
            if element == self.name {
                self.path.truncate(end);
                return self.close(i);
            }
            end = level.path_len;
        }
    }

    fn push_name(&mut self, octet: u8) {
        if self.name.len() < NAME_LEN_MAX {
            let octet = if octet.is_ascii_graphic() { octet } else { b'_' };
            self.name.push(char::from(if self.html { octet.to_ascii_lowercase() } else { octet }));
        }
    }

    fn push_attribute(&mut self, octet: u8) {
        if self.attribute.len() < self.path.len() + 2 + NAME_LEN_MAX {
            let octet = if octet.is_ascii_graphic() { octet } else { b'_' };
            self.attribute.push(char::from(if self.html { octet.to_ascii_lowercase() } else { octet }));
        }
    }

    /// Field of the value the state is in.
    fn field(&self) -> Option<&str> {
        let field = match self.state {
            State::Quoted(_) | State::Unquoted => &self.attribute,
            _ => &self.path,
        };
        (!field.is_empty()).then_some(field.as_str())
    }

    fn value_octets(&mut self, octets: &[u8], at: u64, cx: &mut Cx<'_>) {
        let record = self.levels.last().unwrap_or(&self.root).record;
        if self.told != record {
            self.told = record;
            cx.out.record(record);
        }
        let field = match self.state {
            State::Quoted(_) | State::Unquoted => &self.attribute,
            _ => &self.path,
        };
        self.value.octets(octets, at, (!field.is_empty()).then_some(field.as_str()), cx);
    }

    fn value_ends(&mut self, cx: &mut Cx<'_>) {
        self.entity_ends(self.at, cx);
        let mut value = std::mem::replace(&mut self.value, Value::new());
        value.end(self.field(), cx);
        self.value = value;
    }

    /// Gives out an entity that is none, ending before `at`.
    fn entity_ends(&mut self, at: u64, cx: &mut Cx<'_>) {
        if !self.entity.is_empty() {
            let entity = std::mem::take(&mut self.entity);
            self.value_octets(&entity, at - entity.len() as u64, cx);
        }
    }

    /// Takes value octets; `&` begins an entity.
    fn value_piece(&mut self, piece: &[u8], at: u64, cx: &mut Cx<'_>) {
        let (mut rest, mut at) = (piece, at);
        while let Some((&first, later)) = rest.split_first() {
            if self.entity.is_empty() && first != b'&' {
                let (plain, later) = rest.split_at(memchr::memchr(b'&', rest).unwrap_or(rest.len()));
                self.value_octets(plain, at, cx);
                at += plain.len() as u64;
                rest = later;
                continue;
            }
            if !self.entity.is_empty()
                && (first == b'&' || self.entity.len() == ENTITY_LEN_MAX || first.is_ascii_whitespace())
            {
                self.entity_ends(at, cx);
                continue;
            }
            self.entity.push(first);
            at += 1;
            rest = later;
            if first == b';' {
                let entity = std::mem::take(&mut self.entity);
                let began = at - entity.len() as u64;
                let mut utf8 = [0; 4];
                match decode_entity(&entity) {
                    Some(c) => self.value_octets(c.encode_utf8(&mut utf8).as_bytes(), began, cx),
                    None => self.value_octets(&entity, began, cx),
                }
            }
        }
    }

    /// The end of the current value within `octets`.
    fn value_end(&self, octets: &[u8]) -> Option<usize> {
        match self.state {
            State::Quoted(quote) => memchr::memchr(quote, octets),
            State::Unquoted => octets.iter().position(|&octet| octet == b'>' || octet.is_ascii_whitespace()),
            State::Cdata => memchr::memchr(b'>', octets),
            _ => memchr::memchr(b'<', octets),
        }
    }

    fn remember_tail(&mut self, octets: &[u8]) {
        for &octet in octets.get(octets.len().saturating_sub(8)..).unwrap_or(octets) {
            self.tail.rotate_left(1);
            self.tail[7] = octet;
        }
    }

    /// Whether an octet after `<` makes it markup.
    fn is_markup(&self, octet: u8) -> bool {
        octet == b'/' || (!self.raw && matches!(octet, b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'!' | b'?' | 0x80..))
    }

    /// One octet of markup.
    fn markup(&mut self, octet: u8) {
        let space = octet.is_ascii_whitespace();
        match (self.state, octet) {
            (State::Open, b'/') => {
                self.name.clear();
                self.state = State::EndName;
            }
            (State::Open, b'!' | b'?') => self.state = State::Declaration,
            (State::Open, _) => {
                self.name.clear();
                self.push_name(octet);
                self.state = State::Name;
            }
            (State::Name, b'>') => {
                self.open_element();
                self.tag_ends();
            }
            (State::Name, _) if space || octet == b'/' => {
                self.open_element();
                self.state = State::Tag;
            }
            (State::Name, _) => self.push_name(octet),
            (State::EndName, b'>') if self.raw && !matches!(self.name.as_str(), "script" | "style") => {
                self.state = State::Text;
            }
            (State::EndName, b'>') => {
                self.raw = false;
                self.end_tag();
            }
            (State::EndName, _) if !space => self.push_name(octet),
            (State::Tag | State::Attribute | State::Equals, b'>') => self.tag_ends(),
            (State::Tag | State::Attribute, b'=') => self.state = State::Equals,
            (State::Tag, _) if space || octet == b'/' => {}
            (State::Tag, _) => {
                self.attribute.clear();
                self.attribute.push_str(&self.path);
                self.attribute.push_str(if self.path.is_empty() { "@" } else { ".@" });
                self.push_attribute(octet);
                if let Some(element) = self.levels.last_mut() {
                    element.parts = element.parts.saturating_add(1);
                }
                self.state = State::Attribute;
            }
            (State::Attribute, _) if space || octet == b'/' => self.state = State::Tag,
            (State::Attribute, _) => self.push_attribute(octet),
            (State::Equals, b'"' | b'\'') => self.state = State::Quoted(octet),
            (State::Declaration, b'>') => self.state = State::Text,
            (State::Comment, b'>') if self.tail[6..] == *b"--" => self.state = State::Text,
            (State::Declaration, b'-') if self.tail[6..] == *b"!-" => self.state = State::Comment,
            (State::Declaration, b'[') if self.tail[1..] == *b"![CDATA" => {
                self.state = State::Cdata;
            }
            _ => {}
        }
        self.remember_tail(&[octet]);
    }
}

impl Reader for Xml {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let start = self.at;
        // `octets[from..i]` is markup that is not out yet.
        let (mut from, mut i) = (0, 0);
        while let Some(&octet) = octets.get(i) {
            if self.state == State::Equals && !matches!(octet, b'"' | b'\'' | b'>') && !octet.is_ascii_whitespace() {
                self.state = State::Unquoted;
            }
            if self.state == State::Open && !self.is_markup(octet) {
                self.state = State::Text;
            }
            if !self.state.is_value() {
                self.markup(octet);
                i += 1;
                continue;
            }
            cx.text(octets.get(from..i).unwrap_or(&[]), start + from as u64, None);
            let rest = octets.get(i..).unwrap_or(&[]);
            let end = self.value_end(rest);
            let piece = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
            if self.state == State::Cdata {
                self.value_octets(piece, start + i as u64, cx);
                self.remember_tail(piece);
            } else {
                self.value_piece(piece, start + i as u64, cx);
            }
            i += piece.len();
            from = i;
            self.at = start + i as u64;
            let Some(&mark) = octets.get(i) else { break };
            if self.state == State::Cdata && self.tail[6..] != *b"]]" {
                self.value_octets(&[mark], self.at, cx);
                self.remember_tail(&[mark]);
                from = i + 1;
            } else {
                self.value_ends(cx);
                match self.state {
                    State::Quoted(_) => self.state = State::Tag,
                    State::Unquoted if mark == b'>' => self.tag_ends(),
                    State::Unquoted => self.state = State::Tag,
                    State::Cdata => self.state = State::Text,
                    _ => self.state = State::Open,
                }
                self.tail = [0; 8];
            }
            i += 1;
        }
        cx.text(octets.get(from..i).unwrap_or(&[]), start + from as u64, None);
        self.at = start + octets.len() as u64;
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        self.end(cx);
        self.at += len;
        // Which elements are open is no longer known.
        self.levels.clear();
        self.root = Level { record: self.root.record, ..Level::default() };
        self.levels_unknown = 0;
        self.path.truncate(self.root_len);
        self.state = State::Text;
        self.raw = false;
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        if self.state.is_value() {
            self.value_ends(cx);
        }
    }

    fn held_bytes(&self) -> usize {
        let names = self.path.capacity() + self.name.capacity() + self.attribute.capacity() + self.entity.capacity();
        let levels = self.levels.capacity() * (size_of::<Level>() + NAME_LEN_MAX);
        size_of::<Self>() + names + levels + self.value.held_bytes()
    }
}

/// The character of `&...;`.
fn decode_entity(entity: &[u8]) -> Option<char> {
    let name = std::str::from_utf8(entity).ok()?.strip_prefix('&')?.strip_suffix(';')?;
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "shy" => '\u{ad}',
        "ndash" => '\u{2013}',
        "mdash" => '\u{2014}',
        "commat" => '@',
        "period" => '.',
        "sol" => '/',
        _ => return None,
    })
}
