//! Values that their key names: whole fields, and `key: value`, `key=value` in text.

use std::sync::Arc;

use super::catalogue::{Catalogue, FOLDED, KEY_OCTETS_MAX};
use super::context::LABEL;
use super::document::{DocumentScan, Field, same_field};
use super::gate;
use super::pattern::PATTERN_OCTETS_MAX;
use super::scanner::{Place, Scanner};
use super::table::Table;
use super::weigh::Said;

/// Octets of the number of a document.
const NUMBER_OCTETS_MAX: usize = 40;

/// Score for a label that may be prose ("Login: click here").
const LOOSE_LABEL: i16 = 35;

impl Scanner {
    /// Weighs the whole value of a field.
    pub(super) fn value(&mut self, document: &mut DocumentScan, start: usize, end: usize, field: &Field) {
        let catalogue = Arc::clone(&self.catalogue);
        let (start, end) = trimmed(&document.text, start, end);
        self.scratch.keyed.clone_from(&field.keyed);
        // The gate comes to it later.
        self.capitalise(document, start, end, false);
        self.walk_value(document, &catalogue, start, end, LABEL, false);
    }

    /// Looks for a key before a `:` or `=` and weighs the value after it.
    pub(super) fn key(&mut self, document: &mut DocumentScan, catalogue: &Catalogue, at: usize) {
        let text = &document.text;
        let octet = |i: usize| text.get(i).copied().unwrap_or(0);
        let mut end = at;
        for _ in 0..2 {
            end -= usize::from(end > 0 && octet(end - 1) == b' ');
        }
        let key_quoted = end > 0 && matches!(octet(end - 1), b'"' | b'\'');
        if key_quoted {
            end -= 1;
            end -= usize::from(end > 0 && octet(end - 1) == b'\\');
        }
        if end == 0 || !(octet(end - 1).is_ascii_alphanumeric() || octet(end - 1) >= 0x80 || octet(end - 1) == b']') {
            return;
        }
        if !catalogue.may_end_key(text.get(..end).unwrap_or_default()) {
            return;
        }
        let least = end.saturating_sub(KEY_OCTETS_MAX);
        let mut begin = end;
        while begin > least {
            let before = octet(begin - 1);
            if !(before.is_ascii_alphanumeric()
                || before >= 0x80
                || matches!(before, b'_' | b'-' | b'.' | b' ' | b'[' | b']'))
            {
                break;
            }
            begin -= 1;
        }
        self.scratch.keyed.clear();
        catalogue.keyed_by(text.get(begin..end).unwrap_or_default(), &mut self.scratch.keyed);
        if self.scratch.keyed.is_empty() {
            return;
        }
        let mut start = at + 1;
        let mut spaces = 0;
        while spaces < 3 && matches!(octet(start), b' ' | b'\t') {
            start += 1;
            spaces += 1;
        }
        start += usize::from(octet(start) == b'[');
        start += usize::from(octet(start) == b'\\' && octet(start + 1) == b'"');
        let quote = octet(start);
        let quoted = matches!(quote, b'"' | b'\'');
        start += usize::from(quoted);
        let field = document.field(document.base + start as u64);
        if field.is_some() && !same_field(document.field(document.base + begin as u64), field) {
            // The text is structured: its fields say what their values are. Within one value, a key is one.
            return;
        }
        let rest = text.get(start..).unwrap_or_default();
        let mut brackets = 0;
        let stop = rest.iter().take(PATTERN_OCTETS_MAX).position(|b| match quoted {
            true => *b == quote || *b == b'\\' || *b < b' ',
            false => {
                // A bracket that the value opened is its own.
                brackets += i32::from(*b == b'(') - i32::from(*b == b')');
                *b < b' '
                    || brackets < 0
                    || matches!(b, b',' | b';' | b'&' | b'|' | b']' | b'}' | b'<' | b'>' | b'"' | b'\'')
            }
        });
        let stop = start + stop.unwrap_or(rest.len().min(PATTERN_OCTETS_MAX));
        let (start, stop) = trimmed(text, start, stop);
        let sure = quoted || key_quoted || octet(at) == b'=' && spaces == 0;
        if self.capitalise(document, start, stop, !quoted) {
            let rest = document.text.get(start..stop).unwrap_or_default();
            let digits = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
            self.act(document, catalogue, (start, digits), gate::WORDS);
            self.scratch.keyed.clear();
        }
        self.walk_value(document, catalogue, start, stop, if sure { LABEL } else { LOOSE_LABEL }, !quoted);
    }

    /// Writes a value in capitals whose key says that it is the number of a document, or (`loose`) its first word; returns
    /// whether that changed it.
    fn capitalise(&self, document: &mut DocumentScan, start: usize, end: usize, loose: bool) -> bool {
        if !self.scratch.keyed.iter().all(|signature| *signature == FOLDED) {
            return false;
        }
        let Some(value) = document.text.get_mut(start..end) else { return false };
        let word = value.iter().position(|b| *b == b' ').filter(|_| loose).unwrap_or(value.len());
        for length in [value.len(), word] {
            let Some(value) = value.get_mut(..length).filter(|value| is_number(value)) else { continue };
            value.make_ascii_uppercase();
            return true;
        }
        false
    }

    /// Weighs the patterns of `scratch.keyed` on a value. It must match as a whole, or (`loose`) as far as a space.
    fn walk_value(
        &mut self,
        document: &mut DocumentScan,
        catalogue: &Catalogue,
        start: usize,
        end: usize,
        score: i16,
        loose: bool,
    ) {
        if start >= end {
            return;
        }
        let signatures = std::mem::take(&mut self.scratch.keyed);
        for &signature in &signatures {
            if let Some(end) = whole(&document.text, (start, end), catalogue, signature, loose) {
                let said = Said { key_score: Some(score), check: None };
                self.consider(document, catalogue, Place { signature, start, end }, said);
            }
        }
        self.scratch.keyed = signatures;
    }
}

/// Where the match of a keyed signature ends that is the whole value, or (`loose`) goes as far as a space.
fn whole(text: &[u8], value: (usize, usize), catalogue: &Catalogue, signature: u16, loose: bool) -> Option<usize> {
    let (start, end) = value;
    let (_, compiled) = catalogue.at(signature)?;
    let table = compiled.keyed.as_ref()?;
    // A value that goes on with its own octets is longer than the pattern.
    let goes_on = compiled.extend.is_some();
    let follows = |at: usize| text.get(at).filter(|_| at < end);
    let mut state = table.start();
    let mut longest = None;
    for at in start..=end {
        let ends = at == end || goes_on || loose && text.get(at).is_some_and(|b| matches!(b, b' ' | b'\t'));
        if ends && table.accepts(state) {
            longest = Some(at);
        }
        state = follows(at).map_or(Table::DEAD, |octet| table.step(state, *octet));
        if state == Table::DEAD {
            break;
        }
    }
    longest
}

/// Whether a value looks like the number of a document with small letters.
fn is_number(value: &[u8]) -> bool {
    value.len() <= NUMBER_OCTETS_MAX
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_lowercase)
        && value.iter().all(|b| b.is_ascii_alphanumeric() || b" -+./()".contains(b))
}

/// `start..end` without spaces at either side.
fn trimmed(text: &[u8], start: usize, end: usize) -> (usize, usize) {
    let value = text.get(start..end).unwrap_or_default();
    let left = value.len() - value.trim_ascii_start().len();
    (start + left, start + left + value.trim_ascii().len())
}
