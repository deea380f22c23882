//! `borderpost explain`: every piece of evidence for the jurisdiction of an address or a name, the deciding ones marked.

use std::fmt::Write as _;
use std::net::IpAddr;

use comfy_table::{Cell, ContentArrangement, Table, presets};
use serde_json::json;

use super::args::ExplainArgs;
use super::rules::{self, Loaded};
use super::{Done, Failure, colour, print, width};
use crate::model::Evidence;

pub(super) fn explain(args: ExplainArgs) -> Result<Done, Failure> {
    let settings = rules::settings(args.common.flags(), args.common.config.as_deref())?;
    let loaded = Loaded::load(settings)?;
    let (addr, name) = match args.what.parse::<IpAddr>() {
        Ok(addr) => (Some(addr), args.name),
        Err(_) => (None, Some(args.what.to_lowercase())),
    };
    let (place, evidence) = match addr {
        Some(addr) => (loaded.locator.locate(addr, name.as_deref()), loaded.locator.evidence(addr, name.as_deref())),
        None => {
            let name = name.as_deref().unwrap_or_default();
            (loaded.locator.locate_name(name), loaded.locator.evidence_of_name(name))
        }
    };
    if args.json {
        let document = json!({
            "address": addr, "name": name, "location": place.location, "control": place.control, "asn": place.asn,
            "as_org": place.as_org, "operator": place.operator, "service": place.service,
            "service_class": place.service_class, "evidence": evidence,
        });
        print(&format!("{document:#}\n"))?;
        return Ok(Done::Well);
    }
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}: location {}, control {}", args.what, place.location, place.control);
    if let Some(service) = &place.service {
        let operator = place.operator.as_deref().unwrap_or("unknown");
        let _ = writeln!(text, "service {service}, operated by {operator}");
    }
    if let Some(asn) = place.asn {
        let _ = writeln!(text, "AS{asn} {}", place.as_org.as_deref().unwrap_or_default());
    }
    let _ = writeln!(text, "\n{}", evidence_table(&evidence));
    for line in rules::attribution(&loaded.locator) {
        let _ = writeln!(text, "{line}");
    }
    print(&text)?;
    Ok(Done::Well)
}

fn evidence_table(evidence: &[Evidence]) -> String {
    if evidence.is_empty() {
        return "No evidence.\n".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(width());
    if colour() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(["", "ABOUT", "SAYS", "SOURCE", "MATCHED", "CONFIDENCE", "ORIGIN"]);
    for piece in evidence {
        table.add_row(vec![
            Cell::new(if piece.deciding { "*" } else { "" }),
            Cell::new(piece.facet),
            Cell::new(piece.country),
            Cell::new(piece.source),
            Cell::new(&piece.matched),
            Cell::new(format!("{}%", piece.confidence)),
            Cell::new(&piece.origin),
        ]);
    }
    let lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n(* decided)\n", lines.join("\n"))
}
