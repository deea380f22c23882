//! `borderpost signatures` and `borderpost policies`: what is built in or loaded, and what a signature finds in a file.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{CommonArgs, PolicyAction, SignatureAction};
use super::{Done, Failure, print, rules};
use crate::model::Text;
use crate::policy::PolicySet;
use crate::scan::{Catalogue, DocumentScan, Scanner, Signature};

pub(super) fn signatures(action: Option<SignatureAction>) -> Result<Done, Failure> {
    let mut text = String::new();
    match action.unwrap_or(SignatureAction::List { signatures: Vec::new() }) {
        SignatureAction::List { signatures } => {
            for signature in catalogue(signatures)?.signatures() {
                // Writing to a String cannot fail, here and below.
                let _ = writeln!(text, "{:28} {:18} {}", signature.id, signature.class, signature.title);
            }
        }
        SignatureAction::Show { id, signatures } => {
            let catalogue = catalogue(signatures)?;
            let Some(signature) = catalogue.get(&id) else {
                return Err(Failure::Runtime(format!("there is no signature {id:?}: see borderpost signatures list")));
            };
            show(&mut text, signature);
        }
        SignatureAction::Bench { seed, rounds, signatures } => text = super::bench::bench(seed, rounds, signatures)?,
        SignatureAction::Test { file, signatures } => test(&mut text, catalogue(signatures)?, &file)?,
    }
    print(&text)?;
    Ok(Done::Well)
}

pub(super) fn catalogue(signatures: Vec<PathBuf>) -> Result<Catalogue, Failure> {
    let args = CommonArgs { signatures, ..CommonArgs::default() };
    let settings = rules::settings(args.flags(), None)?;
    Catalogue::load(&settings.signatures).map_err(Failure::Invalid)
}

fn show(text: &mut String, signature: &Signature) {
    let _ = writeln!(text, "{}: {}", signature.id, signature.title);
    let _ = writeln!(text, "class      {}", signature.class);
    let _ = writeln!(text, "pattern    {}", signature.pattern);
    let _ = writeln!(text, "edge       {:?}", signature.edge);
    let _ = writeln!(text, "validator  {}", signature.validator.as_deref().unwrap_or("none"));
    let _ = writeln!(text, "score      {} without context", signature.score);
    let _ = writeln!(text, "labels     {}", signature.labels.join(", "));
    let _ = writeln!(text, "context    {}", signature.context.join(", "));
    let _ = writeln!(text, "source     {} ({})", signature.source, signature.date);
    for example in &signature.examples {
        let _ = writeln!(text, "{:10} {}", format!("{:?}", example.verdict).to_lowercase(), example.text);
    }
}

/// Scans a file as one document of plain text. Its values are shown masked, like everywhere.
fn test(text: &mut String, catalogue: Catalogue, file: &Path) -> Result<(), Failure> {
    let fail = |error: std::io::Error| Failure::Runtime(format!("{}: {error}", file.display()));
    let mut input: Box<dyn std::io::Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).map_err(fail)?)
    };
    // Nothing is compared with digests here, and they are not shown.
    let mut scanner = Scanner::new(Arc::new(catalogue), [0; 32]);
    let mut document = DocumentScan::new("file");
    let mut findings = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let mut at = 0;
    loop {
        let len = input.read(&mut buffer).map_err(fail)?;
        let Some(octets) = buffer.get(..len).filter(|octets| !octets.is_empty()) else { break };
        scanner.text(&mut document, Text { octets, at, field: None }, &mut |finding| findings.push(finding));
        at += len as u64;
    }
    scanner.end(&mut document, &mut |finding| findings.push(finding));
    for finding in &findings {
        let level = finding.confidence.level().map_or("", |level| level.as_str());
        let _ = writeln!(
            text,
            "{:>10}  {:28} {:3} {:6} {}",
            finding.offset, finding.signature, finding.confidence.0, level, finding.masked
        );
    }
    let _ = writeln!(text, "{} findings in {at} octets", findings.len());
    Ok(())
}

pub(super) fn policies(action: Option<PolicyAction>) -> Result<Done, Failure> {
    let mut text = String::new();
    match action.unwrap_or(PolicyAction::List) {
        PolicyAction::List => {
            for (name, policy) in PolicySet::list() {
                let title = policy.lines().find_map(|line| line.strip_prefix("title = ")).unwrap_or_default();
                let _ = writeln!(text, "{name:16} {}", title.trim_matches('"'));
            }
        }
        PolicyAction::Show { name } => match PolicySet::named(&name) {
            Some(policy) => text.push_str(policy),
            None => {
                return Err(Failure::Runtime(format!("there is no policy {name:?}: see borderpost policies list")));
            }
        },
    }
    print(&text)?;
    Ok(Done::Well)
}
