//! The control plane as clients meet it: curl and openssl against a daemon on `lo`. Needs root to capture; says so where it must skip.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;
#[path = "common/lo.rs"]
mod lo;

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use lo::Lo;
use serde_json::Value;

use common::text;

fn ready() -> bool {
    lo::may_capture() && lo::has("curl", "--version") && lo::has("openssl", "version")
}

fn openssl(dir: &Path, command: &str) -> String {
    let out = Command::new("openssl").args(command.split(' ')).current_dir(dir).output().expect("openssl");
    assert!(out.status.success(), "openssl {command}: {}", text(&out.stderr));
    text(&out.stdout)
}

/// A certificate for 127.0.0.1 that signs itself.
fn certificate(dir: &Path, name: &str) {
    openssl(
        dir,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key -out {name}.pem \
             -days 2 -subj /CN={name} -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE"
        ),
    );
}

/// A certificate that `ca` signed, for clients.
fn signed(dir: &Path, ca: &str, name: &str) {
    openssl(
        dir,
        &format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ),
    );
    std::fs::write(dir.join("ext"), "extendedKeyUsage=clientAuth\nbasicConstraints=CA:FALSE\n").expect("written");
    openssl(
        dir,
        &format!("x509 -req -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -out {name}.pem -days 2 -extfile ext"),
    );
}

/// What the server calls itself.
fn subject(daemon: &Lo) -> String {
    let command =
        format!("openssl s_client -connect {} </dev/null 2>/dev/null | openssl x509 -noout -subject", daemon.address);
    text(&Command::new("sh").args(["-c", &command]).output().expect("sh").stdout)
}

const TLS: &str = "tls_server_config:\n  cert_file: one.pem\n  key_file: one.key\n";

#[test]
fn what_the_api_answers_fits_its_schema_and_its_bounds() {
    if !ready() {
        return;
    }
    let mut daemon = Lo::start(tempfile::tempdir().expect("a folder"), &["--local", "192.0.2.0/24"]);
    daemon.until("flows are there", |daemon| {
        let status: Value = serde_json::from_str(&daemon.curl("http", "/api/v1/status", &[]).1).expect("JSON");
        status["summary"]["packets"]["total"].as_u64().is_some_and(|packets| packets > 10)
    });
    let api = common::schema("api.json");
    for name in ["status", "destinations", "flows", "violations"] {
        let mut part = api.clone();
        part["$ref"] = format!("#/$defs/{name}").into();
        let (status, body) = daemon.curl("http", &format!("/api/v1/{name}"), &[]);
        assert_eq!(status, 200);
        let value: Value = serde_json::from_str(&body).expect("JSON");
        let validator = jsonschema::validator_for(&part).expect("a schema");
        assert!(validator.is_valid(&value), "{name}: {value}");
        assert!(!validator.is_valid(&serde_json::json!({"a": 1})), "{name}: anything fits");
        if name == "status" {
            let summary = common::validator("summary.json");
            assert!(summary.is_valid(&value["summary"]), "{value}");
            assert_eq!(value["interfaces"][0]["name"], "lo");
        }
    }
    assert!(daemon.curl("http", "/", &[]).1.contains("/api/v1/status"), "the landing page names what there is");
    assert_eq!(daemon.curl("http", "/api/v1/status", &["-X", "POST"]).0, 405);
    assert_eq!(daemon.curl("http", "/nowhere", &[]).0, 404);
    assert_eq!(daemon.stop(), Some(0));
}

/// What `top` says of it, and whether it did.
fn top(daemon: &Lo, args: &[&str]) -> (bool, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_borderpost"))
        .args(["top", "--address", &daemon.address])
        .args(args)
        .current_dir(daemon.dir.path())
        .output()
        .expect("the program starts");
    (out.status.success(), text(&out.stdout) + &text(&out.stderr))
}

