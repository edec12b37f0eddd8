use crate::clock::StoreClock;
use crate::postgres::Link;
use crate::store::Backend;
use crate::{Error, Notice, Query, Row, Timestamp};
use futures_util::future::BoxFuture;
use sqlx::sqlite::SqliteConnection;
use std::sync::Arc;

/// A write under way: everything in it becomes durable together, or nothing.
///
/// On SQLite the one writer is held while it lasts: wait for nothing but the store in it.
pub struct Tx {
    pub(crate) conn: Conn,
    pub(crate) notices: Vec<Notice>,
    /// The last thing that went wrong.
    pub(crate) failed: Option<Error>,
    clock: Arc<StoreClock>,
}

pub(crate) enum Conn {
    Sqlite(SqliteConnection),
    Postgres(Link),
}

impl Tx {
    pub(crate) const fn new(conn: Conn, clock: Arc<StoreClock>) -> Self {
        Self { conn, notices: Vec::new(), failed: None, clock }
    }

    /// Which database this is.
    pub const fn backend(&self) -> Backend {
        match self.conn {
            Conn::Sqlite(_) => Backend::Sqlite,
            Conn::Postgres(_) => Backend::Postgres,
        }
    }

    /// The store's time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Tells subscribers once this has become durable.
    pub fn notify(&mut self, topic: &str, detail: &str) {
        let notice = Notice { topic: topic.to_owned(), detail: detail.to_owned() };
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    /// Runs a statement; the number of rows it changed.
    ///
    /// # Errors
    /// Whatever the database says. On PostgreSQL no other statement can follow in this transaction then.
    pub fn execute<'a>(&'a mut self, query: Query) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            let done = match &mut self.conn {
                Conn::Sqlite(conn) => {
                    query.sqlite().execute(conn).await.map(|done| done.rows_affected()).map_err(Error::from)
                }
                Conn::Postgres(link) => link.execute(query).await,
            };
            done.inspect_err(|error| self.failed = Some(error.clone()))
        })
    }

    /// Runs a statement; its rows.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub fn fetch_all<'a>(&'a mut self, query: Query) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        Box::pin(async move {
            let rows = match &mut self.conn {
                Conn::Sqlite(conn) => {
                    let rows = query.sqlite().fetch_all(conn).await;
                    rows.map(|rows| rows.into_iter().map(Row::Sqlite).collect()).map_err(Error::from)
                }
                Conn::Postgres(link) => link.fetch_all(query).await,
            };
            rows.inspect_err(|error: &Error| self.failed = Some(error.clone()))
        })
    }

    /// Runs a statement; its first row, where there is one.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub fn fetch_optional<'a>(&'a mut self, query: Query) -> BoxFuture<'a, Result<Option<Row>, Error>> {
        Box::pin(async move { Ok(self.fetch_all(query).await?.into_iter().next()) })
    }

    /// Runs a statement that has a row to show.
    ///
    /// # Errors
    /// As [`execute`](Self::execute), and [`Error::NotFound`].
    pub fn fetch_one<'a>(&'a mut self, query: Query) -> BoxFuture<'a, Result<Row, Error>> {
        Box::pin(async move { self.fetch_optional(query).await?.ok_or(Error::NotFound) })
    }

    /// Several statements without parameters.
    pub(crate) async fn script(&mut self, text: String) -> Result<(), Error> {
        match &mut self.conn {
            Conn::Sqlite(conn) => {
                let script = sqlx::raw_sql(sqlx::AssertSqlSafe(text));
                Ok(script.execute(conn).await.map(|_| ())?)
            }
            Conn::Postgres(link) => link.script(text).await,
        }
    }

    /// No time limits from here on, neither the server's nor ours: what has to be done once may take long.
    pub(crate) async fn without_limits(&mut self) -> Result<(), Error> {
        if let Conn::Postgres(link) = &mut self.conn {
            link.without_limit();
            link.script("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0".to_owned()).await?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("backend", &self.backend()).finish_non_exhaustive()
    }
}
