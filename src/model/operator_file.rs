//! Reading what an operator wrote in TOML: every problem at once, each with its line and what was probably meant.
//!
//! A [`Table`] is asked for its keys one after the other and remembers them; [`Table::finish`] then reports the keys
//! that nobody asked for, with the nearest one that somebody did. Values of the wrong type are reported and read as
//! absent, so that reading goes on to the next problem. Nothing here panics, whatever the file holds.

use std::cell::RefCell;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Country, Problem, is_assigned};

/// A value and the line it stands in, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its line.
    pub line: usize,
}

/// A TOML file being read.
pub struct OperatorFile<'i> {
    name: String,
    root: DeTable<'i>,
    broken: bool,
    line_starts: Vec<usize>,
    problems: RefCell<Vec<Problem>>,
}

impl<'i> OperatorFile<'i> {
    /// Parses the text. Where it is no TOML, all faults are noted and the file reads as empty.
    pub fn parse(name: &str, text: &'i str) -> Self {
        let line_starts =
            std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect();
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut file = Self {
            name: name.to_owned(),
            root: root.into_inner(),
            broken: !errors.is_empty(),
            line_starts,
            problems: RefCell::default(),
        };
        for error in &errors {
            file.problem(file.line_of(error.span().map_or(0, |span| span.start)), error.message());
        }
        if file.broken {
            // What was recovered is a guess: its problems would hide the real one.
            file.root = DeTable::new();
        }
        file
    }

    /// The name that messages give the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the text was no TOML.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// The top of the file.
    pub fn root(&self) -> Table<'_, 'i> {
        Table { file: self, entries: &self.root, place: String::new(), line: 1, known: Vec::new() }
    }

    /// Notes a problem.
    pub fn problem(&self, line: usize, message: impl Into<String>) {
        self.problems.borrow_mut().push(Problem::line(&*self.name, line, message));
    }

    /// Notes a problem with what was probably meant.
    pub fn problem_with_hint(&self, line: usize, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.borrow_mut().push(Problem::line(&*self.name, line, message).with_hint(hint));
    }

    /// All problems noted, by line.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        problems.dedup();
        problems
    }

    fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= offset).max(1)
    }
}

/// A table of an [`OperatorFile`].
pub struct Table<'d, 'i> {
    file: &'d OperatorFile<'i>,
    entries: &'d DeTable<'i>,
    place: String,
    line: usize,
    known: Vec<&'static str>,
}

impl<'d, 'i> Table<'d, 'i> {
    /// The line of the table's header.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The file it is in.
    pub fn file(&self) -> &'d OperatorFile<'i> {
        self.file
    }

