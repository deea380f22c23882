//! Published address ranges of providers, and geofeeds: files that the operator downloads and names.
//!
//! What a file is shows in its content: the JSON documents of AWS (`ip-ranges.json`), Google (`cloud.json`,
//! `goog.json`), Azure (`ServiceTags_*.json`), Oracle (`public_ip_ranges.json`) and Fastly (`public-ip-list`); geofeeds
//! (RFC 8805), of which a plain list of prefixes (Cloudflare's) is the least. Regions become countries by [`Regions`];
//! of an unknown region nothing is said, and other evidence decides. Anycast ranges (`GLOBAL`, `global`, lists without
//! a region) have no country: unknown.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;
use serde_json::Value;

use super::codes;
use super::prefix::PrefixMap;
use super::region::Regions;
use crate::model::{Country, Problem};

/// Files larger than this are refused: Azure's list, the largest, has 5 MB.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Percent for what a provider publishes of its own network with regions, and for an unsigned geofeed.
const BY_PROVIDER: u8 = 95;
const BY_GEOFEED: u8 = 70;

/// What a range list says of a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// `None` where the region is not known to us, [`Country::UNKNOWN`] where there is no one place.
    pub(super) country: Option<Country>,
    /// Provider and region, or the place in a geofeed.
    pub(super) label: Arc<str>,
    /// File it stands in.
    pub(super) file: Arc<str>,
    pub(super) confidence: u8,
}

/// Reads all files; of two that name a prefix the later one counts.
///
/// # Errors
/// All files that cannot be read or hold no list that is known, with the line where there is one.
pub(super) fn load<'a>(
    files: impl Iterator<Item = &'a Path>,
    regions: &Regions,
) -> Result<PrefixMap<Range>, Vec<Problem>> {
    let mut list = List { regions, file: "".into(), entries: Vec::new(), label: "".into() };
    let mut problems = Vec::new();
    for path in files {
        list.file = path.display().to_string().into();
        if let Err(more) = list.read(path) {
            problems.extend(more);
        }
    }
    if problems.is_empty() { Ok(PrefixMap::new(list.entries)) } else { Err(problems) }
}

struct List<'a> {
    regions: &'a Regions,
    file: Arc<str>,
    entries: Vec<(IpNet, Range)>,
    /// The last label, since neighbours share theirs.
    label: Arc<str>,
}

