//! RADIUS (RFC 2865, RFC 2866): attributes as fields. What is hidden (passwords) is reported as encrypted.

use std::net::Ipv4Addr;

use crate::model::{Direction, UninspectedReason};

use super::decoder::{DatagramDecoder, Out};
use super::fields::Fields;
use super::reader::Reader;
use super::registry::Ports;

/// Ports where RADIUS is asked first.
pub(crate) const PORTS: &[u16] = &[1812, 1813, 1645, 1646, 3799];

/// Octets of a header.
const HEADER: usize = 20;

/// Text attributes with what they are in words that signatures know; other text has the number as its name.
const TEXTS: &[(u8, &str)] = &[
    (1, "username"),
    (11, "filter id"),
    (18, "reply message"),
    (30, "called station"),
    (32, "nas identifier"),
    (44, "session id"),
    (77, "connect info"),
    (87, "nas port id"),
    (89, "user id"),
];
/// Calling-Station-Id: the address of a device, or, where people dial in, a telephone number.
const CALLING_STATION: u8 = 31;
/// Addresses of a user.
const ADDRESSES: &[(u8, &str)] = &[(8, "client ip")];
/// Passwords and challenges that are hidden by a shared secret.
const HIDDEN: [u8; 6] = [2, 3, 60, 79, 80, 69];

/// Whether a datagram is a message: the length fits, and so do those of all attributes.
pub(crate) fn probe(octets: &[u8], _: Ports) -> bool {
    let mut reader = Reader::new(octets);
    let (Some(code), Some(_), Some(len)) = (reader.u8(), reader.u8(), reader.u16()) else { return false };
    if !matches!(code, 1..=5 | 11..=13 | 40..=45) || usize::from(len) != octets.len() || octets.len() < HEADER + 3 {
        return false;
    }
    reader.take(16);
    while !reader.rest().is_empty() {
        match (reader.u8(), reader.u8()) {
            (Some(1..), Some(len @ 2..)) if reader.take(usize::from(len) - 2).is_some() => {}
            _ => return false,
        }
    }
    true
}

/// A decoder.
pub(crate) fn decoder(_: Direction) -> Box<dyn DatagramDecoder> {
    Box::new(Radius)
}

struct Radius;

impl DatagramDecoder for Radius {
    fn datagram(&mut self, dir: Direction, payload: &[u8], out: &mut Out<'_>) -> bool {
        if !probe(payload, [0, 0]) {
            return false;
        }
        let mut fields = Fields::default();
        let mut reader = Reader::new(payload.get(HEADER..).unwrap_or_default());
        while let (Some(kind), Some(len)) = (reader.u8(), reader.u8()) {
            let Some(value) = usize::from(len).checked_sub(2).and_then(|len| reader.take(len)) else { break };
            let name = |table: &[(u8, &'static str)]| table.iter().find(|(known, _)| *known == kind).map(|(_, n)| *n);
            if HIDDEN.contains(&kind) {
                out.unread(dir, value.len(), UninspectedReason::Encrypted);
            } else if let (Some(name), Ok(octets)) = (name(ADDRESSES), <[u8; 4]>::try_from(value)) {
                fields.add(name, Ipv4Addr::from(octets).to_string().as_bytes());
            } else if kind == CALLING_STATION {
                fields.add(if is_mac(value) { "mac address" } else { "phone" }, value);
            } else {
                let number = format!("attribute {kind}");
                fields.add(name(TEXTS).unwrap_or(&number), value);
            }
        }
        fields.give(dir, 0, out);
        true
    }
}

/// Twelve hexadecimal digits, however they are parted.
fn is_mac(value: &[u8]) -> bool {
    let digits = value.iter().filter(|octet| !b"-:.".contains(octet));
    digits.clone().count() == 12 && digits.clone().all(u8::is_ascii_hexdigit)
}
