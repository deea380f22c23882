//! Tuples: values with lengths, of rows and of parameters, and those of logical replication.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::model::{Direction, DocumentKind};

use super::super::decoder::{Doc, Out};
use super::super::framed::{Body, Part};
use super::super::reader::Reader;
use super::super::unknown::plain;
use super::{cstring, name};

/// Relations of a replication stream that are remembered. Past it all are forgotten.
const RELATIONS_MAX: usize = 1024;

/// A column of a result.
#[derive(Clone)]
pub(super) struct Column {
    name: Arc<str>,
    /// Object id of its type.
    kind: u32,
    binary: bool,
}

/// The columns of a RowDescription.
pub(super) fn columns(octets: &[u8]) -> Vec<Column> {
    let mut reader = Reader::new(octets);
    let count = reader.u16().unwrap_or(0);
    let mut column = || {
        let name = name(cstring(&mut reader)?);
        let _table = reader.u32()?;
        let _attribute = reader.u16()?;
        let kind = reader.u32()?;
        let _size_and_modifier = reader.take(6)?;
        Some(Column { name, kind, binary: reader.u16()? == 1 })
    };
    (0..count).map_while(|_| column()).collect()
}

/// Values one after the other, each with its length.
pub(super) struct Tuple {
    count: u16,
    /// Whether values are binary: none, one for all, or one each.
    formats: Vec<bool>,
    index: u16,
    /// Octets left of the value being read.
    left: u64,
    /// Where values begin is not known any more.
    lost: bool,
}

impl Tuple {
    pub(super) const fn new(count: u16, formats: Vec<bool>) -> Self {
        Self { count, formats, index: 0, left: 0, lost: false }
    }

    fn is_binary(&self, at: usize) -> bool {
        match self.formats.as_slice() {
            [] => false,
            [all] => *all,
            each => each.get(at).copied().unwrap_or(false),
        }
    }

    /// Whether all values have been read.
    pub(super) const fn is_done(&self) -> bool {
        self.index >= self.count && self.left == 0
    }

