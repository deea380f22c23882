//! Tests of images: metadata of each format, barcodes from pixels, limits, damage, any segmentation, hostile octets.

use proptest::prelude::*;

use crate::content::{TextSink, Unwrapper};
use crate::model::{DocumentKind, DocumentStart, Limits, Text, UninspectedReason};

#[path = "../../../tests/generator/barcode.rs"]
mod drawn;

const BARCODE: &str = "@\n\x1e\rANSI 636014100101DL00310216DLDAQD1234562\nDCSSAMPLE\nDACALEX\nDADNONE\nDBB01011990\n\
DAG1 EXAMPLE ST\nDAIANYTOWN\nDAJCA\nDAK900010000  \nDCGUSA\r";

/// What came out: document path, field, offset, octets; adjacent pieces joined.
#[derive(Default, PartialEq, Debug)]
struct Seen {
    path: Vec<String>,
    texts: Vec<(String, Option<String>, u64, Vec<u8>)>,
    unread: u64,
    asked: Vec<u64>,
    refuse: bool,
    not_looked_at: u32,
}

impl TextSink for Seen {
    fn enter(&mut self, label: &str, _: Option<&str>) {
        self.path.push(label.to_owned());
    }

    fn text(&mut self, text: Text<'_>) {
        let (path, field) = (self.path.join("/"), text.field.map(str::to_owned));
        if let Some((last_path, last_field, at, octets)) = self.texts.last_mut()
            && (&*last_path, &*last_field) == (&path, &field)
            && *at + octets.len() as u64 == text.at
        {
            return octets.extend_from_slice(text.octets);
        }
        self.texts.push((path, field, text.at, text.octets.to_vec()));
    }

    fn leave(&mut self) {
        assert!(self.path.pop().is_some());
    }

    fn unread(&mut self, len: u64, reason: UninspectedReason) {
        assert!(reason == UninspectedReason::DecodeLimit || reason == UninspectedReason::Undecodable);
        self.unread += len;
    }

    fn may_look(&mut self, pixels: u64) -> bool {
        self.asked.push(pixels);
        !self.refuse
    }

    fn not_looked_at(&mut self) {
        self.not_looked_at += 1;
    }
}

impl Seen {
    /// `field=text` of everything with a field of its own, and the text of barcodes.
    fn fields(&self) -> Vec<String> {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let barcode = |path: &str| path.ends_with("barcode").then(|| "barcode".to_owned());
        let named = |(path, field, _, octets): &(String, Option<String>, u64, Vec<u8>)| {
            Some(format!("{}={}", field.clone().or_else(|| barcode(path))?, text(octets)))
        };
        self.texts.iter().filter_map(named).collect()
    }

    /// Octets given out below the image itself and below its inner documents.
    fn plain(&self, path: &str) -> Vec<u8> {
        self.texts.iter().filter(|(p, f, ..)| p == path && f.is_none()).flat_map(|(.., o)| o.clone()).collect()
    }
}

fn start() -> DocumentStart {
    DocumentStart {
        kind: DocumentKind::HttpRequestBody,
        codings: Vec::new(),
        media_type: String::new(),
        name: None,
        stream_offset: 0,
    }
}

fn read_with(mut seen: Seen, limits: &Limits, image: &[u8], piece: usize) -> Seen {
    let mut unwrapper = Unwrapper::new(&start(), limits);
    for piece in image.chunks(piece.max(1)) {
        unwrapper.octets(piece, &mut seen);
    }
    unwrapper.end(&mut seen);
    assert!(seen.path.is_empty());
    seen
}

fn read(image: &[u8]) -> Seen {
    read_with(Seen::default(), &Limits::default(), image, usize::MAX)
}

