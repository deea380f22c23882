//! Validators: what a pattern cannot say. Each is a pure function from a candidate to [`Check`], named in the
//! signature files and kept with its family. Sources stand at each family; "reference" is the project's signature
//! reference.

mod aamva;
mod account;
mod americas;
mod asia;
mod biometric;
mod checksum;
mod contact;
mod dates;
mod europe;
mod health;
mod image;
mod licence;
mod money;
mod mrz;
mod network;
mod us;

pub(super) use aamva::elements;
pub(super) use image::image_end;

use super::matcher::is_word;

/// Octets to either side of a value in which others of its shape are looked for.
const PEER_OCTETS: usize = 256;

/// A candidate and the text around it.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    text: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a> Value<'a> {
    /// The candidate `text[start..end]`; positions past the text give an empty candidate.
    pub(super) fn new(text: &'a [u8], start: usize, end: usize) -> Self {
        Self { text, start, end }
    }

    /// The octets that the pattern accepted.
    pub(super) fn octets(&self) -> &'a [u8] {
        self.text.get(self.start..self.end).unwrap_or_default()
    }

    /// The candidate and all that follows it.
    pub(super) fn onward(&self) -> &'a [u8] {
        self.text.get(self.start..).unwrap_or_default()
    }

    /// All that stands before it.
    pub(super) fn before(&self) -> &'a [u8] {
        self.text.get(..self.start).unwrap_or_default()
    }

    /// All that follows it.
    pub(super) fn after(&self) -> &'a [u8] {
        self.text.get(self.end..).unwrap_or_default()
    }

    /// Whether values of the same shape stand near it of which most are not `what` this one is: a column of other numbers, some
    /// of which have the right check digit by chance.
    fn is_odd_one_out(&self, what: impl Fn(&[u8]) -> bool) -> bool {
        let own = self.octets();
        if own.is_empty() || !own.iter().all(u8::is_ascii_alphanumeric) {
            return false;
        }
        let before = self.before();
        let before = before.get(before.len().saturating_sub(PEER_OCTETS)..).unwrap_or_default();
        let after = self.after();
        let after = after.get(..after.len().min(PEER_OCTETS)).unwrap_or_default();
        let words = [before, after].into_iter().flat_map(|text| text.split(|b| !is_word(*b)));
        let alike = |word: &&[u8]| {
            word.len() == own.len() && word.iter().zip(own).all(|(a, b)| a.is_ascii_digit() == b.is_ascii_digit())
        };
        let (peers, others): (Vec<&[u8]>, Vec<&[u8]>) = words.filter(alike).partition(|word| what(word));
        others.len() >= 2 && others.len() > peers.len()
    }

    /// Its decimal digits, everything else dropped.
    fn digits(&self) -> Digits {
        let mut digits = Digits { values: [0; Digits::MAX], length: 0 };
        for &octet in self.octets() {
            if octet.is_ascii_digit()
                && let Some(slot) = digits.values.get_mut(digits.length)
            {
                *slot = octet - b'0';
                digits.length += 1;
            }
        }
        digits
    }

    /// Its ASCII letters (as upper case) and digits, everything else dropped.
    fn alphanumeric(&self) -> Vec<u8> {
        self.octets().iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase).collect()
    }
}

/// Up to 40 decimal digits, as numbers. Reads past the end are 0, so that arithmetic on hostile input cannot fail;
/// validators check lengths first.
struct Digits {
    values: [u8; Digits::MAX],
    length: usize,
}

impl Digits {
    const MAX: usize = 40;

    fn as_slice(&self) -> &[u8] {
        self.values.get(..self.length).unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.length
    }

    fn at(&self, index: usize) -> u32 {
        self.as_slice().get(index).map_or(0, |&d| u32::from(d))
    }

    /// The digits `from..to` as a number; saturates past 19 digits.
    fn number(&self, from: usize, to: usize) -> u64 {
        let part = self.as_slice().get(from..to).unwrap_or_default();
        part.iter().fold(0_u64, |n, &d| n.saturating_mul(10).saturating_add(u64::from(d)))
    }

