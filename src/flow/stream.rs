//! A half-stream: TCP payload in one direction, put in order.
//!
//! **Position.** `next` is the offset of the octet to be delivered next; `base` the sequence number of offset 0. A sequence
//! number is placed by its signed distance from the position, so streams may wrap and be of any length.
//!
//! **Holes.** A hole is given up when the peer acknowledged all of it and [`ACKED_WAITING_SEGMENTS_MAX`] segments or
//! [`ACKED_WAITING_BYTES_MAX`] octets wait behind it; when `hole_timeout` passed without progress; when a budget for held
//! octets is reached; and when the flow ends.
//!
//! **Far segments.** A segment more than [`WINDOW`] from the position is dropped: larger windows do not occur in practice, and
//! one forged segment must not cost us the stream. The position moves there only on evidence: the peer's last
//! acknowledgement is there too, or, where no acknowledgements are captured, [`STRAYS_MAX`] segments in a row follow each
//! other there and none came here.
//!
//! **The beginning.** A SYN fixes it. Without one it is the first segment's; if that carried no payload it may still move, as a
//! keep-alive has a sequence number one too low.

use std::time::Duration;

use super::assembler::{Assembler, Place, Range, cost};
use super::{DropReason, FlowCounts, FlowRecord, GapCause, Handler, Interest};
use crate::model::{Direction, Timestamp};

/// Distance from the position past which a sequence number is not believed, octets. TCP allows 1 GiB; Linux grants 6 MiB
/// unless told otherwise.
pub(super) const WINDOW: u64 = 16 << 20;
/// See the module's text.
const ACKED_WAITING_SEGMENTS_MAX: usize = 16;
/// See the module's text.
const ACKED_WAITING_BYTES_MAX: u64 = 64 << 10;
/// See the module's text.
const STRAYS_MAX: u8 = 4;
/// Distance within which a stray segment follows the one before, octets.
const STRAY_STEP: u32 = 64 << 10;
/// No FIN yet.
const NO_FIN: u64 = u64::MAX;

/// The position is known.
const OPEN: u8 = 1;
/// The position comes from a segment without payload, without SYN: it may be off by a keep-alive.
const TENTATIVE: u8 = 2;
/// The handler wants no more.
const SKIPPED: u8 = 4;
/// The handler was told that it is over.
const ENDED: u8 = 8;
/// The position comes from a SYN, or an acknowledgement of one.
const FROM_SYN: u8 = 16;
/// An acknowledgement near the position was seen.
const ACKED: u8 = 32;
/// The peer's last acknowledgement was far from the position: `far_ack`.
const ACKED_FAR: u8 = 64;

/// One direction of a TCP flow.
pub(super) struct HalfStream {
    /// Offset of the next octet to deliver.
    next: u64,
    /// Offset up to which the peer acknowledged (a FIN counts as an octet).
    acked: u64,
    /// Offset of the FIN.
    fin: u64,
    held: Option<Box<Assembler>>,
    /// Sequence number of offset 0.
    base: u32,
    far_ack: u32,
    /// Sequence number expected after the last stray segment.
    stray_next: u32,
    strays: u8,
    flags: u8,
}

/// Whom to tell, and what to charge: everything around a half-stream while it is fed.
pub(super) struct Outlet<'a, H: Handler> {
    pub(super) handler: &'a mut H,
    pub(super) flow: &'a FlowRecord,
    pub(super) state: &'a mut H::State,
    pub(super) dir: Direction,
    pub(super) counts: &'a mut FlowCounts,
    pub(super) budget: &'a mut Budget,
    pub(super) now: Timestamp,
}

/// Octets held over all streams, and what may be.
pub(super) struct Budget {
    pub(super) held_bytes: usize,
    pub(super) held_bytes_max: usize,
    pub(super) stream_bytes_max: usize,
    pub(super) hole_timeout: Duration,
    /// Half-streams with an assembler: memory that is not charged, for it outlives what it held.
    pub(super) assemblers: usize,
}

impl<H: Handler> Outlet<'_, H> {
    pub(super) fn dropped(&mut self, len: u64, why: DropReason) {
        if len > 0 {
            self.counts.dropped_bytes[why.index()] += len;
            self.handler.dropped(self.flow, self.state, self.dir, len, why);
        }
    }
}

