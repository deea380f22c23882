//! Captures in gzip and zstd, whole and damaged.

use super::*;

#[test]
fn compression_is_told_by_its_magic_and_may_be_nested() {
    for (file, _) in samples() {
        let expected = read(&file);
        let (first, second) = file.split_at(file.len() / 2);
        let skippable = [&[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(&file)].concat();
        let members = [gzip(first), gzip(second)].concat();
        let frames = [zstd(first), skippable[..11].to_vec(), zstd(second)].concat();
        for packed in [gzip(&file), zstd(&file), members, frames, skippable, gzip(&zstd(&file)), zstd(&gzip(&file))] {
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
        writer.frame(Timestamp::from_nanos(index), 1000, &data).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn damage_in_compressed_captures_costs_nothing_before_it() {
    let file = noisy_capture();
    let (all, _, _) = read(&file);
    for (name, packed, block) in [("gzip", gzip(&file), 40_000), ("zstd", zstd(&file), 140_000)] {
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
                let intact = seen.iter().zip(&all).take_while(|(seen, all)| seen == all).count();
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
