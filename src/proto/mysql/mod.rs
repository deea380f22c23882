//! MySQL's and MariaDB's client/server protocol (MySQL internals, "Client/Server Protocol"; MariaDB knowledge base,
//! "Clients & Utilities: protocol"): handshake, queries, result sets in text and binary, prepared statements, LOCAL INFILE.
//!
//! What depends on capabilities (the end of column definitions, query attributes) is told by the octets themselves, so that a
//! handshake that was missed costs nothing. With `CLIENT_COMPRESS` what follows the handshake is read as unknown.
//!
//! Here is how packets are cut and what is remembered between them; [`client`] and [`server`] read what each end says.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::model::Direction;

use super::decoder::{Doc, Out, Probe, Role, StreamDecoder};
use super::framed::{Body, Framed, Head, Part, Protocol};
use super::reader::Reader;
use super::sql::{Names, Sql, is_statement};

mod client;
mod server;
#[cfg(test)]
pub(crate) mod tests;
mod values;

use values::{Column, Tuple, number};

/// Where servers listen.
pub(crate) const PORTS: &[u16] = &[3306, 33060, 4000];

/// Prepared statements remembered. Past it all are forgotten.
const STATEMENTS_MAX: usize = 512;
/// Requests whose answers are awaited. Past it the oldest is forgotten.
const PENDING_MAX: usize = 1024;
/// Octets of prepared statements remembered. Past it all are forgotten.
const STATEMENT_BYTES_MAX: usize = 1 << 20;
/// Columns of a result, MySQL's own limit.
const COLUMNS_MAX: u64 = 4096;
/// The length of a packet that goes on in the next one.
const FULL: u32 = 0xff_ffff;

const CONNECT_WITH_DB: u64 = 1 << 3;
const COMPRESS: u64 = 1 << 5;
const PROTOCOL_41: u64 = 1 << 9;
const SSL: u64 = 1 << 11;
const SECURE_CONNECTION: u64 = 1 << 15;
const PLUGIN_AUTH: u64 = 1 << 19;
const CONNECT_ATTRS: u64 = 1 << 20;
const LENGTH_ENCODED_AUTH: u64 = 1 << 21;

/// Looks at the first octets of a half-stream: a greeting, the answer to one, or a query of a connection under way.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    let &[a, b, c, sequence, ref body @ ..] = octets else { return Probe::More };
    let len = u32::from_le_bytes([a, b, c, 0]);
    match (sequence, body) {
        (0..=2, []) if len > 0 => Probe::More,
        (0, [0x0a, version @ ..]) if (30..300).contains(&len) => match version.get(..3) {
            Some([b'0'..=b'9', b'.', b'0'..=b'9'] | [b'0'..=b'9', b'0'..=b'9', b'.']) => Probe::Yes(Role::Server),
            Some(_) => Probe::No,
            None => Probe::More,
        },
        (0, [3 | 0x16, text @ ..]) if len > 4 => match statement(text) {
            Some(true) => Probe::Yes(Role::Client),
            None if text.len() < 64 => Probe::More,
            _ => Probe::No,
        },
        // Capabilities of protocol 4.1, a character set, and reserved octets (the last four are MariaDB's).
        // Within TLS it is the second packet of the client.
        (1 | 2, [_, flags, ..]) if flags & (PROTOCOL_41 >> 8) as u8 == 0 => Probe::No,
        (1 | 2, response) if (32..65536).contains(&len) => match response.get(9..28) {
            Some(reserved) if reserved.iter().all(|octet| *octet == 0) => Probe::Yes(Role::Client),
            Some(_) => Probe::No,
            None if response.iter().skip(9).all(|octet| *octet == 0) => Probe::More,
            None => Probe::No,
        },
        _ => Probe::No,
    }
}

/// The text of a query may have query attributes before it: none, usually.
fn statement(text: &[u8]) -> Option<bool> {
    match text {
        [] | [0] => None,
        [0, 1, text @ ..] => is_statement(text),
        text => is_statement(text),
    }
}

/// A decoder for both ends.
pub(crate) fn decoder(client: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Framed::new(MySql {
        client,
        packets: [Packet::default(), Packet::default()],
        capabilities: u64::MAX,
        greeted: false,
        authenticated: false,
        front: Front::None,
        pending: VecDeque::new(),
        statements: HashMap::new(),
        back: Back::First,
        current: None,
        columns: Vec::new(),
        doc: None,
        row: None,
        infile: None,
    }))
}

/// The packet being read in a direction.
#[derive(Clone, Copy, Default)]
struct Packet {
    sequence: u8,
    /// Its length: the next packet continues one of full length.
    len: u32,
    continued: bool,
}

/// A prepared statement.
#[derive(Clone, Default)]
struct Statement {
    names: Names,
    parameters: usize,
    /// Types of the last execution.
    types: Vec<Column>,
    columns: Vec<Column>,
}

/// What the client asked for.
enum Asked {
    Query,
    Prepare(Names),
    Execute(u32),
    FieldList,
    /// Something that is answered in a way of its own.
    Other,
}

/// What the client's packet is.
enum Front {
    None,
    /// A statement, and whether it is prepared.
    Query(Doc, Box<Sql>, bool),
    /// Parameters, their columns.
    Execute(Doc, Tuple, Vec<Column>),
    /// A value sent piece by piece.
    Long(Doc),
    Skip,
}