impl HalfStream {
    pub(super) const fn new() -> Self {
        Self { next: 0, acked: 0, fin: NO_FIN, held: None, base: 0, far_ack: 0, stray_next: 0, strays: 0, flags: 0 }
    }

    const fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(super) const fn is_open(&self) -> bool {
        self.is(OPEN)
    }

    /// Octets that were delivered, skipped or given up.
    pub(super) const fn position(&self) -> u64 {
        self.next
    }

    pub(super) const fn has_fin(&self) -> bool {
        self.fin != NO_FIN
    }

    /// Sequence number of the octet to deliver next.
    pub(super) const fn next_seq(&self) -> u32 {
        self.base.wrapping_add(self.next as u32)
    }

    /// Sequence number of the first octet.
    pub(super) const fn base_seq(&self) -> u32 {
        self.base
    }

    /// Signed distance of a sequence number from the position, octets.
    const fn distance(&self, seq: u32) -> i64 {
        seq.wrapping_sub(self.next_seq()).cast_signed() as i64
    }

    /// Whether a sequence number could belong to this stream now.
    pub(super) const fn is_near(&self, seq: u32) -> bool {
        self.distance(seq).unsigned_abs() <= WINDOW
    }

    /// Whether nothing was delivered and nothing waits: the beginning may still be corrected.
    pub(super) fn is_pristine(&self) -> bool {
        self.next == 0 && self.is_whole()
    }

    /// Whether nothing waits.
    pub(super) fn is_whole(&self) -> bool {
        self.held.as_ref().is_none_or(|held| held.is_empty())
    }

    /// Whether a SYN fixed the beginning.
    pub(super) const fn is_from_syn(&self) -> bool {
        self.is(FROM_SYN)
    }

    /// Whether the handler wants no more.
    pub(super) const fn is_skipped(&self) -> bool {
        self.is(SKIPPED)
    }

    /// Fixes the beginning by a SYN (or an acknowledgement of it): `seq` is the first octet's.
    pub(super) fn open_by_syn(&mut self, seq: u32) {
        self.base = seq;
        self.flags = (self.flags | OPEN | FROM_SYN) & !TENTATIVE;
    }

    /// When this half must be looked at because of a hole.
    pub(super) fn deadline(&self, now: Timestamp, timeout: Duration) -> Option<Timestamp> {
        self.held.as_ref()?.deadline(now, timeout)
    }

    /// The peer acknowledged everything before `ack`.
    pub(super) fn acknowledge<H: Handler>(&mut self, ack: u32, out: &mut Outlet<'_, H>) {
        if !self.is_open() {
            return;
        }
        let distance = self.distance(ack);
        if distance.unsigned_abs() > WINDOW {
            self.far_ack = ack;
            self.flags |= ACKED_FAR;
            return;
        }
        self.flags = (self.flags | ACKED) & !ACKED_FAR;
        let acked = self.next.saturating_add_signed(distance);
        if acked > self.acked {
            out.counts.acks += 1;
            // A hole is told once, by the first acknowledgement that passes it; an unseen FIN would look like one octet.
            let told = self.acked > self.next + 1;
            out.counts.acks_unseen += u64::from(acked > self.next + 1 && !told);
            self.acked = acked;
        }
        self.settle(out);
    }

    /// A segment of this direction. `payload_len` is its payload's length by the headers, `seq` the sequence number of the
    /// payload's first octet. Returns whether it brought new octets.
    pub(super) fn feed<H: Handler>(
        &mut self,
        seq: u32,
        payload: &[u8],
        payload_len: u32,
        fin: bool,
        out: &mut Outlet<'_, H>,
    ) -> bool {
        let captured = payload.len() as u64;
        let len = u64::from(payload_len).max(captured);
        if !self.is_open() && payload == [0] && len == 1 && !fin {
            // A stream whose beginning was not seen starts with a keep-alive's garbage octet (RFC 1122, section 4.2.3.6).
            self.base = seq.wrapping_add(1);
            self.flags |= OPEN;
            out.counts.keep_alives += 1;
            out.dropped(1, DropReason::BeforeStart);
            return false;
        }
        if !self.is_open() {
            self.base = seq;
            self.flags |= OPEN | if len == 0 { TENTATIVE } else { 0 };
        }
        if self.is(TENTATIVE) && len > 0 {
            self.flags &= !TENTATIVE;
            let distance = self.distance(seq);
            if distance == 1 || (-(WINDOW as i64)..0).contains(&distance) {
                self.base = seq;
                self.acked = 0;
            }
        }
        if !self.is_near(seq) && !self.follow_stray(seq, len, out) {
            out.counts.segments_out_of_window += 1;
            if self.is(SKIPPED) {
                out.counts.skipped_bytes += captured;
            } else {
                out.dropped(captured, DropReason::OutOfWindow);
            }
            return false;
        }
        self.strays = 0;
        let start = self.next.cast_signed() + self.distance(seq);
        let end = start + len.cast_signed();
        if len <= 1 && !fin && start + 1 == self.next.cast_signed() && self.next > 0 {
            out.counts.keep_alives += 1;
        }
        if fin {
            self.note_fin(end, out);
        }
        let before = self.next;
        if len > 0 {
            self.place(start, end, payload, out);
        }
        let brought = self.next > before || (start >= before.cast_signed() && len > 0);
        self.settle(out);
        brought
    }

