//! PostgreSQL: a bounded pool, and what a transaction pooler in front of it asks for.
//!
//! Behind a transaction pooler two statements outside a transaction may reach two servers. There everything runs in
//! a transaction, no statement is prepared for good, settings are made `LOCAL`, and nothing listens: subscribers poll.

mod link;
mod notices;

pub(crate) use link::Link;

use crate::clock::StoreClock;
use crate::transaction::{Conn, Tx};
use crate::{Error, Options};
use notices::Notifier;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// A connection that was idle for so long is asked whether it still lives before it is used.
const TRUSTED_FOR: Duration = Duration::from_millis(100);
/// How long a statement may wait for another's lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// For what must go on while everything else is slow.
const URGENT: u32 = 3;

pub(crate) struct Engine {
    pub(crate) pool: PgPool,
    urgent: PgPool,
    /// Whether a transaction pooler is in between.
    pub(crate) pooler: bool,
    begin: String,
    /// How long an answer is waited for: longer than the server takes to give up by itself.
    limit: Duration,
    pub(crate) notifier: Notifier,
}

impl Engine {
    pub(crate) async fn open(
        url: &str,
        options: &Options,
        board: &crate::notice::Board,
    ) -> Result<Self, Error> {
        let base =
            PgConnectOptions::from_str(url).map_err(|_| Error::Address("it cannot be read".to_owned()))?;
        let base = base.application_name(&options.application);
        let (connect, pooler) = choose(base, options).await?;
        let wide = pool(options, options.max_connections.max(2)).connect_lazy_with(connect.clone());
        let urgent = pool(options, URGENT).connect_lazy_with(connect.clone());
        // whatever a database's default is, statements that follow a lock must see what was written before it
        let mut begin = "BEGIN ISOLATION LEVEL READ COMMITTED".to_owned();
        if pooler {
            begin.push_str(&local_settings(options));
        }
        let notifier = Notifier::start(wide.clone(), (!pooler).then_some(connect), board.clone());
        let limit = options.statement_timeout + options.acquire_timeout;
        Ok(Self { pool: wide, urgent, pooler, begin, limit, notifier })
    }

    pub(crate) async fn link(&self, urgent: bool) -> Result<Link, Error> {
        Link::from(if urgent { &self.urgent } else { &self.pool }, self.limit, !self.pooler).await
    }

    pub(crate) async fn begin(&self, clock: Arc<StoreClock>, urgent: bool) -> Result<Tx, Error> {
        let mut link = self.link(urgent).await?;
        link.begin(self.begin.clone()).await?;
        Ok(Tx::new(Conn::Postgres(link), clock))
    }

    pub(crate) async fn close(&self) {
        self.urgent.close().await;
        self.pool.close().await;
    }
}

fn pool(options: &Options, most: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(options.acquire_timeout)
        .idle_timeout(Duration::from_secs(600))
        .max_lifetime(Duration::from_secs(1_800))
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for < TRUSTED_FOR {
                    return Ok(true);
                }
                Ok(connection.ping().await.is_ok())
            })
        })
}

/// Settings of the session where that is one server's. A transaction pooler refuses them at the door, or takes them and
/// forgets them: so it is found.
async fn choose(base: PgConnectOptions, options: &Options) -> Result<(PgConnectOptions, bool), Error> {
    // a pooler knows no such parameter either, and the default is as exact
    let plain = base.extra_float_digits(None).statement_cache_capacity(128);
    let direct = plain.clone().options([
        ("statement_timeout", options.statement_timeout.as_millis().to_string()),
        ("lock_timeout", LOCK_TIMEOUT.as_millis().to_string()),
        ("idle_in_transaction_session_timeout", "60000".to_owned()),
    ]);
    match options.pooler {
        Some(true) => return probe(&plain, options).await.map(|_| (plain, true)),
        Some(false) => return probe(&direct, options).await.map(|_| (direct, false)),
        None => {}
    }
    let pooled = match probe(&direct, options).await {
        Err(Error::Unavailable(text)) if text.contains("unsupported startup parameter") => true,
        Err(other) => return Err(other),
        Ok(heeded) => !heeded,
    };
    if pooled {
        tracing::info!("a transaction pooler stands in front of the database: notices are polled for");
        probe(&plain, options).await?;
        return Ok((plain, true));
    }
    Ok((direct, false))
}

/// Connects once; tells whether the settings of the session are those that were asked for.
async fn probe(connect: &PgConnectOptions, options: &Options) -> Result<bool, Error> {
    let attempt = async {
        let mut connection = connect.connect().await?;
        let heeded = time_limit(&mut connection).await? == options.statement_timeout.as_millis().to_string();
        connection.close().await?;
        Ok::<_, sqlx::Error>(heeded)
    };
    match tokio::time::timeout(options.acquire_timeout, attempt).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Error::Unavailable("no connection was to be had in time".to_owned())),
    }
}

/// In milliseconds.
async fn time_limit(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    let query = "SELECT setting FROM pg_settings WHERE name = 'statement_timeout'";
    // the next statement may be another server's
    sqlx::query_scalar(query).persistent(false).fetch_one(connection).await
}

fn local_settings(options: &Options) -> String {
    format!(
        "; SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}",
        options.statement_timeout.as_millis(),
        LOCK_TIMEOUT.as_millis()
    )
}
