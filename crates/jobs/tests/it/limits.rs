use crate::harness::{Bed, Order, complete, order, quick, until};
use seaworthy_jobs::runner::{Queue, Runner, RunnerSettings};
use seaworthy_jobs::worker::{Context, Done, Failed, Worker};
use seaworthy_jobs::{DependsOn, Error, Filter, NewJob, QueueLimits, Rate, State};
use seaworthy_store::Query;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

crate::on_both!(
    no_more_with_one_key_run_at_once_than_may,
    a_held_key_holds_up_nobody_else,
    a_failed_holder_makes_room,
    no_more_of_a_queue_run_at_once_than_may,
    a_paused_queue_rests_until_it_goes_on,
    a_rate_holds_over_all_workers,
    a_place_that_becomes_free_is_taken_at_once,
    keys_and_dependencies_do_not_get_in_each_others_way,
    keys_that_nobody_has_any_more_go,
    limits_that_cannot_be_meant_are_refused,
);

/// Counts how many of it run at once.
struct Crowd {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Worker for Crowd {
    type Args = ();
    fn kind(&self) -> &str {
        "crowd"
    }
    async fn work(&self, (): (), _: Context) -> Result<Done, Failed> {
        let here = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(here, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        Ok(Done::plain())
    }
}

/// Runs them all on two runners; how many ran at once at the most.
async fn crowd(bed: &Bed, jobs: Vec<NewJob>) -> usize {
    let count = jobs.len();
    bed.jobs.enqueue_many(jobs).await.expect("accepted");
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut runners = Vec::new();
    for _ in 0..2 {
        let crowd = Crowd { now: Arc::clone(&now), most: Arc::clone(&most) };
        let runner = Runner::new(bed.jobs.clone(), quick(Queue::new("default", 10).prefetch(5))).with(crowd);
        runners.push(runner.start(&bed.registry).await.expect("starts"));
    }
    let done = Filter { state: Some(State::Completed), ..Filter::default() };
    until("all are done", async || bed.jobs.list(&done, 1_000).await.expect("listed").len() == count).await;
    for runner in runners {
        runner.stop(Duration::from_secs(5)).await;
    }
    most.load(Ordering::SeqCst)
}

async fn no_more_with_one_key_run_at_once_than_may(bed: Bed) {
    let jobs = (0..60).map(|_| NewJob::new("crowd", &()).concurrency("tenant", 3)).collect();
    assert_eq!(crowd(&bed, jobs).await, 3, "as many as may, and no more");
}

async fn a_held_key_holds_up_nobody_else(bed: Bed) {
    let running = bed.start(5).await;
    let long = bed.add(order(&Order::Heed).concurrency("k", 1).priority(1)).await;
    bed.reaches(long, State::Running).await;
    let held: Vec<_> = (0..500).map(|_| complete().concurrency("k", 1).priority(1)).collect();
    let held = bed.jobs.enqueue_many(held).await.expect("accepted");
    let free = bed.add(complete().priority(10)).await;
    bed.reaches(free, State::Completed).await;
    assert!(bed.jobs.get(held[0].id).await.expect("there").held);
    bed.jobs.cancel(long).await.expect("told");
    // one after the other
    bed.reaches(held[99].id, State::Completed).await;
    running.stop(Duration::from_secs(5)).await;
}

async fn a_failed_holder_makes_room(bed: Bed) {
    let _running = bed.start(5).await;
    let retried = bed.add(order(&Order::Fail(1)).concurrency("k", 1)).await;
    bed.reaches(retried, State::Retryable).await;
    let other = bed.add(complete().concurrency("k", 1)).await;
    bed.reaches(other, State::Completed).await;
    bed.jobs.cancel(retried).await.expect("called off");
}

async fn no_more_of_a_queue_run_at_once_than_may(bed: Bed) {
    let limits = QueueLimits { max_running: Some(4), ..QueueLimits::default() };
    bed.jobs.set_limits("default", limits).await.expect("set");
    assert_eq!(bed.jobs.limits("default").await.expect("read"), limits);
    let jobs = (0..60).map(|_| NewJob::new("crowd", &())).collect();
    assert!(crowd(&bed, jobs).await <= 4);
}

async fn a_paused_queue_rests_until_it_goes_on(bed: Bed) {
    bed.jobs
        .set_limits("default", QueueLimits { paused: true, ..QueueLimits::default() })
        .await
        .expect("set");
    let running = bed.start(2).await;
    let id = bed.add(complete()).await;
    // a queue beside it is served: the runner is awake
    let other = bed.runner_of(Queue::new("other", 1)).start(&bed.registry).await.expect("starts");
    let elsewhere = bed.add(complete().queue("other")).await;
    bed.reaches(elsewhere, State::Completed).await;
    assert_eq!(bed.jobs.get(id).await.expect("there").state, State::Available);
    bed.jobs.set_limits("default", QueueLimits::default()).await.expect("set");
    bed.reaches(id, State::Completed).await;
    for running in [running, other] {
        running.stop(Duration::from_secs(5)).await;
    }
}

async fn a_rate_holds_over_all_workers(bed: Bed) {
    let rate = Rate { count: 50, period: Duration::from_secs(1), burst: 5 };
    bed.jobs
        .set_limits("default", QueueLimits { rate: Some(rate), ..QueueLimits::default() })
        .await
        .expect("set");
    let jobs = (0..40).map(|_| NewJob::new("crowd", &())).collect();
    crowd(&bed, jobs).await;
    let jobs = bed.jobs.list(&Filter::default(), 100).await.expect("listed");
    let mut starts: Vec<i64> =
        jobs.iter().filter_map(|job| job.started_at).map(|at| at.as_micros()).collect();
    starts.sort_unstable();
    for (from, first) in starts.iter().enumerate() {
        for (to, last) in starts.iter().enumerate().skip(from) {
            let allowed = (last - first) as f64 / 1e6 * 50.0 + 5.0 + 1.0;
            assert!((to - from + 1) as f64 <= allowed, "{} starts within {} us", to - from + 1, last - first);
        }
    }
}

async fn a_place_that_becomes_free_is_taken_at_once(bed: Bed) {
    let limits = QueueLimits { max_running: Some(2), ..QueueLimits::default() };
    bed.jobs.set_limits("default", limits).await.expect("set");
    let jobs: Vec<_> = (0..30).map(|_| NewJob::new("crowd", &())).collect();
    let made = bed.jobs.enqueue_many(jobs).await.expect("accepted");
    // by polling alone this would take 15 times 30 s
    let settings = RunnerSettings { poll: Duration::from_secs(30), ..quick(Queue::new("default", 10)) };
    let crowd = Crowd { now: Arc::default(), most: Arc::default() };
    let runner = Runner::new(bed.jobs.clone(), settings).with(crowd);
    let running = runner.start(&bed.registry).await.expect("starts");
    for made in made {
        bed.reaches(made.id, State::Completed).await;
    }
    running.stop(Duration::from_secs(5)).await;
}

/// Whoever enqueues holds a parent and wants a key; whoever records holds the parent and wants the same key.
async fn keys_and_dependencies_do_not_get_in_each_others_way(bed: Bed) {
    let keyed = || complete().concurrency("k", 3);
    let parents = (0..150).map(|_| keyed()).collect();
    let parents = bed.jobs.enqueue_many(parents).await.expect("accepted");
    let runners = [bed.start(5).await, bed.start(5).await];
    let mut calls = Vec::new();
    for some in parents.chunks(3) {
        let on: Vec<i64> = some.iter().map(|made| made.id).collect();
        let jobs = bed.jobs.clone();
        let job = keyed().depends_on(DependsOn::all(on));
        calls.push(tokio::spawn(async move { jobs.enqueue(job).await }));
    }
    for call in calls {
        let child = call.await.expect("no panic").expect("nobody waits in a ring").id;
        bed.reaches(child, State::Completed).await;
    }
    for running in runners {
        running.stop(Duration::from_secs(5)).await;
    }
}

async fn keys_that_nobody_has_any_more_go(bed: Bed) {
    let done = bed.add(complete().concurrency("done", 1)).await;
    let later = bed.add(complete().concurrency("later", 1).after(Duration::from_secs(3_600))).await;
    let first = bed.start(2).await;
    bed.reaches(done, State::Completed).await;
    first.stop(Duration::from_secs(5)).await;
    // a new runner tidies up at its beginning
    let second = bed.start(2).await;
    let keys = async || {
        let rows = bed.jobs.store().fetch_all(Query::new("SELECT key FROM job_keys ORDER BY key")).await;
        let rows = rows.expect("read");
        rows.iter().map(|row| row.get::<String>("key").expect("a text")).collect::<Vec<_>>()
    };
    until("the used one is gone", async || keys().await == ["later"]).await;
    bed.jobs.retry_now(later).await.expect("let go");
    bed.reaches(later, State::Completed).await;
    second.stop(Duration::from_secs(5)).await;
}

async fn limits_that_cannot_be_meant_are_refused(bed: Bed) {
    let month = Duration::from_secs(30 * 86_400);
    for (count, period, burst) in [
        (0, month, 1),
        (1, month, 0),
        (1, Duration::ZERO, 1),
        (1, month + Duration::from_secs(1), 1),
        (1, Duration::MAX, u32::MAX),
        (1, month, u32::MAX),
    ] {
        let limits = QueueLimits { rate: Some(Rate { count, period, burst }), ..QueueLimits::default() };
        let refused = bed.jobs.set_limits("default", limits).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "rate", .. })), "{limits:?}: {refused:?}");
    }
}

