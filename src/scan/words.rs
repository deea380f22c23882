//! Context words: which lists (concepts such as "passport", or one signature's own labels) the words around a value
//! belong to.
//!
//! Words are compared whole, after folding: case, compatibility forms (NFKD) and diacritics go; `_`, `-`, `.` and
//! changes of case separate words, so that `driverLicenseNo` reads as `driver license no`. Chinese, Japanese, Korean
//! and Thai text has no reliable word boundaries: there words are looked for as substrings.

use hashbrown::{HashMap, HashSet, HashTable};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::classes::Classes;
use super::lists::{ListId, Lists};
use super::shapes::{Shapes, WINDOW};
use super::spans::{Words, ascii_begin, run_end, word_end};

/// Words in the longest phrase.
const PHRASE_WORDS_MAX: usize = 5;

/// An occurrence of a word or phrase, in octets of the text searched.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Index into [`Lexicon::lists`].
    pub(super) entry: u32,
}

struct Word {
    /// Folded.
    octets: Box<[u8]>,
    id: u16,
    entry: Option<u32>,
    in_phrase: bool,
}

/// All context words of a catalogue.
#[derive(Default)]
pub(super) struct Lexicon {
    /// By [hash](Shapes::hash).
    words: HashTable<Word>,
    phrases: HashMap<[u16; PHRASE_WORDS_MAX], u32>,
    /// Words of scripts without spaces, looked for as substrings.
    unspaced: HashMap<Box<str>, u32>,
    /// First characters of those, each with a bit for every length in characters.
    unspaced_first: HashMap<char, u64>,
    /// Lists of an entry.
    entries: Vec<Lists>,
    /// Shapes of the words that are looked for: spare most look-ups.
    all: Shapes,
    /// The same of those that signatures need which are nothing without context.
    needed: Shapes,
    /// Shapes of words that mean something alone.
    alone: Shapes,
    /// Shapes of words that go on a phrase.
    inner: Shapes,
}

/// Which words are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sought {
    /// All.
    All,
    /// Those of the lists of [`Lexicon::complete`], and some others.
    Needed,
}

impl Word {
    fn hash(&self) -> u64 {
        Shapes::hash_of(&self.octets)
    }
}

impl Lexicon {
    /// Adds a word or phrase to a list.
    pub(super) fn add(&mut self, text: &str, list: ListId) {
        let folded = fold(text);
        if folded.chars().any(is_unspaced) {
            let key: String = folded.chars().filter(|c| !c.is_whitespace()).collect();
            if let Some(first) = key.chars().next() {
                *self.unspaced_first.entry(first).or_default() |= 1 << key.chars().count().min(63);
            }
            let next = self.entries.len() as u32;
            let entry = *self.unspaced.entry(key.into_boxed_str()).or_insert(next);
            self.put(entry, list);
            return;
        }
        let words: Vec<&str> = folded.split(|c: char| !c.is_alphabetic()).filter(|w| !w.is_empty()).collect();
        let count = words.len();
        if count == 0 || count > PHRASE_WORDS_MAX {
            return;
        }
        // A key such as `clientip` joins what prose writes apart.
        self.add_word(&words.concat(), list);
        if count > 1 {
            let mut key = [0; PHRASE_WORDS_MAX];
            for (slot, word) in key.iter_mut().zip(&words) {
                let word = self.word(word);
                word.in_phrase = true;
                *slot = word.id;
            }
            let next = self.entries.len() as u32;
            let entry = *self.phrases.entry(key).or_insert(next);
            self.put(entry, list);
        }
    }

    fn add_word(&mut self, word: &str, list: ListId) {
        let next = self.entries.len() as u32;
        let entry = *self.word(word).entry.get_or_insert(next);
        self.put(entry, list);
    }

