//! Dead letters: found, mended, brought back.

mod files;
mod redrives;

use crate::harness::{Bed, Order, complete, order, until};
use seaworthy_core::ErrorCode;
use seaworthy_core::clock::ManualClock;
use seaworthy_core::trace::TraceContext;
use seaworthy_jobs::dead::{DeadFilter, DeadLetters, Parked, Pick, Replay};
use seaworthy_jobs::runner::Queue;
use seaworthy_jobs::{Callback, Error, NewJob, QueueLimits, Retry, Settings, State, UniqueScope};
use seaworthy_store::Options;
use seaworthy_store::testing::Database;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

crate::on_both!(
    groups_have_what_their_letters_have_in_common,
    a_letter_that_is_mended_runs_again_with_all_its_policies,
    a_fresh_key_is_a_fresh_key,
    who_lost_its_unique_key_stays_until_it_is_free,
    a_sample_is_a_sample,
    parked_letters_are_left_alone,
    poison_is_parked_and_holds_up_nobody,
    a_purge_takes_what_it_was_told_to,
    a_batch_is_finished_once,
    what_waits_for_its_time_may_run_now,
    a_pause_leaves_the_other_limits_as_they_are,
);

pub(super) const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn door(bed: &Bed) -> DeadLetters {
    DeadLetters::new(bed.jobs.clone())
}

pub(super) fn fails(code: &str) -> NewJob {
    let order = order(&Order::FailWith { code: code.to_owned(), retry_after_ms: 0 });
    order.retry(Retry::never())
}

/// Lets jobs die; their numbers.
pub(super) async fn die(bed: &Bed, jobs: Vec<NewJob>) -> Vec<i64> {
    let mut ids = Vec::new();
    for job in jobs {
        ids.push(bed.add(job).await);
    }
    let running = bed.start(8).await;
    for id in &ids {
        bed.reaches(*id, State::Discarded).await;
    }
    running.stop(Duration::from_secs(5)).await;
    ids
}

fn text(order: &Order) -> String {
    serde_json::to_string(order).expect("JSON")
}

async fn groups_have_what_their_letters_have_in_common(bed: Bed) {
    let mut jobs = Vec::new();
    for (code, count) in [("a", 3), ("b", 2), ("c", 2), ("d", 1)] {
        jobs.extend((0..count).map(|_| fails(code)));
    }
    let ids = die(&bed, jobs).await;
    let dead = door(&bed);
    let all = DeadFilter::default();
    let mut told = Vec::new();
    let mut after = None;
    loop {
        let page = dead.groups(&all, after.as_ref(), 2).await.expect("read");
        let Some(last) = page.last() else { break };
        after = Some(last.cursor());
        told.extend(page);
    }
    let counts: Vec<_> = told.iter().map(|group| (group.signature.as_str(), group.count)).collect();
    assert_eq!(counts, [("a: told", 3), ("b: told", 2), ("c: told", 2), ("d: told", 1)]);
    let first = &told[0];
    assert_eq!(
        (first.queues.as_slice(), first.kinds.as_slice()),
        (&["default".to_owned()][..], &["obey".to_owned()][..])
    );
    assert_eq!(first.sample, ("a".to_owned(), "told".to_owned()));
    assert!(first.first_seen <= first.last_seen && ids[..3].contains(&first.example));
    let only = |filter: DeadFilter| {
        let dead = dead.clone();
        async move { dead.list(&filter, None, 100).await.expect("read").len() }
    };
    assert_eq!(only(DeadFilter { code: Some("b".to_owned()), ..all.clone() }).await, 2);
    assert_eq!(only(DeadFilter { signature: Some("c: told".to_owned()), ..all.clone() }).await, 2);
    assert_eq!(only(DeadFilter { queue: Some("elsewhere".to_owned()), ..all.clone() }).await, 0);
    assert_eq!(only(DeadFilter { kind: Some("obey".to_owned()), ..all.clone() }).await, 8);
    let now = bed.jobs.store().now();
    assert_eq!(only(DeadFilter { since: Some(now.plus(DAY)), ..all.clone() }).await, 0);
    assert_eq!(
        only(DeadFilter { since: Some(now.minus(DAY)), until: Some(now.plus(DAY)), ..all.clone() }).await,
        8
    );
    let page = dead.list(&all, Some(ids[2]), 100).await.expect("read");
    assert_eq!(page.iter().map(|job| job.id).collect::<Vec<_>>(), [ids[1], ids[0]]);
    let letter = dead.inspect(ids[0]).await.expect("a letter");
    assert_eq!(letter.attempts.len(), 1);
    let waiting = bed.add(complete()).await;
    assert!(matches!(dead.inspect(waiting).await, Err(Error::State { .. })));
}

