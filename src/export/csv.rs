//! The flow table as CSV (RFC 4180 with a header row), sorted by first packet. Rows arrive when flows end, in another order, so
//! they are collected in sorted runs: in memory up to a bound, then spilled to unnamed temporary files and merged at the end.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};

use crate::model::{FlowView, proto_name};

/// The columns, a contract.
pub const FLOW_COLUMNS: &str = "flow_id,community_id,scope,proto,src_ip,src_port,dest_ip,dest_port,initiator,vlan,tunnel,app_proto,\
server_name,server_name_source,location,control,packets_out,bytes_out,packets_in,bytes_in,first,last,inspection,verdict";

/// Rows held in memory before a run is spilled: some 60 MiB.
const ROWS_MAX: usize = 200_000;

/// Collects flows and writes them sorted by flow id, which is the number of the first packet.
pub struct FlowTableWriter<W: Write> {
    out: W,
    rows: Vec<(u64, String)>,
    rows_max: usize,
    runs: Vec<File>,
}

impl<W: Write> FlowTableWriter<W> {
    /// A writer to `out`.
    pub fn new(out: W) -> Self {
        Self { out, rows: Vec::new(), rows_max: ROWS_MAX, runs: Vec::new() }
    }

    /// Adds one ended flow.
    ///
    /// # Errors
    /// When a run cannot be spilled to a temporary file.
    pub fn add(&mut self, flow: &FlowView) -> io::Result<()> {
        self.rows.push((flow.flow_id, row(flow)));
        if self.rows.len() >= self.rows_max { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.rows.sort_unstable_by_key(|(id, _)| *id);
        let mut run = BufWriter::new(tempfile::tempfile()?);
        for (_, row) in self.rows.drain(..) {
            writeln!(run, "{row}")?;
        }
        let mut run = run.into_inner().map_err(io::IntoInnerError::into_error)?;
        run.rewind()?;
        self.runs.push(run);
        Ok(())
    }

    /// Writes the header and all rows.
    ///
    /// # Errors
    /// Whatever the output or a temporary file says.
    pub fn finish(mut self) -> io::Result<()> {
        writeln!(self.out, "{FLOW_COLUMNS}")?;
        self.rows.sort_unstable_by_key(|(id, _)| *id);
        let mut tail = std::mem::take(&mut self.rows).into_iter().map(|(_, row)| row).peekable();
        let mut runs = Vec::with_capacity(self.runs.len());
        for run in std::mem::take(&mut self.runs) {
            let mut lines = BufReader::new(run).lines();
            if let Some(head) = lines.next().transpose()? {
                runs.push((head, lines));
            }
        }
        loop {
            // Few runs: a linear look for the smallest is simpler than a heap and as fast.
            let smallest = (0..runs.len()).min_by_key(|&i| runs.get(i).map(|(head, _)| flow_id(head)));
            let from_runs = smallest.and_then(|i| runs.get(i)).map(|(head, _)| flow_id(head));
            match (from_runs, tail.peek().map(|row| flow_id(row))) {
                (None, None) => break,
                (Some(a), b) if b.is_none_or(|b| a < b) => {
                    let Some(i) = smallest else { break };
                    let Some((head, lines)) = runs.get_mut(i) else { break };
                    writeln!(self.out, "{head}")?;
                    match lines.next().transpose()? {
                        Some(next) => *head = next,
                        None => drop(runs.remove(i)),
                    }
                }
                _ => {
                    if let Some(row) = tail.next() {
                        writeln!(self.out, "{row}")?;
                    }
                }
            }
        }
        self.out.flush()
    }
}

fn flow_id(row: &str) -> u64 {
    row.split(',').next().and_then(|id| id.parse().ok()).unwrap_or(u64::MAX)
}

fn row(flow: &FlowView) -> String {
    let tunnel = flow.tunnel.map_or(String::new(), |tunnel| {
        format!("{}/{}/{}>{}", tunnel.kind, tunnel.vni, tunnel.outer_src, tunnel.outer_dst)
    });
    let (name, source) = match &flow.server_name {
        Some((name, source)) => (quoted(name), source.as_str()),
        None => (String::new(), ""),
    };
    let mut row = String::with_capacity(280);
    // Writing to a String cannot fail.
    let _ = write!(
        row,
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
        flow.flow_id,
        flow.community_id,
        flow.scope,
        proto_name(flow.proto),
        flow.src.0,
        flow.src.1,
        flow.dest.0,
        flow.dest.1,
        flow.initiator.map_or("", |initiator| initiator.as_str()),
        if flow.vlan == 0 { String::new() } else { flow.vlan.to_string() },
        tunnel,
        flow.app_proto,
        name,
        source,
        flow.destination.location,
        flow.destination.control,
        flow.packets_out,
        flow.bytes_out,
        flow.packets_in,
        flow.bytes_in,
        flow.first,
        flow.last,
        flow.inspection.as_str(),
        flow.verdict,
    );
    row
}

/// A field that came from the wire: quoted where RFC 4180 asks for it. Line breaks were refused when the name was learnt, and a
/// leading `=`, `+`, `-` or `@` gets a quote so that no spreadsheet runs it.
fn quoted(field: &str) -> String {
    let risky = field.starts_with(['=', '+', '-', '@']);
    if risky || field.contains([',', '"', '\n', '\r']) {
        let clean = field.replace(['\n', '\r'], " ").replace('"', "\"\"");
        format!("\"{}{clean}\"", if risky { "'" } else { "" })
    } else {
        field.to_owned()
    }
}
