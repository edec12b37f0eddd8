//! Accepting jobs: one statement for many, in whatever transaction.

mod ids;
mod prepared;

pub(crate) use ids::Ids;
pub(crate) use prepared::{Prepared, full_rows, slot};

use crate::{Error, dependencies, keys, topic};
use seaworthy_store::{Query, Rows, Timestamp, Tx};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// More rows than this in one statement gain nothing.
const MOST_TOGETHER: usize = 1_000;
/// How often a unique key may be freed between our insert and our look at who has it.
const MOST_TRIES: usize = 5;

/// What became of a job that was to be enqueued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    /// The job: the new one, or the one that has its unique key.
    pub id: i64,
    /// Whether the unique key was taken, so that nothing was added.
    pub duplicate: bool,
}

const PLAIN: &str = "INSERT INTO jobs
    (id, queue, kind, state, priority, run_at, payload, max_attempts, traceparent, created_at)
    SELECT id, queue, kind, state, priority, run_at, payload, max_attempts, traceparent, $1 FROM {rows}";

const FULL: &str = "INSERT INTO jobs
    (id, queue, kind, state, priority, run_at, payload, max_attempts, traceparent, held, timeout_us, retry,
     unique_key, unique_slot, unique_until, concurrency_key, depends_mode, depends_delay_us, depends_until,
     batch_id, metadata, tags, created_at)
    SELECT id, queue, kind, state, priority, run_at, payload, max_attempts, traceparent, held, timeout_us, retry,
     unique_key, unique_slot, unique_until, concurrency_key, depends_mode, depends_delay_us, depends_until,
     batch_id, metadata, tags, $1 FROM {rows} WHERE true
    ON CONFLICT (unique_slot) WHERE unique_slot IS NOT NULL DO NOTHING RETURNING id";

/// Writes the jobs; the answers are in their order.
pub(crate) async fn accept(tx: &mut Tx, ids: &Ids, jobs: Vec<Prepared>) -> Result<Vec<Enqueued>, Error> {
    let now = tx.now();
    let mut answers = Vec::with_capacity(jobs.len());
    for chunk in jobs.chunks(MOST_TOGETHER) {
        let all: Vec<&Prepared> = chunk.iter().collect();
        if chunk.iter().all(Prepared::is_plain) {
            let taken = ids.take(tx, chunk.len()).await?;
            let rows = prepared::plain_rows(&taken, &all, now);
            tx.execute(Query::new(PLAIN).bind(now).rows(rows)).await?;
            answers.extend(taken.into_iter().map(|id| Enqueued { id, duplicate: false }));
        } else {
            answers.extend(accept_full(tx, ids, &all, now).await?);
        }
    }
    after(tx, &jobs, &answers, now).await?;
    Ok(answers)
}

async fn accept_full(
    tx: &mut Tx,
    ids: &Ids,
    jobs: &[&Prepared],
    now: Timestamp,
) -> Result<Vec<Enqueued>, Error> {
    batches_are_open(tx, jobs).await?;
    let mut answers: BTreeMap<usize, Enqueued> = BTreeMap::new();
    for _ in 0..MOST_TRIES {
        let open: Vec<usize> = (0..jobs.len()).filter(|at| !answers.contains_key(at)).collect();
        if open.is_empty() {
            break;
        }
        let some: Vec<&Prepared> = open.iter().map(|at| jobs[*at]).collect();
        let slots: Vec<String> = some.iter().filter_map(|job| job.slot()).collect();
        free_lapsed_slots(tx, slots.clone(), now).await?;
        let taken = ids.take(tx, some.len()).await?;
        let (ids_by_slot, by_slot) = in_order_of_slots(&taken, &some);
        let query = Query::new(FULL).bind(now).rows(prepared::full_rows(&ids_by_slot, &by_slot, now));
        let made: HashSet<i64> =
            tx.fetch_all(query).await?.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?;
        let others = holders(tx, slots).await?;
        for (at, (id, job)) in open.into_iter().zip(taken.into_iter().zip(some)) {
            if made.contains(&id) {
                answers.insert(at, Enqueued { id, duplicate: false });
            } else if let Some(id) = job.slot().and_then(|slot| others.get(&slot).copied()) {
                answers.insert(at, Enqueued { id, duplicate: true });
            }
        }
    }
    if answers.len() < jobs.len() {
        return Err(
            seaworthy_store::Error::Contended("a unique key changes hands too fast".to_owned()).into()
        );
    }
    Ok(answers.into_values().collect())
}

