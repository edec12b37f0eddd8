use seaworthy_store::migrate::{Component, Migration};
use seaworthy_store::testing::Database;
use seaworthy_store::{Error, Notice, Query, Rows, Store};
use std::time::{Duration, SystemTime};

crate::on_both!(
    values_come_back_as_they_went_in,
    rows_are_a_table,
    a_failed_write_leaves_nothing,
    a_panic_is_an_error_of_its_caller_alone,
    a_constraint_is_a_conflict,
    many_writers_lose_nothing,
    notices_come_after_the_commit,
    the_clock_is_the_databases,
    whoever_asks_a_closed_store_is_told,
);

const SCHEMA: Component = Component {
    name: "test",
    migrations: &[Migration {
        version: 1,
        name: "things",
        sql: "{sqlite\nCREATE TABLE things (id {id}, number BIGINT, word TEXT UNIQUE, bits BLOB, share REAL);\n}\n\
              {postgres\nCREATE TABLE things (id {id}, number BIGINT, word TEXT UNIQUE, bits BYTEA, \
              share DOUBLE PRECISION);\n}\n",
    }],
};

async fn open(database: &Database) -> Store {
    let store = database.open().await;
    store.migrate(&SCHEMA).await.expect("the schema is made");
    store
}

fn insert(number: i64, word: &str) -> Query {
    Query::new("INSERT INTO things (number, word) VALUES ($1, $2)").bind(number).bind(word)
}

async fn count(store: &Store) -> i64 {
    let row = store.fetch_one(Query::new("SELECT count(*) AS n FROM things")).await.expect("counted");
    row.get("n").expect("a number")
}

async fn values_come_back_as_they_went_in(database: Database) {
    let store = open(&database).await;
    let text = "ünïcödé 🚢 \"quoted\" '; DROP TABLE things; --\u{1}";
    let query = Query::new("INSERT INTO things (number, word, bits, share) VALUES ($1, $2, $3, $4)");
    store.execute(query.bind(i64::MIN).bind(text).bind(vec![0, 255, 1]).bind(0.1)).await.expect("inserted");
    store.execute(insert(i64::MAX, "second")).await.expect("inserted");
    let rows = store.fetch_all(Query::new("SELECT * FROM things ORDER BY id")).await.expect("read");
    assert_eq!(rows[0].get::<i64>("number").expect("number"), i64::MIN);
    assert_eq!(rows[0].get::<String>("word").expect("word"), text);
    assert_eq!(rows[0].get::<Vec<u8>>("bits").expect("bits"), [0, 255, 1]);
    assert_eq!(rows[0].get::<f64>("share").expect("share"), 0.1);
    assert_eq!(rows[1].get::<i64>("number").expect("number"), i64::MAX);
    assert_eq!(rows[1].get::<Option<Vec<u8>>>("bits").expect("nothing"), None);
    assert!(matches!(rows[0].get::<i64>("nowhere"), Err(Error::Internal(_))));
}

async fn rows_are_a_table(database: Database) {
    let store = open(&database).await;
    let words = ["a".to_owned(), "b \"\\ {lock} 🚢".to_owned(), "c".to_owned()];
    let rows = Rows::new().ints("number", [Some(1), None, Some(i64::MAX)]).texts("word", words.clone());
    let query =
        Query::new("INSERT INTO things (number, word) SELECT number, word FROM {rows} WHERE word <> $1");
    assert_eq!(store.execute(query.bind("c").rows(rows.clone())).await.expect("inserted"), 2);
    let query =
        Query::new("SELECT x.word AS word FROM {rows} JOIN things t ON t.word = x.word ORDER BY t.id");
    let found = store.fetch_all(query.rows(rows)).await.expect("joined");
    let found: Vec<String> = found.iter().map(|row| row.get("word").expect("a word")).collect();
    assert_eq!(found, words[..2]);
    let none = Query::new("SELECT word FROM {rows}").rows(Rows::new().texts("word", Vec::<String>::new()));
    assert!(store.fetch_all(none).await.expect("empty").is_empty());
}

