//! The daemon on a real link: two network namespaces joined by a veth pair, real clients and servers, addresses that an override puts
//! into chosen countries. Needs root for the namespaces; says so where it must skip.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

const LOCAL: &str = "10.9.0.1";
/// Abroad: the override of [`CONFIG`] puts them into CN and DE.
const CN: &str = "203.0.113.7";
const DE: &str = "198.51.100.7";

const CONFIG: &str = r#"
local = ["10.9.0.0/24"]
home = "US"
follow-interfaces = true
[[overrides]]
prefix = "203.0.113.0/24"
location = "CN"
control = "CN"
[[overrides]]
prefix = "198.51.100.0/24"
location = "DE"
control = "DE"
"#;

const SSN: &str = r#"{"ssn":"536-22-8726"}"#;

/// Answers POST and GET, on all addresses.
const SERVER: &str = r#"
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_POST(self):
        self.rfile.read(int(self.headers['content-length']))
        self.do_GET()
    def do_GET(self):
        self.send_response(200)
        self.send_header('content-length', '2')
        self.end_headers()
        self.wfile.write(b'ok')
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer(('', 8080), Handler).serve_forever()
"#;

/// Posts the same body on connections of their own: how often, then to whom.
const CLIENT: &str = r#"
import http.client, sys
for _ in range(int(sys.argv[1])):
    connection = http.client.HTTPConnection(sys.argv[2], 8080, timeout=5)
    connection.request('POST', '/', sys.argv[3], {'content-type': 'application/json'})
    connection.getresponse().read()
    connection.close()
"#;

fn succeeds(command: &str) -> bool {
    let mut words = command.split(' ');
    let output = Command::new(words.next().expect("a command")).args(words).stderr(Stdio::null()).output();
    output.is_ok_and(|output| output.status.success())
}

/// Two namespaces: `here` with the monitored host, `there` with the rest of the world.
struct Net {
    here: String,
    there: String,
    dir: tempfile::TempDir,
    server: Option<Child>,
}

impl Net {
    /// `None`, said on stderr, where namespaces cannot be made.
    fn new() -> Option<Self> {
        for tool in ["curl --version", "tcpdump --version", "python3 --version"] {
            if !succeeds(tool) {
                eprintln!("SKIPPED: {tool} does not run here");
                return None;
            }
        }
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let id = format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut net = Self {
            here: format!("bp-here-{id}"),
            there: format!("bp-there-{id}"),
            dir: tempfile::tempdir().expect("a temporary folder"),
            server: None,
        };
        if !succeeds(&format!("ip netns add {}", net.here)) || !succeeds(&format!("ip netns add {}", net.there)) {
            eprintln!("SKIPPED: network namespaces cannot be made here (needs root and iproute2)");
            return None;
        }
        net.link();
        net.server = Some(net.python(&net.there, SERVER, &[]));
        net.until("the server answers", || net.curl(&["-m", "1", &format!("http://{CN}:8080/")]).is_some());
        fs::write(net.path("c.toml"), CONFIG).expect("written");
        Some(net)
    }

