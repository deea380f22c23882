//! NFS versions 3 and 4 over ONC RPC on TCP (RFC 5531, RFC 1813, RFC 7530, RFC 8881): what WRITE carries is a file, and so is
//! what answers READ; everything else (names, attributes) is read as it stands.
//!
//! Replies do not say what they answer, and each half is read alone: a reply is taken for one to READ if its lengths fit
//! exactly. In a compound of version 4 the operations before WRITE are walked as far as they are known. Messages in several
//! fragments are read fragment by fragment. Over UDP, messages are read as datagrams that nobody recognises.

use crate::model::Direction;

use super::decoder::{Probe, Role, StreamDecoder};
use super::reader::Reader;
use super::records::{Head, Piece, Records, Service};

/// Ports where RPC is asked first.
pub(crate) const PORTS: &[u16] = &[111, 2049];

const PROGRAM: u32 = 100_003;
/// Octets of a record mark (RFC 5531, section 11).
const MARK: usize = 4;
/// Octets of one opaque value in a head, and operations in a compound.
const OPAQUE_MAX: usize = 1024;
const OPERATIONS_MAX: u32 = 16;

/// Whether octets begin with a call to NFS, or a reply to any call that was accepted.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    if octets.first().is_some_and(|last| last & 0x80 == 0) {
        return Probe::No;
    }
    let mut reader = Reader::new(octets);
    let (Some(mark), Some(_)) = (reader.u32(), reader.u32()) else { return Probe::More };
    let len = mark & 0x7fff_ffff;
    let Some(kind) = reader.u32() else {
        return if reader.rest().iter().all(|octet| *octet == 0) && len >= 24 { Probe::More } else { Probe::No };
    };
    match kind {
        0 => match (reader.u32(), reader.u32(), reader.u32()) {
            (Some(2), Some(100_000..=100_300), Some(1..=4)) => Probe::Yes(Role::Client),
            (Some(2), None, _) | (None, ..) | (Some(2), Some(_), None) => Probe::More,
            _ => Probe::No,
        },
        // Accepted, a verifier of at most 400 octets, success.
        1 => match (reader.u32(), reader.u32(), reader.u32()) {
            (Some(0), Some(0 | 1 | 6), Some(0..=400)) if len >= 24 => Probe::Yes(Role::Server),
            (Some(0), Some(0 | 1 | 6), None) | (Some(0), None, _) | (None, ..) => Probe::More,
            _ => Probe::No,
        },
        _ => Probe::No,
    }
}

/// A decoder for both ends.
pub(crate) fn decoder(_: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Records::new(Nfs))
}

struct Nfs;

impl Service for Nfs {
    fn head<'a>(&mut self, _dir: Direction, octets: &'a [u8], whole: bool) -> Head<'a> {
        let mut reader = Reader::new(octets);
        let Some(mark) = reader.u32() else { return Head::More };
        let total = MARK as u64 + u64::from(mark & 0x7fff_ffff);
        match piece(octets, total) {
            Some(piece) => Head::Message(total, piece),
            // Cut off: shown again with more, unless there is no more of the message.
            None if !whole && (octets.len() as u64) < total => Head::More,
            None => Head::Message(total, None),
        }
    }
}

/// `None`: cut off. `Some(None)`: no data.
fn piece(octets: &[u8], total: u64) -> Option<Option<Piece<'_>>> {
    let mut reader = Reader::new(octets);
    reader.take(MARK + 4)?;
    let found = match reader.u32()? {
        0 => {
            reader.u32()?;
            let (program, version, procedure) = (reader.u32()?, reader.u32()?, reader.u32()?);
            if program != PROGRAM {
                return Some(None);
            }
            // Credentials and verifier.
            for _ in 0..2 {
                reader.u32()?;
                opaque(&mut reader)?;
            }
            match (version, procedure) {
                (3, 7) => write3(&mut reader)?,
                (4, 1) => compound(&mut reader)?,
                _ => None,
            }
        }
        1 => {
            reader.take(8)?;
            opaque(&mut reader)?;
            reader.u32()?;
            read_reply(&reader, total)?
        }
        _ => None,
    };
    Some(found)
}

/// A value with its length in front, padded to four octets.
fn opaque<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = reader.u32()? as usize;
    if len > OPAQUE_MAX {
        return None;
    }
    let value = reader.take(len)?;
    reader.take(len.next_multiple_of(4) - len)?;
    Some(value)
}

