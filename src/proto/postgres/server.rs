//! What the server answers: columns, rows, COPY data, logical replication, errors and notifications.

use std::sync::Arc;

use super::rows::{self, Column};
use super::{Asked, Postgres, cstring, name};
use crate::model::DocumentKind;
use crate::proto::decoder::Out;
use crate::proto::framed::{Body, Part};
use crate::proto::reader::Reader;
use crate::proto::sql::copy::Copy;
use crate::proto::unknown::plain;

impl Postgres {
    /// A message of the server.
    pub(super) fn answered(&mut self, part: Part<'_>, out: &mut Out<'_>) -> Body {
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
    pub(super) fn finish_back(&mut self, out: &mut Out<'_>) {
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
