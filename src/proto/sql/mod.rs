//! SQL text (PostgreSQL, MySQL), as far as it names values: literals get the column they are written to or compared with,
//! placeholders and COPY the columns they stand for. Streaming; anything that is not understood is text without a field.
//!
//! ```text
//! INSERT INTO t (ssn, name) VALUES ('899-45-6789', $1)      ssn is the field of the literal, name of parameter 1
//! ... WHERE email = lower('a@b.example')                    email
//! COPY t (ssn, name) FROM STDIN (FORMAT csv)                columns and format of what follows
//! ```

use std::sync::Arc;

use super::decoder::{Doc, Out};

pub(crate) mod copy;
#[cfg(test)]
mod tests;

/// Longest identifier that is remembered, octets; the rest of a longer one is dropped.
const WORD_MAX: usize = 128;
/// Columns of a statement, and parameters, that are remembered.
const NAMES_MAX: usize = 1664;

/// Names, by position; `None` where a statement gives none.
pub(crate) type Names = Vec<Option<Arc<str>>>;

/// Whose SQL it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Double quotes around identifiers, parameters `$1`.
    Postgres,
    /// Double quotes around strings, backslash escapes, parameters `?`.
    MySql,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Plain,
    Word,
    Number,
    /// In a quoted identifier, up to this quote.
    Name(u8),
    /// In a literal, up to this quote.
    Literal(u8),
    /// After an octet that may have ended a literal.
    AfterQuote(u8),
    /// After a backslash in a literal.
    Escape(u8),
    /// In `$1`.
    Dollar,
    LineComment,
    /// In a comment; whether the octet before was an asterisk.
    BlockComment(bool),
}

impl State {
    const fn is_value(self) -> bool {
        matches!(self, Self::Literal(_) | Self::AfterQuote(_) | Self::Escape(_) | Self::Number)
    }
}

/// Where in a statement that lists columns and values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    None,
    /// After INSERT, REPLACE or COPY: a list of columns may come.
    Awaited,
    /// In the list of columns.
    Columns,
    /// Columns are known.
    Known,
    /// After VALUES.
    Values,
}

/// What a COPY statement says of its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CopyFormat {
    /// Comma-separated values instead of PostgreSQL's own text.
    pub(crate) csv: bool,
    /// The first row holds the names.
    pub(crate) header: bool,
    /// What parts the columns, where it is said.
    pub(crate) delimiter: Option<u8>,
}

/// Reads one statement, or several, as they come.
pub(crate) struct Sql {
    dialect: Dialect,
    state: State,
    /// The word, number or identifier being read.
    word: Vec<u8>,
    /// The last octet before this one, outside literals.
    last: u8,
    /// The last identifier, and the one before the last operator.
    identifier: Option<Arc<str>>,
    operand: Option<Arc<str>>,
    list: List,
    depth: u32,
    /// Depth of the list's parentheses.
    list_depth: u32,
    index: usize,
    columns: Vec<Arc<str>>,
    parameters: Names,
    copy: Option<CopyFormat>,
    /// The last word was DELIMITER: a literal says which.
    delimiter: bool,
    /// The value being read has a field.
    named: bool,
    backslash: bool,
}

