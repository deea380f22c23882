//! The inspector of one flow: buffers, probes, layers.

use memchr::memmem;

use crate::model::{AppProto, Direction, UninspectedReason};

use super::decoder::{DatagramDecoder, Input, Out, Probe, Role, Step, StreamDecoder};
use super::registry::{self, Ports, Suggested};
use super::unknown::{self, Raw};
use super::{Facts, HELD_MAX, PROBE_MAX, Transport, tls};

/// Protocols within each other (HTTP CONNECT, Upgrade...) that are followed. What is deeper is read as unknown.
const LAYERS_MAX: usize = 6;

/// Reads the octets of one flow.
///
/// Call order: `octets` and `gap` with ascending offsets in each direction, then `end` once per direction; `datagram` in
/// arrival order. Directions may be interleaved freely; a response that arrives before its request is read without it.
pub struct Inspector {
    transport: Transport,
    want: [bool; 2],
    next_id: u32,
    core: Core,
    datagrams: Option<(AppProto, Box<dyn DatagramDecoder>)>,
}

/// The state of both half-streams, apart from what an [`Out`] borrows. A decoder that unlocks an encrypted layer has one for
/// what is inside.
pub(crate) struct Core {
    ports: Ports,
    suggested: Suggested,
    client: Direction,
    layers: Vec<Option<Box<dyn StreamDecoder>>>,
    halves: [Half; 2],
}

/// One half-stream.
#[derive(Default)]
struct Half {
    /// Octets that no decoder has consumed.
    held: Vec<u8>,
    /// Offset of the first of them.
    held_at: u64,
    /// Index into the layers.
    layer: usize,
    /// Set once all candidates of the layer have declined.
    raw: Option<Raw>,
    /// Whether the octets before were a whole line, while `raw` is set.
    line_start: bool,
    /// Nothing more comes.
    ended: bool,
}

/// What became of unrecognised octets.
enum Passed {
    /// So many were read as unknown.
    Held(usize),
    /// After so many a TLS hello begins, in the next layer.
    Hello(usize),
}

impl Inspector {
    /// An inspector for a new flow. `want` tells for which directions (by [`Direction::index`]) documents are wanted.
    pub fn new(transport: Transport, originator_port: u16, responder_port: u16, want: [bool; 2]) -> Self {
        let ports = [originator_port, responder_port];
        let suggested = match transport {
            Transport::Stream => Suggested::of_stream(ports),
            Transport::Datagram => Suggested::of_datagrams(ports),
        };
        let core = Core { ports, suggested, ..Core::new(Direction::Forward) };
        Self { transport, want, next_id: 0, core, datagrams: None }
    }

    /// An inspector that takes all it is fed for one protocol, without asking the candidates: for tests of hostile input. The
    /// originator is the client. `None`: nobody decodes this protocol on this transport.
    pub fn of(transport: Transport, app: AppProto, want: [bool; 2]) -> Option<Self> {
        let mut inspector = Self::new(transport, 0, 0, want);
        match transport {
            Transport::Stream => {
                let candidate = registry::STREAM.iter().find(|candidate| candidate.app == app)?;
                inspector.core.layers = vec![Some((candidate.make)(Direction::Forward))];
            }
            Transport::Datagram => {
                let candidate = registry::DATAGRAM.iter().find(|candidate| candidate.app == app)?;
                inspector.datagrams = Some((app, (candidate.make)(Direction::Forward)));
            }
        }
        Some(inspector)
    }

    /// Octets of a half-stream, the first at `offset`.
    pub fn octets(&mut self, dir: Direction, offset: u64, octets: &[u8], facts: &mut dyn Facts) {
        if self.transport != Transport::Stream || self.core.half(dir).ended {
            return;
        }
        let mut out = Out::new(facts, self.want, &mut self.next_id);
        self.core.feed(dir, offset, octets, &mut out);
    }

    /// `len` octets of a half-stream are missing at `offset`.
    pub fn gap(&mut self, dir: Direction, _offset: u64, len: u64, facts: &mut dyn Facts) {
        if self.transport != Transport::Stream || self.core.half(dir).ended || len == 0 {
            return;
        }
        let mut out = Out::new(facts, self.want, &mut self.next_id);
        self.core.gap(dir, len, &mut out);
    }

