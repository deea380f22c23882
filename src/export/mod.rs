//! Events and counts on their way out: tables for people, the HTML report, the JSON summary, JSON lines, CSV and Prometheus text.
//!
//! Every writer here is deterministic: ordered maps in, the same octets out. None of them can print a matched value, because
//! none is given one (see `model::Finding`).

mod csv;
mod events;
mod figures;
mod metrics;
mod report;
mod series;
mod summary;
mod tables;

pub use csv::{FLOW_COLUMNS, FlowTableWriter};
pub use events::{EventWriter, live_event_line};
pub use metrics::{LiveMetrics, MetricsInput, render_metrics, series_max};
pub use report::{Register, ReportInput, ReportPolicy, render_report};
pub use summary::summary_json;
pub use tables::{TableInput, Trail, render_tables};
