//! Zstandard (RFC 8878), by ruzstd: frames after each other, skippable frames, windows up to 8 MiB (RFC 9659).
//!
//! A frame is decoded block by block, each when its last octet is there. ruzstd gives out decoded octets once they have
//! left the window, the rest when the frame ends; a frame that is cut or damaged is therefore closed with an empty last
//! block, so that all that was decoded comes out.

use std::io::Read;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::coded::{Decoder, Outlet, Stop};

/// RFC 9659, section 3: decoders for HTTP support windows of up to 8 MB, encoders must not use larger ones.
const WINDOW_BYTES_MAX: u64 = 8 << 20;
/// Tables of one frame decoder, without window and block.
const TABLE_BYTES: usize = 64 << 10;
/// An empty last block, and four octets in case a checksum is expected.
const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Removes Zstandard.
#[derive(Default)]
pub(super) struct Zstd {
    frame: Option<Box<FrameDecoder>>,
    checksum: bool,
    pending: Vec<u8>,
    skip: u64,
    held_decoded: u64,
}

impl Zstd {
    /// Decodes the next header or block of `self.pending`; `Ok(None)` if it is not complete yet, else its length.
    fn step(&mut self) -> Result<Option<usize>, Stop> {
        let pending = self.pending.as_slice();
        let Some(frame) = &mut self.frame else {
            let Some(&[a, b, c, d]) = pending.first_chunk() else {
                return Ok(None);
            };
            if (0x50..=0x5f).contains(&a) && [b, c, d] == [0x2a, 0x4d, 0x18] {
                // Section 3.1.2: a skippable frame.
                let Some(&[_, _, _, _, e, f, g, h]) = pending.first_chunk() else {
                    return Ok(None);
                };
                self.skip = u64::from(u32::from_le_bytes([e, f, g, h]));
                return Ok(Some(8));
            }
            if [a, b, c, d] != MAGIC {
                return Err(Stop);
            }
            let Some(&descriptor) = pending.get(4) else {
                return Ok(None);
            };
            let Some(header) = pending.get(..frame_header_len(descriptor)) else {
                return Ok(None);
            };
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(WINDOW_BYTES_MAX);
            decoder.init(header).map_err(|_| Stop)?;
            self.checksum = descriptor & 4 != 0;
            self.frame = Some(Box::new(decoder));
            self.held_decoded = 0;
            return Ok(Some(header.len()));
        };
        let Some(&[a, b, c]) = pending.first_chunk() else {
            return Ok(None);
        };
        let header = u32::from_le_bytes([a, b, c, 0]);
        let size = (header >> 3) as usize;
        // Block types: 0 raw, 1 one octet repeated, 2 compressed, 3 reserved.
        let (body, produced_max) = match header >> 1 & 3 {
            0 => (size, size),
            1 => (1, size),
            2 => (size, 128 << 10),
            _ => return Err(Stop),
        };
        if size > 128 << 10 {
            return Err(Stop);
        }
        let checksum = if header & 1 != 0 && self.checksum { 4 } else { 0 };
        let Some(block) = pending.get(..3 + body + checksum) else {
            return Ok(None);
        };
        self.held_decoded += produced_max as u64;
        frame.decode_blocks(block, BlockDecodingStrategy::UptoBlocks(1)).map_err(|_| Stop)?;
        Ok(Some(block.len()))
    }

    /// Gives out what has left the window, or everything if the frame has ended.
    fn drain(&mut self, out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        let Some(frame) = &mut self.frame else {
            return Ok(());
        };
        let mut scratch = out.scratch();
        let mut result = Ok(());
        while let Ok(len @ 1..) = frame.read(&mut scratch) {
            self.held_decoded = self.held_decoded.saturating_sub(len as u64);
            result = out.give(scratch.get(..len).unwrap_or(&[]));
            if result.is_err() {
                break;
            }
        }
        out.keep_scratch(scratch);
        if frame.is_finished() {
            self.frame = None;
        }
        result
    }
}

/// Length of a frame header with its magic, from the frame header descriptor (section 3.1.1.1.1).
fn frame_header_len(descriptor: u8) -> usize {
    let single_segment = descriptor & 0x20 != 0;
    let dictionary_id = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content_size = match descriptor >> 6 {
        0 => usize::from(single_segment),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    5 + usize::from(!single_segment) + dictionary_id + content_size
}

impl Decoder for Zstd {
    fn decode(&mut self, mut input: &[u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        loop {
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(input.len());
            self.skip -= skipped as u64;
            input = input.get(skipped..).unwrap_or(&[]);
            if self.skip > 0 || (input.is_empty() && self.pending.is_empty()) {
                return Ok(());
            }
            self.pending.extend_from_slice(input);
            input = &[];
            match self.step() {
                Err(stop) => {
                    self.pending.clear();
                    return Err(stop);
                }
                Ok(None) => return Ok(()),
                Ok(Some(len)) => {
                    if self.skip > 0 {
                        // What follows the header of a skippable frame is not worth holding.
                        let rest = self.pending.split_off(len);
                        self.pending.clear();
                        let skipped = (self.skip).min(rest.len() as u64);
                        self.skip -= skipped;
                        self.pending.extend_from_slice(rest.get(skipped as usize..).unwrap_or(&[]));
                    } else {
                        self.pending.drain(..len);
                        self.drain(out)?;
                    }
                }
            }
        }
    }

    fn finish(&mut self, out: &mut Outlet<'_, '_>) -> u64 {
        let held = self.pending.len() as u64;
        if let Some(frame) = &mut self.frame {
            // An error means that the frame had ended.
            let _ = frame.decode_blocks(LAST_BLOCK.as_slice(), BlockDecodingStrategy::UptoBlocks(1));
        }
        // The outlet remembers by itself if its budget ends here.
        let _ = self.drain(out);
        held
    }

    fn is_compression(&self) -> bool {
        true
    }

    fn held_bytes(&self) -> usize {
        let frame = if self.frame.is_some() { TABLE_BYTES } else { 0 };
        // ruzstd's ring buffer doubles.
        let window = (2 * self.held_decoded).min(2 * WINDOW_BYTES_MAX + (256 << 10));
        size_of::<Self>() + self.pending.capacity() + frame + window as usize
    }
}