    fn word(&mut self, word: &str) -> &mut Word {
        let octets = word.as_bytes();
        // Identifiers start at 1: 0 pads short phrases.
        let id = self.words.len() as u16 + 1;
        let new = || Word { octets: octets.into(), id, entry: None, in_phrase: false };
        let is_same = |word: &Word| *word.octets == *octets;
        self.words.entry(Shapes::hash_of(octets), is_same, Word::hash).or_insert_with(new).into_mut()
    }

    fn put(&mut self, entry: u32, list: ListId) {
        let entry = entry as usize;
        if entry >= self.entries.len() {
            self.entries.resize_with(entry + 1, Lists::default);
        }
        if let Some(lists) = self.entries.get_mut(entry) {
            lists.insert(list);
        }
    }

    /// The lists that a hit's word belongs to.
    pub(super) fn lists(&self, hit: Hit) -> Option<&Lists> {
        self.entries.get(hit.entry as usize)
    }

    /// All words were added: says which lists have those that are [`Sought::Needed`].
    pub(super) fn complete(&mut self, needed: &Lists) {
        let is_needed = |entry: &u32| self.entries.get(*entry as usize).is_some_and(|of| of.meet(needed));
        // What a phrase begins with is looked for, what it goes on with only after that.
        let firsts = |wanted: &dyn Fn(&u32) -> bool| -> HashSet<u16> {
            self.phrases
                .iter()
                .filter(|(_, entry)| wanted(entry))
                .filter_map(|(words, _)| words.first().copied())
                .collect()
        };
        let (first, first_needed) = (firsts(&|_| true), firsts(&is_needed));
        let rest: HashSet<u16> = self.phrases.keys().flat_map(|words| words.iter().skip(1).copied()).collect();
        for word in &self.words {
            if word.entry.is_some() {
                self.alone.insert(&word.octets);
            }
            if word.entry.is_some() || first.contains(&word.id) {
                self.all.insert(&word.octets);
            }
            if word.entry.as_ref().is_some_and(is_needed) || first_needed.contains(&word.id) {
                self.needed.insert(&word.octets);
            }
            if rest.contains(&word.id) {
                self.inner.insert(&word.octets);
            }
        }
    }

    /// Finds the words of `text[from..to]`, in order of their ends. `classes` are those of the text, `recent` the words
    /// directly before.
    pub(super) fn find(
        &self,
        sought: Sought,
        (text, classes): (&[u8], &Classes),
        (from, to): (usize, usize),
        recent: &mut Recent,
        hits: &mut Vec<Hit>,
    ) {
        let to = to.min(text.len());
        let shapes = if sought == Sought::All { &self.all } else { &self.needed };
        // A run of letters beyond ASCII may have begun before, but not within a character.
        let rest = text.get(from..to).unwrap_or_default().iter();
        let from = from + rest.take_while(|octet| matches!(octet, 0x80..0xc0)).count();
        let goes_on = u64::from(text.get(from).is_some_and(|octet| *octet >= 0x80)) << (from % 64);
        // Where the last word beyond ASCII ended: what it held is no word of its own.
        let mut done = from;
        // Words that begin before it may go on a phrase.
        let mut phrase_until = recent.until();
        for group in from / 64..to.div_ceil(64) {
            let mut words = Words::of(classes, group);
            let mut asked = u64::MAX;
            if group == from / 64 {
                words.wide |= goes_on;
                asked <<= from % 64;
            }
            if to - group * 64 < 64 {
                asked &= (1 << (to % 64)) - 1;
            }
            let wide = words.wide & asked;
            let ascii = words.begins & !words.single & asked;
            // Nearly all words are none of ours, and their first letters or their shape say so.
            let window = text.get(group * 64..).and_then(<[u8]>::first_chunk::<WINDOW>);
            let likely = window.map_or(ascii, |window| shapes.may_begin(window, ascii, words.ends));
            let on_a_phrase = |until: usize| match until.saturating_sub(group * 64) {
                octets @ 0..64 => (1 << octets) - 1,
                _ => u64::MAX,
            };
            let mut begins = wide | likely | ascii & on_a_phrase(phrase_until);
            while begins != 0 {
                let bit = begins.trailing_zeros();
                begins &= begins - 1;
                let start = group * 64 + bit as usize;
                let after = (u64::MAX - 1) << bit;
                if wide >> bit & 1 == 1 {
                    if start >= done {
                        let begin = ascii_begin(text, start).max(done);
                        done = run_end(text, start, to);
                        self.unicode(text, (begin, done), recent, hits);
                        phrase_until = recent.until();
                        begins |= on_a_phrase(phrase_until) & ascii & after;
                    }
                    continue;
                }
                let length = match words.ends >> bit >> 1 {
                    0 => Words::end_after(classes, group) - start,
                    ends => ends.trailing_zeros() as usize + 1,
                };
                let goes_on = start < phrase_until;
                if !goes_on && likely >> bit & 1 == 0 {
                    continue;
                }
                let hash = Shapes::hash(text, start, length);
                let mut sought = shapes.may_hold(hash) || goes_on && self.inner.may_hold(hash);
                if sought && !goes_on && !self.alone.may_hold(hash) {
                    // It only begins phrases.
                    sought = self.may_go_on(text, (&words, group), (start + length) - group * 64, after);
                }
                if sought && start >= done {
                    let end = (start + length).min(to);
                    // One that runs into letters beyond ASCII ("naïve") is looked up with them.
                    if text.get(end).is_none_or(u8::is_ascii) {
                        let word = text.get(start..end).unwrap_or_default();
                        self.look_up(text, (start, end), (word, hash), recent, hits);
                        phrase_until = recent.until();
                        begins |= on_a_phrase(phrase_until) & ascii & after;
                    }
                }
            }
        }
    }

