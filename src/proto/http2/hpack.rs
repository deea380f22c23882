//! HPACK, the header compression of HTTP/2 (RFC 7541), decoding only.
//!
//! Own code because the libraries at hand either unwrap on hostile table size updates or come with a whole HTTP/2 stack. The
//! dynamic table is bounded by [`TABLE_MAX`] whatever the peers negotiate, a decoded list by [`LIST_MAX`].

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

use super::super::reader::Reader;
use super::tables::{HUFFMAN, STATIC};

/// Octets of the dynamic table, as RFC 7541, section 4.1 counts them.
pub(crate) const TABLE_MAX: usize = 64 << 10;
/// Octets of one decoded header list. An indexed entry of one octet may stand for 64 KiB.
pub(crate) const LIST_MAX: usize = 256 << 10;
/// Octets counted for each entry on top of its own.
pub(crate) const ENTRY: usize = 32;

/// A header field.
pub(crate) type Field = (Arc<[u8]>, Arc<[u8]>);

/// Decodes the header blocks of one direction, in order.
pub(super) struct Decoder {
    table: VecDeque<Field>,
    size: usize,
    size_max: usize,
    /// Blocks before were missed: entries of the table that they made are not known.
    partial: bool,
    /// References to such entries since they were last asked for.
    unknown: usize,
}

/// The name of a field that an unknown entry named.
const UNKNOWN: &[u8] = b"unknown";

impl Decoder {
    /// A decoder with the table size that connections begin with, or any larger one an encoder was allowed.
    pub(super) const fn new() -> Self {
        Self { table: VecDeque::new(), size: 0, size_max: 4096, partial: false, unknown: 0 }
    }

    /// Blocks are missed here. Entries made later have known places all the same: the latest is always the first.
    pub(super) fn miss(&mut self) {
        *self = Self { size_max: TABLE_MAX, partial: true, ..Self::new() };
    }

    /// How many references led to entries that are not known; none afterwards.
    pub(super) const fn take_unknown(&mut self) -> usize {
        std::mem::replace(&mut self.unknown, 0)
    }

    /// Octets held.
    pub(super) const fn held_bytes(&self) -> usize {
        self.size
    }

    /// Decodes one block. `None`: it is wrong, and so will be all later ones.
    pub(super) fn decode(&mut self, block: &[u8]) -> Option<Vec<Field>> {
        let mut reader = Reader::new(block);
        let mut fields = Vec::new();
        let mut total = 0;
        while let Some(first) = reader.u8() {
            let field = match first {
                0x80.. => self.indexed(integer(&mut reader, first, 7)?)?,
                0x40..=0x7f => {
                    let field = self.literal(&mut reader, first, 6)?;
                    self.insert(field.clone());
                    field
                }
                0x20..=0x3f => {
                    let size_max = integer(&mut reader, first, 5)?.min(TABLE_MAX);
                    self.size_max = if self.partial { TABLE_MAX } else { size_max };
                    self.evict();
                    continue;
                }
                _ => self.literal(&mut reader, first, 4)?,
            };
            total += field.0.len() + field.1.len();
            if total > LIST_MAX {
                return None;
            }
            fields.push(field);
        }
        Some(fields)
    }

    fn literal(&mut self, reader: &mut Reader<'_>, first: u8, bits: u8) -> Option<Field> {
        let name = match integer(reader, first, bits)? {
            0 => string(reader)?,
            index => self.indexed(index)?.0,
        };
        Some((name, string(reader)?))
    }

    fn indexed(&mut self, index: usize) -> Option<Field> {
        let index = index.checked_sub(1)?;
        match STATIC.get(index) {
            Some((name, value)) => Some((name.as_bytes().into(), value.as_bytes().into())),
            None => match self.table.get(index - STATIC.len()) {
                None if self.partial => {
                    self.unknown += 1;
                    Some((UNKNOWN.into(), [].into()))
                }
                entry => entry.cloned(),
            },
        }
    }

    fn insert(&mut self, field: Field) {
        self.size += field.0.len() + field.1.len() + ENTRY;
        self.table.push_front(field);
        self.evict();
    }

    fn evict(&mut self) {
        while self.size > self.size_max
            && let Some((name, value)) = self.table.pop_back()
        {
            self.size -= name.len() + value.len() + ENTRY;
        }
    }
}