    /// One datagram: the octets captured and its length by the headers. What a snaplen cut off is not reported here.
    pub fn datagram(&mut self, dir: Direction, payload: &[u8], payload_len: u32, facts: &mut dyn Facts) {
        let mut out = Out::new(facts, self.want, &mut self.next_id);
        if self.transport != Transport::Datagram || payload.is_empty() || payload_len == 0 {
            return;
        }
        if let Some((_, decoder)) = &mut self.datagrams {
            if let Some(reason) = decoder.sealed(dir) {
                return out.unread(dir, payload.len(), reason);
            }
            if decoder.datagram(dir, payload, &mut out) {
                return;
            }
        }
        let current = self.datagrams.as_ref().map(|(app, _)| *app);
        for candidate in registry::datagram_candidates(self.core.suggested) {
            if Some(candidate.app) == current || !(candidate.probe)(payload, self.core.ports) {
                continue;
            }
            let mut decoder = (candidate.make)(dir);
            if decoder.datagram(dir, payload, &mut out) {
                out.protocol(candidate.app);
                if let Some((_, mut before)) = self.datagrams.replace((candidate.app, decoder)) {
                    before.end(Direction::Forward, &mut out);
                    before.end(Direction::Backward, &mut out);
                }
                return;
            }
        }
        unknown::datagram(dir, payload, &mut out);
    }

    /// The half-stream ends: no more octets come, for whatever reason.
    pub fn end(&mut self, dir: Direction, facts: &mut dyn Facts) {
        let mut out = Out::new(facts, self.want, &mut self.next_id);
        if let Some((_, decoder)) = &mut self.datagrams {
            decoder.end(dir, &mut out);
        }
        if self.transport == Transport::Stream && !self.core.half(dir).ended {
            self.core.end(dir, &mut out);
        }
    }

    /// The reason why nothing more of this direction will be read, once that is so: it need not be reassembled any more.
    pub fn finished(&self, dir: Direction) -> Option<UninspectedReason> {
        match (&self.datagrams, self.transport) {
            (Some((_, decoder)), Transport::Datagram) => decoder.sealed(dir),
            (None, Transport::Datagram) => None,
            (_, Transport::Stream) => {
                let unwanted = !dir.of(&self.want) && self.core.half(dir).raw.is_some();
                self.core.sealed(dir).or(unwanted.then_some(UninspectedReason::UnknownProtocol))
            }
        }
    }

    /// Octets allocated for this flow.
    pub fn held_bytes(&self) -> usize {
        let datagrams = self.datagrams.as_ref().map_or(0, |(_, d)| d.held_bytes());
        size_of::<Self>() + self.core.held_bytes() + datagrams
    }
}

impl Core {
    /// Both half-streams before their first octet, within something: the ports say nothing. `client` is the client unless the octets
    /// tell otherwise.
    pub(crate) fn new(client: Direction) -> Self {
        Self { ports: [0, 0], suggested: Suggested::default(), client, layers: vec![None], halves: Default::default() }
    }

    /// Octets allocated.
    pub(crate) fn held_bytes(&self) -> usize {
        let decoders = self.layers.iter().flatten().map(|d| d.held_bytes()).sum::<usize>();
        let half = |h: &Half| h.held.capacity() + h.raw.as_ref().map_or(0, Raw::held_bytes);
        decoders + self.halves.iter().map(half).sum::<usize>()
    }

    fn half(&self, dir: Direction) -> &Half {
        dir.of(&self.halves)
    }

    fn half_mut(&mut self, dir: Direction) -> &mut Half {
        dir.of_mut(&mut self.halves)
    }

    fn decoder(&mut self, dir: Direction) -> Option<&mut (dyn StreamDecoder + 'static)> {
        let layer = self.half(dir).layer;
        self.layers.get_mut(layer)?.as_deref_mut()
    }

