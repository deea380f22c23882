//! The rsync daemon's protocol (rsync's `csprotocol.txt`, `io.c`): greeting, module, options, then messages in frames.
//!
//! What the frames of data carry, put together, is a document under the name of the module: the list of files with their names, the
//! receiver's checksums. In it, the octets of each file that the receiver does not have are a document of their own ([`transfer`]).
//! Under compression (`-z`) a frame that cannot be read is reported; the list of files is not compressed.

use crate::model::{Direction, DocumentKind, DocumentStart, UninspectedReason};

use super::decoder::{Doc, Input, Out, Probe, Role, Step, StreamDecoder};
use super::lines::{Run, bare, begins, line_len};
use super::reader::Reader;
use super::unknown::{Raw, plain};

mod transfer;

use transfer::Transfer;

/// Where daemons listen.
pub(crate) const PORTS: &[u16] = &[873];

const GREETING: &[u8] = b"@RSYNCD: ";
/// A frame's kind is a number above this; data are kind 0.
const KIND_BASE: u8 = 7;
/// The highest kind of a frame that rsync knows (`MSG_NO_SEND`).
const KIND_MAX: u8 = 102;
/// Octets of one option, and of the names of algorithms.
const OPTION_MAX: usize = 4 << 10;

/// Looks at the first octets of a half-stream: the greeting with the version, which both ends send.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    match begins(octets, GREETING) {
        None => Probe::More,
        Some(false) => Probe::No,
        Some(true) => match octets.get(GREETING.len()) {
            None => Probe::More,
            Some(digit) if digit.is_ascii_digit() => Probe::Yes(Role::Either),
            Some(_) => Probe::No,
        },
    }
}

/// A decoder for both ends.
pub(crate) fn decoder(client: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Rsync { client, module: None, modern: true, compressed: false, serves: false, halves: Default::default() })
}

struct Rsync {
    client: Direction,
    module: Option<String>,
    /// Both ends speak at least version 30: the client's octets are in frames too.
    modern: bool,
    compressed: bool,
    /// The server sends the files.
    serves: bool,
    halves: [Half; 2],
}

#[derive(Default)]
struct Half {
    place: Place,
    /// Lines so far, greeting included.
    lines: u32,
    around: Run,
    /// What the receiver's frames of data carry.
    data: Option<Doc>,
    /// What the sender's carry.
    files: Transfer,
    /// A frame of data under compression.
    packed: Option<Raw>,
    /// Not understood, to the end.
    lost: Option<Raw>,
}

/// What comes next in a direction.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Lines,
    /// The client's options, each ended by a zero (or a line's end, before version 30); an empty one ends them.
    Options,
    /// The server's capabilities, a number of variable length.
    Capabilities,
    /// Names of algorithms, where the ends agree on them.
    Algorithms,
    /// The server's seed for checksums.
    Seed,
    Frame,
    /// So many octets of a frame; whether they are data.
    Content(u32, bool),
    /// Data without frames.
    Bare,
}

impl Rsync {
    fn half(&mut self, dir: Direction) -> &mut Half {
        dir.of_mut(&mut self.halves)
    }

    /// A line of the dialogue before the transfer.
    fn line(&mut self, input: &Input<'_>, len: usize, out: &mut Out<'_>) {
        let client = input.dir == self.client;
        let whole = input.octets.get(..len).unwrap_or_default();
        let line = bare(whole);
        let half = self.half(input.dir);
        half.lines += 1;
        let kind = if client { DocumentKind::Command } else { DocumentKind::Reply };
        half.around.octets(input.dir, kind, input.at, whole, out);
        if let (1, Some(version)) = (half.lines, line.strip_prefix(GREETING)) {
            let number = version.split(|octet| !octet.is_ascii_digit()).next().unwrap_or_default();
            self.modern &= number.len() > 2 || number >= &b"30"[..];
        } else if client && half.lines == 2 {
            self.module = Some(String::from_utf8_lossy(line).into_owned()).filter(|name| !name.is_empty());
        } else if !client && line == b"@RSYNCD: OK" {
            half.around.close(out);
            self.half(input.dir).place = if self.modern { Place::Capabilities } else { Place::Seed };
        }
    }

