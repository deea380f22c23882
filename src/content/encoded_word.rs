//! Encoded words in header fields (RFC 2047, section 2): `=?charset?B?...?=` and `=?charset?Q?...?=`.
//!
//! A word comes out decoded, at the offset of its first octet. Space between two words is not part of the text (section 6.2)
//! and is left out; a line break between them stays where it is.

use encoding_rs::Encoding;

use super::base64::Base64;

/// RFC 2047 allows 75 octets in an encoded word; be lenient, but bounded.
const WORD_MAX: usize = 512;

/// Decodes encoded words in a value that is fed in pieces.
#[derive(Default)]
pub(super) struct EncodedWords {
    /// What may be an encoded word, from its `=`, or the space after one.
    held: Vec<u8>,
    /// Offset of the first octet held.
    at: u64,
    /// Whether the octets before were an encoded word, and perhaps space.
    after_word: bool,
}

impl EncodedWords {
    /// The next octets, the first at offset `at`. Text goes to `out` with its offset.
    pub(super) fn feed(&mut self, octets: &[u8], at: u64, out: &mut dyn FnMut(&[u8], u64)) {
        let mut from = 0;
        while from < octets.len() {
            let rest = octets.get(from..).unwrap_or_default();
            if self.held.is_empty() {
                let start = if self.after_word && matches!(rest.first(), Some(b' ' | b'\t')) {
                    0
                } else {
                    memchr::memchr(b'=', rest).unwrap_or(rest.len())
                };
                if start > 0 {
                    self.after_word = false;
                    out(rest.get(..start).unwrap_or(rest), at + from as u64);
                    from += start;
                    continue;
                }
                self.at = at + from as u64;
            }
            let Some(&octet) = rest.first() else { return };
            self.step(octet, out);
            from += 1;
        }
    }

    /// The value ends: what is held was no word.
    pub(super) fn finish(&mut self, out: &mut dyn FnMut(&[u8], u64)) {
        self.release(out);
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.held.capacity()
    }

    fn release(&mut self, out: &mut dyn FnMut(&[u8], u64)) {
        self.after_word = false;
        if !self.held.is_empty() {
            out(&std::mem::take(&mut self.held), self.at);
        }
    }

    /// One more octet of what may be space and a word.
    fn step(&mut self, octet: u8, out: &mut dyn FnMut(&[u8], u64)) {
        self.held.push(octet);
        let space = self.held.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
        let word = self.held.get(space..).unwrap_or_default();
        let marks = word.iter().filter(|octet| **octet == b'?').count();
        let fits = match word {
            [] | [b'='] | [b'=', b'?'] => true,
            // Some senders leave spaces in the text of a word.
            [b'=', b'?', ..] => octet > b' ' || (octet == b' ' && marks >= 3),
            _ => false,
        };
        if !fits || self.held.len() > WORD_MAX {
            // The octet that does not fit may begin a word itself.
            let again = octet == b'=' && self.held.len() > 1;
            if again {
                self.held.pop();
            }
            let next = self.at + self.held.len() as u64;
            self.release(out);
            if again {
                self.at = next;
                self.held.push(octet);
            }
        } else if marks >= 4 && word.ends_with(b"?=") {
            match decode(word) {
                Some(text) => {
                    out(text.as_bytes(), self.at + space as u64);
                    self.held.clear();
                    self.after_word = true;
                }
                None => self.release(out),
            }
        }
    }
}

/// The text of a whole encoded word; `None` if it is none or its character set is not known.
fn decode(word: &[u8]) -> Option<String> {
    let inner = word.strip_prefix(b"=?")?.strip_suffix(b"?=")?;
    let mut parts = inner.splitn(3, |octet| *octet == b'?');
    let (charset, coding, text) = (parts.next()?, parts.next()?, parts.next()?);
    // RFC 2231, section 5: a language may follow the character set.
    let label = charset.split(|octet| *octet == b'*').next()?;
    let encoding = Encoding::for_label(label)?;
    let mut octets = Vec::with_capacity(text.len());
    match coding {
        b"B" | b"b" => {
            let mut base64 = Base64::default();
            base64.feed(text, &mut octets);
            base64.finish(&mut octets);
        }
        b"Q" | b"q" => {
            let mut rest = text;
            while let Some((&octet, after)) = rest.split_first() {
                let hex = |octet: Option<&u8>| octet.and_then(|octet| char::from(*octet).to_digit(16));
                rest = after;
                match (octet, hex(after.first()), hex(after.get(1))) {
                    (b'_', ..) => octets.push(b' '),
                    (b'=', Some(high), Some(low)) => {
                        octets.push((high << 4 | low) as u8);
                        rest = after.get(2..).unwrap_or_default();
                    }
                    _ => octets.push(octet),
                }
            }
        }
        _ => return None,
    }
    Some(encoding.decode_without_bom_handling(&octets).0.into_owned())
}

#[cfg(test)]
mod tests {
    use super::EncodedWords;

    #[test]
    fn cases_in_any_pieces() {
        for (coded, expected) in [
            ("plain = text", "plain = text"),
            ("=?utf-8?Q?J=C3=BCrgen_K=2E?= <j@example.com>", "Jürgen K. <j@example.com>"),
            ("=?UTF-8?B?SsO8cmdlbg==?=", "Jürgen"),
            ("=?iso-8859-1?q?J=FCr?= =?iso-8859-1?q?gen?= x", "Jürgen x"),
            ("==?utf-8?q?a?==?utf-8?q?b?=", "=ab"),
            ("=?utf-8?q?a?=  end", "a  end"),
            ("=?utf-8*en?q?a?=", "a"),
            ("=?no-such?q?a?= =?utf-8?x?a?=", "=?no-such?q?a?= =?utf-8?x?a?="),
            ("a=?b c=?utf-8?q?d", "a=?b c=?utf-8?q?d"),
        ] {
            for size in 1..=coded.len() {
                let (mut words, mut text, mut last) = (EncodedWords::default(), Vec::new(), 0);
                let mut at = 0;
                for piece in coded.as_bytes().chunks(size) {
                    words.feed(piece, at, &mut |octets, at| {
                        assert!(at >= last, "{coded}");
                        last = at;
                        text.extend_from_slice(octets);
                    });
                    at += piece.len() as u64;
                }
                words.finish(&mut |octets, _| text.extend_from_slice(octets));
                assert_eq!(String::from_utf8_lossy(&text), expected, "{coded} in pieces of {size}");
            }
        }
    }
}
