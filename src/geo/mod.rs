//! The geo room: from the address and the name of a remote end to a jurisdiction, with every piece of evidence for it.
//!
//! Two questions are kept apart: the *location* (where the machine stands) and the *control* (whose law binds those who
//! operate the service or can read it). Each piece of evidence answers one of them; the strongest piece decides:
//!
//! | location | control |
//! |---|---|
//! | the operator's own table, longest prefix | the operator's own table, longest prefix |
//! | monitored networks and IANA special-purpose ranges: `local` | the same |
//! | published ranges and geofeeds, longest prefix | service catalogue by name: home of the parent, else of the operator |
//! | region in the host name, in a network of the provider | operator catalogue by AS number, if a database knows that |
//! | country databases, the later named first | |
//! | the registry that the block is registered with | the registry; last, the location in the operator's own table |
//! | region in the host name otherwise | |
//!
//! A name is chosen by whoever sends: without the network to confirm it, a region in a name only fills a gap. Otherwise
//! a sender could pick the country that the octets are judged by.
//!
//! Being the operator's word, an override also places special-purpose ranges in a country: a documentation prefix can
//! stand for a site abroad in a test network. It does not change what is monitored ([`Locator::is_local`]).
//!
//! IPv6 addresses that stand for an IPv4 address (mapped, NAT64, 6to4, Teredo) are judged by it, unless an override or
//! the list of monitored networks names them. An address that a database marks as anycast stands in many places: its
//! location is unknown.
//!
//! Where the sensor stands being known, the speed of light is heard last: a country that whoever answered cannot be in is struck
//! from what ranges, names, databases and registries say of the location, and the next piece decides; if none is left, the location
//! is unknown. The operator's own word is not struck. What was claimed is kept ([`Judgement::claimed`]): a proxy or a cache in between
//! answers soon for a server that is far, so that policy hears both and the stricter verdict holds.
//!
//! Nothing here changes after [`Locator::load`]; a reload makes a new [`Locator`].

mod catalogue;
mod codes;
mod database;
mod edge;
mod light;
mod prefix;
mod ranges;
mod region;
mod settings;
mod special;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

pub use catalogue::SERVICE_CLASSES;
use catalogue::{Catalogue, Operator, Service};
pub use database::DatabaseInfo;
use database::{Answer, Database};
use edge::{Edge, Edges};
use light::Light;
use prefix::PrefixMap;
use ranges::Range;
use region::{NamedRegion, Regions};
pub use settings::{GeoSettings, Override};

use crate::model::{Countries, Country, Evidence, EvidenceSource, Facet, Networks, Place, Problem, Timestamp};

/// What reports have to say where they show results of the embedded database (CC BY 4.0), with [`ATTRIBUTION_URL`] as a
/// link.
pub const ATTRIBUTION: &str = "IP Geolocation by DB-IP";
/// Where [`ATTRIBUTION`] links to.
pub const ATTRIBUTION_URL: &str = "https://db-ip.com";

/// Between what sources can disagree: the values of [`Locator::conflict`], a closed set.
pub const CONFLICTS: [&str; 4] = ["range-database", "database-database", "database-registry", LIGHT_CONFLICT];
/// Between the speed of light and any of the others: told by [`Locator::judge`].
pub const LIGHT_CONFLICT: &str = "light-location";

/// Percent of confidence by kind of evidence (services reference, section 7).
mod confidence {
    pub(super) const CERTAIN: u8 = 100;
    /// A region in a name, in a network of the provider.
    pub(super) const NAME_CONFIRMED: u8 = 75;
    pub(super) const DATABASE: u8 = 60;
    pub(super) const NAME_ALONE: u8 = 30;
    pub(super) const REGISTRY: u8 = 40;
    /// Of an address that stands in many places.
    pub(super) const EDGE: u8 = 30;
    /// Ruled out by light: true only if somebody else answered in its place.
    pub(super) const STRUCK: u8 = 10;
}

/// What is known of a remote end once it has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Its place.
    pub place: Place,
    /// Every piece of evidence, strongest first, then what light rules out.
    pub evidence: Vec<Evidence>,
    /// What the strongest piece said of the location, if light rules it out.
    pub claimed: Option<Country>,
    /// Where an unknown location can be, if light says anything of it.
    pub feasible: Option<Box<Countries>>,
}

