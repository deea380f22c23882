//! The text of the barcode on US and Canadian licences and identity cards: AAMVA DL/ID Card Design Standard, annex D
//! (reference section 5).
//!
//! ```text
//! @ LF RS CR "ANSI " issuer(6) version(2) jurisdiction-version(2) subfiles(2)   { type(2) offset(4) length(4) }...
//! type  { element-id(3) value LF }...  CR
//! ```

use super::dates::is_date;
use super::{Check, Validator, Value};

pub(super) const VALIDATORS: &[(&str, Validator)] =
    &[("aamva-header", header), ("aamva-header-escaped", escaped), ("aamva-element", element)];

/// Issuers (AAMVA's list, reference section 5).
const ISSUERS: &[u32] = &[
    604_426, 604_427, 604_428, 604_429, 604_430, 604_431, 604_432, 604_433, 636_000, 636_001, 636_002, 636_003,
    636_004, 636_005, 636_006, 636_007, 636_008, 636_009, 636_010, 636_011, 636_012, 636_013, 636_014, 636_015,
    636_016, 636_017, 636_018, 636_019, 636_020, 636_021, 636_022, 636_023, 636_024, 636_025, 636_026, 636_027,
    636_028, 636_029, 636_030, 636_031, 636_032, 636_033, 636_034, 636_035, 636_036, 636_037, 636_038, 636_039,
    636_040, 636_041, 636_042, 636_043, 636_044, 636_045, 636_046, 636_047, 636_048, 636_049, 636_050, 636_051,
    636_052, 636_053, 636_054, 636_055, 636_056, 636_057, 636_058, 636_059, 636_060, 636_061, 636_062,
];

/// Element identifiers that stand on cards in practice.
const ELEMENTS: &[&[u8; 3]] = &[
    b"DAA", b"DAB", b"DAC", b"DAD", b"DAG", b"DAH", b"DAI", b"DAJ", b"DAK", b"DAQ", b"DAU", b"DAW", b"DAX", b"DAY",
    b"DAZ", b"DBA", b"DBB", b"DBC", b"DBD", b"DCA", b"DCB", b"DCD", b"DCE", b"DCF", b"DCG", b"DCI", b"DCJ", b"DCK",
    b"DCL", b"DCS", b"DCT", b"DCU", b"DDA", b"DDB", b"DDC", b"DDD", b"DDE", b"DDF", b"DDG", b"DDH", b"DDI", b"DDJ",
    b"DDK", b"DDL",
];

/// Octets of a barcode that are searched for elements.
const BARCODE_OCTETS: usize = 1024;

/// A number of `length` digits at `at`.
fn number(text: &[u8], at: usize, length: usize) -> Option<usize> {
    let digits = text.get(at..at + length)?;
    digits.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + usize::from(b - b'0')))
}

/// Checks a header whose `ANSI ` or `AAMVA` stands at `at`; `text[0]` is the `@`.
fn plausible(text: &[u8], at: usize) -> Check {
    let Some(issuer) = number(text, at + 5, 6) else {
        return Check::Refuse;
    };
    if !ISSUERS.contains(&(issuer as u32)) {
        return Check::Refuse;
    }
    let Some(version) = number(text, at + 11, 2) else {
        return Check::PASS;
    };
    let (count_at, head) = if version == 1 { (at + 13, 15) } else { (at + 15, 17) };
    let Some(subfiles) = number(text, count_at, 2) else {
        return Check::PASS;
    };
    // The offset in the header counts from "@" with the usual three octets between it and "ANSI".
    let expected = 4 + head + 10 * subfiles;
    let first = at + head;
    let right_offset = number(text, first + 2, 4).is_some_and(|offset| offset == expected);
    let kind = text.get(first..first + 2).unwrap_or_default();
    let repeats = !kind.is_empty() && text.get(first + 10 * subfiles..first + 10 * subfiles + 2) == Some(kind);
    // A wrong offset is common on real cards: it costs nothing, a right one confirms.
    Check::bonus(if right_offset && repeats { 5 } else { 0 })
}

fn header(value: Value<'_>) -> Check {
    let text = value.onward();
    let Some(at) = text.iter().take(8).position(|b| *b == b'A') else {
        return Check::Refuse;
    };
    plausible(text, at)
}

/// The same with its control characters escaped, as in JSON that was not decoded.
fn escaped(value: Value<'_>) -> Check {
    let text = value.onward();
    let head = text.get(..40.min(text.len())).unwrap_or_default();
    match head.windows(2).position(|w| w == b"AN" || w == b"AA") {
        Some(at) => plausible(text, at),
        None => Check::Refuse,
    }
}

