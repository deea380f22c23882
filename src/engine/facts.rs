//! How what inspection finds reaches a flow's state: [`Sink`] for flows that are read, [`Ear`] for those only followed for names.

use std::net::IpAddr;
use std::sync::Arc;

use super::document::{self, OpenDocument, Reading};
use super::judge::Judge;
use super::live::Live;
use super::names::Names;
use crate::flow::FlowRecord;
use crate::model::{AppProto, Direction, DocumentStart, KeyLog, NameSource, Scope, Timestamp, UninspectedReason};
use crate::proto::{Facts, TlsHello};

/// What inspection finds, on its way into a flow's state.
pub(super) struct Sink<'a> {
    pub(super) judge: &'a mut Judge,
    pub(super) flow: &'a FlowRecord,
    pub(super) scope: Scope,
    pub(super) out: Direction,
    pub(super) reads: bool,
    pub(super) live: &'a mut Live,
    pub(super) reading: &'a mut Reading,
    pub(super) client: IpAddr,
}

impl Sink<'_> {
    fn settle(&mut self) {
        self.judge.settle(self.flow, self.scope, self.out, self.live, self.reading);
    }
}

impl Facts for Sink<'_> {
    fn keys(&self) -> Option<&KeyLog> {
        Some(&*self.judge.keys).filter(|keys| !keys.is_empty())
    }

    fn protocol(&mut self, app: AppProto) {
        self.live.app = Some(app);
    }

    fn server_name(&mut self, name: &str, source: NameSource) {
        let Some(name) = clean_name(name) else { return };
        let name: Arc<str> = name.into();
        match &self.live.name {
            Some((_, known)) if !is_weak(*known) => {
                if is_weak(source) {
                    return;
                }
            }
            _ => self.live.name = Some((name.clone(), source)),
        }
        self.live.current = Some(name);
    }

    fn resolved(&mut self, question: &str, _name: &str, addr: IpAddr, ttl_seconds: u32) {
        if let Some(name) = clean_name(question) {
            self.judge.names.learn(self.client, &name, addr, ttl_seconds, self.judge.now);
        }
    }

    fn tls(&mut self, hello: &TlsHello) {
        if self.judge.options.flow_events {
            self.live.ja4 = Some(hello.ja4().into());
            self.live.ech |= hello.ech;
        }
    }

    fn document_start(&mut self, dir: Direction, id: u32, start: DocumentStart) {
        if self.reads && dir == self.out {
            self.live.documents.push(OpenDocument::new(id, &start, &self.judge.limits));
        }
    }

    fn document_field(&mut self, _dir: Direction, id: u32, field: Option<&str>) {
        if let Some(document) = self.live.documents.iter_mut().find(|document| document.id == id) {
            document.field(field, &mut self.judge.tools, self.reading);
        }
    }

    fn document_octets(&mut self, _dir: Direction, id: u32, octets: &[u8]) {
        if let Some(document) = self.live.documents.iter_mut().find(|document| document.id == id) {
            document.octets(octets, &mut self.judge.tools, self.reading);
            self.settle();
        }
    }

    fn document_gap(&mut self, _dir: Direction, id: u32, len: u64) {
        if let Some(document) = self.live.documents.iter_mut().find(|document| document.id == id) {
            document.gap(len, &mut self.judge.tools, self.reading);
            self.settle();
        }
    }

    fn document_end(&mut self, _dir: Direction, id: u32) {
        let Some(index) = self.live.documents.iter().position(|document| document.id == id) else { return };
        let mut document = self.live.documents.swap_remove(index);
        document.end(&mut self.judge.tools, self.reading);
        self.judge.held = self.judge.held.saturating_sub(document.held());
        self.settle();
    }

    fn document(&mut self, dir: Direction, _id: u32, start: DocumentStart, octets: &[u8]) {
        if self.reads && dir == self.out {
            let Judge { tools, limits, .. } = &mut *self.judge;
            document::read_whole(&start, octets, limits, tools, self.reading);
            self.settle();
        }
    }

    fn unread(&mut self, dir: Direction, len: u64, reason: UninspectedReason) {
        if dir == self.out {
            self.live.unread.add(reason, len);
        }
    }
}

/// Listens for names only.
pub(super) struct Ear<'a> {
    pub(super) names: &'a mut Names,
    pub(super) now: Timestamp,
    pub(super) client: IpAddr,
}

impl Facts for Ear<'_> {
    fn protocol(&mut self, _app: AppProto) {}
    fn server_name(&mut self, _name: &str, _source: NameSource) {}
    fn resolved(&mut self, question: &str, _name: &str, addr: IpAddr, ttl_seconds: u32) {
        if let Some(name) = clean_name(question) {
            self.names.learn(self.client, &name, addr, ttl_seconds, self.now);
        }
    }
    fn tls(&mut self, _hello: &TlsHello) {}
    fn document_start(&mut self, _dir: Direction, _id: u32, _start: DocumentStart) {}
    fn document_field(&mut self, _dir: Direction, _id: u32, _field: Option<&str>) {}
    fn document_octets(&mut self, _dir: Direction, _id: u32, _octets: &[u8]) {}
    fn document_gap(&mut self, _dir: Direction, _id: u32, _len: u64) {}
    fn document_end(&mut self, _dir: Direction, _id: u32) {}
    fn unread(&mut self, _dir: Direction, _len: u64, _reason: UninspectedReason) {}
}

/// A host name as events print it: lower case, without port and trailing dot. `None` for what cannot be one: names come from
/// the other side, and reach tables, CSV and alerts.
pub(super) fn clean_name(name: &str) -> Option<String> {
    let name = name.trim_end_matches('.');
    let fits = (1..=253).contains(&name.len())
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']'));
    fits.then(|| name.to_lowercase())
}

/// Whether a name gives way to one that the client asked for on the connection itself.
pub(super) const fn is_weak(source: NameSource) -> bool {
    matches!(source, NameSource::TlsCertificate | NameSource::Dns)
}
