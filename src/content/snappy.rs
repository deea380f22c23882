//! Snappy: a block by itself (google/snappy `format_description.txt`), the framing format (`framing_format.txt`), and blocks with
//! their lengths as snappy-java and Kafka write them. Which one it is, is told by the first octets.
//!
//! Decoded as it comes, tag by tag: a block may claim 4 GiB, and only the last 64 KiB are held. Every writer cuts its input
//! at 64 KiB, so no copy reaches further back; one that does is damage. Checksums are not looked at.

use super::coded::{Decoder, Outlet, Stop};
use super::history::History;

/// Chunk that begins the framing format, `framing_format.txt`, section 4.1.
pub(super) const FRAMED: &[u8; 10] = b"\xff\x06\0\0sNaPpY";
/// What begins snappy-java's format; versions follow.
pub(super) const JAVA: &[u8; 8] = b"\x82SNAPPY\0";
/// Magic and two version numbers.
const JAVA_LEN: usize = 16;

/// What octets are expected next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// Octets that tell the format.
    Magic,
    /// A block without framing: to the end.
    Bare,
    /// The head of a chunk in the framing format: kind, three octets of length.
    Chunk,
    /// The checksum before the content of a chunk; kind, and length of the content.
    Checksum(u8, u32),
    /// So many octets of a block.
    Block(u32),
    /// So many octets that are not compressed.
    Stored(u32),
    /// So many octets without meaning here.
    Skip(u32),
    /// Length of a block in snappy-java's format, or the same magic again.
    Length,
}

/// Removes Snappy.
pub(super) struct Snappy {
    expect: Expect,
    /// Blocks have lengths as snappy-java writes them, not chunks around.
    java: bool,
    /// Octets of a head or tag that is not complete.
    pending: Vec<u8>,
    block: Block,
    history: History,
}

/// Where decoding stands in a block.
#[derive(Default)]
struct Block {
    /// Octets that are still to be produced, once the length was read.
    left: Option<u64>,
    /// Octets that stand for themselves.
    literal: u64,
}

impl Default for Snappy {
    fn default() -> Self {
        Self {
            expect: Expect::Magic,
            java: false,
            pending: Vec::new(),
            block: Block::default(),
            history: History::default(),
        }
    }
}

impl Snappy {
    /// Reads the head that `pending` holds; says whether it was complete.
    fn head(&mut self, out: &mut Outlet<'_, '_>) -> Result<bool, Stop> {
        let pending = self.pending.as_slice();
        self.expect = match self.expect {
            Expect::Magic => {
                let begins = |magic: &[u8]| magic.starts_with(pending) && pending.len() < magic.len();
                if begins(FRAMED) || begins(JAVA) || (pending.starts_with(JAVA) && pending.len() < JAVA_LEN) {
                    return Ok(false);
                }
                if pending.starts_with(FRAMED) {
                    Expect::Chunk
                } else if pending.starts_with(JAVA) {
                    self.java = true;
                    Expect::Length
                } else {
                    self.expect = Expect::Bare;
                    let first = std::mem::take(&mut self.pending);
                    self.elements(&first, out)?;
                    return Ok(true);
                }
            }
            Expect::Chunk => {
                let Some(&[kind, a, b, c]) = pending.first_chunk() else { return Ok(false) };
                let len = u32::from_le_bytes([a, b, c, 0]);
                match kind {
                    0 | 1 => Expect::Checksum(kind, len.checked_sub(4).ok_or(Stop)?),
                    0x80..=0xff => Expect::Skip(len),
                    _ => return Err(Stop),
                }
            }
            Expect::Checksum(kind, len) => {
                if pending.len() < 4 {
                    return Ok(false);
                }
                if kind == 0 { Expect::Block(len) } else { Expect::Stored(len) }
            }
            Expect::Length => {
                let Some(&len) = pending.first_chunk() else { return Ok(false) };
                if len[0] == JAVA[0] {
                    // Streams may be put together.
                    if !pending.starts_with(JAVA.get(..pending.len()).unwrap_or(JAVA.as_slice())) {
                        return Err(Stop);
                    }
                    if pending.len() < JAVA_LEN {
                        return Ok(false);
                    }
                    Expect::Length
                } else {
                    Expect::Block(u32::from_be_bytes(len))
                }
            }
            other => other,
        };
        self.block = Block::default();
        self.pending.clear();
        if matches!(self.expect, Expect::Block(_)) {
            self.history.clear();
        }
        Ok(true)
    }

