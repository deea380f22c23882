//! Context words: which lists (concepts such as "passport", or one signature's own labels) the words around a value
//! belong to.
//!
//! Words are compared whole, after folding: case, compatibility forms (NFKD) and diacritics go; `_`, `-`, `.` and
//! changes of case separate words, so that `driverLicenseNo` reads as `driver license no`. Chinese, Japanese, Korean
//! and Thai text has no reliable word boundaries: there words are looked for as substrings.

use hashbrown::HashMap;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::classes::{Classes, LETTER, SMALL};

/// Number of a word list within a catalogue: below [`CONCEPTS_MAX`] a concept's, else one signature's labels.
pub(super) type ListId = u16;

/// Lists of concepts that a catalogue may have; labels' lists are numbered from here.
pub(super) const CONCEPTS_MAX: ListId = 64;

/// Lists that a catalogue may have: concepts, and one for the labels of each signature that has some.
pub(super) const LISTS_MAX: ListId = 512;

/// A set of lists.
#[derive(Clone, Copy, Default)]
pub(super) struct Lists([u64; LISTS_MAX as usize / 64]);

impl Lists {
    /// Adds a list.
    pub(super) fn insert(&mut self, list: ListId) {
        if let Some(bits) = self.0.get_mut(usize::from(list / 64)) {
            *bits |= 1 << (list % 64);
        }
    }

    /// Adds others.
    #[inline]
    pub(super) fn extend(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(to, from)| *to |= from);
    }

    /// The same in fewer bits, some of which stand for several lists: what meets has bits in common.
    #[inline]
    pub(super) fn brief(&self) -> Brief {
        let [concepts, labels @ ..] = self.0;
        Brief(u128::from(concepts) | u128::from(labels.iter().fold(0, |all, bits| all | bits)) << 64)
    }

    /// Whether one is in both.
    #[inline]
    pub(super) fn meet(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |common, (a, b)| common | a & b) != 0
    }

    /// Whether another list is in it than those.
    pub(super) fn holds_beside(&self, others: &Self) -> bool {
        self.0.iter().zip(&others.0).any(|(own, others)| own & !others != 0)
    }

    /// Whether a list is in it.
    #[inline]
    pub(super) fn contains(&self, list: ListId) -> bool {
        self.0.get(usize::from(list / 64)).is_some_and(|bits| bits >> (list % 64) & 1 == 1)
    }
}

/// A set of lists in brief: the concepts, and the labels' lists by their number modulo 64.
#[derive(Clone, Copy, Default)]
pub(super) struct Brief(u128);

impl Brief {
    /// Adds others.
    #[inline]
    pub(super) fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether one may be in both.
    #[inline]
    pub(super) fn may_meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// Words in the longest phrase.
const PHRASE_WORDS_MAX: usize = 5;

/// Longest word, in folded octets, that can be in a list of words separated by spaces.
const WORD_OCTETS_MAX: usize = 40;

/// An occurrence of a word or phrase, in octets of the text searched.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Index into [`Lexicon::lists`].
    pub(super) entry: u32,
}

#[derive(Default)]
struct Word {
    id: u16,
    entry: Option<u32>,
    in_phrase: bool,
}

/// All context words of a catalogue.
#[derive(Default)]
pub(super) struct Lexicon {
    words: HashMap<Box<[u8]>, Word>,
    phrases: HashMap<[u16; PHRASE_WORDS_MAX], u32>,
    /// Words of scripts without spaces, looked for as substrings.
    unspaced: HashMap<Box<str>, u32>,
    /// First characters of those, each with a bit for every length in characters.
    unspaced_first: HashMap<char, u64>,
    /// Lists of an entry.
    entries: Vec<Lists>,
    /// Shapes of all words: spare most hash look-ups.
    shapes: Shapes,
}

/// A bit for each shape that some word of a set has. The shape is the same for equal words, in whatever case, and seldom
/// for others: a number of their first eight octets and their length.
#[derive(Default)]
pub(super) struct Shapes(Box<[u64]>);

impl Shapes {
    const COUNT: usize = 1 << 16;

