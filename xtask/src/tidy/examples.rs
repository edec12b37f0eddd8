//! Every example configuration is checked, and started until it is ready.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::run::{self, Result, say};

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run() -> Result<()> {
    let folder = run::root().join("examples");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .map_err(|error| format!("{}: {error}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    names.sort();
    if names.is_empty() {
        return Err("there is no example".to_owned());
    }
    for path in names {
        start(&path)?;
        say(&format!("example {}: starts and is ready", path.display()));
    }
    Ok(())
}

fn start(path: &Path) -> Result<()> {
    let binary = run::seaworthy()?;
    run::must(Command::new(&binary).arg("check").arg(path))?;
    let mut command = Command::new(&binary);
    command.arg("up").arg("--config").arg(path).stdout(Stdio::null());
    // an example must leave nothing behind in its folder
    let store = run::root().join("target/examples");
    std::fs::create_dir_all(&store).map_err(|error| format!("{}: {error}", store.display()))?;
    command.env("SEAWORTHY_STORE_URL", format!("sqlite://{}/state.db", store.display()));
    command.env("SEAWORTHY_RUN_FOLDER", store.join("run"));
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", binary.display()))?;
    let ready = wait_until_ready(&mut child);
    // what it runs ends with it, unless it is killed
    let asked = Command::new("kill").arg(child.id().to_string()).status();
    if !asked.is_ok_and(|status| status.success()) {
        let _ = child.kill();
    }
    let ended = child.wait().map_err(|error| error.to_string());
    let ended = ended
        .and_then(|status| if status.success() { Ok(()) } else { Err(format!("ended badly ({status})")) });
    ready.and(ended).map_err(|error| format!("{}: {error}", path.display()))
}

/// Examples keep the control listener at its default address.
fn wait_until_ready(child: &mut Child) -> Result<()> {
    let control: SocketAddr = ([127, 0, 0, 1], 7700).into();
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("ended at once ({status})"));
        }
        if is_ready(control).unwrap_or(false) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err("did not become ready".to_owned())
}

fn is_ready(control: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&control, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET /healthz/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}
