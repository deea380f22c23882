//! PostgreSQL's frontend/backend protocol 3 (PostgreSQL documentation, chapter 55): start-up, simple and extended queries,
//! rows, COPY, logical replication.
//!
//! Statements are read as [SQL](super::sql), values bound to parameters have the names that their statement gives them, values of
//! rows those of their columns, also where a driver asked for the columns once, when it prepared the statement. What is
//! asked and what is answered is matched by a queue of requests; answers without known request are read without names.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::model::{Direction, DocumentKind};

use super::decoder::{Doc, Out, Probe, Role, StreamDecoder};
use super::framed::{Body, Framed, Head, Part, Protocol};
use super::reader::Reader;
use super::sql::copy::Copy;
use super::sql::{CopyFormat, Dialect, Names, Sql, is_statement};
use super::unknown::plain;

mod rows;
#[cfg(test)]
pub(crate) mod tests;

use rows::{Column, Rows, Tuple};

/// Where servers listen: PostgreSQL, PgBouncer, CockroachDB.
pub(crate) const PORTS: &[u16] = &[5432, 5433, 6432, 26257];

/// Prepared statements remembered. Past it all are forgotten: their values are read without names.
const STATEMENTS_MAX: usize = 512;
/// Columns of a result, PostgreSQL's own limit.
const COLUMNS_MAX: usize = 1664;
/// Longest name of a prepared statement in a connection that is recognised midstream, octets.
const STATEMENT_NAME_MAX: usize = 64;
/// Requests whose answers are awaited. Past it the oldest is forgotten.
const PENDING_MAX: usize = 1024;
/// Octets of prepared statements remembered. Past it all are forgotten.
const STATEMENT_BYTES_MAX: usize = 1 << 20;
/// The longest message that is no data; longer ones are no messages.
const LEN_MAX: u32 = 1 << 30;

/// Protocol versions 3.0 to 3.255.
const VERSION: [u8; 3] = [0, 3, 0];
const CANCEL: [u8; 4] = [0x04, 0xd2, 0x16, 0x2e];

/// Looks at the first octets of a half-stream: a start-up message, an answer to one, or messages of a connection under way.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    let Some(&[kind, a, b, c, d]) = octets.get(..5).and_then(|head| head.first_chunk()) else {
        let may = matches!(octets, [] | [0, ..] | [b'R' | b'E' | b'Q' | b'P' | b'T' | b'Z' | b'1' | b'2', ..])
            && octets.get(1).is_none_or(|octet| *octet == 0);
        return if may { Probe::More } else { Probe::No };
    };
    let len = u32::from_be_bytes([a, b, c, d]);
    let body = octets.get(5..).unwrap_or_default();
    // Enough octets of the body to tell, or a reason why not.
    let within = |wanted: usize, told: fn(&[u8]) -> bool, role: Role| match body.get(..wanted) {
        Some(body) if told(body) => Probe::Yes(role),
        Some(_) => Probe::No,
        None => Probe::More,
    };
    match kind {
        0 => match octets.get(..8) {
            Some(&[0, 0, _, _, 0, 3, 0, _]) => Probe::Yes(Role::Client),
            Some(&[0, 0, 0, 16, ref code @ ..]) if *code == CANCEL => Probe::Yes(Role::Client),
            Some(_) => Probe::No,
            None if a == 0 => Probe::More,
            None => Probe::No,
        },
        b'R' if (8..4096).contains(&len) => within(4, |body| matches!(body, [0, 0, 0, 0..=12]), Role::Server),
        b'E' if (12..65536).contains(&len) => {
            within(2, |body| matches!(body, [b'S', b'E' | b'F' | b'P']), Role::Server)
        }
        b'Z' if len == 5 => within(1, |body| matches!(body, [b'I' | b'T' | b'E']), Role::Server),
        b'1' | b'2' if len == 4 => Probe::Yes(Role::Server),
        b'T' if (25..1 << 18).contains(&len) => {
            within(3, |body| matches!(body, [0..=6, _, octet] if *octet > 0), Role::Server)
        }
        b'Q' if (6..LEN_MAX).contains(&len) => statement(body),
        b'P' if (8..LEN_MAX).contains(&len) => {
            match memchr::memchr(0, body.get(..STATEMENT_NAME_MAX).unwrap_or(body)) {
                Some(end) => statement(body.get(end + 1..).unwrap_or_default()),
                None if body.len() < STATEMENT_NAME_MAX => Probe::More,
                None => Probe::No,
            }
        }
        _ => Probe::No,
    }
}

