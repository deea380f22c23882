//! Files in what an rsync sender's frames of data carry (rsync's `sender.c`, `io.c`, `token.c`).
//!
//! After the list of files, each file that is sent begins with flags and the receiver's block sizes, all zero if it has nothing of the
//! file; then come tokens: a positive number and as many octets, a negative one for a block that the receiver has, zero at
//! the end. The checksum after it has a length that only the ends know, so the next file is looked for: 22 octets that fit together do
//! not come by chance. Everything between files is given as it is.

use crate::model::{Direction, DocumentKind, DocumentStart};

use super::super::decoder::{Doc, Out};
use super::super::reader::Reader;
use super::super::unknown::plain;

/// Octets of one literal (`CHUNK_SIZE`).
const LITERAL_MAX: i32 = 32 << 10;
/// Octets of a block (`OLD_MAX_BLOCK_SIZE`), and blocks of a file that are believed.
const BLOCK_MAX: i32 = 1 << 29;
const BLOCKS_MAX: i32 = 1 << 26;
/// Octets of a strong checksum.
const CHECKSUM_MAX: i32 = 64;

/// Flags of a file (`rsync.h`): its octets follow; the kind of its basis follows; a name follows; nothing is sent.
const TRANSFER: u16 = 1 << 15;
const BASIS_FOLLOWS: u16 = 1 << 11;
const NAME_FOLLOWS: u16 = 1 << 12;
const LOCAL_CHANGE: u16 = 1 << 14;

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Between,
    /// A number comes.
    Token,
    /// So many octets of the file.
    Literal(u32),
}

/// What one end sends.
#[derive(Default)]
pub(super) struct Transfer {
    state: State,
    /// The first octets of what may be a token or the beginning of a file.
    held: Vec<u8>,
    /// Octets of a block of the file.
    block: u32,
    file: Option<Doc>,
    between: Option<Doc>,
}

/// Whether a file begins with its octets.
enum Start {
    Not,
    More,
    /// After so many octets comes the first token; octets of a block.
    At(usize, u32),
}

fn start(octets: &[u8]) -> Start {
    let mut reader = Reader::new(octets);
    let Some([low, high]) = reader.array() else { return Start::More };
    let flags = u16::from_le_bytes([low, high]);
    if flags & TRANSFER == 0 || flags & (NAME_FOLLOWS | LOCAL_CHANGE) != 0 {
        return Start::Not;
    }
    if flags & BASIS_FOLLOWS != 0 && reader.u8().is_none() {
        return Start::More;
    }
    let mut number = || reader.array().map(i32::from_le_bytes);
    let (Some(count), Some(block)) = (number(), number()) else { return Start::More };
    let (Some(strong), Some(rest)) = (number(), number()) else { return Start::More };
    let fits = (0..=BLOCKS_MAX).contains(&count)
        && (0..=BLOCK_MAX).contains(&block)
        && (0..=CHECKSUM_MAX).contains(&strong)
        && (0..=block).contains(&rest)
        && (count == 0 || (block > 0 && strong >= 2));
    let before = reader.at();
    match reader.array().map(i32::from_le_bytes) {
        _ if !fits => Start::Not,
        None => Start::More,
        Some(token) if token != 0 && (-count..=LITERAL_MAX).contains(&token) => Start::At(before, block.unsigned_abs()),
        Some(_) => Start::Not,
    }
}

impl Transfer {
    /// More octets, the first at offset `at` of the half-stream.
    pub(super) fn octets(&mut self, dir: Direction, at: u64, octets: &[u8], name: Option<&str>, out: &mut Out<'_>) {
        let mut rest = octets;
        while !rest.is_empty() {
            let at = at + (octets.len() - rest.len()) as u64;
            let begin = || DocumentStart { name: name.map(Into::into), ..plain(DocumentKind::FileContent, at) };
            match self.state {
                State::Literal(left) => {
                    let (own, later) = rest.split_at(rest.len().min(left as usize));
                    let file = self.file.get_or_insert_with(|| out.start(dir, begin()));
                    out.octets(file, own);
                    let left = left - own.len() as u32;
                    self.state = if left == 0 { State::Token } else { State::Literal(left) };
                    rest = later;
                }
                State::Token => {
                    let (own, later) = rest.split_at(rest.len().min(4 - self.held.len()));
                    self.held.extend_from_slice(own);
                    rest = later;
                    if let Some(token) = self.held.first_chunk().map(|token| i32::from_le_bytes(*token)) {
                        self.token(token, out);
                    }
                }
                State::Between => {
                    let begun = self.held.len();
                    self.held.extend_from_slice(rest);
                    let whole = std::mem::take(&mut self.held);
                    let (passed, next) = look(&whole);
                    let between = self.between.get_or_insert_with(|| out.start(dir, begin()));
                    out.octets(between, whole.get(..passed).unwrap_or_default());
                    match next {
                        Start::At(_, block) => {
                            (self.state, self.block) = (State::Token, block);
                            // What of the token was held already.
                            self.held = whole.get(passed..begun).unwrap_or_default().to_vec();
                            rest = rest.get(passed.saturating_sub(begun)..).unwrap_or_default();
                        }
                        _ => {
                            self.held = whole.get(passed..).unwrap_or_default().to_vec();
                            rest = &[];
                        }
                    }
                }
            }
        }
    }

    fn token(&mut self, token: i32, out: &mut Out<'_>) {
        self.held.clear();
        if token < 0 {
            // A block that the receiver has: it does not come.
            self.state = State::Token;
            if let Some(file) = &self.file {
                out.gap(file, self.block.into());
            }
        } else if (1..=LITERAL_MAX).contains(&token) {
            self.state = State::Literal(token.unsigned_abs());
        } else {
            self.end_file(out);
        }
    }

    fn end_file(&mut self, out: &mut Out<'_>) {
        self.state = State::Between;
        if let Some(file) = self.file.take() {
            out.end(&file);
        }
    }

    /// Octets are missing.
    pub(super) fn gap(&mut self, len: u64, out: &mut Out<'_>) {
        match (&self.file, self.state) {
            (Some(file), State::Literal(left)) if len < u64::from(left) => {
                out.gap(file, len);
                self.state = State::Literal(left - len as u32);
            }
            _ => {
                self.end_file(out);
                self.flush(out);
                if let Some(between) = &self.between {
                    out.gap(between, len);
                }
            }
        }
    }

    /// Gives out what is held.
    fn flush(&mut self, out: &mut Out<'_>) {
        let held = std::mem::take(&mut self.held);
        if let Some(between) = &self.between {
            out.octets(between, &held);
        }
    }

    /// Nothing more comes.
    pub(super) fn close(&mut self, out: &mut Out<'_>) {
        self.end_file(out);
        self.flush(out);
        if let Some(between) = self.between.take() {
            out.end(&between);
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.held.capacity()
    }
}

/// How many octets come before the first token of a file, or before what may be the beginning of one.
fn look(octets: &[u8]) -> (usize, Start) {
    for at in 0..octets.len() {
        match start(octets.get(at..).unwrap_or_default()) {
            Start::Not => {}
            Start::More => return (at, Start::More),
            Start::At(len, block) => return (at + len, Start::At(len, block)),
        }
    }
    (octets.len(), Start::Not)
}
