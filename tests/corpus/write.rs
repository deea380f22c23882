//! Writes the corpus as JSON lines to standard output, with what Borderpost finds in it, for tools in other languages
//! (`presidio.py`): `cargo run --example make-corpus [SEED [ROUNDS]]`. Offsets and lengths are octets of UTF-8; documents that
//! are not UTF-8 (images) are left out.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "its output")]

use std::sync::Arc;

use borderpost::scan::{Catalogue, Scanner};
use serde_json::{Value, json};

#[path = "mod.rs"]
mod corpus;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |or: u64| arguments.next().and_then(|a| a.parse().ok()).unwrap_or(or);
    let (seed, rounds) = (number(1), number(4));
    let catalogue = Catalogue::built_in().expect("the built-in catalogue is right");
    let mut scanner = Scanner::new(Arc::new(catalogue), [0; 32]);
    for sample in corpus::corpus(seed, rounds as usize) {
        let Ok(text) = str::from_utf8(&sample.text) else { continue };
        let label = |l: &corpus::Label| json!({"offset": l.offset, "length": l.length, "class": l.class, "signature": l.signature, "context": l.context});
        let labels: Vec<Value> = sample.labels.iter().map(label).collect();
        let found: Vec<Value> = corpus::score::scan(&mut scanner, &sample)
            .iter()
            .filter(|f| f.level != "low")
            .map(|f| json!({"offset": f.offset, "length": f.length, "class": f.class, "signature": f.signature}))
            .collect();
        println!(
            "{}",
            json!({"form": sample.form, "language": sample.language, "text": text, "labels": labels, "found": found})
        );
    }
}
