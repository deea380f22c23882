//! Looking candidates up while a document is scanned.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::form::{Form, NORMAL_OCTETS_MAX, TOKEN_OCTETS_MIN};
use super::key::Tag;
use super::position::Positions;
use super::{List, NEAR_OCTETS, Route, WatchSet};
use crate::model::{Confidence, DataClass, Finding, WatchHit};
use crate::scan::Catalogue;
use crate::scan::document::DocumentScan;
use crate::scan::subject::subject;
use crate::scan::validate::elements;
use crate::scan::value::{Digester, masked};

/// Octets of a token that is looked up.
const TOKEN_OCTETS_MAX: usize = 128;

/// Hits of one block that are looked at for secondary values; later ones keep the score of their type.
const CORROBORATED_MAX: usize = 32;

/// Hits of one block: a value that is listed cannot fill memory by being repeated.
const HITS_MAX: usize = 4096;

/// Rows of one tag that are looked at: many users may share an address.
const ROWS_MAX: usize = 8;

/// Octets either way that are searched in the value's own record: less than what is collected ahead of a block, so that
/// the answer does not depend on how text came.
const RECORD_OCTETS: u64 = 1536;

/// Words of a secondary value.
const WORDS_MAX: usize = 4;

/// Score of a primary value alone, at least: medium.
const ALONE: i16 = 60;

/// A listed value: positions within the document's collected text.
struct Hit {
    start: u64,
    end: u64,
    list: usize,
    entry: usize,
    tag: Tag,
    kind: Arc<str>,
    /// The signature that found it; none found a token.
    signature: u16,
    class: DataClass,
    normal: Vec<u8>,
}

/// A worker's part: the set, and the hits of the block at hand.
pub(in crate::scan) struct Watcher {
    set: Arc<WatchSet>,
    hits: Vec<Hit>,
    positions: Positions,
    /// Values looked up.
    pub(in crate::scan) looked_up: u64,
}

impl Watcher {
    pub(in crate::scan) fn new(set: Arc<WatchSet>) -> Self {
        Self { set, hits: Vec::new(), positions: Positions::default(), looked_up: 0 }
    }

    /// Looks up what a signature's pattern accepted: indices into the document's text.
    #[inline]
    pub(in crate::scan) fn candidate(&mut self, document: &DocumentScan, signature: u16, start: usize, end: usize) {
        let set = Arc::clone(&self.set);
        self.positions.candidate(&set, signature, document.base + start as u64, document.base + end as u64);
        for route in set.routes.get(usize::from(signature)).into_iter().flatten() {
            self.look_up(&set, (route, signature), document, start..end, None);
        }
    }

    /// Looks up the number in a licence's barcode under its state; `start` is where the barcode begins.
    pub(in crate::scan) fn barcode(&mut self, document: &DocumentScan, number: Option<u16>, start: usize) {
        let set = Arc::clone(&self.set);
        let Some(routes) = number.and_then(|number| set.routes.get(usize::from(number))).filter(|r| !r.is_empty())
        else {
            return;
        };
        let (mut state, mut places) = (None, Vec::new());
        for element in elements(document.text.get(start..).unwrap_or_default()) {
            let place = start + element.start..start + element.end;
            match &element.id {
                b"DAJ" => state = document.text.get(place).map(|state| state.trim_ascii().to_vec()),
                b"DAQ" => places.push(place),
                _ => {}
            }
        }
        for place in places {
            for route in routes {
                self.look_up(&set, (route, number.unwrap_or(u16::MAX)), document, place.clone(), state.as_deref());
            }
        }
    }

    /// Looks up the tokens that begin in `from..to`.
    pub(in crate::scan) fn tokens(&mut self, document: &DocumentScan, from: usize, to: usize) {
        if self.set.tokens.is_empty() {
            return;
        }
        let set = Arc::clone(&self.set);
        for_each_token(&document.text, from, to, &mut |place| {
            for route in &set.tokens {
                self.look_up(&set, (route, u16::MAX), document, place.clone(), None);
            }
        });
    }

