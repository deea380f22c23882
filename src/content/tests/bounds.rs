//! Damage, bombs, nesting and length: told, bounded, and no more held than has to be.

use super::*;

#[test]
fn damage_is_told() {
    let text: String = (0..20_000).map(|i| format!("{i} ")).collect();
    let coded = gzip(text.as_bytes());
    let mut damaged = coded.clone();
    for octet in &mut damaged[20_000..20_100] {
        *octet ^= 0x5a;
    }
    let whole = read("", &[Coding::Gzip], &damaged);
    assert!(whole.undecodable > 0 && whole.undecodable <= (coded.len() - 19_700) as u64);
    assert!(whole.text_len() > 30_000 && text.as_bytes().starts_with(&whole.render().as_bytes()[6..2000]));
    let start = start(DocumentKind::HttpRequestBody, "", &[Coding::Gzip]);
    for size in [1, 100, 1460] {
        assert!(read_pieces(&start, &Limits::default(), damaged.chunks(size)) == whole, "by {size}");
    }
    assert_eq!(read("", &[Coding::Unknown], b"whatever").undecodable, 8);
    assert_eq!(read("", &[Coding::Gzip], b"not gzip").undecodable, 8);
    assert_eq!(read("", &[Coding::Brotli], b"\xff\xff\xff not brotli").undecodable, 14);
    assert_eq!(read("", &[Coding::Zstd], b"not zstd").undecodable, 8);
    // Cut in the block: what is before is read, the rest of the block is not.
    assert!(read("", &[Coding::Zstd], &unhex(ZSTD)[..40]).undecodable > 20);
    // Inside a coding, the share of the input.
    let inner = gzip(&[b"\x1f\x8b\x08\0".as_slice(), &[0xff; 996]].concat());
    assert_eq!(read("", &[Coding::Gzip], &inner).undecodable, inner.len() as u64);
}

#[test]
fn bombs_are_bounded() {
    let zeros = vec![0; 10 << 20];
    let mut nested = gzip(&zeros);
    for _ in 0..10 {
        nested = gzip(&nested);
    }
    // A frame of blocks that each repeat one octet 128 KiB.
    let mut zstd = unhex("28b52ffd0068");
    for _ in 0..80 {
        zstd.extend_from_slice(&unhex("02001000"));
    }
    let cases = [
        ("gzip", Coding::Gzip, gzip(&zeros)),
        ("zlib", Coding::Deflate, zlib(&zeros)),
        ("brotli", Coding::Brotli, unhex(BROTLI_BOMB)),
        ("zstd", Coding::Zstd, zstd),
        ("gzip twice", Coding::Gzip, gzip(&gzip(&zeros))),
        ("gzip eleven times", Coding::Gzip, nested),
    ];
    for (name, coding, octets) in cases {
        let whole = read("", &[coding], &octets);
        assert!(whole.decode_limit > 0, "{name}");
        assert!(whole.decode_limit <= octets.len() as u64, "{name}");
        let bound = (Limits::default().decode_ratio_max * (octets.len() as u64 + 256)).max(1 << 20);
        assert!(whole.text_len() as u64 <= bound, "{name}: {}", whole.text_len());
        let start = start(DocumentKind::HttpRequestBody, "", &[coding]);
        for size in [1, 13, 1000] {
            let by_size = read_pieces(&start, &Limits::default(), octets.chunks(size));
            assert_eq!(
                (by_size.text_len(), by_size.decode_limit),
                (whole.text_len(), whole.decode_limit),
                "{name} by {size}"
            );
            assert!(by_size == whole, "{name} by {size}");
        }
    }
    let limits = Limits { decoded_bytes_max: 1000, ..Limits::default() };
    let start = start(DocumentKind::HttpRequestBody, "", &[Coding::Gzip]);
    let octets = gzip(&[b'x'; 1001]);
    let collected = read_pieces(&start, &limits, [octets.as_slice()]);
    assert_eq!((collected.text_len(), collected.decode_limit), (1000, octets.len() as u64));
}

