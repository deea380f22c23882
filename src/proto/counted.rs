//! Protocols whose messages say their length: one decoder for all, which cuts messages and hands them to a [`Framing`].
//!
//! A message of more than [`MESSAGE_MAX`] octets is read as it stands, without being held. After a gap, or a length that cannot
//! be, the place of the next message is not known: what follows is read as unknown.

use crate::model::{Direction, DocumentKind, UninspectedReason};

use super::decoder::{Doc, Input, Out, Step, StreamDecoder};
use super::unknown::{Raw, plain};

/// Octets of a message that is held until it is whole.
pub(crate) const MESSAGE_MAX: u64 = 60 << 10;

/// What the first octets of a message say of its length.
pub(crate) enum Size {
    /// Too few octets to tell.
    More,
    /// This is no message.
    Wrong,
    /// The message has so many octets, these included.
    Of(u64),
}

/// A protocol of messages.
pub(crate) trait Framing: Send {
    /// The size of the message that `octets` begin with.
    fn size(&self, octets: &[u8]) -> Size;
    /// A whole message, at offset `at`.
    fn message(&mut self, dir: Direction, at: u64, message: &[u8], out: &mut Out<'_>);
    /// Whether a long message may be streamed as a document.
    fn streams(&self) -> bool {
        true
    }
}

/// Decodes both half-streams by a framing.
pub(crate) struct Counted<F> {
    framing: F,
    halves: [Half; 2],
}

#[derive(Default)]
struct Half {
    /// A long message that is being read, and its octets to come.
    long: Option<(Doc, u64)>,
    lost: Option<Raw>,
}

impl<F: Framing> Counted<F> {
    /// A decoder of which nothing has come.
    pub(crate) fn new(framing: F) -> Self {
        Self { framing, halves: Default::default() }
    }
}

impl<F: Framing> StreamDecoder for Counted<F> {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let half = input.dir.of_mut(&mut self.halves);
        if let Some(raw) = &mut half.lost {
            raw.octets(input.at, input.octets, out);
            return Step::Took(input.octets.len());
        }
        if let Some((doc, left)) = &mut half.long {
            let used = usize::try_from(*left).unwrap_or(usize::MAX).min(input.octets.len());
            out.octets(doc, input.octets.get(..used).unwrap_or_default());
            *left -= used as u64;
            if *left == 0 {
                out.end(doc);
                half.long = None;
            }
            return Step::Took(used);
        }
        match self.framing.size(input.octets) {
            Size::More if input.more => Step::Took(0),
            Size::Of(size) if size > MESSAGE_MAX && self.framing.streams() => {
                half.long = Some((out.start(input.dir, plain(DocumentKind::Stream, input.at)), size));
                self.advance(input, out)
            }
            Size::Of(size) if size > 0 && size <= MESSAGE_MAX => match input.octets.get(..size as usize) {
                Some(message) => {
                    self.framing.message(input.dir, input.at, message, out);
                    Step::Took(message.len())
                }
                None if input.more => Step::Took(0),
                None => {
                    half.lose(input.dir);
                    self.advance(input, out)
                }
            },
            _ => {
                half.lose(input.dir);
                self.advance(input, out)
            }
        }
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let half = dir.of_mut(&mut self.halves);
        if let Some(raw) = &mut half.lost {
            return raw.gap(len, out);
        }
        match &mut half.long {
            Some((doc, left)) if len < *left => {
                *left -= len;
                out.gap(doc, len);
            }
            _ => {
                half.close(out);
                half.lose(dir);
            }
        }
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        let half = dir.of_mut(&mut self.halves);
        half.close(out);
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
    fn lose(&mut self, dir: Direction) {
        self.lost = Some(Raw::new(dir, UninspectedReason::UnknownProtocol, None));
    }

    fn close(&mut self, out: &mut Out<'_>) {
        if let Some((doc, _)) = self.long.take() {
            out.end(&doc);
        }
        if let Some(mut raw) = self.lost.take() {
            raw.end(out);
        }
    }
}
