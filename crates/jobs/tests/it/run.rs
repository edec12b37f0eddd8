use crate::harness::{Bed, Order, complete, order, quick, until};
use seaworthy_core::trace::TraceContext;
use seaworthy_jobs::retry::Backoff;
use seaworthy_jobs::runner::{Queue, Runner};
use seaworthy_jobs::worker::{Context, Done, Failed, Worker};
use seaworthy_jobs::{Cancelled, Error, NewJob, Retry, State};
use std::collections::HashSet;
use std::time::Duration;

crate::on_both!(
    a_job_runs_and_leaves_its_result,
    the_more_urgent_run_first,
    a_failure_is_tried_again_and_remembered,
    after_the_last_attempt_it_is_a_dead_letter,
    what_cannot_be_helped_is_not_tried_again,
    a_panic_is_a_failure,
    an_unknown_kind_is_a_failure,
    arguments_that_do_not_fit_are_a_dead_letter,
    a_snooze_costs_no_attempt,
    a_job_that_is_put_off_for_ever_does_not_grow,
    a_worker_may_find_nothing_to_do,
    an_attempt_ends_at_its_time_limit,
    what_waits_is_called_off_at_once,
    what_runs_is_told_and_then_called_off,
    what_does_not_listen_is_dropped,
    logs_are_kept_within_their_bounds,
    progress_is_seen_while_it_runs,
    a_scheduled_job_is_not_early_and_hardly_late,
    retry_after_holds,
    the_trace_goes_on,
    many_workers_run_each_job_once,
);

fn soon(attempts: u32) -> Retry {
    let backoff = Backoff::Fixed { delay: Duration::from_millis(10) };
    Retry { max_attempts: attempts, backoff, jitter: 0.0 }
}

async fn a_job_runs_and_leaves_its_result(bed: Bed) {
    let running = bed.start(2).await;
    let id = bed.add(order(&Order::Complete(serde_json::json!({ "answer": [42, "\u{0}ü"] })))).await;
    let job = bed.reaches(id, State::Completed).await;
    assert_eq!(job.result.as_deref(), Some("{\"answer\":[42,\"\\u0000ü\"]}"));
    assert_eq!((job.attempt, job.error), (1, None));
    assert!(job.created_at <= job.started_at.expect("begun") && job.started_at <= job.finished_at);
    assert_eq!(bed.seen().len(), 1);
    assert!(
        bed.registry
            .render()
            .contains("jobs_attempts_total{jobs_outcome=\"completed\",jobs_queue=\"default\"} 1")
    );
    assert_eq!(running.stop(Duration::from_secs(5)).await, 0);
}

async fn the_more_urgent_run_first(bed: Bed) {
    let mut ids = Vec::new();
    for priority in [5, 10, 1, 3, 1] {
        ids.push((priority, bed.add(complete().priority(priority)).await));
    }
    let running = bed.start(1).await;
    for (_, id) in &ids {
        bed.reaches(*id, State::Completed).await;
    }
    ids.sort_by_key(|(priority, _)| *priority);
    assert_eq!(bed.seen_ids(), ids.iter().map(|(_, id)| *id).collect::<Vec<_>>());
    running.stop(Duration::from_secs(5)).await;
}

async fn a_failure_is_tried_again_and_remembered(bed: Bed) {
    let _running = bed.start(1).await;
    let id = bed.add(order(&Order::Fail(2)).retry(soon(5))).await;
    let job = bed.reaches(id, State::Completed).await;
    assert_eq!(job.attempt, 3);
    let history = bed.jobs.attempts(id).await.expect("read");
    let told: Vec<_> = history.iter().map(|a| (a.attempt, a.outcome.as_str(), a.error.clone())).collect();
    let text = |n| Some(("told".to_owned(), format!("attempt {n} was told to fail")));
    assert_eq!(told, [(1, "failed", text(1)), (2, "failed", text(2))]);
    let keys: HashSet<_> = bed.seen().into_iter().map(|seen| seen.2).collect();
    assert_eq!(keys.len(), 1, "one job has one key, whatever the attempt: {keys:?}");
}

async fn after_the_last_attempt_it_is_a_dead_letter(bed: Bed) {
    let _running = bed.start(1).await;
    let first = bed.add(order(&Order::Fail(9)).retry(soon(2))).await;
    let second = bed.add(order(&Order::Fail(9)).retry(soon(2))).await;
    let job = bed.reaches(first, State::Discarded).await;
    assert_eq!(job.attempt, 2);
    let other = bed.reaches(second, State::Discarded).await;
    assert_eq!(job.error_signature, other.error_signature, "the same failure");
    assert_eq!(job.error_signature.as_deref(), Some("told: attempt # was told to fail"));
    assert_eq!(bed.jobs.attempts(first).await.expect("read").len(), 2);
}

