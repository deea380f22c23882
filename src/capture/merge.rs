//! Several captures as one: frames in time order, without reading any file into memory.
//!
//! A k-way merge over the heads of the files. At equal times the file named first comes first; within a file its own order
//! stands even where its clock steps back, because that is the order in which the host saw the frames. Files beyond the first
//! [`OPEN_MAX`] are looked into, closed, and opened again when their time has come: rotated captures come by the thousand,
//! and file descriptors do not.
//!
//! Frames that the filter does not pass are not counted anywhere: `packets`, `bytes` and `span` of a summary are those of the
//! frames handed out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::{CaptureSummary, Frame, LinkType, Origin, Timestamp};

use super::filter::Filter;
use super::input::{self, is_standard_input};
use super::pcapng_blocks::{ResolvedName, Secrets};
use super::source::{Extras, FrameSource, recognise};

/// Files that stay open from the start. The usual limit of descriptors is 1024.
const OPEN_MAX: usize = 256;

/// Why nothing could be read at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A path that cannot be opened.
    #[error("{}: {source}", path.display())]
    File {
        /// The path as it was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A filter that does not compile.
    #[error("filter \"{filter}\" does not compile for link type {} of {}: {message}", link.0, path.display())]
    Filter {
        /// The filter as it was given.
        filter: String,
        /// The link type it was compiled for.
        link: LinkType,
        /// The capture that has this link type.
        path: PathBuf,
        /// What libpcap said.
        message: String,
    },
}

/// Captures being read. See the room's own documentation.
pub struct Captures {
    tracks: Vec<Track>,
    /// Times of the frames at the head of each capture, the current one excepted.
    heads: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// The capture whose frame is lent out.
    current: Option<usize>,
    filter: Option<Filter>,
    key_material: [u8; 32],
    position: Arc<AtomicU64>,
    total_bytes: Option<u64>,
    /// Of captures that have ended.
    extras: Extras,
}

/// One capture of several.
struct Track {
    path: PathBuf,
    format: &'static str,
    state: State,
    /// Whether the filter has seen the frame at the head.
    checked: bool,
    packets: u64,
    bytes: u64,
    span: Option<(Timestamp, Timestamp)>,
    /// Frames for whose link type the filter does not compile, and why not.
    unfiltered: u64,
    unfiltered_why: Option<String>,
}

enum State {
    /// Closed until its time has come.
    Parked,
    Open(Box<dyn FrameSource>),
    /// With what was wrong.
    Ended(Option<String>),
}

impl Track {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            format: "",
            state: State::Ended(None),
            checked: false,
            packets: 0,
            bytes: 0,
            span: None,
            unfiltered: 0,
            unfiltered_why: None,
        }
    }

    /// Opens the capture and moves to its first frame: its time and link type, if there is one.
    fn begin(&mut self, mut input: input::Input) -> Option<(Timestamp, LinkType)> {
        input.fill(4);
        let mut source = match recognise(input) {
            Ok(source) => source,
            Err(reason) => {
                self.format = reason.format;
                self.state = State::Ended(Some(reason.error));
                return None;
            }
        };
        self.format = source.format();
        self.checked = false;
        source.advance();
        let head = source.record().map(|record| (record.time, record.link));
        self.state = State::Open(source);
        head
    }

    /// Whether the frame at the head passes the filter.
    fn passes(&mut self, filter: &mut Filter) -> bool {
        let State::Open(source) = &self.state else {
            return false;
        };
        let Some(record) = source.record() else {
            return false;
        };
        match filter.passes(record.link, record.data) {
            Ok(passes) => passes,
            Err(message) => {
                self.unfiltered += 1;
                self.unfiltered_why.get_or_insert_with(|| format!("for link type {}: {message}", record.link.0));
                false
            }
        }
    }

    /// Closes the capture, keeping what is to be told of it.
    fn end(&mut self) -> Extras {
        let State::Open(source) = &mut self.state else {
            return Extras::default();
        };
        let extras = source.take_extras();
        self.state = State::Ended(source.damage().text());
        extras
    }

    fn summary(&self, filter: Option<&Filter>) -> CaptureSummary {
        let (ended, mut error) = match &self.state {
            State::Parked => (false, None),
            State::Open(source) => (false, source.damage().text()),
            State::Ended(error) => (true, error.clone()),
        };
        if let (Some(why), Some(filter)) = (&self.unfiltered_why, filter) {
            let text =
                format!("{} frames left out: filter \"{}\" does not compile {why}", self.unfiltered, filter.text());
            error = Some(error.map_or(text.clone(), |error| format!("{error}; {text}")));
        }
        CaptureSummary {
            path: self.path.to_string_lossy().into_owned(),
            format: self.format,
            packets: self.packets,
            bytes: self.bytes,
            span: self.span,
            complete: ended && error.is_none(),
            error,
        }
    }
}

