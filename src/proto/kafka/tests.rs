//! Conversations built from the specification.

use crate::model::{AppProto, Direction, DocumentKind};

use super::super::tests::{Part, inspect, whole};
use Direction::{Backward, Forward};

fn short(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
}

fn long(octets: &[u8]) -> Vec<u8> {
    [&(octets.len() as u32).to_be_bytes()[..], octets].concat()
}

/// A variable length that counts one more.
fn compact(octets: &[u8]) -> Vec<u8> {
    let len = octets.len() + 1;
    let len = if len < 128 { vec![len as u8] } else { vec![len as u8 | 0x80, (len >> 7) as u8] };
    [len, octets.to_vec()].concat()
}

fn request(kind: u8, version: u8, correlation: u8, body: &[u8]) -> Vec<u8> {
    let tags: &[u8] = if (kind, version) == (0, 9) || (kind, version) == (1, 12) { &[0] } else { &[] };
    long(&[&[0, kind, 0, version, 0, 0, 0, correlation][..], &short("rdkafka"), tags, body].concat())
}

fn response(correlation: u8, body: &[u8]) -> Vec<u8> {
    long(&[&[0, 0, 0, correlation][..], body].concat())
}

fn produce3() -> Vec<u8> {
    let partition = |records: &[u8]| [&[0, 0, 0, 1][..], &long(records)].concat();
    let head = b"\xff\xff\xff\xff\0\0\x75\x30\0\0\0\x02";
    let topics = [
        &short("users")[..],
        b"\0\0\0\x02",
        &partition(b"first records"),
        &partition(b"second"),
        &short("empty"),
        b"\0\0\0\x01\0\0\0\0\xff\xff\xff\xff",
    ]
    .concat();
    request(0, 3, 2, &[&head[..], &topics].concat())
}

fn produce9(long: usize) -> Vec<u8> {
    let records = [&b"flexible "[..], &vec![b'x'; long]].concat();
    let partition = [&b"\x02\0\0\0\x01"[..], &compact(&records), b"\x01\0\x02hi"].concat();
    request(0, 9, 3, &[&b"\0\0\x01\0\0\x75\x30\x02"[..], &compact(b"orders"), &partition, b"\0\0"].concat())
}

fn fetched4() -> Vec<u8> {
    let aborted = [&[0, 0, 0, 1][..], &[7; 16]].concat();
    let partition = [&[0, 0, 0, 0, 0, 0][..], &[1; 16], &aborted, &long(b"fetched")].concat();
    response(7, &[&b"\0\0\0\0\0\0\0\x01"[..], &short("users"), b"\0\0\0\x01", &partition].concat())
}

fn fetched12() -> Vec<u8> {
    let partition = [&[0; 6][..], &[1; 24], b"\x02", &[7; 16], b"\0", &[0xff; 4], &compact(b"compact fetched"), b"\0"];
    let topics = [&b"\x02"[..], &compact(b"orders"), b"\x02", &partition.concat(), b"\0\0"].concat();
    response(8, &[&b"\0\0\0\0\0\0\0\0\0\0\x01"[..], &topics].concat())
}

fn talk() -> Vec<Part> {
    vec![
        (Forward, request(18, 0, 1, b"")),
        (Backward, response(1, b"\0\0\0\0\0\x01\0\0\0\0\0\x09")),
        (Forward, request(36, 0, 9, &long(b"\0alice\0opensesame"))),
        (Backward, response(9, b"\0\0\xff\xff\0\0\0\0")),
        (Forward, [produce3(), produce9(0), request(1, 4, 7, &[0; 30]), request(1, 12, 8, &[0; 30])].concat()),
        (Backward, [response(2, &[0; 20]), fetched12(), fetched4()].concat()),
    ]
}

/// For the tests of the room.
pub(crate) fn samples() -> Vec<(AppProto, Vec<Part>)> {
    vec![(AppProto::Kafka, talk()), (AppProto::Kafka, vec![(Forward, produce9(300))])]
}

fn named(parts: &[Part]) -> Vec<(Option<String>, String)> {
    let borrowed: Vec<_> = parts.iter().map(|(dir, octets)| (*dir, octets.as_slice())).collect();
    let seen = whole(&borrowed);
    assert!(seen.unread.is_empty(), "{seen:?}");
    let records = seen.documents.values().filter(|document| document.start.kind == DocumentKind::KafkaRecords);
    let named = records.map(|document| {
        let name = document.start.name.as_deref().map(str::to_owned);
        (name, String::from_utf8_lossy(&document.octets).into_owned())
    });
    named.collect()
}

#[test]
fn records_come_under_their_topic() {
    let pair = |name: &str, text: &str| (Some(name.to_owned()), text.to_owned());
    assert_eq!(
        named(&talk()),
        [
            pair("users", "first records"),
            pair("users", "second"),
            pair("orders", "flexible "),
            pair("orders", "compact fetched"),
            pair("users", "fetched"),
        ]
    );
    let parts = talk();
    let borrowed: Vec<_> = parts.iter().map(|(dir, octets)| (*dir, octets.as_slice())).collect();
    assert_eq!(whole(&borrowed).values(DocumentKind::Login), ["«username=alice»«password=opensesame»"]);
}

#[test]
fn long_records_are_not_held_and_survive_gaps() {
    let long = produce9(10_000);
    let seen = inspect([40000, 9092], &[(Forward, &long)], |_| (0..100).map(|_| 101).collect());
    let document = seen.documents.values().next().unwrap();
    assert_eq!((document.octets.len(), seen.documents.len()), (10_009, 1));
    // Topics named by an identifier have no name.
    let by_id =
        request(0, 13, 3, &[&b"\0\0\0\x01\0\0\x75\x30\x02"[..], &[9; 16], b"\x02\0\0\0\x01\x04abc\0\0\0"].concat());
    assert_eq!(named(&[(Forward, by_id)]), [(None, "abc".to_owned())]);
}
