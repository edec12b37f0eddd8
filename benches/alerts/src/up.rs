//! A Seaworthy in a folder of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::error::Error;

/// Longest wait for it to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Up {
    folder: PathBuf,
    pub(crate) address: SocketAddr,
    control: SocketAddr,
    child: Child,
}

fn free() -> Result<SocketAddr, Error> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| Error::new("a port", error))?;
    listener.local_addr().map_err(|error| Error::new("a port", error))
}

impl Up {
    pub(crate) async fn start(program: &Path, rest: &str) -> Result<Self, Error> {
        let fail = |error: std::io::Error| Error::new(program.display().to_string(), error);
        let folder = std::env::temp_dir().join(format!("bench-alerts-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(fail)?;
        let (address, control) = (free()?, free()?);
        let text = format!(
            "[control]\nlisten = \"{control}\"\n[telemetry]\naccess = false\n[[listener]]\naddress = \"{address}\"\n{rest}"
        );
        std::fs::write(folder.join("seaworthy.toml"), text).map_err(fail)?;
        let log = std::fs::File::create(folder.join("log")).map_err(fail)?;
        let mut command = Command::new(program);
        command.arg("up").arg("--config").arg(folder.join("seaworthy.toml")).stdin(Stdio::null());
        let child = command.stdout(log.try_clone().map_err(fail)?).stderr(log).spawn().map_err(fail)?;
        let up = Self { folder, address, control, child };
        let deadline = Instant::now() + PATIENCE;
        while up.order("GET", "/api/v1/jobs", "").await.is_err() {
            if Instant::now() > deadline {
                let log = std::fs::read_to_string(up.folder.join("log")).unwrap_or_default();
                return Err(Error::new("seaworthy is not ready", log));
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(up)
    }

    /// An order to its control listener, as its operator.
    pub(crate) async fn order(&self, method: &str, path: &str, body: &str) -> Result<Value, Error> {
        let fail = |error: std::io::Error| Error::new(path, error);
        let token = std::fs::read_to_string(self.folder.join("seaworthy.token")).unwrap_or_default();
        let mut stream = TcpStream::connect(self.control).await.map_err(fail)?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            token.trim(),
            body.len()
        );
        stream.write_all(request.as_bytes()).await.map_err(fail)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.map_err(fail)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        match head.split(' ').nth(1) {
            Some(status) if status.starts_with('2') => Ok(serde_json::from_str(body).unwrap_or_default()),
            _ => Err(Error::new(path, answer)),
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
