//! HTTP/1.x (RFC 9112), read as servers read it rather than as the grammar wants it: bare line feeds, folded fields, space
//! before the colon, octets outside ASCII are taken, for an evader uses exactly those.
//!
//! ```text
//! Start ─head─▶ Body | ChunkSize ⇄ Chunk ⇄ ChunkEnd ▶ Trailers | UntilEnd ─▶ Start
//!   │ no start line, a gap, a bad chunk                    CONNECT, Upgrade ─▶ Wait ─▶ next layer
//!   └──▶ Lost: read as unknown, until a line looks like a start line
//! ```
//!
//! Heads are documents as sent (targets, cookies, referrers hold user data); bodies are documents with transfer coding
//! removed and content codings named. Responses are paired with requests in order, for the answer to HEAD has no body and
//! the answer to CONNECT may open a tunnel. What client and server exchange inside a tunnel is probed afresh.

use std::collections::VecDeque;
use std::sync::Arc;

use memchr::memchr;

use crate::model::{AppProto, Coding, Direction, DocumentKind, DocumentStart, NameSource, UninspectedReason};

use super::decoder::{Doc, Input, Out, Probe, Role, Step, StreamDecoder};
use super::unknown::{Raw, plain};
use super::{http2, websocket};

pub(super) mod head;

use head::{Head, Length, StartLine, Upgrade, head_end, start_line_probe};

/// Ports where HTTP is asked first.
pub(crate) const PORTS: &[u16] = &[80, 3128, 5985, 8000, 8008, 8080, 8081, 8888, 9200];

/// Octets of a head. Past it the head is read as it stands, and what follows is searched for the next start line.
pub(crate) const HEAD_MAX: usize = 64 << 10;
/// Octets of a chunk's size line with its extensions.
const CHUNK_LINE_MAX: usize = 4 << 10;
/// Line ends before the first start line.
const BLANK_MAX: usize = 8;
/// Requests waiting for their response. Past it the oldest is forgotten, and its response is read as if to a GET.
const PENDING_MAX: usize = 256;

/// Whether octets begin with a request or a response.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    // Empty lines before the first request are ignored (RFC 9112, section 2.2).
    let blank = octets.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count();
    if blank > BLANK_MAX { Probe::No } else { start_line_probe(octets.get(blank..).unwrap_or_default(), false) }
}

/// A decoder for both ends.
pub(crate) fn decoder(client: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Http1 {
        client,
        requests: Half::default(),
        responses: Half::default(),
        pending: VecDeque::new(),
        tunnel: Tunnel::None,
        upgrade: None,
        told: false,
        host: String::new(),
    })
}

struct Http1 {
    client: Direction,
    requests: Half,
    responses: Half,
    pending: VecDeque<Asked>,
    tunnel: Tunnel,
    /// What the client asked the connection to become, or the server said it would.
    upgrade: Option<Upgrade>,
    /// Whether it was told that the protocol is HTTP/2 from here.
    told: bool,
    /// The server name told last.
    host: String,
}

/// What a response has to know of its request.
struct Asked {
    method: Method,
    name: Option<Arc<str>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Head,
    Connect,
    Other,
}

/// Whether the client's half becomes something else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tunnel {
    None,
    /// The client asked (CONNECT, Upgrade) and the server has not answered.
    Asked,
    /// The server agreed.
    Open,
}

/// One direction.
#[derive(Default)]
struct Half {
    state: State,
    /// Octets of an incomplete head that hold no end.
    scanned: usize,
    /// The body that comes next, until its first octet.
    body: Option<DocumentStart>,
    /// The body that is open.
    doc: Option<Doc>,
}

#[derive(Default)]
enum State {
    /// Before a start line.
    #[default]
    Start,
    /// In a body with so many octets to come.
    Body(u64),
    /// Before a chunk's size.
    ChunkSize,
    /// In a chunk with so many octets to come.
    Chunk(u64),
    /// Before the line end that follows a chunk.
    ChunkEnd,
    /// After the last chunk.
    Trailers,
    /// In a body that ends with the half-stream.
    UntilEnd,
    /// The client asked for a tunnel: what follows depends on the answer.
    Wait,
    /// Looking for a start line.
    Lost { raw: Raw, line_start: bool },
}

