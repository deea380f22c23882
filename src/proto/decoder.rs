//! What a decoder is: the two traits, what it is shown, and where it puts what it learns.

use std::net::IpAddr;

use crate::model::{AppProto, Direction, DocumentStart, KeyLog, NameSource, UninspectedReason};

use super::{Facts, TlsHello};

/// A candidate's answer to the first octets of a half-stream. It must be monotone: once it says [`Probe::No`] or
/// [`Probe::Yes`] of some octets, it says the same of any octets that begin with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Not mine.
    No,
    /// Cannot tell yet. Where no more octets come, this is a no.
    More,
    /// Mine, and sent by this end.
    Yes(Role),
}

/// Which end sends like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The client.
    Client,
    /// The server.
    Server,
    /// Both ends look the same: the originator is taken for the client.
    Either,
}

/// Octets shown to a decoder.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    /// Which half-stream.
    pub(crate) dir: Direction,
    /// Offset of the first octet in the half-stream.
    pub(crate) at: u64,
    /// The octets that were not consumed yet.
    pub(crate) octets: &'a [u8],
    /// Whether more may follow directly. If not, all of `octets` must be consumed.
    pub(crate) more: bool,
}

/// What a decoder did with its [`Input`].
pub(crate) enum Step {
    /// Consumed so many octets. None: it needs more, or waits for the other direction.
    Took(usize),
    /// Consumed so many octets; what follows in this direction belongs to something inside: the given decoder, or whatever
    /// a fresh probe finds. The other direction follows when the decoder says so for it.
    Leave(usize, Option<Box<dyn StreamDecoder>>),
}

/// Decodes both half-streams of one connection.
pub(crate) trait StreamDecoder: Send {
    /// Looks at octets; called again with the rest until it takes none.
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step;

    /// `len` octets are missing. Everything before them has been consumed.
    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>);

    /// The half-stream ends. Everything before has been consumed.
    fn end(&mut self, dir: Direction, out: &mut Out<'_>);

    /// Why nothing more of this direction will be read, once that is so.
    fn sealed(&self, _dir: Direction) -> Option<UninspectedReason> {
        None
    }

    /// Octets allocated beyond the decoder itself.
    fn held_bytes(&self) -> usize {
        0
    }
}

/// Decodes the datagrams of one flow.
pub(crate) trait DatagramDecoder: Send {
    /// Decodes a datagram as far as it was captured. `false`: not one of this protocol, and nothing was told of it.
    fn datagram(&mut self, dir: Direction, payload: &[u8], out: &mut Out<'_>) -> bool;

    /// No more datagrams of this direction come.
    fn end(&mut self, _dir: Direction, _out: &mut Out<'_>) {}

    /// Why nothing more of this direction will be read, once that is so.
    fn sealed(&self, _dir: Direction) -> Option<UninspectedReason> {
        None
    }

    /// Octets allocated beyond the decoder itself.
    fn held_bytes(&self) -> usize {
        0
    }
}

/// An open document.
pub(crate) struct Doc {
    dir: Direction,
    /// `None` in a direction whose documents nobody wants.
    id: Option<u32>,
}

/// Where decoders put what they learn: [`Facts`], less what nobody wants.
pub(crate) struct Out<'a> {
    facts: &'a mut dyn Facts,
    want: [bool; 2],
    next_id: &'a mut u32,
    /// Encrypted layers around.
    depth: u8,
}

/// Encrypted layers in each other that are unlocked.
const DEPTH_MAX: u8 = 3;

impl<'a> Out<'a> {
    /// An outlet for one call of the inspector.
    pub(crate) fn new(facts: &'a mut dyn Facts, want: [bool; 2], next_id: &'a mut u32) -> Self {
        Self { facts, want, next_id, depth: 0 }
    }

    /// An outlet for what is inside an encrypted layer.
    pub(crate) fn inside(&mut self) -> Out<'_> {
        Out { facts: &mut *self.facts, want: self.want, next_id: &mut *self.next_id, depth: self.depth + 1 }
    }

