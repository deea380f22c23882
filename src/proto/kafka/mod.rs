//! Kafka (kafka.apache.org/protocol): records that clients produce and brokers answer fetches with, and logins by PLAIN.
//!
//! Only the framing of requests and responses is read here. The records of a partition are a document under their topic; batches and
//! their compression are unwrapped by `content`. A response does not say what it answers: fetches are remembered by their
//! correlation id. All other messages are read as unknown, for text in them (names of hosts, groups, settings).

use std::collections::VecDeque;

use crate::model::{Direction, DocumentKind, DocumentStart};

use super::decoder::{Doc, Out, Probe, Role, StreamDecoder};
use super::framed::{Body, Framed, Head, Part, Protocol};
use super::reader::Reader;
use super::unknown::plain;
use wire::Fields;

mod wire;

#[cfg(test)]
pub(crate) mod tests;

/// Where brokers listen.
pub(crate) const PORTS: &[u16] = &[9092, 9093, 9094];

/// The longest message that is believed, octets.
const LEN_MAX: u32 = 1 << 28;
/// Fetches without an answer yet that are remembered.
const FETCHES_MAX: usize = 256;

const PRODUCE: u16 = 0;
const FETCH: u16 = 1;
const AUTHENTICATE: u16 = 36;
/// Kinds of requests, and versions of them, that may come to exist.
const KIND_MAX: u16 = 127;
const VERSION_MAX: u16 = 31;

/// Looks at the first octets of a half-stream: the head of a request with the name of the client.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    let mut reader = Reader::new(octets);
    let mut read = || {
        let len = reader.u32()?;
        let (kind, version) = (reader.u16()?, reader.u16()?);
        let fits = (11..=LEN_MAX).contains(&len) && kind <= KIND_MAX && version <= VERSION_MAX;
        if !fits {
            return Some(Probe::No);
        }
        let _correlation = reader.u32()?;
        let client = reader.u16()?;
        if !(1..=255).contains(&client) || u32::from(client) + 10 > len {
            return Some(Probe::No);
        }
        let there = reader.rest().get(..usize::from(client)).unwrap_or(reader.rest());
        if !there.iter().all(u8::is_ascii_graphic) {
            return Some(Probe::No);
        }
        reader.take(usize::from(client)).map(|_| Probe::Yes(Role::Client))
    };
    match read() {
        Some(answer) => answer,
        // The length begins with a zero octet, the kind of the request too.
        None if octets.first().is_none_or(|first| *first < 16) && octets.get(4).is_none_or(|kind| *kind == 0) => {
            Probe::More
        }
        None => Probe::No,
    }
}

/// A decoder for both ends.
pub(crate) fn decoder(client: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Framed::new(Kafka { client, halves: [Half::default(), Half::default()], fetches: VecDeque::new() }))
}

struct Kafka {
    client: Direction,
    halves: [Half; 2],
    /// Correlation ids and versions of fetches under way, oldest first.
    fetches: VecDeque<(u32, u16)>,
}

/// What is being read in a direction.
#[derive(Default)]
struct Half {
    kind: Option<u16>,
    version: u16,
    place: Place,
    /// Topics, and partitions of the topic, to come.
    topics: u64,
    partitions: u64,
    topic: Option<String>,
    /// The records of a partition, and their octets to come.
    doc: Option<Doc>,
    records: u64,
}

/// What comes next in a body.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Beginning,
    Topic,
    Partition,
    Records,
    /// After the records of a partition: tagged fields.
    PartitionEnd,
    TopicEnd,
    /// Nothing that is read.
    Rest,
}

impl Half {
    fn flexible(&self) -> bool {
        match self.kind {
            Some(PRODUCE) => self.version >= 9,
            Some(FETCH) => self.version >= 12,
            _ => self.version >= 2,
        }
    }

    /// Whether topics are named by an identifier instead of their name.
    fn by_id(&self) -> bool {
        self.version >= 13
    }

