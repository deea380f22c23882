//! Health, genomic and biometric records. Source: reference section 3.6.

use super::{Check, Validator, Value};

pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("hl7v2", |v| Check::bonus(if v.onward().windows(4).take(2048).any(|w| w == b"PID|") { 30 } else { 0 })),
    ("icd10", |v| {
        // A code with a point is rarer than a cell or part number.
        let pointed = v.octets().contains(&b'.');
        if is_chapter(v.octets()) { Check::bonus(if pointed { 10 } else { 0 }) } else { Check::Refuse }
    }),
    ("mrn", |v| Check::when(v.octets().iter().any(u8::is_ascii_digit))),
    ("fastq", fastq),
];

/// Whether a chapter of ICD-10-CM (2026) holds the category.
fn is_chapter(code: &[u8]) -> bool {
    let [letter, tens, ..] = *code.to_ascii_uppercase() else { return false };
    let last = match letter {
        b'D' | b'E' | b'T' => b'8',
        _ => b'9',
    };
    tens <= last && !code.eq_ignore_ascii_case(b"F00")
}

/// The quality line, as far as it is there, has no more cells than the sequence line.
fn fastq(value: Value<'_>) -> Check {
    let mut lines = value.onward().split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end);
    let sequence = lines.nth(1).unwrap_or_default();
    let quality = lines.nth(1).unwrap_or_default();
    Check::when(quality.len() <= sequence.len()).raise(quality.len() == sequence.len(), 20)
}
