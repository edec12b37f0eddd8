//! Runs a program that was declared beforehand, in a process group of its own.
//!
//! A job names an entry of a catalogue: what may be run is decided where the process is configured, never by a
//! payload. There is no shell in between. At its time limit, at a cancellation it does not heed and when the process
//! stops, the whole group is killed, children of children included, unless they left it.

mod capture;
mod group;

use crate::worker::{Context, Done, Failed, Worker};
use capture::Capture;
use group::Group;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// How long what is left in the pipes is waited for once the program has ended.
const LEFTOVERS: Duration = Duration::from_secs(1);
const MOST_ARGUMENTS: usize = 256;

/// A program that jobs may run.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The file, or a name to be found in `PATH`.
    pub program: PathBuf,
    /// Arguments that always come first.
    pub arguments: Vec<String>,
    /// Whether jobs may add arguments.
    pub accepts_arguments: bool,
    /// The environment, besides `PATH` and what tells about the job: nothing is inherited.
    pub environment: BTreeMap<String, String>,
    /// Where it runs; the folder of this process where none is given.
    pub folder: Option<PathBuf>,
}

/// The arguments of a `command` job.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandArgs {
    /// The name in the catalogue.
    pub command: String,
    /// More arguments, where the program accepts them.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// What it reads from its standard input; nothing unless said.
    #[serde(default)]
    pub stdin: Option<String>,
}

/// The worker of kind `command`.
#[derive(Debug, Clone)]
pub struct CommandWorker {
    catalogue: BTreeMap<String, Program>,
    /// How much is kept of each of its outputs, in bytes: half from the beginning, half from the end.
    capture: usize,
}

impl CommandWorker {
    /// A worker for these programs; keeps 64 KiB of each output.
    pub const fn new(catalogue: BTreeMap<String, Program>) -> Self {
        Self { catalogue, capture: 64 << 10 }
    }

    /// Keeps so many bytes of each output.
    #[must_use]
    pub const fn capture(mut self, bytes: usize) -> Self {
        self.capture = bytes;
        self
    }

    fn command(&self, args: &CommandArgs, context: &Context) -> Result<Command, Failed> {
        let Some(program) = self.catalogue.get(&args.command) else {
            return Err(Failed::permanent("unknown_command", "no such command is declared"));
        };
        if !(args.arguments.is_empty() || program.accepts_arguments) {
            return Err(Failed::permanent("arguments", "this command accepts none"));
        }
        if args.arguments.len() > MOST_ARGUMENTS || args.arguments.iter().any(|text| text.contains('\0')) {
            return Err(Failed::permanent("arguments", "more than 256, or one holds NUL"));
        }
        let mut command = Command::new(&program.program);
        command.args(&program.arguments).args(&args.arguments).env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.envs(&program.environment);
        command.env("SEAWORTHY_JOB_ID", context.job().id.to_string());
        command.env("SEAWORTHY_JOB_ATTEMPT", context.job().attempt.to_string());
        command.env("SEAWORTHY_IDEMPOTENCY_KEY", context.idempotency_key().to_string());
        command.env("TRACEPARENT", context.trace().to_string());
        if let Some(folder) = &program.folder {
            command.current_dir(folder);
        }
        command.process_group(0).kill_on_drop(true);
        command.stdin(if args.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }
}

impl Worker for CommandWorker {
    type Args = CommandArgs;

    fn kind(&self) -> &str {
        "command"
    }

    async fn work(&self, args: CommandArgs, context: Context) -> Result<Done, Failed> {
        let mut command = self.command(&args, &context)?;
        let mut child = command.spawn().map_err(|error| Failed::new("spawn", error.to_string()))?;
        // from here on, whatever drops this future kills the group
        let mut group = Group::of(&child);
        let mut out = Capture::read(child.stdout.take(), self.capture);
        let mut err = Capture::read(child.stderr.take(), self.capture);
        feed(&mut child, args.stdin);
        let (status, told) = tokio::select! {
            status = child.wait() => (status, false),
            () = context.cancelled() => {
                // asked first; who does not listen is dropped with this future
                group.terminate();
                (child.wait().await, true)
            }
        };
        let status = status.map_err(|error| Failed::new("wait", error.to_string()))?;
        // children that were left behind hold the pipes open
        group.kill();
        let both = async { tokio::join!(out.finish(), err.finish()) };
        let _ = tokio::time::timeout(LEFTOVERS, both).await;
        let ended = conclude(status, &out, &err);
        match ended {
            // who ends politely when told to has not done what it was begun for
            Ok(_) if told => Err(Failed::new("stopped", format!("told to end before it was done: {status}"))),
            ended => ended,
        }
    }
}

/// A program that does not read must not hold the attempt up.
fn feed(child: &mut Child, stdin: Option<String>) {
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), stdin) {
        tokio::spawn(async move {
            let _ = pipe.write_all(text.as_bytes()).await;
        });
    }
}

fn conclude(status: ExitStatus, out: &Capture, err: &Capture) -> Result<Done, Failed> {
    use std::os::unix::process::ExitStatusExt;
    let (stdout, stdout_dropped) = out.text();
    let (stderr, stderr_dropped) = err.text();
    if status.success() {
        return Ok(Done::with(&serde_json::json!({
            "exit_code": 0, "stdout": stdout, "stderr": stderr,
            "stdout_dropped": stdout_dropped, "stderr_dropped": stderr_dropped,
        })));
    }
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit_{code}"),
        (None, Some(signal)) => format!("signal_{signal}"),
        (None, None) => "exit".to_owned(),
    };
    let said = if stderr.trim().is_empty() { stdout } else { stderr };
    Err(Failed::new(code, format!("{status}: {}", said.trim())))
}
