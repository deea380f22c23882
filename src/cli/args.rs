//! What can be typed. The words are the same as the keys of the configuration file; `config` says what they mean.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::config::{RawConfig, RawLive, RawWatch, Written};
use crate::model::{DataClass, Level};

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
    /// Watch interfaces until told to stop (SIGTERM, SIGINT); SIGHUP reloads the configuration
    Run(RunArgs),
    /// Show destinations, findings, violations and losses on the terminal: of a daemon on this host, or of captures
    Top(TopArgs),
    /// Whether `run` with these options would work here, and how to mend what would not
    Doctor(RunArgs),
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
    /// Turn a CSV of real records into a keyed watch file that finds them without holding them
    Fingerprint(FingerprintArgs),
    /// Write manual pages, completions of shells and the built-in policies below a folder, for packages
    #[command(hide = true)]
    Generate {
        /// The folder; it is made
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// What thresholds counted: distinct persons or devices in the file of `state`, by rule, never who they are
    State {
        /// The file that `state` names
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// The transfer policies that are built in
    Policies {
        #[command(subcommand)]
        action: Option<PolicyAction>,
    },
}

impl Cli {
    /// The arguments of this process; ends it with a message and exit code 2 if they are wrong.
    pub(super) fn read() -> Self {
        let cli = Self::parse();
        let common = match &cli.command {
            Command::Replay(args) => Some(&args.common),
            Command::Check(args) => Some(args),
            Command::Explain(args) => Some(&args.common),
            _ => None,
        };
        if let Some(message) = common.and_then(CommonArgs::problem) {
            Self::command().error(clap::error::ErrorKind::WrongNumberOfValues, message).exit();
        }
        cli
    }
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
    /// A list of records to find by exact match, made by borderpost fingerprint; repeatable
    #[arg(long, value_name = "FILE")]
    pub(super) watch: Vec<PathBuf>,
    /// The key of the watch file in the same place, or one for all; repeatable
    #[arg(long, value_name = "FILE", requires = "watch")]
    pub(super) watch_key: Vec<PathBuf>,
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
            watch: self
                .watch
                .iter()
                .enumerate()
                .filter_map(|(at, file)| {
                    let key = self.watch_key.get(at).or(self.watch_key.first())?;
                    Some(RawWatch { file: Written::flag(file.clone()), key: Written::flag(key.clone()) })
                })
                .collect(),
            ..RawConfig::default()
        }
    }

    /// What the shape of the arguments cannot say: each watch file has a key.
    fn problem(&self) -> Option<String> {
        let (files, keys) = (self.watch.len(), self.watch_key.len());
        (files > 0 && keys != 1 && keys != files)
            .then(|| format!("{files} --watch need one --watch-key for all, or one each, not {keys}"))
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
    /// A key log (SSLKEYLOGFILE) of sessions to decrypt: TLS 1.2, TLS 1.3, QUIC; repeatable
    #[arg(long, value_name = "FILE")]
    pub(super) keylog: Vec<PathBuf>,
    /// Write events as JSON lines; '-' is standard output
    #[arg(long, value_name = "FILE")]
    pub(super) events: Option<PathBuf>,
    /// Write the flow table as CSV, sorted by first packet
    #[arg(long, value_name = "FILE")]
    pub(super) flows: Option<PathBuf>,
    /// Write metrics as Prometheus text
    #[arg(long, value_name = "FILE")]
    pub(super) metrics: Option<PathBuf>,
    /// Write a report for privacy and audit people, one HTML page
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    /// Play the captures as if they came from an interface now, and serve /metrics and the rest here until stopped
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["flows", "report", "state", "json", "fail_on", "quiet"])]
    pub(super) serve: Option<String>,
    /// With --serve: how many times faster than they were captured [default: 1]
    #[arg(long, value_name = "N", requires = "serve", value_parser = speed)]
    pub(super) speed: Option<f64>,
    /// With --serve: begin anew at the end
    #[arg(long = "loop", requires = "serve")]
    pub(super) repeat: bool,
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
            keylog: self.keylog.iter().cloned().map(Written::flag).collect(),
            events: self.events.clone().map(Written::flag),
            flows: self.flows.clone().map(Written::flag),
            metrics: self.metrics.clone().map(Written::flag),
            report: self.report.clone().map(Written::flag),
            state: self.state.clone().map(Written::flag),
            threads: self.threads.clone().map(Written::flag),
            json: self.json.then_some(true),
            fail_on: self.fail_on.map(|FailOn::Violation| Written::flag("violation".to_owned())),
            quiet: self.quiet.then_some(true),
            live: RawLive { web_listen_address: self.serve.clone().map(Written::flag), ..RawLive::default() },
            ..self.common.flags()
        }
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (1e-6..=1e6).contains(&speed) => Ok(speed),
        _ => Err("a number from 0.000001 to 1000000".to_owned()),
    }
}

