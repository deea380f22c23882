//! Many patterns as one automaton that is only ever started where a match may begin.
//!
//! The usual way, an unanchored search for all patterns at once, makes an automaton whose states multiply: bounded
//! repeats that may begin anywhere overlap with themselves, and text made for it drops a lazy DFA to a few megabytes
//! a second. Here the scanner's gate finds the octets where some pattern can begin (a word that starts with two
//! octets some pattern starts with: [`Matcher::begins_with_pair`]) and walks the automaton from there. Its states are
//! bounded by the patterns themselves, so a modest cache holds all that text can reach.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, HirKind, Literal};

/// Octets that one pattern may match (what `extend` adds is not counted).
pub(super) const PATTERN_OCTETS_MAX: usize = 192;

/// States that a pattern may have alone.
pub(super) const PATTERN_STATES_MAX: usize = 20_000;

/// Octets of the cache of states of one automaton.
const CACHE_OCTETS: usize = 16 << 20;

/// Ends kept of one walk, the last ones.
const ENDS_MAX: usize = 64;

/// Patterns compiled together.
pub(super) struct Matcher {
    dfa: DFA,
    /// By pattern.
    matched: Vec<Matched>,
    all_word_end: bool,
    /// Bit for each pair of octets that a match may begin with.
    pairs: Box<[u64]>,
    first: [bool; 256],
    /// By the length of a run of digits, and the octet after it: whether a match may begin with them.
    runs: Box<[[bool; 256]]>,
}

/// One pattern of those that are compiled together.
pub(super) struct Part<'a> {
    pub(super) signature: u16,
    pub(super) pattern: &'a str,
    /// Whether its end must be the end of a word.
    pub(super) word_end: bool,
    /// Whether its signature is nothing without context.
    pub(super) weak: bool,
}

/// Digits of the longest run that [`Matcher::begins_with_run`] tells apart.
pub(super) const RUN_DIGITS_MAX: usize = 31;

/// What is done at an end of a match of a pattern.
#[derive(Clone, Copy)]
struct Matched {
    signature: u16,
    /// Whether it must be the end of a word.
    word_end: bool,
    /// Whether its signature is nothing without context.
    weak: bool,
}

/// States are numbers already, and nobody outside chooses them.
#[derive(Default)]
struct StateHasher(u64);

