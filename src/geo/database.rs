//! Country and AS databases in the MaxMind DB format 2.0: the embedded DB-IP Lite country database, and files of
//! MaxMind, DB-IP, IPinfo and ip-location-db that the operator names.
//!
//! A file is read into memory whole and checked before anything is asked of it: its metadata, then every network and
//! every distinct record once. It is never mapped, since a file that is rewritten under a map would change answers
//! half-way. What its records look like is found out by probing known fields, because `database_type` says little.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use maxminddb::{MaxMindDbError, PathElement, Reader};
use serde::de::IgnoredAny;

use super::codes;
use crate::model::{Country, Problem, Timestamp};

static EMBEDDED: &[u8] = include_bytes!("../../geoip/dbip-country.mmdb");
/// What `geoip/refresh` found when it checked the embedded database.
static EMBEDDED_MANIFEST: &str = include_str!("../../geoip/dbip-country.tsv");

/// Files larger than this are refused: the largest known database of this kind has 1 GB.
const FILE_BYTES_MAX: u64 = 4 << 30;

/// Where databases keep the country, most specific layout first. A path counts if records hold two letters there.
const COUNTRY_PATHS: &[&[&str]] = &[
    &["country", "iso_code"], // MaxMind, DB-IP
    &["country_code"],        // ip-location-db, IPinfo Lite
    &["country"],             // IPinfo
];
/// Where the address block is registered.
const REGISTERED_PATHS: &[&[&str]] = &[&["registered_country", "iso_code"]];
/// Marks of addresses that stand in many places at once.
const ANYCAST_PATHS: &[&[&str]] = &[&["traits", "is_anycast"], &["is_anycast"], &["anycast"]];
/// Number of the autonomous system: an integer, or a string with or without `AS` in front.
const ASN_PATHS: &[&[&str]] = &[&["autonomous_system_number"], &["asn"], &["traits", "autonomous_system_number"]];
/// Its holder.
const ORG_PATHS: &[&[&str]] = &[
    &["autonomous_system_organization"],
    &["as_name"],
    &["as_org"],
    &["name"],
    &["traits", "autonomous_system_organization"],
];

/// What is loaded, for people and for the metric of its age.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DatabaseInfo {
    /// Path as the operator gave it, or `embedded`.
    pub path: String,
    /// Short name: the file's name without its ending, or the product and version of the embedded one.
    pub name: String,
    /// The database's own word for its type.
    pub database_type: String,
    /// When it was built, seconds since the Unix epoch.
    pub build_epoch_s: u64,
    /// Nodes of the search tree.
    pub nodes: u64,
    /// Networks with a record, aliases not counted.
    pub networks: u64,
    /// The fields found in its records, as `country=country.iso_code`, separated by spaces.
    pub layout: String,
}

impl DatabaseInfo {
    /// The day it was built in UTC, `2026-06-01`.
    pub fn build_date(&self) -> String {
        Timestamp::from_parts(self.build_epoch_s, 0).to_string().chars().take(10).collect()
    }
}

type Field = Option<Vec<PathElement<'static>>>;

#[derive(Default)]
struct Layout {
    country: Field,
    registered: Field,
    anycast: Field,
    asn: Field,
    org: Field,
}

/// A checked database.
pub(super) struct Database {
    reader: Reader<Cow<'static, [u8]>>,
    layout: Layout,
    info: DatabaseInfo,
}

/// What a database knows of an address. Values that are no country (continents, `ZZ`, garbage) are left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) country: Option<Country>,
    pub(super) registered: Option<Country>,
    pub(super) anycast: bool,
    pub(super) asn: Option<u32>,
    pub(super) org: Option<String>,
}

