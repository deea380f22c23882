//! What only the daemon needs: interfaces, rings, the listening address, rotation, logs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::lower::TIMEOUT_MAX;
use super::raw::{Reader, Written};
use crate::model::Problem;
use crate::model::operator_file::{Table, bytes_from_text, quote};

/// As typed. Absent is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawLive {
    /// Interfaces: names, patterns, `any`.
    pub interface: Vec<Written<String>>,
    /// `text` or `json`.
    pub log_format: Option<Written<String>>,
    /// Octets of a ring.
    pub ring_bytes: Option<Written<String>>,
    /// Octets kept of a frame.
    pub snaplen: Option<Written<String>>,
    /// Whether to see frames for other hosts.
    pub promiscuous: Option<bool>,
    /// Whether to open interfaces that come later.
    pub follow_interfaces: Option<bool>,
    /// Whether events tell processes.
    pub processes: Option<bool>,
    /// Who to become once the rings are open.
    pub user: Option<Written<String>>,
    /// Address and port to serve at.
    pub web_listen_address: Option<Written<String>>,
    /// TLS and users of the web.
    pub web_config_file: Option<Written<PathBuf>>,
    /// Whether to serve at the socket that systemd opened.
    pub web_systemd_socket: Option<bool>,
    /// Whether reload and quit are served.
    pub web_enable_lifecycle: Option<bool>,
    /// Octets of a file of events.
    pub rotate_bytes: Option<Written<String>>,
    /// Age of a file of events.
    pub rotate_after: Option<Written<String>>,
    /// Old files of events that are kept.
    pub rotate_keep: Option<Written<String>>,
    /// When the file of events is brought to the disk.
    pub events_sync: Option<Written<String>>,
    /// Whether the journal gets events.
    pub events_journald: Option<bool>,
    /// A syslog server that gets events.
    pub events_syslog: Option<Written<String>>,
    /// How often the state is saved.
    pub state_interval: Option<Written<String>>,
    /// Where events wait that cannot go out.
    pub spill: Option<Written<PathBuf>>,
    /// Octets that may wait.
    pub spill_bytes: Option<Written<String>>,
    /// Whether frames are handed over one by one.
    pub immediate: Option<bool>,
    /// The group of processes that share the interfaces.
    pub fanout_group: Option<Written<String>>,
}

impl RawLive {
    pub(super) fn read(reader: &Reader<'_>, root: &mut Table<'_, '_>) -> Self {
        Self {
            interface: reader.texts(root.strings("interface")),
            log_format: reader.text(root.string("log-format")),
            ring_bytes: reader.text(root.quantity("ring-bytes")),
            snaplen: reader.text(root.quantity("snaplen")),
            promiscuous: root.boolean("promiscuous").map(|on| on.value),
            follow_interfaces: root.boolean("follow-interfaces").map(|on| on.value),
            processes: root.boolean("processes").map(|on| on.value),
            user: reader.text(root.string("user")),
            web_listen_address: reader.text(root.string("web-listen-address")),
            web_config_file: reader.path(root.string("web-config-file")),
            web_systemd_socket: root.boolean("web-systemd-socket").map(|on| on.value),
            web_enable_lifecycle: root.boolean("web-enable-lifecycle").map(|on| on.value),
            rotate_bytes: reader.text(root.quantity("rotate-bytes")),
            rotate_after: reader.text(root.string("rotate-after")),
            rotate_keep: reader.text(root.quantity("rotate-keep")),
            events_sync: reader.text(root.string("events-sync")),
            events_journald: root.boolean("events-journald").map(|on| on.value),
            events_syslog: reader.text(root.string("events-syslog")),
            state_interval: reader.text(root.string("state-interval")),
            spill: reader.path(root.string("spill")),
            spill_bytes: reader.text(root.quantity("spill-bytes")),
            immediate: root.boolean("immediate").map(|on| on.value),
            fanout_group: reader.text(root.quantity("fanout-group")),
        }
    }

