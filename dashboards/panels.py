"""What the dashboards show: one entry a panel. build.py makes Grafana's JSON of it, prove.py runs every query, draw.py draws them."""

# Where docs/ is served. Put your own address here, and into rules/alerts.yml.
DOCS = "https://borderpost.example/docs"

HOST = 'instance=~"$instance"'
PLACE = HOST + ', dst_location=~"$jurisdiction"'
RULE = PLACE + ', rule=~"$rule"'
NOWHERE = HOST + ', dst_location="ZZ"'


def rate(metric, labels, by, window="$__rate_interval", ago=""):
    return f"sum by ({by}) (rate(borderpost_{metric}{{{labels}}}[{window}]{ago and f' offset {ago}'}))"


def grown(metric, labels, by, window="$__range"):
    """How much a counter grew. A series that began within the window, at a sensor that was there before, counts as a whole:
    increase() does not see the step from nothing to the first value."""
    series = f"borderpost_{metric}{{{labels}}}"
    new = f"(({series} unless {series} offset {window}) and on (instance) (borderpost_build_info offset {window}))"
    total = f"({new} or increase({series}[{window}]))"
    return f"sum by ({by}) {total}" if by else f"sum{total}"


def share(part, whole):
    return f"{part} / ({whole} > 0)"


GOOD_WARN_BAD = [(None, "green"), (0.05, "orange"), (0.2, "red")]
ANY_IS_BAD = [(None, "green"), (1, "red")]
SEVERITIES = {"critical": "dark-red", "high": "red", "medium": "orange", "low": "yellow", "info": "blue"}
VERDICTS = {"allowed": "green", "undetermined": "orange", "violation": "red"}

EGRESS = "egress_bytes_total"
UNREAD = "egress_uninspected_bytes_total"
VIOLATIONS = "violations_total"
SUSPICIONS = "suspicions_total"

LAST_HOUR = rate(EGRESS, PLACE, "dst_location", "1h")
CHANGE = f"{LAST_HOUR} - ({rate(EGRESS, PLACE, 'dst_location', '1h', ago='1d')} or 0 * {LAST_HOUR})"

