//! Making a job of a run, once.

use super::changes::{self, refused};
use super::{Cause, Definition, Outcome, Overlap, Schedule, Status};
use crate::dependencies::{DependsOn, Needs};
use crate::{Cancelled, Error, Jobs, cancel};
use seaworthy_store::{Query, Timestamp, Tx};
use std::time::Duration;

/// A job cannot wait for more others than this.
const MOST_OPEN: i64 = 1_000;

/// What became of a run that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triggered {
    /// The tick it is recorded under.
    pub tick: Timestamp,
    /// `enqueued`, or `skipped` where the run before it has not ended.
    pub outcome: Outcome,
    /// Its job.
    pub job: Option<i64>,
}

/// What is to be run.
pub(super) struct Request<'a> {
    pub(super) definition: &'a Definition,
    pub(super) tick: Timestamp,
    pub(super) cause: Cause,
    pub(super) delay: Option<Duration>,
}

pub(super) async fn by_hand(tx: &mut Tx, jobs: &Jobs, name: &str) -> Result<Triggered, Error> {
    let schedule = changes::hold(tx, name).await?;
    if schedule.status == Status::Disabled {
        return Err(refused(name, "it is disabled"));
    }
    beside(tx, jobs, &schedule, Cause::Manual, None).await
}

/// A run that no clock asked for: recorded under the present moment.
pub(super) async fn beside(
    tx: &mut Tx,
    jobs: &Jobs,
    schedule: &Schedule,
    cause: Cause,
    delay: Option<Duration>,
) -> Result<Triggered, Error> {
    let last = Query::new("SELECT max(tick) AS tick FROM schedule_runs WHERE schedule = $1 AND tick >= $2");
    let row = tx.fetch_one(last.bind(schedule.name()).bind(tx.now())).await?;
    // two within a microsecond, or under a clock that went back
    let taken = row.get::<Option<i64>>("tick")?.map(|tick| Timestamp::from_micros(tick.saturating_add(1)));
    let tick = taken.map_or(tx.now(), |free| free.max(tx.now()));
    let request = Request { definition: &schedule.definition, tick, cause, delay };
    let done = run(tx, jobs, &request).await?;
    done.ok_or_else(|| refused(schedule.name(), "it was run at this very moment"))
}

/// Runs it; `None` where this tick was dealt with before.
pub(super) async fn run(tx: &mut Tx, jobs: &Jobs, request: &Request<'_>) -> Result<Option<Triggered>, Error> {
    let (definition, tick) = (request.definition, request.tick);
    let wait = match room(tx, definition).await? {
        Room::Free => None,
        Room::After(jobs) => Some(jobs),
        Room::None(note) => {
            let new = record(tx, request, Outcome::Skipped, Some(note)).await?;
            return Ok(new.then_some(Triggered { tick, outcome: Outcome::Skipped, job: None }));
        }
    };
    if !record(tx, request, Outcome::Enqueued, None).await? {
        return Ok(None);
    }
    let mut job = definition.job.job(&definition.name, tick);
    if let Some(open) = wait {
        let on = DependsOn::all(open).needs(Needs::Completion);
        job = job.depends_on(on.delay(request.delay.unwrap_or_default()));
    } else if let Some(delay) = request.delay {
        job = job.after(delay);
    }
    let made = jobs.enqueue_in(tx, vec![job]).await?;
    let id = made.first().map(|made| made.id);
    let query = Query::new("UPDATE schedule_runs SET job_id = $3 WHERE schedule = $1 AND tick = $2");
    tx.execute(query.bind(definition.name.as_str()).bind(tick).bind(id)).await?;
    count(tx, definition).await?;
    Ok(Some(Triggered { tick, outcome: Outcome::Enqueued, job: id }))
}

/// One more execution; where that was the last, it expires.
async fn count(tx: &mut Tx, definition: &Definition) -> Result<(), Error> {
    let query =
        Query::new("UPDATE schedules SET executions = executions + 1 WHERE name = $1 RETURNING executions");
    let row = tx.fetch_one(query.bind(definition.name.as_str())).await?;
    let executions = u64::try_from(row.get::<i64>("executions")?).unwrap_or(u64::MAX);
    if definition.max_executions.is_some_and(|most| executions >= most) {
        changes::expire(tx, &definition.name, "it ran as often as it was to").await?;
    }
    Ok(())
}

/// Writes down what becomes of a tick; false where that was done before.
async fn record(
    tx: &mut Tx,
    request: &Request<'_>,
    outcome: Outcome,
    note: Option<&str>,
) -> Result<bool, Error> {
    let now = tx.now();
    let query = Query::new(
        "INSERT INTO schedule_runs (schedule, tick, cause, outcome, count, note, recorded_at)
         VALUES ($1, $2, $3, $4, 1, $5, $6) ON CONFLICT (schedule, tick) DO NOTHING",
    );
    let query = query.bind(request.definition.name.as_str()).bind(request.tick);
    let query = query.bind(request.cause.as_str()).bind(outcome.as_str()).bind(note).bind(now);
    Ok(tx.execute(query).await? == 1)
}

enum Room {
    Free,
    /// When these have ended.
    After(Vec<i64>),
    None(&'static str),
}

/// Whether the runs before it leave room for another.
async fn room(tx: &mut Tx, definition: &Definition) -> Result<Room, Error> {
    if definition.overlap == Overlap::Allow {
        return Ok(Room::Free);
    }
    let open = Query::new(
        "SELECT r.job_id AS id FROM schedule_runs r JOIN jobs j ON j.id = r.job_id
         WHERE r.schedule = $1 AND r.outcome = 'enqueued' AND j.finished_at IS NULL ORDER BY r.job_id LIMIT $2",
    );
    let rows = tx.fetch_all(open.bind(definition.name.as_str()).bind(MOST_OPEN)).await?;
    let open = rows.iter().map(|row| row.get("id")).collect::<Result<Vec<i64>, _>>()?;
    Ok(match (definition.overlap, open.len()) {
        (_, 0) | (Overlap::Allow, _) => Room::Free,
        (Overlap::Skip, _) => Room::None("the run before it had not ended"),
        (Overlap::BufferOne, 1) => Room::After(open),
        (Overlap::BufferOne, _) => Room::None("another one was waiting already"),
        (Overlap::CancelRunning, _) => {
            let mut running = Vec::new();
            for id in open {
                match cancel::cancel(tx, id).await {
                    Ok(Cancelled::Requested) => running.push(id),
                    Ok(Cancelled::Now) | Err(Error::State { .. } | Error::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            if running.is_empty() { Room::Free } else { Room::After(running) }
        }
    })
}