impl StreamDecoder for Http1 {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let half = if input.dir == self.client { &mut self.requests } else { &mut self.responses };
        match &mut half.state {
            State::Start => self.start(input, out),
            State::Body(left) | State::Chunk(left) => {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(input.octets.len());
                *left -= used as u64;
                let done = *left == 0;
                half.body_octets(input.dir, input.at, input.octets.get(..used).unwrap_or_default(), out);
                if done && matches!(half.state, State::Chunk(_)) {
                    half.state = State::ChunkEnd;
                } else if done {
                    self.finish_message(input.dir, out);
                }
                Step::Took(used)
            }
            State::UntilEnd => {
                half.body_octets(input.dir, input.at, input.octets, out);
                Step::Took(input.octets.len())
            }
            State::ChunkSize => self.chunk_size(input, out),
            State::ChunkEnd => {
                let used = match input.octets {
                    [b'\n', ..] => 1,
                    [b'\r', b'\n', ..] => 2,
                    [b'\r'] if input.more => return Step::Took(0),
                    _ => 0,
                };
                if used > 0 {
                    half.state = State::ChunkSize;
                    return Step::Took(used);
                }
                half.lose(input.dir, true, out);
                self.lost(input, out)
            }
            State::Trailers => self.trailers(input, out),
            State::Wait => self.wait(input, out),
            State::Lost { .. } => self.lost(input, out),
        }
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let half = if dir == self.client { &mut self.requests } else { &mut self.responses };
        match &mut half.state {
            State::Body(left) | State::Chunk(left) => {
                let inside = len.min(*left);
                *left -= inside;
                let done = *left == 0;
                if let Some(start) = half.body.take() {
                    half.doc = Some(out.start(dir, start));
                }
                if let Some(doc) = &half.doc {
                    out.gap(doc, inside);
                }
                if inside < len {
                    half.lose(dir, true, out);
                } else if done && matches!(half.state, State::Chunk(_)) {
                    half.state = State::ChunkEnd;
                } else if done {
                    return self.finish_message(dir, out);
                }
            }
            State::UntilEnd => {
                if let Some(doc) = &half.doc {
                    out.gap(doc, len);
                }
            }
            State::Lost { raw, line_start } => {
                raw.gap(len, out);
                *line_start = true;
            }
            _ => half.lose(dir, true, out),
        }
        if matches!(half.state, State::Lost { .. }) && dir == self.client {
            // Which request a response answers is not known any more.
            self.pending.clear();
        }
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        let half = if dir == self.client { &mut self.requests } else { &mut self.responses };
        half.close(out);
        half.state = State::Start;
    }

    fn held_bytes(&self) -> usize {
        let raw = |half: &Half| match &half.state {
            State::Lost { raw, .. } => raw.held_bytes(),
            _ => 0,
        };
        size_of::<Self>()
            + raw(&self.requests)
            + raw(&self.responses)
            + self
                .pending
                .iter()
                .map(|asked| size_of::<Asked>() + asked.name.as_ref().map_or(0, |n| n.len()))
                .sum::<usize>()
    }
}

impl Half {
    /// Octets of a body.
    fn body_octets(&mut self, dir: Direction, at: u64, octets: &[u8], out: &mut Out<'_>) {
        if let Some(start) = self.body.take() {
            self.doc = Some(out.start(dir, DocumentStart { stream_offset: at, ..start }));
        }
        if let Some(doc) = &self.doc {
            out.octets(doc, octets);
        }
    }

    /// Ends what is open.
    fn close(&mut self, out: &mut Out<'_>) {
        self.scanned = 0;
        self.body = None;
        if let Some(doc) = self.doc.take() {
            out.end(&doc);
        }
        if let State::Lost { raw, .. } = &mut self.state {
            raw.end(out);
        }
    }

    /// Gives up on the message.
    fn lose(&mut self, dir: Direction, line_start: bool, out: &mut Out<'_>) {
        self.close(out);
        self.state = State::Lost { raw: Raw::new(dir, UninspectedReason::UnknownProtocol, None), line_start };
    }
}

impl Http1 {
    fn half(&mut self, dir: Direction) -> &mut Half {
        if dir == self.client { &mut self.requests } else { &mut self.responses }
    }

    fn head_kind(&self, dir: Direction) -> DocumentKind {
        if dir == self.client { DocumentKind::HttpRequestHead } else { DocumentKind::HttpResponseHead }
    }

