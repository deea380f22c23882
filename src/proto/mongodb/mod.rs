//! MongoDB's wire protocol (mongodb.com, "MongoDB Wire Protocol"): OP_MSG, OP_COMPRESSED, and the older OP_QUERY, OP_REPLY,
//! OP_INSERT, OP_UPDATE, OP_DELETE.
//!
//! Only the framing is read here: bodies are documents of BSON, which has the names of its values in it.

use crate::model::{Coding, Direction, DocumentKind, DocumentStart};

use super::decoder::{Doc, Out, Probe, Role, StreamDecoder};
use super::framed::{Body, Framed, Head, Part, Protocol};
use super::reader::Reader;
use super::unknown::plain;

#[cfg(test)]
pub(crate) mod tests;

/// Where servers listen.
pub(crate) const PORTS: &[u16] = &[27017, 27018, 27019];

/// The longest message that servers accept, octets.
const LEN_MAX: u32 = 48_000_000;
const HEAD_LEN: usize = 16;

const REPLY: u32 = 1;
const UPDATE: u32 = 2001;
const INSERT: u32 = 2002;
const QUERY: u32 = 2004;
const GET_MORE: u32 = 2005;
const DELETE: u32 = 2006;
const KILL: u32 = 2007;
const COMPRESSED: u32 = 2012;
const MSG: u32 = 2013;

/// A message's head: its length, the message it answers, and what it is.
fn head(octets: &[u8]) -> Option<(u32, u32, u32)> {
    let mut reader = Reader::new(octets);
    let len = reader.u32()?.swap_bytes();
    let _id = reader.u32()?;
    let answers = reader.u32()?.swap_bytes();
    Some((len, answers, reader.u32()?.swap_bytes()))
}

const fn is_code(code: u32) -> bool {
    matches!(code, REPLY | UPDATE..=INSERT | QUERY..=KILL | COMPRESSED | MSG)
}

/// Looks at the first octets of a half-stream: a message's head.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    let Some((len, answers, code)) = head(octets) else {
        // The length ends with a zero octet, and is never tiny.
        let fits = octets.get(3).is_none_or(|octet| matches!(octet, 0..=2)) && octets.len() < HEAD_LEN;
        return if fits { Probe::More } else { Probe::No };
    };
    if !is_code(code) || !(26..=LEN_MAX).contains(&len) {
        return Probe::No;
    }
    Probe::Yes(if answers == 0 && code != REPLY { Role::Client } else { Role::Server })
}

/// A decoder for both ends.
pub(crate) fn decoder(_client: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Framed::new(MongoDb { halves: [Half::default(), Half::default()] }))
}

struct MongoDb {
    halves: [Half; 2],
}

#[derive(Default)]
struct Half {
    code: u32,
    doc: Option<Doc>,
}

/// What stands before the documents of an older message: its length and the name of the collection.
fn before(code: u32, octets: &[u8]) -> Option<usize> {
    let collection = |from: usize, after: usize| {
        let end = memchr::memchr(0, octets.get(from..)?)?;
        Some(from + end + 1 + after)
    };
    match code {
        REPLY => Some(20),
        UPDATE | DELETE => collection(4, 4),
        INSERT => collection(4, 0),
        QUERY => collection(4, 8),
        _ => None,
    }
}

impl Protocol for MongoDb {
    fn head(&mut self, dir: Direction, _at: u64, octets: &[u8], _out: &mut Out<'_>) -> Head {
        let Some((len, _, code)) = head(octets) else { return Head::More };
        if !is_code(code) || !(16..=LEN_MAX).contains(&len) {
            return Head::Wrong;
        }
        self.half(dir).code = code;
        Head::Whole(HEAD_LEN, u64::from(len) - HEAD_LEN as u64)
    }

    fn body(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        let half = self.half(part.dir);
        if let Some(doc) = &half.doc {
            out.octets(doc, part.octets);
            return Body::Took(part.octets.len());
        }
        let (start, used) = match half.code {
            MSG => (plain(DocumentKind::MongoMessage, part.at), 0),
            COMPRESSED => {
                let mut reader = Reader::new(part.octets);
                let (Some(code), Some(_len), Some(compressor)) = (reader.u32(), reader.u32(), reader.u8()) else {
                    return Body::More;
                };
                let codings = match compressor {
                    0 => Vec::new(),
                    1 => vec![Coding::Snappy],
                    2 => vec![Coding::Deflate],
                    3 => vec![Coding::Zstd],
                    _ => vec![Coding::Unknown],
                };
                let kind = if code.swap_bytes() == MSG { DocumentKind::MongoMessage } else { DocumentKind::Stream };
                (DocumentStart { codings, ..plain(kind, part.at + 9) }, 9)
            }
            GET_MORE | KILL => return Body::Took(part.octets.len()),
            code => {
                let Some(used) = before(code, part.octets) else { return Body::More };
                if part.octets.len() < used {
                    return Body::More;
                }
                (plain(DocumentKind::Bson, part.at + used as u64), used)
            }
        };
        half.doc = Some(out.start(part.dir, start));
        if used > 0 {
            return Body::Took(used);
        }
        self.body(part, out)
    }

    fn finish(&mut self, dir: Direction, out: &mut Out<'_>) {
        if let Some(doc) = self.half(dir).doc.take() {
            out.end(&doc);
        }
    }

    fn body_gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let half = self.half(dir);
        match &half.doc {
            Some(doc) => out.gap(doc, len),
            // The beginning is gone: what is left is no message.
            None => half.code = 0,
        }
    }

    fn close(&mut self, dir: Direction, out: &mut Out<'_>) {
        self.finish(dir, out);
    }

    fn resumes(&self, _dir: Direction, octets: &[u8]) -> Option<bool> {
        match probe(octets) {
            Probe::More => None,
            answer => Some(answer != Probe::No),
        }
    }

    fn held_bytes(&self) -> usize {
        0
    }
}

impl MongoDb {
    fn half(&mut self, dir: Direction) -> &mut Half {
        dir.of_mut(&mut self.halves)
    }
}