    /// Whether a key is there, of whatever type. Does not count as asking for it.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Whether the key holds a string rather than a list or table. Does not count as asking for it.
    pub fn is_string(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|value| value.get_ref().is_str())
    }

    /// Whether the key holds a list of strings rather than of tables. Does not count as asking for it.
    pub fn is_list_of_strings(&self, key: &str) -> bool {
        let list = self.entries.get(key).and_then(|value| value.get_ref().as_array());
        list.is_some_and(|items| items.iter().any(|item| item.get_ref().is_str()))
    }

    fn value(&mut self, key: &'static str) -> Option<(usize, &'d DeValue<'i>)> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.entries.get(key).map(|value| (self.file.line_of(value.span().start), value.get_ref()))
    }

    fn wrong_type(&self, line: usize, key: &str, found: &DeValue<'_>, wanted: &str) {
        self.file.problem(line, format!("`{key}`{} must be {wanted}, not {}", self.place, type_name(found)));
    }

    /// A string.
    pub fn string(&mut self, key: &'static str) -> Option<At<String>> {
        let (line, value) = self.value(key)?;
        match value {
            DeValue::String(text) => Some(At { value: text.to_string(), line }),
            other => {
                self.wrong_type(line, key, other, "a string");
                None
            }
        }
    }

    /// A string that must be there and not be empty.
    pub fn required_string(&mut self, key: &'static str) -> Option<At<String>> {
        if !self.has(key) {
            self.known.push(key);
            self.file.problem(self.line, format!("`{key}`{} is missing", self.place));
            return None;
        }
        let found = self.string(key)?;
        if found.value.trim().is_empty() {
            self.file.problem(found.line, format!("`{key}`{} is empty", self.place));
            return None;
        }
        Some(found)
    }

    /// A list of strings; one string stands for a list of one. Empty if absent.
    pub fn strings(&mut self, key: &'static str) -> Vec<At<String>> {
        let Some((line, value)) = self.value(key) else { return Vec::new() };
        match value {
            DeValue::String(text) => vec![At { value: text.to_string(), line }],
            DeValue::Array(items) => items.iter().filter_map(|item| self.string_item(key, item)).collect(),
            other => {
                self.wrong_type(line, key, other, "a string or a list of strings");
                Vec::new()
            }
        }
    }

    fn string_item(&self, key: &str, item: &Spanned<DeValue<'i>>) -> Option<At<String>> {
        let line = self.file.line_of(item.span().start);
        match item.get_ref() {
            DeValue::String(text) => Some(At { value: text.to_string(), line }),
            other => {
                self.wrong_type(line, key, other, "a list of strings");
                None
            }
        }
    }

    /// All keys of this table as lists of strings, for tables whose keys the operator chooses.
    pub fn lists(&self) -> Vec<(At<String>, Vec<At<String>>)> {
        let mut lists = Vec::new();
        for (key, value) in self.entries {
            let name = At { value: key.get_ref().to_string(), line: self.file.line_of(key.span().start) };
            let items = match value.get_ref() {
                DeValue::Array(items) => {
                    items.iter().filter_map(|item| self.string_item(&quote_bare(&name.value), item)).collect()
                }
                other => {
                    self.wrong_type(name.line, &quote_bare(&name.value), other, "a list of strings");
                    Vec::new()
                }
            };
            lists.push((name, items));
        }
        lists.sort_by(|(a, _), (b, _)| (a.line, &a.value).cmp(&(b.line, &b.value)));
        lists
    }

    /// A whole number.
    pub fn integer(&mut self, key: &'static str) -> Option<At<i64>> {
        let (line, value) = self.value(key)?;
        let DeValue::Integer(digits) = value else {
            self.wrong_type(line, key, value, "a whole number");
            return None;
        };
        match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(value) => Some(At { value, line }),
            Err(_) => {
                self.file.problem(line, format!("`{key}`{} does not fit into 64 bits", self.place));
                None
            }
        }
    }

    /// A finite number, with or without a fraction.
    pub fn number(&mut self, key: &'static str) -> Option<At<f64>> {
        let (line, value) = self.value(key)?;
        let number = match value {
            DeValue::Float(digits) => digits.as_str().parse().ok().filter(|number: &f64| number.is_finite()),
            DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix()).ok().map(|n| n as f64),
            _ => None,
        };
        if number.is_none() {
            self.wrong_type(line, key, value, "a number");
        }
        number.map(|value| At { value, line })
    }

    /// A string, or a whole number as its digits: for sizes and times, which are written either way.
    pub fn quantity(&mut self, key: &'static str) -> Option<At<String>> {
        match self.value(key)? {
            (_, DeValue::Integer(_)) => self.integer(key).map(|n| At { value: n.value.to_string(), line: n.line }),
            (_, DeValue::String(_)) => self.string(key),
            (line, other) => {
                self.wrong_type(line, key, other, "a string or a whole number");
                None
            }
        }
    }

    /// A list of strings or whole numbers, these as their digits; one item stands for a list of one. Empty if absent.
    pub fn quantities(&mut self, key: &'static str) -> Vec<At<String>> {
        let Some((line, value)) = self.value(key) else { return Vec::new() };
        let one = |line: usize, value: &DeValue<'i>| match value {
            DeValue::String(text) => Some(At { value: text.to_string(), line }),
            DeValue::Integer(digits) => {
                let number = i64::from_str_radix(digits.as_str(), digits.radix());
                Some(At { value: number.map_or_else(|_| digits.as_str().to_owned(), |n| n.to_string()), line })
            }
            other => {
                self.wrong_type(line, key, other, "a list of strings or whole numbers");
                None
            }
        };
        match value {
            DeValue::Array(items) => {
                items.iter().filter_map(|item| one(self.file.line_of(item.span().start), item.get_ref())).collect()
            }
            other => one(line, other).into_iter().collect(),
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Option<At<bool>> {
        let (line, value) = self.value(key)?;
        if let DeValue::Boolean(value) = value {
            return Some(At { value: *value, line });
        }
        self.wrong_type(line, key, value, "true or false");
        None
    }

    /// A day, as `2026-06-20` with or without quotes; an empty string is no day. Given as days since 1970-01-01, with
    /// years from 1970 to 9999.
    pub fn day(&mut self, key: &'static str) -> Option<At<u64>> {
        let (line, value) = self.value(key)?;
        let text = match value {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(date) if date.time.is_none() => date.to_string(),
            DeValue::Datetime(_) => {
                self.file.problem(line, format!("`{key}`{} must be a day without a time", self.place));
                return None;
            }
            other => {
                self.wrong_type(line, key, other, "a day such as 2026-06-20");
                return None;
            }
        };
        if text.is_empty() {
            return None;
        }
        let day = day_from_text(&text);
        if day.is_none() {
            let message = format!("`{key}`{}: {} is no day", self.place, quote(&text));
            self.file.problem_with_hint(line, message, "write YYYY-MM-DD, from 1970-01-01");
        }
        day.map(|value| At { value, line })
    }

    /// One word of a closed list.
    pub fn choice<T: Copy>(&mut self, key: &'static str, all: &[T], name: fn(T) -> &'static str) -> Option<At<T>> {
        let word = self.string(key)?;
        self.choose(key, &word, all, name)
    }

    /// A list of words of a closed list. Empty if absent.
    pub fn choices<T: Copy>(&mut self, key: &'static str, all: &[T], name: fn(T) -> &'static str) -> Vec<At<T>> {
        let words = self.strings(key);
        words.iter().filter_map(|word| self.choose(key, word, all, name)).collect()
    }

    fn choose<T: Copy>(&self, key: &str, word: &At<String>, all: &[T], name: fn(T) -> &'static str) -> Option<At<T>> {
        if let Some(&value) = all.iter().find(|&&value| name(value) == word.value) {
            return Some(At { value, line: word.line });
        }
        let names: Vec<&str> = all.iter().map(|&value| name(value)).collect();
        let message = format!("`{key}`{} cannot be {}", self.place, quote(&word.value));
        self.file.problem_with_hint(word.line, message, nearest_hint(&word.value, &names));
        None
    }

    /// A jurisdiction: an assigned ISO 3166-1 code.
    pub fn country(&mut self, key: &'static str) -> Option<At<Country>> {
        let text = self.string(key)?;
        self.country_from(key, &text)
    }

    /// As [`Table::country`], a list. Empty if absent.
    pub fn countries(&mut self, key: &'static str) -> Vec<At<Country>> {
        let texts = self.strings(key);
        texts.iter().filter_map(|text| self.country_from(key, text)).collect()
    }

    fn country_from(&self, key: &str, text: &At<String>) -> Option<At<Country>> {
        match country_code(&text.value) {
            Ok(value) => Some(At { value, line: text.line }),
            Err(hint) => {
                let message = format!("`{key}`{}: {} is no ISO 3166-1 code", self.place, quote(&text.value));
                self.file.problem_with_hint(text.line, message, hint);
                None
            }
        }
    }

    /// A table within this one.
    pub fn table(&mut self, key: &'static str) -> Option<Table<'d, 'i>> {
        let (line, value) = self.value(key)?;
        if let DeValue::Table(entries) = value {
            let place = format!(" in [{key}]");
            return Some(Table { file: self.file, entries, place, line, known: Vec::new() });
        }
        self.wrong_type(line, key, value, "a table");
        None
    }

    /// A list of tables within this one. Empty if absent.
    pub fn tables(&mut self, key: &'static str) -> Vec<Table<'d, 'i>> {
        let Some((line, value)) = self.value(key) else { return Vec::new() };
        let DeValue::Array(items) = value else {
            self.wrong_type(line, key, value, &format!("a list of tables: [[{key}]]"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items {
            let line = self.file.line_of(item.span().start);
            match item.get_ref() {
                DeValue::Table(entries) => {
                    let place = format!(" in [[{key}]]");
                    tables.push(Table { file: self.file, entries, place, line, known: Vec::new() });
                }
                other => self.wrong_type(line, key, other, &format!("a list of tables: [[{key}]]")),
            }
        }
        tables
    }

    /// Reports every key that was not asked for.
    pub fn finish(self) {
        for (key, _) in self.entries {
            if !self.known.contains(&key.get_ref().as_ref()) {
                let line = self.file.line_of(key.span().start);
                let message = format!("unknown key {}{}", quote(key.get_ref()), self.place);
                self.file.problem_with_hint(line, message, nearest_hint(key.get_ref(), &self.known));
            }
        }
    }
}

const fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Longest piece of an operator's text that a message repeats, in characters.
const QUOTED_CHARS_MAX: usize = 64;

fn quote_bare(text: &str) -> String {
    let escaped = text.chars().take(QUOTED_CHARS_MAX).flat_map(char::escape_debug).collect::<String>();
    if text.chars().nth(QUOTED_CHARS_MAX).is_some() { escaped + "..." } else { escaped }
}

/// A text as messages show it: in backquotes, cut, with control characters escaped so that no terminal obeys them.
pub fn quote(text: &str) -> String {
    format!("`{}`", quote_bare(text))
}

/// The known name nearest to what was written, if one is near: at most a third of its letters away.
pub fn nearest<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    if written.chars().count() > QUOTED_CHARS_MAX {
        return None;
    }
    let written = written.to_lowercase().replace('_', "-");
    known
        .iter()
        .map(|&name| (strsim::osa_distance(&written, &name.to_lowercase().replace('_', "-")), name))
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).max(1))
        .min()
        .map(|(_, name)| name)
}