/// While a place becomes free, somebody has the row of the one who waits for it: it is passed over, but not for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_passed_over_gets_a_place_all_the_same() {
    let bed = Bed::postgres().await;
    let running = bed.start(5).await;
    let first = bed.add(order(&Order::Heed).concurrency("k", 1)).await;
    bed.reaches(first, State::Running).await;
    let second = bed.add(complete().concurrency("k", 1)).await;
    let (locked, told) = tokio::sync::oneshot::channel();
    let (unlock, asked) = tokio::sync::oneshot::channel::<()>();
    let store = bed.jobs.store().clone();
    let holding = tokio::spawn(async move {
        let held: Result<(), Error> = store
            .write(move |tx| {
                Box::pin(async move {
                    let query = Query::new("SELECT id FROM jobs WHERE id = $1 FOR UPDATE").bind(second);
                    tx.fetch_one(query).await?;
                    let _ = locked.send(());
                    let _ = asked.await;
                    Ok(())
                })
            })
            .await;
        held
    });
    told.await.expect("locked");
    bed.jobs.cancel(first).await.expect("told");
    bed.reaches(first, State::Cancelled).await;
    assert!(bed.jobs.get(second).await.expect("there").held, "passed over");
    drop(unlock);
    holding.await.expect("no panic").expect("unlocked");
    bed.reaches(second, State::Completed).await;
    running.stop(Duration::from_secs(5)).await;
}
