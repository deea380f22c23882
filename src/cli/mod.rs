//! The command line: arguments to settings, settings to rooms, rooms to exit codes. Data goes to stdout, diagnostics to stderr.

mod args;
mod bench;
mod cases;
mod catalogues;
mod check;
mod diff;
mod doctor;
mod explain;
mod fingerprint;
mod generate;
mod geoip;
mod replay;
mod rules;
mod run;
mod signatures;
mod state;
mod system;
mod top;

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use crate::model::Problem;

/// Why a command did not do what was asked.
enum Failure {
    /// Something went wrong while running: exit code 1.
    Runtime(String),
    /// Configuration, policy, signatures or databases are invalid: exit code 3, all problems at once.
    Invalid(Vec<Problem>),
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Invalid(problems)
    }
}

/// What a command that ran to its end tells the shell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    Well,
    /// A capture was damaged; everything before the damage was counted and written.
    Damaged,
    /// Cases did not come out as expected.
    CasesFailed,
    /// Violations were found and `--fail-on violation` was given.
    Violations,
}

/// A panic's message may quote what was being read: only where it happened is told.
fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        say(&format!("error: internal fault at {place}; what was being read is not shown"));
    }));
}

/// Runs the program: parses the arguments of this process and returns its exit code.
pub fn run() -> ExitCode {
    keep_panics_quiet();
    let cli = args::Cli::read();
    let result = match cli.command {
        args::Command::Replay(args) if args.serve.is_some() => run::play(args),
        args::Command::Replay(args) => replay::replay(&args),
        args::Command::Top(args) => top::top(&args),
        args::Command::Generate { dir } => generate::generate(&dir),
        args::Command::Run(args) => run::run(args),
        args::Command::Doctor(args) => doctor::doctor(&args),
        args::Command::Check(args) => check::check(&args),
        args::Command::Test(args) => cases::test(&args),
        args::Command::Diff(args) => diff::diff(&args),
        args::Command::Explain(args) => explain::explain(args),
        args::Command::Geoip { action: args::GeoipAction::Update { config } } => geoip::update(&config),
        args::Command::Signatures { action } => signatures::signatures(action),
        args::Command::Fingerprint(args) => fingerprint::fingerprint(args),
        args::Command::State { file, json } => state::show(&file, json),
        args::Command::Policies { action } => catalogues::policies(action),
    };
    match result {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::Damaged | Done::CasesFailed) => ExitCode::from(1),
        Ok(Done::Violations) => ExitCode::from(10),
        Err(Failure::Runtime(message)) => {
            say(&format!("error: {message}"));
            ExitCode::from(1)
        }
        Err(Failure::Invalid(problems)) => {
            for problem in &problems {
                say(&format!("error: {problem}"));
            }
            ExitCode::from(3)
        }
    }
}

/// One line of diagnostics.
fn say(line: &str) {
    // Nobody is left to tell when stderr is gone.
    let _ = writeln!(io::stderr().lock(), "borderpost: {line}");
}

/// Writes to stdout; a closed pipe (`| head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Runtime(format!("stdout: {error}"))),
        _ => Ok(()),
    }
}

/// Whether stdout wants colour: a terminal, and NO_COLOR (<https://no-color.org>) is not set.
fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Columns to fit in: the terminal's, at least 80; 80 when stdout is no terminal, so that files do not depend on where they
/// were made.
fn width() -> u16 {
    if !io::stdout().is_terminal() {
        return 80;
    }
    comfy_table::Table::new().width().unwrap_or(80).max(80)
}
