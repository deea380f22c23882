//! `borderpost signatures`: what is built in or loaded, and what it finds in files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::args::SignatureAction;
use super::catalogues::catalogue;
use super::{Done, Failure, print};
use crate::content::{TextSink, Unwrapper};
use crate::model::{
    Confidence, DataClass, DocumentKind, DocumentStart, Finding, Level, Limits, Text, UninspectedReason, shown_field,
};
use crate::scan::{DocumentScan, Scanner, Signature};

/// Lines of a file whose beginnings are remembered, to say in which a finding stands.
const LINES_MAX: usize = 10_000_000;

pub(super) fn signatures(action: Option<SignatureAction>) -> Result<Done, Failure> {
    let list = || SignatureAction::List { class: None, json: false, signatures: Vec::new() };
    let text = match action.unwrap_or_else(list) {
        SignatureAction::List { class, json, signatures } => {
            let catalogue = catalogue(signatures)?;
            let chosen = catalogue.signatures().filter(|s| class.is_none_or(|class| s.class == class));
            if json { as_json(chosen) } else { listed(chosen) }
        }
        SignatureAction::Show { id, signatures } => {
            let catalogue = catalogue(signatures)?;
            let Some(signature) = catalogue.get(&id) else {
                let hint = catalogue.nearest(&id).unwrap_or_else(|| "see borderpost signatures list".to_owned());
                return Err(Failure::Runtime(format!("there is no signature {id:?}: {hint}")));
            };
            shown(signature)
        }
        SignatureAction::Bench { seed, rounds, signatures } => super::bench::bench(seed, rounds, signatures)?,
        SignatureAction::Test { files, media_type, level, json, signatures } => {
            let catalogue = Arc::new(catalogue(signatures)?);
            let mut text = String::new();
            for file in &files {
                let seen = scan(Scanner::new(Arc::clone(&catalogue), [0; 32]), file, &media_type)?;
                let name = if files.len() > 1 || json { Some(file.display().to_string()) } else { None };
                text.push_str(&seen.told(name.as_deref(), level, json));
            }
            text
        }
    };
    print(&text)?;
    Ok(Done::Well)
}

/// The level of a score, in a word.
fn word(score: i16) -> &'static str {
    Confidence(score.clamp(0, 100) as u8).level().map_or("-", Level::as_str)
}

/// Levels of a value alone, beside a word of the context, and under a label. What its validator adds is not counted.
fn levels(signature: &Signature) -> [&'static str; 3] {
    let score = i16::from(signature.score);
    let keyed = signature.edge == crate::scan::Edge::Key;
    let near = if signature.context.is_empty() && signature.labels.is_empty() { score } else { score + 30 };
    let named = if signature.labels.is_empty() { near } else { score + 60 };
    if keyed { ["-", "-", word(named)] } else { [word(score), word(near), word(named)] }
}

fn listed<'a>(signatures: impl Iterator<Item = &'a Signature>) -> String {
    let mut text =
        format!("{:28} {:18} {:2} {:6} {:6} {:6} {}\n", "ID", "CLASS", "OF", "ALONE", "NEAR", "NAMED", "TITLE");
    for signature in signatures {
        let [alone, near, named] = levels(signature);
        let subject = signature.subject.map_or_else(|| "-".to_owned(), |country| country.to_string());
        let class = signature.class.as_str();
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            text,
            "{:28} {class:18} {subject:2} {alone:6} {near:6} {named:6} {}",
            signature.id, signature.title
        );
    }
    text
}

fn as_json<'a>(signatures: impl Iterator<Item = &'a Signature>) -> String {
    let all: Vec<Value> = signatures
        .map(|s| {
            let examples: Vec<Value> =
                s.examples.iter().map(|e| json!({"verdict": e.verdict.as_str(), "text": e.text})).collect();
            json!({
                "id": &*s.id, "class": s.class.as_str(), "subject": s.subject.map(|country| country.to_string()),
                "title": s.title, "pattern": s.pattern, "edge": s.edge.as_str(), "extend": s.extend,
                "validator": s.validator, "score": s.score, "context": s.context, "labels": s.labels,
                "normalise": s.normalise.as_str(), "container": s.container, "source": s.source, "date": s.date,
                "examples": examples, "file": s.file, "line": s.line,
            })
        })
        .collect();
    format!("{:#}\n", Value::from(all))
}

