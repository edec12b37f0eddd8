//! Writes down what changed, together with the jobs that tell of it. Where there is no database, messages are sent all
//! the same.

use super::Alerts;
use crate::Error;
use crate::delivery::Delivery;
use crate::metrics::Outcome;
use crate::notification::Notification;
use crate::record::Statements;
use crate::state::Changes;
use seaworthy_jobs::{Jobs, NewJob};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How many messages are sent without a job at once; more are lost, and counted.
pub(super) const MOST_DIRECT: usize = 256;
/// How often such a message is tried.
const TRIES: u32 = 3;
/// How long the database may take: longer than that, and people are told without it.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a database that was out of reach is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(10);

impl Alerts {
    pub(super) async fn keep_and_tell(&self, messages: Vec<Notification>, changes: Changes) {
        let deliveries: Vec<Delivery> =
            messages.iter().flat_map(|message| self.0.sender.deliveries(message)).collect();
        if deliveries.is_empty() && changes.is_empty() {
            return;
        }
        let done = if self.is_away() { Err(Error::Detached) } else { self.keep(&changes, &deliveries).await };
        match done {
            Ok(duplicates) => {
                self.state().kept(changes);
                for at in 0..deliveries.len() {
                    let outcome = if at < duplicates { Outcome::Duplicate } else { Outcome::Enqueued };
                    self.0.metrics.told(outcome);
                }
            }
            Err(error) => {
                self.state().put_back(changes);
                if !matches!(error, Error::Detached) {
                    self.0.metrics.store_failures.inc();
                    tracing::error!(%error, messages = deliveries.len(), "alerts are not written down; told directly");
                }
                deliveries.into_iter().for_each(|delivery| self.send_directly(delivery));
            }
        }
    }

    /// In one transaction; how many of the messages were jobs already.
    async fn keep(&self, changes: &Changes, deliveries: &[Delivery]) -> Result<usize, Error> {
        let jobs = self.jobs().ok_or(Error::Detached)?;
        let statements = Statements::new(changes)?;
        let wanted: Vec<NewJob> = deliveries.iter().map(Delivery::job).collect();
        let write = write(jobs, statements, wanted);
        let done = tokio::time::timeout(PATIENCE, write).await.unwrap_or_else(|_| {
            Err(Error::Store(seaworthy_store::Error::Timeout(
                "the state of alerts was not written in time".to_owned(),
            )))
        });
        if done.as_ref().is_err_and(|error| error.code().retryable()) {
            let until = Instant::now() + LEFT_ALONE;
            *self.0.away_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        }
        done
    }

    /// What somebody did: written down, or not done.
    pub(super) async fn keep_only(&self, changes: Changes) -> Result<(), Error> {
        match self.keep(&changes, &[]).await {
            Ok(_) => {
                self.state().kept(changes);
                Ok(())
            }
            Err(error) => {
                self.state().put_back(changes);
                Err(error)
            }
        }
    }

    fn is_away(&self) -> bool {
        let until = *self.0.away_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Without a job: tried a few times, and lost when the process ends.
    fn send_directly(&self, delivery: Delivery) {
        let Ok(permit) = Arc::clone(&self.0.direct).try_acquire_owned() else {
            self.0.metrics.told(Outcome::Dropped);
            tracing::error!(
                receiver = delivery.notification.receiver,
                "no room to send a message: it is lost"
            );
            return;
        };
        let this = self.clone();
        tokio::spawn(async move {
            let _permit = permit;
            let outcome = this.try_directly(&delivery).await;
            this.0.metrics.told(outcome);
        });
    }

    async fn try_directly(&self, delivery: &Delivery) -> Outcome {
        let receiver = &delivery.notification.receiver;
        for attempt in 1..=TRIES {
            match self.0.sender.send(delivery).await {
                Ok(()) => return Outcome::Direct,
                Err(error) if error.permanent || attempt == TRIES => {
                    tracing::error!(receiver, by = delivery.by, %error, "a message could not be sent");
                }
                Err(error) => {
                    tracing::warn!(receiver, by = delivery.by, %error, "a message is sent again");
                    let pause = error.retry_after.unwrap_or(Duration::from_secs(2) * attempt);
                    tokio::time::sleep(pause.min(Duration::from_secs(60))).await;
                    continue;
                }
            }
            break;
        }
        Outcome::Failed
    }
}

async fn write(jobs: Jobs, statements: Statements, mut wanted: Vec<NewJob>) -> Result<usize, Error> {
    let store = jobs.store().urgent();
    let most = jobs.settings().max_batch.max(1);
    let write = store.write(move |tx| {
        Box::pin(async move {
            statements.run(tx).await?;
            let mut duplicates = 0;
            while !wanted.is_empty() {
                let rest = wanted.split_off(most.min(wanted.len()));
                let made = jobs.enqueue_in(tx, std::mem::replace(&mut wanted, rest)).await?;
                duplicates += made.iter().filter(|made| made.duplicate).count();
            }
            Ok::<_, Error>(duplicates)
        })
    });
    write.await
}
