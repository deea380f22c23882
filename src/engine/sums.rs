//! The rooms' own counters, added to the counts of a run.

use crate::flow::{DropReason, FlowCounts};
use crate::model::Counts;
use crate::scan::ScanCounts;
use crate::wire::WireCounts;

/// Limits by the names they have in `Limits`.
pub(super) const NAMES: &str = "names_max";
pub(super) const DOCUMENTS: &str = "document_bytes_max";
/// Images whose pixels were not looked at; the limits are `image_bytes_max`, `image_pixels_max`, `image_pixels_per_second_max`.
const IMAGES: &str = "images";
/// Findings that became no events.
pub const FINDINGS: &str = "findings_per_flow_max";
const HELD: &str = "held_bytes_max";
/// Pieces of documents past `scan_bytes_per_second_max`.
const SCAN_BUDGET: &str = "scan_bytes_per_second_max";
/// Packets that found the flow table full, where those that are tracked stay.
const UNTRACKED: &str = "flows_max";
/// Packets whose payload was left behind because the packet path could not keep up.
const PACKETS: &str = "packets";

/// Every limit that can be reached.
pub fn limit_names() -> Vec<&'static str> {
    let mut names = vec![NAMES, DOCUMENTS, IMAGES, FINDINGS, HELD, SCAN_BUDGET, UNTRACKED, PACKETS, super::tally::TAGS];
    names.extend(WireCounts::LIMIT_SERIES);
    names
}

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
    counts.tcp_delivered_bytes += flow.delivered_bytes;
    counts.tcp_skipped_bytes += flow.skipped_bytes;
    counts.retransmitted_bytes += flow.retransmitted_bytes;
    counts.conflicting_overlaps += flow.dropped_bytes.get(DropReason::Conflict.index()).copied().unwrap_or(0);
    counts.acks += flow.acks;
    counts.acks_unseen += flow.acks_unseen;
    counts.acked_unseen_bytes += flow.acked_unseen_bytes;
    reached(counts, HELD, flow.held_limit_hits);
    reached(counts, UNTRACKED, flow.packets_untracked);
}

pub(super) fn add_images(counts: &mut Counts, not_looked_at: u64) {
    reached(counts, IMAGES, not_looked_at);
}

pub(super) fn add_scan_budget(counts: &mut Counts, refused: u64) {
    reached(counts, SCAN_BUDGET, refused);
}

pub(super) fn add_shed(counts: &mut Counts, packets: u64) {
    reached(counts, PACKETS, packets);
}

pub(super) fn add_scan(counts: &mut Counts, scan: &ScanCounts) {
    counts.scanned_bytes += scan.octets;
}
