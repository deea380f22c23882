//! Streams of a QUIC connection: octets in any order become octets in order (RFC 9000, section 2.2), which are read as HTTP/3
//! or, under any other application protocol, as what they are found to be.
//!
//! At most [`HELD_MAX`] octets of a connection and [`PARTS_MAX`] parts of a stream wait for what is before them, and at most
//! [`STREAMS_MAX`] streams of a direction are open; past that the hole is a gap, and the oldest stream ends.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Direction, UninspectedReason};

use super::super::decoder::Out;
use super::super::http3::Http3;
use super::super::inspector::Core;

/// Octets of a connection that wait.
const HELD_MAX: usize = 512 << 10;
/// Parts of a stream that wait.
const PARTS_MAX: usize = 512;
/// Open streams of a direction.
const STREAMS_MAX: usize = 128;
/// Streams that ended and are remembered, so that what is sent again is not read again.
const ENDED_MAX: usize = 512;

/// Octets of one direction of one stream that are not in order yet.
#[derive(Default)]
struct Stream {
    next: u64,
    parts: BTreeMap<u64, Vec<u8>>,
    len: Option<u64>,
}

#[derive(Default)]
struct Half {
    open: BTreeMap<u64, Stream>,
    ended: BTreeSet<u64>,
    /// Streams of each of the four types (RFC 9000, section 2.1) that are below it are over.
    floors: [u64; 4],
}

/// What reads the octets.
enum Application {
    Http3(Box<Http3>),
    /// By stream, both directions.
    Other(BTreeMap<u64, Box<Core>>),
}

/// All streams of a connection.
pub(super) struct Streams {
    client: Direction,
    halves: [Half; 2],
    held: usize,
    application: Application,
}

impl Streams {
    /// No stream yet.
    pub(super) fn new(client: Direction, http3: bool) -> Self {
        let application = match http3 {
            true => Application::Http3(Box::new(Http3::new(client))),
            false => Application::Other(BTreeMap::new()),
        };
        Self { client, halves: Default::default(), held: 0, application }
    }

    /// Octets allocated.
    pub(super) fn held_bytes(&self) -> usize {
        let open = self.halves.iter().map(|half| half.open.len() + half.ended.len()).sum::<usize>();
        let application = match &self.application {
            Application::Http3(http3) => http3.held_bytes(),
            Application::Other(cores) => cores.values().map(|core| size_of::<Core>() + core.held_bytes()).sum(),
        };
        self.held + open * size_of::<Stream>() + application
    }

    /// A STREAM frame.
    pub(super) fn octets(
        &mut self,
        dir: Direction,
        id: u64,
        offset: u64,
        octets: &[u8],
        last: bool,
        out: &mut Out<'_>,
    ) {
        let half = self.half(dir);
        if half.ended.contains(&id) || half.floors.get((id & 3) as usize).is_some_and(|floor| id < *floor) {
            return;
        }
        if half.open.len() >= STREAMS_MAX
            && !half.open.contains_key(&id)
            && let Some(oldest) = half.open.keys().next().copied()
        {
            self.close(dir, oldest, out);
        }
        let stream = self.half(dir).open.entry(id).or_default();
        let end = offset.saturating_add(octets.len() as u64);
        if last {
            stream.len = Some(end);
        }
        if offset <= stream.next {
            let known = stream.next - offset;
            stream.next = stream.next.max(end);
            if let Some(new) = usize::try_from(known).ok().and_then(|known| octets.get(known..)) {
                self.deliver(dir, id, end - new.len() as u64, new, out);
            }
        } else if !octets.is_empty() {
            let kept = stream.parts.get(&offset).map_or(0, Vec::len);
            if kept < octets.len() {
                stream.parts.insert(offset, octets.to_vec());
                self.held += octets.len() - kept;
            }
        }
        self.drain(dir, id, out);
        let crowded = |streams: &mut Self| {
            streams.held > HELD_MAX || streams.half(dir).open.get(&id).is_some_and(|s| s.parts.len() > PARTS_MAX)
        };
        if crowded(self) {
            self.give_up(dir, id, out);
        }
        while self.held > HELD_MAX {
            // Other streams hold the rest.
            let held = |half: &Half| half.open.iter().find(|(_, stream)| !stream.parts.is_empty()).map(|(id, _)| *id);
            let [forward, backward] = &self.halves;
            match (held(forward), held(backward)) {
                (Some(id), _) => self.give_up(Direction::Forward, id, out),
                (_, Some(id)) => self.give_up(Direction::Backward, id, out),
                _ => break,
            }
        }
    }

