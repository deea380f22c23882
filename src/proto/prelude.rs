//! What comes before a protocol on the same stream: PROXY protocol headers, SOCKS, PostgreSQL's request for encryption, the
//! X.224 exchange of RDP. Once both ends have said their part, the stream is probed afresh.
//!
//! Words a user chose (SOCKS credentials, RDP cookies) are documents; the rest is framing. STARTTLS needs none of this: the
//! inspector notices a TLS hello at the start of a line of any text dialogue.

use memchr::memchr;

use crate::model::{Direction, DocumentKind, NameSource};

use super::decoder::{Input, Out, Probe, Role, Step, StreamDecoder};
use super::fields::Fields;
use super::reader::Reader;
use super::unknown::plain;

/// Octets of a version 1 header of the PROXY protocol.
const PROXY_LINE_MAX: usize = 108;
const PROXY_V2: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// How far a prelude goes.
enum Walk<'a> {
    /// Not one.
    No,
    /// Not whole yet.
    More,
    /// So many octets, among them what a user chose, and the name of a target.
    Whole { len: usize, words: &'a [u8], target: Option<&'a [u8]> },
}

impl Walk<'_> {
    const fn framing(len: usize) -> Self {
        Walk::Whole { len, words: &[], target: None }
    }
}

type Walker = for<'a> fn(&'a [u8]) -> Walk<'a>;

/// Each prelude: the client's part, and the server's.
static PRELUDES: &[(Walker, Walker)] = &[
    (proxy_v1, nothing),
    (proxy_v2, nothing),
    (socks5_client, socks5_server),
    (socks4_client, socks4_server),
    (postgres, postgres_answer),
    (x224_request, x224_confirm),
];

/// Whether octets begin with a prelude.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    let mut answer = Probe::No;
    for (client, server) in PRELUDES {
        for (walker, role) in [(client, Role::Client), (server, Role::Server)] {
            match walker(octets) {
                // One octet or none is no sign of anything; these are known by the client's part.
                Walk::Whole { len, .. } if len > 1 => return Probe::Yes(role),
                Walk::More => answer = Probe::More,
                _ => {}
            }
        }
    }
    answer
}

/// A decoder for both ends.
pub(crate) fn decoder(client: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Prelude { client, walkers: None })
}

struct Prelude {
    client: Direction,
    /// Which prelude it is, once one end has shown it.
    walkers: Option<&'static (Walker, Walker)>,
}

impl StreamDecoder for Prelude {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let client = input.dir == self.client;
        let part = |(client_part, server_part): &(Walker, Walker)| if client { *client_part } else { *server_part };
        if self.walkers.is_none() {
            self.walkers = PRELUDES.iter().find(|both| {
                let walk = part(both)(input.octets);
                matches!(walk, Walk::Whole { len, .. } if len > 1)
            });
        }
        let Some(both) = self.walkers else { return Step::Leave(0, None) };
        let walk = match part(both)(input.octets) {
            Walk::More if !input.more && client => socks5_refused(input.octets),
            walk => walk,
        };
        match walk {
            Walk::More if input.more => Step::Took(0),
            Walk::More | Walk::No => Step::Leave(0, None),
            Walk::Whole { len, words, target } => {
                if let [1, user_len, rest @ ..] = words
                    && let Some((user, password)) = rest.split_at_checked(usize::from(*user_len))
                {
                    // RFC 1929, section 2.
                    let mut fields = Fields::default();
                    fields.add("username", user);
                    fields.add("password", password.get(1..).unwrap_or_default());
                    fields.give(input.dir, input.at, out);
                } else if !words.is_empty() {
                    out.document(input.dir, plain(DocumentKind::Stream, input.at), words);
                }
                if let Some(target) = target.and_then(|name| std::str::from_utf8(name).ok()) {
                    out.server_name(target, NameSource::Socks);
                }
                Step::Leave(len, None)
            }
        }
    }

    fn gap(&mut self, _dir: Direction, _len: u64, _out: &mut Out<'_>) {}

    fn end(&mut self, _dir: Direction, _out: &mut Out<'_>) {}
}

/// The server says nothing of its own.
fn nothing(_: &[u8]) -> Walk<'_> {
    Walk::framing(0)
}