impl Captures {
    /// Opens captures and looks at the first frame of each. `-` is standard input. `filter` is in libpcap's language.
    ///
    /// Reads up to 1 MiB of the first input, waiting for it if it is a pipe.
    ///
    /// # Errors
    /// A path that cannot be opened, standard input named twice, or a filter that does not compile for the link type of the
    /// first frame of a capture. Whatever is wrong *inside* a file is no error here but told by [`summaries`](Self::summaries).
    pub fn open(paths: &[PathBuf], filter: Option<&str>) -> Result<Self, OpenError> {
        let mut captures = Self {
            tracks: Vec::with_capacity(paths.len()),
            heads: BinaryHeap::new(),
            current: None,
            filter: filter.map(Filter::new),
            key_material: [0; 32],
            position: Arc::default(),
            total_bytes: Some(0),
            extras: Extras::default(),
        };
        let mut standard_inputs = paths.iter().filter(|path| is_standard_input(path));
        if let (Some(_), Some(path)) = (standard_inputs.next(), standard_inputs.next()) {
            let source = io::Error::other("standard input can be read only once");
            return Err(OpenError::File { path: path.clone(), source });
        }
        for path in paths {
            captures.open_one(path)?;
        }
        if captures.heads.is_empty() {
            captures.check_filter(LinkType::ETHERNET, Path::new("an empty capture"))?;
        }
        Ok(captures)
    }

    fn open_one(&mut self, path: &Path) -> Result<(), OpenError> {
        let index = self.tracks.len();
        let fail = |source| OpenError::File { path: path.to_owned(), source };
        // Only a regular file can be read from its start a second time.
        let parks = index >= OPEN_MAX && std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
        let position = if parks { Arc::default() } else { Arc::clone(&self.position) };
        let mut opened = input::open(path, position).map_err(fail)?;
        self.total_bytes = self.total_bytes.zip(opened.length).map(|(total, length)| total + length);
        if index == 0 {
            self.key_material = input::key_material(&mut opened.input);
        }
        let mut track = Track::new(path);
        match track.begin(opened.input) {
            Some((time, link)) => {
                self.check_filter(link, path)?;
                self.heads.push(Reverse((time, index)));
                if parks {
                    track.state = State::Parked;
                }
            }
            None => self.extras.append(track.end()),
        }
        self.tracks.push(track);
        Ok(())
    }

    fn check_filter(&mut self, link: LinkType, path: &Path) -> Result<(), OpenError> {
        let Some(filter) = &mut self.filter else {
            return Ok(());
        };
        filter.check(link).map_err(|message| OpenError::Filter {
            filter: filter.text().to_owned(),
            link,
            path: path.to_owned(),
            message,
        })
    }

