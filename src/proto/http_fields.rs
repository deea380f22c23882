//! Header lists of HTTP/2 and HTTP/3: told as a document, and read for what they say of the server and of the body.

use crate::model::{Direction, DocumentKind, DocumentStart, NameSource};

use super::decoder::Out;
use super::http1::head;
use super::http2::hpack::Field;
use super::unknown::plain;

/// Tells of the header list of a request or response, written as `name: value` lines in the order sent, and of the server's
/// name where it is not `host` already. Returns how a body begins that follows.
pub(crate) fn tell(
    dir: Direction,
    request: bool,
    at: u64,
    fields: &[Field],
    host: &mut String,
    out: &mut Out<'_>,
) -> DocumentStart {
    let (head_kind, body_kind) = if request {
        (DocumentKind::HttpRequestHead, DocumentKind::HttpRequestBody)
    } else {
        (DocumentKind::HttpResponseHead, DocumentKind::HttpResponseBody)
    };
    let mut text = Vec::new();
    let mut path = None;
    for (name, value) in fields {
        text.extend_from_slice(name);
        text.extend_from_slice(b": ");
        text.extend_from_slice(value);
        text.extend_from_slice(b"\r\n");
        match &**name {
            b":path" => path = Some(value),
            b":authority" if request => {
                if let Some(name) = head::host_name(value)
                    && name != *host
                {
                    out.server_name(name, NameSource::Http2Authority);
                    name.clone_into(host);
                }
            }
            _ => {}
        }
    }
    out.document(dir, plain(head_kind, at), &text);
    // The fields that concern the body are those of HTTP/1.
    let parsed = head::Head::parse(&[b"\n", text.as_slice()].concat());
    DocumentStart {
        kind: body_kind,
        codings: parsed.codings,
        media_type: parsed.media_type,
        name: parsed.file_name.or_else(|| path.and_then(|path| head::path_name(path))),
        stream_offset: 0,
    }
}
