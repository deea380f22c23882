//! A JPEG of uniform grey: baseline, one component, Huffman tables of one symbol each. Small, valid, and of a card's aspect ratio.

/// A grey picture; sides in pixels, multiples of 8.
pub fn grey(width: u16, height: u16) -> Vec<u8> {
    let mut out = vec![0xff, 0xd8];
    let mut segment = |marker: u8, body: &[u8]| {
        out.extend([0xff, marker]);
        out.extend((body.len() as u16 + 2).to_be_bytes());
        out.extend(body);
    };
    segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    segment(0xdb, &[&[0][..], &[16; 64]].concat());
    let [h1, h0] = height.to_be_bytes();
    let [w1, w0] = width.to_be_bytes();
    segment(0xc0, &[8, h1, h0, w1, w0, 1, 1, 0x11, 0]);
    // One code of one bit: the DC difference of size 0, and end of block.
    let counts = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    segment(0xc4, &[&[0x00][..], &counts, &[0]].concat());
    segment(0xc4, &[&[0x10][..], &counts, &[0]].concat());
    segment(0xda, &[1, 1, 0, 0, 63, 0]);
    let bits = usize::from(width / 8) * usize::from(height / 8) * 2;
    out.extend(std::iter::repeat_n(0, bits / 8));
    if bits % 8 != 0 {
        out.push(0xff_u8 >> (bits % 8));
    }
    out.extend([0xff, 0xd9]);
    out
}
