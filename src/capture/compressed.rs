//! Captures inside gzip (RFC 1952) and zstd (RFC 8878), recognised by their first octets, one inside the other if need be.
//!
//! Both decoders are driven by hand rather than through the ready-made `Read` adapters of their crates, because those lose
//! what they had decompressed when the damage comes: flate2 drops the output of the call that fails, and ruzstd keeps the
//! last window (megabytes) to itself. Here every octet before the damage comes out, and then the error says where it was.
//! In zstd, where a block is damaged, what could be decoded of that block still comes out before the error.
//!
//! Memory is bounded by the formats: 32 KiB of window for gzip, up to [`WINDOW_BYTES_MAX`] for zstd.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::input::Input;

/// The largest zstd window: that of `zstd --long=27`, and what the zstd tool itself accepts unless told otherwise.
const WINDOW_BYTES_MAX: u64 = 128 << 20;
/// Compression within compression that is taken off. Nobody does more than two; a file can be made to unpack to itself.
const NESTING_MAX: usize = 4;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// An empty raw block that is the last of its frame, and an empty checksum: makes a zstd decoder hand out its window.
const ZSTD_LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// Takes compression off as long as there is some.
pub(super) fn unwrap(mut input: Input) -> Input {
    for _ in 0..NESTING_MAX {
        input.fill(ZSTD_MAGIC.len());
        input = if input.octets().starts_with(&GZIP_MAGIC) {
            Input::new(Box::new(Gzip::new(input)))
        } else if input.octets().starts_with(&ZSTD_MAGIC) || skippable(input.octets()) {
            Input::new(Box::new(Zstd::new(input)))
        } else {
            break;
        };
    }
    input
}

/// Whether a zstd skippable frame begins here: sixteen magic numbers of their own.
fn skippable(octets: &[u8]) -> bool {
    octets.first_chunk().is_some_and(|magic| u32::from_le_bytes(*magic) & 0xffff_fff0 == 0x184d_2a50)
}

/// The members of a gzip file, one after the other.
struct Gzip {
    inner: Input,
    state: Decompress,
    /// Between members: the input may end here.
    between: bool,
    failed: Option<String>,
}

impl Gzip {
    fn new(inner: Input) -> Self {
        Self { inner, state: Decompress::new_gzip(15), between: true, failed: None }
    }
}

impl Read for Gzip {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(failed) = &self.failed {
                return Err(io::Error::other(failed.clone()));
            }
            if into.is_empty() {
                return Ok(0);
            }
            let more = self.inner.fill(1);
            if self.between {
                if !more && self.inner.failure().is_none() {
                    return Ok(0);
                }
                self.inner.fill(GZIP_MAGIC.len());
                if more && !GZIP_MAGIC.starts_with(self.inner.octets().get(..2).unwrap_or(self.inner.octets())) {
                    let at = self.inner.offset();
                    self.failed = Some(format!("something that is not gzip follows at octet {at} of the gzip file"));
                    continue;
                }
                self.state.reset(true);
                self.between = false;
            }
            let (in_before, out_before) = (self.state.total_in(), self.state.total_out());
            let result = self.state.decompress(self.inner.octets(), into, FlushDecompress::None);
            let consumed = usize::try_from(self.state.total_in() - in_before).unwrap_or(0);
            let written = usize::try_from(self.state.total_out() - out_before).unwrap_or(0);
            self.inner.consume(consumed);
            let at = self.inner.offset();
            match result {
                Ok(Status::StreamEnd) => self.between = true,
                Ok(_) if written == 0 && !more => {
                    let why = self.inner.failure().unwrap_or("cut short");
                    self.failed = Some(format!("{why} at octet {at} of the gzip file"));
                }
                Ok(_) if written == 0 && consumed == 0 => {
                    self.failed = Some(format!("gzip data damaged near its octet {at}: no progress"));
                }
                Ok(_) => {}
                Err(error) => {
                    self.failed = Some(format!("gzip data damaged near its octet {at}: {error}"));
                }
            }
            if written > 0 {
                return Ok(written);
            }
        }
    }
}

/// The frames of a zstd file, one after the other.
struct Zstd {
    inner: Input,
    decoder: FrameDecoder,
    in_frame: bool,
    failed: Option<String>,
}

impl Zstd {
    fn new(inner: Input) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_BYTES_MAX);
        Self { inner, decoder, in_frame: false, failed: None }
    }

    fn fail(&mut self, what: &dyn std::fmt::Display) {
        let more = self.inner.fill(1);
        let (at, why) = (self.inner.offset(), self.inner.why_ended());
        self.failed = Some(if more {
            format!("zstd data damaged near its octet {at}: {what}")
        } else {
            format!("{why} at octet {at} of the zstd file")
        });
    }

    /// Begins the next frame; `false` at the end of the file.
    fn begin_frame(&mut self) -> bool {
        if !self.inner.fill(1) && self.inner.failure().is_none() {
            return false;
        }
        self.inner.fill(8);
        if skippable(self.inner.octets()) {
            let length = self.inner.octets().get(4..8).and_then(|octets| octets.first_chunk().copied());
            if !self.inner.skip(8 + u64::from(u32::from_le_bytes(length.unwrap_or_default()))) || length.is_none() {
                self.fail(&"a skippable frame has no end");
            }
            return true;
        }
        match self.decoder.reset(&mut self.inner) {
            Ok(()) => self.in_frame = true,
            Err(error) => self.fail(&error),
        }
        true
    }

    /// Decodes a block, or ends a frame whose blocks are all decoded and handed out.
    fn advance_frame(&mut self) {
        if self.decoder.is_finished() {
            self.in_frame = false;
            let (said, is) = (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
            if said.is_some() && said != is {
                self.fail_checksum();
            }
        } else if let Err(error) = self.decoder.decode_blocks(&mut self.inner, BlockDecodingStrategy::UptoBlocks(1)) {
            self.fail(&error);
            // Whatever comes of it: this only sets free what is decoded already.
            let _ = self.decoder.decode_blocks(&mut &ZSTD_LAST_BLOCK[..], BlockDecodingStrategy::All);
        }
    }

    fn fail_checksum(&mut self) {
        let at = self.inner.offset();
        self.failed = Some(format!("zstd data damaged before its octet {at}: the checksum does not match"));
    }
}

impl Read for Zstd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            if self.in_frame && self.decoder.can_collect() > 0 {
                return self.decoder.read(into);
            }
            if let Some(failed) = &self.failed {
                return Err(io::Error::other(failed.clone()));
            }
            if self.in_frame {
                self.advance_frame();
            } else if !self.begin_frame() {
                return Ok(0);
            }
        }
    }
}