async fn a_letter_that_is_mended_runs_again_with_all_its_policies(bed: Bed) {
    let trace = TraceContext::generate(true);
    let retry = Retry { max_attempts: 7, ..Retry::default() };
    let job = order(&Order::FailForGood).priority(2).retry(retry).timeout(Duration::from_secs(77));
    let job = job.concurrency("k", 3).unique("u", UniqueScope::WhileUnfinished).metadata("tenant", "t1");
    let id = die(&bed, vec![job.tag("urgent").trace(trace)]).await[0];
    let (dead, before) = (door(&bed), bed.jobs.get(id).await.expect("there"));
    assert!(matches!(dead.edit(id, "{", "ann").await, Err(Error::Invalid { field: "payload", .. })));
    let mended = text(&Order::Complete(7.into()));
    dead.edit(id, mended.as_str(), "ann").await.expect("edited");
    let edits = dead.inspect(id).await.expect("a letter").edits;
    let told: Vec<_> =
        edits.iter().map(|e| (e.editor.as_str(), e.before.as_str(), e.after.as_str())).collect();
    assert_eq!(told, [("ann", before.payload.as_str(), mended.as_str())]);
    dead.replay(id, &Replay::default()).await.expect("brought back");
    assert!(matches!(dead.edit(id, "1", "ann").await, Err(Error::State { .. })), "it is alive");
    assert!(matches!(dead.replay(id, &Replay::default()).await, Err(Error::State { .. })));
    let waiting = bed.jobs.get(id).await.expect("there");
    assert_eq!((waiting.state, waiting.attempt, waiting.replays), (State::Available, 0, 1));
    let twin = complete().unique("u", UniqueScope::WhileUnfinished);
    assert!(bed.jobs.enqueue(twin).await.expect("answered").duplicate, "its key is its own again");
    let running = bed.start(1).await;
    let after = bed.reaches(id, State::Completed).await;
    running.stop(Duration::from_secs(5)).await;
    assert_eq!((after.attempt, after.result.as_deref()), (1, Some("7")));
    let kept = |job: &seaworthy_jobs::Job| {
        let limits = (job.priority, job.max_attempts, job.concurrency_key.clone(), job.unique_key.clone());
        let labels = (job.metadata.clone(), job.tags.clone(), job.traceparent.clone());
        (limits, labels, job.queue.clone(), job.created_at)
    };
    assert_eq!(kept(&after), kept(&before));
    let columns = "SELECT timeout_us, retry FROM jobs WHERE id = $1";
    let row = bed.jobs.store().fetch_one(seaworthy_store::Query::new(columns).bind(id)).await.expect("there");
    assert_eq!(row.get::<i64>("timeout_us").expect("a number"), 77_000_000);
    assert!(row.get::<String>("retry").expect("a text").contains("\"max_attempts\":7"));
    let keys: HashSet<_> = bed.seen().into_iter().map(|seen| seen.2).collect();
    assert_eq!(keys.len(), 1, "the same job has the same key: {keys:?}");
}

async fn a_fresh_key_is_a_fresh_key(bed: Bed) {
    let id = die(&bed, vec![fails("a")]).await[0];
    let how = Replay { fresh_key: true, ..Replay::default() };
    for _ in 0..2 {
        door(&bed).replay(id, &how).await.expect("brought back");
        let running = bed.start(1).await;
        bed.reaches(id, State::Discarded).await;
        running.stop(Duration::from_secs(5)).await;
    }
    let keys: HashSet<_> = bed.seen().into_iter().map(|seen| seen.2).collect();
    assert_eq!(keys.len(), 3, "{keys:?}");
}

