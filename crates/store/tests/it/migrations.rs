use seaworthy_store::migrate::{Component, Migration};
use seaworthy_store::testing::Database;
use seaworthy_store::{Error, Query};

crate::on_both!(
    each_is_applied_once_even_when_many_start_together,
    a_failing_one_leaves_nothing,
    an_edited_one_is_refused,
    a_newer_database_is_refused,
);

const FIRST: Migration = Migration { version: 1, name: "first", sql: "CREATE TABLE a (id {id});" };
const SECOND: Migration = Migration {
    version: 2,
    name: "second",
    sql: "ALTER TABLE a ADD COLUMN word TEXT; INSERT INTO a (word) VALUES ('x');",
};
const ONE: Component = Component { name: "c", migrations: &[FIRST] };
const TWO: Component = Component { name: "c", migrations: &[FIRST, SECOND] };
const EDITED: Component = Component {
    name: "c",
    migrations: &[Migration { version: 1, name: "first", sql: "CREATE TABLE a (id {id}, n BIGINT);" }],
};
const BROKEN: Component = Component {
    name: "c",
    migrations: &[Migration {
        version: 1,
        name: "broken",
        sql: "CREATE TABLE b (id {id}); SELECT * FROM nowhere;",
    }],
};

async fn each_is_applied_once_even_when_many_start_together(database: Database) {
    let mut starting = Vec::new();
    for _ in 0..5 {
        let store = database.open().await;
        starting.push(tokio::spawn(async move { store.migrate(&TWO).await }));
    }
    for start in starting {
        start.await.expect("no panic").expect("migrated");
    }
    let store = database.open().await;
    let row = store.fetch_one(Query::new("SELECT count(*) AS n FROM a")).await.expect("counted");
    assert_eq!(row.get::<i64>("n").expect("a number"), 1);
}

async fn a_failing_one_leaves_nothing(database: Database) {
    let store = database.open().await;
    assert!(store.migrate(&BROKEN).await.is_err());
    assert!(
        store.fetch_all(Query::new("SELECT * FROM b")).await.is_err(),
        "the table of the failed one is gone"
    );
    store.migrate(&ONE).await.expect("and nothing is in the way");
}

async fn an_edited_one_is_refused(database: Database) {
    let store = database.open().await;
    store.migrate(&ONE).await.expect("migrated");
    let refused = store.migrate(&EDITED).await;
    assert!(matches!(refused, Err(Error::Edited { component: "c", version: 1 })), "{refused:?}");
}

async fn a_newer_database_is_refused(database: Database) {
    let store = database.open().await;
    store.migrate(&TWO).await.expect("migrated");
    let refused = store.migrate(&ONE).await;
    assert!(matches!(refused, Err(Error::Newer { found: 2, known: 1, .. })), "{refused:?}");
}
