//! More and fewer replicas, by order and by load.

use crate::harness::{Bed, available, events, pids, until};
use seaworthy_core::ErrorCode;
use seaworthy_supervisor::events::Reason;
use seaworthy_supervisor::settings::{Autoscale, Service};
use seaworthy_supervisor::traffic::Load;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn up_and_down_by_order() {
    let bed = Bed::new();
    let fleet = bed.fleet(vec![bed.server("shop")]).await;
    let first = pids(&available(&fleet, "shop").await);
    fleet.scale("shop", 3).await.unwrap();
    let three = until(&fleet, "shop", "three", |status| status.ready == 3).await;
    assert!(pids(&three).contains(&first[0]));
    bed.traffic.until("shop", &["shop-1", "shop-2", "shop-3"]).await;
    // the configured number changes nothing as long as it does not change itself
    fleet.apply(vec![bed.server("shop")]).await.unwrap();
    assert_eq!(fleet.show("shop").unwrap().replicas, 3);
    fleet.scale("shop", 1).await.unwrap();
    let one = until(&fleet, "shop", "one", |status| status.instances.len() == 1).await;
    assert_eq!(pids(&one), first, "the youngest go first");
    fleet.apply(vec![Service { replicas: 2, ..bed.server("shop") }]).await.unwrap();
    until(&fleet, "shop", "two", |status| status.ready == 2).await;
    fleet.scale("shop", 0).await.unwrap();
    until(&fleet, "shop", "none", |status| status.instances.is_empty()).await;
    bed.traffic.until("shop", &[]).await;
    assert_eq!(fleet.scale("shop", 1_001).await.unwrap_err().code(), ErrorCode::Conflict);
    assert_eq!(fleet.scale("nobody", 1).await.unwrap_err().code(), ErrorCode::NotFound);
    fleet.shutdown().await;
    assert_eq!(bed.processes(), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_load() {
    let bed = Bed::new();
    let mut shop = bed.server("shop");
    let period = Duration::from_millis(50);
    shop.autoscale = Some(Autoscale { in_flight: Some(5.0), period, ..Autoscale::between(1, 2) });
    let fleet = bed.fleet(vec![shop.clone()]).await;
    let status = available(&fleet, "shop").await;
    let addr = status.instances[0].addr.unwrap();
    bed.traffic.set_load("shop", Load { in_flight: [(addr, 50.0)].into(), p95: None });
    let two = until(&fleet, "shop", "two", |status| status.ready == 2).await;
    let decision = two.autoscale.clone().unwrap();
    assert!(decision.reason.contains("in flight"), "{decision:?}");
    assert_eq!(events(&fleet, "shop", Reason::SuccessfulRescale).len(), 1);
    assert_eq!(fleet.scale("shop", 3).await.unwrap_err().code(), ErrorCode::Conflict);
    assert!(bed.registry.render().contains("service_autoscale_desired{service=\"shop\"}"));
    // a crash of Seaworthy does not take away what the load had asked for
    drop(fleet);
    let fleet = bed.fleet(vec![shop]).await;
    let again = until(&fleet, "shop", "both again", |status| status.ready == 2).await;
    assert_eq!(pids(&again), pids(&two));
    fleet.shutdown().await;
}
