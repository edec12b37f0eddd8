//! What was promised, against what is there.

mod effects;
mod fates;

use super::ledger::Folders;
use super::schedules;
use super::watch::Seen;
use crate::error::Error;
use effects::Effects;
use fates::Accepted;
use seaworthy_jobs::Jobs;
use seaworthy_jobs::schedule::Schedules;
use seaworthy_store::Query;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The result.
pub(super) struct Report {
    pub(super) counts: String,
    pub(super) broken: Vec<String>,
}

/// A job as it was left.
#[derive(Debug)]
pub(super) struct Left {
    kind: String,
    state: String,
    code: Option<String>,
    created: i64,
    started: Option<i64>,
    finished: Option<i64>,
    batch: Option<i64>,
    metadata: Option<String>,
}

pub(super) async fn judge(
    jobs: &Jobs,
    of_schedules: &Schedules,
    folders: &Folders,
    watch: impl Future<Output = Seen>,
    drained: Vec<String>,
) -> Result<Report, Error> {
    let seen = watch.await;
    let mut broken = seen.broken;
    broken.extend(drained.into_iter().map(|left| format!("not ended: {left}")));
    let left = left(jobs).await?;
    let accepted = Accepted::read(folders)?;
    accepted.judge(&left, &mut broken);
    fates::judge_batches(jobs, &accepted, &left, &mut broken).await?;
    let effects = Effects::read(folders)?;
    effects.judge(&left, &mut broken);
    let ticks = schedules::judge(of_schedules, &mut broken).await?;
    workers(jobs, &mut broken).await?;
    let mut counts = String::new();
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    left.values().for_each(|job| *states.entry(job.state.as_str()).or_default() += 1);
    let lost = one(jobs, "SELECT count(*) AS n FROM job_attempts WHERE outcome = 'lost'").await?;
    let fence = one(jobs, "SELECT fence AS n FROM schedule_leader").await?;
    let _to_text = write!(
        counts,
        "{} jobs acknowledged, {} there: {states:?}\n{} attempts begun, {lost} lost; {} effects accepted, {} repeated and \
         refused\n{ticks} ticks and dependent runs, {fence} times another scheduler led; {} looks at keys\n{} promises broken\n",
        accepted.count(),
        left.len(),
        effects.attempts(),
        effects.accepted(),
        effects.repeated(),
        seen.looks,
        broken.len()
    );
    Ok(Report { counts, broken })
}

async fn left(jobs: &Jobs) -> Result<BTreeMap<i64, Left>, Error> {
    let query = "SELECT id, kind, state, error_code, created_at, started_at, finished_at, batch_id, metadata FROM jobs";
    let mut left = BTreeMap::new();
    for row in jobs.store().fetch_all(Query::new(query)).await? {
        let job = Left {
            kind: row.get("kind")?,
            state: row.get("state")?,
            code: row.get("error_code")?,
            created: row.get("created_at")?,
            started: row.get("started_at")?,
            finished: row.get("finished_at")?,
            batch: row.get("batch_id")?,
            metadata: row.get("metadata")?,
        };
        left.insert(row.get("id")?, job);
    }
    Ok(left)
}

async fn one(jobs: &Jobs, query: &'static str) -> Result<i64, Error> {
    Ok(jobs.store().fetch_one(Query::new(query)).await?.get("n")?)
}

/// Nobody has a lease who is gone, and no tick has two jobs.
async fn workers(jobs: &Jobs, broken: &mut Vec<String>) -> Result<(), Error> {
    let leaked = one(
        jobs,
        "SELECT count(*) AS n FROM jobs WHERE worker IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM job_workers w WHERE w.id = jobs.worker)",
    );
    let leaked = leaked.await?;
    if leaked > 0 {
        broken.push(format!("{leaked} jobs belong to workers that are gone"));
    }
    let doubled = one(
        jobs,
        "SELECT count(*) - count(DISTINCT unique_key) AS n FROM jobs WHERE unique_key LIKE 'schedule/%'",
    );
    let doubled = doubled.await?;
    if doubled > 0 {
        broken.push(format!("{doubled} ticks have more than one job"));
    }
    Ok(())
}
