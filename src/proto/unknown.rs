//! What no decoder recognises: read as a document, unless it looks encrypted or compressed.
//!
//! The first [`SAMPLE`] octets decide, and of a stream that begins opaque (a Kerberos ticket, a key exchange) each further
//! [`SAMPLE`], until one can be read or [`OPAQUE_MAX`] octets could not:
//! - *text*: at least 7 of 8 octets are printable ASCII, white space or part of a UTF-8 sequence: read;
//! - *opaque*: at least [`SAMPLE_MIN`] octets whose index of coincidence (Friedman 1922) is below `1.25 + 40 / n` times that
//!   of random octets, for a sample of `n`. Random, encrypted and compressed octets lie near 1 with a standard deviation of
//!   `22.6 / n`; base64 lies at 4, English text near 15, binary protocols with their zeroes far above 2: not read, and
//!   reported;
//! - *binary*: everything else, as database protocols and protobuf: read, for texts stand in them in clear.

use crate::model::{AppProto, Direction, DocumentKind, DocumentStart, UninspectedReason};

use super::decoder::{Doc, Out};

/// Octets looked at before the decision.
pub(crate) const SAMPLE: usize = 1024;
/// Octets below which nothing is taken for random.
pub(crate) const SAMPLE_MIN: usize = 64;

/// Opaque octets after which the rest of a stream is left alone.
pub(crate) const OPAQUE_MAX: usize = 16 << 10;

/// What a sample looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Text in ASCII or UTF-8.
    Text,
    /// Structured octets.
    Binary,
    /// Encrypted or compressed.
    Opaque,
}

/// Judges a sample.
pub(crate) fn look(sample: &[u8]) -> Look {
    let sample = sample.get(..SAMPLE).unwrap_or(sample);
    if printable(sample) * 8 >= sample.len() * 7 {
        return Look::Text;
    }
    if sample.len() < SAMPLE_MIN {
        return Look::Binary;
    }
    let mut counts = [0_u64; 256];
    for &octet in sample {
        counts[octet as usize] += 1;
    }
    let n = sample.len() as u64;
    let pairs: u64 = counts.iter().map(|c| c * c.saturating_sub(1)).sum();
    // pairs / (n (n - 1)) is the index of coincidence; 1 / 256 is that of random octets. All of it times 4.
    if pairs * 256 * 4 < (n - 1) * (5 * n + 160) { Look::Opaque } else { Look::Binary }
}

/// Whether octets begin like a compressed file that can be read: connections that carry nothing but a file (FTP data) look
/// encrypted otherwise. Formats: RFC 1952, RFC 8878, APPNOTE.TXT, ISO 32000, JPEG, PNG.
fn is_file(octets: &[u8]) -> bool {
    const MAGICS: [&[u8]; 9] = [
        b"\x1f\x8b\x08",
        b"\x28\xb5\x2f\xfd",
        b"\x04\x22\x4d\x18",
        b"\xff\x06\0\0sNaPpY",
        b"\x82SNAPPY\0",
        b"PK\x03\x04",
        b"%PDF-",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
    ];
    MAGICS.iter().any(|magic| octets.starts_with(magic))
}

