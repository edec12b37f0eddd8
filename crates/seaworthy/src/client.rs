//! Commands that talk to a running Seaworthy: services, jobs, queues, schedules, dead letters, people, keys, access, the
//! audit log, alerts, objectives, single requests, a live view of all.

pub(crate) mod access;
pub(crate) mod alert;
pub(crate) mod audit;
mod credential;
pub(crate) mod dead_letter;
pub(crate) mod job;
pub(crate) mod key;
mod output;
pub(crate) mod queue;
mod reach;
pub(crate) mod schedule;
pub(crate) mod service;
pub(crate) mod slo;
pub(crate) mod top;
pub(crate) mod trace;
pub(crate) mod user;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

pub(crate) use credential::Credential;
pub(crate) use output::{Output, Table, text};
pub(crate) use reach::{Query, Reach};

/// Where the running Seaworthy is, and how its answers are shown.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Common {
    /// The control listener
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "SEAWORTHY_CONTROL",
        default_value = "http://127.0.0.1:7700"
    )]
    control: String,
    #[command(flatten)]
    credential: Credential,
    /// Print the answers as JSON
    #[arg(long, global = true)]
    json: bool,
}

impl Common {
    fn reach(&self) -> Result<Reach, Error> {
        Reach::new(&self.control, &self.credential)
    }

    fn output(&self) -> Output {
        Output { json: self.json }
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nobody answers.
    #[error(
        "no answer from {control}: {why}\nis `seaworthy up` running, and is this its control listener? (--control)"
    )]
    Unreachable {
        /// Where.
        control: String,
        /// What the system says.
        why: String,
    },
    /// It answers, and refuses.
    #[error("{detail} ({reason}; request {request_id})")]
    Refused {
        /// What happened.
        detail: String,
        /// The finer cause.
        reason: String,
        /// Under which the log tells more.
        request_id: String,
    },
    /// What was given makes no sense.
    #[error("{0}")]
    Usage(String),
    /// Something else.
    #[error("{0}")]
    Other(String),
}

/// What a command ends with.
pub(crate) type Done = Result<ExitCode, Error>;

/// Asks before something is thrown away; where nobody can answer, the answer is no.
fn confirmed(question: &str, yes: bool) -> Result<(), Error> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::Usage(format!("{question} say --yes where nobody can be asked")));
    }
    let _ = write!(std::io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    match (read, answer.trim()) {
        (Ok(_), "y" | "Y" | "yes") => Ok(()),
        _ => Err(Error::Usage("nothing was done".to_owned())),
    }
}

/// A text given as it is, from a file (`@FILE`), or from the standard input (`-`).
fn given(text: &str) -> Result<String, Error> {
    let read = match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}")),
        None if text == "-" => std::io::read_to_string(std::io::stdin()).map_err(|error| error.to_string()),
        None => Ok(text.to_owned()),
    };
    read.map_err(Error::Other)
}

/// JSON, given in the same ways.
fn given_json(what: &str, text: &str) -> Result<serde_json::Value, Error> {
    let text = given(text)?;
    serde_json::from_str(&text).map_err(|error| Error::Usage(format!("{what} is not JSON: {error}")))
}

/// `KEY=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    pair.map(|(key, value)| (key.to_owned(), value.to_owned())).ok_or_else(|| "write KEY=VALUE".to_owned())
}
