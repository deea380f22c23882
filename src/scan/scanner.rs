//! The scanner: collects text into blocks, finds candidates, weighs them.

use std::sync::Arc;

use hashbrown::HashMap;

use super::catalogue::{
    Catalogue, Compiled, GATE_ANCHOR, GATE_BREAK, GATE_FREE, GATE_KEY, GATE_LINE, GATE_START, KEY_OCTETS_MAX,
};
use super::document::{DocumentScan, Field, same_field};
use super::matcher::{AnchorStates, PATTERN_OCTETS_MAX, States, is_word};
use super::settle::{Candidate, settle};
use super::signature::{Edge, Signature};
use super::validate::{Check, Value, elements, image_end};
use super::value::Digester;
use super::watch::{WatchSet, Watcher};
use super::words::{Hit, ListId};
use crate::model::{DataClass, Finding, Text};

/// Octets of a block.
pub const BLOCK_OCTETS: usize = 16 << 10;

/// Octets after a block that must be there (or the document's end) before it is scanned: the longest value and its
/// context.
const AHEAD_OCTETS: usize = 2 << 10;

/// Octets before a block that are kept: context, keys, the part of an anchored match before its anchor.
const BEHIND_OCTETS: usize = 512;

/// Octets that `extend` may add.
const EXTENSION_OCTETS_MAX: usize = 1536;

/// Octets between a value and a context word.
const CONTEXT_OCTETS: usize = 40;

/// Octets between a label and its value.
const LABEL_OCTETS: usize = 24;

/// Words that may stand between a label and its value.
const FILLERS: [&[u8]; 12] =
    [b"no", b"nr", b"num", b"number", b"is", b"id", b"value", b"code", b"and", b"the", b"address", b"amp"];

/// Score for a label, and for a label that may be prose ("Login: click here").
const LABEL: i16 = 60;
const LOOSE_LABEL: i16 = 35;
/// Score for a context word.
const CONTEXT: i16 = 30;
/// Score for a word that speaks against, on signatures that are not certain by themselves.
const AGAINST: i16 = -30;
const CERTAIN: i16 = 70;

/// Signatures up to this score are looked at only with context: no validator lifts them far enough.
const CONTEXT_FIRST: i16 = 15;

/// Caches emptied within one block past which the rest of the block is given up.
const CLEARS_MAX: u64 = 8;

/// Fields remembered by name. Past it all are forgotten: their meaning is found out again.
const FIELDS_MAX: usize = 4096;

/// Counts of a scanner since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanCounts {
    /// Octets of text taken in.
    pub octets: u64,
    /// Matches of patterns that were weighed.
    pub candidates: u64,
    /// Findings given out.
    pub findings: u64,
    /// Values looked up in watch lists.
    pub looked_up: u64,
    /// Times that a cache of automaton states was full and emptied.
    pub cache_clears: u64,
    /// Octets that were not searched to the end because caches were emptied too often: they may hold unseen user data.
    pub given_up_octets: u64,
}

/// Turns text into findings. One for each worker thread: it holds caches that grow with what was seen.
pub struct Scanner {
    catalogue: Arc<Catalogue>,
    digester: Digester,
    starting: States,
    lines: States,
    free: States,
    keyed: States,
    anchors: Vec<AnchorStates>,
    fields: HashMap<Box<str>, Arc<Field>>,
    scratch: Scratch,
    counts: ScanCounts,
    probe: Option<Probe>,
    watcher: Option<Watcher>,
}

/// Memory that is used again for each block.
#[derive(Default)]
struct Scratch {
    ends: Vec<(u16, usize)>,
    keyed: Vec<u16>,
    accepted: Vec<u16>,
    hits: Vec<Hit>,
    new_hits: Vec<Hit>,
    covered: usize,
    around: Around,
    candidates: Vec<Candidate>,
}

/// What stands around a position.
#[derive(Default)]
struct Around {
    known: bool,
    /// Lists with a word near, sorted; lists with a word directly before.
    near: Vec<ListId>,
    labels: Vec<ListId>,
}

/// What one signature says about a text, whatever its context.
struct Probe {
    signature: u16,
    accepted: Option<bool>,
}

/// How one signature decides a text: `None` if the pattern refuses it, else whether the validator accepts it.
pub(super) fn examine(catalogue: &Arc<Catalogue>, signature: u16, text: &[u8]) -> Option<bool> {
    let mut scanner = Scanner::new(Arc::clone(catalogue), [0; 32]);
    scanner.probe = Some(Probe { signature, accepted: None });
    let mut document = DocumentScan::new("example");
    scanner.text(&mut document, Text { octets: text, at: 0, field: None }, &mut |_| ());
    scanner.end(&mut document, &mut |_| ());
    scanner.probe.and_then(|p| p.accepted)
}

