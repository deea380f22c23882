//! Base64 and base64url (RFC 4648), streaming: with or without padding, with line breaks, several joined after padding.

use super::coded::{Decoder, Outlet, Stop};

/// Values of the octets of both alphabets; [`NONE`] for all others.
static VALUES: [u8; 256] = values();
const NONE: u8 = 0xff;

const fn values() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [NONE; 256];
    let mut i = 0;
    while i < alphabet.len() {
        values[alphabet[i] as usize] = i as u8;
        i += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
}

/// Number of octets at the start of `octets` that are in one of the alphabets.
pub(super) fn span(octets: &[u8]) -> usize {
    octets.iter().position(|&octet| VALUES[usize::from(octet)] == NONE).unwrap_or(octets.len())
}

/// Length of `octets` up to and with the last one that is in neither alphabet; 0 if all are.
pub(super) fn after_last_other(octets: &[u8]) -> usize {
    octets.iter().rposition(|&octet| VALUES[usize::from(octet)] == NONE).map_or(0, |last| last + 1)
}

/// Decoding state: up to three octets' worth of bits.
#[derive(Clone, Default)]
pub(super) struct Base64 {
    bits: u32,
    count: u8,
}

impl Base64 {
    /// Decodes `input` and appends to `decoded`. Octets outside the alphabets are skipped (RFC 2045, section 6.8), padding
    /// ends a group.
    pub(super) fn feed(&mut self, input: &[u8], decoded: &mut Vec<u8>) {
        decoded.reserve(input.len() / 4 * 3 + 3);
        for &octet in input {
            let value = VALUES[usize::from(octet)];
            if value == NONE {
                if octet == b'=' {
                    self.finish(decoded);
                }
                continue;
            }
            self.bits = self.bits << 6 | u32::from(value);
            self.count += 1;
            if self.count == 4 {
                let [_, a, b, c] = self.bits.to_be_bytes();
                decoded.extend_from_slice(&[a, b, c]);
                self.count = 0;
            }
        }
    }

    /// Ends a group: an incomplete one gives the octets that are complete.
    pub(super) fn finish(&mut self, decoded: &mut Vec<u8>) {
        match std::mem::take(&mut self.count) {
            2 => decoded.push((self.bits >> 4) as u8),
            3 => decoded.extend_from_slice(&[(self.bits >> 10) as u8, (self.bits >> 2) as u8]),
            _ => {}
        }
    }
}

impl Decoder for Base64 {
    fn decode(&mut self, input: &[u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        let mut decoded = Vec::new();
        self.feed(input, &mut decoded);
        out.give(&decoded)
    }

    fn finish(&mut self, out: &mut Outlet<'_, '_>) -> u64 {
        let mut decoded = Vec::new();
        Base64::finish(self, &mut decoded);
        u64::from(out.give(&decoded).is_err())
    }

    fn is_compression(&self) -> bool {
        false
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::{Base64, span};

    #[test]
    fn cases() {
        let cases: [(&str, &[u8]); 9] = [
            ("", b""),
            ("Zg==", b"f"),
            ("Zg", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9v\r\nYmFy", b"foobar"),
            ("Zg==Zm9v", b"ffoo"),
            ("-_-_", &[0xfb, 0xff, 0xbf]),
            ("+/+/", &[0xfb, 0xff, 0xbf]),
        ];
        for (coded, expected) in cases {
            let (mut state, mut decoded) = (Base64::default(), Vec::new());
            for octet in coded.as_bytes().chunks(1) {
                state.feed(octet, &mut decoded);
            }
            state.finish(&mut decoded);
            assert_eq!(decoded, expected, "{coded}");
        }
        assert_eq!(span(b"abc-_+/=="), 7);
    }
}