/// Octets of printable characters in UTF-8.
fn printable(octets: &[u8]) -> usize {
    let (mut count, mut at) = (0, 0);
    while let Some(&first) = octets.get(at) {
        // Bytes per character by its first octet (Unicode Standard, table 3-7).
        let len = match first {
            b' '..=b'~' | b'\n' | b'\r' | b'\t' => {
                count += 1;
                at += 1;
                continue;
            }
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        let character = octets.get(at..at + len).filter(|_| len > 1).and_then(|c| std::str::from_utf8(c).ok());
        // Octets that follow a first one and make no character with it begin none either.
        let Some(character) = character else {
            at += 1;
            continue;
        };
        if !character.contains(char::is_control) {
            count += len;
        }
        at += len;
    }
    count
}

/// A stretch of a half-stream that nobody recognised.
pub(crate) struct Raw {
    dir: Direction,
    state: State,
    reason: UninspectedReason,
    /// What it is if it is opaque, where a port suggests so.
    app: Option<AppProto>,
    /// Opaque octets so far.
    opaque: usize,
}

enum State {
    /// Collecting the sample; offset of its first octet.
    Judging(Vec<u8>, u64),
    /// Read.
    Open(Doc),
    /// Not read.
    Opaque,
}

impl Raw {
    /// A stretch whose opaque octets are reported with `reason`; being opaque makes it an `app`.
    pub(crate) const fn new(dir: Direction, reason: UninspectedReason, app: Option<AppProto>) -> Self {
        Self { dir, state: State::Judging(Vec::new(), 0), reason, app, opaque: 0 }
    }

    /// The reason why nothing more of it is read, once it was judged opaque.
    pub(crate) const fn sealed(&self) -> Option<UninspectedReason> {
        match self.state {
            State::Opaque => Some(self.reason),
            _ => None,
        }
    }

    /// Octets held.
    pub(crate) const fn held_bytes(&self) -> usize {
        match &self.state {
            State::Judging(sample, _) => sample.capacity(),
            _ => 0,
        }
    }

    /// More octets, the first at offset `at`.
    pub(crate) fn octets(&mut self, at: u64, octets: &[u8], out: &mut Out<'_>) {
        let mut done = 0;
        while let Some(rest) = octets.get(done..).filter(|rest| !rest.is_empty()) {
            match &mut self.state {
                State::Open(doc) => return out.octets(doc, rest),
                State::Opaque => return out.unread(self.dir, rest.len(), self.reason),
                State::Judging(sample, first) => {
                    if sample.is_empty() {
                        *first = at + done as u64;
                    }
                    let head = rest.get(..SAMPLE - sample.len()).unwrap_or(rest);
                    sample.extend_from_slice(head);
                    done += head.len();
                    if sample.len() >= SAMPLE {
                        self.decide(out);
                    }
                }
            }
        }
    }

    /// Octets are missing.
    pub(crate) fn gap(&mut self, len: u64, out: &mut Out<'_>) {
        self.decide(out);
        if let State::Open(doc) = &self.state {
            out.gap(doc, len);
        }
    }

    /// The stretch ends.
    pub(crate) fn end(&mut self, out: &mut Out<'_>) {
        self.decide(out);
        if let State::Open(doc) = &self.state {
            out.end(doc);
        }
        self.state = State::Judging(Vec::new(), 0);
    }

    /// Decides on what is there. An empty sample decides nothing.
    fn decide(&mut self, out: &mut Out<'_>) {
        let State::Judging(sample, at) = &mut self.state else {
            return;
        };
        if sample.is_empty() {
            return;
        }
        let (sample, at) = (std::mem::take(sample), *at);
        self.state = if look(&sample) == Look::Opaque && !(self.opaque == 0 && is_file(&sample)) {
            if let Some(app) = self.app.take() {
                out.protocol(app);
            }
            out.unread(self.dir, sample.len(), self.reason);
            self.opaque += sample.len();
            if self.opaque < OPAQUE_MAX { State::Judging(Vec::new(), 0) } else { State::Opaque }
        } else {
            let doc = out.start(self.dir, plain(DocumentKind::Stream, at));
            out.octets(&doc, &sample);
            State::Open(doc)
        };
    }
}

/// A document of which nothing is known but its kind.
pub(crate) const fn plain(kind: DocumentKind, stream_offset: u64) -> DocumentStart {
    DocumentStart { kind, codings: Vec::new(), media_type: String::new(), name: None, stream_offset }
}

/// One datagram that nobody recognised.
pub(crate) fn datagram(dir: Direction, payload: &[u8], out: &mut Out<'_>) {
    if !out.wants(dir) {
        return;
    }
    if look(payload) == Look::Opaque {
        out.unread(dir, payload.len(), UninspectedReason::UnknownProtocol);
    } else {
        out.document(dir, plain(DocumentKind::Datagram, 0), payload);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::noise;
    use super::*;

    #[test]
    fn characters_are_those_of_the_standard_library() {
        let random = noise(4096);
        let bent = "Ümläuté €\u{85}\n\u{7f}日本語 \u{10ffff}😀\t".repeat(8).into_bytes();
        for at in 0..bent.len() {
            let mut bent = bent.clone();
            bent[at] ^= random[at] & 0xbf;
            for sample in [&bent[at..], &bent[..at], &random[at * 8..at * 8 + 19]] {
                let known = |c: &char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
                let of = |text: &str| text.chars().filter(known).map(char::len_utf8).sum::<usize>();
                let expected: usize = sample.utf8_chunks().map(|chunk| of(chunk.valid())).sum();
                assert_eq!(printable(sample), expected, "{sample:x?}");
            }
        }
    }

    #[test]
    fn samples_look_as_they_are() {
        let random = noise(4096);
        let opaque = (0..60).filter(|at| look(&random[at * 50..at * 50 + 64]) == Look::Opaque).count();
        assert!(opaque >= 55, "short random samples: {opaque} of 60");
        for len in [256, 512, 1024, 4096] {
            assert_eq!(look(&random[..len]), Look::Opaque, "{len}");
        }
        assert_eq!(look(&random[..63]), Look::Binary, "too short to tell");
        let words = "Überall steht Text. ".repeat(20);
        assert_eq!(look(words.as_bytes()), Look::Text);
        let table: Vec<u8> = (0..300_u32).flat_map(|n| (n * 77).to_be_bytes()).collect();
        assert_eq!(look(&table), Look::Binary);
        let half: Vec<u8> = [&random[..300], &[0; 100]].concat();
        assert_eq!(look(&half), Look::Binary, "random octets with some structure are read");
    }
}
