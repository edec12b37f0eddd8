use super::edit;
use super::export::Export;
use super::filter::DeadFilter;
use super::groups::{self, Group, GroupCursor};
use super::import::{Import, ImportOptions};
use super::letter::{self, DeadLetter};
use super::redrive::{self, NewRedrive, Redrive, RedriveState};
use super::replay::{self, Pick, Replay, Replayed};
use super::{park, purge};
use crate::job::Job;
use crate::{Error, Jobs};
use futures_util::future::BoxFuture;

/// The door to all dead letters of a database. Clones share it.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    jobs: Jobs,
}

impl DeadLetters {
    /// The dead letters of the database that these jobs are in.
    pub const fn new(jobs: Jobs) -> Self {
        Self { jobs }
    }

    /// The jobs.
    pub const fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// A page of at most `most` (and 100) groups, the greatest first; the next begins after the last one's
    /// [cursor](Group::cursor).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn groups<'a>(
        &'a self,
        filter: &'a DeadFilter,
        after: Option<&'a GroupCursor>,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<Group>, Error>> {
        Box::pin(async move { groups::list(self.jobs.store(), filter, after, most).await })
    }

    /// A page of at most `most` (and 1,000) letters, newest job first, `before` the last of the page before.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn list<'a>(
        &'a self,
        filter: &'a DeadFilter,
        before: Option<i64>,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<Job>, Error>> {
        Box::pin(async move { letter::list(self.jobs.store(), filter, before, most).await })
    }

    /// One, with its attempts, its log and its edits.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::State`] where it is no dead letter; [`Error::Store`].
    pub fn inspect<'a>(&'a self, id: i64) -> BoxFuture<'a, Result<DeadLetter, Error>> {
        Box::pin(async move { letter::inspect(self.jobs.store(), id).await })
    }

    /// Gives it other arguments, JSON. Who did is kept, and what they were.
    ///
    /// # Errors
    /// [`Error::Invalid`] as for a job to be enqueued; [`Error::NotFound`]; [`Error::State`] where it is no dead letter;
    /// [`Error::Store`].
    pub async fn edit(&self, id: i64, payload: impl Into<Vec<u8>>, editor: &str) -> Result<(), Error> {
        let (payload, editor, max) = (payload.into(), editor.to_owned(), self.jobs.settings().max_payload);
        let write = self
            .jobs
            .store()
            .write(move |tx| Box::pin(async move { edit::edit(tx, id, &payload, &editor, max).await }));
        write.await
    }

    /// Brings one back: it is the same job with all its policies, and its attempts begin anew.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::State`] where it is no dead letter; [`Error::Refused`] where another job has its
    /// unique key, or it is parked or was replayed too often and [`Replay::force`] is not set; [`Error::Store`].
    pub fn replay<'a>(&'a self, id: i64, how: &'a Replay) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            how.validate()?;
            let (how, max) = (how.clone(), self.jobs.settings().max_replays);
            let write = self
                .jobs
                .store()
                .write(move |tx| Box::pin(async move { replay::one(tx, id, &how, max).await }));
            write.await
        })
    }

    /// Brings back at most `most` (and 1,000) of a filter, to see how they fare.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a filter that names parked ones without [`Replay::force`]; [`Error::Store`].
    pub fn replay_sample<'a>(
        &'a self,
        filter: &'a DeadFilter,
        most: usize,
        pick: Pick,
        how: &'a Replay,
    ) -> BoxFuture<'a, Result<Replayed, Error>> {
        Box::pin(async move {
            how.validate()?;
            if !how.force {
                filter.must_exclude_parked()?;
            }
            let (filter, how, max) = (filter.clone(), how.clone(), self.jobs.settings().max_replays);
            let write = self.jobs.store().write(move |tx| {
                Box::pin(async move { replay::sample(tx, &filter, most, pick, &how, max).await })
            });
            write.await
        })
    }

    /// Puts one apart.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a reason; [`Error::NotFound`]; [`Error::State`] where it is no dead letter;
    /// [`Error::Store`].
    pub fn park<'a>(&'a self, id: i64, reason: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let reason = reason.to_owned();
            let write = self
                .jobs
                .store()
                .write(move |tx| Box::pin(async move { park::one(tx, id, Some(&reason)).await }));
            write.await
        })
    }

    /// Puts it back among the others.
    ///
    /// # Errors
    /// As [`park`](Self::park).
    pub fn unpark<'a>(&'a self, id: i64) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.jobs.store().write(move |tx| Box::pin(park::one(tx, id, None))).await })
    }

    /// Puts apart whatever is in a filter; how many.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a reason; [`Error::Store`]: some may be parked by then.
    pub fn park_all<'a>(
        &'a self,
        filter: &'a DeadFilter,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            let mut parked = 0;
            loop {
                let (filter, reason) = (filter.clone(), reason.to_owned());
                let step = self
                    .jobs
                    .store()
                    .write(move |tx| Box::pin(async move { park::step(tx, &filter, &reason).await }));
                let some = step.await?;
                parked += some;
                if some < park::STEP.unsigned_abs() {
                    return Ok(parked);
                }
            }
        })
    }

    /// Removes whatever of a filter is dead now, with its history; how many. What is unique for a period is forgotten
    /// with it.
    ///
    /// # Errors
    /// [`Error::Store`]: some may be gone by then.
    pub fn purge<'a>(&'a self, filter: &'a DeadFilter) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            let (before, mut purged) = (self.jobs.store().now(), 0);
            loop {
                let filter = filter.clone();
                let step = self
                    .jobs
                    .store()
                    .write(move |tx| Box::pin(async move { purge::step(tx, &filter, before).await }));
                let some = step.await?;
                purged += some as u64;
                if (some as i64) < purge::STEP {
                    return Ok(purged);
                }
            }
        })
    }

    /// Begins to bring back many, so many per time. Any runner that does maintenance carries it on.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Store`].
    pub fn redrive<'a>(&'a self, new: NewRedrive) -> BoxFuture<'a, Result<i64, Error>> {
        Box::pin(async move { self.jobs.store().write(move |tx| Box::pin(redrive::begin(tx, new))).await })
    }

    /// How a redrive stands.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub fn redrive_status<'a>(&'a self, id: i64) -> BoxFuture<'a, Result<Redrive, Error>> {
        Box::pin(async move { redrive::get(self.jobs.store(), id).await })
    }

    /// A page of at most `most` (and 1,000) redrives, newest first, `before` the last of the page before.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn redrives<'a>(
        &'a self,
        before: Option<i64>,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<Redrive>, Error>> {
        Box::pin(async move { redrive::list(self.jobs.store(), before, most).await })
    }

    /// Lets a redrive rest, go on, or end it with [`RedriveState::Cancelled`]. What it has brought back stays back.
    ///
    /// # Errors
    /// [`Error::Invalid`] for [`RedriveState::Done`]; [`Error::NotFound`]; [`Error::Refused`] where it has ended;
    /// [`Error::Store`].
    pub fn switch_redrive<'a>(&'a self, id: i64, to: RedriveState) -> BoxFuture<'a, Result<Redrive, Error>> {
        Box::pin(async move {
            if to == RedriveState::Done {
                return Err(Error::invalid("state", "a redrive is done when it is; it can be cancelled"));
            }
            self.jobs.store().write(move |tx| Box::pin(redrive::switch(tx, id, to))).await
        })
    }

    /// Writes letters out, one JSON line each, a piece at a time.
    pub fn export(&self, filter: DeadFilter) -> Export {
        Export::new(self.jobs.store().clone(), filter)
    }

    /// Takes such lines in, a piece at a time.
    pub fn import(&self, options: ImportOptions) -> Import {
        Import::new(self.jobs.clone(), options)
    }
}
