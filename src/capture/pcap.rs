//! Classic pcap, draft-ietf-opsawg-pcap, in both byte orders, with microseconds or nanoseconds; the "modified" variant of
//! 0xa1b2cd34 with longer record headers, and IXIA's with a longer file header.
//!
//! The loop is our own. libpcap reads these files too (1.9-2.0 GB/s), but neither compressed nor from a mixed list, and says
//! of a cut file neither where nor how much is left; `pcap-parser` (2.0-2.7 GB/s) would read them at nearly the speed of the
//! loop (2.5-2.9 GB/s), but leaves buffer growth, limits, offsets and odd versions to its caller, which is most of this file.

use crate::model::{LinkType, Timestamp};

use super::input::Input;
use super::source::{ByteOrder, Damage, FrameSource, Head, NotACapture, RECORD_BYTES_MAX, Record, link_type};

const FORMAT: &str = "pcap";
const FILE_HEADER: usize = 24;

/// What the magic number tells.
#[derive(Clone, Copy)]
pub(super) struct Variant {
    order: ByteOrder,
    nanoseconds: bool,
    file_header: usize,
    record_header: usize,
}

impl Variant {
    /// The variant of a magic number, if it is one of pcap.
    pub(super) fn of(magic: [u8; 4]) -> Option<Self> {
        [ByteOrder::Little, ByteOrder::Big].into_iter().find_map(|order| {
            let (nanoseconds, file_header, record_header) = match order.u32(magic) {
                0xa1b2_c3d4 => (false, FILE_HEADER, 16),
                0xa1b2_3c4d => (true, FILE_HEADER, 16),
                // Kuznetzov's: interface index, protocol and packet type follow the lengths.
                0xa1b2_cd34 => (false, FILE_HEADER, 24),
                // IXIA, hardware and software: a count of octets follows the file header.
                0x1c00_01ac | 0x1c00_01ab => (true, FILE_HEADER + 4, 16),
                _ => return None,
            };
            Some(Self { order, nanoseconds, file_header, record_header })
        })
    }
}

/// Which of the two lengths of a record comes first: they changed places in the history of the format.
#[derive(Clone, Copy)]
enum Lengths {
    CapturedFirst,
    /// Before version 2.3.
    WireFirst,
    /// Version 2.3 was written by tools of both kinds.
    SmallerIsCaptured,
}

/// Reads the records of a pcap file.
pub(super) struct PcapReader {
    input: Input,
    variant: Variant,
    lengths: Lengths,
    link: LinkType,
    head: Option<Head>,
    /// Octets of the record at the front of the window, to be left behind by the next advance.
    held: usize,
    /// Records seen, for messages.
    records: u64,
    ended: bool,
    damage: Damage,
}

impl PcapReader {
    /// Reads the file header.
    pub(super) fn new(mut input: Input, variant: Variant) -> Result<Self, NotACapture> {
        let fail = |error| NotACapture { format: FORMAT, error };
        let order = variant.order;
        if !input.fill(variant.file_header) {
            let (present, all, why) = (input.octets().len(), variant.file_header, input.why_ended());
            return Err(fail(format!("file header: {present} of {all} octets present ({why})")));
        }
        let header = input.octets();
        let major = order.u16_at(header, 4).unwrap_or_default();
        let minor = order.u16_at(header, 6).unwrap_or_default();
        let lengths = match (major, minor) {
            (2, 0..=2) => Lengths::WireFirst,
            (2, 3) => Lengths::SmallerIsCaptured,
            // 543.0 is what the pcap of AIX writes.
            (2, _) | (543, 0) => Lengths::CapturedFirst,
            _ => {
                return Err(fail(format!("file header: version {major}.{minor} of pcap is unknown")));
            }
        };
        // The upper 16 bits tell whether and how long frames have a check sequence; what it ends, IP lengths tell as well.
        let link = link_type(order.u32_at(header, 20).unwrap_or_default() as u16);
        input.consume(variant.file_header);
        Ok(Self {
            input,
            variant,
            lengths,
            link,
            head: None,
            held: 0,
            records: 0,
            ended: false,
            damage: Damage::default(),
        })
    }

    fn end(&mut self, error: Option<String>) -> bool {
        self.ended = true;
        if let Some(error) = error {
            let (record, offset) = (self.records + 1, self.input.offset());
            self.damage.end(format!("record {record} at offset {offset}: {error}"));
        }
        false
    }

    fn end_cut(&mut self, needed: usize, what: &str) -> bool {
        let (present, why) = (self.input.octets().len(), self.input.why_ended());
        let error = format!("{present} of {needed} {what} present ({why})");
        self.end(Some(error))
    }
}

impl FrameSource for PcapReader {
    fn format(&self) -> &'static str {
        FORMAT
    }

    fn advance(&mut self) -> bool {
        self.head = None;
        self.input.consume(std::mem::take(&mut self.held));
        if self.ended {
            return false;
        }
        let header_len = self.variant.record_header;
        if !self.input.fill(header_len) {
            return match (self.input.octets().len(), self.input.failure()) {
                (0, None) => self.end(None),
                _ => self.end_cut(header_len, "header octets"),
            };
        }
        let order = self.variant.order;
        let Some(&[s0, s1, s2, s3, f0, f1, f2, f3, a0, a1, a2, a3, b0, b1, b2, b3]) = self.input.octets().first_chunk()
        else {
            return self.end(None);
        };
        let (first, second) = (order.u32([a0, a1, a2, a3]), order.u32([b0, b1, b2, b3]));
        let (captured, wire) = match self.lengths {
            Lengths::CapturedFirst => (first, second),
            Lengths::WireFirst => (second, first),
            Lengths::SmallerIsCaptured => (first.min(second), first.max(second)),
        };
        if captured > RECORD_BYTES_MAX {
            return self.end(Some(format!("claims {captured} octets, more than {RECORD_BYTES_MAX}")));
        }
        let record_len = header_len + captured as usize;
        if !self.input.fill(record_len) {
            return self.end_cut(record_len, "octets");
        }
        // Seconds are unsigned: they last until 2106. A fraction past the second carries over, as tools display it.
        let fraction = u64::from(order.u32([f0, f1, f2, f3]));
        let nanos = if self.variant.nanoseconds { fraction } else { fraction * 1000 };
        self.head = Some(Head {
            time: Timestamp::from_parts(u64::from(order.u32([s0, s1, s2, s3])), nanos),
            link: self.link,
            interface: 0,
            // Some writers leave the length on the wire at 0 or below what they captured; what was captured was there.
            wire_len: wire.max(captured),
            from: header_len,
            len: captured as usize,
        });
        self.held = record_len;
        self.records += 1;
        true
    }

    fn record(&self) -> Option<Record<'_>> {
        self.head?.lend(&self.input)
    }

    fn damage(&self) -> &Damage {
        &self.damage
    }
}
