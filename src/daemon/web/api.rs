//! The JSON of `/api/v1`: bounded, sorted, as of docs/schema/api.json.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::daemon::shared::Shared;
use crate::daemon::sink::SinkKind;
use crate::export::summary_json;
use crate::model::Counts;

/// How it goes: interfaces, what is held, and the summary of everything counted so far.
pub(super) fn status(shared: &Shared) -> Vec<u8> {
    let status = shared.status();
    let interfaces: Vec<Value> = status
        .interfaces
        .iter()
        .map(|counts| {
            json!({
                "name": counts.name, "packets": counts.packets, "bytes": counts.bytes,
                "dropped_ring": counts.dropped_ring, "dropped_interface": counts.dropped_interface,
            })
        })
        .collect();
    let sinks: serde_json::Map<String, Value> =
        SinkKind::ALL.iter().map(|kind| (kind.as_str().to_owned(), shared.sink.dropped(*kind).into())).collect();
    line(&json!({
        "schema": "borderpost.status/1",
        "ready": shared.is_ready(),
        "interfaces": interfaces,
        "flows_active": status.holdings.flows,
        "events_dropped": sinks,
        "processes": shared.sink.processes.as_ref().map(|processes| {
            let tallies = &processes.tallies;
            json!({
                "openings": tallies.openings.load(Ordering::SeqCst), "found": tallies.found.load(Ordering::Relaxed),
                "gone": tallies.gone.load(Ordering::Relaxed), "missed": tallies.missed.load(Ordering::Relaxed),
                "waiting": tallies.waiting.load(Ordering::SeqCst),
            })
        }),
        "summary": summary_json(&status.captures(), &status.counts),
    }))
}

/// Jurisdictions by octets, the largest first.
pub(super) fn destinations(counts: &Counts, limit: usize) -> Vec<u8> {
    let mut rows: Vec<_> = counts.egress.iter().collect();
    rows.sort_by_key(|(to, egress)| (std::cmp::Reverse(egress.bytes), **to));
    let rows = rows.into_iter().take(limit).map(|(to, c)| {
        json!({
            "location": to.location, "control": to.control, "flows": c.flows, "packets": c.packets,
            "bytes": c.bytes, "inspected_bytes": c.inspected_bytes, "opaque_bytes": c.opaque_bytes,
            "missed_bytes": c.missed_bytes,
        })
    });
    line(&Value::Array(rows.collect()))
}

/// Events as a JSON array, newest first.
pub(super) fn latest<'a>(lines: impl DoubleEndedIterator<Item = &'a Arc<[u8]>>, limit: usize) -> Vec<u8> {
    let mut array = vec![b'['];
    for line in lines.rev().take(limit) {
        if array.len() > 1 {
            array.extend_from_slice(b",\n");
        }
        array.extend_from_slice(line);
    }
    array.extend_from_slice(b"]\n");
    array
}

fn line(value: &Value) -> Vec<u8> {
    format!("{value}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_event_comes_first() {
        let lines: Vec<Arc<[u8]>> = [&b"{\"a\":1}"[..], b"{\"a\":2}", b"{\"a\":3}"].map(Into::into).to_vec();
        assert_eq!(latest(lines.iter(), 2), b"[{\"a\":3},\n{\"a\":2}]\n");
        assert_eq!(latest(lines.iter().take(0), 2), b"[]\n");
    }
}
