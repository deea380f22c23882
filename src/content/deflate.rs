//! gzip (RFC 1952, several members), zlib (RFC 1950) and raw deflate (RFC 1951).

use flate2::{Decompress, FlushDecompress, Status};

use super::coded::{Decoder, Outlet, Stop};

/// What zlib allocates to inflate: a 32 KiB window and about 10 KiB of tables.
const INFLATE_BYTES: usize = 48 << 10;

/// How the stream is framed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// RFC 1952.
    Gzip,
    /// HTTP's "deflate": RFC 1950, or RFC 1951 as some senders have it. The first two octets tell.
    Deflate,
    /// RFC 1951, one stream: what follows is not part of it.
    Raw,
}

/// Inflates.
pub(super) struct Inflater {
    framing: Framing,
    stream: Option<Box<Decompress>>,
    first: Option<u8>,
    ended: bool,
    unused: usize,
}

impl Inflater {
    pub(super) fn new(framing: Framing) -> Self {
        Self { framing, stream: None, first: None, ended: false, unused: 0 }
    }

    fn inflate<'i>(&mut self, mut input: &'i [u8], out: &mut Outlet<'_, '_>) -> Result<&'i [u8], Stop> {
        let Some(stream) = &mut self.stream else {
            return Ok(input);
        };
        let mut scratch = out.scratch();
        let result = loop {
            let (in_before, out_before) = (stream.total_in(), stream.total_out());
            let status = stream.decompress(input, &mut scratch, FlushDecompress::None);
            let consumed = (stream.total_in() - in_before) as usize;
            let produced = (stream.total_out() - out_before) as usize;
            input = input.get(consumed..).unwrap_or(&[]);
            if out.give(scratch.get(..produced).unwrap_or(&[])).is_err() {
                break Err(Stop);
            }
            match status {
                Ok(Status::StreamEnd) => {
                    self.stream = None;
                    self.ended = true;
                    break Ok(input);
                }
                // A full buffer may mean that more is waiting inside.
                Ok(_) if produced == scratch.len() || (!input.is_empty() && consumed + produced > 0) => {}
                Ok(_) if input.is_empty() => break Ok(input),
                Ok(_) | Err(_) => break Err(Stop),
            }
        };
        out.keep_scratch(scratch);
        result
    }
}

impl Decoder for Inflater {
    fn decode(&mut self, mut input: &[u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        loop {
            if self.stream.is_some() {
                input = self.inflate(input, out)?;
            }
            let Some((&next, rest)) = input.split_first() else {
                return Ok(());
            };
            if self.ended && next == 0 && self.framing != Framing::Raw {
                // Padding after the last member, as tape and block writers leave it.
                input = rest;
                continue;
            }
            if self.ended && self.framing == Framing::Raw {
                self.unused += input.len();
                return Ok(());
            }
            let stream = match self.framing {
                Framing::Gzip => Decompress::new_gzip(15),
                Framing::Raw => Decompress::new(false),
                Framing::Deflate if self.ended => return Err(Stop),
                Framing::Deflate => {
                    let Some(first) = self.first.take() else {
                        self.first = Some(next);
                        input = rest;
                        continue;
                    };
                    // RFC 1950, section 2.2: method 8, window up to 32 KiB, and a check over both octets.
                    let zlib = first & 0x0f == 8 && first >> 4 <= 7 && u16::from_be_bytes([first, next]) % 31 == 0;
                    self.stream = Some(Box::new(Decompress::new(zlib)));
                    self.inflate(&[first], out)?;
                    continue;
                }
            };
            self.stream = Some(Box::new(stream));
        }
    }

    fn finish(&mut self, _out: &mut Outlet<'_, '_>) -> u64 {
        u64::from(self.first.is_some())
    }

    fn unused(&self) -> Option<usize> {
        self.ended.then_some(self.unused)
    }

    fn is_compression(&self) -> bool {
        true
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.stream.as_ref().map_or(0, |_| INFLATE_BYTES)
    }
}