    /// Gives up what is missing because the flow ends; tells what still waits, and that it is over.
    pub(super) fn finish<H: Handler>(&mut self, cause: GapCause, out: &mut Outlet<'_, H>) {
        self.flush(cause, out);
        // What the peer acknowledged and never was captured. An unseen FIN would look like one octet.
        if self.is_open() && !self.is(SKIPPED) {
            let until = if self.has_fin() { self.fin } else { self.acked };
            if until > self.next + u64::from(!self.has_fin()) {
                self.gap(until, GapCause::Lost, out);
            }
        }
        self.release(out);
        self.end(out);
    }

    /// Gives up holes that have waited too long.
    pub(super) fn expire<H: Handler>(&mut self, out: &mut Outlet<'_, H>) {
        while let Some(deadline) = self.deadline(out.now, out.budget.hole_timeout)
            && deadline <= out.now
        {
            self.give_up_first_hole(GapCause::Lost, out);
        }
        self.settle(out);
    }

    /// Tells the handler that this half is over, once.
    fn end<H: Handler>(&mut self, out: &mut Outlet<'_, H>) {
        if !self.is(ENDED) {
            self.flags |= ENDED;
            out.handler.end(out.flow, out.state, out.dir);
        }
    }

    /// Remembers where the stream ends. A FIN before what was delivered is no FIN of this stream.
    fn note_fin<H: Handler>(&mut self, end: i64, out: &mut Outlet<'_, H>) {
        match u64::try_from(end) {
            Ok(end) if end >= self.next && !self.is(ENDED) => {
                // The first FIN stands, unless the stream went past it (see `place`).
                if !self.has_fin() {
                    self.fin = end;
                } else if self.fin != end {
                    out.counts.fins_ignored += 1;
                }
            }
            Ok(end) if end == self.fin => {}
            _ => out.counts.fins_ignored += 1,
        }
    }

    /// Whether the peer acknowledged the FIN.
    fn fin_acked(&self) -> bool {
        self.has_fin() && self.acked > self.fin
    }

    /// What follows from a new position or acknowledgement: acknowledged holes are given up, a reached end is told.
    fn settle<H: Handler>(&mut self, out: &mut Outlet<'_, H>) {
        while let Some(held) = &self.held
            && let Some(hole_end) = held.first_offset()
            && self.acked >= hole_end
            && (held.len() >= ACKED_WAITING_SEGMENTS_MAX || held.payload_bytes() >= ACKED_WAITING_BYTES_MAX)
        {
            self.give_up_first_hole(GapCause::Lost, out);
        }
        if self.fin_acked() && self.next >= self.fin {
            self.release(out);
            self.end(out);
        }
    }

