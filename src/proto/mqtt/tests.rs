//! Conversations built from the standards.

use crate::model::{AppProto, Direction, DocumentKind};

use super::super::tests::{Part, whole};
use Direction::{Backward, Forward};

fn packet(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut octets = vec![flags];
    let mut len = body.len();
    loop {
        let more = if len > 127 { 0x80 } else { 0 };
        octets.push((len & 0x7f) as u8 | more);
        len >>= 7;
        if more == 0 {
            break;
        }
    }
    octets.extend_from_slice(body);
    octets
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
}

fn talk(version: u8) -> Vec<Part> {
    let (none, alias) = if version == 5 { (vec![0], b"\x03\x23\0\x01".to_vec()) } else { (vec![], vec![]) };
    let connect = [
        &text("MQTT")[..],
        &[version, 0xc6, 0, 60],
        &none,
        &text("device-1"),
        &none,
        &text("gone/7"),
        &text("bye"),
        &text("alex"),
        &text("secret"),
    ]
    .concat();
    let first = [&text("users/7/ssn")[..], &alias, b"899-45-6789"].concat();
    let mut again = [&text("users/7/ssn")[..], &[0, 9], &none, &vec![b'x'; 300]].concat();
    if version == 5 {
        again = [&text("")[..], &[0, 9], &alias, &vec![b'x'; 300]].concat();
    }
    vec![
        (Forward, packet(0x10, &connect)),
        (Backward, packet(0x20, &[&[0, 0][..], &none].concat())),
        (Forward, [packet(0x30, &first), packet(0x32, &again), packet(0xc0, b"")].concat()),
        (Backward, [packet(0x40, &[0, 9]), packet(0x30, &[&text("a")[..], &none, b"{\"b\":1}"].concat())].concat()),
        (Forward, packet(0xe0, b"")),
    ]
}

pub(crate) fn samples() -> Vec<(AppProto, Vec<Part>)> {
    vec![(AppProto::Mqtt, talk(4)), (AppProto::Mqtt, talk(5))]
}

#[test]
fn payloads_have_their_topic() {
    for version in [4, 5] {
        let talk = talk(version);
        let talk: Vec<_> = talk.iter().map(|(dir, octets)| (*dir, octets.as_slice())).collect();
        let seen = whole(&talk);
        assert_eq!(seen.values(DocumentKind::Login), ["«client_id=device-1»«gone.7=bye»«user=alex»«password=secret»"]);
        let messages: Vec<_> = seen.documents.values().filter(|d| d.start.kind == DocumentKind::Message).collect();
        let names: Vec<_> = messages.iter().map(|d| (d.start.name.as_deref(), d.octets.len())).collect();
        assert_eq!(names, [(Some("users.7.ssn"), 11), (Some("users.7.ssn"), 300), (Some("a"), 7)]);
        assert!(seen.unread.is_empty());
    }
}
