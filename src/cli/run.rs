//! `borderpost run`: from what was typed to a daemon, and from its end to exit codes.

use std::path::Path;
use std::sync::Arc;

use ring::rand::{SecureRandom as _, SystemRandom};

use super::args::RunArgs;
use super::rules::{self, Loaded};
use super::{Done, Failure, print};
use crate::capture::{LiveError, LiveOptions};
use crate::config::Settings;
use crate::daemon::{self, Fault, FileOptions, Listen, Log, Ruleset, Setup, SinkOptions, Status};
use crate::export::summary_json;
use crate::model::{CaptureSummary, Problem};

pub(super) fn run(args: RunArgs) -> Result<Done, Failure> {
    let loaded = load(&args)?;
    let mut random_key = [0; 32];
    SystemRandom::new()
        .fill(&mut random_key)
        .map_err(|_| Failure::Runtime("the system gives no random octets".to_owned()))?;
    let settings = &loaded.settings;
    let (json, metrics_path) = (settings.json, settings.metrics.clone());
    let live = &settings.live;
    let setup = Setup {
        capture: capture_options(settings),
        follow_interfaces: live.follow_interfaces,
        sink: SinkOptions {
            file: settings.events.clone().map(|path| FileOptions {
                path,
                rotate_bytes: live.rotate_bytes,
                rotate_after: live.rotate_after,
                rotate_keep: live.rotate_keep,
            }),
        },
        outputs: settings.events.iter().chain(&settings.metrics).cloned().collect(),
        log: Arc::new(Log::new(live.log_format)),
        limits: settings.limits.clone(),
        threads: settings.threads.unwrap_or(1),
        listen: if live.web_systemd_socket { Listen::Systemd } else { Listen::Address(live.web_listen_address) },
        lifecycle: live.web_enable_lifecycle,
        allow_root: args.allow_root,
        ruleset: ruleset(&loaded, random_key),
        loader: Box::new(move || match load(&args) {
            Ok(loaded) => Ok(ruleset(&loaded, random_key)),
            Err(Failure::Invalid(problems)) => Err(problems.iter().map(ToString::to_string).collect()),
            Err(Failure::Runtime(message)) => Err(vec![message]),
        }),
    };
    let last = daemon::run(setup).map_err(refused)?;
    if let Some(path) = metrics_path {
        std::fs::write(&path, &last.metrics)
            .map_err(|error| Failure::Runtime(format!("{}: {error}", path.display())))?;
    }
    if json {
        print(&format!("{:#}\n", summary_json(&summaries(&last.status), &last.status.counts)))?;
    }
    Ok(Done::Well)
}

/// What to capture.
pub(super) fn capture_options(settings: &Settings) -> LiveOptions {
    let live = &settings.live;
    LiveOptions {
        interfaces: live.interfaces.clone(),
        filter: settings.filter.clone(),
        ring_bytes: live.ring_bytes,
        snaplen: live.snaplen,
        promiscuous: live.promiscuous,
    }
}

/// Settings and rules as they are on disk now.
pub(super) fn load(args: &RunArgs) -> Result<Loaded, Failure> {
    let settings = rules::settings(args.flags(), args.common.config.as_deref())?;
    let mut problems = Vec::new();
    let file = args.common.config.as_ref().map_or("command line".into(), |path| path.display().to_string());
    if settings.live.interfaces.is_empty() {
        let known = crate::capture::interfaces().join(", ");
        problems.push(
            Problem::file(file.clone(), "`interface` is missing: nothing to capture")
                .with_hint(format!("there are: any, {known}")),
        );
    }
    if settings.events.as_deref() == Some(Path::new("-")) {
        problems.push(Problem::file(file, "`events` of a daemon is a file, not standard output"));
    }
    if problems.is_empty() { Loaded::load(settings) } else { Err(problems.into()) }
}

fn ruleset(loaded: &Loaded, random_key: [u8; 32]) -> Ruleset {
    let settings = &loaded.settings;
    let mut notices: Vec<String> = loaded.policy.notices();
    if loaded.policy.is_empty() {
        notices.push("no policy: verdicts stay undetermined; give --home CC or --policy".to_owned());
    }
    Ruleset {
        rules: loaded.rules(|| random_key),
        home: settings.home,
        notices,
        databases: settings.geoip.clone(),
        fixed: fixed(settings),
    }
}

/// What needs a restart, as text to compare.
fn fixed(settings: &Settings) -> String {
    let Settings { live, limits, threads, filter, events, .. } = settings;
    format!("{live:?} {limits:?} {threads:?} {filter:?} {events:?}")
}

fn refused(fault: Fault) -> Failure {
    match fault {
        Fault::Capture(error @ LiveError::Filter { .. }) => {
            Failure::Invalid(vec![Problem::file("filter", error.to_string())])
        }
        other => Failure::Runtime(other.to_string()),
    }
}

/// Interfaces in the words of captures.
fn summaries(status: &Status) -> Vec<CaptureSummary> {
    let summary = |counts: &crate::model::InterfaceCounts| {
        let dropped = counts.dropped_ring + counts.dropped_interface;
        CaptureSummary {
            path: counts.name.clone(),
            format: "live",
            packets: counts.packets,
            bytes: counts.bytes,
            span: counts.span,
            complete: dropped == 0,
            error: (dropped > 0).then(|| format!("{dropped} frames dropped before they could be read")),
        }
    };
    status.interfaces.iter().map(summary).collect()
}