    /// Puts `start..end` where it belongs. `payload` is what was captured of it.
    fn place<H: Handler>(&mut self, start: i64, end: i64, payload: &[u8], out: &mut Outlet<'_, H>) {
        if self.is(SKIPPED) {
            out.counts.skipped_bytes += payload.len() as u64;
            // The position is kept for what depends on it: FIN, RST, near and far.
            self.next = self.next.max(end.max(0).cast_unsigned());
            return;
        }
        // Before the first octet.
        let early = payload.len().min((-start).max(0) as usize);
        out.dropped(early as u64, DropReason::BeforeStart);
        let payload = &payload[early..];
        let (start, end) = (start.max(0).cast_unsigned(), end.max(0).cast_unsigned());

        // Before the position: seen, or too late.
        let old = payload.len().min(self.next.saturating_sub(start) as usize);
        let until = start + old as u64;
        let late = self.held.as_ref().map_or(0, |held| held.late(start, until)).min(old as u64);
        out.dropped(late, DropReason::Late);
        out.counts.retransmitted_bytes += old as u64 - late;
        let payload = &payload[old..];
        let start = start.max(self.next);
        if start >= end {
            return;
        }

        // Past the end: the receiver throws it away if it took the FIN; otherwise the FIN was not one.
        let mut end = end;
        let mut payload = payload;
        if end > self.fin {
            if self.fin_acked() {
                let kept = payload.len().min(self.fin.saturating_sub(start) as usize);
                out.dropped((payload.len() - kept) as u64, DropReason::AfterEnd);
                payload = &payload[..kept];
                end = self.fin;
                if start >= end {
                    return;
                }
            } else {
                out.counts.fins_ignored += 1;
                self.fin = NO_FIN;
            }
        }
        self.place_new(start, end, payload, out);
    }

    /// Delivers or holds what is new of `start..end`, all of it at or past the position.
    fn place_new<H: Handler>(&mut self, start: u64, end: u64, payload: &[u8], out: &mut Outlet<'_, H>) {
        // Against everything that waits now, before any of it is delivered.
        let mut waited = 0;
        if let Some(held) = &self.held {
            let overlap = held.compare(start, payload);
            waited = overlap.same + overlap.different;
            out.counts.retransmitted_bytes += overlap.same;
            out.dropped(overlap.different, DropReason::Conflict);
        }
        let mut fresh = payload.len() as u64 - waited;
        let mut at = start;
        while at < end {
            if self.is(SKIPPED) {
                out.dropped(fresh, DropReason::Skipped);
                self.next = self.next.max(end);
                return;
            }
            at = at.max(self.next);
            let until = match self.held.as_ref().map_or(Place::Free { until: end }, |held| held.place(at)) {
                Place::Held { until } => {
                    at = until;
                    continue;
                }
                Place::Free { until } => until.min(end),
            };
            if at >= until {
                break;
            }
            let from = payload.len().min((at - start) as usize);
            let piece = &payload[from..payload.len().min((until - start) as usize)];
            if at == self.next {
                fresh -= piece.len() as u64;
                self.deliver(piece, until, out);
                self.drain(out);
                if let Some(held) = &mut self.held {
                    held.progress = out.now;
                }
            } else if self.make_room(at, piece.len(), out) {
                fresh -= piece.len() as u64;
                out.budget.held_bytes += cost(piece.len());
                let now = out.now;
                self.assembler(out).insert(at, piece, (until - at) as u32, now);
            }
        }
    }

    /// Whether a piece at `at` can be held. If not, the first hole was given up, and the position may have reached the piece.
    fn make_room<H: Handler>(&mut self, at: u64, len: usize, out: &mut Outlet<'_, H>) -> bool {
        let cost = cost(len);
        let stream_bytes = self.held.as_ref().map_or(0, |held| held.held_bytes());
        if stream_bytes + cost <= out.budget.stream_bytes_max
            && out.budget.held_bytes + cost <= out.budget.held_bytes_max
        {
            return true;
        }
        out.counts.held_limit_hits += 1;
        let hole_end = self.held.as_ref().and_then(|held| held.first_offset()).unwrap_or(at).min(at);
        self.gap(hole_end, GapCause::Limit, out);
        self.drain(out);
        false
    }

    fn give_up_first_hole<H: Handler>(&mut self, cause: GapCause, out: &mut Outlet<'_, H>) {
        if let Some(hole_end) = self.held.as_ref().and_then(|held| held.first_offset()) {
            self.gap(hole_end, cause, out);
            self.drain(out);
        }
    }

    fn flush<H: Handler>(&mut self, cause: GapCause, out: &mut Outlet<'_, H>) {
        while !self.is_whole() {
            self.give_up_first_hole(cause, out);
        }
    }

    /// Delivers what waits at the position.
    fn drain<H: Handler>(&mut self, out: &mut Outlet<'_, H>) {
        while let Some(held) = &mut self.held
            && let Some(Range { data, len, .. }) = held.take_at(self.next)
        {
            out.budget.held_bytes -= cost(data.len());
            self.deliver(&data, self.next + u64::from(len), out);
        }
    }

