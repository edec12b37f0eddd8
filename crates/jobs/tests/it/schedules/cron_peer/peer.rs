use serde::Deserialize;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A process that answers when expressions come true in a zone.
pub(super) struct Peer {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    zone: String,
    years: (i64, i64),
}

/// Seconds since 1970 UTC; whether clocks show it the second time; whether they were put forward at this moment.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Theirs(pub(super) i64, pub(super) bool, pub(super) bool);

/// A stretch of time and all times in it.
#[derive(Debug, Deserialize)]
#[serde(from = "(i64, i64, Vec<Theirs>)")]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) times: Vec<Theirs>,
}

impl From<(i64, i64, Vec<Theirs>)> for Span {
    fn from((from, to, times): (i64, i64, Vec<Theirs>)) -> Self {
        Self { from, to, times }
    }
}

impl Peer {
    pub(super) fn start(zone: &str, years: (i64, i64)) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/cron_times.py");
        let mut command = Command::new(python());
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("python starts");
        let questions = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        Self { process, questions, answers, zone: zone.to_owned(), years }
    }

    /// All times of an expression, or those around the changes of the zone's clocks.
    pub(super) fn ask(&mut self, expression: &str, changes: bool) -> Vec<Span> {
        let question = serde_json::json!({
            "expression": expression, "zone": self.zone, "from": self.years.0, "to": self.years.1, "changes": changes,
        });
        writeln!(self.questions, "{question}").expect("it reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("it answers");
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{expression} in {}: {error}", self.zone))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The Python interpreter that has the clients.
fn python() -> PathBuf {
    let path = match std::env::var_os("SEAWORTHY_E2E_PYTHON") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/e2e-clients/bin/python"),
    };
    assert!(path.exists(), "{} is missing: run `cargo xtask setup` to install the clients", path.display());
    path
}