/// What the server's next packet is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Back {
    /// The beginning of an answer.
    First,
    /// So many column definitions follow, then rows.
    Columns(u64),
    /// An end mark may come, then rows.
    Rows,
    /// Definitions of so many parameters and so many columns of a prepared statement.
    Prepared(u32, u16, u16),
}

struct MySql {
    client: Direction,
    packets: [Packet; 2],
    /// What the client said it can do; everything, if that was missed.
    capabilities: u64,
    greeted: bool,
    authenticated: bool,
    front: Front,
    pending: VecDeque<Asked>,
    statements: HashMap<u32, Statement>,
    back: Back,
    current: Option<Asked>,
    columns: Vec<Column>,
    doc: Option<Doc>,
    row: Option<Tuple>,
    /// A file that the server asked for; a document once it comes.
    infile: Option<Option<Doc>>,
}

impl Protocol for MySql {
    fn head(&mut self, dir: Direction, _at: u64, octets: &[u8], out: &mut Out<'_>) -> Head {
        let client = dir == self.client;
        if !client && self.greeted && !self.authenticated && octets.starts_with(&[0x16, 3]) {
            return Head::Leave(0);
        }
        let &[a, b, c, sequence, ref body @ ..] = octets else { return Head::More };
        let len = u32::from_le_bytes([a, b, c, 0]);
        if client && sequence == 1 && len == 32 && !self.authenticated {
            // A request for encryption is the beginning of a handshake response.
            let Some(flags) = number::<4>(&mut Reader::new(body)) else { return Head::More };
            if flags & SSL != 0 {
                return Head::Leave(36);
            }
        }
        let compressed = self.capabilities != u64::MAX && self.capabilities & COMPRESS != 0;
        if self.authenticated && compressed {
            return Head::Wrong;
        }
        let packet = &mut self.packets[usize::from(!client)];
        let follows = sequence == packet.sequence.wrapping_add(1);
        *packet = Packet { sequence, len, continued: packet.len == FULL && follows };
        if !client && !packet.continued {
            self.row = None;
            if sequence == 1 && !follows {
                self.finish_result(out);
            }
        } else if client && !packet.continued {
            self.finish_front(out);
            if len == 0
                && let Some(Some(doc)) = self.infile.take()
            {
                out.end(&doc);
            }
        }
        Head::Whole(4, len.into())
    }

    fn body(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        if part.dir == self.client { self.asked(part, out) } else { self.answered(part, out) }
    }

    fn finish(&mut self, dir: Direction, out: &mut Out<'_>) {
        let packet = self.packets[usize::from(dir != self.client)];
        if packet.len == FULL {
            return;
        }
        if dir == self.client {
            self.finish_front(out);
        } else if let (Some(_), Some(doc)) = (self.row.take(), &self.doc) {
            out.field(doc, None);
            out.octets(doc, b"\n");
        }
    }

    fn body_gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        if dir != self.client {
            if let (Some(row), Some(doc)) = (&mut self.row, &self.doc) {
                row.gap(doc, len, out);
            }
            return;
        }
        match &mut self.front {
            Front::Query(doc, ..) | Front::Long(doc) => out.gap(doc, len),
            Front::Execute(doc, tuple, _) => tuple.gap(doc, len, out),
            Front::None | Front::Skip => {}
        }
    }

    fn close(&mut self, dir: Direction, out: &mut Out<'_>) {
        if dir == self.client {
            self.finish_front(out);
            if let Some(Some(doc)) = self.infile.take() {
                out.end(&doc);
            }
        } else {
            self.finish_result(out);
        }
        self.pending.clear();
    }

    fn resumes(&self, dir: Direction, octets: &[u8]) -> Option<bool> {
        let &[a, b, c, sequence, first, ..] = octets else { return None };
        let len = u32::from_le_bytes([a, b, c, 0]);
        let told = if dir == self.client { sequence == 0 && (1..=0x1f).contains(&first) } else { sequence == 1 };
        Some(told && (1..1 << 20).contains(&len))
    }

    fn held_bytes(&self) -> usize {
        let front = match &self.front {
            Front::Query(_, sql, _) => size_of::<Sql>() + sql.held_bytes(),
            Front::Execute(_, _, columns) => columns.len() * size_of::<Column>(),
            _ => 0,
        };
        self.statement_bytes() + self.pending.capacity() * size_of::<Asked>() + self.columns.len() * 64 + front
    }
}

impl MySql {
    fn statement_bytes(&self) -> usize {
        let column = |c: &Column| size_of::<Column>() + c.name.as_ref().map_or(0, |name| name.len());
        let statement = |s: &Statement| {
            let names = s.names.iter().map(|name| 16 + name.as_ref().map_or(0, |name| name.len())).sum::<usize>();
            size_of::<Statement>() + 32 + names + s.types.iter().chain(&s.columns).map(column).sum::<usize>()
        };
        self.statements.values().map(statement).sum()
    }

    fn ask(&mut self, asked: Asked) {
        if self.pending.len() >= PENDING_MAX {
            self.pending.pop_front();
        }
        self.pending.push_back(asked);
    }
}
