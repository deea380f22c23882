//! How many values each label of a metric can have. Labels come from closed sets that the configuration fixes, so that the number of
//! series has a bound before the first packet (docs/metrics.md).

use std::collections::BTreeSet;

use super::metrics::{MetricsInput, SERIES_MAX};
use crate::model::{UninspectedReason, Verdict};

/// Pairs of letters, and `local`.
const LOCATIONS: usize = 26 * 26 + 1;
/// Series of `process_*`.
pub(super) const PROCESS_SERIES: usize = 16;
/// A few words of our own: pools, protocols, reasons that no list names.
const WORDS: usize = 32;

/// Sizes of the sets that labels take their values from.
pub(super) struct LabelSizes {
    signatures: usize,
    rules: usize,
    policies: usize,
    exceptions: usize,
    databases: usize,
    interfaces: usize,
    sinks: usize,
    reasons: usize,
    limits: usize,
    conflicts: usize,
}

impl LabelSizes {
    pub(super) fn of(input: &MetricsInput<'_>) -> Self {
        let facts = input.policies;
        let thresholds = facts.thresholds.iter().filter(|rule| !input.rules.contains(rule)).count();
        let excepted: BTreeSet<&str> = facts.exceptions.iter().map(|(rule, ..)| rule.as_str()).collect();
        let live = input.live.as_ref();
        Self {
            signatures: input.signatures.len(),
            rules: (input.rules.len() + thresholds).max(excepted.len()).max(facts.suspicions.len()),
            policies: facts.versions.len(),
            exceptions: facts.exceptions.len(),
            databases: input.databases.len(),
            interfaces: live.map_or(input.captures.len(), |live| live.interfaces.len()),
            sinks: live.map_or(0, |live| live.sinks.len()),
            reasons: input.decode_errors.len().max(UninspectedReason::ALL.len()).max(WORDS),
            limits: input.limit_names.len(),
            conflicts: input.conflicts.len(),
        }
    }

    /// Series that a family with these labels can have.
    pub(super) fn product(&self, labels: &[&str]) -> usize {
        labels.iter().map(|label| self.values(label, labels)).fold(1, usize::saturating_mul)
    }

    fn values(&self, label: &str, beside: &[&str]) -> usize {
        match label {
            "dst_location" | "dst_control" => LOCATIONS,
            "verdict" => Verdict::ALL.len(),
            "signature" => self.signatures,
            "rule" => self.rules,
            // Told by the label beside it: a signature's class, a rule's policy and severity, a reason's layer, a limit's
            // consequence.
            "data_class" if beside.contains(&"signature") => 1,
            "policy" | "severity" if beside.contains(&"rule") => 1,
            "layer" if beside.contains(&"reason") => 1,
            "consequence" if beside.contains(&"limit") => 1,
            "policy" => self.policies,
            "version" => 1,
            "exception" => self.exceptions,
            "database" => self.databases,
            "interface" => self.interfaces,
            "sink" => self.sinks,
            "reason" => self.reasons,
            "limit" => self.limits,
            "between" => self.conflicts,
            "fate" | "pool" | "proto" => WORDS,
            // Nobody said: the family's own cap holds.
            _ => SERIES_MAX,
        }
    }
}