async fn what_cannot_be_helped_is_not_tried_again(bed: Bed) {
    let _running = bed.start(1).await;
    let id = bed.add(order(&Order::FailForGood)).await;
    let job = bed.reaches(id, State::Discarded).await;
    assert_eq!(job.error, Some(("hopeless".to_owned(), "told\u{fffd} so".to_owned())));
    assert_eq!(job.attempt, 1);
}

async fn a_panic_is_a_failure(bed: Bed) {
    let _running = bed.start(1).await;
    let id = bed.add(order(&Order::Panic).retry(Retry::never())).await;
    let job = bed.reaches(id, State::Discarded).await;
    assert_eq!(job.error, Some(("panic".to_owned(), "told to panic".to_owned())));
    let after = bed.add(complete()).await;
    bed.reaches(after, State::Completed).await;
}

async fn an_unknown_kind_is_a_failure(bed: Bed) {
    let _running = bed.start(1).await;
    let id = bed.add(NewJob::new("nobody knows", &1).retry(Retry::never())).await;
    let job = bed.reaches(id, State::Discarded).await;
    assert_eq!(job.error.expect("why").0, "unknown_kind");
}

async fn arguments_that_do_not_fit_are_a_dead_letter(bed: Bed) {
    let _running = bed.start(1).await;
    let id = bed.add(NewJob::raw("obey", "{\"fly\":1}")).await;
    let job = bed.reaches(id, State::Discarded).await;
    let (code, text) = job.error.expect("why");
    assert_eq!((code.as_str(), job.attempt), ("arguments", 1));
    assert_eq!(text, "do not fit: line 1 column 6", "what is there is not quoted");
    assert_eq!(job.payload, "{\"fly\":1}", "the raw input is there to look at");
}

async fn a_snooze_costs_no_attempt(bed: Bed) {
    let _running = bed.start(1).await;
    let id = bed.add(order(&Order::Snooze(20)).retry(Retry::never())).await;
    let job = bed.reaches(id, State::Completed).await;
    assert_eq!(job.attempt, 1);
    assert_eq!(bed.seen().len(), 2);
}

/// Says something, and is put off.
struct Doze;

impl Worker for Doze {
    type Args = u32;
    fn kind(&self) -> &str {
        "doze"
    }
    async fn work(&self, times: u32, context: Context) -> Result<Done, Failed> {
        context.log("info", "not yet");
        let runs = context.job().fence;
        Ok(if runs > i64::from(times) { Done::plain() } else { Done::Snooze(Duration::from_millis(1)) })
    }
}

async fn a_job_that_is_put_off_for_ever_does_not_grow(bed: Bed) {
    let runner = Runner::new(bed.jobs.clone(), quick(Queue::new("default", 1))).with(Doze);
    let running = runner.start(&bed.registry).await.expect("starts");
    let id = bed.add(NewJob::new("doze", &30)).await;
    bed.reaches(id, State::Completed).await;
    assert!(bed.jobs.attempts(id).await.expect("read").is_empty(), "none of them was an attempt");
    let runs: Vec<i64> = bed.jobs.logs(id).await.expect("read").iter().map(|line| line.run).collect();
    assert_eq!(runs, (21..=31).collect::<Vec<_>>(), "the last ten, and the one that ended it");
    running.stop(Duration::from_secs(5)).await;
}

async fn a_worker_may_find_nothing_to_do(bed: Bed) {
    let _running = bed.start(1).await;
    let id = bed.add(order(&Order::CallOff)).await;
    let job = bed.reaches(id, State::Cancelled).await;
    assert_eq!(job.error.expect("why").1, "nothing to do");
}

async fn an_attempt_ends_at_its_time_limit(bed: Bed) {
    let _running = bed.start(1).await;
    let id = bed.add(order(&Order::Ignore).timeout(Duration::from_millis(50)).retry(Retry::never())).await;
    let job = bed.reaches(id, State::Discarded).await;
    assert_eq!(job.error, Some(("timeout".to_owned(), "not done within 50ms".to_owned())));
}

async fn what_waits_is_called_off_at_once(bed: Bed) {
    let waiting = bed.add(complete()).await;
    let scheduled = bed.add(complete().after(Duration::from_secs(3_600))).await;
    for id in [waiting, scheduled] {
        assert_eq!(bed.jobs.cancel(id).await.expect("called off"), Cancelled::Now);
        assert_eq!(bed.jobs.get(id).await.expect("there").state, State::Cancelled);
        assert!(matches!(bed.jobs.cancel(id).await, Err(Error::State { .. })));
    }
    assert!(matches!(bed.jobs.cancel(-1).await, Err(Error::NotFound { .. })));
    let running = bed.start(1).await;
    let id = bed.add(complete()).await;
    bed.reaches(id, State::Completed).await;
    assert_eq!(bed.seen_ids(), [id]);
    running.stop(Duration::from_secs(5)).await;
}

