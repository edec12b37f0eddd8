//! The maintenance services as tasks. A service that fails says so and comes back; none holds up another.

use super::session::Session;
use crate::maintenance::{promote, rescue, retention};
use crate::{Error, batches, dead, dependencies, keys};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Between two looks for due jobs, however many notices come.
const PROMOTE_PAUSE: Duration = Duration::from_millis(5);
const BATCH_PAUSE: Duration = Duration::from_millis(50);
const BATCH_EVERY: Duration = Duration::from_secs(5);
const KEYS_EVERY: Duration = Duration::from_secs(1);
const DEPENDENCIES_EVERY: Duration = Duration::from_secs(1);
const RETENTION_STEP: Duration = Duration::from_secs(1);
/// While most of what is found is old: as fast as jobs can come in.
const RETENTION_HURRY: Duration = Duration::from_millis(50);
const RETENTION_ROUND: Duration = Duration::from_secs(60);
const AFTER_FAILURE: Duration = Duration::from_secs(1);

pub(super) fn start(session: &Arc<Session>, tasks: &mut JoinSet<()>) {
    tasks.spawn(super::metrics::keep(Arc::clone(session)));
    if session.settings.maintenance {
        tasks.spawn(promoting(Arc::clone(session)));
        tasks.spawn(rescuing(Arc::clone(session)));
        tasks.spawn(retaining(Arc::clone(session)));
        tasks.spawn(expiring(Arc::clone(session)));
        tasks.spawn(closing(Arc::clone(session)));
        tasks.spawn(admitting(Arc::clone(session)));
        tasks.spawn(redriving(Arc::clone(session)));
    }
}

async fn complain(service: &'static str, error: Error) {
    tracing::warn!(service, %error, "maintenance failed; trying again");
    tokio::time::sleep(AFTER_FAILURE).await;
}

async fn promoting(session: Arc<Session>) {
    loop {
        let store = session.jobs.store();
        let looked = async {
            // a look is cheaper than a write that finds nothing
            while let Some(next) = promote::next(store).await? {
                if next > store.now() {
                    return Ok(Some(next));
                }
                if !store.write(|tx| Box::pin(promote::run(tx))).await? {
                    break;
                }
            }
            promote::next(store).await
        };
        match looked.await {
            Ok(next) => {
                let poll = session.settings.poll;
                let wait = next.map_or(poll, |next| next.since(store.now()).min(poll));
                tokio::time::sleep(PROMOTE_PAUSE).await;
                tokio::select! {
                    () = session.due.notified() => {}
                    () = tokio::time::sleep(wait.saturating_sub(PROMOTE_PAUSE)) => {}
                }
            }
            Err(error) => complain("promote", error).await,
        }
    }
}

async fn rescuing(session: Arc<Session>) {
    let every = session.settings.heartbeat;
    loop {
        tokio::time::sleep(every).await;
        // after an outage every heartbeat is old: the others get the time to give theirs
        while session.healthy_for() >= every * 2 {
            let us = rescue::Witness { worker: session.worker(), fresh: every * 2 };
            match rescue_once(&session, us).await {
                Ok(rescue::Found { jobs, more }) => {
                    if jobs > 0 {
                        session.metrics.rescued.add(jobs as u64);
                        tracing::warn!(jobs, "jobs of workers that are gone were taken over");
                    }
                    if !more {
                        break;
                    }
                }
                Err(error) => {
                    complain("rescue", error).await;
                    break;
                }
            }
        }
    }
}

async fn rescue_once(session: &Arc<Session>, us: rescue::Witness) -> Result<rescue::Found, Error> {
    let this = Arc::clone(session);
    let write = session.jobs.store().write(move |tx| {
        Box::pin(async move {
            // asked once more: this may have waited for its turn as long as the database stood still, and then ours is
            // perhaps the first sign of life that arrived
            if this.healthy_for() < us.fresh {
                return Ok(rescue::Found::NOTHING);
            }
            rescue::run(tx, Some(us)).await
        })
    });
    write.await
}

