//! JPEG: marker segments up to the first scan (ITU-T T.81, annex B; Exif 2.3, 4.7; XMP part 3, 1.1.3).

use super::{PIECES_MAX, Piece, Size, What, exif};

/// Marker segments before the first scan: marker, and where its content begins and ends.
fn segments(image: &[u8]) -> impl Iterator<Item = (u8, usize, usize)> {
    let mut at = 2;
    std::iter::from_fn(move || {
        // Markers may be preceded by any number of fill octets.
        while image.get(at..at + 2)? == b"\xff\xff" {
            at += 1;
        }
        let [0xff, marker, high, low] = *image.get(at..)?.first_chunk::<4>()? else { return None };
        let len = usize::from(u16::from_be_bytes([high, low]));
        // Start of scan, end of image and markers without content end the walk.
        if len < 2 || !matches!(marker, 0xc0..=0xcf | 0xdb..=0xfe) {
            return None;
        }
        let start = at + 4;
        at += 2 + len;
        Some((marker, start, at.min(image.len())))
    })
}

pub(super) fn pieces(image: &[u8]) -> Vec<Piece> {
    const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
    let piece = |(marker, start, end): (u8, usize, usize)| {
        let content = image.get(start..end)?;
        match marker {
            0xe1 if content.starts_with(exif::HEADER) => Some((start + exif::HEADER.len(), What::Exif)),
            0xe1 if content.starts_with(XMP) => Some((start + XMP.len(), What::Xml)),
            0xfe => Some((start, What::Text("comment".to_owned()))),
            _ => None,
        }
        .map(|(start, what)| Piece { range: start..end, what })
    };
    segments(image).filter_map(piece).take(PIECES_MAX).collect()
}

/// From the frame header (B.2.2).
pub(super) fn size(image: &[u8]) -> Option<Size> {
    let frame = |(marker, start, _): &(u8, usize, usize)| {
        // SOF0 to SOF15 without DHT, JPG and DAC.
        (matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)).then_some((*marker, *start))
    };
    let (marker, start) = segments(image).find_map(|segment| frame(&segment))?;
    let [height, width] = [start + 1, start + 3].map(|at| image.get(at..)?.first_chunk().copied());
    let (height, width) = (u16::from_be_bytes(height?), u16::from_be_bytes(width?));
    Some(Size { width: width.into(), height: height.into(), held: !matches!(marker, 0xc0 | 0xc1) })
}
