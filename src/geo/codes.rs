//! Which two letters name a place.

use crate::model::{Country, ISO_3166_ALPHA_2};

const LETTERS: usize = 26;

static PLACES: [bool; LETTERS * LETTERS] = {
    let mut places = [false; LETTERS * LETTERS];
    let codes = ISO_3166_ALPHA_2.as_bytes();
    let mut at = 0;
    while at + 1 < codes.len() {
        places[index(codes[at], codes[at + 1])] = true;
        at += 3;
    }
    // Kosovo: user-assigned, but what databases, banks and the European Union write.
    places[index(b'X', b'K')] = true;
    places
};

const fn index(a: u8, b: u8) -> usize {
    (a - b'A') as usize * LETTERS + (b - b'A') as usize
}

/// Whether a code names a country or territory: assigned in ISO 3166-1, or `XK`. Databases also hold continents (`EU`,
/// `AP`), satellites and proxies (`A1`, `A2`) and `ZZ`, which say nothing.
pub(super) fn is_place(country: Country) -> bool {
    match *country.as_str().as_bytes() {
        [a @ b'A'..=b'Z', b @ b'A'..=b'Z'] => PLACES.get(index(a, b)).is_some_and(|&place| place),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::is_assigned;

    #[test]
    fn places_are_the_assigned_codes_and_kosovo() {
        let mut places = 0;
        for a in b'A'..=b'Z' {
            for b in b'A'..=b'Z' {
                let country = Country::new(a, b).unwrap();
                places += usize::from(is_place(country));
                assert_eq!(is_place(country), is_assigned(country) || country.as_str() == "XK", "{country}");
            }
        }
        assert_eq!(places, 250);
        assert!(!is_place(Country::LOCAL) && !is_place(Country::UNKNOWN));
    }
}
