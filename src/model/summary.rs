//! Counts of a run: what `--json`, the tables and the metrics are made of. Sums only, so that several engines' counts add up
//! to the same whatever the order; ordered maps, so that two runs print the same octets.

use std::collections::BTreeMap;

use super::{Country, DataClass, RuleRef, Scope, Severity, UninspectedReason, Verdict};
use std::sync::Arc;

/// What came from one capture file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureSummary {
    /// Path as given on the command line.
    pub path: String,
    /// `pcap` or `pcapng`, empty if it was neither.
    pub format: &'static str,
    /// Whole frames read.
    pub packets: u64,
    /// Their lengths on the wire.
    pub bytes: u64,
    /// Time of the earliest and latest frame.
    pub span: Option<(super::Timestamp, super::Timestamp)>,
    /// Whether the capture ended where it should.
    pub complete: bool,
    /// What was wrong, with offset.
    pub error: Option<String>,
}

/// What came from one interface of a live capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceCounts {
    /// Its name.
    pub name: String,
    /// Frames read.
    pub packets: u64,
    /// Their lengths on the wire.
    pub bytes: u64,
    /// Frames the kernel dropped because the ring was full.
    pub dropped_ring: u64,
    /// Frames the interface or its driver dropped.
    pub dropped_interface: u64,
    /// How full its ring is, reckoned, 0 to 1000.
    pub ring_fill: u32,
    /// How full it was at most in the last minute, or half of it.
    pub ring_fill_peak: u32,
    /// Time of the earliest and latest frame.
    pub span: Option<(super::Timestamp, super::Timestamp)>,
}

/// Frames by what became of them. `total = ip + non_ip + malformed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// All frames.
    pub total: u64,
    /// Frames with a usable IP header (addresses are known).
    pub ip: u64,
    /// Frames that carry something else.
    pub non_ip: u64,
    /// Frames whose link or IP header was cut off or wrong.
    pub malformed: u64,
    /// IP fragments among `ip`.
    pub fragments: u64,
}

/// Where data went: both axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jurisdiction {
    /// Where the address is.
    pub location: Country,
    /// Who controls the service.
    pub control: Country,
}

/// Egress to one jurisdiction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EgressCounts {
    /// Flows with outbound octets.
    pub flows: u64,
    /// Outbound IP packets.
    pub packets: u64,
    /// Outbound IP octets: `inspected + opaque + missed`.
    pub bytes: u64,
    /// Octets read.
    pub inspected_bytes: u64,
    /// Octets locked.
    pub opaque_bytes: u64,
    /// Octets lost.
    pub missed_bytes: u64,
}

/// What findings are summed by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingKey {
    /// Signature id.
    pub signature: Arc<str>,
    /// Its class.
    pub class: DataClass,
    /// Where it went.
    pub to: Jurisdiction,
}

/// What violations are summed by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ViolationKey {
    /// The broken rule.
    pub rule: Arc<RuleRef>,
    /// Where it went.
    pub to: Jurisdiction,
    /// Class of the data; `None` for a rule on octets that cannot be read.
    pub class: Option<DataClass>,
}

/// What suspicions are summed by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SuspicionKey {
    /// The rule.
    pub rule: Arc<RuleRef>,
    /// Where it went.
    pub to: Jurisdiction,
}

/// A number of occurrences over a number of flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Flows it occurred in.
    pub flows: u64,
    /// Occurrences.
    pub count: u64,
    /// Outbound octets of those flows.
    pub bytes: u64,
}

/// Everything counted in a run. Mergeable: see [`Counts::merge`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames.
    pub frames: FrameCounts,
    /// Decode errors by layer and reason.
    pub decode_errors: BTreeMap<(&'static str, &'static str), u64>,
    /// Flows by protocol name class: tcp, udp, other.
    pub flows_tcp: u64,
    /// See `flows_tcp`.
    pub flows_udp: u64,
    /// See `flows_tcp`.
    pub flows_other: u64,
    /// Flows by scope.
    pub scopes: BTreeMap<Scope, u64>,
    /// Flows that ended before their time, by reason.
    pub flows_evicted: BTreeMap<&'static str, u64>,
    /// Egress by jurisdiction.
    pub egress: BTreeMap<Jurisdiction, EgressCounts>,
    /// Egress octets by jurisdiction and verdict of the flow.
    pub egress_by_verdict: BTreeMap<(Jurisdiction, Verdict), u64>,
    /// Octets that were not read, by location and reason.
    pub uninspected: BTreeMap<(Country, UninspectedReason), Tally>,
    /// Findings.
    pub findings: BTreeMap<FindingKey, Tally>,
    /// Violations.
    pub violations: BTreeMap<ViolationKey, Tally>,
    /// Traffic that nobody can read and that looks suspicious: never part of any other count.
    pub suspicions: BTreeMap<SuspicionKey, Tally>,
    /// Flows whose verdict is undetermined, by reason and location.
    pub undetermined: BTreeMap<(UndeterminedReason, Country), Tally>,
    /// Gaps in reassembled streams.
    pub reassembly_gaps: u64,
    /// TCP acknowledgements of octets beyond those acknowledged before.
    pub acks: u64,
    /// Such that acknowledge octets never seen: the capture lost them, not the network.
    pub acks_unseen: u64,
    /// Octets given up that were acknowledged.
    pub acked_unseen_bytes: u64,
    /// TCP payload octets that protocol decoders were shown.
    pub tcp_delivered_bytes: u64,
    /// TCP payload octets that nobody looked at: their half-stream was told to be locked, or nothing in it is wanted.
    pub tcp_skipped_bytes: u64,
    /// Octets of text that were searched for user data.
    pub scanned_bytes: u64,
    /// TCP payload octets that were retransmitted.
    pub retransmitted_bytes: u64,
    /// Overlapping TCP payload octets with different content.
    pub conflicting_overlaps: u64,
    /// Disagreements between pieces of evidence, by pair of sources.
    pub jurisdiction_conflicts: BTreeMap<&'static str, u64>,
    /// Limits reached, by name, and what they cost.
    pub limits_reached: BTreeMap<&'static str, u64>,
    /// Times a count of persons or devices came near a rule's threshold.
    pub thresholds_near: BTreeMap<Arc<RuleRef>, u64>,
}

