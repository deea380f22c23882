//! Sets of jurisdictions: the built-in ones, those a file defines, and membership that knows of unknown places.

use std::collections::BTreeMap;

use crate::model::operator_file::{At, OperatorFile, country_code, nearest_hint, quote};
use crate::model::{Countries, Country};

/// Whether something holds, over all that the crossing may turn out to be. Ordered: `min` is "and", `max` is "or"
/// (Kleene).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holds {
    /// It does not, whatever is still unknown.
    No,
    /// It depends on what is unknown.
    Maybe,
    /// It does, whatever is still unknown.
    Yes,
}

impl From<bool> for Holds {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// Where a rule applies: the members of a set, or anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Places(Option<Countries>);

impl Places {
    /// Anywhere, known or not.
    pub(super) const ANYWHERE: Self = Self(None);

    /// Whether all of these places are among others.
    pub(super) fn is_within(&self, others: &Self) -> bool {
        match (&self.0, &others.0) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(all)) => own.is_within(all),
        }
    }

    /// Whether a place is one of them. An unknown place may be any that is `feasible`, and any at all if nothing is known of
    /// it, unless the set names `ZZ` itself.
    pub(super) fn hold(&self, country: Country, feasible: Option<&Countries>) -> Holds {
        match (&self.0, feasible) {
            (None, _) => Holds::Yes,
            (Some(set), _) if set.contains(country) => Holds::Yes,
            (Some(set), _) if country.is_known() || set.is_empty() => Holds::No,
            (Some(set), Some(feasible)) if !feasible.meets(set) => Holds::No,
            (Some(set), Some(feasible)) if feasible.is_within(set) => Holds::Yes,
            (Some(_), _) => Holds::Maybe,
        }
    }
}

/// A list such as `["CN", "@eea", "!FR"]`: what any positive item names (everything, if there is none), less what any
/// negated item names.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PlaceList {
    countries: Countries,
    sets: Countries,
    negated: Countries,
    has_positive: bool,
    has_negated: bool,
}

impl PlaceList {
    /// The list as places, with how precisely they are named: 3 by country, 2 by set, 1 by exclusion, 0 not at all. The
    /// first that holds a country is the one it was meant by.
    pub(super) fn by_precision(&self) -> Vec<(u8, Places)> {
        if !self.has_positive {
            let places = if self.has_negated { Places(Some(self.negated.complement())) } else { Places::ANYWHERE };
            return vec![(u8::from(self.has_negated), places)];
        }
        [(3, self.countries), (2, self.sets)]
            .into_iter()
            .filter(|(_, set)| !set.is_empty())
            .map(|(precision, set)| (precision, Places(Some(set.without(&self.negated)))))
            .collect()
    }

    /// The list as one set of places.
    pub(super) fn places(&self) -> Places {
        if !self.has_positive {
            return if self.has_negated { Places(Some(self.negated.complement())) } else { Places::ANYWHERE };
        }
        let mut all = self.countries;
        all.extend(&self.sets);
        Places(Some(all.without(&self.negated)))
    }

    /// Whether the list names the unknown place.
    pub(super) fn names_unknown(&self) -> bool {
        self.countries.contains(Country::UNKNOWN)
    }
}

/// Sets by name.
#[derive(Clone)]
pub(super) struct Sets(BTreeMap<String, Countries>);

impl Sets {
    /// The built-in sets, with `@home` where a home is given.
    pub(super) fn built_in(home: Option<Country>) -> Self {
        let file = OperatorFile::parse("built-in sets", include_str!("sets.toml"));
        let mut sets = Self(BTreeMap::new());
        if let Some(lists) = file.root().table("sets") {
            sets.define(&file, lists.lists());
        }
        debug_assert_eq!(file.into_problems(), []);
        if let Some(home) = home {
            let mut set = Countries::default();
            set.insert(home);
            sets.0.insert("home".to_owned(), set);
        }
        sets
    }

    /// Adds the sets of a file. They may name those that are known already and each other, upwards.
    pub(super) fn define(&mut self, file: &OperatorFile<'_>, lists: Vec<(At<String>, Vec<At<String>>)>) {
        for (name, items) in lists {
            if !super::file::is_id(&name.value) || name.value == "home" {
                file.problem(
                    name.line,
                    format!("set {} needs another name: small letters, digits and `-`", quote(&name.value)),
                );
            } else if self.0.contains_key(&name.value) {
                file.problem(name.line, format!("set {} is defined already", quote(&name.value)));
            } else {
                let list = self.place_list(file, &format!("set `{}`", name.value), &items);
                if list.has_negated {
                    file.problem(name.line, format!("set `{}` cannot exclude; rules can", name.value));
                }
                let mut set = list.countries;
                set.extend(&list.sets);
                self.0.insert(name.value, set);
            }
        }
    }

