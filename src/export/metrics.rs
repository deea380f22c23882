//! Counts as Prometheus text exposition, names and labels as the contract fixes them (docs/metrics.md). Label values come from
//! closed sets: codes, signatures, rules, reasons; past [`SERIES_MAX`] a family folds new ones into `other` and says so.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus::core::{AtomicU64, GenericCounter, GenericCounterVec};
use prometheus::{Encoder, GaugeVec, Opts, Registry, TextEncoder};

use super::series::{LabelSizes, PROCESS_SERIES};
use crate::model::{
    CaptureSummary, Country, Counts, DataClass, InterfaceCounts, Limits, PolicyFacts, RuleRef, UninspectedReason,
    Verdict,
};

/// Series one family may have before new label values are folded into `other`.
pub(super) const SERIES_MAX: usize = 10_000;

type CounterVec = GenericCounterVec<AtomicU64>;

/// What the metrics are made of.
pub struct MetricsInput<'a> {
    /// Captures or interfaces.
    pub captures: &'a [CaptureSummary],
    /// All counts.
    pub counts: &'a Counts,
    /// Every signature with its class: pre-created at 0.
    pub signatures: &'a [(Arc<str>, DataClass)],
    /// Every rule: pre-created at 0.
    pub rules: &'a [Arc<RuleRef>],
    /// The policies beside their rules.
    pub policies: &'a PolicyFacts,
    /// Locations that are pre-created: home and unknown.
    pub locations: &'a [Country],
    /// Databases by name with build time, seconds since the epoch.
    pub databases: &'a [(String, u64)],
    /// Budgets.
    pub limits: &'a Limits,
    /// Every (layer, reason) of decode errors: pre-created at 0.
    pub decode_errors: &'a [(&'static str, &'static str)],
    /// Every limit by name: pre-created at 0.
    pub limit_names: &'a [&'static str],
    /// Every pair of sources that can disagree: pre-created at 0.
    pub conflicts: &'a [&'static str],
    /// When the configuration was taken up, seconds since the epoch on the packet clock.
    pub config_time_seconds: f64,
    /// What only a daemon has.
    pub live: Option<LiveMetrics<'a>>,
}

/// What a daemon tells beside the counts.
pub struct LiveMetrics<'a> {
    /// Interfaces that are or were captured.
    pub interfaces: &'a [InterfaceCounts],
    /// Open flows.
    pub flows_active: usize,
    /// Octets held, by pool.
    pub memory_used: [(&'static str, usize); 3],
    /// Events that were dropped, by sink.
    pub sinks: &'a [(&'static str, u64)],
    /// Events that had to wait on disk, and octets that wait there now.
    pub spill: (u64, u64),
    /// Whether the last reload was taken up.
    pub reload_successful: bool,
    /// When what thresholds count was last saved, seconds since the epoch, and how often that failed; `None` if it is not kept.
    pub state_saves: Option<(f64, u64)>,
}

/// A counter family with a cap on its series.
struct Family {
    counters: CounterVec,
    series: std::collections::BTreeSet<Vec<String>>,
    labels: usize,
    folded: GenericCounter<AtomicU64>,
}

struct Families {
    registry: Registry,
    folded: CounterVec,
    sizes: LabelSizes,
    /// Series that the families so far can have.
    series_max: Cell<usize>,
}

impl Families {
    fn admit(&self, series: usize) {
        self.series_max.set(self.series_max.get() + series);
    }

    fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Result<Family, prometheus::Error> {
        // Past the cap there is one more, `other`, and each family has one among the folded ones.
        self.admit(self.sizes.product(labels).min(SERIES_MAX + 1) + 1);
        let counters = CounterVec::new(Opts::new(format!("borderpost_{name}"), help), labels)?;
        self.registry.register(Box::new(counters.clone()))?;
        let folded = self.folded.with_label_values(&[&format!("borderpost_{name}")]);
        Ok(Family { counters, series: Default::default(), labels: labels.len(), folded })
    }

    fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, prometheus::Error> {
        self.admit(self.sizes.product(labels));
        let gauges = GaugeVec::new(Opts::new(format!("borderpost_{name}"), help), labels)?;
        self.registry.register(Box::new(gauges.clone()))?;
        Ok(gauges)
    }
}

