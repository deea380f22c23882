//! Jurisdictions as two-letter codes, and sets of them.

use std::fmt;
use std::str::FromStr;

/// An ISO 3166-1 alpha-2 code, `ZZ` where unknown, or the special value `local` for destinations that are no place
/// (monitored networks, multicast, broadcast and other special-purpose ranges).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Unknown: never read as permission.
    pub const UNKNOWN: Self = Self(*b"ZZ");
    /// No country: local and special-purpose addresses. Printed as `local`.
    pub const LOCAL: Self = Self(*b"--");

    /// From two ASCII letters in either case. Does not check that the code is assigned.
    pub const fn new(a: u8, b: u8) -> Option<Self> {
        if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() {
            Some(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
        } else {
            None
        }
    }

    /// `ZZ` for unknown, `local` for no country, else the code.
    pub fn as_str(&self) -> &str {
        if *self == Self::LOCAL {
            return "local";
        }
        // Both octets are ASCII by construction.
        std::str::from_utf8(&self.0).unwrap_or("ZZ")
    }

    /// Whether a place is known.
    pub fn is_known(self) -> bool {
        self != Self::UNKNOWN && self != Self::LOCAL
    }
}

impl Default for Country {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl FromStr for Country {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        match s.as_bytes() {
            b"local" => Ok(Self::LOCAL),
            &[a, b] => Self::new(a, b).ok_or(()),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Country {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// A set of two-letter codes, one bit each; `local` is in none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Countries([u64; WORDS]);

const LETTERS: usize = 26;
const WORDS: usize = (LETTERS * LETTERS).div_ceil(64);

/// Word and mask of a code's bit; `None` for `local`.
fn bit(country: Country) -> Option<(usize, u64)> {
    let [a, b] = country.0;
    if country == Country::LOCAL {
        return None;
    }
    let at = usize::from(a.wrapping_sub(b'A')) * LETTERS + usize::from(b.wrapping_sub(b'A'));
    Some((at / 64, 1 << (at % 64)))
}

impl Countries {
    /// Every assigned code.
    pub fn assigned() -> Self {
        let mut all = Self::default();
        ISO_3166_ALPHA_2
            .split_ascii_whitespace()
            .filter_map(|code| code.parse().ok())
            .for_each(|code| all.insert(code));
        all
    }

    /// Adds a code.
    pub fn insert(&mut self, country: Country) {
        if let Some((word, mask)) = bit(country)
            && let Some(word) = self.0.get_mut(word)
        {
            *word |= mask;
        }
    }

    /// Takes a code out.
    pub fn remove(&mut self, country: Country) {
        if let Some((word, mask)) = bit(country)
            && let Some(word) = self.0.get_mut(word)
        {
            *word &= !mask;
        }
    }

    /// Whether a code is a member.
    pub fn contains(&self, country: Country) -> bool {
        bit(country).is_some_and(|(word, mask)| self.0.get(word).is_some_and(|word| word & mask != 0))
    }

    /// Whether it has no member.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Members.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Adds all members of another set.
    pub fn extend(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
    }

    /// The set less the members of another.
    #[must_use]
    pub fn without(mut self, other: &Self) -> Self {
        for (word, less) in self.0.iter_mut().zip(other.0) {
            *word &= !less;
        }
        self
    }

    /// Every code but those, and but `ZZ`: of an unknown place nobody knows whether it is outside.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut unknown = Self::default();
        unknown.insert(Country::UNKNOWN);
        Self([u64::MAX; WORDS]).without(self).without(&unknown)
    }

    /// Whether two sets share a member.
    pub fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).any(|(a, b)| a & b != 0)
    }

    /// Whether all members are among those of another set.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(part, whole)| part & !whole == 0)
    }
}

/// Officially assigned ISO 3166-1 alpha-2 codes (ISO 3166/MA, 249 codes), sorted.
pub const ISO_3166_ALPHA_2: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO \
BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI \
FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE \
JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS \
MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA \
SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY \
UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Whether a code is officially assigned.
pub fn is_assigned(country: Country) -> bool {
    ISO_3166_ALPHA_2.split_ascii_whitespace().any(|code| code == country.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_local_have_names() {
        assert_eq!(Country::UNKNOWN.to_string(), "ZZ");
        assert_eq!(Country::LOCAL.to_string(), "local");
        assert_eq!("cn".parse(), Ok(Country::new(b'C', b'N').unwrap()));
        assert_eq!("C1".parse::<Country>(), Err(()));
    }

    #[test]
    fn the_list_has_249_codes() {
        assert_eq!(ISO_3166_ALPHA_2.split_ascii_whitespace().count(), 249);
        assert!(is_assigned("SG".parse().unwrap()) && !is_assigned(Country::UNKNOWN));
    }
}
