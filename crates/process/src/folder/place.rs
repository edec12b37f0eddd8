//! The files of one replica.

use super::Inner;
use crate::cgroup::Groups;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::launch::{Limits, Orphan, StopPlan};
use crate::procfs::Identity;
use crate::protocol::{FORMAT, Started};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub(crate) const ALIVE: &str = "alive";
pub(crate) const DESCRIPTION: &str = "description.json";
pub(crate) const KEEPER: &str = "keeper.json";
pub(crate) const PROGRAM: &str = "program.json";
pub(crate) const SOCKET: &str = "socket";
pub(crate) const OUTPUT: &str = "output";
pub(crate) const EXIT: &str = "exit.json";
pub(crate) const LOG: &str = "keeper.log";

/// Where one replica's files are.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    path: PathBuf,
    id: String,
}

/// What an adopter has to know. No arguments and no environment: a file outlives what it was for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Description {
    pub(crate) format: u32,
    pub(crate) id: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) limits: Limits,
    pub(crate) orphan: Orphan,
    pub(crate) stop: StopPlan,
    pub(crate) address_space: bool,
    pub(crate) groups: Groups,
    pub(crate) created_at: SystemTime,
}

/// How it ended, until somebody takes it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) exit: Exit,
    /// Whether its owner had seen it start.
    pub(crate) confirmed: bool,
}

impl Place {
    pub(crate) fn new(path: PathBuf, id: &str) -> Self {
        Self { path, id: id.to_owned() }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The lock that a keeper is born with; `None` while somebody has it. Whoever gets it knows that no keeper lives
    /// here, and that none can come to life while it is held.
    pub(crate) fn lock(&self) -> Result<Option<File>, Error> {
        let path = self.file(ALIVE);
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(Error::file(&path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(Error::file(&path)(error.into())),
        }
    }

    /// `false` when it was there already.
    pub(crate) fn make(&self) -> Result<bool, Error> {
        match fs::DirBuilder::new().mode(0o700).create(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(Error::file(&self.path)(error)),
        }
    }

    pub(crate) fn describe(&self, description: &Description) -> Result<(), Error> {
        let path = self.file(DESCRIPTION);
        files::write_json(&path, description).map_err(Error::file(&path))
    }

    /// In words why there is none.
    pub(crate) fn description(&self, folder: &Inner) -> Result<Description, String> {
        let mut description: Description =
            files::read_json(&self.file(DESCRIPTION)).map_err(|error| format!("{DESCRIPTION}: {error}"))?;
        if description.format > FORMAT {
            return Err("it was written by a newer seaworthy".to_owned());
        }
        if description.id != self.id {
            return Err(format!("it describes \"{}\"", description.id.escape_debug()));
        }
        if !description.groups.plausible(&self.id) {
            description.groups = folder.cgroups.of(&self.id);
        }
        Ok(description)
    }

    pub(crate) fn started(&self) -> Option<Started> {
        files::read_json(&self.file(PROGRAM)).ok()
    }

    pub(crate) fn keeper(&self) -> Option<Identity> {
        files::read_json(&self.file(KEEPER)).ok()
    }

    pub(crate) fn record(&self) -> Option<Record> {
        files::read_json(&self.file(EXIT)).ok()
    }

    pub(crate) fn output(&self) -> Vec<u8> {
        files::read(&self.file(OUTPUT)).unwrap_or_default()
    }

    /// What a keeper that failed had to say.
    pub(crate) fn complaint(&self) -> Option<String> {
        let log = files::read(&self.file(LOG)).ok()?;
        let text = String::from_utf8_lossy(&log).trim().to_owned();
        if text.is_empty() { None } else { Some(text.chars().take(500).collect()) }
    }

    /// Takes everything away. What cannot be is found by the next one who looks.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
