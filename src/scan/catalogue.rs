//! The catalogue: all signatures, checked and compiled. Immutable; shared by every worker.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::Deserialize;

use super::gate::Gate;
use super::lists::{Brief, CONCEPTS_MAX, LISTS_MAX, ListId, Lists};
use super::matcher::{Anchor, Matcher, Part};
use super::pattern::{PATTERN_STATES_MAX, class, exact, lint, parse};
use super::scanner::examine;
use super::shapes::Shapes;
use super::signature::{Edge, Normalise, Signature, Verdict, nearest, read, unescape, with_nearest};
use super::spans::word_end;
use super::table::Table;
use super::validate::{Validator, bonus_max, validator};
use super::words::{Lexicon, fold};
use crate::model::Problem;

/// The built-in signatures: file name and text.
const BUILT_IN: &[(&str, &str)] = &[
    ("signatures/account.toml", include_str!("signatures/account.toml")),
    ("signatures/americas.toml", include_str!("signatures/americas.toml")),
    ("signatures/asia.toml", include_str!("signatures/asia.toml")),
    ("signatures/contact.toml", include_str!("signatures/contact.toml")),
    ("signatures/device.toml", include_str!("signatures/device.toml")),
    ("signatures/europe.toml", include_str!("signatures/europe.toml")),
    ("signatures/geo.toml", include_str!("signatures/geo.toml")),
    ("signatures/health.toml", include_str!("signatures/health.toml")),
    ("signatures/images.toml", include_str!("signatures/images.toml")),
    ("signatures/money.toml", include_str!("signatures/money.toml")),
    ("signatures/network.toml", include_str!("signatures/network.toml")),
    ("signatures/travel.toml", include_str!("signatures/travel.toml")),
    ("signatures/us.toml", include_str!("signatures/us.toml")),
];

/// Context words by concept.
const CONTEXT: &str = include_str!("context.toml");

/// The list whose words speak against.
const NEGATIVE: &str = "negative";

/// Octets of a key that are looked at, from its end.
pub(super) const KEY_OCTETS_MAX: usize = 64;

/// Stands among the signatures of a key for "the value is the number of a document": small letters in it are capital ones.
pub(super) const FOLDED: u16 = u16::MAX;

/// Octets at the end of a key in which its last letter must be.
const KEY_TAIL_OCTETS: usize = 16;

/// Words of a key that are tried, from its end.
const KEY_WORDS_MAX: usize = 4;

/// The least score that is reported.
pub(super) const REPORTED: i16 = 35;

/// What is precomputed for a signature.
pub(super) struct Compiled {
    pub(super) validator: Option<Validator>,
    /// The most that the validator adds to the score.
    pub(super) bonus_max: i8,
    /// Its context: concepts and its own labels.
    pub(super) context: Lists,
    /// `context` in brief.
    pub(super) brief: Brief,
    /// The list of its own labels.
    pub(super) labels: Option<ListId>,
    /// Whether nothing but context or its validator lifts it to what is reported, and it is a word and no more.
    pub(super) needy: bool,
    /// Whether nothing but context lifts it to what is reported.
    pub(super) weak: bool,
    /// Whether small letters stand for capital ones.
    pub(super) folds: bool,
    /// The pattern itself, where the automata know it widened.
    pub(super) exact: Option<Table>,
    /// The pattern of a value that its key names.
    pub(super) keyed: Option<Table>,
    pub(super) extend: Option<Box<[bool; 256]>>,
}

/// Signatures that other parts of a barcode are reported as.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) number: Option<u16>,
    pub(super) name: Option<u16>,
    pub(super) birth: Option<u16>,
    pub(super) street: Option<u16>,
    pub(super) element: Option<u16>,
}

