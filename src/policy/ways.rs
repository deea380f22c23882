//! The way a crossing takes: from which local hosts, to which peers and ports, and under which purpose. A purpose such as `backup` is
//! a name for all three, so that a rule can say what a lawyer says.
//!
//! Peers and hosts are networks, never names: whoever sends chooses a name, and could call anything a backup.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::model::operator_file::{At, OperatorFile, Table, nearest_hint, quote};
use crate::model::{Ends, Problem, ip_proto};

/// Ports of a service: of the end that was connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PortSpan {
    proto: Option<u8>,
    first: u16,
    last: u16,
}

/// What a file says of the way, names not yet resolved.
#[derive(Clone, Default)]
pub(super) struct WaySpec {
    source: Vec<At<String>>,
    peers: Vec<IpNet>,
    ports: Vec<PortSpan>,
    purposes: Vec<At<String>>,
}

/// `[[hosts]]`: local networks, where they are and what they are.
pub(super) struct HostsSpec {
    networks: Vec<IpNet>,
    names: Vec<String>,
}

/// `[[purpose]]`.
pub(super) struct PurposeSpec {
    file: String,
    id: At<String>,
    way: WaySpec,
}

/// What a way must be like. All that is said must hold; of a list, one item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    source: Option<Vec<IpNet>>,
    peers: Vec<IpNet>,
    ports: Vec<PortSpan>,
    purposes: Vec<Way>,
}

impl Way {
    pub(super) fn holds(&self, ends: &Ends<'_>) -> bool {
        let within = |networks: &[IpNet], addr| networks.iter().any(|network| network.contains(&addr));
        self.source.as_ref().is_none_or(|networks| within(networks, ends.sender))
            && (self.peers.is_empty() || within(&self.peers, ends.peer))
            && (self.ports.is_empty() || self.ports.iter().any(|ports| ports.hold(ends)))
            && (self.purposes.is_empty() || self.purposes.iter().any(|purpose| purpose.holds(ends)))
    }

    /// How many of its parts say something: what makes one rule more specific than another.
    pub(super) fn parts(&self) -> u8 {
        u8::from(self.source.is_some())
            + u8::from(!self.peers.is_empty())
            + u8::from(!self.ports.is_empty())
            + u8::from(!self.purposes.is_empty())
    }
}

impl PortSpan {
    fn hold(&self, ends: &Ends<'_>) -> bool {
        self.proto.is_none_or(|proto| proto == ends.proto) && (self.first..=self.last).contains(&ends.port)
    }

    /// `443`, `tcp/5432`, `8000-8100`, `udp/4000-4010`.
    fn read(text: &str) -> Option<Self> {
        let (proto, ports) = match text.split_once('/') {
            Some(("tcp", ports)) => (Some(ip_proto::TCP), ports),
            Some(("udp", ports)) => (Some(ip_proto::UDP), ports),
            Some(_) => return None,
            None => (None, text),
        };
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last).then_some(Self { proto, first, last })
    }
}

impl WaySpec {
    /// Reads `source`, `peers`, `ports` and, of rules, `purposes`.
    pub(super) fn read(file: &OperatorFile<'_>, table: &mut Table<'_, '_>, is_purpose: bool) -> Self {
        let mut ports = Vec::new();
        for At { value, line } in table.quantities("ports") {
            match PortSpan::read(&value) {
                Some(span) => ports.push(span),
                None => file.problem_with_hint(
                    line,
                    format!("`ports`: {} is no port", quote(&value)),
                    "such as 443, \"tcp/5432\" or \"8000-8100\"",
                ),
            }
        }
        Self {
            source: table.strings("source"),
            peers: networks(file, table, "peers"),
            ports,
            purposes: if is_purpose { Vec::new() } else { table.strings("purposes") },
        }
    }

    /// Whether another says the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let words = |list: &[At<String>]| list.iter().map(|item| item.value.clone()).collect::<Vec<_>>();
        words(&self.source) == words(&other.source)
            && self.peers == other.peers
            && self.ports == other.ports
            && words(&self.purposes) == words(&other.purposes)
    }
}

impl HostsSpec {
    /// Reads a `[[hosts]]` table.
    pub(super) fn read(file: &OperatorFile<'_>, mut table: Table<'_, '_>) -> Self {
        let line = table.line();
        let networks = networks(file, &mut table, "networks");
        let site = table.string("site").map(|site| format!("site:{}", site.value));
        let tags = table.strings("tags").into_iter().map(|tag| format!("tag:{}", tag.value));
        let names: Vec<String> = site.into_iter().chain(tags).collect();
        if networks.is_empty() || names.is_empty() {
            file.problem(line, "[[hosts]] needs `networks`, and a `site` or `tags`");
        }
        table.finish();
        Self { networks, names }
    }
}

