//! The files themselves.

use super::MAGIC;
use super::load::{Loader, Read};
use super::writer::Piece;
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

const ENDING: &str = "slots";
/// A process that dies every few seconds must not leave files without end.
const FILES: usize = 1_000;

#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    limit: u64,
    /// Milliseconds.
    retention: i64,
    /// All files that are there, the oldest first.
    files: VecDeque<Listed>,
    open: Option<File>,
}

#[derive(Debug)]
struct Listed {
    path: PathBuf,
    /// The time of its first slot.
    first: i64,
    bytes: u64,
}

/// What could not be written.
#[derive(Debug)]
pub(crate) struct Unwritten {
    pub(crate) error: io::Error,
    pub(crate) slots: u64,
}

impl Folder {
    pub(crate) fn new(path: PathBuf, limit: u64, retention: i64) -> Self {
        Self { path, limit, retention, files: VecDeque::new(), open: None }
    }

    /// Makes the folder if need be, lists its files and has each read.
    pub(crate) fn load(
        &mut self,
        loader: &mut Loader<'_>,
        mut each: impl FnMut(&Path, io::Result<Read>),
    ) -> io::Result<()> {
        fs::create_dir_all(&self.path)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            // a name that is not ours, and whatever is not a plain file, is none of our business
            if let Some(first) = first_slot(&entry.path()).filter(|_| metadata.is_file()) {
                files.push(Listed { path: entry.path(), first, bytes: metadata.len() });
            }
        }
        files.sort_by(|a, b| (a.first, &a.path).cmp(&(b.first, &b.path)));
        for file in &files {
            each(&file.path, read(&file.path, self.limit).map(|bytes| loader.file(&bytes)));
        }
        self.files = files.into();
        Ok(())
    }

    /// Writes what waits, to the disk, and deletes what is too old or too much.
    pub(crate) fn write(&mut self, pieces: &[Piece]) -> Result<(), Unwritten> {
        let slots =
            |pieces: &[Piece]| pieces.iter().filter(|piece| matches!(piece, Piece::More(_))).count() as u64;
        for (i, piece) in pieces.iter().enumerate() {
            if let Err(error) = self.piece(piece) {
                self.open = None;
                return Err(Unwritten { error, slots: slots(&pieces[i..]) });
            }
        }
        if let Some(file) = &self.open {
            file.sync_data().map_err(|error| Unwritten { error, slots: slots(pieces) })?;
        }
        Ok(())
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Deletes files whose slots are all older than the retention at `now`, and the oldest of what is too much.
    pub(crate) fn trim(&mut self, now: i64) -> io::Result<()> {
        let horizon = now.saturating_sub(self.retention);
        // all slots of a file are older than the first one of the next
        while self.files.get(1).is_some_and(|next| next.first < horizon)
            || (self.files.len() > 1 && (self.bytes() > self.limit || self.files.len() > FILES))
        {
            let Some(oldest) = self.files.pop_front() else { break };
            match fs::remove_file(&oldest.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn piece(&mut self, piece: &Piece) -> io::Result<()> {
        match piece {
            Piece::Begin(first) => self.begin(*first),
            Piece::More(frame) => {
                let missing = || io::Error::other("the file of slots could not be begun");
                self.open.as_mut().ok_or_else(missing)?.write_all(frame)?;
                if let Some(file) = self.files.back_mut() {
                    file.bytes += frame.len() as u64;
                }
                Ok(())
            }
        }
    }

    fn begin(&mut self, first: i64) -> io::Result<()> {
        fs::create_dir_all(&self.path)?;
        // a process that takes over may begin a file at the same moment
        for first in first..first.saturating_add(100) {
            let path = self.path.join(format!("{:015}.{ENDING}", first.max(0)));
            match create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(mut file) => {
                    file.write_all(MAGIC)?;
                    self.open = Some(file);
                    self.files.push_back(Listed { path, first, bytes: MAGIC.len() as u64 });
                    return Ok(());
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn first_slot(path: &Path) -> Option<i64> {
    let stem = path.file_stem()?.to_str()?;
    let ours =
        path.extension()? == ENDING && stem.len() == 15 && stem.bytes().all(|byte| byte.is_ascii_digit());
    ours.then(|| stem.parse().ok())?
}

/// The beginning of a file, as far as the folder may be filled.
fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
