//! From what was typed to what it means.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::overload::overload;
use super::raw::{RawConfig, RawOverride, RawService, Written, parse_overrides};
use super::settings::{DigestKey, OverrideEntry, Settings};
use crate::model::operator_file::{bytes_from_text, country_code, nearest_hint, quote};
use crate::model::{Country, KeyLog, Limits, Problem, ServiceEntry, Site};

/// What is monitored if nothing else is said: RFC 1918, RFC 6598, RFC 3927, RFC 1122 section 3.2.1.3 (loopback), RFC
/// 4193, RFC 4291 (link-local, loopback).
const LOCAL_DEFAULT: &[&str] = &[
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "127.0.0.0/8",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
];

/// DB-IP, MaxMind and IPinfo publish at least monthly: who is half a year behind should know.
const GEOIP_MAX_AGE: Duration = Duration::from_secs(180 * 86_400);

const THREADS_MAX: usize = 256;
/// Octets that a digest key file must hold at least.
const DIGEST_KEY_BYTES_MIN: usize = 32;
/// Octets of a file named in the configuration that are read at most: a policy is not a video.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Longest timeout. Packet time wraps nothing before it, and a year of idleness is a mistake.
pub(super) const TIMEOUT_MAX: Duration = Duration::from_secs(366 * 86_400);

/// A limit as configuration knows it.
pub(super) struct LimitKey {
    pub(super) key: &'static str,
    set: Setter,
}

enum Setter {
    Count(fn(&mut Limits, usize), usize),
    Bytes(fn(&mut Limits, usize)),
    Time(fn(&mut Limits, Duration)),
}

/// Every field of [`Limits`]; the dump fails to compile when one is missing.
pub(super) const LIMITS: &[LimitKey] = &[
    LimitKey { key: "flows_max", set: Setter::Count(|l, n| l.flows_max = n, u32::MAX as usize) },
    LimitKey { key: "held_bytes_max", set: Setter::Bytes(|l, n| l.held_bytes_max = n) },
    LimitKey { key: "held_bytes_per_stream_max", set: Setter::Bytes(|l, n| l.held_bytes_per_stream_max = n) },
    LimitKey { key: "fragment_bytes_max", set: Setter::Bytes(|l, n| l.fragment_bytes_max = n) },
    LimitKey { key: "fragment_trains_max", set: Setter::Count(|l, n| l.fragment_trains_max = n, u32::MAX as usize) },
    LimitKey { key: "fragment_timeout", set: Setter::Time(|l, t| l.fragment_timeout = t) },
    LimitKey { key: "document_bytes_max", set: Setter::Bytes(|l, n| l.document_bytes_max = n) },
    LimitKey { key: "scan_bytes_per_second_max", set: Setter::Bytes(|l, n| l.scan_bytes_per_second_max = n) },
    LimitKey { key: "decode_ratio_max", set: Setter::Count(|l, n| l.decode_ratio_max = n as u64, u32::MAX as usize) },
    LimitKey { key: "decode_free_bytes", set: Setter::Bytes(|l, n| l.decode_free_bytes = n as u64) },
    LimitKey { key: "decoded_bytes_max", set: Setter::Bytes(|l, n| l.decoded_bytes_max = n as u64) },
    LimitKey { key: "nesting_max", set: Setter::Count(|l, n| l.nesting_max = n, 64) },
    LimitKey { key: "image_bytes_max", set: Setter::Bytes(|l, n| l.image_bytes_max = n) },
    LimitKey { key: "image_pixels_max", set: Setter::Count(|l, n| l.image_pixels_max = n as u64, 100_000_000) },
    LimitKey {
        key: "image_pixels_per_second_max",
        set: Setter::Count(|l, n| l.image_pixels_per_second_max = n as u64, u32::MAX as usize),
    },
    LimitKey {
        key: "findings_per_flow_max",
        set: Setter::Count(|l, n| l.findings_per_flow_max = n as u32, u32::MAX as usize),
    },
    LimitKey { key: "names_max", set: Setter::Count(|l, n| l.names_max = n, u32::MAX as usize) },
    LimitKey { key: "tcp_idle_timeout", set: Setter::Time(|l, t| l.tcp_idle_timeout = t) },
    LimitKey { key: "tcp_closed_timeout", set: Setter::Time(|l, t| l.tcp_closed_timeout = t) },
    LimitKey { key: "datagram_idle_timeout", set: Setter::Time(|l, t| l.datagram_idle_timeout = t) },
    LimitKey { key: "hole_timeout", set: Setter::Time(|l, t| l.hole_timeout = t) },
    LimitKey { key: "encapsulation_max", set: Setter::Count(|l, n| l.encapsulation_max = n, 64) },
];

