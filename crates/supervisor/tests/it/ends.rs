//! Replicas that end, in every way they can.

use crate::harness::{Bed, available, events, eventually, pids, replica, runs, sh, signal, stopped, until};
use seaworthy_supervisor::events::Reason;
use seaworthy_supervisor::replica::Phase;
use seaworthy_supervisor::settings::RestartPolicy;
use seaworthy_supervisor::status::Health;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_dies_at_its_start_waits_longer_each_time() {
    let bed = Bed::new();
    let fleet = bed.fleet(vec![sh("shop", "echo going down >&2; exit 3")]).await;
    let status = until(&fleet, "shop", "five restarts", |status| {
        let one = status.instances.first();
        one.is_some_and(|one| one.restarts >= 5 && one.phase == Phase::CrashLoopBackOff)
    })
    .await;
    let one = replica(&status, "shop-1");
    assert!(one.last_exit.as_ref().unwrap().contains("exited with code 3"), "{one:?}");
    assert_eq!(one.last_lines, ["going down"]);
    assert_eq!(status.health, Health::Degraded);
    assert!(status.reason.as_ref().unwrap().contains("CrashLoopBackOff"), "{status:?}");
    let told: Vec<String> = events(&fleet, "shop", Reason::BackOff).into_iter().map(|e| e.message).collect();
    for (message, limit) in told.iter().zip(["10ms", "20ms", "40ms", "80ms"]) {
        assert!(message.ends_with(&format!("within {limit}")), "{told:?}");
    }
    assert_eq!(told.len(), 4, "{told:?}");
    let shown = bed.registry.render();
    assert!(shown.contains("service_restarts_total{reason=\"Error\",service=\"shop\"}"), "{shown}");
    assert!(bed.traffic.history("shop").len() <= 20);
    fleet.shutdown().await;
    assert_eq!(bed.processes(), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_started_is_told_apart() {
    let bed = Bed::new();
    let mut shop = sh("shop", "true");
    shop.folder = Some("/nowhere/at/all".into());
    let fleet = bed.fleet(vec![shop]).await;
    let status = until(&fleet, "shop", "an attempt", |status| {
        status.instances.first().is_some_and(|one| one.last_exit.is_some())
    })
    .await;
    let words = replica(&status, "shop-1").last_exit.clone().unwrap();
    assert!(words.contains("working directory"), "{words}");
    assert!(!events(&fleet, "shop", Reason::Failed).is_empty());
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_killed_is_started_again() {
    let bed = Bed::new();
    let fleet = bed.fleet(vec![bed.server("shop")]).await;
    let before = pids(&available(&fleet, "shop").await)[0];
    signal(before, "KILL");
    let status = until(&fleet, "shop", "another process", |status| {
        status.ready == 1 && pids(status).iter().all(|pid| *pid != before)
    })
    .await;
    let one = replica(&status, "shop-1");
    assert_eq!(one.restarts, 1);
    assert!(one.last_exit.as_ref().unwrap().contains("SIGKILL"), "{one:?}");
    assert!(!events(&fleet, "shop", Reason::Error).is_empty());
    bed.traffic.until("shop", &["shop-1"]).await;
    eventually("the new address", || bed.traffic.addresses("shop") == [one.addr.unwrap()]).await;
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_ignores_sigterm_is_killed_after_its_grace() {
    let bed = Bed::new();
    let mut shop = sh("shop", "trap '' TERM; echo deaf; while :; do sleep 1000; done");
    shop.termination_grace = Duration::from_millis(300);
    let fleet = bed.fleet(vec![shop]).await;
    let pid = pids(&available(&fleet, "shop").await)[0];
    // else it might be told before it is deaf
    eventually("its word", || !fleet.logs("shop", Some("shop-1"), 1).unwrap().is_empty()).await;
    fleet.stop("shop").await.unwrap();
    stopped(&fleet, "shop").await;
    assert!(!runs(pid));
    let told = events(&fleet, "shop", Reason::ExceededGracePeriod);
    assert!(told[0].message.contains("300ms of SIGTERM"), "{told:?}");
    fleet.start("shop").await.unwrap();
    assert_ne!(pids(&available(&fleet, "shop").await)[0], pid);
    fleet.shutdown().await;
    assert_eq!(bed.processes(), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_restart_policy_is_obeyed() {
    let bed = Bed::new();
    let with = |name: &str, line: &str, policy| {
        let mut service = sh(name, line);
        service.restart.policy = policy;
        service
    };
    let fleet = bed
        .fleet(vec![
            with("never", "exit 1", RestartPolicy::Never),
            with("done", "exit 0", RestartPolicy::OnFailure),
            with("again", "exit 0", RestartPolicy::Always),
            with("failing", "exit 1", RestartPolicy::OnFailure),
        ])
        .await;
    let is = |phase| {
        move |status: &seaworthy_supervisor::status::ServiceStatus| {
            status.instances.first().is_some_and(|one| one.phase == phase)
        }
    };
    until(&fleet, "never", "failing for good", is(Phase::Failed)).await;
    until(&fleet, "done", "being done", is(Phase::Completed)).await;
    for name in ["again", "failing"] {
        until(&fleet, name, "three restarts", |status| {
            status.instances.first().is_some_and(|one| one.restarts >= 3)
        })
        .await;
    }
    // nothing took the places of those that ended for good
    assert_eq!(fleet.show("never").unwrap().instances.len(), 1);
    assert_eq!(fleet.show("done").unwrap().instances[0].restarts, 0);
    // an order starts them anew
    fleet.restart("done").await.unwrap();
    until(&fleet, "done", "a second run", |status| status.instances.iter().any(|one| one.updated)).await;
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_says_is_kept_and_can_be_followed() {
    let bed = Bed::new();
    let again = bed.switch("again");
    let line = format!(
        "echo one; echo two >&2; while [ ! -e {} ]; do sleep 0.05; done; echo three; exec sleep 1000",
        again.display()
    );
    let fleet = bed.fleet(vec![sh("shop", &line)]).await;
    eventually("two lines", || fleet.logs("shop", None, 10).unwrap().len() == 2).await;
    let (kept, mut follow) = fleet.follow("shop", Some("shop-1"), 10).unwrap();
    let mut said: Vec<_> = kept.iter().map(|line| (line.stream.as_str(), line.text.as_str())).collect();
    said.sort_unstable();
    assert_eq!(said, [("stderr", "two"), ("stdout", "one")]);
    bed.set("again");
    let next = crate::harness::within("the third line", follow.next()).await;
    let Some(seaworthy_supervisor::logs::Followed::Line(line)) = next else { panic!("{next:?}") };
    assert_eq!((line.text.as_str(), &*line.replica), ("three", "shop-1"));
    assert_eq!(fleet.logs("shop", None, 1).unwrap()[0].text, "three");
    fleet.shutdown().await;
    assert_eq!(crate::harness::within("the end", follow.next()).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_wants_more_memory_than_it_may_is_told_so() {
    let bed = Bed::new();
    let leak = "kept = []\nwhile True: kept.append(bytearray(1 << 20))";
    let argv = [crate::harness::python(), "-c", leak].map(str::to_owned);
    let mut shop = sh("shop", "");
    shop.command = seaworthy_supervisor::settings::Command::Argv(argv.into());
    shop.limits.memory = Some(64 << 20);
    let fleet = bed.fleet(vec![shop]).await;
    let status = until(&fleet, "shop", "its end", |status| {
        status.instances.first().is_some_and(|one| one.last_exit.is_some())
    })
    .await;
    let words = replica(&status, "shop-1").last_exit.clone().unwrap();
    let by_group = fleet.capabilities().iter().any(|line| line.starts_with("memory: cgroup"));
    if by_group {
        assert!(words.contains("out of memory: limit 64 MiB"), "{words}");
        eventually("its event", || !events(&fleet, "shop", Reason::OOMKilled).is_empty()).await;
    } else {
        // the kernel refuses memory, and the program decides what to do about it
        assert!(words.contains("exited with code 1"), "{words}");
    }
    fleet.shutdown().await;
    assert_eq!(bed.processes(), Vec::<u32>::new());
}
