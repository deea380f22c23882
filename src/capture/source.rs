//! What the readers of capture formats have in common: the trait they implement, the record they lend, the damage they note,
//! and the look at the first octets that decides which of them is asked.

use crate::model::{LinkType, Timestamp};

use super::input::Input;
use super::pcapng_blocks::{ResolvedName, Secrets};
use super::{compressed, pcap, pcapng};

/// The most octets one frame may have in a capture: 16 MiB. libpcap's own maximum is 256 KiB for all link types that carry IP,
/// and offloading hosts hand over less than that; a record that claims more is damage, not a reason to allocate.
pub const RECORD_BYTES_MAX: u32 = 16 << 20;

/// A reader of one capture format. Call [`advance`](Self::advance), then look at [`record`](Self::record).
pub(super) trait FrameSource: Send {
    /// `pcap` or `pcapng`.
    fn format(&self) -> &'static str;

    /// Moves to the next frame and tells whether there is one. After `false` it stays `false`.
    fn advance(&mut self) -> bool;

    /// The frame last advanced to.
    fn record(&self) -> Option<Record<'_>>;

    /// What was wrong so far.
    fn damage(&self) -> &Damage;

    /// Secrets and names of the capture so far; they are handed over once.
    fn take_extras(&mut self) -> Extras {
        Extras::default()
    }
}

/// Where a frame lies in the input's buffer, and what its header says.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) time: Timestamp,
    pub(super) link: LinkType,
    pub(super) interface: u16,
    pub(super) wire_len: u32,
    /// First octet of the frame, counted from the start of the record or block.
    pub(super) from: usize,
    /// Octets captured.
    pub(super) len: usize,
}

impl Head {
    /// The frame itself, when its record stands at the front of the input.
    pub(super) fn lend<'a>(&self, input: &'a Input) -> Option<Record<'a>> {
        let data = input.octets().get(self.from..self.from + self.len)?;
        Some(Record { time: self.time, link: self.link, interface: self.interface, wire_len: self.wire_len, data })
    }
}

/// A frame as its capture has it.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) time: Timestamp,
    pub(super) link: LinkType,
    pub(super) interface: u16,
    pub(super) wire_len: u32,
    pub(super) data: &'a [u8],
}

/// What a pcapng capture holds besides frames.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) secrets: Vec<Secrets>,
    pub(super) names: Vec<ResolvedName>,
}

impl Extras {
    /// Adds those of another capture.
    pub(super) fn append(&mut self, mut other: Self) {
        self.secrets.append(&mut other.secrets);
        self.names.append(&mut other.names);
    }
}

/// What is wrong with a capture: faults one can read past (the first is told, the rest counted), and the one that ended it.
#[derive(Default)]
pub(super) struct Damage {
    first: Option<String>,
    more: u64,
    end: Option<String>,
}

impl Damage {
    /// Notes a fault after which reading goes on. The text is only made when it will be shown: a capture may hold millions.
    pub(super) fn note(&mut self, text: impl FnOnce() -> String) {
        if self.first.is_none() {
            self.first = Some(text());
        } else {
            self.more += 1;
        }
    }

    /// Notes the fault that ended the capture.
    pub(super) fn end(&mut self, text: String) {
        self.end = Some(text);
    }

    /// All of it in one line, `None` if all was well.
    pub(super) fn text(&self) -> Option<String> {
        let mut parts = Vec::new();
        if let Some(first) = &self.first {
            match self.more {
                0 => parts.push(first.clone()),
                more => parts.push(format!("{first} (and {more} more faults like it)")),
            }
        }
        parts.extend(self.end.clone());
        if parts.is_empty() { None } else { Some(parts.join("; ")) }
    }
}

/// Why there is no reader for an input.
pub(super) struct NotACapture {
    /// The format, where at least that could be told.
    pub(super) format: &'static str,
    pub(super) error: String,
}

/// Looks at the first octets of `input`, takes compression off, and gives the reader of the format found.
pub(super) fn recognise(input: Input) -> Result<Box<dyn FrameSource>, NotACapture> {
    let mut input = compressed::unwrap(input);
    // Both formats are told by their first 4 octets.
    if !input.fill(4) {
        let present = input.octets().len();
        let error = match (input.failure(), present) {
            (Some(failure), _) => format!("file header: {present} octets present ({failure})"),
            (None, 0) => "empty: there is no file header".to_owned(),
            (None, _) => format!("file header: {present} octets present, too few for any capture (cut short)"),
        };
        return Err(NotACapture { format: "", error });
    }
    let magic = input.octets().first_chunk().copied().unwrap_or_default();
    if magic == pcapng::MAGIC {
        return Ok(Box::new(pcapng::PcapngReader::new(input)));
    }
    match pcap::Variant::of(magic) {
        Some(variant) => Ok(Box::new(pcap::PcapReader::new(input, variant)?)),
        None => {
            let error = "not a capture: neither pcap nor pcapng, nor gzip or zstd of one".to_owned();
            Err(NotACapture { format: "", error })
        }
    }
}

/// Byte order of a file or section.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// Two octets as a number.
    pub(super) const fn u16(self, octets: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(octets),
            Self::Big => u16::from_be_bytes(octets),
        }
    }

    /// Four octets as a number.
    pub(super) const fn u32(self, octets: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(octets),
            Self::Big => u32::from_be_bytes(octets),
        }
    }

    /// The number of two octets at `at`, if they are there.
    pub(super) fn u16_at(self, octets: &[u8], at: usize) -> Option<u16> {
        octets.get(at..)?.first_chunk().map(|chunk| self.u16(*chunk))
    }

    /// The number of four octets at `at`, if they are there.
    pub(super) fn u32_at(self, octets: &[u8], at: usize) -> Option<u32> {
        octets.get(at..)?.first_chunk().map(|chunk| self.u32(*chunk))
    }
}

/// The link type of a 16-bit field of a capture. 12 and 14 are DLT_RAW of most systems and of OpenBSD, written to files by
/// tools that did not translate them; they are raw IP, LINKTYPE_RAW.
pub(super) fn link_type(field: u16) -> LinkType {
    match field {
        12 | 14 => LinkType::RAW,
        other => LinkType(u32::from(other)),
    }
}
