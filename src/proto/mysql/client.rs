//! What the client sends: its login, commands, and values of prepared statements.

use super::values::{Column, Tuple, length, number, string};
use super::{
    Asked, CONNECT_ATTRS, CONNECT_WITH_DB, Front, LENGTH_ENCODED_AUTH, MySql, PLUGIN_AUTH, PROTOCOL_41,
    SECURE_CONNECTION, STATEMENT_BYTES_MAX,
};
use crate::model::DocumentKind;
use crate::proto::decoder::{Doc, Out};
use crate::proto::framed::{Body, Part};
use crate::proto::reader::Reader;
use crate::proto::sql::{Dialect, Sql};
use crate::proto::unknown::plain;

impl MySql {
    /// A packet of the client.
    pub(super) fn asked(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
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

    pub(super) fn finish_front(&mut self, out: &mut Out<'_>) {
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
}