    pub(super) fn merge(flags: Self, file: Self) -> Self {
        Self {
            interface: if flags.interface.is_empty() { file.interface } else { flags.interface },
            log_format: flags.log_format.or(file.log_format),
            ring_bytes: flags.ring_bytes.or(file.ring_bytes),
            snaplen: flags.snaplen.or(file.snaplen),
            promiscuous: flags.promiscuous.or(file.promiscuous),
            follow_interfaces: flags.follow_interfaces.or(file.follow_interfaces),
            processes: flags.processes.or(file.processes),
            user: flags.user.or(file.user),
            web_listen_address: flags.web_listen_address.or(file.web_listen_address),
            web_config_file: flags.web_config_file.or(file.web_config_file),
            web_systemd_socket: flags.web_systemd_socket.or(file.web_systemd_socket),
            web_enable_lifecycle: flags.web_enable_lifecycle.or(file.web_enable_lifecycle),
            rotate_bytes: flags.rotate_bytes.or(file.rotate_bytes),
            rotate_after: flags.rotate_after.or(file.rotate_after),
            rotate_keep: flags.rotate_keep.or(file.rotate_keep),
            events_sync: flags.events_sync.or(file.events_sync),
            events_journald: flags.events_journald.or(file.events_journald),
            events_syslog: flags.events_syslog.or(file.events_syslog),
            state_interval: flags.state_interval.or(file.state_interval),
            spill: flags.spill.or(file.spill),
            spill_bytes: flags.spill_bytes.or(file.spill_bytes),
            immediate: flags.immediate.or(file.immediate),
            fanout_group: flags.fanout_group.or(file.fanout_group),
        }
    }
}

/// How diagnostics are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// When the file of events is brought to the disk, beside its closing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskSync {
    /// Only when it is closed: the kernel writes it within half a minute or so.
    #[default]
    Closing,
    /// After such a time, if something was written.
    Every(Duration),
    /// After each event.
    Each,
}

/// Where a syslog server listens. An address, never a name: nothing is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogTarget {
    /// A datagram socket of this host, such as /dev/log.
    Unix(PathBuf),
    /// UDP.
    Udp(SocketAddr),
    /// TCP.
    Tcp(SocketAddr),
}

impl SyslogTarget {
    fn from_text(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let address = || rest.strip_prefix("//").and_then(|address| address.parse().ok());
        match scheme {
            "unix" if rest.starts_with('/') => Some(Self::Unix(rest.into())),
            "udp" => address().map(Self::Udp),
            "tcp" => address().map(Self::Tcp),
            _ => None,
        }
    }
}

impl std::fmt::Display for SyslogTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Udp(address) => write!(f, "udp://{address}"),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

/// What the words mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSettings {
    /// Interfaces: names, patterns, `any`. Empty if none were given.
    pub interfaces: Vec<String>,
    /// How diagnostics are written.
    pub log_format: LogFormat,
    /// Octets of a ring.
    pub ring_bytes: usize,
    /// Octets kept of a frame.
    pub snaplen: usize,
    /// Whether to see frames for other hosts.
    pub promiscuous: bool,
    /// Whether to open interfaces that come later.
    pub follow_interfaces: bool,
    /// Whether events tell which process of this host a flow belongs to.
    pub processes: bool,
    /// Who to become once the rings are open: a name, or `UID:GID`.
    pub user: Option<String>,
    /// Address and port to serve at.
    pub web_listen_address: SocketAddr,
    /// TLS and users of the web, in the format of Prometheus' exporter-toolkit.
    pub web_config_file: Option<PathBuf>,
    /// Whether to serve at the socket that systemd opened, whatever the address.
    pub web_systemd_socket: bool,
    /// Whether reload and quit are served.
    pub web_enable_lifecycle: bool,
    /// Octets of a file of events past which it is rotated.
    pub rotate_bytes: u64,
    /// Age of a file of events past which it is rotated.
    pub rotate_after: Option<Duration>,
    /// Old files of events that are kept.
    pub rotate_keep: u32,
    /// When the file of events is brought to the disk.
    pub events_sync: DiskSync,
    /// Whether the journal gets events.
    pub events_journald: bool,
    /// A syslog server that gets events.
    pub events_syslog: Option<SyslogTarget>,
    /// How often the state is saved.
    pub state_interval: Duration,
    /// Where events wait that cannot go out.
    pub spill: Option<PathBuf>,
    /// Octets that may wait.
    pub spill_bytes: u64,
    /// Whether frames are handed over one by one.
    pub immediate: bool,
    /// The group of processes that share the interfaces, if any.
    pub fanout_group: Option<u16>,
}

impl Default for LiveSettings {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            log_format: LogFormat::Text,
            ring_bytes: 16 << 20,
            snaplen: 65_535,
            promiscuous: false,
            follow_interfaces: false,
            processes: false,
            user: None,
            web_listen_address: SocketAddr::from(([127, 0, 0, 1], 9477)),
            web_config_file: None,
            web_systemd_socket: false,
            web_enable_lifecycle: false,
            rotate_bytes: 128 << 20,
            rotate_after: None,
            rotate_keep: 8,
            events_sync: DiskSync::Closing,
            events_journald: false,
            events_syslog: None,
            state_interval: Duration::from_secs(10),
            spill: None,
            spill_bytes: 256 << 20,
            immediate: false,
            fanout_group: None,
        }
    }
}