impl Database {
    /// The embedded database. It was walked and checked before it was put into the sources (`geoip/refresh`), and a
    /// test does so again, so that starting costs nothing.
    pub(super) fn embedded() -> Result<Self, Problem> {
        let manifest = |key: &str| {
            let line = EMBEDDED_MANIFEST.lines().find_map(|line| line.split_once('\t').filter(|(k, _)| *k == key));
            line.map_or("", |(_, value)| value)
        };
        let reader =
            Reader::from_source(Cow::Borrowed(EMBEDDED)).map_err(|e| Problem::file("embedded", e.to_string()))?;
        let layout = Layout { country: Some(elements(&["country_code"])), ..Layout::default() };
        let networks = manifest("networks").parse().unwrap_or(0);
        let name = format!("{} {}", manifest("name"), manifest("version"));
        let info = describe(&reader, &layout, "embedded".to_owned(), name, networks);
        Ok(Self { reader, layout, info })
    }

    /// Reads a file and checks it.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or holds neither countries nor autonomous systems.
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        let shown = path.display().to_string();
        let problem = |message: String| Problem::file(&shown, message);
        let size = std::fs::metadata(path).map_err(|e| problem(format!("cannot read the database: {e}")))?;
        if !size.is_file() || size.len() > FILE_BYTES_MAX {
            return Err(problem(format!("is no regular file of at most {FILE_BYTES_MAX} bytes")));
        }
        let octets = std::fs::read(path).map_err(|e| problem(format!("cannot read the database: {e}")))?;
        let name = path.file_stem().map_or_else(|| shown.clone(), |stem| stem.to_string_lossy().into_owned());
        Self::check(Cow::Owned(octets), shown.clone(), name)
    }

    fn check(octets: Cow<'static, [u8]>, path: String, name: String) -> Result<Self, Problem> {
        let damaged = |e: &MaxMindDbError| {
            Problem::file(&path, format!("is no sound MaxMind DB file: {e}")).with_hint("download it again")
        };
        let reader = Reader::from_source(octets).map_err(|e| damaged(&e))?;
        let mut survey = Survey::default();
        // A tree of n nodes has at most 2n records; one that leads to more shares or loops branches.
        let networks_max = u64::from(reader.metadata().node_count) * 2;
        let mut networks = 0;
        let mut seen = HashSet::new();
        for found in reader.networks(maxminddb::WithinOptions::default()).map_err(|e| damaged(&e))? {
            let found = found.map_err(|e| damaged(&e))?;
            networks += 1;
            if networks > networks_max {
                return Err(Problem::file(&path, "is no sound MaxMind DB file: its search tree loops")
                    .with_hint("download it again"));
            }
            if found.offset().is_some_and(|offset| seen.insert(offset)) {
                survey.examine(&found).map_err(|e| damaged(&e))?;
            }
        }
        let Some(layout) = survey.layout() else {
            return Err(Problem::file(&path, survey.unknown()));
        };
        let info = describe(&reader, &layout, path, name, networks);
        Ok(Self { reader, layout, info })
    }

    pub(super) fn info(&self) -> &DatabaseInfo {
        &self.info
    }

    /// What it knows of `addr`, with the network that the answer holds for. `None` if it has no record.
    pub(super) fn answer(&self, addr: IpAddr) -> Option<Answer> {
        let found = self.find(addr)?;
        // A record is checked when the file is loaded: a field of another type is one that this record does not have.
        let country = |path: &Field| {
            let code = found.decode_path::<&str>(path.as_deref()?).ok()??;
            code.parse().ok().filter(|&country| codes::is_place(country))
        };
        let truth = |path: &Field| path.as_deref().is_some_and(|p| matches!(found.decode_path(p), Ok(Some(true))));
        let org = || found.decode_path::<String>(self.layout.org.as_deref()?).ok()?;
        Some(Answer {
            country: country(&self.layout.country),
            registered: country(&self.layout.registered),
            anycast: truth(&self.layout.anycast),
            asn: self.layout.asn.as_deref().and_then(|path| asn(&found, path)),
            org: org(),
        })
    }

    /// The network of the record that answers for `addr`.
    pub(super) fn network(&self, addr: IpAddr) -> Option<IpNet> {
        let network = self.find(addr)?.network().ok()?;
        IpNet::new(network.ip(), network.prefix()).ok()
    }

    fn find(&self, addr: IpAddr) -> Option<Found<'_>> {
        self.reader.lookup(addr).ok().filter(Found::has_data)
    }
}

