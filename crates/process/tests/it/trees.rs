//! Programs that fork.

use crate::harness::{Bed, eventually, exit, line, python, runs, sh, signal, within};
use seaworthy_process::{Limits, Reason};

/// Forks twice and leaves its session, as daemons do; says who it became.
const DAEMON: &str = "
import os, sys, time
def daemon():
    told, tell = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            print(os.getpid(), flush=True)
            os.close(1); os.close(2)
            os.write(tell, b'.')
            time.sleep(100000)
        os._exit(0)
    os.wait()
    os.read(told, 1)
daemon()
";

#[tokio::test]
async fn a_daemon_does_not_get_away() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut process = folder.start(python("shop", DAEMON)).await.expect("start");
    let daemon: u32 = line(&mut process).await.parse().expect("pid");
    let exit = exit(&mut process).await;
    assert_eq!(exit.words(), "exited with code 0 (success); it left 1 process behind, now ended");
    assert!(!runs(daemon));
}

#[tokio::test]
async fn kill_returns_when_nothing_is_left() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let script = format!("{DAEMON}\ndaemon()\nprint('ready')\ntime.sleep(100000)");
    let mut process = folder.start(python("shop", &script)).await.expect("start");
    let daemons: Vec<u32> = [line(&mut process).await, line(&mut process).await]
        .iter()
        .map(|pid| pid.parse().expect("pid"))
        .collect();
    assert_eq!(line(&mut process).await, "ready");
    assert_eq!(process.usage().expect("runs").processes, 3);
    within("kill", process.kill()).await.expect("killed");
    assert!(!daemons.iter().any(|pid| runs(*pid)) && !process.pid().is_some_and(runs));
    assert_eq!(bed.processes(), Vec::<u32>::new());
    let exit = exit(&mut process).await;
    assert!(exit.ordered && exit.left_behind == 0, "{exit:?}");
}

#[tokio::test]
async fn without_its_keeper_nothing_lives() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let script = format!("{DAEMON}\nprint('ready')\ntime.sleep(100000)");
    let mut process = folder.start(python("shop", &script)).await.expect("start");
    let daemon: u32 = line(&mut process).await.parse().expect("pid");
    assert_eq!(line(&mut process).await, "ready");
    signal(bed.keeper_of("shop"), "KILL");
    let exit = exit(&mut process).await;
    assert_eq!(
        (exit.reason.clone(), exit.last_lines.last().map(String::as_str)),
        (Reason::Lost, Some("ready"))
    );
    assert!(!runs(daemon) && !process.pid().is_some_and(runs));
    bed.assert_forgotten("shop");
}

#[tokio::test]
async fn a_keeper_that_does_not_answer_is_done_without() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut process = folder.start(sh("shop", "sleep 1000 & echo $!; sleep 1000")).await.expect("start");
    let child: u32 = line(&mut process).await.parse().expect("pid");
    signal(bed.keeper_of("shop"), "STOP");
    within("kill", process.kill()).await.expect("killed");
    assert!(!runs(child) && !process.pid().is_some_and(runs));
    assert_eq!(exit(&mut process).await.reason, Reason::Lost);
}

#[tokio::test]
async fn a_keeper_that_is_told_to_end_ends_its_tree_first() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let script = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.02; done";
    let mut process = folder.start(sh("shop", script)).await.expect("start");
    assert_eq!(line(&mut process).await, "ready");
    signal(bed.keeper_of("shop"), "TERM");
    assert_eq!(line(&mut process).await, "bye");
    assert_eq!(exit(&mut process).await.reason, Reason::Code(0));
}

#[tokio::test]
async fn who_forks_without_end_is_ended() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    // each child forks the next and goes: the tree is never twice the same
    let script = "
import os, sys
print('ready')
if os.fork() == 0:
    for _ in range(4):
        os.fork()
    while True:
        try:
            if os.fork() != 0:
                os._exit(0)
        except OSError:
            pass
import time
time.sleep(100000)
";
    let mut launch = python("bomb", script);
    launch.limits = Limits { processes: Some(64), ..Limits::default() };
    let mut process = folder.start(launch).await.expect("start");
    assert_eq!(line(&mut process).await, "ready");
    within("kill", process.kill()).await.expect("killed");
    assert_eq!(bed.processes(), Vec::<u32>::new());
    exit(&mut process).await;
}

#[tokio::test]
async fn orphans_of_the_program_are_waited_for() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let script = "for i in 1 2 3 4 5 6 7 8; do (sh -c 'true' &) ; done; echo ready; exec sleep 1000";
    let mut process = folder.start(sh("shop", script)).await.expect("start");
    assert_eq!(line(&mut process).await, "ready");
    // zombies would count
    eventually("one process", || process.usage().is_ok_and(|usage| usage.processes == 1)).await;
    within("kill", process.kill()).await.expect("killed");
    exit(&mut process).await;
}

/// As in a container without an init: what loses its keeper becomes the child of Seaworthy.
#[tokio::test]
async fn a_seaworthy_that_adopts_orphans_waits_for_them() {
    let own = rustix::process::getpid();
    rustix::process::set_child_subreaper(Some(own)).expect("subreaper");
    let bed = Bed::new();
    let folder = bed.empty().await;
    let script = format!("{DAEMON}\nprint('ready')\ntime.sleep(100000)");
    let mut process = folder.start(python("shop", &script)).await.expect("start");
    let daemon: u32 = line(&mut process).await.parse().expect("pid");
    assert_eq!(line(&mut process).await, "ready");
    let program = process.pid().expect("pid");
    signal(bed.keeper_of("shop"), "KILL");
    assert_eq!(exit(&mut process).await.reason, Reason::Lost);
    rustix::process::set_child_subreaper(None).expect("no subreaper");
    for pid in [daemon, program] {
        eventually("no zombie", || !std::path::Path::new(&format!("/proc/{pid}")).exists()).await;
    }
}