/// A value being weighed: positions within the document's collected text.
#[derive(Clone, Copy)]
struct Place {
    signature: u16,
    start: usize,
    end: usize,
}

impl Scanner {
    /// A scanner with fresh caches. Findings of scanners with the same key have comparable digests.
    pub fn new(catalogue: Arc<Catalogue>, digest_key: [u8; 32]) -> Self {
        Self {
            digester: Digester::new(&digest_key),
            starting: catalogue.starting.states(),
            lines: catalogue.lines.states(),
            free: catalogue.free.states(),
            keyed: catalogue.keyed.states(),
            anchors: catalogue.anchors.iter().map(super::matcher::Anchor::states).collect(),
            fields: HashMap::new(),
            scratch: Scratch::default(),
            counts: ScanCounts::default(),
            probe: None,
            watcher: None,
            catalogue,
        }
    }

    /// Looks candidates up in lists too, which were loaded with the same catalogue.
    #[must_use]
    pub fn with_watch(mut self, set: &Arc<WatchSet>) -> Self {
        self.watcher = (!set.is_empty()).then(|| Watcher::new(Arc::clone(set)));
        self
    }

    /// Takes in a piece of a document's text; calls `found` for what is certain by now.
    ///
    /// Pieces of one value follow each other with the same field. Values of the same field that follow each other are
    /// told apart by text without a field between them (structure: quotes, commas, line ends).
    #[expect(clippy::needless_pass_by_value, reason = "a piece of text is handed over, as by every room before")]
    pub fn text(&mut self, document: &mut DocumentScan, text: Text<'_>, found: &mut dyn FnMut(Finding)) {
        let field = text.field.map(|path| self.field(path));
        let mut at = text.at;
        self.counts.octets += text.octets.len() as u64;
        for piece in text.octets.chunks(BLOCK_OCTETS) {
            document.collect(piece, at, field.as_ref());
            at += piece.len() as u64;
            while document.end() >= document.scanned + (BLOCK_OCTETS + AHEAD_OCTETS) as u64 {
                self.block(document, false, found);
            }
        }
    }

    /// Ends a document: all that is left is scanned and given out. The document can be used again from its beginning.
    pub fn end(&mut self, document: &mut DocumentScan, found: &mut dyn FnMut(Finding)) {
        document.flush();
        while document.scanned < document.end() {
            self.block(document, true, found);
        }
        self.give_out(document, u64::MAX, found);
        *document = DocumentScan::new(&std::mem::take(&mut document.path));
    }

    /// What was done so far.
    pub fn counts(&self) -> ScanCounts {
        let looked_up = self.watcher.as_ref().map_or(0, |watcher| watcher.looked_up);
        ScanCounts { cache_clears: self.clears(), looked_up, ..self.counts }
    }

    fn clears(&self) -> u64 {
        self.starting.clears()
            + self.lines.clears()
            + self.free.clears()
            + self.keyed.clears()
            + self.anchors.iter().map(AnchorStates::clears).sum::<u64>()
    }

