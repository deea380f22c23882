//! Tests of the configuration room.

use std::fs;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::{Limits, Problem};

const EXAMPLE: &str = include_str!("../../docs/borderpost.example.toml");
const BUILT_IN: &[(&str, &str)] = &[("home", "[policy]\nid = \"home\"\n"), ("eu-gdpr", "[policy]\nid = \"eu-gdpr\"\n")];

/// The example with every option switched on: lines that are `#` and an option lose the `#`.
fn example() -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(option) if !option.is_empty() && !option.starts_with(' ') => option.to_owned(),
        _ => line.to_owned(),
    };
    EXAMPLE.lines().map(on).collect::<Vec<_>>().join("\n")
}

fn shown(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

fn lower(text: &str) -> Result<Settings, Vec<String>> {
    let raw = RawConfig::parse("c.toml", text).map_err(|problems| shown(&problems))?;
    Settings::lower(raw, BUILT_IN).map_err(|problems| shown(&problems))
}

fn wrong(text: &str) -> Vec<String> {
    lower(text).err().unwrap_or_default()
}

#[test]
fn the_example_as_it_stands_says_nothing() {
    assert_eq!(RawConfig::parse("example", EXAMPLE), Ok(RawConfig::default()));
}

#[test]
fn the_example_names_every_option() {
    let raw = RawConfig::parse("etc/example.toml", &example()).unwrap();
    // No `..`: a new option must be in the example.
    let RawConfig {
        local,
        home,
        policy,
        geoip,
        ranges,
        updates,
        filter,
        keylog,
        events,
        flows,
        metrics,
        report,
        threads,
        json,
        fail_on,
        quiet,
        signatures,
        watch,
        areas,
        override_files,
        overrides,
        services,
        digest_key_file,
        site,
        geoip_max_age,
        state,
        limits,
        overload,
        live,
    } = raw;
    assert_eq!(areas[0].name.value, "us-government-locations");
    assert_eq!(watch[0].file.value.to_str(), Some("etc/watch/journalists.watch"));
    live::assert_complete(&live);
    assert_eq!(
        (local.len(), policy.len(), geoip.len(), signatures.len(), overrides.len(), services.len()),
        (2, 2, 2, 1, 1, 1)
    );
    assert!(override_files.is_empty() && home.is_some() && filter.is_some() && threads.is_some() && fail_on.is_some());
    assert!(
        events.is_some()
            && flows.is_some()
            && metrics.is_some()
            && report.is_some()
            && json.is_some()
            && quiet.is_some()
    );
    assert!(digest_key_file.is_some() && keylog.len() == 1 && state.is_some() && site.is_some());
    assert!(geoip_max_age.is_some());
    assert_eq!((ranges.len(), updates.len(), updates[0].command.len()), (2, 1, 5));
    assert_eq!(policy[0].value, "home");
    assert_eq!(policy[1].value, "etc/policies/acme.toml");
    assert_eq!(signatures[0].value.to_str(), Some("etc/signatures/customer-ids.toml"));
    let mut names: Vec<&str> = limits.iter().map(|(key, _)| *key).collect();
    let mut all: Vec<&str> = dump::limits(&Limits::default()).iter().map(|(key, _)| *key).collect();
    names.sort_unstable();
    all.sort_unstable();
    assert_eq!(names, all);
    let named: Vec<(&str, &str)> = overload.iter().map(|(key, word)| (*key, &*word.value)).collect();
    assert_eq!(named, Limits::default().overload.consequences());
}

#[test]
fn what_gives_way_is_chosen_and_misspelt() {
    let settings = lower("[overload]\npackets = \"drop\"\nflows = \"count\"\n").ok().unwrap();
    assert_eq!(settings.limits.overload.consequences()[..2], [("packets", "drop"), ("flows", "count")]);
    for (text, hint) in [("flows = \"evcit\"", "evict"), ("reasembly = \"gap\"", "reassembly")] {
        let text = wrong(&format!("[overload]\n{text}\n")).join("\n");
        assert!(text.contains(&format!("did you mean `{hint}`?")), "{text}");
    }
}

#[test]
fn the_example_shows_the_default_limits() {
    let start = EXAMPLE.find("#[limits]").unwrap();
    let limits: String = example()[..].split("[limits]").nth(1).unwrap().split("[overload]").next().unwrap().to_owned();
    assert!(start > 0);
    let settings = lower(&format!("[limits]{limits}")).ok().unwrap();
    assert_eq!(settings.limits, Limits::default());
}

#[test]
fn every_problem_at_once() {
    let text = r#"
local = ["10.1.2.3/8", "10.0.0.0/40", "192.0.2.1"]
home = "UK"
policy = ["eu-gpdr", "missing/policy.toml"]
geoip = "missing.mmdb"
filter = " "
events = "out"
flows = "out"
metrics = "no/such/directory/m"
threads = 0
fail-on = "violations"
digest-key-file = "missing.key"
keylog = "missing.log"
[[overrides]]
prefix = "203.0.113.0/24"
[[overrides]]
prefix = "203.0.113.0/24"
location = "ZZ"

[[services]]
suffix = "a..b"
operator-home = ["XX"]

[limits]
flows_max = "many"
held_bytes_max = "1MB"
held_bytes_per_stream_max = "1 MiB"
hole_timeout = "0s"
fragment_timeout = 60
nesting_max = 65
"#;
    assert_eq!(
        wrong(text),
        [
            "c.toml:2: `local`: `10.0.0.0/40` is no network (an address with prefix length such as 192.0.2.0/24 or 2001:db8::/32)",
            "c.toml:2: `local`: `10.1.2.3/8` has bits set past its prefix (did you mean `10.0.0.0/8`?)",
            "c.toml:3: `home`: `UK` is no ISO 3166-1 code (did you mean `GB`?)",
            "c.toml:4: `policy`: `eu-gpdr` is neither a built-in policy nor a file (did you mean `eu-gdpr`?)",
            "c.toml:4: `policy`: cannot read `missing/policy.toml`: No such file or directory (os error 2)",
            "c.toml:5: `geoip`: cannot read `missing.mmdb`: No such file or directory (os error 2)",
            "c.toml:6: `filter` is empty",
            "c.toml:8: `flows` and `events` write to the same file",
            "c.toml:9: `metrics`: there is no directory `no/such/directory`",
            "c.toml:10: `threads` must be from 1 to 256, not `0`",
            "c.toml:11: `fail-on` cannot be `violations` (known: violation)",
            "c.toml:12: `digest-key-file`: cannot read `missing.key`: No such file or directory (os error 2)",
            "c.toml:13: `keylog`: cannot read `missing.log`: No such file or directory (os error 2)",
            "c.toml:15: an override needs a `location`, a `control`, or both",
            "c.toml:17: there are two overrides for 203.0.113.0/24",
            "c.toml:18: `location`: `ZZ` is no ISO 3166-1 code (near it: ZA ZM ZW)",
            "c.toml:21: `suffix`: `a..b` is no host name (letters, digits and `-` between dots; other scripts as xn--)",
            "c.toml:22: `operator-home`: `XX` is no ISO 3166-1 code (two letters such as `US`)",
            "c.toml:25: `flows_max` in [limits] cannot be `many` (a whole number from 1 to 4294967295)",
            "c.toml:26: `held_bytes_per_stream_max` is more than `held_bytes_max`",
            "c.toml:28: `hole_timeout` in [limits] cannot be `0s` (a time such as \"60s\" or \"1h 30m\", more than 0 and at most 366 days)",
            "c.toml:29: `fragment_timeout` in [limits] cannot be `60` (a time such as \"60s\" or \"1h 30m\", more than 0 and at most 366 days)",
            "c.toml:30: `nesting_max` in [limits] cannot be `65` (a whole number from 1 to 64)",
        ]
    );
}

#[test]
fn unknown_keys_and_wrong_types_are_told_with_the_nearest_key() {
    assert_eq!(
        wrong(
            "fail_on = \"violation\"\nhoem = \"US\"\njson = \"yes\"\n[limit]\n[limits]\nflow_max = 1\n[[services]]\nsufix = \"a\"\n"
        ),
        [
            "c.toml:1: unknown key `fail_on` (did you mean `fail-on`?)",
            "c.toml:2: unknown key `hoem` (did you mean `home`?)",
            "c.toml:3: `json` must be true or false, not a string",
            "c.toml:4: unknown key `limit` (did you mean `limits`?)",
            "c.toml:6: unknown key `flow_max` in [limits] (did you mean `flows_max`?)",
            "c.toml:7: `suffix` in [[services]] is missing",
            "c.toml:8: unknown key `sufix` in [[services]] (did you mean `suffix`?)",
        ]
    );
}

#[test]
fn nothing_said_gives_defaults() {
    let settings = lower("").ok().unwrap();
    assert_eq!(settings.local.len(), 9);
    assert_eq!((settings.home, settings.threads, settings.limits), (None, None, Limits::default()));
    assert!(!settings.json && !settings.quiet && !settings.fail_on_violation && settings.digest_key.is_none());
}

#[test]
fn flags_have_the_last_word_key_by_key() {
    let file = "local = [\"10.0.0.0/8\", \"10.1.0.0/16\"]\nhome = \"DE\"\nquiet = true\n[limits]\nnames_max = 7\nnesting_max = 3\n";
    let file = RawConfig::parse("c.toml", file).unwrap();
    let flags = RawConfig {
        local: vec![Written::flag("192.0.2.0/24".to_owned())],
        home: Some(Written::flag("fr".to_owned())),
        limits: vec![("names_max", Written::flag("9".to_owned()))],
        ..RawConfig::default()
    };
    let settings = Settings::lower(RawConfig::merge(flags, file), BUILT_IN).ok().unwrap();
    assert_eq!(settings.local.iter().map(ToString::to_string).collect::<Vec<_>>(), ["192.0.2.0/24"]);
    assert_eq!(settings.home.map(|home| home.to_string()), Some("FR".to_owned()));
    assert!(settings.quiet);
    assert_eq!((settings.limits.names_max, settings.limits.nesting_max), (9, 3));

    let flags = RawConfig { home: Some(Written::flag("UK".to_owned())), ..RawConfig::default() };
    let problems = Settings::lower(flags, BUILT_IN).err().unwrap();
    assert_eq!(shown(&problems), ["command line: `home`: `UK` is no ISO 3166-1 code (did you mean `GB`?)"]);
}

#[test]
fn files_are_read_from_beside_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("p.toml"), "[policy]\nid = \"p\"\n").unwrap();
    fs::write(at("s.toml"), "# signatures\n").unwrap();
    fs::write(at("db.mmdb"), [0]).unwrap();
    fs::write(at("n.toml"), "[[overrides]]\nprefix = \"2001:db8::/32\"\ncontrol = \"cn\"\nlabel = \"n\"\n").unwrap();
    fs::write(at("k"), [7; 32]).unwrap();
    set_mode(&at("k"), 0o600);
    let text = r#"
