//! `borderpost replay`: captures in, tables or JSON and the files that were asked for out.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::ReplayArgs;
use super::rules::{self, Loaded};
use super::{Done, Failure, colour, print, say, state, width};
use crate::capture::{Captures, OpenError, Secrets};
use crate::engine::{Engine, EngineOptions, Outcome};
use crate::export::{
    EventWriter, FlowTableWriter, MetricsInput, Register, ReportInput, ReportPolicy, TableInput, Trail, render_metrics,
    render_report, render_tables, summary_json,
};
use crate::model::{CaptureSummary, Country, Counts, Event, EventBody, KeyLog, Problem};
use crate::scan::finding_kinds;

type Sink = Box<dyn Write>;

/// Where events go.
struct Outputs {
    events: Option<EventWriter<Sink>>,
    flows: Option<FlowTableWriter<Sink>>,
    trail: Trail,
    register: Option<Register>,
    /// The first failure of a sink; the replay goes on, so that the summary is still right.
    failure: Option<io::Error>,
}

impl Outputs {
    fn take(&mut self, event: &Event) {
        self.trail.note(event);
        if let Some(register) = &mut self.register {
            register.note(event);
        }
        if let EventBody::Notice(text) = &event.body {
            say(text);
        }
        let is_flow = matches!(event.body, EventBody::Flow);
        let mut result = Ok(());
        if let Some(writer) = &mut self.events {
            result = writer.write(event);
        }
        if let (true, Some(writer), Some(flow)) = (is_flow, &mut self.flows, &event.flow) {
            result = result.and(writer.add(flow));
        }
        if let Err(error) = result {
            self.failure.get_or_insert(error);
        }
    }

    fn finish(self) -> Result<(Trail, Option<Register>), Failure> {
        let mut result = self.failure.map_or(Ok(()), Err);
        if let Some(writer) = self.events {
            result = result.and(writer.finish().map(drop));
        }
        if let Some(writer) = self.flows {
            result = result.and(writer.finish());
        }
        match result {
            // The reader of our standard output had enough: no failure.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::Runtime(format!("output: {error}")))
            }
            _ => Ok((self.trail, self.register)),
        }
    }
}

pub(super) fn replay(args: &ReplayArgs) -> Result<Done, Failure> {
    let settings = rules::settings(args.flags(), args.common.config.as_deref())?;
    let loaded = Loaded::load(settings)?;
    let settings = &loaded.settings;
    let mut captures = Captures::open(&args.captures, settings.filter.as_deref()).map_err(|error| refused(&error))?;
    let rules = loaded.rules_for(&captures);
    let digest_key = rules.digest_key;
    let tallies = settings.state.as_deref().map(|path| state::load(path, &digest_key)).transpose()?;
    let paths = args.captures.iter().map(|path| path.display().to_string()).collect();
    let mut outputs = Outputs {
        events: settings.events.as_deref().map(create).transpose()?.map(|sink| EventWriter::new(sink, paths)),
        flows: settings.flows.as_deref().map(create).transpose()?.map(FlowTableWriter::new),
        trail: Trail::default(),
        register: settings.report.as_ref().map(|_| Register::default()),
        failure: None,
    };
    let metrics = settings.metrics.as_deref().map(create).transpose()?;
    let report = settings.report.as_deref().map(create).transpose()?;

    let options = EngineOptions {
        threads: settings.threads.unwrap_or(1),
        flow_events: outputs.events.is_some() || outputs.flows.is_some() || report.is_some(),
    };
    let mut engine = Engine::new(rules, &settings.limits, options).with_tallies(tallies.unwrap_or_default());
    let progress = progress_bar(settings.quiet, captures.total_bytes());
    let mut frames = 0u64;
    engine.add_keys(loaded.settings.keys.clone());
    while let Some(frame) = captures.next_frame() {
        engine.feed(&frame, &mut |event| outputs.take(&event));
        unlock(&mut captures, &mut engine);
        frames += 1;
        if frames.is_multiple_of(4096)
            && let Some(bar) = &progress
        {
            bar.set_position(captures.position());
        }
    }
    unlock(&mut captures, &mut engine);
    let outcome = engine.finish(&mut |event| outputs.take(&event));
    if let Some(bar) = &progress {
        bar.finish_and_clear();
    }
    if let Some(path) = &settings.state {
        state::save(path, &outcome.tallies, &digest_key)?;
    }
    let (trail, register) = outputs.finish()?;
    let summaries = captures.summaries();
    diagnose(&loaded, &outcome, &summaries);
    if let Some(sink) = metrics {
        write_metrics(sink, &loaded, &outcome, &summaries)?;
    }
    if let (Some(sink), Some(register)) = (report, &register) {
        write_report(sink, &loaded, &outcome, &summaries, register)?;
    }
    if settings.json {
        print(&format!("{:#}\n", summary_json(&summaries, &outcome.counts)))?;
    } else if !settings.quiet && settings.events.as_deref() != Some(Path::new("-")) {
        let attribution = rules::attribution(&loaded.locator);
        print(&render_tables(&TableInput {
            captures: &summaries,
            counts: &outcome.counts,
            trail: &trail,
            attribution: &attribution,
            colour: colour(),
            width: width(),
        }))?;
    }
    if summaries.iter().any(|summary| !summary.complete) {
        return Ok(Done::Damaged);
    }
    if settings.fail_on_violation && !outcome.counts.violations.is_empty() {
        return Ok(Done::Violations);
    }
    Ok(Done::Well)
}