impl PurposeSpec {
    /// Reads a `[[purpose]]` table.
    pub(super) fn read(file: &OperatorFile<'_>, mut table: Table<'_, '_>) -> Option<Self> {
        let line = table.line();
        let id = table.required_string("id");
        let way = WaySpec::read(file, &mut table, true);
        let bound = !way.peers.is_empty();
        if !bound {
            let hint = "networks: a purpose that any destination serves is none";
            file.problem_with_hint(line, "a purpose without `peers`", hint);
        }
        table.finish();
        Some(Self { file: file.name().to_owned(), id: id?, way }).filter(|_| bound)
    }
}

/// The hosts and purposes of all files, by name.
#[derive(Default)]
pub(super) struct Ways {
    hosts: BTreeMap<String, Vec<IpNet>>,
    purposes: BTreeMap<String, Way>,
}

impl Ways {
    /// Puts together what the files say.
    pub(super) fn new(hosts: Vec<HostsSpec>, purposes: Vec<PurposeSpec>, problems: &mut Vec<Problem>) -> Self {
        let mut ways = Self::default();
        for entry in hosts {
            for name in entry.names {
                ways.hosts.entry(name).or_default().extend(&entry.networks);
            }
        }
        for purpose in purposes {
            let way = ways.resolve(&purpose.file, &purpose.way, problems);
            if ways.purposes.insert(purpose.id.value.clone(), way).is_some() {
                let message = format!("purpose {} is there twice", quote(&purpose.id.value));
                problems.push(Problem::line(&purpose.file, purpose.id.line, message));
            }
        }
        ways
    }

    /// Looks the names of a way up.
    pub(super) fn resolve(&self, file: &str, spec: &WaySpec, problems: &mut Vec<Problem>) -> Way {
        let mut source = Vec::new();
        for At { value, line } in &spec.source {
            if let Some(network) = network(value) {
                source.push(network);
            } else if let Some(networks) = self.hosts.get(value) {
                source.extend(networks);
            } else {
                let message = format!("`source`: {} is neither a network nor a site or tag of [[hosts]]", quote(value));
                let known: Vec<&str> = self.hosts.keys().map(String::as_str).collect();
                problems.push(Problem::line(file, *line, message).with_hint(nearest_hint(value, &known)));
            }
        }
        let mut purposes = Vec::new();
        for At { value, line } in &spec.purposes {
            match self.purposes.get(value) {
                Some(way) => purposes.push(way.clone()),
                None => {
                    let known: Vec<&str> = self.purposes.keys().map(String::as_str).collect();
                    let message = format!("unknown purpose {}", quote(value));
                    problems.push(Problem::line(file, *line, message).with_hint(nearest_hint(value, &known)));
                }
            }
        }
        Way {
            source: (!spec.source.is_empty()).then_some(source),
            peers: spec.peers.clone(),
            ports: spec.ports.clone(),
            purposes,
        }
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
}

fn networks(file: &OperatorFile<'_>, table: &mut Table<'_, '_>, key: &'static str) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for At { value, line } in table.strings(key) {
        match network(&value) {
            Some(network) => networks.push(network),
            None => {
                let hint = "an address with prefix length such as 192.0.2.0/24 or 2001:db8::/32";
                file.problem_with_hint(line, format!("`{key}`: {} is no network", quote(&value)), hint);
            }
        }
    }
    networks
}

/// Who receives, for a basis or an exception that holds for some recipients: a network, or the operator of a service (from the
/// catalogue) or holder of a network (from a database) by name.
pub(super) enum Recipient {
    Network(IpNet),
    Name(String),
}

impl Recipient {
    pub(super) fn read(text: &str) -> Self {
        network(text).map_or_else(|| Self::Name(text.to_lowercase()), Self::Network)
    }

    pub(super) const fn is_network(&self) -> bool {
        matches!(self, Self::Network(_))
    }

    pub(super) fn is(&self, ends: &Ends<'_>) -> bool {
        match self {
            Self::Network(network) => network.contains(&ends.peer),
            Self::Name(name) => {
                ends.operator.or(ends.as_org).is_some_and(|recipient| recipient.to_lowercase() == *name)
            }
        }
    }
}
