//! Snappy and LZ4 beside the encoders of snap and lz4_flex: any size, any cut, damage, bombs, memory.

use std::io::Write as _;

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

use super::*;

pub(super) fn snappy_block(octets: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(octets).unwrap()
}

pub(super) fn snappy_framed(octets: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(octets).unwrap();
    let framed = encoder.into_inner().unwrap();
    // A chunk that a reader may pass over.
    [&framed[..10], b"\xfe\x03\0\0pad", &framed[10..]].concat()
}

/// As snappy-java writes it: blocks of 32 KiB; two streams put together.
pub(super) fn snappy_java(octets: &[u8]) -> Vec<u8> {
    let stream = |octets: &[u8]| {
        let mut stream = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
        for block in octets.chunks(32 << 10) {
            let block = snappy_block(block);
            stream.extend_from_slice(&(block.len() as u32).to_be_bytes());
            stream.extend_from_slice(&block);
        }
        stream
    };
    let (a, b) = octets.split_at(octets.len() / 2);
    [stream(a), stream(b)].concat()
}

fn lz4_with(info: FrameInfo, octets: &[u8]) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

/// Two frames with all checksums and a skippable one between.
pub(super) fn lz4(octets: &[u8]) -> Vec<u8> {
    let (a, b) = octets.split_at(octets.len() / 2);
    let info = || FrameInfo::new().block_checksums(true).content_checksum(true).content_size(Some(a.len() as u64));
    let first = lz4_with(info(), a);
    [&first, &b"\x5a\x2a\x4d\x18\x02\0\0\0hi"[..], &lz4_with(FrameInfo::new(), b)].concat()
}

/// Octets with repetitions near and far, and with stretches that do not compress.
fn mixed() -> Vec<u8> {
    let mut octets = Vec::new();
    let mut state = 7_u32;
    for round in 0..600_u32 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match state >> 30 {
            0 => {
                let noise = |n: u32| (state.rotate_left(n % 31) ^ n.wrapping_mul(2_654_435_761)) as u8;
                octets.extend((0..round * 3).map(noise));
            }
            1 => {
                let words = b"the same words again and again, ";
                octets.extend_from_slice(&words.repeat(1 + round as usize % 9));
            }
            2 => octets.resize(octets.len() + round as usize * 7, b'a'),
            _ => octets.extend_from_slice(format!("line {round} of {state}\n").as_bytes()),
        }
    }
    octets
}

fn text(collected: &Collected) -> Vec<u8> {
    let octets = |item: &Item| if let Item::Text { octets, .. } = item { octets.clone() } else { Vec::new() };
    collected.items.iter().flat_map(octets).collect()
}

#[test]
fn what_encoders_write_is_read_back() {
    let octets = mixed();
    assert!(octets.len() > 300_000, "{}", octets.len());
    let lz4 = |mode, size| lz4_with(FrameInfo::new().block_mode(mode).block_size(size), &octets);
    let coded = [
        (Coding::Snappy, snappy_block(&octets)),
        (Coding::Snappy, snappy_framed(&octets)),
        (Coding::Snappy, snappy_java(&octets)),
        (Coding::Lz4, lz4(BlockMode::Independent, BlockSize::Max64KB)),
        (Coding::Lz4, lz4(BlockMode::Linked, BlockSize::Max64KB)),
        (Coding::Lz4, lz4(BlockMode::Independent, BlockSize::Max4MB)),
    ];
    for (coding, coded) in coded {
        let start = start(DocumentKind::HttpRequestBody, "application/octet-stream", &[coding]);
        for size in [1460, 77, coded.len()] {
            let collected = read_pieces(&start, &Limits::default(), coded.chunks(size));
            assert_eq!((collected.undecodable, collected.decode_limit), (0, 0), "{coding}");
            assert!(text(&collected) == octets, "{coding}");
        }
        // What can be read before the damage is read, the rest is told.
        let mut damaged = coded.clone();
        let half = coded.len() / 2;
        damaged[half..half + 64].fill(0xff);
        let collected = read_pieces(&start, &Limits::default(), [damaged.as_slice()]);
        assert!(collected.text_len() > 10_000, "{coding}");
    }
}

#[test]
fn damage_and_bombs_end() {
    let cases: [(Coding, &[u8]); 8] = [
        (Coding::Lz4, b"not lz4 at all"),
        // A copy from before the first octet.
        (Coding::Lz4, b"\x04\x22\x4d\x18\x60\x40\x82\x04\0\0\0\x04\x01\0\0"),
        // A distance of zero.
        (Coding::Lz4, b"\x04\x22\x4d\x18\x60\x40\x82\x04\0\0\0\x14a\0\0"),
        (Coding::Lz4, b"\x04\x22\x4d\x18\x60\x40\x82\0\0\0\x7f"),
        (Coding::Snappy, b"\x04\x01\x01"),
        (Coding::Snappy, b"\xff\xff\xff\xff\xff\xff"),
        (Coding::Snappy, b"\xff\x06\0\0sNaPpY\x05\0\0\0"),
        // More than was promised.
        (Coding::Snappy, b"\x02\x10hello"),
    ];
    for (coding, octets) in cases {
        assert!(read("", &[coding], octets).undecodable > 0, "{coding} {octets:?}");
    }
    // A match of as many octets as can be claimed, in one block.
    let lz4 = [&b"\x04\x22\x4d\x18\x60\x70\x73\0\x20\0\0\x1fa\x01\0"[..], &[255; 8188]].concat();
    let snappy = [&b"\xff\xff\xff\xff\x0f\0a"[..], &b"\xfe\x01\0".repeat(8000)].concat();
    for (coding, octets) in [(Coding::Lz4, lz4), (Coding::Snappy, snappy)] {
        let start = start(DocumentKind::HttpRequestBody, "", &[coding]);
        let limits = Limits { decoded_bytes_max: 100_000, ..Limits::default() };
        let mut sink = Collected::default();
        let mut unwrapper = Unwrapper::new(&start, &limits);
        for piece in octets.chunks(1000) {
            unwrapper.octets(piece, &mut sink);
            assert!(unwrapper.held_bytes() < 400 << 10, "{coding}: {}", unwrapper.held_bytes());
        }
        // The length of the last match of LZ4 is never known: nothing of it came out.
        unwrapper.end(&mut sink);
        assert!(sink.text_len() <= 100_000);
        if coding == Coding::Snappy {
            assert!(sink.text_len() == 100_000 && sink.decode_limit > 1000, "{}", sink.decode_limit);
        }
    }
    let zeros = vec![0; 10 << 20];
    for (coding, octets) in [
        (Coding::Lz4, lz4_with(FrameInfo::new(), &zeros)),
        (Coding::Snappy, snappy_block(&zeros)),
        (Coding::Snappy, snappy_framed(&zeros)),
    ] {
        let limits = Limits { decode_ratio_max: 10, ..Limits::default() };
        let start = start(DocumentKind::HttpRequestBody, "", &[coding]);
        let whole = read_pieces(&start, &limits, [octets.as_slice()]);
        assert!(whole.decode_limit > 0 && whole.text_len() <= 2 << 20, "{coding} {}", whole.text_len());
    }
}
