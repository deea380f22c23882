//! What one flow came to so far: its findings, violations and unread octets. Allocated only for flows that have any.

use std::sync::Arc;

use super::persons::Persons;
use crate::model::{
    Countries, Destination, EgressCounts, EvidenceSource, FindingKey, Inspection, Jurisdiction, Place, Tally,
    UninspectedReason, Verdict, ViolationKey,
};

/// The jurisdiction of a flow's remote end under one name, resolved once.
#[derive(Clone)]
pub(super) struct Judged {
    /// The name it was judged under.
    pub(super) name: Option<Arc<str>>,
    pub(super) place: Place,
    pub(super) destination: Arc<Destination>,
    /// Where an unknown location can be.
    pub(super) feasible: Option<Box<Countries>>,
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
    pub(super) findings: Vec<Entry<FindingKey>>,
    pub(super) violations: Vec<Entry<ViolationKey>>,
    pub(super) worst: Option<Verdict>,
    /// Whether a violation by octets that cannot be read was reported.
    pub(super) unread_reported: bool,
    /// Persons told apart.
    pub(super) persons: Persons,
    /// Findings that became events.
    pub(super) reported: u32,
    /// Whether rules with thresholds were about a finding.
    pub(super) counted: bool,
    /// Findings past the limit of events.
    pub(super) unreported: u64,
    /// The flow's Community ID, once an event asked for it.
    pub(super) community_id: Option<Arc<str>>,
}

/// One line of a ledger.
pub(super) struct Entry<K> {
    pub(super) key: K,
    /// Occurrences that are not in the counts yet.
    fresh: u64,
    /// Octets of the flow that are in the counts under this key already.
    counted_bytes: Option<u64>,
}

impl<K> Entry<K> {
    /// What is to be added to the counts now that the flow has sent `bytes`.
    pub(super) fn settle(&mut self, bytes: u64) -> Tally {
        let before = self.counted_bytes.replace(bytes);
        Tally {
            flows: u64::from(before.is_none()),
            count: std::mem::take(&mut self.fresh),
            bytes: bytes.saturating_sub(before.unwrap_or(0)),
        }
    }
}

pub(super) fn count<K: PartialEq>(entries: &mut Vec<Entry<K>>, key: K) {
    match entries.iter_mut().find(|entry| entry.key == key) {
        Some(entry) => entry.fresh += 1,
        None => entries.push(Entry { key, fresh: 1, counted_bytes: None }),
    }
}

/// What of an open flow is in the counts already. Sums never shrink: octets stay where they were counted, also when the flow
/// is seen in another light later.
#[derive(Default)]
pub(super) struct Counted {
    packets: u64,
    bytes: u64,
    unread: Vec<(UninspectedReason, u64)>,
}

/// What is to be added to the counts for a flow.
pub(super) struct Fresh {
    /// Packets, octets and their parts; `flows` is 1 the first time.
    pub(super) egress: EgressCounts,
    /// Octets that were not read.
    pub(super) unread: Vec<(UninspectedReason, Tally)>,
}

impl Counted {
    /// What came since the last time, now that the flow has sent `packets` and `bytes` of which `unread` were not read.
    pub(super) fn settle(&mut self, packets: u64, bytes: u64, unread: &[(UninspectedReason, u64)]) -> Fresh {
        let mut egress = EgressCounts {
            flows: u64::from(self.bytes == 0),
            packets: packets.saturating_sub(self.packets),
            bytes: bytes.saturating_sub(self.bytes),
            ..EgressCounts::default()
        };
        let mut room = egress.bytes;
        let mut fresh = Vec::new();
        for &(reason, octets) in unread {
            let known = self.unread.iter_mut().find(|(known, _)| *known == reason);
            let more = octets.saturating_sub(known.as_ref().map_or(0, |(_, counted)| *counted)).min(room);
            if more == 0 {
                continue;
            }
            room -= more;
            *(if reason.is_opaque() { &mut egress.opaque_bytes } else { &mut egress.missed_bytes }) += more;
            let once = u64::from(known.is_none());
            fresh.push((reason, Tally { flows: once, count: once, bytes: more }));
            match known {
                Some((_, counted)) => *counted += more,
                None => self.unread.push((reason, more)),
            }
        }
        egress.inspected_bytes = room;
        (self.packets, self.bytes) = (packets, bytes);
        Fresh { egress, unread: fresh }
    }

