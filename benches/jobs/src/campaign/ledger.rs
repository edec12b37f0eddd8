//! What survives every kill: files that are only added to, and one file per effect that was accepted.

use crate::error::Error;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where a campaign writes down what happened.
#[derive(Debug, Clone)]
pub(super) struct Folders {
    root: PathBuf,
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |error| Error::new(path.display().to_string(), error)
}

impl Folders {
    pub(super) fn make(root: &Path) -> Result<Self, Error> {
        let folders = Self::at(root);
        for folder in [folders.effects(), folders.attempts()] {
            std::fs::create_dir_all(&folder).map_err(failed(&folder))?;
        }
        Ok(folders)
    }

    pub(super) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn effects(&self) -> PathBuf {
        self.root.join("effects")
    }

    pub(super) fn attempts(&self) -> PathBuf {
        self.root.join("attempts")
    }

    pub(super) fn accepted(&self) -> PathBuf {
        self.root.join("accepted")
    }
}

/// A file that is only added to. What was written is on the disk.
#[derive(Debug)]
pub(super) struct Ledger(File);

impl Ledger {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(failed(path))?;
        Ok(Self(file))
    }

    /// One write, so that a kill leaves a line or none.
    pub(super) fn add(&self, lines: &str) -> Result<(), Error> {
        let mut file = &self.0;
        let written = file.write_all(lines.as_bytes()).and_then(|()| file.sync_data());
        written.map_err(|error| Error::new("a ledger", error))
    }
}

/// The outer world: takes an effect once per key, and says whether this was the first.
pub(super) fn accept(folders: &Folders, key: &str) -> Result<bool, Error> {
    let path = folders.effects().join(key);
    match File::create_new(&path) {
        Ok(file) => file.sync_data().map(|()| true).map_err(failed(&path)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(&path)(error)),
    }
}