/// A hint for a name that is not known: the nearest known one, or all of them while they fit on a line.
pub fn nearest_hint(written: &str, known: &[&str]) -> String {
    match nearest(written, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.len() <= 16 => {
            let mut known = known.to_vec();
            known.sort_unstable();
            format!("known: {}", known.join(", "))
        }
        None => format!("none of the {} known names is near", known.len()),
    }
}

/// A day since 1970-01-01 as `YYYY-MM-DD`.
pub fn day_text(day: u64) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(day.saturating_mul(86_400).min(253_402_300_799));
    humantime::format_rfc3339(time).to_string().split('T').next().unwrap_or_default().to_owned()
}

/// Days from 1970-01-01 to a day written `YYYY-MM-DD`.
pub fn day_from_text(text: &str) -> Option<u64> {
    let plain = text.len() == 10
        && text.bytes().enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() });
    if !plain {
        return None;
    }
    let midnight = humantime::parse_rfc3339(&format!("{text}T00:00:00Z")).ok()?;
    Some(midnight.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs() / 86_400)
}

/// Octets from `4096`, `64KiB`, `1.5 GiB` is not one: whole numbers with KiB, MiB, GiB, TiB or kB, MB, GB, TB.
pub fn bytes_from_text(text: &str) -> Option<usize> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let factor: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    usize::try_from(number.parse::<u64>().ok()?.checked_mul(factor)?).ok()
}