    fn field(&mut self, path: &str) -> Arc<Field> {
        if let Some(field) = self.fields.get(path) {
            return Arc::clone(field);
        }
        if self.fields.len() >= FIELDS_MAX {
            self.fields.clear();
        }
        let octets = path.as_bytes();
        let mut keyed = Vec::new();
        self.catalogue.keyed_by(octets, &mut keyed);
        let mut hits = Vec::new();
        self.catalogue.lexicon.find(octets, 0, octets.len(), &mut hits);
        let named = path.trim_end_matches(['[', ']', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        let last = named.rfind(['.', '/', '[']).map_or(0, |i| i + 1);
        let lists = |from: usize| {
            let mut lists: Vec<ListId> =
                hits.iter().filter(|h| h.end > from).flat_map(|h| self.catalogue.lexicon.lists(*h)).copied().collect();
            lists.sort_unstable();
            lists.dedup();
            lists
        };
        let field = Arc::new(Field { path: path.into(), keyed, lists: lists(0), last_lists: lists(last) });
        self.fields.insert(path.into(), Arc::clone(&field));
        field
    }

    /// Scans one block.
    fn block(&mut self, document: &mut DocumentScan, last: bool, found: &mut dyn FnMut(Finding)) {
        let catalogue = Arc::clone(&self.catalogue);
        let from = document.scanned;
        let to = (from + BLOCK_OCTETS as u64).min(document.end());
        let text = std::mem::take(&mut document.text);
        let (begin, finish) = ((from - document.base) as usize, (to - document.base) as usize);
        self.scratch.hits.clear();
        self.scratch.covered = 0;
        self.scratch.candidates.clear();
        let clears = self.clears();
        document.text = text;
        for (start, end, field) in document.values(from, to) {
            let (start, end) = ((start - document.base) as usize, (end - document.base) as usize);
            self.value(document, start, end, &field);
        }
        // Before a document's beginning stands what a line begins after.
        let mut before =
            begin.checked_sub(1).and_then(|i| document.text.get(i)).map_or(GATE_BREAK, |b| gate(&catalogue, *b));
        let mut at = begin;
        while let Some(&octet) = document.text.get(at).filter(|_| at < finish) {
            let this = gate(&catalogue, octet);
            let act = this & (GATE_FREE | GATE_KEY | GATE_ANCHOR)
                | this & GATE_START & !(before << 1)
                | this & GATE_LINE & (before << 1);
            before = this;
            if act != 0 {
                self.act(document, &catalogue, at, act);
                if self.clears() - clears > CLEARS_MAX {
                    self.counts.given_up_octets += (finish - at) as u64;
                    break;
                }
            }
            at += 1;
        }
        settle(&catalogue, &self.digester, document, &mut self.scratch.candidates);
        if let Some(watcher) = &mut self.watcher {
            watcher.tokens(document, begin, finish);
            self.counts.findings += watcher.give_out(&self.digester, document, found);
        }
        document.scanned = to;
        if !last {
            // Later findings may still raise those near the end.
            self.give_out(document, to, found);
            document.forget(to.saturating_sub(BEHIND_OCTETS as u64));
        }
    }

    fn give_out(&mut self, document: &mut DocumentScan, to: u64, found: &mut dyn FnMut(Finding)) {
        self.counts.findings += super::settle::give_out(document, to, found);
    }

    /// Looks at an octet that passed the gate.
    #[inline]
    fn act(&mut self, document: &mut DocumentScan, catalogue: &Catalogue, at: usize, act: u8) {
        if act & GATE_START != 0 && catalogue.starting.may_start(&document.text, at) {
            self.scratch.ends.clear();
            catalogue.starting.walk(&mut self.starting, &document.text, at, &mut self.scratch.ends);
            if !self.scratch.ends.is_empty() {
                self.weigh(document, catalogue, at);
            }
        }
        if act & GATE_LINE != 0 && catalogue.lines.may_start(&document.text, at) {
            self.scratch.ends.clear();
            catalogue.lines.walk(&mut self.lines, &document.text, at, &mut self.scratch.ends);
            if !self.scratch.ends.is_empty() {
                self.weigh(document, catalogue, at);
            }
        }
        if act & GATE_FREE != 0 && catalogue.free.may_start(&document.text, at) {
            self.scratch.ends.clear();
            catalogue.free.walk(&mut self.free, &document.text, at, &mut self.scratch.ends);
            if !self.scratch.ends.is_empty() {
                self.weigh(document, catalogue, at);
            }
        }
        if act & GATE_ANCHOR != 0 {
            for (anchor, states) in catalogue.anchors.iter().zip(&mut self.anchors) {
                let from = at.saturating_sub(PATTERN_OCTETS_MAX);
                if document.text.get(at) == Some(&anchor.octet)
                    && let Some((start, end)) = anchor.around(states, &document.text, from, at)
                {
                    self.scratch.ends.clear();
                    self.scratch.ends.push((anchor.signature, end));
                    return self.weigh(document, catalogue, start);
                }
            }
        }
        if act & GATE_KEY != 0 {
            self.key(document, catalogue, at);
        }
    }

    /// Weighs the matches that begin at `start`, the longest of each signature first.
    #[inline(never)]
    fn weigh(&mut self, document: &mut DocumentScan, catalogue: &Catalogue, start: usize) {
        self.scratch.around.known = false;
        self.scratch.accepted.clear();
        let mut ends = std::mem::take(&mut self.scratch.ends);
        for &(signature, end) in ends.iter().rev() {
            if !self.scratch.accepted.contains(&signature)
                && self.consider(document, catalogue, Place { signature, start, end }, None)
            {
                self.scratch.accepted.push(signature);
            }
        }
        ends.clear();
        self.scratch.ends = ends;
    }

    /// Weighs one match; `key_score` is what its key says, where that is known. Returns whether other ends of the
    /// same match need no look.
    fn consider(
        &mut self,
        document: &mut DocumentScan,
        catalogue: &Catalogue,
        place: Place,
        key_score: Option<i16>,
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
        // Numbers without a shape of their own are nothing without context: that is asked first, being cheaper.
        let mut around = key_score;
        if score <= CONTEXT_FIRST && self.probe.is_none() {
            let says = around
                .unwrap_or_else(|| self.context(document, catalogue, (signature, compiled), place, field.as_deref()));
            if says <= 0 {
                return true;
            }
            around = Some(says);
        }
        if let Some(extend) = &compiled.extend {
            let more = document.text.get(end..).unwrap_or_default().iter().take(EXTENSION_OCTETS_MAX);
            end += more.take_while(|b| extend.get(usize::from(**b)).copied().unwrap_or(false)).count();
            // Nothing that begins within it is looked at again: the work stays linear whatever the validator says.
            document.take(place.signature, end);
        }
        let check = compiled.validator.map_or(Check::Accept { bonus: 0, test: false }, |validator| {
            validator(Value::new(&document.text, start, end))
        });
        if let Some(probe) = &mut self.probe {
            probe.accepted = Some(probe.accepted == Some(true) || check != Check::Refuse);
        }
        let Check::Accept { bonus, test } = check else {
            return false;
        };
        score += i16::from(bonus);
        score += match around {
            Some(says) => says,
            None if score >= 100 => 0,
            None => self.context(document, catalogue, (signature, compiled), place, field.as_deref()),
        };
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
        self.push(document, Place { end, ..place }, score, test);
        true
    }

    fn push(&mut self, document: &DocumentScan, place: Place, score: i16, test: bool) {
        if score < 35 || self.probe.is_some() {
            return;
        }
        self.scratch.candidates.push(Candidate {
            signature: place.signature,
            start: document.base + place.start as u64,
            end: document.base + place.end.min(document.text.len()) as u64,
            score: score.min(100),
            test,
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
                self.push(document, Place { signature, start: from, end: to }, 95, false);
            }
        }
        if let Some(element) = parts.element {
            document.take(element, until);
        }
        until
    }

    /// What the surroundings say: a score.
    fn context(
        &mut self,
        document: &DocumentScan,
        catalogue: &Catalogue,
        (signature, compiled): (&Signature, &Compiled),
        place: Place,
        field: Option<&Field>,
    ) -> i16 {
        if !self.scratch.around.known {
            self.look_around(document, catalogue, place, field);
        }
        let around = &self.scratch.around;
        let label = compiled.labels.is_some_and(|l| {
            around.labels.contains(&l) || field.is_some_and(|f| f.last_lists.binary_search(&l).is_ok())
        });
        if label {
            return LABEL;
        }
        let near = |list: &ListId| {
            around.near.binary_search(list).is_ok() || field.is_some_and(|f| f.lists.binary_search(list).is_ok())
        };
        let mut score = if compiled.lists.iter().chain(&compiled.labels).any(near) { CONTEXT } else { 0 };
        if i16::from(signature.score) < CERTAIN && near(&catalogue.negative) {
            score += AGAINST;
        }
        score
    }

    /// Finds the lists whose words stand near a value.
    #[inline(never)]
    fn look_around(&mut self, document: &DocumentScan, catalogue: &Catalogue, place: Place, field: Option<&Field>) {
        let text = &document.text;
        let from = place.start.saturating_sub(CONTEXT_OCTETS + KEY_OCTETS_MAX);
        let to = (place.end + CONTEXT_OCTETS).min(text.len());
        self.cover(catalogue, text, from, to);
        let around = &mut self.scratch.around;
        around.known = true;
        around.near.clear();
        around.labels.clear();
        let own = field.is_some();
        let first = self.scratch.hits.partition_point(|h| h.end + CONTEXT_OCTETS < place.start);
        for &hit in self.scratch.hits.get(first..).unwrap_or_default() {
            if hit.start > place.end + CONTEXT_OCTETS {
                break;
            }
            let inside = hit.start < place.end && hit.end > place.start;
            let speaks = !inside && (!own || document.speaks(hit, document.field(document.base + place.start as u64)));
            if !speaks {
                continue;
            }
            let lists = catalogue.lexicon.lists(hit);
            around.near.extend_from_slice(lists);
            if hit.end <= place.start
                && hit.end + LABEL_OCTETS >= place.start
                && is_filler(text.get(hit.end..place.start).unwrap_or_default())
            {
                around.labels.extend_from_slice(lists);
            }
        }
        around.near.sort_unstable();
        around.near.dedup();
    }

    /// Makes sure that the context words of `text[from..to]` are known.
    fn cover(&mut self, catalogue: &Catalogue, text: &[u8], from: usize, to: usize) {
        let scratch = &mut self.scratch;
        if to <= scratch.covered {
            return;
        }
        let part_of_word = |i: usize| text.get(i).is_some_and(|b| b.is_ascii_alphabetic() || *b >= 0x80);
        // Some words more than asked for, back to where a phrase may begin, so that phrases are not cut.
        let known = scratch.covered;
        let mut begin = if from > known { from } else { known.saturating_sub(CONTEXT_OCTETS) };
        for _ in 0..CONTEXT_OCTETS {
            if begin == 0 || !part_of_word(begin - 1) {
                break;
            }
            begin -= 1;
        }
        let mut until = (to + 2 * CONTEXT_OCTETS).min(text.len());
        for _ in 0..CONTEXT_OCTETS {
            if !part_of_word(until) {
                break;
            }
            until += 1;
        }
        scratch.new_hits.clear();
        catalogue.lexicon.find(text, begin, until, &mut scratch.new_hits);
        scratch.new_hits.sort_by_key(|h| (h.end, h.start));
        scratch.hits.extend(scratch.new_hits.iter().filter(|h| h.end > known));
        scratch.covered = until;
    }

    /// Weighs the whole value of a field.
    fn value(&mut self, document: &mut DocumentScan, start: usize, end: usize, field: &Field) {
        let catalogue = Arc::clone(&self.catalogue);
        let (start, end) = trimmed(&document.text, start, end);
        self.scratch.keyed.clone_from(&field.keyed);
        self.walk_value(document, &catalogue, start, end, LABEL, false);
    }

    /// Looks for a key before a `:` or `=` and weighs the value after it.
    fn key(&mut self, document: &mut DocumentScan, catalogue: &Catalogue, at: usize) {
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
        if document.field(document.base + start as u64).is_some() {
            // The text is structured: its fields say what their values are.
            return;
        }
        let rest = text.get(start..).unwrap_or_default();
        let stop = rest.iter().take(PATTERN_OCTETS_MAX).position(|b| match quoted {
            true => *b == quote || *b == b'\\' || *b < b' ',
            false => {
                *b < b' ' || matches!(b, b',' | b';' | b'&' | b'|' | b')' | b']' | b'}' | b'<' | b'>' | b'"' | b'\'')
            }
        });
        let stop = start + stop.unwrap_or(rest.len().min(PATTERN_OCTETS_MAX));
        let (start, stop) = trimmed(text, start, stop);
        let sure = quoted || key_quoted || octet(at) == b'=' && spaces == 0;
        self.walk_value(document, catalogue, start, stop, if sure { LABEL } else { LOOSE_LABEL }, !quoted);
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
        let mut ends = std::mem::take(&mut self.scratch.ends);
        ends.clear();
        let value = document.text.get(..end).unwrap_or_default();
        catalogue.keyed.walk(&mut self.keyed, value, start, &mut ends);
        self.scratch.accepted.clear();
        for &(signature, to) in ends.iter().rev() {
            let whole = to == end || loose && document.text.get(to).is_some_and(|b| matches!(b, b' ' | b'\t'));
            if whole && self.scratch.keyed.contains(&signature) && !self.scratch.accepted.contains(&signature) {
                self.scratch.accepted.push(signature);
                self.consider(document, catalogue, Place { signature, start, end: to }, Some(score));
            }
        }
        ends.clear();
        self.scratch.ends = ends;
    }
}

#[inline]
fn gate(catalogue: &Catalogue, octet: u8) -> u8 {
    catalogue.gates.get(usize::from(octet)).copied().unwrap_or(0)
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

/// `start..end` without spaces at either side.
fn trimmed(text: &[u8], start: usize, end: usize) -> (usize, usize) {
    let value = text.get(start..end).unwrap_or_default();
    let left = value.len() - value.trim_ascii_start().len();
    (start + left, start + left + value.trim_ascii().len())
}

/// Whether the text between a label and a value holds nothing but punctuation and words that say nothing.
fn is_filler(between: &[u8]) -> bool {
    between
        .split(|b| !b.is_ascii_alphanumeric() && *b < 0x80)
        .filter(|word| !word.is_empty())
        .all(|word| FILLERS.iter().any(|f| f.eq_ignore_ascii_case(word)))
}
