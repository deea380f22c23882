//! How well user data is recognised, on the generated corpus: the figures that docs/detection.md promises.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

use std::sync::Arc;

use borderpost::model::Text;
use borderpost::scan::{Catalogue, DocumentScan, Scanner};

mod corpus;

use corpus::score::{Found, Score};
use corpus::{Sample, corpus as generate};

/// Scans a document of the corpus as the content room would hand it over.
fn scan(scanner: &mut Scanner, sample: &Sample) -> Vec<Found> {
    let mut document = DocumentScan::new("corpus");
    let mut found = Vec::new();
    let mut see = |f: borderpost::model::Finding| {
        found.push(Found {
            offset: f.offset as usize,
            length: f.length as usize,
            signature: f.signature.to_string(),
            class: f.class.as_str().to_string(),
            level: f.confidence.level().map_or("low", |l| l.as_str()),
        });
    };
    for (at, text, field) in sample.pieces() {
        scanner.text(&mut document, Text { octets: text.as_bytes(), at: at as u64, field }, &mut see);
    }
    scanner.end(&mut document, &mut see);
    found
}

#[test]
fn precision_and_recall_are_as_promised() {
    let catalogue = Arc::new(Catalogue::built_in().expect("the built-in catalogue is right"));
    let mut scanner = Scanner::new(catalogue, [0; 32]);
    let mut score = Score::default();
    let verbose = std::env::var_os("CORPUS_VERBOSE").is_some();
    for sample in generate(1, 4) {
        let found = scan(&mut scanner, &sample);
        score.add(&sample, &found);
        if verbose {
            let over = |f: &Found, l: &corpus::Label| f.offset < l.offset + l.length && l.offset < f.offset + f.length;
            for f in &found {
                if f.level != "low" && !sample.labels.iter().any(|l| l.class == f.class && over(f, l)) {
                    let from = sample.text.floor_char_boundary(f.offset.saturating_sub(40));
                    println!(
                        "WRONG {} {} {} | {:?}",
                        f.level,
                        f.signature,
                        sample.form,
                        &sample.text[from..(f.offset + f.length).min(sample.text.len())]
                    );
                }
            }
            for l in sample.labels.iter().filter(|l| l.context) {
                if !found.iter().any(|f| f.level != "low" && f.class == l.class && over(f, l)) {
                    println!("MISSED {} {} | {:?}", l.signature, sample.form, sample.text);
                }
            }
        }
    }
    println!("{}", score.table());
    assert!(score.total.precision(2) >= 0.99, "precision of level high: {:.4}", score.total.precision(2));
    assert!(score.total.precision(1) >= 0.90, "precision of level medium: {:.4}", score.total.precision(1));
    for (class, tally) in &score.classes {
        assert!(tally.recall() >= 0.98, "recall of {class}: {:.4}", tally.recall());
    }
}