/// Whether a word for a policy is a path rather than a name.
pub(super) fn is_path(word: &str) -> bool {
    word.contains(['/', '\\']) || Path::new(word).extension().is_some()
}

impl Settings {
    /// Checks every value and reads the files it names. `built_in_policies` are name and text of the policies that can
    /// be named instead of a file.
    ///
    /// # Errors
    /// Every problem, by file and line.
    pub fn lower(raw: RawConfig, built_in_policies: &[(&str, &str)]) -> Result<Self, Vec<Problem>> {
        let mut lowering = Lowering { problems: Vec::new() };
        let settings = lowering.settings(raw, built_in_policies);
        lowering.problems.sort();
        if lowering.problems.is_empty() { Ok(settings) } else { Err(lowering.problems) }
    }
}

struct Lowering {
    problems: Vec<Problem>,
}

impl Lowering {
    fn settings(&mut self, raw: RawConfig, built_in_policies: &[(&str, &str)]) -> Settings {
        let mut local: Vec<IpNet> = raw.local.iter().filter_map(|word| self.network("local", word)).collect();
        if raw.local.is_empty() {
            local = LOCAL_DEFAULT.iter().filter_map(|net| net.parse().ok()).collect();
        }
        let home = raw.home.as_ref().and_then(|word| self.country("home", word));
        let policies = raw.policy.iter().filter_map(|word| self.policy(word, built_in_policies)).collect();
        let geoip = raw.geoip.into_iter().filter_map(|path| self.readable("geoip", path)).collect();
        let ranges = raw.ranges.into_iter().filter_map(|path| self.readable("ranges", path)).collect();
        if let Some(filter) = &raw.filter
            && filter.value.trim().is_empty()
        {
            self.problems.push(filter.problem("`filter` is empty"));
        }
        self.outputs([
            ("events", &raw.events),
            ("flows", &raw.flows),
            ("metrics", &raw.metrics),
            ("report", &raw.report),
        ]);
        let threads = raw.threads.as_ref().and_then(|word| self.threads(word));
        if let Some(word) = &raw.fail_on
            && word.value != "violation"
        {
            let problem = word.problem(format!("`fail-on` cannot be {}", quote(&word.value)));
            self.problems.push(problem.with_hint("known: violation"));
        }
        let signatures = raw.signatures.iter().filter_map(|path| self.text_file("signatures", path)).collect();
        let watch = raw
            .watch
            .into_iter()
            .filter_map(|watch| {
                let (file, key) = (self.readable("watch", watch.file), self.readable("watch-key", watch.key));
                file.zip(key)
            })
            .collect();
        let areas = raw
            .areas
            .into_iter()
            .filter_map(|list| Some((list.name.value, self.readable("areas", list.file)?)))
            .collect();
        let overrides = self.overrides(raw.overrides, &raw.override_files);
        let services = self.services(raw.services);
        let digest_key = raw.digest_key_file.as_ref().and_then(|path| self.digest_key(path));
        let keys = self.keys(&raw.keylog);
        if let Some(state) = &raw.state
            && raw.digest_key_file.is_none()
        {
            let problem = state.problem("`state` without `digest-key-file`: what another run counted has another key");
            self.problems.push(problem.with_hint("name a file of 32 octets or more that stays"));
        }
        let limits = Limits { overload: overload(&raw.overload, &mut self.problems), ..self.limits(&raw.limits) };
        let live = super::live::lower(raw.live, &mut self.problems);
        let path = |path: Option<Written<PathBuf>>| path.map(|path| path.value);
        Settings {
            local,
            home,
            policies,
            geoip,
            ranges,
            overrides,
            services,
            signatures,
            watch,
            areas,
            filter: raw.filter.map(|filter| filter.value),
            keylog: raw.keylog.into_iter().map(|path| path.value).collect(),
            keys,
            events: path(raw.events),
            flows: path(raw.flows),
            metrics: path(raw.metrics),
            report: path(raw.report),
            threads,
            json: raw.json.unwrap_or(false),
            fail_on_violation: raw.fail_on.is_some(),
            quiet: raw.quiet.unwrap_or(false),
            site: raw.site.as_ref().and_then(|word| self.site(word)),
            geoip_max_age: raw.geoip_max_age.as_ref().and_then(|word| self.age(word)).unwrap_or(GEOIP_MAX_AGE),
            state: path(raw.state),
            limits,
            digest_key,
            live,
        }
    }