/// A TIFF structure with a directory, an EXIF directory and a GPS directory; `latitude` in thousandths of a minute.
fn tiff(little: bool, south: bool) -> Vec<u8> {
    let u16 = |v: u16| if little { v.to_le_bytes() } else { v.to_be_bytes() };
    let u32 = |v: u32| if little { v.to_le_bytes() } else { v.to_be_bytes() };
    let mut out = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
    out.extend(u32(8));
    let directory = |out: &mut Vec<u8>, entries: &[(u16, u16, &[u8])]| {
        let mut heap = out.len() + 2 + 12 * entries.len() + 4;
        let mut values = Vec::new();
        out.extend(u16(entries.len() as u16));
        for (tag, kind, value) in entries {
            let size = match kind {
                4 => 4,
                5 => 8,
                _ => 1,
            };
            out.extend(u16(*tag));
            out.extend(u16(*kind));
            out.extend(u32((value.len() / size) as u32));
            if value.len() <= 4 {
                out.extend(value.iter().copied().chain([0; 4]).take(4));
            } else {
                out.extend(u32(heap as u32));
                heap += value.len();
                values.extend_from_slice(value);
            }
        }
        out.extend([0; 4]);
        out.extend(values);
    };
    let pair = |a: u32, b: u32| [u32(a), u32(b)].concat();
    let position = |degrees: u32, minutes: u32| [pair(degrees, 1), pair(minutes, 1000), pair(0, 0)].concat();
    // The first directory has five entries, two of them texts of 15 and 6 octets.
    let exif_at = 8 + 2 + 5 * 12 + 4 + 15 + 6;
    let entries = [(0xa431, 2, &b"CAM-00012345\0"[..]), (0x9286, 7, b"ASCII\0\0\0alex@example.com")];
    let gps_at = exif_at + 2 + 2 * 12 + 4 + 13 + 24;
    directory(
        &mut out,
        &[
            (0x010f, 2, b"ABC\0"),
            (0x0110, 2, b"Model of Tests\0"),
            (0x9c9d, 1, &b"A\0l\0\0\0"[..]),
            (0x8769, 4, &u32(exif_at as u32)),
            (0x8825, 4, &u32(gps_at as u32)),
        ],
    );
    assert_eq!(out.len(), exif_at);
    directory(&mut out, &entries);
    assert_eq!(out.len(), gps_at);
    let (latitude, longitude) = (position(37, 46_494), position(122, 25_164));
    directory(
        &mut out,
        &[(1, 2, if south { b"S\0" } else { b"N\0" }), (2, 5, &latitude), (3, 2, b"W\0"), (4, 5, &longitude)],
    );
    out
}

const EXIF_FIELDS: [&str; 6] = [
    "exif.Make=ABC",
    "exif.CameraModel=Model of Tests",
    "exif.XPAuthor=Al",
    "exif.BodySerialNumber=CAM-00012345",
    "exif.UserComment=alex@example.com",
    "exif.GPSPosition=37.774900,-122.419400",
];

const XMP: &str = "<x:xmpmeta><dc:creator>Alex Sample</dc:creator></x:xmpmeta>";

fn segment(marker: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&[0xff, marker][..], &(content.len() as u16 + 2).to_be_bytes(), &content].concat()
}

