use seaworthy_core::ErrorCode;
use seaworthy_core::Secret;
use seaworthy_store::testing::{Database, Folder};
use seaworthy_store::{Error, Options, Query, Store};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_leaves_nothing_half_written() {
    let database = Database::sqlite();
    let store = database.open_with(Options { max_pages: Some(40), ..Options::default() }).await;
    store.execute(Query::new("CREATE TABLE t (n BIGINT, filler TEXT)")).await.expect("created");
    let filler = "x".repeat(3_000);
    let mut made = 0_i64;
    let full = loop {
        let insert = |n: i64| {
            let filler = filler.clone();
            store.write(move |tx| {
                Box::pin(async move {
                    for half in 0..2 {
                        let query = Query::new("INSERT INTO t VALUES ($1, $2)").bind(2 * n + half);
                        tx.execute(query.bind(filler.clone())).await?;
                    }
                    Ok::<(), Error>(())
                })
            })
        };
        // two at once: one fails in the other's company
        let (a, b) = tokio::join!(insert(made), insert(made + 1));
        made += i64::from(a.is_ok()) + i64::from(b.is_ok());
        if let Err(error) = a.and(b) {
            break error;
        }
        assert!(made < 1_000, "40 pages are enough for ever");
    };
    assert!(matches!(full, Error::Full(_)), "{full}");
    assert_eq!(full.code(), ErrorCode::Unavailable);
    let row = store.fetch_one(Query::new("SELECT count(*) AS n FROM t")).await.expect("reads go on");
    assert_eq!(row.get::<i64>("n").expect("a number"), 2 * made, "whole writes only");
    store.execute(Query::new("DELETE FROM t")).await.expect("room can be made");
    store.execute(Query::new("INSERT INTO t VALUES (1, 'x')")).await.expect("and is used");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_without_a_clean_end() {
    let database = Database::sqlite();
    let store = database.open().await;
    store.execute(Query::new("CREATE TABLE t (n BIGINT)")).await.expect("created");
    store.execute(Query::new("INSERT INTO t VALUES (7)")).await.expect("inserted");
    // no close: the log still holds it, as after a crash
    std::mem::forget(store);
    let again = database.open().await;
    let row = again.fetch_one(Query::new("SELECT n FROM t")).await.expect("there");
    assert_eq!(row.get::<i64>("n").expect("a number"), 7);
}

#[tokio::test]
async fn a_copy_is_whole_while_the_store_is_in_use() {
    let database = Database::sqlite();
    let store = database.open().await;
    store.execute(Query::new("CREATE TABLE t (n BIGINT)")).await.expect("created");
    store.execute(Query::new("INSERT INTO t VALUES (7)")).await.expect("inserted");
    let folder = Folder::new("copy");
    let copy = folder.path().join("copy.db");
    store.backup_to(&copy).await.expect("copied");
    let copied = Store::open(&Secret::new(format!("sqlite://{}", copy.display())), Options::default())
        .await
        .expect("opens");
    assert_eq!(copied.fetch_all(Query::new("SELECT n FROM t")).await.expect("read").len(), 1);
    copied.close().await;
    let before = std::fs::read(&copy).expect("there");
    assert!(store.backup_to(&copy).await.is_err(), "what is there is somebody's");
    assert_eq!(std::fs::read(&copy).expect("there"), before);
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let database = Database::sqlite();
    let store = database.open().await;
    store.execute(Query::new("CREATE TABLE t (n BIGINT)")).await.expect("created");
    let path = database.url().trim_start_matches("sqlite://");
    let copy = format!("{path}-copy");
    store.backup_to(copy.as_ref()).await.expect("copied");
    for file in [path.to_owned(), format!("{path}-wal"), copy] {
        let mode = std::fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file}: {mode:o}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told() {
    let folder = Folder::new("garbage");
    let path = folder.path().join("x.db");
    std::fs::write(
        &path,
        "this is not a database, but it is long enough to have a header of one hundred bytes. ".repeat(9),
    )
    .expect("written");
    let error = Store::open(&Secret::new(format!("sqlite://{}", path.display())), Options::default())
        .await
        .expect_err("refused");
    assert!(matches!(error, Error::Corrupt(_)), "{error:?}");
}