fn shown(signature: &Signature) -> String {
    let mut text = format!("{}: {}\n", signature.id, signature.title);
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:10} {value}");
        }
    };
    row("class", signature.class.as_str());
    row("subject", &signature.subject.map_or_else(String::new, |country| country.to_string()));
    row("pattern", &signature.pattern);
    row("edge", signature.edge.as_str());
    row("extend", signature.extend.as_deref().unwrap_or_default());
    row("validator", signature.validator.as_deref().unwrap_or("none"));
    row("normalise", signature.normalise.as_str());
    let [alone, near, named] = levels(signature);
    row(
        "score",
        &format!("{}: alone {alone}, near a word of its context {near}, under a label {named}", signature.score),
    );
    row("labels", &signature.labels.join(", "));
    row("context", &signature.context.join(", "));
    row("container", if signature.container { "yes: neither hides what is in it nor is hidden" } else { "" });
    row("source", &format!("{} ({})", signature.source, signature.date));
    row("file", &format!("{}:{}", signature.file, signature.line));
    for example in &signature.examples {
        row(example.verdict.as_str(), &example.text);
    }
    text
}

/// What was found in a file.
struct Seen {
    findings: Vec<Finding>,
    octets: u64,
    /// Where lines begin.
    lines: Vec<u64>,
    unread: BTreeMap<UninspectedReason, u64>,
    persons: usize,
}

/// Unwraps and scans a file, as what a host sends is.
fn scan(scanner: Scanner, file: &Path, media_type: &str) -> Result<Seen, Failure> {
    let fail = |error: std::io::Error| Failure::Runtime(format!("{}: {error}", file.display()));
    let mut input: Box<dyn std::io::Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).map_err(fail)?)
    };
    let start = DocumentStart {
        kind: DocumentKind::FileContent,
        codings: Vec::new(),
        media_type: media_type.to_owned(),
        name: file.file_name().map(|name| name.to_string_lossy().into()),
        stream_offset: 0,
    };
    let mut unwrapper = Unwrapper::new(&start, &Limits::default());
    let mut sink = Sink {
        scanner,
        scans: vec![(DocumentScan::new(OUTER), OUTER.to_owned())],
        findings: Vec::new(),
        unread: BTreeMap::new(),
    };
    let (mut octets, mut lines) = (0, vec![0]);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let len = input.read(&mut buffer).map_err(fail)?;
        let Some(piece) = buffer.get(..len).filter(|piece| !piece.is_empty()) else { break };
        let room = LINES_MAX.saturating_sub(lines.len());
        lines.extend(memchr::memchr_iter(b'\n', piece).take(room).map(|at| octets + at as u64 + 1));
        octets += len as u64;
        unwrapper.octets(piece, &mut sink);
    }
    unwrapper.end(&mut sink);
    while !sink.scans.is_empty() {
        sink.leave();
    }
    let persons = sink.scanner.take_persons().len();
    Ok(Seen { findings: sink.findings, octets, lines, unread: sink.unread, persons })
}

/// How the file itself is called in the path of a document.
const OUTER: &str = "file";

struct Sink {
    scanner: Scanner,
    /// Open documents, outermost first, with their paths.
    scans: Vec<(DocumentScan, String)>,
    findings: Vec<Finding>,
    unread: BTreeMap<UninspectedReason, u64>,
}

impl TextSink for Sink {
    fn enter(&mut self, label: &str, _name: Option<&str>) {
        if let Some((outer, path)) = self.scans.last() {
            let path = format!("{path}/{label}");
            self.scans.push((outer.inner(&path), path));
        }
    }

    fn record(&mut self, number: u32) {
        if let Some((scan, _)) = self.scans.last_mut() {
            scan.record(number);
        }
    }