fn jpeg_segments() -> Vec<u8> {
    [
        segment(0xe0, &[b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"]),
        segment(0xe1, &[b"Exif\0\0", &tiff(false, false)]),
        segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", XMP.as_bytes()]),
        segment(0xfe, &[b"case 0017"]),
    ]
    .concat()
}

fn full_png() -> Vec<u8> {
    let drawn = drawn::png(BARCODE);
    let (head, rest) = drawn.split_at(33);
    let mut out = head.to_vec();
    drawn::png_chunk(&mut out, b"tEXt", b"Author\0alex@example.com");
    drawn::png_chunk(&mut out, b"iTXt", b"Title\0\0\0en\0Titel\0case 0017");
    let mut zlib = flate2::write::ZlibEncoder::new(b"Comment\0\0".to_vec(), flate2::Compression::default());
    std::io::Write::write_all(&mut zlib, b"call +12025550143").unwrap();
    drawn::png_chunk(&mut out, b"zTXt", &zlib.finish().unwrap());
    drawn::png_chunk(&mut out, b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", XMP.as_bytes()].concat());
    drawn::png_chunk(&mut out, b"eXIf", &tiff(true, true));
    out.extend(rest);
    out
}

#[test]
fn a_jpeg_gives_its_metadata_and_its_barcode() {
    let image = drawn::jpeg(BARCODE, &jpeg_segments());
    let seen = read(&image);
    let mut expected: Vec<String> = EXIF_FIELDS.iter().map(ToString::to_string).collect();
    expected.extend(["x:xmpmeta.dc:creator=Alex Sample".into(), "comment=case 0017".into()]);
    expected.push(format!("barcode={BARCODE}"));
    assert_eq!(seen.fields(), expected);
    assert_eq!((seen.not_looked_at, seen.unread, seen.asked.len()), (0, 0, 1));
    // The latitude stands at its offset from the TIFF header, and everything else is there as it is.
    let (path, _, at, _) = seen.texts.iter().find(|(_, f, ..)| f.as_deref() == Some("exif.GPSPosition")).unwrap();
    let gps = tiff(false, false).len() - 48;
    assert_eq!((path.as_str(), *at), ("jpeg/exif", gps as u64));
    let (exif, rest) = (seen.plain("jpeg/exif").len(), seen.plain("jpeg").len());
    let given: usize = EXIF_FIELDS[..5].iter().map(|f| f.len() - f.find('=').unwrap() - 1).sum();
    // UTF-16 counts twice and its end is part of it; a position stands for three fractions.
    assert_eq!(exif + given + 2 + 2 + 24, tiff(false, false).len());
    assert_eq!(rest + tiff(false, false).len() + XMP.len() + "case 0017".len(), image.len());
}

#[test]
fn a_png_gives_its_metadata_and_its_barcode() {
    let seen = read(&full_png());
    let mut expected = vec!["Author=alex@example.com".to_owned(), "Title=case 0017".into()];
    expected.extend(["Comment=call +12025550143".into(), "x:xmpmeta.dc:creator=Alex Sample".into()]);
    expected.extend(EXIF_FIELDS.iter().map(|f| f.replace("=37", "=-37")));
    expected.push(format!("barcode={BARCODE}"));
    assert_eq!(seen.fields(), expected);
    assert_eq!((seen.not_looked_at, seen.unread), (0, 0));
    let paths = ["png", "png/deflate", "png/xml", "png/exif", "png/barcode"];
    assert!(paths.iter().all(|path| seen.texts.iter().any(|(p, ..)| p == path)));
}

#[test]
fn webp_and_heif_give_their_metadata_and_are_not_looked_at() {
    let chunk = |kind: &[u8], data: &[u8]| {
        let pad = vec![0; data.len() % 2];
        [kind, &(data.len() as u32).to_le_bytes(), data, &pad].concat()
    };
    let exif = [b"Exif\0\0", &tiff(true, false)[..]].concat();
    for exif in [&exif[..], &exif[6..]] {
        let chunks = [chunk(b"VP8 ", &[7; 31]), chunk(b"EXIF", exif), chunk(b"XMP ", XMP.as_bytes())].concat();
        let webp = [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &chunks].concat();
        let seen = read(&webp);
        assert_eq!(seen.fields()[..6], EXIF_FIELDS);
        assert_eq!(seen.fields()[6], "x:xmpmeta.dc:creator=Alex Sample");
        assert_eq!((seen.not_looked_at, seen.unread), (1, 0));
    }
    let heif = [b"\0\0\0\x18ftypheic\0\0\0\0mif1heic....mdat\0\0\0\x06", &exif[..]].concat();
    let seen = read(&heif);
    assert_eq!(seen.fields(), EXIF_FIELDS);
    assert_eq!((seen.not_looked_at, seen.texts[0].0.as_str()), (1, "heif"));
}

#[test]
fn what_comes_out_does_not_depend_on_the_segmentation() {
    for image in [drawn::jpeg(BARCODE, &jpeg_segments()), full_png()] {
        for max in [1 << 20, 1000] {
            let limits = Limits { image_bytes_max: max, ..Limits::default() };
            let whole = read_with(Seen::default(), &limits, &image, usize::MAX);
            for piece in [1000, 77] {
                assert!(read_with(Seen::default(), &limits, &image, piece) == whole);
            }
            // Past the limit the text is read, the picture is not, and both are said.
            let missed = if max == 1000 { (1, 0, true) } else { (0, 1, false) };
            assert_eq!((whole.not_looked_at, whole.asked.len(), whole.unread > 0), missed);
            assert!(whole.fields().len() >= 7);
        }
    }
}

#[test]
fn what_is_not_looked_at_is_counted_and_missed() {
    let image = drawn::jpeg(BARCODE, &[]);
    let refused = read_with(Seen { refuse: true, ..Seen::default() }, &Limits::default(), &image, usize::MAX);
    assert_eq!((refused.not_looked_at, refused.unread, refused.fields().len()), (1, image.len() as u64, 0));
    let small = Limits { image_pixels_max: 1000, ..Limits::default() };
    let refused = read_with(Seen::default(), &small, &image, usize::MAX);
    assert_eq!((refused.not_looked_at, refused.unread, refused.asked.len()), (1, image.len() as u64, 0));
    // Damaged, and too small for any barcode.
    let (head, _) = image.split_at(60);
    assert_eq!(read(head).not_looked_at, 1);
    let mut tiny = image.clone();
    let frame = tiny.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    tiny[frame + 5..frame + 9].copy_from_slice(&[0, 80, 0, 80]);
    let tiny = read(&tiny);
    assert_eq!((tiny.not_looked_at, tiny.asked.len()), (0, 0));
    // A gap: what comes after is read as it is.
    let (mut seen, mut unwrapper) = (Seen::default(), Unwrapper::new(&start(), &Limits::default()));
    unwrapper.octets(&full_png()[..2000], &mut seen);
    unwrapper.gap(100, &mut seen);
    unwrapper.octets(b"after", &mut seen);
    unwrapper.end(&mut seen);
    assert_eq!((seen.not_looked_at, seen.asked.len()), (1, 0));
    assert_eq!(seen.texts.last().map(|(.., at, o)| (*at, o.as_slice())), Some((2100, &b"after"[..])));
}

#[test]
fn a_chain_of_values_that_points_everywhere_ends() {
    // Every entry of a directory of 65535 is a text over the whole block.
    let mut block = b"II*\0\x08\0\0\0\xff\xff".to_vec();
    for _ in 0..4000 {
        block.extend(b"\x0e\x01\x02\0\x00\x80\0\0\0\0\0\0");
    }
    let seen = read(&[b"\xff\xd8".to_vec(), segment(0xe1, &[b"Exif\0\0", &block]), vec![0xff; 40]].concat());
    assert_eq!(seen.fields().len(), 1);
    // A JPEG that is all comments, each of no length.
    let comments = [&[0xff, 0xd8][..], &[0xff, 0xfe, 0, 2].repeat(100_000)].concat();
    assert_eq!(read(&comments).fields().len(), 0);
}

#[test]
fn every_prefix_is_read() {
    for image in [drawn::jpeg(BARCODE, &jpeg_segments()), full_png()] {
        for len in (0..1100).chain((1100..image.len()).step_by(image.len() / 12)) {
            let seen =
                read_with(Seen { refuse: true, ..Seen::default() }, &Limits::default(), &image[..len], usize::MAX);
            assert!(len < 1100 || seen.fields().len() >= 7, "{len}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn mutations_do_no_harm(
        png in any::<bool>(), changes in prop::collection::vec((0usize..1200, any::<u8>()), 1..8), cut in 0usize..4000,
    ) {
        let mut image = if png { full_png() } else { drawn::jpeg(BARCODE, &jpeg_segments()) };
        for (at, octet) in changes {
            if let Some(place) = image.get_mut(at) {
                *place = octet;
            }
        }
        image.truncate(image.len().saturating_sub(cut.saturating_sub(2000)));
        let limits = Limits { image_pixels_max: 4_000_000, ..Limits::default() };
        let seen = read_with(Seen::default(), &limits, &image, usize::MAX);
        prop_assert!(seen.unread <= image.len() as u64);
    }
}
