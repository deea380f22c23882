//! JSON lines in the style of Suricata's EVE: one object an event, the fields of a flow repeated in each. The shape is published
//! as docs/schema/event.json and tested against it.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::model::{
    Event, EventBody, Finding, FlowView, ProcessView, RuleRef, Suspicion, Tunnel, WatchHit, proto_name,
};

/// Writes events as JSON lines.
pub struct EventWriter<W: Write> {
    out: W,
    captures: Vec<String>,
    written: u64,
}

impl<W: Write> EventWriter<W> {
    /// A writer that names captures by their paths, in the order of the command line.
    pub fn new(out: W, captures: Vec<String>) -> Self {
        Self { out, captures, written: 0 }
    }

    /// Writes one event and a line feed.
    ///
    /// # Errors
    /// Whatever the output says.
    pub fn write(&mut self, event: &Event) -> io::Result<()> {
        serde_json::to_writer(
            &mut self.out,
            &Line { event, captures: &self.captures, source: "pcap_filename", process: None },
        )?;
        self.written += 1;
        self.out.write_all(b"\n")
    }

    /// Flushes what is buffered and returns the number of events written.
    ///
    /// # Errors
    /// Whatever the output says.
    pub fn finish(mut self) -> io::Result<u64> {
        self.out.flush()?;
        Ok(self.written)
    }
}

/// One event of a live capture as a line with its line feed; `interfaces` are the names by index, `process` is who the flow belongs to.
///
/// # Errors
/// Only when memory does not suffice.
pub fn live_event_line(event: &Event, interfaces: &[String], process: Option<&ProcessView>) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&Line { event, captures: interfaces, source: "in_iface", process })?;
    line.push(b'\n');
    Ok(line)
}

struct Line<'a> {
    event: &'a Event,
    captures: &'a [String],
    /// The key that names the capture or interface.
    source: &'static str,
    process: Option<&'a ProcessView>,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timestamp", &self.event.time.to_string())?;
        map.serialize_entry("event_type", self.event.body.type_name())?;
        if let Some(flow) = &self.event.flow {
            flow_fields(&mut map, flow, self.captures, self.source)?;
        }
        if let Some(process) = self.process {
            map.serialize_entry("process", process)?;
        }
        match &self.event.body {
            EventBody::Flow => {}
            EventBody::Finding(finding) => map.serialize_entry("finding", &FindingObject(finding))?,
            EventBody::Violation { rule, matched, finding } => {
                map.serialize_entry("violation", &ViolationObject { rule, matched })?;
                if let Some(finding) = finding {
                    map.serialize_entry("finding", &FindingObject(finding))?;
                }
            }
            EventBody::Suspicion(suspicion) => map.serialize_entry("suspicion", &SuspicionObject(suspicion))?,
            EventBody::Notice(text) => map.serialize_entry("notice", text)?,
        }
        map.end()
    }
}

fn flow_fields<M: SerializeMap>(
    map: &mut M,
    flow: &FlowView,
    captures: &[String],
    source: &'static str,
) -> Result<(), M::Error> {
    map.serialize_entry("flow_id", &flow.flow_id)?;
    map.serialize_entry("community_id", &flow.community_id)?;
    map.serialize_entry("scope", &flow.scope)?;
    if let Some(path) = captures.get(usize::from(flow.capture)) {
        map.serialize_entry(source, path)?;
    }
    if flow.vlan != 0 {
        map.serialize_entry("vlan", &flow.vlan)?;
    }
    if let Some(tunnel) = &flow.tunnel {
        map.serialize_entry("tunnel", &TunnelObject(tunnel))?;
    }
    map.serialize_entry("src_ip", &flow.src.0)?;
    map.serialize_entry("src_port", &flow.src.1)?;
    map.serialize_entry("dest_ip", &flow.dest.0)?;
    map.serialize_entry("dest_port", &flow.dest.1)?;
    if let Some(initiator) = flow.initiator {
        map.serialize_entry("initiator", &initiator)?;
    }
    map.serialize_entry("proto", &proto_name(flow.proto))?;
    map.serialize_entry("app_proto", &flow.app_proto)?;
    if let Some((name, source)) = &flow.server_name {
        map.serialize_entry("server_name", name)?;
        map.serialize_entry("server_name_source", source)?;
    }
    if let Some(ja4) = &flow.ja4 {
        map.serialize_entry("ja4", ja4)?;
    }
    if flow.ech {
        map.serialize_entry("ech", &true)?;
    }
    map.serialize_entry("bytes_out", &flow.bytes_out)?;
    map.serialize_entry("bytes_in", &flow.bytes_in)?;
    map.serialize_entry("packets_out", &flow.packets_out)?;
    map.serialize_entry("packets_in", &flow.packets_in)?;
    map.serialize_entry("flow_start", &flow.first.to_string())?;
    map.serialize_entry("flow_last", &flow.last.to_string())?;
    map.serialize_entry("destination", &*flow.destination)?;
    map.serialize_entry("inspection", &flow.inspection)?;
    if flow.persons > 0 {
        map.serialize_entry("persons", &flow.persons)?;
    }
    map.serialize_entry("verdict", &flow.verdict)
}