impl Family {
    fn add(&mut self, labels: &[&str], value: u64) {
        let key: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        if self.series.contains(&key) || self.series.len() < SERIES_MAX {
            self.counters.with_label_values(labels).inc_by(value);
            self.series.insert(key);
        } else {
            self.counters.with_label_values(&vec!["other"; self.labels]).inc_by(value);
            self.folded.inc();
        }
    }
}

/// The metrics as Prometheus text, sorted.
///
/// # Errors
/// Only when two families clash, which a test excludes.
pub fn render_metrics(input: &MetricsInput<'_>) -> Result<String, prometheus::Error> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&families(input)?.registry.gather(), &mut text)?;
    String::from_utf8(text).map_err(|_| prometheus::Error::Msg("metrics are not UTF-8".to_owned()))
}

/// How many series the metrics can ever have under this configuration, whatever is captured: for each family the product of what
/// its labels can be, at most its cap. Interfaces that come later are not in it.
///
/// # Errors
/// See [`render_metrics`].
pub fn series_max(input: &MetricsInput<'_>) -> Result<usize, prometheus::Error> {
    Ok(families(input)?.series_max.get())
}

fn families(input: &MetricsInput<'_>) -> Result<Families, prometheus::Error> {
    let registry = Registry::new();
    let folded = CounterVec::new(
        Opts::new(
            "borderpost_label_values_folded_total",
            "Label values folded into `other` because a family had too many series.",
        ),
        &["metric"],
    )?;
    registry.register(Box::new(folded.clone()))?;
    let families = Families { registry, folded, sizes: LabelSizes::of(input), series_max: Cell::new(0) };
    state(&families, input)?;
    policies(&families, input)?;
    traffic(&families, input)?;
    judgements(&families, input)?;
    Ok(families)
}

fn state(families: &Families, input: &MetricsInput<'_>) -> Result<(), prometheus::Error> {
    let build = families.gauge("build_info", "Always 1; the version is in the label.", &["version"])?;
    build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
    let budget = families.gauge("memory_budget_bytes", "Octets a pool may hold.", &["pool"])?;
    let used = families.gauge("memory_used_bytes", "Octets a pool holds.", &["pool"])?;
    for (pool, max) in [
        ("reassembly", input.limits.held_bytes_max),
        ("fragments", input.limits.fragment_bytes_max),
        ("documents", input.limits.document_bytes_max),
    ] {
        budget.with_label_values(&[pool]).set(max as f64);
        // A replay that has ended holds nothing.
        let held = input.live.as_ref().and_then(|live| live.memory_used.iter().find(|(name, _)| *name == pool));
        used.with_label_values(&[pool]).set(held.map_or(0.0, |(_, octets)| *octets as f64));
    }
    let overload = families.gauge(
        "overload_consequence",
        "Always 1; what happens when this is too much.",
        &["limit", "consequence"],
    )?;
    for (limit, consequence) in input.limits.overload.consequences() {
        overload.with_label_values(&[limit, consequence]).set(1.0);
    }
    let built = families.gauge(
        "geo_database_build_timestamp_seconds",
        "Build time of a loaded country database, seconds since the epoch.",
        &["database"],
    )?;
    for (name, time) in input.databases {
        built.with_label_values(&[name.as_str()]).set(*time as f64);
    }
    let reload =
        families.gauge("config_last_reload_successful", "Whether the last configuration was taken up.", &[])?;
    let successful = input.live.as_ref().is_none_or(|live| live.reload_successful);
    reload.with_label_values::<&str>(&[]).set(f64::from(u8::from(successful)));
    let reload = families.gauge(
        "config_last_reload_success_timestamp_seconds",
        "When the configuration was last taken up, seconds since the epoch; in a replay on the packet clock.",
        &[],
    )?;
    reload.with_label_values::<&str>(&[]).set(input.config_time_seconds);
    let active = families.gauge("flows_active", "Flows tracked now.", &[])?;
    let flows_active = input.live.as_ref().map_or(0, |live| live.flows_active);
    active.with_label_values::<&str>(&[]).set(flows_active as f64);
    if let Some(live) = &input.live {
        let mut dropped = families.counter(
            "event_sink_dropped_total",
            "Events that a sink did not take in time, or could not write.",
            &["sink"],
        )?;
        for (sink, count) in live.sinks {
            dropped.add(&[sink], *count);
        }
        let fill = families.gauge(
            "capture_ring_fill_ratio",
            "How full the kernel's ring of an interface is, reckoned from its counters.",
            &["interface"],
        )?;
        for interface in live.interfaces {
            fill.with_label_values(&[&interface.name]).set(f64::from(interface.ring_fill) / 1000.0);
        }
        let peak = families.gauge(
            "capture_ring_fill_peak_ratio",
            "How full it was at most within the last half to whole minute.",
            &["interface"],
        )?;
        for interface in live.interfaces {
            peak.with_label_values(&[&interface.name]).set(f64::from(interface.ring_fill_peak) / 1000.0);
        }
        families.counter("events_spilled_total", "Events that had to wait on disk.", &[])?.add(&[], live.spill.0);
        let waiting = families.gauge("event_spill_bytes", "Octets of events that wait on disk.", &[])?;
        waiting.with_label_values::<&str>(&[]).set(live.spill.1 as f64);
        if let Some((time, failures)) = live.state_saves {
            let saved = families.gauge(
                "state_last_save_success_timestamp_seconds",
                "When what thresholds count was last saved by this process, seconds since the epoch; 0 for never.",
                &[],
            )?;
            saved.with_label_values::<&str>(&[]).set(time);
            families.counter("state_save_failures_total", "Saves that failed.", &[])?.add(&[], failures);
        }
        families.admit(PROCESS_SERIES);
        families.registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
    }
    Ok(())
}

