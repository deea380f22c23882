//! LDAP (RFC 4511): names and values of each message as fields: bind credentials, attributes of entries, changes, filters.
//!
//! Messages are BER (ITU-T X.690) with definite lengths. Their strings are read in order: a string that is followed by a set of
//! values, or stands in front of a value in an assertion, names the attribute of those values. What is no text (object
//! identifiers of binary syntax, photographs) is a field all the same.

use crate::model::Direction;

use super::ber::{INTEGER, SEQUENCE, Values, header};
use super::counted::{Counted, Framing, Size};
use super::decoder::{Out, Probe, Role, StreamDecoder};
use super::fields::Fields;
use super::reader::Reader;
use super::unknown::plain;

/// Ports where LDAP is asked first.
pub(crate) const PORTS: &[u16] = &[389, 3268];

/// Constructed values within each other; a filter nests deepest.
const DEPTH_MAX: usize = 24;

/// Operations (section 4.2 on): the tag, and whether the client sends it.
const OPERATIONS: [(u8, bool); 21] = [
    (0x60, true),
    (0x61, false),
    (0x42, true),
    (0x63, true),
    (0x64, false),
    (0x65, false),
    (0x73, false),
    (0x66, true),
    (0x67, false),
    (0x68, true),
    (0x69, false),
    (0x4a, true),
    (0x6b, false),
    (0x6c, true),
    (0x6d, false),
    (0x6e, true),
    (0x6f, false),
    (0x50, true),
    (0x77, true),
    (0x78, false),
    (0x79, false),
];

/// Whether octets begin with a message.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    if octets.first().is_some_and(|tag| *tag != SEQUENCE) {
        return Probe::No;
    }
    let mut reader = Reader::new(octets);
    match header(&mut reader) {
        None => return Probe::More,
        Some(Some((SEQUENCE, len))) if len >= 5 => {}
        Some(_) => return Probe::No,
    }
    match header(&mut reader) {
        None if reader.rest().first().is_some_and(|tag| *tag != INTEGER) => return Probe::No,
        None => return Probe::More,
        Some(Some((INTEGER, 1..=4))) if octets.len() < reader.at() + 6 => {}
        Some(Some((INTEGER, len @ 1..=4))) => {
            reader.take(len as usize);
        }
        Some(_) => return Probe::No,
    }
    if octets.len() < reader.at() + 2 {
        return Probe::More;
    }
    let Some(tag) = reader.u8() else { return Probe::More };
    match OPERATIONS.iter().find(|(known, _)| *known == tag) {
        Some((_, true)) => Probe::Yes(Role::Client),
        Some((_, false)) => Probe::Yes(Role::Server),
        None => Probe::No,
    }
}

/// A decoder for both ends.
pub(crate) fn decoder(_: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Counted::new(Ldap))
}

struct Ldap;

impl Framing for Ldap {
    fn size(&self, octets: &[u8]) -> Size {
        let mut reader = Reader::new(octets);
        match header(&mut reader) {
            None if octets.first().is_none_or(|tag| *tag == SEQUENCE) => Size::More,
            Some(Some((SEQUENCE, len))) => Size::Of(reader.at() as u64 + len),
            _ => Size::Wrong,
        }
    }

    fn message(&mut self, dir: Direction, at: u64, message: &[u8], out: &mut Out<'_>) {
        let mut walk = Walk::default();
        match operation(message) {
            Some((0x60, bind)) => walk.bind(bind),
            Some((_, inside)) => walk.values(inside, 0, "name"),
            None => return out.document(dir, plain(crate::model::DocumentKind::Stream, at), message),
        }
        walk.fields.give(dir, at, out);
    }
}

/// The operation's tag and content.
fn operation(message: &[u8]) -> Option<(u8, &[u8])> {
    let mut reader = Reader::new(message);
    header(&mut reader)??;
    let (_, len) = header(&mut reader)??;
    reader.take(usize::try_from(len).ok()?)?;
    let (tag, len) = header(&mut reader)??;
    Some((tag, reader.take(usize::try_from(len).ok()?.min(reader.rest().len()))?))
}

#[derive(Default)]
struct Walk {
    fields: Fields,
}

impl Walk {
    /// Version, name, and a password or SASL credentials (section 4.2).
    fn bind(&mut self, octets: &[u8]) {
        for (tag, value) in Values(Reader::new(octets)) {
            match tag {
                0x04 => self.fields.add("username", value),
                0x80 => self.fields.add("password", value),
                0xa3 => self.values(value, 0, "mechanism"),
                _ => {}
            }
        }
    }

    /// Strings with the names in front of them; `name` is for those that have none.
    fn values(&mut self, octets: &[u8], depth: usize, name: &str) {
        if depth > DEPTH_MAX {
            return;
        }
        // A string whose neighbour is a set of values, or a second string, is a name.
        let mut waiting: Option<&[u8]> = None;
        for (tag, value) in Values(Reader::new(octets)) {
            let constructed = tag & 0x20 != 0;
            let string = matches!(tag, 0x04) || tag & 0xe0 == 0x80;
            if constructed {
                let attribute = waiting.take();
                // Only a set of values (tag 0x31) has its attribute in front.
                let below = attribute.and_then(attribute_name).filter(|_| tag == 0x31);
                if let (Some(attribute), None) = (attribute, below) {
                    self.fields.add(name, attribute);
                }
                self.values(value, depth + 1, below.unwrap_or(name));
            } else if string {
                match waiting.take() {
                    Some(attribute) if attribute_name(attribute).is_some() && name == "name" => {
                        self.fields.add(attribute_name(attribute).unwrap_or(name), value);
                    }
                    Some(other) => {
                        self.fields.add(name, other);
                        waiting = Some(value);
                    }
                    None => waiting = Some(value),
                }
            }
        }
        if let Some(value) = waiting {
            self.fields.add(name, value);
        }
    }
}

/// An attribute description (RFC 4512, section 2.5) in the words that signatures know.
fn attribute_name(octets: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(octets).ok()?;
    let valid = (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-;.".contains(&octet));
    valid.then_some(match name.to_ascii_lowercase().as_str() {
        "sn" => "surname",
        "givenname" => "given name",
        "cn" => "full name",
        "userpassword" | "unicodepwd" => "password",
        "telephonenumber" | "homephone" => "telephone",
        "samaccountname" | "userprincipalname" => "user name",
        _ => name,
    })
}
