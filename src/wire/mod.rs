//! The wire room: frame → innermost IP packet.
//!
//! A frame is a row of headers, each of which says what stands behind it. [`Decoder`] takes them off one by one
//! (`layer` holds the tables) until an IP header; an IP packet that carries another one is left for the one it carries
//! (`tunnels`), so that what is judged is what a host behind all the tunnels sends. Fragments are put together (`fragments`).
//!
//! What cannot be read is still counted: an IP packet whose transport header is cut off, a tunnel with nonsense
//! inside, a fragment whose datagram never completes. Only frames whose addresses are unknown give no packet, and those are
//! counted by what they were.

mod checksum;
mod context;
mod counts;
mod ethernet;
mod fragments;
mod hdlc;
mod ip;
mod layer;
mod loopback;
mod mpls;
mod octets;
mod ppp;
mod transport;
mod tunnels;
mod wifi;

#[cfg(test)]
mod tests;

pub use counts::WireCounts;

use crate::model::{Frame, Limits, Packet, Segment};
use context::{Context, Held};
use counts::{Fault, Limit, NonIp};
use fragments::{Fragments, Outcome, Part, Transport};
use ip::IpPacket;
use layer::{Layer, Step};
use octets::Octets;

/// Turns frames into the IP packets that are judged.
///
/// Call [`Self::decode`] for each frame in capture order, and [`Self::finish`] after the last one. Time is the frames' own:
/// fragments that wait expire as later frames come.
pub struct Decoder {
    fragments: Fragments,
    counts: WireCounts,
    encapsulation_max: usize,
}

/// Why there is no packet in some octets.
enum Stop {
    NonIp(NonIp),
    Malformed(Fault),
}

impl Decoder {
    /// A decoder with nothing held. Of `limits` it uses `fragment_*` and `encapsulation_max`.
    pub fn new(limits: &Limits) -> Self {
        Self {
            fragments: Fragments::new(limits),
            counts: WireCounts::default(),
            encapsulation_max: limits.encapsulation_max,
        }
    }