/// A jurisdiction that can be written down: an assigned ISO 3166-1 code, or `XK` for Kosovo, which has none and which
/// databases call so. Either case.
///
/// # Errors
/// A hint at what was probably meant.
pub fn country_code(text: &str) -> Result<Country, String> {
    // Codes that people write although ISO 3166-1 has another one.
    const MEANT: &[(&str, &str)] = &[
        ("UK", "GB"),
        ("EL", "GR"),
        ("EN", "GB"),
        ("USA", "US"),
        ("CHN", "CN"),
        ("GER", "DE"),
        ("SU", "RU"),
        ("TP", "TL"),
    ];
    let upper = text.to_ascii_uppercase();
    if let Ok(country) = upper.parse::<Country>()
        && (is_assigned(country) || country.as_str() == "XK")
    {
        return Ok(country);
    }
    if let Some((_, code)) = MEANT.iter().find(|(written, _)| *written == upper) {
        return Err(format!("did you mean `{code}`?"));
    }
    if upper == "EU" || upper == "EEA" {
        return Err("a country is wanted here; policies know the sets `@eu27` and `@eea`".to_owned());
    }
    let near: Vec<&str> = super::ISO_3166_ALPHA_2
        .split_ascii_whitespace()
        .filter(|code| upper.len() == 2 && upper.is_ascii() && code.as_bytes().first() == upper.as_bytes().first())
        .collect();
    if near.is_empty() {
        return Err("two letters such as `US`".to_owned());
    }
    Err(format!("near it: {}", near.join(" ")))
}

