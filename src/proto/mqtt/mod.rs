//! MQTT 3.1, 3.1.1 and 5 (OASIS): CONNECT, PUBLISH, and the words of all other packets.
//!
//! A published payload is a document under its topic (`users/7/ssn` is the field `users.7.ssn`), whatever its length. Topics,
//! user properties and the names in CONNECT are documents of their own. Topic aliases of MQTT 5 are resolved.

use hashbrown::HashMap;

use crate::model::{Direction, DocumentKind, DocumentStart};

use super::decoder::{Doc, Out, Probe, Role, StreamDecoder};
use super::framed::{Body, Framed, Head, Part, Protocol};
use super::reader::Reader;
use super::unknown::plain;

#[cfg(test)]
pub(crate) mod tests;

/// Where brokers listen.
pub(crate) const PORTS: &[u16] = &[1883, 1884];

const CONNECT: u8 = 1;
const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
/// Topic aliases remembered in a direction. Past it further ones are read without topic.
const ALIASES_MAX: usize = 1024;
/// Octets of a topic that are remembered.
const TOPIC_MAX: usize = 256;

/// Looks at the first octets of a half-stream: CONNECT, or CONNACK.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    match octets {
        [] | [0x10] => Probe::More,
        [0x10, rest @ ..] => {
            let mut reader = Reader::new(rest);
            let Some(_) = variable(&mut reader) else { return if rest.len() < 4 { Probe::More } else { Probe::No } };
            let rest = reader.rest();
            let names: [&[u8]; 2] = [b"\0\x04MQTT", b"\0\x06MQIsdp"];
            if names.iter().any(|name| rest.starts_with(name)) {
                Probe::Yes(Role::Client)
            } else if names.iter().any(|name| name.starts_with(rest)) {
                Probe::More
            } else {
                Probe::No
            }
        }
        [0x20, 2] | [0x20, 2, 0 | 1] => Probe::More,
        [0x20, 2, 0 | 1, 0..=5, ..] => Probe::Yes(Role::Server),
        _ => Probe::No,
    }
}

/// A decoder for both ends.
pub(crate) fn decoder(_client: Direction) -> Box<dyn StreamDecoder> {
    let halves = [Half::default(), Half::default()];
    Box::new(Framed::new(Mqtt { version: None, halves }))
}

struct Mqtt {
    /// The protocol level of CONNECT.
    version: Option<u8>,
    halves: [Half; 2],
}

#[derive(Default)]
struct Half {
    /// The first octet of the packet.
    flags: u8,
    /// The payload being read.
    doc: Option<Doc>,
    aliases: HashMap<u16, String>,
}

/// A variable byte integer.
fn variable(reader: &mut Reader<'_>) -> Option<u64> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let octet = reader.u8()?;
        value |= u64::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A string or binary data with its length.
fn text<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = reader.u16()?;
    reader.take(usize::from(len))
}

/// Properties of MQTT 5: what they say goes to `doc`; the topic alias, if there is one.
fn properties(reader: &mut Reader<'_>, found: &mut dyn FnMut(Option<&str>, &[u8])) -> Option<Option<u16>> {
    let len = variable(reader)?;
    let mut inside = Reader::new(reader.take(usize::try_from(len).ok()?)?);
    let mut alias = None;
    while let Some(id) = inside.u8() {
        match id {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => {
                inside.u8()?;
            }
            0x13 | 0x21 | 0x22 => {
                inside.u16()?;
            }
            0x23 => alias = Some(inside.u16()?),
            0x02 | 0x11 | 0x18 | 0x27 => {
                inside.u32()?;
            }
            0x0b => {
                variable(&mut inside)?;
            }
            0x26 => {
                let (name, value) = (text(&mut inside)?, text(&mut inside)?);
                found(Some(&String::from_utf8_lossy(name)), value);
            }
            0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => found(None, text(&mut inside)?),
            _ => return None,
        }
    }
    Some(alias)
}

impl Protocol for Mqtt {
    fn head(&mut self, dir: Direction, _at: u64, octets: &[u8], _out: &mut Out<'_>) -> Head {
        let Some((&flags, rest)) = octets.split_first() else { return Head::More };
        let mut reader = Reader::new(rest);
        let Some(len) = variable(&mut reader) else { return if rest.len() < 4 { Head::More } else { Head::Wrong } };
        let fixed = match flags >> 4 {
            PUBLISH => (flags & 6 != 6).then_some(()),
            6 | 8 | 10 => (flags & 15 == 2).then_some(()),
            0 => None,
            _ => (flags & 15 == 0).then_some(()),
        };
        if fixed.is_none() {
            return Head::Wrong;
        }
        self.half(dir).flags = flags;
        Head::Whole(1 + reader.at(), len)
    }

    fn body(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        let flags = self.half(part.dir).flags;
        if let Some(doc) = &self.half(part.dir).doc {
            out.octets(doc, part.octets);
            return Body::Took(part.octets.len());
        }
        if flags >> 4 == PUBLISH {
            return self.publish(part, flags, out);
        }
        let Some(octets) = part.whole() else { return Body::More };
        let kind = if flags >> 4 == CONNECT { DocumentKind::Login } else { DocumentKind::MessageHead };
        let read = match flags >> 4 {
            CONNECT => {
                let doc = out.start(part.dir, plain(kind, part.at));
                let read = self.connect(octets, &doc, out);
                out.end(&doc);
                read
            }
            // Filters and reasons: text among numbers.
            8 | 10 => {
                out.document(part.dir, plain(kind, part.at), octets);
                Some(())
            }
            CONNACK | 9 | 11 | 14 | 15 if octets.len() > 4 => {
                out.document(part.dir, plain(kind, part.at), octets);
                Some(())
            }
            _ => Some(()),
        };
        if read.is_some() { Body::Took(octets.len()) } else { Body::Wrong }
    }

