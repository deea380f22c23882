//! DNS over UDP and TCP, and multicast DNS: what was asked, what was answered, and the texts in between.
//!
//! Read here rather than by a library because a message must not be refused as a whole for one odd record: truncated
//! answers, unknown record types, forward compression pointers and names that are not UTF-8 are all seen in practice, and
//! the records before the odd one still name addresses. Guards, each against a known attack:
//! - a name has at most 255 octets and follows at most [`JUMPS_MAX`] pointers (loops; RFC 9267);
//! - a message is read up to [`RECORDS_MAX`] records, whatever its counts claim;
//! - a CNAME chain is followed for at most [`CHAIN_MAX`] links.
//!
//! Names are lower case, octets that are not printable ASCII written `\DDD` (RFC 1035, section 5.1).

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::{Direction, DocumentKind, UninspectedReason};

use super::decoder::{DatagramDecoder, Input, Out, Probe, Role, Step, StreamDecoder};
use super::reader::Reader;
use super::registry::Ports;
use super::unknown::plain;

/// Compression pointers followed in one name.
const JUMPS_MAX: usize = 32;
/// Questions and records read of one message.
const RECORDS_MAX: usize = 1024;
/// CNAME links followed from a question.
const CHAIN_MAX: usize = 16;
/// Octets of a message header.
const HEADER: usize = 12;
/// NetBIOS names look like DNS and are none.
const NETBIOS: u16 = 137;

mod kind {
    pub(super) const A: u16 = 1;
    pub(super) const CNAME: u16 = 5;
    pub(super) const HINFO: u16 = 13;
    pub(super) const TXT: u16 = 16;
    pub(super) const AAAA: u16 = 28;
    pub(super) const SPF: u16 = 99;
    pub(super) const HTTPS: u16 = 65;
    pub(super) const SVCB: u16 = 64;
    /// Types whose data is, or ends with, one name: NS, CNAME, PTR, MX, SRV, DNAME, with the octets before it.
    pub(super) const NAMED: &[(u16, usize)] = &[(2, 0), (CNAME, 0), (12, 0), (15, 2), (33, 6), (39, 0)];
}

/// Whether a datagram is a DNS message.
pub(crate) fn probe_datagram(octets: &[u8], ports: Ports) -> bool {
    !ports.contains(&NETBIOS) && Header::read(octets).is_some_and(|header| header.plausible(octets.len(), false)) && {
        let mut reader = Reader::new(octets.get(HEADER..).unwrap_or_default());
        questions_plausible(octets, &mut reader) == Probe::Yes(Role::Either)
    }
}

/// Whether a stream begins with a length and a DNS message (RFC 7766, section 8).
pub(crate) fn probe_stream(octets: &[u8]) -> Probe {
    let mut reader = Reader::new(octets);
    let Some(len) = reader.u16() else {
        return Probe::More;
    };
    if usize::from(len) < HEADER + 5 {
        return Probe::No;
    }
    let message = reader.rest();
    if message.len() < HEADER {
        return Probe::More;
    }
    let Some(header) = Header::read(message) else {
        return Probe::No;
    };
    if !header.plausible(usize::from(len), true) {
        return Probe::No;
    }
    let mut reader = Reader::new(message.get(HEADER..).unwrap_or_default());
    match questions_plausible(message, &mut reader) {
        Probe::Yes(_) if reader.at() + HEADER > usize::from(len) => Probe::No,
        Probe::Yes(_) if header.response => Probe::Yes(Role::Server),
        Probe::Yes(_) => Probe::Yes(Role::Client),
        other => other,
    }
}

/// A decoder of datagrams.
pub(crate) fn datagram_decoder(_: Direction) -> Box<dyn DatagramDecoder> {
    Box::new(DnsDatagrams)
}

/// A decoder of streams.
pub(crate) fn stream_decoder(_: Direction) -> Box<dyn StreamDecoder> {
    Box::new(DnsStream { lost: [false; 2] })
}

struct DnsDatagrams;

impl DatagramDecoder for DnsDatagrams {
    fn datagram(&mut self, dir: Direction, payload: &[u8], out: &mut Out<'_>) -> bool {
        if !probe_datagram(payload, [0, 0]) {
            return false;
        }
        message(dir, payload, 0, out);
        true
    }
}

struct DnsStream {
    /// Directions in which the message boundaries are not known any more.
    lost: [bool; 2],
}

