//! Just enough of pcap and pcapng to read frames for the tests of this room, which must not depend on the capture room.

use std::path::{Path, PathBuf};

use crate::model::LinkType;

/// The captures beside the repository, if they are there.
pub(super) fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if folder.join("captures").is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no captures beside the repository");
    None
}

/// A frame as the file holds it.
pub(super) struct Record {
    pub(super) link: LinkType,
    pub(super) nanos: u64,
    pub(super) wire_len: u32,
    pub(super) data: Vec<u8>,
}

/// Every whole frame of a file; none if it is of neither format.
pub(super) fn read(path: &Path) -> Vec<Record> {
    let data = std::fs::read(path).unwrap_or_default();
    match data.first_chunk::<4>() {
        Some([0xd4, 0xc3, 0xb2, 0xa1]) => pcap(&data, true, 1000),
        Some([0xa1, 0xb2, 0xc3, 0xd4]) => pcap(&data, false, 1000),
        Some([0x4d, 0x3c, 0xb2, 0xa1]) => pcap(&data, true, 1),
        Some([0xa1, 0xb2, 0x3c, 0x4d]) => pcap(&data, false, 1),
        Some([0x0a, 0x0d, 0x0d, 0x0a]) => pcapng(&data),
        _ => Vec::new(),
    }
}

fn u32_at(data: &[u8], at: usize, little: bool) -> Option<u32> {
    let bytes = *data.get(at..)?.first_chunk::<4>()?;
    Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
}

fn pcap(data: &[u8], little: bool, unit: u64) -> Vec<Record> {
    let mut records = Vec::new();
    let link = LinkType(u32_at(data, 20, little).unwrap_or(0) & 0x03ff_ffff);
    let mut at = 24;
    while let (Some(seconds), Some(fraction), Some(captured), Some(wire_len)) = (
        u32_at(data, at, little),
        u32_at(data, at + 4, little),
        u32_at(data, at + 8, little),
        u32_at(data, at + 12, little),
    ) {
        let Some(frame) = data.get(at + 16..at + 16 + captured as usize) else { break };
        let nanos = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * unit;
        records.push(Record { link, nanos, wire_len, data: frame.to_vec() });
        at += 16 + captured as usize;
    }
    records
}

fn pcapng(data: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut interfaces = Vec::new();
    let (mut at, mut little) = (0, true);
    while let Some(kind) = u32_at(data, at, little) {
        if kind == 0x0a0d_0d0a {
            little = u32_at(data, at + 8, true) == Some(0x1a2b_3c4d);
            interfaces.clear();
        }
        let Some(length) = u32_at(data, at + 4, little).map(|length| length as usize) else { break };
        let Some(block) = data.get(at..at + length).filter(|_| length >= 12) else { break };
        let word = |at| u32_at(block, at, little).unwrap_or(0);
        let mut push = |interface: usize, nanos, captured: u32, wire_len, from: usize| {
            if let (Some(&link), Some(frame)) = (interfaces.get(interface), block.get(from..from + captured as usize)) {
                records.push(Record { link, nanos, wire_len, data: frame.to_vec() });
            }
        };
        // Microseconds, whatever the interface says: nothing here depends on the resolution.
        let nanos = ((u64::from(word(12)) << 32) | u64::from(word(16))).saturating_mul(1000);
        match kind {
            1 => interfaces.push(LinkType(if little { word(8) & 0xffff } else { word(8) >> 16 })),
            2 => push((if little { word(8) & 0xffff } else { word(8) >> 16 }) as usize, nanos, word(20), word(24), 28),
            3 => push(0, 0, word(8).min(length as u32 - 16), word(8), 12),
            6 => push(word(8) as usize, nanos, word(20), word(24), 28),
            _ => {}
        }
        at += length;
    }
    records
}