/// All signatures, compiled.
pub struct Catalogue {
    signatures: Vec<Signature>,
    pub(super) compiled: Vec<Compiled>,
    /// Patterns that are words.
    pub(super) words: Matcher,
    /// Patterns that begin where no word goes on, and end anywhere.
    pub(super) starting: Matcher,
    /// Patterns that begin where a line or a quoted text begins.
    pub(super) lines: Matcher,
    /// Patterns that begin anywhere.
    pub(super) free: Matcher,
    pub(super) anchors: Vec<Anchor>,
    pub(super) lexicon: Lexicon,
    /// Signatures with edge `key`, by key: lower case, words joined.
    keys: HashMap<Box<[u8]>, Vec<u16>>,
    /// Their shapes.
    key_shapes: Shapes,
    /// Bit for the last two octets of those keys, 5 bits each; keys beyond ASCII always pass.
    key_tails: Box<[u32; 32]>,
    /// The same for the octet before those two, by them; all bits where a key has no other.
    key_endings: Box<[u32]>,
    /// The concept that speaks against.
    pub(super) negative: Lists,
    pub(super) gate: Gate,
    pub(super) parts: Parts,
}

impl Catalogue {
    /// The built-in signatures.
    ///
    /// # Errors
    /// Every problem of the embedded files: none, as the tests see to.
    pub fn built_in() -> Result<Self, Vec<Problem>> {
        Self::load(&[])
    }

    /// The built-in signatures and an operator's, given as file names and TOML texts.
    ///
    /// # Errors
    /// All problems at once, with file and line: unknown keys and names, ids given twice, patterns that are wrong or
    /// could make scanning slow, examples that are not decided as they say.
    pub fn load(extra: &[(String, String)]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut signatures: Vec<Signature> = Vec::new();
        for (file, text) in BUILT_IN {
            signatures.extend(read(file, text, &mut problems));
        }
        let own = signatures.len();
        for (file, text) in extra {
            signatures.extend(read(file, text, &mut problems));
        }
        for signature in signatures.iter().skip(own) {
            let check = |problem: Result<(), String>, line: usize, what: &str| {
                problem.err().map(|m| Problem::line(&signature.file, line, format!("{}: {what}: {m}", signature.id)))
            };
            let lines = signature.lines;
            problems.extend(check(lint(&pattern(signature), signature.anchor.is_some()), lines.pattern, "pattern"));
            let extend = signature.extend.as_deref().map_or(Ok(()), |e| class(e).map(|_| ()));
            problems.extend(check(extend, lines.extend, "extend"));
        }
        signatures.sort_by(|a, b| a.id.cmp(&b.id));
        for pair in signatures.windows(2) {
            if let [a, b] = pair
                && a.id == b.id
            {
                let (first, second) = if b.file.starts_with("signatures/") { (b, a) } else { (a, b) };
                let message = format!("{}: this id is taken by {}:{}", second.id, first.file, first.line);
                problems.push(Problem::line(&second.file, second.line, message));
            }
        }
        let context = contexts(&mut problems);
        for signature in &signatures {
            for list in &signature.context {
                if !context.iter().any(|(name, _)| name == list) {
                    let message = format!("{}: unknown context list {list:?}", signature.id);
                    let hint = nearest(list, context.iter().map(|(name, _)| name.as_str()));
                    problems.push(with_nearest(Problem::line(&signature.file, signature.lines.context, message), hint));
                }
            }
        }
        if !problems.is_empty() {
            problems.sort();
            return Err(problems);
        }
        let catalogue =
            Arc::new(Self::compile(signatures, &context).map_err(|m| vec![Problem::file("signatures", m)])?);
        problems = catalogue.check_examples(|s| !s.file.starts_with("signatures/"));
        if !problems.is_empty() {
            problems.sort();
            return Err(problems);
        }
        Arc::into_inner(catalogue).ok_or_else(Vec::new)
    }

    /// The same with some of the signatures only.
    ///
    /// # Errors
    /// None that the whole did not have.
    pub fn only(&self, keep: impl Fn(&Signature) -> bool) -> Result<Self, Vec<Problem>> {
        let signatures = self.signatures.iter().filter(|s| keep(s)).cloned().collect();
        let context = contexts(&mut Vec::new());
        Self::compile(signatures, &context).map_err(|m| vec![Problem::file("signatures", m)])
    }

