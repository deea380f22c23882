//! HL7 version 2 over MLLP (HL7 Transport Specification, appendix C): a message between 0x0b and 0x1c 0x0d is a document. Its
//! segments and fields are told apart where documents are unwrapped.

use memchr::memchr;

use crate::model::{Direction, DocumentKind};

use super::decoder::{Doc, Input, Out, Probe, Role, Step, StreamDecoder};
use super::lines::Run;
use super::unknown::plain;

/// Ports where HL7 is asked first.
pub(crate) const PORTS: &[u16] = &[2575, 6661];

const START: u8 = 0x0b;
const END: u8 = 0x1c;

/// Whether octets begin with a message.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    const BEGINNINGS: [&[u8]; 3] = [b"\x0bMSH", b"\x0bFHS", b"\x0bBHS"];
    let short = BEGINNINGS.iter().any(|beginning| beginning.starts_with(octets));
    match BEGINNINGS.iter().any(|beginning| octets.starts_with(beginning)) {
        true => Probe::Yes(Role::Either),
        false if short => Probe::More,
        false => Probe::No,
    }
}

/// A decoder for both ends.
pub(crate) fn decoder(_: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Mllp { halves: Default::default() })
}

struct Mllp {
    halves: [Half; 2],
}

#[derive(Default)]
struct Half {
    message: Option<Doc>,
    /// What stands between messages.
    between: Run,
}

impl StreamDecoder for Mllp {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let half = input.dir.of_mut(&mut self.halves);
        let Some(doc) = &half.message else {
            let len = memchr(START, input.octets).unwrap_or(input.octets.len());
            if len > 0 {
                let octets = input.octets.get(..len).unwrap_or_default();
                half.between.octets(input.dir, DocumentKind::Stream, input.at, octets, out);
                return Step::Took(len);
            }
            half.between.close(out);
            half.message = Some(out.start(input.dir, plain(DocumentKind::MessageBody, input.at + 1)));
            return Step::Took(1);
        };
        match memchr(END, input.octets) {
            Some(0) => {
                let used = match input.octets {
                    [_, b'\r', ..] => 2,
                    [_] if input.more => return Step::Took(0),
                    _ => 1,
                };
                if let Some(doc) = half.message.take() {
                    out.end(&doc);
                }
                Step::Took(used)
            }
            end => {
                let len = end.unwrap_or(input.octets.len());
                out.octets(doc, input.octets.get(..len).unwrap_or_default());
                Step::Took(len)
            }
        }
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let half = dir.of_mut(&mut self.halves);
        match &half.message {
            Some(doc) => out.gap(doc, len),
            None => half.between.gap(len, out),
        }
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        let half = dir.of_mut(&mut self.halves);
        half.between.close(out);
        if let Some(doc) = half.message.take() {
            out.end(&doc);
        }
    }
}