/// RFC 1813, section 3.3.7.
fn write3<'a>(reader: &mut Reader<'a>) -> Option<Option<Piece<'a>>> {
    let key = opaque(reader)?;
    let offset = u64::from_be_bytes(reader.array()?);
    reader.take(8)?;
    let len = u64::from(reader.u32()?);
    Some(Some(Piece { from: reader.at(), len, key, offset: Some(offset) }))
}

/// RFC 7530, section 16: operations in order.
fn compound<'a>(reader: &mut Reader<'a>) -> Option<Option<Piece<'a>>> {
    opaque(reader)?;
    reader.u32()?;
    let count = reader.u32()?;
    let mut key: &[u8] = &[];
    for _ in 0..count.min(OPERATIONS_MAX) {
        match reader.u32()? {
            // PUTFH
            22 => key = opaque(reader)?,
            // GETATTR
            9 => {
                let words = reader.u32()?;
                reader.take(words.min(8) as usize * 4)?;
            }
            // GETFH, LOOKUPP, PUTPUBFH, PUTROOTFH, READLINK, RESTOREFH, SAVEFH
            10 | 16 | 23 | 24 | 27 | 31 | 32 => {}
            // SEQUENCE (RFC 8881, section 18.46)
            53 => {
                reader.take(16 + 4 * 4)?;
            }
            // WRITE
            38 => {
                reader.take(16)?;
                let offset = u64::from_be_bytes(reader.array()?);
                reader.u32()?;
                let len = u64::from(reader.u32()?);
                return Some(Some(Piece { from: reader.at(), len, key, offset: Some(offset) }));
            }
            _ => return Some(None),
        }
    }
    Some(None)
}

/// A reply whose lengths fit those of READ: status 0, attributes, a count, whether it is the end, and as much data, to the end
/// of the message. For version 4 the operations before are walked as far as they are known.
fn read_reply<'a>(reader: &Reader<'a>, total: u64) -> Option<Option<Piece<'a>>> {
    let fits = |from: usize, len: u64| {
        let end = from as u64 + len.next_multiple_of(4);
        // Version 4 may ask for attributes behind the data.
        (len > 0 && end <= total && total - end <= 256).then_some(Piece { from, len, key: b"read", offset: None })
    };
    let mut three = *reader;
    let (status, follows) = (three.u32()?, three.u32()?);
    if status != 0 {
        return Some(None);
    }
    if follows <= 1 {
        // RFC 1813, section 3.3.6; attributes have 84 octets.
        three.take(if follows == 1 { 84 } else { 0 })?;
        let (count, end, len) = (three.u32()?, three.u32()?, three.u32()?);
        if count == len && end <= 1 {
            let found = fits(three.at(), u64::from(len))
                .filter(|piece| piece.from as u64 + piece.len.next_multiple_of(4) == total);
            if found.is_some() {
                return Some(found);
            }
        }
    }
    let mut four = *reader;
    four.u32()?;
    opaque(&mut four)?;
    let count = four.u32()?;
    for _ in 0..count.min(OPERATIONS_MAX) {
        match (four.u32()?, four.u32()?) {
            (22 | 23 | 24 | 31 | 32, 0) => {}
            (53, 0) => {
                four.take(16 + 4 * 5)?;
            }
            (25, 0) => {
                let (end, len) = (four.u32()?, four.u32()?);
                return Some(if end <= 1 { fits(four.at(), u64::from(len)) } else { None });
            }
            _ => return Some(None),
        }
    }
    Some(None)
}

#[cfg(test)]
mod tests {
    use super::super::tests::whole;
    use crate::model::{Direction, DocumentKind};

    #[test]
    fn an_offset_at_the_end_of_all_numbers_is_one_like_others() {
        let call =
            [&[0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0x86, 0xa3, 0, 0, 0, 3, 0, 0, 0, 7][..], &[0; 16]].concat();
        let write = [&call[..], b"\0\0\0\x04hand", &[0xff; 8], b"\0\0\0\x05\0\0\0\0\0\0\0\x05three\0\0\0"].concat();
        let record = [&(0x8000_0000 | write.len() as u32).to_be_bytes()[..], &write].concat();
        let seen = whole(&[(Direction::Forward, &[&record[..], &record].concat())]);
        assert_eq!(seen.texts(DocumentKind::FileContent), ["three", "three"]);
    }
}
