//! A running `seaworthy up`.

use std::fs::File;
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::client::tokens;
use super::{Answer, Folder, eventually, free_address, get};

/// A gateway process with its own configuration folder, killed with its test.
pub(crate) struct Gateway {
    pub(crate) folder: Folder,
    /// The address of its (first) listener.
    pub(crate) address: SocketAddr,
    pub(crate) control: SocketAddr,
    child: Child,
}

impl Gateway {
    /// Starts with `rest` behind a listener and a control listener on free ports, and waits until it is ready.
    pub(crate) async fn start(rest: &str) -> Self {
        Self::with(Folder::new(), "", "", rest).await
    }

    /// Starts with short limits or TLS on the listener.
    pub(crate) async fn listening(listener: &str, rest: &str) -> Self {
        Self::with(Folder::new(), "", listener, rest).await
    }

    /// Starts with files that are in `folder` already.
    pub(crate) async fn with(folder: Folder, gateway: &str, listener: &str, rest: &str) -> Self {
        let (address, control) = (free_address(), free_address());
        folder.write("seaworthy.toml", Self::text(address, control, gateway, listener, rest));
        let child = spawn(&folder, "seaworthy.toml", "log");
        tokens::learn(control, folder.path("seaworthy.token"));
        let mut this = Self { folder, address, control, child };
        this.ready().await;
        this
    }

    /// Starts with a whole configuration, listening at these addresses.
    pub(crate) async fn written(
        folder: Folder,
        text: &str,
        address: SocketAddr,
        control: SocketAddr,
    ) -> Self {
        folder.write("seaworthy.toml", text);
        let child = spawn(&folder, "seaworthy.toml", "log");
        tokens::learn(control, folder.path("seaworthy.token"));
        let mut this = Self { folder, address, control, child };
        this.ready().await;
        this
    }

    /// A whole configuration.
    pub(crate) fn text(
        address: SocketAddr,
        control: SocketAddr,
        gateway: &str,
        listener: &str,
        rest: &str,
    ) -> String {
        let threads = if gateway.contains("threads") { "" } else { "threads = 2\n" };
        // a test of the access log writes its own settings
        let own = rest.contains("[telemetry.access]");
        let telemetry = if own { "" } else { "[telemetry]\naccess = { sample = 1.0 }\n" };
        format!(
            "[gateway]\n{threads}{gateway}\n[control]\nlisten = \"{control}\"\n{telemetry}\
             [[listener]]\naddress = \"{address}\"\n{listener}\n{rest}\n"
        )
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn ready(&mut self) {
        let control = self.control;
        eventually("the gateway is ready", || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the gateway ended ({status}) instead of becoming ready:\n{}", self.log());
            }
            async move {
                get(control, "/healthz/ready").await.ok().filter(|answer| answer.status == 200).map(drop)
            }
        })
        .await;
    }

    /// Everything it wrote: logs and the access log.
    pub(crate) fn log(&self) -> String {
        self.folder_text("log")
    }

    /// Waits until it has written this.
    pub(crate) async fn logs(&self, text: &str) {
        eventually(&format!("the log says {text:?}"), || async { self.log().contains(text).then_some(()) })
            .await;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        eventually("the gateway has ended", || {
            let ended = self.child.try_wait().unwrap();
            async move { ended }
        })
        .await
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Replaces what stands behind the listener in its configuration file.
    pub(crate) fn configure(&self, rest: &str) {
        self.folder.write("seaworthy.toml", Self::text(self.address, self.control, "", "", rest));
    }

    /// Starts another process with the same configuration file, whose log is `log`.
    pub(crate) fn another(&self, log: &str) -> Process {
        self.another_with("seaworthy.toml", log)
    }

    /// Starts another process with another configuration file of the same folder.
    pub(crate) fn another_with(&self, config: &str, log: &str) -> Process {
        Process(spawn(&self.folder, config, log))
    }

    /// Starts it again after its end.
    pub(crate) async fn restart(&mut self, log: &str) {
        self.child = spawn(&self.folder, "seaworthy.toml", log);
        self.ready().await;
    }

    /// A file of its folder.
    pub(crate) fn folder_text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path(name)).unwrap_or_default()
    }

    /// Asks its data plane.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        get(self.address, path).await.unwrap()
    }

    /// The state of a policy of a service, from the control API.
    pub(crate) async fn policy(&self, service: &str, kind: &str) -> Value {
        self.find_policy(service, kind, |policy| policy["kind"] == kind).await
    }

    /// The state of a policy of one of a service's routes.
    pub(crate) async fn policy_of(&self, service: &str, kind: &str, route: &str) -> Value {
        self.find_policy(service, kind, |policy| policy["kind"] == kind && policy["route"] == route).await
    }

    async fn find_policy(&self, service: &str, kind: &str, is: impl Fn(&Value) -> bool) -> Value {
        let answer = get(self.control, &format!("/api/v1/services/{service}/policies")).await.unwrap();
        let policies = answer.json()["policies"].as_array().unwrap().clone();
        let named = policies.into_iter().find(|policy| is(policy));
        named.unwrap_or_else(|| panic!("{service} has no such {kind}: {}", answer.text()))
    }

    /// The value of a metric, all its label sets added up.
    pub(crate) async fn metric(&self, name: &str, label: &str) -> f64 {
        let text = get(self.control, "/metrics").await.unwrap().text();
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

fn spawn(folder: &Folder, config: &str, log: &str) -> Child {
    let out = File::create(folder.path(log)).unwrap();
    let mut up = Command::new(env!("CARGO_BIN_EXE_seaworthy"));
    up.args(["up", "--config"]).arg(folder.path(config));
    // a developer's own settings must not decide what is tested
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SEAWORTHY_"))
    {
        up.env_remove(name);
    }
    up.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap()
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<_> = log.lines().rev().take(30).collect();
            let last: Vec<_> = last.into_iter().rev().collect();
            eprintln!("--- the end of the gateway's log\n{}", last.join("\n"));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that was replaced.
pub(crate) struct Process(Child);

impl Process {
    /// Tells it to end.
    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        eventually("the process has ended", || {
            let ended = self.0.try_wait().unwrap();
            async move { ended }
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How long something took.
pub(crate) async fn timed<T>(future: impl Future<Output = T>) -> (T, Duration) {
    let start = tokio::time::Instant::now();
    let done = future.await;
    (done, start.elapsed())
}
