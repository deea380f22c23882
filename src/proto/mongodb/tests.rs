//! Messages built from the documentation of the wire protocol.

use crate::model::{AppProto, Coding, Direction, DocumentKind};

use super::super::tests::{Part, whole};
use Direction::{Backward, Forward};

fn message(code: u32, answers: u32, body: &[u8]) -> Vec<u8> {
    let head = [body.len() as u32 + 16, 7, answers, code].map(u32::to_le_bytes).concat();
    [&head[..], body].concat()
}

/// `{"ssn": "899-45-6789"}`
const DOCUMENT: &[u8] = b"\x1a\0\0\0\x02ssn\0\x0c\0\0\x00899-45-6789\0\0";

fn talk() -> Vec<Part> {
    let compressed =
        [&2013_u32.to_le_bytes()[..], &30_u32.to_le_bytes(), &[3], b"\x28\xb5\x2f\xfd not really"].concat();
    vec![
        (Forward, message(2004, 0, &[&[0; 4][..], b"shop.people\0", &[0; 8], DOCUMENT].concat())),
        (Backward, message(1, 7, &[&[0; 20][..], DOCUMENT].concat())),
        (Forward, [message(2013, 0, &[&[0; 5][..], DOCUMENT].concat()), message(2012, 0, &compressed)].concat()),
        (Backward, message(2013, 7, &[&[0; 5][..], DOCUMENT].concat())),
    ]
}

pub(crate) fn samples() -> Vec<(AppProto, Vec<Part>)> {
    vec![(AppProto::MongoDb, talk())]
}

#[test]
fn bodies_are_documents() {
    let talk = talk();
    let talk: Vec<_> = talk.iter().map(|(dir, octets)| (*dir, octets.as_slice())).collect();
    let seen = whole(&talk);
    let document = String::from_utf8_lossy(DOCUMENT).into_owned();
    assert_eq!(seen.texts(DocumentKind::Bson), [document.clone(), document.clone()]);
    let messages: Vec<_> = seen.documents.values().filter(|d| d.start.kind == DocumentKind::MongoMessage).collect();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[1].start.codings, [Coding::Zstd]);
    assert_eq!(messages[2].octets, [&[0; 5][..], DOCUMENT].concat());
    assert!(seen.unread.is_empty());
}
