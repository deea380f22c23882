//! The flow room: packets in, flows and in-order octets out.
//!
//! [`FlowTable::ingest`] finds or opens the flow of a packet, counts it, puts TCP payload in order and tells a [`Handler`] what
//! came of it. The table is sans-I/O and has no clock: time is what packets say.
//!
//! ```text
//! packet ─▶ key ─▶ table (slots, expiry lists) ─▶ tcp (handshake, FIN, RST) ─▶ stream (position) ─▶ assembler (what waits)
//! ```
//!
//! **Identity.** A flow is the 5-tuple, read from either side, within its VLAN and tunnel. Where the two directions carry
//! different tags (one side tagged, private VLANs, GTP tunnel ids, direct server return) they are still one flow: each
//! direction learns its own tag from its first packet, and equal tags are preferred where there is a choice (`key`).
//!
//! **Who opened it.** The sender of the first packet seen; of a SYN-ACK, its receiver. It never changes afterwards.
//!
//! **Time.** A flow ends when no packet came for its timeout: `tcp_idle_timeout`, `datagram_idle_timeout`, or
//! `tcp_closed_timeout` after FINs both ways or an RST. The next packet of the same 5-tuple opens a new one.
//!
//! **Room.** Past `flows_max` the least valuable flow ends: first closed ones, then tentative ones (one direction only, or at
//! most four packets), then established ones; the longest idle first within each. A flood of one-packet flows therefore
//! only displaces itself. Or those that are tracked stay, as long as they are not over, and packets of new flows are told as such
//! ([`Handler::untracked`]): the operator chooses. Past the budgets for held octets the oldest hole of the stream being fed is given up.
//!
//! **Overlaps.** The first copy of an octet wins. Octets that came before and were delivered are retransmissions (what they
//! held can no longer be compared); octets that still wait are compared, and a different second copy is reported as
//! [`DropReason::Conflict`].
//!
//! **What the capture lost** shows in acknowledgements of octets that were never seen (as Zeek's CaptureLoss has it): the receiver got
//! them, so it was not the network. `FlowCounts` has how many acknowledgements there were and how many of those were such.
//!
//! **Doubt.** Everything an attacker can say without being believed by the other end is not believed here either: a segment
//! more than 16 MiB away, a RST out of place, a SYN within a live connection, a FIN that the peer does not
//! acknowledge and data goes past. Each is counted; a position is moved only on evidence (`stream`).
//!
//! What holds for each half-stream, whatever arrives: delivered octets and gaps tile `0..position` without overlap, and every
//! captured payload octet is delivered, dropped with a reason, retransmitted, or belongs to a half-stream whose handler
//! answered [`Interest::Skip`] (`FlowCounts` has all four).

mod assembler;
mod counts;
mod expiry;
mod key;
mod record;
mod stream;
mod table;
mod tcp;

#[cfg(test)]
mod tests;

pub use counts::FlowCounts;
pub use record::FlowRecord;
pub use table::FlowTable;

use crate::model::{Direction, Packet, names};

/// What a flow table tells about flows. Per flow the calls come in this order: `open`; for each packet `packet`, then what
/// its payload brings; `end` for both directions; `close`.
pub trait Handler {
    /// What the handler keeps per flow. It sits in the flow's slot: keep it to a few words, or boxed.
    type State;

    /// A packet opened a flow. The counters are still 0; [`Handler::packet`] follows.
    fn open(&mut self, flow: &FlowRecord) -> Self::State;

    /// A packet that belongs to no flow, because the table is full and `Overload::flows` says that those in it stay.
    fn untracked(&mut self, _packet: &Packet<'_>) {}

    /// A packet of the flow, after it was counted in `flow` and before any of its payload is delivered.
    fn packet(&mut self, flow: &FlowRecord, state: &mut Self::State, dir: Direction, packet: &Packet<'_>);

    /// TCP payload in order, each octet once. `offset` counts from the first octet after the SYN, or from the first octet
    /// seen if there was no SYN. Called any number of times per packet, also for octets of earlier packets.
    fn octets(
        &mut self,
        flow: &FlowRecord,
        state: &mut Self::State,
        dir: Direction,
        offset: u64,
        octets: &[u8],
    ) -> Interest;

    /// `len` octets from `offset` on will never be delivered. 0 if their number is unknown: the stream went on at a
    /// position unrelated to the one before.
    fn gap(
        &mut self,
        flow: &FlowRecord,
        state: &mut Self::State,
        dir: Direction,
        offset: u64,
        len: u64,
        cause: GapCause,
    ) -> Interest;

    /// `len` captured TCP payload octets of this or an earlier packet will never be delivered. Payload of packets that come
    /// after [`Interest::Skip`] is not reported: the handler knows.
    fn dropped(&mut self, flow: &FlowRecord, state: &mut Self::State, dir: Direction, len: u64, why: DropReason);

    /// Payload of UDP or another protocol without streams. `payload_len` is its length by the headers, octets; `payload` is
    /// shorter where a snaplen cut the frame.
    fn datagram(
        &mut self,
        flow: &FlowRecord,
        state: &mut Self::State,
        dir: Direction,
        payload: &[u8],
        payload_len: u32,
    );

    /// This direction is over: a FIN was reached in order and acknowledged, or the flow ends. Once per direction. A RST alone
    /// ends nothing, because a forged one must not blind us: a flow that was reset ends `tcp_closed_timeout` later.
    fn end(&mut self, flow: &FlowRecord, state: &mut Self::State, dir: Direction);

    /// The flow is over and leaves the table.
    fn close(&mut self, flow: &FlowRecord, state: Self::State, reason: EndReason);
}

/// A handler's answer to octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Go on.
    Read,
    /// Nothing more of this half-stream is wanted: no octets, gaps or drops of later packets are reported.
    Skip,
}

names! {
    /// Why octets of a stream will never be delivered.
    GapCause {
        /// They were never captured.
        Lost = "lost",
        /// They were on the wire, but a snaplen cut them from the frame.
        Cut = "cut",
        /// They had not come when a limit was reached, or the flow was evicted.
        Limit = "limit",
    }
}

names! {
    /// Why captured payload is not delivered.
    DropReason {
        /// The handler answered [`Interest::Skip`] while these octets waited or were being fed.
        Skipped = "skipped",
        /// They fill a hole that was given up.
        Late = "late",
        /// They come before the first octet delivered of a stream whose beginning was not seen.
        BeforeStart = "before-start",
        /// Their sequence number is too far from the stream's position to be believed.
        OutOfWindow = "out-of-window",
        /// They differ from a copy that came first.
        Conflict = "conflict",
        /// They come after a FIN that the peer acknowledged.
        AfterEnd = "after-end",
        /// They came in a segment with RST: not part of the stream.
        Reset = "reset",
    }
}

names! {
    /// Why a flow ended.
    EndReason {
        /// FIN both ways (or from the only side that was captured).
        Finished = "finished",
        /// RST.
        Reset = "reset",
        /// No packet for its timeout.
        IdleTimeout = "idle-timeout",
        /// A new connection between the same ports began while it was open.
        PortReuse = "port-reuse",
        /// The table was full.
        Evicted = "table-full",
        /// The capture ended.
        CaptureEnd = "capture-end",
    }
}
