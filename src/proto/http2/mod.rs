//! HTTP/2 in clear (RFC 9113): with prior knowledge, by the connection preface, or after `Upgrade: h2c`.
//!
//! Header blocks are documents, written as `name: value` lines in the order sent, pseudo-header fields first; DATA of one
//! stream is one document. Streams are open side by side, so are their documents: at most [`STREAMS_MAX`] of a direction,
//! past that the oldest ends early.
//!
//! A flow seen midstream is told by two frames in a row, and after a gap frames are looked for where octets go on. What header
//! blocks before have put into the table is not known then: fields that refer to it are counted as undecodable, others and all
//! DATA are read. A body without its head is read by its content.

use std::collections::BTreeMap;

use crate::model::{Direction, DocumentKind, DocumentStart, UninspectedReason};

use super::decoder::{Doc, Input, Out, Probe, Role, Step, StreamDecoder};
use super::http_fields;
use super::reader::Reader;
use super::unknown::plain;

pub(crate) mod hpack;
mod tables;

/// RFC 9113, section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Octets of a header block over all its frames.
const BLOCK_MAX: usize = 64 << 10;
/// Octets of a frame that is held whole: everything but DATA.
const FRAME_MAX: usize = 64 << 10;
/// Settings in a server's first frame.
const SETTINGS_MAX: u8 = 16;
/// Streams of a direction with an open body.
const STREAMS_MAX: usize = 128;
/// Octets of a frame that is believed where frames are looked for: the size that connections begin with.
const MIDSTREAM_MAX: u32 = 16 << 10;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// The client's connection preface, or the server's: it may come first (RFC 9113, section 3.4).
pub(crate) fn probe(octets: &[u8]) -> Probe {
    let shown = octets.get(..PREFACE.len()).unwrap_or(octets);
    match PREFACE.starts_with(shown) {
        false => settings(octets),
        true if shown.len() < PREFACE.len() => Probe::More,
        true => Probe::Yes(Role::Client),
    }
}

/// A connection under way: two frames in a row, the first of which is there as a whole.
pub(crate) fn probe_midstream(octets: &[u8]) -> Probe {
    let Some(first) = plausible(octets) else { return Probe::No };
    let Some(len) = first else { return Probe::More };
    match octets.get(9 + len..).filter(|rest| !rest.is_empty()).map(plausible) {
        None | Some(Some(None)) => Probe::More,
        Some(None) => Probe::No,
        Some(Some(Some(_))) => Probe::Yes(match (octets.get(3), octets.get(9)) {
            // The first field of a block from the static table: `:status`, or one of a request.
            (Some(&HEADERS), Some(0x88..=0x8e | 0x48)) => Role::Server,
            (Some(&HEADERS), Some(0x82..=0x87 | 0x41..=0x47)) => Role::Client,
            _ => Role::Either,
        }),
    }
}

/// Whether a frame may begin like this: `None` if not, else its length once the head is there.
fn plausible(octets: &[u8]) -> Option<Option<usize>> {
    let mut reader = Reader::new(octets);
    let (Some(len), Some(kind), Some(flags)) = (reader.u24(), reader.u8(), reader.u8()) else {
        // Nobody sends frames of more than 16 KiB unless both ends agreed to.
        let fits =
            octets.first().is_none_or(|first| *first == 0) && octets.get(3).is_none_or(|kind| *kind <= CONTINUATION);
        return fits.then_some(None);
    };
    let Some(stream) = reader.u32() else {
        return (len <= MIDSTREAM_MAX && kind <= CONTINUATION).then_some(None);
    };
    let fits = match kind {
        DATA => flags & !(END_STREAM | PADDED) == 0 && stream > 0,
        HEADERS => flags & !(END_STREAM | END_HEADERS | PADDED | PRIORITY) == 0 && stream > 0 && len > 0,
        // RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION; PRIORITY is history.
        3 => flags == 0 && stream > 0 && len == 4,
        4 => flags <= 1 && stream == 0 && len % 6 == 0,
        PUSH_PROMISE => flags & !(END_HEADERS | PADDED) == 0 && stream > 0 && len > 4,
        6 => flags <= 1 && stream == 0 && len == 8,
        7 => flags == 0 && stream == 0 && len >= 8,
        8 => flags == 0 && len == 4,
        CONTINUATION => flags & !END_HEADERS == 0 && stream > 0,
        _ => false,
    };
    (fits && len <= MIDSTREAM_MAX && stream >> 31 == 0).then_some(Some(len as usize))
}

/// A SETTINGS frame of stream 0, not acknowledging.
fn settings(octets: &[u8]) -> Probe {
    let fits = |(at, octet): (usize, &u8)| match at {
        2 => octet.is_multiple_of(6) && *octet <= 6 * SETTINGS_MAX,
        3 => *octet == SETTINGS,
        _ => *octet == 0,
    };
    match octets.iter().take(9).enumerate().all(fits) {
        false => Probe::No,
        true if octets.len() < 9 => Probe::More,
        true => Probe::Yes(Role::Server),
    }
}

