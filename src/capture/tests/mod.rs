//! Tests of the whole room. What they share is here: reading octets without a file, building captures octet by octet.

mod compressed;
mod damage;
mod merge;
mod pcap;
mod pcapng;
mod truth;

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::model::{CaptureSummary, LinkType, Timestamp};

use super::write::{PcapWriter, PcapngWriter};
use super::*;

/// What a test looks at of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    nanos: u64,
    link: u32,
    interface: u16,
    wire_len: u32,
    data: Vec<u8>,
}

/// Files that live as long as the test.
struct Files {
    folder: tempfile::TempDir,
    paths: Vec<PathBuf>,
}

impl Files {
    fn new(contents: &[&[u8]]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = contents
            .iter()
            .enumerate()
            .map(|(index, octets)| {
                let path = folder.path().join(format!("{index}.bin"));
                std::fs::write(&path, octets).unwrap();
                path
            })
            .collect();
        Self { folder, paths }
    }
}

fn drain(captures: &mut Captures) -> Vec<Seen> {
    let mut seen = Vec::new();
    while let Some(frame) = captures.next_frame() {
        assert!(frame.data.len() <= frame.wire_len as usize);
        seen.push(Seen {
            nanos: frame.time.nanos(),
            link: frame.link.0,
            interface: frame.origin.interface,
            wire_len: frame.wire_len,
            data: frame.data.to_vec(),
        });
    }
    seen
}

/// Reads octets without a file.
fn read(octets: &[u8]) -> (Vec<Seen>, &'static str, Option<String>) {
    let input = input::Input::new(Box::new(std::io::Cursor::new(octets.to_vec())));
    let mut source = match source::recognise(input) {
        Ok(source) => source,
        Err(reason) => return (Vec::new(), reason.format, Some(reason.error)),
    };
    let mut seen = Vec::new();
    while source.advance() {
        let record = source.record().expect("a frame after advance");
        assert!(record.data.len() <= record.wire_len as usize);
        seen.push(Seen {
            nanos: record.time.nanos(),
            link: record.link.0,
            interface: record.interface,
            wire_len: record.wire_len,
            data: record.data.to_vec(),
        });
    }
    assert!(!source.advance() && source.record().is_none());
    (seen, source.format(), source.damage().text())
}

fn summary(octets: &[u8]) -> CaptureSummary {
    let files = Files::new(&[octets]);
    let mut captures = Captures::open(&files.paths, None).unwrap();
    drain(&mut captures);
    captures.summaries().remove(0)
}

/// Numbers in one byte order, one after the other.
struct Octets {
    big: bool,
    octets: Vec<u8>,
}

impl Octets {
    fn new(big: bool) -> Self {
        Self { big, octets: Vec::new() }
    }

    fn n16(mut self, values: &[u16]) -> Self {
        for value in values {
            self.octets.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
        }
        self
    }

    fn n32(mut self, values: &[u32]) -> Self {
        for value in values {
            self.octets.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
        }
        self
    }

    fn raw(mut self, octets: &[u8]) -> Self {
        self.octets.extend(octets);
        self
    }

    /// A pcapng block around a body.
    fn block(self, kind: u32, body: &Octets) -> Self {
        let total = body.octets.len() as u32 + 12;
        self.n32(&[kind, total]).raw(&body.octets).n32(&[total])
    }
}

/// splitmix64: any seed will do, and no dependency has to promise the same numbers next year.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

fn zstd(octets: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(octets, ruzstd::encoding::CompressionLevel::Fastest)
}

/// A small capture of each format, and the offsets at which one may end.
fn samples() -> Vec<(Vec<u8>, Vec<usize>)> {
    let mut pcap = PcapWriter::new(Vec::new(), LinkType::ETHERNET).unwrap();
    let mut pcapng = PcapngWriter::new(Vec::new()).unwrap();
    let link = pcapng.interface(LinkType::RAW).unwrap();
    let mut pcap_ends = vec![24];
    let mut pcapng_ends = vec![28, 60];
    for index in 0..5_u32 {
        let (time, data) = (Timestamp::from_parts(u64::from(index), 5), vec![index as u8; index as usize * 7]);
        pcap.frame(time, 1500, &data).unwrap();
        pcap_ends.push(pcap_ends.last().unwrap() + 16 + data.len());
        pcapng.frame(link, time, 1500, &data).unwrap();
        pcapng_ends.push(pcapng_ends.last().unwrap() + 32 + data.len().next_multiple_of(4));
    }
    pcapng.secrets(Secrets::TLS_KEY_LOG, b"secret").unwrap();
    pcapng_ends.push(pcapng_ends.last().unwrap() + 28);
    vec![(pcap.finish().unwrap(), pcap_ends), (pcapng.finish().unwrap(), pcapng_ends)]
}
