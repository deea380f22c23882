//! Writes the corpus as JSON lines to standard output, for tools in other languages (`presidio.py`):
//! `cargo run --example make-corpus [SEED [ROUNDS]] > corpus.jsonl`. Offsets and lengths are octets of UTF-8.

#![allow(clippy::print_stdout, reason = "its output")]

#[path = "mod.rs"]
mod corpus;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |or: u64| arguments.next().and_then(|a| a.parse().ok()).unwrap_or(or);
    let (seed, rounds) = (number(1), number(4));
    for sample in corpus::corpus(seed, rounds as usize) {
        let labels: Vec<serde_json::Value> = sample
            .labels
            .iter()
            .map(|l| {
                serde_json::json!({"offset": l.offset, "length": l.length, "class": l.class, "signature": l.signature,
                    "context": l.context})
            })
            .collect();
        let line = serde_json::json!({"form": sample.form, "language": sample.language, "text": sample.text,
            "labels": labels});
        println!("{line}");
    }
}
