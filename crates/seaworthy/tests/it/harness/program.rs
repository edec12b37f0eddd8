//! Programs that were not written here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::{Folder, eventually, free_address, within};

/// Runs a program to its end.
pub(crate) async fn run(program: &str, args: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    within(program, command.output())
        .await
        .unwrap_or_else(|error| panic!("cannot run {program} ({error}); `cargo xtask setup` installs it"))
}

/// What curl printed.
pub(crate) async fn curl(args: &[&str]) -> String {
    let mut all = vec!["--silent", "--show-error", "--max-time", "15"];
    all.extend(args);
    let output = run("curl", &all).await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "curl {args:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// The Python interpreter that has the clients.
fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = match std::env::var_os("SEAWORTHY_E2E_PYTHON") {
        Some(path) => PathBuf::from(path),
        None => root.join("target/e2e-clients/bin/python"),
    };
    assert!(path.exists(), "{} is missing: run `cargo xtask setup` to install the clients", path.display());
    path
}

fn script(name: &str, args: &[&str]) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name);
    let mut command = Command::new(python());
    command.arg(path).args(args).kill_on_drop(true).env("PYTHONUNBUFFERED", "1");
    command
}

/// Runs one of the Python clients to its end; it must succeed.
pub(crate) async fn client(name: &str, args: &[&str]) -> String {
    let output = within(name, script(name, args).stdin(Stdio::null()).output()).await.unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name} {args:?}:\n{out}\n{error}");
    out.into_owned()
}

/// An OpenTelemetry agent, killed with its test, that writes whatever it gets to a file.
pub(crate) struct Agent {
    _child: Child,
    output: PathBuf,
    /// Where it takes OTLP over HTTP.
    pub(crate) address: SocketAddr,
}

impl Agent {
    pub(crate) async fn start(folder: &Folder) -> Self {
        let path = "import os, rotel; print(os.path.join(os.path.dirname(rotel.__file__), 'rotel-agent'))";
        let agent = within("python", Command::new(python()).args(["-c", path]).output()).await.unwrap();
        let agent = String::from_utf8(agent.stdout).unwrap();
        let (address, grpc, output) = (free_address(), free_address(), folder.path("spans"));
        let mut command = Command::new(agent.trim());
        command.args(["start", "--exporter", "blackhole", "--debug-log", "traces", "--debug-log", "logs"]);
        command.args(["--debug-log", "metrics"]);
        command.args(["--debug-log-verbosity", "detailed"]);
        command.args([
            "--otlp-http-endpoint",
            &address.to_string(),
            "--otlp-grpc-endpoint",
            &grpc.to_string(),
        ]);
        let out = std::fs::File::create(&output).unwrap();
        let child = command.stdin(Stdio::null()).stdout(out).stderr(Stdio::null()).kill_on_drop(true).spawn();
        let agent = Self { _child: child.unwrap(), output, address };
        eventually("the agent listens", || async { TcpStream::connect(address).await.ok() }).await;
        agent
    }

    /// Everything it has got so far.
    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap()
    }
}

/// A Python program that runs beside a test and talks to it in lines.
pub(crate) struct Script {
    child: Child,
    lines: tokio::io::Lines<BufReader<ChildStdout>>,
    /// Where it reads from.
    pub(crate) input: ChildStdin,
}

impl Script {
    pub(crate) fn start(name: &str, args: &[&str]) -> Self {
        let mut command = script(name, args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let input = child.stdin.take().unwrap();
        Self { child, lines, input }
    }

    /// The next line it prints.
    pub(crate) async fn line(&mut self) -> String {
        let line = within("a script says something", self.lines.next_line()).await.unwrap();
        line.expect("the script ended without a word")
    }

    /// Kills it as the kernel would: at once, in the middle of whatever it does.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}