    /// Reads on. What follows the last value is framing.
    pub(super) fn advance(
        &mut self,
        part: Part<'_>,
        name: &dyn Fn(usize) -> Option<Arc<str>>,
        types: &[u32],
        doc: &Doc,
        out: &mut Out<'_>,
    ) -> Body {
        if self.lost {
            return Body::Wrong;
        }
        if self.left > 0 {
            let used = part.octets.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            out.octets(doc, part.octets.get(..used).unwrap_or_default());
            self.left -= used as u64;
            return Body::Took(used);
        }
        if self.index >= self.count {
            return Body::Took(part.octets.len());
        }
        let mut reader = Reader::new(part.octets);
        let Some(len) = reader.u32() else { return Body::More };
        let at = usize::from(self.index);
        if len == u32::MAX {
            self.index += 1;
            return Body::Took(4);
        }
        if u64::from(len) > part.left - 4 {
            return Body::Wrong;
        }
        let kind = types.get(at).copied().unwrap_or(0);
        let binary = self.is_binary(at);
        // Numbers, and what else is short and not text in binary, are written out.
        if binary && matches!(kind, BIGINT | INTEGER | SMALLINT | UUID) && len <= 16 {
            let Some(value) = reader.take(len as usize) else { return Body::More };
            self.index += 1;
            out.value_begins(doc, name(at).as_deref());
            match written(kind, value) {
                Some(text) => out.octets(doc, text.as_bytes()),
                None => out.octets(doc, value),
            }
            return Body::Took(reader.at());
        }
        let mut skipped = 0;
        if binary && kind == JSONB && len > 0 {
            // A version before the text.
            let Some(_version) = reader.u8() else { return Body::More };
            skipped = 1;
        }
        self.index += 1;
        out.value_begins(doc, name(at).as_deref());
        self.left = u64::from(len) - skipped;
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

const BIGINT: u32 = 20;
const SMALLINT: u32 = 21;
const INTEGER: u32 = 23;
const UUID: u32 = 2950;
const JSONB: u32 = 3802;

/// A binary value as text.
fn written(kind: u32, value: &[u8]) -> Option<String> {
    match kind {
        BIGINT => value.try_into().ok().map(|octets| i64::from_be_bytes(octets).to_string()),
        INTEGER => value.try_into().ok().map(|octets| i32::from_be_bytes(octets).to_string()),
        SMALLINT => value.try_into().ok().map(|octets| i16::from_be_bytes(octets).to_string()),
        UUID => {
            let hex = |part: &[u8]| part.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
            let [a, b, c, d, e, f, g, h, rest @ ..]: [u8; 16] = value.try_into().ok()?;
            let (node, clock) = (rest.get(2..)?, rest.get(..2)?);
            Some(format!("{}-{}-{}-{}-{}", hex(&[a, b, c, d]), hex(&[e, f]), hex(&[g, h]), hex(clock), hex(node)))
        }
        _ => None,
    }
}

/// The rows of the server's half.
#[derive(Default)]
pub(super) struct Rows {
    columns: Arc<[Column]>,
    /// Which values are binary, where the client said so.
    formats: Vec<bool>,
    types: Vec<u32>,
    doc: Option<Doc>,
    tuple: Option<Tuple>,
    /// Columns of tables in a replication stream, by object id.
    relations: HashMap<u32, Vec<Arc<str>>>,
}

impl Rows {
    /// Rows with these columns follow.
    pub(super) fn describe(&mut self, columns: Arc<[Column]>, formats: Vec<bool>, out: &mut Out<'_>) {
        self.close(out);
        self.formats = formats;
        self.types = columns.iter().map(|column| column.kind).collect();
        self.columns = columns;
    }

    /// Octets of a DataRow.
    pub(super) fn advance(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        let Some(tuple) = &mut self.tuple else {
            let Some(count) = Reader::new(part.octets).u16() else { return Body::More };
            let formats = match self.formats.as_slice() {
                [] => self.columns.iter().map(|column| column.binary).collect(),
                said => said.to_vec(),
            };
            self.tuple = Some(Tuple::new(count, formats));
            return Body::Took(2);
        };
        let doc = self.doc.get_or_insert_with(|| out.start(part.dir, plain(DocumentKind::SqlRows, part.at)));
        let columns = &self.columns;
        tuple.advance(part, &|at| columns.get(at).map(|column| column.name.clone()), &self.types, doc, out)
    }

    pub(super) fn finish_row(&mut self, out: &mut Out<'_>) {
        if let (Some(_), Some(doc)) = (self.tuple.take(), &self.doc) {
            out.field(doc, None);
            out.octets(doc, b"\n");
        }
    }

    pub(super) fn gap(&mut self, len: u64, out: &mut Out<'_>) {
        if let (Some(tuple), Some(doc)) = (&mut self.tuple, &self.doc) {
            tuple.gap(doc, len, out);
        }
    }

    /// The result is over.
    pub(super) fn close(&mut self, out: &mut Out<'_>) {
        self.tuple = None;
        if let Some(doc) = self.doc.take() {
            out.end(&doc);
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        let relations: usize = self.relations.values().map(|names| 64 + names.len() * 48).sum();
        self.columns.len() * 64 + relations
    }

    /// One CopyData message of a replication connection (sections 55.4, 55.5 and 55.9).
    pub(super) fn replicated(&mut self, dir: Direction, at: u64, octets: &[u8], out: &mut Out<'_>) {
        let mut reader = Reader::new(octets);
        if reader.u8() != Some(b'w') || reader.take(24).is_none() {
            // A keep-alive, or something newer.
            return;
        }
        let rest = reader.rest();
        if self.change(dir, at + 25, rest, out).is_none() {
            out.document(dir, plain(DocumentKind::SqlCopy, at + 25), rest);
        }
    }

    /// A message of `pgoutput`; `None` where it is none, or of a later version.
    fn change(&mut self, dir: Direction, at: u64, octets: &[u8], out: &mut Out<'_>) -> Option<()> {
        let mut reader = Reader::new(octets);
        match reader.u8()? {
            b'B' | b'C' | b'O' | b'Y' | b'T' if octets.len() < 1024 => Some(()),
            b'R' => {
                let relation = reader.u32()?;
                let (_space, _table) = (cstring(&mut reader)?, cstring(&mut reader)?);
                let _identity = reader.u8()?;
                let count = reader.u16()?;
                let mut column = || {
                    reader.u8()?;
                    let name = name(cstring(&mut reader)?);
                    reader.take(8)?;
                    Some(name)
                };
                let names: Vec<_> = (0..count).map_while(|_| column()).collect();
                if self.relations.len() >= RELATIONS_MAX {
                    self.relations.clear();
                }
                self.relations.insert(relation, names);
                Some(())
            }
            b'I' | b'U' | b'D' => {
                let relation = reader.u32()?;
                let doc = out.start(dir, plain(DocumentKind::SqlRows, at));
                let whole = self.tuples(relation, &mut reader, &doc, out);
                out.end(&doc);
                if whole.is_none() {
                    // Nothing of a message that is not understood is lost.
                    out.document(dir, plain(DocumentKind::SqlCopy, at), reader.rest());
                }
                Some(())
            }
            _ => None,
        }
    }

    fn tuples(&self, relation: u32, reader: &mut Reader<'_>, doc: &Doc, out: &mut Out<'_>) -> Option<()> {
        let names = self.relations.get(&relation);
        while let Some(kind) = reader.u8() {
            if !matches!(kind, b'N' | b'O' | b'K') {
                return None;
            }
            for index in 0..usize::from(reader.u16()?) {
                let name = names.and_then(|names| names.get(index)).map(AsRef::as_ref);
                match reader.u8()? {
                    b'n' | b'u' => {}
                    b't' | b'b' => {
                        let len = reader.u32()?;
                        let value = reader.take(usize::try_from(len).ok()?)?;
                        out.value_begins(doc, name);
                        out.octets(doc, value);
                    }
                    _ => return None,
                }
            }
        }
        Some(())
    }
}
