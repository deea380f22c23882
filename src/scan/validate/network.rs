//! Addresses of users inside payloads, hardware and SIM identifiers, positions. Sources: reference section 3.4; IANA
//! special-purpose address registries (RFC 6890 and its successors); IEEE 802 (address bits); 3GPP TS 23.003 (IMEI,
//! IMSI); ITU-T E.118 (ICCID); section 10 for documentation ranges.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::checksum::{is_placeholder, luhn};
use super::{Check, Validator, Value};
use crate::model::{Country, is_assigned};

pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("ipv4", ipv4),
    ("ipv6", ipv6),
    ("mac", mac),
    ("mac-registered", registered),
    ("host-name", host_name),
    ("serial", |v| {
        let text = v.octets();
        let mixed = text.iter().any(u8::is_ascii_uppercase) && text.iter().filter(|b| b.is_ascii_digit()).count() >= 4;
        Check::when(mixed && !is_placeholder(text)).raise(true, -20)
    }),
    ("imei", |v| {
        let d = v.digits();
        let grouped = v.octets().contains(&b'-');
        let good = d.len() == 15 && luhn(d.as_slice()) && !d.all_equal();
        // Reporting body 00 is for tests (GSMA TS.06).
        if good { Check::bonus(if grouped { 20 } else { 0 }).test_when(d.small(0, 2) == 0) } else { Check::Refuse }
    }),
    ("imsi", |v| {
        let d = v.digits();
        Check::when(d.len() == 15 && !d.all_equal() && (202..=750).contains(&d.small(0, 3)))
    }),
    ("iccid", |v| Check::when(luhn(v.digits().as_slice()))),
    ("uuid", |v| Check::when(!is_placeholder(v.octets()))),
    ("ad-id", |v| {
        let text = v.octets();
        Check::when(!is_placeholder(text) && text.iter().filter(|b| **b != b'-' && **b != b'0').count() > 3)
    }),
    ("latitude", |v| degrees(v, 90.0)),
    ("longitude", |v| degrees(v, 180.0)),
    ("latlon", pair),
    ("locale", |v| {
        let country = v.octets().rsplit(|b| matches!(b, b'-' | b'_')).next().unwrap_or_default();
        let country = std::str::from_utf8(country).ok().and_then(|code| code.parse::<Country>().ok());
        // What a device is set to says little of where its user belongs.
        if country.is_some_and(is_assigned) { Check::bonus(-20) } else { Check::Refuse }
    }),
];

/// Whether an address names a user: not special-purpose; documentation ranges are for tests.
fn ipv4(value: Value<'_>) -> Check {
    let parsed = std::str::from_utf8(value.octets()).ok().and_then(|t| t.parse::<Ipv4Addr>().ok());
    let Some(address) = parsed else {
        return Check::Refuse;
    };
    let octets = address.octets();
    let shared = octets[0] == 100 && octets[1] & 0xc0 == 64;
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || shared
        || octets[0] == 0
        || octets[0] >= 240
        || (octets[0] == 192 && octets[1] == 0 && octets[2] == 0)
        || (octets[0] == 198 && octets[1] & 0xfe == 18);
    // A part of a longer dotted number (version, object identifier), or what follows "v" or a product's name and slash.
    let before = value.before();
    let dotted = matches!(before, [.., b'0'..=b'9', b'.']) || matches!(value.after(), [b'.', b'0'..=b'9', ..]);
    let version = matches!(before.last(), Some(b'/' | b'v' | b'V' | b'=')) && is_version_before(before);
    if special || dotted || version || is_version_word(before) {
        return Check::Refuse;
    }
    // Versions like 4.8.1.0 are made of small numbers, or begin with them.
    let small = octets.iter().take_while(|&&o| o < 20).count();
    let version = if small == 4 { 25 } else { 15 * i8::from(small >= 2) };
    // With a port that services have, it is one; those of clients are large.
    let port =
        value.after().strip_prefix(b":").map(|rest| rest.iter().take(6).take_while(|b| b.is_ascii_digit()).count());
    let service = port.is_some_and(|digits| (1..=4).contains(&digits));
    Check::bonus(-version - 15 * i8::from(service)).test_when(address.is_documentation())
}