super::packet::names! {
    /// Why a verdict is undetermined.
    UndeterminedReason {
        /// The jurisdiction is unknown.
        UnknownJurisdiction = "unknown-jurisdiction",
        /// See [`UninspectedReason::Encrypted`].
        Encrypted = "encrypted",
        /// See [`UninspectedReason::Relay`].
        Relay = "relay",
        /// See [`UninspectedReason::UnknownProtocol`].
        UnknownProtocol = "unknown-protocol",
        /// See [`UninspectedReason::Undecodable`].
        Undecodable = "undecodable",
        /// Octets were lost to a limit, a gap or a snaplen.
        Missed = "missed",
    }
}

impl UndeterminedReason {
    /// The coarser reason behind octets that were not read.
    pub const fn from_uninspected(reason: UninspectedReason) -> Self {
        match reason {
            UninspectedReason::Encrypted => Self::Encrypted,
            UninspectedReason::Relay => Self::Relay,
            UninspectedReason::UnknownProtocol => Self::UnknownProtocol,
            UninspectedReason::Undecodable => Self::Undecodable,
            _ => Self::Missed,
        }
    }
}

fn add_all<K: Ord + Clone, V: Copy + Default + std::ops::AddAssign>(into: &mut BTreeMap<K, V>, from: &BTreeMap<K, V>) {
    for (key, value) in from {
        *into.entry(key.clone()).or_default() += *value;
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.flows += other.flows;
        self.count += other.count;
        self.bytes += other.bytes;
    }
}

impl std::ops::AddAssign for EgressCounts {
    fn add_assign(&mut self, other: Self) {
        self.flows += other.flows;
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.inspected_bytes += other.inspected_bytes;
        self.opaque_bytes += other.opaque_bytes;
        self.missed_bytes += other.missed_bytes;
    }
}

impl std::ops::AddAssign for FrameCounts {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.ip += other.ip;
        self.non_ip += other.non_ip;
        self.malformed += other.malformed;
        self.fragments += other.fragments;
    }
}

impl Counts {
    /// Adds the counts of another engine.
    pub fn merge(&mut self, other: &Self) {
        self.frames += other.frames;
        add_all(&mut self.decode_errors, &other.decode_errors);
        self.flows_tcp += other.flows_tcp;
        self.flows_udp += other.flows_udp;
        self.flows_other += other.flows_other;
        add_all(&mut self.scopes, &other.scopes);
        add_all(&mut self.flows_evicted, &other.flows_evicted);
        add_all(&mut self.egress, &other.egress);
        add_all(&mut self.egress_by_verdict, &other.egress_by_verdict);
        add_all(&mut self.uninspected, &other.uninspected);
        add_all(&mut self.findings, &other.findings);
        add_all(&mut self.violations, &other.violations);
        add_all(&mut self.suspicions, &other.suspicions);
        add_all(&mut self.undetermined, &other.undetermined);
        self.reassembly_gaps += other.reassembly_gaps;
        self.acks += other.acks;
        self.acks_unseen += other.acks_unseen;
        self.acked_unseen_bytes += other.acked_unseen_bytes;
        self.tcp_delivered_bytes += other.tcp_delivered_bytes;
        self.tcp_skipped_bytes += other.tcp_skipped_bytes;
        self.scanned_bytes += other.scanned_bytes;
        self.retransmitted_bytes += other.retransmitted_bytes;
        self.conflicting_overlaps += other.conflicting_overlaps;
        add_all(&mut self.jurisdiction_conflicts, &other.jurisdiction_conflicts);
        add_all(&mut self.limits_reached, &other.limits_reached);
        add_all(&mut self.thresholds_near, &other.thresholds_near);
    }

    /// Violations of at least one severity, for exit codes and tables.
    pub fn violations_at_least(&self, severity: Severity) -> u64 {
        self.violations.iter().filter(|(key, _)| key.rule.severity >= severity).map(|(_, tally)| tally.count).sum()
    }
}
