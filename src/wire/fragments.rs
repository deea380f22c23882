//! IP fragments: their datagrams put together, and their ports found for the counters.
//!
//! *Octets.* Fragments are held until the datagram is complete, within `Limits::fragment_*`. What overlaps is
//! decided as the receivers do: in IPv4 the octets that came first stay (RFC 791 leaves it open), an IPv6 datagram with an overlap is dropped (RFC 5722). An exact copy is
//! ignored in both. The octets are held as they came, so that a fragment at offset 65,000 costs what it carries.
//!
//! *Counts.* Each fragment is counted once. Those that come before the ports are known wait; the first that can be
//! attributed brings them along, or the end of the wait does, with the ports a previous datagram of the same id showed
//! (late copies), else with ports 0.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use super::context::{Context, Held};
use super::counts::{Fault, Limit, WireCounts};
use super::ip::{FragmentHeader, IpPacket};
use super::octets::Octets;
use crate::model::{Limits, Origin, Packet, Segment, Timestamp, Tunnel};

/// What a train costs beside its octets: the entry and its part of the maps, which are half empty at worst. Counted so that
/// small fragments cannot hold memory for nothing.
const TRAIN_COST: usize = 1536;
/// What one held fragment costs beside its octets.
const PIECE_COST: usize = 96;
/// The longest datagram an IP header can describe.
const DATAGRAM_MAX: usize = 65_535;

/// What makes fragments belong together: RFC 791 and RFC 8200 (which leaves out the protocol), and the network they
/// are in.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    /// 0 for IPv6.
    proto: u8,
    id: u32,
    vlan: u16,
    tunnel: Option<Tunnel>,
}

/// Protocol and ports of a datagram, from its first fragment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Transport {
    pub(super) proto: u8,
    pub(super) src_port: u16,
    pub(super) dst_port: u16,
}

/// Octets of one fragment, as far as captured.
struct Piece {
    /// Length by the header; the octets captured can be fewer.
    len: u32,
    octets: Box<[u8]>,
}

/// The fragments of one datagram.
struct Train {
    key: Key,
    /// When its first fragment came.
    created: Timestamp,
    last_time: Timestamp,
    origin: Origin,
    /// Protocol by the fragment headers, before the ports are known.
    proto: u8,
    transport: Option<Transport>,
    held: Held,
    /// Length of the datagram's payload, from its last fragment.
    total: Option<u32>,
    /// Disjoint pieces by first octet.
    pieces: BTreeMap<u32, Piece>,
    /// Sum of the pieces' lengths.
    covered: u32,
    /// What this train takes of the budget, octets.
    cost: usize,
    /// Its octets were given up; it stays for the counters.
    dropped: bool,
    /// Protocol by the header of the first fragment, from which the datagram's payload is read.
    first_proto: Option<u8>,
}

/// One fragment.
pub(super) struct Part<'a> {
    pub(super) ip: &'a IpPacket<'a>,
    pub(super) header: FragmentHeader,
    /// What its ports say, if it is one that shows them.
    pub(super) transport: Option<Transport>,
    /// Octets it counts.
    pub(super) bytes: u64,
}

/// What became of a fragment.
pub(super) enum Outcome {
    /// It waits for the ports.
    Held,
    /// It can be counted, together with `held`.
    Counted { transport: Transport, held: Held },
    /// It completes a datagram: payload as far as captured without a hole, its length, and the protocol it begins with.
    Complete { payload: Vec<u8>, len: u32, proto: u8, held: Held },
}

/// All incomplete datagrams.
pub(super) struct Fragments {
    bytes_max: usize,
    trains_max: usize,
    timeout: Duration,
    /// Trains by age.
    trains: BTreeMap<u64, Train>,
    by_key: HashMap<Key, u64>,
    next_serial: u64,
    held_bytes: usize,
    recent: Recent,
}