/// A decoder for both ends.
pub(crate) fn decoder(client: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Http2 { client, halves: [Half::new(), Half::new()], host: String::new() })
}

/// A decoder for both ends of a connection whose beginning was missed.
pub(crate) fn midstream_decoder(client: Direction) -> Box<dyn StreamDecoder> {
    let mut halves = [Half::new(), Half::new()];
    halves.iter_mut().for_each(Half::miss);
    Box::new(Http2 { client, halves, host: String::new() })
}

struct Http2 {
    client: Direction,
    halves: [Half; 2],
    host: String,
}

struct Half {
    hpack: hpack::Decoder,
    state: State,
    /// Header block so far: its stream, whether the stream ends with it, and where it began.
    block: Option<(u32, bool, u64, Vec<u8>)>,
    /// Bodies by stream.
    bodies: BTreeMap<u32, Body>,
    /// The beginning of the connection, or something since, was missed.
    missed: bool,
}

/// A body that has begun, or will with its first octet.
enum Body {
    Announced(DocumentStart),
    Open(Doc),
}

#[derive(Clone, Copy)]
enum State {
    Frame,
    /// In a DATA frame: stream, octets of data, octets of padding, whether the stream ends with it.
    Data {
        stream: u32,
        left: usize,
        padding: usize,
        last: bool,
    },
    /// Octets are missing right before: a frame may begin here.
    Resuming,
    Lost,
}

impl Half {
    const fn new() -> Self {
        Self { hpack: hpack::Decoder::new(), state: State::Frame, block: None, bodies: BTreeMap::new(), missed: false }
    }

    /// Header blocks are missed here.
    fn miss(&mut self) {
        self.hpack.miss();
        self.missed = true;
    }

    /// Makes room for one more body.
    fn make_room(&mut self, out: &mut Out<'_>) {
        if self.bodies.len() >= STREAMS_MAX
            && let Some(oldest) = self.bodies.keys().next().copied()
        {
            self.end_stream(oldest, out);
        }
    }

    fn end_stream(&mut self, stream: u32, out: &mut Out<'_>) {
        if let Some(Body::Open(doc)) = self.bodies.remove(&stream) {
            out.end(&doc);
        }
    }

    fn end_all(&mut self, out: &mut Out<'_>) {
        while let Some((_, body)) = self.bodies.pop_first() {
            if let Body::Open(doc) = body {
                out.end(&doc);
            }
        }
        self.block = None;
    }
}

impl StreamDecoder for Http2 {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let client = input.dir == self.client;
        let [requests, responses] = &mut self.halves;
        let half = if client { requests } else { responses };
        match half.state {
            State::Lost => {
                out.unread(input.dir, input.octets.len(), UninspectedReason::Undecodable);
                Step::Took(input.octets.len())
            }
            State::Resuming => match probe_midstream(input.octets) {
                Probe::More if input.more => Step::Took(0),
                Probe::Yes(_) => {
                    half.state = State::Frame;
                    self.advance(input, out)
                }
                _ => self.lose(input, out),
            },
            State::Data { stream, left, padding, last } => {
                let data = input.octets.get(..left).unwrap_or(input.octets);
                let pad = padding.min(input.octets.len() - data.len());
                if half.missed && !half.bodies.contains_key(&stream) && !data.is_empty() {
                    let kind = if client { DocumentKind::HttpRequestBody } else { DocumentKind::HttpResponseBody };
                    half.make_room(out);
                    half.bodies.insert(stream, Body::Announced(plain(kind, input.at)));
                }
                if let Some(body) = half.bodies.get_mut(&stream) {
                    if let Body::Announced(start) = body
                        && !data.is_empty()
                    {
                        *body = Body::Open(
                            out.start(input.dir, DocumentStart { stream_offset: input.at, ..start.clone() }),
                        );
                    }
                    if let Body::Open(doc) = body {
                        out.octets(doc, data);
                    }
                } else {
                    out.unread(input.dir, data.len(), UninspectedReason::Undecodable);
                }
                let (left, padding) = (left - data.len(), padding - pad);
                if left == 0 && padding == 0 {
                    half.state = State::Frame;
                    if last {
                        half.end_stream(stream, out);
                    }
                } else {
                    half.state = State::Data { stream, left, padding, last };
                }
                Step::Took(data.len() + pad)
            }
            State::Frame => match self.frame(input, out) {
                Some(used) => Step::Took(used),
                None if input.more && input.octets.len() < FRAME_MAX + 9 => Step::Took(0),
                None => self.lose(input, out),
            },
        }
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let half = self.half(dir);
        if let State::Data { stream, left, padding, last } = half.state
            && len < left as u64
        {
            // The gap lies within one DATA frame: nothing but these octets is lost.
            if let Some(Body::Open(doc)) = half.bodies.get(&stream) {
                out.gap(doc, len);
            }
            half.state = State::Data { stream, left: left - len as usize, padding, last };
            return;
        }
        half.end_all(out);
        half.miss();
        half.state = State::Resuming;
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        self.half(dir).end_all(out);
    }

    fn sealed(&self, dir: Direction) -> Option<UninspectedReason> {
        let [requests, responses] = &self.halves;
        let half = if dir == self.client { requests } else { responses };
        matches!(half.state, State::Lost).then_some(UninspectedReason::Undecodable)
    }

    fn held_bytes(&self) -> usize {
        let half = |half: &Half| {
            let block = half.block.as_ref().map_or(0, |(.., octets)| octets.capacity());
            half.hpack.held_bytes() + block + half.bodies.len() * size_of::<Body>()
        };
        size_of::<Self>() + self.halves.iter().map(half).sum::<usize>()
    }
}