    /// Delivers octets at the position, which moves to `until`: what lies between was cut by a snaplen.
    fn deliver<H: Handler>(&mut self, octets: &[u8], until: u64, out: &mut Outlet<'_, H>) {
        if !octets.is_empty() {
            let offset = self.next;
            self.next += octets.len() as u64;
            out.counts.delivered_bytes += octets.len() as u64;
            let interest = out.handler.octets(out.flow, out.state, out.dir, offset, octets);
            self.heed(interest, out);
        }
        if self.next < until {
            if self.is(SKIPPED) {
                self.next = until;
            } else {
                self.gap(until, GapCause::Cut, out);
            }
        }
    }

    /// Moves the position to `until` without octets.
    fn gap<H: Handler>(&mut self, until: u64, cause: GapCause, out: &mut Outlet<'_, H>) {
        let offset = self.next;
        let len = until.saturating_sub(offset);
        if len == 0 {
            return;
        }
        self.next = until;
        out.counts.gaps[cause.index()] += 1;
        out.counts.gap_bytes[cause.index()] += len;
        if cause != GapCause::Cut {
            out.counts.acked_unseen_bytes += self.acked.min(until).saturating_sub(offset);
            self.assembler(out).remember(offset, until);
        }
        let interest = out.handler.gap(out.flow, out.state, out.dir, offset, len, cause);
        self.heed(interest, out);
    }

    fn heed<H: Handler>(&mut self, interest: Interest, out: &mut Outlet<'_, H>) {
        if interest == Interest::Skip && !self.is(SKIPPED) {
            self.flags |= SKIPPED;
            self.release(out);
        }
    }

    fn assembler<H: Handler>(&mut self, out: &mut Outlet<'_, H>) -> &mut Assembler {
        self.held.get_or_insert_with(|| {
            out.budget.assemblers += 1;
            Box::default()
        })
    }

    /// Lets go of what waits.
    fn release<H: Handler>(&mut self, out: &mut Outlet<'_, H>) {
        if let Some(mut held) = self.held.take() {
            out.budget.held_bytes -= held.held_bytes();
            out.budget.assemblers -= 1;
            let why = if self.is(SKIPPED) { DropReason::Skipped } else { DropReason::AfterEnd };
            out.dropped(held.clear(), why);
        }
    }

    /// A segment far from the position: whether there is evidence that the stream went on there. If so the position is
    /// there now.
    fn follow_stray<H: Handler>(&mut self, seq: u32, len: u64, out: &mut Outlet<'_, H>) -> bool {
        let acked_there =
            self.is(ACKED_FAR) && u64::from(seq.wrapping_sub(self.far_ack).cast_signed().unsigned_abs()) <= WINDOW;
        if len > 0 {
            let follows = self.strays > 0 && seq.wrapping_sub(self.stray_next) <= STRAY_STEP;
            self.strays = if follows { self.strays.saturating_add(1) } else { 1 };
            self.stray_next = seq.wrapping_add(len as u32);
        }
        let persists = self.strays >= STRAYS_MAX && !self.is(ACKED);
        if self.is(ENDED) || !(acked_there || persists) {
            return false;
        }
        out.counts.resyncs += 1;
        self.fin = NO_FIN;
        self.flags &= !(ACKED | ACKED_FAR);
        if self.is_pristine() {
            self.base = seq;
            self.acked = 0;
            return true;
        }
        self.flush(GapCause::Lost, out);
        let distance = self.distance(seq);
        let skipped = self.is(SKIPPED);
        if distance > 0 {
            // Ahead: much was lost.
            let until = self.next + distance.cast_unsigned();
            if skipped {
                self.next = until;
            } else {
                self.gap(until, GapCause::Lost, out);
            }
        } else {
            // Behind: another numbering. How much is missing cannot be known.
            self.base = seq.wrapping_sub(self.next as u32);
            if !skipped {
                out.counts.gaps[GapCause::Lost.index()] += 1;
                let interest = out.handler.gap(out.flow, out.state, out.dir, self.next, 0, GapCause::Lost);
                self.heed(interest, out);
            }
        }
        self.acked = self.next;
        true
    }
}
