//! Reload: rules are built aside from the configuration as it is on disk, checked, and offered to the packet path, which takes them up
//! between two batches. Refused ones change nothing. Either way the old rules hold until the new ones do.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use sd_notify::NotifyState;

use super::log::Level;
use super::shared::Shared;

/// Builds new rules and offers them.
///
/// # Errors
/// Every problem of the configuration; the old rules stay.
pub(super) async fn reload(shared: &Arc<Shared>) -> Result<(), Vec<String>> {
    let _one_at_a_time = shared.reloading.lock().await;
    let mut state = vec![NotifyState::Reloading];
    state.extend(NotifyState::monotonic_usec_now().ok());
    notify(shared, &state);
    // Files of events are opened anew in any case: that is what rotation by others needs.
    shared.sink.reopen.store(true, Ordering::Release);
    let builder = shared.clone();
    let built = tokio::task::spawn_blocking(move || (builder.loader)()).await;
    let result = match built {
        Ok(Ok(ruleset)) => {
            for notice in &ruleset.notices {
                shared.log.say(Level::Warning, "policy", &[("notice", notice)]);
            }
            if ruleset.fixed != shared.rules().fixed {
                let what = "interfaces, filter, rings, limits, threads, outputs and listening address";
                shared.log.say(Level::Warning, "restart-needed", &[("changed", &what)]);
            }
            let mut ruleset = ruleset;
            // What cannot be changed stays what it was, so that the next reload compares with what is in force.
            ruleset.fixed.clone_from(&shared.rules().fixed);
            shared.log.say(Level::Info, "reloaded", &[("rules", &ruleset.rules.policy.rules().count())]);
            shared.offer(ruleset);
            Ok(())
        }
        Ok(Err(problems)) => {
            for problem in &problems {
                shared.log.say(Level::Error, "reload-refused", &[("problem", problem)]);
            }
            Err(problems)
        }
        Err(error) => {
            shared.log.say(Level::Error, "reload-refused", &[("problem", &"rules could not be built")]);
            Err(vec![format!("rules could not be built: {error}")])
        }
    };
    shared.note_reload(result.is_ok());
    notify(shared, &[NotifyState::Ready]);
    result
}

/// Tells systemd, if it listens.
pub(super) fn notify(shared: &Shared, state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        shared.log.say(Level::Warning, "notify", &[("error", &error)]);
    }
}

/// What a file was when it was looked at: rewritten in place or replaced by another, something of this changes.
type Look = Option<(Option<SystemTime>, u64, u64)>;

/// Notices databases that change on disk.
#[derive(Default)]
pub(super) struct DatabaseWatch {
    seen: Vec<(PathBuf, Look)>,
    /// A change was seen and may still go on.
    changing: bool,
}

impl DatabaseWatch {
    /// Looks at the databases. `true` once after a change, when nothing changed any more since the look before.
    pub(super) fn changed(&mut self, paths: &[PathBuf]) -> bool {
        let now: Vec<(PathBuf, Look)> = paths.iter().map(|path| (path.clone(), look(path))).collect();
        let first = self.seen.is_empty();
        let same = self.seen == now;
        self.seen = now;
        if !same {
            self.changing = !first;
            return false;
        }
        std::mem::take(&mut self.changing)
    }
}

fn look(path: &PathBuf) -> Look {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok(), metadata.len(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewritten_and_replaced_databases_are_noticed_once_they_rest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        std::fs::write(&path, "1").unwrap();
        let paths = [path.clone()];
        let mut watch = DatabaseWatch::default();
        assert!(!watch.changed(&paths) && !watch.changed(&paths));
        std::fs::write(&path, "22").unwrap();
        assert!(!watch.changed(&paths), "it may still be being written");
        assert!(watch.changed(&paths));
        assert!(!watch.changed(&paths));
        std::fs::write(dir.path().join("new"), "22").unwrap();
        std::fs::rename(dir.path().join("new"), &path).unwrap();
        assert!(!watch.changed(&paths));
        assert!(watch.changed(&paths));
    }
}