    fn small(&self, from: usize, to: usize) -> u32 {
        self.number(from, to).try_into().unwrap_or(u32::MAX)
    }

    /// The sum of the digits, each times its weight.
    fn weighted(&self, weights: &[i32]) -> i32 {
        self.as_slice().iter().zip(weights).map(|(&d, &w)| i32::from(d) * w).sum()
    }

    fn all_equal(&self) -> bool {
        self.as_slice().windows(2).all(|w| w.first() == w.last())
    }
}

/// What a validator says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Not this signature, whatever stands around it.
    Refuse,
    /// Possible.
    Accept {
        /// Added to the signature's score: how much more, or less, than the shape this value says.
        bonus: i8,
        /// From a range reserved for tests and fiction.
        test: bool,
    },
}

impl Check {
    /// Accepted as the signature's score says.
    const PASS: Self = Self::Accept { bonus: 0, test: false };

    fn when(good: bool) -> Self {
        if good { Self::PASS } else { Self::Refuse }
    }

    /// Accepted with a bonus.
    fn bonus(bonus: i8) -> Self {
        Self::Accept { bonus, test: false }
    }

    /// Adds to the bonus of an accepted value, if `when`.
    fn raise(self, when: bool, by: i8) -> Self {
        match self {
            Self::Accept { bonus, test } if when => Self::Accept { bonus: bonus.saturating_add(by), test },
            other => other,
        }
    }

    /// Marks an accepted value as one for tests, if `test`.
    fn test_when(self, test: bool) -> Self {
        match self {
            Self::Accept { bonus, test: before } => Self::Accept { bonus, test: before || test },
            Self::Refuse => Self::Refuse,
        }
    }
}

/// A named check.
pub(super) type Validator = fn(Value<'_>) -> Check;

/// Every family's validators, by name.
const FAMILIES: &[&[(&str, Validator)]] = &[
    aamva::VALIDATORS,
    account::VALIDATORS,
    americas::VALIDATORS,
    asia::VALIDATORS,
    biometric::VALIDATORS,
    checksum::VALIDATORS,
    contact::VALIDATORS,
    dates::VALIDATORS,
    europe::VALIDATORS,
    health::VALIDATORS,
    image::VALIDATORS,
    licence::VALIDATORS,
    money::VALIDATORS,
    mrz::VALIDATORS,
    network::VALIDATORS,
    us::VALIDATORS,
];

/// The validator of a name.
pub(super) fn validator(name: &str) -> Option<Validator> {
    FAMILIES.iter().flat_map(|f| f.iter()).find(|(n, _)| *n == name).map(|(_, v)| *v)
}

/// The most that a validator adds to a signature's score, for those that add something.
const BONUSES: &[(&str, i8)] = &[
    ("aamva-element", 70),
    ("aamva-header", 5),
    ("aamva-header-escaped", 5),
    ("card-pan", 25),
    ("cn-mobile", 20),
    ("exif-gps", 70),
    ("face-vector", 10),
    ("fastq", 20),
    ("feature-vector", 10),
    ("heif", 50),
    ("hk-id", 20),
    ("hl7v2", 30),
    ("iban", 10),
    ("icd10", 10),
    ("imei", 20),
    ("in-pan", 10),
    ("jpeg", 40),
    ("jwt", 10),
    ("phone-nanp", 25),
    ("png", 25),
    ("se-personnummer", 15),
    ("us-dl-encoded", 70),
    ("us-dl-number", 20),
    ("us-passport", 15),
];

/// The most that the validator of a name adds to a signature's score.
pub(super) fn bonus_max(name: &str) -> i8 {
    BONUSES.iter().find(|(n, _)| *n == name).map_or(0, |(_, bonus)| *bonus)
}

/// All names, sorted.
pub(super) fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = FAMILIES.iter().flat_map(|f| f.iter()).map(|(n, _)| *n).collect();
    names.sort_unstable();
    names
}
