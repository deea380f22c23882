//! Regions of cloud providers: the country of a label (`geoip/regions.tsv`), and the label in a host name
//! (`geoip/hosts.tsv`). Both are keyed by provider, since one label names different countries with different providers.
//!
//! A label that is not in the table has no country: new regions appear in range lists before anyone says where they
//! are.

use hashbrown::HashMap;

use crate::model::Country;

static REGIONS: &str = include_str!("../../geoip/regions.tsv");
static HOSTS: &str = include_str!("../../geoip/hosts.tsv");

/// Autonomous systems of the providers whose host names show a region (`geoip/operators.tsv` says who holds them): an
/// address in one of them confirms that a name of the provider is no make-believe.
const NETWORKS: &[(&str, &[u32])] = &[
    ("aliyun", &[24_429, 37_963, 45_102, 134_963]),
    ("aws", &[14_618, 16_509]),
    ("azure", &[8_068, 8_075]),
    ("byteplus", &[137_718, 138_699, 150_436, 396_986]),
    ("gcp", &[15_169, 396_982]),
    ("huawei", &[55_990, 136_907]),
    ("oci", &[31_898]),
    ("tencent", &[45_090, 132_203, 132_591, 139_341]),
];

/// The tables, read.
pub(super) struct Regions {
    exact: HashMap<(&'static str, &'static str), Country>,
    /// Provider, beginning, end, country: what a `*` stands between.
    patterns: Vec<(&'static str, &'static str, &'static str, Country)>,
    hosts: HashMap<&'static str, Host>,
}

struct Host {
    provider: &'static str,
    forms: Vec<(&'static str, &'static str)>,
}

/// A region that was found in a host name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedRegion {
    pub(super) provider: &'static str,
    pub(super) label: String,
    pub(super) country: Country,
}

impl NamedRegion {
    /// Whether an autonomous system is the provider's.
    pub(super) fn is_confirmed_by(&self, asn: u32) -> bool {
        NETWORKS.iter().any(|(provider, numbers)| *provider == self.provider && numbers.contains(&asn))
    }
}

impl Regions {
    /// Reads the built-in tables. Lines that make no sense are left out; a test sees that there are none.
    pub(super) fn new() -> Self {
        let mut regions = Self { exact: HashMap::new(), patterns: Vec::new(), hosts: HashMap::new() };
        for line in lines(REGIONS) {
            if let [provider, label, country] = line.split('\t').collect::<Vec<_>>()[..]
                && let Ok(country) = country.parse()
            {
                match label.split_once('*') {
                    Some((begin, end)) => regions.patterns.push((provider, begin, end, country)),
                    None => drop(regions.exact.insert((provider, label), country)),
                }
            }
        }
        for line in lines(HOSTS) {
            if let [suffix, provider, forms] = line.split('\t').collect::<Vec<_>>()[..] {
                let mut forms: Vec<_> = forms.split(' ').filter_map(|form| form.split_once('R')).collect();
                // The narrowest first: `oss-R` would take `-internal` for a part of the region.
                forms.sort_by_key(|(begin, end)| std::cmp::Reverse(begin.len() + end.len()));
                regions.hosts.insert(suffix, Host { provider, forms });
            }
        }
        regions
    }

    /// The country of a label in the words of a provider; `None` if nobody said so.
    pub(super) fn country(&self, provider: &str, label: &str) -> Option<Country> {
        self.exact.get(&(provider, label)).copied().or_else(|| {
            let fits = |(p, begin, end, _): &&(&str, &str, &str, Country)| {
                *p == provider
                    && label.len() > begin.len() + end.len()
                    && label.starts_with(begin)
                    && label.ends_with(end)
            };
            self.patterns.iter().find(fits).map(|(.., country)| *country)
        })
    }

    /// The region in a host name (in lower case, without the final dot): in the label next to the longest suffix whose
    /// grammar is known, nowhere else, since whoever owns a bucket chooses the labels before it.
    pub(super) fn in_name(&self, name: &str) -> Option<NamedRegion> {
        let (mut before, mut suffix) = ("", name);
        let host = loop {
            if let Some(host) = self.hosts.get(suffix) {
                break host;
            }
            (before, suffix) = suffix.split_once('.')?;
        };
        let label = before;
        host.forms.iter().find_map(|(begin, end)| {
            let label = label.strip_prefix(begin)?;
            match end.strip_suffix('*') {
                None => self.named(host.provider, label.strip_suffix(end)?),
                // Where the region ends is not written: the shortest label that is one.
                Some(end) => label.match_indices(end).find_map(|(at, _)| self.named(host.provider, label.get(..at)?)),
            }
        })
    }

