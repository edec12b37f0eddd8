use crate::harness::Bed;
use crate::on_both;
use seaworthy_alerts::labels::Matchers;
use seaworthy_alerts::silence::NewSilence;
use seaworthy_alerts::{Error, alertmanager};
use std::time::Duration;

on_both!(what_people_do_is_kept, alerts_from_outside_are_taken_and_shown, old_alerts_are_paged);

async fn what_people_do_is_kept(bed: Bed) {
    let first = bed.alerts(bed.settings("/ok")).await;
    bed.numbers.set("shop", 11.5);
    bed.numbers.set("bank", 11.5);
    bed.pass(&first, 60).await;
    let of = |service: &str| Matchers::parse(&[format!("service={service}")]).expect("matchers");
    let shop = first.list(&of("shop"), 1).remove(0).alert.id;
    let bank = first.list(&of("bank"), 1).remove(0).alert.id;
    first.acknowledge(&shop, "anna", "on it").await.expect("acknowledged");
    let again = first.acknowledge(&shop, "ben", "").await;
    assert!(matches!(again, Err(Error::State(_))), "{again:?}");
    first.snooze(&bank, "ben", bed.now().plus(Duration::from_secs(3_600)), "").await.expect("snoozed");
    let silence = NewSilence {
        id: None,
        matchers: of("shop"),
        starts_at: bed.now(),
        ends_at: bed.now().plus(Duration::from_secs(7_200)),
        created_by: "anna".to_owned(),
        comment: "repair".to_owned(),
    };
    let silence = first.silence(silence).await.expect("silenced");
    drop(first);

    let second = bed.alerts(bed.settings("/ok")).await;
    let alert = second.get(&shop).expect("there");
    assert_eq!(
        alert.acknowledged.map(|mark| (mark.by, mark.comment)),
        Some(("anna".to_owned(), "on it".to_owned()))
    );
    assert_eq!(second.list(&of("bank"), 1)[0].held, Some("snoozed"));
    assert_eq!(second.list(&of("shop"), 1)[0].held, Some("silenced"));
    let shown = second.alertmanager_alerts(&of("shop"), 10);
    assert_eq!(shown[0].status.silenced_by, std::slice::from_ref(&silence));
    second.expire_silence(&silence).await.expect("ended");
    assert!(matches!(second.expire_silence(&silence).await, Err(Error::NotFound { .. })));
    second.resolve(&bank, "ben", "done").await.expect("resolved");

    // what cannot be kept is not done
    bed.jobs.store().close().await;
    let refused = second.unacknowledge(&shop, "anna", "").await;
    assert!(matches!(refused, Err(Error::Store(_))), "{refused:?}");
    assert!(second.get(&shop).expect("there").acknowledged.is_some());
}

async fn alerts_from_outside_are_taken_and_shown(bed: Bed) {
    let alerts = bed.alerts(bed.settings("/ok")).await;
    let body = br#"[{"labels":{"alertname":"Up","service":"shop","severity":"critical"},
        "annotations":{"summary":"down"},"generatorURL":"http://prometheus/x"}]"#;
    alerts.receive(alertmanager::parse(body).expect("read")).await;
    alerts.step(false).await;
    assert_eq!(bed.all_jobs().await.len(), 1);
    let shown = serde_json::to_value(alerts.alertmanager_alerts(&Matchers::default(), 10)).expect("json");
    assert_eq!(shown[0]["generatorURL"], "http://prometheus/x");
    assert_eq!(shown[0]["receivers"][0]["name"], "team");
    assert_eq!(shown[0]["status"]["state"], "active");
    bed.clock.advance(Duration::from_secs(301));
    alerts.step(false).await;
    assert!(alerts.alertmanager_alerts(&Matchers::default(), 10).is_empty(), "nobody sent it again");
    let status = serde_json::to_value(alerts.alertmanager_status()).expect("json");
    assert_eq!(status["cluster"]["status"], "disabled");
}

async fn old_alerts_are_paged(bed: Bed) {
    let alerts = bed.alerts(bed.settings("/ok")).await;
    let body: Vec<String> = (0..1_000)
        .map(|n| format!(r#"{{"labels":{{"alertname":"A{n}","service":"s{}"}}}}"#, n % 7))
        .collect();
    alerts.receive(alertmanager::parse(format!("[{}]", body.join(",")).as_bytes()).expect("read")).await;
    bed.clock.advance(Duration::from_secs(30));
    alerts.step(false).await;
    assert_eq!(alerts.history(None, 300).await.expect("a page").len(), 300);
    assert_eq!(alerts.groups().len(), 7);
    assert_eq!(bed.all_jobs().await.len(), 7, "by service");
    let again = bed.alerts(bed.settings("/ok")).await;
    assert_eq!(again.list(&Matchers::default(), 5_000).len(), 1_000);
}
