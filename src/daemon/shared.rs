//! What the packet path and the control plane see of each other: counts go one way, rules and the wish to stop the other. Each is a
//! pointer swapped under a lock that is held for the swap only.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hyper::body::Bytes;

use super::Ruleset;
use super::log::Log;
use super::sink::{SinkKind, SinkState, lock};
use super::state::StateSaves;
use super::web::Checked;
use crate::engine::Holdings;
use crate::export::{LiveMetrics, MetricsInput, render_metrics};
use crate::model::{CaptureSummary, Country, Counts, InterfaceCounts, Limits};

/// The packet path stands still if it did not turn for so long. It turns at least ten times a second.
const STANDSTILL: Duration = Duration::from_secs(5);

/// Builds rules from the configuration as it is on disk now, or says what is wrong with it.
pub type Loader = Box<dyn Fn() -> Result<Ruleset, Vec<String>> + Send + Sync>;

/// What was counted up to a moment.
#[derive(Default)]
pub struct Status {
    /// All counts.
    pub counts: Counts,
    /// What the engine holds.
    pub holdings: Holdings,
    /// By interface.
    pub interfaces: Vec<InterfaceCounts>,
    /// Interfaces captured now.
    pub open: usize,
}

impl Status {
    /// Interfaces in the words of captures.
    pub fn captures(&self) -> Vec<CaptureSummary> {
        let summary = |counts: &InterfaceCounts| {
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
        self.interfaces.iter().map(summary).collect()
    }
}

/// Everything that metrics are made of, but `process_*`. Counts and rules that were replaced are not kept alive by it.
struct Told {
    status: Weak<Status>,
    ruleset: Weak<Ruleset>,
    /// Whether the last reload succeeded, and when one last did.
    reload: (bool, SystemTime),
    sinks: [u64; SinkKind::ALL.len()],
    spill: (u64, u64),
    state_saves: Option<(f64, u64)>,
}

impl Told {
    fn is(&self, other: &Self) -> bool {
        self.status.ptr_eq(&other.status)
            && self.ruleset.ptr_eq(&other.ruleset)
            && self.reload == other.reload
            && (self.sinks, self.spill, self.state_saves) == (other.sinks, other.spill, other.state_saves)
    }
}

/// See the module.
pub(super) struct Shared {
    pub(super) log: Arc<Log>,
    pub(super) limits: Limits,
    pub(super) lifecycle: bool,
    pub(super) sink: Arc<SinkState>,
    pub(super) loader: Loader,
    /// Saves of what thresholds count, if it is kept.
    pub(super) state_saves: Option<Arc<StateSaves>>,
    /// Held while rules are built, so that reloads do not overtake each other.
    pub(super) reloading: tokio::sync::Mutex<()>,
    /// Credentials that were checked.
    pub(super) checked: Checked,
    stop: AtomicBool,
    turns: AtomicU64,
    last_turn: Mutex<(u64, Instant)>,
    status: Mutex<Arc<Status>>,
    rules: Mutex<Arc<Ruleset>>,
    rules_are_new: AtomicBool,
    reload: Mutex<(bool, SystemTime)>,
    /// The last metrics, with what they tell.
    rendered: Mutex<Option<(Told, Bytes)>>,
}

impl Shared {
    pub(super) fn new(
        log: Arc<Log>,
        limits: Limits,
        lifecycle: bool,
        sink: Arc<SinkState>,
        loader: Loader,
        rules: Ruleset,
        checked: Checked,
    ) -> Self {
        Self {
            log,
            limits,
            lifecycle,
            sink,
            loader,
            state_saves: None,
            reloading: tokio::sync::Mutex::default(),
            checked,
            stop: AtomicBool::new(false),
            turns: AtomicU64::new(0),
            last_turn: Mutex::new((0, Instant::now())),
            status: Mutex::default(),
            rules: Mutex::new(Arc::new(rules)),
            rules_are_new: AtomicBool::new(false),
            reload: Mutex::new((true, SystemTime::now())),
            rendered: Mutex::default(),
        }
    }

