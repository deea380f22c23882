//! From a finding to counts and events.

use std::sync::Arc;

use super::Judge;
use crate::engine::ledger::count;
use crate::engine::live::{Live, ends, local_addr, names_the_remote, view};
use crate::engine::tally::{CountedFinding, LaneEvent, counts_for};
use crate::flow::FlowRecord;
use crate::model::{Direction, EventBody, Finding, FindingKey, Scope, Verdict, ViolationKey, shown_field};

impl Judge {
    pub(super) fn judge_finding(
        &mut self,
        flow: &FlowRecord,
        scope: Scope,
        out: Direction,
        live: &mut Live,
        mut finding: Finding,
    ) {
        finding.field = finding.field.as_deref().map(shown_field);
        let Some(level) = finding.confidence.level() else { return };
        let name = live.current.as_ref().or(live.name.as_ref().map(|(name, _)| name));
        let name = name.filter(|_| names_the_remote(out));
        if live.judged.as_ref().is_none_or(|judged| judged.name.as_ref() != name) {
            let judged = self.judged(flow, out, name);
            live.judged = Some(Box::new(judged));
        }
        let Some(judged) = live.judged.as_deref() else { return };
        let to = judged.to();
        let ledger = live.ledger.get_or_insert_default();
        let decision = self.decide(judged, ends(flow, out, &judged.place), Some((&finding, level)));
        ledger.worst = ledger.worst.max(Some(decision.verdict));
        let key = FindingKey { signature: finding.signature.clone(), class: finding.class, to };
        count(&mut ledger.findings, key);
        let broken = decision.rule.clone().filter(|_| decision.verdict == Verdict::Violation);
        if let Some(rule) = &broken {
            count(&mut ledger.violations, ViolationKey { rule: rule.clone(), to, class: Some(finding.class) });
        }
        let counted: Vec<_> = decision.counted.iter().filter(|rule| counts_for(rule, finding.class)).cloned().collect();
        ledger.counted |= !counted.is_empty();
        let reported = ledger.reported < self.limits.findings_per_flow_max;
        if reported {
            ledger.reported += 1;
        } else {
            ledger.unreported += 1;
            if counted.is_empty() {
                return;
            }
        }
        let view = Arc::new(view(flow, scope, out, live, &self.now));
        let finding = Arc::new(finding);
        if reported {
            self.push(Some(view.clone()), EventBody::Finding(finding.clone()));
        }
        if !counted.is_empty() {
            let counted = CountedFinding {
                rules: counted,
                matched: decision.matched.clone(),
                broken: broken.is_some(),
                reported,
                time: self.now,
                sender: local_addr(flow, out),
                to,
                view: view.clone(),
                finding: finding.clone(),
            };
            self.say(LaneEvent::Counted(Box::new(counted)));
        }
        if let Some(rule) = broken.filter(|_| reported) {
            let matched = decision.matched.clone();
            self.push(Some(view), EventBody::Violation { rule, matched, finding: Some(finding) });
        }
    }
}
