//! What was typed: words with their places, nothing checked beyond the shape of the file.

use std::path::PathBuf;

use super::live::RawLive;
use crate::model::Problem;
use crate::model::operator_file::{At, OperatorFile, Table, beside};

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<T> {
    /// The value as typed.
    pub value: T,
    /// The file, or `command line`.
    pub file: String,
    /// Its line in a file.
    pub line: Option<usize>,
}

impl<T> Written<T> {
    /// A value of the command line.
    pub fn flag(value: T) -> Self {
        Self { value, file: "command line".to_owned(), line: None }
    }

    /// A problem with this value.
    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { file: self.file.clone(), line: self.line, message: message.into(), hint: None }
    }
}

/// An entry of the operator's table of networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawOverride {
    /// The network in CIDR notation.
    pub prefix: Written<String>,
    /// Where it is.
    pub location: Option<Written<String>>,
    /// Who controls it.
    pub control: Option<Written<String>>,
    /// What people call it.
    pub label: Option<Written<String>>,
}

/// An entry of the operator's catalogue of services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawService {
    /// Names that end so belong to the service.
    pub suffix: Written<String>,
    /// The service.
    pub service: Option<Written<String>>,
    /// Who operates it.
    pub operator: Option<Written<String>>,
    /// Homes of the operator.
    pub operator_home: Vec<Written<String>>,
    /// Home of its owners.
    pub parent_home: Option<Written<String>>,
    /// Class, such as `chat`.
    pub class: Option<Written<String>>,
}

/// A watch file and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawWatch {
    /// The file that `borderpost fingerprint` wrote.
    pub file: Written<PathBuf>,
    /// The file of its key.
    pub key: Written<PathBuf>,
}

/// A list of areas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawAreas {
    /// Name of the list.
    pub name: Written<String>,
    /// The file of its areas, CSV.
    pub file: Written<PathBuf>,
}

/// How a file is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawUpdate {
    /// The file, one of `geoip` or `ranges`.
    pub file: Written<PathBuf>,
    /// Program and arguments; `{}` stands for the path that it is to write.
    pub command: Vec<Written<String>>,
}