    fn network(&mut self, key: &str, word: &Written<String>) -> Option<IpNet> {
        let text = word.value.trim();
        let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from));
        let problem = match net {
            Some(net) if net.trunc() == net => return Some(net),
            Some(net) => word
                .problem(format!("`{key}`: {} has bits set past its prefix", quote(text)))
                .with_hint(format!("did you mean `{}`?", net.trunc())),
            None => word
                .problem(format!("`{key}`: {} is no network", quote(text)))
                .with_hint("an address with prefix length such as 192.0.2.0/24 or 2001:db8::/32"),
        };
        self.problems.push(problem);
        None
    }

    fn age(&mut self, word: &Written<String>) -> Option<Duration> {
        let age = humantime::parse_duration(word.value.trim()).ok().filter(|age| !age.is_zero());
        if age.is_none() {
            let problem = word.problem(format!("`geoip-max-age` cannot be {}", quote(&word.value)));
            self.problems.push(problem.with_hint("a time such as \"90 days\""));
        }
        age
    }

    fn site(&mut self, word: &Written<(f64, f64)>) -> Option<Site> {
        let (latitude, longitude) = word.value;
        if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 {
            return Some(Site { latitude, longitude });
        }
        let problem = word.problem(format!("`site`: {latitude}, {longitude} is no place on the earth"));
        self.problems.push(problem.with_hint("degrees: latitude -90 to 90, longitude -180 to 180"));
        None
    }

    fn country(&mut self, key: &str, word: &Written<String>) -> Option<Country> {
        match country_code(word.value.trim()) {
            Ok(country) => Some(country),
            Err(hint) => {
                let problem = word.problem(format!("`{key}`: {} is no ISO 3166-1 code", quote(&word.value)));
                self.problems.push(problem.with_hint(hint));
                None
            }
        }
    }

    fn policy(&mut self, word: &Written<String>, built_in: &[(&str, &str)]) -> Option<(String, String)> {
        if let Some((name, text)) = built_in.iter().find(|(name, _)| *name == word.value) {
            return Some((format!("built-in policy `{name}`"), (*text).to_owned()));
        }
        if !is_path(&word.value) && !Path::new(&word.value).exists() {
            let names: Vec<&str> = built_in.iter().map(|(name, _)| *name).collect();
            let problem =
                word.problem(format!("`policy`: {} is neither a built-in policy nor a file", quote(&word.value)));
            self.problems.push(problem.with_hint(nearest_hint(&word.value, &names)));
            return None;
        }
        let path = Written { value: PathBuf::from(&word.value), file: word.file.clone(), line: word.line };
        self.text_file("policy", &path)
    }

    fn threads(&mut self, word: &Written<String>) -> Option<usize> {
        let threads = word.value.trim().parse().ok().filter(|threads| (1..=THREADS_MAX).contains(threads));
        if threads.is_none() {
            self.problems
                .push(word.problem(format!("`threads` must be from 1 to {THREADS_MAX}, not {}", quote(&word.value))));
        }
        threads
    }

    /// Outputs must not overwrite each other, and their directories must be there.
    fn outputs(&mut self, outputs: [(&'static str, &Option<Written<PathBuf>>); 4]) {
        let mut seen: BTreeMap<&Path, &str> = BTreeMap::new();
        for (key, path) in outputs {
            let Some(path) = path else { continue };
            if let Some(other) = seen.insert(&path.value, key) {
                self.problems.push(path.problem(format!("`{key}` and `{other}` write to the same file")));
            }
            let parent = path.value.parent().filter(|parent| !parent.as_os_str().is_empty());
            if path.value.as_os_str().is_empty() || path.value.is_dir() {
                self.problems
                    .push(path.problem(format!("`{key}`: {} is no file", quote(&path.value.to_string_lossy()))));
            } else if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
                let message = format!("`{key}`: there is no directory {}", quote(&parent.to_string_lossy()));
                self.problems.push(path.problem(message));
            }
        }
    }

    fn unreadable(&mut self, key: &str, path: &Written<PathBuf>, error: &io::Error) {
        let message = format!("`{key}`: cannot read {}: {error}", quote(&path.value.to_string_lossy()));
        self.problems.push(path.problem(message));
    }

    fn readable(&mut self, key: &str, path: Written<PathBuf>) -> Option<PathBuf> {
        match open(&path.value) {
            Ok(_) => Some(path.value),
            Err(error) => {
                self.unreadable(key, &path, &error);
                None
            }
        }
    }

    fn text_file(&mut self, key: &str, path: &Written<PathBuf>) -> Option<(String, String)> {
        let read = || {
            let mut octets = Vec::new();
            open(&path.value)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut octets)?;
            if octets.len() as u64 > FILE_BYTES_MAX {
                return Err(io::Error::other(format!("it is larger than {} MiB", FILE_BYTES_MAX >> 20)));
            }
            String::from_utf8(octets).map_err(|_| io::Error::other("it is not UTF-8 text"))
        };
        match read() {
            Ok(text) => Some((path.value.to_string_lossy().into_owned(), text)),
            Err(error) => {
                self.unreadable(key, path, &error);
                None
            }
        }
    }

    fn overrides(&mut self, mut raw: Vec<RawOverride>, files: &[Written<PathBuf>]) -> Vec<OverrideEntry> {
        for path in files {
            if let Some((name, text)) = self.text_file("overrides", path) {
                let (more, problems) = parse_overrides(&name, &text);
                raw.extend(more);
                self.problems.extend(problems);
            }
        }
        let mut seen = BTreeSet::new();
        let mut entries = Vec::new();
        for entry in raw {
            let prefix = self.network("prefix", &entry.prefix);
            let location = entry.location.as_ref().and_then(|word| self.country("location", word));
            let control = entry.control.as_ref().and_then(|word| self.country("control", word));
            if entry.location.is_none() && entry.control.is_none() {
                self.problems.push(entry.prefix.problem("an override needs a `location`, a `control`, or both"));
            }
            let Some(prefix) = prefix else { continue };
            if !seen.insert(prefix) {
                self.problems.push(entry.prefix.problem(format!("there are two overrides for {prefix}")));
            }
            let label = entry.label.map(|label| label.value).unwrap_or_default();
            entries.push(OverrideEntry { prefix, location, control, label, origin: origin(&entry.prefix) });
        }
        entries
    }

    fn services(&mut self, raw: Vec<RawService>) -> Vec<ServiceEntry> {
        let mut seen = BTreeSet::new();
        let mut entries = Vec::new();
        for entry in raw {
            let suffix = entry.suffix.value.trim().trim_start_matches("*.").trim_matches('.').to_ascii_lowercase();
            let is_name = suffix.len() <= 253
                && suffix.split('.').all(|label| {
                    (1..=63).contains(&label.len())
                        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                });
            if !is_name {
                let message = format!("`suffix`: {} is no host name", quote(&entry.suffix.value));
                let hint = "letters, digits and `-` between dots; other scripts as xn--";
                self.problems.push(entry.suffix.problem(message).with_hint(hint));
            } else if !seen.insert(suffix.clone()) {
                self.problems.push(entry.suffix.problem(format!("there are two services for {suffix}")));
            }
            let word = |word: Option<Written<String>>| word.map(|word| word.value).unwrap_or_default();
            let operator_home =
                entry.operator_home.iter().filter_map(|home| self.country("operator-home", home)).collect();
            let parent_home = entry.parent_home.as_ref().and_then(|home| self.country("parent-home", home));
            entries.push(ServiceEntry {
                service: entry.service.map_or_else(|| suffix.clone(), |service| service.value),
                operator: word(entry.operator),
                operator_home,
                parent_home,
                class: word(entry.class),
                source: origin(&entry.suffix),
                suffix,
            });
        }
        entries
    }

    /// Reads every key log. No message repeats anything of a file, and what was read is wiped.
    fn keys(&mut self, paths: &[Written<PathBuf>]) -> KeyLog {
        let mut keys = KeyLog::default();
        for path in paths {
            let read = || {
                let file = open(&path.value)?;
                // Allocated once: growth would leave copies behind.
                let len = usize::try_from(file.metadata()?.len().min(FILE_BYTES_MAX)).unwrap_or(0);
                let mut text = Zeroizing::new(Vec::with_capacity(len + 1));
                if file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)? as u64 > FILE_BYTES_MAX {
                    return Err(io::Error::other(format!("it is larger than {} MiB", FILE_BYTES_MAX >> 20)));
                }
                Ok(text)
            };
            match read() {
                Ok(text) => {
                    let file = path.value.to_string_lossy();
                    self.problems.extend(keys.read(&text).into_iter().map(|problem| Problem {
                        file: file.clone().into_owned(),
                        line: Some(problem.line),
                        message: problem.message.to_owned(),
                        hint: None,
                    }));
                }
                Err(error) => self.unreadable("keylog", path, &error),
            }
        }
        keys
    }

    /// The key is the SHA-256 of the file, so that any 32 or more octets will do, a line of base64 too.
    fn digest_key(&mut self, path: &Written<PathBuf>) -> Option<DigestKey> {
        let mut octets = Zeroizing::new(Vec::with_capacity(4096));
        let read = open(&path.value).and_then(|file| {
            let open_to_all = is_readable_by_all(&file)?;
            file.take(FILE_BYTES_MAX).read_to_end(&mut octets)?;
            Ok(open_to_all)
        });
        let name = quote(&path.value.to_string_lossy());
        match read {
            Err(error) => self.unreadable("digest-key-file", path, &error),
            Ok(true) => {
                let problem = path.problem(format!("`digest-key-file`: everyone on this host can read {name}"));
                self.problems.push(problem.with_hint("chmod 600"));
            }
            Ok(false) if octets.len() < DIGEST_KEY_BYTES_MIN => {
                let message = format!("`digest-key-file`: {name} holds fewer than {DIGEST_KEY_BYTES_MIN} octets");
                self.problems.push(path.problem(message).with_hint("head -c 32 /dev/urandom"));
            }
            Ok(false) => return Some(DigestKey::new(Sha256::digest(&*octets).into())),
        }
        None
    }

    fn limits(&mut self, raw: &[(&'static str, Written<String>)]) -> Limits {
        let mut limits = Limits::default();
        for (key, word) in raw {
            let Some(limit) = LIMITS.iter().find(|limit| limit.key == *key) else { continue };
            let text = word.value.trim();
            let wrong = match limit.set {
                Setter::Count(set, max) => match text.parse() {
                    Ok(n) if (1..=max).contains(&n) => {
                        set(&mut limits, n);
                        None
                    }
                    _ => Some(format!("a whole number from 1 to {max}")),
                },
                Setter::Bytes(set) => match bytes_from_text(text) {
                    Some(n) if n > 0 => {
                        set(&mut limits, n);
                        None
                    }
                    _ => Some("a size such as \"128MiB\" or a number of octets, more than 0".to_owned()),
                },
                Setter::Time(set) => match humantime::parse_duration(text) {
                    Ok(time) if !time.is_zero() && time <= TIMEOUT_MAX => {
                        set(&mut limits, time);
                        None
                    }
                    _ => Some("a time such as \"60s\" or \"1h 30m\", more than 0 and at most 366 days".to_owned()),
                },
            };
            if let Some(wanted) = wrong {
                let problem = word.problem(format!("`{key}` in [limits] cannot be {}", quote(text)));
                self.problems.push(problem.with_hint(wanted));
            }
        }
        if limits.held_bytes_per_stream_max > limits.held_bytes_max
            && let Some((_, word)) = raw.iter().find(|(key, _)| key.starts_with("held_bytes"))
        {
            self.problems.push(word.problem("`held_bytes_per_stream_max` is more than `held_bytes_max`"));
        }
        limits
    }
}

fn origin<T>(word: &Written<T>) -> String {
    word.line.map_or_else(|| word.file.clone(), |line| format!("{}:{line}", word.file))
}

/// Opens a file; a directory is none.
fn open(path: &Path) -> io::Result<fs::File> {
    let file = fs::File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    Ok(file)
}

#[cfg(unix)]
fn is_readable_by_all(file: &fs::File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(file.metadata()?.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_all(_: &fs::File) -> io::Result<bool> {
    Ok(false)
}