OVERVIEW = {
    "file": "border-overview", "uid": "borderpost-border", "title": "Borderpost: border overview",
    "description": "What leaves the monitored networks, to which jurisdictions, and under which verdicts.",
    "variables": ["instance", "jurisdiction", "rule"],
    "sections": [
        ("Now", [
            {"kind": "stat", "title": "Leaving", "size": (4, 4), "unit": "Bps", "graph": True,
             "description": "IP octets a second from monitored networks to elsewhere.",
             "queries": [f"sum(rate(borderpost_{EGRESS}{{{PLACE}}}[$__rate_interval]))"]},
            {"kind": "stat", "title": "Violations, last hour", "size": (4, 4), "steps": ANY_IS_BAD, "decimals": 0,
             "empty": "0", "runbook": "BorderpostViolationCritical",
             "description": "Crossings that a rule forbids, of all severities.",
             "queries": [grown(VIOLATIONS, RULE, "", "1h")]},
            {"kind": "stat", "title": "Undetermined, last hour", "size": (4, 4), "unit": "percentunit", "steps": GOOD_WARN_BAD,
             "min": 0, "max": 1, "runbook": "BorderpostUndeterminedRising",
             "description": "The share of octets whose flow has no verdict: its jurisdiction is unknown, or it could not be read. "
                            "Unread is never clean.",
             "queries": [share(f'sum(rate(borderpost_{EGRESS}{{{PLACE}, verdict="undetermined"}}[1h]))',
                               f"sum(rate(borderpost_{EGRESS}{{{PLACE}}}[1h]))")]},
            {"kind": "stat", "title": "Not read, last hour", "size": (4, 4), "unit": "percentunit", "min": 0, "max": 1,
             "steps": [(None, "green"), (0.5, "orange"), (0.9, "red")],
             "description": "The share of octets that were encrypted, lost or of an unknown protocol.",
             "queries": [share(f"sum(rate(borderpost_{UNREAD}{{{PLACE}}}[1h]))",
                               f"sum(rate(borderpost_{EGRESS}{{{PLACE}}}[1h]))")]},
            {"kind": "stat", "title": "Jurisdictions reached", "size": (4, 4), "decimals": 0,
             "description": "Locations that any octets went to since the sensors started.",
             "queries": [f"count(sum by (dst_location) (borderpost_{EGRESS}{{{PLACE}}}) > 0)"]},
            {"kind": "stat", "title": "Sensors", "size": (4, 4), "decimals": 0, "steps": [(None, "red"), (1, "green")],
             "empty": "none", "runbook": "BorderpostSensorDown", "description": "Sensors that answer.",
             "queries": [f"count(borderpost_build_info{{{HOST}}})"]},
        ]),
        ("Where it goes", [
            {"kind": "geomap", "title": "Where octets went", "size": (14, 11), "unit": "bytes",
             "description": "IP octets in the time shown, by location of the destination's address.",
             "queries": [f"{grown(EGRESS, PLACE, 'dst_location')} > 0"]},
            {"kind": "table", "title": "Destinations", "size": (10, 11), "unit": "bytes", "sort": "Octets",
             "description": "IP octets in the time shown by location (where the address is), control (who operates the service) "
                            "and verdict of the flow.",
             "queries": [f"{grown(EGRESS, PLACE, 'dst_location, dst_control, verdict')} > 0"],
             "rename": {"dst_location": "Location", "dst_control": "Control", "verdict": "Verdict", "Value": "Octets"}},
            {"kind": "timeseries", "title": "Leaving by jurisdiction", "unit": "Bps", "stack": True,
             "description": "The ten locations that most octets go to.",
             "queries": [(f"topk(10, {rate(EGRESS, PLACE, 'dst_location')})", "{{dst_location}}")]},
            {"kind": "bargauge", "title": "Biggest changes since yesterday", "unit": "Bps",
             "description": "The last hour less the same hour a day ago: the ten locations where most changed.",
             "queries": [(f"({CHANGE}) and topk(10, abs({CHANGE}))", "{{dst_location}}")]},
        ]),
        ("What it is", [
            {"kind": "timeseries", "title": "Verdicts", "unit": "Bps", "stack": True, "colours": VERDICTS,
             "description": "Octets by verdict of their flow. Undetermined is not allowed.",
             "queries": [(rate(EGRESS, PLACE, "verdict"), "{{verdict}}")]},
            {"kind": "timeseries", "title": "Violations", "unit": "short", "colours": SEVERITIES, "min": 0,
             "runbook": "BorderpostViolationCritical",
             "description": "Crossings that a rule forbids, in the five minutes before, by severity.",
             "queries": [(grown(VIOLATIONS, RULE, "severity", "5m"), "{{severity}}")]},
            {"kind": "timeseries", "title": "User data found", "unit": "short", "min": 0,
             "description": "Findings in outbound traffic in the five minutes before, allowed or not, by class of data.",
             "queries": [(f"{grown('findings_total', PLACE, 'data_class', '5m')} > 0", "{{data_class}}")]},
            {"kind": "table", "title": "First seen", "unit": "short", "sort": "First seen", "runbook": "BorderpostNewJurisdiction",
             "description": "When each jurisdiction was first sent to, by any sensor, as far as Prometheus remembers "
                            "(recording rule borderpost:location_first_seen:timestamp_seconds).",
             "queries": ['borderpost:location_first_seen:timestamp_seconds{dst_location=~"$jurisdiction"} * 1000'],
             "hide": ["instance"], "rename": {"dst_location": "Location", "Value": "First seen"},
             "columns": {"First seen": {"unit": "dateTimeAsIso"}}},
        ]),
    ],
}

EVENTS_LINK = [{"title": "Latest violations of ${__data.fields.Host}", "targetBlank": True,
                "url": "http://${__data.fields.Host}/api/v1/violations?limit=100"}]

