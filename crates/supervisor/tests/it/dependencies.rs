//! What is needed comes first and goes last.

use crate::harness::{Bed, available, events, until};
use seaworthy_supervisor::events::Reason;
use seaworthy_supervisor::replica::Phase;
use std::fs;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_needed_comes_first_and_goes_last() {
    let bed = Bed::new();
    bed.set("no-ready");
    let (mut web, mut api, db) = (bed.server("web"), bed.server("api"), bed.server("db"));
    web.depends_on = vec!["api".into(), "db".into()];
    api.depends_on = vec!["db".into()];
    let fleet = bed.fleet(vec![web, api, db]).await;
    let waits = |status: &seaworthy_supervisor::status::ServiceStatus| {
        status.instances.first().and_then(|one| one.message.clone()) == Some("waits for api, db".into())
    };
    let status = until(&fleet, "web", "waiting", waits).await;
    assert_eq!(status.instances[0].phase, Phase::Pending);
    assert_eq!(events(&fleet, "web", Reason::DependencyNotReady)[0].message, "waits for api, db");
    until(&fleet, "db", "its process", |status| {
        status.instances.first().is_some_and(|one| one.pid.is_some())
    })
    .await;
    assert!(events(&fleet, "api", Reason::Started).is_empty());
    bed.clear("no-ready");
    let ready = |name: &str| {
        let of = fleet.events(name).unwrap();
        of.iter().find(|event| event.reason == Reason::Ready).map(|event| event.first).unwrap()
    };
    let started = |name: &str| events(&fleet, name, Reason::Started)[0].first;
    for name in ["db", "api", "web"] {
        available(&fleet, name).await;
    }
    assert!(ready("db") <= started("api"));
    assert!(ready("api") <= started("web"));
    fleet.shutdown().await;
    assert_eq!(fs::read_to_string(bed.switch("ended")).unwrap(), "web\napi\ndb\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_that_cannot_be_meant_change_nothing() {
    let bed = Bed::new();
    let fleet = bed.fleet(vec![bed.server("shop")]).await;
    let before = available(&fleet, "shop").await;
    let mut circle = bed.server("shop");
    circle.depends_on.push("other".into());
    let mut other = bed.server("other");
    other.depends_on.push("shop".into());
    let error = fleet.apply(vec![circle, other]).await.unwrap_err();
    assert!(error.to_string().contains("circle"), "{error}");
    assert_eq!(fleet.list().len(), 1);
    assert_eq!(crate::harness::pids(&fleet.show("shop").unwrap()), crate::harness::pids(&before));
    fleet.shutdown().await;
    assert_eq!(fleet.restart("shop").await.unwrap_err().code(), seaworthy_core::ErrorCode::NotFound);
    assert!(fleet.apply(vec![]).await.is_err());
}