    /// Joins the namespaces.
    fn link(&self) {
        let (here, there) = (&self.here, &self.there);
        for command in [
            format!("ip link add mon0 netns {here} type veth peer name far0 netns {there}"),
            format!("ip -n {here} addr add {LOCAL}/24 dev mon0"),
            format!("ip -n {there} addr add {CN}/24 dev far0"),
            format!("ip -n {there} addr add {DE}/24 dev far0"),
            format!("ip -n {here} link set lo up"),
            format!("ip -n {here} link set mon0 up"),
            format!("ip -n {there} link set far0 up"),
            format!("ip -n {here} route add default dev mon0"),
            format!("ip -n {there} route add default dev far0"),
        ] {
            assert!(succeeds(&command), "{command}");
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn within(&self, namespace: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        // `ip netns exec` becomes the program: signals reach it.
        command
            .args(["netns", "exec", namespace, program])
            .stderr(Stdio::null())
            .current_dir(self.dir.path())
            .env("NO_COLOR", "1");
        command
    }

    fn python(&self, namespace: &str, code: &str, args: &[&str]) -> Child {
        self.within(namespace, "python3").args(["-c", code]).args(args).spawn().expect("python3")
    }

    fn post(&self, times: u32, to: &str, body: &str) {
        assert!(self.python(&self.here, CLIENT, &[&times.to_string(), to, body]).wait().expect("ended").success());
    }

    fn curl(&self, args: &[&str]) -> Option<String> {
        let output =
            self.within(&self.here, "curl").arg("-sS").args(args).stderr(Stdio::null()).output().expect("curl");
        output.status.success().then(|| common::text(&output.stdout))
    }

    fn until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < Duration::from_secs(15), "{what}: not within 15 s");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn daemon(&self, args: &[&str]) -> Daemon<'_> {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).expect("opened");
        let child = self
            .within(&self.here, env!("CARGO_BIN_EXE_borderpost"))
            .args(["run", "-c", "c.toml", "-i", "mon0", "--events", "events.jsonl", "--json", "--allow-root"])
            .args(["--web.enable-lifecycle", "--log.format", "json"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the daemon starts");
        let daemon = Daemon { net: self, child };
        self.until("the daemon is ready", || daemon.get("/-/ready").is_some_and(|text| text == "ready\n"));
        daemon
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).expect("a log")
    }

    /// Lines of the events that are whole, and the number of those that are not.
    fn events(&self) -> (Vec<Value>, usize) {
        let text = fs::read_to_string(self.path("events.jsonl")).expect("events");
        let all: Vec<Option<Value>> = text.lines().map(|line| serde_json::from_str(line).ok()).collect();
        let broken = all.iter().filter(|event| event.is_none()).count();
        (all.into_iter().flatten().collect(), broken)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
        for namespace in [&self.here, &self.there] {
            succeeds(&format!("ip netns del {namespace}"));
        }
    }
}

struct Daemon<'n> {
    net: &'n Net,
    child: Child,
}

impl Daemon<'_> {
    fn get(&self, path: &str) -> Option<String> {
        self.net.curl(&["-m", "5", &format!("http://127.0.0.1:9477{path}")])
    }

    /// Status and text of a POST.
    fn post(&self, path: &str) -> (String, String) {
        let url = format!("http://127.0.0.1:9477{path}");
        let answer = self.net.curl(&["-m", "20", "-X", "POST", "-w", "\n%{http_code}", &url]).expect("an answer");
        let (text, status) = answer.rsplit_once('\n').expect("a status");
        (status.to_owned(), text.to_owned())
    }

    /// Sums of the metrics whose name and labels begin so.
    fn metric(&self, series: &str) -> f64 {
        let text = self.get("/metrics").expect("metrics");
        let lines = text.lines().filter(|line| line.starts_with(series));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    fn signal(&self, name: &str) {
        assert!(succeeds(&format!("kill -{name} {}", self.child.id())));
    }

    /// Ends it as systemd does, and gives its summary.
    fn stop(mut self) -> Value {
        self.signal("TERM");
        let mut text = String::new();
        self.child.stdout.take().expect("piped").read_to_string(&mut text).expect("read");
        let status = self.child.wait().expect("ended");
        assert_eq!(status.code(), Some(0), "{}", self.net.log());
        serde_json::from_str(&text).expect("a summary")
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What must be the same live and replayed: by location flows, packets and octets; findings; violations.
fn essence(summary: &Value) -> (BTreeMap<String, [u64; 3]>, Value, Value) {
    let mut egress: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    for row in summary["egress"].as_array().expect("a list") {
        let sums = egress.entry(row["location"].to_string()).or_default();
        for (sum, key) in sums.iter_mut().zip(["flows", "packets", "bytes"]) {
            *sum += row[key].as_u64().expect("a number");
        }
    }
    (egress, summary["findings"].clone(), summary["violations"].clone())
}

fn of_type<'e>(events: &'e [Value], event_type: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["event_type"] == event_type).collect()
}