impl StreamDecoder for DnsStream {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let mut reader = Reader::new(input.octets);
        let lost = input.dir.of_mut(&mut self.lost);
        let whole = reader.u16().and_then(|len| reader.take(usize::from(len)));
        match whole {
            Some(octets) if !*lost => {
                if Header::read(octets).is_some() {
                    message(input.dir, octets, input.at + 2, out);
                } else {
                    out.unread(input.dir, octets.len(), UninspectedReason::UnknownProtocol);
                }
                Step::Took(reader.at())
            }
            None if input.more && !*lost => Step::Took(0),
            _ => {
                out.unread(input.dir, input.octets.len(), UninspectedReason::UnknownProtocol);
                *lost = true;
                Step::Took(input.octets.len())
            }
        }
    }

    fn gap(&mut self, dir: Direction, _len: u64, _out: &mut Out<'_>) {
        *dir.of_mut(&mut self.lost) = true;
    }

    fn end(&mut self, _dir: Direction, _out: &mut Out<'_>) {}

    fn sealed(&self, dir: Direction) -> Option<UninspectedReason> {
        dir.of(&self.lost).then_some(UninspectedReason::UnknownProtocol)
    }
}

struct Header {
    response: bool,
    flags: u16,
    questions: u16,
    answers: u16,
    others: u32,
}

impl Header {
    fn read(octets: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(octets);
        let _id = reader.u16()?;
        let flags = reader.u16()?;
        let (questions, answers) = (reader.u16()?, reader.u16()?);
        let others = u32::from(reader.u16()?) + u32::from(reader.u16()?);
        Some(Self { response: flags & 0x8000 != 0, flags, questions, answers, others })
    }

    /// Whether the counts can fit the length, the operation exists, and the reserved bit is zero. On streams, where any
    /// binary protocol may come by, there is one question.
    fn plausible(&self, len: usize, stream: bool) -> bool {
        let opcode = self.flags >> 11 & 0xf;
        let least = HEADER as u64
            + u64::from(self.questions) * 5
            + if self.flags & 0x0200 != 0 { 0 } else { u64::from(self.answers) * 11 + u64::from(self.others) * 11 };
        let carries = self.questions > 0 || self.response && self.answers > 0;
        let one = self.questions == 1 || self.response && self.questions == 0;
        opcode <= 6 && opcode != 3 && self.flags & 0x0040 == 0 && least <= len as u64 && carries && (one || !stream)
    }
}

/// Whether the first question (or record) has a name, a type and a class that exist.
fn questions_plausible(message: &[u8], reader: &mut Reader<'_>) -> Probe {
    let mut at = HEADER;
    // The name is walked, not followed: pointers may reach past what is there.
    loop {
        let Some(label) = message.get(at) else {
            return Probe::More;
        };
        match label {
            0 => break at += 1,
            1..=63 => at += 1 + usize::from(*label),
            0xc0.. => break at += 2,
            _ => return Probe::No,
        }
        if at > HEADER + 255 {
            return Probe::No;
        }
    }
    if reader.take(at - HEADER).is_none() {
        return Probe::More;
    }
    let (Some(kind), Some(class)) = (reader.u16(), reader.u16()) else {
        return Probe::More;
    };
    // The highest bit of the class is used by multicast DNS (RFC 6762, sections 5.4 and 10.2); a record may be an OPT.
    let class_exists = matches!(class & 0x7fff, 1 | 3 | 4 | 254 | 255) || kind == 41;
    if kind != 0 && class_exists { Probe::Yes(Role::Either) } else { Probe::No }
}

/// A resource record.
struct Record<'a> {
    owner: String,
    kind: u16,
    ttl: u32,
    data: &'a [u8],
    /// The name within the data, of the types that have one.
    target: Option<String>,
}

/// Reads one message and tells what is in it. `at` is where it stands in the half-stream or datagram.
fn message(dir: Direction, octets: &[u8], at: u64, out: &mut Out<'_>) {
    let Some(header) = Header::read(octets) else {
        return;
    };
    let mut cursor = HEADER;
    let mut texts = String::new();
    let mut questions = Vec::new();
    for _ in 0..usize::from(header.questions).min(RECORDS_MAX) {
        let Some((name, next)) = name(octets, cursor) else {
            break;
        };
        push_text(&mut texts, &name);
        questions.push(name);
        cursor = next + 4;
    }
    let mut records = Vec::new();
    let mut answers = 0;
    let total = u64::from(header.answers) + u64::from(header.others);
    for index in 0..total.min(RECORDS_MAX as u64) {
        let Some((record, next)) = record(octets, cursor) else {
            break;
        };
        cursor = next;
        record_texts(&record, &mut texts);
        records.push(record);
        if index < u64::from(header.answers) {
            answers = records.len();
        }
    }
    if header.response && header.flags & 0x000f == 0 {
        // Only answers are believed; multicast answers come without a question.
        resolve(&questions, records.get(..answers).unwrap_or_default(), out);
    }
    if !texts.is_empty() && out.wants(dir) {
        out.document(dir, plain(DocumentKind::DnsMessage, at), texts.as_bytes());
    }
}