/// Hands the secrets that the captures hold to the engine. Their bad lines cost nobody anything but themselves.
pub(super) fn unlock(captures: &mut Captures, engine: &mut Engine) {
    for secrets in captures.take_secrets() {
        if secrets.kind == Secrets::TLS_KEY_LOG {
            let mut keys = KeyLog::default();
            keys.read(&secrets.data);
            engine.add_keys(keys);
        }
    }
}

/// A filter is configuration; a file that cannot be opened is not.
pub(super) fn refused(error: &OpenError) -> Failure {
    match error {
        OpenError::Filter { .. } => Failure::Invalid(vec![Problem::file("filter", error.to_string())]),
        OpenError::File { .. } => Failure::Runtime(error.to_string()),
    }
}

/// What the user should know beside the data.
fn diagnose(loaded: &Loaded, outcome: &Outcome, summaries: &[CaptureSummary]) {
    for summary in summaries {
        if let Some(error) = &summary.error {
            say(&format!("{}: {error}", summary.path));
        }
    }
    if !outcome.saw_local && outcome.counts.frames.ip > 0 {
        say("no packet has an end in the monitored networks, so nothing counts as egress: name them with --local CIDR");
    }
    for notice in loaded.policy.notices() {
        say(&notice);
    }
    if loaded.policy.is_empty() {
        say("no policy: verdicts stay undetermined; give --home CC or --policy");
    }
}

fn write_metrics(
    mut sink: Sink,
    loaded: &Loaded,
    outcome: &Outcome,
    summaries: &[CaptureSummary],
) -> Result<(), Failure> {
    let text = with_metrics_input(loaded, &outcome.counts, summaries, render_metrics)?;
    sink.write_all(text.as_bytes())
        .and_then(|()| sink.flush())
        .map_err(|error| Failure::Runtime(format!("metrics: {error}")))
}

/// Puts together what metrics are made of.
pub(super) fn with_metrics_input<T>(
    loaded: &Loaded,
    counts: &Counts,
    summaries: &[CaptureSummary],
    make: impl FnOnce(&MetricsInput<'_>) -> Result<T, prometheus::Error>,
) -> Result<T, Failure> {
    let signatures = finding_kinds(&loaded.catalogue, &loaded.watch);
    let rules: Vec<_> = loaded.policy.rules().cloned().collect();
    let databases: Vec<_> = loaded.locator.databases().iter().map(|db| (db.name.clone(), db.build_epoch_s)).collect();
    let mut locations = vec![Country::UNKNOWN];
    locations.extend(loaded.settings.home);
    let first = summaries.iter().filter_map(|summary| summary.span).map(|(first, _)| first).min().unwrap_or_default();
    make(&MetricsInput {
        captures: summaries,
        counts,
        signatures: &signatures,
        rules: &rules,
        policies: &loaded.policy.facts(),
        locations: &locations,
        databases: &databases,
        limits: &loaded.settings.limits,
        decode_errors: crate::wire::WireCounts::ERROR_SERIES,
        limit_names: &crate::engine::limit_names(),
        conflicts: &crate::geo::CONFLICTS,
        config_time_seconds: (first.nanos() / 1_000_000) as f64 / 1000.0,
        live: None,
    })
    .map_err(|error| Failure::Runtime(format!("metrics: {error}")))
}

fn write_report(
    mut sink: Sink,
    loaded: &Loaded,
    outcome: &Outcome,
    captures: &[CaptureSummary],
    register: &Register,
) -> Result<(), Failure> {
    let policies: Vec<_> = loaded
        .policy
        .about()
        .iter()
        .map(|about| ReportPolicy {
            id: about.id.clone(),
            title: about.title.clone(),
            version: about.version.clone(),
            as_of: about.as_of.clone(),
            reviewer: about.reviewer.clone().unwrap_or_default(),
        })
        .collect();
    let text = render_report(&ReportInput {
        captures,
        counts: &outcome.counts,
        register,
        policies: &policies,
        notices: &loaded.policy.notices(),
        attribution: &rules::attribution(&loaded.locator),
    });
    sink.write_all(text.as_bytes())
        .and_then(|()| sink.flush())
        .map_err(|error| Failure::Runtime(format!("report: {error}")))
}

/// A file for an output, or standard output for `-`.
fn create(path: &Path) -> Result<Sink, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(BufWriter::new(io::stdout())));
    }
    match File::create(path) {
        Ok(file) => Ok(Box::new(BufWriter::with_capacity(1 << 16, file))),
        Err(error) => Err(Failure::Runtime(format!("{}: {error}", path.display()))),
    }
}

/// On stderr when that is a terminal; by octets read, or by a spinner where their number is unknown.
fn progress_bar(quiet: bool, total_bytes: Option<u64>) -> Option<ProgressBar> {
    if quiet || !io::stderr().is_terminal() {
        return None;
    }
    let bar = total_bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    bar.set_draw_target(ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left") {
        bar.set_style(style);
    }
    Some(bar)
}
