//! Images: their metadata as text with field names, and the barcodes that are drawn in them.
//!
//! An image is held until it is whole, at most `image_bytes_max` octets of it. Then it is given out in the order of the
//! file: what carries text for readers (EXIF, XMP, comments) as documents and fields of their own, everything else as it is,
//! pixels included: where the format says "pixels", anybody can put anything. A JPEG or PNG that came whole is then decoded
//! and searched for a barcode (`barcode`), whose text is a document within the image.
//!
//! What does not come whole, or is longer than may be held, still gives its metadata, which stand in front; it is counted as
//! not looked at.

use std::ops::Range;
use std::sync::Arc;

use crate::model::{Coding, UninspectedReason};

use super::budget::Cx;
use super::document::{Document, Hint, Layer, Reader};

mod barcode;
mod exif;
mod jpeg;
mod png;
mod webp;

#[cfg(test)]
mod tests;

/// Pieces of one image that are more than octets. What is past that is given as it is.
const PIECES_MAX: usize = 64;

/// Formats known by content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// ITU-T T.81.
    Jpeg,
    /// PNG, third edition.
    Png,
    /// RFC 9649.
    Webp,
    /// ISO/IEC 23008-12: HEIC and AVIF.
    Heif,
}

impl Format {
    /// The format that the first octets say.
    pub(super) fn detect(head: &[u8]) -> Option<Self> {
        if head.starts_with(b"\xff\xd8\xff") {
            return Some(Self::Jpeg);
        }
        if head.starts_with(png::MAGIC) {
            return Some(Self::Png);
        }
        match (head.get(..4)?, head.get(4..8)?, head.get(8..12)?) {
            (b"RIFF", _, b"WEBP") => Some(Self::Webp),
            (_, b"ftyp", b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1" | b"avif") => {
                Some(Self::Heif)
            }
            _ => None,
        }
    }

    /// The word for the document path.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Heif => "heif",
        }
    }

    fn pieces(self, image: &[u8]) -> Vec<Piece> {
        match self {
            Self::Jpeg => jpeg::pieces(image),
            Self::Png => png::pieces(image),
            Self::Webp => webp::pieces(image),
            // The item location table may point anywhere; the block's own header cannot be missed.
            Self::Heif => exif::find(image).into_iter().map(|range| Piece { range, what: What::Exif }).collect(),
        }
    }
}

/// What a stretch of an image is.
enum What {
    /// A TIFF structure with EXIF directories.
    Exif,
    /// An XMP packet.
    Xml,
    /// The value of a field.
    Text(String),
    /// The value of a field, compressed by zlib.
    Deflated(String),
}

/// A stretch of an image that is more than octets. Pieces are in the order of the image and do not overlap.
struct Piece {
    range: Range<usize>,
    what: What,
}

/// Sides of an image and what decoding it takes.
struct Size {
    width: u32,
    height: u32,
    /// Whether all coefficients have to be held at once (progressive JPEG): several octets a pixel.
    held: bool,
}

impl Size {
    /// Fewest modules of a PDF417 symbol across (start, one column between the indicators, stop), and rows.
    const BARCODE_MIN: (u32, u32) = (86, 3);

    fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Whether a barcode fits in at all, lying or standing.
    fn has_room(&self) -> bool {
        let (long, short) = (self.width.max(self.height), self.width.min(self.height));
        long >= Self::BARCODE_MIN.0 && short >= Self::BARCODE_MIN.1
    }
}

/// An image that comes.
pub(super) struct Image {
    format: Format,
    field: Option<Arc<str>>,
    /// Octets that are out.
    at: u64,
    /// The image so far; `None` once it is given out as it comes.
    held: Option<Vec<u8>>,
}

impl Image {
    pub(super) fn new(format: Format, field: Option<Arc<str>>) -> Self {
        Self { format, field, at: 0, held: Some(Vec::new()) }
    }

    /// Gives out what is held. The image is whole if it is complete; else it will never be.
    fn give(&mut self, complete: bool, cx: &mut Cx<'_>) {
        let Some(image) = self.held.take() else { return };
        let mut from = 0;
        for Piece { range, what } in self.format.pieces(&image) {
            let Some(octets) = image.get(range.clone()) else { continue };
            // A compression or document too deep within others is given as it is.
            if range.start < from || !(matches!(what, What::Text(_)) || cx.budget.may_nest()) {
                continue;
            }
            self.plain(image.get(from..range.start).unwrap_or_default(), cx);
            match what {
                What::Exif => exif::give(octets, cx),
                What::Xml => inner(Hint { media_type: "text/xml".to_owned(), ..Hint::default() }, octets, cx),
                What::Text(field) => cx.text(octets, self.at, Some(&field)),
                What::Deflated(field) => {
                    let layers = vec![Layer::Content(Coding::Deflate)];
                    inner(Hint { layers, ..Hint::of_field(Some(&field)) }, octets, cx);
                }
            }
            self.at += octets.len() as u64;
            from = range.end;
        }
        self.plain(image.get(from..).unwrap_or_default(), cx);
        if complete {
            self.look(&image, cx);
        } else {
            cx.out.not_looked_at();
        }
    }

    /// Octets as they are.
    fn plain(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        cx.text(octets, self.at, self.field.as_deref());
        self.at += octets.len() as u64;
    }

    /// Searches the picture for a barcode.
    fn look(&self, image: &[u8], cx: &mut Cx<'_>) {
        let size = match self.format {
            Format::Jpeg => jpeg::size(image),
            Format::Png => png::size(image),
            Format::Webp | Format::Heif => None,
        };
        let Some(size) = size else { return cx.out.not_looked_at() };
        if !size.has_room() {
            return;
        }
        let most = cx.budget.image_pixels_max / if size.held { 4 } else { 1 };
        if size.pixels() > most || !cx.budget.may_nest() || !cx.out.may_look(size.pixels()) {
            cx.out.not_looked_at();
            return cx.lost.add(image.len() as u64, UninspectedReason::DecodeLimit);
        }
        match barcode::read(self.format, image, &size) {
            Ok(Some(text)) => {
                cx.enter("barcode", None);
                cx.text(text.as_bytes(), 0, None);
                cx.leave();
            }
            Ok(None) => {}
            Err(barcode::NotLookedAt) => cx.out.not_looked_at(),
        }
    }
}

/// A whole document within the image.
fn inner(hint: Hint, octets: &[u8], cx: &mut Cx<'_>) {
    let mut document = Document::new(hint);
    document.octets(octets, cx);
    document.end(cx);
}

impl Reader for Image {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let Some(held) = &mut self.held else { return self.plain(octets, cx) };
        // The decision falls at the same octet however the image was cut.
        let room = cx.budget.image_bytes_max.saturating_sub(held.len());
        let (fits, rest) = octets.split_at(room.min(octets.len()));
        held.extend_from_slice(fits);
        if !rest.is_empty() {
            self.give(false, cx);
            cx.lost.add(self.at, UninspectedReason::DecodeLimit);
            self.plain(rest, cx);
        }
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        self.give(false, cx);
        self.at += len;
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        self.give(true, cx);
    }

    fn held_bytes(&self) -> usize {
        let field = self.field.as_ref().map_or(0, |field| field.len());
        size_of::<Self>() + field + self.held.as_ref().map_or(0, Vec::capacity)
    }
}
