//! Who may run, now that others have ended.
//!
//! How a job ended is written to the dependencies on it when it ends: it may be gone when the last of the others does.
//! Whoever decides about a waiting job holds its row first and counts afterwards, so that of two jobs that end at the
//! same moment the second sees the first.

use super::{DependsOn, Mode};
use crate::{Error, topic};
use seaworthy_store::{Query, Row, Rows, Timestamp, Tx};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// Writes down what new jobs wait for; those whose wait is over already are let go.
pub(crate) async fn register(tx: &mut Tx, waiting: &[(i64, &DependsOn)]) -> Result<(), Error> {
    let mut edges: Vec<(i64, i64, &str)> = Vec::new();
    for (id, on) in waiting {
        edges.extend(on.jobs.iter().map(|parent| (*parent, *id, on.needs.as_str())));
    }
    edges.sort_unstable();
    let rows = Rows::new()
        .ints("job_id", edges.iter().map(|edge| edge.1))
        .ints("on_id", edges.iter().map(|edge| edge.0))
        .texts("needs", edges.iter().map(|edge| Some(edge.2.to_owned())));
    let query = "INSERT INTO job_dependencies (job_id, on_id, needs) SELECT job_id, on_id, needs FROM {rows}";
    tx.execute(Query::new(query).rows(rows)).await?;

    let parents: BTreeSet<i64> = edges.iter().map(|edge| edge.0).collect();
    let query = "UPDATE jobs SET has_dependents = 1 FROM {rows} WHERE jobs.id = x.id
        RETURNING jobs.id AS id, jobs.finished_at AS finished_at";
    let found = tx.fetch_all(Query::new(query).rows(Rows::new().ints("id", parents.iter().copied()))).await?;
    let mut ended = Vec::new();
    let mut missing = parents;
    for row in &found {
        let id = row.get("id")?;
        missing.remove(&id);
        if row.get::<Option<i64>>("finished_at")?.is_some() {
            ended.push(id);
        }
    }
    if let Some(id) = missing.first() {
        return Err(Error::NotFound { what: "job", id: id.to_string() });
    }
    finished(tx, ended).await
}

/// Jobs have ended: those who wait for them, and those who wait for these, are looked at.
pub(crate) async fn finished(tx: &mut Tx, mut ended: Vec<i64>) -> Result<(), Error> {
    // a job only depends on older ones, so this comes to an end
    while !ended.is_empty() {
        let waiting = mark(tx, &ended).await?;
        ended = decide(tx, waiting).await?;
    }
    Ok(())
}

/// Calls off those who have waited too long.
pub(crate) async fn expire(tx: &mut Tx, most: i64) -> Result<usize, Error> {
    let query = "SELECT id FROM jobs WHERE state = 'pending' AND depends_until <= $1 ORDER BY depends_until LIMIT $2 {skip}";
    let rows = tx.fetch_all(Query::new(query).bind(tx.now()).bind(most)).await?;
    let late = rows.iter().map(|row| row.get("id")).collect::<Result<Vec<i64>, _>>()?;
    let count = late.len();
    let ended = call_off(tx, late, "timeout", "what it waits for did not end in time").await?;
    finished(tx, ended).await?;
    Ok(count)
}

/// Writes down how jobs ended; gives those who wait for them.
async fn mark(tx: &mut Tx, ended: &[i64]) -> Result<BTreeSet<i64>, Error> {
    let query = "UPDATE job_dependencies SET met = CASE
            WHEN needs = 'completion' THEN 1
            WHEN needs = 'success' AND j.state = 'completed' THEN 1
            WHEN needs = 'failure' AND j.state = 'discarded' THEN 1
            ELSE 0 END
        FROM {rows} JOIN jobs j ON j.id = x.id
        WHERE job_dependencies.on_id = x.id AND job_dependencies.met IS NULL
        RETURNING job_dependencies.job_id AS id";
    let rows = Rows::new().ints("id", ended.iter().copied());
    let rows = tx.fetch_all(Query::new(query).rows(rows)).await?;
    Ok(rows.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?)
}

