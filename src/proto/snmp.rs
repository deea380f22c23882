//! SNMP (RFC 1157, RFC 3416, RFC 3412): the community, which stands for a password, and what is asked and told of a device.
//!
//! Every message is one BER value in a datagram. The variables of its PDU become fields under the names of their objects, where those
//! are known for telling whose device it is and where (RFC 3418, RFC 2863, RFC 6933, RFC 2790), or under their object
//! identifiers. Version 3 may be encrypted; then the user's name is all that is in clear.

use std::net::Ipv4Addr;

use crate::model::{Direction, UninspectedReason};

use super::ber::{INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, Values, header};
use super::decoder::{DatagramDecoder, Out};
use super::fields::Fields;
use super::reader::Reader;
use super::registry::Ports;

/// Ports where SNMP is asked first: agents, receivers of traps.
pub(crate) const PORTS: &[u16] = &[161, 162];

/// Application type IpAddress (RFC 2578, section 7.1.5).
const IP_ADDRESS: u8 = 0x40;

/// Tags of PDUs, GetRequest to Report.
const PDUS: std::ops::RangeInclusive<u8> = 0xa0..=0xa8;

/// The flag of version 3 that says: encrypted.
const PRIVATE: u8 = 2;

/// Objects by their identifiers in BER, without the instance, and what they are in words that signatures know.
const OBJECTS: &[(&[u8], &str)] = &[
    (b"\x2b\x06\x01\x02\x01\x01\x01", "description"),
    (b"\x2b\x06\x01\x02\x01\x01\x04", "contact"),
    (b"\x2b\x06\x01\x02\x01\x01\x05", "host name"),
    (b"\x2b\x06\x01\x02\x01\x01\x06", "location"),
    // ifPhysAddress, ipNetToMediaPhysAddress, dot1dTpFdbAddress: those of the devices around, too.
    (b"\x2b\x06\x01\x02\x01\x02\x02\x01\x06", "mac address"),
    (b"\x2b\x06\x01\x02\x01\x04\x16\x01\x02", "mac address"),
    (b"\x2b\x06\x01\x02\x01\x11\x04\x03\x01\x01", "mac address"),
    // ifAlias, entPhysicalSerialNum, hrSWRunParameters.
    (b"\x2b\x06\x01\x02\x01\x1f\x01\x01\x01\x12", "interface alias"),
    (b"\x2b\x06\x01\x02\x01\x2f\x01\x01\x01\x01\x0b", "device serial number"),
    (b"\x2b\x06\x01\x02\x01\x19\x04\x02\x01\x05", "parameters"),
];

/// A message, taken apart.
struct Message<'a> {
    /// Of versions 1 and 2c.
    community: Option<&'a [u8]>,
    /// Of version 3 with its user-based security (RFC 3414).
    user: Option<&'a [u8]>,
    content: Content<'a>,
}

enum Content<'a> {
    Pdu(&'a [u8]),
    Encrypted(usize),
}

fn is_pdu((tag, _): &(u8, &[u8])) -> bool {
    PDUS.contains(tag)
}

fn parse(octets: &[u8]) -> Option<Message<'_>> {
    let mut whole = Reader::new(octets);
    let (tag, len) = header(&mut whole)??;
    if tag != SEQUENCE || len != whole.rest().len() as u64 {
        return None;
    }
    let mut parts = Values(whole);
    let (INTEGER, &[version]) = parts.next()? else { return None };
    match version {
        0 | 1 => {
            let (OCTET_STRING, community) = parts.next()? else { return None };
            let (_, inside) = parts.next().filter(is_pdu)?;
            Some(Message { community: Some(community), user: None, content: Content::Pdu(inside) })
        }
        3 => {
            let (SEQUENCE, global) = parts.next()? else { return None };
            let mut global = Values(Reader::new(global));
            let ((INTEGER, _), (INTEGER, _), (OCTET_STRING, &[flags]), (INTEGER, _)) =
                (global.next()?, global.next()?, global.next()?, global.next()?)
            else {
                return None;
            };
            let (OCTET_STRING, security) = parts.next()? else { return None };
            let user = user(security);
            let content = match parts.next()? {
                (OCTET_STRING, sealed) if flags & PRIVATE != 0 => Content::Encrypted(sealed.len()),
                (SEQUENCE, scoped) if flags & PRIVATE == 0 => {
                    let (_, inside) = Values(Reader::new(scoped)).nth(2).filter(is_pdu)?;
                    Content::Pdu(inside)
                }
                _ => return None,
            };
            Some(Message { community: None, user, content })
        }
        _ => None,
    }
}

/// `msgUserName` of UsmSecurityParameters.
fn user(security: &[u8]) -> Option<&[u8]> {
    let (SEQUENCE, inside) = Values(Reader::new(security)).next()? else { return None };
    let (tag, user) = Values(Reader::new(inside)).nth(3)?;
    (tag == OCTET_STRING && !user.is_empty()).then_some(user)
}

/// Whether a datagram is a message: its lengths and tags fit from end to end.
pub(crate) fn probe(octets: &[u8], _: Ports) -> bool {
    parse(octets).is_some()
}

/// A decoder.
pub(crate) fn decoder(_: Direction) -> Box<dyn DatagramDecoder> {
    Box::new(Snmp)
}