/// As far as octets and pattern go, are they equal? `None`: yes, but there are too few.
fn begins(octets: &[u8], pattern: &[u8]) -> Option<bool> {
    let both = octets.len().min(pattern.len());
    if octets.get(..both) != pattern.get(..both) {
        return Some(false);
    }
    (octets.len() >= pattern.len()).then_some(true)
}

/// `PROXY TCP4 192.0.2.1 198.51.100.1 5000 443` (haproxy.org, proxy-protocol.txt, section 2.1).
fn proxy_v1(octets: &[u8]) -> Walk<'_> {
    match begins(octets, b"PROXY ") {
        Some(false) => return Walk::No,
        None => return Walk::More,
        Some(true) => {}
    }
    let within = octets.get(..PROXY_LINE_MAX).unwrap_or(octets);
    match memchr(b'\n', within) {
        Some(end) => Walk::framing(end + 1),
        None if within.len() < PROXY_LINE_MAX => Walk::More,
        None => Walk::No,
    }
}

/// The binary header (section 2.2).
fn proxy_v2(octets: &[u8]) -> Walk<'_> {
    match begins(octets, PROXY_V2) {
        Some(false) => return Walk::No,
        None => return Walk::More,
        Some(true) => {}
    }
    let mut reader = Reader::new(octets.get(PROXY_V2.len() + 2..).unwrap_or_default());
    match reader.u16() {
        Some(len) if octets.len() >= 16 + usize::from(len) => Walk::framing(16 + usize::from(len)),
        _ => Walk::More,
    }
}

/// SOCKS 5 (RFC 1928, 1929): greeting, perhaps user name and password, request.
fn socks5_client(octets: &[u8]) -> Walk<'_> {
    let mut reader = Reader::new(octets);
    if reader.u8().is_some_and(|version| version != 5) {
        return Walk::No;
    }
    let Some(count) = reader.u8() else { return Walk::More };
    let Some(methods) = reader.take(usize::from(count)) else {
        let known = reader.rest().iter().all(|method| is_method(*method));
        return if (1..=16).contains(&count) && known { Walk::More } else { Walk::No };
    };
    if count == 0 || !methods.iter().all(|method| is_method(*method)) {
        return Walk::No;
    }
    let mut words: &[u8] = &[];
    if reader.rest().first() == Some(&1) {
        let at = reader.at();
        let credentials = (|| {
            reader.u8()?;
            let user = reader.u8()?;
            reader.take(usize::from(user))?;
            let password = reader.u8()?;
            reader.take(usize::from(password))
        })();
        if credentials.is_none() {
            return Walk::More;
        }
        words = octets.get(at..reader.at()).unwrap_or_default();
    }
    socks5_address(reader, words, 1..=3)
}

const fn is_method(method: u8) -> bool {
    method <= 9 || method >= 0x80
}

/// Greeting, user name and password, and then no request.
fn socks5_refused(octets: &[u8]) -> Walk<'_> {
    let whole = || {
        let mut reader = Reader::new(octets);
        let (version, count) = (reader.u8()?, reader.u8()?);
        reader.take(usize::from(count))?;
        let words = reader.rest();
        let user = usize::from(*words.get(1)?);
        let password = usize::from(*words.get(2 + user)?);
        (version == 5 && words.first() == Some(&1) && words.len() == 3 + user + password).then_some(words)
    };
    whole().map_or(Walk::More, |words| Walk::Whole { len: octets.len(), words, target: None })
}

/// The server's choice, perhaps its word on the password, its reply.
fn socks5_server(octets: &[u8]) -> Walk<'_> {
    let mut reader = Reader::new(octets);
    if reader.u8().is_some_and(|version| version != 5) {
        return Walk::No;
    }
    match reader.u8() {
        None => return Walk::More,
        Some(0) => {}
        Some(2) => match (reader.u8(), reader.u8()) {
            (Some(1), Some(0)) => {}
            // Refused: nothing follows.
            (Some(1), Some(_)) => return Walk::framing(reader.at()),
            (None | Some(1), None) => return Walk::More,
            _ => return Walk::No,
        },
        Some(_) => return Walk::No,
    }
    socks5_address(reader, &[], 0..=8)
}