    /// One option with what ends it; `None` if its end is not there.
    fn option(&mut self, input: &Input<'_>, out: &mut Out<'_>) -> Option<usize> {
        let end = input.octets.iter().position(|octet| matches!(octet, 0 | b'\n'))?;
        let option = input.octets.get(..end).unwrap_or_default();
        // `-logDtprze.iLsfxC`: single letters, and after the `e` what the client is capable of.
        let mut letters = option.strip_prefix(b"-").unwrap_or_default().split(|octet| *octet == b'e');
        let packs = letters.next().is_some_and(|letters| !letters.starts_with(b"-") && letters.contains(&b'z'));
        let named = [&b"--compress"[..], b"--new-compress", b"--old-compress", b"--zc"].contains(&option)
            || option.starts_with(b"--compress-choice=")
            || option.starts_with(b"--zc=");
        self.compressed |= packs || named;
        self.serves |= option == b"--sender";
        let modern = self.modern;
        let half = self.half(input.dir);
        half.around.octets(input.dir, DocumentKind::Command, input.at, option, out);
        if option.is_empty() {
            half.around.close(out);
            half.place = if modern { Place::Algorithms } else { Place::Bare };
        } else {
            // Options are words of one command, as in a shell.
            half.around.octets(input.dir, DocumentKind::Command, input.at, b" ", out);
        }
        Some(end + 1)
    }

    /// What stands before the frames. `None`: more octets are needed.
    fn before(&mut self, input: &Input<'_>) -> Option<usize> {
        let server = input.dir != self.client;
        let half = self.half(input.dir);
        let mut reader = Reader::new(input.octets);
        match half.place {
            Place::Capabilities => {
                // The first octet tells by its leading ones how many follow.
                let first = reader.u8()?;
                reader.take(first.leading_ones() as usize)?;
                half.place = Place::Algorithms;
            }
            Place::Algorithms => {
                let len = usize::from(reader.u8()?);
                let is_name = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b' ' | b'-' | b'.');
                let there = reader.rest().get(..len).unwrap_or(reader.rest());
                if (3..=127).contains(&len) && there.iter().all(is_name) {
                    reader.take(len)?;
                } else {
                    half.place = if server { Place::Seed } else { Place::Frame };
                    return Some(0);
                }
            }
            _ => {
                reader.u32()?;
                half.place = Place::Frame;
            }
        }
        Some(reader.at())
    }

    /// Octets within a frame.
    fn content(&mut self, input: &Input<'_>, left: u32, data: bool, out: &mut Out<'_>) -> usize {
        let (module, compressed, dir) = (self.module.clone(), self.compressed, input.dir);
        let sends = self.serves == (dir != self.client);
        let half = self.half(dir);
        let octets = input.octets.get(..left as usize).unwrap_or(input.octets);
        let left = left - octets.len() as u32;
        if !data {
            half.around.octets(dir, DocumentKind::Reply, input.at, octets, out);
        } else if compressed {
            let raw = half.packed.get_or_insert(Raw::new(dir, UninspectedReason::Undecodable, None));
            if raw.sealed().is_some() {
                out.unread(dir, octets.len(), UninspectedReason::Undecodable);
            } else {
                raw.octets(input.at, octets, out);
            }
        } else if sends {
            half.files.octets(dir, input.at, octets, module.as_deref(), out);
        } else {
            let start = || DocumentStart {
                name: module.as_deref().map(Into::into),
                ..plain(DocumentKind::FileContent, input.at)
            };
            let doc = half.data.get_or_insert_with(|| out.start(dir, start()));
            out.octets(doc, octets);
        }
        half.place = Place::Content(left, data);
        if left == 0 {
            half.place = Place::Frame;
            half.end_frame(out);
        }
        octets.len()
    }
}

impl Half {
    fn end_frame(&mut self, out: &mut Out<'_>) {
        self.around.close(out);
        if let Some(mut raw) = self.packed.take() {
            raw.end(out);
        }
    }

    fn data_gap(&mut self, len: u64, out: &mut Out<'_>) {
        self.files.gap(len, out);
        if let Some(doc) = &self.data {
            out.gap(doc, len);
        }
    }

