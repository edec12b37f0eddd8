use super::reconcile::{self, Reconciled};
use super::{Definition, Event, Run, Schedule, Status, Triggered, changes, execute, runs};
use crate::{Error, Jobs};
use futures_util::future::BoxFuture;
use seaworthy_store::{Query, Timestamp};

/// The most schedules on one page.
const LARGEST_PAGE: usize = 1_000;

/// The door to all schedules of a database. Clones share it.
#[derive(Debug, Clone)]
pub struct Schedules {
    jobs: Jobs,
}

/// Which schedules to list. Empty: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScheduleFilter {
    /// With this status.
    pub status: Option<Status>,
    /// After this name: the last of the page before.
    pub after: Option<String>,
}

impl Schedules {
    /// The schedules of the database that these jobs are in.
    pub const fn new(jobs: Jobs) -> Self {
        Self { jobs }
    }

    /// The jobs.
    pub const fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// A page of at most `most` (and 1,000) schedules, by name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn list<'a>(
        &'a self,
        filter: &'a ScheduleFilter,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<Schedule>, Error>> {
        Box::pin(async move {
            let most = i64::try_from(most.min(LARGEST_PAGE)).unwrap_or(1);
            let query = Query::new(
                "SELECT * FROM schedules WHERE name > $1 AND (status = $2 OR $2 = '') ORDER BY name LIMIT $3",
            );
            let query = query.bind(filter.after.as_deref().unwrap_or_default());
            let query = query.bind(filter.status.map_or("", Status::as_str)).bind(most);
            self.jobs.store().fetch_all(query).await?.iter().map(Schedule::read).collect()
        })
    }

    /// A schedule as it stands.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Schedule, Error>> {
        Box::pin(async move {
            let query = Query::new("SELECT * FROM schedules WHERE name = $1").bind(name);
            let row = self.jobs.store().fetch_optional(query).await?;
            Schedule::read(&row.ok_or_else(|| changes::missing(name))?)
        })
    }

    /// Makes a schedule; it runs from now on. Where there is one with this name and the same definition, nothing
    /// happens and that one is given.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Refused`] where another one has the name; [`Error::Store`].
    pub fn create<'a>(&'a self, definition: Definition) -> BoxFuture<'a, Result<Schedule, Error>> {
        Box::pin(async move {
            definition.validate(self.jobs.settings())?;
            self.jobs
                .store()
                .write(move |tx| Box::pin(async move { changes::create(tx, definition).await }))
                .await
        })
    }

    /// Makes a schedule something else. What it has run so far stays; its next tick is found anew where its trigger,
    /// start or end changed. `version`, where given, must be the one it has.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`], [`Error::Refused`] for another version; [`Error::Store`].
    pub fn change<'a>(
        &'a self,
        definition: Definition,
        version: Option<i64>,
    ) -> BoxFuture<'a, Result<Schedule, Error>> {
        Box::pin(async move {
            definition.validate(self.jobs.settings())?;
            let write = self.jobs.store().write(move |tx| {
                Box::pin(async move { changes::change(tx, definition, version, None).await })
            });
            write.await
        })
    }

    /// Removes a schedule and its history. Jobs that were made of it stay.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] where others wait for its runs; [`Error::Store`].
    pub fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let name = name.to_owned();
            self.jobs.store().write(move |tx| Box::pin(async move { changes::remove(tx, &name).await })).await
        })
    }

    /// No more ticks are fired until it is resumed; those in between are not made up for. Jobs under way go on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Refused`] where it is neither active nor paused, [`Error::Store`].
    pub fn pause<'a>(
        &'a self,
        name: &'a str,
        reason: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Schedule, Error>> {
        Box::pin(async move { self.switch(name, Status::Paused, reason).await })
    }

    /// It runs again, from its first tick after now on; its failures are forgotten.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Refused`] where it is expired, [`Error::Store`].
    pub fn resume<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Schedule, Error>> {
        Box::pin(async move { self.switch(name, Status::Active, None).await })
    }

    /// Switches it off: it cannot be run by hand either, until it is resumed.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub fn disable<'a>(
        &'a self,
        name: &'a str,
        reason: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Schedule, Error>> {
        Box::pin(async move { self.switch(name, Status::Disabled, reason).await })
    }

    async fn switch(&self, name: &str, to: Status, reason: Option<&str>) -> Result<Schedule, Error> {
        let (name, reason) = (name.to_owned(), reason.map(|text| crate::payload::clean(text, 1_024)));
        let write = self.jobs.store().write(move |tx| {
            Box::pin(async move { changes::switch(tx, &name, to, reason.as_deref()).await })
        });
        write.await
    }

    /// Runs it now, beside its ticks, active or paused. Its overlap policy holds.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] where it is disabled; [`Error::Store`].
    pub fn trigger<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Triggered, Error>> {
        Box::pin(async move {
            let (name, jobs) = (name.to_owned(), self.jobs.clone());
            let write = self
                .jobs
                .store()
                .write(move |tx| Box::pin(async move { execute::by_hand(tx, &jobs, &name).await }));
            write.await
        })
    }

    /// A page of at most `most` (and 1,000) of its runs, newest first; the next begins `before` the last one's tick.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn runs<'a>(
        &'a self,
        name: &'a str,
        before: Option<Timestamp>,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<Run>, Error>> {
        Box::pin(async move { runs::list(self.jobs.store(), name, before, most).await })
    }

    /// The last things that happened to it, newest first; at most 1,000.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn events<'a>(&'a self, name: &'a str, most: usize) -> BoxFuture<'a, Result<Vec<Event>, Error>> {
        Box::pin(async move { runs::events(self.jobs.store(), name, most).await })
    }

    /// Makes the schedules what the configuration says: see [`Reconciled`]. All of it happens, or nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a definition cannot be accepted or a name comes twice, [`Error::Store`].
    pub fn reconcile<'a>(&'a self, declared: Vec<Definition>) -> BoxFuture<'a, Result<Reconciled, Error>> {
        Box::pin(async move { self.reconcile_with(declared, true).await })
    }

    /// What [`reconcile`](Self::reconcile) would do; nothing is changed.
    ///
    /// # Errors
    /// As [`reconcile`](Self::reconcile).
    pub fn compare<'a>(&'a self, declared: Vec<Definition>) -> BoxFuture<'a, Result<Reconciled, Error>> {
        Box::pin(async move { self.reconcile_with(declared, false).await })
    }

    async fn reconcile_with(&self, declared: Vec<Definition>, apply: bool) -> Result<Reconciled, Error> {
        for definition in &declared {
            definition.validate(self.jobs.settings())?;
        }
        let write = self
            .jobs
            .store()
            .write(move |tx| Box::pin(async move { reconcile::run(tx, declared, apply).await }));
        write.await
    }
}