/// An element of a barcode or of its parts.
pub(in crate::scan) struct Element {
    /// Its identifier.
    pub(in crate::scan) id: [u8; 3],
    /// Where its value begins and ends, from the start of the text.
    pub(in crate::scan) start: usize,
    pub(in crate::scan) end: usize,
}

/// The end of a line: a control character, its JSON escape, or the end of the text.
fn line_end(text: &[u8], from: usize) -> (usize, usize) {
    let mut at = from;
    while let Some(&octet) = text.get(at) {
        if octet < 0x20 {
            return (at, at + 1);
        }
        if octet == b'\\' && matches!(text.get(at + 1), Some(b'n' | b'r' | b'u')) {
            let length = if text.get(at + 1) == Some(&b'u') { 6 } else { 2 };
            return (at, at + length);
        }
        if octet == b'"' {
            return (at, text.len());
        }
        at += 1;
    }
    (at, at)
}

/// The elements of a barcode's text: every line that begins with a known identifier, or with a subfile type and one.
pub(in crate::scan) fn elements(text: &[u8]) -> Vec<Element> {
    let text = text.get(..BARCODE_OCTETS.min(text.len())).unwrap_or_default();
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let (end, next) = line_end(text, at);
        let line = text.get(at..end).unwrap_or_default();
        let known = |from: usize| {
            let id = line.get(from..from + 3)?.first_chunk::<3>()?;
            (ELEMENTS.contains(&id) && line.len() > from + 3).then_some((*id, at + from + 3))
        };
        // The first element of a subfile follows the subfile's type on the same line, after the header.
        let inside = || {
            let from = line.windows(5).position(|w| {
                matches!(w, [b'D', b'L', ..] | [b'I', b'D', ..] | [b'E', b'N', ..])
                    && w.get(2..).is_some_and(is_element)
            })?;
            known(from + 2)
        };
        if let Some((id, start)) = known(0).or_else(inside) {
            found.push(Element { id, start, end });
        }
        at = next.max(at + 1);
    }
    found
}

fn is_element(id: &[u8]) -> bool {
    ELEMENTS.iter().any(|e| e.as_slice() == id)
}

/// One element line alone says nothing: at least four known ones within 600 octets make a barcode, one of them its
/// number, family name or birth date.
fn element(value: Value<'_>) -> Check {
    let text = value.onward();
    if !text.get(..3).is_some_and(is_element) {
        return Check::Refuse;
    }
    let text = text.get(..600.min(text.len())).unwrap_or_default();
    let mut ids: Vec<[u8; 3]> = elements(text).iter().map(|e| e.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let telling = ids.iter().any(|id| matches!(id, b"DAQ" | b"DCS" | b"DBB"));
    let born = elements(text).iter().filter(|e| &e.id == b"DBB").any(|e| {
        let part = |from: usize, length: usize| number(text, e.start + from, length).unwrap_or(0) as u32;
        is_date(part(4, 4), part(0, 2), part(2, 2)) || is_date(part(0, 4), part(4, 2), part(6, 2))
    });
    match (ids.len(), telling) {
        (4.., true) => Check::bonus(if born { 70 } else { 50 }),
        // Fewer: kept low, for context to decide.
        (_, true) => Check::PASS,
        _ => Check::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The synthetic barcode of the reference, section 5.
    pub(crate) const BARCODE: &str = "@\n\x1e\rANSI 636014100101DL00310216DLDAQD1234562\nDCSSAMPLE\nDDEN\nDACALEX\nDDFN\n\
        DADNONE\nDDGN\nDCAC\nDCBNONE\nDCDNONE\nDBD01012024\nDBB01011990\nDBA01012030\nDBC9\nDAU070 IN\nDAYBRO\n\
        DAG1 EXAMPLE ST\nDAIANYTOWN\nDAJCA\nDAK900010000  \nDCF00/00/0000NNNAN/ANFD/YY\nDCGUSA\r";

    #[test]
    fn elements_of_a_barcode() {
        assert_eq!(BARCODE.len(), 247);
        let text = BARCODE.as_bytes();
        let found: Vec<(String, &str)> = elements(text)
            .iter()
            .map(|e| (String::from_utf8_lossy(&e.id).into_owned(), &BARCODE[e.start..e.end]))
            .collect();
        assert_eq!(found[0], ("DAQ".into(), "D1234562"));
        assert_eq!(found[1], ("DCS".into(), "SAMPLE"));
        assert_eq!(found.len(), 22);
        assert_eq!(header(Value::new(text, 0, 30)), Check::bonus(5));
        for cut in 0..text.len() {
            elements(&text[..cut]);
            header(Value::new(&text[..cut], 0, cut));
        }
    }
}
