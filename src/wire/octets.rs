//! A bounded view of a frame from one header on: the octets that were captured, and how many there were on the wire.
//!
//! Every reader answers `None` past the captured end, so that no header can be read that is not there.

/// The octets from some header to the end of what its carrier says it contains. `data.len() <= wire` always holds: a
/// snaplen takes octets from `data`, never from `wire`.
#[derive(Clone, Copy)]
pub(super) struct Octets<'a> {
    data: &'a [u8],
    wire: usize,
}

impl<'a> Octets<'a> {
    /// Captured octets of something that was `wire` octets long; records that claim less than they hold are believed.
    pub(super) fn new(data: &'a [u8], wire: usize) -> Self {
        Self { data, wire: wire.max(data.len()) }
    }

    /// What was captured.
    pub(super) fn data(self) -> &'a [u8] {
        self.data
    }

    /// Length on the wire, octets.
    pub(super) fn wire(self) -> usize {
        self.wire
    }

    /// Whether a snaplen took octets from the end.
    pub(super) fn is_cut(self) -> bool {
        self.data.len() < self.wire
    }

    /// `N` octets at `at`.
    #[inline]
    pub(super) fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.data.get(at..)?.first_chunk::<N>().copied()
    }

    /// The octet at `at`.
    #[inline]
    pub(super) fn u8(self, at: usize) -> Option<u8> {
        self.data.get(at).copied()
    }

    /// Two octets at `at`, network order.
    #[inline]
    pub(super) fn u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_be_bytes)
    }

    /// Four octets at `at`, network order.
    #[inline]
    pub(super) fn u32(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_be_bytes)
    }

    /// What follows the first `count` octets; `None` if those were not all captured.
    #[inline]
    pub(super) fn skip(self, count: usize) -> Option<Self> {
        Some(Self { data: self.data.get(count..)?, wire: self.wire - count })
    }

    /// What follows the first `count` octets, empty if they were not all captured, with the length it had on the wire.
    #[inline]
    pub(super) fn skip_lax(self, count: usize) -> Self {
        Self { data: self.data.get(count..).unwrap_or_default(), wire: self.wire.saturating_sub(count) }
    }

    /// The first `length` octets: what a length field says there are. A longer claim changes nothing.
    #[inline]
    pub(super) fn limit(self, length: usize) -> Self {
        Self { data: self.data.get(..length).unwrap_or(self.data), wire: self.wire.min(length) }
    }
}
