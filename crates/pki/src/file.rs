//! The authority on disk: one file, replaced as a whole, for its owner's eyes.

use crate::PkiError;
use seaworthy_core::Secret;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Dates are seconds since 1970.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct State {
    pub(crate) version: u32,
    /// The newest first: it issues, all of them are trusted.
    pub(crate) roots: Vec<Root>,
    pub(crate) issued: Vec<Issued>,
    pub(crate) crl_number: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Root {
    pub(crate) id: String,
    pub(crate) begins: u64,
    pub(crate) ends: u64,
    /// When the next one took its place.
    pub(crate) replaced: Option<u64>,
    pub(crate) certificate: String,
    key: String,
}

impl Root {
    pub(crate) const fn new(
        id: String,
        (begins, ends): (u64, u64),
        certificate: String,
        key: String,
    ) -> Self {
        Self { id, begins, ends, replaced: None, certificate, key }
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // wiped by the wrapper
        let _ = Secret::new(std::mem::take(&mut self.key));
    }
}

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct Issued {
    pub(crate) serial: String,
    pub(crate) name: String,
    pub(crate) root: String,
    pub(crate) ends: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revoked: Option<u64>,
}

/// The folder, held for as long as this lives.
pub(crate) struct Place {
    file: PathBuf,
    _lock: File,
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> PkiError + '_ {
    |error| PkiError::File { path: path.display().to_string(), error }
}

impl Place {
    pub(crate) fn open(folder: &Path) -> Result<Self, PkiError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))?;
        let path = folder.join("authority.lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(&path).map_err(at(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { file: folder.join("authority.json"), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(PkiError::Locked(folder.display().to_string())),
            Err(TryLockError::Error(error)) => Err(at(&path)(error)),
        }
    }

    /// Nothing if there is none yet.
    pub(crate) fn read(&self) -> Result<Option<State>, PkiError> {
        let shown = || self.file.display().to_string();
        let meta = match fs::metadata(&self.file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(at(&self.file))?,
        };
        if meta.mode() & 0o077 != 0 {
            return Err(PkiError::Exposed(shown()));
        }
        let bytes = Secret::new(fs::read(&self.file).map_err(at(&self.file))?);
        let state: State = serde_json::from_slice(bytes.expose()).map_err(|_| PkiError::Damaged(shown()))?;
        if state.version == 1 && !state.roots.is_empty() {
            Ok(Some(state))
        } else {
            Err(PkiError::Damaged(shown()))
        }
    }

    /// Replaces the file; a crash leaves the old one or the new one.
    pub(crate) fn write(&self, state: &State) -> Result<(), PkiError> {
        let bytes = serde_json::to_vec_pretty(state)
            .map_err(|_| PkiError::Damaged(self.file.display().to_string()))?;
        let bytes = Secret::new(bytes);
        let beside = self.file.with_extension("new");
        let _ = fs::remove_file(&beside);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(at(&beside))?;
        file.write_all(bytes.expose()).and_then(|()| file.sync_all()).map_err(at(&beside))?;
        fs::rename(&beside, &self.file).map_err(at(&self.file))?;
        let folder = self.file.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
    }
}