    fn finish(&mut self, dir: Direction, out: &mut Out<'_>) {
        if let Some(doc) = self.half(dir).doc.take() {
            out.end(&doc);
        }
    }

    fn body_gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        if let Some(doc) = &self.half(dir).doc {
            out.gap(doc, len);
        } else {
            // The topic is gone: the rest of the packet is not what it says.
            self.half(dir).flags = 0;
        }
    }

    fn close(&mut self, dir: Direction, out: &mut Out<'_>) {
        self.finish(dir, out);
    }

    fn resumes(&self, _dir: Direction, octets: &[u8]) -> Option<bool> {
        // PUBLISH with a topic of printable text; everything else is too short a sign.
        let mut reader = Reader::new(octets);
        let flags = reader.u8()?;
        if octets.len() < 12 {
            return None;
        }
        let topic = variable(&mut reader).and_then(|_| reader.u16()).filter(|len| (1..1024).contains(len));
        let printable = reader.rest().iter().take(usize::from(topic.unwrap_or(0))).all(|octet| *octet >= 0x20);
        Some(flags >> 4 == PUBLISH && flags & 6 != 6 && topic.is_some() && printable)
    }

    fn held_bytes(&self) -> usize {
        self.halves.iter().flat_map(|half| half.aliases.values()).map(|topic| 64 + topic.capacity()).sum()
    }
}

impl Mqtt {
    fn half(&mut self, dir: Direction) -> &mut Half {
        dir.of_mut(&mut self.halves)
    }

    fn connect(&mut self, octets: &[u8], doc: &Doc, out: &mut Out<'_>) -> Option<()> {
        let mut reader = Reader::new(octets);
        let _name = text(&mut reader)?;
        let version = reader.u8()?;
        self.version = Some(version);
        let flags = reader.u8()?;
        let _keep_alive = reader.u16()?;
        let mut found: Vec<(Option<String>, Vec<u8>)> = Vec::new();
        let mut keep = |field: Option<&str>, value: &[u8]| found.push((field.map(str::to_owned), value.to_vec()));
        if version >= 5 {
            properties(&mut reader, &mut keep)?;
        }
        keep(Some("client_id"), text(&mut reader)?);
        if flags & 4 != 0 {
            if version >= 5 {
                properties(&mut reader, &mut keep)?;
            }
            let topic = String::from_utf8_lossy(text(&mut reader)?).replace('/', ".");
            keep(Some(&topic), text(&mut reader)?);
        }
        if flags & 0x80 != 0 {
            keep(Some("user"), text(&mut reader)?);
        }
        if flags & 0x40 != 0 {
            keep(Some("password"), text(&mut reader)?);
        }
        for (field, value) in found {
            out.value(doc, field.as_deref(), &value);
        }
        Some(())
    }

    /// Topic, identifier, properties; the payload is a document.
    fn publish(&mut self, part: Part<'_>, flags: u8, out: &mut Out<'_>) -> Body {
        let mut reader = Reader::new(part.octets);
        let Some(topic) = text(&mut reader) else { return Body::More };
        if flags & 6 != 0 && reader.u16().is_none() {
            return Body::More;
        }
        let mut topic = String::from_utf8_lossy(topic.get(..TOPIC_MAX).unwrap_or(topic)).into_owned();
        let mut said: Vec<(Option<String>, Vec<u8>)> = Vec::new();
        // Without a CONNECT the version is told by what would be the properties.
        if self.version.is_some_and(|version| version >= 5) {
            let mut ahead = reader;
            let Some(len) = variable(&mut ahead) else { return Body::More };
            if ahead.rest().len() < usize::try_from(len).unwrap_or(usize::MAX) {
                return if part.left > part.octets.len() as u64 { Body::More } else { Body::Wrong };
            }
            let mut keep = |field: Option<&str>, value: &[u8]| said.push((field.map(str::to_owned), value.to_vec()));
            let Some(alias) = properties(&mut reader, &mut keep) else { return Body::Wrong };
            if let Some(alias) = alias {
                let aliases = &mut self.half(part.dir).aliases;
                if topic.is_empty() {
                    topic = aliases.get(&alias).cloned().unwrap_or_default();
                } else if aliases.len() < ALIASES_MAX || aliases.contains_key(&alias) {
                    aliases.insert(alias, topic.clone());
                }
            }
        }
        let head = out.start(part.dir, plain(DocumentKind::MessageHead, part.at));
        out.octets(&head, topic.as_bytes());
        for (field, value) in said {
            out.value(&head, field.as_deref(), &value);
        }
        out.end(&head);
        if part.left > reader.at() as u64 {
            let name = Some(topic.replace('/', ".").into());
            let at = part.at + reader.at() as u64;
            let start = DocumentStart { name, ..plain(DocumentKind::Message, at) };
            self.half(part.dir).doc = Some(out.start(part.dir, start));
        }
        Body::Took(reader.at())
    }
}
