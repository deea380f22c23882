//! Quoted-printable (RFC 2045, section 6.7), streaming and tolerant: what is not a valid escape stays as it is.

use super::coded::{Decoder, Outlet, Stop};
use super::percent::hex;

/// Decoding state: an escape that is not complete.
#[derive(Default)]
pub(super) struct QuotedPrintable {
    held: Vec<u8>,
}

impl QuotedPrintable {
    fn feed(&mut self, input: &[u8], decoded: &mut Vec<u8>) {
        for &octet in input {
            if self.held.is_empty() && octet != b'=' {
                decoded.push(octet);
                continue;
            }
            self.held.push(octet);
            match *self.held.as_slice() {
                [b'='] | [b'=', b'\r'] => continue,
                // A soft line break.
                [b'=', b'\n'] | [b'=', b'\r', b'\n'] => {}
                [b'=', a] if hex(a).is_some() => continue,
                [b'=', a, b] if let (Some(a), Some(b)) = (hex(a), hex(b)) => {
                    decoded.push(a << 4 | b);
                }
                _ => {
                    // Not an escape: all but the last octet stay as they are, the last may begin one.
                    self.held.pop();
                    decoded.append(&mut self.held);
                    if octet == b'=' {
                        self.held.push(octet);
                    } else {
                        decoded.push(octet);
                    }
                    continue;
                }
            }
            self.held.clear();
        }
    }
}

impl Decoder for QuotedPrintable {
    fn decode(&mut self, input: &[u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        let mut decoded = Vec::with_capacity(input.len() + 2);
        self.feed(input, &mut decoded);
        out.give(&decoded)
    }

    fn finish(&mut self, out: &mut Outlet<'_, '_>) -> u64 {
        u64::from(out.give(&std::mem::take(&mut self.held)).is_err())
    }

    fn is_compression(&self) -> bool {
        false
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.held.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::QuotedPrintable;

    #[test]
    fn cases() {
        let cases: [(&str, &str); 7] = [
            ("a=3Db", "a=b"),
            ("soft=\r\nbreak=\nhere", "softbreakhere"),
            ("J=C3=BCrgen", "Jürgen"),
            ("a=zz", "a=zz"),
            ("a==3D", "a=="),
            ("a=\rb", "a=\rb"),
            ("a=3", "a"),
        ];
        for (coded, expected) in cases {
            let (mut state, mut decoded) = (QuotedPrintable::default(), Vec::new());
            for octet in coded.as_bytes().chunks(1) {
                state.feed(octet, &mut decoded);
            }
            assert_eq!(String::from_utf8_lossy(&decoded), expected, "{coded}");
        }
    }
}
