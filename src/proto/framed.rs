//! What protocols of length-prefixed messages share: heads, bodies of any length, gaps, and the way back after a loss.
//!
//! A [`Protocol`] says how long the next message is and is then shown its body, as far as it is there. What it cannot read (a
//! body cut by a gap, one that is too long to be held, octets that begin no message) is read as unknown: text in it is still
//! found, only the names are lost. After a gap that swallowed a message's head the protocol is asked whether the octets that
//! follow begin a message; segments often do.

use crate::model::{Direction, UninspectedReason};

use super::decoder::{Input, Out, Step, StreamDecoder};
use super::unknown::Raw;

/// Octets of a body that a protocol may ask to see at once. What it needs whole and is longer is read as unknown.
pub(crate) const WHOLE_MAX: usize = 64 << 10;

/// What stands at the beginning of a message.
pub(crate) enum Head {
    /// Cannot tell yet.
    More,
    /// No message.
    Wrong,
    /// A head of so many octets (at least one), and the length of the body after it.
    Whole(usize, u64),
    /// So many octets of framing; something else follows in this direction.
    Leave(usize),
}

/// What became of the octets of a body.
pub(crate) enum Body {
    /// So many were read.
    Took(usize),
    /// They must be seen together with what follows.
    More,
    /// They are not as they should be: the rest of the body is read as unknown.
    Wrong,
}

/// Octets of a body.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    /// Which half-stream.
    pub(crate) dir: Direction,
    /// Offset of the first octet in the half-stream.
    pub(crate) at: u64,
    /// The octets of the body that were not read yet and are there. Never empty.
    pub(crate) octets: &'a [u8],
    /// Octets of the body that were not read yet, there or not.
    pub(crate) left: u64,
}

impl<'a> Part<'a> {
    /// All that is left of the body, if it is there.
    pub(crate) fn whole(&self) -> Option<&'a [u8]> {
        (self.octets.len() as u64 == self.left).then_some(self.octets)
    }
}

/// A protocol of messages with heads that tell their length.
pub(crate) trait Protocol: Send {
    /// Looks at octets where a message should begin.
    fn head(&mut self, dir: Direction, at: u64, octets: &[u8], out: &mut Out<'_>) -> Head;
    /// Reads octets of the message's body.
    fn body(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body;
    /// The body is over, read or not.
    fn finish(&mut self, dir: Direction, out: &mut Out<'_>);
    /// Octets of the body are missing: what is shown next comes after them.
    fn body_gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>);
    /// The place in the stream is lost, or it ends: closes what is open.
    fn close(&mut self, dir: Direction, out: &mut Out<'_>);
    /// After a loss: whether octets begin a message (`None`: cannot tell yet).
    fn resumes(&self, dir: Direction, octets: &[u8]) -> Option<bool>;
    /// Octets allocated beyond the protocol itself.
    fn held_bytes(&self) -> usize;
}

enum State {
    /// A message should begin.
    Start,
    /// So many octets of a body are left.
    Body(u64),
    /// So many octets of a body that is not understood are left.
    Foreign(u64, Raw),
    /// Where messages begin is not known; whether octets were missing right before.
    Lost(Raw, bool),
}

/// Reads the messages of a protocol.
pub(crate) struct Framed<P> {
    protocol: P,
    halves: [State; 2],
}

impl<P: Protocol> Framed<P> {
    /// A decoder at the beginning of both half-streams.
    pub(crate) const fn new(protocol: P) -> Self {
        Self { protocol, halves: [State::Start, State::Start] }
    }
}

const fn raw(dir: Direction) -> Raw {
    Raw::new(dir, UninspectedReason::UnknownProtocol, None)
}

impl<P: Protocol> StreamDecoder for Framed<P> {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let state = input.dir.of_mut(&mut self.halves);
        let (dir, protocol) = (input.dir, &mut self.protocol);
        match state {
            State::Start => match protocol.head(dir, input.at, input.octets, out) {
                Head::More if input.more => Step::Took(0),
                Head::Leave(used) => {
                    protocol.close(dir, out);
                    Step::Leave(used, None)
                }
                Head::Whole(used, body) => {
                    if body == 0 {
                        protocol.finish(dir, out);
                    } else {
                        *state = State::Body(body);
                    }
                    Step::Took(used)
                }
                Head::More | Head::Wrong => {
                    protocol.close(dir, out);
                    let mut unknown = raw(dir);
                    unknown.octets(input.at, input.octets, out);
                    *state = State::Lost(unknown, false);
                    Step::Took(input.octets.len())
                }
            },
            State::Body(left) => {
                let there = input.octets.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                let octets = input.octets.get(..there).unwrap_or_default();
                let cut = there as u64 == *left || !input.more || there >= WHOLE_MAX;
                let used = match protocol.body(Part { dir, at: input.at, octets, left: *left }, out) {
                    Body::Took(used) if used > 0 => used.min(there),
                    Body::More | Body::Took(_) if !cut => return Step::Took(0),
                    _ => {
                        *state = State::Foreign(*left, raw(dir));
                        return self.advance(input, out);
                    }
                };
                *left -= used as u64;
                if *left == 0 {
                    *state = State::Start;
                    protocol.finish(dir, out);
                }
                Step::Took(used)
            }
            State::Foreign(left, unknown) => {
                let there = input.octets.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                unknown.octets(input.at, input.octets.get(..there).unwrap_or_default(), out);
                *left -= there as u64;
                if *left == 0 {
                    unknown.end(out);
                    *state = State::Start;
                    protocol.finish(dir, out);
                }
                Step::Took(there)
            }
            State::Lost(unknown, fresh) => {
                if *fresh {
                    match protocol.resumes(dir, input.octets) {
                        Some(true) => {
                            unknown.end(out);
                            *state = State::Start;
                            return self.advance(input, out);
                        }
                        None if input.more => return Step::Took(0),
                        _ => *fresh = false,
                    }
                }
                unknown.octets(input.at, input.octets, out);
                Step::Took(input.octets.len())
            }
        }
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let state = dir.of_mut(&mut self.halves);
        match state {
            State::Body(left) if len <= *left => {
                *left -= len;
                self.protocol.body_gap(dir, len, out);
                if *left == 0 {
                    *state = State::Start;
                    self.protocol.finish(dir, out);
                }
            }
            State::Foreign(left, unknown) if len < *left => {
                *left -= len;
                unknown.gap(len, out);
            }
            State::Lost(unknown, fresh) => {
                unknown.gap(len, out);
                *fresh = true;
            }
            _ => {
                if let State::Foreign(_, unknown) = state {
                    unknown.end(out);
                }
                self.protocol.close(dir, out);
                *state = State::Lost(raw(dir), true);
            }
        }
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        let state = dir.of_mut(&mut self.halves);
        if let State::Foreign(_, unknown) | State::Lost(unknown, _) = state {
            unknown.end(out);
        }
        self.protocol.close(dir, out);
    }

    fn sealed(&self, dir: Direction) -> Option<UninspectedReason> {
        match dir.of(&self.halves) {
            State::Lost(unknown, _) => unknown.sealed(),
            _ => None,
        }
    }

    fn held_bytes(&self) -> usize {
        let half = |state: &State| match state {
            State::Foreign(_, unknown) | State::Lost(unknown, _) => unknown.held_bytes(),
            _ => 0,
        };
        size_of::<Self>() + self.protocol.held_bytes() + self.halves.iter().map(half).sum::<usize>()
    }
}
