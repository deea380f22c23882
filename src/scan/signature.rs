//! Signatures as they are written: one TOML table each.
//!
//! ```toml
//! [[signature]]
//! id = "us-ssn"                    # unique
//! class = "government-id"          # data class
//! subject = "US"                   # optional: whose data every value is, ISO 3166-1
//! title = "US Social Security number"
//! pattern = '[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}'   # regular expression on octets, ASCII only, no look-around, bounded
//! edge = "word"                    # see Edge
//! extend = '[0-9]'                 # optional: octets of this class that follow the pattern belong to the value
//! validator = "us-ssn"             # optional: a named check
//! score = 55                       # confidence without context, after the validator
//! context = ["national-id"]        # lists of context words (context.toml): +30 within 40 octets or on the key path
//! labels = ["ssn"]                 # words that name just this: +60 as the value's key or directly before it
//! normalise = "digits"             # what of the value is digested
//! container = true                 # optional: frames other user data (a cookie header, an image)
//! source = "python-stdnum"
//! date = "2026-11"
//! match = ['899-45-6789']          # accepted by pattern and validator     escapes: \n \r \t \\ \" \xNN
//! shape = ['987-65-4321']          # the pattern must not accept
//! check = ['666-45-6789']          # the pattern accepts, the validator must refuse
//! ```

use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use crate::model::{Country, DataClass, Problem, is_assigned};

/// Where a match may begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The octets before and after are not `[0-9A-Za-z_]`.
    Word,
    /// Anywhere.
    Free,
    /// The octet before is not `[0-9A-Za-z_]`; anything may follow.
    Start,
    /// At the start of a line or of a quoted text.
    Line,
    /// The octet before is not `[0-9A-Za-z_<]`: lines of travel documents.
    Document,
    /// The whole value of a key that is one of the labels: a field of that name, or `key: value`, `key=value` in text.
    Key,
}

impl Edge {
    const NAMES: [(&'static str, Self); 6] = [
        ("word", Self::Word),
        ("free", Self::Free),
        ("start", Self::Start),
        ("line", Self::Line),
        ("document", Self::Document),
        ("key", Self::Key),
    ];

    /// Its name in signature files.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, edge)| *edge == self).map_or("", |(name, _)| name)
    }
}

/// Which octets of a value are digested, so that equal values written differently have equal digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalise {
    /// All, as they are.
    Verbatim,
    /// Decimal digits only.
    Digits,
    /// ASCII letters, in upper case, and digits.
    Alphanumeric,
    /// All, in ASCII upper case.
    Upper,
    /// All, in ASCII lower case.
    Lower,
    /// Words in lower case, separated by one space.
    Words,
    /// An IPv6 address as RFC 5952 writes it.
    Ipv6,
}

impl Normalise {
    const NAMES: [(&'static str, Self); 7] = [
        ("verbatim", Self::Verbatim),
        ("digits", Self::Digits),
        ("alphanumeric", Self::Alphanumeric),
        ("upper", Self::Upper),
        ("lower", Self::Lower),
        ("words", Self::Words),
        ("ipv6", Self::Ipv6),
    ];

    /// Its name in signature files.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, normalise)| *normalise == self).map_or("", |(name, _)| name)
    }
}

/// What an example must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Accepted by pattern and validator.
    Match,
    /// Refused by the pattern.
    Shape,
    /// Accepted by the pattern, refused by the validator.
    Check,
}

impl Verdict {
    /// Its name in signature files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Shape => "shape",
            Self::Check => "check",
        }
    }
}

/// An example of a signature.
#[derive(Clone, Debug)]
pub struct Example {
    /// What it must do.
    pub verdict: Verdict,
    /// As written, with escapes.
    pub text: String,
    /// Line in its file.
    pub line: usize,
}