/// `Chrome/120.0.0.0`, `v1.2.3.4`: an identifier and its slash, or a lone `v`.
fn is_version_before(before: &[u8]) -> bool {
    match before {
        [.., letter, b'/'] => letter.is_ascii_alphabetic(),
        [.., other, b'v' | b'V'] => !other.is_ascii_alphanumeric(),
        [b'v' | b'V'] => true,
        _ => false,
    }
}

/// `version 1.2.3.4`, `"version":"1.2.3.4"`, `build=...`, `firmware: ...`.
fn is_version_word(before: &[u8]) -> bool {
    let near = before.get(before.len().saturating_sub(24)..).unwrap_or_default();
    let end = near.iter().rposition(u8::is_ascii_alphabetic).map_or(0, |i| i + 1);
    let close = near.len() - end <= 5;
    let word = near.get(..end).unwrap_or_default().to_ascii_lowercase();
    close && [&b"version"[..], b"ver", b"build", b"release", b"firmware", b"revision"].iter().any(|w| word.ends_with(w))
}

fn ipv6(value: Value<'_>) -> Check {
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_'));
    if edge(value.before().last()) || edge(value.after().first()) {
        return Check::Refuse;
    }
    let parsed = std::str::from_utf8(value.octets()).ok().and_then(|t| t.parse::<Ipv6Addr>().ok());
    let Some(address) = parsed else {
        return Check::Refuse;
    };
    let first = address.segments()[0];
    // Global unicast is 2000::/3; everything else is local, multicast or reserved. This leaves out times and ratios
    // too.
    if first & 0xe000 != 0x2000 {
        return Check::Refuse;
    }
    let documentation =
        address.segments()[..2] == [0x2001, 0xdb8] || (first == 0x3fff && address.segments()[1] >> 12 == 0);
    Check::PASS.test_when(documentation)
}

fn mac(value: Value<'_>) -> Check {
    let text = value.octets();
    let hex: Vec<u8> = text.iter().filter_map(|b| char::from(*b).to_digit(16).map(|d| d as u8)).collect();
    let octets: Vec<u8> = hex.chunks_exact(2).map(|p| p.iter().fold(0, |n, d| n << 4 | d)).collect();
    let constant = octets.iter().all(|&o| o == 0) || octets.iter().all(|&o| o == 0xff);
    let edge = |b: Option<&u8>| b.is_some_and(|b| matches!(b, b':' | b'-'));
    // Longer chains (fingerprints, IPv6, identifiers) are no hardware addresses.
    let chained = edge(value.before().last()) && value.before().iter().rev().nth(1).is_some_and(u8::is_ascii_hexdigit)
        || edge(value.after().first()) && value.after().get(1).is_some_and(u8::is_ascii_hexdigit);
    let first = octets.first().copied().unwrap_or(1);
    if octets.len() != 6 || constant || first & 1 == 1 || chained {
        return Check::Refuse;
    }
    let randomised = first & 2 == 2;
    // Six decimal pairs may be a time or a date.
    let decimal = hex.iter().all(|&d| d < 10);
    Check::bonus(if randomised { -10 } else { 0 } - if decimal { 20 } else { 0 })
        .test_when(octets.get(..5) == Some(&[0x00, 0x00, 0x5e, 0x00, 0x53]))
}

/// A pair of coordinates, less sure where it may be something else: in a list of pairs (a polygon), and where both are below
/// one degree, as numbers of all kinds are and the land is not. Refused in a list of more numbers than a place has (a vector,
/// a matrix).
fn pair(value: Value<'_>) -> Check {
    if value.digits().as_slice().iter().all(|&d| d == 0) {
        return Check::Refuse;
    }
    let text = value.octets();
    let own = if text.iter().any(|b| b",;/".contains(b)) { b',' } else { b' ' };
    let before = decimal_before(value.before());
    let next = number_after(value.after());
    let last = next.and_then(|(_, rest)| number_after(rest));
    // One number after a pair may be the altitude.
    let listed = before.is_some() || last.is_some();
    let as_own = |separator: Option<u8>| separator.is_none_or(|separator| separator == own);
    if listed && as_own(before) && as_own(next.map(|(separator, _)| separator)) {
        return Check::Refuse;
    }
    let digit = |b: &u8| b.is_ascii_digit();
    let mut parts = text.split(|b| !(b.is_ascii_digit() || *b == b'.')).filter(|part| !part.is_empty());
    let small = parts.all(|part| part.iter().take_while(|b| digit(b)).all(|b| *b == b'0'));
    Check::bonus(if small { -20 } else { 0 } - if listed { 30 } else { 0 })
}

