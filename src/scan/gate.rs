//! The gate: one pass over the octets of a text that finds where something may begin. It asks tables that are made of the
//! automata beforehand, so what it lets through too often costs time, and what it kept back would be lost.

use super::classes::{self, AFTER_FREE, ANYWHERE, Classes, FREE, START, WORD, plain};
use super::matcher::{Anchor, Matcher, RUN_DIGITS_MAX, is_word};
use super::weigh::continues_number;

/// What may begin at an octet: a match of one of the automata; or what stands there: an anchor, the end of a key.
pub(super) const WORDS: u8 = 1;
pub(super) const STARTING: u8 = 2;
pub(super) const FREE_ONES: u8 = 4;
pub(super) const LINES: u8 = 8;
pub(super) const ANCHOR: u8 = 16;
pub(super) const KEY: u8 = 32;

/// An octet that begins patterns anywhere is looked at only where one of those that go on with them stands behind it, if
/// they are no more than this: `"` begins one, and nearly all JSON.
const FOLLOWERS_FEW: usize = 4;

/// Whether two octets are letters of which one is small, as nearly all words begin: numbers of documents that begin so are
/// read where a key names them, and are not looked for elsewhere.
fn is_folded_word(first: u8, second: u8) -> bool {
    first.is_ascii_alphabetic() && second.is_ascii_alphabetic() && (first | second) & 0x20 != 0
}

/// An octet that passed: its place, what it may be, and how many digits follow each other from there on.
pub(super) type Passed = (u32, u8, u8);

/// What the automata and anchors of a catalogue begin with.
pub(super) struct Gate {
    /// The classes of octets that the gate and the lexicon ask for.
    pub(super) classes: Box<classes::Table>,
    /// What a pair of octets, the first in the upper half, may begin.
    pairs: Box<[u8; 1 << 16]>,
    /// By octet the anchors, by number, that may be it; and those that may follow it.
    is_anchor: Box<[u32; 256]>,
    before_anchor: Box<[u32; 256]>,
    /// `pairs` by the length of a run of digits, up to [`RUN_DIGITS_MAX`], and the octet after it.
    runs: Box<[[u8; 256]]>,
    /// The same by the octet after two and three numbers of two digits: what logs are full of is the time of day.
    clocks: Box<[[u8; 256]; 2]>,
}

impl Gate {
    /// For automata in the order of the constants above; `plain_words` are the words that hold no small letters for
    /// capital ones.
    pub(super) fn new(matchers: [&Matcher; 4], plain_words: &Matcher, anchors: &[Anchor]) -> Self {
        let [words, starting, free, lines] = matchers;
        let is_anchor = |octet: u8| anchors.iter().any(|a| a.octet == octet);
        let is_key = |octet: u8| matches!(octet, b':' | b'=');
        // A line's first octet stands where a word begins, or is looked at everywhere.
        let line_word = |octet: u8| lines.begins_with(octet) && is_word(octet);
        let is_free = |octet: u8| free.begins_with(octet) || lines.begins_with(octet) && !is_word(octet);
        let begins_free = |pair: u16| free.begins_with_pair(pair) || lines.begins_with_pair(pair);
        let is_followed_by_few = |first: u8| {
            let after = (0..=255).filter(|next| begins_free(u16::from_be_bytes([first, *next])));
            after.count() <= FOLLOWERS_FEW
        };
        let mut classes = Box::new([0; 256]);
        for (octet, class) in (0..=255_u8).zip(classes.iter_mut()) {
            let start = [words, starting].iter().any(|m| m.begins_with(octet)) || line_word(octet);
            let anywhere = is_key(octet) || is_anchor(octet) || is_free(octet) && !is_followed_by_few(octet);
            let free = is_free(octet) && is_followed_by_few(octet);
            let after = (0..=255).any(|first| {
                is_free(first) && is_followed_by_few(first) && begins_free(u16::from_be_bytes([first, octet]))
            });
            let bit = |is: bool, class: usize| u8::from(is) << class;
            *class =
                plain(octet) | bit(start, START) | bit(anywhere, ANYWHERE) | bit(free, FREE) | bit(after, AFTER_FREE);
        }
        let bits = |begins: &dyn Fn(&Matcher) -> bool| -> u8 {
            (0..).zip(matchers).map(|(bit, matcher)| u8::from(begins(matcher)) << bit).sum()
        };
        let within = |pair: u16| {
            let [octet, next] = pair.to_be_bytes();
            let anchor = anchors.iter().any(|a| a.octet == octet && a.may_precede(next));
            (if is_key(octet) { KEY } else { 0 }) | if anchor { ANCHOR } else { 0 }
        };
        let begins_with_pair = |pair: u16| {
            let [first, second] = pair.to_be_bytes();
            let folded = is_folded_word(first, second);
            let hidden = if folded && !plain_words.begins_with_pair(pair) { WORDS } else { 0 };
            bits(&|m| m.begins_with_pair(pair)) & !hidden
        };
        let mut pairs = Box::new([0; 1 << 16]);
        for (pair, slot) in (0..=u16::MAX).zip(pairs.iter_mut()) {
            *slot = begins_with_pair(pair) | within(pair);
        }
        let anchored = |of: &dyn Fn(&Anchor, u8) -> bool| {
            let mut bits = Box::new([0; 256]);
            for (octet, slot) in (0..=255).zip(bits.iter_mut()) {
                let own = (0..).zip(anchors).filter(|(_, anchor)| of(anchor, octet));
                // Past 31 they share a bit.
                *slot = own.fold(0, |bits, (number, _): (u32, _)| bits | 1 << number.min(31));
            }
            bits
        };
        let (is_anchor, before_anchor) = (anchored(&|a, octet| a.octet == octet), anchored(&Anchor::may_follow));
        let mut runs = vec![[u8::MAX; 256]; RUN_DIGITS_MAX + 1].into_boxed_slice();
        for (digits, row) in (1..).zip(runs.iter_mut().skip(1)) {
            for (next, slot) in (0..=255_u8).zip(row.iter_mut()) {
                *slot = bits(&|m| m.begins_with_run(digits, next));
            }
        }
        let clock = |text: &[u8]| {
            let mut row = [0; 256];
            (0..=255).zip(row.iter_mut()).for_each(|(next, slot)| *slot = bits(&|m| m.begins_with_text(text, next)));
            row
        };
        let clocks = Box::new([clock(b"00:00"), clock(b"00:00:00")]);
        Self { classes, pairs, is_anchor, before_anchor, runs, clocks }
    }