/// Two calls that want the same unique keys wait for each other at the first of them, never in a ring.
fn in_order_of_slots<'j>(ids: &[i64], jobs: &[&'j Prepared]) -> (Vec<i64>, Vec<&'j Prepared>) {
    let mut pairs: Vec<_> = ids.iter().copied().zip(jobs.iter().copied()).collect();
    // those without one, and of equal ones the first, stay where they are
    pairs.sort_by_cached_key(|(_, job)| job.slot());
    pairs.into_iter().unzip()
}

/// Who has these unique keys.
pub(crate) async fn holders(tx: &mut Tx, slots: Vec<String>) -> Result<HashMap<String, i64>, Error> {
    if slots.is_empty() {
        return Ok(HashMap::new());
    }
    let query = "SELECT j.id AS id, j.unique_slot AS slot FROM {rows} JOIN jobs j ON j.unique_slot = x.slot
        AND j.unique_slot IS NOT NULL";
    let rows = tx.fetch_all(Query::new(query).rows(Rows::new().texts("slot", slots))).await?;
    rows.iter().map(|row| Ok((row.get("slot")?, row.get("id")?))).collect()
}

/// A period that is over frees its key at once, not only when maintenance comes by.
pub(crate) async fn free_lapsed_slots(tx: &mut Tx, slots: Vec<String>, now: Timestamp) -> Result<(), Error> {
    if slots.is_empty() {
        return Ok(());
    }
    let query = "UPDATE jobs SET unique_slot = NULL FROM {rows}
        WHERE jobs.unique_slot = x.slot AND jobs.unique_slot IS NOT NULL AND jobs.unique_until <= $1";
    tx.execute(Query::new(query).bind(now).rows(Rows::new().texts("slot", slots))).await?;
    Ok(())
}

/// A batch that is sealed, or was never begun, takes no more jobs.
async fn batches_are_open(tx: &mut Tx, jobs: &[&Prepared]) -> Result<(), Error> {
    // always in the same order
    let wanted: BTreeSet<i64> = jobs.iter().filter_map(|job| job.job.batch).collect();
    for batch in wanted {
        let query = Query::new("SELECT sealed FROM job_batches WHERE id = $1 {lock}").bind(batch);
        let Some(row) = tx.fetch_optional(query).await? else {
            return Err(Error::NotFound { what: "batch", id: batch.to_string() });
        };
        if row.get::<i64>("sealed")? == 1 {
            return Err(Error::invalid("batch", "is sealed: it takes no more jobs"));
        }
    }
    Ok(())
}

/// What else hangs on new jobs, and who must know of them.
async fn after(tx: &mut Tx, jobs: &[Prepared], answers: &[Enqueued], now: Timestamp) -> Result<(), Error> {
    let new = || jobs.iter().zip(answers).filter(|(_, answer)| !answer.duplicate);
    let mut limits = BTreeMap::new();
    let mut waiting = Vec::new();
    for (job, answer) in new() {
        if let Some((key, limit)) = &job.job.concurrency {
            limits.insert(key.clone(), *limit);
        }
        if let Some(on) = &job.job.depends_on {
            waiting.push((answer.id, on));
        }
        match job.state(now) {
            "available" => tx.notify(topic::READY, &job.job.queue),
            "scheduled" => tx.notify(topic::DUE, ""),
            _ => {}
        }
    }
    if !waiting.is_empty() {
        dependencies::register(tx, &waiting).await?;
    }
    if !limits.is_empty() {
        // after all rows of jobs, as everybody does: whoever records holds a job first and wants its key then
        keys::set_limits(tx, &limits).await?;
        keys::admit(tx, limits.into_keys().collect()).await?;
    }
    Ok(())
}
