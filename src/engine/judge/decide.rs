//! Where a flow goes, and what policy says of that. Flows come back to the same servers with the same kinds of data: what was found and
//! decided is remembered, and asked for once.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Judge;
use crate::engine::ledger::Judged;
use crate::engine::live::{Live, names_the_remote, remote_addr};
use crate::engine::question::Question;
use crate::flow::FlowRecord;
use crate::geo::{Judgement, Locator};
use crate::model::{
    Countries, Country, Crossing, CrossingData, Decision, Destination, Direction, EgressCounts, Ends, Finding,
    Jurisdiction, Level, Packet, Place, Tally, UninspectedReason, Verdict, ViolationKey,
};

impl Judge {
    /// Locates a flow as a whole: under its first name. Findings are judged under the name of their request.
    pub(in crate::engine) fn judge_as_a_whole(&mut self, flow: &FlowRecord, out: Direction, live: &mut Live) {
        let name = live.name.as_ref().map(|(name, _)| name.clone()).filter(|_| names_the_remote(out));
        if live.judged.as_ref().is_none_or(|judged| judged.name != name) {
            live.judged = Some(Box::new(self.judged(flow, out, name.as_ref())));
        }
    }

    /// The place of a flow's remote end under a name. What was found is remembered, save where it took the time of an answer to tell.
    pub(super) fn judged(&mut self, flow: &FlowRecord, out: Direction, name: Option<&Arc<str>>) -> Judged {
        let Self { rules, places, .. } = self;
        let (addr, round_trip) = (remote_addr(flow, out), flow.round_trip(out.reverse()));
        if round_trip.is_some() && rules.locator.hears_light() {
            return look_up(&rules.locator, addr, name, round_trip);
        }
        places.recall((addr, name.cloned()), || look_up(&rules.locator, addr, name, None))
    }

    /// What policy says of data, or of octets that could not be read, going where a flow goes.
    pub(super) fn decide(&mut self, judged: &Judged, ends: Ends<'_>, data: Option<(&Finding, Level)>) -> Arc<Decision> {
        let light = (judged.destination.claimed, judged.feasible.as_deref());
        self.decide_of(&judged.place, light, ends, data)
    }

    /// As [`Judge::decide`], with what light tells of the place: what was claimed, and where it can be.
    fn decide_of(
        &mut self,
        place: &Place,
        (claimed, feasible): (Option<Country>, Option<&Countries>),
        ends: Ends<'_>,
        data: Option<(&Finding, Level)>,
    ) -> Arc<Decision> {
        let Self { rules, now, decisions, .. } = self;
        let way = rules.policy.minds_ways().then_some(&ends);
        let question = Question::new(place, (claimed, feasible), *now, way, data);
        decisions.recall(question, || {
            let data = data.map(|(finding, level)| CrossingData {
                signature: &finding.signature,
                class: finding.class,
                level,
                subject: finding.subject,
            });
            Arc::new(rules.policy.decide(&Crossing {
                time: *now,
                data,
                location: place.location,
                control: place.control,
                service_class: place.service_class.as_deref(),
                ends,
                feasible,
                claimed,
            }))
        })
    }

    /// Counts a packet that the full flow table refused. Nothing of it was read: what policy says of that, without a flow to report
    /// it with. Whoever floods has many destinations: each is located without evidence, and leaves what is remembered of places alone.
    pub(super) fn judge_refused(&mut self, packet: &Packet<'_>) {
        let locator = &self.rules.locator;
        if !locator.is_local(packet.src) || locator.is_local(packet.dst) {
            return;
        }
        let name = self.names.name_of(packet.src, packet.dst, self.now);
        let place = locator.locate(packet.dst, name.as_deref());
        let to = Jurisdiction { location: place.location, control: place.control };
        let (packets, bytes) = (u64::from(packet.packets), packet.bytes);
        *self.counts.egress.entry(to).or_default() +=
            EgressCounts { packets, bytes, missed_bytes: bytes, ..EgressCounts::default() };
        let unread = Tally { flows: 0, count: packets, bytes };
        *self.counts.uninspected.entry((to.location, UninspectedReason::FlowLimit)).or_default() += unread;
        let ends = Ends {
            sender: packet.src,
            peer: packet.dst,
            proto: packet.proto,
            port: packet.dst_port,
            operator: place.operator.as_deref(),
            as_org: place.as_org.as_deref(),
        };
        let decision = self.decide_of(&place, (None, None), ends, None);
        *self.counts.egress_by_verdict.entry((to, decision.verdict)).or_default() += bytes;
        if let Some(rule) = decision.rule.clone().filter(|_| decision.verdict == Verdict::Violation) {
            *self.counts.violations.entry(ViolationKey { rule, to, class: None }).or_default() += unread;
        }
    }
}

fn look_up(locator: &Locator, addr: IpAddr, name: Option<&Arc<str>>, round_trip: Option<Duration>) -> Judged {
    let Judgement { place, evidence, claimed, feasible } = locator.judge(addr, name.map(AsRef::as_ref), round_trip);
    let destination = Destination {
        location: place.location,
        control: place.control,
        claimed,
        asn: place.asn,
        as_org: place.as_org.clone(),
        operator: place.operator.clone(),
        evidence,
    };
    Judged { name: name.cloned(), place, destination: Arc::new(destination), feasible }
}
