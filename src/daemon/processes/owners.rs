//! Who has a socket open: /proc/PID/fd of all processes, the newest first, since those are gone soonest; then what /proc says of the one that
//! was found. Where several have it open, the newest is named.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use super::sockets::Socket;
use crate::model::{MatchQuality, ProcessView};

/// Inodes that are remembered with their process.
const INODES_MAX: usize = 131_072;
/// A search of all processes is followed by so many times its duration without one.
const REST_FACTOR: u32 = 4;
/// Processes that are looked at without much ado: short-lived ones are among the newest. Followed by its duration without one.
const NEWEST: usize = 48;
/// Descriptors of one process that are looked at.
const DESCRIPTORS_MAX: usize = 65_536;
/// Characters of an executable's path.
const EXE_MAX: usize = 512;
/// How often names of users are read.
const USERS_EVERY: Duration = Duration::from_secs(300);

pub(super) struct Owners {
    by_inode: HashMap<u32, u32>,
    rests_until: Instant,
    newest_rests_until: Instant,
    users: HashMap<u32, String>,
    users_read: Option<Instant>,
}

impl Owners {
    pub(super) fn new() -> Self {
        Self {
            by_inode: HashMap::new(),
            rests_until: Instant::now(),
            newest_rests_until: Instant::now(),
            users: HashMap::new(),
            users_read: None,
        }
    }

    /// How long until the next search of all processes is allowed.
    pub(super) fn rests_for(&self) -> Duration {
        self.rests_until.saturating_duration_since(Instant::now())
    }

    /// Whether a socket's process is known and still has it open.
    pub(super) fn knows(&self, inode: u32) -> bool {
        self.by_inode.get(&inode).is_some_and(|pid| has_open(*pid, inode))
    }

    /// Looks for the processes of sockets among the newest ones only, if that is allowed.
    pub(super) fn search_newest(&mut self, inodes: impl Iterator<Item = u32>) {
        let begun = Instant::now();
        if begun >= self.newest_rests_until {
            let wanted = inodes.filter(|inode| !self.knows(*inode)).collect();
            self.look_through(wanted, NEWEST);
            self.newest_rests_until = Instant::now() + begun.elapsed();
        }
    }

    /// Finds the processes of sockets, as far as they are not known.
    pub(super) fn search(&mut self, inodes: impl Iterator<Item = u32>) {
        let wanted: BTreeSet<u32> = inodes.filter(|inode| !self.knows(*inode)).collect();
        let begun = Instant::now();
        for inode in self.look_through(wanted, usize::MAX) {
            self.by_inode.remove(&inode);
        }
        self.rests_until = Instant::now() + begun.elapsed() * REST_FACTOR;
    }

    /// Looks through so many processes; what was not found is left.
    fn look_through(&mut self, mut wanted: BTreeSet<u32>, processes: usize) -> BTreeSet<u32> {
        if wanted.is_empty() {
            return wanted;
        }
        if self.by_inode.len() > INODES_MAX {
            self.by_inode.clear();
        }
        for pid in newest_first().into_iter().take(processes) {
            for inode in sockets_of(pid) {
                // The newest process stays: it was looked at first.
                if wanted.remove(&inode) {
                    self.by_inode.insert(inode, pid);
                }
            }
            if wanted.is_empty() {
                break;
            }
        }
        wanted
    }

    /// All that is known of a socket's process.
    pub(super) fn view(&mut self, socket: &Socket) -> ProcessView {
        let user = self.user(socket.uid);
        let pid = self.by_inode.get(&socket.inode).copied();
        let Some(pid) = pid.filter(|_| socket.inode != 0) else {
            return ProcessView { uid: socket.uid, user, quality: MatchQuality::Gone, ..ProcessView::default() };
        };
        let root = format!("/proc/{pid}");
        let exe = std::fs::read_link(format!("{root}/exe")).ok();
        let exe = exe.map(|path| path.to_string_lossy().chars().take(EXE_MAX).collect());
        let cgroup = std::fs::read_to_string(format!("{root}/cgroup")).unwrap_or_default();
        let (unit, container) = of_cgroup(&cgroup);
        ProcessView { pid: Some(pid), exe, uid: socket.uid, user, unit, container, quality: socket.quality, end: "" }
    }

