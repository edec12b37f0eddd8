//! One dead letter, with all that is known about it.

use super::edit::{self, Edit};
use super::filter::{DeadFilter, Growing};
use crate::job::{self, Attempt, Job, LARGEST_PAGE, LogLine};
use crate::{Error, State};
use seaworthy_store::{Query, Store};

/// A dead letter.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The job.
    pub job: Job,
    /// Its attempts, oldest first, those before its replays too.
    pub attempts: Vec<Attempt>,
    /// What it said.
    pub logs: Vec<LogLine>,
    /// How its arguments were changed.
    pub edits: Vec<Edit>,
}

pub(super) async fn inspect(store: &Store, id: i64) -> Result<DeadLetter, Error> {
    let row = store.fetch_optional(Query::new("SELECT * FROM jobs WHERE id = $1").bind(id)).await?;
    let job = Job::read(&row.ok_or_else(|| super::replay::missing(id))?)?;
    if job.state != State::Discarded {
        return Err(Error::State { id, state: job.state, action: "looked at as a dead letter" });
    }
    Ok(DeadLetter {
        job,
        attempts: job::attempts(store, id).await?,
        logs: job::logs(store, id).await?,
        edits: edit::list(store, id).await?,
    })
}

/// A page, newest job first.
pub(super) async fn list(
    store: &Store,
    filter: &DeadFilter,
    before: Option<i64>,
    most: usize,
) -> Result<Vec<Job>, Error> {
    let query = Growing::new("SELECT ").add(job::SHORTENED).add(" FROM jobs WHERE ").letters(filter);
    let query = query.with(" AND id < ", before.unwrap_or(i64::MAX));
    let most = i64::try_from(most.min(LARGEST_PAGE)).unwrap_or(1);
    let rows = store.fetch_all(query.with(" ORDER BY id DESC LIMIT ", most).query()).await?;
    rows.iter().map(Job::read).collect()
}
