//! What the flow table counts: sums only, so that several tables add up.

use super::{DropReason, EndReason, GapCause};

/// Counts of one [`super::FlowTable`] since it was made.
///
/// `delivered + dropped + retransmitted + skipped + held = payload`, octets, at any time; nothing is held after `finish`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowCounts {
    /// Flows opened: TCP.
    pub opened_tcp: u64,
    /// Flows opened: UDP.
    pub opened_udp: u64,
    /// Flows opened: other protocols.
    pub opened_other: u64,
    /// Flows ended, by [`EndReason::index`]. Closed flows that made room early keep the reason they were closed for.
    pub ended: [u64; EndReason::ALL.len()],
    /// Closed flows that left before `tcp_closed_timeout` because the table was full.
    pub closed_early: u64,
    /// Captured TCP payload, octets.
    pub payload_bytes: u64,
    /// TCP payload delivered in order, octets.
    pub delivered_bytes: u64,
    /// TCP payload that had come before, octets.
    pub retransmitted_bytes: u64,
    /// TCP payload that was not wanted when it came, octets.
    pub skipped_bytes: u64,
    /// TCP payload dropped, octets by [`DropReason::index`].
    pub dropped_bytes: [u64; DropReason::ALL.len()],
    /// Gaps, by [`GapCause::index`].
    pub gaps: [u64; GapCause::ALL.len()],
    /// Octets in gaps, by [`GapCause::index`].
    pub gap_bytes: [u64; GapCause::ALL.len()],
    /// Packets that found the table full, where those that are tracked stay.
    pub packets_untracked: u64,
    /// Acknowledgements of octets beyond those acknowledged before.
    pub acks: u64,
    /// Such that acknowledge octets never seen.
    pub acks_unseen: u64,
    /// Octets in gaps that the receiver acknowledged: the capture lost them, not the network.
    pub acked_unseen_bytes: u64,
    /// Holes given up because a budget for held octets was reached.
    pub held_limit_hits: u64,
    /// TCP keep-alives: at most one octet, directly before the stream's position.
    pub keep_alives: u64,
    /// SYNs and SYN-ACKs within a live connection that do not fit it.
    pub syns_ignored: u64,
    /// RSTs whose sequence or acknowledgement number does not fit.
    pub rsts_ignored: u64,
    /// FINs that the stream went past without the peer acknowledging them, or that lie before delivered octets.
    pub fins_ignored: u64,
    /// Flows that went on after a RST.
    pub resets_survived: u64,
    /// Segments too far from the stream's position to be believed.
    pub segments_out_of_window: u64,
    /// Streams that went on at an unrelated position.
    pub resyncs: u64,
    /// Packets of a 5-tuple seen in more VLANs and tunnels than are told apart, counted in its oldest flow.
    pub tags_merged: u64,
}

impl FlowCounts {
    /// Flows opened, all protocols.
    pub fn opened(&self) -> u64 {
        self.opened_tcp + self.opened_udp + self.opened_other
    }

    /// Flows ended for a reason.
    pub fn ended_for(&self, reason: EndReason) -> u64 {
        self.ended[reason.index()]
    }

    /// TCP payload that differed from the copy that came first, octets.
    pub fn conflicting_bytes(&self) -> u64 {
        self.dropped_bytes[DropReason::Conflict.index()]
    }

    /// TCP payload dropped, octets, all reasons.
    pub fn dropped_total(&self) -> u64 {
        self.dropped_bytes.iter().sum()
    }
}
