//! What probes do to replicas, and how they are asked.

use crate::harness::{Bed, available, events, eventually, http, pids, quick, replica, until};
use seaworthy_supervisor::events::Reason;
use seaworthy_supervisor::replica::Phase;
use seaworthy_supervisor::settings::{Probe, ProbeKind, Probes};
use std::time::Duration;

/// However long it takes.
fn patient(kind: ProbeKind) -> Probe {
    Probe { failure_threshold: 1_000_000, ..quick(kind) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traffic_comes_when_it_is_ready_and_not_before() {
    let bed = Bed::new();
    bed.set("no-ready");
    let fleet = bed.fleet(vec![bed.server("shop")]).await;
    let status = until(&fleet, "shop", "a refusal", |status| {
        let message = status.instances.first().and_then(|one| one.message.as_deref());
        message.is_some_and(|message| message.contains("status 500"))
    })
    .await;
    let one = replica(&status, "shop-1");
    assert_eq!((one.phase, status.ready), (Phase::Started, 0));
    assert!(one.message.as_ref().unwrap().starts_with("readiness probe failed"), "{one:?}");
    eventually("counted failures", || !events(&fleet, "shop", Reason::Unhealthy).is_empty()).await;
    assert!(
        bed.registry.render().contains("service_probe_failures_total{probe=\"readiness\",service=\"shop\"}")
    );
    assert!(bed.traffic.now("shop").is_empty());
    bed.clear("no-ready");
    let status = available(&fleet, "shop").await;
    bed.traffic.until("shop", &["shop-1"]).await;
    assert_eq!(bed.traffic.addresses("shop"), [replica(&status, "shop-1").addr.unwrap()]);
    assert_eq!(replica(&status, "shop-1").message, None);
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_not_ready_for_a_while_gets_no_traffic_for_a_while() {
    let bed = Bed::new();
    let fleet = bed.fleet(vec![bed.server("shop")]).await;
    let pid = pids(&available(&fleet, "shop").await);
    bed.set("no-ready");
    until(&fleet, "shop", "not being ready", |status| status.instances[0].phase == Phase::NotReady).await;
    bed.traffic.until("shop", &[]).await;
    bed.clear("no-ready");
    let status = available(&fleet, "shop").await;
    bed.traffic.until("shop", &["shop-1"]).await;
    assert_eq!((pids(&status), replica(&status, "shop-1").restarts), (pid, 0));
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_works_no_more_is_started_again() {
    let bed = Bed::new();
    let mut shop = bed.server("shop");
    shop.probes.startup = Some(patient(http("/healthz")));
    shop.probes.liveness = Some(quick(http("/live")));
    let fleet = bed.fleet(vec![shop]).await;
    let pid = pids(&available(&fleet, "shop").await)[0];
    // this process only: the next one is well
    bed.set(&format!("no-live-{pid}"));
    let status = until(&fleet, "shop", "another process", |status| {
        status.ready == 1 && pids(status).iter().all(|other| *other != pid)
    })
    .await;
    assert_eq!(replica(&status, "shop-1").restarts, 1);
    let told = events(&fleet, "shop", Reason::Killing);
    assert!(told[0].message.contains("liveness"), "{told:?}");
    assert!(
        bed.registry.render().contains("service_restarts_total{reason=\"Unhealthy\",service=\"shop\"} 1")
    );
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn until_it_has_started_nothing_else_is_asked() {
    let bed = Bed::new();
    bed.set("no-healthz");
    let mut shop = bed.server("shop");
    shop.probes = Probes {
        startup: Some(patient(http("/healthz"))),
        // would end it at once
        liveness: Some(Probe { failure_threshold: 1, ..quick(http("/live")) }),
        readiness: Some(quick(http("/ready"))),
    };
    bed.set("no-live");
    let fleet = bed.fleet(vec![shop]).await;
    let status = until(&fleet, "shop", "a refusal", |status| {
        status.instances.first().is_some_and(|one| one.message.as_deref().is_some_and(|m| m.contains("500")))
    })
    .await;
    assert_eq!(replica(&status, "shop-1").phase, Phase::Starting);
    bed.clear("no-live");
    bed.clear("no-healthz");
    let status = available(&fleet, "shop").await;
    assert_eq!(replica(&status, "shop-1").restarts, 0);
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_does_not_start_is_started_again() {
    let bed = Bed::new();
    bed.set("no-healthz");
    let mut shop = bed.server("shop");
    // independent of how long the program takes
    let check = format!("test ! -e {}", bed.switch("no-healthz").display());
    let argv = ["/bin/sh".to_owned(), "-c".to_owned(), check].to_vec();
    shop.probes.startup = Some(quick(ProbeKind::Command(argv)));
    let fleet = bed.fleet(vec![shop]).await;
    until(&fleet, "shop", "a restart", |status| {
        status.instances.first().is_some_and(|one| one.restarts >= 1)
    })
    .await;
    bed.clear("no-healthz");
    available(&fleet, "shop").await;
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_beside_it_is_a_probe_too() {
    let bed = Bed::new();
    let mut shop = bed.server("shop");
    let flag = bed.switch("well");
    let check = format!(
        "test \"$NAME {{port}}\" = \"shop $PORT\" && test -e {} || {{ echo not well; exit 4; }}",
        flag.display()
    );
    let argv = ["/bin/sh".to_owned(), "-c".to_owned(), check].to_vec();
    shop.probes.readiness = Some(quick(ProbeKind::Command(argv)));
    let fleet = bed.fleet(vec![shop]).await;
    let status = until(&fleet, "shop", "a refusal", |status| {
        status.instances.first().is_some_and(|one| one.message.is_some())
    })
    .await;
    let message = replica(&status, "shop-1").message.clone().unwrap();
    assert!(message.contains("exited with code 4") && message.contains("not well"), "{message}");
    bed.set("well");
    available(&fleet, "shop").await;
    fleet.shutdown().await;
    eventually("nothing is left", || bed.processes().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_hangs_is_killed_with_all_it_started() {
    let bed = Bed::new();
    let mut shop = bed.server("shop");
    let argv = ["/bin/sh".to_owned(), "-c".to_owned(), "sleep 987654 & wait".to_owned()].to_vec();
    let timeout = Duration::from_millis(300);
    shop.probes.readiness = Some(Probe { timeout, ..quick(ProbeKind::Command(argv)) });
    let fleet = bed.fleet(vec![shop]).await;
    let status = until(&fleet, "shop", "its time to be over", |status| {
        status
            .instances
            .first()
            .is_some_and(|one| one.message.as_deref().is_some_and(|m| m.contains("no answer")))
    })
    .await;
    assert!(replica(&status, "shop-1").message.as_ref().unwrap().contains("within 300ms"));
    fleet.shutdown().await;
    eventually("nothing is left", || bed.processes().is_empty()).await;
}
