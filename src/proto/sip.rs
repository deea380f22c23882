//! SIP (RFC 3261) in datagrams and streams: heads as sent, bodies with their media type.

use crate::model::{Coding, Direction, DocumentKind, DocumentStart};

use super::decoder::{DatagramDecoder, Doc, Input, Out, Probe, Role, Step, StreamDecoder};
use super::head_fields::{field, head_len, media_type};
use super::lines::{Run, begins, line_len};
use super::registry::Ports;
use super::unknown::plain;

/// Ports where SIP is asked first.
pub(crate) const PORTS: &[u16] = &[5060, 5062];

/// Octets of a head. A longer one is read as it stands.
const HEAD_MAX: usize = 32 << 10;

const METHODS: [&[u8]; 14] = [
    b"INVITE ",
    b"ACK ",
    b"BYE ",
    b"CANCEL ",
    b"OPTIONS ",
    b"REGISTER ",
    b"PRACK ",
    b"SUBSCRIBE ",
    b"NOTIFY ",
    b"PUBLISH ",
    b"INFO ",
    b"REFER ",
    b"MESSAGE ",
    b"UPDATE ",
];

/// Whether octets begin with a request or a response. Either end may send either.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    let mut answer = Probe::No;
    if octets.first().is_some_and(|octet| !octet.is_ascii_alphabetic()) {
        return answer;
    }
    if let found @ (None | Some(true)) = begins(octets, b"SIP/2.0 ") {
        return if found.is_some() { Probe::Yes(Role::Either) } else { Probe::More };
    }
    for method in METHODS {
        match begins(octets, method) {
            Some(false) => {}
            None => answer = Probe::More,
            Some(true) => {
                let target = octets.get(method.len()..).unwrap_or_default();
                let schemes = [&b"sip:"[..], b"sips:", b"tel:"].map(|scheme| begins(target, scheme));
                return match schemes {
                    _ if schemes.contains(&Some(true)) => Probe::Yes(Role::Either),
                    _ if schemes.contains(&None) => Probe::More,
                    _ => Probe::No,
                };
            }
        }
    }
    answer
}

/// Whether a datagram is a message.
pub(crate) fn probe_datagram(octets: &[u8], _: Ports) -> bool {
    matches!(probe(octets), Probe::Yes(_))
}

/// A decoder of datagrams.
pub(crate) fn datagram_decoder(_: Direction) -> Box<dyn DatagramDecoder> {
    Box::new(Datagrams)
}

/// A decoder of streams.
pub(crate) fn decoder(_: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Sip { halves: Default::default() })
}

/// How a body begins, from its head.
fn body_start(head: &[u8], at: u64) -> DocumentStart {
    let codings = match field(head, &["content-encoding", "e"]) {
        Some(coding) if !coding.eq_ignore_ascii_case(b"identity") => {
            let coding = String::from_utf8_lossy(coding).to_ascii_lowercase();
            vec![coding.parse().unwrap_or(Coding::Unknown)]
        }
        _ => Vec::new(),
    };
    let media_type = field(head, &["content-type", "c"]).map(media_type).unwrap_or_default();
    DocumentStart { codings, media_type, ..plain(DocumentKind::MessageBody, at) }
}

struct Datagrams;

impl DatagramDecoder for Datagrams {
    fn datagram(&mut self, dir: Direction, payload: &[u8], out: &mut Out<'_>) -> bool {
        // Keep-alives (RFC 5626, section 3.5.1; and a zero octet by custom).
        if payload.len() <= 4 && payload.iter().all(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
            return true;
        }
        if !probe_datagram(payload, [0, 0]) {
            return false;
        }
        let (head, body) = payload.split_at(head_len(payload).unwrap_or(payload.len()));
        out.document(dir, plain(DocumentKind::SipHead, 0), head);
        if !body.is_empty() {
            out.document(dir, body_start(head, head.len() as u64), body);
        }
        true
    }
}

struct Sip {
    halves: [Half; 2],
}

#[derive(Default)]
struct Half {
    /// The body that is open, and its octets to come.
    body: Option<(Doc, u64)>,
    /// Lines that are no message.
    other: Run,
}

impl StreamDecoder for Sip {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let half = input.dir.of_mut(&mut self.halves);
        if let Some((doc, left)) = &mut half.body {
            let used = usize::try_from(*left).unwrap_or(usize::MAX).min(input.octets.len());
            out.octets(doc, input.octets.get(..used).unwrap_or_default());
            *left -= used as u64;
            if *left == 0 {
                out.end(doc);
                half.body = None;
            }
            return Step::Took(used);
        }
        let blank = input.octets.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count();
        if blank > 0 {
            return Step::Took(blank);
        }
        match probe(input.octets) {
            Probe::More if input.more => Step::Took(0),
            Probe::Yes(_) => {
                let within = input.octets.get(..HEAD_MAX).unwrap_or(input.octets);
                let len = match head_len(within) {
                    Some(len) => len,
                    None if input.more && within.len() < HEAD_MAX => return Step::Took(0),
                    None => within.len(),
                };
                let head = within.get(..len).unwrap_or_default();
                half.other.close(out);
                out.document(input.dir, plain(DocumentKind::SipHead, input.at), head);
                let size = field(head, &["content-length", "l"]).and_then(|size| std::str::from_utf8(size).ok());
                let size = size.and_then(|size| size.parse::<u64>().ok()).unwrap_or(0);
                if size > 0 {
                    half.body = Some((out.start(input.dir, body_start(head, input.at + len as u64)), size));
                }
                Step::Took(len)
            }
            _ => {
                let Some(len) = line_len(&input) else { return Step::Took(0) };
                let line = input.octets.get(..len).unwrap_or_default();
                half.other.octets(input.dir, DocumentKind::Stream, input.at, line, out);
                Step::Took(len)
            }
        }
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let half = dir.of_mut(&mut self.halves);
        match &mut half.body {
            Some((doc, left)) if len < *left => {
                *left -= len;
                out.gap(doc, len);
            }
            _ => half.close(out),
        }
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        dir.of_mut(&mut self.halves).close(out);
    }
}

impl Half {
    fn close(&mut self, out: &mut Out<'_>) {
        self.other.close(out);
        if let Some((doc, _)) = self.body.take() {
            out.end(&doc);
        }
    }
}
