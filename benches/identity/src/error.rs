use std::io;
use std::path::PathBuf;

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("\"{program}\" could not be started: {source}; README.md says where to get it")]
    Start { program: String, source: io::Error },
    #[error("the gateway ended while it should run ({status}); its output is in {log}")]
    Ended { status: std::process::ExitStatus, log: PathBuf },
    #[error("{what} within {seconds} s; the gateway's output is in {log}")]
    NotReady { what: &'static str, seconds: u64, log: PathBuf },
    #[error(
        "{case}: {failed} of {requests} requests were not answered as they should; a figure of failures means nothing"
    )]
    Failed { case: String, failed: u64, requests: u64 },
    #[error("the control listener answered {method} {path} with {answer}")]
    Control { method: &'static str, path: String, answer: String },
    #[error("a connection broke: {0}")]
    Connection(io::Error),
    #[error("/proc of process {0} could not be read")]
    Proc(u32),
    #[error("a key could not be made")]
    Key,
    #[error("a token that is good was refused: {0}")]
    Refused(seaworthy_oauth::jwt::Reject),
    #[error("a signature that is good was refused by the library")]
    Signature,
    #[error(transparent)]
    Settings(#[from] seaworthy_oauth::jwt::SettingsError),
    #[error(transparent)]
    Identity(#[from] seaworthy_identity::Error),
    #[error(transparent)]
    Store(#[from] seaworthy_store::Error),
    #[error("{0}")]
    Seal(String),
    #[error("the audit log is not sound: {0}")]
    Unsound(String),
    #[error("files for the run: {0}")]
    Files(io::Error),
    #[error("no free port: {0}")]
    Port(io::Error),
    #[error("the result could not be written: {0}")]
    Output(io::Error),
    #[error("the runtime could not be started: {0}")]
    Runtime(io::Error),
    #[error("a thread of the load died")]
    Thread,
}
