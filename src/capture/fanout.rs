//! Sharing an interface among several processes: packet(7), PACKET_FANOUT. The kernel gives each packet to one ring of the group, chosen
//! by a hash of its flow.
//!
//! **Which packets meet.** The hash is symmetric (`__skb_get_hash_symmetric`): both directions of a flow come to the same ring. Fragments
//! have no ports to hash, so the kernel is asked to put IPv4 datagrams together first (DEFRAG); such a datagram is then one packet. Of
//! GRE and IP-in-IP the kernel hashes what is inside; of tunnels over UDP (VXLAN, GENEVE) it sees only the outer ports, and the two
//! directions of an inner flow may come to different rings.

#![allow(unsafe_code)] // One call, setsockopt(2): neither the pcap crate nor rustix has the option.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Joins the ring behind a socket to a group. From then on it gets its share only; what came before came to all.
///
/// # Errors
/// When the kernel refuses: another program uses the group in another mode, or the socket is no packet socket.
pub(super) fn join(socket: BorrowedFd<'_>, group: u16) -> io::Result<()> {
    let mode = libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_DEFRAG;
    let value: libc::c_int = libc::c_int::from(group) | (mode as libc::c_int) << 16;
    let size = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as it is borrowed; the kernel reads `size` octets at `value` before the call returns.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_FANOUT, (&raw const value).cast(), size)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
