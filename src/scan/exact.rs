//! Patterns as they were written, where the automata know them [widened]: what those accept is looked at once more.

use hashbrown::HashMap;
use regex_automata::Anchored;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::util::alphabet::Unit;
use regex_automata::util::{start, syntax};

use super::matcher::{PATTERN_STATES_MAX, compile_hirs, message, syntax_config, widened};

/// One pattern: all its states, as a table.
pub(super) struct Exact {
    /// The column of each octet.
    columns: Box<[u8; 256]>,
    width: usize,
    /// A row for each state, the first of them for none, the second for the start.
    rows: Vec<u16>,
    /// Whether a match may end in a state.
    accepting: Vec<bool>,
}

impl Exact {
    /// The pattern, if widening changes it.
    pub(super) fn new(pattern: &str) -> Result<Option<Self>, String> {
        let hir = syntax::parse_with(pattern, &syntax_config()).map_err(|e| message(&e))?;
        match widened(hir.clone()) {
            (_, true) => Self::table(&compile_hirs(&[hir], false)?).map(Some),
            (_, false) => Ok(None),
        }
    }

    fn table(dfa: &DFA) -> Result<Self, String> {
        let too_large = || format!("the pattern alone needs more than {PATTERN_STATES_MAX} states: simplify it");
        let mut cache = dfa.create_cache();
        let start = dfa.start_state(&mut cache, &start::Config::new().anchored(Anchored::Yes));
        let classes = dfa.byte_classes();
        let mut columns = Box::new([0; 256]);
        (0..=255_u8).zip(columns.iter_mut()).for_each(|(octet, column)| *column = classes.get(octet));
        let octets: Vec<u8> = classes.representatives(0..=255).filter_map(Unit::as_u8).collect();
        let width = octets.len();
        let mut table = Self { columns, width, rows: vec![0; 2 * width], accepting: vec![false; 2] };
        let mut states = vec![start.map_err(|e| message(&e))?];
        let mut numbers: HashMap<LazyStateID, u16> = states.iter().map(|start| (*start, 1)).collect();
        let mut done = 0;
        while let Some(&state) = states.get(done) {
            done += 1;
            let accepts = dfa.next_eoi_state(&mut cache, state).is_ok_and(|s| s.is_match());
            if let Some(slot) = table.accepting.get_mut(done) {
                *slot = accepts;
            }
            for (octet, column) in octets.iter().zip(0..) {
                let next = dfa.next_state(&mut cache, state, *octet).map_err(|e| message(&e))?;
                if next.is_dead() {
                    continue;
                }
                let fresh = states.len() as u16 + 1;
                let number = *numbers.entry(next).or_insert(fresh);
                if number == fresh {
                    states.push(next);
                    table.rows.resize(table.rows.len() + width, 0);
                    table.accepting.push(false);
                }
                if let Some(slot) = table.rows.get_mut(done * width + column) {
                    *slot = number;
                }
            }
            if states.len() > PATTERN_STATES_MAX || cache.clear_count() > 0 {
                return Err(too_large());
            }
        }
        Ok(table)
    }

    /// Whether all of a text matches.
    #[inline]
    pub(super) fn accepts(&self, text: &[u8]) -> bool {
        let mut state = 1;
        for octet in text {
            let column = self.columns.get(usize::from(*octet)).copied().unwrap_or(0);
            state = self.rows.get(state * self.width + usize::from(column)).copied().map_or(0, usize::from);
            if state == 0 {
                return false;
            }
        }
        self.accepting.get(state).copied().unwrap_or(false)
    }
}
