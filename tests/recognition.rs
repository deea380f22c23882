//! How well user data is recognised, on the generated corpus: the figures that docs/detection.md promises.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use borderpost::scan::{Catalogue, Scanner};

mod corpus;

use corpus::corpus as generate;
use corpus::plants::plant_of;
use corpus::score::{Found, Score, Tally, scan};

/// Seeds of the corpora.
const SEEDS: [u64; 5] = [1, 2, 3, 7, 99];

/// Of each corpus, and of all together, in every class: recall of what is planted with context, and precision by level where
/// there are so many findings that one wrong one is not the whole difference.
const RECALL: f64 = 0.98;
const HIGH: (f64, u64) = (0.99, 100);
const MEDIUM: (f64, u64) = (0.90, 10);

#[test]
fn precision_and_recall_are_as_promised() {
    let catalogue = Arc::new(Catalogue::built_in().expect("the built-in catalogue is right"));
    let unplanted: Vec<_> = catalogue.signatures().filter(|s| plant_of(&s.id).is_none()).map(|s| &s.id).collect();
    assert!(unplanted.is_empty(), "not planted: {unplanted:?}");
    let mut scanner = Scanner::new(catalogue, [0; 32]);
    let mut all = Score::default();
    let mut problems = Vec::new();
    for seed in SEEDS {
        let mut score = Score::default();
        for sample in generate(seed, 4) {
            let found = scan(&mut scanner, &sample);
            score.add(&sample, &found);
            all.add(&sample, &found);
            if std::env::var_os("CORPUS_VERBOSE").is_some() {
                tell(&sample, &found);
            }
        }
        check(&format!("seed {seed}"), &score.classes, &mut problems);
        assert!(score.total.precision(2) >= HIGH.0 && score.total.precision(1) >= MEDIUM.0, "{}", score.table());
    }
    println!("{}", all.table());
    check("all seeds", &all.classes, &mut problems);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Adds the promises that are not kept.
fn check(what: &str, classes: &BTreeMap<String, Tally>, problems: &mut Vec<String>) {
    for (class, tally) in classes {
        if tally.recall() < RECALL {
            problems.push(format!("{what}: recall of {class} is {:.4}", tally.recall()));
        }
        for (level, name, (least, enough)) in [(2, "high", HIGH), (1, "medium", MEDIUM)] {
            if tally.right[level] + tally.wrong[level] >= enough && tally.precision(level) < least {
                problems.push(format!("{what}: precision of {class} at level {name} is {:.4}", tally.precision(level)));
            }
        }
    }
}

/// Prints what is wrong and what was missed.
fn tell(sample: &corpus::Sample, found: &[Found]) {
    let over = |f: &Found, l: &corpus::Label| {
        f.class == l.class && f.offset < l.offset + l.length && l.offset < f.offset + f.length
    };
    let text =
        |from: usize, to: usize| String::from_utf8_lossy(&sample.text[from..to.min(sample.text.len())]).into_owned();
    for f in found.iter().filter(|f| f.level != "low" && !sample.labels.iter().any(|l| over(f, l))) {
        let around = text(f.offset.saturating_sub(40), f.offset + f.length);
        println!("WRONG {} {} {} | {around:?}", f.level, f.signature, sample.form);
    }
    for l in sample.labels.iter().filter(|l| l.context && !found.iter().any(|f| f.level != "low" && over(f, l))) {
        println!("MISSED {} {} | {:?}", l.signature, sample.form, text(0, sample.text.len()));
    }
}
