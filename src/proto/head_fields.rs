//! Header fields of text messages (SIP, MSRP): `name: value` lines up to an empty one.

use memchr::memmem;

use super::lines::bare;

/// The length of a head that octets begin with, its empty line included.
pub(crate) fn head_len(octets: &[u8]) -> Option<usize> {
    let crlf = memmem::find(octets, b"\r\n\r\n").map(|at| at + 4);
    let lf = memmem::find(octets, b"\n\n").map(|at| at + 2);
    match (crlf, lf) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The value of the first field with one of the names.
pub(crate) fn field<'a>(head: &'a [u8], names: &[&str]) -> Option<&'a [u8]> {
    head.split_inclusive(|octet| *octet == b'\n').find_map(|line| {
        let colon = line.iter().position(|octet| *octet == b':')?;
        let name = line.get(..colon)?.trim_ascii();
        let wanted = names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted.as_bytes()));
        wanted.then(|| bare(line).get(colon + 1..).unwrap_or_default().trim_ascii())
    })
}

/// A media type as documents name it: type and subtype in lower case.
pub(crate) fn media_type(value: &[u8]) -> String {
    let value = String::from_utf8_lossy(value);
    match value.split_once(';') {
        Some((essence, parameters)) => format!("{};{parameters}", essence.trim().to_ascii_lowercase()),
        None => value.to_ascii_lowercase(),
    }
}
