//! The system calls that are left to the daemon once it runs: what capturing, working, writing its outputs and serving the web need, and
//! nothing else. A call that is not listed fails with EPERM. Installed last, for all threads; there is no way back.
//!
//! Left out, on purpose: executing anything, tracing or reading other processes' memory, changing users, capabilities or namespaces,
//! mounting, kernel modules, BPF, keyrings, io_uring, listening at a new socket, making executable files in memory.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter, apply_filter_all_threads,
};

/// Calls that are allowed with any arguments: what is done with files is Landlock's to judge.
const ALLOWED: &[libc::c_long] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Threads and signals.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_membarrier,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    // Time and chance.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    // Files.
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fallocate,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
    // Sockets; which families may be opened is below.
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_socketpair,
    // Waiting.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    // Who and where we are.
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getuid,
    libc::SYS_prlimit64,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    // Answered by the other filter: the C library then uses clone.
    libc::SYS_clone3,
];

/// Older forms of calls above, which only this architecture has.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[libc::c_long] = &[
    libc::SYS_access,
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_getrlimit,
    libc::SYS_lstat,
    libc::SYS_open,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[libc::c_long] = &[];

/// Families of sockets: Unix for systemd, journal and syslog, netlink and packet to capture, Internet for syslog.
const FAMILIES: [libc::c_int; 5] = [libc::AF_UNIX, libc::AF_NETLINK, libc::AF_PACKET, libc::AF_INET, libc::AF_INET6];
/// What a thread may be asked to do to itself.
const PRCTL: [libc::c_int; 3] = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA];
/// Terminals take input from a process that may do this.
const IOCTL_FORBIDDEN: [u64; 2] = [libc::TIOCSTI, libc::TIOCLINUX];
/// Threads are cloned, namespaces are not.
const NAMESPACES: u64 = (libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS) as u64;

/// Installs the filter for this thread alone, or for all.
///
/// # Errors
/// When the kernel has no seccomp, or refuses.
pub(super) fn enter(all_threads: bool) -> io::Result<()> {
    for program in programs().map_err(io::Error::other)? {
        let applied = if all_threads { apply_filter_all_threads(&program) } else { apply_filter(&program) };
        applied.map_err(io::Error::other)?;
    }
    Ok(())
}

/// The kernel takes the strictest answer of all filters. The one that allows little comes last: it does not allow to install others.
fn programs() -> Result<[BpfProgram; 2], seccompiler::BackendError> {
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    let denied = SeccompAction::Errno(libc::EPERM as u32);
    let allow = SeccompFilter::new(rules()?, denied, SeccompAction::Allow, architecture)?;
    // What a filter cannot look into must not be allowed: "not implemented" makes the C library use clone, whose flags are plain.
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let unknown = SeccompAction::Errno(libc::ENOSYS as u32);
    let clone3 = SeccompFilter::new(clone3, SeccompAction::Allow, unknown, architecture)?;
    Ok([clone3.try_into()?, allow.try_into()?])
}

fn rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in ALLOWED.iter().chain(ALLOWED_HERE) {
        rules.insert(*call, Vec::new());
    }
    let is = |argument, operator, value| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value);
    let equals = |argument, value: libc::c_int| SeccompRule::new(vec![is(argument, SeccompCmpOp::Eq, value as u64)?]);
    rules.insert(libc::SYS_socket, FAMILIES.iter().map(|family| equals(0, *family)).collect::<Result<_, _>>()?);
    rules.insert(libc::SYS_prctl, PRCTL.iter().map(|what| equals(0, *what)).collect::<Result<_, _>>()?);
    let no_namespaces = is(0, SeccompCmpOp::MaskedEq(NAMESPACES), 0)?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![no_namespaces])?]);
    let others = IOCTL_FORBIDDEN.iter().map(|code| is(1, SeccompCmpOp::Ne, *code)).collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_ioctl, vec![SeccompRule::new(others)?]);
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::process::Command;

    use super::*;

    /// Whether EPERM came back.
    fn refused<T>(result: Result<T, rustix::io::Errno>) -> bool {
        result.err() == Some(rustix::io::Errno::PERM)
    }

    #[test]
    fn what_is_needed_works_and_the_rest_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // Only this thread is restricted, and those it starts.
        std::thread::spawn(move || {
            rustix::thread::set_no_new_privs(true).unwrap();
            assert!(Command::new("/bin/true").status().is_ok_and(|status| status.success()), "before, all is allowed");
            assert!(rustix::process::getpgid(None).is_ok());
            enter(false).unwrap();

            std::fs::File::create(&path).unwrap().write_all(b"x").unwrap();
            std::fs::rename(&path, path.with_extension("1")).unwrap();
            assert_eq!(std::thread::spawn(|| 7).join().unwrap(), 7);
            assert!(std::net::UdpSocket::bind("127.0.0.1:0").is_ok());
            assert!(std::net::TcpStream::connect(listener.local_addr().unwrap()).is_ok());
            assert!(std::fs::read_dir("/proc/self/fd").unwrap().count() > 0);

            assert!(Command::new("/bin/true").status().is_err(), "executed");
            assert!(TcpListener::bind("127.0.0.1:0").is_err(), "listens");
            assert!(refused(rustix::process::getpgid(None)));
            assert!(refused(rustix::fs::chmod("/tmp", rustix::fs::Mode::from_raw_mode(0o777))));
            assert!(refused(rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::CONT)));
            let vsock = rustix::net::AddressFamily::from_raw(40);
            assert!(refused(rustix::net::socket(vsock, rustix::net::SocketType::STREAM, None)));
        })
        .join()
        .unwrap();
        assert!(Command::new("/bin/true").status().is_ok(), "the rest of the process is as before");
    }
}
