//! Connections made here and unlocked: all suites and versions, key updates, streams in any order, what is lost.

use ring::aead::{Aad, Nonce};

use super::super::kdf::expand_label;
use super::super::tests::{Seen, client_hello};
use super::super::tls::tests::Keyed;
use super::super::{Inspector, Transport};
use super::packet::{Kind, PacketKeys, Suite, TAG, V2};
use super::session::update_label;
use super::*;
use crate::model::{DocumentKind, KeyLog};

const CLIENT_ID: &[u8] = b"cl-id";
const SERVER_ID: &[u8] = b"srv-id7";

/// Seals a packet with a packet number of four octets.
fn seal(
    keys: &PacketKeys,
    header: &PacketKeys,
    mut packet: Vec<u8>,
    long: bool,
    number: u32,
    frames: &[u8],
) -> Vec<u8> {
    let mut frames = frames.to_vec();
    frames.resize(frames.len().max(8), 0);
    if long {
        packet.extend_from_slice(&((4 + frames.len() + TAG) as u16 | 0x4000).to_be_bytes());
    }
    let number_at = packet.len();
    packet.extend_from_slice(&number.to_be_bytes());
    let mut nonce: [u8; 12] = keys.iv.as_slice().try_into().unwrap();
    nonce[8..].iter_mut().zip(number.to_be_bytes()).for_each(|(octet, number)| *octet ^= number);
    keys.packet.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&packet), &mut frames).unwrap();
    packet.extend_from_slice(&frames);
    let mask = header.header.new_mask(&packet[number_at + 4..number_at + 4 + TAG]).unwrap();
    packet[0] ^= mask[0] & if long { 0x0f } else { 0x1f };
    packet[number_at..number_at + 4].iter_mut().zip(&mask[1..]).for_each(|(octet, mask)| *octet ^= mask);
    packet
}

/// The start of a long header, up to its length.
fn long(kind: Kind, version: u32, destination: &[u8], source: &[u8]) -> Vec<u8> {
    let number = match kind {
        Kind::Initial => 0,
        Kind::ZeroRtt => 1,
        Kind::Handshake | Kind::OneRtt => 2,
    };
    let number = if version == V2 { (number + 1) & 3 } else { number };
    let mut packet = vec![0xc3 | number << 4];
    packet.extend_from_slice(&version.to_be_bytes());
    for id in [destination, source] {
        packet.push(id.len() as u8);
        packet.extend_from_slice(id);
    }
    if kind == Kind::Initial {
        packet.push(0);
    }
    packet
}

/// Secrets: each made of one octet.
fn secret(octet: u8, len: usize) -> Vec<u8> {
    vec![octet; len]
}

fn keys(len: usize) -> KeyLog {
    let hex = |octet: u8, len: usize| format!("{octet:02x}").repeat(len);
    let labels = ["CLIENT_HANDSHAKE", "SERVER_HANDSHAKE", "CLIENT", "SERVER", "CLIENT_EARLY"];
    let line = |(at, label): (usize, &&str)| {
        let end = if at == 2 || at == 3 { "_0" } else { "" };
        format!("{label}_TRAFFIC_SECRET{end} {} {}\n", hex(9, 32), hex(0x21 + at as u8, len))
    };
    let text: String = labels.iter().enumerate().map(line).collect();
    let mut keys = KeyLog::default();
    assert_eq!(keys.read(text.as_bytes()), []);
    keys
}