/// A signature, checked.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Unique name.
    pub id: Arc<str>,
    /// Data class.
    pub class: DataClass,
    /// The jurisdiction of the people that all its values belong to.
    pub subject: Option<Country>,
    /// What it recognises.
    pub title: String,
    /// Regular expression.
    pub pattern: String,
    /// Where a match may begin and end.
    pub edge: Edge,
    /// An octet that every match contains once, written as itself in the pattern: matching starts from it.
    pub anchor: Option<u8>,
    /// Class of octets that may follow.
    pub extend: Option<String>,
    /// Name of the validator.
    pub validator: Option<String>,
    /// Confidence without context.
    pub score: u8,
    /// Names of the context lists.
    pub context: Vec<String>,
    /// Words that name this signature.
    pub labels: Vec<String>,
    /// What is digested.
    pub normalise: Normalise,
    /// Whether it frames other user data.
    pub container: bool,
    /// Where the knowledge comes from.
    pub source: String,
    /// When it was last looked at, year and month.
    pub date: String,
    /// Examples and counter-examples.
    pub examples: Vec<Example>,
    /// File it was read from.
    pub file: String,
    /// Line of its id.
    pub line: usize,
    pub(super) lines: Lines,
}

/// Lines of what is checked after a signature was read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lines {
    pub(super) pattern: usize,
    pub(super) extend: usize,
    pub(super) context: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    signature: Vec<RawSignature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSignature {
    id: Spanned<String>,
    class: Spanned<String>,
    subject: Option<Spanned<String>>,
    title: String,
    pattern: Spanned<String>,
    edge: Spanned<String>,
    anchor: Option<Spanned<String>>,
    extend: Option<Spanned<String>>,
    validator: Option<Spanned<String>>,
    score: Spanned<i64>,
    #[serde(default)]
    context: Vec<Spanned<String>>,
    #[serde(default)]
    labels: Vec<String>,
    normalise: Option<Spanned<String>>,
    #[serde(default)]
    container: bool,
    source: String,
    date: String,
    #[serde(default, rename = "match")]
    matches: Vec<Spanned<String>>,
    #[serde(default)]
    shape: Vec<Spanned<String>>,
    #[serde(default)]
    check: Vec<Spanned<String>>,
}

/// Names the nearest of some known names.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|k| (distance(name.as_bytes(), k.as_bytes()), k))
        .min()
        .filter(|(d, k)| *d <= 1 + k.len() / 3)
        .map(|(_, k)| format!("did you mean {k:?}?"))
}

/// Levenshtein distance.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let next = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            diagonal = *cell;
            *cell = next;
            left = next;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// Reads one file. Problems are appended; what is right is returned even so, for its other checks.
