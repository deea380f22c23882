//! Values of MySQL's protocol: length-encoded, of rows in text and in binary, and of parameters.

use std::sync::Arc;

use super::super::decoder::{Doc, Out};
use super::super::framed::{Body, Part};
use super::super::reader::Reader;

/// A column of a result, or the type of a parameter.
#[derive(Clone, Default)]
pub(super) struct Column {
    pub(super) name: Option<Arc<str>>,
    /// Type (`enum_field_types`).
    pub(super) kind: u8,
    pub(super) unsigned: bool,
}

/// `N` octets, the least first, as a number.
pub(super) fn number<const N: usize>(reader: &mut Reader<'_>) -> Option<u64> {
    let octets: [u8; N] = reader.array()?;
    Some(octets.iter().rev().fold(0, |value, octet| value << 8 | u64::from(*octet)))
}

/// A length-encoded integer; `Some(None)` is NULL.
pub(super) fn length(reader: &mut Reader<'_>) -> Option<Option<u64>> {
    match reader.u8()? {
        0xfb => Some(None),
        0xfc => number::<2>(reader).map(Some),
        0xfd => number::<3>(reader).map(Some),
        0xfe => number::<8>(reader).map(Some),
        short => Some(Some(u64::from(short))),
    }
}

/// A length-encoded string that is there.
pub(super) fn string<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = length(reader)?.unwrap_or(0);
    reader.take(usize::try_from(len).ok()?)
}

/// Length and name of a value come first, NULL is not given out.
enum Next {
    /// The value follows: so many octets.
    Octets(u64),
    /// A value written out.
    Written(String),
    Null,
}

/// A row or a set of parameters being read.
pub(super) struct Tuple {
    /// NULL bits of a binary row or of parameters, and the number of bits before the first.
    nulls: Option<(Vec<u8>, usize)>,
    index: usize,
    left: u64,
    lost: bool,
}

impl Tuple {
    /// A row of strings.
    pub(super) const fn text() -> Self {
        Self { nulls: None, index: 0, left: 0, lost: false }
    }

    /// Values in binary, those with a set bit left out.
    pub(super) const fn binary(nulls: Vec<u8>, bits_before: usize) -> Self {
        Self { nulls: Some((nulls, bits_before)), index: 0, left: 0, lost: false }
    }

    /// Reads on, as far as columns are known; rows in text go on without names.
    pub(super) fn advance(&mut self, part: Part<'_>, columns: &[Column], doc: &Doc, out: &mut Out<'_>) -> Body {
        if self.lost {
            return Body::Wrong;
        }
        if self.left > 0 {
            let used = part.octets.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            out.octets(doc, part.octets.get(..used).unwrap_or_default());
            self.left -= used as u64;
            return Body::Took(used);
        }
        let column = columns.get(self.index);
        let mut reader = Reader::new(part.octets);
        let next = match (&self.nulls, column) {
            (Some((nulls, before)), Some(column)) => {
                let bit = self.index + before;
                if nulls.get(bit / 8).is_some_and(|octet| octet >> (bit % 8) & 1 == 1) {
                    self.index += 1;
                    return self.advance(part, columns, doc, out);
                }
                binary(column, &mut reader)
            }
            (Some(_), None) => return Body::Wrong,
            (None, _) => length(&mut reader).map(|len| len.map_or(Next::Null, Next::Octets)),
        };
        let Some(next) = next else { return Body::More };
        let rest = part.left - reader.at() as u64;
        if let Next::Octets(len) = next
            && len > rest
        {
            return Body::Wrong;
        }
        self.index += 1;
        if !matches!(next, Next::Null) {
            out.value_begins(doc, column.and_then(|column| column.name.as_deref()));
        }
        match next {
            Next::Octets(len) => self.left = len,
            Next::Written(text) => out.octets(doc, text.as_bytes()),
            Next::Null => {}
        }
        Body::Took(reader.at())
    }

    pub(super) fn gap(&mut self, doc: &Doc, len: u64, out: &mut Out<'_>) {
        if len <= self.left {
            self.left -= len;
            out.gap(doc, len);
        } else {
            self.lost = true;
        }
    }
}

/// A value in binary (MySQL internals, "Binary Protocol Value").
fn binary(column: &Column, reader: &mut Reader<'_>) -> Option<Next> {
    let integer = |value: u64, bits: u32| {
        if column.unsigned {
            Next::Written(value.to_string())
        } else {
            let shift = 64 - bits;
            Next::Written((((value << shift) as i64) >> shift).to_string())
        }
    };
    Some(match column.kind {
        1 => integer(number::<1>(reader)?, 8),
        2 | 13 => integer(number::<2>(reader)?, 16),
        3 | 9 => integer(number::<4>(reader)?, 32),
        8 => integer(number::<8>(reader)?, 64),
        4 => Next::Written(f32::from_bits(number::<4>(reader)? as u32).to_string()),
        5 => Next::Written(f64::from_bits(number::<8>(reader)?).to_string()),
        6 => Next::Null,
        7 | 10 | 12 => {
            let len = reader.u8()?;
            let mut date = Reader::new(reader.take(usize::from(len))?);
            let mut text = match (number::<2>(&mut date), date.u8(), date.u8()) {
                (Some(year), Some(month), Some(day)) => format!("{year:04}-{month:02}-{day:02}"),
                _ => return Some(Next::Null),
            };
            if let (Some(hour), Some(minute), Some(second)) = (date.u8(), date.u8(), date.u8()) {
                text.push_str(&format!(" {hour:02}:{minute:02}:{second:02}"));
            }
            Next::Written(text)
        }
        11 => {
            let len = reader.u8()?;
            reader.take(usize::from(len))?;
            Next::Null
        }
        _ => length(reader)?.map_or(Next::Null, Next::Octets),
    })
}

/// A column definition (protocol 4.1).
pub(super) fn column(octets: &[u8]) -> Option<Column> {
    let mut reader = Reader::new(octets);
    for _ in 0..4 {
        // Catalogue, schema, table, original table.
        string(&mut reader)?;
    }
    let name = string(&mut reader)?;
    // The end has a fixed form, whatever a server puts in between.
    let fixed = octets.len().checked_sub(12).filter(|start| *start >= reader.at())?;
    let mut fixed = Reader::new(octets.get(fixed..)?);
    fixed.take(6)?;
    let kind = fixed.u8()?;
    let unsigned = number::<2>(&mut fixed)? & 0x20 != 0;
    let name = String::from_utf8_lossy(name.get(..128).unwrap_or(name)).into();
    Some(Column { name: Some(name), kind, unsigned })
}
