//! From what was typed to the rules an engine runs on.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::fingerprint::KeyGuard;
use super::{Failure, fingerprint};
use crate::capture::Captures;
use crate::config::{RawConfig, Settings};
use crate::engine::Rules;
use crate::geo::{GeoSettings, Locator, Override, SERVICE_CLASSES};
use crate::model::Problem;
use crate::policy::PolicySet;
use crate::scan::{
    AREA_FILE_OCTETS_MAX, AreaInput, Catalogue, PERSON_RECORD, WATCH_FILE_OCTETS_MAX, WatchInput, WatchSet,
};

/// Rules, but for the key of the digests, which may come from the capture.
pub(super) struct Loaded {
    pub(super) settings: Settings,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) watch: Arc<WatchSet>,
    pub(super) locator: Arc<Locator>,
    pub(super) policy: Arc<PolicySet>,
}

/// Flags over file.
pub(super) fn settings(flags: RawConfig, file: Option<&Path>) -> Result<Settings, Failure> {
    let mut problems = Vec::new();
    let mut raw = RawConfig::default();
    if let Some(path) = file {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => match RawConfig::parse(&name, &text) {
                Ok(parsed) => raw = parsed,
                Err(more) => problems.extend(more),
            },
            Err(error) => problems.push(Problem::file(name, error.to_string())),
        }
    }
    // Problems of the file and of the flags are reported together.
    match Settings::lower(RawConfig::merge(flags, raw), PolicySet::list()) {
        Ok(settings) if problems.is_empty() => Ok(settings),
        Ok(_) => Err(problems.into()),
        Err(more) => {
            problems.extend(more);
            Err(problems.into())
        }
    }
}

impl Loaded {
    /// Loads everything that decides, and reports every problem at once.
    pub(super) fn load(settings: Settings) -> Result<Self, Failure> {
        Self::load_guarded(settings, KeyGuard::Secret)
    }

    /// As [`Loaded::load`], with other care for the keys of watch files.
    pub(super) fn load_guarded(settings: Settings, guard: KeyGuard) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let mut keep = |more: Vec<Problem>| problems.extend(more);
        let catalogue = Catalogue::load(&settings.signatures).map_err(&mut keep).ok();
        let locator = Locator::load(&geo_settings(&settings)).map_err(&mut keep).ok();
        let watch = catalogue.as_ref().and_then(|catalogue| {
            let watch = watch_inputs(&settings, guard).and_then(|inputs| WatchSet::load(inputs, catalogue));
            let areas = area_inputs(&settings);
            match (watch, areas) {
                (Ok(watch), Ok(areas)) => watch.with_areas(areas, catalogue).map_err(&mut keep).ok(),
                (watch, areas) => {
                    keep(watch.err().into_iter().chain(areas.err()).flatten().collect());
                    None
                }
            }
        });
        let canaries = watch.as_ref().map_or(&[][..], WatchSet::about).iter().filter(|about| about.canary);
        let policies = with_canaries(&settings, &canaries.map(|about| &*about.signature).collect());
        let policy = PolicySet::load(&policies, settings.home).map_err(&mut keep).ok();
        match (catalogue, locator, policy, watch) {
            (Some(catalogue), Some(locator), Some(policy), Some(watch)) => {
                let mut signatures: BTreeSet<&str> = catalogue.signatures().map(|signature| &*signature.id).collect();
                signatures.insert(PERSON_RECORD);
                signatures.extend(watch.about().iter().map(|about| &*about.signature));
                let problems = policy.unknown_names(&signatures, &SERVICE_CLASSES.into_iter().collect());
                if !problems.is_empty() {
                    return Err(problems.into());
                }
                Ok(Self {
                    settings,
                    catalogue: catalogue.into(),
                    watch: watch.into(),
                    locator: locator.into(),
                    policy: policy.into(),
                })
            }
            _ => Err(problems.into()),
        }
    }

    /// The rules to replay captures under. Without a key of the operator's, the digests' key comes from the first capture.
    pub(super) fn rules_for(&self, captures: &Captures) -> Arc<Rules> {
        self.rules(|| captures.key_material())
    }

    /// The rules, with this key for digests where the operator gave none.
    pub(super) fn rules(&self, digest_key: impl FnOnce() -> [u8; 32]) -> Arc<Rules> {
        Arc::new(Rules {
            catalogue: self.catalogue.clone(),
            watch: self.watch.clone(),
            locator: self.locator.clone(),
            policy: self.policy.clone(),
            digest_key: self.settings.digest_key.as_ref().map_or_else(digest_key, |key| *key.octets()),
        })
    }
}

