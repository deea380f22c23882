//! PostgreSQL's frontend/backend protocol 3 (PostgreSQL documentation, chapter 55): start-up, simple and extended queries,
//! rows, COPY, logical replication.
//!
//! Statements are read as [SQL](super::sql), values bound to parameters have the names that their statement gives them, values of
//! rows those of their columns, also where a driver asked for the columns once, when it prepared the statement. What is
//! asked and what is answered is matched by a queue of requests; answers without known request are read without names.
//!
//! Here is how messages are cut and what is remembered between them; [`client`] and [`server`] read what each end says.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::model::Direction;

use super::decoder::{Doc, Out, Probe, Role, StreamDecoder};
use super::framed::{Body, Framed, Head, Part, Protocol};
use super::reader::Reader;
use super::sql::copy::Copy;
use super::sql::{CopyFormat, Names, Sql, is_statement};

mod client;
mod rows;
mod server;
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
}