policy = ["home", "p.toml"]
signatures = "s.toml"
geoip = "db.mmdb"
overrides = ["n.toml"]
digest-key-file = "k"
events = "e.jsonl"
flows = "-"
[[services]]
suffix = "*.Files.Example.com."
operator-home = "SG"
"#;
    let name = at("c.toml").to_string_lossy().into_owned();
    let settings =
        Settings::lower(RawConfig::parse(&name, text).unwrap(), BUILT_IN).map_err(|p| shown(&p)).ok().unwrap();
    assert_eq!(settings.policies[0].0, "built-in policy `home`");
    assert_eq!(
        settings.policies[1],
        (at("p.toml").to_string_lossy().into_owned(), "[policy]\nid = \"p\"\n".to_owned())
    );
    assert_eq!(settings.geoip, [at("db.mmdb")]);
    assert_eq!(settings.events, Some(at("e.jsonl")));
    assert_eq!(settings.flows, Some("-".into()));
    assert_eq!(settings.overrides[0].origin, format!("{}:2", at("n.toml").display()));
    assert_eq!(settings.services[0].suffix, "files.example.com");
    let key = settings.digest_key.as_ref().unwrap();
    assert_ne!(key.octets(), &[7; 32], "the key is derived");

    // The dump holds no key, and says the same when it is read again.
    let dump = settings.dump();
    assert!(dump.contains("given, not shown") && !dump.contains("\\u0007"), "{dump}");
    assert!(dump.contains("label = \"n\"") && dump.contains("operator-home = [\"SG\"]"), "{dump}");
    let again = RawConfig::parse("dump", &dump).map_err(|p| shown(&p)).unwrap();
    assert_eq!(again.overrides.len(), 1);
    assert_eq!(again.limits.len(), 22);

    set_mode(&at("k"), 0o644);
    let raw = RawConfig::parse(&name, "digest-key-file = \"k\"").unwrap();
    let problems = Settings::lower(raw, BUILT_IN).err().unwrap();
    assert!(problems[0].message.contains("everyone on this host can read"), "{problems:?}");
    fs::write(at("k"), [7; 31]).unwrap();
    set_mode(&at("k"), 0o600);
    let raw = RawConfig::parse(&name, "digest-key-file = \"k\"\npolicy = \"./\"\n").unwrap();
    let problems = Settings::lower(raw, BUILT_IN).err().unwrap();
    assert!(problems[1].message.contains("cannot read"), "{problems:?}");
    assert!(problems[0].message.contains("fewer than 32 octets"), "{problems:?}");
}

