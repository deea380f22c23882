//! A labelled corpus of text with and without user data, made from a seed: what `borderpost signatures bench`,
//! `tests/recognition.rs` and the example `make-corpus` measure recognition on. Nothing in it belongs to anybody.
//!
//! A document has *labels* (where a planted value stands, which signature and class it is, whether the text says what
//! it is) and *fields* (the cells of a table, as the content room would name them). Documents of kind `negative` hold
//! none of the data, but much that looks like it.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "a generator of tests, used in part by each user")]

pub mod negatives;
pub mod numbers;
pub mod plants;
pub mod score;

use numbers::{Numbers, value};
use plants::{PLANTS, Plant};

/// A planted value.
#[derive(Clone)]
pub struct Label {
    /// First octet within the document.
    pub offset: usize,
    /// Octets.
    pub length: usize,
    /// Data class, as it is named outside.
    pub class: &'static str,
    /// Signature.
    pub signature: &'static str,
    /// Whether a key, column or neighbouring words say what it is.
    pub context: bool,
}

/// A document of the corpus.
#[derive(Clone)]
pub struct Sample {
    /// What it is: `json`, `sql`, `csv`, `log`, `chat`, `mail`, `html`.
    pub form: &'static str,
    /// Language of its words, ISO 639-1.
    pub language: &'static str,
    /// The text, UTF-8.
    pub text: String,
    /// Planted values, in order.
    pub labels: Vec<Label>,
    /// Ranges that are values of a named field, in order.
    pub fields: Vec<(usize, usize, String)>,
}

impl Sample {
    /// The text cut at its fields: offset, text, field.
    pub fn pieces(&self) -> Vec<(usize, &str, Option<&str>)> {
        let mut pieces = Vec::new();
        let mut at = 0;
        for (start, end, field) in &self.fields {
            pieces.push((at, &self.text[at..*start], None));
            pieces.push((*start, &self.text[*start..*end], Some(field.as_str())));
            at = *end;
        }
        pieces.push((at, &self.text[at..], None));
        pieces
    }
}

/// Text that grows, with its labels.
struct Draft(Sample);

impl Draft {
    fn new(form: &'static str, language: &'static str) -> Self {
        Self(Sample { form, language, text: String::new(), labels: Vec::new(), fields: Vec::new() })
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.0.text.push_str(text);
        self
    }

    fn plant(&mut self, plant: &Plant, value: &str, context: bool) -> &mut Self {
        let (offset, length) = (self.0.text.len(), value.len());
        self.0.labels.push(Label { offset, length, class: plant.class, signature: plant.id, context });
        self.text(value)
    }
}

/// The corpus of a seed: `rounds` times every planted value in every form, and as many documents without user data.
pub fn corpus(seed: u64, rounds: usize) -> Vec<Sample> {
    let mut n = Numbers::new(seed);
    let mut samples = Vec::new();
    for _ in 0..rounds {
        for plant in PLANTS {
            for form in plant.forms() {
                samples.push(planted(&mut n, plant, form));
            }
        }
        for _ in 0..PLANTS.len() {
            for form in ["json", "sql", "csv", "log", "chat", "mail", "html"] {
                samples.push(negatives::document(&mut n, form));
            }
        }
    }
    samples
}

fn planted(n: &mut Numbers, plant: &Plant, form: &'static str) -> Sample {
    let made = value(n, plant.id);
    let key = n.one(plant.keys);
    let (language, phrase) = *n.one(&plant.phrases.iter().collect::<Vec<_>>());
    let mut draft = Draft::new(form, language);
    let noise = |n: &mut Numbers| negatives::fact(n);
    match form {
        "json" => {
            let escaped = made.replace('\n', "\\n");
            draft.text(&format!("{{\"{}\":{},\"profile\":{{\"{key}\":\"", "page", n.within(1, 40)));
            draft.plant(plant, &escaped, true).text(&format!("\"}},\"ok\":true,\"next\":\"{}\"}}", noise(n)));
        }
        "sql" => {
            draft.text(&format!("UPDATE profiles SET {key} = '"));
            draft.plant(plant, &made, true).text(&format!("' WHERE page = {};\n", n.within(1, 90)));
        }
        "csv" => {
            draft.text(&format!("page,{key},state\n{},", n.within(1, 90)));
            let start = draft.0.text.len();
            draft.plant(plant, &made, true);
            draft.0.fields.push((start, start + made.len(), key.to_string()));
            draft.text(&format!(",{}\n", n.one(&["open", "closed", "new"])));
        }
        "log" => {
            draft.text(&format!(
                "2026-11-05T12:{:02}:{:02}Z INFO profile saved {key}=",
                n.within(0, 60),
                n.within(0, 60)
            ));
            draft.plant(plant, &made, true).text(&format!(" took={}ms\n", n.within(1, 900)));
        }
        "chat" => {
            draft.text(&format!("{}\n{phrase}: ", plants::greeting(language)));
            draft.plant(plant, &made, true).text(" ok?\n");
        }
        "mail" => {
            draft.text(&format!("Subject: Re: update\n\n{}\n\n{phrase} ", plants::greeting(language)));
            draft.plant(plant, &made, true).text(&format!("\n\n{}\n", noise(n)));
        }
        "html" => {
            draft.text(&format!("<tr><td class=\"k\">{phrase}</td><td>"));
            draft.plant(plant, &made, true).text("</td></tr>\n");
        }
        _ => {
            // The value and nothing that says what it is.
            draft.text(&format!("{} ", plants::greeting(language)));
            draft.plant(plant, &made, false).text(" .\n");
        }
    }
    draft.0
}