/// Answers where addresses are and who controls services. Immutable; shared between workers in an `Arc`.
pub struct Locator {
    local: PrefixMap<()>,
    special: PrefixMap<Option<&'static str>>,
    /// Overrides that say a location, and those that say a control: apart, so that each is inherited for itself.
    placed: PrefixMap<(Country, Arc<str>)>,
    controlled: PrefixMap<(Country, Arc<str>)>,
    catalogue: Catalogue,
    regions: Regions,
    ranges: PrefixMap<Range>,
    edges: Edges,
    /// In order of loading, the embedded one first.
    databases: Vec<Database>,
    infos: Vec<DatabaseInfo>,
    light: Option<Light>,
    max_age: Option<Duration>,
}

impl Locator {
    /// Reads and checks everything the settings name.
    ///
    /// # Errors
    /// All problems at once: databases that cannot be read, are damaged or of an unknown layout, overrides and services
    /// that make no sense.
    pub fn load(settings: &GeoSettings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut databases = Vec::new();
        let files = settings.databases.iter().map(|path| Database::open(path));
        for database in std::iter::once_with(Database::embedded).chain(files) {
            match database {
                Ok(database) => databases.push(database),
                Err(problem) => problems.push(problem),
            }
        }
        let catalogue = Catalogue::new(&settings.services).map_err(|more| problems.extend(more)).ok();
        let regions = Regions::new();
        let ranges = ranges::load(settings.ranges.iter().map(PathBuf::as_path), &regions);
        let ranges = ranges.map_err(|more| problems.extend(more)).unwrap_or_default();
        problems.extend(settings.overrides.iter().filter_map(wrong));
        let local: Vec<IpNet> = if settings.local.is_empty() {
            special::DEFAULT_LOCAL.iter().filter_map(|net| net.parse().ok()).collect()
        } else {
            settings.local.clone()
        };
        let by = |facet: fn(&Override) -> Option<Country>| {
            let said = settings.overrides.iter().filter_map(move |o| Some((o, facet(o)?)));
            PrefixMap::new(said.map(|(o, country)| (o.prefix, (country, Arc::from(o.label.as_str())))))
        };
        match catalogue {
            Some(catalogue) if problems.is_empty() => Ok(Self {
                local: PrefixMap::new(local.into_iter().map(|net| (net, ()))),
                special: special::table(),
                placed: by(|o| o.location),
                controlled: by(|o| o.control),
                catalogue,
                regions,
                ranges,
                edges: Edges::new(),
                max_age: settings.max_age,
                infos: databases.iter().map(|database| database.info().clone()).collect(),
                databases,
                light: settings.site.map(Light::new),
            }),
            _ => Err(problems),
        }
    }

    /// Whether an address is monitored. Overrides do not matter: what an operator places is not thereby monitored or
    /// not.
    pub fn is_local(&self, addr: IpAddr) -> bool {
        self.local.contains(addr) || self.local.contains(unmapped(addr))
    }

