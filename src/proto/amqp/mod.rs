//! AMQP 0-9-1 (amqp.org), as RabbitMQ speaks it: messages published and delivered, logins.
//!
//! A message's body is a document with the content type and coding of its header; the routing key is its field. Exchange, keys
//! and headers are documents of their own. Other methods are read as text among numbers. AMQP 1.0 is read as unknown.

use crate::model::{Coding, Direction, DocumentKind, DocumentStart};

use super::decoder::{Doc, Out, Probe, Role, StreamDecoder};
use super::framed::{Body, Framed, Head, Part, Protocol};
use super::reader::Reader;
use super::unknown::plain;

#[cfg(test)]
pub(crate) mod tests;

/// Where brokers listen.
pub(crate) const PORTS: &[u16] = &[5672];

/// Channels with a message under way. Past it messages of further channels are read without their head.
const CHANNELS_MAX: usize = 256;
/// Tables within tables that are followed.
const DEPTH_MAX: usize = 8;
const GREETING: &[u8; 8] = b"AMQP\0\0\x09\x01";

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
/// Octet after every frame.
const FRAME_END: u8 = 0xce;

/// Looks at the first octets of a half-stream: the greeting, or a whole frame of a connection under way.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    if octets.starts_with(GREETING) {
        return Probe::Yes(Role::Client);
    }
    if GREETING.starts_with(octets) || octets == [METHOD] || octets == [HEARTBEAT] {
        return Probe::More;
    }
    let mut reader = Reader::new(octets);
    let (Some(kind @ (METHOD | HEARTBEAT)), Some(channel)) = (reader.u8(), reader.u16()) else {
        return if octets.len() < 3 && matches!(octets, [METHOD | HEARTBEAT, ..]) { Probe::More } else { Probe::No };
    };
    let role = match (kind, reader.u32()) {
        (_, None) => return Probe::More,
        (HEARTBEAT, Some(0)) if channel == 0 => Role::Either,
        (METHOD, Some(len @ 4..=4096)) => match (reader.u16(), reader.u16()) {
            (Some(10 | 20 | 40 | 50 | 60 | 85 | 90), Some(method)) => {
                if reader.take(len as usize - 4).is_none() {
                    return Probe::More;
                }
                // Odd methods of a connection's beginning are answers, and deliveries come from the server.
                match (octets.get(8), method) {
                    (Some(10), 10 | 30 | 41 | 51) | (Some(60), 60 | 71 | 50) => Role::Server,
                    (Some(10), 11 | 31 | 40) | (Some(60), 40 | 70) => Role::Client,
                    _ => Role::Either,
                }
            }
            (None, _) | (Some(10 | 20 | 40 | 50 | 60 | 85 | 90), None) => return Probe::More,
            _ => return Probe::No,
        },
        _ => return Probe::No,
    };
    match reader.u8() {
        Some(FRAME_END) => Probe::Yes(role),
        None => Probe::More,
        _ => Probe::No,
    }
}

/// A decoder for both ends.
pub(crate) fn decoder(client: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Framed::new(Amqp { client, halves: [Half::default(), Half::default()] }))
}

struct Amqp {
    client: Direction,
    halves: [Half; 2],
}

#[derive(Default)]
struct Half {
    kind: u8,
    channel: u16,
    messages: Vec<Message>,
}

/// A message on a channel: its method came, then its header, then its body.
struct Message {
    channel: u16,
    start: Option<DocumentStart>,
    doc: Option<Doc>,
    left: u64,
}

/// A short string.
fn short<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = reader.u8()?;
    reader.take(usize::from(len))
}

fn u64_of(reader: &mut Reader<'_>) -> Option<u64> {
    reader.array().map(u64::from_be_bytes)
}