    /// A start line and its fields.
    fn start(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let blank = input.octets.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count();
        if blank > 0 {
            return Step::Took(blank);
        }
        let kind = self.head_kind(input.dir);
        let half = self.half(input.dir);
        match start_line_probe(input.octets, false) {
            Probe::More if input.more => return Step::Took(0),
            Probe::More | Probe::No => {
                half.lose(input.dir, true, out);
                return self.lost(input, out);
            }
            Probe::Yes(_) => {}
        }
        let within = input.octets.get(..HEAD_MAX).unwrap_or(input.octets);
        let Some(end) = head_end(within, &mut half.scanned) else {
            if input.more && within.len() < HEAD_MAX {
                return Step::Took(0);
            }
            // Cut off or too long: read what is there, then look for the next message.
            out.document(input.dir, plain(kind, input.at), within);
            half.lose(input.dir, false, out);
            return Step::Took(within.len());
        };
        half.scanned = 0;
        let octets = input.octets.get(..end).unwrap_or_default();
        out.document(input.dir, plain(kind, input.at), octets);
        let head = Head::parse(octets);
        match &head.start {
            StartLine::Request { .. } if input.dir == self.client => self.request(input.dir, &head, out),
            StartLine::Response { status } if input.dir != self.client => {
                if self.response(input.dir, *status, &head, out) {
                    return Step::Leave(end, self.inner(out));
                }
            }
            // A request from the server or a response from the client: two flows in one, or an evader.
            _ => self.half(input.dir).lose(input.dir, true, out),
        }
        Step::Took(end)
    }

    fn request(&mut self, dir: Direction, head: &Head, out: &mut Out<'_>) {
        let StartLine::Request { method, target } = &head.start else {
            return;
        };
        let connect = method == b"CONNECT";
        self.upgrade = head.upgrade.filter(|_| !connect);
        // The authority of an absolute target overrides Host (RFC 9112, section 3.2.2).
        let host = if connect { Some(target.as_slice()) } else { head::authority(target) };
        let host = head::host_name(host.or(head.host.as_deref()).unwrap_or_default());
        if let Some(host) = host
            && host != self.host
        {
            out.server_name(host, NameSource::HttpHost);
            host.clone_into(&mut self.host);
        }
        let name = head.file_name.clone().or_else(|| head::path_name(target));
        let method = match method.as_slice() {
            b"HEAD" => Method::Head,
            b"CONNECT" => Method::Connect,
            _ => Method::Other,
        };
        if self.pending.len() >= PENDING_MAX {
            self.pending.pop_front();
        }
        self.pending.push_back(Asked { method, name: name.clone() });
        if connect || head.upgrade.is_some() {
            self.tunnel = Tunnel::Asked;
        } else {
            self.tunnel = Tunnel::None;
        }
        let length = if connect { Length::None } else { head.request_length() };
        self.body(dir, length, head, DocumentKind::HttpRequestBody, name, out);
    }

    /// Says whether the server's half goes on inside a tunnel.
    fn response(&mut self, dir: Direction, status: u16, head: &Head, out: &mut Out<'_>) -> bool {
        if status == 101 {
            self.tunnel = Tunnel::Open;
            self.upgrade = head.upgrade.or(self.upgrade);
            return true;
        }
        if (100..200).contains(&status) {
            return false;
        }
        let asked = self.pending.pop_front();
        let method = asked.as_ref().map_or(Method::Other, |asked| asked.method);
        if method == Method::Connect && (200..300).contains(&status) {
            self.tunnel = Tunnel::Open;
            return true;
        }
        if self.pending.is_empty() && self.tunnel == Tunnel::Asked {
            self.tunnel = Tunnel::None;
        }
        let length =
            if method == Method::Head || matches!(status, 204 | 304) { Length::None } else { head.response_length() };
        let name = head.file_name.clone().or_else(|| asked.and_then(|asked| asked.name));
        self.body(dir, length, head, DocumentKind::HttpResponseBody, name, out);
        false
    }

    /// Prepares for the body that a head announces.
    fn body(
        &mut self,
        dir: Direction,
        length: Length,
        head: &Head,
        kind: DocumentKind,
        name: Option<Arc<str>>,
        out: &mut Out<'_>,
    ) {
        let codings: Vec<Coding> = head.codings.clone();
        let half = self.half(dir);
        half.body = Some(DocumentStart { kind, codings, media_type: head.media_type.clone(), name, stream_offset: 0 });
        half.state = match length {
            Length::None | Length::Octets(0) => return self.finish_message(dir, out),
            Length::Octets(octets) => State::Body(octets),
            Length::Chunked => State::ChunkSize,
            Length::UntilEnd => State::UntilEnd,
        };
    }

