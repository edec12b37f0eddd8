use crate::harness::{Bed, complete};
use seaworthy_core::ErrorCode;
use seaworthy_jobs::{Error, Filter, NewJob, State, UniqueScope};
use std::collections::HashSet;
use std::time::Duration;

crate::on_both!(
    a_thousand_with_one_unique_key_are_one,
    a_key_is_free_again_when_its_job_has_ended,
    a_key_for_a_period_stays_taken,
    keys_of_different_kinds_are_different,
    within_one_call_the_first_has_the_key,
    with_the_callers_transaction_or_not_at_all,
    hostile_jobs_are_refused_and_nothing_is_written,
    payloads_come_back_as_they_went_in,
    a_page_goes_on_where_the_last_ended,
);

async fn a_thousand_with_one_unique_key_are_one(bed: Bed) {
    let mut calls = Vec::new();
    for _ in 0..1_000 {
        let jobs = bed.jobs.clone();
        calls.push(tokio::spawn(async move {
            jobs.enqueue(complete().unique("only", UniqueScope::WhileUnfinished)).await
        }));
    }
    let (mut ids, mut new) = (HashSet::new(), 0);
    for call in calls {
        let made = call.await.expect("no panic").expect("accepted");
        ids.insert(made.id);
        new += usize::from(!made.duplicate);
    }
    assert_eq!((ids.len(), new), (1, 1));
    assert_eq!(bed.jobs.list(&Filter::default(), 1_000).await.expect("listed").len(), 1);
}

async fn a_key_is_free_again_when_its_job_has_ended(bed: Bed) {
    let unique = || complete().unique("k", UniqueScope::WhileUnfinished);
    let first = bed.add(unique()).await;
    assert!(bed.jobs.enqueue(unique()).await.expect("accepted").duplicate);
    bed.jobs.cancel(first).await.expect("called off");
    let second = bed.jobs.enqueue(unique()).await.expect("accepted");
    assert!(!second.duplicate && second.id != first);
    let running = bed.start(1).await;
    bed.reaches(second.id, State::Completed).await;
    assert!(!bed.jobs.enqueue(unique()).await.expect("accepted").duplicate);
    assert_eq!(bed.jobs.get(first).await.expect("there").unique_key.as_deref(), Some("k"));
    running.stop(Duration::from_secs(5)).await;
}

async fn a_key_for_a_period_stays_taken(bed: Bed) {
    let unique = |period| complete().unique("k", UniqueScope::For(period));
    let running = bed.start(1).await;
    let first = bed.add(unique(Duration::from_secs(3_600))).await;
    bed.reaches(first, State::Completed).await;
    let second = bed.jobs.enqueue(unique(Duration::from_secs(3_600))).await.expect("accepted");
    assert_eq!((second.id, second.duplicate), (first, true));
    let brief = bed.add(complete().unique("brief", UniqueScope::For(Duration::from_micros(1)))).await;
    let again =
        bed.jobs.enqueue(complete().unique("brief", UniqueScope::WhileUnfinished)).await.expect("accepted");
    assert!(!again.duplicate && again.id != brief, "a period that is over frees the key without maintenance");
    running.stop(Duration::from_secs(5)).await;
}

async fn keys_of_different_kinds_are_different(bed: Bed) {
    let unique = |kind: &str| NewJob::new(kind, &1).unique("k", UniqueScope::WhileUnfinished);
    assert_ne!(bed.add(unique("a")).await, bed.add(unique("b")).await);
    let alike = |kind: &str, key: &str| NewJob::new(kind, &1).unique(key, UniqueScope::WhileUnfinished);
    assert_ne!(bed.add(alike("a", "b/c")).await, bed.add(alike("a/b", "c")).await);
}

async fn within_one_call_the_first_has_the_key(bed: Bed) {
    let unique = |key: &str| complete().unique(key, UniqueScope::WhileUnfinished);
    let made = bed
        .jobs
        .enqueue_many(vec![unique("a"), complete(), unique("a"), unique("b")])
        .await
        .expect("accepted");
    let duplicates: Vec<bool> = made.iter().map(|made| made.duplicate).collect();
    assert_eq!(duplicates, [false, false, true, false]);
    assert_eq!(made[0].id, made[2].id);
}

