//! Percent-encoding (RFC 3986, section 2.1) and the `+` of forms, streaming; what is not a valid escape stays as it is.

/// The value of a hexadecimal digit.
pub(super) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Decoding state: an escape that is not complete.
#[derive(Default)]
pub(super) struct Percent {
    held: Held,
}

#[derive(Default)]
enum Held {
    #[default]
    Nothing,
    Sign,
    Digit(u8),
}

impl Percent {
    /// Decodes `octets`, which stand at `at`. `emit` gets linear pieces with their offsets: an escape is a piece of its own.
    pub(super) fn feed(&mut self, octets: &[u8], at: u64, plus_is_space: bool, emit: &mut dyn FnMut(&[u8], u64)) {
        let (mut from, mut i) = (0, 0);
        let plain = |emit: &mut dyn FnMut(&[u8], u64), from: usize, to: usize| {
            if let Some(piece @ [_, ..]) = octets.get(from..to) {
                emit(piece, at + from as u64);
            }
        };
        while let Some(&octet) = octets.get(i) {
            let here = at + i as u64;
            match std::mem::take(&mut self.held) {
                Held::Nothing => {
                    match octet {
                        b'%' => self.held = Held::Sign,
                        b'+' if plus_is_space => {}
                        _ => {
                            let rest = octets.get(i..).unwrap_or(&[]);
                            let next = if plus_is_space {
                                memchr::memchr2(b'%', b'+', rest)
                            } else {
                                memchr::memchr(b'%', rest)
                            };
                            i += next.unwrap_or(rest.len());
                            continue;
                        }
                    }
                    plain(emit, from, i);
                    if octet == b'+' {
                        emit(b" ", here);
                    }
                    i += 1;
                    from = i;
                }
                Held::Sign if hex(octet).is_some() => {
                    self.held = Held::Digit(octet);
                    i += 1;
                    from = i;
                }
                Held::Sign => {
                    emit(b"%", here - 1);
                }
                Held::Digit(high) => {
                    if let (Some(high), Some(low)) = (hex(high), hex(octet)) {
                        emit(&[high << 4 | low], here - 2);
                        i += 1;
                        from = i;
                    } else {
                        emit(&[b'%', high], here - 2);
                    }
                }
            }
        }
        plain(emit, from, i);
    }

    /// The encoded text ends at `at`: gives out an escape that is not complete.
    pub(super) fn finish(&mut self, at: u64, emit: &mut dyn FnMut(&[u8], u64)) {
        match std::mem::take(&mut self.held) {
            Held::Nothing => {}
            Held::Sign => emit(b"%", at - 1),
            Held::Digit(digit) => emit(&[b'%', digit], at - 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Percent;

    #[test]
    fn cases() {
        let cases = [
            ("a%20b+c", "a b c"),
            ("%e4%BD%A0", "你"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz%%41", "%zz%A"),
            ("%4%41", "%4A"),
            ("%+", "% "),
        ];
        for (coded, expected) in cases {
            for size in 1..=coded.len() {
                let (mut state, mut decoded) = (Percent::default(), Vec::new());
                let mut at = 10;
                for piece in coded.as_bytes().chunks(size) {
                    state.feed(piece, at, true, &mut |octets, at| {
                        assert!(at >= 10);
                        decoded.extend_from_slice(octets);
                    });
                    at += piece.len() as u64;
                }
                state.finish(at, &mut |octets, _| decoded.extend_from_slice(octets));
                assert_eq!(String::from_utf8_lossy(&decoded), expected, "{coded} by {size}");
            }
        }
    }
}