    /// A message is over.
    fn finish_message(&mut self, dir: Direction, out: &mut Out<'_>) {
        let wait = dir == self.client && self.tunnel != Tunnel::None;
        let half = self.half(dir);
        half.close(out);
        half.state = if wait { State::Wait } else { State::Start };
    }

    /// The decoder that an upgrade leads to; a fresh probe for the others.
    fn inner(&mut self, out: &mut Out<'_>) -> Option<Box<dyn StreamDecoder>> {
        match self.upgrade? {
            Upgrade::WebSocket => Some(websocket::decoder()),
            Upgrade::Http2 => {
                if !std::mem::replace(&mut self.told, true) {
                    out.protocol(AppProto::Http2);
                }
                Some(http2::decoder(self.client))
            }
            Upgrade::Other => None,
        }
    }

    /// The client has asked for a tunnel and sends on.
    fn wait(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        match (self.tunnel, start_line_probe(input.octets, false)) {
            (Tunnel::Open, _) | (Tunnel::Asked, Probe::No) => Step::Leave(0, self.inner(out)),
            // It may be the next request after a refusal, or the first one inside.
            (Tunnel::Asked, _) if input.more => Step::Took(0),
            (Tunnel::Asked, Probe::More) => Step::Leave(0, self.inner(out)),
            _ => {
                self.half(input.dir).state = State::Start;
                self.start(input, out)
            }
        }
    }

    fn chunk_size(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let half = self.half(input.dir);
        let within = input.octets.get(..CHUNK_LINE_MAX).unwrap_or(input.octets);
        let Some(end) = memchr(b'\n', within) else {
            if input.more && within.len() < CHUNK_LINE_MAX {
                return Step::Took(0);
            }
            half.lose(input.dir, true, out);
            return self.lost(input, out);
        };
        match head::chunk_size(within.get(..end).unwrap_or_default()) {
            Some(0) => half.state = State::Trailers,
            Some(size) => half.state = State::Chunk(size),
            None => {
                half.lose(input.dir, true, out);
                return self.lost(input, out);
            }
        }
        Step::Took(end + 1)
    }

    fn trailers(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let kind = self.head_kind(input.dir);
        let half = self.half(input.dir);
        let blank = match input.octets {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            [b'\r'] if input.more => return Step::Took(0),
            _ => 0,
        };
        if blank > 0 {
            self.finish_message(input.dir, out);
            return Step::Took(blank);
        }
        let within = input.octets.get(..HEAD_MAX).unwrap_or(input.octets);
        match head_end(within, &mut half.scanned) {
            Some(end) => {
                out.document(input.dir, plain(kind, input.at), within.get(..end).unwrap_or_default());
                self.finish_message(input.dir, out);
                Step::Took(end)
            }
            None if input.more && within.len() < HEAD_MAX => Step::Took(0),
            None => {
                half.lose(input.dir, true, out);
                self.lost(input, out)
            }
        }
    }

    /// Reads octets as unknown up to the next line that looks like a start line.
    fn lost(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let role = if input.dir == self.client { Role::Client } else { Role::Server };
        let half = self.half(input.dir);
        let State::Lost { raw, line_start } = &mut half.state else {
            return Step::Took(0);
        };
        let mut pos = 0;
        while pos < input.octets.len() {
            let rest = input.octets.get(pos..).unwrap_or_default();
            if *line_start {
                match start_line_probe(rest, true) {
                    Probe::Yes(found) if found == role => {
                        raw.octets(input.at, input.octets.get(..pos).unwrap_or_default(), out);
                        half.close(out);
                        half.state = State::Start;
                        return if pos == 0 { self.start(input, out) } else { Step::Took(pos) };
                    }
                    Probe::More if input.more => break,
                    _ => {}
                }
            }
            *line_start = false;
            match memchr(b'\n', rest) {
                Some(newline) => {
                    pos += newline + 1;
                    *line_start = true;
                }
                None => pos = input.octets.len(),
            }
        }
        raw.octets(input.at, input.octets.get(..pos).unwrap_or_default(), out);
        Step::Took(pos)
    }
}