    /// The keys of sessions that may be unlocked here.
    pub(crate) fn keys(&self) -> Option<&KeyLog> {
        self.facts.keys().filter(|_| self.depth < DEPTH_MAX)
    }

    /// Whether documents of this direction are wanted.
    pub(crate) const fn wants(&self, dir: Direction) -> bool {
        match dir {
            Direction::Forward => self.want[0],
            Direction::Backward => self.want[1],
        }
    }

    /// See [`Facts::protocol`].
    pub(crate) fn protocol(&mut self, app: AppProto) {
        self.facts.protocol(app);
    }

    /// See [`Facts::server_name`]. Names that are no names are dropped: empty, longer than 255 octets, with control
    /// characters, white space or slashes.
    pub(crate) fn server_name(&mut self, name: &str, source: NameSource) {
        if is_name(name) {
            self.facts.server_name(name, source);
        }
    }

    /// See [`Facts::resolved`].
    pub(crate) fn resolved(&mut self, question: &str, name: &str, addr: IpAddr, ttl: u32) {
        self.facts.resolved(question, name, addr, ttl);
    }

    /// See [`Facts::tls`]; tells the server name as well.
    pub(crate) fn tls(&mut self, hello: &TlsHello, source: NameSource) {
        self.facts.tls(hello);
        if let Some(name) = &hello.sni {
            self.server_name(name, source);
        }
    }

    /// Begins a document.
    pub(crate) fn start(&mut self, dir: Direction, start: DocumentStart) -> Doc {
        if !self.wants(dir) {
            return Doc { dir, id: None };
        }
        let id = self.take_id();
        self.facts.document_start(dir, id, start);
        Doc { dir, id: Some(id) }
    }

    const fn take_id(&mut self) -> u32 {
        let id = *self.next_id;
        *self.next_id = self.next_id.wrapping_add(1);
        id
    }

    /// What follows in the document is a value of this field, or structure. See [`Facts::document_field`].
    pub(crate) fn field(&mut self, doc: &Doc, field: Option<&str>) {
        if let Some(id) = doc.id {
            self.facts.document_field(doc.dir, id, field);
        }
    }

    /// A value of a row begins; values without a name are parted by line ends.
    pub(crate) fn value_begins(&mut self, doc: &Doc, name: Option<&str>) {
        self.field(doc, name);
        if name.is_none() {
            self.octets(doc, b"\n");
        }
    }

    /// A whole value.
    pub(crate) fn value(&mut self, doc: &Doc, field: Option<&str>, octets: &[u8]) {
        self.field(doc, field);
        self.octets(doc, octets);
    }

    /// Continues a document.
    pub(crate) fn octets(&mut self, doc: &Doc, octets: &[u8]) {
        if let (Some(id), false) = (doc.id, octets.is_empty()) {
            self.facts.document_octets(doc.dir, id, octets);
        }
    }

    /// Says that octets of a document are missing.
    pub(crate) fn gap(&mut self, doc: &Doc, len: u64) {
        if let (Some(id), true) = (doc.id, len > 0) {
            self.facts.document_gap(doc.dir, id, len);
        }
    }

    /// Ends a document.
    pub(crate) fn end(&mut self, doc: &Doc) {
        if let Some(id) = doc.id {
            self.facts.document_end(doc.dir, id);
        }
    }

    /// A whole document at once.
    pub(crate) fn document(&mut self, dir: Direction, start: DocumentStart, octets: &[u8]) {
        if self.wants(dir) {
            let id = self.take_id();
            self.facts.document(dir, id, start, octets);
        }
    }

    /// See [`Facts::unread`].
    pub(crate) fn unread(&mut self, dir: Direction, len: usize, reason: UninspectedReason) {
        if len > 0 && self.wants(dir) {
            self.facts.unread(dir, len as u64, reason);
        }
    }
}

/// Whether a string can name a host at all. Host names proper are narrower, but what was sent is evidence.
fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && !name.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/')
}
