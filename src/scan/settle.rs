//! Settling: which of the overlapping candidates stay, how neighbours raise each other, and the findings they become.

use super::catalogue::Catalogue;
use super::document::{DocumentScan, Pending};
use super::signature::Edge;
use super::subject::subject;
use super::value::{Digester, masked};
use crate::model::{Confidence, DataClass, Finding};

/// Octets within which identifiers of one person raise each other.
const NEIGHBOUR_OCTETS: u64 = 512;

/// Score for each other signature nearby, and how many count.
const NEIGHBOUR: i16 = 15;
const NEIGHBOURS_MAX: usize = 2;

/// Score from which a neighbour counts: medium.
const NEIGHBOUR_SCORE: i16 = 60;

/// A candidate that was accepted: positions within the document's collected text.
pub(super) struct Candidate {
    pub(super) signature: u16,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) score: i16,
    pub(super) test: bool,
    /// A word near it speaks against it.
    pub(super) denied: bool,
}

/// Ranges of one kind that were kept, in order: start, end and class. They do not overlap.
#[derive(Default)]
struct Kept(Vec<(u64, u64, DataClass)>);

impl Kept {
    fn overlaps(&self, start: u64, end: u64, class: Option<DataClass>) -> bool {
        let before = self.0.get(..self.place(end)).unwrap_or_default();
        let near = before.iter().rev().take_while(|(_, until, _)| *until > start);
        near.map(|(.., of)| of).any(|of| class.is_none_or(|class| class == *of))
    }

    /// Where a range that begins at a position belongs.
    fn place(&self, start: u64) -> usize {
        self.0.partition_point(|(other, ..)| *other < start)
    }

    fn insert(&mut self, start: u64, end: u64, class: DataClass) {
        let place = self.place(start);
        match self.0.get_mut(place).filter(|(other, ..)| *other == start) {
            Some(same) => *same = (start, end, class),
            None => self.0.insert(place, (start, end, class)),
        }
    }
}

/// Decides a block's candidates and turns those that stay into pending findings.
pub(super) fn settle(
    catalogue: &Catalogue,
    digester: &mut Digester,
    document: &mut DocumentScan,
    candidates: &mut Vec<Candidate>,
) {
    candidates.sort_by_key(|c| (c.start, c.end, c.signature));
    let known = document.pending.len();
    let before = document.pending.iter().map(|p| p.end).max().unwrap_or(0);
    let mut rest = candidates.as_mut_slice();
    while let Some(first) = rest.first() {
        // Candidates that overlap, directly or through others, are decided together. Most stand alone.
        let start = first.start;
        let mut end = first.end;
        let mut count = 1;
        while let Some(next) = rest.get(count).filter(|next| next.start < end) {
            end = end.max(next.end);
            count += 1;
        }
        let (together, others) = rest.split_at_mut(count);
        if count == 1 && start >= before {
            together.iter().for_each(|c| keep(catalogue, digester, document, c));
        } else {
            let known = if start < before { known } else { 0 };
            let kept = document.pending.len();
            choose(catalogue, digester, document, together, (start, end, known));
            // In order as far as can be told yet: what is in order already costs little to sort in the end.
            document.pending.get_mut(kept..).unwrap_or_default().sort_by_key(|p| (p.start, p.end, p.signature));
        }
        rest = others;
    }
    candidates.clear();
    document.pending.sort_by_key(|p| (p.start, p.end, p.signature));
}

