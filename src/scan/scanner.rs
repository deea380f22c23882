//! The scanner: collects text into blocks, finds candidates, weighs them.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashMap;

use super::catalogue::Catalogue;
use super::classes::Classes;
use super::context::{Around, Known, is_filler};
use super::document::{DocumentScan, Field};
use super::gate::{self, Passed};
use super::lists::Lists;
use super::pattern::PATTERN_OCTETS_MAX;
use super::records::Person;
use super::settle::{Candidate, settle};
use super::value::Digester;
use super::watch::{WatchSet, Watcher};
use super::words::{Hit, Recent, Sought};
use crate::model::{Finding, Text};

/// Octets of a block.
pub const BLOCK_OCTETS: usize = 16 << 10;

/// Octets after a block that must be there (or the document's end) before it is scanned: the longest value and its
/// context.
const AHEAD_OCTETS: usize = 2 << 10;

/// Octets after a block whose classes are known: those that the words around its values may reach.
const KNOWN_OCTETS: usize = 4 << 10;

/// Octets before a block that are kept: context, keys, the part of an anchored match before its anchor.
const BEHIND_OCTETS: usize = 512;

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
}

/// Turns text into findings. One for each worker thread.
pub struct Scanner {
    pub(super) catalogue: Arc<Catalogue>,
    digester: Digester,
    fields: HashMap<Box<str>, Arc<Field>>,
    pub(super) scratch: Scratch,
    pub(super) counts: ScanCounts,
    pub(super) probe: Option<Probe>,
    pub(super) watcher: Option<Watcher>,
    persons: Vec<Person>,
}

/// Memory that is used again for each block.
#[derive(Default)]
pub(super) struct Scratch {
    /// The octets of the text by class, as far as the block at hand needs them.
    pub(super) classes: Classes,
    /// Positions that passed the gate, what it said, and how many digits follow.
    passed: Vec<Passed>,
    pub(super) ends: Vec<(u16, usize)>,
    /// States and ends of matches of words whose signatures are nothing without context.
    pub(super) weak_ends: Vec<(u16, usize)>,
    pub(super) keyed: Vec<u16>,
    pub(super) accepted: Vec<u16>,
    /// The context words known so far, and those that are needed by signatures that are nothing without context.
    pub(super) known: Known,
    pub(super) needed: Known,
    /// The first of `needed` that may be near what comes next.
    pub(super) needed_next: usize,
    /// Those of the name of a column.
    pub(super) column_hits: Vec<Hit>,
    pub(super) around: Around,
    pub(super) candidates: Vec<Candidate>,
}

