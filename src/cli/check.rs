//! `borderpost check`: everything that decides is loaded and validated, every problem at once; then what is loaded is printed.

use std::fmt::Write as _;

use super::args::CommonArgs;
use super::replay::with_metrics_input;
use super::rules::{self, Loaded};
use super::{Done, Failure, print, run, say};
use crate::export::series_max;
use crate::model::{Counts, Timestamp};
use crate::policy::PolicySet;
use crate::scan::finding_kinds;

pub(super) fn check(args: &CommonArgs) -> Result<Done, Failure> {
    let settings = rules::settings(args.flags(), args.config.as_deref())?;
    let loaded = Loaded::load(settings)?;
    run::web(&loaded.settings)?;
    let mut text = String::new();
    // Writing to a String cannot fail.
    text.push_str(&loaded.settings.dump());
    for database in loaded.locator.databases() {
        let _ =
            writeln!(text, "database {} ({}, built {})", database.name, database.database_type, database.build_date());
    }
    let _ = writeln!(text, "signatures {}", loaded.catalogue.signatures().count());
    for list in loaded.watch.about() {
        let canary = if list.canary { " canary" } else { "" };
        let _ = writeln!(
            text,
            "list {} epoch {} rows {}{canary}, {} MiB",
            list.signature,
            list.epoch,
            list.rows,
            list.held_bytes.div_ceil(1 << 20)
        );
    }
    for rule in loaded.policy.rules() {
        let _ =
            writeln!(text, "rule {}/{} severity {} version {}", rule.policy, rule.rule, rule.severity, rule.version);
    }
    let series = with_metrics_input(&loaded, &Counts::default(), &[], series_max)?;
    let _ = writeln!(text, "metrics at most {series} series, whatever is captured (docs/metrics.md)");
    let _ = writeln!(text, "all valid");
    print(&text)?;
    for remark in PolicySet::remarks(&loaded.settings.policies, loaded.settings.home, today()) {
        say(&remark.to_string());
    }
    let kinds = finding_kinds(&loaded.catalogue, &loaded.watch);
    for remark in loaded.policy.waiting_rules(&kinds.iter().map(|(signature, _)| &**signature).collect()) {
        say(&remark.to_string());
    }
    Ok(Done::Well)
}

/// Today, for what is over. Verdicts know only the time of packets.
fn today() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_parts(since.as_secs(), 0)
}
