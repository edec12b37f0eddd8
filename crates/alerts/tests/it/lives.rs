use crate::harness::{Bed, until};
use crate::on_both;
use seaworthy_alerts::alert::AlertState;
use seaworthy_alerts::labels::Matchers;
use seaworthy_jobs::Jobs;
use std::time::Duration;

on_both!(
    a_killed_process_tells_nothing_twice_and_forgets_nothing,
    what_is_pending_survives,
    without_a_database_people_are_told_all_the_same,
);

async fn a_killed_process_tells_nothing_twice_and_forgets_nothing(bed: Bed) {
    let first = bed.alerts(bed.settings("/ok")).await;
    let running = bed.work(&first).await;
    bed.numbers.set("shop", 11.5);
    bed.pass(&first, 60).await;
    bed.comes("firing", 1).await;
    let before = first.list(&Matchers::default(), 10).remove(0).alert;
    drop(first);

    // another process, with nothing in memory; at first its history has nothing to say
    let second = bed.alerts(bed.settings("/ok")).await;
    let after = second.list(&Matchers::default(), 10).remove(0).alert;
    assert_eq!((&after.id, after.starts_at, after.state), (&before.id, before.starts_at, AlertState::Firing));
    bed.pass(&second, 600).await;
    assert_eq!(bed.all_jobs().await.len(), 1, "it was told of before");
    bed.numbers.set("shop", 1.0);
    bed.pass(&second, 600).await;
    bed.comes("resolved", 1).await;
    assert_eq!(bed.all_jobs().await.len(), 2);
    let kept = second.history(None, 10).await.expect("history");
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].state, kept[0].history.len()), (AlertState::Resolved, 2));
    running.stop(Duration::from_secs(5)).await;
}

async fn what_is_pending_survives(bed: Bed) {
    let first = bed.alerts(bed.settings("/ok")).await;
    bed.numbers.set("shop", 11.5);
    bed.pass(&first, 10).await;
    let began = bed.now();
    bed.pass(&first, 10).await;
    drop(first);
    let second = bed.alerts(bed.settings("/ok")).await;
    bed.pass(&second, 10).await;
    let found = second.list(&Matchers::default(), 10);
    assert_eq!(found.iter().map(|view| view.alert.starts_at).collect::<Vec<_>>(), [began]);
    assert_eq!(bed.all_jobs().await.len(), 1);
}

async fn without_a_database_people_are_told_all_the_same(bed: Bed) {
    // never attached
    let alone = bed.detached(bed.settings("/ok"));
    bed.numbers.set("shop", 11.5);
    bed.pass(&alone, 60).await;
    bed.comes("firing", 1).await;
    let id = alone.list(&Matchers::default(), 1).remove(0).alert.id;
    assert!(alone.acknowledge(&id, "anna", "").await.is_err(), "it could not be kept");

    // attached, and then gone; the queue of another store shows what is kept afterwards
    alone.attach(bed.jobs.clone()).await.expect("attached");
    bed.pass(&alone, 30).await;
    assert_eq!(bed.all_jobs().await.len(), 0, "what was told directly is not told again");
    bed.jobs.store().close().await;
    bed.numbers.set("bank", 11.5);
    bed.pass(&alone, 60).await;
    bed.comes("firing", 2).await;
    until("it is counted", async || {
        bed.registry.render().contains("alerts_notifications_total{alerts_outcome=\"direct\"} 2")
    })
    .await;
    assert!(!bed.registry.render().contains("alerts_store_failures_total 0"));

    // it is back: what was told meanwhile is not told again, and the first alert is as it was
    let jobs =
        Jobs::open(bed.database.open().await, seaworthy_jobs::Settings::default()).await.expect("opens");
    alone.attach(jobs.clone()).await.expect("attached");
    bed.pass(&alone, 600).await;
    let all = alone.list(&Matchers::default(), 10);
    assert_eq!(all.len(), 2);
    assert!(all.iter().any(|view| view.alert.id == id));
    let enqueued = jobs.list(&seaworthy_jobs::Filter::default(), 10).await.expect("listed");
    assert_eq!(enqueued.len(), 0);
    assert_eq!(alone.history(None, 10).await.expect("history").len(), 2, "and written down");
}