    /// Why nothing more of a direction will be read, once that is so.
    pub(crate) fn sealed(&self, dir: Direction) -> Option<UninspectedReason> {
        let half = self.half(dir);
        let decoder = self.layers.get(half.layer).and_then(Option::as_deref);
        decoder.and_then(|d| d.sealed(dir)).or_else(|| half.raw.as_ref().and_then(Raw::sealed))
    }

    /// Octets of a half-stream, the first at `offset`.
    pub(crate) fn feed(&mut self, dir: Direction, offset: u64, octets: &[u8], out: &mut Out<'_>) {
        if self.half(dir).held.is_empty() {
            let used = self.run(dir, offset, octets, true, out);
            let half = self.half_mut(dir);
            half.held.extend_from_slice(octets.get(used..).unwrap_or_default());
            half.held_at = offset + used as u64;
        } else {
            self.half_mut(dir).held.extend_from_slice(octets);
            self.run_held(dir, true, out);
        }
        if self.half(dir).held.len() > HELD_MAX {
            self.run_held(dir, false, out);
        }
        self.settle(dir, out);
    }

    /// What happened in `dir` may let held octets of the other direction go on, and those in turn of this one.
    fn settle(&mut self, dir: Direction, out: &mut Out<'_>) {
        let mut other = dir.reverse();
        while !self.half(other).held.is_empty() && self.run_held(other, true, out) {
            other = other.reverse();
        }
    }

    /// `len` octets are missing.
    pub(crate) fn gap(&mut self, dir: Direction, len: u64, out: &mut Out<'_>) {
        self.run_held(dir, false, out);
        if let Some(raw) = &mut self.half_mut(dir).raw {
            raw.gap(len, out);
        } else if let Some(decoder) = self.decoder(dir) {
            decoder.gap(dir, len, out);
        }
        self.settle(dir, out);
    }

    /// The half-stream ends.
    pub(crate) fn end(&mut self, dir: Direction, out: &mut Out<'_>) {
        self.run_held(dir, false, out);
        let half = self.half_mut(dir);
        half.ended = true;
        half.held = Vec::new();
        if let Some(mut raw) = half.raw.take() {
            raw.end(out);
        } else if let Some(decoder) = self.decoder(dir) {
            decoder.end(dir, out);
        }
        self.settle(dir, out);
    }

    /// Runs the held octets; says whether any were consumed.
    fn run_held(&mut self, dir: Direction, more: bool, out: &mut Out<'_>) -> bool {
        let half = self.half_mut(dir);
        let mut held = std::mem::take(&mut half.held);
        let at = half.held_at;
        let used = self.run(dir, at, &held, more, out);
        if used >= held.len() {
            // Flows are many and most hold nothing most of the time.
            held = Vec::new();
        } else {
            held.drain(..used);
        }
        let half = self.half_mut(dir);
        half.held_at = at + used as u64;
        half.held = held;
        used > 0
    }

    /// Shows octets to whoever is in charge, and says how many were consumed: all of them if no more follow directly.
    fn run(&mut self, dir: Direction, at: u64, octets: &[u8], more: bool, out: &mut Out<'_>) -> usize {
        let mut pos = 0;
        loop {
            let rest = octets.get(pos..).unwrap_or_default();
            if rest.is_empty() {
                return octets.len();
            }
            let at = at + pos as u64;
            if let Some(reason) = self.sealed(dir) {
                if let Some(mut raw) = self.half_mut(dir).raw.take_if(|raw| raw.sealed().is_none()) {
                    raw.end(out);
                }
                out.unread(dir, rest.len(), reason);
                return octets.len();
            }
            if self.half(dir).raw.is_some() {
                match self.run_raw(dir, at, rest, more, out) {
                    Passed::Held(used) => return pos + used,
                    Passed::Hello(used) => {
                        pos += used;
                        continue;
                    }
                }
            }
            let Some(decoder) = self.decoder(dir) else {
                if self.probe(dir, rest, more, out) {
                    continue;
                }
                return pos;
            };
            match decoder.advance(Input { dir, at, octets: rest, more }, out) {
                Step::Took(0) if more => return pos,
                Step::Took(0) => {
                    // A decoder must not do this; the octets are accounted for all the same.
                    out.unread(dir, rest.len(), UninspectedReason::UnknownProtocol);
                    return octets.len();
                }
                Step::Took(used) => pos += used.min(rest.len()),
                Step::Leave(used, inner) => {
                    pos += used.min(rest.len());
                    self.enter(dir, inner);
                }
            }
        }
    }

