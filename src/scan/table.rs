//! Patterns as one table: all states of their automaton are worked out when the catalogue is loaded.
//!
//! It is walked from where a match may begin, never over all octets: so it has few states, and a text cannot make more of
//! them. Nothing is shared between two walks, and nothing is computed while scanning.

use hashbrown::HashMap;
use regex_automata::nfa::thompson::{self, NFA, State};
use regex_automata::util::alphabet::{ByteClasses, Unit};
use regex_automata::util::primitives::StateID;
use regex_syntax::hir::Hir;

use super::pattern::message;

/// States that patterns may have together: states are numbers of 16 bits, and few lines of a row have them all.
pub(super) const STATES_MAX: usize = 65_000;

/// Entries of a row that stand in one line of the processor's cache.
const LINE: usize = 32;

/// An anchored automaton of some patterns that knows every match, not only the first or the longest.
pub(super) struct Table {
    /// The column of each octet.
    columns: Box<[u8; 256]>,
    /// For each state and column the next state. A state is the number of the [`LINE`] that its row begins with.
    rows: Box<[u16]>,
    /// Lines of a row.
    lines: u16,
    /// States from here on end a match.
    accepting: u16,
    /// By state from `accepting` on: the patterns.
    endings: Box<[Box<[u16]>]>,
    start: u16,
}

impl Table {
    /// The state that nothing follows.
    pub(super) const DEAD: u16 = 0;

    /// All states of some patterns, which are read backwards if `reverse`. An error if there are more than `states_max`.
    pub(super) fn new(patterns: &[Hir], reverse: bool, states_max: usize) -> Result<Self, String> {
        let config = thompson::Config::new()
            .utf8(false)
            .which_captures(thompson::WhichCaptures::None)
            .reverse(reverse)
            .nfa_size_limit(Some(64 << 20));
        let nfa = thompson::Compiler::new().configure(config).build_many_from_hir(patterns).map_err(|e| message(&e))?;
        let mut states = Subsets::new(&nfa);
        let states_max = states_max.min(STATES_MAX / Subsets::lines(states.octets.len()));
        let mut done = 0;
        while done < states.sets.len() {
            if states.sets.len() > states_max {
                return Err(format!("more than {states_max} states are needed: simplify it"));
            }
            states.follow(done);
            done += 1;
        }
        Ok(states.table())
    }

    /// The state before the first octet.
    pub(super) const fn start(&self) -> u16 {
        self.start
    }

    /// The state after an octet.
    #[inline]
    pub(super) fn step(&self, state: u16, octet: u8) -> u16 {
        let column = self.columns.get(usize::from(octet)).copied().unwrap_or(0);
        self.rows.get(usize::from(state) * LINE + usize::from(column)).copied().unwrap_or(Self::DEAD)
    }

    /// The same, none if nothing follows: where the next state is waited for, a branch is faster than a choice.
    #[inline]
    pub(super) fn next(&self, state: u16, octet: u8) -> Option<u16> {
        let column = self.columns.get(usize::from(octet))?;
        self.rows.get(usize::from(state) * LINE + usize::from(*column)).copied()
    }

    /// Whether a match ends in a state.
    #[inline]
    pub(super) fn accepts(&self, state: u16) -> bool {
        state >= self.accepting
    }

    /// Whether a state is one that a match ends in, or [`Self::DEAD`].
    #[inline]
    pub(super) fn stops(&self, state: u16) -> bool {
        state.wrapping_sub(1) >= self.accepting - 1
    }

    /// Whether a match may begin with an octet, or is empty.
    #[inline]
    pub(super) fn may_begin(&self, octet: u8) -> bool {
        self.accepts(self.start) || self.step(self.start, octet) != Self::DEAD
    }

    /// The number of a state among those that a match ends in.
    #[inline]
    pub(super) fn ending(&self, state: u16) -> Option<usize> {
        state.checked_sub(self.accepting).map(|after| usize::from(after / self.lines))
    }

    /// For each of those the patterns that match where it is reached.
    pub(super) fn endings(&self) -> &[Box<[u16]>] {
        &self.endings
    }

    /// The state after all of a text.
    #[inline]
    pub(super) fn walk(&self, text: &[u8]) -> u16 {
        let mut state = self.start;
        for octet in text {
            state = self.step(state, *octet);
            if state == Self::DEAD {
                break;
            }
        }
        state
    }