async fn what_runs_is_told_and_then_called_off(bed: Bed) {
    let _running = bed.start(1).await;
    let id = bed.add(order(&Order::Heed)).await;
    bed.reaches(id, State::Running).await;
    assert_eq!(bed.jobs.cancel(id).await.expect("told"), Cancelled::Requested);
    let job = bed.reaches(id, State::Cancelled).await;
    assert_eq!(job.error.expect("why").0, "cancelled");
}

async fn what_does_not_listen_is_dropped(bed: Bed) {
    let running = bed.start(1).await;
    let id = bed.add(order(&Order::Ignore)).await;
    bed.reaches(id, State::Running).await;
    bed.jobs.cancel(id).await.expect("told");
    bed.reaches(id, State::Cancelled).await;
    until("nothing is in hand any more", async || running.in_hand() == 0).await;
}

async fn logs_are_kept_within_their_bounds(bed: Bed) {
    let _running = bed.start(1).await;
    let id = bed.add(order(&Order::Talk(1_003))).await;
    bed.reaches(id, State::Completed).await;
    let logs = bed.jobs.logs(id).await.expect("read");
    assert_eq!(logs.len(), 1_001);
    assert!(logs[7].text.starts_with("line 7 xxx") && logs[7].text.len() <= 4_096);
    assert_eq!(logs[1_000].text, "3 more lines were not kept");
}

async fn progress_is_seen_while_it_runs(bed: Bed) {
    let _running = bed.start(1).await;
    let id = bed.add(order(&Order::Heed)).await;
    until("progress is written down", async || {
        bed.jobs.get(id).await.expect("there").progress == Some((50, "half way".to_owned()))
    })
    .await;
    bed.jobs.cancel(id).await.expect("told");
    bed.reaches(id, State::Cancelled).await;
}

async fn a_scheduled_job_is_not_early_and_hardly_late(bed: Bed) {
    let _running = bed.start(1).await;
    let id = bed.add(complete().after(Duration::from_millis(400))).await;
    assert_eq!(bed.jobs.get(id).await.expect("there").state, State::Scheduled);
    let job = bed.reaches(id, State::Completed).await;
    let started = job.started_at.expect("begun");
    assert!(started >= job.run_at, "never early");
    assert!(started.since(job.run_at) < Duration::from_secs(10), "late by {:?}", started.since(job.run_at));
}

async fn retry_after_holds(bed: Bed) {
    let _running = bed.start(1).await;
    let told = Order::FailWith { code: "busy".to_owned(), retry_after_ms: 3_600_000 };
    let id = bed.add(order(&told).retry(soon(3))).await;
    let job = bed.reaches(id, State::Retryable).await;
    assert!(job.run_at.since(job.created_at) >= Duration::from_secs(3_600));
    let never = Order::FailWith { code: "busy".to_owned(), retry_after_ms: u64::MAX };
    let id = bed.add(order(&never).retry(soon(3))).await;
    let job = bed.reaches(id, State::Retryable).await;
    assert!(job.run_at.since(job.created_at) < Duration::from_secs(31 * 86_400), "but not for ever");
}

async fn the_trace_goes_on(bed: Bed) {
    let _running = bed.start(1).await;
    let trace = TraceContext::generate(true);
    let id = bed.add(complete().trace(trace)).await;
    let job = bed.reaches(id, State::Completed).await;
    assert_eq!(job.traceparent, Some(trace.to_string()));
}

async fn many_workers_run_each_job_once(bed: Bed) {
    let jobs: Vec<_> = (0..1_000).map(|_| complete()).collect();
    let ids: HashSet<i64> =
        bed.jobs.enqueue_many(jobs).await.expect("accepted").into_iter().map(|made| made.id).collect();
    assert_eq!(ids.len(), 1_000);
    let mut runners = Vec::new();
    for _ in 0..4 {
        runners.push(bed.start(20).await);
    }
    until("all ran", async || bed.seen.lock().expect("no panic").len() >= 1_000).await;
    for runner in runners {
        runner.stop(Duration::from_secs(10)).await;
    }
    let seen = bed.seen_ids();
    assert_eq!(seen.len(), 1_000, "none twice");
    assert_eq!(seen.into_iter().collect::<HashSet<_>>(), ids);
    let filter = seaworthy_jobs::Filter { state: Some(State::Completed), ..Default::default() };
    assert_eq!(bed.jobs.list(&filter, 1_000).await.expect("listed").len(), 1_000);
}
