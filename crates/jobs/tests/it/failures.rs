use crate::harness::{Bed, Order, complete, order, until};
use seaworthy_core::{ErrorCode, Secret};
use seaworthy_jobs::runner::Queue;
use seaworthy_jobs::{Filter, Jobs, Retry, Settings, State};
use seaworthy_store::testing::{Database, Wire};
use seaworthy_store::{Backend, Options, Query, Store};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

crate::on_both!(
    a_worker_that_vanishes_loses_its_jobs_to_others,
    a_job_that_kills_its_workers_becomes_a_dead_letter,
    a_stop_gives_back_without_costing_an_attempt,
    a_stop_lets_finish_what_runs,
    a_cancellation_survives_the_loss_of_the_worker,
    a_claim_whose_answer_is_lost_comes_back,
    what_the_database_refuses_is_insisted_on_and_holds_up_nobody,
);

async fn a_worker_that_vanishes_loses_its_jobs_to_others(bed: Bed) {
    let vanishing = bed.start(3).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        // its second attempt completes
        ids.push(bed.add(order(&Order::Snooze(3_600_000))).await);
    }
    let hanging = bed.add(order(&Order::Ignore).timeout(Duration::from_secs(3_000))).await;
    bed.reaches(hanging, State::Running).await;
    drop(vanishing);
    let other = bed.start(3).await;
    let job = bed.reaches(hanging, State::Retryable).await;
    assert_eq!(job.error.expect("why").0, "lost");
    assert_eq!(job.attempt, 1, "the lost attempt counts");
    assert_eq!(bed.jobs.attempts(hanging).await.expect("read")[0].outcome, "lost");
    bed.jobs.cancel(hanging).await.expect("called off");
    other.stop(Duration::from_secs(5)).await;
}

async fn a_job_that_kills_its_workers_becomes_a_dead_letter(bed: Bed) {
    let victim = bed.start(1).await;
    let id = bed.add(order(&Order::Ignore).retry(Retry::never())).await;
    bed.reaches(id, State::Running).await;
    drop(victim);
    let _other = bed.start(1).await;
    let job = bed.reaches(id, State::Discarded).await;
    assert_eq!(job.error_signature.as_deref(), Some("lost: its worker was gone before it ended"));
}

async fn a_stop_gives_back_without_costing_an_attempt(bed: Bed) {
    let running =
        bed.runner_of(Queue::new("default", 2).prefetch(10)).start(&bed.registry).await.expect("starts");
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(bed.add(order(&Order::Heed)).await);
    }
    until("all are in hand", async || running.in_hand() == 8).await;
    assert_eq!(running.stop(Duration::from_millis(50)).await, 2, "two had to be told");
    for id in &ids {
        let job = bed.jobs.get(*id).await.expect("there");
        // given back as due; the promoter may have come by already
        assert!(matches!(job.state, State::Scheduled | State::Available) && job.attempt == 0, "{job:?}");
        assert!(bed.jobs.attempts(*id).await.expect("read").is_empty());
    }
    let next = bed.start(8).await;
    for id in ids {
        bed.reaches(id, State::Running).await;
        bed.jobs.cancel(id).await.expect("told");
        bed.reaches(id, State::Cancelled).await;
    }
    next.stop(Duration::from_secs(5)).await;
}

async fn a_stop_lets_finish_what_runs(bed: Bed) {
    let running = bed.start(4).await;
    let id = bed.add(order(&Order::Sleep(300))).await;
    // a job in hand that is not begun yet would be given back
    until("it has been begun", async || bed.seen_ids() == [id]).await;
    assert_eq!(running.stop(Duration::from_secs(30)).await, 0);
    assert_eq!(bed.jobs.get(id).await.expect("there").state, State::Completed);
}

