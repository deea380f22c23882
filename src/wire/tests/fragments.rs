//! Fragments: any order, copies, overlaps, floods; every one counted once.

use proptest::prelude::*;

use super::{Got, decode_all, error, frame};
use crate::model::{Limits, LinkType, Timestamp};
use crate::wire::Decoder;

/// A fragment of UDP 10.0.0.1 > 10.0.0.2 in IPv4.
fn v4(id: u16, offset: usize, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0];
    packet.extend(id.to_be_bytes());
    packet.extend(((offset / 8) as u16 | if more { 0x2000 } else { 0 }).to_be_bytes());
    packet.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend(payload);
    let total = packet.len() as u16;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet
}

fn v6(id: u16, offset: usize, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16 + 8).to_be_bytes());
    packet.extend([44, 64]);
    for last in [1, 2] {
        packet.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    packet.extend([17, 0]);
    packet.extend((offset as u16 | u16::from(more)).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(id.to_be_bytes());
    packet.extend(payload);
    packet
}

type Build = fn(u16, usize, bool, &[u8]) -> Vec<u8>;

/// UDP 1111 > 2222 with a payload of `len` octets, none of which is like its neighbours.
fn datagram(len: usize) -> Vec<u8> {
    let mut datagram = Vec::new();
    datagram.extend(1111_u16.to_be_bytes());
    datagram.extend(2222_u16.to_be_bytes());
    datagram.extend((len as u16 + 8).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend((0..len).map(|at| (at * 31 % 251) as u8));
    datagram
}

fn pieces(build: Build, id: u16, datagram: &[u8], size: usize) -> Vec<Vec<u8>> {
    let count = datagram.len().div_ceil(size);
    datagram.chunks(size).enumerate().map(|(at, piece)| build(id, at * size, at + 1 < count, piece)).collect()
}

fn totals(got: &[Got]) -> (u32, u64) {
    got.iter().fold((0, 0), |(packets, bytes), one| (packets + one.packets, bytes + one.bytes))
}

fn whole(got: &[Got]) -> Vec<&Got> {
    got.iter().filter(|one| one.payload.is_some()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_order_and_any_copies_give_the_datagram(
        len in 1_usize..3000,
        size in (1_usize..40).prop_map(|words| words * 8),
        order in any::<u64>(),
        copies in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        six in any::<bool>(),
    ) {
        let datagram = datagram(len);
        prop_assume!(datagram.len() > size);
        let mut frames = pieces(if six { v6 } else { v4 }, 7, &datagram, size);
        // Before the datagram is complete: a copy of everything after it would be a datagram again.
        let last = frames.len() - 1;
        for copy in copies {
            let copy = frames[copy.index(last)].clone();
            frames.insert(0, copy);
        }
        let missing = frames.pop().unwrap();
        let mut seed = order;
        for at in (1..frames.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            frames.swap(at, (seed >> 33) as usize % (at + 1));
        }
        frames.push(missing);
        let (got, counts) = decode_all(LinkType::RAW, &frames);
        let wholes = whole(&got);
        prop_assert_eq!(wholes.len(), 1);
        prop_assert_eq!(wholes[0].payload.as_deref(), Some(&datagram[8..]));
        prop_assert_eq!(wholes[0].payload_len as usize, len);
        prop_assert!(got.iter().all(|one| one.ports == (1111, 2222)));
        let bytes: usize = frames.iter().map(Vec::len).sum();
        prop_assert_eq!(totals(&got), (frames.len() as u32, bytes as u64));
        prop_assert_eq!(counts.frames.fragments, frames.len() as u64);
    }

    #[test]
    fn whatever_fragments_come_each_is_counted_once(
        parts in prop::collection::vec((0_usize..6, 0_usize..40, any::<bool>(), 0_usize..60, any::<bool>()), 1..80),
    ) {
        let frames: Vec<_> = parts
            .iter()
            .map(|&(id, words, more, len, six)| {
                let build: Build = if six { v6 } else { v4 };
                build(id as u16, words * 8, more, &datagram(len))
            })
            .collect();
        let (got, counts) = decode_all(LinkType::RAW, &frames);
        let bytes: usize = frames.iter().map(Vec::len).sum();
        prop_assert_eq!(totals(&got), (frames.len() as u32, bytes as u64));
        prop_assert_eq!(counts.frames.ip, frames.len() as u64);
    }
}

#[test]
fn the_first_octets_stay_in_ipv4_and_ipv6_drops_the_datagram() {
    let datagram = datagram(24);
    let other = [0xee; 16];
    for (build, kept) in [(v4 as Build, true), (v6 as Build, false)] {
        // 0..16, then 8..24 with other octets, then 24..32.
        let frames =
            [build(1, 0, true, &datagram[..16]), build(1, 8, true, &other), build(1, 24, false, &datagram[24..])];
        let (got, counts) = decode_all(LinkType::RAW, &frames);
        assert_eq!(error(&counts, "fragment", "overlap"), 1);
        let expected = [&datagram[8..16], &other[8..], &datagram[24..]].concat();
        assert_eq!(whole(&got).first().map(|one| one.payload.clone().unwrap()), kept.then_some(expected));
        assert_eq!(totals(&got).0, 3);
    }
}

#[test]
fn fragments_wait_for_their_ports_and_late_copies_find_them() {
    let datagram = datagram(40);
    let mut frames = pieces(v4, 9, &datagram, 16);
    frames.rotate_left(1);
    frames.push(frames[0].clone());
    let (got, _) = decode_all(LinkType::RAW, &frames);
    // Two wait, the first fragment brings them along and completes; the copy comes out at the end.
    assert_eq!(
        got.iter().map(|one| (one.packets, one.ports)).collect::<Vec<_>>(),
        [(3, (1111, 2222)), (1, (1111, 2222))]
    );
}

#[test]
fn fragments_without_their_first_are_counted_without_ports_after_the_timeout() {
    let mut decoder = Decoder::new(&Limits::default());
    let mut got = Vec::new();
    let late = v4(1, 8, true, &[0; 8]);
    decoder.decode(&frame(LinkType::RAW, &late, 0), &mut |packet| got.push(Got::of(&packet)));
    assert!(got.is_empty());
    let mut after = frame(LinkType::RAW, &[], 0);
    after.time = Timestamp::from_parts(61, 0);
    decoder.decode(&after, &mut |packet| got.push(Got::of(&packet)));
    assert_eq!((got[0].packets, got[0].ports, got[0].bytes, got[0].proto), (1, (0, 0), 28, 17));
    assert_eq!((error(decoder.counts(), "fragment", "timeout"), decoder.held_bytes()), (1, 0));
}

#[test]
fn a_flood_of_trains_stays_within_the_budget() {
    let limits = Limits { fragment_bytes_max: 1 << 20, ..Limits::default() };
    let mut decoder = Decoder::new(&limits);
    let (mut packets, mut held_max) = (0_u64, 0);
    for at in 0..100_000_u32 {
        let mut packet = v4(at as u16, 8, true, &[0x55; 1000]);
        packet[12..14].copy_from_slice(&((at >> 16) as u16).to_be_bytes());
        decoder
            .decode(&frame(LinkType::RAW, &packet, u64::from(at)), &mut |packet| packets += u64::from(packet.packets));
        held_max = held_max.max(decoder.held_bytes());
    }
    assert!(held_max <= limits.fragment_bytes_max && held_max > limits.fragment_bytes_max / 2, "{held_max}");
    decoder.finish(&mut |packet| packets += u64::from(packet.packets));
    assert_eq!((packets, decoder.held_bytes()), (100_000, 0));
    assert!(decoder.counts().limits_reached().any(|(name, count)| name == "fragment_bytes_max" && count > 90_000));
    // Tiny fragments of one datagram cost more than they carry, and are held within the same budget.
    let mut decoder = Decoder::new(&Limits { fragment_bytes_max: 100_000, ..Limits::default() });
    for at in 1..8000 {
        let packet = v4(1, at * 8, true, &[0x55; 8]);
        decoder.decode(&frame(LinkType::RAW, &packet, 0), &mut |_| {});
        assert!(decoder.held_bytes() <= 100_000);
    }
}
