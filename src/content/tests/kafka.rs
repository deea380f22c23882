//! Batches of Kafka as the specification has them, in all versions and compressions.

use super::*;

fn varint(number: i64) -> Vec<u8> {
    let mut left = ((number << 1) ^ (number >> 63)).cast_unsigned();
    let mut octets = Vec::new();
    loop {
        let octet = (left & 0x7f) as u8;
        left >>= 7;
        if left == 0 {
            octets.push(octet);
            return octets;
        }
        octets.push(octet | 0x80);
    }
}

/// A length and octets, or null.
fn counted(octets: Option<&[u8]>) -> Vec<u8> {
    octets.map_or_else(|| varint(-1), |octets| [varint(octets.len() as i64), octets.to_vec()].concat())
}

fn record(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&[u8], Option<&[u8]>)]) -> Vec<u8> {
    let headers = headers.iter().flat_map(|(name, value)| [counted(Some(name)), counted(*value)].concat());
    let headers: Vec<u8> = headers.collect();
    let count = varint(if headers.is_empty() { 0 } else { 2 });
    let body = [vec![0], varint(1_700_000), varint(0), counted(key), counted(value), count, headers].concat();
    [varint(body.len() as i64), body].concat()
}

/// A batch of version 2 around records, packed already.
pub(super) fn batch(compression: u8, records: &[u8]) -> Vec<u8> {
    let mut octets = [&[0; 8][..], &(records.len() as u32 + 49).to_be_bytes(), &[0, 0, 0, 0, 2]].concat();
    octets.extend_from_slice(&[1, 2, 3, 4, 0, compression, 0, 0, 0, 1]);
    octets.resize(61, 0);
    [octets, records.to_vec()].concat()
}

/// A message of version 0 or 1.
fn message(version: u8, compression: u8, key: Option<&[u8]>, value: Option<&[u8]>) -> Vec<u8> {
    let counted = |octets: Option<&[u8]>| match octets {
        None => vec![0xff; 4],
        Some(octets) => [&(octets.len() as u32).to_be_bytes()[..], octets].concat(),
    };
    let body =
        [&[9; 4][..], &[version, compression], &vec![0; usize::from(version) * 8], &counted(key), &counted(value)];
    let body = body.concat();
    [&[0; 8][..], &(body.len() as u32).to_be_bytes(), &body].concat()
}

fn records() -> Vec<u8> {
    let headers: [(&[u8], Option<&[u8]>); 2] = [(b"ssn", Some(b"123-45-6789")), (b"trace", None)];
    [record(Some(b"user-7"), Some(SAMPLE.as_bytes()), &headers), record(None, Some(b"two"), &[])].concat()
}

const RECORDS_READ: &str = "«users.key=user-7»\n<json:users|{\"ssn\":\"«users.ssn=123-45-6789»\",\"note\":\"«users.note=hello \
    hello hello»\"}>ssn\n«ssn=123-45-6789»\ntrace\n«users=two»";

/// All versions and compressions, one after the other.
pub(super) fn batches() -> Vec<u8> {
    let set = [message(1, 0, Some(b"k"), Some(b"one")), message(0, 0, None, Some(b"other"))].concat();
    [
        batch(0, &records()),
        batch(1, &gzip(&records())),
        message(1, 2, None, Some(&lz::snappy_java(&set))),
        message(0, 0, Some(b"k"), None),
        batch(3, &lz::lz4(&record(None, Some(b"in lz4"), &[]))),
    ]
    .concat()
}

pub(super) const READ: &str = concat!(
    "«users.key=user-7»\n<json:users|{\"ssn\":\"«users.ssn=123-45-6789»\",\"note\":\"«users.note=hello hello hello»\"}>",
    "ssn\n«ssn=123-45-6789»\ntrace\n«users=two»\n",
    "<gzip|«users.key=user-7»\n<json:users|{\"ssn\":\"«users.ssn=123-45-6789»\",\"note\":\"«users.note=hello hello hello»\"}>",
    "ssn\n«ssn=123-45-6789»\ntrace\n«users=two»\n>",
    "<snappy|«users.key=k»\n«users=one»\n«users=other»\n>",
    "«users.key=k»\n<lz4|«users=in lz4»\n>"
);

#[test]
fn kafka_after_loss() {
    let start = DocumentStart { name: Some("users".into()), ..start(DocumentKind::KafkaRecords, "", &[]) };
    let read = |octets: &[u8]| read_pieces(&start, &Limits::default(), [octets]);
    // Compression that nobody knows is told, and so is a limit on nesting.
    let unknown = read(&[batch(5, b"octets"), batch(0, &records())].concat());
    assert_eq!((unknown.undecodable, unknown.render()), (6, RECORDS_READ.to_owned() + "\n"));
    let flat = Limits { nesting_max: 0, ..Limits::default() };
    assert_eq!(read_pieces(&start, &flat, [&batch(1, &gzip(b"x"))[..]]).decode_limit, gzip(b"x").len() as u64);
    // A gap within a batch costs names up to its end only.
    let first = batch(0, &records());
    let mut collected = Collected::default();
    let mut unwrapper = Unwrapper::new(&start, &Limits::default());
    unwrapper.octets(&first[..90], &mut collected);
    unwrapper.gap(20, &mut collected);
    unwrapper.octets(&[&first[110..], &batch(0, &records())].concat(), &mut collected);
    unwrapper.end(&mut collected);
    assert!(collected.render().ends_with(&(RECORDS_READ.to_owned() + "\n")), "{}", collected.render());
    // Octets that are no batch are text.
    assert_eq!(read(b"these octets are no batch at all").render(), "these octets are no batch at all");
}