    pub(super) fn insert(&mut self, word: &[u8]) {
        if self.0.is_empty() {
            self.0 = vec![0; Self::COUNT / 64].into_boxed_slice();
        }
        let shape = Self::shape(word, 0, word.len());
        if let Some(bits) = self.0.get_mut(shape / 64) {
            *bits |= 1 << (shape % 64);
        }
    }

    /// Whether a word may be in the set.
    #[inline]
    pub(super) fn may_hold(&self, word: &[u8]) -> bool {
        self.may_hold_part(word, 0, word.len())
    }

    /// Whether the word `text[start..end]` may be in the set: faster than asking for it alone.
    #[inline]
    fn may_hold_part(&self, text: &[u8], start: usize, end: usize) -> bool {
        let shape = Self::shape(text, start, end);
        self.0.get(shape / 64).is_some_and(|bits| bits >> (shape % 64) & 1 == 1)
    }

    #[inline]
    fn shape(text: &[u8], start: usize, end: usize) -> usize {
        let onward = text.get(start..).unwrap_or_default();
        let octets = onward.first_chunk::<8>().copied().unwrap_or_else(|| {
            let mut octets = [0; 8];
            octets.iter_mut().zip(onward).for_each(|(to, from)| *to = *from);
            octets
        });
        let length = end - start;
        // The bit that tells small ASCII letters from capital ones says nothing else about octets of words.
        let word = u64::from_le_bytes(octets) | 0x2020_2020_2020_2020;
        let word = if length < 8 { word & ((1 << (8 * length)) - 1) } else { word };
        ((word ^ (length as u64) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize
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
        self.shapes.insert(octets);
        // Identifiers start at 1: 0 pads short phrases.
        let id = self.words.len() as u16 + 1;
        self.words.entry(octets.into()).or_insert(Word { id, ..Word::default() })
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

    /// Finds the words of `text[from..to]`, in order of their ends. `classes` are those of the text.
    pub(super) fn find(&self, text: &[u8], classes: &Classes, from: usize, to: usize, hits: &mut Vec<Hit>) {
        let to = to.min(text.len());
        let mut recent = Recent::default();
        let mut at = from;
        while let Some(start) = classes.next(LETTER, at).filter(|start| *start < to) {
            if recent.length > 0 && text.get(at..start).is_some_and(|gap| gap.iter().any(u8::is_ascii_digit)) {
                recent.clear();
            }
            let end = match text.get(start) {
                // What begins small ends with the small letters.
                Some(b'a'..=b'z') => classes.run_end(SMALL, start).min(to),
                Some(b'A'..=b'Z') => capital_end(text, classes, start, to),
                _ => {
                    at = run_end(text, start, to);
                    self.unicode(text.get(start..at).unwrap_or_default(), start, &mut recent, hits);
                    continue;
                }
            };
            // Nearly all words are none of ours, and their shape says so. One that runs into letters beyond ASCII is looked at.
            let follows = text.get(end).copied().unwrap_or(0);
            at = if follows < 0xc0 && !self.shapes.may_hold_part(text, start, end) {
                recent.clear();
                end
            } else {
                self.ascii(text, start, end, &mut recent, hits)
            };
        }
    }

    /// Looks up an ASCII word; returns where the next may begin.
    fn ascii(&self, text: &[u8], start: usize, end: usize, recent: &mut Recent, hits: &mut Vec<Hit>) -> usize {
        let word = text.get(start..end).unwrap_or_default();
        // An ASCII word that runs into letters beyond ASCII ("naïve") is looked up with them.
        if text.get(end).is_some_and(|&b| b >= 0xc0) {
            let run = run_end(text, start, text.len().min(end + WORD_OCTETS_MAX));
            self.unicode(text.get(start..run).unwrap_or_default(), start, recent, hits);
            return run;
        }
        if word.len() > WORD_OCTETS_MAX {
            recent.clear();
            return end;
        }
        if word.iter().all(u8::is_ascii_lowercase) {
            self.look_up(word, start, end, recent, hits);
            return end;
        }
        let mut folded = [0; WORD_OCTETS_MAX];
        for (to, from) in folded.iter_mut().zip(word) {
            *to = from.to_ascii_lowercase();
        }
        self.look_up(folded.get(..word.len()).unwrap_or_default(), start, end, recent, hits);
        end
    }

    fn look_up(&self, folded: &[u8], start: usize, end: usize, recent: &mut Recent, hits: &mut Vec<Hit>) {
        let Some(word) = self.words.get(folded) else {
            return recent.clear();
        };
        if let Some(entry) = word.entry {
            hits.push(Hit { start, end, entry });
        }
        if !word.in_phrase {
            return recent.clear();
        }
        recent.push(word.id, start, end);
        for (key, start) in recent.phrases() {
            if let Some(&entry) = self.phrases.get(&key) {
                hits.push(Hit { start, end, entry });
            }
        }
    }

    /// A run of letters that holds some beyond ASCII.
    fn unicode(&self, run: &[u8], at: usize, recent: &mut Recent, hits: &mut Vec<Hit>) {
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
                    let folded = octets.get(i..end).unwrap_or_default().to_ascii_lowercase();
                    self.look_up(&folded, at + i, at + end, recent, hits);
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
                self.look_up(fold(word).as_bytes(), at + start, at + start + word.len(), recent, hits);
            }
            start += part.len();
        }
    }
}

/// The last words that may begin a phrase.
#[derive(Default)]
struct Recent {
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