async fn who_lost_its_unique_key_stays_until_it_is_free(bed: Bed) {
    let unique = |job: NewJob| job.unique("u", UniqueScope::WhileUnfinished);
    let id = die(&bed, vec![unique(fails("a"))]).await[0];
    let other = bed.add(unique(complete()).after(DAY)).await;
    let error = door(&bed).replay(id, &Replay::default()).await.expect_err("taken");
    assert_eq!(error.code(), ErrorCode::Conflict);
    assert!(error.to_string().contains(&format!("job {other} has its unique key")), "{error}");
    let sample = door(&bed).replay_sample(&DeadFilter::default(), 9, Pick::Oldest, &Replay::default()).await;
    let sample = sample.expect("answered");
    assert_eq!((sample.back.len(), sample.refused[0].0), (0, id));
    bed.jobs.cancel(other).await.expect("called off");
    door(&bed).replay(id, &Replay::default()).await.expect("free again");
    // of two that died with one key, one comes back
    let twin = die(&bed, vec![unique(fails("a"))]).await;
    assert!(twin[0] == id, "the key is taken: it is the same job");
}

async fn a_sample_is_a_sample(bed: Bed) {
    let unique = || fails("twin").unique("u", UniqueScope::WhileUnfinished);
    let ids = die(&bed, (0..10).map(|_| fails("a")).collect()).await;
    let (first, second) = (die(&bed, vec![unique()]).await[0], die(&bed, vec![unique()]).await[0]);
    let dead = door(&bed);
    let a = DeadFilter { code: Some("a".to_owned()), ..DeadFilter::default() };
    let elsewhere = Replay { queue: Some("elsewhere".to_owned()), ..Replay::default() };
    let sample = dead.replay_sample(&a, 3, Pick::Random, &elsewhere).await.expect("answered");
    assert_eq!(sample.back.len(), 3);
    for id in &sample.back {
        let job = bed.jobs.get(*id).await.expect("there");
        assert!(ids.contains(id) && job.queue == "elsewhere" && job.state == State::Available, "{job:?}");
    }
    let oldest = dead.replay_sample(&a, 2, Pick::Oldest, &elsewhere).await.expect("answered").back;
    let rest: Vec<_> = ids.iter().filter(|id| !sample.back.contains(id)).copied().collect();
    assert_eq!(oldest, rest[..2]);
    let twins = DeadFilter { code: Some("twin".to_owned()), ..DeadFilter::default() };
    let both = dead.replay_sample(&twins, 9, Pick::Oldest, &Replay::default()).await.expect("answered");
    assert_eq!((both.back, both.refused[0].0), (vec![first], second), "one key, one of them");
}

async fn parked_letters_are_left_alone(bed: Bed) {
    let ids = die(&bed, (0..4).map(|_| fails("a")).collect()).await;
    let dead = door(&bed);
    assert!(matches!(dead.park(ids[0], " ").await, Err(Error::Invalid { field: "reason", .. })));
    dead.park(ids[0], "waits for the vendor").await.expect("parked");
    let all = DeadFilter::default();
    assert_eq!(dead.groups(&all, None, 10).await.expect("read")[0].count, 3);
    let only = DeadFilter { parked: Parked::Only, ..all.clone() };
    let parked = dead.list(&only, None, 10).await.expect("read");
    assert_eq!(parked[0].parked.as_deref(), Some("waits for the vendor"));
    let error = dead.replay(ids[0], &Replay::default()).await.expect_err("parked");
    assert!(error.to_string().contains("it is parked: waits for the vendor"), "{error}");
    let sample = dead.replay_sample(&all, 9, Pick::Oldest, &Replay::default()).await.expect("answered");
    assert_eq!(sample.back, ids[1..]);
    assert!(dead.replay_sample(&only, 9, Pick::Oldest, &Replay::default()).await.is_err());
    dead.unpark(ids[0]).await.expect("unparked");
    assert_eq!(dead.list(&all, None, 10).await.expect("read").len(), 1);
    assert_eq!(dead.park_all(&all, "all of it").await.expect("parked"), 1);
    dead.replay(ids[0], &Replay { force: true, ..Replay::default() }).await.expect("forced");
    assert_eq!(bed.jobs.get(ids[0]).await.expect("there").parked, None);
    assert!(matches!(dead.unpark(ids[0]).await, Err(Error::State { .. })), "it is alive");
}

