//! Places: what is known of the jurisdiction of a remote end, and why.

use std::net::IpAddr;
use std::sync::Arc;

use super::Country;
use super::packet::names;

names! {
    /// Which question a piece of evidence answers.
    Facet {
        /// Where the address is.
        Location = "location",
        /// Who operates or controls the service, by home jurisdiction.
        Control = "control",
    }
}

names! {
    /// Where a piece of evidence comes from, strongest first.
    EvidenceSource {
        /// IANA special-purpose registry, multicast, broadcast.
        SpecialPurpose = "special-purpose",
        /// The operator's own table.
        Override = "override",
        /// Published address ranges of a provider, with region, or a geofeed (RFC 8805).
        Range = "range",
        /// The service catalogue, by name.
        Catalogue = "catalogue",
        /// The region in the host name, by the provider's own grammar.
        HostName = "host-name",
        /// A country database (mmdb).
        Database = "database",
        /// The registry (RIR) that the block is registered with.
        Registry = "registry",
        /// The address is one of many machines (anycast, content delivery): says that the location is less sure.
        Edge = "edge",
        /// The speed of light: rules a country out, never in.
        Light = "light",
    }
}

/// A place on the earth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Site {
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
}

/// A service that is known by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceEntry {
    /// Domain name; it and every name under it belong to the service, unless a longer suffix is known.
    pub suffix: String,
    /// Name of the service.
    pub service: String,
    /// Name of the operator.
    pub operator: String,
    /// Whose law binds the operator. The first counts where the parent is unknown.
    pub operator_home: Vec<Country>,
    /// Whose law binds the owners of the operator; decides the control if known.
    pub parent_home: Option<Country>,
    /// Class such as `chat`, or empty.
    pub class: String,
    /// Where this is known from.
    pub source: String,
}

/// One piece of evidence for a jurisdiction.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Evidence {
    /// Which question it answers.
    pub facet: Facet,
    /// What kind of source says so.
    pub source: EvidenceSource,
    /// The source by name: database and build date, catalogue entry, override file and line.
    pub origin: String,
    /// What it says.
    pub country: Country,
    /// The prefix or name it matched on.
    pub matched: String,
    /// Confidence in percent (services reference, section 7).
    pub confidence: u8,
    /// Whether this piece decided.
    pub deciding: bool,
}

/// The jurisdiction of a remote end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where the address is.
    pub location: Country,
    /// Who operates the service or can read it.
    pub control: Country,
    /// Autonomous system number, if a database knows it.
    pub asn: Option<u32>,
    /// Name of the autonomous system's holder.
    pub as_org: Option<Arc<str>>,
    /// Operator of the service, from the catalogue.
    pub operator: Option<Arc<str>>,
    /// The service, from the catalogue.
    pub service: Option<Arc<str>>,
    /// Class of the service from the catalogue (`chat`, `store`, `cloud`...).
    pub service_class: Option<Arc<str>>,
}

impl Place {
    /// A place of which nothing is known.
    pub const UNKNOWN: Self = Self {
        location: Country::UNKNOWN,
        control: Country::UNKNOWN,
        asn: None,
        as_org: None,
        operator: None,
        service: None,
        service_class: None,
    };
}

/// Whether an address is one of a fixed set of networks: the monitored ones.
pub trait Networks {
    /// Whether the set contains `addr`.
    fn contains(&self, addr: IpAddr) -> bool;
}
