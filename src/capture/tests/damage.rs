//! Every prefix and seeded mutations of small captures of both formats.

use super::*;

#[test]
fn every_prefix_gives_its_whole_frames_and_says_whether_it_was_cut() {
    for (file, ends) in samples() {
        assert_eq!(ends.last(), Some(&file.len()));
        let (all, format, _) = read(&file);
        let headers = if format == "pcap" { 1 } else { 2 };
        for cut in 0..=file.len() {
            let (seen, _, error) = read(&file[..cut]);
            let whole = ends.iter().filter(|&&end| end <= cut).count().saturating_sub(headers).min(5);
            assert_eq!(seen, all[..whole], "{format} cut at {cut}");
            assert_eq!(error.is_none(), ends.contains(&cut), "{format} cut at {cut}: {error:?}");
        }
    }
}

#[test]
fn mutations_neither_panic_nor_invent_octets() {
    let mut random = Random(7);
    let mut starts: Vec<Vec<u8>> = samples().into_iter().map(|(file, _)| file).collect();
    starts.extend(starts.clone().iter().flat_map(|file| [gzip(file), zstd(file)]));
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
        assert!(seen.iter().map(|frame| frame.data.len()).sum::<usize>() <= 1 << 20, "round {round}");
    }
}