impl Hasher for StateHasher {
    fn write(&mut self, octets: &[u8]) {
        octets.iter().for_each(|octet| self.write_u32(u32::from(*octet)));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A worker's states of a [`Matcher`].
pub(super) struct States {
    cache: Cache,
    start: Option<LazyStateID>,
    /// Patterns of the match states seen, as a range of `matched`: asking the automaton costs more.
    matches: HashMap<LazyStateID, (u32, u32), BuildHasherDefault<StateHasher>>,
    matched: Vec<Matched>,
    /// The states after runs of digits, by their length less one, as far as they were needed.
    runs: Vec<LazyStateID>,
    /// How often the cache was emptied when `start` and `runs` were found, and when `matches` were.
    start_clears: usize,
    clears: usize,
}

/// Whether an octet belongs to a word, for edges.
pub(super) const fn is_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'_'
}

pub(super) fn syntax_config() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

/// The pattern with every digit widened to any digit, and whether that changed it.
///
/// Patterns of numbers differ in which digits may stand where, and together make an automaton of a great many states,
/// most of them cold. Widened they share nearly all, and the few matches are looked at once more by
/// [`Exact`](super::exact::Exact).
pub(super) fn widened(hir: Hir) -> (Hir, bool) {
    let all = |parts: Vec<Hir>| {
        let (parts, changed): (Vec<Hir>, Vec<bool>) = parts.into_iter().map(widened).unzip();
        (parts, changed.contains(&true))
    };
    let digits = || ClassBytes::new([ClassBytesRange::new(b'0', b'9')]);
    match hir.into_kind() {
        HirKind::Literal(Literal(octets)) => {
            let changed = octets.iter().any(u8::is_ascii_digit);
            let octet = |b: &u8| match b.is_ascii_digit() {
                true => Hir::class(Class::Bytes(digits())),
                false => Hir::literal([*b]),
            };
            (Hir::concat(octets.iter().map(octet).collect()), changed)
        }
        HirKind::Class(Class::Bytes(class)) => {
            let mut common = class.clone();
            common.intersect(&digits());
            let mut wide = class.clone();
            if !common.ranges().is_empty() {
                wide.union(&digits());
            }
            let changed = wide != class;
            (Hir::class(Class::Bytes(wide)), changed)
        }
        HirKind::Repetition(mut repetition) => {
            let (sub, changed) = widened(*repetition.sub);
            repetition.sub = Box::new(sub);
            (Hir::repetition(repetition), changed)
        }
        HirKind::Capture(capture) => widened(*capture.sub),
        HirKind::Concat(parts) => {
            let (parts, changed) = all(parts);
            (Hir::concat(parts), changed)
        }
        HirKind::Alternation(parts) => {
            let (parts, changed) = all(parts);
            (Hir::alternation(parts), changed)
        }
        HirKind::Empty => (Hir::empty(), false),
        HirKind::Look(look) => (Hir::look(look), false),
        HirKind::Class(class) => (Hir::class(class), false),
    }
}

/// Compiles patterns.
fn compile(patterns: &[&str], reverse: bool) -> Result<DFA, String> {
    let parsed: Result<Vec<Hir>, _> =
        patterns.iter().map(|p| syntax::parse_with(p, &syntax_config()).map_err(Box::new)).collect();
    compile_hirs(&parsed.map_err(|e| message(&e))?, reverse)
}

pub(super) fn compile_hirs(patterns: &[Hir], reverse: bool) -> Result<DFA, String> {
    let nfa = thompson::Compiler::new()
        .configure(
            thompson::Config::new()
                .utf8(false)
                .which_captures(thompson::WhichCaptures::None)
                .reverse(reverse)
                .nfa_size_limit(Some(64 << 20)),
        )
        .build_many_from_hir(patterns)
        .map_err(|e| message(&e))?;
    DFA::builder()
        .configure(
            DFA::config()
                .match_kind(MatchKind::All)
                .cache_capacity(CACHE_OCTETS)
                .skip_cache_capacity_check(true)
                .minimum_cache_clear_count(None),
        )
        .build_from_nfa(nfa)
        .map_err(|e| message(&e))
}

/// An error and what caused it, in one line.
pub(super) fn message(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_string()
}

/// Refuses a pattern that could make scanning slow or wrong.
pub(super) fn lint(pattern: &str, anchored: bool) -> Result<(), String> {
    let hir = syntax::parse_with(pattern, &syntax_config()).map_err(|e| message(&e))?;
    let properties = hir.properties();
    if !properties.look_set().is_empty() {
        return Err("anchors and word boundaries are not for patterns: say where a match may begin with edge".into());
    }
    if properties.minimum_len().is_none_or(|n| n == 0) {
        return Err("the pattern matches nothing at all, or the empty text".into());
    }
    let octets_max = if anchored { 2 * PATTERN_OCTETS_MAX } else { PATTERN_OCTETS_MAX };
    if properties.maximum_len().is_none_or(|n| n > octets_max) {
        return Err(format!(
            "the pattern may match more than {octets_max} octets: bound its repeats, and let extend take the rest"
        ));
    }
    let dfa = compile(&[pattern], false)?;
    if reachable(&dfa, PATTERN_STATES_MAX) > PATTERN_STATES_MAX {
        return Err(format!("the pattern alone needs more than {PATTERN_STATES_MAX} states: simplify it"));
    }
    Ok(())
}

/// Counts the states that can be reached, up to a little more than `max`.
fn reachable(dfa: &DFA, max: usize) -> usize {
    let mut cache = dfa.create_cache();
    let Ok(start) = dfa.start_state(&mut cache, &start::Config::new().anchored(Anchored::Yes)) else {
        return usize::MAX;
    };
    let mut seen = hashbrown::HashSet::new();
    let mut todo = vec![start];
    seen.insert(start);
    while let Some(state) = todo.pop() {
        for octet in dfa.byte_classes().representatives(0..=255) {
            let Some(octet) = octet.as_u8() else { continue };
            let Ok(next) = dfa.next_state(&mut cache, state, octet) else {
                return usize::MAX;
            };
            if !next.is_dead() && seen.insert(next) {
                todo.push(next);
            }
        }
        if seen.len() > max || cache.clear_count() > 0 {
            return usize::MAX;
        }
    }
    seen.len()
}

/// A set of octets, written as a character class.
pub(super) fn class(text: &str) -> Result<Box<[bool; 256]>, String> {
    let hir = syntax::parse_with(text, &syntax_config()).map_err(|e| message(&e))?;
    let mut set = Box::new([false; 256]);
    match hir.kind() {
        HirKind::Class(Class::Bytes(class)) => {
            for range in class.ranges() {
                set.iter_mut()
                    .take(usize::from(range.end()) + 1)
                    .skip(usize::from(range.start()))
                    .for_each(|member| *member = true);
            }
            Ok(set)
        }
        _ => Err("extend is one class of octets, such as '[0-9]'".into()),
    }
}

impl Matcher {
    /// Compiles patterns of signatures.
    pub(super) fn new(parts: &[Part<'_>]) -> Result<Self, String> {
        let wide = |part: &Part<'_>| {
            syntax::parse_with(part.pattern, &syntax_config()).map(|hir| widened(hir).0).map_err(Box::new)
        };
        let wide: Result<Vec<Hir>, _> = parts.iter().map(wide).collect();
        let dfa = compile_hirs(&wide.map_err(|e| message(&e))?, false)?;
        let mut matcher = Self {
            matched: parts
                .iter()
                .map(|&Part { signature, word_end, weak, .. }| Matched { signature, word_end, weak })
                .collect(),
            all_word_end: parts.iter().all(|part| part.word_end),
            pairs: vec![0; 1024].into_boxed_slice(),
            first: [false; 256],
            runs: vec![[false; 256]; RUN_DIGITS_MAX + 1].into_boxed_slice(),
            dfa,
        };
        let mut states = matcher.states();
        let Some(start) = matcher.start(&mut states) else {
            return Err("no start state".into());
        };
        for first in 0..=255_u8 {
            let Ok(state) = matcher.dfa.next_state(&mut states.cache, start, first) else {
                continue;
            };
            if state.is_dead() {
                continue;
            }
            if let Some(slot) = matcher.first.get_mut(usize::from(first)) {
                *slot = true;
            }
            for second in 0..=255_u8 {
                let alive = matcher.dfa.next_state(&mut states.cache, state, second).is_ok_and(|s| !s.is_dead());
                let pair = usize::from(first) << 8 | usize::from(second);
                if let (true, Some(bits)) = (alive, matcher.pairs.get_mut(pair >> 6)) {
                    *bits |= 1 << (pair & 63);
                }
            }
        }
        // All digits are alike to the widened patterns.
        let mut state = start;
        for run in matcher.runs.iter_mut().skip(1) {
            let Ok(next) = matcher.dfa.next_state(&mut states.cache, state, b'0') else { continue };
            state = next;
            for (octet, slot) in (0..=255_u8).zip(run.iter_mut()) {
                // A match is known one octet after its end.
                let after = matcher.dfa.next_state(&mut states.cache, state, octet);
                *slot = after.is_ok_and(|s| !s.is_dead());
            }
        }
        Ok(matcher)
    }