/// Everything that can be configured, as typed. Absent is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawConfig {
    /// Monitored networks, CIDR.
    pub local: Vec<Written<String>>,
    /// Home jurisdiction.
    pub home: Option<Written<String>>,
    /// Policies: names of built-in ones, or files.
    pub policy: Vec<Written<String>>,
    /// Country and network databases; later ones win.
    pub geoip: Vec<Written<PathBuf>>,
    /// Published address ranges of providers, and geofeeds.
    pub ranges: Vec<Written<PathBuf>>,
    /// How databases and ranges are fetched.
    pub updates: Vec<RawUpdate>,
    /// Capture filter.
    pub filter: Option<Written<String>>,
    /// Key logs of sessions to decrypt.
    pub keylog: Vec<Written<PathBuf>>,
    /// Where events go.
    pub events: Option<Written<PathBuf>>,
    /// Where the flow table goes.
    pub flows: Option<Written<PathBuf>>,
    /// Where metrics go.
    pub metrics: Option<Written<PathBuf>>,
    /// Where the HTML report goes.
    pub report: Option<Written<PathBuf>>,
    /// Worker threads.
    pub threads: Option<Written<String>>,
    /// Summary as JSON.
    pub json: Option<bool>,
    /// What makes the run fail.
    pub fail_on: Option<Written<String>>,
    /// No progress, no tables of what is clean.
    pub quiet: Option<bool>,
    /// Files of the operator's own signatures.
    pub signatures: Vec<Written<PathBuf>>,
    /// Lists of records to find by exact match.
    pub watch: Vec<RawWatch>,
    /// Lists of areas.
    pub areas: Vec<RawAreas>,
    /// Files of networks that the operator knows.
    pub override_files: Vec<Written<PathBuf>>,
    /// Networks that the operator knows.
    pub overrides: Vec<RawOverride>,
    /// Services that the operator knows.
    pub services: Vec<RawService>,
    /// File whose octets key the digests of findings.
    pub digest_key_file: Option<Written<PathBuf>>,
    /// Where the sensor stands: latitude and longitude.
    pub site: Option<Written<(f64, f64)>>,
    /// Age past which databases are stale.
    pub geoip_max_age: Option<Written<String>>,
    /// File that keeps what thresholds count.
    pub state: Option<Written<PathBuf>>,
    /// Limits by name.
    pub limits: Vec<(&'static str, Written<String>)>,
    /// What gives way at a limit, by what is overloaded.
    pub overload: Vec<(&'static str, Written<String>)>,
    /// What only the daemon needs.
    pub live: RawLive,
}

impl RawConfig {
    /// Reads a file. `name` is its path: paths in it are relative to its directory.
    ///
    /// # Errors
    /// Every problem with its line.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let file = OperatorFile::parse(name, text);
        let reader = Reader { name };
        let mut root = file.root();
        let config = if file.is_broken() { Self::default() } else { reader.config(&mut root) };
        root.finish();
        let problems = file.into_problems();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// Reads a table of another file with the same keys. Problems are noted with that file.
    pub fn read(mut table: Table<'_, '_>) -> Self {
        let config = Reader { name: table.file().name() }.config(&mut table);
        table.finish();
        config
    }

    /// The command line over a file, key by key.
    #[must_use]
    pub fn merge(flags: Self, file: Self) -> Self {
        fn list<T>(flags: Vec<T>, file: Vec<T>) -> Vec<T> {
            if flags.is_empty() { file } else { flags }
        }
        let mut limits = file.limits;
        for (name, value) in flags.limits {
            limits.retain(|(other, _)| *other != name);
            limits.push((name, value));
        }
        Self {
            local: list(flags.local, file.local),
            home: flags.home.or(file.home),
            policy: list(flags.policy, file.policy),
            geoip: list(flags.geoip, file.geoip),
            ranges: list(flags.ranges, file.ranges),
            updates: list(flags.updates, file.updates),
            filter: flags.filter.or(file.filter),
            keylog: list(flags.keylog, file.keylog),
            events: flags.events.or(file.events),
            flows: flags.flows.or(file.flows),
            metrics: flags.metrics.or(file.metrics),
            report: flags.report.or(file.report),
            threads: flags.threads.or(file.threads),
            json: flags.json.or(file.json),
            fail_on: flags.fail_on.or(file.fail_on),
            quiet: flags.quiet.or(file.quiet),
            signatures: list(flags.signatures, file.signatures),
            watch: list(flags.watch, file.watch),
            areas: list(flags.areas, file.areas),
            override_files: list(flags.override_files, file.override_files),
            overrides: list(flags.overrides, file.overrides),
            services: list(flags.services, file.services),
            digest_key_file: flags.digest_key_file.or(file.digest_key_file),
            site: flags.site.or(file.site),
            geoip_max_age: flags.geoip_max_age.or(file.geoip_max_age),
            state: flags.state.or(file.state),
            limits,
            overload: list(flags.overload, file.overload),
            live: RawLive::merge(flags.live, file.live),
        }
    }
}

/// The overrides in a file of their own.
pub(super) fn parse_overrides(name: &str, text: &str) -> (Vec<RawOverride>, Vec<Problem>) {
    let file = OperatorFile::parse(name, text);
    let reader = Reader { name };
    let mut root = file.root();
    let overrides = reader.overrides(&mut root);
    root.finish();
    (overrides, file.into_problems())
}

pub(super) struct Reader<'n> {
    name: &'n str,
}

