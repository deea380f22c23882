//! Events as JSON lines in a file that is rotated.
//!
//! **When a line is safe.** It reaches the kernel when it is flushed; the disk as [`DiskSync`] says, and in any case when the file is closed: at
//! rotation, at reopening, at the end. A line that a killed process cut is closed with a line feed when the next process opens the file.
//!
//! **Rotation.** Past its size or age a file is renamed to `NAME.1` (what was there to `NAME.2`, and so on) and begun anew.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::SinkKind;
use super::writer::{Line, Sink};
use crate::config::DiskSync;

/// Which file, and when it changes.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// The file.
    pub path: PathBuf,
    /// Octets past which it is rotated.
    pub rotate_bytes: u64,
    /// Age past which it is rotated.
    pub rotate_after: Option<Duration>,
    /// Rotated files that are kept.
    pub rotate_keep: u32,
    /// When lines are brought to the disk.
    pub sync: DiskSync,
}

/// A file of events; `None` while it is given up.
pub(super) struct FileSink {
    options: FileOptions,
    file: Option<Target>,
}

/// Opens the file.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn open(options: FileOptions) -> io::Result<FileSink> {
    let file = Some(Target::open(&options.path)?);
    Ok(FileSink { options, file })
}

impl Sink for FileSink {
    fn kind(&self) -> SinkKind {
        SinkKind::File
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotConnected.into()) };
        file.out.write_all(&line.json)?;
        file.len += line.json.len() as u64;
        if self.options.sync == DiskSync::Each {
            file.sync()?;
        }
        self.rotate_if_due()
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.out.flush()?;
            if let DiskSync::Every(time) = self.options.sync
                && file.len > file.synced.1
                && file.synced.0.elapsed() >= time
            {
                file.sync()?;
            }
        }
        self.rotate_if_due()
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.close()?;
        self.file = Some(Target::open(&self.options.path)?);
        Ok(())
    }

    fn give_up(&mut self) {
        // Dropping the buffer would try to write it once more.
        if let Some(file) = self.file.take() {
            let _ = file.out.into_parts();
        }
    }

    fn close(&mut self) -> io::Result<()> {
        self.file.take().map_or(Ok(()), Target::close)
    }
}

impl FileSink {
    fn rotate_if_due(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let old = self.options.rotate_after.is_some_and(|after| file.opened.elapsed() >= after);
        if file.len == 0 || !file.is_regular || (file.len < self.options.rotate_bytes && !old) {
            return Ok(());
        }
        self.close()?;
        shift(&self.options.path, self.options.rotate_keep)?;
        self.reopen()
    }
}

/// Renames `path` to `path.1`, `path.1` to `path.2`, and so on; the last is overwritten. With `keep` 0 the file is removed.
fn shift(path: &Path, keep: u32) -> io::Result<()> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    if keep == 0 {
        return std::fs::remove_file(path);
    }
    for number in (1..keep).rev() {
        match std::fs::rename(numbered(number), numbered(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::rename(path, numbered(1))
}

struct Target {
    out: BufWriter<File>,
    len: u64,
    opened: Instant,
    /// When it was last brought to the disk, and how long it was then.
    synced: (Instant, u64),
    is_regular: bool,
}

impl Target {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let metadata = file.metadata()?;
        let mut len = metadata.len();
        if metadata.is_file() && len > 0 {
            // A line that a killed process left unfinished must not swallow the next one.
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                len += 1;
            }
        }
        Ok(Self {
            out: BufWriter::with_capacity(1 << 16, file),
            len,
            opened: Instant::now(),
            synced: (Instant::now(), len),
            is_regular: metadata.is_file(),
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.synced = (Instant::now(), self.len);
        if self.is_regular { self.out.get_ref().sync_data() } else { Ok(()) }
    }

    fn close(self) -> io::Result<()> {
        let is_regular = self.is_regular;
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        if is_regular { file.sync_data() } else { Ok(()) }
    }
}
