"""A Prometheus with its sensors, for prove.py and draw.py: ports, processes, queries, and captures made for a case."""

import json
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEMO = HERE.parent / "tests/captures/demo.pcap"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url, data=None):
    with urllib.request.urlopen(url, data, timeout=30) as answer:
        return answer.read().decode()


def until(what, done, seconds=90):
    """Waits for a condition; returns what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if result := done():
                return result
        except OSError:
            pass
        time.sleep(0.3)
    raise SystemExit(f"{what}: not within {seconds} s")


class Stack:
    """Processes that end with it, in one folder."""

    def __init__(self, borderpost, folder):
        self.borderpost, self.folder = borderpost, Path(folder)
        self.children, self.sensors = [], {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.kill()
        for child in self.children:
            child.wait()

    def start(self, name, *command):
        log = open(self.folder / f"{name}.log", "w")
        child = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, cwd=self.folder)
        self.children.append(child)
        return child

    def reserve(self, *names):
        """Addresses of sensors, known before they start."""
        for name in names:
            self.sensors[name] = f"127.0.0.1:{free_port()}"

    def sensor(self, name, *options):
        """A capture that is served as a sensor."""
        child = self.start(name, self.borderpost, "replay", "--serve", self.sensors[name], *options)
        until(f"sensor {name} serves (see {self.folder}/{name}.log)",
              lambda: "borderpost_build_info" in fetch(f"http://{self.sensors[name]}/metrics"))
        return child

    def metrics(self, name):
        return fetch(f"http://{self.sensors[name]}/metrics")

    def prometheus(self, history="", alertmanager="127.0.0.1:1"):
        """Prometheus with the shipped configuration and rules, and with a past."""
        data = self.folder / "prometheus"
        if history:
            past = self.folder / "history.om"
            past.write_text(history + "# EOF\n")
            subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", past, data], check=True,
                           stdout=subprocess.DEVNULL)
        config = (HERE / "prometheus.yml").read_text()
        targets = ", ".join(f'"{address}"' for address in self.sensors.values())
        for old, new in [("rules/", f"{HERE}/rules/"),
                         ('["127.0.0.1:19093"]', f'["{alertmanager}"]'), ('["127.0.0.1:9477"]', f"[{targets}]")]:
            assert old in config, old
            config = config.replace(old, new)
        (self.folder / "prometheus.yml").write_text(config)
        self.url = f"http://127.0.0.1:{free_port()}"
        self.start("prometheus-log", "prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={data}",
                   f"--web.listen-address={self.url[7:]}", "--log.level=warn")
        until("Prometheus is ready", lambda: fetch(f"{self.url}/-/ready"))

    def api(self, path, **parameters):
        """An answer of Prometheus; an error in a query is an error here."""
        url = f"{self.url}/api/v1/{path}"
        try:
            text = fetch(url, urllib.parse.urlencode(parameters).encode() if parameters else None)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{path} {parameters}: {error.read().decode()}") from error
        answer = json.loads(text)
        if answer["status"] != "success" or answer.get("warnings"):
            raise SystemExit(f"{path} {parameters}: {text}")
        return answer["data"]

    def instant(self, query, at=None):
        return self.api("query", query=query, **({"time": at} if at else {}))["result"]

    def over_time(self, query, seconds, step):
        now = time.time()
        return self.api("query_range", query=query, start=now - seconds, end=now, step=step)["result"]


def filled_in(query, rate="30s", shown="1h"):
    """A query of a panel as Grafana sends it with all variables at All."""
    for name, value in [("$__rate_interval", rate), ("$__range", shown), ("$__interval", rate), ("$instance", ".*"),
                        ("$jurisdiction", ".*"), ("$rule", ".*")]:
        query = query.replace(name, value)
    assert "$" not in query, query
    return query


def samples(metrics):
    """Name, labels as text and value of each sample of an exposition."""
    for line in metrics.splitlines():
        if line and not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            name, _, labels = series.partition("{")
            yield name, labels.rstrip("}"), float(value)


def write_pcap(path, packets):
    """Packets as (seconds, octets of an IPv4 packet)."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for at, packet in packets:
            out.write(struct.pack("<IIII", 1_700_000_000 + int(at), int(at % 1 * 1e6), len(packet), len(packet)) + packet)


def ipv4(proto, source, destination, payload):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, proto, 0, socket.inet_aton(source),
                       socket.inet_aton(destination)) + payload


def udp(source, destination, payload):
    return ipv4(17, source, destination, struct.pack(">HHHH", 40000, 9999, 8 + len(payload), 0) + payload)


def tcp(source, port, destination, sequence, flags, payload=b""):
    header = struct.pack(">HHIIBBHHH", port, 80, sequence, 1 if flags & 0x10 else 0, 0x50, flags, 65535, 0, 0)
    return ipv4(6, source, destination, header + payload)