#[test]
fn key_logs_are_read_and_never_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let at = |file: &str| dir.path().join(file);
    let line = |secret: &str| format!("CLIENT_RANDOM {} {}\n", "0a".repeat(32), secret.repeat(48));
    fs::write(at("one"), line("5e")).unwrap();
    fs::write(at("two"), line("5e").replace("0a", "0b")).unwrap();
    let name = at("c.toml").to_string_lossy().into_owned();
    let raw = RawConfig::parse(&name, "keylog = [\"one\", \"two\"]").unwrap();
    let settings = Settings::lower(raw, BUILT_IN).map_err(|problems| shown(&problems)).unwrap();
    assert_eq!((settings.keylog.len(), settings.keys.len()), (2, 2));
    let dump = settings.dump();
    assert!(dump.contains("keylog = [") && !dump.contains("5e5e") && !dump.contains("0a0a"), "{dump}");

    fs::write(at("bad"), format!("# fine\n{}{}", line("5x"), "secret-octets 5e5e\n".repeat(100))).unwrap();
    let raw = RawConfig::parse(&name, "keylog = \"bad\"").unwrap();
    let problems = shown(&Settings::lower(raw, BUILT_IN).err().unwrap());
    let bad = at("bad").to_string_lossy().into_owned();
    assert_eq!(problems[0], format!("{bad}:2: the secret is not hexadecimal"));
    assert_eq!(problems[1], format!("{bad}:3: no line of a key log: it begins with no label"));
    assert_eq!(problems.len(), 20);
    assert!(problems.iter().all(|problem| !problem.contains("5e5e") && !problem.contains("5x5x")), "{problems:?}");
}

