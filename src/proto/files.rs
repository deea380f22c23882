//! Files that a protocol reads or writes in pieces: pieces of one file that follow each other are one document.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::model::{Direction, DocumentKind};

use super::decoder::{Doc, Out};
use super::unknown::plain;

/// Files open at once in one direction. Past it the one that was continued least recently ends.
const OPEN_MAX: usize = 8;

/// Open files of one direction, the least recently continued first.
#[derive(Default)]
pub(crate) struct Files(Vec<File>);

struct File {
    /// Hash of what names the file. `None` where the protocol does not say in this direction.
    key: u64,
    /// Offset within the file after the last piece: the sender's word, which may be as high as it likes.
    next: u64,
    doc: Doc,
}

impl Files {
    /// A piece at `offset` of the file named `key` begins, at `at` of the half-stream: continue its document by
    /// [`Files::octets`].
    pub(crate) fn piece(&mut self, dir: Direction, key: &[u8], offset: u64, at: u64, out: &mut Out<'_>) {
        // Fixed keys: equal on every run.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let key = hasher.finish();
        let file = match self.0.iter().position(|file| file.key == key) {
            Some(index) => {
                let file = self.0.remove(index);
                if file.next == offset {
                    file
                } else {
                    out.end(&file.doc);
                    File { key, next: offset, doc: out.start(dir, plain(DocumentKind::FileContent, at)) }
                }
            }
            None => {
                if self.0.len() >= OPEN_MAX {
                    let oldest = self.0.remove(0);
                    out.end(&oldest.doc);
                }
                File { key, next: offset, doc: out.start(dir, plain(DocumentKind::FileContent, at)) }
            }
        };
        self.0.push(file);
    }

    /// Octets of the last piece.
    pub(crate) fn octets(&mut self, octets: &[u8], out: &mut Out<'_>) {
        if let Some(file) = self.0.last_mut() {
            file.next = file.next.wrapping_add(octets.len() as u64);
            out.octets(&file.doc, octets);
        }
    }

    /// Octets of the last piece are missing.
    pub(crate) fn gap(&mut self, len: u64, out: &mut Out<'_>) {
        if let Some(file) = self.0.last_mut() {
            file.next = file.next.wrapping_add(len);
            out.gap(&file.doc, len);
        }
    }

    /// All files end.
    pub(crate) fn close(&mut self, out: &mut Out<'_>) {
        for file in self.0.drain(..) {
            out.end(&file.doc);
        }
    }
}