async fn poison_is_parked_and_holds_up_nobody(bed: Bed) {
    let id = die(&bed, vec![fails("a").concurrency("k", 1).priority(1)]).await[0];
    let dead = door(&bed);
    let running = bed.start(1).await;
    for replay in 1..=3 {
        dead.replay(id, &Replay::default()).await.expect("brought back");
        // it is in front of this one, with the same key
        let behind = bed.add(complete().concurrency("k", 1)).await;
        bed.reaches(behind, State::Completed).await;
        let job = bed.reaches(id, State::Discarded).await;
        assert_eq!((job.replays, job.parked.is_some()), (replay, replay == 3), "{job:?}");
    }
    assert!(dead.groups(&DeadFilter::default(), None, 10).await.expect("read").is_empty());
    let error = dead.replay(id, &Replay::default()).await.expect_err("poison");
    assert_eq!(error.code(), ErrorCode::Conflict, "{error}");
    dead.unpark(id).await.expect("unparked");
    let error = dead.replay(id, &Replay::default()).await.expect_err("still poison");
    assert!(error.to_string().contains("3 replays"), "{error}");
    dead.replay(id, &Replay { force: true, ..Replay::default() }).await.expect("forced");
    let job = bed.reaches(id, State::Discarded).await;
    assert_eq!((job.replays, job.parked.as_deref()), (4, Some("died again after its last replay")));
    running.stop(Duration::from_secs(5)).await;
}

async fn a_purge_takes_what_it_was_told_to(bed: Bed) {
    let ids = die(&bed, vec![fails("a"), fails("b"), fails("a"), fails("a")]).await;
    let (dead, waiting) = (door(&bed), bed.add(complete()).await);
    dead.park(ids[3], "kept").await.expect("parked");
    dead.edit(ids[0], "1", "ann").await.expect("edited");
    let a = DeadFilter { code: Some("a".to_owned()), ..DeadFilter::default() };
    assert_eq!(dead.purge(&a).await.expect("purged"), 2);
    let mut there = BTreeSet::new();
    for id in ids.iter().chain([&waiting]) {
        if bed.jobs.get(*id).await.is_ok() {
            there.insert(*id);
        }
    }
    assert_eq!(there, BTreeSet::from([ids[1], ids[3], waiting]));
    assert!(bed.jobs.attempts(ids[0]).await.expect("read").is_empty());
}

async fn a_batch_is_finished_once(bed: Bed) {
    let callback = Callback {
        kind: "obey".into(),
        queue: "default".into(),
        payload: serde_json::json!({ "complete": 1 }),
    };
    let batch = bed.jobs.begin_batch(None, Some(callback)).await.expect("begun");
    let id = bed.add(fails("a").batch(batch)).await;
    bed.jobs.seal_batch(batch).await.expect("sealed");
    let running = bed.start(2).await;
    until("the batch is finished", async || bed.jobs.batch(batch).await.expect("there").callback.is_some())
        .await;
    let before = bed.jobs.batch(batch).await.expect("there");
    door(&bed).edit(id, text(&Order::Complete(1.into())), "ann").await.expect("edited");
    door(&bed).replay(id, &Replay::default()).await.expect("brought back");
    let after = bed.reaches(id, State::Completed).await;
    assert_eq!(after.batch, Some(batch));
    let later = bed.add(complete()).await;
    bed.reaches(later, State::Completed).await;
    assert_eq!(bed.jobs.batch(batch).await.expect("there"), before);
    running.stop(Duration::from_secs(5)).await;
}

