//! Heads of HTTP/1 messages: start line, and the fields that say how long the body is and how it is coded.
//!
//! Why not httparse: it refuses whole heads for one odd field (space before the colon, folding, control characters) that
//! servers accept, and a head that is refused is a head whose body is lost.

use std::sync::Arc;

use memchr::memchr;

use crate::model::Coding;

use super::super::decoder::{Probe, Role};

/// Octets of a request line that are searched for its end.
const LINE_MAX: usize = 8 << 10;
/// Codings of one message. More are an attack on whoever decodes them.
const CODINGS_MAX: usize = 8;

/// Methods of RFC 9110, 5789, WebDAV and its kin (IANA registry) that are recognised before the line is complete.
const METHODS: &[&[u8]] = &[
    b"GET",
    b"HEAD",
    b"POST",
    b"PUT",
    b"DELETE",
    b"CONNECT",
    b"OPTIONS",
    b"TRACE",
    b"PATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"REPORT",
    b"SEARCH",
    b"NOTIFY",
    b"SUBSCRIBE",
    b"M-SEARCH",
];

/// Whether octets begin with a request line or a status line. `strict`: the whole line has to be there, with its version.
pub(super) fn start_line_probe(octets: &[u8], strict: bool) -> Probe {
    let status = status_probe(octets);
    if status != Probe::No {
        return status;
    }
    let token = octets.iter().take(33).take_while(|octet| is_token(**octet)).count();
    let (method, rest) = octets.split_at_checked(token).unwrap_or_default();
    match rest.first() {
        _ if token > 32 => return Probe::No,
        None if token == 0 => return Probe::More,
        None => {
            return if method.iter().all(|octet| is_method(*octet)) { Probe::More } else { Probe::No };
        }
        Some(b' ' | b'\t') if token > 0 && method.iter().all(|octet| is_method(*octet)) => {}
        Some(_) => return Probe::No,
    }
    if !strict && METHODS.contains(&method) {
        // Other text protocols have commands of the same name, but no targets like these.
        match rest.get(1) {
            None => return Probe::More,
            Some(b'/' | b'*') => return Probe::Yes(Role::Client),
            Some(_) => {}
        }
    }
    let within = rest.get(..LINE_MAX).unwrap_or(rest);
    let Some(end) = memchr(b'\n', within) else {
        return if within.len() < LINE_MAX && !within.contains(&0) { Probe::More } else { Probe::No };
    };
    let line = within.get(..end).unwrap_or_default().trim_ascii();
    let version = line.iter().rposition(|octet| matches!(octet, b' ' | b'\t')).and_then(|at| line.get(at + 1..));
    match version {
        Some(version) if is_version(version) => Probe::Yes(Role::Client),
        _ => Probe::No,
    }
}

/// `HTTP/1.1 200 OK`, also `HTTP/1.1 200` and versions that do not exist.
fn status_probe(octets: &[u8]) -> Probe {
    let pattern: [fn(u8) -> bool; 12] = [
        |o| o == b'H',
        |o| o == b'T',
        |o| o == b'T',
        |o| o == b'P',
        |o| o == b'/',
        |o| o.is_ascii_digit(),
        |o| o == b'.',
        |o| o.is_ascii_digit(),
        |o| o == b' ' || o == b'\t',
        |o| o.is_ascii_digit(),
        |o| o.is_ascii_digit(),
        |o| o.is_ascii_digit(),
    ];
    if !octets.iter().zip(pattern).all(|(octet, is)| is(*octet)) {
        Probe::No
    } else if octets.len() < pattern.len() {
        Probe::More
    } else {
        Probe::Yes(Role::Server)
    }
}

/// HTTP/0.x and 1.x. The connection preface of HTTP/2 is made to look like a request: `PRI * HTTP/2.0`.
fn is_version(version: &[u8]) -> bool {
    matches!(version, [b'H', b'T', b'T', b'P', b'/', b'0' | b'1', b'.', digit] if digit.is_ascii_digit())
}

/// `tchar` of RFC 9110, section 5.6.2.
const fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(octet, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Letters of methods that exist, in either case.
const fn is_method(octet: u8) -> bool {
    octet.is_ascii_alphabetic() || octet == b'-' || octet == b'_'
}

/// The length of a head with its blank line. `scanned` says how far earlier calls have looked, so that a head that comes
/// octet by octet is looked at once.
pub(super) fn head_end(octets: &[u8], scanned: &mut usize) -> Option<usize> {
    let mut at = *scanned;
    loop {
        at += memchr(b'\n', octets.get(at..)?)?;
        match octets.get(at + 1..).unwrap_or_default() {
            [b'\n', ..] => return Some(at + 2),
            [b'\r', b'\n', ..] => return Some(at + 3),
            // A simple request (HTTP/0.9) has no fields, and no blank line.
            _ if *scanned == 0 && is_simple(octets.get(..at).unwrap_or_default()) => {
                return Some(at + 1);
            }
            [] | [b'\r'] => {
                *scanned = (*scanned).max(at);
                return None;
            }
            _ => {
                at += 1;
                *scanned = at;
            }
        }
    }
}

/// A request line without version.
fn is_simple(line: &[u8]) -> bool {
    line.starts_with(b"GET ") && !line.contains(&b'\n') && line.trim_ascii().iter().filter(|o| **o == b' ').count() == 1
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    None,
    Octets(u64),
    Chunked,
    UntilEnd,
}

/// What a connection is asked to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upgrade {
    WebSocket,
    Http2,
    Other,
}

