//! Firing what is due: the schedule's next tick and the job of this one, in one transaction.

use super::execute::{self, Request};
use super::plan::{self, Missed};
use super::{Cause, Outcome, Schedule, Status, changes, leader};
use crate::{Error, Jobs};
use seaworthy_store::{Query, Rows, Timestamp, Tx};

/// What one firing did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fired {
    pub(super) enqueued: usize,
    pub(super) skipped: usize,
    pub(super) missed: usize,
    /// How late the tick was.
    pub(super) lateness_us: u64,
}

/// The names of those that are due, the most overdue first.
pub(super) async fn due(jobs: &Jobs, most: i64) -> Result<Vec<String>, Error> {
    let query = Query::new(
        "SELECT name FROM schedules WHERE status = 'active' AND fire_at IS NOT NULL AND fire_at <= $1
         ORDER BY fire_at LIMIT $2",
    );
    let rows = jobs.store().fetch_all(query.bind(jobs.store().now()).bind(most)).await?;
    Ok(rows.iter().map(|row| row.get("name")).collect::<Result<_, _>>()?)
}

/// When the next is due.
pub(super) async fn next(jobs: &Jobs) -> Result<Option<Timestamp>, Error> {
    let query = Query::new(
        "SELECT fire_at FROM schedules WHERE status = 'active' AND fire_at IS NOT NULL ORDER BY fire_at LIMIT 1",
    );
    let row = jobs.store().fetch_optional(query).await?;
    Ok(row.map(|row| row.get("fire_at")).transpose()?.map(Timestamp::from_micros))
}

/// Deals with one schedule, as its leader.
pub(super) async fn fire(tx: &mut Tx, jobs: &Jobs, name: &str, fence: i64) -> Result<Fired, Error> {
    leader::check(tx, fence).await?;
    let schedule = match changes::hold(tx, name).await {
        Err(Error::NotFound { .. }) => return Ok(Fired::default()),
        other => other?,
    };
    let now = tx.now();
    // changed since it was looked at
    let Some(next) = schedule.next_at.filter(|_| is_due(&schedule, now)) else { return Ok(Fired::default()) };
    let plan = plan::plan(&schedule.definition, schedule.anchor, next, now)?;
    let mut fired = Fired { missed: write_missed(tx, name, &plan.missed, now).await?, ..Fired::default() };
    let last = plan.fire.or_else(|| plan.missed.last().map(|missed| missed.until));
    changes::advance(tx, name, last, plan.next).await?;
    if let Some(tick) = plan.fire {
        let request = Request { definition: &schedule.definition, tick, cause: Cause::Tick, delay: None };
        match execute::run(tx, jobs, &request).await?.map(|done| done.outcome) {
            Some(Outcome::Enqueued) => fired.enqueued = 1,
            Some(_) => fired.skipped = 1,
            // dealt with before: its clock went back in between
            None => {}
        }
        let late = now.since(plan::fire_time(&schedule.definition, tick));
        fired.lateness_us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
    }
    if plan.next.is_none() {
        changes::expire(tx, name, "its time is over").await?;
    }
    Ok(fired)
}

fn is_due(schedule: &Schedule, now: Timestamp) -> bool {
    schedule.status == Status::Active && schedule.fire_at.is_some_and(|at| at <= now)
}

async fn write_missed(tx: &mut Tx, name: &str, missed: &[Missed], now: Timestamp) -> Result<usize, Error> {
    if missed.is_empty() {
        return Ok(0);
    }
    let count = |missed: &Missed| missed.count.and_then(|count| i64::try_from(count).ok());
    let rows = Rows::new()
        .ints("tick", missed.iter().map(|missed| missed.tick.as_micros()))
        .ints("until", missed.iter().map(|missed| missed.until.as_micros()))
        .ints("count", missed.iter().map(count))
        .texts("note", missed.iter().map(|missed| Some(missed.note.to_owned())));
    let query = Query::new(
        "INSERT INTO schedule_runs (schedule, tick, cause, outcome, until, count, note, recorded_at)
         SELECT $1, x.tick, 'tick', 'missed', x.until, x.count, x.note, $2 FROM {rows} WHERE true
         ON CONFLICT (schedule, tick) DO NOTHING",
    );
    tx.execute(query.bind(name).bind(now).rows(rows)).await?;
    Ok(missed.iter().filter_map(|missed| missed.count).sum())
}
