//! The watch file: a short open header and a sealed body.
//!
//! ```text
//! header  "BPWATCH1"  length of what follows (4)
//!         key check value (8)  nonce (12)  epoch (4)  flags (1: canary)
//!         list name
//!         primaries (1) { type, form }...
//!         secondaries (1) { field, type, form }...
//!         log2 of entries (1)  log2 of rows (1)  octets of a label (1)
//! body    entries in truth (4)  rows in truth (4)
//!         tags: 16 octets each, ascending               padded with random ones to a power of two
//!         rows of the tags: 4 octets each, from 0       ffffffff for padding
//!         rows: secondary tags of 8 octets, label (length and octets)    padded to a power of two
//! seal    16 octets: AES-256-GCM over the body, with the header as additional data
//! ```
//!
//! Numbers are big endian, texts a length octet and UTF-8. The seal is the checksum, and hides what tags do not: labels
//! and true counts. Whoever has no key sees the list's name, its types, and its size to a power of two. A file is read
//! whole, checked whole, and never mapped.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::form::Form;
use super::key::{RowTag, Tag, Tagger, WatchKey};

const MAGIC: &[u8; 8] = b"BPWATCH1";
/// Octets of a header after its length.
const HEADER_OCTETS_MAX: usize = 16 << 10;
/// Rows of a list, and entries in it: 2^27.
pub(super) const LOG2_MAX: u8 = 27;
/// Primary types, and secondary fields.
pub(super) const FIELDS_MAX: usize = 16;
/// Octets of a label, without its length.
pub(super) const LABEL_OCTETS_MAX: usize = 64;
const SEAL_OCTETS: usize = 16;
const PADDING_ROW: u32 = u32::MAX;

/// Octets of a watch file that is read at most: 2^27 rows are more than any list of people that one sensor watches.
pub const WATCH_FILE_OCTETS_MAX: u64 = 16 << 30;

/// Why a watch file cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchFileError {
    /// It does not begin as one.
    #[error("it is no watch file")]
    NoWatchFile,
    /// It ends too early, or has more than it says.
    #[error("its length is not what its header says")]
    Length,
    /// A part of the header is out of range.
    #[error("its header is damaged: {0}")]
    Header(&'static str),
    /// A form of a newer version.
    #[error("it was made by a newer version, with a normal form that is not known here")]
    Form,
    /// Another key.
    #[error("it was made with another key")]
    Key,
    /// The seal is broken.
    #[error("it is damaged, or was changed: its seal does not fit")]
    Seal,
    /// The sealed part contradicts itself.
    #[error("its content is wrong: {0}")]
    Body(&'static str),
}

/// A type of primary values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Primary {
    /// Signature id, or `token`.
    pub(super) kind: String,
    pub(super) form: Form,
}

/// A field of secondary values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Secondary {
    pub(super) field: String,
    /// Signature id, or `text`.
    pub(super) kind: String,
    pub(super) form: Form,
}

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) epoch: u32,
    pub(super) canary: bool,
    pub(super) name: String,
    pub(super) primaries: Vec<Primary>,
    pub(super) secondaries: Vec<Secondary>,
    pub(super) entries_log2: u8,
    pub(super) rows_log2: u8,
    pub(super) label_octets: u8,
}

