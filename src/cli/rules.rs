//! From what was typed to the rules an engine runs on.

use std::path::Path;
use std::sync::Arc;

use super::Failure;
use super::args::{CommonArgs, ReplayArgs};
use crate::config::{RawConfig, Settings};
use crate::geo::{GeoSettings, Locator};
use crate::model::Problem;
use crate::policy::PolicySet;
use crate::scan::Catalogue;

/// Rules, but for the key of the digests, which may come from the capture.
pub(super) struct Loaded {
    pub(super) settings: Settings,
    pub(super) catalogue: Arc<Catalogue>,
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
    match Settings::lower(flags.over(raw)) {
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
        let mut problems = Vec::new();
        let mut keep = |more: Vec<Problem>| problems.extend(more);
        let catalogue = Catalogue::load(&settings.signatures).map_err(&mut keep).ok();
        let locator = Locator::load(&geo_settings(&settings)).map_err(&mut keep).ok();
        let policy = PolicySet::load(&settings.policies, settings.home).map_err(&mut keep).ok();
        match (catalogue, locator, policy) {
            (Some(catalogue), Some(locator), Some(policy)) => {
                Ok(Self { settings, catalogue: catalogue.into(), locator: locator.into(), policy: policy.into() })
            }
            _ => Err(problems.into()),
        }
    }
}
