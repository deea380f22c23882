//! Messages (RFC 5322, MIME): header fields by name, the body as a document with the media type and transfer coding that
//! the header tells.

use super::budget::Cx;
use super::document::{Document, Reader};
use super::http_head::HttpHead;
use super::multipart::{Header, part_hint};

/// Header fields that messages begin with. The first line of a message has one of these, or `Received` and the like.
const FIRST: [&str; 14] = [
    "received",
    "return-path",
    "delivered-to",
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "dkim-signature",
    "reply-to",
    "x-received",
    "arc-seal",
    "sender",
];

/// Whether a document that begins with `head` is a message: its first two header lines have the form of ones.
pub(super) fn detect(head: &[u8]) -> bool {
    // A name begins, or the rest of a line that is passed over.
    if !head.first().is_some_and(|octet| octet.is_ascii_alphabetic() || matches!(octet, b' ' | b'\t')) {
        return false;
    }
    let mut lines =
        head.split(|&octet| octet == b'\n').filter(|line| !line.starts_with(b" ") && !line.starts_with(b"\t"));
    let mut name = || {
        let line = lines.next()?;
        let name = line.get(..memchr::memchr(b':', line)?)?;
        let valid = !name.is_empty() && name.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-');
        valid.then_some(name)
    };
    let is_first = |name: &[u8]| FIRST.iter().any(|first| name.eq_ignore_ascii_case(first.as_bytes()));
    name().is_some_and(is_first) && name().is_some()
}

/// Reads a message.
pub(super) struct Mail {
    /// Gives out the header fields.
    head: HttpHead,
    header: Header,
    body: Option<Document>,
}

impl Mail {
    pub(super) fn new() -> Self {
        Self { head: HttpHead::of_message(), header: Header::default(), body: None }
    }
}

impl Reader for Mail {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        if let Some(body) = &mut self.body {
            return body.octets(octets, cx);
        }
        if self.header.is_empty() {
            cx.out.record(1);
        }
        let (len, header) = self.header.take(octets);
        let (own, rest) = octets.split_at(len);
        self.head.octets(own, cx);
        if let Some(header) = header {
            self.head.end(cx);
            let (hint, _) = part_hint(&header, None);
            let mut body = Document::new(hint);
            body.octets(rest, cx);
            self.body = Some(body);
        }
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        match &mut self.body {
            Some(body) => body.gap(len, cx),
            None => self.head.gap(len, cx),
        }
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        match &mut self.body {
            Some(body) => body.end(cx),
            None => self.head.end(cx),
        }
    }

    fn held_bytes(&self) -> usize {
        let body = self.body.as_ref().map_or(0, Document::held_bytes);
        size_of::<Self>() + self.head.held_bytes() + self.header.held_bytes() + body
    }
}
