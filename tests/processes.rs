//! Which process sent it: two network namespaces, short-lived clients and a server, and what events say of them. Needs root for the
//! namespaces; says so where it must skip. The figure of docs/daemon.md comes from here: run with `--nocapture`.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const SERVER: &str = r"
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('content-length', '2')
        self.end_headers()
        self.wfile.write(b'ok')
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer(('', int(sys.argv[1])), Handler).serve_forever()
";

/// Short-lived processes: how many, and how many must be caught at least.
const SHORT: usize = 100;
const CAUGHT_MIN: usize = 50;

fn succeeds(command: &str) -> bool {
    let mut words = command.split(' ');
    let status =
        Command::new(words.next().expect("a command")).args(words).stderr(Stdio::null()).stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Ends what it holds, and removes the namespaces.
struct Net {
    here: String,
    there: String,
    children: Vec<Child>,
}

impl Drop for Net {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        for name in [&self.here, &self.there] {
            succeeds(&format!("ip netns del {name}"));
        }
    }
}

impl Net {
    fn new() -> Option<Self> {
        for tool in ["curl --version", "python3 --version", "ip -V"] {
            if !succeeds(tool) {
                eprintln!("SKIPPED: {tool} does not run here");
                return None;
            }
        }
        let id = std::process::id();
        let net = Self { here: format!("bp-ph-{id}"), there: format!("bp-pt-{id}"), children: Vec::new() };
        let (here, there) = (&net.here, &net.there);
        if !succeeds(&format!("ip netns add {here}")) || !succeeds(&format!("ip netns add {there}")) {
            eprintln!("SKIPPED: network namespaces cannot be made here (needs root and iproute2)");
            return None;
        }
        for command in [
            format!("ip link add mon0 netns {here} type veth peer name far0 netns {there}"),
            format!("ip -n {here} addr add 10.9.0.1/24 dev mon0"),
            format!("ip -n {there} addr add 203.0.113.7/24 dev far0"),
            format!("ip -n {here} link set lo up"),
            format!("ip -n {here} link set mon0 up"),
            format!("ip -n {there} link set far0 up"),
            format!("ip -n {here} route add default dev mon0"),
            format!("ip -n {there} route add default dev far0"),
        ] {
            assert!(succeeds(&command), "{command}");
        }
        Some(net)
    }

