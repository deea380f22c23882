//! SMPP (version 3.4 and 5.0): bind credentials, addresses and short messages.

use crate::model::{Direction, DocumentKind, DocumentStart};

use super::counted::{Counted, Framing, Size};
use super::decoder::{Out, Probe, Role, StreamDecoder};
use super::fields::Fields;
use super::reader::Reader;
use super::unknown::plain;

/// Ports where SMPP is asked first.
pub(crate) const PORTS: &[u16] = &[2775];

/// Octets of a header: length, command, status, sequence number.
const HEADER: u32 = 16;
/// A response has this bit (section 5.1.2.1).
const RESPONSE: u32 = 0x8000_0000;
const PDU_MAX: u32 = 1 << 20;

/// Commands that open a session or are common midstream.
const COMMANDS: [u32; 13] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0b, 0x15, 0x21, 0x103];

/// Whether octets begin with a PDU: a sane length, a known command, and status 0 in a request.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    let mut reader = Reader::new(octets);
    let prefix = octets.get(..2).unwrap_or(octets);
    if prefix.iter().any(|octet| *octet != 0) {
        return Probe::No;
    }
    let (Some(len), Some(command)) = (reader.u32(), reader.u32()) else { return Probe::More };
    if !(HEADER..=PDU_MAX).contains(&len) || !COMMANDS.contains(&(command & !RESPONSE)) {
        return Probe::No;
    }
    let (Some(status), Some(sequence)) = (reader.u32(), reader.u32()) else { return Probe::More };
    let request = command & RESPONSE == 0;
    // Binding names a system in at most 15 characters: other protocols with such lengths do not.
    let binds = matches!(command, 1 | 2 | 9);
    match octets.get(HEADER as usize..).unwrap_or_default().iter().take(16).position(|octet| *octet == 0) {
        _ if sequence == 0 || status > 0x500 || request && status != 0 => Probe::No,
        // Kafka has the length of a name in the upper half.
        _ if !binds && sequence >> 16 != 0 => Probe::No,
        _ if !binds => Probe::Yes(Role::Either),
        Some(_) => Probe::Yes(Role::Client),
        None if octets.len() >= HEADER as usize + 16 => Probe::No,
        None => Probe::More,
    }
}

/// A decoder for both ends.
pub(crate) fn decoder(_: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Counted::new(Smpp))
}

struct Smpp;

impl Framing for Smpp {
    fn size(&self, octets: &[u8]) -> Size {
        match Reader::new(octets).u32() {
            None => Size::More,
            Some(len) if (HEADER..=PDU_MAX).contains(&len) => Size::Of(u64::from(len)),
            Some(_) => Size::Wrong,
        }
    }

    fn message(&mut self, dir: Direction, at: u64, message: &[u8], out: &mut Out<'_>) {
        let mut reader = Reader::new(message);
        reader.u32();
        let command = reader.u32().unwrap_or_default();
        reader.take(8);
        let mut fields = Fields::default();
        let body_at = at + u64::from(HEADER);
        let known = match command {
            1 | 2 | 9 => bind(&mut reader, &mut fields),
            0x8000_0001 | 0x8000_0002 | 0x8000_0009 => string(&mut reader).map(|id| fields.add("system id", id)),
            4 | 5 => submit(&mut reader, dir, at, &mut fields, out),
            _ => None,
        };
        fields.give(dir, at, out);
        // What stands behind the parameters that are known: optional parameters, other commands.
        let rest = if known.is_some() { reader.rest() } else { message.get(HEADER as usize..).unwrap_or_default() };
        if !rest.is_empty() {
            out.document(dir, plain(DocumentKind::Stream, body_at), rest);
        }
    }
}

/// A C-octet string.
fn string<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = reader.rest().iter().position(|octet| *octet == 0)?;
    let value = reader.take(len)?;
    reader.u8()?;
    Some(value)
}

/// Section 4.1.1.
fn bind(reader: &mut Reader<'_>, fields: &mut Fields) -> Option<()> {
    fields.add("username", string(reader)?);
    fields.add("password", string(reader)?);
    fields.add("system type", string(reader)?);
    reader.take(3)?;
    fields.add("address range", string(reader)?);
    Some(())
}

/// Section 4.4.1.
fn submit(reader: &mut Reader<'_>, dir: Direction, at: u64, fields: &mut Fields, out: &mut Out<'_>) -> Option<()> {
    string(reader)?;
    address("source phone", reader, fields)?;
    address("phone", reader, fields)?;
    reader.take(3)?;
    string(reader)?;
    string(reader)?;
    reader.take(2)?;
    let coding = reader.u8()?;
    reader.u8()?;
    let len = reader.u8()?;
    let message = reader.take(usize::from(len))?;
    // Section 5.2.19: data coding.
    let charset = match coding {
        3 => "text/plain; charset=iso-8859-1",
        6 => "text/plain; charset=iso-8859-5",
        7 => "text/plain; charset=iso-8859-8",
        8 => "text/plain; charset=utf-16be",
        _ => "",
    };
    if !message.is_empty() {
        let start = DocumentStart { media_type: charset.to_owned(), ..plain(DocumentKind::MessageBody, at) };
        out.document(dir, start, message);
    }
    Some(())
}

/// Type of number (1 is international), numbering plan, address.
fn address(name: &str, reader: &mut Reader<'_>, fields: &mut Fields) -> Option<()> {
    let kind = reader.u8()?;
    reader.u8()?;
    let number = string(reader)?;
    let international = kind == 1 && !number.starts_with(b"+") && number.iter().all(u8::is_ascii_digit);
    if international && !number.is_empty() {
        fields.add(name, &[b"+", number].concat());
    } else {
        fields.add(name, number);
    }
    Some(())
}