    /// The name of the special-purpose block that holds `addr`; `None` for addresses that are reachable globally.
    pub fn special(&self, addr: IpAddr) -> Option<&'static str> {
        self.special.longest(special::judged(addr)).and_then(|(_, name)| *name)
    }

    /// Whether the time of an answer changes what is said: then nothing can be remembered from one flow to the next.
    pub fn hears_light(&self) -> bool {
        self.light.is_some()
    }

    /// The jurisdiction of a remote end, by its address and, if known, its name.
    pub fn locate(&self, addr: IpAddr, name: Option<&str>) -> Place {
        let mut clues = Clues::default();
        self.gather(addr, name, &mut clues);
        let as_org = clues.asn.and_then(|_| self.as_org(special::judged(addr)));
        Place { as_org, ..place(&clues) }
    }

    /// As [`Locator::locate`], knowing within what time the remote end answered, with the evidence.
    pub fn judge(&self, addr: IpAddr, name: Option<&str>, round_trip: Option<Duration>) -> Judgement {
        let mut clues = Clues::default();
        self.gather(addr, name, &mut clues);
        let struck = self.strike(&mut clues, round_trip);
        let as_org = clues.asn.and_then(|_| self.as_org(special::judged(addr)));
        let mut evidence = self.tell_all(&clues, special::judged(addr));
        evidence.extend(struck);
        evidence.extend(clues.edge.map(mark));
        let place = Place { as_org, ..place(&clues) };
        let first = clues.list.iter().find(|clue| clue.facet == Facet::Location);
        let claimed = first.filter(|clue| clue.struck).map(|clue| clue.country);
        let light = self.light.as_ref().zip(round_trip).filter(|_| place.location == Country::UNKNOWN);
        let feasible = light.map(|(light, round_trip)| Box::new(light.feasible(round_trip)));
        Judgement { place, evidence, claimed, feasible }
    }

    /// Strikes locations that light rules out; a piece of evidence for each country that it did.
    fn strike(&self, clues: &mut Clues<'_>, round_trip: Option<Duration>) -> Vec<Evidence> {
        let (Some(light), Some(round_trip)) = (&self.light, round_trip) else { return Vec::new() };
        let mut struck: Vec<Evidence> = Vec::new();
        for clue in &mut clues.list {
            let own_word = matches!(clue.source, EvidenceSource::Override | EvidenceSource::SpecialPurpose);
            if clue.facet != Facet::Location || own_word || !light.rules_out(clue.country, round_trip) {
                continue;
            }
            clue.struck = true;
            clue.confidence = clue.confidence.min(confidence::STRUCK);
            if struck.iter().all(|known| known.country != clue.country) {
                let km = light.km(clue.country).unwrap_or_default();
                let (ms, reach) = (round_trip.as_secs_f64() * 1000.0, light::reach_km(round_trip));
                struck.push(Evidence {
                    facet: Facet::Location,
                    source: EvidenceSource::Light,
                    origin: format!(
                        "impossible: {km:.0} km away, and light reaches {reach:.0} km in {ms:.2} ms there and back"
                    ),
                    country: clue.country,
                    matched: format!("{ms:.2} ms"),
                    confidence: confidence::CERTAIN,
                    deciding: false,
                });
            }
        }
        struck
    }

    /// What a name says without an address.
    pub fn locate_name(&self, name: &str) -> Place {
        let mut clues = Clues::default();
        self.gather_name(name, &mut clues);
        place(&clues)
    }

    /// Every piece of evidence for the jurisdiction of a remote end, strongest first; for each facet the piece that
    /// decided is marked. [`Locator::locate`] says what the marked pieces say.
    pub fn evidence(&self, addr: IpAddr, name: Option<&str>) -> Vec<Evidence> {
        let mut clues = Clues::default();
        self.gather(addr, name, &mut clues);
        let mut evidence = self.tell_all(&clues, special::judged(addr));
        evidence.extend(clues.edge.map(mark));
        evidence
    }

    /// The evidence in a name without an address.
    pub fn evidence_of_name(&self, name: &str) -> Vec<Evidence> {
        let mut clues = Clues::default();
        self.gather_name(name, &mut clues);
        // No clue of a name asks for the address.
        self.tell_all(&clues, IpAddr::from([0, 0, 0, 0]))
    }

    fn tell_all(&self, clues: &Clues<'_>, judged: IpAddr) -> Vec<Evidence> {
        let mut decided: Vec<Facet> = Vec::new();
        let mut evidence = Vec::with_capacity(clues.list.len());
        for clue in &clues.list {
            let deciding = !clue.struck && !decided.contains(&clue.facet);
            if deciding {
                decided.push(clue.facet);
            }
            evidence.push(self.tell(clue, judged, deciding));
        }
        evidence
    }

    /// The databases in order of loading, the embedded one first.
    pub fn databases(&self) -> &[DatabaseInfo] {
        &self.infos
    }

    /// When the first database becomes stale; `None` if databases may be of any age.
    pub fn stale_from(&self) -> Option<Timestamp> {
        let max_age = self.max_age?;
        let built = self.infos.iter().map(|info| info.build_epoch_s).min()?;
        Some(Timestamp::from_parts(built, 0).after(max_age))
    }

    /// The databases that are stale at a time, in words.
    pub fn stale(&self, now: Timestamp) -> Vec<String> {
        let Some(max_age) = self.max_age else { return Vec::new() };
        let is_stale = |info: &&DatabaseInfo| now >= Timestamp::from_parts(info.build_epoch_s, 0).after(max_age);
        let days = max_age.as_secs() / 86_400;
        self.infos
            .iter()
            .filter(is_stale)
            .map(|info| {
                let (name, built) = (&info.name, info.build_date());
                format!("database {name} is stale: built {built}, more than {days} days ago; addresses may have moved")
            })
            .collect()
    }

    /// Whether sources disagree about the location of `addr`, and which (one of [`CONFLICTS`]): a published range and
    /// the strongest database, two databases, or that database and the registry. Addresses that are no place have no
    /// conflict.
    pub fn conflict(&self, addr: IpAddr) -> Option<&'static str> {
        let mut clues = Clues::default();
        self.gather(addr, None, &mut clues);
        let said = |source| {
            let of = move |clue: &&Clue<'_>| {
                clue.facet == Facet::Location && clue.source == source && clue.country.is_known()
            };
            clues.list.iter().filter(of).map(|clue| clue.country)
        };
        let database = said(EvidenceSource::Database).next()?;
        if said(EvidenceSource::Range).any(|other| other != database) {
            Some("range-database")
        } else if said(EvidenceSource::Database).any(|other| other != database) {
            Some("database-database")
        } else {
            said(EvidenceSource::Registry).any(|other| other != database).then_some("database-registry")
        }
    }

    /// Collects what every source says, in order of strength, without making text of it.
    fn gather<'a>(&'a self, addr: IpAddr, name: Option<&str>, clues: &mut Clues<'a>) {
        let judged = special::judged(addr);
        let name = name.and_then(catalogue::normal);
        let name = name.as_deref();
        let mut placed = None;
        for (facet, table) in [(Facet::Location, &self.placed), (Facet::Control, &self.controlled)] {
            if let Some((net, (country, label))) = table.longest(addr).or_else(|| table.longest(judged)) {
                let origin = Origin::Override(*net, label);
                if facet == Facet::Location {
                    placed = Some((*country, origin.clone()));
                }
                clues.push(facet, EvidenceSource::Override, *country, confidence::CERTAIN, origin);
            }
        }
        let abroad = placed.as_ref().is_some_and(|(country, _)| country.is_known());
        let monitored = self.local.longest(addr).or_else(|| self.local.longest(unmapped(addr)));
        if let Some((net, ())) = monitored {
            clues.push_local(Facet::ALL, EvidenceSource::Override, &Origin::Monitored(*net));
        }
        if let Some((country, origin)) = &placed
            && *country == Country::LOCAL
        {
            clues.push_local(&[Facet::Control], EvidenceSource::Override, origin);
        }
        if let Some((net, Some(name))) = self.special.longest(judged) {
            // What the operator places abroad has an operator like any other place.
            let facets = if abroad { &[Facet::Location] } else { Facet::ALL };
            clues.push_local(facets, EvidenceSource::SpecialPurpose, &Origin::Special(*net, name));
        }
        clues.service = name.and_then(|name| self.catalogue.by_name(name));
        if let Some(service) = clues.service {
            let (country, confidence) = (service.control, service.confidence);
            clues.push(Facet::Control, EvidenceSource::Catalogue, country, confidence, Origin::Service(service));
        }
        if !abroad && clues.list.iter().any(|clue| clue.facet == Facet::Location && clue.country == Country::LOCAL) {
            return; // no database knows better what is no place
        }
        if let Some((net, range)) = self.ranges.longest(judged)
            && let Some(country) = range.country
        {
            clues.push(Facet::Location, EvidenceSource::Range, country, range.confidence, Origin::Range(*net, range));
        }
        let answers: Vec<(&Database, Answer)> =
            self.databases.iter().rev().filter_map(|database| Some((database, database.answer(judged)?))).collect();
        clues.asn = answers.iter().find_map(|(_, answer)| answer.asn);
        clues.operator = clues.asn.and_then(|asn| self.catalogue.by_asn(asn));
        if let (Some(operator), Some(asn)) = (clues.operator, clues.asn) {
            let (country, confidence) = (operator.control, operator.confidence);
            clues.push(Facet::Control, EvidenceSource::Catalogue, country, confidence, Origin::Operator(operator, asn));
        }
        let region = name.and_then(|name| self.regions.in_name(name));
        let confirmed = region.as_ref().zip(clues.asn).is_some_and(|(region, asn)| region.is_confirmed_by(asn));
        if let (true, Some(region)) = (confirmed, &region) {
            clues.push_region(region, confidence::NAME_CONFIRMED);
        }
        for (database, answer) in &answers {
            // Anycast: what the database has for a country is where the holder sits, so that this answer is "unknown".
            let country = if answer.anycast { Some(Country::UNKNOWN) } else { answer.country };
            if let Some(country) = country {
                let origin = Origin::Database(database, answer.anycast);
                clues.push(Facet::Location, EvidenceSource::Database, country, confidence::DATABASE, origin);
            }
        }
        // Where a block is registered tells little of who controls a service in it: no evidence for control.
        for (database, answer) in &answers {
            if let Some(country) = answer.registered {
                let origin = Origin::Database(database, false);
                clues.push(Facet::Location, EvidenceSource::Registry, country, confidence::REGISTRY, origin);
            }
        }
        if let Some(country) = registry(judged) {
            clues.push(Facet::Location, EvidenceSource::Registry, country, confidence::REGISTRY, Origin::Registry);
        }
        if let (false, Some(region)) = (confirmed, &region) {
            clues.push_region(region, confidence::NAME_ALONE);
        }
        clues.edge = self.edges.of(judged);
        if clues.edge.is_some() {
            // What databases and registries have for a country is where the holder sits.
            let doubtful = |clue: &&mut Clue<'_>| {
                clue.facet == Facet::Location
                    && matches!(clue.source, EvidenceSource::Database | EvidenceSource::Registry)
            };
            for clue in clues.list.iter_mut().filter(doubtful) {
                clue.confidence = clue.confidence.min(confidence::EDGE);
            }
        }
    }

    /// Collects what a name alone says.
    fn gather_name<'a>(&'a self, name: &str, clues: &mut Clues<'a>) {
        clues.service = self.catalogue.by_name(name);
        if let Some(service) = clues.service {
            let (country, confidence) = (service.control, service.confidence);
            clues.push(Facet::Control, EvidenceSource::Catalogue, country, confidence, Origin::Service(service));
        }
        if let Some(region) = self.regions.in_name(name) {
            clues.push_region(&region, confidence::NAME_ALONE);
        }
    }

    /// The holder of the autonomous system, by the database that knows its number.
    fn as_org(&self, judged: IpAddr) -> Option<Arc<str>> {
        let answers = self.databases.iter().rev().filter_map(|database| database.answer(judged));
        answers.filter(|answer| answer.asn.is_some()).find_map(|answer| answer.org).map(Arc::from)
    }

    /// Makes a piece of evidence for people of a clue.
    fn tell(&self, clue: &Clue<'_>, judged: IpAddr, deciding: bool) -> Evidence {
        let (origin, matched) = match &clue.origin {
            Origin::Override(net, label) => (label.to_string(), net.to_string()),
            Origin::Monitored(net) => ("monitored network".to_owned(), net.to_string()),
            Origin::Special(net, name) => (format!("IANA: {name}"), net.to_string()),
            Origin::Service(service) => {
                let Service { service, operator, source, suffix, .. } = service;
                (format!("{service}, {operator}; {source}"), suffix.to_string())
            }
            Origin::Operator(operator, asn) => {
                let Operator { name, source, .. } = operator;
                (format!("{name}; {source}"), format!("AS{asn}"))
            }
            Origin::Database(database, anycast) => {
                let info = database.info();
                let anycast = if *anycast { ", anycast" } else { "" };
                let matched = database.network(judged).map_or_else(|| judged.to_string(), |net| net.to_string());
                (format!("{} ({}){anycast}", info.name, info.build_date()), matched)
            }
            Origin::Range(net, range) => (format!("{} ({})", range.file, range.label), net.to_string()),
            Origin::Region(region) => (format!("region in names of {}", region.provider), region.label.clone()),
            Origin::Registry => ("regional registry delegations (iptocc)".to_owned(), judged.to_string()),
        };
        let Clue { facet, source, country, confidence, .. } = *clue;
        Evidence { facet, source, origin, country, matched, confidence, deciding }
    }
}