async fn with_the_callers_transaction_or_not_at_all(bed: Bed) {
    let store = bed.jobs.store().clone();
    for fails in [true, false] {
        let jobs = bed.jobs.clone();
        let written: Result<(), Error> = store
            .write(move |tx| {
                Box::pin(async move {
                    jobs.enqueue_in(tx, vec![complete()]).await?;
                    if fails { Err(Error::NotFound { what: "order", id: "7".to_owned() }) } else { Ok(()) }
                })
            })
            .await;
        assert_eq!(written.is_err(), fails);
        let there = bed.jobs.list(&Filter::default(), 10).await.expect("listed").len();
        assert_eq!(there, usize::from(!fails));
    }
}

async fn hostile_jobs_are_refused_and_nothing_is_written(bed: Bed) {
    let raw = |payload: &[u8]| NewJob::raw("k", payload);
    let ok = || NewJob::new("k", &1);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let hostile = [
        raw(&vec![b' '; (1 << 20) + 1]),
        raw(deep.as_bytes()),
        raw(b"\"\xc3\x28\""),
        raw(b"{\"a\":\0}"),
        raw(b"not json"),
        raw(b""),
        raw(b"1 2"),
        raw(b"NaN"),
        NewJob::new("", &1),
        NewJob::new("a\nb", &1),
        NewJob::new("a\0b", &1),
        NewJob::new("k".repeat(129), &1),
        ok().queue(""),
        ok().queue("q\0"),
        ok().priority(0),
        ok().priority(11),
        ok().timeout(Duration::ZERO),
        ok().unique("", UniqueScope::WhileUnfinished),
        ok().unique("\0", UniqueScope::WhileUnfinished),
        ok().concurrency("k", 0),
        ok().metadata("k", "v\0"),
        ok().tag("\u{7}"),
        ok().batch(12_345),
    ];
    for job in hostile {
        let shown = format!("{job:?}").chars().take(80).collect::<String>();
        // in good company: none of a call is accepted where one cannot be
        let error = bed.jobs.enqueue_many(vec![ok(), job]).await.expect_err(&shown);
        assert!(matches!(error.code(), ErrorCode::Invalid | ErrorCode::NotFound), "{shown}: {error:?}");
    }
    let many: Vec<_> = (0..10_001).map(|_| ok()).collect();
    assert_eq!(bed.jobs.enqueue_many(many).await.expect_err("too many").code(), ErrorCode::Invalid);
    let large: Vec<_> = (0..65).map(|_| NewJob::new("k", &"x".repeat((1 << 20) - 2))).collect();
    assert_eq!(bed.jobs.enqueue_many(large).await.expect_err("too much").code(), ErrorCode::Invalid);
    assert!(bed.jobs.list(&Filter::default(), 10).await.expect("listed").is_empty());
}

async fn payloads_come_back_as_they_went_in(bed: Bed) {
    let long = format!("\"{}\"", "ü".repeat(500_000));
    for payload in
        ["{\"a\": \"\\u0000 \\ud83d\\udea2 🚢\",\n \"a\":1e400}", "null", "  [1]  ", "\"'; --{rows}\"", &long]
    {
        let Ok(made) = bed.jobs.enqueue(NewJob::raw("k", payload)).await else {
            // the one thing that JSON allows and we do not: numbers no computer can hold
            assert!(payload.contains("1e400"));
            continue;
        };
        assert_eq!(bed.jobs.get(made.id).await.expect("there").payload, payload);
    }
}

async fn a_page_goes_on_where_the_last_ended(bed: Bed) {
    let jobs: Vec<_> =
        (0..25).map(|n| complete().queue(if n % 5 == 0 { "other" } else { "default" })).collect();
    bed.jobs.enqueue_many(jobs).await.expect("accepted");
    let mut filter = Filter { queue: Some("default".to_owned()), ..Filter::default() };
    let mut ids = Vec::new();
    loop {
        let page = bed.jobs.list(&filter, 7).await.expect("listed");
        let Some(last) = page.last() else { break };
        filter.before = Some(last.id);
        ids.extend(page.iter().map(|job| job.id));
    }
    assert_eq!(ids.len(), 20);
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "newest first, none twice");
}