    /// Finds the octets of `text[begin..finish]` where something may begin; words within numbers only if `parts`.
    pub(super) fn pass(
        &self,
        (text, classes): (&[u8], &Classes),
        (begin, finish): (usize, usize),
        parts: bool,
        passed: &mut Vec<Passed>,
    ) {
        let mut word_before = (begin / 64).checked_sub(1).map_or(0, |before| classes.bits(WORD, before));
        for group in begin / 64..finish.div_ceil(64) {
            let [word, start, anywhere, free, after_free, ..] = *classes.group(group);
            let begins = start & !(word << 1 | word_before >> 63);
            word_before = word;
            // At the text's end every octet may follow.
            let ends = if text.len() - group * 64 <= 64 { 1 << ((text.len() - 1) % 64) } else { 0 };
            let behind = after_free >> 1 | classes.bits(AFTER_FREE, group + 1) << 63 | ends;
            let mut places = begins | anywhere | free & behind;
            if group == begin / 64 {
                places &= u64::MAX << (begin % 64);
            }
            if finish - group * 64 < 64 {
                places &= (1 << (finish % 64)) - 1;
            }
            while places != 0 {
                let bit = places.trailing_zeros();
                let at = group * 64 + bit as usize;
                places &= places - 1;
                let mut acts = match text.get(at..).and_then(<[u8]>::first_chunk) {
                    Some(&[first, next]) => self.begins_with(first, next),
                    None => {
                        let last = text.get(at).map_or(0, |last| self.begins_with(*last, 0));
                        last | WORDS | STARTING | FREE_ONES | LINES
                    }
                };
                if begins >> bit & 1 == 0 {
                    acts &= !(WORDS | STARTING);
                }
                if acts & (LINES | ANCHOR) != 0 {
                    acts &= self.allowed_after(text, at);
                }
                if acts == 0 {
                    continue;
                }
                let mut digits = 0;
                if text.get(at).is_some_and(u8::is_ascii_digit) {
                    digits = classes.digits_end(at).saturating_sub(at);
                    if let (Some(row), Some(next)) = (self.runs.get(digits), text.get(at + digits)) {
                        acts &= row.get(usize::from(*next)).copied().unwrap_or(u8::MAX);
                    }
                    if digits == 2 {
                        acts &= self.allowed_by_clock(text, at);
                    }
                    if !parts && continues_number(text, at) {
                        acts &= !WORDS;
                    }
                    if acts == 0 {
                        continue;
                    }
                }
                passed.push((at as u32, acts, digits.min(255) as u8));
            }
        }
    }

    /// What may begin with two octets.
    #[inline]
    fn begins_with(&self, first: u8, next: u8) -> u8 {
        self.pairs.get(usize::from(u16::from_be_bytes([first, next]))).copied().unwrap_or(0)
    }