    /// Decodes one frame, and calls `sink` for each packet that can now be attributed: none, one, or more where fragments
    /// waited. Payload in a packet is borrowed for the call only.
    pub fn decode(&mut self, frame: &Frame<'_>, sink: &mut dyn FnMut(Packet<'_>)) {
        self.counts.frames.total += 1;
        self.fragments.expire(frame.time, &mut self.counts, sink);
        let octets = Octets::new(frame.data, frame.wire_len as usize);
        let context = Context {
            time: frame.time,
            origin: frame.origin,
            wire_len: octets.wire(),
            vlan: 0,
            tunnel: None,
            headers_left: self.encapsulation_max,
            reassembled: false,
            held: Held::default(),
        };
        let end = match layer::of_link_type(frame.link) {
            Some(layer) => self.descend(layer, octets, context, sink),
            None => Err(Stop::NonIp(NonIp::LinkType)),
        };
        match end {
            Ok(()) => self.counts.frames.ip += 1,
            Err(Stop::NonIp(what)) => {
                self.counts.frames.non_ip += 1;
                self.counts.without_ip(what);
            }
            Err(Stop::Malformed(fault)) => {
                self.counts.frames.malformed += 1;
                self.counts.fault(fault);
            }
        }
    }

    /// Counts the fragments that still wait for their ports.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Packet<'_>)) {
        self.fragments.finish(sink);
    }

    /// What was counted so far.
    pub fn counts(&self) -> &WireCounts {
        &self.counts
    }

    /// Octets held for incomplete datagrams, with what it costs to hold them: at most `Limits::fragment_bytes_max`.
    pub fn held_bytes(&self) -> usize {
        self.fragments.held_bytes()
    }

    /// Takes headers off until an IP packet, and emits it. An error means that nothing was emitted.
    fn descend(
        &mut self,
        mut layer: Layer,
        mut octets: Octets<'_>,
        mut context: Context,
        sink: &mut dyn FnMut(Packet<'_>),
    ) -> Result<(), Stop> {
        while layer != Layer::Ip {
            self.take_header(&mut context)?;
            match layer::decode(layer, octets, &mut context) {
                Some(Step::Next(next, rest)) => (layer, octets) = (next, rest),
                Some(Step::NonIp(what)) => return Err(Stop::NonIp(what)),
                Some(Step::Bad(fault)) => return Err(Stop::Malformed(fault)),
                None => return Err(Stop::Malformed(Fault::LinkCut)),
            }
        }
        let ip = ip::decode(octets, &mut self.counts).map_err(Stop::Malformed)?;
        // An atomic fragment needs no others, and is a fragment by its header.
        self.counts.frames.fragments += u64::from(!context.reassembled && (ip.fragment.is_some() || ip.atomic));
        match ip.fragment {
            Some(_) => self.fragment(&ip, &context, sink),
            None => self.datagram(&ip, &context, sink),
        }
        Ok(())
    }

    fn take_header(&mut self, context: &mut Context) -> Result<(), Stop> {
        match context.headers_left.checked_sub(1) {
            Some(left) => {
                context.headers_left = left;
                Ok(())
            }
            None => {
                self.counts.limit(Limit::Encapsulation);
                Err(Stop::Malformed(Fault::LinkDepth))
            }
        }
    }

    /// Emits the packet inside of a whole datagram if there is one, else the datagram.
    fn datagram(&mut self, ip: &IpPacket<'_>, context: &Context, sink: &mut dyn FnMut(Packet<'_>)) {
        if !ip.unreadable
            && let Some(inside) = tunnels::enter(ip)
        {
            let mut inner = context.inside(&inside, ip);
            let end =
                self.take_header(&mut inner).and_then(|()| self.descend(inside.layer, inside.octets, inner, sink));
            match end {
                Ok(()) => {
                    // Earlier fragments of the datagram around it are packets of their own.
                    if context.held.packets > 0 {
                        let (src_port, dst_port) = transport::ports(ip.proto, ip.payload).unwrap_or((0, 0));
                        let transport = Transport { proto: ip.proto, src_port, dst_port };
                        sink(packet(ip, context, transport, Segment::Counted, context.held));
                    }
                    return;
                }
                Err(Stop::NonIp(_)) => {}
                Err(Stop::Malformed(_)) => self.counts.fault(Fault::TunnelInner),
            }
        }
        let (src_port, dst_port, segment) = transport::decode(ip, &mut self.counts);
        let transport = Transport { proto: ip.proto, src_port, dst_port };
        sink(packet(ip, context, transport, segment, one_more(context.held, ip, context)));
    }

    fn fragment(&mut self, ip: &IpPacket<'_>, context: &Context, sink: &mut dyn FnMut(Packet<'_>)) {
        let Some(header) = ip.fragment else { return };
        let transport = self.fragment_transport(ip, header.offset);
        let part = Part { ip, header, transport, bytes: countable(ip, context) };
        match self.fragments.ingest(&part, context, &mut self.counts, sink) {
            Outcome::Held => {}
            Outcome::Counted { transport, held } => {
                sink(packet(ip, context, transport, Segment::Counted, one_more(held, ip, context)));
            }
            Outcome::Complete { payload, len, proto, held } => {
                let payload = Octets::new(&payload, len as usize);
                let mut whole = IpPacket { proto, payload, fragment: None, ..*ip };
                whole.read_extensions(&mut self.counts);
                if whole.fragment.take().is_some() {
                    // A fragment within fragments: no stack sends it, and following it would have no end.
                    whole.unreadable = true;
                }
                let context = Context { held, reassembled: true, ..*context };
                self.datagram(&whole, &context, sink);
            }
        }
    }

    /// Protocol and ports, if this fragment shows them.
    fn fragment_transport(&mut self, ip: &IpPacket<'_>, offset: u32) -> Option<Transport> {
        let mut first = *ip;
        if offset == 0 {
            first.fragment = None;
            first.read_extensions(&mut self.counts);
        }
        if first.unreadable || first.fragment.is_some_and(|_| offset == 0) {
            return None;
        }
        let has_ports = transport::has_ports(first.proto);
        let (src_port, dst_port) = match (has_ports, offset) {
            (false, _) => (0, 0),
            (true, 0) => transport::ports(first.proto, first.payload)?,
            (true, _) => return None,
        };
        // A later fragment of IPv6 names the first extension header behind the fragment header, if there is one.
        if offset > 0 && first.src.is_ipv6() && ip::is_extension(first.proto) {
            return None;
        }
        Some(Transport { proto: first.proto, src_port, dst_port })
    }
}

/// What an IP packet counts: its length, cut to the frame.
fn countable(ip: &IpPacket<'_>, context: &Context) -> u64 {
    ip.total_len.min(context.wire_len) as u64
}

/// This packet and those that waited for it.
fn one_more(held: Held, ip: &IpPacket<'_>, context: &Context) -> Held {
    Held {
        packets: held.packets.saturating_add(1),
        bytes: held.bytes + countable(ip, context),
        first_time: held.first_time.or(Some(context.time)),
    }
}

fn packet<'a>(
    ip: &IpPacket<'_>,
    context: &Context,
    transport: Transport,
    segment: Segment<'a>,
    count: Held,
) -> Packet<'a> {
    Packet {
        time: context.time,
        first_time: count.first_time.unwrap_or(context.time),
        origin: context.origin,
        src: ip.src,
        dst: ip.dst,
        proto: transport.proto,
        src_port: transport.src_port,
        dst_port: transport.dst_port,
        vlan: context.vlan,
        tunnel: context.tunnel,
        packets: count.packets,
        bytes: count.bytes,
        segment,
    }
}
