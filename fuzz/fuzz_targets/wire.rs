//! Frames of any link type: the first octet chooses it, each frame has its length in two octets before it.

#![no_main]

use borderpost::model::{Frame, Limits, LinkType, Timestamp};
use borderpost::wire::Decoder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&link, mut rest)) = input.split_first() else { return };
    let mut decoder = Decoder::new(&Limits::default());
    let mut time = 0;
    while let Some((&len, after)) = rest.split_first_chunk() {
        let (data, later) = after.split_at(usize::from(u16::from_le_bytes(len)).min(after.len()));
        rest = later;
        time += 1_000_000_000;
        let frame = Frame::whole(Timestamp::from_nanos(time), LinkType(link.into()), data);
        decoder.decode(&frame, &mut |_| ());
    }
    decoder.finish(&mut |_| ());
});
