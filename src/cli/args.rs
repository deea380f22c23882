//! What can be typed. The words are the same as the keys of the configuration file; `config` says what they mean.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{RawConfig, Written};

/// Watches what leaves data-centre hosts: which user data, to which jurisdiction, under which rule.
#[derive(Parser)]
#[command(name = "borderpost", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 runtime failure, or a capture was damaged or cut short (everything before the damage \
was counted); 2 usage; 3 configuration, policy or database invalid; 10 violations found (only with --fail-on violation).";

#[derive(Subcommand)]
pub(super) enum Command {
    /// Read captures (pcap or pcapng, also .gz and .zst; '-' is standard input) and say what left, to where, with which data
    Replay(ReplayArgs),
    /// Validate configuration, policies, signatures and databases, and print what is loaded
    Check(CommonArgs),
    /// Run cases: folders with captures, configuration and expectation (case.toml); prints TAP or JUnit XML, exits with 1 if one fails
    Test(TestArgs),
    /// Compare two policies, or two databases, on captures: which verdicts change
    Diff(DiffArgs),
    /// Show every piece of evidence for the jurisdiction of an address or host name
    Explain(ExplainArgs),
    /// Country databases and published ranges
    Geoip {
        #[command(subcommand)]
        action: GeoipAction,
    },
    /// The signatures of user data: what is built in or loaded
    Signatures {
        #[command(subcommand)]
        action: Option<SignatureAction>,
    },
    /// The transfer policies that are built in
    Policies {
        #[command(subcommand)]
        action: Option<PolicyAction>,
    },
}

/// Options that decide: shared by all commands that load rules.
#[derive(Args, Default)]
pub(super) struct CommonArgs {
    /// Configuration file (TOML); options on the command line win over it
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// A monitored network; repeatable [default: RFC 1918, RFC 6598, ULA, link-local, loopback]
    #[arg(long, value_name = "CIDR")]
    pub(super) local: Vec<String>,
    /// The home jurisdiction of the built-in default policy, ISO 3166-1 alpha-2
    #[arg(long, value_name = "CC")]
    pub(super) home: Option<String>,
    /// A built-in policy by name, or a policy file; repeatable, the strictest decision wins
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) policy: Vec<String>,
    /// A country or AS database (mmdb: MaxMind, DB-IP, IPinfo, ip-location-db); repeatable, later wins
    #[arg(long, value_name = "FILE")]
    pub(super) geoip: Vec<PathBuf>,
    /// More signatures (TOML); repeatable
    #[arg(long, value_name = "FILE")]
    pub(super) signatures: Vec<PathBuf>,
}

impl CommonArgs {
    /// The same without what is compared.
    pub(super) fn without_lists(&self) -> Self {
        Self {
            config: self.config.clone(),
            local: self.local.clone(),
            home: self.home.clone(),
            signatures: self.signatures.clone(),
            ..Self::default()
        }
    }

    /// As the configuration understands it.
    pub(super) fn flags(&self) -> RawConfig {
        fn all<T: Clone>(values: &[T]) -> Vec<Written<T>> {
            values.iter().cloned().map(Written::flag).collect()
        }
        RawConfig {
            local: all(&self.local),
            home: self.home.clone().map(Written::flag),
            policy: all(&self.policy),
            geoip: all(&self.geoip),
            signatures: all(&self.signatures),
            ..RawConfig::default()
        }
    }
}

