//! Replicas die, and so do we.

use rustix::process::Signal;

use super::{Running, kill, pids};
use crate::harness::eventually;
use crate::harness::load::{After, Load};
use crate::jobs::says;

#[tokio::test]
async fn a_killed_replica_is_replaced_and_hardly_noticed() {
    let run = Running::start(3, "", "").await;
    run.settles(3).await;
    let load = Load::start(run.gateway.address, "/", 4, After::Reconnect);
    for _ in 0..5 {
        let victim = *run.pids().await.first().unwrap();
        kill(victim, Signal::KILL);
        run.stands("without it, and whole", |status| status["ready"] == 3 && !pids(status).contains(&victim))
            .await;
        load.more(50).await;
    }
    let (good, failed) = load.finish().await;
    // a GET is tried again elsewhere: nothing is lost
    assert!(failed.is_empty(), "{} of {good}: {failed:?}", failed.len());
    let errors = run.events("Error").await;
    assert!(errors.iter().any(|event| event["message"].as_str().unwrap().contains("SIGKILL")), "{errors:?}");
}

#[tokio::test]
async fn who_is_killed_finds_its_replicas_again() {
    let mut run = Running::start(2, "", "").await;
    run.settles(2).await;
    for round in 0..3 {
        let before = run.alive();
        assert_eq!(before.len(), 2);
        run.gateway.signal(Signal::KILL);
        run.gateway.ended().await;
        assert_eq!(run.alive(), before, "they go on");
        run.gateway.restart(&format!("log{round}")).await;
        assert_eq!(run.gateway.get("/").await.status, 200, "at once");
        let status = run.settles(2).await;
        assert_eq!(pids(&status), before, "the same processes");
        assert!(status["instances"].as_array().unwrap().iter().all(|replica| replica["adopted"] == true));
    }
    // one that dies meanwhile is started again
    let victim = *run.alive().first().unwrap();
    run.gateway.signal(Signal::KILL);
    run.gateway.ended().await;
    kill(victim, Signal::KILL);
    run.gateway.restart("log").await;
    run.settles(2).await;
    assert_eq!(run.alive(), run.pids().await);
    run.gateway.signal(Signal::TERM);
    assert!(run.gateway.ended().await.success());
    run.nothing_left().await;
}

#[tokio::test]
async fn replicas_may_be_told_to_go_with_us() {
    let mut run = Running::start(2, "", "orphans = \"stop\"").await;
    run.settles(2).await;
    run.gateway.signal(Signal::KILL);
    run.gateway.ended().await;
    run.nothing_left().await;
}

#[tokio::test]
async fn a_command_that_changed_meanwhile_is_rolled_out() {
    let mut run = Running::start(2, "one", "").await;
    run.settles(2).await;
    let before = run.alive();
    run.gateway.signal(Signal::KILL);
    run.gateway.ended().await;
    run.configure(2, "two", "");
    run.gateway.restart("log").await;
    run.settles(2).await;
    eventually("the old ones are gone", || async { run.alive().is_disjoint(&before).then_some(()) }).await;
    assert_eq!(run.gateway.get("/").await.json()["args"][1], "two");
}

#[tokio::test]
async fn a_successor_takes_replicas_over_and_no_request_is_lost() {
    let mut run = Running::with("takeover = \"takeover.sock\"", 2, "", "").await;
    run.settles(2).await;
    let before = run.alive();
    let load = Load::start(run.gateway.address, "/", 4, After::Reconnect);
    load.more(100).await;
    let mut successor = run.gateway.another("successor.log");
    assert!(run.gateway.ended().await.success(), "the first one has handed over");
    load.more(200).await;
    let (good, failed) = load.finish().await;
    assert!(failed.is_empty(), "{} of {good}: {failed:?}", failed.len());
    assert_eq!(pids(&run.settles(2).await), before, "the same processes");
    drop(says(&run.gateway, &["service", "list"]).await);
    successor.terminate();
    assert!(successor.ended().await.success());
    run.nothing_left().await;
}