/// What the strongest clues say.
fn place(clues: &Clues<'_>) -> Place {
    let country = |facet| {
        let stands = |clue: &&Clue<'_>| clue.facet == facet && !clue.struck;
        clues.list.iter().find(stands).map_or(Country::UNKNOWN, |clue| clue.country)
    };
    let service = clues.service;
    let operator = service.map(|service| &service.operator).or(clues.operator.map(|operator| &operator.name));
    Place {
        location: country(Facet::Location),
        control: country(Facet::Control),
        asn: clues.asn,
        as_org: None,
        operator: operator.map(Arc::clone),
        service: service.map(|service| Arc::clone(&service.service)),
        service_class: service.map(|service| Arc::clone(&service.class)),
    }
}

impl Networks for Locator {
    fn contains(&self, addr: IpAddr) -> bool {
        self.is_local(addr)
    }
}

/// The IPv4 address of an IPv4-mapped one. Only these are one host with the address inside; a tunnel's address is not.
fn unmapped(addr: IpAddr) -> IpAddr {
    addr.to_canonical()
}

/// The country that the regional registries delegated a block to.
fn registry(addr: IpAddr) -> Option<Country> {
    iptocc::country_code(addr)?.parse().ok().filter(|&country| codes::is_place(country))
}

/// What is wrong with an override.
fn wrong(o: &Override) -> Option<Problem> {
    let problem = |message: String| Some(Problem::file(&o.label, message));
    if o.location.is_none() && o.control.is_none() {
        return problem(format!("override of {}: says neither a location nor a control", o.prefix));
    }
    let said = [o.location, o.control].into_iter().flatten();
    let country = said.filter(|&country| country != Country::LOCAL).find(|&country| !codes::is_place(country))?;
    let hint = "ISO 3166-1 alpha-2 codes, XK, or local";
    problem(format!("override of {}: {country} is no country", o.prefix)).map(|problem| problem.with_hint(hint))
}