    /// Whether the word after one that ends at an octet of a group may go on a phrase.
    fn may_go_on(&self, text: &[u8], (words, group): (&Words, usize), end: usize, after: u64) -> bool {
        let begins = (words.begins | words.wide) & after;
        let next = begins.trailing_zeros();
        let ends = words.ends.checked_shr(next + 1).unwrap_or(0);
        if ends == 0 || words.wide >> next & 1 == 1 {
            // It goes on beyond the group, or beyond ASCII.
            return true;
        }
        let length = ends.trailing_zeros() as usize + 1;
        let start = group * 64 + next as usize;
        let is_ascii = text.get(start + length).is_none_or(u8::is_ascii);
        next as usize <= end + Recent::GAP_MAX && (!is_ascii || self.inner.may_hold(Shapes::hash(text, start, length)))
    }

    /// Looks up `text[start..end]`, which but for ASCII capitals folds to a word with a hash.
    fn look_up(
        &self,
        text: &[u8],
        (start, end): (usize, usize),
        (word, hash): (&[u8], u64),
        recent: &mut Recent,
        hits: &mut Vec<Hit>,
    ) {
        let Some(word) = self.words.find(hash, |known| known.octets.eq_ignore_ascii_case(word)) else {
            return recent.clear();
        };
        if let Some(entry) = word.entry {
            hits.push(Hit { start, end, entry });
        }
        if !word.in_phrase {
            return recent.clear();
        }
        recent.push(text, word.id, start, end);
        for (key, start) in recent.phrases() {
            if let Some(&entry) = self.phrases.get(&key) {
                hits.push(Hit { start, end, entry });
            }
        }
    }