/// A table's fields: names as paths, and values that are text or numbers.
fn table(octets: &[u8], path: &str, depth: usize, found: &mut dyn FnMut(&str, &[u8])) -> Option<()> {
    let mut reader = Reader::new(octets);
    while !reader.rest().is_empty() {
        let name = String::from_utf8_lossy(short(&mut reader)?).into_owned();
        let path = if path.is_empty() { name } else { format!("{path}.{name}") };
        value(&mut reader, &path, depth, found)?;
    }
    Some(())
}

fn value(reader: &mut Reader<'_>, path: &str, depth: usize, found: &mut dyn FnMut(&str, &[u8])) -> Option<()> {
    match reader.u8()? {
        b't' | b'b' | b'B' => drop(reader.u8()?),
        b's' | b'u' => drop(reader.u16()?),
        b'I' | b'i' => found(path, (reader.u32()? as i32).to_string().as_bytes()),
        b'l' | b'L' | b'T' => found(path, u64_of(reader)?.cast_signed().to_string().as_bytes()),
        b'f' => drop(reader.u32()?),
        b'd' => found(path, f64::from_bits(u64_of(reader)?).to_string().as_bytes()),
        b'D' => drop(reader.take(5)?),
        b'S' | b'x' => {
            let len = reader.u32()?;
            found(path, reader.take(usize::try_from(len).ok()?)?);
        }
        kind @ (b'F' | b'A') => {
            let len = reader.u32()?;
            let inside = reader.take(usize::try_from(len).ok()?)?;
            if depth >= DEPTH_MAX {
                found(path, inside);
            } else if kind == b'F' {
                table(inside, path, depth + 1, found)?;
            } else {
                let mut inside = Reader::new(inside);
                while !inside.rest().is_empty() {
                    value(&mut inside, path, depth + 1, found)?;
                }
            }
        }
        b'V' => {}
        _ => return None,
    }
    Some(())
}

impl Protocol for Amqp {
    fn head(&mut self, dir: Direction, _at: u64, octets: &[u8], out: &mut Out<'_>) -> Head {
        if octets.starts_with(b"AMQP") || b"AMQP".starts_with(octets) {
            return match octets.get(..8) {
                Some(_) => Head::Whole(8, 0),
                None => Head::More,
            };
        }
        let mut reader = Reader::new(octets);
        let (Some(kind), Some(channel), Some(len)) = (reader.u8(), reader.u16(), reader.u32()) else {
            return Head::More;
        };
        if !matches!(kind, METHOD | HEADER | BODY | HEARTBEAT) || len > 1 << 28 {
            return Head::Wrong;
        }
        let half = self.half(dir);
        (half.kind, half.channel) = (kind, channel);
        if kind != BODY {
            half.close(channel, out);
        }
        // The frame's end belongs to its body.
        Head::Whole(7, u64::from(len) + 1)
    }

    fn body(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        let client = part.dir == self.client;
        let half = self.half(part.dir);
        if half.kind == BODY {
            return half.content(part, out);
        }
        let Some(octets) = part.whole() else { return Body::More };
        let Some((&FRAME_END, payload)) = octets.split_last() else { return Body::Wrong };
        let read = match half.kind {
            METHOD => half.method(client, part.dir, part.at, payload, out),
            HEADER => half.header(part.dir, part.at, payload, out),
            _ => Some(()),
        };
        if read.is_none() {
            out.document(part.dir, plain(DocumentKind::Stream, part.at), payload);
        }
        Body::Took(octets.len())
    }

    fn finish(&mut self, dir: Direction, out: &mut Out<'_>) {
        let half = self.half(dir);
        let channel = half.channel;
        if half.messages.iter().any(|message| message.channel == channel && message.doc.is_some() && message.left == 0)
        {
            half.close(channel, out);
        }
    }

