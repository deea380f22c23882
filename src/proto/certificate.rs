//! Names in an X.509 certificate: subject common name and alternative names (RFC 5280, sections 4.1.2.6 and 4.2.1.6).
//!
//! Nothing is verified: a name is evidence of where a connection goes, as weak as whoever sent it. Only as much of DER (X.690)
//! is read as leads there.

use super::reader::Reader;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// `dNSName` of a general name.
const DNS_NAME: u8 = 0x82;
/// 2.5.4.3.
const COMMON_NAME: &[u8] = b"\x55\x04\x03";
/// 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = b"\x55\x1d\x11";
/// Alternative names that are read; content networks put a hundred into one certificate.
const NAMES_MAX: usize = 128;

/// The names a server's certificate message gives its first certificate (RFC 5246, section 7.4.2): the common name if it is a
/// host's, then alternative names. Wildcards are given without `*.`.
pub(crate) fn names(message: &[u8]) -> Vec<String> {
    let mut reader = Reader::new(message);
    let first = (|| {
        let _all = reader.u24()?;
        let len = reader.u24()?;
        reader.take(len as usize)
    })();
    first.and_then(of_certificate).unwrap_or_default()
}

/// The names in one certificate.
fn of_certificate(der: &[u8]) -> Option<Vec<String>> {
    let certificate = inside(&mut Reader::new(der), SEQUENCE)?;
    let fields = inside(&mut Reader::new(certificate), SEQUENCE)?;
    let mut fields = Reader::new(fields);
    let mut subject = None;
    let mut alternative = Vec::new();
    // Serial number, algorithm, issuer, validity, subject, key; the version in front and what follows have their own tags.
    let mut place = 0;
    while let Some((tag, content)) = element(&mut fields) {
        match tag {
            VERSION => continue,
            EXTENSIONS => {
                let list = inside(&mut Reader::new(content), SEQUENCE).unwrap_or_default();
                alternative = alternative_names(list);
            }
            _ if place == 4 => subject = common_name(content),
            _ => {}
        }
        place += 1;
    }
    let mut names: Vec<String> = Vec::new();
    for name in subject.into_iter().chain(alternative) {
        let name = name.strip_prefix("*.").map_or(name.as_str(), |parent| parent).to_ascii_lowercase();
        let host =
            name.contains('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        if host && !names.contains(&name) {
            names.push(name);
        }
    }
    Some(names)
}

/// The last common name of a distinguished name is the most specific.
fn common_name(name: &[u8]) -> Option<String> {
    let mut sets = Reader::new(name);
    let mut found = None;
    while let Some(set) = inside(&mut sets, SET) {
        let Some(pair) = inside(&mut Reader::new(set), SEQUENCE) else { continue };
        let mut pair = Reader::new(pair);
        if inside(&mut pair, OID) == Some(COMMON_NAME) {
            found = element(&mut pair).and_then(|(_, text)| text_of(text)).or(found);
        }
    }
    found
}

fn alternative_names(extensions: &[u8]) -> Vec<String> {
    let mut extensions = Reader::new(extensions);
    while let Some(extension) = inside(&mut extensions, SEQUENCE) {
        let mut parts = Reader::new(extension);
        if inside(&mut parts, OID) != Some(SUBJECT_ALT_NAME) {
            continue;
        }
        // `critical` may stand between.
        while let Some((tag, content)) = element(&mut parts) {
            if tag == OCTET_STRING {
                let mut names = Reader::new(inside(&mut Reader::new(content), SEQUENCE).unwrap_or_default());
                let elements = std::iter::from_fn(|| element(&mut names)).take(NAMES_MAX);
                return elements.filter(|(tag, _)| *tag == DNS_NAME).filter_map(|(_, name)| text_of(name)).collect();
            }
        }
    }
    Vec::new()
}

fn text_of(octets: &[u8]) -> Option<String> {
    String::from_utf8(octets.to_vec()).ok()
}