    /// What may begin at two digits, if a time of day does: `12:34:56`, or its last two parts.
    #[inline]
    fn allowed_by_clock(&self, text: &[u8], at: usize) -> u8 {
        let Some([b':', a, b, next, c, d, after]) = text.get(at + 2..).and_then(<[u8]>::first_chunk) else {
            return u8::MAX;
        };
        let are_digits = |a: &u8, b: &u8, next: &u8| a.is_ascii_digit() && b.is_ascii_digit() && !next.is_ascii_digit();
        if !are_digits(a, b, next) {
            return u8::MAX;
        }
        let [two, three] = &*self.clocks;
        let row = match next {
            b':' if are_digits(c, d, after) => three.get(usize::from(*after)),
            b':' => None,
            _ => two.get(usize::from(*next)),
        };
        row.copied().unwrap_or(u8::MAX)
    }

    /// What the octet before another, or the document's beginning, allows to begin or to stand there.
    fn allowed_after(&self, text: &[u8], at: usize) -> u8 {
        let before = at.checked_sub(1).and_then(|before| text.get(before)).copied();
        let breaks = before.is_none_or(|before| before < b' ' || before == b'"');
        let bits = |octet: Option<u8>, of: &[u32; 256]| {
            octet.and_then(|octet| of.get(usize::from(octet)).copied()).unwrap_or(0)
        };
        let anchored = bits(before, &self.before_anchor) & bits(text.get(at).copied(), &self.is_anchor) != 0;
        let unless = |is: bool, acts: u8| if is { u8::MAX } else { !acts };
        unless(breaks, LINES) & unless(anchored, ANCHOR)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::super::catalogue::Catalogue;
    use super::super::pattern::PATTERN_OCTETS_MAX;
    use super::*;

    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::built_in().unwrap());

    /// What patterns begin with, and what looks like it.
    const PIECES: [&str; 30] = [
        "12",
        "12:34:56:78:90:12",
        "12:34::56",
        ":",
        "34",
        ":56",
        ".",
        "-",
        " ",
        "\"",
        "+49 30 1234567",
        "1234567890123",
        "a0:b1:c2:d3:e4:f5",
        "2001:db8::1",
        "\"resourceType\": \"Patient\"",
        "sip:1234567",
        "tel:",
        "a@b.example",
        "AB123456",
        "x",
        "INFO",
        "rs123\t1\t5\tAG\n",
        "DAQ123",
        "\n",
        "@\n",
        "##fileformat=VCFv4.2",
        "eyJhbGciOiJI",
        "200 5th Ave",
        "0.",
        "\u{ff}",
    ];

    proptest! {
        /// Wherever an automaton finds a match, the gate lets it through.
        #[test]
        fn nothing_that_matches_is_kept_back(pieces in proptest::collection::vec(0..PIECES.len(), 1..24)) {
            let text: String = pieces.iter().filter_map(|piece| PIECES.get(*piece).copied()).collect();
            let text = text.as_bytes();
            let catalogue = &*CATALOGUE;
            let classes = Classes::of(text, &catalogue.gate.classes);
            let mut passed = Vec::new();
            catalogue.gate.pass((text, &classes), (0, text.len()), true, &mut passed);
            let acts = |at: usize| passed.iter().find(|(place, ..)| *place as usize == at).map_or(0, |(_, acts, _)| *acts);
            let matches = |matcher: &Matcher, at: usize| {
                let (mut ends, mut weak) = (Vec::new(), Vec::new());
                matcher.walk(text, (at, 0), true, &mut ends, &mut weak);
                !ends.is_empty() || !weak.is_empty()
            };
            for at in 0..text.len() {
                let before = at.checked_sub(1).map(|before| text[before]);
                let begins = !before.is_some_and(is_word);
                let small = text.get(at + 1).is_some_and(|next| is_folded_word(text[at], *next));
                let mut expected = 0;
                let mut expect = |is: bool, act: u8| expected |= if is { act } else { 0 };
                expect(begins && !small && matches(&catalogue.words, at), WORDS);
                expect(begins && matches(&catalogue.starting, at), STARTING);
                expect(matches(&catalogue.free, at), FREE_ONES);
                let breaks = before.is_none_or(|before| before < b' ' || before == b'"');
                expect(breaks && matches(&catalogue.lines, at), LINES);
                let from = at.saturating_sub(PATTERN_OCTETS_MAX);
                let stands = |a: &Anchor| a.octet == text[at] && a.around(text, from, at).is_some();
                expect(catalogue.anchors.iter().any(stands), ANCHOR);
                expect(matches!(text[at], b':' | b'='), KEY);
                prop_assert_eq!(acts(at) & expected, expected, "at {} of {:?}", at, String::from_utf8_lossy(text));
            }
        }
    }
}
