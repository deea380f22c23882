//! EXIF: a TIFF structure whose directories say where a photograph was taken, with which device, by whom (TIFF 6.0, section 2;
//! Exif 3.0, 4.6; DNG 1.7 for the camera's serial number).
//!
//! The block is a document of its own, with offsets from its TIFF header as EXIF tools show them. Texts stand in it under the
//! names of their tags (`exif.BodySerialNumber`); a position is written as a pair of decimal degrees (`exif.GPSPosition`) in the
//! place of the latitude. What lies between is given as it is: makers' notes hold serial numbers too.

use std::ops::Range;

use encoding_rs::UTF_16LE;
use memchr::memmem;

use super::super::budget::Cx;

/// What stands before the TIFF header in JPEG, and in HEIF and often in WebP too.
pub(super) const HEADER: &[u8] = b"Exif\0\0";

/// Entries of one directory that are read; cameras write a few dozen.
const ENTRIES_MAX: usize = 256;

/// Texts by tag.
const TEXTS: [(u16, &str); 21] = [
    (0x010e, "exif.ImageDescription"),
    (0x010f, "exif.Make"),
    (0x0110, "exif.CameraModel"),
    (0x0131, "exif.Software"),
    (0x0132, "exif.DateTime"),
    (0x013b, "exif.Artist"),
    (0x013c, "exif.HostComputer"),
    (0x8298, "exif.Copyright"),
    (0x9003, "exif.DateTimeOriginal"),
    (0x9286, "exif.UserComment"),
    (0x9c9b, "exif.XPTitle"),
    (0x9c9c, "exif.XPComment"),
    (0x9c9d, "exif.XPAuthor"),
    (0x9c9e, "exif.XPKeywords"),
    (0x9c9f, "exif.XPSubject"),
    (0xa420, "exif.ImageUniqueID"),
    (0xa430, "exif.CameraOwnerName"),
    (0xa431, "exif.BodySerialNumber"),
    (0xa434, "exif.LensModel"),
    (0xa435, "exif.LensSerialNumber"),
    (0xc62f, "exif.CameraSerialNumber"),
];
const EXIF_DIRECTORY: u16 = 0x8769;
const GPS_DIRECTORY: u16 = 0x8825;

/// Where the first TIFF structure after an EXIF header lies, with all that follows.
pub(super) fn find(image: &[u8]) -> Option<Range<usize>> {
    let starts = memmem::find_iter(image, HEADER).map(|at| at + HEADER.len());
    starts.filter(|&at| image.get(at..).is_some_and(|tiff| Tiff::open(tiff).is_some())).map(|at| at..image.len()).next()
}

/// Gives out an EXIF block. The caller has checked that it may nest.
pub(super) fn give(octets: &[u8], cx: &mut Cx<'_>) {
    cx.enter("exif", None);
    let mut values = Tiff::open(octets).map(Tiff::values).unwrap_or_default();
    values.sort_by_key(|value| (value.range.start, value.range.end));
    let mut from = 0;
    for Value { range, field, text } in values {
        // A hostile block may have its values overlap: the first in place counts.
        let (Some(between), Some(value)) = (octets.get(from..range.start), octets.get(range.clone())) else { continue };
        cx.text(between, from as u64, None);
        cx.text(text.as_ref().map_or(value, |text| text.as_bytes()), range.start as u64, Some(field));
        from = range.end;
    }
    cx.text(octets.get(from..).unwrap_or_default(), from as u64, None);
    cx.leave();
}

/// The value of a field: where it stands, and its text if that is not what stands there.
struct Value {
    range: Range<usize>,
    field: &'static str,
    text: Option<String>,
}

/// A TIFF structure.
#[derive(Clone, Copy)]
struct Tiff<'a> {
    octets: &'a [u8],
    little: bool,
}

/// An entry of a directory.
struct Entry {
    tag: u16,
    kind: u16,
    /// Where the value stands.
    range: Range<usize>,
}