/// Names of lists: they become parts of signature ids and metric labels.
pub(super) fn is_list_name(name: &str) -> bool {
    (1..=48).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl Header {
    const fn entries(&self) -> usize {
        1 << self.entries_log2
    }

    const fn rows(&self) -> usize {
        1 << self.rows_log2
    }

    fn row_octets(&self) -> usize {
        self.secondaries.len() * size_of::<RowTag>() + 1 + usize::from(self.label_octets)
    }

    fn body_octets(&self) -> usize {
        8 + self.entries() * (size_of::<Tag>() + 4) + self.rows() * self.row_octets()
    }

    fn write(&self, check: [u8; 8], nonce: [u8; 12]) -> Vec<u8> {
        let mut rest = Vec::new();
        rest.extend(check);
        rest.extend(nonce);
        rest.extend(self.epoch.to_be_bytes());
        rest.push(u8::from(self.canary));
        let text = |rest: &mut Vec<u8>, text: &str| {
            let octets = text.as_bytes();
            let octets = octets.get(..octets.len().min(255)).unwrap_or_default();
            rest.push(octets.len() as u8);
            rest.extend(octets);
        };
        text(&mut rest, &self.name);
        rest.push(self.primaries.len() as u8);
        for primary in &self.primaries {
            text(&mut rest, &primary.kind);
            text(&mut rest, primary.form.as_str());
        }
        rest.push(self.secondaries.len() as u8);
        for secondary in &self.secondaries {
            text(&mut rest, &secondary.field);
            text(&mut rest, &secondary.kind);
            text(&mut rest, secondary.form.as_str());
        }
        rest.extend([self.entries_log2, self.rows_log2, self.label_octets]);
        let mut header = MAGIC.to_vec();
        header.extend((rest.len() as u32).to_be_bytes());
        header.extend(rest);
        header
    }

    /// Header, key check value, nonce, and length of all of it.
    fn read(file: &[u8]) -> Result<(Self, [u8; 8], [u8; 12], usize), WatchFileError> {
        let mut outer = Cursor(file);
        if outer.array::<8>().ok().as_ref() != Some(MAGIC) {
            return Err(WatchFileError::NoWatchFile);
        }
        let length = outer.number()? as usize;
        if length > HEADER_OCTETS_MAX {
            return Err(WatchFileError::Header("length"));
        }
        let mut cursor = Cursor(outer.take(length)?);
        let check = cursor.array()?;
        let nonce = cursor.array()?;
        let epoch = cursor.number()?;
        let canary = match cursor.octet()? {
            0 => false,
            1 => true,
            _ => return Err(WatchFileError::Header("flags")),
        };
        let name = cursor.text()?;
        if !is_list_name(&name) {
            return Err(WatchFileError::Header("name"));
        }
        let count = usize::from(cursor.octet()?);
        if !(1..=FIELDS_MAX).contains(&count) {
            return Err(WatchFileError::Header("primaries"));
        }
        let primaries = (0..count)
            .map(|_| Ok(Primary { kind: cursor.text()?, form: cursor.form()? }))
            .collect::<Result<Vec<_>, WatchFileError>>()?;
        let count = usize::from(cursor.octet()?);
        if count > FIELDS_MAX {
            return Err(WatchFileError::Header("secondaries"));
        }
        let secondaries = (0..count)
            .map(|_| Ok(Secondary { field: cursor.text()?, kind: cursor.text()?, form: cursor.form()? }))
            .collect::<Result<Vec<_>, WatchFileError>>()?;
        let [entries_log2, rows_log2, label_octets] = cursor.array()?;
        if !cursor.0.is_empty() {
            return Err(WatchFileError::Header("length"));
        }
        if entries_log2 > LOG2_MAX || rows_log2 > LOG2_MAX || usize::from(label_octets) > LABEL_OCTETS_MAX {
            return Err(WatchFileError::Header("sizes"));
        }
        let header = Self { epoch, canary, name, primaries, secondaries, entries_log2, rows_log2, label_octets };
        Ok((header, check, nonce, 12 + length))
    }
}

/// Reads without ever reading past the end.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], WatchFileError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(WatchFileError::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WatchFileError> {
        self.take(N)?.try_into().map_err(|_| WatchFileError::Length)
    }

    fn octet(&mut self) -> Result<u8, WatchFileError> {
        self.array::<1>().map(|[octet]| octet)
    }

    fn number(&mut self) -> Result<u32, WatchFileError> {
        self.array().map(u32::from_be_bytes)
    }

    fn text(&mut self) -> Result<String, WatchFileError> {
        let length = usize::from(self.octet()?);
        String::from_utf8(self.take(length)?.to_vec()).map_err(|_| WatchFileError::Header("text"))
    }

    fn form(&mut self) -> Result<Form, WatchFileError> {
        Form::named(&self.text()?).ok_or(WatchFileError::Form)
    }
}

fn cipher(tagger: &Tagger) -> Result<LessSafeKey, WatchFileError> {
    UnboundKey::new(&AES_256_GCM, &tagger.seal_key()).map(LessSafeKey::new).map_err(|_| WatchFileError::Seal)
}

/// A row as it is written: secondary tags in the order of the fields (`None`: the row has no such value), label.
pub(super) struct Row {
    pub(super) secondaries: Vec<Option<RowTag>>,
    pub(super) label: String,
}

