//! A TCP flow: what SYN, FIN, RST and acknowledgements mean for its two half-streams.

use super::record::FlowRecord;
use super::stream::{HalfStream, Outlet, WINDOW};
use super::{DropReason, GapCause, Handler};
use crate::model::{Direction, TcpFlags, TcpSegment, Timestamp};

/// A RST of the originator (shifted by the direction's index) that nothing of its sender followed.
const RESET: u8 = 1;
/// A SYN of the originator (shifted) did not fit; `reuse_first` is where its stream would begin.
const REUSE: u8 = 4;

/// The TCP part of a flow.
pub(super) struct TcpFlow {
    halves: [HalfStream; 2],
    /// When the flow is to be looked at because of a hole; the epoch for never.
    pub(super) hole_check: Timestamp,
    reuse_first: u32,
    flags: u8,
}

impl TcpFlow {
    pub(super) const fn new() -> Self {
        Self {
            halves: [HalfStream::new(), HalfStream::new()],
            hole_check: Timestamp::from_nanos(0),
            reuse_first: 0,
            flags: 0,
        }
    }

    pub(super) fn was_reset(&self) -> bool {
        self.flags & (RESET | RESET << 1) != 0
    }

    /// FIN both ways, or from the only side that was captured; or RST.
    pub(super) fn is_closed(&self, record: &FlowRecord) -> bool {
        let [forward, backward] = &self.halves;
        let over = |half: &HalfStream, packets: u64| half.has_fin() || packets == 0;
        self.was_reset()
            || ((forward.has_fin() || backward.has_fin())
                && over(forward, record.packets[0])
                && over(backward, record.packets[1]))
    }

    /// Whether a segment begins another connection between the same ports.
    ///
    /// A SYN with another initial sequence number does so if this connection is closing, or if the other end was never seen.
    /// Within a live connection it must be answered first (a forged one would tear the stream apart for us, not for its
    /// receiver, RFC 5961 section 4). A SYN with the same number is a retransmission, unless the connection is over.
    pub(super) fn is_reopened_by(&self, record: &FlowRecord, dir: Direction, segment: &TcpSegment<'_>) -> bool {
        if !segment.flags.has(TcpFlags::SYN) || segment.flags.has(TcpFlags::RST) {
            return false;
        }
        let own = &self.halves[dir.index()];
        let other = &self.halves[dir.reverse().index()];
        let first = segment.seq.wrapping_add(1);
        let closed = self.is_closed(record);
        if segment.flags.has(TcpFlags::ACK) {
            let answers_reuse = self.flags & (REUSE << dir.reverse().index()) != 0 && segment.ack == self.reuse_first;
            return answers_reuse || (closed && own.is_open() && own.base_seq() != first);
        }
        if !own.is_open() {
            return closed;
        }
        if own.base_seq() == first {
            return closed && (own.position() > 0 || other.position() > 0);
        }
        if closed || own.has_fin() || other.has_fin() {
            return true;
        }
        !self.is_late_syn(dir, first) && record.packets[dir.reverse().index()] == 0
    }

    /// Whether a SYN whose stream begins at `first` fits a half-stream that began without one.
    fn is_late_syn(&self, dir: Direction, first: u32) -> bool {
        let own = &self.halves[dir.index()];
        !own.is_from_syn() && (own.is_pristine() || u64::from(own.base_seq().wrapping_sub(first)) <= WINDOW)
    }

    /// A segment of direction `out.dir`.
    pub(super) fn ingest<H: Handler>(&mut self, segment: &TcpSegment<'_>, out: &mut Outlet<'_, H>) {
        let dir = out.dir;
        let (at, other_at) = (dir.index(), dir.reverse().index());
        out.counts.payload_bytes += segment.payload.len() as u64;
        if segment.flags.has(TcpFlags::RST) {
            if self.reset_fits(dir, segment) {
                self.flags |= RESET << at;
            } else {
                out.counts.rsts_ignored += 1;
            }
            self.drop_payload(segment, DropReason::Reset, out);
            return;
        }
        let mut seq = segment.seq;
        let syn = segment.flags.has(TcpFlags::SYN);
        if syn {
            seq = seq.wrapping_add(1);
            if !self.open_by_syn(dir, seq) {
                out.counts.syns_ignored += 1;
                if !segment.flags.has(TcpFlags::ACK) {
                    self.flags = self.flags & !(REUSE | REUSE << 1) | REUSE << at;
                    self.reuse_first = seq;
                }
                self.drop_payload(segment, DropReason::OutOfWindow, out);
                return;
            }
        }
        if segment.flags.has(TcpFlags::ACK) {
            let other = &mut self.halves[other_at];
            if syn && !other.is_open() {
                // The SYN that this answers was not seen, but this tells where its stream begins.
                other.open_by_syn(segment.ack);
            }
            out.dir = dir.reverse();
            other.acknowledge(segment.ack, out);
            out.dir = dir;
        }
        if syn && segment.payload_len == 0 && !segment.flags.has(TcpFlags::FIN) {
            return;
        }
        let fin = segment.flags.has(TcpFlags::FIN);
        let brought = self.halves[at].feed(seq, segment.payload, segment.payload_len, fin, out);
        if brought && self.flags & (RESET << at) != 0 {
            // Who sends on did not send that RST.
            self.flags &= !(RESET << at);
            out.counts.resets_survived += 1;
        }
    }

    /// Takes the beginning of a stream from a SYN; false if the stream is known to begin elsewhere.
    fn open_by_syn(&mut self, dir: Direction, first: u32) -> bool {
        let late = self.is_late_syn(dir, first);
        let own = &mut self.halves[dir.index()];
        if !own.is_open() || own.base_seq() == first || (late && own.is_pristine()) {
            own.open_by_syn(first);
            return true;
        }
        late
    }

    /// Whether a RST's numbers fit: its sequence number is near the position, or, before anything of its sender was seen,
    /// what it acknowledges is near the other's.
    fn reset_fits(&self, dir: Direction, segment: &TcpSegment<'_>) -> bool {
        let own = &self.halves[dir.index()];
        let other = &self.halves[dir.reverse().index()];
        if own.is_open() {
            own.is_near(segment.seq)
        } else {
            !segment.flags.has(TcpFlags::ACK) || !other.is_open() || other.is_near(segment.ack)
        }
    }

    fn drop_payload<H: Handler>(&self, segment: &TcpSegment<'_>, why: DropReason, out: &mut Outlet<'_, H>) {
        let len = segment.payload.len() as u64;
        if self.halves[out.dir.index()].is_skipped() {
            out.counts.skipped_bytes += len;
        } else {
            out.dropped(len, why);
        }
    }

    /// When this flow must be looked at because of a hole.
    pub(super) fn hole_deadline<H: Handler>(&self, out: &Outlet<'_, H>) -> Option<Timestamp> {
        let [forward, backward] = &self.halves;
        let timeout = out.budget.hole_timeout;
        match (forward.deadline(out.now, timeout), backward.deadline(out.now, timeout)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Gives up holes that have waited too long.
    pub(super) fn expire_holes<H: Handler>(&mut self, out: &mut Outlet<'_, H>) {
        for dir in [Direction::Forward, Direction::Backward] {
            out.dir = dir;
            self.halves[dir.index()].expire(out);
        }
    }

    /// Ends both halves.
    pub(super) fn finish<H: Handler>(&mut self, cause: GapCause, out: &mut Outlet<'_, H>) {
        for dir in [Direction::Forward, Direction::Backward] {
            out.dir = dir;
            self.halves[dir.index()].finish(cause, out);
        }
    }
}
