//! How programs end, and are ended.

use crate::harness::{Bed, eventually, exit, line, rest, runs, sh, texts, within};
use seaworthy_process::{Error, Launch, Orphan, Reason, Scope, Signal, Stage, StopPlan};
use std::time::Duration;

#[tokio::test]
async fn an_exit_is_told_in_words() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    for (script, words) in [
        ("exit 0", "exited with code 0 (success)"),
        ("exit 3", "exited with code 3"),
        ("exit 127", "exited with code 127 (command not found)"),
        ("kill -SEGV $$", "was killed by SIGSEGV (invalid memory access)"),
        ("kill -TERM $$", "was killed by SIGTERM (told to end)"),
    ] {
        let mut process = within("start", folder.start(sh("shop", script))).await.expect(script);
        assert_eq!(exit(&mut process).await.words(), words);
        bed.assert_forgotten("shop");
    }
}

#[tokio::test]
async fn who_dies_at_start_leaves_his_last_words() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut process =
        folder.start(sh("shop", "echo begin; echo no database >&2; exit 78")).await.expect("start");
    let (lines, _, exit) = rest(&mut process).await;
    let mut said = texts(&lines);
    said.sort_unstable();
    assert_eq!(said, ["begin", "no database"]);
    assert_eq!(exit.words(), "exited with code 78 (configuration error)");
    assert_eq!((exit.last_lines.len(), process.last_lines().len(), exit.ordered), (2, 2, false));
}

async fn failure(launch: Launch) -> (Stage, String) {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let id = launch.id.clone();
    let failed = within("start", folder.start(launch)).await.expect_err("cannot start");
    bed.assert_forgotten(&id);
    eventually("the keeper leaves", || bed.processes().is_empty()).await;
    match failed {
        Error::FailedToStart { stage, error } => (stage, error),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_cannot_start_is_told_from_what_ends() {
    let (stage, error) = failure(Launch::new("shop", ["no-such-program"])).await;
    assert_eq!((stage, error.as_str()), (Stage::Program, "no-such-program: command not found in its PATH"));
    let (stage, error) = failure(Launch::new("shop", ["/no/such/program"])).await;
    assert_eq!(stage, Stage::Program);
    assert!(error.starts_with("/no/such/program: there is no such file"), "{error}");
    let (stage, error) = failure(Launch::new("shop", ["/etc/passwd"])).await;
    assert_eq!((stage, error.as_str()), (Stage::Program, "/etc/passwd: it may not be executed"));
    let mut launch = sh("shop", "true");
    launch.folder = Some("/no/such/folder".into());
    let (stage, error) = failure(launch).await;
    assert_eq!(stage, Stage::Folder);
    assert!(error.starts_with("/no/such/folder: "), "{error}");
    let mut launch = sh("shop", "true");
    launch.user = Some("nobody-of-this-name".to_owned());
    let (stage, error) = failure(launch).await;
    assert_eq!(
        (stage, error.as_str()),
        (Stage::User, "there is no user \"nobody-of-this-name\" in /etc/passwd")
    );
}

#[tokio::test]
async fn no_keeper_no_program() {
    let bed = Bed::new();
    let mut keeper = crate::harness::keeper();
    keeper.program = "/no/such/keeper".into();
    let (folder, _) = seaworthy_process::Folder::open(bed.path(), keeper).await.expect("folder");
    let error = folder.start(sh("shop", "true")).await.expect_err("no keeper").to_string();
    assert!(error.starts_with("failed to start (keeper): /no/such/keeper: "), "{error}");
    bed.assert_forgotten("shop");
    let mut keeper = crate::harness::keeper();
    keeper.program = "/bin/false".into();
    drop(folder);
    let (folder, _) = seaworthy_process::Folder::open(bed.path(), keeper).await.expect("folder");
    let error = within("start", folder.start(sh("shop", "true"))).await.expect_err("no keeper").to_string();
    assert_eq!(error, "failed to start (keeper): the keeper ended without a word");
    bed.assert_forgotten("shop");
}

#[tokio::test]
async fn polite_programs_end_politely() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let script = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.02; done";
    let mut process = folder.start(sh("shop", script)).await.expect("start");
    assert_eq!(line(&mut process).await, "ready");
    within("stop", process.stop()).await.expect("stopped");
    let (lines, _, exit) = rest(&mut process).await;
    assert_eq!((texts(&lines), exit.reason.clone(), exit.ordered), (vec!["bye"], Reason::Code(0), true));
    assert!(matches!(process.signal(Signal::TERM), Err(Error::Gone)));
    assert!(matches!(process.usage(), Err(Error::Gone)));
    within("kill", process.kill()).await.expect("gone already");
}

#[tokio::test]
async fn who_ignores_sigterm_is_killed() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut launch = sh("shop", "trap '' TERM; echo ready; while :; do sleep 0.02; done");
    launch.stop = StopPlan { grace: Duration::from_millis(200), ..StopPlan::default() };
    let mut process = folder.start(launch).await.expect("start");
    assert_eq!(line(&mut process).await, "ready");
    let pid = process.pid().expect("pid");
    process.signal(Signal::TERM).expect("there");
    within("stop", process.stop()).await.expect("stopped");
    assert!(!runs(pid));
    assert_eq!(exit(&mut process).await.words(), "was killed by SIGKILL (as ordered)");
}

