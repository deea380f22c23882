//! Images: whether a magic number begins a plausible image, and how far it certainly reaches. Sources: JPEG ITU-T
//! T.81 annex B, JFIF 1.02, Exif 2.3; PNG (third edition) section 5; ISO/IEC 14496-12 (`ftyp`).

use super::{Check, Validator, Value};

pub(super) const VALIDATORS: &[(&str, Validator)] =
    &[("jpeg", jpeg), ("png", png), ("heif", heif), ("exif-gps", exif_gps), ("camera-model", camera_model)];

/// A model is shared by millions: it says little about one device.
fn camera_model(value: Value<'_>) -> Check {
    if value.octets().iter().any(u8::is_ascii_alphabetic) { Check::bonus(-20) } else { Check::Refuse }
}

fn short(text: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(*text.get(at..)?.first_chunk()?)))
}

/// SOI is followed by a marker segment with a possible length; an application segment says its name.
fn jpeg(value: Value<'_>) -> Check {
    let text = value.onward();
    let named = match text.get(6..) {
        Some(name) => [&b"JFIF\0"[..], b"JFXX\0", b"Exif\0", b"ICC_PROFILE\0", b"http://ns", b"Adobe", b"Photoshop"]
            .iter()
            .any(|n| name.starts_with(n)),
        None => false,
    };
    match (short(text, 4), named) {
        (Some(2..), true) => Check::bonus(25),
        (Some(67..=2048), false) if text.get(3) == Some(&0xdb) => Check::bonus(15),
        (Some(0..2), _) => Check::Refuse,
        _ => Check::PASS,
    }
}

/// The signature is followed by IHDR.
fn png(value: Value<'_>) -> Check {
    let text = value.onward();
    match text.get(8..16) {
        Some(chunk) if chunk == b"\0\0\0\rIHDR" => Check::bonus(25),
        // The signature alone is 8 octets that no text holds.
        _ => Check::PASS,
    }
}

/// The box size before `ftyp` is small and a multiple of four.
fn heif(value: Value<'_>) -> Check {
    let before = value.before();
    let size =
        before.get(before.len().saturating_sub(4)..).and_then(|s| s.first_chunk::<4>()).map(|s| u32::from_be_bytes(*s));
    Check::when(size.is_some_and(|s| (16..=256).contains(&s) && s.is_multiple_of(4)))
}

/// Where the marker segments of a JPEG that begins at `text[0]` certainly reach: an embedded thumbnail before that is
/// no image of its own. A last segment may reach beyond the text.
pub(in crate::scan) fn image_end(text: &[u8]) -> usize {
    if !text.starts_with(b"\xff\xd8\xff") {
        return 4;
    }
    let mut at = 2;
    while let (Some(0xff), Some(marker), Some(length)) = (text.get(at), text.get(at + 1), short(text, at + 2)) {
        if !matches!(marker, 0xc0..=0xcf | 0xdb..=0xfe) || length < 2 {
            break;
        }
        at += 2 + length;
    }
    at.max(4)
}

/// A position in an Exif block: IFD0 has a GPS directory with a latitude and a longitude that are not 0/0 (Exif 2.3,
/// 4.6.6).
fn exif_gps(value: Value<'_>) -> Check {
    let Some(tiff) = value.onward().get(10..) else {
        return Check::PASS;
    };
    let little = tiff.starts_with(b"II");
    let word = |at: usize| -> Option<usize> {
        let octets = *tiff.get(at..)?.first_chunk::<2>()?;
        Some(usize::from(if little { u16::from_le_bytes(octets) } else { u16::from_be_bytes(octets) }))
    };
    let long = |at: usize| -> Option<usize> {
        let octets = *tiff.get(at..)?.first_chunk::<4>()?;
        Some((if little { u32::from_le_bytes(octets) } else { u32::from_be_bytes(octets) }) as usize)
    };
    let entry = |ifd: usize, tag: usize| -> Option<usize> {
        let count = word(ifd)?.min(64);
        (0..count).map(|i| ifd.saturating_add(2 + 12 * i)).find(|&at| word(at) == Some(tag))
    };
    let Some(ifd0) = long(4) else {
        return Check::PASS;
    };
    let Some(gps) = entry(ifd0, 0x8825).and_then(|at| long(at + 8)) else {
        return Check::PASS;
    };
    let degrees = |tag: usize| {
        let at = entry(gps, tag).and_then(|at| long(at + 8))?;
        Some((long(at)?, long(at.checked_add(4)?)?))
    };
    match (degrees(2), degrees(4)) {
        (Some((0, _) | (_, 0)), Some((0, _) | (_, 0))) => Check::Refuse,
        (Some(_), Some(_)) => Check::bonus(50),
        _ => Check::bonus(20),
    }
}
