//! What text dialogues have in common: lines, runs of lines that are read as one document, and texts that end with a dot.

use memchr::memchr;

use crate::model::{Direction, DocumentKind};

use super::decoder::{Doc, Input, Out};
use super::unknown::plain;

/// Octets of a line. A longer one is cut there.
pub(crate) const LINE_MAX: usize = 16 << 10;

/// The length of the line that octets begin with, with its line feed; the whole if none follows. `None`: more is needed.
pub(crate) fn line_len(input: &Input<'_>) -> Option<usize> {
    let within = input.octets.get(..LINE_MAX).unwrap_or(input.octets);
    match memchr(b'\n', within) {
        Some(end) => Some(end + 1),
        None if input.more && within.len() < LINE_MAX => None,
        None => Some(within.len()),
    }
}

/// A line without its line break.
pub(crate) fn bare(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The first word of a line, and what follows the space after it.
pub(crate) fn split_word(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b' ', line) {
        Some(end) => (line.get(..end).unwrap_or_default(), line.get(end + 1..).unwrap_or_default().trim_ascii_start()),
        None => (line, &[]),
    }
}

/// Whether `octets` begin with `word`, whatever the case; `None` if there are too few octets to tell.
pub(crate) fn begins(octets: &[u8], word: &[u8]) -> Option<bool> {
    let both = octets.len().min(word.len());
    let equal = octets.iter().zip(word).all(|(a, b)| a.eq_ignore_ascii_case(b));
    if !equal {
        return Some(false);
    }
    (both == word.len()).then_some(true)
}

/// Lines that follow each other: one document, with the offset of the first.
#[derive(Default)]
pub(crate) struct Run(Option<Doc>);

impl Run {
    /// The next octets of the run.
    pub(crate) fn octets(&mut self, dir: Direction, kind: DocumentKind, at: u64, octets: &[u8], out: &mut Out<'_>) {
        let doc = self.0.get_or_insert_with(|| out.start(dir, plain(kind, at)));
        out.octets(doc, octets);
    }

    /// Octets are missing.
    pub(crate) fn gap(&mut self, len: u64, out: &mut Out<'_>) {
        if let Some(doc) = &self.0 {
            out.gap(doc, len);
        }
    }

    /// The run ends.
    pub(crate) fn close(&mut self, out: &mut Out<'_>) {
        if let Some(doc) = self.0.take() {
            out.end(&doc);
        }
    }
}

/// A text that ends with a line of one dot, and whose lines that begin with a dot have one more (RFC 5321, section 4.5.2;
/// RFC 1939, section 3).
pub(crate) struct Dotted {
    line_start: bool,
}

impl Dotted {
    /// A text of which nothing has come.
    pub(crate) const fn new() -> Self {
        Self { line_start: true }
    }

    /// Octets are missing: what follows is taken for the middle of a line.
    pub(crate) const fn gap(&mut self) {
        self.line_start = false;
    }

    /// Takes octets and hands on the text. Says how many were consumed, and whether the text has ended.
    pub(crate) fn feed(&mut self, octets: &[u8], more: bool, text: &mut dyn FnMut(&[u8])) -> (usize, bool) {
        // Octets before `from` have been handed on or are no text.
        let (mut from, mut at) = (0, 0);
        while let Some(&octet) = octets.get(at) {
            if std::mem::take(&mut self.line_start) && octet == b'.' {
                text(octets.get(from..at).unwrap_or_default());
                match octets.get(at + 1..).unwrap_or_default() {
                    [b'\n', ..] => return (at + 2, true),
                    [b'\r', b'\n', ..] => return (at + 3, true),
                    [] | [b'\r'] if more => {
                        self.line_start = true;
                        return (at, false);
                    }
                    [] | [b'\r'] => return (octets.len(), true),
                    _ => {}
                }
                at += 1;
                from = at;
            }
            match memchr(b'\n', octets.get(at..).unwrap_or_default()) {
                Some(end) => {
                    at += end + 1;
                    self.line_start = true;
                }
                None => at = octets.len(),
            }
        }
        text(octets.get(from..).unwrap_or_default());
        (octets.len(), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_texts() {
        for (sent, expected, used) in [
            ("a\r\n.\r\nnext", "a\r\n", 6),
            (".\r\n", "", 3),
            ("..a\r\nb.\r\n...\r\n.\r\n", ".a\r\nb.\r\n..\r\n", 17),
            ("a\n.\nb", "a\n", 4),
            (".a\r\n", "a\r\n", 4),
            ("a", "a", 1),
            ("a\r\n.", "a\r\n", 4),
        ] {
            for size in 1..=sent.len() {
                let (mut dotted, mut text, mut taken, mut done) = (Dotted::new(), Vec::new(), 0, false);
                let mut shown = 0;
                while shown < sent.len() && !done {
                    shown = (shown + size).min(sent.len());
                    let octets = &sent.as_bytes()[taken..shown];
                    let (n, ended) =
                        dotted.feed(octets, shown < sent.len(), &mut |piece| text.extend_from_slice(piece));
                    taken += n;
                    done = ended;
                }
                assert_eq!((String::from_utf8_lossy(&text).as_ref(), taken), (expected, used), "{sent:?} by {size}");
            }
        }
    }
}
