//! `Idempotency-Key`: the same request again gets the same answer, and adds nothing.

use std::time::Duration;

use seaworthy_core::ErrorCode;
use seaworthy_jobs::{Enqueued, Error, Jobs, NewJob};
use seaworthy_store::migrate::{Component, Migration};
use seaworthy_store::{Query, Tx};

use super::problem;
use crate::Problem;

/// The tables of the API; to be applied before it is opened.
pub(super) const SCHEMA: Component = Component {
    name: "api",
    migrations: &[Migration {
        version: 1,
        name: "requests",
        sql: include_str!("../../migrations/0001_requests.sql"),
    }],
};
/// How long a key is remembered.
const KEEP: Duration = Duration::from_secs(24 * 3_600);
const LONGEST_KEY: usize = 255;
/// Old keys removed with each new one.
const MOST_REMOVED: i64 = 100;

/// What came of a request.
pub(super) struct Once {
    pub(super) enqueued: Enqueued,
    /// It had been made before.
    pub(super) repeated: bool,
}

enum Refused {
    Jobs(Error),
    Mismatch,
}

impl From<seaworthy_store::Error> for Refused {
    fn from(error: seaworthy_store::Error) -> Self {
        Self::Jobs(error.into())
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Jobs(error)
    }
}

/// Enqueues the job unless this key has been seen; `fingerprint` tells a repetition from another request.
pub(super) async fn enqueue(
    jobs: &Jobs,
    key: &str,
    fingerprint: String,
    job: NewJob,
) -> Result<Once, Problem> {
    if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        let detail = "Idempotency-Key must be 1 to 255 printable ASCII characters";
        return Err(Problem::new(ErrorCode::Invalid, "invalid_argument", detail));
    }
    let (door, key) = (jobs.clone(), key.to_owned());
    let write = jobs.store().write(move |tx| {
        Box::pin(async move {
            let now = tx.now();
            tidy(tx, now.minus(KEEP)).await?;
            let insert = Query::new(
                "INSERT INTO api_requests (key, fingerprint, at) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING",
            );
            // a second request with the key waits here for the end of the first
            let fresh = tx.execute(insert.bind(key.as_str()).bind(fingerprint.as_str()).bind(now)).await? == 1;
            if !fresh {
                return seen(tx, &key, &fingerprint).await;
            }
            let made = door.enqueue_in(tx, vec![job]).await?;
            let enqueued = *made.first().ok_or(Error::Store(seaworthy_store::Error::NotFound))?;
            let note = Query::new("UPDATE api_requests SET job_id = $2, duplicate = $3 WHERE key = $1");
            tx.execute(note.bind(key.as_str()).bind(enqueued.id).bind(enqueued.duplicate)).await?;
            Ok(Once { enqueued, repeated: false })
        })
    });
    write.await.map_err(|refused| match refused {
        Refused::Jobs(error) => problem(error),
        Refused::Mismatch => {
            let detail = "this Idempotency-Key was used for another request";
            Problem::new(ErrorCode::Conflict, "idempotency_mismatch", detail)
        }
    })
}

async fn seen(tx: &mut Tx, key: &str, fingerprint: &str) -> Result<Once, Refused> {
    let query =
        Query::new("SELECT fingerprint, job_id, duplicate FROM api_requests WHERE key = $1").bind(key);
    let row = tx.fetch_all(query).await?.into_iter().next().ok_or(seaworthy_store::Error::NotFound)?;
    if row.get::<String>("fingerprint")? != fingerprint {
        return Err(Refused::Mismatch);
    }
    let enqueued = Enqueued { id: row.get("job_id")?, duplicate: row.get::<i64>("duplicate")? == 1 };
    Ok(Once { enqueued, repeated: true })
}

async fn tidy(tx: &mut Tx, before: seaworthy_store::Timestamp) -> Result<(), Error> {
    let query = Query::new(
        "DELETE FROM api_requests WHERE key {any} SELECT key FROM api_requests WHERE at < $1
         ORDER BY at LIMIT $2 {skip} {end}",
    );
    tx.execute(query.bind(before).bind(MOST_REMOVED)).await?;
    Ok(())
}
