use seaworthy_core::Clock;
use std::sync::Arc;
use std::time::Duration;

/// When SQLite waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sync {
    /// At every commit: what was acknowledged survives a power cut. Writes that wait together share one wait.
    #[default]
    Full,
    /// At checkpoints only: a power cut may take the last commits with it; a crash of the process takes none.
    Normal,
}

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// `application_name` on PostgreSQL.
    pub application: String,
    /// The most connections to PostgreSQL, or readers of SQLite.
    pub max_connections: u32,
    /// How long a call may wait for a connection before it is answered with [`Error::Unavailable`](crate::Error).
    pub acquire_timeout: Duration,
    /// How long one statement may take, PostgreSQL.
    pub statement_timeout: Duration,
    /// How long SQLite waits for another process that writes.
    pub busy_timeout: Duration,
    /// When SQLite waits for the disk.
    pub sync: Sync,
    /// The most pages of an SQLite file; `None` leaves it to the disk.
    pub max_pages: Option<u32>,
    /// Whether a transaction pooler stands in front of PostgreSQL. `None`: found out at the first connection.
    pub pooler: Option<bool>,
    /// How many SQLite writes may wait for the writer; more are refused with [`Error::Unavailable`](crate::Error)
    /// once `acquire_timeout` is over.
    pub write_queue: usize,
    /// A clock to use in place of the database's, for tests.
    pub clock: Option<Arc<dyn Clock>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            application: "seaworthy".to_owned(),
            max_connections: 8,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            busy_timeout: Duration::from_secs(5),
            sync: Sync::Full,
            max_pages: None,
            pooler: None,
            write_queue: 1_024,
            clock: None,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("application", &self.application)
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("sync", &self.sync)
            .field("pooler", &self.pooler)
            .finish_non_exhaustive()
    }
}