    /// Whether all of a text matches.
    #[inline]
    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        self.accepts(self.walk(text))
    }

    /// Octets of the longest match from the first octet on, of at most so many.
    pub(super) fn longest<'a>(&self, octets: impl Iterator<Item = &'a u8>, most: usize) -> Option<usize> {
        let mut state = self.start;
        let mut longest = self.accepts(state).then_some(0);
        for (octet, length) in octets.zip(1..=most) {
            state = self.step(state, *octet);
            if state == Self::DEAD {
                break;
            }
            if self.accepts(state) {
                longest = Some(length);
            }
        }
        longest
    }
}

/// States under construction: sets of states of the automaton that may be in several at once.
struct Subsets<'a> {
    nfa: &'a NFA,
    classes: &'a ByteClasses,
    /// One octet of each class.
    octets: Vec<u8>,
    /// The sets, sorted, those of `DEAD` and the start first.
    sets: Vec<Box<[StateID]>>,
    numbers: HashMap<Box<[StateID]>, u16>,
    /// Rows as far as they are known.
    rows: Vec<u16>,
    /// What is reached by each class from the set at hand.
    reached: Vec<Vec<StateID>>,
    /// States seen while a closure is built.
    seen: Vec<bool>,
}

impl<'a> Subsets<'a> {
    fn new(nfa: &'a NFA) -> Self {
        let classes = nfa.byte_classes();
        let octets: Vec<u8> = classes.representatives(0..=255).filter_map(Unit::as_u8).collect();
        let mut subsets = Self {
            nfa,
            classes,
            sets: Vec::new(),
            numbers: HashMap::new(),
            rows: Vec::new(),
            reached: vec![Vec::new(); octets.len()],
            seen: vec![false; nfa.states().len()],
            octets,
        };
        subsets.number(&[]);
        subsets.number(&[nfa.start_anchored()]);
        subsets
    }

    /// Lines of a row of so many entries: an odd number, since rows whose numbers of lines are powers of two would share few
    /// of the cache's places.
    fn lines(width: usize) -> usize {
        width.div_ceil(LINE) | 1
    }

    /// The number of the state for what is reached by octets that lead to these.
    fn number(&mut self, leads_to: &[StateID]) -> u16 {
        let mut set = Vec::new();
        let mut todo: Vec<StateID> = leads_to.to_vec();
        let mut touched = Vec::new();
        while let Some(id) = todo.pop() {
            match self.seen.get_mut(id.as_usize()) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            touched.push(id);
            match self.nfa.state(id) {
                State::ByteRange { .. } | State::Sparse(_) | State::Dense(_) | State::Match { .. } => set.push(id),
                State::Union { alternates } => todo.extend(alternates.iter()),
                State::BinaryUnion { alt1, alt2 } => todo.extend([alt1, alt2]),
                State::Capture { next, .. } => todo.push(*next),
                // Patterns look at nothing around them: `pattern::lint`.
                State::Look { .. } | State::Fail => {}
            }
        }
        for id in touched {
            if let Some(seen) = self.seen.get_mut(id.as_usize()) {
                *seen = false;
            }
        }
        set.sort_unstable();
        let set = set.into_boxed_slice();
        if let Some(number) = self.numbers.get(&set) {
            return *number;
        }
        let number = self.sets.len() as u16;
        self.numbers.insert(set.clone(), number);
        self.sets.push(set);
        number
    }

    /// Works out the row of a state: those before it have theirs.
    fn follow(&mut self, state: usize) {
        let set = self.sets.get(state).cloned().unwrap_or_default();
        for id in &set {
            match self.nfa.state(*id) {
                State::ByteRange { trans } => self.reach(trans.start, trans.end, trans.next),
                State::Sparse(several) => {
                    several.transitions.iter().for_each(|trans| self.reach(trans.start, trans.end, trans.next));
                }
                State::Dense(all) => {
                    (0..=255).zip(all.transitions.iter()).for_each(|(octet, next)| self.reach(octet, octet, *next));
                }
                _ => {}
            }
        }
        // Most octets of one kind lead to the same.
        let mut last = (Vec::new(), Table::DEAD);
        for column in 0..self.octets.len() {
            let leads_to = self.reached.get_mut(column).map(std::mem::take).unwrap_or_default();
            if leads_to != last.0 {
                let next = if leads_to.is_empty() { Table::DEAD } else { self.number(&leads_to) };
                last = (leads_to, next);
            }
            self.rows.push(last.1);
        }
    }

    fn reach(&mut self, from: u8, to: u8, next: StateID) {
        let columns = self.classes.get(from)..=self.classes.get(to);
        for column in columns {
            if let Some(reached) = self.reached.get_mut(usize::from(column)) {
                reached.push(next);
            }
        }
    }