/// The datagrams of a client that offers HTTP/3, then of a server, then of the client: parts of one request over three
/// generations of keys, the first part last.
fn datagrams(version: u32, suite: Suite, len: usize) -> Vec<(Direction, Vec<u8>)> {
    let mut hello = client_hello("q.example.com", 300);
    let alpn = hello.windows(3).position(|window| window == b"\x02h2").unwrap();
    hello[alpn + 2] = b'3';
    let mut crypto = vec![6, 0];
    crypto.extend_from_slice(&(hello.len() as u16 | 0x4000).to_be_bytes());
    crypto.extend_from_slice(&hello);
    let destination = b"12345678";
    let initial = Initial::derive(version, destination).unwrap();
    let first =
        seal(&initial.client, &initial.client, long(Kind::Initial, version, destination, CLIENT_ID), true, 0, &crypto);
    let of = |octet| PacketKeys::of_secret(suite, version, &secret(octet, len)).unwrap();
    let (early, handshake) = (of(0x25), of(0x22));
    // 0-RTT: another request, in the same datagram as the hello.
    let headers = b"\x01\x10\0\0\xd1\xd7\x50\x09e.example\xc1";
    let early_frames = [&[0x0b, 4, headers.len() as u8][..], headers].concat();
    let early = seal(&early, &early, long(Kind::ZeroRtt, version, destination, CLIENT_ID), true, 0, &early_frames);
    let answer = seal(&handshake, &handshake, long(Kind::Handshake, version, CLIENT_ID, SERVER_ID), true, 0, &[1]);

    let mut generations = vec![secret(0x23, len)];
    for _ in 0..3 {
        let next = expand_label(suite.hash, generations.last().unwrap(), update_label(version), len).unwrap();
        generations.push(next.to_vec());
    }
    let generations: Vec<_> =
        generations.iter().map(|secret| PacketKeys::of_secret(suite, version, secret).unwrap()).collect();
    let short = |generation: usize, number: u32, frames: &[u8]| {
        let mut packet = vec![0x43 | ((generation & 1) as u8) << 2];
        packet.extend_from_slice(SERVER_ID);
        seal(&generations[generation], &generations[0], packet, false, number, frames)
    };
    let request = [&b"\x01\x10\0\0\xd1\xd7\x50\x09q.example\xc1"[..], b"\0\x0dsent as data."].concat();
    let part = |from: usize, to: usize| {
        let last = u8::from(to == request.len());
        let mut frame = vec![0x0e | last, 0, from as u8, (to - from) as u8];
        frame.extend_from_slice(&request[from..to]);
        frame
    };
    let end = request.len();
    vec![
        (Direction::Forward, [first, early].concat()),
        (Direction::Backward, [answer, vec![0; 40]].concat()),
        (Direction::Forward, short(0, 1, &part(25, end))),
        (Direction::Forward, short(1, 2, &part(10, 27))),
        // A late packet of the generation before, and one that is sent again.
        (Direction::Forward, short(0, 3, &part(25, end))),
        (Direction::Forward, short(2, 4, &part(5, 12))),
        (Direction::Forward, short(1, 5, &part(10, 27))),
        (Direction::Forward, short(3, 6, &part(0, 5))),
        (Direction::Forward, short(3, 7, &part(0, 5))),
    ]
}

fn inspect(keys: KeyLog, datagrams: &[(Direction, Vec<u8>)]) -> Seen {
    let mut facts = Keyed { seen: Seen::default(), keys };
    let mut inspector = Inspector::new(Transport::Datagram, 40000, 9, [true; 2]);
    for (dir, octets) in datagrams {
        inspector.datagram(*dir, octets, octets.len() as u32, &mut facts);
        assert!(inspector.held_bytes() < 2 << 20);
    }
    inspector.end(Direction::Forward, &mut facts);
    inspector.end(Direction::Backward, &mut facts);
    facts.seen
}

#[test]
fn every_suite_and_version_through_key_updates() {
    for version in [1, V2, 0xff00_001d] {
        for len in [32, 48] {
            for suite in Suite::of_len(len) {
                let seen = inspect(keys(len), &datagrams(version, *suite, len));
                let names: Vec<&str> = seen.names.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(names, ["q.example.com", "e.example", "q.example"], "{version:x} {len}");
                assert_eq!(seen.texts(DocumentKind::HttpRequestHead).len(), 2);
                assert_eq!(seen.texts(DocumentKind::HttpRequestBody), ["sent as data."], "{version:x} {len}");
                assert!(seen.unread.is_empty(), "{:?}", seen.unread);
            }
        }
    }
}

#[test]
fn lost_packets_and_wrong_keys_leave_no_octet_uncounted() {
    let all = datagrams(1, Suite::AES_128, 32);
    for lost in 2..all.len() {
        let mut some = all.clone();
        some.remove(lost);
        let seen = inspect(keys(32), &some);
        assert!(seen.documents.values().all(|document| document.ended));
        // The parts that are sent once: what came after them cannot be read, and is said so.
        if [3, 5].contains(&lost) {
            assert!(seen.unread.values().sum::<u64>() > 0, "{lost}: {:?}", seen.unread);
        }
    }
    let seen = inspect(keys(48), &all);
    assert!(seen.documents.is_empty());
    let total: usize = all.iter().map(|(_, octets)| octets.len()).sum();
    let hello = client_hello("q.example.com", 300).len();
    let locked = seen.unread.values().sum::<u64>() as usize;
    assert!(locked + hello + 100 > total && locked < total, "{locked} of {total}");
}

#[test]
fn streams_without_end_stay_within_the_budget() {
    let suite = Suite::AES_128;
    let mut all = datagrams(1, suite, 32);
    all.truncate(2);
    let keys_0 = PacketKeys::of_secret(suite, 1, &secret(0x23, 32)).unwrap();
    // 2000 requests, each with a part that is not its first; one of them had ended before.
    for number in 0..2000_u32 {
        let mut frame = vec![0x0e];
        frame.extend_from_slice(&((number * 4) | 0x8000_0000).to_be_bytes());
        frame.extend_from_slice(&[0x44, 0]);
        frame.extend_from_slice(&1000_u16.to_be_bytes().map(|octet| octet));
        frame[7] |= 0x40;
        frame.resize(frame.len() + 1000, b'x');
        let packet = [&[0x43][..], SERVER_ID].concat();
        all.push((Direction::Forward, seal(&keys_0, &keys_0, packet, false, number + 1, &frame)));
    }
    let seen = inspect(keys(32), &all);
    let unread = seen.unread.values().sum::<u64>();
    assert!(unread == 1_999_000, "{unread}");
}