    /// Reads a list of codes, `@sets`, and either with `!` before it.
    pub(super) fn place_list(&self, file: &OperatorFile<'_>, place: &str, items: &[At<String>]) -> PlaceList {
        let mut list = PlaceList::default();
        for At { value, line } in items {
            let (negated, name) = match value.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, value.as_str()),
            };
            let mut set = Countries::default();
            if let Some(set_name) = name.strip_prefix('@') {
                match self.0.get(set_name) {
                    Some(known) => set = *known,
                    None => {
                        let message = format!("{place} names the unknown set {}", quote(name));
                        if set_name == "home" {
                            file.problem_with_hint(*line, message, "no home jurisdiction is given: --home CC");
                        } else {
                            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
                            file.problem_with_hint(*line, message, nearest_hint(set_name, &known));
                        }
                    }
                }
            } else if name.eq_ignore_ascii_case("ZZ") && !negated {
                set.insert(Country::UNKNOWN);
            } else if name == "local" {
                file.problem(*line, format!("{place} names `local`: what is local never leaves and needs no rule"));
            } else {
                match country_code(name) {
                    Ok(country) => set.insert(country),
                    Err(hint) if self.0.contains_key(name) => {
                        let _ = hint;
                        let message = format!("{place}: {} is no ISO 3166-1 code", quote(name));
                        file.problem_with_hint(*line, message, format!("did you mean the set `@{name}`?"));
                    }
                    Err(hint) => {
                        let message = format!("{place}: {} is no ISO 3166-1 code", quote(name));
                        file.problem_with_hint(*line, message, hint);
                    }
                }
            }
            if negated {
                list.has_negated = true;
                list.negated.extend(&set);
            } else {
                list.has_positive = true;
                if name.starts_with('@') { &mut list.sets } else { &mut list.countries }.extend(&set);
            }
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(items: &[&str]) -> Places {
        let file = OperatorFile::parse("f", "");
        let items: Vec<At<String>> = items.iter().map(|item| At { value: (*item).to_owned(), line: 1 }).collect();
        let list = Sets::built_in("US".parse().ok()).place_list(&file, "to", &items);
        assert_eq!(file.into_problems(), []);
        list.places()
    }

    fn hold(items: &[&str], country: &str) -> Holds {
        places(items).hold(country.parse().unwrap(), None)
    }

    #[test]
    fn the_built_in_sets_have_the_members_that_the_law_names() {
        for (set, members) in [("eu27", 27), ("eea", 30), ("gdpr-area", 37), ("us-countries-of-concern", 8)] {
            let set = Sets::built_in(None).0[set];
            assert_eq!(set.len(), members);
        }
    }

    #[test]
    fn what_may_still_be_decides_for_the_unknown() {
        let unknown = |items: &[&str], feasible: &[&str]| {
            let mut left = Countries::default();
            feasible.iter().for_each(|code| left.insert(code.parse().unwrap()));
            places(items).hold(Country::UNKNOWN, Some(&left))
        };
        assert_eq!(unknown(&["@us-countries-of-concern"], &["US", "CA"]), Holds::No);
        assert_eq!(unknown(&["!@us-countries-of-concern"], &["US", "CA"]), Holds::Yes);
        assert_eq!(unknown(&["CU", "KP"], &["US", "CU"]), Holds::Maybe);
        assert_eq!(unknown(&["ZZ"], &["US", "CU"]), Holds::Yes);
    }

    #[test]
    fn unknown_may_be_any_member_and_any_non_member() {
        assert_eq!(hold(&["@eea"], "DE"), Holds::Yes);
        assert_eq!(hold(&["@eea"], "US"), Holds::No);
        assert_eq!(hold(&["@eea"], "ZZ"), Holds::Maybe);
        assert_eq!(hold(&["!@eea"], "ZZ"), Holds::Maybe);
        assert_eq!(hold(&["!@eea"], "US"), Holds::Yes);
        assert_eq!(hold(&["!@eea"], "DE"), Holds::No);
        assert_eq!(hold(&["@eea", "!FR"], "FR"), Holds::No);
        assert_eq!(hold(&["@eea", "!FR"], "IS"), Holds::Yes);
        assert_eq!(hold(&["!@eea", "!@eu-adequate"], "GB"), Holds::No);
        assert_eq!(hold(&["ZZ"], "ZZ"), Holds::Yes);
        assert_eq!(hold(&["CN", "ZZ"], "ZZ"), Holds::Yes);
        assert_eq!(hold(&["@home"], "US"), Holds::Yes);
        assert_eq!(hold(&[], "ZZ"), Holds::Yes);
    }
}
