//! Schedules that run when runs of others end.

use super::settle::Ended;
use super::{Cause, Mode, Schedule, Status, Trigger, changes, execute, runs};
use crate::{Error, Jobs};
use seaworthy_store::{Query, Timestamp, Tx};
use std::collections::BTreeMap;

/// Tells those who wait that a run has ended.
pub(super) async fn tell(tx: &mut Tx, jobs: &Jobs, ended: &Ended) -> Result<(), Error> {
    let Some(state) = ended.state else { return Ok(()) };
    let query =
        Query::new("SELECT * FROM schedules WHERE dependent = 1 AND status = 'active' ORDER BY name {lock}");
    for row in tx.fetch_all(query).await? {
        let schedule = Schedule::read(&row)?;
        let Trigger::Dependency { on, needs, mode, delay, .. } = &schedule.definition.trigger else {
            continue;
        };
        if !on.contains(&ended.schedule) || !needs.met_by(state) || !in_time(&schedule, tx.now()) {
            continue;
        }
        if *mode == Mode::All && !complete(tx, &schedule, on, &ended.schedule).await? {
            continue;
        }
        // what was accepted under other limits must not keep the others waiting
        if let Err(error) = schedule.definition.validate(jobs.settings()) {
            tracing::error!(schedule = schedule.name(), %error, "a schedule cannot be run; it is paused");
            let reason = format!("it cannot be run: {error}");
            changes::switch(tx, schedule.name(), Status::Paused, Some(&reason)).await?;
            continue;
        }
        execute::beside(tx, jobs, &schedule, Cause::Dependency, *delay).await?;
    }
    Ok(())
}

fn in_time(schedule: &Schedule, now: Timestamp) -> bool {
    let definition = &schedule.definition;
    schedule.status == Status::Active
        && definition.start.is_none_or(|start| start <= now)
        && definition.end.is_none_or(|end| now <= end)
}

/// Notes one of those that are waited for; whether they are all there now.
async fn complete(tx: &mut Tx, schedule: &Schedule, on: &[String], ended: &str) -> Result<bool, Error> {
    let now = tx.now();
    let mut there: BTreeMap<String, i64> =
        schedule.waiting.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let first = there.is_empty();
    there.insert(ended.to_owned(), now.as_micros());
    let all = on.iter().all(|name| there.contains_key(name));
    let text = (!all).then(|| serde_json::json!(there).to_string());
    let until = match &schedule.definition.trigger {
        Trigger::Dependency { timeout: Some(timeout), .. } if !all && first => Some(now.plus(*timeout)),
        _ => None,
    };
    let query = Query::new(
        "UPDATE schedules SET waiting = $2,
            waiting_until = CASE WHEN $2 IS NULL THEN NULL ELSE COALESCE($3, waiting_until) END WHERE name = $1",
    );
    tx.execute(query.bind(schedule.name()).bind(text).bind(until)).await?;
    Ok(all)
}

/// Forgets what was there where the others did not come in time.
pub(super) async fn expire(tx: &mut Tx) -> Result<(), Error> {
    let now = tx.now();
    let query = Query::new(
        "UPDATE schedules SET waiting = NULL, waiting_until = NULL
         WHERE dependent = 1 AND waiting_until <= $1 RETURNING name",
    );
    for row in tx.fetch_all(query.bind(now)).await? {
        let name: String = row.get("name")?;
        let query = Query::new(
            "INSERT INTO schedule_runs (schedule, tick, cause, outcome, count, note, recorded_at)
             VALUES ($1, $2, 'dependency', 'timed_out', 1, $3, $2) ON CONFLICT (schedule, tick) DO NOTHING",
        );
        let note = "some of the runs it waits for did not come in time";
        tx.execute(query.bind(name.as_str()).bind(now).bind(note)).await?;
        runs::note(tx, &name, "timed_out", Some(note)).await?;
    }
    Ok(())
}