#[test]
fn tls_passwords_and_headers_hold_and_are_taken_up_by_a_reload() {
    if !ready() {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    certificate(dir.path(), "one");
    certificate(dir.path(), "two");
    std::fs::write(dir.path().join("word"), "word\n").expect("written");
    std::fs::write(dir.path().join("wrong"), "wrong").expect("written");
    let users = format!("basic_auth_users:\n  bob: {}\n", bcrypt::hash("word", 10).expect("a hash"));
    let headers = "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=60\n";
    std::fs::write(dir.path().join("web.yml"), format!("{TLS}{users}{headers}")).expect("written");
    let mut daemon = Lo::start(dir, &["--web.config.file", "web.yml"]);

    let ca = ["--cacert", "one.pem"];
    assert_eq!(daemon.curl("https", "/-/ready", &ca).0, 401);
    assert_eq!(daemon.curl("https", "/-/ready", &["--cacert", "one.pem", "-u", "bob:wrong"]).0, 401);
    assert_eq!(daemon.curl("https", "/-/ready", &["--cacert", "one.pem", "-u", "eve:word"]).0, 401);
    let bob = ["--cacert", "one.pem", "-u", "bob:word"];
    assert_eq!(daemon.curl("https", "/-/ready", &bob), (200, "ready\n".to_owned()));
    let (well, told) = top(&daemon, &["--ca-file", "one.pem", "--username", "bob", "--password-file", "word"]);
    assert!(well && told.contains("capturing"), "{told}");
    let (well, told) = top(&daemon, &["--ca-file", "one.pem", "--username", "bob", "--password-file", "wrong"]);
    assert!(!well && told.contains("asks for a password"), "{told}");
    let (well, told) = top(&daemon, &["--ca-file", "two.pem", "--username", "bob", "--password-file", "word"]);
    assert!(!well && told.contains("certificate"), "{told}");
    assert_eq!(daemon.curl("http", "/-/ready", &[]).0, 0, "plain HTTP is not spoken beside TLS");
    assert_eq!(daemon.curl("https", "/-/ready", &["-k", "--tls-max", "1.1", "-u", "bob:word"]).0, 0);
    assert_eq!(daemon.curl("https", "/-/ready", &["-k", "--tls-max", "1.2", "-u", "bob:word"]).0, 200);
    let (_, head) = daemon.curl("https", "/metrics", &["--cacert", "one.pem", "-u", "bob:word", "-I"]);
    assert!(head.to_lowercase().contains("strict-transport-security: max-age=60"), "{head}");
    // What was checked once is cheap: twenty more scrapes take less than twenty checks would.
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(daemon.curl("https", "/metrics", &bob).0, 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());

    // Other certificates under the same names.
    assert!(subject(&daemon).contains("one"));
    std::fs::copy(daemon.path("two.pem"), daemon.path("one.pem")).expect("copied");
    let (status, told) = daemon.curl("https", "/-/reload", &["-k", "-X", "POST", "-u", "bob:word"]);
    assert!(status == 500 && told.contains("one.pem"), "a certificate without its key is refused: {status} {told}");
    assert!(subject(&daemon).contains("one"), "and the old one stays");
    std::fs::copy(daemon.path("two.key"), daemon.path("one.key")).expect("copied");
    assert_eq!(daemon.curl("https", "/-/reload", &["-k", "-X", "POST", "-u", "bob:word"]).0, 200);
    assert!(subject(&daemon).contains("two"));

    // TLS 1.3 alone, certificates of clients, no passwords: noticed without being told.
    signed(daemon.dir.path(), "two", "client");
    certificate(daemon.dir.path(), "stranger");
    let mutual = "  min_version: TLS13\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: two.pem\n";
    std::fs::write(daemon.path("web.yml"), format!("{TLS}{mutual}")).expect("written");
    daemon.until("the change is noticed", |daemon| daemon.curl("https", "/-/ready", &["-k"]).0 == 0);
    let client = ["-k", "--cert", "client.pem", "--key", "client.key"];
    assert_eq!(daemon.curl("https", "/-/ready", &client).0, 200);
    let stranger = ["-k", "--cert", "stranger.pem", "--key", "stranger.key"];
    assert_eq!(daemon.curl("https", "/-/ready", &stranger).0, 0);
    let old = ["-k", "--cert", "client.pem", "--key", "client.key", "--tls-max", "1.2"];
    assert_eq!(daemon.curl("https", "/-/ready", &old).0, 0);

    let log = daemon.log();
    assert!(!log.contains("word") && !log.contains("$2"), "secrets in the log: {log}");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_broken_file_of_the_web_is_told_and_nothing_starts() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("c.toml");
    std::fs::write(&config, "interface = [\"lo\"]\nweb-config-file = \"web.yml\"\n").expect("written");
    std::fs::write(dir.path().join("web.yml"), "tls_server_config:\n  cert: x\nbasic_auth_users:\n  bob: hunter2\n")
        .expect("written");
    for command in ["check", "run"] {
        let out = common::run([command.as_ref(), "-c".as_ref(), config.as_os_str()]);
        let told = text(&out.stderr);
        assert_eq!(out.status.code(), Some(3), "{command}: {told}");
        assert!(told.contains("web.yml:2: `cert` is unknown") && told.contains("web.yml:4: is not a hash"), "{told}");
        assert!(!told.contains("hunter2"));
    }
}

#[test]
fn clients_that_dawdle_are_cut_off_and_others_are_served() {
    if !ready() {
        return;
    }
    let mut daemon = Lo::start(tempfile::tempdir().expect("a folder"), &[]);
    // Sixty connections that send an octet a second and never end their heads.
    let mut slow: Vec<_> = (0..60).map(|_| std::net::TcpStream::connect(&daemon.address).expect("connected")).collect();
    assert_eq!(daemon.curl("http", "/-/healthy", &[]).0, 200, "places are left");
    for stream in &mut slow {
        stream.set_read_timeout(Some(Duration::from_millis(10))).expect("set");
    }
    // An octet for each round of the waiting, until all of them were cut off.
    daemon.until("they are cut off", |_| {
        slow.retain_mut(|stream| {
            let mut answer = [0; 512];
            let sent = stream.write_all(b"G").is_ok();
            let ended = match stream.read(&mut answer) {
                Ok(0) => true,
                Ok(_) => answer.starts_with(b"HTTP/1.1 4"),
                Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
            };
            sent && !ended
        });
        slow.is_empty()
    });
    assert_eq!(daemon.curl("http", "/-/healthy", &[]).0, 200);
    assert_eq!(daemon.stop(), Some(0));
}