    fn user(&mut self, uid: u32) -> Option<String> {
        if self.users_read.is_none_or(|at| at.elapsed() > USERS_EVERY) {
            self.users_read = Some(Instant::now());
            let passwd = std::fs::read_to_string(Path::new("/etc/passwd")).unwrap_or_default();
            let user = |line: &str| {
                let mut fields = line.split(':');
                let (name, uid) = (fields.next()?, fields.nth(1)?);
                Some((uid.parse().ok()?, name.to_owned()))
            };
            self.users = passwd.lines().rev().filter_map(user).collect();
        }
        self.users.get(&uid).cloned()
    }
}

/// Processes, by the order in which they were made, newest first; numbers wrap around.
fn newest_first() -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let mut pids: Vec<u32> = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let loadavg = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let newest = loadavg.split_ascii_whitespace().last().and_then(|pid| pid.parse().ok()).unwrap_or(u32::MAX);
    pids.sort_unstable_by_key(|pid| newest.wrapping_sub(*pid));
    pids
}

/// Inodes of the sockets that a process has open. Nothing, where we may not look.
fn sockets_of(pid: u32) -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd"));
    entries.into_iter().flatten().flatten().take(DESCRIPTORS_MAX).filter_map(|entry| {
        let link = std::fs::read_link(entry.path()).ok()?;
        link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    })
}

fn has_open(pid: u32, inode: u32) -> bool {
    sockets_of(pid).any(|other| other == inode)
}

/// Unit of systemd and container of the text of /proc/PID/cgroup (cgroups(7)), of either version.
fn of_cgroup(text: &str) -> (Option<String>, Option<String>) {
    // Version 2, or systemd's own hierarchy of version 1.
    let path = text
        .lines()
        .find_map(|line| line.strip_prefix("0::").or_else(|| line.split_once(":name=systemd:").map(|(_, path)| path)));
    let parts: Vec<&str> = path.unwrap_or_default().split('/').filter(|part| !part.is_empty()).collect();
    let is_unit = |part: &&&str| [".service", ".scope", ".socket", ".mount"].iter().any(|end| part.ends_with(end));
    let unit = parts.iter().rev().find(is_unit).map(|unit| (*unit).to_owned());
    // Docker, containerd, CRI-O and Podman name the group after the container: 64 hexadecimal digits, with this or that around.
    let id = |part: &&str| {
        let part = part.strip_suffix(".scope").unwrap_or(part);
        let tail = part.rsplit(['-', ':']).next()?;
        (tail.len() == 64 && tail.bytes().all(|octet| octet.is_ascii_hexdigit())).then(|| tail.to_owned())
    };
    (unit, parts.iter().rev().find_map(id))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn units_and_containers_are_read_from_control_groups() {
        let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        for (text, unit, container) in [
            ("0::/system.slice/nginx.service\n".to_owned(), Some("nginx.service".to_owned()), None),
            (format!("0::/system.slice/docker-{id}.scope\n"), Some(format!("docker-{id}.scope")), Some(id.to_owned())),
            (format!("12:cpu:/x\n1:name=systemd:/docker/{id}\n"), None, Some(id.to_owned())),
            (
                format!("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope\n"),
                Some(format!("cri-containerd-{id}.scope")),
                Some(id.to_owned()),
            ),
            ("0::/user.slice/user-0.slice/session-1.scope\n".to_owned(), Some("session-1.scope".to_owned()), None),
            ("0::/\n".to_owned(), None, None),
            (String::new(), None, None),
        ] {
            assert_eq!(of_cgroup(&text), (unit, container), "{text}");
        }
    }

    #[test]
    fn the_owner_of_a_socket_is_found_and_a_closed_one_has_none() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let link = std::fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
        let inode = link.to_str().unwrap()["socket:[".len()..].trim_end_matches(']').parse().unwrap();
        let mut socket = Socket {
            proto: 6,
            local: ([127, 0, 0, 1].into(), 1),
            remote: None,
            uid: 0,
            inode,
            quality: MatchQuality::Listener,
        };
        let mut owners = Owners::new();
        owners.search([inode].into_iter());
        let view = owners.view(&socket);
        assert_eq!((view.pid, view.quality), (Some(std::process::id()), MatchQuality::Listener));
        assert_eq!(view.exe, Some(std::env::current_exe().unwrap().to_string_lossy().into_owned()));
        assert_eq!(view.user.as_deref(), Some("root"));
        drop(listener);
        owners.search([inode].into_iter());
        assert_eq!(owners.view(&socket).quality, MatchQuality::Gone);
        socket.inode = 0;
        assert_eq!(owners.view(&socket).pid, None);
    }
}
