//! What `doctor` asks the kernel and no safe crate asks for it: the state of the clock, what network cards do on their own, and how much
//! of Landlock there is.

// Three system calls, two of them with structures of the kernel; nothing else is in this file.
#![allow(unsafe_code)]

use std::os::fd::AsRawFd as _;

use rustix::net::{AddressFamily, SocketType};

/// adjtimex(2).
pub(super) struct Clock {
    /// Whether something keeps it right.
    pub(super) synchronized: bool,
    /// How wrong it may be, in microseconds.
    pub(super) error_us: i64,
}

/// The state of the clock; `None` where the kernel does not tell.
pub(super) fn clock() -> Option<Clock> {
    // SAFETY: a timex is plain numbers, for all of which zero is valid.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a timex that lives until the call returns; `modes` is 0: nothing is changed.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    let unsynchronized = state == libc::TIME_ERROR || timex.status & libc::STA_UNSYNC != 0;
    (state >= 0).then_some(Clock { synchronized: !unsynchronized, error_us: timex.maxerror })
}

/// LANDLOCK_CREATE_RULESET_VERSION of linux/landlock.h.
const ONLY_THE_VERSION: u32 = 1;

/// The version of Landlock's interface, which says what it can restrict; `None` where there is none, or it is not switched on.
pub(super) fn landlock() -> Option<u32> {
    let nothing = std::ptr::null::<libc::c_void>();
    // SAFETY: with this flag the kernel takes no structure, and wants the pointer null and its size 0.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0_usize, ONLY_THE_VERSION) };
    u32::try_from(version).ok().filter(|version| *version > 0)
}

/// What a card or its driver does to packets before we see them.
pub(super) struct Offloads {
    /// Packets of a flow are merged on receipt (GRO); headers stay right.
    pub(super) gro: bool,
    /// The card merges them (LRO): where packets began and what their headers said is lost.
    pub(super) lro: bool,
    /// Segments are cut by the card (TSO): we see what comes before.
    pub(super) tso: bool,
}

/// From linux/ethtool.h and linux/sockios.h.
const SIOCETHTOOL: u64 = 0x8946;
const ETHTOOL_GTSO: u32 = 0x1e;
const ETHTOOL_GFLAGS: u32 = 0x25;
const ETHTOOL_GGRO: u32 = 0x2b;
const ETH_FLAG_LRO: u32 = 1 << 15;

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// Asks an interface; `None` where it does not tell.
pub(super) fn offloads(interface: &str) -> Option<Offloads> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None).ok()?;
    let ask = |command: u32| {
        let mut value = Value { command, data: 0 };
        // SAFETY: an ifreq is plain numbers and a pointer, for all of which zero is valid.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        // The last octet stays 0.
        let places = request.ifr_name.len() - 1;
        if interface.len() > places {
            return None;
        }
        for (place, octet) in request.ifr_name.iter_mut().zip(interface.bytes()) {
            *place = octet as libc::c_char;
        }
        request.ifr_ifru.ifru_data = (&raw mut value).cast();
        // SAFETY: request and the value it points to live until the call returns; the kernel writes two u32 for these commands.
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut request) };
        (result == 0).then_some(value.data)
    };
    let flags = ask(ETHTOOL_GFLAGS)?;
    let on = |command| ask(command).is_some_and(|data| data != 0);
    Some(Offloads { gro: on(ETHTOOL_GGRO), lro: flags & ETH_FLAG_LRO != 0, tso: on(ETHTOOL_GTSO) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_answers_and_names_that_are_no_interface_do_not() {
        assert!(clock().is_some_and(|clock| clock.error_us >= 0));
        // Where it is not, no descriptor of 0 or an error is taken for a version.
        assert!(landlock().is_none_or(|version| (1..100).contains(&version)));
        assert!(offloads("lo").is_some_and(|lo| !lo.lro));
        assert!(offloads("no-such-if").is_none() && offloads("a-name-that-is-far-too-long").is_none());
    }
}
