//! Seaworthy dies or is replaced, and comes back.

use crate::harness::{Bed, available, eventually, pids, replica, runs, sh, signal, until};
use seaworthy_process::Orphan;
use seaworthy_supervisor::settings::Service;
use seaworthy_supervisor::status::Health;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_is_taken_over() {
    let bed = Bed::new();
    let two = || Service { replicas: 2, ..bed.server("shop") };
    let fleet = bed.fleet(vec![two()]).await;
    let before = available(&fleet, "shop").await;
    drop(fleet);
    let fleet = bed.fleet(vec![two()]).await;
    let mut after = available(&fleet, "shop").await;
    // they stand in the order in which they were started, which need not be that of their names
    after.instances.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(pids(&after), pids(&before));
    assert!(after.instances.iter().all(|one| one.adopted && one.restarts == 0), "{after:?}");
    let addresses = |status: &seaworthy_supervisor::status::ServiceStatus| {
        status.instances.iter().map(|one| one.addr).collect::<Vec<_>>()
    };
    assert_eq!(addresses(&after), addresses(&before));
    eventually("both endpoints", || bed.traffic.now("shop").len() == 2).await;
    // they are looked after as before
    signal(pids(&after)[0], "KILL");
    until(&fleet, "shop", "another process", |status| {
        status.ready == 2 && !pids(status).contains(&pids(&before)[0])
    })
    .await;
    fleet.shutdown().await;
    assert_eq!(bed.processes(), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ended_meanwhile_is_started_again() {
    let bed = Bed::new();
    let fleet = bed.fleet(vec![bed.server("shop")]).await;
    let before = pids(&available(&fleet, "shop").await)[0];
    bed.desert(fleet).await;
    signal(before, "KILL");
    eventually("its end", || !runs(before)).await;
    let fleet = bed.fleet(vec![bed.server("shop")]).await;
    let after = until(&fleet, "shop", "another process", |status| status.ready == 1).await;
    assert_ne!(pids(&after), [before]);
    assert!(replica(&after, "shop-1").last_exit.as_ref().unwrap().contains("SIGKILL"), "{after:?}");
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_something_else_is_replaced_without_a_gap() {
    let bed = Bed::new();
    let two = || Service { replicas: 2, ..bed.server("shop") };
    let fleet = bed.fleet(vec![two()]).await;
    let before = available(&fleet, "shop").await;
    bed.traffic.until("shop", &["shop-1", "shop-2"]).await;
    drop(fleet);
    let known = bed.traffic.history("shop").len();
    let mut new = two();
    new.env.insert("COLOUR".into(), seaworthy_core::Secret::new("green".into()));
    let fleet = bed.fleet(vec![new]).await;
    let after = until(&fleet, "shop", "two other processes", |status| {
        status.health == Health::Available && status.instances.len() == 2
    })
    .await;
    assert!(pids(&after).iter().all(|pid| !pids(&before).contains(pid)));
    assert!(after.instances.iter().all(|one| one.updated && !one.adopted));
    assert!(!pids(&before).iter().any(|pid| runs(*pid)));
    // as soon as both were seen there were never fewer
    let sizes: Vec<usize> = bed.traffic.history("shop")[known..].iter().map(Vec::len).collect();
    let from = sizes.iter().position(|size| *size >= 2).expect("both");
    assert!(sizes[from..].iter().all(|size| *size >= 2), "{sizes:?}");
    fleet.shutdown().await;
    assert_eq!(bed.processes(), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_wants_any_more_is_ended() {
    let bed = Bed::new();
    let fleet = bed.fleet(vec![Service { replicas: 3, ..bed.server("shop") }, bed.server("gone")]).await;
    let gone = pids(&available(&fleet, "gone").await);
    let shop = pids(&available(&fleet, "shop").await);
    drop(fleet);
    let fleet = bed.fleet(vec![bed.server("shop")]).await;
    eventually("its end", || !runs(gone[0])).await;
    let left = until(&fleet, "shop", "one", |status| status.ready == 1 && status.instances.len() == 1).await;
    assert!(shop.contains(&pids(&left)[0]));
    eventually("one server", || shop.iter().filter(|pid| runs(**pid)).count() == 1).await;
    fleet.shutdown().await;
    assert_eq!(bed.processes(), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_gets_even_what_would_die_with_its_owner() {
    let bed = Bed::new();
    let mut shop = sh("shop", "exec sleep 1000");
    shop.orphan = Orphan::Stop;
    let fleet = bed.fleet(vec![shop.clone()]).await;
    let before = pids(&available(&fleet, "shop").await);
    fleet.leave().await;
    assert!(fleet.list().is_empty());
    drop(fleet);
    assert!(runs(before[0]));
    let fleet = bed.fleet(vec![shop.clone()]).await;
    assert_eq!(pids(&available(&fleet, "shop").await), before);
    // without a word it dies with its owner
    drop(fleet);
    eventually("its end", || !runs(before[0])).await;
    let fleet = bed.fleet(vec![shop]).await;
    assert_ne!(pids(&available(&fleet, "shop").await), before);
    fleet.shutdown().await;
}
