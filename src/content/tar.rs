//! tar archives (POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar's are alike), streaming: every member is a document.

use crate::model::UninspectedReason;

use super::budget::Cx;
use super::document::{Document, Hint, Reader};

/// Headers are blocks of this size, members are padded to it, octets.
const BLOCK_LEN: usize = 512;

enum State {
    /// Collecting a header.
    Header,
    /// In a member with this many octets left. `None` if it lies beyond the nesting limit.
    Member(Option<Box<Document>>, u64),
    /// Octets were missing: where headers are is no longer known.
    Lost,
}

/// Reads an archive.
pub(super) struct Tar {
    at: u64,
    state: State,
    header: Vec<u8>,
    padding: usize,
}

/// Whether a document that begins with `head` is a tar archive.
pub(super) fn detect(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar") && head.len() >= BLOCK_LEN
}

/// A text field of a header.
fn field(header: &[u8], at: usize, len: usize) -> String {
    let field = header.get(at..at + len).unwrap_or(&[]);
    let end = memchr::memchr(0, field).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or(field)).into_owned()
}

impl Tar {
    pub(super) fn new() -> Self {
        Self { at: 0, state: State::Header, header: Vec::new(), padding: 0 }
    }

    /// A header block is complete.
    fn member_begins(&mut self, cx: &mut Cx<'_>) {
        let (prefix, name) = (field(&self.header, 345, 155), field(&self.header, 0, 100));
        let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let size = field(&self.header, 124, 12);
        let size = u64::from_str_radix(size.trim_matches([' ', '\0']), 8).unwrap_or(0);
        self.header = Vec::new();
        if size == 0 {
            return;
        }
        self.padding = (BLOCK_LEN - (size % BLOCK_LEN as u64) as usize) % BLOCK_LEN;
        let document = cx.budget.may_nest().then(|| {
            cx.enter("member", Some(&name));
            Box::new(Document::new(Hint::default()))
        });
        self.state = State::Member(document, size);
    }

    fn member_ends(&mut self, cx: &mut Cx<'_>) {
        if let State::Member(Some(mut document), _) = std::mem::replace(&mut self.state, State::Header) {
            document.end(cx);
            cx.leave();
        }
    }
}

impl Reader for Tar {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let mut rest = octets;
        while !rest.is_empty() {
            let most = match &self.state {
                State::Header if self.padding > 0 => self.padding,
                State::Header => BLOCK_LEN - self.header.len(),
                State::Member(_, left) => usize::try_from(*left).unwrap_or(usize::MAX),
                State::Lost => usize::MAX,
            };
            let (own, later) = rest.split_at(most.min(rest.len()));
            match &mut self.state {
                State::Member(document, left) => {
                    *left -= own.len() as u64;
                    let ended = *left == 0;
                    match document {
                        Some(document) => document.octets(own, cx),
                        None => cx.lost.add(own.len() as u64, UninspectedReason::DecodeLimit),
                    }
                    if ended {
                        self.member_ends(cx);
                    }
                }
                State::Header if self.padding == 0 => {
                    cx.text(own, self.at, None);
                    self.header.extend_from_slice(own);
                    if self.header.len() == BLOCK_LEN {
                        self.member_begins(cx);
                    }
                }
                State::Header | State::Lost => {
                    cx.text(own, self.at, None);
                    self.padding = self.padding.saturating_sub(own.len());
                }
            }
            self.at += own.len() as u64;
            rest = later;
        }
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        self.at += len;
        match &mut self.state {
            // A gap within a member leaves it whole but for the gap.
            State::Member(document, left) if *left > len => {
                *left -= len;
                if let Some(document) = document {
                    document.gap(len, cx);
                }
            }
            _ => {
                self.member_ends(cx);
                self.padding = 0;
                self.state = State::Lost;
            }
        }
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        self.member_ends(cx);
    }

    fn held_bytes(&self) -> usize {
        let member = if let State::Member(Some(document), _) = &self.state { document.held_bytes() } else { 0 };
        size_of::<Self>() + self.header.capacity() + member
    }
}
