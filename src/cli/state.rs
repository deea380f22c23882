//! The file that keeps what thresholds count, from one run to the next, and `borderpost state`, which shows what is in it.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use comfy_table::{Table, presets};
use serde_json::json;

use super::{Done, Failure, print};
use crate::engine::{Kept, Tallies};
use crate::model::{Problem, Timestamp};

/// `borderpost state FILE`: how many distinct values are known, by rule, group and signature; never which.
pub(super) fn show(path: &Path, as_json: bool) -> Result<Done, Failure> {
    let name = path.display().to_string();
    let octets = std::fs::read(path).map_err(|error| Failure::Runtime(format!("{name}: {error}")))?;
    let rows = Tallies::look(&octets).map_err(|error| vec![Problem::file(name, error.to_string())])?;
    let last = |row: &Kept| {
        let time = Timestamp::from_parts(u64::from(row.last_day) * 86_400, 0).to_string();
        time.split('T').next().unwrap_or_default().to_owned()
    };
    if as_json {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "rule": row.rule, "group": row.group, "signature": row.signature, "count": row.count,
                    "exact": row.exact, "last": last(row),
                })
            })
            .collect();
        print(&format!("{:#}\n", json!(rows)))?;
        return Ok(Done::Well);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.force_no_tty();
    table.set_header(["RULE", "COUNTED TOGETHER", "SIGNATURE", "DISTINCT", "LAST SEEN"]);
    for row in &rows {
        let about = if row.exact { "" } else { "about " };
        table.add_row([&row.rule, &row.group, &row.signature, &format!("{about}{}", row.count), &last(row)]);
    }
    print(&format!("{table}\n"))?;
    Ok(Done::Well)
}

/// Reads the file; one that is not there yet counts nobody. One that is damaged is no empty one: that would let a threshold start
/// over.
pub(super) fn load(path: &Path, key: &[u8; 32]) -> Result<Tallies, Failure> {
    let name = path.display().to_string();
    match std::fs::read(path) {
        Ok(octets) => Tallies::from_octets(&octets, key)
            .map_err(|error| Failure::Invalid(vec![Problem::file(name, error.to_string())])),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Tallies::default()),
        Err(error) => Err(Failure::Runtime(format!("{name}: {error}"))),
    }
}

/// Replaces the file whole: whenever the program or the host stops, the old counts or the new ones are there.
pub(super) fn save(path: &Path, tallies: &Tallies, key: &[u8; 32]) -> Result<(), Failure> {
    replace(path, &tallies.to_octets(key)).map_err(|error| Failure::Runtime(format!("{}: {error}", path.display())))
}

fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Beside the file, as a rename is atomic within one file system only; readable by its owner alone. Always the same name, so that
    // whatever kills us leaves one of them at most, and the next save takes it over.
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let new = folder.join(name);
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600).custom_flags(NO_FOLLOW);
    let mut file = options.open(&new)?;
    file.write_all(octets)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    // The rename itself must survive a power cut.
    File::open(folder)?.sync_all()
}

/// A link that somebody laid there is not followed.
const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
