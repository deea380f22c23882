//! Weighing: a match becomes a candidate if its edges, its validator and its context say so.

use super::catalogue::{Catalogue, Compiled, REPORTED};
use super::document::{DocumentScan, same_field};
use super::matcher::is_word;
use super::scanner::{Place, Scanner};
use super::settle::Candidate;
use super::signature::Edge;
use super::validate::{Check, Value, elements, image_end};
use crate::model::DataClass;

/// Octets that `extend` may add.
const EXTENSION_OCTETS_MAX: usize = 1536;

/// Numbers of documents are written in capitals: what is not is less sure.
const SMALL: i16 = 20;

/// What is known of a match before it is weighed.
#[derive(Clone, Copy, Default)]
pub(super) struct Said {
    /// What its key says.
    pub(super) key_score: Option<i16>,
    /// What its validator says: its pattern as it was written matches then.
    pub(super) check: Option<Check>,
}

impl Compiled {
    /// What the validator says.
    #[inline]
    fn check(&self, text: &[u8], start: usize, end: usize) -> Check {
        self.validator
            .map_or(Check::Accept { bonus: 0, test: false }, |validator| validator(Value::new(text, start, end)))
    }
}

impl Scanner {
    /// Weighs the matches that begin at `start`, the longest of each signature first. Those of so many digits are known to
    /// match their patterns as they were written.
    #[inline]
    pub(super) fn weigh(&mut self, document: &mut DocumentScan, catalogue: &Catalogue, start: usize, digits: usize) {
        if self.scratch.ends.is_empty() {
            return;
        }
        let mut ends = std::mem::take(&mut self.scratch.ends);
        self.weigh_each(document, catalogue, (start, digits), &ends);
        ends.clear();
        self.scratch.ends = ends;
    }

    /// The same of matches that are nothing without context: far from words that may speak for any of them, they are
    /// not looked at one by one.
    #[inline]
    pub(super) fn weigh_weak(&mut self, document: &mut DocumentScan, catalogue: &Catalogue, start: usize) {
        if self.scratch.weak_ends.is_empty() {
            return;
        }
        let speaks = self.speaks_for_weak(document, catalogue, start);
        let mut states = std::mem::take(&mut self.scratch.weak_ends);
        if speaks || self.watcher.is_some() {
            let mut ends = std::mem::take(&mut self.scratch.ends);
            for &(state, end) in &states {
                ends.extend(catalogue.words.weak(state).0.iter().map(|signature| (*signature, end)));
            }
            if speaks {
                self.weigh_each(document, catalogue, (start, 0), &ends);
            } else if let Some(watcher) = &mut self.watcher {
                // A listed number needs no words.
                ends.iter().for_each(|&(signature, end)| watcher.candidate(document, signature, start, end));
            }
            ends.clear();
            self.scratch.ends = ends;
        }
        states.clear();
        self.scratch.weak_ends = states;
    }

    fn weigh_each(
        &mut self,
        document: &mut DocumentScan,
        catalogue: &Catalogue,
        (start, digits): (usize, usize),
        ends: &[(u16, usize)],
    ) {
        self.scratch.around.known = false;
        self.scratch.accepted.clear();
        for &(signature, end) in ends.iter().rev() {
            let place = Place { signature, start, end };
            let Some((_, compiled)) = catalogue.at(signature) else { continue };
            // Most numbers are refused by their pattern as it was written, or by what validates them. Lists are asked about
            // them even so.
            let mut check = None;
            if self.watcher.is_none() && self.probe.is_none() {
                if self.scratch.accepted.contains(&signature) {
                    continue;
                }
                let text = document.text.get(start..end).unwrap_or_default();
                if end != start + digits && compiled.exact.as_ref().is_some_and(|exact| !exact.is_match(text)) {
                    continue;
                }
                if !compiled.weak && compiled.extend.is_none() {
                    let says = compiled.check(&document.text, start, end);
                    if says == Check::Refuse {
                        continue;
                    }
                    check = Some(says);
                }
            }
            if self.is_hopeless(document, catalogue, place) {
                if let Some(watcher) = &mut self.watcher {
                    watcher.candidate(document, signature, start, end);
                }
                continue;
            }
            let said = Said { key_score: None, check };
            if !self.scratch.accepted.contains(&signature) && self.consider(document, catalogue, place, said) {
                self.scratch.accepted.push(signature);
            }
        }
    }

