//! Pictures of a PDF417 barcode: a grey JPEG of flat blocks and a grey PNG, both small and valid.

#![allow(dead_code, unreachable_pub)] // Each test binary and benchmark uses its part.

use std::io::Write as _;

use rxing::common::BitMatrix;
use rxing::pdf417::PDF417Writer;
use rxing::{BarcodeFormat, Writer as _};

/// The modules of a text's symbol with its quiet zone.
fn symbol(text: &str) -> BitMatrix {
    PDF417Writer.encode(text, &BarcodeFormat::PDF_417, 1, 1).expect("a text that fits")
}

/// Sides of a picture and whether a place in it is dark, `scale` pixels a module.
fn drawn(text: &str, scale: u32) -> (u32, u32, impl Fn(u32, u32) -> bool) {
    let symbol = symbol(text);
    let (width, height) = (symbol.width() * scale, symbol.height() * scale);
    (width, height, move |x: u32, y: u32| symbol.get(x / scale, y / scale))
}

/// A PNG, three pixels a module.
pub fn png(text: &str) -> Vec<u8> {
    let (width, height, dark) = drawn(text, 3);
    grey_png(width, height, |x, y| if dark(x, y) { 0 } else { 255 })
}

/// A grey PNG.
pub fn grey_png(width: u32, height: u32, level: impl Fn(u32, u32) -> u8) -> Vec<u8> {
    let mut rows = Vec::new();
    for y in 0..height {
        rows.push(0);
        rows.extend((0..width).map(|x| level(x, y)));
    }
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(&rows).expect("memory");
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", header), (b"IDAT", zlib.finish().expect("memory")), (b"IEND", Vec::new())] {
        png_chunk(&mut out, kind, &data);
    }
    out
}

/// Adds a chunk.
pub fn png_chunk(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(data);
    out.extend((data.len() as u32).to_be_bytes());
    out.extend(kind);
    out.extend(data);
    out.extend(crc.sum().to_be_bytes());
}

/// A baseline JPEG whose blocks of eight by eight pixels are the modules, black or white. `segments` go before the tables.
pub fn jpeg(text: &str, segments: &[u8]) -> Vec<u8> {
    let (width, height, dark) = drawn(text, 1);
    let mut out = vec![0xff, 0xd8];
    out.extend(segments);
    let mut segment = |marker: u8, body: &[u8]| {
        out.extend([0xff, marker]);
        out.extend((body.len() as u16 + 2).to_be_bytes());
        out.extend(body);
    };
    segment(0xdb, &[&[0][..], &[16; 64]].concat());
    let [h1, h0] = (height as u16 * 8).to_be_bytes();
    let [w1, w0] = (width as u16 * 8).to_be_bytes();
    segment(0xc0, &[8, h1, h0, w1, w0, 1, 1, 0x11, 0]);
    // Differences of size 0 (no change), 7 (black to white and back) and 6 (the first block) have codes of 1, 2 and 3 bits.
    segment(0xc4, &[&[0x00][..], &[1, 1, 1], &[0; 13], &[0, 7, 6]].concat());
    segment(0xc4, &[&[0x10][..], &[1], &[0; 15], &[0]].concat());
    segment(0xda, &[1, 1, 0, 0, 63, 0]);
    let mut bits = Bits { out, held: 0, count: 0 };
    let mut last = 0_i32;
    for y in 0..height {
        for x in 0..width {
            let level = if dark(x, y) { -64 } else { 63 };
            match level - last {
                0 => bits.put(0, 1),
                63 => bits.put(0b110 << 6 | 63, 9),
                -64 => bits.put(0b10 << 7 | 63, 9),
                127 => bits.put(0b10 << 7 | 127, 9),
                _ => bits.put(0b10 << 7, 9),
            }
            last = level;
            // End of block.
            bits.put(0, 1);
        }
    }
    bits.put(0x7f, 7);
    let mut out = bits.out;
    out.extend([0xff, 0xd9]);
    out
}

/// Bits of a scan, an octet of ones followed by a zero octet.
struct Bits {
    out: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, bits: u32, count: u32) {
        self.held = self.held << count | bits;
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let octet = (self.held >> self.count) as u8;
            self.held &= (1 << self.count) - 1;
            self.out.push(octet);
            if octet == 0xff {
                self.out.push(0);
            }
        }
    }
}
