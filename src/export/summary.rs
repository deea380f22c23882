//! The summary of a run as one JSON document (`--json`): `borderpost.summary/1`, docs/schema/summary.json. Keys are stable,
//! arrays are sorted, two runs over the same input print the same octets.

use serde_json::{Value, json};

use crate::model::{CaptureSummary, Counts};

/// The summary document.
pub fn summary_json(captures: &[CaptureSummary], counts: &Counts) -> Value {
    let frames = &counts.frames;
    json!({
        "schema": "borderpost.summary/1",
        "captures": captures.iter().map(capture).collect::<Vec<_>>(),
        "packets": {
            "total": frames.total, "ip": frames.ip, "non_ip": frames.non_ip,
            "malformed": frames.malformed, "fragments": frames.fragments,
        },
        "flows": {
            "total": counts.flows_tcp + counts.flows_udp + counts.flows_other,
            "tcp": counts.flows_tcp, "udp": counts.flows_udp, "other": counts.flows_other,
        },
        "egress": counts.egress.iter().map(|(to, c)| json!({
            "location": to.location, "control": to.control, "flows": c.flows, "packets": c.packets, "bytes": c.bytes,
            "inspected_bytes": c.inspected_bytes, "opaque_bytes": c.opaque_bytes, "missed_bytes": c.missed_bytes,
        })).collect::<Vec<_>>(),
        "findings": counts.findings.iter().map(|(key, tally)| json!({
            "signature": key.signature, "class": key.class, "location": key.to.location, "control": key.to.control,
            "count": tally.count, "flows": tally.flows,
        })).collect::<Vec<_>>(),
        "violations": counts.violations.iter().map(|(key, tally)| json!({
            "policy": key.rule.policy, "rule": key.rule.rule, "location": key.to.location, "control": key.to.control,
            "class": key.class, "severity": key.rule.severity,
            "flows": tally.flows, "count": tally.count, "bytes": tally.bytes,
        })).collect::<Vec<_>>(),
        "undetermined": counts.undetermined.iter().map(|((reason, location), tally)| json!({
            "reason": reason, "location": location, "flows": tally.flows, "bytes": tally.bytes,
        })).collect::<Vec<_>>(),
        "suspicions": counts.suspicions.iter().map(|(key, tally)| json!({
            "policy": key.rule.policy, "rule": key.rule.rule, "location": key.to.location, "control": key.to.control,
            "severity": key.rule.severity, "count": tally.count, "bytes": tally.bytes,
        })).collect::<Vec<_>>(),
        "jurisdiction_conflicts": counts.jurisdiction_conflicts.iter().map(|(between, flows)| json!({
            "between": between, "flows": flows,
        })).collect::<Vec<_>>(),
        "work": {
            "tcp_delivered_bytes": counts.tcp_delivered_bytes,
            "tcp_skipped_bytes": counts.tcp_skipped_bytes,
            "scanned_bytes": counts.scanned_bytes,
        },
        "losses": {
            "decode_errors": counts.decode_errors.iter().map(|((layer, reason), count)| json!({
                "layer": layer, "reason": reason, "count": count,
            })).collect::<Vec<_>>(),
            "flows_evicted": counts.flows_evicted,
            "reassembly_gaps": counts.reassembly_gaps,
            "acks": counts.acks,
            "acks_unseen": counts.acks_unseen,
            "acked_unseen_bytes": counts.acked_unseen_bytes,
            "retransmitted_bytes": counts.retransmitted_bytes,
            "conflicting_overlaps": counts.conflicting_overlaps,
            "limits_reached": counts.limits_reached,
        },
    })
}

fn capture(summary: &CaptureSummary) -> Value {
    json!({
        "path": summary.path,
        "format": summary.format,
        "packets": summary.packets,
        "bytes": summary.bytes,
        "first": summary.span.map(|(first, _)| first.to_string()),
        "last": summary.span.map(|(_, last)| last.to_string()),
        "complete": summary.complete,
        "error": summary.error,
    })
}
