#!/usr/bin/env python3
"""Starts Prometheus and Alertmanager against sensors, each fed by a capture made for a case, and asks every query there is: none errs,
each returns data, every alert's expression finds its case, and one incident pages once.

    python3 dashboards/prove.py target/debug/borderpost

Needs prometheus, promtool, prometheus-alertmanager and amtool in the PATH (.ci/install). What is recorded of yesterday is written as
history before Prometheus starts: counters of the same names as the sensors', at a few moments.
"""

import http.server
import json
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from panels import DASHBOARDS
from stack import DEMO, HERE, Stack, fetch, filled_in, free_port, samples, tcp, udp, until, write_pcap

POLICY = """
[policy]
id = "acme"
version = "{version}"
[[rule]]
id = "customer-list"
signatures = ["us-ssn"]
to = ["SG"]
decision = "deny"
reason = "so many customers are the customer list"
count = {{ unit = "persons", over = 240, window = "calendar-year" }}
[[rule]]
id = "contacts"
signatures = ["email"]
to = ["SG"]
severity = "low"
decision = "deny"
reason = "contacts stay"
[[suspicion]]
id = "sealed"
to = ["SG"]
over = "16KiB"
severity = "low"
reason = "much goes out that nobody can read"
[[exception]]
id = "archive"
rule = "acme/customer-list"
approver = "N. N."
ticket = "PRIV-7"
reason = "moving the archive"
from = {begin}
until = {end}
to = ["BY"]
"""

COUNTRIES = ("AD AE AF AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL CM CN CO CR CU CV "
             "CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FM FR GA GB GD GE GH GM GN GQ GR GT GW GY HN HR HT HU ID IE IL IN IQ IR IS "
             "IT JM JO JP KE KG KH KI KM KN KP KR KW KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MM MN MR MT MU MV MW MX "
             "MY MZ NA NE NG NI NL NO NP NR NZ OM PA PE PG PH PK PL PT PW PY QA RO RS RU RW SA SB SC SD SE SG SI SK SL SM SN").split()


def make_cases(stack):
    """Captures and configurations beside the demo."""
    folder = stack.folder
    today = datetime.now(timezone.utc).date()
    days = {"begin": today - timedelta(days=20), "end": today + timedelta(days=2)}
    for version in ("6", "7"):
        (folder / f"acme{version}.toml").write_text(POLICY.format(version=version, **days))
    # A capture that is cut in its tenth packet: loss is one in ten.
    whole = DEMO.read_bytes()
    at = 24
    for _ in range(9):
        at += 16 + int.from_bytes(whole[at + 8:at + 12], "little")
    (folder / "cut.pcap").write_bytes(whole[:at + 20])
    # Streams that all lack their beginning: what follows is held until the hole is given up.
    packets = []
    for flow in range(1000):
        ends = (f"10.0.{flow % 250}.{flow // 250}", 30000 + flow, "203.0.113.9")
        packets += [(0, tcp(*ends, 1000, 0x02)), (0.1, tcp(*ends, 3000, 0x18, b"x" * 1000))]
    packets.sort(key=lambda packet: packet[0])
    packets.append((20, udp("10.0.0.1", "203.0.113.9", b"end")))
    write_pcap(folder / "holes.pcap", packets)
    (folder / "holes.toml").write_text('home = "US"\n[limits]\nheld_bytes_max = "512KiB"\nheld_bytes_per_stream_max = "64KiB"\n')
    # More pairs of location and control than a family has room for.
    pairs = [(location, control) for location in COUNTRIES[:110] for control in COUNTRIES[:110]][:10_400]
    networks, packets = [], [(0, udp("10.0.0.1", "203.0.113.9", b"begin"))]
    for number, (location, control) in enumerate(pairs):
        address = f"11.0.{number >> 8}.{number & 255}"
        networks.append(f'[[overrides]]\nprefix = "{address}/32"\nlocation = "{location}"\ncontrol = "{control}"\n')
        packets.append((5 + number / 10_000, udp("10.0.0.1", address, b"hello there")))
    write_pcap(folder / "world.pcap", packets)
    (folder / "world.toml").write_text('home = "US"\n' + "".join(networks))


