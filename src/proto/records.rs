//! File services whose messages say their length and may carry much data: SMB2 and ONC RPC over TCP. One decoder for both:
//! the head of a message is held until the service can say where the data stands in it, the data is a file, and everything
//! around it is a document of its own.

use crate::model::{Direction, DocumentKind, UninspectedReason};

use super::decoder::{Input, Out, Step, StreamDecoder};
use super::files::Files;
use super::unknown::Raw;

/// Octets of a message's head that are held. What has no data within them has none that is read as a file.
pub(crate) const HEAD_MAX: usize = 4 << 10;

/// A piece of a file in a message.
pub(crate) struct Piece<'a> {
    /// Where its octets begin in the message.
    pub(crate) from: usize,
    /// How many there are.
    pub(crate) len: u64,
    /// What names the file.
    pub(crate) key: &'a [u8],
    /// Offset in the file, whatever the sender says it is; `None` where the message does not say: after the last piece of the same name.
    pub(crate) offset: Option<u64>,
}

/// What the head of a message says.
pub(crate) enum Head<'a> {
    /// No message begins like this.
    Wrong,
    /// More of the head is needed.
    More,
    /// The message ends after so many octets, and carries a piece of a file or none.
    Message(u64, Option<Piece<'a>>),
}

/// A service.
pub(crate) trait Service: Send {
    /// Reads the head that `octets` begin with; `whole` if no more of it will be shown.
    fn head<'a>(&mut self, dir: Direction, octets: &'a [u8], whole: bool) -> Head<'a>;
}

/// Decodes both half-streams of a service.
pub(crate) struct Records<S> {
    service: S,
    halves: [Half; 2],
}

#[derive(Default)]
struct Half {
    files: Files,
    /// Octets to come of the piece, and of the message after it.
    piece: u64,
    after: u64,
    /// What stands around pieces.
    around: super::lines::Run,
    /// Where reads without an offset stand.
    next: u64,
    lost: Option<Raw>,
}

impl<S: Service> Records<S> {
    /// A decoder of which nothing has come.
    pub(crate) fn new(service: S) -> Self {
        Self { service, halves: Default::default() }
    }
}

impl<S: Service> StreamDecoder for Records<S> {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let half = input.dir.of_mut(&mut self.halves);
        if let Some(raw) = &mut half.lost {
            raw.octets(input.at, input.octets, out);
            return Step::Took(input.octets.len());
        }
        let within = |left: u64| usize::try_from(left).unwrap_or(usize::MAX).min(input.octets.len());
        if half.piece > 0 {
            let used = within(half.piece);
            half.piece -= used as u64;
            half.next = half.next.wrapping_add(used as u64);
            half.files.octets(input.octets.get(..used).unwrap_or_default(), out);
            return Step::Took(used);
        }
        if half.after > 0 {
            let used = within(half.after);
            half.after -= used as u64;
            let octets = input.octets.get(..used).unwrap_or_default();
            half.around.octets(input.dir, DocumentKind::Stream, input.at, octets, out);
            if half.after == 0 {
                half.around.close(out);
            }
            return Step::Took(used);
        }
        half.around.close(out);
        let shown = input.octets.get(..HEAD_MAX).unwrap_or(input.octets);
        let whole = !input.more || shown.len() == HEAD_MAX;
        match self.service.head(input.dir, shown, whole) {
            Head::More if !whole => Step::Took(0),
            Head::Message(len, None) if len > 0 => {
                half.after = len;
                self.advance(input, out)
            }
            Head::Message(len, Some(piece)) if piece.from > 0 => {
                let octets = shown.get(..piece.from).unwrap_or(shown);
                half.around.octets(input.dir, DocumentKind::Stream, input.at, octets, out);
                half.around.close(out);
                half.piece = piece.len.min(len.saturating_sub(piece.from as u64));
                half.after = len.saturating_sub(piece.from as u64 + half.piece);
                if half.piece > 0 {
                    let offset = piece.offset.unwrap_or(half.next);
                    half.next = offset;
                    half.files.piece(input.dir, piece.key, offset, input.at + piece.from as u64, out);
                }
                Step::Took(octets.len())
            }
            _ => {
                half.lost = Some(Raw::new(input.dir, UninspectedReason::UnknownProtocol, None));
                self.advance(input, out)
            }
        }
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let half = dir.of_mut(&mut self.halves);
        if let Some(raw) = &mut half.lost {
            return raw.gap(len, out);
        }
        let in_piece = len.min(half.piece);
        half.piece -= in_piece;
        half.next = half.next.wrapping_add(in_piece);
        if in_piece > 0 {
            half.files.gap(in_piece, out);
        }
        let in_rest = (len - in_piece).min(half.after);
        half.after -= in_rest;
        half.around.gap(in_rest, out);
        if in_piece + in_rest < len {
            // The place of the next message is not known any more.
            half.close(out);
            half.lost = Some(Raw::new(dir, UninspectedReason::UnknownProtocol, None));
        }
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        dir.of_mut(&mut self.halves).close(out);
    }

    fn sealed(&self, dir: Direction) -> Option<UninspectedReason> {
        let half = dir.of(&self.halves);
        half.lost.as_ref().and_then(Raw::sealed)
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.halves.iter().filter_map(|half| half.lost.as_ref()).map(Raw::held_bytes).sum::<usize>()
    }
}

impl Half {
    fn close(&mut self, out: &mut Out<'_>) {
        self.files.close(out);
        self.around.close(out);
        if let Some(mut raw) = self.lost.take() {
            raw.end(out);
        }
    }
}