    /// Octets that nobody recognised. A TLS hello at the start of a line ends them: whatever the dialogue before it was
    /// (STARTTLS of SMTP, IMAP, POP3, FTP...), a fresh probe follows.
    fn run_raw(&mut self, dir: Direction, at: u64, octets: &[u8], more: bool, out: &mut Out<'_>) -> Passed {
        let half = self.half_mut(dir);
        let Some(raw) = &mut half.raw else { return Passed::Held(0) };
        let mut from = 0;
        loop {
            let rest = octets.get(from..).unwrap_or_default();
            let found = if half.line_start && rest.first() == Some(&tls::HANDSHAKE) {
                Some(0)
            } else {
                memmem::find(rest, &[b'\n', tls::HANDSHAKE]).map(|newline| newline + 1)
            };
            half.line_start = false;
            let Some(hello) = found.map(|found| from + found) else { break };
            match tls::probe(octets.get(hello..).unwrap_or_default()) {
                Probe::Yes(Role::Client | Role::Server) => {
                    raw.octets(at, octets.get(..hello).unwrap_or_default(), out);
                    raw.end(out);
                    half.raw = None;
                    self.enter(dir, None);
                    return Passed::Hello(hello);
                }
                Probe::More if more => {
                    half.line_start = true;
                    raw.octets(at, octets.get(..hello).unwrap_or_default(), out);
                    return Passed::Held(hello);
                }
                _ => from = hello + 1,
            }
        }
        half.line_start = octets.last() == Some(&b'\n');
        raw.octets(at, octets, out);
        Passed::Held(octets.len())
    }

    /// Asks the candidates. `false`: more octets are needed to tell.
    fn probe(&mut self, dir: Direction, octets: &[u8], more: bool, out: &mut Out<'_>) -> bool {
        let shown = octets.get(..PROBE_MAX).unwrap_or(octets);
        let more = more && octets.len() < PROBE_MAX;
        let layer = self.half(dir).layer;
        // Inside a tunnel the ports say nothing.
        let (ports, suggested) = if layer == 0 { (self.ports, self.suggested) } else { Default::default() };
        for candidate in registry::stream_candidates(suggested) {
            match (candidate.probe)(shown) {
                Probe::Yes(role) => {
                    match role {
                        Role::Client => self.client = dir,
                        Role::Server => self.client = dir.reverse(),
                        Role::Either => {}
                    }
                    if candidate.app != AppProto::Unknown {
                        out.protocol(candidate.app);
                    }
                    let decoder = (candidate.make)(self.client);
                    if let Some(slot) = self.layers.get_mut(layer) {
                        *slot = Some(decoder);
                    }
                    return true;
                }
                Probe::More if more => return false,
                Probe::More | Probe::No => {}
            }
        }
        let on_tls_port = ports.iter().any(|port| tls::PORTS.contains(port));
        let (reason, app) = if on_tls_port {
            (UninspectedReason::Encrypted, Some(AppProto::Tls))
        } else {
            (UninspectedReason::UnknownProtocol, None)
        };
        self.half_mut(dir).raw = Some(Raw::new(dir, reason, app));
        true
    }

    /// Moves a half-stream to the next layer.
    fn enter(&mut self, dir: Direction, inner: Option<Box<dyn StreamDecoder>>) {
        let half = self.half_mut(dir);
        let left = half.layer;
        half.layer += 1;
        if half.layer >= LAYERS_MAX {
            half.raw = Some(Raw::new(dir, UninspectedReason::UnknownProtocol, None));
        }
        let entered = half.layer;
        if self.layers.len() <= entered {
            self.layers.push(inner);
        } else if let Some(slot @ None) = self.layers.get_mut(entered) {
            *slot = inner;
        }
        if self.halves.iter().all(|half| half.layer > left)
            && let Some(slot) = self.layers.get_mut(left)
        {
            *slot = None;
        }
    }
}