    fn text(&mut self, text: Text<'_>) {
        if let Some((scan, _)) = self.scans.last_mut() {
            let findings = &mut self.findings;
            self.scanner.text(scan, text, &mut |finding| findings.push(finding));
        }
    }

    fn leave(&mut self) {
        let Some((mut scan, _)) = self.scans.pop() else { return };
        let findings = &mut self.findings;
        let found = &mut |finding| findings.push(finding);
        match self.scans.last_mut() {
            Some((outer, _)) => self.scanner.end_within(&mut scan, outer, found),
            None => self.scanner.end(&mut scan, found),
        }
    }

    fn unread(&mut self, len: u64, reason: UninspectedReason) {
        *self.unread.entry(reason).or_default() += len;
    }
}

impl Seen {
    /// In which line of the file a finding stands, and where in it: both from 1. Within another document nobody can tell.
    fn place(&self, finding: &Finding) -> Option<(usize, u64)> {
        // A reader of a whole file counts its octets as they stand there; what is decoded is a document of its own.
        let whole = matches!(finding.document.strip_prefix(OUTER)?, "" | "/json" | "/csv" | "/tsv" | "/xml" | "/html");
        let line = self.lines.partition_point(|begin| *begin <= finding.offset);
        let begin = self.lines.get(line.checked_sub(1)?)?;
        (whole && self.lines.len() < LINES_MAX).then_some((line, finding.offset - begin + 1))
    }

    fn told(&self, file: Option<&str>, level: Level, json: bool) -> String {
        let mut text = String::new();
        let chosen = self.findings.iter().filter(|f| f.confidence.level() >= Some(level));
        if json {
            for finding in chosen {
                let place = self.place(finding);
                let told = json!({
                    "file": file, "line": place.map(|p| p.0), "column": place.map(|p| p.1),
                    "document": finding.document, "offset": finding.offset, "length": finding.length,
                    "field": finding.field.as_deref().map(shown_field), "signature": &*finding.signature,
                    "class": finding.class.as_str(), "confidence": finding.confidence.0,
                    "level": finding.confidence.level().map(Level::as_str), "masked": finding.masked,
                    "test_value": finding.test_value, "record": finding.record,
                    "subject": finding.subject.map(|country| country.to_string()),
                });
                let _ = writeln!(text, "{told}");
            }
            return text;
        }
        for finding in chosen {
            let place = match self.place(finding) {
                Some((line, column)) => format!("{line}:{column}"),
                None => format!("{}@{}", finding.document.strip_prefix("file/").unwrap_or("file"), finding.offset),
            };
            let place = file.map_or_else(|| place.clone(), |file| format!("{file}:{place}"));
            let word = finding.confidence.level().map_or("", |level| level.as_str());
            let mut more = finding.field.as_deref().map(shown_field).map(|f| format!(" {f}")).unwrap_or_default();
            if let Some(country) = finding.subject {
                let _ = write!(more, " of {country}");
            }
            if finding.test_value {
                more.push_str(" (test value)");
            }
            let (score, id, masked) = (finding.confidence.0, &finding.signature, &finding.masked);
            let _ = writeln!(text, "{place:>12}  {score:3} {word:6} {id:24} {masked}{more}");
        }
        let count = |level: Level| self.findings.iter().filter(|f| f.confidence.level() == Some(level)).count();
        let _ = write!(
            text,
            "{}{} high, {} medium, {} low in {} octets; {} persons",
            file.map(|file| format!("{file}: ")).unwrap_or_default(),
            count(Level::High),
            count(Level::Medium),
            count(Level::Low),
            self.octets,
            self.persons
        );
        for (reason, octets) in &self.unread {
            let _ = write!(text, "; {octets} octets not read ({})", reason.as_str());
        }
        let classes: std::collections::BTreeSet<DataClass> =
            self.findings.iter().filter(|f| f.confidence.level() >= Some(level)).map(|f| f.class).collect();
        if !classes.is_empty() {
            let names: Vec<&str> = classes.iter().map(|class| class.as_str()).collect();
            let _ = write!(text, "\nclasses: {}", names.join(", "));
        }
        text.push('\n');
        text
    }
}
