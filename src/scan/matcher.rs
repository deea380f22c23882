//! Many patterns as one automaton that is only ever started where a match may begin.
//!
//! The usual way, an unanchored search for all patterns at once, makes an automaton whose states multiply: bounded
//! repeats that may begin anywhere overlap with themselves, and text made for it drops a lazy DFA to a few megabytes
//! a second. Here the scanner's gate finds the octets where some pattern can begin (a word that starts with two
//! octets some pattern starts with: [`Matcher::begins_with_pair`]) and walks the [table](Table) from there.

use regex_syntax::hir::Hir;

use super::lists::Brief;
use super::pattern::{PATTERN_OCTETS_MAX, digits_only, parse, widened};
use super::table::{STATES_MAX, Table};

/// Ends kept of one walk, the last ones.
const ENDS_MAX: usize = 64;

/// Patterns compiled together.
pub(super) struct Matcher {
    table: Table,
    /// By the number of a state among those that a match ends in.
    endings: Vec<Ending>,
    /// The signatures that end there.
    signatures: Vec<u16>,
    all_word_end: bool,
    /// The states after runs of digits, by their length.
    runs: [u16; RUN_DIGITS_MAX + 1],
    /// The same patterns as they were written, as far as they match digits alone, but for those of signatures that are
    /// nothing without context.
    numbers: Table,
    /// The signatures that end in a state of that, as in `endings`.
    numbered: Vec<Box<[u16]>>,
}

/// One pattern of those that are compiled together.
pub(super) struct Part<'a> {
    pub(super) signature: u16,
    pub(super) pattern: &'a str,
    /// Whether its end must be the end of a word.
    pub(super) word_end: bool,
    /// If its signature is nothing without context: what speaks for it.
    pub(super) weak: Option<Brief>,
}

/// Digits of the longest run that [`Matcher::begins_with_run`] tells apart.
pub(super) const RUN_DIGITS_MAX: usize = 31;

/// What ends in a state, by where in [`Matcher::signatures`].
struct Ending {
    /// Those that end anywhere begin here.
    from: usize,
    /// They end here, and those of whole words begin.
    anywhere: usize,
    /// These end here, and those that are nothing without context begin: whole words too.
    words: usize,
    /// These end here.
    weak: usize,
    /// What speaks for one of the latter.
    needs: Brief,
}

/// Whether an octet belongs to a word, for edges.
pub(super) const fn is_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'_'
}

impl Matcher {
    /// Compiles patterns of signatures.
    pub(super) fn new(parts: &[Part<'_>]) -> Result<Self, String> {
        let wide: Result<Vec<_>, _> = parts.iter().map(|part| parse(part.pattern).map(|hir| widened(hir).0)).collect();
        let table = Table::new(&wide?, false, STATES_MAX).map_err(|e| format!("all patterns together: {e}"))?;
        let mut runs = [table.start(); RUN_DIGITS_MAX + 1];
        let mut state = table.start();
        for run in runs.iter_mut().skip(1) {
            // All digits are alike to the widened patterns.
            state = table.step(state, b'0');
            *run = state;
        }
        let mut signatures = Vec::new();
        let mut endings = Vec::new();
        for patterns in table.endings() {
            let mut put = |wanted: &dyn Fn(&Part<'_>) -> bool| {
                let ending = patterns.iter().filter_map(|pattern| parts.get(usize::from(*pattern)));
                signatures.extend(ending.filter(|part| wanted(part)).map(|part| part.signature));
                signatures.len()
            };
            let from = put(&|_| false);
            let anywhere = put(&|part| part.weak.is_none() && !part.word_end);
            let words = put(&|part| part.weak.is_none() && part.word_end);
            let weak = put(&|part| part.weak.is_some());
            let mut needs = Brief::default();
            let ending = patterns.iter().filter_map(|pattern| parts.get(usize::from(*pattern)));
            ending.filter_map(|part| part.weak).for_each(|brief| needs.extend(brief));
            endings.push(Ending { from, anywhere, words, weak, needs });
        }
        let number = |part: &Part<'_>| match part.weak {
            Some(_) => Ok(Hir::fail()),
            None => parse(part.pattern).map(digits_only),
        };
        let all_word_end = parts.iter().all(|part| part.word_end);
        let exact: Vec<Hir> = parts.iter().filter(|_| all_word_end).map(number).collect::<Result<_, _>>()?;
        let numbers = Table::new(&exact, false, STATES_MAX).map_err(|e| format!("all numbers together: {e}"))?;
        let signatures_of = |patterns: &[u16]| {
            let parts = patterns.iter().filter_map(|pattern| parts.get(usize::from(*pattern)));
            parts.map(|part| part.signature).collect()
        };
        let numbered = numbers.endings().iter().map(|patterns| signatures_of(patterns)).collect();
        Ok(Self { table, endings, signatures, all_word_end, runs, numbers, numbered })
    }

