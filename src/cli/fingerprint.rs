//! `borderpost fingerprint`: a CSV of real records in, a watch file out that finds them without holding them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::Path;

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::args::{CommonArgs, FingerprintArgs};
use super::{Done, Failure, print, rules, say};
use crate::model::Problem;
use crate::scan::{Catalogue, WATCH_KEY_OCTETS, WatchBuilder, WatchKey, WatchSpec};

pub(super) fn fingerprint(args: FingerprintArgs) -> Result<Done, Failure> {
    if let Some(path) = &args.new_key {
        return new_key(path);
    }
    let (Some(list), Some(key), Some(input), Some(output)) = (args.list, args.key, args.input, args.output) else {
        return Err(Failure::Runtime("--list, --key, a CSV and --output are needed".to_owned()));
    };
    let settings = rules::settings(CommonArgs { signatures: args.signatures, ..CommonArgs::default() }.flags(), None)?;
    let catalogue = Catalogue::load(&settings.signatures).map_err(Failure::Invalid)?;
    let key = read_key(&key, KeyGuard::Secret).map_err(|problem| Failure::Invalid(vec![problem]))?;
    let spec = WatchSpec {
        list,
        epoch: args.epoch,
        canary: args.canary,
        primaries: args.primary,
        secondaries: args.secondary,
        label: args.label_column,
    };
    let name = input.display().to_string();
    // Messages tell rows and columns, never what stands in them: that is what the parser's own errors would do.
    let fail = |row: u64, what: &str| Failure::Runtime(format!("{name}: row {row}: {what}"));
    let source: Box<dyn Read> = if input == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(&input).map_err(|error| Failure::Runtime(format!("{name}: {error}")))?)
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(source);
    let headers = reader.byte_headers().map_err(|_| fail(0, "the header row cannot be read"))?.clone();
    let columns: Vec<String> = headers.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let names: Vec<&str> = columns.iter().map(|name| name.trim_start_matches('\u{feff}')).collect();
    let mut builder = WatchBuilder::new(&catalogue, &key, &spec, &names)
        .map_err(|messages| messages.into_iter().map(|message| Problem::file(&name, message)).collect::<Vec<_>>())?;
    let mut record = csv::ByteRecord::new();
    let mut row = 0;
    loop {
        row += 1;
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(_) => return Err(fail(row, "cannot be read")),
        }
        builder.row(|column| record.get(column).unwrap_or_default()).map_err(|message| fail(row, &message))?;
    }
    let (octets, counts) = builder.finish();
    write_file(&output, &octets)?;
    if counts.unfindable > 0 {
        let rows: Vec<String> = counts.unfindable_rows.iter().map(ToString::to_string).collect();
        say(&format!(
            "{} primary values are not written as any pattern of their type expects, and may never be found: rows {}{}",
            counts.unfindable,
            rows.join(", "),
            if counts.unfindable > rows.len() as u64 { ", ..." } else { "" }
        ));
    }
    if counts.empty_rows > 0 {
        say(&format!("{} rows have no primary value and are left out", counts.empty_rows));
    }
    print(&format!(
        "watch/{}: {} rows, {} primary values, epoch {}, {} octets\n",
        spec.list,
        counts.rows,
        counts.values,
        spec.epoch,
        octets.len()
    ))?;
    Ok(Done::Well)
}

/// Writes beside the target and renames: a sensor that reloads never sees half a file.
fn write_file(path: &Path, octets: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    tempfile::NamedTempFile::new_in(folder)
        .and_then(|mut file| {
            file.write_all(octets)?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)
        })
        .map(drop)
        .map_err(|error| Failure::Runtime(format!("{}: {error}", path.display())))
}

fn new_key(path: &Path) -> Result<Done, Failure> {
    let mut octets = Zeroizing::new([0; WATCH_KEY_OCTETS]);
    SystemRandom::new()
        .fill(&mut *octets)
        .map_err(|_| Failure::Runtime("the system gives no random octets".to_owned()))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
        .open(path)
        .and_then(|mut file| file.write_all(&*octets).and_then(|()| file.sync_all()))
        .map_err(|error| Failure::Runtime(format!("{}: {error}", path.display())))?;
    Ok(Done::Well)
}

/// Who may be able to read a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyGuard {
    /// Not everyone.
    Secret,
    /// Everyone: the key of a test case that lies in a repository.
    Open,
}

/// A key file: 32 octets that others cannot read, unless they may.
pub(super) fn read_key(path: &Path, guard: KeyGuard) -> Result<WatchKey, Problem> {
    let problem = |message: String| Problem::file(path.display().to_string(), message);
    let mut octets = Zeroizing::new(Vec::with_capacity(WATCH_KEY_OCTETS + 1));
    File::open(path)
        .and_then(|file| {
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                if guard == KeyGuard::Secret && file.metadata()?.permissions().mode() & 0o004 != 0 {
                    return Err(io::Error::other("everyone on this host can read this key: chmod 600"));
                }
            }
            file.take(WATCH_KEY_OCTETS as u64 + 1).read_to_end(&mut octets)
        })
        .map_err(|error| problem(error.to_string()))?;
    WatchKey::new(&octets).ok_or_else(|| problem(format!("a key of watch files has {WATCH_KEY_OCTETS} octets")))
}

/// The file of a list of at most so many octets, not yet opened.
pub(super) fn read_list(path: &Path, octets_max: u64) -> Result<Vec<u8>, Problem> {
    let problem = |message: String| Problem::file(path.display().to_string(), message);
    let read = || -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        if length > octets_max {
            return Err(io::Error::other("it is larger than any such file"));
        }
        let mut octets = Vec::with_capacity(length as usize);
        file.take(octets_max).read_to_end(&mut octets)?;
        Ok(octets)
    };
    read().map_err(|error| problem(error.to_string()))
}
