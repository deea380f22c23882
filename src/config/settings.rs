//! What the words mean: checked, complete, never changed again.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use zeroize::ZeroizeOnDrop;

use crate::model::{Country, KeyLog, Limits, ServiceEntry, Site};

/// The key of the digests of findings. Has no `Debug`; wiped when dropped.
#[derive(ZeroizeOnDrop)]
pub struct DigestKey([u8; 32]);

impl DigestKey {
    pub(super) const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The key itself.
    pub const fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A network that the operator knows better than any database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverrideEntry {
    /// The network.
    pub prefix: IpNet,
    /// Where it is, if said.
    pub location: Option<Country>,
    /// Who controls it, if said.
    pub control: Option<Country>,
    /// What people call it, or empty.
    pub label: String,
    /// `file:line` of the entry.
    pub origin: String,
}

/// Everything that was configured. Has no `Debug`, since it holds keys: `Settings::dump` prints it without.
pub struct Settings {
    /// Monitored networks; private, shared, unique-local, link-local and loopback ranges if none were given.
    pub local: Vec<IpNet>,
    /// Home jurisdiction.
    pub home: Option<Country>,
    /// Policies: name for messages and TOML text.
    pub policies: Vec<(String, String)>,
    /// Databases, weakest first.
    pub geoip: Vec<PathBuf>,
    /// Published address ranges of providers, and geofeeds.
    pub ranges: Vec<PathBuf>,
    /// Networks that the operator knows.
    pub overrides: Vec<OverrideEntry>,
    /// Services that the operator knows.
    pub services: Vec<ServiceEntry>,
    /// The operator's own signatures: name for messages and TOML text.
    pub signatures: Vec<(String, String)>,
    /// Lists of records to find by exact match: watch file and key file.
    pub watch: Vec<(PathBuf, PathBuf)>,
    /// Lists of areas: name and file.
    pub areas: Vec<(String, PathBuf)>,
    /// Capture filter in the language of pcap-filter(7).
    pub filter: Option<String>,
    /// Files that session keys were read from.
    pub keylog: Vec<PathBuf>,
    /// Keys of sessions to decrypt.
    pub keys: KeyLog,
    /// Where events go.
    pub events: Option<PathBuf>,
    /// Where the flow table goes.
    pub flows: Option<PathBuf>,
    /// Where metrics go.
    pub metrics: Option<PathBuf>,
    /// Where the HTML report goes.
    pub report: Option<PathBuf>,
    /// Worker threads, 1 to 256; `None` leaves it to the program.
    pub threads: Option<usize>,
    /// Summary as one JSON document instead of tables.
    pub json: bool,
    /// Whether violations make the run fail.
    pub fail_on_violation: bool,
    /// No progress and no hints.
    pub quiet: bool,
    /// Where the sensor stands, if said.
    pub site: Option<Site>,
    /// Databases built longer ago than this are stale.
    pub geoip_max_age: Duration,
    /// File that keeps what thresholds count.
    pub state: Option<PathBuf>,
    /// Budgets.
    pub limits: Limits,
    /// What only the daemon needs.
    pub live: super::LiveSettings,
    /// Key of the digests of findings, if the operator gave one.
    pub digest_key: Option<DigestKey>,
}
