//! `borderpost run` and `replay --serve`: from what was typed to a daemon, and from its end to exit codes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};

use super::args::{ReplayArgs, RunArgs};
use super::rules::{self, Loaded};
use super::{Done, Failure, print, state};
use crate::capture::{LiveError, LiveOptions, OpenError};
use crate::config::Settings;
use crate::daemon::{
    self, Fault, FileOptions, Identity, Listen, Log, PlayOptions, Ruleset, Setup, SinkOptions, SourceError,
    SourceOptions, SpillOptions, StateOptions, WebConfig,
};
use crate::engine::Tallies;
use crate::export::summary_json;
use crate::model::Problem;

pub(super) fn run(args: RunArgs) -> Result<Done, Failure> {
    let loaded = load(&args)?;
    let source = SourceOptions::Live(capture_options(&loaded.settings));
    let allow_root = args.allow_root;
    serve(&loaded, source, allow_root, move || load(&args))
}

/// `borderpost replay --serve`: the daemon, with captures in the place of an interface.
pub(super) fn play(args: ReplayArgs) -> Result<Done, Failure> {
    let loaded = load_play(&args)?;
    if args.repeat && args.captures.iter().any(|path| path == Path::new("-")) {
        let problem = Problem::file("command line", "standard input cannot be played in a loop: give a file");
        return Err(vec![problem].into());
    }
    let source = SourceOptions::Played(PlayOptions {
        paths: args.captures.clone(),
        filter: loaded.settings.filter.clone(),
        speed: args.speed.unwrap_or(1.0),
        repeat: args.repeat,
        keys: loaded.settings.keys.clone(),
    });
    serve(&loaded, source, true, move || load_play(&args))
}

fn load_play(args: &ReplayArgs) -> Result<Loaded, Failure> {
    let settings = rules::settings(args.flags(), args.common.config.as_deref())?;
    if let Some(problem) = events_to_stdout(&settings, args.common.config.as_deref()) {
        return Err(vec![problem].into());
    }
    Loaded::load(settings)
}

fn events_to_stdout(settings: &Settings, file: Option<&Path>) -> Option<Problem> {
    let file = file.map_or("command line".into(), |path| path.display().to_string());
    (settings.events.as_deref() == Some(Path::new("-")))
        .then(|| Problem::file(file, "`events` of a daemon is a file, not standard output"))
}

