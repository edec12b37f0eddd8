//! Survivors that nobody wants are ended: asked first.

use super::running::Running;
use seaworthy_process::{Event, Process, Signal};
use std::time::Duration;
use tokio::sync::watch;

const GRACE: Duration = Duration::from_secs(30);

pub(super) fn end(process: Process, held: watch::Receiver<bool>) -> Running {
    Running::spawn(end_it(process, held))
}

async fn end_it(mut process: Process, mut held: watch::Receiver<bool>) {
    // an error: nobody holds it any more
    let _ = held.wait_for(|held| !held).await;
    if process.usage().is_ok() {
        let id = process.id();
        tracing::warn!(id, pid = process.pid(), "a process that belongs to no service is ended");
    }
    let _ = process.signal(Signal::TERM);
    if tokio::time::timeout(GRACE, gone(&mut process)).await.is_err() {
        let _ = process.kill().await;
        gone(&mut process).await;
    }
}

/// Its end is taken, so that nothing of it stays in the folder.
async fn gone(process: &mut Process) {
    while process.next().await.is_some_and(|event| !matches!(event, Event::Exited(_))) {}
}