/// Writes a file. `header` comes without sizes; `entries` are tags and row numbers from 0.
pub(super) fn write(tagger: &Tagger, mut header: Header, mut entries: Vec<(Tag, u32)>, rows: &[Row]) -> Vec<u8> {
    entries.sort_unstable();
    entries.dedup();
    let (true_entries, true_rows) = (entries.len(), rows.len());
    header.entries_log2 = true_entries.max(1).next_power_of_two().trailing_zeros() as u8;
    header.rows_log2 = true_rows.max(1).next_power_of_two().trailing_zeros() as u8;
    // Rounded up, so that the width tells little of the labels.
    header.label_octets = rows.iter().map(|row| row.label.len()).max().unwrap_or(0).next_multiple_of(8) as u8;
    let mut numbers = 0u64..;
    let mut random = || tagger.padding(numbers.next().unwrap_or_default());
    entries.extend((true_entries..header.entries()).map(|_| (random(), PADDING_ROW)));
    entries.sort_unstable();
    let mut body = Vec::with_capacity(header.body_octets() + SEAL_OCTETS);
    body.extend((true_entries as u32).to_be_bytes());
    body.extend((true_rows as u32).to_be_bytes());
    body.extend(entries.iter().flat_map(|(tag, _)| tag));
    body.extend(entries.iter().flat_map(|(_, row)| row.to_be_bytes()));
    let width = usize::from(header.label_octets);
    for row in rows {
        for tag in &row.secondaries {
            body.extend(tag.unwrap_or_else(|| {
                let [a, b, c, d, e, f, g, h, ..] = random();
                [a, b, c, d, e, f, g, h]
            }));
        }
        let label = row.label.as_bytes().get(..row.label.len().min(width)).unwrap_or_default();
        body.push(label.len() as u8);
        body.extend(label);
        body.resize(body.len() + width - label.len(), 0);
    }
    // The seal covers padding rows: they need not look like anything.
    body.resize(header.body_octets(), 0);
    seal(tagger, &header, body)
}

fn seal(tagger: &Tagger, header: &Header, mut body: Vec<u8>) -> Vec<u8> {
    let check = tagger.check_value();
    let nonce = tagger.nonce(&header.write(check, [0; 12]), &body);
    let mut file = header.write(check, nonce);
    // Sealing fails only past 64 GiB, which the limits above are far from; an empty body would be refused when read.
    if let Ok(key) = cipher(tagger)
        && key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&file), &mut body).is_err()
    {
        body.clear();
    }
    file.extend(body);
    file
}

/// A watch file, opened and checked. It holds labels of people: no `Debug`.
pub(super) struct Opened {
    pub(super) header: Header,
    /// The file; the body stands in clear from `tags_at`.
    octets: Vec<u8>,
    tags_at: usize,
    refs_at: usize,
    rows_at: usize,
    true_rows: u32,
    filter: Filter,
}

