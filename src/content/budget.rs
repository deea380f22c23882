//! What one outermost document may cost: depth, decoded octets, and the account of what was lost.

use crate::model::{Limits, Text, UninspectedReason};

use super::TextSink;

/// Size of the buffers that decoders write into, octets.
const SCRATCH_LEN: usize = 16 << 10;

/// Shared by everything inside one outermost document.
pub(super) struct Budget {
    nesting_max: usize,
    decode_ratio_max: u64,
    decode_free_bytes: u64,
    decoded_bytes_max: u64,
    /// Octets of an image that are held until it is whole.
    pub(super) image_bytes_max: usize,
    /// Pixels of an image that is decoded.
    pub(super) image_pixels_max: u64,
    depth: usize,
    /// Octets decoded so far, by the number of compressions around them: each level has the whole budget, so that where one
    /// ends does not depend on the order in which the others spend.
    decoded: Vec<u64>,
    coded: u64,
    /// Compressions around the octets being decoded right now.
    pub(super) compressions: usize,
    scratch: Vec<Vec<u8>>,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            nesting_max: limits.nesting_max,
            decode_ratio_max: limits.decode_ratio_max,
            decode_free_bytes: limits.decode_free_bytes,
            decoded_bytes_max: limits.decoded_bytes_max,
            image_bytes_max: limits.image_bytes_max,
            image_pixels_max: limits.image_pixels_max,
            depth: 0,
            decoded: Vec::new(),
            coded: 0,
            compressions: 0,
            scratch: Vec::new(),
        }
    }

    /// Whether one more coding or container may be opened here.
    pub(super) fn may_nest(&self) -> bool {
        self.depth < self.nesting_max
    }

    /// Adds input of a compression that is not inside another one: only such input earns decoded octets, so that nested
    /// compressions cannot multiply their ratios.
    pub(super) fn earn(&mut self, coded: u64) {
        self.coded = self.coded.saturating_add(coded);
    }

    /// Takes up to `wanted` decoded octets from the budget of the current level and says how many may be given out.
    pub(super) fn spend(&mut self, wanted: usize) -> usize {
        let earned = self.decode_ratio_max.saturating_mul(self.coded).max(self.decode_free_bytes);
        if self.decoded.len() < self.compressions {
            self.decoded.resize(self.compressions, 0);
        }
        let Some(decoded) = self.compressions.checked_sub(1).and_then(|level| self.decoded.get_mut(level)) else {
            return wanted;
        };
        let left = earned.min(self.decoded_bytes_max).saturating_sub(*decoded);
        let granted = wanted.min(usize::try_from(left).unwrap_or(usize::MAX));
        *decoded += granted as u64;
        granted
    }

    /// A buffer to decode into. Hand it back with [`Budget::keep_scratch`].
    pub(super) fn scratch(&mut self) -> Vec<u8> {
        self.scratch.pop().unwrap_or_else(|| vec![0; SCRATCH_LEN])
    }

    pub(super) fn keep_scratch(&mut self, scratch: Vec<u8>) {
        self.scratch.push(scratch);
    }

    /// Frees the buffers: between two calls from outside, none is held.
    pub(super) fn forget_scratch(&mut self) {
        self.scratch = Vec::new();
    }
}

/// Octets that could not be read, by reason, in units of the input of whoever holds the account.
#[derive(Default)]
pub(super) struct Lost {
    undecodable: u64,
    decode_limit: u64,
}

impl Lost {
    pub(super) fn add(&mut self, len: u64, reason: UninspectedReason) {
        if reason == UninspectedReason::DecodeLimit {
            self.decode_limit += len;
        } else {
            self.undecodable += len;
        }
    }

    /// The account; it is empty afterwards.
    pub(super) fn take(&mut self) -> [(UninspectedReason, u64); 2] {
        let Self { undecodable, decode_limit } = std::mem::take(self);
        [(UninspectedReason::Undecodable, undecodable), (UninspectedReason::DecodeLimit, decode_limit)]
    }
}

/// What a reader needs while it reads: where text goes, what it may cost, and where losses are written down.
pub(super) struct Cx<'a> {
    pub(super) out: &'a mut dyn TextSink,
    pub(super) budget: &'a mut Budget,
    pub(super) lost: &'a mut Lost,
}

impl Cx<'_> {
    /// Gives out text, unless it is empty.
    pub(super) fn text(&mut self, octets: &[u8], at: u64, field: Option<&str>) {
        if !octets.is_empty() {
            self.out.text(Text { octets, at, field });
        }
    }

    /// Opens a document within the current one.
    pub(super) fn enter(&mut self, label: &str, name: Option<&str>) {
        self.budget.depth += 1;
        self.out.enter(label, name);
    }

    /// Closes it.
    pub(super) fn leave(&mut self) {
        self.budget.depth = self.budget.depth.saturating_sub(1);
        self.out.leave();
    }
}