type Found<'a> = maxminddb::LookupResult<'a, Cow<'static, [u8]>>;

fn asn(found: &Found<'_>, path: &[PathElement<'_>]) -> Option<u32> {
    if let Ok(Some(number)) = found.decode_path::<u32>(path) {
        return Some(number);
    }
    let text = found.decode_path::<&str>(path).ok()??;
    text.strip_prefix("AS").unwrap_or(text).parse().ok()
}

fn elements(path: &[&'static str]) -> Vec<PathElement<'static>> {
    path.iter().copied().map(PathElement::Key).collect()
}

fn describe(
    reader: &Reader<Cow<'static, [u8]>>,
    layout: &Layout,
    path: String,
    name: String,
    networks: u64,
) -> DatabaseInfo {
    let fields = [
        ("country", &layout.country),
        ("registered", &layout.registered),
        ("anycast", &layout.anycast),
        ("asn", &layout.asn),
        ("as_org", &layout.org),
    ];
    let dotted = |path: &[PathElement<'static>]| {
        let keys = path.iter().map(|element| if let PathElement::Key(key) = element { key } else { "" });
        keys.collect::<Vec<_>>().join(".")
    };
    let layout: Vec<_> =
        fields.iter().filter_map(|(name, path)| Some(format!("{name}={}", dotted(path.as_deref()?)))).collect();
    let metadata = reader.metadata();
    DatabaseInfo {
        path,
        name,
        database_type: metadata.database_type.clone(),
        build_epoch_s: metadata.build_epoch,
        nodes: u64::from(metadata.node_count),
        networks,
        layout: layout.join(" "),
    }
}

/// What was seen of the records of a database: which of the known fields hold a plausible value in how many of them.
#[derive(Default)]
struct Survey {
    country: [u64; COUNTRY_PATHS.len()],
    registered: [u64; REGISTERED_PATHS.len()],
    anycast: [u64; ANYCAST_PATHS.len()],
    asn: [u64; ASN_PATHS.len()],
    org: [u64; ORG_PATHS.len()],
    /// Outermost fields by name, for the message about an unknown layout; bounded.
    keys: BTreeMap<String, u64>,
    records: u64,
}

impl Survey {
    /// Examines one record.
    ///
    /// # Errors
    /// If its octets make no sense.
    fn examine(&mut self, found: &Found<'_>) -> Result<(), MaxMindDbError> {
        self.records += 1;
        // Goes through the whole record, so that damage shows now.
        found.decode::<IgnoredAny>()?;
        if self.records <= 64 {
            let keys = found.decode::<BTreeMap<String, IgnoredAny>>().ok().flatten().unwrap_or_default();
            for key in keys.into_keys().take(32) {
                *self.keys.entry(key.chars().take(40).collect()).or_default() += 1;
            }
        }
        let code = |path: &[PathElement<'_>]| {
            let text = field::<&str>(found, path)?;
            Ok(text.is_some_and(|text| text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic())))
        };
        tally(&mut self.country, COUNTRY_PATHS, code)?;
        tally(&mut self.registered, REGISTERED_PATHS, code)?;
        tally(&mut self.anycast, ANYCAST_PATHS, |path| Ok(field::<bool>(found, path)?.is_some()))?;
        tally(&mut self.asn, ASN_PATHS, |path| Ok(asn(found, path).is_some()))?;
        tally(&mut self.org, ORG_PATHS, |path| Ok(field::<&str>(found, path)?.is_some()))
    }

    /// The fields to read; `None` if there is neither a country nor an autonomous system.
    fn layout(&self) -> Option<Layout> {
        let layout = Layout {
            country: first(&self.country, COUNTRY_PATHS),
            registered: first(&self.registered, REGISTERED_PATHS),
            anycast: first(&self.anycast, ANYCAST_PATHS),
            asn: first(&self.asn, ASN_PATHS),
            org: first(&self.org, ORG_PATHS),
        };
        (layout.country.is_some() || layout.asn.is_some()).then_some(layout)
    }

    fn unknown(&self) -> String {
        let paths = |paths: &[&[&str]]| paths.iter().map(|path| path.join(".")).collect::<Vec<_>>().join(", ");
        let keys: Vec<_> = self.keys.keys().map(|key| format!("{key:?}")).collect();
        let has = match (self.records, keys.is_empty()) {
            (0, _) => "it has no records".to_owned(),
            (_, true) => "its records are no maps".to_owned(),
            _ => format!("its records have {}", keys.join(", ")),
        };
        format!(
            "has an unknown layout: looked for a country in {} and for an autonomous system in {}, but {has}",
            paths(COUNTRY_PATHS),
            paths(ASN_PATHS),
        )
    }
}

/// A field of the wanted type; `None` if it is missing or of another type.
fn field<'a, T: serde::Deserialize<'a>>(
    found: &Found<'a>,
    path: &[PathElement<'_>],
) -> Result<Option<T>, MaxMindDbError> {
    match found.decode_path(path) {
        Ok(value) => Ok(value),
        Err(MaxMindDbError::Decoding { .. }) => Ok(None),
        Err(e) => Err(e),
    }
}

fn tally(
    counts: &mut [u64],
    paths: &[&[&'static str]],
    present: impl Fn(&[PathElement<'_>]) -> Result<bool, MaxMindDbError>,
) -> Result<(), MaxMindDbError> {
    for (count, path) in counts.iter_mut().zip(paths) {
        *count += u64::from(present(&elements(path))?);
    }
    Ok(())
}

fn first(counts: &[u64], paths: &[&[&'static str]]) -> Field {
    counts.iter().zip(paths).find(|(count, _)| **count > 0).map(|(_, path)| elements(path))
}

#[cfg(test)]
mod tests {
    use sha2::Digest as _;

    use super::*;

    #[test]
    fn the_embedded_database_is_the_one_described() {
        let embedded = Database::embedded().unwrap();
        let walked = Database::check(Cow::Borrowed(EMBEDDED), "embedded".into(), embedded.info.name.clone()).unwrap();
        assert_eq!(walked.info, embedded.info);
        assert!(embedded.info.networks > 500_000 && embedded.info.build_epoch_s > 1_780_000_000);
        let digest: String = sha2::Sha256::digest(EMBEDDED).iter().map(|octet| format!("{octet:02x}")).collect();
        assert!(EMBEDDED_MANIFEST.contains(&format!("mmdb_sha256\t{digest}\n")));
        assert!(EMBEDDED_MANIFEST.contains(&format!("build_epoch_s\t{}\n", embedded.info.build_epoch_s)));
    }

    #[test]
    fn a_file_that_is_no_database_is_a_problem() {
        for octets in [&b""[..], b"\xab\xcd\xefMaxMind.com", &EMBEDDED[..100_000], &EMBEDDED[..EMBEDDED.len() - 9]] {
            assert!(Database::check(Cow::Borrowed(octets), "x".into(), "x".into()).is_err());
        }
        assert!(Database::open(Path::new("/dev/null")).is_err());
        assert!(Database::open(Path::new("/nonexistent/x.mmdb")).err().unwrap().message.contains("cannot read"));
    }

    #[test]
    fn the_build_date_is_a_day() {
        assert!(Database::embedded().unwrap().info.build_date().starts_with("20"));
    }
}