/// Whether a client's message is a statement.
fn statement(octets: &[u8]) -> Probe {
    match is_statement(octets) {
        Some(true) => Probe::Yes(Role::Client),
        None if octets.len() <= 64 => Probe::More,
        _ => Probe::No,
    }
}

/// A decoder for both ends.
pub(crate) fn decoder(client: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Framed::new(Postgres {
        client,
        started: false,
        kinds: [0; 2],
        front: Front::None,
        statements: HashMap::new(),
        pending: VecDeque::new(),
        copy_plan: None,
        copy_in: None,
        copy_out: None,
        copy_binary: false,
        replicating: false,
        authentication: None,
        rows: Rows::default(),
    }))
}

/// What a prepared statement is about.
#[derive(Clone, Default)]
struct Statement {
    parameters: Names,
    /// Types of the parameters (object ids), as far as they are known.
    types: Vec<u32>,
    columns: Arc<[Column]>,
}

/// What the client asked and the server has not answered.
enum Asked {
    /// The columns of a statement.
    Describe(Arc<str>),
    /// Values bound to a statement; whether its results come in binary.
    Bind(Arc<str>, Vec<bool>),
    /// The end of a sequence.
    Sync,
}

/// A message being read by the client's side.
enum Front {
    None,
    /// A statement; of Parse only after the statement's name.
    Query {
        doc: Doc,
        sql: Box<Sql>,
        name: Option<Arc<str>>,
    },
    Bind {
        doc: Doc,
        tuple: Tuple,
        names: Names,
        types: Vec<u32>,
    },
    Copy,
    /// The rest is framing.
    Skip,
}

struct Postgres {
    client: Direction,
    /// Whether the client's start-up message is over or was missed.
    started: bool,
    /// The type of the open message, client's and server's.
    kinds: [u8; 2],
    front: Front,
    statements: HashMap<Arc<str>, Statement>,
    pending: VecDeque<Asked>,
    /// The columns and format that the last COPY statement named.
    copy_plan: Option<(CopyFormat, Vec<Arc<str>>)>,
    copy_in: Option<Copy>,
    copy_out: Option<Copy>,
    copy_binary: bool,
    replicating: bool,
    /// What the server asked for: 3 is a password in clear (`AuthenticationCleartextPassword`).
    authentication: Option<u32>,
    rows: Rows,
}

impl Protocol for Postgres {
    fn head(&mut self, dir: Direction, _at: u64, octets: &[u8], _out: &mut Out<'_>) -> Head {
        let client = dir == self.client;
        if client && !self.started {
            match octets {
                [0, ..] if octets.len() < 4 => return Head::More,
                [0, b, c, d, ..] => {
                    self.started = true;
                    self.kinds = [0, self.kinds[1]];
                    return match u32::from_be_bytes([0, *b, *c, *d]).checked_sub(4) {
                        Some(body) if body >= 4 => Head::Whole(4, body.into()),
                        _ => Head::Wrong,
                    };
                }
                _ => self.started = true,
            }
        }
        let Some(&[kind, a, b, c, d]) = octets.first_chunk::<5>() else {
            return if octets.first().is_some_and(|kind| is_kind(client, *kind)) { Head::More } else { Head::Wrong };
        };
        let len = u32::from_be_bytes([a, b, c, d]);
        if !is_kind(client, kind) || !(4..LEN_MAX).contains(&len) {
            return Head::Wrong;
        }
        self.kinds[usize::from(!client)] = kind;
        if client {
            self.begin(dir, kind);
        }
        Head::Whole(5, u64::from(len) - 4)
    }

    fn body(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        if part.dir == self.client { self.asked(part, out) } else { self.answered(part, out) }
    }

    fn finish(&mut self, dir: Direction, out: &mut Out<'_>) {
        if dir == self.client {
            self.finish_front(out);
            match self.kinds[0] {
                b'c' | b'f' => {
                    if let Some(mut copy) = self.copy_in.take() {
                        copy.end(out);
                    }
                }
                b'S' => self.ask(Asked::Sync),
                _ => {}
            }
        } else {
            self.rows.finish_row(out);
            self.finish_back(out);
        }
    }