/// Octets that a number next to a pair may have.
const NUMBER_OCTETS_MAX: usize = 24;

/// What parts a text from a decimal number before it, if there is one: a comma or the like, or spaces. A whole number may
/// be another column.
fn decimal_before(text: &[u8]) -> Option<u8> {
    let text = text.strip_suffix(b"-").or(text.strip_suffix(b"+")).unwrap_or(text);
    let near = text.get(text.len().saturating_sub(NUMBER_OCTETS_MAX)..).unwrap_or_default();
    let end = near.iter().rposition(|b| !b", ;/".contains(b))? + 1;
    let (number, parted) = near.split_at_checked(end)?;
    let mut octets = number.iter().rev().take_while(|b| b.is_ascii_digit() || **b == b'.');
    let decimal = octets.next().is_some_and(u8::is_ascii_digit) && octets.any(|b| *b == b'.');
    separator(parted).filter(|_| decimal)
}

/// What parts a text from a number after it, and what follows that number.
fn number_after(text: &[u8]) -> Option<(u8, &[u8])> {
    let near = text.get(..text.len().min(NUMBER_OCTETS_MAX)).unwrap_or_default();
    let begin = near.iter().position(|b| !b", ;/".contains(b))?;
    let (parted, number) = near.split_at_checked(begin)?;
    let length = number.iter().take_while(|b| b.is_ascii_digit() || b".-+".contains(b)).count();
    let digits = number.iter().take(length).any(u8::is_ascii_digit);
    Some((separator(parted).filter(|_| digits)?, text.get(begin + length..)?))
}

fn separator(text: &[u8]) -> Option<u8> {
    let last = text.first()?;
    Some(if text.iter().any(|b| b",;/".contains(b)) { b',' } else { *last })
}

/// In range, not 0 (a placeholder), and precise to about a kilometre (two decimals: 28 CFR 202.242 asks for 1,000 m).
fn degrees(value: Value<'_>, max: f64) -> Check {
    let number: f64 = std::str::from_utf8(value.octets()).ok().and_then(|t| t.parse().ok()).unwrap_or(f64::NAN);
    Check::when(number.abs() <= max && number != 0.0)
}

/// The prefixes that vendors have registered, sorted: three octets each (IEEE Registration Authority, MA-L, August 2022; public
/// domain), less those of groups and of local administration.
static OUI: &[u8] = include_bytes!("oui.bin");

/// A hardware address without separators: of one case, with letters and digits, from a vendor that there is. Of random numbers
/// one in 500 passes.
fn registered(value: Value<'_>) -> Check {
    let text = value.octets();
    let one_case = !(text.iter().any(u8::is_ascii_uppercase) && text.iter().any(u8::is_ascii_lowercase));
    let mixed = text.iter().any(u8::is_ascii_alphabetic) && text.iter().any(u8::is_ascii_digit);
    let prefix =
        std::str::from_utf8(text.get(..6).unwrap_or_default()).ok().and_then(|p| u32::from_str_radix(p, 16).ok());
    let known = prefix.is_some_and(|prefix| {
        let [_, sought @ ..] = prefix.to_be_bytes();
        OUI.as_chunks::<3>().0.binary_search(&sought).is_ok()
    });
    let constant = text.get(6..).is_some_and(|own| own.windows(2).all(|w| w.first() == w.last()));
    Check::when(one_case && mixed && known && !constant)
}

/// A name of a machine by itself or in a network of its own: with a public domain it is that of a server.
fn host_name(value: Value<'_>) -> Check {
    const OWN: [&str; 5] = ["local", "lan", "home", "internal", "localdomain"];
    let text = std::str::from_utf8(value.octets()).unwrap_or_default().to_ascii_lowercase();
    let own = text.rsplit_once('.').is_none_or(|(_, last)| OWN.contains(&last));
    let letters = text.bytes().any(|octet| octet.is_ascii_alphabetic());
    let usual = text == "localhost" || text.starts_with("localhost.");
    Check::when(own && letters && !usual && !is_placeholder(value.octets())).raise(true, -20)
}