#[derive(Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// An interface, a pattern such as 'veth*', or 'any'; repeatable
    #[arg(short, long, value_name = "NAME")]
    pub(super) interface: Vec<String>,
    /// Only frames that this pcap filter accepts (pcap-filter(7))
    #[arg(long, value_name = "BPF")]
    pub(super) filter: Option<String>,
    /// Write events as JSON lines, rotated
    #[arg(long, value_name = "FILE")]
    pub(super) events: Option<PathBuf>,
    /// Write the last metrics as Prometheus text when stopping
    #[arg(long, value_name = "FILE")]
    pub(super) metrics: Option<PathBuf>,
    /// Go on with what rules with thresholds counted in FILE, and keep it there; needs `digest-key-file` in the configuration
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    /// Worker threads [default: 1]
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<String>,
    /// See frames that are for other hosts
    #[arg(long)]
    pub(super) promiscuous: bool,
    /// Address and port of /metrics and the rest [default: 127.0.0.1:9477]
    #[arg(long = "web.listen-address", value_name = "ADDRESS")]
    pub(super) listen: Option<String>,
    /// TLS and users of the web: a file as of Prometheus' exporter-toolkit
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub(super) web_config: Option<PathBuf>,
    /// Serve at the socket that systemd opened
    #[arg(long = "web.systemd-socket")]
    pub(super) systemd_socket: bool,
    /// Serve POST /-/reload and /-/quit
    #[arg(long = "web.enable-lifecycle")]
    pub(super) lifecycle: bool,
    /// Diagnostics as lines for people or as JSON: text or json
    #[arg(long = "log.format", value_name = "FORMAT")]
    pub(super) log_format: Option<String>,
    /// Print the summary as one JSON document when stopping
    #[arg(long)]
    pub(super) json: bool,
    /// Become this user (a name, or UID:GID) once the rings are open
    #[arg(long, value_name = "USER")]
    pub(super) user: Option<String>,
    /// Stay root, without its capabilities
    #[arg(long)]
    pub(super) allow_root: bool,
}

impl RunArgs {
    /// As the configuration understands it.
    pub(super) fn flags(&self) -> RawConfig {
        RawConfig {
            filter: self.filter.clone().map(Written::flag),
            events: self.events.clone().map(Written::flag),
            metrics: self.metrics.clone().map(Written::flag),
            state: self.state.clone().map(Written::flag),
            threads: self.threads.clone().map(Written::flag),
            json: self.json.then_some(true),
            live: RawLive {
                interface: self.interface.iter().cloned().map(Written::flag).collect(),
                log_format: self.log_format.clone().map(Written::flag),
                promiscuous: self.promiscuous.then_some(true),
                user: self.user.clone().map(Written::flag),
                web_listen_address: self.listen.clone().map(Written::flag),
                web_config_file: self.web_config.clone().map(Written::flag),
                web_systemd_socket: self.systemd_socket.then_some(true),
                web_enable_lifecycle: self.lifecycle.then_some(true),
                ..RawLive::default()
            },
            ..self.common.flags()
        }
    }
}

#[derive(Args)]
pub(super) struct TopArgs {
    /// Captures to replay; without them, a daemon is asked
    #[arg(value_name = "CAPTURE")]
    pub(super) captures: Vec<PathBuf>,
    /// Where the daemon serves its web
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9477")]
    pub(super) address: std::net::SocketAddr,
    /// It is served over TLS, with a certificate by one of the authorities in FILE (PEM)
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// The name in that certificate; the address if none is given
    #[arg(long, value_name = "NAME", requires = "ca_file")]
    pub(super) server_name: Option<String>,
    /// A certificate to show it
    #[arg(long, value_name = "FILE", requires_all = ["ca_file", "key_file"])]
    pub(super) cert_file: Option<PathBuf>,
    /// The key of that certificate
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    pub(super) key_file: Option<PathBuf>,
    /// Who asks, where it wants a password
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub(super) username: Option<String>,
    /// The file with the password
    #[arg(long, value_name = "FILE", requires = "username")]
    pub(super) password_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) common: CommonArgs,
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

