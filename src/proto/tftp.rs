//! TFTP (RFC 1350, RFC 2347): file names of requests, and the file itself: blocks that follow each other are one document.
//!
//! The data comes from another port than the one that was asked, so it is another flow: it is recognised by its first block or
//! by an acknowledgement.

use crate::model::{Direction, DocumentKind};

use super::decoder::{DatagramDecoder, Doc, Out};
use super::fields::Fields;
use super::reader::Reader;
use super::registry::Ports;
use super::unknown::plain;

/// Ports where TFTP is asked first.
pub(crate) const PORTS: &[u16] = &[69];

/// Octets of a block unless another size was agreed.
const BLOCK: usize = 512;

/// Whether a datagram is a request, a first block, an acknowledgement of it, or an agreement on options.
pub(crate) fn probe(octets: &[u8], _: Ports) -> bool {
    match octets {
        [0, 1 | 2, words @ ..] => request(words).is_some(),
        [0, 3, 0, 1, ..] => true,
        [0, 4, 0, 0 | 1] => true,
        [0, 6, words @ ..] => words.ends_with(&[0]) && words.is_ascii() && words.iter().any(u8::is_ascii_alphabetic),
        _ => false,
    }
}

/// The file name of a request, whose mode has to be one.
fn request(words: &[u8]) -> Option<&[u8]> {
    let mut words = words.split(|octet| *octet == 0);
    let (name, mode) = (words.next()?, words.next()?);
    let known = [&b"octet"[..], b"netascii", b"mail"].iter().any(|known| mode.eq_ignore_ascii_case(known));
    (known && !name.is_empty()).then_some(name)
}

/// A decoder.
pub(crate) fn decoder(_: Direction) -> Box<dyn DatagramDecoder> {
    Box::new(Tftp { halves: Default::default() })
}

struct Tftp {
    halves: [Half; 2],
}

#[derive(Default)]
struct Half {
    file: Option<Doc>,
    /// The last block, and the length of the first.
    last: u16,
    size: usize,
}

impl DatagramDecoder for Tftp {
    fn datagram(&mut self, dir: Direction, payload: &[u8], out: &mut Out<'_>) -> bool {
        let half = dir.of_mut(&mut self.halves);
        let mut reader = Reader::new(payload);
        match reader.u16() {
            Some(1 | 2) => {
                let Some(name) = request(reader.rest()) else { return false };
                let mut fields = Fields::default();
                fields.add("path", name);
                fields.give(dir, 0, out);
                true
            }
            Some(3) => {
                let Some(number) = reader.u16() else { return false };
                half.block(dir, number, reader.rest(), out);
                true
            }
            Some(4) => payload.len() == 4,
            Some(5) if payload.len() >= 5 => {
                out.document(dir, plain(DocumentKind::Reply, 0), payload.get(4..).unwrap_or_default());
                true
            }
            Some(6) => probe(payload, [0, 0]),
            _ => false,
        }
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        dir.of_mut(&mut self.halves).close(out);
    }
}

impl Half {
    fn block(&mut self, dir: Direction, number: u16, octets: &[u8], out: &mut Out<'_>) {
        if self.file.is_some() && number == self.last {
            // Sent again.
            return;
        }
        match &self.file {
            Some(doc) if number != self.last.wrapping_add(1) => {
                let missing = number.wrapping_sub(self.last).wrapping_sub(1);
                if missing < 0x8000 {
                    out.gap(doc, u64::from(missing) * self.size as u64);
                } else {
                    // An old block that was sent again.
                    return;
                }
            }
            Some(_) => {}
            None => {
                self.file = Some(out.start(dir, plain(DocumentKind::FileContent, 0)));
                self.size = octets.len().max(BLOCK);
            }
        }
        self.last = number;
        if let Some(doc) = &self.file {
            out.octets(doc, octets);
        }
        if octets.len() < self.size {
            self.close(out);
        }
    }

    fn close(&mut self, out: &mut Out<'_>) {
        if let Some(doc) = self.file.take() {
            out.end(&doc);
        }
    }
}