    /// A run of letters that holds some beyond ASCII: `text[at..end]`.
    #[inline(never)]
    fn unicode(&self, text: &[u8], (at, end): (usize, usize), recent: &mut Recent, hits: &mut Vec<Hit>) {
        let run = text.get(at..end).unwrap_or_default();
        let run = match std::str::from_utf8(run) {
            Ok(run) => run,
            Err(error) => std::str::from_utf8(run.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default(),
        };
        if run.chars().any(is_unspaced) {
            // Folded characters, each with the octets it came from.
            let mut folded: Vec<(char, usize, usize)> = Vec::with_capacity(run.len() / 2);
            for (i, c) in run.char_indices() {
                let (start, end) = (at + i, at + i + c.len_utf8());
                if is_folded(c) {
                    folded.push((c, start, end));
                } else {
                    folded.extend(c.nfkc().flat_map(char::to_lowercase).map(|f| (f, start, end)));
                }
            }
            let mut key = String::new();
            for (i, first) in folded.iter().enumerate() {
                let mut lengths = self.unspaced_first.get(&first.0).copied().unwrap_or(0);
                while lengths != 0 {
                    let length = lengths.trailing_zeros() as usize;
                    lengths &= lengths - 1;
                    let Some(part) = folded.get(i..i + length) else { break };
                    key.clear();
                    key.extend(part.iter().map(|p| p.0));
                    if let (Some(&entry), Some(last)) = (self.unspaced.get(key.as_str()), part.last()) {
                        hits.push(Hit { start: first.1, end: last.2, entry });
                    }
                }
            }
            recent.clear();
            // ASCII words within such a run ("SSN号码").
            let mut i = 0;
            let octets = run.as_bytes();
            while i < octets.len() {
                if octets.get(i).is_some_and(u8::is_ascii_alphabetic) {
                    let end = word_end(octets, i, octets.len());
                    let word = octets.get(i..end).unwrap_or_default();
                    self.look_up(text, (at + i, at + end), (word, Shapes::hash_of(word)), recent, hits);
                    i = end;
                } else {
                    i += 1;
                }
            }
            recent.clear();
            return;
        }
        let mut start = 0;
        for part in run.split_inclusive(|c: char| !c.is_alphanumeric() && !is_combining_mark(c)) {
            let word = part.trim_end_matches(|c: char| !c.is_alphanumeric() && !is_combining_mark(c));
            if !word.is_empty() {
                let place = (at + start, at + start + word.len());
                let folded = fold(word);
                let folded = folded.as_bytes();
                self.look_up(text, place, (folded, Shapes::hash_of(folded)), recent, hits);
            }
            start += part.len();
        }
    }
}

/// The last words that may begin a phrase.
#[derive(Default)]
pub(super) struct Recent {
    ids: [u16; PHRASE_WORDS_MAX],
    starts: [usize; PHRASE_WORDS_MAX],
    length: usize,
    end: usize,
}

impl Recent {
    /// Octets between two words of a phrase.
    const GAP_MAX: usize = 3;

    fn clear(&mut self) {
        self.length = 0;
    }

    /// Before which position a word must begin to go on a phrase: 0 if none does.
    #[inline]
    fn until(&self) -> usize {
        if self.length > 0 { self.end + Self::GAP_MAX + 1 } else { 0 }
    }

    fn push(&mut self, text: &[u8], id: u16, start: usize, end: usize) {
        // Words that are none of ours were passed over.
        let parts = |gap: &[u8]| gap.len() > Self::GAP_MAX || gap.iter().any(u8::is_ascii_alphanumeric);
        if text.get(self.end..start).is_none_or(parts) {
            self.length = 0;
        }
        self.end = end;
        if self.length == PHRASE_WORDS_MAX {
            self.ids.rotate_left(1);
            self.starts.rotate_left(1);
            self.length -= 1;
        }
        if let (Some(slot), Some(at)) = (self.ids.get_mut(self.length), self.starts.get_mut(self.length)) {
            (*slot, *at) = (id, start);
            self.length += 1;
        }
    }

    /// Every phrase of two or more words that ends with the last one, with its start.
    fn phrases(&self) -> impl Iterator<Item = ([u16; PHRASE_WORDS_MAX], usize)> + '_ {
        (0..self.length.saturating_sub(1)).map(|first| {
            let mut key = [0; PHRASE_WORDS_MAX];
            for (to, from) in key.iter_mut().zip(self.ids.iter().take(self.length).skip(first)) {
                *to = *from;
            }
            (key, self.starts.get(first).copied().unwrap_or(0))
        })
    }
}