    fn close(&mut self, out: &mut Out<'_>) {
        self.end_frame(out);
        self.files.close(out);
        if let Some(doc) = self.data.take() {
            out.end(&doc);
        }
        if let Some(mut raw) = self.lost.take() {
            raw.end(out);
        }
    }

    fn lose(&mut self, dir: Direction, out: &mut Out<'_>) {
        self.close(out);
        self.lost = Some(Raw::new(dir, UninspectedReason::UnknownProtocol, None));
    }
}

impl StreamDecoder for Rsync {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let client = input.dir == self.client;
        let half = self.half(input.dir);
        if let Some(raw) = &mut half.lost {
            raw.octets(input.at, input.octets, out);
            return Step::Took(input.octets.len());
        }
        let waiting = match half.place {
            // Options follow the module, or the answer to a challenge; they are told by their first word.
            Place::Lines if client && half.lines >= 2 && begins(input.octets, b"--server") != Some(false) => {
                if begins(input.octets, b"--server").is_some() {
                    half.around.close(out);
                    half.place = Place::Options;
                    return self.advance(input, out);
                }
                None
            }
            Place::Lines => line_len(&input).inspect(|len| self.line(&input, *len, out)),
            Place::Options if input.octets.len() > OPTION_MAX => {
                half.lose(input.dir, out);
                return self.advance(input, out);
            }
            Place::Options => self.option(&input, out),
            Place::Capabilities | Place::Algorithms | Place::Seed => match self.before(&input) {
                Some(0) => return self.advance(input, out),
                used => used,
            },
            Place::Frame => match input.octets.first_chunk() {
                None => None,
                Some(&[a, b, c, kind]) if (KIND_BASE..=KIND_BASE + KIND_MAX).contains(&kind) => {
                    let len = u32::from_le_bytes([a, b, c, 0]);
                    if len > 0 {
                        half.place = Place::Content(len, kind == KIND_BASE);
                    }
                    Some(4)
                }
                Some(_) => {
                    half.lose(input.dir, out);
                    return self.advance(input, out);
                }
            },
            Place::Content(left, data) => Some(self.content(&input, left, data, out)),
            Place::Bare => {
                let len = u32::try_from(input.octets.len()).unwrap_or(u32::MAX);
                let used = self.content(&input, len, true, out);
                self.half(input.dir).place = Place::Bare;
                Some(used)
            }
        };
        match waiting {
            Some(used) => Step::Took(used),
            None if input.more => Step::Took(0),
            None => {
                self.half(input.dir).lose(input.dir, out);
                self.advance(input, out)
            }
        }
    }

    fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        let half = self.half(dir);
        if let Some(raw) = &mut half.lost {
            return raw.gap(len, out);
        }
        match half.place {
            Place::Content(left, data) if len < u64::from(left) => {
                half.place = Place::Content(left - len as u32, data);
                half.around.gap(len, out);
                if let Some(raw) = &mut half.packed {
                    raw.gap(len, out);
                }
                if data {
                    half.data_gap(len, out);
                }
            }
            Place::Bare => half.data_gap(len, out),
            _ => half.lose(dir, out),
        }
    }

    fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        self.half(dir).close(out);
    }

    fn sealed(&self, dir: Direction) -> Option<UninspectedReason> {
        dir.of(&self.halves).lost.as_ref().and_then(Raw::sealed)
    }

    fn held_bytes(&self) -> usize {
        let half = |half: &Half| {
            half.packed.iter().chain(&half.lost).map(Raw::held_bytes).sum::<usize>() + half.files.held_bytes()
        };
        size_of::<Self>() + self.module.as_ref().map_or(0, String::len) + self.halves.iter().map(half).sum::<usize>()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::model::{AppProto, Direction, DocumentKind, UninspectedReason};

    use super::super::tests::{Part, noise, whole};
    use Direction::{Backward, Forward};

    fn frame(kind: u8, octets: &[u8]) -> Vec<u8> {
        [&(octets.len() as u32 | u32::from(kind + 7) << 24).to_le_bytes()[..], octets].concat()
    }

    /// An upload with algorithms agreed on, a download with compression and a password, and one of version 29.
    pub(crate) fn samples() -> Vec<(AppProto, Vec<Part>)> {
        let upload = [
            &b"@RSYNCD: 31.0 sha512 sha256 sha1 md5 md4\nbackup\n--server\0-vlogDtpre.iLsfxCIvu\0.\0backup/\0\0"[..],
            b"\x0cmd5 md4 sha1",
            &frame(0, b"\x19\x09users.csv\0\0"),
            // A new file in two literals, its checksum, and one of which the receiver has the second block.
            &frame(0, &[&b"\x02\0\xa0"[..], &[0; 16], b"\x05\0\0\0na"].concat()),
            &frame(0, b"me,\x04\0\0\0ssn\n\0\0\0\0checksum of 16..."),
            &frame(
                0,
                b"\x01\x04\x80\x02\0\0\0\xbc\x02\0\0\x02\0\0\0\x20\0\0\0\x03\0\0\0new\xfe\xff\xff\xff\0\0\0\0done",
            ),
            &frame(2, b"a message\n"),
        ]
        .concat();
        let server = [
            &b"@RSYNCD: 30.0\nWelcome\n@RSYNCD: OK\n"[..],
            b"\x81\xff\x0bxxh128 md5 \x12\x34\x56\x78",
            &frame(0, b"\0"),
            &frame(35, b""),
        ]
        .concat();
        let download = b"@RSYNCD: 31.0\npriv\njoe QmFzZTY0\n--server\0--sender\0-logDtprze.iLsfx\0.\0priv/\0\0\x04\0\0\x07\0\0\0\0";
        let packed = [
            &b"@RSYNCD: 31.0\n@RSYNCD: AUTHREQD abc\n@RSYNCD: OK\n\x3f\x01\x02\x03\x04"[..],
            &frame(0, b"\x19\x08list.txt\0\0\0"),
            &frame(0, &noise(3000)),
        ]
        .concat();
        vec![
            (
                AppProto::Rsync,
                vec![(Backward, server[..14].to_vec()), (Forward, upload), (Backward, server[14..].to_vec())],
            ),
            (AppProto::Rsync, vec![(Forward, download.to_vec()), (Backward, packed)]),
            (
                AppProto::Rsync,
                vec![
                    (Backward, b"@RSYNCD: 29\n".to_vec()),
                    (Forward, b"@RSYNCD: 29\nold\n--server\n.\nold/\n\nall of this is data".to_vec()),
                    (Backward, [&b"@RSYNCD: OK\nseed"[..], &frame(1, b"error")].concat()),
                ],
            ),
        ]
    }

    #[test]
    fn transfers_are_read() {
        let read = |at: usize| {
            let (_, parts) = samples().swap_remove(at);
            whole(&parts.iter().map(|(dir, octets)| (*dir, octets.as_slice())).collect::<Vec<_>>())
        };
        let upload = read(0);
        assert_eq!(
            upload.texts(DocumentKind::FileContent),
            [
                "\x19\x09users.csv\0\0\x02\0\u{fffd}\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0checksum of 16...\
                 \x01\x04\u{fffd}\x02\0\0\0\u{fffd}\x02\0\0\x02\0\0\0\x20\0\0\0done",
                "name,ssn\n",
                "new",
                "\0"
            ]
        );
        let mut files = upload.documents.values().filter(|d| d.start.kind == DocumentKind::FileContent);
        assert!(files.clone().take(3).all(|file| file.start.name.as_deref() == Some("backup")));
        assert_eq!(files.nth(2).map(|file| file.gaps.as_slice()), Some(&[(3, 700)][..]));
        assert!(upload.texts(DocumentKind::Command).contains(&"--server -vlogDtpre.iLsfxCIvu . backup/ ".to_owned()));
        assert!(upload.texts(DocumentKind::Reply).contains(&"a message\n".to_owned()) && upload.unread.is_empty());
        let packed = read(1);
        assert_eq!(packed.unread, [((1, UninspectedReason::Undecodable), 3000)].into());
        assert!(packed.texts(DocumentKind::Stream).iter().any(|text| text.contains("list.txt")));
        assert_eq!(read(2).texts(DocumentKind::FileContent), ["all of this is data"]);
    }
}