    /// The table, its states sorted by whether they accept.
    fn table(&self) -> Table {
        let accepted = |set: &[StateID]| -> Vec<u16> {
            let pattern = |id: &StateID| match self.nfa.state(*id) {
                State::Match { pattern_id } => Some(pattern_id.as_usize() as u16),
                _ => None,
            };
            let mut patterns: Vec<u16> = set.iter().filter_map(pattern).collect();
            patterns.sort_unstable();
            patterns
        };
        let lists: Vec<Vec<u16>> = self.sets.iter().map(|set| accepted(set)).collect();
        let mut order: Vec<usize> = (0..self.sets.len()).collect();
        order.sort_by_key(|state| lists.get(*state).is_some_and(|list| !list.is_empty()));
        let width = self.octets.len();
        let lines = Self::lines(width);
        let mut place = vec![0_u16; order.len()];
        for (new, old) in order.iter().enumerate() {
            if let Some(slot) = place.get_mut(*old) {
                *slot = (new * lines) as u16;
            }
        }
        let mut rows = Vec::with_capacity(order.len() * lines * LINE);
        let mut endings = Vec::new();
        let mut accepting = (order.len() * lines) as u16;
        for (new, old) in order.iter().enumerate() {
            let row = self.rows.get(old * width..(old + 1) * width).unwrap_or_default();
            rows.extend(row.iter().map(|state| place.get(usize::from(*state)).copied().unwrap_or(0)));
            rows.resize((new + 1) * lines * LINE, Table::DEAD);
            let list = lists.get(*old).map(Vec::as_slice).unwrap_or_default();
            if !list.is_empty() {
                accepting = accepting.min((new * lines) as u16);
                endings.push(list.into());
            }
        }
        let mut columns = Box::new([0; 256]);
        (0..=255).zip(columns.iter_mut()).for_each(|(octet, column)| *column = self.classes.get(octet));
        Table {
            columns,
            rows: rows.into_boxed_slice(),
            lines: lines as u16,
            accepting,
            endings: endings.into_boxed_slice(),
            start: place.get(1).copied().unwrap_or(Table::DEAD),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::meta::Regex;
    use regex_automata::util::syntax;

    use super::super::pattern::parse;
    use super::*;

    const PATTERNS: [&str; 6] = [
        "[0-9]{3,5}",
        "(?i:ab?c){1,3}",
        "[0-9]{2}-[0-9]{2}",
        "a[^b]{0,4}b|ba+",
        "[\\x80-\\xff]{2}",
        "([ab]{2}-){1,2}[0-9]?",
    ];

    fn table(reverse: bool) -> Table {
        let hirs: Vec<Hir> = PATTERNS.iter().map(|p| parse(p).unwrap()).collect();
        Table::new(&hirs, reverse, STATES_MAX).unwrap()
    }

    proptest! {
        /// Each pattern matches each beginning of a text as another engine says, forwards and backwards.
        #[test]
        fn matches_are_those_of_the_regex_crate(text in proptest::collection::vec(
            prop_oneof![Just(b'a'), Just(b'b'), Just(b'B'), Just(b'c'), Just(b'-'), Just(b'1'), Just(0xff)], 0..12)) {
            let syntax = syntax::Config::new().unicode(false).utf8(false);
            let whole = |p: &str| Regex::builder().syntax(syntax)
                .configure(Regex::config().utf8_empty(false)).build(&format!("^(?:{p})$")).unwrap();
            let regexes = PATTERNS.map(whole);
            let (forwards, backwards) = (table(false), table(true));
            for length in 0..=text.len() {
                let part = &text[..length];
                let expected: Vec<u16> = (0..).zip(&regexes).filter(|(_, r)| r.is_match(part)).map(|(n, _)| n).collect();
                let state = part.iter().fold(forwards.start(), |state, octet| forwards.step(state, *octet));
                let patterns = |table: &Table, state| table.ending(state).map_or(Vec::new(), |e| table.endings()[e].to_vec());
                prop_assert_eq!(patterns(&forwards, state), expected.clone());
                prop_assert_eq!(forwards.is_match(part), !expected.is_empty());
                let state = part.iter().rev().fold(backwards.start(), |state, octet| backwards.step(state, *octet));
                prop_assert_eq!(patterns(&backwards, state), expected);
            }
            let longest = (1..=text.len()).rev().find(|n| regexes.iter().any(|r| r.is_match(&text[..*n])));
            prop_assert_eq!(forwards.longest(text.iter(), 99), longest);
        }
    }

    #[test]
    fn too_many_states_are_refused() {
        assert!(Table::new(&[parse("[ab]{1,9}x").unwrap()], false, 9).is_err());
        assert!(Table::new(&[parse("[ab]{1,9}x").unwrap()], false, 99).is_ok());
    }
}
