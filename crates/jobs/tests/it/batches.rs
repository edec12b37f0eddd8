use crate::harness::{Bed, Order, complete, order, until};
use seaworthy_jobs::{Callback, Error, Filter, State};
use seaworthy_store::Query;

crate::on_both!(
    the_callback_comes_once_when_all_have_ended,
    a_sealed_batch_takes_no_more,
    an_empty_batch_ends_too,
    a_callback_that_cannot_be_enqueued_holds_up_nobody,
);

fn callback() -> Callback {
    let payload = serde_json::json!({ "complete": "batch" });
    Callback { kind: "obey".to_owned(), queue: "default".to_owned(), payload }
}

async fn the_callback_comes_once_when_all_have_ended(bed: Bed) {
    let batch = bed.jobs.begin_batch(Some("import"), Some(callback())).await.expect("begun");
    let mut jobs: Vec<_> = (0..30).map(|_| complete().batch(batch)).collect();
    jobs.push(order(&Order::FailForGood).batch(batch));
    bed.jobs.enqueue_many(jobs).await.expect("accepted");
    // two closers beside each other
    let runners = [bed.start(5).await, bed.start(5).await];
    let open = Filter { batch: Some(batch), state: Some(State::Available), ..Filter::default() };
    until("all have run", async || bed.jobs.list(&open, 100).await.expect("listed").is_empty()).await;
    assert_eq!(bed.jobs.batch(batch).await.expect("there").finished_at, None, "it is not sealed");
    bed.jobs.seal_batch(batch).await.expect("sealed");
    until("it is finished", async || bed.jobs.batch(batch).await.expect("there").finished_at.is_some()).await;
    let made = bed.jobs.batch(batch).await.expect("there").callback.expect("a callback");
    let job = bed.reaches(made, State::Completed).await;
    assert_eq!(job.metadata["batch"], batch.to_string());
    let all = bed.jobs.list(&Filter::default(), 100).await.expect("listed");
    assert_eq!(all.len(), 32, "one callback");
    for runner in runners {
        runner.stop(std::time::Duration::from_secs(5)).await;
    }
}

async fn a_sealed_batch_takes_no_more(bed: Bed) {
    let batch = bed.jobs.begin_batch(None, None).await.expect("begun");
    bed.jobs.seal_batch(batch).await.expect("sealed");
    assert!(matches!(
        bed.jobs.enqueue(complete().batch(batch)).await,
        Err(Error::Invalid { field: "batch", .. })
    ));
    assert!(matches!(bed.jobs.seal_batch(-1).await, Err(Error::NotFound { .. })));
}

async fn an_empty_batch_ends_too(bed: Bed) {
    let _running = bed.start(1).await;
    let batch = bed.jobs.begin_batch(None, Some(callback())).await.expect("begun");
    bed.jobs.seal_batch(batch).await.expect("sealed");
    until("it is finished", async || bed.jobs.batch(batch).await.expect("there").finished_at.is_some()).await;
}

async fn a_callback_that_cannot_be_enqueued_holds_up_nobody(bed: Bed) {
    for wrong in [
        Callback { kind: String::new(), ..callback() },
        Callback { queue: "\0".to_owned(), ..callback() },
        Callback { payload: "x".repeat(2 << 20).into(), ..callback() },
    ] {
        let refused = bed.jobs.begin_batch(None, Some(wrong)).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    }
    // as if the limits had been tightened after it was begun
    let bad = bed.jobs.begin_batch(None, Some(callback())).await.expect("begun");
    let broken =
        "UPDATE job_batches SET callback = '{\"kind\":\"\",\"queue\":\"q\",\"payload\":1}' WHERE id = $1";
    bed.jobs.store().execute(Query::new(broken).bind(bad)).await.expect("broken");
    let good = bed.jobs.begin_batch(None, Some(callback())).await.expect("begun");
    for batch in [bad, good] {
        bed.jobs.seal_batch(batch).await.expect("sealed");
    }
    let running = bed.start(1).await;
    for (batch, enqueues) in [(bad, false), (good, true)] {
        let there = async || bed.jobs.batch(batch).await.expect("there");
        until("it is finished", async || there().await.finished_at.is_some()).await;
        assert_eq!(there().await.callback.is_some(), enqueues);
    }
    running.stop(std::time::Duration::from_secs(5)).await;
}