    /// Asks the packet path to end.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Said by the packet path each time it comes round.
    pub(super) fn turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the packet path came round lately. Asked at least every few seconds, by the watchdog's clock or by whoever looks.
    pub(super) fn is_moving(&self) -> bool {
        let turns = self.turns.load(Ordering::Relaxed);
        let mut last = lock(&self.last_turn);
        if last.0 != turns {
            *last = (turns, Instant::now());
        }
        last.1.elapsed() < STANDSTILL
    }

    pub(super) fn is_ready(&self) -> bool {
        self.status().open > 0
    }

    pub(super) fn publish(&self, status: Status) {
        *lock(&self.status) = Arc::new(status);
    }

    pub(super) fn status(&self) -> Arc<Status> {
        lock(&self.status).clone()
    }

    /// Hands new rules to the packet path, which takes them up at its next turn.
    pub(super) fn offer(&self, rules: Ruleset) {
        *lock(&self.rules) = Arc::new(rules);
        self.rules_are_new.store(true, Ordering::Release);
    }

    pub(super) fn rules(&self) -> Arc<Ruleset> {
        lock(&self.rules).clone()
    }

    /// Rules that were offered since the last call.
    pub(super) fn take_rules(&self) -> Option<Arc<Ruleset>> {
        if self.rules_are_new.load(Ordering::Relaxed) && self.rules_are_new.swap(false, Ordering::AcqRel) {
            return Some(self.rules());
        }
        None
    }

    /// Notes how a reload ended.
    pub(super) fn note_reload(&self, successful: bool) {
        let mut state = lock(&self.reload);
        state.0 = successful;
        if successful {
            state.1 = SystemTime::now();
        }
    }

    /// Metrics as Prometheus text. They are made once for what they tell: whoever asks meanwhile gets the same text, so that many
    /// scrapes cost no more than one. What `process_*` says is as old as the counts are, a second at most.
    pub(super) fn metrics(&self) -> Result<Bytes, prometheus::Error> {
        let (status, ruleset) = (self.status(), self.rules());
        let told = Told {
            status: Arc::downgrade(&status),
            ruleset: Arc::downgrade(&ruleset),
            reload: *lock(&self.reload),
            sinks: SinkKind::ALL.map(|kind| self.sink.dropped(kind)),
            spill: (self.sink.spilled.load(Ordering::Relaxed), self.sink.spill_bytes.load(Ordering::Relaxed)),
            state_saves: self.state_saves.as_ref().map(|saves| (saves.saved_seconds(), saves.failures())),
        };
        let mut last = lock(&self.rendered);
        if let Some((known, text)) = &*last
            && known.is(&told)
        {
            return Ok(text.clone());
        }
        let text = Bytes::from(self.render(&status, &ruleset, &told)?);
        *last = Some((told, text.clone()));
        Ok(text)
    }

    fn render(&self, status: &Status, ruleset: &Ruleset, told: &Told) -> Result<String, prometheus::Error> {
        let Told { reload: (reload_successful, reload_time), sinks, spill, state_saves, .. } = told;
        let rules = &ruleset.rules;
        let signatures = crate::scan::finding_kinds(&rules.catalogue, &rules.watch);
        let policies: Vec<_> = rules.policy.rules().cloned().collect();
        let databases: Vec<_> =
            rules.locator.databases().iter().map(|db| (db.name.clone(), db.build_epoch_s)).collect();
        let mut locations = vec![Country::UNKNOWN];
        locations.extend(ruleset.home);
        render_metrics(&MetricsInput {
            captures: &[],
            counts: &status.counts,
            signatures: &signatures,
            rules: &policies,
            policies: &rules.policy.facts(),
            locations: &locations,
            databases: &databases,
            limits: &self.limits,
            decode_errors: crate::wire::WireCounts::ERROR_SERIES,
            limit_names: &crate::engine::limit_names(),
            conflicts: &crate::geo::CONFLICTS,
            config_time_seconds: reload_time.duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64()),
            live: Some(LiveMetrics {
                interfaces: &status.interfaces,
                flows_active: status.holdings.flows,
                memory_used: [
                    ("reassembly", status.holdings.reassembly_bytes),
                    ("fragments", status.holdings.fragment_bytes),
                    ("documents", status.holdings.document_bytes),
                ],
                sinks: &SinkKind::ALL.map(|kind| (kind.as_str(), sinks[kind as usize])),
                spill: *spill,
                reload_successful: *reload_successful,
                state_saves: *state_saves,
            }),
        })
    }
}