impl<'a> Tiff<'a> {
    fn open(octets: &'a [u8]) -> Option<Self> {
        let little = match octets.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        Some(Self { octets, little })
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let octets = *self.octets.get(at..)?.first_chunk()?;
        Some(if self.little { u16::from_le_bytes(octets) } else { u16::from_be_bytes(octets) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let octets = *self.octets.get(at..)?.first_chunk()?;
        Some(if self.little { u32::from_le_bytes(octets) } else { u32::from_be_bytes(octets) })
    }

    /// Entries whose value is within the block.
    fn entries(self, directory: usize) -> impl Iterator<Item = Entry> {
        let count = self.u16(directory).map_or(0, usize::from).min(ENTRIES_MAX);
        (0..count).filter_map(move |i| {
            let at = directory + 2 + 12 * i;
            let (tag, kind, count) = (self.u16(at)?, self.u16(at + 2)?, self.u32(at + 4)? as usize);
            // TIFF 6.0, section 2: sizes of the types; 129 is UTF-8 of Exif 3.0.
            let size = match kind {
                1 | 2 | 6 | 7 | 129 => 1,
                3 | 8 => 2,
                4 | 9 | 11 => 4,
                5 | 10 | 12 => 8,
                _ => return None,
            };
            let len = count.checked_mul(size)?;
            let start = if len <= 4 { at + 8 } else { self.u32(at + 8)? as usize };
            let range = start..start.checked_add(len)?;
            (range.end <= self.octets.len()).then_some(Entry { tag, kind, range })
        })
    }

    fn values(self) -> Vec<Value> {
        let mut values = Vec::new();
        let Some(first) = self.u32(4) else { return values };
        let mut further = None;
        for entry in self.entries(first as usize) {
            match entry.tag {
                EXIF_DIRECTORY => further = self.u32(entry.range.start),
                GPS_DIRECTORY => {
                    let directory = self.u32(entry.range.start);
                    values.extend(directory.and_then(|directory| self.position(directory as usize)));
                }
                _ => values.extend(self.text(&entry)),
            }
        }
        if let Some(directory) = further {
            values.extend(self.entries(directory as usize).filter_map(|entry| self.text(&entry)));
        }
        values
    }

    /// The text of an entry that is one.
    fn text(&self, entry: &Entry) -> Option<Value> {
        let (_, field) = *TEXTS.iter().find(|(tag, _)| *tag == entry.tag)?;
        let Range { mut start, end } = entry.range.clone();
        let octets = self.octets.get(start..end)?;
        if matches!(entry.tag, 0x9c9b..=0x9c9f) {
            let (text, _) = UTF_16LE.decode_without_bom_handling(octets);
            let text = text.trim_end_matches('\0').to_owned();
            return Some(Value { range: start..end, field, text: Some(text) });
        }
        if entry.tag == 0x9286 {
            // A character code of eight octets stands in front (Exif 3.0, 4.6.6.3.2).
            start += 8;
        } else if !matches!(entry.kind, 2 | 129) {
            return None;
        }
        let octets = self.octets.get(start..end)?;
        let len = memchr::memchr(0, octets).unwrap_or(octets.len());
        Some(Value { range: start..start + len, field, text: None })
    }

    /// The position of a GPS directory (Exif 3.0, 4.6.7) in decimal degrees; zeros stand for none.
    fn position(&self, directory: usize) -> Option<Value> {
        let entry = |tag: u16| self.entries(directory).find(|entry| entry.tag == tag);
        let degrees = |tag: u16| {
            let entry = entry(tag).filter(|entry| entry.kind == 5 && entry.range.len() >= 24)?;
            let part = |i: usize| {
                let numerator = f64::from(self.u32(entry.range.start + 8 * i)?);
                let denominator = self.u32(entry.range.start + 8 * i + 4)?;
                // A part that is not given is 0/0.
                Some(if denominator == 0 { 0.0 } else { numerator / f64::from(denominator) })
            };
            Some((part(0)? + part(1)? / 60.0 + part(2)? / 3600.0, entry.range))
        };
        let (latitude, range) = degrees(2)?;
        let (longitude, _) = degrees(4)?;
        let negative = |tag: u16, letter: u8| {
            entry(tag).and_then(|entry| self.octets.get(entry.range.start).copied()) == Some(letter)
        };
        if latitude > 90.0 || longitude > 180.0 || (latitude == 0.0 && longitude == 0.0) {
            return None;
        }
        let latitude = if negative(1, b'S') { -latitude } else { latitude };
        let longitude = if negative(3, b'W') { -longitude } else { longitude };
        Some(Value { range, field: "exif.GPSPosition", text: Some(format!("{latitude:.6},{longitude:.6}")) })
    }
}