/// A piece of evidence before it is put into words.
struct Clue<'a> {
    facet: Facet,
    source: EvidenceSource,
    country: Country,
    confidence: u8,
    origin: Origin<'a>,
    /// Whether the speed of light rules it out.
    struck: bool,
}

#[derive(Clone)]
enum Origin<'a> {
    Override(IpNet, &'a str),
    Monitored(IpNet),
    Special(IpNet, &'static str),
    Range(IpNet, &'a Range),
    Service(&'a Service),
    Operator(&'a Operator, u32),
    /// With whether it marks the address as anycast.
    Database(&'a Database, bool),
    Region(NamedRegion),
    Registry,
}

#[derive(Default)]
struct Clues<'a> {
    list: Vec<Clue<'a>>,
    asn: Option<u32>,
    operator: Option<&'a Operator>,
    service: Option<&'a Service>,
    /// The network that stands in many places.
    edge: Option<(IpNet, Edge)>,
}

/// Says that an address is one of many machines. It decides nothing.
fn mark((net, edge): (IpNet, Edge)) -> Evidence {
    let Edge { kind, holder, source } = edge;
    Evidence {
        facet: Facet::Location,
        source: EvidenceSource::Edge,
        origin: format!("{holder}, {kind}: stands in many places; {source}"),
        country: Country::UNKNOWN,
        matched: net.to_string(),
        confidence: confidence::CERTAIN,
        deciding: false,
    }
}

impl<'a> Clues<'a> {
    fn push(&mut self, facet: Facet, source: EvidenceSource, country: Country, confidence: u8, origin: Origin<'a>) {
        self.list.push(Clue { facet, source, country, confidence, origin, struck: false });
    }

    fn push_local(&mut self, facets: &[Facet], source: EvidenceSource, origin: &Origin<'a>) {
        for &facet in facets {
            self.push(facet, source, Country::LOCAL, confidence::CERTAIN, origin.clone());
        }
    }

    fn push_region(&mut self, region: &NamedRegion, confidence: u8) {
        let (country, origin) = (region.country, Origin::Region(region.clone()));
        self.push(Facet::Location, EvidenceSource::HostName, country, confidence, origin);
    }
}
