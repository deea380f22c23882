//! Brotli (RFC 7932), by brotli-decompressor. Windows are those of the RFC, at most 16 MiB, and grow with the content.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::coded::{Decoder, Outlet, Stop};

/// Tables and state, without the window.
const STATE_BYTES: usize = 64 << 10;
/// The largest window of RFC 7932.
const WINDOW_BYTES_MAX: u64 = 16 << 20;

/// Removes brotli.
pub(super) struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    total_out: usize,
    ended: bool,
}

impl Brotli {
    pub(super) fn new() -> Self {
        let alloc = StandardAlloc::default;
        // Strict: without the "large window" extension, whose windows of up to 1 GiB no browser accepts.
        Self { state: Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())), total_out: 0, ended: false }
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
    fn decode(&mut self, input: &[u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        if self.ended {
            return Err(Stop);
        }
        let mut scratch = out.scratch();
        let result = self.decode_into(input, &mut scratch, out);
        out.keep_scratch(scratch);
        result
    }

    fn finish(&mut self, _out: &mut Outlet<'_, '_>) -> u64 {
        0
    }

    fn is_compression(&self) -> bool {
        true
    }

    fn held_bytes(&self) -> usize {
        // The window doubles as output comes.
        let window = (2 * self.total_out as u64).min(WINDOW_BYTES_MAX);
        size_of::<Self>() + STATE_BYTES + window as usize
    }
}
