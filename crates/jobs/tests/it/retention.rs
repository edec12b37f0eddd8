use crate::harness::{Bed, Order, complete, order, until};
use seaworthy_core::clock::ManualClock;
use seaworthy_jobs::{Error, Settings, State};
use seaworthy_store::Options;
use seaworthy_store::testing::Database;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    what_was_kept_long_enough_goes(Database::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    what_was_kept_long_enough_goes(Database::postgres()).await;
}

async fn what_was_kept_long_enough_goes(database: Database) {
    let clock = ManualClock::at(SystemTime::now());
    let options = Options { clock: Some(Arc::new(clock.clone())), ..Options::default() };
    let settings = Settings { keep_finished: DAY, keep_discarded: 7 * DAY, ..Settings::default() };
    let bed = Bed::with(database, options, settings).await;
    let running = bed.start(2).await;
    let done = bed.add(order(&Order::Talk(2))).await;
    let dead = bed.add(order(&Order::FailForGood)).await;
    let waiting = bed.add(complete().after(30 * DAY)).await;
    bed.reaches(done, State::Completed).await;
    bed.reaches(dead, State::Discarded).await;
    running.stop(Duration::from_secs(5)).await;
    let there = async |id| !matches!(bed.jobs.get(id).await, Err(Error::NotFound { .. }));
    clock.advance(2 * DAY);
    // a new runner begins its walk at the oldest
    let running = bed.start(2).await;
    until("the completed one is gone", async || !there(done).await).await;
    assert!(there(dead).await && there(waiting).await);
    assert!(bed.jobs.logs(done).await.expect("read").is_empty());
    running.stop(Duration::from_secs(5)).await;
    clock.advance(6 * DAY);
    let running = bed.start(2).await;
    until("the dead letter is gone", async || !there(dead).await).await;
    assert!(there(waiting).await);
    running.stop(Duration::from_secs(5)).await;
}
