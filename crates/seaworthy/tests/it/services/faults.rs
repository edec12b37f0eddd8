//! Programs with faults.

use rustix::process::Signal;

use super::Running;
use crate::harness::eventually;
use crate::jobs::says;

#[tokio::test]
async fn one_that_dies_at_its_start_is_tried_ever_less_often_and_says_why() {
    let run = Running::start(1, "dies", "").await;
    let status = run
        .stands("in a crash loop", |status| {
            let replica = &status["instances"][0];
            replica["phase"] == "CrashLoopBackOff" && replica["restarts"].as_u64() > Some(3)
        })
        .await;
    let replica = &status["instances"][0];
    assert!(
        replica["last_exit"].as_str().unwrap().contains("status 3")
            || replica["last_exit"].as_str().unwrap().contains("code 3"),
        "{replica}"
    );
    assert!(replica["last_lines"].to_string().contains("the answer is 41"), "{replica}");
    eventually("the command line says it", || async {
        let shown = says(&run.gateway, &["service", "show", "shop"]).await;
        (shown.contains("CrashLoopBackOff") && shown.contains("the answer is 41")).then_some(())
    })
    .await;
    assert!(!run.events("BackOff").await.is_empty());
    let answer = run.gateway.get("/").await;
    assert_eq!(answer.json()["reason"], "no_endpoint");
    // mended, it runs
    run.configure(1, "", "");
    run.settles(1).await;
    assert_eq!(run.gateway.get("/").await.status, 200);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_said_so() {
    let settings = "";
    let run = Running::start(1, "", settings).await;
    run.settles(1).await;
    let text = run.gateway.folder_text("seaworthy.toml");
    let text = text.replace("command = \"python3 ", "command = \"no-such-program-here ");
    run.gateway.folder.write("seaworthy.toml", text);
    run.stands("told why", |status| {
        let all = status["instances"].to_string();
        all.contains("no-such-program-here") || all.contains("not found")
    })
    .await;
    assert_eq!(run.gateway.get("/").await.status, 200, "the old one stays");
}

#[tokio::test]
async fn a_late_one_gets_traffic_once_it_listens() {
    let run = Running::start(1, "late=2", "").await;
    assert_eq!(run.gateway.get("/").await.json()["reason"], "no_endpoint");
    run.settles(1).await;
    assert_eq!(run.gateway.get("/").await.status, 200);
}

#[tokio::test]
async fn one_that_ignores_its_end_is_killed() {
    let mut run = Running::start(1, "stubborn", "termination_grace = \"300ms\"").await;
    run.settles(1).await;
    run.gateway.signal(Signal::TERM);
    assert!(run.gateway.ended().await.success());
    run.nothing_left().await;
}

#[tokio::test]
async fn what_it_forked_ends_with_it() {
    let run = Running::start(1, "forks", "").await;
    run.settles(1).await;
    eventually("it has a child", || async { (run.alive().len() == 2).then_some(()) }).await;
    let main = *run.pids().await.first().unwrap();
    super::kill(main, Signal::KILL);
    run.stands("started again", |status| status["ready"] == 1 && !super::pids(status).contains(&main)).await;
    eventually("only the new ones are left", || async { (run.alive().len() == 2).then_some(()) }).await;
    says(&run.gateway, &["service", "stop", "shop"]).await;
    run.nothing_left().await;
}

#[tokio::test]
async fn a_flood_of_output_harms_nobody() {
    let run = Running::start(1, "floods", "output = { lines_per_second = 10, burst = 20 }").await;
    run.settles(1).await;
    run.gateway.logs("lines were dropped").await;
    assert_eq!(run.gateway.get("/").await.status, 200);
    says(&run.gateway, &["service", "stop", "shop"]).await;
    run.nothing_left().await;
}

#[tokio::test]
async fn one_that_takes_too_much_memory_is_ended_and_that_is_said() {
    let run = Running::start(1, "leaks", "limits = { memory = \"96MiB\" }").await;
    let status = run
        .stands("ended for its memory", |status| status["instances"][0]["restarts"].as_u64() > Some(0))
        .await;
    let by_groups = status["limits"].to_string().contains("memory: cgroup");
    let told = status["instances"][0].to_string();
    match by_groups {
        true => {
            assert!(told.contains("out of memory"), "{told}");
            assert!(!run.events("OOMKilled").await.is_empty());
        }
        // the program is refused more, and says so itself
        false => assert!(told.contains("MemoryError") || told.contains("killed"), "{told}"),
    }
}

#[tokio::test]
async fn one_that_closes_its_output_goes_on() {
    let run = Running::start(1, "silent", "").await;
    run.settles(1).await;
    let before = run.pids().await;
    for _ in 0..10 {
        assert_eq!(run.gateway.get("/").await.status, 200);
    }
    assert_eq!(run.settles(1).await["instances"][0]["restarts"], 0);
    assert_eq!(run.pids().await, before);
}

#[tokio::test]
async fn a_node_server_is_run() {
    let program =
        "require('http').createServer((q, a) => a.end('node')).listen(process.env.PORT, '127.0.0.1')";
    let rest = format!("[service.shop]\ncommand = [\"node\", \"-e\", \"{program}\"]\norphans = \"stop\"\n");
    let mut gateway = crate::harness::Gateway::start(&rest).await;
    eventually("it answers", || async { (gateway.get("/").await.text() == "node").then_some(()) }).await;
    gateway.signal(Signal::TERM);
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn a_passed_socket_is_served() {
    let run = Running::start(2, "fd", "port = \"socket\"\nreadiness = { http = \"/healthz\" }").await;
    run.settles(2).await;
    assert_eq!(run.gateway.get("/").await.status, 200);
}

#[tokio::test]
async fn a_sick_one_gets_no_traffic_and_a_dead_one_is_replaced() {
    let run =
        Running::start(1, "", "readiness = { http = \"/healthz\", period = \"1s\", failure_threshold = 1 }")
            .await;
    run.settles(1).await;
    let before = run.pids().await;
    run.gateway.folder.write("sick", "");
    run.stands("not ready", |status| status["ready"] == 0).await;
    assert_eq!(run.gateway.get("/").await.json()["reason"], "no_endpoint");
    std::fs::remove_file(run.gateway.folder.path("sick")).unwrap();
    run.settles(1).await;
    assert_eq!(run.pids().await, before, "readiness restarts nothing");
    run.configure(1, "", "startup = { tcp = true }\nliveness = { http = \"/healthz\", period = \"1s\", failure_threshold = 1 }");
    run.settles(1).await;
    let before = run.pids().await;
    run.gateway.folder.write("sick", "");
    eventually("it is restarted", || async { run.pids().await.is_disjoint(&before).then_some(()) }).await;
    assert!(!run.events("Unhealthy").await.is_empty());
}
