//! Vectors that tell faces and voices apart: what recognition makes of a picture, as good as the picture for finding a person
//! again. Written as a JSON array of numbers, or as base64 of 32-bit floating point numbers.
//!
//! Source: reference section 3.6: 128, 256, 512 or 1024 numbers from -1 to 1, of length 1 as a rule. Vectors of texts look
//! the same: only what they are called tells them apart.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Check, Validator, Value};

pub(super) const VALIDATORS: &[(&str, Validator)] =
    &[("face-vector", vector), ("feature-vector", |v| if speaks_of_faces(v) { vector(v) } else { Check::Refuse })];

/// Octets of a vector that are looked at: what is there wherever the text was cut into blocks.
const SEEN_OCTETS: usize = 2000;

/// Numbers that must be seen.
const NUMBERS_MIN: usize = 64;

/// How many numbers a vector has whose end is seen.
const LENGTHS: [usize; 5] = [128, 256, 512, 1024, 2048];

/// Octets before a vector that may say what it is of.
const BEFORE_OCTETS: usize = 256;

const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// What was seen of a vector.
#[derive(Default)]
struct Seen {
    count: usize,
    squares: f64,
    /// Its end was seen.
    whole: bool,
}

fn vector(value: Value<'_>) -> Check {
    let text = value.onward();
    let text = text.get(..SEEN_OCTETS.min(text.len())).unwrap_or_default();
    let seen = if value.before().trim_ascii_end().ends_with(b"[") { numbers(text) } else { floats(text) };
    let Some(seen) = seen else { return Check::Refuse };
    let enough = if seen.whole { LENGTHS.contains(&seen.count) } else { seen.count >= NUMBERS_MIN };
    let unit = if seen.whole { (0.95..1.05).contains(&seen.squares) } else { seen.squares < 1.05 };
    match enough {
        true => Check::bonus(if unit { 10 } else { 0 }),
        false => Check::Refuse,
    }
}

/// Numbers parted by commas, as far as they go.
fn numbers(text: &[u8]) -> Option<Seen> {
    let end = text.iter().position(|b| *b == b']');
    let mut parts: Vec<&[u8]> = text.get(..end.unwrap_or(text.len()))?.split(|b| *b == b',').collect();
    if end.is_none() {
        // The last may be cut.
        parts.pop();
    }
    let mut seen = Seen { whole: end.is_some(), ..Seen::default() };
    for part in parts {
        let number: f64 = std::str::from_utf8(part.trim_ascii()).ok()?.parse().ok()?;
        add(&mut seen, number)?;
    }
    Some(seen)
}

/// Base64 of little-endian numbers, as far as it goes.
fn floats(text: &[u8]) -> Option<Seen> {
    let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'=');
    let run = text.iter().take_while(|b| is_base64(b)).count();
    let run = text.get(..run)?;
    let whole = run.len() < text.len() || run.len() < SEEN_OCTETS;
    let run = run.get(..if whole { run.len() } else { run.len() / 16 * 16 })?;
    let octets = STANDARD.decode(run).or_else(|_| URL_SAFE.decode(run)).ok()?;
    let mut seen = Seen { whole, ..Seen::default() };
    for octets in octets.chunks_exact(4) {
        let number = f32::from_le_bytes(*octets.first_chunk()?);
        // Of four octets that are no number, one in twelve would pass.
        if number != 0.0 && number.abs() < 1e-9 {
            return None;
        }
        add(&mut seen, f64::from(number))?;
    }
    (seen.squares > 1e-3).then_some(seen)
}

fn add(seen: &mut Seen, number: f64) -> Option<()> {
    seen.count += 1;
    seen.squares += number * number;
    (number.abs() <= 1.0).then_some(())
}

/// Whether a word before the vector is of faces or voices: `{"type":"face","embedding":[`.
fn speaks_of_faces(value: Value<'_>) -> bool {
    let before = value.before();
    let before = before.get(before.len().saturating_sub(BEFORE_OCTETS)..).unwrap_or_default();
    [&b"face"[..], b"facial", b"biometric", b"selfie", b"liveness", b"voiceprint", b"speaker"].iter().any(|word| {
        before.windows(word.len()).enumerate().any(|(at, window)| {
            let begins = at.checked_sub(1).and_then(|i| before.get(i)).is_none_or(|b| !b.is_ascii_alphabetic())
                || window.first().is_some_and(u8::is_ascii_uppercase);
            begins && window.eq_ignore_ascii_case(word)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(count: usize, each: f64) -> String {
        let numbers: Vec<String> =
            (0..count).map(|n| format!("{:.4}", if n % 2 == 0 { each } else { -each })).collect();
        format!("{}]", numbers.join(","))
    }

    #[test]
    fn arrays_of_numbers() {
        let unit = |count: usize| 0.9999 / (count as f64).sqrt();
        for (before, count, each, expected) in [
            ("\"face\":{\"v\":[", 128, unit(128), Check::bonus(10)),
            ("[", 128, 0.5, Check::PASS),
            ("[", 127, unit(127), Check::Refuse),
            // Longer than what is looked at.
            ("[", 512, unit(512), Check::bonus(10)),
            ("[", 1536, unit(1536), Check::bonus(10)),
            ("[", 128, 1.5, Check::Refuse),
            ("[0.1,", 128, unit(128), Check::Refuse),
        ] {
            let text = format!("{before}{}", written(count, each));
            assert_eq!(
                vector(Value::new(text.as_bytes(), before.len(), before.len() + 3)),
                expected,
                "{before} {count}"
            );
        }
        assert_eq!(vector(Value::new(b"[1,2,3]", 1, 2)), Check::Refuse);
        assert_eq!(vector(Value::new(b"", 3, 9)), Check::Refuse);
    }

    #[test]
    fn coded_numbers() {
        for (count, each, expected) in [
            (128, 0.088_388, Check::bonus(10)),
            (512, 0.044_194, Check::bonus(10)),
            (100, 0.1, Check::Refuse),
            (128, 1e30, Check::Refuse),
        ] {
            let octets: Vec<u8> = (0..count)
                .flat_map(|n: usize| f32::to_le_bytes(if n.is_multiple_of(3) { -each } else { each }))
                .collect();
            for text in [STANDARD.encode(&octets), URL_SAFE.encode(&octets), STANDARD.encode(&octets) + "\",\"x\":1"] {
                assert_eq!(vector(Value::new(text.as_bytes(), 0, 64)), expected, "{count}");
            }
        }
        let words = "VGhpcyBpcyBwbGFpbiB0ZXh0LCBhbmQgbm8gdmVjdG9yIG9mIGFueXRoaW5nLg".repeat(12);
        assert_eq!(vector(Value::new(words.as_bytes(), 0, 64)), Check::Refuse);
    }

    #[test]
    fn words_of_faces() {
        for (before, speaks) in
            [("{\"type\":\"face\",\"embedding\":[", true), ("userFace: ", true), ("interface: [", false), ("", false)]
        {
            assert_eq!(speaks_of_faces(Value::new(before.as_bytes(), before.len(), before.len())), speaks, "{before}");
        }
    }
}
