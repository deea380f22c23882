//! Brotli (RFC 7932), by brotli-decompressor. Windows are those of the RFC, at most 16 MiB, and grow with the content.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, SliceWrapper as _, StandardAlloc};

use super::coded::{Decoder, Outlet, Stop};

/// Tables and state, without the window.
const STATE_BYTES: usize = 64 << 10;

/// Input is fed in pieces of this size, octets: at damage the decoder forgets what it decoded from the last piece, and what
/// that is must not depend on how the input was segmented.
const PIECE: usize = 64;

/// Removes brotli.
pub(super) struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    total_out: usize,
    pending: Vec<u8>,
    ended: bool,
}

impl Brotli {
    pub(super) fn new() -> Self {
        let alloc = StandardAlloc::default;
        // Strict: without the "large window" extension, whose windows of up to 1 GiB no browser accepts.
        Self {
            state: Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())),
            total_out: 0,
            pending: Vec::new(),
            ended: false,
        }
    }

    fn decode_pending(&mut self, out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        let mut pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return Ok(());
        }
        let mut scratch = out.scratch();
        let result = if self.ended { Err(Stop) } else { self.decode_into(&pending, &mut scratch, out) };
        out.keep_scratch(scratch);
        pending.clear();
        self.pending = pending;
        result
    }

    fn decode_into(&mut self, input: &[u8], scratch: &mut [u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        let (mut available_in, mut consumed) = (input.len(), 0);
        loop {
            let (mut available_out, mut produced) = (scratch.len(), 0);
            let result = BrotliDecompressStream(
                &mut available_in,
                &mut consumed,
                input,
                &mut available_out,
                &mut produced,
                scratch,
                &mut self.total_out,
                &mut self.state,
            );
            out.give(scratch.get(..produced).unwrap_or(&[]))?;
            match result {
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::NeedsMoreInput => return Ok(()),
                BrotliResult::ResultFailure => return Err(Stop),
                BrotliResult::ResultSuccess => {
                    self.ended = true;
                    return if available_in == 0 { Ok(()) } else { Err(Stop) };
                }
            }
        }
    }
}

impl Decoder for Brotli {
    fn decode(&mut self, mut input: &[u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        while !input.is_empty() {
            let room = PIECE - self.pending.len();
            let (piece, rest) = input.split_at(room.min(input.len()));
            input = rest;
            self.pending.extend_from_slice(piece);
            if self.pending.len() == PIECE {
                self.decode_pending(out)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Outlet<'_, '_>) -> u64 {
        let len = self.pending.len() as u64;
        if self.decode_pending(out).is_err() { len } else { 0 }
    }

    fn is_compression(&self) -> bool {
        true
    }

    fn held_bytes(&self) -> usize {
        // The window is as long as a block claims to be, up to that of the stream, before any of it has come.
        size_of::<Self>() + self.pending.capacity() + STATE_BYTES + self.state.ringbuffer.len()
    }
}
