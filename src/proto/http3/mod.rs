//! HTTP/3 (RFC 9114) of an unlocked connection: request streams and the streams of either end, with QPACK.
//!
//! As in HTTP/2, header lists and bodies are documents. A stream is given in order; after a gap its frames are lost, unless
//! the gap lies within one DATA frame.

use std::collections::BTreeMap;

use crate::model::{Direction, DocumentStart, UninspectedReason};

use super::decoder::{Doc, Out};
use super::http_fields;
use super::quic::quic_varint as varint;
use super::reader::Reader;

mod qpack;
mod table;

/// Octets of a frame that is held whole.
const FRAME_MAX: usize = 64 << 10;
/// Octets held for a stream whose header list waits for the encoder stream.
const BLOCKED_MAX: usize = FRAME_MAX + (16 << 10);

const DATA: u64 = 0;
const HEADERS: u64 = 1;
const SETTINGS: u64 = 4;
const PUSH_PROMISE: u64 = 5;
/// SETTINGS_QPACK_MAX_TABLE_CAPACITY (RFC 9204, section 5).
const TABLE_CAPACITY: u64 = 1;

/// What a stream is for (RFC 9114, section 6).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A stream of one direction whose type is still to come.
    Unnamed,
    /// Requests and responses; pushed responses.
    Message,
    Control,
    /// Instructions for the table of this direction's header lists.
    Encoder,
    /// The decoder's acknowledgements, and types nobody knows.
    Idle,
    /// Damaged.
    Lost,
}

/// One direction of a stream.
struct Stream {
    kind: Kind,
    /// Octets that are not read yet.
    held: Vec<u8>,
    /// Offset of the first of them.
    at: u64,
    /// Octets left of a frame that is passed on or over, and whether it is DATA.
    left: u64,
    data: bool,
    body: Body,
}

/// A body that has no head yet, will begin with its first octet, or has begun.
enum Body {
    None,
    Announced(DocumentStart),
    Open(Doc),
}

impl Stream {
    fn new(kind: Kind) -> Self {
        Self { kind, held: Vec::new(), at: 0, left: 0, data: false, body: Body::None }
    }

    fn end_body(&mut self, out: &mut Out<'_>) {
        if let Body::Open(doc) = std::mem::replace(&mut self.body, Body::None) {
            out.end(&doc);
        }
    }

    fn lose(&mut self, dir: Direction, out: &mut Out<'_>) {
        self.end_body(out);
        self.kind = Kind::Lost;
        let held = std::mem::take(&mut self.held);
        out.unread(dir, held.len(), UninspectedReason::Undecodable);
    }
}

#[derive(Default)]
struct Half {
    qpack: qpack::Decoder,
    streams: BTreeMap<u64, Stream>,
}

/// Both directions of a connection.
pub(crate) struct Http3 {
    client: Direction,
    halves: [Half; 2],
    host: String,
}

impl Http3 {
    /// A connection before its first stream.
    pub(crate) fn new(client: Direction) -> Self {
        Self { client, halves: Default::default(), host: String::new() }
    }

    /// Octets allocated.
    pub(crate) fn held_bytes(&self) -> usize {
        let stream = |stream: &Stream| size_of::<Stream>() + stream.held.capacity();
        let half = |half: &Half| half.qpack.held_bytes() + half.streams.values().map(stream).sum::<usize>();
        size_of::<Self>() + self.halves.iter().map(half).sum::<usize>()
    }

    /// Octets of a stream, in order; the first is at `at`.
    pub(crate) fn octets(&mut self, dir: Direction, id: u64, at: u64, octets: &[u8], out: &mut Out<'_>) {
        // The second bit tells streams of one direction (RFC 9000, section 2.1).
        let kind = if id & 2 == 0 { Kind::Message } else { Kind::Unnamed };
        let stream = self.half(dir).streams.entry(id).or_insert_with(|| Stream::new(kind));
        if stream.held.is_empty() {
            stream.at = at;
        }
        stream.held.extend_from_slice(octets);
        if self.advance(dir, id, out) {
            // New entries: streams that waited for them go on.
            let waiting: Vec<u64> =
                self.half(dir).streams.iter().filter(|(_, s)| !s.held.is_empty()).map(|(id, _)| *id).collect();
            for id in waiting {
                self.advance(dir, id, out);
            }
        }
    }

    /// `len` octets of a stream are missing.
    pub(crate) fn gap(&mut self, dir: Direction, id: u64, len: u64, out: &mut Out<'_>) {
        let half = self.half(dir);
        let Some(stream) = half.streams.get_mut(&id) else {
            // Its type or its first header list is lost.
            half.streams.insert(id, Stream::new(Kind::Lost));
            return;
        };
        if stream.held.is_empty() && len <= stream.left {
            stream.left -= len;
            stream.at += len;
            if let Body::Open(doc) = &stream.body
                && stream.data
            {
                out.gap(doc, len);
            }
            return;
        }
        if stream.kind == Kind::Encoder {
            half.qpack.lose();
        }
        stream.lose(dir, out);
    }

