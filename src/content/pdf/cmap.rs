//! ToUnicode maps (ISO 32000-1, section 9.10.3; Adobe technical note 5014): which characters the codes of a font stand for.

use super::token::{Token, next};

/// Ranges of one map.
const RANGES_MAX: usize = 4096;
/// Characters that one code may stand for (ligatures).
const TARGET_MAX: usize = 8;

/// Codes and what they mean.
#[derive(Default)]
pub(super) struct CMap {
    /// Octets of a code.
    width: usize,
    /// First code, last code, and the UTF-16 of the first; sorted by code.
    ranges: Vec<(u32, u32, Vec<u16>)>,
}

impl CMap {
    /// Reads a map.
    pub(super) fn read(octets: &[u8]) -> Self {
        let mut map = Self { width: 0, ranges: Vec::new() };
        let mut operands: Vec<Vec<u8>> = Vec::new();
        let (mut at, mut in_array) = (0, false);
        let mut array: Vec<Vec<u8>> = Vec::new();
        while let Some((token, used)) = octets.get(at..).and_then(|rest| next(rest, true)) {
            at += used.max(1);
            match token {
                Token::Text(text) if in_array => array.push(text),
                Token::Text(text) if operands.len() < 3 * RANGES_MAX => operands.push(text),
                Token::Mark(b"[") => in_array = true,
                Token::Mark(b"]") => {
                    in_array = false;
                    // First and last code were before; the array has a target for each.
                    let (_, first) = (operands.pop(), operands.pop());
                    let first = first.map_or(0, |first| code(&first));
                    for (index, target) in array.drain(..).enumerate() {
                        let index = first.saturating_add(index as u32);
                        map.add(index, index, &target);
                    }
                }
                Token::Word(word) => {
                    match word {
                        b"endcodespacerange" => {
                            map.width = operands.first().map_or(0, Vec::len);
                        }
                        b"endbfchar" => {
                            for pair in operands.chunks_exact(2) {
                                map.add(code(&pair[0]), code(&pair[0]), &pair[1]);
                            }
                        }
                        b"endbfrange" => {
                            for triple in operands.chunks_exact(3) {
                                map.add(code(&triple[0]), code(&triple[1]), &triple[2]);
                            }
                        }
                        _ => {}
                    }
                    operands.clear();
                }
                _ => {}
            }
        }
        map.width = map.width.clamp(1, 4);
        map.ranges.sort_by_key(|(first, ..)| *first);
        map
    }

    fn add(&mut self, first: u32, last: u32, target: &[u8]) {
        let units = target.chunks_exact(2).take(TARGET_MAX).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
        if self.ranges.len() < RANGES_MAX && first <= last {
            self.ranges.push((first, last, units.collect()));
        }
    }

    /// Characters of codes; those without meaning are left out.
    pub(super) fn decode(&self, codes: &[u8], text: &mut String) {
        for octets in codes.chunks(self.width) {
            let code = code(octets);
            let index = self.ranges.partition_point(|(first, ..)| *first <= code);
            let Some((first, last, units)) = index.checked_sub(1).and_then(|index| self.ranges.get(index)) else {
                continue;
            };
            if code > *last {
                continue;
            }
            let mut units = units.clone();
            if let Some(unit) = units.last_mut() {
                *unit = unit.wrapping_add((code - first) as u16);
            }
            text.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.ranges.capacity() * size_of::<(u32, u32, Vec<u16>)>() + self.ranges.len() * 8
    }
}

/// A code, its first octet the highest.
fn code(octets: &[u8]) -> u32 {
    octets.iter().take(4).fold(0, |code, octet| code << 8 | u32::from(*octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_characters() {
        let map = CMap::read(
            b"/CIDInit /ProcSet findresource begin 1 begincodespacerange <0000> <FFFF> endcodespacerange\n\
              2 beginbfchar <0003> <0020> <0050> <00660069> endbfchar\n\
              2 beginbfrange <0024> <003D> <0041> <0060> <0061> [<0031> <D83DDE00>] endbfrange endcmap",
        );
        let mut text = String::new();
        map.decode(b"\0\x24\0\x25\0\x03\0\x50\0\x60\0\x61\0\xff\0\x3d", &mut text);
        assert_eq!(text, "AB fi1\u{1f600}Z");
        assert_eq!(CMap::read(b"garbage <<<< [ ( ").width, 1);
    }
}