    fn body_gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let half = self.half(dir);
        let channel = half.channel;
        if half.kind == BODY
            && let Some(message) = half.messages.iter_mut().find(|message| message.channel == channel)
            && let Some(doc) = &message.doc
        {
            message.left = message.left.saturating_sub(len);
            out.gap(doc, len);
        }
    }

    fn close(&mut self, dir: Direction, out: &mut Out<'_>) {
        for message in self.half(dir).messages.drain(..) {
            if let Some(doc) = message.doc {
                out.end(&doc);
            }
        }
    }

    fn resumes(&self, _dir: Direction, octets: &[u8]) -> Option<bool> {
        match octets {
            [METHOD, _, _, 0, _, _, _, 0, 10..=90, 0, _, ..] => Some(true),
            octets if octets.len() < 11 => None,
            _ => Some(false),
        }
    }

    fn held_bytes(&self) -> usize {
        let message = |message: &Message| {
            size_of::<Message>() + message.start.as_ref().map_or(0, |start| start.media_type.len() + 64)
        };
        self.halves.iter().flat_map(|half| &half.messages).map(message).sum()
    }
}

impl Amqp {
    fn half(&mut self, dir: Direction) -> &mut Half {
        dir.of_mut(&mut self.halves)
    }
}

impl Half {
    fn close(&mut self, channel: u16, out: &mut Out<'_>) {
        let Some(index) = self.messages.iter().position(|m| m.channel == channel && m.start.is_none()) else { return };
        if let Some(doc) = self.messages.swap_remove(index).doc {
            out.end(&doc);
        }
    }

    fn method(&mut self, client: bool, dir: Direction, at: u64, payload: &[u8], out: &mut Out<'_>) -> Option<()> {
        let mut reader = Reader::new(payload);
        let key = match (reader.u16()?, reader.u16()?) {
            // Basic.Publish: reserved, exchange, routing key.
            (60, 40) => {
                reader.u16()?;
                (short(&mut reader)?, short(&mut reader)?)
            }
            // Basic.Deliver: consumer, tag, redelivered; Basic.GetOk: tag, redelivered; Basic.Return: code, text.
            (60, 60) => {
                short(&mut reader)?;
                reader.take(9)?;
                (short(&mut reader)?, short(&mut reader)?)
            }
            (60, 71) => {
                reader.take(9)?;
                (short(&mut reader)?, short(&mut reader)?)
            }
            (60, 50) => {
                reader.u16()?;
                short(&mut reader)?;
                (short(&mut reader)?, short(&mut reader)?)
            }
            // Connection.StartOk: properties, mechanism, response.
            (10, 11) if client => return login(dir, at, &mut reader, out),
            // Acknowledgements, limits: numbers.
            (60, 10 | 11 | 80 | 90 | 110 | 111 | 120) | (10, 30 | 31) | (85, _) => return Some(()),
            _ => return None,
        };
        let (exchange, key) = (String::from_utf8_lossy(key.0), String::from_utf8_lossy(key.1));
        let doc = out.start(dir, plain(DocumentKind::MessageHead, at));
        out.octets(&doc, format!("{exchange}\n{key}").as_bytes());
        out.end(&doc);
        if self.messages.len() < CHANNELS_MAX {
            let name = if key.is_empty() { exchange } else { key };
            let channel = self.channel;
            self.messages.retain(|message| message.channel != channel);
            let start = DocumentStart { name: Some(name.as_ref().into()), ..plain(DocumentKind::Message, at) };
            self.messages.push(Message { channel, start: Some(start), doc: None, left: 0 });
        }
        Some(())
    }

