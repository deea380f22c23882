//! What operators write: `config`, `policy`, `signatures` (TOML), `watch` (records' digests), `keylog`.

#![no_main]

use borderpost::config::{RawConfig, Settings};
use borderpost::model::KeyLog;
use borderpost::policy::PolicySet;
use borderpost::scan::{Catalogue, WATCH_KEY_OCTETS, WatchInput, WatchKey, WatchSet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let text = || String::from_utf8_lossy(input).into_owned();
    match env!("CARGO_BIN_NAME") {
        "config" => {
            if let Ok(raw) = RawConfig::parse("fuzz.toml", &text()) {
                let _ = Settings::lower(raw, &[]);
            }
        }
        "policy" => drop(PolicySet::load(&[("fuzz.toml".to_owned(), text())], "US".parse().ok())),
        "signatures" => drop(Catalogue::load(&[("fuzz.toml".to_owned(), text())])),
        "keylog" => {
            let mut keys = KeyLog::default();
            keys.read(input);
        }
        "watch" => {
            static CATALOGUE: std::sync::OnceLock<Catalogue> = std::sync::OnceLock::new();
            let catalogue =
                CATALOGUE.get_or_init(|| Catalogue::built_in().unwrap_or_else(|_| unreachable!("built in")));
            let Some(key) = WatchKey::new(&[7; WATCH_KEY_OCTETS]) else { return };
            let _ =
                WatchSet::load(vec![WatchInput { name: "fuzz".to_owned(), octets: input.to_vec(), key }], catalogue);
        }
        other => unreachable!("{other}"),
    }
});
