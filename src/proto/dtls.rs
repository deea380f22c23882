//! DTLS: the ClientHello is read, everything after it is locked.
//!
//! Handshake messages come in fragments of their own, in any order (RFC 6347, section 4.2.3; RFC 9147, section 5.5), before
//! and after the server's cookie: the first complete hello is read.

use crate::model::{Direction, NameSource, UninspectedReason};

use super::Carrier;
use super::assembler::Assembler;
use super::decoder::{DatagramDecoder, Out};
use super::reader::Reader;
use super::registry::Ports;
use super::tls;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// Whether a datagram begins with a record of DTLS 1.0, 1.2 or OpenSSL's draft: type, version, epoch, sequence number,
/// length (RFC 6347, section 4.1). Protected records of DTLS 1.3 alone are not recognised.
pub(crate) fn probe(payload: &[u8], _: Ports) -> bool {
    matches!(record(&mut Reader::new(payload)), Some((20..=26, _, fragment)) if !fragment.is_empty())
}

/// A record: type, epoch, fragment.
fn record<'a>(reader: &mut Reader<'a>) -> Option<(u8, u16, &'a [u8])> {
    let kind = reader.u8()?;
    let version = reader.u16()?;
    let epoch = reader.u16()?;
    reader.take(6)?;
    let len = reader.u16()?;
    let fragment = reader.take(usize::from(len))?;
    matches!(version, 0xfeff | 0xfefd | 0xfefc | 0x0100).then_some((kind, epoch, fragment))
}

/// A decoder for both ends.
pub(crate) fn decoder(_: Direction) -> Box<dyn DatagramDecoder> {
    Box::new(Dtls { client: None, hello: Some((0, Assembler::default())) })
}

struct Dtls {
    client: Option<Direction>,
    /// Sequence number and fragments of the hello; `None` once nothing more is read.
    hello: Option<(u16, Assembler)>,
}

impl DatagramDecoder for Dtls {
    fn datagram(&mut self, dir: Direction, payload: &[u8], out: &mut Out<'_>) -> bool {
        let mut reader = Reader::new(payload);
        let mut read = 0;
        loop {
            let start = reader.at();
            match record(&mut reader) {
                Some((HANDSHAKE, 0, fragment)) if self.fragments(dir, fragment, out) => read += reader.at() - start,
                Some((_, epoch, _)) => {
                    // Protected records: the handshake is over.
                    if epoch > 0 {
                        self.hello = None;
                    }
                }
                None => break,
            }
        }
        out.unread(dir, payload.len().saturating_sub(read), UninspectedReason::Encrypted);
        true
    }

    fn sealed(&self, dir: Direction) -> Option<UninspectedReason> {
        let server = self.client.is_some_and(|client| client != dir);
        (server || self.hello.is_none()).then_some(UninspectedReason::Encrypted)
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.hello.as_ref().map_or(0, |(_, fragments)| fragments.held_bytes())
    }
}

impl Dtls {
    /// Handshake fragments of one record. Says whether they belong to a ClientHello.
    fn fragments(&mut self, dir: Direction, record: &[u8], out: &mut Out<'_>) -> bool {
        let mut reader = Reader::new(record);
        let mut ours = false;
        while let Some((CLIENT_HELLO, len, sequence, offset, part)) = fragment(&mut reader) {
            let Some((current, fragments)) = &mut self.hello else { return ours };
            ours = true;
            self.client = Some(dir);
            if *current != sequence {
                (*current, *fragments) = (sequence, Assembler::default());
            }
            fragments.insert(u64::from(offset), part);
            if let Some(body) = fragments.contiguous().get(..len as usize) {
                if let Some(hello) = tls::client_hello(body, Carrier::Dtls) {
                    out.tls(&hello, NameSource::TlsSni);
                }
                self.hello = None;
            }
        }
        ours
    }
}

/// Message type, its length, its sequence number, offset of the fragment, the fragment.
fn fragment<'a>(reader: &mut Reader<'a>) -> Option<(u8, u32, u16, u32, &'a [u8])> {
    let (kind, len, sequence) = (reader.u8()?, reader.u24()?, reader.u16()?);
    let (offset, part_len) = (reader.u24()?, reader.u24()?);
    Some((kind, len, sequence, offset, reader.take(part_len as usize)?))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Seen, client_hello};
    use super::super::{Inspector, Transport};
    use super::*;

    #[test]
    fn fragments_in_any_order_give_the_hello() {
        let stream = client_hello("d.example.com", 600);
        // The body with an empty cookie after the session id.
        let body = [&stream[4..39], &[0], &stream[39..]].concat();
        let record = |from: usize, to: usize| {
            let mut fragment = vec![CLIENT_HELLO];
            fragment.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
            fragment.extend_from_slice(&[0, 0]);
            fragment.extend_from_slice(&(from as u32).to_be_bytes()[1..]);
            fragment.extend_from_slice(&((to - from) as u32).to_be_bytes()[1..]);
            fragment.extend_from_slice(&body[from..to]);
            let head = [HANDSHAKE, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0];
            [&head[..], &(fragment.len() as u16).to_be_bytes(), &fragment].concat()
        };
        let mut seen = Seen::default();
        let mut inspector = Inspector::new(Transport::Datagram, 40000, 9, [true; 2]);
        for datagram in [record(300, body.len()), record(0, 310)] {
            inspector.datagram(Direction::Forward, &datagram, datagram.len() as u32, &mut seen);
        }
        assert_eq!(seen.names, [("d.example.com".to_owned(), NameSource::TlsSni)]);
        assert_eq!(inspector.finished(Direction::Backward), Some(UninspectedReason::Encrypted));
    }
}
