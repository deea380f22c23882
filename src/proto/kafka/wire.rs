//! Kafka's primitive types ("A Guide To The Kafka Protocol"): in requests before "flexible" versions with fixed lengths, in
//! flexible ones with variable lengths that count one more, and tagged fields at the end of every structure.

use super::super::reader::Reader;

/// A cursor over a message of one version.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) reader: Reader<'a>,
    /// Whether lengths are variable and structures end with tagged fields.
    pub(super) flexible: bool,
}

impl<'a> Fields<'a> {
    /// Seven bits an octet, lowest first.
    fn uvarint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in 0..5 {
            let octet = self.reader.u8()?;
            value |= u64::from(octet & 0x7f) << (7 * shift);
            if octet & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// Passes over `n` octets.
    pub(super) fn skip(&mut self, n: usize) -> Option<()> {
        self.reader.take(n).map(drop)
    }

    /// The length of octets or a list; `None` inside for null.
    pub(super) fn long_len(&mut self) -> Option<Option<u64>> {
        let len = if self.flexible {
            self.uvarint()?.checked_sub(1)
        } else {
            u64::try_from(self.reader.u32()?.cast_signed()).ok()
        };
        Some(len)
    }

    /// A string that may be null.
    pub(super) fn string(&mut self) -> Option<Option<&'a [u8]>> {
        let len = if self.flexible {
            self.uvarint()?.checked_sub(1)
        } else {
            u64::try_from(self.reader.u16()?.cast_signed()).ok()
        };
        match len {
            None => Some(None),
            Some(len) => Some(Some(self.reader.take(usize::try_from(len).ok()?)?)),
        }
    }

    /// Passes over tagged fields, where there are any.
    pub(super) fn tags(&mut self) -> Option<()> {
        if self.flexible {
            for _ in 0..self.uvarint()? {
                self.uvarint()?;
                let len = self.uvarint()?;
                self.reader.take(usize::try_from(len).ok()?)?;
            }
        }
        Some(())
    }
}