/// Lets go, calls off or leaves each of them; gives those called off that others wait for.
async fn decide(tx: &mut Tx, waiting: BTreeSet<i64>) -> Result<Vec<i64>, Error> {
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let now = tx.now();
    let ids = Rows::new().ints("id", waiting);
    let lock = "SELECT id, queue, run_at, depends_mode, depends_delay_us FROM jobs
        WHERE id IN (SELECT id FROM {rows}) AND state = 'pending' ORDER BY id {lock}";
    let held = tx.fetch_all(Query::new(lock).rows(ids.clone())).await?;
    let count = "SELECT d.job_id AS id, count(*) AS total,
            count(CASE WHEN d.met = 1 THEN 1 END) AS met, count(CASE WHEN d.met = 0 THEN 1 END) AS failed
        FROM {rows} JOIN job_dependencies d ON d.job_id = x.id GROUP BY d.job_id";
    let mut counts = HashMap::new();
    for row in tx.fetch_all(Query::new(count).rows(ids)).await? {
        counts.insert(row.get::<i64>("id")?, Counts::read(&row)?);
    }
    let (mut hopeless, mut free) = (Vec::new(), Vec::new());
    for row in &held {
        let id: i64 = row.get("id")?;
        let any = row.get::<Option<String>>("depends_mode")?.as_deref() == Some(Mode::Any.as_str());
        match counts.get(&id).map_or(Verdict::Go, |counts| counts.verdict(any)) {
            Verdict::Go => free.push((id, due(row, now)?)),
            Verdict::Never => hopeless.push(id),
            Verdict::Wait => {}
        }
    }
    let_go(tx, free).await?;
    call_off(tx, hopeless, "dependency", "what it waits for ended otherwise than it needs").await
}

struct Counts {
    total: i64,
    met: i64,
    failed: i64,
}

enum Verdict {
    Go,
    Never,
    Wait,
}

impl Counts {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self { total: row.get("total")?, met: row.get("met")?, failed: row.get("failed")? })
    }

    const fn verdict(&self, any: bool) -> Verdict {
        if any {
            match (self.met, self.failed) {
                (1.., _) => Verdict::Go,
                (_, failed) if failed == self.total => Verdict::Never,
                _ => Verdict::Wait,
            }
        } else if self.failed > 0 {
            Verdict::Never
        } else if self.met == self.total {
            Verdict::Go
        } else {
            Verdict::Wait
        }
    }
}

/// When a job may run whose wait is over.
fn due(row: &Row, now: Timestamp) -> Result<Timestamp, Error> {
    let delay: Option<i64> = row.get("depends_delay_us")?;
    let delay = Duration::from_micros(u64::try_from(delay.unwrap_or(0)).unwrap_or(0));
    Ok(now.plus(delay).max(Timestamp::from_micros(row.get("run_at")?)))
}

async fn let_go(tx: &mut Tx, free: Vec<(i64, Timestamp)>) -> Result<(), Error> {
    if free.is_empty() {
        return Ok(());
    }
    let rows = Rows::new()
        .ints("id", free.iter().map(|(id, _)| *id))
        .ints("run_at", free.iter().map(|(_, run_at)| run_at.as_micros()));
    // the promoter gives each its place among those with the same concurrency key
    let query = "UPDATE jobs SET state = 'scheduled', run_at = x.run_at FROM {rows} WHERE jobs.id = x.id";
    tx.execute(Query::new(query).rows(rows)).await?;
    tx.notify(topic::DUE, "");
    Ok(())
}

async fn call_off(tx: &mut Tx, ids: Vec<i64>, code: &str, why: &str) -> Result<Vec<i64>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = "UPDATE jobs SET state = 'cancelled', finished_at = $1, error_code = $2, error = $3,
            unique_slot = CASE WHEN unique_until IS NULL THEN NULL ELSE unique_slot END
        FROM {rows} WHERE jobs.id = x.id AND jobs.state = 'pending'
        RETURNING jobs.id AS id, jobs.has_dependents AS has_dependents, jobs.batch_id AS batch_id";
    let query = Query::new(query).bind(tx.now()).bind(code).bind(why).rows(Rows::new().ints("id", ids));
    let mut ended = Vec::new();
    for row in tx.fetch_all(query).await? {
        if row.get::<i64>("has_dependents")? == 1 {
            ended.push(row.get("id")?);
        }
        if let Some(batch) = row.get::<Option<i64>>("batch_id")? {
            tx.notify(topic::BATCH, &batch.to_string());
        }
    }
    Ok(ended)
}