impl List<'_> {
    fn read(&mut self, path: &Path) -> Result<(), Vec<Problem>> {
        let problem = |message: String| vec![Problem::file(&*self.file, message)];
        let size = std::fs::metadata(path).map_err(|e| problem(format!("cannot read the range list: {e}")))?;
        if !size.is_file() || size.len() > FILE_BYTES_MAX {
            return Err(problem(format!("is no regular file of at most {FILE_BYTES_MAX} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|e| problem(format!("cannot read the range list: {e}")))?;
        self.parse(&text)
    }

    fn parse(&mut self, text: &str) -> Result<(), Vec<Problem>> {
        let before = self.entries.len();
        if text.trim_start().starts_with('{') {
            let document: Value = serde_json::from_str(text)
                .map_err(|e| vec![Problem::line(&*self.file, e.line(), format!("is no sound JSON: {e}"))])?;
            self.json(&document);
        } else {
            self.geofeed(text)?;
        }
        if self.entries.len() == before {
            let known = "AWS ip-ranges.json, Google cloud.json, Azure ServiceTags, Oracle public_ip_ranges.json, \
                         Fastly public-ip-list, RFC 8805 geofeeds, lists of prefixes";
            return Err(vec![Problem::file(&*self.file, "has no address range that is understood").with_hint(known)]);
        }
        Ok(())
    }

    /// The documents of the providers. Prefixes that are none are passed over: the lists are long, and other entries
    /// stand.
    fn json(&mut self, document: &Value) {
        let items = |value: &'_ Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        for item in items(document, "prefixes").iter().chain(&items(document, "ipv6_prefixes")) {
            for key in ["ip_prefix", "ipv6_prefix"] {
                // The border group is where the addresses are announced; the region only what they belong to.
                self.add_region("aws", &text(item, key), &text(item, "network_border_group"), &text(item, "region"));
            }
            for key in ["ipv4Prefix", "ipv6Prefix"] {
                self.add_region("gcp", &text(item, key), &text(item, "scope"), "");
            }
        }
        for tag in items(document, "values") {
            let properties = tag.get("properties").unwrap_or(&Value::Null);
            let name = text(&tag, "name");
            // The tags of services overlap with those of regions, and many have none.
            if let Some(region) = name.strip_prefix("AzureCloud.") {
                for prefix in items(properties, "addressPrefixes") {
                    self.add_region("azure", prefix.as_str().unwrap_or_default(), region, &text(properties, "region"));
                }
            }
        }
        for region in items(document, "regions") {
            for cidr in items(&region, "cidrs") {
                self.add_region("oci", &text(&cidr, "cidr"), &text(&region, "region"), "");
            }
        }
        for prefix in items(document, "addresses").iter().chain(&items(document, "ipv6_addresses")) {
            let Some(net) = prefix.as_str().and_then(|prefix| prefix.parse().ok()) else { continue };
            self.add(net, Some(Country::UNKNOWN), "no place published", BY_PROVIDER);
        }
    }

    /// An entry of a provider: by its narrower label if that is known, by the wider one if that is all there is.
    fn add_region(&mut self, provider: &str, prefix: &str, label: &str, wider: &str) {
        let Ok(net) = prefix.parse() else { return };
        let label = if label.is_empty() { wider } else { label };
        let country = if label.eq_ignore_ascii_case("global") {
            Some(Country::UNKNOWN)
        } else {
            let narrow = self.regions.country(provider, label);
            // A border group of its own may be abroad: only names of one region can stand for each other (Azure).
            narrow.or_else(|| self.regions.country(provider, wider).filter(|_| provider == "azure"))
        };
        let name = format!("{provider} {label}");
        self.add(net, country, &name, BY_PROVIDER);
    }

    /// RFC 8805: `prefix,country,region,city,postal`, more columns allowed, `#` comments; an empty country says that
    /// the prefix has no place.
    fn geofeed(&mut self, text: &str) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        for (i, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let mut fields = line.split(',').map(str::trim);
            let prefix = fields.next().unwrap_or_default();
            let net = prefix.parse::<IpNet>().or_else(|_| prefix.parse::<IpAddr>().map(IpNet::from));
            let Ok(net) = net else {
                problems.push(Problem::line(&*self.file, i + 1, format!("{:?} is no prefix", clip(prefix))));
                if problems.len() == 20 {
                    break; // it is no list at all
                }
                continue;
            };
            let code = fields.next().unwrap_or_default();
            let country = match code.parse::<Country>() {
                _ if code.is_empty() || code.eq_ignore_ascii_case("zz") => Some(Country::UNKNOWN),
                Ok(country) if codes::is_place(country) => Some(country),
                _ => {
                    problems.push(Problem::line(&*self.file, i + 1, format!("{:?} is no country", clip(code))));
                    continue;
                }
            };
            let place: Vec<_> = std::iter::once("geofeed").chain(fields.take(2).filter(|f| !f.is_empty())).collect();
            self.add(net, country, clip(&place.join(" ")), BY_GEOFEED);
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn add(&mut self, net: IpNet, country: Option<Country>, label: &str, confidence: u8) {
        if *self.label != *label {
            self.label = label.into();
        }
        let (label, file) = (Arc::clone(&self.label), Arc::clone(&self.file));
        self.entries.push((net, Range { country, label, file, confidence }));
    }
}

/// A piece of a file, short enough for a message.
fn clip(text: &str) -> &str {
    text.char_indices().nth(64).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PrefixMap<Range>, Vec<Problem>> {
        let regions = Regions::new();
        let mut list = List { regions: &regions, file: "x".into(), entries: Vec::new(), label: "".into() };
        list.parse(text).map(|()| PrefixMap::new(list.entries))
    }

    /// `None`: nothing is said; `Some("ZZ")`: it is said that there is no one place.
    fn check(text: &str, expected: &[(&str, Option<&str>)]) {
        let map = parse(text).unwrap_or_else(|problems| panic!("{problems:?}"));
        for (address, country) in expected {
            let found = map.longest(address.parse().unwrap()).and_then(|(_, range)| range.country);
            assert_eq!(found.map(|country| country.to_string()).as_deref(), *country, "{address}");
        }
    }

    #[test]
    fn aws_goes_by_border_group() {
        check(
            r#"{"syncToken":"1","createDate":"x","prefixes":[
              {"ip_prefix":"15.0.0.0/16","region":"us-east-1","service":"AMAZON","network_border_group":"us-east-1"},
              {"ip_prefix":"15.0.1.0/24","region":"us-east-1","service":"EC2","network_border_group":"us-east-1-bue-1"},
              {"ip_prefix":"15.0.2.0/24","region":"us-east-1","service":"EC2","network_border_group":"us-east-1-new-1"},
              {"ip_prefix":"15.0.3.0/24","region":"zz-new-1","service":"EC2","network_border_group":"zz-new-1"},
              {"ip_prefix":"15.0.4.0/24","region":"GLOBAL","service":"CLOUDFRONT","network_border_group":"GLOBAL"},
              {"ip_prefix":"garbage"}, 7],
             "ipv6_prefixes":[{"ipv6_prefix":"2a05:d000::/32","region":"eu-central-1","network_border_group":"eu-central-1-ist-1"}]}"#,
            &[
                ("15.0.9.1", Some("US")),
                ("15.0.1.1", Some("AR")),
                ("15.0.2.1", None),
                ("15.0.3.1", None),
                ("15.0.4.1", Some("ZZ")),
                ("2a05:d000::1", Some("TR")),
                ("16.0.0.1", None),
            ],
        );
    }

    #[test]
    fn google_azure_oracle_and_fastly() {
        check(
            r#"{"prefixes":[{"ipv4Prefix":"34.1.0.0/20","service":"Google Cloud","scope":"africa-south1"},
              {"ipv6Prefix":"2600:1900::/28","scope":"us-west9"},{"ipv4Prefix":"34.2.0.0/16","scope":"global"}]}"#,
            &[("34.1.0.1", Some("ZA")), ("2600:1900::1", Some("US")), ("34.2.0.1", Some("ZZ"))],
        );
        check(
            r#"{"changeNumber":1,"cloud":"Public","values":[
              {"name":"Storage","properties":{"region":"","addressPrefixes":["20.0.0.0/8"]}},
              {"name":"AzureCloud.germanywc","properties":{"region":"germanywc","addressPrefixes":["20.1.0.0/16","2603:1020::/47"]}},
              {"name":"AzureCloud.newname","properties":{"region":"uksouth","addressPrefixes":["20.2.0.0/16"]}}]}"#,
            &[("20.1.0.1", Some("DE")), ("2603:1020::1", Some("DE")), ("20.2.0.1", Some("GB")), ("20.3.0.1", None)],
        );
        check(
            r#"{"last_updated_timestamp":"x","regions":[{"region":"eu-zurich-1","cidrs":[{"cidr":"140.1.0.0/18","tags":["OCI"]}]}]}"#,
            &[("140.1.0.1", Some("CH"))],
        );
        check(
            r#"{"addresses":["23.235.32.0/20"],"ipv6_addresses":["2a04:4e40::/32"]}"#,
            &[("23.235.32.1", Some("ZZ"))],
        );
    }

    #[test]
    fn geofeeds_and_plain_lists() {
        check(
            "# comment\n192.0.2.0/25,NL,NL-NH,Amsterdam,\n192.0.2.128/25,,,,\n2001:db8::/32,de,,,,more,columns # why\n192.0.2.7,PL\n",
            &[
                ("192.0.2.1", Some("NL")),
                ("192.0.2.7", Some("PL")),
                ("192.0.2.129", Some("ZZ")),
                ("2001:db8::1", Some("DE")),
            ],
        );
        check("173.245.48.0/20\r\n2400:cb00::/32\r\n", &[("173.245.48.1", Some("ZZ")), ("2400:cb00::1", Some("ZZ"))]);
    }

    #[test]
    fn what_is_no_list_is_a_problem_with_a_line() {
        for text in ["", "{}", "{\"prefixes\":7}", "[]", "<html>", "{\"prefixes\":[", "\u{0}\u{0}"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        let problems = parse("10.0.0.0/8,DE\n10.0.0.0/33,DE\n10.0.0.0/8,EU\n").err().unwrap();
        assert_eq!(problems.iter().map(|p| p.line).collect::<Vec<_>>(), [Some(2), Some(3)]);
        assert_eq!(parse(&"x\n".repeat(1000)).err().unwrap().len(), 20);
    }
}