#[tokio::test]
async fn a_shell_is_told_with_its_children() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut launch = sh("shop", "echo ready; sleep 1000; true");
    launch.stop = StopPlan { scope: Scope::Group, ..StopPlan::default() };
    let mut process = folder.start(launch).await.expect("start");
    assert_eq!(line(&mut process).await, "ready");
    within("stop", process.stop()).await.expect("stopped");
    let exit = exit(&mut process).await;
    assert!(exit.ordered && exit.reason == Reason::Signal(Signal::TERM), "{exit:?}");
}

#[tokio::test]
async fn signals_reach_the_program() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let script = "trap 'echo again' HUP; echo ready; while :; do sleep 0.02; done";
    let mut process = folder.start(sh("shop", script)).await.expect("start");
    assert_eq!(line(&mut process).await, "ready");
    process.handle().signal(Signal::HUP).expect("there");
    assert_eq!(line(&mut process).await, "again");
    within("kill", process.handle().kill()).await.expect("killed");
    within("gone", process.handle().gone()).await.expect("gone");
    let exit = exit(&mut process).await;
    assert_eq!((exit.reason.clone(), exit.ordered), (Reason::Signal(Signal::KILL), true));
}

#[tokio::test]
async fn a_name_is_free_again_after_the_end() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    let mut first = folder.start(sh("shop", "sleep 1000")).await.expect("start");
    assert!(matches!(folder.start(sh("shop", "true")).await, Err(Error::Exists(id)) if id == "shop"));
    let old = first.handle();
    within("kill", first.kill()).await.expect("killed");
    exit(&mut first).await;
    let second = folder.start(sh("shop", "sleep 1000")).await.expect("free again");
    // what means the old one never means the new one
    assert!(matches!(old.signal(Signal::KILL), Err(Error::Gone)));
    within("kill", old.kill()).await.expect("nothing to kill");
    drop(first);
    assert!(second.pid().is_some_and(runs));
    assert!(matches!(folder.start(sh("shop", "true")).await, Err(Error::Exists(_))));
    within("kill", second.kill()).await.expect("killed");
}

#[tokio::test]
async fn a_start_that_nobody_waits_for_leaves_nothing() {
    let bed = Bed::new();
    let folder = bed.empty().await;
    for step in 0..30 {
        // those that were started in time and dropped go by the same policy
        let mut launch = sh(&format!("shop-{step}"), "exec sleep 1000");
        launch.orphan = Orphan::Stop;
        let patience = Duration::from_micros(step * 500);
        drop(tokio::time::timeout(patience, folder.start(launch)).await);
    }
    eventually("nothing is left", || bed.processes().is_empty()).await;
    let mut process = within("start", folder.start(sh("shop-0", "exit 0"))).await.expect("the name is free");
    assert!(exit(&mut process).await.success());
}
