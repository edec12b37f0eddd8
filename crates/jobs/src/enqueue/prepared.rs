use crate::new_job::{RunAt, UniqueScope};
use crate::{Error, NewJob};
use seaworthy_store::{Rows, Timestamp};

/// A job that was looked at, ready to be written.
pub(crate) struct Prepared {
    pub(super) job: NewJob,
    payload: String,
    retry: Option<String>,
    metadata: Option<String>,
    tags: Option<String>,
}

impl Prepared {
    pub(crate) fn new(job: NewJob, max_payload: usize) -> Result<Self, Error> {
        let payload = job.validate(max_payload)?;
        let text = |value: &serde_json::Value| value.to_string();
        let retry = job.retry.as_ref().map(|retry| text(&serde_json::json!(retry)));
        let metadata = (!job.metadata.is_empty()).then(|| text(&serde_json::json!(job.metadata)));
        let tags = (!job.tags.is_empty()).then(|| text(&serde_json::json!(job.tags)));
        Ok(Self { job, payload, retry, metadata, tags })
    }

    /// Whether it has nothing that few jobs have.
    pub(super) fn is_plain(&self) -> bool {
        let job = &self.job;
        let free = job.unique.is_none() && job.concurrency.is_none() && job.depends_on.is_none();
        let bare = self.metadata.is_none() && self.tags.is_none() && self.retry.is_none();
        free && bare && job.timeout.is_none() && job.batch.is_none()
    }

    /// Roughly how much there is to write.
    pub(crate) fn bytes(&self) -> usize {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.payload.len() + length(&self.metadata) + length(&self.tags)
    }

    /// What must be unique: the kind is part of it.
    pub(super) fn slot(&self) -> Option<String> {
        self.job.unique.as_ref().map(|unique| slot(&self.job.kind, &unique.key))
    }

    pub(crate) const fn concurrency(&self) -> Option<&(String, u32)> {
        self.job.concurrency.as_ref()
    }

    pub(super) fn unique_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.job.unique.as_ref()?.scope {
            UniqueScope::WhileUnfinished => None,
            UniqueScope::For(period) => Some(now.plus(period)),
        }
    }

    fn run_at(&self, now: Timestamp) -> Timestamp {
        match self.job.run_at {
            RunAt::Now => now,
            RunAt::At(time) => time,
            RunAt::In(delay) => now.plus(delay),
        }
    }

    pub(super) fn state(&self, now: Timestamp) -> &'static str {
        if self.job.depends_on.is_some() {
            "pending"
        } else if self.run_at(now) > now {
            "scheduled"
        } else {
            "available"
        }
    }

    fn max_attempts(&self) -> i64 {
        let default = crate::Retry::default().max_attempts;
        i64::from(self.job.retry.as_ref().map_or(default, |retry| retry.max_attempts))
    }
}

/// What must be unique. Neither part can hold a control character, so no two pairs are written alike.
pub(crate) fn slot(kind: &str, key: &str) -> String {
    format!("{kind}\u{1f}{key}")
}

/// The columns that every job has.
pub(super) fn plain_rows(ids: &[i64], jobs: &[&Prepared], now: Timestamp) -> Rows {
    let text = |pick: fn(&Prepared) -> &str| jobs.iter().map(move |job| Some(pick(job).to_owned()));
    Rows::new()
        .ints("id", ids.iter().copied())
        .texts("queue", text(|p| &p.job.queue))
        .texts("kind", text(|p| &p.job.kind))
        .texts("state", jobs.iter().map(|p| Some(p.state(now).to_owned())))
        .ints("priority", jobs.iter().map(|p| i64::from(p.job.priority)))
        .ints("run_at", jobs.iter().map(|p| p.run_at(now).as_micros()))
        .texts("payload", text(|p| &p.payload))
        .ints("max_attempts", jobs.iter().map(|p| p.max_attempts()))
        .texts("traceparent", jobs.iter().map(|p| p.job.trace.map(|trace| trace.to_string())))
}

/// And those that few have.
pub(crate) fn full_rows(ids: &[i64], jobs: &[&Prepared], now: Timestamp) -> Rows {
    let micros = |duration: std::time::Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    let depends = |p: &&Prepared| p.job.depends_on.clone();
    plain_rows(ids, jobs, now)
        .ints("held", jobs.iter().map(|p| i64::from(p.job.concurrency.is_some())))
        .ints("timeout_us", jobs.iter().map(|p| p.job.timeout.map(micros)))
        .texts("retry", jobs.iter().map(|p| p.retry.clone()))
        .texts("unique_key", jobs.iter().map(|p| p.job.unique.as_ref().map(|unique| unique.key.clone())))
        .texts("unique_slot", jobs.iter().map(|p| p.slot()))
        .ints("unique_until", jobs.iter().map(|p| p.unique_until(now).map(Timestamp::as_micros)))
        .texts("concurrency_key", jobs.iter().map(|p| p.job.concurrency.as_ref().map(|(key, _)| key.clone())))
        .texts("depends_mode", jobs.iter().map(|p| depends(p).map(|on| on.mode.as_str().to_owned())))
        .ints("depends_delay_us", jobs.iter().map(|p| depends(p).map(|on| micros(on.delay))))
        .ints(
            "depends_until",
            jobs.iter()
                .map(|p| depends(p).and_then(|on| on.timeout).map(|timeout| now.plus(timeout).as_micros())),
        )
        .ints("batch_id", jobs.iter().map(|p| p.job.batch))
        .texts("metadata", jobs.iter().map(|p| p.metadata.clone()))
        .texts("tags", jobs.iter().map(|p| p.tags.clone()))
}
