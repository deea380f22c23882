//! First packets of connections, at once: a second, small capture on all interfaces, in immediate mode, of SYN, DNS questions and QUIC
//! handshakes only. The packet path's rings would tell up to 100 ms later, when a short-lived process is long gone.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap::{Active, Capture, Linktype};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Key;

/// SYN without ACK over IPv4 and IPv6 (without extension headers), DNS questions, and QUIC long headers.
const FILTER: &str = "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn \
    or (ip6[6] == 6 and ip6[53] & 0x12 == 2) \
    or udp dst port 53 \
    or (udp dst port 443 and (udp[8] & 0xc0 == 0xc0 or ip6[48] & 0xc0 == 0xc0))";
/// Headers are enough.
const SNAPLEN: i32 = 160;
/// Octets of its ring.
const BUFFER_BYTES: i32 = 1 << 20;
/// Packets read at a time.
const BATCH: usize = 256;
/// `linux/if_packet.h`: PACKET_OUTGOING.
const OUTGOING: u16 = 4;

/// The capture.
pub(in crate::daemon) struct Openings {
    capture: Capture<Active>,
    /// Octets before the IP header.
    link_len: usize,
}

impl Openings {
    /// Opens it: needs CAP_NET_RAW.
    ///
    /// # Errors
    /// What libpcap says.
    pub(in crate::daemon) fn open() -> Result<Self, pcap::Error> {
        let inactive = Capture::from_device("any")?.snaplen(SNAPLEN).buffer_size(BUFFER_BYTES).immediate_mode(true);
        let mut capture = inactive.open()?.setnonblock()?;
        capture.filter(FILTER, true)?;
        let link_len = match capture.get_datalink() {
            Linktype(113) => 16,
            _ => {
                return Err(pcap::Error::PcapError("the device of all interfaces has an unknown link type".to_owned()));
            }
        };
        Ok(Self { capture, link_len })
    }

    /// Waits for packets, and gives the connections they open, local end first.
    pub(super) fn read(&mut self, wait: Duration) -> io::Result<Vec<Key>> {
        let mut fds = [PollFd::new(&self.capture, PollFlags::IN)];
        match poll(&mut fds, Some(&Timespec::try_from(wait).unwrap_or_default())) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut keys = Vec::new();
        while keys.len() < BATCH {
            match self.capture.next_packet() {
                Ok(packet) => keys.extend(key(packet.data, self.link_len)),
                Err(pcap::Error::TimeoutExpired | pcap::Error::NoMorePackets) => break,
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(keys)
    }
}

/// Ends of a packet of Linux' cooked capture (SLL), the one of this host first.
fn key(frame: &[u8], link_len: usize) -> Option<Key> {
    let kind = u16::from_be_bytes(frame.first_chunk::<2>().copied()?);
    let packet = LaxSlicedPacket::from_ip(frame.get(link_len..)?).ok()?;
    let (from, to): (IpAddr, IpAddr) = match packet.net? {
        LaxNetSlice::Ipv4(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        LaxNetSlice::Ipv6(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        LaxNetSlice::Arp(_) => return None,
    };
    let (proto, from_port, to_port) = match packet.transport? {
        TransportSlice::Tcp(tcp) => (6, tcp.source_port(), tcp.destination_port()),
        TransportSlice::Udp(udp) => (17, udp.source_port(), udp.destination_port()),
        _ => return None,
    };
    let (from, to) = ((from, from_port), (to, to_port));
    Some(if kind == OUTGOING { (proto, from, to) } else { (proto, to, from) })
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;

    #[test]
    fn the_local_end_comes_first_and_no_octets_panic() {
        let mut packet = Vec::new();
        PacketBuilder::ipv4([10, 0, 0, 1], [203, 0, 113, 7], 64)
            .tcp(4000, 443, 1, 1)
            .syn()
            .write(&mut packet, &[])
            .unwrap();
        for (kind, local) in [([0, 4], 4000), ([0, 0], 443)] {
            let mut frame = [&kind[..], &[0; 14]].concat();
            frame.extend_from_slice(&packet);
            assert_eq!(key(&frame, 16).map(|key| (key.0, key.1.1)), Some((6, local)));
            for end in 0..frame.len() {
                let _ = key(&frame[..end], 16);
            }
        }
    }

    #[test]
    fn the_filter_compiles() {
        assert!(Capture::dead(Linktype(113)).unwrap().compile(FILTER, true).is_ok());
    }
}
