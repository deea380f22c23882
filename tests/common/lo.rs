//! A daemon on the loopback interface, for tests of its control plane: root is needed to open the ring, namespaces are not.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.
#![allow(dead_code, unreachable_pub)] // Each test binary uses its part.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::common::text;

/// A daemon that captures `lo`, serves at a port of its own, and has a folder.
pub struct Lo {
    pub dir: tempfile::TempDir,
    pub child: Child,
    /// Where it listens.
    pub address: String,
}

/// Whether this process may open rings; says so where it may not.
pub fn may_capture() -> bool {
    let out = Command::new("id").arg("-u").output().expect("id");
    let root = text(&out.stdout).trim() == "0";
    if !root {
        eprintln!("SKIPPED: capturing needs root");
    }
    root
}

/// Whether a tool runs; says so where it does not.
pub fn has(tool: &str, argument: &str) -> bool {
    let runs = Command::new(tool).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !runs {
        eprintln!("SKIPPED: {tool} is not here");
    }
    runs
}

impl Lo {
    /// Starts it in `dir` and waits until it is ready.
    pub fn start(dir: tempfile::TempDir, args: &[&str]) -> Self {
        Self::start_as(dir, args, Some("--allow-root"))
    }

    /// The same, with what is said of root.
    pub fn start_as(dir: tempfile::TempDir, args: &[&str], root: Option<&str>) -> Self {
        let log = std::fs::File::create(dir.path().join("log")).expect("created");
        let child = Command::new(env!("CARGO_BIN_EXE_borderpost"))
            .args(["run", "-i", "lo", "--home", "US", "--web.listen-address", "127.0.0.1:0"])
            .args(["--web.enable-lifecycle", "--log.format", "json"])
            .args(args)
            .args(root)
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the daemon starts");
        let mut daemon = Self { dir, child, address: String::new() };
        daemon.until("it is ready", |daemon| {
            if let Some(line) = daemon.log().lines().find(|line| line.contains("\"event\":\"ready\"")) {
                let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
                daemon.address = line["listening"].as_str().expect("an address").to_owned();
            }
            !daemon.address.is_empty()
        });
        daemon
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).expect("a log")
    }

    pub fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "{what}: it ended with {ended:?}: {}", self.log());
            assert!(begun.elapsed() < Duration::from_secs(30), "{what}: not within 30 s: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Status and text of what curl gets from a path; status 0 where there was no answer.
    pub fn curl(&self, scheme: &str, path: &str, args: &[&str]) -> (u16, String) {
        let out = Command::new("curl")
            .args(["-sS", "-m", "20", "-w", "\n%{http_code}"])
            .args(args)
            .arg(format!("{scheme}://{}{path}", self.address))
            .current_dir(self.dir.path())
            .output()
            .expect("curl");
        let answer = text(&out.stdout);
        let (body, status) = answer.rsplit_once('\n').expect("a status");
        (status.parse().expect("a number"), body.to_owned())
    }

    /// Ends it as systemd does; gives its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
        self.child.wait().expect("ended").code()
    }
}

impl Drop for Lo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