    fn look_up(
        &mut self,
        set: &WatchSet,
        (route, signature): (&Route, u16),
        document: &DocumentScan,
        place: Range<usize>,
        state: Option<&[u8]>,
    ) {
        let Some(value) = document.text.get(place.clone()).filter(|value| value.len() <= NORMAL_OCTETS_MAX) else {
            return;
        };
        let Some(mut normal) = route.form.write(value) else { return };
        if let Some(state) = state.filter(|_| route.form == Form::Licence) {
            normal = [state, b":", &*normal].concat();
        }
        if !route.prefix.is_empty() && normal.len() == 11 {
            normal = [route.prefix, &*normal].concat();
        }
        self.looked_up += 1;
        let Some(tagger) = set.keys.get(route.key) else { return };
        let tag = tagger.tag(&route.kind, &normal);
        for &list in &route.lists {
            let Some(entry) = set.lists.get(list).and_then(|list| list.opened.find(&tag)) else { continue };
            if self.hits.len() < HITS_MAX {
                self.hits.push(Hit {
                    start: document.base + place.start as u64,
                    end: document.base + place.end as u64,
                    list,
                    entry,
                    tag,
                    kind: Arc::clone(&route.kind),
                    signature,
                    class: route.class,
                    normal: normal.clone(),
                });
            }
        }
    }

    /// Turns the hits of a block into findings, once its ordinary ones are settled.
    pub(in crate::scan) fn give_out(
        &mut self,
        catalogue: &Catalogue,
        digester: &Digester,
        document: &mut DocumentScan,
        found: &mut dyn FnMut(Finding),
    ) -> u64 {
        let set = Arc::clone(&self.set);
        let mut count = self.positions.give_out(&set, catalogue, digester, document, found);
        if self.hits.is_empty() {
            return count;
        }
        let mut hits = std::mem::take(&mut self.hits);
        // One finding a list and value: the longest of those that overlap, of the newest epoch.
        let order = |hit: &Hit| set.lists.get(hit.list).map(|list| (list.name.clone(), list.opened.header.epoch));
        hits.sort_by(|a, b| {
            let ((a_list, a_epoch), (b_list, b_epoch)) = (order(a).unwrap_or_default(), order(b).unwrap_or_default());
            a_list.cmp(&b_list).then(a.start.cmp(&b.start)).then(b.end.cmp(&a.end)).then(b_epoch.cmp(&a_epoch))
        });
        let mut last: Option<(Arc<str>, u64)> = None;
        let mut corroborated = 0;
        for hit in &hits {
            let Some(list) = set.lists.get(hit.list) else { continue };
            if last.as_ref().is_some_and(|(name, until)| *name == list.name && hit.start < *until) {
                continue;
            }
            last = Some((Arc::clone(&list.name), hit.end));
            let canary = list.opened.header.canary;
            let mut row = list.opened.rows_of(hit.entry).next();
            let mut score = if canary { 100 } else { score_of(document, hit) };
            if !canary && !list.opened.header.secondaries.is_empty() && corroborated < CORROBORATED_MAX {
                corroborated += 1;
                if let Some(sure) = corroborate(&set, list, document, hit) {
                    row = Some(sure);
                    score = 100;
                }
            }
            let from = (hit.start - document.base) as usize;
            let to = (hit.end - document.base) as usize;
            let value = document.text.get(from..to).unwrap_or_default();
            let (offset, length) = document.source(hit.start, hit.end);
            let class = if canary { DataClass::Custom } else { hit.class };
            let label = row.and_then(|row| list.opened.label(row)).filter(|label| !label.is_empty());
            count += 1;
            found(Finding {
                signature: Arc::clone(&list.signature),
                class,
                confidence: Confidence(score.clamp(0, 100) as u8),
                offset,
                length,
                masked: masked(value, hit.class),
                digest: digester.digest_normal(&hit.kind, &hit.normal),
                field: document.field(hit.start).map(|field| field.path.to_string()),
                document: document.path.clone(),
                test_value: false,
                record: document.record_at(hit.start),
                subject: catalogue.at(hit.signature).and_then(|(signature, _)| subject(signature, value)),
                watch: Some(WatchHit {
                    list: Arc::clone(&list.name),
                    label: label.map(Arc::from),
                    tag: hit.tag.iter().take(4).map(|octet| format!("{octet:02x}")).collect(),
                }),
            });
        }
        hits.clear();
        self.hits = hits;
        count
    }
}

/// What the value scores as user data.
fn score_of(document: &DocumentScan, hit: &Hit) -> i16 {
    let same = document.pending.iter().filter(|p| p.start < hit.end && p.end > hit.start);
    let same = same.filter(|p| p.finding.as_ref().is_none_or(|finding| finding.class == hit.class));
    same.map(|p| p.score).max().unwrap_or(0).max(ALONE)
}

