use std::io;
use std::path::PathBuf;

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("\"{program}\" could not be started: {source}; README.md says where to get it")]
    Start { program: String, source: io::Error },
    #[error("{program} ended while it should run ({status}); its output is in {log}")]
    Ended { program: String, status: std::process::ExitStatus, log: PathBuf },
    #[error("{program} did not answer within {seconds} s; its output is in {log}")]
    NotReady { program: String, seconds: u64, log: PathBuf },
    #[error("{program} answered {got}, not the upstream's 1 KiB")]
    WrongAnswer { program: String, got: String },
    #[error("wrk's output has no \"{missing}\":\n{output}")]
    Wrk { missing: &'static str, output: String },
    #[error("{program} failed {failed} of {requests} requests; a figure of failures means nothing")]
    Failed { program: String, failed: u64, requests: u64 },
    #[error("idle connection {number}: {source}")]
    Idle { number: usize, source: io::Error },
    #[error("{0} of {1} idle connections were closed by the proxy")]
    IdleClosed(usize, usize),
    #[error("/proc of process {0} could not be read")]
    Proc(u32),
    #[error(transparent)]
    Load(#[from] seaworthy_trials::load::Error),
    #[error("files for the run: {0}")]
    Files(io::Error),
    #[error("no free port: {0}")]
    Port(io::Error),
    #[error("the result could not be written: {0}")]
    Output(io::Error),
    #[error("the result could not be written: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the runtime could not be started: {0}")]
    Runtime(io::Error),
}