    /// A stream that its sender broke off.
    pub(super) fn reset(&mut self, dir: Direction, id: u64, out: &mut Out<'_>) {
        if self.half(dir).open.contains_key(&id) {
            self.close(dir, id, out);
        }
    }

    /// Nothing more of a direction comes.
    pub(super) fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        while let Some(id) = self.half(dir).open.keys().next().copied() {
            self.close(dir, id, out);
        }
        match &mut self.application {
            Application::Http3(http3) => http3.end(dir, out),
            Application::Other(cores) => cores.values_mut().for_each(|core| core.end(dir, out)),
        }
    }

    fn half(&mut self, dir: Direction) -> &mut Half {
        dir.of_mut(&mut self.halves)
    }

    /// Delivers what is in order now, and ends the stream if that is all.
    fn drain(&mut self, dir: Direction, id: u64, out: &mut Out<'_>) {
        loop {
            let Some(stream) = self.half(dir).open.get_mut(&id) else { return };
            let next = stream.next;
            let Some(part) = stream.parts.first_entry().filter(|part| *part.key() <= next) else { break };
            let (offset, octets) = part.remove_entry();
            let end = offset.saturating_add(octets.len() as u64);
            stream.next = next.max(end);
            self.held -= octets.len();
            if let Some(new) = usize::try_from(next - offset).ok().and_then(|known| octets.get(known..)) {
                self.deliver(dir, id, next, new, out);
            }
        }
        let stream = self.half(dir).open.get(&id);
        if stream.is_some_and(|stream| stream.len.is_some_and(|len| stream.next >= len)) {
            self.close(dir, id, out);
        }
    }

    /// Delivers all parts of a stream, with gaps between them.
    fn give_up(&mut self, dir: Direction, id: u64, out: &mut Out<'_>) {
        loop {
            let Some(stream) = self.half(dir).open.get_mut(&id) else { return };
            let Some((first, _)) = stream.parts.first_key_value() else { return };
            let gap = first.saturating_sub(stream.next);
            stream.next += gap;
            if gap > 0 {
                match &mut self.application {
                    Application::Http3(http3) => http3.gap(dir, id, gap, out),
                    Application::Other(cores) => {
                        if let Some(core) = cores.get_mut(&id) {
                            core.gap(dir, gap, out);
                        }
                    }
                }
            }
            self.drain(dir, id, out);
        }
    }

    fn close(&mut self, dir: Direction, id: u64, out: &mut Out<'_>) {
        self.give_up(dir, id, out);
        let half = self.half(dir);
        if half.open.remove(&id).is_none() {
            return;
        }
        half.ended.insert(id);
        if half.ended.len() > ENDED_MAX
            && let Some(oldest) = half.ended.pop_first()
            && let Some(floor) = half.floors.get_mut((oldest & 3) as usize)
        {
            *floor = (*floor).max(oldest + 1);
        }
        let over = id & 2 != 0 || self.half(dir.reverse()).ended.contains(&id);
        match &mut self.application {
            Application::Http3(http3) => http3.end_stream(dir, id, out),
            Application::Other(cores) => {
                if let Some(core) = cores.get_mut(&id) {
                    core.end(dir, out);
                    if over {
                        cores.remove(&id);
                    }
                }
            }
        }
    }

    /// Octets in order.
    fn deliver(&mut self, dir: Direction, id: u64, at: u64, octets: &[u8], out: &mut Out<'_>) {
        if octets.is_empty() {
            return;
        }
        match &mut self.application {
            Application::Http3(http3) => http3.octets(dir, id, at, octets, out),
            Application::Other(cores) => {
                if cores.len() >= STREAMS_MAX && !cores.contains_key(&id) {
                    out.unread(dir, octets.len(), UninspectedReason::ReassemblyLimit);
                    return;
                }
                // Client and server of a stream are those of the connection.
                let core = cores.entry(id).or_insert_with(|| Box::new(Core::new(self.client)));
                core.feed(dir, at, octets, out);
            }
        }
    }
}
