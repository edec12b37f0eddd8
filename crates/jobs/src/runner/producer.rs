//! Takes jobs from one queue, as many as there is room for.

use super::attempt::{self, Places};
use super::session::Session;
use super::settings::Queue;
use crate::Error;
use crate::claim::{self, Claimed, QueueLimits, Taken};
use crate::worker::Stop;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How long the limits of a queue are believed.
const LIMITS_FRESH: Duration = Duration::from_secs(1);
/// While more wait, this long for room for several, so that they are taken together.
const GATHER: Duration = Duration::from_millis(2);
/// More at once gain nothing.
const MOST_TOGETHER: usize = 1_000;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

struct Producer {
    session: Arc<Session>,
    queue: Queue,
    /// Jobs in hand.
    room: Arc<Semaphore>,
    /// Jobs that run.
    slots: Arc<Semaphore>,
    limits: Option<(Instant, QueueLimits)>,
    pause: Duration,
}

/// What is known after a look.
enum Next {
    /// There may be more.
    More,
    /// That was all, for so long or until somebody says otherwise.
    Idle(Duration),
}

pub(super) async fn run(session: Arc<Session>, queue: Queue) {
    let most = queue.workers + queue.prefetch;
    let (room, slots) = (Arc::new(Semaphore::new(most)), Arc::new(Semaphore::new(queue.workers)));
    let mut producer =
        Producer { session: Arc::clone(&session), queue, room, slots, limits: None, pause: FIRST_PAUSE };
    let mut next = Next::More;
    loop {
        // never dropped half-way: what a look has taken gets its attempt, which gives it back
        producer.turn(&mut next).await;
        if session.draining.is_cancelled() {
            return;
        }
    }
}

impl Producer {
    async fn turn(&mut self, next: &mut Next) {
        if let Next::Idle(wait) = *next {
            let Some(ready) = self.session.ready.get(&self.queue.name) else { return };
            tokio::select! {
                () = self.session.draining.cancelled() => return,
                () = ready.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        let Some(permits) = self.wait_for_room(matches!(next, Next::More)).await else { return };
        let (asked, worker) = (permits.len(), self.session.worker());
        // until they have been begun: an answer that is late is no answer that was lost
        let _claiming = self.session.claiming();
        *next = match self.look(worker, asked).await {
            Ok(Taken { jobs, wait }) => {
                self.pause = FIRST_PAUSE;
                let full = jobs.len() == asked;
                self.begin(worker, jobs, permits);
                match wait {
                    Some(wait) => Next::Idle(wait.min(self.session.settings.poll)),
                    None if full => Next::More,
                    None => Next::Idle(self.session.settings.poll),
                }
            }
            Err(error) => {
                tracing::warn!(queue = %self.queue.name, %error, "cannot take jobs");
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                Next::Idle(self.pause)
            }
        };
    }

    /// Room for one job at least; for several where several may be waiting.
    async fn wait_for_room(&self, more: bool) -> Option<Vec<OwnedSemaphorePermit>> {
        let all = self.queue.workers + self.queue.prefetch;
        let first = tokio::select! {
            () = self.session.draining.cancelled() => return None,
            permit = Arc::clone(&self.room).acquire_owned() => permit.ok()?,
        };
        let wanted = (all / 2).clamp(1, MOST_TOGETHER);
        if more && self.room.available_permits() + 1 < wanted {
            let several = u32::try_from(wanted - 1).unwrap_or(u32::MAX);
            let gathered = tokio::time::timeout(GATHER, self.room.acquire_many(several)).await;
            drop(gathered);
        }
        let mut permits = vec![first];
        while permits.len() < MOST_TOGETHER {
            let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else { break };
            permits.push(permit);
        }
        Some(permits)
    }

    async fn look(&mut self, worker: i64, most: usize) -> Result<Taken, Error> {
        if worker == 0 {
            // nobody's jobs would be taken over at once
            return Ok(Taken::default());
        }
        let store = self.session.jobs.store();
        let limits = match self.limits {
            Some((read, limits)) if read.elapsed() < LIMITS_FRESH => limits,
            _ => {
                let limits = claim::limits(store, &self.queue.name).await?;
                self.limits = Some((Instant::now(), limits));
                self.session.set_capped(&self.queue.name, limits.max_running.is_some());
                limits
            }
        };
        if limits.is_free() {
            let jobs = claim::claim(store, &self.queue.name, worker, most).await?;
            return Ok(Taken { jobs, wait: None });
        }
        if limits.paused {
            // looked at again before the next attempt
            self.limits = None;
            return Ok(Taken::default());
        }
        let queue = self.queue.name.clone();
        store
            .write(move |tx| Box::pin(async move { claim::claim_limited(tx, &queue, worker, most).await }))
            .await
    }

    fn begin(&self, worker: i64, claimed: Vec<Claimed>, permits: Vec<OwnedSemaphorePermit>) {
        for (job, permit) in claimed.into_iter().zip(permits) {
            let shared = self.session.enter(&job);
            if self.session.worker() != worker {
                // the number they were taken under was given up in the meantime
                shared.stop(Stop::LeaseLost);
            }
            // the more urgent first: what is spawned together is polled in no order
            let slot = Arc::clone(&self.slots).try_acquire_owned().ok();
            let places = Places { room: permit, slot, slots: Arc::clone(&self.slots) };
            let attempt = attempt::run(Arc::clone(&self.session), job, shared, places);
            self.session.attempts.spawn(attempt);
        }
    }
}