    /// The next frame of all captures in time order, `None` when all have ended. Borrowed until the next call.
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        let index = self.advance()?;
        let track = self.tracks.get_mut(index)?;
        let State::Open(source) = &track.state else {
            return None;
        };
        let record = source.record()?;
        track.packets += 1;
        track.bytes += u64::from(record.wire_len);
        track.span = Some(match track.span {
            Some((first, last)) => (first.min(record.time), last.max(record.time)),
            None => (record.time, record.time),
        });
        let capture = u16::try_from(index).unwrap_or(u16::MAX);
        Some(Frame {
            time: record.time,
            link: record.link,
            origin: Origin { capture, interface: record.interface },
            data: record.data,
            wire_len: record.wire_len,
        })
    }

    /// Finds the capture whose head is the next frame to hand out.
    fn advance(&mut self) -> Option<usize> {
        loop {
            let index = match self.current.take() {
                Some(index) => {
                    let Some(time) = self.step(index) else {
                        continue;
                    };
                    match self.heads.peek() {
                        Some(Reverse(earliest)) if *earliest < (time, index) => {
                            self.heads.push(Reverse((time, index)));
                            continue;
                        }
                        _ => index,
                    }
                }
                None => self.heads.pop()?.0.1,
            };
            if self.settle(index)? {
                self.current = Some(index);
                return Some(index);
            }
        }
    }

    /// Moves a capture to its next frame that passes the filter, and gives the time of it.
    fn step(&mut self, index: usize) -> Option<Timestamp> {
        let track = self.tracks.get_mut(index)?;
        loop {
            let State::Open(source) = &mut track.state else {
                return None;
            };
            if !source.advance() {
                self.extras.append(track.end());
                return None;
            }
            let time = source.record()?.time;
            if self.filter.as_mut().is_none_or(|filter| track.passes(filter)) {
                track.checked = true;
                return Some(time);
            }
        }
    }

    /// Whether the frame at the head of a capture whose turn has come may be handed out. If not, the capture is back among
    /// the heads, or has ended.
    fn settle(&mut self, index: usize) -> Option<bool> {
        let track = self.tracks.get_mut(index)?;
        if matches!(track.state, State::Parked) {
            let opened = match input::open(&track.path, Arc::clone(&self.position)) {
                Ok(opened) => opened,
                Err(error) => {
                    track.state = State::Ended(Some(format!("cannot be opened again: {error}")));
                    return Some(false);
                }
            };
            if track.begin(opened.input).is_none() {
                self.extras.append(track.end());
                return Some(false);
            }
        }
        if track.checked || self.filter.as_mut().is_none_or(|filter| track.passes(filter)) {
            return Some(true);
        }
        if let Some(time) = self.step(index) {
            self.heads.push(Reverse((time, index)));
        }
        Some(false)
    }

    /// What was read from each capture so far, in the order of the command line. A capture that has not been read to its
    /// end is not `complete`, without an `error`.
    pub fn summaries(&self) -> Vec<CaptureSummary> {
        self.tracks.iter().map(|track| track.summary(self.filter.as_ref())).collect()
    }

    /// SHA-256 over the first MiB of the first input as it is stored or arrives (before decompression), or over all of it
    /// if it is shorter. Zeros if there are no captures.
    pub fn key_material(&self) -> [u8; 32] {
        self.key_material
    }

    /// Octets read from files so far, before decompression.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Octets of all files, before decompression; `None` if one of them has no length (standard input, pipes).
    pub fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    /// Hands over the secrets met since the last call, in the order of the captures. They usually come before the frames
    /// they are for: ask once after opening, and again as frames come.
    pub fn take_secrets(&mut self) -> Vec<Secrets> {
        self.collect_extras();
        std::mem::take(&mut self.extras.secrets)
    }

    /// Hands over the names met since the last call.
    pub fn take_names(&mut self) -> Vec<ResolvedName> {
        self.collect_extras();
        std::mem::take(&mut self.extras.names)
    }

    fn collect_extras(&mut self) {
        for track in &mut self.tracks {
            if let State::Open(source) = &mut track.state {
                self.extras.append(source.take_extras());
            }
        }
    }
}