    fn named(&self, provider: &'static str, label: &str) -> Option<NamedRegion> {
        Some(NamedRegion { provider, country: self.country(provider, label)?, label: label.to_owned() })
    }
}

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::normal;
    use super::*;

    #[test]
    fn every_line_of_the_tables_is_read() {
        let regions = Regions::new();
        assert_eq!(regions.exact.len() + regions.patterns.len(), lines(REGIONS).count());
        assert_eq!(regions.hosts.len(), lines(HOSTS).count());
        for line in lines(HOSTS) {
            let host = &regions.hosts[line.split('\t').next().unwrap()];
            assert_eq!(host.forms.len(), line.rsplit('\t').next().unwrap().split(' ').count(), "{line}");
            assert!(NETWORKS.iter().any(|(provider, _)| *provider == host.provider), "{line}");
        }
    }

    #[test]
    fn one_label_names_different_countries() {
        let regions = Regions::new();
        for (provider, label, country) in [
            ("aws", "ap-southeast-1", Some("SG")),
            ("aliyun", "ap-southeast-1", Some("SG")),
            ("huawei", "ap-southeast-1", Some("HK")),
            ("byteplus", "ap-southeast-1", Some("MY")),
            ("aws", "eu-west-1", Some("IE")),
            ("aliyun", "eu-west-1", Some("GB")),
            ("huawei", "eu-west-1", Some("NL")),
            ("aws", "eu-central-2", Some("CH")),
            ("aws", "eu-central-1-ist-1", Some("TR")),
            ("aws", "us-east-1-bue-1", Some("AR")),
            ("aws", "us-east-1-xyz-1", None),
            ("aws", "GLOBAL", None),
            ("azure", "germanywc", Some("DE")),
            ("azure", "centralfrance", Some("FR")),
            ("azure", "eastasia", Some("HK")),
            ("gcp", "us-central1", Some("US")),
            ("gcp", "global", None),
            ("aliyun", "cn-hongkong", Some("HK")),
            ("aliyun", "cn-hangzhou", Some("CN")),
            ("oci", "eu-jovanovac-1", Some("RS")),
            ("nobody", "us-east-1", None),
        ] {
            let country = country.map(|code| code.parse().unwrap());
            assert_eq!(regions.country(provider, label), country, "{provider} {label}");
        }
    }

    #[test]
    fn regions_stand_next_to_the_suffix() {
        let regions = Regions::new();
        for (name, country) in [
            ("s3.eu-central-1.amazonaws.com", Some("DE")),
            ("Bucket.S3.EU-Central-1.AmazonAWS.com.", Some("DE")),
            ("s3-ap-northeast-2.amazonaws.com", Some("KR")),
            ("eu-west-1.s3.us-east-1.amazonaws.com", Some("US")),
            ("eu-west-1.s3.amazonaws.com", None),
            ("x.eu-west-3.vpce.amazonaws.com", Some("FR")),
            ("ec2-1-2-3-4.sa-east-1.compute.amazonaws.com", Some("BR")),
            ("s3.cn-north-1.amazonaws.com.cn", Some("CN")),
            ("s3.amazonaws.com", None),
            ("amazonaws.com", None),
            ("vm.germanywestcentral.cloudapp.azure.com", Some("DE")),
            ("europe-west6-docker.pkg.dev", Some("CH")),
            ("us-central1-my-project.cloudfunctions.net", Some("US")),
            ("objectstorage.eu-zurich-1.oraclecloud.com", Some("CH")),
            ("b.oss-ap-southeast-1.aliyuncs.com", Some("SG")),
            ("oss-cn-hongkong-internal.aliyuncs.com", Some("HK")),
            ("oss-accelerate.aliyuncs.com", None),
            ("b.cos.ap-guangzhou.myqcloud.com", Some("CN")),
            ("obs.ap-southeast-1.myhuaweicloud.com", Some("HK")),
            ("tos-ap-southeast-1.bytepluses.com", Some("MY")),
            ("dts.cn-guangzhou.byteplusapi.com", None),
            ("s3.eu-central-1.amazonaws.com.evil.example", None),
            ("", None),
        ] {
            let country = country.map(|code| code.parse().unwrap());
            assert_eq!(
                normal(name).and_then(|name| regions.in_name(&name)).map(|region| region.country),
                country,
                "{name}"
            );
        }
    }
}
