//! ZIP archives (PKWARE APPNOTE 6.3), streaming by local headers, and with them DOCX, XLSX, JAR...: every member is a
//! document, stored or deflated, its length known beforehand or not. The central directory comes as text.

use crate::model::UninspectedReason;

use super::budget::Cx;
use super::coded::Coded;
use super::deflate::{Framing, Inflater};
use super::document::{Document, Hint, Reader};

/// A local file header without its signature, name and extra field.
const HEADER_LEN: usize = 26;
/// Longest member name that is given, octets.
const NAME_LEN_MAX: usize = 256;
/// Members whose length is not known are fed in pieces of this size, octets, to see where they end.
const PIECE: usize = 64;
const SIGNATURE: [u8; 4] = *b"PK\x03\x04";

enum State {
    /// Before a signature; this many octets of it have matched.
    Seek(usize),
    /// In a local header.
    Header,
    /// In a member with this many octets left, `None` if that is not known.
    Member(Box<Member>, Option<u64>),
}

enum Member {
    Stored(Document),
    Deflated(Coded),
    Unreadable(UninspectedReason),
}

/// Reads an archive.
pub(super) struct Zip {
    at: u64,
    state: State,
    header: Vec<u8>,
}

impl Zip {
    pub(super) fn new() -> Self {
        Self { at: 0, state: State::Seek(0), header: Vec::new() }
    }

