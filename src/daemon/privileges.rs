//! Rights are needed until the rings are open, and given up then: nothing that a packet makes go wrong can use them.
//!
//! Order: rings and listening socket are open; no new privileges; bounding and ambient sets emptied; another user, if one was asked
//! for; all capabilities dropped but those that were asked to stay. Threads that start afterwards inherit that.

use std::io;

use rustix::process::{Gid, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

/// Capabilities this kernel may know: one more than the last bit of the sets.
const CAPABILITIES: u32 = 64;

/// Whether this process runs as root.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A user and its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    uid: u32,
    gid: u32,
}

impl Identity {
    /// By the text of passwd(5): a name, or `UID:GID`. Other sources of users (LDAP and the like) are not asked.
    pub fn find(user: &str, passwd: &str) -> Option<Self> {
        if let Some((uid, gid)) = user.split_once(':') {
            return Self::of(uid, gid);
        }
        let mut lines = passwd.lines().map(|line| line.split(':'));
        lines.find_map(|mut fields| {
            let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
            if name == user { Self::of(uid, gid) } else { None }
        })
    }

    /// Not root, and not the number that means "leave it".
    fn of(uid: &str, gid: &str) -> Option<Self> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|id| (1..u32::MAX).contains(id));
        Some(Self { uid: number(uid)?, gid: number(gid)? })
    }
}

/// What stays when rights are given up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    /// CAP_NET_RAW: interfaces that come later are to be opened.
    pub net_raw: bool,
    /// CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: /proc of other users' processes is to be read.
    pub proc_of_others: bool,
}

/// Becomes another user, if asked to, and gives up every capability but those in `kept`.
///
/// # Errors
/// When the kernel refuses to change the user. Giving up needs no right, by its documentation; only the bounding set does: where it
/// cannot be emptied, no-new-privs keeps it without effect.
pub(super) fn give_up(kept: Kept, user: Option<Identity>) -> io::Result<()> {
    let mut keep = CapabilitySet::empty();
    keep.set(CapabilitySet::NET_RAW, kept.net_raw);
    keep.set(CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH, kept.proc_of_others);
    rustix::thread::set_no_new_privs(true)?;
    rustix::thread::clear_ambient_capability_set()?;
    for bit in 0..CAPABILITIES {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if rustix::thread::remove_capability_from_bounding_set(capability).is_err() {
            break;
        }
    }
    if let Some(Identity { uid, gid }) = user {
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        // Of this thread, the only one so far.
        rustix::thread::set_keep_capabilities(true)?;
        rustix::thread::set_thread_groups(&[])?;
        rustix::thread::set_thread_res_gid(gid, gid, gid)?;
        rustix::thread::set_thread_res_uid(uid, uid, uid)?;
    }
    let rest = keep & rustix::thread::capabilities(None)?.permitted;
    rustix::thread::set_capabilities(
        None,
        CapabilitySets { effective: rest, permitted: rest, inheritable: CapabilitySet::empty() },
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_or_number_and_root_is_none() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nborderpost:x:997:996::/:/bin/false\nbroken:x\nodd:x:5:0::/:/\n";
        for (user, wanted) in [
            ("borderpost", Some((997, 996))),
            ("12:34", Some((12, 34))),
            ("root", None),
            ("0:0", None),
            ("4294967295:1", None),
            ("odd", None),
            ("broken", None),
            ("nobody", None),
            ("12", None),
        ] {
            let found = Identity::find(user, passwd).map(|identity| (identity.uid, identity.gid));
            assert_eq!(found, wanted, "{user}");
        }
    }
}