impl Reader<'_> {
    fn written<T>(&self, at: At<T>) -> Written<T> {
        Written { value: at.value, file: self.name.to_owned(), line: Some(at.line) }
    }

    pub(super) fn text(&self, text: Option<At<String>>) -> Option<Written<String>> {
        text.map(|text| self.written(text))
    }

    pub(super) fn texts(&self, texts: Vec<At<String>>) -> Vec<Written<String>> {
        texts.into_iter().map(|text| self.written(text)).collect()
    }

    pub(super) fn path(&self, text: Option<At<String>>) -> Option<Written<PathBuf>> {
        // `-` is a stream, not a file beside this one.
        let path = |text: &str| if text == "-" { PathBuf::from("-") } else { beside(self.name, text) };
        text.map(|text| self.written(At { value: path(&text.value), line: text.line }))
    }

    fn paths(&self, texts: Vec<At<String>>) -> Vec<Written<PathBuf>> {
        texts.into_iter().filter_map(|text| self.path(Some(text))).collect()
    }

    fn config(&self, root: &mut Table<'_, '_>) -> RawConfig {
        // `overrides` is a list of files or a list of tables.
        let inline = !root.is_string("overrides") && !root.is_list_of_strings("overrides");
        RawConfig {
            local: self.texts(root.strings("local")),
            home: self.text(root.string("home")),
            policy: self.policies(root.strings("policy")),
            geoip: self.paths(root.strings("geoip")),
            ranges: self.paths(root.strings("ranges")),
            updates: self.updates(root),
            filter: self.text(root.string("filter")),
            keylog: self.paths(root.strings("keylog")),
            events: self.path(root.string("events")),
            flows: self.path(root.string("flows")),
            metrics: self.path(root.string("metrics")),
            report: self.path(root.string("report")),
            threads: self.text(root.quantity("threads")),
            json: root.boolean("json").map(|on| on.value),
            fail_on: self.text(root.string("fail-on")),
            quiet: root.boolean("quiet").map(|on| on.value),
            signatures: self.paths(root.strings("signatures")),
            watch: self.watch(root),
            areas: self.areas(root),
            override_files: if inline { Vec::new() } else { self.paths(root.strings("overrides")) },
            overrides: if inline { self.overrides(root) } else { Vec::new() },
            services: self.services(root),
            digest_key_file: self.path(root.string("digest-key-file")),
            site: self.site(root),
            geoip_max_age: self.text(root.string("geoip-max-age")),
            state: self.path(root.string("state")),
            limits: self.limits(root),
            overload: self.overload(root),
            live: RawLive::read(self, root),
        }
    }

    /// Names stay names; what looks like a path is one, relative to the file.
    fn policies(&self, texts: Vec<At<String>>) -> Vec<Written<String>> {
        let mut policies = self.texts(texts);
        for policy in &mut policies {
            if super::lower::is_path(&policy.value) {
                policy.value = beside(self.name, &policy.value).to_string_lossy().into_owned();
            }
        }
        policies
    }

    /// Reads each table of a name; what is missing was noted as a problem.
    fn each<T>(root: &mut Table<'_, '_>, name: &'static str, read: impl Fn(&mut Table<'_, '_>) -> Option<T>) -> Vec<T> {
        let read = |mut table: Table<'_, '_>| {
            let made = read(&mut table);
            table.finish();
            made
        };
        root.tables(name).into_iter().filter_map(read).collect()
    }

    fn overrides(&self, root: &mut Table<'_, '_>) -> Vec<RawOverride> {
        Self::each(root, "overrides", |table| {
            let prefix = self.text(table.required_string("prefix"));
            let location = self.text(table.string("location"));
            let control = self.text(table.string("control"));
            let label = self.text(table.string("label"));
            Some(RawOverride { prefix: prefix?, location, control, label })
        })
    }

    fn watch(&self, root: &mut Table<'_, '_>) -> Vec<RawWatch> {
        Self::each(root, "watch", |table| {
            let (file, key) = (table.required_string("file"), table.required_string("key"));
            Some(RawWatch { file: self.path(file)?, key: self.path(key)? })
        })
    }

    fn areas(&self, root: &mut Table<'_, '_>) -> Vec<RawAreas> {
        Self::each(root, "areas", |table| {
            let (name, file) = (table.required_string("name"), table.required_string("file"));
            Some(RawAreas { name: self.text(name)?, file: self.path(file)? })
        })
    }

    fn updates(&self, root: &mut Table<'_, '_>) -> Vec<RawUpdate> {
        Self::each(root, "updates", |table| {
            let file = table.required_string("file");
            let command = self.texts(table.strings("command"));
            if command.is_empty() {
                table.file().problem(table.line(), "`command` in [[updates]] is missing");
            }
            Some(RawUpdate { file: self.path(file)?, command })
        })
    }

    fn services(&self, root: &mut Table<'_, '_>) -> Vec<RawService> {
        Self::each(root, "services", |table| {
            let suffix = self.text(table.required_string("suffix"));
            let service = self.text(table.string("service"));
            let operator = self.text(table.string("operator"));
            let operator_home = self.texts(table.strings("operator-home"));
            let parent_home = self.text(table.string("parent-home"));
            let class = self.text(table.string("class"));
            Some(RawService { suffix: suffix?, service, operator, operator_home, parent_home, class })
        })
    }

    fn site(&self, root: &mut Table<'_, '_>) -> Option<Written<(f64, f64)>> {
        let mut table = root.table("site")?;
        let line = table.line();
        let (latitude, longitude) = (table.number("latitude"), table.number("longitude"));
        if !table.has("latitude") || !table.has("longitude") {
            table.file().problem(line, "`site` needs `latitude` and `longitude`");
        }
        table.finish();
        Some(self.written(At { value: (latitude?.value, longitude?.value), line }))
    }

    fn overload(&self, root: &mut Table<'_, '_>) -> Vec<(&'static str, Written<String>)> {
        let Some(mut table) = root.table("overload") else { return Vec::new() };
        let keys = super::overload::KEYS.iter();
        let overload = keys.filter_map(|key| Some((*key, self.written(table.string(key)?)))).collect();
        table.finish();
        overload
    }

    fn limits(&self, root: &mut Table<'_, '_>) -> Vec<(&'static str, Written<String>)> {
        let Some(mut table) = root.table("limits") else { return Vec::new() };
        let limits = super::lower::LIMITS
            .iter()
            .filter_map(|limit| Some((limit.key, self.written(table.quantity(limit.key)?))))
            .collect();
        table.finish();
        limits
    }
}
