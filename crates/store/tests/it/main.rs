//! Every case on both databases.

mod conformance;
mod migrations;
mod outage;
mod pooler;
mod sqlite;

/// Runs each named case once on SQLite and once on PostgreSQL.
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(seaworthy_store::testing::Database::sqlite()).await; })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(seaworthy_store::testing::Database::postgres()).await; })*
        }
    };
}
pub(crate) use on_both;