/// Checks every value.
pub(super) fn lower(raw: RawLive, problems: &mut Vec<Problem>) -> LiveSettings {
    fn take<T>(
        problems: &mut Vec<Problem>,
        key: &str,
        word: Option<Written<String>>,
        default: T,
        read: impl FnOnce(&str) -> Option<T>,
        wanted: &str,
    ) -> T {
        let Some(word) = word else { return default };
        let text = word.value.trim();
        read(text).unwrap_or_else(|| {
            problems.push(word.problem(format!("`{key}` cannot be {}", quote(text))).with_hint(wanted));
            default
        })
    }
    let default = LiveSettings::default();
    for word in raw.interface.iter().filter(|word| word.value.trim().is_empty()) {
        problems.push(word.problem("`interface` is empty"));
    }
    let format = |text: &str| match text {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    };
    // The kernel's own limits: a ring is counted in an int by libpcap, a snaplen past 256 KiB is refused.
    let size = |text: &str, from: usize, to: usize| bytes_from_text(text).filter(|octets| (from..=to).contains(octets));
    LiveSettings {
        interfaces: raw.interface.into_iter().map(|word| word.value).collect(),
        log_format: take(problems, "log-format", raw.log_format, default.log_format, format, "known: json, text"),
        ring_bytes: take(
            problems,
            "ring-bytes",
            raw.ring_bytes,
            default.ring_bytes,
            |text| size(text, 1 << 20, 1 << 30),
            "a size from 1MiB to 1GiB",
        ),
        snaplen: take(
            problems,
            "snaplen",
            raw.snaplen,
            default.snaplen,
            |text| size(text, 64, 262_144),
            "octets from 64 to 262144",
        ),
        promiscuous: raw.promiscuous.unwrap_or(default.promiscuous),
        follow_interfaces: raw.follow_interfaces.unwrap_or(default.follow_interfaces),
        processes: raw.processes.unwrap_or(default.processes),
        user: raw.user.map(|user| user.value),
        web_listen_address: take(
            problems,
            "web-listen-address",
            raw.web_listen_address,
            default.web_listen_address,
            |text| text.parse().ok(),
            "address and port such as 127.0.0.1:9477 or [::1]:9477",
        ),
        web_config_file: raw.web_config_file.map(|path| path.value),
        web_systemd_socket: raw.web_systemd_socket.unwrap_or(default.web_systemd_socket),
        web_enable_lifecycle: raw.web_enable_lifecycle.unwrap_or(default.web_enable_lifecycle),
        rotate_bytes: take(
            problems,
            "rotate-bytes",
            raw.rotate_bytes,
            default.rotate_bytes,
            |text| size(text, 4096, usize::MAX).map(|octets| octets as u64),
            "a size such as \"128MiB\", at least 4096",
        ),
        rotate_after: take(
            problems,
            "rotate-after",
            raw.rotate_after,
            default.rotate_after,
            |text| {
                let time = humantime::parse_duration(text).ok()?;
                (time >= Duration::from_secs(1) && time <= TIMEOUT_MAX).then_some(Some(time))
            },
            "a time such as \"1h\" or \"1day\", from 1s to 366 days",
        ),
        rotate_keep: take(
            problems,
            "rotate-keep",
            raw.rotate_keep,
            default.rotate_keep,
            |text| text.parse().ok().filter(|keep| *keep <= 10_000),
            "a whole number from 0 to 10000",
        ),
        events_sync: take(
            problems,
            "events-sync",
            raw.events_sync,
            default.events_sync,
            |text| match text {
                "closing" => Some(DiskSync::Closing),
                "each" => Some(DiskSync::Each),
                _ => humantime::parse_duration(text).ok().filter(|time| *time <= TIMEOUT_MAX).map(DiskSync::Every),
            },
            "known: closing, each, or a time such as \"1s\"",
        ),
        events_journald: raw.events_journald.unwrap_or(default.events_journald),
        events_syslog: take(
            problems,
            "events-syslog",
            raw.events_syslog,
            default.events_syslog,
            |text| SyslogTarget::from_text(text).map(Some),
            "unix:/dev/log, udp://ADDRESS:PORT or tcp://ADDRESS:PORT; names are not looked up",
        ),
        state_interval: take(
            problems,
            "state-interval",
            raw.state_interval,
            default.state_interval,
            |text| {
                let time = humantime::parse_duration(text).ok()?;
                (Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&time).then_some(time)
            },
            "a time such as \"10s\" or \"5m\", from 1s to 1 day",
        ),
        spill: raw.spill.map(|path| path.value),
        spill_bytes: take(
            problems,
            "spill-bytes",
            raw.spill_bytes,
            default.spill_bytes,
            |text| size(text, 1 << 16, usize::MAX).map(|octets| octets as u64),
            "a size such as \"256MiB\", at least 64KiB",
        ),
        immediate: raw.immediate.unwrap_or(default.immediate),
        fanout_group: take(
            problems,
            "fanout-group",
            raw.fanout_group,
            default.fanout_group,
            |text| text.parse().ok().filter(|group| *group > 0).map(Some),
            "a number from 1 to 65535",
        ),
    }
}