struct Snmp;

impl DatagramDecoder for Snmp {
    fn datagram(&mut self, dir: Direction, payload: &[u8], out: &mut Out<'_>) -> bool {
        let Some(Message { community, user, content }) = parse(payload) else { return false };
        let mut fields = Fields::default();
        fields.add("snmp community", community.unwrap_or_default());
        fields.add("username", user.unwrap_or_default());
        match content {
            Content::Pdu(pdu) => variables(pdu, &mut fields),
            Content::Encrypted(len) => out.unread(dir, len, UninspectedReason::Encrypted),
        }
        fields.give(dir, 0, out);
        true
    }
}

/// The variables of a PDU, and the address of who sent a trap of version 1.
fn variables(pdu: &[u8], fields: &mut Fields) {
    for (tag, value) in Values(Reader::new(pdu)) {
        match (tag, <[u8; 4]>::try_from(value)) {
            (IP_ADDRESS, Ok(octets)) => fields.add("device ip", Ipv4Addr::from(octets).to_string().as_bytes()),
            (SEQUENCE, _) => {
                for (_, pair) in Values(Reader::new(value)) {
                    let mut pair = Values(Reader::new(pair));
                    if let (Some((OBJECT_IDENTIFIER, object)), Some((tag, value))) = (pair.next(), pair.next()) {
                        variable(object, tag, value, fields);
                    }
                }
            }
            _ => {}
        }
    }
}

fn variable(object: &[u8], tag: u8, value: &[u8], fields: &mut Fields) {
    let known = OBJECTS.iter().find(|(known, _)| object.starts_with(known)).map(|(_, name)| *name);
    let name = known.map_or_else(|| dotted(object), str::to_owned);
    match (tag, <[u8; 4]>::try_from(value), <[u8; 6]>::try_from(value)) {
        (OCTET_STRING, _, Ok(mac)) if known == Some("mac address") => {
            let text: Vec<String> = mac.iter().map(|octet| format!("{octet:02x}")).collect();
            fields.add(&name, text.join(":").as_bytes());
        }
        (OCTET_STRING, ..) => fields.add(&name, value),
        (IP_ADDRESS, Ok(octets), _) => fields.add(&name, Ipv4Addr::from(octets).to_string().as_bytes()),
        // Numbers count and measure.
        _ => {}
    }
}

/// An object identifier as it is written (X.690, section 8.19).
fn dotted(object: &[u8]) -> String {
    let mut text = String::from("oid");
    let mut number = 0_u64;
    for octet in object.iter().take(64) {
        number = number.wrapping_shl(7) | u64::from(octet & 0x7f);
        if octet & 0x80 != 0 {
            continue;
        }
        if text == "oid" {
            // The first two are one number.
            let first = (number / 40).min(2);
            text.push_str(&format!(" {first} {}", number - first * 40));
        } else {
            text.push_str(&format!(" {number}"));
        }
        number = 0;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::Seen;
    use super::super::{Inspector, Transport};
    use super::*;
    use crate::model::DocumentKind;

    fn seen(datagram: &[u8]) -> Seen {
        let mut seen = Seen::default();
        let mut inspector = Inspector::new(Transport::Datagram, 40000, 161, [true; 2]);
        inspector.datagram(Direction::Forward, datagram, datagram.len() as u32, &mut seen);
        inspector.end(Direction::Forward, &mut seen);
        seen
    }

    #[test]
    fn communities_and_variables_are_fields() {
        let seen = seen(&super::super::tests::services::snmp());
        let text = seen.texts(DocumentKind::Fields).concat();
        assert_eq!(
            text,
            "snmp community: s3cret-ro\r\ncontact: nick@example.com\r\nmac address: 00:00:5e:00:53:01\r\n\
             oid 1 3 6 1 4 1 300: x\r\n"
        );
    }

    #[test]
    fn version_3_names_its_user_and_reports_what_is_encrypted() {
        // noPriv is read like version 2; priv is not.
        let usm = b"\x30\x0f\x04\x01e\x02\x01\x00\x02\x01\x00\x04\x02ab\x04\x00\x04\x00";
        let message = |flags: u8, data: &[u8]| {
            let global = [b"\x30\x0d\x02\x01\x01\x02\x02\x05\xdc\x04\x01", &[flags][..], b"\x02\x01\x03"].concat();
            let usm = [&[4, usm.len() as u8][..], usm].concat();
            let inside = [&b"\x02\x01\x03"[..], &global, &usm, data].concat();
            [&[0x30, inside.len() as u8][..], &inside].concat()
        };
        let clear = seen(&message(0, b"\x30\x19\x04\x00\x04\x00\xa2\x13\x02\x01\x01\x02\x01\x00\x02\x01\x00\x30\x08\x30\x06\x06\x01\x2b\x04\x01y"));
        assert_eq!(clear.texts(DocumentKind::Fields).concat(), "username: ab\r\noid 1 3: y\r\n");
        let sealed = seen(&message(PRIVATE, b"\x04\x08\x01\x02\x03\x04\x05\x06\x07\x08"));
        assert_eq!(sealed.texts(DocumentKind::Fields).concat(), "username: ab\r\n");
        assert!(sealed.unread.contains_key(&(0, UninspectedReason::Encrypted)));
    }
}
