//! The service catalogue: who operates what is behind a name or an AS number, and whose law binds them.
//!
//! A name is chosen by the client and proves nothing about where octets go, but it tells what service the sender meant:
//! it answers for the control of a service, never for its location.

use std::sync::Arc;

use hashbrown::HashMap;

use super::codes;
use crate::model::{Country, Problem, ServiceEntry};

static SERVICES: &str = include_str!("../../geoip/services.tsv");
static OPERATORS: &str = include_str!("../../geoip/operators.tsv");

/// The classes of services: collaboration, file stores, mail, social networks, content delivery, hosting, telemetry.
pub const SERVICE_CLASSES: [&str; 7] = ["chat", "store", "mail", "social", "cdn", "cloud", "sdk"];

/// Longest domain name in its textual form, without the final dot (RFC 1035, 2.3.4).
const NAME_OCTETS_MAX: usize = 253;

/// What the catalogue knows of a service.
pub(super) struct Service {
    pub(super) suffix: Box<str>,
    pub(super) service: Arc<str>,
    pub(super) operator: Arc<str>,
    pub(super) class: Arc<str>,
    /// Home of the parent, else of the operator.
    pub(super) control: Country,
    pub(super) confidence: u8,
    pub(super) source: Box<str>,
}

/// What the catalogue knows of the holder of an AS number.
pub(super) struct Operator {
    pub(super) name: Arc<str>,
    pub(super) control: Country,
    pub(super) confidence: u8,
    pub(super) source: Box<str>,
}

/// Services by suffix, operators by AS number.
pub(super) struct Catalogue {
    services: HashMap<Box<str>, Service>,
    operators: HashMap<u32, Operator>,
}

impl Catalogue {
    /// The built-in catalogue with the operator's entries over it.
    ///
    /// # Errors
    /// All entries that make no sense.
    pub(super) fn new(added: &[ServiceEntry]) -> Result<Self, Vec<Problem>> {
        let mut catalogue = Self { services: HashMap::new(), operators: HashMap::new() };
        let mut problems = Vec::new();
        let built_in = rows(SERVICES).map(|(line, row)| ("services.tsv", Some(line), service_entry(row)));
        let added = added.iter().map(|entry| ("service catalogue", None, Ok(entry.clone())));
        for (file, line, entry) in built_in.chain(added) {
            match entry.and_then(|entry| catalogue.add(entry)) {
                Ok(()) => {}
                Err(message) => problems.push(Problem { file: file.to_owned(), line, message, hint: None }),
            }
        }
        for (line, row) in rows(OPERATORS) {
            match operator(row) {
                Ok((asn, operator)) => drop(catalogue.operators.insert(asn, operator)),
                Err(message) => problems.push(Problem::line("operators.tsv", line, message)),
            }
        }
        if problems.is_empty() { Ok(catalogue) } else { Err(problems) }
    }

    fn add(&mut self, entry: ServiceEntry) -> Result<(), String> {
        let Some(suffix) = normal(&entry.suffix) else {
            return Err(format!("{:?} is no domain name", entry.suffix));
        };
        if !SERVICE_CLASSES.contains(&entry.class.as_str()) {
            let classes = SERVICE_CLASSES.join(", ");
            return Err(format!("service {suffix}: unknown class {:?}, known are {classes}", entry.class));
        }
        let homes = entry.operator_home.iter().chain(&entry.parent_home);
        if let Some(country) = homes.copied().find(|&country| !codes::is_place(country)) {
            return Err(format!("service {suffix}: {country} is no country"));
        }
        let Some(control) = entry.parent_home.or(entry.operator_home.first().copied()) else {
            return Err(format!("service {suffix}: needs the home of its operator or of its parent"));
        };
        let service = Service {
            suffix: suffix.clone().into_boxed_str(),
            service: entry.service.into(),
            operator: entry.operator.into(),
            class: entry.class.into(),
            control,
            confidence: confidence(&entry.source, BY_NAME),
            source: entry.source.into(),
        };
        self.services.insert(suffix.into_boxed_str(), service);
        Ok(())
    }

    /// The service of the longest suffix of `name`, which is [`normal`].
    pub(super) fn by_name(&self, name: &str) -> Option<&Service> {
        let mut suffix = name;
        loop {
            if let Some(service) = self.services.get(suffix) {
                return Some(service);
            }
            suffix = suffix.split_once('.')?.1;
        }
    }

    /// The holder of an AS number, if it is one of the few that matter.
    pub(super) fn by_asn(&self, asn: u32) -> Option<&Operator> {
        self.operators.get(&asn)
    }
}

/// Percent: a name can be made up by the sender (services reference: a label alone).
const BY_NAME: u8 = 75;
/// Percent: the announcing network is that of the database, and says who carries rather than who reads.
const BY_ASN: u8 = 60;

/// Entries that rest on common knowledge alone weigh less.
fn confidence(source: &str, full: u8) -> u8 {
    if source == "unconfirmed" { full - 15 } else { full }
}

