/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("--data says where the data sets are")]
    NoData,
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
    #[error(transparent)]
    Detect(#[from] seaworthy_detect::Error),
}