VIOLATIONS_BOARD = {
    "file": "violations", "uid": "borderpost-violations", "title": "Borderpost: violations",
    "description": "Which rules are broken, from which hosts, towards which jurisdictions, with what data.",
    "variables": ["instance", "jurisdiction", "rule"],
    "sections": [
        ("In the time shown", [
            *({"kind": "stat", "title": name.capitalize(), "size": (6, 4), "decimals": 0, "empty": "0",
               "steps": [(None, "green"), (1, SEVERITIES[name])], "runbook": runbook,
               "description": f"Crossings that a rule of severity {name} forbids.",
               "queries": [grown(VIOLATIONS, RULE + f', severity="{name}"', "")]}
              for name, runbook in [("critical", "BorderpostViolationCritical"), ("high", "BorderpostViolationHigh"),
                                    ("medium", "BorderpostViolationOther"), ("low", "BorderpostViolationOther")]),
            {"kind": "timeseries", "title": "By rule", "min": 0, "runbook": "BorderpostViolationCritical",
             "description": "Crossings in the five minutes before, by policy and rule.",
             "queries": [(grown(VIOLATIONS, RULE, "policy, rule", "5m"), "{{policy}}/{{rule}}")]},
            {"kind": "timeseries", "title": "By jurisdiction", "min": 0, "runbook": "BorderpostViolationCritical",
             "description": "Crossings in the five minutes before, by location of the destination.",
             "queries": [(f"{grown(VIOLATIONS, RULE, 'dst_location', '5m')} > 0", "{{dst_location}}")]},
            {"kind": "bargauge", "title": "By host", "runbook": "BorderpostViolationCritical",
             "description": "Crossings in the time shown, by the sensor that saw them.",
             "queries": [(f"topk(20, {grown(VIOLATIONS, RULE, 'instance')})", "{{instance}}")]},
            {"kind": "bargauge", "title": "Data found, by class",
             "description": "User data in outbound traffic in the time shown, allowed or not: violations are counted by rule, findings by class.",
             "queries": [(f"topk(20, {grown('findings_total', PLACE, 'data_class')} > 0)", "{{data_class}}")]},
        ]),
        ("In detail", [
            {"kind": "table", "title": "Violations", "size": (24, 10), "sort": "Crossings", "links": EVENTS_LINK,
             "runbook": "BorderpostViolationCritical",
             "description": "Each rule, jurisdiction and host with crossings in the time shown. A click leads to the latest events of the "
                            "host (borderpost's /api/v1/violations, if your browser reaches it).",
             "queries": [f"{grown(VIOLATIONS, RULE, 'severity, policy, rule, dst_location, instance')} > 0"],
             "rename": {"severity": "Severity", "policy": "Policy", "rule": "Rule", "dst_location": "Location", "instance": "Host",
                        "Value": "Crossings"}},
            {"kind": "table", "title": "Data found", "sort": "Findings",
             "description": "Signatures found in outbound traffic in the time shown, by jurisdiction, allowed or not.",
             "queries": [f"{grown('findings_total', PLACE, 'data_class, signature, dst_location')} > 0"],
             "rename": {"data_class": "Class", "signature": "Signature", "dst_location": "Location", "Value": "Findings"}},
            {"kind": "table", "title": "Thresholds that came near", "runbook": "BorderpostThresholdNear", "sort": "Times",
             "empty": "no rule counts persons or devices",
             "description": "How often a count of persons or devices came to eight tenths of what its rule lets go, since the sensor started.",
             "queries": [f'sum by (policy, rule, instance) (borderpost_threshold_near_total{{{HOST}, rule=~"$rule"}})'],
             "rename": {"policy": "Policy", "rule": "Rule", "instance": "Host", "Value": "Times"}},
            {"kind": "table", "title": "Exceptions", "runbook": "BorderpostExceptionExpiring", "sort": "Lapses in",
             "empty": "no exceptions",
             "description": "Exceptions to rules, and how long they last still.",
             "queries": [f'borderpost_exception_expiry_timestamp_seconds{{{HOST}, rule=~"$rule"}} - time()'],
             "rename": {"policy": "Policy", "rule": "Rule", "instance": "Host", "exception": "Exception", "Value": "Lapses in"},
             "columns": {"Lapses in": {"unit": "s"}}},
            {"kind": "table", "title": "Policies in force", "hide": ["Value"],
             "description": "Each policy with its version, by host: a host that differs has not taken up the change.",
             "queries": [f"borderpost_policy_info{{{HOST}}}"],
             "rename": {"policy": "Policy", "version": "Version", "instance": "Host"}},
        ]),
    ],
}

# A place where all was read has no series of what was not.
SENT = grown(EGRESS, PLACE, "dst_location")