/// Runs the daemon until it is told to stop.
fn serve(
    loaded: &Loaded,
    source: SourceOptions,
    allow_root: bool,
    load: impl Fn() -> Result<Loaded, Failure> + Send + Sync + 'static,
) -> Result<Done, Failure> {
    let mut random_key = [0; 32];
    SystemRandom::new()
        .fill(&mut random_key)
        .map_err(|_| Failure::Runtime("the system gives no random octets".to_owned()))?;
    let settings = &loaded.settings;
    let first = ruleset(loaded, random_key)?;
    let digest_key = first.rules.digest_key;
    let kept = settings.state.is_some();
    let state = settings.state.as_deref().map(|path| kept_counts(path, digest_key, settings.live.state_interval));
    let (json, metrics_path) = (settings.json, settings.metrics.clone());
    let live = &settings.live;
    let setup = Setup {
        source,
        follow_interfaces: live.follow_interfaces,
        sink: SinkOptions {
            file: settings.events.clone().map(|path| FileOptions {
                path,
                rotate_bytes: live.rotate_bytes,
                rotate_after: live.rotate_after,
                rotate_keep: live.rotate_keep,
                sync: live.events_sync,
            }),
            journald: live.events_journald,
            syslog: live.events_syslog.clone(),
            spill: live.spill.clone().map(|path| SpillOptions { path, max_bytes: live.spill_bytes }),
        },
        outputs: settings
            .events
            .iter()
            .chain(&settings.metrics)
            .chain(&settings.state)
            .chain(&live.spill)
            .cloned()
            .collect(),
        state: state.transpose()?,
        log: Arc::new(Log::new(live.log_format)),
        limits: settings.limits.clone(),
        threads: settings.threads.unwrap_or(1),
        listen: if live.web_systemd_socket { Listen::Systemd } else { Listen::Address(live.web_listen_address) },
        lifecycle: live.web_enable_lifecycle,
        processes: live.processes,
        allow_root,
        user: live.user.as_deref().map(identity).transpose()?,
        ruleset: first,
        loader: Box::new(move || match load().and_then(|loaded| ruleset(&loaded, random_key)) {
            Ok(ruleset) => {
                if kept && ruleset.rules.digest_key != digest_key {
                    let what = "`digest-key-file` has another key than `state` was counted with: restart without the old state";
                    return Err(vec![what.to_owned()]);
                }
                Ok(ruleset)
            }
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
        print(&format!("{:#}\n", summary_json(&last.status.captures(), &last.status.counts)))?;
    }
    Ok(Done::Well)
}

/// Who to become.
pub(super) fn identity(user: &str) -> Result<Identity, Failure> {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    Identity::find(user, &passwd).ok_or_else(|| {
        let problem = Problem::file("user", format!("{user:?} is no user of /etc/passwd, or is root"));
        vec![problem.with_hint("a name, or UID:GID")].into()
    })
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
        immediate: live.immediate,
        fanout_group: live.fanout_group,
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
            Problem::file(file, "`interface` is missing: nothing to capture")
                .with_hint(format!("there are: any, {known}")),
        );
    }
    problems.extend(events_to_stdout(&settings, args.common.config.as_deref()));
    if problems.is_empty() { Loaded::load(settings) } else { Err(problems.into()) }
}

/// How the web is protected, by the file of `web-config-file` as it is on disk now.
pub(super) fn web(settings: &Settings) -> Result<WebConfig, Failure> {
    Ok(settings.live.web_config_file.as_deref().map(WebConfig::load).transpose()?.unwrap_or_default())
}

fn ruleset(loaded: &Loaded, random_key: [u8; 32]) -> Result<Ruleset, Failure> {
    let settings = &loaded.settings;
    let web = web(settings)?;
    let mut notices: Vec<String> = loaded.policy.notices();
    if loaded.policy.is_empty() {
        notices.push("no policy: verdicts stay undetermined; give --home CC or --policy".to_owned());
    }
    Ok(Ruleset {
        rules: loaded.rules(|| random_key),
        home: settings.home,
        notices,
        databases: settings.geoip.iter().chain(&settings.ranges).chain(web.files()).cloned().collect(),
        web,
        fixed: fixed(settings),
    })
}

/// What thresholds counted, and how it is kept.
fn kept_counts(path: &Path, key: [u8; 32], interval: Duration) -> Result<StateOptions, Failure> {
    let tallies = state::load(path, &key)?;
    let path = path.to_owned();
    let save = move |tallies: &Tallies| match state::save(&path, tallies, &key) {
        Ok(()) => Ok(()),
        Err(Failure::Runtime(message)) => Err(message),
        Err(Failure::Invalid(problems)) => Err(problems.iter().map(ToString::to_string).collect()),
    };
    Ok(StateOptions { tallies, save: Box::new(save), interval })
}

/// What needs a restart, as text to compare.
fn fixed(settings: &Settings) -> String {
    let Settings { live, limits, threads, filter, events, state, .. } = settings;
    format!("{live:?} {limits:?} {threads:?} {filter:?} {events:?} {state:?}")
}

fn refused(fault: Fault) -> Failure {
    match fault {
        Fault::Source(
            error @ (SourceError::Live(LiveError::Filter { .. }) | SourceError::Played(OpenError::Filter { .. })),
        ) => Failure::Invalid(vec![Problem::file("filter", error.to_string())]),
        other => Failure::Runtime(other.to_string()),
    }
}
