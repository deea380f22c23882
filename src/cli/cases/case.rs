//! `case.toml`: what is replayed, under which options, and what is expected of it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::config::RawConfig;
use crate::model::operator_file::{At, OperatorFile, Table, beside, quote};
use crate::model::{Country, DataClass, Initiator, Problem, UndeterminedReason};

/// A case as written.
pub(super) struct Case {
    /// One line of what it is about.
    pub(super) title: String,
    /// Captures, replayed together in time order.
    pub(super) captures: Vec<PathBuf>,
    /// Options in the words of the configuration file.
    pub(super) options: RawConfig,
    pub(super) expectation: Expectation,
}

/// What a case expects. Violations are all there are; of the rest, what is not named is not looked at.
#[derive(Default)]
pub(super) struct Expectation {
    pub(super) violations: Vec<Wanted>,
    pub(super) findings: Vec<Wanted>,
    pub(super) egress: Vec<WantedEgress>,
    pub(super) undetermined: Vec<WantedUndetermined>,
    pub(super) notices: Vec<WantedNotice>,
    /// As violations: all there are.
    pub(super) suspicions: Vec<Wanted>,
}

/// One end of a flow: an address, with a port or with any.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) addr: IpAddr,
    pub(super) port: Option<u16>,
}

/// A violation or finding. `None` is anything.
pub(super) struct Wanted {
    /// Where it is written.
    pub(super) line: usize,
    /// `policy/rule`.
    pub(super) rule: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) class: Option<DataClass>,
    pub(super) field: Option<String>,
    pub(super) src: Option<End>,
    pub(super) dest: Option<End>,
    pub(super) server: Option<String>,
    pub(super) location: Option<Country>,
    pub(super) control: Option<Country>,
    pub(super) initiator: Option<Initiator>,
    /// How many; of findings `None` is one or more.
    pub(super) count: Option<u64>,
}

/// Egress to the jurisdictions that match.
pub(super) struct WantedEgress {
    pub(super) line: usize,
    pub(super) location: Option<Country>,
    pub(super) control: Option<Country>,
    pub(super) flows: Option<u64>,
    pub(super) packets: Option<u64>,
    pub(super) bytes: Option<u64>,
}

/// Undetermined flows.
pub(super) struct WantedUndetermined {
    pub(super) line: usize,
    pub(super) reason: Option<UndeterminedReason>,
    pub(super) location: Option<Country>,
    /// How many; `None` is one or more.
    pub(super) flows: Option<u64>,
}

/// A notice whose text contains some words.
pub(super) struct WantedNotice {
    pub(super) line: usize,
    pub(super) contains: String,
    /// How many; `None` is one or more.
    pub(super) count: Option<u64>,
}

impl Case {
    /// Reads a case. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// Every problem with its line.
    pub(super) fn read(name: &str, text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let file = OperatorFile::parse(name, text);
        let mut root = file.root();
        let title = root.string("title").map(|title| title.value).unwrap_or_default();
        let mut captures: Vec<PathBuf> =
            root.strings("captures").iter().map(|capture| beside(name, &capture.value)).collect();
        if captures.is_empty() && !file.is_broken() {
            captures = captures_in(folder);
            if captures.is_empty() {
                file.problem_with_hint(1, "no capture", "captures = [\"one.pcap\"], or a pcap or pcapng in the folder");
            }
        }
        let options = root.table("options").map(RawConfig::read).unwrap_or_default();
        let expectation = Expectation {
            violations: root.tables("violation").into_iter().map(|table| wanted(table, true)).collect(),
            findings: root.tables("finding").into_iter().map(|table| wanted(table, false)).collect(),
            egress: root.tables("egress").into_iter().map(egress).collect(),
            undetermined: root.tables("undetermined").into_iter().map(undetermined).collect(),
            suspicions: root.tables("suspicion").into_iter().map(|table| wanted(table, true)).collect(),
            notices: root.tables("notice").into_iter().map(notice).collect(),
        };
        root.finish();
        let problems = file.into_problems();
        if problems.is_empty() { Ok(Self { title, captures, options, expectation }) } else { Err(problems) }
    }
}