    fn compile(signatures: Vec<Signature>, context: &[(String, Vec<String>)]) -> Result<Self, String> {
        let mut lexicon = Lexicon::default();
        let mut keys: HashMap<Box<[u8]>, Vec<u16>> = HashMap::new();
        let mut key_shapes = Shapes::default();
        for (list, (_, words)) in (0..).zip(context) {
            for word in words {
                lexicon.add(word, list);
            }
        }
        let list_of = |name: &str| context.iter().position(|(n, _)| n == name).map_or(ListId::MAX, |i| i as ListId);
        if context.len() >= usize::from(CONCEPTS_MAX) {
            return Err(format!("there are more than {CONCEPTS_MAX} context lists"));
        }
        let patterns: Vec<String> = signatures.iter().map(pattern).collect();
        let mut compiled = Vec::new();
        let mut next_list = CONCEPTS_MAX;
        for ((index, signature), pattern) in (0..).zip(&signatures).zip(&patterns) {
            let mut lists = Lists::default();
            signature.context.iter().for_each(|name| lists.insert(list_of(name)));
            let labels = (!signature.labels.is_empty()).then_some(next_list);
            next_list += ListId::from(labels.is_some());
            if next_list > LISTS_MAX {
                let most = LISTS_MAX - CONCEPTS_MAX;
                return Err(format!("there are more than {most} signatures with labels"));
            }
            labels.iter().for_each(|l| lists.insert(*l));
            for label in &signature.labels {
                if let Some(list) = labels {
                    lexicon.add(label, list);
                }
                if signature.edge == Edge::Key || folds(signature) {
                    let key: String = fold(label).chars().filter(|c| c.is_alphanumeric()).collect();
                    key_shapes.insert(key.as_bytes());
                    let entry = keys.entry(key.into_bytes().into()).or_default();
                    let index = if signature.edge == Edge::Key { index } else { FOLDED };
                    if !entry.contains(&index) {
                        entry.push(index);
                    }
                }
            }
            let bonus_max = signature.validator.as_deref().map_or(0, bonus_max);
            let is_keyed = signature.edge == Edge::Key;
            let plain = signature.edge == Edge::Word && signature.extend.is_none() && !signature.container;
            compiled.push(Compiled {
                validator: signature.validator.as_deref().and_then(validator),
                bonus_max,
                context: lists,
                labels,
                brief: lists.brief(),
                exact: if signature.anchor.is_none() && !is_keyed { exact(pattern)? } else { None },
                keyed: if is_keyed { Some(Table::new(&[parse(pattern)?], false, PATTERN_STATES_MAX)?) } else { None },
                weak: plain && i16::from(signature.score) + i16::from(bonus_max) < REPORTED,
                needy: plain && i16::from(signature.score) < REPORTED,
                folds: folds(signature),
                extend: signature.extend.as_deref().map(class).transpose()?,
            });
        }
        let mut key_tails = Box::new([0_u32; 32]);
        let mut key_endings = vec![0_u32; 32 * 32].into_boxed_slice();
        for key in keys.keys() {
            if let [.., a, b] = &**key
                && let Some(row) = key_tails.get_mut(usize::from(a & 31))
            {
                *row |= 1 << (b & 31);
            }
            if let [rest @ .., a, b] = &**key
                && let Some(row) = key_endings.get_mut(usize::from(a & 31) << 5 | usize::from(b & 31))
            {
                *row |= rest.last().map_or(u32::MAX, |letter| 1 << (letter & 31));
            }
        }
        let group = |wanted: fn(Edge, &Compiled) -> bool| -> Vec<Part<'_>> {
            (0..)
                .zip(signatures.iter().zip(&compiled).zip(&patterns))
                .filter(|(_, ((s, c), _))| s.anchor.is_none() && wanted(s.edge, c))
                .map(|(signature, ((s, c), pattern))| Part {
                    signature,
                    pattern,
                    word_end: s.edge == Edge::Word,
                    weak: c.weak.then_some(c.brief),
                })
                .collect()
        };
        let words = Matcher::new(&group(|e, _| e == Edge::Word))?;
        let starting = Matcher::new(&group(|e, _| matches!(e, Edge::Start | Edge::Document)))?;
        let lines = Matcher::new(&group(|e, _| e == Edge::Line))?;
        let free = Matcher::new(&group(|e, _| e == Edge::Free))?;
        let plain_words = Matcher::new(&group(|e, c| e == Edge::Word && !c.folds))?;
        let mut needed = Lists::default();
        compiled.iter().filter(|c: &&Compiled| c.needy).for_each(|c| needed.extend(&c.context));
        lexicon.complete(&needed);
        let anchors = (0..)
            .zip(&signatures)
            .filter_map(|(i, s)| s.anchor.map(|octet| Anchor::new(i, &s.pattern, octet)))
            .collect::<Result<Vec<_>, _>>()?;
        let gate = Gate::new([&words, &starting, &free, &lines], &plain_words, &anchors);
        let index = |id: &str| signatures.iter().position(|s| &*s.id == id).map(|i| i as u16);
        let parts = Parts {
            number: index("us-dl-number"),
            name: index("user-name-keyed"),
            birth: index("dob-us"),
            street: index("us-postal-address"),
            element: index("us-aamva-element"),
        };
        let mut negative = Lists::default();
        negative.insert(list_of(NEGATIVE));
        Ok(Self {
            signatures,
            compiled,
            words,
            starting,
            lines,
            free,
            anchors,
            lexicon,
            keys,
            key_shapes,
            key_tails,
            key_endings,
            negative,
            gate,
            parts,
        })
    }

    /// Decides the examples of some signatures.
    pub(super) fn check_examples(self: &Arc<Self>, which: impl Fn(&Signature) -> bool) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (index, signature) in (0..).zip(&self.signatures).filter(|(_, s)| which(s)) {
            for example in &signature.examples {
                let problem = |message: String| {
                    Problem::line(&signature.file, example.line, format!("{}: {message}", signature.id))
                };
                let Some(mut text) = unescape(&example.text) else {
                    problems.push(problem("an escape in the example is none of \\n \\r \\t \\\\ \\\" \\xNN".into()));
                    continue;
                };
                let mut found = examine(self, index, &text);
                if found.is_none() && signature.edge == Edge::Key {
                    // Examples of keyed values may be the value alone.
                    let key = signature.labels.first().map(String::as_str).unwrap_or_default();
                    text = [b"\"", key.as_bytes(), b"\":\"", &text, b"\""].concat();
                    found = examine(self, index, &text);
                }
                let expected = match example.verdict {
                    Verdict::Match => Some(true),
                    Verdict::Shape => None,
                    Verdict::Check => Some(false),
                };
                if found != expected {
                    let did = match found {
                        Some(true) => "is accepted",
                        Some(false) => "is accepted by the pattern and refused by the validator",
                        None => "is refused by the pattern",
                    };
                    problems.push(problem(format!("the example {:?} {did}", example.text)));
                }
            }
        }
        problems
    }

    /// All signatures, sorted by id.
    pub fn signatures(&self) -> impl Iterator<Item = &Signature> {
        self.signatures.iter()
    }

    /// A hint at the signature that an unknown id may mean.
    pub fn nearest(&self, id: &str) -> Option<String> {
        nearest(id, self.signatures.iter().map(|signature| &*signature.id))
    }

    /// The signature of an id.
    pub fn get(&self, id: &str) -> Option<&Signature> {
        let at = self.signatures.binary_search_by(|s| (*s.id).cmp(id)).ok()?;
        self.signatures.get(at)
    }

    pub(super) fn position(&self, id: &str) -> Option<u16> {
        self.signatures.binary_search_by(|s| (*s.id).cmp(id)).ok().and_then(|at| at.try_into().ok())
    }

    pub(super) fn at(&self, index: u16) -> Option<(&Signature, &Compiled)> {
        Some((self.signatures.get(usize::from(index))?, self.compiled.get(usize::from(index))?))
    }

    /// Whether a key may end where a text does: the last two letters say it, digits and the like after them aside. Spares
    /// most `:` and `=` a closer look.
    pub(super) fn may_end_key(&self, text: &[u8]) -> bool {
        let tail = text.get(text.len().saturating_sub(KEY_TAIL_OCTETS)..).unwrap_or_default();
        let Some(last) = tail.iter().rposition(|b| b.is_ascii_alphabetic() || *b >= 0x80) else {
            return false;
        };
        match tail.get(..=last) {
            Some([rest @ .., a, b]) if *b < 0x80 => self.ends_key_with(rest.last().copied(), *a, *b),
            _ => true,
        }
    }

    /// Whether a key may end with these octets: a letter, or any if others stand before the last two, and the last two.
    fn ends_key_with(&self, before: Option<u8>, a: u8, b: u8) -> bool {
        let row = usize::from(a & 31) << 5 | usize::from(b & 31);
        let known = |letter: u8| self.key_endings.get(row).is_none_or(|row| row >> (letter & 31) & 1 == 1);
        self.ends_key(a, b) && before.filter(u8::is_ascii_alphabetic).is_none_or(known)
    }

    fn ends_key(&self, a: u8, b: u8) -> bool {
        (a.is_ascii_alphabetic() || a >= 0x80)
            && self.key_tails.get(usize::from(a & 31)).is_none_or(|row| row >> (b & 31) & 1 == 1)
    }

    /// Appends the signatures that take the value of a key: those with a label that the key is, or ends with
    /// (`current_user_id` ends with `user id`).
    pub(super) fn keyed_by(&self, key: &[u8], found: &mut Vec<u16>) {
        let key = key.get(key.len().saturating_sub(KEY_OCTETS_MAX)..).unwrap_or_default();
        let end = key.iter().rposition(|b| b.is_ascii_alphabetic() || *b >= 0x80).map_or(0, |i| i + 1);
        let key = key.get(..end).unwrap_or_default();
        let [.., a, b] = key else { return };
        if *b >= 0x80 {
            // Such a key may stand behind other words: "SET 护照号 = ".
            let last_word = key.rsplit(|octet| *octet == b' ').next().unwrap_or(key);
            for key in [key, last_word] {
                let key = fold(&String::from_utf8_lossy(key));
                let folded: String = key.chars().filter(|c| c.is_alphanumeric()).collect();
                if let Some(signatures) = self.keys.get(folded.as_bytes()) {
                    found.extend(signatures);
                    break;
                }
            }
            return;
        }
        // A separator before the last letter ("x_a") is no tail of a key.
        if !self.ends_key(*a, *b) {
            return;
        }
        // Words in lower case, joined, with the starts of the last few.
        let mut joined = [0_u8; KEY_OCTETS_MAX];
        let mut length = 0;
        let mut starts = [0; KEY_WORDS_MAX];
        let mut words = 0;
        let mut at = 0;
        while let Some(octet) = key.get(at) {
            if !octet.is_ascii_alphabetic() {
                at += 1;
                continue;
            }
            let end = word_end(key, at, key.len());
            starts.rotate_right(1);
            if let Some(slot) = starts.first_mut() {
                *slot = length;
            }
            words += 1;
            for octet in key.get(at..end).unwrap_or_default() {
                if let Some(slot) = joined.get_mut(length) {
                    *slot = octet.to_ascii_lowercase();
                    length += 1;
                }
            }
            at = end;
        }
        for start in starts.into_iter().take(words) {
            let suffix = joined.get(start..length).unwrap_or_default();
            if let Some(signatures) =
                Some(suffix).filter(|s| self.key_shapes.may_hold(Shapes::hash_of(s))).and_then(|s| self.keys.get(s))
            {
                for signature in signatures {
                    if !found.contains(signature) {
                        found.push(*signature);
                    }
                }
            }
        }
    }
}

/// Whether small letters in values of a signature stand for capital ones: it is about numbers of documents, and its
/// pattern does not say itself which small letters it takes.
fn folds(signature: &Signature) -> bool {
    signature.edge == Edge::Word
        && matches!(signature.normalise, Normalise::Alphanumeric | Normalise::Upper)
        && !signature.container
        && signature.pattern.bytes().any(|b| b.is_ascii_uppercase())
        && !signature.pattern.contains("a-")
}

/// A signature's pattern as it is compiled.
fn pattern(signature: &Signature) -> String {
    if folds(signature) { format!("(?i:{})", signature.pattern) } else { signature.pattern.clone() }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct RawContext(std::collections::BTreeMap<String, Vec<String>>);

/// The context lists, in order of names.
fn contexts(problems: &mut Vec<Problem>) -> Vec<(String, Vec<String>)> {
    match toml::from_str::<RawContext>(CONTEXT) {
        Ok(raw) => raw.0.into_iter().collect(),
        Err(error) => {
            problems.push(Problem::file("context.toml", error.message()));
            Vec::new()
        }
    }
}