fn policies(families: &Families, input: &MetricsInput<'_>) -> Result<(), prometheus::Error> {
    let PolicyFacts { versions, thresholds, exceptions, suspicions: _ } = input.policies;
    let about = families.gauge("policy_info", "Always 1 for each policy in force.", &["policy", "version"])?;
    for (policy, version) in versions {
        about.with_label_values(&[policy, version]).set(1.0);
    }
    let lapses = families.gauge(
        "exception_expiry_timestamp_seconds",
        "When an exception to a rule lapses, seconds since the epoch.",
        &["policy", "rule", "exception"],
    )?;
    for (rule, exception, until) in exceptions {
        let (policy, rule) = rule.split_once('/').unwrap_or(("", rule));
        lapses.with_label_values(&[policy, rule, exception]).set((until.nanos() / 1_000_000_000) as f64);
    }
    let mut near = families.counter(
        "threshold_near_total",
        "Times a count of persons or devices came to eight tenths of a rule's threshold.",
        &["policy", "rule"],
    )?;
    for rule in thresholds {
        near.add(&[&rule.policy, &rule.rule], 0);
    }
    for (rule, count) in &input.counts.thresholds_near {
        near.add(&[&rule.policy, &rule.rule], *count);
    }
    Ok(())
}

fn traffic(families: &Families, input: &MetricsInput<'_>) -> Result<(), prometheus::Error> {
    let counts = input.counts;
    let mut packets =
        families.counter("capture_packets_total", "Frames taken from an interface or capture file.", &["interface"])?;
    let mut dropped = families.counter(
        "capture_dropped_packets_total",
        "Frames lost before they could be read, by reason.",
        &["interface", "reason"],
    )?;
    // The interface of a replayed frame is its file: numbered, since a path is no closed set.
    for (index, capture) in input.captures.iter().enumerate() {
        let interface = format!("file{index}");
        packets.add(&[&interface], capture.packets);
        dropped.add(&[&interface, "damaged"], u64::from(!capture.complete));
    }
    for interface in input.live.iter().flat_map(|live| live.interfaces) {
        packets.add(&[&interface.name], interface.packets);
        dropped.add(&[&interface.name, "ring-full"], interface.dropped_ring);
        dropped.add(&[&interface.name, "interface"], interface.dropped_interface);
    }
    let mut errors = families.counter(
        "decode_errors_total",
        "Frames or packets that could not be decoded.",
        &["layer", "reason"],
    )?;
    for (layer, reason) in input.decode_errors {
        errors.add(&[layer, reason], 0);
    }
    for ((layer, reason), count) in &counts.decode_errors {
        errors.add(&[layer, reason], *count);
    }
    let mut flows = families.counter("flows_total", "Flows seen.", &["proto"])?;
    for (proto, count) in [("tcp", counts.flows_tcp), ("udp", counts.flows_udp), ("other", counts.flows_other)] {
        flows.add(&[proto], count);
    }
    families.counter("capture_acks_total", "TCP acknowledgements of new octets.", &[])?.add(&[], counts.acks);
    families
        .counter("capture_acks_unseen_total", "TCP acknowledgements of octets that the capture never had.", &[])?
        .add(&[], counts.acks_unseen);
    families
        .counter("capture_acked_unseen_bytes_total", "Acknowledged TCP octets that the capture never had.", &[])?
        .add(&[], counts.acked_unseen_bytes);
    let mut evicted =
        families.counter("flows_evicted_total", "Flows that ended early for want of room.", &["reason"])?;
    evicted.add(&["table-full"], 0);
    for (reason, count) in &counts.flows_evicted {
        evicted.add(&[reason], *count);
    }
    let mut gaps = families.counter("reassembly_gaps_total", "Gaps in reassembled TCP streams.", &[])?;
    gaps.add(&[], counts.reassembly_gaps);
    let mut payload = families.counter("tcp_payload_bytes_total", "TCP payload by what became of it.", &["fate"])?;
    payload.add(&["delivered"], counts.tcp_delivered_bytes);
    payload.add(&["skipped"], counts.tcp_skipped_bytes);
    let mut scanned = families.counter("scanned_bytes_total", "Text searched for user data.", &[])?;
    scanned.add(&[], counts.scanned_bytes);
    let mut limits = families.counter("limits_reached_total", "Times a limit stopped inspection.", &["limit"])?;
    for limit in input.limit_names {
        limits.add(&[limit], 0);
    }
    for (limit, count) in &counts.limits_reached {
        limits.add(&[limit], *count);
    }
    Ok(())
}