impl Sql {
    /// A statement begins.
    pub(crate) const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            state: State::Plain,
            word: Vec::new(),
            last: b' ',
            identifier: None,
            operand: None,
            list: List::None,
            depth: 0,
            list_depth: 0,
            index: 0,
            columns: Vec::new(),
            parameters: Vec::new(),
            copy: None,
            delimiter: false,
            named: false,
            backslash: false,
        }
    }

    /// The next octets of the statement, which are also given out.
    pub(crate) fn octets(&mut self, octets: &[u8], doc: &Doc, out: &mut Out<'_>) {
        let Some(&first) = octets.first() else { return };
        if let State::AfterQuote(quote) = self.state {
            // The quote was held back: it ended its literal, unless another follows.
            if first != quote {
                self.end_value(doc, out);
            }
            out.octets(doc, &[quote]);
        }
        let (mut from, mut at) = (0, 0);
        while let Some(&octet) = octets.get(at) {
            let before = self.state;
            let consumed = self.octet(octet);
            let begins = !before.is_value() && self.state.is_value();
            if begins && let Some(name) = self.value_name() {
                // A quote is structure, the first digit of a number is its value.
                let edge = if self.state == State::Number { at } else { at + 1 };
                out.octets(doc, octets.get(from..edge).unwrap_or_default());
                from = edge;
                out.field(doc, Some(&name));
                self.named = true;
            } else if before.is_value() && !self.state.is_value() && self.named {
                let edge = if matches!(before, State::AfterQuote(_)) { at.saturating_sub(1) } else { at };
                out.octets(doc, octets.get(from..edge).unwrap_or_default());
                from = edge;
                self.end_value(doc, out);
            }
            at += usize::from(consumed);
        }
        let to = if matches!(self.state, State::AfterQuote(_)) { at - 1 } else { at };
        out.octets(doc, octets.get(from..to).unwrap_or_default());
    }

    fn end_value(&mut self, doc: &Doc, out: &mut Out<'_>) {
        if std::mem::take(&mut self.named) {
            out.field(doc, None);
        }
    }

    /// The statement ends.
    pub(crate) fn end(&mut self, doc: &Doc, out: &mut Out<'_>) {
        self.close_word();
        self.end_value(doc, out);
        if let State::AfterQuote(quote) = self.state {
            out.octets(doc, &[quote]);
        }
    }

    /// The columns that the parameters are written to or compared with.
    pub(crate) fn parameters(&mut self) -> Names {
        std::mem::take(&mut self.parameters)
    }

    /// The columns and format of a COPY statement.
    pub(crate) fn copy(&mut self) -> Option<(CopyFormat, Vec<Arc<str>>)> {
        let format = self.copy.take()?;
        Some((format, std::mem::take(&mut self.columns)))
    }

    /// Octets allocated.
    pub(crate) fn held_bytes(&self) -> usize {
        self.word.capacity() + (self.columns.capacity() + self.parameters.capacity()) * 48
    }

    fn value_name(&self) -> Option<Arc<str>> {
        match self.list {
            List::Values if self.depth >= self.list_depth && self.list_depth > 0 => {
                self.columns.get(self.index).cloned()
            }
            _ => self.operand.clone(),
        }
    }

    /// Moves on by an octet; `false`: the octet only ended something and is to be looked at again.
    fn octet(&mut self, octet: u8) -> bool {
        match self.state {
            State::Plain => self.plain(octet),
            State::Word if octet.is_ascii_alphanumeric() || octet == b'_' || octet >= 0x80 => self.push(octet),
            State::Number if octet.is_ascii_digit() || octet == b'.' => {}
            State::Dollar if octet.is_ascii_digit() => self.push(octet),
            State::Word | State::Number | State::Dollar => {
                self.close_word();
                return false;
            }
            State::Name(quote) if octet == quote => {
                self.state = State::Plain;
                self.name();
            }
            State::Name(_) => self.push(octet),
            State::Literal(quote) if octet == quote => self.state = State::AfterQuote(quote),
            State::Literal(quote) if octet == b'\\' && self.backslash => self.state = State::Escape(quote),
            State::Literal(_) => {
                if std::mem::take(&mut self.delimiter)
                    && let Some(copy) = &mut self.copy
                {
                    copy.delimiter = Some(octet);
                }
            }
            State::Escape(quote) => self.state = State::Literal(quote),
            State::AfterQuote(quote) if octet == quote => self.state = State::Literal(quote),
            State::AfterQuote(_) => {
                self.state = State::Plain;
                return false;
            }
            State::LineComment if octet == b'\n' => self.state = State::Plain,
            State::BlockComment(true) if octet == b'/' => {
                self.state = State::Plain;
                self.last = b' ';
                return true;
            }
            State::BlockComment(_) => self.state = State::BlockComment(octet == b'*'),
            State::LineComment => {}
        }
        self.last = octet;
        true
    }

    fn push(&mut self, octet: u8) {
        if self.word.len() < WORD_MAX {
            self.word.push(octet);
        }
    }

    fn plain(&mut self, octet: u8) {
        match octet {
            b'\'' => {
                // E'...' has escapes; so has every string of MySQL.
                self.backslash = self.dialect == Dialect::MySql || matches!(self.last, b'e' | b'E');
                self.state = State::Literal(octet);
            }
            b'"' if self.dialect == Dialect::MySql => {
                self.backslash = true;
                self.state = State::Literal(octet);
            }
            b'"' | b'`' => self.state = State::Name(octet),
            b'$' => self.state = State::Dollar,
            b'?' if self.dialect == Dialect::MySql => self.parameter(self.parameters.len()),
            b'0'..=b'9' => self.state = State::Number,
            b'-' if self.last == b'-' => self.state = State::LineComment,
            b'#' if self.dialect == Dialect::MySql => self.state = State::LineComment,
            b'*' if self.last == b'/' => self.state = State::BlockComment(false),
            b'(' => self.open(),
            b')' => self.shut(),
            b',' if self.list == List::Values && self.depth == self.list_depth => self.index += 1,
            b'=' | b'<' | b'>' | b'~' => self.compare(),
            b';' => {
                let (copy, parameters) = (self.copy.take(), std::mem::take(&mut self.parameters));
                let columns = if copy.is_some() { std::mem::take(&mut self.columns) } else { Vec::new() };
                let last = self.last;
                *self = Self { copy, parameters, columns, last, ..Self::new(self.dialect) };
            }
            _ if octet.is_ascii_alphabetic() || octet == b'_' || octet >= 0x80 => {
                self.state = State::Word;
                self.push(octet);
            }
            _ => {}
        }
    }

    fn open(&mut self) {
        self.depth = self.depth.saturating_add(1);
        match self.list {
            List::Awaited => {
                self.list = List::Columns;
                self.list_depth = self.depth;
                self.columns.clear();
            }
            List::Values if self.list_depth == 0 || self.depth < self.list_depth => {
                self.list_depth = self.depth;
                self.index = 0;
            }
            List::Values if self.depth == self.list_depth => self.index = 0,
            _ => {}
        }
    }

    fn shut(&mut self) {
        if self.list == List::Columns && self.depth == self.list_depth {
            self.list = List::Known;
            self.list_depth = 0;
        }
        self.depth = self.depth.saturating_sub(1);
    }

    /// An operator: what stood before it says what comes after it.
    fn compare(&mut self) {
        if let Some(identifier) = self.identifier.take() {
            self.operand = Some(identifier);
        }
    }

    /// A word, number or parameter ends.
    fn close_word(&mut self) {
        match std::mem::replace(&mut self.state, State::Plain) {
            State::Word => {
                let word = self.word.to_ascii_lowercase();
                if !self.keyword(&word) {
                    self.name();
                }
            }
            State::Dollar => {
                let digits = std::str::from_utf8(&self.word).unwrap_or_default();
                if let Some(index) = digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1)) {
                    self.parameter(index);
                }
            }
            other => {
                if other != State::Number {
                    self.state = other;
                }
                return;
            }
        }
        self.word.clear();
    }

    /// Keywords that matter; `false` for what may be an identifier.
    fn keyword(&mut self, word: &[u8]) -> bool {
        match word {
            b"insert" | b"replace" if self.list == List::None && self.depth == 0 => self.list = List::Awaited,
            b"copy" if self.list == List::None && self.depth == 0 => {
                self.list = List::Awaited;
                self.copy = Some(CopyFormat::default());
            }
            b"values" | b"value" if matches!(self.list, List::Awaited | List::Known) => {
                self.list = List::Values;
                self.list_depth = 0;
            }
            b"set" | b"on" if self.list != List::Columns => self.list = List::Known,
            b"csv" | b"header" | b"delimiter" if self.copy.is_some() && self.list != List::Columns => {
                if let Some(copy) = &mut self.copy {
                    copy.csv |= word == b"csv";
                    copy.header |= word == b"header";
                    self.delimiter = word == b"delimiter";
                }
            }
            b"from" | b"to" | b"with" if self.copy.is_some() && self.list == List::Awaited => self.list = List::Known,
            b"like" | b"ilike" | b"in" | b"between" | b"regexp" | b"rlike" | b"is" => self.compare(),
            b"not" | b"any" | b"all" | b"binary" | b"similar" | b"e" | b"n" | b"escape" => {}
            b"select" | b"from" | b"where" | b"and" | b"or" | b"having" | b"order" | b"group" | b"limit"
            | b"offset" | b"union" | b"join" | b"into" | b"returning" | b"when" | b"then" | b"else" | b"end"
            | b"case" => {
                self.operand = None;
                self.identifier = None;
                if word == b"select" && self.depth == 0 && self.list == List::Awaited {
                    self.list = List::None;
                }
            }
            _ => return false,
        }
        self.identifier = None;
        true
    }

    /// `word` is an identifier.
    fn name(&mut self) {
        let name: Arc<str> = String::from_utf8_lossy(&self.word).into();
        self.word.clear();
        if self.list == List::Columns && self.columns.len() < NAMES_MAX {
            self.columns.push(name.clone());
        }
        self.identifier = Some(name);
    }

    fn parameter(&mut self, index: usize) {
        if index >= NAMES_MAX {
            return;
        }
        let name = self.value_name();
        if self.parameters.len() <= index {
            self.parameters.resize(index + 1, None);
        }
        if let Some(place @ None) = self.parameters.get_mut(index) {
            *place = name;
        }
    }
}

/// Whether octets begin like a statement: a verb and a space, or a comment. `None`: too few to tell.
pub(crate) fn is_statement(octets: &[u8]) -> Option<bool> {
    const VERBS: [&str; 26] = [
        "select", "insert", "update", "delete", "set", "show", "call", "replace", "with", "begin", "commit",
        "rollback", "use", "create", "drop", "alter", "truncate", "copy", "explain", "load", "start", "lock", "grant",
        "fetch", "declare", "vacuum",
    ];
    let octets = octets.trim_ascii_start();
    if octets.starts_with(b"/*") || octets.starts_with(b"--") || octets.starts_with(b"(select") {
        return Some(true);
    }
    let end = octets.iter().position(|octet| !octet.is_ascii_alphabetic());
    let word = octets.get(..end.unwrap_or(octets.len())).unwrap_or_default().to_ascii_lowercase();
    match end {
        Some(_) => Some(VERBS.iter().any(|verb| verb.as_bytes() == word)),
        None if VERBS.iter().any(|verb| verb.as_bytes().starts_with(&word)) => None,
        None => Some(false),
    }
}