async fn a_failed_write_leaves_nothing(database: Database) {
    let store = open(&database).await;
    let failed: Result<(), Error> = store
        .write(|tx| {
            Box::pin(async move {
                tx.execute(insert(1, "one")).await?;
                Err(Error::NotFound)
            })
        })
        .await;
    assert!(matches!(failed, Err(Error::NotFound)));
    assert_eq!(count(&store).await, 0);
}

async fn a_panic_is_an_error_of_its_caller_alone(database: Database) {
    let store = open(&database).await;
    let other = store.clone();
    let broken = tokio::spawn(async move {
        let write = other.write(|tx| {
            Box::pin(async move {
                tx.execute(insert(1, "one")).await?;
                if tx.now().as_micros() > 0 {
                    panic!("a defect of the caller's");
                }
                Ok::<(), Error>(())
            })
        });
        write.await
    });
    assert!(!matches!(broken.await, Ok(Ok(()))));
    store.execute(insert(2, "two")).await.expect("the store goes on");
    assert_eq!(count(&store).await, 1);
}

async fn a_constraint_is_a_conflict(database: Database) {
    let store = open(&database).await;
    store.execute(insert(1, "same")).await.expect("inserted");
    let second = store.execute(insert(2, "same")).await;
    assert!(matches!(second, Err(Error::Conflict(_))), "{second:?}");
    let shown = format!("{second:?}");
    assert!(!shown.contains("(same)"), "an error shows no value: {shown}");
}

async fn many_writers_lose_nothing(database: Database) {
    let store = open(&database).await;
    let writers: Vec<_> = (0..200)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                // every third fails by itself, in the middle of the others' group
                let word = if n % 3 == 0 { "taken".to_owned() } else { n.to_string() };
                store.execute(insert(n, &word)).await
            })
        })
        .collect();
    let mut made = 0;
    for writer in writers {
        made += i64::from(writer.await.expect("no panic").is_ok());
    }
    assert_eq!(made, 134);
    assert_eq!(count(&store).await, 134);
}

async fn notices_come_after_the_commit(database: Database) {
    let store = open(&database).await;
    let elsewhere = database.open().await;
    let mut here = store.subscribe();
    let mut there = elsewhere.subscribe();
    let notify = |fail: bool| {
        store.write(move |tx| {
            Box::pin(async move {
                tx.notify("topic", if fail { "failed" } else { "made" });
                if fail { Err(Error::NotFound) } else { Ok(()) }
            })
        })
    };
    assert!(notify(true).await.is_err());
    notify(false).await.expect("written");
    let made = Notice { topic: "topic".to_owned(), detail: "made".to_owned() };
    loop {
        // the listener says "look at everything" when it begins
        match here.next().await {
            Some(notice) => break assert_eq!(notice, made),
            None => continue,
        }
    }
    if database.url().starts_with("postgres") {
        // the first may be said before the other listens: then "look at everything" follows
        let heard = tokio::time::timeout(Duration::from_secs(10), there.next()).await.expect("heard");
        assert!(heard.is_none() || heard == Some(made), "{heard:?}");
    }
}

async fn the_clock_is_the_databases(database: Database) {
    let store = open(&database).await;
    store.refresh_clock().await.expect("read");
    let off = store
        .now()
        .since(SystemTime::now().into())
        .max(seaworthy_store::Timestamp::from(SystemTime::now()).since(store.now()));
    assert!(off < Duration::from_secs(2), "one machine, one clock: {off:?}");
}

async fn whoever_asks_a_closed_store_is_told(database: Database) {
    let store = open(&database).await;
    store.close().await;
    assert!(matches!(store.execute(insert(1, "late")).await, Err(Error::Closed)));
    assert!(matches!(store.fetch_all(Query::new("SELECT 1 AS one")).await, Err(Error::Closed)));
}
