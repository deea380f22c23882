//! WebSocket (RFC 6455), after an HTTP/1 upgrade: messages are documents, unmasked.
//!
//! Messages compressed with permessage-deflate (RFC 7692) share one window per direction: they are one document with the
//! coding `deflate`, each message ended with the four octets the extension strips (section 7.2.2). What lies in control
//! frames (close reasons, pings) is a document too, for it is chosen by the application.

use crate::model::{Coding, Direction, DocumentKind, DocumentStart, UninspectedReason};

use super::decoder::{Doc, Input, Out, Step, StreamDecoder};
use super::reader::Reader;
use super::unknown::plain;

/// Octets unmasked at a time.
const PIECE: usize = 4096;
const CONTINUATION: u8 = 0;
const FIRST_CONTROL: u8 = 8;

/// A decoder for both ends.
pub(crate) fn decoder() -> Box<dyn StreamDecoder> {
    Box::new(WebSocket { halves: Default::default() })
}

struct WebSocket {
    halves: [Half; 2],
}

#[derive(Default)]
struct Half {
    frame: Option<Frame>,
    /// The message in clear that is open.
    message: Option<Doc>,
    /// All compressed messages.
    compressed: Option<Doc>,
    /// Whether the open message is compressed.
    in_compressed: bool,
    lost: bool,
}

/// A frame whose payload has not been read to its end.
struct Frame {
    left: u64,
    mask: [u8; 4],
    /// Octets of payload so far, for the mask.
    done: u64,
    last: bool,
    /// A control frame is a document of its own, in the midst of a message.
    control: Option<Doc>,
    is_control: bool,
}

impl StreamDecoder for WebSocket {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let half = input.dir.of_mut(&mut self.halves);
        if half.lost {
            out.unread(input.dir, input.octets.len(), UninspectedReason::UnknownProtocol);
            return Step::Took(input.octets.len());
        }
        if half.frame.is_some() {
            return Step::Took(half.payload(input, out));
        }
        match half.header(input.octets) {
            Header::Whole(len) => {
                if half.frame.as_ref().is_some_and(|frame| frame.left == 0) {
                    half.end_frame(out);
                }
                Step::Took(len)
            }
            Header::More if input.more => Step::Took(0),
            Header::More | Header::Wrong => {
                half.close(out);
                half.lost = true;
                out.unread(input.dir, input.octets.len(), UninspectedReason::UnknownProtocol);
                Step::Took(input.octets.len())
            }
        }
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let half = dir.of_mut(&mut self.halves);
        match &mut half.frame {
            // Within one frame of a message in clear nothing but these octets is lost.
            Some(frame) if len < frame.left && !half.in_compressed => {
                frame.left -= len;
                frame.done += len;
                let doc = if frame.is_control { &frame.control } else { &half.message };
                if let Some(doc) = doc {
                    out.gap(doc, len);
                }
            }
            _ => {
                half.close(out);
                half.lost = true;
            }
        }
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        dir.of_mut(&mut self.halves).close(out);
    }

    fn sealed(&self, dir: Direction) -> Option<UninspectedReason> {
        let half = dir.of(&self.halves);
        half.lost.then_some(UninspectedReason::UnknownProtocol)
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

enum Header {
    Whole(usize),
    More,
    Wrong,
}

impl Half {
    /// RFC 6455, section 5.2.
    fn header(&mut self, octets: &[u8]) -> Header {
        let mut reader = Reader::new(octets);
        let (Some(first), Some(second)) = (reader.u8(), reader.u8()) else { return Header::More };
        let opcode = first & 0x0f;
        if first & 0x30 != 0 || matches!(opcode, 3..=7 | 11..) {
            return Header::Wrong;
        }
        let len = match second & 0x7f {
            126 => reader.u16().map(u64::from),
            127 => reader.array().map(u64::from_be_bytes),
            short => Some(u64::from(short)),
        };
        let Some(len) = len else { return Header::More };
        let mask = if second & 0x80 != 0 { reader.array() } else { Some([0; 4]) };
        let Some(mask) = mask else { return Header::More };
        let is_control = opcode >= FIRST_CONTROL;
        if !is_control && opcode != CONTINUATION {
            self.in_compressed = first & 0x40 != 0;
        }
        let last = first & 0x80 != 0;
        self.frame = Some(Frame { left: len, mask, done: 0, last, control: None, is_control });
        Header::Whole(reader.at())
    }

    fn payload(&mut self, input: Input<'_>, out: &mut Out<'_>) -> usize {
        let Some(frame) = &mut self.frame else { return 0 };
        let used = usize::try_from(frame.left).unwrap_or(usize::MAX).min(input.octets.len());
        let doc = match (frame.is_control, self.in_compressed) {
            (true, _) => &mut frame.control,
            (false, true) => &mut self.compressed,
            (false, false) => &mut self.message,
        };
        let codings = if self.in_compressed && !frame.is_control { vec![Coding::Deflate] } else { Vec::new() };
        let start = DocumentStart { codings, ..plain(DocumentKind::WebSocketMessage, input.at) };
        let doc = doc.get_or_insert_with(|| out.start(input.dir, start));
        for piece in input.octets.get(..used).unwrap_or_default().chunks(PIECE) {
            let mask = frame.mask.iter().cycle().skip((frame.done % 4) as usize);
            let clear: Vec<u8> = piece.iter().zip(mask).map(|(octet, mask)| octet ^ mask).collect();
            frame.done += piece.len() as u64;
            out.octets(doc, &clear);
        }
        frame.left -= used as u64;
        if frame.left == 0 {
            self.end_frame(out);
        }
        used
    }

    fn end_frame(&mut self, out: &mut Out<'_>) {
        let Some(frame) = self.frame.take() else { return };
        if frame.is_control {
            if let Some(doc) = frame.control {
                out.end(&doc);
            }
        } else if frame.last && self.in_compressed {
            if let Some(doc) = &self.compressed {
                out.octets(doc, &[0, 0, 0xff, 0xff]);
            }
        } else if frame.last
            && let Some(doc) = self.message.take()
        {
            out.end(&doc);
        }
    }

    fn close(&mut self, out: &mut Out<'_>) {
        let control = self.frame.take().and_then(|frame| frame.control);
        for doc in [control, self.message.take(), self.compressed.take()].into_iter().flatten() {
            out.end(&doc);
        }
    }
}