impl Http2 {
    fn half(&mut self, dir: Direction) -> &mut Half {
        let [requests, responses] = &mut self.halves;
        if dir == self.client { requests } else { responses }
    }

    fn lose(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let half = self.half(input.dir);
        half.end_all(out);
        half.state = State::Lost;
        out.unread(input.dir, input.octets.len(), UninspectedReason::Undecodable);
        Step::Took(input.octets.len())
    }

    /// One frame, or the head of a DATA frame. `None`: it is not there as a whole, or wrong.
    fn frame(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Option<usize> {
        if input.octets.starts_with(b"PRI ") {
            let shown = input.octets.get(..PREFACE.len())?;
            if shown == PREFACE {
                return Some(PREFACE.len());
            }
        }
        let mut reader = Reader::new(input.octets);
        let (len, kind, flags) = (reader.u24()? as usize, reader.u8()?, reader.u8()?);
        let stream = reader.u32()? & 0x7fff_ffff;
        let half = self.half(input.dir);
        if kind == DATA {
            let padding = if flags & PADDED != 0 { usize::from(reader.u8()?) } else { 0 };
            let left = len.saturating_sub(reader.at() - 9).saturating_sub(padding);
            let last = flags & END_STREAM != 0;
            half.state = State::Data { stream, left, padding, last };
            if left == 0 && padding == 0 {
                half.state = State::Frame;
                if last {
                    half.end_stream(stream, out);
                }
            }
            return Some(reader.at());
        }
        let mut payload = Reader::new(reader.take(len)?);
        let padding = if matches!(kind, HEADERS | PUSH_PROMISE) && flags & PADDED != 0 { payload.u8()? } else { 0 };
        match kind {
            HEADERS if flags & PRIORITY != 0 => _ = payload.take(5)?,
            PUSH_PROMISE => _ = payload.take(4)?,
            _ => {}
        }
        if matches!(kind, HEADERS | PUSH_PROMISE | CONTINUATION) {
            let rest = payload.rest();
            let part = rest.get(..rest.len().checked_sub(usize::from(padding))?)?;
            match &mut half.block {
                Some((.., octets)) if kind == CONTINUATION => octets.extend_from_slice(part),
                _ => half.block = Some((stream, flags & END_STREAM != 0, input.at, part.to_vec())),
            }
            if half.block.as_ref().is_some_and(|(.., octets)| octets.len() > BLOCK_MAX) {
                half.block = None;
                half.state = State::Lost;
            } else if flags & END_HEADERS != 0
                && let Some((stream, last, at, octets)) = half.block.take()
            {
                let decoded = half.hpack.decode(&octets);
                out.unread(input.dir, half.hpack.take_unknown(), UninspectedReason::Undecodable);
                match decoded {
                    Some(fields) => self.fields(input.dir, stream, last, at, &fields, kind == PUSH_PROMISE, out),
                    None => half.state = State::Lost,
                }
            }
            if matches!(self.half(input.dir).state, State::Lost) {
                self.half(input.dir).end_all(out);
            }
        }
        Some(reader.at())
    }

    /// A header list: of a request, a response, or trailers.
    #[expect(clippy::too_many_arguments, reason = "the parts of one frame")]
    fn fields(
        &mut self,
        dir: Direction,
        stream: u32,
        last: bool,
        at: u64,
        fields: &[hpack::Field],
        promise: bool,
        out: &mut Out<'_>,
    ) {
        let request = dir == self.client || promise;
        let start = http_fields::tell(dir, request, at, fields, &mut self.host, out);
        if promise {
            return;
        }
        let half = self.half(dir);
        if last {
            half.end_stream(stream, out);
        } else if !half.bodies.contains_key(&stream) {
            half.make_room(out);
            half.bodies.insert(stream, Body::Announced(start));
        }
    }
}
