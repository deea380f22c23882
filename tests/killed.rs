//! What `kill -9` costs: posts come all the time, the daemon is killed at one moment after another, and every post that it should have
//! written is looked for. Needs root for network namespaces; says so where it must skip.
//!
//! `BORDERPOST_SOAK=1 cargo test --release --test killed -- --nocapture` kills it two hundred times; otherwise it is six. The figures of
//! docs/daemon.md come from there.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;
mod netns;

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use netns::{CN, CONFIG, Net};
use serde_json::Value;

/// Posts one person after the other, each with a number of its own, and notes of each when it began and was answered, port and person.
const LOAD: &str = r#"
import http.client, sys, time
with open('posted', 'w', buffering=1) as posted:
    for person in range(10_000_000):
        begun = time.time()
        connection = http.client.HTTPConnection(sys.argv[1], 8080, timeout=5)
        connection.connect()
        port = connection.sock.getsockname()[1]
        area = 500 + person // 990_000 % 150
        ssn = '%03d-%02d-%04d' % (area, person // 9999 % 99 + 1, person % 9999 + 1)
        connection.request('POST', '/', '{"ssn":"%s"}' % ssn, {'content-type': 'application/json'})
        connection.getresponse().read()
        connection.close()
        posted.write('%.6f %.6f %d %d\n' % (begun, time.time(), port, person))
"#;

/// What came so long before the kill is in the file. The bound of docs/daemon.md is 0.4 s for a daemon that is not behind; on a machine
/// where ten others want each processor it is behind, which must not fail the test.
const EVENTS_BOUND_S: f64 = 3.0;
/// What thresholds counted so long before the kill is in the state: its interval, the counts of a second, and what a save takes.
const STATE_BOUND_S: f64 = 1.0 + 2.0 + EVENTS_BOUND_S;

struct Post {
    begun: f64,
    at: f64,
    port: u64,
    person: usize,
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

fn posts(net: &Net) -> Vec<Post> {
    let text = fs::read_to_string(net.path("posted")).unwrap_or_default();
    // The last line may be half there.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let post = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<f64>().expect("a number");
        Post { begun: number(0), at: number(1), port: number(2) as u64, person: number(3) as usize }
    };
    whole.lines().map(post).collect()
}

/// Persons that the state's file knows.
fn persons(state: &Path) -> u64 {
    let out = common::run(["state".as_ref(), "--json".as_ref(), state.as_os_str()]);
    let rows: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", common::text(&out.stderr)));
    rows.as_array().expect("rows").iter().map(|row| row["count"].as_u64().expect("a number")).sum()
}

#[test]
fn a_killed_daemon_starts_clean_and_loses_no_more_than_the_bound() {
    let Some(net) = Net::new() else { return };
    let policy = "[policy]\nid = \"p\"\n[[rule]]\nid = \"few\"\nsignatures = [\"us-ssn\"]\nto = [\"CN\"]\nseverity = \"high\"\n\
decision = \"deny\"\nreason = \"r\"\ncount = { unit = \"persons\", over = 1, window = \"calendar-year\" }\n";
    fs::write(net.path("p.toml"), policy).expect("written");
    fs::write(net.path("key"), b"0123456789abcdef0123456789abcdef").expect("written");
    fs::set_permissions(net.path("key"), fs::Permissions::from_mode(0o600)).expect("set");
    let own = "policy = [\"./p.toml\"]\ndigest-key-file = \"key\"\nstate = \"counts\"\nstate-interval = \"1s\"\nrotate-bytes = \"1GiB\"\n";
    fs::write(net.path("c.toml"), format!("{own}{CONFIG}")).expect("written");
    let mut load = net.python(&net.here, LOAD, &[CN]);
    net.until("posts come", || !posts(&net).is_empty());

    let kills: u64 = if std::env::var_os("BORDERPOST_SOAK").is_some() { 200 } else { 6 };
    let (mut lost, mut most, mut ages, mut oldest_state) = (0, 0, Vec::new(), 0.0_f64);
    let (mut read, mut broken, mut known) = (0_usize, 0, 0);
    for round in 0..kills {
        let daemon = net.daemon(&["--threads", if round % 2 == 0 { "1" } else { "2" }]);
        let ready = now();
        // At another moment each time, told by packets: from at once to some seconds.
        let moment = (round * 7919 % 4001) as f64;
        net.until("packets come", || daemon.metric("borderpost_capture_packets_total") >= moment);
        let killed = now();
        daemon.kill();

        let events = fs::read(net.path("events.jsonl")).expect("events");
        let text = String::from_utf8_lossy(&events[read..]).into_owned();
        read = events.len();
        // A line that was cut is closed by the next start.
        let lines = text.lines().filter(|line| !line.is_empty());
        let lines: Vec<Option<Value>> = lines.map(|line| serde_json::from_str(line).ok()).collect();
        broken += lines.iter().filter(|line| line.is_none()).count();
        let found: HashSet<u64> = lines
            .iter()
            .flatten()
            .filter(|event| event["event_type"] == "finding")
            .filter_map(|event| event["src_port"].as_u64())
            .collect();
        // Ports come again only after thousands of others.
        let all = posts(&net).into_iter();
        let seen: Vec<Post> = all.filter(|post| post.begun >= ready && post.at <= killed).collect();
        let missing: Vec<f64> =
            seen.iter().filter(|post| !found.contains(&post.port)).map(|post| killed - post.at).collect();
        lost += missing.len();
        most = most.max(missing.len());
        let oldest = missing.iter().copied().fold(0.0, f64::max);
        assert!(oldest <= EVENTS_BOUND_S, "round {round}: {missing:?} of {} posts", seen.len());
        ages.push(oldest);

        // A save may come late, but what was known stays known.
        let saved = if net.path("counts").exists() { persons(&net.path("counts")) } else { 0 };
        assert!(saved >= known, "round {round}: {saved} persons are known, and were {known}");
        let fresh = (saved - known) as usize;
        known = saved;
        let unsaved = seen.get(fresh..).and_then(<[Post]>::first).map_or(0.0, |post| killed - post.at);
        oldest_state = oldest_state.max(unsaved);
        assert!(unsaved <= STATE_BOUND_S, "round {round}: {fresh} of {} persons were saved, {unsaved} s", seen.len());
    }
    let _ = load.kill();
    let _ = load.wait();
    let all = posts(&net);
    ages.sort_by(f64::total_cmp);
    let age = |part: f64| ages[((ages.len() - 1) as f64 * part) as usize] * 1000.0;
    println!(
        "{kills} kills, {} posts: {lost} findings lost, at most {most} by one kill; the oldest lost had come {:.0} ms before (median; 9 of \
10 kills {:.0}, all {:.0}), and what thresholds had counted at most {:.0} ms before; {broken} lines cut",
        all.last().map_or(0, |post| post.person + 1),
        age(0.5),
        age(0.9),
        age(1.0),
        oldest_state * 1000.0,
    );
    assert!(broken as u64 <= kills, "at most one line is cut by a kill: {broken}");
    assert_eq!(net.daemon(&[]).stop()["schema"], "borderpost.summary/1");
    let files = fs::read_dir(net.dir.path()).expect("a folder").flatten();
    let mut files: Vec<_> = files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    files.sort();
    let wanted = ["c.toml", "counts", "events.jsonl", "key", "log", "p.toml", "posted"];
    // A save that was going on leaves its half beside the file; the next one takes it over.
    files.retain(|name| name != ".counts.new");
    assert_eq!(files, wanted, "nothing is left lying about");
}