pub(super) fn read(file: &str, text: &str, problems: &mut Vec<Problem>) -> Vec<Signature> {
    let line_of = |span: Range<usize>| 1 + text.get(..span.start).map_or(0, |t| t.matches('\n').count());
    let raw: RawFile = match toml::from_str(text) {
        Ok(raw) => raw,
        Err(error) => {
            let message = error.message().to_string();
            problems.push(match error.span() {
                Some(span) => Problem::line(file, line_of(span), message),
                None => Problem::file(file, message),
            });
            return Vec::new();
        }
    };
    let mut signatures = Vec::new();
    for raw in raw.signature {
        let before = problems.len();
        let class = raw.class.get_ref().parse::<DataClass>();
        if class.is_err() {
            let names = DataClass::ALL.iter().map(|c| c.as_str());
            let message = format!("unknown class {:?}", raw.class.get_ref());
            problems.push(with_nearest(
                Problem::line(file, line_of(raw.class.span()), message),
                nearest(raw.class.get_ref(), names),
            ));
        }
        let mut named = |value: &Spanned<String>, what: &str, names: &[&'static str]| {
            let at = names.iter().position(|n| n == value.get_ref());
            if at.is_none() {
                let message = format!("unknown {what} {:?}", value.get_ref());
                let problem = Problem::line(file, line_of(value.span()), message);
                problems.push(with_nearest(problem, nearest(value.get_ref(), names.iter().copied())));
            }
            at
        };
        let edge = named(&raw.edge, "edge", &Edge::NAMES.map(|n| n.0)).and_then(|i| Edge::NAMES.get(i)).map(|n| n.1);
        let normalise = match &raw.normalise {
            Some(name) => named(name, "normalise", &Normalise::NAMES.map(|n| n.0))
                .and_then(|i| Normalise::NAMES.get(i))
                .map(|n| n.1),
            None => Some(Normalise::Verbatim),
        };
        if let Some(name) = &raw.validator {
            named(name, "validator", &super::validate::names());
        }
        let mut refuse = |span: Range<usize>, message: &str| {
            problems.push(Problem::line(file, line_of(span), message.to_string()));
        };
        if raw.id.get_ref().is_empty()
            || !raw.id.get_ref().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            refuse(raw.id.span(), "an id is made of a-z, 0-9 and '-'");
        }
        if !(0..=100).contains(raw.score.get_ref()) {
            refuse(raw.score.span(), "a score is from 0 to 100");
        }
        let subject = raw.subject.as_ref().and_then(|code| code.get_ref().parse::<Country>().ok());
        if let Some(code) = &raw.subject
            && !subject.is_some_and(is_assigned)
        {
            refuse(code.span(), "a subject is an ISO 3166-1 alpha-2 code");
        }
        let anchor = raw.anchor.as_ref().and_then(|a| a.get_ref().bytes().next());
        if let Some(anchor) = &raw.anchor
            && (anchor.get_ref().len() != 1 || raw.pattern.get_ref().matches(anchor.get_ref().as_str()).count() != 1)
        {
            refuse(anchor.span(), "an anchor is one octet that stands once in the pattern");
        }
        if edge == Some(Edge::Key) && raw.labels.is_empty() {
            refuse(raw.edge.span(), "edge \"key\" needs labels: the keys whose values it takes");
        }
        if raw.matches.is_empty() {
            refuse(raw.id.span(), "at least one example under match is required");
        }
        let mut examples = Vec::new();
        for (verdict, list) in
            [(Verdict::Match, &raw.matches), (Verdict::Shape, &raw.shape), (Verdict::Check, &raw.check)]
        {
            for example in list {
                let line = line_of(example.span());
                examples.push(Example { verdict, text: example.get_ref().clone(), line });
            }
        }
        if let (Ok(class), Some(edge), Some(normalise), true) = (class, edge, normalise, problems.len() == before) {
            signatures.push(Signature {
                line: line_of(raw.id.span()),
                lines: Lines {
                    pattern: line_of(raw.pattern.span()),
                    extend: raw.extend.as_ref().map_or(0, |extend| line_of(extend.span())),
                    context: raw.context.first().map_or(0, |list| line_of(list.span())),
                },
                id: raw.id.into_inner().into(),
                class,
                subject,
                title: raw.title,
                pattern: raw.pattern.into_inner(),
                edge,
                anchor,
                extend: raw.extend.map(Spanned::into_inner),
                validator: raw.validator.map(Spanned::into_inner),
                score: raw.score.into_inner() as u8,
                context: raw.context.into_iter().map(Spanned::into_inner).collect(),
                labels: raw.labels,
                normalise,
                container: raw.container,
                source: raw.source,
                date: raw.date,
                examples,
                file: file.to_string(),
            });
        }
    }
    signatures
}

pub(super) fn with_nearest(problem: Problem, hint: Option<String>) -> Problem {
    match hint {
        Some(hint) => problem.with_hint(hint),
        None => problem,
    }
}

/// The octets of an example: `\n \r \t \\ \" \xNN` are escapes.
pub(super) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        if octet != b'\\' {
            octets.push(octet);
            continue;
        }
        let (&escape, after) = rest.split_first()?;
        rest = after;
        octets.push(match escape {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'\\' | b'"' => escape,
            b'x' => {
                let (digits, after) = rest.split_at_checked(2)?;
                rest = after;
                u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?
            }
            _ => return None,
        });
    }
    Some(octets)
}