    /// Reads the next thing of a body, and says how many octets it has. `None`: more octets are needed.
    fn step(&mut self, octets: &[u8], client: bool) -> Option<usize> {
        let mut fields = Fields { reader: Reader::new(octets), flexible: self.flexible() };
        match self.place {
            Place::Beginning => {
                if client {
                    self.produce_head(&mut fields)?;
                } else {
                    self.fetch_head(&mut fields)?;
                }
                self.topics = fields.long_len()?.unwrap_or(0);
                self.place = Place::Topic;
            }
            Place::Topic if self.topics == 0 => {
                self.place = Place::Rest;
                return Some(0);
            }
            Place::Topic => {
                let name = if self.by_id() { fields.skip(16).map(|()| None)? } else { fields.string()? };
                self.partitions = fields.long_len()?.unwrap_or(0);
                self.topics -= 1;
                self.topic = name.map(|name| String::from_utf8_lossy(name).into_owned());
                self.place = Place::Partition;
            }
            Place::Partition if self.partitions == 0 => {
                self.place = Place::TopicEnd;
                return Some(0);
            }
            Place::Partition => {
                if client {
                    fields.skip(4)?;
                } else {
                    self.fetch_partition(&mut fields)?;
                }
                self.records = fields.long_len()?.unwrap_or(0);
                self.partitions -= 1;
                self.place = if self.records > 0 { Place::Records } else { Place::PartitionEnd };
            }
            Place::PartitionEnd => {
                fields.tags()?;
                self.place = Place::Partition;
            }
            Place::TopicEnd => {
                fields.tags()?;
                self.place = Place::Topic;
            }
            Place::Records | Place::Rest => {}
        }
        Some(fields.reader.at())
    }

    /// Client, transaction, acknowledgements, time.
    fn produce_head(&self, fields: &mut Fields<'_>) -> Option<()> {
        request_head(fields)?;
        if self.version >= 3 {
            fields.string()?;
        }
        fields.skip(6)
    }

    /// What stands before the topics of an answer: time to wait, error, session.
    fn fetch_head(&self, fields: &mut Fields<'_>) -> Option<()> {
        fields.tags()?;
        fields.skip(if self.version >= 1 { 4 } else { 0 })?;
        fields.skip(if self.version >= 7 { 6 } else { 0 })
    }

    /// Number, error, offsets, transactions that were given up, replica.
    fn fetch_partition(&self, fields: &mut Fields<'_>) -> Option<()> {
        fields.skip(14)?;
        fields.skip(if self.version >= 4 { 8 } else { 0 })?;
        fields.skip(if self.version >= 5 { 8 } else { 0 })?;
        if self.version >= 4 {
            for _ in 0..fields.long_len()?.unwrap_or(0) {
                fields.skip(16)?;
                fields.tags()?;
            }
        }
        fields.skip(if self.version >= 11 { 4 } else { 0 })
    }

    fn close(&mut self, out: &mut Out<'_>) {
        if let Some(doc) = self.doc.take() {
            out.end(&doc);
        }
    }
}

/// What every request has after its correlation id. The client's name never has a variable length.
fn request_head<'a>(fields: &mut Fields<'a>) -> Option<Option<&'a [u8]>> {
    let flexible = std::mem::replace(&mut fields.flexible, false);
    let client = fields.string()?;
    fields.flexible = flexible;
    fields.tags()?;
    Some(client)
}

impl Protocol for Kafka {
    fn head(&mut self, dir: Direction, _at: u64, octets: &[u8], _out: &mut Out<'_>) -> Head {
        let mut reader = Reader::new(octets);
        let Some(len) = reader.u32() else { return Head::More };
        let client = dir == self.client;
        // A request has kind, version, correlation id and at least a client without name.
        if !(if client { 10 } else { 4 }..=LEN_MAX).contains(&len) {
            return Head::Wrong;
        }
        let half = dir.of_mut(&mut self.halves);
        *half = Half::default();
        let used = if client {
            let (Some(kind), Some(version), Some(correlation)) = (reader.u16(), reader.u16(), reader.u32()) else {
                return Head::More;
            };
            if kind > KIND_MAX || version > VERSION_MAX {
                return Head::Wrong;
            }
            (half.kind, half.version) = (Some(kind), version);
            if kind == FETCH {
                if self.fetches.len() >= FETCHES_MAX {
                    self.fetches.pop_front();
                }
                self.fetches.push_back((correlation, version));
            }
            8
        } else {
            let Some(correlation) = reader.u32() else { return Head::More };
            if let Some(index) = self.fetches.iter().position(|(id, _)| *id == correlation)
                && let Some((_, version)) = self.fetches.remove(index)
            {
                (half.kind, half.version) = (Some(FETCH), version);
            }
            4
        };
        Head::Whole(4 + used, u64::from(len) - used as u64)
    }