async fn retaining(session: Arc<Session>) {
    let mut from = 0;
    loop {
        let settings = session.jobs.settings().clone();
        let step = session.jobs.store().write(move |tx| {
            Box::pin(async move {
                let step = retention::run(tx, &settings, from).await?;
                if step.next.is_none() {
                    retention::tidy(tx, &settings).await?;
                }
                Ok(step)
            })
        });
        match step.await {
            Ok(step) => {
                from = step.next.unwrap_or(0);
                tokio::time::sleep(match step.next {
                    Some(_) if step.rich => RETENTION_HURRY,
                    Some(_) => RETENTION_STEP,
                    None => RETENTION_ROUND,
                })
                .await;
            }
            Err(error) => complain("retention", error).await,
        }
    }
}

async fn expiring(session: Arc<Session>) {
    loop {
        tokio::time::sleep(DEPENDENCIES_EVERY).await;
        let late = session.jobs.store().write(|tx| Box::pin(dependencies::expire(tx, 500)));
        if let Err(error) = late.await {
            complain("dependencies", error).await;
        }
    }
}

async fn closing(session: Arc<Session>) {
    let mut swept: Option<Instant> = None;
    loop {
        let sweep = swept.is_none_or(|swept| swept.elapsed() >= BATCH_EVERY);
        let noticed = session.noticed.lock().unwrap_or_else(PoisonError::into_inner).take(batches::MOST);
        let more = noticed.len() == batches::MOST;
        let which = if sweep { batches::Which::All } else { batches::Which::These(noticed) };
        match close(&session, which).await {
            Ok(closed) if sweep => swept = (closed < batches::MOST).then(Instant::now),
            Ok(_) => {}
            Err(error) => {
                // what was noticed is found by the sweep
                swept = None;
                complain("batches", error).await;
            }
        }
        tokio::time::sleep(BATCH_PAUSE).await;
        if more || swept.is_none() {
            continue;
        }
        tokio::select! {
            () = session.batches.notified() => {}
            () = tokio::time::sleep(BATCH_EVERY) => {}
        }
    }
}

async fn close(session: &Session, which: batches::Which) -> Result<usize, Error> {
    let jobs = session.jobs.clone();
    let close = session.jobs.store().write(move |tx| {
        Box::pin(async move { batches::close(tx, jobs.ids(), jobs.settings(), which).await })
    });
    close.await
}

async fn admitting(session: Arc<Session>) {
    let mut from = String::new();
    loop {
        tokio::time::sleep(KEYS_EVERY).await;
        let swept = async {
            let store = session.jobs.store();
            let found = keys::overlooked(store, &from).await?;
            if !found.keys.is_empty() {
                store.write(move |tx| Box::pin(keys::admit(tx, found.keys))).await?;
            }
            Ok(found.next)
        };
        match swept.await {
            Ok(next) => from = next,
            Err(error) => complain("keys", error).await,
        }
    }
}

async fn redriving(session: Arc<Session>) {
    let max_replays = session.jobs.settings().max_replays;
    loop {
        let store = session.jobs.store();
        let looked = async {
            // a look is cheaper than a write that finds nothing
            while let Some(next) = dead::redrive::next(store).await? {
                if next > store.now() {
                    return Ok(Some(next));
                }
                let step = store.write(move |tx| Box::pin(dead::redrive::run(tx, max_replays)));
                match step.await? {
                    Some(moved) => session.metrics.redriven.add(moved as u64),
                    None => break,
                }
            }
            Ok(None)
        };
        match looked.await {
            Ok(next) => {
                let poll = session.settings.poll;
                let wait = next.map_or(poll, |next| next.since(store.now()).min(poll));
                tokio::select! {
                    () = session.redrives.notified() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            }
            Err(error) => complain("redrive", error).await,
        }
    }
}
