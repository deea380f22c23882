//! What the engine keeps of a flow while it lives, and the view of it that events carry.

use std::net::IpAddr;
use std::sync::Arc;

use super::document::OpenDocument;
use super::ledger::{Counted, Judged, Ledger, Unread};
use super::sending::Told;
use crate::flow::FlowRecord;
use crate::model::{
    AppProto, Destination, Direction, Ends, FlowView, Initiator, NameSource, Place, Scope, Timestamp,
    UninspectedReason, Verdict, community_id,
};
use crate::proto::Inspector;

/// What the engine keeps of a flow. Two words for a flow that carried nothing yet.
pub(super) struct FlowState {
    /// Followed only for names; never counted.
    pub(super) overheard: bool,
    pub(super) scope: Scope,
    /// The direction of octets from `src` to `dest` as events name them: away from the local end.
    pub(super) out: Direction,
    pub(super) live: Option<Box<Live>>,
}

/// The part of a flow's state that exists once it carries octets or has a name.
#[derive(Default)]
pub(super) struct Live {
    pub(super) inspector: Option<Box<Inspector>>,
    pub(super) app: Option<AppProto>,
    /// The first name known, or the first one that is not weak.
    pub(super) name: Option<(Arc<str>, NameSource)>,
    /// Fingerprint of the TLS client.
    pub(super) ja4: Option<Arc<str>>,
    /// Whether it offered an Encrypted Client Hello.
    pub(super) ech: bool,
    /// The latest name, if the flow serves several (a proxy, a reused connection).
    pub(super) current: Option<Arc<str>>,
    /// Directions of which nothing more will be read, and why.
    pub(super) sealed: [Option<UninspectedReason>; 2],
    /// Documents being read.
    pub(super) documents: Vec<OpenDocument>,
    /// Outbound octets that were not read.
    pub(super) unread: Unread,
    /// Findings and violations.
    pub(super) ledger: Option<Box<Ledger>>,
    /// The place under the latest name.
    pub(super) judged: Option<Box<Judged>>,
    /// What is in the counts already.
    pub(super) counted: Option<Box<Counted>>,
    /// What was told of it to rules that suspect.
    pub(super) told: Option<Box<Told>>,
}

/// Whether a flow's server name is the remote end's: on an inbound connection it is our own server's.
pub(super) const fn names_the_remote(out: Direction) -> bool {
    matches!(out, Direction::Forward)
}

pub(super) fn remote_addr(flow: &FlowRecord, out: Direction) -> IpAddr {
    match out {
        Direction::Forward => flow.responder.addr,
        Direction::Backward => flow.originator.addr,
    }
}

pub(super) fn local_addr(flow: &FlowRecord, out: Direction) -> IpAddr {
    remote_addr(flow, out.reverse())
}

/// Both ends as policy sees them.
pub(super) fn ends<'a>(flow: &FlowRecord, out: Direction, place: &'a Place) -> Ends<'a> {
    Ends {
        sender: local_addr(flow, out),
        peer: remote_addr(flow, out),
        proto: flow.proto,
        port: flow.responder.port,
        operator: place.operator.as_deref(),
        as_org: place.as_org.as_deref(),
    }
}

pub(super) fn view(flow: &FlowRecord, scope: Scope, out: Direction, live: &mut Live, now: &Timestamp) -> FlowView {
    let (src, dest) = match out {
        Direction::Forward => (flow.originator, flow.responder),
        Direction::Backward => (flow.responder, flow.originator),
    };
    let initiator = match (scope, out) {
        (Scope::Transit, _) => None,
        (_, Direction::Forward) => Some(Initiator::Local),
        (_, Direction::Backward) => Some(Initiator::Remote),
    };
    let bytes_out = flow.bytes[out.index()];
    let destination = live.judged.as_ref().map_or_else(
        || {
            Arc::new(Destination {
                location: Default::default(),
                control: Default::default(),
                claimed: None,
                asn: None,
                as_org: None,
                operator: None,
                evidence: Vec::new(),
            })
        },
        |judged| judged.destination.clone(),
    );
    let hashed = || community_id(flow.proto, flow.originator, flow.responder).into();
    // A flow with findings has many events; others have one at their end.
    let community_id =
        live.ledger.as_mut().map_or_else(hashed, |ledger| ledger.community_id.get_or_insert_with(hashed).clone());
    FlowView {
        flow_id: flow.flow_id,
        community_id,
        scope,
        proto: flow.proto,
        src: (src.addr, src.port),
        dest: (dest.addr, dest.port),
        initiator,
        capture: flow.origin.capture,
        vlan: flow.vlan(),
        tunnel: flow.tunnel(),
        app_proto: live.app.unwrap_or(AppProto::Unknown),
        server_name: live.name.clone(),
        ja4: live.ja4.clone(),
        ech: live.ech,
        packets_out: flow.packets[out.index()],
        bytes_out,
        packets_in: flow.packets[out.reverse().index()],
        bytes_in: flow.bytes[out.reverse().index()],
        first: flow.first,
        last: (*now).min(flow.last),
        destination,
        inspection: live.unread.inspection(bytes_out),
        verdict: live.ledger.as_ref().and_then(|ledger| ledger.worst).unwrap_or(Verdict::Allowed),
        persons: live.ledger.as_ref().map_or(0, |ledger| ledger.persons.count()),
    }
}