    /// Whether a match is nothing without context and has none. Most matches are of that kind, so it is asked first.
    #[inline]
    fn is_hopeless(&mut self, document: &DocumentScan, catalogue: &Catalogue, place: Place) -> bool {
        let Some((_, compiled)) = catalogue.at(place.signature).filter(|(_, c)| c.weak && self.probe.is_none()) else {
            return false;
        };
        let field = document.field(document.base + place.start as u64).map(|f| &**f);
        if !self.scratch.around.known {
            self.look_around(document, catalogue, place, field);
        }
        !self.scratch.around.near.meet(&compiled.context)
            && !field.is_some_and(|f| f.lists.meet(&compiled.context) || f.last_lists.meet(&compiled.context))
    }

    /// Weighs one match. Returns whether other ends of the same match need no look.
    pub(super) fn consider(
        &mut self,
        document: &mut DocumentScan,
        catalogue: &Catalogue,
        place: Place,
        said: Said,
    ) -> bool {
        let Some((signature, compiled)) = catalogue.at(place.signature) else {
            return true;
        };
        let Place { start, mut end, .. } = place;
        if let Some(probe) = &self.probe
            && probe.signature != place.signature
        {
            return true;
        }
        if !begins_right(signature.edge, &document.text, start) {
            return true;
        }
        if signature.edge == Edge::Word && is_in_number(&document.text, start, end) {
            return false;
        }
        let base = document.base;
        let frames = signature.container || compiled.extend.is_some();
        if frames && document.taken.iter().any(|(s, until)| *s == place.signature && base + (start as u64) < *until) {
            return true;
        }
        let field = document.field(base + start as u64).cloned();
        if !frames
            && signature.edge != Edge::Document
            && !same_field(document.field(base + end as u64 - 1), field.as_ref())
        {
            return false;
        }
        self.counts.candidates += 1;
        if let Some(watcher) = &mut self.watcher {
            watcher.candidate(document, place.signature, start, end);
        }
        let mut score = i16::from(signature.score);
        // Most numbers are nothing without context: that is asked first, being cheaper.
        let mut around = said.key_score.map(|score| (score, false));
        if compiled.weak && self.probe.is_none() {
            let says = around
                .unwrap_or_else(|| self.context(document, catalogue, (signature, compiled), place, field.as_deref()));
            if says.0 <= 0 {
                return true;
            }
            around = Some(says);
        }
        if let Some(exact) = compiled.exact.as_ref().filter(|_| said.check.is_none())
            && !exact.is_match(document.text.get(start..end).unwrap_or_default())
        {
            return false;
        }
        if let Some(extend) = &compiled.extend {
            let more = document.text.get(end..).unwrap_or_default().iter().take(EXTENSION_OCTETS_MAX);
            end += more.take_while(|b| extend.get(usize::from(**b)).copied().unwrap_or(false)).count();
            // Nothing that begins within it is looked at again: the work stays linear whatever the validator says.
            document.take(place.signature, end);
        }
        let check = said.check.unwrap_or_else(|| compiled.check(&document.text, start, end));
        if let Some(probe) = &mut self.probe {
            probe.accepted = Some(probe.accepted == Some(true) || check != Check::Refuse);
        }
        let Check::Accept { bonus, test } = check else {
            return false;
        };
        if compiled.folds && document.text.get(start..end).is_some_and(|v| v.iter().any(u8::is_ascii_lowercase)) {
            score -= SMALL;
        }
        debug_assert!(bonus <= compiled.bonus_max, "{}: bonus {bonus}", signature.id);
        score += i16::from(bonus);
        let (says, denied) = match around {
            Some(says) => says,
            None if score >= 100 => (0, false),
            // Without a word for it, it is not reported: most are not looked at any closer.
            None if compiled.needy
                && score < REPORTED
                && self.probe.is_none()
                && !self.may_need(document, catalogue, place, compiled.brief) =>
            {
                return true;
            }
            None => self.context(document, catalogue, (signature, compiled), place, field.as_deref()),
        };
        score += says;
        let part = |part: Option<u16>| part == Some(place.signature);
        if signature.class == DataClass::Image {
            end = start + image_end(document.text.get(start..).unwrap_or_default()).max(end - start);
            // An image that begins a field or document is one; its magic within other data is less sure.
            let begins = start == 0 && base == 0
                || !same_field(document.field((base + start as u64).saturating_sub(1)), field.as_ref());
            score += if begins { 15 } else { 0 };
        }
        let barcode = &*signature.id == "us-aamva-header" || &*signature.id == "us-aamva-header-escaped";
        if (barcode || (part(catalogue.parts.element) && score >= 60)) && self.probe.is_none() {
            end = self.barcode(document, catalogue, start, end).max(end);
        }
        if frames {
            document.take(place.signature, end);
        }
        self.push(document, Place { end, ..place }, score, (test, denied));
        true
    }

