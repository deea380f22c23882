//! Writes the corpus as JSON lines to standard output, with what Borderpost finds in it, for tools in other languages
//! (`presidio.py`): `cargo run --example make-corpus [SEED [ROUNDS]]`. Offsets and lengths are octets of UTF-8; documents that
//! are not UTF-8 (images) are left out. `make-corpus scan` reads such lines from standard input instead (`independent.py`).

#![allow(clippy::expect_used, clippy::print_stdout, reason = "its output")]

use std::sync::Arc;

use borderpost::scan::{Catalogue, Scanner};
use serde_json::{Value, json};

#[path = "mod.rs"]
mod corpus;

use corpus::Sample;

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    let catalogue = Catalogue::built_in().expect("the built-in catalogue is right");
    let mut scanner = Scanner::new(Arc::new(catalogue), [0; 32]);
    if arguments.peek().is_some_and(|first| first == "scan") {
        for line in std::io::stdin().lines() {
            let mut sample: Value = serde_json::from_str(&line.expect("text")).expect("a line of JSON");
            let text = sample["text"].as_str().unwrap_or_default().as_bytes().to_vec();
            let read = Sample { form: "given", language: "en", text, labels: Vec::new(), fields: Vec::new() };
            sample["found"] = found(&mut scanner, &read);
            println!("{sample}");
        }
        return;
    }
    let mut number = |or: u64| arguments.next().and_then(|a| a.parse().ok()).unwrap_or(or);
    let (seed, rounds) = (number(1), number(4));
    for sample in corpus::corpus(seed, rounds as usize) {
        let Ok(text) = str::from_utf8(&sample.text) else { continue };
        let label = |l: &corpus::Label| json!({"offset": l.offset, "length": l.length, "class": l.class, "signature": l.signature, "context": l.context});
        let labels: Vec<Value> = sample.labels.iter().map(label).collect();
        let found = found(&mut scanner, &sample);
        println!(
            "{}",
            json!({"form": sample.form, "language": sample.language, "text": text, "labels": labels, "found": found})
        );
    }
}

/// What is found, with its level.
fn found(scanner: &mut Scanner, sample: &Sample) -> Value {
    let found = corpus::score::scan(scanner, sample);
    let of = |f: &corpus::score::Found| json!({"offset": f.offset, "length": f.length, "class": f.class, "signature": f.signature, "level": f.level});
    found.iter().map(of).collect()
}