    fn within(&self, namespace: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, program]).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn here(&self, program: &str) -> Command {
        self.within(&self.here, program)
    }

    fn server(&mut self, namespace: &str, port: &str) {
        let child = self.within(namespace, "python3").args(["-c", SERVER, port]).spawn().expect("python3");
        self.children.push(child);
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}: not within 20 s");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn events(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("events");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn events_tell_the_process_even_of_short_lived_ones() {
    let Some(mut net) = Net::new() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let config = "local = [\"10.9.0.0/24\"]\nhome = \"US\"\nprocesses = true\n";
    std::fs::write(dir.path().join("c.toml"), config).expect("written");
    net.server(&net.there.clone(), "8080");
    // Inbound: a server on the monitored host, asked from afar.
    net.server(&net.here.clone(), "8081");
    let server_here = net.children.last().expect("a server").id();
    until("the servers answer", || {
        let asks = |namespace: &str, url: &str| {
            net.within(namespace, "curl").args(["-s", "-m", "1", url]).status().expect("curl").success()
        };
        asks(&net.here, "http://203.0.113.7:8080/") && asks(&net.there, "http://10.9.0.1:8081/")
    });
    let daemon = net
        .here(env!("CARGO_BIN_EXE_borderpost"))
        .args(["run", "-c", "c.toml", "-i", "mon0", "--events", "events.jsonl", "--user", "65534:65534"])
        .current_dir(dir.path())
        .stderr(std::fs::File::create(dir.path().join("log")).expect("created"))
        .spawn()
        .expect("the daemon starts");
    std::os::unix::fs::chown(dir.path(), Some(65534), None).expect("owned");
    let log = || std::fs::read_to_string(dir.path().join("log")).expect("a log");
    let pid = daemon.id();
    net.children.push(daemon);
    until("the daemon is ready", || log().contains(" ready "));

    let mut short: Vec<u32> = Vec::new();
    for _ in 0..SHORT {
        let mut curl = net.here("curl").args(["-s", "http://203.0.113.7:8080/"]).spawn().expect("curl");
        short.push(curl.id());
        assert!(curl.wait().expect("ended").success());
    }
    assert!(net.within(&net.there, "curl").args(["-s", "http://10.9.0.1:8081/"]).status().expect("curl").success());
    // One that lasts: a connection that stays open, of another user.
    let sleeper = "import encodings.idna, os, socket, time\nos.setuid(65533)\ns = socket.create_connection(('203.0.113.7', 8080))\nprint('open', flush=True)\ntime.sleep(60)";
    let mut held = net.here("python3").args(["-c", sleeper]).stdout(Stdio::piped()).spawn().expect("python3");
    let mut said = [0; 4];
    held.stdout.take().expect("piped").read_exact(&mut said).expect("a connection");
    let held_pid = held.id();
    net.children.push(held);
    // Of every connection it was seen to the process, or that it has gone.
    until("processes were looked for", || {
        let out = net.here("curl").args(["-s", "http://127.0.0.1:9477/api/v1/status"]).stdout(Stdio::piped()).output();
        let status: Value = serde_json::from_slice(&out.expect("curl").stdout).unwrap_or_default();
        let tally = |name: &str| status["processes"][name].as_u64();
        tally("openings") >= Some(SHORT as u64 + 2) && tally("waiting") == Some(0)
    });
    assert!(succeeds(&format!("kill -TERM {pid}")));
    until("it ends", || {
        !Path::new(&format!("/proc/{pid}/exe")).exists() || std::fs::read_link(format!("/proc/{pid}/exe")).is_err()
    });
    assert!(log().contains(" stopped"), "{}", log());

    let events = events(&dir.path().join("events.jsonl"));
    let schema_path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema/event.json");
    let schema = serde_json::from_str(&std::fs::read_to_string(schema_path).expect("readable")).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    for event in &events {
        assert!(schema.is_valid(event), "{event}");
    }
    let flows: Vec<&Value> = events.iter().filter(|event| event["event_type"] == "flow").collect();
    let outbound: Vec<&&Value> = flows.iter().filter(|flow| flow["dest_port"] == 8080).collect();
    assert_eq!(outbound.len(), SHORT + 1, "one flow for each client");
    let caught = outbound
        .iter()
        .filter(|flow| {
            let process = &flow["process"];
            process["exe"].as_str().is_some_and(|exe| exe.ends_with("/curl"))
                && process["match"] == "connection"
                && process["pid"].as_u64().is_some_and(|pid| short.contains(&(pid as u32)))
                && process["user"] == "root"
        })
        .count();
    let gone = outbound.iter().filter(|flow| flow["process"]["match"] == "gone").count();
    println!("short-lived processes: {caught} of {SHORT} named, {gone} with their user alone");
    assert!(caught >= CAUGHT_MIN, "{caught} of {SHORT}; {:?}", outbound.first());
    let wrong = outbound
        .iter()
        .filter(|flow| {
            flow["process"]["pid"].as_u64().is_some_and(|pid| !short.contains(&(pid as u32)) && pid as u32 != held_pid)
        })
        .count();
    assert_eq!(wrong, 0, "a process that did not send it is named");
    let held: Vec<_> = outbound.iter().filter(|flow| flow["process"]["pid"] == held_pid).collect();
    let unnamed =
        outbound.iter().filter(|flow| flow["process"]["pid"].is_null()).map(|flow| flow["process"].to_string());
    assert_eq!(held.len(), 1, "{held_pid}: {:?}", unnamed.collect::<Vec<_>>());
    assert_eq!(held[0]["process"]["uid"], 65533);
    let inbound: Vec<&&Value> = flows.iter().filter(|flow| flow["src_port"] == 8081).collect();
    assert_eq!(inbound.len(), 1, "{flows:?}");
    assert_eq!(inbound[0]["process"]["pid"], server_here, "{}", inbound[0]);
}
