//! HL7 version 2 messages (HL7 2.9, chapter 2): every field of a segment comes with its place and what it is, `PID-5.full
//! name`. Delimiters are text without a field.
//!
//! The components of a field are read as one value, with their delimiters, so that an address stays in one piece. Only those of
//! a person's name are values of their own.

use super::budget::Cx;
use super::document::Reader;
use super::value::Value;

/// Fields of whom a message is about, his relatives and his insurance, in words that signatures know.
const FIELDS: &[(&str, u16, &str)] = &[
    ("PID", 2, "patient id"),
    ("PID", 3, "medical record number"),
    ("PID", 4, "patient id"),
    ("PID", 5, "full name"),
    ("PID", 6, "mother maiden name"),
    ("PID", 7, "birth date"),
    ("PID", 9, "full name"),
    ("PID", 11, "postal address"),
    ("PID", 13, "phone"),
    ("PID", 14, "phone"),
    ("PID", 18, "account number"),
    ("PID", 19, "ssn"),
    ("PID", 20, "driver license"),
    ("PID", 26, "nationality"),
    ("NK1", 2, "full name"),
    ("NK1", 4, "postal address"),
    ("NK1", 5, "phone"),
    ("NK1", 16, "birth date"),
    ("GT1", 3, "full name"),
    ("GT1", 5, "postal address"),
    ("GT1", 6, "phone"),
    ("GT1", 8, "birth date"),
    ("GT1", 12, "ssn"),
    ("IN1", 16, "full name"),
    ("IN1", 18, "birth date"),
    ("IN1", 19, "postal address"),
    ("IN1", 36, "policy number"),
    ("DG1", 3, "diagnosis"),
    ("DG1", 4, "diagnosis"),
    ("AL1", 3, "allergy"),
    ("OBX", 5, "observation"),
];

/// Whether a document begins like a message.
pub(super) fn detect(head: &[u8]) -> bool {
    // MSH and the five delimiters, of which the first is repeated.
    match head {
        [b'M', b'S', b'H', bar, rest @ ..] => {
            !bar.is_ascii_alphanumeric() && *bar > b' ' && rest.get(..6).is_some_and(|next| next.contains(bar))
        }
        _ => false,
    }
}

/// Reads messages.
pub(super) struct Hl7 {
    at: u64,
    delimiter: u8,
    segment: Vec<u8>,
    /// Fields begun in this segment.
    number: u16,
    name: String,
    is_name: bool,
    value: Value,
    /// Records so far: a message, or from `PID` on a patient.
    records: u32,
}

impl Hl7 {
    /// A reader for a message that begins with `head`.
    pub(super) fn new(head: &[u8]) -> Self {
        let delimiter = head.get(3).copied().unwrap_or(b'|');
        Self {
            at: 0,
            delimiter,
            segment: Vec::new(),
            number: 0,
            name: String::new(),
            is_name: false,
            value: Value::new(),
            records: 0,
        }
    }

    fn field_begins(&mut self, cx: &mut Cx<'_>) {
        self.number = self.number.saturating_add(1);
        let segment = String::from_utf8_lossy(&self.segment).into_owned();
        if self.number == 1 && matches!(&*segment, "MSH" | "PID") {
            self.records = self.records.saturating_add(1);
            cx.out.record(self.records);
        }
        // The delimiter is the first field of a header.
        let number = self.number + u16::from(segment == "MSH");
        let about = FIELDS.iter().find(|(known, place, _)| *known == segment && *place == number);
        self.is_name = about.is_some_and(|(.., about)| *about == "full name");
        self.name = match about {
            Some((.., about)) => format!("{segment}-{number}.{about}"),
            None => format!("{segment}-{number}"),
        };
    }
}

impl Reader for Hl7 {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let mut rest = octets;
        while !rest.is_empty() {
            // The parts of a name are values of their own; addresses and numbers stay in one piece.
            let apart = if self.is_name { b'^' } else { self.delimiter };
            let len =
                rest.iter().position(|octet| matches!(octet, b'\r' | b'\n') || [self.delimiter, apart].contains(octet));
            let (piece, later) = rest.split_at(len.unwrap_or(rest.len()));
            if self.number == 0 {
                let room = 4_usize.saturating_sub(self.segment.len());
                self.segment.extend_from_slice(piece.get(..room).unwrap_or(piece));
                cx.text(piece, self.at, None);
            } else {
                self.value.octets(piece, self.at, Some(&self.name), cx);
            }
            self.at += piece.len() as u64;
            rest = later;
            let Some((&mark, later)) = rest.split_first() else { break };
            self.end(cx);
            if mark == self.delimiter {
                self.field_begins(cx);
            } else if matches!(mark, b'\r' | b'\n') {
                self.segment.clear();
                self.number = 0;
                self.is_name = false;
            }
            cx.text(&[mark], self.at, None);
            self.at += 1;
            rest = later;
        }
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        self.end(cx);
        self.at += len;
        // The segment is not known any more.
        self.segment = b"?".to_vec();
        self.number = 1;
        self.is_name = false;
        self.name = "?".to_owned();
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        if self.number > 0 {
            self.value.end(Some(&self.name), cx);
        }
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.segment.capacity() + self.name.capacity() + self.value.held_bytes()
    }
}
