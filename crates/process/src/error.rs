use crate::exit::Stage;
use seaworthy_core::ErrorCode;
use std::io;
use std::path::{Path, PathBuf};

/// Why something could not be done to a process. No variant carries a value of the environment.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What should be started cannot be.
    #[error("{0}")]
    Invalid(String),
    /// There is one of this name already.
    #[error("a process \"{0}\" is there already")]
    Exists(String),
    /// Another Seaworthy has the folder.
    #[error("the folder {} belongs to another seaworthy, process {holder}", path.display())]
    Held {
        /// The folder.
        path: PathBuf,
        /// Its owner, by the number that it wrote down.
        holder: String,
    },
    /// Others could change what is in the folder.
    #[error("the folder {} {what}", path.display())]
    Unsafe {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A file or folder of ours.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It ended before the program began.
    #[error("failed to start ({stage}): {error}")]
    FailedToStart {
        /// How far it came.
        stage: Stage,
        /// Why it came no further.
        error: String,
    },
    /// It has ended.
    #[error("the process has ended")]
    Gone,
    /// It took too long.
    #[error("{0} took longer than it may")]
    Timeout(&'static str),
    /// The system refused.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        error: io::Error,
    },
}

impl Error {
    /// What a caller can do about it.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) | Self::FailedToStart { .. } | Self::Unsafe { .. } => ErrorCode::Invalid,
            Self::Exists(_) | Self::Held { .. } => ErrorCode::Conflict,
            Self::Gone => ErrorCode::NotFound,
            Self::Timeout(_) => ErrorCode::Timeout,
            Self::File { .. } | Self::System { .. } => ErrorCode::Unavailable,
        }
    }

    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { path, error }
    }

    pub(crate) fn system<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::System { what, error: error.into() }
    }
}
