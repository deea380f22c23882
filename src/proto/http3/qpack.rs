//! QPACK, the header compression of HTTP/3 (RFC 9204), decoding only: one decoder for the field sections that one end sends,
//! fed by that end's encoder stream.
//!
//! The dynamic table is bounded by [`TABLE_MAX`] whatever the peers negotiate, a decoded list by [`LIST_MAX`].

use std::collections::VecDeque;

use super::super::http2::hpack::{ENTRY, Field, LIST_MAX, TABLE_MAX, huffman, integer, string};
use super::super::reader::Reader;
use super::table::STATIC;

/// Octets of an instruction that is not whole yet.
const INSTRUCTION_MAX: usize = TABLE_MAX + 64;

/// Why there is no list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It refers to entries that have not come yet.
    Blocked,
    /// It is wrong.
    Wrong,
}

/// Decodes the field sections of one end.
#[derive(Default)]
pub(super) struct Decoder {
    table: VecDeque<Field>,
    size: usize,
    capacity: usize,
    /// The other end's SETTINGS_QPACK_MAX_TABLE_CAPACITY; the largest capacity that was used, where that was not seen.
    capacity_max: usize,
    /// Entries inserted ever, and of those the ones that were evicted.
    inserted: u64,
    evicted: u64,
    instructions: Vec<u8>,
    broken: bool,
}

impl Decoder {
    /// Octets held.
    pub(super) fn held_bytes(&self) -> usize {
        self.size + self.instructions.capacity()
    }

    /// The capacity that the receiver of the sections allows.
    pub(super) fn allow(&mut self, capacity: u64) {
        self.capacity_max = usize::try_from(capacity).unwrap_or(usize::MAX);
    }

    /// The encoder stream is damaged: what refers to the table cannot be decoded any more.
    pub(super) fn lose(&mut self) {
        self.broken = true;
        self.instructions = Vec::new();
    }

    /// Octets of the encoder stream (section 4.3). `false`: they are wrong.
    pub(super) fn instructions(&mut self, octets: &[u8]) -> bool {
        if self.broken {
            return false;
        }
        let mut all = std::mem::take(&mut self.instructions);
        all.extend_from_slice(octets);
        let mut reader = Reader::new(&all);
        let mut used = 0;
        while !reader.rest().is_empty() {
            match self.instruction(&mut reader) {
                Some(true) => used = reader.at(),
                Some(false) => self.broken = true,
                None => break,
            }
            if self.broken {
                return false;
            }
        }
        all.drain(..used);
        self.broken = all.len() > INSTRUCTION_MAX;
        self.instructions = all;
        !self.broken
    }

    /// One instruction. `None`: not whole yet; `Some(false)`: wrong.
    fn instruction(&mut self, reader: &mut Reader<'_>) -> Option<bool> {
        let first = reader.u8()?;
        Some(match first {
            0x80.. => {
                let index = integer(reader, first, 6)?;
                let value = string(reader)?;
                let name = if first & 0x40 != 0 { fixed(index) } else { self.recent(index) };
                name.is_some_and(|(name, _)| self.insert((name, value)))
            }
            0x40..=0x7f => {
                let name = text(reader, first, 5)?;
                let value = string(reader)?;
                self.insert((name, value))
            }
            0x20..=0x3f => {
                self.capacity = integer(reader, first, 5)?.min(TABLE_MAX);
                self.capacity_max = self.capacity_max.max(self.capacity);
                self.evict();
                true
            }
            _ => {
                let index = integer(reader, first, 5)?;
                self.recent(index).is_some_and(|field| self.insert(field))
            }
        })
    }

    fn insert(&mut self, field: Field) -> bool {
        let size = field.0.len() + field.1.len() + ENTRY;
        if size > self.capacity {
            return false;
        }
        self.size += size;
        self.inserted += 1;
        self.table.push_back(field);
        self.evict();
        true
    }

    fn evict(&mut self) {
        while self.size > self.capacity
            && let Some((name, value)) = self.table.pop_front()
        {
            self.size -= name.len() + value.len() + ENTRY;
            self.evicted += 1;
        }
    }

    /// An entry counted back from the latest (section 3.2.5).
    fn recent(&self, index: usize) -> Option<Field> {
        self.entry(self.inserted.checked_sub(index as u64 + 1)?)
    }

    /// An entry by its absolute index.
    fn entry(&self, index: u64) -> Option<Field> {
        self.table.get(usize::try_from(index.checked_sub(self.evicted)?).ok()?).cloned()
    }

    /// Decodes a field section (section 4.5).
    pub(super) fn decode(&self, section: &[u8]) -> Result<Vec<Field>, Stop> {
        let mut reader = Reader::new(section);
        let (required, base) = self.prefix(&mut reader).ok_or(Stop::Wrong)?;
        if required > self.inserted {
            return Err(if self.broken { Stop::Wrong } else { Stop::Blocked });
        }
        let mut fields = Vec::new();
        let mut total = 0;
        while !reader.rest().is_empty() {
            let field = self.line(&mut reader, base).ok_or(Stop::Wrong)?;
            total += field.0.len() + field.1.len();
            if total > LIST_MAX {
                return Err(Stop::Wrong);
            }
            fields.push(field);
        }
        Ok(fields)
    }

