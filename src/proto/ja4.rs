//! JA4: a fingerprint of a TLS client, from what its ClientHello offers (FoxIO, JA4 technical details, BSD 3-Clause for this part
//! of the suite). `t13d1516h2_8daaf6152771_e5627efa2ab1`: what carries TLS, version, whether a name is given, how many
//! cipher suites and extensions, the first application protocol; then the cipher suites; then extensions and signature
//! algorithms. GREASE (RFC 8701) counts nowhere.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{Carrier, TlsHello};

const SNI: u16 = 0;
const ALPN: u16 = 16;

impl TlsHello {
    /// The JA4 fingerprint, 36 characters.
    pub fn ja4(&self) -> String {
        let ciphers = without_grease(&self.ciphers);
        let extensions = without_grease(&self.extensions);
        let carrier = match self.carrier {
            Carrier::Tcp => 't',
            Carrier::Quic => 'q',
            Carrier::Dtls => 'd',
        };
        let sni = if extensions.contains(&SNI) { 'd' } else { 'i' };
        let (suites, count) = (ciphers.len().min(99), extensions.len().min(99));
        let (version, alpn) = (version(self), alpn(self.alpn_ends));
        let others: Vec<u16> = extensions.into_iter().filter(|kind| !matches!(*kind, SNI | ALPN)).collect();
        let algorithms = list(&without_grease(&self.signature_algorithms));
        let mut offered = sorted(others);
        if !offered.is_empty() && !algorithms.is_empty() {
            offered = format!("{offered}_{algorithms}");
        }
        let (ciphers, offered) = (hash(&sorted(ciphers)), hash(&offered));
        format!("{carrier}{version}{sni}{suites:02}{count:02}{alpn}_{ciphers}_{offered}")
    }
}

/// RFC 8701: 0x0a0a, 0x1a1a, ... 0xfafa.
fn without_grease(values: &[u16]) -> Vec<u16> {
    let is_grease = |value: u16| value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff;
    values.iter().copied().filter(|value| !is_grease(*value)).collect()
}

/// The highest version offered.
fn version(hello: &TlsHello) -> &'static str {
    // Highest first; versions of DTLS count downwards.
    const NAMES: [(u16, &str); 9] = [
        (0x0304, "13"),
        (0x0303, "12"),
        (0x0302, "11"),
        (0x0301, "10"),
        (0x0300, "s3"),
        (0x0002, "s2"),
        (0xfefc, "d3"),
        (0xfefd, "d2"),
        (0xfeff, "d1"),
    ];
    let offered = without_grease(&hello.versions);
    let offered = if offered.is_empty() { vec![hello.version] } else { offered };
    NAMES.iter().find(|(version, _)| offered.contains(version)).map_or("00", |(_, name)| name)
}

/// First and last character of the first application protocol, or of its hexadecimal form.
fn alpn(ends: Option<(u8, u8)>) -> String {
    match ends {
        None => "00".to_owned(),
        Some((first, last)) if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() => {
            [first, last].map(char::from).iter().collect()
        }
        Some((first, last)) => format!("{:x}{:x}", first >> 4, last & 0x0f),
    }
}

fn sorted(mut values: Vec<u16>) -> String {
    values.sort_unstable();
    list(&values)
}

fn list(values: &[u16]) -> String {
    values.iter().map(|value| format!("{value:04x}")).collect::<Vec<_>>().join(",")
}

/// The first twelve hexadecimal digits of SHA-256; zeros for nothing.
fn hash(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(12);
    }
    Sha256::digest(text).iter().take(6).fold(String::new(), |mut out, octet| {
        let _ = write!(out, "{octet:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(list: &str) -> Vec<u16> {
        list.split(',').filter(|value| !value.is_empty()).map(|value| u16::from_str_radix(value, 16).unwrap()).collect()
    }

    /// The example of the technical details, with its lists shuffled and greased: JA4 sorts what browsers shuffle.
    fn chrome() -> TlsHello {
        TlsHello {
            version: 0x0303,
            versions: vec![0x7a7a, 0x0304, 0x0303],
            ciphers: hex("8a8a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"),
            extensions: hex(
                "aaaa,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015,3a3a",
            ),
            signature_algorithms: hex("0403,0804,0401,0503,0805,0501,0806,0601"),
            alpn_ends: Some((b'h', b'2')),
            ..TlsHello::default()
        }
    }

    #[test]
    fn fingerprints_are_those_of_the_specification() {
        let bare = || TlsHello { version: 0x0303, ..TlsHello::default() };
        let cases = [
            (chrome(), "t13d1516h2_8daaf6152771_e5627efa2ab1"),
            (TlsHello { carrier: Carrier::Quic, ..chrome() }, "q13d1516h2_8daaf6152771_e5627efa2ab1"),
            (TlsHello { alpn_ends: Some((b'h', b'1')), ..chrome() }, "t13d1516h1_8daaf6152771_e5627efa2ab1"),
            (TlsHello { alpn_ends: Some((0xab, 0xcd)), ..chrome() }, "t13d1516ad_8daaf6152771_e5627efa2ab1"),
            (TlsHello { alpn_ends: Some((b'h', 0xcd)), ..chrome() }, "t13d15166d_8daaf6152771_e5627efa2ab1"),
            // Without ALPN and ALPS, as mtalk.google.com is asked.
            (
                TlsHello {
                    extensions: hex("0033,002b,001b,0000,0012,002d,000d,000a,0005,0023,0017,ff01,000b,0015"),
                    alpn_ends: None,
                    ..chrome()
                },
                "t13d151400_8daaf6152771_de4a06bb82e3",
            ),
            (bare(), "t12i000000_000000000000_000000000000"),
            (
                TlsHello { carrier: Carrier::Dtls, version: 0xfeff, versions: vec![0xfefd, 0xfefc], ..bare() },
                "dd3i000000_000000000000_000000000000",
            ),
        ];
        for (hello, ja4) in cases {
            assert_eq!(hello.ja4(), ja4);
        }
    }
}
