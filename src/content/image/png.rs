//! PNG: chunks (PNG third edition, sections 5.3, 11.3.3 and 11.3.4.5).

use super::{PIECES_MAX, Piece, Size, What};

pub(super) const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Chunks: type, and where the data begin and end.
fn chunks(image: &[u8]) -> impl Iterator<Item = ([u8; 4], usize, usize)> {
    let mut at = MAGIC.len();
    std::iter::from_fn(move || {
        let len = u32::from_be_bytes(*image.get(at..)?.first_chunk()?) as usize;
        let kind = *image.get(at + 4..)?.first_chunk()?;
        let start = at + 8;
        let end = start.checked_add(len)?;
        at = end.checked_add(4)?;
        Some((kind, start, end.min(image.len())))
    })
}

pub(super) fn pieces(image: &[u8]) -> Vec<Piece> {
    let piece = |(kind, start, end): ([u8; 4], usize, usize)| {
        let data = image.get(start..end)?;
        match &kind {
            b"eXIf" => Some((start, What::Exif)),
            b"tEXt" => {
                let (keyword, len) = keyword(data)?;
                Some((start + len, What::Text(keyword)))
            }
            b"zTXt" => {
                // Compression method 0 is zlib; there is no other.
                let (keyword, len) = keyword(data)?;
                (data.get(len) == Some(&0)).then_some((start + len + 1, What::Deflated(keyword)))
            }
            b"iTXt" => {
                let (keyword, len) = keyword(data)?;
                let [compressed, _method, rest @ ..] = data.get(len..)? else { return None };
                let language = memchr::memchr(0, rest)? + 1;
                let translated = memchr::memchr(0, rest.get(language..)?)? + 1;
                let what = match (compressed, keyword.as_str()) {
                    (0, "XML:com.adobe.xmp") => What::Xml,
                    (0, _) => What::Text(keyword),
                    _ => What::Deflated(keyword),
                };
                Some((start + len + 2 + language + translated, what))
            }
            _ => None,
        }
        .map(|(start, what)| Piece { range: start..end, what })
    };
    chunks(image).filter_map(piece).take(PIECES_MAX).collect()
}

/// A keyword, and its length with the octet that ends it.
fn keyword(data: &[u8]) -> Option<(String, usize)> {
    let len = memchr::memchr(0, data.get(..80).unwrap_or(data))?;
    Some((String::from_utf8_lossy(data.get(..len)?).into_owned(), len + 1))
}

/// From the header chunk (11.2.1). Interlaced images would have to be held whole, and are not read.
pub(super) fn size(image: &[u8]) -> Option<Size> {
    let (kind, start, end) = chunks(image).next()?;
    let header: &[u8; 13] = image.get(start..end)?.first_chunk()?;
    let [width, height] =
        [header.first_chunk()?, header.get(4..)?.first_chunk()?].map(|side| u32::from_be_bytes(*side));
    (&kind == b"IHDR" && header.last() == Some(&0)).then_some(Size { width, height, held: false })
}
