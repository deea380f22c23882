//! Classic pcap: every variant, what real writers do, what is wrong and where.

use super::*;

fn pcap_header(magic: u32, big: bool, version: [u16; 2], link: u32) -> Octets {
    Octets::new(big).n32(&[magic]).n16(&version).n32(&[0, 0, 65535, link])
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
            assert_eq!((seen, format, error), (vec![frame], "pcap", None), "{magic:x} {version:?} {big}");
        }
    }
}

#[test]
fn tolerates_what_writers_of_pcap_do() {
    // Check-sequence bits in the link type, DLT_RAW, a fraction past the second, a length on the wire below the captured one.
    for (link, expected) in [(0x3000_0001, 1), (0x5400_0001, 1), (12, 101), (14, 101), (276, 276)] {
        let file = pcap_header(0xa1b2_c3d4, false, [2, 4], link).n32(&[1, 2_000_001, 4, 0]).raw(b"abcd");
        let (seen, _, error) = read(&file.octets);
        assert_eq!(error, None);
        assert_eq!((seen[0].link, seen[0].nanos, seen[0].wire_len), (expected, 3_000_001_000, 4));
    }
}

#[test]
fn says_what_is_wrong_with_a_pcap_and_where() {
    let header = || pcap_header(0xa1b2_c3d4, false, [2, 4], 1);
    let one = || header().n32(&[1, 1, 4, 4]).raw(b"abcd");
    let cases: [(Octets, usize, &str); 10] = [
        (Octets::new(false), 0, "empty: there is no file header"),
        (Octets::new(false).raw(b"ab"), 0, "file header: 2 octets present, too few for any capture (cut short)"),
        (Octets::new(false).raw(b"\x7fELF...."), 0, "not a capture: neither pcap nor pcapng, nor gzip or zstd of one"),
        (Octets::new(false).raw(&header().octets[..20]), 0, "file header: 20 of 24 octets present (cut short)"),
        (pcap_header(0xa1b2_c3d4, true, [3, 1], 1), 0, "file header: version 3.1 of pcap is unknown"),
        (one().raw(b"x"), 1, "record 2 at offset 44: 1 of 16 header octets present (cut short)"),
        (one().n32(&[1, 1, 4]), 1, "record 2 at offset 44: 12 of 16 header octets present (cut short)"),
        (one().n32(&[1, 1, 9, 9]).raw(b"abcd"), 1, "record 2 at offset 44: 20 of 25 octets present (cut short)"),
        (one().n32(&[1, 1, 0x0100_0001, 9]), 1, "record 2 at offset 44: claims 16777217 octets, more than 16777216"),
        (one().n32(&[1, 1, u32::MAX, 9]), 1, "record 2 at offset 44: claims 4294967295 octets, more than 16777216"),
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