    fn push(&mut self, id: u16, start: usize, end: usize) {
        if start > self.end + Self::GAP_MAX {
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

/// The end of the word that begins at `start`: letters as far as a change of case.
pub(super) fn word_end(text: &[u8], start: usize, to: usize) -> usize {
    let letter = |i: usize| text.get(i).copied().filter(|b| i < to && b.is_ascii_alphabetic());
    let rest = text.get(start..to).unwrap_or_default();
    // Small letters, as most words are, have no change of case before they end.
    let mut at = start + rest.iter().take_while(|b| b.is_ascii_lowercase()).count().max(1);
    while let Some(this) = letter(at) {
        let before = letter(at - 1).unwrap_or(b'a');
        let after = letter(at + 1).unwrap_or(b'A');
        let begins = this.is_ascii_uppercase()
            && (before.is_ascii_lowercase() || (before.is_ascii_uppercase() && after.is_ascii_lowercase()));
        if begins {
            break;
        }
        at += 1;
    }
    at
}

/// The same of a word that begins with a capital letter.
#[inline]
fn capital_end(text: &[u8], classes: &Classes, start: usize, to: usize) -> usize {
    let rest = text.get(start + 1..to).unwrap_or_default();
    let capitals = start + 1 + rest.iter().take_while(|b| b.is_ascii_uppercase()).count();
    let end = classes.run_end(SMALL, capitals).min(to);
    match (end > capitals, capitals > start + 1) {
        // The last capital of several begins the next word.
        (true, true) => capitals - 1,
        _ => end,
    }
}

/// The end of a run of ASCII letters and octets beyond ASCII.
fn run_end(text: &[u8], start: usize, to: usize) -> usize {
    let mut at = start;
    while at < to && text.get(at).is_some_and(|b| b.is_ascii_alphabetic() || *b >= 0x80) {
        at += 1;
    }
    at
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
        let mut hits = Vec::new();
        lexicon.find(text.as_bytes(), &classes(text.as_bytes()), 0, text.len(), &mut hits);
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
    fn words_that_begin_large_end_where_all_words_do() {
        for text in
            ["Information", "INFO", "INFOx", "HTTPServer", "A", "Ab", "ABc", "AbC", "ABC1", "Ab1", "Aé", "ABé", "Abé"]
        {
            let text = text.as_bytes();
            for to in 1..=text.len() {
                assert_eq!(capital_end(text, &classes(text), 0, to), word_end(text, 0, to), "{text:?} {to}");
            }
        }
    }

    #[test]
    fn damaged_utf8_is_no_word_and_no_panic() {
        let mut lexicon = Lexicon::default();
        lexicon.add("身份证", 1);
        let mut hits = Vec::new();
        for text in [&b"\xff\xfe\x80abc"[..], b"\xe8\xba", b"a\xe8\xba\xab\xe4", b"\xf0"] {
            lexicon.find(text, &classes(text), 0, text.len() + 9, &mut hits);
        }
        assert!(hits.is_empty());
    }
}
