//! What the server answers: columns, rows, prepared statements, errors.

use super::values::{self, Tuple, length, number};
use super::{Asked, Back, COLUMNS_MAX, FULL, MySql, STATEMENT_BYTES_MAX, STATEMENTS_MAX, Statement};
use crate::model::DocumentKind;
use crate::proto::decoder::Out;
use crate::proto::framed::{Body, Part};
use crate::proto::reader::Reader;
use crate::proto::unknown::plain;

impl MySql {
    /// A packet of the server.
    pub(super) fn answered(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
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

    pub(super) fn finish_result(&mut self, out: &mut Out<'_>) {
        self.row = None;
        self.back = Back::First;
        self.current = None;
        if let Some(doc) = self.doc.take() {
            out.end(&doc);
        }
    }
}