    fn body_gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        if dir != self.client {
            if self.kinds[1] == b'd'
                && let Some(copy) = &mut self.copy_out
            {
                return copy.gap(len, out);
            }
            return self.rows.gap(len, out);
        }
        match &mut self.front {
            Front::Query { doc, .. } => out.gap(doc, len),
            Front::Bind { doc, tuple, .. } => tuple.gap(doc, len, out),
            Front::Copy => {
                if let Some(copy) = &mut self.copy_in {
                    copy.gap(len, out);
                }
            }
            Front::None | Front::Skip => {}
        }
    }

    fn close(&mut self, dir: Direction, out: &mut Out<'_>) {
        if dir == self.client {
            self.started = true;
            self.finish_front(out);
            if let Some(mut copy) = self.copy_in.take() {
                copy.end(out);
            }
        } else {
            self.rows.close(out);
            if let Some(mut copy) = self.copy_out.take() {
                copy.end(out);
            }
        }
        self.pending.clear();
    }

    fn resumes(&self, dir: Direction, octets: &[u8]) -> Option<bool> {
        let client = dir == self.client;
        let &[kind, a, b, c, d] = octets.first_chunk::<5>()?;
        let len = u32::from_be_bytes([a, b, c, d]);
        // A plausible length; data rows and copy data are what a gap most often ends at.
        Some(is_kind(client, kind) && (4..1 << 24).contains(&len))
    }

    fn held_bytes(&self) -> usize {
        let front = match &self.front {
            Front::Query { sql, .. } => size_of::<Sql>() + sql.held_bytes(),
            Front::Bind { names, types, .. } => names.len() * 16 + types.len() * 4,
            _ => 0,
        };
        let copies = [&self.copy_in, &self.copy_out].into_iter().flatten().map(Copy::held_bytes).sum::<usize>();
        self.statement_bytes() + self.pending.capacity() * size_of::<Asked>() + front + copies + self.rows.held_bytes()
    }
}

/// Message types (section 55.7).
fn is_kind(client: bool, kind: u8) -> bool {
    if client { b"QPBEDCHSFXcdfp".contains(&kind) } else { b"RKSZTDCEIN123nstdcGHWAVv".contains(&kind) }
}

/// A string that ends with a zero octet.
fn cstring<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let end = memchr::memchr(0, reader.rest())?;
    let text = reader.take(end)?;
    reader.take(1)?;
    Some(text)
}

fn name(octets: &[u8]) -> Arc<str> {
    String::from_utf8_lossy(octets.get(..128).unwrap_or(octets)).into()
}

impl Postgres {
    fn begin(&mut self, _dir: Direction, kind: u8) {
        self.front = match kind {
            b'd' => Front::Copy,
            b'Q' | b'P' | b'B' | b'D' | b'p' | b'f' | b'F' => Front::None,
            _ => Front::Skip,
        };
    }

    fn statement_bytes(&self) -> usize {
        let name = |name: &Option<Arc<str>>| 16 + name.as_ref().map_or(0, |name| name.len());
        let statement = |s: &Statement| {
            let names = s.parameters.iter().map(name).sum::<usize>();
            size_of::<Statement>() + 64 + names + s.types.len() * 4 + s.columns.len() * 64
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
            Front::Query { doc, mut sql, name } => {
                sql.end(&doc, out);
                out.end(&doc);
                if let Some(plan) = sql.copy() {
                    self.copy_plan = Some(plan);
                }
                match name {
                    Some(name) => self.prepare(name, sql.parameters()),
                    None => self.ask(Asked::Sync),
                }
            }
            Front::Bind { doc, .. } => out.end(&doc),
            Front::None | Front::Copy | Front::Skip => {}
        }
    }

    fn prepare(&mut self, name: Arc<str>, parameters: Names) {
        if self.statements.len() >= STATEMENTS_MAX || self.statement_bytes() > STATEMENT_BYTES_MAX {
            self.statements.clear();
        }
        self.statements.insert(name, Statement { parameters, ..Statement::default() });
    }

