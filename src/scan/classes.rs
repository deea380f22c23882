//! Classes of octets as bits: 64 octets of a text are 64 bits of a word for each class. Each octet is looked at once;
//! whoever wants the next word, or the end of a run of digits, counts zeros.

use super::transposed::transposed;

/// Octets of words.
pub(super) const WORD: usize = 0;
/// Octets that a pattern may begin with where a word begins.
pub(super) const START: usize = 1;
/// Octets that the gate looks at wherever they stand.
pub(super) const ANYWHERE: usize = 2;
/// Octets that it looks at wherever one of the next class stands behind them.
pub(super) const FREE: usize = 3;
/// Octets that may stand behind one of the last class where a pattern begins.
pub(super) const AFTER_FREE: usize = 4;
/// Small ASCII letters.
pub(super) const SMALL: usize = 5;
/// ASCII letters, octets beyond ASCII, and `_`: octets of words that are none of these are digits.
pub(super) const LETTER: usize = 6;
/// Capital ASCII letters.
pub(super) const CAPITAL: usize = 7;

pub(super) const CLASSES: usize = 8;

/// The classes of each octet, a bit for each.
pub(super) type Table = [u8; 256];

/// The classes that do not depend on patterns.
pub(super) fn plain(octet: u8) -> u8 {
    let bit = |is: bool, class: usize| u8::from(is) << class;
    bit(super::matcher::is_word(octet), WORD)
        | bit(octet.is_ascii_lowercase(), SMALL)
        | bit(octet.is_ascii_alphabetic() || octet >= 0x80 || octet == b'_', LETTER)
        | bit(octet.is_ascii_uppercase(), CAPITAL)
}

/// The octets of a text by class.
#[derive(Default)]
pub(super) struct Classes {
    groups: Vec<[u64; CLASSES]>,
}

impl Classes {
    /// Classes of a short text.
    pub(super) fn of(text: &[u8], table: &Table) -> Self {
        let mut classes = Self::default();
        classes.fill(text, table);
        classes
    }

    /// Forgets what it knew, and sorts the octets of a text.
    pub(super) fn fill(&mut self, text: &[u8], table: &Table) {
        self.groups.clear();
        let (chunks, rest) = text.as_chunks::<64>();
        self.groups.extend(chunks.iter().map(|chunk| sorted(chunk, table)));
        if !rest.is_empty() {
            let mut chunk = [0; 64];
            chunk.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.groups.push(sorted(&chunk, table).map(|bits| bits & ((1 << rest.len()) - 1)));
        }
    }

    /// The bits of all classes of the octets from `64 * group` on.
    #[inline]
    pub(super) fn group(&self, group: usize) -> &[u64; CLASSES] {
        self.groups.get(group).unwrap_or(&[0; CLASSES])
    }

    /// The bits of a class of the octets from `64 * group` on.
    #[inline]
    pub(super) fn bits(&self, class: usize, group: usize) -> u64 {
        self.groups.get(group).and_then(|group| group.get(class)).copied().unwrap_or(0)
    }

    /// Where a run of digits ends that goes on at `at`.
    #[inline]
    pub(super) fn digits_end(&self, at: usize) -> usize {
        let mut group = at / 64;
        let mut others = !digits(self.group(group)) & (u64::MAX << (at % 64));
        while others == 0 {
            group += 1;
            others = !digits(self.group(group));
        }
        group * 64 + others.trailing_zeros() as usize
    }
}

/// The digits of a group.
#[inline]
pub(super) fn digits(group: &[u64; CLASSES]) -> u64 {
    let [word, _, _, _, _, _, letter, _] = group;
    word & !letter
}

#[inline]
fn sorted(chunk: &[u8; 64], table: &Table) -> [u64; CLASSES] {
    let mut classes = [0; 64];
    for (class, octet) in classes.iter_mut().zip(chunk) {
        *class = table.get(usize::from(*octet)).copied().unwrap_or(0);
    }
    transposed(&classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_each_octet() {
        let mut table = [0; 256];
        (0..=255_u8).zip(table.iter_mut()).for_each(|(octet, slot)| *slot = plain(octet) | (octet & 1) << ANYWHERE);
        let text: Vec<u8> = (0..1000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for length in [0, 1, 63, 64, 65, 1000] {
            let text = &text[..length];
            let classes = Classes::of(text, &table);
            for class in 0..CLASSES {
                let is = |at: usize| text.get(at).is_some_and(|o| table[usize::from(*o)] >> class & 1 == 1);
                for at in 0..length + 70 {
                    assert_eq!(classes.bits(class, at / 64) >> (at % 64) & 1 == 1, is(at), "{class} {at} of {length}");
                }
            }
            for at in 0..length + 70 {
                let is_digit = |at: &usize| text.get(*at).is_some_and(u8::is_ascii_digit);
                assert_eq!(classes.digits_end(at), (at..).find(|at| !is_digit(at)).unwrap(), "{at} of {length}");
            }
        }
    }
}