    /// Whether a match may begin with a run of `1..=RUN_DIGITS_MAX` digits and the octet after it.
    pub(super) fn begins_with_run(&self, digits: usize, next: u8) -> bool {
        self.runs.get(digits).is_none_or(|run| run.get(usize::from(next)).copied().unwrap_or(true))
    }

    /// Fresh states.
    pub(super) fn states(&self) -> States {
        States {
            cache: self.dfa.create_cache(),
            start: None,
            matches: HashMap::default(),
            matched: Vec::new(),
            runs: Vec::new(),
            start_clears: 0,
            clears: 0,
        }
    }

    /// Whether a match may begin with this octet.
    pub(super) fn begins_with(&self, octet: u8) -> bool {
        self.first.get(usize::from(octet)).copied().unwrap_or(false)
    }

    /// Whether a match may begin with these two octets, the first in the upper half.
    pub(super) fn begins_with_pair(&self, pair: u16) -> bool {
        self.pairs.get(usize::from(pair >> 6)).is_some_and(|bits| bits >> (pair & 63) & 1 == 1)
    }

    fn start(&self, states: &mut States) -> Option<LazyStateID> {
        if states.start.is_none() || states.start_clears != states.cache.clear_count() {
            let config = start::Config::new().anchored(Anchored::Yes);
            states.start = self.dfa.start_state(&mut states.cache, &config).ok();
            states.start_clears = states.cache.clear_count();
            states.runs.clear();
        }
        states.start
    }

