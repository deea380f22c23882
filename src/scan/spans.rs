//! Where words begin and end in a text: letters, as far as the case does not change.

use super::classes::{Classes, digits};

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

/// Where words begin and end in a group of 64 octets, a bit for each octet.
pub(super) struct Words {
    /// ASCII letters that begin a word: after what is no letter, or where the case changes.
    pub(super) begins: u64,
    /// Octets that no ASCII word goes on with.
    pub(super) ends: u64,
    /// Octets beyond ASCII after what is none.
    pub(super) wide: u64,
    /// Single letters beside a digit: those of hexadecimal numbers. They belong to no phrase.
    pub(super) single: u64,
}

impl Words {
    #[inline]
    pub(super) fn of(classes: &Classes, group: usize) -> Self {
        let (this, last) = (classes.group(group), classes.group(group.wrapping_sub(1)));
        let [word, .., small, letter, capital] = *this;
        let [last_word, .., last_small, last_letter, last_capital] = *last;
        let [.., next_small, _, _] = *classes.group(group + 1);
        let (ascii, wide) = (small | capital, letter & !word);
        let (small_before, capital_before) = (small << 1 | last_small >> 63, capital << 1 | last_capital >> 63);
        let wide_before = wide << 1 | (last_letter & !last_word) >> 63;
        let letter_before = small_before | capital_before | wide_before;
        let digits = digits(this);
        let after = next_small << 63;
        // The last capital of several begins the next word.
        let changes = capital & (small_before | capital_before & (small >> 1 | after));
        let begins = ascii & !letter_before | changes;
        let ends = !ascii | begins;
        let single = begins & ends >> 1 & (digits << 1 | digits >> 1);
        Self { begins, ends, wide: wide & !wide_before, single }
    }

    /// Where a word ends that goes on beyond a group.
    #[inline(never)]
    pub(super) fn end_after(classes: &Classes, group: usize) -> usize {
        let mut next = group + 1;
        let mut ends = Self::of(classes, next).ends;
        while ends == 0 {
            next += 1;
            ends = Self::of(classes, next).ends;
        }
        next * 64 + ends.trailing_zeros() as usize
    }
}

/// Where the ASCII word begins that runs into the letter beyond ASCII at `at`.
#[inline(never)]
pub(super) fn ascii_begin(text: &[u8], at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    let letters = before.iter().rev().take_while(|octet| octet.is_ascii_alphabetic()).count();
    let mut begin = at - letters;
    // The last word of several that the case tells apart.
    while begin < at {
        let end = word_end(text, begin, at);
        if end >= at {
            break;
        }
        begin = end;
    }
    begin
}

/// The end of a run of ASCII letters and octets beyond ASCII.
pub(super) fn run_end(text: &[u8], start: usize, to: usize) -> usize {
    let mut at = start;
    while at < to && text.get(at).is_some_and(|b| b.is_ascii_alphabetic() || *b >= 0x80) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::classes::plain;
    use super::*;

    #[test]
    fn words_begin_and_end_where_letters_and_cases_change() {
        let text = "Information INFO INFOx HTTPServer A Ab ABc AbC ABC1 Ab1 user_id XMLHttpRequest camelCaseWord x1y2";
        for shift in 0..70 {
            let text = [&b" ".repeat(shift), text.as_bytes()].concat();
            let mut table = [0; 256];
            (0..=255).zip(table.iter_mut()).for_each(|(octet, slot)| *slot = plain(octet));
            let classes = Classes::of(&text, &table);
            let mut expected = Vec::new();
            let mut at = 0;
            while at < text.len() {
                match text[at].is_ascii_alphabetic() {
                    true => {
                        expected.push((at, word_end(&text, at, text.len())));
                        at = expected[expected.len() - 1].1;
                    }
                    false => at += 1,
                }
            }
            let begins = |at: &usize| Words::of(&classes, at / 64).begins >> (at % 64) & 1 == 1;
            let end = |at: usize| {
                let ends = Words::of(&classes, at / 64).ends & (u64::MAX - 1) << (at % 64);
                if ends == 0 {
                    Words::end_after(&classes, at / 64)
                } else {
                    at / 64 * 64 + ends.trailing_zeros() as usize
                }
            };
            let found: Vec<_> = (0..text.len()).filter(begins).map(|at| (at, end(at))).collect();
            assert_eq!(found, expected, "{shift}");
        }
    }
}