impl Fragments {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            bytes_max: limits.fragment_bytes_max,
            trains_max: limits.fragment_trains_max.max(1),
            timeout: limits.fragment_timeout,
            trains: BTreeMap::new(),
            by_key: HashMap::new(),
            next_serial: 0,
            held_bytes: 0,
            recent: Recent::default(),
        }
    }

    /// Octets of budget in use, never more than `Limits::fragment_bytes_max` between two frames.
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Takes a fragment in. What was given up to stay within the limits goes to `sink`.
    pub(super) fn ingest(
        &mut self,
        part: &Part<'_>,
        context: &Context,
        counts: &mut WireCounts,
        sink: &mut dyn FnMut(Packet<'_>),
    ) -> Outcome {
        let &Part { ip, header: fragment, transport, bytes } = part;
        let proto = if ip.src.is_ipv6() { 0 } else { ip.proto };
        let key = Key { src: ip.src, dst: ip.dst, proto, id: fragment.id, vlan: context.vlan, tunnel: context.tunnel };
        let serial = match self.by_key.get(&key) {
            Some(&serial) => serial,
            None => self.open(key, ip.proto, context),
        };
        let Some(train) = self.trains.get_mut(&serial) else { return Outcome::Held };
        train.last_time = context.time;
        train.transport = train.transport.or(transport);
        if fragment.offset == 0 {
            train.first_proto = train.first_proto.or(Some(ip.proto));
        }
        let cost = train.cost;
        if !train.dropped
            && let Err(fault) = train.insert(fragment, ip.payload, counts)
        {
            counts.fault(fault);
        }
        self.held_bytes = self.held_bytes + train.cost - cost;
        let outcome = match train.transport {
            None => {
                train.held.packets = train.held.packets.saturating_add(1);
                train.held.bytes += bytes;
                train.held.first_time.get_or_insert(context.time);
                Outcome::Held
            }
            Some(transport) => {
                let held = std::mem::take(&mut train.held);
                if !train.dropped && train.total == Some(train.covered) && train.covered > 0 {
                    let (payload, len) = (train.join(), train.covered);
                    let proto = train.first_proto.unwrap_or(transport.proto);
                    self.close(serial);
                    Outcome::Complete { payload, len, proto, held }
                } else {
                    Outcome::Counted { transport, held }
                }
            }
        };
        self.keep_limits(counts, sink);
        outcome
    }

    /// Gives up what is incomplete after `Limits::fragment_timeout` of packet time.
    pub(super) fn expire(&mut self, now: Timestamp, counts: &mut WireCounts, sink: &mut dyn FnMut(Packet<'_>)) {
        while let Some((&serial, train)) = self.trains.first_key_value()
            && now.since(train.created) > self.timeout
        {
            counts.fault(Fault::FragmentTimeout);
            self.give_up(serial, sink);
        }
        self.recent.expire(now, self.timeout);
    }

    /// Gives up everything: there will be no more frames.
    pub(super) fn finish(&mut self, sink: &mut dyn FnMut(Packet<'_>)) {
        while let Some((&serial, _)) = self.trains.first_key_value() {
            self.give_up(serial, sink);
        }
    }

    fn open(&mut self, key: Key, proto: u8, context: &Context) -> u64 {
        let serial = self.next_serial;
        self.next_serial += 1;
        self.by_key.insert(key, serial);
        self.held_bytes += TRAIN_COST;
        let train = Train {
            key,
            created: context.time,
            last_time: context.time,
            origin: context.origin,
            proto,
            transport: None,
            held: Held::default(),
            total: None,
            pieces: BTreeMap::new(),
            covered: 0,
            cost: TRAIN_COST,
            dropped: false,
            first_proto: None,
        };
        self.trains.insert(serial, train);
        serial
    }

    fn keep_limits(&mut self, counts: &mut WireCounts, sink: &mut dyn FnMut(Packet<'_>)) {
        while let Some((&oldest, _)) = self.trains.first_key_value() {
            if self.trains.len() > self.trains_max {
                counts.limit(Limit::FragmentTrains);
            } else if self.held_bytes > self.bytes_max {
                counts.limit(Limit::FragmentBytes);
            } else {
                break;
            }
            self.give_up(oldest, sink);
        }
    }

    /// Takes a train off the tables, and remembers its ports for fragments that are still to come.
    fn close(&mut self, serial: u64) -> Option<Train> {
        let train = self.trains.remove(&serial)?;
        self.by_key.remove(&train.key);
        self.held_bytes -= train.cost;
        if let Some(transport) = train.transport {
            self.recent.remember(train.key, transport, train.last_time, self.trains_max);
        }
        Some(train)
    }

    /// Takes a train off the tables and counts what waited in it.
    fn give_up(&mut self, serial: u64, sink: &mut dyn FnMut(Packet<'_>)) {
        let Some(train) = self.close(serial) else { return };
        let Some(first_time) = train.held.first_time else { return };
        let unknown = Transport { proto: train.proto, src_port: 0, dst_port: 0 };
        let transport = self.recent.ports(&train.key).unwrap_or(unknown);
        sink(Packet {
            time: train.last_time,
            first_time,
            origin: train.origin,
            src: train.key.src,
            dst: train.key.dst,
            proto: transport.proto,
            src_port: transport.src_port,
            dst_port: transport.dst_port,
            vlan: train.key.vlan,
            tunnel: train.key.tunnel,
            packets: train.held.packets,
            bytes: train.held.bytes,
            segment: Segment::Counted,
        });
    }
}

impl Train {
    /// Adds a fragment's octets where there are none yet.
    fn insert(&mut self, header: FragmentHeader, payload: Octets<'_>, counts: &mut WireCounts) -> Result<(), Fault> {
        let v6 = self.key.src.is_ipv6();
        let mut len = payload.wire();
        if header.more && !len.is_multiple_of(8) {
            if v6 {
                return Err(Fault::FragmentLength);
            }
            // As Linux does: a fragment that is not the last one ends at a multiple of 8.
            len -= len % 8;
            counts.fault(Fault::FragmentLength);
        }
        let (start, len) = (header.offset, u32::try_from(len).map_err(|_| Fault::FragmentOversized)?);
        let end = start.saturating_add(len);
        if len == 0 {
            return Err(Fault::FragmentLength);
        }
        if end as usize > DATAGRAM_MAX {
            return Err(Fault::FragmentOversized);
        }
        let last_end = self.pieces.last_key_value().map_or(0, |(start, piece)| start + piece.len);
        match self.total {
            Some(total) if end > total || (!header.more && end != total) => return Err(Fault::FragmentEnd),
            None if !header.more && last_end > end => return Err(Fault::FragmentEnd),
            _ => {}
        }
        let data = payload.limit(len as usize).data();
        // Pieces are disjoint, so only the last one that starts before `start` can reach into it.
        let from = self.pieces.range(..=start).next_back().map_or(start, |(&first, _)| first);
        let mut at = start;
        let mut gaps = Vec::new();
        let (mut overlaps, mut differs) = (false, false);
        for (&first, piece) in self.pieces.range(from..end) {
            let last = first + piece.len;
            if last <= start {
                continue;
            }
            overlaps = true;
            if first > at {
                gaps.push((at, first));
            }
            differs |= !agrees(start, data, first, &piece.octets);
            at = at.max(last);
        }
        if at < end {
            gaps.push((at, end));
        }
        let copy = gaps.is_empty() && !differs;
        if copy {
            counts.fault(Fault::FragmentDuplicate);
        } else if overlaps {
            counts.fault(Fault::FragmentOverlap);
            if v6 {
                self.drop_octets();
                return Ok(());
            }
        }
        if !header.more {
            self.total = Some(end);
        }
        for (first, last) in gaps {
            let (from, to) = ((first - start) as usize, (last - start) as usize);
            let octets = data.get(from.min(data.len())..to.min(data.len())).unwrap_or_default();
            self.cost += PIECE_COST + octets.len();
            self.covered += last - first;
            self.pieces.insert(first, Piece { len: last - first, octets: octets.into() });
        }
        Ok(())
    }

    /// Forgets the octets and goes on counting.
    fn drop_octets(&mut self) {
        self.pieces.clear();
        self.covered = 0;
        self.cost = TRAIN_COST;
        self.dropped = true;
    }

    /// The payload up to the first octet that was not captured.
    fn join(&self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.covered as usize);
        for piece in self.pieces.values() {
            payload.extend_from_slice(&piece.octets);
            if piece.octets.len() < piece.len as usize {
                break;
            }
        }
        payload
    }
}

/// Whether `a` at `a_start` and `b` at `b_start` hold the same octets where both have some.
fn agrees(a_start: u32, a: &[u8], b_start: u32, b: &[u8]) -> bool {
    let start = a_start.max(b_start);
    let a = a.get((start - a_start) as usize..).unwrap_or_default();
    let b = b.get((start - b_start) as usize..).unwrap_or_default();
    let both = a.len().min(b.len());
    a.get(..both) == b.get(..both)
}

/// Ports of datagrams that were completed or given up, for fragments that come late.
#[derive(Default)]
struct Recent {
    ports: HashMap<Key, (u64, Transport)>,
    by_age: BTreeMap<u64, (Key, Timestamp)>,
    next_serial: u64,
}

impl Recent {
    fn ports(&self, key: &Key) -> Option<Transport> {
        self.ports.get(key).map(|&(_, transport)| transport)
    }

    fn remember(&mut self, key: Key, transport: Transport, now: Timestamp, entries_max: usize) {
        let serial = self.next_serial;
        self.next_serial += 1;
        if let Some((old, _)) = self.ports.insert(key, (serial, transport)) {
            self.by_age.remove(&old);
        }
        self.by_age.insert(serial, (key, now));
        while self.by_age.len() > entries_max {
            self.forget_oldest();
        }
    }

    fn expire(&mut self, now: Timestamp, timeout: Duration) {
        while let Some((_, &(_, time))) = self.by_age.first_key_value()
            && now.since(time) > timeout
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, (key, _))) = self.by_age.pop_first() {
            self.ports.remove(&key);
        }
    }
}
