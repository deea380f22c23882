//! CSV and TSV with a header row (RFC 4180), streaming: every cell comes with its column's name.

use std::sync::Arc;

use super::budget::Cx;
use super::document::Reader;
use super::value::Value;

/// Columns whose names are remembered.
const COLUMNS_MAX: usize = 512;
/// Longest column name that is remembered, octets.
const NAME_LEN_MAX: usize = 128;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the first octet of a cell.
    Start,
    /// In a cell without quotes.
    Bare,
    /// In a quoted cell.
    Quoted,
    /// After a quote in a quoted cell: its end, or half of a quote.
    Quote,
}

/// Reads delimited text.
pub(super) struct Csv {
    delimiter: u8,
    prefix: String,
    at: u64,
    state: State,
    columns: Vec<Box<str>>,
    in_header: bool,
    /// Where the current cell stands; `None` after octets were missing, up to the next line.
    column: Option<usize>,
    name: Vec<u8>,
    value: Value,
    /// Rows so far: each is a record.
    rows: u32,
}

impl Csv {
    /// A reader for a table that begins with `head`.
    pub(super) fn new(delimiter: u8, around: Option<Arc<str>>, head: &[u8]) -> Self {
        Self {
            delimiter,
            prefix: around.map(|around| format!("{around}.")).unwrap_or_default(),
            at: 0,
            state: State::Start,
            columns: Vec::new(),
            in_header: !begins_with_values(head, delimiter),
            column: Some(0),
            name: Vec::new(),
            value: Value::new(),
            rows: 0,
        }
    }

    fn row_begins(&mut self, cx: &mut Cx<'_>) {
        self.rows = self.rows.saturating_add(1);
        cx.out.record(self.rows);
    }

    fn cell_octets(&mut self, octets: &[u8], at: u64, cx: &mut Cx<'_>) {
        if self.in_header {
            let room = NAME_LEN_MAX.saturating_sub(self.name.len());
            self.name.extend_from_slice(octets.get(..room).unwrap_or(octets));
            cx.text(octets, at, None);
        } else {
            let field = self.column.and_then(|column| self.columns.get(column)).map(|name| &**name);
            self.value.octets(octets, at, field, cx);
        }
    }

    /// A cell ends at `mark`.
    fn cell_ends(&mut self, mark: u8, cx: &mut Cx<'_>) {
        if self.in_header {
            if self.columns.len() < COLUMNS_MAX {
                let name = String::from_utf8_lossy(&self.name);
                self.columns.push(format!("{}{}", self.prefix, name.trim().trim_start_matches('\u{feff}')).into());
            }
            self.name.clear();
        } else {
            let field = self.column.and_then(|column| self.columns.get(column)).map(|name| &**name);
            self.value.end(field, cx);
        }
        self.state = State::Start;
        if mark == b'\n' {
            self.in_header = false;
            self.column = Some(0);
            self.row_begins(cx);
        } else {
            self.column = self.column.map(|column| column + 1);
        }
    }
}

impl Reader for Csv {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        if self.at == 0 && !self.in_header {
            self.row_begins(cx);
        }
        let mut i = 0;
        while let Some(&octet) = octets.get(i) {
            let rest = octets.get(i..).unwrap_or(&[]);
            let here = self.at + i as u64;
            match self.state {
                State::Start if octet == b'"' => {
                    cx.text(&[octet], here, None);
                    self.state = State::Quoted;
                    i += 1;
                }
                State::Start => self.state = State::Bare,
                State::Quoted => {
                    let piece = rest.get(..memchr::memchr(b'"', rest).unwrap_or(rest.len())).unwrap_or(rest);
                    self.cell_octets(piece, here, cx);
                    i += piece.len();
                    if i < octets.len() {
                        self.state = State::Quote;
                        i += 1;
                    }
                }
                State::Quote if octet == b'"' => {
                    self.cell_octets(b"\"", here - 1, cx);
                    self.state = State::Quoted;
                    i += 1;
                }
                State::Quote => {
                    cx.text(b"\"", here - 1, None);
                    self.state = State::Bare;
                }
                State::Bare if octet == self.delimiter || octet == b'\n' => {
                    self.cell_ends(octet, cx);
                    cx.text(&[octet], here, None);
                    i += 1;
                }
                State::Bare if octet == b'\r' => {
                    cx.text(&[octet], here, None);
                    i += 1;
                }
                State::Bare => {
                    let piece = rest.get(..memchr::memchr3(self.delimiter, b'\n', b'\r', rest).unwrap_or(rest.len()));
                    let piece = piece.unwrap_or(rest);
                    self.cell_octets(piece, here, cx);
                    i += piece.len();
                }
            }
        }
        self.at += octets.len() as u64;
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        self.end(cx);
        self.at += len;
        self.in_header = false;
        self.column = None;
        self.state = State::Bare;
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        if self.state == State::Quote {
            cx.text(b"\"", self.at - 1, None);
        }
        if self.state != State::Start {
            self.cell_ends(self.delimiter, cx);
        }
    }

    fn held_bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(|name| name.len() + size_of::<Box<str>>()).sum();
        size_of::<Self>() + columns + self.prefix.capacity() + self.name.capacity() + self.value.held_bytes()
    }
}

/// Whether the first row of a table is no header: a cell has an `@`, four digits in a row (years, numbers, dates), or nothing but
/// digits and their punctuation. Such a table has no column names: a value must not become one.
fn begins_with_values(head: &[u8], delimiter: u8) -> bool {
    let row = head.split(|octet| matches!(octet, b'\r' | b'\n')).next().unwrap_or_default();
    row.split(|octet| *octet == delimiter).any(|cell| {
        let cell = cell.trim_ascii();
        let number = |octet: &u8| octet.is_ascii_digit() || b".,-+/: ".contains(octet);
        cell.contains(&b'@')
            || cell.windows(4).any(|octets| octets.iter().all(u8::is_ascii_digit))
            || (cell.iter().any(u8::is_ascii_digit) && cell.iter().all(number))
    })
}

/// The delimiter of a table with header row whose first octets are `head`, if that is certain enough: three whole rows
/// with the same number of cells, and a header of distinct names.
pub(super) fn detect(head: &[u8], complete: bool) -> Option<u8> {
    // Three rows have two line breaks between them.
    memchr::memchr_iter(b'\n', head).nth(1)?;
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The octets may end within a character.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    let mut lines: Vec<&str> = text.split('\n').map(|line| line.trim_end_matches('\r')).collect();
    let last = lines.pop()?;
    if complete && !last.is_empty() {
        lines.push(last);
    }
    if lines.len() < 3 {
        return None;
    }
    b",;\t|".iter().copied().find(|&delimiter| {
        let cells = |line: &str| {
            // Quotes may hold delimiters and line breaks: only those outside count.
            let mut quoted = false;
            1 + line
                .bytes()
                .filter(|&octet| {
                    quoted ^= octet == b'"';
                    octet == delimiter && !quoted
                })
                .count()
        };
        let header: Vec<&str> =
            lines[0].split(char::from(delimiter)).map(|name| name.trim().trim_matches('"')).collect();
        let names = header.iter().enumerate().all(|(i, name)| {
            (1..=64).contains(&name.len())
                && !name.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '<' | '{' | '['))
                && name.chars().all(|c| c.is_alphanumeric() || " _-./()#\u{feff}".contains(c))
                && !header[..i].contains(name)
        });
        header.len() >= 2 && names && lines.iter().all(|line| cells(line) == header.len())
    })
}