/// A name in lower case without the final dot; `None` for what cannot be a domain name: empty labels, white space,
/// control characters, addresses. Letters beyond ASCII stay as they are, since names that came from the wire are
/// A-labels already.
pub(super) fn normal(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let label_is_sound = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || !c.is_ascii() && c.is_alphanumeric())
    };
    let sound = name.len() <= NAME_OCTETS_MAX
        && name.split('.').all(label_is_sound)
        && name.rsplit('.').next().is_some_and(|last| !last.bytes().all(|b| b.is_ascii_digit()));
    sound.then(|| name.to_ascii_lowercase())
}

fn rows(table: &str) -> impl Iterator<Item = (usize, &str)> {
    table.lines().enumerate().filter(|(_, row)| !row.starts_with('#')).map(|(i, row)| (i + 1, row))
}

fn country(code: &str) -> Result<Country, String> {
    code.parse().map_err(|()| format!("{code:?} is no country"))
}

fn service_entry(row: &str) -> Result<ServiceEntry, String> {
    let fields: Vec<_> = row.split('\t').collect();
    let [suffix, service, operator, operator_home, parent_home, class, source] = fields[..] else {
        return Err("needs seven columns".to_owned());
    };
    Ok(ServiceEntry {
        suffix: suffix.to_owned(),
        service: service.to_owned(),
        operator: operator.to_owned(),
        operator_home: operator_home.split(',').map(country).collect::<Result<_, _>>()?,
        parent_home: Some(country(parent_home)?),
        class: class.to_owned(),
        source: source.to_owned(),
    })
}

fn operator(row: &str) -> Result<(u32, Operator), String> {
    let fields: Vec<_> = row.split('\t').collect();
    let [asn, name, home, parent, source] = fields[..] else {
        return Err("needs five columns".to_owned());
    };
    country(home)?;
    let control = country(parent)?;
    let asn = asn.parse().map_err(|_| format!("{asn:?} is no AS number"))?;
    Ok((asn, Operator { name: name.into(), control, confidence: confidence(source, BY_ASN), source: source.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in() -> Catalogue {
        Catalogue::new(&[]).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    #[test]
    fn the_tables_are_whole_and_sorted() {
        let catalogue = built_in();
        assert_eq!(catalogue.services.len(), rows(SERVICES).count(), "a suffix is there twice");
        assert_eq!(catalogue.operators.len(), rows(OPERATORS).count(), "an AS number is there twice");
        assert!(rows(SERVICES).map(|(_, row)| row.split('\t').next()).is_sorted());
    }

    #[test]
    fn the_longest_suffix_wins() {
        let catalogue = built_in();
        for (name, suffix) in [
            ("Open.Larksuite.COM.", Some("larksuite.com")),
            ("larksuite.com.ttdns1.com", Some("larksuite.com.ttdns1.com")),
            ("notlarksuite.com", None),
            ("p16.tiktokcdn.com.akamaized.net", Some("tiktokcdn.com.akamaized.net")),
            ("x.akamaized.net", Some("akamaized.net")),
            ("s3.cn-north-1.amazonaws.com.cn", Some("amazonaws.com.cn")),
            ("s3.amazonaws.com", Some("amazonaws.com")),
            ("qyapi.weixin.qq.com", Some("qyapi.weixin.qq.com")),
            ("a.b.qq.com", Some("qq.com")),
            ("com", None),
            ("8.8.8.8", None),
            ("", None),
            (".", None),
            ("a..qq.com", None),
            ("x y.qq.com", None),
            ("evil\n.qq.com", None),
            ("bücher.qq.com", Some("qq.com")),
        ] {
            assert_eq!(
                normal(name).and_then(|name| catalogue.by_name(&name)).map(|service| &*service.suffix),
                suffix,
                "{name:?}"
            );
        }
        assert!(normal(&format!("{}qq.com", "a.".repeat(124))).is_none(), "longer than a name can be");
        assert!(normal(&format!("{}qq.com", "a.".repeat(123))).is_some());
    }

    #[test]
    fn all_wrong_entries_are_told_at_once() {
        let entry = |suffix: &str, class: &str, home: &str| ServiceEntry {
            suffix: suffix.into(),
            service: "x".into(),
            operator: "x".into(),
            operator_home: home.parse().into_iter().collect(),
            parent_home: None,
            class: class.into(),
            source: "test".into(),
        };
        let wrong = [entry("a b", "chat", "DE"), entry("a.example", "chatt", "DE"), entry("b.example", "chat", "EU")];
        let problems = Catalogue::new(&wrong).err().unwrap();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert_eq!(Catalogue::new(&[entry("c.example", "chat", "")]).err().unwrap().len(), 1);
        let own = Catalogue::new(&[entry("larksuite.com", "mail", "DE")]).ok().unwrap();
        assert_eq!(own.by_name("larksuite.com").unwrap().control.as_str(), "DE", "the operator knows better");
    }
}
