//! Syslog (RFC 5424, RFC 3164) in datagrams (RFC 5426) and streams (RFC 6587): messages as sent. Counted messages of a stream
//! are documents each, lines are one document.

use crate::model::{Direction, DocumentKind};

use super::decoder::{DatagramDecoder, Input, Out, Probe, Role, Step, StreamDecoder};
use super::lines::{Run, line_len};
use super::registry::Ports;
use super::unknown::plain;

/// Ports where syslog is asked first.
pub(crate) const PORTS: &[u16] = &[514, 601, 1514];

/// Octets of a counted message.
const COUNTED_MAX: usize = 64 << 10;

/// `<34>`: a priority up to 191 (RFC 5424, section 6.2.1), and what follows it: a version, a date, a tag, never `<` or space.
fn priority(octets: &[u8]) -> Probe {
    let Some((first, rest)) = octets.split_first() else { return Probe::More };
    if *first != b'<' {
        return Probe::No;
    }
    let digits = rest.iter().take(4).take_while(|octet| octet.is_ascii_digit()).count();
    let value =
        rest.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|v| v.parse::<u16>().ok());
    match rest.get(digits) {
        None if digits <= 3 => Probe::More,
        Some(b'>') if (1..=3).contains(&digits) && value.is_some_and(|value| value <= 191) => Probe::Yes(Role::Client),
        _ => Probe::No,
    }
}

/// The length of the count in front of a message, and the count. `None`: there is none, or it is cut off.
fn count(octets: &[u8]) -> Option<(usize, usize)> {
    let digits = octets.iter().take(6).take_while(|octet| octet.is_ascii_digit()).count();
    let count = std::str::from_utf8(octets.get(..digits)?).ok()?.parse().ok()?;
    (octets.get(digits) == Some(&b' ') && (8..=COUNTED_MAX).contains(&count)).then_some((digits + 1, count))
}

/// Whether a stream begins with a message, counted or not.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    match octets.first() {
        Some(b'1'..=b'9') => {
            let digits = octets.iter().take(6).take_while(|octet| octet.is_ascii_digit()).count();
            match (count(octets), octets.get(digits)) {
                (Some((len, _)), _) => priority(octets.get(len..).unwrap_or_default()),
                (None, None) if digits <= 5 => Probe::More,
                _ => Probe::No,
            }
        }
        _ => priority(octets),
    }
}

/// Whether a datagram is a message.
pub(crate) fn probe_datagram(octets: &[u8], _: Ports) -> bool {
    matches!(priority(octets), Probe::Yes(_))
}

/// A decoder of datagrams.
pub(crate) fn datagram_decoder(_: Direction) -> Box<dyn DatagramDecoder> {
    Box::new(Datagrams)
}

/// A decoder of streams.
pub(crate) fn decoder(_: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Syslog { halves: Default::default() })
}

struct Datagrams;

impl DatagramDecoder for Datagrams {
    fn datagram(&mut self, dir: Direction, payload: &[u8], out: &mut Out<'_>) -> bool {
        let is_message = probe_datagram(payload, [0, 0]);
        if is_message {
            out.document(dir, plain(DocumentKind::LogRecord, 0), payload);
        }
        is_message
    }
}

struct Syslog {
    halves: [Run; 2],
}

impl StreamDecoder for Syslog {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let lines = input.dir.of_mut(&mut self.halves);
        if input.octets.first().is_some_and(u8::is_ascii_digit) {
            match (count(input.octets), probe(input.octets)) {
                (Some((prefix, len)), Probe::Yes(_)) => match input.octets.get(prefix..prefix + len) {
                    Some(message) => {
                        lines.close(out);
                        out.document(input.dir, plain(DocumentKind::LogRecord, input.at + prefix as u64), message);
                        return Step::Took(prefix + len);
                    }
                    None if input.more => return Step::Took(0),
                    None => {}
                },
                (_, Probe::More) if input.more => return Step::Took(0),
                _ => {}
            }
        }
        let Some(len) = line_len(&input) else { return Step::Took(0) };
        let line = input.octets.get(..len).unwrap_or_default();
        lines.octets(input.dir, DocumentKind::LogRecord, input.at, line, out);
        Step::Took(len)
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let lines = dir.of_mut(&mut self.halves);
        lines.gap(len, out);
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        let lines = dir.of_mut(&mut self.halves);
        lines.close(out);
    }
}