async fn what_waits_for_its_time_may_run_now(bed: Bed) {
    let hours = Retry { backoff: seaworthy_jobs::retry::Backoff::Fixed { delay: DAY }, ..Retry::default() };
    let retryable = bed.add(order(&Order::Fail(1)).retry(hours).concurrency("k", 1)).await;
    let scheduled = bed.add(complete().after(DAY)).await;
    let running = bed.start(2).await;
    bed.reaches(retryable, State::Retryable).await;
    for id in [retryable, scheduled] {
        bed.jobs.retry_now(id).await.expect("let go");
        bed.reaches(id, State::Completed).await;
        assert!(matches!(bed.jobs.retry_now(id).await, Err(Error::State { .. })));
    }
    assert!(matches!(bed.jobs.retry_now(-1).await, Err(Error::NotFound { .. })));
    running.stop(Duration::from_secs(5)).await;
}

async fn a_pause_leaves_the_other_limits_as_they_are(bed: Bed) {
    let limits = QueueLimits { max_running: Some(4), ..QueueLimits::default() };
    bed.jobs.set_limits("default", limits).await.expect("set");
    bed.jobs.pause_queue("default").await.expect("paused");
    assert_eq!(bed.jobs.limits("default").await.expect("read"), QueueLimits { paused: true, ..limits });
    bed.jobs.resume_queue("default").await.expect("goes on");
    assert_eq!(bed.jobs.limits("default").await.expect("read"), limits);
    bed.jobs.pause_queue("fresh").await.expect("paused");
    assert!(bed.jobs.limits("fresh").await.expect("read").paused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_ones_are_kept_longer_on_sqlite() {
    parked_ones_are_kept_longer(Database::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_ones_are_kept_longer_on_postgres() {
    parked_ones_are_kept_longer(Database::postgres()).await;
}

async fn parked_ones_are_kept_longer(database: Database) {
    let clock = ManualClock::at(SystemTime::now());
    let options = Options { clock: Some(Arc::new(clock.clone())), ..Options::default() };
    let bed = Bed::with(database, options, Settings::default()).await;
    let ids = die(&bed, (0..3).map(|_| fails("a")).collect()).await;
    let there = async |id| bed.jobs.get(id).await.is_ok();
    let dead = door(&bed);
    for id in &ids[..2] {
        dead.park(*id, "kept").await.expect("parked");
    }
    clock.advance(8 * DAY);
    dead.unpark(ids[1]).await.expect("unparked");
    let running = bed.start(1).await;
    until("the others' time is over", async || !there(ids[2]).await).await;
    assert!(there(ids[0]).await && there(ids[1]).await, "seven days from when it was unparked");
    running.stop(Duration::from_secs(5)).await;
    clock.advance(8 * DAY);
    let running = bed.start(1).await;
    until("the unparked one's time is over", async || !there(ids[1]).await).await;
    assert!(there(ids[0]).await);
    running.stop(Duration::from_secs(5)).await;
    clock.advance(15 * DAY);
    let running = bed.start(1).await;
    until("the parked one's time is over", async || !there(ids[0]).await).await;
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_kills_its_worker_after_its_last_replay_is_parked() {
    for database in [Database::sqlite(), Database::postgres()] {
        let settings = Settings { max_replays: 1, ..Settings::default() };
        let bed = Bed::with(database, Options::default(), settings).await;
        let id = die(&bed, vec![fails("a")]).await[0];
        door(&bed).edit(id, text(&Order::Ignore), "ann").await.expect("edited");
        door(&bed).replay(id, &Replay::default()).await.expect("brought back");
        let victim = bed.start(1).await;
        bed.reaches(id, State::Running).await;
        drop(victim);
        let running = bed.runner_of(Queue::new("other", 1)).start(&bed.registry).await.expect("starts");
        let job = bed.reaches(id, State::Discarded).await;
        assert_eq!(job.parked.as_deref(), Some("died again after its last replay"));
        running.stop(Duration::from_secs(5)).await;
    }
}
