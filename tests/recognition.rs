//! How well user data is recognised, on the generated corpus: the figures that docs/detection.md promises.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

use std::sync::Arc;

use borderpost::scan::{Catalogue, Scanner};

mod corpus;

use corpus::corpus as generate;
use corpus::plants::plant_of;
use corpus::score::{Found, Score, scan};

#[test]
fn precision_and_recall_are_as_promised() {
    let catalogue = Arc::new(Catalogue::built_in().expect("the built-in catalogue is right"));
    let mut scanner = Scanner::new(Arc::clone(&catalogue), [0; 32]);
    let mut score = Score::default();
    let verbose = std::env::var_os("CORPUS_VERBOSE").is_some();
    for sample in generate(1, 4) {
        let found = scan(&mut scanner, &sample);
        score.add(&sample, &found);
        if verbose {
            let over = |f: &Found, l: &corpus::Label| f.offset < l.offset + l.length && l.offset < f.offset + f.length;
            for f in &found {
                if f.level != "low" && !sample.labels.iter().any(|l| l.class == f.class && over(f, l)) {
                    println!(
                        "WRONG {} {} {} | {:?}",
                        f.level,
                        f.signature,
                        sample.form,
                        String::from_utf8_lossy(
                            &sample.text[f.offset.saturating_sub(40)..(f.offset + f.length).min(sample.text.len())]
                        )
                    );
                }
            }
            for l in sample.labels.iter().filter(|l| l.context) {
                if !found.iter().any(|f| f.level != "low" && f.class == l.class && over(f, l)) {
                    println!("MISSED {} {} | {:?}", l.signature, sample.form, String::from_utf8_lossy(&sample.text));
                }
            }
        }
    }
    println!("{}", score.table());
    let unplanted: Vec<_> = catalogue.signatures().filter(|s| plant_of(&s.id).is_none()).map(|s| &s.id).collect();
    assert!(unplanted.is_empty(), "not planted: {unplanted:?}");
    assert!(score.total.precision(2) >= 0.99, "precision of level high: {:.4}", score.total.precision(2));
    assert!(score.total.precision(1) >= 0.90, "precision of level medium: {:.4}", score.total.precision(1));
    for (class, tally) in &score.classes {
        assert!(tally.recall() >= 0.98, "recall of {class}: {:.4}", tally.recall());
    }
}