#[derive(Args)]
pub(super) struct ReplayArgs {
    /// Captures; several are merged in time order
    #[arg(required = true, value_name = "CAPTURE")]
    pub(super) captures: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// Only frames that this pcap filter accepts (pcap-filter(7))
    #[arg(long, value_name = "BPF")]
    pub(super) filter: Option<String>,
    /// Write events as JSON lines; '-' is standard output
    #[arg(long, value_name = "FILE")]
    pub(super) events: Option<PathBuf>,
    /// Write the flow table as CSV, sorted by first packet
    #[arg(long, value_name = "FILE")]
    pub(super) flows: Option<PathBuf>,
    /// Write metrics as Prometheus text
    #[arg(long, value_name = "FILE")]
    pub(super) metrics: Option<PathBuf>,
    /// Go on with what rules with thresholds counted in FILE, and keep it there; needs `digest-key-file` in the configuration
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    /// Worker threads [default: 1]; the output is the same for any number
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<String>,
    /// Print the summary as one JSON document instead of tables
    #[arg(long)]
    pub(super) json: bool,
    /// Exit with 10 when this was found
    #[arg(long, value_name = "WHAT")]
    pub(super) fail_on: Option<FailOn>,
    /// No tables, no progress
    #[arg(short, long)]
    pub(super) quiet: bool,
}

impl ReplayArgs {
    /// As the configuration understands it.
    pub(super) fn flags(&self) -> RawConfig {
        RawConfig {
            filter: self.filter.clone().map(Written::flag),
            events: self.events.clone().map(Written::flag),
            flows: self.flows.clone().map(Written::flag),
            metrics: self.metrics.clone().map(Written::flag),
            state: self.state.clone().map(Written::flag),
            threads: self.threads.clone().map(Written::flag),
            json: self.json.then_some(true),
            fail_on: self.fail_on.map(|FailOn::Violation| Written::flag("violation".to_owned())),
            quiet: self.quiet.then_some(true),
            ..self.common.flags()
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// Any violation
    Violation,
}

#[derive(Args)]
pub(super) struct DiffArgs {
    /// Captures; several are merged in time order
    #[arg(required = true, value_name = "CAPTURE")]
    pub(super) captures: Vec<PathBuf>,
    // `--policy A --policy B`, or `--geoip A --geoip B`; several files for one side are joined by `+`.
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

#[derive(Args)]
pub(super) struct TestArgs {
    /// The folder; each folder in it that holds a case.toml is a case
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// How to print the results
    #[arg(long, value_name = "FORMAT", default_value = "tap")]
    pub(super) format: TestFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TestFormat {
    /// Test Anything Protocol, version 14
    Tap,
    /// JUnit XML, as continuous integration servers read it
    Junit,
}

#[derive(Args)]
pub(super) struct ExplainArgs {
    /// An IP address or a host name (names are not looked up: what is known of the name is shown)
    #[arg(value_name = "ADDRESS|HOST")]
    pub(super) what: String,
    /// A name to judge the address with, as if a flow had shown it
    #[arg(long, value_name = "HOST")]
    pub(super) name: Option<String>,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Subcommand)]
pub(super) enum GeoipAction {
    /// Fetch what [[updates]] in the configuration names, verify it, and put it in place
    Update {
        /// Configuration file (TOML)
        #[arg(short = 'c', long = "config", value_name = "FILE")]
        config: PathBuf,
    },
}

#[derive(Subcommand)]
pub(super) enum SignatureAction {
    /// One line a signature (the default)
    List {
        /// More signatures (TOML); repeatable
        #[arg(long, value_name = "FILE")]
        signatures: Vec<PathBuf>,
    },
    /// All about one signature
    Show {
        /// Its id
        id: String,
        /// More signatures (TOML); repeatable
        #[arg(long, value_name = "FILE")]
        signatures: Vec<PathBuf>,
    },
    /// Scan a file as one document and show what is found (masked)
    Test {
        /// The file; '-' is standard input
        file: PathBuf,
        /// More signatures (TOML); repeatable
        #[arg(long, value_name = "FILE")]
        signatures: Vec<PathBuf>,
    },
}

#[derive(Subcommand)]
pub(super) enum PolicyAction {
    /// One line a policy (the default)
    List,
    /// The text of one policy, to read or to start one's own from
    Show {
        /// Its name
        name: String,
    },
}