/// The operator's policies, and one more where canary lists are loaded: nobody has a reason to send a canary anywhere, so that
/// it is a critical violation whatever else the policies are about. Without any policy nothing is judged, canaries neither.
fn with_canaries(settings: &Settings, canaries: &BTreeSet<&str>) -> Vec<(String, String)> {
    let mut policies = settings.policies.clone();
    if canaries.is_empty() || policies.is_empty() {
        // The policy of a home knows all watch lists.
        return policies;
    }
    let names: Vec<String> = canaries.iter().map(|name| format!("\"{name}\"")).collect();
    let to = if settings.home.is_some() { "to = [\"!@home\"]\n" } else { "" };
    let text = format!(
        "[policy]\nid = \"canaries\"\ntitle = \"Canary records go nowhere\"\nversion = \"1\"\ndefault = \"allow\"\n\
         [[rule]]\nid = \"canary-record\"\nsignatures = [{}]\n{to}decision = \"deny\"\nseverity = \"critical\"\n\
         opaque = \"allow\"\nreason = \"a made-up record, planted to be found, left\"\n",
        names.join(", ")
    );
    policies.push(("built-in policy `canaries`".to_owned(), text));
    policies
}

/// Watch files and their keys, read.
fn watch_inputs(settings: &Settings, guard: KeyGuard) -> Result<Vec<WatchInput>, Vec<Problem>> {
    let (mut inputs, mut problems) = (Vec::new(), Vec::new());
    for (file, key) in &settings.watch {
        match (fingerprint::read_list(file, WATCH_FILE_OCTETS_MAX), fingerprint::read_key(key, guard)) {
            (Ok(octets), Ok(key)) => inputs.push(WatchInput { name: file.display().to_string(), octets, key }),
            (octets, key) => problems.extend(octets.err().into_iter().chain(key.err())),
        }
    }
    if problems.is_empty() { Ok(inputs) } else { Err(problems) }
}

/// Lists of areas, read.
fn area_inputs(settings: &Settings) -> Result<Vec<AreaInput>, Vec<Problem>> {
    let (mut inputs, mut problems) = (Vec::new(), Vec::new());
    for (name, path) in &settings.areas {
        match fingerprint::read_list(path, AREA_FILE_OCTETS_MAX) {
            Ok(octets) => inputs.push(AreaInput { file: path.display().to_string(), name: name.clone(), octets }),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(inputs) } else { Err(problems) }
}

/// The operator's knowledge of places, in the words of the geo room.
fn geo_settings(settings: &Settings) -> GeoSettings {
    GeoSettings {
        databases: settings.geoip.clone(),
        overrides: settings
            .overrides
            .iter()
            .map(|entry| Override {
                prefix: entry.prefix,
                location: entry.location,
                control: entry.control,
                label: if entry.label.is_empty() {
                    entry.origin.clone()
                } else {
                    format!("{} ({})", entry.label, entry.origin)
                },
            })
            .collect(),
        services: settings.services.clone(),
        local: settings.local.clone(),
        ranges: settings.ranges.clone(),
        site: settings.site,
        max_age: Some(settings.geoip_max_age),
    }
}

/// Whose data the answers rest on, for every output that shows them.
pub(super) fn attribution(locator: &Locator) -> Vec<String> {
    let embedded = locator.databases().first();
    let built = embedded.map_or_else(String::new, |database| format!(", built {}", database.build_date()));
    vec![format!("{} ({}), CC BY 4.0{built}", crate::geo::ATTRIBUTION, crate::geo::ATTRIBUTION_URL)]
}
