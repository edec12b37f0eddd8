use seaworthy_core::ErrorCode;
use seaworthy_core::Secret;
use seaworthy_store::testing::{Database, Postgres, Wire};
use seaworthy_store::{Error, Options, Query, Store};
use std::time::{Duration, Instant};

const IMPATIENT: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_is_an_outage_and_comes_back() {
    let mut database = Database::postgres();
    let store = database.open_with(Options { acquire_timeout: IMPATIENT, ..Options::default() }).await;
    store.execute(Query::new("CREATE TABLE t (n BIGINT)")).await.expect("created");
    let mut notices = store.subscribe();
    database.server().expect("a server").kill();
    let asked = Instant::now();
    let error = store.execute(Query::new("INSERT INTO t VALUES (1)")).await.expect_err("nobody is there");
    assert_eq!(error.code(), ErrorCode::Unavailable, "{error}");
    assert!(error.is_outage());
    assert!(asked.elapsed() < Duration::from_secs(5), "the wait is bounded");
    database.server().expect("a server").run();
    // without a new store; each connection that was open then may have to find out for itself
    let until = Instant::now() + Duration::from_secs(20);
    while let Err(error) = store.execute(Query::new("INSERT INTO t VALUES (2)")).await {
        assert!(error.is_outage() && Instant::now() < until, "it is back: {error}");
    }
    // whoever listened is told that something may have been missed
    let missed = async { while notices.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(30), missed).await.expect("told to look at everything");
}

#[tokio::test]
async fn an_address_nobody_listens_on_is_an_outage() {
    let options = Options { acquire_timeout: IMPATIENT, ..Options::default() };
    let error = Store::open(&Secret::new("postgres://user:hunter2@127.0.0.1:1/x".to_owned()), options)
        .await
        .expect_err("nobody is there");
    assert_eq!(error.code(), ErrorCode::Unavailable);
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn wrong_addresses_are_told_without_their_password() {
    for url in
        ["mysql://user:hunter2@x", "postgres://user:hunter2@[::", "sqlite://", "sqlite://a?mode=hunter2", ""]
    {
        let error = Store::open(&Secret::new(url.to_owned()), Options::default()).await.expect_err(url);
        assert_eq!(error.code(), ErrorCode::Invalid, "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

fn now() -> Query {
    Query::new("SELECT 1 AS one")
}

/// A host that vanishes says nothing: neither a reset nor an end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_falls_silent_holds_nobody_for_ever() {
    let server = Postgres::start();
    let wire = Wire::to(&server).await;
    let options = Options { acquire_timeout: IMPATIENT, statement_timeout: IMPATIENT, ..Options::default() };
    let store = Store::open(&Secret::new(wire.url("postgres")), options).await.expect("opens");
    store.execute(Query::new("CREATE TABLE t (n BIGINT)")).await.expect("created");
    let asked = Instant::now();
    let silent = store.clone();
    // falls silent in the middle of a write, right before its commit
    let commit: Result<(), Error> = {
        let wire = std::sync::Arc::new(wire);
        let theirs = std::sync::Arc::clone(&wire);
        let write = silent.write(move |tx| {
            Box::pin(async move {
                tx.execute(Query::new("INSERT INTO t VALUES (1)")).await?;
                theirs.stall(true);
                Ok(())
            })
        });
        let commit = write.await;
        // every connection of the pool, idle ones too
        let asking: Vec<_> = (0..12).map(|_| store.clone()).collect();
        let asking: Vec<_> = asking
            .into_iter()
            .map(|store| tokio::spawn(async move { store.fetch_all(now()).await }))
            .collect();
        for asking in asking {
            let error = asking.await.expect("no panic").expect_err("nobody answers");
            assert!(error.is_outage(), "{error:?}");
        }
        assert!(asked.elapsed() < Duration::from_secs(10), "each wait has an end: {:?}", asked.elapsed());
        wire.stall(false);
        let until = Instant::now() + Duration::from_secs(30);
        while store.fetch_all(now()).await.is_err() {
            assert!(Instant::now() < until, "it works again once the network does");
        }
        commit
    };
    assert!(matches!(commit, Err(Error::Ambiguous(_))), "{commit:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_urgent_does_not_wait_for_what_is_slow() {
    let database = Database::postgres();
    let options = Options { acquire_timeout: IMPATIENT, max_connections: 2, ..Options::default() };
    let store = database.open_with(options).await;
    let slow: Vec<_> = (0..2)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.fetch_all(Query::new("SELECT pg_sleep(5) AS slept")).await })
        })
        .collect();
    let until = Instant::now() + Duration::from_secs(20);
    while !matches!(store.fetch_all(now()).await, Err(Error::Unavailable(_))) {
        assert!(Instant::now() < until, "the slow ones have all connections");
    }
    store.urgent().fetch_all(now()).await.expect("there is one left");
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_where_the_primary_was_is_an_outage() {
    let database = Database::postgres();
    let store = database.open().await;
    store.execute(Query::new("CREATE TABLE t (n BIGINT)")).await.expect("created");
    let insert = || Query::new("INSERT INTO t VALUES (1)");
    let elsewhere = database.open().await;
    let set = async |how: &'static str| {
        elsewhere.execute(Query::new(how)).await.expect("set");
        elsewhere.fetch_all(Query::new("SELECT pg_reload_conf() AS done")).await.expect("read again");
    };
    set("ALTER SYSTEM SET default_transaction_read_only = on").await;
    let until = Instant::now() + Duration::from_secs(20);
    let error = loop {
        match store.execute(insert()).await {
            Ok(_) => assert!(Instant::now() < until, "the setting takes effect"),
            Err(error) => break error,
        }
    };
    assert!(error.is_outage(), "{error:?}");
    set("ALTER SYSTEM SET default_transaction_read_only = off").await;
    while store.execute(insert()).await.is_err() {
        assert!(Instant::now() < until, "it goes on by itself");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_prepared_for_another_schema_fails_once_at_the_most() {
    let database = Database::postgres();
    let store = database.open().await;
    let all = || Query::new("SELECT * FROM t");
    store.execute(Query::new("CREATE TABLE t (n BIGINT)")).await.expect("created");
    store.fetch_all(all()).await.expect("prepared");
    let elsewhere = database.open().await;
    elsewhere.execute(Query::new("ALTER TABLE t ADD COLUMN word TEXT")).await.expect("changed");
    let mut failures = 0;
    // whichever of the connections it is over
    for _ in 0..20 {
        if let Err(error) = store.fetch_all(all()).await {
            assert!(error.is_outage(), "worth another try: {error:?}");
            failures += 1;
        }
    }
    assert!(failures <= 1, "the connection that knew the old one is gone: {failures}");
}
