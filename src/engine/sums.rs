//! The rooms' own counters, added to the counts of a run.

use crate::flow::{DropReason, FlowCounts, GapCause};
use crate::model::Counts;
use crate::scan::ScanCounts;
use crate::wire::WireCounts;

fn reached(counts: &mut Counts, limit: &'static str, times: u64) {
    if times > 0 {
        *counts.limits_reached.entry(limit).or_default() += times;
    }
}

pub(super) fn add_wire(counts: &mut Counts, wire: &WireCounts) {
    counts.frames += wire.frames;
    for (series, count) in wire.errors() {
        *counts.decode_errors.entry(series).or_default() += count;
    }
    for (limit, count) in wire.limits_reached() {
        reached(counts, limit, count);
    }
}

pub(super) fn add_flow(counts: &mut Counts, flow: &FlowCounts) {
    counts.reassembly_gaps += flow.gaps.iter().sum::<u64>();
    counts.retransmitted_bytes += flow.retransmitted_bytes;
    counts.conflicting_overlaps += flow.dropped_bytes.get(DropReason::Conflict.index()).copied().unwrap_or(0);
    reached(counts, "held-bytes", flow.held_limit_hits);
    reached(counts, "reassembly", flow.gaps.get(GapCause::Limit.index()).copied().unwrap_or(0));
}

pub(super) fn add_scan(counts: &mut Counts, scan: &ScanCounts) {
    reached(counts, "scan-octets", scan.given_up_octets);
}
