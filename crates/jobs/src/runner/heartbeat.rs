//! The sign of life: one row for all jobs in hand. With it go how far they are, a look for those to be called off, and
//! one for those that got lost on their way here.

use super::session::Session;
use super::strays::Strays;
use crate::Error;
use crate::record::{End, Record, record};
use crate::worker::Stop;
use seaworthy_store::{Query, Rows, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long it takes at the most until every process has read the database's clock anew, after that was set.
const CLOCK_SPREAD: Duration = Duration::from_secs(15);

pub(super) async fn run(session: Arc<Session>) {
    let every = session.settings.heartbeat;
    let mut beat = tokio::time::interval(every);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut clock, mut strays) = (Watch::new(&session), Strays::default());
    loop {
        beat.tick().await;
        if clock.was_set(&session, every) {
            tracing::warn!("the database's clock was set: no job is taken over from others for a while");
            session.distrust_for(CLOCK_SPREAD);
        }
        match once(&session).await {
            Ok(true) => {
                if let Err(error) = look(&session, &mut strays).await {
                    tracing::warn!(%error, "cannot look after the jobs in hand");
                }
            }
            Ok(false) => lost(&session).await,
            Err(error) => {
                session.set_healthy(false);
                tracing::warn!(%error, "no sign of life could be given");
            }
        }
    }
}

/// Tells a clock that was set from one that goes on.
struct Watch {
    told: Timestamp,
    at: Instant,
}

impl Watch {
    fn new(session: &Session) -> Self {
        Self { told: session.jobs.store().now(), at: Instant::now() }
    }

    fn was_set(&mut self, session: &Session, tolerance: Duration) -> bool {
        let now = Self::new(session);
        let expected = self.told.plus(now.at.duration_since(self.at));
        *self = now;
        self.told.since(expected).max(expected.since(self.told)) > tolerance
    }
}

/// Whether we are still on the list.
async fn once(session: &Session) -> Result<bool, Error> {
    let (store, sent) = (&session.urgent, Instant::now());
    let query = Query::new("UPDATE job_workers SET heartbeat_at = $2 WHERE id = $1").bind(session.worker());
    let mut beat = std::pin::pin!(store.execute(query.bind(store.now())));
    let arrived = match tokio::time::timeout(session.settings.heartbeat, &mut beat).await {
        Ok(arrived) => arrived?,
        Err(_) => {
            // what holds up ours may hold up everybody's: none can be said to be late
            session.set_healthy(false);
            let last = session.settings.lease / 2;
            let late = tokio::time::timeout(last, beat).await;
            late.unwrap_or_else(|_| Err(seaworthy_store::Error::Timeout("no answer".to_owned())))?
        }
    };
    if arrived > 0 {
        session.beaten(sent);
    }
    Ok(arrived > 0)
}

async fn look(session: &Session, strays: &mut Strays) -> Result<(), Error> {
    write_progress(session).await?;
    let query = "SELECT id, fence, cancel_requested FROM jobs WHERE state = 'running' AND worker = $1";
    let mut ours = Vec::new();
    for row in session.urgent.fetch_all(Query::new(query).bind(session.worker())).await? {
        let id = row.get("id")?;
        if row.get::<i64>("cancel_requested")? == 1 {
            // in case the notice got lost
            session.stop(id, Stop::Cancelled);
        }
        ours.push((id, row.get("fence")?));
    }
    let lost = strays.look(session, ours);
    if lost.is_empty() {
        return Ok(());
    }
    tracing::warn!(jobs = lost.len(), "jobs that got lost on their way here are given back");
    let records =
        lost.into_iter().map(|(id, fence)| Record { id, fence, begun: None, end: End::GivenBack }).collect();
    let given: Result<_, Error> = session.urgent.write(move |tx| Box::pin(record(tx, records))).await;
    given.map(|_| ())
}

async fn write_progress(session: &Session) -> Result<(), Error> {
    let told = session.progress();
    if told.is_empty() {
        return Ok(());
    }
    let rows = Rows::new()
        .ints("id", told.iter().map(|told| told.0))
        .ints("fence", told.iter().map(|told| told.1))
        .ints("share", told.iter().map(|told| i64::from(told.2)))
        .texts("note", told.iter().map(|told| Some(told.3.clone())));
    let query = "UPDATE jobs SET progress = x.share, progress_note = x.note FROM {rows}
        WHERE jobs.id = x.id AND jobs.fence = x.fence AND jobs.state = 'running'";
    session.urgent.execute(Query::new(query).rows(rows)).await?;
    Ok(())
}

/// We were silent for too long, and others have taken our jobs: end what runs, and go on under a new number.
async fn lost(session: &Session) {
    // in this order: what is just being taken under the old number is either told or never begun
    session.sign_off();
    let stopped = session.stop_all(Stop::LeaseLost);
    tracing::warn!(jobs = stopped, "the lease had lapsed: jobs in hand are somebody else's now");
    if let Err(error) = session.sign_on().await {
        tracing::warn!(%error, "cannot sign on again yet");
    }
}
