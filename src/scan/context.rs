//! Context: what the words around a value, and its field, say for and against a signature.

use std::ops::Range;

use super::catalogue::{Catalogue, Compiled, KEY_OCTETS_MAX};
use super::classes::Classes;
use super::document::{DocumentScan, Field};
use super::lists::{Brief, Lists};
use super::named::{key_before, last_name, names_another, names_something};
use super::scanner::{Place, Scanner, Scratch};
use super::signature::Signature;
use super::sql;
use super::words::{Hit, Recent, Sought};

/// Octets between a value and a context word.
const CONTEXT_OCTETS: usize = 40;

/// Octets past what is asked for in which words are looked for too, and the same where values follow each other.
const COVER_OCTETS: usize = 160;
const COVER_ON_OCTETS: usize = 448;

/// Octets between a label and its value.
const LABEL_OCTETS: usize = 24;

/// Words that may stand between a label and its value.
pub(super) const FILLERS: [&str; 28] = [
    "no", "nr", "num", "number", "is", "id", "value", "code", "and", "the", "address", "amp", "es", "est", "ist",
    "lautet", "\u{e9}", "\u{e8}", "to", "jest", "my", "n\u{ba}", "n\u{b0}", "quot", "list", "text", "field", "input",
];

/// Score for a label.
pub(super) const LABEL: i16 = 60;
/// Score for a context word.
const CONTEXT: i16 = 30;
/// Score for a word that speaks against, on signatures that are not certain by themselves.
const AGAINST: i16 = -30;
const CERTAIN: i16 = 70;
/// Score for a key that names something else, on the same.
const FOREIGN: i16 = -10;

/// What stands around a position.
#[derive(Default)]
pub(super) struct Around {
    pub(super) known: bool,
    /// Lists with a word near; lists with a word directly before.
    pub(super) near: Lists,
    labels: Lists,
    /// The value is the whole of a field, or of what a key names, and the name is of something that no list knows.
    foreign: bool,
}

impl Scanner {
    /// What the surroundings say: a score, and whether a word speaks against the value.
    pub(super) fn context(
        &mut self,
        document: &DocumentScan,
        catalogue: &Catalogue,
        (signature, compiled): (&Signature, &Compiled),
        place: Place,
        field: Option<&Field>,
    ) -> (i16, bool) {
        if !self.scratch.around.known {
            self.look_around(document, catalogue, place, field);
        }
        let around = &self.scratch.around;
        let label = compiled
            .labels
            .is_some_and(|l| around.labels.contains(l) || field.is_some_and(|f| f.last_lists.contains(l)));
        if label {
            return (LABEL, false);
        }
        let uncertain = i16::from(signature.score) < CERTAIN;
        let names = |lists: &Lists| around.labels.meet(lists) || field.is_some_and(|f| f.last_lists.meet(lists));
        if uncertain && names(&catalogue.negative) {
            // A `booking code` next to a bank is a booking's.
            return (AGAINST, true);
        }
        let near = |lists: &Lists| around.near.meet(lists) || field.is_some_and(|f| f.lists.meet(lists));
        let score = if near(&compiled.context) { CONTEXT } else { 0 };
        let denied = uncertain && near(&catalogue.negative);
        let foreign = uncertain && around.foreign;
        (score + if denied { AGAINST } else { 0 } + if foreign { FOREIGN } else { 0 }, denied || foreign)
    }

    /// Whether a word near `start`, or the field there, may speak for a signature that is nothing without context and
    /// matches there. Says yes too often rather than too seldom. Positions come in rising order.
    pub(super) fn speaks_for_weak(&mut self, document: &DocumentScan, catalogue: &Catalogue, start: usize) -> bool {
        let end = self.scratch.weak_ends.last().map_or(start, |(_, end)| *end);
        if self.probe.is_some() {
            return true;
        }
        // Most numbers have no such word near them at all.
        let near = self.is_near_needed(document, catalogue, (start, end));
        let field = document.field(document.base + start as u64);
        if !near && field.is_none() {
            return false;
        }
        let mut needs = Brief::default();
        self.scratch.weak_ends.iter().for_each(|(state, _)| needs.extend(catalogue.words.weak(*state).1));
        field.is_some_and(|f| f.brief.may_meet(needs)) || near && self.needed_meets(catalogue, end, needs)
    }

    /// The same of one value and what speaks for it, if a column's name cannot.
    pub(super) fn may_need(&mut self, document: &DocumentScan, catalogue: &Catalogue, place: Place, of: Brief) -> bool {
        document.field(document.base + place.start as u64).is_some_and(|f| f.brief.may_meet(of))
            || self.is_near_needed(document, catalogue, (place.start, place.end))
                && self.needed_meets(catalogue, place.end, of)
            || sql::column(&document.text, place.start).is_some()
    }

