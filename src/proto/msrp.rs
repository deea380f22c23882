//! MSRP (RFC 4975): heads as sent, bodies with their media type, up to the end-line that repeats the transaction.

use crate::model::{Direction, DocumentKind, DocumentStart};

use super::decoder::{Doc, Input, Out, Probe, Role, Step, StreamDecoder};
use super::head_fields::{field, media_type};
use super::lines::{Run, bare, begins, line_len, split_word};
use super::unknown::plain;

/// Ports where MSRP is asked first.
pub(crate) const PORTS: &[u16] = &[2855];

/// Whether octets begin with a request or a response.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    match begins(octets, b"MSRP ") {
        None => Probe::More,
        Some(true) => Probe::Yes(Role::Either),
        Some(false) => Probe::No,
    }
}

/// A decoder for both ends.
pub(crate) fn decoder(_: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Msrp { halves: Default::default() })
}

/// Octets of a head that are kept for its fields, and of a transaction identifier.
const HEAD_MAX: usize = 8 << 10;
const TRANSACTION_MAX: usize = 32;

struct Msrp {
    halves: [Half; 2],
}

#[derive(Default)]
struct Half {
    /// `-------` and the transaction, once a message has begun.
    end_line: Vec<u8>,
    head: Vec<u8>,
    lines: Run,
    in_body: bool,
    body: Option<Doc>,
    /// Whether the next octets begin a line.
    mid_line: bool,
}

impl StreamDecoder for Msrp {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let half = input.dir.of_mut(&mut self.halves);
        let Some(len) = line_len(&input) else { return Step::Took(0) };
        let line = input.octets.get(..len).unwrap_or_default();
        let whole_start = !std::mem::replace(&mut half.mid_line, !line.ends_with(b"\n"));
        if whole_start && !half.end_line.is_empty() && line.starts_with(&half.end_line) {
            // The end-line is framing.
            half.close(out);
        } else if half.in_body {
            let start = DocumentStart {
                media_type: field(&half.head, &["content-type"]).map(media_type).unwrap_or_default(),
                ..plain(DocumentKind::MessageBody, input.at)
            };
            let doc = half.body.get_or_insert_with(|| out.start(input.dir, start));
            out.octets(doc, line);
        } else {
            if whole_start && half.end_line.is_empty() && begins(line, b"MSRP ") == Some(true) {
                let (transaction, _) = split_word(bare(line).get(5..).unwrap_or_default());
                half.end_line = [b"-------", transaction.get(..TRANSACTION_MAX).unwrap_or(transaction)].concat();
                half.lines.close(out);
            }
            let room = HEAD_MAX.saturating_sub(half.head.len());
            half.head.extend_from_slice(line.get(..room).unwrap_or(line));
            half.lines.octets(input.dir, DocumentKind::SipHead, input.at, line, out);
            if bare(line).is_empty() && !half.end_line.is_empty() {
                half.lines.close(out);
                half.in_body = true;
            }
        }
        Step::Took(len)
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let half = dir.of_mut(&mut self.halves);
        half.mid_line = true;
        match &half.body {
            Some(doc) => out.gap(doc, len),
            None => half.lines.gap(len, out),
        }
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        dir.of_mut(&mut self.halves).close(out);
    }

    fn held_bytes(&self) -> usize {
        self.halves.iter().map(|half| half.head.capacity() + half.end_line.capacity()).sum()
    }
}

impl Half {
    fn close(&mut self, out: &mut Out<'_>) {
        self.lines.close(out);
        if let Some(doc) = self.body.take() {
            out.end(&doc);
        }
        self.end_line.clear();
        self.head.clear();
        self.in_body = false;
    }
}