    /// A message of the client.
    fn asked(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        let octets = part.octets;
        match &mut self.front {
            Front::Skip => return Body::Took(octets.len()),
            Front::Copy => {
                let plan = &mut self.copy_plan;
                let binary = self.copy_binary;
                if !self.replicating {
                    let copy = self.copy_in.get_or_insert_with(|| Copy::new(plan.take(), binary));
                    copy.octets(part.dir, part.at, octets, out);
                }
                return Body::Took(octets.len());
            }
            Front::Query { doc, sql, .. } => {
                match memchr::memchr(0, octets) {
                    Some(end) => {
                        sql.octets(octets.get(..end).unwrap_or_default(), doc, out);
                        let (doc, sql, name) = match std::mem::replace(&mut self.front, Front::Skip) {
                            Front::Query { doc, sql, name } => (doc, sql, name),
                            _ => return Body::Wrong,
                        };
                        self.front = Front::Query { doc, sql, name };
                        self.finish_front(out);
                        self.front = Front::Skip;
                        return Body::Took(end + 1);
                    }
                    None => sql.octets(octets, doc, out),
                }
                return Body::Took(octets.len());
            }
            Front::Bind { tuple, .. } if tuple.is_done() => {
                // Which columns of the result come in binary.
                let Some(octets) = part.whole() else { return Body::More };
                if let Some(Asked::Bind(_, formats)) = self.pending.back_mut() {
                    let said = octets.get(2..).unwrap_or_default().chunks(2).map(|format| format == [0, 1]);
                    *formats = said.take(COLUMNS_MAX).collect();
                }
                return Body::Took(octets.len());
            }
            Front::Bind { doc, tuple, names, types } => {
                return tuple.advance(part, &|at| names.get(at).cloned().flatten(), types, doc, out);
            }
            Front::None => {}
        }
        match self.kinds[0] {
            0 => self.startup(part, out),
            b'Q' => self.query(part, None, 0, out),
            b'P' => match memchr::memchr(0, octets) {
                Some(end) => {
                    let name = name(octets.get(..end).unwrap_or_default());
                    self.query(part, Some(name), end + 1, out)
                }
                None => Body::More,
            },
            b'B' => self.bind(part, out),
            b'D' => {
                let Some(octets) = part.whole() else { return Body::More };
                if let Some((b'S', rest)) = octets.split_first().map(|(kind, rest)| (*kind, rest)) {
                    let end = memchr::memchr(0, rest).unwrap_or(rest.len());
                    self.ask(Asked::Describe(name(rest.get(..end).unwrap_or_default())));
                }
                Body::Took(octets.len())
            }
            b'p' => {
                let Some(octets) = part.whole() else { return Body::More };
                // Hashes and SASL messages are not what a user typed.
                let sasl = octets.starts_with(b"SCRAM-") || octets.contains(&b',');
                let field = match self.authentication {
                    Some(3) => Some("password"),
                    None if !sasl => Some("password"),
                    _ => None,
                };
                let doc = out.start(part.dir, plain(DocumentKind::Login, part.at));
                out.value(&doc, field, octets.strip_suffix(&[0]).unwrap_or(octets));
                out.end(&doc);
                Body::Took(octets.len())
            }
            _ => Body::Wrong,
        }
    }

    /// Names and values, each ended by a zero octet.
    fn startup(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        let Some(octets) = part.whole() else { return Body::More };
        let mut reader = Reader::new(octets);
        let version = reader.take(4).unwrap_or_default();
        if !version.starts_with(&VERSION) {
            return if version == CANCEL { Body::Took(octets.len()) } else { Body::Wrong };
        }
        let doc = out.start(part.dir, plain(DocumentKind::Login, part.at));
        while let (Some(key), Some(value)) = (cstring(&mut reader), cstring(&mut reader)) {
            out.value(&doc, Some(&String::from_utf8_lossy(key)), value);
        }
        out.end(&doc);
        Body::Took(octets.len())
    }

    fn query(&mut self, part: Part<'_>, name: Option<Arc<str>>, from: usize, out: &mut Out<'_>) -> Body {
        let doc = out.start(part.dir, plain(DocumentKind::SqlQuery, part.at + from as u64));
        self.front = Front::Query { doc, sql: Box::new(Sql::new(Dialect::Postgres)), name };
        match part.octets.get(from..).filter(|rest| !rest.is_empty()) {
            Some(octets) => {
                let rest = Part { at: part.at + from as u64, octets, left: part.left - from as u64, ..part };
                match self.asked(rest, out) {
                    Body::Took(used) => Body::Took(from + used),
                    other => other,
                }
            }
            None => Body::Took(from),
        }
    }

