//! pcapng: sections, interfaces, clocks, all kinds of packets, secrets and names, what is wrong and where.

use super::*;

const SHB: u32 = 0x0a0d_0d0a;

fn section(big: bool) -> Octets {
    let body = Octets::new(big).n32(&[0x1a2b_3c4d]).n16(&[1, 0]).n32(&[u32::MAX, u32::MAX]);
    Octets::new(big).block(SHB, &body)
}

fn interface(big: bool, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Octets {
    let mut body = Octets::new(big).n16(&[link, 0]).n32(&[snaplen]);
    for (code, value) in options {
        body = body.n16(&[*code, value.len() as u16]).raw(value).raw(&[0, 0, 0][..value.len().wrapping_neg() % 4]);
    }
    Octets::new(big).block(1, &body)
}

fn packet(big: bool, interface: u32, ticks: u64, data: &[u8], wire_len: u32) -> Octets {
    let body = Octets::new(big)
        .n32(&[interface, (ticks >> 32) as u32, ticks as u32, data.len() as u32, wire_len])
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
        file.extend(Octets::new(big).block(3, &Octets::new(big).n32(&[4]).raw(b"defg")).octets);
        // Obsolete: 16 bits of interface, 16 of drops.
        let body = Octets::new(big).n16(&[0, 77]).n32(&[0, 8, 1, 1]).raw(b"h\0\0\0");
        file.extend(Octets::new(big).block(2, &body).octets);
        for unknown in [0x0bad, 0x4000_0bad, 0x8000_0001, 5, 0] {
            file.extend(Octets::new(big).block(unknown, &Octets::new(big).raw(&[0xee; 64])).octets);
        }
    }
    let frame =
        |nanos, link, interface, wire_len, data: &[u8]| Seen { nanos, link, interface, wire_len, data: data.to_vec() };
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
    assert_eq!((seen[0].nanos, seen[0].wire_len, &seen[0].data[..]), (0, 1500, &b"abcd"[..]));
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
            let offset = if big { offset.to_be_bytes() } else { offset.to_le_bytes() };
            let mut options: Vec<(u16, &[u8])> = vec![(2, b"eth0"), (14, &offset)];
            if let Some(resolution) = &resolution {
                options.push((9, resolution));
            }
            let file =
                section(big).raw(&interface(big, 1, 0, &options).octets).raw(&packet(big, 0, ticks, b"abcd", 4).octets);
            let (seen, _, error) = read(&file.octets);
            assert_eq!((seen[0].nanos, error), (nanos, None), "{resolution:?} {offset:?} {ticks}");
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
        (start().raw(&one()[..35]), 0, "block 3 at offset 48: 35 of 36 octets present (cut short)"),
        (start().raw(&one()[..5]), 0, "block 3 at offset 48: 5 of 12 octets present (cut short)"),
        (start().n32(&[0x0bad, 400, 1, 2]), 0, "block 3 at offset 48: 16 of 400 octets present (cut short)"),
        (start().n32(&[0, 0, 0]), 0, "block 3 at offset 48: claims a length of 0, but the shortest block has 12"),
        (start().n32(&[6, 32 << 20, 0]), 0, "block 3 at offset 48: claims a length of 33554432, more than 16842752"),
        (
            start().raw(&one()[..32]).n32(&[20]).raw(&one()),
            2,
            "block 3 at offset 48: lengths at its two ends differ: 36 and 20",
        ),
        (start().n32(&[99, 16, 0, 20]), 0, "block 3 at offset 48: lengths at its two ends differ: 16 and 20"),
        (start().n32(&[SHB, 28, 7, 0, 0, 0, 28]), 0, "block 3 at offset 48: section header without a byte-order magic"),
        (start().n32(&[SHB, 16, 0x1a2b_3c4d, 16]), 0, "block 3 at offset 48: section header too short"),
        (
            start().block(SHB, &body(&[0x1a2b_3c4d, 2, 0, 0])),
            0,
            "block 3 at offset 48: version 2.0 of pcapng is unknown",
        ),
        (start().block(1, &body(&[1])), 0, "block 3 at offset 48: interface description too short"),
        // Faults one can read past: the packet after them is still there.
        (start().block(6, &body(&[0; 4])).raw(&one()), 1, "block 3 at offset 48: packet block too short"),
        (
            start().block(6, &big_body(5)).raw(&one()),
            1,
            "block 3 at offset 48: packet claims 5 octets, the block has room for 4",
        ),
        (
            start().raw(&packet(false, 1, 0, b"", 0).octets).raw(&packet(false, 7, 0, b"", 0).octets).raw(&one()),
            1,
            "block 3 at offset 48: packet of interface 1, but the section has 1 (and 1 more faults like it)",
        ),
        (
            start().block(6, &body(&[0, 0, 0, 0, 0, 1 | 9 << 16])).raw(&one()),
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
        assert_eq!((seen.len(), format, error.as_deref()), (frames, "pcapng", Some(message)));
    }
    let only_packet = section(false).raw(&one()).octets;
    let message = "block 2 at offset 28: packet of interface 0, but the section has 0";
    assert_eq!(read(&only_packet), (Vec::new(), "pcapng", Some(message.to_owned())));
}

#[test]
fn secrets_and_names_are_handed_over_once() {
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    writer.secrets(Secrets::TLS_KEY_LOG, b"CLIENT_RANDOM 00 11").unwrap();
    let link = writer.interface(LinkType::ETHERNET).unwrap();
    writer.frame(link, Timestamp::from_nanos(1), 60, b"x").unwrap();
    writer.secrets(Secrets::WIREGUARD_KEY_LOG, b"").unwrap();
    let names = Octets::new(false)
        .n16(&[1, 4 + 4 + 2])
        .raw(b"\x0a\0\0\x01a.b\0c\0\0\0")
        .n16(&[3, 8])
        .raw(b"\0\0\0\0\0\0x\0")
        .n16(&[2, 18])
        .raw(&[&[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], b"y\0\0\0"].concat())
        .n16(&[0, 0]);
    let file = Octets::new(false).raw(&writer.finish().unwrap()).block(4, &names).octets;
    let files = Files::new(&[&file]);
    let mut captures = Captures::open(&files.paths, None).unwrap();
    let first = captures.take_secrets();
    assert_eq!(first.len(), 1);
    assert_eq!((first[0].kind, &first[0].data[..]), (Secrets::TLS_KEY_LOG, &b"CLIENT_RANDOM 00 11"[..]));
    assert_eq!(drain(&mut captures).len(), 1);
    let then = captures.take_secrets();
    assert_eq!((then.len(), then[0].kind, then[0].data.len()), (1, Secrets::WIREGUARD_KEY_LOG, 0));
    assert!(captures.take_secrets().is_empty());
    let named: Vec<(String, String)> =
        captures.take_names().into_iter().map(|name| (name.address.to_string(), name.name)).collect();
    let expected = [("10.0.0.1", "a.b"), ("10.0.0.1", "c"), ("fe80::1", "y")];
    assert_eq!(named, expected.map(|(address, name)| (address.to_owned(), name.to_owned())));
    assert!(captures.take_names().is_empty());
    assert_eq!(captures.summaries()[0].error, None);
}