    fn push(&mut self, document: &DocumentScan, place: Place, score: i16, (test, denied): (bool, bool)) {
        if score < REPORTED || self.probe.is_some() {
            return;
        }
        self.scratch.candidates.push(Candidate {
            signature: place.signature,
            start: document.base + place.start as u64,
            end: document.base + place.end.min(document.text.len()) as u64,
            score: score.min(100),
            test,
            denied,
        });
    }

    /// Reports the parts of a licence's barcode that name or number a person; returns where the barcode ends.
    fn barcode(&mut self, document: &mut DocumentScan, catalogue: &Catalogue, start: usize, end: usize) -> usize {
        let parts = &catalogue.parts;
        if let Some(watcher) = &mut self.watcher {
            watcher.barcode(document, parts.number, start);
        }
        let mut until = end;
        for element in elements(document.text.get(start..).unwrap_or_default()) {
            let (from, to) = (start + element.start, start + element.end);
            until = until.max(to);
            let signature = match &element.id {
                b"DAQ" => parts.number,
                b"DCS" | b"DAC" | b"DCT" | b"DAA" => parts.name,
                b"DBB" => parts.birth,
                b"DAG" => parts.street,
                _ => None,
            };
            if let Some(signature) = signature {
                self.push(document, Place { signature, start: from, end: to }, 95, (false, false));
            }
        }
        if let Some(element) = parts.element {
            document.take(element, until);
        }
        until
    }
}

/// Whether a match is a part of a decimal number or version: `0.354819359535`, `1774172455.25`.
fn is_in_number(text: &[u8], start: usize, end: usize) -> bool {
    let digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    digit(start) && continues_number(text, start)
        || end > 0 && digit(end - 1) && text.get(end) == Some(&b'.') && digit(end + 1)
}

/// Whether digits that begin at `start` go on a number that began before a point.
pub(super) fn continues_number(text: &[u8], start: usize) -> bool {
    let before = start.checked_sub(2).and_then(|from| text.get(from..start));
    matches!(before, Some([b'0'..=b'9', b'.']))
}

/// Whether a match may begin at `start`.
fn begins_right(edge: Edge, text: &[u8], start: usize) -> bool {
    let Some(&before) = start.checked_sub(1).and_then(|i| text.get(i)) else {
        return true;
    };
    match edge {
        Edge::Free | Edge::Key => true,
        Edge::Word | Edge::Start => !is_word(before),
        Edge::Line => before < b' ' || before == b'"',
        Edge::Document => !is_word(before) && before != b'<',
    }
}
