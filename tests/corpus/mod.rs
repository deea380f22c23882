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
use plants::{PLANTS, Plant, plant_of};

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
    /// What it is: `json`, `sql`, `csv`, `log`, `chat`, `mail`, `html`, `lines`, `part` (of a multipart form), `bare`.
    pub form: &'static str,
    /// Language of its words, ISO 639-1.
    pub language: &'static str,
    /// The text; UTF-8, but where a file stands in it.
    pub text: Vec<u8>,
    /// Planted values, in order.
    pub labels: Vec<Label>,
    /// Ranges that are values of a named field, in order.
    pub fields: Vec<(usize, usize, String)>,
}

impl Sample {
    /// The text cut at its fields: offset, text, field.
    pub fn pieces(&self) -> Vec<(usize, &[u8], Option<&str>)> {
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
        Self(Sample { form, language, text: Vec::new(), labels: Vec::new(), fields: Vec::new() })
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.0.text.extend_from_slice(text.as_bytes());
        self
    }

    fn plant(&mut self, plant: &Plant, value: &[u8], context: bool) -> &mut Self {
        let at = self.0.text.len();
        self.label(plant, at, value.len(), context && !plant.is_low());
        // What a barcode or a photograph holds besides is user data, too.
        for (id, offset, length) in numbers::parts(plant.id, value) {
            if let Some(part) = plant_of(id) {
                self.label(part, at + offset, length, true);
            }
        }
        self.0.text.extend_from_slice(value);
        self
    }

    fn label(&mut self, plant: &Plant, offset: usize, length: usize, context: bool) {
        self.0.labels.push(Label { offset, length, class: plant.class, signature: plant.id, context });
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
    if let Some(file) = numbers::file(n, plant.id) {
        return planted_file(n, plant, form, &file);
    }
    let mut made = value(n, plant.id);
    // Numbers of documents are written in small letters, too.
    let is_number = plant.class == "government-id" && made.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_number && matches!(form, "json" | "sql" | "csv" | "log") && n.within(0, 4) == 0 {
        made.make_ascii_lowercase();
    }
    let key = n.one(plant.keys);
    let (language, phrase) = *n.one(&plant.phrases.iter().collect::<Vec<_>>());
    let mut draft = Draft::new(form, language);
    let noise = |n: &mut Numbers| negatives::fact(n);
    match form {
        "json" => {
            let escaped = made.replace('\n', "\\n");
            let escaped = escaped.as_bytes();
            draft.text(&format!("{{\"{}\":{},\"profile\":{{\"{key}\":\"", "page", n.within(1, 40)));
            draft.plant(plant, escaped, true).text(&format!("\"}},\"ok\":true,\"next\":\"{}\"}}", noise(n)));
        }
        "sql" => {
            draft.text(&format!("UPDATE profiles SET {key} = '"));
            draft.plant(plant, made.as_bytes(), true).text(&format!("' WHERE page = {};\n", n.within(1, 90)));
        }
        "csv" => {
            draft.text(&format!("page,{key},state\n{},", n.within(1, 90)));
            let start = draft.0.text.len();
            draft.plant(plant, made.as_bytes(), true);
            draft.0.fields.push((start, start + made.len(), key.to_string()));
            draft.text(&format!(",{}\n", n.one(&["open", "closed", "new"])));
        }
        "log" => {
            draft.text(&format!(
                "2026-11-05T12:{:02}:{:02}Z INFO profile saved {key}=",
                n.within(0, 60),
                n.within(0, 60)
            ));
            draft.plant(plant, made.as_bytes(), true).text(&format!(" took={}ms\n", n.within(1, 900)));
        }
        "chat" => {
            draft.text(&format!("{}\n{phrase}: ", plants::greeting(language)));
            draft.plant(plant, made.as_bytes(), true).text(" ok?\n");
        }
        "mail" => {
            draft.text(&format!("Subject: Re: update\n\n{}\n\n{phrase} ", plants::greeting(language)));
            draft.plant(plant, made.as_bytes(), true).text(&format!("\n\n{}\n", noise(n)));
        }
        "html" => {
            draft.text(&format!("<tr><td class=\"k\">{phrase}</td><td>"));
            draft.plant(plant, made.as_bytes(), true).text("</td></tr>\n");
        }
        "lines" => {
            draft.text(&format!("{phrase}:\n")).plant(plant, made.as_bytes(), true).text("\n");
        }
        _ => {
            // The value and nothing that says what it is.
            draft.text(&format!("{} ", plants::greeting(language)));
            draft.plant(plant, made.as_bytes(), false).text(" .\n");
        }
    }
    draft.0
}

/// A file that is sent with a form, or stands somewhere in other octets.
fn planted_file(n: &mut Numbers, plant: &Plant, form: &'static str, file: &[u8]) -> Sample {
    let mut draft = Draft::new(form, "en");
    if form == "part" {
        let name = n.one(plant.keys);
        draft.text(&format!("--b0undary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n"));
        draft.plant(plant, file, true).text("\r\n--b0undary--\r\n");
    } else {
        draft.text(&format!("{} ", plants::greeting("en"))).plant(plant, file, false).text(" .\n");
    }
    draft.0
}
