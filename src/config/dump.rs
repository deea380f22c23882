//! Settings as text: what is in force, in the words of the configuration file, without secrets.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use super::Settings;
use crate::model::Limits;

impl Settings {
    /// What is in force, as TOML that means the same, in a fixed order. Keys are not shown, only whether there is one;
    /// policies, signatures and databases are shown by name.
    pub fn dump(&self) -> String {
        let mut out = String::new();
        let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
        let list = |items: &mut dyn Iterator<Item = String>| {
            let items: Vec<String> = items.map(|item| text(&item)).collect();
            format!("[{}]", items.join(", "))
        };
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        let mut line = |key: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{key} = {value}");
        };
        line("local", list(&mut self.local.iter().map(ToString::to_string)));
        if let Some(home) = self.home {
            line("home", text(home.as_str()));
        }
        line("policy", list(&mut self.policies.iter().map(|(name, _)| name.clone())));
        line("geoip", list(&mut self.geoip.iter().map(path)));
        line("geoip-max-age", text(&humantime::format_duration(self.geoip_max_age).to_string()));
        line("ranges", list(&mut self.ranges.iter().map(path)));
        line("signatures", list(&mut self.signatures.iter().map(|(name, _)| name.clone())));
        if !self.watch.is_empty() {
            let entries: Vec<String> = self
                .watch
                .iter()
                .map(|(file, key)| format!("{{ file = {}, key = {} }}", text(&path(file)), text(&path(key))))
                .collect();
            line("watch", format!("[{}]", entries.join(", ")));
        }
        if !self.areas.is_empty() {
            let entry =
                |(name, file): &(String, PathBuf)| format!("{{ name = {}, file = {} }}", text(name), text(&path(file)));
            line("areas", format!("[{}]", self.areas.iter().map(entry).collect::<Vec<_>>().join(", ")));
        }
        if let Some(filter) = &self.filter {
            line("filter", text(filter));
        }
        line("keylog", list(&mut self.keylog.iter().map(path)));
        for (key, output) in
            [("events", &self.events), ("flows", &self.flows), ("metrics", &self.metrics), ("report", &self.report)]
        {
            if let Some(output) = output {
                line(key, text(&path(output)));
            }
        }
        if let Some(threads) = self.threads {
            line("threads", threads.to_string());
        }
        line("json", self.json.to_string());
        if self.fail_on_violation {
            line("fail-on", text("violation"));
        }
        line("quiet", self.quiet.to_string());
        if let Some(site) = self.site {
            line("site", format!("{{ latitude = {:?}, longitude = {:?} }}", site.latitude, site.longitude));
        }
        if let Some(state) = &self.state {
            line("state", text(&path(state)));
        }
        self.live.dump(&mut line);
        let key = if self.digest_key.is_some() { "given, not shown" } else { "none: taken from the input" };
        let _ = writeln!(out, "# digest key: {key}");
        let _ = writeln!(out, "\n[limits]");
        for (key, value) in limits(&self.limits) {
            let _ = writeln!(out, "{key} = {value}");
        }
        let _ = writeln!(out, "\n[overload]");
        for (key, value) in self.limits.overload.consequences() {
            let _ = writeln!(out, "{key} = {}", text(value));
        }
        for entry in &self.overrides {
            let _ = writeln!(out, "\n[[overrides]] # {}", entry.origin.escape_debug());
            let _ = writeln!(out, "prefix = {}", text(&entry.prefix.to_string()));
            for (key, country) in [("location", entry.location), ("control", entry.control)] {
                if let Some(country) = country {
                    let _ = writeln!(out, "{key} = {}", text(country.as_str()));
                }
            }
            let _ = writeln!(out, "label = {}", text(&entry.label));
        }
        for entry in &self.services {
            let _ = writeln!(out, "\n[[services]] # {}", entry.source.escape_debug());
            let fields = [
                ("suffix", &entry.suffix),
                ("service", &entry.service),
                ("operator", &entry.operator),
                ("class", &entry.class),
            ];
            for (key, value) in fields {
                let _ = writeln!(out, "{key} = {}", text(value));
            }
            let _ = writeln!(out, "operator-home = {}", list(&mut entry.operator_home.iter().map(ToString::to_string)));
            if let Some(parent) = entry.parent_home {
                let _ = writeln!(out, "parent-home = {}", text(parent.as_str()));
            }
        }
        out
    }
}

/// Every limit with its value as configuration writes it.
pub(super) fn limits(limits: &Limits) -> [(&'static str, String); 22] {
    let time = |time: Duration| format!("\"{}\"", humantime::format_duration(time));
    // No `..`: a limit that configuration does not know must not compile.
    let Limits {
        // A table of its own.
        overload: _,
        flows_max,
        held_bytes_max,
        held_bytes_per_stream_max,
        fragment_bytes_max,
        fragment_trains_max,
        fragment_timeout,
        document_bytes_max,
        scan_bytes_per_second_max,
        decode_ratio_max,
        decode_free_bytes,
        decoded_bytes_max,
        nesting_max,
        image_bytes_max,
        image_pixels_max,
        image_pixels_per_second_max,
        findings_per_flow_max,
        names_max,
        tcp_idle_timeout,
        tcp_closed_timeout,
        datagram_idle_timeout,
        hole_timeout,
        encapsulation_max,
    } = limits;
    [
        ("flows_max", flows_max.to_string()),
        ("held_bytes_max", held_bytes_max.to_string()),
        ("held_bytes_per_stream_max", held_bytes_per_stream_max.to_string()),
        ("fragment_bytes_max", fragment_bytes_max.to_string()),
        ("fragment_trains_max", fragment_trains_max.to_string()),
        ("fragment_timeout", time(*fragment_timeout)),
        ("document_bytes_max", document_bytes_max.to_string()),
        ("scan_bytes_per_second_max", scan_bytes_per_second_max.to_string()),
        ("decode_ratio_max", decode_ratio_max.to_string()),
        ("decode_free_bytes", decode_free_bytes.to_string()),
        ("decoded_bytes_max", decoded_bytes_max.to_string()),
        ("nesting_max", nesting_max.to_string()),
        ("image_bytes_max", image_bytes_max.to_string()),
        ("image_pixels_max", image_pixels_max.to_string()),
        ("image_pixels_per_second_max", image_pixels_per_second_max.to_string()),
        ("findings_per_flow_max", findings_per_flow_max.to_string()),
        ("names_max", names_max.to_string()),
        ("tcp_idle_timeout", time(*tcp_idle_timeout)),
        ("tcp_closed_timeout", time(*tcp_closed_timeout)),
        ("datagram_idle_timeout", time(*datagram_idle_timeout)),
        ("hole_timeout", time(*hole_timeout)),
        ("encapsulation_max", encapsulation_max.to_string()),
    ]
}