    /// Portal, statement, formats; the values follow.
    fn bind(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        let mut reader = Reader::new(part.octets);
        let (Some(_portal), Some(statement)) = (cstring(&mut reader), cstring(&mut reader)) else { return Body::More };
        let Some(formats) = reader.u16() else { return Body::More };
        let Some(formats) = reader.take(usize::from(formats) * 2) else { return Body::More };
        let formats: Vec<bool> = formats.chunks_exact(2).map(|format| format == [0, 1]).collect();
        let Some(count) = reader.u16() else { return Body::More };
        let statement = name(statement);
        let known = self.statements.get(&statement).cloned().unwrap_or_default();
        let doc = out.start(part.dir, plain(DocumentKind::SqlParameters, part.at));
        self.front =
            Front::Bind { doc, tuple: Tuple::new(count, formats), names: known.parameters, types: known.types };
        self.ask(Asked::Bind(statement, Vec::new()));
        Body::Took(reader.at())
    }

    /// A message of the server.
    fn answered(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
        match self.kinds[1] {
            b'D' => self.rows.advance(part, out),
            b'd' if self.replicating => {
                let Some(octets) = part.whole() else { return Body::More };
                self.rows.replicated(part.dir, part.at, octets, out);
                Body::Took(octets.len())
            }
            b'd' => {
                let plan = &mut self.copy_plan;
                let binary = self.copy_binary;
                let copy = self.copy_out.get_or_insert_with(|| Copy::new(plan.take(), binary));
                copy.octets(part.dir, part.at, part.octets, out);
                Body::Took(part.octets.len())
            }
            kind => {
                let Some(octets) = part.whole() else { return Body::More };
                self.message(kind, part, octets, out);
                Body::Took(octets.len())
            }
        }
    }

    /// A message of the server that is no data.
    fn message(&mut self, kind: u8, part: Part<'_>, octets: &[u8], out: &mut Out<'_>) {
        let mut reader = Reader::new(octets);
        match kind {
            b'R' => self.authentication = reader.u32(),
            b'T' => {
                let columns: Arc<[Column]> = rows::columns(octets).into();
                if let Some(Asked::Describe(_)) = self.pending.front()
                    && let Some(Asked::Describe(name)) = self.pending.pop_front()
                    && let Some(statement) = self.statements.get_mut(&name)
                {
                    statement.columns = columns.clone();
                }
                self.rows.describe(columns, Vec::new(), out);
            }
            b't' => {
                let types = (0..reader.u16().unwrap_or(0)).map_while(|_| reader.u32()).collect();
                if let Some(Asked::Describe(name)) = self.pending.front()
                    && let Some(statement) = self.statements.get_mut(name)
                {
                    statement.types = types;
                }
            }
            b'G' | b'H' | b'W' => {
                self.copy_binary = reader.u8() == Some(1);
                self.replicating = kind == b'W';
            }
            b'E' | b'N' => {
                self.rows.close(out);
                let doc = out.start(part.dir, plain(DocumentKind::SqlRows, part.at));
                while let Some(code) = reader.u8().filter(|code| *code != 0) {
                    let Some(text) = cstring(&mut reader) else { break };
                    // Message, detail, hint, context, query: what may quote values.
                    if matches!(code, b'M' | b'D' | b'H' | b'W' | b'q') {
                        out.octets(&doc, text);
                        out.octets(&doc, b"\n");
                    }
                }
                out.end(&doc);
            }
            b'A' => {
                let _process = reader.u32();
                let channel = cstring(&mut reader).map(name);
                let doc = out.start(part.dir, plain(DocumentKind::SqlRows, part.at));
                out.value(&doc, channel.as_deref(), cstring(&mut reader).unwrap_or_default());
                out.end(&doc);
            }
            _ => {}
        }
    }

    /// A message of the server is over.
    fn finish_back(&mut self, out: &mut Out<'_>) {
        match self.kinds[1] {
            b'C' | b'I' | b's' => self.rows.close(out),
            b'n' => {
                if let Some(Asked::Describe(_)) = self.pending.front() {
                    self.pending.pop_front();
                }
            }
            b'2' => {
                // BindComplete: the rows that come are those of its statement.
                while let Some(asked) = self.pending.pop_front() {
                    if let Asked::Bind(name, formats) = asked {
                        let columns = self.statements.get(&name).map(|known| known.columns.clone()).unwrap_or_default();
                        self.rows.describe(columns, formats, out);
                        break;
                    }
                    if matches!(asked, Asked::Sync) {
                        self.pending.push_front(asked);
                        break;
                    }
                }
            }
            b'c' => {
                if let Some(mut copy) = self.copy_out.take() {
                    copy.end(out);
                }
            }
            b'Z' => {
                self.rows.close(out);
                self.replicating = false;
                while let Some(asked) = self.pending.pop_front() {
                    if matches!(asked, Asked::Sync) {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
}