    /// The state after a run of so many digits.
    fn after_run(&self, states: &mut States, start: LazyStateID, digits: usize) -> Option<LazyStateID> {
        while states.runs.len() < digits {
            let last = states.runs.last().copied().unwrap_or(start);
            let clears = states.cache.clear_count();
            let next = if last.is_dead() { last } else { self.dfa.next_state(&mut states.cache, last, b'0').ok()? };
            if clears != states.cache.clear_count() {
                // States are others now: this walk goes octet by octet, the next begins anew.
                states.start = None;
                return None;
            }
            states.runs.push(next);
        }
        states.runs.get(digits.checked_sub(1)?).copied()
    }

    /// Appends `(signature, end)` for every end of every match that begins at `from`, where a run of so many digits
    /// begins, in order of ends: to `weak` if its signature is, else to `ends`. Matches whose end is wrong by `word_end`
    /// are left out. Returns whether it gave up: never with the caches as they are configured, unless memory for a
    /// single state is missing.
    #[inline]
    pub(super) fn walk(
        &self,
        states: &mut States,
        text: &[u8],
        (from, digits): (usize, usize),
        ends: &mut Vec<(u16, usize)>,
        weak: &mut Vec<(u16, usize)>,
    ) -> bool {
        let Some(mut state) = self.start(states) else {
            return true;
        };
        let mut from = from;
        if self.all_word_end && digits > 0 {
            // All digits are alike to the widened patterns, and no match ends before another digit.
            let digits = digits.min(RUN_DIGITS_MAX);
            if let Some(after) = self.after_run(states, state, digits) {
                if after.is_dead() {
                    return false;
                }
                (state, from) = (after, from + digits);
            } else {
                let Some(start) = self.start(states) else { return true };
                state = start;
            }
        }
        // A match is known one octet after its end.
        for (&octet, at) in text.get(from..).unwrap_or_default().iter().zip(from..) {
            state = match self.dfa.next_state(&mut states.cache, state, octet) {
                Ok(state) => state,
                Err(_) => return true,
            };
            if state.is_tagged() {
                if state.is_dead() || state.is_quit() {
                    return state.is_quit();
                }
                if state.is_match() && !(self.all_word_end && is_word(octet)) {
                    self.collect(states, state, (at, is_word(octet)), ends, weak);
                }
            }
        }
        match self.dfa.next_eoi_state(&mut states.cache, state) {
            Ok(state) => {
                if state.is_match() {
                    self.collect(states, state, (text.len().max(from), false), ends, weak);
                }
                false
            }
            Err(_) => true,
        }
    }

