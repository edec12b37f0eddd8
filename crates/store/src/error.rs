use seaworthy_core::ErrorCode;

/// Why the store did not do what it was asked. No variant carries an address, a password or a bound value.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The address is none of ours.
    #[error("a store's address is sqlite://PATH or postgres://…: {0}")]
    Address(String),
    /// The database cannot be reached, refuses us or is too busy; nothing was written.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A statement took longer than it may; nothing was written, unless it was one outside a transaction.
    #[error("the database did not answer in time: {0}")]
    Timeout(String),
    /// The connection broke while it was committing: the write may or may not have happened.
    #[error("the connection broke during the commit; the write may have happened: {0}")]
    Ambiguous(String),
    /// A constraint says no.
    #[error("conflict: {0}")]
    Conflict(String),
    /// Another transaction was in the way; the same write may succeed when it is made again.
    #[error("another transaction was in the way: {0}")]
    Contended(String),
    /// The disk, or the file's allowed size, is full; nothing was written.
    #[error("the disk is full: {0}")]
    Full(String),
    /// The file is damaged or not a database.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// The schema is newer than this program.
    #[error(
        "the database's schema of \"{component}\" is version {found}, this program knows up to {known}: \
         start the newer program, or restore a backup from before the upgrade"
    )]
    Newer {
        /// Whose schema.
        component: &'static str,
        /// The version in the database.
        found: i64,
        /// The newest version this program brings.
        known: i64,
    },
    /// A migration was edited after it had been applied.
    #[error("migration {version} of \"{component}\" is not the one that was applied to this database")]
    Edited {
        /// Whose schema.
        component: &'static str,
        /// Which migration.
        version: i64,
    },
    /// A row was expected and there is none.
    #[error("no such row")]
    NotFound,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// A defect of ours.
    #[error("statement failed: {0}")]
    Internal(String),
}

impl Error {
    /// What a caller can do about it.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Address(_) => ErrorCode::Invalid,
            Self::Unavailable(_) | Self::Full(_) | Self::Closed | Self::Contended(_) => {
                ErrorCode::Unavailable
            }
            Self::Timeout(_) | Self::Ambiguous(_) => ErrorCode::Timeout,
            Self::Conflict(_) => ErrorCode::Conflict,
            Self::NotFound => ErrorCode::NotFound,
            Self::Corrupt(_) | Self::Newer { .. } | Self::Edited { .. } | Self::Internal(_) => {
                ErrorCode::Internal
            }
        }
    }

    /// Whether the database was out of reach, so that waiting for it makes sense.
    pub const fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::Timeout(_) | Self::Ambiguous(_) | Self::Full(_) | Self::Contended(_)
        )
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(database) => of_database(&*database),
            sqlx::Error::Io(io) => Self::Unavailable(io.to_string()),
            sqlx::Error::Tls(tls) => Self::Unavailable(format!("tls: {tls}")),
            sqlx::Error::PoolTimedOut => Self::Unavailable("no connection was to be had in time".to_owned()),
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::WorkerCrashed => Self::Unavailable("the connection's thread ended".to_owned()),
            sqlx::Error::RowNotFound => Self::NotFound,
            // the text may hold parts of the address
            sqlx::Error::Configuration(_) => Self::Address("it cannot be read".to_owned()),
            // what a connection that died in the middle of a message leaves behind
            sqlx::Error::Protocol(what) => Self::Unavailable(what),
            other => Self::Internal(other.to_string()),
        }
    }
}

fn of_database(error: &dyn sqlx::error::DatabaseError) -> Error {
    let text = error.message().to_owned();
    let Some(code) = error.code() else { return Error::Internal(text) };
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        of_sqlstate(&code, text)
    } else {
        code.parse().map_or(Error::Internal(text.clone()), |code| of_sqlite(code, text))
    }
}

/// PostgreSQL's error classes: <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
fn of_sqlstate(code: &str, text: String) -> Error {
    match (code, code.get(..2).unwrap_or_default()) {
        ("57014", _) => Error::Timeout(text),
        ("40001" | "40P01" | "55P03", _) => Error::Contended(text),
        // statements that were prepared for another schema, or by somebody else: over a new connection they work
        ("26000" | "42P05", _) => Error::Contended(text),
        ("0A000", _) if text.contains("cached plan") => Error::Contended(text),
        ("53100", _) => Error::Full(text),
        // 25006: a standby, until it is promoted or the primary is found again
        ("25P03" | "25006", _) | (_, "08" | "53" | "57" | "28" | "3D") => Error::Unavailable(text),
        (_, "23") => Error::Conflict(text),
        (_, "58" | "XX") => Error::Corrupt(text),
        _ => Error::Internal(format!("{text} ({code})")),
    }
}

/// SQLite's result codes, the extended part cut off: <https://www.sqlite.org/rescode.html>.
fn of_sqlite(code: u32, text: String) -> Error {
    match code & 0xff {
        5 | 6 => Error::Contended(text),
        10 | 14 | 8 => Error::Unavailable(text),
        11 | 26 => Error::Corrupt(text),
        13 => Error::Full(text),
        9 => Error::Timeout(text),
        19 => Error::Conflict(text),
        _ => Error::Internal(format!("{text} ({code})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_words_become_ours() {
        assert!(matches!(of_sqlite(13, String::new()), Error::Full(_)));
        assert!(matches!(of_sqlite(2067, String::new()), Error::Conflict(_)));
        assert!(matches!(of_sqlite(517, String::new()), Error::Contended(_)));
        assert!(matches!(of_sqlstate("57P01", String::new()), Error::Unavailable(_)));
        assert!(matches!(of_sqlstate("57014", String::new()), Error::Timeout(_)));
        assert!(matches!(of_sqlstate("40P01", String::new()), Error::Contended(_)));
        assert!(matches!(of_sqlstate("23505", String::new()), Error::Conflict(_)));
        assert!(of_sqlstate("25006", String::new()).is_outage());
        assert!(of_sqlstate("26000", String::new()).is_outage());
        assert!(of_sqlstate("0A000", "cached plan must not change result type".to_owned()).is_outage());
        assert!(!of_sqlstate("0A000", "this is not supported".to_owned()).is_outage());
        assert_eq!(of_sqlstate("42601", String::new()).code(), ErrorCode::Internal);
    }
}
