//! Every case on both databases, with real receivers.

mod driver;
mod grafana;
mod harness;
mod lives;
mod people;
mod receivers;
mod smtp;

/// Runs each named case once on SQLite and once on PostgreSQL.
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case($crate::harness::Bed::sqlite().await).await; })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case($crate::harness::Bed::postgres().await).await; })*
        }
    };
}
pub(crate) use on_both;