/// Version, command or reply, reserved, address, port.
fn socks5_address<'a>(mut reader: Reader<'a>, words: &'a [u8], codes: std::ops::RangeInclusive<u8>) -> Walk<'a> {
    let shown = reader.rest();
    let fits = |at: usize, fits: &dyn Fn(u8) -> bool| shown.get(at).is_none_or(|octet| fits(*octet));
    if !(fits(0, &|version| version == 5) && fits(1, &|code| codes.contains(&code)) && fits(2, &|zero| zero == 0)) {
        return Walk::No;
    }
    let walked = (|| {
        reader.take(3)?;
        let kind = reader.u8()?;
        let len = match kind {
            1 => 4,
            3 => usize::from(reader.u8()?),
            4 => 16,
            _ => return Some(None),
        };
        let address = reader.take(len)?;
        reader.u16()?;
        Some(Some((kind == 3).then_some(address)))
    })();
    match walked {
        None => Walk::More,
        Some(None) => Walk::No,
        Some(Some(target)) => Walk::Whole { len: reader.at(), words, target },
    }
}

/// SOCKS 4 and 4a: version, command, port, address, user, for 4a the name.
fn socks4_client(octets: &[u8]) -> Walk<'_> {
    match octets.get(..2).or(octets.get(..1)).unwrap_or_default() {
        [] | [4] => return Walk::More,
        [4, 1 | 2] => {}
        _ => return Walk::No,
    }
    let Some(address) = octets.get(4..8) else { return Walk::More };
    let text = octets.get(8..).unwrap_or_default();
    let Some(user) = memchr(0, text.get(..256).unwrap_or(text)) else {
        return if text.len() < 256 && text.iter().all(|octet| (0x20..0x7f).contains(octet)) {
            Walk::More
        } else {
            Walk::No
        };
    };
    let words = text.get(..user).unwrap_or_default();
    if !words.iter().all(|octet| (0x20..0x7f).contains(octet)) {
        return Walk::No;
    }
    match address {
        [0, 0, 0, 1..=255] => {
            let name = text.get(user + 1..).unwrap_or_default();
            match memchr(0, name.get(..256).unwrap_or(name)) {
                Some(end) => Walk::Whole { len: 8 + user + 1 + end + 1, words, target: name.get(..end) },
                None if name.len() < 256 => Walk::More,
                None => Walk::No,
            }
        }
        [0, ..] => Walk::No,
        _ => Walk::Whole { len: 8 + user + 1, words, target: None },
    }
}

/// Zero, 90 to 93, port, address.
fn socks4_server(octets: &[u8]) -> Walk<'_> {
    match octets.get(..2).or(octets.get(..1)).unwrap_or_default() {
        [] | [0] => Walk::More,
        [0, 90..=93] if octets.len() >= 8 => Walk::framing(8),
        [0, 90..=93] => Walk::More,
        _ => Walk::No,
    }
}

/// SSLRequest and GSSENCRequest (PostgreSQL documentation, section 53.7).
fn postgres(octets: &[u8]) -> Walk<'_> {
    match (begins(octets, b"\0\0\0\x08\x04\xd2\x16"), octets.get(7)) {
        (Some(false), _) => Walk::No,
        (Some(true), Some(0x2f | 0x30)) => Walk::framing(8),
        (Some(true), Some(_)) => Walk::No,
        _ => Walk::More,
    }
}

/// One octet: yes, or no.
fn postgres_answer(octets: &[u8]) -> Walk<'_> {
    match octets.first() {
        Some(b'S' | b'N' | b'G') => Walk::framing(1),
        _ => Walk::No,
    }
}

/// TPKT (RFC 1006) with an X.224 connection request: RDP puts a cookie with the user's name in it.
fn x224_request(octets: &[u8]) -> Walk<'_> {
    x224(octets, 0xe0)
}

fn x224_confirm(octets: &[u8]) -> Walk<'_> {
    x224(octets, 0xd0)
}

fn x224(octets: &[u8], code: u8) -> Walk<'_> {
    match begins(octets, &[3, 0]) {
        Some(false) => return Walk::No,
        None => return Walk::More,
        Some(true) => {}
    }
    let mut reader = Reader::new(octets.get(2..).unwrap_or_default());
    let (Some(len), Some(header), Some(kind)) = (reader.u16(), reader.u8(), reader.u8()) else { return Walk::More };
    if kind != code || usize::from(len) != usize::from(header) + 5 {
        return Walk::No;
    }
    match octets.get(..usize::from(len)) {
        Some(message) => Walk::Whole { len: message.len(), words: message.get(11..).unwrap_or_default(), target: None },
        None => Walk::More,
    }
}
