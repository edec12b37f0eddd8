use crate::cancel::Cancelled;
use crate::enqueue::{Ids, Prepared};
use crate::job::{Attempt, Filter, Job, LogLine};
use crate::{
    Batch, Callback, Enqueued, Error, NewJob, QueueLimits, QueueStatus, Rate, SCHEMA, Settings, batches,
    cancel, claim, early, enqueue, job, queues,
};
use futures_util::future::BoxFuture;
use seaworthy_store::{Query, Store, Tx};
use std::sync::Arc;

/// The most that one call may bring, in bytes: it is one transaction, and in memory as a whole.
const MOST_BYTES: usize = 64 << 20;

/// The door to all jobs of a database. Clones share it.
#[derive(Debug, Clone)]
pub struct Jobs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    settings: Settings,
    ids: Ids,
}

impl Jobs {
    /// Brings the schema up to date and opens the door.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn open(store: Store, settings: Settings) -> BoxFuture<'static, Result<Self, Error>> {
        Box::pin(async move {
            store.migrate(&SCHEMA).await?;
            Ok(Self(Arc::new(Inner { store, settings, ids: Ids::default() })))
        })
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What was set.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Accepts a job. Once this returns, the job is durable.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a job that cannot be accepted; [`Error::Store`] with code `unavailable` where the
    /// database is out of reach: nothing was accepted then.
    pub fn enqueue<'a>(&'a self, job: NewJob) -> BoxFuture<'a, Result<Enqueued, Error>> {
        Box::pin(async move {
            let accepted = self.enqueue_many(vec![job]).await?;
            accepted.into_iter().next().ok_or_else(|| Error::invalid("jobs", "nothing was accepted"))
        })
    }

    /// Accepts many jobs: all or none. The answers are in the order of the jobs.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue); [`Error::Invalid`] for more than
    /// [`Settings::max_batch`](crate::Settings::max_batch).
    pub fn enqueue_many<'a>(&'a self, jobs: Vec<NewJob>) -> BoxFuture<'a, Result<Vec<Enqueued>, Error>> {
        Box::pin(async move {
            let prepared = self.prepare(jobs)?;
            let this = self.clone();
            let accepted =
                self.0.store.write(move |tx| Box::pin(async move { this.accept(tx, prepared).await })).await;
            self.forgetting(accepted).await
        })
    }

    /// Accepts jobs in a transaction of the caller's: they exist if and only if it is committed. Workers are told once
    /// it is.
    ///
    /// # Errors
    /// As [`enqueue_many`](Self::enqueue_many).
    pub fn enqueue_in<'a>(
        &'a self,
        tx: &'a mut Tx,
        jobs: Vec<NewJob>,
    ) -> BoxFuture<'a, Result<Vec<Enqueued>, Error>> {
        Box::pin(async move {
            let prepared = self.prepare(jobs)?;
            self.accept(tx, prepared).await
        })
    }

    async fn accept(&self, tx: &mut Tx, prepared: Vec<Prepared>) -> Result<Vec<Enqueued>, Error> {
        self.forgetting(enqueue::accept(tx, &self.0.ids, prepared).await).await
    }

    /// A sequence may go back when a server dies before it wrote down what it gave away.
    async fn forgetting<T>(&self, done: Result<T, Error>) -> Result<T, Error> {
        if done.is_err() {
            self.0.ids.forget().await;
        }
        done
    }

    fn prepare(&self, jobs: Vec<NewJob>) -> Result<Vec<Prepared>, Error> {
        if jobs.len() > self.0.settings.max_batch {
            let most = self.0.settings.max_batch;
            return Err(Error::invalid("jobs", format!("{} at once; {most} are allowed", jobs.len())));
        }
        let prepared = jobs.into_iter().map(|job| Prepared::new(job, self.0.settings.max_payload));
        let prepared = prepared.collect::<Result<Vec<_>, _>>()?;
        if prepared.iter().map(Prepared::bytes).sum::<usize>() > MOST_BYTES {
            return Err(Error::invalid("jobs", format!("are larger than {MOST_BYTES} bytes together")));
        }
        Ok(prepared)
    }

    /// A job as it stands.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub fn get<'a>(&'a self, id: i64) -> BoxFuture<'a, Result<Job, Error>> {
        Box::pin(async move {
            let row =
                self.0.store.fetch_optional(Query::new("SELECT * FROM jobs WHERE id = $1").bind(id)).await?;
            Job::read(&row.ok_or_else(|| Error::NotFound { what: "job", id: id.to_string() })?)
        })
    }

    /// A page of at most `most` (and 1,000) jobs, newest first; the next begins [before](Filter::before) its last.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn list<'a>(&'a self, filter: &'a Filter, most: usize) -> BoxFuture<'a, Result<Vec<Job>, Error>> {
        Box::pin(async move { job::list(&self.0.store, filter, most).await })
    }

    /// The attempts of a job that did not simply succeed, oldest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn attempts<'a>(&'a self, id: i64) -> BoxFuture<'a, Result<Vec<Attempt>, Error>> {
        Box::pin(async move { job::attempts(&self.0.store, id).await })
    }

    /// What a job said, oldest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn logs<'a>(&'a self, id: i64) -> BoxFuture<'a, Result<Vec<LogLine>, Error>> {
        Box::pin(async move { job::logs(&self.0.store, id).await })
    }

    /// Calls a job off: at once where it does not run yet, else by telling its worker.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::State`] where it has ended already.
    pub fn cancel<'a>(&'a self, id: i64) -> BoxFuture<'a, Result<Cancelled, Error>> {
        Box::pin(async move { self.0.store.write(move |tx| Box::pin(cancel::cancel(tx, id))).await })
    }

    /// Every queue that has unfinished jobs, dead letters or limits, by name; at most 1,000. Counts the jobs.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn queues<'a>(&'a self) -> BoxFuture<'a, Result<Vec<QueueStatus>, Error>> {
        Box::pin(async move { queues::all(&self.0.store).await })
    }

    /// How a queue stands; one that nobody has named is empty.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn queue<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<QueueStatus, Error>> {
        Box::pin(async move { queues::one(&self.0.store, name).await })
    }

    /// Lets a job that waits for its time, or for its next attempt, run now.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::State`] where it does not wait for a time; [`Error::Store`].
    pub fn retry_now<'a>(&'a self, id: i64) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.0.store.write(move |tx| Box::pin(early::retry_now(tx, id))).await })
    }

    /// Nothing of a queue is begun until it is [resumed](Self::resume_queue). Its other limits stay. Workers of other
    /// processes follow within a second.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Store`].
    pub fn pause_queue<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let queue = queue.to_owned();
            self.0.store.write(move |tx| Box::pin(async move { claim::pause(tx, &queue, true).await })).await
        })
    }

    /// Sets what a queue as a whole may do, but for whether it is paused.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Store`].
    pub fn cap_queue<'a>(
        &'a self,
        queue: &'a str,
        max_running: Option<u32>,
        rate: Option<Rate>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let queue = queue.to_owned();
            let write = self
                .0
                .store
                .write(move |tx| Box::pin(async move { claim::cap(tx, &queue, max_running, rate).await }));
            write.await
        })
    }

    /// A queue goes on.
    ///
    /// # Errors
    /// As [`pause_queue`](Self::pause_queue).
    pub fn resume_queue<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let queue = queue.to_owned();
            self.0.store.write(move |tx| Box::pin(async move { claim::pause(tx, &queue, false).await })).await
        })
    }

    /// What a queue as a whole may do.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn limits<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<QueueLimits, Error>> {
        Box::pin(async move { claim::limits(&self.0.store, queue).await })
    }

    /// Sets what a queue as a whole may do. Workers of other processes follow within a second.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Store`].
    pub fn set_limits<'a>(&'a self, queue: &'a str, limits: QueueLimits) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let queue = queue.to_owned();
            self.0
                .store
                .write(move |tx| Box::pin(async move { claim::set_limits(tx, &queue, limits).await }))
                .await
        })
    }

    /// Begins a batch: jobs are added with [`NewJob::batch`], and once it is [sealed](Self::seal_batch) and all of them
    /// have ended, in whatever way, `callback` is enqueued, exactly once.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Store`].
    pub fn begin_batch<'a>(
        &'a self,
        name: Option<&'a str>,
        callback: Option<Callback>,
    ) -> BoxFuture<'a, Result<i64, Error>> {
        Box::pin(async move {
            let (this, name) = (self.clone(), name.map(str::to_owned));
            let write = self.0.store.write(move |tx| {
                Box::pin(async move {
                    let id = this.0.ids.one(tx).await?;
                    batches::begin(tx, id, name.as_deref(), callback.as_ref(), &this.0.settings).await?;
                    Ok(id)
                })
            });
            let begun = write.await;
            self.forgetting(begun).await
        })
    }

    /// A batch takes no more jobs from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub fn seal_batch<'a>(&'a self, id: i64) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.0.store.write(move |tx| Box::pin(batches::seal(tx, id))).await })
    }

    /// How a batch stands.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub fn batch<'a>(&'a self, id: i64) -> BoxFuture<'a, Result<Batch, Error>> {
        Box::pin(async move { batches::get(&self.0.store, id).await })
    }

    pub(crate) fn ids(&self) -> &Ids {
        &self.0.ids
    }
}
