//! One connection, lent for one piece of work, every step of which has an end: a server that vanished without a word
//! must not hold whoever asks it.

use crate::{Error, Query, Row};
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use std::time::Duration;

/// How long a connection may take to become free for others.
const GIVE_BACK: Duration = Duration::from_secs(5);

pub(crate) struct Link {
    /// There until it is given back.
    conn: Option<PoolConnection<Postgres>>,
    /// How long one answer is waited for.
    limit: Option<Duration>,
    /// Whether statements may be prepared for good.
    persistent: bool,
    in_transaction: bool,
    /// It is in a state that nobody else should find it in.
    spoilt: bool,
}

impl Link {
    pub(super) async fn from(pool: &PgPool, limit: Duration, persistent: bool) -> Result<Self, Error> {
        let conn = Some(pool.acquire().await?);
        Ok(Self { conn, limit: Some(limit), persistent, in_transaction: false, spoilt: false })
    }

    pub(crate) async fn begin(&mut self, text: String) -> Result<(), Error> {
        // also where the answer does not come: a rollback too many does no harm
        self.in_transaction = true;
        self.script(text).await
    }

    pub(crate) async fn execute(&mut self, query: Query) -> Result<u64, Error> {
        let Self { conn: Some(conn), limit, persistent, spoilt, .. } = self else {
            return Err(Error::Closed);
        };
        let query = query.postgres(*persistent).execute(&mut **conn);
        Ok(bounded(*limit, spoilt, query).await?.rows_affected())
    }

    pub(crate) async fn fetch_all(&mut self, query: Query) -> Result<Vec<Row>, Error> {
        let Self { conn: Some(conn), limit, persistent, spoilt, .. } = self else {
            return Err(Error::Closed);
        };
        let query = query.postgres(*persistent).fetch_all(&mut **conn);
        Ok(bounded(*limit, spoilt, query).await?.into_iter().map(Row::Postgres).collect())
    }

    /// Several statements without parameters.
    pub(crate) async fn script(&mut self, text: String) -> Result<(), Error> {
        let Self { conn: Some(conn), limit, spoilt, .. } = self else { return Err(Error::Closed) };
        let script = sqlx::raw_sql(sqlx::AssertSqlSafe(text));
        bounded(*limit, spoilt, script.execute(&mut **conn)).await.map(|_| ())
    }

    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        self.script("COMMIT".to_owned()).await.map_err(|error| match error {
            Error::Unavailable(text) | Error::Timeout(text) => Error::Ambiguous(text),
            other => other,
        })?;
        self.in_transaction = false;
        Ok(())
    }

    /// For what may take as long as it takes.
    pub(crate) const fn without_limit(&mut self) {
        self.limit = None;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let Some(mut conn) = self.conn.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return drop(conn.detach()) };
        if self.spoilt {
            return conn.close_on_drop();
        }
        let rollback = self.in_transaction;
        runtime.spawn(async move {
            if rollback {
                let rollback = sqlx::raw_sql("ROLLBACK").execute(&mut *conn);
                if !tokio::time::timeout(GIVE_BACK, rollback).await.is_ok_and(|done| done.is_ok()) {
                    return conn.close_on_drop();
                }
            }
            // it is asked for a sign of life on its way back; where none comes, it is cut off
            let _ = tokio::time::timeout(GIVE_BACK, conn.return_to_pool()).await;
        });
    }
}

async fn bounded<T>(
    limit: Option<Duration>,
    spoilt: &mut bool,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Error> {
    let done = match limit {
        None => work.await,
        Some(limit) => match tokio::time::timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => {
                *spoilt = true;
                return Err(Error::Timeout("the server did not answer".to_owned()));
            }
        },
    };
    done.map_err(|error| {
        *spoilt |= spoils(&error);
        Error::from(error)
    })
}

/// What the next statement on the same connection would meet again: a standby where the primary was, statements that
/// were prepared for another schema or by somebody else.
fn spoils(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(database) => {
            let code = database.code();
            matches!(code.as_deref(), Some("25006" | "26000" | "42P05" | "0A000"))
        }
        _ => false,
    }
}
