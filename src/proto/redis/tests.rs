//! Conversations in RESP 2 and 3.

use crate::model::{AppProto, Direction, DocumentKind};

use super::super::tests::{Part, Seen, whole};
use Direction::{Backward, Forward};

fn command(words: &[&str]) -> Vec<u8> {
    let mut octets = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        octets.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    octets
}

fn talk() -> Vec<Part> {
    vec![
        (
            Forward,
            [command(&["HELLO", "3", "AUTH", "alex", "secret"]), command(&["set", "user:7:email", "a@b.example"])]
                .concat(),
        ),
        (Backward, b"%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n+OK\r\n".to_vec()),
        (
            Forward,
            [
                command(&["HSET", "user:7", "ssn", "899-45-6789", "name", ""]),
                command(&["XADD", "log", "*", "ip", "192.0.2.1"]),
                command(&["GET", "user:7:email"]),
                command(&["HGETALL", "user:7"]),
                command(&["HMGET", "user:7", "ssn", "none"]),
                command(&["GET", "none"]),
                command(&["INCR", "x"]),
            ]
            .concat(),
        ),
        (
            Backward,
            [
                &b":2\r\n$3\r\n1-1\r\n$11\r\na@b.example\r\n"[..],
                b"*4\r\n$3\r\nssn\r\n$11\r\n899-45-6789\r\n$4\r\nname\r\n$0\r\n\r\n",
                b"*2\r\n$11\r\n899-45-6789\r\n$-1\r\n$-1\r\n-ERR no '899-45-6789'\r\n",
                b">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n",
            ]
            .concat(),
        ),
        (Forward, b"PING\r\n".to_vec()),
    ]
}

pub(crate) fn samples() -> Vec<(AppProto, Vec<Part>)> {
    let message = b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n".to_vec();
    let wrong = [command(&["GET", "a"]), b"\x01\x02 not RESP\r\n".to_vec()].concat();
    vec![
        (AppProto::Redis, talk()),
        (AppProto::Redis, vec![(Backward, message)]),
        (AppProto::Redis, vec![(Forward, wrong)]),
    ]
}

fn seen(talk: &[Part]) -> Seen {
    let talk: Vec<_> = talk.iter().map(|(dir, octets)| (*dir, octets.as_slice())).collect();
    whole(&talk)
}

#[test]
fn keys_and_members_name_values() {
    let seen = seen(&talk());
    assert_eq!(
        seen.values(DocumentKind::RedisCommand),
        [
            "HELLO 3 AUTH«user=alex»«password=secret»",
            "set user:7:email«user.7.email=a@b.example»",
            "HSET user:7 ssn«user.7.ssn=899-45-6789» name«user.7.name=»",
            "XADD log * ip«log.ip=192.0.2.1»",
            "GET user:7:email",
            "HGETALL user:7",
            "HMGET user:7 ssn none",
            "GET none",
            "INCR x",
            "PING"
        ]
    );
    assert_eq!(
        seen.values(DocumentKind::RedisReply),
        [
            "server redis",
            "1-1",
            "«user.7.email=a@b.example»",
            "ssn«user.7.ssn=899-45-6789» name«user.7.name=»",
            "«user.7.ssn=899-45-6789»",
            "ERR no '899-45-6789'",
            "message news«news=hello»"
        ]
    );
    assert!(seen.unread.is_empty());
}

#[test]
fn a_gap_within_a_value_loses_nothing_else() {
    use super::super::{Inspector, Transport};
    let (mut seen, mut inspector) = (Seen::default(), Inspector::new(Transport::Stream, 1, 2, [true; 2]));
    let first = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$10\r\n123";
    inspector.octets(Forward, 0, first, &mut seen);
    inspector.gap(Forward, first.len() as u64, 4, &mut seen);
    inspector.octets(
        Forward,
        first.len() as u64 + 4,
        &[b"890\r\n".to_vec(), command(&["SET", "b", "c"])].concat(),
        &mut seen,
    );
    inspector.gap(Forward, 1000, 9, &mut seen);
    inspector.octets(Forward, 1009, &command(&["SET", "d", "e"]), &mut seen);
    inspector.end(Forward, &mut seen);
    assert_eq!(seen.values(DocumentKind::RedisCommand), ["SET a«a=123890»", "SET b«b=c»", "SET d«d=e»"]);
}