    fn u16_at(&self, at: usize) -> u16 {
        self.header.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |&octets| u16::from_le_bytes(octets))
    }

    fn u32_at(&self, at: usize) -> u32 {
        self.header.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |&octets| u32::from_le_bytes(octets))
    }

    /// Length of the header being collected, as far as is known.
    fn header_len(&self) -> usize {
        if self.header.len() < HEADER_LEN {
            return HEADER_LEN;
        }
        HEADER_LEN + usize::from(self.u16_at(22)) + usize::from(self.u16_at(24))
    }

    /// Compressed size: from the header, or its ZIP64 extra field (section 4.5.3).
    fn member_len(&self) -> u64 {
        let (packed, unpacked) = (self.u32_at(14), self.u32_at(18));
        if packed != u32::MAX {
            return u64::from(packed);
        }
        let extra = HEADER_LEN + usize::from(self.u16_at(22));
        let mut fields = self.header.get(extra..).unwrap_or(&[]);
        while let Some((&[a, b, c, d], rest)) = fields.split_first_chunk() {
            let (body, later) = rest.split_at(usize::from(u16::from_le_bytes([c, d])).min(rest.len()));
            let skip = if unpacked == u32::MAX { 8 } else { 0 };
            if u16::from_le_bytes([a, b]) == 1
                && let Some(&len) = body.get(skip..).and_then(<[u8]>::first_chunk)
            {
                return u64::from_le_bytes(len);
            }
            fields = later;
        }
        u64::from(packed)
    }

    /// A local header is complete.
    fn member_begins(&mut self, cx: &mut Cx<'_>) {
        let (flags, method) = (self.u16_at(2), self.u16_at(4));
        let len = self.member_len();
        let name_len = usize::from(self.u16_at(22)).min(NAME_LEN_MAX);
        let name = self.header.get(HEADER_LEN..HEADER_LEN + name_len).unwrap_or(&[]);
        let name = String::from_utf8_lossy(name).into_owned();
        self.header = Vec::new();
        // Flag 3: the length follows the member. Stored members then have no end of their own.
        let len = if flags & 8 != 0 && len == 0 { None } else { Some(len) };
        let member = if !cx.budget.may_nest() {
            Member::Unreadable(UninspectedReason::DecodeLimit)
        } else {
            cx.enter("member", Some(&name));
            let document = Document::new(Hint::default());
            match method {
                // Flag 0: encrypted.
                _ if flags & 1 != 0 => Member::Unreadable(UninspectedReason::Undecodable),
                0 if len.is_some() => Member::Stored(document),
                8 => Member::Deflated(Coded::new(Box::new(Inflater::new(Framing::Raw)), document)),
                _ => Member::Unreadable(UninspectedReason::Undecodable),
            }
        };
        self.state = State::Member(Box::new(member), len);
        if len == Some(0) {
            self.member_ends(cx);
        }
    }

    fn member_ends(&mut self, cx: &mut Cx<'_>) {
        if let State::Member(member, _) = std::mem::replace(&mut self.state, State::Seek(0)) {
            match *member {
                Member::Stored(mut document) => document.end(cx),
                Member::Deflated(mut coded) => coded.end(cx),
                Member::Unreadable(UninspectedReason::DecodeLimit) => return,
                Member::Unreadable(_) => {}
            }
            cx.leave();
        }
    }

    /// Octets of a member; returns how many were its own.
    fn member_octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) -> usize {
        let State::Member(member, left) = &mut self.state else {
            return octets.len();
        };
        let most = left.map_or(octets.len(), |left| usize::try_from(left).unwrap_or(usize::MAX).min(octets.len()));
        let mut own = octets.get(..most).unwrap_or(octets);
        let mut ended = false;
        match &mut **member {
            Member::Stored(document) => document.octets(own, cx),
            Member::Unreadable(reason) => cx.lost.add(own.len() as u64, *reason),
            Member::Deflated(coded) if left.is_some() => coded.octets(own, cx),
            Member::Deflated(coded) => {
                own = own.get(..PIECE).unwrap_or(own);
                coded.octets(own, cx);
                if let Some(unused) = coded.unused() {
                    own = own.get(..own.len().saturating_sub(unused)).unwrap_or(own);
                    ended = true;
                }
            }
        }
        if let Some(left) = left {
            *left -= own.len() as u64;
            ended = *left == 0;
        }
        self.at += own.len() as u64;
        let taken = own.len();
        if ended {
            self.member_ends(cx);
        }
        taken
    }

    /// Octets up to a signature; returns how many.
    fn seek_octets(&mut self, octets: &[u8], mut matched: usize, cx: &mut Cx<'_>) -> usize {
        let mut len = 0;
        for &octet in octets {
            len += 1;
            matched = match SIGNATURE.get(matched) {
                Some(&expected) if expected == octet => matched + 1,
                _ => usize::from(octet == b'P'),
            };
            if matched == SIGNATURE.len() {
                break;
            }
        }
        cx.text(octets.get(..len).unwrap_or(octets), self.at, None);
        self.at += len as u64;
        self.state = if matched == SIGNATURE.len() { State::Header } else { State::Seek(matched) };
        len
    }

    /// Octets of a local header; returns how many.
    fn header_octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) -> usize {
        let len = (self.header_len() - self.header.len()).min(octets.len());
        let own = octets.get(..len).unwrap_or(octets);
        self.header.extend_from_slice(own);
        cx.text(own, self.at, None);
        self.at += len as u64;
        if self.header.len() == self.header_len() {
            self.member_begins(cx);
        }
        len
    }
}

impl Reader for Zip {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let mut rest = octets;
        while !rest.is_empty() {
            let len = match self.state {
                State::Seek(matched) => self.seek_octets(rest, matched, cx),
                State::Header => self.header_octets(rest, cx),
                State::Member(..) => self.member_octets(rest, cx),
            };
            rest = rest.get(len..).unwrap_or(&[]);
        }
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        // The next member tells where it begins.
        self.member_ends(cx);
        self.header.clear();
        self.state = State::Seek(0);
        self.at += len;
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        self.member_ends(cx);
    }

    fn held_bytes(&self) -> usize {
        let member = match &self.state {
            State::Member(member, _) => match &**member {
                Member::Stored(document) => document.held_bytes(),
                Member::Deflated(coded) => coded.held_bytes(),
                Member::Unreadable(_) => 0,
            },
            _ => 0,
        };
        size_of::<Self>() + self.header.capacity() + member
    }
}
