//! Patterns as they are written: read, checked, and widened for the tables.

use regex_automata::util::syntax;
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, HirKind, Literal};

use super::table::Table;

/// Octets that one pattern may match (what `extend` adds is not counted).
pub(super) const PATTERN_OCTETS_MAX: usize = 192;

/// States that a pattern may have alone.
pub(super) const PATTERN_STATES_MAX: usize = 20_000;

/// Reads a pattern: a regular expression on octets.
pub(super) fn parse(pattern: &str) -> Result<Hir, String> {
    syntax::parse_with(pattern, &syntax::Config::new().unicode(false).utf8(false)).map_err(|e| message(&e))
}

/// The pattern with every digit widened to any digit, and whether that changed it.
///
/// Patterns of numbers differ in which digits may stand where, and together make an automaton of a great many states,
/// most of them cold. Widened they share nearly all, and the few matches are looked at once more with the
/// [exact] table.
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

/// The part of a pattern that matches digits alone.
pub(super) fn digits_only(hir: Hir) -> Hir {
    let digits = ClassBytes::new([ClassBytesRange::new(b'0', b'9')]);
    match hir.into_kind() {
        HirKind::Literal(Literal(octets)) if !octets.iter().all(u8::is_ascii_digit) => Hir::fail(),
        HirKind::Literal(Literal(octets)) => Hir::literal(octets),
        HirKind::Class(Class::Bytes(mut class)) => {
            class.intersect(&digits);
            Hir::class(Class::Bytes(class))
        }
        HirKind::Repetition(mut repetition) => {
            repetition.sub = Box::new(digits_only(*repetition.sub));
            Hir::repetition(repetition)
        }
        HirKind::Capture(capture) => digits_only(*capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(digits_only).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.into_iter().map(digits_only).collect()),
        HirKind::Empty => Hir::empty(),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Class(class) => Hir::class(class),
    }
}

/// The table of a pattern alone, if widening changes it.
pub(super) fn exact(pattern: &str) -> Result<Option<Table>, String> {
    let hir = parse(pattern)?;
    match widened(hir.clone()) {
        (_, true) => Table::new(&[hir], false, PATTERN_STATES_MAX).map(Some),
        (_, false) => Ok(None),
    }
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
    let hir = parse(pattern)?;
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
    Table::new(&[hir], false, PATTERN_STATES_MAX).map(drop)
}

/// A set of octets, written as a character class.
pub(super) fn class(text: &str) -> Result<Box<[bool; 256]>, String> {
    let hir = parse(text)?;
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
