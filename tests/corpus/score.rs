//! Precision and recall of findings against labels.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use borderpost::model::{Finding, Level, Text};
use borderpost::scan::{DocumentScan, PERSON_RECORD, Scanner};

use super::Sample;

/// A finding, as far as it is scored.
pub struct Found {
    /// First octet within the document.
    pub offset: usize,
    /// Octets.
    pub length: usize,
    /// Signature.
    pub signature: String,
    /// Data class.
    pub class: String,
    /// `low`, `medium` or `high`.
    pub level: &'static str,
}

/// Scans a document of the corpus as the content room would hand it over. Bundles of several findings are left out: their
/// parts are scored.
pub fn scan(scanner: &mut Scanner, sample: &Sample) -> Vec<Found> {
    let mut document = DocumentScan::new("corpus");
    let mut found = Vec::new();
    let mut see = |f: Finding| {
        if &*f.signature != PERSON_RECORD {
            found.push(Found {
                offset: f.offset as usize,
                length: f.length as usize,
                signature: f.signature.to_string(),
                class: f.class.as_str().to_owned(),
                level: f.confidence.level().map_or("low", Level::as_str),
            });
        }
    };
    for (at, octets, field) in sample.pieces() {
        scanner.text(&mut document, Text { octets, at: at as u64, field }, &mut see);
    }
    scanner.end(&mut document, &mut see);
    found
}

/// What was right and what was not, of one signature or class.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    /// Values planted with context, and how many of them were found at level medium or high.
    pub planted: u64,
    pub found: u64,
    /// Values planted without context, and how many of them were found at any level.
    pub bare: u64,
    pub bare_found: u64,
    /// Findings by level, low to high: on a value of that class, and on something else.
    pub right: [u64; 3],
    pub wrong: [u64; 3],
}

impl Tally {
    /// Of the values with context, the part that was found; 1 if none was planted.
    pub fn recall(&self) -> f64 {
        share(self.found, self.planted)
    }

    /// Of the findings of a level (0 low, 1 medium, 2 high), the part that is right; 1 if there is none.
    pub fn precision(&self, level: usize) -> f64 {
        share(self.right[level], self.right[level] + self.wrong[level])
    }

    fn add(&mut self, other: &Self) {
        self.planted += other.planted;
        self.found += other.found;
        self.bare += other.bare;
        self.bare_found += other.bare_found;
        self.right.iter_mut().zip(other.right).for_each(|(a, b)| *a += b);
        self.wrong.iter_mut().zip(other.wrong).for_each(|(a, b)| *a += b);
    }
}

fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 1.0 } else { part as f64 / of as f64 }
}

/// Tallies by signature and by class.
#[derive(Default)]
pub struct Score {
    pub signatures: BTreeMap<String, Tally>,
    pub classes: BTreeMap<String, Tally>,
    pub total: Tally,
}

impl Score {
    /// Adds a document. A label counts as found if a finding of its class overlaps it; a finding counts as right if it
    /// overlaps a label of its class.
    pub fn add(&mut self, sample: &Sample, found: &[Found]) {
        let over = |f: &Found, offset: usize, length: usize| f.offset < offset + length && offset < f.offset + f.length;
        for label in &sample.labels {
            let hits = |f: &&Found| f.class == label.class && over(f, label.offset, label.length);
            let sure = found.iter().filter(hits).any(|f| f.level != "low");
            let any = found.iter().any(|f| hits(&f));
            let tally = Tally {
                planted: u64::from(label.context),
                found: u64::from(label.context && sure),
                bare: u64::from(!label.context),
                bare_found: u64::from(!label.context && any),
                ..Tally::default()
            };
            self.tally(label.signature, label.class, &tally);
        }
        for finding in found {
            let right = sample.labels.iter().any(|l| l.class == finding.class && over(finding, l.offset, l.length));
            let level = ["low", "medium", "high"].iter().position(|l| *l == finding.level).unwrap_or(0);
            let mut tally = Tally::default();
            if right {
                tally.right[level] += 1;
            } else {
                tally.wrong[level] += 1;
            }
            self.tally(&finding.signature, &finding.class, &tally);
        }
    }

    fn tally(&mut self, signature: &str, class: &str, tally: &Tally) {
        self.signatures.entry(signature.to_string()).or_default().add(tally);
        self.classes.entry(class.to_string()).or_default().add(tally);
        self.total.add(tally);
    }

    /// A table of all, as text.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:26}{:>8}{:>8}{:>10}{:>9}{:>10}{:>12}{:>11}{:>11}\n",
            "", "planted", "recall", "bare", "p(high)", "p(medium)", "high", "medium", "low"
        );
        let named = |name: &str, tally: &Tally, text: &mut String| {
            let counts: Vec<String> =
                (0..3).rev().map(|i| format!("{}/{}", tally.right[i], tally.right[i] + tally.wrong[i])).collect();
            let bare = format!("{}/{}", tally.bare_found, tally.bare);
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{name:26}{:>8}{:>8.3}{bare:>10}{:>9.3}{:>10.3}{:>12}{:>11}{:>11}",
                tally.planted,
                tally.recall(),
                tally.precision(2),
                tally.precision(1),
                counts[0],
                counts[1],
                counts[2]
            );
        };
        self.signatures.iter().for_each(|(name, tally)| named(name, tally, &mut text));
        text.push('\n');
        self.classes.iter().for_each(|(name, tally)| named(name, tally, &mut text));
        text.push('\n');
        named("all", &self.total, &mut text);
        text
    }
}
