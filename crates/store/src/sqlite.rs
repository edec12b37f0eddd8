//! SQLite: write-ahead log, one writer, several readers.
//!
//! On disk: `NAME`, and while it is open `NAME-wal` and `NAME-shm`. Copying `NAME` alone while a program has it open
//! misses what is in the log: back up with [`Store::backup_to`](crate::Store::backup_to), `VACUUM INTO` or
//! `sqlite3 NAME .backup`. The file is created for its owner only.

mod call;
mod writer;

pub(crate) use writer::Writer;

use crate::clock::StoreClock;
use crate::notice::Board;
use crate::transaction::{Conn, Tx};
use crate::{Error, Options, Sync};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::path::Path;
use std::sync::Arc;

/// More readers than this gain nothing on one file.
const MOST_READERS: u32 = 4;
/// Prepared statements kept per connection.
const STATEMENTS: usize = 128;

pub(crate) struct Engine {
    pub(crate) writer: Writer,
    pub(crate) readers: SqlitePool,
    connect: SqliteConnectOptions,
}

impl Engine {
    pub(crate) async fn open(
        path: &Path,
        options: &Options,
        clock: Arc<StoreClock>,
        board: Board,
    ) -> Result<Self, Error> {
        create(path)?;
        let base = connect_options(path, options);
        let mut writing = base.clone();
        if let Some(pages) = options.max_pages {
            writing = writing.pragma("max_page_count", pages.to_string());
        }
        let tx = Tx::new(Conn::Sqlite(writing.connect().await?), clock);
        let connect = base.clone();
        let readers = SqlitePoolOptions::new()
            .max_connections(options.max_connections.clamp(1, MOST_READERS))
            .acquire_timeout(options.acquire_timeout)
            .test_before_acquire(false)
            .connect_lazy_with(base.pragma("query_only", "on"));
        let writer = Writer::start(tx, options, board);
        Ok(Self { writer, readers, connect })
    }

    /// A consistent copy, over a connection of its own: the readers may not write, not even elsewhere.
    pub(crate) async fn copy_to(&self, path: &Path) -> Result<(), Error> {
        // an empty file of ours is filled; one that is there already is somebody's
        let mut connection = self.connect.connect().await?;
        make(path, true)?;
        let query = crate::Query::new("VACUUM INTO $1").bind(path.to_string_lossy().into_owned());
        let copied = query.sqlite().execute(&mut connection).await;
        let _ = sqlx::Connection::close(connection).await;
        if copied.is_err() {
            let _ = std::fs::remove_file(path);
        }
        Ok(copied.map(|_| ())?)
    }
}

fn connect_options(path: &Path, options: &Options) -> SqliteConnectOptions {
    let synchronous = match options.sync {
        Sync::Full => SqliteSynchronous::Full,
        Sync::Normal => SqliteSynchronous::Normal,
    };
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .busy_timeout(options.busy_timeout)
        .foreign_keys(true)
        .statement_cache_capacity(STATEMENTS)
        .pragma("temp_store", "memory")
        .pragma("cache_size", "-32000")
        // a burst must not leave a log that never shrinks again
        .pragma("journal_size_limit", "67108864")
}

/// Made before SQLite would make it: state is nobody else's to read.
fn create(path: &Path) -> Result<(), Error> {
    make(path, false)
}

fn make(path: &Path, new: bool) -> Result<(), Error> {
    let mut open = std::fs::OpenOptions::new();
    open.append(true).create(true).create_new(new);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    open.open(path).map(|_| ()).map_err(|error| Error::Unavailable(format!("{}: {error}", path.display())))
}