/// The first line.
pub(crate) enum StartLine {
    Request { method: Vec<u8>, target: Vec<u8> },
    Response { status: u16 },
}

/// What a head says.
pub(crate) struct Head {
    pub(crate) start: StartLine,
    pub(crate) host: Option<Vec<u8>>,
    pub(crate) media_type: String,
    pub(crate) codings: Vec<Coding>,
    pub(crate) file_name: Option<Arc<str>>,
    pub(crate) upgrade: Option<Upgrade>,
    content_length: Option<u64>,
    /// `Transfer-Encoding`: whether it is chunked in the end.
    transfer: Option<bool>,
}

impl Head {
    /// Reads a head: all lines, folded ones joined.
    pub(crate) fn parse(octets: &[u8]) -> Self {
        let mut lines = octets.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii_end).peekable();
        let start = StartLine::parse(lines.next().unwrap_or_default());
        let mut head = Self {
            start,
            host: None,
            media_type: String::new(),
            codings: Vec::new(),
            file_name: None,
            upgrade: None,
            content_length: None,
            transfer: None,
        };
        let mut transfer_codings = Vec::new();
        while let Some(line) = lines.next() {
            let mut line = std::borrow::Cow::Borrowed(line);
            // obs-fold, RFC 9112, section 5.2.
            while let Some(folded) = lines.next_if(|next| matches!(next, [b' ' | b'\t', _, ..])) {
                let line = line.to_mut();
                line.push(b' ');
                line.extend_from_slice(folded.trim_ascii());
            }
            let Some(colon) = memchr(b':', &line) else {
                continue;
            };
            let (name, value) = line.split_at_checked(colon).unwrap_or_default();
            head.field(name.trim_ascii(), value.get(1..).unwrap_or_default().trim_ascii(), &mut transfer_codings);
        }
        // Transfer codings are applied after content codings.
        head.codings.extend(transfer_codings);
        if head.codings.len() > CODINGS_MAX {
            head.codings = vec![Coding::Unknown];
        }
        head
    }

    fn field(&mut self, name: &[u8], value: &[u8], transfer_codings: &mut Vec<Coding>) {
        let is = |field: &str| name.eq_ignore_ascii_case(field.as_bytes());
        if is("host") {
            self.host.get_or_insert_with(|| value.to_vec());
        } else if is("content-length") {
            self.content_length = self.content_length.or_else(|| content_length(value));
        } else if is("transfer-encoding") {
            let text = value.to_ascii_lowercase();
            let chunked = memchr::memmem::find(&text, b"chunked").is_some();
            self.transfer = Some(chunked || self.transfer == Some(true));
            codings(&text, transfer_codings);
        } else if is("content-encoding") {
            codings(&value.to_ascii_lowercase(), &mut self.codings);
        } else if is("content-type") {
            self.media_type = media_type(value);
        } else if is("content-disposition") {
            self.file_name = file_name(value);
        } else if is("upgrade") {
            let text = value.to_ascii_lowercase();
            self.upgrade = Some(if memchr::memmem::find(&text, b"websocket").is_some() {
                Upgrade::WebSocket
            } else if memchr::memmem::find(&text, b"h2c").is_some() {
                Upgrade::Http2
            } else {
                Upgrade::Other
            });
        }
    }

    /// RFC 9112, section 6.3, for requests.
    pub(super) const fn request_length(&self) -> Length {
        match (self.transfer, self.content_length) {
            (Some(true), _) => Length::Chunked,
            (_, Some(octets)) => Length::Octets(octets),
            _ => Length::None,
        }
    }

    /// RFC 9112, section 6.3, for responses that may have a body.
    pub(super) const fn response_length(&self) -> Length {
        match (self.transfer, self.content_length) {
            (Some(true), _) => Length::Chunked,
            (None, Some(octets)) => Length::Octets(octets),
            _ => Length::UntilEnd,
        }
    }
}