/// What one signature says about a text, whatever its context.
pub(super) struct Probe {
    pub(super) signature: u16,
    pub(super) accepted: Option<bool>,
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
pub(super) struct Place {
    pub(super) signature: u16,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Scanner {
    /// A scanner. Findings of scanners with the same key have comparable digests.
    pub fn new(catalogue: Arc<Catalogue>, digest_key: [u8; 32]) -> Self {
        Self {
            digester: Digester::new(&digest_key),
            fields: HashMap::new(),
            scratch: Scratch::default(),
            counts: ScanCounts::default(),
            probe: None,
            watcher: None,
            persons: Vec::new(),
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
        self.finish(document, found);
        document.begin_again();
    }

    fn finish(&mut self, document: &mut DocumentScan, found: &mut dyn FnMut(Finding)) {
        document.flush();
        while document.scanned < document.end() {
            self.block(document, true, found);
        }
        self.give_out(document, u64::MAX, found);
    }

    /// Ends a document that stands in another: what it says of persons outside records of its own belongs to the record
    /// of the other that it stands in.
    pub fn end_within(
        &mut self,
        document: &mut DocumentScan,
        outer: &mut DocumentScan,
        found: &mut dyn FnMut(Finding),
    ) {
        self.finish(document, found);
        outer.take_in(&mut document.records);
        document.begin_again();
    }

    /// The persons told apart since this was last asked.
    pub fn take_persons(&mut self) -> Vec<Person> {
        std::mem::take(&mut self.persons)
    }

    /// What was done so far.
    pub fn counts(&self) -> ScanCounts {
        let looked_up = self.watcher.as_ref().map_or(0, |watcher| watcher.looked_up);
        ScanCounts { looked_up, ..self.counts }
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
        let classes = Classes::of(octets, &self.catalogue.gate.classes);
        let recent = &mut Recent::default();
        self.catalogue.lexicon.find(Sought::All, (octets, &classes), (0, octets.len()), recent, &mut hits);
        let named = path.trim_end_matches(['[', ']', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        let last = named.rfind(['.', '/', '[']).map_or(0, |i| i + 1);
        let lists = |which: &dyn Fn(&Hit) -> bool| {
            let mut lists = Lists::default();
            let words = hits.iter().filter(|h| which(h));
            words.filter_map(|h| self.catalogue.lexicon.lists(*h)).for_each(|l| lists.extend(l));
            lists
        };
        // A label names the value if it ends the path: a `passport_build` is no passport.
        let ends = |h: &Hit| h.end > last && is_filler(named.as_bytes().get(h.end..).unwrap_or_default());
        let (lists, last_lists) = (lists(&|_| true), lists(&ends));
        let hash = self.fields.hasher().hash_one(path);
        let field = Arc::new(Field { path: path.into(), hash, keyed, lists, last_lists, brief: lists.brief() });
        self.fields.insert(path.into(), Arc::clone(&field));
        field
    }

    /// Scans one block.
    fn block(&mut self, document: &mut DocumentScan, last: bool, found: &mut dyn FnMut(Finding)) {
        let catalogue = Arc::clone(&self.catalogue);
        let from = document.scanned;
        let to = (from + BLOCK_OCTETS as u64).min(document.end());
        let (begin, finish) = ((from - document.base) as usize, (to - document.base) as usize);
        self.scratch.known.clear();
        self.scratch.needed.clear();
        self.scratch.needed_next = 0;
        self.scratch.candidates.clear();
        let known = document.text.len().min(finish + KNOWN_OCTETS);
        self.scratch.classes.fill(document.text.get(..known).unwrap_or_default(), &catalogue.gate.classes);
        if document.has_fields() {
            for (start, end, field) in document.values(from, to) {
                let (start, end) = ((start - document.base) as usize, (end - document.base) as usize);
                self.value(document, start, end, &field);
            }
        }
        let mut passed = std::mem::take(&mut self.scratch.passed);
        // Lists are asked about parts of numbers too.
        let parts = self.watcher.is_some() || self.probe.is_some();
        passed.clear();
        catalogue.gate.pass((&document.text, &self.scratch.classes), (begin, finish), parts, &mut passed);
        for &(at, acts, digits) in &passed {
            self.act(document, &catalogue, (at as usize, usize::from(digits)), acts);
        }
        self.scratch.passed = passed;
        settle(&catalogue, &mut self.digester, document, &mut self.scratch.candidates);
        if let Some(watcher) = &mut self.watcher {
            watcher.tokens(document, begin, finish);
            self.counts.findings += watcher.give_out(&catalogue, &self.digester, document, found);
        }
        document.scanned = to;
        if !last {
            // Later findings may still raise those near the end.
            self.give_out(document, to, found);
            document.forget(to.saturating_sub(BEHIND_OCTETS as u64));
        }
    }

    fn give_out(&mut self, document: &mut DocumentScan, to: u64, found: &mut dyn FnMut(Finding)) {
        let mut records = std::mem::take(&mut document.records);
        let mut count = super::settle::give_out(document, to, &mut |finding| {
            records.add(&finding);
            found(finding);
        });
        count += records.give_out(to == u64::MAX, &document.path, &mut self.persons, found);
        document.records = records;
        self.counts.findings += count;
    }

    /// Looks at an octet that passed the gate.
    #[inline]
    pub(super) fn act(&mut self, document: &mut DocumentScan, catalogue: &Catalogue, from: (usize, usize), acts: u8) {
        let at = from.0;
        let Scratch { ends, weak_ends, .. } = &mut self.scratch;
        if acts & gate::WORDS != 0 {
            // Lists are asked about numbers that their patterns refuse, too.
            let wide = self.watcher.is_some();
            catalogue.words.walk(&document.text, from, wide, ends, weak_ends);
            self.weigh(document, catalogue, at, if wide { 0 } else { from.1 });
            self.weigh_weak(document, catalogue, at);
        }
        let Scratch { ends, weak_ends, .. } = &mut self.scratch;
        if acts & gate::STARTING != 0 {
            catalogue.starting.walk(&document.text, from, true, ends, weak_ends);
            self.weigh(document, catalogue, at, 0);
        }
        let Scratch { ends, weak_ends, .. } = &mut self.scratch;
        if acts & gate::LINES != 0 {
            catalogue.lines.walk(&document.text, from, true, ends, weak_ends);
            self.weigh(document, catalogue, at, 0);
        }
        let Scratch { ends, weak_ends, .. } = &mut self.scratch;
        if acts & gate::FREE_ONES != 0 {
            catalogue.free.walk(&document.text, from, true, ends, weak_ends);
            self.weigh(document, catalogue, at, 0);
        }
        if acts & gate::ANCHOR != 0 {
            for anchor in &catalogue.anchors {
                let from = at.saturating_sub(PATTERN_OCTETS_MAX);
                if document.text.get(at) == Some(&anchor.octet)
                    && let Some((start, end)) = anchor.around(&document.text, from, at)
                {
                    self.scratch.ends.push((anchor.signature, end));
                    return self.weigh(document, catalogue, start, 0);
                }
            }
        }
        if acts & gate::KEY != 0 {
            self.key(document, catalogue, at);
        }
    }
}
