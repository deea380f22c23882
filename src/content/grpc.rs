//! Messages of gRPC and its relatives (grpc.io, "gRPC over HTTP2": Length-Prefixed-Message; gRPC-Web; Connect's streams): a flag,
//! a length, a message. Each is a document of its own; a compressed one tells its coding by its first octets.

use crate::model::{Coding, UninspectedReason};

use super::budget::Cx;
use super::document::{Document, Hint, Layer, Reader};

/// A flag and a length.
const HEAD_LEN: usize = 5;
/// The message is compressed.
const COMPRESSED: u8 = 1;

/// The media type of the messages, if this is that of a stream of them.
pub(super) fn message_type(essence: &str) -> Option<&'static str> {
    let of = essence.strip_prefix("application/")?;
    let (family, format) = of.split_once('+').unwrap_or((of, "proto"));
    let connect = family == "connect" && of != family;
    match (connect || matches!(family, "grpc" | "grpc-web"), format) {
        (true, "proto") => Some("application/protobuf"),
        (true, "json") => Some("application/json"),
        (true, _) => Some("application/octet-stream"),
        (false, _) => None,
    }
}

/// Whether a stream of messages of this type is base64 besides (gRPC-Web for browsers that only know text).
pub(super) fn is_text(essence: &str) -> bool {
    essence.starts_with("application/grpc-web-text")
}

enum State {
    Head,
    /// Its first octet is to come: a compressed message of so many octets.
    Coded(u64),
    /// A message with so many octets left; without a document if it cannot be read.
    Message(Result<Box<Document>, UninspectedReason>, u64),
    /// Headers or trailers after the messages of gRPC-Web and Connect, or no gRPC at all.
    Text(u64),
}

/// Reads a stream of messages.
pub(super) struct Grpc {
    at: u64,
    media_type: &'static str,
    head: Vec<u8>,
    state: State,
}

impl Grpc {
    pub(super) fn new(media_type: &'static str) -> Self {
        Self { at: 0, media_type, head: Vec::new(), state: State::Head }
    }

    fn message(&self, layers: Vec<Layer>, len: u64) -> State {
        let hint = Hint { media_type: self.media_type.to_owned(), layers, ..Hint::default() };
        State::Message(Ok(Box::new(Document::new(hint))), len)
    }

    /// A flag and a length are there.
    fn begin(&mut self) {
        let head = std::mem::take(&mut self.head);
        let len = head.iter().skip(1).fold(0_u64, |len, octet| len << 8 | u64::from(*octet));
        self.state = match head.first() {
            Some(0) if len > 0 => self.message(Vec::new(), len),
            Some(&COMPRESSED) if len > 0 => State::Coded(len),
            Some(0 | &COMPRESSED) => State::Head,
            Some(2 | 0x80) if len > 0 => State::Text(len),
            _ => State::Text(u64::MAX),
        };
    }
}

impl Reader for Grpc {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let mut rest = octets;
        while let Some(&first) = rest.first() {
            let most = match &self.state {
                State::Head => (HEAD_LEN - self.head.len()) as u64,
                State::Coded(len) => {
                    let coding = match first {
                        0x1f => Some(Coding::Gzip),
                        0x78 => Some(Coding::Deflate),
                        0x28 => Some(Coding::Zstd),
                        0xff => Some(Coding::Snappy),
                        _ => None,
                    };
                    self.state = match coding {
                        Some(coding) => self.message(vec![Layer::Content(coding)], *len),
                        None => State::Message(Err(UninspectedReason::Undecodable), *len),
                    };
                    continue;
                }
                State::Message(_, left) | State::Text(left) => *left,
            };
            let (own, later) = rest.split_at(usize::try_from(most).unwrap_or(usize::MAX).min(rest.len()));
            let over = own.len() as u64 == most;
            match &mut self.state {
                State::Message(message, left) => {
                    *left -= own.len() as u64;
                    match message {
                        Ok(document) => {
                            document.octets(own, cx);
                            if over {
                                document.end(cx);
                            }
                        }
                        Err(reason) => cx.lost.add(own.len() as u64, *reason),
                    }
                    if over {
                        self.state = State::Head;
                    }
                }
                State::Text(left) => {
                    cx.text(own, self.at, None);
                    *left -= own.len() as u64;
                    if over {
                        self.state = State::Head;
                    }
                }
                _ => {
                    cx.text(own, self.at, None);
                    self.head.extend_from_slice(own);
                    if over {
                        self.begin();
                    }
                }
            }
            self.at += own.len() as u64;
            rest = later;
        }
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        self.at += len;
        match &mut self.state {
            // A gap within a message leaves the next one where it is.
            State::Message(message, left) if *left > len => {
                *left -= len;
                if let Ok(document) = message {
                    document.gap(len, cx);
                }
            }
            _ => {
                self.end(cx);
                self.state = State::Text(u64::MAX);
            }
        }
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        if let State::Message(Ok(document), _) = &mut self.state {
            document.end(cx);
            self.state = State::Head;
        }
    }

    fn held_bytes(&self) -> usize {
        let message = if let State::Message(Ok(document), _) = &self.state { document.held_bytes() } else { 0 };
        size_of::<Self>() + self.head.capacity() + message
    }
}
