//! Seaworthy itself is killed at any moment: afterwards exactly what should run runs, each once.

use crate::harness::{Bed, available, eventually, pids};
use seaworthy_supervisor::settings::{Command, Probes, Service};
use std::collections::BTreeSet;
use std::process::{Child, Command as Program};
use std::time::Duration;

/// Rounds; more with `SEAWORTHY_KILL_ROUNDS`.
const ROUNDS: u64 = 15;

/// Killed when a test ends, however it ends.
struct Owner(Child);

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sleeper(name: &str, seconds: &str) -> Service {
    let argv = ["sleep".to_owned(), seconds.to_owned()];
    Service { replicas: 2, probes: Probes::none(), ..Service::new(name, Command::Argv(argv.into())) }
}

/// Processes of this bed that sleep for so long.
fn sleepers(bed: &Bed, seconds: &str) -> BTreeSet<u32> {
    let sleeps = |pid: &u32| {
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).starts_with(&format!("sleep\0{seconds}"))
    };
    bed.processes().into_iter().filter(sleeps).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_what_should_run_runs() {
    let bed = Bed::new();
    let rounds = std::env::var("SEAWORTHY_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    let seconds = "86399";
    for round in 0..rounds.unwrap_or(ROUNDS) {
        let owner = Program::new(env!("CARGO_BIN_EXE_seaworthy-supervisor-fixture"))
            .args(["own", &bed.run().display().to_string(), seconds])
            .spawn();
        let owner = Owner(owner.expect("an owner"));
        // from before its first step to the middle of many
        tokio::time::sleep(Duration::from_millis(round * 37 % 400)).await;
        drop(owner);
        if round % 5 == 4 {
            check(&bed, seconds).await;
        }
    }
    check(&bed, seconds).await;
    let fleet = bed.fleet(vec![]).await;
    fleet.shutdown().await;
    assert_eq!(bed.processes(), Vec::<u32>::new());
}

async fn check(bed: &Bed, seconds: &str) {
    let fleet = bed.fleet(vec![sleeper("one", seconds), sleeper("two", seconds)]).await;
    let (one, two) = (available(&fleet, "one").await, available(&fleet, "two").await);
    let wanted: BTreeSet<u32> = pids(&one).into_iter().chain(pids(&two)).collect();
    assert_eq!(wanted.len(), 4, "{one:?} {two:?}");
    eventually("exactly these", || sleepers(bed, seconds) == wanted).await;
    let ports: BTreeSet<_> = one.instances.iter().chain(&two.instances).map(|one| one.addr).collect();
    assert_eq!(ports.len(), 4, "{ports:?}");
    bed.desert(fleet).await;
}
