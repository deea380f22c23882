//! Values of BER (ITU-T X.690) with definite lengths: LDAP, SNMP.

use super::reader::Reader;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;

/// Tag and length. `None`: cut off; `Some(None)`: no definite length below 2^32.
pub(crate) fn header(reader: &mut Reader<'_>) -> Option<Option<(u8, u64)>> {
    let tag = reader.u8()?;
    let first = reader.u8()?;
    let len = match first {
        0..=0x7f => u64::from(first),
        0x81..=0x84 => {
            let mut len = 0;
            for _ in 0x80..first {
                len = len << 8 | u64::from(reader.u8()?);
            }
            len
        }
        _ => return Some(None),
    };
    Some(Some((tag, len)))
}

/// One value after the other, as far as they are whole.
pub(crate) struct Values<'a>(pub(crate) Reader<'a>);

impl<'a> Iterator for Values<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, len) = header(&mut self.0)??;
        Some((tag, self.0.take(usize::try_from(len).ok()?)?))
    }
}
