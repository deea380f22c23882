//! Conversations built from the specification.

use crate::model::{AppProto, Coding, Direction, DocumentKind};

use super::super::tests::{Part, whole};
use Direction::{Backward, Forward};

fn frame(kind: u8, channel: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind, 0, channel][..], &(payload.len() as u32).to_be_bytes(), payload, &[0xce]].concat()
}

fn talk() -> Vec<Part> {
    let start_ok = [
        &[0, 10, 0, 11, 0, 0, 0, 17][..],
        b"\x07productS\0\0\0\x04pika",
        b"\x05PLAIN\0\0\0\x0c\0alex\0secret\x05en_US",
    ]
    .concat();
    let header = [
        &[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15, 0xe0, 0][..],
        b"\x10application/json\x04gzip",
        &[0, 0, 0, 23],
        b"\x05phoneS\0\0\0\x0c+12025550143",
    ]
    .concat();
    vec![
        (Forward, b"AMQP\0\0\x09\x01".to_vec()),
        (Backward, frame(1, 0, &[&[0, 10, 0, 10, 0, 9, 0, 0, 0, 0][..], b"\0\0\0\x05PLAIN\0\0\0\x05en_US"].concat())),
        (Forward, frame(1, 0, &start_ok)),
        (
            Forward,
            [
                frame(1, 1, b"\0\x3c\0\x28\0\0\x01x\x09users.new\0"),
                frame(2, 1, &header),
                frame(3, 1, b"{\"a\":\"b"),
                frame(1, 2, b"\0\x3c\0\x28\0\0\0\x01q\0"),
                frame(2, 2, &[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0]),
                frame(3, 1, b"\",\"c\":2}"),
                frame(3, 2, b"two"),
                frame(8, 0, b""),
            ]
            .concat(),
        ),
        (
            Backward,
            [
                frame(1, 1, b"\0\x3c\0\x3c\x02ct\0\0\0\0\0\0\0\x01\0\0\x06people"),
                frame(2, 1, &[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0]),
                frame(3, 1, b"hello"),
            ]
            .concat(),
        ),
    ]
}

pub(crate) fn samples() -> Vec<(AppProto, Vec<Part>)> {
    vec![(AppProto::Amqp, talk())]
}

#[test]
fn bodies_have_their_key_and_type() {
    let talk = talk();
    let talk: Vec<_> = talk.iter().map(|(dir, octets)| (*dir, octets.as_slice())).collect();
    let seen = whole(&talk);
    assert_eq!(seen.values(DocumentKind::Login), ["«product=pika»«user=alex»«password=secret»"]);
    assert_eq!(
        seen.values(DocumentKind::MessageHead),
        ["x\nusers.new", "«phone=+12025550143»", "\nq", "", "\npeople", ""]
    );
    assert_eq!(seen.texts(DocumentKind::Message), ["{\"a\":\"b\",\"c\":2}", "two", "hello"]);
    let first = seen.documents.values().find(|d| d.start.kind == DocumentKind::Message).unwrap();
    assert_eq!(
        (first.start.name.as_deref(), first.start.media_type.as_str(), first.start.codings.as_slice()),
        (Some("users.new"), "application/json", &[Coding::Gzip][..])
    );
    assert!(seen.unread.is_empty());
}