    /// The signatures, nothing without context, that end in a state; and what speaks for one of them.
    pub(super) fn weak(&self, state: u16) -> (&[u16], Brief) {
        let ending = self.table.ending(state).and_then(|ending| self.endings.get(ending));
        ending.map_or((&[], Brief::default()), |ending| {
            (self.signatures.get(ending.words..ending.weak).unwrap_or_default(), ending.needs)
        })
    }

    /// Whether a match may begin with this octet.
    pub(super) fn begins_with(&self, octet: u8) -> bool {
        self.table.step(self.table.start(), octet) != Table::DEAD
    }

    /// Whether a match may begin with these two octets, the first in the upper half, or be the first.
    pub(super) fn begins_with_pair(&self, pair: u16) -> bool {
        let [first, second] = pair.to_be_bytes();
        self.goes_on(self.table.step(self.table.start(), first), second)
    }

    /// Whether a match may begin with a run of `1..=RUN_DIGITS_MAX` digits and the octet after it, or be that run.
    pub(super) fn begins_with_run(&self, digits: usize, next: u8) -> bool {
        self.runs.get(digits).is_none_or(|state| self.goes_on(*state, next))
    }

    /// Whether a match may begin with a text, in which all digits are alike, and an octet after it; or be its beginning.
    pub(super) fn begins_with_text(&self, text: &[u8], next: u8) -> bool {
        let mut state = self.table.start();
        for octet in text {
            let going = self.table.step(state, *octet);
            if going == Table::DEAD || self.table.accepts(state) {
                return self.goes_on(state, *octet);
            }
            state = going;
        }
        self.goes_on(state, next)
    }

    /// Whether a match ends in a state before an octet, or goes on with it.
    fn goes_on(&self, state: u16, next: u8) -> bool {
        self.table.step(state, next) != Table::DEAD
            || self.table.accepts(state) && !(self.all_word_end && is_word(next))
    }

    /// Appends `(signature, end)` for every end of every match that begins at `from`, where a run of so many digits
    /// begins, in order of ends. Matches whose end is wrong by `word_end` are left out. For those that are nothing without
    /// context `(state, end)` is appended to `weak`: see [`Matcher::weak`]. What ends with the run is appended only if its
    /// pattern as it was written matches, unless `wide`.
    #[inline]
    pub(super) fn walk(
        &self,
        text: &[u8],
        (from, digits): (usize, usize),
        wide: bool,
        ends: &mut Vec<(u16, usize)>,
        weak: &mut Vec<(u16, usize)>,
    ) {
        let (mut state, mut from) = (self.table.start(), from);
        if self.all_word_end && digits > 0 {
            // No match ends before another digit.
            let digits = digits.min(RUN_DIGITS_MAX);
            state = self.runs.get(digits).copied().unwrap_or(Table::DEAD);
            let number = text.get(from..from + digits).unwrap_or_default();
            from += digits;
            if self.table.accepts(state) && !text.get(from).copied().is_some_and(is_word) {
                if wide {
                    self.collect(state, (from, false), ends, weak);
                } else {
                    self.collect_number(state, (number, from), ends, weak);
                }
            }
        }
        let mut rest = text.get(from..).unwrap_or_default().iter();
        while let Some(octet) = rest.next() {
            let Some(next) = self.table.next(state, *octet) else { return };
            state = next;
            if self.table.stops(state) {
                if state == Table::DEAD {
                    return;
                }
                let rest = rest.as_slice();
                let word_follows = rest.first().copied().is_some_and(is_word);
                if !(self.all_word_end && word_follows) {
                    self.collect(state, (text.len() - rest.len(), word_follows), ends, weak);
                }
            }
        }
    }

