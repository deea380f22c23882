//! Rights are needed until the rings are open, and given up then: nothing that a packet makes go wrong can use them.
//!
//! Order: rings, listening socket and files are open; no new privileges; bounding and ambient sets emptied; all capabilities
//! dropped. Threads that start afterwards inherit that.

use std::io;

use rustix::thread::{CapabilitySet, CapabilitySets};

/// Capabilities this kernel may know: one more than the last bit of the sets.
const CAPABILITIES: u32 = 64;

/// Whether this process runs as root.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Gives up every capability, but for CAP_NET_RAW if interfaces that come later are to be opened.
///
/// # Errors
/// When the kernel refuses, which it does not by its documentation: giving up needs no right. Only the bounding set does; where
/// it cannot be emptied, no-new-privs keeps it without effect.
pub(super) fn give_up(keep_net_raw: bool) -> io::Result<()> {
    let keep = if keep_net_raw { CapabilitySet::NET_RAW } else { CapabilitySet::empty() };
    rustix::thread::set_no_new_privs(true)?;
    rustix::thread::clear_ambient_capability_set()?;
    for bit in 0..CAPABILITIES {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if rustix::thread::remove_capability_from_bounding_set(capability).is_err() {
            break;
        }
    }
    let held = rustix::thread::capabilities(None)?.permitted;
    let rest = keep & held;
    rustix::thread::set_capabilities(
        None,
        CapabilitySets { effective: rest, permitted: rest, inheritable: CapabilitySet::empty() },
    )?;
    Ok(())
}