/// Decides candidates that overlap each other, or what was kept before: the first `known` that are pending.
fn choose(
    catalogue: &Catalogue,
    digester: &mut Digester,
    document: &mut DocumentScan,
    candidates: &mut [Candidate],
    (start, end, known): (u64, u64, usize),
) {
    candidates.sort_by(|a, b| {
        let length = |c: &Candidate| c.end - c.start;
        b.score
            .cmp(&a.score)
            .then(length(b).cmp(&length(a)))
            .then(a.start.cmp(&b.start))
            .then(a.signature.cmp(&b.signature))
    });
    let (mut shaped, mut keyed) = (Kept::default(), Kept::default());
    for pending in document.pending.iter().take(known).filter(|p| p.start < end && p.end > start) {
        if let Some((signature, _)) = catalogue.at(pending.signature).filter(|(s, _)| !s.container) {
            let kept = if signature.edge == Edge::Key { &mut keyed } else { &mut shaped };
            kept.insert(pending.start, pending.end, signature.class);
        }
    }
    let mut containers: Vec<(u16, u64)> = Vec::new();
    for candidate in candidates {
        let Some((signature, _)) = catalogue.at(candidate.signature) else {
            continue;
        };
        if signature.container {
            // Few: of one signature they do not overlap.
            if containers.contains(&(candidate.signature, candidate.start)) {
                continue;
            }
            containers.push((candidate.signature, candidate.start));
        } else {
            let (own, other) = if signature.edge == Edge::Key { (&mut keyed, &shaped) } else { (&mut shaped, &keyed) };
            if own.overlaps(candidate.start, candidate.end, None)
                || other.overlaps(candidate.start, candidate.end, Some(signature.class))
            {
                continue;
            }
            own.insert(candidate.start, candidate.end, signature.class);
        }
        keep(catalogue, digester, document, candidate);
    }
}

/// Makes a pending finding of a candidate.
fn keep(catalogue: &Catalogue, digester: &mut Digester, document: &mut DocumentScan, candidate: &Candidate) {
    let Some((signature, _)) = catalogue.at(candidate.signature) else {
        return;
    };
    let from = (candidate.start - document.base) as usize;
    let to = (candidate.end - document.base) as usize;
    let value = document.text.get(from..to).unwrap_or_default();
    let (offset, length) = document.source(candidate.start, candidate.end);
    let finding = Finding {
        signature: signature.id.clone(),
        class: signature.class,
        confidence: Confidence(0),
        offset,
        length,
        masked: masked(value, signature.class),
        digest: digester.digest_of(candidate.signature, &signature.id, value, signature.normalise),
        field: document.field(candidate.start).map(|f| f.path.to_string()),
        document: document.path.clone(),
        test_value: candidate.test,
        record: document.record_at(candidate.start),
        subject: subject(signature, value),
        watch: None,
    };
    document.pending.push(Pending {
        start: candidate.start,
        end: candidate.end,
        signature: candidate.signature,
        score: candidate.score,
        denied: candidate.denied,
        finding: Some(finding),
    });
}

/// Gives out the pending findings that lie far enough before `to` for all their neighbours to be known. Returns their
/// number.
pub(super) fn give_out(document: &mut DocumentScan, to: u64, found: &mut dyn FnMut(Finding)) -> u64 {
    let settled = |p: &Pending| p.start.saturating_add(NEIGHBOUR_OCTETS) <= to;
    let mut scores: Vec<i16> = Vec::new();
    let mut low = 0;
    for (at, pending) in document.pending.iter().enumerate() {
        if !settled(pending) {
            break;
        }
        while document.pending.get(low).is_some_and(|p| p.start + NEIGHBOUR_OCTETS < pending.start) {
            low += 1;
        }
        let mut others: [Option<u16>; NEIGHBOURS_MAX] = [None; NEIGHBOURS_MAX];
        if pending.score < 100 && !pending.denied {
            let near = document.pending.iter().enumerate().skip(low);
            for (index, other) in near.take_while(|(_, o)| o.start <= pending.start + NEIGHBOUR_OCTETS) {
                let counts = index != at && other.signature != pending.signature && other.score >= NEIGHBOUR_SCORE;
                if counts && !others.contains(&Some(other.signature)) {
                    match others.iter_mut().find(|o| o.is_none()) {
                        Some(slot) => *slot = Some(other.signature),
                        None => break,
                    }
                }
            }
        }
        let raised = others.iter().flatten().count() as i16 * NEIGHBOUR;
        scores.push((pending.score + raised).min(100));
    }
    let count = scores.len();
    // What was given out may still raise what comes after it.
    let keep = document.pending.partition_point(|p| p.start.saturating_add(2 * NEIGHBOUR_OCTETS) <= to);
    let given = document.given.min(count);
    for (pending, score) in document.pending.iter_mut().zip(scores).skip(given) {
        if let Some(mut finding) = pending.finding.take() {
            finding.confidence = Confidence(score as u8);
            found(finding);
        }
    }
    document.pending.drain(..keep);
    document.given = count - keep.min(count);
    (count - given) as u64
}