    /// Appends what a number ends, of which the table of widened patterns is in `state`.
    fn collect_number(
        &self,
        state: u16,
        (number, end): (&[u8], usize),
        ends: &mut Vec<(u16, usize)>,
        weak: &mut Vec<(u16, usize)>,
    ) {
        let Some(ending) = self.table.ending(state).and_then(|ending| self.endings.get(ending)) else { return };
        if ending.words < ending.weak {
            weak.push((state, end));
        }
        if ending.from < ending.words {
            let last = self.numbers.walk(number);
            let numbered = self.numbers.ending(last).and_then(|ending| self.numbered.get(ending));
            ends.extend(numbered.into_iter().flatten().map(|signature| (*signature, end)));
        }
    }

    #[inline(never)]
    fn collect(
        &self,
        state: u16,
        (end, word_follows): (usize, bool),
        ends: &mut Vec<(u16, usize)>,
        weak: &mut Vec<(u16, usize)>,
    ) {
        let Some(ending) = self.table.ending(state).and_then(|ending| self.endings.get(ending)) else { return };
        if ending.words < ending.weak && !word_follows {
            weak.push((state, end));
        }
        let until = if word_follows { ending.anywhere } else { ending.words };
        for signature in self.signatures.get(ending.from..until).unwrap_or_default() {
            if ends.len() == ENDS_MAX {
                // The longest matter most.
                ends.remove(0);
            }
            ends.push((*signature, end));
        }
    }
}

/// One pattern that is matched outward from an octet in it.
pub(super) struct Anchor {
    /// The octet.
    pub(super) octet: u8,
    /// Its signature.
    pub(super) signature: u16,
    before: Table,
    after: Table,
}

impl Anchor {
    pub(super) fn new(signature: u16, pattern: &str, octet: u8) -> Result<Self, String> {
        let (before, after) = pattern.split_once(char::from(octet)).ok_or("the anchor is not in the pattern")?;
        let before = Table::new(&[parse(before)?], true, STATES_MAX)?;
        Ok(Self { octet, signature, before, after: Table::new(&[parse(after)?], false, STATES_MAX)? })
    }

    /// Whether the anchor may stand after an octet.
    pub(super) fn may_follow(&self, octet: u8) -> bool {
        self.before.may_begin(octet)
    }

    /// Whether it may stand before an octet.
    pub(super) fn may_precede(&self, octet: u8) -> bool {
        self.after.may_begin(octet)
    }

    /// The longest match around the octet at `at` that does not begin before `from`.
    pub(super) fn around(&self, text: &[u8], from: usize, at: usize) -> Option<(usize, usize)> {
        // Most such octets stand beside what is refused at once.
        if !self.may_follow(*text.get(at.checked_sub(1)?)?) || !self.may_precede(*text.get(at + 1)?) {
            return None;
        }
        let start = self.before.longest(text.get(from..at)?.iter().rev(), PATTERN_OCTETS_MAX)?;
        let end = self.after.longest(text.get(at + 1..)?.iter(), PATTERN_OCTETS_MAX)?;
        Some((at - start, at + 1 + end))
    }
}