    fn body(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        let client = part.dir == self.client;
        let half = self.half(part.dir);
        match (half.kind, client) {
            (Some(PRODUCE), true) | (Some(FETCH), false) => {}
            (Some(AUTHENTICATE), true) => return authenticate(part, half.flexible(), out),
            // What a fetch asks for is numbers and topics.
            _ => return Body::Wrong,
        }
        let mut used = 0;
        while let Some(rest) = part.octets.get(used..).filter(|rest| !rest.is_empty()) {
            if half.place == Place::Records {
                let there = rest.get(..usize::try_from(half.records).unwrap_or(usize::MAX)).unwrap_or(rest);
                let (dir, at) = (part.dir, part.at + used as u64);
                let name = half.topic.as_deref().map(Into::into);
                let doc = half.doc.get_or_insert_with(|| {
                    out.start(dir, DocumentStart { name, ..plain(DocumentKind::KafkaRecords, at) })
                });
                out.octets(doc, there);
                used += there.len();
                half.records -= there.len() as u64;
                if half.records == 0 {
                    half.close(out);
                    half.place = Place::PartitionEnd;
                }
                continue;
            }
            if half.place == Place::Rest {
                return Body::Took(part.octets.len());
            }
            // A step that cannot be taken leaves everything as it was.
            match half.step(rest, client) {
                Some(taken) => used += taken,
                None if used > 0 => break,
                None => return Body::More,
            }
        }
        Body::Took(used)
    }

    fn finish(&mut self, dir: Direction, out: &mut Out<'_>) {
        self.half(dir).close(out);
    }

    fn body_gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let half = self.half(dir);
        match &half.doc {
            Some(doc) if len < half.records => {
                out.gap(doc, len);
                half.records -= len;
            }
            // Where records begin is not known any more.
            _ => {
                half.close(out);
                half.kind = None;
            }
        }
    }

    fn close(&mut self, dir: Direction, out: &mut Out<'_>) {
        self.half(dir).close(out);
    }

    fn resumes(&self, dir: Direction, octets: &[u8]) -> Option<bool> {
        if dir != self.client {
            return Some(false);
        }
        match probe(octets) {
            Probe::More => None,
            answer => Some(answer != Probe::No),
        }
    }

    fn held_bytes(&self) -> usize {
        let topic = |half: &Half| half.topic.as_ref().map_or(0, String::capacity);
        self.fetches.capacity() * size_of::<(u32, u16)>() + self.halves.iter().map(topic).sum::<usize>()
    }
}

impl Kafka {
    fn half(&mut self, dir: Direction) -> &mut Half {
        dir.of_mut(&mut self.halves)
    }
}

/// SASL (RFC 4616): identity, user and password between zeroes. What looks different is read as unknown.
fn authenticate(part: Part<'_>, flexible: bool, out: &mut Out<'_>) -> Body {
    let Some(octets) = part.whole() else { return Body::More };
    let mut fields = Fields { reader: Reader::new(octets), flexible };
    let mut read = || {
        request_head(&mut fields)?;
        let len = fields.long_len()??;
        let answer = fields.reader.take(usize::try_from(len).ok()?)?;
        let mut parts = answer.splitn(3, |octet| *octet == 0);
        Some((parts.next()?, parts.next()?, parts.next()?))
    };
    let Some((identity, user, password)) = read() else { return Body::Wrong };
    let doc = out.start(part.dir, plain(DocumentKind::Login, part.at));
    for (field, value) in [("authorization id", identity), ("username", user), ("password", password)] {
        if !value.is_empty() {
            out.value(&doc, Some(field), value);
        }
    }
    out.end(&doc);
    Body::Took(octets.len())
}
