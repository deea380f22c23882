//! Two network namespaces joined by a veth pair: the monitored host with a daemon in one, the rest of the world in the other. Needs
//! root; a test that cannot have them says so and passes.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.
#![allow(dead_code, unreachable_pub)] // Each test program uses its part.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::common;

pub const LOCAL: &str = "10.9.0.1";
/// Abroad: the override of [`CONFIG`] puts them into CN and DE.
pub const CN: &str = "203.0.113.7";
pub const DE: &str = "198.51.100.7";

pub const CONFIG: &str = r#"
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

pub const SSN: &str = r#"{"ssn":"536-22-8726"}"#;

/// Answers POST and GET, on all addresses.
pub const SERVER: &str = r#"
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
pub const CLIENT: &str = r#"
import http.client, sys
for _ in range(int(sys.argv[1])):
    connection = http.client.HTTPConnection(sys.argv[2], 8080, timeout=5)
    connection.request('POST', '/', sys.argv[3], {'content-type': 'application/json'})
    connection.getresponse().read()
    connection.close()
"#;

pub fn succeeds(command: &str) -> bool {
    let mut words = command.split(' ');
    let output = Command::new(words.next().expect("a command")).args(words).stderr(Stdio::null()).output();
    output.is_ok_and(|output| output.status.success())
}

/// Programs that were started, ended with the value.
#[derive(Default)]
pub struct Started(pub Vec<Child>);

impl Drop for Started {
    fn drop(&mut self) {
        for child in &mut self.0 {
            succeeds(&format!("kill -INT {}", child.id()));
            let begun = Instant::now();
            while child.try_wait().is_ok_and(|status| status.is_none()) {
                if begun.elapsed().as_secs() > 10 {
                    let _ = child.kill();
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Two namespaces: `here` with the monitored host, `there` with the rest of the world.
pub struct Net {
    pub here: String,
    pub there: String,
    pub dir: tempfile::TempDir,
    server: Option<Child>,
}

impl Net {
    /// `None`, said on stderr, where namespaces cannot be made.
    pub fn new() -> Option<Self> {
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
    pub fn link(&self) {
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

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn within(&self, namespace: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        // `ip netns exec` becomes the program: signals reach it.
        command
            .args(["netns", "exec", namespace, program])
            .stderr(Stdio::null())
            .current_dir(self.dir.path())
            .env("NO_COLOR", "1");
        command
    }

    /// What a program says within a namespace.
    pub fn output(&self, namespace: &str, program: &str, args: &[&str]) -> String {
        common::text(&self.within(namespace, program).args(args).output().expect("the program starts").stdout)
    }

    pub fn python(&self, namespace: &str, code: &str, args: &[&str]) -> Child {
        self.within(namespace, "python3").args(["-c", code]).args(args).spawn().expect("python3")
    }

    pub fn post(&self, times: u32, to: &str, body: &str) {
        assert!(self.python(&self.here, CLIENT, &[&times.to_string(), to, body]).wait().expect("ended").success());
    }

    pub fn curl(&self, args: &[&str]) -> Option<String> {
        let output =
            self.within(&self.here, "curl").arg("-sS").args(args).stderr(Stdio::null()).output().expect("curl");
        output.status.success().then(|| common::text(&output.stdout))
    }

    pub fn until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{what}: not within 30 s");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn daemon(&self, args: &[&str]) -> Daemon<'_> {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).expect("opened");
        let child = self
            .within(&self.here, env!("CARGO_BIN_EXE_borderpost"))
            .args(["run", "-c", "c.toml", "-i", "mon0", "--json", "--allow-root"])
            .args(if args.contains(&"--events") { &[] } else { &["--events", "events.jsonl"][..] })
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

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).expect("a log")
    }

    /// Lines of the events that are whole, and the number of those that are not.
    pub fn events(&self) -> (Vec<Value>, usize) {
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

pub struct Daemon<'n> {
    pub net: &'n Net,
    pub child: Child,
}

impl Daemon<'_> {
    pub fn get(&self, path: &str) -> Option<String> {
        self.net.curl(&["-m", "5", &format!("http://127.0.0.1:9477{path}")])
    }

    /// Status and text of a POST.
    pub fn post(&self, path: &str) -> (String, String) {
        let url = format!("http://127.0.0.1:9477{path}");
        let answer = self.net.curl(&["-m", "20", "-X", "POST", "-w", "\n%{http_code}", &url]).expect("an answer");
        let (text, status) = answer.rsplit_once('\n').expect("a status");
        (status.to_owned(), text.to_owned())
    }

    /// Sums of the metrics whose name and labels begin so.
    pub fn metric(&self, series: &str) -> f64 {
        let text = self.get("/metrics").expect("metrics");
        let lines = text.lines().filter(|line| line.starts_with(series));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    pub fn signal(&self, name: &str) {
        assert!(succeeds(&format!("kill -{name} {}", self.child.id())));
    }

    /// Ends it as nothing should, and waits until it is gone.
    pub fn kill(mut self) {
        self.signal("KILL");
        self.child.wait().expect("ended");
    }

    /// Ends it as systemd does, and gives its summary.
    pub fn stop(mut self) -> Value {
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
pub fn essence(summary: &Value) -> (BTreeMap<String, [u64; 3]>, Value, Value) {
    let mut egress: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    for row in summary["egress"].as_array().expect("a list") {
        let sums = egress.entry(row["location"].to_string()).or_default();
        for (sum, key) in sums.iter_mut().zip(["flows", "packets", "bytes"]) {
            *sum += row[key].as_u64().expect("a number");
        }
    }
    (egress, summary["findings"].clone(), summary["violations"].clone())
}

pub fn of_type<'e>(events: &'e [Value], event_type: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["event_type"] == event_type).collect()
}
