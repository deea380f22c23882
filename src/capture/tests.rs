//! Tests of the whole room: hand-built octets in every variant, every prefix, seeded mutations, compression, merging, and the
//! captures of other projects with independent truth where they are at hand.

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
        Self {
            big,
            octets: Vec::new(),
        }
    }

    fn n16(mut self, values: &[u16]) -> Self {
        for value in values {
            self.octets.extend(if self.big {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            });
        }
        self
    }

    fn n32(mut self, values: &[u32]) -> Self {
        for value in values {
            self.octets.extend(if self.big {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            });
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

fn pcap_header(magic: u32, big: bool, version: [u16; 2], link: u32) -> Octets {
    Octets::new(big)
        .n32(&[magic])
        .n16(&version)
        .n32(&[0, 0, 65535, link])
}

#[test]
fn reads_every_variant_of_pcap() {
    // Magic, version, octets after the file header and after the lengths, nanoseconds per fraction; the two lengths' order.
    let cases: [(u32, [u16; 2], usize, usize, u64, bool); 8] = [
        (0xa1b2_c3d4, [2, 4], 0, 0, 1000, false),
        (0xa1b2_3c4d, [2, 4], 0, 0, 1, false),
        (0xa1b2_cd34, [2, 4], 0, 8, 1000, false),
        (0x1c00_01ac, [2, 4], 4, 0, 1, false),
        (0x1c00_01ab, [2, 4], 4, 0, 1, false),
        (0xa1b2_c3d4, [543, 0], 0, 0, 1000, false),
        (0xa1b2_c3d4, [2, 2], 0, 0, 1000, true),
        (0xa1b2_c3d4, [2, 3], 0, 0, 1000, true),
    ];
    for big in [false, true] {
        for (magic, version, after_header, after_lengths, nanos, wire_first) in cases {
            let lengths = if wire_first { [60, 3] } else { [3, 60] };
            let file = pcap_header(magic, big, version, 1)
                .raw(&vec![9; after_header])
                .n32(&[4_000_000_000, 7])
                .n32(&lengths)
                .raw(&vec![9; after_lengths])
                .raw(b"abc");
            let (seen, format, error) = read(&file.octets);
            let frame = Seen {
                nanos: 4_000_000_000 * 1_000_000_000 + 7 * nanos,
                link: 1,
                interface: 0,
                wire_len: 60,
                data: b"abc".to_vec(),
            };
            assert_eq!(
                (seen, format, error),
                (vec![frame], "pcap", None),
                "{magic:x} {version:?} {big}"
            );
        }
    }
}

#[test]
fn tolerates_what_writers_of_pcap_do() {
    // Check-sequence bits in the link type, DLT_RAW, a fraction past the second, a length on the wire below the captured one.
    for (link, expected) in [
        (0x3000_0001, 1),
        (0x5400_0001, 1),
        (12, 101),
        (14, 101),
        (276, 276),
    ] {
        let file = pcap_header(0xa1b2_c3d4, false, [2, 4], link)
            .n32(&[1, 2_000_001, 4, 0])
            .raw(b"abcd");
        let (seen, _, error) = read(&file.octets);
        assert_eq!(error, None);
        assert_eq!(
            (seen[0].link, seen[0].nanos, seen[0].wire_len),
            (expected, 3_000_001_000, 4)
        );
    }
}

#[test]
fn says_what_is_wrong_with_a_pcap_and_where() {
    let header = || pcap_header(0xa1b2_c3d4, false, [2, 4], 1);
    let one = || header().n32(&[1, 1, 4, 4]).raw(b"abcd");
    let cases: [(Octets, usize, &str); 10] = [
        (Octets::new(false), 0, "empty: there is no file header"),
        (
            Octets::new(false).raw(b"ab"),
            0,
            "file header: 2 octets present, too few for any capture (cut short)",
        ),
        (
            Octets::new(false).raw(b"\x7fELF...."),
            0,
            "not a capture: neither pcap nor pcapng, nor gzip or zstd of one",
        ),
        (
            Octets::new(false).raw(&header().octets[..20]),
            0,
            "file header: 20 of 24 octets present (cut short)",
        ),
        (
            pcap_header(0xa1b2_c3d4, true, [3, 1], 1),
            0,
            "file header: version 3.1 of pcap is unknown",
        ),
        (
            one().raw(b"x"),
            1,
            "record 2 at offset 44: 1 of 16 header octets present (cut short)",
        ),
        (
            one().n32(&[1, 1, 4]),
            1,
            "record 2 at offset 44: 12 of 16 header octets present (cut short)",
        ),
        (
            one().n32(&[1, 1, 9, 9]).raw(b"abcd"),
            1,
            "record 2 at offset 44: 20 of 25 octets present (cut short)",
        ),
        (
            one().n32(&[1, 1, 0x0100_0001, 9]),
            1,
            "record 2 at offset 44: claims 16777217 octets, more than 16777216",
        ),
        (
            one().n32(&[1, 1, u32::MAX, 9]),
            1,
            "record 2 at offset 44: claims 4294967295 octets, more than 16777216",
        ),
    ];
    for (file, frames, message) in cases {
        let (seen, _, error) = read(&file.octets);
        assert_eq!((seen.len(), error.as_deref()), (frames, Some(message)));
        let summary = summary(&file.octets);
        assert_eq!((summary.packets, summary.complete), (frames as u64, false));
        assert_eq!(summary.error.as_deref(), Some(message));
    }
    assert_eq!(read(&header().octets), (Vec::new(), "pcap", None));
    let empty = summary(&header().octets);
    assert_eq!((empty.complete, empty.packets, empty.span), (true, 0, None));
}

const SHB: u32 = 0x0a0d_0d0a;

fn section(big: bool) -> Octets {
    let body = Octets::new(big)
        .n32(&[0x1a2b_3c4d])
        .n16(&[1, 0])
        .n32(&[u32::MAX, u32::MAX]);
    Octets::new(big).block(SHB, &body)
}

fn interface(big: bool, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Octets {
    let mut body = Octets::new(big).n16(&[link, 0]).n32(&[snaplen]);
    for (code, value) in options {
        body = body
            .n16(&[*code, value.len() as u16])
            .raw(value)
            .raw(&[0, 0, 0][..value.len().wrapping_neg() % 4]);
    }
    Octets::new(big).block(1, &body)
}

fn packet(big: bool, interface: u32, ticks: u64, data: &[u8], wire_len: u32) -> Octets {
    let body = Octets::new(big)
        .n32(&[
            interface,
            (ticks >> 32) as u32,
            ticks as u32,
            data.len() as u32,
            wire_len,
        ])
        .raw(data)
        .raw(&[0, 0, 0][..data.len().wrapping_neg() % 4]);
    Octets::new(big).block(6, &body)
}

#[test]
fn reads_sections_interfaces_and_all_kinds_of_packets() {
    let mut file = Vec::new();
    for big in [false, true] {
        file.extend(section(big).octets);
        file.extend(interface(big, 1, 0, &[]).octets);
        file.extend(interface(big, 113, 3, &[(9, &[9]), (0, &[])]).octets);
        file.extend(packet(big, 1, 5, b"abc", 70).octets);
        // Simple, of interface 0: no time of its own.
        file.extend(
            Octets::new(big)
                .block(3, &Octets::new(big).n32(&[4]).raw(b"defg"))
                .octets,
        );
        // Obsolete: 16 bits of interface, 16 of drops.
        let body = Octets::new(big)
            .n16(&[0, 77])
            .n32(&[0, 8, 1, 1])
            .raw(b"h\0\0\0");
        file.extend(Octets::new(big).block(2, &body).octets);
        for unknown in [0x0bad, 0x4000_0bad, 0x8000_0001, 5, 0] {
            file.extend(
                Octets::new(big)
                    .block(unknown, &Octets::new(big).raw(&[0xee; 64]))
                    .octets,
            );
        }
    }
    let frame = |nanos, link, interface, wire_len, data: &[u8]| Seen {
        nanos,
        link,
        interface,
        wire_len,
        data: data.to_vec(),
    };
    let expected = vec![
        frame(5, 113, 1, 70, b"abc"),
        frame(5, 1, 0, 4, b"defg"),
        frame(8000, 1, 0, 1, b"h"),
        frame(5, 113, 3, 70, b"abc"),
        frame(5, 1, 2, 4, b"defg"),
        frame(8000, 1, 2, 1, b"h"),
    ];
    assert_eq!(read(&file), (expected, "pcapng", None));
}

#[test]
fn simple_packets_are_cut_to_the_snaplen_and_begin_in_1970() {
    let file = section(false)
        .raw(&interface(false, 1, 4, &[]).octets)
        .block(3, &Octets::new(false).n32(&[1500]).raw(b"abcd"))
        .octets;
    let (seen, _, error) = read(&file);
    assert_eq!(error, None);
    assert_eq!(
        (seen[0].nanos, seen[0].wire_len, &seen[0].data[..]),
        (0, 1500, &b"abcd"[..])
    );
}

#[test]
fn clocks_of_interfaces() {
    // if_tsresol, if_tsoffset, ticks, nanoseconds.
    let cases: [(Option<u8>, i64, u64, u64); 14] = [
        (None, 0, 1_500_000, 1_500_000_000),
        (Some(0), 0, 3, 3_000_000_000),
        (Some(3), 0, 1500, 1_500_000_000),
        (Some(9), 0, 7, 7),
        (Some(12), 0, 7999, 7),
        (Some(29), 0, u64::MAX, 0),
        (Some(127), 0, u64::MAX, 0),
        (Some(0x80), 0, 3, 3_000_000_000),
        (Some(0x80 | 10), 0, 1536, 1_500_000_000),
        (Some(0x80 | 63), 0, 1 << 62, 500_000_000),
        (Some(0xff), 0, u64::MAX, 0),
        (Some(6), 1000, 5, 1_000_000_005_000),
        (Some(6), -2, 1_000_000, 0),
        (Some(0), i64::MAX, u64::MAX, u64::MAX),
    ];
    for big in [false, true] {
        for (resolution, offset, ticks, nanos) in cases {
            let resolution = resolution.map(|octet| [octet]);
            let offset = if big {
                offset.to_be_bytes()
            } else {
                offset.to_le_bytes()
            };
            let mut options: Vec<(u16, &[u8])> = vec![(2, b"eth0"), (14, &offset)];
            if let Some(resolution) = &resolution {
                options.push((9, resolution));
            }
            let file = section(big)
                .raw(&interface(big, 1, 0, &options).octets)
                .raw(&packet(big, 0, ticks, b"abcd", 4).octets);
            let (seen, _, error) = read(&file.octets);
            assert_eq!(
                (seen[0].nanos, error),
                (nanos, None),
                "{resolution:?} {offset:?} {ticks}"
            );
        }
    }
}

#[test]
fn says_what_is_wrong_with_a_pcapng_and_where() {
    let start = || section(false).raw(&interface(false, 1, 0, &[]).octets);
    let one = || packet(false, 0, 1, b"abcd", 4).octets;
    // The section header has 28 octets, the interface 20, the packet 36: the next begins at 48.
    let body = |words: &[u32]| Octets::new(false).n32(words);
    let big_body = |claim: u32| body(&[0, 0, 0, claim, claim, 0x6162_6364]);
    let cases: [(Octets, usize, &str); 16] = [
        (
            start().raw(&one()[..35]),
            0,
            "block 3 at offset 48: 35 of 36 octets present (cut short)",
        ),
        (
            start().raw(&one()[..5]),
            0,
            "block 3 at offset 48: 5 of 12 octets present (cut short)",
        ),
        (
            start().n32(&[0x0bad, 400, 1, 2]),
            0,
            "block 3 at offset 48: 16 of 400 octets present (cut short)",
        ),
        (
            start().n32(&[0, 0, 0]),
            0,
            "block 3 at offset 48: claims a length of 0, but the shortest block has 12",
        ),
        (
            start().n32(&[6, 32 << 20, 0]),
            0,
            "block 3 at offset 48: claims a length of 33554432, more than 16842752",
        ),
        (
            start().raw(&one()[..32]).n32(&[20]).raw(&one()),
            2,
            "block 3 at offset 48: lengths at its two ends differ: 36 and 20",
        ),
        (
            start().n32(&[99, 16, 0, 20]),
            0,
            "block 3 at offset 48: lengths at its two ends differ: 16 and 20",
        ),
        (
            start().n32(&[SHB, 28, 7, 0, 0, 0, 28]),
            0,
            "block 3 at offset 48: section header without a byte-order magic",
        ),
        (
            start().n32(&[SHB, 16, 0x1a2b_3c4d, 16]),
            0,
            "block 3 at offset 48: section header too short",
        ),
        (
            start().block(SHB, &body(&[0x1a2b_3c4d, 2, 0, 0])),
            0,
            "block 3 at offset 48: version 2.0 of pcapng is unknown",
        ),
        (
            start().block(1, &body(&[1])),
            0,
            "block 3 at offset 48: interface description too short",
        ),
        // Faults one can read past: the packet after them is still there.
        (
            start().block(6, &body(&[0; 4])).raw(&one()),
            1,
            "block 3 at offset 48: packet block too short",
        ),
        (
            start().block(6, &big_body(5)).raw(&one()),
            1,
            "block 3 at offset 48: packet claims 5 octets, the block has room for 4",
        ),
        (
            start()
                .raw(&packet(false, 1, 0, b"", 0).octets)
                .raw(&packet(false, 7, 0, b"", 0).octets)
                .raw(&one()),
            1,
            "block 3 at offset 48: packet of interface 1, but the section has 1 (and 1 more faults like it)",
        ),
        (
            start()
                .block(6, &body(&[0, 0, 0, 0, 0, 1 | 9 << 16]))
                .raw(&one()),
            2,
            "block 3 at offset 48: option 1 claims 9 octets, the block has room for 0",
        ),
        (
            start().block(10, &body(&[7, 9])).raw(&one()),
            1,
            "block 3 at offset 48: secrets claim 9 octets, the block has room for 0",
        ),
    ];
    for (file, frames, message) in cases {
        let (seen, format, error) = read(&file.octets);
        assert_eq!(
            (seen.len(), format, error.as_deref()),
            (frames, "pcapng", Some(message))
        );
    }
    let only_packet = section(false).raw(&one()).octets;
    let message = "block 2 at offset 28: packet of interface 0, but the section has 0";
    assert_eq!(
        read(&only_packet),
        (Vec::new(), "pcapng", Some(message.to_owned()))
    );
}

#[test]
fn secrets_and_names_are_handed_over_once() {
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    writer
        .secrets(Secrets::TLS_KEY_LOG, b"CLIENT_RANDOM 00 11")
        .unwrap();
    let link = writer.interface(LinkType::ETHERNET).unwrap();
    writer
        .frame(link, Timestamp::from_nanos(1), 60, b"x")
        .unwrap();
    writer.secrets(Secrets::WIREGUARD_KEY_LOG, b"").unwrap();
    let names = Octets::new(false)
        .n16(&[1, 4 + 4 + 2])
        .raw(b"\x0a\0\0\x01a.b\0c\0\0\0")
        .n16(&[3, 8])
        .raw(b"\0\0\0\0\0\0x\0")
        .n16(&[2, 18])
        .raw(
            &[
                &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..],
                b"y\0\0\0",
            ]
            .concat(),
        )
        .n16(&[0, 0]);
    let file = Octets::new(false)
        .raw(&writer.finish().unwrap())
        .block(4, &names)
        .octets;
    let files = Files::new(&[&file]);
    let mut captures = Captures::open(&files.paths, None).unwrap();
    let first = captures.take_secrets();
    assert_eq!(first.len(), 1);
    assert_eq!(
        (first[0].kind, &first[0].data[..]),
        (Secrets::TLS_KEY_LOG, &b"CLIENT_RANDOM 00 11"[..])
    );
    assert_eq!(drain(&mut captures).len(), 1);
    let then = captures.take_secrets();
    assert_eq!(
        (then.len(), then[0].kind, then[0].data.len()),
        (1, Secrets::WIREGUARD_KEY_LOG, 0)
    );
    assert!(captures.take_secrets().is_empty());
    let named: Vec<(String, String)> = captures
        .take_names()
        .into_iter()
        .map(|name| (name.address.to_string(), name.name))
        .collect();
    let expected = [("10.0.0.1", "a.b"), ("10.0.0.1", "c"), ("fe80::1", "y")];
    assert_eq!(
        named,
        expected.map(|(address, name)| (address.to_owned(), name.to_owned()))
    );
    assert!(captures.take_names().is_empty());
    assert_eq!(captures.summaries()[0].error, None);
}

/// A small capture of each format, and the offsets at which one may end.
fn samples() -> Vec<(Vec<u8>, Vec<usize>)> {
    let mut pcap = PcapWriter::new(Vec::new(), LinkType::ETHERNET).unwrap();
    let mut pcapng = PcapngWriter::new(Vec::new()).unwrap();
    let link = pcapng.interface(LinkType::RAW).unwrap();
    let mut pcap_ends = vec![24];
    let mut pcapng_ends = vec![28, 60];
    for index in 0..5_u32 {
        let (time, data) = (
            Timestamp::from_parts(u64::from(index), 5),
            vec![index as u8; index as usize * 7],
        );
        pcap.frame(time, 1500, &data).unwrap();
        pcap_ends.push(pcap_ends.last().unwrap() + 16 + data.len());
        pcapng.frame(link, time, 1500, &data).unwrap();
        pcapng_ends.push(pcapng_ends.last().unwrap() + 32 + data.len().next_multiple_of(4));
    }
    pcapng.secrets(Secrets::TLS_KEY_LOG, b"secret").unwrap();
    pcapng_ends.push(pcapng_ends.last().unwrap() + 28);
    vec![
        (pcap.finish().unwrap(), pcap_ends),
        (pcapng.finish().unwrap(), pcapng_ends),
    ]
}

#[test]
fn every_prefix_gives_its_whole_frames_and_says_whether_it_was_cut() {
    for (file, ends) in samples() {
        assert_eq!(ends.last(), Some(&file.len()));
        let (all, format, _) = read(&file);
        let headers = if format == "pcap" { 1 } else { 2 };
        for cut in 0..=file.len() {
            let (seen, _, error) = read(&file[..cut]);
            let whole = ends
                .iter()
                .filter(|&&end| end <= cut)
                .count()
                .saturating_sub(headers)
                .min(5);
            assert_eq!(seen, all[..whole], "{format} cut at {cut}");
            assert_eq!(
                error.is_none(),
                ends.contains(&cut),
                "{format} cut at {cut}: {error:?}"
            );
        }
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

#[test]
fn mutations_neither_panic_nor_invent_octets() {
    let mut random = Random(7);
    let mut starts: Vec<Vec<u8>> = samples().into_iter().map(|(file, _)| file).collect();
    starts.extend(
        starts
            .clone()
            .iter()
            .flat_map(|file| [gzip(file), zstd(file)]),
    );
    for round in 0..10_000 {
        let mut file = starts[round % starts.len()].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(file.len());
            match random.below(5) {
                0 => file[at] ^= 1 << random.below(8),
                1 => file[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                2 => file.truncate(at.max(1)),
                3 => file.insert(at, random.next() as u8),
                _ => {
                    let from = random.below(file.len());
                    let chunk = file[from..(from + 16).min(file.len())].to_vec();
                    file.splice(at..at, chunk);
                }
            }
        }
        let (seen, _, _) = read(&file);
        assert!(
            seen.iter().map(|frame| frame.data.len()).sum::<usize>() <= 1 << 20,
            "round {round}"
        );
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

#[test]
fn compression_is_told_by_its_magic_and_may_be_nested() {
    for (file, _) in samples() {
        let expected = read(&file);
        let (first, second) = file.split_at(file.len() / 2);
        let skippable = [
            &[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..],
            &zstd(&file),
        ]
        .concat();
        let members = [gzip(first), gzip(second)].concat();
        let frames = [zstd(first), skippable[..11].to_vec(), zstd(second)].concat();
        for packed in [
            gzip(&file),
            zstd(&file),
            members,
            frames,
            skippable,
            gzip(&zstd(&file)),
            zstd(&gzip(&file)),
        ] {
            assert_eq!(read(&packed), expected);
        }
        let bomb = (0..8).fold(file, |file, _| gzip(&file));
        assert_eq!(read(&bomb).1, "");
    }
}

/// A capture that compresses badly, in many blocks.
fn noisy_capture() -> Vec<u8> {
    let mut random = Random(1);
    let mut writer = PcapWriter::new(Vec::new(), LinkType::ETHERNET).unwrap();
    for index in 0..600 {
        let data: Vec<u8> = (0..1000).map(|_| b'a' + random.below(26) as u8).collect();
        writer
            .frame(Timestamp::from_nanos(index), 1000, &data)
            .unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn damage_in_compressed_captures_costs_nothing_before_it() {
    let file = noisy_capture();
    let (all, _, _) = read(&file);
    for (name, packed, block) in [
        ("gzip", gzip(&file), 40_000),
        ("zstd", zstd(&file), 140_000),
    ] {
        for share in [3, 5, 9] {
            let at = packed.len() * share / 10;
            let expected = file.len() * share / 10;
            let mut damaged = packed.clone();
            damaged[at..at + 40].fill(0xff);
            for (octets, what) in [(&packed[..at], "cut short at octet"), (&damaged[..], "")] {
                let (seen, _, error) = read(octets);
                let error = error.expect("damage");
                // Damage among literals decodes to wrong octets, unnoticed until a record or the checksum is wrong.
                let named = what.is_empty() || error.contains(name);
                assert!(error.contains(what) && named, "{error}");
                assert!(error.starts_with("record "), "{error}");
                // Nothing before the damaged block is lost: frames up to it are there, and right.
                let intact = seen
                    .iter()
                    .zip(&all)
                    .take_while(|(seen, all)| seen == all)
                    .count();
                assert!(
                    (intact + 1) * 1016 + block >= expected,
                    "{name} {share}: {intact} frames of {}",
                    expected / 1016
                );
            }
        }
        let mut spoilt = packed.clone();
        let last = spoilt.len() - if name == "gzip" { 6 } else { 1 };
        spoilt[last] ^= 1;
        let (seen, _, error) = read(&spoilt);
        assert_eq!(seen, all);
        assert!(error.is_some_and(|error| error.contains("check")), "{name}");
        let trailing = [&packed[..], b"rubbish"].concat();
        let (seen, _, error) = read(&trailing);
        assert_eq!((seen.len(), error.is_some()), (all.len(), true));
    }
}

#[test]
fn merges_by_time_then_by_file_and_keeps_the_order_within_a_file() {
    let capture = |times: &[u64], mark: u8| {
        let mut writer = PcapWriter::new(Vec::new(), LinkType::ETHERNET).unwrap();
        for &time in times {
            writer
                .frame(Timestamp::from_nanos(time), 60, &[mark, time as u8])
                .unwrap();
        }
        writer.finish().unwrap()
    };
    // The second file's clock steps back.
    let contents = [
        capture(&[1, 5, 9], b'a'),
        capture(&[2, 7, 3, 9], b'b'),
        capture(&[], b'c'),
        capture(&[5, 5, 20], b'd'),
    ];
    let files = Files::new(&contents.each_ref().map(|octets| &octets[..]));
    let mut captures = Captures::open(&files.paths, None).unwrap();
    let order: Vec<(u8, u8)> = drain(&mut captures)
        .iter()
        .map(|seen| (seen.data[0], seen.data[1]))
        .collect();
    let expected = [
        (b'a', 1),
        (b'b', 2),
        (b'a', 5),
        (b'd', 5),
        (b'd', 5),
        (b'b', 7),
        (b'b', 3),
        (b'a', 9),
        (b'b', 9),
        (b'd', 20),
    ];
    assert_eq!(order, expected);
    let summaries = captures.summaries();
    assert!(
        summaries
            .iter()
            .all(|summary| summary.complete && summary.error.is_none())
    );
    let span = |from, to| Some((Timestamp::from_nanos(from), Timestamp::from_nanos(to)));
    assert_eq!(summaries[1].span, span(2, 9));
    assert_eq!((summaries[0].packets, summaries[0].bytes), (3, 180));
    let total: u64 = contents.iter().map(|octets| octets.len() as u64).sum();
    assert_eq!(
        (captures.position(), captures.total_bytes()),
        (total, Some(total))
    );
}

#[test]
fn more_files_than_descriptors() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..300_u64)
        .map(|index| {
            let path = folder.path().join(format!("{index}.pcap"));
            let mut writer = PcapWriter::new(Vec::new(), LinkType::ETHERNET).unwrap();
            // The files lie the other way round in time.
            writer
                .frame(Timestamp::from_nanos(1000 - index), 60, b"x")
                .unwrap();
            writer
                .frame(Timestamp::from_nanos(1000 - index), 60, b"y")
                .unwrap();
            std::fs::write(&path, writer.finish().unwrap()).unwrap();
            path
        })
        .collect();
    let mut captures = Captures::open(&paths, None).unwrap();
    std::fs::remove_file(&paths[299]).unwrap();
    let times: Vec<u64> = drain(&mut captures).iter().map(|seen| seen.nanos).collect();
    assert_eq!(
        times,
        (702..=1000)
            .flat_map(|time| [time, time])
            .collect::<Vec<_>>()
    );
    let summaries = captures.summaries();
    assert!(
        summaries[..299]
            .iter()
            .all(|summary| summary.complete && summary.packets == 2)
    );
    assert!(
        summaries[299]
            .error
            .as_ref()
            .unwrap()
            .starts_with("cannot be opened again")
    );
}

#[test]
fn filters_before_counting() {
    let udp = |port: u16| {
        let ip = [
            0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 9,
        ];
        [&ip[..], &port.to_be_bytes(), &[0, 8, 0, 0]].concat()
    };
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    let raw = writer.interface(LinkType::RAW).unwrap();
    let ethernet = writer.interface(LinkType::ETHERNET).unwrap();
    let unknown = writer.interface(LinkType(147)).unwrap();
    writer
        .frame(raw, Timestamp::from_nanos(1), 28, &udp(80))
        .unwrap();
    writer
        .frame(raw, Timestamp::from_nanos(2), 28, &udp(53))
        .unwrap();
    writer
        .frame(
            ethernet,
            Timestamp::from_nanos(3),
            42,
            &[&[0; 12][..], &[8, 0], &udp(53)].concat(),
        )
        .unwrap();
    writer
        .frame(raw, Timestamp::from_nanos(4), 28, &udp(99))
        .unwrap();
    writer
        .frame(unknown, Timestamp::from_nanos(5), 28, &udp(53))
        .unwrap();
    let file = writer.finish().unwrap();
    // The last block: 32 octets around a frame of 28.
    let files = Files::new(&[&file[..file.len() - 60], &file]);
    let mut captures = Captures::open(&files.paths[..1], Some("udp dst port 53")).unwrap();
    assert_eq!(
        drain(&mut captures)
            .iter()
            .map(|seen| seen.nanos)
            .collect::<Vec<_>>(),
        [2, 3]
    );
    let summary = captures.summaries().remove(0);
    assert_eq!(
        (summary.packets, summary.bytes, summary.complete),
        (2, 70, true)
    );
    assert_eq!(
        summary.span,
        Some((Timestamp::from_nanos(2), Timestamp::from_nanos(3)))
    );

    let mut captures = Captures::open(&files.paths[1..], Some("udp dst port 53")).unwrap();
    assert_eq!(drain(&mut captures).len(), 2);
    let summary = captures.summaries().remove(0);
    let error = summary.error.unwrap();
    assert!(
        !summary.complete
            && error.starts_with("1 frames left out: filter \"udp dst port 53\" does not"),
        "{error}"
    );

    for (paths, filter, message) in [
        (
            &files.paths[..],
            "prot 5",
            "filter \"prot 5\" does not compile for link type 101 of ",
        ),
        (
            &files.paths[..0],
            "udp and",
            "filter \"udp and\" does not compile for link type 1 of an empty capture: ",
        ),
    ] {
        let error = Captures::open(paths, Some(filter))
            .err()
            .expect("an error")
            .to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn what_cannot_be_opened_is_an_error_with_its_path() {
    let files = Files::new(&[]);
    let missing = files.folder.path().join("missing.pcap");
    for paths in [vec![missing.clone()], vec![files.folder.path().to_owned()]] {
        let error = Captures::open(&paths, None)
            .err()
            .expect("an error")
            .to_string();
        assert!(
            error.starts_with(&format!("{}: ", paths[0].display())),
            "{error}"
        );
    }
}

/// The ends of a truth file's `first` and `last`: seconds and nine digits, past 64 bits of nanoseconds saturating.
fn nanos(text: &str) -> u64 {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let fraction: u64 = format!("{fraction:0<9}")[..9].parse().unwrap();
    Timestamp::from_parts(seconds.parse().unwrap(), fraction).nanos()
}

#[test]
fn agrees_with_independent_truth() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if !shared.join("truth").is_dir() {
        eprintln!(
            "skipped: there are no captures with truth at {}",
            shared.display()
        );
        return;
    }
    let mut compared = 0;
    let mut truths: Vec<PathBuf> = std::fs::read_dir(shared.join("truth"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .flat_map(|folder| {
            std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
        })
        .collect();
    truths.sort();
    for path in truths {
        let truth: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let format = &truth["format"];
        let name = truth["capture"].as_str().unwrap();
        let mut captures = Captures::open(&[shared.join("captures").join(name)], None).unwrap();
        let seen = drain(&mut captures);
        let summary = captures.summaries().remove(0);
        compared += 1;

        let kind = format["kind"].as_str().unwrap();
        let expected_format = match kind {
            "empty" => "",
            kind if kind.starts_with("pcapng") => "pcapng",
            _ => "pcap",
        };
        assert_eq!(summary.format, expected_format, "{name}");
        let blocks = |kinds: &[&str]| {
            kinds
                .iter()
                .filter_map(|kind| format["blocks"][kind].as_u64())
                .sum::<u64>()
        };
        let frames = match format["records_complete"].as_u64() {
            Some(records) => records,
            None => blocks(&["EPB", "SPB", "PB"]),
        };
        assert_eq!(
            (summary.packets, seen.len() as u64),
            (frames, frames),
            "{name}"
        );

        let whole = kind != "empty"
            && truth["tshark"]["exit"] == 0
            && format["trailing_bytes"].as_u64().unwrap_or(0) == 0
            && format["header_truncated"].is_null();
        assert_eq!(summary.complete, whole, "{name}: {:?}", summary.error);
        assert_eq!(summary.error.is_none(), whole, "{name}");

        let mut links: Vec<u32> = format["link_types"].as_array().map_or(Vec::new(), |links| {
            links
                .iter()
                .map(|link| source::link_type(link.as_u64().unwrap() as u16).0)
                .collect()
        });
        links.sort_unstable();
        for frame in &seen {
            assert!(
                links.binary_search(&frame.link).is_ok(),
                "{name}: link type {}",
                frame.link
            );
        }
        let numbered = truth["packets"]["frames"].as_u64();
        if numbered == Some(frames) {
            assert_eq!(
                Some(summary.bytes),
                truth["packets"]["frame_bytes"].as_u64(),
                "{name}"
            );
            let captured: usize = seen.iter().map(|frame| frame.data.len()).sum();
            assert_eq!(
                Some(captured as u64),
                truth["captured_bytes"].as_u64(),
                "{name}"
            );
        }
        // The truth has a time of 0 for Simple Packet Blocks, where we have that of the frame before.
        if let (Some((first, last)), Some(truth_first), Some(truth_last)) = (
            summary.span,
            truth["first"].as_str(),
            truth["last"].as_str(),
        ) {
            // The truth compared its times as floating point: of times within a microsecond it may have taken either.
            if blocks(&["SPB"]) == 0 {
                assert!(
                    first.nanos().abs_diff(nanos(truth_first)) < 1000,
                    "{name}: first {first}"
                );
            }
            assert!(
                last.nanos().abs_diff(nanos(truth_last)) < 1000,
                "{name}: last {last}"
            );
        }
    }
    assert!(compared > 300, "{compared} captures compared");
}
