//! The barcode on the back of a licence, from pixels: PDF417 (ISO/IEC 15438), which AAMVA's card standard demands.
//!
//! Only the grey values of an image are decoded. How many pixels that may be is decided before (`Limits::image_pixels_max`,
//! `Limits::image_pixels_per_second_max`); the decoders are told again. Both they and the barcode reader are libraries that
//! read what an attacker drew: should one panic in spite of all, this image counts as not looked at.

use super::{Format, Size};

/// The image is damaged, or of a kind that is not decoded.
pub(super) struct NotLookedAt;

/// The text of the barcode in a whole image, `None` if there is none.
#[cfg(feature = "barcode")]
pub(super) fn read(format: Format, image: &[u8], size: &Size) -> Result<Option<String>, NotLookedAt> {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    let read = || {
        let grey = match format {
            Format::Jpeg => pixels::of_jpeg(image, size),
            Format::Png => pixels::of_png(image, size),
            Format::Webp | Format::Heif => None,
        }?;
        Some(pixels::pdf417(grey, size))
    };
    // Nothing outside is touched by the closure.
    catch_unwind(AssertUnwindSafe(read)).ok().flatten().ok_or(NotLookedAt)
}

/// Without the feature no image is looked at.
#[cfg(not(feature = "barcode"))]
pub(super) fn read(_: Format, _: &[u8], _: &Size) -> Result<Option<String>, NotLookedAt> {
    Err(NotLookedAt)
}

#[cfg(feature = "barcode")]
mod pixels {
    use std::io::Cursor;

    use png::{ColorType, Decoder, Limits, Transformations};
    use rxing::common::HybridBinarizer;
    use rxing::pdf417::PDF417Reader;
    use rxing::{BinaryBitmap, Luma8LuminanceSource, Reader as _};
    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::bytestream::ZCursor;
    use zune_jpeg::zune_core::colorspace::ColorSpace;
    use zune_jpeg::zune_core::options::DecoderOptions;

    use super::Size;

    /// Scans of a progressive JPEG: encoders write about ten, a hostile one thousands.
    const SCANS_MAX: usize = 32;
    /// Octets that the PNG decoder may allocate: chunks in front of the pixels are held.
    const PNG_BYTES_MAX: usize = 16 << 20;

    /// Grey values, row by row.
    pub(super) fn of_jpeg(image: &[u8], size: &Size) -> Option<Vec<u8>> {
        let options = DecoderOptions::default()
            .set_use_unsafe(false)
            .set_max_width(size.width as usize)
            .set_max_height(size.height as usize)
            .jpeg_set_max_scans(SCANS_MAX)
            .jpeg_set_out_colorspace(ColorSpace::Luma);
        let grey = JpegDecoder::new_with_options(ZCursor::new(image), options).decode().ok()?;
        fits(grey, size)
    }

    /// Grey values, row by row. Colour becomes grey by its green, where bars are as dark as anywhere.
    pub(super) fn of_png(image: &[u8], size: &Size) -> Option<Vec<u8>> {
        let mut decoder = Decoder::new_with_limits(Cursor::new(image), Limits { bytes: PNG_BYTES_MAX });
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
        let mut reader = decoder.read_info().ok()?;
        let (color, _) = reader.output_color_type();
        let (samples, green) = match color {
            ColorType::Rgb => (3, 1),
            ColorType::Rgba => (4, 1),
            ColorType::GrayscaleAlpha => (2, 0),
            ColorType::Grayscale | ColorType::Indexed => (1, 0),
        };
        let mut grey = Vec::with_capacity(size.pixels() as usize);
        // A cut or damaged image is read as far as it goes.
        while let Ok(Some(row)) = reader.next_row() {
            let row = row.data().chunks_exact(samples).filter_map(|pixel| pixel.get(green));
            grey.extend(row.take(size.width as usize));
        }
        grey.resize(size.pixels() as usize, u8::MAX);
        fits(grey, size)
    }

    fn fits(grey: Vec<u8>, size: &Size) -> Option<Vec<u8>> {
        (grey.len() as u64 == size.pixels()).then_some(grey)
    }

    /// The text of the barcode in a picture.
    pub(super) fn pdf417(grey: Vec<u8>, size: &Size) -> Option<String> {
        let source = Luma8LuminanceSource::new(grey, size.width, size.height).ok()?;
        let mut bitmap = BinaryBitmap::new(HybridBinarizer::new(source));
        let found = PDF417Reader.decode(&mut bitmap).ok()?;
        Some(found.getText().to_owned())
    }
}