    /// Class, weight, size, flags, properties.
    fn header(&mut self, dir: Direction, at: u64, payload: &[u8], out: &mut Out<'_>) -> Option<()> {
        let mut reader = Reader::new(payload);
        let (_class, _weight) = (reader.u16()?, reader.u16()?);
        let left = u64_of(&mut reader)?;
        let flags = reader.u16()?;
        let (mut media_type, mut coding) = (String::new(), String::new());
        let doc = out.start(dir, plain(DocumentKind::MessageHead, at));
        let mut properties = || {
            for bit in 0..14 {
                if flags & (0x8000 >> bit) == 0 {
                    continue;
                }
                match bit {
                    0 => media_type = String::from_utf8_lossy(short(&mut reader)?).to_lowercase(),
                    1 => coding = String::from_utf8_lossy(short(&mut reader)?).to_lowercase(),
                    2 => {
                        let len = reader.u32()?;
                        let headers = reader.take(usize::try_from(len).ok()?)?;
                        table(headers, "", 0, &mut |field, value| out.value(&doc, Some(field), value))?;
                    }
                    3 | 4 => drop(reader.u8()?),
                    9 => drop(u64_of(&mut reader)?),
                    11 => out.value(&doc, Some("user_id"), short(&mut reader)?),
                    _ => {
                        let text = short(&mut reader)?;
                        out.field(&doc, None);
                        out.octets(&doc, b"\n");
                        out.octets(&doc, text);
                    }
                }
            }
            Some(())
        };
        let read = properties();
        out.end(&doc);
        let codings = match coding.as_str() {
            "gzip" => vec![Coding::Gzip],
            "deflate" => vec![Coding::Deflate],
            "zstd" => vec![Coding::Zstd],
            "br" => vec![Coding::Brotli],
            "snappy" => vec![Coding::Snappy],
            "lz4" => vec![Coding::Lz4],
            _ => Vec::new(),
        };
        let channel = self.channel;
        if let Some(message) = self.messages.iter_mut().find(|message| message.channel == channel) {
            message.left = left;
            let named = DocumentStart { media_type, codings, ..plain(DocumentKind::Message, at) };
            let name = message.start.take().and_then(|start| start.name);
            message.start = Some(DocumentStart { name, ..named });
        }
        read
    }

    /// Part of a body, up to the frame's end.
    fn content(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        let channel = self.channel;
        if self.messages.iter().all(|message| message.channel != channel) {
            // Its head was missed.
            let message = Message { channel, start: None, doc: None, left: u64::MAX };
            self.messages.push(message);
        }
        let Some(message) = self.messages.iter_mut().find(|message| message.channel == channel) else {
            return Body::Wrong;
        };
        let start = message.start.take().unwrap_or_else(|| plain(DocumentKind::Message, part.at));
        let doc =
            message.doc.get_or_insert_with(|| out.start(part.dir, DocumentStart { stream_offset: part.at, ..start }));
        let body = usize::try_from(part.left - 1).unwrap_or(usize::MAX).min(part.octets.len());
        out.octets(doc, part.octets.get(..body).unwrap_or_default());
        message.left = message.left.saturating_sub(body as u64);
        Body::Took(part.octets.len())
    }
}

/// Client properties, mechanism, and for PLAIN a user name and password.
fn login(dir: Direction, at: u64, reader: &mut Reader<'_>, out: &mut Out<'_>) -> Option<()> {
    let len = reader.u32()?;
    let properties = reader.take(usize::try_from(len).ok()?)?;
    let mechanism = short(reader)?;
    let len = reader.u32()?;
    let response = reader.take(usize::try_from(len).ok()?)?;
    let doc = out.start(dir, plain(DocumentKind::Login, at));
    table(properties, "", 0, &mut |field, value| out.value(&doc, Some(field), value));
    let mut parts = response.split(|octet| *octet == 0);
    match (mechanism, parts.next(), parts.next(), parts.next()) {
        (b"PLAIN", Some(_), Some(user), Some(password)) => {
            out.value(&doc, Some("user"), user);
            out.value(&doc, Some("password"), password);
        }
        (b"AMQPLAIN", ..) => {
            table(response, "", 0, &mut |field, value| out.value(&doc, Some(&field.to_lowercase()), value));
        }
        _ => {
            out.field(&doc, None);
            out.octets(&doc, b"\n");
            out.octets(&doc, response);
        }
    }
    out.end(&doc);
    Some(())
}
