//! A directory for configurations and logs; it stays where something went wrong, for error messages point into it.

use crate::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) struct WorkDir(PathBuf);

impl WorkDir {
    pub(crate) fn create() -> Result<Self, Error> {
        let path = std::env::temp_dir().join(format!("bench-identity-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(Error::Files)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Removes it with all that is in it.
    pub(crate) fn remove(self) -> Result<(), Error> {
        fs::remove_dir_all(&self.0).map_err(Error::Files)
    }

    /// Writes a file and returns where it is.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf, Error> {
        let path = self.0.join(name);
        fs::write(&path, content).map_err(Error::Files)?;
        Ok(path)
    }
}