/// The row of a hit that has a secondary value near, if one has.
fn corroborate(set: &WatchSet, list: &List, document: &DocumentScan, hit: &Hit) -> Option<u32> {
    let tagger = set.keys.get(list.key)?;
    let from = (hit.start - document.base) as usize;
    let to = (hit.end - document.base) as usize;
    let (first, last) = document.around_in_record(hit.start, RECORD_OCTETS);
    let first = from.saturating_sub(NEAR_OCTETS).min(first.saturating_sub(document.base) as usize);
    let last = (to + NEAR_OCTETS).max(last.saturating_sub(document.base) as usize);
    let before = document.text.get(first..from)?;
    let after = document.text.get(to..last.max(to).min(document.text.len()))?;
    let fields = &list.opened.header.secondaries;
    let mut values: BTreeSet<(Form, Vec<u8>)> = BTreeSet::new();
    for text in [before, after] {
        let words: Vec<Range<usize>> = words(text);
        for first in 0..words.len() {
            for last in first..(first + WORDS_MAX).min(words.len()) {
                let (Some(a), Some(b)) = (words.get(first), words.get(last)) else { continue };
                let value = text.get(a.start..b.end).unwrap_or_default();
                for field in fields {
                    values.extend(field.form.write(value).map(|normal| (field.form, normal)));
                }
            }
        }
    }
    list.opened.rows_of(hit.entry).take(ROWS_MAX).find(|&row| {
        fields.iter().enumerate().any(|(at, field)| {
            let Some(listed) = list.opened.secondary(row, at) else { return false };
            values
                .iter()
                .filter(|(form, _)| *form == field.form)
                .any(|(_, value)| tagger.row_tag(u64::from(row) + 1, &field.field, value) == listed)
        })
    })
}

/// Where the words of a text stand: runs of letters, digits, octets beyond ASCII, and what joins them in addresses and
/// numbers.
fn words(text: &[u8]) -> Vec<Range<usize>> {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b >= 0x80;
    let joins = |b: u8| matches!(b, b'@' | b'.' | b'_' | b'-' | b'+' | b':' | b'\'');
    let mut words = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let run = text.get(at..).unwrap_or_default();
        let length = run.iter().take_while(|b| is_word(**b) || joins(**b)).count();
        let whole = run.get(..length).unwrap_or_default();
        if let (Some(first), Some(last)) =
            (whole.iter().position(|b| is_word(*b)), whole.iter().rposition(|b| is_word(*b)))
        {
            words.push(at + first..at + last + 1);
        }
        at += length.max(1);
    }
    words
}

const fn is_url_alphabet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_')
}

const fn is_standard_alphabet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/')
}

/// Calls `each` for what may be a token in `text[from..to]`: whole runs of the base64url alphabet, runs of 32
/// hexadecimal digits within them (also written as UUID), and 22 characters of the standard alphabet.
fn for_each_token(text: &[u8], from: usize, to: usize, each: &mut dyn FnMut(Range<usize>)) {
    for (alphabet, standard) in [(is_url_alphabet as fn(u8) -> bool, false), (is_standard_alphabet, true)] {
        let run_at = |at: usize| text.get(at..).unwrap_or_default().iter().take_while(|b| alphabet(**b)).count();
        let mut at = from;
        // What began before was looked at with the block before.
        if at.checked_sub(1).and_then(|i| text.get(i)).is_some_and(|b| alphabet(*b)) {
            at += run_at(at);
        }
        while at < to {
            let length = run_at(at);
            let run = text.get(at..at + length).unwrap_or_default();
            if standard {
                if length == 22 && run.iter().any(|b| matches!(b, b'+' | b'/')) {
                    each(at..at + length);
                }
            } else if (TOKEN_OCTETS_MIN..=TOKEN_OCTETS_MAX).contains(&length) {
                each(at..at + length);
                hex_within(run, &mut |place| each(at + place.start..at + place.end));
            }
            at += length.max(1);
        }
    }
}

/// Runs of exactly 32 hexadecimal digits, with or without `-`, that are not all of `run`.
fn hex_within(run: &[u8], each: &mut dyn FnMut(Range<usize>)) {
    let mut at = 0;
    while at < run.len() {
        let rest = run.get(at..).unwrap_or_default();
        let length = rest.iter().take_while(|b| b.is_ascii_hexdigit() || **b == b'-').count();
        let hex = rest.get(..length).unwrap_or_default();
        let left = hex.iter().take_while(|b| **b == b'-').count();
        let right = hex.iter().rev().take_while(|b| **b == b'-').count();
        if hex.iter().filter(|b| **b != b'-').count() == 32 {
            if length < run.len() {
                each(at + left..at + length - right);
            }
        } else {
            let mut from = at;
            for piece in hex.split(|b| *b == b'-') {
                if piece.len() == 32 {
                    each(from..from + piece.len());
                }
                from += piece.len() + 1;
            }
        }
        at += length.max(1);
    }
}