impl Opened {
    /// Opens a file with its key and checks all of it.
    pub(super) fn open(mut octets: Vec<u8>, key: &WatchKey) -> Result<Self, WatchFileError> {
        let tagger = Tagger::new(key);
        let (header, check, nonce, header_octets) = Header::read(&octets)?;
        if octets.len() != header_octets + header.body_octets() + SEAL_OCTETS {
            return Err(WatchFileError::Length);
        }
        if check != tagger.check_value() {
            return Err(WatchFileError::Key);
        }
        let (head, sealed) = octets.split_at_mut_checked(header_octets).ok_or(WatchFileError::Length)?;
        cipher(&tagger)?
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(&*head), sealed)
            .map_err(|_| WatchFileError::Seal)?;
        octets.truncate(header_octets + header.body_octets());
        let mut counts = Cursor(octets.get(header_octets..).unwrap_or_default());
        let (true_entries, true_rows) = (counts.number()? as usize, counts.number()?);
        if true_entries > header.entries() || true_rows as usize > header.rows() {
            return Err(WatchFileError::Body("counts"));
        }
        let tags_at = header_octets + 8;
        let refs_at = tags_at + header.entries() * size_of::<Tag>();
        let rows_at = refs_at + header.entries() * 4;
        let filter = Filter::new(true_entries);
        let mut opened = Self { header, octets, tags_at, refs_at, rows_at, true_rows, filter };
        opened.check(true_entries)?;
        Ok(opened)
    }

    fn check(&mut self, true_entries: usize) -> Result<(), WatchFileError> {
        let mut before = [0; 16];
        let mut real = 0;
        let mut filter = std::mem::take(&mut self.filter);
        for at in 0..self.header.entries() {
            let tag = self.tag(at).ok_or(WatchFileError::Length)?;
            if tag < before {
                return Err(WatchFileError::Body("order of tags"));
            }
            before = tag;
            match self.row_ref(at) {
                Some(PADDING_ROW) => {}
                Some(row) if row < self.true_rows => {
                    real += 1;
                    filter.insert(&tag);
                }
                _ => return Err(WatchFileError::Body("row numbers")),
            }
        }
        if real != true_entries {
            return Err(WatchFileError::Body("number of entries"));
        }
        for row in 0..self.true_rows {
            self.label(row).ok_or(WatchFileError::Body("labels"))?;
        }
        self.filter = filter;
        Ok(())
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.octets.get(at..at + N)?.try_into().ok()
    }

    fn tag(&self, at: usize) -> Option<Tag> {
        self.array(self.tags_at + at * size_of::<Tag>())
    }

    fn row_ref(&self, at: usize) -> Option<u32> {
        self.array(self.refs_at + at * 4).map(u32::from_be_bytes)
    }

    /// Rows of the list.
    pub(super) const fn rows(&self) -> u32 {
        self.true_rows
    }

    /// Octets of memory held.
    pub(super) fn held_bytes(&self) -> usize {
        self.octets.capacity() + self.filter.blocks.capacity() * size_of::<Block>()
    }

    /// The first entry with this tag, if there is one.
    #[inline]
    pub(super) fn find(&self, tag: &Tag) -> Option<usize> {
        if !self.filter.may_contain(tag) {
            return None;
        }
        let (mut low, mut high) = (0, self.header.entries());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.tag(middle)? < *tag {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low < self.header.entries() && self.tag(low)? == *tag && self.row_ref(low)? != PADDING_ROW).then_some(low)
    }

    /// The rows of the entries that have the tag of entry `first`.
    pub(super) fn rows_of(&self, first: usize) -> impl Iterator<Item = u32> {
        let tag = self.tag(first);
        (first..self.header.entries())
            .take_while(move |&at| self.tag(at) == tag)
            .filter_map(|at| self.row_ref(at))
            .filter(|row| *row != PADDING_ROW)
    }

    /// The tag of a row's secondary field.
    pub(super) fn secondary(&self, row: u32, field: usize) -> Option<RowTag> {
        self.array(self.rows_at + row as usize * self.header.row_octets() + field * size_of::<RowTag>())
    }

    /// What the operator calls a row; empty without labels.
    pub(super) fn label(&self, row: u32) -> Option<&str> {
        let end = self.rows_at + (row as usize + 1) * self.header.row_octets();
        let from = end - usize::from(self.header.label_octets) - 1;
        let length = usize::from(*self.octets.get(from)?);
        if length > usize::from(self.header.label_octets) {
            return None;
        }
        std::str::from_utf8(self.octets.get(from + 1..from + 1 + length)?).ok()
    }
}

/// Which tags cannot be in the list: a Bloom filter of one cache line a tag. Tags are keyed, so the filter is, and what
/// is asked of it must have been tagged with the key. It is made when a file is read: it cannot contradict the tags.
#[derive(Default)]
struct Filter {
    blocks: Vec<Block>,
    mask: usize,
}

#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Block([u64; 8]);

/// Bits set for a tag, each in its own word.
const FILTER_BITS: usize = 6;

impl Filter {
    /// Sixteen bits an entry, to the next power of two of blocks.
    fn new(entries: usize) -> Self {
        let blocks = (entries / 32).max(1).next_power_of_two();
        Self { blocks: vec![Block::default(); blocks], mask: blocks - 1 }
    }

    /// Block, and the bit of each word of it.
    #[inline]
    fn place(&self, tag: &Tag) -> (usize, u64) {
        let [a, b, c, d, e, f, g, h, bits @ ..] = *tag;
        (u64::from_be_bytes([h, g, f, e, d, c, b, a]) as usize & self.mask, u64::from_be_bytes(bits))
    }

    fn insert(&mut self, tag: &Tag) {
        let (block, mut bits) = self.place(tag);
        if let Some(Block(words)) = self.blocks.get_mut(block) {
            for word in words.iter_mut().take(FILTER_BITS) {
                *word |= 1 << (bits & 63);
                bits >>= 6;
            }
        }
    }