def history(stack):
    """Yesterday's hour and the last one, as counters that grow evenly: only the US and Germany, hardly anything undetermined."""
    now, lines = int(time.time()), []
    demo = f'job="borderpost",instance="{stack.sensors["demo"]}"'
    once = subprocess.run([stack.borderpost, "replay", "--home", "US", "--quiet", "--metrics", "-", DEMO], check=True,
                          capture_output=True, text=True).stdout
    moments = [now - 26 * 3600 + 300 * step for step in range(36)] + [now - 3600 + 300 * step for step in range(12)]
    for name, labels, value in samples(once):
        if name in ("borderpost_egress_bytes_total", "borderpost_capture_packets_total", "borderpost_build_info"):
            if 'dst_location="CN"' in labels or 'dst_location="SG"' in labels:
                continue
            grows = name.endswith("_total")
            lines += [f"{name}{{{labels},{demo}}} {value * (step + 1 if grows else 1)} {at}" for step, at in enumerate(moments)]
    recorded = [("borderpost:undetermined:ratio_rate1h", demo, 0.01),
                ("borderpost:location_first_seen:timestamp_seconds", 'dst_location="US"', moments[0]),
                ("borderpost:location_first_seen:timestamp_seconds", 'dst_location="DE"', moments[0]),
                # The demo comes near its threshold once, and may do so before it is scraped.
                ("borderpost_threshold_near_total", f'policy="acme",rule="customer-list",{demo}', 0),
                # A sensor that was taken away half an hour ago, and the policy before it changed.
                ("borderpost_build_info", 'job="borderpost",instance="gone:9477",version="0"', 1)]
    for name, labels, value in recorded:
        lines += [f"{name}{{{labels}}} {value} {at}" for at in moments if "gone" not in labels or at < now - 1800]
    reload = f'job="borderpost",instance="{stack.sensors["reload"]}"'
    for ago in (400, 300, 200, 150):
        lines.append(f'borderpost_build_info{{version="0",{reload}}} 1 {now - ago}')
        lines.append(f'borderpost_policy_info{{policy="acme",version="6",{reload}}} 1 {now - ago}')
    return "\n".join(lines) + "\n"


class Webhook(http.server.BaseHTTPRequestHandler):
    """Keeps what Alertmanager sends, by receiver."""
    got = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.got.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def start_alertmanager(stack):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = (HERE / "alertmanager.yml").read_text()
    for old, new in [("127.0.0.1:19099", f"127.0.0.1:{server.server_port}"), ("group_wait: 10s", "group_wait: 3s")]:
        assert old in config, old
        config = config.replace(old, new)
    path = stack.folder / "alertmanager.yml"
    path.write_text(config)
    address = f"127.0.0.1:{free_port()}"
    stack.start("alertmanager", "prometheus-alertmanager", f"--config.file={path}", f"--storage.path={stack.folder}/alertmanager-data",
                f"--web.listen-address={address}", "--cluster.listen-address=")
    until("Alertmanager is ready", lambda: fetch(f"http://{address}/-/ready"))
    return address


def start(stack):
    """All sensors, each for its case."""
    stack.reserve("demo", "events", "loss", "silent", "reload", "down", "holes", "world")
    make_cases(stack)
    folder = stack.folder
    alertmanager = start_alertmanager(stack)
    # Before Prometheus: what must have ended, or must be there from the first scrape on.
    stack.sensor("silent", "--speed", "1000", DEMO)
    until("the silent sensor has read all", lambda: "borderpost_capture_packets_total{interface=\"file0\"} 164" in stack.metrics("silent"))
    stack.prometheus(history(stack), alertmanager)
    home = ["--home", "US", "--loop"]
    stack.sensor("demo", *home, "--speed", "2", "--policy", "home", "--policy", folder / "acme7.toml", DEMO)
    stack.sensor("events", *home, "--events", "/dev/full", "--speed", "4", DEMO)
    stack.sensor("loss", *home, "--speed", "1000", folder / "cut.pcap")
    stack.sensor("holes", "-c", folder / "holes.toml", "--loop", folder / "holes.pcap")
    world = stack.sensor("world", "-c", folder / "world.toml", folder / "world.pcap")
    down = stack.sensor("down", *home, DEMO)
    config = folder / "reload.toml"
    config.write_text('home = "US"\npolicy = ["home", "./acme7.toml"]\n')
    reload = stack.sensor("reload", "-c", config, "--loop", DEMO)
    until("all are scraped", lambda: len(stack.instant('up{job="borderpost"} == 1')) == len(stack.sensors))
    down.kill()
    config.write_text("this is no configuration\n")
    reload.send_signal(signal.SIGHUP)
    # Ten thousand series are much to ask of a build without optimisation: it is not asked any more once it was seen.
    until("folded series are seen", lambda: stack.instant("increase(borderpost_label_values_folded_total[1h]) > 0"), 180)
    world.kill()
    return alertmanager


def expressions():
    """Everything that is asked, as (where, query): alerts and recording rules come from Prometheus itself."""
    for dashboard in DASHBOARDS:
        made = json.loads((HERE / f"{dashboard['file']}.json").read_text())
        for panel in made["panels"]:
            for target in panel.get("targets", []):
                yield f"{made['title']}, panel {panel['title']}", filled_in(target["expr"])
        for annotation in made["annotations"]["list"]:
            yield f"{made['title']}, annotation {annotation['name']}", filled_in(annotation["expr"])
        for variable in made["templating"]["list"]:
            query = variable["query"]
            if found := isinstance(query, dict) and re.fullmatch(r"label_values\((\w+), (\w+)\)", query["query"]):
                yield f"{made['title']}, variable {variable['name']}", f"count by ({found[2]}) ({found[1]})"