/// The captures of a folder by name.
fn captures_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_capture = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let plain = name.trim_end_matches(".gz").trim_end_matches(".zst");
        plain.ends_with(".pcap") || plain.ends_with(".pcapng")
    };
    let mut captures: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_capture).collect();
    captures.sort();
    captures
}

fn wanted(mut table: Table<'_, '_>, violation: bool) -> Wanted {
    let count = whole(&mut table, "count");
    let wanted = Wanted {
        line: table.line(),
        rule: if violation { table.required_string("rule").map(|rule| rule.value) } else { None },
        signature: word(&mut table, "signature"),
        class: table.choice("class", DataClass::ALL, DataClass::as_str).map(|class| class.value),
        field: word(&mut table, "field"),
        src: end(&mut table, "src"),
        dest: end(&mut table, "dest"),
        server: word(&mut table, "server"),
        location: country(&mut table, "location"),
        control: country(&mut table, "control"),
        initiator: table.choice("initiator", Initiator::ALL, Initiator::as_str).map(|initiator| initiator.value),
        // A violation that is named once is expected once.
        count: if violation { Some(count.unwrap_or(1)) } else { count },
    };
    table.finish();
    wanted
}

fn egress(mut table: Table<'_, '_>) -> WantedEgress {
    let wanted = WantedEgress {
        line: table.line(),
        location: country(&mut table, "location"),
        control: country(&mut table, "control"),
        flows: whole(&mut table, "flows"),
        packets: whole(&mut table, "packets"),
        bytes: whole(&mut table, "bytes"),
    };
    table.finish();
    wanted
}

fn undetermined(mut table: Table<'_, '_>) -> WantedUndetermined {
    let wanted = WantedUndetermined {
        line: table.line(),
        reason: table.choice("reason", UndeterminedReason::ALL, UndeterminedReason::as_str).map(|reason| reason.value),
        location: country(&mut table, "location"),
        flows: whole(&mut table, "flows"),
    };
    table.finish();
    wanted
}

fn notice(mut table: Table<'_, '_>) -> WantedNotice {
    let wanted = WantedNotice {
        line: table.line(),
        contains: table.required_string("contains").map(|text| text.value).unwrap_or_default(),
        count: whole(&mut table, "count"),
    };
    table.finish();
    wanted
}

fn word(table: &mut Table<'_, '_>, key: &'static str) -> Option<String> {
    table.string(key).map(|word| word.value)
}

fn whole(table: &mut Table<'_, '_>, key: &'static str) -> Option<u64> {
    let At { value, line } = table.integer(key)?;
    let number = u64::try_from(value).ok();
    if number.is_none() {
        table.file().problem(line, format!("`{key}` cannot be {value}"));
    }
    number
}

/// A jurisdiction, also `ZZ` for an unknown one.
fn country(table: &mut Table<'_, '_>, key: &'static str) -> Option<Country> {
    if table.string(key).is_some_and(|word| word.value == Country::UNKNOWN.as_str()) {
        return Some(Country::UNKNOWN);
    }
    table.country(key).map(|country| country.value)
}

fn end(table: &mut Table<'_, '_>, key: &'static str) -> Option<End> {
    let At { value, line } = table.string(key)?;
    if let Ok(addr) = value.parse::<IpAddr>() {
        return Some(End { addr, port: None });
    }
    if let Ok(end) = value.parse::<SocketAddr>() {
        return Some(End { addr: end.ip(), port: Some(end.port()) });
    }
    let message = format!("`{key}`: {} is no address", quote(&value));
    table.file().problem_with_hint(line, message, "such as 192.0.2.1, 192.0.2.1:443 or [2001:db8::1]:443");
    None
}
