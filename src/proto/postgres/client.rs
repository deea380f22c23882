//! What the client sends: start-up, password, statements, values bound to them, COPY data.

use std::sync::Arc;

use super::rows::Tuple;
use super::{
    Asked, CANCEL, COLUMNS_MAX, Front, Postgres, STATEMENT_BYTES_MAX, STATEMENTS_MAX, Statement, VERSION, cstring, name,
};
use crate::model::DocumentKind;
use crate::proto::decoder::Out;
use crate::proto::framed::{Body, Part};
use crate::proto::reader::Reader;
use crate::proto::sql::copy::Copy;
use crate::proto::sql::{Dialect, Names, Sql};
use crate::proto::unknown::plain;

impl Postgres {
    pub(super) fn finish_front(&mut self, out: &mut Out<'_>) {
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
    pub(super) fn asked(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
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
}