def prove_queries(stack):
    """Every query of every panel, annotation, variable and rule has data; all within the same minutes."""
    waiting = dict.fromkeys(expressions())
    rules = [rule for group in stack.api("rules")["groups"] for rule in group["rules"]]
    for rule in rules:
        waiting[(f"rule {rule['name']}", rule["query"])] = None
    asked, begun = len(waiting), time.time()
    while waiting and time.time() - begun < 150:
        for where, query in list(waiting):
            # Without any sensor: before there was one.
            at = begun - 30 * 86400 if query.startswith("absent(") else None
            if stack.instant(query, at):
                del waiting[(where, query)]
        time.sleep(1)
    if waiting:
        raise SystemExit("no data for:\n" + "\n".join(f"  {where}: {query}" for where, query in waiting))
    for rule in [rule for group in stack.api("rules")["groups"] for rule in group["rules"]]:
        if rule["health"] != "ok" or rule.get("lastError"):
            raise SystemExit(f"rule {rule['name']}: {rule['health']} {rule.get('lastError')}")
    print(f"{asked} queries of panels, annotations, variables and rules: all have data, after {time.time() - begun:.0f} s")
    return rules


def prove_names(stack, rules):
    """Every metric that is named is exported or recorded, by a sensor or by Prometheus of its targets."""
    known = {rule["name"] for rule in rules if rule["type"] == "recording"}
    for name in stack.sensors:
        if name not in ("down", "world"):
            known |= set(re.findall(r"^# TYPE (\S+)", stack.metrics(name), re.M))
    known |= {"up", "scrape_duration_seconds", "scrape_samples_scraped"}
    text = " ".join([query for _, query in expressions()] + [rule["query"] for rule in rules])
    named = set(re.findall(r"\b(?:borderpost[_:][a-z0-9_:]+|process_\w+|scrape_\w+|up)\b(?=[{\[\s)]|$)", text))
    if named - known:
        raise SystemExit(f"named but not exported: {sorted(named - known)}")
    print(f"{len(named)} metrics are named, all are exported or recorded")


def prove_alerts(stack, alertmanager):
    """Alerts fire, their texts are whole, and the graver one silences the lesser."""
    until("a critical violation fires", lambda: stack.instant('ALERTS{alertname="BorderpostViolationCritical",alertstate="firing"}'))
    for alert in stack.api("alerts")["alerts"]:
        for name, text in alert["annotations"].items():
            if "<error" in text or "<no value>" in text or not text:
                raise SystemExit(f"{alert['labels']['alertname']}: {name}: {text}")
    def silenced():
        alerts = json.loads(fetch(f"http://{alertmanager}/api/v2/alerts"))
        high = [alert for alert in alerts if alert["labels"]["alertname"] == "BorderpostViolationHigh"
                and alert["labels"]["instance"] == stack.sensors["demo"]]
        return high and all(alert["status"]["state"] == "suppressed" and alert["status"]["inhibitedBy"] for alert in high)
    until("the high violation is silent beside the critical one", silenced)
    until("somebody is paged", lambda: [path for path, _ in Webhook.got if path == "/pager"])
    time.sleep(4)
    sent = [(path, alert["labels"]) for path, body in Webhook.got for alert in body["alerts"]]
    pages = [labels["alertname"] for path, labels in sent if path == "/pager"]
    tickets = [labels["alertname"] for path, labels in sent if path == "/tickets"]
    if "BorderpostViolationCritical" not in pages or "BorderpostViolationHigh" in pages + tickets:
        raise SystemExit(f"pages {pages}, tickets {tickets}")
    print(f"alerts: {len(set(pages))} kinds paged, {len(set(tickets))} made tickets, violations of high severity were silent")


def prove_routes():
    """amtool: the configuration, and who is told."""
    config = HERE / "alertmanager.yml"
    subprocess.run(["amtool", "check-config", config], check=True, capture_output=True)
    for severity, receiver in [("critical", "pager"), ("warning", "tickets"), ("info", "nobody"), ("else", "tickets")]:
        subprocess.run(["amtool", "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receiver}",
                        f"severity={severity}"], check=True, capture_output=True)
    print("routes: critical pages, warning makes a ticket, info is told to nobody")


def main():
    borderpost = Path(sys.argv[1]).resolve()
    prove_routes()
    with tempfile.TemporaryDirectory(prefix="borderpost-prove-") as folder, Stack(borderpost, folder) as stack:
        try:
            alertmanager = start(stack)
            rules = prove_queries(stack)
            prove_names(stack, rules)
            prove_alerts(stack, alertmanager)
        except SystemExit:
            for log in sorted(Path(folder).glob("*.log")):
                print(f"--- {log.name}\n{log.read_text()[-1500:]}", file=sys.stderr)
            raise


if __name__ == "__main__":
    main()
