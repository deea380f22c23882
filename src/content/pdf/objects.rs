//! What is remembered of a PDF's objects until its end: which fonts a page has, which map a font has, and the text that waits
//! for them. Maps often come after the text that needs them.

use std::collections::BTreeMap;

use super::cmap::CMap;
use super::token::{self, Value};

/// Objects that are remembered.
const OBJECTS_MAX: usize = 4096;
/// References of one object that are remembered.
const REFERENCES_MAX: usize = 256;
/// Octets of maps.
const MAPS_BYTES_MAX: usize = 512 << 10;
/// Octets of text that waits, with what it takes to remember where it belongs.
const TEXT_BYTES_MAX: usize = 512 << 10;

/// A stretch of text of one font, or a space between.
pub(super) struct Piece {
    /// Index into the fonts of the stream; `None` for space, which is as it should be.
    pub(super) font: Option<u16>,
    pub(super) codes: Vec<u8>,
}

/// The text of a content stream.
#[derive(Default)]
pub(super) struct Shown {
    /// Number of the stream's object.
    pub(super) object: u32,
    pub(super) fonts: Vec<Vec<u8>>,
    pub(super) pieces: Vec<Piece>,
}

#[derive(Default)]
struct Object {
    fonts: Vec<(Vec<u8>, u32)>,
    /// Where the resources, and among them the fonts, are.
    resources: Option<u32>,
    font_dictionary: Option<u32>,
    contents: Vec<u32>,
    to_unicode: Option<u32>,
}

/// All that is remembered.
#[derive(Default)]
pub(super) struct Objects {
    objects: BTreeMap<u32, Object>,
    maps: BTreeMap<u32, CMap>,
    map_bytes: usize,
    pub(super) shown: Vec<Shown>,
    shown_bytes: usize,
    /// The file says that it is encrypted.
    pub(super) encrypted: bool,
    /// Objects of a stream that was just read, for their strings.
    pub(super) strings: Vec<Value>,
}

impl Objects {
    /// Remembers what links an object to others.
    pub(super) fn learn(&mut self, number: u32, value: &Value) {
        self.encrypted |= value.get(b"Encrypt").is_some();
        let mut object = Object {
            to_unicode: value.get(b"ToUnicode").and_then(Value::reference),
            resources: value.get(b"Resources").and_then(Value::reference),
            ..Object::default()
        };
        let contents = value.get(b"Contents").map(Value::elements).unwrap_or_default();
        object.contents = contents.iter().filter_map(Value::reference).take(REFERENCES_MAX).collect();
        let resources = value.get(b"Resources").filter(|r| r.reference().is_none()).unwrap_or(value);
        match resources.get(b"Font") {
            Some(Value::Reference(fonts)) => object.font_dictionary = Some(*fonts),
            Some(fonts) => object.fonts = fonts_of(fonts),
            // A dictionary of nothing but references may be one of fonts.
            None => object.fonts = fonts_of(value),
        }
        let known = object.to_unicode.is_some()
            || object.resources.is_some()
            || object.font_dictionary.is_some()
            || !object.fonts.is_empty()
            || !object.contents.is_empty();
        if known && self.objects.len() < OBJECTS_MAX {
            self.objects.entry(number).or_insert(object);
        }
    }

    /// Reads a stream of objects: pairs of number and offset, then, from `first`, the objects.
    pub(super) fn read_stream(&mut self, octets: &[u8], first: usize) {
        let Some((head, objects)) = octets.split_at_checked(first) else { return };
        let numbers = head.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).step_by(2);
        let mut at = 0;
        for number in numbers {
            let Some((value, used)) = objects.get(at..).and_then(token::value) else { break };
            at += used;
            let number = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok()).unwrap_or(0);
            self.learn(number, &value);
            self.strings.push(value);
        }
    }

    /// Remembers a map.
    pub(super) fn add_map(&mut self, number: u32, map: CMap) {
        self.map_bytes += map.held_bytes();
        if self.map_bytes <= MAPS_BYTES_MAX {
            self.maps.entry(number).or_insert(map);
        }
    }

    /// Takes room for text that waits; says whether there was any.
    pub(super) fn take_room(&mut self, bytes: usize) -> bool {
        self.shown_bytes += bytes + size_of::<Piece>();
        self.shown_bytes <= TEXT_BYTES_MAX
    }

    /// The map of a font by its name in a content stream.
    fn map_of(&self, stream: u32, name: &[u8]) -> Option<&CMap> {
        let page = self.objects.values().find(|object| object.contents.contains(&stream));
        let own = self.objects.get(&stream);
        let font = own.into_iter().chain(page).find_map(|object| self.font_of(object, name));
        // Fonts that a page inherits, or that its resources name in a way that is not followed.
        let font = font.or_else(|| self.objects.values().find_map(|object| named(&object.fonts, name)));
        self.maps.get(&self.objects.get(&font?)?.to_unicode?)
    }

    fn font_of(&self, object: &Object, name: &[u8]) -> Option<u32> {
        let of = |number: Option<u32>| number.and_then(|number| self.objects.get(&number));
        let resources = of(object.resources);
        let dictionaries =
            [Some(object), of(object.font_dictionary), resources, resources.and_then(|r| of(r.font_dictionary))];
        dictionaries.into_iter().flatten().find_map(|object| named(&object.fonts, name))
    }

    /// The text of a content stream, and how many octets of it have no meaning that is known.
    pub(super) fn text(&self, shown: &Shown) -> (String, usize) {
        let maps: Vec<_> = shown.fonts.iter().map(|name| self.map_of(shown.object, name)).collect();
        let (mut text, mut unknown) = (String::new(), 0);
        for piece in &shown.pieces {
            let font = piece.font.map(|font| maps.get(usize::from(font)).copied().flatten());
            match font {
                Some(Some(map)) => map.decode(&piece.codes, &mut text),
                // Without a map codes are characters of Windows-1252, if they look like it.
                _ if piece.codes.iter().any(|code| *code < b' ' && *code != b'\n') => unknown += piece.codes.len(),
                _ => text.push_str(&encoding_rs::WINDOWS_1252.decode_without_bom_handling(&piece.codes).0),
            }
        }
        (text, unknown)
    }

    pub(super) fn held_bytes(&self) -> usize {
        let object = |object: &Object| {
            size_of::<Object>() + object.fonts.capacity() * 48 + object.contents.capacity() * size_of::<u32>()
        };
        self.map_bytes + self.shown_bytes.min(TEXT_BYTES_MAX) + self.objects.values().map(object).sum::<usize>()
    }
}

fn named(fonts: &[(Vec<u8>, u32)], name: &[u8]) -> Option<u32> {
    fonts.iter().find(|(own, _)| own == name).map(|(_, font)| *font)
}

/// A dictionary of names and references.
fn fonts_of(value: &Value) -> Vec<(Vec<u8>, u32)> {
    let Value::Dictionary(entries) = value else { return Vec::new() };
    if !entries.iter().all(|(_, value)| value.reference().is_some()) {
        return Vec::new();
    }
    let fonts = entries.iter().filter_map(|(name, value)| Some((name.clone(), value.reference()?)));
    fonts.filter(|(name, _)| name.len() <= 64).take(REFERENCES_MAX).collect()
}