/// Characters that folding leaves as they are: kana, the usual ideographs, Hangul syllables.
fn is_folded(c: char) -> bool {
    matches!(u32::from(c), 0x3041..=0x3096 | 0x30a1..=0x30fa | 0x4e00..=0x9fff | 0xac00..=0xd7a3)
}

/// Scripts that are written without spaces between words (or, in Hangul, with particles attached to them).
fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x0e00..=0x0e7f | 0x1100..=0x11ff | 0x2e80..=0x9fff | 0xac00..=0xd7af | 0xf900..=0xfaff | 0xff66..=0xff9f
        | 0x2_0000..=0x3_ffff)
}

/// Lower case, compatibility forms, without diacritics (except where the script is [unspaced](is_unspaced): there marks
/// tell words apart).
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    if text.chars().any(is_unspaced) {
        return text.nfkc().flat_map(char::to_lowercase).collect();
    }
    let mut folded = String::with_capacity(text.len());
    for c in text.nfkd().filter(|&c| !is_combining_mark(c)).flat_map(char::to_lowercase) {
        match c {
            'ß' => folded.push_str("ss"),
            'đ' => folded.push('d'),
            'ł' => folded.push('l'),
            'ø' => folded.push('o'),
            'ı' => folded.push('i'),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            c => folded.push(c),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::classes::plain;

    fn classes(text: &[u8]) -> Classes {
        Classes::of(text, &std::array::from_fn(|octet| plain(octet as u8)))
    }

    fn found(words: &[&str], text: &str) -> Vec<String> {
        let mut lexicon = Lexicon::default();
        for word in words {
            lexicon.add(word, 1);
        }
        lexicon.complete(&Lists::default());
        let mut hits = Vec::new();
        let sorted = classes(text.as_bytes());
        let recent = &mut Recent::default();
        lexicon.find(Sought::All, (text.as_bytes(), &sorted), (0, text.len()), recent, &mut hits);
        hits.iter().map(|h| text[h.start..h.end].to_string()).collect()
    }

    #[test]
    fn words_are_whole_folded_and_split_at_case() {
        let words = [
            "driver license",
            "ssn",
            "cédula",
            "身份证",
            "straße",
            "tên",
            "IP地址",
            "дата рождения",
            "주민등록번호",
            "cartão de cidadão",
            "numéro d'assurance sociale",
        ];
        let cases: [(&str, &[&str]); 14] = [
            ("driverLicenseNo", &["driverLicense"]),
            ("DRIVER_LICENSE", &["DRIVER_LICENSE"]),
            ("driverlicense", &["driverlicense"]),
            ("userSSNValue", &["SSN"]),
            ("assna", &[]),
            ("la CEDULA y la cédula", &["CEDULA", "cédula"]),
            ("STRASSE straße", &["STRASSE", "straße"]),
            ("的身份证号码是", &["身份证"]),
            ("登录IP地址为", &["IP地址"]),
            ("дата  рождения", &["дата  рождения"]),
            ("홍길동의 주민등록번호는", &["주민등록번호"]),
            ("driver's blue license", &[]),
            ("o cartão de cidadão é", &["cartão de cidadão"]),
            ("le numéro d'assurance sociale", &["numéro d'assurance sociale"]),
        ];
        for (text, expected) in cases {
            assert_eq!(found(&words, text), expected, "{text}");
        }
    }

    #[test]
    fn damaged_utf8_is_no_word_and_no_panic() {
        let mut lexicon = Lexicon::default();
        lexicon.add("身份证", 1);
        lexicon.complete(&Lists::default());
        let mut hits = Vec::new();
        for text in [&b"\xff\xfe\x80abc"[..], b"\xe8\xba", b"a\xe8\xba\xab\xe4", b"\xf0"] {
            lexicon.find(Sought::All, (text, &classes(text)), (0, text.len() + 9), &mut Recent::default(), &mut hits);
        }
        assert!(hits.is_empty());
    }
}