struct TunnelObject<'a>(&'a Tunnel);

impl Serialize for TunnelObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("kind", &self.0.kind)?;
        map.serialize_entry("depth", &self.0.depth)?;
        map.serialize_entry("vni", &self.0.vni)?;
        map.serialize_entry("outer_src", &self.0.outer_src)?;
        map.serialize_entry("outer_dst", &self.0.outer_dst)?;
        map.end()
    }
}

struct FindingObject<'a>(&'a Finding);

impl Serialize for FindingObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let finding = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("signature", &finding.signature)?;
        map.serialize_entry("class", &finding.class)?;
        map.serialize_entry("confidence", &finding.confidence.0)?;
        map.serialize_entry("level", &finding.confidence.level())?;
        map.serialize_entry("offset", &finding.offset)?;
        map.serialize_entry("length", &finding.length)?;
        map.serialize_entry("masked", &finding.masked)?;
        map.serialize_entry("digest", &finding.digest)?;
        map.serialize_entry("field", &finding.field)?;
        map.serialize_entry("document", &finding.document)?;
        if finding.test_value {
            map.serialize_entry("test_value", &true)?;
        }
        if let Some(record) = finding.record {
            map.serialize_entry("record", &record)?;
        }
        if let Some(subject) = finding.subject {
            map.serialize_entry("subject", &subject)?;
        }
        if let Some(hit) = &finding.watch {
            map.serialize_entry("watch", &WatchObject(hit))?;
        }
        map.end()
    }
}

struct WatchObject<'a>(&'a WatchHit);

impl Serialize for WatchObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("list", &self.0.list)?;
        if let Some(label) = &self.0.label {
            map.serialize_entry("label", label)?;
        }
        map.serialize_entry("tag", &self.0.tag)?;
        map.end()
    }
}

/// What a violation and a suspicion both say of the rule behind them.
fn rule_fields<M: SerializeMap>(map: &mut M, rule: &RuleRef) -> Result<(), M::Error> {
    map.serialize_entry("policy", &rule.policy)?;
    map.serialize_entry("version", &rule.version)?;
    map.serialize_entry("rule", &rule.rule)?;
    map.serialize_entry("severity", &rule.severity)?;
    map.serialize_entry("basis", &rule.basis)?;
    map.serialize_entry("reason", &rule.reason)?;
    if rule.owner.is_empty() { Ok(()) } else { map.serialize_entry("owner", &rule.owner) }
}

struct ViolationObject<'a> {
    rule: &'a RuleRef,
    matched: &'a [std::sync::Arc<str>],
}

impl Serialize for ViolationObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        rule_fields(&mut map, self.rule)?;
        map.serialize_entry("matched", self.matched)?;
        map.end()
    }
}

struct SuspicionObject<'a>(&'a Suspicion);

impl Serialize for SuspicionObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Suspicion { rule, group, day, unread_bytes, bytes_out, bytes_in, new_destination } = self.0;
        let mut map = serializer.serialize_map(None)?;
        rule_fields(&mut map, rule)?;
        map.serialize_entry("group", group)?;
        map.serialize_entry("day", day)?;
        map.serialize_entry("unread_bytes", unread_bytes)?;
        map.serialize_entry("bytes_out", bytes_out)?;
        map.serialize_entry("bytes_in", bytes_in)?;
        map.serialize_entry("new_destination", new_destination)?;
        map.end()
    }
}
