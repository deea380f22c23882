//! What egress flows come to: octets by where they went and by what nobody could read, added to the counts while a flow is open and at
//! its end.

use std::sync::Arc;
use std::time::Duration;

use super::Judge;
use crate::engine::ledger::count;
use crate::engine::live::{FlowState, Live, ends, remote_addr, view};
use crate::engine::sums;
use crate::engine::tally::LaneEvent;
use crate::flow::FlowRecord;
use crate::geo::LIGHT_CONFLICT;
use crate::model::{
    Country, Direction, EventBody, Jurisdiction, Scope, Tally, UndeterminedReason, UninspectedReason, Verdict,
    ViolationKey,
};

/// Open flows younger than this are not counted yet: their names may still come.
const SETTLE_AGE: Duration = Duration::from_secs(1);
/// Octets past which an open flow without payload is counted; before, it is not worth the memory.
const SETTLE_BARE_BYTES: u64 = 1 << 16;

impl Judge {
    /// Adds to the counts what an open flow came to since the last time.
    pub(in crate::engine) fn settle_open(&mut self, flow: &FlowRecord, state: &mut FlowState) {
        let bytes = flow.bytes[state.out.index()];
        let bare = state.live.is_none() && bytes < SETTLE_BARE_BYTES;
        if state.overheard || state.scope != Scope::Egress || bare || self.now.since(flow.first) < SETTLE_AGE {
            return;
        }
        let live = state.live.get_or_insert_default();
        if live.counted.as_ref().is_some_and(|counted| counted.bytes() == bytes) {
            return;
        }
        self.judge_as_a_whole(flow, state.out, live);
        self.sum_up(flow, state.out, live, false);
    }

    /// Adds what an egress flow came to since the last time to the counts, and judges what could not be read.
    pub(super) fn sum_up(&mut self, flow: &FlowRecord, out: Direction, live: &mut Live, ended: bool) -> Verdict {
        let bytes = flow.bytes[out.index()];
        let to = live
            .judged
            .as_ref()
            .map_or(Jurisdiction { location: Default::default(), control: Default::default() }, |judged| judged.to());
        let mut worst = live.ledger.as_ref().and_then(|ledger| ledger.worst).unwrap_or(Verdict::Allowed);
        if bytes == 0 {
            return worst;
        }
        if ended {
            self.tell_sent(flow, out, live, bytes);
        }
        let unread = live.unread.by_reason(bytes);
        if !unread.is_empty() || !to.location.is_known() {
            let verdict = self.judge_unread(flow, out, live, to, &unread, ended);
            worst = worst.max(verdict);
        }
        let fresh = live.counted.get_or_insert_default().settle(flow.packets[out.index()], bytes, &unread);
        for (reason, tally) in fresh.unread {
            *self.counts.uninspected.entry((to.location, reason)).or_default() += tally;
        }
        *self.counts.egress.entry(to).or_default() += fresh.egress;
        if live.ledger.as_ref().is_some_and(|ledger| ledger.counted) {
            // Whether it broke a threshold is known where lanes come together.
            let bytes = fresh.egress.bytes;
            let settled = LaneEvent::Settled { flow_id: flow.flow_id, to, verdict: worst, bytes, ended };
            self.say(settled);
        } else {
            *self.counts.egress_by_verdict.entry((to, worst)).or_default() += fresh.egress.bytes;
        }
        if fresh.egress.flows > 0
            && let Some(pair) = self.rules.locator.conflict(remote_addr(flow, out))
        {
            *self.counts.jurisdiction_conflicts.entry(pair).or_default() += 1;
        }
        if live.judged.as_ref().is_some_and(|judged| judged.is_struck()) {
            *self.counts.jurisdiction_conflicts.entry(LIGHT_CONFLICT).or_default() += 1;
        }
        if let Some(ledger) = live.ledger.as_deref_mut() {
            for entry in &mut ledger.findings {
                let tally = entry.settle(bytes);
                *self.counts.findings.entry(entry.key.clone()).or_default() += tally;
            }
            for entry in &mut ledger.violations {
                let tally = entry.settle(bytes);
                *self.counts.violations.entry(entry.key.clone()).or_default() += tally;
            }
            let unreported = std::mem::take(&mut ledger.unreported);
            if unreported > 0 {
                *self.counts.limits_reached.entry(sums::FINDINGS).or_default() += unreported;
            }
        }
        worst
    }

    /// Judges what could not be read, or went nobody knows where.
    fn judge_unread(
        &mut self,
        flow: &FlowRecord,
        out: Direction,
        live: &mut Live,
        to: Jurisdiction,
        unread: &[(UninspectedReason, u64)],
        ended: bool,
    ) -> Verdict {
        let bytes = flow.bytes[out.index()];
        let Some(judged) = live.judged.as_deref() else { return Verdict::Undetermined };
        let decision = self.decide(judged, ends(flow, out, &judged.place), None);
        match decision.verdict {
            Verdict::Allowed => {}
            // Of an open flow more may be read yet.
            Verdict::Undetermined if !ended => {}
            Verdict::Undetermined if to.location == Country::UNKNOWN => {
                self.undetermined(UndeterminedReason::UnknownJurisdiction, to, bytes);
            }
            Verdict::Undetermined => {
                // Several reasons may fall under one heading; the flow counts once under each.
                let mut headings: Vec<(UndeterminedReason, u64)> = Vec::new();
                for &(reason, octets) in unread {
                    let heading = UndeterminedReason::from_uninspected(reason);
                    match headings.iter_mut().find(|(known, _)| *known == heading) {
                        Some((_, sum)) => *sum += octets,
                        None => headings.push((heading, octets)),
                    }
                }
                for (heading, octets) in headings {
                    self.undetermined(heading, to, octets);
                }
            }
            Verdict::Violation => {
                let ledger = live.ledger.get_or_insert_default();
                if let Some(rule) = decision.rule.clone().filter(|_| !ledger.unread_reported) {
                    ledger.unread_reported = true;
                    count(&mut ledger.violations, ViolationKey { rule: rule.clone(), to, class: None });
                    ledger.worst = Some(Verdict::Violation);
                    let view = Arc::new(view(flow, Scope::Egress, out, live, &self.now));
                    let matched = decision.matched.clone();
                    self.push(Some(view), EventBody::Violation { rule, matched, finding: None });
                }
            }
        }
        decision.verdict
    }

    fn undetermined(&mut self, reason: UndeterminedReason, to: Jurisdiction, bytes: u64) {
        *self.counts.undetermined.entry((reason, to.location)).or_default() += Tally { flows: 1, count: 1, bytes };
    }
}