    #[inline]
    fn may_contain(&self, tag: &Tag) -> bool {
        let (block, mut bits) = self.place(tag);
        self.blocks.get(block).is_some_and(|Block(words)| {
            words.iter().take(FILTER_BITS).all(|word| {
                let set = word >> (bits & 63) & 1 == 1;
                bits >>= 6;
                set
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> WatchKey {
        WatchKey::new(&[9; 32]).unwrap()
    }

    fn header() -> Header {
        Header {
            epoch: 3,
            canary: false,
            name: "people".to_owned(),
            primaries: vec![Primary { kind: "us-ssn".to_owned(), form: Form::Digits }],
            secondaries: vec![Secondary { field: "surname".to_owned(), kind: "text".to_owned(), form: Form::Text }],
            entries_log2: 0,
            rows_log2: 0,
            label_octets: 0,
        }
    }

    fn file() -> Vec<u8> {
        let tagger = Tagger::new(&key());
        let entries = (0..5u32).map(|row| (tagger.tag("us-ssn", &row.to_be_bytes()), row)).collect();
        let rows: Vec<Row> = (0..5u64)
            .map(|row| Row {
                secondaries: vec![Some(tagger.row_tag(row + 1, "surname", b"sample"))],
                label: format!("person-{row}"),
            })
            .collect();
        write(&tagger, header(), entries, &rows)
    }

    #[test]
    fn what_is_written_is_read() {
        let tagger = Tagger::new(&key());
        let opened = Opened::open(file(), &key()).unwrap();
        assert_eq!((opened.rows(), opened.header.entries(), opened.header.rows()), (5, 8, 8));
        for row in 0..5u32 {
            let at = opened.find(&tagger.tag("us-ssn", &row.to_be_bytes())).unwrap();
            assert_eq!(opened.rows_of(at).collect::<Vec<_>>(), [row]);
            assert_eq!(opened.label(row), Some(&*format!("person-{row}")));
            assert_eq!(opened.secondary(row, 0), Some(tagger.row_tag(u64::from(row) + 1, "surname", b"sample")));
        }
        assert_eq!(opened.find(&tagger.tag("us-ssn", b"other")), None);
        assert_eq!(file(), file());
    }

    #[test]
    fn every_prefix_and_every_changed_octet_is_refused() {
        let whole = file();
        for end in 0..whole.len() {
            assert!(Opened::open(whole[..end].to_vec(), &key()).is_err(), "{end}");
        }
        for at in 0..whole.len() {
            for bit in [1, 0x80] {
                let mut changed = whole.clone();
                changed[at] ^= bit;
                assert!(Opened::open(changed, &key()).is_err(), "{at}");
            }
        }
        assert_eq!(Opened::open([whole, vec![0]].concat(), &key()).err(), Some(WatchFileError::Length));
        assert_eq!(Opened::open(file(), &WatchKey::new(&[8; 32]).unwrap()).err(), Some(WatchFileError::Key));
    }

    /// Who has the key can seal anything: what is inside is checked all the same.
    #[test]
    fn sealed_nonsense_is_refused_without_panic() {
        let tagger = Tagger::new(&key());
        let (head, _, _, header_octets) = Header::read(&file()).unwrap();
        let opened = Opened::open(file(), &key()).unwrap();
        let body = opened.octets[header_octets..].to_vec();
        let mut accepted = 0;
        for at in 0..body.len() {
            for octet in [0, 0x7f, 0xff] {
                let mut changed = body.clone();
                changed[at] = octet;
                if let Ok(opened) = Opened::open(seal(&tagger, &head, changed), &key()) {
                    accepted += 1;
                    for row in 0..opened.rows() {
                        assert!(opened.label(row).is_some());
                    }
                    opened.find(&[0xff; 16]);
                }
            }
        }
        // Tags and padding may be anything.
        assert!(accepted > 0 && accepted < body.len() * 3);
    }

    #[test]
    fn huge_sizes_are_refused_before_anything_is_allocated() {
        let tagger = Tagger::new(&key());
        let mut header = header();
        header.entries_log2 = LOG2_MAX;
        header.rows_log2 = LOG2_MAX;
        assert_eq!(Opened::open(seal(&tagger, &header, vec![0; 100]), &key()).err(), Some(WatchFileError::Length));
        header.rows_log2 = 200;
        let file = seal(&tagger, &header, Vec::new());
        assert_eq!(Opened::open(file, &key()).err(), Some(WatchFileError::Header("sizes")));
    }
}
