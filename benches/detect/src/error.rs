/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("--data says where the data sets are")]
    NoData,
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
    #[error("the Python process gave no answer: is PyOD installed for it?")]
    Peer,
    #[error("threads could not be started")]
    Threads,
    #[error(transparent)]
    Detect(#[from] seaworthy_detect::Error),
}
