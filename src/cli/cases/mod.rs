//! `borderpost test DIR`: every folder with a `case.toml` is a case. Its captures are replayed in process, under its own
//! configuration, and what comes out is compared with what it expects. How a case is written is told in docs/cases.md.

mod case;
mod compare;
mod report;

use std::io;
use std::path::{Path, PathBuf};

use super::args::{TestArgs, TestFormat};
use super::fingerprint::KeyGuard;
use super::rules::Loaded;
use super::{Done, Failure, print};
use crate::capture::Captures;
use crate::config::Settings;
use crate::engine::{Engine, EngineOptions};
use crate::model::Problem;
use crate::policy::PolicySet;

use case::Case;
use compare::Replayed;

/// The file that makes a folder a case.
const CASE_FILE: &str = "case.toml";
/// Folders within folders that are searched for cases.
const DEPTH_MAX: usize = 16;

/// What became of a case.
struct Outcome {
    /// Path below the folder that was asked for, `/` between its parts.
    name: String,
    /// What the case says it is about.
    title: String,
    /// Every difference, one a line; empty when all came out as expected.
    differences: Vec<String>,
}

pub(super) fn test(args: &TestArgs) -> Result<Done, Failure> {
    let mut folders = Vec::new();
    find(&args.dir, 0, &mut folders).map_err(|error| Failure::Runtime(format!("{}: {error}", args.dir.display())))?;
    folders.sort();
    if folders.is_empty() {
        return Err(Failure::Runtime(format!("{}: no folder in it holds a {CASE_FILE}", args.dir.display())));
    }
    let outcomes: Vec<Outcome> = folders.iter().map(|folder| outcome(&args.dir, folder)).collect();
    print(&match args.format {
        TestFormat::Tap => report::tap(&outcomes),
        TestFormat::Junit => report::junit(&outcomes),
    })?;
    let failed = outcomes.iter().any(|outcome| !outcome.differences.is_empty());
    Ok(if failed { Done::CasesFailed } else { Done::Well })
}

fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if folder.join(CASE_FILE).is_file() {
        found.push(folder.to_path_buf());
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // Links are not followed: a link upwards would never end.
        if entry.file_type()?.is_dir() && depth < DEPTH_MAX {
            find(&entry.path(), depth + 1, found)?;
        }
    }
    Ok(())
}

fn outcome(root: &Path, folder: &Path) -> Outcome {
    let parts = folder.strip_prefix(root).unwrap_or(folder).components();
    let name: Vec<String> = parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let name = if name.is_empty() {
        folder.file_name().map_or_else(|| ".".to_owned(), |name| name.to_string_lossy().into_owned())
    } else {
        name.join("/")
    };
    let mut title = String::new();
    let differences = run(folder, &mut title).unwrap_or_else(|failure| match failure {
        Failure::Runtime(message) => vec![message],
        Failure::Invalid(problems) => problems.iter().map(ToString::to_string).collect(),
    });
    Outcome { name, title, differences }
}

/// Replays a case; what differs from its expectation.
fn run(folder: &Path, title: &mut String) -> Result<Vec<String>, Failure> {
    let path = folder.join(CASE_FILE);
    let name = path.display().to_string();
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::Runtime(format!("{name}: {error}")))?;
    let case = Case::read(&name, &text, folder)?;
    title.clone_from(&case.title);
    let settings = Settings::lower(case.options, PolicySet::list())?;
    if settings.events.is_some() || settings.flows.is_some() || settings.metrics.is_some() {
        return Err(
            vec![Problem::file(name, "a case writes nothing: `events`, `flows` and `metrics` have no place")].into()
        );
    }
    // Cases lie in repositories, where every file can be read by all.
    let loaded = Loaded::load_guarded(settings, KeyGuard::Open)?;
    let settings = &loaded.settings;
    let mut captures = Captures::open(&case.captures, settings.filter.as_deref())
        .map_err(|error| Failure::Runtime(error.to_string()))?;
    let rules = loaded.rules_for(&captures);
    let options = EngineOptions { threads: settings.threads.unwrap_or(1), flow_events: false };
    let mut engine = Engine::new(rules, &settings.limits, options);
    let mut replayed = Replayed::default();
    while let Some(frame) = captures.next_frame() {
        engine.feed(&frame, &mut |event| replayed.take(event));
    }
    let outcome = engine.finish(&mut |event| replayed.take(event));
    let mut differences: Vec<String> = captures
        .summaries()
        .iter()
        .filter_map(|summary| Some(format!("{}: {}", summary.path, summary.error.as_ref()?)))
        .collect();
    differences.extend(case.expectation.differences(&replayed, &outcome.counts));
    Ok(differences)
}
