//! `borderpost doctor`: whether `run` with the same options would work here, and how to mend what would not.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::thread::CapabilitySet;

use super::args::RunArgs;
use super::rules::Loaded;
use super::{Done, Failure, print, run, system};
use crate::capture::{LiveCapture, LiveError};
use crate::config::LiveSettings;
use crate::daemon::WebConfig;

/// A country database older than this tells of networks that moved.
const DATABASE_AGE_MAX_DAYS: u64 = 60;
/// Below it the super-packets of offloading cards are cut.
const SNAPLEN_MIN: usize = 65_535;

/// What the program takes before it tracks anything: rules, databases, its own code.
const PROGRAM_BYTES: u64 = 150 << 20;

/// From this version on Landlock can forbid TCP.
const LANDLOCK_WITH_TCP: u32 = 4;

/// One thing that was looked at: a mark, what it is, and how to mend it.
enum Finding {
    Well(String),
    Warning(String, String),
    Problem(String, String),
}

use Finding::{Problem, Warning, Well};

pub(super) fn doctor(args: &RunArgs) -> Result<Done, Failure> {
    let loaded = run::load(args)?;
    let live = &loaded.settings.live;
    let mut findings = vec![Well("configuration, policies, signatures and databases are valid".to_owned())];
    findings.extend(rights(args.allow_root, live)?);
    findings.extend(rings(&loaded));
    findings.extend(sandbox());
    findings.extend(events(&loaded));
    findings.push(listening(live, &run::web(&loaded.settings)?));
    findings.extend(databases(&loaded));
    findings.push(clock());
    let mut text = String::new();
    let mut problems = 0;
    for finding in &findings {
        // Writing to a String cannot fail.
        let _ = match finding {
            Well(what) => writeln!(text, "ok       {what}"),
            Warning(what, fix) => writeln!(text, "warning  {what}\n         {fix}"),
            Problem(what, fix) => {
                problems += 1;
                writeln!(text, "PROBLEM  {what}\n         {fix}")
            }
        };
    }
    print(&text)?;
    match problems {
        0 => Ok(Done::Well),
        _ => Err(Failure::Runtime(format!("{problems} of {} checks failed", findings.len()))),
    }
}

fn rights(allow_root: bool, live: &LiveSettings) -> Result<Vec<Finding>, Failure> {
    let user = live.user.as_deref().map(run::identity).transpose()?;
    if rustix::process::geteuid().is_root() && !allow_root && user.is_none() {
        return Ok(vec![Problem(
            "runs as root, which run refuses".to_owned(),
            "--user borderpost, or start it through systemd/borderpost.service, or say --allow-root".to_owned(),
        )]);
    }
    let held = rustix::thread::capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    let mut wanted = vec![(CapabilitySet::NET_RAW, "CAP_NET_RAW", "no ring can be opened", "cap_net_raw")];
    if live.processes {
        let what = "processes of other users are not named";
        wanted.push((
            CapabilitySet::SYS_PTRACE,
            "CAP_SYS_PTRACE",
            what,
            "cap_net_raw,cap_sys_ptrace,cap_dac_read_search",
        ));
        wanted.push((
            CapabilitySet::DAC_READ_SEARCH,
            "CAP_DAC_READ_SEARCH",
            what,
            "cap_net_raw,cap_sys_ptrace,cap_dac_read_search",
        ));
    }
    let judge = |(capability, name, without, all): (CapabilitySet, &str, &str, &str)| {
        if held.contains(capability) {
            return Well(format!("{name} is there"));
        }
        let fix = format!("start it through systemd, or: setcap {all}=ep /usr/bin/borderpost");
        Problem(format!("{name} is missing: {without}"), fix)
    };
    Ok(wanted.into_iter().map(judge).collect())
}

/// Opens the rings as `run` would, and closes them again.
fn rings(loaded: &Loaded) -> Vec<Finding> {
    let options = run::capture_options(&loaded.settings);
    let ring_bytes = options.ring_bytes as u64;
    let snaplen = options.snaplen;
    let (open, names) = match LiveCapture::open(options) {
        Ok(mut live) => {
            let names: Vec<String> = live.counts().iter().map(|counts| counts.name.clone()).collect();
            (live.open_count() as u64, names)
        }
        Err(error) => {
            let fix = match &error {
                LiveError::Absent { .. } => "name one of these, or a pattern such as 'eth*'",
                LiveError::Open { .. } => "see the rights above; the interface must be up",
                LiveError::Filter { .. } => "see pcap-filter(7)",
            };
            return vec![Problem(error.to_string(), fix.to_owned())];
        }
    };
    let mut findings = vec![Well(format!("{open} interfaces can be captured"))];
    // What `any` stands for has offloads, it has none.
    let names = if names.iter().any(|name| name == "any") { crate::capture::interfaces() } else { names };
    findings.extend(offloads(&names, snaplen));
    let limits = &loaded.settings.limits;
    let needed = open * ring_bytes + limits.memory_bytes() as u64 + PROGRAM_BYTES;
    if let Some(available) = memory_available() {
        let told =
            format!("with every limit reached it takes {} MiB, {} MiB are available", needed >> 20, available >> 20);
        findings.push(if needed > available {
            let fix = "lower limits.flows_max, the other budgets of [limits] or ring-bytes, or name fewer interfaces";
            Warning(told, fix.to_owned())
        } else {
            Well(told)
        });
    }
    findings
}

