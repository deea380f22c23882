//! `borderpost signatures bench`: precision and recall over a generated corpus.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Failure, catalogues::catalogue};
use crate::model::Text;
use crate::scan::{DocumentScan, Scanner};

#[path = "../../tests/corpus/mod.rs"]
mod corpus;

use corpus::score::{Found, Score};

/// A table of what is found and what is not, by signature and class.
pub(super) fn bench(seed: u64, rounds: usize, signatures: Vec<PathBuf>) -> Result<String, Failure> {
    let mut scanner = Scanner::new(Arc::new(catalogue(signatures)?), [0; 32]);
    let mut score = Score::default();
    for sample in corpus::corpus(seed, rounds) {
        let mut document = DocumentScan::new("corpus");
        let mut found = Vec::new();
        let mut see = |f: crate::model::Finding| {
            found.push(Found {
                offset: f.offset as usize,
                length: f.length as usize,
                signature: f.signature.to_string(),
                class: f.class.as_str().to_owned(),
                level: f.confidence.level().map_or("low", crate::model::Level::as_str),
            });
        };
        for (at, text, field) in sample.pieces() {
            scanner.text(&mut document, Text { octets: text.as_bytes(), at: at as u64, field }, &mut see);
        }
        scanner.end(&mut document, &mut see);
        score.add(&sample, &found);
    }
    Ok(score.table())
}