#[tokio::test]
async fn two_cannot_have_the_same_folder() {
    let run = Running::start(1, "", "").await;
    run.settles(1).await;
    let text = run.gateway.folder_text("seaworthy.toml");
    let other = text
        .replace(&run.gateway.address.to_string(), &crate::harness::free_address().to_string())
        .replace(&run.gateway.control.to_string(), &crate::harness::free_address().to_string());
    run.gateway.folder.write("other.toml", other);
    let mut second = run.gateway.another_with("other.toml", "other.log");
    assert!(!second.ended().await.success());
    let log = run.gateway.folder_text("other.log");
    assert!(log.contains("belongs to another seaworthy"), "{log}");
    assert_eq!(run.gateway.get("/").await.status, 200);
}

#[tokio::test]
async fn what_is_wanted_no_more_ends_at_the_next_start() {
    let mut run = Running::start(2, "", "").await;
    run.settles(2).await;
    run.gateway.signal(Signal::KILL);
    run.gateway.ended().await;
    run.gateway.configure("[service.shop]\nupstreams = [\"http://127.0.0.1:9\"]\n");
    run.gateway.restart("log").await;
    run.nothing_left().await;
}

#[tokio::test]
async fn a_replica_with_a_fixed_port_comes_back_on_it() {
    let port = crate::harness::free_address().port();
    let run = Running::start(1, &port.to_string(), &format!("port = {port}")).await;
    run.settles(1).await;
    for _ in 0..2 {
        let victim = *run.pids().await.first().unwrap();
        kill(victim, Signal::KILL);
        run.stands("back", |status| status["ready"] == 1 && !pids(status).contains(&victim)).await;
        assert_eq!(run.gateway.get("/").await.status, 200);
    }
    says(&run.gateway, &["service", "restart", "shop"]).await;
    assert_eq!(run.gateway.get("/").await.status, 200);
}

#[tokio::test]
async fn a_successor_that_wants_fewer_and_others_waits_for_what_is_under_way() {
    let mut run = Running::with("takeover = \"takeover.sock\"", 3, "one", "").await;
    run.settles(3).await;
    let before = run.alive();
    let load = Load::start(run.gateway.address, "/", 4, After::Reconnect);
    load.more(50).await;
    let address = run.gateway.address;
    let slow: Vec<_> = (0..6)
        .map(|_| tokio::spawn(async move { crate::harness::get(address, "/slow").await.unwrap().status }))
        .collect();
    let text = run.gateway.folder_text("seaworthy.toml");
    let text = text.replace("replicas = 3", "replicas = 1").replace(" one\"", " two\"");
    run.gateway.folder.write("next.toml", text);
    let mut successor = run.gateway.another_with("next.toml", "successor.log");
    assert!(run.gateway.ended().await.success());
    for slow in slow {
        assert_eq!(slow.await.unwrap(), 200);
    }
    run.settles(1).await;
    load.more(50).await;
    let (good, failed) = load.finish().await;
    assert!(failed.is_empty(), "{} of {good}: {failed:?}", failed.len());
    assert!(run.pids().await.is_disjoint(&before));
    successor.terminate();
    assert!(successor.ended().await.success());
    run.nothing_left().await;
}

#[tokio::test]
async fn what_a_successor_with_another_folder_leaves_is_ended() {
    let mut run = Running::with("takeover = \"takeover.sock\"", 2, "", "").await;
    run.settles(2).await;
    let before = run.alive();
    let text = run.gateway.folder_text("seaworthy.toml");
    run.gateway.folder.write("next.toml", format!("{text}\n[supervisor]\nfolder = \"other.run\"\n"));
    let mut successor = run.gateway.another_with("next.toml", "successor.log");
    assert!(run.gateway.ended().await.success());
    let after = run.settles(2).await;
    assert_eq!(run.alive(), pids(&after));
    assert!(before.is_disjoint(&pids(&after)));
    successor.terminate();
    assert!(successor.ended().await.success());
    run.nothing_left().await;
}