/// Octets that could be allocated without swapping (proc(5), meminfo).
fn memory_available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? << 10)
}

fn listening(live: &LiveSettings, web: &WebConfig) -> Finding {
    let address = live.web_listen_address;
    if live.web_systemd_socket {
        return Well("the web is served at systemd's socket".to_owned());
    }
    match TcpListener::bind(address) {
        Err(error) => Problem(format!("cannot listen at {address}: {error}"), "another web-listen-address".to_owned()),
        Ok(_) if !(address.ip().is_loopback() || web.is_tls() && web.asks()) => Warning(
            format!("{address} can be reached by others, and there is neither TLS nor a password, or only one of them"),
            "listen on loopback, or give both in web-config-file (docs/daemon.md)".to_owned(),
        ),
        Ok(_) => Well(format!("the web can be served at {address}")),
    }
}

fn databases(loaded: &Loaded) -> Vec<Finding> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let age = |built: u64| now.saturating_sub(built) / 86_400;
    let judge = |database: &crate::geo::DatabaseInfo| match age(database.build_epoch_s) {
        days if days > DATABASE_AGE_MAX_DAYS => Warning(
            format!("database {} is {days} days old", database.name),
            "networks move: fetch a newer one and name it in geoip".to_owned(),
        ),
        days => Well(format!("database {} is {days} days old", database.name)),
    };
    loaded.locator.databases().iter().map(judge).collect()
}

/// Events bear the host's clock, and thresholds and handshakes are judged by it.
fn clock() -> Finding {
    match system::clock() {
        Some(clock) if clock.synchronized => {
            Well(format!("the clock is synchronized, to {} ms or better", clock.error_us.div_euclid(1000) + 1))
        }
        Some(_) => Warning(
            "the clock is not synchronized: events bear its time".to_owned(),
            "timedatectl set-ntp true, or install chrony".to_owned(),
        ),
        None => Warning("the kernel does not tell of the clock".to_owned(), "see timedatectl".to_owned()),
    }
}

/// What cards do to packets before they are captured.
fn offloads(interfaces: &[String], snaplen: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in interfaces {
        let Some(offloads) = system::offloads(name) else { continue };
        if offloads.lro {
            findings.push(Warning(
                format!("{name}: the card merges packets (LRO), and their headers are lost"),
                format!("ethtool -K {name} lro off"),
            ));
        }
        let merged = [(offloads.gro, "GRO"), (offloads.tso, "TSO")];
        let merged: Vec<&str> = merged.into_iter().filter_map(|(on, name)| on.then_some(name)).collect();
        let merged = merged.join(" and ");
        if !merged.is_empty() && snaplen < SNAPLEN_MIN {
            findings.push(Warning(
                format!(
                    "{name}: {merged} make packets of up to 64 KiB, of which a snaplen of {snaplen} cuts the end off"
                ),
                format!("snaplen = {SNAPLEN_MIN}, or ethtool -K {name} gro off tso off"),
            ));
        } else if !merged.is_empty() {
            findings.push(Well(format!("{name}: {merged} are on; their large packets are read whole")));
        }
    }
    findings
}

/// What the daemon takes away from itself, as far as this kernel can.
fn sandbox() -> [Finding; 2] {
    let landlock = match system::landlock() {
        None => Warning(
            "this kernel has no Landlock: the daemon could write wherever its user may".to_owned(),
            "a kernel with CONFIG_SECURITY_LANDLOCK, and landlock in lsm= of its command line".to_owned(),
        ),
        Some(version) if version < LANDLOCK_WITH_TCP => Warning(
            format!("Landlock is there in version {version}: files are closed to the daemon, TCP is not"),
            "Linux 6.7 or newer".to_owned(),
        ),
        Some(version) => Well(format!("Landlock is there in version {version}")),
    };
    let seccomp = if Path::new("/proc/sys/kernel/seccomp/actions_avail").exists() {
        Well("seccomp is there".to_owned())
    } else {
        Warning(
            "this kernel has no seccomp, or does not tell: the daemon runs with less of a sandbox".to_owned(),
            "a kernel with CONFIG_SECCOMP_FILTER".to_owned(),
        )
    };
    [landlock, seccomp]
}

/// Whether the files of events have a folder and room.
fn events(loaded: &Loaded) -> Option<Finding> {
    let path = loaded.settings.events.as_deref()?;
    let live = &loaded.settings.live;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let shown = folder.display();
    let Ok(disk) = rustix::fs::statvfs(folder) else {
        return Some(Problem(format!("{shown}, the folder of events, is not there"), format!("mkdir -p {shown}")));
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let needed = live.rotate_bytes.saturating_mul(u64::from(live.rotate_keep) + 1);
    Some(if free < needed {
        Warning(
            format!("events may take {} MiB, and {shown} has {} MiB", needed >> 20, free >> 20),
            "lower rotate-bytes or rotate-keep".to_owned(),
        )
    } else {
        Well(format!("{shown} has room for the events"))
    })
}
