//! `borderpost policies`, and the signatures that commands load.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::args::{CommonArgs, PolicyAction};
use super::{Done, Failure, print, rules};
use crate::policy::PolicySet;
use crate::scan::Catalogue;

pub(super) fn catalogue(signatures: Vec<PathBuf>) -> Result<Catalogue, Failure> {
    let args = CommonArgs { signatures, ..CommonArgs::default() };
    let settings = rules::settings(args.flags(), None)?;
    Catalogue::load(&settings.signatures).map_err(Failure::Invalid)
}

pub(super) fn policies(action: Option<PolicyAction>) -> Result<Done, Failure> {
    let mut text = String::new();
    match action.unwrap_or(PolicyAction::List) {
        PolicyAction::List => {
            for (name, policy) in PolicySet::list() {
                let title = policy.lines().find_map(|line| line.strip_prefix("title = ")).unwrap_or_default();
                let _ = writeln!(text, "{name:16} {}", title.trim_matches('"'));
            }
        }
        PolicyAction::Show { name } => match PolicySet::named(&name) {
            Some(policy) => text.push_str(policy),
            None => {
                return Err(Failure::Runtime(format!("there is no policy {name:?}: see borderpost policies list")));
            }
        },
    }
    print(&text)?;
    Ok(Done::Well)
}