/// Section 5.1, with `first` read already.
pub(crate) fn integer(reader: &mut Reader<'_>, first: u8, bits: u8) -> Option<usize> {
    let mask = u8::MAX >> 8_u8.saturating_sub(bits);
    let mut value = usize::from(first & mask);
    if value < usize::from(mask) {
        return Some(value);
    }
    // Four octets suffice for everything that can be in a block.
    for shift in [0, 7, 14, 21] {
        let octet = reader.u8()?;
        value = value.checked_add(usize::from(octet & 0x7f) << shift)?;
        if octet & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Section 5.2.
pub(crate) fn string(reader: &mut Reader<'_>) -> Option<Arc<[u8]>> {
    let first = reader.u8()?;
    let len = integer(reader, first, 7)?;
    let octets = reader.take(len)?;
    if first & 0x80 == 0 { Some(octets.into()) } else { huffman(octets) }
}

/// The codes as a tree: each node has two children, a positive one is a node, others are `-1 - octet`.
static TREE: LazyLock<Vec<[i16; 2]>> = LazyLock::new(|| {
    let mut tree = vec![[0_i16; 2]];
    for (octet, (code, bits)) in HUFFMAN.iter().enumerate() {
        let mut node = 0_usize;
        for bit in (0..*bits).rev() {
            let side = (code >> bit & 1) as usize;
            let new = tree.len() as i16;
            let Some(child) = tree.get_mut(node).and_then(|children| children.get_mut(side)) else { break };
            if bit == 0 {
                *child = -1 - octet as i16;
            } else if *child == 0 {
                *child = new;
                tree.push([0; 2]);
                node = new as usize;
            } else {
                node = *child as usize;
            }
        }
    }
    tree
});

/// Removes the Huffman code of a string.
pub(crate) fn huffman(octets: &[u8]) -> Option<Arc<[u8]>> {
    let mut out = Vec::with_capacity(octets.len() * 8 / 5);
    let tree = &*TREE;
    let mut node = 0_usize;
    for octet in octets {
        for bit in (0..8).rev() {
            let child = *tree.get(node)?.get(usize::from(octet >> bit & 1))?;
            node = match child {
                // The end of the string must not be in it, and no code begins like this.
                -257 | 0 => return None,
                ..0 => {
                    out.push((-1 - child) as u8);
                    0
                }
                _ => child as usize,
            };
        }
    }
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7541, appendices C.4 (requests) and C.3: the same fields with and without Huffman, over a shared table.
    #[test]
    fn blocks_of_the_standard() {
        let plain: [&[u8]; 2] = [b"\x82\x86\x84\x41\x0fwww.example.com", b"\x82\x86\x84\xbe\x58\x08no-cache"];
        let coded: [&[u8]; 2] = [
            b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
            b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf",
        ];
        let (mut one, mut other) = (Decoder::new(), Decoder::new());
        for (plain, coded) in plain.into_iter().zip(coded) {
            let fields = one.decode(plain).unwrap();
            assert_eq!(fields, other.decode(coded).unwrap());
            assert_eq!((&*fields[3].0, &*fields[3].1), (&b":authority"[..], &b"www.example.com"[..]));
        }
        assert_eq!(one.held_bytes(), 57 + 53);
    }

    #[test]
    fn blocks_after_missed_ones_are_read_as_far_as_they_tell() {
        let mut decoder = Decoder::new();
        decoder.miss();
        let fields = decoder.decode(b"\x82\x41\x0fwww.example.com\xc0\x7f\x01\x03abc\xbe").unwrap();
        let named: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(
            named,
            [
                (&b":method"[..], &b"GET"[..]),
                (b":authority", b"www.example.com"),
                (b"unknown", b""),
                (b"unknown", b"abc"),
                (b"unknown", b"abc")
            ]
        );
        assert_eq!((decoder.take_unknown(), decoder.take_unknown()), (2, 0));
    }

    #[test]
    fn hostile_blocks_are_refused() {
        let blocks: [&[u8]; 6] = [
            b"\x80",
            b"\xff\xff\xff\xff\xff\x7f",
            b"\x3f\xff\xff\xff\xff\xff",
            b"\x40\x7f\xff",
            b"\xbe",
            b"\x40\x84\xff\xff\xff\xff",
        ];
        for block in blocks {
            assert!(Decoder::new().decode(block).is_none());
        }
        // A bomb: one large entry, named again and again.
        let mut bomb = b"\x40\x01a\x7f\x81\x1e".to_vec();
        bomb.extend_from_slice(&[b'x'; 4000]);
        bomb.extend_from_slice(&[0xbe; 10_000]);
        assert!(Decoder::new().decode(&bomb).is_none());
    }
}
