//! Conversations built from chapter 55 of PostgreSQL's documentation.

use crate::model::{AppProto, Direction, DocumentKind};

use super::super::tests::{Part, whole};
use Direction::{Backward, Forward};

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat()
}

fn values(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = (values.len() as u16).to_be_bytes().to_vec();
    for value in values {
        match value {
            Some(value) => {
                body.extend_from_slice(&(value.len() as u32).to_be_bytes());
                body.extend_from_slice(value);
            }
            None => body.extend_from_slice(&u32::MAX.to_be_bytes()),
        }
    }
    body
}

fn columns(columns: &[(&str, u32)]) -> Vec<u8> {
    let mut body = (columns.len() as u16).to_be_bytes().to_vec();
    for (name, kind) in columns {
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(&[0; 7]);
        body.extend_from_slice(&kind.to_be_bytes());
        body.extend_from_slice(&[0, 8, 0xff, 0xff, 0xff, 0xff, 0, 0]);
    }
    message(b'T', &body)
}

fn startup() -> Vec<u8> {
    let body = b"\0\x03\0\0user\0alex\0database\0shop\0\0";
    [&(body.len() as u32 + 4).to_be_bytes()[..], body].concat()
}

fn insert() -> Vec<u8> {
    message(b'Q', b"INSERT INTO people (name, ssn) VALUES ('O''Brien', '899-45-6789'), ('B', 42);\0")
}

/// A simple query and its rows.
fn simple() -> Vec<Part> {
    vec![
        (Forward, startup()),
        (Backward, [message(b'R', &[0, 0, 0, 3])].concat()),
        (Forward, message(b'p', b"secret\0")),
        (Backward, [message(b'R', &[0, 0, 0, 0]), message(b'S', b"TimeZone\0UTC\0"), message(b'Z', b"I")].concat()),
        (Forward, [insert(), message(b'Q', b"select * from people\0")].concat()),
        (
            Backward,
            [
                message(b'C', b"INSERT 0 2\0"),
                message(b'Z', b"I"),
                columns(&[("name", 25), ("ssn", 25)]),
                message(b'D', &values(&[Some(b"Alex"), Some(b"899-45-6789")])),
                message(b'D', &values(&[None, Some(b"")])),
                message(b'C', b"SELECT 2\0"),
                message(b'E', b"SERROR\0C23505\0Mduplicate key\0DKey (ssn)=(899-45-6789) exists.\0\0"),
                message(b'Z', b"I"),
            ]
            .concat(),
        ),
        (Forward, message(b'X', b"")),
    ]
}

/// A prepared statement described once and executed twice.
fn extended() -> Vec<Part> {
    let bind =
        |values_part: &[u8], results: &[u8]| message(b'B', &[b"\0s1\0\0\x02\0\x01\0\0", values_part, results].concat());
    let execute = [message(b'E', b"\0\0\0\0\0"), message(b'S', b"")].concat();
    vec![
        (
            Forward,
            [
                message(b'P', b"s1\0select id, email from people where id = $1 and lower(email) like $2\0\0\0"),
                message(b'D', b"Ss1\0"),
                message(b'S', b""),
            ]
            .concat(),
        ),
        (
            Backward,
            [
                message(b'1', b""),
                message(b't', &[0, 2, 0, 0, 0, 20, 0, 0, 0, 25]),
                columns(&[("id", 20), ("email", 25)]),
                message(b'Z', b"I"),
            ]
            .concat(),
        ),
        (
            Forward,
            [bind(&values(&[Some(&7_i64.to_be_bytes()), Some(b"a@%")]), &[0, 1, 0, 1]), execute.clone()].concat(),
        ),
        (
            Backward,
            [
                message(b'2', b""),
                message(b'D', &values(&[Some(&7_i64.to_be_bytes()), Some(b"a@b.example")])),
                message(b'C', b"SELECT 1\0"),
                message(b'Z', b"I"),
            ]
            .concat(),
        ),
    ]
}