#[test]
fn live_and_replayed_traffic_say_the_same() {
    let Some(net) = Net::new() else { return };
    let daemon = net.daemon(&["--threads", "2"]);
    let mut tcpdump = net
        .within(&net.here, "tcpdump")
        .args(["-i", "mon0", "-s", "0", "-U", "--immediate-mode", "-w", "same.pcap"])
        .stderr(Stdio::null())
        .spawn()
        .expect("tcpdump");
    net.until("tcpdump writes", || fs::metadata(net.path("same.pcap")).is_ok_and(|file| file.len() >= 24));
    net.post(3, CN, SSN);
    net.post(2, DE, r#"{"note":"nothing of anybody"}"#);
    net.post(1, DE, &format!(r#"{{"text":"{}"}}"#, "lorem ipsum ".repeat(9000)));

    // Flows stay open for their timeout: the counts are there all the same.
    net.until("octets are counted", || daemon.metric("borderpost_egress_bytes_total{dst_control=\"DE\"") > 100_000.0);
    net.until("violations are counted", || daemon.metric("borderpost_violations_total") >= 3.0);
    assert_eq!(daemon.metric("borderpost_findings_total{data_class=\"government-id\",dst_location=\"CN\""), 3.0);
    assert_eq!(daemon.metric("borderpost_capture_dropped_packets_total"), 0.0);
    assert!(daemon.metric("borderpost_capture_packets_total{interface=\"mon0\"}") > 50.0);
    assert!(daemon.metric("process_resident_memory_bytes") > 0.0);
    let destinations: Value = serde_json::from_str(&daemon.get("/api/v1/destinations").expect("JSON")).expect("JSON");
    assert_eq!(destinations[0]["location"], "DE", "the most octets went there");
    let violations: Value =
        serde_json::from_str(&daemon.get("/api/v1/violations?limit=2").expect("JSON")).expect("JSON");
    assert_eq!(violations.as_array().map(Vec::len), Some(2));
    assert_eq!(daemon.get("/-/healthy").as_deref(), Some("healthy\n"));

    let live = daemon.stop();
    assert!(succeeds(&format!("kill -INT {}", tcpdump.id())) && tcpdump.wait().expect("ended").success());
    let (events, broken) = net.events();
    assert_eq!(broken, 0);
    assert_eq!(of_type(&events, "violation").len(), 3);
    assert_eq!(of_type(&events, "flow").iter().filter(|flow| flow["scope"] == "egress").count(), 6);
    let schema = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema").join(name);
        let schema = serde_json::from_str(&fs::read_to_string(path).expect("readable")).expect("JSON");
        jsonschema::validator_for(&schema).expect("a schema")
    };
    assert!(schema("summary.json").is_valid(&live));
    let event_schema = schema("event.json");
    for event in &events {
        assert!(event_schema.is_valid(event), "{event}");
        assert_eq!(event["in_iface"], "mon0");
        assert!(!event.to_string().contains("536-22-8726"));
    }
    assert!(!net.log().contains("536-22-8726") && !net.log().contains(CN), "logs tell nothing of the traffic");

    let config = net.path("c.toml");
    let capture = net.path("same.pcap");
    let out =
        common::run(["replay".as_ref(), "--json".as_ref(), "-c".as_ref(), config.as_os_str(), capture.as_os_str()]);
    let replayed: Value = serde_json::from_slice(&out.stdout).expect("a summary");
    assert_eq!(essence(&live), essence(&replayed));
    assert_eq!(live["violations"][0]["count"], 3);
}

#[test]
fn reloads_under_load_lose_nothing_and_refuse_what_is_broken() {
    let Some(net) = Net::new() else { return };
    let daemon = net.daemon(&[]);
    let mut load = net.python(&net.here, CLIENT, &["300", CN, SSN]);
    for round in 0..8 {
        let broken = round % 2 == 1;
        fs::write(net.path("c.toml"), if broken { "hoem = \"US\"\n" } else { CONFIG }).expect("written");
        let (status, text) = daemon.post("/-/reload");
        assert_eq!(status, if broken { "500" } else { "200" }, "{text}");
        assert_eq!(text.contains("did you mean `home`?"), broken, "{text}");
        assert_eq!(daemon.metric("borderpost_config_last_reload_successful"), f64::from(u8::from(!broken)));
    }
    assert!(load.wait().expect("ended").success());
    net.until("all is counted", || daemon.metric("borderpost_violations_total") >= 300.0);
    assert_eq!(daemon.metric("borderpost_violations_total"), 300.0, "never a moment without rules, never twice");
    assert_eq!(daemon.metric("borderpost_capture_dropped_packets_total"), 0.0);

    // The operator learns better; SIGHUP takes it up, and opens the file of events anew.
    fs::rename(net.path("events.jsonl"), net.path("before.jsonl")).expect("renamed");
    fs::write(net.path("c.toml"), CONFIG.replace("\"CN\"", "\"SG\"")).expect("written");
    daemon.signal("HUP");
    net.until("the reload is taken up", || daemon.metric("borderpost_config_last_reload_successful") == 1.0);
    net.post(2, CN, SSN);
    net.until("the new rules hold", || {
        daemon.metric("borderpost_findings_total{data_class=\"government-id\",dst_location=\"SG\"") == 2.0
    });
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.child.id())).expect("readable");
    // Of all capabilities only CAP_NET_RAW is left, for interfaces that come later.
    for line in ["CapPrm:\t0000000000002000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"] {
        assert!(status.contains(line), "{line} in {status}");
    }
    daemon.stop();
    let (events, broken) = net.events();
    assert_eq!((of_type(&events, "violation").len(), broken), (2, 0));
    assert!(net.log().contains("reload-refused") && net.log().contains("c.toml:1"));
}

