//! Random octets, damaged frames and every prefix of a good frame: no panic, and every frame counted once.

use proptest::prelude::*;

use super::{decode_all, decode_one, headers};
use crate::model::LinkType;
use crate::wire::WireCounts;

const LINKS: &[u32] =
    &[0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 107, 108, 113, 127, 147, 192, 219, 228, 229, 239, 258, 276];

/// Frames are of one kind each, and each packet is in the frames that are IP.
fn adds_up(counts: &WireCounts, packets: u64) {
    let frames = counts.frames;
    assert_eq!(frames.total, frames.ip + frames.non_ip + frames.malformed);
    assert_eq!(frames.ip, packets);
    assert_eq!(frames.non_ip, counts.non_ip().map(|(_, count)| count).sum::<u64>());
}

fn samples() -> Vec<(LinkType, Vec<u8>)> {
    let links = headers::links().into_iter().map(|(_, link, data, _)| (link, data));
    links.chain(headers::tunnels().into_iter().map(|(_, data, ..)| (LinkType::RAW, data))).collect()
}

#[test]
fn every_prefix_of_every_frame_is_counted() {
    for (link, data) in samples() {
        for end in 0..=data.len() {
            let (got, counts) = decode_one(link, &data[..end]);
            adds_up(&counts, got.iter().map(|one| u64::from(one.packets)).sum());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_octets(link in prop::sample::select(LINKS), frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20)) {
        let (got, counts) = decode_all(LinkType(link), &frames);
        adds_up(&counts, got.iter().map(|one| u64::from(one.packets)).sum());
    }

    #[test]
    fn damaged_frames(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        for (link, mut data) in samples() {
            for (at, value) in &changes {
                let at = at.index(data.len());
                data[at] = *value;
            }
            let frames = [data.clone(), data[..cut.index(data.len())].to_vec(), data];
            let (got, counts) = decode_all(link, &frames);
            adds_up(&counts, got.iter().map(|one| u64::from(one.packets)).sum());
            for one in &got {
                assert!(one.bytes <= u64::from(one.packets) * frames[0].len() as u64);
            }
        }
    }
}
