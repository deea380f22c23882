//! A coding around an inner document: decodes within the budget and passes on what comes out.

use crate::model::UninspectedReason;

use super::budget::{Cx, Lost};
use super::document::{Document, Reader};

/// Input is fed to decoders in pieces that end at multiples of this, octets. Budget and damage are attributed to such
/// pieces, which makes the place where decoding stops independent of how the input was segmented.
const QUANTUM: u64 = 256;

/// A decoder gives up: the input is damaged, or what was decoded is no longer wanted.
pub(super) struct Stop;

/// Removes one coding.
pub(super) trait Decoder: Send {
    /// Decodes as much of `input` as can be decoded; the rest is held. What comes out depends on all input so far alone.
    fn decode(&mut self, input: &[u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop>;
    /// The input has ended, or is damaged here: gives out what is held. Returns the number of input octets that were held
    /// and could not be decoded.
    fn finish(&mut self, out: &mut Outlet<'_, '_>) -> u64;
    /// Once the coding has ended by itself: how many octets after its end were given to `decode`.
    fn unused(&self) -> Option<usize> {
        None
    }
    /// Whether output can be much longer than input, so that the budget has to watch.
    fn is_compression(&self) -> bool;
    /// Octets of memory allocated.
    fn held_bytes(&self) -> usize;
}

/// Where a decoder's output goes.
pub(super) struct Outlet<'a, 'cx> {
    inner: &'a mut Document,
    inner_lost: &'a mut Lost,
    cx: &'a mut Cx<'cx>,
    given: &'a mut u64,
    counted: bool,
    /// Set when the budget ended the decoding.
    exhausted: bool,
}

impl Outlet<'_, '_> {
    /// Passes on decoded octets; `Err` when the decoder is to stop.
    pub(super) fn give(&mut self, decoded: &[u8]) -> Result<(), Stop> {
        if self.exhausted {
            return Err(Stop);
        }
        let granted = if self.counted { self.cx.budget.spend(decoded.len()) } else { decoded.len() };
        let mut cx = Cx { out: &mut *self.cx.out, budget: &mut *self.cx.budget, lost: &mut *self.inner_lost };
        self.inner.octets(decoded.get(..granted).unwrap_or(decoded), &mut cx);
        *self.given += granted as u64;
        if granted < decoded.len() {
            self.exhausted = true;
            return Err(Stop);
        }
        Ok(())
    }

    /// A buffer to decode into; hand it back with [`Outlet::keep_scratch`].
    pub(super) fn scratch(&mut self) -> Vec<u8> {
        self.cx.budget.scratch()
    }

    pub(super) fn keep_scratch(&mut self, scratch: Vec<u8>) {
        self.cx.budget.keep_scratch(scratch);
    }
}

/// A coded document.
pub(super) struct Coded {
    decoder: Option<Box<dyn Decoder>>,
    inner: Document,
    inner_lost: Lost,
    taken: u64,
    given: u64,
    failed: UninspectedReason,
}

impl Coded {
    pub(super) fn new(decoder: Box<dyn Decoder>, inner: Document) -> Self {
        Self {
            decoder: Some(decoder),
            inner,
            inner_lost: Lost::default(),
            taken: 0,
            given: 0,
            failed: UninspectedReason::Undecodable,
        }
    }

    /// See [`Decoder::unused`].
    pub(super) fn unused(&self) -> Option<usize> {
        self.decoder.as_ref()?.unused()
    }

    /// Runs `step` on the decoder with an outlet; says whether the budget ended the decoding, and the step's answer.
    fn run<R>(
        &mut self,
        cx: &mut Cx<'_>,
        step: impl FnOnce(&mut dyn Decoder, &mut Outlet<'_, '_>) -> R,
    ) -> Option<(bool, R)> {
        let decoder = self.decoder.as_mut()?;
        let counted = decoder.is_compression();
        cx.budget.compressions += usize::from(counted);
        let mut outlet = Outlet {
            inner: &mut self.inner,
            inner_lost: &mut self.inner_lost,
            cx,
            given: &mut self.given,
            counted,
            exhausted: false,
        };
        let answer = step(&mut **decoder, &mut outlet);
        let exhausted = outlet.exhausted;
        cx.budget.compressions -= usize::from(counted);
        Some((exhausted, answer))
    }

    /// Gives out what the decoder holds and drops it. Returns input octets that it held in vain.
    fn finish(&mut self, cx: &mut Cx<'_>) -> u64 {
        let Some((exhausted, held)) = self.run(cx, |decoder, out| decoder.finish(out)) else {
            return 0;
        };
        self.decoder = None;
        if exhausted {
            self.failed = UninspectedReason::DecodeLimit;
        }
        // What the budget cut off at the very end came from the last octets of the input.
        held.max(u64::from(exhausted))
    }

    fn close(&mut self, cx: &mut Cx<'_>) {
        let mut inner = Cx { out: &mut *cx.out, budget: &mut *cx.budget, lost: &mut self.inner_lost };
        self.inner.end(&mut inner);
        for (reason, len) in self.inner_lost.take() {
            let share = u128::from(len) * u128::from(self.taken);
            let share = share.div_ceil(u128::from(self.given.max(1)));
            cx.lost.add(u64::try_from(share).unwrap_or(u64::MAX).min(self.taken), reason);
        }
    }
}

impl Reader for Coded {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let mut rest = octets;
        while !rest.is_empty() {
            let Some(decoder) = &self.decoder else {
                cx.lost.add(rest.len() as u64, self.failed);
                return;
            };
            let in_quantum = self.taken % QUANTUM;
            if in_quantum == 0 && decoder.is_compression() && cx.budget.compressions == 0 {
                cx.budget.earn(QUANTUM);
            }
            let room = (QUANTUM - in_quantum) as usize;
            let (piece, later) = rest.split_at(room.min(rest.len()));
            let Some((exhausted, answer)) = self.run(cx, |decoder, out| decoder.decode(piece, out)) else {
                return;
            };
            self.taken += piece.len() as u64;
            rest = later;
            if answer.is_err() {
                if exhausted {
                    self.failed = UninspectedReason::DecodeLimit;
                    self.decoder = None;
                } else {
                    self.finish(cx);
                }
                cx.lost.add(in_quantum + piece.len() as u64, self.failed);
            }
        }
    }

    fn gap(&mut self, _len: u64, cx: &mut Cx<'_>) {
        let held = self.finish(cx);
        cx.lost.add(held, self.failed);
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        let held = self.finish(cx);
        cx.lost.add(held, self.failed);
        self.close(cx);
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.decoder.as_ref().map_or(0, |decoder| decoder.held_bytes()) + self.inner.held_bytes()
    }
}
