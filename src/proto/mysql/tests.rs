//! Conversations built from the protocol's documentation.

use crate::model::{AppProto, Direction, DocumentKind};

use super::super::tests::{Part, Seen, whole};
use Direction::{Backward, Forward};

fn packet(sequence: u8, body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_le_bytes()[..3], &[sequence], body].concat()
}

fn column(name: &str, kind: u8) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8][..], text.as_bytes()].concat();
    [
        [text("def"), text("shop"), text("p"), text("people"), text(name), text(name)].concat(),
        vec![0x0c, 0x21, 0, 0xff, 0, 0, 0, kind, 0, 0, 0, 0, 0],
    ]
    .concat()
}

fn handshake() -> Vec<Part> {
    let greeting = [
        b"\x0a8.0.36\0\x08\0\0\0salt1234\0\xff\xff\x21\x02\0\xff\xdf\x15".as_slice(),
        &[0; 10],
        b"saltsaltsalt\0mysql_native_password\0",
    ]
    .concat();
    let capabilities = 0x0018_a20d_u32 | 1 << 9;
    let response = [
        &capabilities.to_le_bytes()[..],
        &[0, 0, 0, 1, 0x21],
        &[0; 23],
        b"alex\0\x03abcshop\0mysql_native_password\0\x10\x04_pid\x03123\x02os\x03lin",
    ]
    .concat();
    vec![
        (Backward, packet(0, &greeting)),
        (Forward, packet(1, &response)),
        (Backward, packet(2, &[0, 0, 0, 2, 0, 0, 0])),
    ]
}

/// A query with rows in text, both ways of ending columns, and an error.
fn queries() -> Vec<Part> {
    let mut talk = handshake();
    talk.extend([
        (Forward, packet(0, b"\x03select name, ssn from people where ssn = '899-45-6789'")),
        (
            Backward,
            [
                packet(1, &[2]),
                packet(2, &column("name", 253)),
                packet(3, &column("ssn", 253)),
                packet(4, &[0xfe, 0, 0, 2, 0]),
                packet(5, b"\x04Alex\x0b899-45-6789"),
                packet(6, b"\xfb\0"),
                packet(7, &[0xfe, 0, 0, 2, 0]),
            ]
            .concat(),
        ),
        (Forward, packet(0, b"\x03\0\x01select 1")),
        (
            Backward,
            [packet(1, &[1]), packet(2, &column("n", 3)), packet(3, b"\x011"), packet(4, &[0xfe, 0, 0, 2, 0, 0, 0])]
                .concat(),
        ),
        (Forward, packet(0, b"\x03insert into people values (1)")),
        (Backward, packet(1, b"\xff\x26\x04#23000Duplicate entry '899-45-6789'")),
        (Forward, packet(0, b"\x01")),
    ]);
    talk
}

/// A prepared statement with parameters and rows in binary, and a long value.
fn prepared() -> Vec<Part> {
    let mut talk = handshake();
    let row = [&[0, 0][..], &(-7_i32).to_le_bytes(), &[4, 0xd0, 7, 2, 29], b"\x0b899-45-6789"].concat();
    talk.extend([
        (Forward, packet(0, b"\x16insert into people (id, born, ssn) values (?, ?, ?)")),
        (
            Backward,
            [
                packet(1, &[0, 9, 0, 0, 0, 3, 0, 3, 0, 0, 0, 0]),
                packet(2, &column("?", 253)),
                packet(3, &column("?", 253)),
                packet(4, &column("?", 253)),
                packet(5, &[0xfe, 0, 0, 2, 0]),
                packet(6, &column("id", 3)),
                packet(7, &column("born", 10)),
                packet(8, &column("ssn", 253)),
                packet(9, &[0xfe, 0, 0, 2, 0]),
            ]
            .concat(),
        ),
        (Forward, packet(0, b"\x18\x09\0\0\0\x02\0899-45-6789")),
        (
            Forward,
            packet(
                0,
                &[
                    &b"\x17\x09\0\0\0\0\x01\0\0\0\x02\x01\x03\0\x0a\0\xfd\0"[..],
                    &5_i32.to_le_bytes(),
                    b"\x0b899-45-6789",
                ]
                .concat(),
            ),
        ),
        (
            Backward,
            [
                packet(1, &[3]),
                packet(2, &column("id", 3)),
                packet(3, &column("born", 10)),
                packet(4, &column("ssn", 253)),
                packet(5, &[0xfe, 0, 0, 2, 0]),
                packet(6, &row),
                packet(7, &[0xfe, 0, 0, 2, 0]),
            ]
            .concat(),
        ),
    ]);
    talk
}

/// A file that the server asks for.
fn infile() -> Vec<Part> {
    let mut talk = handshake();
    talk.extend([
        (Forward, packet(0, b"\x03load data local infile 'a.csv' into table people")),
        (Backward, packet(1, b"\xfba.csv")),
        (Forward, [packet(2, b"name,ssn\nAlex,899-"), packet(3, b"45-6789\n"), packet(4, b"")].concat()),
        (Backward, packet(5, &[0, 1, 0, 2, 0, 0, 0])),
    ]);
    talk
}

pub(crate) fn samples() -> Vec<(AppProto, Vec<Part>)> {
    [queries(), prepared(), infile()].map(|talk| (AppProto::MySql, talk)).to_vec()
}

fn seen(talk: &[Part]) -> Seen {
    let talk: Vec<_> = talk.iter().map(|(dir, octets)| (*dir, octets.as_slice())).collect();
    whole(&talk)
}

#[test]
fn queries_and_rows_have_the_names_of_their_columns() {
    let seen = seen(&queries());
    assert_eq!(seen.values(DocumentKind::Login), ["«user=alex»«database=shop»«_pid=123»«os=lin»"]);
    assert_eq!(
        seen.values(DocumentKind::SqlQuery),
        ["select name, ssn from people where ssn = '«ssn=899-45-6789»'", "select 1", "insert into people values (1)"]
    );
    assert_eq!(
        seen.values(DocumentKind::SqlRows),
        ["«name=Alex»«ssn=899-45-6789»\n«ssn=»\n", "«n=1»\n", "#23000Duplicate entry '899-45-6789'"]
    );
    assert!(seen.unread.is_empty());
}

#[test]
fn parameters_and_rows_in_binary_have_names() {
    let seen = seen(&prepared());
    assert_eq!(seen.values(DocumentKind::SqlParameters), ["«ssn=899-45-6789»", "«id=5»«ssn=899-45-6789»"]);
    assert_eq!(seen.values(DocumentKind::SqlRows), ["«id=-7»«born=2000-02-29»«ssn=899-45-6789»\n"]);
    assert!(seen.unread.is_empty());
}

#[test]
fn files_are_documents() {
    let seen = seen(&infile());
    assert_eq!(seen.texts(DocumentKind::SqlCopy), ["name,ssn\nAlex,899-45-6789\n"]);
}
