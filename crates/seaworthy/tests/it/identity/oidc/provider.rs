//! The provider: `oidc-provider` from npm, run by `tests/clients/oidc.mjs`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::harness::client::exchange;
use crate::harness::{Answer, free_address, within};

/// How the gateway proves itself; with everything that a form has to escape.
pub(in crate::identity) const GATEWAY_SECRET: &str = "the secret of the gateway: +/&=%";
pub(super) const ROBOT_SECRET: &str = "the secret of the robot";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A running provider, killed with its test.
pub(in crate::identity) struct Provider {
    address: SocketAddr,
    side: SocketAddr,
    gateway: SocketAddr,
    access: u32,
    child: Child,
    /// Kept open: it writes there.
    _lines: BufReader<ChildStdout>,
}

/// The folder with the packages of npm.
pub(in crate::identity) fn packages() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = match std::env::var_os("SEAWORTHY_E2E_NODE") {
        Some(path) => PathBuf::from(path),
        None => root.join("target/e2e-node"),
    };
    for package in ["oidc-provider", "playwright-core"] {
        let there = path.join("node_modules").join(package).exists();
        assert!(there, "{} has no {package}: run `cargo xtask setup` to install it", path.display());
    }
    path
}

async fn spawn(
    (address, side): (SocketAddr, SocketAddr),
    gateway: SocketAddr,
    access: u32,
) -> (Child, BufReader<ChildStdout>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/oidc.mjs");
    let mut command = Command::new("node");
    command.arg(script).arg(packages());
    command.args([address.port().to_string(), side.port().to_string()]);
    command.args([format!("http://{gateway}"), access.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    within("the provider starts", lines.read_line(&mut first)).await.unwrap();
    assert_eq!(first.trim(), "ready", "the provider did not start");
    (child, lines)
}

impl Provider {
    /// Knows a gateway at this address. `access`: how long its access tokens live, in seconds.
    pub(in crate::identity) async fn start(gateway: SocketAddr, access: u32) -> Self {
        let (address, side) = (free_address(), free_address());
        let (child, lines) = spawn((address, side), gateway, access).await;
        Self { address, side, gateway, access, child, _lines: lines }
    }

    pub(in crate::identity) fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills it as an outage would: at once.
    pub(super) async fn stop(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts it again, with other keys and without any memory.
    pub(super) async fn restart(&mut self) {
        (self.child, self._lines) = spawn((self.address, self.side), self.gateway, self.access).await;
    }

    /// From now on new keys sign; the old ones stay published.
    pub(super) async fn rotate(&self) {
        assert_eq!(exchange(self.side, "POST", "/rotate", &[], "").await.status, 200);
    }

    /// From now on nobody has an account.
    pub(super) async fn dismiss(&self) {
        assert_eq!(exchange(self.side, "POST", "/dismiss", &[], "").await.status, 200);
    }

    /// How often an endpoint was asked.
    pub(super) async fn asked(&self, path: &str) -> u64 {
        let answer = exchange(self.side, "GET", "/asked", &[], "").await.json();
        answer[path].as_u64().unwrap_or_default()
    }

    async fn as_robot(&self, path: &str, body: &str) -> Answer {
        let body = format!("client_id=robot&client_secret={}&{body}", ROBOT_SECRET.replace(' ', "+"));
        exchange(self.address, "POST", path, &[FORM], &body).await
    }

    /// An access token of the robot, for one of the provider's resources.
    pub(super) async fn token(&self, resource: &str, scope: &str) -> String {
        let body = format!("grant_type=client_credentials&scope={scope}&resource={resource}");
        let answer = self.as_robot("/token", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer: Value = answer.json();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// Ends an access token before its time.
    pub(super) async fn revoke(&self, token: &str) {
        let answer = self.as_robot("/token/revocation", &format!("token={token}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}
