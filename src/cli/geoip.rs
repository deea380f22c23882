//! `borderpost geoip update`: databases and ranges, fetched by the operator's own commands and verified before they are used.
//! Borderpost itself speaks to nobody: which host is asked, through which proxy and with which account, is the operator's affair.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Done, Failure, print};
use crate::config::{RawConfig, RawUpdate};
use crate::geo::{GeoSettings, Locator};
use crate::model::Problem;

pub(super) fn update(config: &Path) -> Result<Done, Failure> {
    let name = config.display().to_string();
    let text = std::fs::read_to_string(config).map_err(|error| vec![Problem::file(&*name, error.to_string())])?;
    let raw = RawConfig::parse(&name, &text)?;
    let mut problems = Vec::new();
    if raw.updates.is_empty() {
        problems.push(Problem::file(&*name, "nothing to update").with_hint("[[updates]] with `file` and `command`"));
    }
    let mut kinds = Vec::new();
    for update in &raw.updates {
        let is = |list: &[crate::config::Written<std::path::PathBuf>]| {
            list.iter().any(|path| path.value == update.file.value)
        };
        match (is(&raw.geoip), is(&raw.ranges)) {
            (false, false) => {
                let line = update.file.line.unwrap_or_default();
                let message = format!("{} is neither in `geoip` nor in `ranges`", update.file.value.display());
                problems.push(Problem::line(&*name, line, message));
            }
            (is_database, _) => kinds.push(is_database),
        }
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    // One that fails leaves its file as it was and does not keep the others from coming.
    let mut failed = Vec::new();
    for (update, is_database) in raw.updates.iter().zip(kinds) {
        let file = update.file.value.display();
        match fetch(update, is_database) {
            Ok(()) => print(&format!("{file}: updated\n"))?,
            Err(why) => failed.push(format!("{file}: {why}; the file stays as it was")),
        }
    }
    if failed.is_empty() { Ok(Done::Well) } else { Err(Failure::Runtime(failed.join("\n"))) }
}

fn fetch(update: &RawUpdate, is_database: bool) -> Result<(), String> {
    let path = &update.file.value;
    let io_error = |error: io::Error| error.to_string();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let suffix = path.file_name().map(|name| format!("-{}", name.to_string_lossy())).unwrap_or_default();
    let new = tempfile::Builder::new().prefix(".borderpost-").suffix(&suffix).tempfile_in(folder).map_err(io_error)?;
    let words = update.command.iter().map(|word| word.value.replace("{}", &new.path().to_string_lossy()));
    let mut words = words.collect::<Vec<_>>().into_iter();
    let program = words.next().unwrap_or_default();
    let mut command = Command::new(&program);
    let status = command.args(words).stdin(Stdio::null()).status().map_err(|error| format!("{program}: {error}"))?;
    if !status.success() {
        return Err(format!("{program}: {status}"));
    }
    let built = |path: &Path| -> Result<u64, String> {
        let files = vec![path.to_path_buf()];
        let settings = match is_database {
            true => GeoSettings { databases: files, ..GeoSettings::default() },
            false => GeoSettings { ranges: files, ..GeoSettings::default() },
        };
        match Locator::load(&settings) {
            Ok(locator) => Ok(locator.databases().get(1).map_or(0, |database| database.build_epoch_s)),
            Err(problems) => Err(problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>().join("; ")),
        }
    };
    // The program may have put another file in place of the one it was given.
    let fetched = File::open(new.path()).map_err(io_error)?;
    if fetched.metadata().map_err(io_error)?.len() == 0 {
        return Err(format!("{program} wrote nothing"));
    }
    let epoch = built(new.path())?;
    if path.exists() && built(path).is_ok_and(|current| epoch < current) {
        return Err("what came is older than what is in place".to_owned());
    }
    // As anyone may read the old one.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fetched.set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(io_error)?;
    }
    fetched.sync_all().map_err(io_error)?;
    new.persist(path).map_err(|error| error.to_string())?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error)
}