    /// Required Insert Count and Base (section 4.5.1).
    fn prefix(&self, reader: &mut Reader<'_>) -> Option<(u64, u64)> {
        let first = reader.u8()?;
        let encoded = integer(reader, first, 8)? as u64;
        let required = if encoded == 0 {
            0
        } else {
            let entries_max = (self.capacity_max / ENTRY) as u64;
            let range = 2 * entries_max;
            if encoded > range {
                // The settings and all instructions may still be to come.
                return (self.capacity_max == 0).then_some((u64::MAX, 0));
            }
            let value_max = self.inserted + entries_max;
            let required = value_max / range * range + encoded - 1;
            if required > value_max { required.checked_sub(range)? } else { required }
        };
        let first = reader.u8()?;
        let delta = integer(reader, first, 7)? as u64;
        let base = if first & 0x80 == 0 { required + delta } else { required.checked_sub(delta + 1)? };
        Some((required, base))
    }

    /// One field line (sections 4.5.2 to 4.5.6).
    fn line(&self, reader: &mut Reader<'_>, base: u64) -> Option<Field> {
        let first = reader.u8()?;
        let before = |index: usize| self.entry(base.checked_sub(index as u64 + 1)?);
        let after = |index: usize| self.entry(base.checked_add(index as u64)?);
        let name = match first {
            0x80.. => {
                let index = integer(reader, first, 6)?;
                return if first & 0x40 != 0 { fixed(index) } else { before(index) };
            }
            0x40..=0x7f => {
                let index = integer(reader, first, 4)?;
                if first & 0x10 != 0 { fixed(index)?.0 } else { before(index)?.0 }
            }
            0x20..=0x3f => text(reader, first, 3)?,
            0x10..=0x1f => return after(integer(reader, first, 4)?),
            _ => after(integer(reader, first, 3)?)?.0,
        };
        Some((name, string(reader)?))
    }
}

/// An entry of the static table.
fn fixed(index: usize) -> Option<Field> {
    STATIC.get(index).map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into()))
}

/// A string whose length has `bits` bits of its first octet, below the mark of the Huffman code (section 4.1.2).
fn text(reader: &mut Reader<'_>, first: u8, bits: u8) -> Option<std::sync::Arc<[u8]>> {
    let len = integer(reader, first, bits)?;
    let octets = reader.take(len)?;
    if first >> bits & 1 == 0 { Some(octets.into()) } else { huffman(octets) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(fields: &[Field]) -> Vec<String> {
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        fields.iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect()
    }

    /// RFC 9204, appendix B: five exchanges over one dynamic table.
    #[test]
    fn sections_of_the_standard() {
        let mut decoder = Decoder::default();
        let list = decoder.decode(b"\x00\x00\x51\x0b/index.html").unwrap();
        assert_eq!(shown(&list), [":path=/index.html"]);

        decoder.allow(220);
        let section = b"\x03\x81\x10\x11";
        assert_eq!(decoder.decode(section).err(), Some(Stop::Blocked));
        let instructions = b"\x3f\xbd\x01\xc0\x0fwww.example.com\xc1\x0c/sample/path";
        for octet in instructions {
            assert!(decoder.instructions(&[*octet]));
        }
        let list = decoder.decode(section).unwrap();
        assert_eq!(shown(&list), [":authority=www.example.com", ":path=/sample/path"]);

        assert!(decoder.instructions(b"\x4acustom-key\x0ccustom-value"));
        assert!(decoder.instructions(b"\x02"));
        let list = decoder.decode(b"\x05\x00\x80\xc1\x81").unwrap();
        assert_eq!(shown(&list), [":authority=www.example.com", ":path=/", "custom-key=custom-value"]);
        assert_eq!(decoder.held_bytes() - decoder.instructions.capacity(), 217);

        assert!(decoder.instructions(b"\x81\x0dcustom-value2"));
        assert_eq!((decoder.inserted, decoder.evicted, decoder.size), (5, 1, 215));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.decode(b"\x00\x00\x80").err(), Some(Stop::Wrong));
        assert_eq!(decoder.decode(b"\x00\x00\xff\x24").err(), Some(Stop::Wrong));
        assert_eq!(decoder.decode(b"").err(), Some(Stop::Wrong));
        assert!(!decoder.instructions(b"\x41a\x01b"), "an entry without capacity");
        assert!(!decoder.instructions(b"\x20"), "once broken, always broken");
        // A bomb: one large entry, named again and again.
        let mut decoder = Decoder::default();
        assert!(decoder.instructions(b"\x3f\xe1\x1f\x41a\x7f\x81\x1e"));
        assert!(decoder.instructions(&[b'x'; 4000]));
        assert_eq!(decoder.inserted, 1);
        assert_eq!(decoder.decode(&[&[2, 0][..], &[0x80; 10_000]].concat()).err(), Some(Stop::Wrong));
        // An instruction without end is not held for ever.
        let mut decoder = Decoder::default();
        assert!(decoder.instructions(b"\x3f\xe1\x1f\x41a\x7f\x81\xff\x7f"));
        assert!((0..100).any(|_| !decoder.instructions(&[0; 4096])));
        assert!(decoder.held_bytes() < 256 << 10);
    }
}
