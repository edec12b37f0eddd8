//! A Seaworthy that is killed at any moment, again and again.

use crate::harness::{Bed, eventually, fixture, running, signal, within};
use seaworthy_process::{Folder, Launch, Process};
use std::process::{Child, Command};
use std::time::Duration;

/// Rounds, unless `SEAWORTHY_KILL_ROUNDS` says otherwise.
const ROUNDS: u32 = 100;

struct Owner(Child);

impl Owner {
    fn start(bed: &Bed, seconds: &str) -> Self {
        let mut command = Command::new(fixture());
        command.arg("owner").arg(bed.path()).arg(seconds);
        Self(command.spawn().expect("an owner"))
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn rounds() -> u32 {
    std::env::var("SEAWORTHY_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

/// What is found is exactly what runs, each once.
async fn check(processes: &[Process], seconds: &str) {
    for (number, id) in ["a", "b", "c"].iter().enumerate() {
        let living =
            || processes.iter().filter(|process| process.id() == *id && process.usage().is_ok()).count();
        let run = || running(&["sleep", &format!("{seconds}{number}")]);
        let (found, now) = (living(), run());
        assert!(now <= found && found <= 1, "{id} is found {found} times and runs {now} times");
        // one that was being killed when its owner was killed is still ending
        eventually("what is found runs", || run() == living()).await;
    }
}

#[tokio::test]
async fn killed_at_any_moment_nothing_is_lost_or_doubled() {
    kill_again_and_again(rounds(), false).await;
}

/// Both may be killed at once, by a machine that runs out of memory.
#[tokio::test]
async fn killed_with_a_keeper_nothing_is_left_or_doubled() {
    kill_again_and_again(rounds().div_ceil(3), true).await;
}

async fn kill_again_and_again(rounds: u32, keepers_too: bool) {
    let bed = Bed::new();
    // nobody else sleeps so long
    let seconds = format!("1{:09}", fastrand::u32(..1_000_000_000));
    for _ in 0..rounds {
        let owner = Owner::start(&bed, &seconds);
        // from before it opened the folder to the middle of a restart: there is nothing to wait for
        tokio::time::sleep(Duration::from_micros(fastrand::u64(..120_000))).await;
        if keepers_too {
            // of the owner's children and their trees, whoever it hits
            let found = bed.processes();
            found.into_iter().filter(|_| fastrand::bool()).for_each(|pid| signal(pid, "KILL"));
        }
        drop(owner);
        let (_folder, processes) = bed.open().await;
        check(&processes, &seconds).await;
    }
    let (folder, processes) = bed.open().await;
    let processes = complete(&folder, processes, &seconds).await;
    check(&processes, &seconds).await;
    for process in &processes {
        within("kill", process.kill()).await.expect("killed");
    }
    assert_eq!(bed.processes(), Vec::<u32>::new());
}

/// What the next Seaworthy does: keeps what lives, starts what is missing.
async fn complete(folder: &Folder, processes: Vec<Process>, seconds: &str) -> Vec<Process> {
    let mut complete = Vec::new();
    for mut process in processes {
        if process.usage().is_ok() {
            complete.push(process);
        } else {
            crate::harness::exit(&mut process).await;
        }
    }
    for (number, id) in ["a", "b", "c"].iter().enumerate() {
        if !complete.iter().any(|process| process.id() == *id) {
            let launch = Launch::new(*id, ["sleep".to_owned(), format!("{seconds}{number}")]);
            complete.push(folder.start(launch).await.expect("start"));
        }
    }
    assert_eq!(complete.len(), 3);
    complete
}
