//! MySQL's and MariaDB's client/server protocol (MySQL internals, "Client/Server Protocol"; MariaDB knowledge base,
//! "Clients & Utilities: protocol"): handshake, queries, result sets in text and binary, prepared statements, LOCAL INFILE.
//!
//! What depends on capabilities (the end of column definitions, query attributes) is told by the octets themselves, so that a
//! handshake that was missed costs nothing. With `CLIENT_COMPRESS` what follows the handshake is read as unknown.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::model::{Direction, DocumentKind};

use super::decoder::{Doc, Out, Probe, Role, StreamDecoder};
use super::framed::{Body, Framed, Head, Part, Protocol};
use super::reader::Reader;
use super::sql::{Dialect, Names, Sql, is_statement};
use super::unknown::plain;

#[cfg(test)]
pub(crate) mod tests;
mod values;

use values::{Column, Tuple, length, number, string};

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

    fn finish_front(&mut self, out: &mut Out<'_>) {
        match std::mem::replace(&mut self.front, Front::None) {
            Front::Query(doc, mut sql, prepared) => {
                sql.end(&doc, out);
                out.end(&doc);
                let asked = if prepared { Asked::Prepare(sql.parameters()) } else { Asked::Query };
                self.ask(asked);
            }
            Front::Execute(doc, ..) | Front::Long(doc) => out.end(&doc),
            Front::None | Front::Skip => {}
        }
    }

    fn finish_result(&mut self, out: &mut Out<'_>) {
        self.row = None;
        self.back = Back::First;
        self.current = None;
        if let Some(doc) = self.doc.take() {
            out.end(&doc);
        }
    }

    /// A packet of the client.
    fn asked(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        let octets = part.octets;
        match &mut self.front {
            Front::Skip => return Body::Took(octets.len()),
            Front::Query(doc, sql, _) => {
                sql.octets(octets, doc, out);
                return Body::Took(octets.len());
            }
            Front::Long(doc) => {
                out.octets(doc, octets);
                return Body::Took(octets.len());
            }
            Front::Execute(doc, tuple, columns) => return tuple.advance(part, columns, doc, out),
            Front::None => {}
        }
        if let Some(infile) = &mut self.infile {
            let doc = infile.get_or_insert_with(|| out.start(part.dir, plain(DocumentKind::SqlCopy, part.at)));
            out.octets(doc, octets);
            return Body::Took(octets.len());
        }
        if self.packets[0].sequence != 0 {
            return self.login(part, out);
        }
        self.authenticated = true;
        self.command(part, out)
    }

    fn command(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        let Some((&command, text)) = part.octets.split_first() else { return Body::More };
        match command {
            3 | 0x16 => {
                let attributes = match text {
                    [] if part.left > 1 => return Body::More,
                    [0] if part.left > 2 => return Body::More,
                    [0, 1, ..] => 2,
                    // Attributes with values before the text: read without names.
                    [1..=8, 1, ..] => return Body::Wrong,
                    _ => 0,
                };
                let doc = out.start(part.dir, plain(DocumentKind::SqlQuery, part.at + 1 + attributes));
                self.front = Front::Query(doc, Box::new(Sql::new(Dialect::MySql)), command == 0x16);
                Body::Took(1 + attributes as usize)
            }
            0x17 => self.execute(part, out),
            0x18 => {
                let mut reader = Reader::new(text);
                let (Some(id), Some(index)) = (number::<4>(&mut reader), number::<2>(&mut reader)) else {
                    return Body::More;
                };
                let names = self.statements.get(&(id as u32)).map(|statement| &statement.names);
                let name = names.and_then(|names| names.get(index as usize)).cloned().flatten();
                let doc = out.start(part.dir, plain(DocumentKind::SqlParameters, part.at + 7));
                out.value_begins(&doc, name.as_deref());
                self.front = Front::Long(doc);
                Body::Took(7)
            }
            // Change of user, table dumps, replication.
            0x11 | 0x12 | 0x13 | 0x15 | 0x1e => {
                self.ask(Asked::Other);
                Body::Wrong
            }
            0x01 | 0x19 => {
                // Not answered.
                self.front = Front::Skip;
                Body::Took(part.octets.len())
            }
            0x02 | 0x04..=0x10 | 0x14 | 0x1a..=0x1f => {
                self.ask(if command == 4 { Asked::FieldList } else { Asked::Query });
                self.front = Front::Skip;
                Body::Took(part.octets.len())
            }
            _ => Body::Wrong,
        }
    }

    /// COM_STMT_EXECUTE: statement, flags, count, NULL bits, types, values.
    fn execute(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        let mut reader = Reader::new(part.octets.get(1..).unwrap_or_default());
        let (Some(id), Some(flags), Some(_count)) = (number::<4>(&mut reader), reader.u8(), number::<4>(&mut reader))
        else {
            return Body::More;
        };
        let id = id as u32;
        let known = self.statements.get(&id).cloned();
        let ask = |this: &mut Self| this.ask(Asked::Execute(id));
        let Some(statement) = known else {
            ask(self);
            return if part.left > 10 { Body::Wrong } else { Body::Took(part.octets.len()) };
        };
        let named = flags & 8 != 0;
        let count = if named {
            let Some(count) = length(&mut reader) else { return Body::More };
            usize::try_from(count.unwrap_or(0)).unwrap_or(0).min(1 << 16)
        } else {
            statement.parameters
        };
        if count == 0 {
            ask(self);
            self.front = Front::Skip;
            return Body::Took(part.octets.len());
        }
        let Some(nulls) = reader.take(count.div_ceil(8)) else { return Body::More };
        let Some(bound) = reader.u8() else { return Body::More };
        let mut columns = statement.types;
        if bound == 1 {
            columns.clear();
            for index in 0..count {
                let (Some(kind), Some(sign)) = (reader.u8(), reader.u8()) else { return Body::More };
                if named && string(&mut reader).is_none() {
                    return Body::More;
                }
                let name = statement.names.get(index).cloned().flatten();
                columns.push(Column { name, kind, unsigned: sign & 0x80 != 0 });
            }
            if let Some(statement) = self.statements.get_mut(&id) {
                statement.types.clone_from(&columns);
            }
            // Few parameters cannot make much of a few hundred statements.
            if count > 64 && self.statement_bytes() > STATEMENT_BYTES_MAX {
                self.statements.clear();
            }
        }
        ask(self);
        let doc = out.start(part.dir, plain(DocumentKind::SqlParameters, part.at));
        self.front = Front::Execute(doc, Tuple::binary(nulls.to_vec(), 0), columns);
        Body::Took(1 + reader.at())
    }

    /// The handshake response, and what else is sent before the server agrees.
    fn login(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        let Some(octets) = part.whole() else { return Body::More };
        let doc = out.start(part.dir, plain(DocumentKind::Login, part.at));
        if matches!(self.packets[0].sequence, 1 | 2) && self.capabilities == u64::MAX {
            if self.response(octets, &doc, out).is_none() {
                out.field(&doc, None);
                out.octets(&doc, octets);
            }
        } else if let Some(password) = octets.strip_suffix(&[0])
            && std::str::from_utf8(password).is_ok_and(|text| !text.is_empty() && !text.contains(char::is_control))
        {
            // `mysql_clear_password`; what is hashed is no text.
            out.value(&doc, Some("password"), password);
        }
        out.end(&doc);
        Body::Took(octets.len())
    }

    /// HandshakeResponse41.
    fn response(&mut self, octets: &[u8], doc: &Doc, out: &mut Out<'_>) -> Option<()> {
        let mut reader = Reader::new(octets);
        let capabilities = number::<4>(&mut reader)?;
        if capabilities & PROTOCOL_41 == 0 {
            return None;
        }
        reader.take(28)?;
        let text = |reader: &mut Reader<'_>| {
            let end = memchr::memchr(0, reader.rest()).unwrap_or(reader.rest().len());
            let start = reader.at();
            reader.take(end);
            reader.u8();
            start..start + end
        };
        let user = text(&mut reader);
        out.value(doc, Some("user"), octets.get(user)?);
        if capabilities & LENGTH_ENCODED_AUTH != 0 {
            string(&mut reader)?;
        } else if capabilities & SECURE_CONNECTION != 0 {
            let len = reader.u8()?;
            reader.take(usize::from(len))?;
        } else {
            text(&mut reader);
        }
        if capabilities & CONNECT_WITH_DB != 0 {
            let database = text(&mut reader);
            out.value(doc, Some("database"), octets.get(database)?);
        }
        if capabilities & PLUGIN_AUTH != 0 {
            text(&mut reader);
        }
        self.capabilities = capabilities;
        if capabilities & CONNECT_ATTRS != 0 {
            let mut attributes = Reader::new(string(&mut reader).unwrap_or_default());
            while let (Some(key), Some(value)) = (string(&mut attributes), string(&mut attributes)) {
                out.value(doc, Some(&String::from_utf8_lossy(key)), value);
            }
        }
        Some(())
    }

    /// A packet of the server.
    fn answered(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        if let (Some(row), Some(doc)) = (&mut self.row, &self.doc) {
            return row.advance(part, &self.columns, doc, out);
        }
        let Some(&first) = part.octets.first() else { return Body::More };
        let packet = self.packets[1];
        if packet.continued {
            return Body::Wrong;
        }
        let ends = first == 0xfe && packet.len < FULL;
        if self.back == Back::Rows && !ends && first != 0xff {
            return self.begin_row(part, first, out);
        }
        let Some(octets) = part.whole() else { return Body::More };
        if first == 0xff {
            // Code, state, and a message that may quote values.
            let text = octets.get(3..).unwrap_or_default();
            let doc = out.start(part.dir, plain(DocumentKind::SqlRows, part.at));
            out.octets(&doc, text);
            out.end(&doc);
            if self.back == Back::First && self.authenticated {
                self.pending.pop_front();
            }
            self.finish_result(out);
            return Body::Took(octets.len());
        }
        match self.back {
            Back::First => self.first(first, octets),
            Back::Columns(left) => {
                let Some(column) = values::column(octets) else { return Body::Wrong };
                self.columns.push(column);
                self.back = if left > 1 { Back::Columns(left - 1) } else { Back::Rows };
                Body::Took(octets.len())
            }
            Back::Prepared(id, parameters, columns) => {
                if ends && octets.len() < 9 {
                    // The end of one list.
                } else if parameters > 0 {
                    self.back = Back::Prepared(id, parameters - 1, columns);
                } else if columns > 0 {
                    let Some(column) = values::column(octets) else { return Body::Wrong };
                    if let Some(statement) =
                        self.statements.get_mut(&id).filter(|s| s.columns.len() < COLUMNS_MAX as usize)
                    {
                        statement.columns.push(column);
                    }
                    self.back = Back::Prepared(id, 0, columns - 1);
                }
                if self.back == Back::Prepared(id, 0, 0) {
                    self.back = Back::First;
                }
                Body::Took(octets.len())
            }
            Back::Rows => {
                // An end mark right after the column definitions is not yet the end.
                if octets.len() == 5 && self.doc.is_none() && !self.is_binlog() && self.old_end() {
                    return Body::Took(octets.len());
                }
                self.finish_result(out);
                Body::Took(octets.len())
            }
        }
    }

    fn is_binlog(&self) -> bool {
        matches!(self.current, Some(Asked::Other))
    }

    /// The first end mark of a result in which the columns end with one; the second comes after the rows.
    fn old_end(&mut self) -> bool {
        let sequence = self.packets[1].sequence;
        sequence == (self.columns.len() as u8).wrapping_add(2)
    }

    /// The first packet of an answer.
    fn first(&mut self, first: u8, octets: &[u8]) -> Body {
        let taken = Body::Took(octets.len());
        let packet = self.packets[1];
        if first == 0x0a && packet.sequence == 0 && !self.greeted {
            self.greeted = true;
            return taken;
        }
        if !self.authenticated && self.pending.is_empty() {
            // More of the handshake: plug-ins, salts; OK.
            self.authenticated = first == 0;
            return taken;
        }
        if packet.sequence == 1 {
            self.current = self.pending.pop_front();
        }
        match (&mut self.current, first) {
            (Some(Asked::Prepare(names)), 0) if octets.len() >= 12 => {
                let mut reader = Reader::new(octets.get(1..).unwrap_or_default());
                let (Some(id), Some(columns), Some(parameters)) =
                    (number::<4>(&mut reader), number::<2>(&mut reader), number::<2>(&mut reader))
                else {
                    return Body::Wrong;
                };
                let names = std::mem::take(names);
                if self.statements.len() >= STATEMENTS_MAX || self.statement_bytes() > STATEMENT_BYTES_MAX {
                    self.statements.clear();
                }
                let parameters = parameters as u16;
                let statement = Statement { names, parameters: parameters.into(), ..Statement::default() };
                self.statements.insert(id as u32, statement);
                if (parameters, columns) != (0, 0) {
                    self.back = Back::Prepared(id as u32, parameters, columns as u16);
                }
                taken
            }
            (Some(Asked::Other), _) => Body::Wrong,
            (Some(Asked::FieldList), 3) => taken,
            // OK, or the end of something.
            (_, 0 | 0xfe) => taken,
            (_, 0xfb) if octets.len() > 1 => {
                self.infile = Some(None);
                taken
            }
            _ => {
                let mut reader = Reader::new(octets);
                match length(&mut reader).flatten() {
                    Some(count @ 1..=COLUMNS_MAX) if octets.len() - reader.at() <= 1 => {
                        self.columns.clear();
                        // MariaDB may leave the definitions of a prepared statement's columns out.
                        let cached = reader.u8() == Some(0);
                        self.back = Back::Columns(count);
                        if let (true, Some(Asked::Execute(id))) = (cached, &self.current) {
                            let known = self.statements.get(id).map(|statement| statement.columns.clone());
                            self.columns = known.unwrap_or_default();
                            self.back = Back::Rows;
                        }
                        taken
                    }
                    _ => Body::Wrong,
                }
            }
        }
    }

    fn begin_row(&mut self, part: Part<'_>, first: u8, out: &mut Out<'_>) -> Body {
        let binary = matches!(self.current, Some(Asked::Execute(_)));
        let mut head = 0;
        let row = if binary {
            let bits = (self.columns.len() + 9) / 8;
            let Some(nulls) = part.octets.get(1..=bits) else { return Body::More };
            if first != 0 {
                return Body::Wrong;
            }
            head = 1 + bits;
            Tuple::binary(nulls.to_vec(), 2)
        } else {
            Tuple::text()
        };
        let doc = self.doc.get_or_insert_with(|| out.start(part.dir, plain(DocumentKind::SqlRows, part.at)));
        self.row = Some(row);
        if head > 0 {
            return Body::Took(head);
        }
        match &mut self.row {
            Some(row) => row.advance(part, &self.columns, doc, out),
            None => Body::Wrong,
        }
    }
}