    /// Decodes octets of a block.
    fn elements(&mut self, octets: &[u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        let mut rest = octets;
        while let Some((&next, after)) = rest.split_first() {
            if self.block.literal > 0 {
                let len = usize::try_from(self.block.literal).unwrap_or(usize::MAX).min(rest.len());
                let (literal, later) = rest.split_at(len);
                self.block.literal -= len as u64;
                self.history.literal(literal, out)?;
                rest = later;
                continue;
            }
            rest = after;
            self.pending.push(next);
            let Some(left) = self.block.left else {
                // The length of what comes out: seven bits an octet, lowest first, at most 32.
                if next & 0x80 == 0 {
                    let bits = self.pending.iter().rev().fold(0_u64, |sum, octet| sum << 7 | u64::from(octet & 0x7f));
                    self.block.left = Some(bits);
                    self.pending.clear();
                } else if self.pending.len() >= 5 {
                    return Err(Stop);
                }
                continue;
            };
            let Some((len, distance)) = element(&self.pending) else { continue };
            self.pending.clear();
            self.block.left = Some(left.checked_sub(len).ok_or(Stop)?);
            match distance {
                None => self.block.literal = len,
                Some(distance) => self.history.copy(distance, len as usize, out)?,
            }
        }
        Ok(())
    }
}

/// Length and distance of an element once its tag is whole; literals have no distance.
fn element(tag: &[u8]) -> Option<(u64, Option<usize>)> {
    let (&first, rest) = tag.split_first()?;
    let number = |len: usize| {
        let octets = rest.get(..len)?;
        Some(octets.iter().rev().fold(0_u64, |sum, octet| sum << 8 | u64::from(*octet)))
    };
    let high = u64::from(first >> 2);
    Some(match first & 3 {
        0 if high < 60 => (high + 1, None),
        0 => (number(high as usize - 59)? + 1, None),
        1 => ((high & 7) + 4, Some((number(1)? | u64::from(first >> 5) << 8) as usize)),
        2 => (high + 1, Some(number(2)? as usize)),
        _ => (high + 1, Some(number(4)? as usize)),
    })
}

impl Decoder for Snappy {
    fn decode(&mut self, input: &[u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        let mut rest = input;
        while !rest.is_empty() {
            let (Expect::Block(left) | Expect::Stored(left) | Expect::Skip(left)) = self.expect else {
                if self.expect == Expect::Bare {
                    return self.elements(rest, out);
                }
                let (first, after) = rest.split_at(1);
                self.pending.extend_from_slice(first);
                rest = after;
                self.head(out)?;
                continue;
            };
            let (now, later) = rest.split_at(rest.len().min(left as usize));
            rest = later;
            let left = left - now.len() as u32;
            self.expect = match self.expect {
                Expect::Block(_) => {
                    self.elements(now, out)?;
                    Expect::Block(left)
                }
                Expect::Stored(_) => {
                    out.give(now)?;
                    Expect::Stored(left)
                }
                _ => Expect::Skip(left),
            };
            self.leave_if_over()?;
        }
        self.leave_if_over()
    }

    fn finish(&mut self, _out: &mut Outlet<'_, '_>) -> u64 {
        self.pending.len() as u64
    }

    fn is_compression(&self) -> bool {
        true
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.pending.capacity() + self.history.held_bytes()
    }
}

impl Snappy {
    /// After the last octet of a block or chunk.
    fn leave_if_over(&mut self) -> Result<(), Stop> {
        match self.expect {
            Expect::Block(0) if !self.pending.is_empty() || self.block.literal > 0 => Err(Stop),
            Expect::Block(0) | Expect::Stored(0) | Expect::Skip(0) => {
                self.expect = if self.java { Expect::Length } else { Expect::Chunk };
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