impl StartLine {
    fn parse(line: &[u8]) -> Self {
        let mut words = line.split(|octet| matches!(octet, b' ' | b'\t')).filter(|word| !word.is_empty());
        let first = words.next().unwrap_or_default();
        if first.starts_with(b"HTTP/") {
            let digits = words.next().unwrap_or_default().iter().take(3);
            let status = digits.fold(0, |status: u16, digit| status * 10 + u16::from(digit.wrapping_sub(b'0') % 10));
            return Self::Response { status };
        }
        // A target may hold raw spaces: it goes up to the version.
        let rest = line.get(first.len()..).unwrap_or_default().trim_ascii();
        let target = match rest.iter().rposition(|octet| matches!(octet, b' ' | b'\t')) {
            Some(at) if is_version(rest.get(at + 1..).unwrap_or_default()) => rest.get(..at).unwrap_or_default(),
            _ => rest,
        };
        Self::Request { method: first.to_vec(), target: target.trim_ascii().to_vec() }
    }
}

/// A decimal number; of a list the first. `None` if it is none, or too large.
fn content_length(value: &[u8]) -> Option<u64> {
    let first = value.split(|octet| *octet == b',').next()?.trim_ascii();
    let first = first.strip_prefix(b"+").unwrap_or(first);
    if first.is_empty() {
        return None;
    }
    first.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// The size of a chunk from its line. `None` if there is none, or it does not fit (an evader's 2^64).
pub(super) fn chunk_size(line: &[u8]) -> Option<u64> {
    let line = line.trim_ascii();
    let digits = line.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at_checked(digits)?;
    if digits.is_empty() || !matches!(rest.first(), None | Some(b';' | b' ' | b'\t')) {
        return None;
    }
    digits.iter().try_fold(0_u64, |size, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        size.checked_mul(16)?.checked_add(u64::from(digit))
    })
}

/// Reads a list of codings in lower case.
fn codings(value: &[u8], into: &mut Vec<Coding>) {
    for word in value.split(|octet| *octet == b',') {
        let word = word.split(|octet| *octet == b';').next().unwrap_or_default().trim_ascii();
        into.push(match word {
            b"" | b"identity" | b"chunked" | b"trailers" => continue,
            b"gzip" | b"x-gzip" => Coding::Gzip,
            b"deflate" => Coding::Deflate,
            b"br" => Coding::Brotli,
            b"zstd" => Coding::Zstd,
            b"snappy" | b"x-snappy" | b"x-snappy-framed" => Coding::Snappy,
            b"lz4" | b"x-lz4" => Coding::Lz4,
            _ => Coding::Unknown,
        });
        if into.len() > CODINGS_MAX {
            return;
        }
    }
}

/// A media type: lower case, but for the values of parameters.
fn media_type(value: &[u8]) -> String {
    let value = String::from_utf8_lossy(value);
    let mut out = String::with_capacity(value.len());
    for (index, part) in value.split(';').enumerate() {
        if index > 0 {
            out.push(';');
        }
        match part.split_once('=') {
            Some((name, rest)) if index > 0 => {
                out.push_str(&name.to_ascii_lowercase());
                out.push('=');
                out.push_str(rest);
            }
            _ => out.push_str(&part.to_ascii_lowercase()),
        }
    }
    out
}

/// `filename` of a Content-Disposition; `filename*` is left percent-encoded.
fn file_name(value: &[u8]) -> Option<Arc<str>> {
    let value = String::from_utf8_lossy(value);
    let name = value.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        let key = key.trim();
        let named = key.eq_ignore_ascii_case("filename") || key.eq_ignore_ascii_case("filename*");
        named.then(|| value.trim().trim_matches('"').to_owned())
    })?;
    short_name(&name)
}

/// The last segment of the path of a target.
pub(crate) fn path_name(target: &[u8]) -> Option<Arc<str>> {
    let path = target.split(|octet| matches!(octet, b'?' | b'#')).next()?;
    let path = match memchr::memmem::find(path, b"://") {
        Some(at) => {
            let rest = path.get(at + 3..)?;
            rest.get(memchr(b'/', rest)?..)?
        }
        None => path,
    };
    let last = path.rsplit(|octet| *octet == b'/').next()?;
    short_name(&String::from_utf8_lossy(last))
}

/// Names longer than a file name can be are cut.
fn short_name(name: &str) -> Option<Arc<str>> {
    let end = name.floor_char_boundary(255);
    name.get(..end).filter(|name| !name.is_empty()).map(Arc::from)
}

/// The authority of an absolute target.
pub(super) fn authority(target: &[u8]) -> Option<&[u8]> {
    let scheme = memchr::memmem::find(target, b"://")?;
    if !target.get(..scheme)?.iter().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.')) {
        return None;
    }
    let rest = target.get(scheme + 3..)?;
    rest.split(|octet| matches!(octet, b'/' | b'?' | b'#')).next()
}

/// The host of an authority: without user information, port, and the brackets of an IPv6 address.
pub(crate) fn host_name(authority: &[u8]) -> Option<&str> {
    let authority = std::str::from_utf8(authority).ok()?.trim();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    (!host.is_empty()).then_some(host)
}
