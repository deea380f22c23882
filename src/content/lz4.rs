//! LZ4 frames (lz4 `lz4_Frame_format.md`), one after the other, with skippable frames between.
//!
//! Blocks are decoded as they come, sequence by sequence (`lz4_Block_format.md`): a block may claim 4 MiB, and only the last
//! 64 KiB are held, as far back as a match can reach. Checksums are not looked at: early Kafka clients write a wrong one.

use super::coded::{Decoder, Outlet, Stop};
use super::history::History;

/// What begins a frame.
pub(super) const MAGIC: &[u8; 4] = b"\x04\x22\x4d\x18";

/// What octets are expected next.
#[derive(Clone, Copy)]
enum Expect {
    /// Magic, descriptor and its checksum.
    Frame,
    /// So many octets of a skippable frame.
    Skip(u32),
    /// The length of a block.
    Length,
    /// So many octets of a block.
    Block(u32),
    /// So many octets that are not compressed.
    Stored(u32),
    /// A checksum, of a block or of the content.
    Checksum { of_block: bool },
}

/// Where decoding stands in a sequence.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Sequence {
    #[default]
    Token,
    LiteralLen,
    Literal,
    Offset,
    MatchLen,
}

/// Removes LZ4.
pub(super) struct Lz4 {
    expect: Expect,
    block_checksums: bool,
    content_checksum: bool,
    /// Octets of a head that is not complete.
    pending: Vec<u8>,
    sequence: Sequence,
    literal: usize,
    distance: usize,
    /// Length of the match so far.
    matched: usize,
    history: History,
}

impl Default for Lz4 {
    fn default() -> Self {
        Self {
            expect: Expect::Frame,
            block_checksums: false,
            content_checksum: false,
            pending: Vec::new(),
            sequence: Sequence::default(),
            literal: 0,
            distance: 0,
            matched: 0,
            history: History::default(),
        }
    }
}

impl Lz4 {
    /// Reads the head that `pending` holds, if it is complete.
    fn head(&mut self) -> Result<(), Stop> {
        let Some(&number) = self.pending.first_chunk() else { return Ok(()) };
        let number = u32::from_le_bytes(number);
        self.expect = match self.expect {
            Expect::Frame if self.pending.starts_with(MAGIC) => {
                let Some(&flags) = self.pending.get(4) else { return Ok(()) };
                if flags >> 6 != 1 {
                    return Err(Stop);
                }
                // Flags, block size, and where the flags say so: content size, dictionary. Then a checksum.
                let size = 4 + 2 + usize::from(flags & 8 != 0) * 8 + usize::from(flags & 1 != 0) * 4 + 1;
                if self.pending.len() < size {
                    return Ok(());
                }
                (self.block_checksums, self.content_checksum) = (flags & 0x10 != 0, flags & 4 != 0);
                self.history.clear();
                Expect::Length
            }
            Expect::Frame if (0x184d_2a50..=0x184d_2a5f).contains(&number) => {
                let Some(&len) = self.pending.get(4..).and_then(|rest| rest.first_chunk()) else { return Ok(()) };
                Expect::Skip(u32::from_le_bytes(len))
            }
            Expect::Frame => return Err(Stop),
            Expect::Length => match (number, number & 0x7fff_ffff) {
                (0, _) if self.content_checksum => Expect::Checksum { of_block: false },
                (0, _) => Expect::Frame,
                // The largest block of the format.
                (_, len) if len > 4 << 20 => return Err(Stop),
                (_, len) if number >> 31 == 1 => Expect::Stored(len),
                (_, len) => Expect::Block(len),
            },
            Expect::Checksum { of_block } => {
                if of_block {
                    Expect::Length
                } else {
                    Expect::Frame
                }
            }
            other => other,
        };
        self.sequence = Sequence::Token;
        self.pending.clear();
        Ok(())
    }

    /// Decodes octets of a block.
    fn sequences(&mut self, octets: &[u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        let mut rest = octets;
        while let Some((&next, after)) = rest.split_first() {
            match self.sequence {
                Sequence::Token => {
                    rest = after;
                    (self.literal, self.matched) = (usize::from(next >> 4), usize::from(next & 15));
                    self.sequence = match self.literal {
                        15 => Sequence::LiteralLen,
                        0 => Sequence::Offset,
                        _ => Sequence::Literal,
                    };
                }
                Sequence::LiteralLen => {
                    rest = after;
                    self.literal = self.literal.saturating_add(usize::from(next));
                    if next < 255 {
                        self.sequence = Sequence::Literal;
                    }
                }
                Sequence::Literal => {
                    let (literal, later) = rest.split_at(self.literal.min(rest.len()));
                    rest = later;
                    self.literal -= literal.len();
                    self.history.literal(literal, out)?;
                    if self.literal == 0 {
                        self.sequence = Sequence::Offset;
                    }
                }
                Sequence::Offset => {
                    rest = after;
                    self.pending.push(next);
                    if let Some(&distance) = self.pending.first_chunk() {
                        self.pending.clear();
                        self.distance = usize::from(u16::from_le_bytes(distance));
                        if self.matched == 15 {
                            self.sequence = Sequence::MatchLen;
                        } else {
                            self.copy(out)?;
                        }
                    }
                }
                Sequence::MatchLen => {
                    rest = after;
                    self.matched = self.matched.saturating_add(usize::from(next));
                    if next < 255 {
                        self.copy(out)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The match is known. Matches have at least four octets.
    fn copy(&mut self, out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        self.sequence = Sequence::Token;
        self.history.copy(self.distance, self.matched.saturating_add(4), out)
    }
}

impl Decoder for Lz4 {
    fn decode(&mut self, input: &[u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        let mut rest = input;
        while !rest.is_empty() {
            let (Expect::Block(left) | Expect::Stored(left) | Expect::Skip(left)) = self.expect else {
                let (first, after) = rest.split_at(1);
                self.pending.extend_from_slice(first);
                rest = after;
                self.head()?;
                continue;
            };
            let (now, later) = rest.split_at(rest.len().min(left as usize));
            rest = later;
            let left = left - now.len() as u32;
            self.expect = match self.expect {
                Expect::Block(_) => {
                    self.sequences(now, out)?;
                    // The last sequence of a block ends with its literals.
                    if left == 0
                        && (!self.pending.is_empty() || self.sequence == Sequence::MatchLen || self.literal > 0)
                    {
                        return Err(Stop);
                    }
                    Expect::Block(left)
                }
                Expect::Stored(_) => {
                    self.history.literal(now, out)?;
                    Expect::Stored(left)
                }
                _ => Expect::Skip(left),
            };
            if left == 0 {
                self.expect = match self.expect {
                    Expect::Skip(_) => Expect::Frame,
                    _ if self.block_checksums => Expect::Checksum { of_block: true },
                    _ => Expect::Length,
                };
            }
        }
        Ok(())
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