BLIND_SPOTS = {
    "file": "blind-spots", "uid": "borderpost-blind", "title": "Borderpost: blind spots",
    "description": "What was not read, not captured or not judged, and why. Unread is never clean.",
    "variables": ["instance", "jurisdiction"],
    "sections": [
        ("Coverage", [
            {"kind": "bargauge", "title": "Read, by jurisdiction", "unit": "percentunit", "min": 0, "max": 1, "size": (8, 10),
             "steps": [(None, "red"), (0.1, "orange"), (0.5, "green")],
             "description": "The share of octets in the time shown whose content was read.",
             "queries": [(f"1 - ({grown(UNREAD, PLACE, 'dst_location')} or 0 * {SENT}) / ({SENT} > 0)", "{{dst_location}}")]},
            {"kind": "timeseries", "title": "Not read, by reason", "unit": "Bps", "stack": True, "size": (16, 10),
             "description": "Octets that were not read, and why: encrypted, a relay or tunnel, a protocol that is not known or not decodable, "
                            "lost to a gap or limit.",
             "queries": [(rate(UNREAD, PLACE, "reason"), "{{reason}}")]},
            {"kind": "timeseries", "title": "Undetermined, by host", "unit": "percentunit", "min": 0, "max": 1, "runbook": "BorderpostUndeterminedRising",
             "steps": [(None, "green"), (0.1, "red")],
             "description": "The share of octets without a verdict, over the hour before. The line is where the alert begins to look.",
             "queries": [(share(rate(EGRESS, PLACE + ', verdict="undetermined"', "instance", "1h"), rate(EGRESS, PLACE, "instance", "1h")), "{{instance}}")]},
            {"kind": "table", "title": "Not read, in detail", "unit": "bytes", "sort": "Octets",
             "description": "Octets in the time shown that were not read, by jurisdiction and reason.",
             "queries": [f"{grown(UNREAD, PLACE, 'dst_location, reason')} > 0"],
             "rename": {"dst_location": "Location", "reason": "Reason", "Value": "Octets"}},
        ]),
        # Rules of policies that ask of it: [[suspicion]] in docs/policy.md.
        ("Suspicious by volume and shape", [
            {"kind": "timeseries", "title": "Suspicions", "unit": "short", "min": 0, "decimals": 0, "colours": SEVERITIES, "size": (8, 8),
             "runbook": "BorderpostSuspicion", "empty": "no rule suspects",
             "description": "Sums of unread octets that came to what a rule calls suspicious, in the hour before, by severity. A sum is one day's and "
                            "one group's, most often of one recipient; no verdict comes of it.",
             "queries": [(grown(SUSPICIONS, PLACE, "severity", "1h"), "{{severity}}")]},
            {"kind": "table", "title": "Suspicions, in detail", "size": (16, 8), "sort": "Suspicions", "runbook": "BorderpostSuspicion", "empty": "none",
             "description": "Each rule, jurisdiction and host with suspicions in the time shown. Who sent and to whom is in the events of type "
                            "`suspicion` of the host.",
             "queries": [f"{grown(SUSPICIONS, PLACE, 'severity, policy, rule, dst_location, instance')} > 0"],
             "rename": {"severity": "Severity", "policy": "Policy", "rule": "Rule", "dst_location": "Location", "instance": "Host",
                        "Value": "Suspicions"}},
        ]),
        ("Lost before it could be read", [
            {"kind": "timeseries", "title": "Frames lost", "unit": "percentunit", "min": 0, "runbook": "BorderpostCaptureLoss",
             "steps": [(None, "green"), (0.001, "red")],
             "description": "The share of frames lost before they could be read, by host and reason. The line is the objective: one in a thousand.",
             "queries": [(f"sum by (instance, reason) (rate(borderpost_capture_dropped_packets_total{{{HOST}}}[$__rate_interval])) / ignoring (reason) "
                          f"group_left () (sum by (instance) (rate(borderpost_capture_packets_total{{{HOST}}}[$__rate_interval])) + "
                          f"sum by (instance) (rate(borderpost_capture_dropped_packets_total{{{HOST}}}[$__rate_interval])) > 0)", "{{instance}} {{reason}}")]},
            {"kind": "timeseries", "title": "Loss told by acknowledgements", "unit": "percentunit", "min": 0, "runbook": "BorderpostCaptureLoss",
             "description": "The share of TCP acknowledgements of octets that were never seen: what was lost before it came to this host, too. "
                            "Near 1 where only one direction is captured.",
             "queries": [(share(rate("capture_acks_unseen_total", HOST, "instance"), rate("capture_acks_total", HOST, "instance")), "{{instance}}")]},
            {"kind": "timeseries", "title": "Limits reached", "unit": "cps", "min": 0, "runbook": "BorderpostLimitReached", "empty": "none reached",
             "description": "How often a second a limit stopped inspection. Counting never stops.",
             "queries": [(f"{rate('limits_reached_total', HOST, 'limit')} > 0", "{{limit}}")]},
            {"kind": "timeseries", "title": "Frames and packets that could not be decoded", "unit": "pps", "min": 0, "empty": "none",
             "description": "By layer and reason.",
             "queries": [(f"{rate('decode_errors_total', HOST, 'layer, reason')} > 0", "{{layer}} {{reason}}")]},
            {"kind": "timeseries", "title": "Gaps in TCP streams", "unit": "cps", "min": 0,
             "description": "Places in streams that never arrived: what stood there was not read.",
             "queries": [(rate("reassembly_gaps_total", HOST, "instance"), "{{instance}}")]},
        ]),
        ("What jurisdictions rest on", [
            {"kind": "table", "title": "Country databases", "unit": "s", "runbook": "BorderpostDatabaseStale", "sort": "Age",
             "description": "Age of each database by host. The newest counts.",
             "queries": [f"time() - borderpost_geo_database_build_timestamp_seconds{{{HOST}}}"],
             "rename": {"database": "Database", "instance": "Host", "Value": "Age"}},
            {"kind": "timeseries", "title": "Evidence that disagrees", "unit": "cps", "min": 0,
             "description": "Flows whose pieces of evidence put the destination into different places, by the two that disagree.",
             "queries": [(rate("jurisdiction_conflicts_total", HOST, "between"), "{{between}}")]},
            {"kind": "stat", "title": "To nowhere known", "unit": "percentunit", "steps": GOOD_WARN_BAD, "min": 0, "max": 1,
             "description": "The share of octets in the time shown that went to an address without a known location (ZZ).",
             "queries": [share(f"sum({grown(EGRESS, NOWHERE, 'instance')})", f"sum({grown(EGRESS, HOST, 'instance')})")]},
            {"kind": "table", "title": "Folded series", "runbook": "BorderpostSeriesFolded", "sort": "Label values", "empty": "none",
             "description": "Label values of the time shown that are counted under `other`, because a family has too many series.",
             "queries": [f"increase(borderpost_label_values_folded_total{{{HOST}}}[$__range]) > 0"],
             "rename": {"metric": "Metric", "instance": "Host", "Value": "Label values"}},
        ]),
    ],
}