#[derive(Args)]
pub(super) struct FingerprintArgs {
    /// Make a new key of 32 random octets (mode 0600), and nothing else; an existing file is not replaced
    #[arg(long, value_name = "FILE", exclusive = true)]
    pub(super) new_key: Option<PathBuf>,
    /// Name of the list: small letters, digits and `-`; policies name it `watch/NAME`
    #[arg(long, value_name = "NAME", required_unless_present = "new_key")]
    pub(super) list: Option<String>,
    /// File of the key
    #[arg(long, value_name = "FILE", required_unless_present = "new_key")]
    pub(super) key: Option<PathBuf>,
    /// A column that finds a row alone, and its type: a signature id or `token`; repeatable
    #[arg(long, value_name = "COLUMN=TYPE", value_parser = column, required_unless_present = "new_key")]
    pub(super) primary: Vec<(String, String)>,
    /// A column that makes a row sure, and its type: a signature id or `text`; repeatable
    #[arg(long, value_name = "COLUMN=TYPE", value_parser = column)]
    pub(super) secondary: Vec<(String, String)>,
    /// The column that names a row in alerts
    #[arg(long, value_name = "COLUMN")]
    pub(super) label_column: Option<String>,
    /// The rows are made up to be found: every hit is certain
    #[arg(long)]
    pub(super) canary: bool,
    /// Counts up with each renewal; two epochs of a list may be in force at a time
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) epoch: u32,
    /// More signatures (TOML) whose ids may be types; repeatable
    #[arg(long, value_name = "FILE")]
    pub(super) signatures: Vec<PathBuf>,
    /// The records, CSV with a header row; '-' is standard input
    #[arg(value_name = "IN.csv", required_unless_present = "new_key")]
    pub(super) input: Option<PathBuf>,
    /// The watch file to write
    #[arg(short, long, value_name = "OUT.watch", required_unless_present = "new_key")]
    pub(super) output: Option<PathBuf>,
}

fn column(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((column, kind)) if !column.is_empty() && !kind.is_empty() => Ok((column.to_owned(), kind.to_owned())),
        _ => Err("a column and its type, such as ssn=us-ssn".to_owned()),
    }
}

#[derive(Subcommand)]
pub(super) enum GeoipAction {
    /// Fetch what `[[updates]]` in the configuration names, verify it, and put it in place
    Update {
        /// Configuration file (TOML)
        #[arg(short = 'c', long = "config", value_name = "FILE")]
        config: PathBuf,
    },
}

#[derive(Subcommand)]
pub(super) enum SignatureAction {
    /// One line a signature: what it scores alone, beside a word of its context, and under its name (the default)
    List {
        /// Of this data class only
        #[arg(long, value_name = "CLASS", value_parser = class)]
        class: Option<DataClass>,
        /// Everything about each, as JSON
        #[arg(long)]
        json: bool,
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
    /// Measure precision and recall on a generated corpus of text with and without user data
    Bench {
        /// What the corpus is generated from
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
        /// How often each value is planted in each form of document
        #[arg(long, value_name = "N", default_value_t = 10)]
        rounds: usize,
        /// More signatures (TOML); repeatable
        #[arg(long, value_name = "FILE")]
        signatures: Vec<PathBuf>,
    },
    /// Scan files as the daemon would and show what is found, where and how surely; values are masked
    Test {
        /// Files: text, JSON, CSV, archives, images, mails; '-' is standard input
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Media type of the files, where their content does not tell ('text/csv')
        #[arg(long = "type", value_name = "TYPE", default_value = "")]
        media_type: String,
        /// Least level that is shown
        #[arg(long, value_name = "LEVEL", default_value = "low", value_parser = level)]
        level: Level,
        /// Findings as JSON lines
        #[arg(long)]
        json: bool,
        /// More signatures (TOML); repeatable
        #[arg(long, value_name = "FILE")]
        signatures: Vec<PathBuf>,
    },
}

fn class(text: &str) -> Result<DataClass, String> {
    text.parse().map_err(|_| {
        format!("one of {}", DataClass::ALL.iter().map(|class| class.as_str()).collect::<Vec<_>>().join(", "))
    })
}

fn level(text: &str) -> Result<Level, String> {
    text.parse().map_err(|_| "low, medium or high".to_owned())
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