impl LiveSettings {
    /// As TOML that means the same.
    pub(super) fn dump(&self, line: &mut dyn FnMut(&str, String)) {
        let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
        let interfaces: Vec<String> = self.interfaces.iter().map(|name| text(name)).collect();
        line("interface", format!("[{}]", interfaces.join(", ")));
        line("log-format", text(if self.log_format == LogFormat::Json { "json" } else { "text" }));
        line("ring-bytes", self.ring_bytes.to_string());
        line("snaplen", self.snaplen.to_string());
        line("promiscuous", self.promiscuous.to_string());
        line("follow-interfaces", self.follow_interfaces.to_string());
        line("processes", self.processes.to_string());
        if let Some(user) = &self.user {
            line("user", text(user));
        }
        line("web-listen-address", text(&self.web_listen_address.to_string()));
        if let Some(file) = &self.web_config_file {
            line("web-config-file", text(&file.to_string_lossy()));
        }
        line("web-systemd-socket", self.web_systemd_socket.to_string());
        line("web-enable-lifecycle", self.web_enable_lifecycle.to_string());
        line("rotate-bytes", self.rotate_bytes.to_string());
        if let Some(after) = self.rotate_after {
            line("rotate-after", text(&humantime::format_duration(after).to_string()));
        }
        line("rotate-keep", self.rotate_keep.to_string());
        let sync = match self.events_sync {
            DiskSync::Closing => "closing".to_owned(),
            DiskSync::Each => "each".to_owned(),
            DiskSync::Every(time) => humantime::format_duration(time).to_string(),
        };
        line("events-sync", text(&sync));
        line("events-journald", self.events_journald.to_string());
        if let Some(target) = &self.events_syslog {
            line("events-syslog", text(&target.to_string()));
        }
        line("state-interval", text(&humantime::format_duration(self.state_interval).to_string()));
        if let Some(spill) = &self.spill {
            line("spill", text(&spill.to_string_lossy()));
        }
        line("spill-bytes", self.spill_bytes.to_string());
        line("immediate", self.immediate.to_string());
        if let Some(group) = self.fanout_group {
            line("fanout-group", group.to_string());
        }
    }
}

/// For the test of the example: every option is there.
#[cfg(test)]
pub(super) fn assert_complete(raw: &RawLive) {
    // No `..`: a new option must be in the example.
    let RawLive {
        interface,
        log_format,
        ring_bytes,
        snaplen,
        promiscuous,
        follow_interfaces,
        processes,
        user,
        web_listen_address,
        web_config_file,
        web_systemd_socket,
        web_enable_lifecycle,
        rotate_bytes,
        rotate_after,
        rotate_keep,
        events_sync,
        events_journald,
        events_syslog,
        state_interval,
        spill,
        spill_bytes,
        immediate,
        fanout_group,
    } = raw;
    assert!(!interface.is_empty() && log_format.is_some() && ring_bytes.is_some() && snaplen.is_some());
    assert!(promiscuous.is_some() && follow_interfaces.is_some() && processes.is_some() && user.is_some());
    assert!(
        web_listen_address.is_some()
            && web_config_file.is_some()
            && web_systemd_socket.is_some()
            && web_enable_lifecycle.is_some()
    );
    assert!(rotate_bytes.is_some() && rotate_after.is_some() && rotate_keep.is_some());
    assert!(events_sync.is_some() && events_journald.is_some() && events_syslog.is_some());
    assert!(state_interval.is_some() && spill.is_some() && spill_bytes.is_some());
    assert!(immediate.is_some() && fanout_group.is_some());
    let mut problems = Vec::new();
    let settings = lower(raw.clone(), &mut problems);
    assert_eq!(problems, []);
    let default = LiveSettings::default();
    assert_eq!(
        settings,
        LiveSettings {
            interfaces: settings.interfaces.clone(),
            user: settings.user.clone(),
            rotate_after: settings.rotate_after,
            web_config_file: settings.web_config_file.clone(),
            events_syslog: settings.events_syslog.clone(),
            spill: settings.spill.clone(),
            fanout_group: settings.fanout_group,
            ..default
        }
    );
}
