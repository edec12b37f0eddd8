//! Batches: a job of its own when all jobs of a batch have ended.

use crate::enqueue::{Ids, Prepared};
use crate::{Error, NewJob, Settings, enqueue, payload, topic};
use seaworthy_store::{Query, Row, Rows, Store, Timestamp, Tx};

/// How many are looked at in one step.
pub(crate) const MOST: usize = 100;

/// How a batch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its number.
    pub id: i64,
    /// What it is called.
    pub name: Option<String>,
    /// It takes no more jobs.
    pub sealed: bool,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When its last job had ended.
    pub finished_at: Option<Timestamp>,
    /// The job that was enqueued then.
    pub callback: Option<i64>,
}

/// What runs when a batch is finished: kind, queue and arguments of the job.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Callback {
    /// The kind of worker.
    pub kind: String,
    /// The queue.
    pub queue: String,
    /// Its arguments.
    pub payload: serde_json::Value,
}

pub(crate) async fn begin(
    tx: &mut Tx,
    id: i64,
    name: Option<&str>,
    callback: Option<&Callback>,
    settings: &Settings,
) -> Result<(), Error> {
    if let Some(text) = name {
        payload::name("name", text, 512)?;
    }
    let text = callback.map(|callback| serde_json::json!(callback).to_string());
    if let Some(callback) = callback.cloned() {
        // what could not be enqueued in the end is refused at the beginning
        prepare(callback, id, settings)?;
    }
    let query =
        Query::new("INSERT INTO job_batches (id, name, callback, created_at) VALUES ($1, $2, $3, $4)");
    let now = tx.now();
    tx.execute(query.bind(id).bind(name).bind(text).bind(now)).await?;
    Ok(())
}

/// No more jobs: once those it has are finished, so is it.
pub(crate) async fn seal(tx: &mut Tx, id: i64) -> Result<(), Error> {
    if tx.execute(Query::new("UPDATE job_batches SET sealed = 1 WHERE id = $1").bind(id)).await? == 0 {
        return Err(Error::NotFound { what: "batch", id: id.to_string() });
    }
    tx.notify(topic::BATCH, &id.to_string());
    Ok(())
}

pub(crate) async fn get(store: &Store, id: i64) -> Result<Batch, Error> {
    let row = store.fetch_optional(Query::new("SELECT * FROM job_batches WHERE id = $1").bind(id)).await?;
    let row = row.ok_or_else(|| Error::NotFound { what: "batch", id: id.to_string() })?;
    Ok(Batch {
        id,
        name: row.get("name")?,
        sealed: row.get::<i64>("sealed")? == 1,
        created_at: Timestamp::from_micros(row.get("created_at")?),
        finished_at: row.get::<Option<i64>>("finished_at")?.map(Timestamp::from_micros),
        callback: row.get("callback_id")?,
    })
}

/// Which batches are looked at.
#[derive(Debug)]
pub(crate) enum Which {
    /// Those that somebody spoke of.
    These(Vec<i64>),
    /// All that are sealed and not finished, for what went unheard.
    All,
}

/// Finishes batches whose jobs have all ended, and enqueues what runs then, in the same transaction: once. Tells how
/// many.
pub(crate) async fn close(tx: &mut Tx, ids: &Ids, settings: &Settings, which: Which) -> Result<usize, Error> {
    const DONE: &str =
        "AND NOT EXISTS (SELECT 1 FROM jobs WHERE batch_id = job_batches.id AND batch_id IS NOT NULL
            AND finished_at IS NULL)
        ORDER BY id LIMIT $1 {skip}";
    let open = "SELECT id, callback FROM job_batches WHERE sealed = 1 AND finished_at IS NULL";
    let query = match which {
        Which::All => Query::assembled(format!("{open} {DONE}")).bind(MOST as i64),
        Which::These(these) => {
            let query = Query::assembled(format!("{open} AND id IN (SELECT id FROM {{rows}}) {DONE}"));
            query.bind(MOST as i64).rows(Rows::new().ints("id", these))
        }
    };
    let done = tx.fetch_all(query).await?;
    for row in &done {
        let id: i64 = row.get("id")?;
        let made = match callback(row, id, settings)? {
            Some(job) => enqueue::accept(tx, ids, vec![job]).await?.first().map(|made| made.id),
            None => None,
        };
        let query = Query::new("UPDATE job_batches SET finished_at = $2, callback_id = $3 WHERE id = $1");
        let now = tx.now();
        tx.execute(query.bind(id).bind(now).bind(made)).await?;
    }
    Ok(done.len())
}

/// The job to be enqueued. One that cannot be, because the limits are tighter than when the batch was begun, must not
/// hold up all others for ever.
fn callback(row: &Row, id: i64, settings: &Settings) -> Result<Option<Prepared>, Error> {
    let Some(text) = row.get::<Option<String>>("callback")? else { return Ok(None) };
    let prepared = match serde_json::from_str(&text) {
        Ok(callback) => prepare(callback, id, settings),
        Err(_) => Err(Error::invalid("callback", "cannot be read")),
    };
    match prepared {
        Ok(job) => Ok(Some(job)),
        Err(error) => {
            tracing::error!(batch = id, %error, "a batch is finished without its callback, which cannot be enqueued");
            Ok(None)
        }
    }
}

fn prepare(callback: Callback, id: i64, settings: &Settings) -> Result<Prepared, Error> {
    let job = NewJob::raw(callback.kind, callback.payload.to_string());
    Prepared::new(job.queue(callback.queue).metadata("batch", id.to_string()), settings.max_payload)
}