    fn collect(
        &self,
        states: &mut States,
        state: LazyStateID,
        (end, word_follows): (usize, bool),
        ends: &mut Vec<(u16, usize)>,
        weak: &mut Vec<(u16, usize)>,
    ) {
        if states.clears != states.cache.clear_count() {
            states.clears = states.cache.clear_count();
            states.matches.clear();
            states.matched.clear();
        }
        let known = states.matches.get(&state).copied();
        let (from, to) = known.unwrap_or_else(|| {
            let from = states.matched.len() as u32;
            let count = self.dfa.match_len(&states.cache, state);
            let patterns = (0..count).map(|i| self.dfa.match_pattern(&states.cache, state, i).as_usize());
            states.matched.extend(patterns.filter_map(|pattern| self.matched.get(pattern)));
            let range = (from, states.matched.len() as u32);
            states.matches.insert(state, range);
            range
        });
        for &matched in states.matched.get(from as usize..to as usize).unwrap_or_default() {
            if matched.word_end && word_follows {
                continue;
            }
            let ends = if matched.weak { &mut *weak } else { &mut *ends };
            if ends.len() == ENDS_MAX {
                // The longest matter most.
                ends.remove(0);
            }
            ends.push((matched.signature, end));
        }
    }
}

impl States {
    /// How often the cache was full and emptied.
    pub(super) fn clears(&self) -> u64 {
        self.cache.clear_count() as u64
    }
}

/// One pattern that is matched outward from an octet in it.
pub(super) struct Anchor {
    /// The octet.
    pub(super) octet: u8,
    /// Its signature.
    pub(super) signature: u16,
    before: DFA,
    after: DFA,
    /// Whether an octet may stand directly before or after the anchor.
    beside: Box<[(bool, bool); 256]>,
}

/// A worker's states of an [`Anchor`].
pub(super) struct AnchorStates {
    before: Cache,
    after: Cache,
}

impl Anchor {
    pub(super) fn new(signature: u16, pattern: &str, octet: u8) -> Result<Self, String> {
        let (before, after) = pattern.split_once(char::from(octet)).ok_or("the anchor is not in the pattern")?;
        let (before, after) = (compile(&[before], true)?, compile(&[after], false)?);
        let mut beside = Box::new([(false, false); 256]);
        for (octet, slot) in (0..=255_u8).zip(beside.iter_mut()) {
            *slot = (begins(&before, octet), begins(&after, octet));
        }
        Ok(Self { octet, signature, before, after, beside })
    }

    pub(super) fn states(&self) -> AnchorStates {
        AnchorStates { before: self.before.create_cache(), after: self.after.create_cache() }
    }

    /// The longest match around the octet at `at` that does not begin before `from`.
    pub(super) fn around(
        &self,
        states: &mut AnchorStates,
        text: &[u8],
        from: usize,
        at: usize,
    ) -> Option<(usize, usize)> {
        let beside = |i: usize| text.get(i).and_then(|b| self.beside.get(usize::from(*b)));
        if !(beside(at.checked_sub(1)?)?.0 && beside(at + 1)?.1) {
            return None;
        }
        let start = walk_longest(&self.before, &mut states.before, text.get(from..at)?.iter().rev())?;
        let end = walk_longest(&self.after, &mut states.after, text.get(at + 1..)?.iter())?;
        Some((at - start, at + 1 + end))
    }
}

impl AnchorStates {
    pub(super) fn clears(&self) -> u64 {
        (self.before.clear_count() + self.after.clear_count()) as u64
    }
}

/// Whether a match of a pattern may begin with an octet.
fn begins(dfa: &DFA, octet: u8) -> bool {
    let mut cache = dfa.create_cache();
    let start = dfa.start_state(&mut cache, &start::Config::new().anchored(Anchored::Yes));
    start.is_ok_and(|start| dfa.next_state(&mut cache, start, octet).is_ok_and(|s| !s.is_dead()))
}

/// Octets of the longest match from the first octet on.
fn walk_longest<'a>(dfa: &DFA, cache: &mut Cache, octets: impl Iterator<Item = &'a u8>) -> Option<usize> {
    let mut state = dfa.start_state(cache, &start::Config::new().anchored(Anchored::Yes)).ok()?;
    let mut longest = None;
    let mut count = 0;
    for &octet in octets {
        state = dfa.next_state(cache, state, octet).ok()?;
        // A match is known one octet after its end.
        if state.is_match() {
            longest = Some(count);
        }
        count += 1;
        if state.is_dead() || count > PATTERN_OCTETS_MAX {
            return longest;
        }
    }
    if dfa.next_eoi_state(cache, state).ok()?.is_match() { Some(count) } else { longest }
}