    /// Whether a word near a value is needed by some signature. Moves on to the words near it.
    #[inline]
    fn is_near_needed(&mut self, document: &DocumentScan, catalogue: &Catalogue, (start, end): (usize, usize)) -> bool {
        let last = end + CONTEXT_OCTETS;
        let Scratch { needed, needed_next, classes, .. } = &mut self.scratch;
        let from = start.saturating_sub(CONTEXT_OCTETS + KEY_OCTETS_MAX);
        needed.cover(Sought::Needed, catalogue, (&document.text, classes), (from, last));
        while needed.hits.get(*needed_next).is_some_and(|hit| hit.end + CONTEXT_OCTETS < start) {
            *needed_next += 1;
        }
        needed.hits.get(*needed_next).is_some_and(|hit| hit.start <= last)
    }

    /// Whether one of those words may be what a signature needs.
    fn needed_meets(&self, catalogue: &Catalogue, end: usize, needs: Brief) -> bool {
        let Scratch { needed, needed_next, .. } = &self.scratch;
        let near = needed.hits.get(*needed_next..).unwrap_or_default().iter();
        let mut near = near.take_while(|hit| hit.start <= end + CONTEXT_OCTETS);
        near.any(|hit| catalogue.lexicon.lists(*hit).is_some_and(|lists| lists.brief().may_meet(needs)))
    }

    /// Finds the lists whose words stand near a value.
    #[inline(never)]
    pub(super) fn look_around(
        &mut self,
        document: &DocumentScan,
        catalogue: &Catalogue,
        place: Place,
        field: Option<&Field>,
    ) {
        let text = &document.text;
        let from = place.start.saturating_sub(CONTEXT_OCTETS + KEY_OCTETS_MAX);
        let to = (place.end + CONTEXT_OCTETS).min(text.len());
        let Scratch { known, classes, .. } = &mut self.scratch;
        known.cover(Sought::All, catalogue, (text, classes), (from, to));
        let around = &mut self.scratch.around;
        around.known = true;
        around.near = Lists::default();
        around.labels = Lists::default();
        let own = field.is_some();
        let column = if own { None } else { sql::column(text, place.start) };
        let key = if own || column.is_some() { None } else { key_before(text, place.start, place.end) };
        let mut known = field.is_some_and(|f| f.lists.holds_beside(&catalogue.negative));
        let first = self.scratch.known.hits.partition_point(|h| h.end + CONTEXT_OCTETS < place.start);
        for &hit in self.scratch.known.hits.get(first..).unwrap_or_default() {
            if hit.start > place.end + CONTEXT_OCTETS {
                break;
            }
            let overlaps = |range: &Range<usize>| hit.start < range.end && hit.end > range.start;
            let speaks = if own {
                document.speaks(hit, document.field(document.base + place.start as u64))
            } else {
                let in_key = key.as_ref().is_some_and(overlaps);
                let of_another = key.is_some() && !in_key && names_another(text, hit.end);
                !of_another && !column.as_ref().is_some_and(|(all, _)| overlaps(all))
            };
            if !speaks || overlaps(&(place.start..place.end)) {
                continue;
            }
            let between = if hit.end <= place.start { hit.end..place.start } else { place.end..hit.start };
            if is_parted(text.get(between).unwrap_or_default()) {
                continue;
            }
            let Some(lists) = catalogue.lexicon.lists(hit) else { continue };
            around.near.extend(lists);
            known |= key.as_ref().is_some_and(overlaps) && lists.holds_beside(&catalogue.negative);
            if hit.end <= place.start
                && hit.end + LABEL_OCTETS >= place.start
                && is_filler(text.get(hit.end..place.start).unwrap_or_default())
            {
                around.labels.extend(lists);
            }
        }
        let Scratch { around, column_hits, classes, .. } = &mut self.scratch;
        if let Some((_, name)) = &column {
            column_hits.clear();
            let (recent, range) = (&mut Recent::default(), (name.start, name.end));
            catalogue.lexicon.find(Sought::All, (text, classes), range, recent, column_hits);
            for hit in column_hits.iter() {
                let Some(lists) = catalogue.lexicon.lists(*hit) else { continue };
                around.near.extend(lists);
                known |= lists.holds_beside(&catalogue.negative);
                if is_filler(text.get(hit.end..name.end).unwrap_or_default()) {
                    around.labels.extend(lists);
                }
            }
        }
        let named = |name: Range<usize>| names_something(text.get(name).unwrap_or_default());
        around.foreign = !known
            && match field {
                Some(field) => document.is_whole(place.start, place.end) && names_something(last_name(&field.path)),
                None => column.map(|(_, name)| name).or(key).is_some_and(named),
            };
    }
}

/// Context words of a text, as far as they were asked for.
#[derive(Default)]
pub(super) struct Known {
    /// In order of their ends.
    hits: Vec<Hit>,
    /// Up to where they are known.
    covered: usize,
    /// The last words before that.
    recent: Recent,
}