#[test]
fn nesting_is_bounded() {
    // JSON in a string in JSON...
    let mut value = "1".to_owned();
    for _ in 0..12 {
        value = format!("{{\"a\":\"{}\"}}", value.replace('\\', "\\\\").replace('"', "\\\""));
    }
    let collected = read("application/json", &[], value.as_bytes());
    assert_eq!(collected.items.iter().filter(|item| matches!(item, Item::Enter(..))).count(), 8);
    // ... and deep brackets.
    let deep = [b"[".repeat(1_000_000), b"1".to_vec(), b"]".repeat(1_000_000), b"{\"k\":2}".to_vec()].concat();
    let mut sink = Collected::default();
    let mut unwrapper = Unwrapper::new(&start(DocumentKind::HttpRequestBody, "", &[]), &Limits::default());
    unwrapper.octets(&deep, &mut sink);
    assert!(unwrapper.held_bytes() < 8192, "{}", unwrapper.held_bytes());
    unwrapper.end(&mut sink);
    assert!(sink.render().ends_with("{\"k\":«k=2»}>"));
    // Multipart in multipart with one boundary each.
    let mut octets = Vec::new();
    for level in 0..20 {
        octets.extend(format!("--b{level}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", level + 1).bytes());
    }
    octets.extend_from_slice(b"--b20\r\n\r\ntext");
    let collected = read("multipart/mixed; boundary=b0", &[], &octets);
    assert!(collected.decode_limit > 0);
}

#[test]
fn open_documents_hold_little() {
    let limits = Limits::default();
    let starts = [
        ("plain", start(DocumentKind::Stream, "text/plain", &[]), b"some words of text, ".to_vec(), 8 << 10),
        ("json", start(DocumentKind::HttpRequestBody, "", &[]), br#"{"a":["#.to_vec(), 4 << 10),
        (
            "json key",
            start(DocumentKind::HttpRequestBody, "application/json", &[]),
            b"{\"aaaaaaaaaaaaaaaaaaaaaaaaa".to_vec(),
            4 << 10,
        ),
        (
            "base64",
            start(DocumentKind::HttpRequestBody, "", &[]),
            b"{\"a\":\"SmFuZSBEb2UsIDEyIEV4YW1wbGUgU3RyZWV0LCBT".to_vec(),
            16 << 10,
        ),
        ("xml", start(DocumentKind::HttpRequestBody, "", &[]), b"<a b='c'><d>".to_vec(), 8 << 10),
        (
            "form",
            start(DocumentKind::HttpRequestBody, "application/x-www-form-urlencoded", &[]),
            b"aaaaaaaaaaaaaa%4".to_vec(),
            8 << 10,
        ),
        ("header", start(DocumentKind::HttpRequestHead, "", &[]), b"aaaaaaaaaaaaaa: ".to_vec(), 8 << 10),
        (
            "multipart",
            start(DocumentKind::HttpRequestBody, "multipart/mixed; boundary=b", &[]),
            b"--b\r\nX: y".to_vec(),
            24 << 10,
        ),
        (
            "csv",
            start(DocumentKind::HttpRequestBody, "text/csv", &[]),
            b"aaaaaaaaaaaaaaaaaaaaaaaa,".to_vec(),
            128 << 10,
        ),
        (
            "gzip",
            start(DocumentKind::HttpRequestBody, "", &[Coding::Gzip]),
            b"\x1f\x8b\x08\0\0\0\0\0\0\0".to_vec(),
            64 << 10,
        ),
    ];
    for (name, start, piece, bound) in starts {
        let mut sink = Collected::default();
        let mut unwrapper = Unwrapper::new(&start, &limits);
        assert!(unwrapper.held_bytes() < 1024, "{name}: {}", unwrapper.held_bytes());
        for _ in 0..5000 {
            unwrapper.octets(&piece, &mut sink);
        }
        assert!(unwrapper.held_bytes() < bound, "{name}: {}", unwrapper.held_bytes());
    }
}

#[test]
fn long_base64_is_given_decoded_alone() {
    let text: String = (0..2000).map(|i| format!("line {i}\n")).collect();
    let coded: String = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(&text)
    };
    let octets = format!("{{\"f\":\"{coded}\",\"g\":1}}");
    let whole = read("application/json", &[], octets.as_bytes());
    let rendered = whole.render();
    assert!(rendered.contains("line 1999\n»>"), "decoded to its end");
    assert!(whole.text_len() < text.len() + 5000, "and not given raw as well");
    let start = start(DocumentKind::HttpRequestBody, "application/json", &[]);
    for size in [1, 1000, 4097] {
        assert!(read_pieces(&start, &Limits::default(), octets.as_bytes().chunks(size)) == whole, "by {size}");
    }
}

/// A name without end, and its end: what is given up as a name is text, whole, however it was cut.
#[test]
fn a_name_that_is_too_long_is_text_to_its_end() {
    let octets = [&[0, 0, 0, 0, 1, 9, 0, 0, 0][..], &[b'n'; 1100], b"\0after"].concat();
    let start = start(DocumentKind::MongoMessage, "", &[]);
    let whole = read_pieces(&start, &Limits::default(), [octets.as_slice()]);
    assert!(whole.render().contains("n\0after"), "{}", whole.render());
    for size in [1, 7, 600, 1035, 1110] {
        assert!(read_pieces(&start, &Limits::default(), octets.chunks(size)) == whole, "by {size}");
    }
}
