use crate::harness::{Bed, until};
use crate::on_both;
use seaworthy_alerts::notify::{SIGNATURE, sign};
use seaworthy_jobs::State;
use std::time::Duration;

/// Longer than our own pauses between attempts.
const LONG: Duration = Duration::from_secs(300);

on_both!(
    a_message_arrives_once_signed_and_its_end_too,
    failures_are_tried_again_and_refusals_are_dead_letters,
);

async fn a_message_arrives_once_signed_and_its_end_too(bed: Bed) {
    let alerts = bed.alerts(bed.settings("/ok")).await;
    let running = bed.work(&alerts).await;
    bed.numbers.set("shop", 11.5);
    bed.pass(&alerts, 300).await;
    let firing = bed.comes("firing", 1).await;
    assert_eq!(firing.len(), 1, "{firing:?}");
    assert_eq!(firing[0]["alerts"][0]["labels"]["service"], "shop");
    assert_eq!(firing[0]["commonAnnotations"]["summary"], "shop is at 11.5");
    {
        let came = bed.came.lock().expect("no panic");
        let headers = &came[0].1;
        let signature = headers[SIGNATURE].to_str().expect("text");
        let seconds = signature.strip_prefix("t=").and_then(|rest| rest.split_once(',')).expect("a time").0;
        let body = came[0].2.to_string();
        // the body is compact JSON with sorted keys, as the test reads it back
        assert_eq!(signature, sign(b"signs", seconds.parse().expect("seconds"), body.as_bytes()));
        assert_eq!(headers["idempotency-key"], came[0].2["key"].as_str().expect("a key"));
    }
    bed.numbers.set("shop", 1.0);
    bed.pass(&alerts, 600).await;
    let resolved = bed.comes("resolved", 1).await;
    assert_eq!(resolved.len(), 1);
    assert_eq!(resolved[0]["alerts"][0]["status"], "resolved");
    assert_eq!(resolved[0]["groupKey"], firing[0]["groupKey"]);
    assert_eq!(bed.came.lock().expect("no panic").len(), 2);
    let metrics = bed.registry.render();
    assert!(metrics.contains("alerts_notifications_total{alerts_outcome=\"enqueued\"} 2"), "{metrics}");
    assert!(metrics.contains("alerts_firing{alerts_severity=\"critical\"} 0"), "{metrics}");
    running.stop(Duration::from_secs(5)).await;
}

async fn failures_are_tried_again_and_refusals_are_dead_letters(bed: Bed) {
    let mut settings = bed.settings("/second");
    let channels = &mut settings.receivers[0].channels;
    channels.extend(["/later", "/never", "/moved"].map(|path| bed.webhook(path)));
    let alerts = bed.alerts(settings).await;
    let running = bed.work(&alerts).await;
    bed.numbers.set("shop", 11.5);
    bed.pass(&alerts, 30).await;
    until("the four jobs stand where they should", async || {
        let all = bed.all_jobs().await;
        let count = |state| all.iter().filter(|job| job.state == state).count();
        (count(State::Completed), count(State::Discarded), count(State::Retryable)) == (1, 2, 1)
            && all
                .iter()
                .all(|job| job.state != State::Retryable || job.run_at > bed.jobs.store().now().plus(LONG))
    })
    .await;
    for job in bed.all_jobs().await {
        match (job.state, job.error.as_ref().map(|error| error.0.as_str())) {
            (State::Discarded, _) => assert_eq!(job.attempt, 1, "a refusal is final"),
            (State::Completed, _) => assert_eq!(job.attempt, 2, "the second attempt"),
            (State::Retryable, code) => {
                assert_eq!(code, Some("http_429"));
                let begun = job.started_at.expect("begun");
                assert!(job.run_at.since(begun) >= Duration::from_secs(600), "as it was asked to");
            }
            other => panic!("{other:?}"),
        }
        assert!(!format!("{:?}", job.error).contains("127.0.0.1"), "an address may be a secret");
    }
    running.stop(Duration::from_secs(5)).await;
}