async fn a_cancellation_survives_the_loss_of_the_worker(bed: Bed) {
    let vanishing = bed.start(1).await;
    let id = bed.add(order(&Order::Ignore)).await;
    bed.reaches(id, State::Running).await;
    drop(vanishing);
    bed.jobs.cancel(id).await.expect("told");
    let _other = bed.start(1).await;
    bed.reaches(id, State::Cancelled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_down_jobs_finish_and_their_ends_are_recorded_when_it_is_back() {
    let options = Options { acquire_timeout: Duration::from_millis(500), ..Options::default() };
    let mut bed = Bed::with(Database::postgres(), options, Settings::default()).await;
    let running = bed.start(5).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(bed.add(order(&Order::Sleep(300))).await);
    }
    for id in &ids {
        bed.reaches(*id, State::Running).await;
    }
    bed.database.server().expect("a server").kill();
    let error = bed.jobs.enqueue(complete()).await.expect_err("nobody is there");
    assert_eq!(error.code(), ErrorCode::Unavailable, "{error}");
    until("the attempts have ended", async || running.in_hand() == 0).await;
    bed.database.server().expect("a server").run();
    for id in ids {
        let job = bed.reaches(id, State::Completed).await;
        assert_eq!(job.attempt, 1, "nothing was run twice");
    }
    let after = bed.add(complete()).await;
    bed.reaches(after, State::Completed).await;
    running.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_jobs_and_loses_none() {
    let options = Options { max_pages: Some(120), ..Options::default() };
    let bed = Bed::with(Database::sqlite(), options, Settings::default()).await;
    let mut accepted = Vec::new();
    let error = loop {
        let filler = order(&Order::Complete("x".repeat(20_000).into()));
        match bed.jobs.enqueue(filler).await {
            Ok(made) => accepted.push(made.id),
            Err(error) => break error,
        }
        assert!(accepted.len() < 1_000, "120 pages are enough for ever");
    };
    assert_eq!(error.code(), ErrorCode::Unavailable, "{error}");
    assert!(error.to_string().contains("full"), "{error}");
    let there = bed.jobs.list(&Filter::default(), 1_000).await.expect("listed");
    assert_eq!(there.len(), accepted.len(), "nothing is half there");
}

/// The clock of the database is put forward by a day and back by two while jobs run: every lease looks as if it had
/// lapsed, and none has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_loses_nothing() {
    let clock = Jumping::new();
    let options = Options { clock: Some(Arc::new(clock.clone())), ..Options::default() };
    let bed = Bed::with(Database::sqlite(), options, Settings::default()).await;
    let running = bed.start(4).await;
    // a single attempt: whoever loses his lease to the clock is a dead letter
    let jobs: Vec<_> = (0..60).map(|_| order(&Order::Sleep(120)).retry(Retry::never())).collect();
    let made = bed.jobs.enqueue_many(jobs).await.expect("accepted");
    for jump in [86_400, -172_800, 3_600, 172_800] {
        clock.jump(jump);
        // a look for lapsed leases and more
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    for made in made {
        bed.reaches(made.id, State::Completed).await;
    }
    running.stop(Duration::from_secs(5)).await;
}

#[derive(Clone)]
struct Jumping(Arc<std::sync::atomic::AtomicI64>);

impl Jumping {
    fn new() -> Self {
        Self(Arc::default())
    }
    fn jump(&self, seconds: i64) {
        self.0.fetch_add(seconds, std::sync::atomic::Ordering::SeqCst);
    }
}

impl seaworthy_core::Clock for Jumping {
    fn now(&self) -> std::time::Instant {
        std::time::Instant::now()
    }
    fn wall(&self) -> SystemTime {
        let off = self.0.load(std::sync::atomic::Ordering::SeqCst);
        let step = Duration::from_secs(off.unsigned_abs());
        if off < 0 { SystemTime::now() - step } else { SystemTime::now() + step }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_transaction_pooler_everything_works_by_polling() {
    let server = seaworthy_store::testing::Postgres::start();
    let bouncer = seaworthy_store::testing::PgBouncer::start(&server);
    let url = seaworthy_core::Secret::new(bouncer.url("postgres"));
    let store = seaworthy_store::Store::open(&url, Options::default()).await.expect("opens");
    assert!(store.is_pooled());
    let mut bed = Bed::sqlite().await;
    bed.jobs = seaworthy_jobs::Jobs::open(store, Settings::default()).await.expect("opens");
    let running = [bed.start(5).await, bed.start(5).await];
    let jobs: Vec<_> = (0..300).map(|n| order(&Order::Fail(u32::from(n % 10 == 0)))).collect();
    let soon = Retry {
        max_attempts: 3,
        backoff: seaworthy_jobs::retry::Backoff::Fixed { delay: Duration::from_millis(10) },
        jitter: 0.0,
    };
    let jobs = jobs.into_iter().map(|job| job.retry(soon.clone()).concurrency("k", 7)).collect();
    for made in bed.jobs.enqueue_many(jobs).await.expect("accepted") {
        bed.reaches(made.id, State::Completed).await;
    }
    let hanging = bed.add(order(&Order::Heed)).await;
    bed.reaches(hanging, State::Running).await;
    bed.jobs.cancel(hanging).await.expect("told");
    bed.reaches(hanging, State::Cancelled).await;
    for running in running {
        running.stop(Duration::from_secs(5)).await;
    }
}

/// A trigger stands for whatever a database may have against a row.
async fn what_the_database_refuses_is_insisted_on_and_holds_up_nobody(bed: Bed) {
    let (refused, fine) = (bed.add(complete()).await, bed.add(complete()).await);
    let store = bed.jobs.store();
    let when =
        format!("BEFORE UPDATE ON jobs FOR EACH ROW WHEN (OLD.state = 'running' AND OLD.id = {refused})");
    let trigger = match store.backend() {
        Backend::Sqlite => format!("CREATE TRIGGER refuse {when} BEGIN SELECT RAISE(ABORT, 'no'); END"),
        Backend::Postgres => {
            let function = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN RAISE EXCEPTION ''no''; END'";
            store.execute(Query::new(function)).await.expect("made");
            format!("CREATE TRIGGER refuse {when} EXECUTE FUNCTION refuse()")
        }
    };
    store.execute(Query::assembled(trigger)).await.expect("made");
    let running = bed.start(2).await;
    bed.reaches(fine, State::Completed).await;
    until("it is told", async || bed.registry.render().contains("jobs_unrecorded_total 1")).await;
    let after = bed.add(complete()).await;
    bed.reaches(after, State::Completed).await;
    assert_eq!(bed.jobs.get(refused).await.expect("there").state, State::Running);
    let drop = match store.backend() {
        Backend::Sqlite => "DROP TRIGGER refuse",
        Backend::Postgres => "DROP TRIGGER refuse ON jobs",
    };
    store.execute(Query::new(drop)).await.expect("dropped");
    let job = bed.reaches(refused, State::Discarded).await;
    assert_eq!(job.error.expect("why").0, "unrecordable");
    assert_eq!(bed.seen_ids().iter().filter(|id| **id == refused).count(), 1, "it ran once");
    running.stop(Duration::from_secs(5)).await;
}

/// A bed whose runner reaches PostgreSQL by a wire that can be disturbed, and ourselves by another way.
async fn wired() -> (Bed, Wire, Jobs) {
    let mut bed = Bed::postgres().await;
    let wire = Wire::to(bed.database.server().expect("a server")).await;
    let url = Secret::new(wire.url("postgres"));
    let store = Store::open(&url, Options::default()).await.expect("opens");
    let theirs = Jobs::open(store, Settings::default()).await.expect("opens");
    (bed, wire, theirs)
}

/// Everything that the database was told while it stood still is done at once afterwards, looks for lapsed leases too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stands_still_costs_nobody_his_jobs() {
    let (mut bed, wire, theirs) = wired().await;
    let ours = std::mem::replace(&mut bed.jobs, theirs);
    let runners = [bed.start(2).await, bed.start(2).await];
    bed.jobs = ours;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(bed.add(order(&Order::Sleep(4_000)).retry(Retry::never())).await);
    }
    for id in &ids {
        bed.reaches(*id, State::Running).await;
    }
    wire.stall(true);
    // longer than the lease
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    wire.stall(false);
    for id in ids {
        bed.reaches(id, State::Completed).await;
    }
    for running in runners {
        running.stop(Duration::from_secs(5)).await;
    }
}

/// What the answer to a claim leaves behind that was lost on its way.
async fn a_claim_whose_answer_is_lost_comes_back(bed: Bed) {
    let running = bed.start(2).await;
    let known = bed.add(order(&Order::Heed)).await;
    bed.reaches(known, State::Running).await;
    let lost = bed.add(complete().queue("elsewhere").concurrency("k", 1)).await;
    let claim =
        "UPDATE jobs SET state = 'running', worker = $1, attempt = 1, fence = fence + 1, started_at = $2
        WHERE id = $3";
    let store = bed.jobs.store();
    let claim = Query::new(claim).bind(running.worker()).bind(store.now()).bind(lost);
    assert_eq!(store.execute(claim).await.expect("taken"), 1);
    let job = bed.reaches(lost, State::Available).await;
    assert_eq!((job.attempt, job.held), (0, false), "as if it had not been taken");
    let other = bed.runner_of(Queue::new("elsewhere", 1)).start(&bed.registry).await.expect("starts");
    bed.reaches(lost, State::Completed).await;
    assert_eq!(bed.jobs.get(known).await.expect("there").attempt, 1, "what runs goes on");
    bed.jobs.cancel(known).await.expect("told");
    bed.reaches(known, State::Cancelled).await;
    for running in [running, other] {
        running.stop(Duration::from_secs(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_begun_on_a_lease_that_has_lapsed() {
    let options = Options { acquire_timeout: Duration::from_millis(500), ..Options::default() };
    let mut bed = Bed::with(Database::postgres(), options, Settings::default()).await;
    // before it starts: its first look takes both
    let first = bed.add(order(&Order::Sleep(8_000)).priority(1)).await;
    let second = bed.add(complete()).await;
    let running =
        bed.runner_of(Queue::new("default", 1).prefetch(1)).start(&bed.registry).await.expect("starts");
    until("both are in hand", async || running.in_hand() == 2).await;
    until("the first has been begun", async || bed.seen_ids() == [first]).await;
    bed.database.server().expect("a server").kill();
    until("the first is over", async || running.in_hand() == 0).await;
    assert_eq!(bed.seen_ids(), [first], "the other may be somebody else's by now");
    bed.database.server().expect("a server").run();
    assert_eq!(bed.reaches(second, State::Completed).await.attempt, 1);
    running.stop(Duration::from_secs(5)).await;
}