    /// Octets that are in the counts.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Outbound octets that were not read, by reason.
#[derive(Default)]
pub(super) struct Unread {
    /// The first reason met: for most flows the only one, and a million sealed flows are held at once.
    first: Option<(UninspectedReason, u64)>,
    more: Option<Box<MoreUnread>>,
}

/// What few flows have.
#[derive(Default)]
struct MoreUnread {
    by_reason: Vec<(UninspectedReason, u64)>,
    /// Packets and octets of fragments that wait for their datagram to be complete.
    fragments: (u64, u64),
}

impl Unread {
    pub(super) fn add(&mut self, reason: UninspectedReason, len: u64) {
        if len == 0 {
            return;
        }
        match &mut self.first {
            None => self.first = Some((reason, len)),
            Some((known, octets)) if *known == reason => *octets += len,
            Some(_) => {
                let by_reason = &mut self.more.get_or_insert_default().by_reason;
                match by_reason.iter_mut().find(|(known, _)| *known == reason) {
                    Some((_, octets)) => *octets += len,
                    None => by_reason.push((reason, len)),
                }
            }
        }
    }

    /// Octets that were counted without being readable yet.
    pub(super) fn wait_for_datagram(&mut self, packets: u64, bytes: u64) {
        let fragments = &mut self.more.get_or_insert_default().fragments;
        fragments.0 += packets;
        fragments.1 += bytes;
    }

    /// A datagram of `payload` octets arrived in a packet of `bytes` octets: what is beyond it came in earlier fragments.
    pub(super) fn datagram_complete(&mut self, payload: u64, bytes: u64) {
        let Some(MoreUnread { fragments, .. }) = self.more.as_deref_mut() else { return };
        let (packets, waiting) = *fragments;
        if packets == 0 || payload <= bytes {
            return;
        }
        let left = waiting.saturating_sub(payload.saturating_add(8).saturating_sub(bytes));
        // What remains of this datagram is IP headers, at most 60 octets each and the last one's.
        *fragments = if left <= 60 * (packets + 1) { (0, 0) } else { (packets, left) };
    }

    /// Octets by reason, in the order of the reasons, never more in all than `bytes_out`.
    pub(super) fn by_reason(&self, bytes_out: u64) -> Vec<(UninspectedReason, u64)> {
        let mut all: Vec<_> = self.first.into_iter().collect();
        if let Some(MoreUnread { by_reason, fragments: (_, waiting) }) = self.more.as_deref() {
            all.extend(by_reason);
            match all.iter_mut().find(|(reason, _)| *reason == UninspectedReason::Gap) {
                Some((_, octets)) => *octets += waiting,
                None => all.push((UninspectedReason::Gap, *waiting)),
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
    fn what_is_settled_in_steps_sums_up_to_the_whole() {
        let mut counted = Counted::default();
        let (mut bytes, mut inspected, mut opaque, mut flows) = (0, 0, 0, 0);
        // In the third step octets that were thought lost turn out to be readable: sums do not shrink.
        let steps: [(u64, &[(UninspectedReason, u64)]); 4] = [
            (100, &[(UninspectedReason::Encrypted, 80)]),
            (150, &[(UninspectedReason::Encrypted, 90), (UninspectedReason::Gap, 20)]),
            (160, &[(UninspectedReason::Encrypted, 90)]),
            (160, &[(UninspectedReason::Encrypted, 95)]),
        ];
        for (sent, unread) in steps {
            let fresh = counted.settle(sent / 50, sent, unread).egress;
            assert_eq!(fresh.bytes, fresh.inspected_bytes + fresh.opaque_bytes + fresh.missed_bytes);
            bytes += fresh.bytes;
            inspected += fresh.inspected_bytes;
            opaque += fresh.opaque_bytes;
            flows += fresh.flows;
        }
        assert_eq!((bytes, inspected, opaque, flows), (160, 50, 90, 1));
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
