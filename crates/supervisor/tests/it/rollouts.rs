//! Replicas are replaced without a gap, or not at all.

use crate::harness::{Bed, available, events, eventually, pids, replica, runs, stopped, until};
use seaworthy_supervisor::events::Reason;
use seaworthy_supervisor::replica::Phase;
use seaworthy_supervisor::rollout;
use seaworthy_supervisor::settings::{Command, CountOrPercent, Service};
use seaworthy_supervisor::status::Health;
use std::time::Duration;

fn two(bed: &Bed) -> Service {
    Service { replicas: 2, ..bed.server("shop") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_replaces_all_replicas_without_a_gap() {
    let bed = Bed::new();
    let fleet = bed.fleet(vec![two(&bed)]).await;
    let before = pids(&available(&fleet, "shop").await);
    bed.traffic.until("shop", &["shop-1", "shop-2"]).await;
    let known = bed.traffic.history("shop").len();
    fleet.restart("shop").await.unwrap();
    let status = until(&fleet, "shop", "two other processes", |status| {
        status.health == Health::Available
            && status.instances.len() == 2
            && pids(status).iter().all(|pid| !before.contains(pid))
    })
    .await;
    assert_eq!(status.rollout, rollout::Status::Complete);
    assert_eq!(status.instances.iter().map(|one| one.restarts).sum::<u64>(), 0);
    let names: Vec<String> = status.instances.iter().map(|one| one.name.to_string()).collect();
    bed.traffic.until("shop", &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    // a third one at the most, and never fewer than two
    let sizes: Vec<usize> = bed.traffic.history("shop")[known - 1..].iter().map(Vec::len).collect();
    assert!(sizes.iter().all(|size| (2..=3).contains(size)), "{sizes:?}");
    assert!(!before.iter().any(|pid| runs(*pid)));
    // each of the old was waited for
    assert_eq!(bed.traffic.asked().len(), 2);
    fleet.shutdown().await;
    assert_eq!(bed.processes(), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_one_runs_until_its_last_request_is_answered() {
    let bed = Bed::new();
    let mut shop = bed.server("shop");
    shop.drain = Duration::from_secs(3_600);
    let fleet = bed.fleet(vec![shop]).await;
    let status = available(&fleet, "shop").await;
    let (old, addr) = (pids(&status)[0], replica(&status, "shop-1").addr.unwrap());
    bed.traffic.busy(true);
    fleet.restart("shop").await.unwrap();
    until(&fleet, "shop", "draining", |status| {
        status.ready == 1 && status.instances.iter().any(|one| one.phase == Phase::Draining)
    })
    .await;
    bed.traffic.until("shop", &["shop-2"]).await;
    eventually("the question", || bed.traffic.asked() == [addr]).await;
    assert!(runs(old));
    bed.traffic.busy(false);
    available(&fleet, "shop").await;
    assert!(!runs(old));
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_has_a_bound() {
    let bed = Bed::new();
    let mut shop = bed.server("shop");
    shop.drain = Duration::from_millis(200);
    let fleet = bed.fleet(vec![shop]).await;
    available(&fleet, "shop").await;
    bed.traffic.busy(true);
    fleet.stop("shop").await.unwrap();
    stopped(&fleet, "shop").await;
    let told = events(&fleet, "shop", Reason::ExceededGracePeriod);
    assert!(told[0].message.contains("in flight after 200ms"), "{told:?}");
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replacement_that_never_is_ready_leaves_the_old_ones_alone() {
    let bed = Bed::new();
    let fleet = bed.fleet(vec![two(&bed)]).await;
    let before = pids(&available(&fleet, "shop").await);
    bed.traffic.until("shop", &["shop-1", "shop-2"]).await;
    let endpoints = bed.traffic.addresses("shop");
    let mut broken = two(&bed);
    broken.command = Command::Shell("echo broken; exit 7".into());
    broken.rollout.progress_deadline = Duration::from_secs(1);
    fleet.apply(vec![broken.clone()]).await.unwrap();
    let status = until(&fleet, "shop", "the end of the rollout", |status| {
        matches!(status.rollout, rollout::Status::Failed(_)) && status.instances.len() == 2
    })
    .await;
    let rollout::Status::Failed(why) = &status.rollout else { unreachable!() };
    assert!(why.starts_with("no progress within 1s: shop-3 is "), "{why}");
    assert_eq!((status.health, pids(&status)), (Health::Degraded, before.clone()));
    assert_eq!(bed.traffic.addresses("shop"), endpoints);
    assert_eq!(events(&fleet, "shop", Reason::ProgressDeadlineExceeded).len(), 1);
    // what was there is kept up as it was
    crate::harness::signal(before[0], "KILL");
    let status =
        until(&fleet, "shop", "two again", |status| status.ready == 2 && !pids(status).contains(&before[0]))
            .await;
    assert!(status.instances.iter().all(|one| !one.updated));
    // back to what was there is at once complete; something better is rolled out
    fleet.apply(vec![two(&bed)]).await.unwrap();
    let back = available(&fleet, "shop").await;
    assert_eq!((back.rollout.clone(), pids(&back)), (rollout::Status::Complete, pids(&status)));
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_settings_replace_what_they_change_and_nothing_else() {
    let bed = Bed::new();
    let fleet = bed.fleet(vec![two(&bed), bed.server("other")]).await;
    let other = pids(&available(&fleet, "other").await);
    let before = available(&fleet, "shop").await;
    // nothing that a process sees
    let mut same = two(&bed);
    same.drain = Duration::from_secs(1);
    same.rollout.max_surge = CountOrPercent::Count(2);
    fleet.apply(vec![same.clone(), bed.server("other")]).await.unwrap();
    assert_eq!(pids(&available(&fleet, "shop").await), pids(&before));
    let mut new = same;
    new.env.insert("COLOUR".into(), seaworthy_core::Secret::new("green".into()));
    fleet.apply(vec![new, bed.server("other")]).await.unwrap();
    let after = until(&fleet, "shop", "the new settings", |status| {
        status.template != before.template
            && status.health == Health::Available
            && status.instances.len() == 2
    })
    .await;
    assert!(pids(&after).iter().all(|pid| !pids(&before).contains(pid)));
    assert_eq!(pids(&fleet.show("other").unwrap()), other);
    // one that is left out ends
    fleet.apply(vec![bed.server("other")]).await.unwrap();
    assert!(fleet.show("shop").is_err());
    eventually("its end", || !pids(&after).iter().any(|pid| runs(*pid))).await;
    // and may come back
    fleet.apply(vec![bed.server("other"), bed.server("shop")]).await.unwrap();
    available(&fleet, "shop").await;
    assert_eq!(pids(&available(&fleet, "other").await), other);
    fleet.shutdown().await;
    assert_eq!(bed.processes(), Vec::<u32>::new());
}
