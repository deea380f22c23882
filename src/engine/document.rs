//! A document being read: an unwrapper in front, one scan for every document within it behind.

use std::borrow::Cow;

use crate::content::{TextSink, Unwrapper, unwrap};
use crate::model::{DocumentStart, Finding, Limits, Text, Timestamp, UninspectedReason};
use crate::scan::{DocumentScan, Scanner};

use super::pixels::Pixels;
use super::scan_budget::ScanBudget;

/// An open document of a flow.
pub(super) struct OpenDocument {
    pub(super) id: u32,
    /// `None` once the document budget was used up: the rest is not read, and takes next to no memory until it ends.
    open: Option<Box<Open>>,
    /// What the lane's budget was last told.
    held: usize,
    /// Octets that were read.
    read: u64,
}

/// A document that is read.
struct Open {
    unwrapper: Unwrapper,
    inside: Inside,
}

/// What has been entered: the document itself and documents within it, outermost first, each with its path.
type Inside = Vec<(DocumentScan, Cow<'static, str>)>;

/// What documents of a lane are read with.
pub(super) struct Tools {
    pub(super) scanner: Scanner,
    pub(super) pixels: Pixels,
    pub(super) budget: ScanBudget,
    /// What the last document that came whole was scanned with: most are like the one before.
    spare: Inside,
    /// Time of the latest packet.
    pub(super) now: Timestamp,
}

impl Tools {
    pub(super) fn new(scanner: Scanner, limits: &Limits) -> Self {
        Self {
            scanner,
            pixels: Pixels::new(limits),
            budget: ScanBudget::new(limits),
            spare: Vec::new(),
            now: Timestamp::default(),
        }
    }
}

/// What reading a document brought to light.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) findings: Vec<Finding>,
    pub(super) unread: Vec<(UninspectedReason, u64)>,
}

impl OpenDocument {
    pub(super) fn new(id: u32, start: &DocumentStart, limits: &Limits) -> Self {
        let inside = vec![begin(start)];
        Self { id, open: Some(Box::new(Open { unwrapper: Unwrapper::new(start, limits), inside })), held: 0, read: 0 }
    }

    pub(super) fn octets(&mut self, octets: &[u8], tools: &mut Tools, reading: &mut Reading) {
        let len = octets.len() as u64;
        let Some(Open { unwrapper, inside }) = self.open.as_deref_mut() else {
            return reading.unread.push((UninspectedReason::ScanLimit, len));
        };
        if !tools.budget.grants(len, self.read, tools.now) {
            reading.unread.push((UninspectedReason::ScanLimit, len));
            self.gap(len, tools, reading);
            return;
        }
        self.read += len;
        unwrapper.octets(octets, &mut Sink { inside, tools, reading });
    }

    /// What follows is a value of this field, or structure.
    pub(super) fn field(&mut self, field: Option<&str>, tools: &mut Tools, reading: &mut Reading) {
        if let Some(Open { unwrapper, inside }) = self.open.as_deref_mut() {
            unwrapper.field(field, &mut Sink { inside, tools, reading });
        }
    }

    pub(super) fn gap(&mut self, len: u64, tools: &mut Tools, reading: &mut Reading) {
        if let Some(Open { unwrapper, inside }) = self.open.as_deref_mut() {
            unwrapper.gap(len, &mut Sink { inside, tools, reading });
        }
    }

    /// Reads what is still held back for context. What comes after, if the document did not end by itself, is not read.
    pub(super) fn end(&mut self, tools: &mut Tools, reading: &mut Reading) {
        if let Some(mut open) = self.open.take() {
            let mut sink = Sink { inside: &mut open.inside, tools, reading };
            open.unwrapper.end(&mut sink);
            while !sink.inside.is_empty() {
                sink.leave();
            }
        }
    }

    /// Ends what is being scanned with the scanner that began it, so that another can go on from here. A value that stands across
    /// this point is not found.
    pub(super) fn restart(&mut self, scanner: &mut Scanner, reading: &mut Reading) {
        let Some(Open { inside, .. }) = self.open.as_deref_mut() else { return };
        for (scan, _) in inside {
            scanner.end(scan, &mut |finding| reading.findings.push(finding));
        }
    }

    /// Octets allocated now, and by how much that differs from the last time.
    pub(super) fn settle_held(&mut self) -> (usize, isize) {
        let now = self.open.as_deref().map_or(0, |Open { unwrapper, inside }| {
            size_of::<Open>() + unwrapper.held_bytes() + inside.iter().map(|(scan, _)| scan.held_bytes()).sum::<usize>()
        });
        let change = now as isize - self.held as isize;
        self.held = now;
        (now, change)
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }
}

/// The scan of a document that begins, and its path.
fn begin(start: &DocumentStart) -> (DocumentScan, Cow<'static, str>) {
    let label = start.kind.as_str();
    (DocumentScan::new(label), Cow::Borrowed(label))
}

/// Reads a document that is all here: nothing of it is kept, and next to nothing is made for it that was not there.
pub(super) fn read_whole(
    start: &DocumentStart,
    octets: &[u8],
    limits: &Limits,
    tools: &mut Tools,
    reading: &mut Reading,
) {
    let len = octets.len() as u64;
    if len == 0 {
        return;
    }
    if !tools.budget.grants(len, 0, tools.now) {
        return reading.unread.push((UninspectedReason::ScanLimit, len));
    }
    let mut inside = std::mem::take(&mut tools.spare);
    if inside.first().is_none_or(|(_, label)| *label != start.kind.as_str()) {
        inside.clear();
        inside.push(begin(start));
    }
    let mut sink = Sink { inside: &mut inside, tools, reading };
    unwrap(start, limits, octets, &mut sink);
    while sink.inside.len() > 1 {
        sink.leave();
    }
    if let Some((scan, _)) = inside.first_mut() {
        tools.scanner.end(scan, &mut |finding| reading.findings.push(finding));
    }
    tools.spare = inside;
}

struct Sink<'a> {
    inside: &'a mut Inside,
    tools: &'a mut Tools,
    reading: &'a mut Reading,
}

impl TextSink for Sink<'_> {
    fn enter(&mut self, label: &str, _name: Option<&str>) {
        let (scan, path) = match self.inside.last() {
            Some((outer, around)) => {
                let path = format!("{around}/{label}");
                (outer.inner(&path), path)
            }
            None => (DocumentScan::new(label), label.to_owned()),
        };
        self.inside.push((scan, path.into()));
    }

    fn record(&mut self, number: u32) {
        if let Some((scan, _)) = self.inside.last_mut() {
            scan.record(number);
        }
    }

    fn text(&mut self, text: Text<'_>) {
        if let Some((scan, _)) = self.inside.last_mut() {
            let findings = &mut self.reading.findings;
            self.tools.scanner.text(scan, text, &mut |finding| findings.push(finding));
        }
    }

    fn leave(&mut self) {
        if let Some((mut scan, _)) = self.inside.pop() {
            let findings = &mut self.reading.findings;
            let found = &mut |finding| findings.push(finding);
            match self.inside.last_mut() {
                Some((outer, _)) => self.tools.scanner.end_within(&mut scan, outer, found),
                None => self.tools.scanner.end(&mut scan, found),
            }
        }
    }

    fn unread(&mut self, len: u64, reason: UninspectedReason) {
        self.reading.unread.push((reason, len));
    }

    fn may_look(&mut self, pixels: u64) -> bool {
        self.tools.pixels.take(pixels, self.tools.now)
    }

    fn not_looked_at(&mut self) {
        self.tools.pixels.not_looked_at += 1;
    }
}