HEALTH = {
    "file": "sensor-health", "uid": "borderpost-health", "title": "Borderpost: sensor health",
    "description": "Capture, memory, queues and reloads, for each host and the fleet.",
    "variables": ["instance"],
    "sections": [
        ("Fleet", [
            {"kind": "stat", "title": "Up", "size": (4, 4), "decimals": 0, "steps": [(None, "red"), (1, "green")], "runbook": "BorderpostSensorDown",
             "description": "Sensors that answer.", "queries": [f'sum(up{{job="borderpost", {HOST}}})']},
            {"kind": "stat", "title": "Down", "size": (4, 4), "decimals": 0, "steps": ANY_IS_BAD, "empty": "0", "runbook": "BorderpostSensorDown",
             "description": "Sensors that do not answer.", "queries": [f'count(up{{job="borderpost", {HOST}}} == 0) or vector(0)']},
            {"kind": "stat", "title": "Refused configurations", "size": (4, 4), "decimals": 0, "steps": ANY_IS_BAD, "runbook": "BorderpostReloadFailed",
             "description": "Sensors whose last reload failed.",
             "queries": [f"count(borderpost_config_last_reload_successful{{{HOST}}} == 0) or vector(0)"]},
            {"kind": "stat", "title": "Versions", "size": (4, 4), "decimals": 0, "steps": [(None, "green"), (2, "orange")],
             "description": "Different versions of Borderpost in the fleet.",
             "queries": [f"count(count by (version) (borderpost_build_info{{{HOST}}}))"]},
            {"kind": "stat", "title": "Events lost, last hour", "size": (4, 4), "decimals": 0, "steps": ANY_IS_BAD, "runbook": "BorderpostEventsDropped",
             "description": "Events that a sink did not take.",
             "queries": [f"sum(increase(borderpost_event_sink_dropped_total{{{HOST}}}[1h]))"]},
            {"kind": "stat", "title": "Frames lost, last hour", "size": (4, 4), "unit": "percentunit", "steps": [(None, "green"), (0.001, "orange"), (0.01, "red")],
             "min": 0, "runbook": "BorderpostCaptureLoss", "description": "The share of frames lost before they could be read.",
             "queries": [share(f"sum(rate(borderpost_capture_dropped_packets_total{{{HOST}}}[1h]))",
                               f"sum(rate(borderpost_capture_packets_total{{{HOST}}}[1h])) + sum(rate(borderpost_capture_dropped_packets_total{{{HOST}}}[1h]))")]},
            {"kind": "state-timeline", "title": "Sensors", "size": (24, 6), "steps": [(None, "red"), (1, "green")], "runbook": "BorderpostSensorDown",
             "mappings": [{"type": "value", "options": {"0": {"text": "down", "color": "red", "index": 0}, "1": {"text": "up", "color": "green", "index": 1}}}],
             "description": "When each sensor answered.", "queries": [(f'up{{job="borderpost", {HOST}}}', "{{instance}}")]},
        ]),
        ("Capture", [
            {"kind": "timeseries", "title": "Frames", "unit": "pps", "min": 0, "runbook": "BorderpostSensorSilent",
             "description": "Frames taken, by host and interface.",
             "queries": [(rate("capture_packets_total", HOST, "instance, interface"), "{{instance}} {{interface}}")]},
            {"kind": "timeseries", "title": "Frames lost", "unit": "pps", "min": 0, "runbook": "BorderpostCaptureLoss",
             "description": "Frames that were lost before they could be read, by host, interface and reason.",
             "queries": [(rate("capture_dropped_packets_total", HOST, "instance, interface, reason"), "{{instance}} {{interface}} {{reason}}")]},
            {"kind": "timeseries", "title": "Flows", "unit": "short", "min": 0,
             "description": "Flows that are tracked now, by host.", "queries": [(f"borderpost_flows_active{{{HOST}}}", "{{instance}}")]},
            {"kind": "timeseries", "title": "New and evicted flows", "unit": "cps", "min": 0,
             "description": "New flows a second by protocol, and those that had to end early for want of room.",
             "queries": [(rate("flows_total", HOST, "proto"), "new {{proto}}"), (rate("flows_evicted_total", HOST, "reason"), "evicted {{reason}}")]},
        ]),
        ("Budgets and queues", [
            {"kind": "bargauge", "title": "Memory budgets", "unit": "percentunit", "min": 0, "max": 1, "runbook": "BorderpostMemoryBudgetNear",
             "steps": [(None, "green"), (0.7, "orange"), (0.9, "red")],
             "description": "How much of each pool is used. Past its end octets are counted, not read.",
             "queries": [(f"borderpost_memory_used_bytes{{{HOST}}} / borderpost_memory_budget_bytes{{{HOST}}}", "{{instance}} {{pool}}")]},
            {"kind": "timeseries", "title": "Memory held", "unit": "bytes", "min": 0,
             "description": "Octets that pools hold, and the resident memory of the process.",
             "queries": [(f"sum by (instance, pool) (borderpost_memory_used_bytes{{{HOST}}})", "{{instance}} {{pool}}"),
                         (f'process_resident_memory_bytes{{job="borderpost", {HOST}}}', "{{instance}} process")]},
            {"kind": "timeseries", "title": "Processor time", "unit": "percentunit", "min": 0,
             "description": "Processors that each sensor keeps busy: 1 is one of them.",
             "queries": [(f'rate(process_cpu_seconds_total{{job="borderpost", {HOST}}}[$__rate_interval])', "{{instance}}")]},
            {"kind": "timeseries", "title": "Events lost", "unit": "cps", "min": 0, "runbook": "BorderpostEventsDropped",
             "description": "Events that a sink did not take in time or could not write.",
             "queries": [(rate("event_sink_dropped_total", HOST, "instance, sink"), "{{instance}} {{sink}}")]},
        ]),
        ("Configuration", [
            {"kind": "table", "title": "Reloads", "runbook": "BorderpostReloadFailed", "sort": "Age", "unit": "s",
             "description": "How long ago each sensor took up its configuration.",
             "queries": [f"time() - borderpost_config_last_reload_success_timestamp_seconds{{{HOST}}}"],
             "rename": {"instance": "Host", "Value": "Age"}},
            {"kind": "table", "title": "Version of each host", "hide": ["Value"], "description": "The version of each sensor.",
             "queries": [f"borderpost_build_info{{{HOST}}}"], "rename": {"instance": "Host", "version": "Version"}},
            {"kind": "timeseries", "title": "Scrapes", "unit": "s", "min": 0,
             "description": "How long a scrape takes.", "queries": [(f'scrape_duration_seconds{{job="borderpost", {HOST}}}', "{{instance}}")]},
            {"kind": "timeseries", "title": "Series", "unit": "short", "min": 0,
             "description": "Samples of each scrape. docs/metrics.md says how many there can be.",
             "queries": [(f'scrape_samples_scraped{{job="borderpost", {HOST}}}', "{{instance}}")]},
        ]),
    ],
}

DASHBOARDS = [OVERVIEW, VIOLATIONS_BOARD, BLIND_SPOTS, HEALTH]
