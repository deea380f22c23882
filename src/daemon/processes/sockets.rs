//! Sockets of this host, asked of the kernel (sock_diag(7)): one by its ends, or all. Only those of our own network namespace.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP, TCP_LISTEN};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags};
use rustix::net::netlink::SOCK_DIAG;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use crate::model::MatchQuality;

/// The kernel answers at once; this is for a kernel that does not.
const ANSWER_MS: u64 = 500;
/// A dump comes in messages of at most this size.
const BUFFER_BYTES: usize = 64 << 10;

/// A socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub proto: u8,
    pub local: (IpAddr, u16),
    /// `None` when it listens, or takes datagrams from anyone.
    pub remote: Option<(IpAddr, u16)>,
    pub uid: u32,
    /// 0 while nobody accepted the connection, or after all closed it.
    pub inode: u32,
    pub quality: MatchQuality,
}

/// The kernel's ear.
pub(super) struct Sockets {
    socket: OwnedFd,
    buffer: Vec<u8>,
    number: u32,
}

impl Sockets {
    pub(super) fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(SOCK_DIAG))?;
        let wait = std::time::Duration::from_millis(ANSWER_MS);
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(wait))?;
        Ok(Self { socket, buffer: vec![0; BUFFER_BYTES], number: 0 })
    }

    /// The socket with these ends, or else one that listens at the local end.
    pub(super) fn ask(&mut self, proto: u8, local: (IpAddr, u16), remote: (IpAddr, u16)) -> io::Result<Option<Socket>> {
        let of = |source: (IpAddr, u16), destination: (IpAddr, u16)| SocketId {
            source_port: source.1,
            destination_port: destination.1,
            source_address: source.0,
            destination_address: destination.0,
            interface_id: 0,
            // INET_DIAG_NOCOOKIE: any socket will do.
            cookie: [0xff; 8],
        };
        // Kernels disagree on which end of a datagram socket is the source.
        let ids = [of(local, remote), of(remote, local)];
        for id in ids.into_iter().take(if proto == IPPROTO_UDP { 2 } else { 1 }) {
            let family = if local.0.is_ipv4() { AF_INET } else { AF_INET6 };
            let mut found = None;
            self.exchange(family, proto, id, 0, &mut |socket| found = Some(socket))?;
            if let Some(found) = found.filter(|found| found.local.1 == local.1) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// All sockets, at most so many.
    pub(super) fn all(&mut self, max: usize) -> io::Result<Vec<Socket>> {
        let mut sockets = Vec::new();
        for family in [AF_INET, AF_INET6] {
            for proto in [IPPROTO_TCP, IPPROTO_UDP] {
                let id = if family == AF_INET { SocketId::new_v4() } else { SocketId::new_v6() };
                self.exchange(family, proto, id, NLM_F_DUMP, &mut |socket| {
                    if sockets.len() < max {
                        sockets.push(socket);
                    }
                })?;
            }
        }
        Ok(sockets)
    }

    fn exchange(
        &mut self,
        family: u8,
        protocol: u8,
        socket_id: SocketId,
        flags: u16,
        found: &mut dyn FnMut(Socket),
    ) -> io::Result<()> {
        let states = StateFlags::all() - StateFlags::TIME_WAIT;
        let request = InetRequest { family, protocol, extensions: ExtensionFlags::empty(), states, socket_id };
        let mut header = NetlinkHeader::default();
        self.number = self.number.wrapping_add(1);
        (header.flags, header.sequence_number) = (NLM_F_REQUEST | flags, self.number);
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(SockDiagMessage::InetRequest(request)));
        message.finalize();
        let mut octets = vec![0; message.buffer_len()];
        message.serialize(&mut octets);
        rustix::net::send(&self.socket, &octets, SendFlags::empty())?;
        loop {
            let (_, length) = rustix::net::recv(&self.socket, self.buffer.as_mut_slice(), RecvFlags::empty())?;
            let mut rest = self.buffer.get(..length).unwrap_or_default();
            while let Ok(answer) = NetlinkMessage::<SockDiagMessage>::deserialize(rest) {
                let ours = answer.header.sequence_number == self.number;
                match answer.payload {
                    NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(answer)) if ours => {
                        found(socket(protocol, &answer));
                        if flags == 0 {
                            return Ok(());
                        }
                    }
                    // No such socket is an answer, too.
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) if ours => return Ok(()),
                    _ => {}
                }
                // Messages are aligned to four octets.
                let length = (answer.header.length as usize).next_multiple_of(4);
                match rest.get(length..) {
                    Some(more) if length > 0 && !more.is_empty() => rest = more,
                    _ => break,
                }
            }
        }
    }
}

fn socket(proto: u8, answer: &InetResponse) -> Socket {
    let header = &answer.header;
    let id = &header.socket_id;
    let connected = header.state != TCP_LISTEN && id.destination_port != 0;
    let quality = match (connected, proto) {
        (true, _) => MatchQuality::Connection,
        (false, IPPROTO_TCP) => MatchQuality::Listener,
        (false, _) => MatchQuality::Port,
    };
    Socket {
        proto,
        local: (id.source_address.to_canonical(), id.source_port),
        remote: connected.then(|| (id.destination_address.to_canonical(), id.destination_port)),
        uid: header.uid,
        inode: header.inode,
        quality,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsRawFd as _;

    use super::*;

    fn inode(fd: i32) -> u32 {
        let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
        let text = link.to_str().unwrap();
        text.strip_prefix("socket:[").unwrap().strip_suffix(']').unwrap().parse().unwrap()
    }

    #[test]
    fn own_sockets_are_found_by_their_ends_and_among_all() {
        let mut sockets = Sockets::open().unwrap();
        for host in ["127.0.0.1", "[::1]"] {
            let Ok(listener) = TcpListener::bind(format!("{host}:0")) else { continue };
            let at = listener.local_addr().unwrap();
            let client = TcpStream::connect(at).unwrap();
            let from = client.local_addr().unwrap();
            let end = |address: std::net::SocketAddr| (address.ip(), address.port());
            let found = sockets.ask(6, end(from), end(at)).unwrap().unwrap();
            assert_eq!((found.inode, found.quality), (inode(client.as_raw_fd()), MatchQuality::Connection));
            // Nobody called it yet.
            let listening = sockets.ask(6, end(at), (end(from).0, 1)).unwrap().unwrap();
            assert_eq!((listening.inode, listening.quality), (inode(listener.as_raw_fd()), MatchQuality::Listener));
            assert_eq!(listening.remote, None);
            let (accepted, _) = listener.accept().unwrap();
            let server = sockets.ask(6, end(at), end(from)).unwrap().unwrap();
            assert_eq!(server.inode, inode(accepted.as_raw_fd()));

            let udp = UdpSocket::bind(format!("{host}:0")).unwrap();
            udp.connect(at).unwrap();
            let local = end(udp.local_addr().unwrap());
            let found = sockets.ask(17, local, end(at)).unwrap().unwrap();
            assert_eq!((found.inode, found.quality), (inode(udp.as_raw_fd()), MatchQuality::Connection));

            let all = sockets.all(100_000).unwrap();
            for fd in [listener.as_raw_fd(), client.as_raw_fd(), udp.as_raw_fd()] {
                assert!(all.iter().any(|socket| socket.inode == inode(fd)));
            }
        }
        let nobody = (IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
        assert_eq!(sockets.ask(6, nobody, nobody).unwrap(), None);
        let nobody = (IpAddr::V6(Ipv6Addr::LOCALHOST), 1);
        assert_eq!(sockets.ask(17, nobody, nobody).unwrap(), None);
    }
}