impl Known {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.hits.clear();
        self.covered = 0;
    }

    /// Makes sure that the words of `text[from..to]` are known.
    #[inline]
    fn cover(&mut self, sought: Sought, catalogue: &Catalogue, text: (&[u8], &Classes), range: (usize, usize)) {
        if range.1 > self.covered {
            self.uncover(sought, catalogue, text, range);
        }
    }

    #[inline(never)]
    fn uncover(
        &mut self,
        sought: Sought,
        catalogue: &Catalogue,
        (text, classes): (&[u8], &Classes),
        (from, to): (usize, usize),
    ) {
        let octet = |i: usize| text.get(i).copied().unwrap_or(0);
        let part_of_word = |i: usize| octet(i).is_ascii_alphabetic() || octet(i) >= 0x80;
        let covered = self.covered;
        let mut begin = from.max(covered);
        let ahead = if begin == covered { COVER_ON_OCTETS } else { COVER_OCTETS };
        if begin > covered || covered == 0 {
            // Back to where a word begins.
            let least = begin.saturating_sub(CONTEXT_OCTETS);
            while begin > least && part_of_word(begin - 1) {
                begin -= 1;
            }
            self.recent = Recent::default();
        } else if octet(covered - 1) >= 0x80 && octet(covered) >= 0x80 {
            // Text without spaces was cut: its words go over the cut.
            begin = covered.saturating_sub(CONTEXT_OCTETS);
        }
        // Some words more than asked for, and no word cut.
        let mut until = (to + ahead).min(text.len());
        let most = until + CONTEXT_OCTETS;
        while until < most && part_of_word(until) {
            until += 1;
        }
        let old = self.hits.len();
        catalogue.lexicon.find(sought, (text, classes), (begin, until), &mut self.recent, &mut self.hits);
        if begin < covered {
            let mut at = 0;
            self.hits.retain(|hit| {
                at += 1;
                at <= old || hit.end > covered
            });
        }
        if let Some(new) = self.hits.get_mut(old..) {
            new.sort_by_key(|hit| (hit.end, hit.start));
        }
        self.covered = until;
    }
}

/// Whether the text between a label and a value holds nothing but punctuation, markup, the digits of a key (`phone2`) and
/// words that say nothing.
pub(super) fn is_filler(between: &[u8]) -> bool {
    // What closes after a quote closes more than the label: `"sin"):[`.
    let closes = |w: &[u8]| matches!(w, [b'"' | b'\'', b')' | b']' | b'}']);
    if between.windows(2).any(closes) {
        return false;
    }
    without_tags(between)
        .flat_map(|text| text.split(|b| !b.is_ascii_alphanumeric() && *b < 0x80))
        .filter(|word| !(word.is_empty() || word.len() <= 2 && word.iter().all(u8::is_ascii_digit)))
        .all(|word| FILLERS.iter().any(|f| f.as_bytes().eq_ignore_ascii_case(word)))
}

/// The parts of a text between its tags: `<td class="x">`, `</b>`. What compares numbers (`a<b;c>d`) is no tag.
fn without_tags(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let tag = memchr::memchr_iter(b'<', text).find_map(|open| {
            let inside = text.get(open + 1..).unwrap_or_default();
            let close = inside.iter().position(|b| matches!(b, b'<' | b'>' | b';' | b'(' | b'{' | b'|' | b'&'));
            let named = inside.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'/');
            close.filter(|c| named && inside.get(*c) == Some(&b'>')).map(|c| (open, open + 1 + c + 1))
        });
        let (end, next) = tag.unwrap_or((text.len(), text.len()));
        rest = tag.and_then(|_| text.get(next..));
        text.get(..end)
    })
}

/// Whether a blank line stands in a text, or one record ends there and another begins (`},{`, `);` and a line's end): what is
/// on either side of that says nothing about the other.
fn is_parted(text: &[u8]) -> bool {
    memchr::memchr3_iter(b'\n', b'}', b')', text).any(|at| {
        let rest = text.get(at + 1..).unwrap_or_default();
        match text.get(at) {
            Some(b'\n') => matches!(rest, [b'\n', ..] | [b'\r', b'\n', ..]),
            Some(b'}') => {
                let next = rest.iter().find(|b| !matches!(b, b',' | b' ' | b'\r' | b'\n'));
                next == Some(&b'{')
            }
            _ => matches!(rest, [b';', b'\r' | b'\n', ..]),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fillers_say_nothing() {
        for (text, filler) in [
            (": ", true),
            (" No. ", true),
            ("</td><td class=\"number\">", true),
            ("10\":\"", true),
            ("<<1;return e>", false),
            ("\"):[", false),
            (" is not ", false),
            (" 2026 ", false),
            (" \u{e9} ", true),
        ] {
            assert_eq!(is_filler(text.as_bytes()), filler, "{text}");
        }
    }

    #[test]
    fn blank_lines_and_ends_of_records_part() {
        for (text, parts) in [
            ("a\nb", false),
            ("a\n\nb", true),
            ("a\r\n\r\nb", true),
            ("", false),
            ("\n", false),
            ("1\"},{\"card", true),
            ("1\"}\n{\"card", true),
            ("1\"},\"card", false),
            ("1');\nINSERT", true),
            ("(1); a", false),
        ] {
            assert_eq!(is_parted(text.as_bytes()), parts, "{text:?}");
        }
    }
}