/// COPY in both directions.
fn copies() -> Vec<Part> {
    vec![
        (Forward, [startup(), message(b'Q', b"COPY people (name, \"ssn\") FROM STDIN\0")].concat()),
        (Backward, message(b'G', &[0, 0, 2, 0, 0, 0, 0])),
        (Forward, [message(b'd', b"Alex\t899-45-6"), message(b'd', b"789\nSam\t\\N\n"), message(b'c', b"")].concat()),
        (Backward, [message(b'C', b"COPY 2\0"), message(b'Z', b"I")].concat()),
        (Forward, message(b'Q', b"copy people (name, ssn) to stdout (format CSV)\0")),
        (
            Backward,
            [
                message(b'H', &[0, 0, 2, 0, 0, 0, 0]),
                message(b'd', b"\"Alex, A\",899-45-6789\n"),
                message(b'c', b""),
                message(b'C', b"COPY 1\0"),
                message(b'Z', b"I"),
            ]
            .concat(),
        ),
    ]
}

/// `pgoutput` over a replication connection.
fn replication() -> Vec<Part> {
    let data = |change: &[u8]| message(b'd', &[b"w", &[0; 24][..], change].concat());
    vec![
        (Forward, [startup(), message(b'Q', b"START_REPLICATION SLOT \"s\" LOGICAL 0/0\0")].concat()),
        (
            Backward,
            [
                message(b'W', &[0, 0, 0]),
                data(b"R\0\0\0\x07public\0people\0d\0\x02\x01id\0\0\0\0\x17\0\0\0\0\0ssn\0\0\0\0\x19\0\0\0\0"),
                data(b"I\0\0\0\x07N\0\x02t\0\0\0\x015t\0\0\0\x0b899-45-6789"),
                message(b'd', &[b"k", &[0; 17][..]].concat()),
            ]
            .concat(),
        ),
        (Forward, message(b'd', &[b"r", &[0; 33][..]].concat())),
    ]
}

pub(crate) fn samples() -> Vec<(AppProto, Vec<Part>)> {
    [simple(), extended(), copies(), replication()].map(|talk| (AppProto::Postgres, talk)).to_vec()
}

fn seen(talk: &[Part]) -> super::super::tests::Seen {
    let talk: Vec<_> = talk.iter().map(|(dir, octets)| (*dir, octets.as_slice())).collect();
    whole(&talk)
}

#[test]
fn queries_and_rows_have_the_names_of_their_columns() {
    let seen = seen(&simple());
    assert_eq!(seen.values(DocumentKind::Login), ["«user=alex»«database=shop»", "«password=secret»"]);
    assert_eq!(
        seen.values(DocumentKind::SqlQuery),
        [
            "INSERT INTO people (name, ssn) VALUES ('«name=O''Brien»', '«ssn=899-45-6789»'), ('«name=B»', «ssn=42»);",
            "select * from people"
        ]
    );
    assert_eq!(
        seen.values(DocumentKind::SqlRows),
        ["«name=Alex»«ssn=899-45-6789»\n«ssn=»\n", "duplicate key\nKey (ssn)=(899-45-6789) exists.\n"]
    );
    assert!(seen.unread.is_empty());
}

#[test]
fn parameters_and_rows_of_prepared_statements_have_names() {
    let seen = seen(&extended());
    assert_eq!(seen.values(DocumentKind::SqlParameters), ["«id=7»«email=a@%»"]);
    assert_eq!(seen.values(DocumentKind::SqlRows), ["«id=7»«email=a@b.example»\n"]);
    assert!(seen.unread.is_empty());
}

#[test]
fn copied_and_replicated_tables_have_names() {
    let copied = seen(&copies());
    assert_eq!(
        copied.values(DocumentKind::SqlRows),
        ["«name=Alex»\t«ssn=899-45-6789»\n«name=Sam»\t«ssn=\\N»\n", "«name=\"Alex, A\"»,«ssn=899-45-6789»\n"]
    );
    let replicated = seen(&replication());
    assert_eq!(replicated.values(DocumentKind::SqlRows), ["«id=5»«ssn=899-45-6789»"]);
    assert!(copied.unread.is_empty() && replicated.unread.is_empty());
}
