//! What happens to processes when their Seaworthy goes. Dropping everything is for a keeper what a crash is: its
//! socket closes.

use crate::harness::{Bed, eventually, exit, line, rest, runs, sh, texts, within};
use seaworthy_process::{Event, Orphan, Process, Reason, Signal};
use std::time::Duration;

async fn only(bed: &Bed) -> (seaworthy_process::Folder, Process) {
    let (folder, mut processes) = bed.open().await;
    assert_eq!((processes.len(), folder.problems()), (1, Vec::new()));
    let process = processes.remove(0);
    assert!(process.adopted());
    (folder, process)
}

#[tokio::test]
async fn the_next_one_adopts() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let go = bed.file("go");
    let script = format!(
        "echo one; echo two; while [ ! -e {} ]; do sleep 0.02; done; echo three; exec sleep 1000",
        go.display()
    );
    let mut launch = sh("shop", &script);
    launch.labels.insert("service".to_owned(), "shop".to_owned());
    let mut process = folder.start(launch).await.expect("start");
    assert_eq!([line(&mut process).await, line(&mut process).await], ["one", "two"]);
    let (pid, started) = (process.pid(), process.started_at());
    drop((process, folder));

    std::fs::write(&go, "").expect("written");
    let (folder, mut process) = only(&bed).await;
    assert_eq!((process.pid(), process.started_at()), (pid, started));
    assert_eq!(process.labels().get("service").map(String::as_str), Some("shop"));
    // what was said meanwhile is told, what was told before is remembered
    assert_eq!(line(&mut process).await, "three");
    assert_eq!(process.last_lines(), ["one", "two", "three"]);
    assert_eq!(process.usage().expect("runs").processes, 1);
    process.signal(Signal::TERM).expect("there");
    assert_eq!(exit(&mut process).await.reason, Reason::Signal(Signal::TERM));
    drop((process, folder));
    bed.empty().await;
}

#[tokio::test]
async fn an_end_in_absence_is_told_afterwards() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let go = bed.file("go");
    let script = format!("while [ ! -e {} ]; do sleep 0.02; done; echo broke >&2; exit 70", go.display());
    let process = folder.start(sh("shop", &script)).await.expect("start");
    let pid = process.pid();
    drop((process, folder));
    std::fs::write(&go, "").expect("written");
    eventually("it ends", || bed.processes().is_empty()).await;
    let description =
        std::fs::read_to_string(bed.path().join("replicas/shop/description.json")).expect("there");
    let mut groups = description.split('"').filter(|part| part.starts_with("/sys/fs/cgroup"));
    assert!(!groups.any(|group| std::path::Path::new(group).exists()), "{description}");
    let (folder, mut process) = only(&bed).await;
    assert_eq!(process.pid(), pid);
    assert!(process.usage().is_err() && process.signal(Signal::TERM).is_err());
    let (lines, _, exit) = rest(&mut process).await;
    assert_eq!(
        (texts(&lines), exit.words().as_str()),
        (vec!["broke"], "exited with code 70 (internal error)")
    );
    drop((process, folder));
    bed.empty().await;
}

#[tokio::test]
async fn if_so_wished_it_ends_with_its_owner() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let said = bed.file("said");
    let script = format!(
        "trap 'echo bye > {}; exit 0' TERM; echo ready; while :; do sleep 0.02; done",
        said.display()
    );
    let mut launch = sh("shop", &script);
    launch.orphan = Orphan::Stop;
    let mut process = folder.start(launch).await.expect("start");
    assert_eq!(line(&mut process).await, "ready");
    drop((process, folder));
    eventually("it ends", || bed.processes().is_empty()).await;
    assert_eq!(std::fs::read_to_string(&said).expect("told"), "bye\n");
    let (_folder, mut process) = only(&bed).await;
    let exit = exit(&mut process).await;
    assert!(exit.ordered && exit.success(), "{exit:?}");
}

#[tokio::test]
async fn who_ignores_the_end_of_its_owner_is_killed() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut launch = sh("shop", "trap '' TERM; echo ready; while :; do sleep 0.02; done");
    launch.orphan = Orphan::Stop;
    launch.stop.grace = Duration::from_millis(100);
    let mut process = folder.start(launch).await.expect("start");
    assert_eq!(line(&mut process).await, "ready");
    drop((process, folder));
    eventually("it ends", || bed.processes().is_empty()).await;
}

#[tokio::test]
async fn a_successor_takes_over_what_would_end_with_its_owner() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut launch = sh("shop", "exec sleep 1000");
    launch.orphan = Orphan::Stop;
    let process = folder.start(launch).await.expect("start");
    let pid = process.pid().expect("pid");
    let keeper = crate::harness::keeper();
    let successor = seaworthy_process::Folder::open_within(bed.path(), keeper, crate::harness::PATIENCE);
    let successor = tokio::spawn(successor);
    process.leave(crate::harness::PATIENCE).await;
    drop(folder);
    let (_folder, mut processes) = within("taking over", successor).await.expect("task").expect("opens");
    assert_eq!(processes.len(), 1);
    let mut process = processes.remove(0);
    assert!(process.pid() == Some(pid) && runs(pid));
    within("stop", process.stop()).await.expect("stopped");
    exit(&mut process).await;
}

#[tokio::test]
async fn a_successor_that_does_not_come_is_not_waited_for() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut launch = sh("shop", "exec sleep 1000");
    launch.orphan = Orphan::Stop;
    let process = folder.start(launch).await.expect("start");
    process.leave(Duration::from_millis(100)).await;
    drop(folder);
    eventually("it ends", || bed.processes().is_empty()).await;
}

#[tokio::test]
async fn output_in_absence_is_bounded() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let (go, done) = (bed.file("go"), bed.file("done"));
    let script = format!(
        "while [ ! -e {} ]; do sleep 0.02; done; seq -f '%08g xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' 1 100000; touch {}; exec sleep 1000",
        go.display(),
        done.display()
    );
    let mut launch = sh("shop", &script);
    launch.output.burst = 1_000_000;
    drop((folder.start(launch).await.expect("start"), folder));
    std::fs::write(&go, "").expect("written");
    eventually("everything is said", || done.exists()).await;
    let (_folder, mut process) = only(&bed).await;
    let (mut lines, mut dropped) = (0, 0);
    while lines + dropped < 100_000 {
        match crate::harness::next(&mut process).await.expect("it runs") {
            Event::Line(_) => lines += 1,
            Event::Dropped(count) => dropped += count,
            Event::Exited(exit) => panic!("{exit}"),
        }
    }
    assert!(lines > 1_000 && dropped > 1_000 && lines + dropped == 100_000, "{lines} {dropped}");
    within("kill", process.kill()).await.expect("killed");
}
