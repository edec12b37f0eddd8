//! What follows from the end of a run: its outcome, the count of failures, and the schedules that wait for it.

use super::{Outcome, Paused, Status, changes, dependents, leader, runs};
use crate::{Error, Jobs, State};
use seaworthy_store::{Query, Row, Rows, Timestamp, Tx};

/// How many at once.
const MOST: i64 = 200;

/// The end of a run.
pub(super) struct Ended {
    pub(super) schedule: String,
    pub(super) tick: Timestamp,
    pub(super) job: Option<i64>,
    /// `None`: the job is gone.
    pub(super) state: Option<State>,
    pub(super) at: Timestamp,
}

/// Deals with runs that have ended; gives who was paused, and whether there may be more.
pub(super) async fn run(tx: &mut Tx, jobs: &Jobs, fence: i64) -> Result<(Vec<Paused>, bool), Error> {
    leader::check(tx, fence).await?;
    let now = tx.now();
    let query = Query::new(
        "SELECT r.schedule AS schedule, r.tick AS tick, r.job_id AS job_id, j.state AS state,
            j.finished_at AS finished_at
         FROM schedule_runs r LEFT JOIN jobs j ON j.id = r.job_id
         WHERE r.outcome = 'enqueued' AND r.job_id IS NOT NULL AND (j.id IS NULL OR j.finished_at IS NOT NULL)
         ORDER BY r.job_id LIMIT $1",
    );
    let rows = tx.fetch_all(query.bind(MOST)).await?;
    let more = rows.len() as i64 == MOST;
    let ended = rows.iter().map(|row| Ended::read(row, now)).collect::<Result<Vec<_>, _>>()?;
    hold_all(tx, &ended).await?;
    let mut paused = Vec::new();
    for ended in &ended {
        paused.extend(settle(tx, ended, now).await?);
        dependents::tell(tx, jobs, ended).await?;
    }
    dependents::expire(tx).await?;
    Ok((paused, more))
}

/// Holds every schedule that this may touch in the order of their names, as reconciling does: neither must wait for
/// the other while the other waits for it.
async fn hold_all(tx: &mut Tx, ended: &[Ended]) -> Result<(), Error> {
    if ended.is_empty() {
        return Ok(());
    }
    let rows = Rows::new().texts("name", ended.iter().map(|ended| Some(ended.schedule.clone())));
    let query = Query::new(
        "SELECT name FROM schedules WHERE (dependent = 1 AND status = 'active')
            OR name IN (SELECT x.name FROM {rows}) ORDER BY name {lock}",
    );
    tx.fetch_all(query.rows(rows)).await?;
    Ok(())
}

async fn settle(tx: &mut Tx, ended: &Ended, now: Timestamp) -> Result<Option<Paused>, Error> {
    let outcome = match ended.state {
        Some(State::Completed) => Outcome::Completed,
        Some(State::Discarded) => Outcome::Failed,
        Some(_) => Outcome::Cancelled,
        None => Outcome::Gone,
    };
    let query = Query::new(
        "UPDATE schedule_runs SET outcome = $3, finished_at = $4 WHERE schedule = $1 AND tick = $2",
    );
    let query = query.bind(ended.schedule.as_str()).bind(ended.tick).bind(outcome.as_str()).bind(ended.at);
    tx.execute(query).await?;
    let schedule = match changes::hold(tx, &ended.schedule).await {
        Err(Error::NotFound { .. }) => return Ok(None),
        other => other?,
    };
    let failures = match outcome {
        Outcome::Completed => 0,
        Outcome::Failed => schedule.failures.saturating_add(1),
        _ => schedule.failures,
    };
    if failures == schedule.failures {
        return Ok(None);
    }
    let query = Query::new("UPDATE schedules SET failures = $2 WHERE name = $1");
    tx.execute(query.bind(schedule.name()).bind(i64::from(failures))).await?;
    let most = schedule.definition.max_failures;
    if most == 0 || failures < most || schedule.status != Status::Active {
        return Ok(None);
    }
    pause(tx, ended, failures, now).await.map(Some)
}

async fn pause(tx: &mut Tx, ended: &Ended, failures: u32, now: Timestamp) -> Result<Paused, Error> {
    let reason = format!("{failures} runs in a row failed");
    let query = Query::new(
        "UPDATE schedules SET status = 'paused', reason = $2, next_at = NULL, fire_at = NULL, waiting = NULL,
            waiting_until = NULL, version = version + 1, updated_at = $3 WHERE name = $1",
    );
    tx.execute(query.bind(ended.schedule.as_str()).bind(reason.as_str()).bind(now)).await?;
    runs::note(tx, &ended.schedule, "failing", Some(&reason)).await?;
    Ok(Paused { schedule: ended.schedule.clone(), failures, job: ended.job, at: now })
}

impl Ended {
    fn read(row: &Row, now: Timestamp) -> Result<Self, Error> {
        let state: Option<String> = row.get("state")?;
        let damaged = |_| Error::from(seaworthy_store::Error::Corrupt("a job's state".to_owned()));
        Ok(Self {
            schedule: row.get("schedule")?,
            tick: Timestamp::from_micros(row.get("tick")?),
            job: row.get("job_id")?,
            state: state.map(|state| state.parse().map_err(damaged)).transpose()?,
            at: row.get::<Option<i64>>("finished_at")?.map_or(now, Timestamp::from_micros),
        })
    }
}
