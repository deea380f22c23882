//! `borderpost doctor`: whether `run` with the same options would work here, and how to mend what would not.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::args::RunArgs;
use super::rules::Loaded;
use super::{Done, Failure, print, run};
use crate::capture::{LiveCapture, LiveError};
use crate::config::LiveSettings;
use crate::daemon::WebConfig;

/// A country database older than this tells of networks that moved.
const DATABASE_AGE_MAX_DAYS: u64 = 60;
/// Below it the super-packets of offloading hosts are cut.
const SNAPLEN_MIN: usize = 65_535;

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
    findings.push(rights(args.allow_root));
    findings.extend(rings(&loaded));
    if live.snaplen < SNAPLEN_MIN {
        findings.push(Warning(
            format!("snaplen {} cuts frames of hosts that offload (GRO, TSO)", live.snaplen),
            format!("snaplen = {SNAPLEN_MIN}"),
        ));
    }
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

fn rights(allow_root: bool) -> Finding {
    if rustix::process::geteuid().is_root() && !allow_root {
        return Problem(
            "runs as root, which run refuses".to_owned(),
            "start it as a user with CAP_NET_RAW, as systemd/borderpost.service does, or say --allow-root".to_owned(),
        );
    }
    let has_raw = rustix::thread::capabilities(None)
        .is_ok_and(|sets| sets.effective.contains(rustix::thread::CapabilitySet::NET_RAW));
    if has_raw {
        return Well("CAP_NET_RAW is there".to_owned());
    }
    Problem(
        "CAP_NET_RAW is missing: no ring can be opened".to_owned(),
        "start it through systemd, or: setcap cap_net_raw=ep /usr/bin/borderpost".to_owned(),
    )
}

/// Opens the rings as `run` would, and closes them again.
fn rings(loaded: &Loaded) -> Vec<Finding> {
    let options = run::capture_options(&loaded.settings);
    let ring_bytes = options.ring_bytes as u64;
    let open = match LiveCapture::open(options) {
        Ok(live) => live.open_count() as u64,
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
    let needed = open * ring_bytes;
    if let Some(available) = memory_available()
        && needed > available / 4
    {
        findings.push(Warning(
            format!("rings take {} MiB of {} MiB that are available", needed >> 20, available >> 20),
            "lower ring-bytes, or name fewer interfaces".to_owned(),
        ));
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
            format!("{address} can be reached by others, without TLS or without a password"),
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

/// Events bear the host's clock. What keeps it right leaves a mark where systemd-timesyncd does; others are not seen from here.
fn clock() -> Finding {
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return Well("the clock is synchronized".to_owned());
    }
    Warning(
        "cannot tell whether the clock is synchronized".to_owned(),
        "see timedatectl or chronyc tracking: events bear this clock".to_owned(),
    )
}