fn judgements(families: &Families, input: &MetricsInput<'_>) -> Result<(), prometheus::Error> {
    let counts = input.counts;
    let mut egress = families.counter(
        "egress_bytes_total",
        "IP octets from local to non-local addresses, by jurisdiction and verdict of the flow.",
        &["dst_location", "dst_control", "verdict"],
    )?;
    for location in input.locations {
        for verdict in Verdict::ALL {
            egress.add(&[location.as_str(), location.as_str(), verdict.as_str()], 0);
        }
    }
    for ((to, verdict), bytes) in &counts.egress_by_verdict {
        egress.add(&[to.location.as_str(), to.control.as_str(), verdict.as_str()], *bytes);
    }
    let mut unread = families.counter(
        "egress_uninspected_bytes_total",
        "Outbound octets that were not read, by reason.",
        &["dst_location", "reason"],
    )?;
    for location in input.locations {
        for reason in UninspectedReason::ALL {
            unread.add(&[location.as_str(), reason.as_str()], 0);
        }
    }
    for ((location, reason), tally) in &counts.uninspected {
        unread.add(&[location.as_str(), reason.as_str()], tally.bytes);
    }
    let mut findings = families.counter(
        "findings_total",
        "User data found in outbound traffic.",
        &["signature", "data_class", "dst_location"],
    )?;
    for (signature, class) in input.signatures {
        for location in input.locations {
            findings.add(&[signature, class.as_str(), location.as_str()], 0);
        }
    }
    for (key, tally) in &counts.findings {
        findings.add(&[&key.signature, key.class.as_str(), key.to.location.as_str()], tally.count);
    }
    let mut violations = families.counter(
        "violations_total",
        "Crossings that a rule forbids.",
        &["policy", "rule", "severity", "dst_location"],
    )?;
    for rule in input.rules {
        for location in input.locations {
            violations.add(&[&rule.policy, &rule.rule, rule.severity.as_str(), location.as_str()], 0);
        }
    }
    let mut by_labels: BTreeMap<[&str; 4], u64> = BTreeMap::new();
    for (key, tally) in &counts.violations {
        let labels = [key.rule.policy.as_str(), &key.rule.rule, key.rule.severity.as_str(), key.to.location.as_str()];
        *by_labels.entry(labels).or_default() += tally.count;
    }
    for (labels, count) in by_labels {
        violations.add(&labels, count);
    }
    suspicions(families, input)?;
    let mut conflicts = families.counter(
        "jurisdiction_conflicts_total",
        "Flows whose evidence disagrees on the location.",
        &["between"],
    )?;
    for between in input.conflicts {
        conflicts.add(&[between], 0);
    }
    for (between, count) in &counts.jurisdiction_conflicts {
        conflicts.add(&[between], *count);
    }
    Ok(())
}