#[test]
fn what_was_sent_before_sigterm_is_written() {
    let Some(net) = Net::new() else { return };
    let daemon = net.daemon(&[]);
    net.post(50, CN, SSN);
    let summary = daemon.stop();
    assert_eq!(summary["violations"][0]["count"], 50);
    let (events, broken) = net.events();
    assert_eq!((of_type(&events, "violation").len(), broken), (50, 0));
}

#[test]
fn a_killed_daemon_starts_clean_and_loses_little() {
    let Some(net) = Net::new() else { return };
    let mut load = net.python(&net.here, CLIENT, &["100000", CN, SSN]);
    for round in 0..5u64 {
        let daemon = net.daemon(&[]);
        std::thread::sleep(Duration::from_millis(200 + 70 * round));
        daemon.signal("KILL");
    }
    net.daemon(&[]).stop();
    let _ = load.kill();
    let _ = load.wait();
    let (events, broken) = net.events();
    assert!(broken <= 5, "at most one line is cut by a kill: {broken}");
    assert!(of_type(&events, "violation").len() > 50);
}

#[test]
fn an_interface_that_returns_is_followed() {
    let Some(net) = Net::new() else { return };
    let daemon = net.daemon(&[]);
    net.post(1, CN, SSN);
    net.until("the first is counted", || daemon.metric("borderpost_violations_total") == 1.0);
    // Down and up again: the ring stays.
    for state in ["down", "up"] {
        assert!(succeeds(&format!("ip -n {} link set mon0 {state}", net.here)));
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(succeeds(&format!("ip -n {} route add default dev mon0", net.here)));
    net.post(1, CN, SSN);
    net.until("the second is counted", || daemon.metric("borderpost_violations_total") == 2.0);
    assert!(!net.log().contains("interface-lost"), "{}", net.log());
    assert!(succeeds(&format!("ip -n {} link del mon0", net.here)));
    net.until("the loss is noticed", || daemon.get("/-/ready").is_some_and(|text| text != "ready\n"));
    net.link();
    net.until("it is back", || daemon.get("/-/ready").is_some_and(|text| text == "ready\n"));
    net.post(1, CN, SSN);
    net.until("the third is counted", || daemon.metric("borderpost_violations_total") == 3.0);
    daemon.stop();
    assert!(net.log().contains("interface-lost"));
}

/// What systemd does: passes a listening socket and a socket for notifications, and prints what it is told.
const SYSTEMD: &str = r#"
import os, signal, socket, sys, time
told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
told.bind('notify')
web = socket.create_server(('127.0.0.1', 9477))
pid = os.fork()
if pid == 0:
    os.dup2(web.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(NOTIFY_SOCKET=os.path.abspath('notify'), WATCHDOG_USEC='600000', LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
    os.execv(sys.argv[1], sys.argv[1:])
end = time.time() + 5
reloaded = False
while time.time() < end:
    told.settimeout(max(0.01, end - time.time()))
    try:
        text = told.recv(4096).decode().replace('\n', ' ')
    except TimeoutError:
        break
    print(text, flush=True)
    if text.startswith('READY=1') and not reloaded:
        reloaded = True
        os.kill(pid, signal.SIGHUP)
    elif text.startswith('READY=1'):
        time.sleep(0.5)
        os.kill(pid, signal.SIGTERM)
    elif text.startswith('STOPPING=1'):
        break
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

#[test]
fn systemd_is_told_how_it_goes() {
    let Some(net) = Net::new() else { return };
    let program = env!("CARGO_BIN_EXE_borderpost");
    let args = ["run", "-c", "c.toml", "-i", "mon0", "--allow-root", "--web.systemd-socket"];
    let out = net.within(&net.here, "python3").args(["-c", SYSTEMD, program]).args(args).output().expect("python3");
    let told = common::text(&out.stdout);
    assert!(out.status.success(), "{told}");
    let position = |what: &str| told.lines().position(|line| line.starts_with(what));
    let (ready, reloading) = (position("READY=1"), position("RELOADING=1 MONOTONIC_USEC="));
    assert!(ready.is_some() && ready < reloading && reloading < position("STOPPING=1"), "{told}");
    assert!(position("WATCHDOG=1").is_some() && position("STATUS=").is_some(), "{told}");
}

#[test]
fn the_doctor_names_what_is_wrong_and_the_fix() {
    let Some(net) = Net::new() else { return };
    let doctor = |args: &[&str]| {
        let mut command = net.within(&net.here, env!("CARGO_BIN_EXE_borderpost"));
        let out = command.args(["doctor", "-c", "c.toml"]).args(args).output().expect("the program starts");
        (out.status.code(), common::text(&out.stdout))
    };
    let (status, text) = doctor(&["-i", "mon0", "--allow-root"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("ok       1 interfaces can be captured") && text.contains("127.0.0.1:9477"), "{text}");
    let (status, text) = doctor(&["-i", "nosuch0", "--web.listen-address", "0.0.0.0:9478"]);
    assert_eq!(status, Some(1), "{text}");
    for told in ["PROBLEM  runs as root", "PROBLEM  there is no interface nosuch0", "neither TLS nor a password"] {
        assert!(text.contains(told), "{told} in {text}");
    }
}

#[test]
fn what_cannot_start_says_why() {
    let code = |args: &[&str]| {
        let out = common::run(std::iter::once("run").chain(args.iter().copied()));
        (out.status.code(), common::text(&out.stderr))
    };
    let (status, text) = code(&[]);
    assert_eq!(status, Some(3), "{text}");
    assert!(text.contains("`interface` is missing") && text.contains("lo"), "{text}");
    let (status, text) = code(&["-i", "nosuch0", "--allow-root", "--web.listen-address", "127.0.0.1:0"]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("there is no interface nosuch0"), "{text}");
    let (status, text) = code(&["-i", "lo", "--web.listen-address", "nowhere"]);
    assert_eq!(status, Some(3), "{text}");
    if Path::new("/proc/self").exists() && succeeds("test -w /root") {
        let (status, text) = code(&["-i", "lo"]);
        assert_eq!(status, Some(1));
        assert!(text.contains("refuses to run as root"), "{text}");
    }
}
