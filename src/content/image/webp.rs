//! WebP: chunks (RFC 9649, sections 2.3 and 2.7).

use super::{PIECES_MAX, Piece, What, exif};

pub(super) fn pieces(image: &[u8]) -> Vec<Piece> {
    let mut at = 12;
    let chunks = std::iter::from_fn(|| {
        let kind = *image.get(at..)?.first_chunk::<4>()?;
        let len = u32::from_le_bytes(*image.get(at + 4..)?.first_chunk()?) as usize;
        let start = at + 8;
        let end = start.checked_add(len)?;
        // Chunks are padded to even lengths.
        at = end.checked_add(len % 2)?;
        Some((kind, start, end.min(image.len())))
    });
    let piece = |(kind, start, end): ([u8; 4], usize, usize)| {
        let what = match &kind {
            b"EXIF" => What::Exif,
            b"XMP " => What::Xml,
            _ => return None,
        };
        // Many writers put the header of JPEG in front.
        let header = image.get(start..end)?.starts_with(exif::HEADER);
        Some(Piece { range: start + if header { exif::HEADER.len() } else { 0 }..end, what })
    };
    chunks.filter_map(piece).take(PIECES_MAX).collect()
}
