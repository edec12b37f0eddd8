//! A program run beside the replica: status 0 is a success. Whatever it started ends with it, also at the time limit.

use super::Target;
use crate::launch;
use seaworthy_process::{Event, Exit, Process};
use tokio::runtime::Handle;

/// How much of what it said last is shown.
const SHOWN: usize = 256;

pub(super) async fn run(argv: &[String], target: &Target) -> Result<(), String> {
    let id = format!("probe-{:016x}", fastrand::u64(..));
    let launch = launch::probe(&target.service, id, target.addr.port(), argv);
    let mut program = Killed(Some(target.folder.start(launch).await.map_err(|error| error.to_string())?));
    let exit = program.ended().await;
    match exit {
        Some(exit) if exit.success() => Ok(()),
        Some(exit) => {
            let said = exit.last_lines.last().map(String::as_str).unwrap_or_default();
            let said = &said[..said.floor_char_boundary(SHOWN)];
            Err(match said.trim() {
                "" => exit.words(),
                said => format!("{}: {}", exit.words(), said.escape_debug()),
            })
        }
        None => Err("its end was not seen".to_owned()),
    }
}

/// A program that is killed when nobody waits for it any more.
struct Killed(Option<Process>);

impl Killed {
    async fn ended(&mut self) -> Option<Exit> {
        while let Some(event) = self.0.as_mut()?.next().await {
            if let Event::Exited(exit) = event {
                self.0 = None;
                return Some(exit);
            }
        }
        None
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        if let (Some(mut process), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(async move {
                let _ = process.kill().await;
                // its end is taken, so that nothing of it stays in the folder
                while process.next().await.is_some_and(|event| !matches!(event, Event::Exited(_))) {}
            });
        }
    }
}
