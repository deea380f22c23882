//! Characters that are not UTF-8: announced, marked by a byte order mark, or UTF-16 by the look of it.

use encoding_rs::{CoderResult, Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};

use super::coded::{Decoder, Outlet, Stop};

/// The encoding of a text that begins with `head`, if it has to be converted. `announced` is a charset label.
pub(super) fn detect(announced: Option<&str>, head: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return (encoding != UTF_8).then_some(encoding);
    }
    if let Some(encoding) = utf16(head) {
        return Some(encoding);
    }
    let encoding = Encoding::for_label(announced?.as_bytes())?;
    // Labels lie: what is UTF-8 and not only ASCII was not written in a national encoding.
    let lies = match std::str::from_utf8(head) {
        Ok(text) => !text.is_ascii(),
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0 && !head.is_ascii(),
    };
    if encoding == UTF_16LE || encoding == UTF_16BE {
        // Text in UTF-8 has no zeroes, and text in UTF-16 is hardly ever UTF-8 by chance.
        let is_utf8 = std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
        return (!is_utf8 || head.contains(&0)).then_some(encoding);
    }
    let converts = encoding != UTF_8;
    (converts && (encoding == ISO_2022_JP || !lies)).then_some(encoding)
}

/// UTF-16 without mark: nearly every other octet is zero, the others are text.
fn utf16(head: &[u8]) -> Option<&'static Encoding> {
    let pairs = head.len() / 2;
    if pairs < 8 || !head.contains(&0) {
        return None;
    }
    let texts = |high: usize| {
        head.chunks_exact(2)
            .filter(|pair| pair[high] == 0 && matches!(pair[1 - high], b'\t' | b'\n' | b'\r' | 0x20..=0x7e))
            .count()
    };
    match () {
        () if texts(1) * 10 >= pairs * 9 => Some(UTF_16LE),
        () if texts(0) * 10 >= pairs * 9 => Some(UTF_16BE),
        () => None,
    }
}

/// Converts to UTF-8.
pub(super) struct Charset {
    decoder: Box<encoding_rs::Decoder>,
}

impl Charset {
    pub(super) fn new(encoding: &'static Encoding) -> Self {
        Self { decoder: Box::new(encoding.new_decoder_with_bom_removal()) }
    }

    fn convert(&mut self, mut input: &[u8], last: bool, out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        let mut utf8 = [0; 1024];
        loop {
            let (result, read, written, _) = self.decoder.decode_to_utf8(input, &mut utf8, last);
            out.give(utf8.get(..written).unwrap_or(&[]))?;
            input = input.get(read..).unwrap_or(&[]);
            if result == CoderResult::InputEmpty {
                return Ok(());
            }
        }
    }
}

impl Decoder for Charset {
    fn decode(&mut self, input: &[u8], out: &mut Outlet<'_, '_>) -> Result<(), Stop> {
        self.convert(input, false, out)
    }

    fn finish(&mut self, out: &mut Outlet<'_, '_>) -> u64 {
        u64::from(self.convert(&[], true, out).is_err())
    }

    fn is_compression(&self) -> bool {
        false
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>() + size_of::<encoding_rs::Decoder>()
    }
}