/// `path` as seen from the directory of the file it is written in.
pub fn beside(file: &str, path: &str) -> std::path::PathBuf {
    Path::new(file).parent().unwrap_or(Path::new("")).join(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, with: impl FnOnce(&mut Table<'_, '_>)) -> Vec<String> {
        let file = OperatorFile::parse("f.toml", text);
        let mut root = file.root();
        with(&mut root);
        root.finish();
        file.into_problems().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn unknown_keys_get_the_nearest_one() {
        let problems = read("hoem = \"US\"\nhome = 3\n\"\\u001b[1m\" = 1", |root| {
            assert_eq!(root.string("home"), None);
        });
        assert_eq!(
            problems,
            [
                "f.toml:1: unknown key `hoem` (did you mean `home`?)",
                "f.toml:2: `home` must be a string, not a whole number",
                "f.toml:3: unknown key `\\u{1b}[1m` (known: home)",
            ]
        );
    }

    #[test]
    fn syntax_errors_are_all_reported_with_lines() {
        let problems = read("a = \nb = 1\nc = = 2\n", |_| ());
        let lines: Vec<&str> = problems.iter().filter_map(|problem| problem.split(':').nth(1)).collect();
        assert_eq!(lines, ["1", "3", "3"], "{problems:?}");
    }

    #[test]
    fn days_are_days() {
        assert_eq!(day_from_text("1970-01-02"), Some(1));
        assert_eq!(day_from_text("2024-02-29"), Some(19_782));
        for wrong in
            ["2023-02-29", "2026-6-20", "1969-12-31", "2026-13-01", "20260620", "2026-06-20T00:00:00Z", "２026-01-1"]
        {
            assert_eq!(day_from_text(wrong), None, "{wrong}");
        }
        let problems = read("a = 2026-06-20\nb = \"\"\nc = 2026-06-20T00:00:00Z\nd = \"soon\"", |root| {
            assert_eq!(root.day("a").map(|d| d.value), day_from_text("2026-06-20"));
            assert_eq!(root.day("b"), None);
            assert_eq!(root.day("c"), None);
            assert_eq!(root.day("d"), None);
        });
        assert_eq!(
            problems,
            [
                "f.toml:3: `c` must be a day without a time",
                "f.toml:4: `d`: `soon` is no day (write YYYY-MM-DD, from 1970-01-01)",
            ]
        );
    }

    #[test]
    fn codes_that_are_not_assigned_get_a_hint() {
        assert_eq!(country_code("gb").map(|c| c.to_string()), Ok("GB".to_owned()));
        assert_eq!(country_code("UK"), Err("did you mean `GB`?".to_owned()));
        assert_eq!(country_code("XK").map(|c| c.to_string()), Ok("XK".to_owned()));
        assert!(country_code("ZZ").is_err() && country_code("local").is_err() && country_code("é").is_err());
        assert!(country_code("NN").is_err_and(|hint| hint.contains("NL")));
    }
}
