use crate::clock::StoreClock;
use crate::notice::Board;
use crate::transaction::Conn;
use crate::{Error, Notice, Options, Query, Row, Subscription, Timestamp, Tx, migrate, postgres, sqlite};
use futures_util::future::BoxFuture;
use seaworthy_core::Secret;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often PostgreSQL's clock is read.
const CLOCK_EVERY: Duration = Duration::from_secs(10);

/// How often it is asked again where its answers were long on their way.
const CLOCK_TRIES: usize = 5;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A file of this process.
    Sqlite,
    /// A server.
    Postgres,
}

/// An open database. Clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    /// Uses the connections kept for what cannot wait.
    urgent: bool,
}

struct Inner {
    engine: Engine,
    clock: Arc<StoreClock>,
    board: Board,
}

enum Engine {
    Sqlite(Box<sqlite::Engine>),
    Postgres(Box<postgres::Engine>),
}

impl Store {
    /// Opens `sqlite://PATH` (relative, or absolute with a third slash; the file is made where it is missing) or
    /// `postgres://…`. Must be called inside a tokio runtime, which carries its tasks.
    ///
    /// # Errors
    /// [`Error::Address`], [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn open<'a>(url: &'a Secret<String>, options: Options) -> BoxFuture<'a, Result<Self, Error>> {
        Box::pin(async move {
            let url = url.expose().as_str();
            let board = Board::new();
            let injected = options.clock.clone().map(StoreClock::Injected);
            if let Some(path) = url.strip_prefix("sqlite://") {
                if path.is_empty() || path.contains(['?', '\0']) {
                    return Err(Error::Address(
                        "sqlite:// is followed by a path and nothing else".to_owned(),
                    ));
                }
                let clock = Arc::new(injected.unwrap_or(StoreClock::Machine));
                let engine =
                    sqlite::Engine::open(Path::new(path), &options, Arc::clone(&clock), board.clone())
                        .await?;
                return Ok(Self::of(Engine::Sqlite(Box::new(engine)), clock, board));
            }
            if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
                return Err(Error::Address("it starts with neither".to_owned()));
            }
            let clock = Arc::new(injected.unwrap_or_else(StoreClock::remote));
            let engine = postgres::Engine::open(url, &options, &board).await?;
            let store = Self::of(Engine::Postgres(Box::new(engine)), clock, board);
            store.refresh_clock().await?;
            tokio::spawn(keep_time(Arc::downgrade(&store.inner)));
            Ok(store)
        })
    }

    fn of(engine: Engine, clock: Arc<StoreClock>, board: Board) -> Self {
        Self { inner: Arc::new(Inner { engine, clock, board }), urgent: false }
    }

    /// The same store over the few connections kept for what must not wait behind everything else: signs of life, and
    /// ends that are to be recorded. SQLite has one writer, and a turn for everybody.
    #[must_use]
    pub fn urgent(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), urgent: true }
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        match &self.inner.engine {
            Engine::Sqlite(_) => Backend::Sqlite,
            Engine::Postgres(_) => Backend::Postgres,
        }
    }

    /// Whether a transaction pooler stands in front of the database.
    pub fn is_pooled(&self) -> bool {
        matches!(&self.inner.engine, Engine::Postgres(engine) if engine.pooler)
    }

    /// The database's time, as far as this process knows: read every few seconds, told in between by the machine's
    /// monotonic clock, so that no jump of the machine's civil clock is felt.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Reads the database's clock now. Nothing to do for SQLite.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and the like; the old reading stays.
    pub fn refresh_clock<'a>(&'a self) -> BoxFuture<'a, Result<Timestamp, Error>> {
        Box::pin(async move {
            if matches!(*self.inner.clock, StoreClock::Remote(..)) {
                for _ in 0..CLOCK_TRIES {
                    let read = self.write(move |tx| Box::pin(read_clock(tx)));
                    let (told, asked) = read.await?;
                    if self.inner.clock.set(told, asked) {
                        break;
                    }
                }
            }
            Ok(self.now())
        })
    }

    /// Applies a component's migrations that are missing.
    ///
    /// # Errors
    /// [`Error::Newer`], [`Error::Edited`], and whatever the database says; then nothing was applied.
    pub fn migrate<'a>(&'a self, component: &'static migrate::Component) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.write(move |tx| Box::pin(migrate::apply(tx, component))).await })
    }

    /// Runs `work` in one transaction: all of it becomes durable, or, where it fails, nothing. Once started it is
    /// carried through on SQLite even where the caller stops waiting; on PostgreSQL it is then rolled back.
    ///
    /// # Errors
    /// The work's own, or the store's.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match &self.inner.engine {
            Engine::Sqlite(engine) => engine.writer.write(work).await,
            Engine::Postgres(engine) => {
                let mut tx = engine.begin(Arc::clone(&self.inner.clock), self.urgent).await?;
                let done = work(&mut tx).await?;
                let Tx { conn, notices, .. } = tx;
                if let Conn::Postgres(link) = conn {
                    link.commit().await?;
                }
                notices.into_iter().for_each(|notice| self.publish(notice));
                Ok(done)
            }
        }
    }

    /// One writing statement; the number of rows it changed.
    ///
    /// # Errors
    /// Whatever the database says.
    pub fn execute<'a>(&'a self, query: Query) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            match &self.inner.engine {
                Engine::Postgres(engine) if !engine.pooler => {
                    engine.link(self.urgent).await?.execute(query).await
                }
                _ => self.write(move |tx| Box::pin(async move { tx.execute(query).await })).await,
            }
        })
    }

    /// One writing statement that tells what it did.
    ///
    /// # Errors
    /// Whatever the database says.
    pub fn execute_returning<'a>(&'a self, query: Query) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        Box::pin(async move {
            match &self.inner.engine {
                Engine::Postgres(engine) if !engine.pooler => {
                    engine.link(self.urgent).await?.fetch_all(query).await
                }
                _ => self.write(move |tx| Box::pin(async move { tx.fetch_all(query).await })).await,
            }
        })
    }

    /// One reading statement.
    ///
    /// # Errors
    /// Whatever the database says.
    pub fn fetch_all<'a>(&'a self, query: Query) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        Box::pin(async move {
            match &self.inner.engine {
                Engine::Sqlite(engine) => {
                    let rows = query.sqlite().fetch_all(&engine.readers).await?;
                    Ok(rows.into_iter().map(Row::Sqlite).collect())
                }
                Engine::Postgres(_) => self.execute_returning(query).await,
            }
        })
    }

    /// One reading statement that PostgreSQL ends after so long; SQLite's readers are in nobody's way.
    ///
    /// # Errors
    /// [`Error::Timeout`], and whatever the database says.
    pub fn fetch_within<'a>(
        &'a self,
        query: Query,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        Box::pin(async move {
            match &self.inner.engine {
                Engine::Sqlite(_) => self.fetch_all(query).await,
                Engine::Postgres(engine) => {
                    let mut link = engine.link(self.urgent).await?;
                    link.begin(format!(
                        "BEGIN READ ONLY; SET LOCAL statement_timeout = {}",
                        limit.as_millis()
                    ))
                    .await?;
                    link.fetch_all(query).await
                }
            }
        })
    }

    /// The first row of a reading statement.
    ///
    /// # Errors
    /// Whatever the database says.
    pub fn fetch_optional<'a>(&'a self, query: Query) -> BoxFuture<'a, Result<Option<Row>, Error>> {
        Box::pin(async move { Ok(self.fetch_all(query).await?.into_iter().next()) })
    }

    /// The row of a reading statement that must have one.
    ///
    /// # Errors
    /// Whatever the database says, and [`Error::NotFound`].
    pub fn fetch_one<'a>(&'a self, query: Query) -> BoxFuture<'a, Result<Row, Error>> {
        Box::pin(async move { self.fetch_optional(query).await?.ok_or(Error::NotFound) })
    }

    /// Tells subscribers, here and in other processes.
    pub fn publish(&self, notice: Notice) {
        if let Engine::Postgres(engine) = &self.inner.engine {
            engine.notifier.send(notice.clone());
        }
        self.inner.board.publish(notice);
    }

    /// Hears notices from now on.
    pub fn subscribe(&self) -> Subscription {
        self.inner.board.subscribe()
    }

    /// Writes a consistent copy of an SQLite store, while it is in use, to a file that must not exist yet.
    ///
    /// # Errors
    /// [`Error::Address`] for PostgreSQL, which has tools of its own; whatever SQLite says.
    pub fn backup_to<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let Engine::Sqlite(engine) = &self.inner.engine else {
                return Err(Error::Address("only sqlite:// is copied to a file".to_owned()));
            };
            engine.copy_to(path).await
        })
    }

    /// Ends writes under way and closes all connections. Whoever asks afterwards is told [`Error::Closed`].
    pub fn close<'a>(&'a self) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            match &self.inner.engine {
                Engine::Sqlite(engine) => {
                    engine.readers.close().await;
                    engine.writer.close().await;
                }
                Engine::Postgres(engine) => engine.close().await,
            }
        })
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("backend", &self.backend()).finish_non_exhaustive()
    }
}

/// Reads PostgreSQL's clock as long as the store is in use.
async fn keep_time(inner: std::sync::Weak<Inner>) {
    loop {
        tokio::time::sleep(CLOCK_EVERY).await;
        let Some(inner) = inner.upgrade() else { return };
        match (Store { inner, urgent: true }).refresh_clock().await {
            Err(Error::Closed) => return,
            Err(error) => tracing::debug!(%error, "the database's clock could not be read"),
            Ok(_) => {}
        }
    }
}

/// The database's time, and when it was asked: once a connection was there, which may have taken its time.
async fn read_clock(tx: &mut Tx) -> Result<(Timestamp, Instant), Error> {
    let asked = Instant::now();
    let query = Query::new("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now");
    let told = tx.fetch_one(query).await?.get("now")?;
    Ok((Timestamp::from_micros(told), asked))
}