/// Tells the addresses of each question, along its CNAME chain.
fn resolve(questions: &[String], answers: &[Record<'_>], out: &mut Out<'_>) {
    let Some(question) = questions.first() else {
        for record in answers {
            addresses(record, |addr| out.resolved(&record.owner, &record.owner, addr, record.ttl));
        }
        return;
    };
    let mut chain = vec![question.clone()];
    while chain.len() <= CHAIN_MAX {
        let Some(current) = chain.last() else { break };
        let link = answers.iter().find(|record| record.kind == kind::CNAME && record.owner == *current);
        match link.and_then(|record| record.target.clone()) {
            Some(next) if !chain.contains(&next) => chain.push(next),
            _ => break,
        }
    }
    for record in answers.iter().filter(|record| chain.contains(&record.owner)) {
        addresses(record, |addr| out.resolved(question, &record.owner, addr, record.ttl));
    }
}

/// The addresses in a record: A, AAAA, and the hints of HTTPS and SVCB (RFC 9460, section 7.3).
fn addresses(record: &Record<'_>, mut tell: impl FnMut(IpAddr)) {
    let v4 = |octets: &[u8; 4]| IpAddr::V4(Ipv4Addr::from(*octets));
    let v6 = |octets: &[u8; 16]| IpAddr::V6(Ipv6Addr::from(*octets));
    match record.kind {
        kind::A => record.data.try_into().into_iter().for_each(|octets| tell(v4(octets))),
        kind::AAAA => record.data.try_into().into_iter().for_each(|octets| tell(v6(octets))),
        kind::HTTPS | kind::SVCB => {
            // Priority, then a target name without compression, then parameters.
            let Some((_, parameters)) = name(record.data, 2) else {
                return;
            };
            let mut reader = Reader::new(record.data.get(parameters..).unwrap_or_default());
            while let (Some(key), Some(len)) = (reader.u16(), reader.u16()) {
                let Some(value) = reader.take(usize::from(len)) else {
                    return;
                };
                match key {
                    4 => value.as_chunks::<4>().0.iter().for_each(|octets| tell(v4(octets))),
                    6 => value.as_chunks::<16>().0.iter().for_each(|octets| tell(v6(octets))),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// Reads the record at `at`; also where the next one begins.
fn record(octets: &[u8], at: usize) -> Option<(Record<'_>, usize)> {
    let (owner, next) = name(octets, at)?;
    let mut reader = Reader::new(octets.get(next..)?);
    let kind = reader.u16()?;
    let _class = reader.u16()?;
    let ttl = reader.u32()?;
    let len = reader.u16()?;
    let data_at = next + reader.at();
    let data = reader.take(usize::from(len))?;
    let named = kind::NAMED.iter().find(|(named, _)| *named == kind);
    let target = named.and_then(|(_, before)| name(octets, data_at + before)).map(|(name, _)| name);
    Some((Record { owner, kind, ttl, data, target }, data_at + data.len()))
}

/// Collects what is worth reading in a record, a line each.
fn record_texts(record: &Record<'_>, texts: &mut String) {
    push_text(texts, &record.owner);
    if let Some(target) = &record.target {
        push_text(texts, target);
    }
    if matches!(record.kind, kind::TXT | kind::SPF | kind::HINFO) {
        // Character strings, each with its length; one text may be cut into several.
        let mut reader = Reader::new(record.data);
        let mut text = Vec::new();
        while let Some(string) = reader.u8().and_then(|len| reader.take(usize::from(len))) {
            text.extend_from_slice(string);
        }
        push_text(texts, &String::from_utf8_lossy(&text));
    }
}

/// Adds a line, unless it is the same as the one before it: owners repeat.
fn push_text(texts: &mut String, text: &str) {
    let last = texts.trim_end_matches('\n').rsplit('\n').next();
    if !text.is_empty() && last != Some(text) {
        texts.push_str(text);
        texts.push('\n');
    }
}

/// Reads the name at `at`, in text without the dot of the root; also where the octets after it begin.
fn name(octets: &[u8], at: usize) -> Option<(String, usize)> {
    let mut text = String::new();
    let (mut at, mut next, mut jumps, mut length) = (at, None, 0, 0);
    loop {
        let label = usize::from(*octets.get(at)?);
        match label {
            0 => return Some((text, next.unwrap_or(at + 1))),
            1..=63 => {
                length += label + 1;
                if length > 255 {
                    return None;
                }
                if !text.is_empty() {
                    text.push('.');
                }
                for octet in octets.get(at + 1..at + 1 + label)? {
                    match octet {
                        b'.' | b'\\' => {
                            text.push('\\');
                            text.push(char::from(*octet));
                        }
                        0x21..=0x7e => text.push(char::from(octet.to_ascii_lowercase())),
                        _ => {
                            let _ = write!(text, "\\{octet:03}");
                        }
                    }
                }
                at += 1 + label;
            }
            0xc0.. => {
                let low = usize::from(*octets.get(at + 1)?);
                next.get_or_insert(at + 2);
                at = (label & 0x3f) << 8 | low;
                jumps += 1;
                if jumps > JUMPS_MAX {
                    return None;
                }
            }
            _ => return None,
        }
    }
}
