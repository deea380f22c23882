//! What one flow came to so far: its findings, violations and unread octets. Allocated only for flows that have any.

use std::sync::Arc;

use crate::model::{
    Destination, EvidenceSource, FindingKey, Inspection, Jurisdiction, Place, UninspectedReason, Verdict, ViolationKey,
};

/// The jurisdiction of a flow's remote end under one name, resolved once.
#[derive(Clone)]
pub(super) struct Judged {
    /// The name it was judged under.
    pub(super) name: Option<Arc<str>>,
    pub(super) place: Place,
    pub(super) destination: Arc<Destination>,
}

impl Judged {
    pub(super) fn to(&self) -> Jurisdiction {
        Jurisdiction { location: self.place.location, control: self.place.control }
    }

    /// Whether the speed of light ruled a location out.
    pub(super) fn is_struck(&self) -> bool {
        self.destination.evidence.iter().any(|piece| piece.source == EvidenceSource::Light)
    }
}

/// Findings and violations of one flow, by what they are summed by. The lists are short: bounded by signatures and rules.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) findings: Vec<(FindingKey, u64)>,
    pub(super) violations: Vec<(ViolationKey, u64)>,
    pub(super) worst: Option<Verdict>,
    /// Findings that became events.
    pub(super) reported: u32,
    /// Whether rules with thresholds were about a finding.
    pub(super) counted: bool,
    /// Findings past the limit of events.
    pub(super) unreported: u64,
}

pub(super) fn count<K: PartialEq>(tallies: &mut Vec<(K, u64)>, key: K) {
    match tallies.iter_mut().find(|(known, _)| *known == key) {
        Some((_, count)) => *count += 1,
        None => tallies.push((key, 1)),
    }
}

/// Outbound octets that were not read, by reason.
#[derive(Default)]
pub(super) struct Unread {
    by_reason: Vec<(UninspectedReason, u64)>,
    /// Packets and octets of fragments that wait for their datagram to be complete.
    fragments: (u64, u64),
}

impl Unread {
    pub(super) fn add(&mut self, reason: UninspectedReason, len: u64) {
        if len == 0 {
            return;
        }
        match self.by_reason.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, octets)) => *octets += len,
            None => self.by_reason.push((reason, len)),
        }
    }

    /// Octets that were counted without being readable yet.
    pub(super) fn wait_for_datagram(&mut self, packets: u64, bytes: u64) {
        self.fragments.0 += packets;
        self.fragments.1 += bytes;
    }

    /// A datagram of `payload` octets arrived in a packet of `bytes` octets: what is beyond it came in earlier fragments.
    pub(super) fn datagram_complete(&mut self, payload: u64, bytes: u64) {
        let (packets, waiting) = self.fragments;
        if packets == 0 || payload <= bytes {
            return;
        }
        let left = waiting.saturating_sub(payload.saturating_add(8).saturating_sub(bytes));
        // What remains of this datagram is IP headers, at most 60 octets each and the last one's.
        self.fragments = if left <= 60 * (packets + 1) { (0, 0) } else { (packets, left) };
    }

    /// Octets by reason, in the order of the reasons, never more in all than `bytes_out`.
    pub(super) fn by_reason(&self, bytes_out: u64) -> Vec<(UninspectedReason, u64)> {
        let mut all = self.by_reason.clone();
        if self.fragments.1 > 0 {
            match all.iter_mut().find(|(reason, _)| *reason == UninspectedReason::Gap) {
                Some((_, octets)) => *octets += self.fragments.1,
                None => all.push((UninspectedReason::Gap, self.fragments.1)),
            }
        }
        all.sort_unstable();
        let mut room = bytes_out;
        for (_, octets) in &mut all {
            *octets = (*octets).min(room);
            room -= *octets;
        }
        all.retain(|(_, octets)| *octets > 0);
        all
    }

    pub(super) fn inspection(&self, bytes_out: u64) -> Inspection {
        let by_reason = self.by_reason(bytes_out);
        let sum = |opaque: bool| -> u64 {
            by_reason.iter().filter(|(reason, _)| reason.is_opaque() == opaque).map(|(_, octets)| octets).sum()
        };
        let (opaque_bytes, missed_bytes) = (sum(true), sum(false));
        Inspection {
            inspected_bytes: bytes_out - opaque_bytes - missed_bytes,
            opaque_bytes,
            missed_bytes,
            // The first of the largest: `max_by_key` would take the last.
            reason: by_reason.iter().rev().max_by_key(|(_, octets)| *octets).map(|(reason, _)| *reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_never_exceed_the_whole() {
        let mut unread = Unread::default();
        unread.add(UninspectedReason::Encrypted, 80);
        unread.add(UninspectedReason::Gap, 50);
        let inspection = unread.inspection(100);
        assert_eq!((inspection.inspected_bytes, inspection.opaque_bytes, inspection.missed_bytes), (0, 80, 20));
        assert_eq!(inspection.as_str(), "encrypted");
    }

    #[test]
    fn fragments_count_as_missed_until_their_datagram_is_complete() {
        let mut unread = Unread::default();
        unread.wait_for_datagram(2, 3000);
        assert_eq!(unread.inspection(4020).missed_bytes, 3000);
        // Three fragments of 1480, 1480 and 1000 octets carry a UDP header and 3952 octets.
        unread.wait_for_datagram(0, 0);
        unread.datagram_complete(3952, 1020);
        assert_eq!(unread.inspection(4020).missed_bytes, 0);
    }
}
