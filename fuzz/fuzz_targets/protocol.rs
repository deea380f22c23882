//! One decoder, by the name of the target: `stream-tls`, `datagram-dns`. The input is a conversation: for each part two octets (bit 7
//! of the second: the direction, bit 6: octets are missing before; the rest: the length), then its octets.

#![no_main]

use std::net::IpAddr;

use borderpost::model::{AppProto, Direction, DocumentStart, NameSource, UninspectedReason};
use borderpost::proto::{Facts, Inspector, TlsHello, Transport};
use libfuzzer_sys::fuzz_target;

/// Counts documents that are open.
#[derive(Default)]
struct Open(i64);

impl Facts for Open {
    fn protocol(&mut self, _: AppProto) {}
    fn server_name(&mut self, _: &str, _: NameSource) {}
    fn resolved(&mut self, _: &str, _: &str, _: IpAddr, _: u32) {}
    fn tls(&mut self, _: &TlsHello) {}
    fn document_start(&mut self, _: Direction, _: u32, _: DocumentStart) {
        self.0 += 1;
    }
    fn document_field(&mut self, _: Direction, _: u32, _: Option<&str>) {}
    fn document_octets(&mut self, _: Direction, _: u32, _: &[u8]) {}
    fn document_gap(&mut self, _: Direction, _: u32, _: u64) {}
    fn document_end(&mut self, _: Direction, _: u32) {
        self.0 -= 1;
    }
    fn unread(&mut self, _: Direction, _: u64, _: UninspectedReason) {}
}

fuzz_target!(|input: &[u8]| {
    let (transport, app) = match env!("CARGO_BIN_NAME").split_once('-') {
        Some(("stream", app)) => (Transport::Stream, app),
        Some((_, app)) => (Transport::Datagram, app),
        None => unreachable!("a target is named after its decoder"),
    };
    let app: AppProto = app.parse().expect("a protocol");
    let mut inspector = Inspector::of(transport, app, [true; 2]).expect("a decoder");
    let (mut open, mut rest, mut offsets) = (Open::default(), input, [0_u64; 2]);
    while let Some((&[low, high], after)) = rest.split_first_chunk() {
        let dir = if high & 0x80 == 0 { Direction::Forward } else { Direction::Backward };
        let offset = &mut offsets[dir.index()];
        if high & 0x40 != 0 {
            inspector.gap(dir, *offset, u64::from(low), &mut open);
            *offset += u64::from(low);
        }
        let len = usize::from(u16::from_le_bytes([low, high & 0x3f]));
        let (part, later) = after.split_at(len.min(after.len()));
        rest = later;
        match transport {
            Transport::Stream => inspector.octets(dir, *offset, part, &mut open),
            Transport::Datagram => inspector.datagram(dir, part, part.len() as u32, &mut open),
        }
        *offset += part.len() as u64;
        assert!(inspector.held_bytes() < 4 << 20, "{} octets held", inspector.held_bytes());
    }
    inspector.end(Direction::Forward, &mut open);
    inspector.end(Direction::Backward, &mut open);
    assert_eq!(open.0, 0, "documents were left open");
});
