//! Octets in: a growing, bounded window over a file, standard input, or a decompressor.
//!
//! A reader asks for as many octets as the record at hand needs ([`Input::fill`]), looks at them in place, and consumes
//! them; a frame is lent to the core straight from this buffer. Reads are large (1 MiB): measured on files in the page cache,
//! mapping the file gains nothing over that, and raises SIGBUS when the file shrinks.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// The buffer begins small, so that a thousand small captures cost little, and doubles while reads fill it.
const BUFFER_BYTES_MIN: usize = 32 << 10;
/// Where it stops growing by itself; only a record that needs more makes it larger.
const BUFFER_BYTES_USUAL: usize = 1 << 20;
/// How much of the first input goes into the key material.
const KEY_BYTES: usize = 1 << 20;

/// A window over a stream of octets.
pub(super) struct Input {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset in the stream of `buffer[start]`.
    offset: u64,
    ended: bool,
    failure: Option<String>,
}

impl Input {
    /// A window at the start of `source`. Nothing is read yet.
    pub(super) fn new(source: Box<dyn Read + Send>) -> Self {
        let buffer = vec![0; BUFFER_BYTES_MIN];
        Self { source, buffer, start: 0, end: 0, offset: 0, ended: false, failure: None }
    }

    /// Reads until at least `wanted` octets are in the window, and tells whether they are. The buffer grows as octets arrive,
    /// so a record that claims much and holds little costs little.
    #[inline]
    pub(super) fn fill(&mut self, wanted: usize) -> bool {
        self.end - self.start >= wanted || self.fill_slowly(wanted)
    }

    fn fill_slowly(&mut self, wanted: usize) -> bool {
        while self.end - self.start < wanted && !self.ended {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if self.end == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let free = self.buffer.get_mut(self.end..).unwrap_or_default();
            let space = free.len();
            match self.source.read(free) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.end += count.min(space);
                    if count >= space && self.buffer.len() < BUFFER_BYTES_USUAL {
                        self.buffer.resize(self.buffer.len() * 2, 0);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.failure = Some(error.to_string());
                }
            }
        }
        self.end - self.start >= wanted
    }

    /// What is in the window.
    #[inline]
    pub(super) fn octets(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Leaves `count` octets of the window behind.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Leaves `count` octets of the stream behind without holding them; tells whether there were so many.
    pub(super) fn skip(&mut self, mut count: u64) -> bool {
        while count > 0 {
            if !self.fill(1) {
                return false;
            }
            let step = usize::try_from(count).unwrap_or(usize::MAX).min(self.end - self.start);
            self.consume(step);
            count -= step as u64;
        }
        true
    }

    /// Offset in the stream of the window's first octet.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Why the stream ended early, if it did not simply end.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// What to say of a record whose end is missing.
    pub(super) fn why_ended(&self) -> &str {
        self.failure().unwrap_or("cut short")
    }
}

/// For decompressors that read what they decompress.
impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !into.is_empty() && !self.fill(1) {
            return self.failure().map_or(Ok(0), |failure| Err(io::Error::other(failure.to_owned())));
        }
        let mut from = self.octets();
        let count = from.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

/// Counts the octets that were really read, before decompression: what a progress bar shows.
struct Counted<R> {
    source: R,
    position: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(into)?;
        self.position.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Whether a path of the command line means standard input.
pub(super) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// An opened path: its octets, and its length if it is a regular file, which can be opened again.
pub(super) struct Opened {
    pub(super) input: Input,
    pub(super) length: Option<u64>,
}

/// Opens a file, or standard input for `-`. What is read from it is counted in `position`.
///
/// # Errors
/// The path does not exist, may not be read, or is a directory.
pub(super) fn open(path: &Path, position: Arc<AtomicU64>) -> io::Result<Opened> {
    if is_standard_input(path) {
        return Ok(Opened { input: Input::new(Box::new(Counted { source: io::stdin(), position })), length: None });
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let length = metadata.is_file().then_some(metadata.len());
    Ok(Opened { input: Input::new(Box::new(Counted { source: file, position })), length })
}

/// SHA-256 over the first MiB of an input as it is stored or arrives (compressed, if it is), or all of it if it is shorter.
/// The octets stay in the window.
pub(super) fn key_material(input: &mut Input) -> [u8; 32] {
    input.fill(KEY_BYTES);
    let octets = input.octets();
    Sha256::digest(octets.get(..KEY_BYTES).unwrap_or(octets)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that gives one octet at a time and then fails.
    struct Trickle(u8);

    impl Read for Trickle {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.0 == 100 {
                return Err(io::Error::other("the disk is on fire"));
            }
            into[0] = self.0;
            self.0 += 1;
            Ok(1)
        }
    }

    #[test]
    fn keeps_what_came_before_a_failure() {
        let mut input = Input::new(Box::new(Trickle(0)));
        assert!(input.fill(60));
        input.consume(50);
        assert!(!input.fill(60));
        assert_eq!((input.octets(), input.offset()), (&(50..100).collect::<Vec<u8>>()[..], 50));
        assert_eq!(input.why_ended(), "the disk is on fire");
    }

    #[test]
    fn claims_do_not_allocate() {
        let mut input = Input::new(Box::new(&[7_u8; 1000][..]));
        assert!(!input.fill(1 << 40));
        assert_eq!(input.octets().len(), 1000);
        assert!(input.buffer.len() <= 2 * BUFFER_BYTES_MIN);
        assert!(!input.skip(1 << 40));
        assert_eq!(input.offset(), 1000);
    }

    #[test]
    fn grows_to_the_usual_size_and_no_further() {
        let mut input = Input::new(Box::new(io::repeat(1).take(9 << 20)));
        while input.fill(4096) {
            input.consume(4096);
        }
        assert_eq!(input.buffer.len(), BUFFER_BYTES_USUAL);
        assert_eq!(input.offset(), 9 << 20);
    }

    #[test]
    fn key_material_is_of_the_first_mebibyte_and_leaves_it_there() {
        let mut long = vec![3_u8; KEY_BYTES + 5];
        let mut input = Input::new(Box::new(io::Cursor::new(long.clone())));
        let digest = key_material(&mut input);
        assert!(input.fill(KEY_BYTES + 5));
        long.truncate(KEY_BYTES);
        assert_eq!(digest, <[u8; 32]>::from(Sha256::digest(&long)));
        let mut short = Input::new(Box::new(&b"abc"[..]));
        assert_eq!(key_material(&mut short), <[u8; 32]>::from(Sha256::digest(b"abc")));
    }
}