/// Apart from violations: what they say is no finding.
fn suspicions(families: &Families, input: &MetricsInput<'_>) -> Result<(), prometheus::Error> {
    let mut suspicions = families.counter(
        "suspicions_total",
        "Traffic that could not be read and looks suspicious to a rule, by its volume or shape.",
        &["policy", "rule", "severity", "dst_location"],
    )?;
    for rule in &input.policies.suspicions {
        for location in input.locations {
            suspicions.add(&[&rule.policy, &rule.rule, rule.severity.as_str(), location.as_str()], 0);
        }
    }
    for (key, tally) in &input.counts.suspicions {
        let RuleRef { policy, rule, severity, .. } = &*key.rule;
        suspicions.add(&[policy, rule, severity.as_str(), key.to.location.as_str()], tally.count);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FindingKey, Jurisdiction, Severity, Tally, ViolationKey};

    /// Counts with every location there can be: what somebody could bring about who sends to the whole world.
    fn hostile(rule: &Arc<RuleRef>, signature: &Arc<str>) -> Counts {
        let mut counts = Counts::default();
        let letters = || b'A'..=b'Z';
        let codes: Vec<Country> = letters()
            .flat_map(|a| letters().map(move |b| String::from_utf8(vec![a, b]).unwrap()))
            .filter_map(|code| code.parse().ok())
            .collect();
        for &location in &codes {
            for &control in codes.iter().take(40) {
                let to = Jurisdiction { location, control };
                counts.egress_by_verdict.insert((to, Verdict::Violation), 1);
                let class = DataClass::ALL[0];
                let tally = Tally { flows: 1, count: 1, bytes: 1 };
                counts.findings.insert(FindingKey { signature: signature.clone(), class, to }, tally);
                counts.violations.insert(ViolationKey { rule: rule.clone(), to, class: Some(class) }, tally);
            }
            for reason in UninspectedReason::ALL {
                counts.uninspected.insert((location, *reason), Tally { flows: 1, count: 1, bytes: 1 });
            }
        }
        counts
    }

    #[test]
    fn no_traffic_makes_more_series_than_the_configuration_allows() {
        let rule = Arc::new(RuleRef {
            policy: "p".to_owned(),
            version: "1".to_owned(),
            rule: "r".to_owned(),
            severity: Severity::High,
            basis: String::new(),
            reason: String::new(),
            owner: String::new(),
        });
        let signature: Arc<str> = "us-ssn".into();
        let facts = PolicyFacts {
            versions: vec![("p".to_owned(), "1".to_owned())],
            thresholds: vec![rule.clone()],
            suspicions: vec![rule.clone()],
            exceptions: vec![("p/r".to_owned(), "e".to_owned(), crate::model::Timestamp::default())],
        };
        let (quiet, busy) = (Counts::default(), hostile(&rule, &signature));
        let (signatures, rules) = ([(signature.clone(), DataClass::ALL[0])], [rule.clone()]);
        let (databases, limits) = ([("embedded".to_owned(), 1)], Limits::default());
        let input = |counts| MetricsInput {
            captures: &[],
            counts,
            signatures: &signatures,
            rules: &rules,
            policies: &facts,
            locations: &[Country::UNKNOWN],
            databases: &databases,
            limits: &limits,
            decode_errors: &[("tcp", "bad-checksum")],
            limit_names: &["names_max"],
            conflicts: &["dns-registry"],
            config_time_seconds: 1.0,
            live: None,
        };
        let series = |counts| {
            let text = render_metrics(&input(counts)).unwrap();
            text.lines().filter(|line| !line.starts_with('#')).count()
        };
        let max = series_max(&input(&quiet)).unwrap();
        assert_eq!(series_max(&input(&busy)).unwrap(), max, "it depends on the configuration alone");
        assert!(series(&quiet) < series(&busy) && series(&busy) <= max, "{} {max}", series(&busy));
        // Of 27,040 pairs a family shows 10,000, and `other`.
        assert!(series(&busy) > SERIES_MAX && max < 25_000, "{} {max}", series(&busy));
    }
}