fn set_mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn sizes_and_times_are_read_as_written() {
    let text = "[limits]\nheld_bytes_max = \"2 GiB\"\ndocument_bytes_max = 4096\ndecoded_bytes_max = \"3MB\"\nhole_timeout = \"1m 30s\"\n";
    let limits = lower(text).ok().unwrap().limits;
    assert_eq!(
        (limits.held_bytes_max, limits.document_bytes_max, limits.decoded_bytes_max),
        (2 << 30, 4096, 3_000_000)
    );
    assert_eq!(limits.hole_timeout, Duration::from_secs(90));
    for wrong_size in ["1.5MiB", "MiB", "-1", "1 mib", "99999999999999999999", "18446744073709551615KiB", "0"] {
        assert_eq!(wrong(&format!("[limits]\nheld_bytes_max = \"{wrong_size}\"\n")).len(), 1, "{wrong_size}");
    }
}

proptest! {
    /// Anything may stand in a file.
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = lower(&text);
    }

    /// Damage to a real file is told or harmless, never a panic.
    #[test]
    fn no_damage_panics(at in 0usize..6000, insert in prop::sample::select(vec!["[", "\"", "=", "\n", "{", "-", "\u{0}", "9", "é"])) {
        let mut text = example();
        let mut at = at % text.len();
        while !text.is_char_boundary(at) { at -= 1; }
        text.insert_str(at, insert);
        let _ = RawConfig::parse("c.toml", &text);
    }
}
