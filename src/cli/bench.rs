//! `borderpost signatures bench`: precision and recall over a generated corpus.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Failure, catalogues::catalogue};
use crate::scan::Scanner;

#[path = "../../tests/corpus/mod.rs"]
mod corpus;

use corpus::score::{Score, scan};

/// A table of what is found and what is not, by signature and class.
pub(super) fn bench(seed: u64, rounds: usize, signatures: Vec<PathBuf>) -> Result<String, Failure> {
    let mut scanner = Scanner::new(Arc::new(catalogue(signatures)?), [0; 32]);
    let mut score = Score::default();
    for sample in corpus::corpus(seed, rounds) {
        score.add(&sample, &scan(&mut scanner, &sample));
    }
    Ok(score.table())
}
