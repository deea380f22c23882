//! What an operator can say about places: plain values, checked by [`Locator::load`](super::Locator::load).

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::model::{Country, ServiceEntry, Site};

/// Everything the geo room is set up with. The default is the embedded data and the default local networks.
#[derive(Clone, Debug, Default)]
pub struct GeoSettings {
    /// MaxMind DB files beside the embedded one; of two that answer for an address the later one wins.
    pub databases: Vec<PathBuf>,
    /// The operator's own table, by longest prefix; stronger than everything else, special-purpose ranges included.
    pub overrides: Vec<Override>,
    /// Entries added to the service catalogue; they replace built-in entries of the same suffix.
    pub services: Vec<ServiceEntry>,
    /// The monitored networks. Empty means RFC 1918, RFC 6598, unique local, link-local and loopback addresses.
    pub local: Vec<IpNet>,
    /// Published address ranges of providers, and geofeeds.
    pub ranges: Vec<PathBuf>,
    /// Where the sensor stands, for the speed of light.
    pub site: Option<Site>,
    /// Databases built longer ago than this are stale: they serve on, and that is said.
    pub max_age: Option<Duration>,
}

/// A network that the operator places. What one override leaves open is inherited from the next shorter prefix that
/// says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The network.
    pub prefix: IpNet,
    /// Where it is; [`Country::LOCAL`] says that it is no destination abroad.
    pub location: Option<Country>,
    /// Whose law binds those who operate it.
    pub control: Option<Country>,
    /// Where the operator wrote it (file and line) or why: shown as the origin of the evidence.
    pub label: String,
}
