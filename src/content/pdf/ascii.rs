//! ASCIIHexDecode and ASCII85Decode (ISO 32000-1, section 7.4.2 and 7.4.3).

use crate::content::coded::{Decoder, Outlet, Stop};

/// Two digits an octet, until `>`.
#[derive(Default)]
pub(super) struct AsciiHex {
    high: Option<u8>,
    ended: bool,
}

impl Decoder for AsciiHex {
    fn decode(&mut self, input: &[u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        let mut decoded = Vec::new();
        for &octet in input {
            match char::from(octet).to_digit(16) {
                _ if self.ended => {}
                Some(digit) => match self.high.take() {
                    Some(high) => decoded.push(high << 4 | digit as u8),
                    None => self.high = Some(digit as u8),
                },
                None if octet == b'>' => {
                    decoded.extend(self.high.take().map(|high| high << 4));
                    self.ended = true;
                }
                None if octet.is_ascii_whitespace() => {}
                None => {
                    out.give(&decoded)?;
                    return Err(Stop);
                }
            }
        }
        out.give(&decoded)
    }

    fn finish(&mut self, _out: &mut Outlet<'_, '_>) -> u64 {
        u64::from(self.high.is_some())
    }

    fn is_compression(&self) -> bool {
        false
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// Five digits for four octets, `z` for four zeroes, until `~>`.
#[derive(Default)]
pub(super) struct Ascii85 {
    group: Vec<u8>,
    ended: bool,
}

impl Ascii85 {
    /// The octets of a group, the last of which may have fewer digits.
    fn group(&mut self, decoded: &mut Vec<u8>) {
        let digits = self.group.len();
        if digits > 1 {
            self.group.resize(5, 84);
            let value =
                self.group.iter().fold(0_u32, |sum, digit| sum.wrapping_mul(85).wrapping_add(u32::from(*digit)));
            decoded.extend_from_slice(value.to_be_bytes().get(..digits - 1).unwrap_or_default());
        }
        self.group.clear();
    }
}

impl Decoder for Ascii85 {
    fn decode(&mut self, input: &[u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        let mut decoded = Vec::new();
        for &octet in input {
            match octet {
                _ if self.ended => {}
                b'!'..=b'u' => {
                    self.group.push(octet - b'!');
                    if self.group.len() == 5 {
                        self.group(&mut decoded);
                    }
                }
                b'z' if self.group.is_empty() => decoded.extend_from_slice(&[0; 4]),
                b'~' => {
                    self.group(&mut decoded);
                    self.ended = true;
                }
                octet if octet.is_ascii_whitespace() || octet == 0 => {}
                _ => {
                    out.give(&decoded)?;
                    return Err(Stop);
                }
            }
        }
        out.give(&decoded)
    }

    fn finish(&mut self, _out: &mut Outlet<'_, '_>) -> u64 {
        self.group.len() as u64
    }

    fn is_compression(&self) -> bool {
        false
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.group.capacity()
    }
}
