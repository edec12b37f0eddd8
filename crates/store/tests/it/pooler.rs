use seaworthy_core::Secret;
use seaworthy_store::migrate::{Component, Migration};
use seaworthy_store::testing::{PgBouncer, Postgres};
use seaworthy_store::{Options, Query, Rows, Store};

const SCHEMA: Component = Component {
    name: "p",
    migrations: &[Migration { version: 1, name: "p", sql: "CREATE TABLE p (n BIGINT PRIMARY KEY);" }],
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_pooler_is_found_and_served() {
    let server = Postgres::start();
    let bouncer = PgBouncer::start(&server);
    let store = Store::open(&Secret::new(bouncer.url("postgres")), Options::default()).await.expect("opens");
    assert!(store.is_pooled());
    store.migrate(&SCHEMA).await.expect("migrates");
    // more clients than servers: statements of one client move between servers all the time
    let clients: Vec<_> = (0..20_i64)
        .map(|client| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..20 {
                    let rows = Rows::new().ints("n", [client * 100 + n]);
                    let insert = Query::new("INSERT INTO p (n) SELECT n FROM {rows}").rows(rows);
                    store.execute(insert).await.expect("inserted");
                    store.fetch_all(Query::new("SELECT n FROM p WHERE n = $1").bind(n)).await.expect("read");
                }
            })
        })
        .collect();
    for client in clients {
        client.await.expect("no statement was lost between two servers");
    }
    let row = store.fetch_one(Query::new("SELECT count(*) AS n FROM p")).await.expect("counted");
    assert_eq!(row.get::<i64>("n").expect("a number"), 400);
    assert!(
        !Store::open(&Secret::new(server.url("postgres")), Options::default())
            .await
            .expect("opens")
            .is_pooled()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_swallows_the_settings_is_found_too() {
    let server = Postgres::start();
    let bouncer = PgBouncer::start_with(&server, "ignore_startup_parameters = options");
    let store = Store::open(&Secret::new(bouncer.url("postgres")), Options::default()).await.expect("opens");
    assert!(store.is_pooled());
    let limit = Query::new("SELECT current_setting('statement_timeout') AS told");
    let told: String = store.fetch_one(limit).await.expect("read").get("told").expect("a text");
    assert_eq!(told, "30s", "and statements have their limit all the same");
}
