use seaworthy_store::{Backend, Error, Query, Tx};
use tokio::sync::Mutex;

/// What PostgreSQL's sequence counts up by.
const BLOCK: i64 = 1_000;

/// Ids for new jobs, known before they are written, so that jobs of one batch can depend on each other.
///
/// From PostgreSQL a process takes a thousand at a time; SQLite's writer counts in the transaction itself.
#[derive(Debug, Default)]
pub(crate) struct Ids(Mutex<Vec<std::ops::Range<i64>>>);

impl Ids {
    pub(crate) async fn take(&self, tx: &mut Tx, count: usize) -> Result<Vec<i64>, Error> {
        let wanted = i64::try_from(count).unwrap_or(i64::MAX);
        if tx.backend() == Backend::Sqlite {
            let query = Query::new("UPDATE job_ids SET next = next + $1 RETURNING next").bind(wanted);
            let next: i64 = tx.fetch_one(query).await?.get("next")?;
            return Ok((next - wanted..next).collect());
        }
        let mut kept = self.0.lock().await;
        let mut ids = Vec::with_capacity(count);
        loop {
            for range in kept.iter_mut() {
                ids.extend(range.by_ref().take(count - ids.len()));
            }
            kept.retain(|range| !range.is_empty());
            if ids.len() >= count {
                return Ok(ids);
            }
            let missing = i64::try_from(count - ids.len()).unwrap_or(BLOCK);
            let query = Query::new("SELECT nextval('job_ids') AS first FROM generate_series(1, $1)");
            for row in tx.fetch_all(query.bind((missing + BLOCK - 1) / BLOCK)).await? {
                let first: i64 = row.get("first")?;
                kept.push(first..first + BLOCK);
            }
        }
    }

    /// One id, for whatever else is counted with jobs.
    pub(crate) async fn one(&self, tx: &mut Tx) -> Result<i64, Error> {
        self.take(tx, 1).await?.first().copied().ok_or(Error::NotFound)
    }

    pub(crate) async fn forget(&self) {
        self.0.lock().await.clear();
    }
}