/// The content of the next element, if it has the given tag.
fn inside<'a>(reader: &mut Reader<'a>, wanted: u8) -> Option<&'a [u8]> {
    element(reader).filter(|(tag, _)| *tag == wanted).map(|(_, content)| content)
}

/// The next element: a tag of one octet, a length of at most four (X.690, 8.1).
fn element<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let tag = reader.u8()?;
    let len = match reader.u8()? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(reader.u8()?),
        0x82 => usize::from(reader.u16()?),
        0x83 => reader.u24()? as usize,
        0x84 => reader.u32()? as usize,
        _ => return None,
    };
    Some((tag, reader.take(len)?))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let len = match content.len() {
            len @ 0..=0x7f => vec![len as u8],
            len => [&[0x82][..], &(len as u16).to_be_bytes()].concat(),
        };
        [&[tag][..], &len, &content].concat()
    }

    /// A certificate message for a common name and alternative names, with a second certificate behind it.
    pub(crate) fn message(common: &str, alternative: &[&str]) -> Vec<u8> {
        let attribute =
            |oid: &[u8], text: &str| der(SET, &[&der(SEQUENCE, &[&der(OID, &[oid]), &der(0x0c, &[text.as_bytes()])])]);
        let name = |common: &str| der(SEQUENCE, &[&attribute(b"\x55\x04\x0a", "Org"), &attribute(COMMON_NAME, common)]);
        let names: Vec<u8> = alternative.iter().flat_map(|name| der(DNS_NAME, &[name.as_bytes()])).collect();
        let names = der(SEQUENCE, &[&der(0x87, &[&[192, 0, 2, 1]]), &names]);
        let extension =
            der(SEQUENCE, &[&der(OID, &[SUBJECT_ALT_NAME]), &der(1, &[&[0xff]]), &der(OCTET_STRING, &[&names])]);
        let other = der(SEQUENCE, &[&der(OID, &[b"\x55\x1d\x0f"]), &der(OCTET_STRING, &[&[3, 2, 5, 160]])]);
        let fields = [
            der(VERSION, &[&der(2, &[&[2]])]),
            der(2, &[&[1, 2, 3]]),
            der(SEQUENCE, &[&der(OID, &[&[42]])]),
            name("Issuing CA"),
            der(SEQUENCE, &[&der(0x17, &[b"260101000000Z"]), &der(0x17, &[b"270101000000Z"])]),
            name(common),
            der(SEQUENCE, &[&[0; 300]]),
            der(EXTENSIONS, &[&der(SEQUENCE, &[&other, &extension])]),
        ]
        .concat();
        let certificate = der(SEQUENCE, &[&der(SEQUENCE, &[&fields]), &der(SEQUENCE, &[]), &der(3, &[&[0; 65]])]);
        let u24 = |len: usize| (len as u32).to_be_bytes()[1..].to_vec();
        let listed = [u24(certificate.len()), certificate.clone(), u24(certificate.len()), certificate].concat();
        [u24(listed.len()), listed].concat()
    }

    #[test]
    fn names_come_from_subject_and_alternative_names() {
        let cases: [(&str, &[&str], &[&str]); 4] = [
            (
                "www.example.com",
                &["www.example.com", "*.Example.org", "x.example.net"],
                &["www.example.com", "example.org", "x.example.net"],
            ),
            ("Example Server 17", &["a.example.com"], &["a.example.com"]),
            ("*.example.com", &[], &["example.com"]),
            ("localhost", &["with space.example", "sl/ash.example"], &[]),
        ];
        for (common, alternative, expected) in cases {
            assert_eq!(names(&message(common, alternative)), expected, "{common}");
        }
    }

    #[test]
    fn no_prefix_and_no_flipped_octet_does_harm() {
        let message = message("www.example.com", &["b.example.com"]);
        for len in 0..message.len() {
            let _ = names(&message[..len]);
            let mut flipped = message.clone();
            flipped[len] ^= 0xff;
            let _ = names(&flipped);
        }
    }
}