    /// A direction of a stream ends.
    pub(crate) fn end_stream(&mut self, dir: Direction, id: u64, out: &mut Out<'_>) {
        if let Some(mut stream) = self.half(dir).streams.remove(&id) {
            stream.lose(dir, out);
        }
    }

    /// Nothing more of a direction comes.
    pub(crate) fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        while let Some((_, mut stream)) = self.half(dir).streams.pop_first() {
            stream.lose(dir, out);
        }
    }

    fn half(&mut self, dir: Direction) -> &mut Half {
        dir.of_mut(&mut self.halves)
    }

    /// Reads what a stream holds. Says whether it brought entries for header lists.
    fn advance(&mut self, dir: Direction, id: u64, out: &mut Out<'_>) -> bool {
        let mut entries = false;
        let Some(mut stream) = self.half(dir).streams.remove(&id) else { return false };
        let mut held = std::mem::take(&mut stream.held);
        let mut used = 0;
        loop {
            let rest = held.get(used..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let step = if stream.left > 0 {
                Some(content(dir, &mut stream, rest, out))
            } else {
                match stream.kind {
                    Kind::Lost => {
                        out.unread(dir, rest.len(), UninspectedReason::Undecodable);
                        Some(rest.len())
                    }
                    Kind::Idle => Some(rest.len()),
                    Kind::Encoder => {
                        entries = true;
                        if !self.half(dir).qpack.instructions(rest) {
                            stream.kind = Kind::Lost;
                        }
                        Some(rest.len())
                    }
                    Kind::Unnamed => name(&mut stream, rest),
                    Kind::Message | Kind::Control => self.frame(dir, &mut stream, rest, out),
                }
            };
            let Some(step) = step else { break };
            used += step;
            stream.at += step as u64;
        }
        held.drain(..used.min(held.len()));
        stream.held = held;
        if stream.held.len() > BLOCKED_MAX {
            stream.lose(dir, out);
        }
        self.half(dir).streams.insert(id, stream);
        entries
    }

    /// One frame, or the head of one that is passed on or over. `None`: not whole yet, or it waits for entries.
    fn frame(&mut self, dir: Direction, stream: &mut Stream, octets: &[u8], out: &mut Out<'_>) -> Option<usize> {
        let mut reader = Reader::new(octets);
        let kind = varint(&mut reader)?;
        let len = varint(&mut reader)?;
        let head = reader.at();
        let wanted = match stream.kind {
            Kind::Message => matches!(kind, HEADERS | PUSH_PROMISE),
            _ => kind == SETTINGS,
        };
        if !wanted || len > FRAME_MAX as u64 {
            if wanted {
                stream.kind = Kind::Lost;
            }
            stream.left = len;
            stream.data = kind == DATA && stream.kind == Kind::Message;
            return Some(head);
        }
        let mut payload = Reader::new(reader.take(len as usize)?);
        if kind == SETTINGS {
            while let (Some(setting), Some(value)) = (varint(&mut payload), varint(&mut payload)) {
                if setting == TABLE_CAPACITY {
                    // It is for the header lists that come the other way.
                    self.half(dir.reverse()).qpack.allow(value);
                }
            }
            return Some(head + len as usize);
        }
        if kind == PUSH_PROMISE {
            varint(&mut payload);
        }
        match self.half(dir).qpack.decode(payload.rest()) {
            Ok(fields) => {
                let request = dir == self.client || kind == PUSH_PROMISE;
                let start = http_fields::tell(dir, request, stream.at, &fields, &mut self.host, out);
                // Trailers begin no body; the head after an informational one does.
                if kind == HEADERS && !matches!(stream.body, Body::Open(_)) {
                    stream.body = Body::Announced(start);
                }
            }
            Err(qpack::Stop::Blocked) => return None,
            Err(qpack::Stop::Wrong) => {
                out.unread(dir, len as usize, UninspectedReason::Undecodable);
            }
        }
        Some(head + len as usize)
    }
}

/// The type of a stream of one direction (RFC 9114, section 6.2; RFC 9204, section 4.2).
fn name(stream: &mut Stream, octets: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(octets);
    stream.kind = match varint(&mut reader)? {
        0 => Kind::Control,
        1 => {
            // A push stream: the id of the push, then a message.
            varint(&mut reader)?;
            Kind::Message
        }
        2 => Kind::Encoder,
        _ => Kind::Idle,
    };
    Some(reader.at())
}

/// Octets of a frame that is passed on (DATA) or over (what nobody knows).
fn content(dir: Direction, stream: &mut Stream, octets: &[u8], out: &mut Out<'_>) -> usize {
    let len = usize::try_from(stream.left).unwrap_or(usize::MAX).min(octets.len());
    stream.left -= len as u64;
    let octets = octets.get(..len).unwrap_or_default();
    if stream.kind == Kind::Lost || stream.data && matches!(stream.body, Body::None) {
        out.unread(dir, len, UninspectedReason::Undecodable);
    } else if stream.data {
        if let Body::Announced(start) = &stream.body {
            stream.body = Body::Open(out.start(dir, DocumentStart { stream_offset: stream.at, ..start.clone() }));
        }
        if let Body::Open(doc) = &stream.body {
            out.octets(doc, octets);
        }
    }
    len
}
